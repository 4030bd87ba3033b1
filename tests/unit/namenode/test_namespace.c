/* Reads for the handlers: status, listings, locations, summaries, writers, walks. */
#include "proto/exception.h"
#include "tests/unit/namenode/test_apply_kit.h"

static struct path path_of(const char *text)
{
        return (struct path){.text = text, .n = strlen(text)};
}

static enum bdfs_status get_stat(const struct as *who, const char *text, struct ns_status *ret,
                                 bool *found)
{
        const struct ns_caller c = caller_of(who);
        const struct path p = path_of(text);

        return ns_stat(kit.t, &c, &p, 0, ret, found, &kit.err);
}

static int setup_o(void **state)
{
        (void)setup(state);
        OK(do_mkdirs(&ROOT, "/o", 0777, false));
        OK(do_mkdirs(&ALICE, "/o/d/sub", 0755, true));
        make_file(&ALICE, "/o/d/x", 10, (struct creation){0});
        make_file(&ALICE, "/o/f", 3000, (struct creation){0});
        make_file(&ALICE, "/o/e", 0, (struct creation){0});
        make_file(&ALICE, "/o/private", 100, (struct creation){.mode = 0600});
        OK(do_mkdirs(&ALICE, "/o/locked", 0700, false));
        make_file(&ALICE, "/o/locked/in", 10, (struct creation){.mode = 0666});
        kit_commit();
        return 0;
}

static void not_allowed(enum bdfs_status rc, enum bdfs_status want, const char *text)
{
        assert_string_equal(bdfs_status_name(rc), bdfs_status_name(want));
        assert_string_equal(kit.err.text, text);
}

/* ---- status --------------------------------------------------------------------------------- */

static void status_needs_only_the_way_there(void **state)
{
        struct ns_status s;
        bool found;

        (void)state;
        OK(get_stat(&BOB, "/o/none", &s, &found));
        assert_false(found);
        OK(get_stat(&BOB, "/o/none/x", &s, &found));
        assert_false(found);
        OK(get_stat(&BOB, "/o/d/.snapshot", &s, &found));
        assert_false(found);
        OK(get_stat(&BOB, "/o/locked", &s, &found));
        assert_true(found);
        assert_int_equal(s.children, 1);
        OK(get_stat(&BOB, "/o/d/..", &s, &found));
        assert_false(found);
        not_allowed(get_stat(&BOB, "/o/locked/none", &s, &found), BDFS_PERMISSION,
                    "Permission denied: user=bob, access=EXECUTE, "
                    "inode=\"/o/locked\":alice:supergroup:drwx------");
        not_allowed(get_stat(&ALICE, "/o/f/x", &s, &found), BDFS_PERMISSION,
                    "/o/f (is not a directory)");
        OK(get_stat(&ROOT, "/o/f/x", &s, &found)); /* but the superuser hears that it is missing */
        assert_false(found);
        OK(get_stat(&ALICE, "/.reserved", &s, &found));
        assert_true(found);
        assert_int_equal(s.mode, 01770);
        OK(get_stat(&ALICE, "/.reserved/other", &s, &found));
        assert_false(found);
}

static enum bdfs_status no_snapshot(const struct as *who, const char *text)
{
        const struct ns_caller c = caller_of(who);
        const struct path p = path_of(text);

        return ns_no_snapshot(kit.t, &c, &p, &kit.err);
}

static void snapshots_are_refused_as_of_what_cannot_have_them(void **state)
{
        (void)state;
        not_allowed(no_snapshot(&ALICE, "/o/d"), BDFS_INVALID,
                    "Directory is not a snapshottable directory: /o/d");
        assert_string_equal(kit.err.java_class, EXCEPTION_SNAPSHOT);
        not_allowed(no_snapshot(&ALICE, "/o/none"), BDFS_NOT_FOUND,
                    "Directory/File does not exist /o/none");
        not_allowed(no_snapshot(&ALICE, "/o/f"), BDFS_NOT_DIRECTORY,
                    "`/o/f': Is not a directory\n");
        assert_string_equal(kit.err.java_class, EXCEPTION_PATH_NOT_DIRECTORY);
        not_allowed(no_snapshot(&BOB, "/o/d"), BDFS_NOT_OWNER,
                    "Permission denied. user=bob is not the owner of inode=/o/d");
}

