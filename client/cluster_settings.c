/* cluster.json: what a cluster in one directory is made of, fixed at its first start. */
#include <arpa/inet.h>
#include <jansson.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/cluster_conf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/os.h"

void cluster_default_settings(struct cluster_settings *s)
{
        *s = (struct cluster_settings){
                .datanodes = 3,
                .replication = 3,
                .block_size = 128 * MIB,
                .min_block_size = MIB,
                .checkpoint_bytes = CHECKPOINT_JOURNAL_BYTES_MIN,
                .base_port = 9000,
                .agents = true,
                .racks_n = 1,
        };
        (void)snprintf(s->racks[0], sizeof(s->racks[0]), "/default-rack");
}

bool cluster_set_racks(struct cluster_settings *s, const char *list)
{
        s->racks_n = 0;
        while (*list != '\0') {
                size_t n = strcspn(list, ",");
                bool slash = list[0] == '/';

                if (n == 0 || n > 60 || s->racks_n == CLUSTER_RACKS_MAX)
                        return false;
                (void)snprintf(s->racks[s->racks_n++], sizeof(s->racks[0]), "%s%.*s",
                               slash ? "" : "/", (int)n, list);
                list += n + (list[n] == ',');
        }
        return s->racks_n > 0;
}

static enum bdfs_status save(const char *dir, const struct cluster_settings *s,
                             struct bdfs_err *err)
{
        char path[PATH_MAX];
        json_t *racks = json_array(), *j;
        int bad;

        for (unsigned i = 0; i < s->racks_n; i++)
                (void)json_array_append_new(racks, json_string(s->racks[i]));
        j = json_pack("{s:i s:s s:i s:i s:I s:I s:I s:i s:b s:b s:o}", "version", 1, "cluster",
                      s->cluster, "datanodes", (int)s->datanodes, "replication",
                      (int)s->replication, "block_size", (json_int_t)s->block_size,
                      "min_block_size", (json_int_t)s->min_block_size, "checkpoint_bytes",
                      (json_int_t)s->checkpoint_bytes, "base_port", (int)s->base_port, "hadoop",
                      s->hadoop, "agents", s->agents, "racks", racks);
        (void)snprintf(path, sizeof(path), "%s/cluster.json", dir);
        bad = j == NULL || json_dump_file(j, path, JSON_INDENT(2)) != 0;
        json_decref(j);
        return bad ? bdfs_fail(err, BDFS_IO, "cannot write %s", path) : BDFS_OK;
}

enum bdfs_status cluster_settings_load(const char *dir, struct cluster_settings *s,
                                       struct bdfs_err *err)
{
        char path[PATH_MAX];
        const char *cluster;
        json_int_t block, min_block, checkpoint;
        int datanodes, replication, port, hadoop, agents;
        json_error_t why;
        json_t *j, *racks;
        bool ok;

        (void)snprintf(path, sizeof(path), "%s/cluster.json", dir);
        if (access(path, F_OK) != 0)
                return bdfs_fail(err, BDFS_NOT_FOUND,
                                 "%s is not a cluster's directory (it has no cluster.json)", dir);
        j = json_load_file(path, 0, &why);
        if (j == NULL)
                return bdfs_fail(err, BDFS_CORRUPT, "%s line %d: %s", path, why.line, why.text);
        cluster_default_settings(s);
        ok = json_unpack_ex(j, &why, 0, "{s:s s:i s:i s:I s:I s:I s:i s:b s:b s:o}", "cluster",
                            &cluster, "datanodes", &datanodes, "replication", &replication,
                            "block_size", &block, "min_block_size", &min_block,
                            "checkpoint_bytes", &checkpoint, "base_port", &port, "hadoop",
                            &hadoop, "agents", &agents, "racks", &racks) == 0 &&
             strlen(cluster) == 32 && datanodes >= 1 && datanodes <= CLUSTER_DATANODES_MAX;
        if (ok) {
                s->datanodes = (unsigned)datanodes;
                s->replication = (unsigned)replication;
                s->block_size = (uint64_t)block;
                s->min_block_size = (uint64_t)min_block;
                s->checkpoint_bytes = (uint64_t)checkpoint;
                s->base_port = (uint16_t)port;
                s->hadoop = hadoop != 0;
                s->agents = agents != 0;
                (void)snprintf(s->cluster, sizeof(s->cluster), "%s", cluster);
                s->racks_n = 0;
                for (size_t i = 0; i < json_array_size(racks) && i < CLUSTER_RACKS_MAX; i++)
                        (void)snprintf(s->racks[s->racks_n++], sizeof(s->racks[0]), "%s",
                                       json_string_value(json_array_get(racks, i)));
        }
        json_decref(j);
        return ok ? BDFS_OK : bdfs_fail(err, BDFS_CORRUPT, "%s does not make sense", path);
}

/* ---- ports ---- */

static bool port_free(uint16_t port)
{
        AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
        int one = 1;

        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static enum bdfs_status pick_base_port(struct cluster_settings *s, struct bdfs_err *err)
{
        unsigned span = 10 * s->datanodes + 6;

        for (unsigned attempt = 0; attempt < 200; attempt++) {
                uint16_t random, base;
                unsigned i;

                /* below the kernel's range of ports for connections */
                os_random(&random, sizeof(random));
                base = (uint16_t)(10000 + random % (22000 - span));
                for (i = 0; i < span && port_free((uint16_t)(base + i)); i++)
                        ;
                if (i == span) {
                        s->base_port = base;
                        return BDFS_OK;
                }
        }
        return bdfs_fail(err, BDFS_LIMIT, "no %u free ports in a row on loopback", span);
}

enum bdfs_status cluster_settings_make(const char *dir, const struct cluster_settings *wanted,
                                       struct cluster_settings *ret, struct bdfs_err *err)
{
        uint8_t id[16];

        *ret = *wanted;
        os_random(id, sizeof(id));
        for (size_t i = 0; i < sizeof(id); i++)
                (void)snprintf(ret->cluster + 2 * i, 3, "%02x", id[i]);
        if (ret->base_port == 0 && pick_base_port(ret, err) != BDFS_OK)
                return err->status;
        return save(dir, ret, err);
}
