#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct status_row {
        const char *name;
        const char *text;
        int eno;
        int exit_code;
};

static const struct status_row rows[BDFS_STATUS_COUNT] = {
#define X(name, wire, eno, exit_code, text) [wire] = {#name, text, eno, exit_code},
        BDFS_STATUS_MAP(X)
#undef X
};

static const struct status_row *row_of(enum bdfs_status status)
{
        if ((unsigned)status >= BDFS_STATUS_COUNT)
                return &rows[BDFS_FAILED];
        return &rows[status];
}

static enum bdfs_status make(struct bdfs_err *err, enum bdfs_status status, const char *java_class,
                             const char *format, va_list ap)
{
        BDFS_ASSERT(status != BDFS_OK);
        if (err == NULL)
                return status;
        err->status = status;
        err->java_class = java_class;
        (void)vsnprintf(err->text, sizeof(err->text), format, ap); /* cut texts are still texts */
        return status;
}

enum bdfs_status bdfs_fail(struct bdfs_err *err, enum bdfs_status status, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void)make(err, status, NULL, format, ap);
        va_end(ap);
        return status;
}

enum bdfs_status bdfs_fail_class(struct bdfs_err *err, enum bdfs_status status,
                                 const char *java_class, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void)make(err, status, java_class, format, ap);
        va_end(ap);
        return status;
}

enum bdfs_status bdfs_fail_errno(struct bdfs_err *err, int eno, const char *format, ...)
{
        enum bdfs_status status = bdfs_status_of_errno(eno);
        va_list ap;
        size_t used;

        if (err == NULL)
                return status;
        va_start(ap, format);
        (void)make(err, status, NULL, format, ap);
        va_end(ap);
        used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerrordesc_np(eno));
        return status;
}

enum bdfs_status bdfs_wrap(struct bdfs_err *err, const char *format, ...)
{
        char inner[BDFS_ERR_TEXT_BYTES];
        va_list ap;
        size_t used;

        BDFS_ASSERT(err != NULL); /* the status is in it */
        memcpy(inner, err->text, sizeof(inner));
        va_start(ap, format);
        (void)vsnprintf(err->text, sizeof(err->text), format, ap);
        va_end(ap);
        used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
        return err->status;
}

const char *bdfs_status_name(enum bdfs_status status)
{
        return (unsigned)status < BDFS_STATUS_COUNT ? rows[status].name : "UNKNOWN";
}

const char *bdfs_status_text(enum bdfs_status status)
{
        return row_of(status)->text;
}

int bdfs_status_errno(enum bdfs_status status)
{
        return row_of(status)->eno;
}

int bdfs_status_exit(enum bdfs_status status)
{
        return row_of(status)->exit_code;
}

enum bdfs_status bdfs_status_of_errno(int eno)
{
        switch (eno) {
        case 0: return BDFS_FAILED;
        case ENOENT: return BDFS_NOT_FOUND;
        case EEXIST: return BDFS_EXISTS;
        case ENOTEMPTY: return BDFS_NOT_EMPTY;
        case ENOTDIR: return BDFS_NOT_DIRECTORY;
        case EISDIR: return BDFS_IS_DIRECTORY;
        case EACCES: case EPERM: return BDFS_PERMISSION;
        case ENOSPC: case EFBIG: return BDFS_NO_SPACE;
        case EDQUOT: return BDFS_QUOTA;
        case ENOMEM: return BDFS_NO_MEMORY;
        case ETIMEDOUT: return BDFS_TIMEOUT;
        case EINVAL: case ENAMETOOLONG: return BDFS_INVALID;
        case EMFILE: case ENFILE: case EAGAIN: return BDFS_LIMIT;
        case ECONNREFUSED: case EHOSTUNREACH: case ENETUNREACH: return BDFS_UNAVAILABLE;
        case EPIPE: case ECONNRESET: case ECONNABORTED: return BDFS_CLOSED;
        case ENOTSUP: return BDFS_UNSUPPORTED;
        default: return BDFS_IO;
        }
}

void bdfs_assert_failed(const char *file, int line, const char *func, const char *text)
{
        (void)fprintf(stderr, "assertion failed at %s:%d in %s: %s\n", file, line, func, text);
        abort();
}
