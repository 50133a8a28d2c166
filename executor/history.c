#include "executor/history.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

enum { NAMES_SHOWN = 8 };

/* What the walk over one target's ledger collects. */
struct names {
    struct strbuf text;
    size_t count;
};

static void add_name(struct names *names, const char *name)
{
    if (names->count < NAMES_SHOWN)
        strbuf_printf(&names->text, "%s'%s'", names->count ? ", " : "", name);
    else if (names->count == NAMES_SHOWN)
        strbuf_append_text(&names->text, " and others");
    names->count++;
}

static const char *take_names(struct session *session, struct names *names)
{
    const char *text = arena_strndup(session->arena, names->text.data ? names->text.data : "", names->text.len);

    strbuf_free(&names->text);
    *names = (struct names){.text = STRBUF_INIT};
    return text;
}

size_t history_index(const struct plan *plan, const struct plan_step *step)
{
    return (size_t)(step - plan->steps.items);
}

bool history_migration_applied(const struct history *history, const struct plan_migration *migration)
{
    for (size_t i = 0; i < migration->step_count; i++)
        if (!history->steps[migration->first_step + i].applied)
            return false;
    return true;
}

bool history_objects_under_way(
    struct session *session, const struct session_target *target, struct map *out, struct error *error)
{
    const struct map_entry *entry;

    map_init(out, session->arena);
    for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
        const struct ledger_step *ledger = entry->value;
        struct plan_step step;

        if (ledger->state != STEP_STATE_STARTED && ledger->state != STEP_STATE_UNDO_STARTED)
            continue;
        if (!session_read_step(session, ledger, &step, error))
            return false;
        for (size_t e = 0; e < step.effect.count; e++)
            map_put(out, str_from(step.effect.items[e].object), NULL);
    }
    return true;
}

bool history_migration_of(
    struct session *session, const struct ledger_step *step, const char **out, struct error *error)
{
    struct plan_step read;

    if (!session_read_step(session, step, &read, error))
        return false;
    *out = read.migration;
    return true;
}

static void match_steps(struct session *session, struct history *out)
{
    const struct plan *plan = session->plan;

    for (size_t t = 0; t < session->target_count; t++) {
        const struct session_target *target = &session->targets[t];
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
            const struct ledger_step *ledger = entry->value;
            const struct plan_step *step = plan_find_step(plan, ledger->last->step);

            if (!step || strcmp(step->target, target->plan->name) != 0)
                continue;
            out->steps[history_index(plan, step)] = (struct history_step){
                .ledger = ledger,
                .applied = ledger->state == STEP_STATE_APPLIED,
            };
        }
    }
    for (size_t i = 0; i < plan->steps.count; i++) {
        if (out->steps[i].applied)
            out->applied_count++;
        else
            out->pending_count++;
    }
}

static bool refuse_half_undone(struct session *session, struct error *error)
{
    for (size_t t = 0; t < session->target_count; t++) {
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);) {
            const struct ledger_step *step = entry->value;

            if (step->state != STEP_STATE_UNDO_STARTED || ledger_step_is_letting_go(step))
                continue;
            error_set(
                error, EXIT_STATUS_UNDO_HALTED, "the undo of step '%s' was begun and not finished", step->last->step);
            return error_help(error, "%s", session_line(session, "rollback --resume"));
        }
    }
    return true;
}

static bool is_unsettled(const struct ledger_step *step)
{
    return step->state == STEP_STATE_STARTED || step->last->event == LEDGER_EVENT_FAILED;
}

/* Steps of the ledger that the plan does not have as they were: of migrations it lacks, and of migrations it has. */
static bool check_missing(struct session *session, struct history *out, struct names *behind, struct names *removed,
    const char **removed_migration, struct error *error)
{
    struct map named;

    map_init(&named, session->arena);
    for (size_t t = 0; t < session->target_count; t++) {
        struct session_target *target = &session->targets[t];
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
            const struct ledger_step *ledger = entry->value;
            const struct plan_step *step = plan_find_step(session->plan, ledger->last->step);
            struct plan_step old;

            if (step && strcmp(step->target, target->plan->name) == 0)
                continue;
            if (ledger->state == STEP_STATE_PENDING && ledger->last->event != LEDGER_EVENT_FAILED)
                continue;
            if (!session_read_step(session, ledger, &old, error))
                return false;
            if (!plan_find_migration(session->plan, old.migration)) {
                /* Nothing remains of a step that failed: a migration that only failed may be given up. */
                if ((ledger->state != STEP_STATE_PENDING || ledger_step_is_partial(ledger, &old)) &&
                    !map_has(&named, str_from(old.migration))) {
                    map_put(&named, str_from(old.migration), NULL);
                    add_name(behind, old.migration);
                }
            } else if (ledger->state == STEP_STATE_APPLIED) {
                add_name(removed, ledger->last->step);
                *removed_migration = old.migration;
            } else {
                VEC_PUSH(session->arena, &out->changed,
                    (struct history_changed){target, ledger, old.migration, ledger->last->step});
            }
        }
    }
    return true;
}

