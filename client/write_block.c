/*
 * The newest block of a file that is being written: asked for, its pipeline set up, sent to,
 * finished. Knows nothing of turns: the caller has its own.
 */
#include <stdio.h>

#include "client/write_inside.h"

#define SETUP_TRIES 4
#define ADD_BLOCK_WAIT_MS 100

Hadoop__ExtendedBlockProto *write_block_last(struct file_writer *w)
{
        if (!w->has_block)
                return NULL;
        w->last.has_numbytes = 1;
        w->last.numbytes = w->in_block;
        return &w->last;
}

static void remember_block(struct file_writer *w, const Hadoop__ExtendedBlockProto *b)
{
        (void)snprintf(w->pool, sizeof(w->pool), "%s", b->poolid);
        w->last.poolid = w->pool;
        w->last.blockid = b->blockid;
        w->last.generationstamp = b->generationstamp;
}

void write_block_given(struct file_writer *w, ProtobufCMessage *answer,
                       Hadoop__LocatedBlockProto *first)
{
        BDFS_ASSERT(!w->has_block && w->answer == NULL);
        w->answer = answer;
        w->first = first;
        w->has_block = true;
        remember_block(w, first->b);
}

struct excluded {
        Hadoop__DatanodeInfoProto *nodes[SETUP_TRIES];
        ProtobufCMessage *answers[SETUP_TRIES]; /* which own them */
        size_t n;
        struct bdfs_err why; /* the last of them */
};

static enum bdfs_status add_block(struct file_writer *w, const struct excluded *x,
                                  ProtobufCMessage **ret, struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + w->fs->timeout_ms, wait = ADD_BLOCK_WAIT_MS;
        Hadoop__AddBlockRequestProto q = HADOOP__ADD_BLOCK_REQUEST_PROTO__INIT;
        enum bdfs_status rc;

        q.src = w->path;
        q.clientname = w->fs->client_name;
        q.previous = write_block_last(w);
        q.has_fileid = 1;
        q.fileid = w->file_id;
        q.excludenodes = (Hadoop__DatanodeInfoProto **)(uintptr_t)x->nodes;
        q.n_excludenodes = x->n;
        for (;;) {
                rc = fs_call(w->fs, METHOD_CLIENT_addBlock, &q.base, ret, err);
                if (rc != BDFS_NOT_REPLICATED || os_mono_ms() + wait > deadline)
                        return rc;
                os_sleep_ms(wait);
                wait *= 2;
        }
}

static void abandon_block(struct file_writer *w, Hadoop__ExtendedBlockProto *b)
{
        Hadoop__AbandonBlockRequestProto q = HADOOP__ABANDON_BLOCK_REQUEST_PROTO__INIT;
        struct bdfs_err err;

        q.b = b;
        q.src = w->path;
        q.holder = w->fs->client_name;
        q.has_fileid = 1;
        q.fileid = w->file_id;
        /* if it fails the next addBlock is answered with the same block again */
        BDFS_IGNORE(fs_call_only(w->fs, METHOD_CLIENT_abandonBlock, &q.base, &err));
}

/* The namenode knows no more nodes; what those said that were tried is the reason. */
static enum bdfs_status none_left(const struct excluded *x, struct bdfs_err *err)
{
        struct bdfs_err last = *err;

        return bdfs_fail(err, x->why.status == BDFS_NO_SPACE ? BDFS_NO_SPACE : last.status,
                         "%.500s (%.400s)", last.text, x->why.text);
}

/* Others are full, and so few are left that the block would never count as durable. */
static bool is_alone_for_space(const struct file_writer *w, const struct excluded *x,
                               const Hadoop__LocatedBlockProto *l)
{
        return x->n > 0 && x->why.status == BDFS_NO_SPACE && !w->fs->hadoop &&
               l->n_locs < DURABLE_REPLICAS_MIN && l->n_locs < w->opened.replication;
}

/* The block that was given before, once, or else a new one. *ret owns it. */
static enum bdfs_status next_block(struct file_writer *w, const struct excluded *x,
                                   ProtobufCMessage **ret, Hadoop__LocatedBlockProto **ret_block,
                                   struct bdfs_err *err)
{
        if (w->first != NULL) {
                *ret = w->answer;
                *ret_block = w->first;
                w->answer = NULL;
                w->first = NULL;
                w->has_block = false; /* should its pipeline fail, it goes */
                return BDFS_OK;
        }
        if (add_block(w, x, ret, err) != BDFS_OK)
                return err->status;
        *ret_block = ((Hadoop__AddBlockResponseProto *)*ret)->block;
        return BDFS_OK;
}

/* A new block with a pipeline that stands; nodes that fail are left out in the next try. */
enum bdfs_status write_block_open(struct file_writer *w, struct bdfs_err *err)
{
        struct excluded x = {0};
        enum bdfs_status rc = BDFS_FAILED;

