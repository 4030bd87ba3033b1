/*
 * attack_agent - one user talks to an agent as no driver would; the script that runs it judges.
 *
 *   attack_agent CONF USER PORT FILE <LINES
 *
 * Run as root: it becomes USER. FILE of the cluster, which USER may read, is every map's input.
 * Each line of the standard input is done in turn and answered with a line `VERB STATUS TEXT`:
 *
 *   begin JOB COMMAND     a map-only job
 *   start JOB TASK ATTEMPT
 *   wait JOB N            until N attempts have ended, each told as
 *                         `ended TASK ATTEMPT STATE TEXT` before
 *   end JOB
 *   flood JOB N BYTES     N attempts with so much to say each; the answer: how many were taken
 *   jobs N                so do N jobs
 *   put JOB OFFSET BYTES  of its only shipped file, called `shipped`
 */
#include <inttypes.h>

#include "client/locate.h"
#include "net/rpc_client.h"
#include "proto/bdfs_agent.pb-c.h"
#include "proto/message.h"
#include "tests/tools/intruder_kit.h"

#define CALL_MS 70000
#define WAIT_MS 60000

static struct rpc_client *agent;
static uint64_t run_of_agent;
static char output[] = "/attack/out", staging[] = "/attack/.own", shipped[] = "shipped";
static Bdfs__InputPiece piece = BDFS__INPUT_PIECE__INIT, *pieces = &piece;
static Bdfs__MapInput input = BDFS__MAP_INPUT__INIT;

static enum bdfs_status ask(enum method_id id, const void *q, ProtobufCMessage **ret,
                            struct bdfs_err *err)
{
        ProtobufCMessage *m;
        enum bdfs_status rc =
                rpc_client_call(agent, method_of(id), q, &m, os_mono_ms() + CALL_MS, err);

        if (rc == BDFS_OK && ret != NULL)
                *ret = m;
        else if (rc == BDFS_OK)
                message_free(m);
        return rc;
}

static void answer(const char *verb, enum bdfs_status rc, const struct bdfs_err *err)
{
        (void)printf("%s %s %s\n", verb, bdfs_status_name(rc), rc == BDFS_OK ? "" : err->text);
}

static enum bdfs_status begin(char *job, char *command, struct bdfs_err *err)
{
        static char *files[] = {shipped};
        Bdfs__BeginJobRequest q = BDFS__BEGIN_JOB_REQUEST__INIT;
        ProtobufCMessage *m;
        enum bdfs_status rc;

        q.job = job;
        q.map = command;
        q.maps = 1000000;
        q.output = output;
        q.staging = staging;
        q.files = files;
        q.n_files = 1;
        rc = ask(METHOD_BDFS_AGENT_beginJob, &q, &m, err);
        if (rc != BDFS_OK)
                return rc;
        run_of_agent = ((Bdfs__BeginJobResponse *)m)->run;
        message_free(m);
        return BDFS_OK;
}

static enum bdfs_status start(char *job, uint32_t task, uint32_t number, struct bdfs_err *err)
{
        Bdfs__StartAttemptRequest q = BDFS__START_ATTEMPT_REQUEST__INIT;

        q.job = job;
        q.run = run_of_agent;
        q.task = task;
        q.attempt = number;
        q.input = &input;
        return ask(METHOD_BDFS_AGENT_startAttempt, &q, NULL, err);
}

static enum bdfs_status wait_for(char *job, uint64_t n, struct bdfs_err *err)
{
        Bdfs__PollRequest q = BDFS__POLL_REQUEST__INIT;
        int64_t deadline = os_mono_ms() + WAIT_MS;
        ProtobufCMessage *m;

        q.job = job;
        q.run = run_of_agent;
        q.wait_ms = 500;
        while (q.seen < n && os_mono_ms() < deadline) {
                const Bdfs__PollResponse *r;

                if (ask(METHOD_BDFS_AGENT_poll, &q, &m, err) != BDFS_OK)
                        return err->status;
                r = (const Bdfs__PollResponse *)m;
                for (size_t i = 0; i < r->n_reports; i++) {
                        const Bdfs__AttemptReport *a = r->reports[i];

                        if (a->state >= BDFS__ATTEMPT_STATE__ATTEMPT_SUCCEEDED)
                                (void)printf("ended %u %u %d %s\n", a->task, a->attempt, a->state,
                                             a->text == NULL ? "" : a->text);
                }
                q.seen = r->next;
                message_free(m);
        }
        return q.seen >= n ? BDFS_OK : bdfs_fail(err, BDFS_TIMEOUT, "only %" PRIu64, q.seen);
}

static enum bdfs_status end(char *job, struct bdfs_err *err)
{
        Bdfs__EndJobRequest q = BDFS__END_JOB_REQUEST__INIT;

        q.job = job;
        return ask(METHOD_BDFS_AGENT_endJob, &q, NULL, err);
}

