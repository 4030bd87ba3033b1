/*
 * relay.h - a connection between a Hadoop client and a server that passes through us, decoded on
 * the way: frames of IPC with their messages; operations, replies, packets and acks of a data port.
 * For the tool capture.
 *
 * Threads: each direction (struct side) has its own; what they share has locks.
 */
#pragma once

#include <stdio.h>

#include "common/bytes.h"
#include "common/os.h"
#include "proto/methods.h"
#include "proto/transfer.h"

enum {
        CALLS_MAX = 1024,          /* open on one connection */
        RELAYS_MAX = 256,
        REFUSALS_MAX = 8,          /* vectors by class: a real namenode adds a stack trace */
        SHAPES_MAX = 3,            /* vectors of one call's answers */
};

struct capture;

struct relay {                     /* a port of ours and whom it stands for */
        struct capture *capture;
        struct os_addr target;
        struct os_listener *listener;
        bool data;                 /* a data port; else IPC */
};

struct seen_call {                 /* what there are vectors of */
        uint32_t shapes[SHAPES_MAX]; /* CRC of which fields there are, in request and answer */
        size_t shapes_n;
        bool refused;
};

struct capture {
        struct os_mutex lock;
        struct relay relays[RELAYS_MAX];
        size_t relays_n;
        unsigned links;
        FILE *vectors;
        struct seen_call calls_seen[METHOD_COUNT];
        bool ops_seen[256][2];     /* by refused */
        uint32_t refusals[REFUSALS_MAX];                 /* CRC of their classes */
        size_t refusals_n;
};

struct open_call {
        bool used;
        int32_t id;
        const struct method *method;
        struct buf frame;          /* of the request */
};

struct link {                      /* a connection through us, served by two threads */
        struct relay *relay;
        struct os_sock *client, *server;
        struct os_mutex lock;
        unsigned number, refs;
        struct open_call calls[CALLS_MAX];
        unsigned op;               /* data: the operation at hand */
        struct buf op_bytes;
        bool refused;              /* its reply was no success */
        int64_t last_seqno;        /* of a write's last packet, -1 before it */
};

enum side_state { SIDE_HELLO, SIDE_FRAME, SIDE_OP, SIDE_REPLY, SIDE_PACKET, SIDE_SKIP, SIDE_ACK,
                  SIDE_STATUS, SIDE_LOST };

struct side {                      /* one direction of it */
        struct link *link;
        bool from_client;
        enum side_state state;
        struct transfer_packet packet;
        uint64_t skip;             /* bytes of a packet's body that follow */
        struct buf in;             /* not decoded yet */
};

/* IPC is passed on frame by frame, because addresses in it are replaced, there and back. */
static inline bool side_by_frame(const struct side *s)
{
        return !s->link->relay->data;
}

/* Decode and print what is whole of s->in. For side_by_frame(), what goes on is added to @out. */
void side_decode(struct side *s, struct buf *out);

/* An exchange that may become a vector of c->vectors. */
struct ipc_response;
void vector_call(struct capture *c, const struct method *m, const struct buf *request,
                 const struct buf *answer, const struct ipc_response *r);
void vector_op(struct capture *c, unsigned op, bool refused, const struct buf *request,
               const struct buf *reply);

/* Take connections of @r for ever. */
void relay_serve(struct relay *r);
/* Our port that stands for a datanode's; 0: none is free. */
uint16_t relay_port(struct capture *c, const char *host, uint32_t port, bool data);
/* The port that ours stands for; 0: it is not ours. */
uint16_t relay_back(struct capture *c, uint32_t port);
