/* bdfs-mount: options, the cluster, the background, the mount. */
#include <signal.h>
#include <stdio.h>

#include "common/log.h"
#include "common/std_fds.h"
#include "fuse/daemon.h"
#include "fuse/session.h"

static int complain(const struct bdfs_err *err)
{
        (void)fprintf(stderr, "bdfs-mount: %s\n", err->text);
        return bdfs_status_exit(err->status);
}

/* Is there a cluster, and may the mount's owner use it? */
static enum bdfs_status ask_cluster(struct mount *m, struct bdfs_err *err)
{
        struct bdfs_stat st;
        struct conn *conn;
        enum bdfs_status rc = conns_get(m->conns, os_own_uid(), &conn, err);

        if (rc != BDFS_OK)
                return rc;
        rc = bdfs_lstat(conn->fs, "/", &st, err);
        if (rc == BDFS_OK)
                bdfs_stat_fini(&st);
        conns_put(m->conns, conn);
        return rc;
}

static void is_ready(void *arg)
{
        log_info("ready");
        daemon_ready(arg);
}

static enum bdfs_status serve(const struct mount_options *o, struct bdfs_err *err)
{
        struct daemon d = {.ready_fd = -1, .log_fd = -1};
        struct mount m;
        enum bdfs_status rc;

        if (!o->foreground && daemon_begin(&d, o->log, err) != BDFS_OK)
                return err->status;
        rc = mount_init(&m, o, err);
        if (rc == BDFS_OK)
                rc = ask_cluster(&m, err);
        if (rc == BDFS_OK)
                rc = session_run(&m, is_ready, &d, err);
        mount_fini(&m);
        return rc;
}

int main(int argc, char **argv)
{
        struct mount_options o;
        struct bdfs_err err;
        bool help;
        int code;

        std_fds_complete();
        log_open("bdfs-mount", LOG_LEVEL_INFO);
        if (options_parse(argc, argv, &o, &help, &err) != BDFS_OK) {
                code = complain(&err);
                if (err.status == BDFS_USAGE)
                        (void)fprintf(stderr, "  bdfs mount --help says what there is\n");
                return code;
        }
        if (help)
                return std_fds_finish("bdfs-mount", 0);
        (void)signal(SIGPIPE, SIG_IGN);
        if (o.verbose)
                log_open("bdfs-mount", LOG_LEVEL_DEBUG);
        code = serve(&o, &err) == BDFS_OK ? 0 : complain(&err);
        options_fini(&o);
        return code;
}
