#include "tests/lib/relay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "proto/frame.h"
#include "proto/hadoop_hdfs.pb-c.h"
#include "proto/ipc.h"
#include "proto/message.h"

/* ---- printing ------------------------------------------------------------------------------- */

static void say(const struct side *s, const char *what, const ProtobufCMessage *message,
                const char *more)
{
        struct capture *c = s->link->relay->capture;
        struct buf text;

        buf_init(&text, 0);
        if (message != NULL)
                message_print(&text, message);
        os_mutex_lock(&c->lock);
        (void)printf("%u %c %s %.*s%s\n", s->link->number, s->from_client ? '>' : '<', what,
                     (int)text.n, text.n > 0 ? (const char *)text.data : "", more);
        (void)fflush(stdout);
        os_mutex_unlock(&c->lock);
        buf_fini(&text);
}

/* What cannot be decoded is passed on unread from here. */
static void lost(struct side *s, const char *why)
{
        say(s, "?", NULL, why);
        s->state = SIDE_LOST;
}

/* ---- addresses in answers ------------------------------------------------------------------- */

static bool redirect_node(struct capture *c, Hadoop__DatanodeIDProto *id, bool back)
{
        uint16_t data = back ? relay_back(c, id->xferport)
                             : relay_port(c, id->ipaddr, id->xferport, true);
        uint16_t ipc = back ? relay_back(c, id->ipcport)
                            : relay_port(c, id->ipaddr, id->ipcport, false);

        if (data != 0)
                id->xferport = data;
        if (ipc != 0)
                id->ipcport = ipc;
        return data != 0 || ipc != 0;
}

/* Every datanode named in the message, at any depth. True when something was changed. */
static bool redirect(struct capture *c, ProtobufCMessage *m, bool back)
{
        bool changed = false;

        if (m->descriptor == &hadoop__datanode_idproto__descriptor)
                return redirect_node(c, (Hadoop__DatanodeIDProto *)m, back);
        for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
                const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
                uint8_t *at = (uint8_t *)m + f->offset;
                ProtobufCMessage **list = (void *)at;
                size_t n = 1;

                if (f->type != PROTOBUF_C_TYPE_MESSAGE)
                        continue;
                if (f->label == PROTOBUF_C_LABEL_REPEATED) {
                        n = *(size_t *)(void *)((uint8_t *)m + f->quantifier_offset);
                        list = *(ProtobufCMessage ***)(void *)at;
                }
                for (size_t k = 0; k < n; k++)
                        if (list[k] != NULL && redirect(c, list[k], back))
                                changed = true;
        }
        return changed;
}

/* ---- IPC ------------------------------------------------------------------------------------ */

static struct open_call *call_find(struct link *l, int32_t id, bool used)
{
        for (size_t i = 0; i < CALLS_MAX; i++)
                if (l->calls[i].used == used && (!used || l->calls[i].id == id))
                        return &l->calls[i];
        return NULL;
}

static void remember(struct link *l, const struct ipc_request *q, const struct method *m,
                     const uint8_t *frame, size_t n)
{
        struct open_call *call;
        AUTO_LOCK(&l->lock);

        call = call_find(l, 0, false);
        if (call == NULL)
                return;
        call->used = true;
        call->id = q->call_id;
        call->method = m;
        buf_reset(&call->frame);
        buf_add(&call->frame, frame, n);
}

/* The request with another body: the headers stay as they are. */
static void put_request(struct buf *out, const uint8_t *frame, const struct ipc_request *q,
                        const ProtobufCMessage *body)
{
        size_t start = frame_begin(out);
        const uint8_t *headers = frame + IPC_LENGTH_BYTES;

        buf_add(out, headers, (size_t)(q->body - headers) - varint_size(q->body_n));
        message_pack_delimited(out, body);
        frame_end(out, start);
}

/* One request; what the server gets is appended to @out. */
static void on_request(struct side *s, const uint8_t *frame, size_t n, struct buf *out)
{
        struct ipc_request q;
        struct bdfs_err err;
        const struct method *m;
        ProtobufCMessage *body;
        char what[160];

        if (ipc_request_decode(frame + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &q, &err) !=
            BDFS_OK) {
                say(s, "?", NULL, err.text);
                buf_add(out, frame, n);
                return;
        }
        if (q.kind != IPC_CALL) {
                buf_add(out, frame, n);
                say(s, q.kind == IPC_CONTEXT ? "(context)" : q.kind == IPC_SASL ? "(sasl)"
                                                                               : "(ping)",
                    NULL, "");
                return;
        }
        (void)snprintf(what, sizeof(what), "%.*s", (int)q.method.n, q.method.at);
        m = method_find(q.protocol.at, q.protocol.n, q.method.at, q.method.n);
        body = m == NULL ? NULL : message_unpack(m->request, q.body, q.body_n, &err);
        say(s, what, body, m == NULL ? "(unknown)" : body == NULL ? err.text : "");
        if (m != NULL)
                remember(s->link, &q, m, frame, n);
        if (body != NULL && redirect(s->link->relay->capture, body, true))
                put_request(out, frame, &q, body);
        else
                buf_add(out, frame, n);
        message_free(body);
}

