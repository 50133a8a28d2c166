/*
 * Steps that cannot be in a transaction: STARTED is committed, the effect follows, and the step's probe confirms it
 * before APPLIED is written. A kill in between leaves STARTED, and the probe tells whoever comes next what became of
 * it.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"
#include "executor/postgres/sqlstate.h"
#include "spec/exit.h"

struct json *pg_started_note(const struct postgres_driver *driver, struct arena *arena, const char *probe)
{
    struct json *note = json_new(arena, JSON_OBJECT);

    if (!driver->pooled) {
        json_set_integer(arena, note, "backend", driver->backend_pid);
        json_set_text(arena, note, "backend_start", driver->backend_start);
    }
    json_set_text(arena, note, "probe", probe);
    return note;
}

bool pg_commit_row(struct postgres_driver *driver, const struct driver_journal *journal, const struct row_draft *draft,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    bool ok;

    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_own_settings(driver, &batch, false);
    pg_add_append(driver, &batch, journal, draft);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    arena_free(&arena);
    return ok;
}

/* --- probing ---------------------------------------------------------------------------------------------------------
 */

static const char *const state_names[] = {
    [PROBE_NOT_DONE] = "not done",
    [PROBE_DONE] = "done",
    [PROBE_RUNNING] = "running",
    [PROBE_HALF_DONE] = "half done",
    [PROBE_OTHER] = "other",
    [PROBE_NONE] = "none",
};

/* Does the backend that started the step still work for a client that is gone? */
static bool is_running(struct postgres_driver *driver, const struct step_history *history, bool *running,
    struct probe_answer *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows;
    bool ok;

    *running = false;
    if (!history->started_pid || !history->started_start[0])
        return true;
    pg_add(&batch, "SELECT COALESCE(a.state, 'unknown') FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1::integer"
                   " AND a.backend_start = $2::timestamptz AND a.pid <> pg_catalog.pg_backend_pid() AND a.state IS "
                   "DISTINCT FROM 'idle'");
    pg_param_integer(&batch, history->started_pid);
    pg_param(&batch, history->started_start);
    ok = pg_query(driver, &arena, &batch, &rows, error);
    if (ok && rows.row_count) {
        *running = true;
        out->state = PROBE_RUNNING;
        snprintf(out->detail, sizeof(out->detail), "backend %d still works on it (%s)", history->started_pid,
            pg_text(&rows, 0, 0));
    }
    arena_free(&arena);
    return ok;
}

static bool read_answer(
    const struct plan_step *step, const struct pg_rows *rows, struct probe_answer *out, struct error *error)
{
    static const enum probe_state states[] = {PROBE_NOT_DONE, PROBE_DONE, PROBE_HALF_DONE, PROBE_OTHER};
    const char *detail = pg_text(rows, 0, 1);

    if (rows->row_count != 1)
        return error_set(error, EXIT_STATUS_PLAN, "the probe of step '%s' returned %zu rows; it must return one",
            step->id, rows->row_count);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (str_is(pg_cell(rows, 0, 0), state_names[states[i]])) {
            out->state = states[i];
            snprintf(out->detail, sizeof(out->detail), "%s", detail ? detail : "");
            return true;
        }
    return error_set(error, EXIT_STATUS_PLAN,
        "the probe of step '%s' answered '%.*s'; it must answer done, not done, half done or other", step->id,
        (int)(pg_cell(rows, 0, 0).len > 80 ? 80 : pg_cell(rows, 0, 0).len),
        pg_text(rows, 0, 0) ? pg_text(rows, 0, 0) : "");
}

static bool ask_query(struct postgres_driver *driver, const struct plan_step *step, const char *sql,
    struct probe_answer *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    size_t at;
    bool ok;

    pg_add_begin(driver, &batch);
    pg_add_user_settings(driver, &batch, &step->timeouts);
    at = batch.statements.count;
    pg_add(&batch, sql);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, &rows, NULL, error) && read_answer(step, &rows[at], out, error);
    if (!ok)
        error_wrap(error, "probe");
    arena_free(&arena);
    return ok;
}

