/* The two forms of a status: a message, and the encoded entry of a listing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "namenode/serve/file_status.h"
#include "proto/message.h"

static struct ns_status status_of(enum inode_type type, const char *name)
{
        struct ns_status s = {
                .inode = 16387,
                .type = type,
                .mode = 01777,
                .owner = "alice",
                .group = "supergroup",
                .mtime = INT64_C(1700000000123),
                .atime = INT64_C(1700000000456),
                .policy = 7,
        };

        s.name_n = (uint8_t)strlen(name);
        memcpy(s.name, name, s.name_n);
        if (type == INODE_FILE) {
                s.length = UINT64_C(1) << 50;
                s.replication = 3;
                s.block_size = 128 << 20;
        } else if (type == INODE_DIRECTORY) {
                s.children = 1000000;
        } else {
                s.target = "../elsewhere";
                s.target_n = strlen(s.target);
        }
        return s;
}

/* What is made of @s by hand is what protobuf makes of the message. */
static void assert_alike(const struct ns_status *s, Hadoop__LocatedBlocksProto *locations)
{
        Hadoop__DirectoryListingProto by_message = HADOOP__DIRECTORY_LISTING_PROTO__INIT;
        Hadoop__DirectoryListingProto by_entry = HADOOP__DIRECTORY_LISTING_PROTO__INIT, *back;
        struct describe d = {0};
        Hadoop__HdfsFileStatusProto *f = status_describe(&d, s);
        ProtobufCMessageUnknownField entry;
        struct bdfs_err err;
        struct buf a, b;

        assert_non_null(f);
        f->path = (ProtobufCBinaryData){s->name_n, (uint8_t *)(uintptr_t)s->name};
        f->locations = locations;
        by_message.partiallisting = &f;
        by_message.n_partiallisting = 1;
        assert_true(status_encode(&d, s, locations, &entry));
        by_entry.base.unknown_fields = &entry;
        by_entry.base.n_unknown_fields = 1;
        buf_init(&a, 0);
        buf_init(&b, 0);
        message_pack(&a, &by_message.base);
        message_pack(&b, &by_entry.base);
        back = message_unpack(by_entry.base.descriptor, b.data, b.n, &err);
        assert_non_null(back); /* the entry is behind the other field: packed again it is not */
        assert_int_equal(back->base.n_unknown_fields, 0);
        buf_reset(&b);
        message_pack(&b, &back->base);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.data, b.data, a.n);
        message_free(back);
        buf_fini(&a);
        buf_fini(&b);
        describe_fini(&d);
}

static void every_type_is_encoded_as_its_message(void **state)
{
        struct ns_status s = status_of(INODE_FILE, "name");

        (void)state;
        assert_alike(&s, NULL);
        s = status_of(INODE_FILE, ""); /* a file that is listed itself */
        assert_alike(&s, NULL);
        s = status_of(INODE_DIRECTORY, "d");
        assert_alike(&s, NULL);
        s = status_of(INODE_SYMLINK, "l");
        assert_alike(&s, NULL);
        s = (struct ns_status){.type = INODE_DIRECTORY, .owner = "", .group = ""};
        assert_alike(&s, NULL);
}

static void the_longest_entry_fits(void **state)
{
        static char name[NAME_BYTES_MAX + 1], target[SYMLINK_BYTES_MAX + 1], user[256];
        struct ns_status s;

        (void)state;
        memset(name, 'n', NAME_BYTES_MAX);
        memset(target, 't', SYMLINK_BYTES_MAX);
        memset(user, 'u', 255);
        s = status_of(INODE_SYMLINK, name);
        s.target = target;
        s.target_n = SYMLINK_BYTES_MAX;
        s.owner = s.group = user;
        s.inode = s.block_size = UINT64_MAX;
        s.mtime = s.atime = -1;
        s.replication = UINT32_MAX;
        s.children = INT32_MAX;
        s.policy = UINT8_MAX;
        s.mode = UINT16_MAX;
        assert_alike(&s, NULL);
        s.type = INODE_FILE;
        s.length = UINT64_MAX;
        assert_alike(&s, NULL);
}

static void locations_go_into_the_entry(void **state)
{
        Hadoop__LocatedBlocksProto l = HADOOP__LOCATED_BLOCKS_PROTO__INIT;
        struct ns_status s = status_of(INODE_FILE, "name");

        (void)state;
        l.filelength = 12345;
        l.islastblockcomplete = true;
        assert_alike(&s, &l);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_is_encoded_as_its_message),
                cmocka_unit_test(the_longest_entry_fits),
                cmocka_unit_test(locations_go_into_the_entry),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
