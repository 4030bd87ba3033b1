#include "exec/agent/pump.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "common/os.h"
#include "exec/task/task_used.h"

#define TURN_MS 100 /* how often cancelling is looked at while nothing moves */
#define STDERR_BYTES 65536
#define LOOKS 4 /* at the processor time, while a task would become idle */

enum { AT_IN, AT_OUT, AT_ERR, AT_CONTROL, POLLS };

struct pump {
        struct task *task;
        const struct pump_io *io;
        struct pump_end end;
        const uint8_t *input;  /* not written yet */
        size_t input_n;
        int64_t moved_ms;      /* when a byte went in or out last */
        int64_t looked_ms;     /* when the task's processor time was looked at last; 0: never */
        uint64_t used_ms;      /* what it was then */
        int64_t linger_ms;     /* when children are waited for no more; 0: the command runs */
};

static void shut(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

/* ---- stdin -------------------------------------------------------------------------------- */

static void stop_input(struct pump *p, bool left)
{
        p->end.input_left = p->end.input_left || left;
        p->input_n = 0;
        shut(&p->task->in);
}

static enum bdfs_status get_input(struct pump *p, struct bdfs_err *err)
{
        if (p->task->in < 0 || p->input_n > 0)
                return BDFS_OK;
        if (p->io->fill(p->io->arg, &p->input, &p->input_n, err) != BDFS_OK)
                return err->status;
        if (p->input_n == 0)
                stop_input(p, false);
        return BDFS_OK;
}

static enum bdfs_status give_input(struct pump *p, struct bdfs_err *err)
{
        ssize_t n = write(p->task->in, p->input, p->input_n);

        if (n >= 0) {
                p->input += n;
                p->input_n -= (size_t)n;
                p->moved_ms = os_mono_ms();
                return BDFS_OK;
        }
        if (errno == EPIPE)
                stop_input(p, true);
        else if (errno != EAGAIN && errno != EINTR)
                return bdfs_fail_errno(err, errno, "writing to a task");
        return BDFS_OK;
}

/* ---- stdout and stderr -------------------------------------------------------------------- */

/* What read() gave: -1 when there is nothing yet, 0 at the end (which closes *fd). */
static ssize_t take(struct pump *p, int *fd, void *to, size_t n)
{
        ssize_t got = read(*fd, to, n);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
                return -1;
        p->moved_ms = os_mono_ms();
        if (got <= 0)
                shut(fd);
        return got < 0 ? 0 : got;
}

static enum bdfs_status take_output(struct pump *p, struct bdfs_err *err)
{
        uint8_t *to;
        size_t room;
        ssize_t n;

        if (p->io->room(p->io->arg, &to, &room, err) != BDFS_OK)
                return err->status;
        n = take(p, &p->task->out, to, room);
        return n > 0 ? p->io->took(p->io->arg, (size_t)n, err) : BDFS_OK;
}

static void take_errors(struct pump *p)
{
        uint8_t bytes[STDERR_BYTES];
        ssize_t n = take(p, &p->task->err, bytes, sizeof(bytes));

        if (n > 0)
                p->io->said(p->io->arg, bytes, (size_t)n);
}

/* ---- the loop ----------------------------------------------------------------------------- */

static enum bdfs_status hear(struct pump *p, struct bdfs_err *err)
{
        if (task_hear(p->task, err) != BDFS_OK)
                return err->status;
        if (p->task->end.ended && p->linger_ms == 0) {
                p->linger_ms = os_mono_ms() + PUMP_LINGER_MS;
                stop_input(p, p->task->in >= 0);
        }
        return BDFS_OK;
}

static enum bdfs_status turn(struct pump *p, struct bdfs_err *err)
{
        struct pollfd f[POLLS] = {
                [AT_IN] = {.fd = p->input_n > 0 ? p->task->in : -1, .events = POLLOUT},
                [AT_OUT] = {.fd = p->task->out, .events = POLLIN},
                [AT_ERR] = {.fd = p->task->err, .events = POLLIN},
                [AT_CONTROL] = {.fd = p->task->end.ended ? -1 : p->task->control,
                                .events = POLLIN},
        };
        enum bdfs_status rc = BDFS_OK;

        if (poll(f, POLLS, TURN_MS) <= 0)
                return BDFS_OK;
        if (f[AT_ERR].revents != 0)
                take_errors(p);
        if (f[AT_OUT].revents != 0)
                rc = take_output(p, err);
        if (rc == BDFS_OK && f[AT_IN].revents != 0)
                rc = give_input(p, err);
        if (rc == BDFS_OK && f[AT_CONTROL].revents != 0)
                rc = hear(p, err);
        return rc;
}

static enum bdfs_status cancel(struct pump *p, struct bdfs_err *err)
{
        int64_t deadline = os_mono_ms() + PUMP_GRACE_MS;

        p->end.cancelled = true;
        stop_input(p, false);
        task_terminate(p->task);
        while (!p->task->end.ended && os_mono_ms() < deadline) {
                struct pollfd f = {.fd = p->task->control, .events = POLLIN};

                if (poll(&f, 1, TURN_MS) > 0 && task_hear(p->task, err) != BDFS_OK)
                        break;
        }
        return bdfs_fail(err, BDFS_FAILED, "cancelled");
}

/* A task that computes lives, though nothing moves. What is asleep and wakes up now and then does
 * not compute: a hundredth of the time at least is wanted. */
static void look_at_used(struct pump *p, int64_t now)
{
        int64_t passed = now - p->looked_ms;
        uint64_t used;

        if (now - p->moved_ms < p->io->idle_ms / LOOKS || passed < p->io->idle_ms / LOOKS)
                return;
        used = task_used_ms(p->task);
        if (p->looked_ms > 0 && used > p->used_ms + (uint64_t)passed / 100)
                p->moved_ms = now;
        p->looked_ms = now;
        p->used_ms = used;
}

static enum bdfs_status run(struct pump *p, struct bdfs_err *err)
{
        for (;;) {
                int64_t now;

                if (get_input(p, err) != BDFS_OK || turn(p, err) != BDFS_OK)
                        return err->status;
                if (p->task->end.ended && p->task->out < 0 && p->task->err < 0)
                        return BDFS_OK;
                now = os_mono_ms();
                if (p->linger_ms != 0 && now >= p->linger_ms)
                        return BDFS_OK;
                if (p->io->cancelled(p->io->arg))
                        return cancel(p, err);
                if (p->io->idle_ms > 0)
                        look_at_used(p, now);
                if (p->io->idle_ms > 0 && now - p->moved_ms >= p->io->idle_ms)
                        return bdfs_fail(err, BDFS_TIMEOUT, "the task did nothing for %" PRId64
                                         " s; if it needs longer: --timeout SECONDS (0: for ever)",
                                         p->io->idle_ms / 1000);
        }
}

enum bdfs_status pump_run(struct task *t, const struct pump_io *io, struct pump_end *ret,
                          struct bdfs_err *err)
{
        struct pump p = {.task = t, .io = io, .moved_ms = os_mono_ms()};
        enum bdfs_status rc = run(&p, err);

        *ret = p.end;
        return rc;
}
