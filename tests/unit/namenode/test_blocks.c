#include "tests/unit/namenode/test_blocks_kit.h"

#define B1 KIT_FIRST
#define B2 (KIT_FIRST + 1)
#define B3 (KIT_FIRST + 2)

static struct kit *k;

static int set_up(void **state)
{
        (void)state;
        k = kit_new();
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        kit_free(k);
        return 0;
}

static bool is_counted(uint32_t i)
{
        return nodes_get(&k->b->nodes, k->node[i].number)->counted;
}

/* ---- registration ---------------------------------------------------------------------------- */

static void new_datanodes_get_numbers_and_keep_them(void **state)
{
        (void)state;
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        assert_int_equal(kit_join(k, 2), KIT_NONE);
        assert_int_equal(k->node[1].number, 1);
        assert_int_equal(k->node[2].number, 2);
        assert_int_equal(k->node[1].epoch, blocks_epoch(k->b));
        kit_restart(k, false);
        assert_int_equal(kit_join(k, 2), KIT_NONE);
        assert_int_equal(k->node[2].number, 2);
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        assert_int_equal(k->node[1].number, 1);
}

/* What a datanode that has @secret shows for a challenge. */
struct shown {
        uint8_t own[PROOF_NONCE_BYTES], nonce[PROOF_NONCE_BYTES], proof[PROOF_BYTES];
};

static void ask_challenge(struct shown *s, char *uuid)
{
        Bdfs__ChallengeRequest q = BDFS__CHALLENGE_REQUEST__INIT;
        Bdfs__ChallengeResponse r = BDFS__CHALLENGE_RESPONSE__INIT;
        struct proof_subject subject = {k->cluster, uuid, s->nonce, s->own};
        struct blocks_challenge_room room;
        uint8_t secret[CLUSTER_SECRET_BYTES];
        struct bdfs_err err;

        memset(secret, KIT_SECRET, sizeof(secret));
        os_random(s->own, sizeof(s->own));
        q.cluster = (ProtobufCBinaryData){16, k->cluster};
        q.uuid = uuid;
        q.nonce = (ProtobufCBinaryData){sizeof(s->own), s->own};
        OK(blocks_challenge(k->b, &q, &room, &r, &err));
        memcpy(s->nonce, r.nonce.data, sizeof(s->nonce));
        OK(cluster_proof_check(secret, PROOF_NAMENODE, &subject, &r.proof, &err));
        OK(cluster_proof(secret, PROOF_DATANODE, &subject, s->proof, &err));
}

static enum bdfs_status prove(struct shown *s, char *uuid)
{
        Bdfs__RegisterRequest q = BDFS__REGISTER_REQUEST__INIT;
        struct bdfs_err err;

        q.uuid = uuid;
        q.has_nonce = q.has_proof = 1;
        q.nonce = (ProtobufCBinaryData){sizeof(s->nonce), s->nonce};
        q.proof = (ProtobufCBinaryData){sizeof(s->proof), s->proof};
        return blocks_prove(k->b, &q, &err);
}

static void a_datanode_proves_that_it_has_the_secret_once(void **state)
{
        char uuid[] = "node-1", other[] = "node-2";
        Bdfs__RegisterRequest none = BDFS__REGISTER_REQUEST__INIT;
        struct shown first, second;
        struct bdfs_err err;

        (void)state;
        ask_challenge(&first, uuid);
        ask_challenge(&second, uuid); /* both may be under way */
        assert_int_equal(prove(&first, other), BDFS_PERMISSION);
        OK(prove(&first, uuid));
        assert_int_equal(prove(&first, uuid), BDFS_PERMISSION); /* shown again */
        second.proof[31] ^= 1;
        assert_int_equal(prove(&second, uuid), BDFS_PERMISSION);
        second.proof[31] ^= 1;
        assert_int_equal(prove(&second, uuid), BDFS_PERMISSION); /* one try each */
        ask_challenge(&first, uuid);
        kit_restart(k, false);
        assert_int_equal(prove(&first, uuid), BDFS_PERMISSION); /* another run's nonce */
        none.uuid = uuid;
        assert_int_equal(blocks_prove(k->b, &none, &err), BDFS_PERMISSION);
}

