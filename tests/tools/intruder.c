/*
 * intruder - one real uid tries what only another may do, on every port; all of it must be refused.
 *
 *   intruder CONF OWNER INTRUDER NN-OWN NN-HADOOP DN-OWN DN-HADOOP
 *
 * As root it becomes OWNER (a user of the host), makes a file of mode 0600 and hands its located
 * block, token and all, to a process of INTRUDER. Prints a line per attempt; exit 1 if one worked.
 */
#include <sys/wait.h>

#include "client/block_reader.h"
#include "client/block_writer.h"
#include "client/locate.h"
#include "proto/bdfs_cluster.pb-c.h"
#include "proto/ipc.h"
#include "tests/tools/intruder_kit.h"

#define FILE_PATH "/intruder/secret"
#define FILE_BYTES 3000

struct ports {
        struct os_addr nn[2], dn[2]; /* own, Hadoop */
};

/* ---- what the owner does ---- */

static void owner_makes_file(const char *conf)
{
        struct bdfs_create options = {.mode = 0600};
        struct bdfs *fs = connect_as(conf, NULL);
        struct bdfs_file *f;
        struct bdfs_err err;
        uint8_t bytes[FILE_BYTES] = {'s'};

        if (bdfs_create(fs, FILE_PATH, &options, &f, &err) != BDFS_OK ||
            bdfs_write(f, bytes, sizeof(bytes), &err) != BDFS_OK ||
            bdfs_close(f, &err) != BDFS_OK) {
                (void)fprintf(stderr, "intruder: %s\n", err.text);
                exit(2);
        }
        bdfs_disconnect(fs);
}

/* The located block, packed, as another process may have stolen it. */
static void owner_tells_block(const char *conf, int to)
{
        struct bdfs *fs = connect_as(conf, NULL);
        struct file_map m;
        struct bdfs_err err;
        struct buf b;

        buf_init(&b, 0);
        if (locate(fs, FILE_PATH, 0, FILE_BYTES, &m, &err) != BDFS_OK || m.blocks->n_blocks != 1) {
                (void)fprintf(stderr, "intruder: %s\n", err.text);
                exit(2);
        }
        message_pack(&b, &m.blocks->blocks[0]->base);
        if (write(to, b.data, b.n) != (ssize_t)b.n)
                exit(2);
        buf_fini(&b);
        file_map_fini(&m);
        bdfs_disconnect(fs);
}

/* ---- tokens ---- */

static bool reads(struct bdfs *fs, const Hadoop__LocatedBlockProto *b, const struct os_addr *from,
                  struct bdfs_err *err)
{
        struct block_reader r;

        if (block_reader_open(&r, fs, b, from, 0, 10, err) != BDFS_OK)
                return false;
        block_reader_close(&r);
        return true;
}

static void try_tokens(struct bdfs *fs, const Hadoop__LocatedBlockProto *stolen,
                       const struct os_addr *from, const char *port, bool own)
{
        Hadoop__LocatedBlockProto b = *stolen;
        Hadoop__TokenProto token = *stolen->blocktoken;
        struct bdfs_err err = {0};
        char what[128];

        b.blocktoken = &token;
        if (own) {
                (void)snprintf(what, sizeof(what), "%s: its own token unaltered", port);
                allowed(what, reads(fs, &b, from, &err), err.text);
        } else {
                (void)snprintf(what, sizeof(what), "%s: another user's token", port);
                attempt(what, !reads(fs, &b, from, &err), err.text);
        }
        for (size_t i = 0; i < token.identifier.len; i += 7) {
                token.identifier.data[i] ^= 1;
                (void)snprintf(what, sizeof(what), "%s: token altered at byte %zu", port, i);
                attempt(what, !reads(fs, &b, from, &err), "");
                token.identifier.data[i] ^= 1;
        }
        for (size_t i = 6; i < token.password.len; i++) /* behind version, count, node number */
                token.password.data[i] ^= 0xff;
        (void)snprintf(what, sizeof(what), "%s: forged MAC", port);
        attempt(what, !reads(fs, &b, from, &err), err.text);
        for (size_t i = 6; i < token.password.len; i++)
                token.password.data[i] ^= 0xff;
        token.identifier.len = token.password.len = 0;
        (void)snprintf(what, sizeof(what), "%s: block by its id, no token", port);
        attempt(what, !reads(fs, &b, from, &err), err.text);
}

static void try_write(struct bdfs *fs, const Hadoop__LocatedBlockProto *stolen,
                      const struct os_addr *to, const char *port)
{
        Hadoop__LocatedBlockProto b = *stolen;
        Hadoop__DatanodeInfoProto info = *stolen->locs[0], *list = &info;
        Hadoop__DatanodeIDProto id = *info.id;
        struct block_writer_open o = {.block = &b, .block_size = 1 << 20};
        struct block_writer w;
        struct bdfs_err err;
        char what[128];
        bool worked;
        int bad;

        id.xferport = to->port;
        info.id = &id;
        b.locs = &list;
        b.n_locs = 1;
        b.n_storageids = b.n_storagetypes = 0;
        worked = block_writer_open(&w, fs, &o, &bad, &err) == BDFS_OK;
        if (worked)
                block_writer_close(&w);
        (void)snprintf(what, sizeof(what), "%s: writing with a token for reading", port);
        attempt(what, !worked, err.text);
}

