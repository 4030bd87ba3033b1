#include "common/conf_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

struct unit {
        const char *name;
        int64_t factor;
};

/* From the largest on, so that the first that divides a value prints it. */
static const struct unit byte_units[] = {{"T", INT64_C(1) << 40},
                                         {"G", INT64_C(1) << 30},
                                         {"M", INT64_C(1) << 20},
                                         {"K", INT64_C(1) << 10},
                                         {"", 1}};
static const struct unit ms_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                       {"s", 1000},     {"ms", 1}};
#define UNITS 5

static const struct unit plain_unit[] = {{"", 1}};

static const struct unit *units_of(enum conf_type type, size_t *ret_n)
{
        *ret_n = type == CONF_INT_TYPE ? 1 : UNITS;
        if (type == CONF_BYTES_TYPE)
                return byte_units;
        return type == CONF_MS_TYPE ? ms_units : plain_unit;
}

static void *field_of(const struct conf_key *key, void *conf)
{
        return (char *)conf + key->offset;
}

static const void *field_of_const(const struct conf_key *key, const void *conf)
{
        return (const char *)conf + key->offset;
}

static enum bdfs_status refuse(const struct conf_key *key, const char *text, struct bdfs_err *err)
{
        char allowed[160];

        conf_value_describe(key, allowed, sizeof(allowed));
        return bdfs_fail(err, BDFS_INVALID, "%s = %.80s: not allowed; it takes %s", key->name,
                         text, allowed);
}

static bool parse_number(const struct conf_key *key, const char *text, int64_t *ret)
{
        const struct unit *units;
        int64_t v;
        size_t n;
        char *end;

        if (!isdigit((unsigned char)text[0]) && text[0] != '-')
                return false;
        errno = 0;
        v = strtoll(text, &end, 10);
        if (errno != 0 || end == text)
                return false;
        if (v == 0 && *end == '\0') {
                *ret = 0;
                return true;
        }
        units = units_of(key->type, &n);
        for (size_t i = 0; i < n; i++)
                if (strcasecmp(end, units[i].name) == 0)
                        return !__builtin_mul_overflow(v, units[i].factor, ret);
        return false;
}

static enum bdfs_status set_number(const struct conf_key *key, const char *text, int64_t *field,
                                   struct bdfs_err *err)
{
        int64_t v;

        if (!parse_number(key, text, &v) || v < key->min || v > key->max)
                return refuse(key, text, err);
        *field = v;
        return BDFS_OK;
}

static enum bdfs_status set_bool(const struct conf_key *key, const char *text, bool *field,
                                 struct bdfs_err *err)
{
        static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (strcasecmp(text, words[i]) == 0) {
                        *field = i % 2 != 0;
                        return BDFS_OK;
                }
        }
        return refuse(key, text, err);
}

static bool in_range(const struct conf_key *key, size_t n)
{
        return (int64_t)n >= key->min && (key->max == 0 || (int64_t)n <= key->max);
}

static enum bdfs_status set_string(const struct conf_key *key, const char *text, char **field,
                                   struct bdfs_err *err)
{
        char *copy;

        if (!in_range(key, strlen(text)))
                return refuse(key, text, err);
        copy = strdup(text);
        if (copy == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "%s: out of memory", key->name);
        free(*field);
        *field = copy;
        return BDFS_OK;
}

static void list_free(struct conf_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->items[i]);
        free(l->items);
        *l = (struct conf_list){.n = 0};
}

/* The next item of a list, trimmed; NULL when it is empty. */
static char *next_item(char **at)
{
        char *item = strsep(at, ",");
        char *end;

        item += strspn(item, " \t");
        end = item + strlen(item);
        while (end > item && (end[-1] == ' ' || end[-1] == '\t'))
                *--end = '\0';
        return end == item ? NULL : item;
}

static enum bdfs_status set_list(const struct conf_key *key, const char *text,
                                 struct conf_list *field, struct bdfs_err *err)
{
        AUTO_FREE char *copy = strdup(text);
        struct conf_list l = {.items = calloc(CONF_LIST_MAX, sizeof(char *))};
        char *at = copy;

        if (copy == NULL || l.items == NULL)
                goto no_memory;
        if (text[strspn(text, " \t")] == '\0')
                at = NULL;
        while (at != NULL) {
                const char *item = next_item(&at);

                if (item == NULL || l.n == CONF_LIST_MAX)
                        goto refused;
                l.items[l.n] = strdup(item);
                if (l.items[l.n] == NULL)
                        goto no_memory;
                l.n++;
        }
        if (!in_range(key, l.n))
                goto refused;
        list_free(field);
        *field = l;
        return BDFS_OK;
refused:
        list_free(&l);
        return refuse(key, text, err);
no_memory:
        list_free(&l);
        return bdfs_fail(err, BDFS_NO_MEMORY, "%s: out of memory", key->name);
}

