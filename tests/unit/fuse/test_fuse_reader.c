/*
 * Reading through a handle of the mount, above a libbdfs made of pretence: a file whose byte i is
 * a function of i, which counts how it is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "client/bdfs.h"
#include "common/err.h"

#define bdfs_open pretend_open
#define bdfs_close pretend_close
#define bdfs_length pretend_length
#define bdfs_version pretend_version
#define bdfs_seek pretend_seek
#define bdfs_read pretend_read
#define bdfs_pread pretend_pread

struct bdfs_file {
        uint64_t length, at;
        atomic_bool streaming; /* only one thread at a time may */
};

static struct {
        uint64_t length;
        atomic_uint opens, closes, reads, preads;
        atomic_bool fail;
        atomic_uint replaced;   /* so many reads find that the file is not what it was */
        bool deleted, denied;
} world;

static uint8_t byte_at(uint64_t i)
{
        return (uint8_t)(i * 2654435761u >> 13);
}

static enum bdfs_status pretend_open(struct bdfs *fs, const char *path, struct bdfs_file **ret,
                                     struct bdfs_err *err)
{
        (void)fs, (void)path;
        if (world.denied)
                return bdfs_fail(err, BDFS_PERMISSION, "pretended");
        if (world.deleted || atomic_load(&world.fail))
                return bdfs_fail(err, BDFS_NOT_FOUND, "pretended");
        *ret = calloc(1, sizeof(**ret));
        (*ret)->length = world.length;
        atomic_fetch_add(&world.opens, 1);
        return BDFS_OK;
}

static enum bdfs_status pretend_close(struct bdfs_file *f, struct bdfs_err *err)
{
        (void)err;
        free(f);
        atomic_fetch_add(&world.closes, 1);
        return BDFS_OK;
}

static uint64_t pretend_length(const struct bdfs_file *f)
{
        return f->length;
}

static uint64_t pretend_version(const struct bdfs_file *f)
{
        return f->length;
}

static void pretend_seek(struct bdfs_file *f, uint64_t offset)
{
        f->at = offset;
}

static size_t fill(const struct bdfs_file *f, uint64_t offset, uint8_t *to, size_t n)
{
        if (offset >= f->length)
                return 0;
        if (n > f->length - offset)
                n = (size_t)(f->length - offset);
        for (size_t i = 0; i < n; i++)
                to[i] = byte_at(offset + i);
        return n;
}

static enum bdfs_status pretend_read(struct bdfs_file *f, void *to, size_t n, size_t *ret,
                                     struct bdfs_err *err)
{
        assert_false(atomic_exchange(&f->streaming, true));
        atomic_fetch_add(&world.reads, 1);
        if (atomic_load(&world.fail)) {
                atomic_store(&f->streaming, false);
                return bdfs_fail(err, BDFS_IO, "pretended");
        }
        *ret = fill(f, f->at, to, n);
        f->at += *ret;
        atomic_store(&f->streaming, false);
        return BDFS_OK;
}

static enum bdfs_status pretend_pread(struct bdfs_file *f, uint64_t offset, void *to, size_t n,
                                      size_t *ret, struct bdfs_err *err)
{
        atomic_fetch_add(&world.preads, 1);
        if (atomic_load(&world.fail))
                return bdfs_fail(err, BDFS_IO, "pretended");
        if (atomic_load(&world.replaced) > 0) {
                atomic_fetch_sub(&world.replaced, 1);
                return bdfs_fail(err, BDFS_REPLACED, "pretended");
        }
        *ret = fill(f, offset, to, n);
        return BDFS_OK;
}

#include "fuse/reader.c"

#define PIECE 4096

static int setup(void **state)
{
        static struct reader r;

        world.length = 100 * PIECE;
        world.opens = world.closes = world.reads = world.preads = 0;
        atomic_store(&world.fail, false);
        atomic_store(&world.replaced, 0);
        world.deleted = world.denied = false;
        reader_init(&r);
        *state = &r;
        return 0;
}

static int teardown(void **state)
{
        reader_fini(*state);
        assert_int_equal(world.opens, world.closes);
        return 0;
}

static size_t get(struct reader *r, uint64_t offset, size_t n, uint64_t told, uint64_t generation)
{
        struct reader_want w = {.path = "/f", .offset = offset, .n = n, .told = told,
                                .generation = generation};
        uint8_t to[PIECE];
        struct bdfs_err err;
        size_t got = 0;

        assert_int_equal(reader_read(r, &w, to, &got, &err), BDFS_OK);
        for (size_t i = 0; i < got; i++)
                assert_int_equal(to[i], byte_at(offset + i));
        return got;
}

static void a_sequence_is_fed_by_the_stream(void **state)
{
        for (uint64_t at = 0; at < world.length; at += PIECE)
                assert_int_equal(get(*state, at, PIECE, world.length, 0), PIECE);
        assert_int_equal(get(*state, world.length, PIECE, world.length, 0), 0);
        assert_int_equal(world.opens, 1);
        assert_int_equal(world.preads, 1); /* the first could have been the only one */
}

static void reads_here_and_there_need_no_stream(void **state)
{
        uint64_t at = 1;

        for (int i = 0; i < 200; i++) {
                at = (at * 48271) % (world.length - PIECE);
                assert_int_equal(get(*state, at, PIECE, world.length, 0), PIECE);
        }
        assert_int_equal(world.reads, 0);
        assert_int_equal(world.preads, 200);
}

static void a_sequence_is_found_again_after_a_jump(void **state)
{
        for (uint64_t at = 0; at < 10 * PIECE; at += PIECE)
                (void)get(*state, at, PIECE, world.length, 0);
        for (uint64_t at = 60 * PIECE; at < 70 * PIECE; at += PIECE)
                (void)get(*state, at, PIECE, world.length, 0);
        assert_int_equal(world.preads, 2);
        assert_int_equal(world.reads, 18);
}

