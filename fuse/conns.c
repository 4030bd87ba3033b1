#include "fuse/conns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conns {
        struct bdfs_options options;
        struct ids *ids;     /* NULL: one user */
        struct os_mutex lock;
        struct conn *list;   /* guarded by: lock */
        size_t n;            /* guarded by: lock */
        int64_t swept_ms;    /* guarded by: lock */
};

#define CONNS_SWEEP_MS 10000

enum bdfs_status conns_new(struct conns **ret, const struct bdfs_options *options, struct ids *ids,
                           struct bdfs_err *err)
{
        struct conns *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        c->options = *options;
        c->ids = ids;
        os_mutex_init(&c->lock);
        *ret = c;
        return BDFS_OK;
}

/* ---- ending them ----------------------------------------------------------------------------- */

static void end_all(struct conn *list)
{
        while (list != NULL) {
                struct conn *next = list->next;

                bdfs_disconnect(list->fs);
                free(list);
                list = next;
        }
}

void conns_free(struct conns *c)
{
        if (c == NULL)
                return;
        for (const struct conn *one = c->list; one != NULL; one = one->next)
                BDFS_ASSERT(one->refs == 0);
        end_all(c->list);
        os_mutex_fini(&c->lock);
        free(c);
}

/* Take the unused ones off the list that were last used before @before_ms; with the lock held. */
static struct conn *take_idle(struct conns *c, int64_t before_ms)
{
        struct conn *idle = NULL;

        for (struct conn **at = &c->list; *at != NULL;) {
                struct conn *one = *at;

                if (one->refs > 0 || one->used_ms >= before_ms) {
                        at = &one->next;
                        continue;
                }
                *at = one->next;
                one->next = idle;
                idle = one;
                c->n--;
        }
        return idle;
}

/* Room for one more: the unused one that rested longest goes, if it must; with the lock held. */
static struct conn *make_room(struct conns *c)
{
        int64_t oldest = INT64_MAX;

        if (c->n < CONNS_MAX)
                return NULL;
        for (const struct conn *one = c->list; one != NULL; one = one->next) {
                if (one->refs == 0 && one->used_ms < oldest)
                        oldest = one->used_ms;
        }
        return oldest == INT64_MAX ? NULL : take_idle(c, oldest + 1);
}

/* ---- getting one ----------------------------------------------------------------------------- */

static enum bdfs_status add(struct conns *c, const char *user, struct conn **ret,
                            struct bdfs_err *err)
{
        struct bdfs_options o = c->options;
        struct conn *one;

        if (c->n >= CONNS_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "%d users are at work already", CONNS_MAX);
        one = calloc(1, sizeof(*one));
        if (one == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        (void)snprintf(one->user, sizeof(one->user), "%s", user);
        if (c->ids != NULL)
                o.user = one->user;
        if (bdfs_connect(&one->fs, &o, err) != BDFS_OK) {
                free(one);
                return err->status;
        }
        one->next = c->list;
        c->list = one;
        c->n++;
        *ret = one;
        return BDFS_OK;
}

enum bdfs_status conns_get(struct conns *c, uid_t uid, struct conn **ret, struct bdfs_err *err)
{
        char user[OS_NAME_BYTES] = "";
        struct conn *one, *idle = NULL;
        enum bdfs_status rc = BDFS_OK;
        int64_t now = os_mono_ms();

        if (c->ids != NULL)
                ids_caller(c->ids, uid, user);
        os_mutex_lock(&c->lock);
        for (one = c->list; one != NULL && strcmp(one->user, user) != 0; one = one->next)
                ;
        if (one == NULL) {
                idle = make_room(c);
                rc = add(c, user, &one, err);
        }
        if (rc == BDFS_OK) {
                one->refs++;
                one->used_ms = now;
                *ret = one;
        }
        if (idle == NULL && now - c->swept_ms > CONNS_SWEEP_MS) {
                c->swept_ms = now;
                idle = take_idle(c, now - CONNS_IDLE_MS);
        }
        os_mutex_unlock(&c->lock);
        end_all(idle);
        return rc;
}

struct conn *conns_ref(struct conns *c, struct conn *conn)
{
        AUTO_LOCK(&c->lock);

        conn->refs++;
        return conn;
}

void conns_put(struct conns *c, struct conn *conn)
{
        if (conn == NULL)
                return;
        os_mutex_lock(&c->lock);
        BDFS_ASSERT(conn->refs > 0);
        conn->refs--;
        conn->used_ms = os_mono_ms();
        os_mutex_unlock(&c->lock);
}
