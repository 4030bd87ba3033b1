/*
 * A namenode and datanodes in this process with their Hadoop ports open, and a client of bytes that
 * looks at every frame it gets. For tests of what stock clients see.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/log.h"
#include "datanode/datanode.h"
#include "namenode/namenode.h"
#include "net/cluster_secret.h"
#include "proto/exception.h"
#include "proto/hadoop_features.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "proto/methods.h"
#include "tests/lib/test_must.h"

#define HADOOP_NODES_MAX 3
#define HADOOP_KEPT_MAX 4096
#define HADOOP_BLOCK (1 << 20)
#define CLIENT_PROTOCOL "org.apache.hadoop.hdfs.protocol.ClientProtocol"
#define HADOOP_CLUSTER "000102030405060708090a0b0c0d0e0f"

struct hadoop {
        char dir[64], user[OS_NAME_BYTES];
        struct namenode_conf nn_conf;
        struct namenode *nn;
        unsigned nodes;
        struct datanode_conf dn_conf[HADOOP_NODES_MAX];
        struct datanode *dn[HADOOP_NODES_MAX];
};

static inline int64_t soon(void)
{
        return os_mono_ms() + 20000;
}

/* ---- the cluster ---------------------------------------------------------------------------- */

static inline void node_start(struct hadoop *h, unsigned i, const char *more)
{
        char text[600];
        struct bdfs_err err;

        (void)snprintf(text, sizeof(text),
                       "cluster = " HADOOP_CLUSTER "\nsecret = %s/secret\ndata = %s/dn%u\n"
                       "namenodes = 127.0.0.1:%u\n"
                       "own_port = 0\nhadoop = yes\nhadoop_port = 0\nipc_port = 0\n"
                       "hadoop_superuser = yes\nscrub_rate = 0\nspace_floor = 0\n%s",
                       h->dir, h->dir, i, namenode_port(h->nn, RPC_OWN), more);
        must(conf_parse(datanode_conf_table, datanode_conf_table_n, "datanode", text, strlen(text),
                        &h->dn_conf[i], &err), &err);
        must(datanode_start(&h->dn[i], &h->dn_conf[i], &err), &err);
        assert_true(datanode_wait_registered(h->dn[i], soon()));
}

static inline void node_stop(struct hadoop *h, unsigned i)
{
        datanode_stop(h->dn[i]);
        if (h->dn[i] != NULL)
                conf_free(datanode_conf_table, datanode_conf_table_n, &h->dn_conf[i]);
        h->dn[i] = NULL;
}

static inline void hadoop_secret(const char *dir)
{
        char text[CLUSTER_SECRET_FILE_BYTES + 1], path[96];
        struct os_file *f;
        struct bdfs_err err;

        (void)snprintf(path, sizeof(path), "%s/secret", dir);
        cluster_secret_make(text);
        must(os_file_open(&f, path, OS_WRITE | OS_CREATE, &err), &err);
        must(os_file_write(f, 0, text, strlen(text), &err), &err);
        must(os_file_close(f, &err), &err);
}

/* @more: lines for the first datanode's configuration. */
static inline struct hadoop *hadoop_start(unsigned nodes, const char *more)
{
        struct hadoop *h = calloc(1, sizeof(*h));
        struct bdfs_err err;
        char text[400];

        assert_non_null(h);
        (void)snprintf(h->dir, sizeof(h->dir), "/tmp/test_hadoop.XXXXXX");
        assert_non_null(mkdtemp(h->dir));
        must(os_user_name(os_own_uid(), h->user, &err), &err);
        (void)snprintf(text, sizeof(text),
                       "cluster = " HADOOP_CLUSTER "\nsecret = %s/secret\ndata = %s/nn\n"
                       "own_port = 0\nhadoop = yes\nhadoop_port = 0\nhadoop_superuser = yes\n",
                       h->dir, h->dir);
        hadoop_secret(h->dir);
        for (unsigned i = 0; i <= nodes; i++) {
                char data[80];

                (void)snprintf(data, sizeof(data), i == nodes ? "%s/nn" : "%s/dn%u", h->dir, i);
                must(os_mkdir(data, 0700, &err), &err);
        }
        must(conf_parse(namenode_conf_table, namenode_conf_table_n, "namenode", text, strlen(text),
                        &h->nn_conf, &err), &err);
        must(namenode_start(&h->nn, &h->nn_conf, &err), &err);
        h->nodes = nodes;
        for (unsigned i = 0; i < nodes; i++)
                node_start(h, i, i == 0 ? more : "");
        return h;
}

