#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/bytes.h"
#include "common/os.h"
#include "proto/replica_digest.h"

static const struct replica_digest empty;

static void siphash_of_openssl(const uint8_t *in, size_t n, uint8_t ret[16])
{
        uint8_t key[] = "bdfs-replica-set";
        size_t size = 16, out_n = 0;
        OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                               OSSL_PARAM_construct_end()};
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
        EVP_MAC_CTX *ctx;

        assert_non_null(mac);
        ctx = EVP_MAC_CTX_new(mac);
        assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
        assert_int_equal(EVP_MAC_update(ctx, in, n), 1);
        assert_int_equal(EVP_MAC_final(ctx, ret, &out_n, 16), 1);
        assert_int_equal(out_n, 16);
        EVP_MAC_CTX_free(ctx);
        EVP_MAC_free(mac);
}

static void one_replica_hashes_as_openssl_says(void **state)
{
        static const uint64_t rows[][3] = {
                {0, 0, 0}, {1073741825, 1001, 134217728}, {UINT64_MAX, UINT64_MAX, UINT64_MAX}};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                struct replica_digest d = empty;
                uint8_t expected[16], got[16];
                struct buf in;

                buf_init(&in, 0);
                buf_u64be(&in, rows[i][0]);
                buf_u64be(&in, rows[i][1]);
                buf_u64be(&in, rows[i][2]);
                siphash_of_openssl(in.data, in.n, expected);
                replica_digest_add(&d, rows[i][0], rows[i][1], rows[i][2]);
                replica_digest_encode(&d, got);
                assert_memory_equal(got, expected, 16);
                buf_fini(&in);
        }
}

static void order_does_not_matter_and_removing_undoes_adding(void **state)
{
        struct replica_digest up = empty, down = empty;

        (void)state;
        for (uint64_t i = 0; i < 1000; i++)
                replica_digest_add(&up, i, 1001, i * 512);
        for (uint64_t i = 1000; i > 0; i--)
                replica_digest_add(&down, i - 1, 1001, (i - 1) * 512);
        assert_true(replica_digest_equal(&up, &down));
        assert_false(replica_digest_equal(&up, &empty));
        for (uint64_t i = 0; i < 1000; i += 2)
                replica_digest_remove(&up, i, 1001, i * 512);
        for (uint64_t i = 1; i < 1000; i += 2)
                replica_digest_remove(&up, i, 1001, i * 512);
        assert_true(replica_digest_equal(&up, &empty));
}

static void each_of_block_stamp_and_length_counts(void **state)
{
        struct replica_digest d[4] = {empty, empty, empty, empty};

        (void)state;
        replica_digest_add(&d[0], 5, 6, 7);
        replica_digest_add(&d[1], 6, 6, 7);
        replica_digest_add(&d[2], 5, 7, 7);
        replica_digest_add(&d[3], 5, 6, 8);
        for (int i = 0; i < 4; i++)
                for (int k = i + 1; k < 4; k++)
                        assert_false(replica_digest_equal(&d[i], &d[k]));
}

static void encoded_digests_come_back_and_other_sizes_do_not(void **state)
{
        struct replica_digest d = {.high = 0x0102030405060708ULL, .low = 0x090a0b0c0d0e0f10ULL};
        struct replica_digest back = empty;
        uint8_t bytes[17] = {0};

        (void)state;
        replica_digest_encode(&d, bytes);
        for (int i = 0; i < 16; i++)
                assert_int_equal(bytes[i], i + 1);
        assert_true(replica_digest_decode(bytes, 16, &back));
        assert_true(replica_digest_equal(&d, &back));
        assert_false(replica_digest_decode(bytes, 15, &back));
        assert_false(replica_digest_decode(bytes, 17, &back));
        assert_false(replica_digest_decode(NULL, 0, &back));
}

static void carries_go_from_the_low_to_the_high_half(void **state)
{
        struct replica_digest d = {.high = 1, .low = UINT64_MAX}, e;

        (void)state;
        e = d;
        for (uint64_t i = 0; i < 64; i++) {
                replica_digest_add(&e, i, i, i);
                replica_digest_remove(&e, i, i, i);
                assert_true(replica_digest_equal(&d, &e));
        }
}

static void a_million_are_summed_quickly(void **state)
{
        struct replica_digest d = empty;
        int64_t before = os_mono_us();

        (void)state;
        for (uint64_t i = 0; i < 1000000; i++)
                replica_digest_add(&d, 1073741825 + i, 1001, 134217728);
        print_message("a million replicas: %lld us\n", (long long)(os_mono_us() - before));
        assert_false(replica_digest_equal(&d, &empty));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_replica_hashes_as_openssl_says),
                cmocka_unit_test(order_does_not_matter_and_removing_undoes_adding),
                cmocka_unit_test(each_of_block_stamp_and_length_counts),
                cmocka_unit_test(encoded_digests_come_back_and_other_sizes_do_not),
                cmocka_unit_test(carries_go_from_the_low_to_the_high_half),
                cmocka_unit_test(a_million_are_summed_quickly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
