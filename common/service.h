/*
 * service.h - main() of a server: its command line, its configuration, signals that end it.
 *
 *      bdfs-NAME --conf FILE [-n | --print-config]
 *      bdfs-NAME --help | --man            what it is and takes, as text and as a manual page
 *
 * Threads: main's only.
 */
#pragma once

#include "common/conf.h"

/* Where the log goes; a daemon's configuration has one, and its table SERVICE_LOG_KEYS. */
struct service_log {
        char *path;     /* "": standard error */
        int64_t bytes;
};
#define SERVICE_LOG_KEYS(s, field)                                                             \
        {"log", CONF_STRING(s, field.path), "", 0, 400,                                       \
         "file for the log, kept with mode 0600; standard error when it is not given"},        \
        {"log_bytes", CONF_BYTES(s, field.bytes), "16M", 64 * 1024, 1LL << 40,                \
         "when the log has so many bytes it becomes FILE.1, FILE.1 becomes FILE.2, up to "     \
         "FILE.4"}

struct service {
        const char *name; /* of the program */
        const char *what; /* it is, in one line */
        const struct conf_key *table;
        size_t table_n;
        size_t log_at;    /* of its struct service_log in the configuration */
        uint64_t keeps;   /* capabilities of root, as CONFINE_KEEP(); nothing else stays */
        int (*serve)(const void *conf); /* runs until service_wait() returns; the exit code */
};

/* @conf: room for what the table describes. Returns the exit code. */
int service_main(const struct service *s, void *conf, int argc, char **argv);

/* Before the first thread, which inherits it: SIGTERM and SIGINT wait for service_wait() unless
 * they are ignored, SIGPIPE is ignored. */
void service_signals(void);
/* As many descriptors as the system allows: each connection is one. */
void service_raise_files(void);
void service_wait(void);
/* Says why it cannot start; the exit code. */
int service_cannot(const struct bdfs_err *err);
