/*
 * check_namespace - is the namespace of a stopped namenode well-formed (N4)?
 *
 *   check_namespace DATA      DATA of its configuration; prints counts, or the problems and exit 1
 */
#include <stdio.h>

#include "namenode/tree/check.h"
#include "namenode/store/tables.h"

static void print_problem(void *arg, const char *problem)
{
        (void)arg;
        (void)printf("PROBLEM %s\n", problem);
}

int main(int argc, char **argv)
{
        struct store_config config = {.tables = table_names, .tables_n = TABLE_COUNT,
                                      .versions = table_versions, .map_bytes = 1ULL << 38};
        struct check_report r;
        struct store_txn *t;
        struct store *s;
        struct bdfs_err err;
        char dir[512];
        bool fresh;

        if (argc != 2) {
                (void)fprintf(stderr, "usage: check_namespace DATA\n");
                return 2;
        }
        (void)snprintf(dir, sizeof(dir), "%s/tables", argv[1]);
        config.dir = dir;
        if (store_open(&s, &config, &fresh, &err) != BDFS_OK ||
            store_begin_read(s, &t, &err) != BDFS_OK ||
            check_tables(t, &r, print_problem, NULL, &err) != BDFS_OK) {
                (void)fprintf(stderr, "check_namespace: %s\n", err.text);
                return 2;
        }
        store_abort(t);
        (void)printf("%llu inodes, %llu entries, %llu extents, %llu blocks, %llu problems\n",
                     (unsigned long long)r.inodes, (unsigned long long)r.entries,
                     (unsigned long long)r.extents, (unsigned long long)r.blocks,
                     (unsigned long long)r.problems);
        if (store_close(s, &err) != BDFS_OK)
                return 2;
        return fresh || r.problems != 0;
}