static void challenges_that_nobody_answers_are_bounded(void **state)
{
        char uuid[] = "node-1", other[] = "node-2";
        struct shown first, last;

        (void)state;
        ask_challenge(&first, uuid);
        for (unsigned i = 0; i < 1000; i++)
                ask_challenge(&last, other);
        assert_int_equal(prove(&first, uuid), BDFS_PERMISSION); /* forgotten; it asks again */
        OK(prove(&last, other));
}

static void a_row_of_an_older_cluster_brings_no_key(void **state)
{
        struct node_row row = {.number = 1, .key_n = TOKEN_KEY_BYTES};
        struct store_txn *t = kit_write(k);
        struct node_info info;
        struct bdfs_err err;

        (void)state;
        (void)snprintf((char *)row.uuid, sizeof(row.uuid), "node-1");
        memset(row.key, 0x77, sizeof(row.key));
        OK(table_put_node(t, &row, &err));
        kit_commit(t);
        kit_restart(k, false);
        assert_true(blocks_node(k->b, 1, &info));
        assert_memory_equal(info.key, k->node[1].key, TOKEN_KEY_BYTES);
}

static void datanode_of_another_cluster_is_refused(void **state)
{
        uint64_t from;

        (void)state;
        k->cluster[0] ^= 1;
        (void)kit_register_from(k, 1, BDFS_PERMISSION, &from);
        assert_int_equal(k->b->nodes.last, 0);
}

static void registration_that_makes_no_sense_is_refused(void **state)
{
        struct kit_node good = k->node[1];
        uint64_t from;

        (void)state;
        k->node[1].rack[0] = 'r';
        (void)kit_register_from(k, 1, BDFS_INVALID, &from);
        k->node[1] = good;
        k->node[1].uuid[0] = '\0';
        (void)kit_register_from(k, 1, BDFS_INVALID, &from);
        k->node[1] = good;
        k->node[1].log_first = 2;
        (void)kit_register_from(k, 1, BDFS_INVALID, &from);
        k->node[1] = good;
        k->node[1].log_id = 0;
        (void)kit_register_from(k, 1, BDFS_INVALID, &from);
        k->node[1] = good;
        assert_int_equal(kit_join(k, 1), KIT_NONE);
}

static void datanode_with_replicas_sends_them_all_the_first_time(void **state)
{
        (void)state;
        for (uint64_t i = 0; i < 25; i++) {
                struct kit_row row = {B1 + i, KIT_STAMP, 100 + i, KIT_FINALIZED};

                kit_block(k, B1 + i, KIT_STAMP, 100 + i, BLOCK_COMPLETE, 1);
                kit_row(&k->node[1], &row);
        }
        assert_int_equal(kit_join(k, 1), KIT_FULL);
        assert_true(is_counted(1));
        for (uint64_t i = 0; i < 25; i++)
                assert_int_equal(kit_copies_of(k, B1 + i), 1);
        assert_int_equal(nodes_get(&k->b->nodes, 1)->log.replicas, 25);
}

static void datanode_that_comes_back_unchanged_sends_nothing(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        kit_stored(k, B1, 1, one, 1);
        (void)kit_join(k, 1);
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        k->node[1].log_id++; /* the datanode was started again */
        k->node[1].log_first = k->node[1].log_next = k->node[1].sent = 1;
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        assert_true(is_counted(1));
}

static void datanode_that_missed_some_reports_sends_those(void **state)
{
        const uint32_t one[] = {1};
        uint64_t from;

        (void)state;
        (void)kit_join(k, 1);
        kit_stored(k, B1, 1, one, 1);
        kit_report(k, 1);
        kit_stored(k, B2, 1, one, 1);
        assert_int_equal(kit_register_from(k, 1, BDFS_OK, &from), KIT_DELTA);
        assert_int_equal(from, k->node[1].log_next - 1);
        assert_false(is_counted(1));
        assert_int_equal(kit_copies_of(k, B2), 0);
        kit_report(k, 1);
        assert_true(is_counted(1));
        assert_int_equal(kit_copies_of(k, B2), 1);
}

