/*
 * os_sim_disk.h - a simulated node's disk: directories, files in pages, and what is not synced.
 *
 * Every change of a name or of a file's bytes is remembered, with what it replaced, until it is
 * synced; a power loss takes some of the remembered ones back. Names behave as on a journaling
 * file system: they become durable in the order in which they were made, so a loss leaves a
 * prefix of them. Writes into one file survive independently, and one may tear at 512 bytes.
 *
 * Owner:   the disk owns its inodes; open files hold references.
 * Threads: none; a call never waits.
 * Errors:  as the system calls of the same name.
 */
#pragma once

#include "common/os.h"

#define DISK_PAGE_BYTES 16384

struct disk_entry {
        char *name;
        struct disk_inode *inode;
};

struct disk_write; /* one unsynced change of a file's bytes */

struct disk_inode {
        unsigned refs; /* of entries, open files and remembered changes */
        bool is_directory;
        uint64_t bytes;
        uint8_t **pages; /* NULL: zeros */
        size_t pages_n;
        uint64_t reserved; /* bytes promised by allocate */
        struct disk_write *writes; /* the newest first */
        struct disk_entry *entries;
        size_t entries_n;
        const void *lock_owner; /* the os_file that locked it */
        const struct sim_node *lock_node;
        uint32_t lock_epoch;
};

struct sim_disk;

struct sim_disk *sim_disk_new(void);
void sim_disk_free(struct sim_disk *d);
void sim_disk_limit(struct sim_disk *d, uint64_t bytes);
void sim_disk_room(const struct sim_disk *d, uint64_t *ret_bytes, uint64_t *ret_free);
/* Forget what the seed says of what is not synced. Open files of before must not be used. */
void sim_disk_lose_power(struct sim_disk *d);

/* Split @path at its last name: the directory it is in, and that name (into @path). */
enum bdfs_status disk_parent(struct sim_disk *d, const char *path, struct disk_inode **ret_dir,
                             const char **ret_name, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status disk_find(struct sim_disk *d, const char *path, struct disk_inode **ret,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
struct disk_inode *disk_entry_get(const struct disk_inode *dir, const char *name);
/* Put @inode (NULL: nothing) at the name. @with_last: lost or kept with the last change. */
void disk_entry_set(struct sim_disk *d, struct disk_inode *dir, const char *name,
                    struct disk_inode *inode, bool with_last);
/* Names in @dir, and all made before them, are durable. */
void disk_sync_names(struct sim_disk *d, const struct disk_inode *dir);

/* A new inode has one reference, the caller's. */
struct disk_inode *disk_inode_new(bool is_directory);
struct disk_inode *disk_inode_get(struct disk_inode *i);
void disk_inode_put(struct sim_disk *d, struct disk_inode *i);

size_t disk_read(const struct disk_inode *i, uint64_t offset, void *to, size_t n);
enum bdfs_status disk_write(struct sim_disk *d, struct disk_inode *i, uint64_t offset,
                            const void *from, size_t n, struct bdfs_err *err) BDFS_MUST_CHECK;
void disk_resize(struct sim_disk *d, struct disk_inode *i, uint64_t bytes);
enum bdfs_status disk_allocate(struct sim_disk *d, struct disk_inode *i, uint64_t bytes,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
uint64_t disk_used(const struct disk_inode *i);
void disk_sync_bytes(struct disk_inode *i);

/* os_sim_disk_bytes.c, for os_sim_disk.c: take unsynced writes back, keeping what the seed says. */
void disk_lose_bytes(struct sim_disk *d, struct disk_inode *i);
void disk_free_bytes(struct sim_disk *d, struct disk_inode *i);
bool disk_has_room(const struct sim_disk *d, uint64_t more);
/* What a file takes changed. */
void disk_count_room(struct sim_disk *d, uint64_t before, uint64_t after);
