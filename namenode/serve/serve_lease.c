/*
 * ClientProtocol: renewLease and recoverLease, and what other calls ask of leases: may a silent
 * holder's be taken, and may this client open one more file?
 */
#include <stdlib.h>
#include <string.h>

#include "namenode/serve/handlers.h"
#include "namenode/serve/serve_write.h"

/* ---- taking over a lease ---- */

bool serve_take_over(struct namenode *nn, struct rpc_call *call, const char *text)
{
        struct ns_status status;
        struct ns_writer *w = malloc(sizeof(*w));
        struct buf room;
        struct path path;
        struct store_txn *t = NULL;
        struct bdfs_err err;
        bool expired = false, found = false;

        buf_init(&room, 0);
        if (w != NULL && path_check(text, strlen(text), PATH_READ, false, &room, &path, NULL,
                                    &err) == BDFS_OK &&
            store_begin_read(nn->store, &t, &err) == BDFS_OK) {
                struct serve_caller who;

                serve_caller(nn, call, &who);
                if (ns_stat(t, &who.ns, &path, 0, &status, &found, &err) == BDFS_OK && found &&
                    status.open &&
                    ns_check_access(t, &who.ns, &path, PERM_WRITE, &err) == BDFS_OK &&
                    ns_writer_of(t, status.inode, w, &err) == BDFS_OK)
                        expired = lease_clock_soft_expired(nn->leases, w->holder, w->hadoop_lease,
                                                           os_mono_ms());
        }
        store_abort(t);
        if (expired && !w->recovering) {
                Bdfs__JournalRecord record = BDFS__JOURNAL_RECORD__INIT;
                Bdfs__StartRecoveryOp op = BDFS__START_RECOVERY_OP__INIT;

                op.inode = status.inode;
                record.op_case = BDFS__JOURNAL_RECORD__OP_START_RECOVERY;
                record.start_recovery = &op;
                expired = commit_wait(nn->commit, &record, NULL, &err) == BDFS_OK;
        }
        buf_fini(&room);
        free(w);
        return expired;
}

/* ---- holders ---- */

uint64_t serve_open_files_of(struct namenode *nn, const char *holder)
{
        struct holder row = {.files = 0};
        struct store_txn *t;
        enum bdfs_status rc;

        if (strlen(holder) > HOLDER_BYTES_MAX)
                return 0;
        if (store_begin_read(nn->store, &t, NULL) != BDFS_OK)
                return LEASE_FILES_UNKNOWN;
        rc = table_get_holder(t, holder, strlen(holder), &row, NULL);
        store_abort(t);
        if (rc == BDFS_NOT_FOUND)
                return 0;
        return rc == BDFS_OK ? row.files : LEASE_FILES_UNKNOWN;
}

bool serve_opens(struct namenode *nn, struct rpc_call *call, const char *holder)
{
        struct bdfs_err err;

        if (strlen(holder) > HOLDER_BYTES_MAX)
                (void)bdfs_fail(&err, BDFS_INVALID, "the client's name has %zu bytes, at most %d "
                                "are possible", strlen(holder), HOLDER_BYTES_MAX);
        else if (lease_clock_open(nn->leases, holder, call->caller->user,
                                  serve_is_superuser(nn, call), os_mono_ms(), &err) == BDFS_OK)
                return true;
        rpc_call_fail(call, &err);
        return false;
}

/* ---- renewLease, recoverLease ---- */

void serve_renew_lease(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__RenewLeaseRequestProto *q = (const void *)call->request;
        Hadoop__RenewLeaseResponseProto r = HADOOP__RENEW_LEASE_RESPONSE_PROTO__INIT;

        /* a name that nothing is open under is not kept */
        if (!lease_clock_renew(nn->leases, q->clientname, os_mono_ms()) &&
            serve_open_files_of(nn, q->clientname) > 0 &&
            !serve_opens(nn, call, q->clientname))
                return;
        rpc_call_reply(call, &r.base);
}

static void recover_done(struct mutation *m, struct rpc_call *call, const Bdfs__OpResult *result)
{
        Hadoop__RecoverLeaseResponseProto r = HADOOP__RECOVER_LEASE_RESPONSE_PROTO__INIT;

        (void)m;
        r.result = result->value; /* the lease monitor goes on when it is false */
        rpc_call_reply(call, &r.base);
}

void serve_recover_lease(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__RecoverLeaseRequestProto *q = (const void *)call->request;
        struct mutation *m;
        Bdfs__RecoverLeaseOp *op;

        if (!serve_opens(nn, call, q->clientname))
                return;
        m = mutation_new(nn, call);
        if (m == NULL)
                return;
        op = &m->op.recover_lease;
        bdfs__recover_lease_op__init(op);
        if (!mutation_path(m, q->src, PATH_READ, &m->path_a, &op->path))
                return;
        op->holder = q->clientname;
        op->has_hadoop_lease = 1;
        op->hadoop_lease = call->listener == RPC_HADOOP;
        SERVE_SET_OP(m, RECOVER_LEASE, recover_lease);
        mutation_submit(m, recover_done);
}
