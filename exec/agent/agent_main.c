/* bdfs-agent: launcher, configuration, start, wait for a signal, stop. */
#include <linux/capability.h>
#include <stddef.h>

#include "common/confine.h"
#include "common/log.h"
#include "common/service.h"
#include "exec/agent/agent.h"

/* What an agent of root needs: directories of others, made, given away and removed; whose they are
 * it becomes. Its launcher, and the supervisors, make namespaces, become users, and kill. */
#define KEEPS                                                                          \
        (CONFINE_KEEP(CAP_CHOWN) | CONFINE_KEEP(CAP_DAC_OVERRIDE) | CONFINE_KEEP(CAP_FOWNER) | \
         CONFINE_KEEP(CAP_SETUID) | CONFINE_KEEP(CAP_SETGID))
#define KEEPS_LAUNCHER (CONFINE_KEEP(CAP_SYS_ADMIN) | CONFINE_KEEP(CAP_KILL))

static int serve(const void *conf)
{
        struct task_launcher *launcher;
        struct agent *a;
        struct bdfs_err err;

        if (task_launcher_start(&launcher, &err) != BDFS_OK) /* before anything else */
                return service_cannot(&err);
        confine_capabilities(KEEPS);
        service_raise_files(); /* merging opens many, too */
        service_signals();
        if (agent_start(&a, conf, launcher, &err) != BDFS_OK) {
                task_launcher_stop(launcher);
                return service_cannot(&err);
        }
        log_info("ready port=%u", agent_port(a));
        service_wait();
        agent_stop(a);
        task_launcher_stop(launcher);
        return 0;
}

int main(int argc, char **argv)
{
        const struct service s = {"bdfs-agent", "runs tasks of jobs beside a datanode",
                                  agent_conf_table, agent_conf_table_n,
                                  offsetof(struct agent_conf, log), KEEPS | KEEPS_LAUNCHER, serve};
        struct agent_conf conf;

        return service_main(&s, &conf, argc, argv);
}
