#include <string.h>

#include "proto/field.h"
#include "proto/frame.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "proto/utf8.h"

/* Numbers of RpcResponseHeaderProto's fields. */
enum {
        CALL_ID = 1,
        STATUS = 2,
        SERVER_VERSION = 3,
        JAVA_CLASS = 4,
        TEXT = 5,
        CODE = 6,
        CLIENT_ID = 7,
        RETRY_COUNT = 8,
        BDFS_STATUS = 1000,
};

/* ---- decoding ----------------------------------------------------------------------------- */

static bool wire_is_right(const struct field *f)
{
        switch (f->number) {
        case CALL_ID:
        case STATUS:
        case SERVER_VERSION:
        case CODE:
        case RETRY_COUNT:
        case BDFS_STATUS:
                return f->wire == FIELD_VARINT && f->value <= UINT32_MAX;
        case JAVA_CLASS:
        case TEXT:
                return f->wire == FIELD_BYTES;
        case CLIENT_ID:
                return f->wire == FIELD_BYTES && (f->n == 0 || f->n == IPC_CLIENT_ID_BYTES);
        default:
                return true;
        }
}

static void take_field(const struct field *f, struct ipc_response *ret)
{
        switch (f->number) {
        case CALL_ID:
                ret->call_id = (int32_t)(uint32_t)f->value;
                break;
        case STATUS:
                ret->status = (enum ipc_status)f->value;
                break;
        case JAVA_CLASS:
                ret->java_class = (struct ipc_text){(const char *)f->bytes, f->n};
                break;
        case TEXT:
                ret->text = (struct ipc_text){(const char *)f->bytes, f->n};
                break;
        case CODE:
                ret->code = (enum ipc_error_code)f->value;
                break;
        case CLIENT_ID:
                if (f->n > 0)
                        memcpy(ret->client_id, f->bytes, f->n);
                ret->client_id_n = f->n;
                break;
        case RETRY_COUNT:
                ret->retry_count = (int32_t)field_unzigzag(f->value);
                break;
        case BDFS_STATUS:
                ret->bdfs_status = (uint32_t)f->value;
                break;
        default:
                break;
        }
}

static bool header_decode(struct rd r, struct ipc_response *ret)
{
        bool has_call = false, has_status = false;
        struct field f;

        while (field_next(&r, &f)) {
                if (!wire_is_right(&f))
                        return false;
                has_call |= f.number == CALL_ID;
                has_status |= f.number == STATUS;
                take_field(&f, ret);
        }
        return rd_done(&r) && has_call && has_status && (unsigned)ret->status <= IPC_FATAL;
}

enum bdfs_status ipc_response_decode(const void *frame, size_t n, struct ipc_response *ret,
                                     struct bdfs_err *err)
{
        struct rd r = rd_of(frame, n), inner = field_delimited(&r);
        struct ipc_response response = {.retry_count = -1};

        if (r.bad || !header_decode(inner, &response))
                return bdfs_fail(err, BDFS_PROTOCOL, "response header is malformed");
        if (response.status == IPC_SUCCESS) {
                inner = field_delimited(&r);
                response.body = inner.at;
                response.body_n = rd_left(&inner);
        }
        if (!rd_done(&r))
                return bdfs_fail(err, BDFS_PROTOCOL,
                                 "frame and body of the answer to call %d differ in length",
                                 response.call_id);
        *ret = response;
        return BDFS_OK;
}

enum bdfs_status ipc_response_error(const struct ipc_response *response, struct bdfs_err *err)
{
        enum bdfs_status status = exception_status(response->java_class.at, response->java_class.n);
        struct ipc_text from = response->text.n > 0 ? response->text : response->java_class;
        char text[BDFS_ERR_TEXT_BYTES];
        size_t n = 0;

        BDFS_ASSERT(response->status != IPC_SUCCESS);
        if (response->bdfs_status > BDFS_OK && response->bdfs_status < BDFS_STATUS_COUNT)
                status = (enum bdfs_status)response->bdfs_status;
        /* A stack trace may follow the first line; nothing that moves a terminal's cursor. */
        for (; n < from.n && n < sizeof(text) - 1 && from.at[n] != '\n'; n++) {
                unsigned char c = (unsigned char)from.at[n];

                text[n] = c < 0x20 || c == 0x7f ? ' ' : from.at[n];
        }
        text[n] = '\0';
        return bdfs_fail(err, status, "%s", n > 0 ? text : bdfs_status_text(status));
}

