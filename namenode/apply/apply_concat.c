#include "namenode/apply/apply_internal.h"
#include "proto/exception.h"

#include <stdlib.h>

/* concat: the maps of several files of one directory are joined. */

struct concat {
        const Bdfs__ConcatOp *op;
        struct path path;
        struct resolved target;
        struct inode *sources;
};

static enum bdfs_status invalid(const char *what, const struct path *source, const char *words,
                                struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_INVALID, "%s %.*s %s", what, (int)source->n, source->text,
                         words);
}

static enum bdfs_status check_reserved(const ProtobufCBinaryData *bytes, struct bdfs_err *err)
{
        static const char *const prefixes[] = {"/.reserved/raw", "/.reserved/.inodes"};

        for (size_t i = 0; i < 2; i++) {
                size_t n = strlen(prefixes[i]);

                if (bytes->len >= n && memcmp(bytes->data, prefixes[i], n) == 0)
                        return bdfs_fail(err, BDFS_FAILED, "Concat operation doesn't support "
                                         "/.reserved relative path : %.*s", (int)bytes->len,
                                         (const char *)bytes->data);
        }
        return BDFS_OK;
}

static enum bdfs_status check_target(struct apply *a, struct concat *c, struct bdfs_err *err)
{
        const struct perm_want write = {.access = PERM_WRITE};
        enum bdfs_status rc;

        if (c->op->n_sources == 0)
                return bdfs_fail_class(err, BDFS_INVALID, EXCEPTION_ILLEGAL_ARGUMENT,
                                       "No sources given");
        rc = check_reserved(&c->op->target, err);
        for (size_t i = 0; i < c->op->n_sources && rc == BDFS_OK; i++)
                rc = check_reserved(&c->op->sources[i], err);
        if (rc == BDFS_OK)
                rc = apply_resolve(a, &c->op->target, 0, &c->path, &c->target, err);
        if (rc == BDFS_OK)
                rc = apply_permit(a, &c->target, &write, err);
        if (rc == BDFS_OK)
                rc = apply_file(&c->target, &c->path, err);
        if (rc == BDFS_OK && (c->target.last.flags & INODE_OPEN))
                rc = invalid("concat: target file", &c->path, "is under construction", err);
        return rc;
}

static enum bdfs_status check_source_file(const struct concat *c, const struct inode *file,
                                          const struct path *path, struct bdfs_err *err)
{
        const struct inode *target = &c->target.last;
        const struct path *to = &c->target.path;

        if (file->parent != target->parent)
                return bdfs_fail(err, BDFS_INVALID, "Source file %.*s is not in the same "
                                 "directory with the target %.*s", (int)path->n, path->text,
                                 (int)to->n, to->text);
        if (file->id == target->id)
                return bdfs_fail(err, BDFS_INVALID, "concat: the src file %.*s is the same with "
                                 "the target file %.*s", (int)path->n, path->text, (int)to->n,
                                 to->text);
        if ((file->flags & INODE_OPEN) || file->length == 0)
                return invalid("concat: source file", path,
                               "is invalid or empty or underConstruction", err);
        if (file->block_size > target->block_size)
                return bdfs_fail(err, BDFS_INVALID, "concat: source file %.*s has preferred block "
                                 "size %" PRIu64 " which is greater than the target file's "
                                 "preferred block size %" PRIu64, (int)path->n, path->text,
                                 file->block_size, target->block_size);
        return BDFS_OK;
}

static enum bdfs_status check_source(struct apply *a, const struct concat *c, size_t i,
                                     struct bdfs_err *err)
{
        const struct perm_want read = {.access = PERM_READ}, remove = {.parent = PERM_WRITE};
        AUTO_RESOLVED struct resolved r = {0};
        struct path path;
        enum bdfs_status rc;

        rc = apply_resolve(a, &c->op->sources[i], 0, &path, &r, err);
        if (rc == BDFS_OK)
                rc = apply_permit(a, &r, &read, err);
        if (rc == BDFS_OK)
                rc = apply_permit(a, &r, &remove, err);
        if (rc == BDFS_OK)
                rc = apply_file(&r, &path, err);
        if (rc == BDFS_OK)
                rc = check_source_file(c, &r.last, &path, err);
        if (rc == BDFS_OK)
                c->sources[i] = r.last;
        return rc;
}

static int by_id(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x == y ? 0 : x < y ? -1 : 1;
}

/* Together, after each of them passed. */
static enum bdfs_status check_all(const struct concat *c, struct bdfs_err *err)
{
        size_t n = c->op->n_sources;
        uint64_t *ids = calloc(n, sizeof(*ids));
        uint64_t extents = c->target.last.extents, bytes = c->target.last.length;
        bool twice = false;

        if (ids == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%zu files to join", n);
        for (size_t i = 0; i < n; i++) {
                ids[i] = c->sources[i].id;
                extents += c->sources[i].extents;
                bytes += bytes > FILE_BYTES_MAX ? 0 : c->sources[i].length;
        }
        qsort(ids, n, sizeof(*ids), by_id);
        for (size_t i = 1; i < n; i++)
                twice = twice || ids[i] == ids[i - 1];
        free(ids);
        if (twice)
                return bdfs_fail(err, BDFS_INVALID,
                                 "concat: at least two of the source files are the same");
        if (extents > FILE_EXTENTS_MAX || bytes > FILE_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "concat: the file would have %" PRIu64
                                 " extents and %" PRIu64 " bytes, the most is %d and %llu",
                                 extents, bytes, FILE_EXTENTS_MAX, FILE_BYTES_MAX);
        return BDFS_OK;
}

/* The source's name goes with the numbers that it had; its map is joined on. */
static enum bdfs_status join(struct apply *a, struct concat *c, size_t i, struct bdfs_err *err)
{
        struct inode *source = &c->sources[i];
        enum bdfs_status rc = tree_unlink(a, &c->target.parent, source, err);

        if (rc == BDFS_OK)
                rc = extents_join(a->t, &c->target.last, source, err);
        return rc != BDFS_OK ? rc : table_del_inode(a->t, source->id, err);
}

static enum bdfs_status concat(struct apply *a, struct concat *c, struct bdfs_err *err)
{
        struct inode before;
        enum bdfs_status rc = check_target(a, c, err);

        if (rc != BDFS_OK)
                return rc;
        c->sources = calloc(c->op->n_sources, sizeof(*c->sources));
        if (c->sources == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%zu files to join", c->op->n_sources);
        for (size_t i = 0; i < c->op->n_sources && rc == BDFS_OK; i++)
                rc = check_source(a, c, i, err);
        if (rc == BDFS_OK)
                rc = check_all(c, err);
        if (rc != BDFS_OK)
                return rc;
        apply_writes(a);
        before = c->target.last;
        for (size_t i = 0; i < c->op->n_sources && rc == BDFS_OK; i++)
                rc = join(a, c, i, err);
        c->target.last.mtime = a->now;
        if (rc == BDFS_OK)
                rc = tree_resized(a, &before, &c->target.last, err);
        apply_inode(a, c->target.last.id);
        return rc != BDFS_OK ? rc : table_put_inode(a->t, &c->target.last, err);
}

enum bdfs_status apply_op_concat(struct apply *a, struct bdfs_err *err)
{
        struct concat c = {.op = a->record->concat};
        enum bdfs_status rc = concat(a, &c, err);

        resolved_fini(&c.target);
        free(c.sources);
        return rc;
}
