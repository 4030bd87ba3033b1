/*
 * replay - frames that Java once sent to a real HDFS, byte for byte, sent to a namenode of ours.
 *
 *   replay HOST:PORT [every]
 *
 * One connection, the calls of tests/vectors/hdfs_captured.h in the order they were captured, or
 * with "every" those of hdfs_captured_calls.h, which has each call that clients make; the files
 * that they are about are made before. Each answer must belong to its call and make sense as one;
 * whether it is a success or which exception is printed, a line a call: "NAME ok", "NAME
 * java.io.IOException", with "every" the real HDFS's answer behind it. Exits 1 when one made no
 * sense.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/os.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "proto/methods.h"

struct captured {
        const char *name, *request, *answer;
};

#define CAPTURED_CALL(name, request, answer) {#name, request, answer},
#define CAPTURED_OP(name, operation, reply)
static const struct captured chosen[] = {
#include "tests/vectors/hdfs_captured.h"
};
static const struct captured every[] = {
#include "tests/vectors/hdfs_captured_calls.h"
};

#define PROTOCOL_OF_CALLS "org.apache.hadoop.hdfs.protocol.ClientProtocol"
#define WAIT_MS 20000
#define FRAME_BYTES_MAX (1 << 20)

struct session {
        struct os_sock *sock;
        int32_t next_id;           /* of calls of our own */
        uint8_t *frame, *answer;   /* FRAME_BYTES_MAX each */
};

