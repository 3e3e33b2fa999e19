/* Connections to the broker: blocking until they are set up, then watched by epoll. */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "options.h"
#include "wire.h"

enum { READ_BYTES = 131072, FILTERS_AT_ONCE = 50 };

typedef struct {
    int fd, qos, version, in_flight, wants_write;
    uint16_t packet_id;
    uint8_t *in, *out;
    int in_bytes, in_room, out_bytes, out_at, out_room;
    int64_t sent, received;
    uint8_t *message; /* the PUBLISH of a publisher, as bytes */
    int message_bytes, id_at, payload_at, digits_at;
} Connection;

static int poller;

/* Each `number` leaves from one of 200 loopback addresses: more ports than one address has. */
static int open_socket(int number, int non_blocking) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | (non_blocking ? SOCK_NONBLOCK : 0), 0);
    if (fd < 0) fail("cannot open a socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(number % 200));
    to.sin_port = htons((uint16_t)options.port);
    inet_pton(AF_INET, options.host, &to.sin_addr);
    if (bind(fd, (void *)&from, sizeof from)) fail("cannot bind");
    if (connect(fd, (void *)&to, sizeof to) && errno != EINPROGRESS) fail("cannot connect to port %d", options.port);
    return fd;
}

static void write_all(int fd, const uint8_t *bytes, int count) {
    while (count > 0) {
        int written = (int)send(fd, bytes, (size_t)count, MSG_NOSIGNAL);
        if (written < 0 && errno != EINTR) fail("the broker closed a connection");
        if (written > 0) bytes += written, count -= written;
    }
}

static void read_all(int fd, uint8_t *bytes, int count) {
    while (count > 0) {
        int got = (int)read(fd, bytes, (size_t)count);
        if (got == 0 || (got < 0 && errno != EINTR)) fail("the broker closed a connection");
        if (got > 0) bytes += got, count -= got;
    }
}

/* Read packets until one of the wanted type; its body must fit `body`. */
static void await_packet(int fd, int wanted, uint8_t *body, int room) {
    for (int type = 0; type != wanted;) {
        uint8_t first, part;
        int length = 0, shift = 0;
        read_all(fd, &first, 1);
        do {
            read_all(fd, &part, 1);
            length |= (part & 127) << shift;
            shift += 7;
        } while (part & 128);
        if (length > room) fail("a packet of %d bytes where type %d was expected", length, wanted);
        read_all(fd, body, length);
        type = first >> 4;
    }
}

static Connection *open_connection(const char *role, int number, int version, int persistent) {
    Connection *link = calloc(1, sizeof *link);
    char client_id[96];
    uint8_t packet[512], answer[1024];
    snprintf(client_id, sizeof client_id, "%s-%s-%d", options.tag, role, number);
    link->fd = open_socket(number, 0);
    link->version = version;
    write_all(link->fd, packet, put_connect(packet, client_id, version, persistent));
    await_packet(link->fd, CONNACK, answer, sizeof answer);
    if (answer[1]) fail("CONNACK with reason %d", answer[1]);
    return link;
}

static void subscribe(Connection *link, char (*filters)[96], int count, int qos) {
    static uint8_t body[FILTERS_AT_ONCE * 100], packet[sizeof body + 5], answer[READ_BYTES];
    int bytes = 2;
    body[0] = 0, body[1] = 1;
    if (link->version == MQTT_5) body[bytes++] = 0;
    for (int i = 0; i < count; i++) {
        bytes += put_text(body + bytes, filters[i]);
        body[bytes++] = (uint8_t)qos;
    }
    write_all(link->fd, packet, put_packet(packet, 0x82, body, bytes));
    await_packet(link->fd, SUBACK, answer, sizeof answer);
    int granted = answer[link->version == MQTT_5 ? 3 + answer[2] : 2];
    if (granted & 0x80) fail("SUBACK refuses %s with %d", filters[0], granted);
}

static void watch(Connection *link) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    fcntl(link->fd, F_SETFL, fcntl(link->fd, F_GETFL) | O_NONBLOCK);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, link->fd, &event)) fail("epoll");
}

static void want_write(Connection *link, int wanted) {
    if (link->wants_write == wanted) return;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = link};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, link->fd, &event)) fail("epoll");
    link->wants_write = wanted;
}

static void flush(Connection *link) {
    while (link->out_at < link->out_bytes) {
        int sent = (int)send(link->fd, link->out + link->out_at, (size_t)(link->out_bytes - link->out_at), MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) return want_write(link, 1);
        if (sent < 0) fail("the broker closed a connection");
        link->out_at += sent;
    }
    link->out_at = link->out_bytes = 0;
    want_write(link, 0);
}

static uint8_t *reserve(Connection *link, int bytes) {
    if (link->out_bytes + bytes > link->out_room) {
        link->out_room = (link->out_bytes + bytes) * 2 + 4096;
        link->out = realloc(link->out, (size_t)link->out_room);
    }
    link->out_bytes += bytes;
    return link->out + link->out_bytes - bytes;
}

#endif
