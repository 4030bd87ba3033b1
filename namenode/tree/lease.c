#include "namenode/tree/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---------------------------------------------------------------------------------- */

/* What HDFS says of a holder behind "PATH (inode N) ". */
static enum bdfs_status holder_text(struct store_txn *t, const char *holder,
                                    char to[HOLDER_BYTES_MAX + 64], struct bdfs_err *err)
{
        struct holder row;
        enum bdfs_status rc = table_get_holder(t, holder, strlen(holder), &row, NULL);

        if (rc != BDFS_OK && rc != BDFS_NOT_FOUND)
                return bdfs_fail(err, rc, "look up a lease holder");
        if (rc == BDFS_OK)
                (void)snprintf(to, HOLDER_BYTES_MAX + 64,
                               "[Lease.  Holder: %s, pending creates: %" PRIu64 "]", holder,
                               row.files);
        else
                (void)snprintf(to, HOLDER_BYTES_MAX + 64,
                               "Holder %.*s does not have any open files.", HOLDER_BYTES_MAX,
                               holder);
        return BDFS_OK;
}

struct refusal {
        enum bdfs_status status;
        const char *words;      /* before the path */
        struct path path;
};

static enum bdfs_status refuse(struct store_txn *t, const struct lease_asked *asked,
                               const struct refusal *r, struct bdfs_err *err)
{
        char who[HOLDER_BYTES_MAX + 64];
        enum bdfs_status rc = holder_text(t, asked->holder, who, err);

        if (rc != BDFS_OK)
                return rc;
        return bdfs_fail(err, r->status, "%s%.*s (inode %" PRIu64 ") %s", r->words,
                         (int)r->path.n, r->path.text, asked->inode, who);
}

static enum bdfs_status refuse_owner(struct store_txn *t, const struct lease_asked *asked,
                                     const struct inode *file, const struct path *path,
                                     struct bdfs_err *err)
{
        char who[HOLDER_BYTES_MAX + 64], owner[HOLDER_BYTES_MAX + 1];
        enum bdfs_status rc = holder_text(t, asked->holder, who, err);

        if (rc == BDFS_OK)
                rc = table_holder_name(t, file->holder, owner, err);
        if (rc != BDFS_OK)
                return rc;
        return bdfs_fail(err, BDFS_LEASE_EXPIRED,
                         "Client (=%.*s) is not the lease owner (=%s: %.*s (inode %" PRIu64 ") %s",
                         HOLDER_BYTES_MAX, asked->holder, owner, (int)path->n, path->text,
                         asked->inode, who);
}

/* ---- checks --------------------------------------------------------------------------------- */

/* By path: OK with ret->id 0 when there is no such file. */
static enum bdfs_status find_by_path(struct store_txn *t, const struct perm_caller *c,
                                     const struct path *path, struct inode *ret,
                                     struct bdfs_err *err)
{
        AUTO_RESOLVED struct resolved r = {0};
        enum bdfs_status rc = path_resolve(t, path, &r, err);

        if (rc == BDFS_OK && r.raw && !c->superuser)
                rc = perm_denied_superuser(c->who->user, NULL, err);
        if (rc == BDFS_OK)
                rc = path_traverse(t, &r, c, 0, err);
        if (rc == BDFS_OK && resolved_exists(&r))
                *ret = r.last;
        return rc;
}

static enum bdfs_status find_by_id(struct store_txn *t, uint64_t id, struct inode *ret,
                                   struct bdfs_err *err)
{
        enum bdfs_status rc = table_get_inode(t, id, ret, NULL);

        if (rc == BDFS_OK)
                rc = path_is_attached(t, ret, NULL);
        if (rc == BDFS_OK)
                return BDFS_OK;
        ret->id = 0;
        return rc == BDFS_NOT_FOUND ? BDFS_OK : bdfs_fail(err, rc, "read inode %" PRIu64, id);
}

static bool holds(struct store_txn *t, const struct inode *file, const char *holder,
                  enum bdfs_status *ret_rc, struct bdfs_err *err)
{
        struct holder row;

