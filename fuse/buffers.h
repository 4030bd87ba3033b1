/*
 * buffers.h - memory for answers to reads, used again: a mapping made and dropped for each read of
 * a megabyte would cost more than the copying.
 *
 * Owner:   a buffer is its taker's until it is given back.
 * Threads: any; one lock inside.
 */
#pragma once

#include <stddef.h>

#define BUFFERS_KEPT 16

struct buffers;

struct buffers *buffers_new(size_t bytes); /* of each; NULL: no memory */
void buffers_free(struct buffers *b);      /* NULL is fine */

void *buffers_take(struct buffers *b, size_t n); /* NULL: no memory, or more than they have */
void buffers_give(struct buffers *b, void *p);   /* NULL is fine */
