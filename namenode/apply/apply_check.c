#include "namenode/apply/apply_internal.h"
#include "proto/exception.h"

/* What several operations check, in HDFS's words. */

enum bdfs_status apply_resolve(struct apply *a, const ProtobufCBinaryData *bytes, unsigned walk,
                               struct path *ret_path, struct resolved *ret, struct bdfs_err *err)
{
        enum bdfs_status rc = path_of_record(bytes->data, bytes->len, ret_path, err);

        if (rc == BDFS_OK)
                rc = path_resolve(a->t, ret_path, ret, err);
        if (rc == BDFS_OK && ret->raw && !a->caller.superuser)
                rc = perm_denied_superuser(a->who.user, NULL, err);
        return rc != BDFS_OK ? rc : path_traverse(a->t, ret, &a->caller, walk, err);
}

enum bdfs_status apply_permit(struct apply *a, const struct resolved *r,
                              const struct perm_want *want, struct bdfs_err *err)
{
        return path_permit(a->t, r, &a->caller, want, err);
}

enum bdfs_status apply_file(const struct resolved *r, const struct path *path,
                            struct bdfs_err *err)
{
        if (!resolved_exists(r))
                return bdfs_fail(err, BDFS_NOT_FOUND, "File does not exist: %.*s", (int)path->n,
                                 path->text);
        if (r->last.type != INODE_FILE)
                return bdfs_fail(err, BDFS_NOT_FOUND, "Path is not a file: %.*s", (int)path->n,
                                 path->text);
        return BDFS_OK;
}

enum bdfs_status apply_parent(const struct resolved *r, struct bdfs_err *err)
{
        struct path parent;

        if (r->depth <= 2 || r->found >= r->depth - 1)
                return BDFS_OK;
        parent = resolved_path(r, r->depth - 2);
        return bdfs_fail(err, BDFS_NOT_FOUND, "Parent directory doesn't exist: %.*s",
                         (int)parent.n, parent.text);
}

enum bdfs_status apply_name(const struct path *parent, const char *name, size_t n,
                            struct bdfs_err *err)
{
        if (path_is_root(parent) && n == 9 && memcmp(name, ".reserved", 9) == 0)
                return bdfs_fail(err, BDFS_INVALID,
                                 "File name \".reserved\" is reserved and cannot be created. If "
                                 "this is during upgrade change the name of the existing file or "
                                 "directory to another name before upgrading to the new release.");
        if (n > NAME_BYTES_MAX)
                return bdfs_fail_class(err, BDFS_INVALID, EXCEPTION_NAME_TOO_LONG,
                                       "The maximum path component name limit of %.*s in "
                                       "directory %.*s is exceeded: limit=%d length=%zu",
                                       (int)n, name, (int)parent->n, parent->text,
                                       NAME_BYTES_MAX, n);
        if (n == 9 && memcmp(name, ".snapshot", 9) == 0)
                return bdfs_fail(err, BDFS_INVALID, "\".snapshot\" is a reserved name.");
        if (memchr(name, 0, n) != NULL)
                return bdfs_fail(err, BDFS_INVALID_PATH, "a name cannot contain NUL");
        return BDFS_OK;
}

enum bdfs_status apply_names(const struct resolved *r, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        const char *name;
        size_t n, at;

        for (size_t i = r->found; i < r->depth && rc == BDFS_OK; i++) {
                struct path parent = resolved_path(r, i - 1);

                at = i == 1 ? 0 : parent.n;
                if (path_next(&r->path, &at, &name, &n))
                        rc = apply_name(&parent, name, n, err);
        }
        return rc;
}

enum bdfs_status apply_replication(const struct apply *a, uint32_t replication,
                                   const struct path *path, bool machine, struct bdfs_err *err)
{
        int32_t wanted = (int32_t)replication;
        char how[64];

        if (wanted >= 1 && wanted <= REPLICATION_MAX)
                return BDFS_OK;
        if (wanted > REPLICATION_MAX)
                (void)snprintf(how, sizeof(how), "exceeds maximum of %d", REPLICATION_MAX);
        else
                (void)snprintf(how, sizeof(how), "is less than the required minimum of 1");
        return bdfs_fail(err, BDFS_FAILED, "Requested replication factor of %" PRId32
                         " %s for %.*s%s%s", wanted, how, (int)path->n, path->text,
                         machine ? ", clientName=" : "", machine ? a->machine : "");
}

enum bdfs_status apply_holder(const char *holder, struct bdfs_err *err)
{
        if (strlen(holder) <= HOLDER_BYTES_MAX)
                return BDFS_OK;
        return bdfs_fail(err, BDFS_INVALID, "the client's name is longer than %d bytes",
                         HOLDER_BYTES_MAX);
}

const char *block_text(uint64_t id, uint64_t stamp, char to[BLOCK_TEXT_BYTES])
{
        (void)snprintf(to, BLOCK_TEXT_BYTES, "blk_%" PRIu64 "_%" PRIu64, id, stamp);
        return to;
}

const char *apply_block_text(const struct apply *a, const Bdfs__RecordBlock *b,
                             char to[BLOCK_TEXT_BYTES])
{
        if (b == NULL)
                return "null";
        (void)snprintf(to, BLOCK_TEXT_BYTES, "%s:blk_%" PRIu64 "_%" PRIu64, a->b->format.pool,
                       b->id, b->stamp);
        return to;
}
