/* Decoders of foreign bytes: whichever allocation fails, NO_MEMORY comes back, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/conf.h"
#include "namenode/journal/journal_format.h"
#include "namenode/tree/path.h"
#include "net/token.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "tests/lib/fault_alloc.h"

/* Calls @work with every allocation failing in turn, until none is left to fail. */
static void each_allocation_fails(enum bdfs_status (*work)(struct bdfs_err *err), unsigned least)
{
        unsigned n;

        for (n = 1;; n++) {
                struct bdfs_err err = {.status = BDFS_OK};
                enum bdfs_status rc;
                bool fired;

                fault_arm(n);
                rc = work(&err);
                fired = fault_fired();
                if (!fired) {
                        assert_int_equal(rc, BDFS_OK);
                        break;
                }
                assert_int_equal(rc, BDFS_NO_MEMORY);
                assert_int_equal(err.status, BDFS_NO_MEMORY);
                assert_true(err.text[0] != '\0');
        }
        assert_true(n > least); /* so many were made to fail */
}

/* ---- messages ------------------------------------------------------------------------------- */

static struct buf listing; /* a directory of many names: the arena grows */

static enum bdfs_status unpack(struct bdfs_err *err)
{
        void *m = message_unpack(&hadoop__get_listing_response_proto__descriptor, listing.data,
                                 listing.n, err);

        message_free(m);
        return m == NULL ? err->status : BDFS_OK;
}

static void make_listing(void)
{
        Hadoop__GetListingResponseProto r = HADOOP__GET_LISTING_RESPONSE_PROTO__INIT;
        Hadoop__DirectoryListingProto d = HADOOP__DIRECTORY_LISTING_PROTO__INIT;
        Hadoop__HdfsFileStatusProto one = HADOOP__HDFS_FILE_STATUS_PROTO__INIT, *all[2000];
        Hadoop__FsPermissionProto mode = HADOOP__FS_PERMISSION_PROTO__INIT;

        one.permission = &mode;
        one.owner = one.group = (char *)"";
        for (size_t i = 0; i < 2000; i++)
                all[i] = &one;
        d.partiallisting = all;
        d.n_partiallisting = 2000;
        r.dirlist = &d;
        buf_init(&listing, 0);
        message_pack(&listing, &r.base);
        assert_false(listing.bad);
}

static void a_message_needs_all_of_its_memory(void **state)
{
        (void)state;
        make_listing();
        each_allocation_fails(unpack, 3);
        buf_fini(&listing);
}

static enum bdfs_status pack(struct bdfs_err *err)
{
        Hadoop__GetFileInfoRequestProto q = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        char path[5000];
        struct buf b;
        bool bad;

        memset(path, 'p', sizeof(path));
        path[sizeof(path) - 1] = '\0';
        q.src = path;
        buf_init(&b, 0);
        ipc_request_encode(&b,
                           &(struct ipc_call){.method = "getFileInfo",
                                              .protocol = "p",
                                              .version = 1,
                                              .client_id = (const uint8_t *)"0123456789abcdef"},
                           &q.base);
        bad = b.bad;
        buf_fini(&b);
        return bad ? bdfs_fail(err, BDFS_NO_MEMORY, "the buffer says so") : BDFS_OK;
}

static void a_frame_that_found_no_memory_says_so(void **state)
{
        (void)state;
        each_allocation_fails(pack, 1);
}

/* ---- names, tokens, batches ----------------------------------------------------------------- */

static enum bdfs_status check(struct bdfs_err *err)
{
        static const char text[] = "/a//path/of/more/than/sixty/four/bytes/so/that/its/room/grows/";
        enum bdfs_status rc;
        struct path p;
        struct buf room;

        buf_init(&room, 0);
        rc = path_check(text, sizeof(text) - 1, PATH_READ, true, &room, &p, NULL, err);
        buf_fini(&room);
        return rc;
}

static void a_path_needs_its_room(void **state)
{
        (void)state;
        each_allocation_fails(check, 1);
}

static enum bdfs_status make_token(struct bdfs_err *err)
{
        const struct token t = {.user = "somebody", .block = 7, .length = 10, .rights = TOKEN_READ};
        const struct token_node nodes[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
        struct buf identifier, password;
        enum bdfs_status rc;

        buf_init(&identifier, 0);
        buf_init(&password, 0);
        rc = token_make(&t, nodes, 3, &identifier, &password, err);
        buf_fini(&identifier);
        buf_fini(&password);
        return rc;
}

static void a_token_is_whole_or_not_made(void **state)
{
        (void)state;
        each_allocation_fails(make_token, 2);
}

static enum bdfs_status encode_batch(struct bdfs_err *err)
{
        uint8_t bytes[100] = {0};
        const struct journal_record records[3] = {
                {.index = 5, .bytes = bytes, .n = 100},
                {.index = 6, .bytes = bytes, .n = 50},
                {.index = 7, .bytes = bytes, .n = 0},
        };
        struct journal_batch back;
        struct buf b;
        bool bad;

        buf_init(&b, 0);
        journal_batch_encode(&b, 42, 5, records, 3);
        bad = b.bad;
        if (!bad)
                assert_true(journal_batch_decode(b.data, b.n, 42, &back) && back.count == 3);
        buf_fini(&b);
        return bad ? bdfs_fail(err, BDFS_NO_MEMORY, "the buffer says so") : BDFS_OK;
}

static void a_batch_that_found_no_memory_says_so(void **state)
{
        (void)state;
        each_allocation_fails(encode_batch, 1);
}

/* ---- configuration -------------------------------------------------------------------------- */

struct settings {
        char *name, *other;
        struct conf_list list, empty;
        int64_t number;
};

static const struct conf_key table[] = {
        {"name", CONF_STRING(struct settings, name), "", 0, 0, "text"},
        {"other", CONF_STRING(struct settings, other), "not given", 0, 0, "text"},
        {"list", CONF_LIST(struct settings, list), "", 0, 0, "list"},
        {"empty", CONF_LIST(struct settings, empty), "", 0, 0, "list"},
        {"number", CONF_INT(struct settings, number), "1", 0, 9, "number"},
};

static enum bdfs_status parse(struct bdfs_err *err)
{
        static const char text[] = "name = n\nlist = a, b, c\nnumber = 3\n";
        const size_t n = sizeof(table) / sizeof(table[0]);
        struct settings s;
        enum bdfs_status rc;

        rc = conf_parse(table, n, "conf", text, sizeof(text) - 1, &s, err);
        if (rc == BDFS_OK) {
                assert_string_equal(s.name, "n");
                assert_int_equal(s.list.n, 3);
                conf_free(table, n, &s);
        } else {
                assert_null(s.name);
                assert_int_equal(s.list.n, 0);
        }
        return rc;
}

static void a_configuration_is_read_whole_or_not_at_all(void **state)
{
        (void)state;
        each_allocation_fails(parse, 8);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_needs_all_of_its_memory),
                cmocka_unit_test(a_frame_that_found_no_memory_says_so),
                cmocka_unit_test(a_path_needs_its_room),
                cmocka_unit_test(a_token_is_whole_or_not_made),
                cmocka_unit_test(a_batch_that_found_no_memory_says_so),
                cmocka_unit_test(a_configuration_is_read_whole_or_not_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
