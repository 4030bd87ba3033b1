/*
 * scratch.h - an agent's directories on the local disk, and who may look into which.
 *
 *      SCRATCH/jobs/JOB/          what maps leave, spills: the agent's alone
 *      SCRATCH/logs/JOB/ATTEMPT   what attempts wrote to stderr, kept after the job
 *      WORK/JOB/files/            shipped files: for the job user's group to list, read and run
 *      WORK/JOB/ATTEMPT/          where an attempt runs: the job user's alone
 *
 * WORK is SCRATCH/work where every user can get there, else a directory of its own below /tmp,
 * named in SCRATCH/work-is. All of jobs and WORK is removed at start: jobs do not outlive their
 * agent.
 *
 * Tasks, and other processes of their users, change what is below WORK/JOB/ATTEMPT at any moment,
 * and an agent of root may do everything. So nothing there is named by a path, nothing is followed,
 * nothing that was there is taken over, and what is removed is removed with the rights of its
 * directory's owner: a directory of somebody else's that a task moved there stays as it is.
 *
 * Owner:   struct scratch is the agent's.
 * Threads: any; nothing is shared but names.
 * Errors:  by errno.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "exec/task/task.h"

struct scratch;

/* @shared: tasks run as other users than ours. */
enum bdfs_status scratch_open(struct scratch **ret, const char *dir, bool shared,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
void scratch_close(struct scratch *s); /* removes work of jobs; NULL is fine */

struct scratch_job {
        char dir[PATH_MAX];   /* SCRATCH/jobs/JOB */
        char work[PATH_MAX];  /* WORK/JOB */
        char logs[PATH_MAX];  /* SCRATCH/logs/JOB, made with the first log */
};
/* @owner: whose job it is; its tasks run as @user. EXISTS: there are somebody else's logs of it, or
 * something of it is here still. */
enum bdfs_status scratch_job_make(struct scratch *s, const char *job, const char *owner,
                                  const struct task_user *user, struct scratch_job *ret,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;
bool scratch_job_remove(struct scratch_job *j); /* as scratch_remove() */

/* Bytes of the shipped file @name at @offset; made with the first, which begins at 0. @user's
 * tasks may read and execute it, not change it. */
enum bdfs_status scratch_put_file(const struct scratch_job *j, const struct task_user *user,
                                  const char *name, uint64_t offset, const void *data, size_t n,
                                  struct bdfs_err *err) BDFS_MUST_CHECK;

/* The directory of an attempt, with `tmp` and links to the shipped files. EXISTS: there is one.
 * When *ret is set it is to be removed, whatever came back. */
enum bdfs_status scratch_attempt_make(const struct scratch_job *j, const struct task_user *user,
                                      const char *attempt, char *const *files, size_t files_n,
                                      char ret[PATH_MAX], struct bdfs_err *err) BDFS_MUST_CHECK;
/* A tree; false when something of it stays. Its parent is a directory of ours. */
bool scratch_remove(const char *path);

/* Keep an attempt's log; @user may read it by asking the agent. */
enum bdfs_status scratch_log_write(const struct scratch_job *j, const char *user,
                                   const char *attempt, const void *head, size_t head_n,
                                   const void *tail, size_t tail_n, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Calls @each for the logs of @job (of @attempt alone unless NULL), if they are @user's or @user
 * is NULL. NOT_FOUND: there are none. */
typedef enum bdfs_status scratch_log_each(void *arg, const char *attempt, const char *path,
                                          struct bdfs_err *err);
enum bdfs_status scratch_logs(struct scratch *s, const char *job, const char *attempt,
                              const char *user, scratch_log_each *each, void *arg,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
bool scratch_logs_taken(const struct scratch_job *j, const char *user); /* they are another's */
/* Of each user the newest stay (the last one always), then as many of all: who has logs of the most
 * jobs gives first. */
struct scratch_log_limits {
        size_t jobs, user_jobs;
        uint64_t bytes, user_bytes;
};
void scratch_logs_trim(struct scratch *s, const struct scratch_log_limits *limits);
