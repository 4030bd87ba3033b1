/* Open files. */
#include <fcntl.h>
#include <stdlib.h>

#include "fuse/mount.h"

static void enlist(struct mount *m, struct handle *h)
{
        AUTO_LOCK(&m->lock);

        h->next = m->handles;
        if (h->next != NULL)
                h->next->previous = h;
        m->handles = h;
}

static void delist(struct mount *m, struct handle *h)
{
        AUTO_LOCK(&m->lock);

        if (h->previous != NULL)
                h->previous->next = h->next;
        else
                m->handles = h->next;
        if (h->next != NULL)
                h->next->previous = h->previous;
}

struct handle *handle_new(struct mount *m, uint64_t inode, struct conn *conn, int flags)
{
        struct handle *h = calloc(1, sizeof(*h));

        if (h == NULL)
                return NULL;
        h->m = m;
        h->reads = (flags & O_ACCMODE) != O_WRONLY;
        h->writes = (flags & O_ACCMODE) != O_RDONLY;
        h->append = (flags & O_APPEND) != 0;
        attrs_path(inode, NULL, h->path);
        h->node = node_table_open(m->nodes, inode, h->writes);
        if (h->node == NULL) {
                free(h);
                return NULL;
        }
        h->conn = conns_ref(m->conns, conn);
        os_mutex_init(&h->lock);
        reader_init(&h->reader);
        enlist(m, h);
        return h;
}

enum bdfs_status handle_free(struct handle *h, struct bdfs_err *err)
{
        struct mount *m = h->m;
        enum bdfs_status rc;

        delist(m, h);
        reader_fini(&h->reader);
        rc = node_table_close(m->nodes, h->node, h->writes, h->active, err);
        conns_put(m->conns, h->conn);
        os_mutex_fini(&h->lock);
        free(h);
        return rc;
}
