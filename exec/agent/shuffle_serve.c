/* Serving map outputs to reducers. */
#include <stdio.h>
#include <stdlib.h>

#include "exec/agent/shuffle.h"
#include "exec/records/segment_file.h"

void shuffle_map_path(const struct scratch_job *dirs, uint32_t map, uint32_t attempt,
                      char ret[PATH_MAX])
{
        (void)snprintf(ret, PATH_MAX, "%s/m%06u_%u", dirs->dir, map, attempt);
}

/* At most @room bytes of one segment into @data. */
static enum bdfs_status serve_one(struct agent_job *j, uint32_t partition,
                                  const Bdfs__SegmentWanted *w, uint8_t *data, size_t room,
                                  Bdfs__SegmentPiece *ret, struct bdfs_err *err)
{
        struct segment_in in;
        struct segment_entry e;
        char path[PATH_MAX];
        enum bdfs_status rc;
        size_t n = 0;

        shuffle_map_path(&j->dirs, w->map, w->attempt, path);
        if (segment_in_open(&in, path, err) != BDFS_OK)
                return bdfs_wrap(err, "output of map %u", w->map);
        rc = segment_in_entry(&in, partition, &e, err);
        if (rc == BDFS_OK && w->offset < e.stored)
                rc = segment_in_read(&in, &e, w->offset, data, room, &n, err);
        segment_in_close(&in);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "output of map %u", w->map);
        ret->stored = e.stored;
        ret->raw = e.raw;
        ret->crc = e.crc;
        ret->frames = e.frames;
        ret->data.data = data;
        ret->data.len = n;
        return BDFS_OK;
}

enum bdfs_status shuffle_serve(struct agent_job *j, const Bdfs__FetchRequest *request,
                               struct shuffle_answer *ret, struct bdfs_err *err)
{
        size_t n = request->n_wanted, used = 0;

        *ret = (struct shuffle_answer){.pieces = calloc(n + 1, sizeof(*ret->pieces)),
                                       .list = calloc(n + 1, sizeof(*ret->list)),
                                       .data = malloc(SHUFFLE_ANSWER_BYTES)};
        bdfs__fetch_response__init(&ret->response);
        ret->response.pieces = ret->list;
        if (ret->pieces == NULL || ret->list == NULL || ret->data == NULL) {
                shuffle_answer_fini(ret);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for a piece of a shuffle");
        }
        if (request->partition >= j->request->reduces)
                n = 0;
        for (size_t i = 0; i < n && used < SHUFFLE_ANSWER_BYTES; i++) {
                const Bdfs__SegmentWanted *w = request->wanted[i];
                size_t room = SHUFFLE_ANSWER_BYTES - used;

                bdfs__segment_piece__init(&ret->pieces[i]);
                if (room > w->bytes)
                        room = w->bytes;
                if (room == 0 || serve_one(j, request->partition, w, ret->data + used, room,
                                           &ret->pieces[i], err) != BDFS_OK)
                        break;
                used += ret->pieces[i].data.len;
                ret->list[ret->response.n_pieces++] = &ret->pieces[i];
        }
        if (ret->response.n_pieces > 0)
                return BDFS_OK; /* what failed is asked for again, first in its call */
        if (n == 0 || request->wanted[0]->bytes == 0)
                (void)bdfs_fail(err, BDFS_INVALID, "nothing that there is was asked for");
        shuffle_answer_fini(ret);
        return err->status;
}

void shuffle_answer_fini(struct shuffle_answer *a)
{
        free(a->pieces);
        free(a->list);
        free(a->data);
        *a = (struct shuffle_answer){.pieces = NULL};
}
