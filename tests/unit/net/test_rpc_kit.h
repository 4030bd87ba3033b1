/*
 * test_rpc_kit.h - an RPC server with scripted handlers on loopback, and a raw client, for the
 * test_rpc_*.c programs.
 *
 * getPreferredBlockSize(filename) is scripted by the name: "now:7" answers 7; "later:20:7" answers
 * 7 from another thread after 20 ms; "hold:7" answers when kit_release() is called; "fail" and
 * "class" fail; "slow:20:7" sleeps on the connection's thread. getLinkTarget("500") answers a text
 * of 500 bytes.
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
#include "net/rpc_client.h"
#include "net/rpc_server.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/message.h"

#define KIT_HELD_MAX 512
#define KIT_SEEN_MAX 64

struct kit_seen {
        uint8_t client_id[16];
        size_t client_id_n;
        int32_t call_id, retry_count;
};

struct kit {
        struct identity *identity;
        struct rpc_server *server;
        struct rpc_service service;
        struct rpc_server_config config;
        char user[OS_NAME_BYTES];

        struct os_mutex lock;
        struct os_cond changed;
        /* guarded by: lock */
        struct rpc_call *held[KIT_HELD_MAX];
        size_t held_n, calls_n, later_n;
        struct kit_seen seen[KIT_SEEN_MAX];
        char last_user[OS_NAME_BYTES];
        bool stopping; /* what is held is answered at once */
};

static inline int64_t kit_soon(int64_t ms)
{
        return os_mono_ms() + ms;
}

/* ---- handlers ------------------------------------------------------------------------------ */

static inline void kit_reply(struct rpc_call *call, uint64_t value)
{
        Hadoop__GetPreferredBlockSizeResponseProto r =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_RESPONSE_PROTO__INIT;

        r.bsize = value;
        rpc_call_reply(call, &r.base);
}

struct kit_later {
        struct kit *kit;
        struct rpc_call *call;
        int64_t ms;
        uint64_t value;
};

static inline void kit_later_run(void *arg)
{
        struct kit_later *l = arg;
        struct kit *kit = l->kit;

        os_sleep_ms(l->ms);
        kit_reply(l->call, l->value);
        free(l);
        AUTO_LOCK(&kit->lock);
        kit->later_n--;
        os_cond_broadcast(&kit->changed);
}

static inline void kit_later(struct kit *kit, struct rpc_call *call, int64_t ms, uint64_t value)
{
        struct kit_later *l = malloc(sizeof(*l));
        struct os_thread *thread;
        struct bdfs_err err;

        *l = (struct kit_later){kit, call, ms, value};
        {
                AUTO_LOCK(&kit->lock);
                kit->later_n++;
        }
        if (os_thread_start(&thread, "later", kit_later_run, l, &err) != BDFS_OK)
                abort();
        os_thread_detach(thread);
}

static inline bool kit_hold(struct kit *kit, struct rpc_call *call)
{
        AUTO_LOCK(&kit->lock);
        if (kit->stopping || kit->held_n == KIT_HELD_MAX)
                return false;
        kit->held[kit->held_n++] = call;
        os_cond_broadcast(&kit->changed);
        return true;
}

static inline void kit_note(struct kit *kit, const struct rpc_call *call)
{
        struct kit_seen *seen;

        AUTO_LOCK(&kit->lock);
        seen = &kit->seen[kit->calls_n % KIT_SEEN_MAX];
        memcpy(seen->client_id, call->client_id, 16);
        seen->client_id_n = call->client_id_n;
        seen->call_id = call->call_id;
        seen->retry_count = call->retry_count;
        (void)snprintf(kit->last_user, sizeof(kit->last_user), "%s", call->caller->user);
        kit->calls_n++;
        os_cond_broadcast(&kit->changed);
}

static inline void kit_block_size(void *context, struct rpc_call *call)
{
        struct kit *kit = context;
        const Hadoop__GetPreferredBlockSizeRequestProto *request = (const void *)call->request;
        const char *script = request->filename;
        unsigned long long a = 0, b = 0;
        struct bdfs_err err;

        kit_note(kit, call);
        if (sscanf(script, "now:%llu", &a) == 1) {
                kit_reply(call, a);
        } else if (sscanf(script, "later:%llu:%llu", &a, &b) == 2) {
                kit_later(kit, call, (int64_t)a, b);
        } else if (sscanf(script, "slow:%llu:%llu", &a, &b) == 2) {
                os_sleep_ms((int64_t)a);
                kit_reply(call, b);
        } else if (sscanf(script, "hold:%llu", &a) == 1) {
                call->user = (void *)(uintptr_t)a;
                if (!kit_hold(kit, call))
                        kit_reply(call, a);
        } else if (strcmp(script, "class") == 0) {
                rpc_call_fail_class(call, EXCEPTION_NS_QUOTA, "too many names");
        } else {
                (void)bdfs_fail(&err, BDFS_NOT_FOUND, "File does not exist: %s", script);
                rpc_call_fail(call, &err);
        }
}

