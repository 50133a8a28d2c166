/*
 * `verify`: the live databases against what the ledgers saw last, object by object and part by part, and the pending
 * steps that a difference concerns. Objects of a step that is under way are exempt. Reads alone; takes no lease.
 */
#ifndef EXECUTOR_VERIFY_H
#define EXECUTOR_VERIFY_H

#include "executor/session.h"

/* Builds the result as a JSON object (the json format). Returns DONE, DRIFT (error is set as well), or why a target
 * could not be asked; *out is NULL only in the last case. */
int verify_read(struct session *session, struct json **out, struct error *error);
/* The same for people. */
void verify_print(const struct json *result, struct strbuf *out);

#endif
