#include "proto/message.h"

#include <stdlib.h>

#include "proto/field.h"
#include "proto/scan.h"

/*
 * The arena of one message lies directly before it, in the first chunk: protobuf-c allocates the
 * outermost message first, so message_free() finds the arena from the message. Freeing one piece
 * does nothing; the chunks go together.
 */
#define ARENA_MAGIC UINT64_C(0x62646673617265)
#define ARENA_ALIGN 16
#define ARENA_FIRST_BYTES 512
#define ARENA_FIRST_BYTES_MAX (256 * 1024)
/* What the largest message may take. */
#define MESSAGE_MEMORY_MAX \
        (MESSAGE_MEMORY_BASE + MESSAGE_MEMORY_PER_BYTE * (size_t)MESSAGE_BYTES_MAX)

struct chunk {
        struct chunk *next;
        _Alignas(ARENA_ALIGN) uint8_t bytes[];
};

struct arena {
        _Alignas(ARENA_ALIGN) uint64_t magic;
        struct chunk *more;
        uint8_t *at, *end; /* what is free in the newest chunk */
        size_t taken;      /* from malloc, all chunks */
        size_t limit;
        size_t next_bytes;
        bool over;      /* the limit was reached */
        bool no_memory; /* malloc failed */
};

static struct arena *arena_new(size_t n)
{
        size_t first = ARENA_FIRST_BYTES + 4 * n;
        struct arena *a;

        if (first > ARENA_FIRST_BYTES_MAX)
                first = ARENA_FIRST_BYTES_MAX;
        a = malloc(sizeof(*a) + first);
        if (a == NULL)
                return NULL;
        *a = (struct arena){
                .magic = ARENA_MAGIC,
                .at = (uint8_t *)(a + 1),
                .end = (uint8_t *)(a + 1) + first,
                .taken = first,
                .limit = MESSAGE_MEMORY_BASE + MESSAGE_MEMORY_PER_BYTE * n,
                .next_bytes = 2 * first,
        };
        return a;
}

static void arena_free(struct arena *a)
{
        struct chunk *next;

        for (struct chunk *c = a->more; c != NULL; c = next) {
                next = c->next;
                free(c);
        }
        a->magic = 0;
        free(a);
}

static bool arena_grow(struct arena *a, size_t size)
{
        size_t bytes = a->next_bytes > size ? a->next_bytes : size;
        struct chunk *c;

        if (bytes > a->limit - a->taken)
                bytes = a->limit - a->taken;
        if (bytes < size) {
                a->over = true;
                return false;
        }
        c = malloc(sizeof(*c) + bytes);
        if (c == NULL) {
                a->no_memory = true;
                return false;
        }
        c->next = a->more;
        a->more = c;
        a->at = c->bytes;
        a->end = c->bytes + bytes;
        a->taken += bytes;
        a->next_bytes = 2 * bytes;
        return true;
}

static void *arena_take(void *arena, size_t size)
{
        struct arena *a = arena;
        uint8_t *p;

        if (size > MESSAGE_MEMORY_MAX) {
                a->over = true;
                return NULL;
        }
        size = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
        if (size > (size_t)(a->end - a->at) && !arena_grow(a, size))
                return NULL;
        p = a->at;
        a->at += size;
        return p;
}

static void arena_give(void *arena, void *p)
{
        (void)arena;
        (void)p;
}

static void why(const struct arena *a, const char *type, size_t n, struct bdfs_err *err)
{
        if (a->over)
                (void)bdfs_fail(err, BDFS_LIMIT, "%s: %zu bytes need too much memory", type, n);
        else if (a->no_memory)
                (void)bdfs_fail(err, BDFS_NO_MEMORY, "%s: %zu bytes", type, n);
        else
                (void)bdfs_fail(err, BDFS_PROTOCOL, "%s: malformed", type);
}

void *message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
                     struct bdfs_err *err)
{
        ProtobufCAllocator allocator = {.alloc = arena_take, .free = arena_give};
        ProtobufCMessage *m;
        struct arena *a;

        if (n > MESSAGE_BYTES_MAX) {
                (void)bdfs_fail(err, BDFS_LIMIT, "%s: %zu bytes", type->short_name, n);
                return NULL;
        }
        if (scan_message(type, bytes, n, err) != BDFS_OK)
                return NULL;
        a = arena_new(n);
        if (a == NULL) {
                (void)bdfs_fail(err, BDFS_NO_MEMORY, "%s: %zu bytes", type->short_name, n);
                return NULL;
        }
        allocator.allocator_data = a;
        m = protobuf_c_message_unpack(type, &allocator, n, bytes);
        if (m == NULL) {
                why(a, type->short_name, n, err);
                arena_free(a);
                return NULL;
        }
        BDFS_ASSERT((uint8_t *)m == (uint8_t *)(a + 1));
        return m;
}

void message_free(void *message)
{
        struct arena *a = message;

        if (a == NULL)
                return;
        a--;
        BDFS_ASSERT(a->magic == ARENA_MAGIC);
        arena_free(a);
}

static void pack_sized(struct buf *b, const ProtobufCMessage *message, size_t n)
{
        uint8_t *p = n == 0 ? NULL : buf_grow(b, n);

        if (p != NULL)
                BDFS_ASSERT(protobuf_c_message_pack(message, p) == n);
}

/* Every required field is there: walking a large answer for that takes a quarter of packing it, so
 * only the builds that look for mistakes do. */
static bool is_whole(const ProtobufCMessage *message)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        return protobuf_c_message_check(message);
#else
        return message != NULL;
#endif
}

void message_pack(struct buf *b, const ProtobufCMessage *message)
{
        BDFS_ASSERT(is_whole(message));
        pack_sized(b, message, protobuf_c_message_get_packed_size(message));
}

void message_pack_delimited(struct buf *b, const ProtobufCMessage *message)
{
        size_t n;

        BDFS_ASSERT(is_whole(message));
        n = protobuf_c_message_get_packed_size(message);
        buf_varint(b, n);
        pack_sized(b, message, n);
}

enum bdfs_status message_delimited(const void *bytes, size_t n, size_t max,
                                   struct message_span *ret, struct bdfs_err *err)
{
        const uint8_t *p = bytes;
        uint64_t length = 0;
        size_t head = 0;

        *ret = (struct message_span){.need = 1};
        do {
                if (head == MESSAGE_LENGTH_BYTES_MAX)
                        return bdfs_fail(err, BDFS_PROTOCOL, "a message's length is malformed");
                if (head == n)
                        return BDFS_OK;
                length |= (uint64_t)(p[head] & 0x7f) << 7 * head;
        } while ((p[head++] & 0x80) != 0);
        if (length > max)
                return bdfs_fail(err, BDFS_PROTOCOL, "a message of %llu bytes, more than %zu",
                                 (unsigned long long)length, max);
        ret->total = head + (size_t)length;
        if (n < ret->total) {
                ret->need = ret->total - n;
                return BDFS_OK;
        }
        ret->message = p + head;
        ret->message_n = (size_t)length;
        ret->need = 0;
        return BDFS_OK;
}
