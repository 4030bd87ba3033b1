#include "common/help.h"

#include <string.h>

#define COLUMNS 100
#define OPTION_COLUMNS 20

/* @text in lines of at most 100 columns, each behind @indent blanks, the first at column @at. */
static void help_wrapped(const char *text, size_t n, int indent, int at, FILE *to)
{
        int column = at;

        while (n > 0) {
                size_t word = strcspn(text, " \n\t");

                word = word > n ? n : word;
                if (column > indent && column + 1 + (int)word > COLUMNS) {
                        (void)fprintf(to, "\n");
                        column = 0;
                } else if (column > indent) {
                        column += fprintf(to, " ");
                }
                if (column < indent)
                        column += fprintf(to, "%*s", indent - column, "");
                column += fprintf(to, "%.*s", (int)word, text);
                text += word;
                n -= word;
                while (n > 0 && strchr(" \n\t", *text) != NULL)
                        text++, n--;
        }
        (void)fprintf(to, "\n");
}

static int help_width(const char *options)
{
        int width = 0;

        for (const char *o = options; *o != '\0'; o = strchr(o, '\n') + 1) {
                int n = (int)strcspn(o, "\t");

                width = n > width ? n : width;
        }
        return width > OPTION_COLUMNS ? OPTION_COLUMNS : width;
}

void help_options(const char *options, FILE *to)
{
        int width = help_width(options);

        for (const char *o = options; *o != '\0'; o = strchr(o, '\n') + 1) {
                int n = (int)strcspn(o, "\t");
                int at = fprintf(to, "  %-*.*s", width, n, o);

                help_wrapped(o + n + 1, strcspn(o + n + 1, "\n"), 4 + width, at, to);
        }
}

void help_text(const char *text, FILE *to)
{
        help_wrapped(text, strlen(text), 0, 0, to);
}
