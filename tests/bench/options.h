/* What the command line asks of the load generator, and how it tells what went wrong. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum { MAX_PIDS = 8 };

static struct {
    const char *host, *shape, *tag, *pids;
    int port, publishers, subscribers, qos, payload_bytes, window, outstanding, batch, rate;
    int version, persistent, filters, topics, parallel, connections, mixed, floods, flood_rate, deaf, relaxed;
    double seconds, warm_seconds;
} options = {
    .host = "127.0.0.1", .shape = "one", .tag = "bench", .pids = "",
    .port = 1883, .publishers = 1, .subscribers = 1, .payload_bytes = 64, .window = 100,
    .outstanding = 800, .batch = 16, .version = MQTT_3_1_1, .filters = 100000, .parallel = 50,
    .connections = 9500, .seconds = 3, .warm_seconds = 1,
};
static int pids[MAX_PIDS], pid_count;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (%s)\n", errno ? strerror(errno) : "no system error");
    exit(2);
}

static void read_options(int count, char **words) {
    struct { const char *name; int *number; } numbers[] = {
        {"port", &options.port}, {"publishers", &options.publishers}, {"subscribers", &options.subscribers},
        {"qos", &options.qos}, {"payload-bytes", &options.payload_bytes}, {"window", &options.window},
        {"outstanding", &options.outstanding}, {"batch", &options.batch}, {"rate", &options.rate},
        {"version", &options.version}, {"persistent", &options.persistent}, {"filters", &options.filters},
        {"topics", &options.topics}, {"parallel", &options.parallel}, {"connections", &options.connections},
        {"mixed", &options.mixed}, {"floods", &options.floods},
        {"flood-rate", &options.flood_rate}, {"deaf", &options.deaf}, {"relaxed", &options.relaxed}};
    struct { const char *name; const char **text; } texts[] = {
        {"host", &options.host}, {"shape", &options.shape}, {"tag", &options.tag}, {"pids", &options.pids}};
    struct { const char *name; double *seconds; } times[] = {
        {"seconds", &options.seconds}, {"warm-seconds", &options.warm_seconds}};
    for (int i = 1; i < count; i += 2) {
        if (i + 1 == count) fail("no value for %s", words[i]);
        const char *name = words[i] + 1, *value = words[i + 1];
        int known = 0;
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            if (!strcmp(name, numbers[k].name)) *numbers[k].number = atoi(value), known = 1;
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            if (!strcmp(name, texts[k].name)) *texts[k].text = value, known = 1;
        for (size_t k = 0; k < sizeof times / sizeof *times; k++)
            if (!strcmp(name, times[k].name)) *times[k].seconds = atof(value), known = 1;
        if (!known) fail("unknown option %s", words[i]);
    }
    char *list = strdup(options.pids);
    for (char *pid = strtok(list, ","); pid && pid_count < MAX_PIDS; pid = strtok(NULL, ",")) pids[pid_count++] = atoi(pid);
    if (options.payload_bytes < 8) fail("a payload has 8 bytes or more: room for an instant");
    free(list);
}

#endif
