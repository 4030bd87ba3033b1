/* Trap 53 of stock clients, the part about damaged files. */
#include "tests/unit/hadoop/test_hadoop_data.h"

#include <inttypes.h>

static int setup(void **state)
{
        *state = hadoop_start(2, "");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

/* One byte of each replica is another, as on a bad disk. */
static void damage(struct hadoop *h, uint64_t block)
{
        char command[256];

        for (unsigned i = 0; i < h->nodes; i++) {
                (void)snprintf(command, sizeof(command),
                               "for f in %s/dn%u/blocks/*/%016" PRIx64 "; do [ ! -e $f ] || "
                               "printf X | dd of=$f bs=1 seek=12289 conv=notrunc status=none; done",
                               h->dir, i, block);
                assert_int_equal(system(command), 0);
        }
}

static void spoil_and_report(struct hadoop *h, struct peer *p, const char *src)
{
        Hadoop__ReportBadBlocksRequestProto bad = HADOOP__REPORT_BAD_BLOCKS_REQUEST_PROTO__INIT;
        Hadoop__LocatedBlockProto *block = ask_locations(p, src, 0, 1)->blocks[0];

        damage(h, block->b->blockid);
        bad.blocks = &block;
        bad.n_blocks = 1;
        (void)peer_ask(p, METHOD_CLIENT_reportBadBlocks, &bad.base);
}

/* A word about a replica makes its node read it whole: it is for those who may read the file. */
static void who_may_not_read_a_file_says_nothing_about_its_blocks(void **state)
{
        Hadoop__ReportBadBlocksRequestProto bad = HADOOP__REPORT_BAD_BLOCKS_REQUEST_PROTO__INIT;
        struct hadoop *h = *state;
        struct peer *p = peer_open(h), *mallory;
        Hadoop__SetPermissionRequestProto chmod = HADOOP__SET_PERMISSION_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto mode = HADOOP__FS_PERMISSION_PROTO__INIT;
        Hadoop__LocatedBlockProto *block;
        uint64_t id;

        if (os_own_uid() != 0)
                skip(); /* only root may speak for others */
        make_file(p, "/secret", (const uint8_t *)"bar\n", 4, 1);
        block = ask_locations(p, "/secret", 0, 1)->blocks[0];
        mode.perm = 0600;
        chmod.src = text("/secret");
        chmod.permission = &mode;
        (void)peer_ask(p, METHOD_CLIENT_setPermission, &chmod.base);
        bad.blocks = &block;
        bad.n_blocks = 1;
        mallory = peer_of(h, "mallory");
        peer_refused(mallory, METHOD_CLIENT_reportBadBlocks, &bad.base,
                     EXCEPTION_ACCESS_CONTROL);
        id = block->b->blockid;
        block->b->blockid = id + 1000; /* nor of one that is not there */
        peer_refused(mallory, METHOD_CLIENT_reportBadBlocks, &bad.base,
                     EXCEPTION_ACCESS_CONTROL);
        block->b->blockid = id;
        mode.perm = 0644;
        (void)peer_ask(p, METHOD_CLIENT_setPermission, &chmod.base);
        (void)peer_ask(mallory, METHOD_CLIENT_reportBadBlocks, &bad.base);
        peer_close(mallory);
        peer_close(p);
}

static const Hadoop__CorruptFileBlocksProto *ask_corrupt(struct peer *p, const char *path,
                                                         const char *cookie)
{
        Hadoop__ListCorruptFileBlocksRequestProto q =
                HADOOP__LIST_CORRUPT_FILE_BLOCKS_REQUEST_PROTO__INIT;
        const Hadoop__ListCorruptFileBlocksResponseProto *r;

        q.path = text(path);
        q.cookie = text(cookie);
        r = peer_ask(p, METHOD_CLIENT_listCorruptFileBlocks, &q.base);
        assert_true(strlen(r->corrupt->cookie) > 0);
        return r->corrupt;
}

/* Ask as Java does, until a page is empty: how many were listed. */
static size_t count_corrupt(struct peer *p, const char *path)
{
        const Hadoop__CorruptFileBlocksProto *c = ask_corrupt(p, path, NULL);
        size_t n = 0;

        while (c->n_files > 0) {
                assert_memory_equal(c->files[0], path, strlen(path));
                n += c->n_files;
                c = ask_corrupt(p, path, c->cookie);
        }
        return n;
}

static void trap_53_corrupt_files_end_with_an_empty_page(void **state)
{
        enum { FILES = 120 }; /* more than a page of them */
        struct hadoop *h = *state;
        struct peer *p = peer_open(h);
        int64_t deadline = soon();
        const uint8_t *data = (const uint8_t *)"bar\n";
        char path[64];

        for (unsigned i = 0; i < FILES; i++) {
                (void)snprintf(path, sizeof(path), "/t53a/%u", i);
                make_file(p, path, data, 4, 1);
                spoil_and_report(h, p, path);
        }
        make_file(p, "/t53b/last", data, 4, 1);
        spoil_and_report(h, p, "/t53b/last");
        while (count_corrupt(p, "/t53a") < FILES || count_corrupt(p, "/t53b") < 1) {
                assert_true(os_mono_ms() < deadline);
                os_sleep_ms(100);
        }
        assert_int_equal(count_corrupt(p, "/t53a"), FILES);
        assert_int_equal(count_corrupt(p, "/t53b"), 1);
        assert_int_equal(count_corrupt(p, "/t53c"), 0);
        peer_close(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_may_not_read_a_file_says_nothing_about_its_blocks),
                cmocka_unit_test(trap_53_corrupt_files_end_with_an_empty_page),
        };

        log_open("test_traps_damage", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
