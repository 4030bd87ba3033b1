/*
 * bdfs text: a file as text. What is compressed is decompressed: it is known by its first bytes, as
 * far as its format has any of its own, else by its suffix, as with hdfs. Hadoop's containers are
 * refused by name.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_copy.h"
#include "cli/cli_json.h"
#include "cli/cmd.h"
#include "common/cleanup.h"
#include "exec/records/decode.h"

struct container {
        const char *magic;
        size_t magic_n;
        const char *name;
};

static const struct container containers[] = {
        {"SEQ", 3, "a sequence file"},
        {"Obj\x01", 4, "an Avro file"},
        {"ORC", 3, "an ORC file"},
        {"PAR1", 4, "a Parquet file"},
};

static const struct container *container_of_bytes(const uint8_t *bytes, size_t n)
{
        for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
                if (n >= containers[i].magic_n &&
                    memcmp(bytes, containers[i].magic, containers[i].magic_n) == 0)
                        return &containers[i];
        }
        return NULL;
}

/* ---- one file ------------------------------------------------------------------------------- */

struct text_source { /* the bytes of a file, as they are */
        struct bdfs_file *file;
        uint8_t *room;
};

static enum bdfs_status text_bytes(void *arg, const uint8_t **ret, size_t *ret_n,
                                   struct bdfs_err *err)
{
        struct text_source *s = arg;

        *ret = s->room;
        return bdfs_read(s->file, s->room, CLI_PUMP_BYTES, ret_n, err);
}

static void text_out(struct cli *cli, struct cli_base64 *json, const uint8_t *bytes, size_t n)
{
        if (json != NULL)
                cli_json_bytes(json, bytes, n);
        else
                cli_write(cli, bytes, n);
}

static enum bdfs_status text_plain(struct cli *cli, struct text_source *s, struct cli_base64 *json,
                                   struct bdfs_err *err)
{
        const uint8_t *bytes;
        size_t n = 1;

        while (n > 0) {
                if (text_bytes(s, &bytes, &n, err) != BDFS_OK)
                        return err->status;
                text_out(cli, json, bytes, n);
        }
        return BDFS_OK;
}

static enum bdfs_status text_decoded(struct cli *cli, struct decode *d, struct cli_base64 *json,
                                     struct bdfs_err *err)
{
        const uint8_t *bytes;
        size_t n = 1;

        while (n > 0) {
                if (decode_next(d, &bytes, &n, err) != BDFS_OK)
                        return err->status;
                text_out(cli, json, bytes, n);
        }
        return BDFS_OK;
}

static enum bdfs_status text_show(struct cli *cli, const struct cli_item *it,
                                  enum decode_format format, struct text_source *s,
                                  struct bdfs_err *err)
{
        struct cli_base64 json;
        struct decode *d = NULL;
        enum bdfs_status rc;

        if (format != DECODE_NONE &&
            decode_new(&d, format, it->text, text_bytes, s, err) != BDFS_OK)
                return err->status;
        if (cli->json)
                cli_json_bytes_begin(&json, cli, it->text);
        rc = d == NULL ? text_plain(cli, s, cli->json ? &json : NULL, err)
                       : text_decoded(cli, d, cli->json ? &json : NULL, err);
        if (cli->json)
                cli_json_bytes_end(&json);
        cli_flush(cli);
        decode_free(d);
        return rc;
}

static enum bdfs_status text_open(struct cli *cli, const struct cli_item *it,
                                  struct bdfs_file *file, struct bdfs_err *err)
{
        AUTO_FREE uint8_t *room = malloc(CLI_PUMP_BYTES);
        struct text_source s = {file, room};
        const struct container *c;
        enum decode_format format;
        uint8_t first[8];
        size_t n;

        if (room == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (bdfs_read(file, first, sizeof(first), &n, err) != BDFS_OK)
                return err->status;
        bdfs_seek(file, 0);
        c = container_of_bytes(first, n);
        if (c != NULL)
                return bdfs_fail(err, BDFS_UNSUPPORTED, "`%s': is %s, which is not turned into "
                                 "text here; cat gives its bytes", it->text, c->name);
        format = decode_by_magic(first, n);
        if (format == DECODE_NONE)
                format = decode_by_suffix(it->path);
        return text_show(cli, it, format, &s, err);
}

static enum bdfs_status text_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct bdfs_file *file;
        struct bdfs_err ignored;
        enum bdfs_status rc;

        if (cli_item_is_directory(it))
                return cli_item_fail(it, BDFS_IS_DIRECTORY, err);
        if (bdfs_open(it->fs, it->path, &file, err) != BDFS_OK)
                return cli_item_reword(it, err);
        rc = text_open(arg, it, file, err);
        BDFS_IGNORE(bdfs_close(file, &ignored)); /* of a reader: nothing can fail */
        return rc;
}

int cmd_text(struct cli *cli, int argc, char **argv)
{
        bool ignore = false;
        const struct cli_option options[] = {{"ignoreCrc", &ignore, NULL}, {NULL, NULL, NULL}};
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        cli->options.ignore_checksums = ignore;
        if (cli->json)
                cli_json_begin(cli);
        rc = cli_walk_all(cli, argc, argv, false, text_visit, cli);
        if (cli->json)
                cli_json_end(cli);
        return rc;
}
