/*
 * driver_inside.h - the parts of a running job's driver; nobody else includes it.
 *
 * Lock: driver.lock guards all fields that say so. Nothing is sent under it.
 */
#pragma once

#include "client/fs.h"
#include "exec/driver/driver.h"
#include "exec/records/decode.h"
#include "exec/records/split.h"
#include "net/rpc_client.h"
#include "proto/bdfs_agent.pb-c.h"

#define DRIVER_TOUCH_MS 5000 /* agents that cannot hear it see by that that it lives */

struct driver;

struct job_file {
        char *path;
        uint64_t inode, length;
        struct split_piece *pieces;
        size_t pieces_n;
        enum decode_format format; /* by the suffix of its name */
};

struct job_map {
        uint32_t file;
        struct split split;
        struct job_totals done; /* what its last success added to driver->totals */
};

struct job_agent {             /* number = the plan's node */
        struct driver *driver;
        uint32_t number;
        char name[80];         /* of its datanode, "ip:port" */
        char host[46];
        uint16_t port;
        struct rpc_client *control, *watch; /* two: a poll waits on its connection's thread */
        struct os_thread *thread, *ender;
        bool begun;            /* main thread only */
        uint64_t run;
        uint32_t slots;
        bool lost;             /* guarded by: lock */
        uint64_t live_bytes;   /* read by its running maps; guarded by: lock */
};

struct driver {
        struct bdfs *fs;
        const struct job_spec *spec;
        struct job_report *report;
        int64_t begun_ms;
        char *staging;         /* NULL: not made; stays while there are threads */
        bool published;        /* main thread only */
        char *made;            /* the topmost directory above output that the job made, or NULL */
        struct job_file *files;
        size_t files_n, files_room;
        struct job_map *maps;
        size_t maps_n, maps_room;
        uint64_t bytes_all;
        struct job_bad_inputs *bad; /* while inputs are looked for */
        struct job_agent *agents;
        size_t agents_n;
        struct os_mutex lock;
        struct os_cond changed;
        /* guarded by: lock */
        struct plan *plan;
        struct job_totals totals;
        struct job_failure failure; /* of the attempt that failed last */
        struct bdfs_err why;        /* its reason; status OK: none failed */
        int64_t touched_ms;
        bool ending;
};

/* ---- driver_input.c ----------------------------------------------------------------------- */

/* The live agents, in driver->agents. */
enum bdfs_status driver_find_agents(struct driver *d, struct bdfs_err *err) BDFS_MUST_CHECK;
/* The inputs as files and splits. */
enum bdfs_status driver_find_inputs(struct driver *d, struct bdfs_err *err) BDFS_MUST_CHECK;
void driver_free_inputs(struct driver *d);

/* ---- driver_agent.c ----------------------------------------------------------------------- */

/* Start an attempt; an agent that cannot be reached is lost, which is no error. */
enum bdfs_status driver_start(struct driver *d, const struct plan_start *s, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* The job is over on all agents: nothing of it is left there, as far as they can be reached. */
void driver_end_agents(struct driver *d);

/* ---- driver_output.c ---------------------------------------------------------------------- */

enum bdfs_status driver_make_staging(struct driver *d, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status driver_mark_success(struct driver *d, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Show that the driver lives, when that is due; from any thread. */
void driver_touch_staging(struct driver *d);
/* An attempt's file becomes a part. */
enum bdfs_status driver_keep_part(struct driver *d, struct plan_task t, uint32_t attempt,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status driver_publish(struct driver *d, struct bdfs_err *err) BDFS_MUST_CHECK;
void driver_remove_staging(struct driver *d);
