#include "common/service.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "common/confine.h"
#include "common/help.h"
#include "common/log.h"
#include "common/mdoc.h"
#include "common/signals.h"
#include "common/std_fds.h"

static const char options[] =
        "--conf FILE\tthe configuration\n"
        "-n\tcheck it and exit\n"
        "--print-config\tprint what it and the defaults say\n";

static int usage(const struct service *s, int code)
{
        FILE *to = code == 0 ? stdout : stderr;

        (void)fprintf(to, "usage: %s --conf FILE [-n | --print-config]\n\n%s\n\n", s->name,
                      s->what);
        help_options(options, to);
        (void)fprintf(to, "\nKeys of FILE:\n");
        conf_help(s->table, s->table_n, to);
        return code;
}

static int manual(const struct service *s)
{
        mdoc_head(s->name, 8, s->what, stdout);
        (void)printf(".Sh SYNOPSIS\n.Nm\n.Fl \\-conf Ar file\n.Op Fl n | Fl \\-print\\-config\n"
                     ".Sh DESCRIPTION\n");
        mdoc_paragraph("It runs in the foreground, logs to standard error, and ends orderly on "
                       "SIGTERM.", stdout);
        mdoc_options(options, stdout);
        (void)printf(".Ss Keys of the configuration\nThe file is as\n.Xr bdfs.conf 5\nsays.\n");
        conf_man(s->table, s->table_n, stdout);
        (void)printf(".Sh SEE ALSO\n.Xr bdfs 1 ,\n.Xr bdfs.conf 5\n");
        return 0;
}

static int serve(const struct service *s, const void *conf)
{
        const struct service_log *log = (const void *)((const char *)conf + s->log_at);
        struct bdfs_err err;

        confine(s->keeps);
        if (log->path[0] != '\0' && log_to_file(log->path, (uint64_t)log->bytes, &err) != BDFS_OK)
                return service_cannot(&err);
        return s->serve(conf);
}

static int service_run(const struct service *s, void *conf, int argc, char **argv)
{
        struct bdfs_err err;
        int rc = 0;

        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(s, 0);
        if (argc == 2 && strcmp(argv[1], "--man") == 0)
                return manual(s);
        if (argc < 3 || argc > 4 || strcmp(argv[1], "--conf") != 0)
                return usage(s, 2);
        if (conf_load(s->table, s->table_n, argv[2], conf, &err) != BDFS_OK) {
                log_error("%s", err.text);
                return bdfs_status_exit(err.status);
        }
        if (argc == 4 && strcmp(argv[3], "--print-config") == 0)
                conf_print(s->table, s->table_n, conf, stdout);
        else if (argc == 3)
                rc = serve(s, conf);
        else if (strcmp(argv[3], "-n") != 0)
                rc = usage(s, 2);
        conf_free(s->table, s->table_n, conf);
        return rc;
}

int service_main(const struct service *s, void *conf, int argc, char **argv)
{
        std_fds_complete();
        log_open(s->name, LOG_LEVEL_INFO);
        return std_fds_finish(s->name, service_run(s, conf, argc, argv));
}

void service_signals(void)
{
        sigset_t set = signals_that_end(false);

        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
}

void service_raise_files(void)
{
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) != 0)
                return;
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* refused: it serves fewer at once */
}

void service_wait(void)
{
        sigset_t set = signals_that_end(false);
        int got;

        while ((got = sigwaitinfo(&set, NULL)) < 0 && errno == EINTR)
                ;
        log_info("stopping signal=%d", got);
}

int service_cannot(const struct bdfs_err *err)
{
        log_error("cannot start: %s", err->text);
        return bdfs_status_exit(err->status);
}
