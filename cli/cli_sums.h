/*
 * cli_sums.h - the .NAME.crc file that Hadoop's local file system keeps beside a file (get -crc).
 *
 * Format: "crc", a zero byte, 512 as u32, then the CRC32 of each 512 bytes; all big endian.
 */
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <sys/types.h>

struct cli_sums;
enum bdfs_status cli_sums_new(struct cli_sums **ret, struct bdfs_err *err) BDFS_MUST_CHECK;
void cli_sums_add(struct cli_sums *s, const void *bytes, size_t n);
/* Written beside the file @path, in one step. */
enum bdfs_status cli_sums_save(struct cli_sums *s, const char *path, mode_t mode,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
void cli_sums_free(struct cli_sums *s); /* NULL is fine */
