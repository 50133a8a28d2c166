/*
 * Backfills: a walk along the key, one transaction a batch, each of which holds the lease, updates the rows of one
 * range of keys, keeps their old values where they are to be put back, and moves the checkpoint. The range's upper end
 * is looked up before, so that the UPDATE has constants to plan with.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/sqlstate.h"
#include "executor/postgres/walk.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum { LOCK_TRIES = 8 }; /* of one batch, before the step as a whole is tried again */

/* 32 MB at least, so that a batch's old values need no file. */
#define BATCH_MEMORY                                                                                                   \
    "SELECT pg_catalog.set_config('work_mem', GREATEST(pg_catalog.pg_size_bytes("                                      \
    "pg_catalog.current_setting('work_mem')), 33554432) / 1024 || 'kB', true)"

/* --- pieces of SQL ---------------------------------------------------------------------------------------------------
 */

static void add_key_names(const struct walk *walk, struct strbuf *sql)
{
    for (size_t i = 0; i < walk->key_count; i++)
        strbuf_printf(sql, "%s%s", i ? ", " : "", walk->key[i].name);
}

static void add_key_texts(const struct walk *walk, struct strbuf *sql)
{
    for (size_t i = 0; i < walk->key_count; i++)
        strbuf_printf(sql, "%s%s::text", i ? ", " : "", walk->key[i].name);
}

/* With names of their own: ORDER BY would take a text named like the key's column for the column. */
static void add_key_columns(const struct walk *walk, struct strbuf *sql)
{
    for (size_t i = 0; i < walk->key_count; i++)
        strbuf_printf(sql, "%s%s::text AS \"invplan k%zu\"", i ? ", " : "", walk->key[i].name, i);
}

/* (k1, k2) > ($first::t1, $first+1::t2) */
static void add_comparison(const struct walk *walk, struct strbuf *sql, const char *operator, size_t first)
{
    strbuf_append_char(sql, '(');
    add_key_names(walk, sql);
    strbuf_printf(sql, ") %s (", operator);
    for (size_t i = 0; i < walk->key_count; i++)
        strbuf_printf(sql, "%s$%zu::%s", i ? ", " : "", first + i, walk->key[i].type);
    strbuf_append_char(sql, ')');
}

static void add_key_params(const struct walk *walk, struct pg_batch *batch, const char *const *key)
{
    for (size_t i = 0; i < walk->key_count; i++)
        pg_param(batch, key[i]);
}

/* " WHERE", and what is true of the batch's keys; parameters from `first` on are cursor and upper end. */
static void add_range(const struct walk *walk, struct strbuf *sql, const char *const *upper, size_t first)
{
    strbuf_append_text(sql, " WHERE true");
    if (walk->cursor) {
        strbuf_append_text(sql, " AND ");
        add_comparison(walk, sql, ">", first);
        first += walk->key_count;
    }
    if (upper) {
        strbuf_append_text(sql, " AND ");
        add_comparison(walk, sql, "<=", first);
    }
}

static void add_where(const struct walk *walk, struct strbuf *sql, const char *const *upper, size_t first)
{
    add_range(walk, sql, upper, first);
    if (walk->where)
        strbuf_printf(sql, " AND (\n%s\n)", walk->where);
}

/* Parameters from 1 on are cursor and upper end. */
static void add_update(const struct walk *walk, struct strbuf *sql, const char *const *upper)
{
    strbuf_printf(sql, "UPDATE %s SET %s", walk->relation, walk->set);
    add_where(walk, sql, upper, 1);
}

/* The same with the old values locked and read first, and kept with the new ones: the step is the first parameter.
 * Names of our own have a blank in them, so that they cannot be what the plan's expressions mean. */
