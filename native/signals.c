/* Dispositions and masks by raw system call: libc keeps a few real-time signals from its callers,
 * but a command must start with all 64 at their defaults. */
#include "helper.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KERNEL_SIGNALS 64

/* Same layout on x86-64 and arm64. */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static const int survived[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE, SIGALRM,
                               SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};

static void set(int signal, void (*handler)(int)) {
    struct kernel_sigaction action = {.handler = handler};
    syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask);
}

uint64_t signals_mask_of(int signal) { return (uint64_t)1 << (signal - 1); }

void signals_default_all(void) {
    for (int s = 1; s <= KERNEL_SIGNALS; s++) set(s, SIG_DFL);
}

void signals_ignore_for_survival(void) {
    for (size_t i = 0; i < sizeof survived / sizeof *survived; i++) set(survived[i], SIG_IGN);
}

void signals_default_for_command(void) {
    for (size_t i = 0; i < sizeof survived / sizeof *survived; i++) set(survived[i], SIG_DFL);
    set(SIGCHLD, SIG_DFL);
}

void signals_set_mask(uint64_t mask) {
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

void signals_block_all(uint64_t *previous) {
    uint64_t all = ~(uint64_t)0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, previous, sizeof all);
}

static void interrupted(int signal) { (void)signal; }

void signals_catch_child(void) {
    struct sigaction action = {.sa_handler = interrupted, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, NULL);
}
