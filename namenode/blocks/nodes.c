#include "namenode/blocks/nodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16
#define PROMISE_KEPT_OF_8 7 /* what a heartbeat leaves of the promised bytes */

void nodes_init(struct nodes *n, int64_t now_ms)
{
        *n = (struct nodes){.started_ms = now_ms};
}

static void node_free(struct node *n)
{
        struct node_command *c;

        if (n == NULL)
                return;
        while ((c = node_command_take(n)) != NULL)
                node_command_free(c);
        free(n);
}

void nodes_fini(struct nodes *n)
{
        for (uint32_t i = 1; i <= n->last; i++)
                node_free(n->by_number[i]);
        for (uint32_t i = 0; i < n->words_n; i++)
                free(n->words[i].text);
        free(n->by_number);
        free(n->words);
        *n = (struct nodes){.last = 0};
}

struct node *nodes_get(const struct nodes *n, uint32_t number)
{
        return number == 0 || number > n->last ? NULL : n->by_number[number];
}

struct node *nodes_find(const struct nodes *n, const char *uuid)
{
        for (uint32_t i = 1; i <= n->last; i++)
                if (n->by_number[i] != NULL && strcmp(n->by_number[i]->info.uuid, uuid) == 0)
                        return n->by_number[i];
        return NULL;
}

struct node *nodes_next(const struct nodes *n, uint32_t after)
{
        for (uint32_t i = after + 1; i <= n->last; i++)
                if (n->by_number[i] != NULL)
                        return n->by_number[i];
        return NULL;
}

static bool grow(struct nodes *n, uint32_t number)
{
        uint32_t room = n->room == 0 ? ROOM_FIRST : n->room;
        struct node **bigger;

        if (number < n->room)
                return true;
        while (room <= number)
                room *= 2;
        bigger = realloc(n->by_number, room * sizeof(*bigger));
        if (bigger == NULL)
                return false;
        memset(bigger + n->room, 0, (room - n->room) * sizeof(*bigger));
        n->by_number = bigger;
        n->room = room;
        return true;
}

enum bdfs_status nodes_add(struct nodes *n, uint32_t number, const char *uuid,
                           const uint8_t key[TOKEN_KEY_BYTES], struct node **ret,
                           struct bdfs_err *err)
{
        struct node *node;

        if (number == 0 || number > NODES_MAX)
                return bdfs_fail(err, BDFS_LIMIT,
                                 "datanode %s: its number would be %" PRIu32 ", at most %d are "
                                 "possible", uuid, number, NODES_MAX);
        BDFS_ASSERT(nodes_get(n, number) == NULL);
        node = calloc(1, sizeof(*node));
        if (node == NULL || !grow(n, number)) {
                free(node);
                return bdfs_fail(err, BDFS_NO_MEMORY, "datanode %s: no memory", uuid);
        }
        node->info.number = number;
        (void)snprintf(node->info.uuid, sizeof(node->info.uuid), "%s", uuid);
        memcpy(node->info.key, key, TOKEN_KEY_BYTES);
        node->host = node->rack = UINT32_MAX;
        n->by_number[number] = node;
        if (number > n->last)
                n->last = number;
        *ret = node;
        return BDFS_OK;
}

uint32_t nodes_word(struct nodes *n, const char *word)
{
        char *copy;

        if (word[0] == '\0')
                return UINT32_MAX;
        for (uint32_t i = 0; i < n->words_n; i++)
                if (strcmp(n->words[i].text, word) == 0)
                        return i;
        if (n->words_n == n->words_room) {
                uint32_t room = n->words_room == 0 ? ROOM_FIRST : 2 * n->words_room;
                struct nodes_word *bigger = realloc(n->words, room * sizeof(*bigger));

                if (bigger == NULL)
                        return UINT32_MAX;
                n->words = bigger;
                n->words_room = room;
        }
        copy = strdup(word);
        if (copy == NULL)
                return UINT32_MAX;
        n->words[n->words_n] = (struct nodes_word){.text = copy};
        return n->words_n++;
}

uint32_t nodes_host(const struct nodes *n, const char *host_or_ip, uint32_t *ret_rack)
{
        *ret_rack = UINT32_MAX;
        if (host_or_ip == NULL || host_or_ip[0] == '\0')
                return UINT32_MAX;
        for (const struct node *i = nodes_next(n, 0); i != NULL;
             i = nodes_next(n, i->info.number)) {
                if (strcmp(i->info.host, host_or_ip) != 0 && strcmp(i->info.ip, host_or_ip) != 0)
                        continue;
                *ret_rack = i->rack;
                return i->host;
        }
        return UINT32_MAX;
}

