/*
 * `rebind`: a restored copy, or a database that moved, takes its new identity, and plans are applied to it from then
 * on. That it did so is kept in its ledger.
 */
#ifndef EXECUTOR_REBIND_H
#define EXECUTOR_REBIND_H

#include "executor/session.h"

/* yes: without it the change is only named (CONSENT). Returns the exit status; error is set unless it is DONE. */
int rebind_run(struct session *session, bool yes, const char *reason, struct error *error);

#endif
