/* What an agent's configuration file may say. */
#include "common/limits.h"
#include "common/service.h"
#include "exec/agent/agent.h"

#define C struct agent_conf

const struct conf_key agent_conf_table[] = {
        {"client", CONF_STRING(C, client), NULL, 1, 0, "client.conf of the cluster"},
        {"listen", CONF_STRING(C, listen), "127.0.0.1", 1, 45, "address to listen on"},
        {"any_address", CONF_BOOL(C, any_address), "no", 0, 0,
         "listen on other addresses than loopback, unprotected"},
        {"port", CONF_INT(C, port), "0", 0, 65535, "port for drivers and other agents"},
        {"scratch", CONF_STRING(C, scratch), NULL, 1, 0, "directory for the files of running jobs"},
        {"datanode", CONF_STRING(C, datanode), NULL, 1, 300, "ip:port of the datanode beside it"},
        {"socket_path", CONF_STRING(C, socket_path), NULL, 1, 107,
         "Unix socket of that datanode, for local reads"},
        {"slots", CONF_INT(C, slots), "0", 0, AGENT_SLOTS_MAX, "tasks at once; 0: one per core"},
        {"job_user", CONF_STRING(C, job_user), "nobody", 1, 255,
         "user whom the tasks of root's jobs run as"},
        {"sort_buffer", CONF_BYTES(C, sort_buffer), "128M", 1 << 20, 2048LL << 20,
         "memory in which one task's output is sorted"},
        {"task_timeout", CONF_MS(C, task_timeout_ms), "10m", 0, 86400000,
         "a task that neither reads nor writes for so long is ended; 0: never"},
        SERVICE_LOG_KEYS(C, log),
};
const size_t agent_conf_table_n = sizeof(agent_conf_table) / sizeof(agent_conf_table[0]);
