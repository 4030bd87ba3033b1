#include "client/cluster.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cluster_conf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/os.h"
#include "net/rpc_client.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/message.h"

/* ---- settings ---- */

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

static enum bdfs_status settings_save(const char *dir, const struct cluster_settings *s,
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

static enum bdfs_status settings_load(const char *dir, struct cluster_settings *s,
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

/* ---- processes ---- */

/* The pid in the pid file; 0: none. */
static pid_t last_pid(const struct cluster_process *p)
{
        char path[PATH_MAX + 8];
        long pid = 0;
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/pid", p->dir);
        f = fopen(path, "re");
        if (f == NULL)
                return 0;
        if (fscanf(f, "%ld", &pid) != 1 || pid < 0)
                pid = 0;
        (void)fclose(f);
        return (pid_t)pid;
}

/* 0: not running. A pid file may be old: only a process that was given this conf file counts. */
static pid_t running(const struct cluster_process *p)
{
        char path[PATH_MAX + 8], proc[64], line[2 * PATH_MAX];
        AUTO_CLOSE int fd = -1;
        pid_t pid = last_pid(p);
        ssize_t n;

        if (pid == 0)
                return 0;
        (void)snprintf(proc, sizeof(proc), "/proc/%ld/cmdline", (long)pid);
        fd = open(proc, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
        if (n <= 0)
                return 0;
        line[n] = '\0';
        (void)snprintf(path, sizeof(path), "%s/conf", p->dir);
        return memmem(line, (size_t)n, path, strlen(path) + 1) != NULL ? pid : 0;
}

/* How many threads @pid has, dead ones left out but for the first. */
static unsigned threads_of(pid_t pid)
{
        char path[64];
        unsigned n = 0;
        DIR *d;

        (void)snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
        d = opendir(path);
        if (d == NULL)
                return 0;
        for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
                n += e->d_name[0] != '.';
        (void)closedir(d);
        return n;
}

/* Is it dead, with all of its threads, whose locks are then free? Or somebody else by now? */
static bool is_gone(pid_t pid)
{
        char path[64], state = 'X', byte;
        AUTO_CLOSE int fd = -1;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", (long)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, &byte, 1) == 1)
                return true;
        (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
        f = fopen(path, "re");
        if (f == NULL)
                return true;
        if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
                state = 'X';
        (void)fclose(f);
        return (state == 'Z' || state == 'X') && threads_of(pid) <= 1;
}

/* A process that was killed has no command line any more, but for a moment still its locks. */
static void wait_until_gone(const struct cluster_process *p)
{
        int64_t deadline = os_mono_ms() + CLUSTER_STOP_MS;
        pid_t pid = last_pid(p);

        while (pid != 0 && !is_gone(pid) && os_mono_ms() < deadline)
                os_sleep_ms(5);
}

static void show_log(const struct cluster_process *p, struct bdfs_err *err)
{
        char path[PATH_MAX + 8], tail[600];
        AUTO_CLOSE int fd = -1;
        off_t end;
        ssize_t n;
        size_t used = strlen(err->text);

        (void)snprintf(path, sizeof(path), "%s/log", p->dir);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
        n = fd < 0 ? 0
                   : pread(fd, tail, sizeof(tail) - 1,
                           end > (off_t)sizeof(tail) - 1 ? end - (off_t)sizeof(tail) + 1 : 0);
        if (n <= 0)
                return;
        tail[n] = '\0';
        (void)snprintf(err->text + used, sizeof(err->text) - used, "; the end of %s:\n%s", path,
                       tail);
}

/* In the child: become the daemon @program, in a session of its own, logging to p->dir/log.
 * Whatever hinders it goes to @report as an errno; exec closes it. */
static _Noreturn void become(const struct cluster_process *p, const char *program, int report)
{
        char conf[PATH_MAX + 8], log[PATH_MAX + 8];
        int in = open("/dev/null", O_RDONLY);
        int out;

        (void)snprintf(log, sizeof(log), "%s/log", p->dir);
        (void)snprintf(conf, sizeof(conf), "%s/conf", p->dir);
        out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (in >= 0 && out >= 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
                (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
                (void)setsid();
                (void)execl(program, program, "--conf", conf, (char *)NULL);
        }
        (void)!write(report, &errno, sizeof(errno));
        _exit(127);
}

/* Start @program; when this returns it has been executed, so running() knows it. */
static enum bdfs_status execute(const struct cluster_process *p, const char *program, pid_t *ret,
                                struct bdfs_err *err)
{
        int ends[2], eno = 0;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) != 0)
                return bdfs_fail_errno(err, errno, "pipe");
        pid = fork();
        if (pid == 0)
                become(p, program, ends[1]);
        (void)close(ends[1]);
        if (pid < 0) {
                (void)close(ends[0]);
                return bdfs_fail_errno(err, errno, "fork");
        }
        while (read(ends[0], &eno, sizeof(eno)) < 0 && errno == EINTR)
                ;
        (void)close(ends[0]);
        if (eno != 0)
                return bdfs_fail_errno(err, eno, "cannot run %s", program);
        *ret = pid;
        return BDFS_OK;
}

static enum bdfs_status spawn(const struct cluster_process *p, struct bdfs_err *err)
{
        char program[PATH_MAX + 32], path[PATH_MAX + 8];
        ssize_t n = readlink("/proc/self/exe", program, PATH_MAX);
        char *slash;
        FILE *f;
        pid_t pid = 0;

        if (n <= 0)
                return bdfs_fail_errno(err, errno, "readlink /proc/self/exe");
        program[n] = '\0';
        slash = strrchr(program, '/');
        (void)snprintf(slash + 1, (size_t)(program + sizeof(program) - slash - 1), "bdfs-%s",
                       p->role);
        if (access(program, X_OK) != 0)
                return bdfs_fail_errno(err, errno, "%s cannot be run", program);
        if (execute(p, program, &pid, err) != BDFS_OK)
                return err->status;
        (void)snprintf(path, sizeof(path), "%s/pid", p->dir);
        f = fopen(path, "we");
        if (f == NULL || fprintf(f, "%ld\n", (long)pid) < 0 || fclose(f) != 0)
                return bdfs_fail_errno(err, errno, "cannot write %s", path);
        return BDFS_OK;
}

static enum bdfs_status start_one(struct cluster_process *p, struct bdfs_err *err)
{
        wait_until_gone(p);
        if (spawn(p, err) != BDFS_OK)
                return bdfs_wrap(err, "start %s %u", p->role, p->id);
        p->started = true;
        return BDFS_OK;
}

static enum bdfs_status start_all(struct cluster_process *all, size_t n, struct bdfs_err *err)
{
        for (size_t i = 0; i < n; i++) {
                if (running(&all[i]) == 0 && start_one(&all[i], err) != BDFS_OK)
                        return err->status;
        }
        return BDFS_OK;
}

/* ---- waiting until it takes writes ---- */

static enum bdfs_status ask(struct rpc_client *c, unsigned datanodes, bool *ret,
                            struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + 2000;
        Hadoop__SetSafeModeRequestProto mode = HADOOP__SET_SAFE_MODE_REQUEST_PROTO__INIT;
        Hadoop__GetDatanodeReportRequestProto live = HADOOP__GET_DATANODE_REPORT_REQUEST_PROTO__INIT;
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
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ; /* children that ended at once */
        for (size_t i = 0; i < n; i++) {
                if (running(&all[i]) != 0)
                        continue;
                if (!all[i].started) {
                        if (start_one(&all[i], err) != BDFS_OK)
                                return err->status;
                        continue;
                }
                (void)bdfs_fail(err, BDFS_FAILED, "%s %u ended at its start", all[i].role,
                                all[i].id);
                show_log(&all[i], err);
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
        (void)bdfs_wrap(err, "the cluster does not take writes after %d s", CLUSTER_START_MS / 1000);
        show_log(&all[0], err);
        return err->status;
}

/* ---- up, down, status ---- */

static enum bdfs_status make_dirs(const struct cluster_process *all, size_t n, struct bdfs_err *err)
{
        char data[PATH_MAX + 8];

        for (size_t i = 0; i < n; i++) {
                (void)snprintf(data, sizeof(data), "%s/data", all[i].dir);
                if ((mkdir(all[i].dir, 0755) != 0 && errno != EEXIST) ||
                    (mkdir(data, 0700) != 0 && errno != EEXIST))
                        return bdfs_fail_errno(err, errno, "cannot make %s", data);
        }
        return BDFS_OK;
}

static enum bdfs_status make_cluster(const char *dir, const struct cluster_settings *wanted,
                                     struct cluster_settings *ret, struct bdfs_err *err)
{
        uint8_t id[16];

        *ret = *wanted;
        os_random(id, sizeof(id));
        for (size_t i = 0; i < sizeof(id); i++)
                (void)snprintf(ret->cluster + 2 * i, 3, "%02x", id[i]);
        if (ret->base_port == 0 && pick_base_port(ret, err) != BDFS_OK)
                return err->status;
        return settings_save(dir, ret, err);
}

/* DIR, absolute and locked against a second `up` or `down`. */
static enum bdfs_status enter(const char *dir, bool make, char ret[PATH_MAX], int *ret_lock,
                              struct bdfs_err *err)
{
        char path[PATH_MAX + 8];

        if (make && mkdir(dir, 0755) != 0 && errno != EEXIST)
                return bdfs_fail_errno(err, errno, "cannot make %s", dir);
        if (realpath(dir, ret) == NULL)
                return bdfs_fail_errno(err, errno, "%s", dir);
        (void)snprintf(path, sizeof(path), "%s/lock", ret);
        *ret_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (*ret_lock < 0)
                return bdfs_fail_errno(err, errno, "cannot open %s", path);
        if (flock(*ret_lock, LOCK_EX | LOCK_NB) != 0) {
                (void)close(*ret_lock);
                *ret_lock = -1;
                return bdfs_fail(err, BDFS_LIMIT, "another `bdfs cluster` works on %s", ret);
        }
        return BDFS_OK;
}

enum bdfs_status cluster_start(const char *dir, const struct cluster_settings *settings,
                               struct bdfs_err *err)
{
        struct cluster_process all[CLUSTER_PROCESSES_MAX];
        struct cluster_settings s;
        AUTO_CLOSE int lock = -1;
        char full[PATH_MAX];
        size_t n;

        if (enter(dir, true, full, &lock, err) != BDFS_OK)
                return err->status;
        if (settings_load(full, &s, err) != BDFS_OK &&
            (err->status != BDFS_NOT_FOUND || make_cluster(full, settings, &s, err) != BDFS_OK))
                return err->status;
        n = cluster_processes(full, &s, all);
        if (make_dirs(all, n, err) != BDFS_OK || cluster_write_conf(full, &s, err) != BDFS_OK ||
            start_all(all, n, err) != BDFS_OK)
                return err->status;
        return wait_ready(&s, all, n, err);
}

enum bdfs_status cluster_stop(const char *dir, struct bdfs_err *err)
{
        struct cluster_process all[CLUSTER_PROCESSES_MAX];
        struct cluster_settings s;
        AUTO_CLOSE int lock = -1;
        char full[PATH_MAX];
        int64_t deadline = os_mono_ms() + CLUSTER_STOP_MS;
        size_t n;

        if (enter(dir, false, full, &lock, err) != BDFS_OK ||
            settings_load(full, &s, err) != BDFS_OK)
                return err->status;
        n = cluster_processes(full, &s, all);
        for (size_t i = n; i > 0; i--) {
                pid_t pid = running(&all[i - 1]);

                if (pid != 0)
                        (void)kill(pid, SIGTERM); /* it may just have ended */
        }
        for (size_t i = 0; i < n; i++) {
                pid_t pid;

                while ((pid = running(&all[i])) != 0 && os_mono_ms() < deadline)
                        os_sleep_ms(10);
                if (pid != 0)
                        (void)kill(pid, SIGKILL);
        }
        return BDFS_OK;
}

static json_t *port_json(uint16_t port)
{
        return port == 0 ? json_null() : json_integer(port);
}

static json_t *process_json(const struct cluster_process *p)
{
        pid_t pid = running(p);

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

        if (realpath(dir, full) == NULL)
                return bdfs_fail_errno(err, errno, "%s", dir);
        if (settings_load(full, &s, err) != BDFS_OK)
                return err->status;
        n = cluster_processes(full, &s, all);
        list = json_array();
        for (size_t i = 0; i < n; i++) {
                pid_t pid = running(&all[i]);

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
