/* The spawner: takes berthd's requests from descriptor 3, forks a supervisor for each start (no exec:
 * the fork of a program this small is the cheapest process there is) and forwards the rest to them. A spare supervisor
 * forked ahead was tried: with two processors it competes with the command and wins nothing. */
#include "helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_BYTES (FRAME_MAX_LENGTH + 4)
#define BUFFER_KEPT_BYTES (64 * 1024)
#define FORWARDED_MAX_BYTES 64
#define LARGE_PIPES_MAX 64 /* of 256 KiB: a quarter of what the kernel allows an ordinary user by default */
#define SHUTDOWN_LIMIT_MS 12000 /* more than a supervisor takes to give up */
#define ORPHAN_CHECK_MS 20
#define ORPHAN_LOOKS 500 /* what ten seconds can't end, nothing here can */

struct supervisor_slot {
    uint32_t id;
    pid_t pid;
    int requests;
};

static struct supervisor_slot *slots;
static size_t slot_count, slot_capacity;
static uint8_t *buffer;
static size_t buffered;
/* A supervisor died: its tree is the spawner's to end. Looks left; two in a row that find nothing end it. */
static int orphan_looks;
static bool orphans_seen;

static struct supervisor_slot *slot_of(uint32_t id) {
    for (size_t i = 0; i < slot_count; i++)
        if (slots[i].id == id) return &slots[i];
    return NULL;
}

static bool slot_room(void) {
    if (slot_count < slot_capacity) return true;
    size_t capacity = slot_capacity == 0 ? 256 : slot_capacity * 2;
    void *more = slot_capacity == 0
                     ? mmap(NULL, capacity * sizeof *slots, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                     : mremap(slots, slot_capacity * sizeof *slots, capacity * sizeof *slots, MREMAP_MAYMOVE);
    if (more == MAP_FAILED) return false;
    slots = more;
    slot_capacity = capacity;
    return true;
}

static void start(uint32_t id, const uint8_t *frame, size_t bytes) {
    int pair[2];
    if (!slot_room() || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        event_failed(id, STAGE_RESOURCES, errno);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        /* Above /dev/null there are only supervisors' sockets. The spawner's end of any, its own too,
         * would hide the spawner's death from the supervisor at the other end. */
        close_between(NULL_FD + 1, (unsigned)pair[1] - 1);
        close_from((unsigned)pair[1] + 1);
        struct supervisor_setting setting = {.requests = pair[1],
                                             .buffer = buffer,
                                             .buffer_bytes = BUFFER_BYTES,
                                             .large_pipes = slot_count < LARGE_PIPES_MAX};
        supervise(&setting, frame, bytes);
    }
    int error = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        event_failed(id, STAGE_RESOURCES, error);
        return;
    }
    slots[slot_count++] = (struct supervisor_slot){.id = id, .pid = pid, .requests = pair[0]};
}

/* Without an answer when the supervisor is gone: EMPTY, FAILED and DIED settle what was still asked. */
static void forward(uint32_t id, uint8_t type, const uint8_t *payload, size_t bytes) {
    struct supervisor_slot *slot = slot_of(id);
    uint8_t frame[FORWARDED_MAX_BYTES];
    if (slot == NULL) return;
    frame[0] = type;
    memcpy(frame + 1, payload, bytes);
    if (send(slot->requests, frame, bytes + 1, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN) return;
    /* Hundreds of requests unread: the supervisor is stopped. Waiting for it would stop all others. */
    complain("a supervisor takes no requests", 0);
    struct events e = {.used = 0};
    if (type == REQUEST_SIGNAL || type == REQUEST_KILL_TREE) {
        event_begin(&e, type == REQUEST_SIGNAL ? EVENT_SIGNALLED : EVENT_KILLED, id, 4);
        put_u32(&e, type == REQUEST_SIGNAL ? EAGAIN : 1);
    }
    events_flush(&e);
}

/* False: what came is not the protocol, nothing after it can be trusted. */
static bool take_frame(const uint8_t *frame, size_t bytes) {
    uint8_t type = frame[0];
    uint32_t id = load_u32(frame + 1);
    const uint8_t *payload = frame + 5;
    bytes -= 5;
    switch (type) {
    case REQUEST_SPAWN:
        if (slot_of(id) != NULL) {
            complain("protocol error: the id of a start is in use", 0);
            return false;
        }
        start(id, frame, bytes + 5);
        return true;
    case REQUEST_OPENED:
    case REQUEST_SIGNAL:
    case REQUEST_KILL_TREE:
    case REQUEST_RESIZE:
        if (bytes > FORWARDED_MAX_BYTES - 1) break;
        forward(id, type, payload, bytes);
        return true;
    }
    complain("protocol error: unknown request", 0);
    return false;
}

static bool take_frames(void) {
    size_t at = 0;
    bool large = false;
    while (buffered - at >= 4) {
        uint32_t length = load_u32(buffer + at);
        if (length < 5 || length > FRAME_MAX_LENGTH) {
            complain("protocol error: bad frame length", 0);
            return false;
        }
        if (buffered - at - 4 < length) break;
        if (!take_frame(buffer + at + 4, length)) return false;
        at += 4 + (size_t)length;
        large = large || at > BUFFER_KEPT_BYTES;
    }
    if (at > 0) memmove(buffer, buffer + at, buffered - at);
    buffered -= at;
    if (large && buffered <= BUFFER_KEPT_BYTES)
        madvise(buffer + BUFFER_KEPT_BYTES, BUFFER_BYTES - BUFFER_KEPT_BYTES, MADV_DONTNEED);
    return true;
}

static void supervisor_ended(struct supervisor_slot *slot, int status) {
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        struct events e = {.used = 0};
        event_begin(&e, EVENT_DIED, slot->id, 4);
        put_u32(&e, (uint32_t)status);
        events_flush(&e);
        orphan_looks = ORPHAN_LOOKS;
        orphans_seen = true;
    }
    close(slot->requests);
    *slot = slots[--slot_count];
}

