#include "executor/rollback.h"

#include <string.h>

#include "executor/history.h"
#include "executor/projection.h"
#include "executor/step.h"
#include "executor/undo.h"
#include "spec/base/arena.h"
#include "spec/base/map.h"
#include "spec/exit.h"

/* Which steps are meant. */
struct scope {
    const struct plan *plan;
    struct rollback_options options;
    size_t keep;           /* --to: position of the last migration that is kept */
    int64_t keep_seq;      /* --to: for steps that the plan lacks: those that ran after this */
    const char *run;       /* --last */
    struct map runs;       /* --resume: what its rollback was about, and all of these runs */
    struct map migrations; /* --resume: all of these migrations */
};

static size_t migration_position(const struct plan *plan, const char *id)
{
    const struct plan_migration *migration = plan_find_migration(plan, id);

    return migration ? (size_t)(migration - plan->migrations.items) : SIZE_MAX;
}

static bool is_wanted(void *context, const struct plan_step *step, const struct ledger_step *ledger)
{
    const struct scope *scope = context;
    const char *run = ledger_step_origin(ledger)->run;

    if (scope->options.to) {
        size_t position = migration_position(scope->plan, step->migration);

        if (position == SIZE_MAX ? ledger->last->run_seq > scope->keep_seq : position > scope->keep)
            return true;
    }
    if (scope->options.migration && strcmp(step->migration, scope->options.migration) == 0)
        return true;
    if (scope->options.last && strcmp(run, scope->run) == 0)
        return true;
    return map_has(&scope->runs, str_from(run)) || map_has(&scope->migrations, str_from(step->migration));
}

/* --- finding the scope -------------------------------------------------------------------------------------------- */

static bool scope_to(struct session *session, struct scope *scope, struct error *error)
{
    const struct plan_migration *migration = plan_find_migration(session->plan, scope->options.to);
    const struct session_target *target;

    if (!migration)
        return error_set(
            error, EXIT_STATUS_USAGE, "--to names '%s', which is no migration of the plan", scope->options.to);
    target = session_find(session, migration->target);
    scope->keep = migration_position(session->plan, migration->id);
    for (size_t i = 0; i < migration->step_count; i++) {
        const struct ledger_step *ledger =
            ledger_state_find(&target->state, session->plan->steps.items[migration->first_step + i].id);

        if (!ledger || ledger->state != STEP_STATE_APPLIED)
            return error_set(error, EXIT_STATUS_USAGE,
                "migration '%s' is not applied, so there is nothing to go back to", migration->id);
        if (ledger->applied->run_seq > scope->keep_seq)
            scope->keep_seq = ledger->applied->run_seq;
    }
    return true;
}

/* The newest run that something remains of, or may: while a run is open, what failed in it keeps an older one from
 * being taken for the last. */
static void scope_last(struct session *session, struct scope *scope)
{
    const struct session_target *last = session_newest(session);
    const char *open_run = last && !last->state.last_run_ended ? last->state.last_run : "";
    int64_t newest = 0;

    for (size_t t = 0; t < session->target_count; t++) {
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);) {
            const struct ledger_step *step = entry->value;
            const struct ledger_row *origin = ledger_step_origin(step);

            if (step->state == STEP_STATE_PENDING && !step->begun &&
                (origin->event != LEDGER_EVENT_FAILED || strcmp(origin->run, open_run) != 0))
                continue;
            if (origin->run_seq > newest) {
                newest = origin->run_seq;
                scope->run = origin->run;
            }
        }
    }
    if (!scope->run)
        scope->run = "";
}

const struct ledger_row *rollback_find_unfinished(struct session *session)
{
    const struct session_target *newest = session_newest(session);

    if (!newest || newest->state.last_run_ended)
        return NULL;
    for (size_t t = 0; t < session->target_count; t++) {
        const struct ledger *ledger = &session->targets[t].ledger;

        for (size_t i = ledger->rows.count; i-- > 0;) {
            const struct ledger_row *row = &ledger->rows.items[i];

            if (row->event == LEDGER_EVENT_ROLLBACK && strcmp(row->run, newest->state.last_run) == 0)
                return row;
        }
    }
    return NULL;
}

/* How far back, as begin() wrote it down. */
static bool scope_begun(struct session *session, struct scope *scope, const struct ledger_row *row, struct error *error)
{
    struct json_error unread;
    const struct json *note = json_read(session->arena, row->note, JSON_STRICT, &unread);

    scope->options.to = json_string(json_get(note, "to"));
    scope->options.migration = json_string(json_get(note, "migration"));
    scope->run = json_string(json_get(note, "run"));
    scope->options.last = scope->run != NULL;
    return !scope->options.to || scope_to(session, scope, error);
}

/* A rollback that did not finish said how far it goes, if a person asked for it. Otherwise a run that rolled itself back
 * left a step UNDO_STARTED, or ended between two steps and has not ENDED: it is undone whole. */
