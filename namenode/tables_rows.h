/*
 * tables_rows.h - what tables_*.c share: a writer of small rows and the one way of reading one.
 *
 * struct row writes into room of the caller that is large enough by construction.
 */
#pragma once

#include <inttypes.h>
#include <string.h>

#include "namenode/tables.h"

struct row {
        uint8_t *at;
};

static inline void row_u8(struct row *r, uint8_t v)
{
        *r->at++ = v;
}

static inline void row_u32(struct row *r, uint32_t v)
{
        put_u32be(r->at, v);
        r->at += 4;
}

static inline void row_u64(struct row *r, uint64_t v)
{
        row_u32(r, (uint32_t)(v >> 32));
        row_u32(r, (uint32_t)v);
}

static inline void row_bytes(struct row *r, const void *bytes, size_t n)
{
        if (n > 0)
                memcpy(r->at, bytes, n);
        r->at += n;
}

/* A reader behind the version byte of a row that has had one version only. */
static inline struct rd row_rd(const uint8_t *value, size_t n)
{
        struct rd r = rd_of(value, n);

        if (rd_u8(&r) != TABLE_ROW_VERSION)
                r.bad = true;
        return r;
}

static inline enum bdfs_status row_corrupt(enum table table, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_CORRUPT, "row in table %s makes no sense", table_names[table]);
}
