#include "common/conf.h"

#include <assert.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/conf_value.h"
#include "common/mdoc.h"
#include "common/os.h"

struct parse {
        const struct conf_key *table;
        size_t n;
        const char *path;
        const char *at, *end; /* what is left of the text */
        unsigned line;
        bool *given;
        void *conf;
        struct bdfs_err *err;
        enum bdfs_status rc; /* the first failure; nothing is read after it */
};

static enum bdfs_status at_line(struct parse *p)
{
        p->rc = bdfs_wrap(p->err, "%s:%u", p->path, p->line);
        return p->rc;
}

static enum bdfs_status bad_line(struct parse *p, const char *why)
{
        p->rc = bdfs_fail(p->err, BDFS_INVALID, "%s:%u: %s", p->path, p->line, why);
        return p->rc;
}

static bool line_ok(struct parse *p, const char *line, size_t n)
{
        static const char too_long[] = "the line is longer than 4096 bytes";
        size_t blank = 0;

        static_assert(CONF_LINE_BYTES_MAX == 4096, "say the right number");
        if (n > CONF_LINE_BYTES_MAX)
                return bad_line(p, too_long) == BDFS_OK;
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)line[i];
                bool line_end = c == '\r' && i + 1 == n;

                if ((c < 0x20 && c != '\t' && !line_end) || c == 0x7f)
                        return bad_line(p, "a control byte") == BDFS_OK;
        }
        while (blank < n && (line[blank] == ' ' || line[blank] == '\t'))
                blank++;
        if (blank < n && line[blank] == '[')
                return bad_line(p, "sections are not used here") == BDFS_OK;
        return true;
}

/* libinih's source of lines; ends early after a failure. */
static char *next_line(char *to, int room, void *stream)
{
        struct parse *p = stream;
        const char *newline;
        size_t n;

        if (p->rc != BDFS_OK || p->at == p->end)
                return NULL;
        p->line++;
        newline = memchr(p->at, '\n', (size_t)(p->end - p->at));
        n = (size_t)((newline == NULL ? p->end : newline) - p->at);
        if (!line_ok(p, p->at, n))
                return NULL;
        BDFS_ASSERT(n + 2 < (size_t)room);
        memcpy(to, p->at, n);
        memcpy(to + n, "\n", 2);
        p->at = newline == NULL ? p->end : newline + 1;
        return to;
}

static bool has_comment(const char *value)
{
        for (const char *c = value; *c != '\0'; c++)
                if ((*c == '#' || *c == ';') && (c == value || c[-1] == ' ' || c[-1] == '\t'))
                        return true;
        return false;
}

/* libinih's call for each "name = value"; 1: go on. */
static int take_pair(void *user, const char *section, const char *name, const char *value)
{
        struct parse *p = user;

        (void)section; /* refused with its line */
        if (has_comment(value)) {
                (void)bad_line(p, "a comment needs its own line");
                return 0;
        }
        for (size_t i = 0; i < p->n; i++) {
                const struct conf_key *key = &p->table[i];

                if (strcmp(key->name, name) != 0)
                        continue;
                if (p->given[i]) {
                        p->rc = bdfs_fail(p->err, BDFS_INVALID, "%s is given twice", name);
                        (void)at_line(p);
                        return 0;
                }
                p->given[i] = true;
                p->rc = conf_value_set(key, value, p->conf, p->err);
                if (p->rc != BDFS_OK)
                        (void)at_line(p);
                return p->rc == BDFS_OK;
        }
        p->rc = bdfs_fail(p->err, BDFS_INVALID, "unknown key %.80s", name);
        (void)at_line(p);
        return 0;
}

static enum bdfs_status set_what_was_not_given(struct parse *p)
{
        for (size_t i = 0; i < p->n && p->rc == BDFS_OK; i++) {
                const struct conf_key *key = &p->table[i];

                if (p->given[i])
                        continue;
                if (key->if_not_given == NULL)
                        return bdfs_fail(p->err, BDFS_INVALID, "%s: %s must be set (%s)",
                                         p->path, key->name, key->help);
                p->rc = conf_value_set(key, key->if_not_given, p->conf, p->err);
        }
        return p->rc;
}

static void settle_inih(void)
{
        ini_use_stack = false;
        ini_max_line = CONF_LINE_BYTES_MAX + 3;
        ini_initial_alloc = ini_max_line;
        ini_allow_multiline = false;
        ini_allow_inline_comments = false;
        ini_allow_bom = false;
}

