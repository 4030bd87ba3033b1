/*
 * intruder_data - one real uid tries on the ports of a datanode what needs no answer, or a name: a
 * block written with a stolen token by a peer that sends and closes at once, and calls that only
 * the superuser may make. All of it must be refused; the same by who may do it must work.
 *
 *   intruder_data OWNER INTRUDER NN-OWN DN-OWN DN-HADOOP DN-OWN-IPC DN-HADOOP-IPC
 *
 * Run as root, the owner of the cluster. All may write to /intruder. Prints a line per attempt;
 * exit 1 if one worked. The datanode's log must then tell of one full report, root's.
 */
#include <sys/wait.h>

#include "common/crc.h"
#include "net/rpc_client.h"
#include "proto/bdfs_cluster.pb-c.h"
#include "proto/hadoop_datanode.pb-c.h"
#include "proto/hadoop_namenode.pb-c.h"
#include "proto/ipc.h"
#include "proto/message.h"
#include "proto/transfer.h"
#include "tests/tools/intruder_kit.h"

#define CALL_MS 5000
#define TRIES 50
#define BLOCK_BYTES 700

enum { NN_OWN, DN_OWN, DN_HADOOP, IPC_OWN, IPC_HADOOP, PORTS };
static const char *const port_names[] = {"namenode own port", "datanode own port",
                                         "datanode Hadoop port", "datanode own IPC port",
                                         "datanode Hadoop IPC port"};
static struct os_addr ports[PORTS];

static _Noreturn void give_up(const char *what, const struct bdfs_err *err)
{
        (void)fprintf(stderr, "intruder_data: %s: %s\n", what, err->text);
        exit(2);
}

/* An answer to free, or NULL. */
static void *call(const struct os_addr *to, const char *claimed, enum method_id id, const void *q,
                  struct bdfs_err *err)
{
        struct rpc_client *c;
        ProtobufCMessage *m = NULL;

        if (rpc_client_new(&c, to, claimed, err) != BDFS_OK)
                return NULL;
        if (rpc_client_call(c, method_of(id), q, &m, os_mono_ms() + CALL_MS, err) != BDFS_OK)
                m = NULL;
        rpc_client_free(c);
        return m;
}

/* ---- a block that is being written ---- */

static void *new_block(const char *self)
{
        Hadoop__CreateRequestProto create = HADOOP__CREATE_REQUEST_PROTO__INIT;
        Hadoop__AddBlockRequestProto add = HADOOP__ADD_BLOCK_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto mode = HADOOP__FS_PERMISSION_PROTO__INIT;
        static char path[] = "/intruder/written", name[] = "intruder_data";
        struct bdfs_err err;
        void *r;

        mode.perm = 0600;
        create.src = add.src = path;
        create.clientname = add.clientname = name;
        create.masked = &mode;
        create.createflag = HADOOP__CREATE_FLAG_PROTO__CREATE;
        create.replication = 1;
        create.blocksize = 1 << 20;
        r = call(&ports[NN_OWN], self, METHOD_CLIENT_create, &create, &err);
        if (r == NULL)
                give_up("create", &err);
        message_free(r);
        r = call(&ports[NN_OWN], self, METHOD_CLIENT_addBlock, &add, &err);
        if (r == NULL || ((Hadoop__AddBlockResponseProto *)r)->block->n_locs != 1)
                give_up("addBlock", &err);
        return r;
}

/* All of a write of the block: the operation, a packet, the end. */
static void whole_write(struct buf *b, const Hadoop__LocatedBlockProto *block)
{
        Hadoop__OpWriteBlockProto op = HADOOP__OP_WRITE_BLOCK_PROTO__INIT;
        Hadoop__ClientOperationHeaderProto client = HADOOP__CLIENT_OPERATION_HEADER_PROTO__INIT;
        Hadoop__BaseHeaderProto base = HADOOP__BASE_HEADER_PROTO__INIT;
        Hadoop__ChecksumProto sum = HADOOP__CHECKSUM_PROTO__INIT;
        Hadoop__ExtendedBlockProto its = *block->b;
        static char name[] = "intruder_data";
        uint8_t head[TRANSFER_HEAD_BYTES_MAX], data[BLOCK_BYTES] = {1}, sums[8];
        struct transfer_packet p = {.sums_n = transfer_sums_bytes(BLOCK_BYTES, 512),
                                    .data_n = BLOCK_BYTES};

        base.block = &its;
        base.token = block->blocktoken;
        client.baseheader = &base;
        client.clientname = name;
        sum.type = (Hadoop__ChecksumTypeProto)CRC_CRC32C;
        sum.bytesperchecksum = 512;
        op.header = &client;
        op.stage = HADOOP__OP_WRITE_BLOCK_PROTO__BLOCK_CONSTRUCTION_STAGE__PIPELINE_SETUP_CREATE;
        op.pipelinesize = 1;
        op.requestedchecksum = &sum;
        transfer_op_encode(b, TRANSFER_WRITE_BLOCK, &op.base);
        crc_chunks(CRC_CRC32C, data, sizeof(data), 512, sums);
        buf_add(b, head, transfer_packet_encode(head, &p));
        buf_add(b, sums, p.sums_n);
        buf_add(b, data, sizeof(data));
        p = (struct transfer_packet){.offset = BLOCK_BYTES, .seqno = 1, .last = true};
        buf_add(b, head, transfer_packet_encode(head, &p));
}

