#include "common/sim/os_sim_sock.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/sim/os_sim_file.h"

#define BUFFER_BYTES ((size_t)256 * 1024)
#define SEGMENT_BYTES ((size_t)64 * 1024)
#define UNACKED_US_MAX INT64_C(30000000) /* as TCP_USER_TIMEOUT in os_linux_net.c */

struct os_sock {
        struct sim_conn *conn;
        int side;
        bool shut;
};

int64_t sim_net_delay_us(bool is_unix)
{
        if (is_unix)
                return sim_between(1, 50);
        return sim_one_in(20) ? sim_between(300, 5000) : sim_between(20, 300);
}

/* ---- pipes ---- */

static bool pipe_put(struct sim_conn *c, int side, const void *bytes, size_t n,
                     struct os_file *file, const struct sim_segment *end)
{
        struct sim_pipe *p = &c->pipes[side];
        struct sim_segment *s = malloc(sizeof(*s) + n);
        int64_t ready_us = sim->now_us + sim_net_delay_us(c->is_unix);

        BDFS_ASSERT(!p->ended);
        if (s == NULL)
                return false;
        *s = end != NULL ? *end : (struct sim_segment){.n = n, .file = file};
        if (n > 0)
                memcpy(s->bytes, bytes, n);
        s->ready_us = ready_us > p->last_ready_us ? ready_us : p->last_ready_us;
        p->last_ready_us = s->ready_us;
        p->ended = s->end;
        p->bytes += s->n;
        if (p->last == NULL)
                p->first = s;
        else
                p->last->next = s;
        p->last = s;
        sim_wake_at(&p->readers, p->first->ready_us);
        return true;
}

static void pipe_drop_first(struct sim_pipe *p)
{
        struct sim_segment *s = p->first;

        p->bytes -= s->n - s->at;
        p->first = s->next;
        if (p->first == NULL)
                p->last = NULL;
        if (s->file != NULL)
                sim_file_drop(s->file);
        free(s);
}

static void pipe_empty(struct sim_pipe *p)
{
        while (p->first != NULL)
                pipe_drop_first(p);
}

/* The bytes that have arrived, to at most @n. */
static size_t pipe_take(struct sim_pipe *p, uint8_t *to, size_t n)
{
        size_t done = 0;

        while (done < n && p->first != NULL && !p->first->end &&
               p->first->ready_us <= sim->now_us) {
                struct sim_segment *s = p->first;
                size_t part = s->n - s->at < n - done ? s->n - s->at : n - done;

                memcpy(to + done, s->bytes + s->at, part);
                s->at += part;
                p->bytes -= part;
                done += part;
                if (s->at == s->n)
                        pipe_drop_first(p);
        }
        sim_wake_all(&p->writers);
        return done;
}

static int64_t mute_until(const struct sim_pipe *p)
{
        return p->mute && p->unacked_us != 0 ? p->unacked_us + UNACKED_US_MAX : SIM_NEVER;
}

/* ---- connections ---- */

struct sim_conn *sim_conn_new(bool is_unix)
{
        struct sim_conn *c = calloc(1, sizeof(*c));

        if (c == NULL)
                return NULL;
        c->is_unix = is_unix;
        for (int side = 0; side < 2; side++) {
                c->pipes[side].gone_us = SIM_NEVER;
                c->ends[side].open = true;
        }
        c->next = sim->net->conns;
        c->link = &sim->net->conns;
        if (c->next != NULL)
                c->next->link = &c->next;
        sim->net->conns = c;
        return c;
}

struct os_sock *sim_sock_new(struct sim_conn *c, int side)
{
        struct os_sock *s = calloc(1, sizeof(*s));

        if (s != NULL) {
                s->conn = c;
                s->side = side;
        }
        return s;
}

static void put_end(struct sim_conn *c, int side, bool reset)
{
        const struct sim_segment end = {.end = true, .reset = reset};

        bool put = c->pipes[side].ended || pipe_put(c, side, NULL, 0, NULL, &end);

        BDFS_ASSERT(put); /* the simulator does not simulate its own lack of memory */
}

