#include "cli/cli_cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/cluster.h"

static const char usage_text[] =
        "usage: bdfs cluster up --dir DIR [--datanodes N=3] [--namenodes 1|3] [--replication R=3]\n"
        "                       [--block-size BYTES] [--base-port P=9000] [--hadoop off|loopback]\n"
        "                       [--racks a,b,..] [--no-agents] [--slots N] [--trash DURATION=6h]\n"
        "                       [--task-timeout S=600] [--sort-memory BYTES=128M]\n"
        "       bdfs cluster status --dir DIR [--json]\n"
        "       bdfs cluster down --dir DIR\n";

#define TRASH_MS_MAX (3650ULL * 86400000)

static int usage(const char *why)
{
        (void)fprintf(stderr, "bdfs cluster: %s\n%s", why, usage_text);
        return bdfs_status_exit(BDFS_USAGE);
}

static int complain(const struct bdfs_err *err)
{
        (void)fprintf(stderr, "bdfs cluster: %s\n", err->text);
        return bdfs_status_exit(err->status);
}

/* A whole number in [@low, @high], with K, M or G behind it when @suffix. */
static bool number(const char *text, uint64_t low, uint64_t high, bool suffix, uint64_t *ret)
{
        char *end;
        unsigned long long v;
        unsigned shift = 0;

        errno = 0;
        v = strtoull(text, &end, 10);
        if (errno != 0 || end == text || text[0] == '-')
                return false;
        if (suffix && *end != '\0') {
                const char *at = strchr("KMG", *end & ~0x20);

                if (at == NULL || end[1] != '\0')
                        return false;
                shift = 10 * (unsigned)(at - "KMG" + 1);
                end++;
        }
        if (*end != '\0' || v > (UINT64_MAX >> shift) || v << shift < low || v << shift > high)
                return false;
        *ret = (uint64_t)v << shift;
        return true;
}

/* "6h", "90m", "30s", "7d", "500ms"; "off" and "0" are none. */
static bool duration(const char *text, uint64_t high, uint64_t *ret)
{
        static const struct {
                const char *name;
                uint64_t ms;
        } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
        size_t n = strspn(text, "0123456789");
        uint64_t v;
        char digits[20];

        if (strcmp(text, "off") == 0 || strcmp(text, "0") == 0)
                return *ret = 0, true;
        if (n == 0 || n >= sizeof(digits))
                return false;
        (void)snprintf(digits, sizeof(digits), "%.*s", (int)n, text);
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (strcmp(text + n, units[i].name) != 0)
                        continue;
                if (!number(digits, 0, high / units[i].ms, false, &v))
                        return false;
                *ret = v * units[i].ms;
                return true;
        }
        return false;
}

enum cluster_option { O_DIR = 1, O_DATANODES, O_NAMENODES, O_REPLICATION, O_BLOCK_SIZE, O_BASE_PORT,
                      O_HADOOP, O_RACKS, O_NO_AGENTS, O_SLOTS, O_TASK_TIMEOUT, O_SORT_MEMORY,
                      O_JSON, O_MIN_BLOCK, O_CHECKPOINT, O_GRACE, O_TRASH };

static const struct option options[] = {
        {"dir", required_argument, NULL, O_DIR},
        {"datanodes", required_argument, NULL, O_DATANODES},
        {"namenodes", required_argument, NULL, O_NAMENODES},
        {"replication", required_argument, NULL, O_REPLICATION},
        {"block-size", required_argument, NULL, O_BLOCK_SIZE},
        {"base-port", required_argument, NULL, O_BASE_PORT},
        {"hadoop", required_argument, NULL, O_HADOOP},
        {"racks", required_argument, NULL, O_RACKS},
        {"no-agents", no_argument, NULL, O_NO_AGENTS},
        {"slots", required_argument, NULL, O_SLOTS},
        {"task-timeout", required_argument, NULL, O_TASK_TIMEOUT},
        {"sort-memory", required_argument, NULL, O_SORT_MEMORY},
        {"json", no_argument, NULL, O_JSON},
        {"trash", required_argument, NULL, O_TRASH},
        {"min-block-size", required_argument, NULL, O_MIN_BLOCK},       /* for tests */
        {"checkpoint-bytes", required_argument, NULL, O_CHECKPOINT},    /* for tests */
        {"grace", required_argument, NULL, O_GRACE},
        {NULL, 0, NULL, 0},
};

