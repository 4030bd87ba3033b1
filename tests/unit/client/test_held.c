/*
 * What a reader holds of a file, beside a namenode made of pretence: the file's blocks are a table
 * that the tests change between the open and what follows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/locate.h"

#define locate pretend_locate
#define locate_only pretend_locate_only
#define bdfs_stat(fs, path, ret, err) pretend_stat(fs, path, ret, err)

#define BLOCKS_MAX 8

struct world_block {
        uint64_t id, offset, bytes;
};

static struct {
        struct world_block block[BLOCKS_MAX];
        size_t n;
        uint64_t inode, length;
        bool open;               /* the last one is being written; length is without it */
        uint64_t open_bytes;
        bool tells_inode;        /* with the locations: our own port */
        bool knows_inodes;       /* as names of files */
        bool away;
        unsigned asked, stats;
        void (*between)(void);   /* before an answer; once */
        char last_ask[80];
} world;

struct wire_block {
        Hadoop__LocatedBlockProto b;
        Hadoop__ExtendedBlockProto extended;
        Hadoop__TokenProto token;
};

static Hadoop__LocatedBlockProto *fill_block(struct wire_block *to, const struct world_block *from)
{
        static char answer[16], none[] = "";

        hadoop__located_block_proto__init(&to->b);
        hadoop__extended_block_proto__init(&to->extended);
        hadoop__token_proto__init(&to->token);
        (void)snprintf(answer, sizeof(answer), "%u", world.asked);
        to->extended.poolid = answer; /* tells which one it is from */
        to->extended.blockid = from->id;
        to->extended.generationstamp = 1000;
        to->extended.has_numbytes = true;
        to->extended.numbytes = from->bytes;
        to->token.kind = to->token.service = none;
        to->b.b = &to->extended;
        to->b.offset = from->offset;
        to->b.blocktoken = &to->token;
        return &to->b;
}

/* As it comes from the wire. */
static void fill_answer(uint64_t offset, uint64_t length, struct file_map *ret)
{
        Hadoop__GetBlockLocationsResponseProto r = HADOOP__GET_BLOCK_LOCATIONS_RESPONSE_PROTO__INIT;
        Hadoop__LocatedBlocksProto l = HADOOP__LOCATED_BLOCKS_PROTO__INIT;
        struct wire_block blocks[BLOCKS_MAX + 1];
        Hadoop__LocatedBlockProto *list[BLOCKS_MAX];
        struct bdfs_err err;
        struct buf packed;

        l.filelength = world.length;
        l.underconstruction = world.open;
        l.islastblockcomplete = !world.open;
        l.blocks = list;
        for (size_t i = 0; i < world.n; i++) {
                const struct world_block *w = &world.block[i];

                if (w->offset < offset + length && w->offset + w->bytes > offset)
                        list[l.n_blocks++] = fill_block(&blocks[i], w);
        }
        if (world.n > 0)
                l.lastblock = fill_block(&blocks[BLOCKS_MAX], &world.block[world.n - 1]);
        r.locations = &l;
        buf_init(&packed, 0);
        message_pack(&packed, &r.base);
        ret->answer = message_unpack(&hadoop__get_block_locations_response_proto__descriptor,
                                     packed.data, packed.n, &err);
        assert_non_null(ret->answer);
        ret->blocks = ((Hadoop__GetBlockLocationsResponseProto *)ret->answer)->locations;
        buf_fini(&packed);
}

static enum bdfs_status pretend_locate_only(struct bdfs *fs, const char *path, uint64_t offset,
                                            uint64_t length, struct file_map *ret,
                                            struct bdfs_err *err)
{
        void (*between)(void) = world.between;
        char own[64];

        (void)fs;
        world.between = NULL;
        if (between != NULL)
                between();
        world.asked++;
        (void)snprintf(world.last_ask, sizeof(world.last_ask), "%s", path);
        (void)snprintf(own, sizeof(own), "/.reserved/.inodes/%llu",
                       (unsigned long long)world.inode);
        if (world.away)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "pretended");
        if (world.inode == 0 ||
            (strncmp(path, "/.r", 3) == 0 && (!world.knows_inodes || strcmp(path, own) != 0)))
                return bdfs_fail(err, BDFS_NOT_FOUND, "pretended");
        *ret = (struct file_map){.length = world.length,
                                 .inode = world.tells_inode ? world.inode : 0};
        fill_answer(offset, length, ret);
        return BDFS_OK;
}

