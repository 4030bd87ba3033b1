/* Replicas in their volumes: loaded, verified, read, deleted. */
#include "test_volume_kit.h"

#include <unistd.h>

#include "common/bytes.h"

static void replicas_are_loaded_in_the_state_they_were_left(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(200000);
        struct report_position p;
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;
        char path[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 200000);
        m = make(ds, 2);
        assert_int_equal(add(&m, 0, data, 1000), BDFS_OK);
        must(dataset_flush(ds, m.r, m.w, &err), &err);
        assert_int_equal(state_of(ds, 2), STATE(RECEIVING));
        dataset_end(ds, m.r, m.w, false);
        m = make(ds, 3); /* unused: nothing stays of it */
        dataset_end(ds, m.r, m.w, true);
        assert_int_equal(state_of(ds, 3), 0);
        dataset_close(ds);

        (void)snprintf(path, sizeof(path), "%s/blocks/00", f->paths[0]);
        put_text(path, "what", "is this");
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(state_of(ds, 1), STATE(FINALIZED));
        assert_int_equal(state_of(ds, 2), STATE(WAITING));
        assert_int_equal(state_of(ds, 3), 0);
        report_log_position(dataset_log(ds), &p);
        assert_int_equal(p.replicas, 1);
        assert_int_equal(p.next, 2); /* of what the digest does not cover there is a change */
        assert_int_equal(read_back(ds, 1, data, 200000), BDFS_OK);
        assert_int_equal(read_back(ds, 2, data, 1000), BDFS_REPLICA_NOT_FOUND);
        must(dataset_stop(ds, 2, &err), &err);
        assert_int_equal(state_of(ds, 2), STATE(RECOVERING));
        assert_int_equal(dataset_cut(ds, 2, 999, 2000, 500, &err), BDFS_STALE_GENSTAMP);
        must(dataset_cut(ds, 2, 1001, 2000, 500, &err), &err);
        must(dataset_cut(ds, 2, 1001, 2000, 500, &err), &err); /* told twice */
        assert_int_equal(read_back(ds, 2, data, 500), BDFS_OK);
        dataset_close(ds);
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(state_of(ds, 2), STATE(FINALIZED));
        dataset_close(ds);
        free(data);
}

static void find_file(const struct fixture *f, uint64_t block, char *ret, size_t room)
{
        char command[256];
        FILE *p;

        (void)snprintf(command, sizeof(command), "find %s -name %016llx", f->dir,
                       (unsigned long long)block);
        p = popen(command, "r");
        assert_non_null(p);
        assert_non_null(fgets(ret, (int)room, p));
        ret[strcspn(ret, "\n")] = '\0';
        (void)pclose(p);
}

static void overwrite(const char *path, long at, const void *bytes, size_t n)
{
        FILE *out = fopen(path, "r+b");

        assert_non_null(out);
        assert_int_equal(fseek(out, at, SEEK_SET), 0);
        assert_int_equal(fwrite(bytes, 1, n, out), n);
        assert_int_equal(fclose(out), 0);
}

static void a_seal_whose_proof_was_lost_is_verified_at_the_start(void **state)
{
        static const uint8_t zeros[4096];
        struct fixture *f = *state;
        uint8_t *data = bytes_of(200000);
        struct dataset *ds;
        struct bdfs_err err;
        char whole[256], broken[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 200000);
        seal(ds, 2, data, 200000);
        dataset_close(ds);
        find_file(f, 1, whole, sizeof(whole));
        find_file(f, 2, broken, sizeof(broken));
        overwrite(whole, 4096, zeros, 4096);
        overwrite(broken, 4096, zeros, 4096);
        overwrite(broken, 12288 + 100000, "x", 1); /* this page never reached the disk */
        for (int i = 0; i < 2; i++) {
                must(dataset_open(&ds, &f->config, &err), &err);
                assert_int_equal(state_of(ds, 1), STATE(FINALIZED));
                assert_int_equal(read_back(ds, 1, data, 200000), BDFS_OK);
                assert_int_equal(state_of(ds, 2), STATE(WAITING));
                dataset_close(ds);
        }
        free(data);
}

