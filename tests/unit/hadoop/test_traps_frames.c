/* Traps 1-6, 47, 48, 50 of stock clients: frames, names of exceptions, calls sent again. */
#include "tests/unit/hadoop/test_hadoop_data.h"

static int setup(void **state)
{
        *state = hadoop_start(1, "");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

/* What is on the wire when nobody decodes it: exactly these bytes. */
static void wants_raw(struct peer *p, const uint8_t *want, size_t n)
{
        uint8_t got[128];
        struct bdfs_err err;

        assert_true(n <= sizeof(got));
        must(os_sock_read(p->s, got, n, soon(), &err), &err);
        assert_memory_equal(got, want, n);
}

static Hadoop__RenewLeaseRequestProto renewal(void)
{
        Hadoop__RenewLeaseRequestProto q = HADOOP__RENEW_LEASE_REQUEST_PROTO__INIT;

        q.clientname = text("nobody that is known");
        return q;
}

/* 1: a message without fields still has its length byte. */
static void trap_01_an_empty_answer_has_its_length_byte(void **state)
{
        static const uint8_t want[] = {0, 0, 0, 8, 6, 8, 0, 0x10, 0, 0x18, 9, 0};
        Hadoop__GetFileInfoRequestProto missing = HADOOP__GET_FILE_INFO_REQUEST_PROTO__INIT;
        Hadoop__RenewLeaseRequestProto renew = renewal();
        struct peer *p = peer_open(*state);
        struct buf b;

        missing.src = text("/x");
        buf_init(&b, 0);
        add_request(p, &b, 0, 0, "getFileInfo", &missing.base);
        peer_send(p, &b);
        wants_raw(p, want, sizeof(want));
        add_request(p, &b, 0, 0, "renewLease", &renew.base);
        peer_send(p, &b);
        wants_raw(p, want, sizeof(want));
        peer_close(p);
}

/* 2: frames end with their message, an error's with its header; none has a byte too many. */
static void trap_02_nothing_follows_the_message(void **state)
{
        Hadoop__GetFsStatusRequestProto stats = HADOOP__GET_FS_STATUS_REQUEST_PROTO__INIT;
        Hadoop__GetContentSummaryRequestProto bad = HADOOP__GET_CONTENT_SUMMARY_REQUEST_PROTO__INIT;
        struct peer *p = peer_open(*state);

        bad.path = text("/none");
        for (unsigned i = 0; i < 20; i++) { /* peer_read() judges each frame */
                (void)peer_ask(p, METHOD_CLIENT_getFsStats, &stats.base);
                peer_refused(p, METHOD_CLIENT_getContentSummary, &bad.base,
                             "java.io.FileNotFoundException");
                ask_mkdirs(p, "/two", 0755);
                assert_non_null(ask_listing(p, "/", "", true));
        }
        assert_false(os_sock_wait_readable(p->s, os_mono_ms() + 50));
        peer_close(p);
}

/* 3: zigzag in requests, plain in answers; the client id is the caller's, or left out. */
static void trap_03_call_ids_are_plain_and_client_ids_the_callers(void **state)
{
        static const int32_t ids[] = {0, 1, 63, 64, 300, 1 << 20, INT32_MAX};
        Hadoop__RenewLeaseRequestProto q = renewal();
        struct peer *p = peer_open(*state);

        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                uint32_t id = 0;
                size_t at = 2;

                peer_call_as(p, ids[i], 0, METHOD_CLIENT_renewLease, &q.base);
                assert_int_equal(p->frame[1], 0x08); /* field 1 comes first: a varint */
                for (unsigned shift = 0;; shift += 7) {
                        id |= (uint32_t)(p->frame[at] & 0x7f) << shift;
                        if ((p->frame[at++] & 0x80) == 0)
                                break;
                }
                assert_int_equal(id, ids[i]);
        }
        peer_close(p);
}

static void wants_sasl_success(struct peer *p)
{
        static const uint8_t want[] = {0,    0,    0,    0x0E, 0x0A, 8,    0xDF, 0xFF, 0xFF,
                                       0xFF, 0x0F, 0x10, 0,    0x18, 9,    2,    0x10, 0};
        Hadoop__RpcSaslProto sasl = HADOOP__RPC_SASL_PROTO__INIT;
        uint8_t hello[IPC_HELLO_BYTES];
        struct buf b;

        sasl.state = HADOOP__RPC_SASL_PROTO__SASL_STATE__NEGOTIATE;
        ipc_hello_encode(hello, true);
        assert_int_equal(hello[6], 0xDF);
        buf_init(&b, 0);
        buf_add(&b, hello, sizeof(hello));
        ipc_sasl_request_encode(&b, &sasl);
        peer_send(p, &b);
        wants_raw(p, want, sizeof(want));
}

