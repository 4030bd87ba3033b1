#include "namenode/commit/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "namenode/store/store_file.h"

#define NEW_NAME "checkpoint.new"
#define NAME_BYTES 64
#define SHA256_BYTES 32
#define OK_BYTES_MAX 256
#define OK_VERSION 1 /* of .ok files; one without a line that says it has version 1 */

static void name_of(char ret[NAME_BYTES], uint64_t index, const char *rest)
{
        (void)snprintf(ret, NAME_BYTES, "checkpoint-%016" PRIx64 "%s", index, rest);
}

/* "checkpoint-" and 16 lower-case hex digits, then @rest. */
static bool name_parse(const char *name, const char *rest, uint64_t *ret)
{
        char back[NAME_BYTES];
        uint64_t index;

        if (sscanf(name, "checkpoint-%16" SCNx64, &index) != 1)
                return false;
        name_of(back, index, rest);
        *ret = index;
        return strcmp(name, back) == 0;
}

/* ---- the checksum --------------------------------------------------------------------------- */

static enum bdfs_status digest_fd(int fd, const char *path, uint8_t ret[SHA256_BYTES],
                                  uint64_t *ret_bytes, struct bdfs_err *err)
{
        AUTO_FREE uint8_t *block = malloc(MIB);
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        bool ok = block != NULL && md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
        uint64_t bytes = 0;
        ssize_t got = 1;

        while (ok && got > 0) {
                do
                        got = pread(fd, block, MIB, (off_t)bytes);
                while (got < 0 && errno == EINTR);
                if (got > 0) {
                        ok = EVP_DigestUpdate(md, block, (size_t)got) == 1;
                        bytes += (uint64_t)got;
                }
        }
        ok = ok && EVP_DigestFinal_ex(md, ret, NULL) == 1;
        EVP_MD_CTX_free(md);
        if (got < 0)
                return bdfs_fail_errno(err, errno, "read %s", path);
        if (!ok)
                return bdfs_fail(err, BDFS_NO_MEMORY, "checksum of %s: out of memory", path);
        *ret_bytes = bytes;
        return BDFS_OK;
}

/* The text of an .ok file for the file as it is now. */
static enum bdfs_status ok_text(const char *path, char ret[OK_BYTES_MAX], struct bdfs_err *err)
{
        AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        uint8_t digest[SHA256_BYTES];
        uint64_t bytes = 0;
        enum bdfs_status rc;
        int n;

        if (fd < 0)
                return bdfs_fail_errno(err, errno, "open %s", path);
        rc = digest_fd(fd, path, digest, &bytes, err);
        if (rc != BDFS_OK)
                return rc;
        n = snprintf(ret, OK_BYTES_MAX, "bytes=%" PRIu64 "\nsha256=", bytes);
        for (size_t i = 0; i < sizeof(digest); i++)
                n += snprintf(ret + n, OK_BYTES_MAX - (size_t)n, "%02x", digest[i]);
        (void)snprintf(ret + n, OK_BYTES_MAX - (size_t)n, "\n");
        return BDFS_OK;
}

/* ---- making one ----------------------------------------------------------------------------- */

static enum bdfs_status copy_named(const char *dir, struct store_txn *t, const char *name,
                                   char text[OK_BYTES_MAX], const atomic_bool *cancel,
                                   struct bdfs_err *err)
{
        char fresh[STORE_PATH_BYTES], path[STORE_PATH_BYTES];
        enum bdfs_status rc = store_file_remove(dir, NEW_NAME, err);

        if (rc == BDFS_OK)
                rc = store_file_path(fresh, dir, NEW_NAME, err);
        if (rc == BDFS_OK)
                rc = store_file_path(path, dir, name, err);
        if (rc == BDFS_OK)
                rc = store_copy(t, fresh, cancel, err);
        if (rc == BDFS_OK)
                rc = ok_text(fresh, text, err);
        if (rc != BDFS_OK)
                return rc;
        if (rename(fresh, path) < 0)
                return bdfs_fail_errno(err, errno, "rename %s to %s", fresh, path);
        return store_file_sync_dir(dir, err);
}

enum bdfs_status checkpoint_make(const char *dir, struct store_txn *t, uint64_t index,
                                 const atomic_bool *cancel, struct bdfs_err *err)
{
        char name[NAME_BYTES], ok[NAME_BYTES], text[OK_BYTES_MAX];
        enum bdfs_status rc = store_file_mkdir(dir, err);

        name_of(name, index, "");
        name_of(ok, index, ".ok");
        if (rc == BDFS_OK && store_file_exists(dir, ok))
                return BDFS_OK; /* nothing has changed since */
        if (rc == BDFS_OK)
                rc = copy_named(dir, t, name, text, cancel, err);
        return rc == BDFS_OK ? store_file_put(dir, ok, text, strlen(text), err) : rc;
}

