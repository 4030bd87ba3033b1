#include "common/sim/os_sim_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/sim/os_sim_core.h"

#define READ_US_MAX 60
#define WRITE_US_MAX 60
#define NAME_US_MAX 60
#define SYNC_US_MIN 100
#define SYNC_US_MAX 3000

struct os_file {
        struct disk_inode *inode;
        struct sim_node *node; /* whose disk it is on */
        unsigned flags;
        char name[];
};

/* Note the call, let its time pass, and say whether the fiber still lives. */
static enum bdfs_status step(enum sim_call call, uint64_t size, int64_t us_max, const char *name,
                             struct bdfs_err *err)
{
        sim_event(call, size);
        sim_pass(sim_between(us_max == SYNC_US_MAX ? SYNC_US_MIN : 1, us_max), call);
        if (sim_dead())
                return bdfs_fail(err, BDFS_IO, "%s: the node has crashed", name);
        return BDFS_OK;
}

static struct sim_disk *disk(void)
{
        return sim_node_self()->disk;
}

struct os_file *sim_file_of(struct disk_inode *inode, struct sim_node *node, unsigned flags,
                            const char *name)
{
        size_t name_n = strlen(name) + 1;
        struct os_file *f = calloc(1, sizeof(*f) + name_n);

        if (f == NULL)
                return NULL;
        f->inode = disk_inode_get(inode);
        f->node = node;
        f->flags = flags;
        memcpy(f->name, name, name_n);
        return f;
}

struct os_file *sim_file_dup(const struct os_file *f)
{
        return sim_file_of(f->inode, f->node, f->flags, "passed descriptor");
}

static enum bdfs_status find_or_create(const char *path, unsigned flags,
                                       struct disk_inode **ret, struct bdfs_err *err)
{
        struct disk_inode *dir, *i;
        const char *name;
        enum bdfs_status rc;

        if ((flags & OS_CREATE) == 0)
                return disk_find(disk(), path, ret, err);
        rc = disk_parent(disk(), path, &dir, &name, err);
        if (rc != BDFS_OK)
                return rc;
        i = disk_entry_get(dir, name);
        if (i != NULL && (flags & OS_EXCLUSIVE) != 0)
                return bdfs_fail(err, BDFS_EXISTS, "open %s: File exists", path);
        if (i == NULL) {
                i = disk_inode_new(false);
                disk_entry_set(disk(), dir, name, i, false);
                disk_inode_put(disk(), i); /* the directory has it */
        }
        *ret = i;
        return BDFS_OK;
}

enum bdfs_status os_file_open(struct os_file **ret, const char *path, unsigned flags,
                              struct bdfs_err *err)
{
        struct disk_inode *i = NULL;
        enum bdfs_status rc = step(SIM_OPEN, flags, NAME_US_MAX, path, err);

        if (rc == BDFS_OK)
                rc = find_or_create(path, flags, &i, err);
        if (rc != BDFS_OK)
                return rc;
        if (i->is_directory)
                return bdfs_fail(err, BDFS_IS_DIRECTORY, "open %s: Is a directory", path);
        if ((flags & OS_TRUNCATE) != 0)
                disk_resize(disk(), i, 0);
        *ret = sim_file_of(i, sim_node_self(), flags, path);
        if (*ret == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "open %s: out of memory", path);
        return BDFS_OK;
}

enum bdfs_status os_file_close(struct os_file *f, struct bdfs_err *err)
{
        (void)err;
        if (f == NULL)
                return BDFS_OK;
        sim_event(SIM_CLOSE, 0);
        sim_file_drop(f);
        return BDFS_OK;
}

void sim_file_drop(struct os_file *f)
{
        if (f->inode->lock_owner == f)
                f->inode->lock_owner = NULL;
        disk_inode_put(f->node->disk, f->inode);
        free(f);
}

enum bdfs_status os_file_readv(struct os_file *f, uint64_t offset, struct iovec *iov, int iov_n,
                               size_t *ret, struct bdfs_err *err)
{
        enum bdfs_status rc = step(SIM_FILE_READ, offset, READ_US_MAX, f->name, err);
        size_t total = 0;

        if (rc != BDFS_OK)
                return rc;
        if ((f->flags & OS_READ) == 0)
                return bdfs_fail(err, BDFS_IO, "read %s: Bad file descriptor", f->name);
        for (int i = 0; i < iov_n; i++)
                total += disk_read(f->inode, offset + total, iov[i].iov_base, iov[i].iov_len);
        *ret = total;
        return BDFS_OK;
}

enum bdfs_status os_file_writev(struct os_file *f, uint64_t offset, struct iovec *iov, int iov_n,
                                bool uncached, struct bdfs_err *err)
{
        enum bdfs_status rc = step(SIM_FILE_WRITE, offset, WRITE_US_MAX, f->name, err);

        (void)uncached;
        if (rc == BDFS_OK && (f->flags & OS_WRITE) == 0)
                rc = bdfs_fail(err, BDFS_IO, "write: Bad file descriptor");
        for (int i = 0; i < iov_n && rc == BDFS_OK; i++) {
                rc = disk_write(f->node->disk, f->inode, offset, iov[i].iov_base,
                                iov[i].iov_len, err);
                offset += iov[i].iov_len;
        }
        if (rc != BDFS_OK)
                (void)bdfs_wrap(err, "write %s", f->name);
        return rc;
}

