/* Traps 7-13, 17, 37-45, 51-53 of stock clients: what answers about names and files must have. */
#include "tests/unit/hadoop/test_hadoop_data.h"

#define ONE_DATA ((const uint8_t *)"bar\n")

static int setup(void **state)
{
        *state = hadoop_start(2, "");
        return 0;
}

static int teardown(void **state)
{
        hadoop_stop(*state);
        return 0;
}

static const Hadoop__HdfsFileStatusProto *ask_located(struct peer *p, const char *src)
{
        Hadoop__GetLocatedFileInfoRequestProto q =
                HADOOP__GET_LOCATED_FILE_INFO_REQUEST_PROTO__INIT;
        const Hadoop__GetLocatedFileInfoResponseProto *r;

        q.src = text(src);
        r = peer_ask(p, METHOD_CLIENT_getLocatedFileInfo, &q.base);
        return r->fs;
}

static const Hadoop__HdfsFileStatusProto *ask_link_info(struct peer *p, const char *src)
{
        Hadoop__GetFileLinkInfoRequestProto q = HADOOP__GET_FILE_LINK_INFO_REQUEST_PROTO__INIT;
        const Hadoop__GetFileLinkInfoResponseProto *r;

        q.src = text(src);
        r = peer_ask(p, METHOD_CLIENT_getFileLinkInfo, &q.base);
        return r->fs;
}

static const Hadoop__HdfsFileStatusProto *ask_append(struct peer *p, const char *src,
                                                     const char *holder)
{
        Hadoop__AppendRequestProto q = HADOOP__APPEND_REQUEST_PROTO__INIT;
        const Hadoop__AppendResponseProto *r;

        q.src = text(src);
        q.clientname = text(holder);
        r = peer_ask(p, METHOD_CLIENT_append, &q.base);
        assert_null(r->block); /* never: the client asks for a block of its own */
        assert_non_null(r->stat);
        return r->stat;
}

/* A directory with a file of 4 bytes, an empty one, one that is being written, a directory. */
static struct peer *some_names(struct hadoop *h, const char *dir)
{
        struct peer *p = peer_open(h);
        char path[64];

        (void)snprintf(path, sizeof(path), "%s/dir", dir);
        ask_mkdirs(p, path, 0755);
        (void)snprintf(path, sizeof(path), "%s/full", dir);
        make_file(p, path, ONE_DATA, 4, 2);
        (void)snprintf(path, sizeof(path), "%s/empty", dir);
        make_empty(p, path);
        (void)snprintf(path, sizeof(path), "%s/open", dir);
        (void)ask_create(p, path, "writer", 2);
        (void)ask_block(p, path, "writer", NULL);
        return p;
}

/* Every status there is an answer for: of the four names, by every call that has one. */
static size_t every_status(struct peer *p, const char *dir,
                           const Hadoop__HdfsFileStatusProto *ret[], bool *ret_listed)
{
        static const char *const names[] = {"dir", "full", "empty", "open"};
        const Hadoop__DirectoryListingProto *l;
        size_t n = 0;
        char path[64];

        for (size_t i = 0; i < 4; i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
                ret[n++] = ask_info(p, path);
                ret[n++] = ask_link_info(p, path);
                ret[n++] = ask_located(p, path);
                if (i == 0)
                        continue;
                l = ask_listing(p, path, "", i == 1); /* a listing of a file: itself */
                assert_non_null(l);
                assert_int_equal(l->n_partiallisting, 1);
                assert_int_equal(l->remainingentries, 0);
                ret[n++] = l->partiallisting[0];
        }
        (void)snprintf(path, sizeof(path), "%s/made", dir);
        ret[n++] = ask_create(p, path, "maker", 1);
        assert_true(ask_complete(p, path, "maker", NULL));
        ret[n++] = ask_append(p, path, "maker");
        assert_true(ask_complete(p, path, "maker", NULL));
        for (size_t i = 0; i < n; i++)
                ret_listed[i] = false;
        for (int located = 0; located < 2; located++) {
                l = ask_listing(p, dir, "", located);
                assert_int_equal(l->n_partiallisting, 5);
                for (size_t i = 0; i < l->n_partiallisting; i++) {
                        ret_listed[n] = true;
                        ret[n++] = l->partiallisting[i];
                }
        }
        for (size_t i = 0; i < n; i++)
                assert_non_null(ret[i]);
        return n;
}