struct pieces {
        struct reader *r;
        atomic_uint next;
        unsigned swap; /* pairs come in the wrong order */
};

static void take_pieces(void *arg)
{
        struct pieces *p = arg;

        for (;;) {
                unsigned i = atomic_fetch_add(&p->next, 1);

                if (i >= 100)
                        return;
                assert_int_equal(get(p->r, (uint64_t)(i ^ p->swap) * PIECE, PIECE, world.length, 0),
                                 PIECE);
        }
}

static void read_ahead_on_many_threads_in_any_order(void **state)
{
        struct os_thread *threads[4];
        struct bdfs_err err;

        for (unsigned swap = 0; swap < 2; swap++) {
                struct pieces p = {.r = *state, .swap = swap};

                for (size_t i = 0; i < 4; i++)
                        assert_int_equal(os_thread_start(&threads[i], "read", take_pieces, &p,
                                                         &err),
                                         BDFS_OK);
                for (size_t i = 0; i < 4; i++)
                        os_thread_join(threads[i]);
        }
        assert_int_equal(world.reads + world.preads, 200);
        assert_true(world.reads > 0); /* how many depends on how threads are held up */
}

static void a_file_that_grew_is_opened_again(void **state)
{
        world.length = 100;
        assert_int_equal(get(*state, 0, PIECE, 100, 0), 100);
        world.length = 200;
        assert_int_equal(get(*state, 0, PIECE, 100, 0), 100); /* nobody was told yet */
        assert_int_equal(world.opens, 1);
        assert_int_equal(get(*state, 0, PIECE, 200, 0), 200);
        assert_int_equal(get(*state, 50, 20, 200, 0), 20);
        assert_int_equal(world.opens, 2);
}

static void a_file_that_changed_is_opened_again(void **state)
{
        struct bdfs_err err;
        uint64_t version;

        assert_int_equal(reader_open(*state, NULL, "/f", 0, &version, &err), BDFS_OK);
        assert_int_equal(version, world.length);
        (void)get(*state, 0, PIECE, world.length, 0);
        assert_int_equal(world.opens, 1);
        (void)get(*state, 0, PIECE, world.length, 1);
        assert_int_equal(world.opens, 2);
        reader_is_of(*state, 2);
        (void)get(*state, 0, PIECE, world.length, 2);
        assert_int_equal(world.opens, 2);
}

static void failures_are_told_and_pass(void **state)
{
        struct reader_want w = {.path = "/f", .n = PIECE, .told = world.length};
        struct bdfs_err err;
        uint8_t to[PIECE];
        size_t got;

        atomic_store(&world.fail, true);
        assert_int_equal(reader_read(*state, &w, to, &got, &err), BDFS_NOT_FOUND);
        atomic_store(&world.fail, false);
        (void)get(*state, 0, PIECE, world.length, 0);
        (void)get(*state, PIECE, PIECE, world.length, 0);
        atomic_store(&world.fail, true);
        w.offset = 2 * PIECE; /* from the stream */
        assert_int_equal(reader_read(*state, &w, to, &got, &err), BDFS_IO);
        w.offset = 50 * PIECE;
        assert_int_equal(reader_read(*state, &w, to, &got, &err), BDFS_IO);
        atomic_store(&world.fail, false);
        (void)get(*state, 2 * PIECE, PIECE, world.length, 0);
        (void)get(*state, 3 * PIECE, PIECE, world.length, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void what_was_cut_is_opened_again_once(void **state)
{
        struct reader *r = *state;
        struct reader_want w = {.path = "/f", .offset = PIECE, .n = PIECE, .told = world.length};
        uint8_t room[PIECE];
        struct bdfs_err err;
        size_t got;

        assert_int_equal(get(r, PIECE, PIECE, world.length, 0), PIECE);
        w.told = world.length = PIECE + 10;
        atomic_store(&world.replaced, 1);
        assert_int_equal(reader_read(r, &w, room, &got, &err), BDFS_OK);
        assert_int_equal(got, 10);
        assert_int_equal(world.opens, 2);
        atomic_store(&world.replaced, 2);
        assert_int_equal(reader_read(r, &w, room, &got, &err), BDFS_REPLACED);
}

/* Its opener lost the right to open it since: what was opened stays. */
static void an_open_file_stays_readable(void **state)
{
        assert_int_equal(get(*state, 0, PIECE, world.length, 0), PIECE);
        world.denied = true;
        assert_int_equal(get(*state, PIECE, PIECE, world.length, 1), PIECE);
        assert_int_equal(world.opens, 1);
}

static void what_was_deleted_is_read_on(void **state)
{
        struct reader *r = *state;

        assert_int_equal(get(r, PIECE, PIECE, world.length, 0), PIECE);
        world.deleted = true;
        assert_int_equal(get(r, 5 * PIECE, PIECE, world.length, 1), PIECE);
        assert_int_equal(world.opens, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_was_cut_is_opened_again_once, setup, teardown),
                cmocka_unit_test_setup_teardown(what_was_deleted_is_read_on, setup, teardown),
                cmocka_unit_test_setup_teardown(an_open_file_stays_readable, setup, teardown),
                TEST(a_sequence_is_fed_by_the_stream),
                TEST(reads_here_and_there_need_no_stream),
                TEST(a_sequence_is_found_again_after_a_jump),
                TEST(read_ahead_on_many_threads_in_any_order),
                TEST(a_file_that_grew_is_opened_again),
                TEST(a_file_that_changed_is_opened_again),
                TEST(failures_are_told_and_pass),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
