/* Descriptors: closing what must not be inherited, and their limit. */
#include "helper.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

int open_null(void) { return open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY); }

void close_between(unsigned first, unsigned last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
    /* Before Linux 5.9: one by one, up to the limit, which bounds every number in use
     * unless it was lowered since; nobody lowers it here. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1u << 20) limit.rlim_cur = 1u << 20;
    if (last >= limit.rlim_cur) last = (unsigned)limit.rlim_cur - 1;
    for (unsigned fd = first; fd <= last; fd++) close((int)fd);
}

void close_from(unsigned first) { close_between(first, ~0u); }

void record_open_files_limit(void) {
    struct rlimit limit;
    char text[24];
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit.rlim_cur);
    setenv("BERTHD_OPEN_FILES", text, 0);
}
