#include "proto/replica_digest.h"

#include "common/bytes.h"

#define KEY_0 0x7065722d73666462ULL /* "bdfs-rep" as little endian */
#define KEY_1 0x7465732d6163696cULL /* "lica-set" */
#define INPUT_BYTES 24ULL

struct sip {
        uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
        return x << bits | x >> (64 - bits);
}

static void sip_rounds(struct sip *s, unsigned n)
{
        while (n-- > 0) {
                s->v0 += s->v1;
                s->v1 = rotate(s->v1, 13) ^ s->v0;
                s->v0 = rotate(s->v0, 32);
                s->v2 += s->v3;
                s->v3 = rotate(s->v3, 16) ^ s->v2;
                s->v0 += s->v3;
                s->v3 = rotate(s->v3, 21) ^ s->v0;
                s->v2 += s->v1;
                s->v1 = rotate(s->v1, 17) ^ s->v2;
                s->v2 = rotate(s->v2, 32);
        }
}

static void sip_word(struct sip *s, uint64_t m)
{
        s->v3 ^= m;
        sip_rounds(s, 2);
        s->v0 ^= m;
}

/* SipHash reads its input as little endian words; ours is big endian. */
static struct replica_digest hash_of(uint64_t block, uint64_t stamp, uint64_t length)
{
        struct replica_digest d;
        struct sip s = {.v0 = KEY_0 ^ 0x736f6d6570736575ULL,
                        .v1 = KEY_1 ^ 0x646f72616e646f6dULL ^ 0xee,
                        .v2 = KEY_0 ^ 0x6c7967656e657261ULL,
                        .v3 = KEY_1 ^ 0x7465646279746573ULL};

        sip_word(&s, __builtin_bswap64(block));
        sip_word(&s, __builtin_bswap64(stamp));
        sip_word(&s, __builtin_bswap64(length));
        sip_word(&s, INPUT_BYTES << 56);
        s.v2 ^= 0xee;
        sip_rounds(&s, 4);
        d.high = __builtin_bswap64(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
        s.v1 ^= 0xdd;
        sip_rounds(&s, 4);
        d.low = __builtin_bswap64(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
        return d;
}

void replica_digest_add(struct replica_digest *d, uint64_t block, uint64_t stamp, uint64_t length)
{
        struct replica_digest h = hash_of(block, stamp, length);

        d->low += h.low;
        d->high += h.high + (d->low < h.low ? 1 : 0);
}

void replica_digest_remove(struct replica_digest *d, uint64_t block, uint64_t stamp,
                           uint64_t length)
{
        struct replica_digest h = hash_of(block, stamp, length);
        uint64_t borrow = d->low < h.low ? 1 : 0;

        d->low -= h.low;
        d->high -= h.high + borrow;
}

bool replica_digest_equal(const struct replica_digest *a, const struct replica_digest *b)
{
        return a->high == b->high && a->low == b->low;
}

void replica_digest_encode(const struct replica_digest *d, uint8_t ret[REPLICA_DIGEST_BYTES])
{
        put_u64be(ret, d->high);
        put_u64be(ret + 8, d->low);
}

bool replica_digest_decode(const uint8_t *bytes, size_t n, struct replica_digest *ret)
{
        struct rd r = rd_of(bytes, n);
        struct replica_digest d;

        if (n != REPLICA_DIGEST_BYTES)
                return false;
        d.high = rd_u64be(&r);
        d.low = rd_u64be(&r);
        *ret = d;
        return rd_done(&r);
}
