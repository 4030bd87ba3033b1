#include "cli/cli_property.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli_mode.h"
#include "common/cleanup.h"
#include "common/limits.h"

#define FILE_BYTES_MAX (1 << 20)
#define TRASH_MINUTES_MAX 5256000.0 /* ten years */

/* ---- what is honoured ------------------------------------------------------------------------ */

static bool set_uri(struct cli *cli, const char *value)
{
        cli->options.uri = value;
        return value[0] != '\0';
}

static bool set_replication(struct cli *cli, const char *value)
{
        uint64_t v;

        if (!cli_number(value, 1, REPLICATION_MAX, false, &v))
                return false;
        cli->replication = (uint32_t)v;
        return true;
}

static bool set_block_size(struct cli *cli, const char *value)
{
        return cli_number(value, BLOCK_BYTES_MIN, BLOCK_BYTES_MAX, true, &cli->block_size);
}

static bool set_combine(struct cli *cli, const char *value)
{
        cli->composite = strcmp(value, "COMPOSITE_CRC") == 0;
        return cli->composite || strcmp(value, "MD5MD5CRC") == 0;
}

static bool set_umask(struct cli *cli, const char *value)
{
        return cli_mode_umask(value, &cli->umask);
}

static bool set_trash(struct cli *cli, const char *value)
{
        char *end;
        double minutes = strtod(value, &end);

        if (end == value || *end != '\0' || !(minutes >= 0 && minutes <= TRASH_MINUTES_MAX))
                return false;
        cli->trash_ms = (int64_t)(minutes * 60000);
        return true;
}

static const struct {
        const char *name;
        bool (*set)(struct cli *cli, const char *value); /* NULL: only @takes is done */
        const char *takes;
} known[] = {
        {"fs.defaultFS", set_uri, "a URI"},
        {"fs.default.name", set_uri, "a URI"},
        {"dfs.replication", set_replication, "a number from 1 to 512"},
        {"dfs.blocksize", set_block_size, "a number of bytes (K, M, G may follow)"},
        {"dfs.block.size", set_block_size, "a number of bytes (K, M, G may follow)"},
        {"dfs.checksum.combine.mode", set_combine, "MD5MD5CRC or COMPOSITE_CRC"},
        {"fs.permissions.umask-mode", set_umask, "a umask like 022 or u=rwx,g=rx,o="},
        {"dfs.umaskmode", set_umask, "a umask like 022 or u=rwx,g=rx,o="},
        {"fs.trash.interval", set_trash, "minutes, 0 for no trash"},
        {"dfs.bytes-per-checksum", NULL, "512"},
        {"io.bytes.per.checksum", NULL, "512"},
        {"dfs.checksum.type", NULL, "CRC32C"},
        {"hadoop.security.authentication", NULL, "simple"},
        {"hadoop.rpc.protection", NULL, "authentication"},
        {"dfs.encrypt.data.transfer", NULL, "false"},
        {"dfs.client.use.datanode.hostname", NULL, "false"},
};

/* What changes nothing here: waits, buffers and caches of Hadoop's client, and other programs'. */
static const char *const harmless[] = {
        "dfs.client-write-packet-size", "dfs.client.block.write.", "dfs.client.cached.",
        "dfs.client.context", "dfs.client.datanode-restart.", "dfs.client.hedged.",
        "dfs.client.read.", "dfs.client.retry.", "dfs.client.socket", "dfs.client.write.",
        "fs.hdfs.impl", "fs.trash.checkpoint.interval", "hadoop.caller.context.",
        "hadoop.root.logger", "hadoop.shell.", "hadoop.tmp.dir", "io.", "ipc.", "mapred.",
        "mapreduce.", "yarn.",
};

static bool is_harmless(const char *name)
{
        for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
                if (strncmp(name, harmless[i], strlen(harmless[i])) == 0)
                        return true;
        }
        return false;
}

/* NOT_FOUND: not known. */
static enum bdfs_status set_known(struct cli *cli, const char *name, const char *value,
                                  struct bdfs_err *err)
{
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                bool ok;

                if (strcmp(name, known[i].name) != 0)
                        continue;
                ok = known[i].set != NULL ? known[i].set(cli, value)
                                          : strcasecmp(value, known[i].takes) == 0;
                if (ok)
                        return BDFS_OK;
                return bdfs_fail(err, BDFS_USAGE, "%s=%.200s: %s %s", name, value,
                                 known[i].set != NULL ? "it takes" : "bdfs has only",
                                 known[i].takes);
        }
        return bdfs_fail(err, BDFS_NOT_FOUND, "%s", name);
}

enum bdfs_status cli_property_typed(struct cli *cli, const char *text, struct bdfs_err *err)
{
        const char *equals = strchr(text, '=');
        AUTO_FREE char *name = NULL;
        enum bdfs_status rc;

