/* Messages through their descriptors: what is refused, what survives, how much memory it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/hadoop_data_transfer.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/message.h"
#include "tests/vectors/hdfs_wire.h"

static struct bdfs_err err;

/* Unpack from memory of exactly the right size. */
static void *unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n)
{
        uint8_t *copy = malloc(n > 0 ? n : 1);
        void *m;

        assert_non_null(copy);
        if (n > 0)
                memcpy(copy, bytes, n);
        err = (struct bdfs_err){.status = BDFS_OK};
        m = message_unpack(type, copy, n, &err);
        assert_true((m == NULL) == (err.status != BDFS_OK));
        free(copy);
        return m;
}

static void assert_refused(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
                           enum bdfs_status status, const char *text)
{
        assert_null(unpack(type, bytes, n));
        assert_int_equal(err.status, status);
        assert_string_equal(err.text, text);
}

#define REFUSED(type, literal, text)                                                            \
        assert_refused(&hadoop__##type##__descriptor, literal, sizeof(literal) - 1, BDFS_PROTOCOL, \
                       text)

static void path_with_a_nul_byte_is_refused_not_cut(void **state)
{
        (void)state;
        REFUSED(get_file_info_request_proto, "\x0a\x04/a\0b",
                "GetFileInfoRequestProto: field src contains a NUL byte");
        REFUSED(get_file_info_request_proto, "\x0a\x01\0",
                "GetFileInfoRequestProto: field src contains a NUL byte");
        REFUSED(concat_request_proto, "\x0a\x01/\x12\x02/a\x12\x03/\0b",
                "ConcatRequestProto: field srcs contains a NUL byte");
        REFUSED(complete_request_proto,
                "\x0a\x01/\x12\x01" "c\x1a\x09\x0a\x03" "B\0P\x10\x01\x18\x02",
                "ExtendedBlockProto: field poolId contains a NUL byte");
}

static void bytes_fields_may_hold_any_byte(void **state)
{
        static const char bytes[] = "\x0a\x01/\x12\x03" "a\0b\x18\x00";
        Hadoop__GetListingRequestProto *m;

        (void)state;
        m = unpack(&hadoop__get_listing_request_proto__descriptor, bytes, sizeof(bytes) - 1);
        assert_non_null(m);
        assert_int_equal(m->startafter.len, 3);
        assert_memory_equal(m->startafter.data, "a\0b", 3);
        message_free(m);
}

static void path_that_is_not_utf8_survives(void **state)
{
        static const char bytes[] = "\x0a\x06/\xff\xc0\xaf\xed\xa0";
        Hadoop__GetFileInfoRequestProto *m;
        struct buf b;

        (void)state;
        m = unpack(&hadoop__get_file_info_request_proto__descriptor, bytes, sizeof(bytes) - 1);
        assert_non_null(m);
        assert_string_equal(m->src, "/\xff\xc0\xaf\xed\xa0");
        buf_init(&b, 0);
        message_pack(&b, &m->base);
        assert_int_equal(b.n, sizeof(bytes) - 1);
        assert_memory_equal(b.data, bytes, b.n);
        buf_fini(&b);
        message_free(m);
}

static void malformed_messages_are_refused_with_a_reason(void **state)
{
        (void)state;
        REFUSED(get_file_info_request_proto, "",
                "GetFileInfoRequestProto: required field src is missing");
        REFUSED(get_file_info_request_proto, "\x08\x01",
                "GetFileInfoRequestProto: field src has the wrong wire type");
        REFUSED(get_file_info_request_proto, "\x0a\x05/x", "GetFileInfoRequestProto: malformed");
        REFUSED(get_file_info_request_proto, "\x0a\x01/\x13\x14",
                "GetFileInfoRequestProto: malformed");
        REFUSED(get_file_info_request_proto, "\x0a\x01/\x00\x00",
                "GetFileInfoRequestProto: malformed");
        REFUSED(get_file_info_request_proto, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01/",
                "GetFileInfoRequestProto: malformed");
        REFUSED(get_file_info_request_proto,
                "\x0a\x01/\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
                "GetFileInfoRequestProto: malformed");
        REFUSED(delete_request_proto, "\x0a\x01/",
                "DeleteRequestProto: required field recursive is missing");
        REFUSED(mkdirs_request_proto, "\x0a\x01/\x12\x00\x18\x01",
                "FsPermissionProto: required field perm is missing");
        REFUSED(mkdirs_request_proto, "\x0a\x01/\x10\x00\x18\x01",
                "MkdirsRequestProto: field masked has the wrong wire type");
}