/* Done means also that the postcondition holds. */
static bool ask_postcondition(
    struct postgres_driver *driver, const struct plan_step *step, struct probe_answer *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    bool ok;

    pg_add_begin(driver, &batch);
    pg_add_step_check(driver, &batch, step, &step->postcondition);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    if (!ok && strcmp(error->sqlstate, SQLSTATE_CHECK_FAILED) == 0) {
        out->state = PROBE_OTHER;
        snprintf(out->detail, sizeof(out->detail), "%.1000s", error->message);
        ok = true;
    }
    arena_free(&arena);
    return ok;
}

/* What the probe's query says, without asking who is at work. */
static bool ask(struct postgres_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;
    const char *sql = json_string(json_get(action->probe, "sql"));

    memset(out, 0, sizeof(*out));
    out->state = PROBE_NONE;
    if (!sql)
        return true;
    if (!ask_query(driver, step, sql, out, error) ||
        (action->instruction == INSTRUCTION_PG_INDEX_PARTITIONS &&
            !pg_probe_partitions(driver, step, inverse, out, error)))
        return false;
    if (out->state != PROBE_DONE || inverse || !step->postcondition.sql)
        return true;
    return ask_postcondition(driver, step, out, error);
}

bool postgres_probe(
    struct driver *base, const struct plan_step *step, bool inverse, struct probe_answer *out, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;
    struct step_history history;
    bool running;

    memset(out, 0, sizeof(*out));
    out->state = PROBE_NONE;
    if (action->none)
        return true;
    if (!instruction_is_alone(action->instruction)) /* asked only about what is in the way of a step that never ran */
        return ask(driver, step, inverse, out, error);
    if (!pg_read_history(driver, step->id, inverse, &history, error) ||
        !is_running(driver, &history, &running, out, error))
        return false;
    if (running)
        return true;
    if (action->instruction == INSTRUCTION_PG_BACKFILL)
        return postgres_probe_backfill(driver, step, inverse, out, error);
    return ask(driver, step, inverse, out, error);
}

/* --- the effect ------------------------------------------------------------------------------------------------------
 */

static bool refuse_pooled(const struct postgres_driver *driver, const struct plan_step *step, struct error *error)
{
    if (!driver->pooled)
        return true;
    error_set(error, EXIT_STATUS_UNSUPPORTED,
        "step '%s' runs outside a transaction, and the connection to target '%s' goes through a pooler", step->id,
        driver->base.target->name);
    return error_help(error, "give target '%s' a direct url", driver->base.target->name);
}

static int64_t statement_limit_ms(const struct plan_timeouts *limits)
{
    if (limits->statement_ms > 0 && limits->wait_ms > 0)
        return limits->statement_ms < limits->wait_ms ? limits->statement_ms : limits->wait_ms;
    return limits->statement_ms > 0 ? limits->statement_ms : limits->wait_ms;
}

bool pg_run_alone(struct postgres_driver *driver, const struct plan_step *step, int64_t lock_ms, const char *sql,
    struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch settings = pg_batch_make(&arena), batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    struct error ignored;
    bool ok;

    pg_add_user_session(driver, &settings, lock_ms, statement_limit_ms(&step->timeouts));
    pg_add(&batch, sql)->user = true;
    pg_watch_step(driver, step, lock_ms);
    ok = pg_run(driver->main, &arena, &settings, NULL, NULL, error) &&
         pg_run(driver->main, &arena, &batch, &rows, NULL, error);
    pg_watch_end(driver, result, ok ? NULL : error);
    if (ok && rows->affected >= 0 && strncmp(rows->tag, "SELECT", 6) != 0)
        result->affected = rows->affected;
    /* If this fails the connection is closed, and the next call says so. */
    if (pg_is_open(driver->main))
        (void)!pg_reset_session(driver, &ignored);
    arena_free(&arena);
    return ok;
}

/* What an action of a step does, outside of transactions. */
static bool run_effect(struct postgres_driver *driver, const struct plan_step *step, bool inverse,
    struct driver_result *result, struct error *error)
{
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;
    const char *sql = json_string(json_get(action->forward, "sql"));

    if (action->instruction == INSTRUCTION_PG_INDEX_PARTITIONS)
        return pg_index_partitions(driver, step, inverse, result, error);
    if (!sql)
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' has not the form of its instruction", step->id);
    return pg_run_alone(driver, step, step->timeouts.lock_ms, sql, result, error);
}

