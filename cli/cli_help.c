#include "cli/cli_help.h"

#include <string.h>

#include "common/help.h"
#include "fuse/mount_help.h"

#define THREADS "-t THREADS\tcopy as many files at once (1)\n"
#define NEW_FILE                                                       \
        "--replication N\tcopies of each block of new files\n"         \
        "--block-size BYTES\tblock size of new files; K, M, G or T may follow\n"
#define PRESERVE "-p\tkeep times, owner, group and mode\n"
#define FORCE "-f\treplace what is there\n"
#define DIRECT "-d\twrite under the final name at once, not under NAME._COPYING_ first\n"

static const struct cli_help table[] = {
        {"ls",
         "-C\tnames only\n"
         "-d\tdirectories themselves, not what is in them\n"
         "-h\tsizes as 64.0 M instead of 67108864\n"
         "-q\tprint ? for characters that cannot be shown\n"
         "-R\tgo into subdirectories\n"
         "-t\tnewest first\n"
         "-S\tlargest first\n"
         "-r\tthe other way round\n"
         "-u\tshow and sort by the time of the last access\n"
         "-e\tshow the erasure coding policy\n",
         "Columns are mode, replication, owner, group, size, time of the last change, name. "
         "file:///p is a local path.",
         "bdfs ls -h /data\n"},
        {"put", FORCE PRESERVE
         "-l\ta datanode may keep the bytes in memory at first (Apache HDFS)\n"
         DIRECT THREADS NEW_FILE,
         "- is standard input. A file gets its name when it is complete and durable; one that "
         "failed leaves nothing under it.",
         "bdfs put -f report.csv /data/\n"},
        {"get", FORCE PRESERVE
         "-crc\talso write .NAME.crc, as Hadoop's local file system does\n"
         "-ignoreCrc\tgive out what is there, even where its checksum is wrong\n" THREADS,
         "Every byte is checked against its checksum. - is standard output. A file gets its name "
         "when it is complete.",
         "bdfs get /data/report.csv .\n"},
        {"cat", "-ignoreCrc\tgive out what is there, even where its checksum is wrong\n", "",
         "bdfs cat /data/part-* | wc -l\n"},
        {"cp", FORCE
         "-p\tkeep times, owner, group and mode; -p[top] names which: t(imes), o(wnership), "
         "p(ermission)\n"
         DIRECT THREADS NEW_FILE,
         "Clusters are told apart by their URIs; file:///p is a local path.",
         "bdfs cp hdfs://other:8020/data/x /data/x\n"},
        {"mv", "", "A file is never replaced. Into a directory when PATH is one.",
         "bdfs mv /a /b\n"},
        {"rm",
         "-f\tno error when nothing is there\n"
         "-r\tdirectories and what is in them\n"
         "-R\tthe same as -r\n"
         "-skipTrash\tremove for good\n"
         "-safely\task before a large directory is removed\n",
         "Where the cluster keeps a trash, what is removed goes to /user/NAME/.Trash first.",
         "bdfs rm -r /data/old\n"},
        {"expunge",
         "-immediate\tall of it, at once\n"
         "-fs URI\tthe trash of this cluster\n",
         "What is in /user/NAME/.Trash/Current becomes a checkpoint there; checkpoints older than "
         "the cluster keeps them are deleted. The namenode does the same for every user.",
         ""},
        {"mkdir", "-p\tmake missing parents; an existing directory is fine\n", "", ""},
        {"rmdir", "--ignore-fail-on-non-empty\ta directory that is not empty is no error\n", "",
         ""},
        {"du",
         "-s\tone sum for each operand\n"
         "-h\tsizes as 64.0 M instead of 67108864\n"
         "-v\ta heading\n"
         "-x\twithout snapshots\n",
         "Columns are bytes, bytes times replication, name. Sums are kept by the namenode: they "
         "cost the same for a tree of any size.",
         "bdfs du -s -h /data\n"},
        {"df", "-h\tsizes as 64.0 M instead of 67108864\n", "", ""},
        {"count",
         "-q\tquotas too\n"
         "-h\tsizes as 64.0 M instead of 67108864\n"
         "-v\ta heading\n"
         "-u\tquotas and usage only\n"
         "-t [TYPE,...]\twith -q or -u: quotas of these types of storage\n"
         "-x\twithout snapshots\n"
         "-e\tthe erasure coding policy too\n"
         "-s\tsnapshots too\n",
         "Columns are directories, files, bytes, name.", ""},
        {"stat", "-R\tgo into subdirectories\n",
         "FORMAT has %a and %A (mode, in octal and letters), %b (bytes), %F (type), %g (group), %n "
         "(name), %o (block size), %r (replication), %u (owner), %x and %X (time of access, as "
         "text and in milliseconds), %y and %Y (time of change). It is %y when it is not given.",
         "bdfs stat '%n %b' /data/*\n"},
        {"head", "", "", ""},
        {"tail",
         "-f\tgo on as the file grows\n"
         "-s MILLISECONDS\thow often -f looks (5000)\n",
         "", ""},
        {"touch",
         "-a\tonly the time of access\n"
         "-m\tonly the time of change\n"
         "-t yyyyMMdd:HHmmss\tthis time instead of now\n"
         "-c\tmake no file\n",
         "", ""},
        {"touchz", "", "A file that is there and not empty is an error.", ""},
        {"truncate", "-w\twait until the last block is recovered (Apache HDFS)\n", "",
         "bdfs truncate 0 /logs/today\n"},
        {"concat", "", "TARGET grows by the others, which are gone then. No byte is copied.", ""},
        {"append",
         "-n\tbegin a new block\n" NEW_FILE,
         "- is standard input. A file that is not there is made.", "date | bdfs append - "
         "/logs/today\n"},
        {"find",
         "-name PATTERN\tthe last component fits PATTERN\n"
         "-iname PATTERN\tthe same, whatever the case of letters\n"
         "-print\tprint names, a line each; done when nothing else is said\n"
         "-print0\tprint names with a NUL behind each\n",
         "Expressions may be joined by -a and -and.", "bdfs find /data -name '*.csv'\n"},
        {"getmerge",
         "-nl\tan LF behind each file\n"
         "-skip-empty-file\tnone behind an empty one\n",
         "", "bdfs getmerge /data/out result.txt\n"},
        {"text", "-ignoreCrc\tgive out what is there, even where its checksum is wrong\n",
         "What a file is, is told by its first bytes. Others are given out as they are.", ""},
        {"chmod", "-R\tgo into subdirectories\n",
         "MODE is octal, or letters as in u=rwx,g+w,o-x; X is x for directories and for files that "
         "somebody may execute.",
         "bdfs chmod -R g+rX /data\n"},
        {"chown", "-R\tgo into subdirectories\n", "", "bdfs chown -R ann:staff /data/ann\n"},
        {"chgrp", "-R\tgo into subdirectories\n", "", ""},
        {"setrep",
         "-R\taccepted; directories are always gone into\n"
         "-w\twait until every block has as many replicas\n",
         "", "bdfs setrep -w 2 /data/tmp\n"},
        {"test",
         "-e\tit exists\n"
         "-d\tit is a directory\n"
         "-f\tit is a file\n"
         "-s\tit has bytes\n"
         "-w\tone may write to it\n"
         "-r\tone may read it\n"
         "-z\tit is empty\n",
         "Exit status is 0 for yes and 1 for no.", "bdfs test -d /data && echo there\n"},
        {"checksum",
         "-v\tthe block size too\n"
         "--composite\tCOMPOSITE-CRC, which does not depend on block sizes\n",
         "", ""},
        {"info", "-R\tgo into subdirectories\n",
         "For each block: where its bytes begin, its stamp and length, and the datanodes that "
         "have it.",
         ""},
        {"fsck", "", "/ when no PATH is given. Exit status is 8 when a block is missing or "
         "corrupt.", ""},
        {"admin", "",
         "report: space, blocks and datanodes. safemode: whether the namenode refuses changes, or "
         "enter and leave that state, or wait until it is left. checkpoint: write one now. digest: "
         "the digest of the tables at a journal index, for comparison.",
         "bdfs admin safemode wait\n"},
        {"doctor", "--write\talso write, read and remove a small file\n",
         "Each finding says what to do about it.", ""},
        {"moveFromLocal", FORCE PRESERVE
         "-l\ta datanode may keep the bytes in memory at first (Apache HDFS)\n" DIRECT,
         "", ""},
        {"mount", MOUNT_HELP_OPTIONS, MOUNT_HELP_TEXT,
         "bdfs mount /mnt/big\n"},
        {"umount", "-l\tat once, even where files are open\n",
         "Returns when what was written is complete and the daemon has ended.", ""},
        {"job",
         "-i PATH ...\tinputs: files, directories, patterns\n"
         "-o DIR\toutput; must not exist\n"
         "-m COMMAND\twhat each part of the input is fed to\n"
         "-r COMMAND\twhat the sorted output of all maps is fed to\n"
         "-n PARTS\tin how many parts (1)\n"
         "--file FILE\tput it into the directory where each command runs\n"
         "--timeout S\tend an attempt that does nothing for so many seconds (600); 0: never\n"
         "--json\tprint what came of it as JSON\n",
         "The input is cut by block, and each command runs on a machine that has the block. Output "
         "appears as a whole or not at all. logs: what the attempts of a job wrote to standard "
         "error.",
         "bdfs job run -i /books -o /words -m \"tr -cs A-Za-z '\\n'\" -r 'uniq -c'\n"},
        {"moveToLocal", FORCE PRESERVE
         "-crc\talso write .NAME.crc, as Hadoop's local file system does\n"
         "-ignoreCrc\tgive out what is there, even where its checksum is wrong\n" THREADS,
         "Each file is removed from the cluster when its copy is complete.", ""},
        {"lsr", "", "Hadoop's old name.", ""},
        {"dus", "", "Hadoop's old name.", ""},
        {"rmr",
         "-f\tno error when nothing is there\n"
         "-skipTrash\tremove for good\n"
         "-safely\task before a large directory is removed\n",
         "Hadoop's old name.", ""},
        {"cluster",
         "--dir DIR\twhere everything of it is\n"
         "--datanodes N\thow many (3)\n"
         "--namenodes 1\tonly one is supported yet\n"
         "--replication R\tcopies of a block (3)\n"
         "--block-size BYTES\tof new files (128M)\n"
         "--base-port P\tports from here on (9000); 0: any free range\n"
         "--hadoop off|loopback\tports for Hadoop clients on this machine (off)\n"
         "--racks a,b,..\tracks of the datanodes, in turn\n"
         "--no-agents\tno agents: no jobs\n"
         "--slots N\ttasks at once of one agent (its share of the cores)\n"
         "--task-timeout S\ta task that does nothing for so long is ended (600); 0: never\n"
         "--sort-memory BYTES\tin which one task's output is sorted (128M)\n"
         "--trash DURATION\thow long what rm removes is kept (6h); off: not at all\n"
         "--grace SECONDS\thow long what was deleted or replaced stays for its readers; 3600\n"
         "--json\tstatus as JSON\n",
         "up makes DIR, or starts what is not running in it, and returns when the cluster takes "
         "writes; settings are given once. status says what runs, down ends it. DIR/client.conf is "
         "for --conf or BDFS_CONF.",
         "bdfs cluster up --dir /tmp/c && export BDFS_CONF=/tmp/c/client.conf\n"},
};

