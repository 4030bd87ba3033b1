#include "common/mdoc.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/limits.h"

void mdoc_words(const char *text, size_t n, FILE *to)
{
        bool begins = true;

        for (size_t i = 0; i < n; i++) {
                if (begins && (text[i] == '.' || text[i] == '\''))
                        (void)fprintf(to, "\\&");
                if (text[i] == '\\')
                        (void)fprintf(to, "\\e");
                else if (text[i] == '-')
                        (void)fprintf(to, "\\-");
                else
                        (void)fputc(text[i], to);
                begins = text[i] == '\n';
        }
}

void mdoc_line(const char *text, FILE *to)
{
        mdoc_words(text, strlen(text), to);
        (void)fputc('\n', to);
}

void mdoc_paragraph(const char *text, FILE *to)
{
        while (*text != '\0') {
                const char *end = strstr(text, ". ");
                size_t n = end == NULL ? strlen(text) : (size_t)(end + 1 - text);

                mdoc_words(text, n, to);
                (void)fputc('\n', to);
                text += n;
                text += strspn(text, " ");
        }
}

void mdoc_sentence(const char *text, FILE *to)
{
        (void)fputc(toupper((unsigned char)text[0]), to);
        mdoc_words(text + 1, strlen(text) - 1, to);
        (void)fprintf(to, ".\n");
}

void mdoc_head(const char *name, int section, const char *what, FILE *to)
{
        (void)fprintf(to, ".\\\" Made by the program itself, from what --help prints.\n"
                          ".Dd %s\n.Dt ", BDFS_VERSION_DATE);
        for (const char *c = name; *c != '\0'; c++)
                (void)fputc(toupper((unsigned char)*c), to);
        (void)fprintf(to, " %d\n.Os\n.Sh NAME\n.Nm ", section);
        mdoc_line(name, to);
        (void)fprintf(to, ".Nd ");
        mdoc_line(what, to);
}

/* "-t THREADS" as flag and argument. */
static void mdoc_option(const char *option, size_t n, FILE *to)
{
        size_t flag = strcspn(option, " \t\n");

        flag = flag > n ? n : flag;
        (void)fprintf(to, ".It Fl ");
        mdoc_words(option + 1, flag - 1, to);
        if (flag < n) {
                (void)fprintf(to, " Ar ");
                mdoc_words(option + flag + 1, n - flag - 1, to);
        }
        (void)fputc('\n', to);
}

void mdoc_options(const char *options, FILE *to)
{
        if (options[0] == '\0')
                return;
        (void)fprintf(to, ".Bl -tag -width Ds\n");
        for (const char *o = options; *o != '\0'; o = strchr(o, '\n') + 1) {
                size_t n = strcspn(o, "\t");

                mdoc_option(o, n, to);
                mdoc_words(o + n + 1, strcspn(o + n + 1, "\n"), to);
                (void)fprintf(to, ".\n");
        }
        (void)fprintf(to, ".El\n");
}

void mdoc_examples(const char *examples, FILE *to)
{
        if (examples[0] == '\0')
                return;
        (void)fprintf(to, ".Sh EXAMPLES\n.Bd -literal -offset indent\n");
        mdoc_words(examples, strlen(examples), to);
        (void)fprintf(to, ".Ed\n");
}
