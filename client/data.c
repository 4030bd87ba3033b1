#include "client/data.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

#define READ_AHEAD_BYTES 4096

struct data_pool {
        uid_t owner;
        struct os_mutex lock;
        struct data_conn *idle; /* guarded by: lock; newest first */
        size_t n;               /* guarded by: lock */
        struct {
                struct os_addr addr;
                int64_t until_ms;
        } suspects[DATA_SUSPECTS]; /* guarded by: lock */
        size_t next_suspect;       /* guarded by: lock */
};

enum bdfs_status data_pool_new(struct data_pool **ret, uid_t owner, struct bdfs_err *err)
{
        struct data_pool *p = calloc(1, sizeof(*p));

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        os_mutex_init(&p->lock);
        p->owner = owner;
        *ret = p;
        return BDFS_OK;
}

void data_drop(struct data_conn *c)
{
        if (c == NULL)
                return;
        os_sock_close(c->sock);
        buf_fini(&c->in);
        free(c);
}

void data_pool_free(struct data_pool *p)
{
        if (p == NULL)
                return;
        while (p->idle != NULL) {
                struct data_conn *c = p->idle;

                p->idle = c->next;
                data_drop(c);
        }
        os_mutex_fini(&p->lock);
        free(p);
}

/* Take an idle connection to @addr; drops those that are too old on the way. */
static struct data_conn *take_idle(struct data_pool *p, const struct os_addr *addr)
{
        int64_t now = os_mono_ms();
        struct data_conn **at = &p->idle, *found = NULL, *old = NULL;

        os_mutex_lock(&p->lock);
        while (*at != NULL) {
                struct data_conn *c = *at;

                if (now - c->idle_since_ms > DATA_POOL_KEEP_MS) {
                        *at = c->next;
                        c->next = old;
                        old = c;
                        p->n--;
                } else if (found == NULL && c->addr.port == addr->port &&
                           strcmp(c->addr.host, addr->host) == 0) {
                        *at = c->next;
                        found = c;
                        p->n--;
                } else {
                        at = &c->next;
                }
        }
        os_mutex_unlock(&p->lock);
        while (old != NULL) {
                struct data_conn *c = old;

                old = c->next;
                data_drop(c);
        }
        return found;
}

