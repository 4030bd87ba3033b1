#include "net/token.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define TOKEN_VERSION 1
#define TOKEN_USER_BYTES_MAX 255
#define TOKEN_RIGHTS_ALL (TOKEN_READ | TOKEN_WRITE | TOKEN_COPY)
#define PASSWORD_ENTRY_BYTES (4 + TOKEN_MAC_BYTES)

static bool token_range_fits(const struct token *t)
{
        return t->length == TOKEN_LENGTH_OPEN || t->length <= UINT64_MAX - t->base;
}

static enum bdfs_status token_mac(const uint8_t key[TOKEN_KEY_BYTES], const uint8_t *body,
                                  size_t body_n, uint8_t ret[TOKEN_MAC_BYTES],
                                  struct bdfs_err *err)
{
        uint8_t full[EVP_MAX_MD_SIZE];
        unsigned full_n = 0;

        if (HMAC(EVP_sha256(), key, TOKEN_KEY_BYTES, body, body_n, full, &full_n) == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "block token: the MAC cannot be computed");
        BDFS_ASSERT(full_n >= TOKEN_MAC_BYTES);
        memcpy(ret, full, TOKEN_MAC_BYTES);
        return BDFS_OK;
}

static void body_encode(const struct token *t, size_t user_n, struct buf *to)
{
        buf_u8(to, TOKEN_VERSION);
        buf_u8(to, t->rights);
        buf_u8(to, t->flags);
        buf_u8(to, (uint8_t)user_n);
        buf_add(to, t->user, user_n);
        buf_u64be(to, t->inode);
        buf_u64be(to, t->block);
        buf_u64be(to, t->base);
        buf_u64be(to, t->length);
        buf_u64be(to, t->stamp_floor);
        buf_u64be(to, t->expiry_wall_ms);
        buf_add(to, t->cluster, sizeof(t->cluster));
}

static bool body_decode(const uint8_t *identifier, size_t n, struct token *ret)
{
        struct rd r = rd_of(identifier, n);
        const uint8_t *bytes;
        struct token t = {0};
        uint8_t version, user_n;

        version = rd_u8(&r);
        t.rights = rd_u8(&r);
        t.flags = rd_u8(&r);
        user_n = rd_u8(&r);
        bytes = rd_bytes(&r, user_n);
        if (bytes != NULL)
                memcpy(t.user, bytes, user_n);
        t.inode = rd_u64be(&r);
        t.block = rd_u64be(&r);
        t.base = rd_u64be(&r);
        t.length = rd_u64be(&r);
        t.stamp_floor = rd_u64be(&r);
        t.expiry_wall_ms = rd_u64be(&r);
        bytes = rd_bytes(&r, sizeof(t.cluster));
        if (bytes != NULL)
                memcpy(t.cluster, bytes, sizeof(t.cluster));
        if (!rd_done(&r) || version != TOKEN_VERSION || strlen(t.user) != user_n ||
            !token_range_fits(&t))
                return false;
        *ret = t;
        return true;
}

enum bdfs_status token_make(const struct token *t, const struct token_node *nodes, size_t nodes_n,
                            struct buf *ret_identifier, struct buf *ret_password,
                            struct bdfs_err *err)
{
        size_t user_n = strnlen(t->user, sizeof(t->user));
        size_t body_at = ret_identifier->n;

        if (user_n > TOKEN_USER_BYTES_MAX)
                return bdfs_fail(err, BDFS_INVALID, "block token: user name is too long");
        if (nodes_n > TOKEN_NODES_MAX)
                return bdfs_fail(err, BDFS_LIMIT, "block token: %zu datanodes, at most %d",
                                 nodes_n, TOKEN_NODES_MAX);
        if ((t->rights & ~TOKEN_RIGHTS_ALL) != 0 || !token_range_fits(t))
                return bdfs_fail(err, BDFS_INVALID,
                                 "block token: rights 0x%x or range %" PRIu64 "+%" PRIu64
                                 " make no sense", t->rights, t->base, t->length);
        body_encode(t, user_n, ret_identifier);
        buf_u8(ret_password, TOKEN_VERSION);
        buf_u8(ret_password, (uint8_t)nodes_n);
        if (ret_identifier->bad || ret_password->bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "block token: no memory");
        for (size_t i = 0; i < nodes_n; i++) {
                uint8_t mac[TOKEN_MAC_BYTES];
                enum bdfs_status status = token_mac(nodes[i].key, ret_identifier->data + body_at,
                                                    ret_identifier->n - body_at, mac, err);

                if (status != BDFS_OK)
                        return status;
                buf_u32be(ret_password, nodes[i].number);
                buf_add(ret_password, mac, sizeof(mac));
        }
        if (ret_password->bad)
                return bdfs_fail(err, BDFS_NO_MEMORY, "block token: no memory");
        return BDFS_OK;
}

