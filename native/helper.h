/* berth-helper: what its modes share. One static program, no threads but dial's, no heap. */
#ifndef BERTH_HELPER_H
#define BERTH_HELPER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>

#define HELPER_PROTOCOL 1

/* The modes. Each returns the exit status of the program. */
int spawner_main(void);
int attributes_main(void);
int init_main(int argc, char **argv);
int dial_main(int argc, char **argv);
int daemonize_main(int argc, char **argv);

/* ---- protocol (docs/helper.md) ---- */
#define FRAME_HEADER_BYTES 9u /* u32 length, u8 type, u32 id */
#define FRAME_MAX_LENGTH (4u * 1024 * 1024 + 64u * 1024)
#define EVENT_CHANNEL 3 /* the duplex socket to berthd */
#define NULL_FD 4       /* /dev/null, in the spawner and its forks */

enum request_type { REQUEST_SPAWN = 1, REQUEST_OPENED, REQUEST_SIGNAL, REQUEST_KILL_TREE, REQUEST_RESIZE };
enum event_type {
    EVENT_STARTED = 16,
    EVENT_FAILED,
    EVENT_EXITED,
    EVENT_EMPTY,
    EVENT_SIGNALLED,
    EVENT_KILLED,
    EVENT_DIED
};
enum spawn_flag { SPAWN_STDIN = 1, SPAWN_TTY = 2, SPAWN_MERGE = 4, SPAWN_USER = 8 };
enum fail_stage {
    STAGE_RESOURCES = 1,
    STAGE_USER,
    STAGE_CWD,
    STAGE_NOT_FOUND,
    STAGE_INTERPRETER,
    STAGE_EXEC,
    STAGE_PTY,
    STAGE_LIMITS
};

/* ---- wire.c: bytes in, bytes out ---- */
struct cursor {
    const uint8_t *at, *end;
    bool bad; /* set by the first read past the end; every later read yields zero */
};
uint8_t get_u8(struct cursor *c);
uint16_t get_u16(struct cursor *c);
uint32_t get_u32(struct cursor *c);
uint64_t get_u64(struct cursor *c);
char *get_string(struct cursor *c);
uint32_t load_u32(const uint8_t *p);

/* Events are gathered in a small buffer and leave in one write: a write of this size into a stream
 * socket is never interleaved with those of other processes. */
struct events {
    uint8_t bytes[512];
    size_t used;
};
void event_begin(struct events *e, uint8_t type, uint32_t id, uint32_t payload_bytes);
void put_u8(struct events *e, uint8_t v);
void put_u32(struct events *e, uint32_t v);
void put_u64(struct events *e, uint64_t v);
/* Blocks until the daemon takes it. False when the daemon is gone. */
bool events_flush(struct events *e);
bool event_failed(uint32_t id, uint8_t stage, int error);

void wait_readable(int fd);
bool write_all(int fd, const void *data, size_t bytes);
void complain(const char *what, int error); /* one line on stderr; error 0 = none */
int64_t now_ms(void);

/* ---- signals.c ---- */
void signals_default_all(void);             /* dispositions of 1..64, whatever was inherited */
void signals_ignore_for_survival(void);     /* what a spawner or supervisor must survive */
void signals_default_for_command(void);     /* undoes the above in the child, before exec */
void signals_block_all(uint64_t *previous); /* all 64, libc's own included */
void signals_set_mask(uint64_t mask);
void signals_catch_child(void); /* SIGCHLD only interrupts ppoll */
uint64_t signals_mask_of(int signal);

/* ---- descriptors.c ---- */
int open_null(void);
void close_from(unsigned first);
void close_between(unsigned first, unsigned last);
/* The soft limit, for the daemon to give to its children: its Node is about to raise its own. In
 * BERTHD_OPEN_FILES (src/wire/launch-environment.ts), unless the launch has set that. */
void record_open_files_limit(void);

/* ---- tree.c: descendants through /proc ---- */
struct process_stat {
    pid_t pid, parent, group, session;
    char state;
    uint64_t start; /* field 22, clock ticks since boot */
};
bool process_stat_read(pid_t pid, struct process_stat *out);

struct tree_pass {
    pid_t root;
    int signal;         /* sent to each living descendant; 0 only counts */
    pid_t only_group;   /* 0 = all; else only members of this group and session */
    const pid_t *skip;  /* processes whose subtree is not looked at */
    size_t skip_count;
    /* results */
    unsigned living;    /* descendants found that are not zombies */
    unsigned signalled; /* of these, how many took the signal */
    bool readable;      /* /proc could be read */
};
void tree_walk(struct tree_pass *pass);
/* Signals a group that holds at least one unreaped child of the caller: then its number can't be reused. */
bool group_signal_if_child_in_it(pid_t group, int signal, int *error);

/* ---- command.c ---- */
struct spawn_request {
    uint32_t id, flags;
    uint16_t rows, columns;
    uint32_t uid, gid, group_count;
    uint32_t *groups;
    uint64_t nofile;
    uint32_t umask;
    char *cwd;
    char **argv, **envp;
    char **shell_argv; /* room for /bin/sh FILE ARGS… */
    void *memory;      /* one mapping that holds groups and vectors */
    size_t memory_bytes;
};
bool spawn_request_parse(struct spawn_request *r, uint32_t id, const uint8_t *payload, size_t bytes);
void spawn_request_release(struct spawn_request *r);

struct command_stdio {
    int child[3];  /* what becomes 0, 1, 2 */
    bool terminal; /* child[0] becomes the controlling terminal */
};
struct command_failure {
    uint8_t stage;
    int error;
};
/* Returns the pid once execve has succeeded, else -1 and why. */
pid_t command_start(const struct spawn_request *r, const struct command_stdio *stdio, struct command_failure *failure);
void command_release_memory(void); /* what a start has used and nothing needs any more */

/* ---- terminal.c: the pty and its relay ---- */
struct relay {
    int master;            /* non-blocking; -1 = no terminal, or it has ended */
    int input, output;     /* the supervisor's ends of the two pipes to berthd; -1 = closed */
    size_t in_at, in_end;  /* pending bytes of in_buffer */
    size_t out_at, out_end;
    bool hung_up;          /* no slave is open at the moment */
    bool empty;            /* the last read of the master found nothing */
    uint64_t relayed;      /* output bytes so far */
};
struct pollfd;
bool terminal_open(const struct spawn_request *r, int *master, int *slave);
int terminal_resize(int master, uint16_t rows, uint16_t columns);
int relay_poll_set(struct relay *r, struct pollfd *fds); /* how many were filled (at most 3) */
void relay_step(struct relay *r);
/* No slave is open any more and all output is passed on. */
bool relay_has_ended(const struct relay *r);
void relay_close(struct relay *r);

/* ---- supervisor.c ---- */
struct supervisor_setting {
    int requests; /* a SOCK_SEQPACKET socket to the spawner: frames without their length */
    uint8_t *buffer; /* the spawner's own, of which the fork has a copy; given up after the start */
    size_t buffer_bytes;
    bool large_pipes;
};
/* `frame`: SPAWN from its type on. */
_Noreturn void supervise(const struct supervisor_setting *setting, const uint8_t *frame, size_t bytes);

#endif
