/* bdfs-namenode: configuration, start, wait for a signal, stop. */
#include <stddef.h>

#include "common/log.h"
#include "common/service.h"
#include "namenode/namenode.h"

static int serve(const void *conf)
{
        const struct namenode_conf *c = conf;
        struct namenode *nn;
        struct bdfs_err err;

        service_signals();
        service_raise_files();
        if (namenode_start(&nn, c, &err) != BDFS_OK)
                return service_cannot(&err);
        log_info("ready cluster=%s own_port=%u hadoop_port=%u index=%llu", c->cluster,
                 namenode_port(nn, RPC_OWN), namenode_port(nn, RPC_HADOOP),
                 (unsigned long long)commit_index(nn->commit));
        service_wait();
        namenode_stop(nn);
        return 0;
}

int main(int argc, char **argv)
{
        const struct service s = {"bdfs-namenode", "names, rights and block maps of a bdfs cluster",
                                  namenode_conf_table, namenode_conf_table_n,
                                  offsetof(struct namenode_conf, log), 0, serve};
        struct namenode_conf conf;

        return service_main(&s, &conf, argc, argv);
}
