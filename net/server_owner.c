#include "net/server_owner.h"

#include <stdio.h>
#include <string.h>

static bool is_loopback(const struct os_addr *a)
{
        return strncmp(a->host, "127.", 4) == 0 || strcmp(a->host, "::1") == 0;
}

static enum bdfs_status check(struct os_sock *s, const char *what, uid_t owner,
                              int64_t deadline_ms, struct bdfs_err *err)
{
        struct os_peer peer;
        enum bdfs_status rc = os_sock_server(s, deadline_ms, &peer, err);

        if (rc != BDFS_OK)
                return bdfs_wrap(err, "%s: who serves it", what);
        BDFS_ASSERT(peer.known);
        if (peer.uid != owner)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "%s is served by uid %u, not by the cluster's owner (uid %u): its "
                                 "daemon is down, and a program of somebody else has its place; "
                                 "nothing was sent to it", what, (unsigned)peer.uid,
                                 (unsigned)owner);
        return BDFS_OK;
}

/* Keep the connection if its other end is right. */
static enum bdfs_status take(struct os_sock **ret, struct os_sock *s, enum bdfs_status rc)
{
        if (rc == BDFS_OK)
                *ret = s;
        else
                os_sock_close(s);
        return rc;
}

enum bdfs_status server_connect(struct os_sock **ret, const struct os_addr *addr, uid_t owner,
                                int64_t deadline_ms, struct bdfs_err *err)
{
        struct os_addr local, peer;
        struct os_sock *s;
        enum bdfs_status rc = os_connect(&s, addr, deadline_ms, err);
        char what[80];

        if (rc != BDFS_OK)
                return rc;
        os_sock_addrs(s, &local, &peer); /* as the kernel writes it, however it was spelled */
        if (owner != SERVER_OWNER_ANY && is_loopback(&peer)) {
                (void)snprintf(what, sizeof(what), "port %u of %s", peer.port, peer.host);
                rc = check(s, what, owner, deadline_ms, err);
        }
        return take(ret, s, rc);
}

enum bdfs_status server_connect_unix(struct os_sock **ret, const char *path, uid_t owner,
                                     int64_t deadline_ms, struct bdfs_err *err)
{
        struct os_sock *s;
        enum bdfs_status rc = os_connect_unix(&s, path, deadline_ms, err);

        if (rc != BDFS_OK)
                return rc;
        if (owner != SERVER_OWNER_ANY)
                rc = check(s, path, owner, deadline_ms, err);
        return take(ret, s, rc);
}
