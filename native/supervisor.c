/* The supervisor: one process between the spawner and a command. It is the subreaper of everything the
 * command starts, so that the tree is known, is ended when asked for, and doesn't outlive berthd. */
#include "helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORPHANED_LIMIT_MS 10000 /* for ending a tree whose daemon is gone; what resists longer can't be ended */
#define GROUP_KILL_WAIT_MS 2    /* what a killed group gets to die before /proc is searched */
#define SEARCH_WAIT_MAX_MS 50
#define HUNG_UP_CHECK_MS 500
#define STDOUT_PIPE_BYTES (256 * 1024)
#define DRAIN_MAX_BYTES (256u * 1024) /* more than a pty holds: what comes later was written after the exit */

struct supervisor {
    uint32_t id;
    int requests;  /* to the spawner; EOF: berthd or the spawner is gone */
    int handed[3]; /* berthd's ends of the pipes, until it has opened them: stdin, stdout, stderr */
    pid_t command;
    struct relay relay;

    bool opened, orphaned;
    bool exited, exit_told, empty;
    int status;
    struct rusage usage;
    uint64_t relayed_at_exit;

    bool killing;
    unsigned kill_answers; /* KILL_TREE requests to be answered */
    unsigned kill_step;
    int64_t kill_deadline, kill_next;
    struct events events;
};

static void reap(struct supervisor *s) {
    while (!s->empty) {
        int status;
        struct rusage usage;
        pid_t pid = wait4(-1, &status, WNOHANG | __WALL, &usage);
        if (pid == s->command) {
            s->exited = true;
            s->status = status;
            s->usage = usage;
            s->relayed_at_exit = s->relay.relayed;
        } else if (pid == 0) {
            return;
        } else if (pid < 0 && errno != EINTR) {
            s->empty = true;
        }
    }
}

static uint64_t microseconds(struct timeval t) { return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec; }

/* With a tty the exit is told behind the output that was there when it happened. */
static bool output_is_relayed(const struct supervisor *s) {
    const struct relay *r = &s->relay;
    return r->master < 0 || r->empty || r->relayed - s->relayed_at_exit > DRAIN_MAX_BYTES;
}

static void tell_exit(struct supervisor *s) {
    if (!s->exited || s->exit_told || !output_is_relayed(s)) return;
    event_begin(&s->events, EVENT_EXITED, s->id, 28);
    put_u32(&s->events, (uint32_t)s->status);
    put_u64(&s->events, microseconds(s->usage.ru_utime));
    put_u64(&s->events, microseconds(s->usage.ru_stime));
    put_u64(&s->events, (uint64_t)s->usage.ru_maxrss);
    s->exit_told = true;
}

static void tell_signalled(struct supervisor *s, int error) {
    event_begin(&s->events, EVENT_SIGNALLED, s->id, 4);
    put_u32(&s->events, (uint32_t)error);
}

static void tell_killed(struct supervisor *s, uint32_t left) {
    s->killing = false;
    for (; s->kill_answers > 0; s->kill_answers--) {
        event_begin(&s->events, EVENT_KILLED, s->id, 4);
        put_u32(&s->events, left);
    }
}

/* The command's group: its number is the command's pid, which is its own while the command isn't
 * reaped, and afterwards only while the group has members. */
static int signal_group(struct supervisor *s, int signal) {
    int error = 0;
    if (!s->exited) return kill(-s->command, signal) == 0 ? 0 : errno;
    if (group_signal_if_child_in_it(s->command, signal, &error)) return error;
    struct tree_pass pass = {.root = getpid(), .signal = signal, .only_group = s->command};
    tree_walk(&pass);
    if (pass.living == 0) return ESRCH;
    return pass.signalled > 0 ? 0 : EPERM;
}

static void begin_kill(struct supervisor *s, uint32_t limit_ms) {
    int64_t deadline = now_ms() + limit_ms;
    if (!s->killing || deadline > s->kill_deadline) s->kill_deadline = deadline;
    if (!s->killing) {
        s->killing = true;
        s->kill_step = 0;
        s->kill_next = 0;
    }
}

