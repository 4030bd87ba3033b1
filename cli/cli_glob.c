#include "cli/cli_glob.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"

void glob_list_free(struct glob_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->text[i]);
        free(l->text);
        *l = (struct glob_list){0};
}

static enum bdfs_status list_add(struct glob_list *l, char *text, struct bdfs_err *err)
{
        char **more;

        if (text != NULL && l->n == GLOB_ALTERNATIVES_MAX) {
                free(text);
                return bdfs_fail(err, BDFS_LIMIT, "Illegal file pattern: more than %d alternatives",
                                 GLOB_ALTERNATIVES_MAX);
        }
        more = text == NULL ? NULL : realloc(l->text, (l->n + 1) * sizeof(*more));
        if (more == NULL) {
                free(text);
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        l->text = more;
        l->text[l->n++] = text;
        return BDFS_OK;
}

void glob_unescape(const char *from, char *to)
{
        for (; *from != '\0'; from++) {
                if (*from == '\\' && from[1] != '\0')
                        from++;
                *to++ = *from;
        }
        *to = '\0';
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* The end of the group at @open (its brace); NULL when it has none. */
static const char *group_end(const char *open, bool *ret_slash)
{
        unsigned depth = 0;

        *ret_slash = false;
        for (const char *c = open; *c != '\0'; c++) {
                if (*c == '\\' && c[1] != '\0')
                        c++;
                else if (*c == '{')
                        depth++;
                else if (*c == '/')
                        *ret_slash = true;
                else if (*c == '}' && --depth == 0)
                        return c;
        }
        return NULL;
}

/* The first group to take apart: any, or one with a slash in it. */
static const char *first_group(const char *pattern, bool with_slash, const char **ret_end)
{
        for (const char *c = pattern; *c != '\0'; c++) {
                bool slash;

                if (*c == '\\' && c[1] != '\0') {
                        c++;
                        continue;
                }
                if (*c != '{')
                        continue;
                *ret_end = group_end(c, &slash);
                if (*ret_end == NULL)
                        return NULL;
                if (slash || !with_slash)
                        return c;
                c = *ret_end;
        }
        return NULL;
}

static char *join(const char *pattern, const char *open, const char *from, size_t n,
                  const char *end)
{
        struct buf b;

        buf_init(&b, 0);
        buf_add(&b, pattern, (size_t)(open - pattern));
        buf_add(&b, from, n);
        buf_add(&b, end + 1, strlen(end + 1) + 1);
        if (!b.bad)
                return (char *)b.data;
        buf_fini(&b);
        return NULL;
}

static enum bdfs_status expand(const char *pattern, bool with_slash, unsigned depth,
                               struct glob_list *ret, struct bdfs_err *err);

/* Once for each alternative between @open and @end. */
static enum bdfs_status expand_group(const char *pattern, const char *open, const char *end,
                                     bool with_slash, unsigned depth, struct glob_list *ret,
                                     struct bdfs_err *err)
{
        const char *from = open + 1;
        unsigned inner = 0;

        for (const char *c = from; c <= end; c++) {
                char *one;
                enum bdfs_status rc;

                if (*c == '\\' && c < end) {
                        c++;
                        continue;
                }
                if (*c == '{')
                        inner++;
                if (c < end && *c == '}')
                        inner--;
                if (c < end && (*c != ',' || inner > 0))
                        continue;
                one = join(pattern, open, from, (size_t)(c - from), end);
                if (one == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                rc = expand(one, with_slash, depth + 1, ret, err);
                free(one);
                if (rc != BDFS_OK)
                        return rc;
                from = c + 1;
        }
        return BDFS_OK;
}

static enum bdfs_status expand(const char *pattern, bool with_slash, unsigned depth,
                               struct glob_list *ret, struct bdfs_err *err)
{
        const char *end, *open = first_group(pattern, with_slash, &end);

        if (depth > 64)
                return bdfs_fail(err, BDFS_LIMIT, "Illegal file pattern: too many groups in `%s'",
                                 pattern);
        if (open == NULL)
                return list_add(ret, strdup(pattern), err);
        return expand_group(pattern, open, end, with_slash, depth, ret, err);
}

/* ---- what is a pattern ----------------------------------------------------------------------- */

static enum bdfs_status illegal(const char *what, const char *pattern, struct bdfs_err *err)
{
        return bdfs_fail(err, BDFS_INVALID, "Illegal file pattern: %s in `%s'", what, pattern);
}

/* The byte after the set at @open, or NULL when it is not closed; Hadoop takes no [ in a set. */
static const char *set_end(const char *open)
{
        const char *c = open + 1;

        if (*c == '!' || *c == '^')
                c++;
        if (*c == ']')
                c++;
        for (; *c != '\0' && *c != ']'; c++) {
                if (*c == '[')
                        return NULL;
                if (*c == '\\' && c[1] != '\0')
                        c++;
        }
        return *c == ']' ? c + 1 : NULL;
}

static enum bdfs_status check(const char *pattern, bool *ret_wild, struct bdfs_err *err)
{
        unsigned groups = 0;

        *ret_wild = false;
        for (const char *c = pattern; *c != '\0'; c++) {
                if (*c == '\\') {
                        if (*++c == '\0')
                                return illegal("Missing escaped character", pattern, err);
                } else if (*c == '*' || *c == '?') {
                        *ret_wild = true;
                } else if (*c == '[') {
                        const char *end = set_end(c);

                        if (end == NULL)
                                return illegal("Unclosed character class", pattern, err);
                        *ret_wild = true;
                        c = end - 1;
                } else if (*c == '{') {
                        *ret_wild = true;
                        groups++;
                } else if (*c == '}' && groups > 0) {
                        groups--;
                }
        }
        return groups == 0 ? BDFS_OK : illegal("Unclosed group", pattern, err);
}

enum bdfs_status glob_flatten(const char *pattern, struct glob_list *ret, struct bdfs_err *err)
{
        struct glob_list l = {0};

        if (expand(pattern, true, 0, &l, err) != BDFS_OK) {
                glob_list_free(&l);
                return err->status;
        }
        *ret = l;
        return BDFS_OK;
}

enum bdfs_status glob_compile(const char *pattern, struct glob *ret, struct bdfs_err *err)
{
        struct glob g = {.wild = false};

        if (check(pattern, &g.wild, err) != BDFS_OK)
                return err->status;
        if (expand(pattern, false, 0, &g.alternatives, err) != BDFS_OK) {
                glob_fini(&g);
                return err->status;
        }
        *ret = g;
        return BDFS_OK;
}

void glob_fini(struct glob *g)
{
        glob_list_free(&g->alternatives);
}

/* ---- matching -------------------------------------------------------------------------------- */

/* One character and where the next begins; a byte that is not UTF-8 stands for itself. */
static uint32_t next_char(const char **at)
{
        const unsigned char *c = (const unsigned char *)*at;
        unsigned n = c[0] >= 0xf0 ? 3 : c[0] >= 0xe0 ? 2 : c[0] >= 0xc2 ? 1 : 0;
        uint32_t v = n == 0 ? c[0] : c[0] & (0x3fu >> n);

        for (unsigned i = 1; i <= n; i++) {
                if ((c[i] & 0xc0) != 0x80) {
                        *at += 1;
                        return c[0];
                }
                v = v << 6 | (c[i] & 0x3f);
        }
        *at += n + 1;
        return v;
}

/* A character of a set, its escape taken away. */
static uint32_t set_char(const char **at)
{
        if (**at == '\\' && (*at)[1] != '\0')
                (*at)++;
        return next_char(at);
}

static bool set_has(const char *open, uint32_t wanted)
{
        const char *c = open + 1, *end = set_end(open) - 1;
        bool negated = *c == '!' || *c == '^', found = false;

        if (negated)
                c++;
        while (c < end) {
                uint32_t low = set_char(&c), high = low;

                if (*c == '-' && c + 1 < end) {
                        c++;
                        high = set_char(&c);
                }
                found = found || (wanted >= low && wanted <= high);
        }
        return found != negated;
}

/* Does one pattern element (not a star) take the character at *name? Moves both on. */
static bool match_one(const char **pattern, const char **name)
{
        const char *p = *pattern;
        uint32_t c = next_char(name);

        if (*p == '?') {
                *pattern = p + 1;
                return true;
        }
        if (*p == '[') {
                *pattern = set_end(p);
                return set_has(p, c);
        }
        if (*p == '\\' && p[1] != '\0')
                p++;
        *pattern = p;
        return next_char(pattern) == c;
}

static bool match(const char *pattern, const char *name)
{
        const char *after_star = NULL, *again = NULL;

        for (;;) {
                if (*pattern == '*') {
                        after_star = ++pattern;
                        again = name;
                } else if (*pattern == '\0' && *name == '\0') {
                        return true;
                } else if (*pattern == '\0' || *name == '\0' || !match_one(&pattern, &name)) {
                        if (after_star == NULL || *again == '\0')
                                return false;
                        (void)next_char(&again); /* the star takes one more */
                        pattern = after_star;
                        name = again;
                }
        }
}

bool glob_match(const struct glob *g, const char *name)
{
        for (size_t i = 0; i < g->alternatives.n; i++) {
                if (match(g->alternatives.text[i], name))
                        return true;
        }
        return false;
}