static void add_keeping_update(const struct walk *walk, struct strbuf *sql, const char *const *upper)
{
    strbuf_append_text(sql, "WITH \"invplan old\" AS MATERIALIZED (SELECT ");
    for (size_t i = 0; i < walk->key_count; i++)
        strbuf_printf(sql, "%s AS \"invplan k%zu\", ", walk->key[i].name, i);
    strbuf_append_text(sql, "ARRAY[");
    add_key_texts(walk, sql);
    strbuf_append_text(sql, "] AS \"invplan key\", ARRAY[");
    for (size_t i = 0; i < walk->column_count; i++)
        strbuf_printf(sql, "%s%s::text", i ? ", " : "", walk->columns[i]);
    strbuf_printf(sql, "] AS \"invplan before\" FROM %s", walk->relation);
    add_where(walk, sql, upper, 2);
    strbuf_append_text(sql, " ORDER BY ");
    add_key_names(walk, sql);
    strbuf_printf(sql, " FOR NO KEY UPDATE), changed AS (UPDATE %s SET %s FROM \"invplan old\"", walk->relation,
        walk->set);
    /* The range once more: a join that reads the table in the key's order is to begin where the batch does. */
    add_range(walk, sql, upper, 2);
    for (size_t i = 0; i < walk->key_count; i++)
        strbuf_printf(sql, " AND %s.%s = \"invplan k%zu\"", walk->relation, walk->key[i].name, i);
    strbuf_append_text(sql, " RETURNING \"invplan key\" AS key, \"invplan before\" AS before, ARRAY[");
    for (size_t i = 0; i < walk->column_count; i++)
        strbuf_printf(sql, "%s%s.%s::text", i ? ", " : "", walk->relation, walk->columns[i]);
    strbuf_printf(sql,
        "] AS after) INSERT INTO %s.undo (step, key, old, new) SELECT $1::text, key, before, after FROM changed",
        walk->driver->quoted_schema);
}

/* --- where it stands -------------------------------------------------------------------------------------------------
 */

/* Adds the checkpoint's row, or resets it when it is of another form of the step, or of a life that has ended. */
static void add_checkpoint_start(const struct walk *walk, struct pg_batch *batch, bool go_on)
{
    const struct postgres_driver *driver = walk->driver;

    if (!go_on) {
        pg_add(batch, pg_sql(driver, batch->arena, "DELETE FROM {L}.checkpoint WHERE step = $1"));
        pg_param(batch, walk->step->id);
        pg_add(batch, pg_sql(driver, batch->arena, "DELETE FROM {L}.undo WHERE step = $1"));
        pg_param(batch, walk->step->id);
    }
    pg_add(batch, pg_sql(driver, batch->arena,
                      "INSERT INTO {L}.checkpoint AS c (step, effect_digest, cursor, rows, walked, batch, done, at)"
                      " VALUES ($1, $2, NULL, 0, 0, $3::bigint, false, pg_catalog.now()) ON CONFLICT (step) DO UPDATE"
                      " SET cursor = NULL, done = false, walked = 0, batch = EXCLUDED.batch, effect_digest = "
                      "EXCLUDED.effect_digest, at = EXCLUDED.at"
                      " WHERE c.effect_digest <> EXCLUDED.effect_digest"));
    pg_param(batch, walk->step->id);
    pg_param(batch, walk->step->effect_digest);
    pg_param_integer(batch, walk_clamp_batch(walk->batch));
}

