/*
 * cli_format.h - how numbers, modes, times and tables look: as in FsShell.
 *
 * Owner, threads: results go to the caller's memory; a table is its maker's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/bdfs.h"

#define CLI_TEXT_BYTES 32

/* 1536 is "1.5 K" when @human, else "1536". */
const char *cli_size(char to[CLI_TEXT_BYTES], int64_t n, bool human);
/* "1.5 KB", "12 B" */
const char *cli_bytes(char to[CLI_TEXT_BYTES], uint64_t n);
/* "rwxr-xr-t" */
const char *cli_mode(char to[CLI_TEXT_BYTES], uint32_t mode);
/* "yyyy-MM-dd HH:mm" here, "yyyy-MM-dd HH:mm:ss" in UTC */
const char *cli_time_minutes(char to[CLI_TEXT_BYTES], int64_t ms);
const char *cli_time_utc(char to[CLI_TEXT_BYTES], int64_t ms);
const char *cli_type_name(enum bdfs_type type); /* "directory", "regular file", "symlink" */
/* Without control, format, private and unassigned characters: "?" for each. Freed by the caller. */
char *cli_printable(const char *text);
/* How many columns it takes: its characters. */
int cli_columns(const char *text);

/* Columns as wide as their widest cell, two spaces between. */
struct cli_table;
/* @right: a bit for each column that is set to the right. NULL: no memory. */
struct cli_table *cli_table_new(unsigned columns, unsigned right);
bool cli_table_add(struct cli_table *t, const char *const *cells); /* copied */
size_t cli_table_rows(const struct cli_table *t);
struct cli;
void cli_table_print(const struct cli_table *t, struct cli *cli);
void cli_table_free(struct cli_table *t); /* NULL is fine */
