/*
 * cli.h - what the commands of the `bdfs` program share.
 *
 * Data goes to stdout, everything else to stderr. A command says of each operand whether it was
 * done (cli_done) or not (cli_error) and ends with cli_exit(): 0, the code of the only failure
 * (common/err.h), or 9 when some operands were done and some were not.
 *
 * Owner:   main() owns struct cli, its connections and what the options point at (argv).
 * Threads: counting and printing errors is safe from any thread; the rest is the main thread's.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "client/bdfs.h"
#include "common/os.h"

#define CLI_CONNECTIONS_MAX 8
#define CLI_THREADS_MAX 64

struct cli_connection {
        char *uri; /* as asked for; NULL: the default one */
        struct bdfs *fs;
};

struct cli_verb;
struct cli {
        const char *program;       /* "bdfs" */
        const struct cli_verb *verb; /* the one that runs */
        struct bdfs_options options; /* --conf, --uri, --user, --timeout */
        bool json;                 /* --json, before or after the verb */
        bool takes_local;          /* the verb's operands may be file:// */
        bool quiet;                /* no progress */
        bool composite;            /* -D dfs.checksum.combine.mode=COMPOSITE_CRC */
        uint32_t replication;      /* of new files; 0: the server's (-D dfs.replication) */
        uint64_t block_size;       /* the same (-D dfs.blocksize) */
        uint32_t umask;            /* of new files and directories: 022, as hdfs has it */
        int64_t trash_ms;          /* -D fs.trash.interval, where the server has no trash */
        uint32_t local_umask;      /* of local ones: the process's, which threads cannot ask for */
        struct bdfs *fs;           /* the default cluster, after cli_connect() */
        struct cli_connection connections[CLI_CONNECTIONS_MAX];
        size_t connections_n;
        struct os_mutex lock;
        unsigned done, failed;     /* guarded by: lock */
        int first_code;            /* of the first failure; guarded by: lock */
        bool interrupted;          /* say nothing more; guarded by: lock */
        size_t json_rows;
        int stdout_errno;          /* why what was printed could not be written; 0: it could */
        bool pipe_ignored;         /* SIGPIPE was, when the program began */
};

struct cli_verb {
        const char *name;
        int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the verb */
        const char *usage;         /* "[-R] PATH ..." */
        const char *help;          /* one line */
        bool raw;                  /* takes all options after it by itself, --json and --help too */
};

/* Every verb, in the order of the help (cli_verbs.c). */
extern const struct cli_verb cli_verbs[];
extern const size_t cli_verbs_n;

/* ---- connections ----------------------------------------------------------------------------- */

/* The cluster of --uri or of the configuration; made once, then in cli->fs. */
enum bdfs_status cli_connect(struct cli *cli, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same for a uri that somebody typed; NULL: the default one. */
enum bdfs_status cli_connect_uri(struct cli *cli, const char *uri, struct bdfs **ret,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
void cli_disconnect(struct cli *cli);

/* ---- options --------------------------------------------------------------------------------- */

struct cli_option {
        const char *name;          /* without its first dash: "R", "skipTrash", "-block-size" */
        bool *flag;                /* exactly one of the two */
        const char **value;
};
/*
 * Takes options up to the first operand, `-` or `--`. Single letters may be written together. A
 * table ends with a NULL name. On success *argc and *argv are the operands alone, between @low and
 * @high of them; otherwise what is wrong was said and the command ends with exit code 2.
 */
bool cli_options(struct cli *cli, int *argc, char ***argv, const struct cli_option *table, int low,
                 int high);
#define CLI_MANY INT32_MAX
/* A whole number in [@low, @high]; K, M, G, T may follow when @suffix. */
bool cli_number(const char *text, uint64_t low, uint64_t high, bool suffix, uint64_t *ret);

/* ---- results --------------------------------------------------------------------------------- */

/* "VERB: text" and the verb's usage; returns the exit code of wrong usage. */
int cli_usage(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_done(struct cli *cli);
/* All or nothing, and it became nothing: the exit code is the first failure's, not "partly". */
void cli_nothing_done(struct cli *cli);
/* "VERB: text", and on a second line what to do where something is known to help. */
void cli_error(struct cli *cli, const struct bdfs_err *err);
/* The same, with @hint instead of the general one; NULL: none. */
void cli_error_hint(struct cli *cli, const struct bdfs_err *err, const char *hint);
/* "VERB: text" that changes no exit code. */
void cli_warn(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of stderr without a name before it, as Hadoop logs what it did. */
void cli_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_exit(struct cli *cli);
/* What usually helps against this kind of failure; NULL: nothing general. */
const char *cli_hint(enum bdfs_status status);
/* The same where what was written to is on this machine, and only that can be full. */
const char *cli_hint_local(enum bdfs_status status);

/* To stdout. A reader that went away ends the program as SIGPIPE would, or, where that is ignored,
 * with exit code 1; a full disk with exit code 7; a closed descriptor with 1. */
void cli_print(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_write(struct cli *cli, const void *bytes, size_t n);
void cli_flush(struct cli *cli);
/* The last thing that main() does: @code, or what says that stdout could not be written. */
int cli_finish(struct cli *cli, int code);