/* ---- calls ---- */

static bool calls(const struct os_addr *to, const char *claimed, enum method_id id,
                  const ProtobufCMessage *q, struct bdfs_err *err)
{
        struct rpc_client *c;
        ProtobufCMessage *m;
        enum bdfs_status rc;

        if (rpc_client_new(&c, to, claimed, err) != BDFS_OK)
                return false;
        rc = rpc_client_call(c, method_of(id), q, &m, os_mono_ms() + 5000, err);
        if (rc == BDFS_OK)
                message_free(m);
        rpc_client_free(c);
        return rc == BDFS_OK;
}

static void try_names(const struct os_addr *to, const char *port, const char *owner,
                      const char *self)
{
        Hadoop__GetFileInfoRequestProto q = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        Bdfs__ChallengeRequest challenge = BDFS__CHALLENGE_REQUEST__INIT;
        Bdfs__RegisterRequest reg = BDFS__REGISTER_REQUEST__INIT;
        const char *names[] = {owner, "root"};
        struct bdfs_err err = {0};
        uint8_t zeros[32] = {0};
        char what[128], text[] = "x", path[] = "/";

        q.src = path;
        (void)snprintf(what, sizeof(what), "%s: its own name", port);
        allowed(what, calls(to, self, METHOD_CLIENT_getFileInfo, &q.base, &err), err.text);
        for (size_t i = 0; i < 2; i++) {
                (void)snprintf(what, sizeof(what), "%s: claiming to be %s", port, names[i]);
                attempt(what, !calls(to, names[i], METHOD_CLIENT_getFileInfo, &q.base, &err),
                        err.text);
        }
        reg.cluster.data = zeros;
        reg.cluster.len = 16;
        challenge.cluster = reg.cluster;
        challenge.nonce = reg.cluster;
        challenge.uuid = text;
        (void)snprintf(what, sizeof(what), "%s: asking for a datanode's challenge", port);
        attempt(what, !calls(to, self, METHOD_BDFS_DATANODE_challenge, &challenge.base, &err),
                err.text);
        reg.digest.data = zeros;
        reg.digest.len = 16;
        reg.uuid = reg.ip = reg.host_name = reg.rack = reg.version = text;
        (void)snprintf(what, sizeof(what), "%s: registering as a datanode", port);
        attempt(what, !calls(to, self, METHOD_BDFS_DATANODE_register, &reg.base, &err), err.text);
}

/* What would make datanodes work on a block, or its pipeline change. */
static void try_block(const struct os_addr *to, const char *port, const char *self,
                      const Hadoop__LocatedBlockProto *stolen)
{
        Hadoop__ReportBadBlocksRequestProto bad = HADOOP__REPORT_BAD_BLOCKS_REQUEST_PROTO__INIT;
        Hadoop__UpdateBlockForPipelineRequestProto stamp =
                HADOOP__UPDATE_BLOCK_FOR_PIPELINE_REQUEST_PROTO__INIT;
        Hadoop__LocatedBlockProto b = *stolen, *list = &b;
        struct bdfs_err err = {0};
        char what[128], holder[] = "intruder";

        bad.blocks = &list;
        bad.n_blocks = 1;
        (void)snprintf(what, sizeof(what), "%s: calling another's block bad", port);
        attempt(what, !calls(to, self, METHOD_CLIENT_reportBadBlocks, &bad.base, &err), err.text);
        stamp.block = b.b;
        stamp.clientname = holder;
        (void)snprintf(what, sizeof(what), "%s: a new stamp for another's block", port);
        attempt(what, !calls(to, self, METHOD_CLIENT_updateBlockForPipeline, &stamp.base, &err),
                err.text);
}

/* Say hello, claim root, ask for a directory and close at once: the kernel then has no owner for
 * the socket any more, and nobody may take that for root. */
static void send_and_close(const struct os_addr *to, const char *name)
{
        Hadoop__MkdirsRequestProto q = HADOOP__MKDIRS_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto mode = HADOOP__FS_PERMISSION_PROTO__INIT;
        uint8_t hello[IPC_HELLO_BYTES], id[IPC_CLIENT_ID_BYTES] = {1};
        char path[64];
        struct ipc_call call = {.client_id = id,
                                .protocol = method_of(METHOD_CLIENT_mkdirs)->protocol_name,
                                .method = "mkdirs", .version = 1};
        struct os_sock *s;
        struct bdfs_err err;
        struct buf b;

        (void)snprintf(path, sizeof(path), "/%s", name);
        q.src = path;
        mode.perm = 0755;
        q.masked = &mode;
        q.createparent = 1;
        buf_init(&b, 0);
        ipc_hello_encode(hello, false);
        buf_add(&b, hello, sizeof(hello));
        ipc_context_encode(&b, id, "root", NULL, call.protocol);
        ipc_request_encode(&b, &call, &q.base);
        for (unsigned i = 0; i < 50; i++) {
                if (os_connect(&s, to, os_mono_ms() + 1000, &err) != BDFS_OK)
                        break;
                BDFS_IGNORE(os_sock_write(s, b.data, b.n, os_mono_ms() + 1000, &err));
                os_sock_close(s);
        }
        buf_fini(&b);
}