static enum bdfs_status pretend_locate(struct bdfs *fs, const char *path, uint64_t offset,
                                       uint64_t length, struct file_map *ret, struct bdfs_err *err)
{
        enum bdfs_status rc = pretend_locate_only(fs, path, offset, length, ret, err);

        if (rc == BDFS_OK && world.open) {
                ret->open_bytes = world.open_bytes;
                ret->length += world.open_bytes;
        }
        return rc;
}

static enum bdfs_status pretend_stat(struct bdfs *fs, const char *path, struct bdfs_stat *ret,
                                     struct bdfs_err *err)
{
        (void)fs, (void)path;
        world.stats++;
        if (world.inode == 0)
                return bdfs_fail(err, BDFS_NOT_FOUND, "pretended");
        *ret = (struct bdfs_stat){.type = BDFS_TYPE_FILE, .inode = world.inode};
        return BDFS_OK;
}

#include "client/held.c"

static struct bdfs the_fs;

/* Blocks of @bytes each, ids from @id on. */
static void be_file(uint64_t inode, uint64_t id, size_t n, uint64_t bytes)
{
        world.inode = inode;
        world.n = n;
        for (size_t i = 0; i < n; i++)
                world.block[i] = (struct world_block){id + i, i * bytes, bytes};
        world.length = n * bytes;
}

static int setup(void **state)
{
        (void)state;
        memset(&world, 0, sizeof(world));
        the_fs = (struct bdfs){0};
        world.tells_inode = world.knows_inodes = true;
        be_file(17, 100, 4, 1000);
        return 0;
}

static struct held *opened(const char *path)
{
        struct held *h;
        struct bdfs_err err;

        if (held_open(&the_fs, path, &h, &err) != BDFS_OK)
                fail_msg("%s", err.text);
        return h;
}

static uint64_t block_at(struct held *h, uint64_t offset)
{
        struct held_page *p = held_take(h, offset);
        uint64_t id = p == NULL ? 0 : held_find(p, offset)->block->b->blockid;

        held_drop(h, p);
        return id;
}

static void renew(struct held *h, uint64_t offset)
{
        struct held_page *p = held_take(h, offset);
        struct bdfs_err err;

        assert_non_null(p);
        assert_int_equal(held_renew(h, &p, &err), BDFS_OK);
        held_drop(h, p);
}

/* Which answer the piece's block is from; *ret_lost: the file has it no more. */
static uint64_t answer_of(struct held *h, uint64_t offset, bool *ret_lost)
{
        struct held_page *p = held_take(h, offset);
        const struct held_piece *piece = held_find(p, offset);
        uint64_t answer = strtoull(piece->block->b->poolid, NULL, 10);

        *ret_lost = piece->lost;
        held_drop(h, p);
        return answer;
}