static void trap_07_what_is_missing_is_left_out_of_the_answer(void **state)
{
        struct peer *p = peer_open(*state);

        assert_null(ask_info(p, "/none"));
        assert_null(ask_info(p, "/none/below"));
        assert_null(ask_link_info(p, "/none"));
        assert_null(ask_located(p, "/none"));
        assert_null(ask_listing(p, "/none", "", false));
        assert_null(ask_listing(p, "/none/below", "", true));
        peer_close(p);
}

static void trap_08_after_the_last_entry_comes_an_empty_listing(void **state)
{
        struct peer *p = some_names(*state, "/t8");
        const Hadoop__DirectoryListingProto *l = ask_listing(p, "/t8", "", false);

        assert_int_equal(l->n_partiallisting, 4);
        l = ask_listing(p, "/t8", "open", false);
        assert_non_null(l);
        assert_int_equal(l->n_partiallisting, 0);
        assert_int_equal(l->remainingentries, 0);
        l = ask_listing(p, "/t8", "zzz", false);
        assert_non_null(l);
        assert_int_equal(l->n_partiallisting, 0);
        l = ask_listing(p, "/t8/dir", "", false);
        assert_non_null(l);
        assert_int_equal(l->n_partiallisting, 0);
        peer_close(p);
}

static void traps_09_10_11_every_status_is_as_clients_need_it(void **state)
{
        const Hadoop__HdfsFileStatusProto *all[64];
        struct peer *p = some_names(*state, "/t9");
        bool listed[64];
        size_t n = every_status(p, "/t9", all, listed);

        for (size_t i = 0; i < n; i++) {
                const Hadoop__HdfsFileStatusProto *s = all[i];
                bool dir = s->filetype == HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_DIR;

                assert_int_equal(s->path.len > 0, listed[i]);    /* 9 */
                assert_true(s->has_fileid && s->fileid > 16385); /* 10 */
                assert_true(s->has_block_replication && s->has_blocksize);
                assert_int_equal(s->block_replication > 0, !dir);
                assert_int_equal(s->blocksize, dir ? 0 : HADOOP_BLOCK);
                assert_true(s->has_flags); /* 11 */
                assert_int_equal(s->flags, 0);
                assert_int_equal(s->permission->perm & ~07777u, 0);
                for (size_t k = 0; listed[i] && k < n; k++)
                        assert_int_equal(listed[k] && s->fileid == all[k]->fileid,
                                         listed[k] && s->path.len == all[k]->path.len &&
                                                 memcmp(s->path.data, all[k]->path.data,
                                                        s->path.len) == 0); /* 10: unique */
        }
        peer_close(p);
}

static void traps_12_44_every_file_of_a_located_listing_has_locations(void **state)
{
        struct peer *p = some_names(*state, "/t12");
        const Hadoop__DirectoryListingProto *l = ask_listing(p, "/t12", "", true);

        for (size_t i = 0; i < l->n_partiallisting; i++) {
                const Hadoop__HdfsFileStatusProto *s = l->partiallisting[i];

                if (s->filetype == HADOOP__HDFS_FILE_STATUS_PROTO__FILE_TYPE__IS_DIR) {
                        assert_null(s->locations);
                        continue;
                }
                assert_non_null(s->locations);
                assert_int_equal(s->locations->filelength, s->length);
        }
        assert_int_equal(l->partiallisting[1]->locations->n_blocks, 0); /* "empty" */
        assert_non_null(ask_located(p, "/t12/empty")->locations);
        peer_close(p);
}

static void is_in_a_rack(const Hadoop__DatanodeInfoProto *node)
{
        assert_non_null(node->location);
        assert_int_equal(node->location[0], '/');
}

