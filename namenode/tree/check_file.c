#include "namenode/tree/check_internal.h"

/* Maps, blocks, references, leases. */

struct map_check {
        struct check *c;
        const struct inode *file;
        uint64_t end;            /* of the extents so far */
        uint32_t n;
        uint64_t last;           /* block of the last one */
        enum block_state last_state;
        uint32_t open_before;    /* blocks not COMPLETE that are not the last */
        bool committed_before;   /* and it is the one before the last, COMMITTED */
};

static bool each_extent(void *arg, const struct extent *e)
{
        struct map_check *m = arg;
        const struct block_ref ref = {.block = e->block, .inode = e->inode, .offset = e->offset};
        struct block b;
        uint8_t key[24];
        const uint8_t *value;
        size_t n;

        m->c->report->extents++;
        if (m->n++ > 0) {
                bool open = m->last_state != BLOCK_COMPLETE;

                m->open_before += open;
                m->committed_before = open && m->last_state == BLOCK_COMMITTED;
        }
        if (e->offset < m->end || e->length > FILE_BYTES_MAX)
                check_problem(m->c, "inode %" PRIu64 ": extents overlap at %" PRIu64, e->inode,
                              e->offset);
        m->end = e->offset + e->length;
        m->last = e->block;
        if (table_get_block(m->c->t, e->block, &b, NULL) != BDFS_OK) {
                check_problem(m->c, "inode %" PRIu64 " refers to block %" PRIu64
                              ", which does not exist", e->inode, e->block);
                return true;
        }
        m->last_state = b.state;
        if (b.state == BLOCK_RETIRED)
                check_problem(m->c, "inode %" PRIu64 " refers to block %" PRIu64
                              ", which waits to be freed", e->inode, e->block);
        if (e->base + e->length > b.length || (e->length == 0 && b.state == BLOCK_COMPLETE))
                check_problem(m->c, "inode %" PRIu64 " has %" PRIu64 " bytes from %" PRIu64
                              " of block %" PRIu64 ", which has %" PRIu64, e->inode, e->length,
                              e->base, e->block, b.length);
        block_ref_key(key, &ref);
        if (store_get(m->c->t, TABLE_BLOCK_REF, key, sizeof(key), &value, &n, NULL) != BDFS_OK)
                check_problem(m->c, "block %" PRIu64 " does not know of inode %" PRIu64, e->block,
                              e->inode);
        return true;
}

static void check_open(struct check *c, const struct map_check *m)
{
        const struct inode *file = m->file;
        bool open = (file->flags & INODE_OPEN) != 0;
        bool waits = m->n > 0 && m->last_state != BLOCK_COMPLETE;

        if (file->flags & INODE_DETACHED)
                return;
        if (file->tail != (waits ? m->last : 0))
                check_problem(c, "inode %" PRIu64 " says that block %" PRIu64
                              " is being written", file->id, file->tail);
        if (waits && !open)
                check_problem(c, "inode %" PRIu64 " is closed and its last block is not",
                              file->id);
        if (m->open_before > 1 || (m->open_before == 1 && !(open && waits && m->committed_before)))
                check_problem(c, "inode %" PRIu64 " has blocks in the middle that are not "
                              "complete", file->id);
        if (waits && file->length != m->end)
                check_problem(c, "inode %" PRIu64 " is longer than what is being written",
                              file->id);
}

static void check_lease_of(struct check *c, const struct inode *file)
{
        char name[HOLDER_BYTES_MAX + 1];
        uint8_t key[16];
        const uint8_t *value;
        size_t n;

        if (!(file->flags & INODE_OPEN))
                return;
        for (unsigned i = 0; i < 8; i++) {
                key[i] = (uint8_t)(file->holder >> (56 - 8 * i));
                key[8 + i] = (uint8_t)(file->id >> (56 - 8 * i));
        }
        if (table_holder_name(c->t, file->holder, name, NULL) != BDFS_OK ||
            store_get(c->t, TABLE_LEASE, key, sizeof(key), &value, &n, NULL) != BDFS_OK)
                check_problem(c, "inode %" PRIu64 " is open and has no lease", file->id);
}

