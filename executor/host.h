/*
 * The outside world as drivers and sessions see it: clocks, random numbers, environment, sleep, signals, the deadline,
 * progress and log. Tests bring their own struct driver_env instead.
 */
#ifndef EXECUTOR_HOST_H
#define EXECUTOR_HOST_H

#include "executor/driver.h"
#include "executor/progress.h"

struct host {
    struct driver_env env; /* its context is the host */
    struct progress progress;
    int64_t deadline_ms;    /* on the monotonic clock; 0: none */
    const char *pause_file; /* while there is one, nothing new is begun; or NULL */
    const char *kill_at; /* crash tests: the protocol point to die at (INVPLAN_KILL_AT=NAME or NAME#N); or NULL */
    int64_t kill_passes_left;
    FILE *trace; /* crash tests: each point reached is appended to INVPLAN_TRACE_POINTS, with the step under way; or NULL */
};

/* deadline_in_ms: from now; negative: none. The progress is set up by the caller with host->env as its clock. */
void host_init(struct host *host, int64_t deadline_in_ms);

#endif
