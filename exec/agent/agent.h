/*
 * agent.h - the exec agent: runs attempts of tasks beside a datanode, keeps what maps leave for
 * reducers, and serves it to other agents.
 *
 * A job belongs to the user who began it, by the kernel's word; its tasks run as that user, root's
 * as the configured job user. An agent that is not root serves its own user only. A job whose
 * driver is silent for AGENT_JOB_SILENT_MS is ended, with what it left in the file system.
 *
 * Owner:   struct agent owns all of its parts. @conf and @launcher are borrowed and outlive it.
 * Threads: start and stop from one thread. Inside: a thread per slot, one per connection, one that
 *          ends silent jobs; one lock for jobs and attempts.
 * Errors:  INVALID for settings; what sockets and directories say.
 */
#pragma once

#include "common/conf.h"
#include "common/os.h"
#include "common/service.h"
#include "exec/task/task.h"

#define AGENT_JOB_SILENT_MS 30000
#define AGENT_SLOTS_MAX 1024

struct agent_conf {
        struct service_log log;
        char *client;       /* client.conf of the cluster */
        char *listen;
        bool any_address;
        int64_t port;       /* 0: a free one */
        char *scratch;
        char *datanode;     /* ip:port of the one beside it */
        char *socket_path;  /* of that datanode, for local reads */
        int64_t slots;      /* tasks at once; 0: one per core */
        char *job_user;     /* whom tasks of root's jobs run as */
        int64_t sort_buffer;
        int64_t task_timeout_ms; /* without reading or writing; 0: for ever */
};
extern const struct conf_key agent_conf_table[];
extern const size_t agent_conf_table_n;

struct agent;

enum bdfs_status agent_start(struct agent **ret, const struct agent_conf *conf,
                             struct task_launcher *launcher, struct bdfs_err *err)
        BDFS_MUST_CHECK;
void agent_stop(struct agent *a); /* ends its tasks; frees; NULL is fine */
uint16_t agent_port(const struct agent *a);
