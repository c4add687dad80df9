/* Descendants of a process, found through /proc and signalled so that a reused pid is never met.
 *
 * A pass reads /proc once, in the order of rising pids, and signals each descendant as soon as it is
 * known to be one: a process that forks and exits all the time moves to higher pids and so towards the
 * look, not away from it. Orphans of the tree are children of the supervisor (a subreaper) at once.
 * /proc/<pid>/task/<tid>/children isn't used: the kernel documents it as reliable only for stopped
 * processes, many kernels lack it, and the callers look only when killing the group left something. */
#include "helper.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define PID_LIMIT (4u * 1024 * 1024) /* the kernel's PID_MAX_LIMIT on 64 bit */

bool process_stat_read(pid_t pid, struct process_stat *out) {
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return false;
    text[n] = 0;
    char *p = strrchr(text, ')'); /* the name before it may hold anything, parentheses too */
    if (p == NULL || p[1] != ' ' || p[2] == 0) return false;
    out->pid = pid;
    out->state = p[2];
    p += 3;
    long long fields[19] = {0}; /* 4 (parent) to 22 (start time) */
    for (int i = 0; i < 19; i++) {
        char *next;
        fields[i] = strtoll(p, &next, 10);
        if (next == p) return false;
        p = next;
    }
    out->parent = (pid_t)fields[0];
    out->group = (pid_t)fields[1];
    out->session = (pid_t)fields[2];
    out->start = (uint64_t)fields[18];
    return true;
}

bool group_signal_if_child_in_it(pid_t group, int signal, int *error) {
    siginfo_t info;
    if (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return false;
    int result = kill(-group, signal) == 0 ? 0 : errno;
    if (error != NULL) *error = result;
    return true;
}

struct look {
    struct tree_pass *pass;
    pid_t self;
    uint8_t *in_tree; /* a bit a pid; only touched pages exist */
    struct process_stat *rest;
    size_t rest_count, rest_capacity;
};

static bool in_tree(const struct look *l, pid_t pid) {
    return pid > 0 && (unsigned)pid < PID_LIMIT && (l->in_tree[pid / 8] >> (pid % 8) & 1) != 0;
}

static bool signal_one(const struct look *l, const struct process_stat *p) {
    int sig = l->pass->signal;
    if (p->parent == l->self) {
        /* Only this process could reap it, so the number is its own. Its group goes in one step,
         * forks under way included. */
        if (p->group == p->pid && l->pass->only_group == 0) kill(-p->pid, sig);
        return kill(p->pid, sig) == 0;
    }
    int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (fd < 0 && errno == ESRCH) return true;
    struct process_stat again;
    bool same = process_stat_read(p->pid, &again) && again.start == p->start;
    bool done = true;
    if (same) {
        done = fd >= 0 ? syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) == 0 : kill(p->pid, sig) == 0;
        if (!done && errno == ESRCH) done = true;
    }
    if (fd >= 0) close(fd);
    return done;
}

static void found(struct look *l, const struct process_stat *p) {
    if (p->pid > 0 && (unsigned)p->pid < PID_LIMIT) l->in_tree[p->pid / 8] |= (uint8_t)(1 << p->pid % 8);
    if (p->state == 'Z' || p->state == 'X') return;
    struct tree_pass *pass = l->pass;
    if (pass->only_group != 0 && (p->group != pass->only_group || p->session != pass->only_group)) return;
    pass->living++;
    if (pass->signal != 0 && signal_one(l, p)) pass->signalled++;
}

static void keep_for_later(struct look *l, const struct process_stat *p) {
    if (l->rest_count == l->rest_capacity) {
        size_t bytes = l->rest_capacity * sizeof *l->rest;
        void *more = mremap(l->rest, bytes, bytes * 2, MREMAP_MAYMOVE);
        if (more == MAP_FAILED) return; /* the next pass sees it */
        l->rest = more;
        l->rest_capacity *= 2;
    }
    l->rest[l->rest_count++] = *p;
}

static bool skipped(const struct tree_pass *pass, pid_t pid) {
    for (size_t i = 0; i < pass->skip_count; i++)
        if (pass->skip[i] == pid) return true;
    return false;
}

/* struct linux_dirent64, which libc doesn't export. */
struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static void look_at(struct look *l, pid_t pid) {
    struct process_stat p;
    if (pid == l->pass->root || skipped(l->pass, pid) || !process_stat_read(pid, &p)) return;
    if (in_tree(l, p.parent)) {
        found(l, &p);
    } else if (p.parent != 0) {
        keep_for_later(l, &p);
    }
}

static void read_proc(struct look *l, int proc) {
    char buffer[16 * 1024] __attribute__((aligned(8)));
    for (;;) {
        long n = syscall(SYS_getdents64, proc, buffer, sizeof buffer);
        if (n <= 0) return;
        for (long at = 0; at < n;) {
            struct directory_entry *entry = (struct directory_entry *)(void *)(buffer + at);
            at += entry->length;
            if (entry->name[0] < '1' || entry->name[0] > '9') continue;
            look_at(l, (pid_t)atol(entry->name));
        }
    }
}

void tree_walk(struct tree_pass *pass) {
    pass->living = pass->signalled = 0;
    pass->readable = false;
    size_t rest_bytes = 64 * 1024;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) return;
    struct look l = {.pass = pass, .self = getpid(), .rest_capacity = rest_bytes / sizeof *l.rest};
    rest_bytes = l.rest_capacity * sizeof *l.rest;
    l.in_tree = mmap(NULL, PID_LIMIT / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    l.rest = mmap(NULL, rest_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (l.in_tree != MAP_FAILED && l.rest != MAP_FAILED) {
        struct process_stat self;
        pass->readable = process_stat_read(pass->root, &self);
        l.in_tree[pass->root / 8] |= (uint8_t)(1 << pass->root % 8);
        if (pass->readable) read_proc(&l, proc);
        /* Children listed before their parent (after the pids have wrapped). */
        for (bool more = true; more;) {
            more = false;
            size_t kept = 0;
            for (size_t i = 0; i < l.rest_count; i++) {
                if (in_tree(&l, l.rest[i].parent)) {
                    found(&l, &l.rest[i]);
                    more = true;
                } else {
                    l.rest[kept++] = l.rest[i];
                }
            }
            l.rest_count = kept;
        }
    }
    if (l.in_tree != MAP_FAILED) munmap(l.in_tree, PID_LIMIT / 8);
    if (l.rest != MAP_FAILED) munmap(l.rest, l.rest_capacity * sizeof *l.rest);
    close(proc);
}
