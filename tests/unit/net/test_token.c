#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/token.h"

#define NOW_MS 1700000000000ULL
#define BLOCK 1073741825ULL
#define BODY_BYTES (4 + 5 + 6 * 8 + 16)

struct sample {
        struct token token;
        struct token_node nodes[3];
        struct buf identifier, password;
};

static void sample_init(struct sample *s)
{
        memset(s, 0, sizeof(*s));
        s->token = (struct token){.rights = TOKEN_READ | TOKEN_COPY,
                                  .user = "alice",
                                  .inode = 16386,
                                  .block = BLOCK,
                                  .base = 512,
                                  .length = 1 << 20,
                                  .stamp_floor = 1001,
                                  .expiry_wall_ms = NOW_MS + 600000};
        memset(s->token.cluster, 0xC1, sizeof(s->token.cluster));
        for (unsigned i = 0; i < 3; i++) {
                s->nodes[i].number = 6 + i;
                memset(s->nodes[i].key, 0x30 + (int)i, TOKEN_KEY_BYTES);
        }
        buf_init(&s->identifier, 0);
        buf_init(&s->password, 0);
}

static void sample_fini(struct sample *s)
{
        buf_fini(&s->identifier);
        buf_fini(&s->password);
}

static void sample_make(struct sample *s)
{
        struct bdfs_err err;

        buf_reset(&s->identifier);
        buf_reset(&s->password);
        assert_int_equal(token_make(&s->token, s->nodes, 3, &s->identifier, &s->password, &err),
                         BDFS_OK);
}

static enum bdfs_status check_at(const struct sample *s, unsigned node, uint64_t block,
                                 unsigned rights, uint64_t now_ms, struct token *ret,
                                 struct bdfs_err *err)
{
        return token_check(&s->nodes[node], s->token.cluster, s->identifier.data, s->identifier.n,
                           s->password.data, s->password.n, block, rights, now_ms, ret, err);
}

static void refused(const struct sample *s, unsigned node)
{
        struct bdfs_err err = {0};
        struct token got;

        memset(&got, 0x5A, sizeof(got));
        assert_int_equal(check_at(s, node, BLOCK, TOKEN_READ, NOW_MS, &got, &err), BDFS_TOKEN);
        assert_true(err.text[0] != '\0');
        assert_int_equal(got.rights, 0x5A);
}

static void every_listed_node_accepts_and_sees_what_was_made(void **state)
{
        struct sample s;
        struct bdfs_err err;
        struct token got;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        assert_int_equal(s.identifier.n, BODY_BYTES);
        assert_int_equal(s.password.n, 2 + 3 * 20);
        for (unsigned node = 0; node < 3; node++) {
                memset(&got, 0, sizeof(got));
                assert_int_equal(check_at(&s, node, BLOCK, TOKEN_READ, NOW_MS, &got, &err),
                                 BDFS_OK);
                assert_memory_equal(&got, &s.token, sizeof(got));
        }
        sample_fini(&s);
}

static void body_is_what_the_header_says(void **state)
{
        static const uint8_t head[] = {1, TOKEN_READ | TOKEN_COPY, 0, 5, 'a', 'l', 'i', 'c', 'e',
                                       0, 0, 0, 0, 0, 0, 0x40, 0x02, 0, 0, 0, 0, 0x40, 0, 0, 1};
        struct sample s;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        assert_memory_equal(s.identifier.data, head, sizeof(head));
        assert_memory_equal(s.password.data, "\x01\x03\x00\x00\x00\x06", 6);
        sample_fini(&s);
}

