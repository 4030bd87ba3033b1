#include "proto/ipc.h"

#include <string.h>

#include "proto/field.h"
#include "proto/frame.h"
#include "proto/message.h"

#define KIND_PROTOCOL_BUFFER 2
#define OP_FINAL_PACKET 0

/* ---- hello and frame length --------------------------------------------------------------- */

static const uint8_t magic[4] = {'h', 'r', 'p', 'c'};

#define AUTH_NONE 0x00
#define AUTH_SASL 0xdf

const char ipc_http_answer[] = "HTTP/1.1 400 Bad Request\r\n"
                               "Content-Type: text/plain\r\n"
                               "Connection: close\r\n"
                               "\r\n"
                               "This port speaks Hadoop IPC, not HTTP.\n";

enum ipc_hello ipc_hello_decode(const uint8_t bytes[IPC_HELLO_BYTES])
{
        if (memcmp(bytes, "GET ", 4) == 0)
                return IPC_HELLO_HTTP;
        if (memcmp(bytes, magic, sizeof(magic)) != 0)
                return IPC_HELLO_NONSENSE;
        if (bytes[4] != IPC_VERSION)
                return IPC_HELLO_VERSION;
        /* bytes[5] is the service class, a hint that nothing here uses */
        if (bytes[6] == AUTH_SASL)
                return IPC_HELLO_SASL;
        return bytes[6] == AUTH_NONE ? IPC_HELLO_SIMPLE : IPC_HELLO_NONSENSE;
}

void ipc_hello_encode(uint8_t ret[IPC_HELLO_BYTES], bool sasl)
{
        memcpy(ret, magic, sizeof(magic));
        ret[4] = IPC_VERSION;
        ret[5] = 0;
        ret[6] = sasl ? AUTH_SASL : AUTH_NONE;
}

enum bdfs_status ipc_frame_length(const uint8_t prefix[IPC_LENGTH_BYTES], size_t max,
                                  size_t *ret, struct bdfs_err *err)
{
        uint32_t n = get_u32be(prefix);

        if (n == 0 || n > max)
                return bdfs_fail(err, BDFS_PROTOCOL, "a frame of %u bytes, allowed are 1 to %zu", n,
                                 max);
        *ret = n;
        return BDFS_OK;
}

/* ---- decoding requests -------------------------------------------------------------------- */

struct rpc_header {
        uint64_t kind, op, call, retry; /* raw varints */
        bool has_kind, has_op, has_call, has_client, has_retry;
        const uint8_t *client;
        size_t client_n;
};

static bool rpc_header_decode(struct rd r, struct rpc_header *ret)
{
        struct rpc_header h = {0};
        struct field f;

        while (field_next(&r, &f)) {
                if (f.number <= 5 && f.wire != (f.number == 4 ? FIELD_BYTES : FIELD_VARINT))
                        return false;
                switch (f.number) {
                case 1: h.kind = f.value; h.has_kind = true; break;
                case 2: h.op = f.value; h.has_op = true; break;
                case 3: h.call = f.value; h.has_call = true; break;
                case 4: h.client = f.bytes; h.client_n = f.n; h.has_client = true; break;
                case 5: h.retry = f.value; h.has_retry = true; break;
                default: break; /* traces, caller context, state id: not for us */
                }
        }
        *ret = h;
        return rd_done(&r) && h.has_call && h.has_client && h.call <= UINT32_MAX &&
               h.retry <= UINT32_MAX;
}

static bool kind_of_call(int32_t call_id, enum ipc_kind *ret)
{
        if (call_id >= 0)
                *ret = IPC_CALL;
        else if (call_id == IPC_ID_CONTEXT)
                *ret = IPC_CONTEXT;
        else if (call_id == IPC_ID_SASL)
                *ret = IPC_SASL;
        else if (call_id == IPC_ID_PING)
                *ret = IPC_PING;
        else
                return false;
        return true;
}

static enum bdfs_status take_rpc_header(struct rd *frame, struct ipc_request *ret,
                                        struct bdfs_err *err)
{
        struct rd inner = field_delimited(frame);
        struct rpc_header h;

        if (frame->bad || !rpc_header_decode(inner, &h))
                return bdfs_fail(err, BDFS_PROTOCOL, "RPC header is malformed");
        ret->call_id = (int32_t)field_unzigzag(h.call);
        ret->retry_count = h.has_retry ? (int32_t)field_unzigzag(h.retry) : -1;
        if (!kind_of_call(ret->call_id, &ret->kind))
                return bdfs_fail(err, BDFS_PROTOCOL, "call id %d means nothing", ret->call_id);
        if (!h.has_kind || h.kind != KIND_PROTOCOL_BUFFER)
                return bdfs_fail(err, BDFS_PROTOCOL, "RPC kind is not protocol buffers");
        if (!h.has_op || h.op != OP_FINAL_PACKET)
                return bdfs_fail(err, BDFS_PROTOCOL, "RPC operation is not a final packet");
        if (h.client_n != 0 && h.client_n != IPC_CLIENT_ID_BYTES)
                return bdfs_fail(err, BDFS_PROTOCOL, "client id has %zu bytes", h.client_n);
        if (h.client_n != 0)
                memcpy(ret->client_id, h.client, h.client_n);
        ret->client_id_n = h.client_n;
        return BDFS_OK;
}

static enum bdfs_status take_request_header(struct rd *frame, struct ipc_request *ret,
                                            struct bdfs_err *err)
{
        struct rd r = field_delimited(frame);
        bool has_version = false;
        struct field f;

