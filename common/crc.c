#include "common/crc.h"

#include <isa-l/crc.h>
#include <string.h>

#include "common/bytes.h"
#include "common/err.h"

#define ONE_GIB ((size_t)1 << 30)

bool crc_type_ok(int number)
{
        return number == CRC_NULL || number == CRC_CRC32 || number == CRC_CRC32C;
}

size_t crc_bytes(enum crc_type type)
{
        return type == CRC_NULL ? 0 : 4;
}

size_t crc_chunk_count(size_t n, size_t chunk_bytes)
{
        BDFS_ASSERT(chunk_bytes > 0);
        return n / chunk_bytes + (n % chunk_bytes != 0);
}

#if defined(__x86_64__)
#define SHORT_BYTES_MAX 192 /* from here on ISA-L's start pays off (measured) */

/* A row of a table: the processor's own instruction takes half the time of ISA-L's set-up. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_short(uint32_t crc, const uint8_t *p,
                                                               size_t n)
{
        uint64_t sum = crc, word;

        for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
                memcpy(&word, p, sizeof(word));
                sum = __builtin_ia32_crc32di(sum, word);
        }
        for (crc = (uint32_t)sum; n > 0; n--)
                crc = __builtin_ia32_crc32qi(crc, *p++);
        return crc;
}

static bool has_crc32c(void)
{
        return __builtin_cpu_supports("sse4.2");
}
#else
#define SHORT_BYTES_MAX 0
static uint32_t crc32c_short(uint32_t crc, const uint8_t *p, size_t n)
{
        (void)p, (void)n;
        return crc;
}
static bool has_crc32c(void)
{
        return false;
}
#endif

/* ISA-L's iSCSI function leaves both inversions to the caller and counts in int. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
        unsigned char *p = (unsigned char *)(uintptr_t)data; /* it only reads */

        crc = ~crc;
        if (n <= SHORT_BYTES_MAX && has_crc32c())
                return ~crc32c_short(crc, data, n);
        while (n > ONE_GIB) {
                crc = crc32_iscsi(p, (int)ONE_GIB, crc);
                p += ONE_GIB;
                n -= ONE_GIB;
        }
        if (n > 0)
                crc = crc32_iscsi(p, (int)n, crc);
        return ~crc;
}

uint32_t crc32_zlib(uint32_t crc, const void *data, size_t n)
{
        return n == 0 ? crc : crc32_gzip_refl(crc, data, n);
}

uint32_t crc_of(enum crc_type type, uint32_t crc, const void *data, size_t n)
{
        switch (type) {
        case CRC_NULL: return 0;
        case CRC_CRC32: return crc32_zlib(crc, data, n);
        case CRC_CRC32C: return crc32c(crc, data, n);
        }
        BDFS_ASSERT(crc_type_ok((int)type));
        return 0;
}

void crc_chunks(enum crc_type type, const void *data, size_t n, size_t chunk_bytes,
                uint8_t *out_be)
{
        const uint8_t *p = data;

        BDFS_ASSERT(chunk_bytes > 0);
        if (type == CRC_NULL)
                return;
        while (n > 0) {
                size_t part = n < chunk_bytes ? n : chunk_bytes;

                put_u32be(out_be, crc_of(type, 0, p, part));
                out_be += 4;
                p += part;
                n -= part;
        }
}

ssize_t crc_verify_chunks(enum crc_type type, const void *data, size_t n, size_t chunk_bytes,
                          const uint8_t *sums_be)
{
        const uint8_t *p = data;

        BDFS_ASSERT(chunk_bytes > 0);
        if (type == CRC_NULL)
                return -1;
        for (ssize_t i = 0; n > 0; i++) {
                size_t part = n < chunk_bytes ? n : chunk_bytes;

                if (get_u32be(sums_be) != crc_of(type, 0, p, part))
                        return i;
                sums_be += 4;
                p += part;
                n -= part;
        }
        return -1;
}

/*
 * A sum is a polynomial over GF(2) modulo the generator, bit 31 its constant term. Appending B
 * multiplies what A contributed by x^(8 * bytes of B); the inversions at both ends cancel out.
 */
static uint32_t generator_of(enum crc_type type)
{
        return type == CRC_CRC32C ? 0x82f63b78U : 0xedb88320U;
}

static uint32_t multiply(uint32_t a, uint32_t b, uint32_t generator)
{
        uint32_t product = 0;

        for (uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
                if ((a & bit) != 0)
                        product ^= b;
                b = (b & 1) != 0 ? b >> 1 ^ generator : b >> 1;
        }
        return product;
}

uint32_t crc_shift_of(enum crc_type type, uint64_t bytes)
{
        uint32_t generator = generator_of(type);
        uint32_t square = 1U << 23; /* x^8, then x^16, x^32, ... */
        uint32_t shift = 1U << 31;  /* x^0 */

        for (; bytes > 0; bytes >>= 1) {
                if ((bytes & 1) != 0)
                        shift = multiply(square, shift, generator);
                square = multiply(square, square, generator);
        }
        return shift;
}

uint32_t crc_combine_shifted(enum crc_type type, uint32_t crc_a, uint32_t crc_b, uint32_t shift)
{
        return type == CRC_NULL ? 0 : multiply(shift, crc_a, generator_of(type)) ^ crc_b;
}

uint32_t crc_combine(enum crc_type type, uint32_t crc_a, uint32_t crc_b, uint64_t bytes_b)
{
        return crc_combine_shifted(type, crc_a, crc_b, crc_shift_of(type, bytes_b));
}
