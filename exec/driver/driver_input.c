/* What a job reads, and who can run it: inputs to files to splits, live agents. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/host_port.h"
#include "exec/driver/driver_inside.h"
#include "proto/bdfs_cluster.pb-c.h"

/* ---- the cluster's names ------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static void own_name(struct job_own_names *own, const char *format, ...)
{
        va_list ap;

        BDFS_ASSERT(own->n < JOB_OWN_NAMES);
        va_start(ap, format);
        if (vsnprintf(own->list[own->n], sizeof(own->list[0]), format, ap) <
            (int)sizeof(own->list[0]))
                own->n++;
        va_end(ap);
}

enum bdfs_status job_own_names(struct bdfs *fs, struct job_own_names *ret, struct bdfs_err *err)
{
        Bdfs__ServerInfoRequest q = BDFS__SERVER_INFO_REQUEST__INIT;
        const Bdfs__ServerInfoResponse *r;
        ProtobufCMessage *m;
        char host[HOST_NAME_BYTES];
        uint32_t ports[2];
        uint16_t port;

        *ret = (struct job_own_names){.n = 0};
        own_name(ret, "%s", bdfs_uri(fs));
        if (bdfs_is_hadoop(fs) || !host_port_parse(fs->conf.namenode, 9000, host, &port))
                return BDFS_OK;
        if (fs_call(fs, METHOD_BDFS_CLIENT_serverInfo, &q.base, &m, err) != BDFS_OK)
                return err->status;
        r = (const Bdfs__ServerInfoResponse *)m;
        ports[0] = port;
        ports[1] = r->has_hadoop_port ? r->hadoop_port : 0;
        message_free(m);
        for (size_t i = 0; i < 2; i++) {
                if (ports[i] == 0)
                        continue;
                own_name(ret, strchr(host, ':') == NULL ? "hdfs://%s:%u" : "hdfs://[%s]:%u", host,
                         ports[i]);
                if (strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0)
                        own_name(ret, "hdfs://localhost:%u", ports[i]);
        }
        return BDFS_OK;
}

/* ---- agents ------------------------------------------------------------------------------- */

static void take_agent(struct driver *d, const Bdfs__NodeInfo *n)
{
        const char *colon = strrchr(n->name, ':');
        struct job_agent *a = &d->agents[d->agents_n];

        if (!n->has_agent_port || n->agent_port == 0 || n->agent_port > UINT16_MAX ||
            colon == NULL || (size_t)(colon - n->name) >= sizeof(a->host))
                return;
        *a = (struct job_agent){.driver = d, .number = (uint32_t)d->agents_n,
                                .port = (uint16_t)n->agent_port};
        (void)snprintf(a->name, sizeof(a->name), "%s", n->name);
        (void)snprintf(a->host, sizeof(a->host), "%.*s", (int)(colon - n->name), n->name);
        d->agents_n++;
}

enum bdfs_status driver_find_agents(struct driver *d, struct bdfs_err *err)
{
        Bdfs__NodesRequest q = BDFS__NODES_REQUEST__INIT;
        const Bdfs__NodesResponse *r;
        ProtobufCMessage *m;

        if (fs_call(d->fs, METHOD_BDFS_CLIENT_nodes, &q.base, &m, err) != BDFS_OK)
                return err->status;
        r = (const Bdfs__NodesResponse *)m;
        d->agents = calloc(r->n_nodes + 1, sizeof(*d->agents));
        for (size_t i = 0; d->agents != NULL && i < r->n_nodes; i++)
                take_agent(d, r->nodes[i]);
        message_free(m);
        if (d->agents == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        if (d->agents_n == 0)
                return bdfs_fail(err, BDFS_UNAVAILABLE, "no datanode that is alive has an agent "
                                 "beside it; start bdfs-agent on the datanodes");
        return BDFS_OK;
}

/* ---- files -------------------------------------------------------------------------------- */

/* Blocks come in about the order of extents: it is looked for from *at on. */
static const Bdfs__BlockInfo *find_block(const Bdfs__FileInfoResponse *r, uint64_t block,
                                         size_t *at)
{
        for (size_t k = 0; k < r->n_blocks; k++) {
                size_t i = (*at + k) % r->n_blocks;

                if (r->blocks[i]->block == block) {
                        *at = i;
                        return r->blocks[i];
                }
        }
        return NULL;
}

/* The agents beside the live replicas of a block. */
static void locate_piece(const struct driver *d, const Bdfs__BlockInfo *b, struct split_piece *p)
{
        p->stamp = b->stamp;
        for (size_t i = 0; i < b->n_replicas && p->nodes_n < SPLIT_NODES_MAX; i++) {
                const Bdfs__ReplicaInfo *r = b->replicas[i];

                if (!r->alive || strcmp(r->state, "finalized") != 0)
                        continue;
                for (size_t k = 0; k < d->agents_n; k++) {
                        if (strcmp(d->agents[k].name, r->name) == 0)
                                p->nodes[p->nodes_n++] = (uint32_t)k;
                }
        }
}

static enum bdfs_status take_pieces(struct driver *d, const Bdfs__FileInfoResponse *r,
                                    struct job_file *f, struct bdfs_err *err)
{
        size_t at = 0;