enum bdfs_status data_get(struct data_pool *p, const struct os_addr *addr, bool fresh,
                          int64_t deadline_ms, struct data_conn **ret, struct bdfs_err *err)
{
        struct data_conn *c = fresh ? NULL : take_idle(p, addr);

        if (c != NULL) {
                c->reused = true;
                *ret = c;
                return BDFS_OK;
        }
        c = calloc(1, sizeof(*c));
        if (c == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        c->addr = *addr;
        buf_init(&c->in, 0);
        if (server_connect(&c->sock, addr, p->owner, deadline_ms, err) != BDFS_OK) {
                free(c);
                return bdfs_wrap(err, "datanode %s:%u", addr->host, addr->port);
        }
        *ret = c;
        return BDFS_OK;
}

void data_put(struct data_pool *p, struct data_conn *c)
{
        bool full;

        if (c->in_at != c->in.n) { /* the peer said more than it should */
                data_drop(c);
                return;
        }
        c->idle_since_ms = os_mono_ms();
        os_mutex_lock(&p->lock);
        full = p->n >= DATA_POOL_MAX;
        if (!full) {
                c->next = p->idle;
                p->idle = c;
                p->n++;
        }
        os_mutex_unlock(&p->lock);
        if (full)
                data_drop(c);
}

static bool same_addr(const struct os_addr *a, const struct os_addr *b)
{
        return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void data_suspect(struct data_pool *p, const struct os_addr *addr)
{
        AUTO_LOCK(&p->lock);
        size_t i = 0;

        while (i < DATA_SUSPECTS && !same_addr(&p->suspects[i].addr, addr))
                i++;
        if (i == DATA_SUSPECTS)
                i = p->next_suspect++ % DATA_SUSPECTS;
        p->suspects[i].addr = *addr;
        p->suspects[i].until_ms = os_mono_ms() + DATA_SUSPECT_MS;
}

bool data_is_suspect(struct data_pool *p, const struct os_addr *addr)
{
        int64_t now = os_mono_ms();
        AUTO_LOCK(&p->lock);

        for (size_t i = 0; i < DATA_SUSPECTS; i++) {
                if (p->suspects[i].until_ms > now && same_addr(&p->suspects[i].addr, addr))
                        return true;
        }
        return false;
}

/* ---- sending --------------------------------------------------------------------------------- */

enum bdfs_status data_send_op(struct data_conn *c, enum transfer_op op,
                              const ProtobufCMessage *message, int64_t deadline_ms,
                              struct bdfs_err *err)
{
        struct buf b;
        enum bdfs_status rc;

        buf_init(&b, 0);
        transfer_op_encode(&b, op, message);
        if (b.bad)
                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        else
                rc = os_sock_write(c->sock, b.data, b.n, deadline_ms, err);
        buf_fini(&b);
        return rc;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Have at least @n unread bytes in c->in; may read some more. */
static enum bdfs_status fill(struct data_conn *c, size_t n, int64_t deadline_ms,
                             struct bdfs_err *err)
{
        if (c->in_at == c->in.n) {
                c->in_at = 0;
                buf_reset(&c->in);
        }
        while (c->in.n - c->in_at < n) {
                size_t missing = n - (c->in.n - c->in_at), got;
                size_t room = missing > READ_AHEAD_BYTES ? missing : READ_AHEAD_BYTES;
                size_t before = c->in.n;
                uint8_t *to = buf_grow(&c->in, room);

                if (to == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                c->in.n = before;
                if (os_sock_read_some(c->sock, to, room, &got, deadline_ms, err) != BDFS_OK)
                        return bdfs_wrap(err, "datanode %s:%u", c->addr.host, c->addr.port);
                if (got == 0)
                        return bdfs_fail(err, BDFS_CLOSED, "datanode %s:%u closed the connection",
                                         c->addr.host, c->addr.port);
                c->in.n += got;
        }
        return BDFS_OK;
}

enum bdfs_status data_recv_message(struct data_conn *c, const ProtobufCMessageDescriptor *type,
                                   int64_t deadline_ms, void **ret, struct bdfs_err *err)
{
        size_t want = 1;

        for (;;) {
                struct message_span span;

                if (fill(c, want, deadline_ms, err) != BDFS_OK ||
                    message_delimited(c->in.data + c->in_at, c->in.n - c->in_at,
                                      TRANSFER_MESSAGE_BYTES_MAX, &span, err) != BDFS_OK)
                        return err->status;
                if (span.need > 0) {
                        want = c->in.n - c->in_at + span.need;
                        continue;
                }
                *ret = message_unpack(type, span.message, span.message_n, err);
                c->in_at += span.total;
                return *ret == NULL ? err->status : BDFS_OK;
        }
}

enum bdfs_status data_recv_reply(struct data_conn *c, int64_t deadline_ms,
                                 Hadoop__BlockOpResponseProto **ret, struct bdfs_err *err)
{
        Hadoop__BlockOpResponseProto *r;
        void *m;

        if (data_recv_message(c, &hadoop__block_op_response_proto__descriptor, deadline_ms, &m,
                              err) != BDFS_OK)
                return err->status;
        r = m;
        if (r->status != HADOOP__STATUS__SUCCESS) {
                bool has_text = r->message != NULL && r->message[0] != '\0';
                bool has_link = r->firstbadlink != NULL && r->firstbadlink[0] != '\0';

                (void)bdfs_fail(err, transfer_reply_status(r), "datanode %s:%u: %s%s%s%s%s",
                                c->addr.host, c->addr.port, transfer_status_name(r->status),
                                has_text ? ": " : "", has_text ? r->message : "",
                                has_link ? "; first bad node " : "",
                                has_link ? r->firstbadlink : "");
                message_free(r);
                return err->status;
        }
        *ret = r;
        return BDFS_OK;
}

enum bdfs_status data_recv_packet(struct data_conn *c, int64_t deadline_ms,
                                  struct transfer_packet *ret, struct bdfs_err *err)
{
        size_t want = TRANSFER_HEAD_BYTES_MIN;

        for (;;) {
                size_t head, need;

                if (fill(c, want, deadline_ms, err) != BDFS_OK ||
                    transfer_packet_decode(c->in.data + c->in_at, c->in.n - c->in_at, ret, &head,
                                           &need, err) != BDFS_OK)
                        return err->status;
                if (need == 0) {
                        c->in_at += head;
                        return BDFS_OK;
                }
                want = c->in.n - c->in_at + need;
        }
}

enum bdfs_status data_recv_bytes(struct data_conn *c, void *to, size_t n, int64_t deadline_ms,
                                 struct bdfs_err *err)
{
        size_t here = c->in.n - c->in_at;

        if (here > n)
                here = n;
        if (here > 0) {
                memcpy(to, c->in.data + c->in_at, here);
                c->in_at += here;
        }
        if (here == n)
                return BDFS_OK;
        if (os_sock_read(c->sock, (uint8_t *)to + here, n - here, deadline_ms, err) != BDFS_OK)
                return bdfs_wrap(err, "datanode %s:%u", c->addr.host, c->addr.port);
        return BDFS_OK;
}

bool data_readable(struct data_conn *c)
{
        return c->in_at < c->in.n || os_sock_wait_readable(c->sock, os_mono_ms());
}
