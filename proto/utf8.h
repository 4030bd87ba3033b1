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

/* Copy @n bytes; each byte that is not part of a well-formed character becomes '?'. */
void utf8_copy(uint8_t *to, const void *from, size_t n);
