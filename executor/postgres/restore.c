/*
 * Undoing a backfill: walks the kept values, newest first, and puts one back only where the row still holds what was
 * written. Each batch forgets what it restored, so it too can be killed and begun again; what was changed since is
 * left, and counted.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/walk.h"
#include "spec/exit.h"

struct restoring {
    struct walk walk;
    const char **types; /* of walk.columns */
    int64_t below;      /* ids from here on are done with, in this pass */
    int64_t restored;   /* in all */
    int64_t seen;       /* in this batch */
    int64_t taken;      /* in this batch */
};

static bool read_types(struct restoring *restoring, struct error *error)
{
    struct walk *walk = &restoring->walk;
    struct pg_batch batch = pg_batch_make(walk->arena);
    struct pg_rows rows;

    pg_add(&batch,
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.unnest($2::text[])"
        " WITH ORDINALITY c(name, place) LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = pg_catalog.to_regclass($1)"
        " AND a.attnum > 0 AND NOT a.attisdropped AND c.name IN (a.attname, pg_catalog.quote_ident(a.attname),"
        " '\"' || pg_catalog.replace(a.attname, '\"', '\"\"') || '\"') ORDER BY c.place");
    pg_param(&batch, walk->relation);
    pg_param_list(&batch, walk->columns, walk->column_count);
    if (!pg_query(walk->driver, walk->arena, &batch, &rows, error))
        return false;
    restoring->types = ARENA_ARRAY(walk->arena, const char *, walk->column_count);
    for (size_t i = 0; i < walk->column_count; i++) {
        restoring->types[i] = pg_text(&rows, i, 1);
        if (rows.row_count != walk->column_count || !restoring->types[i])
            return error_set(error, EXIT_STATUS_DRIFT, "column %s of %s is gone, so its old values cannot be put back",
                walk->columns[i], walk->relation);
    }
    return true;
}

static const char *restore_sql(const struct restoring *restoring, struct arena *arena)
{
    const struct walk *walk = &restoring->walk;
    const char *ledger = walk->driver->quoted_schema;
    struct strbuf sql = STRBUF_INIT;

    strbuf_printf(&sql,
        "WITH batch AS MATERIALIZED (SELECT u.id, u.key, u.old, u.new FROM %s.undo u WHERE u.step = $1::text"
        " AND u.id < $2::bigint ORDER BY u.id DESC LIMIT $3::bigint), restored AS (UPDATE %s SET ",
        ledger, walk->relation);
    for (size_t i = 0; i < walk->column_count; i++)
        strbuf_printf(&sql, "%s%s = batch.old[%zu]::%s", i ? ", " : "", walk->columns[i], i + 1, restoring->types[i]);
    strbuf_append_text(&sql, " FROM batch WHERE ");
    for (size_t i = 0; i < walk->key_count; i++)
        strbuf_printf(&sql, "%s%s.%s = batch.key[%zu]::%s", i ? " AND " : "", walk->relation, walk->key[i].name, i + 1,
            walk->key[i].type);
    for (size_t i = 0; i < walk->column_count; i++)
        strbuf_printf(
            &sql, " AND %s.%s::text IS NOT DISTINCT FROM batch.new[%zu]", walk->relation, walk->columns[i], i + 1);
    strbuf_printf(&sql,
        " RETURNING batch.id), gone AS (DELETE FROM %s.undo u USING restored"
        " WHERE u.step = $1::text AND u.id = restored.id) SELECT (SELECT pg_catalog.count(*) FROM batch),"
        " (SELECT pg_catalog.count(*) FROM restored), (SELECT pg_catalog.min(id) FROM batch)",
        ledger);
    return walk_take_sql(arena, &sql);
}

static bool restore_batch(struct restoring *restoring, struct error *error)
{
    struct walk *walk = &restoring->walk;
    struct postgres_driver *driver = walk->driver;
    const struct driver_env *env = driver->base.env;
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    int64_t began_ms = env->now_ms(env->context);
    size_t at;
    bool ok;

    pg_add_begin(driver, &batch);
    walk_add_lease_check(driver, &batch);
    pg_add_user_settings(driver, &batch, &walk->step->timeouts);
    walk_add_text_settings(&batch);
    pg_add(&batch, "SET LOCAL enable_seqscan = off");
    at = batch.statements.count;
    pg_add(&batch, restore_sql(restoring, &arena));
    pg_param(&batch, walk->step->id);
    pg_param_integer(&batch, restoring->below);
    pg_param_integer(&batch, walk->batch);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, &rows, NULL, error);
    if (ok) {
        restoring->seen = pg_integer(&rows[at], 0, 0, 0);
        restoring->taken = pg_integer(&rows[at], 0, 1, 0);
        restoring->below = pg_integer(&rows[at], 0, 2, 0);
        restoring->restored += restoring->taken;
        walk->rows = restoring->restored;
        walk->batches++;
        walk_adapt_batch(walk, env->now_ms(env->context) - began_ms);
        pg_reach(driver, "pg.restore.batch");
    }
    arena_free(&arena);
    return ok;
}