static bool scope_resume(struct session *session, struct scope *scope, struct error *error)
{
    const struct session_target *newest = session_newest(session);
    const char *open_run = newest && !newest->state.last_run_ended ? newest->state.last_run : "";
    const struct ledger_row *begun = rollback_find_unfinished(session);

    if (begun && !scope_begun(session, scope, begun, error))
        return false;
    for (size_t t = 0; t < session->target_count; t++) {
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);) {
            const struct ledger_step *step = entry->value;
            struct plan_step read;

            if (step->state != STEP_STATE_UNDO_STARTED &&
                !(step->last->event == LEDGER_EVENT_UNDONE && strcmp(step->last->run, open_run) == 0))
                continue;
            if (!session_read_step(session, step, &read, error))
                return false;
            map_put(&scope->migrations, str_from(read.migration), NULL);
            map_put(&scope->runs, str_from(step->last->run), NULL);
        }
    }
    if (open_run[0] && (begun || map_has(&scope->runs, str_from(open_run))))
        session_continue_run(session, open_run);
    return true;
}

/* The migration of the step that came about last. */
static bool scope_newest(struct session *session, struct scope *scope, struct error *error)
{
    const struct ledger_step *newest = NULL;

    for (size_t t = 0; t < session->target_count; t++) {
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);) {
            const struct ledger_step *step = entry->value;

            if ((step->state != STEP_STATE_PENDING || step->begun) &&
                (!newest || ledger_step_origin(step)->run_seq > ledger_step_origin(newest)->run_seq))
                newest = step;
        }
    }
    scope->options.migration = "";
    if (newest && !history_migration_of(session, newest, &scope->options.migration, error))
        return false;
    *scope->options.newest = newest ? scope->options.migration : NULL;
    return true;
}

/* A name that is spelt wrong is not one of which nothing is applied. */
static bool scope_migration(struct session *session, const char *id, struct error *error)
{
    if (plan_find_migration(session->plan, id))
        return true;
    for (size_t t = 0; t < session->target_count; t++) {
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);) {
            const char *migration;

            if (!history_migration_of(session, entry->value, &migration, error))
                return false;
            if (strcmp(migration, id) == 0)
                return true;
        }
    }
    return error_set(
        error, EXIT_STATUS_USAGE, "--migration names '%s', which neither the plan nor a ledger has", id);
}

static bool find_scope(struct session *session, struct scope *scope, struct error *error)
{
    if (scope->options.newest)
        return scope_newest(session, scope, error);
    if (scope->options.migration)
        return scope_migration(session, scope->options.migration, error);
    if (scope->options.to)
        return scope_to(session, scope, error);
    if (scope->options.last)
        scope_last(session, scope);
    if (scope->options.resume)
        return scope_resume(session, scope, error);
    return true;
}

/* --- refusing ----------------------------------------------------------------------------------------------------- */

static bool depends_on(const struct plan_migration *later, const char *id)
{
    for (size_t i = 0; i < later->after.count; i++)
        if (strcmp(later->after.items[i], id) == 0)
            return true;
    return false;
}

/* One migration from the middle: nothing applied may build on it, and no point of no return may lie behind it. */
static bool check_alone(struct session *session, const struct undo_list *list, const char *id, struct error *error)
{
    const struct plan *plan = session->plan;
    size_t position = migration_position(plan, id);
    int64_t first_seq = list->items.count ? list->items.items[list->items.count - 1].run_seq : INT64_MAX;

    for (size_t t = 0; t < session->target_count; t++) {
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);) {
            const struct ledger_step *step = entry->value;
            const struct plan_migration *later;
            struct plan_step read;

            if ((step->state == STEP_STATE_PENDING && !step->begun) || ledger_step_origin(step)->run_seq <= first_seq)
                continue;
            if (!session_read_step(session, step, &read, error))
                return false;
            if (strcmp(read.migration, id) == 0 ||
                (step->state != STEP_STATE_APPLIED && !ledger_step_can_be_undone_unfinished(step, &read)))
                continue;
            later = plan_find_migration(plan, read.migration);
            if (read.point_of_no_return)
                return error_set(error, EXIT_STATUS_UNDO_HALTED,
                    "step '%s', which ran after migration '%s', is a point of no return", read.id, id);
            /* The plan knows the edges; where it lacks one of the two, order is all there is to go by. */
            if (position == SIZE_MAX || !later || depends_on(later, id)) {
                error_set(
                    error, EXIT_STATUS_UNDO_HALTED, "migration '%s' builds on '%s' and is applied", read.migration, id);
                return error_help(
                    error, "undo it first: %s", session_line(session, "rollback --migration %s", read.migration));
            }
        }
    }
    return true;
}

static bool refuse(
    struct session *session, const struct rollback_options *options, const struct undo_list *list, struct error *error)
{
    size_t refusals = undo_count_refusals(list);
    size_t losses = undo_count_losses(list);

