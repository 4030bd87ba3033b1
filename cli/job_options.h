/*
 * job_options.h - what was typed behind `bdfs job run`, as a request; and Hadoop's spellings of it,
 * which are told apart so that the native form can be shown.
 *
 * Owner:   struct job_request borrows the words of argv; job_request_fini() frees the lists.
 * Threads: the command's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_TIMEOUT_S_MAX 86400

struct job_words {
        const char **list;
        size_t n;
};
bool job_words_add(struct job_words *w, const char *word); /* false: no memory */

struct job_request {
        struct job_words inputs, files;
        const char *output, *map, *reduce;
        uint64_t reduces;
        bool has_reduces, has_timeout, json;
        uint64_t timeout_s;
};

#define JOB_WHY_BYTES 4096
/* argv[0] is passed over. False: *why says what is wrong. */
bool job_request_parse(struct job_request *ret, int argc, char **argv, char why[JOB_WHY_BYTES]);
void job_request_fini(struct job_request *q);

/* Are there options as Hadoop's streaming spells them? */
bool job_words_are_hadoops(int argc, char **argv);
/* The same as bdfs spells it, with what has no counterpart. */
void job_hadoop_to_native(int argc, char **argv, char ret[JOB_WHY_BYTES]);
