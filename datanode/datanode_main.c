/* bdfs-datanode: configuration, start, wait for a signal, stop. */
#include <stddef.h>

#include "common/log.h"
#include "common/service.h"
#include "datanode/datanode.h"

static int serve(const void *conf)
{
        const struct datanode_conf *c = conf;
        struct datanode_ports ports;
        struct datanode *dn;
        struct bdfs_err err;

        service_signals();
        service_raise_files();
        if (datanode_start(&dn, c, &err) != BDFS_OK)
                return service_cannot(&err);
        datanode_ports(dn, &ports);
        log_info("ready cluster=%s own_port=%u hadoop_port=%u ipc_port=%u own_ipc_port=%u",
                 c->cluster, ports.own, ports.hadoop, ports.ipc, ports.own_ipc);
        service_wait();
        datanode_stop(dn);
        return 0;
}

int main(int argc, char **argv)
{
        const struct service s = {"bdfs-datanode", "keeps blocks of a bdfs cluster and serves them",
                                  datanode_conf_table, datanode_conf_table_n,
                                  offsetof(struct datanode_conf, log), 0, serve};
        struct datanode_conf conf;

        return service_main(&s, &conf, argc, argv);
}
