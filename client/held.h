/*
 * held.h - what a reader holds of a file from its open on: which file it is, how long it was, and
 * every block with its locations and token.
 *
 * A name is looked up once. From then on the namenode is asked by the file's inode, and its answers
 * only bring newer locations and tokens for the blocks that are held: whatever happens to the name
 * or to the file, a reader gets the bytes of then or an error, never others. A block that the file
 * does not have any more (cut, deleted, replaced) keeps what was told of it, which is good for as
 * long as its token lives and a datanode has the replica.
 *
 * The map comes in pages of HELD_PAGE_BYTES of the file, all of them at the open, so that one
 * answer is not too large; only a page whose locations failed, or whose tokens are half used up, is
 * asked for again. A file of 100,000 extents, the most there are, costs about 300 MB.
 *
 * A server that cannot be asked by inode (Hadoop's router) is asked by name, and each answer is
 * taken only while the name still means the same inode.
 *
 * Owner:   struct held is the caller's and outlives its pages; a taken page is dropped once.
 * Threads: any.
 * Errors:  REPLACED: its blocks are gone with it. RETRY: it changes faster than it can be located.
 */
#pragma once

#include "client/locate.h"

#define HELD_PAGE_BYTES (128ull << 30)
#define HELD_RENEW_MS (TOKEN_MS / 2) /* the age of tokens when new ones are asked for */

struct held;

struct held_piece {
        uint64_t offset, bytes; /* readable of it: what was there when the file was opened */
        const Hadoop__LocatedBlockProto *block;
        bool lost;              /* the file has it no more; location and token are those of then */
};

struct held_page { /* pieces in order of offset; constant but for refs */
        struct held_piece *pieces;
        size_t n;
        ProtobufCMessage *answer;         /* blocks borrow from it */
        Hadoop__LocatedBlockProto **kept; /* or from here: those of lost pieces */
        size_t kept_n;
        int64_t asked_ms;
        unsigned refs;                    /* guarded by: the lock of held */
};

enum bdfs_status held_open(struct bdfs *fs, const char *path, struct held **ret,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
void held_close(struct held *h); /* NULL is fine */

uint64_t held_inode(const struct held *h);  /* 0: the server does not tell */
uint64_t held_length(const struct held *h);
bool held_is_open(const struct held *h);    /* it was being written */
/* A digest of the length and of every block's place, id, stamp and length. */
uint64_t held_version(struct held *h);

/* The page with the byte @offset; NULL: there is no such byte. */
struct held_page *held_take(struct held *h, uint64_t offset);
void held_drop(struct held *h, struct held_page *p); /* NULL is fine */
/* The piece with the byte @offset; NULL: it is in another page. */
const struct held_piece *held_find(const struct held_page *p, uint64_t offset);

/* New locations and tokens for the pieces of *@page, which becomes the newer page. That the file is
 * gone is no error: the page stays. */
enum bdfs_status held_renew(struct held *h, struct held_page **page, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The same where it is time to, if the namenode answers: tokens would end while one reads. */
void held_keep_fresh(struct held *h, struct held_page **page);

/* Is @piece beyond hope when a datanode refuses it with @why? */
bool held_is_lost(struct held *h, const struct held_piece *piece, enum bdfs_status why);
/* What to say when @piece cannot be read and @err says why: REPLACED, if the file is not what it
 * was, else as it stands. */
enum bdfs_status held_explain(struct held *h, const struct held_piece *piece,
                              struct bdfs_err *err);
