/* The load generator: one thread, pre-encoded packets, publishers and subscribers in one process.
 *
 *   generator -shape one|in|pairs|wild|connects|idle -port N [-option VALUE]... (see `options`)
 *
 * Without -rate the loop is closed: a publisher sends while fewer than -window of its messages
 * are unacknowledged (QoS 1, 2) and fewer than -outstanding have not reached their subscribers.
 * So a broker always has input, never more than it can pass on, and what is measured is its highest
 * lossless rate. With -rate messages leave one at a time at fixed instants, each with the instant at
 * which it should have left, so that a stall of either side shows as latency. To be on time it never
 * sleeps, unless it is -relaxed: then it is late by up to a millisecond.
 *
 * Prints one JSON object: counts and CPU seconds of the processes -pids between the end of
 * -warm-seconds and -seconds later. Exit status 2 with a line on standard error is a failure.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "clocks.h"
#include "connections.h"
#include "options.h"
#include "wire.h"

enum { LONGEST_US = 2000000, STALL_S = 8, SILENCE_S = 3, DRAIN_S = 60, EVENTS = 512 };

static int64_t total_sent, total_received, total_acked, total_flooded, late;
static uint32_t *latency_us; /* how many messages took so many microseconds */
static int64_t latencies;

/* ── Publishing and receiving ────────────────────────────────────────────────────────────────── */

/* Lay out the PUBLISH that a publisher sends again and again; `digits_at` in a topic of "wild". */
static void prepare(Connection *link, const char *topic, int qos) {
    uint8_t *body = malloc(256 + (size_t)options.payload_bytes);
    int bytes = put_text(body, topic), digits_at = 4, id_at = bytes;
    link->qos = qos;
    if (qos) body[bytes++] = 0, body[bytes++] = 0;
    if (link->version == MQTT_5) body[bytes++] = 0;
    int payload_at = bytes;
    memset(body + bytes, 'x', (size_t)options.payload_bytes);
    bytes += options.payload_bytes;
    link->message = malloc((size_t)bytes + 5);
    link->message_bytes = put_packet(link->message, 0x30 | qos << 1, body, bytes);
    int head = link->message_bytes - bytes;
    link->id_at = head + id_at, link->payload_at = head + payload_at, link->digits_at = head + digits_at;
    free(body);
}

static void put_digits(uint8_t *out, int value) {
    for (int i = 5; i >= 0; i--, value /= 10) out[i] = (uint8_t)('0' + value % 10);
}

/* The n-th topic of "wild": two filters match each, and -topics 0 means that no topic comes twice. */
static void choose_topic(uint8_t *digits, int64_t n) {
    int thirds = options.filters / 3;
    if (options.topics) n %= options.topics;
    int64_t lap = n / thirds;
    put_digits(digits, (int)(n * 7919 % thirds) * 3);
    put_digits(digits + 7, (int)((n * 104729 + lap * 17) % thirds) * 3 + 1);
}

static void publish(Connection *link, int count, int64_t due_ns) {
    int is_wild = link->digits_at && !strcmp(options.shape, "wild");
    for (int i = 0; i < count; i++) {
        uint8_t *out = reserve(link, link->message_bytes);
        memcpy(out, link->message, (size_t)link->message_bytes);
        if (link->qos) {
            if (++link->packet_id == 0) link->packet_id = 1;
            out[link->id_at] = link->packet_id >> 8;
            out[link->id_at + 1] = link->packet_id & 255;
            link->in_flight++;
        }
        if (due_ns) memcpy(out + link->payload_at, &due_ns, sizeof due_ns);
        if (is_wild) choose_topic(out + link->digits_at, link->sent);
        link->sent++;
        total_sent++;
    }
    flush(link);
}

static void answer(Connection *link, int first_byte, const uint8_t *packet_id) {
    uint8_t packet[] = {(uint8_t)first_byte, 2, packet_id[0], packet_id[1]};
    memcpy(reserve(link, sizeof packet), packet, sizeof packet);
}

