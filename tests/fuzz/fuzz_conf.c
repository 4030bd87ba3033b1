/* Any bytes as a configuration file: refused, or accepted, printed and read back the same. */
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"

struct sample {
        char *name;
        int64_t number, bytes, ms;
        bool flag;
        struct conf_list list;
};

static const struct conf_key table[] = {
        {"name", CONF_STRING(struct sample, name), "", 0, 0, "text"},
        {"number", CONF_INT(struct sample, number), "1", INT64_MIN, INT64_MAX, "number"},
        {"bytes", CONF_BYTES(struct sample, bytes), "1K", INT64_MIN, INT64_MAX, "bytes"},
        {"ms", CONF_MS(struct sample, ms), "1s", INT64_MIN, INT64_MAX, "duration"},
        {"flag", CONF_BOOL(struct sample, flag), "no", 0, 0, "flag"},
        {"list", CONF_LIST(struct sample, list), "", 0, 0, "list"},
};
#define N (sizeof(table) / sizeof(table[0]))

static char *print(const struct sample *s, size_t *ret_bytes)
{
        char *text = NULL;
        FILE *to = open_memstream(&text, ret_bytes);

        if (to == NULL)
                abort();
        conf_print(table, N, s, to);
        (void)fclose(to); /* memory */
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char *first, *second;
        size_t first_n, second_n;
        struct bdfs_err err;
        struct sample s;

        if (conf_parse(table, N, "fuzz", (const char *)data, n, &s, &err) != BDFS_OK) {
                BDFS_ASSERT(err.status != BDFS_OK && err.text[0] != '\0');
                return 0;
        }
        first = print(&s, &first_n);
        conf_free(table, N, &s);
        if (conf_parse(table, N, "again", first, first_n, &s, &err) == BDFS_OK) {
                second = print(&s, &second_n);
                BDFS_ASSERT(first_n == second_n && memcmp(first, second, first_n) == 0);
                free(second);
                conf_free(table, N, &s);
        } else {
                /* only "name =   long" can grow past a line's length, by its spaces */
                BDFS_ASSERT(strstr(err.text, "longer than") != NULL);
        }
        free(first);
        return 0;
}