/* ---- listings ------------------------------------------------------------------------------- */

static struct ns_status page[1200];
static size_t page_n, enough; /* enough: the taker stops there; 0: nowhere */
static uint32_t left;

static bool take(void *context, const struct ns_status *s)
{
        (void)context;
        page[page_n++] = *s;
        return page_n != enough;
}

static enum bdfs_status list(const struct as *who, const char *text, const char *after,
                             size_t room, bool *found)
{
        const struct ns_caller c = caller_of(who);
        const struct path p = path_of(text);

        page_n = 0;
        return ns_list(kit.t, &c, &p, after, strlen(after), &(struct ns_taker){take, NULL}, room,
                       &left, found, &kit.err);
}

static void listings_go_on_after_a_name(void **state)
{
        char name[NAME_BYTES_MAX + 1], path[64];
        bool found;

        (void)state;
        OK(do_mkdirs(&ROOT, "/many", 0755, false));
        for (int i = 0; i < 1100; i++) {
                (void)snprintf(path, sizeof(path), "/many/%04d", i);
                OK(do_mkdirs(&ROOT, path, 0755, false));
        }
        OK(list(&BOB, "/many", "", 1000, &found));
        assert_true(found);
        assert_int_equal(page_n, 1000);
        assert_int_equal(left, 100);
        assert_string_equal(page[999].name, "0999");
        (void)snprintf(name, sizeof(name), "%s", page[999].name);
        OK(list(&BOB, "/many", name, 1000, &found));
        assert_int_equal(page_n, 100);
        assert_int_equal(left, 0);
        assert_string_equal(page[0].name, "1000");
        OK(list(&BOB, "/many", "0500", 10, &found));
        assert_int_equal(left, 1);
        assert_string_equal(page[0].name, "0501");
        OK(list(&BOB, "/many", "05000", 10, &found)); /* a name that is not there */
        assert_string_equal(page[0].name, "0501");
        enough = 7; /* the taker's bound is one too */
        OK(list(&BOB, "/many", "", 1000, &found));
        assert_int_equal(page_n, 7);
        assert_int_equal(left, 1093);
        OK(list(&BOB, "/many", "0500", 1000, &found));
        assert_int_equal(page_n, 7);
        assert_int_equal(left, 1);
        enough = 0;
        OK(list(&BOB, "/many", "zz", 10, &found));
        assert_true(found);
        assert_int_equal(page_n, 0);
        OK(list(&BOB, "/many/0000", "", 10, &found));
        assert_int_equal(page_n, 0);
}

static void names_are_listed_as_signed_bytes(void **state)
{
        static const char *const names[] = {"\xc3\xa9", "\xe4\xb8\xad", "A", "a", "a\xc3\xa9",
                                            "aa", "z", "~"};
        char path[64];
        bool found;

        (void)state;
        OK(do_mkdirs(&ROOT, "/order", 0755, false));
        for (size_t i = 8; i > 0; i--) {
                (void)snprintf(path, sizeof(path), "/order/%s", names[i - 1]);
                OK(do_mkdirs(&ROOT, path, 0755, false));
                assert_true(exists(path));
        }
        OK(list(&BOB, "/order", "", 10, &found));
        assert_int_equal(page_n, 8);
        for (size_t i = 0; i < 8; i++)
                assert_string_equal(page[i].name, names[i]);
        OK(list(&BOB, "/order", "~", 10, &found));
        assert_int_equal(page_n, 0);
        OK(list(&BOB, "/order", names[1], 10, &found));
        assert_int_equal(page_n, 6);
        OK(list(&BOB, "/order", "\xff", 10, &found)); /* -1: behind all others beyond ASCII */
        assert_int_equal(page_n, 6);
}

