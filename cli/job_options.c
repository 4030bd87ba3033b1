#include "cli/job_options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/limits.h"

bool job_words_add(struct job_words *w, const char *word)
{
        const char **more = realloc(w->list, (w->n + 1) * sizeof(*more));

        if (more == NULL)
                return false;
        w->list = more;
        w->list[w->n++] = word;
        return true;
}

void job_request_fini(struct job_request *q)
{
        free(q->inputs.list);
        free(q->files.list);
        *q = (struct job_request){.output = NULL};
}

/* ---- our own options ------------------------------------------------------------------------ */

enum { OPTION_TIMEOUT = 1000, OPTION_JSON };

static const struct option long_options[] = {
        {"file", required_argument, NULL, 'f'},
        {"input", required_argument, NULL, 'i'},
        {"output", required_argument, NULL, 'o'},
        {"map", required_argument, NULL, 'm'},
        {"reduce", required_argument, NULL, 'r'},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"json", no_argument, NULL, OPTION_JSON},
        {NULL, 0, NULL, 0},
};

static const char *option_timeout(struct job_request *q, const char *value)
{
        q->has_timeout = true;
        return cli_number(value, 0, JOB_TIMEOUT_S_MAX, false, &q->timeout_s)
                       ? NULL
                       : "--timeout wants seconds without a sign of life, at most 86400; 0: never";
}

/* What is wrong with one option, or NULL. Words that follow an -i are inputs too. */
static const char *option_take(struct job_request *q, int option, const char *value, bool *inputs)
{
        if (option == 1)
                return !*inputs ? "unexpected word; inputs follow -i"
                       : job_words_add(&q->inputs, value) ? NULL
                                                          : "no memory";
        *inputs = option == 'i';
        switch (option) {
        case 'i': return job_words_add(&q->inputs, value) ? NULL : "no memory";
        case 'f': return job_words_add(&q->files, value) ? NULL : "no memory";
        case 'o': q->output = value; return NULL;
        case 'm': q->map = value; return NULL;
        case 'r': q->reduce = value; return NULL;
        case 'n':
                q->has_reduces = true;
                return cli_number(value, 1, JOB_PARTS_MAX, false, &q->reduces)
                               ? NULL
                               : "-n wants a number from 1 to 10000";
        case OPTION_TIMEOUT: return option_timeout(q, value);
        case OPTION_JSON: q->json = true; return NULL;
        default: return "unknown option, or one without its value";
        }
}

static const char *request_check(const struct job_request *q)
{
        if (q->inputs.n == 0)
                return "-i PATH is needed";
        if (q->output == NULL)
                return "-o DIR is needed";
        if (strcmp(q->output, "-") == 0)
                return "-o -: the output is a directory of the cluster; `bdfs cat 'DIR/part-*'' "
                       "shows it afterwards";
        if (q->map == NULL || q->map[0] == '\0')
                return "-m COMMAND is needed";
        if (q->reduce != NULL && q->reduce[0] == '\0')
                return "-r wants a command";
        if (q->has_reduces && q->reduce == NULL)
                return "-n without -r: how many parts there are is for reducers to say";
        return NULL;
}

bool job_request_parse(struct job_request *ret, int argc, char **argv, char why[JOB_WHY_BYTES])
{
        const char *wrong = NULL;
        bool inputs = false;
        int option;

        *ret = (struct job_request){.output = NULL};
        if (job_words_are_hadoops(argc, argv)) {
                job_hadoop_to_native(argc, argv, why);
                return false;
        }
        optind = 0;
        opterr = 0;
        while (wrong == NULL &&
               (option = getopt_long(argc, argv, "-i:o:m:r:n:f:", long_options, NULL)) != -1) {
                wrong = option_take(ret, option, optarg, &inputs);
                if (wrong != NULL && option == '?') {
                        (void)snprintf(why, JOB_WHY_BYTES, "%s: %s", argv[optind - 1], wrong);
                        return false;
                }
        }
        if (wrong == NULL)
                wrong = request_check(ret);
        if (ret->reduce != NULL && !ret->has_reduces)
                ret->reduces = 1;
        if (wrong != NULL)
                (void)snprintf(why, JOB_WHY_BYTES, "%s", wrong);
        return wrong == NULL;
}