static inline void kit_link_target(void *context, struct rpc_call *call)
{
        const Hadoop__GetLinkTargetRequestProto *request = (const void *)call->request;
        Hadoop__GetLinkTargetResponseProto r = HADOOP__GET_LINK_TARGET_RESPONSE_PROTO__INIT;
        size_t n = (size_t)strtoull(request->path, NULL, 10);
        char *text = malloc(n + 1);

        kit_note(context, call);
        memset(text, 'x', n);
        text[n] = '\0';
        r.targetpath = text;
        rpc_call_reply(call, &r.base);
        free(text);
}

static inline rpc_handler *kit_handler_of(const struct method *m)
{
        if (m->id == METHOD_CLIENT_getPreferredBlockSize)
                return kit_block_size;
        return m->id == METHOD_CLIENT_getLinkTarget ? kit_link_target : NULL;
}

/* Answer @n of the held calls, the newest first: out of order. */
static inline void kit_release_some(struct kit *kit, size_t n)
{
        for (; n > 0; n--) {
                struct rpc_call *call = NULL;

                {
                        AUTO_LOCK(&kit->lock);
                        if (kit->held_n > 0)
                                call = kit->held[--kit->held_n];
                }
                if (call == NULL)
                        return;
                kit_reply(call, (uint64_t)(uintptr_t)call->user);
        }
}

static inline void kit_release(struct kit *kit)
{
        kit_release_some(kit, SIZE_MAX);
}

static inline bool kit_wait_held(struct kit *kit, size_t n, int64_t ms)
{
        int64_t deadline_ms = kit_soon(ms);

        AUTO_LOCK(&kit->lock);
        while (kit->held_n < n)
                if (!os_cond_wait(&kit->changed, &kit->lock, deadline_ms))
                        return false;
        return true;
}

static inline size_t kit_calls(struct kit *kit)
{
        AUTO_LOCK(&kit->lock);
        return kit->calls_n;
}

static inline bool kit_last_user_is(struct kit *kit, const char *user)
{
        AUTO_LOCK(&kit->lock);
        return strcmp(kit->last_user, user) == 0;
}

/* ---- the server ---------------------------------------------------------------------------- */

static inline void kit_init(struct kit *kit)
{
        struct bdfs_err err;

        memset(kit, 0, sizeof(*kit));
        os_mutex_init(&kit->lock);
        os_cond_init(&kit->changed);
        assert_int_equal(os_user_name(os_own_uid(), kit->user, &err), BDFS_OK);
        assert_int_equal(identity_new(&kit->identity, os_own_uid(), NULL, 0, &err), BDFS_OK);
        kit->service = (struct rpc_service){.protocol = "org.apache.hadoop.hdfs.protocol."
                                                        "ClientProtocol",
                                            .handler_of = kit_handler_of,
                                            .context = kit,
                                            .listeners = 1u << RPC_OWN | 1u << RPC_HADOOP};
        kit->config = (struct rpc_server_config){.name = "test",
                                                 .own = {.host = "127.0.0.1"},
                                                 .hadoop = {.host = ""},
                                                 .identity = kit->identity,
                                                 .services = &kit->service,
                                                 .services_n = 1};
}

static inline void kit_start(struct kit *kit)
{
        struct bdfs_err err = {0};
        enum bdfs_status status = rpc_server_start(&kit->server, &kit->config, &err);

        if (status != BDFS_OK)
                fail_msg("%s", err.text);
}

static inline void kit_stop(struct kit *kit)
{
        if (kit->server == NULL)
                return;
        rpc_server_stop(kit->server);
        {
                AUTO_LOCK(&kit->lock);
                kit->stopping = true;
        }
        kit_release(kit);
        {
                AUTO_LOCK(&kit->lock);
                while (kit->later_n > 0)
                        (void)os_cond_wait(&kit->changed, &kit->lock, kit_soon(1000));
                kit->stopping = false;
        }
        rpc_server_free(kit->server);
        kit->server = NULL;
}

static inline void kit_fini(struct kit *kit)
{
        kit_stop(kit);
        identity_free(kit->identity);
        os_cond_fini(&kit->changed);
        os_mutex_fini(&kit->lock);
}

static inline struct os_addr kit_addr(const struct kit *kit)
{
        struct os_addr at = kit->config.own;

        at.port = rpc_server_port(kit->server, RPC_OWN);
        assert_int_not_equal(at.port, 0);
        return at;
}

/* ---- calls --------------------------------------------------------------------------------- */

static inline struct rpc_client *kit_client(const struct kit *kit)
{
        struct os_addr at = kit_addr(kit);
        struct rpc_client *c = NULL;
        struct bdfs_err err;

        assert_int_equal(rpc_client_new(&c, &at, kit->user, &err), BDFS_OK);
        return c;
}