        *ret_rc = table_get_holder(t, holder, strlen(holder), &row, NULL);
        if (*ret_rc == BDFS_OK)
                return row.id == file->holder;
        if (*ret_rc == BDFS_NOT_FOUND)
                *ret_rc = BDFS_OK;
        else
                (void)bdfs_fail(err, *ret_rc, "look up a lease holder");
        return false;
}

/* The refusals that name the file by its own path. */
static enum bdfs_status refuse_file(struct store_txn *t, const struct lease_asked *asked,
                                    const struct inode *file, struct bdfs_err *err)
{
        struct refusal r = {.status = BDFS_LEASE_EXPIRED};
        struct buf text;
        enum bdfs_status rc;

        buf_init(&text, 0);
        rc = path_of_inode(t, file->id, &text, err);
        if (rc == BDFS_OK) {
                r.path = (struct path){.text = (const char *)text.data, .n = text.n};
                r.words = file->type != INODE_FILE ? "INode is not a regular file: "
                                                   : "File is not open for writing: ";
                rc = file->flags & INODE_OPEN ? refuse_owner(t, asked, file, &r.path, err)
                                              : refuse(t, asked, &r, err);
        }
        buf_fini(&text);
        return rc;
}

enum bdfs_status lease_permit(struct store_txn *t, const struct perm_caller *c,
                              const struct inode *file, const struct path *path,
                              struct bdfs_err *err)
{
        const struct perm_object o = {.owner = file->owner, .group = file->group,
                                      .mode = file->mode};
        struct perm_text text = {.path = path->text, .path_n = path->n, .mode = file->mode};
        enum bdfs_status rc;

        if (c->user == file->owner || perm_allows(c, &o, PERM_WRITE))
                return BDFS_OK;
        rc = table_name(t, file->owner, &text.owner, err);
        if (rc == BDFS_OK)
                rc = table_name(t, file->group, &text.group, err);
        return rc != BDFS_OK ? rc : perm_denied(c->who->user, PERM_WRITE, &text, err);
}

enum bdfs_status lease_find(struct store_txn *t, const struct perm_caller *c,
                            const struct lease_asked *asked, struct inode *ret,
                            struct bdfs_err *err)
{
        enum bdfs_status rc;

        ret->id = 0;
        rc = asked->inode != 0 ? find_by_id(t, asked->inode, ret, err)
                               : find_by_path(t, c, asked->path, ret, err);
        if (rc != BDFS_OK)
                return rc;
        if (ret->id == 0)
                return refuse(t, asked,
                              &(struct refusal){.status = BDFS_NOT_FOUND,
                                                .words = "File does not exist: ",
                                                .path = *asked->path},
                              err);
        if (asked->inode != 0) /* and the way there was not walked */
                rc = lease_permit(t, c, ret, asked->path, err);
        if (rc != BDFS_OK)
                return rc;
        if (ret->type == INODE_FILE && (ret->flags & INODE_OPEN) &&
            holds(t, ret, asked->holder, &rc, err))
                return lease_permit(t, c, ret, asked->path, err);
        return rc != BDFS_OK ? rc : refuse_file(t, asked, ret, err);
}

static enum bdfs_status contest_fail(const struct lease_wish *w, enum bdfs_status status,
                                     const char *why, struct bdfs_err *err)
{
        return bdfs_fail(err, status, "Failed to %s %.*s for %s on %s because %s", w->operation,
                         (int)w->path->n, w->path->text, w->holder, w->machine, why);
}