static void every_truncation_of_an_operation_is_refused(void **state)
{
        const uint8_t *bytes = &VECTOR_BYTES(VECTOR_OP_READ_BLOCK)[4];
        size_t size = VECTOR_SIZE(VECTOR_OP_READ_BLOCK) - 4;

        (void)state;
        for (size_t n = 0; n < size; n++)
                assert_null(unpack(&hadoop__op_read_block_proto__descriptor, bytes, n));
        message_free(unpack(&hadoop__op_read_block_proto__descriptor, bytes, size));
        assert_int_equal(err.status, BDFS_OK);
}

static void unknown_fields_are_kept(void **state)
{
        static const char bytes[] = "\x0a\x01/\x98\x06\x05\xa2\x06\x02" "a\0";
        Hadoop__GetFileInfoRequestProto *m;
        struct buf b;

        (void)state;
        m = unpack(&hadoop__get_file_info_request_proto__descriptor, bytes, sizeof(bytes) - 1);
        assert_non_null(m);
        assert_int_equal(m->base.n_unknown_fields, 2);
        buf_init(&b, 0);
        message_pack(&b, &m->base);
        assert_int_equal(b.n, sizeof(bytes) - 1);
        assert_memory_equal(b.data, bytes, b.n);
        buf_fini(&b);
        message_free(m);
}

static void enum_numbers_of_tomorrow_are_kept(void **state)
{
        Hadoop__StorageTypesProto *m;

        (void)state;
        m = unpack(&hadoop__storage_types_proto__descriptor, "\x08\x01\x08\x63", 4);
        assert_non_null(m);
        assert_int_equal(m->n_storagetypes, 2);
        assert_int_equal(m->storagetypes[1], 99);
        message_free(m);
        /* packed, though the schema says one by one */
        m = unpack(&hadoop__storage_types_proto__descriptor, "\x0a\x03\x01\x02\x03", 5);
        assert_non_null(m);
        assert_int_equal(m->n_storagetypes, 3);
        message_free(m);
}

static void last_of_several_wins(void **state)
{
        Hadoop__GetFileInfoRequestProto *m;

        (void)state;
        m = unpack(&hadoop__get_file_info_request_proto__descriptor, "\x0a\x01/\x0a\x02/a", 7);
        assert_non_null(m);
        assert_string_equal(m->src, "/a");
        message_free(m);
}

static void large_honest_message_fits_the_memory_bound(void **state)
{
        static char name[] = "a-name-of-ordinary-length", user[] = "user";
        static Hadoop__HdfsFileStatusProto entries[1000];
        static Hadoop__HdfsFileStatusProto *list[1000];
        Hadoop__FsPermissionProto permission = HADOOP__FS_PERMISSION_PROTO__INIT;
        Hadoop__DirectoryListingProto listing = HADOOP__DIRECTORY_LISTING_PROTO__INIT, *back;
        struct buf b;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                hadoop__hdfs_file_status_proto__init(&entries[i]);
                entries[i].filetype = HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_FILE;
                entries[i].path = (ProtobufCBinaryData){strlen(name), (uint8_t *)name};
                entries[i].permission = &permission;
                entries[i].owner = user;
                entries[i].group = user;
                list[i] = &entries[i];
        }
        listing.n_partiallisting = 1000;
        listing.partiallisting = list;
        buf_init(&b, 0);
        message_pack(&b, &listing.base);
        back = unpack(&hadoop__directory_listing_proto__descriptor, b.data, b.n);
        assert_non_null(back);
        assert_int_equal(back->n_partiallisting, 1000);
        assert_memory_equal(back->partiallisting[999]->path.data, name, strlen(name));
        message_free(back);
        buf_fini(&b);
}

static void message_beyond_the_size_bound_is_refused_unread(void **state)
{
        (void)state;
        err.status = BDFS_OK;
        assert_null(message_unpack(&hadoop__get_file_info_request_proto__descriptor, "",
                                   (size_t)MESSAGE_BYTES_MAX + 1, &err));
        assert_int_equal(err.status, BDFS_LIMIT);
}

/* No message of the wire contains itself, so the bound on nesting needs one that does. */
struct node {
        ProtobufCMessage base;
        struct node *child;
};
extern const ProtobufCMessageDescriptor node_type;
static void node_init(ProtobufCMessage *m)
{
        *(struct node *)m = (struct node){.base = PROTOBUF_C_MESSAGE_INIT(&node_type)};
}
static const ProtobufCFieldDescriptor node_fields[] = {
        {.name = "child", .id = 1, .label = PROTOBUF_C_LABEL_OPTIONAL,
         .type = PROTOBUF_C_TYPE_MESSAGE, .offset = offsetof(struct node, child),
         .descriptor = &node_type},
};
static const unsigned node_by_name[] = {0};
static const ProtobufCIntRange node_ranges[] = {{1, 0}, {0, 1}};
const ProtobufCMessageDescriptor node_type = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "Node",
        .short_name = "Node",
        .c_name = "Node",
        .package_name = "",
        .sizeof_message = sizeof(struct node),
        .n_fields = 1,
        .fields = node_fields,
        .fields_sorted_by_name = node_by_name,
        .n_field_ranges = 1,
        .field_ranges = node_ranges,
        .message_init = node_init,
};