static void is_replaced(struct held *h, uint64_t offset, const char *text)
{
        struct held_page *p = held_take(h, offset);
        struct bdfs_err err;

        (void)bdfs_fail(&err, BDFS_REPLICA_NOT_FOUND, "not here");
        assert_true(held_is_lost(h, held_find(p, offset), err.status));
        assert_false(held_is_lost(h, held_find(p, offset), BDFS_UNAVAILABLE));
        assert_int_equal(held_explain(h, held_find(p, offset), &err), BDFS_REPLACED);
        assert_non_null(strstr(err.text, text));
        held_drop(h, p);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void own_port_is_asked_once_and_then_by_inode(void **state)
{
        struct held *h = opened("/f");
        bool lost;

        (void)state;
        assert_int_equal(world.asked, 1);
        assert_int_equal(world.stats, 0);
        assert_int_equal(held_inode(h), 17);
        assert_int_equal(held_length(h), 4000);
        assert_int_equal(block_at(h, 0), 100);
        assert_int_equal(block_at(h, 999), 100);
        assert_int_equal(block_at(h, 3999), 103);
        assert_null(held_take(h, 4000));
        renew(h, 0);
        assert_string_equal(world.last_ask, "/.reserved/.inodes/17");
        assert_int_equal(answer_of(h, 3000, &lost), 2);
        assert_false(lost);
        held_close(h);
}

static void another_file_under_the_name_is_never_read(void **state)
{
        struct held *h = opened("/f");
        bool lost;

        (void)state;
        be_file(18, 200, 4, 1000);
        renew(h, 1000);
        assert_int_equal(block_at(h, 1000), 101);
        assert_int_equal(answer_of(h, 1000, &lost), 1);
        is_replaced(h, 1000, "`/f' was deleted or replaced while it was read");
        world.asked = 0;
        renew(h, 1000); /* what is gone is not asked for again */
        assert_int_equal(world.asked, 0);
        held_close(h);
}

static void what_was_cut_and_rewritten_keeps_its_old_place(void **state)
{
        struct held *h = opened("/f");
        struct bdfs_err err;
        struct held_page *p;
        bool lost;

        (void)state;
        world.block[1].bytes = 400; /* cut within the second block, */
        world.block[2] = (struct world_block){300, 1400, 5000}; /* and appended to */
        world.n = 3;
        world.length = 6400;
        for (unsigned i = 0; i < 2; i++) { /* what is kept is kept again */
                renew(h, 0);
                assert_int_equal(answer_of(h, 0, &lost), 2 + i);
                assert_false(lost);
                assert_int_equal(answer_of(h, 1000, &lost), 1);
                assert_true(lost);
                assert_int_equal(answer_of(h, 3999, &lost), 1);
                assert_true(lost);
                assert_int_equal(block_at(h, 2000), 102);
        }
        assert_int_equal(held_length(h), 4000);
        is_replaced(h, 2500, "`/f' was cut or rewritten while it was read");
        (void)bdfs_fail(&err, BDFS_UNAVAILABLE, "away");
        p = held_take(h, 0);
        assert_int_equal(held_explain(h, held_find(p, 0), &err), BDFS_UNAVAILABLE);
        held_drop(h, p);
        held_close(h);
}

static void bytes_that_were_shown_of_an_open_block_stay(void **state)
{
        struct held *h;
        bool lost;

        (void)state;
        world.open = true;
        world.open_bytes = 500;
        world.length = 3000;
        h = opened("/f");
        assert_true(held_is_open(h));
        assert_int_equal(held_length(h), 3500);
        assert_int_equal(block_at(h, 3499), 103);
        assert_null(held_take(h, 3500));
        world.block[3].bytes = 0; /* a namenode need not know how much of it there is */
        renew(h, 3000);
        assert_int_equal(answer_of(h, 3499, &lost), 2);
        world.open = false;
        world.block[3].bytes = 800;
        world.length = 3800;
        renew(h, 3000);
        assert_int_equal(answer_of(h, 3499, &lost), 3);
        assert_false(lost);
        assert_null(held_take(h, 3500));
        held_close(h);
}

static void large_files_come_in_pages(void **state)
{
        struct held *h;
        bool lost;

        (void)state;
        be_file(17, 100, 5, 50 * GIB); /* the third one lies over the border */
        h = opened("/f");
        assert_int_equal(world.asked, 2);
        for (uint64_t at = 0; at < 250 * GIB; at += 10 * GIB)
                assert_int_equal(block_at(h, at), 100 + at / (50 * GIB));
        assert_int_equal(block_at(h, 250 * GIB - 1), 104);
        renew(h, 240 * GIB); /* that page alone */
        assert_int_equal(world.asked, 3);
        assert_int_equal(answer_of(h, 149 * GIB, &lost), 1);
        assert_int_equal(answer_of(h, 150 * GIB, &lost), 3);
        held_close(h);
}

static void be_other(void)
{
        be_file(18, 200, 5, 50 * GIB);
}

static void be_other_later(void)
{
        world.between = be_other;
}

static void be_longer(void)
{
        be_file(17, 100, 6, 50 * GIB);
}

static void be_longer_later(void)
{
        world.between = be_longer;
}

static void pages_of_two_files_are_never_joined(void **state)
{
        struct held *h;

        (void)state;
        be_file(17, 100, 5, 50 * GIB);
        world.between = be_other_later; /* between the first and the second page */
        h = opened("/f");
        assert_int_equal(held_inode(h), 18);
        assert_int_equal(block_at(h, 0), 200);
        assert_int_equal(block_at(h, 200 * GIB), 204);
        held_close(h);

        be_file(17, 100, 5, 50 * GIB);
        world.between = be_longer_later;
        h = opened("/f");
        assert_int_equal(held_length(h), 300 * GIB);
        assert_int_equal(block_at(h, 300 * GIB - 1), 105);
        held_close(h);
}

static void hadoop_port_is_asked_by_the_inode_of_its_status(void **state)
{
        struct held *h;

        (void)state;
        the_fs.hadoop = true;
        world.tells_inode = false;
        h = opened("/f");
        assert_int_equal(held_inode(h), 17);
        assert_string_equal(world.last_ask, "/.reserved/.inodes/17");
        be_file(18, 200, 4, 1000);
        renew(h, 0);
        assert_int_equal(block_at(h, 0), 100);
        is_replaced(h, 0, "deleted or replaced");
        held_close(h);
}

static void server_without_inodes_is_asked_by_name_while_it_means_the_same(void **state)
{
        struct held *h;
        bool lost;

        (void)state;
        the_fs.hadoop = true;
        world.tells_inode = world.knows_inodes = false;
        h = opened("/f");
        assert_string_equal(world.last_ask, "/f");
        renew(h, 0);
        assert_int_equal(answer_of(h, 0, &lost), world.asked);
        be_file(18, 200, 4, 1000);
        renew(h, 0);
        assert_int_equal(block_at(h, 3000), 103);
        is_replaced(h, 3000, "deleted or replaced");
        held_close(h);
}

static void tokens_are_renewed_before_they_end_and_an_absent_namenode_does_no_harm(void **state)
{
        struct held *h = opened("/f");
        struct held_page *p = held_take(h, 0);
        unsigned asked = world.asked;
        bool lost;

        (void)state;
        held_keep_fresh(h, &p);
        assert_int_equal(world.asked, asked);
        p->asked_ms -= HELD_RENEW_MS + 1;
        world.away = true;
        held_keep_fresh(h, &p);
        held_keep_fresh(h, &p);
        assert_int_equal(world.asked, asked + 1); /* not at every read */
        h->renew_not_before_ms = 0;
        world.away = false;
        held_keep_fresh(h, &p);
        held_keep_fresh(h, &p);
        assert_int_equal(world.asked, asked + 2);
        held_drop(h, p);
        assert_int_equal(answer_of(h, 0, &lost), asked + 2);
        held_close(h);
}

static void what_is_missing_is_not_found(void **state)
{
        struct held *h;
        struct bdfs_err err;

        (void)state;
        world.inode = 0;
        assert_int_equal(held_open(&the_fs, "/f", &h, &err), BDFS_NOT_FOUND);
        assert_int_equal(held_open(&the_fs, "/.reserved/.inodes/17", &h, &err), BDFS_NOT_FOUND);
        the_fs.hadoop = true;
        assert_int_equal(held_open(&the_fs, "/f", &h, &err), BDFS_NOT_FOUND);
        assert_true(world.asked + world.stats <= 4);
}

static void an_empty_file_has_no_pages(void **state)
{
        struct held *h;

        (void)state;
        be_file(17, 0, 0, 0);
        h = opened("/f");
        assert_int_equal(held_length(h), 0);
        assert_null(held_take(h, 0));
        held_close(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(own_port_is_asked_once_and_then_by_inode, setup),
                cmocka_unit_test_setup(another_file_under_the_name_is_never_read, setup),
                cmocka_unit_test_setup(what_was_cut_and_rewritten_keeps_its_old_place, setup),
                cmocka_unit_test_setup(bytes_that_were_shown_of_an_open_block_stay, setup),
                cmocka_unit_test_setup(large_files_come_in_pages, setup),
                cmocka_unit_test_setup(pages_of_two_files_are_never_joined, setup),
                cmocka_unit_test_setup(hadoop_port_is_asked_by_the_inode_of_its_status, setup),
                cmocka_unit_test_setup(
                        server_without_inodes_is_asked_by_name_while_it_means_the_same, setup),
                cmocka_unit_test_setup(
                        tokens_are_renewed_before_they_end_and_an_absent_namenode_does_no_harm,
                        setup),
                cmocka_unit_test_setup(what_is_missing_is_not_found, setup),
                cmocka_unit_test_setup(an_empty_file_has_no_pages, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
