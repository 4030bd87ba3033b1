#include "namenode/tree/path.h"

#include <string.h>

#include "proto/utf8.h"

/* Path names at the edge: strings of clients and of records, checked in HDFS's words. */

#define PATH_EDGE_BYTES_MAX (4 * PATH_BYTES_MAX) /* a character of UTF-8 has up to four bytes */

bool path_next(const struct path *p, size_t *at, const char **ret, size_t *ret_n)
{
        size_t from = *at, to;

        while (from < p->n && p->text[from] == '/')
                from++;
        if (from >= p->n)
                return false;
        for (to = from; to < p->n && p->text[to] != '/'; to++)
                ;
        *ret = p->text + from;
        *ret_n = to - from;
        *at = to;
        return true;
}

size_t path_depth(const struct path *p)
{
        size_t at = 0, n, depth = 0;
        const char *name;

        while (path_next(p, &at, &name, &n))
                depth++;
        return depth;
}

bool path_is_root(const struct path *p)
{
        return p->n == 1 && p->text[0] == '/';
}

bool path_under(const struct path *p, const struct path *above)
{
        if (path_is_root(above))
                return true;
        if (p->n < above->n || memcmp(p->text, above->text, above->n) != 0)
                return false;
        return p->n == above->n || p->text[above->n] == '/';
}

/* ---- checks --------------------------------------------------------------------------------- */

static bool equals(const char *name, size_t n, const char *text)
{
        return n == strlen(text) && memcmp(name, text, n) == 0;
}

static bool utf8_valid(const char *bytes, size_t n)
{
        for (size_t i = 0; i < n;) {
                size_t step = utf8_character((const uint8_t *)bytes + i, n - i);

                if (step == 0)
                        return false;
                i += step;
        }
        return true;
}

/* As Java counts: UTF-16 units. */
static size_t characters(const char *bytes, size_t n)
{
        size_t count = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)bytes[i];

                if ((c & 0xc0) != 0x80)
                        count += c >= 0xf0 ? 2 : 1;
        }
        return count;
}

/* May a path with these names be made? HDFS's isValidName. */
static bool valid_name(const char *bytes, size_t n, bool hadoop)
{
        struct path p = {.text = bytes, .n = n};
        const char *name;
        size_t at = 0, name_n, depth = path_depth(&p), i = 0;
        bool inodes = false;

        if (n == 0 || bytes[0] != '/' || memchr(bytes, 0, n) != NULL ||
            memmem(bytes, n, "//", 2) != NULL)
                return false;
        for (; path_next(&p, &at, &name, &name_n); i++) {
                if (i == 1)
                        inodes = equals(name, name_n, ".inodes") &&
                                 n > 10 && memcmp(bytes, "/.reserved", 10) == 0;
                if (equals(name, name_n, ".") ||
                    (equals(name, name_n, "..") && !(inodes && depth > 3)))
                        return false;
                if (hadoop && memchr(name, ':', name_n) != NULL)
                        return false;
        }
        return !hadoop || utf8_valid(bytes, n);
}

static bool starts(const char *bytes, size_t n, const char *prefix)
{
        size_t prefix_n = strlen(prefix);

        return n >= prefix_n && memcmp(bytes, prefix, prefix_n) == 0;
}

static bool reserved_for_create(const char *bytes, size_t n)
{
        if (equals(bytes, n, "/.reserved"))
                return true;
        return starts(bytes, n, "/.reserved/") && !starts(bytes, n, "/.reserved/raw") &&
               !starts(bytes, n, "/.reserved/.inodes");
}

static const char *use_name(enum path_use use)
{
        switch (use) {
        case PATH_MKDIRS: return "mkdirs";
        case PATH_CREATE: return "create";
        case PATH_RENAME_TARGET: return "rename";
        case PATH_LINK: return "createSymlink";
        case PATH_READ: break;
        }
        return "path";
}

struct checked {
        const char *bytes;
        size_t n;
        enum path_use use;
        bool hadoop;
};

