/*
 * cli_cluster.h - `bdfs cluster up|status|down`: a whole cluster on one machine (DESIGN section 3).
 *
 * DIR holds cluster.json (the settings it was made with), client.conf, and a directory per process
 * with conf, log, pid and data. `up` starts whatever is not running, so it also brings back what
 * was killed; it returns when the cluster takes writes.
 */
#pragma once

#include "cli/cli.h"

int cmd_cluster(struct cli *cli, int argc, char **argv);
