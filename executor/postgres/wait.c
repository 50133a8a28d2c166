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

enum { WATCH_AFTER_MS = 150 };

bool pg_side(struct postgres_driver *driver, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    bool ok;

    if (pg_is_open(driver->side))
        return true;
    ok = pg_open(driver->side, error);
    if (ok && !driver->pooled) {
        /* A heartbeat that a crash of the server loses is no harm: the crash ends every backend. */
        pg_add(&batch, "SET synchronous_commit = off");
        pg_add(&batch, "SET search_path = pg_catalog, pg_temp");
        pg_add(&batch, "SET statement_timeout = '4s'");
        pg_add(&batch, "SET default_transaction_read_only = off");
        if (pg_server_version(driver->side) >= 140000)
            pg_add(&batch, "SET idle_session_timeout = 0");
        ok = pg_run(driver->side, &arena, &batch, NULL, NULL, error);
    }
    arena_free(&arena);
    return ok;
}

static void copy_text(char *out, size_t out_size, const char *text)
{
    snprintf(out, out_size, "%s", text ? text : "");
    redact_text(out);
}

static void read_blocker(const struct pg_rows *rows, struct pg_blocker *out)
{
    const char *query = pg_text(rows, 0, 4);

    out->seen = true;
    out->pid = pg_integer(rows, 0, 0, 0);
    out->open_s = pg_integer(rows, 0, 3, 0);
    copy_text(out->application, sizeof(out->application), pg_text(rows, 0, 1));
    copy_text(out->state, sizeof(out->state), pg_text(rows, 0, 2));
    pg_strip_literals(query ? query : "", out->query, sizeof(out->query));
    redact_text(out->query);
}

static void describe_blocker(const struct pg_blocker *blocker, char *out, size_t out_size)
{
    snprintf(out, out_size, "backend %lld (%s, %s, transaction open for %lld s)%s%s", (long long)blocker->pid,
        blocker->application, blocker->state, (long long)blocker->open_s, blocker->query[0] ? ": " : "",
        blocker->query);
}

/* Who holds main up: the one of them whose transaction is the oldest. False: nobody does. */
static bool look_for_blocker(struct postgres_driver *driver)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    struct error error;
    char message[512];
    bool blocked;

    pg_add(&batch, "SELECT b.pid, CASE WHEN b.pid = 0 THEN 'a prepared transaction'"
                   " ELSE COALESCE(NULLIF(a.application_name, ''), a.backend_type, 'unknown') END, "
                   "COALESCE(a.state, 'state unknown'),"
                   " COALESCE(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::bigint, 0), a.query"
                   " FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::integer)) b(pid)"
                   " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid"
                   " ORDER BY a.xact_start NULLS LAST LIMIT 1");
    pg_param_integer(&batch, driver->backend_pid);
    blocked = pg_side(driver, &error) && pg_run(driver->side, &arena, &batch, &rows, NULL, &error) && rows->row_count;
    if (blocked) {
        read_blocker(rows, &driver->blocker);
        snprintf(message, sizeof(message), "waiting for ");
        describe_blocker(&driver->blocker, message + strlen(message), sizeof(message) - strlen(message));
        if (strncmp(message, driver->waiting_for, 40) != 0)
            driver->base.env->log(driver->base.env->context, "info", message);
        memcpy(driver->waiting_for, message, sizeof(message));
    }
    arena_free(&arena);
    return blocked;
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

    /* It was in the way since before the first look, which comes soon. */
    if (look_for_blocker(driver))
        driver->blocked_ms = waited_ms;
    if (driver->watched_index)
        look_at_index(driver);
}

void pg_watch_step(struct postgres_driver *driver, const struct plan_step *step, int64_t lock_timeout_ms)
{
    struct pg_watch on = {.call = watch, .context = driver, .after_ms = WATCH_AFTER_MS};

    driver->watch_began_ms = driver->base.env->now_ms(driver->base.env->context);
    driver->blocked_ms = 0;
    memset(&driver->blocker, 0, sizeof(driver->blocker));
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

static struct str blocker_json(const struct postgres_driver *driver, int64_t waited_ms)
{
    struct arena *arena = driver->base.arena;
    const struct pg_blocker *blocker = &driver->blocker;
    struct json *object = json_new(arena, JSON_OBJECT);
    struct strbuf text = STRBUF_INIT;
    struct str copy;

    json_set_integer(arena, object, "pid", blocker->pid);
    json_set_text(arena, object, "application", blocker->application);
    json_set_text(arena, object, "state", blocker->state);
    json_set_integer(arena, object, "transaction_open_s", blocker->open_s);
    json_set_text(arena, object, "query", blocker->query);
    json_set_integer(arena, object, "waited_ms", waited_ms);
    json_write(&text, object);
    copy = str_copy(arena, strbuf_view(&text));
    strbuf_free(&text);
    return copy;
}

static void name_blocker(const struct pg_blocker *blocker, struct error *error)
{
    char message[ERROR_MESSAGE_MAX], who[512];

    memcpy(message, error->message, sizeof(message));
    describe_blocker(blocker, who, sizeof(who));
    snprintf(error->message, sizeof(error->message), "%.1400s; in the way: %s", message, who);
}

void pg_watch_end(struct postgres_driver *driver, struct driver_result *result, struct error *failure)
{
    int64_t elapsed_ms = driver->base.env->now_ms(driver->base.env->context) - driver->watch_began_ms;
    bool timed_out = failure && sqlstate_is_lock(failure->sqlstate);

    pg_set_watch(driver->main, NULL);
    if (driver->pooled)
        return;
    result->lock_wait_ms = timed_out ? elapsed_ms : driver->blocked_ms;
    if (!failure)
        result->lock_hold_ms = elapsed_ms - result->lock_wait_ms;
    if (!driver->blocker.seen)
        return;
    result->blocker = blocker_json(driver, result->lock_wait_ms);
    if (timed_out)
        name_blocker(&driver->blocker, failure);
}
