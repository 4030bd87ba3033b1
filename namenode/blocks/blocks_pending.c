#include "namenode/blocks/blocks_pending.h"

#include <stdlib.h>

#define BUCKETS 4096

bool pending_init(struct pending *p)
{
        *p = (struct pending){.buckets = calloc(BUCKETS, sizeof(struct pending_copy *))};
        return p->buckets != NULL;
}

void pending_fini(struct pending *p)
{
        for (size_t i = 0; p->buckets != NULL && i < BUCKETS; i++) {
                while (p->buckets[i] != NULL) {
                        struct pending_copy *c = p->buckets[i];

                        p->buckets[i] = c->next;
                        free(c);
                }
        }
        free(p->buckets);
        *p = (struct pending){.n = 0};
}

static struct pending_copy **bucket_of(const struct pending *p, uint64_t block)
{
        return &p->buckets[(block * 0x9e3779b97f4a7c15ULL) >> 52];
}

static struct pending_copy **find(const struct pending *p, uint64_t block, uint32_t target)
{
        struct pending_copy **at = bucket_of(p, block);

        while (*at != NULL && ((*at)->block != block || (*at)->target != target))
                at = &(*at)->next;
        return at;
}

static void remove_at(struct pending *p, struct pending_copy **at)
{
        struct pending_copy *c = *at;

        *at = c->next;
        free(c);
        p->n--;
}

bool pending_add(struct pending *p, uint64_t block, uint64_t length, uint32_t source,
                 uint32_t target, int64_t now_ms)
{
        struct pending_copy **at = find(p, block, target);
        struct pending_copy *c = *at;

        if (c == NULL) {
                if (p->n >= PENDING_MAX)
                        return false;
                c = calloc(1, sizeof(*c));
                if (c == NULL)
                        return false;
                at = bucket_of(p, block);
                c->next = *at;
                *at = c;
                p->n++;
        }
        c->block = block;
        c->length = length;
        c->source = source;
        c->target = target;
        c->until_ms = now_ms + PENDING_MS + (int64_t)(length / PENDING_BYTES_PER_MS);
        c->failed = false;
        return true;
}

const struct pending_copy *pending_of(const struct pending *p, uint64_t block,
                                      const struct pending_copy *after)
{
        const struct pending_copy *c = after == NULL ? *bucket_of(p, block) : after->next;

        while (c != NULL && c->block != block)
                c = c->next;
        return c;
}

bool pending_done(struct pending *p, uint64_t block, uint32_t target, struct pending_copy *ret)
{
        struct pending_copy **at = find(p, block, target);
        bool open;

        if (*at == NULL)
                return false;
        *ret = **at;
        open = !ret->failed;
        remove_at(p, at);
        return open;
}

bool pending_expire(struct pending *p, int64_t now_ms, struct pending_copy *ret)
{
        for (; p->sweep_at < BUCKETS && p->n > 0; p->sweep_at++) {
                struct pending_copy **at = &p->buckets[p->sweep_at];

                while (*at != NULL) {
                        struct pending_copy *c = *at;

                        if (now_ms < c->until_ms) {
                                at = &c->next;
                        } else if (c->failed) {
                                remove_at(p, at);
                        } else {
                                c->failed = true;
                                c->until_ms = now_ms + PENDING_FAILED_MS;
                                *ret = *c;
                                return true;
                        }
                }
        }
        p->sweep_at = 0;
        return false;
}

bool pending_drop(struct pending *p, uint32_t node, struct pending_copy *ret)
{
        for (size_t i = 0; i < BUCKETS && p->n > 0; i++) {
                for (struct pending_copy **at = &p->buckets[i]; *at != NULL;) {
                        struct pending_copy *c = *at;

                        if (c->source != node && c->target != node) {
                                at = &c->next;
                                continue;
                        }
                        *ret = *c;
                        remove_at(p, at);
                        return true;
                }
        }
        return false;
}
