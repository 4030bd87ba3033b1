/*
 * test_volume_kit.h - directories for volumes, and a dataset in them. For test_volume*.c.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "datanode/disk/dataset.h"
#include "proto/bdfs_cluster.pb-c.h"
#include "tests/lib/test_must.h"

#define STATE(name) BDFS__REPLICA_STATE__REPLICA_##name

struct fixture {
        char dir[64];
        char paths[3][96];
        char *dirs[3];
        struct dataset_config config;
        uint64_t seed;
};

static inline uint32_t rnd(struct fixture *f, uint32_t below)
{
        f->seed = f->seed * 6364136223846793005ULL + 1442695040888963407ULL;
        return (uint32_t)(f->seed >> 33) % below;
}

static inline int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_volume.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        for (unsigned i = 0; i < 3; i++) {
                (void)snprintf(f->paths[i], sizeof(f->paths[i]), "%s/v%u", f->dir, i);
                f->dirs[i] = f->paths[i];
        }
        f->config = (struct dataset_config){.dirs = f->dirs, .dirs_n = 1};
        for (unsigned i = 0; i < 16; i++)
                f->config.cluster[i] = (uint8_t)i;
        f->seed = 1;
        *state = f;
        return 0;
}

static inline int teardown(void **state)
{
        struct fixture *f = *state;
        char command[128];

        (void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
        assert_int_equal(system(command), 0);
        free(f);
        return 0;
}

static inline void put_text(const char *dir, const char *name, const char *text)
{
        char path[256];
        FILE *out;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        out = fopen(path, "w");
        assert_non_null(out);
        assert_true(fputs(text, out) >= 0);
        assert_int_equal(fclose(out), 0);
}

/* ---- the dataset ---------------------------------------------------------------------------- */

struct made {
        struct replica *r;
        struct replica_writer *w;
};

static inline struct made make(struct dataset *ds, uint64_t block)
{
        struct made m;
        struct bdfs_err err;

        must(dataset_create(ds, block, 1001, CRC_CRC32C, NULL, &m.r, &m.w, &err), &err);
        return m;
}

static inline enum bdfs_status add(struct made *m, uint64_t offset, const uint8_t *data, size_t n)
{
        struct replica_bytes b = {.offset = offset, .data = data, .n = n};
        struct bdfs_err err;

        return replica_writer_add(m->w, &b, &err);
}

static inline void seal(struct dataset *ds, uint64_t block, const uint8_t *data, size_t n)
{
        struct made m = make(ds, block);
        struct bdfs_err err;
        uint64_t change_n;

        assert_int_equal(add(&m, 0, data, n), BDFS_OK);
        must(dataset_seal(ds, m.r, m.w, &change_n, &err), &err);
        dataset_end(ds, m.r, m.w, false);
}

static inline unsigned state_of(struct dataset *ds, uint64_t block)
{
        struct replica_entry e;

        return dataset_find(ds, block, &e) ? e.state : 0;
}

static inline enum bdfs_status read_back(struct dataset *ds, uint64_t block, const uint8_t *data,
                                         size_t n)
{
        struct replica_reader *rd = malloc(sizeof(*rd));
        uint8_t *got = malloc(n + 1);
        struct replica *r;
        struct bdfs_err err;
        enum bdfs_status rc = dataset_get(ds, block, 0, &r, &err);

        assert_true(rd != NULL && got != NULL);
        if (rc == BDFS_OK) {
                replica_reader_init(rd, r);
                assert_int_equal(rd->view.length, n);
                rc = replica_read(rd, 0, got, n, &err);
                if (rc == BDFS_OK)
                        assert_memory_equal(got, data, n);
                dataset_put(ds, r);
        }
        free(rd);
        free(got);
        return rc;
}

static inline uint8_t *bytes_of(size_t n)
{
        uint8_t *p = malloc(n);

        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(i * 2654435761U >> 13);
        return p;
}