enum bdfs_status lease_contest(struct store_txn *t, const struct inode *file,
                               const struct lease_wish *w, struct bdfs_err *err)
{
        char owner[HOLDER_BYTES_MAX + 1], why[2 * HOLDER_BYTES_MAX];
        bool recovering = (file->flags & INODE_RECOVERING) != 0;
        enum bdfs_status rc;

        if (!(file->flags & INODE_OPEN))
                return BDFS_OK;
        rc = table_holder_name(t, file->holder, owner, err);
        if (rc != BDFS_OK)
                return rc;
        if (strcmp(owner, w->holder) == 0) {
                (void)snprintf(why, sizeof(why), "%s is already the current lease holder.",
                               w->holder);
                return contest_fail(w, BDFS_BEING_CREATED, why, err);
        }
        if (w->take_over && file->tail == 0)
                return BDFS_OK;
        if (w->take_over)
                return contest_fail(w, BDFS_RECOVERY,
                                    "lease recovery is in progress. Try again later.", err);
        (void)snprintf(why, sizeof(why), "%s %s on %s",
                       recovering ? "another recovery is in progress by"
                                  : "this file lease is currently owned by",
                       owner, file->machine);
        return contest_fail(w, recovering ? BDFS_RECOVERY : BDFS_BEING_CREATED, why, err);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static enum bdfs_status count_up(struct store_txn *t, struct counters *counters,
                                 const char *holder, bool hadoop, uint64_t *ret,
                                 struct bdfs_err *err)
{
        size_t n = strlen(holder);
        struct holder row;
        enum bdfs_status rc = table_get_holder(t, holder, n, &row, NULL);

        BDFS_ASSERT(n <= HOLDER_BYTES_MAX);
        if (rc == BDFS_NOT_FOUND) {
                row = (struct holder){.id = counters->holder++, .hadoop = hadoop};
                rc = table_put_holder_name(t, row.id, holder, n, err);
        }
        if (rc != BDFS_OK)
                return bdfs_fail(err, rc, "look up a lease holder");
        row.files++;
        *ret = row.id;
        return table_put_holder(t, holder, n, &row, err);
}

static enum bdfs_status count_down(struct store_txn *t, uint64_t id, struct bdfs_err *err)
{
        char name[HOLDER_BYTES_MAX + 1];
        struct holder row;
        enum bdfs_status rc = table_holder_name(t, id, name, err);

        if (rc == BDFS_OK)
                rc = table_get_holder(t, name, strlen(name), &row, err);
        if (rc != BDFS_OK)
                return rc;
        if (row.files == 0 || row.id != id)
                return bdfs_fail(err, BDFS_CORRUPT, "lease holder %" PRIu64 " makes no sense", id);
        row.files--;
        return table_put_holder(t, name, strlen(name), &row, err);
}

enum bdfs_status lease_begin(struct store_txn *t, struct counters *counters, struct inode *file,
                             const char *holder, bool hadoop, struct bdfs_err *err)
{
        enum bdfs_status rc = count_up(t, counters, holder, hadoop, &file->holder, err);

        BDFS_ASSERT(file->type == INODE_FILE);
        BDFS_ASSERT(!(file->flags & INODE_OPEN));
        file->flags |= INODE_OPEN;
        return rc != BDFS_OK ? rc : table_put_lease(t, file->holder, file->id, err);
}

enum bdfs_status lease_end(struct store_txn *t, struct inode *file, struct bdfs_err *err)
{
        enum bdfs_status rc;

        BDFS_ASSERT(file->flags & INODE_OPEN);
        rc = table_del_lease(t, file->holder, file->id, err);
        if (rc == BDFS_OK)
                rc = count_down(t, file->holder, err);
        file->flags &= ~(uint32_t)(INODE_OPEN | INODE_RECOVERING);
        file->holder = file->tail = 0;
        file->machine_n = 0;
        file->machine[0] = '\0';
        return rc;
}

enum bdfs_status lease_pass(struct store_txn *t, struct counters *counters, struct inode *file,
                            const char *holder, bool hadoop, struct bdfs_err *err)
{
        uint64_t old = file->holder;
        enum bdfs_status rc = count_up(t, counters, holder, hadoop, &file->holder, err);

        BDFS_ASSERT(file->flags & INODE_OPEN);
        if (rc == BDFS_OK && old != file->holder)
                rc = table_del_lease(t, old, file->id, err);
        if (rc == BDFS_OK)
                rc = count_down(t, old, err);
        return rc != BDFS_OK ? rc : table_put_lease(t, file->holder, file->id, err);
}
