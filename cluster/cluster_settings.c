/* cluster.json: what a cluster in one directory is made of, fixed at its first start. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cluster/cluster_conf.h"
#include "cluster/cluster_dir.h"
#include "cluster/cluster_ports.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/os.h"

#define SETTINGS_VERSION 1 /* raised when an older program would do harm with what stands there */

void cluster_default_settings(struct cluster_settings *s)
{
        *s = (struct cluster_settings){
                .datanodes = 3,
                .replication = 3,
                .block_size = 128 * MIB,
                .min_block_size = MIB,
                .checkpoint_bytes = CHECKPOINT_JOURNAL_BYTES_MIN,
                .grace_s = 3600,
                .base_port = 9000,
                .agents = true,
                .task_timeout_s = 600,
                .sort_memory = 128 * MIB,
                .racks_n = 1,
                .trash_ms = CLUSTER_TRASH_MS,
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

static enum bdfs_status save(const char *dir, const struct cluster_settings *s,
                             struct bdfs_err *err)
{
        char path[PATH_MAX];
        json_t *racks = json_array(), *j;
        struct cluster_file file;
        bool bad;

        for (unsigned i = 0; i < s->racks_n; i++)
                (void)json_array_append_new(racks, json_string(s->racks[i]));
        j = json_pack("{s:i s:s s:i s:i s:I s:I s:I s:I s:i s:b s:b s:b s:I s:i s:I s:I s:o}",
                      "version", SETTINGS_VERSION, "cluster", s->cluster, "datanodes",
                      (int)s->datanodes,
                      "replication",
                      (int)s->replication, "block_size", (json_int_t)s->block_size,
                      "min_block_size", (json_int_t)s->min_block_size, "checkpoint_bytes",
                      (json_int_t)s->checkpoint_bytes, "grace_s", (json_int_t)s->grace_s,
                      "base_port", (int)s->base_port, "any_port",
                      s->any_port, "hadoop", s->hadoop, "agents", s->agents, "trash_ms",
                      (json_int_t)s->trash_ms, "slots", (int)s->slots, "task_timeout_s",
                      (json_int_t)s->task_timeout_s, "sort_memory", (json_int_t)s->sort_memory,
                      "racks", racks);
        (void)snprintf(path, sizeof(path), "%s/cluster.json", dir);
        if (cluster_file_begin(&file, path, 0644, err) != BDFS_OK) {
                json_decref(j);
                return err->status;
        }
        bad = j == NULL || json_dumpf(j, file.to, JSON_INDENT(2)) != 0;
        json_decref(j);
        if (bad) {
                (void)fclose(file.to);
                return bdfs_fail(err, BDFS_IO, "cannot write %s", path);
        }
        return cluster_file_finish(&file, err);
}

enum bdfs_status cluster_settings_load(const char *dir, struct cluster_settings *s,
                                       struct bdfs_err *err)
{
        char path[PATH_MAX];
        AUTO_CLOSE int fd = -1;
        struct stat st;
        const char *cluster;
        json_int_t block, min_block, checkpoint, grace, version, task_timeout, sort_memory;
        json_int_t trash = 0; /* one of before there was a trash */
        int datanodes, replication, port, any = 0, hadoop, agents, slots = 0;
        json_error_t why;
        json_t *j, *racks;
        bool ok;

        (void)snprintf(path, sizeof(path), "%s/cluster.json", dir);
        if (lstat(dir, &st) != 0)
                return bdfs_fail_errno(err, errno, "%s", dir);
        if (cluster_file_open(path, O_RDONLY, st.st_uid, &fd, err) != BDFS_OK)
                return err->status != BDFS_NOT_FOUND
                               ? err->status
                               : bdfs_fail(err, BDFS_NOT_FOUND, "%s is not a cluster's directory "
                                           "(it has no cluster.json)", dir);
        j = json_loadfd(fd, 0, &why);
        if (j == NULL)
                return bdfs_fail(err, BDFS_CORRUPT, "%s line %d: %s", path, why.line, why.text);
        version = json_integer_value(json_object_get(j, "version"));
        if (version > SETTINGS_VERSION) {
                json_decref(j);
                return bdfs_fail(err, BDFS_NEWER, "%s has version %lld; this program knows up to "
                                 "%d: use a newer bdfs", path, (long long)version,
                                 SETTINGS_VERSION);
        }
        cluster_default_settings(s);
        grace = (json_int_t)s->grace_s;
        task_timeout = (json_int_t)s->task_timeout_s;
        sort_memory = (json_int_t)s->sort_memory;
        ok = json_unpack_ex(j, &why, 0, "{s:s s:i s:i s:I s:I s:I s?I s:i s?b s:b s:b s?I s?i s?I "
                            "s?I s:o}", "cluster", &cluster, "datanodes", &datanodes, "replication",
                            &replication, "block_size", &block, "min_block_size", &min_block,
                            "checkpoint_bytes", &checkpoint, "grace_s", &grace, "base_port", &port,
                            "any_port", &any, "hadoop", &hadoop, "agents", &agents, "trash_ms",
                            &trash, "slots", &slots, "task_timeout_s", &task_timeout, "sort_memory",
                            &sort_memory, "racks", &racks) == 0 &&
             strlen(cluster) == 32 && datanodes >= 1 && datanodes <= CLUSTER_DATANODES_MAX;
        if (ok) {
                s->datanodes = (unsigned)datanodes;
                s->replication = (unsigned)replication;
                s->block_size = (uint64_t)block;
                s->min_block_size = (uint64_t)min_block;
                s->checkpoint_bytes = (uint64_t)checkpoint;
                s->grace_s = (uint64_t)grace;
                s->base_port = (uint16_t)port;
                s->any_port = any != 0;
                s->hadoop = hadoop != 0;
                s->agents = agents != 0;
                s->trash_ms = (uint64_t)trash;
                s->slots = (unsigned)slots;
                s->task_timeout_s = (uint64_t)task_timeout;
                s->sort_memory = (uint64_t)sort_memory;
                (void)snprintf(s->cluster, sizeof(s->cluster), "%s", cluster);
                s->racks_n = 0;
                for (size_t i = 0; i < json_array_size(racks) && i < CLUSTER_RACKS_MAX; i++)
                        (void)snprintf(s->racks[s->racks_n++], sizeof(s->racks[0]), "%s",
                                       json_string_value(json_array_get(racks, i)));
        }
        json_decref(j);
        return ok ? BDFS_OK : bdfs_fail(err, BDFS_CORRUPT, "%s does not make sense", path);
}

/* Nobody has what it needs at this moment. */
static enum bdfs_status check_ports(const char *dir, const struct cluster_settings *s,
                                    struct bdfs_err *err)
{
        struct cluster_process all[CLUSTER_PROCESSES_MAX];
        size_t n = cluster_processes(dir, s, all);

        for (size_t i = 0; i < n; i++)
                if (cluster_ports_check(&all[i], err) != BDFS_OK)
                        return bdfs_wrap(err, "--base-port %u", s->base_port);
        return BDFS_OK;
}

enum bdfs_status cluster_settings_make(const char *dir, const struct cluster_settings *wanted,
                                       struct cluster_settings *ret, struct bdfs_err *err)
{
        uint8_t id[16];

        *ret = *wanted;
        os_random(id, sizeof(id));
        for (size_t i = 0; i < sizeof(id); i++)
                (void)snprintf(ret->cluster + 2 * i, 3, "%02x", id[i]);
        ret->any_port = ret->base_port == 0;
        if (ret->any_port)
                return cluster_settings_move(dir, ret, err);
        return check_ports(dir, ret, err) != BDFS_OK ? err->status : save(dir, ret, err);
}

enum bdfs_status cluster_settings_move(const char *dir, struct cluster_settings *s,
                                       struct bdfs_err *err)
{
        BDFS_ASSERT(s->any_port);
        if (cluster_ports_pick(s->datanodes, &s->base_port, err) != BDFS_OK)
                return err->status;
        return save(dir, s, err);
}
