/*
 * job_name.h - ids of jobs and names of attempts.
 *
 *   job_<milliseconds>_<number>     attempt_<milliseconds>_<number>_m_<task>_<attempt>
 */
#pragma once

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOB_ID_BYTES 40
#define JOB_ATTEMPT_BYTES 64

/* job_, 13 digits, _, 4 digits or more. */
static inline bool job_id_ok(const char *id)
{
        size_t n = strlen(id);

        if (n < 22 || n > 30 || strncmp(id, "job_", 4) != 0 || id[17] != '_')
                return false;
        for (size_t i = 4; i < n; i++) {
                if (i != 17 && !isdigit((unsigned char)id[i]))
                        return false;
        }
        return true;
}

/* The two numbers of a good id. */
struct job_number {
        uint64_t ms, number;
};
static inline struct job_number job_number_of(const char *id)
{
        return (struct job_number){strtoull(id + 4, NULL, 10), strtoull(id + 18, NULL, 10)};
}

static inline void job_attempt_name(const char *job, bool reduce, uint32_t task, uint32_t attempt,
                                    char ret[JOB_ATTEMPT_BYTES])
{
        (void)snprintf(ret, JOB_ATTEMPT_BYTES, "attempt_%s_%c_%06u_%u", job + 4, reduce ? 'r' : 'm',
                       task, attempt);
}
