/*
 * bench_offline.h - a stopped namenode's tables and journal, opened as the namenode opens them.
 *
 * Owner:   struct offline is the caller's; offline_close() leaves the clean mark.
 * Threads: as commit.h.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/commit/commit.h"
#include "namenode/store/tables.h"

struct offline {
        struct store *store;
        struct journal *journal;
        struct commit *commit;
        Bdfs__RecordCaller caller; /* a superuser, for records */
};

static inline void offline_id(const char *hex, uint8_t ret[16])
{
        if (strlen(hex) != 32 || strspn(hex, "0123456789abcdef") != 32) {
                (void)fprintf(stderr, "\"%s\" is not 32 hexadecimal digits\n", hex);
                exit(2);
        }
        for (size_t i = 0; i < 16; i++) {
                char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

                ret[i] = (uint8_t)strtoul(byte, NULL, 16);
        }
}

/* @data: `data` of its configuration; @cluster: 32 hexadecimal digits. */
static inline enum bdfs_status offline_open(struct offline *o, const char *data,
                                            const char *cluster, struct bdfs_err *err)
{
        char tables[512], journal[512], checkpoints[512];
        struct store_config store = {.dir = tables, .tables = table_names,
                                     .tables_n = TABLE_COUNT, .map_bytes = 1ULL << 38};
        struct commit_config config = {.checkpoint_dir = checkpoints,
                                       .checkpoint_journal_bytes = 256 * MIB};
        uint8_t id[16];

        offline_id(cluster, id);
        (void)snprintf(tables, sizeof(tables), "%s/tables", data);
        (void)snprintf(journal, sizeof(journal), "%s/journal", data);
        (void)snprintf(checkpoints, sizeof(checkpoints), "%s/checkpoints", data);
        if (store_open(&o->store, &store, &config.store_fresh, err) != BDFS_OK ||
            journal_open(&o->journal, journal, id, err) != BDFS_OK)
                return err->status;
        config.store = o->store;
        config.journal = o->journal;
        if (commit_start(&o->commit, &config, NULL, err) != BDFS_OK)
                return err->status;
        bdfs__record_caller__init(&o->caller);
        o->caller.user = (char *)(uintptr_t)"root";
        o->caller.superuser = 1;
        return BDFS_OK;
}

static inline enum bdfs_status offline_close(struct offline *o, struct bdfs_err *err)
{
        commit_stop(o->commit);
        journal_close(o->journal);
        return store_close(o->store, err);
}
