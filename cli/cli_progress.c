#include "cli/cli_progress.h"

#include <stdatomic.h>
#include <unistd.h>

#include "cli/cli_format.h"

#define FIRST_MS 1000
#define EVERY_MS 200

/* A terminal has one last line: whether ours is on it, and whether it may be. */
static atomic_bool drawn, stopped;

void cli_progress_begin(struct cli_progress *p, const struct cli *cli)
{
        *p = (struct cli_progress){.started_ms = os_mono_ms()};
        os_mutex_init(&p->lock);
        p->shown = !cli->quiet && isatty(STDERR_FILENO) == 1;
}

static void draw(struct cli_progress *p, int64_t now)
{
        int64_t ms = now - p->started_ms;
        uint64_t rate = p->bytes * 1000 / (uint64_t)(ms > 0 ? ms : 1);
        char done[CLI_TEXT_BYTES], total[CLI_TEXT_BYTES], speed[CLI_TEXT_BYTES], left[48] = "";

        if (p->bytes_total > p->bytes && rate > 0) {
                uint64_t s = (p->bytes_total - p->bytes + rate - 1) / rate;

                (void)snprintf(left, sizeof(left), ", %llu:%02llu:%02llu left",
                               (unsigned long long)(s / 3600), (unsigned long long)(s / 60 % 60),
                               (unsigned long long)(s % 60));
        }
        (void)cli_bytes(done, p->bytes);
        (void)cli_bytes(total, p->bytes_total);
        (void)cli_bytes(speed, rate);
        if (p->bytes_total > 0)
                (void)fprintf(stderr, "\r\033[K%3llu%%  %s of %s, %s/s%s",
                              (unsigned long long)(p->bytes * 100 / p->bytes_total), done, total,
                              speed, left);
        else
                (void)fprintf(stderr, "\r\033[K%s, %s/s", done, speed);
        if (p->files_total > 1)
                (void)fprintf(stderr, ", %llu of %llu files", (unsigned long long)p->files,
                              (unsigned long long)p->files_total);
        (void)fflush(stderr);
        atomic_store(&drawn, true);
        p->drawn_ms = now;
}

void cli_progress_expect(struct cli_progress *p, uint64_t bytes, uint64_t files)
{
        AUTO_LOCK(&p->lock);

        p->bytes_total += bytes;
        p->files_total += files;
}

void cli_progress_add(struct cli_progress *p, uint64_t bytes, uint64_t files)
{
        AUTO_LOCK(&p->lock);
        int64_t now;

        p->bytes += bytes;
        p->files += files;
        if (!p->shown || atomic_load(&stopped))
                return;
        now = os_mono_ms();
        if (now - p->started_ms >= FIRST_MS && now - p->drawn_ms >= EVERY_MS)
                draw(p, now);
}

void cli_progress_end(struct cli_progress *p)
{
        if (atomic_exchange(&drawn, false))
                (void)fprintf(stderr, "\r\033[K");
        os_mutex_fini(&p->lock);
}

void cli_progress_stop(void)
{
        atomic_store(&stopped, true);
        if (atomic_exchange(&drawn, false))
                (void)fprintf(stderr, "\r\033[K");
}