/* NULL: malformed, this node is not listed, or it is listed twice; *@ret_why says which. */
static const uint8_t *password_find(uint32_t number, const uint8_t *password, size_t n,
                                    const char **ret_why)
{
        struct rd r = rd_of(password, n);
        uint8_t version = rd_u8(&r), count = rd_u8(&r);
        const uint8_t *found = NULL;

        *ret_why = "its password is malformed";
        if (r.bad || version != TOKEN_VERSION ||
            rd_left(&r) != count * (size_t)PASSWORD_ENTRY_BYTES)
                return NULL;
        for (unsigned i = 0; i < count; i++) {
                uint32_t entry = rd_u32be(&r);
                const uint8_t *mac = rd_bytes(&r, TOKEN_MAC_BYTES);

                if (entry != number)
                        continue;
                if (found != NULL)
                        return NULL;
                found = mac;
        }
        *ret_why = "it was not made for this datanode";
        return found;
}

static enum bdfs_status token_authentic(const struct token_node *self, const uint8_t *identifier,
                                        size_t identifier_n, const uint8_t *password,
                                        size_t password_n, struct bdfs_err *err)
{
        uint8_t mac[TOKEN_MAC_BYTES];
        const uint8_t *shown;
        const char *why;
        enum bdfs_status status;

        if (identifier_n == 0)
                return bdfs_fail(err, BDFS_TOKEN, "no block token was shown");
        shown = password_find(self->number, password, password_n, &why);
        if (shown == NULL)
                return bdfs_fail(err, BDFS_TOKEN, "block token refused: %s (number %" PRIu32 ")",
                                 why, self->number);
        status = token_mac(self->key, identifier, identifier_n, mac, err);
        if (status != BDFS_OK)
                return status;
        if (CRYPTO_memcmp(mac, shown, sizeof(mac)) != 0)
                return bdfs_fail(err, BDFS_TOKEN,
                                 "block token refused: its MAC does not match, so it was altered "
                                 "or made under another key");
        return BDFS_OK;
}

static const char *rights_text(unsigned rights)
{
        if (rights & TOKEN_WRITE)
                return "write";
        if (rights & TOKEN_COPY)
                return "copy";
        return "read";
}

enum bdfs_status token_check(const struct token_node *self, const uint8_t cluster[16],
                             const uint8_t *identifier, size_t identifier_n,
                             const uint8_t *password, size_t password_n, uint64_t block,
                             unsigned rights, uint64_t now_wall_ms, struct token *ret,
                             struct bdfs_err *err)
{
        struct token t;
        enum bdfs_status status = token_authentic(self, identifier, identifier_n, password,
                                                  password_n, err);

        if (status != BDFS_OK)
                return status;
        if (!body_decode(identifier, identifier_n, &t))
                return bdfs_fail(err, BDFS_TOKEN, "block token refused: its body is malformed");
        if (memcmp(t.cluster, cluster, sizeof(t.cluster)) != 0)
                return bdfs_fail(err, BDFS_TOKEN, "block token refused: it is of another cluster");
        if (now_wall_ms >= t.expiry_wall_ms)
                return bdfs_fail(err, BDFS_TOKEN,
                                 "block token of user %s for block %" PRIu64 " expired %" PRIu64
                                 " ms ago; ask the namenode for a new one", t.user, t.block,
                                 now_wall_ms - t.expiry_wall_ms);
        if (t.block != block)
                return bdfs_fail(err, BDFS_TOKEN,
                                 "block token of user %s is for block %" PRIu64 ", not for block %"
                                 PRIu64, t.user, t.block, block);
        if ((rights & ~(unsigned)t.rights) != 0)
                return bdfs_fail(err, BDFS_TOKEN,
                                 "block token of user %s for block %" PRIu64
                                 " lacks the right to %s", t.user, t.block,
                                 rights_text(rights & ~(unsigned)t.rights));
        *ret = t;
        return BDFS_OK;
}