static void recount(struct nodes *n)
{
        n->alive = n->racks = 0;
        n->mark++;
        for (const struct node *i = nodes_next(n, 0); i != NULL;
             i = nodes_next(n, i->info.number)) {
                if (i->state != NODE_ALIVE)
                        continue;
                n->alive++;
                if (i->rack != UINT32_MAX && n->words[i->rack].mark == n->mark)
                        continue;
                n->racks++;
                if (i->rack != UINT32_MAX)
                        n->words[i->rack].mark = n->mark;
        }
}

void nodes_set_state(struct nodes *n, struct node *node, enum node_state state)
{
        static const unsigned next[] = {
                [NODE_AWAY] = 1u << NODE_ALIVE | 1u << NODE_DEAD,
                [NODE_ALIVE] = 1u << NODE_ALIVE | 1u << NODE_DEAD | 1u << NODE_AWAY,
                [NODE_DEAD] = 1u << NODE_ALIVE,
        };

        BDFS_ASSERT((next[node->state] & 1u << state) != 0);
        node->state = state;
        if (state != NODE_ALIVE) {
                node->counted = false;
                node->checking = false;
        }
        recount(n);
}

void node_walk(struct node *n)
{
        n->walking = true;
        n->walk_after = 0;
        n->walk_id++;
}

bool node_is_stale(const struct node *n, int64_t now_ms)
{
        return now_ms - n->info.last_heartbeat_mono_ms >= DATANODE_STALE_MS;
}

bool node_is_expected(const struct node *n)
{
        return n->state == NODE_AWAY || (n->state == NODE_ALIVE && !n->counted);
}

void node_snapshot(const struct node *n, int64_t now_ms, struct node_info *ret)
{
        *ret = n->info;
        ret->alive = n->state == NODE_ALIVE;
        ret->stale = !ret->alive || node_is_stale(n, now_ms);
}

uint64_t node_room(const struct node *n)
{
        if (n->failed || n->info.remaining <= n->promised)
                return 0;
        return n->info.remaining - n->promised;
}

void node_promise(struct node *n, uint64_t bytes)
{
        n->promised += bytes;
        n->promises++;
}

void node_promise_kept(struct node *n)
{
        if (n->promises == 0)
                return;
        n->promised -= n->promised / n->promises;
        if (--n->promises == 0)
                n->promised = 0;
}

void node_set_storages(struct node *n, Bdfs__StorageReport *const *storages, size_t storages_n)
{
        struct node_info *i = &n->info;
        size_t good = 0;

        i->capacity = i->used = i->remaining = 0;
        for (size_t k = 0; k < storages_n; k++) {
                if (k == 0)
                        (void)snprintf(i->storage, sizeof(i->storage), "%s", storages[k]->uuid);
                if (storages[k]->has_failed && storages[k]->failed)
                        continue;
                good++;
                i->capacity += storages[k]->capacity;
                i->used += storages[k]->used;
                i->remaining += storages[k]->remaining;
        }
        i->block_bytes_used = i->used;
        n->failed = storages_n > 0 && good == 0;
        n->promised = n->promised / 8 * PROMISE_KEPT_OF_8; /* writers that gave up */
}

bool node_command_add(struct node *n, struct node_command *c)
{
        bool verify = c->kind == NODE_VERIFY;

        if (n->commands >= NODE_COMMANDS_MAX || (verify && n->verifies >= NODE_VERIFIES_MAX)) {
                node_command_free(c);
                return false;
        }
        c->next = NULL;
        if (n->last == NULL)
                n->first = c;
        else
                n->last->next = c;
        n->last = c;
        n->commands++;
        n->verifies += verify ? 1 : 0;
        return true;
}

struct node_command *node_command_take(struct node *n)
{
        struct node_command *c = n->first;

        if (c == NULL)
                return NULL;
        n->first = c->next;
        if (n->first == NULL)
                n->last = NULL;
        n->commands--;
        n->verifies -= c->kind == NODE_VERIFY ? 1 : 0;
        c->next = NULL;
        return c;
}

void node_command_free(struct node_command *c)
{
        if (c == NULL)
                return;
        if (c->copy != NULL)
                bdfs__copy_command__free_unpacked(c->copy, NULL);
        free(c);
}