static void try_closing(struct bdfs *fs, const struct os_addr *to, const char *port)
{
        struct bdfs_stat st;
        struct bdfs_err err;
        char what[128], name[64], path[80];

        (void)snprintf(name, sizeof(name), "closed-%u", to->port);
        (void)snprintf(path, sizeof(path), "/%s", name);
        (void)snprintf(what, sizeof(what), "%s: sends as root and closes at once", port);
        send_and_close(to, name);
        os_sleep_ms(500);
        attempt(what, bdfs_stat(fs, path, &st, &err) == BDFS_NOT_FOUND, "");
}

/* ---- the two of them ---- */

static void intrude(const char *conf, const char *owner, const char *self, const struct ports *p,
                    int from)
{
        static const char *const nn[] = {"namenode own port", "namenode Hadoop port"};
        static const char *const dn[] = {"datanode own port", "datanode Hadoop port"};
        uint8_t bytes[65536];
        ssize_t n = read(from, bytes, sizeof(bytes));
        Hadoop__LocatedBlockProto *stolen;
        struct bdfs_stat st;
        struct bdfs_file *f;
        struct bdfs_err err;
        struct bdfs *fs;

        become(self);
        fs = connect_as(conf, NULL);
        stolen = n <= 0 ? NULL
                        : message_unpack(&hadoop__located_block_proto__descriptor, bytes, (size_t)n,
                                         &err);
        if (stolen == NULL || bdfs_stat(fs, "/", &st, &err) != BDFS_OK)
                exit(2);
        attempt("namenode: opening another's file of mode 0600",
                bdfs_open(fs, FILE_PATH, &f, &err) == BDFS_PERMISSION, err.text);
        for (size_t i = 0; i < 2; i++) {
                try_names(&p->nn[i], nn[i], owner, self);
                try_closing(fs, &p->nn[i], nn[i]);
                try_block(&p->nn[i], nn[i], self, stolen);
                try_tokens(fs, stolen, &p->dn[i], dn[i], false);
        }
        message_free(stolen);
        bdfs_disconnect(fs);
        exit(failures != 0);
}

static void alter_own(const char *conf, const char *self, const struct ports *p)
{
        static const char *const dn[] = {"datanode own port (owner)",
                                         "datanode Hadoop port (owner)"};
        struct file_map m;
        struct bdfs_err err;
        struct bdfs *fs;

        become(self);
        fs = connect_as(conf, NULL);
        if (locate(fs, FILE_PATH, 0, FILE_BYTES, &m, &err) != BDFS_OK)
                exit(2);
        for (size_t i = 0; i < 2; i++) {
                try_tokens(fs, m.blocks->blocks[0], &p->dn[i], dn[i], true);
                try_write(fs, m.blocks->blocks[0], &p->dn[i], dn[i]);
        }
        file_map_fini(&m);
        bdfs_disconnect(fs);
        exit(failures != 0);
}

static void owner(const char *conf, const char *self, int to)
{
        become(self);
        owner_makes_file(conf);
        owner_tells_block(conf, to);
        exit(0);
}

static int ended(pid_t pid)
{
        int status = 0;

        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

int main(int argc, char **argv)
{
        struct ports p;
        struct os_addr *addrs[] = {&p.nn[0], &p.nn[1], &p.dn[0], &p.dn[1]};
        int ends[2], rc;
        pid_t pid;

        if (argc != 8 || pipe(ends) != 0) {
                (void)fprintf(stderr, "usage: intruder CONF OWNER INTRUDER NN-OWN NN-HADOOP DN-OWN "
                                      "DN-HADOOP\n");
                return 2;
        }
        for (int i = 0; i < 4; i++)
                *addrs[i] = (struct os_addr){"127.0.0.1",
                                             (uint16_t)strtoul(argv[4 + i], NULL, 10)};
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        if ((pid = fork()) == 0)
                owner(argv[1], argv[2], ends[1]);
        rc = ended(pid);
        if (rc == 0 && (pid = fork()) == 0)
                intrude(argv[1], argv[2], argv[3], &p, ends[0]);
        rc = rc != 0 ? rc : ended(pid);
        if (rc == 0 && (pid = fork()) == 0)
                alter_own(argv[1], argv[2], &p);
        return rc != 0 ? rc : ended(pid);
}
