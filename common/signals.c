#include "common/signals.h"

#include <stddef.h>

static bool signals_ignored(int signal)
{
        struct sigaction now;

        return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

sigset_t signals_that_end(bool with_hangup)
{
        static const int list[] = {SIGINT, SIGTERM, SIGHUP};
        size_t n = with_hangup ? 3 : 2;
        sigset_t set;

        (void)sigemptyset(&set);
        for (size_t i = 0; i < n; i++) {
                if (!signals_ignored(list[i]))
                        (void)sigaddset(&set, list[i]);
        }
        return set;
}
