/*
 * ask - one question to a namenode, for scripts.
 *
 *   ask CONF digest       state digest over all tables, and the journal's index
 *   ask CONF checkpoint   take one now; prints its index
 *   ask CONF stats        "under_replicated N missing N corrupt N pending_deletion N"
 *   ask CONF recover PATH end its writer's lease; prints "closed", or "open" while that goes on
 */
#include <stdio.h>
#include <string.h>

#include "client/fs.h"
#include "proto/bdfs_cluster.pb-c.h"

static int digest(struct bdfs *fs, struct bdfs_err *err)
{
        Bdfs__DigestRequest q = BDFS__DIGEST_REQUEST__INIT;
        const Bdfs__DigestResponse *r;
        ProtobufCMessage *m;

        if (fs_call(fs, METHOD_BDFS_CLIENT_digest, &q.base, &m, err) != BDFS_OK)
                return 1;
        r = (const void *)m;
        for (size_t i = 0; i < r->digest.len; i++)
                (void)printf("%02x", r->digest.data[i]);
        (void)printf(" %llu\n", (unsigned long long)r->index);
        message_free(m);
        return 0;
}

static int checkpoint(struct bdfs *fs, struct bdfs_err *err)
{
        Bdfs__CheckpointRequest q = BDFS__CHECKPOINT_REQUEST__INIT;
        ProtobufCMessage *m;

        if (fs_call(fs, METHOD_BDFS_CLIENT_checkpoint, &q.base, &m, err) != BDFS_OK)
                return 1;
        (void)printf("%llu\n", (unsigned long long)((Bdfs__CheckpointResponse *)m)->index);
        message_free(m);
        return 0;
}

static int stats(struct bdfs *fs, struct bdfs_err *err)
{
        Hadoop__GetFsStatusRequestProto q = HADOOP__GET_FS_STATUS_REQUEST_PROTO__INIT;
        const Hadoop__GetFsStatsResponseProto *r;
        ProtobufCMessage *m;

        if (fs_call(fs, METHOD_CLIENT_getFsStats, &q.base, &m, err) != BDFS_OK)
                return 1;
        r = (const void *)m;
        (void)printf("under_replicated %llu missing %llu corrupt %llu pending_deletion %llu\n",
                     (unsigned long long)r->under_replicated, (unsigned long long)r->missing_blocks,
                     (unsigned long long)r->corrupt_blocks,
                     (unsigned long long)r->pending_deletion_blocks);
        message_free(m);
        return 0;
}

static int recover(struct bdfs *fs, const char *path, struct bdfs_err *err)
{
        bool closed;

        if (bdfs_recover_lease(fs, path, &closed, err) != BDFS_OK)
                return 1;
        (void)puts(closed ? "closed" : "open");
        return 0;
}

int main(int argc, char **argv)
{
        struct bdfs_options options = {.conf = argc > 1 ? argv[1] : NULL, .timeout_ms = 120000};
        struct bdfs_err err = {0};
        struct bdfs *fs;
        int rc = 2;

        if (argc < 3 || argc != 3 + (strcmp(argv[2], "recover") == 0)) {
                (void)fprintf(stderr, "usage: ask CONF digest|checkpoint|stats|recover PATH\n");
                return 2;
        }
        if (bdfs_connect(&fs, &options, &err) != BDFS_OK) {
                (void)fprintf(stderr, "ask: %s\n", err.text);
                return 1;
        }
        if (strcmp(argv[2], "digest") == 0)
                rc = digest(fs, &err);
        else if (strcmp(argv[2], "checkpoint") == 0)
                rc = checkpoint(fs, &err);
        else if (strcmp(argv[2], "stats") == 0)
                rc = stats(fs, &err);
        else if (strcmp(argv[2], "recover") == 0)
                rc = recover(fs, argv[3], &err);
        if (rc == 1)
                (void)fprintf(stderr, "ask: %s\n", err.text);
        bdfs_disconnect(fs);
        return rc;
}
