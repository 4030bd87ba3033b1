/* Changes and full reports; namenode_link.h says who sends. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/limits.h"
#include "common/log.h"
#include "datanode/link/namenode_inside.h"
#include "proto/message.h"

static_assert(CHANGES_MAX <= REPORT_PAGE_MAX, "a batch of changes is accepted");

/* ---- changes ------------------------------------------------------------------------------ */

static enum bdfs_status send_changes(struct namenode_link *l, const Bdfs__ReportRequest *head,
                                     size_t n, bool *ret_accepted, uint64_t *ret_durable,
                                     struct bdfs_err *err)
{
        AUTO_FREE Bdfs__Replica *rows = calloc(n, sizeof(*rows));
        AUTO_FREE Bdfs__Replica **pointers = calloc(n, sizeof(*pointers));
        Bdfs__ReportRequest q = *head;
        Bdfs__ReportResponse *r;
        enum bdfs_status rc;

        if (rows == NULL || pointers == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "report: out of memory");
        for (size_t i = 0; i < n; i++) {
                bdfs__replica__init(&rows[i]);
                rows[i].block = l->changes[i].block;
                rows[i].stamp = l->changes[i].stamp;
                rows[i].length = l->changes[i].length;
                rows[i].state = (Bdfs__ReplicaState)l->changes[i].state;
                pointers[i] = &rows[i];
        }
        q.changes = pointers;
        q.n_changes = n;
        rc = namenode_call(l, METHOD_BDFS_DATANODE_report, &q.base, &r, err);
        if (rc != BDFS_OK)
                return rc;
        *ret_accepted = r->accepted;
        *ret_durable = r->log_durable;
        message_free(r);
        return BDFS_OK;
}

/* Send what comes after @from; *ret_next is where it ends. False: it did not get there. */
static bool send_from(struct namenode_link *l, uint64_t from, uint32_t number, uint64_t epoch,
                      uint64_t *ret_next)
{
        Bdfs__ReportRequest q = BDFS__REPORT_REQUEST__INIT;
        uint64_t first, durable = 0;
        struct bdfs_err err;
        bool accepted = false;
        size_t n = report_log_read(namenode_log(l), from, l->changes, CHANGES_MAX, &first);

        q.number = number;
        q.epoch = epoch;
        q.log_id = report_log_id(namenode_log(l));
        q.first = first;
        *ret_next = from;
        if (first == from && n == 0)
                return true;
        if (first != from) { /* forgotten: only all of it helps */
                AUTO_LOCK(&l->lock);

                l->full_wanted = true;
                return false;
        }
        if (send_changes(l, &q, n, &accepted, &durable, &err) != BDFS_OK) {
                namenode_trouble(l, "report", &err);
                return false;
        }
        AUTO_LOCK(&l->lock);
        if (!accepted && l->epoch == epoch)
                l->registered = false;
        if (accepted && durable > l->durable)
                l->durable = durable;
        *ret_next = from + n;
        return accepted;
}

bool namenode_report(struct namenode_link *l, uint64_t next, int64_t deadline_ms)
{
        AUTO_LOCK(&l->lock);

        while (l->registered && l->connected && !l->stop && l->next < next) {
                uint64_t from = l->next, to = from;
                uint32_t number = l->number;
                uint64_t epoch = l->epoch;
                bool good;

                if (l->sending) {
                        if (!os_cond_wait(&l->changed, &l->lock, deadline_ms))
                                break;
                        continue;
                }
                l->sending = true;
                os_mutex_unlock(&l->lock);
                good = send_from(l, from, number, epoch, &to);
                os_mutex_lock(&l->lock);
                l->sending = false;
                if (good && l->next == from)
                        l->next = to;
                os_cond_broadcast(&l->changed);
                if (!good)
                        break;
        }
        return l->next >= next;
}

bool namenode_links_report(struct datanode *dn, uint64_t change, int64_t deadline_ms)
{
        bool all = true;

        for (size_t i = 0; i < dn->links_n; i++)
                all = namenode_report(dn->links[i], change + 1, deadline_ms) && all;
        return all;
}

/* ---- full reports ------------------------------------------------------------------------- */

static bool send_page(struct namenode_link *l, Bdfs__FullReportRequest *q,
                      const struct replica_entry *rows, size_t n)
{
        AUTO_FREE uint64_t *numbers = calloc(3 * n + 1, sizeof(*numbers));
        AUTO_FREE uint32_t *states = calloc(n + 1, sizeof(*states));
        Bdfs__FullReportResponse *r;
        struct bdfs_err err;
        bool accepted;

        if (numbers == NULL || states == NULL)
                return false; /* tried again */
        for (size_t i = 0; i < n; i++) {
                numbers[i] = rows[i].block;
                numbers[n + i] = rows[i].stamp;
                numbers[2 * n + i] = rows[i].length;
                states[i] = rows[i].state;
        }
        q->n_blocks = q->n_stamps = q->n_lengths = q->n_states = n;
        q->blocks = numbers;
        q->stamps = numbers + n;
        q->lengths = numbers + 2 * n;
        q->states = states;
        if (namenode_call(l, METHOD_BDFS_DATANODE_fullReport, &q->base, &r, &err) != BDFS_OK) {
                namenode_trouble(l, "full report", &err);
                return false;
        }
        accepted = r->accepted;
        message_free(r);
        return accepted;
}

static bool send_pages(struct namenode_link *l, const struct replica_entry *rows, size_t n,
                       uint64_t at)
{
        Bdfs__FullReportRequest q = BDFS__FULL_REPORT_REQUEST__INIT;
        size_t done = 0;

        os_mutex_lock(&l->lock);
        q.number = l->number;
        q.epoch = l->epoch;
        os_mutex_unlock(&l->lock);
        q.log_id = report_log_id(namenode_log(l));
        q.at = at;
        q.first_page = true;
        do {
                size_t page = n - done < REPORT_PAGE_MAX ? n - done : REPORT_PAGE_MAX;

                q.last_page = done + page == n;
                if (!send_page(l, &q, rows + done, page))
                        return false;
                if (q.first_page) {
                        AUTO_LOCK(&l->lock);

                        if (l->next < at) /* from here on changes count */
                                l->next = at;
                        os_cond_broadcast(&l->changed);
                }
                q.first_page = false;
                done += page;
        } while (done < n);
        return true;
}

bool namenode_full_report(struct namenode_link *l)
{
        AUTO_FREE struct replica_entry *rows = NULL;
        struct bdfs_err err;
        uint64_t at;
        size_t n;
        bool good;

        if (dataset_snapshot(l->dn->dataset, &rows, &n, &at, &err) != BDFS_OK) {
                log_warn("full report failed error=%s", err.text);
                return false;
        }
        good = send_pages(l, rows, n, at);
        AUTO_LOCK(&l->lock);
        if (good)
                l->full_wanted = false;
        else if (l->connected)
                l->registered = false;
        if (good)
                log_info("full report sent namenode=%s replicas=%zu", l->name, n);
        return good;
}

void namenode_links_full_report(struct datanode *dn)
{
        for (size_t i = 0; i < dn->links_n; i++) {
                struct namenode_link *l = dn->links[i];
                AUTO_LOCK(&l->lock);

                l->full_wanted = true;
                os_cond_broadcast(&l->changed);
        }
}
