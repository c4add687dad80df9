/* Frames: `u32 length | u8 type | u32 id | payload`, little endian whatever the machine is. */
#include "helper.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const uint8_t *take(struct cursor *c, size_t bytes) {
    if (c->bad || (size_t)(c->end - c->at) < bytes) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += bytes;
    return p;
}

uint32_t load_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint8_t get_u8(struct cursor *c) {
    const uint8_t *p = take(c, 1);
    return p ? p[0] : 0;
}

uint16_t get_u16(struct cursor *c) {
    const uint8_t *p = take(c, 2);
    return p ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

uint32_t get_u32(struct cursor *c) {
    const uint8_t *p = take(c, 4);
    return p ? load_u32(p) : 0;
}

uint64_t get_u64(struct cursor *c) {
    const uint8_t *p = take(c, 8);
    return p ? (uint64_t)load_u32(p) | (uint64_t)load_u32(p + 4) << 32 : 0;
}

char *get_string(struct cursor *c) {
    if (c->bad) return NULL;
    const uint8_t *nul = memchr(c->at, 0, (size_t)(c->end - c->at));
    if (nul == NULL) {
        c->bad = true;
        return NULL;
    }
    char *s = (char *)c->at;
    c->at = nul + 1;
    return s;
}

void put_u8(struct events *e, uint8_t v) { e->bytes[e->used++] = v; }

void put_u32(struct events *e, uint32_t v) {
    for (int i = 0; i < 4; i++) put_u8(e, (uint8_t)(v >> (8 * i)));
}

void put_u64(struct events *e, uint64_t v) {
    put_u32(e, (uint32_t)v);
    put_u32(e, (uint32_t)(v >> 32));
}

void event_begin(struct events *e, uint8_t type, uint32_t id, uint32_t payload_bytes) {
    if (e->used + FRAME_HEADER_BYTES + payload_bytes > sizeof e->bytes) events_flush(e);
    put_u32(e, 5 + payload_bytes);
    put_u8(e, type);
    put_u32(e, id);
}

void wait_readable(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    poll(&wait, 1, -1);
}

bool write_all(int fd, const void *data, size_t bytes) {
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = write(fd, p, bytes);
        if (n >= 0) {
            p += n;
            bytes -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool events_flush(struct events *e) {
    bool ok = e->used == 0 || write_all(EVENT_CHANNEL, e->bytes, e->used);
    e->used = 0;
    return ok;
}

bool event_failed(uint32_t id, uint8_t stage, int error) {
    struct events e = {.used = 0};
    event_begin(&e, EVENT_FAILED, id, 5);
    put_u8(&e, stage);
    put_u32(&e, (uint32_t)error);
    return events_flush(&e);
}

void complain(const char *what, int error) {
    char line[512];
    int n = error != 0 ? snprintf(line, sizeof line, "berth-helper: %s: %s\n", what, strerror(error))
                       : snprintf(line, sizeof line, "berth-helper: %s\n", what);
    if (n > (int)sizeof line - 1) n = (int)sizeof line - 1;
    write_all(2, line, (size_t)n);
}

int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
