#include "exec/agent/shuffle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/records/collect.h"
#include "net/rpc_client.h"
#include "proto/message.h"

#define FETCH_MS 30000
#define NO_MAP UINT32_MAX

struct source {                 /* one segment: of a map's output, or of a file that was merged */
        struct shuffle *shuffle;
        const Bdfs__MapOutput *output; /* NULL: a merged file */
        struct segment_in in;   /* of what is on this machine */
        bool local;
        struct segment_entry entry;
        uint8_t *first;         /* its first piece, when it was fetched */
        size_t first_n;
};

struct shuffle {
        struct attempt *at;
        const Bdfs__StartAttemptRequest *q;
        struct rpc_client **peers;     /* one for each agent, when it was needed */
        struct source *sources;        /* SHUFFLE_WIDTH at most */
        struct segment_reader *readers; /* of the sources that are not empty */
        size_t *source_of;             /* of each reader */
        size_t sources_n, readers_n;
        struct merge *merge;
        uint32_t lost;
        unsigned files, files_done;    /* merged ones: made; used up */
        uint64_t stored;               /* of all that was opened */
        uint64_t budget;               /* that is left to the readers, for long records */
};

/* ---- where a segment is ------------------------------------------------------------------- */

static bool is_here(const struct shuffle *s, const Bdfs__MapOutput *o)
{
        const struct agent *a = s->at->job->agent;
        const Bdfs__AgentAddress *addr = s->q->agents[o->agent];

        return addr->port == rpc_server_port(a->server, RPC_OWN) &&
               strcmp(addr->host, a->conf->listen) == 0;
}

static enum bdfs_status peer(struct shuffle *s, uint32_t agent, struct rpc_client **ret,
                             struct bdfs_err *err)
{
        const Bdfs__AgentAddress *a = s->q->agents[agent];
        struct os_addr addr = {.port = (uint16_t)a->port};

        if ((size_t)snprintf(addr.host, sizeof(addr.host), "%s", a->host) >= sizeof(addr.host) ||
            a->port > UINT16_MAX)
                return bdfs_fail(err, BDFS_INVALID, "%s:%u is no address", a->host, a->port);
        if (s->peers[agent] == NULL) {
                if (rpc_client_new(&s->peers[agent], &addr, s->at->job->user, err) != BDFS_OK)
                        return err->status;
                rpc_client_expect(s->peers[agent], os_own_uid());
        }
        *ret = s->peers[agent];
        return BDFS_OK;
}

/* One call for pieces of the segments @wanted, all kept by one agent. */
static enum bdfs_status fetch(struct shuffle *s, uint32_t agent, Bdfs__SegmentWanted **wanted,
                              size_t n, Bdfs__FetchResponse **ret, struct bdfs_err *err)
{
        Bdfs__FetchRequest q = BDFS__FETCH_REQUEST__INIT;
        struct rpc_client *c = NULL;
        ProtobufCMessage *m;

        q.job = s->at->job->id;
        q.partition = s->q->task;
        q.wanted = wanted;
        q.n_wanted = n;
        if (peer(s, agent, &c, err) != BDFS_OK)
                return err->status;
        if (rpc_client_call(c, method_of(METHOD_BDFS_AGENT_fetch), &q.base, &m,
                            os_mono_ms() + FETCH_MS, err) != BDFS_OK)
                return bdfs_wrap(err, "agent %s:%u", s->q->agents[agent]->host,
                                 s->q->agents[agent]->port);
        *ret = (Bdfs__FetchResponse *)m;
        if ((*ret)->n_pieces > 0 && (*ret)->n_pieces <= n)
                return BDFS_OK;
        message_free(m);
        return bdfs_fail(err, BDFS_PROTOCOL, "agent %s:%u: its answer makes no sense",
                         s->q->agents[agent]->host, s->q->agents[agent]->port);
}

