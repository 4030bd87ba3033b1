/*
 * safe_mode.h - the namenode changes nothing until it knows where most blocks lie.
 *
 * On at the start; it ends when `permille` of the complete blocks have a copy on a node that
 * reported in this epoch, and an extension for stragglers has passed. The extension is left out
 * when every registered node is back; an empty namespace ends it at once. Manual safe mode ends
 * only by hand.
 *
 * Threads: none. Time is passed in, in os_mono_ms().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum safe_mode_state { SAFE_MODE_WAITING, SAFE_MODE_EXTENSION, SAFE_MODE_MANUAL, SAFE_MODE_OFF };

struct safe_mode_facts {
        uint64_t total;    /* complete blocks */
        uint64_t reported; /* of these, with a copy reported in this epoch */
        bool everyone;     /* all registered nodes are back and have reported */
};

struct safe_mode {
        enum safe_mode_state state;
        uint32_t permille;
        int64_t extension_ms, extension_end_ms;
        struct safe_mode_facts facts;
};

void safe_mode_init(struct safe_mode *s, uint32_t permille, int64_t extension_ms);
bool safe_mode_on(const struct safe_mode *s);
/* It waits for blocks, so the facts are wanted. */
bool safe_mode_counts(const struct safe_mode *s);
/* How many blocks must be reported. */
uint64_t safe_mode_needed(const struct safe_mode *s, uint64_t total);
/* True when it ended just now. */
bool safe_mode_update(struct safe_mode *s, const struct safe_mode_facts *facts, int64_t now_ms);
void safe_mode_enter(struct safe_mode *s);
void safe_mode_leave(struct safe_mode *s);
/* HDFS's words; "" when it is off. */
void safe_mode_text(const struct safe_mode *s, int64_t now_ms, char *ret, size_t room);
