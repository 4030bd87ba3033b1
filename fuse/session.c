#include "fuse/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/log.h"

#define OPTION_BYTES 1024

/* ---- when it answers ------------------------------------------------------------------------- */

struct watch { /* a thread that uses the mount once it is there */
        struct mount *m;
        struct os_thread *thread;
        void (*ready)(void *arg);
        void *arg;
};

/* Only here can the kernel be told to read ahead further than its 128 KiB, and only by root. */
static void read_ahead(dev_t device)
{
        char path[80];
        FILE *f;

        (void)snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(device),
                       minor(device));
        f = fopen(path, "we");
        if (f == NULL)
                return; /* not root: the daemon's stream still runs ahead */
        (void)fprintf(f, "%u\n", MOUNT_IO_BYTES / 1024);
        if (fclose(f) != 0)
                log_info("read-ahead stays as it is path=%s", path);
}

static void use_mount(void *arg)
{
        struct watch *w = arg;
        struct stat st;

        /* also makes sure that the kernel has taken the answer to its hello */
        if (stat(w->m->options->mountpoint, &st) == 0)
                read_ahead(st.st_dev);
        w->ready(w->arg);
}

static void start_watch(void *arg)
{
        struct watch *w = arg;
        struct bdfs_err err;

        if (w->thread == NULL &&
            os_thread_start(&w->thread, "ready", use_mount, w, &err) != BDFS_OK)
                w->ready(w->arg);
}

/* ---- the session ----------------------------------------------------------------------------- */

/* A name for /proc/mounts: no comma or backslash can be in it. */
static void fill_options(const struct mount *m, const char *uri, char to[OPTION_BYTES])
{
        const char *extra = m->options->fuse;

        (void)snprintf(to, OPTION_BYTES, "fsname=%s,subtype=bdfs%s%s%s", uri,
                       m->everybody ? ",allow_other" : "", extra == NULL ? "" : ",",
                       extra == NULL ? "" : extra);
}

static enum bdfs_status make_session(struct mount *m, struct bdfs_err *err)
{
        char program[] = "bdfs-mount", o[] = "-o", options[OPTION_BYTES], uri[512];
        char *argv[] = {program, o, options, NULL};
        struct fuse_args args = FUSE_ARGS_INIT(3, argv);
        struct conn *conn;

        if (conns_get(m->conns, os_own_uid(), &conn, err) != BDFS_OK)
                return err->status;
        (void)snprintf(uri, sizeof(uri), "%s", bdfs_uri(conn->fs));
        conns_put(m->conns, conn);
        for (char *c = uri; *c != '\0'; c++) {
                if (*c == ',' || *c == '\\')
                        *c = '_';
        }
        fill_options(m, uri, options);
        m->session = fuse_session_new(&args, &mount_operations, sizeof(mount_operations), m);
        fuse_opt_free_args(&args);
        return m->session != NULL
                       ? BDFS_OK
                       : bdfs_fail(err, BDFS_USAGE, "libfuse refuses the options %s", options);
}

static enum bdfs_status loop(struct mount *m, struct bdfs_err *err)
{
        struct fuse_loop_config *config = fuse_loop_cfg_create();
        int rc;

        if (config == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        fuse_loop_cfg_set_max_threads(config, MOUNT_THREADS);
        fuse_loop_cfg_set_idle_threads(config, MOUNT_THREADS / 4);
        fuse_loop_cfg_set_clone_fd(config, 0);
        rc = fuse_session_loop_mt(m->session, config);
        fuse_loop_cfg_destroy(config);
        if (rc >= 0)
                return BDFS_OK; /* unmounted, or a signal */
        return bdfs_fail_errno(err, -rc, "the mount at %s ended", m->options->mountpoint);
}

enum bdfs_status session_run(struct mount *m, void (*ready)(void *arg), void *arg,
                             struct bdfs_err *err)
{
        struct watch w = {.m = m, .ready = ready, .arg = arg};
        enum bdfs_status rc;

        if (make_session(m, err) != BDFS_OK)
                return err->status;
        m->ready = start_watch;
        m->ready_arg = &w;
        if (fuse_set_signal_handlers(m->session) != 0) {
                fuse_session_destroy(m->session);
                return bdfs_fail(err, BDFS_FAILED, "cannot set signal handlers");
        }
        if (fuse_session_mount(m->session, m->options->mountpoint) != 0) {
                rc = bdfs_fail(err, BDFS_FAILED, "cannot mount at %s (see above)",
                               m->options->mountpoint);
        } else {
                rc = loop(m, err);
                fuse_session_unmount(m->session);
        }
        if (w.thread != NULL)
                os_thread_join(w.thread);
        fuse_remove_signal_handlers(m->session);
        fuse_session_destroy(m->session);
        m->session = NULL;
        return rc;
}
