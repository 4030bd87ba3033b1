#include "cli/job_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli_format.h"
#include "cli/cli_json.h"
#include "exec/driver/job_left.h"

#define PRINT_AFTER_MS 1000
#define PRINT_EVERY_MS 10000
#define LINE_BYTES 256

/* Done so far, of 1000. */
static unsigned job_permille(const struct job_progress *now)
{
        const struct plan_counts *t = &now->tasks;
        uint64_t maps = now->bytes_all > 0  ? now->bytes_done * 1000 / now->bytes_all
                        : t->maps > 0 ? t->maps_done * 1000ULL / t->maps
                                      : 1000;

        if (t->maps_done == t->maps || maps > 1000)
                maps = 1000;
        if (t->reduces == 0)
                return (unsigned)maps;
        return (unsigned)(maps * 7 / 10 + t->reduces_done * 300ULL / t->reduces);
}

static unsigned local_percent(const struct plan_counts *t)
{
        return t->maps_done == 0 ? 100 : t->maps_local * 100 / t->maps_done;
}

void job_print_begin(struct job_print *p, bool quiet)
{
        *p = (struct job_print){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

static void make_line(const struct job_progress *now, int64_t reduce_ms, char ret[LINE_BYTES])
{
        const struct plan_counts *t = &now->tasks;
        unsigned permille = job_permille(now);
        char rate[CLI_TEXT_BYTES], eta[40] = "";
        int64_t left = job_seconds_left(now, reduce_ms);

        if (left >= 0 && permille < 1000) /* how long reducing takes, maps do not tell */
                (void)snprintf(eta, sizeof(eta), "  %seta %" PRId64 ":%02d",
                               t->reduces > 0 && t->maps_done < t->maps ? "maps' " : "", left / 60,
                               (int)(left % 60));
        (void)cli_bytes(rate, now->ms > 0 ? now->bytes_done * 1000 / (uint64_t)now->ms : 0);
        (void)snprintf(ret, LINE_BYTES,
                       "maps %u/%u (%u run, %u retry)  reduces %u/%u  %u%%  local %u%%  %s/s%s",
                       t->maps_done, t->maps, t->maps_running, t->retries, t->reduces_done,
                       t->reduces, permille / 10, local_percent(t), rate, eta);
}

static int columns(void)
{
        const char *given = getenv("COLUMNS");
        long n = given == NULL ? 0 : strtol(given, NULL, 10);
        struct winsize size;

        if (n > 0 && n < 10000)
                return (int)n;
        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        return 80;
}

void job_print_progress(struct job_print *p, const struct job_progress *now)
{
        unsigned permille = job_permille(now);
        char line[LINE_BYTES];

        if (p->quiet || now->tasks.maps + now->tasks.reduces == 0)
                return;
        if (p->reduce_ms == 0 && now->tasks.maps_done == now->tasks.maps)
                p->reduce_ms = now->ms;
        make_line(now, p->reduce_ms, line);
        if (p->terminal) {
                (void)fprintf(stderr, "\r%.*s\033[K", columns() - 1, line);
                (void)fflush(stderr);
                p->drawn = true;
                return;
        }
        if (now->ms < PRINT_AFTER_MS || permille == 1000 ||
            (permille / 100 <= p->tenth && now->ms - p->printed_ms < PRINT_EVERY_MS))
                return;
        (void)fprintf(stderr, "%s\n", line);
        p->tenth = permille / 100;
        p->printed_ms = now->ms;
}

void job_print_end(struct job_print *p)
{
        if (p->drawn)
                (void)fprintf(stderr, "\r\033[K");
        p->drawn = false;
}

void job_print_summary(const struct job_print *p, const struct job_report *r, const char *output)
{
        const struct job_totals *t = &r->totals;
        char in[CLI_TEXT_BYTES], out[CLI_TEXT_BYTES], more[80] = "";
        unsigned local = local_percent(&r->tasks);
        size_t n = 0;

        if (p->quiet)
                return;
        if (r->tasks.retries > 0)
                n = (size_t)snprintf(more, sizeof(more), "; %u retries", r->tasks.retries);
        if (local < 100)
                (void)snprintf(more + n, sizeof(more) - n, "; %u%% of maps local", local);
        (void)fprintf(stderr,
                      "%s done in %" PRId64 ".%02d s: %" PRIu64 " records, %s in; %" PRIu64
                      " records, %s out%s; output %s\n",
                      r->id, r->ms / 1000, (int)(r->ms % 1000 / 10), t->records_in,
                      cli_bytes(in, t->bytes_in), t->records_out, cli_bytes(out, t->bytes_out),
                      more, output);
        if (t->unread > 0)
                (void)fprintf(stderr, "note: %" PRIu64 " of %u maps ended before they had read all "
                              "of their input\n", t->unread, r->tasks.maps);
}

static void json_totals(json_t *o, const struct job_report *r)
{
        const struct job_totals *t = &r->totals;

        cli_json_number(o, "maps", r->tasks.maps);
        cli_json_number(o, "maps_done", r->tasks.maps_done);
        cli_json_number(o, "maps_local", r->tasks.maps_local);
        cli_json_number(o, "reduces", r->tasks.reduces);
        cli_json_number(o, "reduces_done", r->tasks.reduces_done);
        cli_json_number(o, "retries", r->tasks.retries);
        cli_json_number(o, "input_bytes", t->bytes_in);
        cli_json_number(o, "input_records", t->records_in);
        cli_json_number(o, "local_bytes", t->bytes_local);
        cli_json_number(o, "remote_bytes", t->bytes_remote);
        cli_json_number(o, "blocks_by_descriptor", t->descriptors);
        cli_json_number(o, "shuffled_bytes", t->shuffled);
        cli_json_number(o, "output_bytes", t->bytes_out);
        cli_json_number(o, "output_records", t->records_out);
        cli_json_number(o, "maps_that_left_input", t->unread);
}

json_t *job_print_json(const struct job_report *r, const struct bdfs_err *err, const char *output)
{
        const struct job_failure *f = &r->failure;
        json_t *o = json_object();

        cli_json_text(o, "job", r->id[0] == '\0' ? NULL : r->id);
        cli_json_text(o, "status", err == NULL      ? "succeeded"
                                   : r->cancelled ? "cancelled"
                                                  : "failed");
        cli_json_text(o, "output", output);
        cli_json_number(o, "ms", (uint64_t)r->ms);
        json_totals(o, r);
        if (err == NULL)
                return o;
        cli_json_text(o, "error", err->text);
        cli_json_text(o, "attempt", f->attempt[0] == '\0' ? NULL : f->attempt);
        cli_json_text(o, "node", f->node);
        cli_json_text(o, "split", f->split);
        cli_json_text_n(o, "stderr", f->tail_n == 0 ? "" : (const char *)f->tail, f->tail_n);
        return o;
}

static void print_tail(const struct job_failure *f)
{
        const uint8_t *at = f->tail, *end = f->tail + f->tail_n;

        (void)fprintf(stderr, "  the end of its stderr:\n");
        while (at < end) {
                const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
                size_t n = lf == NULL ? (size_t)(end - at) : (size_t)(lf - at);

                (void)fprintf(stderr, "    ");
                for (size_t i = 0; i < n; i++) /* a task does not steer our terminal */
                        (void)fputc((at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f ? '?' : at[i],
                                    stderr);
                (void)fputc('\n', stderr);
                at += n + 1;
        }
}

void job_print_failure(const struct job_report *r, const struct bdfs_err *err)
{
        const struct job_failure *f = &r->failure;

        if (f->attempt[0] == '\0') {
                (void)fprintf(stderr, "bdfs job: %s\n", err->text);
                return;
        }
        (void)fprintf(stderr, "bdfs job: %s failed: %s\n", r->id, err->text);
        if (f->split[0] != '\0')
                (void)fprintf(stderr, "  split %s\n", f->split);
        (void)fprintf(stderr, "  node %s  attempt %s\n", f->node, f->attempt);
        if (f->tail_n > 0)
                print_tail(f);
        (void)fprintf(stderr, "  all of it: bdfs job logs %s %s\n", r->id, f->attempt);
}
