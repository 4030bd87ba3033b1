#include "net/cluster_secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <stdio.h>
#include <string.h>

#define OTHERS 077
#define LABEL_BYTES_MAX 128
#define UUID_BYTES_MAX 63
#define WHAT_TO_DO "`bdfs cluster up --dir DIR` makes one and names it to every daemon; by hand: " \
                   "a file of mode 0600 with 64 hexadecimal digits, the same for all daemons"

/* ---- the file ------------------------------------------------------------------------------ */

static int digit(char c)
{
        static const char digits[] = "0123456789abcdef";
        const char *at = c == '\0' ? NULL : strchr(digits, c);

        return at == NULL ? -1 : (int)(at - digits);
}

static bool parse(const char *text, size_t n, uint8_t ret[CLUSTER_SECRET_BYTES])
{
        if (n == CLUSTER_SECRET_FILE_BYTES && text[n - 1] == '\n')
                n--;
        if (n != 2 * CLUSTER_SECRET_BYTES)
                return false;
        for (size_t i = 0; i < CLUSTER_SECRET_BYTES; i++) {
                int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                ret[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

static enum bdfs_status check_rights(struct os_file *f, const char *path, struct bdfs_err *err)
{
        struct os_stat st;
        enum bdfs_status rc = os_file_stat(f, &st, err);

        if (rc != BDFS_OK)
                return rc;
        if (st.uid != os_own_uid() && st.uid != 0)
                return bdfs_fail(err, BDFS_PERMISSION, "secret: %s belongs to uid %u, not to the "
                                 "one that this daemon runs as (%u)", path, (unsigned)st.uid,
                                 (unsigned)os_own_uid());
        if ((st.mode & OTHERS) != 0)
                return bdfs_fail(err, BDFS_PERMISSION, "secret: others may use %s (mode %04o): "
                                 "make it 0600; if they could read it, replace it", path,
                                 (unsigned)st.mode & 07777);
        return BDFS_OK;
}

enum bdfs_status cluster_secret_load(uint8_t ret[CLUSTER_SECRET_BYTES], const char *path,
                                     struct bdfs_err *err)
{
        char text[CLUSTER_SECRET_FILE_BYTES + 1];
        struct os_file *f;
        enum bdfs_status rc;
        size_t n = 0;

        if (path[0] == '\0')
                return bdfs_fail(err, BDFS_INVALID,
                                 "secret: the configuration names no file with the cluster's "
                                 "secret; " WHAT_TO_DO);
        rc = os_file_open(&f, path, OS_READ, err);
        if (rc != BDFS_OK)
                return bdfs_wrap(err, "secret (" WHAT_TO_DO ")");
        rc = check_rights(f, path, err);
        if (rc == BDFS_OK)
                rc = os_file_read(f, 0, text, sizeof(text), &n, err);
        BDFS_IGNORE(os_file_close(f, NULL)); /* it was only read */
        if (rc == BDFS_OK && !parse(text, n, ret))
                rc = bdfs_fail(err, BDFS_INVALID, "secret: %s is not 64 hexadecimal digits; "
                               WHAT_TO_DO, path);
        OPENSSL_cleanse(text, sizeof(text));
        return rc;
}

void cluster_secret_make(char ret[CLUSTER_SECRET_FILE_BYTES + 1])
{
        static const char digits[] = "0123456789abcdef";
        uint8_t bytes[CLUSTER_SECRET_BYTES];

        os_random(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++) {
                ret[2 * i] = digits[bytes[i] >> 4];
                ret[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret[2 * sizeof(bytes)] = '\n';
        ret[CLUSTER_SECRET_FILE_BYTES] = '\0';
        OPENSSL_cleanse(bytes, sizeof(bytes));
}

/* ---- what is derived ----------------------------------------------------------------------- */

static bool hkdf(const uint8_t secret[CLUSTER_SECRET_BYTES], const uint8_t *cluster,
                 const char *label, uint8_t *ret, size_t ret_n)
{
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
        EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
        char digest[] = "SHA256";
        OSSL_PARAM params[] = {
                OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, sizeof(digest) - 1),
                OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
                                        CLUSTER_SECRET_BYTES),
                OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)cluster,
                                        CLUSTER_ID_BYTES),
                OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label,
                                        strlen(label)),
                OSSL_PARAM_END,
        };
        bool good = ctx != NULL && EVP_KDF_derive(ctx, ret, ret_n, params) > 0;

        EVP_KDF_CTX_free(ctx);
        EVP_KDF_free(kdf);
        return good;
}

