/*
 * intruder_agent - one real uid tries on an agent's port what only the owner of a job may do; all
 * of it must be refused.
 *
 *   intruder_agent CONF OWNER INTRUDER PORT JOB running|ended
 *
 * JOB is OWNER's. While it runs its map 0 is done, with one part, and its reducer runs; OWNER's
 * file /intruder/secret has mode 0600, its directory /intruder/closed 0700, and all may write to
 * /intruder. Run as root: it becomes INTRUDER. Prints a line per attempt; exit 1 when one worked.
 */
#include <inttypes.h>

#include "client/locate.h"
#include "net/rpc_client.h"
#include "proto/bdfs_agent.pb-c.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "tests/tools/intruder_kit.h"

#define CALL_MS 10000
#define SECRET "/intruder/secret"
#define TASKS_FIRST 100 /* number of the first job with a task; an id is used once */
#define JOBS_MOST 5000 /* that an agent could take before we believe that it takes any number */

static struct os_addr agent;
static struct rpc_client *own; /* by the intruder's own name */
static uint64_t run_of_agent;

static enum bdfs_status ask_by(struct rpc_client *c, enum method_id id, const void *q,
                               ProtobufCMessage **ret, struct bdfs_err *err)
{
        ProtobufCMessage *m;
        enum bdfs_status rc = rpc_client_call(c, method_of(id), q, &m, os_mono_ms() + CALL_MS, err);

        if (rc == BDFS_OK && ret != NULL)
                *ret = m;
        else if (rc == BDFS_OK)
                message_free(m);
        return rc;
}

static void refused_with(enum bdfs_status status, const char *what, enum method_id id,
                         const void *q)
{
        struct bdfs_err err = {.text = ""};

        attempt(what, ask_by(own, id, q, NULL, &err) == status, err.text);
}

/* ---- requests ---- */

static char *job_name(unsigned number)
{
        static char names[8][40];
        char *to = names[number % 8];

        (void)snprintf(to, sizeof(names[0]), "job_%013u_%04u", number, (unsigned)getpid() % 10000);
        return to;
}

static Bdfs__BeginJobRequest job(char *name)
{
        Bdfs__BeginJobRequest q = BDFS__BEGIN_JOB_REQUEST__INIT;
        static char map[] = "id -un", output[] = "/intruder/out", staging[] = "/intruder/.own";

        q.job = name;
        q.map = map;
        q.maps = 10;
        q.output = output;
        q.staging = staging;
        return q;
}

static enum bdfs_status begin(const Bdfs__BeginJobRequest *q, struct bdfs_err *err)
{
        ProtobufCMessage *m;
        enum bdfs_status rc = ask_by(own, METHOD_BDFS_AGENT_beginJob, q, &m, err);

        if (rc != BDFS_OK)
                return rc;
        run_of_agent = ((Bdfs__BeginJobResponse *)m)->run;
        message_free(m);
        return BDFS_OK;
}

static void end(char *name)
{
        Bdfs__EndJobRequest q = BDFS__END_JOB_REQUEST__INIT;
        struct bdfs_err err;

        q.job = name;
        BDFS_IGNORE(ask_by(own, METHOD_BDFS_AGENT_endJob, &q, NULL, &err));
}

static Bdfs__StartAttemptRequest map_of(char *name, Bdfs__MapInput *input)
{
        Bdfs__StartAttemptRequest q = BDFS__START_ATTEMPT_REQUEST__INIT;

        q.job = name;
        q.run = run_of_agent;
        q.input = input;
        return q;
}

/* Of at most one block; without it where we may not read. */
static Bdfs__MapInput input_of(struct bdfs *fs, char *path)
{
        static Bdfs__InputPiece piece = BDFS__INPUT_PIECE__INIT, *list = &piece;
        Bdfs__MapInput in = BDFS__MAP_INPUT__INIT;
        struct file_map map;
        struct bdfs_stat st;
        struct bdfs_err err;

        if (bdfs_stat(fs, path, &st, &err) != BDFS_OK) {
                (void)fprintf(stderr, "intruder_agent: %s\n", err.text);
                exit(2);
        }
        if (st.type == BDFS_TYPE_FILE && locate(fs, path, 0, st.length, &map, &err) == BDFS_OK) {
                piece.length = st.length;
                piece.block = map.blocks->blocks[0]->b->blockid;
                piece.stamp = map.blocks->blocks[0]->b->generationstamp;
                in.pieces = &list;
                in.n_pieces = 1;
                file_map_fini(&map);
        }
        in.path = path;
        in.inode = st.inode;
        in.file_length = in.length = st.length;
        bdfs_stat_fini(&st);
        return in;
}

