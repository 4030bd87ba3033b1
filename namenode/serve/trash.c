#include "namenode/serve/trash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/trash_name.h"
#include "namenode/serve/namenode_parts.h"
#include "namenode/tree/namespace.h"

#define TRASH_PAGE 128
#define TRASH_PATH_BYTES (sizeof("/.reserved/.inodes/18446744073709551615/") + NAME_BYTES_MAX)

/* ---- what is there --------------------------------------------------------------------------- */

static struct ns_caller sweep_caller(const struct trash_sweep *s)
{
        return (struct ns_caller){.user = s->nn->owner, .superuser = true};
}

struct trash_names {
        size_t n;
        struct {
                uint64_t inode;
                bool directory;
                uint8_t name_n;
                char name[NAME_BYTES_MAX + 1];
        } list[TRASH_PAGE];
};

static bool names_take(void *context, const struct ns_status *st)
{
        struct trash_names *names = context;

        BDFS_ASSERT(names->n < TRASH_PAGE);
        names->list[names->n].inode = st->inode;
        names->list[names->n].directory = st->type == INODE_DIRECTORY;
        names->list[names->n].name_n = st->name_n;
        memcpy(names->list[names->n].name, st->name, (size_t)st->name_n + 1);
        return ++names->n < TRASH_PAGE;
}

/* The entries of a directory after the last one that @names has; none when it is gone. */
static enum bdfs_status names_page(const struct trash_sweep *s, uint64_t directory,
                                   struct trash_names *names, struct bdfs_err *err)
{
        const struct ns_taker taker = {names_take, names};
        struct ns_caller who = sweep_caller(s);
        char text[TRASH_PATH_BYTES], after[NAME_BYTES_MAX];
        struct path path = {.text = text};
        struct store_txn *t;
        size_t after_n = 0;
        uint32_t remaining;
        enum bdfs_status rc;
        bool found;

        if (names->n > 0) {
                after_n = names->list[names->n - 1].name_n;
                memcpy(after, names->list[names->n - 1].name, after_n);
        }
        names->n = 0;
        path.n = (size_t)snprintf(text, sizeof(text), "/.reserved/.inodes/%" PRIu64, directory);
        if (store_begin_read(s->nn->store, &t, err) != BDFS_OK)
                return err->status;
        rc = ns_list(t, &who, &path, after, after_n, &taker, TRASH_PAGE, &remaining, &found, err);
        store_abort(t);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

/* The name itself, not where a link leads; *ret_inode 0: it is not there. */
static enum bdfs_status look_up(const struct trash_sweep *s, const char *text, uint64_t *ret_inode,
                                bool *ret_directory, struct bdfs_err *err)
{
        const struct path path = {.text = text, .n = strlen(text)};
        struct ns_caller who = sweep_caller(s);
        struct ns_status st;
        struct store_txn *t;
        enum bdfs_status rc;
        bool found = false;

        if (store_begin_read(s->nn->store, &t, err) != BDFS_OK)
                return err->status;
        rc = ns_stat(t, &who, &path, NS_NO_FOLLOW, &st, &found, err);
        store_abort(t);
        *ret_inode = rc == BDFS_OK && found ? st.inode : 0;
        *ret_directory = *ret_inode != 0 && st.type == INODE_DIRECTORY;
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

static enum bdfs_status look_up_in(const struct trash_sweep *s, uint64_t directory,
                                   const char *name, uint64_t *ret_inode, bool *ret_directory,
                                   struct bdfs_err *err)
{
        char text[TRASH_PATH_BYTES];

        (void)snprintf(text, sizeof(text), "/.reserved/.inodes/%" PRIu64 "/%s", directory, name);
        return look_up(s, text, ret_inode, ret_directory, err);
}

/* ---- records --------------------------------------------------------------------------------- */

static enum bdfs_status submit(const struct trash_sweep *s, Bdfs__JournalRecord *record,
                               struct bdfs_err *err)
{
        Bdfs__RecordCaller caller = BDFS__RECORD_CALLER__INIT;

        caller.user = s->nn->owner;
        caller.superuser = true;
        record->caller = &caller;
        return commit_wait(s->nn->commit, record, NULL, err);
}

static enum bdfs_status remove_checkpoint(const struct trash_sweep *s, uint64_t trash,
                                          const char *name, struct bdfs_err *err)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__DeleteOp op = BDFS__DELETE_OP__INIT;
        char text[TRASH_PATH_BYTES];

        op.path.len = (size_t)snprintf(text, sizeof(text), "/.reserved/.inodes/%" PRIu64 "/%s",
                                       trash, name);
        op.path.data = (uint8_t *)text;
        op.recursive = true;
        record.op_case = BDFS__JOURNAL_RECORD__OP_DELETE;
        record.delete_ = &op;
        return submit(s, &record, err);
}

static enum bdfs_status rename_current(const struct trash_sweep *s, uint64_t trash,
                                       const char *name, struct bdfs_err *err)
{
        Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
        Bdfs__RenameOp op = BDFS__RENAME_OP__INIT;
        char from[TRASH_PATH_BYTES], to[TRASH_PATH_BYTES];

        op.source.len = (size_t)snprintf(from, sizeof(from),
                                         "/.reserved/.inodes/%" PRIu64 "/Current", trash);
        op.source.data = (uint8_t *)from;
        op.target.len = (size_t)snprintf(to, sizeof(to), "/.reserved/.inodes/%" PRIu64 "/%s",
                                         trash, name);
        op.target.data = (uint8_t *)to;
        record.op_case = BDFS__JOURNAL_RECORD__OP_RENAME;
        record.rename = &op;
        return submit(s, &record, err);
}

/* ---- one user's trash ------------------------------------------------------------------------ */

static enum bdfs_status make_checkpoint(struct trash_sweep *s, uint64_t trash, const char *user,
                                        struct bdfs_err *err)
{
        char name[TRASH_NAME_BYTES];
        uint64_t current;
        bool directory;
        enum bdfs_status rc = look_up_in(s, trash, TRASH_CURRENT, &current, &directory, err);

