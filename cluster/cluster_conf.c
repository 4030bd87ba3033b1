#include "cluster/cluster_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/cluster_dir.h"
#include "common/cleanup.h"
#include "common/os.h"
#include "net/cluster_secret.h"

size_t cluster_processes(const char *dir, const struct cluster_settings *s,
                         struct cluster_process *ret)
{
        uint16_t base = s->base_port;
        size_t n = 0;
        struct cluster_process *p = &ret[n++];

        *p = (struct cluster_process){.role = "namenode", .id = 0, .own_port = base,
                                      .hadoop_port = s->hadoop ? (uint16_t)(base + 1) : 0};
        (void)snprintf(p->dir, sizeof(p->dir), "%s/namenode-0", dir);
        for (unsigned i = 1; i <= s->datanodes; i++) {
                uint16_t at = (uint16_t)(base + 10 * i);

                p = &ret[n++];
                *p = (struct cluster_process){.role = "datanode", .id = i, .own_port = at,
                                              .own_ipc_port = (uint16_t)(at + 4)};
                if (s->hadoop) {
                        p->hadoop_port = (uint16_t)(at + 1);
                        p->ipc_port = (uint16_t)(at + 3);
                }
                (void)snprintf(p->dir, sizeof(p->dir), "%s/datanode-%u", dir, i);
        }
        for (unsigned i = 1; s->agents && i <= s->datanodes; i++) {
                p = &ret[n++];
                *p = (struct cluster_process){.role = "agent", .id = i,
                                              .own_port = (uint16_t)(base + 10 * i + 5)};
                (void)snprintf(p->dir, sizeof(p->dir), "%s/agent-%u", dir, i);
        }
        return n;
}

static const char *yes(bool b)
{
        return b ? "yes" : "no";
}

static void write_namenode(FILE *f, const struct cluster_settings *s,
                           const struct cluster_process *p)
{
        (void)fprintf(f, "cluster = %s\ndata = %s/data\nown_port = %u\nhadoop = %s\n"
                         "hadoop_port = %u\nhadoop_superuser = %s\nreplication = %u\n"
                         "block_size = %llu\nblock_size_min = %llu\ncheckpoint_bytes = %llu\n"
                         "grace = %llus\ntrash = %llums\n",
                      s->cluster, p->dir, p->own_port, yes(s->hadoop), s->base_port + 1,
                      yes(s->hadoop), s->replication, (unsigned long long)s->block_size,
                      (unsigned long long)s->min_block_size,
                      (unsigned long long)s->checkpoint_bytes, (unsigned long long)s->grace_s,
                      (unsigned long long)s->trash_ms);
}

static void write_datanode(FILE *f, const struct cluster_settings *s,
                           const struct cluster_process *p)
{
        (void)fprintf(f, "cluster = %s\ndata = %s/data\nnamenodes = 127.0.0.1:%u\nown_port = %u\n"
                         "own_ipc_port = %u\nhadoop = %s\nhadoop_superuser = %s\nrack = %s\n",
                      s->cluster, p->dir, s->base_port, p->own_port, p->own_ipc_port,
                      yes(s->hadoop), yes(s->hadoop), s->racks[(p->id - 1) % s->racks_n]);
        if (s->hadoop)
                (void)fprintf(f, "hadoop_port = %u\nipc_port = %u\n", p->hadoop_port, p->ipc_port);
        if (s->agents)
                (void)fprintf(f, "agent_port = %u\n", p->own_port + 5);
}

/* All agents share this machine's cores. */
static void write_agent(FILE *f, const char *dir, const struct cluster_settings *s,
                        const struct cluster_process *p)
{
        long slots = s->slots > 0 ? (long)s->slots
                                  : sysconf(_SC_NPROCESSORS_ONLN) / (long)s->datanodes;

        (void)fprintf(f, "client = %s/client.conf\nport = %u\nscratch = %s/data\n"
                         "datanode = 127.0.0.1:%u\nsocket_path = %s/datanode-%u/data/socket\n"
                         "slots = %ld\ntask_timeout = %llus\nsort_buffer = %llu\n",
                      dir, p->own_port, p->dir, p->own_port - 5, dir, p->id,
                      slots < 1 ? 1 : slots, (unsigned long long)s->task_timeout_s,
                      (unsigned long long)s->sort_memory);
}

static enum bdfs_status write_one(const char *dir, const struct cluster_settings *s,
                                  const struct cluster_process *p, struct bdfs_err *err)
{
        char path[PATH_MAX + 8];
        struct cluster_file file;
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/conf", p->dir);
        if (cluster_file_begin(&file, path, 0600, err) != BDFS_OK)
                return err->status;
        f = file.to;
        (void)fprintf(f, "# made by `bdfs cluster up`; made again at each start\n");
        (void)fprintf(f, "log = %s/log\n", p->dir);
        if (strcmp(p->role, "agent") != 0)
                (void)fprintf(f, "secret = %s/secret\n", dir);
        if (strcmp(p->role, "namenode") == 0)
                write_namenode(f, s, p);
        else if (strcmp(p->role, "datanode") == 0)
                write_datanode(f, s, p);
        else
                write_agent(f, dir, s, p);
        return cluster_file_finish(&file, err);
}

/* The cluster's secret, which is made once: also for a cluster of a version that had none. It has
 * its name only when it is whole and on the disk. */
static enum bdfs_status make_secret(const char *dir, struct bdfs_err *err)
{
        char path[PATH_MAX + 16], tmp[PATH_MAX + 16], text[CLUSTER_SECRET_FILE_BYTES + 1];
        AUTO_CLOSE int fd = -1;
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/secret", dir);
        (void)snprintf(tmp, sizeof(tmp), "%s/secret.new", dir);
        if (lstat(path, &st) == 0)
                return BDFS_OK; /* the daemons look whether it is right */
        if (errno != ENOENT)
                return bdfs_fail_errno(err, errno, "cannot look at %s", path);
        (void)unlink(tmp); /* of a start that was interrupted */
        fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        cluster_secret_make(text);
        if (fd < 0 || write(fd, text, CLUSTER_SECRET_FILE_BYTES) != CLUSTER_SECRET_FILE_BYTES ||
            fsync(fd) != 0 || rename(tmp, path) != 0)
                return bdfs_fail_errno(err, errno, "cannot make %s", path);
        return os_sync_dir(dir, err);
}

enum bdfs_status cluster_write_conf(const char *dir, const struct cluster_settings *s,
                                    struct bdfs_err *err)
{
        struct cluster_process all[CLUSTER_PROCESSES_MAX];
        size_t n = cluster_processes(dir, s, all);
        char path[PATH_MAX + 16];
        struct cluster_file file;

        if (make_secret(dir, err) != BDFS_OK)
                return err->status;
        for (size_t i = 0; i < n; i++) {
                if (write_one(dir, s, &all[i], err) != BDFS_OK)
                        return err->status;
        }
        (void)snprintf(path, sizeof(path), "%s/client.conf", dir);
        if (cluster_file_begin(&file, path, 0644, err) != BDFS_OK)
                return err->status;
        (void)fprintf(file.to, "# made by `bdfs cluster up`\nname = bdfs\nnamenode = 127.0.0.1:%u\n"
                         "owner = %u\n", s->base_port, (unsigned)getuid());
        return cluster_file_finish(&file, err);
}
