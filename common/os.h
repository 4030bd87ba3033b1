/*
 * os.h - the seam below everything (DESIGN D10): threads, clock, random bytes, sockets, files,
 * users of the host. Two implementations with the same names, chosen at link time: os_linux.c
 * (pthreads and system calls) and os_sim.c (fibers, virtual clock, in-memory network and disk).
 *
 * Code above the seam is plain blocking code. Every call that can wait takes an absolute deadline
 * in os_mono_ms() time, passed down and never restarted per step; every loop that waits contains a
 * call from here. No other file reads a clock, sleeps, or opens a socket or file that a cluster's
 * state depends on (LMDB's own files, TLS, libfuse and the programs' terminals are outside).
 *
 * Threads: a socket may be read by one thread and written by another at the same time; a file may
 *          be used by any number of threads; everything else is said at its function.
 * Errors:  TIMEOUT when a deadline passed, CLOSED when the peer went away, else by errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/err.h"

/* ---- threads ---------------------------------------------------------------------------- */

struct os_thread;
struct os_mutex {
        union {
                char room[64];
                void *align;
        } u;
};
struct os_cond {
        union {
                char room[64];
                void *align;
        } u;
};

/* @name (at most 15 bytes are kept) shows in ps and in traces. Join exactly once. Requests by
 * signal (INT, TERM, HUP, USR1, USR2, CHLD, ALRM, PIPE) are blocked in it: main() takes them.
 * A stack has 1 MiB. */
