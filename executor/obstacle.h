/*
 * What stands where pending steps want to build: objects that exist although no ledger row knows them. What has the
 * step's own shape will be adopted when the step runs; anything else is found here, before anything is touched.
 */
#ifndef EXECUTOR_OBSTACLE_H
#define EXECUTOR_OBSTACLE_H

#include "executor/history.h"

/* DRIFT: names each obstacle of the pending steps below index `end`, and what differs. */
bool obstacle_check(struct session *session, const struct history *history, size_t end, struct error *error) MUST_CHECK;

#endif