static void what_is_listed_besides_directories(void **state)
{
        bool found;
        char after[64];

        (void)state;
        OK(list(&BOB, "/o/private", "", 10, &found));
        assert_int_equal(page_n, 1);
        assert_int_equal(page[0].name_n, 0);
        assert_int_equal(page[0].length, 100);
        OK(list(&BOB, "/o/none", "", 10, &found));
        assert_false(found);
        not_allowed(list(&BOB, "/o/locked", "", 10, &found), BDFS_PERMISSION,
                    "Permission denied: user=bob, access=READ_EXECUTE, "
                    "inode=\"/o/locked\":alice:supergroup:drwx------");
        not_allowed(list(&BOB, "/o/.snapshot", "", 10, &found), BDFS_INVALID,
                    "Directory is not a snapshottable directory: /o");
        assert_string_equal(kit.err.java_class, EXCEPTION_SNAPSHOT);
        OK(list(&BOB, "/.reserved", "", 10, &found));
        assert_int_equal(page_n, 2);
        assert_string_equal(page[0].name, ".inodes");
        (void)snprintf(after, sizeof(after), "/.reserved/.inodes/%llu",
                       (unsigned long long)inode_of("/o/d/sub"));
        OK(list(&BOB, "/o/d", after, 10, &found));
        assert_int_equal(page_n, 1);
        assert_string_equal(page[0].name, "x");
        not_allowed(list(&BOB, "/o/d", "/.reserved/.inodes/999999", 10, &found), BDFS_NOT_FOUND,
                    "Can't find startAfter /.reserved/.inodes/999999");
        assert_true(found);
}

/* ---- locations ------------------------------------------------------------------------------ */

static struct ns_map map;

static enum bdfs_status locate(const struct as *who, const char *text, uint64_t offset,
                               uint64_t length)
{
        const struct ns_caller c = caller_of(who);
        const struct path p = path_of(text);
        struct ns_status s;

        ns_map_fini(&map);
        return ns_locate(kit.t, &c, &p, offset, length, &s, &map, &kit.err);
}

/* The pieces as "offset+length ..." */
static const char *pieces(uint64_t offset, uint64_t length)
{
        static char text[256];
        size_t at = 0;

        OK(locate(&ALICE, "/o/f", offset, length));
        text[0] = '\0';
        for (size_t i = 0; i < map.n; i++)
                at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%llu+%llu%s",
                                       i > 0 ? " " : "", (unsigned long long)map.pieces[i].offset,
                                       (unsigned long long)map.pieces[i].length,
                                       map.pieces[i].block == 0 ? "h" : "");
        return text;
}

static void locations_are_those_that_overlap(void **state)
{
        (void)state;
        assert_string_equal(pieces(0, INT64_MAX), "0+1024 1024+1024 2048+952");
        assert_string_equal(pieces(3000, 10), "");
        assert_string_equal(pieces(5000, 10), "");
        assert_string_equal(pieces(0, 0), "0+1024");
        assert_string_equal(pieces(1024, 1), "1024+1024");
        assert_string_equal(pieces(1023, 2), "0+1024 1024+1024");
        assert_string_equal(pieces(2999, INT64_MAX), "2048+952");
        assert_int_equal(map.length, 3000);
        assert_true(map.has_last && map.last_complete && !map.open);
        assert_int_equal(map.last.length, 952);
        OK(locate(&ALICE, "/o/e", 0, 10));
        assert_int_equal(map.n, 0);
        assert_false(map.has_last);
        ns_map_fini(&map);
}

