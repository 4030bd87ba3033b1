/*
 * victim - how long the calls of one user take, at a fixed rate: 100 `stat`s and 20 reads of 64 KiB
 * a second.
 *
 *   victim CONF USER FILE SECONDS [WORD]
 *
 * As root it becomes USER. FILE has at least 64 KiB. Prints one line: WORD, how many there were of
 * each, how many failed, p50 and p99 in ms; what was due while another was late counts from when it
 * was due. Exit 1 when one failed, with the first reason.
 */
#include <time.h>

#include "tests/tools/intruder_kit.h"

#define STATS_A_SECOND 100
#define READS_A_SECOND 20
#define PIECE 65536
#define MOST 100000

struct series {
        double ms[MOST];
        size_t n, failed;
};

static int64_t now_us(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void wait_until(int64_t due_us)
{
        int64_t left = due_us - now_us();
        struct timespec t = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};

        if (left > 0)
                (void)nanosleep(&t, NULL);
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static void note(struct series *s, int64_t due_us, bool good)
{
        s->failed += !good;
        if (s->n < MOST)
                s->ms[s->n++] = (double)(now_us() - due_us) / 1000;
}

static void print(const char *what, struct series *s)
{
        qsort(s->ms, s->n, sizeof(s->ms[0]), by_size);
        (void)printf("  %s n=%zu failed=%zu p50=%.2f p99=%.2f ms", what, s->n, s->failed,
                     s->n == 0 ? 0 : s->ms[s->n / 2], s->n == 0 ? 0 : s->ms[s->n * 99 / 100]);
}

static bool reads(struct bdfs *fs, const char *path, struct bdfs_err *err)
{
        static uint8_t bytes[PIECE];
        struct bdfs_file *f;
        size_t got = 0;
        bool good;

        if (bdfs_open(fs, path, &f, err) != BDFS_OK)
                return false;
        good = bdfs_pread(f, 0, bytes, sizeof(bytes), &got, err) == BDFS_OK && got == PIECE;
        return bdfs_close(f, good ? err : NULL) == BDFS_OK && good;
}

int main(int argc, char **argv)
{
        static struct series stats, pieces;
        struct bdfs_err err, first = {0};
        struct bdfs_stat st;
        struct bdfs *fs;
        int64_t begin_us;
        unsigned ticks;

        if (argc != 5 && argc != 6) {
                (void)fprintf(stderr, "usage: victim CONF USER FILE SECONDS [WORD]\n");
                return 2;
        }
        become(argv[2]);
        fs = connect_as(argv[1], NULL);
        ticks = STATS_A_SECOND * (unsigned)strtoul(argv[4], NULL, 10);
        begin_us = now_us();
        for (unsigned i = 0; i < ticks; i++) {
                int64_t due_us = begin_us + (int64_t)i * 1000000 / STATS_A_SECOND;

                wait_until(due_us);
                note(&stats, due_us, bdfs_stat(fs, argv[3], &st, &err) == BDFS_OK);
                if (i % (STATS_A_SECOND / READS_A_SECOND) == 0)
                        note(&pieces, due_us, reads(fs, argv[3], &err));
                if (stats.failed + pieces.failed > 0 && first.text[0] == '\0')
                        first = err;
        }
        (void)printf("%-10s", argc == 6 ? argv[5] : "victim");
        print("stat", &stats);
        print("read", &pieces);
        (void)printf("\n");
        bdfs_disconnect(fs);
        if (stats.failed + pieces.failed == 0)
                return 0;
        (void)printf("first failure: %s\n", first.text);
        return 1;
}