static void stop_reading(struct sim_conn *c, int side)
{
        struct sim_pipe *p = &c->pipes[1 - side];

        if (p->gone_us == SIM_NEVER)
                p->gone_us = sim->now_us + sim_net_delay_us(c->is_unix);
        pipe_empty(p);
        sim_wake_all(&p->readers);
        sim_wake_at(&p->writers, p->gone_us);
}

void sim_end_shut(struct sim_conn *c, int side)
{
        put_end(c, side, c->pipes[1 - side].bytes > 0);
        stop_reading(c, side);
        sim_wake_all(&c->pipes[side].writers);
}

void sim_end_reset(struct sim_conn *c, int side)
{
        c->pipes[1 - side].mute = false;
        put_end(c, side, true);
        stop_reading(c, side);
}

void sim_conn_free(struct sim_conn *c)
{
        *c->link = c->next;
        if (c->next != NULL)
                c->next->link = c->link;
        pipe_empty(&c->pipes[0]);
        pipe_empty(&c->pipes[1]);
        free(c);
}

void sim_end_drop(struct sim_conn *c, int side)
{
        c->ends[side].open = false;
        if (!c->ends[1 - side].open)
                sim_conn_free(c);
}

/* ---- os.h ---- */

static struct sim_pipe *out_of(struct os_sock *s)
{
        return &s->conn->pipes[s->side];
}

static struct sim_pipe *in_of(struct os_sock *s)
{
        return &s->conn->pipes[1 - s->side];
}

static enum bdfs_status closed(struct os_sock *s, const char *verb, struct bdfs_err *err)
{
        const struct os_addr *a = &s->conn->ends[1 - s->side].addr;

        return bdfs_fail(err, BDFS_CLOSED, "%s %s port %u: connection is gone", verb, a->host,
                         a->port);
}

static enum bdfs_status timed_out(struct os_sock *s, const char *verb, struct bdfs_err *err)
{
        const struct os_addr *a = &s->conn->ends[1 - s->side].addr;

        return bdfs_fail(err, BDFS_TIMEOUT, "%s %s port %u: deadline passed", verb, a->host,
                         a->port);
}

/* OK: a segment has arrived. */
static enum bdfs_status wait_for_segment(struct os_sock *s, int64_t deadline_us,
                                         enum sim_call call, struct bdfs_err *err)
{
        struct sim_pipe *p = in_of(s);

        for (;;) {
                int64_t until = mute_until(out_of(s));

                if (s->shut || sim_dead())
                        return closed(s, "read from", err);
                if (p->first != NULL && p->first->ready_us <= sim->now_us)
                        return BDFS_OK;
                until = until < deadline_us ? until : deadline_us;
                if (sim->now_us >= until)
                        return timed_out(s, "read from", err);
                if (p->first != NULL && p->first->ready_us < until)
                        until = p->first->ready_us;
                sim_wait(&p->readers, until, call);
        }
}

enum bdfs_status os_sock_read_some(struct os_sock *s, void *to, size_t n, size_t *ret,
                                   int64_t deadline_ms, struct bdfs_err *err)
{
        struct sim_pipe *p = in_of(s);
        enum bdfs_status rc;

        BDFS_ASSERT(n > 0);
        sim_event(SIM_SOCK_READ, n);
        sim_maybe_yield();
        rc = wait_for_segment(s, sim_deadline_us(deadline_ms), SIM_SOCK_READ, err);
        if (rc != BDFS_OK)
                return rc;
        if (p->first->reset)
                return closed(s, "read from", err);
        if (sim_one_in(8))
                n = 1 + sim_random(n); /* short, as any read may be */
        *ret = pipe_take(p, to, n);
        return BDFS_OK;
}

enum bdfs_status os_sock_read(struct os_sock *s, void *to, size_t n, int64_t deadline_ms,
                              struct bdfs_err *err)
{
        uint8_t *at = to;