/* What became of the only attempt of a job of ours; its text. */
static bool succeeds(char *name, char ret_text[512])
{
        Bdfs__PollRequest q = BDFS__POLL_REQUEST__INIT;
        int64_t deadline = os_mono_ms() + 30000;
        struct bdfs_err err;
        ProtobufCMessage *m;

        q.job = name;
        q.run = run_of_agent;
        q.wait_ms = 1000;
        ret_text[0] = '\0';
        while (os_mono_ms() < deadline) {
                const Bdfs__PollResponse *r;
                bool over, good;

                if (ask_by(own, METHOD_BDFS_AGENT_poll, &q, &m, &err) != BDFS_OK)
                        break;
                r = (const Bdfs__PollResponse *)m;
                over = r->next > 0;
                good = over && r->reports[0]->state == BDFS__ATTEMPT_STATE__ATTEMPT_SUCCEEDED;
                if (over && r->reports[0]->text != NULL)
                        (void)snprintf(ret_text, 512, "%s", r->reports[0]->text);
                message_free(m);
                if (over)
                        return good;
        }
        (void)fprintf(stderr, "intruder_agent: an attempt does not end\n");
        exit(2);
}

/* ---- names ---- */

static void try_names(const char *owner, const char *self)
{
        const char *names[] = {owner, "root"};
        Bdfs__LogsRequest q = BDFS__LOGS_REQUEST__INIT;
        struct rpc_client *c;
        struct bdfs_err err = {.text = ""};
        char what[128];

        q.job = job_name(0);
        allowed("its own name", rpc_client_new(&own, &agent, self, &err) == BDFS_OK &&
                ask_by(own, METHOD_BDFS_AGENT_logs, &q, NULL, &err) == BDFS_OK, err.text);
        for (size_t i = 0; i < 2; i++) {
                (void)snprintf(what, sizeof(what), "claiming to be %s", names[i]);
                attempt(what, rpc_client_new(&c, &agent, names[i], &err) == BDFS_OK &&
                        ask_by(c, METHOD_BDFS_AGENT_logs, &q, NULL, &err) == BDFS_PERMISSION,
                        err.text);
                rpc_client_free(c);
        }
}

/* ---- another's job ---- */

static void try_calls(struct bdfs *fs, char *theirs)
{
        Bdfs__BeginJobRequest again = job(theirs);
        Bdfs__EndJobRequest end_it = BDFS__END_JOB_REQUEST__INIT;
        Bdfs__PollRequest poll = BDFS__POLL_REQUEST__INIT;
        Bdfs__PutFileRequest put = BDFS__PUT_FILE_REQUEST__INIT;
        Bdfs__FetchRequest fetch = BDFS__FETCH_REQUEST__INIT;
        Bdfs__SegmentWanted wanted = BDFS__SEGMENT_WANTED__INIT, *list = &wanted;
        static char root[] = "/";
        Bdfs__MapInput in = input_of(fs, root);
        Bdfs__StartAttemptRequest start = map_of(theirs, &in);

        end_it.job = poll.job = put.job = fetch.job = theirs;
        poll.run = run_of_agent;
        wanted.bytes = 1 << 20;
        fetch.wanted = &list;
        fetch.n_wanted = 1;
        refused_with(BDFS_EXISTS, "beginning another's job", METHOD_BDFS_AGENT_beginJob, &again);
        refused_with(BDFS_PERMISSION, "ending another's job", METHOD_BDFS_AGENT_endJob, &end_it);
        refused_with(BDFS_PERMISSION, "asking after another's job", METHOD_BDFS_AGENT_poll, &poll);
        refused_with(BDFS_PERMISSION, "a task in another's job", METHOD_BDFS_AGENT_startAttempt,
                     &start);
        refused_with(BDFS_PERMISSION, "a file for another's job", METHOD_BDFS_AGENT_putFile, &put);
        refused_with(BDFS_PERMISSION, "the output of another's map", METHOD_BDFS_AGENT_fetch,
                     &fetch);
}

