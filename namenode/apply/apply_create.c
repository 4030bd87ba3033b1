#include "namenode/apply/apply_internal.h"

/* create and append. */

struct creating {
        const Bdfs__CreateOp *op;
        struct path path;
        struct resolved r;
};

/* HDFS's resolvePathForStartFile. */
static enum bdfs_status check_place(struct apply *a, struct creating *c, struct bdfs_err *err)
{
        struct perm_want above = {.ancestor = PERM_WRITE};
        const struct perm_want it = {.access = PERM_WRITE};
        enum bdfs_status rc;

        rc = apply_resolve(a, &c->op->path, PATH_WALK_CREATE, &c->path, &c->r, err);
        if (rc == BDFS_OK && c->op->keep_sticky && c->op->overwrite && resolved_exists(&c->r))
                above.parent = PERM_WRITE;
        if (rc == BDFS_OK)
                rc = apply_permit(a, &c->r, &above, err);
        if (rc != BDFS_OK)
                return rc;
        if (resolved_exists(&c->r)) {
                if (c->r.last.type == INODE_DIRECTORY)
                        return bdfs_fail(err, BDFS_EXISTS, "%.*s already exists as a directory",
                                         (int)c->r.path.n, c->r.path.text);
                return c->op->overwrite ? apply_permit(a, &c->r, &it, err) : BDFS_OK;
        }
        rc = c->op->create_parent ? BDFS_OK : apply_parent(&c->r, err);
        if (rc == BDFS_OK && !c->op->create)
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "Can't overwrite non-existent %.*s",
                               (int)c->path.n, c->path.text);
        return rc;
}

static enum bdfs_status check_sizes(struct apply *a, const struct creating *c,
                                    struct bdfs_err *err)
{
        int64_t size = (int64_t)c->op->block_size;

        if (size < 0 || (uint64_t)size < a->b->format.block_bytes_min)
                return bdfs_fail(err, BDFS_FAILED,
                                 "Specified block size %" PRId64 " is less than configured "
                                 "minimum value dfs.namenode.fs-limits.min-block-size=%" PRIu64,
                                 size, a->b->format.block_bytes_min);
        if ((uint64_t)size > BLOCK_BYTES_MAX)
                return bdfs_fail(err, BDFS_FAILED, "Specified block size %" PRId64
                                 " is more than the maximum of %llu", size, BLOCK_BYTES_MAX);
        if (c->op->has_policy && c->op->policy > 15)
                return bdfs_fail(err, BDFS_INVALID, "there is no storage policy %" PRIu32,
                                 c->op->policy);
        return apply_replication(a, c->op->replication, &c->path, true, err);
}

/* A file is there and may not be overwritten. */
static enum bdfs_status refuse_existing(struct apply *a, const struct creating *c,
                                        struct bdfs_err *err)
{
        const struct lease_wish wish = {.operation = "CREATE_FILE",
                                        .path = &c->r.path,
                                        .holder = c->op->holder,
                                        .machine = a->machine,
                                        .take_over = c->op->take_over};
        enum bdfs_status rc = lease_contest(a->t, &c->r.last, &wish, err);

        if (rc != BDFS_OK)
                return rc;
        return bdfs_fail(err, BDFS_EXISTS, "%.*s for client %s already exists", (int)c->r.path.n,
                         c->r.path.text, a->machine);
}

static void set_machine(struct inode *file, const char *machine)
{
        size_t n = strnlen(machine, MACHINE_BYTES_MAX);

        memcpy(file->machine, machine, n);
        file->machine[n] = '\0';
        file->machine_n = (uint8_t)n;
}

static enum bdfs_status check_targets(size_t n, struct bdfs_err *err)
{
        if (n <= PIPELINE_NODES_MAX)
                return BDFS_OK;
        return bdfs_fail(err, BDFS_INVALID, "a block on %zu datanodes", n);
}

/* The row with its next block at once; addBlock would be a record and a wait of its own. */
static enum bdfs_status put_with_block(struct apply *a, const struct inode *file,
                                       const uint32_t *targets, size_t n, struct bdfs_err *err)
{
        struct writing w = {.file = *file};
        enum bdfs_status rc = BDFS_OK;

        if (n > 0 && file->extents < FILE_EXTENTS_MAX)
                rc = writing_add_block(a, &w, targets, n, err);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, &w.file, err);
}

