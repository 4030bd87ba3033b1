#include "datanode/transfer/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "net/server_owner.h"

enum { QUEUE_ROOM = 1024 };

#define CONNECT_MS 10000
#define ACK_BYTES_MAX (64 * KIB)

struct pipeline {
        struct os_sock *sock;
        struct wire wire;
        char name[64];
        struct os_thread *thread;
        struct buf out; /* acks to send; the thread's */
        bool reused;

        struct pipeline *next; /* in the pool */
        int64_t idle_since_ms;

        struct os_mutex lock;
        struct os_cond changed;
        /* guarded by: lock, and never changed while an entry is without an answer */
        struct os_sock *upstream;
        struct replica *replica;
        /* guarded by: lock */
        struct pipeline_entry queue[QUEUE_ROOM];
        uint64_t added, answered; /* entries */
        bool broken, stop;
};

/* ---- opening ------------------------------------------------------------------------------ */

static enum bdfs_status send_op(struct pipeline *p, const Hadoop__OpWriteBlockProto *op,
                                int64_t deadline_ms, struct bdfs_err *err)
{
        Hadoop__OpWriteBlockProto rest = *op;
        struct buf b;
        enum bdfs_status rc;

        rest.n_targets--;
        rest.targets++;
        if (rest.n_targetstoragetypes > 0) {
                rest.has_storagetype = true;
                rest.storagetype = rest.targetstoragetypes[0];
                rest.n_targetstoragetypes--;
                rest.targetstoragetypes++;
        }
        if (rest.n_targetstorageids > 0) {
                rest.storageid = rest.targetstorageids[0];
                rest.n_targetstorageids--;
                rest.targetstorageids++;
        }
        rest.n_targetpinnings = 0;
        buf_init(&b, TRANSFER_MESSAGE_BYTES_MAX);
        transfer_op_encode(&b, TRANSFER_WRITE_BLOCK, &rest.base);
        rc = b.bad ? bdfs_fail(err, BDFS_LIMIT, "operation is too large")
                   : os_sock_write(p->sock, b.data, b.n, deadline_ms, err);
        buf_fini(&b);
        return rc;
}

/* "ip:port" of the first target, and its address. */
static enum bdfs_status target_addr(const Hadoop__OpWriteBlockProto *op, char ret_name[64],
                                    struct os_addr *ret, struct bdfs_err *err)
{
        const Hadoop__DatanodeIDProto *id = op->targets[0]->id;

        (void)snprintf(ret_name, 64, "%.45s:%u", id->ipaddr, id->xferport);
        if (strlen(id->ipaddr) >= sizeof(ret->host) || id->xferport == 0 || id->xferport > 65535)
                return bdfs_fail(err, BDFS_INVALID, "target %s is no address", ret_name);
        memcpy(ret->host, id->ipaddr, strlen(id->ipaddr) + 1);
        ret->port = (uint16_t)id->xferport;
        return BDFS_OK;
}

static enum bdfs_status pipeline_new(struct pipeline **ret, const char name[64],
                                     const struct os_addr *addr, struct wire_pool *buffers,
                                     int64_t deadline_ms, struct bdfs_err *err)
{
        struct pipeline *p = calloc(1, sizeof(*p));
        enum bdfs_status rc;

        if (p == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "pipeline: out of memory");
        os_mutex_init(&p->lock);
        os_cond_init(&p->changed);
        buf_init(&p->out, ACK_BYTES_MAX);
        memcpy(p->name, name, sizeof(p->name));
        rc = server_connect(&p->sock, addr, os_own_uid(), deadline_ms, err);
        if (rc == BDFS_OK)
                rc = wire_init(&p->wire, p->sock, buffers, err);
        if (rc == BDFS_OK)
                *ret = p;
        else
                pipeline_end(p);
        return rc;
}

/* The latest idle one to this node, unless the node closed it. */
static struct pipeline *take_idle(struct pipeline_pool *pool, const char *name)
{
        struct pipeline *p;

