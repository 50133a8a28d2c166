/*
 * Steps on event schemas and stored events: event.register and event.upgrade, on top of the DynamoDB driver.
 *
 *     register.c     a version of a schema in the registry table
 *     upgrade.c      in-place upgrades: lanes over the table's segments, checkpoints
 *     rewrite.c      one event, from what was read to what is stored: pre-image, guarded change, a faster writer
 *     restore.c      the way back from the pre-images
 *     undo_row.c     pre-images in LEDGER_undo
 *     checkpoint.c   how far a step has come
 *     stored.c       the stored events, for who only reads them
 *     item_table.c   the table's key and size
 *     item_change.c  one item changed into another, under a condition
 *     pump.c         the items of many segments through a bounded number of requests
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

/* Every registered version, by "EVENT@VERSION". */
bool register_list(struct driver *driver, struct arena *arena, struct json **out, struct error *error) MUST_CHECK;

/* --- stored.c --- */
bool stored_events(struct driver *driver, const struct event_selection *selection, driver_event_fn each, void *context,
    double *consumed_read_units, struct error *error) MUST_CHECK;

/* --- upgrade.c --- */
bool upgrade_run(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;
bool upgrade_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error) MUST_CHECK;

/* --- restore.c --- */
bool upgrade_restore(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error) MUST_CHECK;

#endif
