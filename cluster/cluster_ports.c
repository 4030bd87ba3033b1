#include "cluster/cluster_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/os.h"

enum { LOWEST = 10000, HIGHEST = 32000, ROOM_MIN = 4000, PICKS = 200 };

/* As a daemon would bind it. */
static bool in_use(uint16_t port)
{
        AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
        int one = 1;

        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 && errno == EADDRINUSE;
}

enum bdfs_status cluster_ports_check(const struct cluster_process *p, struct bdfs_err *err)
{
        const uint16_t ports[] = {p->own_port, p->own_ipc_port, p->hadoop_port, p->ipc_port};

        for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
                if (ports[i] != 0 && in_use(ports[i]))
                        return bdfs_fail(err, BDFS_FAILED, "port %u of 127.0.0.1, which %s %u "
                                         "needs, is in use by another program", ports[i], p->role,
                                         p->id);
        return BDFS_OK;
}

/* Where the kernel's ports for connections begin, if that leaves room below. */
static unsigned highest(void)
{
        FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
        unsigned first = HIGHEST;

        if (f != NULL) {
                if (fscanf(f, "%u", &first) != 1 || first > HIGHEST || first < LOWEST + ROOM_MIN)
                        first = HIGHEST;
                (void)fclose(f);
        }
        return first;
}

enum bdfs_status cluster_ports_pick(unsigned datanodes, uint16_t *ret, struct bdfs_err *err)
{
        unsigned span = 10 * datanodes + 6, room = highest() - LOWEST - span;

        for (unsigned pick = 0; pick < PICKS; pick++) {
                uint16_t random;
                unsigned base, i;

                os_random(&random, sizeof(random));
                base = LOWEST + random % room;
                for (i = 0; i < span && !in_use((uint16_t)(base + i)); i++)
                        ;
                if (i == span) {
                        *ret = (uint16_t)base;
                        return BDFS_OK;
                }
        }
        return bdfs_fail(err, BDFS_LIMIT, "no %u free ports in a row on loopback", span);
}
