/* Manual pages in mdoc(7) and the completion script, from the same tables as --help. */
#include <string.h>

#include "cli/cli_help.h"
#include "client/fs.h"
#include "common/mdoc.h"

void cli_man_verb(const struct cli_verb *v, FILE *to)
{
        const struct cli_help *h = cli_help_of(v->name);
        char name[64];

        (void)snprintf(name, sizeof(name), "bdfs-%s", v->name);
        mdoc_head(name, 1, v->help, to);
        (void)fprintf(to, ".Sh SYNOPSIS\n.Nm bdfs %s\n", v->name);
        mdoc_line(v->usage, to);
        (void)fprintf(to, ".Sh DESCRIPTION\n");
        mdoc_sentence(v->help, to);
        if (h != NULL) {
                mdoc_paragraph(h->text, to);
                mdoc_options(h->options, to);
        }
        (void)fprintf(to, ".Sh EXIT STATUS\nAs in\n.Xr bdfs 1 .\n");
        if (h != NULL)
                mdoc_examples(h->examples, to);
        (void)fprintf(to, ".Sh SEE ALSO\n.Xr bdfs 1\n");
}

static void man_exit_codes(FILE *to)
{
        static const char *const meaning[][2] = {
                {"0", "done; for test: yes"},
                {"1", "failed in another way; for test: no"},
                {"2", "wrong usage"},
                {"3", "not found"},
                {"4", "exists, or is not empty"},
                {"5", "permission denied"},
                {"6", "unavailable; trying again may help"},
                {"7", "quota or space"},
                {"8", "corrupt"},
                {"9", "some operands were done and some were not"},
                {"10", "a job was cancelled or killed"},
                {"124", "time is over"},
        };

        (void)fprintf(to, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
        for (size_t i = 0; i < sizeof(meaning) / sizeof(meaning[0]); i++)
                (void)fprintf(to, ".It %s\n%s.\n", meaning[i][0], meaning[i][1]);
        (void)fprintf(to, ".El\n");
}

static const char general_options[] =
        "--conf FILE\tclient.conf of the cluster\n"
        "--uri URI\tbdfs://NAME of the configuration, or hdfs://host:port of any cluster\n"
        "--user NAME\tact as this user, for root and gateways\n"
        "--timeout SECONDS\thow long a call may take (60)\n"
        "--json\twhat a command reads as JSON\n"
        "-q\tno progress\n"
        "-D NAME=VALUE\ta property as Hadoop names it: honoured, or refused by name\n"
        "-conf FILE\tproperties in Hadoop's XML, or as --conf\n";

void cli_man_program(FILE *to)
{
        mdoc_head("bdfs", 1, "files of a bdfs cluster, or of an Apache HDFS", to);
        (void)fprintf(to, ".Sh SYNOPSIS\n.Nm bdfs\n.Op Ar options\n.Ar verb\n.Op Ar ...\n"
                          ".Sh DESCRIPTION\n");
        mdoc_paragraph("Data goes to standard output, everything else to standard error. The "
                       "verbs of "
                          "hdfs dfs may be written as there, with their dash. A path is /p on the "
                          "cluster of the configuration, bdfs://NAME/p, or hdfs://host:port/p; one "
                          "without a leading slash begins at /user/NAME. Paths may have the "
                          "patterns "
                          "of Hadoop: * ? [a-z] {a,b}.", to);
        mdoc_options(general_options, to);
        (void)fprintf(to, ".Ss Verbs\n.Bl -tag -width moveFromLocal\n");
        for (size_t i = 0; i < cli_verbs_n; i++) {
                (void)fprintf(to, ".It Xr bdfs-%s 1\n", cli_verbs[i].name);
                mdoc_sentence(cli_verbs[i].help, to);
        }
        (void)fprintf(to, ".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
                          ".It Ev BDFS_CONF\nThe configuration when\n.Fl \\-conf\nis not given.\n"
                          ".It Ev HADOOP_USER_NAME\nThe user when\n.Fl \\-user\nis not "
                          "given.\n.El\n"
                          ".Sh FILES\n.Bl -tag -width Ds\n"
                          ".It Pa ~/.bdfs/client.conf , Pa /etc/bdfs/client.conf\n"
                          "The configuration when there is no other, see\n.Xr bdfs.conf 5 "
                          ".\n.El\n");
        man_exit_codes(to);
        (void)fprintf(to, ".Sh SEE ALSO\n.Xr bdfs.conf 5 ,\n.Xr bdfs-agent 8 ,\n"
                          ".Xr bdfs-datanode 8 ,\n.Xr bdfs-mount 8 ,\n.Xr bdfs-namenode 8\n");
}

void cli_man_conf(FILE *to)
{
        mdoc_head("bdfs.conf", 5, "configuration of bdfs programs", to);
        (void)fprintf(to, ".Sh DESCRIPTION\n");
        mdoc_paragraph("Each program has a file of its own: client.conf for bdfs and bdfs-mount, "
                       "one for "
                       "each server. A line is \"key = value\"; one that begins with # or ; is a "
                       "comment. Bytes may be written as 512, 64K, 128M, 10G or 2T, durations as "
                       "250ms, 30s, 5m, 2h or 1d, lists with commas, yes and no as such. Nothing "
                       "in "
                       "a file is ignored: an unknown key, a key given twice or a value out of "
                       "range "
                       "stops the start with file and line.", to);
        (void)fprintf(to, ".Ss Keys of client.conf\n");
        conf_man(client_conf_table, client_conf_table_n, to);
        (void)fprintf(to, ".Ss Keys of the servers\nTheir own pages list them.\n"
                          ".Sh EXAMPLES\n.Bd -literal -offset indent\nname = bdfs\n"
                          "namenode = 127.0.0.1:9000\n.Ed\n.Sh SEE ALSO\n.Xr bdfs 1 ,\n"
                          ".Xr bdfs\\-agent 8 ,\n.Xr bdfs\\-datanode 8 ,\n.Xr bdfs\\-namenode 8\n");
}

/* ---- completion ------------------------------------------------------------------------------ */

static void completion_options(FILE *to, const char *options)
{
        for (const char *o = options; *o != '\0'; o = strchr(o, '\n') + 1)
                (void)fprintf(to, " %.*s", (int)strcspn(o, " \t["), o);
}

void cli_completion(FILE *to)
{
        (void)fprintf(to, "_bdfs_verbs='");
        for (size_t i = 0; i < cli_verbs_n; i++)
                (void)fprintf(to, "%s%s", i == 0 ? "" : " ", cli_verbs[i].name);
        (void)fprintf(to, "'\n_bdfs_options() {\n        case $1 in\n");
        for (size_t i = 0; i < cli_verbs_n; i++) {
                const struct cli_help *h = cli_help_of(cli_verbs[i].name);

                (void)fprintf(to, "        %s) echo '--help", cli_verbs[i].name);
                if (h != NULL)
                        completion_options(to, h->options);
                (void)fprintf(to, "' ;;\n");
        }
        (void)fprintf(to, "        esac\n}\n");
}
