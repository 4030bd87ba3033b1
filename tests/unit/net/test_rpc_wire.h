/*
 * test_rpc_wire.h - one server and one raw connection to it, and what its answers should be.
 */
#pragma once

#include "tests/unit/net/test_rpc_kit.h"

#define CLIENT_PROTOCOL "org.apache.hadoop.hdfs.protocol.ClientProtocol"
#define SERVER_EXCEPTION "org.apache.hadoop.ipc.RpcServerException"

struct wire {
        struct kit kit;
        struct os_sock *s;
        struct buf out, in;
        struct ipc_response r;
        struct bdfs_err err;
};

static inline void wire_init(struct wire *w)
{
        memset(w, 0, sizeof(*w));
        kit_init(&w->kit);
        buf_init(&w->out, 0);
        buf_init(&w->in, 0);
}

static inline void wire_start(struct wire *w)
{
        kit_start(&w->kit);
        w->s = raw_connect(&w->kit);
}

static inline void wire_fini(struct wire *w)
{
        os_sock_close(w->s);
        buf_fini(&w->out);
        buf_fini(&w->in);
        kit_fini(&w->kit);
}

/* Hello and context are on their way. */
static inline void wire_open(struct wire *w)
{
        wire_init(w);
        wire_start(w);
        raw_hello(w->s, false);
        raw_add_context(&w->out, w->kit.user);
}

static inline void wire_read(struct wire *w)
{
        enum bdfs_status status = raw_read(w->s, &w->in, &w->r, 5000, &w->err);

        if (status != BDFS_OK)
                fail_msg("%s", w->err.text);
}

static inline void wants_value(struct wire *w, int32_t id, uint64_t value)
{
        wire_read(w);
        assert_int_equal(w->r.call_id, id);
        assert_int_equal(raw_value(&w->r), value);
}

static inline void wants_refusal(struct wire *w, enum ipc_status status, int32_t id,
                           enum ipc_error_code code, const char *java_class)
{
        wire_read(w);
        assert_int_equal(w->r.status, status);
        assert_int_equal(w->r.call_id, id);
        assert_int_equal(w->r.code, code);
        if (!text_is(w->r.java_class, java_class))
                fail_msg("class %.*s", (int)w->r.java_class.n, w->r.java_class.at);
        assert_true(w->r.text.n > 0);
}

/* The connection still serves. */
static inline void wants_alive(struct wire *w)
{
        raw_add_call(&w->out, 77, "now:123");
        raw_send_buf(w->s, &w->out);
        wants_value(w, 77, 123);
}
