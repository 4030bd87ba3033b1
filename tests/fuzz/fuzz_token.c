/*
 * Any bytes as a block token that a client shows. The first byte says whether the MAC is made right
 * for the body (bit 0), so that what is behind it is reached, and which rights are asked for; the
 * second where identifier and password part. A body that is taken must be made again as the same
 * bytes.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "net/token.h"

#define BLOCK 7
#define NOW 1000

#define MUST(condition)           \
        do {                      \
                if (!(condition)) \
                        abort();  \
        } while (0)

static const struct token_node self = {.number = 3, .key = {'k', 'e', 'y'}};
static const uint8_t cluster[16];

/* One entry, for this node. */
static void authentic_password(struct buf *to, const uint8_t *identifier, size_t n)
{
        uint8_t mac[EVP_MAX_MD_SIZE];
        unsigned mac_n = 0;

        MUST(HMAC(EVP_sha256(), self.key, sizeof(self.key), identifier, n, mac, &mac_n) != NULL);
        buf_u8(to, 1);
        buf_u8(to, 1);
        buf_u32be(to, self.number);
        buf_add(to, mac, TOKEN_MAC_BYTES);
}

static void make_again(const struct token *t, const uint8_t *identifier, size_t n)
{
        struct buf id, password;
        struct bdfs_err err;

        buf_init(&id, 0);
        buf_init(&password, 0);
        if (token_make(t, &self, 1, &id, &password, &err) == BDFS_OK)
                MUST(id.n == n && memcmp(id.data, identifier, n) == 0);
        else
                MUST(t->rights > 7);
        buf_fini(&id);
        buf_fini(&password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        const uint8_t *identifier, *password;
        size_t identifier_n, password_n;
        struct bdfs_err err;
        struct token t;
        struct buf made;
        enum bdfs_status rc;

        if (n < 2)
                return 0;
        identifier = data + 2;
        identifier_n = data[1] < n - 2 ? data[1] : n - 2;
        password = identifier + identifier_n;
        password_n = n - 2 - identifier_n;
        buf_init(&made, 0);
        if ((data[0] & 1) != 0) {
                authentic_password(&made, identifier, identifier_n);
                password = made.data;
                password_n = made.n;
        }
        rc = token_check(&self, cluster, identifier, identifier_n, password, password_n, BLOCK,
                         data[0] >> 5, NOW, &t, &err);
        MUST(rc == BDFS_OK || (rc == BDFS_TOKEN && err.text[0] != '\0'));
        if (rc == BDFS_OK) {
                MUST(t.block == BLOCK && t.expiry_wall_ms > NOW);
                MUST(t.length == TOKEN_LENGTH_OPEN || t.base + t.length >= t.base);
                MUST(((unsigned)data[0] >> 5 & ~(unsigned)t.rights) == 0);
                make_again(&t, identifier, identifier_n);
        }
        buf_fini(&made);
        return 0;
}