/* Is a length told on this port, with the token or without? */
static bool length_told(const struct os_addr *to, const char *self,
                        const Hadoop__LocatedBlockProto *b, bool token, struct bdfs_err *err)
{
        Hadoop__GetReplicaVisibleLengthRequestProto q =
                HADOOP__GET_REPLICA_VISIBLE_LENGTH_REQUEST_PROTO__INIT;
        void *r;

        q.block = b->b;
        q.token = token ? b->blocktoken : NULL;
        r = call(to, self, METHOD_DATANODE_getReplicaVisibleLength, &q, err);
        message_free(r);
        return r != NULL;
}

/* As Java's clients ask: the namenode confirms that who asks may read the file. */
static bool is_there(const Hadoop__LocatedBlockProto *b, const char *self)
{
        struct bdfs_err err;

        return length_told(&ports[IPC_HADOOP], self, b, false, &err);
}

/* The replica is there now; its length is for those who may read the file. */
static void try_length(const char *self, const Hadoop__LocatedBlockProto *stolen)
{
        struct bdfs_err err = {0};

        attempt("own IPC port: a block's length without a token",
                !length_told(&ports[IPC_OWN], self, stolen, false, &err), err.text);
        attempt("own IPC port: a block's length with another's token",
                !length_told(&ports[IPC_OWN], self, stolen, true, &err), err.text);
        attempt("Hadoop IPC port: a block's length of another's file",
                !length_told(&ports[IPC_HADOOP], self, stolen, false, &err), err.text);
        attempt("Hadoop IPC port: a block's length with another's token",
                !length_told(&ports[IPC_HADOOP], self, stolen, true, &err), err.text);
}

/* ---- sending without waiting ---- */

static void send_and_close(const struct os_addr *to, const struct buf *b, unsigned tries)
{
        struct os_sock *s;
        struct bdfs_err err;

        for (unsigned i = 0; i < tries; i++) {
                if (os_connect(&s, to, os_mono_ms() + 1000, &err) != BDFS_OK)
                        continue;
                BDFS_IGNORE(os_sock_write(s, b->data, b->n, os_mono_ms() + 1000, &err));
                os_sock_close(s);
        }
}

/* The call that makes a datanode report all that it has, which its log shows. */
static void report_call(struct buf *b)
{
        Hadoop__TriggerBlockReportRequestProto q =
                HADOOP__TRIGGER_BLOCK_REPORT_REQUEST_PROTO__INIT;
        const struct method *m = method_of(METHOD_DATANODE_triggerBlockReport);
        uint8_t hello[IPC_HELLO_BYTES], id[IPC_CLIENT_ID_BYTES] = {1};
        struct ipc_call c = {.client_id = id, .protocol = m->protocol_name, .method = m->name,
                             .version = 1};

        ipc_hello_encode(hello, false);
        buf_add(b, hello, sizeof(hello));
        ipc_context_encode(b, id, "root", NULL, c.protocol);
        ipc_request_encode(b, &c, &q.base);
}

/* ---- the two of them ---- */

