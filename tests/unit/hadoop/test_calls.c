/*
 * What stock clients once asked a real namenode, asked here: each captured request, frame for
 * frame, with the names of blocks, nodes and files that only this cluster knows put in their
 * places. The answer must be of the same kind, with all the fields that the real one had; where it
 * is meant to be another, a list says so and why.
 */
#include "tests/unit/hadoop/test_calls_kit.h"

#include "proto/frame.h"

#define CAPTURED_CALL(name, request, answer) {#name, request, answer},
#define CAPTURED_OP(name, operation, reply)
static const struct captured {
        const char *name, *request, *answer;
} calls[] = {
#include "tests/vectors/hdfs_captured.h"
#include "tests/vectors/hdfs_captured_calls.h"
#include "tests/vectors/hdfs_captured_clients.h"
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Calls that are answered otherwise, and why. NULL: with a success. */
static const struct {
        enum method_id id;
        const char *java_class, *why;
} intended[] = {
        {METHOD_CLIENT_setQuota, NO_SUCH_METHOD, "quotas come later, and have no switch"},
        {METHOD_CLIENT_disallowSnapshot, NO_SUCH_METHOD, "snapshots too"},
        {METHOD_CLIENT_setBalancerBandwidth, "java.lang.UnsupportedOperationException",
         "there is no balancer yet"},
        {METHOD_CLIENT_getHAServiceState, NULL, "who asks wants to know that it is the active one"},
};

/* Fields that ours lacks or that say something else, by message, and why. */
static const struct {
        const char *message, *field, *why;
} otherwise[] = {
        {"AppendResponseProto", "block", "append never gives a block"},
        {"TruncateResponseProto", "result", "truncate is always complete at once"},
        {"DatanodeInfoProto", "lastBlockReportMonotonic", "shown by nobody"},
        {"StorageReportProto", "mount", "a node's volumes are reported as one"},
        {"BlockStoragePolicyProto", "creationFallbackPolicy", "storage policies come later"},
        {"GetErasureCodingPoliciesResponseProto", "ecPolicies", "there is no erasure coding yet"},
        {"GetErasureCodingCodecsResponseProto", "codec", "there is no erasure coding yet"},
        {"CorruptFileBlocksProto", "files", "nothing is damaged here (test_traps_damage.c)"},
};

static unsigned nibble(char c)
{
        return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint8_t *bytes_of(const char *hex, size_t *ret_n)
{
        size_t n = strlen(hex) / 2;
        uint8_t *bytes = malloc(n);

        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++)
                bytes[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
        *ret_n = n;
        return bytes;
}

/* ---- comparison ----------------------------------------------------------------------------- */

static bool may_be_otherwise(const char *message, const char *field)
{
        for (size_t i = 0; i < COUNT(otherwise); i++)
                if (strcmp(otherwise[i].message, message) == 0 &&
                    strcmp(otherwise[i].field, field) == 0)
                        return true;
        return false;
}

static size_t field_count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
        const void *at = (const uint8_t *)m + f->offset;
        const void *quantifier = (const uint8_t *)m + f->quantifier_offset;

        if (f->label == PROTOBUF_C_LABEL_REPEATED)
                return *(const size_t *)quantifier;
        if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING)
                return *(const void *const *)at != NULL;
        return f->label != PROTOBUF_C_LABEL_OPTIONAL || *(const protobuf_c_boolean *)quantifier;
}

/* Left out it says the same: the field has its default, or is a list of false. */
static bool is_default(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
        const void *at = (const uint8_t *)m + f->offset;
        bool said = false;

        if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING ||
            f->type == PROTOBUF_C_TYPE_BYTES)
                return false;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
                for (size_t i = 0; f->type == PROTOBUF_C_TYPE_BOOL && i < field_count(m, f); i++)
                        said = said || (*(const protobuf_c_boolean *const *)at)[i];
                return f->type == PROTOBUF_C_TYPE_BOOL && !said;
        }
        if (f->type == PROTOBUF_C_TYPE_INT64 || f->type == PROTOBUF_C_TYPE_UINT64)
                return *(const uint64_t *)at ==
                       (f->default_value == NULL ? 0 : *(const uint64_t *)f->default_value);
        return *(const uint32_t *)at ==
               (f->default_value == NULL ? 0 : *(const uint32_t *)f->default_value);
}

