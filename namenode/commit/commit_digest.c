/* The digest of all tables: what a namenode before and after a restart must agree on. */
#include <openssl/evp.h>

#include "namenode/commit/commit_internal.h"

struct digest {
        EVP_MD_CTX *md;
        bool bad;
};

static void add(struct digest *d, const void *bytes, size_t n)
{
        d->bad = d->bad || EVP_DigestUpdate(d->md, bytes, n) != 1;
}

static void add_u32(struct digest *d, uint32_t v)
{
        uint8_t be[4];

        put_u32be(be, v);
        add(d, be, sizeof(be));
}

static enum bdfs_status add_table(struct digest *d, struct store_txn *t, unsigned table,
                                  struct bdfs_err *err)
{
        const uint8_t *key, *value;
        struct store_cursor *c;
        size_t key_n, n;
        enum bdfs_status rc = store_cursor_open(t, table, &c, err);

        if (rc != BDFS_OK)
                return rc;
        for (rc = store_cursor_seek(c, NULL, 0, err); rc == BDFS_OK;
             rc = store_cursor_next(c, err)) {
                store_cursor_at(c, &key, &key_n, &value, &n);
                add_u32(d, table);
                add_u32(d, (uint32_t)key_n);
                add_u32(d, (uint32_t)n);
                add(d, key, key_n);
                add(d, value, n);
        }
        store_cursor_close(c);
        return rc == BDFS_NOT_FOUND ? BDFS_OK : rc;
}

static enum bdfs_status add_all(struct digest *d, struct store_txn *t, size_t tables,
                                uint8_t ret[32], struct bdfs_err *err)
{
        enum bdfs_status rc = BDFS_OK;

        d->bad = d->md == NULL || EVP_DigestInit_ex(d->md, EVP_sha256(), NULL) != 1;
        for (unsigned i = 0; rc == BDFS_OK && !d->bad && i < tables; i++)
                rc = add_table(d, t, i, err);
        if (rc != BDFS_OK)
                return rc;
        if (d->bad || EVP_DigestFinal_ex(d->md, ret, NULL) != 1)
                return bdfs_fail(err, BDFS_NO_MEMORY, "digest: out of memory");
        return BDFS_OK;
}

enum bdfs_status commit_digest(struct commit *c, uint8_t ret[32], uint64_t *ret_index,
                               struct bdfs_err *err)
{
        struct commit_applied applied;
        struct digest d = {.md = NULL};
        struct store_txn *t;
        enum bdfs_status rc = store_begin_read(c->config.store, &t, err);

        if (rc != BDFS_OK)
                return rc;
        rc = commit_applied_get(t, &applied, err);
        if (rc == BDFS_OK) {
                d.md = EVP_MD_CTX_new();
                rc = add_all(&d, t, store_tables(c->config.store), ret, err);
                EVP_MD_CTX_free(d.md);
        }
        store_abort(t);
        if (rc == BDFS_OK)
                *ret_index = applied.index;
        return rc;
}