enum bdfs_status cluster_node_key(const uint8_t secret[CLUSTER_SECRET_BYTES],
                                  const uint8_t cluster[CLUSTER_ID_BYTES], const char *uuid,
                                  uint8_t ret[TOKEN_KEY_BYTES], struct bdfs_err *err)
{
        char label[LABEL_BYTES_MAX];

        BDFS_ASSERT(strlen(uuid) <= UUID_BYTES_MAX);
        (void)snprintf(label, sizeof(label), "bdfs 1 tokens of datanode %s", uuid);
        if (!hkdf(secret, cluster, label, ret, TOKEN_KEY_BYTES))
                return bdfs_fail(err, BDFS_NO_MEMORY, "datanode %s: its key cannot be derived",
                                 uuid);
        return BDFS_OK;
}

enum bdfs_status cluster_proof(const uint8_t secret[CLUSTER_SECRET_BYTES], enum proof_side side,
                               const struct proof_subject *subject, uint8_t ret[PROOF_BYTES],
                               struct bdfs_err *err)
{
        uint8_t key[PROOF_BYTES], body[2 + UUID_BYTES_MAX + 2 * PROOF_NONCE_BYTES];
        size_t uuid_n = strlen(subject->uuid), n = 2 + uuid_n;
        unsigned ret_n = 0;
        bool good;

        if (uuid_n > UUID_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "datanode's uuid of %zu bytes", uuid_n);
        body[0] = (uint8_t)side;
        body[1] = (uint8_t)uuid_n;
        memcpy(body + 2, subject->uuid, uuid_n);
        memcpy(body + n, subject->namenode, PROOF_NONCE_BYTES);
        memcpy(body + n + PROOF_NONCE_BYTES, subject->datanode, PROOF_NONCE_BYTES);
        n += 2 * PROOF_NONCE_BYTES;
        good = hkdf(secret, subject->cluster, "bdfs 1 proofs at registration", key,
                    sizeof(key)) &&
               HMAC(EVP_sha256(), key, sizeof(key), body, n, ret, &ret_n) != NULL;
        OPENSSL_cleanse(key, sizeof(key));
        if (!good)
                return bdfs_fail(err, BDFS_NO_MEMORY, "datanode %s: no proof can be computed",
                                 subject->uuid);
        BDFS_ASSERT(ret_n == PROOF_BYTES);
        return BDFS_OK;
}

enum bdfs_status cluster_proof_check(const uint8_t secret[CLUSTER_SECRET_BYTES],
                                     enum proof_side side, const struct proof_subject *subject,
                                     const ProtobufCBinaryData *shown, struct bdfs_err *err)
{
        uint8_t proof[PROOF_BYTES];
        enum bdfs_status rc = cluster_proof(secret, side, subject, proof, err);

        if (rc != BDFS_OK)
                return rc;
        if (shown->len != PROOF_BYTES || CRYPTO_memcmp(shown->data, proof, PROOF_BYTES) != 0)
                return bdfs_fail(err, BDFS_PERMISSION,
                                 "the %s does not have this cluster's secret: both must name the "
                                 "same file as `secret`",
                                 side == PROOF_NAMENODE ? "namenode" : "datanode");
        return BDFS_OK;
}