static inline void hadoop_stop(struct hadoop *h)
{
        char command[128];

        for (unsigned i = 0; i < h->nodes; i++)
                node_stop(h, i);
        namenode_stop(h->nn);
        conf_free(namenode_conf_table, namenode_conf_table_n, &h->nn_conf);
        (void)snprintf(command, sizeof(command), "rm -rf %s", h->dir);
        assert_int_equal(system(command), 0);
        free(h);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* A connection of a client's, to a namenode or to a datanode's IPC port. */
struct peer {
        struct os_sock *s;
        const char *protocol;
        uint8_t client_id[IPC_CLIENT_ID_BYTES];
        int32_t next_id;
        uint8_t *frame;              /* the last one read, without its length */
        size_t frame_n;
        struct ipc_response r;       /* the same, decoded */
        void *kept[HADOOP_KEPT_MAX]; /* messages, freed with the peer */
        size_t kept_n;
};

static inline void peer_send(struct peer *p, struct buf *b)
{
        struct bdfs_err err;

        assert_false(b->bad);
        must(os_sock_write(p->s, b->data, b->n, soon(), &err), &err);
        buf_fini(b);
}

static inline struct peer *peer_dial(uint16_t port, const char *protocol)
{
        struct peer *p = calloc(1, sizeof(*p));
        struct os_addr to = {.host = "127.0.0.1", .port = port};
        struct bdfs_err err;

        assert_non_null(p);
        p->protocol = protocol;
        os_random(p->client_id, sizeof(p->client_id));
        must(os_connect(&p->s, &to, soon(), &err), &err);
        return p;
}

/* Preamble and context; neither is answered. */
static inline void peer_greet(struct peer *p, const char *user)
{
        uint8_t hello[IPC_HELLO_BYTES];
        struct buf b;

        ipc_hello_encode(hello, false);
        buf_init(&b, 0);
        buf_add(&b, hello, sizeof(hello));
        ipc_context_encode(&b, p->client_id, user, NULL, p->protocol);
        peer_send(p, &b);
}

static inline struct peer *peer_of(struct hadoop *h, const char *user)
{
        struct peer *p = peer_dial(namenode_port(h->nn, RPC_HADOOP), CLIENT_PROTOCOL);

        peer_greet(p, user);
        return p;
}

/* As who runs the test: the superuser. */
static inline struct peer *peer_open(struct hadoop *h)
{
        return peer_of(h, h->user);
}

static inline void peer_close(struct peer *p)
{
        os_sock_close(p->s);
        for (size_t i = 0; i < p->kept_n; i++)
                message_free(p->kept[i]);
        free(p->frame);
        free(p);
}

/* One frame: nothing but a header and, on success, a delimited message (traps 1, 2). */
static inline void peer_read(struct peer *p)
{
        uint8_t length[IPC_LENGTH_BYTES];
        struct message_span span;
        struct bdfs_err err;
        size_t at;

        must(os_sock_read(p->s, length, sizeof(length), soon(), &err), &err);
        must(ipc_frame_length(length, IPC_FRAME_BYTES_MAX, &p->frame_n, &err), &err);
        free(p->frame);
        p->frame = malloc(p->frame_n);
        assert_non_null(p->frame);
        must(os_sock_read(p->s, p->frame, p->frame_n, soon(), &err), &err);
        must(ipc_response_decode(p->frame, p->frame_n, &p->r, &err), &err);
        must(message_delimited(p->frame, p->frame_n, p->frame_n, &span, &err), &err);
        at = span.total;
        if (p->r.status == IPC_SUCCESS) {
                assert_true(at < p->frame_n);
                must(message_delimited(p->frame + at, p->frame_n - at, p->frame_n, &span, &err),
                     &err);
                assert_int_equal(span.need, 0);
                at += span.total;
        }
        assert_int_equal(at, p->frame_n);
        assert_true(p->r.client_id_n == 0 ||
                    memcmp(p->r.client_id, p->client_id, IPC_CLIENT_ID_BYTES) == 0);
}

static inline void add_request(struct peer *p, struct buf *b, int32_t call_id, int32_t retry,
                               const char *method, const ProtobufCMessage *m)
{
        const struct ipc_call call = {.call_id = call_id, .retry_count = retry,
                                      .client_id = p->client_id, .method = method,
                                      .protocol = p->protocol,
                                      .version = METHOD_PROTOCOL_VERSION};

        ipc_request_encode(b, &call, m);
}

/* A call under @call_id; its answer is in p->r. */
static inline void peer_call_as(struct peer *p, int32_t call_id, int32_t retry, enum method_id id,
                                const ProtobufCMessage *m)
{
        struct buf b;

        buf_init(&b, 0);
        add_request(p, &b, call_id, retry, method_of(id)->name, m);
        peer_send(p, &b);
        peer_read(p);
        assert_int_equal(p->r.call_id, call_id);
}

static inline void peer_call(struct peer *p, enum method_id id, const ProtobufCMessage *m)
{
        peer_call_as(p, p->next_id, 0, id, m);
        p->next_id++;
}

static inline void *peer_keep(struct peer *p, void *message)
{
        assert_non_null(message);
        assert_true(p->kept_n < HADOOP_KEPT_MAX);
        p->kept[p->kept_n++] = message;
        return message;
}

/* The message of the answer in p->r, which must be one of success. */
static inline void *peer_message(struct peer *p, enum method_id id)
{
        struct bdfs_err err;

        if (p->r.status != IPC_SUCCESS)
                fail_msg("%s: %.*s: %.*s", method_of(id)->name, (int)p->r.java_class.n,
                         p->r.java_class.at, (int)p->r.text.n, p->r.text.at);
        return peer_keep(p, message_unpack(method_of(id)->response, p->r.body, p->r.body_n, &err));
}

static inline void *peer_ask(struct peer *p, enum method_id id, const ProtobufCMessage *m)
{
        peer_call(p, id, m);
        return peer_message(p, id);
}

static inline void is_refusal(struct peer *p, const char *java_class)
{
        assert_int_equal(p->r.status, IPC_ERROR);
        if (p->r.java_class.n != strlen(java_class) ||
            memcmp(p->r.java_class.at, java_class, p->r.java_class.n) != 0)
                fail_msg("%.*s instead of %s", (int)p->r.java_class.n, p->r.java_class.at,
                         java_class);
        assert_true(p->r.text.n > 0);
}

static inline void peer_refused(struct peer *p, enum method_id id, const ProtobufCMessage *m,
                                const char *java_class)
{
        peer_call(p, id, m);
        is_refusal(p, java_class);
}

/* ---- calls that many tests make ------------------------------------------------------------- */

static inline char *text(const char *constant) /* protobuf-c's fields are not const */
{
        return (char *)(uintptr_t)constant;
}

static inline void ask_mkdirs(struct peer *p, const char *src, uint32_t mode)
{
        Hadoop__MkdirsRequestProto q = HADOOP__MKDIRS_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto perm = HADOOP__FS_PERMISSION_PROTO__INIT;
        const Hadoop__MkdirsResponseProto *r;

        perm.perm = mode;
        q.src = text(src);
        q.masked = &perm;
        q.createparent = true;
        r = peer_ask(p, METHOD_CLIENT_mkdirs, &q.base);
        assert_true(r->result);
}

/* A request with the fields that gohdfs sends; @perm is borrowed. */
static inline Hadoop__CreateRequestProto create_request(const char *src, const char *holder,
                                                        Hadoop__FsPermissionProto *perm)
{
        Hadoop__CreateRequestProto q = HADOOP__CREATE_REQUEST_PROTO__INIT;

        hadoop__fs_permission_proto__init(perm);
        perm->perm = 0644;
        q.src = text(src);
        q.clientname = text(holder);
        q.masked = perm;
        q.createflag = HADOOP__CREATE_FLAG_PROTO__CREATE;
        q.replication = 1;
        q.blocksize = HADOOP_BLOCK;
        return q;
}

/* Make @src, open for @holder; returns its status. */
static inline const Hadoop__HdfsFileStatusProto *ask_create(struct peer *p, const char *src,
                                                            const char *holder,
                                                            uint32_t replication)
{
        Hadoop__FsPermissionProto perm;
        Hadoop__CreateRequestProto q = create_request(src, holder, &perm);
        const Hadoop__CreateResponseProto *r;

        q.replication = replication;
        q.createparent = true;
        r = peer_ask(p, METHOD_CLIENT_create, &q.base);
        assert_non_null(r->fs);
        return r->fs;
}

/* @previous: NULL for the first. */
static inline const Hadoop__LocatedBlockProto *
ask_block(struct peer *p, const char *src, const char *holder,
          const Hadoop__ExtendedBlockProto *previous)
{
        Hadoop__AddBlockRequestProto q = HADOOP__ADD_BLOCK_REQUEST_PROTO__INIT;
        const Hadoop__AddBlockResponseProto *r;

        q.src = text(src);
        q.clientname = text(holder);
        q.previous = (Hadoop__ExtendedBlockProto *)(uintptr_t)previous;
        r = peer_ask(p, METHOD_CLIENT_addBlock, &q.base);
        return r->block;
}

/* The first answer of complete(). */
static inline bool ask_complete(struct peer *p, const char *src, const char *holder,
                                const Hadoop__ExtendedBlockProto *last)
{
        Hadoop__CompleteRequestProto q = HADOOP__COMPLETE_REQUEST_PROTO__INIT;
        const Hadoop__CompleteResponseProto *r;

        q.src = text(src);
        q.clientname = text(holder);
        q.last = (Hadoop__ExtendedBlockProto *)(uintptr_t)last;
        r = peer_ask(p, METHOD_CLIENT_complete, &q.base);
        return r->result;
}

/* NULL: it is not there. */
static inline const Hadoop__HdfsFileStatusProto *ask_info(struct peer *p, const char *src)
{
        Hadoop__GetFileInfoRequestProto q = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        const Hadoop__GetFileInfoResponseProto *r;

        q.src = text(src);
        r = peer_ask(p, METHOD_CLIENT_getFileInfo, &q.base);
        return r->fs;
}

/* NULL: it is not there. */
static inline const Hadoop__DirectoryListingProto *ask_listing(struct peer *p, const char *src,
                                                               const char *after, bool locations)
{
        Hadoop__GetListingRequestProto q = HADOOP__GET_LISTING_REQUEST_PROTO__INIT;
        const Hadoop__GetListingResponseProto *r;

        q.src = text(src);
        q.startafter.data = (uint8_t *)text(after);
        q.startafter.len = strlen(after);
        q.needlocation = locations;
        r = peer_ask(p, METHOD_CLIENT_getListing, &q.base);
        return r->dirlist;
}

static inline const Hadoop__LocatedBlocksProto *ask_locations(struct peer *p, const char *src,
                                                              uint64_t offset, uint64_t length)
{
        Hadoop__GetBlockLocationsRequestProto q = HADOOP__GET_BLOCK_LOCATIONS_REQUEST_PROTO__INIT;
        const Hadoop__GetBlockLocationsResponseProto *r;

        q.src = text(src);
        q.offset = offset;
        q.length = length;
        r = peer_ask(p, METHOD_CLIENT_getBlockLocations, &q.base);
        assert_non_null(r->locations);
        return r->locations;
}

/* An empty file, closed. */
static inline void make_empty(struct peer *p, const char *src)
{
        (void)ask_create(p, src, "maker", 1);
        assert_true(ask_complete(p, src, "maker", NULL));
}