static void receive(Connection *link, const uint8_t *body, int qos) {
    const uint8_t *at = body + 2 + (body[0] << 8 | body[1]);
    link->received++;
    total_received++;
    if (qos) answer(link, qos == 1 ? PUBACK << 4 : PUBREC << 4, at), at += 2;
    if (!options.rate) return;
    if (link->version == MQTT_5) at += 1 + *at;
    int64_t due_ns;
    memcpy(&due_ns, at, sizeof due_ns);
    int64_t us = (now_ns() - due_ns) / 1000;
    latency_us[us < 0 ? 0 : us < LONGEST_US ? us : LONGEST_US - 1]++;
    latencies++;
}

static int take_packets(Connection *link) {
    int at = 0, length = 0, body;
    while ((body = packet_body(link->in + at, link->in_bytes - at, &length))) {
        uint8_t first = link->in[at], *start = link->in + at + body;
        switch (first >> 4) {
            case PUBLISH: receive(link, start, first >> 1 & 3); break;
            case PUBREC: answer(link, PUBREL << 4 | 2, start); break;
            case PUBREL: answer(link, PUBCOMP << 4, start); break;
            case PUBACK:
            case PUBCOMP: link->in_flight--, total_acked++; break;
            case DISCONNECT: errno = 0, fail("DISCONNECT with reason %d", length ? start[0] : 0);
        }
        at += body + length;
    }
    return at;
}

static void on_readable(Connection *link) {
    if (link->in_room - link->in_bytes < READ_BYTES / 4) {
        link->in_room += READ_BYTES;
        link->in = realloc(link->in, (size_t)link->in_room);
    }
    int got = (int)recv(link->fd, link->in + link->in_bytes, (size_t)(link->in_room - link->in_bytes), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) fail("the broker closed a connection");
    link->in_bytes += got;
    int taken = take_packets(link);
    memmove(link->in, link->in + taken, (size_t)(link->in_bytes - taken));
    link->in_bytes -= taken;
    if (link->out_bytes > link->out_at && !link->wants_write) flush(link);
}

static void poll_once(int timeout_ms) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        Connection *link = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) flush(link);
        if (events[i].events & ~(uint32_t)EPOLLOUT) on_readable(link);
    }
}

/* ── The shapes of traffic ───────────────────────────────────────────────────────────────────── */

typedef struct {
    Connection **publishers, **subscribers;
    int is_pairs, copies; /* copies: deliveries that each message makes */
} Crowd;

static int version_of(int number) { return options.mixed ? MQTT_3_1_1 + number / 3 % 2 : options.version; }
static int is_persistent(int number) { return options.persistent || (options.mixed && number % 10 == 1); }
static int qos_of(int number) { return options.mixed ? number % 3 : options.qos; }

static double subscribe_wild(Connection **subscribers) {
    static char filters[FILTERS_AT_ONCE][96];
    int64_t started_ns = now_ns();
    for (int s = 0; s < options.subscribers; s++) {
        int held = 0, half = options.subscribers / 2;
        for (int i = 0; i < options.filters; i++) {
            /* The two filters that match one topic belong to two subscribers. */
            int kind = i % 3, owner = i / 3 % half + (kind == 0 ? 0 : kind == 1 ? half : i / 3 / half % 2 * half);
            if (owner != s) continue;
            const char *form = kind == 0 ? "s/%06d/+/x" : kind == 1 ? "s/+/%06d/x" : "s/%06d/y/#";
            snprintf(filters[held++], sizeof filters[0], form, i);
            if (held == FILTERS_AT_ONCE) subscribe(subscribers[s], filters, held, options.qos), held = 0;
        }
        if (held) subscribe(subscribers[s], filters, held, options.qos);
    }
    return (double)(now_ns() - started_ns) / 1e9;
}

