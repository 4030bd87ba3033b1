/*
 * The coders of message.h beside protobuf-c's own: random messages of every type on the wire and in
 * the journal, with fields in any order, repeated, packed or not, and unknown ones. A message in
 * pieces is left out: of those protobuf-c keeps what the last one had (test_proto_message).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/bdfs_journal.pb-c.h"
#include "proto/hadoop_data_transfer.pb-c.h"
#include "proto/message.h"
#include "proto/message_types.h"
#include "proto/methods.h"

#define ROUNDS 40
#define DEPTH 5
#define UNKNOWN_NUMBER 700 /* no type has such a field */

static uint64_t state;

static uint64_t any(uint64_t below) /* xorshift64* */
{
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * UINT64_C(2685821657736338717) % below;
}

static uint64_t any_number(void)
{
        static const uint64_t edges[] = {0, 1, 127, 128, INT32_MAX, UINT32_MAX, INT64_MAX,
                                         UINT64_MAX, (uint64_t)INT32_MIN, (uint64_t)INT64_MIN};

        return any(3) == 0 ? edges[any(sizeof(edges) / sizeof(edges[0]))]
                           : any(UINT64_MAX) >> any(64);
}

static void put_tag(struct buf *b, uint32_t number, enum field_wire wire)
{
        buf_varint(b, (uint64_t)number << 3 | wire);
}

static void put_number(struct buf *b, enum field_wire wire)
{
        if (wire == FIELD_VARINT)
                buf_varint(b, any_number());
        else if (wire == FIELD_FIXED32)
                buf_u32le(b, (uint32_t)any_number());
        else
                buf_u64le(b, any_number());
}

static void put_any(struct buf *b, const ProtobufCMessageDescriptor *type, unsigned depth);

static void put_one(struct buf *b, const ProtobufCFieldDescriptor *field, unsigned depth)
{
        enum field_wire wire = message_wire(field->type);
        struct buf inner;

        put_tag(b, field->id, wire);
        if (wire != FIELD_BYTES) {
                put_number(b, wire);
                return;
        }
        buf_init(&inner, 0);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                put_any(&inner, field->descriptor, depth + 1);
        else
                for (uint64_t n = any(4) == 0 ? any(300) : any(20); n > 0; n--)
                        buf_u8(&inner, (uint8_t)(1 + any(255)));
        buf_varint(b, inner.n);
        buf_add(b, inner.data, inner.n);
        buf_fini(&inner);
}

static void put_some_packed(struct buf *b, const ProtobufCFieldDescriptor *field)
{
        struct buf inner;

        buf_init(&inner, 0);
        for (uint64_t n = any(6); n > 0; n--)
                put_number(&inner, message_wire(field->type));
        put_tag(b, field->id, FIELD_BYTES);
        buf_varint(b, inner.n);
        buf_add(b, inner.data, inner.n);
        buf_fini(&inner);
}

static void put_unknown(struct buf *b)
{
        put_tag(b, UNKNOWN_NUMBER, FIELD_VARINT);
        buf_varint(b, any_number());
        put_tag(b, UNKNOWN_NUMBER + 1, FIELD_BYTES);
        buf_varint(b, 3);
        buf_add(b, "a\0b", 3);
        put_tag(b, UNKNOWN_NUMBER + 2, FIELD_FIXED32);
        buf_u32le(b, 7);
        put_tag(b, UNKNOWN_NUMBER + 3, FIELD_FIXED64);
        buf_u64le(b, 8);
}

