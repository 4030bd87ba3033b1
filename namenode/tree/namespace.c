#include "namenode/tree/namespace_inside.h"
#include "proto/exception.h"

/* Status and listings; the questions about one path. */

#define RESERVED_MODE 01770

/* ---- asking --------------------------------------------------------------------------------- */

enum bdfs_status asking_begin(struct asking *q, struct store_txn *t, const struct ns_caller *who,
                              const struct path *path, struct bdfs_err *err)
{
        enum bdfs_status rc;

        q->r.steps = NULL;
        buf_init(&q->r.text, 0);
        if (who->groups_n > NS_GROUPS_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "user %s is in %zu groups", who->user,
                                 who->groups_n);
        rc = perm_load(t, who, q->groups, &q->caller, err);
        return rc != BDFS_OK ? rc : path_resolve(t, path, &q->r, err);
}

/* The same, and the ancestors are checked. */
static enum bdfs_status asking_walk(struct asking *q, struct store_txn *t,
                                    const struct ns_caller *who, const struct path *path,
                                    unsigned walk, struct bdfs_err *err)
{
        enum bdfs_status rc = asking_begin(q, t, who, path, err);

        return rc != BDFS_OK ? rc : path_traverse(t, &q->r, &q->caller, walk, err);
}

void asking_fini(struct asking *q)
{
        resolved_fini(&q->r);
}

/* "@words: PATH" with NOT_FOUND unless the path exists. */
static enum bdfs_status asking_exists(const struct asking *q, const char *words,
                                      struct bdfs_err *err)
{
        if (resolved_exists(&q->r))
                return BDFS_OK;
        return bdfs_fail(err, BDFS_NOT_FOUND, "%s: %.*s", words, (int)q->r.path.n,
                         q->r.path.text);
}

enum bdfs_status asking_file(const struct asking *q, struct bdfs_err *err)
{
        enum bdfs_status rc = asking_exists(q, "File does not exist", err);

        if (rc == BDFS_OK && q->r.last.type != INODE_FILE)
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "Path is not a file: %.*s",
                               (int)q->r.path.n, q->r.path.text);
        return rc;
}

enum bdfs_status asking_access(const struct asking *q, struct store_txn *t, unsigned access,
                               struct bdfs_err *err)
{
        const struct perm_want want = {.access = access};

        return path_permit(t, &q->r, &q->caller, &want, err);
}

/* ---- status --------------------------------------------------------------------------------- */

static enum bdfs_status name_of(struct store_txn *t, uint32_t id, struct name_cache *cache,
                                unsigned which, const char **ret, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        if (cache->text[which] == NULL || cache->id[which] != id) {
                rc = table_name(t, id, &cache->text[which], err);
                cache->id[which] = id;
        }
        *ret = cache->text[which];
        return rc;
}

enum bdfs_status status_of_inode(struct store_txn *t, const struct inode *row, uint8_t policy,
                                 struct name_cache *cache, struct ns_status *ret,
                                 struct bdfs_err *err)
{
        enum bdfs_status rc;

        ret->inode = row->id;
        ret->type = row->type;
        ret->mode = row->mode;
        ret->length = row->length;
        ret->mtime = row->mtime;
        ret->atime = row->atime;
        ret->replication = row->replication;
        ret->block_size = row->block_size;
        ret->children = row->children;
        ret->policy = row->policy != 0 ? row->policy : policy;
        ret->open = (row->flags & INODE_OPEN) != 0;
        ret->extents = row->extents;
        ret->target = NULL;
        ret->target_n = 0;
        ret->name_n = 0;
        ret->name[0] = '\0';
        rc = name_of(t, row->owner, cache, 0, &ret->owner, err);
        if (rc == BDFS_OK)
                rc = name_of(t, row->group, cache, 1, &ret->group, err);
        if (rc == BDFS_OK && row->type == INODE_SYMLINK)
                rc = table_get_target(t, row->id, &ret->target, &ret->target_n, err);
        return rc;
}

static void set_name(struct ns_status *s, const char *name, size_t n)
{
        BDFS_ASSERT(n <= NAME_BYTES_MAX);
        memcpy(s->name, name, n);
        s->name[n] = '\0';
        s->name_n = (uint8_t)n;
}

/* /.reserved itself is not in the tables. */
static bool is_reserved(const struct resolved *r)
{
        return r->path.n == 10 && !resolved_exists(r) &&
               memcmp(r->path.text, "/.reserved", 10) == 0;
}

static void reserved_status(const char *name, const char *group, uint16_t mode,
                            struct ns_status *ret)
{
        *ret = (struct ns_status){.inode = INODE_ROOT, .type = INODE_DIRECTORY, .mode = mode,
                                  .owner = "", .group = group};
        set_name(ret, name, strlen(name));
}

