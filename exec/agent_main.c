/* bdfs-agent: launcher, configuration, start, wait for a signal, stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/log.h"
#include "exec/agent.h"

static int usage(int code)
{
        (void)fprintf(code == 0 ? stdout : stderr,
                      "usage: bdfs-agent --conf FILE [-n | --print-config]\n"
                      "  -n              check FILE and exit\n"
                      "  --print-config  print what FILE and the defaults say\n\n"
                      "Keys of FILE:\n");
        conf_help(agent_conf_table, agent_conf_table_n, code == 0 ? stdout : stderr);
        return code;
}

static void wait_for_signal(const sigset_t *set)
{
        int got;

        while ((got = sigwaitinfo(set, NULL)) < 0 && errno == EINTR)
                ;
        log_info("stopping signal=%d", got);
}

/* Merging opens many files. */
static void raise_limits(void)
{
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) != 0)
                return;
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
}

static int serve(const struct agent_conf *conf)
{
        struct task_launcher *launcher;
        struct agent *a;
        struct bdfs_err err;
        sigset_t set;

        if (task_launcher_start(&launcher, &err) != BDFS_OK) { /* before anything else */
                log_error("cannot start: %s", err.text);
                return bdfs_status_exit(err.status);
        }
        raise_limits();
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
        if (agent_start(&a, conf, launcher, &err) != BDFS_OK) {
                log_error("cannot start: %s", err.text);
                task_launcher_stop(launcher);
                return bdfs_status_exit(err.status);
        }
        log_info("ready port=%u", agent_port(a));
        wait_for_signal(&set);
        agent_stop(a);
        task_launcher_stop(launcher);
        return 0;
}

int main(int argc, char **argv)
{
        struct agent_conf conf;
        struct bdfs_err err;
        int rc = 0;

        log_open("bdfs-agent", LOG_LEVEL_INFO);
        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(0);
        if (argc < 3 || argc > 4 || strcmp(argv[1], "--conf") != 0)
                return usage(2);
        if (conf_load(agent_conf_table, agent_conf_table_n, argv[2], &conf, &err) != BDFS_OK) {
                log_error("%s", err.text);
                return bdfs_status_exit(err.status);
        }
        if (argc == 4 && strcmp(argv[3], "--print-config") == 0)
                conf_print(agent_conf_table, agent_conf_table_n, &conf, stdout);
        else if (argc == 3)
                rc = serve(&conf);
        else if (strcmp(argv[3], "-n") != 0)
                rc = usage(2);
        conf_free(agent_conf_table, agent_conf_table_n, &conf);
        return rc;
}