static void topic_for(char *out, size_t room, int number) {
    if (!strcmp(options.shape, "wild")) snprintf(out, room, "s/000000/000000/x");
    else if (!strcmp(options.shape, "one")) snprintf(out, room, "%s/one/t", options.tag);
    else snprintf(out, room, "%s/%s/%d/t", options.tag, options.shape, number);
}

static Crowd assemble(double *subscribed_s) {
    Crowd crowd = {.is_pairs = !strcmp(options.shape, "pairs"), .copies = options.subscribers};
    int is_wild = !strcmp(options.shape, "wild"), is_in = !strcmp(options.shape, "in");
    static char topic[1][96];
    if (crowd.is_pairs) options.subscribers = options.publishers, crowd.copies = 1;
    if (is_wild) crowd.copies = 2;
    crowd.publishers = calloc((size_t)options.publishers, sizeof *crowd.publishers);
    crowd.subscribers = calloc((size_t)options.subscribers, sizeof *crowd.subscribers);
    for (int i = 0; i < options.subscribers; i++) {
        crowd.subscribers[i] = open_connection("s", i, version_of(i), is_persistent(i));
        topic_for(topic[0], sizeof topic[0], i);
        if (is_in) snprintf(topic[0], sizeof topic[0], "%s/in/+/t", options.tag);
        if (!is_wild) subscribe(crowd.subscribers[i], topic, 1, qos_of(i));
    }
    if (is_wild) *subscribed_s = subscribe_wild(crowd.subscribers);
    for (int i = 0; i < options.publishers; i++) {
        crowd.publishers[i] = open_connection("p", i, version_of(i), 0);
        topic_for(topic[0], sizeof topic[0], i);
        prepare(crowd.publishers[i], topic[0], qos_of(i));
    }
    for (int i = 0; i < options.subscribers; i++) watch(crowd.subscribers[i]);
    for (int i = 0; i < options.publishers; i++) watch(crowd.publishers[i]);
    return crowd;
}

/* Publishers beside the measured ones, and a subscriber of theirs that never reads. */
static Connection **assemble_floods(void) {
    static char topic[1][96];
    Connection **floods = calloc((size_t)options.floods + 1, sizeof *floods);
    snprintf(topic[0], sizeof topic[0], "%s/flood/t", options.tag);
    if (options.deaf) subscribe(open_connection("deaf", 1, MQTT_3_1_1, 0), topic, 1, 0);
    for (int i = 0; i < options.floods; i++) {
        floods[i] = open_connection("flood", i, MQTT_3_1_1, 0);
        prepare(floods[i], topic[0], 0);
        watch(floods[i]);
    }
    return floods;
}

/* Each sends a batch: whenever its socket takes one, or -flood-rate messages a second. */
static void flood(Connection **floods, int64_t *due_ns, int64_t t) {
    if (options.flood_rate && t < *due_ns) return;
    if (options.flood_rate) *due_ns += NS * options.batch * options.floods / options.flood_rate;
    for (int i = 0; i < options.floods; i++) {
        if (floods[i]->out_bytes) continue;
        publish(floods[i], options.batch, 0);
        total_sent -= options.batch, total_flooded += options.batch;
    }
}

/* How many messages the windows let a publisher send now. */
static int room_for(const Crowd *crowd, int number) {
    Connection *link = crowd->publishers[number];
    if (link->out_bytes > link->out_at) return 0;
    int64_t under_way = crowd->is_pairs ? link->sent - crowd->subscribers[number]->received
                                        : total_sent - total_received / crowd->copies;
    int64_t room = options.outstanding - under_way;
    if (link->qos && options.window - link->in_flight < room) room = options.window - link->in_flight;
    if (room > options.batch) room = options.batch;
    /* Not a message for each acknowledgement, unless there is nothing under way. */
    int least = link->qos && options.window / 4 < options.batch ? options.window / 4 : options.batch;
    return room < least && (link->qos ? link->in_flight : under_way) ? 0 : (int)room;
}