static const char *const second_names[][2] = {
        {"copyFromLocal", "put"},
        {"copyToLocal", "get"},
        {"appendToFile", "append"},
};

/* The verb whose second name @verb is; @verb itself when it is none's. */
static const char *cli_help_first_name(const char *verb)
{
        for (size_t i = 0; i < sizeof(second_names) / sizeof(second_names[0]); i++) {
                if (strcmp(second_names[i][0], verb) == 0)
                        return second_names[i][1];
        }
        return verb;
}

const struct cli_help *cli_help_of(const char *verb)
{
        verb = cli_help_first_name(verb);
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                if (strcmp(table[i].verb, verb) == 0)
                        return &table[i];
        }
        return NULL;
}

/* ---- on a terminal --------------------------------------------------------------------------- */

void cli_help_verb(const struct cli_verb *v, FILE *to)
{
        const struct cli_help *h = cli_help_of(v->name);

        (void)fprintf(to, "usage: bdfs %s %s\n\n%s\n", v->name, v->usage, v->help);
        if (h == NULL)
                return;
        if (h->options[0] != '\0') {
                (void)fprintf(to, "\n");
                help_options(h->options, to);
        }
        if (h->text[0] != '\0') {
                (void)fprintf(to, "\n");
                help_text(h->text, to);
        }
        for (const char *e = h->examples; *e != '\0'; e = strchr(e, '\n') + 1)
                (void)fprintf(to, "%s    %.*s\n", e == h->examples ? "\n" : "",
                              (int)strcspn(e, "\n"), e);
}

void cli_help_program(FILE *to)
{
        (void)fprintf(to, "usage: bdfs [--conf FILE] [--uri URI] [--user NAME] [--timeout SECONDS] "
                          "[--json] [-q] VERB ...\n\n");
        for (size_t i = 0; i < cli_verbs_n; i++)
                (void)fprintf(to, "  %-13s  %s\n", cli_verbs[i].name, cli_verbs[i].help);
        (void)fprintf(to, "\nbdfs VERB --help says more. The verbs of `hdfs dfs` may be written as "
                          "there: bdfs dfs -ls /\n");
}