void check_file(struct check *c, const struct inode *file)
{
        struct map_check m = {.c = c, .file = file};
        enum bdfs_status rc = extents_each(c->t, file->id, 0, each_extent, &m, c->err);

        if (rc != BDFS_OK) {
                check_problem(c, "the map of inode %" PRIu64 " cannot be read", file->id);
                return;
        }
        if (m.n != file->extents)
                check_problem(c, "inode %" PRIu64 " has %" PRIu32 " extents and says %" PRIu32,
                              file->id, m.n, file->extents);
        if (file->length < m.end)
                check_problem(c, "inode %" PRIu64 " ends at %" PRIu64 " and its map at %" PRIu64,
                              file->id, file->length, m.end);
        check_open(c, &m);
        check_lease_of(c, file);
}

/* ---- blocks --------------------------------------------------------------------------------- */

struct ref_count {
        uint64_t block;
        uint32_t n, replication;
};

static bool each_ref(struct check *c, const struct check_row *r, void *arg)
{
        struct ref_count *count = arg;
        struct block_ref ref;
        struct extent e;
        struct inode file;

        c->report->refs++;
        if (!block_ref_decode(r->key, r->key_n, &ref)) {
                check_problem(c, "a reference makes no sense");
                return true;
        }
        count->n++;
        if (extents_before(c->t, ref.inode, ref.offset + 1, &e, NULL) != BDFS_OK ||
            e.offset != ref.offset || e.block != ref.block)
                check_problem(c, "block %" PRIu64 " thinks that inode %" PRIu64
                              " refers to it", ref.block, ref.inode);
        if (check_inode(c, ref.inode, "a block belongs to", &file) &&
            file.replication > count->replication)
                count->replication = file.replication;
        return true;
}

/* Nothing refers to it, and it stands in the row of those that wait. */
static void check_retired(struct check *c, const struct block *b, const struct ref_count *count,
                          uint64_t *bytes)
{
        uint8_t key[16];
        const uint8_t *value;
        size_t n;

        *bytes += b->length * b->replication;
        for (unsigned i = 0; i < 8; i++) {
                key[i] = (uint8_t)((uint64_t)b->retired_ms >> (56 - 8 * i));
                key[8 + i] = (uint8_t)(b->id >> (56 - 8 * i));
        }
        if (count->n != 0)
                check_problem(c, "block %" PRIu64 " waits to be freed and has %" PRIu32
                              " references", b->id, count->n);
        if (store_get(c->t, TABLE_RETIRED, key, sizeof(key), &value, &n, NULL) != BDFS_OK)
                check_problem(c, "block %" PRIu64 " has no reference and nothing will free it",
                              b->id);
}

static bool each_block(struct check *c, const struct check_row *r, void *arg)
{
        struct ref_count count = {0};
        struct block b;

        c->report->blocks++;
        if (!block_decode(r->key, r->key_n, r->value, r->n, &b)) {
                check_problem(c, "a block's row makes no sense");
                return true;
        }
        if (b.id >= c->counters.block || b.stamp >= c->counters.stamp)
                check_problem(c, "block %" PRIu64 " or its stamp was never given out", b.id);
        check_rows(c, TABLE_BLOCK_REF, r->key, 8, each_ref, &count);
        if (b.state == BLOCK_RETIRED) {
                check_retired(c, &b, &count, arg);
                return true;
        }
        if (count.n != b.refs)
                check_problem(c, "block %" PRIu64 " has %" PRIu32 " references and says %" PRIu32,
                              b.id, count.n, b.refs);
        if (count.replication != b.replication)
                check_problem(c, "block %" PRIu64 " wants %" PRIu32 " copies, its files want %"
                              PRIu32, b.id, b.replication, count.replication);
        if (b.state == BLOCK_COMPLETE ? b.nodes_n != 0 : b.nodes_n == 0)
                check_problem(c, "block %" PRIu64 " has %" PRIu32 " nodes in state %d", b.id,
                              b.nodes_n, (int)b.state);
        return true;
}

static bool each_retired(struct check *c, const struct check_row *r, void *arg)
{
        struct retired row;
        struct block b;

        (void)arg;
        c->report->retired++;
        if (!retired_decode(r->key, r->key_n, &row))
                check_problem(c, "a row of blocks that wait makes no sense");
        else if (table_get_block(c->t, row.block, &b, NULL) != BDFS_OK ||
                 b.state != BLOCK_RETIRED || b.retired_ms != row.since_ms)
                check_problem(c, "block %" PRIu64 " is to be freed and says otherwise",
                              row.block);
        return true;
}

