/* libbdfs: what people type as a path. */
#include <stdlib.h>
#include <string.h>

#include "client/fs.h"

/* Append @from to the normal path @to: no empty and . components, .. goes up, never above /. */
static void add_components(struct buf *to, const char *from)
{
        while (*from != '\0') {
                size_t n;

                from += strspn(from, "/");
                n = strcspn(from, "/");
                if (n == 2 && memcmp(from, "..", 2) == 0) {
                        while (to->n > 0 && to->data[--to->n] != '/')
                                ;
                } else if (n > 0 && !(n == 1 && from[0] == '.')) {
                        buf_u8(to, '/');
                        buf_add(to, from, n);
                }
                from += n;
        }
}

enum bdfs_status bdfs_path_resolve(const char *typed, const char *user, char **ret_uri,
                                   char **ret_path, struct bdfs_err *err)
{
        const char *path = typed, *slash;
        char *uri = NULL, home[OS_NAME_BYTES + 8];
        struct buf to;

        if (typed[0] == '\0')
                return bdfs_fail(err, BDFS_USAGE, "a path may not be empty");
        if (strncmp(typed, "hdfs://", 7) == 0 || strncmp(typed, "bdfs://", 7) == 0) {
                slash = strchr(typed + 7, '/');
                path = slash == NULL ? "/" : slash;
                if (slash != typed + 7) {
                        uri = slash == NULL ? strdup(typed)
                                            : strndup(typed, (size_t)(slash - typed));
                        if (uri == NULL)
                                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                }
        } else if (strstr(typed, "://") != NULL) {
                return bdfs_fail(err, BDFS_USAGE, "`%s': only bdfs:// and hdfs:// are known",
                                 typed);
        }
        buf_init(&to, 0);
        if (path[0] != '/') {
                (void)snprintf(home, sizeof(home), "/user/%s", user);
                add_components(&to, home);
        }
        add_components(&to, path);
        if (to.n == 0)
                buf_u8(&to, '/');
        buf_u8(&to, 0);
        if (to.bad) {
                buf_fini(&to);
                free(uri);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        *ret_uri = uri;
        *ret_path = (char *)to.data; /* the caller's now */
        return BDFS_OK;
}
