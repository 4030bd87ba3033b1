/*
 * os_sim_switch.h - stacks, and jumping between them. For the simulator only.
 *
 * Owner:   a context made by sim_context_make() owns its stack until sim_context_drop().
 * Threads: contexts never leave the thread that made them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sim_context {
        void *sp;     /* saved while it does not run */
        void *stack;  /* lowest usable address; NULL: the thread's own stack */
        size_t bytes;
        void *fake_stack; /* ASan's */
        void *tsan;       /* TSan's */
};

/* The running context becomes @c, so that others can switch back to it. */
void sim_context_adopt(struct sim_context *c);
/* A stack on which @entry runs at the first switch; @entry never returns. @reuse: a stack of an
 * earlier context, or NULL. False: no memory. */
bool sim_context_make(struct sim_context *c, void *reuse, void (*entry)(void));
/* @last: @from never runs again. */
void sim_context_switch(struct sim_context *from, struct sim_context *to, bool last);
/* First thing in @entry; @from is the context that switched here. */
void sim_context_entered(struct sim_context *from);
/* After its last switch: gives the stack back, for sim_context_make() or sim_stack_free(). */
void *sim_context_drop(struct sim_context *c);
void sim_stack_free(void *stack);