        f->pieces = calloc(r->n_extents + 1, sizeof(*f->pieces));
        if (f->pieces == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for splits");
        for (size_t i = 0; i < r->n_extents; i++) {
                const Bdfs__ExtentInfo *e = r->extents[i];
                const Bdfs__BlockInfo *b = e->block == 0 ? NULL : find_block(r, e->block, &at);
                struct split_piece *p = &f->pieces[f->pieces_n];

                if (e->offset >= r->length)
                        break;
                *p = (struct split_piece){.offset = e->offset, .length = e->length,
                                          .block = e->block};
                if (p->length > r->length - p->offset)
                        p->length = r->length - p->offset;
                if (b != NULL)
                        locate_piece(d, b, p);
                f->pieces_n++;
        }
        return BDFS_OK;
}

static enum bdfs_status add_splits(struct driver *d, uint32_t file, uint64_t block_size,
                                   struct bdfs_err *err)
{
        const struct job_file *f = &d->files[file];
        size_t at = 0;

        if (f->format != DECODE_NONE) /* it cannot be entered anywhere but at its start */
                block_size = UINT64_MAX;
        do {
                struct job_map *m;

                if (d->maps_n == d->maps_room) {
                        size_t room = d->maps_room == 0 ? 64 : 2 * d->maps_room;
                        struct job_map *more = realloc(d->maps, room * sizeof(*more));

                        if (more == NULL)
                                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for splits");
                        d->maps = more;
                        d->maps_room = room;
                }
                m = &d->maps[d->maps_n++];
                *m = (struct job_map){.file = file};
                split_next(f->pieces, f->pieces_n, at, block_size, &m->split);
                at += m->split.pieces_n;
        } while (at < f->pieces_n);
        return BDFS_OK;
}

static enum bdfs_status new_file(struct driver *d, const char *path, struct job_file **ret,
                                 struct bdfs_err *err)
{
        if (d->files_n == JOB_INPUTS_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "more than %d input files", JOB_INPUTS_MAX);
        if (d->files_n == d->files_room) {
                size_t room = d->files_room == 0 ? 16 : 2 * d->files_room;
                struct job_file *more = realloc(d->files, room * sizeof(*more));

                if (more == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for inputs");
                d->files = more;
                d->files_room = room;
        }
        *ret = &d->files[d->files_n++];
        **ret = (struct job_file){.path = strdup(path)};
        return (*ret)->path == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory for inputs")
                                    : BDFS_OK;
}

static enum bdfs_status add_file(struct driver *d, const char *path, uint64_t block_size,
                                 struct bdfs_err *err)
{
        Bdfs__FileInfoRequest q = BDFS__FILE_INFO_REQUEST__INIT;
        const Bdfs__FileInfoResponse *r;
        ProtobufCMessage *m;
        struct job_file *f = NULL;
        enum bdfs_status rc;

        q.path = (char *)(uintptr_t)path;
        if (new_file(d, path, &f, err) != BDFS_OK ||
            fs_call(d->fs, METHOD_BDFS_CLIENT_fileInfo, &q.base, &m, err) != BDFS_OK)
                return err->status;
        r = (const Bdfs__FileInfoResponse *)m;
        f->inode = r->inode;
        f->length = r->length;
        f->format = decode_by_suffix(path);
        d->bytes_all += r->length;
        rc = r->open ? bdfs_fail(err, BDFS_FAILED, "input %s is being written", path)
                     : take_pieces(d, r, f, err);
        message_free(m);
        return rc != BDFS_OK ? rc : add_splits(d, (uint32_t)d->files_n - 1, block_size, err);
}

/* ---- inputs ------------------------------------------------------------------------------- */

/* Of a directory; what is wrong with it is gathered. */
static enum bdfs_status add_child(struct driver *d, const char *path, const struct bdfs_stat *st,
                                  struct bdfs_err *err)
{
        enum bdfs_status rc = st->type != BDFS_TYPE_FILE
                                      ? bdfs_fail(err, BDFS_IS_DIRECTORY, "Not a file: %s", path)
                                      : add_file(d, path, st->block_size, err);

