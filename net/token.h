/*
 * token.h - block access tokens (DESIGN D6, the form before sealing): what a datanode serves.
 *
 * The namenode makes a token for a block (or a hole) that names user, inode, block, byte range,
 * lowest acceptable generation stamp, rights and expiry, with one MAC (HMAC-SHA-256, cut to 16
 * bytes) per datanode that may be shown it, each under that datanode's own key. On the wire it is
 * Hadoop's TokenProto: identifier = the body, password = the list of (node number, MAC), kind
 * HDFS_BLOCK_TOKEN, service "". Clients echo it unread; datanodes forward it unchanged.
 *
 * Body, big endian: u8 version 1, u8 rights, u8 flags, u8 user length, user bytes, u64 inode,
 * u64 block, u64 base, u64 length, u64 stamp floor, u64 expiry (wall clock ms), 16 bytes cluster
 * id.
 * Password: u8 version 1, u8 count, count times (u32 node number, 16 bytes MAC over the body).
 *
 * Threads: pure functions.
 * Errors:  TOKEN: absent, altered, expired, foreign, or lacking a right; the text says which.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/err.h"

#define TOKEN_KEY_BYTES 32
#define TOKEN_MAC_BYTES 16
#define TOKEN_NODES_MAX 255
#define TOKEN_KIND "HDFS_BLOCK_TOKEN"
#define TOKEN_LENGTH_OPEN UINT64_MAX /* no upper bound yet: the block is under construction */

enum token_rights { TOKEN_READ = 1, TOKEN_WRITE = 2, TOKEN_COPY = 4 };
enum token_flags { TOKEN_HOLE = 1 }; /* no block: the range reads as zeros */

struct token {
        uint8_t rights, flags;
        char user[256];
        uint64_t inode;
        uint64_t block;
        uint64_t base;    /* where the client's offset 0 lies in the block */
        uint64_t length;  /* bytes from base that may be read, or TOKEN_LENGTH_OPEN */
        uint64_t stamp_floor;
        uint64_t expiry_wall_ms;
        uint8_t cluster[16];
};

struct token_node {
        uint32_t number; /* the namenode's number of the datanode */
        uint8_t key[TOKEN_KEY_BYTES];
};

/* Append the body to @ret_identifier and the MACs for @nodes to @ret_password. */
enum bdfs_status token_make(const struct token *t, const struct token_node *nodes, size_t nodes_n,
                            struct buf *ret_identifier, struct buf *ret_password,
                            struct bdfs_err *err) BDFS_MUST_CHECK;

/* What a datanode does with a token it was shown: find its MAC, compare in constant time, decode,
 * check cluster, expiry, that all of @rights are there, and the block. (Range and stamp are
 * checked by the caller, who knows them later.) */
enum bdfs_status token_check(const struct token_node *self, const uint8_t cluster[16],
                             const uint8_t *identifier, size_t identifier_n,
                             const uint8_t *password, size_t password_n, uint64_t block,
                             unsigned rights, uint64_t now_wall_ms, struct token *ret,
                             struct bdfs_err *err) BDFS_MUST_CHECK;
