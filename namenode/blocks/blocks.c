#include "namenode/blocks/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "namenode/blocks/blocks_internal.h"

const char *block_reason_text(enum block_reason r)
{
        static const char *const texts[BLOCK_REASON_COUNT] = {
#define X(name, text) [BLOCK_REASON_##name] = (text),
                BLOCK_REASON_MAP(X)
#undef X
        };

        BDFS_ASSERT((unsigned)r < BLOCK_REASON_COUNT);
        return texts[r];
}

/* ---- life ------------------------------------------------------------------------------------ */

static void free_parts(struct blocks *b)
{
        pending_fini(&b->pending);
        nodes_fini(&b->nodes);
        os_cond_fini(&b->heard);
        os_cond_fini(&b->wake);
        os_mutex_fini(&b->lock);
        os_mutex_fini(&b->registering);
        free(b->checks);
        free(b->dir);
        free(b);
}

static struct blocks *parts_new(const struct blocks_config *config)
{
        struct blocks *b = calloc(1, sizeof(*b));
        struct bdfs_err err;

        if (b == NULL)
                return NULL;
        b->config = *config;
        b->clock_ms = os_mono_ms;
        os_mutex_init(&b->registering);
        os_mutex_init(&b->lock);
        os_cond_init(&b->wake);
        os_cond_init(&b->heard);
        nodes_init(&b->nodes, os_mono_ms());
        safe_mode_init(&b->safe, config->safe_mode_permille, config->safe_mode_extension_ms);
        os_random(&b->epoch, sizeof(b->epoch));
        b->epoch = b->epoch >> 1 | 1;
        os_random(&b->random.state, sizeof(b->random.state));
        b->dir = strdup(config->dir);
        b->config.dir = b->dir;
        b->checks = calloc(BLOCKS_CHECKS_MAX, sizeof(*b->checks));
        if (os_user_name(os_own_uid(), b->user, &err) != BDFS_OK)
                b->user[0] = '\0'; /* a uid without a name: datanodes know it by its number */
        if (pending_init(&b->pending) && b->dir != NULL && b->checks != NULL)
                return b;
        free_parts(b);
        return NULL;
}

enum bdfs_status blocks_new(struct blocks **ret, const struct blocks_config *config,
                            struct bdfs_err *err)
{
        struct blocks *b = parts_new(config);

        if (b == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for block management");
        if (blocks_env_open(&b->env, b->dir, config->cluster, err) != BDFS_OK) {
                free_parts(b);
                return bdfs_wrap(err, "open the replica tables in %s", config->dir);
        }
        *ret = b;
        return BDFS_OK;
}

enum bdfs_status blocks_set_commit(struct blocks *b, struct commit *commit, struct bdfs_err *err)
{
        enum bdfs_status rc = blocks_load_nodes(b, err);