static unsigned nibble(char c)
{
        return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t from_hex(const char *hex, uint8_t *to)
{
        size_t n = strlen(hex) / 2;

        for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
        return n;
}

/* Who we are: Java's preamble, then a context. */
static enum bdfs_status greet(struct session *s, struct bdfs_err *err)
{
        uint8_t hello[IPC_HELLO_BYTES], id[IPC_CLIENT_ID_BYTES] = {0};
        enum bdfs_status rc;
        struct buf b;

        ipc_hello_encode(hello, false);
        buf_init(&b, 0);
        buf_add(&b, hello, sizeof(hello));
        ipc_context_encode(&b, id, getenv("USER") != NULL ? getenv("USER") : "root", NULL,
                           PROTOCOL_OF_CALLS);
        rc = os_sock_write(s->sock, b.data, b.n, os_mono_ms() + WAIT_MS, err);
        buf_fini(&b);
        return rc;
}

static enum bdfs_status read_frame(struct session *s, size_t *ret_n, struct bdfs_err *err)
{
        uint8_t length[IPC_LENGTH_BYTES];
        int64_t deadline_ms = os_mono_ms() + WAIT_MS;
        enum bdfs_status rc = os_sock_read(s->sock, length, sizeof(length), deadline_ms, err);

        if (rc == BDFS_OK)
                rc = ipc_frame_length(length, FRAME_BYTES_MAX, ret_n, err);
        if (rc == BDFS_OK)
                rc = os_sock_read(s->sock, s->answer, *ret_n, deadline_ms, err);
        return rc;
}

static void print_outcome(const struct ipc_response *r)
{
        if (r->status == IPC_ERROR)
                (void)printf(" %.*s", (int)r->java_class.n, r->java_class.at);
        else
                (void)printf(" ok");
}

/* The answer of the real HDFS. */
static enum bdfs_status print_captured(struct session *s, const char *hex, struct bdfs_err *err)
{
        size_t n = from_hex(hex, s->frame);
        struct ipc_response r;

        if (ipc_response_decode(s->frame + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &r, err) !=
            BDFS_OK)
                return err->status;
        print_outcome(&r);
        return BDFS_OK;
}

/* Is it the answer to @q, and does it make sense? */
static enum bdfs_status judge(const struct ipc_request *q, const uint8_t *frame, size_t n,
                              struct bdfs_err *err)
{
        const struct method *m = method_find(q->protocol.at, q->protocol.n, q->method.at,
                                             q->method.n);
        struct ipc_response r;
        ProtobufCMessage *body;
        enum bdfs_status rc = ipc_response_decode(frame, n, &r, err);

        if (rc != BDFS_OK)
                return rc;
        if (r.call_id != q->call_id || r.status == IPC_FATAL || m == NULL)
                return bdfs_fail(err, BDFS_PROTOCOL, "answer to call %d, status %d", r.call_id,
                                 (int)r.status);
        (void)printf("%s", m->name);
        print_outcome(&r);
        if (r.status == IPC_ERROR)
                return BDFS_OK;
        body = message_unpack(m->response, r.body, r.body_n, err);
        if (body == NULL)
                return BDFS_PROTOCOL;
        message_free(body);
        return BDFS_OK;
}

/* ---- files that a call is about ------------------------------------------------------------- */

/* The calls whose first field is a path that must be a file; some want it open. */
static const struct {
        enum method_id id;
        const char *holder; /* the field that says who writes it; NULL: it is closed */
} needs[] = {
        {METHOD_CLIENT_isFileClosed, NULL},     {METHOD_CLIENT_getBlockLocations, NULL},
        {METHOD_CLIENT_getContentSummary, NULL}, {METHOD_CLIENT_getQuotaUsage, NULL},
        {METHOD_CLIENT_getPreferredBlockSize, NULL}, {METHOD_CLIENT_checkAccess, NULL},
        {METHOD_CLIENT_setTimes, NULL},         {METHOD_CLIENT_setOwner, NULL},
        {METHOD_CLIENT_setReplication, NULL},   {METHOD_CLIENT_setPermission, NULL},
        {METHOD_CLIENT_rename2, NULL},          {METHOD_CLIENT_truncate, NULL},
        {METHOD_CLIENT_recoverLease, NULL},     {METHOD_CLIENT_getErasureCodingPolicy, NULL},
        {METHOD_CLIENT_append, NULL},           {METHOD_CLIENT_fsync, "client"},
        {METHOD_CLIENT_abandonBlock, "holder"}, {METHOD_CLIENT_complete, "clientName"},
};

static char *text_field(ProtobufCMessage *m, const char *name)
{
        const ProtobufCFieldDescriptor *f =
                protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

        return *(char **)(void *)((uint8_t *)m + f->offset);
}

static enum bdfs_status ask(struct session *s, const char *method, const ProtobufCMessage *m,
                            struct bdfs_err *err)
{
        const uint8_t id[IPC_CLIENT_ID_BYTES] = "replay's own id";
        const struct ipc_call call = {.call_id = s->next_id++, .client_id = id,
                                      .method = method, .protocol = PROTOCOL_OF_CALLS,
                                      .version = METHOD_PROTOCOL_VERSION};
        enum bdfs_status rc;
        struct buf b;
        size_t n;

        buf_init(&b, 0);
        ipc_request_encode(&b, &call, m);
        rc = os_sock_write(s->sock, b.data, b.n, os_mono_ms() + WAIT_MS, err);
        buf_fini(&b);
        return rc != BDFS_OK ? rc : read_frame(s, &n, err);
}

/* Whether it can be made is for the call's answer to show. */
static enum bdfs_status make_file(struct session *s, char *path, char *holder, bool gently,
                                  struct bdfs_err *err)
{
        Hadoop__CreateRequestProto create = HADOOP__CREATE_REQUEST_PROTO__INIT;
        Hadoop__CompleteRequestProto complete = HADOOP__COMPLETE_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto mode = HADOOP__FS_PERMISSION_PROTO__INIT;
        enum bdfs_status rc;

        mode.perm = 0644;
        create.src = complete.src = path;
        create.clientname = complete.clientname = holder == NULL ? (char *)"replay" : holder;
        create.masked = &mode;
        create.createflag = gently ? HADOOP__CREATE_FLAG_PROTO__CREATE : 3;
        create.createparent = true;
        create.replication = 1;
        create.blocksize = 1 << 20;
        rc = ask(s, "create", &create.base, err);
        return rc != BDFS_OK || holder != NULL ? rc
                                               : ask(s, "complete", &complete.base, err);
}

/* @gently: what was made by the calls before is left as it is. */
static enum bdfs_status prepare(struct session *s, const struct ipc_request *q, bool gently,
                                struct bdfs_err *err)
{
        const struct method *m = method_find(q->protocol.at, q->protocol.n, q->method.at,
                                             q->method.n);
        enum bdfs_status rc = BDFS_OK;

        for (size_t i = 0; m != NULL && i < sizeof(needs) / sizeof(needs[0]); i++) {
                ProtobufCMessage *body;

                if (needs[i].id != m->id || (gently && needs[i].holder != NULL))
                        continue;
                body = message_unpack(m->request, q->body, q->body_n, err);
                if (body == NULL)
                        return BDFS_PROTOCOL;
                rc = make_file(s, text_field(body, body->descriptor->fields[0].name[0] == 'b'
                                                           ? "src"
                                                           : body->descriptor->fields[0].name),
                               needs[i].holder == NULL ? NULL : text_field(body, needs[i].holder),
                               gently, err);
                message_free(body);
        }
        return rc;
}

static enum bdfs_status one(struct session *s, const struct captured *c, bool compare,
                            struct bdfs_err *err)
{
        const uint8_t *frame = s->frame;
        size_t n = from_hex(c->request, s->frame), answer_n = 0;
        struct ipc_request q;
        enum bdfs_status rc = ipc_request_decode(frame + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &q,
                                                 err);

        if (rc != BDFS_OK || method_protocol(q.protocol.at, q.protocol.n) != PROTOCOL_CLIENT)
                return rc; /* a datanode's call */
        rc = prepare(s, &q, compare, err);
        if (rc == BDFS_OK)
                rc = os_sock_write(s->sock, frame, n, os_mono_ms() + WAIT_MS, err);
        if (rc == BDFS_OK)
                rc = read_frame(s, &answer_n, err);
        if (rc == BDFS_OK)
                rc = judge(&q, s->answer, answer_n, err);
        if (rc == BDFS_OK && compare)
                rc = print_captured(s, c->answer, err);
        (void)printf("\n");
        return rc;
}

int main(int argc, char **argv)
{
        struct session s = {.next_id = 1000000, .frame = malloc(FRAME_BYTES_MAX),
                            .answer = malloc(FRAME_BYTES_MAX)};
        const struct captured *calls = argc == 3 ? every : chosen;
        size_t n = argc == 3 ? sizeof(every) / sizeof(every[0])
                             : sizeof(chosen) / sizeof(chosen[0]);
        struct os_addr to;
        struct bdfs_err err;
        unsigned port;
        enum bdfs_status rc;

        if (argc < 2 || argc > 3 || sscanf(argv[1], "%45[^:]:%u", to.host, &port) != 2 ||
            port > 65535 || s.frame == NULL || s.answer == NULL) {
                (void)fprintf(stderr, "usage: replay HOST:PORT [every]\n");
                return 2;
        }
        to.port = (uint16_t)port;
        rc = os_connect(&s.sock, &to, os_mono_ms() + WAIT_MS, &err);
        if (rc == BDFS_OK)
                rc = greet(&s, &err);
        for (size_t i = 0; i < n && rc == BDFS_OK; i++) {
                rc = one(&s, &calls[i], calls == every, &err);
                if (rc != BDFS_OK)
                        (void)fprintf(stderr, "%s: %s\n", calls[i].name, err.text);
        }
        os_sock_close(s.sock);
        free(s.frame);
        free(s.answer);
        return rc == BDFS_OK ? 0 : 1;
}