static bool read_checkpoint(struct walk *walk, struct error *error)
{
    struct pg_batch batch = pg_batch_make(walk->arena);
    struct pg_rows rows;

    pg_add(&batch, pg_sql(walk->driver, walk->arena,
                       "SELECT c.rows, c.walked, c.batch, c.done, c.cursor IS NOT NULL, u.part"
                       " FROM {L}.checkpoint c LEFT JOIN LATERAL pg_catalog.unnest(c.cursor) WITH ORDINALITY u(part, "
                       "place) ON true"
                       " WHERE c.step = $1 ORDER BY u.place"));
    pg_param(&batch, walk->step->id);
    if (!pg_query(walk->driver, walk->arena, &batch, &rows, error))
        return false;
    if (!rows.row_count)
        return error_set(error, EXIT_STATUS_HISTORY, "the checkpoint of step '%s' is gone", walk->step->id);
    walk->rows = pg_integer(&rows, 0, 0, 0);
    walk->walked = pg_integer(&rows, 0, 1, 0);
    walk->batch = walk_clamp_batch(pg_integer(&rows, 0, 2, WALK_BATCH_MIN));
    walk->done = pg_true(&rows, 0, 3);
    walk->cursor = NULL;
    if (!pg_true(&rows, 0, 4))
        return true;
    if (rows.row_count != walk->key_count)
        return error_set(error, EXIT_STATUS_HISTORY, "the checkpoint of step '%s' has another key", walk->step->id);
    walk->cursor = ARENA_ARRAY(walk->arena, const char *, walk->key_count);
    for (size_t i = 0; i < walk->key_count; i++)
        walk->cursor[i] = pg_text(&rows, i, 5);
    return true;
}

/* An estimate for the progress bar; not worth an error. */
static void estimate_total(struct walk *walk)
{
    struct pg_batch batch = pg_batch_make(walk->arena);
    struct pg_rows rows;
    struct error ignored;

    walk->total = -1;
    pg_add(&batch,
        "SELECT pg_catalog.sum(c.reltuples)::bigint FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)) t"
        " JOIN pg_catalog.pg_class c ON c.oid = t.relid WHERE t.isleaf AND c.reltuples >= 0");
    pg_param(&batch, walk->relation);
    if (pg_query(walk->driver, walk->arena, &batch, &rows, &ignored))
        walk->total = pg_integer(&rows, 0, 0, -1);
    if (walk->total <= 0) {
        /* A table that is no partition tree has none of the above. */
        batch = pg_batch_make(walk->arena);
        pg_add(
            &batch, "SELECT c.reltuples::bigint FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)");
        pg_param(&batch, walk->relation);
        if (pg_query(walk->driver, walk->arena, &batch, &rows, &ignored))
            walk->total = pg_integer(&rows, 0, 0, -1);
    }
}

static void report_progress(const struct walk *walk)
{
    const struct driver_env *env = walk->driver->base.env;

    env->progress(env->context, walk->step->id, walk->walked, walk->total > walk->walked ? walk->total : -1, "rows");
}

/* --- one batch -------------------------------------------------------------------------------------------------------
 */

/* The last key of the next batch; NULL when fewer keys than a batch are left. */
static bool find_upper(struct walk *walk, struct arena *arena, const char *const **upper, struct error *error)
{
    struct pg_batch batch = pg_batch_make(arena);
    struct strbuf sql = STRBUF_INIT;
    struct pg_rows *rows;
    const char **key;
    size_t at;

    strbuf_append_text(&sql, "SELECT ");
    add_key_columns(walk, &sql);
    strbuf_printf(&sql, " FROM %s", walk->relation);
    if (walk->cursor) {
        strbuf_append_text(&sql, " WHERE ");
        add_comparison(walk, &sql, ">", 1);
    }
    strbuf_append_text(&sql, " ORDER BY ");
    add_key_names(walk, &sql);
    strbuf_printf(&sql, " OFFSET %lld LIMIT 1", (long long)walk->batch - 1);
    pg_add_begin(walk->driver, &batch);
    pg_add_user_settings(walk->driver, &batch, &walk->step->timeouts);
    walk_add_text_settings(&batch);
    pg_add(&batch, "SET LOCAL enable_seqscan = off");
    at = batch.statements.count;
    pg_add(&batch, walk_take_sql(arena, &sql));
    if (walk->cursor)
        add_key_params(walk, &batch, walk->cursor);
    pg_add_commit(&batch);
    *upper = NULL;
    if (!pg_run(walk->driver->main, arena, &batch, &rows, NULL, error))
        return error_wrap(error, "the next batch of %s", walk->relation);
    if (!rows[at].row_count)
        return true;
    key = ARENA_ARRAY(walk->arena, const char *, walk->key_count);
    for (size_t i = 0; i < walk->key_count; i++) {
        if (!pg_text(&rows[at], 0, i))
            return error_set(error, EXIT_STATUS_HALTED, "column %s of the key of %s is null in a row",
                walk->key[i].name, walk->relation);
        key[i] = arena_strdup(walk->arena, pg_text(&rows[at], 0, i));
    }
    *upper = key;
    return true;
}