enum bdfs_status os_file_sync(struct os_file *f, struct bdfs_err *err)
{
        enum bdfs_status rc = step(SIM_SYNC, 0, SYNC_US_MAX, f->name, err);

        if (rc == BDFS_OK)
                disk_sync_bytes(f->inode);
        return rc;
}

enum bdfs_status os_file_truncate(struct os_file *f, uint64_t bytes, struct bdfs_err *err)
{
        enum bdfs_status rc = step(SIM_TRUNCATE, bytes, NAME_US_MAX, f->name, err);

        if (rc == BDFS_OK && (f->flags & OS_WRITE) == 0)
                rc = bdfs_fail(err, BDFS_INVALID, "truncate %s: not open for writing", f->name);
        if (rc == BDFS_OK)
                disk_resize(f->node->disk, f->inode, bytes);
        return rc;
}

enum bdfs_status os_file_allocate(struct os_file *f, uint64_t bytes, struct bdfs_err *err)
{
        enum bdfs_status rc = step(SIM_TRUNCATE, bytes, NAME_US_MAX, f->name, err);

        if (rc == BDFS_OK)
                rc = disk_allocate(f->node->disk, f->inode, bytes, err);
        if (rc != BDFS_OK)
                (void)bdfs_wrap(err, "allocate %s", f->name);
        return rc;
}

static struct os_stat stat_of(const struct sim_node *n, const struct disk_inode *i)
{
        return (struct os_stat){.bytes = i->bytes,
                                .disk_bytes = disk_used(i),
                                .is_directory = i->is_directory,
                                .device = n->id + 1,
                                .uid = n->uid,
                                .mode = i->is_directory ? S_IFDIR | 0700 : S_IFREG | 0600};
}

enum bdfs_status os_file_stat(struct os_file *f, struct os_stat *ret, struct bdfs_err *err)
{
        enum bdfs_status rc = step(SIM_STAT, 0, NAME_US_MAX, f->name, err);

        if (rc == BDFS_OK)
                *ret = stat_of(f->node, f->inode);
        return rc;
}

enum bdfs_status os_file_lock(struct os_file *f, struct bdfs_err *err)
{
        struct disk_inode *i = f->inode;
        const struct sim_node *self = sim_node_self();
        enum bdfs_status rc = step(SIM_FILE_LOCK, 0, NAME_US_MAX, f->name, err);

        if (rc != BDFS_OK)
                return rc;
        if (i->lock_owner != NULL && i->lock_owner != f &&
            !sim_stale(i->lock_node, i->lock_epoch))
                return bdfs_fail(err, BDFS_LIMIT, "lock %s: another process holds it", f->name);
        i->lock_owner = f;
        i->lock_node = self;
        i->lock_epoch = self->epoch;
        return BDFS_OK;
}

/* ---- paths ---- */

enum bdfs_status os_stat_path(const char *path, struct os_stat *ret, struct bdfs_err *err)
{
        struct disk_inode *i;
        enum bdfs_status rc = step(SIM_STAT, 0, NAME_US_MAX, path, err);

        if (rc == BDFS_OK)
                rc = disk_find(disk(), path, &i, err);
        if (rc == BDFS_OK)
                *ret = stat_of(sim_node_self(), i);
        return rc;
}

static bool is_below(const struct disk_inode *dir, const struct disk_inode *i)
{
        if (dir == i)
                return true;
        for (size_t e = 0; e < dir->entries_n; e++)
                if (is_below(dir->entries[e].inode, i))
                        return true;
        return false;
}

/* May @i take the place of @old (NULL: nothing there)? */
static enum bdfs_status may_replace(const struct disk_inode *i, const struct disk_inode *old,
                                    const char *to, struct bdfs_err *err)
{
        if (old == NULL)
                return BDFS_OK;
        if (i->is_directory && !old->is_directory)
                return bdfs_fail(err, BDFS_NOT_DIRECTORY, "rename to %s: not a directory", to);
        if (!i->is_directory && old->is_directory)
                return bdfs_fail(err, BDFS_IS_DIRECTORY, "rename to %s: is a directory", to);
        if (old->entries_n > 0)
                return bdfs_fail(err, BDFS_NOT_EMPTY, "rename to %s: not empty", to);
        return BDFS_OK;
}

enum bdfs_status os_rename(const char *from, const char *to, struct bdfs_err *err)
{
        struct disk_inode *from_dir, *to_dir, *i;
        const char *from_name, *to_name;
        enum bdfs_status rc = step(SIM_RENAME, 0, NAME_US_MAX, from, err);

