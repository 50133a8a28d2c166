/*
 * `status`: who the targets belong to, who holds their leases, what their ledgers say is applied and pending, what was
 * left half done and what to do about it. Reads alone; takes no lease.
 */
#ifndef EXECUTOR_STATUS_H
#define EXECUTOR_STATUS_H

#include "executor/session.h"

/* Builds the status as a JSON object (the json format). Returns the exit status: DONE, NOT_INITIALISED, WRONG_TARGET,
 * IDENTITY, HISTORY (broken chain) or why a target could not be asked; *out is NULL only in the last case. */
int status_read(struct session *session, struct json **out, struct error *error);
/* The same for people. */
void status_print(const struct json *status, struct strbuf *out);

#endif
