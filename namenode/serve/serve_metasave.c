/* ClientProtocol's metaSave: how blocks and datanodes are, into a file beside the journal. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "namenode/serve/handlers.h"
#include "proto/hadoop_namenode.pb-c.h"

#define NODES_MAX 4096
#define LINE_BYTES 512
#define DIRECTORY "metasave"

static void add_line(struct buf *b, const char *line)
{
        buf_add(b, line, strlen(line));
        buf_u8(b, '\n');
}

static void add_count(struct buf *b, const char *what, uint64_t n)
{
        char line[LINE_BYTES];

        (void)snprintf(line, sizeof(line), "%s: %" PRIu64, what, n);
        add_line(b, line);
}

static void add_nodes(struct buf *b, const struct node_info *nodes, size_t n)
{
        char line[LINE_BYTES];

        add_count(b, "Metasave: Number of datanodes", n);
        for (size_t i = 0; i < n; i++) {
                (void)snprintf(line, sizeof(line),
                               "%s:%" PRIu32 " %s capacity=%" PRIu64 " used=%" PRIu64
                               " remaining=%" PRIu64 " replicas=%" PRIu64,
                               nodes[i].ip, nodes[i].own_port, nodes[i].alive ? "IN" : "DEAD",
                               nodes[i].capacity, nodes[i].used, nodes[i].remaining,
                               nodes[i].replicas);
                add_line(b, line);
        }
}

static enum bdfs_status make_text(struct namenode *nn, struct buf *b, struct bdfs_err *err)
{
        struct node_info *nodes = malloc(NODES_MAX * sizeof(*nodes));
        struct blocks_stats s;

        if (nodes == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for the datanodes");
        blocks_stats(nn->blocks, &s);
        add_count(b, "Live Datanodes", s.nodes_alive);
        add_count(b, "Dead Datanodes", s.nodes_dead);
        add_count(b, "Metasave: Blocks waiting for reconstruction", s.low_redundancy);
        add_count(b, "Metasave: Blocks of which one replica is left", s.highest_priority);
        add_count(b, "Metasave: Blocks waiting deletion", s.pending_deletion);
        add_count(b, "Metasave: Corrupt blocks", s.corrupt);
        add_count(b, "Metasave: Missing blocks", s.missing);
        add_nodes(b, nodes, blocks_nodes(nn->blocks, nodes, NODES_MAX));
        free(nodes);
        return b->bad ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory for the text") : BDFS_OK;
}

static enum bdfs_status write_text(const char *path, const struct buf *b, struct bdfs_err *err)
{
        struct os_file *f;
        enum bdfs_status rc = os_file_open(&f, path, OS_WRITE | OS_CREATE | OS_TRUNCATE, err);

        if (rc != BDFS_OK)
                return rc;
        rc = os_file_write(f, 0, b->data, b->n, err);
        if (rc != BDFS_OK) {
                (void)os_file_close(f, NULL); /* the first error counts */
                return rc;
        }
        return os_file_close(f, err);
}

/* Where @name is written to: it is a plain name, and cannot lead out of the directory. */
static enum bdfs_status file_path(struct namenode *nn, const char *name, char ret[PATH_BYTES_MAX],
                                  struct bdfs_err *err)
{
        enum bdfs_status rc;
        int n;

        if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
                return bdfs_fail(err, BDFS_INVALID, "metaSave: \"%s\" is no plain file name", name);
        (void)snprintf(ret, PATH_BYTES_MAX, "%s/" DIRECTORY, nn->conf->data);
        rc = os_mkdir(ret, 0700, err);
        if (rc != BDFS_OK && rc != BDFS_EXISTS)
                return rc;
        n = snprintf(ret, PATH_BYTES_MAX, "%s/" DIRECTORY "/%s", nn->conf->data, name);
        return n < PATH_BYTES_MAX ? BDFS_OK
                                  : bdfs_fail(err, BDFS_INVALID, "metaSave: the name is too long");
}

void serve_meta_save(struct namenode *nn, struct rpc_call *call)
{
        const Hadoop__MetaSaveRequestProto *q = (const void *)call->request;
        Hadoop__MetaSaveResponseProto r = HADOOP__META_SAVE_RESPONSE_PROTO__INIT;
        char path[PATH_BYTES_MAX];
        enum bdfs_status rc;
        struct bdfs_err err;
        struct buf text;

        buf_init(&text, 0);
        rc = file_path(nn, q->filename, path, &err);
        if (rc == BDFS_OK)
                rc = make_text(nn, &text, &err);
        if (rc == BDFS_OK)
                rc = write_text(path, &text, &err);
        buf_fini(&text);
        if (rc == BDFS_OK)
                rpc_call_reply(call, &r.base);
        else
                rpc_call_fail(call, &err);
}
