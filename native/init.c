/* PID 1 of containers that Berth makes: starts the daemon and, when asked to, the image's own command;
 * reaps whatever is orphaned (Node reaps only its own children); passes signals on.
 *
 *   init [--log FILE] [--restart] [--] [DAEMON-ARGV…] [-- COMMAND-ARGV…]
 *
 * Without either it holds the container up. Outside of a pid namespace of its own it is a subreaper,
 * and ends only its descendants. */
#include "helper.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS 2000          /* from TERM to KILL when everything has to end */
#define DAEMON_GRACE_MS 1000   /* for the daemon to write what it holds, when the command has ended */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 30000
#define STEADY_MS 60000 /* a daemon that lived this long starts again without delay */
#define SIGNAL_SHUTDOWN 37 /* SIGRTMIN+3 of the kernel: the stop signal of images with a service manager */

/* As in src/wire/launch-environment.ts. */
#define OWN_PREFIX "BERTHD_"
#define KEPT_PREFIX "BERTHD_KEPT_"

static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGNAL_SHUTDOWN};

struct init {
    char **daemon_argv, **command_argv; /* NULL = none */
    bool restart;
    int log;
    pid_t daemon, command; /* 0 = not running */
    int64_t daemon_started, restart_at;
    int64_t backoff_ms;
    bool ending; /* no restarts any more */
    int exit_status;
    int64_t end_at; /* when what is left is killed and this exits; 0 = not ending */
    bool end_with_daemon;
};

static int status_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

static _Noreturn void exec_child(char **argv) {
    signals_default_all();
    signals_set_mask(0);
    execvp(argv[0], argv);
    int error = errno;
    complain(argv[0], error);
    _exit(error == ENOENT ? 127 : 126);
}

static void start_daemon(struct init *s) {
    s->restart_at = 0;
    s->daemon_started = now_ms();
    pid_t pid = fork();
    if (pid == 0) {
        setsid(); /* Ctrl-C on the container's terminal isn't the daemon's */
        int null = open_null();
        if (null >= 0) dup2(null, 0);
        dup2(s->log, 1);
        dup2(s->log, 2);
        record_open_files_limit();
        exec_child(s->daemon_argv);
    }
    if (pid < 0) {
        complain("fork", errno);
        s->restart_at = now_ms() + BACKOFF_MAX_MS;
        return;
    }
    s->daemon = pid;
}

static bool starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

/* Whether the variable of this entry has another value kept for everybody but the daemon. */
static bool is_kept(const char *entry) {
    size_t bytes = strcspn(entry, "=") + 1;
    for (char **e = environ; *e != NULL; e++)
        if (starts_with(*e, KEPT_PREFIX) && strncmp(*e + strlen(KEPT_PREFIX), entry, bytes) == 0) return true;
    return false;
}

/* The container's own: what was moved out of the way of the daemon's Node comes back under its name, and
 * what is only between Berth and its daemon goes. */