static void publish_closed(const Crowd *crowd, int *turn) {
    int sends = 64 / options.batch > options.publishers ? 64 / options.batch : options.publishers;
    for (int budget = 64; sends > 0 && (crowd->is_pairs || budget > 0); sends--) {
        int room = room_for(crowd, *turn);
        if (room > 0) publish(crowd->publishers[*turn], room, 0), budget -= room;
        *turn = (*turn + 1) % options.publishers;
    }
}

static void publish_paced(const Crowd *crowd, int *turn, int64_t *due_ns, int64_t t) {
    for (; *due_ns <= t; *due_ns += NS / options.rate) {
        Connection *link = crowd->publishers[*turn];
        *turn = (*turn + 1) % options.publishers;
        if (link->out_bytes > link->out_at || (link->qos && link->in_flight >= options.window)) late++;
        else publish(link, 1, *due_ns);
    }
}

static double percentile(double share) {
    int64_t wanted = (int64_t)((double)latencies * share), seen = 0;
    for (int us = 0; us < LONGEST_US; us++)
        if ((seen += latency_us[us]) > wanted) return us;
    return LONGEST_US;
}

typedef struct { int64_t at_ns, sent, received, acked, flooded; double cpu[MAX_PIDS + 1]; } Mark;

static Mark mark(void) {
    Mark m = {now_ns(), total_sent, total_received, total_acked, total_flooded, {0}};
    for (int i = 0; i < pid_count; i++) m.cpu[i + 1] = cpu_s(pids[i]);
    m.cpu[0] = cpu_s(0);
    return m;
}

static void print_cpu(const Mark *from, const Mark *to) {
    printf("\"generator_cpu_s\": %.6f, \"cpu_s\": [", to->cpu[0] - from->cpu[0]);
    for (int i = 1; i <= pid_count; i++) printf("%s%.6f", i > 1 ? ", " : "", to->cpu[i] - from->cpu[i]);
    printf("]");
}

/* After the end: what is under way must still arrive, be it slowly. Answers how many never did. */
static int64_t drain(int copies) {
    int64_t seen = 0, begun_ns = now_ns(), progress_ns = begun_ns;
    while (total_received < total_sent * copies && now_ns() - begun_ns < DRAIN_S * NS) {
        poll_once(20);
        if (total_received != seen) seen = total_received, progress_ns = now_ns();
        else if (now_ns() - progress_ns > SILENCE_S * NS) break;
    }
    return total_sent * copies - total_received;
}

static void run_traffic(void) {
    double subscribed_s = 0;
    Crowd crowd = assemble(&subscribed_s);
    Connection **floods = assemble_floods();
    int turn = 0, measuring = 0;
    int64_t begun_ns = now_ns(), due_ns = begun_ns, flood_ns = begun_ns, progress_ns = begun_ns, seen = 0;
    int64_t warm_ns = begun_ns + (int64_t)(options.warm_seconds * 1e9), end_ns = warm_ns + (int64_t)(options.seconds * 1e9);
    Mark from = {0};
    for (int64_t t = begun_ns; t < end_ns; t = now_ns()) {
        if (!measuring && t >= warm_ns) {
            measuring = 1, from = mark(), latencies = late = 0;
            memset(latency_us, 0, LONGEST_US * sizeof *latency_us);
        }
        if (options.rate) publish_paced(&crowd, &turn, &due_ns, t);
        else publish_closed(&crowd, &turn);
        flood(floods, &flood_ns, t);
        poll_once(options.rate && !options.relaxed ? 0 : 1);
        if (total_received + total_acked != seen) seen = total_received + total_acked, progress_ns = t;
        else if (t - progress_ns > STALL_S * NS)
            errno = 0, fail("stalled: %lld sent, %lld received", (long long)total_sent, (long long)total_received);
    }
    Mark to = mark();
    double p50 = percentile(.5), p90 = percentile(.9), p99 = percentile(.99), p999 = percentile(.999);
    printf("{\"seconds\": %.6f, \"sent\": %lld, \"received\": %lld, \"acknowledged\": %lld, \"flooded\": %lld, \"late\": %lld, ",
           (double)(to.at_ns - from.at_ns) / 1e9, (long long)(to.sent - from.sent), (long long)(to.received - from.received),
           (long long)(to.acked - from.acked), (long long)(to.flooded - from.flooded), (long long)late);
    if (options.rate)
        printf("\"p50_us\": %.0f, \"p90_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f, ", p50, p90, p99, p999);
    if (subscribed_s > 0) printf("\"filters_per_s\": %.0f, ", options.filters / subscribed_s);
    print_cpu(&from, &to);
    printf(", \"lost\": %lld}\n", (long long)drain(crowd.copies));
}

