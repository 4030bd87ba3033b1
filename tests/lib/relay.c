#include "tests/lib/relay.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { READ_BYTES = 1 << 16 };

/* ---- ports of ours that stand for others ---------------------------------------------------- */

static void accept_loop(void *arg)
{
        relay_serve(arg);
}

/* 0: none is free, the client goes there directly. */
uint16_t relay_port(struct capture *c, const char *host, uint32_t port, bool data)
{
        struct os_addr mine = {.host = "127.0.0.1"};
        struct os_thread *thread;
        struct relay *r;
        AUTO_LOCK(&c->lock);

        for (size_t i = 0; i < c->relays_n; i++) {
                r = &c->relays[i];
                if (r->target.port == port && strcmp(r->target.host, host) == 0)
                        return os_listener_port(r->listener);
        }
        if (c->relays_n == RELAYS_MAX)
                return 0;
        r = &c->relays[c->relays_n];
        *r = (struct relay){.capture = c, .data = data};
        (void)snprintf(r->target.host, sizeof(r->target.host), "%s", host);
        r->target.port = (uint16_t)port;
        if (os_listen(&r->listener, &mine, false, NULL) != BDFS_OK)
                return 0;
        if (os_thread_start(&thread, "relay", accept_loop, r, NULL) != BDFS_OK) {
                os_listener_close(r->listener);
                return 0;
        }
        os_thread_detach(thread);
        c->relays_n++;
        return os_listener_port(r->listener);
}

uint16_t relay_back(struct capture *c, uint32_t port)
{
        AUTO_LOCK(&c->lock);

        for (size_t i = 1; i < c->relays_n; i++)
                if (os_listener_port(c->relays[i].listener) == port)
                        return c->relays[i].target.port;
        return 0;
}

/* ---- a connection --------------------------------------------------------------------------- */

static void link_unref(struct link *l)
{
        bool last;

        os_mutex_lock(&l->lock);
        last = --l->refs == 0;
        os_mutex_unlock(&l->lock);
        if (!last)
                return;
        os_sock_close(l->client);
        os_sock_close(l->server);
        for (size_t i = 0; i < CALLS_MAX; i++)
                buf_fini(&l->calls[i].frame);
        buf_fini(&l->op_bytes);
        os_mutex_fini(&l->lock);
        free(l);
}

static void side_run(void *arg)
{
        struct side *s = arg;
        struct link *l = s->link;
        struct os_sock *from = s->from_client ? l->client : l->server;
        struct os_sock *to = s->from_client ? l->server : l->client;
        uint8_t bytes[READ_BYTES];
        struct buf out;
        size_t n = 1;

        buf_init(&out, 0);
        while (os_sock_read_some(from, bytes, sizeof(bytes), &n, OS_FOREVER, NULL) == BDFS_OK &&
               n > 0) {
                buf_reset(&out);
                if (!side_by_frame(s))
                        buf_add(&out, bytes, n);
                buf_add(&s->in, bytes, n);
                side_decode(s, &out);
                if (out.n > 0 &&
                    os_sock_write(to, out.data, out.n, OS_FOREVER, NULL) != BDFS_OK)
                        break;
        }
        /* Who has written a block may close that half, and wait for the last ack. */
        if (n > 0 || !s->from_client || !l->relay->data) {
                os_sock_shutdown(from);
                os_sock_shutdown(to);
        }
        buf_fini(&out);
        buf_fini(&s->in);
        free(s);
        link_unref(l);
}

static enum bdfs_status side_start(struct link *l, bool from_client)
{
        struct side *s = calloc(1, sizeof(*s));
        struct os_thread *thread;

        if (s == NULL)
                return BDFS_NO_MEMORY;
        s->link = l;
        s->from_client = from_client;
        if (l->relay->data)
                s->state = from_client ? SIDE_OP : SIDE_REPLY;
        else
                s->state = from_client ? SIDE_HELLO : SIDE_FRAME;
        if (os_thread_start(&thread, "side", side_run, s, NULL) != BDFS_OK) {
                free(s);
                return BDFS_LIMIT;
        }
        os_thread_detach(thread);
        return BDFS_OK;
}

static void link_start(struct relay *r, struct os_sock *client)
{
        struct link *l = calloc(1, sizeof(*l));
        struct bdfs_err err;

        if (l == NULL)
                abort();
        l->relay = r;
        l->client = client;
        l->refs = 3;
        l->last_seqno = -1;
        os_mutex_init(&l->lock);
        os_mutex_lock(&r->capture->lock);
        l->number = ++r->capture->links;
        os_mutex_unlock(&r->capture->lock);
        if (os_connect(&l->server, &r->target, os_mono_ms() + 5000, &err) != BDFS_OK) {
                (void)fprintf(stderr, "%s:%u: %s\n", r->target.host, r->target.port, err.text);
                l->refs = 1;
        } else {
                for (int i = 0; i < 2; i++)
                        if (side_start(l, i == 0) != BDFS_OK)
                                abort();
        }
        link_unref(l);
}

void relay_serve(struct relay *r)
{
        struct os_sock *client;
        struct os_peer peer;

        while (os_accept(r->listener, OS_FOREVER, &client, &peer, NULL) == BDFS_OK)
                link_start(r, client);
}