enum bdfs_status ns_stat(struct store_txn *t, const struct ns_caller *who, const struct path *path,
                         unsigned flags, struct ns_status *ret, bool *ret_found,
                         struct bdfs_err *err)
{
        AUTO_ASKING struct asking q;
        struct name_cache cache = {0};
        enum bdfs_status rc;

        rc = asking_walk(&q, t, who, path, flags & NS_NO_FOLLOW ? PATH_WALK_NO_FOLLOW : 0, err);
        if (rc == BDFS_PERMISSION && who->superuser) { /* below a file: HDFS says missing here */
                *ret_found = false;
                return BDFS_OK;
        }
        *ret_found = rc == BDFS_OK && (resolved_exists(&q.r) || is_reserved(&q.r));
        if (rc != BDFS_OK || !*ret_found)
                return rc;
        if (is_reserved(&q.r)) {
                reserved_status("", "", RESERVED_MODE, ret);
                return BDFS_OK;
        }
        return status_of_inode(t, &q.r.last, q.r.policy, &cache, ret, err);
}

enum bdfs_status ns_stat_inode(struct store_txn *t, uint64_t inode, struct ns_status *ret,
                               struct bdfs_err *err)
{
        AUTO_RESOLVED struct resolved r = {0};
        struct name_cache cache = {0};
        enum bdfs_status rc = path_resolve_inode(t, inode, &r, err);

        return rc != BDFS_OK ? rc : status_of_inode(t, &r.last, r.policy, &cache, ret, err);
}

/* ---- listings ------------------------------------------------------------------------------- */

struct listing {
        struct store_txn *t;
        const struct ns_taker *to;
        size_t room, n;
        uint8_t policy;              /* of the directory */
        bool more;
        struct store_cursor *inodes; /* of one page: those of a directory often lie together */
        struct name_cache cache;
        struct ns_status now;
};

static void list_give(struct listing *l)
{
        l->n++;
        if (!l->to->take(l->to->context, &l->now))
                l->room = l->n;
}

static enum bdfs_status list_one(struct listing *l, const uint8_t *key, size_t key_n,
                                 const uint8_t *value, size_t n, struct bdfs_err *err)
{
        struct entry entry;
        struct inode row;
        enum bdfs_status rc;

        if (!entry_decode(value, n, &entry))
                return bdfs_fail(err, BDFS_CORRUPT, "a directory's entry makes no sense");
        rc = table_find_inode(l->inodes, entry.inode, &row, err);
        if (rc == BDFS_NOT_FOUND)
                rc = bdfs_fail(err, BDFS_CORRUPT, "inode %" PRIu64 " has a name but no row",
                               entry.inode);
        if (rc == BDFS_OK)
                rc = status_of_inode(l->t, &row, l->policy, &l->cache, &l->now, err);
        if (rc != BDFS_OK)
                return rc;
        l->now.name_n = (uint8_t)entry_key_name(key, key_n, l->now.name);
        l->now.name[l->now.name_n] = '\0';
        if (l->now.name_n == 0)
                return bdfs_fail(err, BDFS_CORRUPT, "a directory's entry has no name");
        list_give(l);
        return BDFS_OK;
}

static enum bdfs_status list_page(struct listing *l, uint64_t directory, const void *after,
                                  size_t after_n, struct bdfs_err *err)
{
        uint8_t from[8 + NAME_BYTES_MAX + 1];
        size_t from_n, key_n, n;
        const uint8_t *key, *value;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(l->t, TABLE_ENTRY, &c, err), got;

        if (rc != BDFS_OK)
                return rc;
        rc = store_cursor_open(l->t, TABLE_INODE, &l->inodes, err);
        if (rc != BDFS_OK) {
                store_cursor_close(c);
                return rc;
        }
        from_n = entry_key(from, directory, after, after_n < NAME_BYTES_MAX ? after_n
                                                                            : NAME_BYTES_MAX);
        if (after_n > 0)
                from[from_n++] = 0; /* the first key behind it */
        for (got = store_cursor_seek(c, from, from_n, NULL); got == BDFS_OK && rc == BDFS_OK;
             got = store_cursor_next(c, NULL)) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (key_n < 8 || memcmp(key, from, 8) != 0)
                        break;
                l->more = l->n == l->room;
                if (l->more)
                        break;
                rc = list_one(l, key, key_n, value, n, err);
        }
        store_cursor_close(l->inodes);
        store_cursor_close(c);
        if (rc == BDFS_OK && got != BDFS_OK && got != BDFS_NOT_FOUND)
                rc = bdfs_fail(err, got, "names of inode %" PRIu64, directory);
        return rc;
}

static enum bdfs_status list_directory(struct listing *l, const struct inode *dir,
                                       const void *after, size_t after_n, uint32_t *ret_remaining,
                                       struct bdfs_err *err)
{
        enum bdfs_status rc = list_page(l, dir->id, after, after_n, err);