/* ---- encoding ----------------------------------------------------------------------------- */

/* What every header begins with; at most 10 bytes. */
static uint8_t *put_start(uint8_t *p, int32_t call_id, enum ipc_status status)
{
        *p++ = CALL_ID << 3;
        p = field_put_varint(p, (uint32_t)call_id);
        *p++ = STATUS << 3;
        *p++ = (uint8_t)status;
        *p++ = SERVER_VERSION << 3;
        *p++ = IPC_VERSION;
        return p;
}

static void add_success_header(struct buf *b, int32_t call_id)
{
        uint8_t h[16], *end = put_start(h + 1, call_id, IPC_SUCCESS);

        h[0] = (uint8_t)(end - h - 1);
        buf_add(b, h, (size_t)(end - h));
}

void ipc_reply_encode(struct buf *b, int32_t call_id, const ProtobufCMessage *response)
{
        size_t start = frame_begin(b);

        add_success_header(b, call_id);
        message_pack_delimited(b, response);
        frame_end(b, start);
}

void ipc_reply_bytes_encode(struct buf *b, int32_t call_id, const void *response, size_t n)
{
        size_t start = frame_begin(b);

        add_success_header(b, call_id);
        buf_varint(b, n);
        buf_add(b, response, n);
        frame_end(b, start);
}

void ipc_sasl_reply_encode(struct buf *b, const Hadoop__RpcSaslProto *sasl)
{
        ipc_reply_encode(b, IPC_ID_SASL, &sasl->base);
}

struct failure {
        enum ipc_status status;
        enum ipc_error_code code;
        const char *java_class, *text;
        enum bdfs_status exact; /* BDFS_OK: not said */
};

/* A frame with a failure ends with its header: Java drops the connection over one byte more. */
static void add_failure(struct buf *b, int32_t call_id, const struct failure *f)
{
        size_t start = frame_begin(b), class_n = strlen(f->java_class), text_n = strlen(f->text);
        uint8_t head[16], tail[16], *end = put_start(head, call_id, f->status), *p = tail, *text;

        *p++ = CODE << 3;
        *p++ = (uint8_t)f->code;
        if (f->exact != BDFS_OK) {
                p = field_put_varint(p, BDFS_STATUS << 3);
                p = field_put_varint(p, (uint64_t)f->exact);
        }
        buf_varint(b, (size_t)(end - head) + 1 + varint_size(class_n) + class_n + 1 +
                              varint_size(text_n) + text_n + (size_t)(p - tail));
        buf_add(b, head, (size_t)(end - head));
        frame_text(b, JAVA_CLASS, f->java_class, class_n);
        buf_u8(b, TEXT << 3 | FIELD_BYTES);
        buf_varint(b, text_n);
        text = buf_grow(b, text_n);
        if (text != NULL)
                utf8_copy(text, f->text, text_n);
        buf_add(b, tail, (size_t)(p - tail));
        frame_end(b, start);
}

void ipc_error_encode(struct buf *b, int32_t call_id, const struct bdfs_err *err)
{
        struct failure f = {
                .status = IPC_ERROR,
                .code = exception_code(err->status),
                .java_class = err->java_class,
                .text = err->text,
                .exact = err->status,
        };

        if (f.java_class == NULL)
                f.java_class = exception_class(err->status);
        if (exception_status(f.java_class, strlen(f.java_class)) == err->status)
                f.exact = BDFS_OK;

        add_failure(b, call_id, &f);
}

void ipc_error_class_encode(struct buf *b, int32_t call_id, const char *java_class,
                            const char *text)
{
        struct failure f = {IPC_ERROR, IPC_ERROR_APPLICATION, java_class, text, BDFS_OK};

        add_failure(b, call_id, &f);
}

void ipc_fatal_encode(struct buf *b, int32_t call_id, enum ipc_error_code code,
                      const char *java_class, const char *text)
{
        struct failure f = {IPC_FATAL, code, java_class, text, BDFS_OK};

        BDFS_ASSERT(code >= IPC_FATAL_UNKNOWN);
        add_failure(b, call_id, &f);
}

void ipc_version_encode(struct buf *b)
{
        ipc_fatal_encode(b, IPC_ID_REFUSED, IPC_FATAL_VERSION_MISMATCH, EXCEPTION_VERSION_MISMATCH,
                         "this server speaks Hadoop IPC version 9 only");
}
