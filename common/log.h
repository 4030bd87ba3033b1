/*
 * log.h - one event, one line on stderr: time, level, program, fixed words, then key=value.
 *
 *      log_info("replica sealed block=%" PRIu64 " genstamp=%" PRIu64, id, stamp);
 *
 * Owner:   the sink is the process's (one of the two permitted globals).
 * Threads: any; each line is one write.
 * Rules:   level error means that somebody must act. Never a secret, never file contents. Bytes
 *          below 0x20 and 0x7f in arguments come out as \xNN, so a line stays one line.
 */
#pragma once

#include <stdint.h>

#include "common/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* @program must outlive the process's logging (a string literal). */
void log_open(const char *program, enum log_level most);

/* Standard error and output become the file @path, mode 0600; with @bytes in it it gets another
 * name, @path.1, and so on up to LOG_OLD_MAX, and a new one is begun. */
#define LOG_OLD_MAX 4
enum bdfs_status log_to_file(const char *path, uint64_t bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