static void nesting_is_bounded(void **state)
{
        uint8_t bytes[64];
        size_t n = 0;

        (void)state;
        for (unsigned depth = 1; depth <= MESSAGE_DEPTH_MAX; depth++) {
                message_free(unpack(&node_type, bytes, n));
                assert_int_equal(err.status, BDFS_OK);
                memmove(bytes + 2, bytes, n);
                bytes[0] = 0x0a;
                bytes[1] = (uint8_t)n;
                n += 2;
        }
        assert_refused(&node_type, bytes, n, BDFS_PROTOCOL, "Node: nested too deep");
}

/* Nor is there one that grows much beyond its bytes. */
struct wide {
        ProtobufCMessage base;
        size_t n_children;
        struct wide **children;
        uint8_t ballast[2 * MESSAGE_MEMORY_PER_BYTE];
};
extern const ProtobufCMessageDescriptor wide_type;
static void wide_init(ProtobufCMessage *m)
{
        *(struct wide *)m = (struct wide){.base = PROTOBUF_C_MESSAGE_INIT(&wide_type)};
}
static const ProtobufCFieldDescriptor wide_fields[] = {
        {.name = "children", .id = 1, .label = PROTOBUF_C_LABEL_REPEATED,
         .type = PROTOBUF_C_TYPE_MESSAGE, .quantifier_offset = offsetof(struct wide, n_children),
         .offset = offsetof(struct wide, children), .descriptor = &wide_type},
};
const ProtobufCMessageDescriptor wide_type = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "Wide",
        .short_name = "Wide",
        .c_name = "Wide",
        .package_name = "",
        .sizeof_message = sizeof(struct wide),
        .n_fields = 1,
        .fields = wide_fields,
        .fields_sorted_by_name = node_by_name,
        .n_field_ranges = 1,
        .field_ranges = node_ranges,
        .message_init = wide_init,
};

static void hostile_repetition_meets_the_memory_bound(void **state)
{
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        for (int i = 0; i < 5000; i++)
                buf_add(&b, "\x0a\x00", 2);
        assert_null(unpack(&wide_type, b.data, b.n));
        assert_int_equal(err.status, BDFS_LIMIT);
        message_free(unpack(&wide_type, b.data, 40)); /* a few may take what they need */
        assert_int_equal(err.status, BDFS_OK);
        buf_fini(&b);
}

/* One message in many pieces costs what it would in one. */
static void pieces_of_a_message_become_one(void **state)
{
        Hadoop__BlockStoragePolicyProto *m;
        struct buf b;

        (void)state;
        buf_init(&b, 0);
        buf_add(&b, "\x08\x01\x12\x01n\x1a\x00", 7);
        for (int i = 0; i < 5000; i++)
                buf_add(&b, "\x22\x02\x08\x01", 4);
        m = unpack(&hadoop__block_storage_policy_proto__descriptor, b.data, b.n);
        assert_non_null(m);
        assert_int_equal(m->creationfallbackpolicy->n_storagetypes, 5000);
        message_free(m);
        buf_fini(&b);
}

static void delimited_message_says_what_it_needs(void **state)
{
        static const uint8_t bytes[] = "\x80\x01" "0123456789";
        struct message_span s;

        (void)state;
        assert_int_equal(message_delimited(NULL, 0, 128, &s, &err), BDFS_OK);
        assert_int_equal(s.need, 1);
        assert_int_equal(message_delimited(bytes, 1, 128, &s, &err), BDFS_OK);
        assert_int_equal(s.need, 1);
        assert_int_equal(message_delimited(bytes, 2, 128, &s, &err), BDFS_OK);
        assert_int_equal(s.need, 128);
        assert_int_equal(message_delimited(bytes, 12, 128, &s, &err), BDFS_OK);
        assert_int_equal(s.need, 118);
        assert_int_equal(message_delimited(bytes, 12, 127, &s, &err), BDFS_PROTOCOL);
        assert_int_equal(message_delimited("\x02" "abc", 4, 9, &s, &err), BDFS_OK);
        assert_int_equal(s.need, 0);
        assert_int_equal(s.total, 3);
        assert_int_equal(s.message_n, 2);
        assert_memory_equal(s.message, "ab", 2);
        assert_int_equal(message_delimited("\x00", 1, 9, &s, &err), BDFS_OK);
        assert_int_equal(s.need, 0);
        assert_int_equal(s.total, 1);
        assert_int_equal(message_delimited("\x80\x80\x80\x80\x80", 5, 9, &s, &err), BDFS_PROTOCOL);
        assert_int_equal(message_delimited("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, 9, &s,
                                           &err),
                         BDFS_PROTOCOL);
}