static void a_replica_without_a_valid_state_is_kept_and_corrupt(void **state)
{
        static const uint8_t zeros[8192];
        struct fixture *f = *state;
        struct dataset *ds;
        struct bdfs_err err;
        char path[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, zeros, 100);
        dataset_close(ds);
        find_file(f, 1, path, sizeof(path));
        overwrite(path, 0, zeros, 8192);
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(state_of(ds, 1), STATE(CORRUPT));
        assert_int_equal(read_back(ds, 1, zeros, 100), BDFS_REPLICA_NOT_FOUND);
        assert_int_equal(access(path, F_OK), 0);
        must(dataset_delete(ds, 1, 0, &err), &err); /* by the stamp that was reported */
        assert_int_equal(access(path, F_OK), -1);
        dataset_close(ds);
}

/* Reported as corrupt it would be replaced and deleted: an older program must not start at all. */
static void a_replica_of_a_newer_program_refuses_the_start(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(100), page[4096];
        struct dataset *ds;
        struct bdfs_err err;
        char path[256];
        FILE *in;

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 100);
        seal(ds, 2, data, 100);
        dataset_close(ds);
        find_file(f, 2, path, sizeof(path));
        in = fopen(path, "rb");
        assert_non_null(in);
        assert_int_equal(fread(page, 1, sizeof(page), in), sizeof(page));
        (void)fclose(in);
        page[11] = REPLICA_VERSION + 1;
        put_u32be(page + 4092, crc32c(0, page, 4092));
        overwrite(path, 0, page, sizeof(page));
        for (unsigned i = 0; i < 2; i++) { /* the first try changed nothing */
                assert_int_equal(dataset_open(&ds, &f->config, &err), BDFS_NEWER);
                assert_non_null(strstr(err.text, path));
                assert_non_null(strstr(err.text, "use a newer bdfs-datanode"));
        }
        page[11] = REPLICA_VERSION;
        put_u32be(page + 4092, crc32c(0, page, 4092));
        overwrite(path, 0, page, sizeof(page));
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(state_of(ds, 2), STATE(FINALIZED));
        assert_int_equal(read_back(ds, 2, data, 100), BDFS_OK);
        dataset_close(ds);
        free(data);
}

static void verification_tells_decay_from_health(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(200000);
        struct dataset *ds;
        struct bdfs_err err;
        struct report_position before, after;
        char path[256];

        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 200000);
        report_log_position(dataset_log(ds), &before);
        must(dataset_verify(ds, 1, true, NULL, NULL, &err), &err);
        report_log_position(dataset_log(ds), &after);
        assert_int_equal(after.next, before.next + 1);
        assert_memory_equal(after.digest, before.digest, sizeof(after.digest));
        find_file(f, 1, path, sizeof(path));
        overwrite(path, 12288 + 65536 + 5, "\1\2\3", 3);
        assert_int_equal(dataset_verify(ds, 1, false, NULL, NULL, &err), BDFS_CORRUPT);
        assert_int_equal(state_of(ds, 1), STATE(CORRUPT));
        report_log_position(dataset_log(ds), &after);
        assert_int_equal(after.replicas, 0);
        dataset_close(ds);
        free(data);
}

