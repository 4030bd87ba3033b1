#include "namenode/tree/lease.h"
#include "namenode/tree/namespace_inside.h"

/* Files being written, and what waits to be deleted. */

static enum bdfs_status fill_blocks(struct store_txn *t, const struct inode *file,
                                    struct ns_writer *ret, struct bdfs_err *err)
{
        struct extent e;
        enum bdfs_status rc;

        if (file->extents == 0)
                return BDFS_OK;
        rc = extents_last(t, file->id, &e, err);
        if (rc == BDFS_OK)
                rc = table_get_block(t, e.block, &ret->last, err);
        if (rc != BDFS_OK)
                return rc;
        ret->has_last = ret->last.state != BLOCK_COMPLETE;
        ret->last_offset = e.offset;
        if (file->extents < 2)
                return BDFS_OK;
        rc = extents_before(t, file->id, e.offset, &e, err);
        if (rc == BDFS_OK)
                rc = table_get_block(t, e.block, &ret->previous, err);
        ret->has_previous = rc == BDFS_OK && ret->previous.state == BLOCK_COMMITTED;
        return rc;
}

static enum bdfs_status fill_writer(struct store_txn *t, const struct inode *file,
                                    struct ns_writer *ret, struct bdfs_err *err)
{
        struct holder holder;
        enum bdfs_status rc;

        ret->inode = file->id;
        ret->block_size = file->block_size;
        ret->length = file->length;
        ret->replication = file->replication;
        ret->extents = file->extents;
        ret->recovering = (file->flags & INODE_RECOVERING) != 0;
        ret->has_last = ret->has_previous = false;
        memcpy(ret->machine, file->machine, sizeof(ret->machine));
        rc = table_holder_name(t, file->holder, ret->holder, err);
        if (rc == BDFS_OK)
                rc = table_get_holder(t, ret->holder, strlen(ret->holder), &holder, err);
        if (rc == BDFS_OK)
                ret->hadoop_lease = holder.hadoop;
        return rc != BDFS_OK ? rc : fill_blocks(t, file, ret, err);
}

enum bdfs_status ns_check_lease(struct store_txn *t, const struct ns_caller *who,
                                const struct path *path, uint64_t inode, const char *holder,
                                struct ns_writer *ret, struct bdfs_err *err)
{
        const struct lease_asked asked = {.path = path, .inode = inode, .holder = holder};
        uint32_t groups[NS_GROUPS_MAX];
        struct perm_caller caller;
        struct inode file;
        enum bdfs_status rc;

        if (who->groups_n > NS_GROUPS_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "user %s is in %zu groups", who->user,
                                 who->groups_n);
        rc = perm_load(t, who, groups, &caller, err);
        if (rc == BDFS_OK)
                rc = lease_find(t, &caller, &asked, &file, err);
        return rc != BDFS_OK ? rc : fill_writer(t, &file, ret, err);
}

enum bdfs_status ns_writer_of(struct store_txn *t, uint64_t inode, struct ns_writer *ret,
                              struct bdfs_err *err)
{
        struct inode file;
        enum bdfs_status rc = table_get_inode(t, inode, &file, err);

        if (rc == BDFS_OK)
                rc = path_is_attached(t, &file, err);
        if (rc == BDFS_OK && !(file.flags & INODE_OPEN))
                rc = bdfs_fail(err, BDFS_NOT_FOUND, "inode %" PRIu64 " is not open", inode);
        return rc != BDFS_OK ? rc : fill_writer(t, &file, ret, err);
}

/* ---- all leases ----------------------------------------------------------------------------- */

static enum bdfs_status each_lease(struct store_txn *t, const uint8_t *from, size_t from_n,
                                   bool (*each)(void *arg, const struct ns_lease *l), void *arg,
                                   struct bdfs_err *err)
{
        const uint8_t *key, *value;
        size_t key_n, n;
        struct ns_lease l;
        struct store_cursor *c;
        enum bdfs_status rc = store_cursor_open(t, TABLE_LEASE, &c, err);

        if (rc != BDFS_OK)
                return rc;
        for (rc = store_cursor_seek(c, from, from_n, NULL); rc == BDFS_OK;
             rc = store_cursor_next(c, NULL)) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                if (!lease_decode(key, key_n, &l.holder, &l.inode)) {
                        rc = BDFS_CORRUPT;
                        break;
                }
                if (!each(arg, &l))
                        break;
        }
        store_cursor_close(c);
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "leases");
}

struct lease_page {
        struct ns_lease *to;
        size_t room, n;
};

static bool take_lease(void *arg, const struct ns_lease *l)
{
        struct lease_page *p = arg;

        if (p->n == p->room)
                return false;
        p->to[p->n++] = *l;
        return true;
}

enum bdfs_status ns_leases(struct store_txn *t, const struct ns_lease *after,
                           struct ns_lease *ret, size_t room, size_t *ret_n, struct bdfs_err *err)
{
        struct lease_page p = {.to = ret, .room = room};
        uint8_t from[16 + 1] = {0};
        size_t from_n = 0;
        enum bdfs_status rc;

        if (after->holder != 0 || after->inode != 0) {
                for (unsigned i = 0; i < 8; i++) {
                        from[i] = (uint8_t)(after->holder >> (56 - 8 * i));
                        from[8 + i] = (uint8_t)(after->inode >> (56 - 8 * i));
                }
                from_n = sizeof(from); /* just behind it */
        }
        rc = each_lease(t, from, from_n, take_lease, &p, err);
        *ret_n = p.n;
        return rc;
}

struct open_page {               /* the smallest inode numbers seen, ascending */
        uint64_t *to;
        size_t room, n;
        uint64_t after;
};

static bool take_open(void *arg, const struct ns_lease *l)
{
        struct open_page *p = arg;
        size_t at = p->n;

        if (l->inode <= p->after || (p->n == p->room && l->inode >= p->to[p->n - 1]))
                return true;
        if (p->n < p->room)
                p->n++;
        else
                at--; /* the largest falls off */
        for (; at > 0 && p->to[at - 1] > l->inode; at--)
                p->to[at] = p->to[at - 1];
        p->to[at] = l->inode;
        return true;
}

enum bdfs_status ns_open_files(struct store_txn *t, uint64_t after, uint64_t *ret, size_t room,
                               size_t *ret_n, struct bdfs_err *err)
{
        struct open_page p = {.to = ret, .room = room, .after = after};
        enum bdfs_status rc = BDFS_OK;

        if (room > 0)
                rc = each_lease(t, NULL, 0, take_open, &p, err);
        *ret_n = p.n;
        return rc;
}

enum bdfs_status ns_has_doomed(struct store_txn *t, bool *ret, struct bdfs_err *err)
{
        uint64_t inode;
        enum bdfs_status rc = table_first_doomed(t, &inode, NULL);

        *ret = rc == BDFS_OK;
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_fail(err, rc, "what waits to be deleted");
}