/* One answer; what the client gets for it is appended to @out. */
static void on_answer(struct side *s, const uint8_t *frame, size_t n, struct buf *out)
{
        struct link *l = s->link;
        struct capture *c = l->relay->capture;
        struct buf plain = {.data = (uint8_t *)(uintptr_t)frame, .n = n};
        struct ipc_response r;
        struct bdfs_err err;
        struct open_call *call;
        ProtobufCMessage *body = NULL;
        char more[BDFS_ERR_TEXT_BYTES + 128] = "";

        if (ipc_response_decode(frame + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &r, &err) !=
            BDFS_OK) {
                say(s, "?", NULL, err.text);
                buf_add(out, frame, n);
                return;
        }
        os_mutex_lock(&l->lock);
        call = call_find(l, r.call_id, true);
        if (call != NULL) {
                vector_call(c, call->method, &call->frame, &plain, &r);
                call->used = false;
        }
        os_mutex_unlock(&l->lock);
        if (r.status == IPC_SUCCESS && call != NULL)
                body = message_unpack(call->method->response, r.body, r.body_n, &err);
        if (r.status != IPC_SUCCESS)
                (void)ipc_response_error(&r, &err);
        if (r.status != IPC_SUCCESS || (call != NULL && body == NULL))
                (void)snprintf(more, sizeof(more), "%.*s %s", (int)r.java_class.n,
                               r.java_class.n > 0 ? r.java_class.at : "", err.text);
        say(s, call == NULL ? "(answer)" : call->method->name, body, more);
        if (body != NULL && redirect(c, body, false))
                ipc_reply_encode(out, r.call_id, body);
        else
                buf_add(out, frame, n);
        message_free(body);
}

/* Bytes of whole units at the start of s->in that were dealt with; 0: more are needed. */
static size_t take_frame(struct side *s, struct buf *out)
{
        struct bdfs_err err;
        size_t n;

        if (s->in.n < IPC_LENGTH_BYTES)
                return 0;
        if (ipc_frame_length(s->in.data, IPC_FRAME_BYTES_MAX, &n, &err) != BDFS_OK) {
                lost(s, err.text);
                return 0;
        }
        n += IPC_LENGTH_BYTES;
        if (s->in.n < n)
                return 0;
        if (s->from_client)
                on_request(s, s->in.data, n, out);
        else
                on_answer(s, s->in.data, n, out);
        return n;
}

/* ---- the data port -------------------------------------------------------------------------- */

static size_t take_op(struct side *s)
{
        struct link *l = s->link;
        struct message_span span;
        struct bdfs_err err;
        unsigned opcode;
        ProtobufCMessage *m;

        if (transfer_op_decode(s->in.data, s->in.n, &opcode, &span, &err) != BDFS_OK ||
            (span.need == 0 && transfer_op_descriptor(opcode) == NULL)) {
                lost(s, "not an operation");
                return 0;
        }
        if (span.need > 0)
                return 0;
        m = message_unpack(transfer_op_descriptor(opcode), span.message, span.message_n, &err);
        say(s, transfer_op_name(opcode), m, m == NULL ? err.text : "");
        message_free(m);
        os_mutex_lock(&l->lock);
        l->op = opcode;
        l->last_seqno = -1;
        buf_reset(&l->op_bytes);
        buf_add(&l->op_bytes, s->in.data, span.total);
        os_mutex_unlock(&l->lock);
        if (opcode == TRANSFER_WRITE_BLOCK)
                s->state = SIDE_PACKET;
        else if (opcode == TRANSFER_READ_BLOCK)
                s->state = SIDE_STATUS;
        return span.total;
}

static void after_reply(struct side *s, const Hadoop__BlockOpResponseProto *reply, size_t n)
{
        struct link *l = s->link;
        struct capture *c = l->relay->capture;
        const struct buf plain = {.data = s->in.data, .n = n};
        bool refused = reply->status != HADOOP__STATUS__SUCCESS;
        AUTO_LOCK(&l->lock);

        vector_op(c, l->op, refused, &l->op_bytes, &plain);
        if (!refused && l->op == TRANSFER_WRITE_BLOCK)
                s->state = SIDE_ACK;
        else if (!refused && l->op == TRANSFER_READ_BLOCK)
                s->state = SIDE_PACKET;
}

