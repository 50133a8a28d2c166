/*
 * What a person decides where no probe can: `resolve` says how a step stands, `unlock` ends the lease of a run that is
 * gone. Both are remembered or reported with who did it.
 */
#ifndef EXECUTOR_RESOLVE_H
#define EXECUTOR_RESOLVE_H

#include "executor/session.h"

struct resolve_options {
    const char *step;
    bool applied; /* else undone */
    const char *reason;
};

/* Both return the exit status; error is set unless it is DONE. */
int resolve_run(struct session *session, const struct resolve_options *options, struct error *error);
int unlock_run(struct session *session, struct error *error);

#endif
