/* Starts a program that outlives its starter: no session, terminal, stdin or descriptor in common. */
#include "helper.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NOT_STARTED 127

struct report {
    pid_t pid;
    int error;
};

static _Noreturn void run(char **argv, int log, int report_fd) {
    struct report report = {.pid = getpid()};
    int null = open_null();
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) {
        report.error = errno;
    } else {
        if (!write_all(report_fd, &report, sizeof report)) _exit(EXIT_NOT_STARTED);
        /* Only the report channel is left open, until execve closes it, which is the sign of success. */
        close_between(3, (unsigned)report_fd - 1);
        close_from((unsigned)report_fd + 1);
        signals_default_all();
        signals_set_mask(0);
        execvp(argv[0], argv);
        report.error = errno;
    }
    write_all(report_fd, &report, sizeof report);
    _exit(EXIT_NOT_STARTED);
}

int daemonize_main(int argc, char **argv) {
    if (argc < 4 || strcmp(argv[0], "--log") != 0 || strcmp(argv[2], "--") != 0) {
        complain("usage: berth-helper daemonize --log FILE -- ARGV…", 0);
        return 2;
    }
    int log = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (log < 0) {
        complain(argv[1], errno);
        return EXIT_NOT_STARTED;
    }
    int channel[2];
    if (pipe2(channel, O_CLOEXEC) != 0) {
        complain("pipe", errno);
        return EXIT_NOT_STARTED;
    }
    /* The lowest three must not be taken by these two, or run() would overwrite them. */
    int report_fd = fcntl(channel[1], F_DUPFD_CLOEXEC, 3), log_fd = fcntl(log, F_DUPFD_CLOEXEC, 3);
    close(channel[1]);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        pid_t grandchild = fork(); /* not a session leader, so it never gets a controlling terminal */
        if (grandchild == 0) run(argv + 3, log_fd, report_fd);
        if (grandchild < 0) {
            struct report report = {.error = errno};
            write_all(report_fd, &report, sizeof report);
        }
        _exit(0);
    }
    int fork_error = errno;
    close(report_fd);
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
        complain(argv[3], last.error);
        return EXIT_NOT_STARTED;
    }
    char line[32];
    int bytes = snprintf(line, sizeof line, "%d\n", (int)last.pid);
    return write_all(1, line, (size_t)bytes) ? 0 : 1;
}
