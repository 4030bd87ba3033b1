/* A reduce attempt: the merged outputs of all maps through the command, into a file. */
#include <stdlib.h>
#include <string.h>

#include "exec/agent/attempt.h"
#include "exec/agent/shuffle.h"

#define TEXT_BYTES ((size_t)512 * 1024)

struct reduce {
        struct shuffle *shuffle;
        struct segment_run run;  /* records not given out yet: run.count */
        bool ended;
        uint8_t *text;           /* what the command is given next */
        size_t room;
        uint64_t records;
};

static bool fail_fetch(struct run *r, const struct shuffle *s, const struct bdfs_err *err)
{
        uint32_t map;

        /* what is too large for us here will not be smaller when the map has run again */
        if (err->status == BDFS_LIMIT || s == NULL || !shuffle_lost_map(s, &map))
                return run_fail(r, err->status == BDFS_NO_SPACE
                                           ? BDFS__ATTEMPT_REASON__REASON_SCRATCH
                                           : BDFS__ATTEMPT_REASON__REASON_AGENT, err);
        r->at->fetch_map = map;
        return run_fail(r, BDFS__ATTEMPT_REASON__REASON_FETCH, err);
}

/* ---- runs to lines ------------------------------------------------------------------------ */

static size_t line_bytes(const struct segment_run *run)
{
        return run->key_n + (run->tab ? 1 + run->value_n : 0) + 1;
}

static void put_line(uint8_t *to, const struct segment_run *run)
{
        memcpy(to, run->key, run->key_n);
        to += run->key_n;
        if (run->tab) {
                *to++ = '\t';
                if (run->value_n > 0)
                        memcpy(to, run->value, run->value_n);
                to += run->value_n;
        }
        *to = '\n';
}

/* As many of the run's lines as fit @room; returns how many bytes. */
static size_t put_lines(uint8_t *to, size_t room, struct segment_run *run)
{
        size_t line = line_bytes(run), fit = room / line, n, done;

        if (fit > run->count)
                fit = (size_t)run->count;
        if (fit == 0)
                return 0;
        put_line(to, run);
        n = fit * line;
        for (done = line; done < n;) { /* what is there, twice as much each time */
                size_t part = done < n - done ? done : n - done;

                memcpy(to + done, to, part);
                done += part;
        }
        run->count -= fit;
        return n;
}

/* A line that is larger than the text gets a larger text. */
static enum bdfs_status make_room(struct reduce *d, struct bdfs_err *err)
{
        size_t line = line_bytes(&d->run);
        uint8_t *more;

        if (line <= d->room)
                return BDFS_OK;
        more = realloc(d->text, line);
        if (more == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a line of %zu bytes", line);
        d->text = more;
        d->room = line;
        return BDFS_OK;
}

static enum bdfs_status fill_text(struct reduce *d, size_t *ret_n, struct bdfs_err *err)
{
        size_t n = 0, got;

        for (;;) {
                if (d->run.count == 0) {
                        if (d->ended)
                                break;
                        if (shuffle_next(d->shuffle, &d->run, &d->ended, err) != BDFS_OK)
                                return err->status;
                        if (d->ended) {
                                d->run.count = 0;
                                break;
                        }
                        d->records += d->run.count;
                }
                got = put_lines(d->text + n, d->room - n, &d->run);
                n += got;
                if (got > 0)
                        continue;
                if (n > 0)
                        break;
                if (make_room(d, err) != BDFS_OK)
                        return err->status;
        }
        *ret_n = n;
        return BDFS_OK;
}

static enum bdfs_status fill(struct run *r, const uint8_t **ret, size_t *ret_n,
                             struct bdfs_err *err)
{
        struct reduce *d = r->source;

        if (fill_text(d, ret_n, err) != BDFS_OK) {
                (void)fail_fetch(r, d->shuffle, err);
                return err->status;
        }
        *ret = d->text;
        atomic_store(&r->at->counts.records_in, d->records);
        return BDFS_OK;
}

/* ---- the attempt -------------------------------------------------------------------------- */

/* A reducer without input is not run: its part is empty. */
static bool reduce(struct run *r, struct reduce *d)
{
        char path[PATH_MAX];
        bool ok;

        run_output_path(r, path);
        sink_to_file(&r->sink, r->job->fs, path);
        r->source = d;
        r->fill = fill;
        ok = (shuffle_empty(d->shuffle) || run_command(r, r->job->request->reduce)) &&
             run_finish_file(r);
        sink_fini(&r->sink);
        return ok;
}

bool attempt_reduce(struct run *r)
{
        struct reduce d = {.text = malloc(TEXT_BYTES), .room = TEXT_BYTES};
        struct bdfs_err err;
        bool ok;

        if (d.text == NULL) {
                (void)bdfs_fail(&err, BDFS_NO_MEMORY, "no memory");
                return run_fail(r, BDFS__ATTEMPT_REASON__REASON_AGENT, &err);
        }
        if (shuffle_open(&d.shuffle, r->at, &err) != BDFS_OK)
                ok = fail_fetch(r, d.shuffle, &err);
        else
                ok = reduce(r, &d);
        shuffle_close(d.shuffle);
        free(d.text);
        return ok;
}
