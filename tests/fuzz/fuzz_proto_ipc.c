/*
 * Any bytes as an IPC frame. The first byte chooses request, response, or what a connection begins
 * with. The headers that are read by hand are also given to protobuf-c: where both accept, they
 * must have read the same.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/field.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "proto/methods.h"

#define MUST(condition) \
        do {            \
                if (!(condition)) \
                        abort();  \
        } while (0)

static void *unpack_next(struct rd *r, const ProtobufCMessageDescriptor *type)
{
        struct rd inner = field_delimited(r);
        struct bdfs_err err;

        return message_unpack(type, inner.at, rd_left(&inner), &err);
}

static void compare_request(struct rd r, const struct ipc_request *q)
{
        Hadoop__RpcRequestHeaderProto *h =
                unpack_next(&r, &hadoop__rpc_request_header_proto__descriptor);
        Hadoop__RequestHeaderProto *m;

        if (h != NULL) {
                MUST(h->callid == q->call_id);
                MUST(h->retrycount == q->retry_count);
                MUST(h->clientid.len == q->client_id_n);
                MUST(q->client_id_n == 0 ||
                     memcmp(h->clientid.data, q->client_id, q->client_id_n) == 0);
        }
        message_free(h);
        if (q->kind != IPC_CALL)
                return;
        m = unpack_next(&r, &hadoop__request_header_proto__descriptor);
        if (m != NULL) {
                MUST(strlen(m->methodname) == q->method.n);
                MUST(memcmp(m->methodname, q->method.at, q->method.n) == 0);
                MUST(strlen(m->declaringclassprotocolname) == q->protocol.n);
                MUST(m->clientprotocolversion == q->version);
        }
        message_free(m);
}

static void one_request(const uint8_t *data, size_t n)
{
        struct bdfs_err err = {.status = BDFS_OK};
        const struct method *m;
        struct ipc_request q;

        if (ipc_request_decode(data, n, &q, &err) != BDFS_OK) {
                MUST(q.refusal >= IPC_FATAL_UNKNOWN);
                MUST(err.status == BDFS_PROTOCOL);
                return;
        }
        MUST(q.body == NULL || (q.body >= data && q.body + q.body_n <= data + n));
        compare_request(rd_of(data, n), &q);
        if (q.kind != IPC_CALL)
                return;
        m = method_find(q.protocol.at, q.protocol.n, q.method.at, q.method.n);
        if (m != NULL)
                message_free(message_unpack(m->request, q.body, q.body_n, &err));
}

static void one_error(const struct ipc_response *a)
{
        struct bdfs_err err, again;
        struct ipc_response back;
        struct buf b;

        (void)ipc_response_error(a, &err);
        MUST(err.text[0] != '\0');
        MUST(err.status != BDFS_OK);
        buf_init(&b, 0);
        ipc_error_encode(&b, a->call_id, &err);
        MUST(ipc_response_decode(b.data + 4, b.n - 4, &back, &again) == BDFS_OK);
        MUST(ipc_response_error(&back, &again) == err.status);
        buf_fini(&b);
}

static void one_response(const uint8_t *data, size_t n)
{
        struct rd r = rd_of(data, n);
        Hadoop__RpcResponseHeaderProto *h;
        struct ipc_response a, back;
        struct bdfs_err err;
        struct buf b;

        if (ipc_response_decode(data, n, &a, &err) != BDFS_OK)
                return;
        h = unpack_next(&r, &hadoop__rpc_response_header_proto__descriptor);
        if (h != NULL) {
                MUST((int32_t)h->callid == a.call_id);
                MUST((int)h->status == (int)a.status);
                MUST(h->retrycount == a.retry_count);
                MUST(h->clientid.len == a.client_id_n);
                MUST((h->errormsg == NULL ? 0 : strlen(h->errormsg)) == a.text.n);
        }
        message_free(h);
        if (a.status != IPC_SUCCESS) {
                one_error(&a);
                return;
        }
        buf_init(&b, 0);
        ipc_reply_bytes_encode(&b, a.call_id, a.body, a.body_n);
        MUST(ipc_response_decode(b.data + 4, b.n - 4, &back, &err) == BDFS_OK);
        MUST(back.call_id == a.call_id && back.body_n == a.body_n);
        buf_fini(&b);
}

static void one_start(const uint8_t *data, size_t n)
{
        uint8_t again[IPC_HELLO_BYTES];
        enum ipc_hello hello;
        struct bdfs_err err;
        size_t frame_n;

        if (n < IPC_HELLO_BYTES)
                return;
        hello = ipc_hello_decode(data);
        if (hello == IPC_HELLO_SIMPLE || hello == IPC_HELLO_SASL) {
                ipc_hello_encode(again, hello == IPC_HELLO_SASL);
                again[5] = data[5]; /* the service class is a hint */
                MUST(memcmp(again, data, sizeof(again)) == 0);
        }
        if (ipc_frame_length(data, 1 << 20, &frame_n, &err) == BDFS_OK)
                MUST(frame_n > 0 && frame_n <= 1 << 20 && frame_n == get_u32be(data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        if (n == 0)
                return 0;
        switch (data[0]) {
        case 'h': one_start(data + 1, n - 1); break;
        default:
                if (data[0] % 2 == 0)
                        one_request(data + 1, n - 1);
                else
                        one_response(data + 1, n - 1);
        }
        return 0;
}
