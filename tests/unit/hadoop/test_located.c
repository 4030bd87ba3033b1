/* Tokens go to who may read or write the file, whatever else is known of it. */
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

static void set_mode(struct peer *p, const char *src, uint32_t mode)
{
        Hadoop__SetPermissionRequestProto q = HADOOP__SET_PERMISSION_REQUEST_PROTO__INIT;
        Hadoop__FsPermissionProto perm = HADOOP__FS_PERMISSION_PROTO__INIT;

        perm.perm = mode;
        q.src = text(src);
        q.permission = &perm;
        (void)peer_ask(p, METHOD_CLIENT_setPermission, &q.base);
}

/* The locations of /located/file in each answer that has some. */
static size_t every_location(struct peer *p, const Hadoop__LocatedBlockProto *ret[3])
{
        Hadoop__GetLocatedFileInfoRequestProto info =
                HADOOP__GET_LOCATED_FILE_INFO_REQUEST_PROTO__INIT;
        Hadoop__GetBatchedListingRequestProto batch =
                HADOOP__GET_BATCHED_LISTING_REQUEST_PROTO__INIT;
        const Hadoop__GetLocatedFileInfoResponseProto *i;
        const Hadoop__GetBatchedListingResponseProto *b;
        char *dir = text("/located");

        info.src = text("/located/file");
        info.has_needblocktoken = info.needblocktoken = true;
        i = peer_ask(p, METHOD_CLIENT_getLocatedFileInfo, &info.base);
        ret[0] = i->fs->locations->blocks[0];
        ret[1] = ask_listing(p, dir, "", true)->partiallisting[0]->locations->blocks[0];
        batch.paths = &dir;
        batch.n_paths = 1;
        batch.needlocation = true;
        b = peer_ask(p, METHOD_CLIENT_getBatchedListing, &batch.base);
        ret[2] = b->listings[0]->partiallisting[0]->locations->blocks[0];
        return 3;
}

static Hadoop__Status try_read(const Hadoop__LocatedBlockProto *b)
{
        struct os_sock *s = data_dial(b->locs[0]);
        Hadoop__BlockOpResponseProto *r;
        Hadoop__Status status;

        read_op_send(s, b, 0, 4);
        r = data_reply(s);
        assert_non_null(r);
        status = r->status;
        message_free(r);
        os_sock_close(s);
        return status;
}

static void who_may_not_read_a_file_gets_no_token_for_it(void **state)
{
        struct hadoop *h = *state;
        struct peer *p = peer_open(h), *other;
        const Hadoop__LocatedBlockProto *b[3];

        if (os_own_uid() != 0)
                skip(); /* only root may speak for another */
        make_file(p, "/located/file", (const uint8_t *)"bar\n", 4, 1);
        set_mode(p, "/located/file", 0600);
        other = peer_of(h, "nobody");
        for (size_t i = every_location(other, b); i-- > 0;)
                assert_int_equal(try_read(b[i]), HADOOP__STATUS__ERROR_ACCESS_TOKEN);
        set_mode(p, "/located/file", 0604);
        for (size_t i = every_location(other, b); i-- > 0;)
                assert_int_equal(try_read(b[i]), HADOOP__STATUS__SUCCESS);
        set_mode(p, "/located/file", 0000);
        for (size_t i = every_location(p, b); i-- > 0;) /* the superuser may */
                assert_int_equal(try_read(b[i]), HADOOP__STATUS__SUCCESS);
        peer_close(other);
        peer_close(p);
}