/* Its row count is that of the rows that it updates. */
static void add_batch(const struct walk *walk, struct pg_batch *batch, const char *const *upper)
{
    struct strbuf sql = STRBUF_INIT;

    if (walk->keep_old)
        add_keeping_update(walk, &sql, upper);
    else
        add_update(walk, &sql, upper);
    pg_add(batch, walk_take_sql(batch->arena, &sql));
    if (walk->keep_old)
        pg_param(batch, walk->step->id);
    if (walk->cursor)
        add_key_params(walk, batch, walk->cursor);
    if (upper)
        add_key_params(walk, batch, upper);
}

static void add_checkpoint(const struct walk *walk, struct pg_batch *batch, const char *const *upper, int64_t rows)
{
    pg_add_named(batch, "invplan_checkpoint",
        pg_sql(walk->driver, batch->arena,
            "UPDATE {L}.checkpoint SET cursor = COALESCE($2::text[], cursor), rows = rows + $3::bigint,"
            " walked = walked + $4::bigint, batch = $5::bigint, done = $6::boolean, at = pg_catalog.clock_timestamp()"
            " WHERE step = $1::text RETURNING rows, walked"));
    pg_param(batch, walk->step->id);
    if (upper)
        pg_param_list(batch, upper, walk->key_count);
    else
        pg_param(batch, NULL);
    pg_param_integer(batch, rows);
    pg_param_integer(batch, upper ? walk->batch : 0);
    pg_param_integer(batch, walk->batch);
    pg_param(batch, upper ? "false" : "true");
}

/* The rows of one batch, in a transaction that stays open. */
static bool update_rows(
    struct walk *walk, struct arena *arena, const char *const *upper, int64_t *updated, struct error *error)
{
    struct pg_batch batch = pg_batch_make(arena);
    struct pg_rows *rows;

    pg_add_begin(walk->driver, &batch);
    walk_add_lease_check(walk->driver, &batch);
    pg_add_user_settings(walk->driver, &batch, &walk->step->timeouts);
    if (walk->keep_old) {
        walk_add_text_settings(&batch);
        pg_add(&batch, BATCH_MEMORY);
    }
    /* The key's index is the way to a range of the key, whatever the statistics of a table say that just grew. */
    pg_add(&batch, "SET LOCAL enable_seqscan = off");
    add_batch(walk, &batch, upper);
    if (!pg_run(walk->driver->main, arena, &batch, &rows, NULL, error))
        return false;
    *updated = rows[batch.statements.count - 1].affected;
    return true;
}

/* Counting them in the statement that updates them would take longer than the round trip between the two. */
static bool commit_rows(
    struct walk *walk, struct arena *arena, const char *const *upper, int64_t updated, struct error *error)
{
    struct postgres_driver *driver = walk->driver;
    struct pg_batch batch = pg_batch_make(arena), commit = pg_batch_make(arena);
    struct pg_rows *rows;

    add_checkpoint(walk, &batch, upper, updated);
    pg_add_commit(driver->base.env->point ? &commit : &batch);
    if (!pg_run(driver->main, arena, &batch, &rows, NULL, error))
        return false;
    pg_reach(driver, "pg.backfill.before_commit");
    if (!pg_run(driver->main, arena, &commit, NULL, NULL, error))
        return false;
    walk->rows = pg_integer(&rows[0], 0, 0, walk->rows);
    walk->walked = pg_integer(&rows[0], 0, 1, walk->walked);
    return true;
}

