/*
 * bdfs text: a file as text. What is compressed goes through the host's own decompressor, found by
 * the first bytes; Hadoop's containers are refused by name.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli_copy.h"
#include "client/cli_json.h"
#include "client/cmd.h"
#include "common/cleanup.h"

struct format {
        const char *magic;
        size_t magic_n;
        const char *program; /* NULL: refused */
        const char *name;
};

static const struct format formats[] = {
        {"\x1f\x8b", 2, "gzip", "gzip"},
        {"BZh", 3, "bzip2", "bzip2"},
        {"\x28\xb5\x2f\xfd", 4, "zstd", "zstd"},
        {"\xfd" "7zXZ", 5, "xz", "xz"},
        {"\x04\x22\x4d\x18", 4, "lz4", "lz4"},
        {"SEQ", 3, NULL, "a sequence file"},
        {"Obj\x01", 4, NULL, "an Avro file"},
        {"ORC", 3, NULL, "an ORC file"},
        {"PAR1", 4, NULL, "a Parquet file"},
};

static const struct format *format_of(const uint8_t *bytes, size_t n)
{
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
                if (n >= formats[i].magic_n &&
                    memcmp(bytes, formats[i].magic, formats[i].magic_n) == 0)
                        return &formats[i];
        }
        return NULL;
}

/* ---- a decompressor -------------------------------------------------------------------------- */

struct child {
        pid_t pid;
        int to, from; /* pipes; -1 when closed */
};

static enum bdfs_status start(struct child *c, const char *program, struct bdfs_err *err)
{
        int in[2], out[2];

        if (pipe(in) != 0)
                return bdfs_fail_errno(err, errno, "pipe");
        if (pipe(out) != 0) {
                int eno = errno;

                (void)close(in[0]);
                (void)close(in[1]);
                return bdfs_fail_errno(err, eno, "pipe");
        }
        c->pid = fork();
        if (c->pid == 0) {
                (void)dup2(in[0], STDIN_FILENO);
                (void)dup2(out[1], STDOUT_FILENO);
                for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
                        (void)close(fd);
                (void)signal(SIGPIPE, SIG_DFL);
                (void)execlp(program, program, "-dc", (char *)NULL);
                _exit(127);
        }
        (void)close(in[0]);
        (void)close(out[1]);
        *c = (struct child){.pid = c->pid, .to = in[1], .from = out[0]};
        if (c->pid > 0)
                return BDFS_OK;
        (void)close(c->to);
        (void)close(c->from);
        return bdfs_fail_errno(err, errno, "fork");
}

struct feed { /* a thread of its own fills the child, the main thread empties it */
        struct bdfs_file *file;
        int to;
        enum bdfs_status rc;
        struct bdfs_err err;
};

static void feed(void *arg)
{
        struct feed *f = arg;
        AUTO_FREE uint8_t *room = malloc(CLI_PUMP_BYTES);
        size_t n = 1;

        f->rc = room != NULL ? BDFS_OK : bdfs_fail(&f->err, BDFS_NO_MEMORY, "no memory");
        while (f->rc == BDFS_OK && n > 0) {
                size_t done = 0;
                ssize_t wrote = 1;

                f->rc = bdfs_read(f->file, room, CLI_PUMP_BYTES, &n, &f->err);
                while (f->rc == BDFS_OK && done < n && wrote > 0) {
                        wrote = write(f->to, room + done, n - done);
                        done += wrote > 0 ? (size_t)wrote : 0;
                }
                if (wrote <= 0)
                        break; /* it ended early: its exit status says why */
        }
        (void)close(f->to);
}

static enum bdfs_status drain(struct cli *cli, int from, struct cli_base64 *json,
                              struct bdfs_err *err)
{
        AUTO_FREE void *room = malloc(CLI_PUMP_BYTES);
        ssize_t n = room == NULL ? -1 : 1;

        while (n > 0) {
                n = read(from, room, CLI_PUMP_BYTES);
                if (n > 0 && json != NULL)
                        cli_json_bytes(json, room, (size_t)n);
                else if (n > 0)
                        cli_write(cli, room, (size_t)n);
        }
        cli_flush(cli);
        return n == 0 ? BDFS_OK : bdfs_fail_errno(err, errno, "reading from a decompressor");
}

