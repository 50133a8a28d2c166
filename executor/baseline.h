/*
 * `baseline`: takes over databases that hold already what migrations would make. Pending steps up to a migration are
 * recorded as BASELINED: they count as applied, and are never undone. Before that, every object that these steps leave
 * behind must be there and every one that they drop must not; with a throw-away database the steps are built in it, and
 * each object must be there as it is here. Nothing but the ledger is written.
 */
#ifndef EXECUTOR_BASELINE_H
#define EXECUTOR_BASELINE_H

#include "executor/session.h"

struct baseline_options {
    const char *to;      /* the last migration that is in place; NULL: all of the plan's */
    const char *rebuild; /* url of an empty PostgreSQL database; or NULL */
    const char *reason;  /* for the ledger; or NULL */
};

/* Makes first contact where a target has no ledger. Returns the exit status; error is set unless it is DONE. */
int baseline_run(struct session *session, const struct baseline_options *options, struct error *error);

#endif
