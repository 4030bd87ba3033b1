/* The table of verbs. */
#include "client/cli_cluster.h"

const struct cli_verb cli_verbs[] = {
        {"cluster", cmd_cluster, "up|status|down --dir DIR ...",
         "a whole cluster on this machine"},
};
const size_t cli_verbs_n = sizeof(cli_verbs) / sizeof(cli_verbs[0]);