static bool each_freed(struct check *c, const struct check_row *r, void *arg)
{
        struct freed_row row;
        struct block b;
        uint64_t id = 0;

        (void)arg;
        for (unsigned i = 0; i < 8 && r->key_n == 8; i++)
                id = id << 8 | r->key[i];
        if (table_get_freed(c->t, id, &row, NULL) != BDFS_OK || id >= c->counters.block)
                check_problem(c, "a freed block makes no sense");
        else if (table_get_block(c->t, id, &b, NULL) != BDFS_NOT_FOUND)
                check_problem(c, "block %" PRIu64 " was freed and is there", id);
        return true;
}

static void check_freed(struct check *c, uint64_t bytes)
{
        uint64_t said;

        check_rows(c, TABLE_RETIRED, NULL, 0, each_retired, NULL);
        check_rows(c, TABLE_FREED, NULL, 0, each_freed, NULL);
        if (c->rc != BDFS_OK)
                return;
        c->rc = table_get_retired_bytes(c->t, &said, c->err);
        if (c->rc == BDFS_OK && said != bytes)
                check_problem(c, "%" PRIu64 " bytes wait to be freed, counted are %" PRIu64, bytes,
                              said);
}

void check_blocks(struct check *c)
{
        uint64_t before, retired_bytes = 0;

        check_rows(c, TABLE_BLOCK, NULL, 0, each_block, &retired_bytes);
        check_freed(c, retired_bytes);
        before = c->report->refs;
        if (c->rc == BDFS_OK && before != store_count(c->t, TABLE_BLOCK_REF))
                check_problem(c, "there are references to blocks that do not exist");
        if (c->rc == BDFS_OK && c->report->extents != store_count(c->t, TABLE_EXTENT))
                check_problem(c, "there are extents of files that do not exist");
}

/* ---- leases --------------------------------------------------------------------------------- */

static bool each_lease(struct check *c, const struct check_row *r, void *arg)
{
        uint64_t holder, inode;
        struct inode file;

        c->report->leases++;
        ++*(uint64_t *)arg;
        if (!lease_decode(r->key, r->key_n, &holder, &inode))
                check_problem(c, "a lease makes no sense");
        else if (check_inode(c, inode, "a lease is of", &file) &&
                 (!(file.flags & INODE_OPEN) || file.holder != holder))
                check_problem(c, "inode %" PRIu64 " has a lease and is not open, or by another",
                              inode);
        return true;
}

static bool each_holder(struct check *c, const struct check_row *r, void *arg)
{
        char name[HOLDER_BYTES_MAX + 1];
        struct holder holder;
        uint64_t files = 0;
        uint8_t key[8];

        (void)arg;
        if (r->key[0] != 'n' || r->key_n > 1 + HOLDER_BYTES_MAX)
                return true;
        if (table_get_holder(c->t, (const char *)r->key + 1, r->key_n - 1, &holder, NULL) !=
                    BDFS_OK ||
            table_holder_name(c->t, holder.id, name, NULL) != BDFS_OK ||
            strlen(name) != r->key_n - 1 || memcmp(name, r->key + 1, r->key_n - 1) != 0 ||
            holder.id >= c->counters.holder) {
                check_problem(c, "a lease holder makes no sense");
                return true;
        }
        for (unsigned i = 0; i < 8; i++)
                key[i] = (uint8_t)(holder.id >> (56 - 8 * i));
        check_rows(c, TABLE_LEASE, key, 8, each_lease, &files);
        if (files != holder.files || files == 0)
                check_problem(c, "\"%s\" has %" PRIu64 " open files, its row says %" PRIu64, name,
                              files, holder.files);
        return true;
}

void check_leases(struct check *c)
{
        check_rows(c, TABLE_HOLDER, NULL, 0, each_holder, NULL);
        if (c->rc == BDFS_OK && c->report->leases != store_count(c->t, TABLE_LEASE))
                check_problem(c, "there are leases of holders that do not exist");
}