static void continue_kill(struct supervisor *s) {
    if (!s->killing) return;
    if (s->empty) {
        tell_killed(s, 0);
        return;
    }
    int64_t now = now_ms();
    bool over = now >= s->kill_deadline && s->kill_step > 1;
    if (!over && now < s->kill_next) return;
    if (s->kill_step == 0) {
        if (!s->exited) {
            kill(-s->command, SIGKILL);
        } else {
            group_signal_if_child_in_it(s->command, SIGKILL, NULL);
        }
        s->kill_next = now + GROUP_KILL_WAIT_MS;
        s->kill_step = 1;
        return;
    }
    struct tree_pass pass = {.root = getpid(), .signal = SIGKILL};
    tree_walk(&pass);
    if (!pass.readable) signal_group(s, SIGKILL);
    s->kill_step++;
    reap(s);
    if (s->empty) {
        tell_killed(s, 0);
    } else if (over) {
        pass.signal = 0;
        tree_walk(&pass);
        tell_killed(s, pass.living > 0 ? pass.living : 1);
    } else {
        /* The dying wake this up by SIGCHLD; the pause is for those that escaped the look or resist. */
        int64_t pause = s->kill_step < 12 ? 1 << (s->kill_step / 2) : SEARCH_WAIT_MAX_MS;
        s->kill_next = now_ms() + pause;
    }
}

static void hand_over(struct supervisor *s) {
    s->opened = true;
    for (int i = 0; i < 3; i++) {
        if (s->handed[i] >= 0) close(s->handed[i]);
        s->handed[i] = -1;
    }
}

static void take_request(struct supervisor *s, const uint8_t *frame, size_t bytes) {
    struct cursor c = {.at = frame, .end = frame + bytes};
    uint8_t type = get_u8(&c);
    switch (type) {
    case REQUEST_OPENED:
        hand_over(s);
        break;
    case REQUEST_SIGNAL: {
        uint8_t signal = get_u8(&c), scope = get_u8(&c);
        tell_signalled(s, c.bad || scope != 0 || signal < 1 || signal > 64 ? EINVAL : signal_group(s, signal));
        break;
    }
    case REQUEST_KILL_TREE:
        s->kill_answers++;
        begin_kill(s, get_u32(&c));
        break;
    case REQUEST_RESIZE: {
        uint16_t rows = get_u16(&c), columns = get_u16(&c);
        if (!c.bad && s->relay.master >= 0) terminal_resize(s->relay.master, rows, columns);
        break;
    }
    default:
        complain("a supervisor got a request that it does not know", 0);
    }
}

static void take_requests(struct supervisor *s) {
    uint8_t frame[64];
    for (;;) {
        ssize_t n = recv(s->requests, frame, sizeof frame, MSG_DONTWAIT);
        if (n > 0) {
            take_request(s, frame, (size_t)n);
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            close(s->requests);
            s->requests = -1;
            s->orphaned = true;
            hand_over(s);
            begin_kill(s, ORPHANED_LIMIT_MS);
            return;
        }
    }
}

static bool finished(const struct supervisor *s) {
    if (s->orphaned) return s->empty || !s->killing;
    return s->empty && s->exit_told && s->opened && s->relay.master < 0;
}

static int wait_ms(const struct supervisor *s) {
    if (s->killing) {
        int64_t pause = s->kill_next - now_ms();
        return pause > 0 ? (int)pause : 0;
    }
    /* No slave is open, but the command lives: it may open its terminal again. */
    if (relay_has_ended(&s->relay)) return HUNG_UP_CHECK_MS;
    return -1;
}

static void wait_for_something(struct supervisor *s) {
    struct pollfd fds[4];
    nfds_t count = 0;
    if (s->requests >= 0) fds[count++] = (struct pollfd){.fd = s->requests, .events = POLLIN};
    if (!s->orphaned) count += (nfds_t)relay_poll_set(&s->relay, fds + count);
    int ms = wait_ms(s);
    struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    sigset_t none; /* SIGCHLD comes in here and nowhere else */
    sigemptyset(&none);
    ppoll(fds, count, ms < 0 ? NULL : &timeout, &none);
}

static _Noreturn void supervise_loop(struct supervisor *s) {
    for (;;) {
        reap(s);
        if (!s->orphaned) relay_step(&s->relay);
        if (s->exited && relay_has_ended(&s->relay)) relay_close(&s->relay);
        tell_exit(s);
        if (s->requests >= 0) take_requests(s);
        continue_kill(s);
        /* What was reaped there may have printed since the last look. */
        if (s->exited && !s->exit_told && !s->orphaned) relay_step(&s->relay);
        tell_exit(s);
        bool done = finished(s);
        if (done && s->exit_told && s->empty) event_begin(&s->events, EVENT_EMPTY, s->id, 0);
        events_flush(&s->events);
        if (done) _exit(0);
        wait_for_something(s);
    }
}

/* ---- the start ---- */

struct ends {
    int child[3];
    int close_after[4]; /* the child's ends, closed in the supervisor once it runs */
    size_t close_count;
};

static bool make_pipe(int *read_end, int *write_end) {
    int p[2];
    if (pipe2(p, O_CLOEXEC) != 0) return false;
    *read_end = p[0];
    *write_end = p[1];
    return true;
}