        os_mutex_lock(&pool->lock);
        for (struct pipeline **at = &pool->idle; (p = *at) != NULL; at = &p->next) {
                if (strcmp(p->name, name) == 0) {
                        *at = p->next;
                        pool->idle_n--;
                        break;
                }
        }
        os_mutex_unlock(&pool->lock);
        if (p != NULL && (os_mono_ms() - p->idle_since_ms > PIPELINE_KEEP_MS ||
                          os_sock_wait_readable(p->sock, os_mono_ms()))) {
                pipeline_end(p);
                p = NULL;
        }
        if (p != NULL)
                p->reused = true;
        return p;
}

enum bdfs_status pipeline_open(struct pipeline **ret, struct pipeline_pool *pool,
                               const Hadoop__OpWriteBlockProto *op, bool fresh,
                               struct bdfs_err *err)
{
        int64_t deadline_ms = os_mono_ms() + CONNECT_MS;
        struct pipeline *p = NULL;
        struct os_addr addr;
        char name[64];
        enum bdfs_status rc;

        BDFS_ASSERT(op->n_targets > 0);
        rc = target_addr(op, name, &addr, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "next datanode");
        if (!fresh)
                p = take_idle(pool, name);
        if (p != NULL && send_op(p, op, deadline_ms, err) == BDFS_OK) {
                *ret = p;
                return BDFS_OK;
        }
        pipeline_end(p);
        p = NULL;
        rc = pipeline_new(&p, name, &addr, pool->buffers, deadline_ms, err);
        if (rc == BDFS_OK)
                rc = send_op(p, op, deadline_ms, err);
        if (rc != BDFS_OK) {
                pipeline_end(p);
                return bdfs_wrap(err, "next datanode");
        }
        *ret = p;
        return BDFS_OK;
}

bool pipeline_is_reused(const struct pipeline *p)
{
        return p->reused;
}

/* ---- ending, or keeping ------------------------------------------------------------------- */

void pipeline_end(struct pipeline *p)
{
        if (p == NULL)
                return;
        os_mutex_lock(&p->lock);
        p->stop = true;
        os_cond_broadcast(&p->changed);
        os_mutex_unlock(&p->lock);
        if (p->sock != NULL)
                os_sock_shutdown(p->sock);
        if (p->thread != NULL)
                os_thread_join(p->thread);
        wire_fini(&p->wire);
        os_sock_close(p->sock);
        buf_fini(&p->out);
        os_cond_fini(&p->changed);
        os_mutex_fini(&p->lock);
        free(p);
}

void pipeline_keep(struct pipeline_pool *pool, struct pipeline *p)
{
        bool full;

        if (wire_left(&p->wire) > 0) { /* the next node said more than it should */
                pipeline_end(p);
                return;
        }
        p->idle_since_ms = os_mono_ms();
        os_mutex_lock(&pool->lock);
        full = pool->idle_n >= PIPELINE_KEEP_MAX;
        if (!full) {
                p->next = pool->idle;
                pool->idle = p;
                pool->idle_n++;
        }
        os_mutex_unlock(&pool->lock);
        if (full)
                pipeline_end(p);
}

void pipeline_pool_init(struct pipeline_pool *pool, struct wire_pool *buffers)
{
        *pool = (struct pipeline_pool){.buffers = buffers};
        os_mutex_init(&pool->lock);
}

void pipeline_pool_trim(struct pipeline_pool *pool, int64_t idle_since_ms)
{
        struct pipeline **at = &pool->idle, *old;

        os_mutex_lock(&pool->lock);
        while (*at != NULL && (*at)->idle_since_ms >= idle_since_ms)
                at = &(*at)->next;
        old = *at; /* and all behind it, which are older */
        *at = NULL;
        for (struct pipeline *p = old; p != NULL; p = p->next)
                pool->idle_n--;
        os_mutex_unlock(&pool->lock);
        while (old != NULL) {
                struct pipeline *p = old;

                old = p->next;
                pipeline_end(p);
        }
}