static void try_logs(char *theirs)
{
        char path[128];
        const char *jobs[] = {theirs, path, "job_0000000000000_/../../", "..", ""};
        Bdfs__LogsRequest q = BDFS__LOGS_REQUEST__INIT;
        struct bdfs_err err;

        (void)snprintf(path, sizeof(path), "../logs/%s", theirs);
        for (size_t i = 0; i < 5; i++) {
                ProtobufCMessage *m = NULL;
                char what[200];
                bool none;

                q.job = (char *)(uintptr_t)jobs[i];
                none = ask_by(own, METHOD_BDFS_AGENT_logs, &q, &m, &err) != BDFS_OK ||
                       ((Bdfs__LogsResponse *)m)->n_logs == 0;
                (void)snprintf(what, sizeof(what), "logs of `%s`", jobs[i]);
                attempt(what, none, "");
                message_free(m);
        }
}

/* ---- another's files, through a job of one's own ---- */

static void try_task(struct bdfs *fs, const char *what, const char *file, char *staging,
                     bool may)
{
        static unsigned tried;
        char *name = job_name(TASKS_FIRST + tried++), path[64], text[512];
        Bdfs__BeginJobRequest q = job(name);
        Bdfs__MapInput in;
        Bdfs__StartAttemptRequest start;
        struct bdfs_err err = {.text = ""};

        (void)snprintf(path, sizeof(path), "%s", file);
        in = input_of(fs, path);
        q.staging = staging;
        if (begin(&q, &err) != BDFS_OK) {
                allowed(what, false, err.text);
                return;
        }
        start = map_of(name, &in);
        if (ask_by(own, METHOD_BDFS_AGENT_startAttempt, &start, NULL, &err) != BDFS_OK)
                allowed(what, false, err.text);
        else if (may)
                allowed(what, succeeds(name, text), text);
        else
                attempt(what, !succeeds(name, text) && strstr(text, "ermission") != NULL, text);
        end(name);
}

static void make_file(struct bdfs *fs, const char *path)
{
        struct bdfs_create options = {.no_parents = true};
        struct bdfs_file *f;
        struct bdfs_err err;

        if (bdfs_create(fs, path, &options, &f, &err) != BDFS_OK ||
            bdfs_write(f, "x\n", 2, &err) != BDFS_OK || bdfs_close(f, &err) != BDFS_OK) {
                (void)fprintf(stderr, "intruder_agent: %s\n", err.text);
                exit(2);
        }
}

static void try_files(struct bdfs *fs, const char *self)
{
        static char mine[] = "/intruder/.own", closed[] = "/intruder/closed";
        char part[128], said[64] = "";
        struct bdfs_file *f;
        struct bdfs_err err = {.text = ""};
        size_t n = 0;

        make_file(fs, "/intruder/mine");
        if (bdfs_mkdir(fs, "/intruder/.own/_attempts", 0755, true, &err) != BDFS_OK)
                exit(2);
        try_task(fs, "a task of its own", "/intruder/mine", mine, true);
        (void)snprintf(part, sizeof(part), "/intruder/.own/_attempts/attempt_%s_m_000000_0",
                       job_name(TASKS_FIRST) + 4);
        if (bdfs_open(fs, part, &f, &err) == BDFS_OK) {
                BDFS_IGNORE(bdfs_read(f, said, sizeof(said) - 1, &n, &err));
                BDFS_IGNORE(bdfs_close(f, &err));
        }
        said[strcspn(said, "\n")] = '\0';
        allowed("which runs as itself", strcmp(said, self) == 0, said);
        try_task(fs, "a task that reads another's file of mode 0600", SECRET, mine, false);
        try_task(fs, "a task that writes to another's directory of mode 0700", "/intruder/mine",
                 closed, false);
}

/* ---- requests that are not meant well ---- */