/* ---- Hadoop's ------------------------------------------------------------------------------- */

enum hadoop_word { HADOOP_INPUT, HADOOP_OUTPUT, HADOOP_MAPPER, HADOOP_REDUCER, HADOOP_PARTS,
                   HADOOP_FILE, HADOOP_FILES, HADOOP_PROPERTY, HADOOP_OTHER, HADOOP_FLAG,
                   HADOOP_NONE };

static const struct {
        const char *name;
        enum hadoop_word word;
} hadoop_words[] = {
        {"-input", HADOOP_INPUT},         {"-output", HADOOP_OUTPUT},
        {"-mapper", HADOOP_MAPPER},       {"-reducer", HADOOP_REDUCER},
        {"-numReduceTasks", HADOOP_PARTS}, {"-file", HADOOP_FILE},
        {"-files", HADOOP_FILES},         {"-D", HADOOP_PROPERTY},
        {"-jobconf", HADOOP_PROPERTY},    {"-combiner", HADOOP_OTHER},
        {"-partitioner", HADOOP_OTHER},   {"-inputformat", HADOOP_OTHER},
        {"-outputformat", HADOOP_OTHER},  {"-cmdenv", HADOOP_OTHER},
        {"-archives", HADOOP_OTHER},      {"-libjars", HADOOP_OTHER},
        {"-cacheFile", HADOOP_OTHER},     {"-cacheArchive", HADOOP_OTHER},
        {"-io", HADOOP_OTHER},            {"-conf", HADOOP_OTHER},
        {"-lazyOutput", HADOOP_FLAG},     {"-background", HADOOP_FLAG},
        {"-verbose", HADOOP_FLAG},        {"-info", HADOOP_FLAG},
};

static enum hadoop_word hadoop_word_of(const char *word)
{
        for (size_t i = 0; i < sizeof(hadoop_words) / sizeof(hadoop_words[0]); i++) {
                if (strcmp(hadoop_words[i].name, word) == 0)
                        return hadoop_words[i].word;
        }
        return HADOOP_NONE;
}

bool job_words_are_hadoops(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                const char *before = argv[i - 1];

                /* the value of one of ours is no option */
                if (i > 1 && before[0] == '-' && strchr("iomrnf", before[1]) != NULL &&
                    before[1] != '\0' && before[2] == '\0')
                        continue;
                if (hadoop_word_of(argv[i]) != HADOOP_NONE)
                        return true;
        }
        return false;
}

struct hadoop_text {
        char *at;
        size_t left;
};

__attribute__((format(printf, 2, 3)))
static void hadoop_say(struct hadoop_text *t, const char *format, ...)
{
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(t->at, t->left, format, ap);
        va_end(ap);
        if (n < 0)
                return;
        if ((size_t)n >= t->left)
                n = (int)t->left - 1;
        t->at += n;
        t->left -= (size_t)n;
}

/* A word as a shell wants it. */
static void hadoop_say_word(struct hadoop_text *t, const char *option, const char *word, size_t n)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "-_./:,=+@%";

        if (n > 0 && strspn(word, plain) >= n) {
                hadoop_say(t, " %s %.*s", option, (int)n, word);
                return;
        }
        hadoop_say(t, " %s '", option);
        for (size_t i = 0; i < n; i++)
                hadoop_say(t, word[i] == '\'' ? "'\\''" : "%c", word[i]);
        hadoop_say(t, "'");
}

static void hadoop_say_list(struct hadoop_text *t, const char *option, const char *list)
{
        while (*list != '\0') {
                size_t n = strcspn(list, ",");

                hadoop_say_word(t, option, list, option[1] == '-' && memchr(list, '#', n) != NULL
                                                         ? strcspn(list, "#")
                                                         : n);
                list += n + (list[n] == ',');
        }
}

