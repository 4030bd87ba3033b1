/* bdfs-datanode: configuration, start, wait for a signal, stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/conf.h"
#include "common/log.h"
#include "datanode/datanode.h"

static int usage(int code)
{
        (void)fprintf(code == 0 ? stdout : stderr,
                      "usage: bdfs-datanode --conf FILE [-n | --print-config]\n"
                      "  -n              check FILE and exit\n"
                      "  --print-config  print what FILE and the defaults say\n\n"
                      "Keys of FILE:\n");
        conf_help(datanode_conf_table, datanode_conf_table_n, code == 0 ? stdout : stderr);
        return code;
}

static void wait_for_signal(const sigset_t *set)
{
        int got;

        while ((got = sigwaitinfo(set, NULL)) < 0 && errno == EINTR)
                ;
        log_info("stopping signal=%d", got);
}

static int serve(const struct datanode_conf *conf)
{
        struct datanode_ports ports;
        struct datanode *dn;
        struct bdfs_err err;
        sigset_t set;

        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &set, NULL); /* before the threads, which inherit it */
        (void)signal(SIGPIPE, SIG_IGN);
        if (datanode_start(&dn, conf, &err) != BDFS_OK) {
                log_error("cannot start: %s", err.text);
                return bdfs_status_exit(err.status);
        }
        datanode_ports(dn, &ports);
        log_info("ready cluster=%s own_port=%u hadoop_port=%u ipc_port=%u own_ipc_port=%u",
                 conf->cluster, ports.own, ports.hadoop, ports.ipc, ports.own_ipc);
        wait_for_signal(&set);
        datanode_stop(dn);
        return 0;
}

int main(int argc, char **argv)
{
        struct datanode_conf conf;
        struct bdfs_err err;
        int rc = 0;

        log_open("bdfs-datanode", LOG_LEVEL_INFO);
        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(0);
        if (argc < 3 || argc > 4 || strcmp(argv[1], "--conf") != 0)
                return usage(2);
        if (conf_load(datanode_conf_table, datanode_conf_table_n, argv[2], &conf, &err) !=
            BDFS_OK) {
                log_error("%s", err.text);
                return bdfs_status_exit(err.status);
        }
        if (argc == 4 && strcmp(argv[3], "--print-config") == 0)
                conf_print(datanode_conf_table, datanode_conf_table_n, &conf, stdout);
        else if (argc == 3)
                rc = serve(&conf);
        else if (strcmp(argv[3], "-n") != 0)
                rc = usage(2);
        conf_free(datanode_conf_table, datanode_conf_table_n, &conf);
        return rc;
}
