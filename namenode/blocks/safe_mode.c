#include "namenode/blocks/safe_mode.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/err.h"

void safe_mode_init(struct safe_mode *s, uint32_t permille, int64_t extension_ms)
{
        BDFS_ASSERT(permille <= 1000);
        *s = (struct safe_mode){.state = SAFE_MODE_WAITING,
                                .permille = permille,
                                .extension_ms = extension_ms};
}

bool safe_mode_on(const struct safe_mode *s)
{
        return s->state != SAFE_MODE_OFF;
}

bool safe_mode_counts(const struct safe_mode *s)
{
        return s->state == SAFE_MODE_WAITING || s->state == SAFE_MODE_EXTENSION;
}

uint64_t safe_mode_needed(const struct safe_mode *s, uint64_t total)
{
        /* Rounded up, so that one block of one must be there too. */
        return total - (total / 1000 * (1000 - s->permille) +
                        total % 1000 * (1000 - s->permille) / 1000);
}

bool safe_mode_update(struct safe_mode *s, const struct safe_mode_facts *facts, int64_t now_ms)
{
        bool enough = facts->reported >= safe_mode_needed(s, facts->total);

        s->facts = *facts;
        if (!safe_mode_counts(s))
                return false;
        if (!enough) {
                s->state = SAFE_MODE_WAITING;
                return false;
        }
        if (s->state == SAFE_MODE_WAITING) {
                s->state = SAFE_MODE_EXTENSION;
                s->extension_end_ms = now_ms + s->extension_ms;
        }
        if (facts->total > 0 && !facts->everyone && now_ms < s->extension_end_ms)
                return false;
        s->state = SAFE_MODE_OFF;
        return true;
}

void safe_mode_enter(struct safe_mode *s)
{
        s->state = SAFE_MODE_MANUAL;
}

void safe_mode_leave(struct safe_mode *s)
{
        s->state = SAFE_MODE_OFF;
}

static void ending_text(const struct safe_mode *s, int64_t now_ms, char *ret, size_t room)
{
        int64_t left_ms = s->extension_end_ms - now_ms;

        if (s->state == SAFE_MODE_WAITING)
                (void)snprintf(ret, room, "Safe mode will be turned off automatically once the "
                                          "thresholds have been reached.");
        else
                (void)snprintf(ret, room,
                               "In safe mode extension. Safe mode will be turned off "
                               "automatically in %" PRId64 " seconds.",
                               left_ms > 0 ? left_ms / 1000 : 0);
}

void safe_mode_text(const struct safe_mode *s, int64_t now_ms, char *ret, size_t room)
{
        uint64_t needed = safe_mode_needed(s, s->facts.total);
        double threshold = (double)s->permille / 1000;
        char blocks[256], ending[160];

        BDFS_ASSERT(room > 0);
        ret[0] = '\0';
        if (s->state == SAFE_MODE_OFF)
                return;
        if (s->state == SAFE_MODE_MANUAL) {
                (void)snprintf(ret, room, "It was turned on manually. Use \"hdfs dfsadmin "
                                          "-safemode leave\" to turn safe mode off.");
                return;
        }
        if (s->facts.reported < needed)
                (void)snprintf(blocks, sizeof(blocks),
                               "The reported blocks %" PRIu64 " needs additional %" PRIu64
                               " blocks to reach the threshold %.4f of total blocks %" PRIu64
                               ".\n", s->facts.reported, needed - s->facts.reported, threshold,
                               s->facts.total);
        else
                (void)snprintf(blocks, sizeof(blocks),
                               "The reported blocks %" PRIu64 " has reached the threshold %.4f of "
                               "total blocks %" PRIu64 ". ", s->facts.reported, threshold,
                               s->facts.total);
        ending_text(s, now_ms, ending, sizeof(ending));
        (void)snprintf(ret, room, "%sThe minimum number of live datanodes is not required. %s",
                       blocks, ending);
}