void pipeline_pool_fini(struct pipeline_pool *pool)
{
        pipeline_pool_trim(pool, INT64_MAX);
        os_mutex_fini(&pool->lock);
}

const char *pipeline_name(const struct pipeline *p)
{
        return p->name;
}

enum bdfs_status pipeline_reply(struct pipeline *p, int64_t deadline_ms,
                                Hadoop__Status *ret_status, char ret_link[64],
                                struct bdfs_err *err)
{
        Hadoop__BlockOpResponseProto *reply;
        struct message_span span;
        enum bdfs_status rc = wire_message(&p->wire, TRANSFER_MESSAGE_BYTES_MAX, deadline_ms, &span,
                                           err);

        if (rc != BDFS_OK)
                return bdfs_wrap(err, "datanode %s", p->name);
        reply = message_unpack(&hadoop__block_op_response_proto__descriptor, span.message,
                               span.message_n, err);
        if (reply == NULL)
                return bdfs_wrap(err, "datanode %s", p->name);
        *ret_status = reply->status;
        (void)snprintf(ret_link, 64, "%s", reply->firstbadlink != NULL ? reply->firstbadlink : "");
        if (reply->status != HADOOP__STATUS__SUCCESS)
                rc = bdfs_fail(err, transfer_reply_status(reply), "datanode %s: %s", p->name,
                               reply->message != NULL ? reply->message
                                                      : transfer_status_name(reply->status));
        message_free(reply);
        return rc;
}

enum bdfs_status pipeline_forward(struct pipeline *p, const void *bytes, size_t n,
                                  int64_t deadline_ms, struct bdfs_err *err)
{
        enum bdfs_status rc = os_sock_write(p->sock, bytes, n, deadline_ms, err);

        if (rc != BDFS_OK) {
                os_sock_shutdown(p->sock); /* the relay finds out, if it has not */
                return bdfs_wrap(err, "datanode %s", p->name);
        }
        return BDFS_OK;
}

/* ---- the queue ---------------------------------------------------------------------------- */

bool pipeline_add(struct pipeline *p, const struct pipeline_entry *e)
{
        AUTO_LOCK(&p->lock);

        while (p->added - p->answered == QUEUE_ROOM && !p->broken)
                (void)os_cond_wait(&p->changed, &p->lock, os_mono_ms() + 1000);
        if (p->broken)
                return false;
        p->queue[p->added++ % QUEUE_ROOM] = *e;
        os_cond_broadcast(&p->changed);
        return true;
}

bool pipeline_broken(struct pipeline *p)
{
        AUTO_LOCK(&p->lock);

        return p->broken;
}

bool pipeline_drain(struct pipeline *p, int64_t deadline_ms)
{
        AUTO_LOCK(&p->lock);

        while (p->answered < p->added && !p->broken)
                if (!os_cond_wait(&p->changed, &p->lock, deadline_ms))
                        break;
        return p->answered == p->added && !p->broken;
}

/* The entry @ahead of the oldest without an answer; with @wait, wait for it. False: it is not there
 * (yet), or the end. */
static bool next_entry(struct pipeline *p, uint64_t ahead, bool wait, struct pipeline_entry *ret)
{
        AUTO_LOCK(&p->lock);

        while (wait && p->added == p->answered + ahead && !p->stop)
                (void)os_cond_wait(&p->changed, &p->lock, os_mono_ms() + 1000);
        if (p->added == p->answered + ahead)
                return false;
        *ret = p->queue[(p->answered + ahead) % QUEUE_ROOM];
        return true;
}

static void mark_answered(struct pipeline *p, uint64_t n)
{
        AUTO_LOCK(&p->lock);

        p->answered += n;
        os_cond_broadcast(&p->changed);
}

static void mark_broken(struct pipeline *p)
{
        AUTO_LOCK(&p->lock);

        p->broken = true;
        os_cond_broadcast(&p->changed);
}

/* ---- the thread --------------------------------------------------------------------------- */

