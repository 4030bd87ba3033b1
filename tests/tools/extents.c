/*
 * extents - put an extent map on a file of a stopped namenode, through its journal.
 *
 *   extents DATA CLUSTER FILE LENGTH [OFFSET:BYTES:SOURCE:BASE ...]
 *
 * DATA is `data` of the namenode's configuration, CLUSTER the cluster's id. At OFFSET, FILE gets
 * BYTES bytes of the first block of the file SOURCE, from BASE in that block on. What no piece
 * covers is a hole.
 */
#include "namenode/namespace.h"
#include "tests/tools/bench_offline.h"

#define PIECES_MAX 1000

static enum bdfs_status locate(struct offline *o, const char *text, struct ns_map *ret,
                               struct bdfs_err *err)
{
        static const struct ns_caller who = {.user = "root", .superuser = true};
        struct path path = {.text = text, .n = strlen(text)};
        struct ns_status status;
        struct store_txn *t;
        enum bdfs_status rc;

        if (store_begin_read(o->store, &t, err) != BDFS_OK)
                return err->status;
        rc = ns_locate(t, &who, &path, 0, INT64_MAX, &status, ret, err);
        store_abort(t);
        return rc;
}

static enum bdfs_status parse(struct offline *o, const char *text, Bdfs__SetExtentsOp__Extent *ret,
                              struct bdfs_err *err)
{
        unsigned long long offset, length, base;
        struct ns_map map = {0};
        char source[256];

        if (sscanf(text, "%llu:%llu:%255[^:]:%llu", &offset, &length, source, &base) != 4)
                return bdfs_fail(err, BDFS_INVALID, "\"%s\" is not OFFSET:BYTES:SOURCE:BASE", text);
        if (locate(o, source, &map, err) != BDFS_OK)
                return err->status;
        if (map.n == 0)
                return bdfs_fail(err, BDFS_INVALID, "%s has no block", source);
        bdfs__set_extents_op__extent__init(ret);
        ret->offset = offset;
        ret->length = length;
        ret->block = map.pieces[0].block;
        ret->block_offset = base;
        ns_map_fini(&map);
        return BDFS_OK;
}

static enum bdfs_status set(struct offline *o, int argc, char **argv, struct bdfs_err *err)
{
        static Bdfs__SetExtentsOp__Extent pieces[PIECES_MAX], *pointers[PIECES_MAX];
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__SetExtentsOp op = BDFS__SET_EXTENTS_OP__INIT;
        struct ns_map map = {0};

        if (locate(o, argv[0], &map, err) != BDFS_OK)
                return err->status;
        op.inode = map.inode;
        ns_map_fini(&map);
        op.length = strtoull(argv[1], NULL, 10);
        op.extents = pointers;
        for (int i = 2; i < argc && op.n_extents < PIECES_MAX; i++) {
                pointers[op.n_extents] = &pieces[op.n_extents];
                if (parse(o, argv[i], pointers[op.n_extents++], err) != BDFS_OK)
                        return err->status;
        }
        record.caller = &o->caller;
        record.op_case = BDFS__JOURNAL_RECORD__OP_SET_EXTENTS;
        record.set_extents = &op;
        return commit_wait(o->commit, &record, NULL, err);
}

int main(int argc, char **argv)
{
        struct offline o = {0};
        struct bdfs_err err;
        enum bdfs_status rc;

        if (argc < 5) {
                (void)fprintf(stderr, "usage: extents DATA CLUSTER FILE LENGTH "
                                      "[OFFSET:BYTES:SOURCE:BASE ...]\n");
                return 2;
        }
        if (offline_open(&o, argv[1], argv[2], &err) != BDFS_OK) {
                (void)fprintf(stderr, "extents: %s\n", err.text);
                return 1;
        }
        rc = set(&o, argc - 3, argv + 3, &err);
        if (rc != BDFS_OK)
                (void)fprintf(stderr, "extents: %s\n", err.text);
        if (offline_close(&o, &err) != BDFS_OK) {
                (void)fprintf(stderr, "extents: %s\n", err.text);
                return 1;
        }
        return rc != BDFS_OK;
}