static void put_any(struct buf *b, const ProtobufCMessageDescriptor *type, unsigned depth)
{
        for (unsigned i = 0; i < type->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &type->fields[i];
                bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
                bool message = field->type == PROTOBUF_C_TYPE_MESSAGE;
                uint64_t times = list ? any(7) : message ? any(2) : any(2) + (any(8) == 0);

                if (message && depth >= DEPTH)
                        times = 0;
                if (field->label == PROTOBUF_C_LABEL_REQUIRED && times == 0)
                        times = 1;
                for (; times > 0; times--)
                        put_one(b, field, depth);
                if (list && message_wire(field->type) != FIELD_BYTES && any(3) == 0)
                        put_some_packed(b, field);
        }
        if (depth == 0 && type->n_fields > 0) { /* out of order, and unknown */
                for (uint64_t n = any(4); n > 0; n--) {
                        const ProtobufCFieldDescriptor *f = &type->fields[any(type->n_fields)];

                        if (f->type != PROTOBUF_C_TYPE_MESSAGE)
                                put_one(b, f, DEPTH);
                }
                if (any(4) == 0)
                        put_unknown(b);
        }
}

static void assert_both_agree(const ProtobufCMessageDescriptor *type)
{
        ProtobufCMessage *ours, *theirs;
        struct bdfs_err err = {.status = BDFS_OK};
        struct buf in, by_us, of_theirs_by_us;
        uint64_t seed = state;
        uint8_t *by_them;
        size_t n;

        buf_init(&in, 0);
        buf_init(&by_us, 0);
        buf_init(&of_theirs_by_us, 0);
        put_any(&in, type, 0);
        if (in.n == 0)
                buf_reserve(&in, 1);
        ours = message_unpack(type, in.data, in.n, &err);
        if (ours == NULL)
                fail_msg("%s, seed %llu: %s", type->name, (unsigned long long)seed, err.text);
        theirs = protobuf_c_message_unpack(type, NULL, in.n, in.data);
        if (theirs == NULL)
                fail_msg("%s, seed %llu: protobuf-c refuses", type->name, (unsigned long long)seed);
        n = protobuf_c_message_get_packed_size(theirs);
        by_them = malloc(n + 1);
        assert_non_null(by_them);
        assert_int_equal(protobuf_c_message_pack(theirs, by_them), n);
        message_pack(&by_us, ours);
        message_pack(&of_theirs_by_us, theirs);
        if (by_us.n != n || (n > 0 && memcmp(by_us.data, by_them, n) != 0))
                fail_msg("%s, seed %llu: decoded differently", type->name,
                         (unsigned long long)seed);
        if (of_theirs_by_us.n != n || (n > 0 && memcmp(of_theirs_by_us.data, by_them, n) != 0))
                fail_msg("%s, seed %llu: encoded differently", type->name,
                         (unsigned long long)seed);
        message_free(ours);
        protobuf_c_message_free_unpacked(theirs, NULL);
        free(by_them);
        buf_fini(&in);
        buf_fini(&by_us);
        buf_fini(&of_theirs_by_us);
}

static void calls_are_coded_as_protobuf_c_does(void **unused)
{
        (void)unused;
        for (unsigned round = 0; round < ROUNDS; round++) {
                for (unsigned id = 0; id < METHOD_COUNT; id++) {
                        const struct method *m = method_of((enum method_id)id);

                        state = (uint64_t)(round + 1) << 20 | (id + 1) << 4;
                        assert_both_agree(m->request);
                        assert_both_agree(m->response);
                }
        }
}

static void other_messages_are_coded_as_protobuf_c_does(void **unused)
{
        static const ProtobufCMessageDescriptor *const types[] = {
                &bdfs__journal_record__descriptor,
                &bdfs__op_result__descriptor,
                &hadoop__packet_header_proto__descriptor, /* fixed numbers */
                &hadoop__pipeline_ack_proto__descriptor,  /* a packed list */
                &hadoop__block_op_response_proto__descriptor,
                &hadoop__op_write_block_proto__descriptor,
                &hadoop__op_read_block_proto__descriptor,
                &hadoop__client_read_status_proto__descriptor,
        };

        (void)unused;
        for (unsigned round = 0; round < 10 * ROUNDS; round++) {
                for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                        state = (uint64_t)(round + 1) << 20 | (i + 1) << 12;
                        assert_both_agree(types[i]);
                }
        }
}

