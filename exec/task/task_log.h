/*
 * task_log.h - what a task writes to stderr, with a bound: its first TASK_LOG_HEAD bytes and its
 * last TASK_LOG_TAIL bytes.
 *
 * Owner:   zero-filled is empty; task_log_fini() frees.
 * Threads: none.
 * Errors:  none: without memory less is kept.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TASK_LOG_HEAD ((size_t)1 << 20)
#define TASK_LOG_TAIL ((size_t)9 << 20)

struct task_log {
        uint8_t *head, *ring;
        size_t head_n, head_room;
        size_t ring_n, ring_room, ring_at; /* ring_at: where the oldest byte is, once it is full */
        uint64_t total;
};

void task_log_add(struct task_log *l, const uint8_t *bytes, size_t n);
void task_log_fini(struct task_log *l);

/* Everything that is kept: the head, and, when something was left out between, the tail. The tail
 * is made straight in place; both are good until the next add. */
struct task_log_text {
        const uint8_t *head, *tail;
        size_t head_n, tail_n; /* tail_n 0: nothing is missing */
};
void task_log_text(struct task_log *l, struct task_log_text *ret);
/* The last lines: at most @lines, at most @room bytes. Returns how many bytes. */
size_t task_log_last(struct task_log *l, unsigned lines, uint8_t *ret, size_t room);
