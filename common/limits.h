/*
 * limits.h - every bound in one file, with how they relate. Reaching one is a status
 * (BDFS_LIMIT or a more exact one), a log line and a test.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define BDFS_VERSION "0.1.0"
#define BDFS_VERSION_DATE "November 29, 2026" /* of the manual pages */

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* names and paths (DESIGN section 3; HDFS's own limits where its clients see them) */
#define NAME_BYTES_MAX 255
#define PATH_BYTES_MAX 8000
#define PATH_DEPTH_MAX 1000

#define USER_NAME_BYTES_MAX 255
#define SYMLINK_BYTES_MAX 4096

/* files and blocks */
#define REPLICATION_MAX 512
#define BLOCK_BYTES_MIN 512
#define BLOCK_BYTES_MAX (64 * GIB)
#define FILE_EXTENTS_MAX 100000
#define DURABLE_REPLICAS_MIN 2 /* that must be sealed, if as many are wanted (DESIGN D5) */
#define PIPELINE_NODES_MAX 16
#define LISTING_PAGE_MAX 1000

/* wire */
#define RPC_FRAME_BYTES_MAX (128 * MIB)
#define RPC_REQUEST_BYTES_MAX (8 * MIB)      /* what our servers accept in one request */
#define RPC_UNREAD_BYTES_MAX (64 * MIB)
#define RPC_CONNECTIONS_MAX 4096
#define RPC_CALLS_PER_CONNECTION_MAX 256
#define RPC_IDLE_MS 600000
#define RPC_CALL_MS 60000
#define RPC_RETRIES 5
#define PACKET_BYTES_MAX (16 * MIB)
#define RPC_HELLO_BYTES_MAX (64 * KIB)       /* of a frame before its sender is known */
#define TRANSFERS_MAX 1024                    /* a datanode's transfers at once */
#define DATA_IDLE_MS 60000

/* what one user may take of a server (net/shares.h) */
#define CONNECTIONS_EACH_MAX 256
#define SHARES_BYTES_MAX (512 * MIB)          /* of all of a server's connections */
#define SHARES_BYTES_PART 4                   /* one user: this part of what users have together */
#define SHARES_RESERVE_PART 4                 /* this part of all is root's and the owner's */
#define SHARES_FILES_PART 2                   /* connections take this part of the descriptors */
#define SHARES_PENALTY_MS 1000                /* without new connections after one was cut off */
#define SHARES_CALL_BYTES (64 * KIB)          /* an open call counts for at least so much */
#define SHARES_FREE_BYTES (64 * KIB)          /* of a connection's buffers that are not counted */

/* liveness (failure-and-security section 6: dead within 10 s, copying starts within 12 s) */
#define HEARTBEAT_MS 1000
#define DATANODE_STALE_MS 4000
#define DATANODE_DEAD_MS 10000

/* jobs */
#define JOB_PARTS_MAX 10000
#define JOB_FILES_MAX 1000                    /* shipped with one */
#define TASK_USER_PROCESSES_MAX 4096          /* of a user whose tasks run here */
#define AGENT_JOBS_MAX 1000
#define AGENT_USER_JOBS_MAX 200               /* of them of one user */
#define AGENT_USERS_MAX 1024
#define JOB_COMMAND_BYTES_MAX (128 * KIB - 1)   /* what the kernel takes as one argument */
#define JOB_SHIPPED_BYTES_MAX (4 * GIB)
#define AGENT_USER_SHIPPED_BYTES_MAX (16 * GIB)
#define AGENT_BYTES_MAX (512 * MIB)             /* of memory for jobs and their attempts */
#define AGENT_USER_BYTES_MAX (128 * MIB)        /* or what is free, if that is less */
#define ATTEMPT_PIECES_MAX FILE_EXTENTS_MAX
#define JOB_LOGS_MAX 2000                       /* of attempts, kept */
#define JOB_LOG_BYTES_MAX (64 * MIB)
#define AGENT_LOG_JOBS_MAX 200                  /* jobs whose logs are kept */
#define AGENT_USER_LOG_JOBS_MAX 200             /* who has the most gives first */
#define AGENT_LOG_BYTES_MAX (2 * GIB)
#define AGENT_USER_LOG_BYTES_MAX (512 * MIB)
#define RECORD_BYTES_MAX (64 * MIB)             /* that is sorted: its key and its value */
#define MERGE_BYTES_MAX (512 * MIB)             /* of long records that are merged at once */
#define AGENT_USED_MAX 256                    /* ids of a user's ended jobs that are remembered */
#define AGENT_LIVE_MAX 4096                   /* attempts of a job that have not ended */
#define AGENT_ENDED_MAX 1000000

/* leases (DESIGN section 4) */
#define LEASE_SOFT_MS 30000
#define LEASE_HARD_MS 120000
#define LEASE_HADOOP_SOFT_MS 60000
#define LEASE_HADOOP_HARD_MS (20 * 60000)
#define LEASE_HOLDERS_EACH_MAX 16384          /* names of clients that one user may have */
#define LEASE_HOLDERS_MAX 262144              /* of all users but superusers */
#define LEASE_FILES_EACH_MAX 100000           /* that one user may have open for writing */
#define RETRY_ANSWER_MS (10 * 60000)

/* namenode */
#define DOUBTS_USERS_MAX 1024                 /* users whose words about bad replicas are counted */
#define DOUBTS_BURST 32                       /* looks that one may ask for at once ... */
#define DOUBTS_EVERY_MS 10000                 /* ... and when there is one more */
#define COMMIT_BATCH_MAX 1024
#define COMMIT_QUEUE_MAX 8192
#define DELETE_SLICE_MAX 1000                 /* inodes or blocks freed by one background record */
#define FREE_SLICE_MAX 1000                   /* blocks freed, or forgotten, by one record */
#define FREED_ROWS_MAX 4000000                /* freed blocks remembered, not more */
#define FREED_KEEP_MS (30 * 86400000LL)       /* ... while some datanode stays away */
#define FREED_SETTLE_MS (10 * 60000)          /* ... not less: names may come back */
#define GRACE_EARLY_MS 2000                   /* between slices that are freed for want of space */
#define GRACE_EARLY_SLICE 64                  /* blocks in one of them */
#define SPACE_FLOOR_PERMILLE 20               /* of the capacity; with less the grace is over */
#define SPACE_WAIT_MS 10000                   /* a writer waits so long for space that is freed */
#define CHECKPOINT_JOURNAL_BYTES_MIN (256 * MIB)
#define REPORT_PAGE_MAX 10000                 /* replicas in one page of a full report */
#define REPORT_LOG_MAX 1000000                /* changes a datanode remembers */
#define TOKEN_MS (10 * 60000)
#define TOKEN_HADOOP_MS (10 * 3600 * 1000LL)

static_assert(DATANODE_DEAD_MS >= 10 * HEARTBEAT_MS, "one lost heartbeat must not kill a datanode");
static_assert(DATANODE_STALE_MS < DATANODE_DEAD_MS, "stale comes before dead");
static_assert(RPC_REQUEST_BYTES_MAX <= RPC_FRAME_BYTES_MAX, "a request is a frame");
static_assert(REPORT_PAGE_MAX * 64 <= RPC_REQUEST_BYTES_MAX, "a report page must fit one request");
static_assert(SHARES_BYTES_MAX * 3 / 4 / SHARES_BYTES_PART >= RPC_UNREAD_BYTES_MAX,
              "one connection may have its fill of answers");
static_assert(SHARES_BYTES_MAX * 3 / 4 / SHARES_BYTES_PART / SHARES_CALL_BYTES * 4 <
                      COMMIT_QUEUE_MAX, "four users cannot fill the committer's queue");
static_assert(RPC_HELLO_BYTES_MAX <= SHARES_FREE_BYTES, "who is not known yet takes no bytes");
static_assert(LEASE_SOFT_MS < LEASE_HARD_MS, "others may take a lease before it is taken away");
