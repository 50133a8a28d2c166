/*
 * While a statement runs on main, the side connection looks who is in its way and how far it has come. What is seen
 * last is what a lock time-out is explained with: when the error arrives, the wait is over and nobody is in the way any
 * more.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"
#include "executor/postgres/sqlstate.h"
#include "executor/redact.h"

enum { WATCH_AFTER_MS = 150, QUERY_SHOWN = 160 };

bool pg_side(struct postgres_driver *driver, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    bool ok = true;

    if (!pg_is_open(driver->side) && driver->pooled) {
        ok = pg_open(driver->side, error);
    } else if (!pg_is_open(driver->side)) {
        /* A heartbeat that a crash of the server loses is no harm: the crash ends every backend. */
        pg_add(&batch, "SET synchronous_commit = off");
        pg_add(&batch, "SET search_path = pg_catalog, pg_temp");
        pg_add(&batch, "SET statement_timeout = '4s'");
        ok = pg_open(driver->side, error) && pg_run(driver->side, &arena, &batch, NULL, NULL, error);
    }
    arena_free(&arena);
    return ok;
}

static void describe_backend(const struct pg_rows *rows, char *out, size_t out_size)
{
    char query[QUERY_SHOWN];
    const char *text = pg_text(rows, 0, 4);

    pg_strip_literals(text ? text : "", query, sizeof(query));
    snprintf(out, out_size, "backend %s (%s, %s, transaction open for %s s)%s%s", pg_text(rows, 0, 0),
        pg_text(rows, 0, 1), pg_text(rows, 0, 2), pg_text(rows, 0, 3), *query ? ": " : "", query);
    redact_text(out);
}

/* Who holds main up, first of them; nobody: *blocked false. */
static void look_for_blocker(struct postgres_driver *driver)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    struct error error;
    char message[768];

    pg_add(&batch, "SELECT a.pid, COALESCE(NULLIF(a.application_name, ''), a.backend_type, 'unknown'), "
                   "COALESCE(a.state, 'state unknown'),"
                   " COALESCE(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::bigint, 0), a.query"
                   " FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY(pg_catalog.pg_blocking_pids($1::integer))"
                   " ORDER BY a.xact_start NULLS LAST LIMIT 1");
    pg_param_integer(&batch, driver->backend_pid);
    if (pg_side(driver, &error) && pg_run(driver->side, &arena, &batch, &rows, NULL, &error) && rows->row_count) {
        driver->blocked = true;
        describe_backend(rows, driver->blocker, sizeof(driver->blocker));
        snprintf(message, sizeof(message), "waiting for %s", driver->blocker);
        if (strncmp(message, driver->waiting_for, 40) != 0)
            driver->base.env->log(driver->base.env->context, "info", message);
        snprintf(driver->waiting_for, sizeof(driver->waiting_for), "%.500s", message);
    }
    arena_free(&arena);
}

static void look_at_index(struct postgres_driver *driver)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    struct error error;

    pg_add(&batch, "SELECT CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END,"
                   " CASE WHEN blocks_total > 0 THEN blocks_total WHEN tuples_total > 0 THEN tuples_total ELSE -1 END,"
                   " CASE WHEN blocks_total > 0 THEN 'blocks' ELSE 'rows' END"
                   " FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1::integer");
    pg_param_integer(&batch, driver->backend_pid);
    if (pg_side(driver, &error) && pg_run(driver->side, &arena, &batch, &rows, NULL, &error) && rows->row_count)
        driver->base.env->progress(driver->base.env->context, driver->watched_step, pg_integer(rows, 0, 0, 0),
            pg_integer(rows, 0, 1, -1), pg_text(rows, 0, 2));
    arena_free(&arena);
}

static void watch(void *context, int64_t waited_ms)
{
    struct postgres_driver *driver = context;
    bool was_blocked = driver->blocked;

    look_for_blocker(driver);
    if (driver->blocked && was_blocked)
        driver->blocked_ms = waited_ms;
    if (driver->watched_index)
        look_at_index(driver);
}

void pg_watch_step(struct postgres_driver *driver, const struct plan_step *step, int64_t lock_timeout_ms)
{
    struct pg_watch on = {.call = watch, .context = driver, .after_ms = WATCH_AFTER_MS};

    driver->blocked = false;
    driver->blocked_ms = 0;
    driver->blocker[0] = '\0';
    driver->waiting_for[0] = '\0';
    /* Behind a pooler nobody knows which backend is ours. */
    if (driver->pooled)
        return;
    /* Early enough to see the blocker before the time-out takes the evidence away. */
    if (lock_timeout_ms > 0 && lock_timeout_ms / 3 < on.after_ms)
        on.after_ms = lock_timeout_ms / 3;
    driver->watched_step = step->id;
    driver->watched_index = step->action.instruction == INSTRUCTION_PG_EXEC_ALONE;
    pg_set_watch(driver->main, &on);
}

void pg_watch_end(struct postgres_driver *driver)
{
    pg_set_watch(driver->main, NULL);
}

void pg_name_blocker(const struct postgres_driver *driver, struct error *error)
{
    char message[ERROR_MESSAGE_MAX];

    if (!sqlstate_is_lock(error->sqlstate) || !driver->blocker[0])
        return;
    memcpy(message, error->message, sizeof(message));
    snprintf(error->message, sizeof(error->message), "%.1400s; in the way: %s", message, driver->blocker);
}