static void want(const struct source *src, uint64_t offset, size_t bytes,
                 Bdfs__SegmentWanted *ret)
{
        bdfs__segment_wanted__init(ret);
        ret->map = src->output->map;
        ret->attempt = src->output->attempt;
        ret->offset = offset;
        ret->bytes = (uint32_t)bytes;
}

/* ---- reading a segment -------------------------------------------------------------------- */

static enum bdfs_status read_remote(struct source *src, uint64_t offset, uint8_t *to, size_t n,
                                    size_t *ret, struct bdfs_err *err)
{
        Bdfs__SegmentWanted w, *list = &w;
        Bdfs__FetchResponse *r;
        const ProtobufCBinaryData *d;
        enum bdfs_status rc = BDFS_OK;

        want(src, offset, n < SHUFFLE_PIECE_BYTES ? n : SHUFFLE_PIECE_BYTES, &w);
        if (fetch(src->shuffle, src->output->agent, &list, 1, &r, err) != BDFS_OK)
                return err->status;
        d = &r->pieces[0]->data;
        if (d->len == 0 || d->len > w.bytes || r->pieces[0]->stored != src->entry.stored)
                rc = bdfs_fail(err, BDFS_PROTOCOL, "a piece of a segment makes no sense");
        else
                memcpy(to, d->data, *ret = d->len);
        message_free(r);
        return rc;
}

static enum bdfs_status read_source(void *arg, uint64_t offset, uint8_t *to, size_t n, size_t *ret,
                                    struct bdfs_err *err)
{
        struct source *src = arg;
        struct attempt_counts *c = &src->shuffle->at->counts;
        enum bdfs_status rc = BDFS_OK;

        if (src->local) {
                rc = segment_in_read(&src->in, &src->entry, offset, to, n, ret, err);
        } else if (offset < src->first_n) {
                *ret = src->first_n - (size_t)offset < n ? src->first_n - (size_t)offset : n;
                memcpy(to, src->first + offset, *ret);
        } else {
                rc = read_remote(src, offset, to, n, ret, err);
        }
        if (rc == BDFS_OK && src->output != NULL) {
                atomic_fetch_add(&c->bytes_in, *ret);
                atomic_fetch_add(src->local ? &c->bytes_local : &c->bytes_remote, *ret);
        }
        return rc;
}

/* ---- opening a group of segments ---------------------------------------------------------- */

static void unload(struct shuffle *s)
{
        merge_free(s->merge);
        s->merge = NULL;
        for (size_t i = 0; i < s->readers_n; i++)
                segment_reader_fini(&s->readers[i]);
        for (size_t i = 0; i < s->sources_n; i++) {
                segment_in_close(&s->sources[i].in);
                free(s->sources[i].first);
        }
        s->readers_n = s->sources_n = 0;
}

static enum bdfs_status open_local(struct source *src, const char *path, uint32_t partition,
                                   struct bdfs_err *err)
{
        src->local = true;
        if (segment_in_open(&src->in, path, err) != BDFS_OK)
                return err->status;
        return segment_in_entry(&src->in, partition, &src->entry, err);
}

/* What a piece says of its segment, and its bytes. */
static enum bdfs_status take_first(struct source *src, const Bdfs__SegmentPiece *p,
                                   struct bdfs_err *err)
{
        if (p->data.len > SHUFFLE_PIECE_BYTES || p->data.len > p->stored ||
            (p->stored > 0 && p->data.len == 0) || (p->stored == 0) != (p->raw == 0))
                return bdfs_fail(err, BDFS_PROTOCOL, "a piece of a segment makes no sense");
        src->entry = (struct segment_entry){.stored = p->stored, .raw = p->raw, .crc = p->crc,
                                            .frames = p->frames};
        if (p->data.len == 0)
                return BDFS_OK;
        src->first = malloc(p->data.len);
        if (src->first == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a piece of a segment");
        memcpy(src->first, p->data.data, p->data.len);
        src->first_n = p->data.len;
        return BDFS_OK;
}

/* The first pieces of all sources that @agent keeps. */
static enum bdfs_status first_pieces(struct shuffle *s, uint32_t agent, struct bdfs_err *err)
{
        Bdfs__SegmentWanted wanted[SHUFFLE_WIDTH], *list[SHUFFLE_WIDTH];
        size_t which[SHUFFLE_WIDTH], n = 0;
        enum bdfs_status rc = BDFS_OK;

