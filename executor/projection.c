#include "executor/projection.h"

#include <string.h>

#include "executor/history.h"
#include "spec/base/arena.h"
#include "spec/base/vec.h"

struct projection {
    VEC(struct projected_migration) applied;
    VEC(struct projected_migration) undone;
};

/* Where a migration stands: on the one list, on the other, or (never run, under way) on none. */
static void place(struct arena *arena, const struct plan *plan, const struct ledger_state *state,
    const struct plan_migration *migration, struct projection *out)
{
    struct projected_migration projected = {
        .id = migration->id,
        .description = migration->description,
        .typeorm_name = migration->typeorm_name,
        .typeorm_timestamp = migration->typeorm_timestamp,
    };
    const struct ledger_row *newest = NULL;
    bool applied = true;
    bool undone = false;

    for (size_t i = 0; i < migration->step_count; i++) {
        const struct ledger_step *step = ledger_state_find(state, plan->steps.items[migration->first_step + i].id);

        if (step && step->state == STEP_STATE_APPLIED) {
            if (!newest || step->applied->seq > newest->seq)
                newest = step->applied;
            continue;
        }
        applied = false;
        undone = undone || (step && step->state == STEP_STATE_PENDING && step->last->event != LEDGER_EVENT_FAILED);
    }
    if (applied && newest) {
        projected.applied_at = newest->at;
        VEC_PUSH(arena, &out->applied, projected);
    } else if (undone) {
        VEC_PUSH(arena, &out->undone, projected);
    }
}

/* Migrations that the plan lacks and of which something was undone, and nothing is applied: the steps, without the
 * plan, are all there is to go by. */
static bool place_unknown(
    struct session *session, const struct session_target *target, struct projection *out, struct error *error)
{
    const struct map_entry *entry;
    struct map undone; /* migration → anything */

    map_init(&undone, session->arena);
    for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
        const struct ledger_step *step = entry->value;
        const char *migration;

        if (step->state != STEP_STATE_PENDING || step->last->event == LEDGER_EVENT_FAILED ||
            plan_find_step(session->plan, step->last->step))
            continue;
        if (!history_migration_of(session, step, &migration, error))
            return false;
        if (!plan_find_migration(session->plan, migration))
            map_put(&undone, str_from(migration), session);
    }
    if (undone.count == 0)
        return true;
    for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
        const struct ledger_step *step = entry->value;
        const char *migration;

        if (step->state != STEP_STATE_APPLIED || plan_find_step(session->plan, step->last->step))
            continue;
        if (!history_migration_of(session, step, &migration, error))
            return false;
        map_remove(&undone, str_from(migration));
    }
    for (size_t i = 0; map_next(&undone, &i, &entry);) {
        struct projected_migration projected = {.id = arena_strndup(session->arena, entry->key.data, entry->key.len)};

        projected.typeorm_name = plan_typeorm_name(session->arena, projected.id, &projected.typeorm_timestamp);
        VEC_PUSH(session->arena, &out->undone, projected);
    }
    return true;
}

static bool update_target(struct session *session, struct session_target *target, struct error *error)
{
    const struct plan *plan = session->plan;
    struct projection projection = {0};

    for (size_t m = 0; m < plan->migrations.count; m++)
        if (str_is(str_from(plan->migrations.items[m].target), target->plan->name))
            place(session->arena, plan, &target->state, &plan->migrations.items[m], &projection);
    return place_unknown(session, target, &projection, error) &&
           target->ops->project(target->driver, projection.applied.items, projection.applied.count,
               projection.undone.items, projection.undone.count, error);
}

void projection_update(struct session *session)
{
    for (size_t t = 0; t < session->target_count; t++) {
        struct session_target *target = &session->targets[t];
        struct error error;
        bool ok;

        if (!target->driver)
            continue;
        ok = update_target(session, target, &error);
        if (!ok && session_connection_lost(&error) && !session_stopping(session))
            ok = session_reconnect(session, target, &error) && update_target(session, target, &error);
        if (!ok)
            session_log(session, "warning",
                "the list of migrations that other tools read on target '%s' was not updated: %s", target->plan->name,
                error.message);
    }
}
