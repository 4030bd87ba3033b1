/*
 * conf_value.h - one value of a configuration: text to field and back. For conf.c only.
 *
 * Owner:   a field owns its string or list; conf_value_set() replaces and frees the old one.
 * Errors:  INVALID: the value is not of the key's type, or out of its range; the text says what
 *          is allowed. NO_MEMORY. A failed call changes nothing.
 */
#pragma once

#include <stdio.h>

#include "common/conf.h"

enum bdfs_status conf_value_set(const struct conf_key *key, const char *text, void *conf,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
/* Free and zero the field. */
void conf_value_free(const struct conf_key *key, void *conf);
void conf_value_zero(const struct conf_key *key, void *conf);
void conf_value_print(const struct conf_key *key, const void *conf, FILE *to);
/* "bytes from 512 to 64G" */
void conf_value_describe(const struct conf_key *key, char *to, size_t room);
