/*
 * impostor - one real uid takes the ports of daemons that have died, and sees what it is told.
 *
 *   impostor USER OUT PORT...
 *
 * As root it becomes USER, listens on the ports (as soon as each is free), prints "ready", and
 * writes everything that anybody sends there to OUT. It answers every RPC call with success and an
 * empty body, so that who believes it goes on and says more. Ends with its input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "proto/ipc.h"
#include "tests/tools/intruder_kit.h"

#define PORTS 32
#define CONNS 256

static int listen_on(const char *port)
{
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        for (unsigned i = 0; i < 500; i++) {
                if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 128) == 0)
                        return fd;
                if (errno != EADDRINUSE)
                        break;
                (void)usleep(20000);
        }
        perror(port);
        exit(2);
}

/* An answer to calls 0 to 9, whatever they were. */
static void answer(int fd)
{
        struct buf b;

        buf_init(&b, 0);
        for (int32_t id = 0; id < 10; id++)
                ipc_reply_bytes_encode(&b, id, "", 0);
        (void)!send(fd, b.data, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        buf_fini(&b);
}

/* False: the connection is over. */
static bool hear(int fd, FILE *out)
{
        char bytes[65536];
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN))
                return false;
        if (n > 0) {
                (void)fwrite(bytes, 1, (size_t)n, out);
                (void)fflush(out);
                answer(fd);
        }
        return true;
}

int main(int argc, char **argv)
{
        struct pollfd p[1 + PORTS + CONNS];
        nfds_t listeners, n;
        FILE *out;

        if (argc < 4 || argc > 3 + PORTS || (out = fopen(argv[2], "we")) == NULL) {
                (void)fprintf(stderr, "usage: impostor USER OUT PORT...\n");
                return 2;
        }
        become(argv[1]);
        p[0] = (struct pollfd){.fd = 0, .events = POLLIN};
        for (n = 1; n < (nfds_t)argc - 2; n++)
                p[n] = (struct pollfd){.fd = listen_on(argv[n + 2]), .events = POLLIN};
        listeners = n;
        (void)printf("ready\n");
        (void)fflush(stdout);
        while (poll(p, n, -1) > 0 && p[0].revents == 0) {
                for (nfds_t i = listeners; i < n; i++)
                        if (p[i].revents != 0 && !hear(p[i].fd, out)) {
                                (void)close(p[i].fd);
                                p[i--] = p[--n];
                        }
                for (nfds_t i = 1; i < listeners; i++)
                        if (p[i].revents != 0 && n < 1 + PORTS + CONNS)
                                p[n++] = (struct pollfd){.fd = accept(p[i].fd, NULL, NULL),
                                                         .events = POLLIN};
        }
        return 0;
}