static void changes_that_do_not_lead_to_the_digest_lead_to_a_full_report(void **state)
{
        struct kit_row hidden = {B2, KIT_STAMP, 5, KIT_FINALIZED};
        const uint32_t one[] = {1};
        uint64_t from;

        (void)state;
        (void)kit_join(k, 1);
        kit_block(k, B2, KIT_STAMP, 5, BLOCK_COMPLETE, 1);
        kit_stored(k, B1, 1, one, 1);
        kit_row(&k->node[1], &hidden); /* on its disk, but not in its log */
        assert_int_equal(kit_register_from(k, 1, BDFS_OK, &from), KIT_DELTA);
        kit_report(k, 1);
        assert_false(is_counted(1));
        assert_false(kit_heartbeat(k, 1));
        assert_true(k->full_asked);
        kit_full(k, 1, 10);
        assert_true(is_counted(1));
        assert_int_equal(kit_copies_of(k, B2), 1);
        kit_forget_commands(k);
        assert_false(kit_heartbeat(k, 1));
        assert_false(k->full_asked);
}

static void changes_that_were_forgotten_lead_to_a_full_report(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        (void)kit_join(k, 1);
        kit_stored(k, B1, 1, one, 1);
        k->node[1].log_first = k->node[1].log_next;
        assert_int_equal(kit_join(k, 1), KIT_FULL);
        assert_true(is_counted(1));
}

