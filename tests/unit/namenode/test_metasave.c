/* metaSave writes a file of a plain name, for the superuser. */
#include "tests/unit/hadoop/test_hadoop_kit.h"

static int setup(void **state)
{
        *state = hadoop_start(1, "");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

static void a_file_says_how_the_nodes_are(void **state)
{
        struct hadoop *h = *state;
        struct peer *p = peer_open(h);
        Hadoop__MetaSaveRequestProto q = HADOOP__META_SAVE_REQUEST_PROTO__INIT;
        char path[128], line[256];
        bool node = false;
        FILE *f;

        q.filename = text("state.txt");
        for (unsigned i = 0; i < 2; i++) /* the second time over the first */
                (void)peer_ask(p, METHOD_CLIENT_metaSave, &q.base);
        (void)snprintf(path, sizeof(path), "%s/nn/metasave/state.txt", h->dir);
        f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof(line), f));
        assert_string_equal(line, "Live Datanodes: 1\n");
        while (fgets(line, sizeof(line), f) != NULL)
                node = node || strncmp(line, "127.0.0.1:", 10) == 0;
        assert_true(node);
        assert_int_equal(fclose(f), 0);
        peer_close(p);
}

static void no_other_file_is_written(void **state)
{
        static const char *const names[] = {"", ".", "..", "../x", "/tmp/x", "a/b", ".hidden"};
        struct hadoop *h = *state;
        struct peer *p = peer_open(h), *other;
        Hadoop__MetaSaveRequestProto q = HADOOP__META_SAVE_REQUEST_PROTO__INIT;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                q.filename = text(names[i]);
                peer_refused(p, METHOD_CLIENT_metaSave, &q.base,
                             "org.apache.hadoop.HadoopIllegalArgumentException");
        }
        peer_close(p);
        if (os_own_uid() != 0)
                return; /* only root may speak for another */
        other = peer_of(h, "nobody");
        q.filename = text("theirs.txt");
        peer_refused(other, METHOD_CLIENT_metaSave, &q.base, EXCEPTION_ACCESS_CONTROL);
        peer_close(other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_says_how_the_nodes_are),
                cmocka_unit_test(no_other_file_is_written),
        };

        log_open("test_metasave", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