static void deletion_spares_later_stamps_and_interrupts_readers_not(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(100000), got[1000];
        struct replica_reader *rd = malloc(sizeof(*rd));
        struct dataset *ds;
        struct replica *r;
        struct bdfs_err err;
        char path[256];

        assert_non_null(rd);
        must(dataset_open(&ds, &f->config, &err), &err);
        seal(ds, 1, data, 100000);
        find_file(f, 1, path, sizeof(path));
        must(dataset_delete(ds, 1, 1000, &err), &err);
        assert_int_equal(state_of(ds, 1), STATE(FINALIZED));
        must(dataset_get(ds, 1, 1001, &r, &err), &err);
        assert_int_equal(dataset_get(ds, 1, 1002, &r, &err), BDFS_STALE_GENSTAMP);
        must(dataset_get(ds, 1, 1001, &r, &err), &err);
        must(dataset_delete(ds, 1, 1001, &err), &err);
        assert_int_equal(access(path, F_OK), -1);
        replica_reader_init(rd, r); /* who has it open reads on */
        must(replica_read(rd, 70000, got, sizeof(got), &err), &err);
        assert_memory_equal(got, data + 70000, sizeof(got));
        assert_int_equal(dataset_get(ds, 1, 0, &r, &err), BDFS_REPLICA_NOT_FOUND);
        dataset_freed(ds, 1); /* whoever comes later learns why */
        assert_int_equal(dataset_get(ds, 1, 0, &r, &err), BDFS_REPLACED);
        assert_int_equal(dataset_get(ds, 2, 0, &r, &err), BDFS_REPLICA_NOT_FOUND);
        r = rd->replica;
        dataset_put(ds, r);
        dataset_put(ds, r); /* both holds on it */
        dataset_close(ds);
        free(rd);
        free(data);
}

static void more_replicas_than_are_kept_open(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(600);
        struct dataset *ds;
        struct bdfs_err err;

        must(dataset_open(&ds, &f->config, &err), &err);
        for (uint64_t i = 1; i <= 600; i++)
                seal(ds, i, data, i);
        for (uint64_t i = 1; i <= 600; i++)
                assert_int_equal(read_back(ds, 1 + i * 7 % 600, data, 1 + i * 7 % 600), BDFS_OK);
        dataset_close(ds);
        free(data);
}

/* Two decisions about one file under one stamp: the second one finds it sealed. */
static void a_sealed_replica_is_never_cut(void **state)
{
        struct fixture *f = *state;
        uint8_t *data = bytes_of(200000);
        struct report_position before, after;
        struct replica_entry e;
        struct dataset *ds;
        struct bdfs_err err;
        struct made m;

        must(dataset_open(&ds, &f->config, &err), &err);
        m = make(ds, 1);
        assert_int_equal(add(&m, 0, data, 200000), BDFS_OK);
        must(dataset_flush(ds, m.r, m.w, &err), &err);
        dataset_end(ds, m.r, m.w, false);
        must(dataset_stop(ds, 1, &err), &err);
        must(dataset_cut(ds, 1, 1001, 2000, 180000, &err), &err);
        report_log_position(dataset_log(ds), &before);
        assert_int_equal(dataset_cut(ds, 1, 1001, 2000, 100000, &err), BDFS_INVALID);
        assert_int_equal(dataset_cut(ds, 1, 2000, 3000, 100000, &err), BDFS_INVALID);
        assert_int_equal(dataset_cut(ds, 1, 2000, 3000, 190000, &err), BDFS_INVALID);
        assert_true(dataset_find(ds, 1, &e));
        assert_int_equal(e.length, 180000);
        assert_int_equal(e.stamp, 2000);
        assert_int_equal(read_back(ds, 1, data, 180000), BDFS_OK);
        report_log_position(dataset_log(ds), &after); /* each time it says what it has */
        assert_int_equal(after.next, before.next + 3);
        must(dataset_cut(ds, 1, 2000, 3000, 180000, &err), &err); /* a new stamp is no cut */
        assert_true(dataset_find(ds, 1, &e));
        assert_int_equal(e.stamp, 3000);
        dataset_close(ds);
        must(dataset_open(&ds, &f->config, &err), &err);
        assert_int_equal(read_back(ds, 1, data, 180000), BDFS_OK);
        dataset_close(ds);
        free(data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                T(replicas_are_loaded_in_the_state_they_were_left),
                T(a_seal_whose_proof_was_lost_is_verified_at_the_start),
                T(a_replica_of_a_newer_program_refuses_the_start),
                T(a_replica_without_a_valid_state_is_kept_and_corrupt),
                T(verification_tells_decay_from_health),
                T(deletion_spares_later_stamps_and_interrupts_readers_not),
                T(more_replicas_than_are_kept_open),
                T(a_sealed_replica_is_never_cut),
        };

        log_open("test_volume_dataset", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