        if (after_n == 0 && dir->children >= l->n)
                *ret_remaining = dir->children - (uint32_t)l->n;
        else
                *ret_remaining = l->more ? 1 : 0;
        return rc;
}

/* Some clients page by inode: the name that /.reserved/.inodes/ID has. */
static enum bdfs_status after_inode(struct store_txn *t, const void **after, size_t *after_n,
                                    struct resolved *r, struct bdfs_err *err)
{
        const struct path p = {.text = *after, .n = *after_n};

        if (p.n < 11 || memcmp(p.text, "/.reserved/", 11) != 0)
                return BDFS_OK;
        if (path_resolve(t, &p, r, NULL) != BDFS_OK)
                return bdfs_fail(err, BDFS_NOT_FOUND, "Can't find startAfter %.*s", (int)p.n,
                                 p.text);
        *after = r->name;
        *after_n = r->name_n;
        return BDFS_OK;
}

static enum bdfs_status not_snapshottable(const struct path *p, struct bdfs_err *err)
{
        return bdfs_fail_class(err, BDFS_INVALID, EXCEPTION_SNAPSHOT,
                               "Directory is not a snapshottable directory: %.*s", (int)p->n,
                               p->text);
}

enum bdfs_status ns_no_snapshot(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, struct bdfs_err *err)
{
        const struct perm_want owner = {.owner = true};
        AUTO_ASKING struct asking q;
        enum bdfs_status rc = asking_walk(&q, t, who, path, 0, err);

        if (rc == BDFS_OK && !resolved_exists(&q.r))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "Directory/File does not exist %.*s",
                               (int)q.r.path.n, q.r.path.text);
        if (rc == BDFS_OK)
                rc = path_permit(t, &q.r, &q.caller, &owner, err);
        if (rc == BDFS_OK && q.r.last.type != INODE_DIRECTORY)
                rc = bdfs_fail_class(err, BDFS_NOT_DIRECTORY, EXCEPTION_PATH_NOT_DIRECTORY,
                                     "`%.*s': Is not a directory\n", (int)q.r.path.n,
                                     q.r.path.text);
        return rc != BDFS_OK ? rc : not_snapshottable(&q.r.path, err);
}

static enum bdfs_status refuse_snapshots(const struct resolved *r, struct bdfs_err *err)
{
        struct path above;

        if (r->name_n != 9 || memcmp(r->name, ".snapshot", 9) != 0)
                return BDFS_OK;
        above = resolved_path(r, r->depth - 2);
        if (r->found < r->depth - 1)
                return bdfs_fail(err, BDFS_NOT_FOUND, "Directory does not exist: %.*s",
                                 (int)above.n, above.text);
        return not_snapshottable(&above, err);
}

static void list_reserved(struct listing *l)
{
        static const char *const names[] = {".inodes", "raw"};

        for (size_t i = 0; i < 2 && l->n < l->room; i++) {
                reserved_status(names[i], "supergroup", 0770, &l->now);
                list_give(l);
        }
}

enum bdfs_status ns_list(struct store_txn *t, const struct ns_caller *who, const struct path *path,
                         const void *after, size_t after_n, const struct ns_taker *to, size_t room,
                         uint32_t *ret_remaining, bool *ret_found, struct bdfs_err *err)
{
        struct listing l = {.t = t, .to = to, .room = room};
        AUTO_ASKING struct asking q;
        AUTO_RESOLVED struct resolved start = {0};
        enum bdfs_status rc = asking_walk(&q, t, who, path, 0, err);

        *ret_remaining = 0;
        *ret_found = rc == BDFS_OK && (resolved_exists(&q.r) || is_reserved(&q.r));
        if (rc == BDFS_OK)
                rc = after_inode(t, &after, &after_n, &start, err);
        if (rc == BDFS_OK && is_reserved(&q.r)) {
                list_reserved(&l);
                return BDFS_OK;
        }
        if (rc == BDFS_OK && resolved_exists(&q.r) && q.r.last.type == INODE_DIRECTORY)
                rc = asking_access(&q, t, PERM_READ_EXECUTE, err);
        if (rc == BDFS_OK)
                rc = refuse_snapshots(&q.r, err);
        if (rc != BDFS_OK || !*ret_found || room == 0)
                return rc;
        if (q.r.last.type == INODE_DIRECTORY) {
                l.policy = q.r.policy;
                return list_directory(&l, &q.r.last, after, after_n, ret_remaining, err);
        }
        rc = status_of_inode(t, &q.r.last, q.r.policy, &l.cache, &l.now, err);
        if (rc == BDFS_OK)
                list_give(&l);
        return rc;
}

