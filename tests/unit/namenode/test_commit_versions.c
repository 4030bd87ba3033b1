/* What a newer program left: the start is refused by name, and nothing is thrown away for it. */
#include <sys/stat.h>

#include "common/crc.h"
#include "namenode/commit/checkpoint.h"
#include "tests/unit/namenode/test_commit_kit.h"

/* The start is refused with this text, now and again: trying it destroyed nothing. */
static void refused_as_newer(const char *text)
{
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(kit_start_with(true), BDFS_NEWER);
                if (strstr(kit.err.text, text) == NULL)
                        fail_msg("\"%s\" does not say \"%s\"", kit.err.text, text);
        }
}

/* The row that says what the tables may hold, as a program with one table wrote it. */
static void claim(const char *table, uint8_t version)
{
        uint8_t value[64] = {TABLE_ROW_VERSION, 1, (uint8_t)strlen(table)};
        size_t n = strlen(table);
        struct store_txn *t;

        memcpy(value + 3, table, n);
        value[3 + n] = version;
        OK(kit_open());
        OK(store_begin_write(kit.store, &t, &kit.err));
        OK(store_put(t, TABLE_META, "versions", 8, value, 4 + n, &kit.err));
        OK(store_commit(t, &kit.err));
        kit_close(true);
}

static void tables_that_may_have_newer_rows_refuse_the_start(void **state)
{
        struct kit_digest d;

        (void)state;
        kit_start();
        kit_changes(20);
        d = kit_digest();
        kit_stop(true);
        claim("inode", (uint8_t)(table_versions[TABLE_INODE] + 1));
        refused_as_newer("table inode may have rows of version 2; this program knows up to 1: "
                         "use a newer bdfs-namenode");
        claim("snow", 1);
        refused_as_newer("there is a table snow, which this program does not know: use a newer "
                         "bdfs-namenode");
        claim("inode", 1); /* as an older program would: it is raised again */
        kit_start();
        kit_expect(&d);
        kit_stop(true);
}

/* Tables of before that row existed. */
static void tables_without_that_row_load_and_get_it(void **state)
{
        struct store_txn *t;
        struct kit_digest d;

        (void)state;
        kit_start();
        kit_changes(20);
        d = kit_digest();
        kit_stop(true);
        OK(kit_open());
        OK(store_begin_write(kit.store, &t, &kit.err));
        OK(store_del(t, TABLE_META, "versions", 8, &kit.err));
        OK(store_commit(t, &kit.err));
        kit_close(true);
        kit_start();
        kit_expect(&d);
        kit_stop(true);
}

static void path_of(char ret[256], const char *dir, const char *name)
{
        (void)snprintf(ret, 256, "%s/%s", dir, name);
}

static void checkpoint_of_a_newer_program_refuses_the_start(void **state)
{
        char path[256];
        FILE *f;

        (void)state;
        kit_start();
        kit_changes(5);
        kit_checkpoint();
        kit_stop(true);
        path_of(path, kit.checkpoints, "checkpoint-0000000000000006.ok");
        f = fopen(path, "a");
        assert_non_null(f);
        assert_true(fputs("version=2\n", f) >= 0);
        assert_int_equal(fclose(f), 0);
        kit_start(); /* the tables are there: it is not asked for */
        kit_stop(true);
        kit_drop_tables();
        refused_as_newer("has version 2; this program knows up to 1: use a newer bdfs-namenode");
}

/* Its bytes say so, whatever its .ok file says. */
static void a_checkpoint_with_newer_tables_refuses_the_start(void **state)
{
        (void)state;
        kit_start();
        kit_changes(5);
        kit_stop(true);
        claim("lease", 9);
        OK(kit_open());
        struct store_txn *t;

        OK(store_begin_read(kit.store, &t, &kit.err));
        OK(checkpoint_make(kit.checkpoints, t, 6, NULL, &kit.err));
        store_abort(t);
        kit_close(true);
        kit_drop_tables();
        refused_as_newer("table lease may have rows of version 9; this program knows up to 1");
}

/* ---- the journal ---------------------------------------------------------------------------- */

static void append(const void *bytes, size_t n)
{
        struct journal_record r = {.bytes = bytes, .n = n};

        OK(kit_open());
        r.index = journal_last(kit.journal) + 1;
        OK(journal_reserve(kit.journal, n + 64, &kit.err));
        OK(journal_append(kit.journal, &r, 1, &kit.err));
        kit_close(true);
}

/* The packed record with bytes of a later program behind it. */
static void append_record(Bdfs__JournalRecord *record, const char *more, size_t more_n)
{
        uint8_t bytes[512];
        size_t n;

        OK(kit_open());
        record->index = journal_last(kit.journal) + 1;
        kit_close(true);
        n = bdfs__journal_record__pack(record, bytes);
        memcpy(bytes + n, more, more_n);
        append(bytes, n + more_n);
}

static void started_once(void)
{
        kit_start();
        kit_changes(3);
        kit_stop(true);
}

static void an_unknown_operation_refuses_the_start(void **state)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;

        (void)state;
        started_once();
        append_record(&record, "\xc2\x3e\x00", 3); /* field 1000: an empty message */
        refused_as_newer("journal record 5 has field 1000 of JournalRecord, which this program "
                         "does not know: use a newer bdfs-namenode");
        kit_drop_tables(); /* nor without tables */
        refused_as_newer("journal record 5 has field 1000");
}

static void an_unknown_field_of_a_known_operation_refuses_the_start(void **state)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        uint8_t mkdirs[] = "\x5a\x0b\x0a\x02/u\x10\xed\x03\x18\x01\xd8\x3e\x07";

        (void)state;
        started_once();
        /* path "/u", mode 0755, create_parent, and 1003 = 7 */
        mkdirs[1] = sizeof(mkdirs) - 1 - 2;
        append_record(&record, (const char *)mkdirs, sizeof(mkdirs) - 1);
        refused_as_newer("journal record 5 has field 1003 of MkdirsOp, which this program does not "
                         "know");
}

static void a_segment_of_a_newer_format_refuses_the_start(void **state)
{
        char path[256];
        uint8_t header[64];
        int fd;

        (void)state;
        started_once();
        path_of(path, kit.journal_dir, "journal-0000000000000001");
        fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
        header[11] = 2;
        put_u32be(header + 60, crc32c(0, header, 60));
        assert_int_equal(pwrite(fd, header, sizeof(header), 0), sizeof(header));
        assert_int_equal(close(fd), 0);
        refused_as_newer("its version is 2; this program knows up to 1: use a newer bdfs-namenode");
        refused_as_newer("journal-0000000000000001");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(tables_that_may_have_newer_rows_refuse_the_start),
                T(tables_without_that_row_load_and_get_it),
                T(checkpoint_of_a_newer_program_refuses_the_start),
                T(a_checkpoint_with_newer_tables_refuses_the_start),
                T(an_unknown_operation_refuses_the_start),
                T(an_unknown_field_of_a_known_operation_refuses_the_start),
                T(a_segment_of_a_newer_format_refuses_the_start),
        };

        log_open("test", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
