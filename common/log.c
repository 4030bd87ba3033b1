#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/os.h"

static struct {
        const char *program;
        enum log_level most;
} sink = {"bdfs", LOG_LEVEL_INFO};

void log_open(const char *program, enum log_level most)
{
        sink.program = program;
        sink.most = most;
}

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
}
