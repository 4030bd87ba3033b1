/*
 * cluster_secret.h - what the daemons of a cluster know and nobody else: 32 bytes in a file of mode
 * 0600 that `bdfs cluster up` makes. It never travels, nor does what is derived from it.
 *
 * Derived by HKDF-SHA-256 (salt: the cluster's id), so that one cannot be had from another:
 *      a datanode's key     MACs of the tokens for it (token.h); of its uuid
 *      the key of proofs    shows that one has the secret, without showing it
 *
 * A proof is HMAC-SHA-256 over who proves (namenode or datanode), the datanode's uuid, and both
 * sides' nonces: it says nothing to anybody else and cannot be shown a second time.
 *
 * Threads: pure functions, but for the file.
 * Errors:  INVALID (no file is named, or it is none), PERMISSION (others may read it, or it is
 *          another user's), by errno; each with what to do. NO_MEMORY.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "common/os.h"
#include "net/token.h"

#define CLUSTER_SECRET_BYTES 32
#define CLUSTER_SECRET_FILE_BYTES 65 /* in hexadecimal, and a newline */
#define CLUSTER_ID_BYTES 16
#define PROOF_NONCE_BYTES 16
#define PROOF_BYTES 32

/* @path "": none is named. */
enum bdfs_status cluster_secret_load(uint8_t ret[CLUSTER_SECRET_BYTES], const char *path,
                                     struct bdfs_err *err) BDFS_MUST_CHECK;
/* A new one, as the file has it; the caller writes it. */
void cluster_secret_make(char ret[CLUSTER_SECRET_FILE_BYTES + 1]);

enum bdfs_status cluster_node_key(const uint8_t secret[CLUSTER_SECRET_BYTES],
                                  const uint8_t cluster[CLUSTER_ID_BYTES], const char *uuid,
                                  uint8_t ret[TOKEN_KEY_BYTES], struct bdfs_err *err)
        BDFS_MUST_CHECK;

enum proof_side { PROOF_NAMENODE, PROOF_DATANODE };
struct proof_subject {
        const uint8_t *cluster;  /* CLUSTER_ID_BYTES */
        const char *uuid;        /* of the datanode */
        const uint8_t *namenode; /* its nonce, PROOF_NONCE_BYTES */
        const uint8_t *datanode; /* its nonce, PROOF_NONCE_BYTES */
};
enum bdfs_status cluster_proof(const uint8_t secret[CLUSTER_SECRET_BYTES], enum proof_side side,
                               const struct proof_subject *subject, uint8_t ret[PROOF_BYTES],
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* In constant time; PERMISSION when @shown is not that proof. */
enum bdfs_status cluster_proof_check(const uint8_t secret[CLUSTER_SECRET_BYTES],
                                     enum proof_side side, const struct proof_subject *subject,
                                     const ProtobufCBinaryData *shown, struct bdfs_err *err)
        BDFS_MUST_CHECK;