/* One pass over what is kept. A row that was updated twice (its backfill was changed between) has two old values: the
 * older one's turn comes in the next pass, so passes go on until one finds nothing. */
static bool restore_pass(struct restoring *restoring, int64_t *taken, struct error *error)
{
    struct walk *walk = &restoring->walk;
    const struct driver_env *env = walk->driver->base.env;
    int64_t ticked_ms = env->now_ms(env->context);

    *taken = 0;
    restoring->below = INT64_MAX;
    for (;;) {
        int64_t now_ms = env->now_ms(env->context);

        if (!walk_may_go_on(walk, "put back", error))
            return false;
        if (now_ms - ticked_ms >= 1000) {
            env->tick(env->context);
            ticked_ms = now_ms;
        }
        if (!restore_batch(restoring, error))
            return false;
        *taken += restoring->taken;
        env->progress(env->context, walk->step->id, restoring->restored, -1, "rows");
        if (!restoring->seen)
            return true;
    }
}

static bool count_left(const struct restoring *restoring, int64_t *left, struct error *error)
{
    const struct walk *walk = &restoring->walk;
    struct pg_batch batch = pg_batch_make(walk->arena);
    struct pg_rows rows;

    pg_add(&batch, pg_sql(walk->driver, walk->arena, "SELECT pg_catalog.count(*) FROM {L}.undo WHERE step = $1"));
    pg_param(&batch, walk->step->id);
    if (!pg_query(walk->driver, walk->arena, &batch, &rows, error))
        return false;
    *left = pg_integer(&rows, 0, 0, 0);
    return true;
}

static bool commit_undone(struct restoring *restoring, const struct driver_journal *journal, int64_t attempt,
    int64_t left, struct driver_result *result, struct error *error)
{
    struct walk *walk = &restoring->walk;
    struct postgres_driver *driver = walk->driver;
    struct pg_batch batch = pg_batch_make(walk->arena);
    struct json *note = json_new(walk->arena, JSON_OBJECT);
    const struct row_draft draft = {.step = walk->step,
        .event = LEDGER_EVENT_UNDONE,
        .attempt = attempt,
        .run_seq = journal->run_seq + 1,
        .note = note,
        .observe = true};

    json_set_integer(walk->arena, note, "restored", restoring->restored);
    json_set_integer(walk->arena, note, "left", left);
    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add_own_settings(driver, &batch, false);
    pg_add(&batch, pg_sql(driver, walk->arena, "DELETE FROM {L}.checkpoint WHERE step = $1"));
    pg_param(&batch, walk->step->id);
    pg_add(&batch, pg_sql(driver, walk->arena, "DELETE FROM {L}.undo WHERE step = $1"));
    pg_param(&batch, walk->step->id);
    pg_add_append(driver, &batch, journal, &draft);
    pg_add_commit(&batch);
    if (!pg_run(driver->main, walk->arena, &batch, NULL, NULL, error))
        return false;
    result->rows_written++;
    result->affected = restoring->restored;
    result->detail = walk_keep_detail(walk, note);
    return true;
}

static bool restore(struct restoring *restoring, const struct driver_journal *journal, int64_t attempt,
    struct driver_result *result, struct error *error)
{
    struct walk *walk = &restoring->walk;
    const struct driver_env *env = walk->driver->base.env;
    const struct row_draft draft = {.step = walk->step,
        .event = LEDGER_EVENT_UNDO_STARTED,
        .attempt = attempt,
        .run_seq = journal->run_seq,
        .note = pg_started_note(walk->driver, walk->arena, NULL)};
    struct step_history history;
    int64_t taken, left;
    char message[256];

    if (!pg_read_history(walk->driver, walk->step->id, true, &history, error))
        return false;
    if (!history.any || strcmp(history.event, "UNDONE") == 0) {
        result->already_applied = true;
        return true;
    }
    if (!read_types(restoring, error) || !pg_commit_row(walk->driver, journal, &draft, error))
        return false;
    result->rows_written++;
    pg_reach(walk->driver, "pg.restore.started");
    walk->batch = walk_clamp_batch(walk->batch);
    do {
        if (!restore_pass(restoring, &taken, error))
            return false;
    } while (taken);
    if (!count_left(restoring, &left, error))
        return false;
    if (left) {
        snprintf(message, sizeof(message),
            "step %.100s: %lld rows of %.80s were changed since, and are left as they are", walk->step->id,
            (long long)left, walk->relation);
        env->log(env->context, "warning", message);
    }
    return commit_undone(restoring, journal, attempt, left, result, error);
}

bool postgres_restore(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, struct driver_result *result, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct restoring restoring = {.walk = {.driver = driver, .step = step, .arena = &arena}};
    const char *of = json_string(json_get(step->inverse.action.forward, "restore"));
    bool ok = false;

    if (!of || strcmp(of, step->id) != 0)
        error_set(error, EXIT_STATUS_PLAN, "the inverse of step '%s' restores '%s', not what the step wrote", step->id,
            of ? of : "");
    else if (walk_read_form(&restoring.walk, error))
        ok = restore(&restoring, journal, attempt, result, error);
    arena_free(&arena);
    return ok;
}