static void restore_environment(void) {
    size_t count = 0;
    while (environ[count] != NULL) count++;
    void *memory = mmap(NULL, (count + 1) * sizeof *environ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    char **restored = memory, **out = restored;
    for (char **e = environ; *e != NULL; e++) {
        if (starts_with(*e, KEPT_PREFIX)) {
            *out++ = *e + strlen(KEPT_PREFIX);
        } else if (!starts_with(*e, OWN_PREFIX) && !is_kept(*e)) {
            *out++ = *e;
        }
    }
    environ = restored;
}

static bool start_command(struct init *s) {
    pid_t pid = fork();
    if (pid == 0) {
        /* In the foreground of the terminal, when there is one, as it would be without an init. The
         * mask still blocks SIGTTOU. */
        setpgid(0, 0);
        if (isatty(0)) tcsetpgrp(0, getpid());
        restore_environment();
        exec_child(s->command_argv);
    }
    if (pid < 0) complain("fork", errno);
    s->command = pid;
    return pid > 0;
}

static void signal_everything(int signal) {
    if (getpid() == 1) {
        kill(-1, signal);
        return;
    }
    struct tree_pass pass = {.root = getpid(), .signal = signal};
    tree_walk(&pass);
}

static void end_everything(struct init *s, int status) {
    if (s->ending) return;
    s->ending = true;
    s->exit_status = status;
    s->end_at = now_ms() + GRACE_MS;
    signal_everything(SIGTERM);
    signal_everything(SIGCONT);
}

static void command_ended(struct init *s, int status) {
    s->command = 0;
    if (s->ending && !s->end_with_daemon) return;
    s->ending = true;
    s->end_with_daemon = true;
    s->exit_status = status_code(status);
    s->end_at = now_ms() + (s->daemon > 0 ? DAEMON_GRACE_MS : 0);
    if (s->daemon > 0) kill(s->daemon, SIGTERM);
}

static void daemon_ended(struct init *s, int status) {
    s->daemon = 0;
    if (s->ending) {
        if (s->end_with_daemon) s->end_at = now_ms();
        return;
    }
    if (s->restart) {
        int64_t now = now_ms();
        if (now - s->daemon_started >= STEADY_MS) s->backoff_ms = BACKOFF_MIN_MS;
        s->restart_at = now + s->backoff_ms;
        s->backoff_ms = s->backoff_ms * 2 < BACKOFF_MAX_MS ? s->backoff_ms * 2 : BACKOFF_MAX_MS;
    } else if (s->command_argv == NULL) {
        end_everything(s, status_code(status));
    }
}

static bool reap(struct init *s) {
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (pid < 0 && errno == EINTR) continue;
        if (pid <= 0) return pid == 0;
        if (pid == s->command) command_ended(s, status);
        if (pid == s->daemon) daemon_ended(s, status);
    }
}

static void take_signal(struct init *s, int signal) {
    if (s->command > 0) {
        kill(s->command, signal);
    } else if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGNAL_SHUTDOWN) {
        end_everything(s, 128 + signal);
    } else if (s->daemon > 0 && signal != SIGWINCH) {
        kill(s->daemon, signal);
    }
}

static int wait_signal(uint64_t mask, int64_t until) {
    struct timespec timeout = {.tv_sec = 0};
    if (until != 0) {
        int64_t ms = until - now_ms();
        if (ms <= 0) return 0;
        timeout = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    }
    return (int)syscall(SYS_rt_sigtimedwait, &mask, NULL, until != 0 ? &timeout : NULL, sizeof mask);
}

static int run(struct init *s, uint64_t mask) {
    if (s->daemon_argv != NULL) start_daemon(s);
    if (s->command_argv != NULL && !start_command(s)) return 1;
    for (;;) {
        bool children = reap(s);
        /* Processes that `docker exec` started are nobody's children here: KILL reaches them all the same. */
        if (s->ending && (now_ms() >= s->end_at || !children)) {
            signal_everything(SIGKILL);
            reap(s);
            return s->exit_status;
        }
        if (s->restart_at != 0 && !s->ending && now_ms() >= s->restart_at) start_daemon(s);
        int signal = wait_signal(mask, s->ending ? s->end_at : s->restart_at);
        if (signal > 0 && signal != SIGCHLD) take_signal(s, signal);
    }
}

static bool parse(struct init *s, int argc, char **argv) {
    int i = 0;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--restart") == 0) {
            s->restart = true;
        } else if (strcmp(argv[i], "--log") == 0 && i + 1 < argc) {
            s->log = open(argv[++i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
            if (s->log < 0) {
                complain(argv[i], errno);
                s->log = 2;
            }
        } else if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        } else {
            return false;
        }
    }
    int daemon = i;
    while (i < argc && strcmp(argv[i], "--") != 0) i++;
    if (i > daemon) s->daemon_argv = argv + daemon;
    if (i < argc) {
        argv[i] = NULL;
        if (i + 1 < argc) s->command_argv = argv + i + 1;
    }
    return true;
}

int init_main(int argc, char **argv) {
    struct init s = {.log = 2, .backoff_ms = BACKOFF_MIN_MS};
    if (!parse(&s, argc, argv)) {
        complain("usage: berth-helper init [--log FILE] [--restart] [--] [DAEMON-ARGV…] [-- COMMAND-ARGV…]", 0);
        return 2;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    uint64_t mask = signals_mask_of(SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) mask |= signals_mask_of(forwarded[i]);
    signals_default_all();
    signals_set_mask(mask | signals_mask_of(SIGTTOU) | signals_mask_of(SIGTTIN));
    return run(&s, mask);
}