static void try_calls(size_t port, const char *claimed)
{
        Hadoop__GetVolumeReportRequestProto volumes = HADOOP__GET_VOLUME_REPORT_REQUEST_PROTO__INIT;
        Hadoop__TriggerBlockReportRequestProto report =
                HADOOP__TRIGGER_BLOCK_REPORT_REQUEST_PROTO__INIT;
        Hadoop__ShutdownDatanodeRequestProto shutdown =
                HADOOP__SHUTDOWN_DATANODE_REQUEST_PROTO__INIT;
        const struct {
                enum method_id id;
                const void *q;
        } calls[] = {{METHOD_DATANODE_getVolumeReport, &volumes},
                     {METHOD_DATANODE_triggerBlockReport, &report},
                     {METHOD_DATANODE_shutdownDatanode, &shutdown}};
        char what[160];

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                struct bdfs_err err = {0};
                void *r = call(&ports[port], claimed, calls[i].id, calls[i].q, &err);

                (void)snprintf(what, sizeof(what), "%s: %s by who says to be %s", port_names[port],
                               method_of(calls[i].id)->name, claimed);
                attempt(what, r == NULL && err.status == BDFS_PERMISSION, err.text);
                message_free(r);
        }
}

static void intrude(const char *self, const char *owner, const Hadoop__LocatedBlockProto *stolen)
{
        const char *names[] = {self, owner, "root"};
        struct buf b;

        become(self);
        buf_init(&b, 0);
        whole_write(&b, stolen);
        send_and_close(&ports[DN_OWN], &b, TRIES);
        send_and_close(&ports[DN_HADOOP], &b, TRIES);
        buf_reset(&b);
        report_call(&b);
        send_and_close(&ports[IPC_OWN], &b, TRIES);
        send_and_close(&ports[IPC_HADOOP], &b, TRIES);
        buf_fini(&b);
        for (size_t i = 0; i < 3; i++) {
                try_calls(IPC_OWN, names[i]);
                try_calls(IPC_HADOOP, names[i]);
        }
        exit(failures != 0);
}

static int ended(pid_t pid)
{
        int status = 0;

        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

/* The same bytes from their owner, who waits, make the block: they were worth refusing. */
static void owner_writes(const char *self, const Hadoop__LocatedBlockProto *block)
{
        int64_t deadline = os_mono_ms() + CALL_MS;
        struct os_sock *s;
        struct bdfs_err err;
        struct buf b;

        attempt("both data ports: writes with a stolen token and closes at once",
                !is_there(block, self), "");
        buf_init(&b, 0);
        whole_write(&b, block);
        if (os_connect(&s, &ports[DN_OWN], deadline, &err) != BDFS_OK ||
            os_sock_write(s, b.data, b.n, deadline, &err) != BDFS_OK)
                give_up("write", &err);
        while (!is_there(block, self) && os_mono_ms() < deadline)
                os_sleep_ms(20);
        allowed("its owner's write", is_there(block, self), "there is no replica");
        os_sock_close(s);
        buf_fini(&b);
}

static void root_asks_for_a_report(void)
{
        Hadoop__TriggerBlockReportRequestProto q =
                HADOOP__TRIGGER_BLOCK_REPORT_REQUEST_PROTO__INIT;
        struct bdfs_err err = {0};
        void *r = call(&ports[IPC_OWN], "root", METHOD_DATANODE_triggerBlockReport, &q, &err);

        allowed("a report that root asks for", r != NULL, err.text);
        message_free(r);
}

int main(int argc, char **argv)
{
        Hadoop__AddBlockResponseProto *r;
        pid_t pid;
        int rc;

        if (argc != 3 + PORTS) {
                (void)fprintf(stderr, "usage: intruder_data OWNER INTRUDER NN-OWN DN-OWN "
                                      "DN-HADOOP DN-OWN-IPC DN-HADOOP-IPC\n");
                return 2;
        }
        for (int i = 0; i < PORTS; i++)
                ports[i] = (struct os_addr){"127.0.0.1",
                                            (uint16_t)strtoul(argv[3 + i], NULL, 10)};
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        r = new_block(argv[1]); /* root may act for the owner */
        if ((pid = fork()) == 0)
                intrude(argv[2], argv[1], r->block);
        rc = ended(pid);
        os_sleep_ms(500); /* what was sent and left is looked at by then */
        if (rc == 0 && (pid = fork()) == 0) {
                become(argv[1]);
                owner_writes(argv[1], r->block);
                exit(failures != 0);
        }
        rc = rc != 0 ? rc : ended(pid);
        if (rc == 0 && (pid = fork()) == 0) {
                become(argv[2]);
                try_length(argv[2], r->block);
                exit(failures != 0);
        }
        rc = rc != 0 ? rc : ended(pid);
        message_free(&r->base);
        root_asks_for_a_report();
        return rc != 0 ? rc : failures != 0;
}