        if (rc == BDFS_OK || !job_input_fault(rc))
                return rc;
        job_bad_input(d->bad, err);
        return BDFS_OK;
}

/* Files of a directory, one level deep; what begins with _ or . is not input. */
static enum bdfs_status add_directory(struct driver *d, const char *path, struct bdfs_err *err)
{
        AUTO_FREE char *after = strdup(""), *file = NULL;
        struct bdfs_listing l = {.remaining = 1};
        enum bdfs_status rc = after == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory") : BDFS_OK;

        while (rc == BDFS_OK && l.remaining > 0) {
                rc = bdfs_list(d->fs, path, after, &l, err);
                if (rc != BDFS_OK)
                        break;
                for (size_t i = 0; rc == BDFS_OK && i < l.n; i++) {
                        const struct bdfs_dirent *e = &l.entries[i];

                        if (e->name[0] == '_' || e->name[0] == '.')
                                continue;
                        free(TAKE_PTR(file));
                        if (asprintf(&file, "%s/%s", strcmp(path, "/") == 0 ? "" : path, e->name) <
                            0)
                                rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                        else
                                rc = add_child(d, file, &e->st, err);
                }
                free(after);
                after = strdup(l.n == 0 ? "" : l.entries[l.n - 1].name);
                if (rc == BDFS_OK && after == NULL)
                        rc = bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                if (l.n == 0)
                        l.remaining = 0;
                bdfs_listing_fini(&l);
        }
        return rc;
}

static enum bdfs_status add_input(struct driver *d, const char *path, struct bdfs_err *err)
{
        struct bdfs_stat st;
        enum bdfs_status rc = bdfs_stat(d->fs, path, &st, err);

        if (rc == BDFS_NOT_FOUND)
                return bdfs_fail(err, rc, "%s: No such file or directory", path);
        if (rc != BDFS_OK)
                return rc;
        rc = st.type == BDFS_TYPE_DIRECTORY ? add_directory(d, path, err)
                                            : add_file(d, path, st.block_size, err);
        bdfs_stat_fini(&st);
        return rc;
}

bool job_input_fault(enum bdfs_status status)
{
        switch ((int)status) {
        case BDFS_NOT_FOUND:
        case BDFS_PERMISSION:
        case BDFS_IS_DIRECTORY:
        case BDFS_NOT_DIRECTORY:
        case BDFS_SYMLINK:
        case BDFS_INVALID:
        case BDFS_INVALID_PATH:
        case BDFS_USAGE:
        case BDFS_FAILED: return true;
        default: return false;
        }
}

void job_bad_input(struct job_bad_inputs *bad, const struct bdfs_err *err)
{
        size_t used = strlen(bad->text);

        if (bad->n++ == 0)
                bad->status = err->status;
        if (bad->shown == JOB_BAD_SHOWN || used + strlen(err->text) + 4 > sizeof(bad->text))
                return;
        (void)snprintf(bad->text + used, sizeof(bad->text) - used, "%s%s", used == 0 ? "" : "; ",
                       err->text);
        bad->shown++;
}

enum bdfs_status driver_find_inputs(struct driver *d, struct bdfs_err *err)
{
        struct job_bad_inputs none = {.n = 0}, *bad = d->spec->bad_inputs;

        if (bad == NULL)
                bad = &none;
        d->bad = bad;
        for (size_t i = 0; i < d->spec->inputs_n; i++) {
                enum bdfs_status rc = add_input(d, d->spec->inputs[i], err);

                if (rc != BDFS_OK && !job_input_fault(rc))
                        return rc;
                if (rc != BDFS_OK)
                        job_bad_input(bad, err);
        }
        d->bad = NULL;
        if (bad->n == 0)
                return BDFS_OK;
        if (bad->shown < bad->n)
                return bdfs_fail(err, bad->status, "input: %s; and %zu more", bad->text,
                                 bad->n - bad->shown);
        return bdfs_fail(err, bad->status, "input: %s", bad->text);
}

void driver_free_inputs(struct driver *d)
{
        for (size_t i = 0; i < d->files_n; i++) {
                free(d->files[i].path);
                free(d->files[i].pieces);
        }
        free(d->files);
        free(d->maps);
}
