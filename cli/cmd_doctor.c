/* bdfs doctor: the classic mistakes of a first run, each with what to do about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli_format.h"
#include "cli/cli_json.h"
#include "cli/cli_service.h"
#include "cli/cmd.h"
#include "common/cleanup.h"

#define CONNECT_MS 3000
#define FILES_WANTED 1024
#define FULL_PERCENT 95
#define CLOCK_MS 60000

struct doctor {
        struct cli *cli;
        struct bdfs *fs;
        json_t *rows; /* NULL: they are printed */
        int code;     /* of the first that is wrong */
        bool write;
};

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_WRONG };

static void say(struct doctor *d, enum verdict v, const char *what, const char *text,
                const char *advice)
{
        static const char *const words[] = {"ok", "warning", "wrong"};

        if (d->rows != NULL) {
                json_t *o = json_object();

                cli_json_text(o, "check", what);
                cli_json_text(o, "result", words[v]);
                cli_json_text(o, "text", text);
                cli_json_text(o, "advice", advice);
                (void)json_array_append_new(d->rows, o);
                return;
        }
        cli_print(d->cli, "%-8s %-16s %s\n", words[v], what, text);
        if (advice != NULL && v != VERDICT_OK)
                cli_print(d->cli, "%25s -> %s\n", "", advice);
        cli_flush(d->cli);
}

static void wrong(struct doctor *d, const char *what, const struct bdfs_err *err,
                  const char *advice)
{
        if (d->code == 0)
                d->code = bdfs_status_exit(err->status);
        say(d, VERDICT_WRONG, what, err->text, advice != NULL ? advice : cli_hint(err->status));
}

static void wrong_text(struct doctor *d, enum bdfs_status status, const char *what,
                       const char *text, const char *advice)
{
        struct bdfs_err err;

        (void)bdfs_fail(&err, status, "%s", text);
        wrong(d, what, &err, advice);
}

/* ---- this side ------------------------------------------------------------------------------- */

static void check_limits(struct doctor *d)
{
        struct rlimit files;
        char text[80];

        if (getrlimit(RLIMIT_NOFILE, &files) != 0)
                return;
        (void)snprintf(text, sizeof(text), "a process may open %llu",
                       (unsigned long long)files.rlim_cur);
        say(d, files.rlim_cur < FILES_WANTED ? VERDICT_WARNING : VERDICT_OK, "files", text,
            "ulimit -n 4096");
}

static void check_user(struct doctor *d)
{
        const char *claimed = getenv("HADOOP_USER_NAME");
        char name[OS_NAME_BYTES];
        struct bdfs_err err;
        char text[2 * OS_NAME_BYTES + 80];

        if (os_user_name(os_own_uid(), name, &err) != BDFS_OK) {
                wrong(d, "user", &err, "add your uid to /etc/passwd of this host");
                return;
        }
        if (claimed != NULL && strcmp(claimed, name) != 0 && os_own_uid() != 0) {
                (void)snprintf(text, sizeof(text), "HADOOP_USER_NAME says %s, this process is "
                               "%s: a bdfs server refuses that", claimed, name);
                say(d, VERDICT_WARNING, "user", text, "unset HADOOP_USER_NAME");
                return;
        }
        say(d, VERDICT_OK, "user", claimed == NULL ? name : claimed, NULL);
}

/* ---- the namenode ---------------------------------------------------------------------------- */

static bool check_namenode(struct doctor *d)
{
        struct bdfs_stat root;
        struct bdfs_err err;
        const char *advice = NULL;
        enum bdfs_status rc = bdfs_stat(d->fs, "/", &root, &err);

        if (rc == BDFS_OK) {
                bdfs_stat_fini(&root);
                say(d, VERDICT_OK, "namenode", bdfs_uri(d->fs), NULL);
                return true;
        }
        if (rc == BDFS_UNAVAILABLE)
                advice = "nothing listens there: start the cluster (bdfs cluster up --dir DIR), or "
                         "give the right address";
        else if (rc == BDFS_CLOSED || rc == BDFS_PROTOCOL)
                advice = "that port does not speak Hadoop's protocol: the RPC port is needed (8020 "
                         "or 9000 usually), not the one for web pages";
        else if (rc == BDFS_PERMISSION)
                advice = "the server refuses this user: see `id` and HADOOP_USER_NAME";
        wrong(d, "namenode", &err, advice);
        return false;
}

