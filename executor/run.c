#include "executor/run.h"

#include <string.h>

#include "executor/gate.h"
#include "executor/hold.h"
#include "executor/pause.h"
#include "executor/preflight.h"
#include "executor/projection.h"
#include "executor/step.h"
#include "executor/undo.h"
#include "spec/base/arena.h"
#include "spec/exit.h"
#include "spec/plan_text.h"

/* One apply under way. */
struct run {
    struct session *session;
    const struct plan *plan;
    const struct run_options *options;
    struct progress *progress;
    struct report *report;
    struct history history;
    size_t end; /* steps from here on are not for this run: --to, --phase */
};

/* --- which run ---------------------------------------------------------------------------------------------------- */

static bool is_forward(enum ledger_event event)
{
    return event == LEDGER_EVENT_STARTED || event == LEDGER_EVENT_APPLIED || event == LEDGER_EVENT_ADOPTED ||
           event == LEDGER_EVENT_FAILED || event == LEDGER_EVENT_GATE_PASSED;
}

/* A rollback by hand is a run as well, and none that apply goes on with. */
static bool went_forward(const struct session *session, const char *run)
{
    for (size_t t = 0; t < session->target_count; t++) {
        const struct ledger *ledger = &session->targets[t].ledger;

        for (size_t i = ledger->rows.count; i-- > 0;)
            if (is_forward(ledger->rows.items[i].event) && strcmp(ledger->rows.items[i].run, run) == 0)
                return true;
    }
    return false;
}

/* The run left a migration half applied. */
static bool left_half(const struct run *run, const char *id)
{
    for (size_t m = 0; m < run->plan->migrations.count; m++) {
        const struct plan_migration *migration = &run->plan->migrations.items[m];
        bool by_it = false, pending = false;

        for (size_t i = 0; i < migration->step_count; i++) {
            const struct history_step *step = &run->history.steps[migration->first_step + i];

            pending = pending || !step->applied;
            by_it = by_it || (step->applied && strcmp(step->ledger->last->run, id) == 0);
        }
        if (by_it && pending)
            return true;
    }
    return false;
}

/* Of what is applied, a plan may be an outline. */
static bool complete_pending(struct run *run, struct error *error)
{
    for (size_t i = 0; i < run->plan->steps.count; i++)
        if (!run->history.steps[i].applied && !plan_complete_step(run->session->arena, run->plan, i, error))
            return false;
    return true;
}

