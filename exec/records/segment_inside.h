/*
 * segment_inside.h - what writing and reading of segments share; nobody else includes it.
 */
#pragma once

#define SEGMENT_LZ4 0x80000000u