/* 4: the namenode's port and the datanode's calls: SASL is answered with SUCCESS, and goes on. */
static void trap_04_sasl_without_security_is_a_success(void **state)
{
        struct hadoop *h = *state;
        Hadoop__GetDatanodeInfoRequestProto node = HADOOP__GET_DATANODE_INFO_REQUEST_PROTO__INIT;
        Hadoop__RenewLeaseRequestProto renew = renewal();
        struct peer *p = peer_dial(namenode_port(h->nn, RPC_HADOOP), CLIENT_PROTOCOL);
        struct datanode_ports ports;
        struct buf b;

        wants_sasl_success(p);
        buf_init(&b, 0);
        ipc_context_encode(&b, p->client_id, h->user, NULL, p->protocol);
        peer_send(p, &b);
        (void)peer_ask(p, METHOD_CLIENT_renewLease, &renew.base);
        peer_close(p);

        datanode_ports(h->dn[0], &ports);
        p = peer_dial(ports.ipc, DATANODE_PROTOCOL);
        wants_sasl_success(p);
        ipc_context_encode(&b, p->client_id, "blk_1073741825_1001", NULL, p->protocol);
        peer_send(p, &b);
        (void)peer_ask(p, METHOD_DATANODE_getDatanodeInfo, &node.base);
        peer_close(p);
}

/* 5: libhdfs3 leaves after SASL's SUCCESS and comes again without SASL. */
static void trap_05_a_client_may_leave_after_sasl_and_come_again(void **state)
{
        struct hadoop *h = *state;

        for (unsigned i = 0; i < 5; i++) {
                struct peer *p = peer_dial(namenode_port(h->nn, RPC_HADOOP), CLIENT_PROTOCOL);

                wants_sasl_success(p);
                peer_close(p);
                p = peer_open(h);
                assert_non_null(ask_info(p, "/"));
                peer_close(p);
        }
}

static bool begins_with_a_class(struct ipc_text t)
{
        return (t.n > 5 && memcmp(t.at, "java.", 5) == 0) ||
               (t.n > 4 && memcmp(t.at, "org.", 4) == 0);
}

/* 6: one call after the other is answered in turn, whatever it is; texts begin with themselves. */
static void trap_06_answers_come_in_turn_and_texts_begin_with_themselves(void **state)
{
        Hadoop__DeleteRequestProto remove = HADOOP__DELETE_REQUEST_PROTO__INIT;
        Hadoop__GetContentSummaryRequestProto none =
                HADOOP__GET_CONTENT_SUMMARY_REQUEST_PROTO__INIT;
        struct peer *p = peer_open(*state);

        for (int32_t i = 0; i < 20; i++) { /* peer_call() wants the answer to its own call */
                ask_mkdirs(p, "/six/below", 0755);
                assert_non_null(ask_info(p, "/six"));
        }
        remove.src = text("/six");
        peer_refused(p, METHOD_CLIENT_delete, &remove.base,
                     "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException");
        assert_false(begins_with_a_class(p->r.text));
        assert_true(p->r.text.n >= 18 && memcmp(p->r.text.at, "`/six is non empty", 18) == 0);
        none.path = text("/none");
        peer_refused(p, METHOD_CLIENT_getContentSummary, &none.base,
                     "java.io.FileNotFoundException");
        assert_false(begins_with_a_class(p->r.text));
        assert_memory_equal(p->r.text.at, "File does not exist: /none", 26);
        peer_close(p);
}

/* 47: the class that every client knows, not the older one of org.apache.hadoop.fs.permission. */
static void trap_47_who_may_not_gets_the_class_that_clients_know(void **state)
{
        struct hadoop *h = *state;
        Hadoop__GetListingRequestProto list = HADOOP__GET_LISTING_REQUEST_PROTO__INIT;
        Hadoop__SetSafeModeRequestProto safe = HADOOP__SET_SAFE_MODE_REQUEST_PROTO__INIT;
        struct peer *p = peer_open(h), *other;

        if (os_own_uid() != 0)
                skip(); /* only root may speak for another */
        ask_mkdirs(p, "/private", 0700);
        other = peer_of(h, "nobody");
        list.src = text("/private");
        peer_refused(other, METHOD_CLIENT_getListing, &list.base,
                     "org.apache.hadoop.security.AccessControlException");
        assert_int_equal(other->r.code, IPC_ERROR_APPLICATION);
        safe.action = HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_ENTER;
        peer_refused(other, METHOD_CLIENT_setSafeMode, &safe.base,
                     "org.apache.hadoop.security.AccessControlException");
        peer_close(other);
        peer_close(p);
}

