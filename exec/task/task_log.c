#include "exec/task/task_log.h"

#include <stdlib.h>
#include <string.h>

/* Room for @n bytes, at most @limit; how many there is room for. */
static size_t grow(uint8_t **bytes, size_t *room, size_t n, size_t limit)
{
        size_t want = *room == 0 ? 4096 : *room;
        uint8_t *more;

        if (n <= *room)
                return n;
        while (want < n && want < limit)
                want *= 2;
        if (want > limit)
                want = limit;
        more = realloc(*bytes, want);
        if (more == NULL)
                return *room < n ? *room : n;
        *bytes = more;
        *room = want;
        return want < n ? want : n;
}

static void add_ring(struct task_log *l, const uint8_t *bytes, size_t n)
{
        if (n > TASK_LOG_TAIL) {
                bytes += n - TASK_LOG_TAIL;
                n = TASK_LOG_TAIL;
        }
        if (l->ring_at == 0)
                (void)grow(&l->ring, &l->ring_room, l->ring_n + n, TASK_LOG_TAIL);
        while (n > 0 && l->ring_room > 0) {
                size_t at = l->ring_n < l->ring_room ? l->ring_n : l->ring_at;
                size_t part = l->ring_room - at < n ? l->ring_room - at : n;

                memcpy(l->ring + at, bytes, part);
                if (l->ring_n < l->ring_room)
                        l->ring_n += part;
                else
                        l->ring_at = (at + part) % l->ring_room;
                bytes += part;
                n -= part;
        }
}

void task_log_add(struct task_log *l, const uint8_t *bytes, size_t n)
{
        size_t end, here;

        l->total += n;
        if (l->head_n < TASK_LOG_HEAD && l->ring_n == 0) {
                end = l->head_n + n < TASK_LOG_HEAD ? l->head_n + n : TASK_LOG_HEAD;
                end = grow(&l->head, &l->head_room, end, TASK_LOG_HEAD);
                here = end - l->head_n;
                if (here > 0)
                        memcpy(l->head + l->head_n, bytes, here);
                l->head_n = end;
                bytes += here;
                n -= here;
        }
        if (n > 0)
                add_ring(l, bytes, n);
}

void task_log_fini(struct task_log *l)
{
        free(l->head);
        free(l->ring);
        *l = (struct task_log){.head = NULL};
}

static void reverse(uint8_t *bytes, size_t n)
{
        for (size_t i = 0; i < n / 2; i++) {
                uint8_t b = bytes[i];

                bytes[i] = bytes[n - 1 - i];
                bytes[n - 1 - i] = b;
        }
}

void task_log_text(struct task_log *l, struct task_log_text *ret)
{
        if (l->ring_at > 0) { /* the oldest byte to the front */
                reverse(l->ring, l->ring_at);
                reverse(l->ring + l->ring_at, l->ring_n - l->ring_at);
                reverse(l->ring, l->ring_n);
                l->ring_at = 0;
        }
        *ret = (struct task_log_text){l->head, l->ring, l->head_n, l->ring_n};
}

size_t task_log_last(struct task_log *l, unsigned lines, uint8_t *ret, size_t room)
{
        struct task_log_text t;
        const uint8_t *from;
        size_t n, at;

        task_log_text(l, &t);
        from = t.tail_n > 0 ? t.tail : t.head;
        n = t.tail_n > 0 ? t.tail_n : t.head_n;
        if (n == 0)
                return 0;
        for (at = n; at > 0 && n - at < room; at--) {
                if (from[at - 1] == '\n' && at < n && lines-- == 1)
                        break;
        }
        memcpy(ret, from + at, n - at);
        return n - at;
}
