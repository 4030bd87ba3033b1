/*
 * identity.h - who is calling, and in which groups (DESIGN D1).
 *
 * The kernel says which uid is at the other end. A caller may claim the name of that uid; root may
 * claim any name, a listed gateway uid any but a superuser's: a name of uid 0 or of the owner's
 * uid, or of a member of the supergroup. Groups are the host's, looked up through the seam and
 * kept for IDENTITY_CACHE_MS.
 *
 * Owner:   struct identity belongs to a daemon and is shared by its threads.
 * Threads: any; one lock inside.
 * Errors:  PERMISSION with what was claimed and who really asks.
 */
#pragma once

#include "common/os.h"

#define IDENTITY_CACHE_MS 30000
#define IDENTITY_GATEWAYS_MAX 64

struct identity;

struct caller {
        char user[OS_NAME_BYTES]; /* the name that every check uses */
        char real[OS_NAME_BYTES]; /* name of the uid that owns the socket; differs for a gateway */
        uid_t uid;                /* by the kernel's word */
        bool is_owner;            /* uid owns the cluster and claimed no other name */
};

/* @owner: the uid that the daemon runs as, which owns the cluster's directory. */
enum bdfs_status identity_new(struct identity **ret, uid_t owner, const uid_t *gateways,
                              size_t gateways_n, struct bdfs_err *err) BDFS_MUST_CHECK;
void identity_free(struct identity *id);
uid_t identity_owner(const struct identity *id);
/* Its members are superusers too; before the first caller. @group is copied. */
void identity_set_supergroup(struct identity *id, const char *group);

/* @claimed NULL or "": no claim, the caller is its uid's own name. */
enum bdfs_status identity_caller(struct identity *id, const struct os_peer *peer,
                                 const char *claimed, struct caller *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;

/* What a peer says of itself beside the name that it claims (Java's realUser): its uid's own name,
 * or one that it may claim. */
enum bdfs_status identity_check_real(struct identity *id, const struct os_peer *peer,
                                     const char *real, struct bdfs_err *err) BDFS_MUST_CHECK;

/* May the peer present a token that names @user, another one? Root and the owner (datanodes forward
 * tokens); gateways unless it is a superuser's. */
bool identity_may_forward(struct identity *id, const struct os_peer *peer, const char *user);

/* What was looked up is asked of the host anew. */
void identity_forget(struct identity *id);

/* The host's groups of @user; none (n = 0) when the host does not know the name. */
void identity_groups(struct identity *id, const char *user, struct os_groups *ret);
