#include "common/trash_name.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHECKPOINT_BYTES_MAX 24 /* twelve digits, a dash, and what a number may have */
#define YEARS_AHEAD 20          /* how Java reads two digits: at most so far in the future */

void trash_name_make(int64_t ms, unsigned same, char ret[TRASH_NAME_BYTES])
{
        time_t seconds = (time_t)(ms / 1000);
        struct tm tm;
        size_t n;

        (void)localtime_r(&seconds, &tm);
        n = strftime(ret, TRASH_NAME_BYTES, "%Y%m%d%H%M%S", &tm) - 2;
        memmove(ret, ret + 2, n + 1); /* Hadoop's names have two digits of the year */
        if (same > 0)
                (void)snprintf(ret + n, TRASH_NAME_BYTES - n, "-%u", same);
}

static bool take_two(const char **at, int low, int high, int *ret)
{
        *ret = ((*at)[0] - '0') * 10 + ((*at)[1] - '0');
        *at += 2;
        return *ret >= low && *ret <= high;
}

/* "" or "-17" */
static bool is_suffix(const char *text)
{
        size_t n = text[0] == '-' ? strspn(text + 1, "0123456789") : 0;

        return text[0] == '\0' || (n > 0 && text[1 + n] == '\0');
}

static bool take_fields(const char *at, size_t digits, struct tm *tm)
{
        return take_two(&at, 0, 99, &tm->tm_year) && take_two(&at, 1, 12, &tm->tm_mon) &&
               take_two(&at, 1, 31, &tm->tm_mday) && take_two(&at, 0, 23, &tm->tm_hour) &&
               take_two(&at, 0, 59, &tm->tm_min) &&
               (digits == 10 || take_two(&at, 0, 59, &tm->tm_sec));
}

bool trash_name_time(const char *name, size_t n, int64_t now_ms, int64_t *ret_ms)
{
        char text[CHECKPOINT_BYTES_MAX + 1];
        time_t now = (time_t)(now_ms / 1000), then;
        struct tm today, tm = {.tm_isdst = -1};
        size_t digits;
        int day;

        if (n > CHECKPOINT_BYTES_MAX || memchr(name, '\0', n) != NULL)
                return false;
        memcpy(text, name, n);
        text[n] = '\0';
        digits = strspn(text, "0123456789");
        if ((digits != 12 && digits != 10) || !is_suffix(text + digits) ||
            !take_fields(text, digits, &tm))
                return false;
        (void)localtime_r(&now, &today);
        tm.tm_year += 100;
        if (tm.tm_year > today.tm_year + YEARS_AHEAD)
                tm.tm_year -= 100;
        tm.tm_mon--;
        day = tm.tm_mday;
        then = mktime(&tm);
        if (then == (time_t)-1 || tm.tm_mday != day) /* 30 February */
                return false;
        *ret_ms = (int64_t)then * 1000;
        return true;
}
