/*
 * Transaction groups: lock, check that nothing is applied yet, statements, ledger rows with what was observed, COMMIT,
 * all in one round trip. Where a test wants to stop between them, COMMIT goes by itself.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"
#include "executor/postgres/sqlstate.h"
#include "executor/redact.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum { SLOW_SHOWN = 200 };

/* --- what a group consists of ----------------------------------------------------------------------------------------
 */

static bool same_limits(const struct plan_timeouts *a, const struct plan_timeouts *b)
{
    return a->lock_ms == b->lock_ms && a->statement_ms == b->statement_ms;
}

static void mark(struct pg_batch *batch, size_t from, int step)
{
    for (size_t i = from; i < batch->statements.count; i++)
        batch->statements.items[i].step = step;
}

static void add_check(const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_check *check)
{
    if (check->sql)
        pg_add_check(driver, batch, check->sql, check->message ? check->message : "a check of the plan does not hold");
}

/* False: forward has not the form of a pg.exec or pg.assert. */
static bool add_forward(const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_action *action)
{
    const struct json *sql = json_get(action->forward, "sql");
    const char *message;

    if (action->instruction == INSTRUCTION_PG_ASSERT) {
        message = json_string(json_get(action->forward, "message"));
        if (!json_string(sql))
            return false;
        pg_add_check(driver, batch, json_string(sql), message ? message : "the query does not return true");
        return true;
    }
    if (!json_is(sql, JSON_ARRAY))
        return false;
    for (const struct json *statement = sql->child; statement; statement = statement->next) {
        if (!json_string(statement))
            return false;
        pg_add(batch, json_string(statement))->user = true;
    }
    return true;
}

static bool malformed(const struct plan_step *step, struct error *error)
{
    return error_set(error, EXIT_STATUS_PLAN, "step '%s' has not the form of its instruction", step->id);
}

/* adopted: for each step, whether it is in place already: nothing of it is run. */
static bool add_steps(const struct postgres_driver *driver, struct pg_batch *batch, const struct driver_work *work,
    const bool *adopted, struct error *error)
{
    const struct plan_timeouts *limits = &work->steps[0]->timeouts;

    for (size_t i = 0; i < work->count; i++) {
        const struct plan_step *step = work->steps[i];
        size_t from = batch->statements.count;

        if (instruction_is_alone(step->action.instruction))
            BUG("step '%s' in a transaction group", step->id);
        if (adopted[i])
            continue;
        if (!same_limits(limits, &step->timeouts))
            pg_add_user_settings(driver, batch, &step->timeouts);
        limits = &step->timeouts;
        add_check(driver, batch, &step->precondition);
        if (!add_forward(driver, batch, &step->action))
            return malformed(step, error);
        add_check(driver, batch, &step->postcondition);
        mark(batch, from, (int)i);
    }
    return true;
}

static bool group_changes(const struct driver_work *work, const bool *adopted)
{
    for (size_t i = 0; i < work->count; i++)
        if (work->steps[i]->action.instruction != INSTRUCTION_PG_ASSERT && !adopted[i])
            return true;
    return false;
}

