/* bdfs admin: report, safemode, checkpoint, digest */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli_format.h"
#include "cli/cli_json.h"
#include "cli/cli_service.h"
#include "cli/cmd.h"

#define SAFE_MODE_POLL_MS 200

/* ---- report ---------------------------------------------------------------------------------- */

static double percent(uint64_t part, uint64_t whole)
{
        return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static void print_bytes(struct cli *cli, const char *what, uint64_t n)
{
        char human[CLI_TEXT_BYTES];

        cli_print(cli, "%s: %llu (%s)\n", what, (unsigned long long)n, cli_bytes(human, n));
}

static void print_space(struct cli *cli, uint64_t capacity, uint64_t used, uint64_t remaining)
{
        print_bytes(cli, "Configured Capacity", capacity);
        print_bytes(cli, "DFS Used", used);
        print_bytes(cli, "DFS Remaining", remaining);
        cli_print(cli, "DFS Used%%: %.2f%%\n", percent(used, capacity));
        cli_print(cli, "DFS Remaining%%: %.2f%%\n", percent(remaining, capacity));
}

struct report {
        struct bdfs_space space;
        bool safe_mode;
        Hadoop__GetDatanodeReportResponseProto *live, *dead;
        Bdfs__NodesResponse *agents;      /* as server */
        Bdfs__ServerInfoResponse *server; /* NULL: not a bdfs namenode's own port */
};

/* The port of the agent beside a datanode; 0: none, or none that is known. */
static unsigned agent_port(const Bdfs__NodesResponse *agents, const Hadoop__DatanodeInfoProto *d)
{
        char name[96];

        (void)snprintf(name, sizeof(name), "%s:%u", d->id->ipaddr, d->id->xferport);
        for (size_t i = 0; agents != NULL && i < agents->n_nodes; i++) {
                if (strcmp(agents->nodes[i]->name, name) == 0)
                        return agents->nodes[i]->agent_port;
        }
        return 0;
}

static void print_node(struct cli *cli, const struct report *r, const Hadoop__DatanodeInfoProto *d)
{
        unsigned agent = agent_port(r->agents, d);
        char when[CLI_TEXT_BYTES];

        cli_print(cli, "\nName: %s:%u (%s)\n", d->id->ipaddr, d->id->xferport, d->id->hostname);
        cli_print(cli, "Rack: %s\n", d->location == NULL ? "" : d->location);
        print_space(cli, d->capacity, d->dfsused, d->remaining);
        cli_print(cli, "Xceivers: %u\n", d->xceivercount);
        cli_print(cli, "Last contact: %s UTC\n", cli_time_utc(when, (int64_t)d->lastupdate));
        cli_print(cli, "Num of Blocks: %u\n", d->numblocks);
        if (agent != 0)
                cli_print(cli, "Agent: port %u\n", agent);
}

static json_t *node_json(const struct report *r, const Hadoop__DatanodeInfoProto *d, bool live)
{
        unsigned agent = agent_port(r->agents, d);
        json_t *o = json_object();
        char name[96];

        (void)snprintf(name, sizeof(name), "%s:%u", d->id->ipaddr, d->id->xferport);
        cli_json_text(o, "name", name);
        cli_json_text(o, "host", d->id->hostname);
        cli_json_text(o, "uuid", d->id->datanodeuuid);
        cli_json_text(o, "rack", d->location);
        cli_json_bool(o, "live", live);
        cli_json_number(o, "capacity", d->capacity);
        cli_json_number(o, "used", d->dfsused);
        cli_json_number(o, "remaining", d->remaining);
        cli_json_number(o, "transfers", d->xceivercount);
        cli_json_number(o, "blocks", d->numblocks);
        cli_json_number(o, "last_contact_ms", d->lastupdate);
        if (agent != 0)
                cli_json_number(o, "agent_port", agent);
        return o;
}

static void report_fini(struct report *r)
{
        if (r->live != NULL)
                message_free(r->live);
        if (r->dead != NULL)
                message_free(r->dead);
        if (r->server != NULL)
                message_free(r->server);
        if (r->agents != NULL)
                message_free(r->agents);
}

static enum bdfs_status gather(struct bdfs *fs, struct report *r, struct bdfs_err *err)
{
        enum bdfs_status rc;

        if (bdfs_space(fs, &r->space, err) != BDFS_OK ||
            cli_service_safe_mode(fs, HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_GET, &r->safe_mode,
                                  err) != BDFS_OK ||
            cli_service_datanodes(fs, true, &r->live, err) != BDFS_OK ||
            cli_service_datanodes(fs, false, &r->dead, err) != BDFS_OK)
                return err->status;
        if (bdfs_is_hadoop(fs))
                return BDFS_OK;
        rc = cli_service_info(fs, &r->server, err);
        if (rc == BDFS_OK)
                rc = cli_service_nodes(fs, &r->agents, err);
        return cli_service_absent(rc) ? BDFS_OK : rc;
}

/* What is on the datanodes and in no file. */
static void print_kept(struct cli *cli, const Bdfs__ServerInfoResponse *s)
{
        cli_print(cli, "Deleted or replaced blocks kept for readers: %llu\n",
                  (unsigned long long)s->retired_blocks);
        print_bytes(cli, "Bytes of these, in all copies", s->retired_bytes);
        cli_print(cli, "Unknown blocks (kept): %llu\n", (unsigned long long)s->unknown_blocks);
}

static void print_report(struct cli *cli, const struct report *r)
{
        if (r->safe_mode)
                cli_print(cli, "Safe mode is ON\n");
        if (r->server != NULL)
                cli_print(cli, "Namenode: version %s, %llu inodes, %llu blocks, journal at %llu, "
                               "checkpoint at %llu\n",
                          r->server->version, (unsigned long long)r->server->inodes,
                          (unsigned long long)r->server->blocks,
                          (unsigned long long)r->server->journal_index,
                          (unsigned long long)r->server->checkpoint_index);
        print_space(cli, r->space.capacity, r->space.used, r->space.remaining);
        cli_print(cli, "Under replicated blocks: %llu\nBlocks with corrupt replicas: %llu\n"
                       "Missing blocks: %llu\n",
                  (unsigned long long)r->space.under_replicated,
                  (unsigned long long)r->space.corrupt, (unsigned long long)r->space.missing);
        if (r->server != NULL)
                print_kept(cli, r->server);
        cli_print(cli, "\nLive datanodes (%zu):\n", r->live->n_di);
        for (size_t i = 0; i < r->live->n_di; i++)
                print_node(cli, r, r->live->di[i]);
        if (r->dead->n_di > 0)
                cli_print(cli, "\nDead datanodes (%zu):\n", r->dead->n_di);
        for (size_t i = 0; i < r->dead->n_di; i++)
                print_node(cli, r, r->dead->di[i]);
}

static json_t *report_json(const struct report *r)
{
        json_t *o = json_object(), *nodes = json_array();

        cli_json_bool(o, "safe_mode", r->safe_mode);
        cli_json_number(o, "capacity", r->space.capacity);
        cli_json_number(o, "used", r->space.used);
        cli_json_number(o, "remaining", r->space.remaining);
        cli_json_number(o, "under_replicated_blocks", r->space.under_replicated);
        cli_json_number(o, "corrupt_blocks", r->space.corrupt);
        cli_json_number(o, "missing_blocks", r->space.missing);
        for (size_t i = 0; i < r->live->n_di; i++)
                (void)json_array_append_new(nodes, node_json(r, r->live->di[i], true));
        for (size_t i = 0; i < r->dead->n_di; i++)
                (void)json_array_append_new(nodes, node_json(r, r->dead->di[i], false));
        (void)json_object_set_new(o, "datanodes", nodes);
        if (r->server == NULL)
                return o;
        cli_json_text(o, "version", r->server->version);
        cli_json_number(o, "inodes", r->server->inodes);
        cli_json_number(o, "blocks", r->server->blocks);
        cli_json_number(o, "retired_blocks", r->server->retired_blocks);
        cli_json_number(o, "retired_bytes", r->server->retired_bytes);
        cli_json_number(o, "freed_blocks", r->server->freed_blocks);
        cli_json_number(o, "unknown_blocks", r->server->unknown_blocks);
        cli_json_number(o, "journal_index", r->server->journal_index);
        cli_json_number(o, "checkpoint_index", r->server->checkpoint_index);
        cli_json_number(o, "started_ms", (uint64_t)r->server->started_wall_ms);
        if (r->server->safe_mode_reason != NULL)
                cli_json_text(o, "safe_mode_reason", r->server->safe_mode_reason);
        return o;
}

static enum bdfs_status admin_report(struct cli *cli, struct bdfs_err *err)
{
        struct report r = {0};
        enum bdfs_status rc = gather(cli->fs, &r, err);

        if (rc == BDFS_OK && cli->json)
                cli_json_one(cli, report_json(&r));
        else if (rc == BDFS_OK)
                print_report(cli, &r);
        report_fini(&r);
        return rc;
}

/* ---- safe mode ------------------------------------------------------------------------------- */

static void print_safe_mode(struct cli *cli, bool on)
{
        if (cli->json)
                cli_json_one(cli, json_pack("{s:b}", "safe_mode", on));
        else
                cli_print(cli, "Safe mode is %s\n", on ? "ON" : "OFF");
}

/* Until it is off, or until --timeout when that was given. */
static enum bdfs_status wait_safe_mode(struct cli *cli, struct bdfs_err *err)
{
        int64_t deadline = cli->options.timeout_ms == 0 ? OS_FOREVER
                                                        : os_mono_ms() + cli->options.timeout_ms;
        bool on;

        for (;;) {
                if (cli_service_safe_mode(cli->fs, HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_GET,
                                          &on, err) != BDFS_OK)
                        return err->status;
                if (!on)
                        break;
                if (os_mono_ms() + SAFE_MODE_POLL_MS > deadline)
                        return bdfs_fail(err, BDFS_TIMEOUT, "the namenode is still in safe mode");
                os_sleep_ms(SAFE_MODE_POLL_MS);
        }
        print_safe_mode(cli, false);
        return BDFS_OK;
}

static enum bdfs_status admin_safe_mode(struct cli *cli, const char *what, struct bdfs_err *err)
{
        Hadoop__SafeModeActionProto action = HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_GET;
        bool on;

        if (strcmp(what, "wait") == 0)
                return wait_safe_mode(cli, err);
        if (strcmp(what, "enter") == 0)
                action = HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_ENTER;
        else if (strcmp(what, "leave") == 0)
                action = HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_LEAVE;
        else if (strcmp(what, "get") != 0)
                return bdfs_fail(err, BDFS_USAGE, "safemode: one of get, enter, leave, wait");
        if (cli_service_safe_mode(cli->fs, action, &on, err) != BDFS_OK)
                return err->status;
        print_safe_mode(cli, on);
        return BDFS_OK;
}

/* ---- the namenode's state -------------------------------------------------------------------- */

static enum bdfs_status admin_checkpoint(struct cli *cli, struct bdfs_err *err)
{
        Bdfs__CheckpointResponse *r;

        if (cli_service_checkpoint(cli->fs, &r, err) != BDFS_OK)
                return err->status;
        if (cli->json)
                cli_json_one(cli, json_pack("{s:I}", "index", (json_int_t)r->index));
        else
                cli_print(cli, "checkpoint at %llu\n", (unsigned long long)r->index);
        message_free(r);
        return BDFS_OK;
}

static enum bdfs_status admin_digest(struct cli *cli, struct bdfs_err *err)
{
        Bdfs__DigestResponse *r;
        char hex[129] = "";

        if (cli_service_digest(cli->fs, &r, err) != BDFS_OK)
                return err->status;
        for (size_t i = 0; i < r->digest.len && i < 64; i++)
                (void)snprintf(hex + 2 * i, 3, "%02x", r->digest.data[i]);
        if (cli->json)
                cli_json_one(cli, json_pack("{s:s, s:I}", "digest", hex, "index",
                                            (json_int_t)r->index));
        else
                cli_print(cli, "%s at %llu\n", hex, (unsigned long long)r->index);
        message_free(r);
        return BDFS_OK;
}

int cmd_admin(struct cli *cli, int argc, char **argv)
{
        const struct cli_option options[] = {{NULL, NULL, NULL}};
        struct bdfs_err err;
        enum bdfs_status rc;

        if (!cli_options(cli, &argc, &argv, options, 1, 2))
                return bdfs_status_exit(BDFS_USAGE);
        if (argc == 2 && strcmp(argv[0], "safemode") != 0)
                return cli_usage(cli, "%s: takes nothing more", argv[0]);
        rc = cli_connect(cli, &err);
        if (rc != BDFS_OK)
                ;
        else if (strcmp(argv[0], "report") == 0)
                rc = admin_report(cli, &err);
        else if (strcmp(argv[0], "safemode") == 0)
                rc = admin_safe_mode(cli, argc == 2 ? argv[1] : "get", &err);
        else if (strcmp(argv[0], "checkpoint") == 0)
                rc = admin_checkpoint(cli, &err);
        else if (strcmp(argv[0], "digest") == 0)
                rc = admin_digest(cli, &err);
        else
                return cli_usage(cli, "%s: no such thing to do", argv[0]);
        if (rc == BDFS_USAGE)
                return cli_usage(cli, "%s", err.text);
        if (rc != BDFS_OK)
                cli_error(cli, &err);
        return cli_exit(cli);
}
