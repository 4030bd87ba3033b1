/*
 * attack_connections - one real uid takes all that it can of a cluster's ports, and keeps it.
 *
 *   attack_connections USER KIND SECONDS UNIX-SOCKET PORT...
 *
 * As root it becomes USER. KIND: silent (connections that say nothing), hello (that greet and then
 * say nothing), half (that announce 8 MiB and send as much of it as the server takes), slow (that
 * ask and read no answer), changes (the same with changes of the namespace), churn (opened and
 * closed as fast as can be). Opens up to 2000 on each port and on the Unix socket ("-": none), then
 * prints "ready N" with how many are open still, and holds them, opening again what was closed,
 * until SECONDS are over or its input ends. It takes half a core at most: it sleeps as long as it
 * works.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/resource.h>
#include <time.h>

#include "common/limits.h"
#include "proto/ipc.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/methods.h"
#include "tests/tools/intruder_kit.h"

#define EACH 2000
#define TARGETS 64
#define HALF_BYTES (8 << 20)

enum kind { SILENT, HELLO, HALF, SLOW, CHURN, CHANGES };

struct conn {
        int fd; /* -1: none */
        size_t sent;
};

struct attack {
        enum kind kind;
        const char *socket_path; /* NULL: none */
        uint16_t ports[TARGETS];
        size_t targets;
        struct conn *conns; /* EACH for each target */
        struct buf greeting, body;
        char user[64];
};

static int64_t now_us(clockid_t clock)
{
        struct timespec t;

        (void)clock_gettime(clock, &t);
        return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* Not more than half a core: sleep for as long as was worked since. */
static void rest(void)
{
        static int64_t cpu_us;
        int64_t cpu = now_us(CLOCK_PROCESS_CPUTIME_ID), worked = cpu - cpu_us;
        struct timespec t = {.tv_nsec = worked * 1000};

        if (worked < 2000)
                return;
        if (worked > 900000)
                t.tv_nsec = 900000000;
        (void)nanosleep(&t, NULL);
        cpu_us = cpu;
}

static int open_one(const struct attack *a, size_t target)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(a->ports[target]),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        bool local = a->ports[target] == 0;
        int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), rc;

        if (fd < 0)
                return -1;
        if (local)
                (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", a->socket_path);
        rc = local ? connect(fd, (struct sockaddr *)&un, sizeof(un))
                   : connect(fd, (struct sockaddr *)&to, sizeof(to));
        if (rc == 0 || errno == EINPROGRESS)
                return fd;
        (void)close(fd);
        return -1;
}

