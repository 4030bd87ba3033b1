/*
 * capture - what a Hadoop client and a namenode say to each other, decoded by field.
 *
 *   capture PORT HOST:PORT [VECTORS]
 *
 * Listens on 127.0.0.1:PORT (0: any; the port is the first line on stdout), passes everything on
 * to the namenode at HOST:PORT and prints both directions, a line a message. Datanodes' addresses
 * in answers are replaced by ports of its own, so that what goes to their data and IPC ports is
 * seen too. VECTORS gets, as rows of tests/vectors/hdfs_captured*.h, the first exchange of each
 * shape of each call that went well, some that were refused, and of each operation the first of
 * both. Ends when it is killed.
 *
 *   123 > getFileInfo {src: "/x"}              connection 123, client to server
 *   123 < getFileInfo java.io.IOException: ..  and the answer
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/relay.h"

int main(int argc, char **argv)
{
        static struct capture c;
        struct relay *r = &c.relays[0];
        struct os_addr mine = {.host = "127.0.0.1"};
        struct bdfs_err err;
        unsigned port;

        if (argc < 3 || argc > 4 || sscanf(argv[2], "%45[^:]:%u", r->target.host, &port) != 2 ||
            port > 65535) {
                (void)fprintf(stderr, "usage: capture PORT HOST:PORT [VECTORS]\n");
                return 2;
        }
        r->target.port = (uint16_t)port;
        r->capture = &c;
        c.relays_n = 1;
        os_mutex_init(&c.lock);
        mine.port = (uint16_t)strtoul(argv[1], NULL, 10);
        if (argc == 4 && (c.vectors = fopen(argv[3], "w")) == NULL) {
                (void)fprintf(stderr, "%s: %s\n", argv[3], strerrordesc_np(errno));
                return 1;
        }
        if (os_listen(&r->listener, &mine, false, &err) != BDFS_OK) {
                (void)fprintf(stderr, "%s\n", err.text);
                return 1;
        }
        (void)printf("%u\n", os_listener_port(r->listener));
        (void)fflush(stdout);
        relay_serve(r);
        return 0;
}