static enum bdfs_status read_ack(struct pipeline *p, struct transfer_ack *ret,
                                 struct bdfs_err *err)
{
        struct message_span span;
        enum bdfs_status rc = wire_message(&p->wire, ACK_BYTES_MAX, os_mono_ms() + DATA_IDLE_MS,
                                           &span, err);

        return rc != BDFS_OK ? rc : transfer_ack_decode(span.message, span.message_n, ret, err);
}

/* True when the next node's next ack is here already. */
static bool ack_is_here(struct pipeline *p)
{
        struct message_span span;

        return message_delimited(wire_at(&p->wire), wire_left(&p->wire), ACK_BYTES_MAX, &span,
                                 NULL) == BDFS_OK && span.need == 0;
}

/* Own status, then the next node's list; its flags are not passed on: all nodes or none. */
static void compose(struct pipeline *p, const struct pipeline_entry *e,
                    const struct transfer_ack *down)
{
        struct transfer_ack up = {.seqno = e->seqno, .n = 1, .reply = {e->status}};

        for (uint32_t i = 0; i < down->n && up.n < TRANSFER_NODES_MAX; i++)
                up.reply[up.n++] = transfer_ack_status(down, i);
        transfer_ack_encode(&p->out, &up);
}

static bool all_ok(const struct transfer_ack *down)
{
        bool ok = true;

        for (uint32_t i = 0; i < down->n; i++)
                ok = ok && transfer_ack_status(down, i) == HADOOP__STATUS__SUCCESS;
        return ok;
}

/* One packet's answer into `out`; false when it is the last that is given. */
static bool answer_one(struct pipeline *p, const struct pipeline_entry *e)
{
        struct transfer_ack down = {.n = 0};
        struct bdfs_err err;

        if (e->status != HADOOP__STATUS__SUCCESS) {
                compose(p, e, &down);
                return false;
        }
        if (read_ack(p, &down, &err) != BDFS_OK || down.seqno != e->seqno) {
                down = (struct transfer_ack){.n = 1, .reply = {HADOOP__STATUS__ERROR}};
                compose(p, e, &down);
                return false;
        }
        compose(p, e, &down);
        if (!all_ok(&down))
                return false;
        if (e->seqno != TRANSFER_SEQNO_HEARTBEAT)
                replica_show(p->replica, e->end);
        return true;
}

static bool send_out(struct pipeline *p)
{
        struct bdfs_err err;
        enum bdfs_status rc = p->out.bad ? BDFS_NO_MEMORY
                                         : os_sock_write(p->upstream, p->out.data, p->out.n,
                                                         os_mono_ms() + DATA_IDLE_MS, &err);

        buf_reset(&p->out);
        if (rc != BDFS_OK)
                os_sock_shutdown(p->upstream); /* nobody is there: let the receiver know */
        return rc == BDFS_OK;
}

/* After a failure the upstream socket stays open: it is the peer who closes, once it has read the
 * answer, or the receiver, which waits for that a little. */
static void relay(void *arg)
{
        struct pipeline *p = arg;
        struct pipeline_entry e;
        bool good = true;

        while (good && next_entry(p, 0, true, &e)) {
                uint64_t n = 0;

                do {
                        good = answer_one(p, &e);
                        n++;
                } while (good && p->out.n < ACK_BYTES_MAX / 2 && ack_is_here(p) &&
                         next_entry(p, n, false, &e));
                good = send_out(p) && good;
                if (good)
                        mark_answered(p, n);
        }
        if (!good) {
                mark_broken(p);
                os_sock_shutdown(p->sock);
        }
}

enum bdfs_status pipeline_relay(struct pipeline *p, struct os_sock *upstream,
                                struct replica *replica, struct bdfs_err *err)
{
        os_mutex_lock(&p->lock); /* the thread takes it before it looks at the next entry */
        p->upstream = upstream;
        p->replica = replica;
        os_mutex_unlock(&p->lock);
        return p->thread != NULL ? BDFS_OK : os_thread_start(&p->thread, "relay", relay, p, err);
}
