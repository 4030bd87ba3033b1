/* test_must.h - what a test cannot go on without. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"

static inline void must(enum bdfs_status rc, const struct bdfs_err *err)
{
        if (rc != BDFS_OK)
                fail_msg("%s: %s", bdfs_status_name(rc), err->text);
}
