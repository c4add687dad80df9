/* A bridge between stdin/stdout and a unix socket: what `docker exec` and `ssh` carry to berthd.
 * One thread a direction with blocking calls: each keeps its own backpressure, and neither has to make
 * a descriptor non-blocking that others share. */
#include "helper.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define COPY_BYTES (256 * 1024)
#define PIPE_BYTES (1024 * 1024)
#define SOCKET_BUFFER_BYTES (1024 * 1024)
#define EXIT_CANNOT_CONNECT 3

/* Until EOF (true) or an error of either side (false). */
static bool copy(int from, int to) {
    void *memory = mmap(NULL, COPY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    for (;;) {
        ssize_t n = read(from, memory, COPY_BYTES);
        if (n == 0) return true;
        if (n < 0 && errno == EAGAIN) {
            wait_readable(from);
        } else if (n < 0 && errno != EINTR) {
            return false;
        } else if (n > 0 && !write_all(to, memory, (size_t)n)) {
            return false;
        }
    }
}

static void *upwards(void *argument) {
    int sock = *(int *)argument;
    copy(0, sock);
    shutdown(sock, SHUT_WR);
    return NULL;
}

static void enlarge(int fd) {
    struct stat s;
    if (fstat(fd, &s) == 0 && S_ISFIFO(s.st_mode)) fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
}

static int cannot(const char *path, const char *why) {
    fprintf(stderr, "berth-helper: %s: %s\n", path, why);
    return EXIT_CANNOT_CONNECT;
}

int dial_main(int argc, char **argv) {
    if (argc != 1) {
        complain("usage: berth-helper dial SOCKET", 0);
        return 2;
    }
    const char *path = argv[0];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file;
    /* A link could lead to a socket that isn't berthd's, the engine's own for one. Held open, so that
     * what is connected to is what was looked at (and the path may be longer than an address). */
    int held = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (held < 0 || fstat(held, &file) != 0) return cannot(path, strerror(errno));
    if (!S_ISSOCK(file.st_mode)) return cannot(path, "not a socket");
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", held);
    if (access(address.sun_path, F_OK) != 0) { /* no /proc here */
        if (strlen(path) >= sizeof address.sun_path) return cannot(path, strerror(ENAMETOOLONG));
        strcpy(address.sun_path, path);
    }
    signal(SIGPIPE, SIG_IGN);
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0) return cannot(path, strerror(errno));
    int bytes = SOCKET_BUFFER_BYTES;
    setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    while (connect(sock, (struct sockaddr *)&address, sizeof address) != 0)
        if (errno != EINTR) return cannot(path, strerror(errno));
    enlarge(0);
    enlarge(1);

    pthread_t thread;
    int error = pthread_create(&thread, NULL, upwards, &sock);
    if (error != 0) return cannot(path, strerror(error));
    if (!copy(sock, 1)) return 0;
    /* The other side has ended its half. When it has closed both, or takes nothing more, this is over. */
    close(1);
    struct pollfd wait = {.fd = sock, .events = 0};
    while (poll(&wait, 1, -1) < 0 && errno == EINTR) {}
    return 0;
}
