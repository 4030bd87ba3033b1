#include "cli/cli_json.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli_format.h"
#include "common/bytes.h"
#include "proto/utf8.h"

/* ---- values ---------------------------------------------------------------------------------- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(const unsigned char from[3], size_t n, char to[4])
{
        uint32_t v = (uint32_t)from[0] << 16 | (n > 1 ? (uint32_t)from[1] << 8 : 0) |
                     (n > 2 ? from[2] : 0);

        to[0] = letters[v >> 18];
        to[1] = letters[v >> 12 & 63];
        to[2] = n > 1 ? letters[v >> 6 & 63] : '=';
        to[3] = n > 2 ? letters[v & 63] : '=';
}

/* For bytes that are no UTF-8: what can be read of them, and all of them. */
static void add_bytes(json_t *object, const char *key, const char *text, size_t n)
{
        char other[80], four[4];
        struct buf readable, all;

        buf_init(&readable, 0);
        buf_init(&all, 0);
        for (size_t i = 0; i < n;) {
                size_t good = utf8_character((const uint8_t *)text + i, n - i);

                if (good > 0)
                        buf_add(&readable, text + i, good);
                else
                        buf_add(&readable, "\xef\xbf\xbd", 3);
                i += good > 0 ? good : 1;
        }
        for (size_t i = 0; i < n; i += 3) {
                encode((const unsigned char *)text + i, n - i < 3 ? n - i : 3, four);
                buf_add(&all, four, 4);
        }
        buf_u8(&all, 0);
        (void)snprintf(other, sizeof(other), "%s_base64", key);
        if (!readable.bad && !all.bad) {
                (void)json_object_set_new(object, key, json_stringn((const char *)readable.data,
                                                                      readable.n));
                (void)json_object_set_new(object, other, json_string((const char *)all.data));
        }
        buf_fini(&readable);
        buf_fini(&all);
}

void cli_json_text_n(json_t *object, const char *key, const char *text, size_t n)
{
        json_t *s = json_stringn(text, n);

        if (s != NULL)
                (void)json_object_set_new(object, key, s);
        else
                add_bytes(object, key, text, n);
}

void cli_json_text(json_t *object, const char *key, const char *text)
{
        if (text != NULL)
                cli_json_text_n(object, key, text, strlen(text));
        else
                (void)json_object_set_new(object, key, json_null());
}

void cli_json_number(json_t *object, const char *key, uint64_t value)
{
        (void)json_object_set_new(object, key,
                                  json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

void cli_json_bool(json_t *object, const char *key, bool value)
{
        (void)json_object_set_new(object, key, json_boolean(value));
}

json_t *cli_json_item(const struct cli_item *it)
{
        json_t *o = json_object();
        char mode[CLI_TEXT_BYTES], octal[CLI_TEXT_BYTES];

        (void)snprintf(octal, sizeof(octal), "%04o", it->st.mode);
        cli_json_text(o, "path", it->text);
        cli_json_text(o, "type", it->st.type == BDFS_TYPE_DIRECTORY ? "directory"
                                 : it->st.type == BDFS_TYPE_SYMLINK ? "symlink"
                                                                    : "file");
        cli_json_number(o, "inode", it->st.inode);
        cli_json_number(o, "length", it->st.length);
        cli_json_text(o, "mode", octal);
        cli_json_text(o, "permission", cli_mode(mode, it->st.mode));
        cli_json_bool(o, "acl", it->st.has_acl);
        cli_json_text(o, "owner", it->st.owner);
        cli_json_text(o, "group", it->st.group);
        cli_json_number(o, "replication", it->st.replication);
        cli_json_number(o, "block_size", it->st.block_size);
        (void)json_object_set_new(o, "modified_ms", json_integer(it->st.mtime_ms));
        (void)json_object_set_new(o, "accessed_ms", json_integer(it->st.atime_ms));
        if (it->st.type == BDFS_TYPE_DIRECTORY && it->st.children >= 0)
                cli_json_number(o, "children", (uint64_t)it->st.children);
        if (it->st.target != NULL)
                cli_json_text(o, "target", it->st.target);
        return o;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print(struct cli *cli, json_t *value, size_t flags)
{
        char *text = json_dumps(value, flags);

        cli_print(cli, "%s", text == NULL ? "null" : text);
        free(text);
        json_decref(value);
}

void cli_json_begin(struct cli *cli)
{
        cli->json_rows = 0;
        cli_print(cli, "[");
}

void cli_json_add(struct cli *cli, json_t *row)
{
        cli_print(cli, cli->json_rows++ == 0 ? "\n " : ",\n ");
        print(cli, row, JSON_COMPACT);
}

void cli_json_end(struct cli *cli)
{
        cli_print(cli, cli->json_rows == 0 ? "]\n" : "\n]\n");
}

void cli_json_one(struct cli *cli, json_t *value)
{
        print(cli, value, JSON_INDENT(2));
        cli_print(cli, "\n");
}

/* ---- files' bytes ---------------------------------------------------------------------------- */

void cli_json_bytes_begin(struct cli_base64 *b, struct cli *cli, const char *path)
{
        json_t *o = json_object();
        char *text;

        *b = (struct cli_base64){.cli = cli};
        cli_json_text(o, "path", path);
        text = json_dumps(o, JSON_COMPACT);
        json_decref(o);
        cli_print(cli, cli->json_rows++ == 0 ? "\n " : ",\n ");
        if (text != NULL)
                cli_print(cli, "%.*s,\"base64\":\"", (int)strlen(text) - 1, text);
        free(text);
}

void cli_json_bytes(struct cli_base64 *b, const void *bytes, size_t n)
{
        const unsigned char *from = bytes;
        char out[4096];
        size_t out_n = 0;

        while (n > 0) {
                b->rest[b->rest_n++] = *from++;
                n--;
                if (b->rest_n < 3)
                        continue;
                encode(b->rest, 3, out + out_n);
                b->rest_n = 0;
                out_n += 4;
                if (out_n == sizeof(out)) {
                        cli_write(b->cli, out, out_n);
                        out_n = 0;
                }
        }
        cli_write(b->cli, out, out_n);
}

void cli_json_bytes_end(struct cli_base64 *b)
{
        char four[4];

        if (b->rest_n > 0) {
                encode(b->rest, b->rest_n, four);
                cli_write(b->cli, four, 4);
        }
        cli_print(b->cli, "\"}");
}
