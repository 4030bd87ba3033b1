/* scratch_inside.h - what scratch.c and scratch_log.c share. */
#pragma once

struct scratch;
const char *scratch_dir(const struct scratch *s);