static void trap_13_every_node_says_its_rack(void **state)
{
        struct peer *p = some_names(*state, "/t13");
        Hadoop__GetDatanodeReportRequestProto q = HADOOP__GET_DATANODE_REPORT_REQUEST_PROTO__INIT;
        const Hadoop__DirectoryListingProto *l = ask_listing(p, "/t13", "full", true);
        const Hadoop__LocatedBlocksProto *b = ask_locations(p, "/t13/full", 0, 4);
        const Hadoop__GetDatanodeReportResponseProto *r;

        for (size_t i = 0; i < 2; i++) {
                is_in_a_rack(b->blocks[0]->locs[i]);
                is_in_a_rack(b->lastblock->locs[i]);
                is_in_a_rack(l->partiallisting[0]->locations->blocks[0]->locs[i]); /* "open" */
        }
        q.type = HADOOP__DATANODE_REPORT_TYPE_PROTO__ALL;
        r = peer_ask(p, METHOD_CLIENT_getDatanodeReport, &q.base);
        assert_int_equal(r->n_di, 2);
        is_in_a_rack(r->di[0]);
        is_in_a_rack(r->di[1]);
        peer_close(p);
}

/* 17: hdfs-native unwraps AclStatus.permission; while ACLs are off there is no AclStatus at all. */
static void trap_17_no_acl_status_is_without_permission(void **state)
{
        struct peer *p = peer_open(*state);
        Hadoop__GetAclStatusRequestProto q = HADOOP__GET_ACL_STATUS_REQUEST_PROTO__INIT;

        q.src = text("/");
        peer_refused(p, METHOD_CLIENT_getAclStatus, &q.base,
                     "org.apache.hadoop.hdfs.protocol.AclException");
        peer_close(p);
}

static void no_special_block(const Hadoop__LocatedBlockProto *b)
{
        assert_false(b->has_blockindices); /* 37 */
        assert_int_equal(b->n_blocktokens, 0);
        for (size_t i = 0; i < b->n_storagetypes; i++) /* 45 */
                assert_int_equal(b->storagetypes[i], HADOOP__STORAGE_TYPE_PROTO__DISK);
}

static void traps_37_38_39_40_45_nothing_switches_clients_to_what_is_not_there(void **state)
{
        const Hadoop__HdfsFileStatusProto *all[64];
        struct peer *p = some_names(*state, "/t37");
        bool listed[64];
        size_t n = every_status(p, "/t37", all, listed);
        Hadoop__GetServerDefaultsRequestProto q = HADOOP__GET_SERVER_DEFAULTS_REQUEST_PROTO__INIT;
        Hadoop__GetStoragePoliciesRequestProto s =
                HADOOP__GET_STORAGE_POLICIES_REQUEST_PROTO__INIT;
        const Hadoop__GetServerDefaultsResponseProto *d;
        const Hadoop__GetStoragePoliciesResponseProto *policies;
        const Hadoop__LocatedBlocksProto *b = ask_locations(p, "/t37/open", 0, INT64_MAX);

        for (size_t i = 0; i < n; i++) {
                assert_null(all[i]->ecpolicy);           /* 37: else it is striped */
                assert_null(all[i]->fileencryptioninfo); /* 40: gohdfs reads its raw bytes */
        }
        assert_null(b->ecpolicy);
        assert_null(b->fileencryptioninfo);
        no_special_block(b->blocks[0]);
        no_special_block(b->lastblock);
        b = ask_locations(p, "/t37/full", 0, 4);
        assert_null(b->ecpolicy);
        assert_null(b->fileencryptioninfo);
        no_special_block(b->blocks[0]);
        d = peer_ask(p, METHOD_CLIENT_getServerDefaults, &q.base);
        assert_true(d->serverdefaults->keyprovideruri == NULL ||
                    d->serverdefaults->keyprovideruri[0] == '\0'); /* 38 */
        assert_false(d->serverdefaults->encryptdatatransfer);      /* 39 */
        policies = peer_ask(p, METHOD_CLIENT_getStoragePolicies, &s.base);
        for (size_t i = 0; i < policies->n_policies; i++)
                for (size_t k = 0; k < policies->policies[i]->creationpolicy->n_storagetypes; k++)
                        assert_int_not_equal(policies->policies[i]->creationpolicy->storagetypes[k],
                                             HADOOP__STORAGE_TYPE_PROTO__NVDIMM); /* 45 */
        peer_close(p);
}

static bool ask_rename(struct peer *p, const char *src, const char *dst)
{
        Hadoop__RenameRequestProto q = HADOOP__RENAME_REQUEST_PROTO__INIT;

        q.src = text(src);
        q.dst = text(dst);
        return ((Hadoop__RenameResponseProto *)peer_ask(p, METHOD_CLIENT_rename, &q.base))->result;
}

