#include "datanode/transfer/access.h"

#include <string.h>

#include "datanode/link/datanode_parts.h"

/* The user of the token must be the peer, unless the peer may bring other people's tokens. */
static enum bdfs_status user_ok(struct datanode *dn, const struct os_peer *peer,
                                const struct token *t, struct bdfs_err *err)
{
        struct identity *id = dn->identity;
        struct caller caller;

        if (identity_may_forward(id, peer, t->user))
                return BDFS_OK;
        if (identity_caller(id, peer, NULL, &caller, err) != BDFS_OK)
                return bdfs_fail(err, BDFS_TOKEN, "the peer is not known");
        if (strcmp(caller.user, t->user) != 0)
                return bdfs_fail(err, BDFS_TOKEN, "the token is %s's, shown by %s", t->user,
                                 caller.user);
        return BDFS_OK;
}

static enum bdfs_status check(struct datanode *dn, const struct os_peer *peer,
                              const Hadoop__TokenProto *shown, uint64_t block, unsigned rights,
                              struct token *ret, struct bdfs_err *err)
{
        struct token_node self = {.number = atomic_load(&dn->number)};
        enum bdfs_status rc;

        if (shown == NULL || shown->identifier.len == 0)
                return bdfs_fail(err, BDFS_TOKEN, "no block token");
        if (self.number == 0)
                return bdfs_fail(err, BDFS_TOKEN, "this datanode is not registered yet");
        memcpy(self.key, dn->key, sizeof(self.key));
        rc = token_check(&self, dn->cluster, shown->identifier.data, shown->identifier.len,
                         shown->password.data, shown->password.len, block, rights,
                         (uint64_t)os_wall_ms(), ret, err);
        return rc != BDFS_OK ? rc : user_ok(dn, peer, ret, err);
}

enum bdfs_status access_check_token(struct datanode *dn, const struct os_peer *peer,
                                    const Hadoop__TokenProto *shown, uint64_t block,
                                    unsigned rights, struct bdfs_err *err)
{
        struct token t;

        return check(dn, peer, shown, block, rights, &t, err);
}

enum bdfs_status access_check(const struct data_conn *c, const Hadoop__BaseHeaderProto *header,
                              unsigned rights, struct token *ret, struct bdfs_err *err)
{
        return check(c->dn, &c->peer, header->token, header->block->blockid, rights, ret, err);
}