        while (n > 0) {
                size_t got = 0;
                enum bdfs_status rc = os_sock_read_some(s, at, n, &got, deadline_ms, err);

                if (rc != BDFS_OK)
                        return rc;
                if (got == 0)
                        return closed(s, "read from", err);
                at += got;
                n -= got;
        }
        return BDFS_OK;
}

/* OK: a byte may be written, or the reader is gone and does not tell yet. */
static enum bdfs_status wait_for_room(struct os_sock *s, int64_t deadline_us,
                                      struct bdfs_err *err)
{
        struct sim_pipe *p = out_of(s);

        for (;;) {
                int64_t until = mute_until(p);

                if (s->shut || sim_dead() || p->ended || sim->now_us >= p->gone_us)
                        return closed(s, "write to", err);
                if (sim->now_us >= until)
                        return timed_out(s, "write to", err);
                if (p->bytes < BUFFER_BYTES)
                        return BDFS_OK;
                until = until < deadline_us ? until : deadline_us;
                if (sim->now_us >= until)
                        return timed_out(s, "write to", err);
                until = until < p->gone_us ? until : p->gone_us;
                sim_wait(&p->writers, until, SIM_SOCK_WRITE);
        }
}

/* Up to @n bytes into the pipe, one segment; it has room. */
static enum bdfs_status write_part(struct os_sock *s, const uint8_t *from, size_t n,
                                   struct os_file *file, size_t *ret, struct bdfs_err *err)
{
        struct sim_pipe *p = out_of(s);
        size_t room = BUFFER_BYTES - p->bytes;

        n = n < room ? n : room;
        n = n < SEGMENT_BYTES ? n : SEGMENT_BYTES;
        *ret = n;
        if (p->gone_us != SIM_NEVER) { /* sent, and thrown away over there */
                if (file != NULL)
                        sim_file_drop(file);
                return BDFS_OK;
        }
        if (p->mute && p->unacked_us == 0)
                p->unacked_us = sim->now_us;
        if (!pipe_put(s->conn, s->side, from, n, file, NULL))
                return bdfs_fail(err, BDFS_NO_MEMORY, "write: out of memory");
        return BDFS_OK;
}

enum bdfs_status os_sock_writev(struct os_sock *s, struct iovec *iov, int iov_n,
                                int64_t deadline_ms, struct bdfs_err *err)
{
        int64_t deadline_us = sim_deadline_us(deadline_ms);

        for (int i = 0; i < iov_n; i++) {
                const uint8_t *at = iov[i].iov_base;

                sim_event(SIM_SOCK_WRITE, iov[i].iov_len);
                for (size_t left = iov[i].iov_len; left > 0;) {
                        size_t put = 0;
                        enum bdfs_status rc = wait_for_room(s, deadline_us, err);

                        if (rc == BDFS_OK)
                                rc = write_part(s, at, left, NULL, &put, err);
                        if (rc != BDFS_OK)
                                return rc;
                        at += put;
                        left -= put;
                }
        }
        sim_maybe_yield();
        return BDFS_OK;
}

enum bdfs_status os_sock_write_now(struct os_sock *s, const void *from, size_t n, size_t *ret,
                                   struct bdfs_err *err)
{
        enum bdfs_status rc;

        sim_event(SIM_SOCK_WRITE, n);
        rc = wait_for_room(s, 0, err);
        if (rc == BDFS_TIMEOUT || (rc == BDFS_OK && n == 0)) {
                *ret = 0;
                return BDFS_OK;
        }
        return rc != BDFS_OK ? rc : write_part(s, from, n, NULL, ret, err);
}

bool os_sock_wait_readable(struct os_sock *s, int64_t deadline_ms)
{
        sim_event(SIM_SOCK_WAIT, 0);
        return wait_for_segment(s, sim_deadline_us(deadline_ms), SIM_SOCK_WAIT, NULL) !=
               BDFS_TIMEOUT;
}

