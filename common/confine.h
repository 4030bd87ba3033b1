/*
 * confine.h - what a daemon takes from itself when it starts: rights that it does not need, and the
 * ways in which its memory and files could reach others.
 *
 * umask 077; no core dumps, and no debugger of its own user's (it holds keys); no new privileges
 * by execution; an empty bounding set; of the capabilities of root those in @keep alone. What it
 * starts inherits all of that.
 *
 * Threads: call it before the first; the kernel keeps these for each thread.
 * Errors:  none: what a kernel or a user that is not root cannot give up was not there.
 */
#pragma once

#include <stdint.h>

#define CONFINE_KEEP(capability) (1ULL << (capability)) /* of linux/capability.h */

void confine(uint64_t keep);
/* Fewer capabilities still. */
void confine_capabilities(uint64_t keep);