/* Goes on with the newest run if it is open, as ledger.h defines it. Always true: it stands in a chain of checks. */
static bool choose_run(struct run *run)
{
    struct session *session = run->session;
    const struct session_target *newest = session_newest(session);
    bool unsettled = false;

    if (!newest || newest->state.last_run_ended || !went_forward(session, newest->state.last_run))
        return true;
    for (size_t t = 0; t < session->target_count; t++)
        unsettled = unsettled || (session->targets[t].state.last_run_unsettled &&
                                     strcmp(session->targets[t].state.last_run, newest->state.last_run) == 0);
    if (!unsettled && strcmp(newest->state.last_plan_digest, run->plan->digest) != 0 &&
        !left_half(run, newest->state.last_run))
        return true;
    session_continue_run(session, newest->state.last_run);
    session_log(session, "info", "going on with run %s", session->run);
    return true;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

/* Steps of one transaction, or one that runs alone. */
struct run_unit {
    const struct plan_step **steps;
    const struct ledger_step **ledger;
    size_t count;
};

static struct run_unit collect_unit(const struct run *run, size_t first)
{
    const struct plan_step *leader = &run->plan->steps.items[first];
    bool alone = instruction_is_alone(leader->action.instruction) || !leader->group;
    struct run_unit unit = {0};
    size_t end = first + 1;

    while (!alone && end < run->end && run->plan->steps.items[end].group &&
           strcmp(run->plan->steps.items[end].group, leader->group) == 0 &&
           strcmp(run->plan->steps.items[end].target, leader->target) == 0)
        end++;
    unit.steps = ARENA_ARRAY(run->session->arena, const struct plan_step *, end - first);
    unit.ledger = ARENA_ARRAY(run->session->arena, const struct ledger_step *, end - first);
    for (size_t i = first; i < end; i++) {
        if (run->history.steps[i].applied)
            continue;
        unit.steps[unit.count] = &run->plan->steps.items[i];
        unit.ledger[unit.count++] = run->history.steps[i].ledger;
    }
    return unit;
}

static const char *outcome_name(const struct step_outcome *outcome)
{
    if (outcome->adopted)
        return "adopted";
    return outcome->already_applied ? "found applied" : "applied";
}

static void note_applied(struct run *run, const struct run_unit *unit, struct step_outcome *outcome, int64_t elapsed_ms)
{
    const char *name = outcome_name(outcome);

    if (run->plan->policy.slow_statement_ms > 0 && elapsed_ms > run->plan->policy.slow_statement_ms)
        session_log(run->session, "warning", "step '%s' took %lld ms, more than slow_statement (%lld ms)",
            unit->steps[unit->count - 1]->id, (long long)elapsed_ms, (long long)run->plan->policy.slow_statement_ms);
    outcome->duration_ms = elapsed_ms;
    for (size_t i = 0; i < unit->count; i++) {
        bool last = i + 1 == unit->count;
        struct step_outcome shown = *outcome;

        if (!last) {
            shown.duration_ms = shown.lock_wait_ms = shown.lock_hold_ms = -1;
            shown.blocked_by = NULL;
        }
        if (unit->count > 1)
            shown.affected = -1;
        run->history.steps[history_index(run->plan, unit->steps[i])].applied = true;
        report_outcome(report_step(run->report, unit->steps[i]), name, &shown);
        /* One transaction, so one time and one wait: with its last step. */
        progress_done(
            run->progress, unit->steps[i]->target, unit->steps[i]->id, name, shown.duration_ms, shown.affected, NULL);
    }
}

static void note_failed(struct run *run, const struct run_unit *unit, const struct step_outcome *outcome,
    struct error *error, int64_t elapsed_ms)
{
    const struct plan_step *failed = unit->steps[outcome->failed_step];
    struct report_step *entry = report_step(run->report, failed);

    report_outcome(entry, outcome->state == STEP_STATE_PENDING ? "failed" : "started", outcome);
    report_error(run->report, entry, error);
    progress_done(run->progress, failed->target, failed->id, "failed", elapsed_ms, -1, error->message);
    if (!strstr(error->message, failed->id))
        error_wrap(error, "step '%s'", failed->id);
}

static bool apply_unit(struct run *run, size_t first, struct step_outcome *outcome, struct error *error)
{
    struct run_unit unit = collect_unit(run, first);
    struct session_target *target = session_find(run->session, unit.steps[0]->target);
    int64_t started_ms = session_now(run->session);
    bool ok;

    progress_started(run->progress, target->plan->name, unit.steps[0]->id);
    ok = step_apply(run->session, target, unit.steps, unit.ledger, unit.count, outcome, error);
    if (ok)
        note_applied(run, &unit, outcome, session_now(run->session) - started_ms);
    else if (error->exit_status != EXIT_STATUS_RESUMABLE || !session_stopping(run->session))
        note_failed(run, &unit, outcome, error, session_now(run->session) - started_ms);
    return ok;
}

/* What the migration comes after must be applied, on whichever target it is. */
static bool check_after(const struct run *run, const struct plan_migration *migration, struct error *error)
{
    for (size_t i = 0; i < migration->after.count; i++) {
        const struct plan_migration *before = plan_find_migration(run->plan, migration->after.items[i]);

        if (!before || history_migration_applied(&run->history, before))
            continue;
        return error_set(error, EXIT_STATUS_OUT_OF_ORDER,
            "migration '%s' comes after '%s' of target '%s', which is not applied", migration->id, before->id,
            before->target);
    }
    return true;
}

static bool pass_gate(
    struct run *run, const struct plan_step *step, const struct history_step *known, struct error *error)
{
    struct step_outcome outcome = {.state = STEP_STATE_APPLIED,
        .lock_wait_ms = -1,
        .lock_hold_ms = -1,
        .affected = -1,
        .detail = STR("")};

    outcome.attempt = (known->ledger ? known->ledger->attempts : 0) + 1;
    if (!gate_pass(run->session, step, outcome.attempt, run->options, error))
        return false;
    report_outcome(report_step(run->report, step), "passed", &outcome);
    progress_done(run->progress, step->target, step->id, "passed", 0, -1, run->options->reason);
    return true;
}

/* In the plan's order every earlier step was applied before: there is nothing to wait for. */
static bool pass_barrier(
    struct run *run, const struct plan_step *step, const struct history_step *known, struct error *error)
{
    struct step_outcome outcome = {.state = STEP_STATE_APPLIED,
        .lock_wait_ms = -1,
        .lock_hold_ms = -1,
        .affected = -1,
        .detail = STR("")};

    outcome.attempt = (known->ledger ? known->ledger->attempts : 0) + 1;
    if (!session_record(run->session, session_find(run->session, step->target), step, LEDGER_EVENT_APPLIED,
            outcome.attempt, NULL, error))
        return false;
    report_outcome(report_step(run->report, step), "applied", &outcome);
    progress_done(run->progress, step->target, step->id, "applied", 0, -1, NULL);
    return true;
}

static bool run_step(struct run *run, size_t index, struct step_outcome *outcome, struct error *error)
{
    const struct plan_step *step = &run->plan->steps.items[index];
    struct history_step *known = &run->history.steps[index];

    switch (step->action.instruction) {
    case INSTRUCTION_GATE:
        return known->applied = pass_gate(run, step, known, error);
    case INSTRUCTION_BARRIER:
        return known->applied = pass_barrier(run, step, known, error);
    default:
        return apply_unit(run, index, outcome, error);
    }
}

/* Runs everything up to run->end. On failure outcome says what is left of the step that failed. */
static bool run_steps(struct run *run, struct step_outcome *outcome, struct error *error)
{
    const struct plan_migration *checked = NULL;

    for (size_t i = 0; i < run->end; i++) {
        const struct plan_step *step = &run->plan->steps.items[i];
        const struct plan_migration *migration;

        *outcome = (struct step_outcome){.state = STEP_STATE_STARTED};
        if (run->history.steps[i].applied)
            continue;
        session_tick(run->session);
        (void)pause_wait(&run->session->env, arena_printf(run->session->arena, "step '%s'", step->id));
        if (!session_check(run->session, error))
            return false;
        if (session_stopping(run->session)) {
            error_set(error, EXIT_STATUS_RESUMABLE, "stopped as asked, before step '%s'", step->id);
            return error_help(error, "to go on: %s", session_line(run->session, "apply"));
        }
        migration = plan_find_migration(run->plan, step->migration);
        if (migration != checked && !check_after(run, migration, error))
            return false;
        checked = migration;
        if (!run_step(run, i, outcome, error))
            return false;
    }
    return true;
}

/* --- failure ------------------------------------------------------------------------------------------------------ */

static bool is_of_run(void *context, const struct plan_step *step, const struct ledger_step *ledger)
{
    (void)step;
    return strcmp(ledger_step_origin(ledger)->run, context) == 0;
}

/* The run stays as it is; says why it was not undone. */
static int halt(struct run *run, const struct undo_list *list, struct error *error)
{
    if (list) {
        struct strbuf text = STRBUF_INIT;

        undo_report(list, run->report);
        strbuf_printf(&text,
            "the policy is to roll back, but not every step of this run can be undone without loss, so "
            "none was:\n");
        undo_print(list, &text);
        progress_text(run->progress, strbuf_view(&text));
        strbuf_free(&text);
        error->exit_status = EXIT_STATUS_HALTED;
    }
    hold_release(run->session, run->progress, run->report);
    if (error->exit_status == EXIT_STATUS_DONE || error->exit_status == EXIT_STATUS_UNREACHABLE)
        error->exit_status = EXIT_STATUS_HALTED;
    if (!error->help[0])
        error_help(error, "mend the cause, then: %s; to undo this run: %s", session_line(run->session, "apply"),
            session_line(run->session, "rollback --last"));
    return error->exit_status;
}

static int roll_back(struct run *run, struct error *error)
{
    struct undo_list list;
    struct error undoing;

    /* The ledgers decide what this run did, a dead process's part included. */
    if (!session_refresh(run->session, &undoing) ||
        !undo_collect(run->session, is_of_run, run->session->run, &list, &undoing) ||
        !undo_judge(run->session, &list, true, &undoing)) {
        session_log(run->session, "warning", "the run was not rolled back: %s", undoing.message);
        return halt(run, NULL, error);
    }
    if (undo_count_refusals(&list) + undo_count_losses(&list) > 0)
        return halt(run, &list, error);
    undo_report(&list, run->report);
    progress_log(
        run->progress, "info", list.items.count ? "rolling this run back" : "nothing of this run is to be undone");
    if (!undo_execute(run->session, &list, run->progress, run->report, &undoing)) {
        error_wrap(&undoing, "%.500s; and then, rolling back", error->message);
        *error = undoing;
        return error->exit_status;
    }
    if (!session_end_run(run->session, &undoing))
        session_log(run->session, "warning", "that the run has ended could not be written: %s", undoing.message);
    error->exit_status = EXIT_STATUS_ROLLED_BACK;
    error_help(
        error, "everything this run did was undone; mend the cause, then: %s", session_line(run->session, "apply"));
    return error->exit_status;
}

static int stop_at_gate(struct run *run, struct error *error)
{
    struct error ending;

    hold_release(run->session, run->progress, run->report);
    /* Whatever opens the gate may build on what is applied: this part is not to be undone by itself later. */
    if (!session_end_run(run->session, &ending))
        session_log(run->session, "warning", "that the run has ended could not be written: %s", ending.message);
    return error->exit_status;
}

static int handle_failure(struct run *run, const struct step_outcome *outcome, struct error *error)
{
    switch (error->exit_status) {
    case EXIT_STATUS_RESUMABLE:
    case EXIT_STATUS_LEASE:
        return error->exit_status;
    case EXIT_STATUS_GATE:
        return stop_at_gate(run, error);
    default:
        break;
    }
    /* What is not known to be gone cannot be judged: a resume has to find out first. */
    if (outcome->state != STEP_STATE_PENDING) {
        hold_release(run->session, run->progress, run->report);
        if (!error->help[0])
            error_help(error, "nothing is lost; when the cause is mended: %s", session_line(run->session, "apply"));
        return error->exit_status ? error->exit_status : EXIT_STATUS_HALTED;
    }
    if (run->plan->policy.on_failure == ON_FAILURE_ROLLBACK)
        return roll_back(run, error);
    return halt(run, NULL, error);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static bool prepare(struct run *run, struct error *error)
{
    struct session *session = run->session;
    const struct history_options options = {run->options->out_of_order, run->options->out_of_order_count};

    return preflight_capabilities(run->plan, error) && preflight_options(run->plan, run->options, error) &&
           session_open(session, error) &&
           (run->options->init ? session_initialise(session, error) : session_require_owner(session, error)) &&
           session_take_leases(session, error) && session_read_ledgers(session, error) &&
           preflight_heads(session, run->options, error) &&
           hold_finish(session, run->progress, run->report, error) &&
           history_compare(session, &options, &run->history, error) &&
           complete_pending(run, error) && choose_run(run) && preflight_changed(session, &run->history, error) &&
           preflight_end(run->plan, run->options, &run->history, &run->end, error) &&
           preflight_drift(session, &run->history, run->end, run->report, error) &&
           preflight_consent(session, run->options, &run->history, run->end, error);
}

static size_t count_pending(struct run *run)
{
    size_t pending = 0;

    for (size_t i = 0; i < run->plan->steps.count; i++) {
        if (run->history.steps[i].applied)
            continue;
        report_step(run->report, &run->plan->steps.items[i]);
        pending += i < run->end;
    }
    run->report->applied_before = run->history.applied_count;
    return pending;
}

/* Everything asked for is applied. */
static int finish(struct run *run, size_t pending, struct error *error)
{
    struct session *session = run->session;
    bool stopped = run->end < run->plan->steps.count && run->history.pending_count > pending;

    if (stopped)
        hold_release(session, run->progress, run->report);
    if (!session_end_run(session, error) || !session_refresh(session, error))
        return error->exit_status;
    if (stopped)
        run->report->note = run->options->to ? "stopped at --to" : "stopped at --phase";
    else if (!pending)
        run->report->note = "nothing to do";
    if (!pending && !stopped)
        progress_log(run->progress, "info", "nothing to do: everything in the plan is applied");
    return EXIT_STATUS_DONE;
}

static int run_pending(struct run *run, struct error *error)
{
    size_t pending = count_pending(run);
    struct step_outcome outcome;
    int status;

    for (size_t i = 0; i < run->history.effect_changed.count && i < 10; i++)
        session_log(run->session, "info", "step '%s' is applied, and would be done otherwise by this plan",
            run->history.effect_changed.items[i]);
    progress_expect(run->progress, pending);
    if (run_steps(run, &outcome, error)) {
        status = finish(run, pending, error);
    } else {
        status = handle_failure(run, &outcome, error);
        session_refresh_after_failure(run->session);
    }
    if (!run->session->lost)
        projection_update(run->session);
    return status;
}

/* --- dry run ------------------------------------------------------------------------------------------------------ */

static bool is_shown(const struct plan_step *step, const void *context)
{
    const struct run *run = context;
    size_t index = history_index(run->plan, step);

    return index < run->end && !run->history.steps[index].applied;
}

/* Reads alone: no lease is taken, so what is printed is how things stand at the moment. */
static bool prepare_dry(struct run *run, struct error *error)
{
    struct session *session = run->session;
    const struct history_options options = {run->options->out_of_order, run->options->out_of_order_count};

    return preflight_capabilities(run->plan, error) && preflight_options(run->plan, run->options, error) &&
           session_open(session, error) && session_check_owner(session, error) &&
           session_read_ledgers(session, error) && preflight_heads(session, run->options, error) &&
           history_compare(session, &options, &run->history, error) &&
           preflight_end(run->plan, run->options, &run->history, &run->end, error) &&
           preflight_drift(session, &run->history, run->end, run->report, error);
}

static int show_pending(struct run *run)
{
    const struct plan_text_options options = {.colour = run->progress->color, .selects = is_shown, .context = run};
    struct strbuf text = STRBUF_INIT;
    struct error error;

    if (run->progress->mode == PROGRESS_JSON)
        plan_json_print(&text, run->plan, &options);
    else
        plan_text_print(&text, run->plan, &options);
    progress_raw(run->progress, strbuf_view(&text));
    strbuf_free(&text);
    for (size_t t = 0; t < run->session->target_count; t++)
        if (!run->session->targets[t].initialised)
            session_log(run->session, "warning", "target '%s' has no ledger yet: apply wants --init",
                run->session->targets[t].plan->name);
    if (!preflight_consent(run->session, run->options, &run->history, run->end, &error))
        session_log(run->session, "warning", "apply will want --yes: %s", error.message);
    if (count_pending(run) == 0)
        progress_log(run->progress, "info", "nothing to do");
    return EXIT_STATUS_DONE;
}

int run_apply(struct session *session, const struct run_options *options, struct progress *progress,
    struct report *report, struct error *error)
{
    struct run run = {
        .session = session,
        .plan = session->plan,
        .options = options,
        .progress = progress,
        .report = report,
    };

    if (options->dry_run)
        return prepare_dry(&run, error) ? show_pending(&run) : error->exit_status;
    if (prepare(&run, error))
        return run_pending(&run, error);
    return session_stopped_early(session, "apply", error);
}