/* The same bytes are answered, whether the first answer was a success or a refusal. */
static void wants_again(struct peer *p, enum method_id id, const ProtobufCMessage *q, int32_t call)
{
        uint8_t *first;
        size_t n;

        peer_call_as(p, call, 0, id, q);
        n = p->frame_n;
        first = malloc(n);
        assert_non_null(first);
        memcpy(first, p->frame, n);
        for (int32_t retry = 1; retry < 4; retry++) {
                peer_call_as(p, call, retry, id, q);
                assert_int_equal(p->frame_n, n);
                assert_memory_equal(p->frame, first, n);
        }
        free(first);
}

/* 48: what was done is not done again, but answered again; on another connection too. */
static void trap_48_a_call_sent_again_gets_its_first_answer(void **state)
{
        struct hadoop *h = *state;
        Hadoop__CreateRequestProto create;
        Hadoop__FsPermissionProto perm;
        Hadoop__RenameRequestProto rename = HADOOP__RENAME_REQUEST_PROTO__INIT;
        Hadoop__Rename2RequestProto rename2 = HADOOP__RENAME2_REQUEST_PROTO__INIT;
        Hadoop__DeleteRequestProto remove = HADOOP__DELETE_REQUEST_PROTO__INIT;
        Hadoop__AppendRequestProto append = HADOOP__APPEND_REQUEST_PROTO__INIT;
        Hadoop__ConcatRequestProto concat = HADOOP__CONCAT_REQUEST_PROTO__INIT;
        struct peer *p = peer_open(h), *again;
        char *source = text("/again/part");

        ask_mkdirs(p, "/again", 0755);
        create = create_request("/again/file", "one", &perm);
        wants_again(p, METHOD_CLIENT_create, &create.base, 1001);
        assert_int_equal(p->r.status, IPC_SUCCESS);
        assert_true(ask_complete(p, "/again/file", "one", NULL));
        append.src = text("/again/file");
        append.clientname = text("one");
        wants_again(p, METHOD_CLIENT_append, &append.base, 1002);
        assert_int_equal(p->r.status, IPC_SUCCESS);
        assert_true(ask_complete(p, "/again/file", "one", NULL));
        rename.src = text("/again/file");
        rename.dst = text("/again/renamed");
        wants_again(p, METHOD_CLIENT_rename, &rename.base, 1003);
        rename2.src = text("/again/renamed");
        rename2.dst = text("/again/file");
        wants_again(p, METHOD_CLIENT_rename2, &rename2.base, 1004);
        assert_int_equal(p->r.status, IPC_SUCCESS);
        wants_again(p, METHOD_CLIENT_rename2, &rename2.base, 1005); /* a refusal stays one */
        assert_int_equal(p->r.status, IPC_ERROR);
        make_file(p, "/again/part", (const uint8_t *)"bar\n", 4, 1);
        make_file(p, "/again/whole", (const uint8_t *)"bar\n", 4, 1);
        concat.trg = text("/again/whole");
        concat.srcs = &source;
        concat.n_srcs = 1;
        wants_again(p, METHOD_CLIENT_concat, &concat.base, 1006);
        assert_int_equal(p->r.status, IPC_SUCCESS);
        assert_int_equal(ask_info(p, "/again/whole")->length, 8);

        remove.src = text("/again/file");
        wants_again(p, METHOD_CLIENT_delete, &remove.base, 1007);
        again = peer_open(h); /* the first connection broke before the answer came */
        memcpy(again->client_id, p->client_id, sizeof(p->client_id));
        peer_call_as(again, 1007, 1, METHOD_CLIENT_delete, &remove.base);
        assert_true(((Hadoop__DeleteResponseProto *)peer_message(again, METHOD_CLIENT_delete))
                            ->result);
        peer_call_as(again, 1008, 0, METHOD_CLIENT_delete, &remove.base); /* another call */
        assert_false(((Hadoop__DeleteResponseProto *)peer_message(again, METHOD_CLIENT_delete))
                             ->result);
        peer_close(again);
        peer_close(p);
}