static void what_was_being_received_waits_after_the_datanode_was_started_again(void **state)
{
        struct replica_info r[4];

        (void)state;
        kit_block(k, B1, KIT_STAMP, 0, BLOCK_UNDER_CONSTRUCTION, 1);
        (void)kit_join(k, 1);
        kit_change(&k->node[1], B1, KIT_STAMP, 70, KIT_RECEIVING);
        kit_report(k, 1);
        assert_int_equal(blocks_replicas(k->b, B1, KIT_STAMP, false, "", r, 4), 1);
        k->node[1].log_id++;
        k->node[1].log_first = k->node[1].log_next = 1;
        assert_int_equal(kit_join(k, 1), KIT_NONE);
        assert_int_equal(blocks_replicas(k->b, B1, KIT_STAMP, false, "", r, 4), 0);
        assert_int_equal(blocks_replicas(k->b, B1, 0, true, "", r, 4), 1);
        assert_int_equal(r[0].state, BDFS__REPLICA_STATE__REPLICA_WAITING);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void gap_in_the_log_is_refused_and_a_repetition_is_harmless(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        (void)kit_join(k, 1);
        kit_stored(k, B1, 1, one, 1);
        kit_stored(k, B2, 1, one, 1);
        assert_false(kit_report_some(k, 1, 2, 10));
        assert_true(kit_report_some(k, 1, 1, 1));
        assert_true(kit_report_some(k, 1, 1, 2));
        assert_true(kit_report_some(k, 1, 1, 2));
        assert_int_equal(nodes_get(&k->b->nodes, 1)->log.replicas, 2);
        assert_int_equal(nodes_get(&k->b->nodes, 1)->log.next, 3);
}

static void reports_of_another_epoch_or_log_are_refused(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        (void)kit_join(k, 1);
        kit_stored(k, B1, 1, one, 1);
        k->node[1].epoch ^= 2;
        assert_false(kit_report_some(k, 1, 1, 1));
        assert_true(kit_heartbeat(k, 1));
        k->node[1].epoch ^= 2;
        k->node[1].log_id++;
        assert_false(kit_report_some(k, 1, 1, 1));
        k->node[1].log_id--;
        assert_true(kit_report_some(k, 1, 1, 1));
        assert_false(kit_heartbeat(k, 1));
}

static void deleted_replicas_are_gone(void **state)
{
        const uint32_t one[] = {1};

        (void)state;
        (void)kit_join(k, 1);
        kit_stored(k, B1, 1, one, 1);
        kit_report(k, 1);
        assert_int_equal(kit_copies_of(k, B1), 1);
        kit_change(&k->node[1], B1, KIT_STAMP, 0, KIT_GONE);
        kit_report(k, 1);
        assert_int_equal(kit_copies_of(k, B1), 0);
        assert_int_equal(nodes_get(&k->b->nodes, 1)->log.replicas, 0);
        assert_false(kit_heartbeat(k, 1));
        assert_false(k->full_asked);
}

static void full_report_in_small_pages_replaces_what_was_known(void **state)
{
        struct kit_node *n = &k->node[1];

        (void)state;
        for (uint64_t i = 0; i < 1000; i++)
                kit_block(k, B1 + i, KIT_STAMP, 10, BLOCK_COMPLETE, 1);
        for (uint64_t i = 0; i < 1000; i += 2)
                kit_change(n, B1 + i, KIT_STAMP, 10, KIT_FINALIZED);
        (void)kit_join(k, 1);
        while (n->rows_n > 0)
                kit_forget_row(n, 0);
        for (uint64_t i = 0; i < 1000; i += 3) {
                struct kit_row row = {B1 + i, KIT_STAMP, 10, KIT_FINALIZED};

                kit_row(n, &row);
        }
        n->log_first = n->log_next = n->log_next + 5;
        assert_int_equal(kit_register_from(k, 1, BDFS_OK, &n->sent), KIT_FULL);
        kit_full(k, 1, 7);
        for (uint64_t i = 0; i < 1000; i++)
                assert_int_equal(kit_copies_of(k, B1 + i), i % 3 == 0 ? 1 : 0);
        assert_int_equal(nodes_get(&k->b->nodes, 1)->log.replicas, n->replicas);
        assert_true(replica_digest_equal(&nodes_get(&k->b->nodes, 1)->log.digest, &n->digest));
}

/* The rows as they are now; the pages of a full report are sent from such a picture. */
static struct kit_node picture_of(const struct kit_node *n)
{
        struct kit_node picture = *n;

        picture.rows = calloc(n->rows_n + 1, sizeof(*n->rows));
        assert_non_null(picture.rows);
        memcpy(picture.rows, n->rows, n->rows_n * sizeof(*n->rows));
        return picture;
}

/* Pages of the picture in node 1's name. */
static bool send_picture(struct kit_node *picture, size_t *at, size_t pages, uint64_t position)
{
        struct kit_node now = k->node[1];
        bool accepted = true;

        k->node[1] = *picture;
        while (accepted && pages-- > 0 && *at < picture->rows_n)
                accepted = kit_page(k, 1, at, 10, position);
        k->node[1] = now;
        return accepted;
}

static void forty_rows_but_one(void)
{
        for (uint64_t i = 0; i < 40; i++) {
                struct kit_row row = {B1 + i, KIT_STAMP, 10, KIT_FINALIZED};

                kit_block(k, B1 + i, KIT_STAMP, 10, BLOCK_COMPLETE, 1);
                if (i != 30)
                        kit_row(&k->node[1], &row);
        }
}

static void three_changes(void)
{
        kit_change(&k->node[1], B1 + 2, KIT_STAMP, 0, KIT_GONE);
        kit_change(&k->node[1], B1 + 20, KIT_STAMP, 0, KIT_GONE);
        kit_change(&k->node[1], B1 + 30, KIT_STAMP, 10, KIT_FINALIZED);
}

static void check_forty_rows(void)
{
        for (uint64_t i = 0; i < 40; i++)
                assert_int_equal(kit_copies_of(k, B1 + i), i == 2 || i == 20 ? 0 : 1);
        assert_true(is_counted(1));
        assert_false(kit_heartbeat(k, 1));
        assert_false(k->full_asked);
        assert_true(is_counted(1));
}

/* A page is a picture of an earlier moment; changes that came meanwhile must win. */
static void changes_between_the_pages_win_over_the_pages(void **state)
{
        struct kit_node picture;
        uint64_t position;
        size_t at = 0;

        (void)state;
        forty_rows_but_one();
        assert_int_equal(kit_register_from(k, 1, BDFS_OK, &position), KIT_FULL);
        k->node[1].sent = position;
        picture = picture_of(&k->node[1]);
        assert_true(send_picture(&picture, &at, 1, position));
        three_changes();
        kit_report(k, 1);
        assert_true(send_picture(&picture, &at, 100, position));
        check_forty_rows();
        free(picture.rows);
}

static void changes_before_the_first_page_win_too(void **state)
{
        struct kit_node picture;
        uint64_t position;
        size_t at = 0;

        (void)state;
        forty_rows_but_one();
        assert_int_equal(kit_register_from(k, 1, BDFS_OK, &position), KIT_FULL);
        k->node[1].sent = position;
        picture = picture_of(&k->node[1]);
        three_changes();
        kit_report(k, 1);
        assert_true(send_picture(&picture, &at, 100, position));
        check_forty_rows();
        free(picture.rows);
}

static void picture_older_than_what_was_applied_is_refused_once(void **state)
{
        struct kit_node picture;
        uint64_t position;
        size_t at = 0;

        (void)state;
        forty_rows_but_one();
        (void)kit_join(k, 1);
        position = k->node[1].log_next;
        picture = picture_of(&k->node[1]);
        three_changes();
        kit_report(k, 1);
        assert_false(send_picture(&picture, &at, 100, position));
        free(picture.rows);
        picture = picture_of(&k->node[1]);
        position = k->node[1].log_next;
        kit_change(&k->node[1], B1 + 5, KIT_STAMP, 0, KIT_GONE);
        kit_report(k, 1);
        at = 0;
        assert_true(send_picture(&picture, &at, 100, position));
        free(picture.rows);
        kit_block(k, B1 + 5, KIT_STAMP, 10, BLOCK_COMPLETE, 1);
        kit_change(&k->node[1], B1 + 5, KIT_STAMP, 10, KIT_FINALIZED);
        kit_report(k, 1);
        check_forty_rows();
}

static void full_report_covers_changes_that_were_forgotten(void **state)
{
        (void)state;
        forty_rows_but_one();
        (void)kit_join(k, 1);
        three_changes();
        k->node[1].log_first = k->node[1].log_next; /* and nobody was told */
        kit_full(k, 1, 10);
        check_forty_rows();
}

static void page_of_no_running_report_is_refused(void **state)
{
        struct kit_row row = {B1, KIT_STAMP, 10, KIT_FINALIZED};
        uint64_t from;
        size_t at = 1;

        (void)state;
        kit_block(k, B1, KIT_STAMP, 10, BLOCK_COMPLETE, 1);
        kit_block(k, B2, KIT_STAMP, 10, BLOCK_COMPLETE, 1);
        kit_row(&k->node[1], &row);
        row.block = B2;
        kit_row(&k->node[1], &row);
        assert_int_equal(kit_register_from(k, 1, BDFS_OK, &from), KIT_FULL);
        assert_false(kit_page(k, 1, &at, 10, from));
        kit_full(k, 1, 1);
        assert_true(is_counted(1));
}

static void restart_within_a_full_report_begins_it_again(void **state)
{
        size_t at = 0;
        uint64_t from;

        (void)state;
        for (uint64_t i = 0; i < 20; i++) {
                struct kit_row row = {B1 + i, KIT_STAMP, 10, KIT_FINALIZED};

                kit_block(k, B1 + i, KIT_STAMP, 10, BLOCK_COMPLETE, 1);
                kit_row(&k->node[1], &row);
        }
        assert_int_equal(kit_register_from(k, 1, BDFS_OK, &from), KIT_FULL);
        assert_true(kit_page(k, 1, &at, 10, from));
        kit_restart(k, false);
        assert_int_equal(kit_join(k, 1), KIT_FULL);
        for (uint64_t i = 0; i < 20; i++)
                assert_int_equal(kit_copies_of(k, B1 + i), 1);
}

static enum bdfs_status page_with(uint64_t first, uint64_t second, uint32_t state, size_t stamps)
{
        Bdfs__FullReportRequest q = BDFS__FULL_REPORT_REQUEST__INIT;
        Bdfs__FullReportResponse r = BDFS__FULL_REPORT_RESPONSE__INIT;
        uint64_t blocks[2] = {first, second}, numbers[2] = {1, 1};
        uint32_t states[2] = {state, state};
        struct bdfs_err err;

        q.number = 1;
        q.first_page = q.last_page = true;
        q.n_blocks = q.n_lengths = q.n_states = 2;
        q.n_stamps = stamps;
        q.blocks = blocks;
        q.stamps = q.lengths = numbers;
        q.states = states;
        return blocks_full_report(k->b, &q, &r, &err);
}

static void pages_that_make_no_sense_are_refused(void **state)
{
        (void)state;
        assert_int_equal(page_with(B1, B2, KIT_FINALIZED, 2), BDFS_OK);
        assert_int_equal(page_with(B2, B1, KIT_FINALIZED, 2), BDFS_INVALID);
        assert_int_equal(page_with(B1, B1, KIT_FINALIZED, 2), BDFS_INVALID);
        assert_int_equal(page_with(0, B1, KIT_FINALIZED, 2), BDFS_INVALID);
        assert_int_equal(page_with(B1, B2, KIT_GONE, 2), BDFS_INVALID);
        assert_int_equal(page_with(B1, B2, 0, 2), BDFS_INVALID);
        assert_int_equal(page_with(B1, B2, 77, 2), BDFS_INVALID);
        assert_int_equal(page_with(B1, B2, KIT_FINALIZED, 1), BDFS_INVALID);
}

/* ---- queries --------------------------------------------------------------------------------- */

static void readers_are_sent_to_the_nearest_good_copy(void **state)
{
        const uint32_t four[] = {1, 2, 3, 4};
        struct replica_info r[8];

        (void)state;
        (void)snprintf(k->node[3].rack, sizeof(k->node[3].rack), "/other");
        (void)snprintf(k->node[4].rack, sizeof(k->node[4].rack), "/other");
        kit_stored(k, B1, 4, four, 4);
        for (uint32_t i = 1; i <= 5; i++)
                (void)kit_join(k, i);
        assert_int_equal(blocks_replicas(k->b, B1, KIT_STAMP, false, "10.0.0.3", r, 8), 4);
        assert_int_equal(r[0].node, 3);
        assert_int_equal(r[1].node, 4);
        assert_int_equal(blocks_replicas(k->b, B1, KIT_STAMP, false, "10.0.0.5", r, 8), 4);
        assert_true(r[0].node <= 2 && r[1].node <= 2);
        kit_change(&k->node[3], B1, KIT_STAMP, 1 * MIB, KIT_CORRUPT);
        kit_report(k, 3);
        assert_int_equal(blocks_replicas(k->b, B1, KIT_STAMP, false, "10.0.0.3", r, 8), 3);
        assert_int_equal(r[0].node, 4);
        assert_int_equal(blocks_replicas(k->b, B1, KIT_STAMP + 1, false, "", r, 8), 0);
        assert_int_equal(blocks_replicas(k->b, B1, 0, true, "", r, 8), 4);
        assert_int_equal(blocks_replicas(k->b, B1, 0, true, "", r, 2), 2);
}

static void equal_copies_keep_their_order_for_a_reader_and_spread_over_readers(void **state)
{
        const uint32_t three[] = {1, 2, 3};
        struct replica_info r[8];
        unsigned firsts[4] = {0};

        (void)state;
        for (uint64_t block = 0; block < 100; block++)
                kit_stored(k, B1 + block, 3, three, 3);
        for (uint32_t i = 1; i <= 3; i++)
                (void)kit_join(k, i);
        for (uint64_t block = 0; block < 100; block++) {
                uint32_t first;

                assert_int_equal(blocks_replicas(k->b, B1 + block, KIT_STAMP, false, "far", r, 8),
                                 3);
                first = r[0].node;
                firsts[first]++;
                for (int again = 0; again < 5; again++) {
                        (void)blocks_replicas(k->b, B1 + block, KIT_STAMP, false, "far", r, 8);
                        assert_int_equal(r[0].node, first);
                }
        }
        for (int node = 1; node <= 3; node++) /* of 100 that were thrown at random: 6 sigma */
                assert_in_range(firsts[node], 6, 61);
        memset(firsts, 0, sizeof(firsts));
        for (int reader = 0; reader < 100; reader++) {
                char host[16];

                (void)snprintf(host, sizeof(host), "far%d", reader);
                (void)blocks_replicas(k->b, B1, KIT_STAMP, false, host, r, 8);
                firsts[r[0].node]++;
        }
        for (int node = 1; node <= 3; node++)
                assert_in_range(firsts[node], 6, 61);
}

static void placement_leaves_out_dead_full_and_excluded_nodes(void **state)
{
        const uint32_t exclude[] = {1};
        struct place_request q = {.wanted = 3, .writer_host = "10.0.0.4", .bytes = 128 * MIB};
        uint32_t got[3];
        size_t n = 0;
        struct bdfs_err err;

        (void)state;
        assert_int_equal(blocks_place(k->b, &q, got, &n, &err), BDFS_UNAVAILABLE);
        assert_non_null(strstr(err.text, "no datanode is alive"));
        k->node[2].remaining = 100 * MIB;
        for (uint32_t i = 1; i <= 4; i++)
                (void)kit_join(k, i);
        OK(blocks_place(k->b, &q, got, &n, &err));
        assert_int_equal(n, 3);
        assert_int_equal(got[0], 4);
        q.exclude = exclude;
        q.exclude_n = 1;
        OK(blocks_place(k->b, &q, got, &n, &err));
        assert_int_equal(n, 2);
        k->node[3].alive = false;
        kit_pass(k, DATANODE_DEAD_MS + 1000);
        OK(blocks_place(k->b, &q, got, &n, &err));
        assert_int_equal(n, 1);
        assert_int_equal(got[0], 4);
        q.exclude = (const uint32_t[]){1, 2, 3, 4};
        q.exclude_n = 4;
        assert_int_equal(blocks_place(k->b, &q, got, &n, &err), BDFS_UNAVAILABLE);
        q.exclude_n = 3;
        q.bytes = 1000 * GIB;
        assert_int_equal(blocks_place(k->b, &q, got, &n, &err), BDFS_NO_SPACE);
}

static void small_blocks_give_back_the_room_that_was_kept_for_large_ones(void **state)
{
        struct place_request q = {.wanted = 1, .writer_host = "10.0.0.1", .bytes = 128 * MIB};
        uint32_t got[1];
        size_t n = 0;
        struct bdfs_err err;

        (void)state;
        k->node[1].remaining = GIB;
        (void)kit_join(k, 1);
        for (uint64_t i = 0; i < 100; i++) { /* with no heartbeat between them */
                OK(blocks_place(k->b, &q, got, &n, &err));
                kit_block(k, B1 + i, KIT_STAMP, 4096, BLOCK_COMMITTED, 1);
                kit_change(&k->node[1], B1 + i, KIT_STAMP, 4096, KIT_FINALIZED);
                kit_report(k, 1);
        }
        for (int i = 0; i < 8; i++)
                OK(blocks_place(k->b, &q, got, &n, &err));
        assert_int_equal(blocks_place(k->b, &q, got, &n, &err), BDFS_NO_SPACE);
}

static void a_block_that_is_never_written_gives_back_its_room(void **state)
{
        struct place_request q = {.wanted = 2, .writer_host = "10.0.0.1", .bytes = 128 * MIB};
        uint32_t got[2];
        size_t n = 0;
        struct bdfs_err err;

        (void)state;
        for (uint32_t i = 1; i <= 2; i++) {
                k->node[i].remaining = GIB;
                (void)kit_join(k, i);
        }
        for (int i = 0; i < 100; i++) { /* with no heartbeat between them */
                OK(blocks_place(k->b, &q, got, &n, &err));
                assert_int_equal(n, 2);
                blocks_unplace(k->b, got, n);
        }
        for (int i = 0; i < 8; i++)
                OK(blocks_place(k->b, &q, got, &n, &err));
        assert_int_equal(blocks_place(k->b, &q, got, &n, &err), BDFS_NO_SPACE);
        blocks_unplace(k->b, (const uint32_t[]){1, 1000}, 2); /* the second is unknown */
        OK(blocks_place(k->b, &q, got, &n, &err));
        assert_int_equal(n, 1);
        assert_int_equal(got[0], 1);
}

static void sealed_waits_for_enough_live_nodes(void **state)
{
        (void)state;
        kit_block(k, B1, KIT_STAMP, 50, BLOCK_COMMITTED, 3);
        for (uint32_t i = 1; i <= 3; i++)
                (void)kit_join(k, i);
        kit_change(&k->node[1], B1, KIT_STAMP, 50, KIT_FINALIZED);
        kit_change(&k->node[2], B1, KIT_STAMP, 49, KIT_FINALIZED);
        kit_change(&k->node[3], B1, KIT_STAMP, 50, KIT_RECEIVING);
        for (uint32_t i = 1; i <= 3; i++)
                kit_report(k, i);
        assert_true(blocks_sealed(k->b, B1, KIT_STAMP, 50, 1, 0));
        assert_false(blocks_sealed(k->b, B1, KIT_STAMP, 50, 2, os_mono_ms() + 20));
        kit_change(&k->node[3], B1, KIT_STAMP, 50, KIT_FINALIZED);
        kit_report(k, 3);
        assert_true(blocks_sealed(k->b, B1, KIT_STAMP, 50, 2, 0));
        assert_false(blocks_sealed(k->b, B1, KIT_STAMP + 1, 50, 1, 0));
}

static void seal_later(void *arg)
{
        os_sleep_ms(50);
        (void)arg;
        kit_report(k, 1);
}

static void report_wakes_who_waits_for_the_seal(void **state)
{
        struct os_thread *t;
        struct bdfs_err err;
        int64_t before = os_mono_ms();

        (void)state;
        kit_block(k, B1, KIT_STAMP, 50, BLOCK_COMMITTED, 1);
        (void)kit_join(k, 1);
        kit_change(&k->node[1], B1, KIT_STAMP, 50, KIT_FINALIZED);
        OK(os_thread_start(&t, "seal", seal_later, NULL, &err));
        assert_true(blocks_sealed(k->b, B1, KIT_STAMP, 50, 1, before + 20000));
        assert_true(os_mono_ms() - before < 10000);
        os_thread_join(t);
}

static void commands_travel_home_once(void **state)
{
        const uint32_t nodes[] = {1, 2, 9};

        (void)state;
        (void)kit_join(k, 1);
        (void)kit_join(k, 2);
        blocks_stop_writers(k->b, B1, KIT_STAMP, nodes, 3);
        blocks_seal(k->b, B1, KIT_STAMP, KIT_STAMP + 1, 10, nodes, 1);
        blocks_doubt(k->b, B1, KIT_STAMP, 2);
        assert_false(kit_heartbeat(k, 1));
        assert_int_equal(k->stops_n, 1);
        assert_int_equal(k->seals_n, 1);
        assert_int_equal(k->verifies_n, 0);
        assert_false(kit_heartbeat(k, 2));
        assert_int_equal(k->stops_n, 2);
        assert_int_equal(k->verifies_n, 1);
        assert_false(kit_heartbeat(k, 1));
        assert_int_equal(k->stops_n, 2);
        assert_int_equal(k->seals_n, 1);
}

static void nodes_are_described_as_they_are(void **state)
{
        struct node_info all[4], one;

        (void)state;
        (void)kit_join(k, 1);
        (void)kit_join(k, 2);
        assert_int_equal(blocks_nodes(k->b, all, 4), 2);
        assert_string_equal(all[1].uuid, "node-2");
        assert_int_equal(all[1].own_port, 9002);
        assert_int_equal(all[1].capacity, 200 * GIB);
        assert_true(all[1].alive && !all[1].stale);
        assert_false(blocks_node(k->b, 3, &one));
        k->node[2].alive = false;
        kit_pass(k, DATANODE_STALE_MS + 1000);
        assert_true(blocks_node(k->b, 2, &one));
        assert_true(one.alive && one.stale);
        kit_pass(k, DATANODE_DEAD_MS);
        assert_true(blocks_node(k->b, 2, &one));
        assert_false(one.alive);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                T(new_datanodes_get_numbers_and_keep_them),
                T(a_datanode_proves_that_it_has_the_secret_once),
                T(challenges_that_nobody_answers_are_bounded),
                T(a_row_of_an_older_cluster_brings_no_key),
                T(datanode_of_another_cluster_is_refused),
                T(registration_that_makes_no_sense_is_refused),
                T(datanode_with_replicas_sends_them_all_the_first_time),
                T(datanode_that_comes_back_unchanged_sends_nothing),
                T(datanode_that_missed_some_reports_sends_those),
                T(changes_that_do_not_lead_to_the_digest_lead_to_a_full_report),
                T(changes_that_were_forgotten_lead_to_a_full_report),
                T(what_was_being_received_waits_after_the_datanode_was_started_again),
                T(gap_in_the_log_is_refused_and_a_repetition_is_harmless),
                T(reports_of_another_epoch_or_log_are_refused),
                T(deleted_replicas_are_gone),
                T(full_report_in_small_pages_replaces_what_was_known),
                T(changes_between_the_pages_win_over_the_pages),
                T(changes_before_the_first_page_win_too),
                T(picture_older_than_what_was_applied_is_refused_once),
                T(full_report_covers_changes_that_were_forgotten),
                T(page_of_no_running_report_is_refused),
                T(restart_within_a_full_report_begins_it_again),
                T(pages_that_make_no_sense_are_refused),
                T(readers_are_sent_to_the_nearest_good_copy),
                T(equal_copies_keep_their_order_for_a_reader_and_spread_over_readers),
                T(placement_leaves_out_dead_full_and_excluded_nodes),
                T(small_blocks_give_back_the_room_that_was_kept_for_large_ones),
                T(a_block_that_is_never_written_gives_back_its_room),
                T(sealed_waits_for_enough_live_nodes),
                T(report_wakes_who_waits_for_the_seal),
                T(commands_travel_home_once),
                T(nodes_are_described_as_they_are),
        };
#undef T

        return cmocka_run_group_tests(tests, NULL, NULL);
}