static enum bdfs_status make_file(struct apply *a, const struct creating *c,
                                  struct inode *parent, struct bdfs_err *err)
{
        const struct tree_make what = {.type = INODE_FILE, .mode = (uint16_t)c->op->mode,
                                       .name = c->r.name, .name_n = c->r.name_n};
        struct inode file = {.block_size = c->op->block_size,
                             .replication = c->op->replication,
                             .policy = c->op->has_policy ? (uint8_t)c->op->policy : 0};
        enum bdfs_status rc;

        file.id = a->b->counters.inode; /* which tree_make() will give it: the lease is first */
        file.type = INODE_FILE;
        rc = lease_begin(a->t, apply_counters(a), &file, c->op->holder, c->op->hadoop_lease, err);
        set_machine(&file, a->machine);
        if (rc == BDFS_OK)
                rc = tree_make(a, parent, &what, &file, err);
        apply_inode(a, file.id);
        if (rc != BDFS_OK || c->op->n_targets == 0)
                return rc;
        return put_with_block(a, &file, c->op->targets, c->op->n_targets, err);
}

static enum bdfs_status create(struct apply *a, struct creating *c, struct bdfs_err *err)
{
        struct inode parent;
        enum bdfs_status rc = check_place(a, c, err);

        if (rc == BDFS_OK)
                rc = check_sizes(a, c, err);
        if (rc == BDFS_OK)
                rc = apply_holder(c->op->holder, err);
        if (rc == BDFS_OK)
                rc = check_targets(c->op->n_targets, err);
        if (rc == BDFS_OK && resolved_exists(&c->r) && !c->op->overwrite)
                rc = refuse_existing(a, c, err);
        if (rc == BDFS_OK)
                rc = apply_names(&c->r, err);
        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        rc = tree_make_parents(a, &c->r, (uint16_t)((c->r.last.mode & 0777u) | 0300u), &parent,
                               err);
        if (rc == BDFS_OK && resolved_exists(&c->r))
                rc = tree_remove(a, &parent, &c->r.last, err);
        return rc != BDFS_OK ? rc : make_file(a, c, &parent, err);
}

enum bdfs_status apply_op_create(struct apply *a, struct bdfs_err *err)
{
        struct creating c = {.op = a->record->create};
        enum bdfs_status rc = create(a, &c, err);

        resolved_fini(&c.r);
        return rc;
}

enum bdfs_status apply_permit_write(struct apply *a, const struct resolved *r, bool opened,
                                    struct bdfs_err *err)
{
        const struct perm_want want = {.access = PERM_WRITE};

        if (opened && resolved_exists(r) && r->last.owner == a->caller.user)
                return BDFS_OK;
        return apply_permit(a, r, &want, err);
}

/* ---- append --------------------------------------------------------------------------------- */

static enum bdfs_status check_append(struct apply *a, const Bdfs__AppendOp *op,
                                     const struct resolved *r, struct bdfs_err *err)
{
        const struct lease_wish wish = {.operation = "APPEND_FILE", .path = &r->path,
                                        .holder = op->holder, .machine = a->machine,
                                        .take_over = op->take_over};
        enum bdfs_status rc;

        if (resolved_exists(r) && r->last.type == INODE_DIRECTORY)
                return bdfs_fail(err, BDFS_EXISTS, "Cannot append to directory %.*s; already "
                                 "exists as a directory.", (int)r->path.n, r->path.text);
        rc = apply_permit_write(a, r, op->opened, err);
        if (rc == BDFS_OK && !resolved_exists(r))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "Failed to append to non-existent file %.*s "
                               "for client %s", (int)r->path.n, r->path.text, a->machine);
        if (rc == BDFS_OK)
                rc = apply_holder(op->holder, err);
        if (rc == BDFS_OK)
                rc = check_targets(op->n_targets, err);
        return rc != BDFS_OK ? rc : lease_contest(a->t, &r->last, &wish, err);
}

enum bdfs_status apply_op_append(struct apply *a, struct bdfs_err *err)
{
        const Bdfs__AppendOp *op = a->record->append;
        AUTO_RESOLVED struct resolved r = {0};
        struct inode *file = &r.last;
        struct path path;
        enum bdfs_status rc;

        rc = apply_resolve(a, &op->path, 0, &path, &r, err);
        if (rc == BDFS_OK)
                rc = check_append(a, op, &r, err);
        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        if (file->flags & INODE_OPEN) {
                file->mtime = a->now;
                rc = lease_end(a->t, file, err);
        }
        if (rc == BDFS_OK)
                rc = lease_begin(a->t, apply_counters(a), file, op->holder, op->hadoop_lease, err);
        set_machine(file, a->machine);
        apply_inode(a, file->id);
        return rc != BDFS_OK ? rc : put_with_block(a, file, op->targets, op->n_targets, err);
}