/* A request id is no secret: whoever knows another's gets neither the answer nor its place. */
static void a_call_id_of_another_user_gets_an_answer_of_its_own(void **state)
{
        struct hadoop *h = *state;
        Hadoop__CreateRequestProto create;
        Hadoop__FsPermissionProto perm;
        Hadoop__RenameRequestProto rename = HADOOP__RENAME_REQUEST_PROTO__INIT;
        struct peer *p = peer_open(h), *other;

        if (os_own_uid() != 0) {
                peer_close(p);
                skip(); /* only root may speak for another */
        }
        ask_mkdirs(p, "/hidden", 0700);
        ask_mkdirs(p, "/open", 0777);
        other = peer_of(h, "nobody");
        memcpy(other->client_id, p->client_id, sizeof(p->client_id));
        create = create_request("/hidden/file", "one", &perm);
        peer_call_as(p, 2001, 0, METHOD_CLIENT_create, &create.base);
        assert_int_equal(p->r.status, IPC_SUCCESS);
        peer_call_as(other, 2001, 1, METHOD_CLIENT_create, &create.base);
        is_refusal(other, "org.apache.hadoop.security.AccessControlException");
        assert_true(ask_complete(p, "/hidden/file", "one", NULL));

        create.src = text("/open/nobody"); /* what it may is done, and answered again */
        create.clientname = text("two");
        wants_again(other, METHOD_CLIENT_create, &create.base, 2001);
        assert_int_equal(other->r.status, IPC_SUCCESS);
        assert_string_equal(ask_info(p, "/open/nobody")->owner, "nobody");
        create.src = text("/hidden/file"); /* and the first has its own still */
        create.clientname = text("one");
        peer_call_as(p, 2001, 1, METHOD_CLIENT_create, &create.base);
        assert_string_equal(((Hadoop__CreateResponseProto *)peer_message(
                                     p, METHOD_CLIENT_create))->fs->owner, h->user);

        rename.src = text("/hidden/file");
        rename.dst = text("/hidden/renamed");
        peer_call_as(other, 2002, 0, METHOD_CLIENT_rename, &rename.base); /* first, and refused */
        is_refusal(other, "org.apache.hadoop.security.AccessControlException");
        peer_call_as(p, 2002, 0, METHOD_CLIENT_rename, &rename.base);
        assert_true(((Hadoop__RenameResponseProto *)peer_message(p, METHOD_CLIENT_rename))->result);
        peer_close(other);
        peer_close(p);
}

/* 50: Java asks for the defaults before its first block: any user, in safe mode too. */
static void trap_50_everybody_gets_the_defaults(void **state)
{
        struct hadoop *h = *state;
        Hadoop__GetServerDefaultsRequestProto q = HADOOP__GET_SERVER_DEFAULTS_REQUEST_PROTO__INIT;
        Hadoop__SetSafeModeRequestProto safe = HADOOP__SET_SAFE_MODE_REQUEST_PROTO__INIT;
        struct peer *p = peer_open(h);
        struct peer *other = peer_of(h, os_own_uid() == 0 ? "nobody" : h->user);
        const Hadoop__GetServerDefaultsResponseProto *r;

        safe.action = HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_ENTER;
        (void)peer_ask(p, METHOD_CLIENT_setSafeMode, &safe.base);
        r = peer_ask(other, METHOD_CLIENT_getServerDefaults, &q.base);
        assert_int_equal(r->serverdefaults->blocksize, h->nn_conf.block_size);
        assert_int_equal(r->serverdefaults->bytesperchecksum, 512);
        assert_int_equal(r->serverdefaults->checksumtype,
                         HADOOP__CHECKSUM_TYPE_PROTO__CHECKSUM_CRC32C);
        safe.action = HADOOP__SAFE_MODE_ACTION_PROTO__SAFEMODE_LEAVE;
        (void)peer_ask(p, METHOD_CLIENT_setSafeMode, &safe.base);
        peer_close(other);
        peer_close(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(trap_01_an_empty_answer_has_its_length_byte),
                cmocka_unit_test(trap_02_nothing_follows_the_message),
                cmocka_unit_test(trap_03_call_ids_are_plain_and_client_ids_the_callers),
                cmocka_unit_test(trap_04_sasl_without_security_is_a_success),
                cmocka_unit_test(trap_05_a_client_may_leave_after_sasl_and_come_again),
                cmocka_unit_test(trap_06_answers_come_in_turn_and_texts_begin_with_themselves),
                cmocka_unit_test(trap_47_who_may_not_gets_the_class_that_clients_know),
                cmocka_unit_test(trap_48_a_call_sent_again_gets_its_first_answer),
                cmocka_unit_test(a_call_id_of_another_user_gets_an_answer_of_its_own),
                cmocka_unit_test(trap_50_everybody_gets_the_defaults),
        };

        log_open("test_traps_frames", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
