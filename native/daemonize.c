/* Starts a program that outlives its starter: no session, terminal, stdin or descriptor in common. With a
 * lock it is the only one: the lock is an open descriptor that it inherits, so it ends when the program does. */
#include "helper.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NOT_STARTED 127

#define EXIT_LOCKED 75

struct report {
    pid_t pid;
    int error;
};

struct daemon {
    const char *log_path, *lock_path;
    char **argv;
    int log, lock, report; /* all above 2; lock: -1 without one */
};

static _Noreturn void run(const struct daemon *d) {
    struct report report = {.pid = getpid()};
    int null = open_null();
    if (null < 0 || dup2(null, 0) < 0 || dup2(d->log, 1) < 0 || dup2(d->log, 2) < 0) {
        report.error = errno;
    } else {
        if (!write_all(d->report, &report, sizeof report)) _exit(EXIT_NOT_STARTED);
        /* Left open are the lock, for the daemon's life, and the report channel, which execve closes: that
         * is the sign of success. */
        int low = d->lock < d->report && d->lock >= 0 ? d->lock : d->report;
        int high = d->lock > d->report ? d->lock : d->report;
        close_between(3, (unsigned)low - 1);
        close_between((unsigned)low + 1, (unsigned)high - 1);
        close_from((unsigned)high + 1);
        if (d->lock >= 0) fcntl(d->lock, F_SETFD, 0);
        signals_default_all();
        signals_set_mask(0);
        record_open_files_limit();
        execvp(d->argv[0], d->argv);
        report.error = errno;
    }
    write_all(d->report, &report, sizeof report);
    _exit(EXIT_NOT_STARTED);
}

static bool parse(struct daemon *d, int argc, char **argv) {
    int i = 0;
    for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
        if (strcmp(argv[i], "--log") == 0) {
            d->log_path = argv[i + 1];
        } else if (strcmp(argv[i], "--lock") == 0) {
            d->lock_path = argv[i + 1];
        } else {
            return false;
        }
    }
    d->argv = argv + i + 1;
    return d->log_path != NULL && i + 1 < argc && strcmp(argv[i], "--") == 0;
}

/* Above the lowest three, which run() sets up. */
static int above_stdio(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return moved;
}

/* 0, or the exit status. */
static int open_files(struct daemon *d) {
    int flags = O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    d->lock = -1;
    if (d->lock_path != NULL) {
        d->lock = above_stdio(open(d->lock_path, flags | O_RDWR, 0600));
        if (d->lock < 0 || flock(d->lock, LOCK_EX | LOCK_NB) != 0) {
            int error = errno;
            bool held = d->lock >= 0 && error == EWOULDBLOCK;
            if (held) complain("the lock is held by a running process", 0);
            if (!held) complain(d->lock_path, error);
            return held ? EXIT_LOCKED : EXIT_NOT_STARTED;
        }
    }
    d->log = above_stdio(open(d->log_path, flags | O_WRONLY | O_APPEND, 0600));
    if (d->log >= 0) return 0;
    complain(d->log_path, errno);
    return EXIT_NOT_STARTED;
}

int daemonize_main(int argc, char **argv) {
    struct daemon d = {.lock = -1};
    if (!parse(&d, argc, argv)) {
        complain("usage: berth-helper daemonize [--lock FILE] --log FILE -- ARGV…", 0);
        return 2;
    }
    int status = open_files(&d);
    if (status != 0) return status;
    int channel[2];
    if (pipe2(channel, O_CLOEXEC) != 0) {
        complain("pipe", errno);
        return EXIT_NOT_STARTED;
    }
    d.report = above_stdio(channel[1]);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        pid_t grandchild = fork(); /* not a session leader, so it never gets a controlling terminal */
        if (grandchild == 0) run(&d);
        if (grandchild < 0) {
            struct report report = {.error = errno};
            write_all(d.report, &report, sizeof report);
        }
        _exit(0);
    }
    int fork_error = errno;
    close(d.report);
    if (child < 0) {
        complain("fork", fork_error);
        return EXIT_NOT_STARTED;
    }
    struct report report, last = {.pid = 0, .error = EIO};
    ssize_t n;
    while ((n = read(channel[0], &report, sizeof report)) == (ssize_t)sizeof report || (n < 0 && errno == EINTR))
        if (n > 0) last = report;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    if (last.error != 0) {
        complain(d.argv[0], last.error);
        return EXIT_NOT_STARTED;
    }
    char line[32];
    int bytes = snprintf(line, sizeof line, "%d\n", (int)last.pid);
    return write_all(1, line, (size_t)bytes) ? 0 : 1;
}
