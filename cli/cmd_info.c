/* bdfs info, fsck: files down to their replicas. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_json.h"
#include "cli/cli_service.h"
#include "cli/cmd.h"

/* ---- info: what a bdfs namenode says --------------------------------------------------------- */

static void print_replica(struct cli *cli, const Bdfs__ReplicaInfo *r, const Bdfs__BlockInfo *b)
{
        cli_print(cli, "    %-21s  %s  %s%s", r->name, r->rack, r->state,
                  r->alive ? "" : ", its datanode is dead");
        if (r->stamp != b->stamp || r->length != b->length)
                cli_print(cli, ", stamp %llu, %llu bytes", (unsigned long long)r->stamp,
                          (unsigned long long)r->length);
        cli_print(cli, "\n");
}

static void print_block(struct cli *cli, const Bdfs__FileInfoResponse *f, uint64_t block)
{
        for (size_t i = 0; i < f->n_blocks; i++) {
                const Bdfs__BlockInfo *b = f->blocks[i];

                if (b->block != block)
                        continue;
                cli_print(cli, ", stamp %llu, %llu bytes, %s, %zu of %u replicas\n",
                          (unsigned long long)b->stamp, (unsigned long long)b->length, b->state,
                          b->n_replicas, b->expected);
                for (size_t k = 0; k < b->n_replicas; k++)
                        print_replica(cli, b->replicas[k], b);
                if (b->reason != NULL && b->reason[0] != '\0')
                        cli_print(cli, "    %s\n", b->reason);
                return;
        }
        cli_print(cli, "\n");
}

static void print_file(struct cli *cli, const struct cli_item *it, const Bdfs__FileInfoResponse *f)
{
        cli_print(cli, "%s: %llu bytes, inode %llu, replication %u, %zu extents%s%s\n", it->text,
                  (unsigned long long)f->length, (unsigned long long)f->inode, it->st.replication,
                  f->n_extents, f->open ? ", open for writing by " : "",
                  f->open ? (f->holder == NULL ? "somebody" : f->holder) : "");
        for (size_t i = 0; i < f->n_extents; i++) {
                const Bdfs__ExtentInfo *e = f->extents[i];

                cli_print(cli, "  %llu + %llu: ", (unsigned long long)e->offset,
                          (unsigned long long)e->length);
                if (e->block == 0) {
                        cli_print(cli, "a hole\n");
                        continue;
                }
                cli_print(cli, "block %llu", (unsigned long long)e->block);
                if (e->block_offset > 0)
                        cli_print(cli, " from %llu", (unsigned long long)e->block_offset);
                print_block(cli, f, e->block);
        }
}

static json_t *replica_json(const Bdfs__ReplicaInfo *r)
{
        json_t *o = json_object();

        cli_json_number(o, "node", r->node);
        cli_json_text(o, "name", r->name);
        cli_json_text(o, "host", r->host);
        cli_json_text(o, "rack", r->rack);
        cli_json_text(o, "state", r->state);
        cli_json_number(o, "stamp", r->stamp);
        cli_json_number(o, "length", r->length);
        cli_json_bool(o, "alive", r->alive);
        return o;
}

static json_t *block_json(const Bdfs__BlockInfo *b)
{
        json_t *o = json_object(), *replicas = json_array();

        cli_json_number(o, "block", b->block);
        cli_json_number(o, "stamp", b->stamp);
        cli_json_number(o, "length", b->length);
        cli_json_text(o, "state", b->state);
        cli_json_number(o, "expected", b->expected);
        for (size_t i = 0; i < b->n_replicas; i++)
                (void)json_array_append_new(replicas, replica_json(b->replicas[i]));
        (void)json_object_set_new(o, "replicas", replicas);
        cli_json_text(o, "reason", b->reason);
        return o;
}

static json_t *file_json(const struct cli_item *it, const Bdfs__FileInfoResponse *f)
{
        json_t *o = cli_json_item(it), *extents = json_array(), *blocks = json_array();

        cli_json_bool(o, "open", f->open);
        if (f->holder != NULL)
                cli_json_text(o, "holder", f->holder);
        for (size_t i = 0; i < f->n_extents; i++) {
                json_t *e = json_object();

                cli_json_number(e, "offset", f->extents[i]->offset);
                cli_json_number(e, "length", f->extents[i]->length);
                cli_json_number(e, "block", f->extents[i]->block);
                cli_json_number(e, "block_offset", f->extents[i]->block_offset);
                (void)json_array_append_new(extents, e);
        }
        for (size_t i = 0; i < f->n_blocks; i++)
                (void)json_array_append_new(blocks, block_json(f->blocks[i]));
        (void)json_object_set_new(o, "extents", extents);
        (void)json_object_set_new(o, "blocks", blocks);
        return o;
}

/* ---- info: what any HDFS says ---------------------------------------------------------------- */

