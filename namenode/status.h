/* status.h - an inode as Hadoop's HdfsFileStatusProto. Made in the arena; NULL: no memory. */
#pragma once

#include "namenode/describe.h"

/* @named: in listings the name goes out; everywhere else it must be empty. */
Hadoop__HdfsFileStatusProto *status_describe(struct describe *d, const struct ns_status *s,
                                             bool named);
