/* bdfs fsck: which blocks lack replicas. A bdfs namenode looks itself; of another HDFS every file's
 * locations are asked for. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_json.h"
#include "cli/cli_service.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

struct fsck {
        struct cli *cli;
        json_t *problems; /* NULL: they are printed */
        uint64_t files, directories, symlinks, blocks, bytes;
        uint64_t open_files, under_replicated, missing, corrupt, other;
        uint64_t unknown; /* blocks with replicas, of the whole cluster: kept, and no file's */
};

static void problem(struct fsck *f, const char *path, uint64_t block, const char *kind,
                    const char *text)
{
        json_t *o;

        if (strcmp(kind, "tree") == 0)
                f->other++;
        if (f->problems == NULL) {
                cli_print(f->cli, "%s: block %llu: %s: %s\n", path, (unsigned long long)block, kind,
                          text);
                return;
        }
        o = json_object();
        cli_json_text(o, "path", path);
        cli_json_number(o, "block", block);
        cli_json_text(o, "kind", kind);
        cli_json_text(o, "text", text);
        (void)json_array_append_new(f->problems, o);
}

/* ---- a bdfs namenode ------------------------------------------------------------------------- */

static void add_page(struct fsck *f, const Bdfs__FsckResponse *r)
{
        for (size_t i = 0; i < r->n_problems; i++)
                problem(f, r->problems[i]->path, r->problems[i]->block, r->problems[i]->kind,
                        r->problems[i]->text);
        f->files += r->files;
        f->directories += r->directories;
        f->symlinks += r->symlinks;
        f->blocks += r->blocks;
        f->bytes += r->bytes;
        f->open_files += r->open_files;
        f->under_replicated += r->under_replicated;
        f->missing += r->missing;
        f->corrupt += r->corrupt;
        f->unknown = r->unknown_blocks;
}

static enum bdfs_status ask(struct fsck *f, const struct cli_item *it, struct bdfs_err *err)
{
        ProtobufCBinaryData after = {0};
        bool more = true, first = true;

        while (more) {
                Bdfs__FsckResponse *r;
                enum bdfs_status rc = cli_service_fsck(it->fs, it->path, first ? NULL : &after, &r,
                                                       err);

                free(TAKE_PTR(after.data));
                if (rc != BDFS_OK)
                        return rc;
                add_page(f, r);
                more = r->has_after;
                first = false;
                if (more) {
                        after.len = r->after.len;
                        after.data = malloc(after.len + 1);
                        if (after.data != NULL && after.len > 0)
                                memcpy(after.data, r->after.data, after.len);
                }
                message_free(r);
                if (more && after.data == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        }
        return BDFS_OK;
}

/* ---- another HDFS ---------------------------------------------------------------------------- */

static void look_block(struct fsck *f, const struct cli_item *it, const struct bdfs_location *l)
{
        char text[80];

        f->blocks++;
        if (l->corrupt) {
                f->corrupt++;
                problem(f, it->text, l->block, "corrupt", "no replica has the right bytes");
        } else if (l->hosts_n == 0 && l->length > 0) {
                f->missing++;
                problem(f, it->text, l->block, "missing", "no live datanode has a replica");
        } else if (l->hosts_n < it->st.replication) {
                f->under_replicated++;
                (void)snprintf(text, sizeof(text), "%zu of %u replicas", l->hosts_n,
                               it->st.replication);
                problem(f, it->text, l->block, "under-replicated", text);
        }
}

static enum bdfs_status look(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct fsck *f = arg;
        struct bdfs_location *list;
        size_t n;

        if (cli_item_is_directory(it))
                return f->directories++, BDFS_OK;
        if (it->st.type == BDFS_TYPE_SYMLINK)
                return f->symlinks++, BDFS_OK;
        if (bdfs_locations(it->fs, it->path, 0, INT64_MAX, &list, &n, err) != BDFS_OK)
                return cli_item_reword(it, err);
        f->files++;
        f->bytes += it->st.length;
        for (size_t i = 0; i < n; i++)
                look_block(f, it, &list[i]);
        bdfs_locations_free(list, n);
        return BDFS_OK;
}

static enum bdfs_status fsck_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct fsck *f = arg;
        enum bdfs_status rc;

        if (!bdfs_is_hadoop(it->fs)) {
                rc = ask(f, it, err);
                if (!cli_service_absent(rc))
                        return rc;
        }
        cli_walk(f->cli, it, true, look, f);
        return BDFS_OK;
}

/* ---- the result ------------------------------------------------------------------------------ */

static bool healthy(const struct fsck *f)
{
        return f->missing == 0 && f->corrupt == 0 && f->other == 0;
}

static void print_sums(struct fsck *f, const char *path)
{
        cli_print(f->cli, "%s: %llu files, %llu directories, %llu symlinks, %llu blocks, %llu "
                          "bytes\n",
                  path, (unsigned long long)f->files, (unsigned long long)f->directories,
                  (unsigned long long)f->symlinks, (unsigned long long)f->blocks,
                  (unsigned long long)f->bytes);
        cli_print(f->cli, "open for writing: %llu files\n", (unsigned long long)f->open_files);
        cli_print(f->cli, "under-replicated: %llu blocks\n",
                  (unsigned long long)f->under_replicated);
        cli_print(f->cli, "missing: %llu blocks\ncorrupt: %llu blocks\n",
                  (unsigned long long)f->missing, (unsigned long long)f->corrupt);
        if (f->unknown > 0)
                cli_print(f->cli, "unknown: %llu blocks of no file have replicas; they are kept\n",
                          (unsigned long long)f->unknown);
        cli_print(f->cli, "status: %s\n", healthy(f) ? "HEALTHY" : "CORRUPT");
}

static void print_json(struct fsck *f, const char *path)
{
        json_t *o = json_object();

        cli_json_text(o, "path", path);
        cli_json_bool(o, "healthy", healthy(f));
        cli_json_number(o, "files", f->files);
        cli_json_number(o, "directories", f->directories);
        cli_json_number(o, "symlinks", f->symlinks);
        cli_json_number(o, "blocks", f->blocks);
        cli_json_number(o, "bytes", f->bytes);
        cli_json_number(o, "open_files", f->open_files);
        cli_json_number(o, "under_replicated", f->under_replicated);
        cli_json_number(o, "missing", f->missing);
        cli_json_number(o, "corrupt", f->corrupt);
        cli_json_number(o, "unknown", f->unknown);
        (void)json_object_set_new(o, "problems", f->problems);
        cli_json_one(f->cli, o);
}

int cmd_fsck(struct cli *cli, int argc, char **argv)
{
        struct fsck f = {.cli = cli};
        const struct cli_option options[] = {{NULL, NULL, NULL}};
        static char root[] = "/";
        char *all[] = {root}, **what = all;
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 0, 1))
                return bdfs_status_exit(BDFS_USAGE);
        if (argc == 1)
                what = argv;
        f.problems = cli->json ? json_array() : NULL;
        rc = cli_walk_all(cli, 1, what, false, fsck_visit, &f);
        if (cli->json)
                print_json(&f, what[0]);
        else if (rc == 0)
                print_sums(&f, what[0]);
        return rc != 0 ? rc : healthy(&f) ? 0 : bdfs_status_exit(BDFS_CORRUPT);
}