    if (refusals) {
        error_set(error, EXIT_STATUS_UNDO_HALTED, "%zu of %zu steps cannot be undone, so none was touched", refusals,
            list->items.count);
        return error_help(error, "write a migration that brings back what is wanted, or go back less far");
    }
    if (losses && !options->yes) {
        const char *what = options->resume      ? "--resume"
                           : options->to        ? arena_printf(session->arena, "--to %s", options->to)
                           : options->migration ? arena_printf(session->arena, "--migration %s", options->migration)
                                                : "--last";

        error_set(error, EXIT_STATUS_CONSENT, "undoing %zu of %zu steps loses data, so none was touched", losses,
            list->items.count);
        return error_help(error, "if that is meant: %s", session_line(session, "rollback %s --yes", what));
    }
    return true;
}

/* --- doing it ----------------------------------------------------------------------------------------------------- */

/* What comes out is still the dead run's: it is written under that run's id. */
static bool settle_one(struct session *session, struct session_target *target, const struct plan_step *step,
    const struct ledger_step *ledger, struct error *error)
{
    const char *own_run = arena_strdup(session->arena, session->run);
    enum step_state state;
    struct error why;
    bool ok;

    session_continue_run(session, ledger->last->run);
    (void)error_set(&why, EXIT_STATUS_HALTED, "given up before a rollback: nothing of it remained");
    /* A gradual step that did not come to its end stays STARTED: its part is undone with the rest. */
    ok = step_settle(session, target, step, ledger->attempts, &state, error) &&
         (state != STEP_STATE_PENDING || instruction_is_gradual(step->action.instruction) ||
             step_record_failed(session, target, step, ledger->attempts, &why, error));
    session_continue_run(session, own_run);
    return ok;
}

/* A step that a dead run left STARTED has to be one thing or the other before the list is made, or, if it is gradual,
 * in part. */
static bool settle_started(struct session *session, struct scope *scope, struct error *error)
{
    for (size_t t = 0; t < session->target_count; t++) {
        struct session_target *target = &session->targets[t];
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
            const struct ledger_step *step = entry->value;
            struct plan_step *read;

            if (step->state != STEP_STATE_STARTED)
                continue;
            read = ARENA_NEW(session->arena, struct plan_step);
            if (!session_read_step(session, step, read, error))
                return false;
            if (!is_wanted(scope, read, step) || ledger_step_is_build(read)) /* a build is not waited for */
                continue;
            if (!settle_one(session, target, read, step, error))
                return false;
        }
    }
    return session_refresh(session, error);
}

static bool make_list(struct session *session, struct scope *scope, struct undo_list *list, struct error *error)
{
    return session_open(session, error) && session_require_owner(session, error) &&
           session_take_leases(session, error) && session_read_ledgers(session, error) &&
           find_scope(session, scope, error) && settle_started(session, scope, error) &&
           undo_collect(session, is_wanted, scope, list, error) &&
           (!scope->options.migration || check_alone(session, list, scope->options.migration, error)) &&
           undo_judge(session, list, false, error);
}

/* Written down before anything is touched, so that --resume goes as far. */
static bool begin(struct session *session, const struct scope *scope, const struct undo_list *list, struct error *error)
{
    struct json *note = json_new(session->arena, JSON_OBJECT);

    if (scope->options.resume)
        return true;
    json_set_text(session->arena, note, "to", scope->options.to);
    json_set_text(session->arena, note, "migration", scope->options.migration);
    json_set_text(session->arena, note, "run", scope->options.last ? scope->run : NULL);
    return session_record_of_run(session, list->items.items[0].target, LEDGER_EVENT_ROLLBACK, note, error);
}

int rollback_run(struct session *session, const struct rollback_options *options, struct progress *progress,
    struct report *report, struct error *error)
{
    struct scope scope = {.plan = session->plan, .options = *options};
    struct undo_list list = {0};
    struct strbuf text = STRBUF_INIT;
    bool done;

    map_init(&scope.runs, session->arena);
    map_init(&scope.migrations, session->arena);
    if (!make_list(session, &scope, &list, error))
        return session_stopped_early(session, "rollback", error);
    if (list.items.count == 0) {
        report->note = "nothing to undo";
        progress_log(progress, "info", "there is nothing to undo");
        projection_update(session); /* a rollback that was killed at its very end left it behind */
        if (!options->resume || session_end_run(session, error))
            return EXIT_STATUS_DONE;
        return error->exit_status;
    }
    undo_report(&list, report);
    undo_print(&list, &text);
    progress_text(progress, strbuf_view(&text));
    strbuf_free(&text);
    if (!refuse(session, &scope.options, &list, error))
        return error->exit_status;
    done = begin(session, &scope, &list, error) && undo_execute(session, &list, progress, report, error) &&
        session_end_run(session, error);
    if (done)
        done = session_refresh(session, error);
    else
        session_refresh_after_failure(session);
    if (!session->lost)
        projection_update(session);
    return done ? EXIT_STATUS_DONE : error->exit_status;
}