bool postgres_repair(struct driver *base, const struct plan_step *step, bool inverse, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    const struct plan_action *action = inverse ? &step->inverse.action : &step->action;
    const char *sql = json_string(json_get(action->forward, "repair"));
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct driver_result ignored = {0};
    bool ok = false;

    if (!sql) {
        error_set(error, EXIT_STATUS_HALTED, "step '%s' is half done and has no repair", step->id);
        error_help(error, "mend it by hand, then: invplan resolve %s --as applied|undone --reason TEXT", step->id);
        goto out;
    }
    if (!refuse_pooled(driver, step, error))
        goto out;
    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error) &&
         pg_run_alone(driver, step, step->timeouts.lock_ms, sql, &ignored, error);
    if (!ok)
        error_wrap(error, "repair");
out:
    arena_free(&arena);
    return ok;
}

/* --- forward ---------------------------------------------------------------------------------------------------------
 */

/* STARTED, unless the precondition fails or somebody else applied the step. */
static bool commit_started(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, const char *probe, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    const struct row_draft draft = {.step = step,
        .event = LEDGER_EVENT_STARTED,
        .attempt = attempt,
        .run_seq = journal->run_seq,
        .note = pg_started_note(driver, &arena, probe)};
    bool ok;

    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_check_pending(driver, &batch, &step, 1);
    pg_add_step_check(driver, &batch, step, &step->precondition);
    pg_add_own_settings(driver, &batch, false);
    pg_add_append(driver, &batch, journal, &draft);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    arena_free(&arena);
    return ok;
}

static bool commit_applied(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, enum ledger_event event, int64_t attempt, int64_t run_seq, const struct json *note,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    const struct row_draft draft = {
        .step = step, .event = event, .attempt = attempt, .run_seq = run_seq, .note = note, .observe = true};
    bool ok;

    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_check_pending(driver, &batch, &step, 1);
    pg_add_step_check(driver, &batch, step, &step->postcondition);
    pg_add_own_settings(driver, &batch, false);
    pg_add_append(driver, &batch, journal, &draft);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    arena_free(&arena);
    return ok;
}

enum beginning {
    BEGINNING_FAILED,
    BEGINNING_GO,    /* not done: to be started */
    BEGINNING_FOUND, /* done already, and written down */
};

static bool note_found(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, bool ours, const struct probe_answer *answer,
    struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct json *note = json_new(&arena, JSON_OBJECT);
    bool ok;

    json_set_text(&arena, note, "by", "probe");
    if (answer->detail[0])
        json_set_text(&arena, note, "detail", answer->detail);
    ok = commit_applied(driver, journal, step, ours ? LEDGER_EVENT_APPLIED : LEDGER_EVENT_ADOPTED, attempt,
        journal->run_seq, note, error);
    result->rows_written += ok;
    result->adopted = ok && !ours;
    arena_free(&arena);
    return ok;
}

/* What is in place before we start: nothing, our own work of an earlier attempt, or somebody else's. */
static enum beginning look_before(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, struct probe_answer *answer, struct driver_result *result,
    struct error *error)
{
    struct step_history history;
    bool ours, running;

    if (!pg_read_history(driver, step->id, false, &history, error) ||
        !is_running(driver, &history, &running, answer, error))
        return BEGINNING_FAILED;
    ours = strcmp(history.event, "STARTED") == 0;
    if (ours && running) {
        error_set(error, EXIT_STATUS_HALTED, "an earlier attempt still runs: %s", answer->detail);
        error->retryable = true;
        return BEGINNING_FAILED;
    }
    if (!ask(driver, step, false, answer, error))
        return BEGINNING_FAILED;
    switch (answer->state) {
    case PROBE_NOT_DONE:
    case PROBE_NONE:
        return BEGINNING_GO;
    case PROBE_DONE:
        return note_found(driver, journal, step, attempt, ours, answer, result, error) ? BEGINNING_FOUND
                                                                                       : BEGINNING_FAILED;
    default:
        break;
    }
    if (ours && answer->state == PROBE_HALF_DONE) {
        error_set(error, EXIT_STATUS_HALTED, "an earlier attempt is half done: %s", answer->detail);
        error->retryable = true;
        return BEGINNING_FAILED;
    }
    error_set(error, EXIT_STATUS_DRIFT, "something else is in its place: %s", answer->detail);
    error_help(
        error, "drop or rename it; or, if it is as wanted: invplan resolve %s --as applied --reason TEXT", step->id);
    return BEGINNING_FAILED;
}

