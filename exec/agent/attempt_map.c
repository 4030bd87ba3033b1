/* A map attempt: the records of a split through the command, sorted for reducers or into a file. */
#include <stdio.h>
#include <string.h>

#include "exec/agent/attempt.h"
#include "exec/agent/shuffle.h"

static Bdfs__AttemptReason input_reason(enum bdfs_status status)
{
        switch ((int)status) {
        case BDFS_STALE_GENSTAMP: return BDFS__ATTEMPT_REASON__REASON_CHANGED;
        case BDFS_CORRUPT: return BDFS__ATTEMPT_REASON__REASON_CORRUPT;
        default: return BDFS__ATTEMPT_REASON__REASON_INPUT;
        }
}

static void count(struct run *r, const struct input *in)
{
        struct attempt_counts *c = &r->at->counts;
        struct input_count n;

        input_counted(in, &n);
        atomic_store(&c->bytes_in, n.bytes);
        atomic_store(&c->bytes_local, n.local);
        atomic_store(&c->bytes_remote, n.remote);
        atomic_store(&c->descriptors, n.descriptors);
        atomic_store(&c->records_in, n.records);
}

static enum bdfs_status fill(struct run *r, const uint8_t **ret, size_t *ret_n,
                             struct bdfs_err *err)
{
        if (input_next(r->source, ret, ret_n, err) != BDFS_OK) {
                (void)run_fail(r, input_reason(err->status), err);
                return err->status;
        }
        count(r, r->source);
        return BDFS_OK;
}

/* With reducers: sort what comes, keep it as a file of segments. */
static bool map_to_segments(struct run *r)
{
        const struct agent_job *j = r->job;
        char path[PATH_MAX];
        struct collect_config config = {.path = path, .partitions = j->request->reduces,
                                        .buffer_bytes = (size_t)j->agent->conf->sort_buffer};
        struct collect *c;
        struct bdfs_err err;
        uint64_t bytes = 0;
        bool ok;

        shuffle_map_path(&j->dirs, r->request->task, r->request->attempt, path);
        if (collect_new(&c, &config, &err) != BDFS_OK)
                return run_fail(r, BDFS__ATTEMPT_REASON__REASON_AGENT, &err);
        sink_to_collect(&r->sink, c);
        ok = run_command(r, j->request->map);
        if (ok && (sink_finish(&r->sink, &err) != BDFS_OK ||
                   collect_finish(c, &bytes, &err) != BDFS_OK))
                ok = run_fail(r, err.status == BDFS_NO_SPACE ? BDFS__ATTEMPT_REASON__REASON_SCRATCH
                                                             : BDFS__ATTEMPT_REASON__REASON_AGENT,
                              &err);
        atomic_store(&r->at->counts.records_out, r->sink.count.records);
        atomic_store(&r->at->counts.bytes_out, bytes);
        sink_fini(&r->sink);
        collect_free(c);
        return ok;
}

static bool map_to_file(struct run *r)
{
        char path[PATH_MAX];
        bool ok;

        run_output_path(r, path);
        sink_to_file(&r->sink, r->job->fs, path);
        ok = run_command(r, r->job->request->map) && run_finish_file(r);
        sink_fini(&r->sink);
        return ok;
}

bool attempt_map(struct run *r)
{
        const Bdfs__MapInput *q = r->request->input;
        struct input_place place = {.fs = r->job->fs, .datanode = r->job->agent->conf->datanode,
                                    .socket_path = r->job->agent->conf->socket_path};
        struct input_spec spec = {.path = q->path, .inode = q->inode,
                                  .file_length = q->file_length, .start = q->start,
                                  .length = q->length, .pieces = r->at->pieces,
                                  .pieces_n = q->n_pieces};
        struct input *in;
        struct bdfs_err err;
        bool ok;

        if (q->codec != NULL) {
                spec.format = decode_by_name(q->codec);
                if (spec.format == DECODE_NONE) {
                        (void)bdfs_fail(&err, BDFS_UNSUPPORTED, "%s: this agent does not know the "
                                        "codec %s", q->path, q->codec);
                        return run_fail(r, BDFS__ATTEMPT_REASON__REASON_AGENT, &err);
                }
        }
        if (input_open(&in, &place, &spec, &err) != BDFS_OK)
                return run_fail(r, input_reason(err.status), &err);
        r->source = in;
        r->fill = fill;
        ok = r->job->request->reduces > 0 ? map_to_segments(r) : map_to_file(r);
        count(r, in);
        input_close(in);
        return ok;
}
