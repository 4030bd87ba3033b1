/*
 * cli_mode.h - modes as FsShell's chmod reads them: 755, 1755, u=rwx,g+w,o-x, a+X, +t.
 *
 * A later clause for the same class of users replaces an earlier one, as it does there.
 *
 * Owner, threads: none; a value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cli_mode_change {
        struct {
                char type;        /* + - = */
                uint32_t bits;    /* rwx, and 8 for X */
        } user, group, others, sticky;
};

bool cli_mode_parse(const char *text, struct cli_mode_change *ret);
/* A umask, as Hadoop's fs.permissions.umask-mode: octal (022, 0027), the bits that are taken away;
 * or symbolic (u=rwx,g=rx,o=), the bits that are left. */
bool cli_mode_umask(const char *text, uint32_t *ret);
uint32_t cli_mode_apply(const struct cli_mode_change *c, uint32_t mode, bool directory);
