/*
 * The list of applied migrations that other tools read in the target: TypeORM's migrations table, the DynamoDB
 * registry. Made from the ledger after every run; nothing ever reads it back.
 */
#ifndef EXECUTOR_PROJECTION_H
#define EXECUTOR_PROJECTION_H

#include "executor/session.h"

/* Brings every reachable target's projection in line with its ledger, as it was read last. A failure is a warning: the
 * ledger holds, and the next run tries again. */
void projection_update(struct session *session);

#endif
