/*
 * `verify`: the live databases against what the ledgers saw last, or against the applied steps of the plan built in a
 * throw-away database, object by object and part by part, and the pending steps that a difference concerns. Objects of a
 * step that is under way are exempt. Of the targets it only reads, and takes no lease.
 */
#ifndef EXECUTOR_VERIFY_H
#define EXECUTOR_VERIFY_H

#include "executor/session.h"

/* rebuild: url of an empty PostgreSQL database to build in, for the targets that can be; or NULL. Builds the result as a
 * JSON object (the json format). Returns DONE, DRIFT (error is set as well), or why a target
 * could not be asked; *out is NULL only in the last case. */
int verify_read(struct session *session, const char *rebuild, struct json **out, struct error *error);
/* The same for people. */
void verify_print(const struct json *result, struct strbuf *out);

#endif