        if (equals == NULL || equals == text)
                return bdfs_fail(err, BDFS_USAGE, "-D %.200s: NAME=VALUE is wanted", text);
        name = strndup(text, (size_t)(equals - text));
        if (name == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        rc = set_known(cli, name, equals + 1, err);
        if (rc == BDFS_OK || (rc == BDFS_NOT_FOUND && is_harmless(name)))
                return BDFS_OK;
        if (rc == BDFS_NOT_FOUND)
                return bdfs_fail(err, BDFS_USAGE, "-D %.200s: bdfs does not know this property and "
                                 "will not act as if it did", name);
        return bdfs_wrap(err, "-D");
}

/* ---- files ----------------------------------------------------------------------------------- */

static char *read_file(const char *path, struct bdfs_err *err)
{
        FILE *f = fopen(path, "re");
        char *text = f == NULL ? NULL : malloc(FILE_BYTES_MAX + 1);
        size_t n;

        if (f == NULL) {
                BDFS_IGNORE(bdfs_fail_errno(err, errno, "-conf %s", path));
                return NULL;
        }
        n = text == NULL ? 0 : fread(text, 1, FILE_BYTES_MAX + 1, f);
        if (text == NULL)
                BDFS_IGNORE(bdfs_fail(err, BDFS_NO_MEMORY, "no memory"));
        else if (ferror(f) != 0)
                BDFS_IGNORE(bdfs_fail_errno(err, errno, "-conf %s", path));
        else if (n > FILE_BYTES_MAX || memchr(text, '\0', n) != NULL)
                BDFS_IGNORE(bdfs_fail(err, BDFS_USAGE, "-conf %s: not a configuration", path));
        else {
                text[n] = '\0';
                (void)fclose(f);
                return text;
        }
        (void)fclose(f);
        free(text);
        return NULL;
}

/* Takes comments out, in place. */
static void strip_comments(char *text)
{
        char *at;

        while ((at = strstr(text, "<!--")) != NULL) {
                char *end = strstr(at + 4, "-->");

                if (end == NULL) {
                        *at = '\0';
                        return;
                }
                memmove(at, end + 3, strlen(end + 3) + 1);
                text = at;
        }
}

/* The five names of XML, in place. */
static void decode_entities(char *text)
{
        static const struct {
                const char *name;
                char c;
        } list[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''},
                    {"&amp;", '&'}};
        char *to = text;

        while (*text != '\0') {
                size_t i = 0, n = sizeof(list) / sizeof(list[0]);

                while (i < n && strncmp(text, list[i].name, strlen(list[i].name)) != 0)
                        i++;
                *to++ = i < n ? list[i].c : *text;
                text += i < n ? strlen(list[i].name) : 1;
        }
        *to = '\0';
}

/* What stands between <@tag> and </@tag> in @text, without blanks around it; NULL: nothing. The
 * caller frees it. */
static char *element(const char *text, const char *tag)
{
        char open[16], close[16], *found;
        const char *at, *end;

        (void)snprintf(open, sizeof(open), "<%s>", tag);
        (void)snprintf(close, sizeof(close), "</%s>", tag);
        at = strstr(text, open);
        end = at == NULL ? NULL : strstr(at, close);
        if (end == NULL)
                return NULL;
        at += strlen(open);
        at += strspn(at, " \t\r\n");
        while (end > at && strchr(" \t\r\n", end[-1]) != NULL)
                end--;
        found = at < end ? strndup(at, (size_t)(end - at)) : strdup("");
        if (found != NULL)
                decode_entities(found);
        return found;
}

/* @value is kept by the program when it is set. */
static enum bdfs_status take_property(struct cli *cli, const char *path, const char *property,
                                      struct bdfs_err *err)
{
        AUTO_FREE char *name = element(property, "name");
        AUTO_FREE char *value = element(property, "value");
        enum bdfs_status rc;

        if (name == NULL || value == NULL)
                return bdfs_fail(err, BDFS_USAGE, "-conf %s: a property without %s", path,
                                 name == NULL ? "a name" : "a value");
        if (strstr(value, "${") != NULL)
                return BDFS_OK; /* a setting that refers to others is not one of ours */
        rc = set_known(cli, name, value, err);
        if (rc == BDFS_OK && cli->options.uri == value)
                value = NULL;
        if (rc == BDFS_OK || rc == BDFS_NOT_FOUND)
                return BDFS_OK;
        return bdfs_wrap(err, "-conf %s", path);
}

enum bdfs_status cli_property_file(struct cli *cli, const char *path, struct bdfs_err *err)
{
        AUTO_FREE char *text = read_file(path, err);
        char *at, *end;

        if (text == NULL)
                return err->status;
        strip_comments(text);
        at = text + strspn(text, "\xef\xbb\xbf \t\r\n");
        if (*at != '<') {
                cli->options.conf = path;
                return BDFS_OK;
        }
        if (strstr(at, "<configuration") == NULL)
                return bdfs_fail(err, BDFS_USAGE, "-conf %s: it has no <configuration>", path);
        while ((at = strstr(at, "<property>")) != NULL) {
                end = strstr(at, "</property>");
                if (end == NULL)
                        return bdfs_fail(err, BDFS_USAGE, "-conf %s: a <property> without its end",
                                         path);
                *end = '\0';
                if (take_property(cli, path, at, err) != BDFS_OK)
                        return err->status;
                at = end + 1;
        }
        return BDFS_OK;
}
