#include "cli/cli_mode.h"

#include <stdlib.h>
#include <string.h>

static const char space[] = " \t\n\v\f\r";

static bool parse_octal(const char *at, struct cli_mode_change *c)
{
        size_t n;

        at += strspn(at, space);
        at += *at == '+';
        n = strspn(at, "01234567");
        if (n < 3 || n > 4 || (n == 4 && at[0] > '1') || at[n + strspn(at + n, space)] != '\0')
                return false;
        c->sticky.bits = n == 4 ? (uint32_t)(at[0] - '0') : 0;
        at += n - 3;
        c->user.bits = (uint32_t)(at[0] - '0');
        c->group.bits = (uint32_t)(at[1] - '0');
        c->others.bits = (uint32_t)(at[2] - '0');
        c->user.type = c->group.type = c->others.type = c->sticky.type = '=';
        return true;
}

/* One clause at *at, "go+rX" say; moves behind it. */
static bool parse_clause(const char **at, const char *letters, struct cli_mode_change *c)
{
        const char *who = *at + strspn(*at, space), *what = who + strspn(who, "ugoa");
        const char *bits = what + strspn(what, "+=-"), *end = bits + strspn(bits, letters);
        size_t who_n = (size_t)(what - who);
        bool user = memchr(who, 'u', who_n) != NULL, group = memchr(who, 'g', who_n) != NULL;
        bool others = memchr(who, 'o', who_n) != NULL, sticky = false;
        uint32_t mode = 0;

        if (bits == what)
                return false;
        if (!user && !group && !others)
                user = group = others = true;
        for (const char *b = bits; b < end; b++) {
                mode |= *b == 'r' ? 4u : *b == 'w' ? 2u : *b == 'x' ? 1u : *b == 'X' ? 8u : 0u;
                sticky = sticky || *b == 't';
        }
        if (user)
                c->user.bits = mode, c->user.type = bits[-1];
        if (group)
                c->group.bits = mode, c->group.type = bits[-1];
        if (others) {
                c->others.bits = mode;
                c->sticky.bits = sticky;
                c->others.type = c->sticky.type = bits[-1];
        }
        *at = end;
        return true;
}

/* Clauses with commas between, of these letters; a clause without any only where @none is fine. */
static bool parse_symbolic(const char *at, const char *letters, bool none,
                           struct cli_mode_change *ret)
{
        struct cli_mode_change c = {{'+', 0}, {'+', 0}, {'+', 0}, {'+', 0}};

        for (;;) {
                size_t n;

                if (!parse_clause(&at, letters, &c) || (!none && strchr("+=-", at[-1]) != NULL))
                        return false;
                n = strspn(at, ", \t\n\v\f\r");
                if (at[n] == '\0')
                        return *ret = c, true;
                if (memchr(at, ',', n) == NULL)
                        return false;
                at += n;
        }
}

bool cli_mode_parse(const char *text, struct cli_mode_change *ret)
{
        return parse_octal(text, ret) || parse_symbolic(text, "rwxXt", false, ret);
}

bool cli_mode_umask(const char *text, uint32_t *ret)
{
        struct cli_mode_change c;
        const char *at = text + strspn(text, space);
        size_t n;

        if (parse_symbolic(text, "rwx", true, &c))
                return *ret = ~cli_mode_apply(&c, 0, false) & 0777, true;
        at += *at == '+';
        at += strspn(at, "0"); /* three digits end it, of which these may be some */
        n = strspn(at, "01234567");
        if (n > 3 || at + n - text < 3 || at[n + strspn(at + n, space)] != '\0')
                return false;
        *ret = (uint32_t)strtoul(at, NULL, 8);
        return true;
}

static uint32_t combine(char type, uint32_t bits, uint32_t old, bool execute_ok)
{
        bool only_if = (bits & 8) != 0;
        uint32_t mode = only_if ? (bits & 7) | 1 : bits;

        mode = type == '+' ? mode | old : type == '-' ? ~mode & old : mode;
        if (only_if && !execute_ok && (mode & 1) != 0 && (old & 1) == 0)
                mode &= ~1u;
        return mode;
}

uint32_t cli_mode_apply(const struct cli_mode_change *c, uint32_t mode, bool directory)
{
        bool execute_ok = directory || (mode & 0111) != 0;

        return combine(c->sticky.type, c->sticky.bits, mode >> 9, false) << 9 |
               combine(c->user.type, c->user.bits, mode >> 6 & 7, execute_ok) << 6 |
               combine(c->group.type, c->group.bits, mode >> 3 & 7, execute_ok) << 3 |
               combine(c->others.type, c->others.bits, mode & 7, execute_ok);
}
