#include "cli/cli_interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "cli/cli_progress.h"
#include "common/signals.h"

#define MAKING_MS 5000 /* how long a name that is being made is waited for */

enum temporary_state { TEMPORARY_FREE, TEMPORARY_MAKING, TEMPORARY_MADE };

static struct {
        struct os_mutex lock;
        struct os_cond changed;
        struct cli *cli;
        struct os_thread *thread;
        sigset_t signals;
        bool stopped; /* guarded by: lock, as are the next */
        struct {
                enum temporary_state state;
                struct bdfs *fs;
                const char *path;
                bool stays;
        } temporary[CLI_TEMPORARIES_MAX];
} interrupt;

void cli_interrupt_init(struct cli *cli)
{
        os_mutex_init(&interrupt.lock);
        os_cond_init(&interrupt.changed);
        interrupt.cli = cli;
        interrupt.signals = signals_that_end(true);
}

static void run(void *arg)
{
        int signal;

        (void)arg;
        while (sigwait(&interrupt.signals, &signal) != 0)
                ;
        cli_interrupt_die(signal);
}

void cli_interrupt_start(void)
{
        struct bdfs_err err;

        if (sigisemptyset(&interrupt.signals)) /* all are ignored */
                return;
        /* without the thread a signal ends the process and leaves its temporaries */
        if (interrupt.thread == NULL &&
            os_thread_start(&interrupt.thread, "signals", run, NULL, &err) == BDFS_OK)
                (void)pthread_sigmask(SIG_BLOCK, &interrupt.signals, NULL);
}

unsigned cli_interrupt_add(struct bdfs *fs, const char *path, bool stays)
{
        AUTO_LOCK(&interrupt.lock);

        for (;;) {
                for (unsigned i = 0; !interrupt.stopped && i < CLI_TEMPORARIES_MAX; i++) {
                        if (interrupt.temporary[i].state != TEMPORARY_FREE)
                                continue;
                        interrupt.temporary[i].state = TEMPORARY_MAKING;
                        interrupt.temporary[i].fs = fs;
                        interrupt.temporary[i].path = path;
                        interrupt.temporary[i].stays = stays;
                        return i;
                }
                (void)os_cond_wait(&interrupt.changed, &interrupt.lock, os_mono_ms() + 1000);
        }
}

static void set_state(unsigned handle, enum temporary_state state, const char *path)
{
        AUTO_LOCK(&interrupt.lock);

        interrupt.temporary[handle].state = state;
        if (path != NULL)
                interrupt.temporary[handle].path = path;
        os_cond_broadcast(&interrupt.changed);
}

void cli_interrupt_made(unsigned handle, const char *path)
{
        set_state(handle, TEMPORARY_MADE, path);
}

void cli_interrupt_drop(unsigned handle)
{
        set_state(handle, TEMPORARY_FREE, NULL);
}

/* There may be nothing there any more, or nobody to ask. */
static void clean_one(struct bdfs *fs, const char *path, bool stays)
{
        struct bdfs_err err;
        bool closed;

        if (fs == NULL)
                (void)unlink(path);
        else if (stays)
                BDFS_IGNORE(bdfs_recover_lease(fs, path, &closed, &err));
        else
                BDFS_IGNORE(bdfs_delete(fs, path, false, &err));
}

void cli_interrupt_clean(void)
{
        int64_t deadline = os_mono_ms() + MAKING_MS;

        os_mutex_lock(&interrupt.cli->lock);
        interrupt.cli->interrupted = true;
        os_mutex_unlock(&interrupt.cli->lock);
        cli_progress_stop();
        os_mutex_lock(&interrupt.lock);
        interrupt.stopped = true;
        for (unsigned i = 0; i < CLI_TEMPORARIES_MAX; i++) {
                while (interrupt.temporary[i].state == TEMPORARY_MAKING && os_mono_ms() < deadline)
                        (void)os_cond_wait(&interrupt.changed, &interrupt.lock, deadline);
                if (interrupt.temporary[i].state == TEMPORARY_FREE)
                        continue;
                clean_one(interrupt.temporary[i].fs, interrupt.temporary[i].path,
                          interrupt.temporary[i].stays);
        }
        os_mutex_unlock(&interrupt.lock);
}

void cli_interrupt_die(int signal)
{
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigset_t one;

        cli_interrupt_clean();
        (void)sigaction(signal, &standard, NULL);
        (void)sigemptyset(&one);
        (void)sigaddset(&one, signal);
        (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
        (void)kill(getpid(), signal);
        (void)pause();
        _exit(128 + signal);
}
