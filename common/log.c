#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/os.h"

#define TURN_MS 1000 /* for another thread to give the log another name */

static struct {
        const char *program;
        enum log_level most;
        char path[PATH_MAX];     /* "": whatever standard error is */
        uint64_t bytes_max;
        atomic_uint_fast64_t bytes; /* in the file, about */
        atomic_flag turning;     /* a thread gives it another name */
} sink = {.program = "bdfs", .most = LOG_LEVEL_INFO, .turning = ATOMIC_FLAG_INIT};

void log_open(const char *program, enum log_level most)
{
        sink.program = program;
        sink.most = most;
}

/* ---- a file that does not grow without end ------------------------------------------------ */

static int open_log(uint64_t *ret_bytes)
{
        int fd = open(sink.path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
                                         O_CLOEXEC | O_NOCTTY, 0600);
        struct stat st;

        if (fd < 0)
                return -1;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fchmod(fd, 0600) == 0) {
                *ret_bytes = (uint64_t)st.st_size;
                return fd;
        }
        (void)close(fd);
        errno = EINVAL;
        return -1;
}

static bool to_standard(int fd)
{
        bool ok = dup2(fd, STDERR_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0;

        (void)close(fd);
        return ok;
}

enum bdfs_status log_to_file(const char *path, uint64_t bytes, struct bdfs_err *err)
{
        uint64_t there = 0;
        int fd;

        BDFS_ASSERT(bytes > 0);
        if (strlen(path) + 4 > sizeof(sink.path))
                return bdfs_fail(err, BDFS_INVALID, "log: %s is too long", path);
        (void)snprintf(sink.path, sizeof(sink.path), "%s", path);
        fd = open_log(&there);
        if (fd < 0 || !to_standard(fd)) {
                sink.path[0] = '\0';
                return bdfs_fail_errno(err, errno, "cannot write the log %s", path);
        }
        sink.bytes_max = bytes;
        atomic_store(&sink.bytes, there);
        return BDFS_OK;
}

/* The files move up. Where a new one cannot be made the old one goes on, under its new name, for as
 * many bytes again. */
static void turn_over(void)
{
        char from[PATH_MAX + 8], to[PATH_MAX + 8];
        uint64_t there = 0;
        int fd;

        for (unsigned i = LOG_OLD_MAX; i > 0; i--) {
                if (i == 1)
                        (void)snprintf(from, sizeof(from), "%s", sink.path);
                else
                        (void)snprintf(from, sizeof(from), "%s.%u", sink.path, i - 1);
                (void)snprintf(to, sizeof(to), "%s.%u", sink.path, i);
                (void)rename(from, to); /* there may be fewer */
        }
        fd = open_log(&there);
        if (fd >= 0)
                (void)to_standard(fd);
        atomic_store(&sink.bytes, there);
}

/* Whoever fills the file turns it over; the others wait for that, but not for ever. */
static void count(size_t n)
{
        int64_t deadline = 0;

        if (sink.path[0] == '\0' || atomic_fetch_add(&sink.bytes, n) + n < sink.bytes_max)
                return;
        while (atomic_load(&sink.bytes) >= sink.bytes_max) {
                int64_t now = os_mono_ms();

                if (!atomic_flag_test_and_set(&sink.turning)) {
                        if (atomic_load(&sink.bytes) >= sink.bytes_max) /* nobody was faster */
                                turn_over();
                        atomic_flag_clear(&sink.turning);
                        return;
                }
                deadline = deadline == 0 ? now + TURN_MS : deadline;
                if (now >= deadline)
                        return;
                os_sleep_ms(1);
        }
}

/* ---- lines -------------------------------------------------------------------------------- */

static size_t put_escaped(char *to, size_t room, const char *from)
{
        size_t n = 0;

        for (; *from != '\0' && n + 5 < room; from++) {
                unsigned char c = (unsigned char)*from;

                if (c < 0x20 || c == 0x7f)
                        n += (size_t)snprintf(to + n, room - n, "\\x%02x", c);
                else
                        to[n++] = (char)c;
        }
        return n;
}

void log_write(enum log_level level, const char *format, ...)
{
        static const char letters[] = "EWID";
        char text[1800], line[2000];
        int64_t now = os_wall_ms();
        time_t seconds = (time_t)(now / 1000);
        struct tm tm;
        va_list ap;
        size_t n;

        if (level > sink.most)
                return;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void)gmtime_r(&seconds, &tm);
        n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
        n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03dZ %c %s: ", (int)(now % 1000),
                              letters[level], sink.program);
        n += put_escaped(line + n, sizeof(line) - n - 1, text);
        line[n++] = '\n';
        if (write(STDERR_FILENO, line, n) < 0)
                return; /* a log that cannot be written has nowhere to say so */
        count(n);
}
