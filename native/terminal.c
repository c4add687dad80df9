/* The pseudo-terminal of a command and its relay.
 *
 * A pty master can't be opened through /proc/<pid>/fd (that allocates another pty), so the supervisor
 * holds it and copies between it and two pipes, which berthd opens like those of any other command.
 * Backpressure goes through: a full output pipe stops the reading of the master, and with it the command. */
#include "helper.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#ifndef IUTF8
#define IUTF8 0040000
#endif

static char in_buffer[16 * 1024], out_buffer[64 * 1024];

static int open_slave(int master) {
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave >= 0) return slave;
    unsigned number;
    char path[32];
    if (ioctl(master, TIOCGPTN, &number) != 0) return -1;
    snprintf(path, sizeof path, "/dev/pts/%u", number);
    return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int terminal_resize(int master, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(master, TIOCSWINSZ, &size);
}

bool terminal_open(const struct spawn_request *r, int *master, int *slave) {
    int unlock = 0;
    struct termios settings;
    *slave = -1;
    *master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (*master < 0) return false;
    if (ioctl(*master, TIOCSPTLCK, &unlock) == 0 && (*slave = open_slave(*master)) >= 0 &&
        terminal_resize(*master, r->rows, r->columns) == 0) {
        if (tcgetattr(*slave, &settings) == 0) {
            settings.c_iflag |= IUTF8; /* erase takes a character, not a byte of it */
            tcsetattr(*slave, TCSANOW, &settings);
        }
        /* ttyname() of the command has to be one that it can open. */
        if ((r->flags & SPAWN_USER) != 0 && fchown(*slave, r->uid, (gid_t)-1) != 0) complain("chown of the tty", errno);
        return true;
    }
    int error = errno;
    if (*slave >= 0) close(*slave);
    close(*master);
    errno = error;
    return false;
}

int relay_poll_set(struct relay *r, struct pollfd *fds) {
    int count = 0;
    if (r->master < 0) return 0;
    bool reads = r->out_at == r->out_end && !r->hung_up;
    bool writes = r->in_at < r->in_end;
    if ((reads || writes) && !r->hung_up)
        fds[count++] = (struct pollfd){.fd = r->master, .events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0))};
    if (r->out_at < r->out_end) fds[count++] = (struct pollfd){.fd = r->output, .events = POLLOUT};
    if (r->input >= 0 && !writes) fds[count++] = (struct pollfd){.fd = r->input, .events = POLLIN};
    return count;
}

static void close_input(struct relay *r) {
    if (r->input >= 0) close(r->input);
    r->input = -1;
    r->in_at = r->in_end = 0;
}

static void step_input(struct relay *r) {
    if (r->in_at == r->in_end && r->input >= 0) {
        ssize_t n = read(r->input, in_buffer, sizeof in_buffer);
        if (n == 0) close_input(r);
        if (n <= 0) return;
        r->in_at = 0;
        r->in_end = (size_t)n;
    }
    while (r->in_at < r->in_end) {
        ssize_t n = write(r->master, in_buffer + r->in_at, r->in_end - r->in_at);
        if (n <= 0) return;
        r->in_at += (size_t)n;
    }
}

static bool flush_output(struct relay *r) {
    while (r->out_at < r->out_end) {
        ssize_t n = r->output < 0 ? -1 : write(r->output, out_buffer + r->out_at, r->out_end - r->out_at);
        if (n > 0) {
            r->out_at += (size_t)n;
            r->relayed += (uint64_t)n;
        } else if (r->output >= 0 && (errno == EAGAIN || errno == EINTR)) {
            return false;
        } else {
            /* berthd has closed its end: the command goes on, what it prints is nobody's. */
            if (r->output >= 0) close(r->output);
            r->output = -1;
            r->relayed += r->out_end - r->out_at;
            r->out_at = r->out_end;
        }
    }
    return true;
}

static void step_output(struct relay *r) {
    r->empty = false;
    while (flush_output(r)) {
        r->out_at = r->out_end = 0;
        while (r->out_end < sizeof out_buffer) {
            ssize_t n = read(r->master, out_buffer + r->out_end, sizeof out_buffer - r->out_end);
            if (n > 0) {
                r->out_end += (size_t)n;
                continue;
            }
            if (n < 0 && errno == EINTR) continue;
            r->empty = true;
            r->hung_up = n == 0 || errno != EAGAIN;
            break;
        }
        if (r->out_end == 0) return;
        if (r->empty) {
            r->empty = flush_output(r);
            return;
        }
    }
}

void relay_step(struct relay *r) {
    if (r->master < 0) return;
    step_input(r);
    step_output(r);
}

bool relay_has_ended(const struct relay *r) { return r->master >= 0 && r->hung_up && r->out_at == r->out_end; }

void relay_close(struct relay *r) {
    if (r->master >= 0) close(r->master);
    r->master = -1;
    close_input(r);
    if (r->output >= 0) close(r->output);
    r->output = -1;
}