/* How many reduces a property says, or NULL: another property. */
static const char *hadoop_reduces(const char *property)
{
        static const char *const names[] = {"mapreduce.job.reduces=", "mapred.reduce.tasks="};

        for (size_t i = 0; i < 2; i++) {
                if (strncmp(property, names[i], strlen(names[i])) == 0)
                        return property + strlen(names[i]);
        }
        return NULL;
}

/* What the words say of one kind, in the order of our own options. */
static const char *hadoop_value(int argc, char **argv, enum hadoop_word wanted)
{
        const char *value = NULL;

        for (int i = 1; i + 1 < argc; i++) {
                enum hadoop_word w = hadoop_word_of(argv[i]);

                if (w == HADOOP_NONE || w == HADOOP_FLAG)
                        continue;
                i++;
                if (w == wanted)
                        value = argv[i];
                if (w == HADOOP_PROPERTY && wanted == HADOOP_PARTS &&
                    hadoop_reduces(argv[i]) != NULL)
                        value = hadoop_reduces(argv[i]);
        }
        return value;
}

static void hadoop_say_all(struct hadoop_text *t, int argc, char **argv, enum hadoop_word wanted,
                           const char *option)
{
        for (int i = 1; i + 1 < argc; i++) {
                enum hadoop_word w = hadoop_word_of(argv[i]);

                if (w == HADOOP_NONE || w == HADOOP_FLAG)
                        continue;
                i++;
                if (w == wanted && w == HADOOP_FILE)
                        hadoop_say_word(t, option, argv[i], strlen(argv[i]));
                else if (w == wanted)
                        hadoop_say_list(t, option, argv[i]);
        }
}

/* Words that have no counterpart; after them the list is closed. */
static void hadoop_say_rest(struct hadoop_text *t, int argc, char **argv)
{
        const char *between = " (without a counterpart: ";

        for (int i = 1; i < argc; i++) {
                enum hadoop_word w = hadoop_word_of(argv[i]);
                const char *value = i + 1 < argc && w != HADOOP_FLAG ? argv[i + 1] : "";

                i += w != HADOOP_NONE && w != HADOOP_FLAG;
                if (w != HADOOP_OTHER && w != HADOOP_FLAG &&
                    (w != HADOOP_PROPERTY || hadoop_reduces(value) != NULL))
                        continue;
                hadoop_say(t, "%s%s%s%s", between, argv[*value == '\0' ? i : i - 1],
                           *value == '\0' ? "" : " ", value);
                between = ", ";
        }
        if (between[0] == ',')
                hadoop_say(t, ")");
}

void job_hadoop_to_native(int argc, char **argv, char ret[JOB_WHY_BYTES])
{
        struct hadoop_text t = {ret, JOB_WHY_BYTES};
        const char *output = hadoop_value(argc, argv, HADOOP_OUTPUT);
        const char *map = hadoop_value(argc, argv, HADOOP_MAPPER);
        const char *reduce = hadoop_value(argc, argv, HADOOP_REDUCER);
        const char *parts = hadoop_value(argc, argv, HADOOP_PARTS);
        bool reduces = reduce != NULL && strcmp(reduce, "NONE") != 0 &&
                       (parts == NULL || strcmp(parts, "0") != 0);

        hadoop_say(&t, "these are options of Hadoop's streaming; here it is: bdfs job run");
        hadoop_say_all(&t, argc, argv, HADOOP_INPUT, "-i");
        if (output != NULL)
                hadoop_say_word(&t, "-o", output, strlen(output));
        map = map == NULL ? "cat" : map;
        hadoop_say_word(&t, "-m", map, strlen(map));
        if (reduces)
                hadoop_say_word(&t, "-r", reduce, strlen(reduce));
        if (reduces && parts != NULL)
                hadoop_say_word(&t, "-n", parts, strlen(parts));
        hadoop_say_all(&t, argc, argv, HADOOP_FILE, "--file");
        hadoop_say_all(&t, argc, argv, HADOOP_FILES, "--file");
        hadoop_say_rest(&t, argc, argv);
}
