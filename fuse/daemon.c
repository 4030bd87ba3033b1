#include "fuse/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

/* The child's word, or else how it ended. */
static _Noreturn void wait_for(pid_t child, int fd)
{
        unsigned char code;
        ssize_t n;
        int status;

        do {
                n = read(fd, &code, 1);
        } while (n < 0 && errno == EINTR);
        if (n == 1)
                _exit(code);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

enum bdfs_status daemon_begin(struct daemon *d, const char *log, struct bdfs_err *err)
{
        AUTO_CLOSE int log_fd = -1;
        int fds[2];
        pid_t child;

        if (log != NULL) {
                log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
                if (log_fd < 0)
                        return bdfs_fail_errno(err, errno, "cannot write the log %s", log);
        }
        if (pipe2(fds, O_CLOEXEC) != 0)
                return bdfs_fail_errno(err, errno, "pipe");
        child = fork();
        if (child < 0) {
                (void)close(fds[0]);
                (void)close(fds[1]);
                return bdfs_fail_errno(err, errno, "fork");
        }
        if (child > 0) {
                (void)close(fds[1]);
                wait_for(child, fds[0]);
        }
        (void)close(fds[0]);
        (void)setsid(); /* it is no group leader: cannot fail */
        if (chdir("/") != 0) {
                (void)close(fds[1]);
                return bdfs_fail_errno(err, errno, "chdir /");
        }
        d->ready_fd = fds[1];
        d->log_fd = TAKE_FD(log_fd);
        return BDFS_OK;
}

void daemon_ready(struct daemon *d)
{
        const unsigned char ok = 0;
        int null;

        if (d->ready_fd < 0)
                return;
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0) {
                (void)dup2(null, STDIN_FILENO);
                (void)dup2(null, STDOUT_FILENO);
                (void)dup2(d->log_fd >= 0 ? d->log_fd : null, STDERR_FILENO);
                (void)close(null);
        }
        if (d->log_fd >= 0)
                (void)close(d->log_fd);
        d->log_fd = -1;
        if (write(d->ready_fd, &ok, 1) != 1) {
                /* the parent is gone; nobody waits for the word */
        }
        (void)close(d->ready_fd);
        d->ready_fd = -1;
}
