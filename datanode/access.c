#include "datanode/access.h"

#include <string.h>

#include "datanode/datanode_inside.h"

/* The user of the token must be the peer, unless the peer may bring other people's tokens. */
static enum bdfs_status user_ok(const struct data_conn *c, const struct token *t,
                                struct bdfs_err *err)
{
        struct identity *id = c->dn->identity;
        struct caller caller;

        if (identity_may_forward(id, &c->peer, t->user))
                return BDFS_OK;
        if (identity_caller(id, &c->peer, NULL, &caller, err) != BDFS_OK)
                return bdfs_fail(err, BDFS_TOKEN, "the peer is not known");
        if (strcmp(caller.user, t->user) != 0)
                return bdfs_fail(err, BDFS_TOKEN, "the token is %s's, shown by %s", t->user,
                                 caller.user);
        return BDFS_OK;
}

enum bdfs_status access_check(const struct data_conn *c, const Hadoop__BaseHeaderProto *header,
                              unsigned rights, struct token *ret, struct bdfs_err *err)
{
        const Hadoop__TokenProto *shown = header->token;
        struct token_node self = {.number = atomic_load(&c->dn->number)};
        enum bdfs_status rc;

        if (shown == NULL || shown->identifier.len == 0)
                return bdfs_fail(err, BDFS_TOKEN, "no block token");
        if (self.number == 0)
                return bdfs_fail(err, BDFS_TOKEN, "this datanode is not registered yet");
        memcpy(self.key, c->dn->key, sizeof(self.key));
        rc = token_check(&self, c->dn->cluster, shown->identifier.data, shown->identifier.len,
                         shown->password.data, shown->password.len, header->block->blockid, rights,
                         (uint64_t)os_wall_ms(), ret, err);
        return rc != BDFS_OK ? rc : user_ok(c, ret, err);
}
