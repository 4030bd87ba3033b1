/* Connecting: configuration, uri, user; and the calls that everything else is made of. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/data.h"
#include "client/fs.h"
#include "client/lease_renewal.h"
#include "common/host_port.h"

#define C struct client_conf
#define RESERVED "/.reserved/"

const struct conf_key client_conf_table[] = {
        {"name", CONF_STRING(C, name), "bdfs", 1, 64, "the cluster's name in bdfs://NAME/path"},
        {"namenode", CONF_STRING(C, namenode), NULL, 1, 300, "host:port of the namenode"},
        {"replication", CONF_INT(C, replication), "0", 0, REPLICATION_MAX,
         "copies of new files; 0: what the namenode says"},
        {"block_size", CONF_BYTES(C, block_size), "0", 0, BLOCK_BYTES_MAX,
         "block size of new files; 0: what the namenode says"},
        {"owner", CONF_INT(C, owner), "-1", -1, UINT32_MAX - 1,
         "uid that the cluster's daemons run as; on this machine no other is spoken to; -1: any"},
        {"timeout", CONF_MS(C, timeout_ms), "60s", 100, 3600000, "how long a call may take"},
};
const size_t client_conf_table_n = sizeof(client_conf_table) / sizeof(client_conf_table[0]);

/* Which configuration file; NULL when there is none to be found. */
static const char *conf_path(const struct bdfs_options *o, char room[512])
{
        const char *home = getenv("HOME"), *env = getenv("BDFS_CONF");

        if (o->conf != NULL)
                return o->conf;
        if (env != NULL && env[0] != '\0')
                return env;
        if (home != NULL) {
                (void)snprintf(room, 512, "%s/.bdfs/client.conf", home);
                if (access(room, R_OK) == 0)
                        return room;
        }
        return access("/etc/bdfs/client.conf", R_OK) == 0 ? "/etc/bdfs/client.conf" : NULL;
}

static enum bdfs_status load_conf(struct bdfs *fs, const struct bdfs_options *o,
                                  struct bdfs_err *err)
{
        char room[512];
        const char *path = conf_path(o, room);

        if (path == NULL && o->uri != NULL)
                return BDFS_OK; /* a full uri needs no file */
        if (path == NULL)
                return bdfs_fail(err, BDFS_USAGE,
                                 "no cluster is known: give --conf FILE or --uri hdfs://host:port, "
                                 "or set BDFS_CONF to the client.conf of a cluster");
        if (conf_load(client_conf_table, client_conf_table_n, path, &fs->conf, err) != BDFS_OK)
                return bdfs_wrap(err, "configuration");
        fs->conf_loaded = true;
        return BDFS_OK;
}

/* Where the namenode is, from uri or configuration. */
static enum bdfs_status find_namenode(struct bdfs *fs, const struct bdfs_options *o,
                                      struct os_addr *ret, struct bdfs_err *err)
{
        int64_t deadline_ms = os_mono_ms() + fs->timeout_ms;
        char text[400];
        enum bdfs_status rc;

        if (o->uri != NULL && strncmp(o->uri, "hdfs://", 7) == 0) {
                fs->hadoop = true;
                (void)snprintf(text, sizeof(text), "%.300s", o->uri);
                if (text[strlen(text) - 1] == '/' && strlen(text) > 7)
                        text[strlen(text) - 1] = '\0'; /* hdfs://host:port/ */
                rc = host_port_resolve(text + 7, 8020, deadline_ms, ret, err);
                if (rc == BDFS_USAGE)
                        return bdfs_fail(err, rc, "%s is not hdfs://host:port", o->uri);
                if (rc != BDFS_OK)
                        return bdfs_wrap(err, "%s", o->uri);
        } else {
                if (!fs->conf_loaded)
                        return bdfs_fail(err, BDFS_USAGE, "%s is not hdfs://host:port", o->uri);
                (void)snprintf(text, sizeof(text), "bdfs://%s", fs->conf.name);
                if (o->uri != NULL && strcmp(o->uri, text) != 0)
                        return bdfs_fail(err, BDFS_USAGE,
                                         "%s is not the cluster of this configuration, which is %s",
                                         o->uri, text);
                if (host_port_resolve(fs->conf.namenode, 9000, deadline_ms, ret, err) != BDFS_OK)
                        return bdfs_wrap(err, "namenode");
        }
        fs->uri = strdup(text);
        return fs->uri == NULL ? bdfs_fail(err, BDFS_NO_MEMORY, "no memory") : BDFS_OK;
}