static void try_shipping(void)
{
        static char up[] = "../up", deep[] = "a/b", dots[] = "..", empty[] = "";
        char *names[] = {up, deep, dots, empty}, *name = job_name(2);
        Bdfs__BeginJobRequest q = job(name);
        Bdfs__PutFileRequest put = BDFS__PUT_FILE_REQUEST__INIT;
        struct bdfs_err err = {.text = ""};
        char what[128];

        q.files = names;
        q.n_files = 4;
        allowed("a job of its own", begin(&q, &err) == BDFS_OK, err.text);
        put.job = name;
        for (put.file = 0; put.file < 4; put.file++) {
                (void)snprintf(what, sizeof(what), "shipping `%s`", names[put.file]);
                refused_with(BDFS_INVALID, what, METHOD_BDFS_AGENT_putFile, &put);
        }
        refused_with(BDFS_INVALID, "shipping what was not announced", METHOD_BDFS_AGENT_putFile,
                     &put);
        end(name);
}

static void try_sizes(void)
{
        static char reduce[] = "cat";
        Bdfs__BeginJobRequest q = job(job_name(3));
        unsigned n = 0;
        struct bdfs_err err = {.text = ""};
        enum bdfs_status rc = BDFS_OK;

        q.reduce = reduce;
        q.reduces = UINT32_MAX;
        refused_with(BDFS_LIMIT, "a job with 4294967295 parts", METHOD_BDFS_AGENT_beginJob, &q);
        for (n = 0; n < JOBS_MOST && rc == BDFS_OK; n++) {
                q = job(job_name(1000 + n));
                rc = begin(&q, &err);
        }
        attempt("any number of jobs", rc == BDFS_LIMIT, err.text);
        for (unsigned i = 0; i < n; i++)
                end(job_name(1000 + i));
}

/* ---- peers that do not wait ---- */

static void send_and_close(const struct buf *b)
{
        struct os_sock *s;
        struct bdfs_err err;

        for (unsigned i = 0; i < 50; i++) {
                if (os_connect(&s, &agent, os_mono_ms() + 1000, &err) != BDFS_OK)
                        break;
                BDFS_IGNORE(os_sock_write(s, b->data, b->n, os_mono_ms() + 1000, &err));
                os_sock_close(s);
        }
}

/* Ask for a job as root and close at once: the kernel then has no owner for the socket any more,
 * and nobody may take that for root. */
static void try_closing(void)
{
        uint8_t hello[IPC_HELLO_BYTES], id[IPC_CLIENT_ID_BYTES] = {1}, noise[1000];
        char *name = job_name(4);
        Bdfs__BeginJobRequest q = job(name);
        struct ipc_call call = {.client_id = id, .method = "beginJob", .version = 1,
                                .protocol = method_of(METHOD_BDFS_AGENT_beginJob)->protocol_name};
        struct bdfs_err err = {.text = ""};
        struct buf b;

        buf_init(&b, 0);
        ipc_hello_encode(hello, false);
        buf_add(&b, hello, sizeof(hello));
        ipc_context_encode(&b, id, "root", NULL, call.protocol);
        ipc_request_encode(&b, &call, &q.base);
        send_and_close(&b);
        os_random(noise, sizeof(noise));
        buf_reset(&b);
        buf_add(&b, noise, sizeof(noise));
        send_and_close(&b);
        buf_fini(&b);
        os_sleep_ms(500);
        /* the name is free: nobody began it */
        attempt("sends as root and closes at once", begin(&q, &err) == BDFS_OK, err.text);
        end(name);
}

int main(int argc, char **argv)
{
        struct bdfs_err err;
        struct bdfs *fs;

        if (argc != 7) {
                (void)fprintf(stderr, "usage: intruder_agent CONF OWNER INTRUDER PORT JOB "
                                      "running|ended\n");
                return 2;
        }
        agent = (struct os_addr){"127.0.0.1", (uint16_t)strtoul(argv[4], NULL, 10)};
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        become(argv[3]);
        fs = connect_as(argv[1], NULL);
        try_names(argv[2], argv[3]);
        try_logs(argv[5]);
        if (strcmp(argv[6], "running") == 0) {
                try_shipping();
                try_calls(fs, argv[5]);
                try_files(fs, argv[3]);
                try_sizes();
                try_closing();
        } else {
                Bdfs__BeginJobRequest q = job(argv[5]);

                refused_with(BDFS_EXISTS, "another's job anew, over its logs",
                             METHOD_BDFS_AGENT_beginJob, &q);
        }
        BDFS_IGNORE(bdfs_delete(fs, "/intruder/mine", false, &err));
        rpc_client_free(own);
        bdfs_disconnect(fs);
        return failures != 0;
}
