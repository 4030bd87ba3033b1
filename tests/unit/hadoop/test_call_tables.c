/*
 * The namenode's tables of calls by what they do: every call of ClientProtocol is made in safe
 * mode, and every call of all services by somebody who is not the superuser. Those that HDFS
 * refuses are refused with its words, and no others are. Words and names of fields are those of
 * HDFS's FSNamesystem and NameNodeRpcServer.
 */
#include <sys/fsuid.h>

#include "tests/unit/hadoop/test_hadoop_kit.h"

#define NOBODY 65534
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct { /* each string of a request is "/" and its field's name */
        enum method_id id;
        const char *words;
} changes[] = {
        {METHOD_CLIENT_mkdirs, "Cannot create directory /src"},
        {METHOD_CLIENT_delete, "Cannot delete /src"},
        {METHOD_CLIENT_rename, "Cannot rename /src"},
        {METHOD_CLIENT_rename2, "Cannot rename /src"},
        {METHOD_CLIENT_concat, "Cannot concat /trg"},
        {METHOD_CLIENT_truncate, "Cannot truncate for /src"},
        {METHOD_CLIENT_setPermission, "Cannot set permission for /src"},
        {METHOD_CLIENT_setOwner, "Cannot set owner for /src"},
        {METHOD_CLIENT_setTimes, "Cannot set times /src"},
        {METHOD_CLIENT_setReplication, "Cannot set replication for /src"},
        {METHOD_CLIENT_create, "Cannot create file/src"},
        {METHOD_CLIENT_append, "Cannot append to file/src"},
        {METHOD_CLIENT_addBlock, "Cannot add block to /src"},
        {METHOD_CLIENT_abandonBlock, "Cannot abandon block /poolId:blk_0_0 for file/src"},
        {METHOD_CLIENT_getAdditionalDatanode, "Cannot get additional datanode for block /src"},
        {METHOD_CLIENT_updateBlockForPipeline,
         "Cannot get a new generation stamp and an access token for block /poolId:blk_0_0"},
        {METHOD_CLIENT_updatePipeline, "Cannot update pipeline"},
        {METHOD_CLIENT_complete, "Cannot complete file /src"},
        {METHOD_CLIENT_fsync, "Cannot fsync file /src"},
        {METHOD_CLIENT_renewLease, "Cannot renew lease for /clientName"},
        {METHOD_CLIENT_recoverLease, "Cannot recover the lease of /src"},
};

static const struct {
        enum method_id id;
        const char *operation;
} privileged[] = {
        {METHOD_CLIENT_listOpenFiles, "listOpenFiles"},
        {METHOD_CLIENT_listCorruptFileBlocks, "listCorruptFileBlocks"},
        {METHOD_CLIENT_getDatanodeReport, "datanodeReport"},
        {METHOD_CLIENT_getDatanodeStorageReport, "getDatanodeStorageReport"},
        {METHOD_CLIENT_setSafeMode, "safemode_leave"}, /* what the first value of the enum does */
        {METHOD_CLIENT_saveNamespace, "saveNamespace"},
        {METHOD_CLIENT_rollEdits, "rollEditLog"},
        {METHOD_CLIENT_refreshNodes, "refreshNodes"},
        {METHOD_CLIENT_finalizeUpgrade, "finalizeUpgrade"},
        {METHOD_CLIENT_rollingUpgrade, "queryRollingUpgrade"},
        {METHOD_CLIENT_restoreFailedStorage, "checkRestoreFailedStorage"},
        {METHOD_CLIENT_setBalancerBandwidth, "setBalancerBandwidth"},
        {METHOD_CLIENT_metaSave, "metaSave"},
        {METHOD_CLIENT_createEncryptionZone, "createEncryptionZone"},
        {METHOD_CLIENT_listEncryptionZones, "listEncryptionZones"},
        {METHOD_CLIENT_listReencryptionStatus, "listReencryptionStatus"},
        {METHOD_CALL_QUEUE_refreshCallQueue, "refreshCallQueue"},
        {METHOD_REFRESH_USERS_refreshUserToGroupsMappings, "refreshUserToGroupsMappings"},
        {METHOD_REFRESH_USERS_refreshSuperUserGroupsConfiguration,
         "refreshSuperUserGroupsConfiguration"},
        {METHOD_REFRESH_POLICY_refreshServiceAcl, "refreshServiceAcl"},
        {METHOD_BDFS_CLIENT_fsck, "fsck"},
        {METHOD_BDFS_CLIENT_digest, "digest"},
        {METHOD_BDFS_CLIENT_checkpoint, "checkpoint"},
};

static const char *words_in_safe_mode(enum method_id id)
{
        for (size_t i = 0; i < COUNT(changes); i++)
                if (changes[i].id == id)
                        return changes[i].words;
        return NULL;
}

/* What nobody is told who may not make the call. */
static void refusal_text(const struct method *m, const char *operation, char *ret, size_t room)
{
        if (m->protocol == PROTOCOL_BDFS_DATANODE)
                (void)snprintf(ret, room, "nobody may not call %s: only the owner of the cluster, "
                               "for its datanodes", m->name);
        else
                (void)snprintf(ret, room, "Access denied for user nobody. Superuser privilege is "
                               "required for operation %s", operation == NULL ? "" : operation);
}

static const char *operation_of(enum method_id id)
{
        for (size_t i = 0; i < COUNT(privileged); i++)
                if (privileged[i].id == id)
                        return privileged[i].operation;
        return NULL;
}