/* What is wrong with one option, or NULL. */
static const char *take_option(struct cluster_settings *s, int option, const char *value)
{
        uint64_t v = 0;

        switch ((enum cluster_option)option) {
        case O_DATANODES:
                if (!number(value, 1, CLUSTER_DATANODES_MAX, false, &v))
                        return "--datanodes wants a number from 1 to 64";
                s->datanodes = (unsigned)v;
                return NULL;
        case O_NAMENODES:
                return strcmp(value, "1") == 0
                               ? NULL
                               : "--namenodes: only 1 is supported yet";
        case O_REPLICATION:
                if (!number(value, 1, 512, false, &v))
                        return "--replication wants a number from 1 to 512";
                s->replication = (unsigned)v;
                return NULL;
        case O_BLOCK_SIZE:
                if (!number(value, 512, 1ULL << 36, true, &s->block_size) ||
                    s->block_size % 512 != 0)
                        return "--block-size wants a multiple of 512 bytes (K, M, G may follow)";
                return NULL;
        case O_MIN_BLOCK:
                return number(value, 512, 1ULL << 36, true, &s->min_block_size)
                               ? NULL
                               : "--min-block-size wants a number of bytes";
        case O_CHECKPOINT:
                return number(value, 4096, 1ULL << 40, true, &s->checkpoint_bytes)
                               ? NULL
                               : "--checkpoint-bytes wants a number of bytes";
        case O_GRACE:
                return number(value, 0, 30ULL * 86400, false, &s->grace_s)
                               ? NULL
                               : "--grace wants the seconds that what was deleted stays for its "
                                 "readers, 0 to 2592000";
        case O_BASE_PORT:
                if (!number(value, 0, 60000, false, &v) || (v > 0 && v < 1024))
                        return "--base-port wants 0 or a number from 1024 to 60000";
                s->base_port = (uint16_t)v;
                return NULL;
        case O_HADOOP:
                s->hadoop = strcmp(value, "loopback") == 0;
                return s->hadoop || strcmp(value, "off") == 0 ? NULL
                                                              : "--hadoop is off or loopback";
        case O_RACKS:
                return cluster_set_racks(s, value) ? NULL : "--racks wants names like /a,/b";
        case O_NO_AGENTS:
                s->agents = false;
                return NULL;
        case O_TRASH:
                return duration(value, TRASH_MS_MAX, &s->trash_ms)
                               ? NULL
                               : "--trash is off or a duration like 30s, 90m, 6h, 7d";
        case O_SLOTS:
                if (!number(value, 1, 1024, false, &v))
                        return "--slots wants the tasks that one agent runs at once, 1 to 1024";
                s->slots = (unsigned)v;
                return NULL;
        case O_TASK_TIMEOUT:
                return number(value, 0, 86400, false, &s->task_timeout_s)
                               ? NULL
                               : "--task-timeout wants seconds without a sign of life, at most "
                                 "86400; 0: never";
        case O_SORT_MEMORY:
                return number(value, 1 << 20, 2048ULL << 20, true, &s->sort_memory)
                               ? NULL
                               : "--sort-memory wants 1M to 2G";
        case O_DIR:
        case O_JSON:
                return NULL;
        }
        return "unknown option";
}

static int cluster_up(const char *dir, const struct cluster_settings *settings)
{
        struct bdfs_err err;
        uint16_t moved;

        if (cluster_start(dir, settings, &moved, &err) != BDFS_OK)
                return complain(&err);
        if (moved != 0)
                (void)fprintf(stderr, "bdfs cluster: others had its ports; they are now from %u "
                              "on, as %s/client.conf says\n", moved, dir);
        return 0;
}

int cmd_cluster(struct cli *cli, int argc, char **argv)
{
        struct cluster_settings settings;
        const char *dir = NULL;
        bool json = cli->json;
        struct bdfs_err err;
        int option;

        cluster_default_settings(&settings);
        optind = 1;
        opterr = 0;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                const char *why;

                if (option == '?') {
                        char text[128];

                        (void)snprintf(text, sizeof(text),
                                       "%.60s: unknown option, or one without its value",
                                       argv[optind - 1]);
                        return usage(text);
                }
                if (option == O_DIR)
                        dir = optarg;
                json = json || option == O_JSON;
                why = take_option(&settings, option, optarg);
                if (why != NULL)
                        return usage(why);
        }
        if (optind + 1 != argc)
                return usage("one of up, status, down is needed");
        if (dir == NULL)
                return usage("--dir DIR is needed");
        if (strcmp(argv[optind], "up") == 0)
                return cluster_up(dir, &settings);
        if (strcmp(argv[optind], "status") == 0)
                return cluster_print(dir, json, stdout, &err) == BDFS_OK ? 0 : complain(&err);
        if (strcmp(argv[optind], "down") == 0)
                return cluster_stop(dir, &err) == BDFS_OK ? 0 : complain(&err);
        return usage("one of up, status, down is needed");
}