enum bdfs_status conf_parse(const struct conf_key *table, size_t n, const char *path,
                            const char *text, size_t text_bytes, void *ret, struct bdfs_err *err)
{
        AUTO_FREE bool *given = calloc(n + 1, sizeof(bool));
        struct bdfs_err mine;
        struct parse p = {.table = table,
                          .n = n,
                          .path = path,
                          .at = text,
                          .end = text_bytes == 0 ? text : text + text_bytes,
                          .given = given,
                          .conf = ret,
                          .err = err == NULL ? &mine : err,
                          .rc = BDFS_OK};
        int bad;

        for (size_t i = 0; i < n; i++)
                conf_value_zero(&table[i], ret);
        if (given == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%s: out of memory", path);
        settle_inih();
        bad = ini_parse_stream(next_line, &p, take_pair, &p);
        if (bad == -2 && p.rc == BDFS_OK)
                p.rc = bdfs_fail(err, BDFS_NO_MEMORY, "%s: out of memory", path);
        p.line = bad > 0 ? (unsigned)bad : p.line;
        if (bad > 0 && p.rc == BDFS_OK)
                (void)bad_line(&p, "expected key = value");
        if (p.rc == BDFS_OK)
                p.rc = set_what_was_not_given(&p);
        if (p.rc != BDFS_OK)
                conf_free(table, n, ret);
        return p.rc;
}

enum bdfs_status conf_load(const struct conf_key *table, size_t n, const char *path, void *ret,
                           struct bdfs_err *err)
{
        AUTO_FREE char *text = malloc(CONF_FILE_BYTES_MAX + 1);
        struct os_file *f;
        size_t got = 0;
        enum bdfs_status rc;

        for (size_t i = 0; i < n; i++)
                conf_value_zero(&table[i], ret);
        if (text == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%s: out of memory", path);
        rc = os_file_open(&f, path, OS_READ, err);
        if (rc != BDFS_OK)
                return rc;
        rc = os_file_read(f, 0, text, CONF_FILE_BYTES_MAX + 1, &got, err);
        (void)os_file_close(f, NULL); /* only read */
        if (rc != BDFS_OK)
                return rc;
        if (got > CONF_FILE_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "%s: longer than %d bytes", path,
                                 CONF_FILE_BYTES_MAX);
        return conf_parse(table, n, path, text, got, ret, err);
}

void conf_free(const struct conf_key *table, size_t n, void *conf)
{
        for (size_t i = 0; i < n; i++)
                conf_value_free(&table[i], conf);
}

void conf_print(const struct conf_key *table, size_t n, const void *conf, FILE *to)
{
        for (size_t i = 0; i < n; i++) {
                (void)fprintf(to, "%s = ", table[i].name);
                conf_value_print(&table[i], conf, to);
                (void)fputc('\n', to);
        }
}

void conf_help(const struct conf_key *table, size_t n, FILE *to)
{
        for (size_t i = 0; i < n; i++) {
                const struct conf_key *key = &table[i];
                char allowed[160];

                conf_value_describe(key, allowed, sizeof(allowed));
                (void)fprintf(to, "  %s: %s\n      %s; ", key->name, key->help, allowed);
                if (key->if_not_given == NULL)
                        (void)fprintf(to, "must be set\n");
                else
                        (void)fprintf(to, "default: %s\n", key->if_not_given[0] == '\0'
                                                                   ? "empty"
                                                                   : key->if_not_given);
        }
}

void conf_man(const struct conf_key *table, size_t n, FILE *to)
{
        (void)fprintf(to, ".Bl -tag -width Ds\n");
        for (size_t i = 0; i < n; i++) {
                const struct conf_key *key = &table[i];
                char allowed[160];

                conf_value_describe(key, allowed, sizeof(allowed));
                (void)fprintf(to, ".It Ic ");
                mdoc_line(key->name, to);
                mdoc_sentence(key->help, to);
                mdoc_sentence(allowed, to);
                if (key->if_not_given == NULL) {
                        (void)fprintf(to, "It must be set.\n");
                } else if (key->if_not_given[0] != '\0') {
                        (void)fprintf(to, "Default: ");
                        mdoc_words(key->if_not_given, strlen(key->if_not_given), to);
                        (void)fprintf(to, ".\n");
                }
        }
        (void)fprintf(to, ".El\n");
}
