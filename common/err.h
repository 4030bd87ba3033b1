/*
 * err.h - the one error type: made once, wrapped on the way up, logged once at the top.
 *
 * A status says what kind of failure it is; it decides the errno a mount answers, the exit code a
 * command ends with (DESIGN section 3) and the Java exception a Hadoop client sees
 * (proto/exception.h). The text says what failed, on what, why, and what to do.
 *
 * Owner:   struct bdfs_err is the caller's; it holds no memory of its own.
 * Threads: none; a struct belongs to one thread.
 * Rules:   a function that can fail returns enum bdfs_status and takes the bdfs_err last. It fills
 *          the bdfs_err whenever it returns something other than BDFS_OK. Only request
 *          dispatchers, thread bodies and main() log.
 */
#pragma once

#include <stdint.h>

#include "common/status.h"

/* For a status that changes nothing; the reason stands beside it. */
#define BDFS_IGNORE(expression)                                  \
        do {                                                     \
                enum bdfs_status ignored_status_ = (expression); \
                (void)ignored_status_;                           \
        } while (0)

/* Fill @err (which may be NULL) and return @status, so that make-and-return is one line. */
enum bdfs_status bdfs_fail(struct bdfs_err *err, enum bdfs_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The same where Hadoop's clients must see another exception than the status's; @java_class is one
 * of proto/exception.h. */
enum bdfs_status bdfs_fail_class(struct bdfs_err *err, enum bdfs_status status,
                                 const char *java_class, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* The same with the status and text of an errno value; %m in @format is not needed. */
enum bdfs_status bdfs_fail_errno(struct bdfs_err *err, int eno, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Put "@format: " before the text that is there; returns err->status. */
enum bdfs_status bdfs_wrap(struct bdfs_err *err, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* A broken invariant, never bad input or an I/O result: logs file, line and text, then aborts. */
#define BDFS_ASSERT(condition)                                                       \
        do {                                                                         \
                if (!(condition))                                                    \
                        bdfs_assert_failed(__FILE__, __LINE__, __func__, #condition); \
        } while (0)
_Noreturn void bdfs_assert_failed(const char *file, int line, const char *func, const char *text);
