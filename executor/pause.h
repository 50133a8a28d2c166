/*
 * Pausing: while the outside world says so (a signal, a file), nothing new is begun. Steps between two steps, walks
 * between two batches. Leases are renewed all the while.
 */
#ifndef EXECUTOR_PAUSE_H
#define EXECUTOR_PAUSE_H

#include "executor/driver.h"

/* Returns at once where nothing asks for a pause, else when it is over or the run is to stop. what: what waits, for the
 * log ("step 'x'"). Returns how long it waited. */
int64_t pause_wait(const struct driver_env *env, const char *what);

#endif