static const ProtobufCMessage *inner(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
        const void *at = (const uint8_t *)m + f->offset;

        if (f->label == PROTOBUF_C_LABEL_REPEATED)
                return **(const ProtobufCMessage *const *const *)at;
        return *(const ProtobufCMessage *const *)at;
}

/* Yes and no, and one of a few: these do not depend on the cluster. */
static bool says_the_same(const ProtobufCMessage *real, const ProtobufCMessage *ours,
                          const ProtobufCFieldDescriptor *f)
{
        const uint32_t *was = (const void *)((const uint8_t *)real + f->offset);
        const uint32_t *is = (const void *)((const uint8_t *)ours + f->offset);

        return f->label == PROTOBUF_C_LABEL_REPEATED ||
               (f->type != PROTOBUF_C_TYPE_BOOL && f->type != PROTOBUF_C_TYPE_ENUM) || *was == *is;
}

/* Every field of @real is in @ours and says the same; of lists the first. */
static void has_the_fields(struct calls *c, const char *call, const ProtobufCMessage *real,
                           const ProtobufCMessage *ours)
{
        const ProtobufCMessageDescriptor *d = real->descriptor;

        for (unsigned i = 0; i < d->n_fields; i++) {
                const ProtobufCFieldDescriptor *f = &d->fields[i];

                if (field_count(real, f) == 0 || may_be_otherwise(d->short_name, f->name) ||
                    (field_count(ours, f) == 0 && is_default(real, f)))
                        continue;
                if (field_count(ours, f) == 0) {
                        print_error("%s: %s.%s is left out\n", call, d->short_name, f->name);
                        c->odd++;
                } else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
                        has_the_fields(c, call, inner(real, f), inner(ours, f));
                } else if (!says_the_same(real, ours, f)) {
                        print_error("%s: %s.%s is another\n", call, d->short_name, f->name);
                        c->odd++;
                }
        }
}

static void compare(struct calls *c, const char *call, enum method_id id,
                    const struct ipc_response *real, struct peer *p)
{
        struct ipc_text java_class = real->java_class;
        struct bdfs_err err;
        ProtobufCMessage *was;

        for (size_t i = 0; i < COUNT(intended); i++) {
                const char *meant = intended[i].java_class;

                if (intended[i].id == id)
                        java_class = (struct ipc_text){meant, meant == NULL ? 0 : strlen(meant)};
        }
        if (java_class.n != p->r.java_class.n ||
            (java_class.n > 0 && memcmp(java_class.at, p->r.java_class.at, java_class.n) != 0)) {
                print_error("%s: '%.*s' (%.*s) instead of '%.*s'\n", call,
                            (int)p->r.java_class.n, p->r.java_class.at, (int)p->r.text.n,
                            p->r.text.at, (int)java_class.n, java_class.at);
                c->odd++;
        }
        if (real->status != IPC_SUCCESS || p->r.status != IPC_SUCCESS)
                return;
        was = message_unpack(method_of(id)->response, real->body, real->body_n, &err);
        assert_non_null(was);
        has_the_fields(c, call, was, peer_message(p, id));
        message_free(was);
}

/* ---- one call ------------------------------------------------------------------------------- */

/* The captured headers with another body. */
static void send_like(struct peer *p, const uint8_t *frame, const struct ipc_request *q,
                      const ProtobufCMessage *body)
{
        const uint8_t *headers = frame + IPC_LENGTH_BYTES;
        struct buf b;
        size_t start;

        buf_init(&b, 0);
        start = frame_begin(&b);
        buf_add(&b, headers, (size_t)(q->body - headers) - varint_size(q->body_n));
        message_pack_delimited(&b, body);
        frame_end(&b, start);
        peer_send(p, &b);
}

