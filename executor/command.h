/* The executor's commands, from parsed arguments to an exit status. Everything they print is printed when they return.
 */
#ifndef EXECUTOR_COMMAND_H
#define EXECUTOR_COMMAND_H

#include "executor/driver.h"
#include "spec/cli.h"

/* driver_for: the driver of an engine. */
int command_run(struct arena *arena, const struct cli_arguments *arguments,
    const struct driver_ops *(*driver_for)(enum engine engine));

#endif