static void packing_stops_at_the_bound_of_the_buffer(void **state)
{
        Hadoop__RenameRequestProto m = HADOOP__RENAME_REQUEST_PROTO__INIT;
        char path[] = "/a/path";
        struct buf b;

        (void)state;
        m.src = path;
        m.dst = path;
        buf_init(&b, 18);
        message_pack_delimited(&b, &m.base);
        assert_true(b.bad);
        buf_fini(&b);
        buf_init(&b, 19);
        message_pack_delimited(&b, &m.base);
        assert_false(b.bad);
        assert_int_equal(b.n, 19);
        assert_int_equal(b.data[0], 18);
        buf_fini(&b);
}

static void assert_printed(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
                           const char *want)
{
        ProtobufCMessage *m = unpack(type, bytes, n);
        struct buf b;

        assert_non_null(m);
        buf_init(&b, 0);
        message_print(&b, m);
        buf_u8(&b, '\0');
        assert_false(b.bad);
        assert_string_equal((char *)b.data, want);
        buf_fini(&b);
        message_free(m);
}

#define PRINTED(type, literal, want) \
        assert_printed(&hadoop__##type##__descriptor, literal, sizeof(literal) - 1, want)

static void printing_shows_fields_by_name_and_hides_secrets(void **state)
{
        (void)state;
        PRINTED(get_server_defaults_request_proto, "", "{}");
        PRINTED(mkdirs_request_proto, "\x0a\x03/\"\xff\x12\x03\x08\xed\x03\x18\x01",
                "{src: \"/\\x22\\xff\" masked: {perm: 493} createParent: true}");
        PRINTED(concat_request_proto, "\x0a\x02/t\x12\x02/a\x12\x02/b",
                "{trg: \"/t\" srcs: \"/a\" srcs: \"/b\"}");
        PRINTED(get_listing_request_proto, "\x0a\x01/\x12\x02" "a\0\x18\x00",
                "{src: \"/\" startAfter: \"a\\x00\" needLocation: false}");
        PRINTED(token_proto, "\x0a\x05token\x12\x00\x1a\x01k\x22\x00",
                "{identifier: <5 bytes> password: <0 bytes> kind: \"k\" service: \"\"}");
        PRINTED(fsync_request_proto, "\x0a\x01/\x12\x01" "c\x18\x01\x20\x07",
                "{src: \"/\" client: \"c\" lastBlockLength: -1 fileId: 7}");
        PRINTED(storage_types_proto, "\x08\x02\x08\x63", "{storageTypes: SSD storageTypes: 99}");
}

static void printing_cuts_long_values(void **state)
{
        Hadoop__GetFileInfoRequestProto m = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        char path[2 * MESSAGE_PRINT_BYTES_MAX];
        struct buf b;

        (void)state;
        memset(path, 'x', sizeof(path));
        path[sizeof(path) - 1] = '\0';
        m.src = path;
        buf_init(&b, 0);
        message_print(&b, &m.base);
        assert_int_equal(b.n, strlen("{src: \"...\"}") + MESSAGE_PRINT_BYTES_MAX);
        buf_fini(&b);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(path_with_a_nul_byte_is_refused_not_cut),
                cmocka_unit_test(bytes_fields_may_hold_any_byte),
                cmocka_unit_test(path_that_is_not_utf8_survives),
                cmocka_unit_test(malformed_messages_are_refused_with_a_reason),
                cmocka_unit_test(every_truncation_of_an_operation_is_refused),
                cmocka_unit_test(unknown_fields_are_kept),
                cmocka_unit_test(enum_numbers_of_tomorrow_are_kept),
                cmocka_unit_test(last_of_several_wins),
                cmocka_unit_test(hostile_repetition_meets_the_memory_bound),
                cmocka_unit_test(pieces_of_a_message_become_one),
                cmocka_unit_test(large_honest_message_fits_the_memory_bound),
                cmocka_unit_test(message_beyond_the_size_bound_is_refused_unread),
                cmocka_unit_test(nesting_is_bounded),
                cmocka_unit_test(delimited_message_says_what_it_needs),
                cmocka_unit_test(packing_stops_at_the_bound_of_the_buffer),
                cmocka_unit_test(printing_shows_fields_by_name_and_hides_secrets),
                cmocka_unit_test(printing_cuts_long_values),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