/* What this kind of attack says next; false: the connection is over. */
static bool say(const struct attack *a, struct conn *c)
{
        ssize_t put;

        while (c->sent < a->greeting.n) {
                put = send(c->fd, a->greeting.data + c->sent, a->greeting.n - c->sent,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
                if (put < 0)
                        return errno == EAGAIN;
                c->sent += (size_t)put;
        }
        while (a->kind == HALF && c->sent < HALF_BYTES) {
                put = send(c->fd, a->body.data, a->body.n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (put < 0)
                        return errno == EAGAIN;
                c->sent += (size_t)put;
        }
        return true;
}

/* The other side has closed it. What it says is left unread by those who read slowly. */
static bool ended(const struct attack *a, const struct conn *c)
{
        char bytes[4096];
        ssize_t n = recv(c->fd, bytes, sizeof(bytes),
                         MSG_DONTWAIT | (a->kind == SLOW || a->kind == CHANGES ? MSG_PEEK : 0));

        return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static size_t round_of(struct attack *a)
{
        size_t open = 0;

        for (size_t i = 0; i < a->targets * EACH; i++) {
                struct conn *c = &a->conns[i];

                if (c->fd < 0) {
                        c->fd = open_one(a, i / EACH);
                        c->sent = 0;
                }
                if (c->fd >= 0 && (a->kind == CHURN || !say(a, c) || ended(a, c))) {
                        (void)close(c->fd);
                        c->fd = -1;
                }
                open += c->fd >= 0;
                if (i % 16 == 0)
                        rest();
        }
        return open;
}

/* Hello, context, and what follows: a frame of 8 MiB that is never whole, or many calls. */
static void make_greeting(struct attack *a)
{
        static const uint8_t id[IPC_CLIENT_ID_BYTES] = {7};
        Hadoop__MkdirsRequestProto make = HADOOP__MKDIRS_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto mode = HADOOP__FS_PERMISSION_PROTO__INIT;
        Hadoop__GetListingRequestProto q = HADOOP__GET_LISTING_REQUEST_PROTO__INIT;
        struct ipc_call call = {.client_id = id, .version = 1, .method = "getListing",
                                .protocol = method_of(METHOD_CLIENT_getListing)->protocol_name};
        uint8_t hello[IPC_HELLO_BYTES], length[4] = {0x00, 0x7f, 0xff, 0xf0};
        char path[] = "/", made[] = "/attack/made";

        ipc_hello_encode(hello, false);
        buf_add(&a->greeting, hello, sizeof(hello));
        if (a->kind == HELLO)
                return;
        ipc_context_encode(&a->greeting, id, a->user, NULL, call.protocol);
        if (a->kind == HALF) {
                buf_add(&a->greeting, length, sizeof(length));
                memset(buf_grow(&a->body, 65536), 'x', 65536);
                return;
        }
        q.src = path;
        make.src = made;
        make.masked = &mode;
        mode.perm = 0755;
        if (a->kind == CHANGES)
                call.method = "mkdirs";
        for (int32_t i = 0; i < 200; i++) {
                call.call_id = i;
                ipc_request_encode(&a->greeting, &call,
                                   a->kind == CHANGES ? &make.base : &q.base);
        }
}

static enum kind kind_of(const char *word)
{
        static const char *const words[] = {[SILENT] = "silent", [HELLO] = "hello", [HALF] = "half",
                                            [SLOW] = "slow", [CHURN] = "churn",
                                            [CHANGES] = "changes"};

        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(words[i], word) == 0)
                        return (enum kind)i;
        exit(2);
}

static void prepare(struct attack *a, char **argv, int argc)
{
        struct rlimit files;

        (void)snprintf(a->user, sizeof(a->user), "%s", argv[1]);
        a->kind = kind_of(argv[2]);
        if (strcmp(argv[4], "-") != 0) {
                a->socket_path = argv[4];
                a->ports[a->targets++] = 0;
        }
        for (int i = 5; i < argc && a->targets < TARGETS; i++)
                a->ports[a->targets++] = (uint16_t)strtoul(argv[i], NULL, 10);
        a->conns = calloc(a->targets * EACH, sizeof(*a->conns));
        if (a->conns == NULL || getrlimit(RLIMIT_NOFILE, &files) != 0)
                exit(2);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        for (size_t i = 0; i < a->targets * EACH; i++)
                a->conns[i].fd = -1;
        buf_init(&a->greeting, 0);
        buf_init(&a->body, 0);
        if (a->kind != SILENT && a->kind != CHURN)
                make_greeting(a);
}

int main(int argc, char **argv)
{
        struct attack a = {.kind = SILENT};
        struct pollfd in = {.fd = 0, .events = POLLIN};
        int64_t end_us;
        unsigned rounds = 0;

        if (argc < 6) {
                (void)fprintf(stderr, "usage: attack_connections USER KIND SECONDS UNIX-SOCKET "
                                      "PORT...\n");
                return 2;
        }
        become(argv[1]);
        prepare(&a, argv, argc);
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        end_us = now_us(CLOCK_MONOTONIC) + strtoll(argv[3], NULL, 10) * 1000000;
        while (now_us(CLOCK_MONOTONIC) < end_us) {
                size_t open = round_of(&a);

                if (++rounds == 2)
                        (void)printf("ready %zu\n", open);
                if (poll(&in, 1, 20) != 0)
                        break;
        }
        return 0;
}