/* A delimited message of @type: a reply, an ack or a reader's status. */
static size_t take_message(struct side *s, const ProtobufCMessageDescriptor *type,
                           const char *what)
{
        struct message_span span;
        struct bdfs_err err;
        ProtobufCMessage *m;

        if (message_delimited(s->in.data, s->in.n, TRANSFER_MESSAGE_BYTES_MAX, &span, &err) !=
            BDFS_OK) {
                lost(s, err.text);
                return 0;
        }
        if (span.need > 0)
                return 0;
        m = message_unpack(type, span.message, span.message_n, &err);
        say(s, what, m, m == NULL ? err.text : "");
        if (m == NULL) {
                s->state = SIDE_LOST;
        } else if (s->state == SIDE_REPLY) {
                after_reply(s, (const void *)m, span.total);
        } else if (s->state == SIDE_STATUS) {
                s->state = SIDE_OP;
        } else {
                AUTO_LOCK(&s->link->lock);
                if (s->link->last_seqno >= 0 &&
                    ((Hadoop__PipelineAckProto *)m)->seqno == s->link->last_seqno)
                        s->state = SIDE_REPLY;
        }
        message_free(m);
        return span.total;
}

static void packet_done(struct side *s)
{
        s->state = SIDE_PACKET;
        if (!s->packet.last)
                return;
        s->state = s->from_client ? SIDE_OP : SIDE_REPLY;
        if (s->from_client) {
                AUTO_LOCK(&s->link->lock);
                s->link->last_seqno = s->packet.seqno;
        }
}

static size_t take_packet(struct side *s)
{
        struct transfer_packet *p = &s->packet;
        struct bdfs_err err;
        char text[160];
        size_t head, need;

        if (transfer_packet_decode(s->in.data, s->in.n, p, &head, &need, &err) != BDFS_OK) {
                lost(s, err.text);
                return 0;
        }
        if (need > 0)
                return 0;
        (void)snprintf(text, sizeof(text),
                       "seqno %" PRId64 " offset %" PRId64 " checksums %u data %u%s%s", p->seqno,
                       p->offset, p->sums_n, p->data_n, p->last ? " last" : "",
                       p->sync ? " sync" : "");
        say(s, "packet", NULL, text);
        s->skip = (uint64_t)p->sums_n + p->data_n;
        s->state = SIDE_SKIP;
        if (s->skip == 0)
                packet_done(s);
        return head;
}

static size_t take_body(struct side *s)
{
        size_t n = s->in.n < s->skip ? s->in.n : (size_t)s->skip;

        s->skip -= n;
        if (s->skip == 0)
                packet_done(s);
        return n;
}

/* ---- a connection --------------------------------------------------------------------------- */

static size_t take(struct side *s, struct buf *out)
{
        switch (s->state) {
        case SIDE_HELLO:
                if (s->in.n < IPC_HELLO_BYTES)
                        return 0;
                buf_add(out, s->in.data, IPC_HELLO_BYTES);
                s->state = SIDE_FRAME;
                return IPC_HELLO_BYTES;
        case SIDE_FRAME: return take_frame(s, out);
        case SIDE_OP: return take_op(s);
        case SIDE_REPLY:
                return take_message(s, &hadoop__block_op_response_proto__descriptor, "reply");
        case SIDE_ACK: return take_message(s, &hadoop__pipeline_ack_proto__descriptor, "ack");
        case SIDE_STATUS:
                return take_message(s, &hadoop__client_read_status_proto__descriptor, "status");
        case SIDE_PACKET: return take_packet(s);
        case SIDE_SKIP: return take_body(s);
        case SIDE_LOST:
                if (side_by_frame(s))
                        buf_add(out, s->in.data, s->in.n);
                return s->in.n;
        }
        return 0;
}

/* Decode what is whole. Answers of IPC go out as @out says, all else as it came. */
void side_decode(struct side *s, struct buf *out)
{
        size_t done = 0, n;
        struct buf rest;

        do {
                struct buf all = s->in;

                s->in.data += done;
                s->in.n -= done;
                n = s->in.n == 0 ? 0 : take(s, out);
                s->in = all;
                done += n;
        } while (n > 0 || s->state == SIDE_LOST ? done < s->in.n : false);
        buf_init(&rest, 0);
        buf_add(&rest, s->in.data + done, s->in.n - done);
        buf_fini(&s->in);
        s->in = rest;
}
