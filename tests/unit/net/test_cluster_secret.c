#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/cluster_secret.h"

static uint8_t secret[CLUSTER_SECRET_BYTES] = {1, 2, 3}, cluster[CLUSTER_ID_BYTES] = {4, 5};
static uint8_t first[PROOF_NONCE_BYTES] = {6}, second[PROOF_NONCE_BYTES] = {7};
static struct bdfs_err err;

/* openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:0102030000... -kdfopt
 * hexsalt:0405000... -kdfopt info:'bdfs 1 tokens of datanode node-1' HKDF */
static void keys_are_hkdf_of_the_secret(void **state)
{
        static const uint8_t wanted[TOKEN_KEY_BYTES] = {
                0xde, 0x6a, 0xd7, 0xfa, 0x07, 0xa2, 0xe0, 0x7b, 0x98, 0x45, 0xac, 0x8c,
                0xcf, 0x39, 0x73, 0x53, 0x09, 0x98, 0x57, 0xee, 0x39, 0xd9, 0x69, 0x81,
                0x8e, 0x37, 0xa3, 0x1a, 0xb6, 0x1b, 0x6e, 0xca};
        uint8_t key[TOKEN_KEY_BYTES];

        (void)state;
        assert_int_equal(cluster_node_key(secret, cluster, "node-1", key, &err), BDFS_OK);
        assert_memory_equal(key, wanted, sizeof(key));
}

static void each_datanode_cluster_and_secret_has_its_own_key(void **state)
{
        uint8_t key[TOKEN_KEY_BYTES], other[TOKEN_KEY_BYTES];

        (void)state;
        assert_int_equal(cluster_node_key(secret, cluster, "node-1", key, &err), BDFS_OK);
        assert_int_equal(cluster_node_key(secret, cluster, "node-2", other, &err), BDFS_OK);
        assert_memory_not_equal(key, other, sizeof(key));
        cluster[15] ^= 1;
        assert_int_equal(cluster_node_key(secret, cluster, "node-1", other, &err), BDFS_OK);
        cluster[15] ^= 1;
        assert_memory_not_equal(key, other, sizeof(key));
        secret[31] ^= 1;
        assert_int_equal(cluster_node_key(secret, cluster, "node-1", other, &err), BDFS_OK);
        secret[31] ^= 1;
        assert_memory_not_equal(key, other, sizeof(key));
}

/* One side's proof is none of the other's, of another node, or with another nonce. */
static void a_proof_is_good_for_what_it_was_made_for(void **state)
{
        struct proof_subject s = {cluster, "node-1", first, second}, other = s;
        uint8_t proof[PROOF_BYTES];
        ProtobufCBinaryData shown = {sizeof(proof), proof};

        (void)state;
        assert_int_equal(cluster_proof(secret, PROOF_NAMENODE, &s, proof, &err), BDFS_OK);
        assert_int_equal(cluster_proof_check(secret, PROOF_NAMENODE, &s, &shown, &err), BDFS_OK);
        assert_int_equal(cluster_proof_check(secret, PROOF_DATANODE, &s, &shown, &err),
                         BDFS_PERMISSION);
        other.uuid = "node-2";
        assert_int_equal(cluster_proof_check(secret, PROOF_NAMENODE, &other, &shown, &err),
                         BDFS_PERMISSION);
        other = (struct proof_subject){cluster, "node-1", second, first};
        assert_int_equal(cluster_proof_check(secret, PROOF_NAMENODE, &other, &shown, &err),
                         BDFS_PERMISSION);
        shown.len--;
        assert_int_equal(cluster_proof_check(secret, PROOF_NAMENODE, &s, &shown, &err),
                         BDFS_PERMISSION);
        shown.len++;
        for (size_t i = 0; i < 8 * sizeof(proof); i++) {
                proof[i / 8] ^= (uint8_t)(1u << i % 8);
                assert_int_equal(cluster_proof_check(secret, PROOF_NAMENODE, &s, &shown, &err),
                                 BDFS_PERMISSION);
                proof[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        secret[0] ^= 1;
        assert_int_equal(cluster_proof_check(secret, PROOF_NAMENODE, &s, &shown, &err),
                         BDFS_PERMISSION);
        secret[0] ^= 1;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void only_a_whole_file_of_ones_own_is_taken(void **state)
{
        static const char *const bad[] = {"", "\n", "00", "zz"};
        char dir[] = "/tmp/test_secret.XXXXXX", path[64];
        char good[CLUSTER_SECRET_FILE_BYTES + 1], text[200];
        uint8_t got[CLUSTER_SECRET_BYTES];

        (void)state;
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof(path), "%s/secret", dir);
        cluster_secret_make(good);
        write_file(path, good, 0600);
        assert_int_equal(cluster_secret_load(got, path, &err), BDFS_OK);
        for (size_t i = 0; i < sizeof(got); i++) {
                (void)snprintf(text, sizeof(text), "%02x", got[i]);
                assert_memory_equal(text, good + 2 * i, 2);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                write_file(path, bad[i], 0600);
                assert_int_equal(cluster_secret_load(got, path, &err), BDFS_INVALID);
        }
        (void)snprintf(text, sizeof(text), "%s0", good); /* too long */
        write_file(path, text, 0600);
        assert_int_equal(cluster_secret_load(got, path, &err), BDFS_INVALID);
        write_file(path, good, 0604);
        assert_int_equal(cluster_secret_load(got, path, &err), BDFS_PERMISSION);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(cluster_secret_load(got, path, &err), BDFS_NOT_FOUND);
        assert_int_equal(cluster_secret_load(got, "", &err), BDFS_INVALID);
        assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_are_hkdf_of_the_secret),
                cmocka_unit_test(each_datanode_cluster_and_secret_has_its_own_key),
                cmocka_unit_test(a_proof_is_good_for_what_it_was_made_for),
                cmocka_unit_test(only_a_whole_file_of_ones_own_is_taken),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