static inline enum bdfs_status kit_ask(struct rpc_client *c, const char *script,
                                       uint64_t *ret_value, int64_t deadline_ms,
                                       struct bdfs_err *err)
{
        Hadoop__GetPreferredBlockSizeRequestProto request =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_REQUEST_PROTO__INIT;
        Hadoop__GetPreferredBlockSizeResponseProto *response;
        ProtobufCMessage *answer = NULL;
        char name[256];
        enum bdfs_status status;

        (void)snprintf(name, sizeof(name), "%s", script);
        request.filename = name;
        status = rpc_client_call(c, method_of(METHOD_CLIENT_getPreferredBlockSize), &request.base,
                                 &answer, deadline_ms, err);
        if (status != BDFS_OK)
                return status;
        response = (void *)answer;
        *ret_value = response->bsize;
        message_free(response);
        return BDFS_OK;
}

/* ---- a raw connection ---------------------------------------------------------------------- */

static inline struct os_sock *raw_connect(const struct kit *kit)
{
        struct os_addr at = kit_addr(kit);
        struct os_sock *s = NULL;
        struct bdfs_err err;

        assert_int_equal(os_connect(&s, &at, kit_soon(5000), &err), BDFS_OK);
        return s;
}

static inline void raw_send(struct os_sock *s, const void *bytes, size_t n)
{
        struct bdfs_err err;

        assert_int_equal(os_sock_write(s, bytes, n, kit_soon(5000), &err), BDFS_OK);
}

static inline void raw_send_buf(struct os_sock *s, struct buf *b)
{
        assert_false(b->bad);
        raw_send(s, b->data, b->n);
        buf_reset(b);
}

static const uint8_t raw_client_id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static inline void raw_hello(struct os_sock *s, bool sasl)
{
        uint8_t hello[IPC_HELLO_BYTES];

        ipc_hello_encode(hello, sasl);
        raw_send(s, hello, sizeof(hello));
}

static inline void raw_add_context(struct buf *b, const char *user)
{
        ipc_context_encode(b, raw_client_id, user, NULL,
                           "org.apache.hadoop.hdfs.protocol.ClientProtocol");
}

static inline void raw_add_call(struct buf *b, int32_t id, const char *script)
{
        Hadoop__GetPreferredBlockSizeRequestProto request =
                HADOOP__GET_PREFERRED_BLOCK_SIZE_REQUEST_PROTO__INIT;
        struct ipc_call call = {.call_id = id,
                                .client_id = raw_client_id,
                                .protocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol",
                                .method = "getPreferredBlockSize",
                                .version = 1};
        char name[256];

        (void)snprintf(name, sizeof(name), "%s", script);
        request.filename = name;
        ipc_request_encode(b, &call, &request.base);
}

/* The next frame into @frame (of the caller, to be freed by buf_fini), decoded. */
static inline enum bdfs_status raw_read(struct os_sock *s, struct buf *frame,
                                        struct ipc_response *ret, int64_t ms,
                                        struct bdfs_err *err)
{
        int64_t deadline_ms = kit_soon(ms);
        uint8_t prefix[4];
        size_t n = 0;
        enum bdfs_status status = os_sock_read(s, prefix, 4, deadline_ms, err);

        if (status != BDFS_OK)
                return status;
        status = ipc_frame_length(prefix, IPC_FRAME_BYTES_MAX, &n, err);
        if (status != BDFS_OK)
                return status;
        buf_reset(frame);
        status = os_sock_read(s, buf_grow(frame, n), n, deadline_ms, err);
        if (status != BDFS_OK)
                return status;
        return ipc_response_decode(frame->data, n, ret, err);
}

static inline uint64_t raw_value(const struct ipc_response *r)
{
        Hadoop__GetPreferredBlockSizeResponseProto *m;
        struct bdfs_err err;
        uint64_t value;

        assert_int_equal(r->status, IPC_SUCCESS);
        m = message_unpack(&hadoop__get_preferred_block_size_response_proto__descriptor, r->body,
                           r->body_n, &err);
        assert_non_null(m);
        value = m->bsize;
        message_free(m);
        return value;
}

/* The connection ends within @ms, with nothing more to read. */
static inline void raw_wants_end(struct os_sock *s, int64_t ms)
{
        uint8_t byte;
        size_t got = 0;
        struct bdfs_err err = {0};
        enum bdfs_status status = os_sock_read_some(s, &byte, 1, &got, kit_soon(ms), &err);

        assert_true((status == BDFS_OK && got == 0) || status == BDFS_CLOSED);
}

static inline bool text_is(struct ipc_text t, const char *want)
{
        return t.at != NULL && t.n == strlen(want) && memcmp(t.at, want, t.n) == 0;
}
