/*
 * Any bytes as rows of the namespace's tables, and as path names. The first byte chooses. What an
 * inode's decoder takes must be written again as the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "namenode/path.h"
#include "namenode/tables.h"

#define MUST(condition)           \
        do {                      \
                if (!(condition)) \
                        abort();  \
        } while (0)

static void fuzz_inode(const uint8_t *bytes, size_t n)
{
        uint8_t again[INODE_ROW_BYTES_MAX];
        struct inode row;

        if (!inode_decode(bytes, n, &row))
                return;
        MUST(row.name[row.name_n] == '\0' && row.machine[row.machine_n] == '\0');
        MUST(row.length <= FILE_BYTES_MAX && row.replication <= REPLICATION_MAX);
        MUST(inode_encode(&row, again) == n && memcmp(again, bytes, n) == 0);
}

static void fuzz_extent(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n)
{
        struct extent e;

        if (extent_decode(key, key_n, value, n, &e))
                MUST(e.offset + e.length <= FILE_BYTES_MAX && e.base + e.length <= FILE_BYTES_MAX);
}

static void fuzz_block(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n)
{
        struct block b;

        if (block_decode(key, key_n, value, n, &b))
                MUST(b.refs > 0 && b.pipeline_n <= b.nodes_n && b.nodes_n <= BLOCK_NODES_MAX &&
                     b.replication <= REPLICATION_MAX);
}

static void fuzz_class(const uint8_t *key, size_t key_n, const uint8_t *value, size_t n)
{
        uint8_t again[CLASS_KEY_BYTES];
        uint64_t directory, count;
        struct class c;

        if (!class_decode(key, key_n, value, n, &directory, &c, &count))
                return;
        class_key(again, directory, &c);
        MUST(memcmp(again, key, sizeof(again)) == 0);
}

static void fuzz_path(const uint8_t *bytes, size_t n, unsigned use, bool hadoop)
{
        enum path_fault fault;
        struct bdfs_err err;
        struct path p, again;
        struct buf room;
        enum bdfs_status rc;

        buf_init(&room, 0);
        rc = path_check((const char *)bytes, n, (enum path_use)use, hadoop, &room, &p, &fault,
                        &err);
        MUST((rc == BDFS_OK) == (fault == PATH_FAULT_NONE));
        if (rc == BDFS_OK) {
                size_t at = 0, name_n, depth = 0;
                const char *name;

                MUST(path_of_record((const uint8_t *)p.text, p.n, &again, &err) == BDFS_OK);
                while (path_next(&p, &at, &name, &name_n)) {
                        MUST(name_n > 0 && memchr(name, '/', name_n) == NULL);
                        depth++;
                }
                MUST(depth == path_depth(&p) && path_is_root(&p) == (depth == 0));
        } else {
                MUST(err.text[0] != '\0');
        }
        buf_fini(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        uint64_t holder, inode;
        struct block_ref ref;
        struct entry entry;
        uint8_t what;
        size_t key_n;

        if (n < 2)
                return 0;
        what = data[0];
        key_n = data[1] % 32;
        data += 2;
        n -= 2;
        if (key_n > n)
                key_n = n;
        switch (what % 8) {
        case 0: fuzz_inode(data, n); break;
        case 1: (void)entry_decode(data, n, &entry); break;
        case 2: fuzz_extent(data, key_n, data + key_n, n - key_n); break;
        case 3: fuzz_block(data, key_n, data + key_n, n - key_n); break;
        case 4: (void)block_ref_decode(data, n, &ref); break;
        case 5: fuzz_class(data, key_n, data + key_n, n - key_n); break;
        case 6: (void)lease_decode(data, n, &holder, &inode); break;
        default: fuzz_path(data, n, (unsigned)key_n % 5, (what & 8) != 0); break;
        }
        return 0;
}
