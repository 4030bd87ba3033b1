/* test_proto_ipc_kit.h - frames of IPC, decoded for tests. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ipc.h"
#include "tests/vectors/hdfs_wire.h"

/* Decode from memory of exactly the right size, so that a sanitizer sees each byte too many. */
static enum bdfs_status request(const void *frame, size_t n, struct ipc_request *ret)
{
        struct bdfs_err err = {.status = BDFS_OK};
        uint8_t *copy = malloc(n > 0 ? n : 1);
        enum bdfs_status rc;

        assert_non_null(copy);
        memcpy(copy, frame, n);
        rc = ipc_request_decode(copy, n, ret, &err);
        assert_int_equal(rc, err.status);
        if (rc != BDFS_OK)
                assert_true(strlen(err.text) > 0);
        free(copy);
        return rc;
}

static enum bdfs_status response(const void *frame, size_t n, struct ipc_response *ret)
{
        struct bdfs_err err = {.status = BDFS_OK};
        uint8_t *copy = malloc(n > 0 ? n : 1);
        enum bdfs_status rc;

        assert_non_null(copy);
        memcpy(copy, frame, n);
        rc = ipc_response_decode(copy, n, ret, &err);
        assert_int_equal(rc, err.status);
        free(copy);
        return rc;
}
