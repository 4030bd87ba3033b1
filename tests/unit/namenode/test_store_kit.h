/* test_store_kit.h - what the tests of the store share: a store in a temporary directory. */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "namenode/store/store.h"

#define OK(call) assert_int_equal((call), BDFS_OK)

enum { A, B, TABLES };
static const char *const tables[] = {"a", "b"};
static struct bdfs_err err;
static char dir[64], env_dir[80];

static inline struct store_config config(void)
{
        return (struct store_config){
                .dir = env_dir, .tables = tables, .tables_n = TABLES, .map_bytes = GIB};
}

static inline struct store *open_store(bool want_fresh)
{
        struct store_config c = config();
        struct store *s;
        bool fresh;

        OK(store_open(&s, &c, &fresh, &err));
        assert_int_equal(fresh, want_fresh);
        return s;
}

static inline void put(struct store_txn *t, unsigned table, const char *key, const char *value)
{
        OK(store_put(t, table, key, strlen(key), value, strlen(value), &err));
}

static inline void put_now(struct store *s, const char *key, const char *value)
{
        struct store_txn *t;

        OK(store_begin_write(s, &t, &err));
        put(t, A, key, value);
        OK(store_commit(t, &err));
}

/* The value as text, or the status's name. */
static const char *get(struct store_txn *t, unsigned table, const char *key)
{
        static char text[256];
        const uint8_t *v;
        size_t n;
        enum bdfs_status rc = store_get(t, table, key, strlen(key), &v, &n, &err);

        if (rc != BDFS_OK)
                return bdfs_status_name(rc);
        (void)snprintf(text, sizeof(text), "%.*s", (int)n, (const char *)v);
        return text;
}

static const char *get_now(struct store *s, const char *key)
{
        struct store_txn *t;
        const char *text;

        OK(store_begin_read(s, &t, &err));
        text = get(t, A, key);
        store_abort(t);
        return text;
}

static inline char *in_env(const char *name)
{
        static char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", env_dir, name);
        return path;
}

static inline int set_up(void **state)
{
        (void)state;
        (void)snprintf(dir, sizeof(dir), "/tmp/test_store.XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        (void)snprintf(env_dir, sizeof(env_dir), "%s/env", dir);
        return 0;
}

static inline int tear_down(void **state)
{
        char command[128];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
        return system(command);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