/* ── Connecting ──────────────────────────────────────────────────────────────────────────────── */

static Connection *begin_connect(int64_t number) {
    Connection *link = calloc(1, sizeof *link);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = link};
    link->fd = open_socket((int)(number % 100000), 1);
    link->sent = number;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, link->fd, &event)) fail("epoll");
    return link;
}

/* One step of: connected, CONNECT, CONNACK, DISCONNECT, closed. Answers whether that was the last. */
static int go_on_connecting(Connection *link) {
    uint8_t packet[512];
    char client_id[96];
    if (!link->out_bytes) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
        snprintf(client_id, sizeof client_id, "%s-c-%lld", options.tag, (long long)link->sent);
        link->out_bytes = put_connect(packet, client_id, options.version, 0);
        write_all(link->fd, packet, link->out_bytes);
        epoll_ctl(poller, EPOLL_CTL_MOD, link->fd, &event);
        return 0;
    }
    int got = (int)recv(link->fd, packet, sizeof packet, 0);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got < 4 || packet[0] >> 4 != CONNACK || packet[3]) fail("no CONNACK that welcomes (%d bytes)", got);
    write_all(link->fd, (const uint8_t[]){DISCONNECT << 4, 0}, 2);
    close(link->fd);
    free(link);
    return 1;
}

static void run_connects(void) {
    struct epoll_event events[EVENTS];
    int64_t started = 0, open = 0, done = 0, warm_done = 0;
    int64_t warm_ns = now_ns() + (int64_t)(options.warm_seconds * 1e9), end_ns = warm_ns + (int64_t)(options.seconds * 1e9);
    Mark from = {0};
    for (int64_t t = now_ns(); t < end_ns; t = now_ns()) {
        if (!from.at_ns && t >= warm_ns) from = mark(), warm_done = done;
        for (; open < options.parallel; open++) begin_connect(started++);
        int count = epoll_wait(poller, events, EVENTS, 100);
        for (int i = 0; i < count; i++)
            if (go_on_connecting(events[i].data.ptr)) open--, done++;
    }
    Mark to = mark();
    printf("{\"seconds\": %.6f, \"connects\": %lld, ", (double)(to.at_ns - from.at_ns) / 1e9, (long long)(done - warm_done));
    print_cpu(&from, &to);
    printf("}\n");
}

static void run_idle(void) {
    static char filter[1][96];
    int64_t before = resident_bytes(pids[0]);
    for (int i = 0; i < options.connections; i++) {
        Connection *link = open_connection("idle", i, options.version, 0);
        snprintf(filter[0], sizeof filter[0], "%s/idle/%d/+", options.tag, i);
        subscribe(link, filter, 1, 0);
    }
    usleep(1500000); /* what the broker does a moment later belongs to the connections too */
    int64_t after = resident_bytes(pids[0]);
    printf("{\"connections\": %d, \"resident_before_bytes\": %lld, \"resident_after_bytes\": %lld}\n",
           options.connections, (long long)before, (long long)after);
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    read_options(count, words);
    latency_us = calloc(LONGEST_US, sizeof *latency_us);
    poller = epoll_create1(0);
    if (!strcmp(options.shape, "connects")) run_connects();
    else if (!strcmp(options.shape, "idle")) run_idle();
    else run_traffic();
    return 0;
}
