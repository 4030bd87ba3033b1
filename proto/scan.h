/*
 * scan.h - one pass over the bytes of a message before protobuf-c decodes them.
 *
 * Refuses what protobuf-c accepts wrongly or reports without a reason: a NUL inside a string field,
 * the wrong wire type for a known field, a missing required field, groups, too deep nesting.
 * Where this scan and protobuf-c both accept bytes, they see the same fields.
 *
 * Errors: PROTOCOL, with the message's and the field's name.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/err.h"

enum bdfs_status scan_message(const ProtobufCMessageDescriptor *type, const void *bytes, size_t n,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