static void check_server(struct doctor *d)
{
        Bdfs__ServerInfoResponse *s;
        struct bdfs_err err;
        bool on;
        char text[BDFS_ERR_TEXT_BYTES];

        if (cli_service_safe_mode(d->fs, HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_GET, &on, &err) !=
            BDFS_OK) {
                wrong(d, "safe mode", &err, NULL);
                return;
        }
        if (bdfs_is_hadoop(d->fs) || cli_service_info(d->fs, &s, &err) != BDFS_OK) {
                say(d, on ? VERDICT_WARNING : VERDICT_OK, "safe mode", on ? "on" : "off",
                    "bdfs admin safemode wait");
                return;
        }
        (void)snprintf(text, sizeof(text), "version %s, %llu inodes, %llu blocks", s->version,
                       (unsigned long long)s->inodes, (unsigned long long)s->blocks);
        say(d, VERDICT_OK, "server", text, NULL);
        (void)snprintf(text, sizeof(text), "%s%s%s", on ? "on" : "off",
                       s->safe_mode_reason == NULL ? "" : ": ",
                       s->safe_mode_reason == NULL ? "" : s->safe_mode_reason);
        say(d, on ? VERDICT_WARNING : VERDICT_OK, "safe mode", text, "bdfs admin safemode wait");
        if (s->started_wall_ms > os_wall_ms() + CLOCK_MS)
                say(d, VERDICT_WARNING, "clock", "the namenode's clock is ahead of this host's",
                    "run a time service (systemd-timesyncd, chrony) on both");
        message_free(s);
}

/* ---- the datanodes --------------------------------------------------------------------------- */

static void check_node(struct doctor *d, const Hadoop__DatanodeInfoProto *n)
{
        struct os_addr addr = {.port = (uint16_t)n->id->xferport};
        struct os_sock *s;
        struct bdfs_err err;
        char name[80], left[CLI_TEXT_BYTES], text[160];
        bool full = n->capacity > 0 && n->remaining * 100 < n->capacity * (100 - FULL_PERCENT);

        (void)snprintf(addr.host, sizeof(addr.host), "%s", n->id->ipaddr);
        (void)snprintf(name, sizeof(name), "%s:%u", n->id->ipaddr, n->id->xferport);
        if (os_connect(&s, &addr, os_mono_ms() + CONNECT_MS, &err) != BDFS_OK) {
                (void)bdfs_wrap(&err, "%s", name);
                wrong(d, "datanode", &err, "the namenode sees it, this host does not: a firewall, "
                                           "or it registered with an address of another network");
                return;
        }
        os_sock_close(s);
        (void)snprintf(text, sizeof(text), "%s, %s free", name,
                       cli_bytes(left, n->remaining));
        say(d, full ? VERDICT_WARNING : VERDICT_OK, "datanode", text,
            "its disk is nearly full: make room or add a datanode");
}

static void check_datanodes(struct doctor *d)
{
        Hadoop__GetDatanodeReportResponseProto *live = NULL, *dead = NULL;
        struct bdfs_defaults def;
        struct bdfs_err err;
        char text[160];

        if (cli_service_datanodes(d->fs, true, &live, &err) != BDFS_OK ||
            cli_service_datanodes(d->fs, false, &dead, &err) != BDFS_OK ||
            bdfs_defaults(d->fs, &def, &err) != BDFS_OK) {
                wrong(d, "datanodes", &err, NULL);
        } else {
                (void)snprintf(text, sizeof(text), "%zu live, %zu dead, new files want %u replicas",
                               live->n_di, dead->n_di, def.replication);
                if (live->n_di == 0)
                        wrong_text(d, BDFS_UNAVAILABLE, "datanodes", text,
                                   "nothing can be read or written: look into the datanodes' logs");
                else if (live->n_di < def.replication)
                        say(d, VERDICT_WARNING, "datanodes", text,
                            "files stay under-replicated: start more datanodes, or ask for fewer "
                            "replicas (setrep, --replication)");
                else
                        say(d, dead->n_di > 0 ? VERDICT_WARNING : VERDICT_OK, "datanodes", text,
                            "`bdfs admin report` names the dead ones");
                for (size_t i = 0; i < live->n_di; i++)
                        check_node(d, live->di[i]);
        }
        if (live != NULL)
                message_free(live);
        if (dead != NULL)
                message_free(dead);
}

/* True: an agent answers there. */
static bool check_agent(struct doctor *d, const Bdfs__NodeInfo *n)
{
        const char *colon = strrchr(n->name, ':');
        struct os_addr addr = {.port = (uint16_t)n->agent_port};
        struct os_sock *s;
        struct bdfs_err err;
        char text[160];

        if (!n->has_agent_port || n->agent_port == 0 || colon == NULL)
                return false;
        (void)snprintf(addr.host, sizeof(addr.host), "%.*s", (int)(colon - n->name), n->name);
        if (os_connect(&s, &addr, os_mono_ms() + CONNECT_MS, &err) == BDFS_OK) {
                os_sock_close(s);
                return true;
        }
        (void)snprintf(text, sizeof(text), "%.40s:%u, of the datanode %.40s, does not answer",
                       addr.host, addr.port, n->name);
        say(d, VERDICT_WARNING, "agent", text, "start bdfs-agent there, its log says why it ended; "
                                               "jobs go on without it");
        return false;
}

static void check_agents(struct doctor *d)
{
        Bdfs__NodesResponse *r;
        struct bdfs_err err;
        size_t alive = 0;
        char text[80];

        if (bdfs_is_hadoop(d->fs) || cli_service_nodes(d->fs, &r, &err) != BDFS_OK)
                return; /* there are none on Apache HDFS; other checks said what does not answer */
        for (size_t i = 0; i < r->n_nodes; i++)
                alive += check_agent(d, r->nodes[i]);
        (void)snprintf(text, sizeof(text), "%zu, beside %zu datanodes", alive, r->n_nodes);
        say(d, alive == 0 ? VERDICT_WARNING : VERDICT_OK, "agents", text,
            "no job runs: start bdfs-agent beside the datanodes");
        message_free(r);
}