        if (rc != BDFS_OK || current == 0)
                return rc;
        for (unsigned i = 0; i <= TRASH_SAME_SECOND_MAX; i++) {
                trash_name_make(s->now_ms, i, name);
                rc = rename_current(s, trash, name, err);
                if (rc != BDFS_EXISTS)
                        break;
        }
        if (rc == BDFS_OK) {
                s->made++;
                log_info("trash checkpoint made path=/user/%s/.Trash/%s", user, name);
        }
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc; /* its owner was faster */
}

static enum bdfs_status remove_old(struct trash_sweep *s, uint64_t trash, const char *user,
                                   struct trash_names *names, struct bdfs_err *err)
{
        enum bdfs_status rc;

        names->n = 0;
        do {
                rc = names_page(s, trash, names, err);
                for (size_t i = 0; i < names->n && rc == BDFS_OK; i++) {
                        const char *name = names->list[i].name;
                        int64_t then;

                        if (!trash_name_time(name, names->list[i].name_n, s->now_ms, &then) ||
                            then >= s->now_ms - s->keep_ms || !s->go_on(s->arg))
                                continue;
                        rc = remove_checkpoint(s, trash, name, err);
                        if (rc == BDFS_OK) {
                                s->removed++;
                                log_info("trash checkpoint removed path=/user/%s/.Trash/%s", user,
                                         name);
                        }
                }
        } while (rc == BDFS_OK && names->n == TRASH_PAGE && s->go_on(s->arg));
        return rc;
}

static void sweep_user(struct trash_sweep *s, uint64_t home, const char *user,
                       struct trash_names *names)
{
        struct bdfs_err err;
        uint64_t trash;
        bool directory;
        enum bdfs_status rc = look_up_in(s, home, ".Trash", &trash, &directory, &err);

        if (rc == BDFS_OK && !directory)
                return;
        if (rc == BDFS_OK)
                rc = remove_old(s, trash, user, names, &err);
        if (rc == BDFS_OK && s->checkpoint && s->go_on(s->arg))
                rc = make_checkpoint(s, trash, user, &err);
        if (rc != BDFS_OK) {
                s->failed++;
                log_warn("the trash of %s cannot be emptied: %s", user, err.text);
        }
}

/* ---- all of them ----------------------------------------------------------------------------- */

void trash_sweep(struct trash_sweep *s)
{
        AUTO_FREE struct trash_names *homes = calloc(1, sizeof(*homes));
        AUTO_FREE struct trash_names *names = calloc(1, sizeof(*names));
        struct bdfs_err err;
        uint64_t users;
        bool directory;
        enum bdfs_status rc;

        BDFS_ASSERT(s->keep_ms > 0);
        s->made = s->removed = s->failed = 0;
        if (homes == NULL || names == NULL) {
                log_warn("the trash cannot be emptied: no memory");
                return;
        }
        rc = look_up(s, "/user", &users, &directory, &err);
        if (rc == BDFS_OK && !directory)
                return;
        do {
                if (rc == BDFS_OK)
                        rc = names_page(s, users, homes, &err);
                for (size_t i = 0; i < homes->n && rc == BDFS_OK && s->go_on(s->arg); i++) {
                        if (homes->list[i].directory)
                                sweep_user(s, homes->list[i].inode, homes->list[i].name, names);
                }
        } while (rc == BDFS_OK && homes->n == TRASH_PAGE && s->go_on(s->arg));
        if (rc != BDFS_OK)
                log_warn("the trash cannot be emptied: %s", err.text);
}
