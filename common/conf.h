/*
 * conf.h - a program's configuration file: "key = value" lines, driven by one const table.
 *
 *      # a comment has its own line, and starts with # or ;
 *      port = 9866
 *      block_bytes = 128M
 *      dirs = /disk/1, /disk/2
 *
 * The table serves parsing, --help, --print-config and the manual's check. Nothing in a file is
 * ignored: an unknown key, a key given twice, a value out of range, a section, a control byte or
 * a line that is too long is an error that says file, line and what is allowed.
 *
 * Owner:   strings and lists in the program's struct are its own; conf_free() frees them.
 * Threads: conf_load() sets libinih's own settings, always to the same values; a program calls it
 *          before it starts threads.
 * Errors:  INVALID with "FILE:LINE: ..." for contents; by errno when the file cannot be read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

#define CONF_LINE_BYTES_MAX 4096
#define CONF_FILE_BYTES_MAX (1 << 20)
#define CONF_LIST_MAX 256

enum conf_type {
        CONF_STRING_TYPE,
        CONF_INT_TYPE,   /* 17, -3 */
        CONF_BYTES_TYPE, /* 512, 64K, 128M, 10G, 2T (powers of 1024) */
        CONF_BOOL_TYPE,  /* yes, no (also true, false, on, off) */
        CONF_MS_TYPE,    /* 250ms, 30s, 5m, 2h, 1d; 0 */
        CONF_LIST_TYPE,  /* a, b, c; empty is the empty list */
};

struct conf_list {
        size_t n;
        char **items;
};

struct conf_key {
        const char *name;
        enum conf_type type;
        size_t offset;           /* of the field; both by the macros below */
        const char *if_not_given; /* in the syntax of the file; NULL: must be given */
        /* Of the value (INT, BYTES, MS), its length (STRING) or its items (LIST). STRING and LIST
         * take max 0 for what a line can hold. */
        int64_t min, max;
        const char *help; /* one sentence without a full stop */
};

/* {"port", CONF_INT(struct datanode_conf, port), "9866", 1, 65535, "port for clients"} */
#define CONF_STRING(s, field) CONF_STRING_TYPE, CONF_FIELD(s, field, char *)
#define CONF_INT(s, field) CONF_INT_TYPE, CONF_FIELD(s, field, int64_t)
#define CONF_BYTES(s, field) CONF_BYTES_TYPE, CONF_FIELD(s, field, int64_t)
#define CONF_BOOL(s, field) CONF_BOOL_TYPE, CONF_FIELD(s, field, bool)
#define CONF_MS(s, field) CONF_MS_TYPE, CONF_FIELD(s, field, int64_t)
#define CONF_LIST(s, field) CONF_LIST_TYPE, CONF_FIELD(s, field, struct conf_list)
/* The field's offset; a field of another type does not compile. */
#define CONF_FIELD(s, field, c_type) \
        (offsetof(s, field) + 0 * sizeof(_Generic(((s *)0)->field, c_type: 0)))

/* Fill @ret, a struct of the table's fields, from the file at @path (through the os seam). On
 * failure its fields are zero. */
enum bdfs_status conf_load(const struct conf_key *table, size_t n, const char *path, void *ret,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
/* The same from memory; @path is for error texts. */
enum bdfs_status conf_parse(const struct conf_key *table, size_t n, const char *path,
                            const char *text, size_t text_bytes, void *ret,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
void conf_free(const struct conf_key *table, size_t n, void *conf);

/* Every key with its value, as a file that conf_load() reads back. */
void conf_print(const struct conf_key *table, size_t n, const void *conf, FILE *to);
/* Every key with its type, range, default and meaning. */
void conf_help(const struct conf_key *table, size_t n, FILE *to);
/* The same as a list of a manual page (common/mdoc.h). */
void conf_man(const struct conf_key *table, size_t n, FILE *to);
