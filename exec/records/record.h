/*
 * record.h - what a record is: bytes up to and including a LF, or to the end of the file. Nothing
 * else ends one, and nothing is altered: CR, NUL and a byte-order mark are bytes like others, and
 * a missing last LF stays missing. An empty line is a record.
 *
 * (Hadoop's text rule, by which CR and CRLF end records too, is part of streaming's contract and
 * comes with the commands that keep that contract; there are none yet.)
 *
 * struct record_window gives the bytes of a part [start, end) of a file, by Hadoop's rule: a part
 * with start > 0 drops everything up to and including the first record end after start, and every
 * part reads on while the next record begins at or before its end. So the parts of a file, in
 * order, give the file's bytes: none lost, none twice, wherever the cuts are.
 *
 * Owner:   the caller's structs and data.
 * Threads: pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_count {           /* zero-filled is the start of a stream */
        uint64_t records;       /* ended so far */
        bool open;              /* bytes of a record that has not ended */
};

/* The next @n bytes of the stream. */
void record_count(struct record_count *c, const uint8_t *data, size_t n);
/* At the end of the stream: counts the last record, and is true, when no LF ended it. */
bool record_count_end(struct record_count *c);

struct record_window {
        struct record_count count;
        uint64_t start, end;
        uint64_t at;            /* offset in the file of the byte that is wanted next */
        bool skipping;          /* before the first record end after start */
        bool done;              /* nothing of the file is wanted any more */
};

void record_window_init(struct record_window *w, uint64_t start, uint64_t end);

struct record_bytes {
        const uint8_t *data;
        size_t n;
};
/* The next @n bytes of the file, from w->at on; *ret: those of them that belong to the part. Past
 * the end only the rest of one record is taken: give little, until w->done or the file ends. */
void record_window_take(struct record_window *w, const uint8_t *data, size_t n,
                        struct record_bytes *ret);