/* A message with what must be in it. Freed with protobuf_c_message_free_unpacked(). */
static ProtobufCMessage *message_made(const ProtobufCMessageDescriptor *d)
{
        ProtobufCMessage *m = calloc(1, d->sizeof_message);

        assert_non_null(m);
        protobuf_c_message_init(d, m);
        for (unsigned i = 0; i < d->n_fields; i++) {
                const ProtobufCFieldDescriptor *f = &d->fields[i];
                void *at = (uint8_t *)m + f->offset;
                char value[80];

                if (f->label != PROTOBUF_C_LABEL_REQUIRED)
                        continue;
                (void)snprintf(value, sizeof(value), "/%s", f->name);
                if (f->type == PROTOBUF_C_TYPE_STRING)
                        *(char **)at = strdup(value);
                else if (f->type == PROTOBUF_C_TYPE_MESSAGE)
                        *(ProtobufCMessage **)at = message_made(f->descriptor);
        }
        return m;
}

static void call_made(struct peer *p, enum method_id id)
{
        ProtobufCMessage *m = message_made(method_of(id)->request);

        peer_call(p, id, m);
        protobuf_c_message_free_unpacked(m, NULL);
}

static void text_of(const struct peer *p, char *ret, size_t room)
{
        (void)snprintf(ret, room, "%.*s", (int)p->r.text.n,
                       p->r.text.n == 0 ? "" : (const char *)p->r.text.at);
}

static void set_safe_mode(struct peer *p, Hadoop__SafeModeActionProto action)
{
        Hadoop__SetSafeModeRequestProto q = HADOOP__SET_SAFE_MODE_REQUEST_PROTO__INIT;

        q.action = action;
        (void)peer_ask(p, METHOD_CLIENT_setSafeMode, &q.base);
}

static void changes_are_refused_in_safe_mode(void **state)
{
        struct peer *p = peer_open(*state);
        size_t refused = 0;

        set_safe_mode(p, HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_ENTER);
        for (enum method_id id = 0; id < METHOD_COUNT; id++) {
                const char *words = words_in_safe_mode(id);
                char said[2048], want[256];

                if (method_of(id)->protocol != PROTOCOL_CLIENT || id == METHOD_CLIENT_setSafeMode)
                        continue; /* that one ends it */
                call_made(p, id);
                text_of(p, said, sizeof(said));
                (void)snprintf(want, sizeof(want), "%s. Name node is in safe mode.\n",
                               words == NULL ? "" : words);
                if (words != NULL && strncmp(said, want, strlen(want)) != 0)
                        fail_msg("%s: \"%s\" instead of \"%s\"", method_of(id)->name, said, want);
                if (words == NULL && strstr(said, "Name node is in safe mode") != NULL)
                        fail_msg("%s: \"%s\"", method_of(id)->name, said);
                refused += words != NULL;
        }
        assert_int_equal(refused, COUNT(changes));
        set_safe_mode(p, HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_LEAVE);
        peer_close(p);
}

/* A connection to @port that is nobody's by the kernel's word, and by its own. */
static struct peer *peer_of_nobody(uint16_t port, const char *protocol)
{
        struct peer *p;

        (void)setfsuid(NOBODY); /* this thread's; a socket belongs to who makes it */
        p = peer_dial(port, protocol);
        (void)setfsuid(0);
        peer_greet(p, "nobody");
        return p;
}

/* How many of the protocol's calls were refused as they should be. */
static size_t calls_of_nobody(struct hadoop *h, enum rpc_listener_kind kind,
                              enum protocol_id protocol)
{
        struct peer *p = NULL;
        size_t refused = 0;

        for (enum method_id id = 0; id < METHOD_COUNT; id++) {
                const struct method *m = method_of(id);
                const char *operation = operation_of(id);
                bool must = operation != NULL || protocol == PROTOCOL_BDFS_DATANODE;
                char said[2048], want[256];

                if (m->protocol != protocol)
                        continue;
                if (p == NULL)
                        p = peer_of_nobody(namenode_port(h->nn, kind), m->protocol_name);
                call_made(p, id);
                text_of(p, said, sizeof(said));
                refusal_text(m, operation, want, sizeof(want));
                if (must && strcmp(said, want) != 0)
                        fail_msg("%s: \"%s\" instead of \"%s\"", m->name, said, want);
                if (!must && strstr(said, "Superuser privilege") != NULL)
                        fail_msg("%s: \"%s\"", m->name, said);
                refused += must;
        }
        assert_non_null(p);
        peer_close(p);
        return refused;
}

static void privileged_calls_are_for_the_superuser(void **state)
{
        static const enum protocol_id protocols[] = {
                PROTOCOL_CLIENT, PROTOCOL_HA, PROTOCOL_USER_MAPPINGS, PROTOCOL_CALL_QUEUE,
                PROTOCOL_REFRESH_USERS, PROTOCOL_REFRESH_POLICY, PROTOCOL_NAMENODE,
        };
        size_t refused = 0;

        if (os_own_uid() != 0) {
                print_message("only root may speak for another\n");
                skip();
        }
        for (size_t i = 0; i < COUNT(protocols); i++)
                refused += calls_of_nobody(*state, RPC_HADOOP, protocols[i]);
        refused += calls_of_nobody(*state, RPC_OWN, PROTOCOL_BDFS_CLIENT);
        assert_int_equal(refused, COUNT(privileged));
        assert_int_equal(calls_of_nobody(*state, RPC_OWN, PROTOCOL_BDFS_DATANODE), 6);
}

static int setup(void **state)
{
        *state = hadoop_start(1, "");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(changes_are_refused_in_safe_mode),
                cmocka_unit_test(privileged_calls_are_for_the_superuser),
        };

        log_open("test_call_tables", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
