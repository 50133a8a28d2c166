/*
 * Steps on event schemas and stored events: event.register and event.upgrade, on top of the DynamoDB driver.
 *
 *     register.c     a version of a schema in the registry table
 *     upgrade.c      in-place upgrades: lanes over the table's segments, checkpoints
 *     rewrite.c      one event, from what was read to what is stored: pre-image, guarded put, a faster writer
 *     restore.c      the way back from the pre-images
 *     undo_row.c     pre-images in LEDGER_undo
 *     fingerprint.c  a digest of an item that does not depend on how the service spells it
 *     rate.c         consumed capacity against a limit
 *
 * The registry table holds, for each version: eventType (S), version (N), schema, upcast, downcast (S, JSON texts),
 * compatibility, digest, registeredAt (S).
 */
#ifndef EXECUTOR_EVENTS_EVENTS_H
#define EXECUTOR_EVENTS_EVENTS_H

#include "executor/dynamodb/dynamodb.h"

/* --- register.c --- */
/* Exit status DRIFT when the version is there with another digest: a registered version does not change. */
bool register_put(struct dynamodb_driver *driver, const struct plan_step *step, struct error *error) MUST_CHECK;
bool register_remove(struct dynamodb_driver *driver, const struct plan_step *step, struct error *error) MUST_CHECK;
bool register_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error) MUST_CHECK;
/* name: "EVENT@VERSION". JSON null when it is not registered. */
bool register_observe(struct dynamodb_driver *driver, struct arena *arena, const char *name, struct json **out,
    struct error *error) MUST_CHECK;

/* --- upgrade.c --- */
bool upgrade_run(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;
bool upgrade_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error) MUST_CHECK;

/* --- restore.c --- */
bool upgrade_restore(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;

#endif
