#include "fuse/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/help.h"
#include "common/limits.h"
#include "common/mdoc.h"
#include "fuse/mount_help.h"

#define WHAT "mount a bdfs cluster, or an Apache HDFS, as a directory"

static void help(void)
{
        (void)printf("usage: bdfs-mount [--conf FILE] [options] DIR\n\n" WHAT "\n\n");
        help_options(MOUNT_HELP_OPTIONS, stdout);
        (void)printf("\n");
        help_text(MOUNT_HELP_TEXT, stdout);
}

static void manual(void)
{
        mdoc_head("bdfs-mount", 8, WHAT, stdout);
        (void)printf(".Sh SYNOPSIS\n.Nm\n.Op Fl \\-conf Ar file\n.Op Ar options\n.Ar dir\n"
                     ".Sh DESCRIPTION\n");
        mdoc_paragraph(MOUNT_HELP_TEXT, stdout);
        mdoc_options(MOUNT_HELP_OPTIONS, stdout);
        (void)printf(".Sh SEE ALSO\n.Xr bdfs\\-mount 1 ,\n.Xr bdfs\\-umount 1\n");
}

enum long_option { O_CONF = 256, O_URI, O_USER, O_TIMEOUT, O_LOG, O_HELP, O_MAN, O_VERSION };

static const struct option long_options[] = {
        {"conf", required_argument, NULL, O_CONF},
        {"uri", required_argument, NULL, O_URI},
        {"user", required_argument, NULL, O_USER},
        {"timeout", required_argument, NULL, O_TIMEOUT},
        {"log", required_argument, NULL, O_LOG},
        {"help", no_argument, NULL, O_HELP},
        {"man", no_argument, NULL, O_MAN},
        {"version", no_argument, NULL, O_VERSION},
        {NULL, 0, NULL, 0},
};

/* What is wrong, or NULL. */
static const char *take_option(struct mount_options *o, int option, const char *value,
                               bool *ret_help)
{
        long seconds;

        switch (option) {
        case O_CONF:
                o->connect.conf = value;
                return NULL;
        case O_URI:
                o->connect.uri = value;
                return NULL;
        case O_USER:
                o->connect.user = value;
                return value[0] == '\0' ? "--user wants a name" : NULL;
        case O_TIMEOUT:
                seconds = strtol(value, NULL, 10);
                if (seconds < 1 || seconds > 3600)
                        return "--timeout wants seconds from 1 to 3600";
                o->connect.timeout_ms = 1000 * seconds;
                return NULL;
        case O_LOG:
                o->log = value;
                return NULL;
        case O_HELP:
                *ret_help = true;
                help();
                return NULL;
        case O_MAN:
                *ret_help = true;
                manual();
                return NULL;
        case O_VERSION:
                *ret_help = true;
                (void)printf("bdfs-mount %s\n", BDFS_VERSION);
                return NULL;
        case 'o':
                if (o->fuse != NULL)
                        return "-o may be given once: separate options by commas";
                o->fuse = value;
                return NULL;
        case 'f':
                o->foreground = true;
                return NULL;
        case 'v':
                o->verbose = true;
                return NULL;
        default:
                return "unknown option, or one without its value";
        }
}

static enum bdfs_status absolute(const char *path, char **ret, struct bdfs_err *err)
{
        *ret = realpath(path, NULL);
        return *ret == NULL ? bdfs_fail_errno(err, errno, "%s", path) : BDFS_OK;
}

/* Paths must be absolute: the working directory of a daemon is /. */
static enum bdfs_status resolve(struct mount_options *o, const char *mountpoint,
                                struct bdfs_err *err)
{
        const char *env = getenv("BDFS_CONF");

        if (o->connect.conf == NULL && env != NULL && env[0] != '\0')
                o->connect.conf = env;
        if (o->connect.conf != NULL && absolute(o->connect.conf, &o->conf, err) != BDFS_OK)
                return err->status;
        o->connect.conf = o->conf;
        return absolute(mountpoint, &o->mountpoint, err);
}

enum bdfs_status options_parse(int argc, char **argv, struct mount_options *ret, bool *ret_help,
                               struct bdfs_err *err)
{
        struct mount_options o = {.connect.timeout_ms = OPTIONS_TIMEOUT_MS,
                                  .connect.wait_safe_mode = true};
        int option;

        *ret_help = false;
        opterr = 0;
        while ((option = getopt_long(argc, argv, "o:fv", long_options, NULL)) != -1) {
                const char *why = take_option(&o, option, optarg, ret_help);

                if (why != NULL && option == '?')
                        return bdfs_fail(err, BDFS_USAGE, "%s: %s", argv[optind - 1], why);
                if (why != NULL)
                        return bdfs_fail(err, BDFS_USAGE, "%s", why);
                if (*ret_help)
                        return BDFS_OK;
        }
        if (optind + 1 != argc)
                return bdfs_fail(err, BDFS_USAGE, "one directory to mount at is needed");
        if (resolve(&o, argv[optind], err) != BDFS_OK) {
                options_fini(&o);
                return err->status;
        }
        *ret = o;
        return BDFS_OK;
}

void options_fini(struct mount_options *o)
{
        free(o->conf);
        free(o->mountpoint);
        o->conf = o->mountpoint = NULL;
}