        if (rc == BDFS_CORRUPT) {
                log_warn("replica tables are damaged, they are collected again: %s", err->text);
                nodes_fini(&b->nodes);
                nodes_init(&b->nodes, b->clock_ms());
                rc = blocks_env_wipe(b->env, err);
                if (rc == BDFS_OK)
                        rc = blocks_load_nodes(b, err);
        }
        if (rc != BDFS_OK)
                return rc;
        b->commit = commit;
        os_mutex_lock(&b->lock);
        b->loaded = true;
        b->nodes.started_ms = b->clock_ms();
        os_mutex_unlock(&b->lock);
        return blocks_count(b, b->clock_ms(), err); /* an empty namespace leaves safe mode here */
}

void blocks_stop(struct blocks *b)
{
        AUTO_LOCK(&b->lock);
        b->stopping = true;
        os_cond_broadcast(&b->wake);
        os_cond_broadcast(&b->heard);
}

void blocks_free(struct blocks *b)
{
        if (b == NULL)
                return;
        blocks_env_close(b->env);
        free_parts(b);
}

uint64_t blocks_epoch(const struct blocks *b)
{
        return b->epoch;
}

/* Only our own tables give CORRUPT here (blocks_judge.c turns the namespace's into FAILED). */
enum bdfs_status blocks_failed(struct blocks *b, enum bdfs_status rc)
{
        if (rc == BDFS_CORRUPT) {
                AUTO_LOCK(&b->lock);
                b->wipe = true;
                os_cond_signal(&b->wake);
        }
        return rc;
}

/* ---- what changed in the namespace ----------------------------------------------------------- */

void blocks_check_later(struct blocks *b, uint64_t block, bool urgent)
{
        if (b->checks_n == BLOCKS_CHECKS_MAX) {
                b->rescan_ms = b->clock_ms(); /* too many: all blocks are looked at instead */
                return;
        }
        b->checks[(b->checks_first + b->checks_n++) % BLOCKS_CHECKS_MAX] =
                (struct blocks_check){.block = block, .urgent = urgent};
}

static void check_all_later(struct blocks *b, const uint64_t *blocks, size_t n)
{
        AUTO_LOCK(&b->lock);
        for (size_t i = 0; i < n; i++)
                blocks_check_later(b, blocks[i], false);
        os_cond_signal(&b->wake);
}

void blocks_freed(struct blocks *b, const uint64_t *blocks, size_t n)
{
        check_all_later(b, blocks, n);
}

void blocks_check(struct blocks *b, const uint64_t *blocks, size_t n)
{
        check_all_later(b, blocks, n);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void command(struct blocks *b, uint32_t number, const struct node_command *what)
{
        struct node *n = nodes_get(&b->nodes, number);
        struct node_command *c;

        if (n == NULL || n->state != NODE_ALIVE)
                return; /* whoever wants it asks again */
        c = malloc(sizeof(*c));
        if (c == NULL)
                return;
        *c = *what;
        if (!node_command_add(n, c))
                log_warn("too many commands wait for datanode %u", number);
}

void blocks_doubt(struct blocks *b, uint64_t block, uint64_t stamp, uint32_t node)
{
        struct node_command c = {.kind = NODE_VERIFY, .block = block, .stamp = stamp};
        AUTO_LOCK(&b->lock);

        command(b, node, &c);
}

void blocks_stop_writers(struct blocks *b, uint64_t block, uint64_t stamp, const uint32_t *nodes,
                         size_t n)
{
        struct node_command c = {.kind = NODE_STOP, .block = block, .stamp = stamp};
        AUTO_LOCK(&b->lock);

        for (size_t i = 0; i < n; i++)
                command(b, nodes[i], &c);
}

void blocks_seal(struct blocks *b, uint64_t block, uint64_t stamp, uint64_t new_stamp,
                 uint64_t length, const uint32_t *nodes, size_t n)
{
        struct node_command c = {.kind = NODE_SEAL,
                                 .block = block,
                                 .stamp = stamp,
                                 .new_stamp = new_stamp,
                                 .length = length};
        AUTO_LOCK(&b->lock);

        for (size_t i = 0; i < n; i++)
                command(b, nodes[i], &c);
}

/* ---- safe mode ------------------------------------------------------------------------------- */

bool blocks_safe_mode(struct blocks *b, enum safe_mode_action action)
{
        AUTO_LOCK(&b->lock);

        switch (action) {
        case SAFE_MODE_GET:
                break;
        case SAFE_MODE_ENTER:
                safe_mode_enter(&b->safe);
                break;
        case SAFE_MODE_LEAVE:
        case SAFE_MODE_FORCE_EXIT:
                if (safe_mode_on(&b->safe))
                        b->rescan_ms = b->clock_ms();
                safe_mode_leave(&b->safe);
                os_cond_signal(&b->wake);
                break;
        }
        return safe_mode_on(&b->safe);
}

void blocks_safe_mode_text(struct blocks *b, char *ret, size_t room)
{
        AUTO_LOCK(&b->lock);

        safe_mode_text(&b->safe, b->clock_ms(), ret, room);
}
