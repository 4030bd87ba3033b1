/*
 * cmd_job.h - `bdfs job`: its function is in cli/job_cmd.c, since client/ does not know exec/.
 */
#pragma once

#include "cli/cli.h"

int cmd_job(struct cli *cli, int argc, char **argv);
int cmd_jar(struct cli *cli, int argc, char **argv); /* Hadoop's way to it */