static void holes_are_pieces_too(void **state)
{
        Bdfs__SetExtentsOp__Extent a, b, *both[] = {&a, &b};
        struct extent e;

        (void)state;
        OK(extents_last(kit.t, inode_of("/o/f"), &e, &kit.err));
        bdfs__set_extents_op__extent__init(&a);
        bdfs__set_extents_op__extent__init(&b);
        a.offset = 100;
        a.length = 50;
        a.block = b.block = e.block;
        a.block_offset = 7;
        b.offset = 200;
        b.length = 100;
        OK(APPLY(NULL, SET_EXTENTS, set_extents, SetExtentsOp, SET_EXTENTS_OP,
                 op_.inode = inode_of("/o/f"); op_.length = 1000; op_.extents = both;
                 op_.n_extents = 2));
        assert_string_equal(pieces(0, INT64_MAX), "0+100h 100+50 150+50h 200+100 300+700h");
        assert_int_equal(map.pieces[1].base, 7);
        assert_int_equal(map.pieces[1].block_length, 952);
        assert_true(map.has_last && map.last_complete);
        assert_int_equal(map.last.block, 0);
        assert_int_equal(map.length, 1000);
        assert_string_equal(pieces(10, 10), "0+100h");
        assert_string_equal(pieces(99, 2), "0+100h 100+50");
        assert_string_equal(pieces(160, 1), "150+50h");
        assert_string_equal(pieces(160, 100), "150+50h 200+100");
        assert_string_equal(pieces(999, 1), "300+700h");
        assert_string_equal(pieces(1000, 1), "");
        OK(APPLY(NULL, SET_EXTENTS, set_extents, SetExtentsOp, SET_EXTENTS_OP,
                 op_.inode = inode_of("/o/f"); op_.length = 1000));
        assert_string_equal(pieces(5, 5), "0+1000h");
        ns_map_fini(&map);
}

static void locations_are_refused_in_the_words_of_hdfs(void **state)
{
        (void)state;
        not_allowed(locate(&BOB, "/o/locked/none", 0, 1), BDFS_NOT_FOUND,
                    "File does not exist: /o/locked/none");
        not_allowed(locate(&BOB, "/o/locked/in", 0, 1), BDFS_PERMISSION,
                    "Permission denied: user=bob, access=EXECUTE, "
                    "inode=\"/o/locked\":alice:supergroup:drwx------");
        not_allowed(locate(&BOB, "/o/private", 0, 1), BDFS_PERMISSION,
                    "Permission denied: user=bob, access=READ, "
                    "inode=\"/o/private\":alice:supergroup:-rw-------");
        not_allowed(locate(&BOB, "/", 0, 1), BDFS_NOT_FOUND, "Path is not a file: /");
        not_allowed(locate(&BOB, "/o/f/x", 0, 1), BDFS_PERMISSION, "/o/f (is not a directory)");
        not_allowed(locate(&BOB, "/o/f", UINT64_MAX, 1), BDFS_INVALID,
                    "Negative offset is not supported. File: /o/f");
        not_allowed(locate(&BOB, "/o/f", 0, UINT64_MAX), BDFS_INVALID,
                    "Negative length is not supported. File: /o/f");
}

static void a_block_leads_back_to_its_file(void **state)
{
        uint64_t inode = inode_of("/o/f");
        struct block_ref refs[4];
        struct ns_piece p;
        struct extent e;
        size_t n;

        (void)state;
        OK(extents_last(kit.t, inode, &e, &kit.err));
        OK(ns_block_files(kit.t, e.block, refs, 4, &n, &kit.err));
        assert_int_equal(n, 1);
        assert_int_equal(refs[0].inode, inode);
        OK(ns_piece_of_block(kit.t, inode, e.block, &p, &kit.err));
        assert_int_equal(p.offset, 2048);
        assert_int_equal(ns_piece_of_block(kit.t, inode, 5, &p, &kit.err), BDFS_NOT_FOUND);
        OK(ns_block_files(kit.t, 5, refs, 4, &n, &kit.err));
        assert_int_equal(n, 0);
}

/* ---- questions ------------------------------------------------------------------------------ */

