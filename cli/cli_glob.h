/*
 * cli_glob.h - Hadoop's patterns for names: * ? [a-z] [!a] {a,b} and \ before any of them.
 *
 * Owner:   results are the caller's, freed with the function that stands beside.
 * Threads: none.
 * Errors:  INVALID for a pattern that is not one ("Illegal file pattern", as hdfs says), LIMIT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

#define GLOB_ALTERNATIVES_MAX 4096

struct glob_list {
        char **text;
        size_t n;
};
void glob_list_free(struct glob_list *l);

/* A path pattern without the groups that hold a slash: /{b/c,d}/x? is /b/c/x? and /d/x?. The
 * groups within a component stay. */
enum bdfs_status glob_flatten(const char *pattern, struct glob_list *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* A pattern for one name, made ready. */
struct glob {
        struct glob_list alternatives; /* without groups */
        bool wild;                     /* it has a wildcard: names must be listed to be matched */
};
enum bdfs_status glob_compile(const char *pattern, struct glob *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void glob_fini(struct glob *g);
bool glob_match(const struct glob *g, const char *name);

/* "a\*b" is "a*b". The result is as long or shorter; @to may be @from. */
void glob_unescape(const char *from, char *to);