static void every_altered_bit_of_the_body_is_refused(void **state)
{
        struct sample s;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        for (size_t bit = 0; bit < s.identifier.n * 8; bit++) {
                s.identifier.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                for (unsigned node = 0; node < 3; node++)
                        refused(&s, node);
                s.identifier.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        sample_fini(&s);
}

static void every_altered_bit_of_the_own_mac_is_refused(void **state)
{
        struct sample s;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        for (unsigned node = 0; node < 3; node++)
                for (size_t bit = 0; bit < 20 * 8; bit++) {
                        uint8_t *byte = s.password.data + 2 + node * 20 + bit / 8;

                        *byte ^= (uint8_t)(1u << bit % 8);
                        refused(&s, node);
                        *byte ^= (uint8_t)(1u << bit % 8);
                }
        for (size_t bit = 0; bit < 2 * 8; bit++) {
                s.password.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                refused(&s, 0);
                s.password.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        sample_fini(&s);
}

static void every_truncation_is_refused(void **state)
{
        struct sample s;
        size_t whole;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        whole = s.identifier.n;
        for (s.identifier.n = 0; s.identifier.n < whole; s.identifier.n++)
                refused(&s, 1);
        whole = s.password.n;
        for (s.password.n = 0; s.password.n < whole; s.password.n++)
                refused(&s, 1);
        sample_fini(&s);
}

static void every_extension_is_refused(void **state)
{
        struct sample s;
        size_t identifier_n, password_n;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        identifier_n = s.identifier.n;
        password_n = s.password.n;
        for (unsigned i = 0; i < 64; i++) {
                buf_u8(&s.identifier, (uint8_t)i);
                refused(&s, 2);
        }
        s.identifier.n = identifier_n;
        for (unsigned i = 0; i < 64; i++) {
                buf_u8(&s.password, (uint8_t)i);
                refused(&s, 2);
        }
        s.password.n = password_n;
        s.password.data[1]++;
        buf_add(&s.password, s.password.data + 2 + 40, 20);
        refused(&s, 2);
        sample_fini(&s);
}

static void other_node_or_other_key_is_refused(void **state)
{
        struct sample s;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        s.nodes[0].number = 99;
        refused(&s, 0);
        s.nodes[0].number = 7;
        refused(&s, 0);
        s.nodes[1].key[31] ^= 1;
        refused(&s, 1);
        sample_fini(&s);
}

static void other_cluster_is_refused(void **state)
{
        struct sample s;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        s.token.cluster[15] ^= 1;
        refused(&s, 0);
        sample_fini(&s);
}

static void token_lives_until_its_expiry_and_no_longer(void **state)
{
        struct sample s;
        struct bdfs_err err;
        struct token got;
        uint64_t end;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        end = s.token.expiry_wall_ms;
        assert_int_equal(check_at(&s, 0, BLOCK, TOKEN_READ, end - 1, &got, &err), BDFS_OK);
        assert_int_equal(check_at(&s, 0, BLOCK, TOKEN_READ, end, &got, &err), BDFS_TOKEN);
        assert_non_null(strstr(err.text, "expired"));
        assert_int_equal(check_at(&s, 0, BLOCK, TOKEN_READ, UINT64_MAX, &got, &err), BDFS_TOKEN);
        sample_fini(&s);
}

static void every_right_must_be_there(void **state)
{
        struct sample s;
        struct bdfs_err err;
        struct token got;

        (void)state;
        sample_init(&s);
        for (unsigned has = 0; has < 8; has++) {
                s.token.rights = (uint8_t)has;
                sample_make(&s);
                for (unsigned wants = 0; wants < 8; wants++) {
                        enum bdfs_status want = (wants & ~has) == 0 ? BDFS_OK : BDFS_TOKEN;

                        assert_int_equal(check_at(&s, 0, BLOCK, wants, NOW_MS, &got, &err), want);
                }
        }
        assert_int_equal(check_at(&s, 0, BLOCK, 8, NOW_MS, &got, &err), BDFS_TOKEN);
        sample_fini(&s);
}

static void another_block_is_refused(void **state)
{
        struct sample s;
        struct bdfs_err err;
        struct token got;

        (void)state;
        sample_init(&s);
        sample_make(&s);
        assert_int_equal(check_at(&s, 0, BLOCK + 1, TOKEN_READ, NOW_MS, &got, &err), BDFS_TOKEN);
        assert_non_null(strstr(err.text, "1073741825"));
        assert_non_null(strstr(err.text, "1073741826"));
        sample_fini(&s);
}

static void missing_token_is_named(void **state)
{
        struct sample s;
        struct bdfs_err err;
        struct token got;

        (void)state;
        sample_init(&s);
        assert_int_equal(token_check(&s.nodes[0], s.token.cluster, NULL, 0, NULL, 0, BLOCK,
                                     TOKEN_READ, NOW_MS, &got, &err), BDFS_TOKEN);
        assert_non_null(strstr(err.text, "no block token"));
        sample_fini(&s);
}

static void limits_are_statuses(void **state)
{
        static struct token_node nodes[TOKEN_NODES_MAX + 1];
        struct sample s;
        struct bdfs_err err;
        struct token got;

        (void)state;
        sample_init(&s);
        for (uint32_t i = 0; i <= TOKEN_NODES_MAX; i++)
                nodes[i].number = i;
        assert_int_equal(token_make(&s.token, nodes, TOKEN_NODES_MAX + 1, &s.identifier,
                                    &s.password, &err), BDFS_LIMIT);
        assert_int_equal(token_make(&s.token, nodes, TOKEN_NODES_MAX, &s.identifier, &s.password,
                                    &err), BDFS_OK);
        assert_int_equal(token_check(&nodes[TOKEN_NODES_MAX - 1], s.token.cluster,
                                     s.identifier.data, s.identifier.n, s.password.data,
                                     s.password.n, BLOCK, TOKEN_READ, NOW_MS, &got, &err),
                         BDFS_OK);
        s.token.base = UINT64_MAX;
        assert_int_equal(token_make(&s.token, nodes, 1, &s.identifier, &s.password, &err),
                         BDFS_INVALID);
        s.token.base = 0;
        s.token.rights = 0x80;
        assert_int_equal(token_make(&s.token, nodes, 1, &s.identifier, &s.password, &err),
                         BDFS_INVALID);
        s.token.rights = TOKEN_READ;
        memset(s.token.user, 'u', sizeof(s.token.user));
        assert_int_equal(token_make(&s.token, nodes, 1, &s.identifier, &s.password, &err),
                         BDFS_INVALID);
        s.token.user[255] = '\0';
        sample_make(&s);
        assert_int_equal(check_at(&s, 0, BLOCK, TOKEN_READ, NOW_MS, &got, &err), BDFS_OK);
        assert_string_equal(got.user, s.token.user);
        sample_fini(&s);
}

static void open_length_and_holes_survive(void **state)
{
        struct sample s;
        struct bdfs_err err;
        struct token got;

        (void)state;
        sample_init(&s);
        s.token.length = TOKEN_LENGTH_OPEN;
        s.token.flags = TOKEN_HOLE;
        sample_make(&s);
        assert_int_equal(check_at(&s, 2, BLOCK, TOKEN_READ, NOW_MS, &got, &err), BDFS_OK);
        assert_true(got.length == TOKEN_LENGTH_OPEN);
        assert_int_equal(got.flags, TOKEN_HOLE);
        sample_fini(&s);
}

static void full_buffers_are_no_memory(void **state)
{
        struct sample s;
        struct bdfs_err err;

        (void)state;
        sample_init(&s);
        s.identifier.limit = BODY_BYTES - 1;
        assert_int_equal(token_make(&s.token, s.nodes, 3, &s.identifier, &s.password, &err),
                         BDFS_NO_MEMORY);
        buf_reset(&s.identifier);
        buf_reset(&s.password);
        s.identifier.limit = BODY_BYTES;
        s.password.limit = 2 + 3 * 20 - 1;
        assert_int_equal(token_make(&s.token, s.nodes, 3, &s.identifier, &s.password, &err),
                         BDFS_NO_MEMORY);
        sample_fini(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_listed_node_accepts_and_sees_what_was_made),
                cmocka_unit_test(body_is_what_the_header_says),
                cmocka_unit_test(every_altered_bit_of_the_body_is_refused),
                cmocka_unit_test(every_altered_bit_of_the_own_mac_is_refused),
                cmocka_unit_test(every_truncation_is_refused),
                cmocka_unit_test(every_extension_is_refused),
                cmocka_unit_test(other_node_or_other_key_is_refused),
                cmocka_unit_test(other_cluster_is_refused),
                cmocka_unit_test(token_lives_until_its_expiry_and_no_longer),
                cmocka_unit_test(every_right_must_be_there),
                cmocka_unit_test(another_block_is_refused),
                cmocka_unit_test(missing_token_is_named),
                cmocka_unit_test(limits_are_statuses),
                cmocka_unit_test(open_length_and_holes_survive),
                cmocka_unit_test(full_buffers_are_no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