static json_t *locations_json(const struct cli_item *it, const struct bdfs_location *list, size_t n)
{
        json_t *o = cli_json_item(it), *extents = json_array(), *blocks = json_array();

        for (size_t i = 0; i < n; i++) {
                const struct bdfs_location *l = &list[i];
                json_t *e = json_object(), *b = json_object(), *replicas = json_array();

                cli_json_number(e, "offset", l->offset);
                cli_json_number(e, "length", l->length);
                cli_json_number(e, "block", l->block);
                cli_json_number(b, "block", l->block);
                cli_json_number(b, "stamp", l->stamp);
                cli_json_number(b, "length", l->length);
                cli_json_text(b, "state", l->corrupt ? "corrupt" : "located");
                cli_json_number(b, "expected", it->st.replication);
                for (size_t k = 0; k < l->hosts_n; k++) {
                        json_t *r = json_object();

                        cli_json_text(r, "name", l->hosts[k].name);
                        cli_json_text(r, "host", l->hosts[k].host);
                        cli_json_text(r, "rack", l->hosts[k].rack);
                        (void)json_array_append_new(replicas, r);
                }
                (void)json_object_set_new(b, "replicas", replicas);
                (void)json_array_append_new(extents, e);
                (void)json_array_append_new(blocks, b);
        }
        (void)json_object_set_new(o, "extents", extents);
        (void)json_object_set_new(o, "blocks", blocks);
        return o;
}

static void print_locations(struct cli *cli, const struct cli_item *it,
                            const struct bdfs_location *list, size_t n)
{
        cli_print(cli, "%s: %llu bytes, inode %llu, replication %u, %zu blocks\n", it->text,
                  (unsigned long long)it->st.length, (unsigned long long)it->st.inode,
                  it->st.replication, n);
        for (size_t i = 0; i < n; i++) {
                cli_print(cli, "  %llu + %llu: block %llu, stamp %llu, %zu of %u replicas%s\n",
                          (unsigned long long)list[i].offset, (unsigned long long)list[i].length,
                          (unsigned long long)list[i].block, (unsigned long long)list[i].stamp,
                          list[i].hosts_n, it->st.replication, list[i].corrupt ? ", corrupt" : "");
                for (size_t k = 0; k < list[i].hosts_n; k++)
                        cli_print(cli, "    %-21s  %s\n", list[i].hosts[k].name,
                                  list[i].hosts[k].rack);
        }
}

static enum bdfs_status info_located(struct cli *cli, const struct cli_item *it,
                                     struct bdfs_err *err)
{
        struct bdfs_location *list;
        size_t n;

        if (bdfs_locations(it->fs, it->path, 0, INT64_MAX, &list, &n, err) != BDFS_OK)
                return cli_item_reword(it, err);
        if (cli->json)
                cli_json_add(cli, locations_json(it, list, n));
        else
                print_locations(cli, it, list, n);
        bdfs_locations_free(list, n);
        return BDFS_OK;
}

static enum bdfs_status info_directory(struct cli *cli, const struct cli_item *it,
                                       struct bdfs_err *err)
{
        struct bdfs_summary s;

        if (bdfs_summary(it->fs, it->path, &s, err) != BDFS_OK)
                return cli_item_reword(it, err);
        if (cli->json) {
                json_t *o = cli_json_item(it);

                cli_json_number(o, "files", s.files);
                cli_json_number(o, "directories", s.directories);
                cli_json_number(o, "total_length", s.length);
                cli_json_number(o, "space", s.space);
                cli_json_add(cli, o);
                return BDFS_OK;
        }
        cli_print(cli, "%s: a directory, inode %llu, with %llu files and %llu directories, %llu "
                       "bytes, %llu with all replicas\n",
                  it->text, (unsigned long long)it->st.inode, (unsigned long long)s.files,
                  (unsigned long long)s.directories, (unsigned long long)s.length,
                  (unsigned long long)s.space);
        return BDFS_OK;
}

static enum bdfs_status info_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        Bdfs__FileInfoResponse *f;
        struct cli *cli = arg;

        if (cli_item_is_directory(it))
                return info_directory(cli, it, err);
        if (bdfs_is_hadoop(it->fs))
                return info_located(cli, it, err);
        if (cli_service_file(it->fs, it->path, &f, err) != BDFS_OK)
                return cli_item_reword(it, err);
        if (cli->json)
                cli_json_add(cli, file_json(it, f));
        else
                print_file(cli, it, f);
        message_free(f);
        return BDFS_OK;
}

int cmd_info(struct cli *cli, int argc, char **argv)
{
        bool recursive = false;
        const struct cli_option options[] = {{"R", &recursive, NULL}, {NULL, NULL, NULL}};
        int rc;

        if (!cli_options(cli, &argc, &argv, options, 1, CLI_MANY))
                return bdfs_status_exit(BDFS_USAGE);
        if (cli->json)
                cli_json_begin(cli);
        rc = cli_walk_all(cli, argc, argv, recursive, info_visit, cli);
        if (cli->json)
                cli_json_end(cli);
        return rc;
}