static void check_blocks(struct doctor *d)
{
        struct bdfs_space s;
        struct bdfs_err err;
        char text[160];

        if (bdfs_space(d->fs, &s, &err) != BDFS_OK) {
                wrong(d, "blocks", &err, NULL);
                return;
        }
        (void)snprintf(text, sizeof(text), "%llu missing, %llu corrupt, %llu under-replicated",
                       (unsigned long long)s.missing, (unsigned long long)s.corrupt,
                       (unsigned long long)s.under_replicated);
        if (s.missing > 0)
                wrong_text(d, BDFS_CORRUPT, "blocks", text, "`bdfs fsck /` names the files");
        else
                say(d, s.corrupt + s.under_replicated > 0 ? VERDICT_WARNING : VERDICT_OK, "blocks",
                    text, "`bdfs fsck /` names the files; copies are made by themselves");
}

/* ---- this user's place there ----------------------------------------------------------------- */

static void check_home(struct doctor *d)
{
        char home[300], advice[400];
        struct bdfs_stat st;
        struct bdfs_err err;

        (void)snprintf(home, sizeof(home), "/user/%s", bdfs_user(d->fs));
        (void)snprintf(advice, sizeof(advice), "relative paths begin there: bdfs mkdir -p %s (as "
                       "an administrator: and bdfs chown %s %s)", home, bdfs_user(d->fs), home);
        if (bdfs_stat(d->fs, home, &st, &err) == BDFS_OK) {
                bdfs_stat_fini(&st);
                if (bdfs_access(d->fs, home, 2, &err) == BDFS_OK)
                        say(d, VERDICT_OK, "home directory", home, NULL);
                else
                        say(d, VERDICT_WARNING, "home directory", err.text, advice);
        } else if (err.status == BDFS_NOT_FOUND) {
                say(d, VERDICT_WARNING, "home directory", "there is none", advice);
        } else {
                wrong(d, "home directory", &err, NULL);
        }
}

static enum bdfs_status round_trip(struct doctor *d, const char *path, struct bdfs_err *err)
{
        static const char text[] = "bdfs doctor was here\n";
        const struct bdfs_create options = {.overwrite = true};
        char back[sizeof(text)] = "";
        struct bdfs_file *f;
        size_t n = 0;

        if (bdfs_create(d->fs, path, &options, &f, err) != BDFS_OK)
                return err->status;
        if (bdfs_write(f, text, sizeof(text), err) != BDFS_OK) {
                bdfs_abandon(f);
                return err->status;
        }
        if (bdfs_close(f, err) != BDFS_OK || bdfs_open(d->fs, path, &f, err) != BDFS_OK)
                return err->status;
        if (bdfs_read(f, back, sizeof(back), &n, err) != BDFS_OK) {
                bdfs_abandon(f);
                return err->status;
        }
        if (bdfs_close(f, err) != BDFS_OK)
                return err->status;
        return n == sizeof(text) && memcmp(text, back, n) == 0
                       ? BDFS_OK
                       : bdfs_fail(err, BDFS_CORRUPT, "what was read is not what was written");
}

static void check_write(struct doctor *d)
{
        AUTO_FREE char *path = NULL;
        struct bdfs_err err, ignored;
        enum bdfs_status rc;

        if (asprintf(&path, "/user/%s/.doctor.%ld", bdfs_user(d->fs), (long)getpid()) < 0) {
                path = NULL;
                return;
        }
        rc = round_trip(d, path, &err);
        if (rc == BDFS_OK)
                say(d, VERDICT_OK, "write and read", "a small file went out and came back", NULL);
        else
                wrong(d, "write and read", &err, NULL);
        BDFS_IGNORE(bdfs_delete(d->fs, path, false, &ignored)); /* it may never have been made */
}

static void examine(struct doctor *d)
{
        struct bdfs_err err;

        check_limits(d);
        check_user(d);
        if (cli_connect(d->cli, &err) != BDFS_OK) {
                wrong(d, "configuration", &err, NULL);
                return;
        }
        d->fs = d->cli->fs;
        if (!check_namenode(d))
                return;
        check_server(d);
        check_datanodes(d);
        check_agents(d);
        check_blocks(d);
        check_home(d);
        if (d->write)
                check_write(d);
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
        struct doctor d = {.cli = cli};
        const struct cli_option options[] = {{"-write", &d.write, NULL}, {NULL, NULL, NULL}};

        if (!cli_options(cli, &argc, &argv, options, 0, 0))
                return bdfs_status_exit(BDFS_USAGE);
        if (cli->options.timeout_ms == 0)
                cli->options.timeout_ms = 10000;
        d.rows = cli->json ? json_array() : NULL;
        examine(&d);
        if (cli->json)
                cli_json_one(cli, d.rows);
        return d.code;
}
