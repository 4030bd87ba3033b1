#include "namenode/apply/apply_internal.h"

#include <stdlib.h>

/*
 * From a record to the function that applies it. Statuses CORRUPT, IO, NO_SPACE and NO_MEMORY mean
 * that the transaction must be aborted; no check refuses with one of them.
 */

struct operation {
        const char *name;
        enum bdfs_status (*apply)(struct apply *a, struct bdfs_err *err);
};

static const struct operation operations[] = {
#define X(op, function) \
        [BDFS__JOURNAL_RECORD__OP_##op] = {#function, apply_op_##function},
        APPLY_OPS(X)
#undef X
};
#define OPERATIONS_N (sizeof(operations) / sizeof(operations[0]))

/* ---- the batch ------------------------------------------------------------------------------ */

struct apply_batch *apply_batch_new(void)
{
        struct apply_batch *b = calloc(1, sizeof(*b));

        if (b == NULL)
                return NULL;
        b->totals = totals_new();
        if (b->totals != NULL)
                return b;
        free(b);
        return NULL;
}

void apply_batch_free(struct apply_batch *b)
{
        if (b == NULL)
                return;
        totals_free(b->totals);
        freed_fini(&b->freed);
        free(b);
}

const uint64_t *apply_freed(const struct apply_batch *b, size_t *ret_n)
{
        *ret_n = b->freed.n;
        return b->freed.blocks;
}

void apply_batch_reset(struct apply_batch *b)
{
        totals_clear(b->totals);
        b->freed.n = 0;
        b->freed.retired_bytes = 0;
        b->loaded = b->counters_changed = false;
}

enum bdfs_status apply_flush(struct store_txn *t, struct apply_batch *b, struct bdfs_err *err)
{
        enum bdfs_status rc = totals_flush(t, b->totals, err);

        if (rc == BDFS_OK)
                rc = grace_flush(t, &b->freed, err);
        if (rc != BDFS_OK || !b->counters_changed)
                return rc;
        rc = table_put_counters(t, &b->counters, err);
        b->counters_changed = false;
        return rc;
}

static enum bdfs_status load(struct apply *a, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (a->b->loaded || a->record->op_case == BDFS__JOURNAL_RECORD__OP_FORMAT)
                return BDFS_OK;
        rc = table_get_format(a->t, &a->b->format, NULL);
        if (rc == BDFS_OK)
                rc = table_get_counters(a->t, &a->b->counters, NULL);
        if (rc != BDFS_OK)
                return bdfs_fail(err, rc == BDFS_NOT_FOUND ? BDFS_INVALID : rc,
                                 "the namespace is not formatted");
        a->b->loaded = true;
        return BDFS_OK;
}

/* ---- the record ----------------------------------------------------------------------------- */

static enum bdfs_status set_caller(struct apply *a, struct bdfs_err *err)
{
        static const struct ns_caller namenode = {.user = "", .superuser = true};
        const Bdfs__RecordCaller *c = a->record->caller;

        a->machine = "";
        a->who = namenode;
        if (c != NULL) {
                if (c->n_groups > APPLY_GROUPS_MAX || strlen(c->user) > USER_NAME_BYTES_MAX)
                        return bdfs_fail(err, BDFS_INVALID, "caller with %zu groups",
                                         c->n_groups);
                a->who = (struct ns_caller){.user = c->user,
                                            .groups = (const char *const *)c->groups,
                                            .groups_n = c->n_groups,
                                            .superuser = c->superuser};
                if (c->machine != NULL)
                        a->machine = c->machine;
        }
        return perm_load(a->t, &a->who, a->b->groups, &a->caller, err);
}

enum bdfs_status apply_fatal(enum bdfs_status rc, const char *what, struct bdfs_err *err)
{
        if (rc == BDFS_OK || rc == BDFS_CORRUPT || rc == BDFS_NEWER || rc == BDFS_IO ||
            rc == BDFS_NO_SPACE || rc == BDFS_NO_MEMORY)
                return rc;
        (void)bdfs_wrap(err, "%s stopped half-way", what);
        err->status = rc == BDFS_LIMIT ? BDFS_NO_MEMORY : BDFS_CORRUPT; /* a full transaction */
        return err->status;
}

static enum bdfs_status run(struct apply *a, struct bdfs_err *err)
{
        size_t op = (size_t)a->record->op_case;
        enum bdfs_status rc;

        if (op >= OPERATIONS_N || operations[op].apply == NULL)
                return bdfs_fail(err, BDFS_INVALID, "record without an operation this knows");
        rc = load(a, err);
        if (rc == BDFS_OK)
                rc = set_caller(a, err);
        if (rc != BDFS_OK)
                return rc;
        rc = operations[op].apply(a, err);
        return a->writing ? apply_fatal(rc, operations[op].name, err) : rc;
}

enum bdfs_status apply_record(struct store_txn *t, struct apply_batch *b,
                              const Bdfs__JournalRecord *record, Bdfs__OpResult **ret,
                              bool *ret_changed, struct bdfs_err *err)
{
        struct apply a = {.t = t, .b = b, .record = record, .now = record->time_ms};
        struct bdfs_err own;
        enum bdfs_status rc;

        b->freed.now_ms = record->time_ms;
        b->freed.at_once = false;
        a.result = malloc(sizeof(*a.result));
        if (a.result == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "result of a record");
        bdfs__op_result__init(a.result);
        rc = run(&a, err != NULL ? err : &own);
        if (rc != BDFS_OK) {
                bdfs__op_result__free_unpacked(a.result, NULL);
                return rc;
        }
        *ret = a.result;
        *ret_changed = a.writing;
        return BDFS_OK;
}

/* ---- results -------------------------------------------------------------------------------- */

void apply_value(struct apply *a, bool value)
{
        a->result->has_value = 1;
        a->result->value = value;
}

void apply_inode(struct apply *a, uint64_t inode)
{
        a->result->has_inode = 1;
        a->result->inode = inode;
}

enum bdfs_status apply_block(struct apply *a, const struct block *b, uint64_t length,
                             uint64_t offset, bool pipeline_only, struct bdfs_err *err)
{
        size_t n = pipeline_only ? b->pipeline_n : b->nodes_n;
        Bdfs__RecordBlock *block = malloc(sizeof(*block));
        uint32_t *nodes = n == 0 ? NULL : malloc(n * sizeof(*nodes));

        if (block == NULL || (nodes == NULL && n > 0)) {
                free(block);
                free(nodes);
                return bdfs_fail(err, BDFS_NO_MEMORY, "result of a record");
        }
        bdfs__record_block__init(block);
        block->id = b->id;
        block->stamp = b->stamp;
        block->length = length;
        if (n > 0)
                memcpy(nodes, b->nodes, n * sizeof(*nodes));
        a->result->block = block;
        a->result->nodes = nodes;
        a->result->n_nodes = n;
        a->result->has_offset = 1;
        a->result->offset = offset;
        return BDFS_OK;
}