static void reap(void) {
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (pid < 0 && errno == EINTR) continue;
        if (pid <= 0) return;
        for (size_t i = 0; i < slot_count; i++) {
            if (slots[i].pid == pid) {
                supervisor_ended(&slots[i], status);
                break;
            }
        }
    }
}

/* Everything below the spawner that no living supervisor answers for. */
static void kill_orphans(void) {
    static pid_t supervisors[65536];
    size_t count = 0;
    for (size_t i = 0; i < slot_count && count < sizeof supervisors / sizeof *supervisors; i++) supervisors[count++] = slots[i].pid;
    struct tree_pass pass = {.root = getpid(), .signal = SIGKILL, .skip = supervisors, .skip_count = count};
    tree_walk(&pass);
    reap();
    orphan_looks--;
    if (pass.living == 0 && !orphans_seen) orphan_looks = 0;
    orphans_seen = pass.living > 0;
}

static void wait_for_something(int64_t timeout_ms, bool requests) {
    struct pollfd fd = {.fd = EVENT_CHANNEL, .events = POLLIN};
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
    sigset_t none;
    sigemptyset(&none);
    ppoll(&fd, requests ? 1 : 0, timeout_ms < 0 ? NULL : &timeout, &none);
}

/* True: go on. */
static bool take_requests(void) {
    ssize_t n = recv(EVENT_CHANNEL, buffer + buffered, BUFFER_BYTES - buffered, MSG_DONTWAIT);
    if (n > 0) {
        buffered += (size_t)n;
        return take_frames();
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n < 0 && errno != ECONNRESET) complain("reading requests", errno);
    return false;
}

/* The supervisors see their sockets close and end their trees. They are waited for because nobody
 * reaps them afterwards in a container whose PID 1 reaps nothing. */
static void shut_down(void) {
    int64_t deadline = now_ms() + SHUTDOWN_LIMIT_MS;
    for (size_t i = 0; i < slot_count; i++) {
        close(slots[i].requests);
        slots[i].requests = -1;
    }
    for (;;) {
        reap();
        if (orphan_looks > 0) kill_orphans();
        int64_t left = deadline - now_ms();
        if ((slot_count == 0 && orphan_looks <= 0) || left <= 0) return;
        wait_for_something(orphan_looks > 0 && left > ORPHAN_CHECK_MS ? ORPHAN_CHECK_MS : left, false);
    }
}

static bool set_up(void) {
    signals_set_mask(0);
    signals_default_all();
    signals_ignore_for_survival();
    if (fcntl(EVENT_CHANNEL, F_GETFD) < 0) {
        complain("spawn needs a socket as descriptor 3", errno);
        return false;
    }
    fcntl(EVENT_CHANNEL, F_SETFD, FD_CLOEXEC);
    close_from(NULL_FD + 1);
    int null = open_null();
    if (null < 0) null = 0; /* no /dev in this place: the spawner's own stdin, which is nothing either */
    /* 0 to 4 are taken from here on, without a hole: what is opened later lies above. */
    for (int fd = 0; fd < NULL_FD; fd++)
        if (fcntl(fd, F_GETFD) < 0) dup2(null, fd);
    if (null != NULL_FD && dup3(null, NULL_FD, O_CLOEXEC) < 0) {
        complain("dup3", errno);
        return false;
    }
    if (null > NULL_FD) close(null);
    struct rlimit limit; /* a socket a process; commands get the limit of their request */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    int bytes = 1024 * 1024;
    setsockopt(EVENT_CHANNEL, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (buffer == MAP_FAILED) {
        complain("memory", errno);
        return false;
    }
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    signals_catch_child();
    signals_set_mask(signals_mask_of(SIGCHLD));
    return true;
}

int spawner_main(void) {
    if (!set_up()) return 1;
    do {
        reap();
        if (orphan_looks > 0) kill_orphans();
        wait_for_something(orphan_looks > 0 ? ORPHAN_CHECK_MS : -1, true);
    } while (take_requests());
    shut_down();
    return 0;
}
