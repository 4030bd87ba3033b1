#include "namenode/serve/mutation.h"

#include <stdlib.h>
#include <string.h>

#include "namenode/serve/serve.h"

void mutation_free(struct mutation *m)
{
        if (m == NULL)
                return;
        blocks_unplace(m->nn->blocks, m->nodes, m->placed_n);
        op_result_free(m->request.result);
        buf_fini(&m->path_a);
        buf_fini(&m->path_b);
        free(m->group_names);
        free(m->extra);
        free(m);
}

static void mutation_fill_caller(struct mutation *m)
{
        bdfs__record_caller__init(&m->caller);
        m->caller.user = (char *)(uintptr_t)m->call->caller->user;
        m->caller.machine = m->call->peer.host;
        m->caller.superuser = serve_is_superuser(m->nn, m->call);
        identity_groups(m->nn->identity, m->call->caller->user, m->group_names);
        for (size_t i = 0; i < m->group_names->n; i++)
                m->groups[i] = m->group_names->names[i];
        m->caller.n_groups = m->group_names->n;
        m->caller.groups = m->groups;
        m->record.caller = &m->caller;
}

struct mutation *mutation_new(struct namenode *nn, struct rpc_call *call)
{
        struct mutation *m = calloc(1, sizeof(*m));
        struct bdfs_err err;

        if (m != NULL)
                m->group_names = malloc(sizeof(*m->group_names));
        if (m == NULL || m->group_names == NULL) {
                free(m);
                (void)bdfs_fail(&err, BDFS_NO_MEMORY, "no memory for a request");
                rpc_call_fail(call, &err);
                return NULL;
        }
        m->nn = nn;
        m->call = call;
        bdfs__journal_record__init(&m->record);
        bdfs__record_block__init(&m->block_a);
        bdfs__record_block__init(&m->block_b);
        m->request.record = &m->record;
        mutation_fill_caller(m);
        if (call->method->once)
                mutation_remember(m);
        return m;
}

void mutation_remember(struct mutation *m)
{
        struct rpc_call *call = m->call;

        if (call->client_id_n != sizeof(call->client_id) || call->call_id < 0)
                return;
        m->record.has_client_id = 1;
        m->record.client_id.data = call->client_id;
        m->record.client_id.len = call->client_id_n;
        m->record.has_call_id = 1;
        m->record.call_id = call->call_id;
}

static void mutation_done(struct commit_request *request)
{
        struct mutation *m = (struct mutation *)request; /* its first member */

        if (request->status == BDFS_OK && request->result->block != NULL)
                m->placed_n = 0; /* its block has them */
        if (request->status != BDFS_OK)
                rpc_call_fail(m->call, &request->err);
        else
                m->answer(m, m->call, request->result);
        mutation_free(m);
}

void mutation_submit(struct mutation *m, mutation_answer *answer)
{
        struct rpc_call *call = m->call;
        struct bdfs_err err;

        m->answer = answer;
        m->request.done = mutation_done;
        if (commit_submit(m->nn->commit, &m->request, &err) != BDFS_OK) {
                mutation_free(m);
                rpc_call_fail(call, &err);
        }
}

bool mutation_path(struct mutation *m, const char *text, enum path_use use, struct buf *room,
                   ProtobufCBinaryData *ret)
{
        struct rpc_call *call = m->call;
        struct path path;

        if (!serve_path(call, text, use, room, &path)) {
                mutation_free(m);
                return false;
        }
        ret->data = (uint8_t *)(uintptr_t)path.text;
        ret->len = path.n;
        return true;
}
