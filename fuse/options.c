#include "fuse/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/limits.h"

static const char help_text[] =
        "usage: bdfs-mount [--conf FILE] [options] MOUNTPOINT\n"
        "\n"
        "Mounts a bdfs cluster, or an Apache HDFS, at the directory MOUNTPOINT and goes to the\n"
        "background when it can be used. `bdfs umount MOUNTPOINT` ends it.\n"
        "\n"
        "  --conf FILE        client.conf of the cluster ($BDFS_CONF and the usual places if not)\n"
        "  --uri URI          hdfs://host:port or bdfs://NAME\n"
        "  --user NAME        act as NAME for every operation, and serve only the mount's owner\n"
        "  --timeout SECONDS  how long an operation may take (30)\n"
        "  --log FILE         where the log goes once in the background (nowhere)\n"
        "  -o OPTION,...      options of mount(8) and fuse(8), such as ro\n"
        "  -f                 stay in the foreground, log to stderr\n"
        "  -v                 log every failed operation\n"
        "\n"
        "A mount of root's acts for each calling user by name (`nobody' when the user has none);\n"
        "any other serves only its owner.\n";

enum long_option { O_CONF = 256, O_URI, O_USER, O_TIMEOUT, O_LOG, O_HELP, O_VERSION };

static const struct option long_options[] = {
        {"conf", required_argument, NULL, O_CONF},
        {"uri", required_argument, NULL, O_URI},
        {"user", required_argument, NULL, O_USER},
        {"timeout", required_argument, NULL, O_TIMEOUT},
        {"log", required_argument, NULL, O_LOG},
        {"help", no_argument, NULL, O_HELP},
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
                (void)fputs(help_text, stdout);
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