static enum bdfs_status ended(const struct cli_item *it, const struct format *f, pid_t pid,
                              struct bdfs_err *err)
{
        int status = 0;

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return BDFS_OK;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "`%s': %s is not installed here, it is "
                                 "what decompresses this file", it->text, f->program);
        return bdfs_fail(err, BDFS_CORRUPT, "`%s': its %s data is damaged", it->text, f->name);
}

static enum bdfs_status decompress(struct cli *cli, const struct cli_item *it,
                                   const struct format *f, struct bdfs_file *file,
                                   struct cli_base64 *json, struct bdfs_err *err)
{
        struct feed feeding = {.file = file};
        struct os_thread *thread;
        struct child c = {.to = -1, .from = -1};
        enum bdfs_status rc;

        if (start(&c, f->program, err) != BDFS_OK)
                return err->status;
        feeding.to = c.to;
        if (os_thread_start(&thread, "feed", feed, &feeding, err) != BDFS_OK) {
                (void)close(c.to);
                (void)close(c.from);
                (void)waitpid(c.pid, NULL, 0);
                return err->status;
        }
        rc = drain(cli, c.from, json, err);
        (void)close(c.from);
        os_thread_join(thread);
        if (rc == BDFS_OK)
                rc = ended(it, f, c.pid, err);
        if (feeding.rc == BDFS_OK)
                return rc;
        *err = feeding.err;
        return feeding.rc;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static enum bdfs_status plain(struct cli *cli, struct bdfs_file *file, struct cli_base64 *json,
                              struct bdfs_err *err)
{
        AUTO_FREE void *room = malloc(CLI_PUMP_BYTES);
        size_t n = 1;

        if (room == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        while (n > 0) {
                if (bdfs_read(file, room, CLI_PUMP_BYTES, &n, err) != BDFS_OK)
                        return err->status;
                if (json != NULL)
                        cli_json_bytes(json, room, n);
                else
                        cli_write(cli, room, n);
        }
        cli_flush(cli);
        return BDFS_OK;
}

static enum bdfs_status text_open(struct cli *cli, const struct cli_item *it,
                                  struct bdfs_file *file, struct bdfs_err *err)
{
        uint8_t first[8];
        const struct format *f;
        struct cli_base64 json;
        enum bdfs_status rc;
        size_t n;

        if (bdfs_read(file, first, sizeof(first), &n, err) != BDFS_OK)
                return err->status;
        bdfs_seek(file, 0);
        f = format_of(first, n);
        if (f != NULL && f->program == NULL)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "`%s': is %s, which is not turned into "
                                 "text here; cat gives its bytes", it->text, f->name);
        if (cli->json)
                cli_json_bytes_begin(&json, cli, it->text);
        rc = f == NULL ? plain(cli, file, cli->json ? &json : NULL, err)
                       : decompress(cli, it, f, file, cli->json ? &json : NULL, err);
        if (cli->json)
                cli_json_bytes_end(&json);
        return rc;
}

static enum bdfs_status text_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct bdfs_file *file;
        struct bdfs_err ignored;
        enum bdfs_status rc;

        if (cli_item_is_directory(it))
                return cli_item_fail(it, BDFS_IS_DIRECTORY, err);
        if (bdfs_open(it->fs, it->path, &file, err) != BDFS_OK)
                return cli_item_reword(it, err);
        rc = text_open(arg, it, file, err);
        BDFS_IGNORE(bdfs_close(file, &ignored)); /* of a reader: nothing can fail */
        return rc;
}

int cmd_text(struct cli *cli, int argc, char **argv)
{
        bool ignore = false;
        const struct cli_option options[] = {{"ignoreCrc", &ignore, NULL}, {NULL, NULL, NULL}};
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        cli->options.ignore_checksums = ignore;
        if (cli->json)
                cli_json_begin(cli);
        rc = cli_walk_all(cli, argc, argv, false, text_visit, cli);
        if (cli->json)
                cli_json_end(cli);
        return rc;
}
