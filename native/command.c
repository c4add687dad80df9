/* A command from its request to its execve: parsing, and the child's side of the start.
 *
 * The child shares the supervisor's memory until execve (CLONE_VM | CLONE_VFORK, on a stack of its
 * own), so the start costs no copy. What went wrong comes through a pipe that execve closes: emulators
 * (qemu-user, valgrind) make such a child a plain fork, and then nothing is shared. */
#include "helper.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define CHILD_STACK_BYTES (64 * 1024)
#define UMASK_AS_IS 0xffffffffu

static bool get_vector(struct cursor *c, char **vector, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) vector[i] = get_string(c);
    vector[count] = NULL;
    return !c->bad;
}

bool spawn_request_parse(struct spawn_request *r, uint32_t id, const uint8_t *payload, size_t bytes) {
    struct cursor c = {.at = payload, .end = payload + bytes};
    memset(r, 0, sizeof *r);
    r->id = id;
    r->flags = get_u32(&c);
    r->rows = get_u16(&c);
    r->columns = get_u16(&c);
    r->uid = get_u32(&c);
    r->gid = get_u32(&c);
    r->group_count = get_u32(&c);
    const uint8_t *groups = c.at;
    if (c.bad || r->group_count > 65536 || (size_t)(c.end - c.at) / 4 < r->group_count) return false;
    c.at += (size_t)r->group_count * 4;
    r->nofile = get_u64(&c);
    r->umask = get_u32(&c);
    r->cwd = get_string(&c);
    uint32_t argc = get_u32(&c);
    if (c.bad || argc == 0 || argc > (size_t)(c.end - c.at)) return false;
    const uint8_t *arguments = c.at;
    for (uint32_t i = 0; i < argc; i++) get_string(&c);
    uint32_t envc = get_u32(&c);
    if (c.bad || envc > (size_t)(c.end - c.at)) return false;
    c.at = arguments;

    size_t vectors = ((size_t)argc + 1 + (size_t)envc + 1 + (size_t)argc + 3) * sizeof(char *);
    r->memory_bytes = vectors + (size_t)r->group_count * sizeof *r->groups;
    r->memory = mmap(NULL, r->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->memory == MAP_FAILED) return false;
    r->argv = r->memory;
    r->envp = r->argv + argc + 1;
    r->shell_argv = r->envp + envc + 1;
    r->groups = (uint32_t *)(void *)(r->shell_argv + argc + 3);
    for (uint32_t i = 0; i < r->group_count; i++) r->groups[i] = load_u32(groups + (size_t)i * 4);
    bool ok = get_vector(&c, r->argv, argc);
    get_u32(&c);
    ok = ok && get_vector(&c, r->envp, envc) && c.at == c.end;
    if (!ok) spawn_request_release(r);
    return ok;
}

void spawn_request_release(struct spawn_request *r) {
    if (r->memory != NULL) munmap(r->memory, r->memory_bytes);
    r->memory = NULL;
}

struct start {
    const struct spawn_request *request;
    const struct command_stdio *stdio;
    struct command_failure failure; /* the best explanation so far */
    int report;
};

static void failed(struct start *s, uint8_t stage, int error) {
    s->failure.stage = stage;
    s->failure.error = error;
}

static bool is_elf(const char *path) {
    char magic[4] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    ssize_t n = read(fd, magic, sizeof magic);
    close(fd);
    return n == 4 && memcmp(magic, "\177ELF", 4) == 0;
}

/* A file without #! that isn't a program of another machine is a shell script, as for execvp. */
static void exec_by_shell(const struct spawn_request *r, const char *path) {
    char dotted[PATH_MAX + 3];
    if (path[0] == '-' && strlen(path) < PATH_MAX) { /* else sh takes it for an option */
        memcpy(dotted, "./", 2);
        strcpy(dotted + 2, path);
        path = dotted;
    }
    r->shell_argv[0] = "/bin/sh";
    r->shell_argv[1] = (char *)path;
    size_t i = 1;
    for (; r->argv[i] != NULL; i++) r->shell_argv[i + 1] = r->argv[i];
    r->shell_argv[i + 1] = NULL;
    execve("/bin/sh", r->shell_argv, r->envp);
}

/* Returns only on failure. True: looking further along PATH makes no sense. */
static bool exec_file(struct start *s, const char *path, bool searching) {
    const struct spawn_request *r = s->request;
    execve(path, r->argv, r->envp);
    int error = errno;
    if (error == ENOEXEC && !is_elf(path)) {
        exec_by_shell(r, path);
        error = errno;
    }
    struct stat file;
    bool exists = stat(path, &file) == 0;
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        if (!exists) {
            if (s->failure.stage == STAGE_NOT_FOUND) s->failure.error = error;
        } else if (s->failure.stage == STAGE_NOT_FOUND) {
            failed(s, STAGE_INTERPRETER, error);
        }
        return false;
    case EACCES:
        /* A directory of PATH that this user may not enter says nothing about the file. */
        if (exists || !searching) failed(s, STAGE_EXEC, error);
        return false;
    case ESTALE:
    case ENODEV:
    case ETIMEDOUT:
    case ENAMETOOLONG:
        if (s->failure.stage == STAGE_NOT_FOUND) s->failure.error = error;
        return false;
    default:
        failed(s, STAGE_EXEC, error);
        return true;
    }
}

