/*
 * The plan's event types for `status` and `verify`: which versions are registered, and what the registry holds that the
 * ledger does not know of.
 */
#ifndef EXECUTOR_EVENT_TYPES_H
#define EXECUTOR_EVENT_TYPES_H

#include "executor/drift.h"
#include "executor/history.h"

/* A JSON array of {"event":…,"versions":[{"version":…,"registered":…,"step":…},…]}, in the plan's order. */
bool event_types_status(
    struct session *session, const struct history *history, struct json **out, struct error *error) MUST_CHECK;
/* "  InventoryItemCreated  1, 2 (pending: 3)" for each. */
void event_types_print(const struct json *types, struct strbuf *out);

/* Appends the versions in the target's registry that are neither among the observed objects of its ledger nor under
 * way. */
bool event_types_find_unknown(struct session *session, struct session_target *target, const struct map *observed,
    const struct map *under_way, struct drift_list *drift, struct error *error) MUST_CHECK;
/* Says of a drift on a registered version what it is: missing, changed or unknown. Leaves others alone. */
void event_types_explain(struct arena *arena, struct drift *drift);

#endif