        while (x.n < SETUP_TRIES) {
                struct block_writer_open o = {.block_size = w->block_size};
                ProtobufCMessage *m;
                Hadoop__LocatedBlockProto *l = NULL;
                bool given = w->first != NULL;
                int bad;

                rc = next_block(w, &x, &m, &l, err);
                if (rc != BDFS_OK && x.n > 0)
                        rc = none_left(&x, err);
                if (rc != BDFS_OK)
                        break;
                o.block = l;
                rc = block_writer_open(&w->block, w->fs, &o, &bad, err);
                if (rc == BDFS_OK && is_alone_for_space(w, &x, l)) {
                        block_writer_close(&w->block);
                        abandon_block(w, l->b);
                        message_free(m);
                        rc = bdfs_fail(err, BDFS_NO_SPACE, "only %zu of the datanodes can take a "
                                       "block (%.400s)", l->n_locs, x.why.text);
                        break;
                }
                if (rc == BDFS_OK) {
                        remember_block(w, l->b);
                        w->has_block = w->block_open = true;
                        w->in_block = 0;
                        w->flushed_first = false;
                        message_free(m);
                        break;
                }
                abandon_block(w, l->b);
                if (given && rc == BDFS_TOKEN) { /* it was given long ago */
                        message_free(m);
                        continue;
                }
                x.why = *err;
                x.answers[x.n] = m;
                x.nodes[x.n] = l->locs[bad < 0 ? 0 : bad];
                x.n++;
                if (l->n_locs == 0)
                        break;
        }
        for (size_t i = 0; i < x.n; i++)
                message_free(x.answers[i]);
        return rc;
}

enum bdfs_status write_block_send(struct file_writer *w, bool sync, struct bdfs_err *err)
{
        size_t n = w->buffered;

        if (n == 0 && !sync)
                return BDFS_OK;
        w->buffered = 0;
        fs_count(w->fs, 0, 0, n);
        return block_writer_send(&w->block, w->buffer, n, sync, err);
}

enum bdfs_status write_block_finish(struct file_writer *w, struct bdfs_err *err)
{
        enum bdfs_status rc = write_block_send(w, false, err);

        if (rc == BDFS_OK)
                rc = block_writer_finish(&w->block, err);
        block_writer_close(&w->block);
        w->block_open = false;
        return rc;
}

/* ---- append ---------------------------------------------------------------------------------- */

static enum bdfs_status new_stamp(struct file_writer *w, Hadoop__LocatedBlockProto *partial,
                                  ProtobufCMessage **ret, struct bdfs_err *err)
{
        Hadoop__UpdateBlockForPipelineRequestProto q =
                HADOOP__UPDATE_BLOCK_FOR_PIPELINE_REQUEST_PROTO__INIT;

        q.block = partial->b;
        q.clientname = w->fs->client_name;
        return fs_call(w->fs, METHOD_CLIENT_updateBlockForPipeline, &q.base, ret, err);
}

static enum bdfs_status update_pipeline(struct file_writer *w,
                                        const Hadoop__LocatedBlockProto *partial,
                                        Hadoop__ExtendedBlockProto *stamped, struct bdfs_err *err)
{
        Hadoop__UpdatePipelineRequestProto q = HADOOP__UPDATE_PIPELINE_REQUEST_PROTO__INIT;
        Hadoop__DatanodeIDProto *ids[PIPELINE_NODES_MAX];

        for (size_t i = 0; i < partial->n_locs; i++)
                ids[i] = partial->locs[i]->id;
        q.clientname = w->fs->client_name;
        q.oldblock = partial->b;
        q.newblock = stamped;
        q.newnodes = ids;
        q.n_newnodes = partial->n_locs;
        q.storageids = partial->storageids;
        q.n_storageids = partial->n_storageids;
        return fs_call_only(w->fs, METHOD_CLIENT_updatePipeline, &q.base, err);
}

/* Apache HDFS gives the last, partly filled block back to be written on; bdfs never does. */
enum bdfs_status write_block_reopen(struct file_writer *w, Hadoop__LocatedBlockProto *partial,
                                    struct bdfs_err *err)
{
        struct block_writer_open o = {.block = partial, .old_stamp = partial->b->generationstamp,
                                      .length = partial->b->numbytes, .block_size = w->block_size};
        Hadoop__LocatedBlockProto stamped = *partial;
        Hadoop__ExtendedBlockProto block = *partial->b;
        ProtobufCMessage *m;
        enum bdfs_status rc;
        int bad;

        if (partial->n_locs > PIPELINE_NODES_MAX)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "more than %d replicas",
                                 PIPELINE_NODES_MAX);
        if (new_stamp(w, partial, &m, err) != BDFS_OK)
                return err->status;
        block.generationstamp =
                ((Hadoop__UpdateBlockForPipelineResponseProto *)m)->block->b->generationstamp;
        stamped.b = &block;
        stamped.blocktoken = ((Hadoop__UpdateBlockForPipelineResponseProto *)m)->block->blocktoken;
        o.block = &stamped;
        rc = block_writer_open(&w->block, w->fs, &o, &bad, err);
        if (rc == BDFS_OK) {
                w->block_open = true;
                rc = update_pipeline(w, partial, &block, err);
        }
        if (rc == BDFS_OK) {
                remember_block(w, &block);
                w->has_block = true;
                w->in_block = o.length;
        }
        message_free(m);
        return rc;
}