static void replay(struct calls *c, const struct captured *v)
{
        size_t n, answer_n;
        uint8_t *frame = bytes_of(v->request, &n), *answer = bytes_of(v->answer, &answer_n);
        struct ipc_request q;
        struct ipc_response real;
        struct bdfs_err err;
        const struct method *m;
        ProtobufCMessage *body;
        struct peer *p;

        must(ipc_request_decode(frame + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &q, &err), &err);
        must(ipc_response_decode(answer + IPC_LENGTH_BYTES, answer_n - IPC_LENGTH_BYTES, &real,
                                 &err), &err);
        m = method_find(q.protocol.at, q.protocol.n, q.method.at, q.method.n);
        assert_non_null(m);
        if (m->protocol == PROTOCOL_CLIENT) {
                body = message_unpack(m->request, q.body, q.body_n, &err);
                assert_non_null(body);
                calls_prepare(c, m->id, body, &real);
                p = c->as_other ? c->other : c->p;
                memcpy(p->client_id, q.client_id, sizeof(p->client_id));
                send_like(p, frame, &q, body);
                peer_read(p);
                assert_int_equal(p->r.call_id, q.call_id);
                compare(c, v->name, m->id, &real, p);
                os_random(p->client_id, sizeof(p->client_id));
                calls_after(c);
                message_free(body);
        }
        free(answer);
        free(frame);
}

static void what_a_real_namenode_answered_is_answered_here(void **state)
{
        struct calls c;

        calls_start(&c, *state);
        for (size_t i = 0; i < COUNT(calls); i++)
                if (!c.one_user || strstr(calls[i].answer, DENIED_HEX) == NULL)
                        replay(&c, &calls[i]);
        assert_int_equal(c.odd, 0);
        calls_stop(&c);
}

static bool went_well(const struct captured *v)
{
        struct ipc_response r;
        struct bdfs_err err;
        size_t n;
        uint8_t *answer = bytes_of(v->answer, &n);

        must(ipc_response_decode(answer + IPC_LENGTH_BYTES, n - IPC_LENGTH_BYTES, &r, &err), &err);
        free(answer);
        return r.status == IPC_SUCCESS;
}

/* An exchange that went well of each. */
static void every_call_that_clients_make_was_captured(void **state)
{
        static const enum method_id made[] = {CALLS_OF_CLIENTS};

        (void)state;
        for (size_t i = 0; i < COUNT(made); i++) {
                bool well = false;

                for (size_t k = 0; k < COUNT(calls) && !well; k++)
                        well = strcmp(calls[k].name, method_of(made[i])->name) == 0 &&
                               went_well(&calls[k]);
                if (!well)
                        fail_msg("%s: no exchange that went well", method_of(made[i])->name);
        }
}

/* Of several that make a directory one wins; sent again its call has its first answer. */
static void a_retry_of_the_winner_wins(void **state)
{
        Hadoop__MkdirsRequestProto q = HADOOP__MKDIRS_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto perm = HADOOP__FS_PERMISSION_PROTO__INIT;
        static const char exists[] = "org.apache.hadoop.fs.FileAlreadyExistsException";
        struct calls c;

        calls_start(&c, *state);
        perm.perm = 0755;
        q.src = text("/one-winner");
        q.masked = &perm;
        q.has_bdfsexclusive = q.bdfsexclusive = true;
        peer_call_as(c.p, 4711, 0, METHOD_CLIENT_mkdirs, &q.base);
        assert_int_equal(c.p->r.status, IPC_SUCCESS);
        peer_call_as(c.p, 4711, 1, METHOD_CLIENT_mkdirs, &q.base);
        assert_int_equal(c.p->r.status, IPC_SUCCESS);
        peer_call_as(c.p, 4712, 0, METHOD_CLIENT_mkdirs, &q.base);
        is_refusal(c.p, exists);
        peer_call_as(c.p, 4712, 1, METHOD_CLIENT_mkdirs, &q.base);
        is_refusal(c.p, exists);
        peer_call_as(c.p, 4711, 2, METHOD_CLIENT_mkdirs, &q.base); /* late */
        assert_int_equal(c.p->r.status, IPC_SUCCESS);
        calls_stop(&c);
}

static int setup(void **state)
{
        *state = hadoop_start(3, "");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_call_that_clients_make_was_captured),
                cmocka_unit_test(what_a_real_namenode_answered_is_answered_here),
                cmocka_unit_test(a_retry_of_the_winner_wins),
        };

        log_open("test_calls", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