static bool open_terminal(struct supervisor *s, const struct spawn_request *r, struct ends *ends, struct command_failure *why) {
    int slave;
    if (!terminal_open(r, &s->relay.master, &slave)) {
        *why = (struct command_failure){.stage = STAGE_PTY, .error = errno};
        return false;
    }
    ends->child[0] = ends->child[1] = ends->child[2] = slave;
    ends->close_after[ends->close_count++] = slave;
    if (!make_pipe(&s->relay.input, &s->handed[0]) || !make_pipe(&s->handed[1], &s->relay.output)) {
        *why = (struct command_failure){.stage = STAGE_RESOURCES, .error = errno};
        return false;
    }
    fcntl(s->relay.input, F_SETFL, O_NONBLOCK);
    fcntl(s->relay.output, F_SETFL, O_NONBLOCK);
    return true;
}

/* Doubles the rate at which berthd can read. Not for many at once: beyond a limit that all processes of
 * an ordinary user share, new pipes get a single page or two. */
static void enlarge(int pipe) { fcntl(pipe, F_SETPIPE_SZ, STDOUT_PIPE_BYTES); }

static bool open_pipes(struct supervisor *s, const struct spawn_request *r, struct ends *ends, bool large) {
    ends->child[0] = NULL_FD;
    if ((r->flags & SPAWN_STDIN) != 0) {
        if (!make_pipe(&ends->child[0], &s->handed[0])) return false;
        ends->close_after[ends->close_count++] = ends->child[0];
    }
    if (!make_pipe(&s->handed[1], &ends->child[1])) return false;
    if (large) enlarge(s->handed[1]);
    ends->close_after[ends->close_count++] = ends->child[1];
    ends->child[2] = ends->child[1];
    if ((r->flags & SPAWN_MERGE) == 0) {
        if (!make_pipe(&s->handed[2], &ends->child[2])) return false;
        ends->close_after[ends->close_count++] = ends->child[2];
    }
    return true;
}

static void tell_started(struct supervisor *s) {
    struct process_stat stat = {.start = 0};
    process_stat_read(s->command, &stat);
    event_begin(&s->events, EVENT_STARTED, s->id, 32);
    put_u32(&s->events, (uint32_t)getpid());
    put_u32(&s->events, (uint32_t)s->command);
    put_u64(&s->events, stat.start);
    for (int i = 0; i < 3; i++) put_u32(&s->events, (uint32_t)s->handed[i]);
    put_u32(&s->events, (uint32_t)-1);
    events_flush(&s->events);
}

/* The command's user owns its pipes, so that it can open /dev/stdout and the like again. */
static void give_pipes(const struct spawn_request *r, const struct ends *ends) {
    if ((r->flags & SPAWN_USER) == 0) return;
    /* Where it fails (a user namespace without that uid) the pipes still work as they are. */
    for (size_t i = 0; i < ends->close_count; i++)
        if (fchown(ends->close_after[i], r->uid, r->gid) != 0) return;
}

static bool open_stdio(struct supervisor *s, const struct spawn_request *r, struct ends *ends, bool large, struct command_failure *why) {
    if ((r->flags & SPAWN_TTY) != 0) return open_terminal(s, r, ends, why);
    if (open_pipes(s, r, ends, large)) {
        give_pipes(r, ends);
        return true;
    }
    *why = (struct command_failure){.stage = STAGE_RESOURCES, .error = errno};
    return false;
}

static bool start_command(struct supervisor *s, const struct spawn_request *r, bool large, struct command_failure *why) {
    struct ends ends = {.close_count = 0};
    if (!open_stdio(s, r, &ends, large, why)) return false;
    struct command_stdio stdio = {.child = {ends.child[0], ends.child[1], ends.child[2]}, .terminal = (r->flags & SPAWN_TTY) != 0};
    s->command = command_start(r, &stdio, why);
    if (s->command < 0) return false;
    tell_started(s);
    for (size_t i = 0; i < ends.close_count; i++) close(ends.close_after[i]);
    return true;
}

_Noreturn void supervise(const struct supervisor_setting *setting, const uint8_t *frame, size_t bytes) {
    struct supervisor s = {.requests = setting->requests, .handed = {-1, -1, -1}, .relay = {.master = -1, .input = -1, .output = -1}};
    struct spawn_request request;
    struct command_failure why = {.stage = STAGE_RESOURCES, .error = EINVAL};
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    s.id = load_u32(frame + 1);
    if (!spawn_request_parse(&request, s.id, frame + 5, bytes - 5) || !start_command(&s, &request, setting->large_pipes, &why)) {
        event_failed(s.id, why.stage, why.error);
        _exit(0);
    }
    spawn_request_release(&request);
    munmap(setting->buffer, setting->buffer_bytes);
    command_release_memory();
    supervise_loop(&s);
}