        if (rc == BDFS_OK)
                rc = disk_parent(disk(), from, &from_dir, &from_name, err);
        if (rc == BDFS_OK)
                rc = disk_parent(disk(), to, &to_dir, &to_name, err);
        if (rc != BDFS_OK)
                return rc;
        i = disk_entry_get(from_dir, from_name);
        if (i == NULL)
                return bdfs_fail(err, BDFS_NOT_FOUND, "rename %s: No such file or directory",
                                 from);
        if (disk_entry_get(to_dir, to_name) == i)
                return BDFS_OK;
        if (is_below(i, to_dir))
                return bdfs_fail(err, BDFS_INVALID, "rename %s into itself", from);
        rc = may_replace(i, disk_entry_get(to_dir, to_name), to, err);
        if (rc != BDFS_OK)
                return rc;
        disk_entry_set(disk(), to_dir, to_name, i, false);
        disk_entry_set(disk(), from_dir, from_name, NULL, true);
        return BDFS_OK;
}

static enum bdfs_status remove_name(const char *path, bool directory, enum sim_call call,
                                    struct bdfs_err *err)
{
        struct disk_inode *dir, *i;
        const char *name;
        enum bdfs_status rc = step(call, 0, NAME_US_MAX, path, err);

        if (rc == BDFS_OK)
                rc = disk_parent(disk(), path, &dir, &name, err);
        if (rc != BDFS_OK)
                return rc;
        i = disk_entry_get(dir, name);
        if (i == NULL)
                return bdfs_fail(err, BDFS_NOT_FOUND, "remove %s: No such file or directory",
                                 path);
        if (i->is_directory && !directory)
                return bdfs_fail(err, BDFS_IS_DIRECTORY, "remove %s: Is a directory", path);
        if (!i->is_directory && directory)
                return bdfs_fail(err, BDFS_NOT_DIRECTORY, "remove %s: Not a directory", path);
        if (i->entries_n > 0)
                return bdfs_fail(err, BDFS_NOT_EMPTY, "remove %s: Directory not empty", path);
        disk_entry_set(disk(), dir, name, NULL, false);
        return BDFS_OK;
}

enum bdfs_status os_unlink(const char *path, struct bdfs_err *err)
{
        return remove_name(path, false, SIM_UNLINK, err);
}

enum bdfs_status os_rmdir(const char *path, struct bdfs_err *err)
{
        return remove_name(path, true, SIM_RMDIR, err);
}

enum bdfs_status os_mkdir(const char *path, mode_t mode, struct bdfs_err *err)
{
        struct disk_inode *dir, *i;
        const char *name;
        enum bdfs_status rc = step(SIM_MKDIR, mode, NAME_US_MAX, path, err);

        if (rc == BDFS_OK)
                rc = disk_parent(disk(), path, &dir, &name, err);
        if (rc != BDFS_OK)
                return rc;
        if (disk_entry_get(dir, name) != NULL)
                return bdfs_fail(err, BDFS_EXISTS, "make directory %s: File exists", path);
        i = disk_inode_new(true);
        disk_entry_set(disk(), dir, name, i, false);
        disk_inode_put(disk(), i); /* the directory has it */
        return BDFS_OK;
}

static enum bdfs_status find_directory(const char *path, struct disk_inode **ret,
                                       struct bdfs_err *err)
{
        enum bdfs_status rc = disk_find(disk(), path, ret, err);

        if (rc == BDFS_OK && !(*ret)->is_directory)
                return bdfs_fail(err, BDFS_NOT_DIRECTORY, "%s: Not a directory", path);
        return rc;
}

enum bdfs_status os_sync_dir(const char *path, struct bdfs_err *err)
{
        struct disk_inode *dir;
        enum bdfs_status rc = step(SIM_SYNC_DIR, 0, SYNC_US_MAX, path, err);

        if (rc == BDFS_OK)
                rc = find_directory(path, &dir, err);
        if (rc == BDFS_OK)
                disk_sync_names(disk(), dir);
        return rc;
}

enum bdfs_status os_list_dir(const char *path,
                             enum bdfs_status (*each)(void *arg, const char *name,
                                                      struct bdfs_err *err),
                             void *arg, struct bdfs_err *err)
{
        AUTO_FREE char *names = NULL;
        struct disk_inode *dir;
        size_t n;
        enum bdfs_status rc = step(SIM_LIST, 0, NAME_US_MAX, path, err);

        if (rc == BDFS_OK)
                rc = find_directory(path, &dir, err);
        if (rc != BDFS_OK)
                return rc;
        n = dir->entries_n;
        names = calloc(n + 1, 256); /* a copy: @each may change the directory */
        if (names == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "list %s: out of memory", path);
        for (size_t e = 0; e < n; e++)
                memcpy(names + 256 * e, dir->entries[e].name, strlen(dir->entries[e].name));
        for (size_t e = 0; e < n && rc == BDFS_OK; e++)
                rc = each(arg, names + 256 * e, err);
        return rc;
}

enum bdfs_status os_disk_space(const char *path, uint64_t *ret_bytes, uint64_t *ret_free,
                               struct bdfs_err *err)
{
        struct disk_inode *i;
        enum bdfs_status rc = step(SIM_STAT, 0, NAME_US_MAX, path, err);

        if (rc == BDFS_OK)
                rc = disk_find(disk(), path, &i, err);
        if (rc == BDFS_OK)
                sim_disk_room(disk(), ret_bytes, ret_free);
        return rc;
}