enum bdfs_status os_thread_start(struct os_thread **ret, const char *name, void (*run)(void *arg),
                                 void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;
void os_thread_join(struct os_thread *t);
/* Instead of join: the thread cleans up after itself. */
void os_thread_detach(struct os_thread *t);

void os_mutex_init(struct os_mutex *m);
void os_mutex_fini(struct os_mutex *m);
void os_mutex_lock(struct os_mutex *m);
void os_mutex_unlock(struct os_mutex *m);

void os_cond_init(struct os_cond *c);
void os_cond_fini(struct os_cond *c);
/* False when the deadline passed first. Spurious wake-ups happen: loop on the condition. */
bool os_cond_wait(struct os_cond *c, struct os_mutex *m, int64_t deadline_ms);
void os_cond_signal(struct os_cond *c);
void os_cond_broadcast(struct os_cond *c);

static inline void os_mutex_unlock_cleanup(struct os_mutex **m)
{
        os_mutex_unlock(*m);
}
/* Hold @m until the end of the enclosing scope. */
#define AUTO_LOCK(m)                                                                        \
        __attribute__((cleanup(os_mutex_unlock_cleanup), unused)) struct os_mutex *OS_LOCKED_( \
                __LINE__) = os_mutex_locked(m)
#define OS_LOCKED_(line) OS_LOCKED_2(line)
#define OS_LOCKED_2(line) os_locked_##line
static inline struct os_mutex *os_mutex_locked(struct os_mutex *m)
{
        os_mutex_lock(m);
        return m;
}

/* ---- clock and random bytes --------------------------------------------------------------- */

#define OS_FOREVER INT64_MAX /* a deadline that never passes; only where a peer cannot hang us */

int64_t os_mono_ms(void); /* since boot, suspend included; for deadlines and leases (rule P4) */
int64_t os_mono_us(void);
int64_t os_wall_ms(void); /* since 1970; for people and for times stored in records */
void os_sleep_ms(int64_t ms);
void os_random(void *bytes, size_t n); /* cryptographic; cannot fail (aborts if the kernel does) */
/* The kernel's boot id, 36 characters and NUL: changes with each power cycle (DESIGN D3). One that
 * cannot be read comes out as a fresh random one, which is never equal to an earlier one. */
void os_boot_id(char ret[37]);
/* True in the simulator. Paths that do not pass this seam (LMDB's directory, TLS files) are real
 * ones in both: a simulated node's configuration names an absolute real temporary directory for
 * LMDB, every other path of it is looked up in the node's simulated disk. */
bool os_simulated(void);

/* ---- sockets ------------------------------------------------------------------------------ */

struct os_listener;
struct os_sock;

struct os_addr {
        char host[46];  /* numeric, IPv4 or IPv6 without brackets; "" for a Unix socket */
        uint16_t port;
};

/* Who is at the other end, by the kernel's word (DESIGN D1). */
struct os_peer {
        bool known;  /* false: the kernel had no owner for it; refuse such a peer */
        uid_t uid;
        pid_t pid;   /* Unix sockets only, else 0 */
};

/* @addr->port 0 takes a free one. Only loopback addresses are accepted unless @any_address. */
enum bdfs_status os_listen(struct os_listener **ret, const struct os_addr *addr, bool any_address,
                           struct bdfs_err *err) BDFS_MUST_CHECK;
/* A Unix stream socket; an old socket file at @path is replaced; @mode is set on it. */
enum bdfs_status os_listen_unix(struct os_listener **ret, const char *path, mode_t mode,
                                struct bdfs_err *err) BDFS_MUST_CHECK;
uint16_t os_listener_port(const struct os_listener *l);
/* A connection, with its peer looked up at once (TCP: exact sock_diag look-up of the 4-tuple).
 * LIMIT: no descriptor is free, the connection stays waiting: sleep a little, then again. */
enum bdfs_status os_accept(struct os_listener *l, int64_t deadline_ms, struct os_sock **ret,
                           struct os_peer *ret_peer, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Wakes a thread blocked in os_accept(), which then answers CLOSED; from any thread. */
void os_listener_shutdown(struct os_listener *l);
void os_listener_close(struct os_listener *l);

#define OS_RESOLVE_MAX 8
/* The addresses of a host by its name or in digits, without a port; at least one. UNAVAILABLE:
 * nobody knows it. */
enum bdfs_status os_resolve(const char *name, int64_t deadline_ms,
                            struct os_addr ret[OS_RESOLVE_MAX], size_t *ret_n,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_connect(struct os_sock **ret, const struct os_addr *addr, int64_t deadline_ms,
                            struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_connect_unix(struct os_sock **ret, const char *path, int64_t deadline_ms,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;

/* Who holds the other end of a connection that was made here: waits until it was accepted, as a
 * connection has no owner before. A Unix socket's is whoever listens there. CLOSED: it was closed
 * meanwhile, and nobody can be named. */
enum bdfs_status os_sock_server(struct os_sock *s, int64_t deadline_ms, struct os_peer *ret,
                                struct bdfs_err *err) BDFS_MUST_CHECK;

/* At least 1 and at most @n bytes; 0 in *ret at the end of the stream. */
enum bdfs_status os_sock_read_some(struct os_sock *s, void *to, size_t n, size_t *ret,
                                   int64_t deadline_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Exactly @n bytes; CLOSED when the stream ends before. */
enum bdfs_status os_sock_read(struct os_sock *s, void *to, size_t n, int64_t deadline_ms,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* All of it. @iov is used up (changed). */
enum bdfs_status os_sock_writev(struct os_sock *s, struct iovec *iov, int iov_n,
                                int64_t deadline_ms, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_sock_write(struct os_sock *s, const void *from, size_t n, int64_t deadline_ms,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
/* What fits without waiting; *ret may be 0. */
enum bdfs_status os_sock_write_now(struct os_sock *s, const void *from, size_t n, size_t *ret,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* True when a byte (or the end) can be read before the deadline. */
bool os_sock_wait_readable(struct os_sock *s, int64_t deadline_ms);
struct os_file;
struct os_file_part {
        struct os_file *file;
        uint64_t offset;
        size_t n; /* > 0 */
};
/* @head and then @part straight from the page cache (sendfile), in segments as long as they can
 * be; all or an error: IO when the file cannot be read or ends before. */
enum bdfs_status os_sock_send_file(struct os_sock *s, const void *head, size_t head_n,
                                   const struct os_file_part *part, int64_t deadline_ms,
                                   struct bdfs_err *err) BDFS_MUST_CHECK;
/* One byte with a descriptor of @f over a Unix socket; the receiver owns what it gets. */
enum bdfs_status os_sock_send_fd(struct os_sock *s, struct os_file *f, int64_t deadline_ms,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_sock_recv_fd(struct os_sock *s, struct os_file **ret, int64_t deadline_ms,
                                 struct bdfs_err *err) BDFS_MUST_CHECK;
/* IPv4 inside IPv6 comes out as plain IPv4. Stays the same after the connection is gone. */
void os_sock_addrs(const struct os_sock *s, struct os_addr *ret_local, struct os_addr *ret_peer);
/* Ends both directions: threads blocked on it return CLOSED. From any thread, any number of
 * times, as long as the socket is not closed. */
void os_sock_shutdown(struct os_sock *s);
void os_sock_close(struct os_sock *s); /* frees; NULL is fine */

/* ---- files -------------------------------------------------------------------------------- */

enum os_open_flags {
        OS_READ = 1,
        OS_WRITE = 2,
        OS_CREATE = 4,     /* mode 0600 */
        OS_EXCLUSIVE = 8,  /* with OS_CREATE: EXISTS if it is there */
        OS_TRUNCATE = 16,
        OS_IN_ORDER = 32,  /* mostly read in order: the kernel may read further ahead */
};

struct os_stat {
        uint64_t bytes;      /* length */
        uint64_t disk_bytes; /* allocated */
        bool is_directory;
        uint64_t device;
        uid_t uid;           /* whose it is */
        mode_t mode;         /* with the type */
};

enum bdfs_status os_file_open(struct os_file **ret, const char *path, unsigned flags,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
/* Frees; reports what close() said (a written file's caller must look). NULL is fine. */
enum bdfs_status os_file_close(struct os_file *f, struct bdfs_err *err);
/* At most @n bytes; fewer only at the end of the file. */
enum bdfs_status os_file_read(struct os_file *f, uint64_t offset, void *to, size_t n, size_t *ret,
                              struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_file_readv(struct os_file *f, uint64_t offset, struct iovec *iov, int iov_n,
                               size_t *ret, struct bdfs_err *err) BDFS_MUST_CHECK;
/* All of it. @uncached asks to pass by the page cache (RWF_DONTCACHE where the kernel has it). */
enum bdfs_status os_file_write(struct os_file *f, uint64_t offset, const void *from, size_t n,
                               struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_file_writev(struct os_file *f, uint64_t offset, struct iovec *iov, int iov_n,
                                bool uncached, struct bdfs_err *err) BDFS_MUST_CHECK;
/* fdatasync. After one failure the file must not be synced again (rule P1). */
enum bdfs_status os_file_sync(struct os_file *f, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_file_truncate(struct os_file *f, uint64_t bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Reserve space so that later writes below @bytes cannot meet a full disk; length grows with it,
 * the new part reads as zeros. */
enum bdfs_status os_file_allocate(struct os_file *f, uint64_t bytes, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status os_file_stat(struct os_file *f, struct os_stat *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
/* Exclusive advisory lock on the open file, without waiting: LIMIT when somebody else has it.
 * It goes with the os_file (and with the process). */
enum bdfs_status os_file_lock(struct os_file *f, struct bdfs_err *err) BDFS_MUST_CHECK;

enum bdfs_status os_stat_path(const char *path, struct os_stat *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status os_rename(const char *from, const char *to, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_unlink(const char *path, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_mkdir(const char *path, mode_t mode, struct bdfs_err *err) BDFS_MUST_CHECK;
enum bdfs_status os_rmdir(const char *path, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Make new names in the directory durable. */
enum bdfs_status os_sync_dir(const char *path, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Calls @each with every name but . and .. ; stops at the first status that is not OK. */
enum bdfs_status os_list_dir(const char *path,
                             enum bdfs_status (*each)(void *arg, const char *name,
                                                      struct bdfs_err *err),
                             void *arg, struct bdfs_err *err) BDFS_MUST_CHECK;
/* Capacity of the file system at @path and what an ordinary user may still take. */
enum bdfs_status os_disk_space(const char *path, uint64_t *ret_bytes, uint64_t *ret_free,
                               struct bdfs_err *err) BDFS_MUST_CHECK;

/* ---- users of the host -------------------------------------------------------------------- */

#define OS_NAME_BYTES 256
#define OS_GROUPS_MAX 64

struct os_groups {
        size_t n;
        char names[OS_GROUPS_MAX][OS_NAME_BYTES]; /* [0] is the primary group */
};

/* NOT_FOUND when the host does not know the uid or name. Slow (name service): callers cache.
 * LIMIT for a user in more than OS_GROUPS_MAX groups; a group without a name is its number. */
enum bdfs_status os_user_name(uid_t uid, char ret[OS_NAME_BYTES], struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status os_user_id(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct bdfs_err *err)
        BDFS_MUST_CHECK;
enum bdfs_status os_user_groups(const char *name, struct os_groups *ret, struct bdfs_err *err)
        BDFS_MUST_CHECK;
uid_t os_own_uid(void);

/* How many descriptors this process may have open. */
uint32_t os_files_max(void);
