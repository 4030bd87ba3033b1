/* Connections, errors and exit codes, standard output. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_interrupt.h"

/* ---- connections ----------------------------------------------------------------------------- */

static bool same_uri(const char *a, const char *b)
{
        return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

enum bdfs_status cli_connect_uri(struct cli *cli, const char *uri, struct bdfs **ret,
                                 struct bdfs_err *err)
{
        struct bdfs_options options = cli->options;
        struct cli_connection *c;

        if (uri == NULL)
                uri = cli->options.uri;
        for (size_t i = 0; i < cli->connections_n; i++) {
                /* the cluster of the configuration has a name, too */
                if (same_uri(cli->connections[i].uri, uri) ||
                    same_uri(bdfs_uri(cli->connections[i].fs), uri)) {
                        *ret = cli->connections[i].fs;
                        return BDFS_OK;
                }
        }
        if (cli->connections_n == CLI_CONNECTIONS_MAX)
                return bdfs_fail(err, BDFS_USAGE, "more than %d clusters in one command",
                                 CLI_CONNECTIONS_MAX);
        c = &cli->connections[cli->connections_n];
        options.uri = uri;
        if (bdfs_connect(&c->fs, &options, err) != BDFS_OK)
                return err->status;
        c->uri = uri == NULL ? NULL : strdup(uri);
        cli->connections_n++;
        *ret = c->fs;
        return BDFS_OK;
}

enum bdfs_status cli_connect(struct cli *cli, struct bdfs_err *err)
{
        return cli->fs != NULL ? BDFS_OK : cli_connect_uri(cli, NULL, &cli->fs, err);
}

void cli_disconnect(struct cli *cli)
{
        for (size_t i = 0; i < cli->connections_n; i++) {
                bdfs_disconnect(cli->connections[i].fs);
                free(cli->connections[i].uri);
        }
        cli->connections_n = 0;
        cli->fs = NULL;
}

/* ---- what went wrong ------------------------------------------------------------------------- */

static const char *name_of(const struct cli *cli)
{
        return cli->verb == NULL ? cli->program : cli->verb->name;
}

/* One line, without bytes that a terminal would obey: names and servers' texts are not ours. */
static void say_as(struct cli *cli, const char *name, const char *text)
{
        char line[BDFS_ERR_TEXT_BYTES + 8];
        size_t n = 0;

        for (; text[n] != '\0' && text[n] != '\n' && n < sizeof(line) - 1; n++)
                line[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
        line[n] = '\0';
        if (fflush(stdout) != 0) /* said at the end, whatever else fails until then */
                cli->stdout_errno = errno;
        (void)fprintf(stderr, "%s%s%s\n", name, name[0] == '\0' ? "" : ": ", line);
}

static void say(struct cli *cli, const char *text)
{
        say_as(cli, name_of(cli), text);
}

static void vsay(struct cli *cli, const char *format, va_list ap)
{
        char text[BDFS_ERR_TEXT_BYTES];

        (void)vsnprintf(text, sizeof(text), format, ap);
        say(cli, text);
}

int cli_usage(struct cli *cli, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsay(cli, format, ap);
        va_end(ap);
        if (cli->verb != NULL)
                (void)fprintf(stderr, "usage: %s %s %s\n", cli->program, cli->verb->name,
                              cli->verb->usage);
        return bdfs_status_exit(BDFS_USAGE);
}

void cli_warn(struct cli *cli, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsay(cli, format, ap);
        va_end(ap);
}

void cli_note(struct cli *cli, const char *format, ...)
{
        char text[BDFS_ERR_TEXT_BYTES];
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        say_as(cli, "", text);
}

const char *cli_hint(enum bdfs_status status)
{
        switch ((int)status) {
        case BDFS_UNAVAILABLE:
        case BDFS_CLOSED:
                return "is the cluster running? `bdfs doctor` looks for the cause; a second try "
                       "may help";
        case BDFS_TIMEOUT:
                return "the server may be busy or hung; --timeout SECONDS waits longer";
        case BDFS_SAFE_MODE:
                return "it gathers reports (`bdfs admin safemode wait`), or an administrator wants "
                       "it so (`bdfs admin safemode leave`)";
        case BDFS_NOT_REPLICATED:
                return "too few datanodes answer; `bdfs admin report` lists them";
        case BDFS_BEING_CREATED:
                return "its writer must close it, or its lease must end, minutes after the writer "
                       "died";
        case BDFS_REPLACED:
                return "a second try reads what is there now";
        case BDFS_NO_SPACE:
                return "if it is the cluster that is full: `bdfs admin report` shows what each "
                       "datanode has left; each keeps some free (space_floor)";
        case BDFS_CORRUPT:
                return "`bdfs fsck PATH` shows which blocks have no good replica";
        case BDFS_NO_METHOD:
        case BDFS_NO_PROTOCOL:
                return "the server does not offer this call; bdfs's own port does";
        default:
                return NULL;
        }
}

const char *cli_hint_local(enum bdfs_status status)
{
        if (status == BDFS_NO_SPACE || status == BDFS_QUOTA)
                return "it is the disk on this machine that is full, not the cluster: make room "
                       "there, or write elsewhere";
        return cli_hint(status);
}

void cli_error_hint(struct cli *cli, const struct bdfs_err *err, const char *hint)
{
        AUTO_LOCK(&cli->lock);

        if (cli->interrupted)
                return;
        if (cli->failed++ == 0)
                cli->first_code = bdfs_status_exit(err->status);
        say(cli, err->text);
        if (hint != NULL)
                (void)fprintf(stderr, "  %s\n", hint);
}

void cli_error(struct cli *cli, const struct bdfs_err *err)
{
        cli_error_hint(cli, err, cli_hint(err->status));
}

void cli_done(struct cli *cli)
{
        AUTO_LOCK(&cli->lock);

        cli->done++;
}

void cli_nothing_done(struct cli *cli)
{
        AUTO_LOCK(&cli->lock);

        cli->done = 0;
}

int cli_exit(struct cli *cli)
{
        AUTO_LOCK(&cli->lock);

        if (cli->failed == 0)
                return 0;
        return cli->done > 0 ? bdfs_status_exit(BDFS_PARTIAL) : cli->first_code;
}

/* ---- standard output ------------------------------------------------------------------------- */

static _Noreturn void stdout_failed(struct cli *cli, int eno)
{
        if (eno == EPIPE && !cli->pipe_ignored)
                cli_interrupt_die(SIGPIPE);
        cli_interrupt_clean();
        (void)fprintf(stderr, "%s: standard output: %s\n", name_of(cli), strerrordesc_np(eno));
        if (cli_hint_local(bdfs_status_of_errno(eno)) != NULL)
                (void)fprintf(stderr, "  %s\n", cli_hint_local(bdfs_status_of_errno(eno)));
        _exit(eno == EPIPE ? 1 : bdfs_status_exit(bdfs_status_of_errno(eno)));
}

void cli_print(struct cli *cli, const char *format, ...)
{
        va_list ap;
        int n;

        va_start(ap, format);
        n = vfprintf(stdout, format, ap);
        va_end(ap);
        if (n < 0)
                stdout_failed(cli, errno);
}

void cli_write(struct cli *cli, const void *bytes, size_t n)
{
        if (n > 0 && fwrite(bytes, 1, n, stdout) != n)
                stdout_failed(cli, errno);
}

void cli_flush(struct cli *cli)
{
        if (fflush(stdout) != 0)
                stdout_failed(cli, errno);
        if (cli->stdout_errno != 0)
                stdout_failed(cli, cli->stdout_errno);
}

int cli_finish(struct cli *cli, int code)
{
        cli_flush(cli);
        if (ferror(stdout) != 0) /* by a print whose result nobody looked at */
                stdout_failed(cli, EIO);
        if (fclose(stdout) != 0)
                stdout_failed(cli, errno);
        return code;
}
