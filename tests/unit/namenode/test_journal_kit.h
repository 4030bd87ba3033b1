/* test_journal_kit.h - what the tests of the journal share: records that can be recognised. */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "namenode/journal/journal_format.h"

#define OK(call) assert_int_equal((call), BDFS_OK)

static const uint8_t cluster[16] = "0123456789abcde";
static struct bdfs_err err;
static char dir[64], journal_dir[80];

/* The bytes of record @index, some of them several sectors long. */
static inline size_t record_bytes(uint64_t index, uint8_t *to)
{
        size_t n = index % 5 == 4 ? 1500 : 10 + index % 7;

        for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)(index * 31 + i * 7 + 1);
        return n;
}

static inline struct journal *open_journal(void)
{
        struct journal *j;

        OK(journal_open(&j, journal_dir, cluster, &err));
        return j;
}

static inline enum bdfs_status append(struct journal *j, size_t n)
{
        static uint8_t bytes[16][2000];
        struct journal_record r[16];

        BDFS_ASSERT(n <= 16);
        for (size_t i = 0; i < n; i++) {
                r[i].index = journal_last(j) + 1 + i;
                r[i].bytes = bytes[i];
                r[i].n = record_bytes(r[i].index, bytes[i]);
        }
        return journal_append(j, r, n, &err);
}

struct seen {
        uint64_t next, n;
};

static inline enum bdfs_status see(void *arg, const struct journal_record *r, struct bdfs_err *e)
{
        struct seen *s = arg;
        uint8_t want[2000];

        (void)e;
        assert_int_equal(r->index, s->next);
        assert_int_equal(r->n, record_bytes(r->index, want));
        assert_memory_equal(r->bytes, want, r->n);
        s->next++;
        s->n++;
        return BDFS_OK;
}

/* Reads from @from on, checks each record's bytes; returns how many came. */
static inline enum bdfs_status read_all(struct journal *j, uint64_t from, uint64_t *ret_n)
{
        struct seen s = {.next = from};
        enum bdfs_status rc = journal_read(j, from, see, &s, &err);

        *ret_n = s.n;
        return rc;
}

#define FIRST_SEGMENT "journal-0000000000000001"

static inline char *in_journal(const char *name)
{
        static char path[2][256];
        static unsigned next;
        char *p = path[next++ % 2];

        (void)snprintf(p, 256, "%s/%s", journal_dir, name);
        return p;
}

static inline uint8_t *load(const char *path, size_t n)
{
        uint8_t *p = calloc(1, n);
        int fd = open(path, O_RDONLY);

        assert_non_null(p);
        assert_true(fd >= 0);
        assert_true(pread(fd, p, n, 0) > 0);
        assert_int_equal(close(fd), 0);
        return p;
}

/* Four batches on a short file: its bytes, where the last batch begins and where it ends. */
static inline uint8_t *small_journal(size_t *ret_last, size_t *ret_end, size_t *ret_n)
{
        struct journal *j = open_journal();

        for (size_t i = 1; i <= 4; i++) {
                *ret_last = journal_bytes_after(j, 0);
                OK(append(j, i));
        }
        *ret_end = journal_bytes_after(j, 0);
        *ret_n = *ret_end + 64;
        journal_close(j);
        return load(in_journal(FIRST_SEGMENT), *ret_n);
}

static inline int set_up(void **state)
{
        (void)state;
        (void)snprintf(dir, sizeof(dir), "/tmp/test_journal.XXXXXX");
        if (mkdtemp(dir) == NULL)
                return -1;
        (void)snprintf(journal_dir, sizeof(journal_dir), "%s/journal", dir);
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