static void trap_41_only_the_old_rename_moves_into_a_directory(void **state)
{
        struct peer *p = some_names(*state, "/t41");
        Hadoop__Rename2RequestProto q = HADOOP__RENAME2_REQUEST_PROTO__INIT;

        assert_true(ask_rename(p, "/t41/full", "/t41/dir"));
        assert_non_null(ask_info(p, "/t41/dir/full"));
        q.src = text("/t41/empty");
        q.dst = text("/t41/dir");
        peer_refused(p, METHOD_CLIENT_rename2, &q.base, "java.io.IOException");
        q.overwritedest = true;
        peer_refused(p, METHOD_CLIENT_rename2, &q.base, "java.io.IOException");
        assert_null(ask_info(p, "/t41/dir/empty"));
        assert_non_null(ask_info(p, "/t41/empty"));
        peer_close(p);
}

static void trap_42_minus_one_leaves_a_time_as_it_is(void **state)
{
        struct peer *p = some_names(*state, "/t42");
        Hadoop__SetTimesRequestProto q = HADOOP__SET_TIMES_REQUEST_PROTO__INIT;
        const Hadoop__HdfsFileStatusProto *s;

        q.src = text("/t42/full");
        q.mtime = 1111111111111;
        q.atime = 1222222222222;
        (void)peer_ask(p, METHOD_CLIENT_setTimes, &q.base);
        q.mtime = UINT64_MAX;
        q.atime = 1333333333333;
        (void)peer_ask(p, METHOD_CLIENT_setTimes, &q.base);
        s = ask_info(p, "/t42/full");
        assert_int_equal(s->modification_time, 1111111111111);
        assert_int_equal(s->access_time, 1333333333333);
        q.mtime = 1444444444444;
        q.atime = UINT64_MAX;
        (void)peer_ask(p, METHOD_CLIENT_setTimes, &q.base);
        s = ask_info(p, "/t42/full");
        assert_int_equal(s->modification_time, 1444444444444);
        assert_int_equal(s->access_time, 1333333333333);
        peer_close(p);
}

static void trap_43_offset_and_length_beyond_all_are_to_the_end(void **state)
{
        static const uint64_t lengths[] = {8, INT64_MAX - 1, INT64_MAX};
        const struct write_how how = HOW_JAVA;
        struct peer *p = peer_open(*state);
        Hadoop__ExtendedBlockProto last;

        (void)ask_create(p, "/t43", "writer", 1); /* two blocks of four bytes */
        write_block(ask_block(p, "/t43", "writer", NULL), &how, ONE_DATA, 4, &last);
        write_block(ask_block(p, "/t43", "writer", &last), &how, ONE_DATA, 4, &last);
        assert_true(ask_complete(p, "/t43", "writer", &last));
        for (size_t i = 0; i < 3; i++)
                for (uint64_t offset = 0; offset < 8; offset++) {
                        const Hadoop__LocatedBlocksProto *b =
                                ask_locations(p, "/t43", offset, lengths[i]);

                        assert_int_equal(b->n_blocks, offset < 4 ? 2 : 1);
                        assert_int_equal(b->blocks[b->n_blocks - 1]->offset, 4);
                }
        assert_int_equal(ask_locations(p, "/t43", INT64_MAX, INT64_MAX)->n_blocks, 0);
        assert_int_equal(ask_locations(p, "/t43", 8, INT64_MAX)->n_blocks, 0);
        peer_close(p);
}

static void trap_44_an_empty_file_has_locations_without_blocks(void **state)
{
        struct peer *p = peer_open(*state);
        const Hadoop__LocatedBlocksProto *b;

        make_empty(p, "/t44"); /* complete() without a last block */
        b = ask_locations(p, "/t44", 0, INT64_MAX);
        assert_int_equal(b->filelength, 0);
        assert_int_equal(b->n_blocks, 0);
        assert_null(b->lastblock);
        assert_false(b->underconstruction);
        peer_close(p);
}