static enum bdfs_status find_user(struct bdfs *fs, const struct bdfs_options *o,
                                  struct bdfs_err *err)
{
        const char *env = getenv("HADOOP_USER_NAME");

        if (o->user != NULL && (o->user[0] == '\0' || strlen(o->user) >= sizeof(fs->user) ||
                                strchr(o->user, '/') != NULL))
                return bdfs_fail(err, BDFS_USAGE, "`%s' is no name of a user", o->user);
        if (o->user != NULL)
                (void)snprintf(fs->user, sizeof(fs->user), "%s", o->user);
        else if (env != NULL && env[0] != '\0')
                (void)snprintf(fs->user, sizeof(fs->user), "%s", env);
        else if (os_user_name(os_own_uid(), fs->user, err) != BDFS_OK)
                return bdfs_wrap(err, "your own user has no name on this host");
        return BDFS_OK;
}

enum bdfs_status bdfs_connect(struct bdfs **ret, const struct bdfs_options *options,
                              struct bdfs_err *err)
{
        static const struct bdfs_options none;
        const struct bdfs_options *o = options == NULL ? &none : options;
        struct bdfs *fs = calloc(1, sizeof(*fs));
        struct os_addr namenode;
        uint64_t id[2];

        if (fs == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        os_mutex_init(&fs->lock);
        if (load_conf(fs, o, err) != BDFS_OK)
                goto fail;
        fs->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms
                         : fs->conf_loaded ? fs->conf.timeout_ms
                                           : CLIENT_TIMEOUT_MS;
        if (find_namenode(fs, o, &namenode, err) != BDFS_OK || find_user(fs, o, err) != BDFS_OK)
                goto fail;
        fs->wait_safe_mode = o->wait_safe_mode;
        fs->ignore_checksums = o->ignore_checksums;
        os_random(id, sizeof(id));
        (void)snprintf(fs->client_name, sizeof(fs->client_name), "bdfs_%016llx%016llx",
                       (unsigned long long)id[0], (unsigned long long)id[1]);
        fs->owner = fs->hadoop || fs->conf.owner < 0 ? SERVER_OWNER_ANY : (uid_t)fs->conf.owner;
        if (rpc_client_new(&fs->rpc, &namenode, fs->user, err) != BDFS_OK ||
            lease_thread_new(&fs->leases, fs, err) != BDFS_OK ||
            data_pool_new(&fs->pool, fs->owner, err) != BDFS_OK)
                goto fail;
        rpc_client_expect(fs->rpc, fs->owner);
        *ret = fs;
        return BDFS_OK;
fail:
        bdfs_disconnect(fs);
        return err->status;
}

void bdfs_disconnect(struct bdfs *fs)
{
        if (fs == NULL)
                return;
        lease_thread_free(fs->leases);
        data_pool_free(fs->pool);
        rpc_client_free(fs->rpc);
        if (fs->conf_loaded)
                conf_free(client_conf_table, client_conf_table_n, &fs->conf);
        os_mutex_fini(&fs->lock);
        free(fs->uri);
        free(fs);
}

const char *bdfs_user(const struct bdfs *fs)
{
        return fs->user;
}

const char *bdfs_uri(const struct bdfs *fs)
{
        return fs->uri;
}

bool bdfs_is_hadoop(const struct bdfs *fs)
{
        return fs->hadoop;
}

void bdfs_counters(struct bdfs *fs, uint64_t *ret_read, uint64_t *ret_read_local,
                   uint64_t *ret_written)
{
        AUTO_LOCK(&fs->lock);

        *ret_read = fs->bytes_read;
        *ret_read_local = fs->bytes_local;
        *ret_written = fs->bytes_written;
}

void fs_count(struct bdfs *fs, uint64_t read, uint64_t local, uint64_t written)
{
        AUTO_LOCK(&fs->lock);

        fs->bytes_read += read;
        fs->bytes_local += local;
        fs->bytes_written += written;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* What may pass is tried again until the deadline. */
static bool may_pass(const struct bdfs *fs, enum bdfs_status rc)
{
        return rc == BDFS_RETRY || rc == BDFS_STANDBY ||
               (rc == BDFS_SAFE_MODE && fs->wait_safe_mode);
}

enum bdfs_status fs_call(struct bdfs *fs, enum method_id id, const ProtobufCMessage *request,
                         ProtobufCMessage **ret, struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + fs->timeout_ms, wait = CLIENT_RETRY_FIRST_MS;
        enum bdfs_status rc;

        for (;;) {
                rc = rpc_client_call(fs->rpc, method_of(id), request, ret, deadline, err);
                if (!may_pass(fs, rc) || os_mono_ms() + wait >= deadline)
                        return rc;
                os_sleep_ms(wait);
                if (wait < CLIENT_RETRY_MOST_MS)
                        wait *= 2;
        }
}

enum bdfs_status fs_call_only(struct bdfs *fs, enum method_id id, const ProtobufCMessage *request,
                              struct bdfs_err *err)
{
        ProtobufCMessage *answer = NULL;
        enum bdfs_status rc = fs_call(fs, id, request, &answer, err);

        if (rc == BDFS_OK)
                message_free(answer);
        return rc;
}

char *fs_link_target(const char *path, const struct bdfs_err *err)
{
        if (err->status != BDFS_SYMLINK || err->text[0] != '/' ||
            strncmp(path, RESERVED, sizeof(RESERVED) - 1) == 0)
                return NULL;
        return strndup(err->text, strcspn(err->text, "\n"));
}

enum bdfs_status fs_call_path(struct bdfs *fs, enum method_id id, const ProtobufCMessage *request,
                              char **path, ProtobufCMessage **ret, struct bdfs_err *err)
{
        char *asked = *path, *other = NULL, *next;
        enum bdfs_status rc = fs_call(fs, id, request, ret, err);

        for (unsigned links = 0; rc == BDFS_SYMLINK && links < FS_LINKS_MAX; links++) {
                next = fs_link_target(*path, err);
                if (next == NULL)
                        break;
                free(other);
                *path = other = next;
                rc = fs_call(fs, id, request, ret, err);
        }
        if (rc == BDFS_SYMLINK && strncmp(asked, RESERVED, sizeof(RESERVED) - 1) != 0)
                rc = bdfs_wrap(err, "`%s': too many symbolic links, or one that leads elsewhere",
                               asked);
        *path = asked;
        free(other);
        return rc;
}

enum bdfs_status fs_call_path_only(struct bdfs *fs, enum method_id id,
                                   const ProtobufCMessage *request, char **path,
                                   struct bdfs_err *err)
{
        ProtobufCMessage *answer = NULL;
        enum bdfs_status rc = fs_call_path(fs, id, request, path, &answer, err);

        if (rc == BDFS_OK)
                message_free(answer);
        return rc;
}

enum bdfs_status bdfs_defaults(struct bdfs *fs, struct bdfs_defaults *ret, struct bdfs_err *err)
{
        Hadoop__GetServerDefaultsRequestProto q = HADOOP__GET_SERVER_DEFAULTS_REQUEST_PROTO__INIT;
        ProtobufCMessage *m;
        bool known;

        os_mutex_lock(&fs->lock);
        known = fs->has_defaults;
        *ret = fs->defaults;
        os_mutex_unlock(&fs->lock);
        if (!known) {
                const Hadoop__FsServerDefaultsProto *d;

                if (fs_call(fs, METHOD_CLIENT_getServerDefaults, &q.base, &m, err) != BDFS_OK)
                        return err->status;
                d = ((Hadoop__GetServerDefaultsResponseProto *)m)->serverdefaults;
                *ret = (struct bdfs_defaults){
                        .block_size = d->blocksize,
                        .replication = d->replication,
                        .trash_minutes = d->has_trashinterval ? d->trashinterval : 0,
                };
                message_free(m);
                os_mutex_lock(&fs->lock);
                fs->defaults = *ret;
                fs->has_defaults = true;
                os_mutex_unlock(&fs->lock);
        }
        if (fs->hadoop) /* the configuration is not of this cluster */
                return BDFS_OK;
        if (fs->conf_loaded && fs->conf.block_size > 0)
                ret->block_size = (uint64_t)fs->conf.block_size;
        if (fs->conf_loaded && fs->conf.replication > 0)
                ret->replication = (uint32_t)fs->conf.replication;
        return BDFS_OK;
}
