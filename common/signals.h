/*
 * signals.h - a signal that is ignored when a program starts (nohup, a shell's background) stays
 * ignored: whoever takes a signal asks here first.
 *
 * Threads: any.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* Those of SIGINT, SIGTERM and SIGHUP that are not ignored; SIGHUP only @with_hangup. */
sigset_t signals_that_end(bool with_hangup);
