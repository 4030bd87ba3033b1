/*
 * The decoders of a replica file: whatever the bytes are, they are refused, or come out as
 * something that encodes to the same bytes. The first byte chooses: a record, state pages, or
 * a page of records.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "proto/replica_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Short input is padded with zeros, and the checksums are made right: else nothing passes them. */
static void fill(uint8_t *to, size_t n, const uint8_t *data, size_t size)
{
        memset(to, 0, n);
        memcpy(to, data, size < n ? size : n);
}

static void fix_record(uint8_t *record, uint64_t block, uint64_t chunk)
{
        uint8_t key[16];

        for (unsigned i = 0; i < 8; i++) {
                key[i] = (uint8_t)(block >> (56 - 8 * i));
                key[8 + i] = (uint8_t)(chunk >> (56 - 8 * i));
        }
        put_u32be(record + 548, crc32c(crc32c(0, record, 548), key, sizeof(key)));
}

static void try_record(const uint8_t *data, size_t size)
{
        uint8_t bytes[REPLICA_RECORD_BYTES], again[REPLICA_RECORD_BYTES];
        struct replica_record r;
        struct bdfs_err err;

        fill(bytes, sizeof(bytes), data, size);
        if (size % 2 == 0 && get_u32be(bytes) != 0)
                fix_record(bytes, 7, 3);
        if (replica_record_decode(bytes, 7, 3, &r, &err) != BDFS_OK)
                return;
        replica_record_encode(&r, 7, 3, again);
        if (memcmp(bytes, again, sizeof(bytes)) != 0)
                abort();
        if (r.length > 0 && replica_record_decode(bytes, 7, 4, &r, &err) == BDFS_OK)
                abort(); /* another place's record */
}

static void fix_page(uint8_t *page, size_t size)
{
        struct rd block = rd_of(page + 12, 8), length = rd_of(page + 42, 8);

        memcpy(page, "BDFSREP1", 8);
        if (size % 3 == 0 && get_u32be(page + 74) != 0)
                fix_record(page + 74, rd_u64be(&block), rd_u64be(&length) / REPLICA_CHUNK_BYTES);
        put_u32be(page + 4092, crc32c(0, page, 4092));
}

static void check_state(const struct replica_state *s, const uint8_t *page)
{
        uint8_t again[REPLICA_PAGE_BYTES];

        if (s->synced > s->length || s->tail.length != s->length % REPLICA_CHUNK_BYTES)
                abort();
        replica_state_encode(s, again);
        if (memcmp(page, again, 650) != 0) /* behind it there is nothing */
                abort();
}

/* Each half of the input is the beginning of a page. */
static void try_pages(const uint8_t *data, size_t size)
{
        uint8_t pages[2 * REPLICA_PAGE_BYTES];
        size_t half = size / 2;
        struct replica_state s;
        struct bdfs_err err;
        unsigned page;

        fill(pages, REPLICA_PAGE_BYTES, data, half);
        fill(pages + REPLICA_PAGE_BYTES, REPLICA_PAGE_BYTES, data + half, half);
        for (unsigned i = 0; i < 2 && size % 8 != 7; i++)
                fix_page(pages + i * REPLICA_PAGE_BYTES, half);
        if (replica_state_choose(pages, &s, &page, &err) == BDFS_OK)
                check_state(&s, pages + page * REPLICA_PAGE_BYTES);
}

/* A page of records: what stands at a chunk's place is read, and nothing else. */
static void try_group(const uint8_t *data, size_t size)
{
        uint8_t page[REPLICA_PAGE_BYTES];
        uint64_t chunk = size % 14;
        struct replica_record r;
        struct bdfs_err err;

        fill(page, sizeof(page), data, size);
        if (get_u32be(page + replica_record_place(chunk)) != 0)
                fix_record(page + replica_record_place(chunk), 7, chunk);
        if (replica_record_at(page, 7, chunk, &r, &err) == BDFS_OK &&
            r.length != get_u32be(page + replica_record_place(chunk)))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        if (data[0] == 'g')
                try_group(data + 1, size - 1);
        else if (data[0] % 2 == 0)
                try_record(data + 1, size - 1);
        else
                try_pages(data + 1, size - 1);
        return 0;
}