        for (size_t i = 0; i < s->sources_n; i++) {
                const struct source *src = &s->sources[i];

                if (src->local || src->output->agent != agent)
                        continue;
                want(src, 0, SHUFFLE_PIECE_BYTES, &wanted[n]);
                list[n] = &wanted[n];
                which[n++] = i;
        }
        for (size_t done = 0; rc == BDFS_OK && done < n;) {
                Bdfs__FetchResponse *r;

                s->lost = wanted[done].map;
                rc = fetch(s, agent, list + done, n - done, &r, err);
                if (rc != BDFS_OK)
                        break;
                for (size_t i = 0; rc == BDFS_OK && i < r->n_pieces; i++)
                        rc = take_first(&s->sources[which[done + i]], r->pieces[i], err);
                done += r->n_pieces;
                message_free(r);
        }
        return rc;
}

static enum bdfs_status start_readers(struct shuffle *s, struct bdfs_err *err)
{
        s->budget = MERGE_BYTES_MAX;
        for (size_t i = 0; i < s->sources_n; i++) {
                struct source *src = &s->sources[i];

                if (src->entry.stored == 0)
                        continue;
                if (segment_reader_init(&s->readers[s->readers_n], &src->entry, read_source, src,
                                        err) != BDFS_OK)
                        return err->status;
                s->readers[s->readers_n].budget = &s->budget;
                s->source_of[s->readers_n++] = i;
                s->stored += src->entry.stored;
        }
        return merge_new(&s->merge, s->readers, s->readers_n, err);
}

/* The outputs [first, first + n). */
static enum bdfs_status load_outputs(struct shuffle *s, size_t first, size_t n,
                                     struct bdfs_err *err)
{
        bool remote = false;

        for (size_t i = 0; i < n; i++) {
                struct source *src = &s->sources[s->sources_n++];
                char path[PATH_MAX];

                *src = (struct source){.shuffle = s, .output = s->q->outputs[first + i]};
                if (!is_here(s, src->output)) {
                        remote = true;
                        continue;
                }
                s->lost = src->output->map;
                shuffle_map_path(&s->at->job->dirs, src->output->map, src->output->attempt, path);
                if (open_local(src, path, s->q->task, err) != BDFS_OK)
                        return bdfs_wrap(err, "output of map %u", src->output->map);
        }
        for (uint32_t a = 0; remote && a < s->q->n_agents; a++) {
                if (first_pieces(s, a, err) != BDFS_OK)
                        return err->status;
        }
        s->lost = NO_MAP;
        return start_readers(s, err);
}

/* ---- many maps ---------------------------------------------------------------------------- */

static void file_path(const struct shuffle *s, unsigned number, char ret[PATH_MAX])
{
        (void)snprintf(ret, PATH_MAX, "%s/r%06u_%u.%u", s->at->job->dirs.dir, s->q->task,
                       s->q->attempt, number);
}

/* The merged files that were not used up, at most SHUFFLE_WIDTH of them. */
static enum bdfs_status load_files(struct shuffle *s, size_t n, struct bdfs_err *err)
{
        for (size_t i = 0; i < n; i++) {
                struct source *src = &s->sources[s->sources_n++];
                char path[PATH_MAX];

                *src = (struct source){.shuffle = s};
                file_path(s, s->files_done + (unsigned)i, path);
                if (open_local(src, path, 0, err) != BDFS_OK)
                        return err->status;
        }
        return start_readers(s, err);
}

/* What is loaded, into one more file. */
static enum bdfs_status merge_to_file(struct shuffle *s, struct bdfs_err *err)
{
        struct segment_out *out;
        char path[PATH_MAX];
        enum bdfs_status rc;
        uint64_t bytes;