/* The statement succeeded; did it have its effect? */
static bool confirm(struct postgres_driver *driver, const struct plan_step *step, bool inverse, struct error *error)
{
    struct probe_answer answer;

    if (!ask(driver, step, inverse, &answer, error))
        return false;
    if (answer.state == PROBE_DONE || answer.state == PROBE_NONE)
        return true;
    return error_set(error, EXIT_STATUS_HALTED, "its statement succeeded, and its probe says '%s': %s",
        state_names[answer.state], answer.detail[0] ? answer.detail : "no detail");
}

static bool settle_double(struct driver_result *result, const struct error *error)
{
    result->already_applied = strcmp(error->sqlstate, SQLSTATE_ALREADY_APPLIED) == 0;
    return result->already_applied;
}

bool postgres_apply_alone(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error)
{
    const struct plan_step *step = work->steps[0];
    struct probe_answer answer;

    if (!refuse_pooled(driver, step, error))
        return false;
    switch (look_before(driver, journal, step, work->attempts[0], &answer, result, error)) {
    case BEGINNING_FAILED:
        return settle_double(result, error);
    case BEGINNING_FOUND:
        return true;
    case BEGINNING_GO:
        break;
    }
    pg_reach(driver, "pg.alone.before");
    if (!commit_started(driver, journal, step, work->attempts[0], state_names[answer.state], error))
        return settle_double(result, error);
    result->rows_written++;
    pg_reach(driver, "pg.alone.started");
    if (!run_effect(driver, step, false, result, error))
        return false;
    pg_reach(driver, "pg.alone.effect");
    if (!confirm(driver, step, false, error))
        return false;
    if (!commit_applied(
            driver, journal, step, LEDGER_EVENT_APPLIED, work->attempts[0], journal->run_seq + 1, NULL, error))
        return settle_double(result, error);
    result->rows_written++;
    pg_reach(driver, "pg.alone.applied");
    return true;
}

/* --- back ------------------------------------------------------------------------------------------------------------
 */

static bool check_guard(struct postgres_driver *driver, const struct plan_step *step, struct error *error)
{
    char detail[512];
    bool holds;

    if (step->inverse.grade != GRADE_EXACT || !step->inverse.guard)
        return true;
    if (!postgres_guard(&driver->base, step, &holds, detail, sizeof(detail), error))
        return false;
    return holds || error_set(error, EXIT_STATUS_UNDO_HALTED, "%s",
                        detail[0] ? detail : "undoing it would lose what was written since");
}

bool postgres_undo_alone(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct row_draft draft = {.step = step,
        .event = LEDGER_EVENT_UNDO_STARTED,
        .attempt = attempt,
        .run_seq = journal->run_seq,
        .note = pg_started_note(driver, &arena, NULL)};
    struct step_history history;
    bool ok = false;

    if (!refuse_pooled(driver, step, error) || !pg_read_history(driver, step->id, true, &history, error))
        goto out;
    if (!history.any || strcmp(history.event, "UNDONE") == 0) {
        result->already_applied = true;
        ok = true;
        goto out;
    }
    if (strcmp(history.event, "UNDO_STARTED") != 0 && !check_guard(driver, step, error))
        goto out;
    if (!pg_commit_row(driver, journal, &draft, error))
        goto out;
    result->rows_written++;
    pg_reach(driver, "pg.undo.started");
    if (!run_effect(driver, step, true, result, error))
        goto out;
    pg_reach(driver, "pg.undo.effect");
    if (!confirm(driver, step, true, error))
        goto out;
    draft = (struct row_draft){.step = step,
        .event = LEDGER_EVENT_UNDONE,
        .attempt = attempt,
        .run_seq = journal->run_seq + 1,
        .observe = true};
    ok = pg_commit_row(driver, journal, &draft, error);
    result->rows_written += ok;
out:
    arena_free(&arena);
    return ok;
}
