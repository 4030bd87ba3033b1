/* status.h - an inode as Hadoop's HdfsFileStatusProto. Made in the arena. */
#pragma once

#include "namenode/serve/describe.h"

/* Alone: without its name. NULL: no memory. */
Hadoop__HdfsFileStatusProto *status_describe(struct describe *d, const struct ns_status *s);

/* An entry of a listing, with its name, encoded at once as field STATUS_ENTRY of the message around
 * it: an unknown field is packed as it is. A page has up to 1,000 of them; packing as many messages
 * took a quarter of a listing's time. @locations may be NULL. False: no memory. */
enum { STATUS_ENTRY = 1 }; /* partialListing of DirectoryListingProto, BatchedDirectoryListing... */
bool status_encode(struct describe *d, const struct ns_status *s,
                   const Hadoop__LocatedBlocksProto *locations,
                   ProtobufCMessageUnknownField *ret);