/* ---- finding and removing ------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x < y) - (x > y);
}

enum bdfs_status checkpoint_list(const char *dir, uint64_t ret[CHECKPOINTS_MAX], size_t *ret_n,
                                 struct bdfs_err *err)
{
        DIR *d = opendir(dir);
        struct dirent *e;
        uint64_t index;
        size_t n = 0;

        *ret_n = 0;
        if (d == NULL && errno == ENOENT)
                return BDFS_OK;
        if (d == NULL)
                return bdfs_fail_errno(err, errno, "list %s", dir);
        while (errno = 0, n < CHECKPOINTS_MAX && (e = readdir(d)) != NULL)
                if (name_parse(e->d_name, ".ok", &index))
                        ret[n++] = index;
        if (errno != 0) {
                int eno = errno;

                (void)closedir(d); /* read only */
                return bdfs_fail_errno(err, eno, "list %s", dir);
        }
        (void)closedir(d); /* read only */
        qsort(ret, n, sizeof(*ret), newest_first);
        *ret_n = n;
        return BDFS_OK;
}

static enum bdfs_status remove_one(const char *dir, uint64_t index, struct bdfs_err *err)
{
        char name[NAME_BYTES];
        enum bdfs_status rc;

        name_of(name, index, ".ok"); /* first: what remains is no checkpoint any more */
        rc = store_file_remove(dir, name, err);
        name_of(name, index, "");
        return rc == BDFS_OK ? store_file_remove(dir, name, err) : rc;
}

/* Is this file part of no checkpoint? */
static bool is_remains(const char *dir, const char *name)
{
        char ok[NAME_BYTES];
        uint64_t index;

        if (strcmp(name, NEW_NAME) == 0 || name_parse(name, ".ok.new", &index))
                return true;
        if (!name_parse(name, "", &index))
                return false;
        name_of(ok, index, ".ok");
        return !store_file_exists(dir, ok);
}

static enum bdfs_status remove_remains(const char *dir, struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;
        DIR *d = opendir(dir);
        struct dirent *e;

        if (d == NULL)
                return bdfs_fail_errno(err, errno, "list %s", dir);
        while (rc == BDFS_OK && (e = readdir(d)) != NULL)
                if (is_remains(dir, e->d_name))
                        rc = store_file_remove(dir, e->d_name, err);
        (void)closedir(d); /* read only */
        return rc;
}

enum bdfs_status checkpoint_prune(const char *dir, struct bdfs_err *err)
{
        uint64_t index[CHECKPOINTS_MAX];
        size_t n;
        enum bdfs_status rc = checkpoint_list(dir, index, &n, err);

        for (size_t i = CHECKPOINTS_KEPT; rc == BDFS_OK && i < n; i++)
                rc = remove_one(dir, index[i], err);
        if (rc == BDFS_OK)
                rc = remove_remains(dir, err);
        return rc == BDFS_OK ? store_file_sync_dir(dir, err) : rc;
}

/* ---- restoring ------------------------------------------------------------------------------ */

/* NEWER when the text of an .ok file says that a later program made this checkpoint. */
static enum bdfs_status check_version(const char *text, const char *path, struct bdfs_err *err)
{
        const char *line = strstr(text, "version=");
        unsigned version = OK_VERSION;

        if (line != NULL && (line == text || line[-1] == '\n') &&
            sscanf(line, "version=%u\n", &version) == 1 && version > OK_VERSION)
                return bdfs_fail(err, BDFS_NEWER, "%s has version %u; this program knows up to %u: "
                                 "use a newer bdfs-namenode", path, version, OK_VERSION);
        return BDFS_OK;
}

enum bdfs_status checkpoint_restore(const char *dir, uint64_t index, struct store *s,
                                    struct bdfs_err *err)
{
        char name[NAME_BYTES], path[STORE_PATH_BYTES], found[OK_BYTES_MAX + 1], want[OK_BYTES_MAX];
        size_t n;
        enum bdfs_status rc;

        name_of(name, index, ".ok");
        rc = store_file_get(dir, name, found, sizeof(found) - 1, &n, err);
        if (rc != BDFS_OK)
                return rc;
        found[n] = '\0';
        name_of(name, index, "");
        rc = store_file_path(path, dir, name, err);
        if (rc == BDFS_OK)
                rc = check_version(found, path, err);
        if (rc == BDFS_OK)
                rc = ok_text(path, want, err);
        if (rc != BDFS_OK)
                return rc;
        if (n != strlen(want) || memcmp(found, want, n) != 0)
                return bdfs_fail(err, BDFS_CORRUPT, "%s is not what its .ok file says", path);
        return store_restore(s, path, err);
}