        while (field_next(&r, &f)) {
                struct ipc_text text = {(const char *)f.bytes, f.n};

                if (f.number <= 3 && f.wire != (f.number == 3 ? FIELD_VARINT : FIELD_BYTES))
                        r.bad = true;
                else if (f.number == 1)
                        ret->method = text;
                else if (f.number == 2)
                        ret->protocol = text;
                else if (f.number == 3)
                        ret->version = f.value;
                has_version |= f.number == 3;
        }
        if (frame->bad || !rd_done(&r))
                return bdfs_fail(err, BDFS_PROTOCOL, "request header is malformed");
        if (ret->method.n == 0 || ret->protocol.n == 0 || !has_version)
                return bdfs_fail(err, BDFS_PROTOCOL, "request header lacks a required field");
        return BDFS_OK;
}

enum bdfs_status ipc_request_decode(const void *frame, size_t n, struct ipc_request *ret,
                                    struct bdfs_err *err)
{
        struct rd r = rd_of(frame, n), body;

        *ret = (struct ipc_request){.call_id = IPC_ID_INVALID, .retry_count = -1};
        ret->refusal = IPC_FATAL_INVALID_RPC_HEADER;
        if (take_rpc_header(&r, ret, err) != BDFS_OK)
                return BDFS_PROTOCOL;
        ret->refusal = IPC_FATAL_DESERIALIZING_REQUEST;
        if (ret->kind == IPC_CALL && take_request_header(&r, ret, err) != BDFS_OK)
                return BDFS_PROTOCOL;
        if (ret->kind != IPC_PING) {
                body = field_delimited(&r);
                ret->body = body.at;
                ret->body_n = rd_left(&body);
        }
        if (!rd_done(&r))
                return bdfs_fail(err, BDFS_PROTOCOL,
                                 "frame and body of call %d differ in length", ret->call_id);
        ret->refusal = IPC_ERROR_NONE;
        return BDFS_OK;
}

/* ---- encoding requests -------------------------------------------------------------------- */

static void add_rpc_header(struct buf *b, int32_t call_id, int32_t retry_count,
                           const uint8_t *client_id)
{
        size_t id_n = client_id == NULL ? 0 : IPC_CLIENT_ID_BYTES;
        uint8_t h[64], *p = h + 1;

        *p++ = 1 << 3;
        *p++ = KIND_PROTOCOL_BUFFER;
        *p++ = 2 << 3;
        *p++ = OP_FINAL_PACKET;
        *p++ = 3 << 3;
        p = field_put_varint(p, field_zigzag(call_id));
        *p++ = 4 << 3 | FIELD_BYTES;
        *p++ = (uint8_t)id_n;
        if (id_n > 0)
                memcpy(p, client_id, id_n);
        p += id_n;
        *p++ = 5 << 3;
        p = field_put_varint(p, field_zigzag(retry_count));
        h[0] = (uint8_t)(p - h - 1);
        buf_add(b, h, (size_t)(p - h));
}

static void add_request_header(struct buf *b, const struct ipc_call *call)
{
        size_t method_n = strlen(call->method), protocol_n = strlen(call->protocol);

        buf_varint(b, 1 + varint_size(method_n) + method_n + 1 + varint_size(protocol_n) +
                              protocol_n + 1 + varint_size(call->version));
        frame_text(b, 1, call->method, method_n);
        frame_text(b, 2, call->protocol, protocol_n);
        buf_u8(b, 3 << 3);
        buf_varint(b, call->version);
}

void ipc_request_encode(struct buf *b, const struct ipc_call *call, const ProtobufCMessage *body)
{
        size_t start = frame_begin(b);

        BDFS_ASSERT(call->call_id >= 0);
        BDFS_ASSERT(call->client_id != NULL);
        add_rpc_header(b, call->call_id, call->retry_count, call->client_id);
        add_request_header(b, call);
        message_pack_delimited(b, body);
        frame_end(b, start);
}

void ipc_context_encode(struct buf *b, const uint8_t client_id[IPC_CLIENT_ID_BYTES],
                        const char *user, const char *real_user, const char *protocol)
{
        Hadoop__UserInformationProto info = HADOOP__USER_INFORMATION_PROTO__INIT;
        Hadoop__IpcConnectionContextProto context = HADOOP__IPC_CONNECTION_CONTEXT_PROTO__INIT;
        size_t start = frame_begin(b);

        info.effectiveuser = (char *)(uintptr_t)user; /* packing only reads them */
        info.realuser = (char *)(uintptr_t)real_user;
        context.userinfo = &info;
        context.protocol = (char *)(uintptr_t)protocol;
        add_rpc_header(b, IPC_ID_CONTEXT, -1, client_id);
        message_pack_delimited(b, &context.base);
        frame_end(b, start);
}

void ipc_sasl_request_encode(struct buf *b, const Hadoop__RpcSaslProto *sasl)
{
        size_t start = frame_begin(b);

        add_rpc_header(b, IPC_ID_SASL, -1, NULL);
        message_pack_delimited(b, &sasl->base);
        frame_end(b, start);
}

void ipc_ping_encode(struct buf *b, const uint8_t client_id[IPC_CLIENT_ID_BYTES])
{
        size_t start = frame_begin(b);

        add_rpc_header(b, IPC_ID_PING, -1, client_id);
        frame_end(b, start);
}
