/* A volume: its directory, who it belongs to. */
#include "test_volume_kit.h"

#include <sys/stat.h>

static struct volume_identity identity(const struct fixture *f)
{
        struct volume_identity id = {.known = false};

        memcpy(id.cluster, f->config.cluster, sizeof(id.cluster));
        return id;
}

static void a_fresh_directory_is_formatted_and_opens_again(void **state)
{
        struct fixture *f = *state;
        struct volume_identity id = identity(f), again = identity(f);
        struct volume *v;
        struct bdfs_err err;
        struct stat st;
        char path[256], uuid[VOLUME_UUID_BYTES];

        must(volume_open(&v, f->paths[0], &id, &err), &err);
        assert_true(id.known);
        assert_memory_equal(volume_uuid(v), "DS-", 3);
        (void)snprintf(uuid, sizeof(uuid), "%s", volume_uuid(v));
        assert_int_equal(volume_open(&v, f->paths[0], &again, &err), BDFS_LIMIT); /* in use */
        volume_close(v);
        (void)snprintf(path, sizeof(path), "%s/key", f->paths[0]);
        assert_int_equal(stat(path, &st), -1); /* keys are derived, and not on the disk */
        put_text(f->paths[0], "key", "of an older version");
        must(volume_open(&v, f->paths[0], &again, &err), &err);
        assert_string_equal(again.uuid, id.uuid);
        assert_string_equal(volume_uuid(v), uuid);
        volume_close(v);
}

static void volumes_of_one_datanode_share_its_uuid(void **state)
{
        struct fixture *f = *state;
        struct volume_identity id = identity(f), other = identity(f);
        struct volume *a, *b, *c;
        struct bdfs_err err;

        must(volume_open(&a, f->paths[0], &id, &err), &err);
        must(volume_open(&b, f->paths[1], &id, &err), &err);
        assert_string_not_equal(volume_uuid(a), volume_uuid(b));
        must(volume_open(&c, f->paths[2], &other, &err), &err);
        volume_close(c);
        assert_int_equal(volume_open(&c, f->paths[2], &id, &err), BDFS_INVALID); /* a stranger */
        volume_close(a);
        volume_close(b);
}

static void directories_that_are_not_ours_are_refused(void **state)
{
        struct fixture *f = *state;
        struct volume_identity id = identity(f), other = identity(f);
        struct volume *v;
        struct bdfs_err err;
        char path[256], text[512];
        size_t n;
        FILE *in;

        must(volume_open(&v, f->paths[0], &id, &err), &err);
        volume_close(v);
        other.cluster[5] ^= 1;
        assert_int_equal(volume_open(&v, f->paths[0], &other, &err), BDFS_INVALID);
        (void)snprintf(path, sizeof(path), "%s/VERSION", f->paths[0]);
        in = fopen(path, "r");
        assert_non_null(in);
        n = fread(text, 1, sizeof(text) - 1, in);
        text[n] = '\0';
        (void)fclose(in);
        put_text(f->paths[0], "VERSION", "layout=1\n");
        assert_int_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_INVALID);
        text[7] = '2'; /* a later layout */
        put_text(f->paths[0], "VERSION", text);
        assert_int_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_NEWER);
        assert_non_null(strstr(err.text, "has layout 2; this program knows up to 1: use a newer "
                                         "bdfs-datanode"));
        text[7] = 'x';
        put_text(f->paths[0], "VERSION", text);
        assert_int_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_INVALID);
        text[7] = '1';
        put_text(f->paths[0], "VERSION", text);
        (void)snprintf(path, sizeof(path), "rm -rf %s/blocks", f->paths[0]);
        assert_int_equal(system(path), 0); /* a disk whose blocks were lost */
        id = identity(f);
        assert_int_not_equal(volume_open(&v, f->paths[0], &id, &err), BDFS_OK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                T(a_fresh_directory_is_formatted_and_opens_again),
                T(volumes_of_one_datanode_share_its_uuid),
                T(directories_that_are_not_ours_are_refused),
        };

        log_open("test_volume", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
