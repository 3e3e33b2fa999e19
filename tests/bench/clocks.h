/* Time that passes, and what processes use of CPU and memory. */
#ifndef CLOCKS_H
#define CLOCKS_H

#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

#define NS 1000000000LL

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS + now.tv_nsec;
}

/* CPU seconds of all threads of a process, to the nanosecond; of this process for 0. */
static double cpu_s(int pid) {
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;
    struct timespec used;
    if ((pid && clock_getcpuclockid(pid, &clock)) || clock_gettime(clock, &used)) fail("process %d is gone", pid);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static int64_t resident_bytes(int pid) {
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("process %d is gone", pid);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

#endif