/* Zigzag, floating point and the rest that no message of ours uses yet. */
struct all {
        ProtobufCMessage base;
        int32_t sint32;
        int64_t sint64;
        float real;
        double large;
        int32_t sfixed32;
        int64_t sfixed64;
        protobuf_c_boolean truth;
        uint32_t which;
        union {
                uint32_t number;
                char *text;
        } choice;
        size_t n_list, n_doubles;
        int32_t *list;
        double *doubles;
};
extern const ProtobufCMessageDescriptor all_type;
static void all_init(ProtobufCMessage *m)
{
        *(struct all *)m = (struct all){.base = PROTOBUF_C_MESSAGE_INIT(&all_type)};
}
#define FIELD(field_name, number, its_label, its_type, member)                    \
        {.name = field_name, .id = number, .label = PROTOBUF_C_LABEL_##its_label, \
         .type = PROTOBUF_C_TYPE_##its_type, .offset = offsetof(struct all, member)}
#define CHOICE(field_name, number, its_type, member)                                             \
        {.name = field_name, .id = number, .label = PROTOBUF_C_LABEL_OPTIONAL,                   \
         .type = PROTOBUF_C_TYPE_##its_type, .quantifier_offset = offsetof(struct all, which),   \
         .offset = offsetof(struct all, member), .flags = PROTOBUF_C_FIELD_FLAG_ONEOF}
#define LIST(field_name, number, its_type, member, its_flags)                                    \
        {.name = field_name, .id = number, .label = PROTOBUF_C_LABEL_REPEATED,                   \
         .type = PROTOBUF_C_TYPE_##its_type,                                                     \
         .quantifier_offset = offsetof(struct all, n_##member),                                  \
         .offset = offsetof(struct all, member), .flags = its_flags}
static const ProtobufCFieldDescriptor all_fields[] = {
        FIELD("sint32", 1, REQUIRED, SINT32, sint32),
        FIELD("sint64", 2, REQUIRED, SINT64, sint64),
        FIELD("real", 3, REQUIRED, FLOAT, real),
        FIELD("large", 4, REQUIRED, DOUBLE, large),
        FIELD("sfixed32", 5, REQUIRED, SFIXED32, sfixed32),
        FIELD("sfixed64", 6, REQUIRED, SFIXED64, sfixed64),
        FIELD("truth", 7, REQUIRED, BOOL, truth),
        CHOICE("number", 8, UINT32, choice.number),
        CHOICE("text", 9, STRING, choice.text),
        LIST("list", 10, SINT32, list, PROTOBUF_C_FIELD_FLAG_PACKED),
        LIST("doubles", 11, DOUBLE, doubles, 0),
};
static const unsigned all_by_name[] = {8, 7, 3, 9, 2, 4, 5, 0, 1, 8, 6};
static const ProtobufCIntRange all_ranges[] = {{1, 0}, {0, 11}};
const ProtobufCMessageDescriptor all_type = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "All",
        .short_name = "All",
        .c_name = "All",
        .package_name = "",
        .sizeof_message = sizeof(struct all),
        .n_fields = 11,
        .fields = all_fields,
        .fields_sorted_by_name = all_by_name,
        .n_field_ranges = 1,
        .field_ranges = all_ranges,
        .message_init = all_init,
};

static void every_kind_of_number_is_coded_as_protobuf_c_does(void **unused)
{
        (void)unused;
        for (unsigned round = 1; round <= 2000; round++) {
                state = (uint64_t)round << 16;
                assert_both_agree(&all_type);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(calls_are_coded_as_protobuf_c_does),
                cmocka_unit_test(other_messages_are_coded_as_protobuf_c_does),
                cmocka_unit_test(every_kind_of_number_is_coded_as_protobuf_c_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
