/* bdfs find: names that fit, and -print. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "cli/cli_glob.h"
#include "cli/cli_json.h"
#include "cli/cmd.h"
#include "common/bytes.h"
#include "common/cleanup.h"

/* The only operator of FsShell's find is -and, so an expression is a list that ends at its first
 * "no". */
enum step_kind { STEP_NAME, STEP_INAME, STEP_PRINT, STEP_PRINT0 };
struct step {
        enum step_kind kind;
        struct glob glob;
};

#define STEPS_MAX 64

struct find {
        struct cli *cli;
        struct step step[STEPS_MAX];
        size_t n;
        bool prints;
};

static int utf8_length(unsigned char c)
{
        return c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
}

/* The lower-case form of one character, as UTF-8. */
static void add_lower(struct buf *b, const char *at, int n)
{
        uint32_t v = n == 2 ? (uint32_t)(at[0] & 0x1f) << 6 | (uint32_t)(at[1] & 0x3f)
                            : (uint32_t)(at[0] & 0x0f) << 12 | (uint32_t)(at[1] & 0x3f) << 6 |
                                      (uint32_t)(at[2] & 0x3f);
        locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

        if (unicode != (locale_t)0) {
                v = (uint32_t)towlower_l((wint_t)v, unicode);
                freelocale(unicode);
        }
        if (v < 0x800) {
                buf_u8(b, (uint8_t)(0xc0 | v >> 6));
        } else {
                buf_u8(b, (uint8_t)(0xe0 | v >> 12));
                buf_u8(b, (uint8_t)(0x80 | (v >> 6 & 0x3f)));
        }
        buf_u8(b, (uint8_t)(0x80 | (v & 0x3f)));
}

static char *lower(const char *text)
{
        struct buf b;

        buf_init(&b, 0);
        while (*text != '\0') {
                int n = utf8_length((unsigned char)*text);

                for (int i = 1; i < n; i++) {
                        if (((unsigned char)text[i] & 0xc0) != 0x80)
                                n = 1; /* no UTF-8 */
                }
                if (n == 2 || n == 3)
                        add_lower(&b, text, n);
                else if (n == 1 && *text >= 'A' && *text <= 'Z')
                        buf_u8(&b, (uint8_t)(*text + 32));
                else
                        buf_add(&b, text, (size_t)n);
                text += n;
        }
        buf_u8(&b, 0);
        if (!b.bad)
                return (char *)b.data;
        buf_fini(&b);
        return NULL;
}

/* ---- expressions ----------------------------------------------------------------------------- */

static enum bdfs_status add_step(struct find *f, enum step_kind kind, const char *pattern,
                                 struct bdfs_err *err)
{
        struct step *s = &f->step[f->n];
        AUTO_FREE char *small = NULL;

        if (f->n == STEPS_MAX)
                return bdfs_fail(err, BDFS_USAGE, "the expression has more than %d parts",
                                 STEPS_MAX);
        *s = (struct step){.kind = kind};
        if (kind == STEP_INAME) {
                small = lower(pattern);
                if (small == NULL)
                        return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
                pattern = small;
        }
        if (pattern != NULL && glob_compile(pattern, &s->glob, err) != BDFS_OK)
                return err->status;
        f->n++;
        f->prints = f->prints || pattern == NULL;
        return BDFS_OK;
}

static enum bdfs_status parse(struct find *f, int argc, char **argv, struct bdfs_err *err)
{
        for (int i = 0; i < argc; i++) {
                const char *word = argv[i];
                bool name = strcmp(word, "-name") == 0, iname = strcmp(word, "-iname") == 0;
                bool print = strcmp(word, "-print") == 0, print0 = strcmp(word, "-print0") == 0;

                if (strcmp(word, "-a") == 0 || strcmp(word, "-and") == 0 ||
                    strcmp(word, "(") == 0 || strcmp(word, ")") == 0)
                        continue;
                if (!name && !iname && !print && !print0)
                        return bdfs_fail(err, BDFS_USAGE, "Unexpected argument: %s", word);
                if ((name || iname) && ++i == argc)
                        return bdfs_fail(err, BDFS_USAGE, "%s: no pattern", word);
                if (add_step(f, name ? STEP_NAME : iname ? STEP_INAME : print ? STEP_PRINT
                                                                              : STEP_PRINT0,
                             name || iname ? argv[i] : NULL, err) != BDFS_OK)
                        return err->status;
        }
        return f->prints ? BDFS_OK : add_step(f, STEP_PRINT, NULL, err);
}

static enum bdfs_status find_visit(void *arg, struct cli_item *it, struct bdfs_err *err)
{
        struct find *f = arg;
        AUTO_FREE char *name = cli_item_name(it), *small = name == NULL ? NULL : lower(name);

        if (name == NULL || small == NULL)
                return bdfs_fail(err, BDFS_NO_MEMORY, "no memory");
        for (size_t i = 0; i < f->n; i++) {
                const struct step *s = &f->step[i];

                switch (s->kind) {
                case STEP_NAME:
                case STEP_INAME:
                        if (!glob_match(&s->glob, s->kind == STEP_NAME ? name : small))
                                return BDFS_OK;
                        break;
                case STEP_PRINT:
                case STEP_PRINT0:
                        if (f->cli->json)
                                cli_json_add(f->cli, cli_json_item(it));
                        else
                                cli_print(f->cli, "%s%c", it->text,
                                          s->kind == STEP_PRINT ? '\n' : '\0');
                        break;
                }
        }
        return BDFS_OK;
}

int cmd_find(struct cli *cli, int argc, char **argv)
{
        struct find f = {.cli = cli};
        static char here[] = ".";
        char *home[] = {here};
        struct bdfs_err err;
        int paths = 0, rc;

        argc--, argv++;
        while (argc > 0 && (strcmp(argv[0], "-L") == 0 || strcmp(argv[0], "-H") == 0))
                argc--, argv++; /* links are shown as themselves */
        while (paths < argc && argv[paths][0] != '-' && strcmp(argv[paths], "(") != 0)
                paths++;
        if (parse(&f, argc - paths, argv + paths, &err) != BDFS_OK) {
                rc = cli_usage(cli, "%s", err.text);
        } else {
                if (cli->json)
                        cli_json_begin(cli);
                rc = cli_walk_all(cli, paths == 0 ? 1 : paths, paths == 0 ? home : argv, true,
                                  find_visit, &f);
                if (cli->json)
                        cli_json_end(cli);
        }
        for (size_t i = 0; i < f.n; i++)
                glob_fini(&f.step[i].glob);
        return rc;
}
