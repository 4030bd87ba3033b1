#include "datanode/transfer/block_range.h"

#include <inttypes.h>
#include <string.h>

#include "datanode/link/datanode_parts.h"
#include "datanode/transfer/access.h"
#include "datanode/transfer/send.h"

/* Bytes of the replica from the base on that readers may have. */
static uint64_t visible_from_base(struct block_range *b)
{
        uint64_t visible;

        replica_reader_init(&b->reader, b->replica);
        visible = b->reader.view.visible;
        return visible > b->token.base ? visible - b->token.base : 0;
}

static enum bdfs_status look(struct block_range *b, uint64_t wanted, struct bdfs_err *err)
{
        uint64_t there = visible_from_base(b);

        if (there < wanted && b->reader.view.state == REPLICA_FILE_RECEIVING) {
                (void)replica_wait(b->replica, b->token.base + wanted, os_mono_ms() + READ_WAIT_MS);
                there = visible_from_base(b);
        }
        if (there < wanted)
                return bdfs_fail(err, BDFS_INVALID, "block %" PRIu64 " has %" PRIu64
                                 " visible bytes here, asked for %" PRIu64, b->token.block,
                                 there, wanted);
        b->type = b->reader.view.type;
        if (there < b->limit)
                b->limit = there;
        return BDFS_OK;
}

enum bdfs_status block_range_begin(struct block_range *b, const struct data_conn *c,
                                   const Hadoop__BaseHeaderProto *header, uint64_t wanted,
                                   struct bdfs_err *err)
{
        uint64_t stamp = header->block->generationstamp;
        enum bdfs_status rc;

        b->dataset = c->dn->dataset;
        b->replica = NULL;
        rc = access_check(c, header, TOKEN_READ, &b->token, err);
        if (rc != BDFS_OK)
                return rc;
        b->limit = b->token.length;
        if (wanted > b->limit || wanted > UINT64_MAX - b->token.base)
                return bdfs_fail(err, BDFS_TOKEN, "%" PRIu64 " bytes asked, the token allows %"
                                 PRIu64, wanted, b->limit);
        b->type = CRC_CRC32C;
        if ((b->token.flags & TOKEN_HOLE) != 0)
                return BDFS_OK;
        if (stamp < b->token.stamp_floor)
                stamp = b->token.stamp_floor;
        rc = dataset_get(b->dataset, header->block->blockid, stamp, &b->replica, err);
        return rc != BDFS_OK ? rc : look(b, wanted, err);
}

void block_range_end(struct block_range *b)
{
        dataset_put(b->dataset, b->replica);
        b->replica = NULL;
}

/* Bad bytes of a sealed replica are a proof; a replica that was cut meanwhile is none. */
static enum bdfs_status judge(struct block_range *b, enum bdfs_status rc, struct bdfs_err *err)
{
        struct replica_view now;

        if (rc != BDFS_CORRUPT)
                return rc;
        replica_look(b->replica, &now);
        if (now.state == REPLICA_FILE_FINALIZED && now.stamp == b->reader.view.stamp)
                dataset_corrupt(b->dataset, now.block, err);
        return rc;
}

enum bdfs_status block_range_read(struct block_range *b, uint64_t offset, uint8_t *to, size_t n,
                                  struct bdfs_err *err)
{
        BDFS_ASSERT(offset + n <= b->limit);
        if (b->replica == NULL) {
                memset(to, 0, n);
                return BDFS_OK;
        }
        return judge(b, replica_read(&b->reader, b->token.base + offset, to, n, err), err);
}

bool block_range_same_grid(const struct block_range *b, uint64_t offset, size_t n)
{
        uint64_t end = b->token.base + offset + n;

        return b->replica != NULL && b->token.base % REPLICA_SUM_EVERY == 0 &&
               (end % REPLICA_SUM_EVERY == 0 || end == b->reader.view.length);
}

bool block_range_in_file(const struct block_range *b, uint64_t offset, size_t n,
                         struct os_file_part *ret)
{
        BDFS_ASSERT(offset + n <= b->limit);
        return block_range_same_grid(b, offset, n) &&
               replica_in_file(&b->reader, b->token.base + offset, n, ret);
}

enum bdfs_status block_range_sums(struct block_range *b, uint64_t offset, size_t n, uint8_t *to,
                                  struct bdfs_err *err)
{
        BDFS_ASSERT(block_range_same_grid(b, offset, n));
        return judge(b, replica_read_sums(&b->reader, b->token.base + offset, n, to, err), err);
}