static void check_changed(
    struct session *session, struct history *out, struct names *changed, const char **changed_migration)
{
    const struct plan *plan = session->plan;

    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];
        const struct ledger_step *ledger = out->steps[i].ledger;

        if (!ledger)
            continue;
        if (out->steps[i].applied && strcmp(step->source_digest, ledger->last->source_digest) != 0) {
            add_name(changed, step->id);
            *changed_migration = step->migration;
        } else if (strcmp(step->effect_digest, ledger->last->effect_digest) == 0) {
            continue;
        } else if (out->steps[i].applied) {
            VEC_PUSH(session->arena, &out->effect_changed, step->id);
        } else if (is_unsettled(ledger)) {
            VEC_PUSH(session->arena, &out->changed,
                (struct history_changed){session_find(session, step->target), ledger, step->migration, step->id});
        }
    }
}

/* Within a migration steps may only be added behind those that are applied. */
static const struct plan_step *find_inserted(const struct plan *plan, const struct history *history)
{
    for (size_t m = 0; m < plan->migrations.count; m++) {
        const struct plan_migration *migration = &plan->migrations.items[m];
        bool applied_behind = false;

        for (size_t i = migration->step_count; i-- > 0;) {
            const struct history_step *step = &history->steps[migration->first_step + i];

            if (step->applied)
                applied_behind = true;
            else if (applied_behind && !step->ledger)
                return &plan->steps.items[migration->first_step + i];
        }
    }
    return NULL;
}

static bool may_be_late(const struct history_options *options, const char *migration)
{
    for (size_t i = 0; i < options->out_of_order_count; i++)
        if (strcmp(options->out_of_order[i], migration) == 0)
            return true;
    return false;
}

static bool any_applied(const struct history *history, const struct plan_migration *migration)
{
    for (size_t i = 0; i < migration->step_count; i++)
        if (history->steps[migration->first_step + i].applied)
            return true;
    return false;
}

static bool check_order(
    struct session *session, const struct history_options *options, const struct history *history, struct error *error)
{
    const struct plan *plan = session->plan;
    struct map applied_later; /* target name → the earliest applied migration that was met, walking backwards */

    for (size_t i = 0; i < options->out_of_order_count; i++)
        if (!plan_find_migration(plan, options->out_of_order[i]))
            return error_set(error, EXIT_STATUS_USAGE, "--out-of-order names '%s', which is no migration of the plan",
                options->out_of_order[i]);
    map_init(&applied_later, session->arena);
    for (size_t m = plan->migrations.count; m-- > 0;) {
        struct plan_migration *migration = &plan->migrations.items[m];
        const struct plan_migration *later = map_get(&applied_later, str_from(migration->target));

        if (later && !history_migration_applied(history, migration) && !may_be_late(options, migration->id)) {
            error_set(error, EXIT_STATUS_OUT_OF_ORDER,
                "migration '%s' is pending, but '%s', which comes after it on target '%s', is applied", migration->id,
                later->id, migration->target);
            return error_help(
                error, "if that is meant: %s", session_line(session, "apply --out-of-order %s", migration->id));
        }
        if (any_applied(history, migration))
            map_put(&applied_later, str_from(migration->target), migration);
    }
    return true;
}

static bool refuse_changes(struct session *session, struct history *out, struct error *error)
{
    struct names behind = {0}, removed = {0}, changed = {0};
    const char *removed_migration = NULL, *changed_migration = NULL;
    const struct plan_step *inserted;
    bool read = check_missing(session, out, &behind, &removed, &removed_migration, error);
    const char *behind_names = take_names(session, &behind);
    const char *removed_names = take_names(session, &removed);
    const char *changed_names;

    check_changed(session, out, &changed, &changed_migration);
    changed_names = take_names(session, &changed);
    if (!read)
        return false;
    if (behind_names[0]) {
        error_set(
            error, EXIT_STATUS_BEHIND, "the plan is behind: it lacks migrations that are applied: %s", behind_names);
        return error_help(error, "compile the plan from sources that have them; nothing was touched");
    }
    if (changed_names[0]) {
        error_set(error, EXIT_STATUS_HISTORY, "applied steps were changed: %s", changed_names);
        return error_help(error, "put them back and write the change as a new migration; or undo first: %s",
            session_line(session, "rollback --migration %s", changed_migration));
    }
    if (removed_names[0]) {
        error_set(error, EXIT_STATUS_HISTORY, "applied steps were taken out of their migration: %s", removed_names);
        return error_help(error, "put them back and write the change as a new migration; or undo first: %s",
            session_line(session, "rollback --migration %s", removed_migration));
    }
    inserted = find_inserted(session->plan, out);
    if (inserted) {
        error_set(error, EXIT_STATUS_HISTORY, "step '%s' was added before steps of its migration that are applied",
            inserted->id);
        return error_help(error, "add it behind them or as a new migration; or undo first: %s",
            session_line(session, "rollback --migration %s", inserted->migration));
    }
    return true;
}

bool history_compare(
    struct session *session, const struct history_options *options, struct history *out, struct error *error)
{
    memset(out, 0, sizeof(*out));
    out->steps = ARENA_ARRAY(session->arena, struct history_step, session->plan->steps.count + 1);
    match_steps(session, out);
    return refuse_half_undone(session, error) && refuse_changes(session, out, error) &&
           check_order(session, options, out, error);
}