enum bdfs_status conf_value_set(const struct conf_key *key, const char *text, void *conf,
                                struct bdfs_err *err)
{
        switch (key->type) {
        case CONF_STRING_TYPE: return set_string(key, text, field_of(key, conf), err);
        case CONF_INT_TYPE:
        case CONF_BYTES_TYPE:
        case CONF_MS_TYPE: return set_number(key, text, field_of(key, conf), err);
        case CONF_BOOL_TYPE: return set_bool(key, text, field_of(key, conf), err);
        case CONF_LIST_TYPE: return set_list(key, text, field_of(key, conf), err);
        }
        return bdfs_fail(err, BDFS_FAILED, "%s: no such type", key->name);
}

void conf_value_zero(const struct conf_key *key, void *conf)
{
        switch (key->type) {
        case CONF_STRING_TYPE: *(char **)field_of(key, conf) = NULL; break;
        case CONF_INT_TYPE:
        case CONF_BYTES_TYPE:
        case CONF_MS_TYPE: *(int64_t *)field_of(key, conf) = 0; break;
        case CONF_BOOL_TYPE: *(bool *)field_of(key, conf) = false; break;
        case CONF_LIST_TYPE:
                *(struct conf_list *)field_of(key, conf) = (struct conf_list){.n = 0};
                break;
        }
}

void conf_value_free(const struct conf_key *key, void *conf)
{
        if (key->type == CONF_STRING_TYPE)
                free(*(char **)field_of(key, conf));
        if (key->type == CONF_LIST_TYPE)
                list_free(field_of(key, conf));
        conf_value_zero(key, conf);
}

static void format_number(enum conf_type type, int64_t v, char *to, size_t room)
{
        const struct unit *units, *u;
        size_t n;

        u = units = units_of(type, &n);
        while (u < units + n - 1 && (v == 0 || v % u->factor != 0))
                u++;
        (void)snprintf(to, room, "%" PRId64 "%s", v / u->factor, u->name);
}

void conf_value_print(const struct conf_key *key, const void *conf, FILE *to)
{
        const void *field = field_of_const(key, conf);
        const struct conf_list *l = field;
        char number[32];

        switch (key->type) {
        case CONF_STRING_TYPE: (void)fputs(*(char *const *)field, to); break;
        case CONF_INT_TYPE:
        case CONF_BYTES_TYPE:
        case CONF_MS_TYPE:
                format_number(key->type, *(const int64_t *)field, number, sizeof(number));
                (void)fputs(number, to);
                break;
        case CONF_BOOL_TYPE: (void)fputs(*(const bool *)field ? "yes" : "no", to); break;
        case CONF_LIST_TYPE:
                for (size_t i = 0; i < l->n; i++)
                        (void)fprintf(to, "%s%s", i == 0 ? "" : ",", l->items[i]);
                break;
        }
}

static void describe_length(const struct conf_key *key, const char *of, char *to, size_t room)
{
        if (key->max != 0)
                (void)snprintf(to, room, "%s (%" PRId64 " to %" PRId64 ")", of, key->min,
                               key->max);
        else if (key->min != 0)
                (void)snprintf(to, room, "%s (at least %" PRId64 ")", of, key->min);
        else
                (void)snprintf(to, room, "%s", of);
}

void conf_value_describe(const struct conf_key *key, char *to, size_t room)
{
        static const char *const kinds[] = {
                [CONF_INT_TYPE] = "a number",
                [CONF_BYTES_TYPE] = "a number of bytes (K, M, G, T)",
                [CONF_MS_TYPE] = "a duration (ms, s, m, h, d)",
        };
        char low[32], high[32];

        switch (key->type) {
        case CONF_STRING_TYPE: describe_length(key, "text of any bytes", to, room); break;
        case CONF_LIST_TYPE: describe_length(key, "a list with commas", to, room); break;
        case CONF_BOOL_TYPE: (void)snprintf(to, room, "yes or no"); break;
        case CONF_INT_TYPE:
        case CONF_BYTES_TYPE:
        case CONF_MS_TYPE:
                format_number(key->type, key->min, low, sizeof(low));
                format_number(key->type, key->max, high, sizeof(high));
                (void)snprintf(to, room, "%s from %s to %s", kinds[key->type], low, high);
                break;
        }
}
