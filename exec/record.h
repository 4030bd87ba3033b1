/*
 * record.h - what a record is: bytes up to LF, CR or CRLF, or to the end of the file. A lone CR
 * ends a record too; an empty line is a record; a missing last end is fine.
 *
 * struct record_cutter turns any of the ends into LF, in a stream of pieces: what a task is given,
 * and what is kept of what it wrote.
 *
 * struct record_window does the same for a part [start, end) of a file, by Hadoop's rule: a part
 * with start > 0 drops everything up to and including the first record end after start, and every
 * part reads on while the next record begins at or before its end. So the parts of a file, in
 * order, give the file's records: none lost, none twice, wherever the cuts are. A UTF-8 byte-order
 * mark at the start of the file is dropped.
 *
 * Owner:   the caller's structs; data is changed in place and stays the caller's.
 * Threads: pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_cutter {          /* zero-filled is the start of a stream */
        uint64_t records;       /* ended so far */
        bool after_cr;          /* a LF that comes next belongs to the end before it */
        bool open;              /* bytes of a record that has not ended */
};

/* Cut @n bytes in place; returns how many there are now. */
size_t record_cut(struct record_cutter *c, uint8_t *data, size_t n);
/* At the end of the stream: true when a LF is to be added for the last record. */
bool record_cut_end(struct record_cutter *c);

struct record_window {
        struct record_cutter cut;
        uint64_t start, end;
        uint64_t at;            /* offset in the file of the byte that is wanted next */
        bool skipping;          /* before the first record end after start */
        bool done;              /* nothing of the file is wanted any more */
};

void record_window_init(struct record_window *w, uint64_t start, uint64_t end);

struct record_bytes {
        uint8_t *data;
        size_t n;
};
/* The next @n bytes of the file, from w->at on; *ret lies inside of @data. The first piece of a
 * file has at least three bytes, or is the whole file. Past the end only the rest of one record
 * is taken: give little, until w->done or the file ends. */
void record_window_take(struct record_window *w, uint8_t *data, size_t n,
                        struct record_bytes *ret);
/* At the end of the window or of the file: as record_cut_end(). */
bool record_window_end(struct record_window *w);