static bool run_batch(struct walk *walk, struct arena *arena, const char *const *upper, struct error *error)
{
    const struct driver_env *env = walk->driver->base.env;
    int64_t began_ms = env->now_ms(env->context);
    int64_t updated;

    if (!update_rows(walk, arena, upper, &updated, error) || !commit_rows(walk, arena, upper, updated, error))
        return false;
    walk->batches++;
    walk->done = !upper;
    if (upper)
        walk->cursor = (const char **)upper;
    walk_adapt_batch(walk, env->now_ms(env->context) - began_ms);
    pg_reach(walk->driver, "pg.backfill.batch");
    return true;
}

/* Lock conflicts with the application are part of the trade: a smaller batch, a little later. */
static bool do_batch(struct walk *walk, struct error *error)
{
    const struct driver_env *env = walk->driver->base.env;

    for (int tries = 1;; tries++) {
        struct arena arena = ARENA_INIT;
        const char *const *upper;
        uint32_t random = 0;
        bool ok;

        walk->driver->watch_began_ms = env->now_ms(env->context);
        ok = find_upper(walk, &arena, &upper, error) && run_batch(walk, &arena, upper, error);

        arena_free(&arena);
        if (ok || !sqlstate_is_lock(error->sqlstate) || tries == LOCK_TRIES || env->stopping(env->context))
            return ok;
        walk->batch = walk_clamp_batch(walk->batch / 2);
        if (!env->random_bytes(env->context, &random, sizeof(random)))
            BUG("no random numbers");
        env->sleep_ms(env->context, 20 + random % (100u << tries));
    }
}

static bool walk_all(struct walk *walk, struct error *error)
{
    const struct driver_env *env = walk->driver->base.env;
    int64_t ticked_ms = env->now_ms(env->context);

    while (!walk->done) {
        int64_t now_ms = env->now_ms(env->context);

        if (!walk_may_go_on(walk, "updated", error))
            return false;
        if (now_ms - ticked_ms >= 1000) {
            env->tick(env->context);
            ticked_ms = now_ms;
        }
        if (!do_batch(walk, error))
            return false;
        report_progress(walk);
    }
    return true;
}

/* --- forward ---------------------------------------------------------------------------------------------------------
 */

static bool commit_start(
    struct walk *walk, const struct driver_journal *journal, int64_t attempt, bool go_on, struct error *error)
{
    struct postgres_driver *driver = walk->driver;
    struct pg_batch batch = pg_batch_make(walk->arena);
    const struct row_draft draft = {.step = walk->step,
        .event = LEDGER_EVENT_STARTED,
        .attempt = attempt,
        .run_seq = journal->run_seq,
        .note = pg_started_note(driver, walk->arena, go_on ? "resumed" : "not done")};

    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_check_pending(driver, &batch, &walk->step, 1);
    pg_add_step_check(driver, &batch, walk->step, &walk->step->precondition);
    pg_add_own_settings(driver, &batch, false);
    add_checkpoint_start(walk, &batch, go_on);
    pg_add_append(driver, &batch, journal, &draft);
    pg_add_commit(&batch);
    return pg_run(driver->main, walk->arena, &batch, NULL, NULL, error);
}

static bool commit_end(struct walk *walk, const struct driver_journal *journal, int64_t attempt, struct error *error)
{
    struct postgres_driver *driver = walk->driver;
    struct pg_batch batch = pg_batch_make(walk->arena);
    struct json *note = json_new(walk->arena, JSON_OBJECT);
    const struct row_draft draft = {.step = walk->step,
        .event = LEDGER_EVENT_APPLIED,
        .attempt = attempt,
        .run_seq = journal->run_seq + 1,
        .note = note,
        .observe = true};

    json_set_integer(walk->arena, note, "rows", walk->rows);
    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_check_pending(driver, &batch, &walk->step, 1);
    pg_add_step_check(driver, &batch, walk->step, &walk->step->postcondition);
    pg_add_own_settings(driver, &batch, false);
    pg_add_append(driver, &batch, journal, &draft);
    pg_add_commit(&batch);
    return pg_run(driver->main, walk->arena, &batch, NULL, NULL, error);
}