/* Every call about a file that is open for "holder", as somebody who knows all there is to know. */
static void try_calls(struct peer *p, const char *src, uint64_t inode,
                      const Hadoop__LocatedBlockProto *b, const char *java_class)
{
        Hadoop__AddBlockRequestProto add = HADOOP__ADD_BLOCK_REQUEST_PROTO__INIT;
        Hadoop__UpdateBlockForPipelineRequestProto stamp =
                HADOOP__UPDATE_BLOCK_FOR_PIPELINE_REQUEST_PROTO__INIT;
        Hadoop__GetAdditionalDatanodeRequestProto more =
                HADOOP__GET_ADDITIONAL_DATANODE_REQUEST_PROTO__INIT;
        Hadoop__UpdatePipelineRequestProto update = HADOOP__UPDATE_PIPELINE_REQUEST_PROTO__INIT;
        Hadoop__FsyncRequestProto sync = HADOOP__FSYNC_REQUEST_PROTO__INIT;
        Hadoop__AbandonBlockRequestProto abandon = HADOOP__ABANDON_BLOCK_REQUEST_PROTO__INIT;
        Hadoop__CompleteRequestProto complete = HADOOP__COMPLETE_REQUEST_PROTO__INIT;

        add.src = more.src = sync.src = abandon.src = complete.src = text(src);
        add.clientname = stamp.clientname = more.clientname = update.clientname = text("holder");
        sync.client = abandon.holder = complete.clientname = text("holder");
        add.has_fileid = more.has_fileid = sync.has_fileid = abandon.has_fileid =
                complete.has_fileid = true;
        add.fileid = more.fileid = sync.fileid = abandon.fileid = complete.fileid = inode;
        stamp.block = more.blk = abandon.b = b->b;
        update.oldblock = update.newblock = b->b;
        peer_refused(p, METHOD_CLIENT_addBlock, &add.base, java_class);
        peer_refused(p, METHOD_CLIENT_updateBlockForPipeline, &stamp.base, java_class);
        peer_refused(p, METHOD_CLIENT_updatePipeline, &update.base, java_class);
        peer_refused(p, METHOD_CLIENT_getAdditionalDatanode, &more.base, java_class);
        peer_refused(p, METHOD_CLIENT_fsync, &sync.base, java_class);
        peer_refused(p, METHOD_CLIENT_abandonBlock, &abandon.base, java_class);
        peer_refused(p, METHOD_CLIENT_complete, &complete.base, java_class);
        add.has_fileid = false; /* by its path */
        add.src = text("/open/hidden");
        add.fileid = 0;
        peer_refused(p, METHOD_CLIENT_addBlock, &add.base, java_class);
        add.has_fileid = true;
        add.src = text(src);
        add.fileid = inode;
        add.clientname = text("guessed");
        peer_refused(p, METHOD_CLIENT_addBlock, &add.base, java_class);
        assert_null(memmem(p->frame, p->frame_n, "hidden", 6)); /* its path is not told */
}

static void a_holders_name_is_no_key_to_the_file(void **state)
{
        struct hadoop *h = *state;
        struct peer *p = peer_open(h), *other;
        const Hadoop__LocatedBlockProto *b;
        uint64_t inode;

        if (os_own_uid() != 0)
                skip(); /* only root may speak for another */
        ask_mkdirs(p, "/open", 0711);
        inode = ask_create(p, "/open/hidden", "holder", 1)->fileid;
        set_mode(p, "/open/hidden", 0644);
        b = ask_block(p, "/open/hidden", "holder", NULL);
        other = peer_of(h, "nobody");
        try_calls(other, "/open/another", inode, b, EXCEPTION_ACCESS_CONTROL);
        set_mode(p, "/open/hidden", 0666); /* who may write it anyway may go on with it */
        assert_int_equal(ask_block(other, "/open/hidden", "holder", NULL)->b->blockid,
                         b->b->blockid);
        peer_close(other);
        peer_close(p);
}

/* Two directories in one batch, the first of more names than an answer has. */
static void a_batch_goes_on_where_the_last_answer_ended(void **state)
{
        enum { NAMES = 1003, OTHERS = 5 };
        struct peer *p = peer_open(*state);
        Hadoop__GetBatchedListingRequestProto q = HADOOP__GET_BATCHED_LISTING_REQUEST_PROTO__INIT;
        const Hadoop__GetBatchedListingResponseProto *r;
        char *dirs[] = {text("/batch/many"), text("/batch/few")}, path[64], last[32] = "";
        size_t seen[2] = {0};
        uint8_t cookie[64];
        unsigned answers = 0;

        for (int i = 0; i < NAMES + OTHERS; i++) {
                (void)snprintf(path, sizeof(path), "%s/%04d", dirs[i >= NAMES], i);
                ask_mkdirs(p, path, 0755);
        }
        q.paths = dirs;
        q.n_paths = 2;
        do {
                r = peer_ask(p, METHOD_CLIENT_getBatchedListing, &q.base);
                for (size_t i = 0; i < r->n_listings; i++) {
                        const Hadoop__BatchedDirectoryListingProto *l = r->listings[i];

                        seen[l->parentidx] += l->n_partiallisting;
                        for (size_t k = 0; k < l->n_partiallisting; k++) {
                                (void)snprintf(path, sizeof(path), "%.*s",
                                               (int)l->partiallisting[k]->path.len,
                                               (const char *)l->partiallisting[k]->path.data);
                                assert_true(strcmp(path, last) > 0); /* in order, each once */
                                (void)snprintf(last, sizeof(last), "%.31s", path);
                        }
                }
                assert_true(r->startafter.len <= sizeof(cookie));
                memcpy(cookie, r->startafter.data, r->startafter.len);
                q.startafter = (ProtobufCBinaryData){r->startafter.len, cookie};
                answers++;
        } while (r->hasmore && answers < 9);
        assert_int_equal(answers, 2);
        assert_int_equal(seen[0], NAMES);
        assert_int_equal(seen[1], OTHERS);
        peer_close(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_may_not_read_a_file_gets_no_token_for_it),
                cmocka_unit_test(a_holders_name_is_no_key_to_the_file),
                cmocka_unit_test(a_batch_goes_on_where_the_last_answer_ended),
        };

        log_open("test_located", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
