/*
 * What makes a walk wait between two batches: a pause that somebody asked for, the rest that the plan gives the server,
 * standbys that are behind, sessions that wait for locks, and what a query of the plan's says. Looked at before the
 * first batch and then at most every LOOK_EVERY_MS.
 */
#include <stdio.h>
#include <string.h>

#include "executor/pause.h"
#include "executor/postgres/walk.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum { LOOK_EVERY_MS = 500, WHY_MAX = 256, MESSAGE_MAX = 1024 };

#define LAG_SQL                                                                                                        \
    "SELECT COALESCE((EXTRACT(epoch FROM pg_catalog.max(GREATEST(r.write_lag, r.flush_lag, r.replay_lag))) * 1000)"    \
    "::bigint, 0), pg_catalog.count(*) FILTER (WHERE r.state IS NULL) FROM pg_catalog.pg_stat_replication r"
#define LOCKS_SQL                                                                                                      \
    "SELECT pg_catalog.count(DISTINCT l.pid) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a"            \
    " ON a.pid = l.pid WHERE NOT l.granted AND a.datname = pg_catalog.current_database()"

static bool has_conditions(const struct walk_throttle *throttle)
{
    return throttle->replica_lag_ms >= 0 || throttle->waiting_locks >= 0 || throttle->query;
}

static bool judge_lag(const struct walk *walk, const struct pg_rows *rows, char *why, struct error *error)
{
    int64_t lag_ms = pg_integer(rows, 0, 0, 0);

    /* What one may not see would be taken for no lag. */
    if (pg_integer(rows, 0, 1, 0) > 0) {
        error_set(
            error, EXIT_STATUS_PERMISSION, "role '%s' may not see how far standbys are behind", walk->driver->role);
        return error_help(error, "GRANT pg_monitor TO %s", pg_quote_identifier(walk->arena, walk->driver->role));
    }
    if (lag_ms > walk->throttle.replica_lag_ms)
        snprintf(why, WHY_MAX, "a standby is %lld ms behind, more than %lld ms", (long long)lag_ms,
            (long long)walk->throttle.replica_lag_ms);
    return true;
}

static void judge_locks(const struct walk *walk, const struct pg_rows *rows, char *why)
{
    int64_t waiting = pg_integer(rows, 0, 0, 0);

    if (waiting > walk->throttle.waiting_locks)
        snprintf(why, WHY_MAX, "%lld session%s for locks, more than %lld", (long long)waiting,
            waiting == 1 ? " waits" : "s wait", (long long)walk->throttle.waiting_locks);
}

static bool fail(struct error *error)
{
    /* Here that is no server's state, as it is anywhere else. */
    if (strcmp(error->sqlstate, "25006") == 0) {
        error->exit_status = EXIT_STATUS_HALTED;
        error_help(error, "the query of a throttle may only read");
    }
    return error_wrap(error, "throttle");
}

/* why: "" when nothing speaks against a batch. One round trip. */
static bool look(const struct walk *walk, char *why, struct error *error)
{
    const struct walk_throttle *throttle = &walk->throttle;
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    size_t lag = 0, locks = 0, query = 0;
    struct pg_rows *rows;
    bool ok;

    why[0] = '\0';
    pg_add_begin(walk->driver, &batch);
    pg_add(&batch, "SET TRANSACTION READ ONLY");
    if (throttle->replica_lag_ms >= 0) {
        lag = batch.statements.count;
        pg_add(&batch, LAG_SQL);
    }
    if (throttle->waiting_locks >= 0) {
        locks = batch.statements.count;
        pg_add(&batch, LOCKS_SQL);
    }
    if (throttle->query) {
        pg_add_user_settings(walk->driver, &batch, &walk->step->timeouts);
        query = batch.statements.count;
        pg_add(&batch, arena_printf(&arena, "SELECT (\n%.*s\n) IS TRUE", STR_ARG(pg_strip_end(throttle->query))));
    }
    pg_add_commit(&batch);
    ok = pg_run(walk->driver->main, &arena, &batch, &rows, NULL, error) || fail(error);
    if (ok && lag)
        ok = judge_lag(walk, &rows[lag], why, error);
    if (ok && locks && !why[0])
        judge_locks(walk, &rows[locks], why);
    if (ok && query && !why[0] && pg_true(&rows[query], 0, 0))
        snprintf(why, WHY_MAX, "the query of its throttle returns true");
    arena_free(&arena);
    return ok;
}

static void say(const struct walk *walk, const char *format, const char *detail)
{
    const struct driver_env *env = walk->driver->base.env;
    char message[MESSAGE_MAX];

    snprintf(message, sizeof(message), "step '%.500s' %s%.300s", walk->step->id, format, detail);
    env->log(env->context, "info", message);
}

static bool is_over_time(const struct walk *walk, struct error *error)
{
    const struct driver_env *env = walk->driver->base.env;
    int64_t limit_ms = walk->step->timeouts.wait_ms;

    if (limit_ms <= 0 || env->now_ms(env->context) - walk->began_ms < limit_ms)
        return false;
    error_set(error, EXIT_STATUS_RESUMABLE, "its time of %lld ms is up, with %lld rows done", (long long)limit_ms,
        (long long)walk->rows);
    return true;
}

/* Waits as long as a condition says so. */
static bool wait_for_conditions(struct walk *walk, struct error *error)
{
    const struct driver_env *env = walk->driver->base.env;
    int64_t began_ms = env->now_ms(env->context), waited_ms;
    char why[WHY_MAX], seconds[64];
    bool said = false;

    if (!has_conditions(&walk->throttle) || (walk->looked && began_ms - walk->looked_ms < LOOK_EVERY_MS))
        return true;
    while (!env->stopping(env->context)) {
        if (!look(walk, why, error))
            return false;
        walk->looked = true;
        walk->looked_ms = env->now_ms(env->context);
        if (!why[0])
            break;
        if (is_over_time(walk, error))
            return false;
        if (!said)
            say(walk, "waits: ", why);
        said = true;
        env->tick(env->context);
        env->sleep_ms(env->context, LOOK_EVERY_MS);
    }
    waited_ms = env->now_ms(env->context) - began_ms;
    if (said) {
        walk->throttled_ms += waited_ms;
        snprintf(seconds, sizeof(seconds), "%lld.%lld s", (long long)(waited_ms / 1000),
            (long long)(waited_ms % 1000 / 100));
        say(walk, "goes on after ", seconds);
    }
    return true;
}

bool walk_may_go_on(struct walk *walk, const char *what, struct error *error)
{
    const struct driver_env *env = walk->driver->base.env;
    char next[MESSAGE_MAX];

    if (walk->batches && walk->throttle.pause_ms > 0 && !env->stopping(env->context))
        env->sleep_ms(env->context, walk->throttle.pause_ms);
    snprintf(next, sizeof(next), "the next batch of step '%.800s'", walk->step->id);
    walk->throttled_ms += pause_wait(env, next);
    if (!wait_for_conditions(walk, error) || walk_is_stopped(walk, what, error))
        return false;
    /* However short its time is, each run brings it on by a batch. */
    return walk->batches == 0 || !is_over_time(walk, error);
}
