/*
 * extents - put an extent map on a file of a stopped namenode, through its journal.
 *
 *   extents set DATA CLUSTER FILE LENGTH [OFFSET:BYTES:SOURCE:BASE ...]
 *   extents verify CONF FILE LOCAL COUNT SEED
 *
 * DATA is `data` of the namenode's configuration, CLUSTER the cluster's id. At OFFSET, FILE gets
 * BYTES bytes of the first block of the file SOURCE, from BASE in that block on. What no piece
 * covers is a hole. `verify` compares COUNT positioned reads through the library with LOCAL.
 */
#include "client/bdfs.h"
#include "namenode/tree/namespace.h"
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

static int set_main(int argc, char **argv)
{
        struct offline o = {0};
        struct bdfs_err err;
        enum bdfs_status rc;

        if (offline_open(&o, argv[0], argv[1], &err) != BDFS_OK) {
                (void)fprintf(stderr, "extents: %s\n", err.text);
                return 1;
        }
        rc = set(&o, argc - 2, argv + 2, &err);
        if (rc != BDFS_OK)
                (void)fprintf(stderr, "extents: %s\n", err.text);
        if (offline_close(&o, &err) != BDFS_OK) {
                (void)fprintf(stderr, "extents: %s\n", err.text);
                return 1;
        }
        return rc != BDFS_OK;
}

/* ---- verify ---- */

static uint64_t next(uint64_t *state) /* splitmix64 */
{
        uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
        return z ^ z >> 31;
}

static uint8_t *load(const char *path, size_t *ret)
{
        FILE *f = fopen(path, "re");
        uint8_t *bytes = NULL;
        long n;

        if (f != NULL && fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 0) {
                rewind(f);
                bytes = malloc((size_t)n + 1);
                *ret = bytes == NULL ? 0 : fread(bytes, 1, (size_t)n, f);
        }
        if (f != NULL)
                (void)fclose(f);
        return bytes;
}

static enum bdfs_status verify(struct bdfs_file *f, const uint8_t *want, size_t n, uint64_t count,
                               uint64_t seed, struct bdfs_err *err)
{
        uint8_t *got = malloc(n + 1);
        enum bdfs_status rc = BDFS_OK;

        for (uint64_t i = 0; rc == BDFS_OK && i < count && got != NULL; i++) {
                uint64_t at = next(&seed) % (n + 1);
                size_t most = i % 4 == 0 ? n + 1 : 2000, length = next(&seed) % most, read = 0;
                size_t left = length < n - at ? length : (size_t)(n - at);

                rc = bdfs_pread(f, at, got, length, &read, err);
                if (rc == BDFS_OK && (read != left || memcmp(got, want + at, left) != 0))
                        rc = bdfs_fail(err, BDFS_CORRUPT, "%zu bytes from %llu: %zu, other ones",
                                       length, (unsigned long long)at, read);
        }
        free(got);
        return rc;
}

static int verify_main(char **argv)
{
        struct bdfs_options options = {.conf = argv[0]};
        struct bdfs_file *f;
        struct bdfs_err err;
        enum bdfs_status rc;
        struct bdfs *fs;
        size_t n = 0;
        uint8_t *want = load(argv[2], &n);

        if (want == NULL || bdfs_connect(&fs, &options, &err) != BDFS_OK)
                return 2;
        rc = bdfs_open(fs, argv[1], &f, &err);
        if (rc == BDFS_OK) {
                if (bdfs_length(f) != n)
                        rc = bdfs_fail(&err, BDFS_CORRUPT, "%llu bytes long",
                                       (unsigned long long)bdfs_length(f));
                else
                        rc = verify(f, want, n, strtoull(argv[3], NULL, 10),
                                    strtoull(argv[4], NULL, 10), &err);
                bdfs_abandon(f);
        }
        if (rc != BDFS_OK)
                (void)fprintf(stderr, "extents: %s: %s\n", argv[1], err.text);
        bdfs_disconnect(fs);
        free(want);
        return rc != BDFS_OK;
}

int main(int argc, char **argv)
{
        if (argc >= 6 && strcmp(argv[1], "set") == 0)
                return set_main(argc - 2, argv + 2);
        if (argc == 7 && strcmp(argv[1], "verify") == 0)
                return verify_main(argv + 2);
        (void)fprintf(stderr, "usage: extents set DATA CLUSTER FILE LENGTH "
                              "[OFFSET:BYTES:SOURCE:BASE ...]\n"
                              "       extents verify CONF FILE LOCAL COUNT SEED\n");
        return 2;
}
