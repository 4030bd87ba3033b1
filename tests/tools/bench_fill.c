/*
 * bench_fill - many empty files in a stopped namenode's namespace, through its journal.
 *
 *   bench_fill DATA CLUSTER DIR FILES     DIR/dN/fN, 1,000 in a directory
 *
 * Prints how long it took. The records are those of create and complete.
 */
#include "common/os.h"
#include "tests/tools/bench_offline.h"

#define WINDOW 4096

struct slot {
        struct commit_request request; /* first: done() gets a pointer to it */
        Bdfs__JournalRecord record;
        Bdfs__CreateOp create;
        Bdfs__CompleteOp complete;
        char path[300];
        bool busy;
};

static struct os_mutex lock;
static struct os_cond less;
static struct bdfs_err failure;
static bool failed;

static void done(struct commit_request *request)
{
        struct slot *s = (struct slot *)request;
        AUTO_LOCK(&lock);

        if (request->status == BDFS_OK) {
                op_result_free(request->result);
        } else if (!failed) {
                failed = true;
                failure = request->err;
        }
        s->busy = false;
        os_cond_signal(&less);
}

static void wait_for(struct slot *s)
{
        AUTO_LOCK(&lock);

        while (s->busy)
                (void)os_cond_wait(&less, &lock, os_mono_ms() + 1000);
}

static void fill(struct slot *s, const struct offline *o, uint64_t i, const char *dir, bool create)
{
        ProtobufCBinaryData path;

        (void)snprintf(s->path, sizeof(s->path), "%s/d%llu/f%llu", dir,
                       (unsigned long long)(i / 1000), (unsigned long long)(i % 1000));
        path = (ProtobufCBinaryData){.data = (uint8_t *)s->path, .len = strlen(s->path)};
        s->request = (struct commit_request){.record = &s->record, .done = done};
        bdfs__journal_record__init(&s->record);
        s->record.caller = (Bdfs__RecordCaller *)(uintptr_t)&o->caller; /* only read */
        if (create) {
                bdfs__create_op__init(&s->create);
                s->create.path = path;
                s->create.mode = 0644;
                s->create.holder = (char *)(uintptr_t)"bench_fill";
                s->create.create = s->create.create_parent = 1;
                s->create.replication = 3;
                s->create.block_size = 128 * MIB;
                s->record.op_case = BDFS__JOURNAL_RECORD__OP_CREATE;
                s->record.create = &s->create;
        } else {
                bdfs__complete_op__init(&s->complete);
                s->complete.path = path;
                s->complete.holder = (char *)(uintptr_t)"bench_fill";
                s->record.op_case = BDFS__JOURNAL_RECORD__OP_COMPLETE;
                s->record.complete = &s->complete;
        }
        s->busy = true;
}

static enum bdfs_status fill_all(struct offline *o, const char *dir, uint64_t files,
                                 struct bdfs_err *err)
{
        struct slot *slots = calloc(WINDOW, sizeof(*slots));
        enum bdfs_status rc = BDFS_OK;

        if (slots == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        for (uint64_t i = 0; i < 2 * files && rc == BDFS_OK && !failed; i++) {
                struct slot *s = &slots[i % WINDOW];

                wait_for(s);
                fill(s, o, i / 2, dir, i % 2 == 0);
                rc = commit_submit(o->commit, &s->request, err);
                s->busy = rc == BDFS_OK;
        }
        for (size_t i = 0; i < WINDOW; i++)
                wait_for(&slots[i]);
        free(slots);
        if (rc == BDFS_OK && failed)
                *err = failure;
        return rc != BDFS_OK ? rc : failed ? err->status : BDFS_OK;
}

int main(int argc, char **argv)
{
        int64_t began = os_mono_ms();
        struct offline o = {0};
        struct bdfs_err err;
        enum bdfs_status rc;

        if (argc != 5) {
                (void)fprintf(stderr, "usage: bench_fill DATA CLUSTER DIR FILES\n");
                return 2;
        }
        os_mutex_init(&lock);
        os_cond_init(&less);
        rc = offline_open(&o, argv[1], argv[2], &err);
        if (rc == BDFS_OK) {
                rc = fill_all(&o, argv[3], strtoull(argv[4], NULL, 10), &err);
                if (rc == BDFS_OK)
                        rc = offline_close(&o, &err);
        }
        if (rc != BDFS_OK) {
                (void)fprintf(stderr, "bench_fill: %s\n", err.text);
                return 1;
        }
        (void)printf("%s files in %.1f s\n", argv[4], (double)(os_mono_ms() - began) / 1e3);
        return 0;
}