enum bdfs_status os_sock_send_file(struct os_sock *s, const void *head, size_t head_n,
                                   const struct os_file_part *part, int64_t deadline_ms,
                                   struct bdfs_err *err)
{
        AUTO_FREE uint8_t *bytes = malloc(SEGMENT_BYTES);
        uint64_t offset = part->offset;
        size_t n = part->n;
        enum bdfs_status rc;

        BDFS_ASSERT(n > 0);
        if (bytes == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "send a file: out of memory");
        rc = os_sock_write(s, head, head_n, deadline_ms, err);
        while (rc == BDFS_OK && n > 0) {
                size_t want = n < SEGMENT_BYTES ? n : SEGMENT_BYTES, got = 0;

                rc = os_file_read(part->file, offset, bytes, want, &got, err);
                if (rc == BDFS_OK && got == 0)
                        return bdfs_fail(err, BDFS_IO, "send a file: it ends %zu bytes early", n);
                if (rc == BDFS_OK)
                        rc = os_sock_write(s, bytes, got, deadline_ms, err);
                offset += got;
                n -= got;
        }
        return rc;
}

enum bdfs_status os_sock_send_fd(struct os_sock *s, struct os_file *f, int64_t deadline_ms,
                                 struct bdfs_err *err)
{
        struct os_file *passed;
        enum bdfs_status rc;
        size_t put;

        sim_event(SIM_SOCK_WRITE, 1);
        if (!s->conn->is_unix)
                return bdfs_fail(err, BDFS_INVALID, "pass a descriptor: not a Unix socket");
        rc = wait_for_room(s, sim_deadline_us(deadline_ms), err);
        if (rc != BDFS_OK)
                return rc;
        passed = sim_file_dup(f);
        if (passed == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "pass a descriptor: out of memory");
        return write_part(s, (const uint8_t *)"f", 1, passed, &put, err);
}

enum bdfs_status os_sock_recv_fd(struct os_sock *s, struct os_file **ret, int64_t deadline_ms,
                                 struct bdfs_err *err)
{
        struct sim_pipe *p = in_of(s);
        struct os_file *file;
        uint8_t byte;
        enum bdfs_status rc;

        sim_event(SIM_SOCK_READ, 1);
        rc = wait_for_segment(s, sim_deadline_us(deadline_ms), SIM_SOCK_READ, err);
        if (rc != BDFS_OK)
                return rc;
        if (p->first->end)
                return closed(s, "receive a descriptor from", err);
        file = p->first->file;
        p->first->file = NULL;
        (void)pipe_take(p, &byte, 1);
        if (file == NULL)
                return bdfs_fail(err, BDFS_PROTOCOL, "receive a descriptor: none came");
        *ret = file;
        return BDFS_OK;
}

void os_sock_addrs(const struct os_sock *s, struct os_addr *ret_local, struct os_addr *ret_peer)
{
        *ret_local = s->conn->ends[s->side].addr;
        *ret_peer = s->conn->ends[1 - s->side].addr;
}

void os_sock_shutdown(struct os_sock *s)
{
        sim_event(SIM_SHUTDOWN, 0);
        s->shut = true;
        if (!s->conn->ends[s->side].powerless)
                sim_end_shut(s->conn, s->side);
}

void os_sock_close(struct os_sock *s)
{
        if (s == NULL)
                return;
        sim_event(SIM_CLOSE, 0);
        if (!s->conn->ends[s->side].powerless)
                sim_end_shut(s->conn, s->side);
        sim_end_drop(s->conn, s->side);
        free(s);
}

enum bdfs_status os_sock_server(struct os_sock *s, int64_t deadline_ms, struct os_peer *ret,
                                struct bdfs_err *err)
{
        (void)deadline_ms; /* who listens is who accepts */
        (void)err;
        *ret = (struct os_peer){.known = true, .uid = s->conn->ends[SIDE_SERVER].node->uid};
        return BDFS_OK;
}
