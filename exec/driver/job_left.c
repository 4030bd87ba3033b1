#include "exec/driver/job_left.h"

int64_t job_seconds_left(const struct job_progress *now, int64_t reduce_ms)
{
        const struct plan_counts *t = &now->tasks;
        bool maps = t->maps_done < t->maps;
        uint64_t all = maps ? now->bytes_all : t->reduces;
        uint64_t done = maps ? now->bytes_done : t->reduces_done;
        int64_t ms = maps ? now->ms : now->ms - reduce_ms;

        if ((maps ? t->maps_done : t->reduces_done) == 0 || done == 0 || ms <= 0)
                return -1;
        return done >= all ? 0 : ms * (int64_t)(all - done) / (int64_t)done / 1000;
}
