/* The datanode's configuration (docs/operations.md has the prose). */
#include "common/limits.h"
#include "common/service.h"
#include "datanode/datanode.h"

#define C struct datanode_conf

const struct conf_key datanode_conf_table[] = {
        {"data", CONF_LIST(C, data), NULL, 0, 64, "directories for blocks, one for each disk"},
        {"cluster", CONF_STRING(C, cluster), NULL, 32, 32, "id of the cluster, 32 hex digits"},
        {"secret", CONF_STRING(C, secret), "", 0, 4000,
         "file of mode 0600 with the cluster's secret, the same for all of its daemons"},
        {"namenodes", CONF_LIST(C, namenodes), NULL, 0, DATANODE_NAMENODES_MAX,
         "address:port of the own port of every namenode"},
        {"listen", CONF_STRING(C, listen), "127.0.0.1", 1, 45,
         "address of the listeners, which clients connect to"},
        {"any_address", CONF_BOOL(C, any_address), "no", 0, 0,
         "allow a listen address that is not loopback, though frames are not encrypted"},
        {"host_name", CONF_STRING(C, host_name), "", 0, 255,
         "name that jobs know this machine by; the address when it is not given"},
        {"rack", CONF_STRING(C, rack), "/default-rack", 1, 255,
         "where it stands, beginning with /"},
        {"own_port", CONF_INT(C, own_port), "9010", 0, 65535, "data port for bdfs peers"},
        {"own_ipc_port", CONF_INT(C, own_ipc_port), "0", 0, 65535,
         "port for bdfs peers' calls; 0: a free one"},
        {"hadoop", CONF_BOOL(C, hadoop), "no", 0, 0, "open the Hadoop ports"},
        {"hadoop_port", CONF_INT(C, hadoop_port), "9011", 0, 65535, "data port for Hadoop clients"},
        {"ipc_port", CONF_INT(C, ipc_port), "9013", 0, 65535, "port for Hadoop clients' calls"},
        {"hadoop_superuser", CONF_BOOL(C, hadoop_superuser), "no", 0, 0,
         "the uid that owns the cluster is superuser on the Hadoop ports too"},
        {"gateways", CONF_LIST(C, gateways), "", 0, DATANODE_GATEWAYS_MAX,
         "uids, besides root, that may speak for any user"},
        {"socket_path", CONF_STRING(C, socket_path), "", 0, 107,
         "Unix socket for local reads; socket in the first data directory when not given"},
        {"agent_port", CONF_INT(C, agent_port), "0", 0, 65535,
         "port of the exec agent beside it; 0: none"},
        {"ports_file", CONF_STRING(C, ports_file), "", 0, 400,
         "file to write the ports to that were taken"},
        {"space_floor", CONF_BYTES(C, space_floor), "512M", 0, 1LL << 50,
         "bytes that are kept free in each data directory"},
        {"scrub_rate", CONF_BYTES(C, scrub_bytes_per_second), "4M", 0, 1LL << 40,
         "bytes a second that are read to find decay; 0: none"},
        {"transfers", CONF_INT(C, transfers_max), "1024", 1, TRANSFERS_MAX,
         "connections that are served at once"},
        SERVICE_LOG_KEYS(C, log),
};
const size_t datanode_conf_table_n = sizeof(datanode_conf_table) / sizeof(datanode_conf_table[0]);