        file_path(s, s->files, path);
        rc = segment_out_new(&out, path, 1, err);
        if (rc != BDFS_OK)
                return rc;
        s->files++;
        rc = segment_out_begin(out, 0, err);
        if (rc == BDFS_OK)
                rc = collect_copy(s->merge, out, err);
        if (rc == BDFS_OK)
                rc = segment_out_finish(out, &bytes, err);
        segment_out_free(out);
        return rc;
}

static void drop_files(struct shuffle *s, size_t n)
{
        char path[PATH_MAX];

        for (; n > 0; n--) {
                file_path(s, s->files_done++, path);
                segment_file_remove(path);
        }
}

/* Order is kept: files are made of neighbours, and a round uses up all that the one before made. */
static enum bdfs_status load_all(struct shuffle *s, struct bdfs_err *err)
{
        size_t n = s->q->n_outputs;

        if (n <= SHUFFLE_WIDTH)
                return load_outputs(s, 0, n, err);
        for (size_t at = 0; at < n; at += SHUFFLE_WIDTH) {
                size_t part = n - at < SHUFFLE_WIDTH ? n - at : SHUFFLE_WIDTH;

                if (load_outputs(s, at, part, err) != BDFS_OK || merge_to_file(s, err) != BDFS_OK)
                        return err->status;
                unload(s);
        }
        while (s->files - s->files_done > SHUFFLE_WIDTH) {
                size_t round = s->files - s->files_done;

                while (round > 0) {
                        size_t part = round < SHUFFLE_WIDTH ? round : SHUFFLE_WIDTH;

                        if (load_files(s, part, err) != BDFS_OK ||
                            merge_to_file(s, err) != BDFS_OK)
                                return err->status;
                        unload(s);
                        drop_files(s, part);
                        round -= part;
                }
        }
        s->stored = 0;
        return load_files(s, s->files - s->files_done, err);
}

/* ---- the whole ---------------------------------------------------------------------------- */

enum bdfs_status shuffle_open(struct shuffle **ret, struct attempt *at, struct bdfs_err *err)
{
        struct shuffle *s = calloc(1, sizeof(*s));

        if (s == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        s->at = at;
        s->q = at->request;
        s->lost = NO_MAP;
        *ret = s; /* the caller asks it whose output failed, and closes it */
        s->peers = calloc(s->q->n_agents + 1, sizeof(*s->peers));
        s->sources = calloc(SHUFFLE_WIDTH, sizeof(*s->sources));
        s->readers = calloc(SHUFFLE_WIDTH, sizeof(*s->readers));
        s->source_of = calloc(SHUFFLE_WIDTH, sizeof(*s->source_of));
        if (s->peers == NULL || s->sources == NULL || s->readers == NULL || s->source_of == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        return load_all(s, err);
}

void shuffle_close(struct shuffle *s)
{
        if (s == NULL)
                return;
        unload(s);
        drop_files(s, s->files - s->files_done);
        for (size_t i = 0; s->peers != NULL && i < s->q->n_agents; i++)
                rpc_client_free(s->peers[i]);
        free(s->peers);
        free(s->sources);
        free(s->readers);
        free(s->source_of);
        free(s);
}

bool shuffle_empty(const struct shuffle *s)
{
        return s->stored == 0;
}

enum bdfs_status shuffle_next(struct shuffle *s, struct segment_run *ret, bool *ret_end,
                              struct bdfs_err *err)
{
        return merge_next(s->merge, ret, ret_end, err);
}

bool shuffle_lost_map(const struct shuffle *s, uint32_t *ret)
{
        const struct source *src;

        if (s->lost != NO_MAP) {
                *ret = s->lost;
                return true;
        }
        if (s->merge == NULL || s->readers_n == 0)
                return false;
        src = &s->sources[s->source_of[merge_failed(s->merge)]];
        if (src->output == NULL)
                return false;
        *ret = src->output->map;
        return true;
}
