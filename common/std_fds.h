/*
 * std_fds.h - descriptors 0, 1 and 2 are what they should be, and what was printed was written.
 *
 * A program may be started without them. The next file or socket that it opens would then take the
 * number, and its log or its listing would be written into that file: a database, a connection.
 *
 * Threads: main's only, before others start and after they ended.
 */
#pragma once

/*
 * The first call of each main(): what is missing of 0, 1, 2 is opened so that reading 0 and writing
 * 1 fail with EBADF (nothing is read as an empty file, nothing is lost with exit code 0) and what
 * goes to 2 vanishes. Ends the process when that cannot be done.
 */
void std_fds_complete(void);

/* The last call of a main() whose answer may have gone to stdout: @code, or what says that it could
 * not be written, which was then said. */
int std_fds_finish(const char *program, int code);