static void questions_about_one_path(void **state)
{
        const struct ns_caller alice = caller_of(&ALICE), bob = caller_of(&BOB);
        struct path f = path_of("/o/f"), none = path_of("/o/none"), d = path_of("/o/d");
        struct ns_summary s;
        uint64_t size;
        bool closed;
        const char *target;
        char number[64], text[128];
        size_t n;

        (void)state;
        OK(ns_is_closed(kit.t, &bob, &f, &closed, &kit.err));
        assert_true(closed);
        not_allowed(ns_is_closed(kit.t, &bob, &d, &closed, &kit.err), BDFS_NOT_FOUND,
                    "Path is not a file: /o/d");
        (void)snprintf(number, sizeof(number), "/.reserved/.inodes/%llu",
                       (unsigned long long)inode_of("/o/d"));
        (void)snprintf(text, sizeof(text), "Path is not a file: %s", number);
        not_allowed(ns_is_closed(kit.t, &bob, &(struct path){number, strlen(number)}, &closed,
                                 &kit.err), BDFS_NOT_FOUND, text);
        OK(ns_block_size(kit.t, &bob, &f, &size, &kit.err));
        assert_int_equal(size, 1024);
        OK(ns_check_access(kit.t, &bob, &f, PERM_READ, &kit.err));
        not_allowed(ns_check_access(kit.t, &bob, &f, PERM_ALL, &kit.err), BDFS_PERMISSION,
                    "Permission denied: user=bob, access=ALL, "
                    "inode=\"/o/f\":alice:supergroup:-rw-r--r--");
        not_allowed(ns_check_access(kit.t, &bob, &none, 1, &kit.err), BDFS_NOT_FOUND,
                    "Path not found: /o/none");
        OK(ns_content_summary(kit.t, &alice, &f, &s, &kit.err));
        assert_true(s.file);
        assert_int_equal(s.total.space, 6000);
        not_allowed(ns_content_summary(kit.t, &bob, &none, &s, &kit.err), BDFS_NOT_FOUND,
                    "File does not exist: /o/none");
        not_allowed(ns_quota_usage(kit.t, &bob, &none, &s, &kit.err), BDFS_NOT_FOUND,
                    "File/Directory does not exist: /o/none");
        OK(ns_quota_usage(kit.t, &bob, &d, &s, &kit.err));
        assert_int_equal(s.total.directories, 2);
        assert_int_equal(s.total.files, 1);
        not_allowed(ns_link_target(kit.t, &bob, &f, &target, &n, &kit.err), BDFS_FAILED,
                    "Path /o/f is not a symbolic link");
        OK(do_symlink(&ALICE, "/o/l", "f"));
        not_allowed(ns_is_closed(kit.t, &bob, &(struct path){"/o/l", 4}, &closed, &kit.err),
                    BDFS_SYMLINK, "/o/f");
        OK(ns_link_target(kit.t, &bob, &(struct path){"/o/l", 4}, &target, &n, &kit.err));
        assert_memory_equal(target, "f", n);
}

/* ---- writers -------------------------------------------------------------------------------- */