/* ---- questions ------------------------------------------------------------------------------ */

static enum bdfs_status summary_of(struct store_txn *t, const struct inode *row,
                                   struct ns_summary *ret, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        *ret = (struct ns_summary){.file = row->type != INODE_DIRECTORY};
        switch (row->type) {
        case INODE_FILE:
                ret->total.files = 1;
                ret->total.bytes = row->length;
                ret->total.space = row->length * row->replication;
                break;
        case INODE_SYMLINK:
                ret->total.symlinks = 1;
                break;
        case INODE_DIRECTORY:
                rc = table_get_total(t, row->id, &ret->total, err);
                ret->total.directories++;
                break;
        }
        return rc;
}

enum bdfs_status ns_content_summary(struct store_txn *t, const struct ns_caller *who,
                                    const struct path *path, struct ns_summary *ret,
                                    struct bdfs_err *err)
{
        const struct perm_tree want = {.access = PERM_READ_EXECUTE};
        AUTO_ASKING struct asking q;
        enum bdfs_status rc = asking_walk(&q, t, who, path, PATH_WALK_NO_FOLLOW, err);

        if (rc == BDFS_OK)
                rc = asking_exists(&q, "File does not exist", err);
        if (rc == BDFS_OK)
                rc = path_permit_tree(t, &q.r, &q.caller, &want, err);
        return rc != BDFS_OK ? rc : summary_of(t, &q.r.last, ret, err);
}

enum bdfs_status ns_quota_usage(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, struct ns_summary *ret,
                                struct bdfs_err *err)
{
        const struct perm_tree want = {.access = PERM_READ_EXECUTE, .sticky = true,
                                       .backwards = true};
        AUTO_ASKING struct asking q;
        enum bdfs_status rc = asking_walk(&q, t, who, path, PATH_WALK_NO_FOLLOW, err);

        if (rc == BDFS_OK)
                rc = path_permit_tree(t, &q.r, &q.caller, &want, err);
        if (rc == BDFS_OK)
                rc = asking_exists(&q, "File/Directory does not exist", err);
        return rc != BDFS_OK ? rc : summary_of(t, &q.r.last, ret, err);
}

enum bdfs_status ns_check_access(struct store_txn *t, const struct ns_caller *who,
                                 const struct path *path, unsigned access, struct bdfs_err *err)
{
        AUTO_ASKING struct asking q;
        enum bdfs_status rc = asking_walk(&q, t, who, path, 0, err);

        if (rc == BDFS_OK)
                rc = asking_exists(&q, "Path not found", err);
        return rc != BDFS_OK ? rc : asking_access(&q, t, access & PERM_ALL, err);
}

enum bdfs_status ns_is_closed(struct store_txn *t, const struct ns_caller *who,
                              const struct path *path, bool *ret, struct bdfs_err *err)
{
        AUTO_ASKING struct asking q;
        enum bdfs_status rc = asking_walk(&q, t, who, path, 0, err);

        if (rc == BDFS_OK && asking_file(&q, NULL) != BDFS_OK) /* HDFS names the path as it came */
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "%s: %.*s",
                               resolved_exists(&q.r) ? "Path is not a file"
                                                     : "File does not exist",
                               (int)path->n, path->text);
        if (rc == BDFS_OK)
                *ret = (q.r.last.flags & INODE_OPEN) == 0;
        return rc;
}

enum bdfs_status ns_block_size(struct store_txn *t, const struct ns_caller *who,
                               const struct path *path, uint64_t *ret, struct bdfs_err *err)
{
        AUTO_ASKING struct asking q;
        enum bdfs_status rc = asking_walk(&q, t, who, path, PATH_WALK_NO_FOLLOW, err);

        if (rc == BDFS_OK)
                rc = asking_file(&q, err);
        if (rc == BDFS_OK)
                *ret = q.r.last.block_size;
        return rc;
}

enum bdfs_status ns_link_target(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, const char **ret, size_t *ret_n,
                                struct bdfs_err *err)
{
        AUTO_ASKING struct asking q;
        enum bdfs_status rc = asking_walk(&q, t, who, path, PATH_WALK_NO_FOLLOW, err);

        if (rc == BDFS_OK)
                rc = asking_exists(&q, "File does not exist", err);
        if (rc == BDFS_OK && q.r.last.type != INODE_SYMLINK)
                rc = bdfs_fail(err, BDFS_FAILED, "Path %.*s is not a symbolic link",
                               (int)q.r.path.n, q.r.path.text);
        return rc != BDFS_OK ? rc : table_get_target(t, q.r.last.id, ret, ret_n, err);
}

enum bdfs_status ns_path(struct store_txn *t, uint64_t inode, struct buf *to,
                         struct bdfs_err *err)
{
        return path_of_inode(t, inode, to, err);
}
