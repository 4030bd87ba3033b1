/*
 * utf8.h - texts that other programs' protobuf parsers accept.
 *
 * Our texts may quote any bytes of a path and may be cut in the middle of a character; hdfs-native
 * drops the connection over a `string` field that is not UTF-8.
 *
 * Owner, threads: none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed character at @p, of which @n > 0 are here; 0: none begins here. */
size_t utf8_character(const uint8_t *p, size_t n);

/* Copy @n bytes; each byte that is not part of a well-formed character becomes '?'. */
void utf8_copy(uint8_t *to, const void *from, size_t n);