static enum path_fault check_new(const struct checked *c, struct bdfs_err *err)
{
        struct path p = {.text = c->bytes, .n = c->n};
        const char *words = c->use == PATH_CREATE ? "" :
                            c->use == PATH_LINK ? "Invalid link name: " : "Invalid file name: ";

        if (c->n == 0) {
                (void)bdfs_fail(err, BDFS_INVALID_PATH,
                                "Can not create a Path from an empty string");
                return PATH_FAULT_EMPTY;
        }
        if (characters(c->bytes, c->n) > PATH_BYTES_MAX || path_depth(&p) > PATH_DEPTH_MAX) {
                (void)bdfs_fail(err, BDFS_FAILED,
                                "%s: Pathname too long.  Limit %d characters, %d levels.",
                                use_name(c->use), PATH_BYTES_MAX, PATH_DEPTH_MAX);
                return PATH_FAULT_LONG;
        }
        if (!valid_name(c->bytes, c->n, c->hadoop) ||
            (c->use == PATH_CREATE && reserved_for_create(c->bytes, c->n))) {
                (void)bdfs_fail(err, BDFS_INVALID_PATH, "Invalid path name %s%.*s", words,
                                (int)c->n, c->bytes);
                return PATH_FAULT_INVALID;
        }
        return PATH_FAULT_NONE;
}

static enum path_fault check_any(const struct checked *c, struct bdfs_err *err)
{
        if (c->n == 0 || c->bytes[0] != '/') {
                (void)bdfs_fail(err, BDFS_INVALID_PATH, "Absolute path required, but got '%.*s'",
                                (int)(c->n < 800 ? c->n : 800), c->bytes);
                return PATH_FAULT_RELATIVE;
        }
        if (c->n > PATH_EDGE_BYTES_MAX) {
                (void)bdfs_fail(err, BDFS_FAILED, "Pathname too long.  Limit %d bytes.",
                                PATH_EDGE_BYTES_MAX);
                return PATH_FAULT_LONG;
        }
        return PATH_FAULT_NONE;
}

static bool normalise(const struct checked *c, struct buf *room, struct path *ret)
{
        struct path p = {.text = c->bytes, .n = c->n};
        const char *name;
        size_t at = 0, n;

        buf_reset(room);
        while (path_next(&p, &at, &name, &n)) {
                buf_u8(room, '/');
                buf_add(room, name, n);
        }
        if (room->n == 0)
                buf_u8(room, '/');
        ret->text = (const char *)room->data;
        ret->n = room->n;
        return !room->bad;
}

enum bdfs_status path_check(const char *bytes, size_t n, enum path_use use, bool hadoop,
                            struct buf *room, struct path *ret, enum path_fault *ret_fault,
                            struct bdfs_err *err)
{
        struct checked c = {.bytes = bytes, .n = n, .use = use, .hadoop = hadoop};
        struct bdfs_err own;
        struct bdfs_err *to = err != NULL ? err : &own;
        enum path_fault fault = PATH_FAULT_NONE;

        if (use != PATH_READ)
                fault = check_new(&c, to);
        if (fault == PATH_FAULT_NONE)
                fault = check_any(&c, to);
        if (ret_fault != NULL)
                *ret_fault = fault;
        if (fault != PATH_FAULT_NONE)
                return to->status;
        if (!normalise(&c, room, ret))
                return bdfs_fail(err, BDFS_NO_MEMORY, "path of %zu bytes", n);
        return BDFS_OK;
}

enum bdfs_status path_of_record(const uint8_t *bytes, size_t n, struct path *ret,
                                struct bdfs_err *err)
{
        const char *text = (const char *)bytes;

        if (n == 0 || text[0] != '/' || n > PATH_EDGE_BYTES_MAX ||
            (n > 1 && text[n - 1] == '/') || memmem(text, n, "//", 2) != NULL)
                return bdfs_fail(err, BDFS_INVALID_PATH, "Invalid path name %.*s",
                                 (int)(n < 800 ? n : 800), text == NULL ? "" : text);
        ret->text = text;
        ret->n = n;
        return BDFS_OK;
}
