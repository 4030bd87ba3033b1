/*
 * cli_interrupt.h - Ctrl-C leaves nothing half-done.
 *
 * A command that writes to a temporary name says so before it makes it (add), when it is there
 * (made) and when it is gone or has its final name (drop); so does one that writes to a file which
 * stays whatever happens. Those of SIGINT, SIGTERM and SIGHUP that were not ignored when the
 * program began are taken by a thread of its own, which removes every temporary that is there, has
 * the namenode close what stays, lets nobody begin anything new, and ends the process as the signal
 * would have. It does not wait for transfers under way.
 *
 * Owner:   one table for the process, since signals are the process's.
 * Threads: any.
 */
#pragma once

#include "cli/cli.h"

#define CLI_TEMPORARIES_MAX (2 * CLI_THREADS_MAX)

void cli_interrupt_init(struct cli *cli);
/* From the main thread, before anything is written: from now on the signals are taken. */
void cli_interrupt_start(void);

/* @fs NULL: a local file. @stays: it is never removed. The strings are borrowed until drop. Returns
 * a handle; after an interruption it does not return. */
unsigned cli_interrupt_add(struct bdfs *fs, const char *path, bool stays);
/* It is there, and its name is @path from now on. */
void cli_interrupt_made(unsigned handle, const char *path);
void cli_interrupt_drop(unsigned handle);

/* Remove all temporaries, close all others; nothing new can begin afterwards. */
void cli_interrupt_clean(void);
/* The same, then end the process by @signal. */
_Noreturn void cli_interrupt_die(int signal);
