#include "cluster/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/cluster_conf.h"
#include "cluster/cluster_dir.h"
#include "cluster/cluster_ports.h"
#include "cluster/cluster_process.h"
#include "common/cleanup.h"
#include "common/os.h"
#include "net/rpc_client.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/message.h"

/* ---- starting, and waiting until it takes writes ---- */

static enum bdfs_status start_all(struct cluster_process *all, size_t n, struct bdfs_err *err)
{
        for (size_t i = 0; i < n; i++) {
                if (cluster_process_pid(&all[i]) == 0 &&
                    cluster_process_start(&all[i], err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

static enum bdfs_status ask(struct rpc_client *c, unsigned datanodes, bool *ret,
                            struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + 2000;
        Hadoop__SetSafeModeRequestProto mode = HADOOP__SET_SAFE_MODE_REQUEST_PROTO__INIT;
        Hadoop__GetDatanodeReportRequestProto live =
                HADOOP__GET_DATANODE_REPORT_REQUEST_PROTO__INIT;
        ProtobufCMessage *m;
        bool safe;

        *ret = false;
        live.type = HADOOP__DATANODE_REPORT_TYPE_PROTO__LIVE;
        if (rpc_client_call(c, method_of(METHOD_CLIENT_getDatanodeReport), &live.base, &m, deadline,
                            err) != BDFS_OK)
                return err->status;
        *ret = ((Hadoop__GetDatanodeReportResponseProto *)m)->n_di >= datanodes;
        message_free(m);
        mode.action = HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_GET;
        if (rpc_client_call(c, method_of(METHOD_CLIENT_setSafeMode), &mode.base, &m, deadline,
                            err) != BDFS_OK)
                return err->status;
        safe = ((Hadoop__SetSafeModeResponseProto *)m)->result;
        message_free(m);
        *ret = *ret && !safe;
        return BDFS_OK;
}

/* What we started must live; what ended though it was there (it was being killed) is started. */
static enum bdfs_status all_alive(struct cluster_process *all, size_t n, struct bdfs_err *err)
{
        for (size_t i = 0; i < n; i++) {
                if (cluster_process_pid(&all[i]) != 0)
                        continue;
                if (all[i].child == 0) {
                        if (cluster_process_start(&all[i], err) != BDFS_OK)
                                return err->status;
                        continue;
                }
                if (cluster_ports_check(&all[i], err) == BDFS_OK)
                        (void)bdfs_fail(err, BDFS_FAILED, "its log says why");
                (void)bdfs_wrap(err, "%s %u ended at its start", all[i].role, all[i].id);
                cluster_process_log(&all[i], err);
                return err->status;
        }
        return BDFS_OK;
}

static enum bdfs_status wait_ready(const struct cluster_settings *s,
                                   struct cluster_process *all, size_t n, struct bdfs_err *err)
{
        struct os_addr namenode = {.host = "127.0.0.1", .port = s->base_port};
        int64_t deadline = os_mono_ms() + CLUSTER_START_MS;
        char user[OS_NAME_BYTES];
        struct rpc_client *c;
        bool ready = false;

        if (os_user_name(getuid(), user, err) != BDFS_OK)
                return err->status;
        if (rpc_client_new(&c, &namenode, user, err) != BDFS_OK)
                return err->status;
        rpc_client_expect(c, getuid());
        (void)bdfs_fail(err, BDFS_TIMEOUT, "not all datanodes registered");
        while (!ready && os_mono_ms() < deadline) {
                struct bdfs_err dead;

                if (all_alive(all, n, &dead) != BDFS_OK) {
                        *err = dead;
                        rpc_client_free(c);
                        return err->status;
                }
                BDFS_IGNORE(ask(c, s->datanodes, &ready, err)); /* its reason is told below */
                if (!ready)
                        os_sleep_ms(20);
        }
        rpc_client_free(c);
        if (ready)
                return BDFS_OK;
        (void)bdfs_wrap(err, "the cluster does not take writes after %d s",
                        CLUSTER_START_MS / 1000);
        cluster_process_log(&all[0], err);
        return err->status;
}

/* ---- up, down, status ---- */

static enum bdfs_status make_dirs(const struct cluster_process *all, size_t n, struct bdfs_err *err)
{
        char data[PATH_MAX + 8];

        for (size_t i = 0; i < n; i++) {
                (void)snprintf(data, sizeof(data), "%s/data", all[i].dir);
                if (cluster_dir_make(all[i].dir, 0755, err) != BDFS_OK ||
                    cluster_dir_make(data, 0700, err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

/* DIR, absolute, the caller's alone, and locked against a second `up` or `down`. */
static enum bdfs_status enter(const char *dir, bool make, char ret[PATH_MAX], int *ret_lock,
                              struct bdfs_err *err)
{
        char path[PATH_MAX + 8];

        if (cluster_dir_find(dir, make, ret, err) != BDFS_OK ||
            cluster_dir_trust(ret, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/lock", ret);
        if (cluster_file_open(path, O_RDWR | O_CREAT, geteuid(), ret_lock, err) != BDFS_OK)
                return err->status;
        if (flock(*ret_lock, LOCK_EX | LOCK_NB) != 0) {
                (void)close(*ret_lock);
                *ret_lock = -1;
                return bdfs_fail(err, BDFS_LIMIT, "another `bdfs cluster` works on %s", ret);
        }
        return BDFS_OK;
}

static void stop_all(const struct cluster_process *all, size_t n)
{
        int64_t deadline = os_mono_ms() + CLUSTER_STOP_MS;

        for (size_t i = n; i > 0; i--) {
                (void)cluster_process_signal(&all[i - 1], SIGTERM); /* it may have ended */
        }
        for (size_t i = 0; i < n; i++) {
                while (cluster_process_pid(&all[i]) != 0 && os_mono_ms() < deadline)
                        os_sleep_ms(10);
                (void)cluster_process_signal(&all[i], SIGKILL); /* it has ended, mostly */
        }
}

static bool none_runs(const struct cluster_process *all, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (cluster_process_pid(&all[i]) != 0)
                        return false;
        return true;
}

/* Somebody has a port of a process that is not there. */
static bool lost_a_port(const struct cluster_process *all, size_t n)
{
        struct bdfs_err why;

        for (size_t i = 0; i < n; i++)
                if (cluster_process_pid(&all[i]) == 0 &&
                    cluster_ports_check(&all[i], &why) != BDFS_OK)
                        return true;
        return false;
}

static enum bdfs_status bring_up(const char *dir, const struct cluster_settings *s,
                                 struct cluster_process *all, size_t n, struct bdfs_err *err)
{
        if (make_dirs(all, n, err) != BDFS_OK || cluster_write_conf(dir, s, err) != BDFS_OK ||
            start_all(all, n, err) != BDFS_OK)
                return err->status;
        return wait_ready(s, all, n, err);
}

enum bdfs_status cluster_start(const char *dir, const struct cluster_settings *settings,
                               uint16_t *ret_moved, struct bdfs_err *err)
{
        struct cluster_process all[CLUSTER_PROCESSES_MAX];
        struct cluster_settings s;
        AUTO_CLOSE int lock = -1;
        char full[PATH_MAX];
        size_t n;

        if (enter(dir, true, full, &lock, err) != BDFS_OK)
                return err->status;
        if (cluster_settings_load(full, &s, err) != BDFS_OK &&
            (err->status != BDFS_NOT_FOUND ||
             cluster_settings_make(full, settings, &s, err) != BDFS_OK))
                return err->status;
        *ret_moved = 0;
        for (unsigned moves = 0;; moves++) {
                bool may_move;

                n = cluster_processes(full, &s, all);
                may_move = s.any_port && moves < CLUSTER_MOVES_MAX && none_runs(all, n);
                if (bring_up(full, &s, all, n, err) == BDFS_OK)
                        return BDFS_OK;
                if (!may_move || !lost_a_port(all, n))
                        return err->status;
                stop_all(all, n);
                if (cluster_settings_move(full, &s, err) != BDFS_OK)
                        return err->status;
                *ret_moved = s.base_port;
        }
}

enum bdfs_status cluster_stop(const char *dir, struct bdfs_err *err)
{
        struct cluster_process all[CLUSTER_PROCESSES_MAX];
        struct cluster_settings s;
        AUTO_CLOSE int lock = -1;
        char full[PATH_MAX];
        size_t n;

        if (enter(dir, false, full, &lock, err) != BDFS_OK ||
            cluster_settings_load(full, &s, err) != BDFS_OK)
                return err->status;
        n = cluster_processes(full, &s, all);
        stop_all(all, n);
        return BDFS_OK;
}

static json_t *port_json(uint16_t port)
{
        return port == 0 ? json_null() : json_integer(port);
}

static json_t *process_json(const struct cluster_process *p)
{
        pid_t pid = cluster_process_pid(p);

        return json_pack("{s:s s:i s:o s:s s:{s:o s:o s:o s:o}}", "role", p->role, "id", (int)p->id,
                         "pid", pid == 0 ? json_null() : json_integer(pid), "dir", p->dir, "ports",
                         "tls", port_json(p->own_port), "hadoop", port_json(p->hadoop_port), "http",
                         json_null(), "hadoop_ipc", port_json(p->ipc_port));
}

enum bdfs_status cluster_print(const char *dir, bool json, FILE *to, struct bdfs_err *err)
{
        struct cluster_process all[CLUSTER_PROCESSES_MAX];
        struct cluster_settings s;
        char full[PATH_MAX];
        json_t *j, *list;
        size_t n, up = 0;

        if (cluster_dir_find(dir, false, full, err) != BDFS_OK ||
            cluster_settings_load(full, &s, err) != BDFS_OK)
                return err->status;
        n = cluster_processes(full, &s, all);
        list = json_array();
        for (size_t i = 0; i < n; i++) {
                pid_t pid = cluster_process_pid(&all[i]);

                up += pid != 0;
                if (json)
                        (void)json_array_append_new(list, process_json(&all[i]));
                else
                        (void)fprintf(to, "%-9s %3u  %-8s pid %-8ld port %u\n", all[i].role,
                                      all[i].id, pid != 0 ? "running" : "stopped", (long)pid,
                                      all[i].own_port);
        }
        j = json_pack("{s:s s:s s:b s:i s:o}", "dir", full, "cluster", s.cluster, "running",
                      up == n, "replication", (int)s.replication, "processes", list);
        if (json) {
                (void)json_dumpf(j, to, JSON_INDENT(2));
                (void)fputc('\n', to);
        }
        json_decref(j);
        return BDFS_OK;
}
