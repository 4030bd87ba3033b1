/*
 * os_sim_sock.h - connections of the simulator: two pipes, two ends.
 *
 * What is written becomes readable after a delay, in order. The end of a stream travels the same
 * way; that the reader is gone travels back and is noticed by later writes.
 *
 * Owner:   sim_net lists all connections; each open end holds a reference.
 */
#pragma once

#include "common/sim/os_sim_core.h"

struct sim_segment {
        struct sim_segment *next;
        int64_t ready_us;
        bool end;             /* nothing comes after it */
        bool reset;           /* an end with unread bytes or a dead host: CLOSED, not 0 */
        struct os_file *file; /* passed with the first byte */
        size_t at, n;
        uint8_t bytes[];
};

/* Invariants: 1. the ready times of segments never fall; 2. bytes is the sum of what is unread;
 * 3. nothing follows an end. */
struct sim_pipe {
        struct sim_segment *first, *last;
        size_t bytes;
        int64_t last_ready_us;
        bool ended;
        int64_t gone_us;    /* from then on the writer knows that nobody reads */
        bool mute;          /* the reader's host has no power: nothing is answered */
        int64_t unacked_us; /* first byte written while mute; 0: none */
        struct sim_waitq readers, writers;
};

struct sim_end {
        struct sim_node *node;
        uint32_t epoch;
        struct os_addr addr;
        bool open, powerless;
};

enum { SIDE_CLIENT, SIDE_SERVER };

struct sim_conn {
        struct sim_conn *next, **link; /* of all */
        struct sim_conn *queued_next;  /* until accepted */
        int64_t arrives_us;
        bool is_unix;
        struct sim_pipe pipes[2]; /* [side] is written by that side */
        struct sim_end ends[2];
};

struct os_listener {
        struct os_listener *next, **link; /* of the bound ones; link NULL: not bound */
        char host[46];
        uint16_t port;
        char *path; /* Unix sockets; else NULL */
        struct sim_node *node;
        uint32_t epoch;
        bool shut;
        size_t queued;
        struct sim_conn *first, *last;
        struct sim_waitq waiters;
};

struct sim_net {
        struct os_listener *listeners;
        struct sim_conn *conns;
        struct sim_ghost *ghosts; /* addresses of hosts without power */
        uint16_t next_listen_port, next_client_port;
};

/* One way through the network, in microseconds; the place for fault models. */
int64_t sim_net_delay_us(bool is_unix);

/* A connection with both ends open. NULL: no memory. */
struct sim_conn *sim_conn_new(bool is_unix);
/* NULL: no memory; the end stays open then. */
struct os_sock *sim_sock_new(struct sim_conn *c, int side);
/* The end's process is gone or wants no more: both directions end. */
void sim_end_shut(struct sim_conn *c, int side);
/* The end is not used again; the last one frees the connection. */
void sim_end_drop(struct sim_conn *c, int side);
/* Tell the other side that this one knows nothing of the connection. */
void sim_end_reset(struct sim_conn *c, int side);
void sim_conn_free(struct sim_conn *c);
