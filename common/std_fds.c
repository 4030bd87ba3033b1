#include "common/std_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"

void std_fds_complete(void)
{
        /* the other way round for the first two: using them fails */
        static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};

        for (int fd = 0; fd < 3; fd++) {
                int got = fd;

                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                got = open("/dev/null", modes[fd]); /* the lowest number that is free */
                if (got < 0)
                        got = open("/", O_RDONLY | O_DIRECTORY); /* a bare root: as good */
                if (got != fd)
                        _exit(bdfs_status_exit(BDFS_FAILED));
        }
}

int std_fds_finish(const char *program, int code)
{
        int eno = fflush(stdout) != 0 ? errno : ferror(stdout) != 0 ? EIO : 0;

        if (fclose(stdout) != 0 && eno == 0)
                eno = errno;
        if (eno == 0)
                return code;
        (void)fprintf(stderr, "%s: standard output: %s\n", program, strerrordesc_np(eno));
        if (code != 0)
                return code;
        return eno == EPIPE ? 1 : bdfs_status_exit(bdfs_status_of_errno(eno)); /* no peer's end */
}