static const char *path_of(char **envp) {
    for (; *envp != NULL; envp++)
        if (strncmp(*envp, "PATH=", 5) == 0) return *envp + 5;
    return DEFAULT_PATH;
}

static void exec_command(struct start *s) {
    const char *file = s->request->argv[0];
    failed(s, STAGE_NOT_FOUND, ENOENT);
    if (*file == 0) return;
    if (strchr(file, '/') != NULL) {
        exec_file(s, file, false);
        return;
    }
    size_t file_bytes = strlen(file);
    char path[PATH_MAX];
    for (const char *part = path_of(s->request->envp);; part++) {
        size_t bytes = strcspn(part, ":");
        if (bytes + 1 + file_bytes < sizeof path) {
            memcpy(path, part, bytes);
            size_t at = bytes;
            if (bytes > 0) path[at++] = '/';
            memcpy(path + at, file, file_bytes + 1);
            if (exec_file(s, path, true)) return;
        }
        part += bytes;
        if (*part == 0) return;
    }
}

static bool become_user(struct start *s) {
    const struct spawn_request *r = s->request;
    /* By raw system call: only this process changes, which shares memory with its parent. */
    if (syscall(SYS_setgroups, (size_t)r->group_count, r->groups) == 0 &&
        syscall(SYS_setresgid, r->gid, r->gid, r->gid) == 0 && syscall(SYS_setresuid, r->uid, r->uid, r->uid) == 0)
        return true;
    failed(s, STAGE_USER, errno);
    return false;
}

static bool prepare(struct start *s) {
    const struct spawn_request *r = s->request;
    signals_default_for_command();
    setsid();
    if (s->stdio->terminal && ioctl(s->stdio->child[0], TIOCSCTTY, 0) != 0) {
        failed(s, STAGE_PTY, errno);
        return false;
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(s->stdio->child[i], i) < 0) {
            failed(s, STAGE_RESOURCES, errno);
            return false;
        }
    }
    if (r->nofile != 0) {
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
            limit.rlim_cur = r->nofile < limit.rlim_max ? r->nofile : limit.rlim_max;
            if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
                failed(s, STAGE_LIMITS, errno);
                return false;
            }
        }
    }
    if (r->umask != UMASK_AS_IS) umask((mode_t)(r->umask & 0777));
    if ((r->flags & SPAWN_USER) != 0 && !become_user(s)) return false;
    if (r->cwd[0] != 0 && chdir(r->cwd) != 0) {
        failed(s, STAGE_CWD, errno);
        return false;
    }
    return true;
}

static int child_main(void *argument) {
    struct start *s = argument;
    if (prepare(s)) {
        signals_set_mask(0);
        exec_command(s);
    }
    write_all(s->report, &s->failure, sizeof s->failure);
    _exit(127);
}

static char stack[CHILD_STACK_BYTES] __attribute__((aligned(4096)));

pid_t command_start(const struct spawn_request *r, const struct command_stdio *stdio, struct command_failure *failure) {
    int report[2];
    *failure = (struct command_failure){.stage = STAGE_RESOURCES};
    if (pipe2(report, O_CLOEXEC) != 0) {
        failure->error = errno;
        return -1;
    }
    struct start s = {.request = r, .stdio = stdio, .report = report[1]};
    uint64_t mask;
    /* No handler of the supervisor may run in the child: it would run in the supervisor's memory. */
    signals_block_all(&mask);
    pid_t pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &s);
    failure->error = errno;
    close(report[1]);
    ssize_t n = pid < 0 ? 0 : read(report[0], failure, sizeof *failure); /* all signals are blocked */
    close(report[0]);
    if ((r->flags & SPAWN_USER) != 0) {
        /* Changing the user marked the shared memory as not dumpable, which would shut berthd, without
         * CAP_SYS_PTRACE in a container, out of /proc/<supervisor>/fd. The child is past execve now. */
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    }
    signals_set_mask(mask);
    if (pid > 0 && n <= 0) return pid; /* also when it was killed on its way: that is its exit */
    if (pid > 0) waitpid(pid, NULL, __WALL);
    return -1;
}

void command_release_memory(void) { madvise(stack, sizeof stack, MADV_DONTNEED); }