static void flood(char *job, unsigned n, size_t bytes)
{
        Bdfs__InputPiece **many = calloc(bytes / 12 + 1, sizeof(*many)); /* 12 bytes each */
        enum bdfs_status rc = BDFS_OK;
        struct bdfs_err err = {.text = ""};
        unsigned done;

        if (many == NULL)
                exit(2);
        for (size_t i = 0; i < bytes / 12; i++)
                many[i] = &piece;
        input.pieces = many;
        input.n_pieces = bytes / 12;
        for (done = 0; done < n && rc == BDFS_OK; done += rc == BDFS_OK)
                rc = start(job, 1000 + done, 0, &err);
        input.pieces = &pieces;
        input.n_pieces = 1;
        free(many);
        (void)printf("flood %s %u taken: %s\n", bdfs_status_name(rc), done, err.text);
}

static void jobs(unsigned n)
{
        static char command[] = "true";
        enum bdfs_status rc = BDFS_OK;
        struct bdfs_err err = {.text = ""};
        unsigned done;
        char name[40];

        for (done = 0; done < n && rc == BDFS_OK; done += rc == BDFS_OK) {
                (void)snprintf(name, sizeof(name), "job_%013u_%04u", 500000000 + done,
                               (unsigned)getpid() % 10000);
                rc = begin(name, command, &err);
        }
        (void)printf("jobs %s %u taken: %s\n", bdfs_status_name(rc), done, err.text);
}

static enum bdfs_status put(char *job, uint64_t offset, size_t n, struct bdfs_err *err)
{
        Bdfs__PutFileRequest q = BDFS__PUT_FILE_REQUEST__INIT;
        enum bdfs_status rc;

        q.job = job;
        q.offset = offset;
        q.data.data = calloc(1, n + 1);
        q.data.len = n;
        rc = ask(METHOD_BDFS_AGENT_putFile, &q, NULL, err);
        free(q.data.data);
        return rc;
}

/* The whole of FILE, which has at most one block. */
static void find_input(const char *conf, char *path)
{
        struct bdfs *fs = connect_as(conf, NULL);
        struct file_map map;
        struct bdfs_stat st;
        struct bdfs_err err;

        if (bdfs_stat(fs, path, &st, &err) != BDFS_OK ||
            locate(fs, path, 0, st.length, &map, &err) != BDFS_OK) {
                (void)fprintf(stderr, "attack_agent: %s\n", err.text);
                exit(2);
        }
        piece.length = st.length;
        piece.block = map.blocks->blocks[0]->b->blockid;
        piece.stamp = map.blocks->blocks[0]->b->generationstamp;
        input.path = path;
        input.inode = st.inode;
        input.file_length = input.length = st.length;
        input.pieces = &pieces;
        input.n_pieces = 1;
        file_map_fini(&map);
        bdfs_stat_fini(&st);
        bdfs_disconnect(fs);
}

static void obey(char *line)
{
        char verb[16] = "", job[64] = "";
        unsigned long long a = 0, b = 0;
        struct bdfs_err err = {.text = ""};
        int at = 0;

        line[strcspn(line, "\n")] = '\0';
        (void)sscanf(line, "%15s %63s %n%llu %llu", verb, job, &at, &a, &b);
        if (strcmp(verb, "begin") == 0)
                answer(verb, begin(job, line + at, &err), &err);
        else if (strcmp(verb, "start") == 0)
                answer(verb, start(job, (uint32_t)a, (uint32_t)b, &err), &err);
        else if (strcmp(verb, "wait") == 0)
                answer(verb, wait_for(job, a, &err), &err);
        else if (strcmp(verb, "end") == 0)
                answer(verb, end(job, &err), &err);
        else if (strcmp(verb, "flood") == 0)
                flood(job, (unsigned)a, (size_t)b);
        else if (strcmp(verb, "jobs") == 0)
                jobs((unsigned)strtoul(job, NULL, 10));
        else if (strcmp(verb, "put") == 0)
                answer(verb, put(job, a, (size_t)b, &err), &err);
        else
                exit(2);
}

int main(int argc, char **argv)
{
        struct os_addr addr = {.host = "127.0.0.1"};
        struct bdfs_err err;
        char line[8192];

        if (argc != 5) {
                (void)fprintf(stderr, "usage: attack_agent CONF USER PORT FILE <LINES\n");
                return 2;
        }
        addr.port = (uint16_t)strtoul(argv[3], NULL, 10);
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        become(argv[2]);
        find_input(argv[1], argv[4]);
        if (rpc_client_new(&agent, &addr, argv[2], &err) != BDFS_OK) {
                (void)fprintf(stderr, "attack_agent: %s\n", err.text);
                return 2;
        }
        while (fgets(line, sizeof(line), stdin) != NULL)
                obey(line);
        rpc_client_free(agent);
        return 0;
}
