#include "net/rpc_in.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_BYTES_MIN 16384

void rpc_in_init(struct rpc_in *in, size_t keep)
{
        *in = (struct rpc_in){.keep = keep < ROOM_BYTES_MIN ? ROOM_BYTES_MIN : keep};
}

void rpc_in_fini(struct rpc_in *in)
{
        free(in->data);
        in->data = NULL;
        in->room = in->at = in->end = 0;
}

size_t rpc_in_left(const struct rpc_in *in)
{
        return in->end - in->at;
}

const uint8_t *rpc_in_bytes(const struct rpc_in *in)
{
        return in->data + in->at;
}

void rpc_in_consume(struct rpc_in *in, size_t n)
{
        BDFS_ASSERT(n <= rpc_in_left(in));
        in->at += n;
        if (in->at < in->end)
                return;
        in->at = in->end = 0;
        if (in->room > in->keep)
                rpc_in_fini(in);
}

static bool in_make_room(struct rpc_in *in)
{
        size_t room = in->room == 0 ? ROOM_BYTES_MIN : in->room * 2;
        uint8_t *data;

        if (in->at > 0) {
                memmove(in->data, in->data + in->at, rpc_in_left(in));
                in->end -= in->at;
                in->at = 0;
        }
        if (in->end < in->room)
                return true;
        data = realloc(in->data, room);
        if (data == NULL)
                return false;
        in->data = data;
        in->room = room;
        return true;
}

enum bdfs_status rpc_in_read(struct rpc_in *in, struct os_sock *sock, int64_t deadline_ms,
                             struct bdfs_err *err)
{
        enum bdfs_status status;
        size_t got = 0;

        if (in->end == in->room && !in_make_room(in))
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory for %zu bytes of a frame",
                                 in->room);
        status = os_sock_read_some(sock, in->data + in->end, in->room - in->end, &got, deadline_ms,
                                   err);
        if (status != BDFS_OK)
                return status;
        if (got == 0)
                return bdfs_fail(err, BDFS_CLOSED, "the peer closed the connection");
        in->end += got;
        return BDFS_OK;
}