static void writers_are_described(void **state)
{
        const struct ns_caller alice = caller_of(&ALICE);
        const struct path p = path_of("/o/w");
        struct ns_lease after = {0}, leases[4];
        struct ns_writer w;
        uint64_t files[4], inode;
        size_t n;

        (void)state;
        OK(do_create(&ALICE, "/o/w", (struct creation){.holder = "h1", .replication = 3}));
        inode = kit.result->inode;
        OK(ns_check_lease(kit.t, &alice, &p, 0, "h1", &w, &kit.err));
        assert_false(w.has_last || w.has_previous || w.recovering || w.hadoop_lease);
        assert_string_equal(w.machine, "127.0.0.1");
        assert_int_equal(w.replication, 3);
        OK(do_add_block(&ALICE, "/o/w", inode, "h1", (struct at_block){0}));
        OK(do_add_block(&ALICE, "/o/w", inode, "h1", got(1024)));
        OK(ns_writer_of(kit.t, inode, &w, &kit.err));
        assert_true(w.has_last && w.has_previous);
        assert_int_equal(w.last_offset, 1024);
        assert_int_equal(w.previous.length, 1024);
        assert_int_equal(w.last.pipeline_n, 2);
        not_allowed(ns_check_lease(kit.t, &alice, &p, 0, "h2", &w, &kit.err), BDFS_LEASE_EXPIRED,
                    "Client (=h2) is not the lease owner (=h1: /o/w (inode 0) Holder h2 does not "
                    "have any open files.");
        assert_int_equal(ns_writer_of(kit.t, inode_of("/o/f"), &w, &kit.err), BDFS_NOT_FOUND);
        OK(do_create(&ALICE, "/o/w2", (struct creation){.holder = "h2"}));
        OK(do_create(&ALICE, "/o/w3", (struct creation){.holder = "h1"}));
        OK(ns_open_files(kit.t, 0, files, 2, &n, &kit.err));
        assert_int_equal(n, 2);
        assert_int_equal(files[0], inode);
        assert_int_equal(files[1], inode + 1);
        OK(ns_open_files(kit.t, files[1], files, 2, &n, &kit.err));
        assert_int_equal(n, 1);
        assert_int_equal(files[0], inode + 2);
        OK(ns_leases(kit.t, &after, leases, 2, &n, &kit.err));
        assert_int_equal(n, 2);
        assert_int_equal(leases[1].inode, inode + 2);
        OK(ns_leases(kit.t, &leases[1], leases, 2, &n, &kit.err));
        assert_int_equal(n, 1);
        assert_int_equal(leases[0].inode, inode + 1);
}

/* ---- walks ---------------------------------------------------------------------------------- */

static char walked[512];

static enum bdfs_status note(void *arg, const struct path *relative,
                             const struct ns_status *status, struct bdfs_err *err)
{
        size_t at = strlen(walked);

        (void)arg;
        (void)err;
        (void)snprintf(walked + at, sizeof(walked) - at, "%.*s%s ", (int)relative->n,
                       relative->text, status->type == INODE_DIRECTORY ? "/" : "");
        return BDFS_OK;
}

static void a_walk_goes_on_where_it_was(void **state)
{
        struct buf position;
        bool more = true;
        uint64_t top = inode_of("/o");

        (void)state;
        buf_init(&position, 0);
        walked[0] = '\0';
        while (more)
                OK(ns_walk(kit.t, top, &position, 1, note, NULL, &more, &kit.err));
        assert_string_equal(walked, "d/ d/sub/ d/x e f locked/ locked/in private ");
        buf_reset(&position);
        walked[0] = '\0';
        OK(ns_walk(kit.t, top, &position, 3, note, NULL, &more, &kit.err));
        assert_true(more);
        OK(do_delete(&ALICE, "/o/d", true)); /* where it stood is gone */
        OK(ns_walk(kit.t, top, &position, 100, note, NULL, &more, &kit.err));
        assert_false(more);
        assert_string_equal(walked, "d/ d/sub/ d/x e f locked/ locked/in private ");
        buf_fini(&position);
}

static void numbers_of_the_whole(void **state)
{
        struct ns_stats s;

        (void)state;
        OK(ns_stats(kit.t, &s, &kit.err));
        assert_int_equal(s.files, 5);
        assert_int_equal(s.directories, 5);
        assert_int_equal(s.bytes, 3120);
        assert_int_equal(s.blocks, 6);
        assert_int_equal(s.inodes, 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_o, teardown)
        const struct CMUnitTest tests[] = {
                TEST(status_needs_only_the_way_there),
                TEST(snapshots_are_refused_as_of_what_cannot_have_them),
                TEST(listings_go_on_after_a_name),
                TEST(names_are_listed_as_signed_bytes),
                TEST(what_is_listed_besides_directories),
                TEST(locations_are_those_that_overlap),
                TEST(holes_are_pieces_too),
                TEST(locations_are_refused_in_the_words_of_hdfs),
                TEST(a_block_leads_back_to_its_file),
                TEST(questions_about_one_path),
                TEST(writers_are_described),
                TEST(a_walk_goes_on_where_it_was),
                TEST(numbers_of_the_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
