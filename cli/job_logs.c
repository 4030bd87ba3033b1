#include "cli/job_logs.h"

#include <stdlib.h>
#include <string.h>

#include "exec/driver/driver_inside.h"

#define LOGS_MS 30000

static enum bdfs_status ask(const struct driver *d, const struct job_agent *a, const char *job,
                            const char *attempt, Bdfs__LogsResponse **ret, struct bdfs_err *err)
{
        Bdfs__LogsRequest q = BDFS__LOGS_REQUEST__INIT;
        struct os_addr addr = {.port = a->port};
        struct rpc_client *c;
        ProtobufCMessage *m = NULL;
        enum bdfs_status rc;

        (void)snprintf(addr.host, sizeof(addr.host), "%s", a->host);
        rc = rpc_client_new(&c, &addr, bdfs_user(d->fs), err);
        if (rc != BDFS_OK)
                return rc;
        rpc_client_expect(c, d->fs->owner);
        q.job = (char *)(uintptr_t)job;
        q.attempt = (char *)(uintptr_t)attempt;
        rc = rpc_client_call(c, method_of(METHOD_BDFS_AGENT_logs), &q.base, &m,
                             os_mono_ms() + LOGS_MS, err);
        rpc_client_free(c);
        *ret = (Bdfs__LogsResponse *)m;
        return rc;
}

enum bdfs_status job_logs(struct bdfs *fs, const char *job, const char *attempt,
                          job_log_taker *take, void *arg, struct bdfs_err *err)
{
        struct driver d = {.fs = fs};
        size_t found = 0, asked = 0;

        if (driver_find_agents(&d, err) != BDFS_OK) {
                free(d.agents);
                return err->status;
        }
        for (size_t i = 0; i < d.agents_n; i++) {
                Bdfs__LogsResponse *r;

                if (ask(&d, &d.agents[i], job, attempt, &r, err) != BDFS_OK)
                        continue; /* others may have some */
                asked++;
                for (size_t k = 0; k < r->n_logs; k++, found++)
                        take(arg, &(struct job_log){
                                          .attempt = r->logs[k]->attempt,
                                          .node = d.agents[i].name,
                                          .bytes = r->logs[k]->bytes,
                                          .text = (const char *)r->logs[k]->text.data,
                                          .text_n = r->logs[k]->text.len});
                message_free(r);
        }
        free(d.agents);
        if (found > 0)
                return BDFS_OK;
        return asked == 0 ? err->status
                          : bdfs_fail(err, BDFS_NOT_FOUND, "no logs of %s: its tasks wrote nothing "
                                      "to stderr, or it was too long ago", job);
}