static bool begins_with_any(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* Nothing but statements that define things. What an expression in one of them may do to the settings it does to how
 * definitions are printed, and to nothing else. */
static bool is_plain_ddl(const struct driver_work *work)
{
    static const char *const ddl[] = {"CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX ", "CREATE TYPE ",
        "ALTER TABLE ", "DROP ", "COMMENT ", "GRANT ", "REVOKE "};

    for (size_t i = 0; i < work->count; i++) {
        const struct plan_step *step = work->steps[i];
        const struct json *sql = json_get(step->action.forward, "sql");

        if (step->action.instruction != INSTRUCTION_PG_EXEC || step->precondition.sql || step->postcondition.sql)
            return false;
        for (const struct json *statement = sql->child; statement; statement = statement->next)
            if (!begins_with_any(json_string(statement), ddl, sizeof(ddl) / sizeof(ddl[0])))
                return false;
    }
    return true;
}

static void add_group_rows(struct postgres_driver *driver, struct pg_batch *batch,
    const struct driver_journal *journal, const struct driver_work *work, const bool *adopted)
{
    size_t from = batch->statements.count;

    /* Now, while the search_path is the user's, and while it can still be said which statement they belong to. */
    if (group_changes(work, adopted))
        pg_add_named(batch, "invplan_constraints", "SET CONSTRAINTS ALL IMMEDIATE");
    pg_add_own_settings(driver, batch, is_plain_ddl(work));
    mark(batch, from, (int)work->count - 1);
    for (size_t i = 0; i < work->count; i++) {
        const struct row_draft draft = {
            .step = work->steps[i],
            .event = adopted[i] ? LEDGER_EVENT_ADOPTED : LEDGER_EVENT_APPLIED,
            .attempt = work->attempts[i],
            .run_seq = journal->run_seq + (int64_t)i,
            .observe = true,
        };

        from = batch->statements.count;
        pg_add_append(driver, batch, journal, &draft);
        mark(batch, from, (int)i);
    }
}

/* --- running it ------------------------------------------------------------------------------------------------------
 */

/* Could the statement have left something in the session? By its tag: everything but plain DDL and DML. */
static bool leaves_traces(const char *tag)
{
    static const char *const clean[] = {"CREATE ", "ALTER ", "DROP ", "COMMENT", "GRANT", "REVOKE", "INSERT", "UPDATE",
        "DELETE", "MERGE", "TRUNCATE", "REFRESH", "REINDEX", "ANALYZE", "LOCK"};

    return !begins_with_any(tag, clean, sizeof(clean) / sizeof(clean[0]));
}

static void log_slow(const struct postgres_driver *driver, const struct pg_statement *statement, int64_t elapsed_ms)
{
    char shown[SLOW_SHOWN];
    char message[SLOW_SHOWN + 64];

    pg_strip_literals(statement->sql, shown, sizeof(shown));
    snprintf(message, sizeof(message), "slow statement, %lld.%03lld s: %s", (long long)(elapsed_ms / 1000),
        (long long)(elapsed_ms % 1000), shown);
    redact_text(message);
    driver->base.env->log(driver->base.env->context, "warning", message);
}

/* What the users' statements did: rows, slowness, traces. */
static bool judge_results(const struct postgres_driver *driver, const struct pg_batch *batch,
    const struct pg_rows *rows, struct driver_result *result)
{
    int64_t slow_ms = driver->base.plan->policy.slow_statement_ms;
    bool traces = false;

    for (size_t i = 0; i < batch->statements.count; i++) {
        const struct pg_statement *statement = &batch->statements.items[i];

        if (!statement->user)
            continue;
        traces = traces || leaves_traces(rows[i].tag);
        if (rows[i].affected >= 0 && strncmp(rows[i].tag, "SELECT", 6) != 0)
            result->affected = (result->affected < 0 ? 0 : result->affected) + rows[i].affected;
        if (slow_ms > 0 && rows[i].elapsed_ms >= slow_ms)
            log_slow(driver, statement, rows[i].elapsed_ms);
    }
    return traces;
}

/* Sends everything, or, when somebody watches the protocol's points, everything and then COMMIT. */
static bool run_transaction(
    struct postgres_driver *driver, struct pg_batch *batch, struct pg_rows **rows, size_t *failed, struct error *error)
{
    struct pg_batch commit = pg_batch_make(batch->arena);
    bool ok;

    if (!driver->base.env->point) {
        pg_add_commit(batch);
        return pg_run(driver->main, batch->arena, batch, rows, failed, error);
    }
    pg_reach(driver, "pg.group.before");
    if (!pg_run(driver->main, batch->arena, batch, rows, failed, error))
        return false;
    pg_add_commit(&commit);
    pg_reach(driver, "pg.group.before_commit");
    ok = pg_run(driver->main, batch->arena, &commit, NULL, NULL, error);
    *failed = batch->statements.count;
    if (ok)
        pg_reach(driver, "pg.group.after_commit");
    return ok;
}

static void settle_session(struct postgres_driver *driver, bool traces)
{
    struct error error;

    /* The work is committed; if this fails the connection is closed, and the next call says so. */
    if (traces)
        (void)!pg_reset_session(driver, &error);
}

static void count_statement(const struct pg_batch *batch, size_t failed, struct error *error)
{
    size_t number = 0, total = 0;

    if (failed >= batch->statements.count || !batch->statements.items[failed].user)
        return;
    for (size_t i = 0; i < batch->statements.count; i++)
        if (batch->statements.items[i].user &&
            batch->statements.items[i].step == batch->statements.items[failed].step) {
            total++;
            number += i <= failed;
        }
    if (total > 1)
        error_wrap(error, "statement %zu of %zu", number, total);
}

static bool attempt_group(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, const bool *adopted, struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    size_t failed = 0;
    bool ok = false;

    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_pending_and_user_settings(driver, &batch, work->steps, work->count);
    if (!add_steps(driver, &batch, work, adopted, error))
        goto out;
    add_group_rows(driver, &batch, journal, work, adopted);
    pg_watch_step(driver, work->steps[0], work->steps[0]->timeouts.lock_ms);
    ok = run_transaction(driver, &batch, &rows, &failed, error);
    pg_watch_end(driver, result, ok ? NULL : error);
    if (ok) {
        result->rows_written = (int64_t)work->count;
        settle_session(driver, judge_results(driver, &batch, rows, result));
    } else if (strcmp(error->sqlstate, SQLSTATE_ALREADY_APPLIED) == 0 || pg_is_double_row(error)) {
        result->already_applied = true;
        ok = true;
    } else {
        int step = failed < batch.statements.count ? batch.statements.items[failed].step : (int)work->count - 1;

        result->failed_step = step < 0 ? 0 : (size_t)step;
        count_statement(&batch, failed, error);
    }
out:
    arena_free(&arena);
    return ok;
}

/* The server says that something of this name is there. True when it is what the step would have made: then the step is
 * adopted. Otherwise the error says what differs. */
static bool is_in_place(struct postgres_driver *driver, const struct plan_step *step, struct error *error)
{
    struct probe_answer answer;
    struct error refused;

    if (!step->action.probe || !postgres_probe(&driver->base, step, false, &answer, &refused))
        return false;
    if (answer.state == PROBE_DONE)
        return true;
    if (answer.state == PROBE_OTHER && answer.detail[0]) {
        error_set(error, EXIT_STATUS_DRIFT, "%s", answer.detail);
        error_help(error, "rename or drop what is in the way, or change the step; then apply again");
    }
    return false;
}

bool postgres_apply_group(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT;
    bool *adopted = ARENA_ARRAY(&arena, bool, work->count);
    bool ok;

    while (!(ok = attempt_group(driver, journal, work, adopted, result, error))) {
        size_t failed = result->failed_step;

        if (error->exit_status != EXIT_STATUS_DRIFT || failed >= work->count || adopted[failed] ||
            !is_in_place(driver, work->steps[failed], error))
            break;
        adopted[failed] = true;
    }
    result->adopted = ok && work->count == 1 && adopted[0];
    arena_free(&arena);
    return ok;
}

/* --- undoing ---------------------------------------------------------------------------------------------------------
 */

/* Refuses (IV002) when there is nothing left to undo. */
static void add_check_undoable(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *step)
{
    pg_add_named(batch, "invplan_undoable",
        pg_sql(driver, batch->arena,
            "SELECT {L}.refuse('" SQLSTATE_ALREADY_APPLIED "', 'already undone: ' || s.step)"
            " FROM (SELECT $1::text AS step) s LEFT JOIN LATERAL"
            " (SELECT l.event FROM {L}.ledger l WHERE l.step = s.step ORDER BY l.seq DESC LIMIT 1) l ON true"
            " WHERE l.event IS NULL OR l.event = 'UNDONE'"));
    pg_param(batch, step->id);
}

static const char *guard_query(const struct plan_step *step)
{
    return step->inverse.grade == GRADE_EXACT ? json_string(json_get(step->inverse.guard, "sql")) : NULL;
}

/* Tables that the step's effect names, as far as they exist: a guard that looks at rows is only worth something while
 * nobody can add any. */
static bool add_guard_locks(
    struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *step, struct error *error)
{
    struct arena *arena = batch->arena;
    struct pg_batch query = pg_batch_make(arena);
    VEC(const char *) tables = {0};
    struct pg_rows rows;

    for (size_t i = 0; i < step->effect.count; i++) {
        struct object_name name;

        if (!object_name_parse(arena, step->effect.items[i].object, &name))
            continue;
        if ((str_is(name.kind, "table") && name.count == 2) || (str_is(name.kind, "column") && name.count == 3))
            VEC_PUSH(arena, &tables,
                arena_printf(arena, "%s.%s", pg_quote_identifier(arena, name.parts[0]),
                    pg_quote_identifier(arena, name.parts[1])));
    }
    if (!tables.count)
        return true;
    pg_add(&query, "SELECT DISTINCT n.name FROM pg_catalog.unnest($1::text[]) n(name) JOIN pg_catalog.pg_class c"
                   " ON c.oid = pg_catalog.to_regclass(n.name) AND c.relkind IN ('r', 'p') ORDER BY 1");
    pg_param_list(&query, tables.items, tables.count);
    if (!pg_query(driver, arena, &query, &rows, error))
        return false;
    for (size_t i = 0; i < rows.row_count; i++)
        pg_add(batch, arena_printf(arena, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", pg_text(&rows, i, 0)));
    return true;
}

bool postgres_undo_group(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, struct driver_result *result, struct error *error)
{
    const struct row_draft draft = {
        .step = step, .event = LEDGER_EVENT_UNDONE, .attempt = attempt, .run_seq = journal->run_seq, .observe = true};
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    size_t failed = 0;
    bool ok = false;

    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    add_check_undoable(driver, &batch, step);
    if (!step->inverse.action.none) {
        pg_add_user_settings(driver, &batch, &step->timeouts);
        if (guard_query(step)) {
            if (!add_guard_locks(driver, &batch, step, error))
                goto out;
            pg_add_check(driver, &batch, guard_query(step),
                step->inverse.why ? step->inverse.why : "undoing it would lose what was written since");
        }
        if (!add_forward(driver, &batch, &step->inverse.action)) {
            (void)malformed(step, error);
            goto out;
        }
        pg_add_named(&batch, "invplan_constraints", "SET CONSTRAINTS ALL IMMEDIATE");
    }
    pg_add_own_settings(driver, &batch, false);
    pg_add_append(driver, &batch, journal, &draft);
    pg_watch_step(driver, step, step->timeouts.lock_ms);
    ok = run_transaction(driver, &batch, &rows, &failed, error);
    pg_watch_end(driver, result, ok ? NULL : error);
    if (ok) {
        result->rows_written = 1;
        settle_session(driver, judge_results(driver, &batch, rows, result));
    } else if (strcmp(error->sqlstate, SQLSTATE_ALREADY_APPLIED) == 0 || pg_is_double_row(error)) {
        result->already_applied = true;
        ok = true;
    } else {
        if (strcmp(error->sqlstate, SQLSTATE_CHECK_FAILED) == 0)
            error->exit_status = EXIT_STATUS_UNDO_HALTED;
        count_statement(&batch, failed, error);
    }
out:
    arena_free(&arena);
    return ok;
}

bool postgres_guard(struct driver *base, const struct plan_step *step, bool *holds, char *detail, size_t detail_size,
    struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    size_t at;
    bool ok = true;

    *holds = step->inverse.grade == GRADE_EXACT;
    snprintf(detail, detail_size, "%s", step->inverse.why && (!*holds || guard_query(step)) ? step->inverse.why : "");
    if (guard_query(step)) {
        struct str text = pg_strip_end(guard_query(step));

        pg_add_begin(driver, &batch);
        pg_add_user_settings(driver, &batch, &step->timeouts);
        at = batch.statements.count;
        pg_add(&batch, arena_printf(&arena, "SELECT (\n%.*s\n) IS TRUE", STR_ARG(text)));
        pg_add_commit(&batch);
        ok = pg_run(driver->main, &arena, &batch, &rows, NULL, error);
        *holds = ok && pg_true(&rows[at], 0, 0);
        if (*holds)
            detail[0] = '\0';
    }
    arena_free(&arena);
    return ok;
}