static void trap_51_a_file_belongs_to_the_effective_user_and_its_parents_group(void **state)
{
        struct hadoop *h = *state;
        const char *user = os_own_uid() == 0 ? "nobody" : h->user;
        struct peer *p = peer_open(h), *other = peer_of(h, user);
        Hadoop__SetOwnerRequestProto own = HADOOP__SET_OWNER_REQUEST_PROTO__INIT;
        const Hadoop__HdfsFileStatusProto *s;

        ask_mkdirs(p, "/t51", 0777);
        own.src = text("/t51");
        own.username = own.groupname = text("");
        (void)peer_ask(p, METHOD_CLIENT_setOwner, &own.base); /* 27: empty is as absent */
        assert_string_equal(ask_info(p, "/t51")->owner, h->user);
        assert_string_equal(ask_info(p, "/t51")->group, "supergroup");
        own.groupname = text("a-group");
        (void)peer_ask(p, METHOD_CLIENT_setOwner, &own.base);
        (void)ask_create(other, "/t51/file", "writer", 1);
        ask_mkdirs(other, "/t51/dir", 0755);
        s = ask_info(p, "/t51/file");
        assert_string_equal(s->owner, user);
        assert_string_equal(s->group, "a-group");
        s = ask_info(p, "/t51/dir");
        assert_string_equal(s->owner, user);
        assert_string_equal(s->group, "a-group");
        peer_close(other);
        peer_close(p);
}

/* 52: gohdfs divides by the capacity; here no datanode has said one yet. */
static void trap_52_there_is_always_a_capacity(void **state)
{
        Hadoop__GetFsStatusRequestProto q = HADOOP__GET_FS_STATUS_REQUEST_PROTO__INIT;
        struct hadoop *bare = hadoop_start(0, "");
        struct peer *p = peer_open(bare);
        const Hadoop__GetFsStatsResponseProto *r = peer_ask(p, METHOD_CLIENT_getFsStats, &q.base);

        (void)state;
        assert_true(r->capacity > 0);
        peer_close(p);
        hadoop_stop(bare);
}

static void trap_53_the_types_of_open_files_come_back(void **state)
{
        struct peer *p = some_names(*state, "/t53");
        Hadoop__ListOpenFilesRequestProto open = HADOOP__LIST_OPEN_FILES_REQUEST_PROTO__INIT;
        Hadoop__OpenFilesTypeProto type = HADOOP__OPEN_FILES_TYPE_PROTO__ALL_OPEN_FILES;
        const Hadoop__ListOpenFilesResponseProto *o;

        open.types = &type;
        open.n_types = 1;
        open.path = text("/t53");
        o = peer_ask(p, METHOD_CLIENT_listOpenFiles, &open.base);
        assert_int_equal(o->n_types, 1);
        assert_int_equal(o->types[0], type);
        assert_false(o->hasmore);
        assert_int_equal(o->n_entries, 1); /* of that path alone */
        assert_string_equal(o->entries[0]->path, "/t53/open");
        assert_string_equal(o->entries[0]->clientname, "writer");
        peer_close(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(trap_07_what_is_missing_is_left_out_of_the_answer),
                cmocka_unit_test(trap_08_after_the_last_entry_comes_an_empty_listing),
                cmocka_unit_test(traps_09_10_11_every_status_is_as_clients_need_it),
                cmocka_unit_test(traps_12_44_every_file_of_a_located_listing_has_locations),
                cmocka_unit_test(trap_13_every_node_says_its_rack),
                cmocka_unit_test(trap_17_no_acl_status_is_without_permission),
                cmocka_unit_test(
                        traps_37_38_39_40_45_nothing_switches_clients_to_what_is_not_there),
                cmocka_unit_test(trap_41_only_the_old_rename_moves_into_a_directory),
                cmocka_unit_test(trap_42_minus_one_leaves_a_time_as_it_is),
                cmocka_unit_test(trap_43_offset_and_length_beyond_all_are_to_the_end),
                cmocka_unit_test(trap_44_an_empty_file_has_locations_without_blocks),
                cmocka_unit_test(
                        trap_51_a_file_belongs_to_the_effective_user_and_its_parents_group),
                cmocka_unit_test(trap_52_there_is_always_a_capacity),
                cmocka_unit_test(trap_53_the_types_of_open_files_come_back),
        };

        log_open("test_traps_names", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, setup, teardown);
}
