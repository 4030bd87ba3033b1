/*
 * fault_alloc.h - the nth allocation of this program's own code fails.
 *
 *      for (n = 1; ; n++) {
 *              fault_arm(n);
 *              rc = what_is_tested();
 *              if (!fault_fired())
 *                      break;
 *              assert_int_equal(rc, BDFS_NO_MEMORY);
 *      }
 *
 * Programs named test_no_memory* are linked so that malloc and its kin come here; libraries keep
 * the C library's.
 *
 * Threads: counts those of all threads while armed.
 */
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t each);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t each);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t each);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t most);

static atomic_long fault_left; /* 0: not armed */
static atomic_bool fault_hit;

static inline void fault_arm(unsigned nth)
{
        atomic_store(&fault_hit, false);
        atomic_store(&fault_left, (long)nth);
}

/* Disarms: did an allocation fail? */
static inline bool fault_fired(void)
{
        atomic_store(&fault_left, 0);
        return atomic_load(&fault_hit);
}

static bool fault_now(void)
{
        long left = atomic_load(&fault_left);

        while (left > 0)
                if (atomic_compare_exchange_weak(&fault_left, &left, left - 1)) {
                        if (left > 1)
                                return false;
                        atomic_store(&fault_hit, true);
                        errno = ENOMEM;
                        return true;
                }
        return false;
}

void *__wrap_malloc(size_t n)
{
        return fault_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t each)
{
        return fault_now() ? NULL : __real_calloc(n, each);
}

void *__wrap_realloc(void *p, size_t n)
{
        return fault_now() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t each)
{
        return fault_now() ? NULL : __real_reallocarray(p, n, each);
}

char *__wrap_strndup(const char *s, size_t most)
{
        size_t n = strnlen(s, most);
        char *copy = fault_now() ? NULL : __real_malloc(n + 1);

        if (copy != NULL) {
                memcpy(copy, s, n);
                copy[n] = '\0';
        }
        return copy;
}

char *__wrap_strdup(const char *s)
{
        return __wrap_strndup(s, (size_t)-1);
}
