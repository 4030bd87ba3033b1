#include "proto/methods.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/bdfs_agent.pb-c.h"
#include "proto/bdfs_cluster.pb-c.h"
#include "proto/hadoop_datanode.pb-c.h"
#include "proto/hadoop_features.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"

/* Messages that Hadoop named unlike their method. */
#define hadoop__get_fs_stats_request_proto__descriptor \
        hadoop__get_fs_status_request_proto__descriptor
#define hadoop__generic_refresh_response_proto__descriptor \
        hadoop__generic_refresh_response_collection_proto__descriptor

#define X(id, name) static const char class_##id[] = name;
PROTOCOL_MAP(X)
#undef X

static const struct protocol {
        const char *name;
        size_t name_n;
} protocols[PROTOCOL_COUNT] = {
#define X(id, name) [PROTOCOL_##id] = {class_##id, sizeof(class_##id) - 1},
        PROTOCOL_MAP(X)
#undef X
};

#define ONCE true
#define ANY false
#define ROW(protocol_, name_, request_, response_, once_)                       \
        [METHOD_##protocol_##_##name_] = {                                      \
                .id = METHOD_##protocol_##_##name_,                             \
                .protocol = PROTOCOL_##protocol_,                               \
                .protocol_name = class_##protocol_,                             \
                .name = #name_,                                                 \
                .request = &request_,                                           \
                .response = &response_,                                         \
                .once = once_,                                                  \
        },

static const struct method methods[METHOD_COUNT] = {
#define X(protocol, name, stem, times)                                               \
        ROW(protocol, name, hadoop__##stem##_request_proto__descriptor,              \
            hadoop__##stem##_response_proto__descriptor, times)
        METHOD_MAP_HADOOP(X)
#undef X
#define X(protocol, name, stem, times)                                               \
        ROW(protocol, name, bdfs__##stem##_request__descriptor,                      \
            bdfs__##stem##_response__descriptor, times)
        METHOD_MAP_BDFS(X)
#undef X
};

const struct method *method_of(enum method_id id)
{
        BDFS_ASSERT((unsigned)id < METHOD_COUNT);
        return &methods[id];
}

enum protocol_id method_protocol(const char *protocol, size_t n)
{
        unsigned id = 0;

        while (id < PROTOCOL_COUNT &&
               (protocols[id].name_n != n || memcmp(protocols[id].name, protocol, n) != 0))
                id++;
        return (enum protocol_id)id;
}

struct key {
        enum protocol_id protocol;
        const char *name;
        size_t name_n;
};

static int compare(const void *left, const void *right)
{
        const struct key *key = left;
        const struct method *m = right;
        size_t n = strlen(m->name);
        int order;

        if (key->protocol != m->protocol)
                return key->protocol < m->protocol ? -1 : 1;
        order = memcmp(key->name, m->name, key->name_n < n ? key->name_n : n);
        if (order != 0 || key->name_n == n)
                return order;
        return key->name_n < n ? -1 : 1;
}

const struct method *method_find(const char *protocol, size_t protocol_n, const char *name,
                                 size_t name_n)
{
        struct key key = {method_protocol(protocol, protocol_n), name, name_n};

        if (key.protocol == PROTOCOL_COUNT || name_n == 0)
                return NULL;
        return bsearch(&key, methods, METHOD_COUNT, sizeof(methods[0]), compare);
}
