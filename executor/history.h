/*
 * The plan against the ledgers: what is applied, what is pending, and whether the plan may be applied at all. Pure: it
 * reads what the session has read and asks no server.
 *
 * Refused: an undo that was left half way (UNDO_HALTED), migrations that the plan lacks (BEHIND), applied steps that
 * were changed, taken out or preceded by new ones (HISTORY), pending migrations before applied ones of the same target
 * (OUT_OF_ORDER). Changed effects of applied steps are only reported. Steps that were started or failed and have been
 * changed since are listed: whether that is fine is for the old step's probe to say.
 */
#ifndef EXECUTOR_HISTORY_H
#define EXECUTOR_HISTORY_H

#include "executor/session.h"
#include "spec/base/vec.h"

struct history_step {
    const struct ledger_step *ledger; /* NULL when the ledger has never seen it */
    bool applied;
};

/* An unsettled step that the plan has no longer, or has with another effect. */
struct history_changed {
    struct session_target *target;
    const struct ledger_step *ledger;
    const char *migration; /* of the old step */
    const char *id;
};

struct history {
    struct history_step *steps; /* by index into plan.steps */
    size_t pending_count;
    size_t applied_count;
    VEC(struct history_changed) changed;
    VEC(const char *) effect_changed; /* ids of applied steps that the plan lowers otherwise now */
};

struct history_options {
    const char *const *out_of_order; /* migrations that may be applied late */
    size_t out_of_order_count;
};

bool history_compare(struct session *session, const struct history_options *options, struct history *out,
    struct error *error) MUST_CHECK;
/* The index of a step into plan.steps and history.steps. */
size_t history_index(const struct plan *plan, const struct plan_step *step);
/* All steps of the migration are applied. */
bool history_migration_applied(const struct history *history, const struct plan_migration *migration);
/* The objects of steps that are STARTED or UNDO_STARTED, as a map of their names. They are between two states: the
 * steps' probes judge them, drift does not. */
bool history_objects_under_way(
    struct session *session, const struct session_target *target, struct map *out, struct error *error) MUST_CHECK;
/* The id of the migration that a ledger's step belongs to, from its step line. */
bool history_migration_of(
    struct session *session, const struct ledger_step *step, const char **out, struct error *error) MUST_CHECK;

#endif
