#include "cli/cli_format.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wctype.h>

#include "cli/cli.h"
#include "common/bytes.h"

/* ---- cells ----------------------------------------------------------------------------------- */

/* As Java's %.1f rounds: half away from zero. */
static uint64_t tenths(uint64_t n, unsigned shift)
{
        unsigned __int128 half = (unsigned __int128)1 << (shift - 1);

        return (uint64_t)(((unsigned __int128)n * 10 + half) >> shift);
}

const char *cli_size(char to[CLI_TEXT_BYTES], int64_t n, bool human)
{
        static const char prefix[] = "KMGTPE";
        uint64_t v = n < 0 ? 0 - (uint64_t)n : (uint64_t)n, t;
        const char *sign = n < 0 ? "-" : "";
        unsigned i = 0;

        if (!human || v < 1024) {
                (void)snprintf(to, CLI_TEXT_BYTES, "%lld", (long long)n);
                return to;
        }
        while (i < 5 && v >> (10 * (i + 2)) != 0)
                i++;
        if ((v & ((1ULL << (10 * (i + 1))) - 1)) == 0) {
                (void)snprintf(to, CLI_TEXT_BYTES, "%s%llu %c", sign,
                               (unsigned long long)(v >> (10 * (i + 1))), prefix[i]);
                return to;
        }
        t = tenths(v, 10 * (i + 1));
        if (t >= 10240 && i < 5)
                t = tenths(v, 10 * (++i + 1));
        (void)snprintf(to, CLI_TEXT_BYTES, "%s%llu.%llu %c", sign, (unsigned long long)(t / 10),
                       (unsigned long long)(t % 10), prefix[i]);
        return to;
}

const char *cli_bytes(char to[CLI_TEXT_BYTES], uint64_t n)
{
        size_t used;

        (void)cli_size(to, n > INT64_MAX ? INT64_MAX : (int64_t)n, true);
        used = strlen(to);
        (void)snprintf(to + used, CLI_TEXT_BYTES - used, n < 1024 ? " B" : "B");
        return to;
}

const char *cli_mode(char to[CLI_TEXT_BYTES], uint32_t mode)
{
        static const char letters[] = "rwxrwxrwx";

        for (unsigned i = 0; i < 9; i++)
                to[i] = (mode >> (8 - i) & 1) != 0 ? letters[i] : '-';
        if ((mode & 01000) != 0)
                to[8] = to[8] == 'x' ? 't' : 'T';
        to[9] = '\0';
        return to;
}

const char *cli_time_minutes(char to[CLI_TEXT_BYTES], int64_t ms)
{
        time_t s = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
        struct tm tm;

        if (localtime_r(&s, &tm) == NULL ||
            strftime(to, CLI_TEXT_BYTES, "%Y-%m-%d %H:%M", &tm) == 0)
                (void)snprintf(to, CLI_TEXT_BYTES, "?");
        return to;
}

const char *cli_time_utc(char to[CLI_TEXT_BYTES], int64_t ms)
{
        time_t s = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
        struct tm tm;

        if (gmtime_r(&s, &tm) == NULL ||
            strftime(to, CLI_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                (void)snprintf(to, CLI_TEXT_BYTES, "?");
        return to;
}

const char *cli_type_name(enum bdfs_type type)
{
        switch (type) {
        case BDFS_TYPE_DIRECTORY: return "directory";
        case BDFS_TYPE_FILE: return "regular file";
        case BDFS_TYPE_SYMLINK: return "symlink";
        }
        return "?";
}

/* ---- characters ------------------------------------------------------------------------------ */

/* The character at @at and how many bytes it has; 0 when these are not UTF-8. */
static unsigned decode(const unsigned char *at, uint32_t *ret)
{
        unsigned n = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3
                     : at[0] < 0xf5 ? 4 : 0;
        uint32_t v = n == 1 ? at[0] : at[0] & (0x7fu >> n);

        for (unsigned i = 1; i < n; i++) {
                if ((at[i] & 0xc0) != 0x80)
                        return 0;
                v = v << 6 | (at[i] & 0x3fu);
        }
        *ret = v;
        return n;
}

static bool printable(uint32_t c)
{
        static const struct {
                uint32_t low, high;
        } hidden[] = { /* Unicode's control, format, private-use and surrogate characters */
                {0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x600, 0x605}, {0x61c, 0x61c},
                {0x6dd, 0x6dd}, {0x70f, 0x70f}, {0x8e2, 0x8e2}, {0x180e, 0x180e},
                {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064}, {0x2066, 0x206f},
                {0xd800, 0xf8ff}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff},
                {0x110bd, 0x110bd}, {0x1d173, 0x1d17a}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
                {0xf0000, 0x10ffff},
        };

        for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
                if (c >= hidden[i].low && c <= hidden[i].high)
                        return false;
        }
        return true;
}

char *cli_printable(const char *text)
{
        struct buf b;

        buf_init(&b, 0);
        while (*text != '\0') {
                uint32_t c = 0;
                unsigned n = decode((const unsigned char *)text, &c);

                if (n == 0 || !printable(c))
                        buf_u8(&b, '?');
                else
                        buf_add(&b, text, n);
                text += n == 0 ? 1 : n;
        }
        buf_u8(&b, 0);
        if (!b.bad)
                return (char *)b.data;
        buf_fini(&b);
        return NULL;
}

int cli_columns(const char *text)
{
        int n = 0;

        for (; *text != '\0'; text++)
                n += ((unsigned char)*text & 0xc0) != 0x80;
        return n;
}

/* ---- tables ---------------------------------------------------------------------------------- */

struct cli_table {
        unsigned columns, right;
        int *width;
        char **cells;
        size_t n, room; /* cells, not rows */
};

struct cli_table *cli_table_new(unsigned columns, unsigned right)
{
        struct cli_table *t = calloc(1, sizeof(*t));

        if (t == NULL)
                return NULL;
        t->columns = columns;
        t->right = right;
        t->width = calloc(columns, sizeof(*t->width));
        if (t->width != NULL)
                return t;
        free(t);
        return NULL;
}

void cli_table_free(struct cli_table *t)
{
        if (t == NULL)
                return;
        for (size_t i = 0; i < t->n; i++)
                free(t->cells[i]);
        free(t->cells);
        free(t->width);
        free(t);
}

bool cli_table_add(struct cli_table *t, const char *const *cells)
{
        if (t->n + t->columns > t->room) {
                size_t room = 2 * t->room + 16 * (size_t)t->columns;
                char **more = realloc(t->cells, room * sizeof(*more));

                if (more == NULL)
                        return false;
                t->cells = more;
                t->room = room;
        }
        for (unsigned i = 0; i < t->columns; i++) {
                char *cell = strdup(cells[i]);
                int width = cli_columns(cells[i]);

                if (cell == NULL)
                        return false;
                t->cells[t->n++] = cell;
                if (width > t->width[i])
                        t->width[i] = width;
        }
        return true;
}

size_t cli_table_rows(const struct cli_table *t)
{
        return t->n / t->columns;
}

void cli_table_print(const struct cli_table *t, struct cli *cli)
{
        for (size_t i = 0; i < t->n; i++) {
                unsigned column = (unsigned)(i % t->columns);
                int pad = t->width[column] - cli_columns(t->cells[i]);
                bool right = (t->right >> column & 1) != 0, last = column + 1 == t->columns;

                if (column > 0)
                        cli_print(cli, "  ");
                cli_print(cli, "%*s%s", right ? pad : 0, "", t->cells[i]);
                if (last)
                        cli_print(cli, "\n");
                else
                        cli_print(cli, "%*s", right ? 0 : pad, "");
        }
}