/* The planner's statistics are of before; an ANALYZE that fails is no failed backfill. */
static void analyze(const struct walk *walk)
{
    struct postgres_driver *driver = walk->driver;
    struct pg_batch batch = pg_batch_make(walk->arena);
    struct error error;
    char message[512];

    pg_add(&batch, arena_printf(walk->arena, "ANALYZE %s", walk->relation));
    if (pg_run(driver->main, walk->arena, &batch, NULL, NULL, &error))
        return;
    snprintf(message, sizeof(message), "ANALYZE %s failed: %.300s", walk->relation, error.message);
    driver->base.env->log(driver->base.env->context, "warning", message);
}

static void report_walk(struct walk *walk, struct driver_result *result)
{
    struct json *detail = json_new(walk->arena, JSON_OBJECT);

    json_set_integer(walk->arena, detail, "rows", walk->rows);
    json_set_integer(walk->arena, detail, "batches", walk->batches);
    json_set_integer(walk->arena, detail, "throttled_ms", walk->throttled_ms);
    result->affected = walk->rows;
    result->detail = walk_keep_detail(walk, detail);
}

static bool backfill(struct walk *walk, const struct driver_journal *journal, int64_t attempt,
    struct driver_result *result, struct error *error)
{
    struct step_history history;
    bool go_on;

    if (!walk_read_form(walk, error) || !pg_read_history(walk->driver, walk->step->id, false, &history, error))
        return false;
    /* Batches that a resolved or undone life of the step committed do not count any more. */
    go_on = strcmp(history.event, "STARTED") == 0 || strcmp(history.event, "FAILED") == 0;
    pg_reach(walk->driver, "pg.backfill.before");
    if (!commit_start(walk, journal, attempt, go_on, error))
        return false;
    result->rows_written++;
    pg_reach(walk->driver, "pg.backfill.started");
    if (!read_checkpoint(walk, error))
        return false;
    estimate_total(walk);
    pg_watch_step(walk->driver, walk->step, walk->step->timeouts.lock_ms);
    if (!walk_all(walk, error)) {
        pg_watch_end(walk->driver, result, error);
        report_walk(walk, result);
        return false;
    }
    pg_watch_end(walk->driver, result, NULL);
    result->lock_hold_ms = -1; /* each batch holds its own */
    report_walk(walk, result);
    pg_reach(walk->driver, "pg.backfill.effect");
    if (!commit_end(walk, journal, attempt, error))
        return false;
    result->rows_written++;
    pg_reach(walk->driver, "pg.backfill.applied");
    analyze(walk);
    return true;
}

bool postgres_backfill(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct walk walk = {.driver = driver, .step = work->steps[0], .arena = &arena};
    bool ok = backfill(&walk, journal, work->attempts[0], result, error);

    if (!ok && strcmp(error->sqlstate, SQLSTATE_ALREADY_APPLIED) == 0) {
        result->already_applied = true;
        ok = true;
    }
    arena_free(&arena);
    return ok;
}

bool postgres_probe_backfill(struct postgres_driver *driver, const struct plan_step *step, bool inverse,
    struct probe_answer *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows;
    bool ok;

    out->state = PROBE_NOT_DONE;
    pg_add(
        &batch, pg_sql(driver, &arena, "SELECT done AND effect_digest = $2, rows FROM {L}.checkpoint WHERE step = $1"));
    pg_param(&batch, step->id);
    pg_param(&batch, step->effect_digest);
    ok = pg_query(driver, &arena, &batch, &rows, error);
    if (ok && rows.row_count) {
        if (!inverse && pg_true(&rows, 0, 0))
            out->state = PROBE_DONE;
        snprintf(out->detail, sizeof(out->detail), "%s rows updated so far", pg_text(&rows, 0, 1));
    }
    arena_free(&arena);
    return ok;
}
