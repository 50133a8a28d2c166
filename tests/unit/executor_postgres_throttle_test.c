/* The PostgreSQL driver: what makes a backfill wait between two batches, and what it does meanwhile. */
#include <sys/wait.h>

#include "tests/unit/executor_postgres_fill.h"

static int pauses_left; /* as many looks see a pause */

static struct plan_step *throttled_step(const char *more)
{
    return make_backfill("v = 'new'", NULL, false, more);
}

static void make_tables(void)
{
    make_table();
    admin_do("CREATE TABLE app.busy (n integer)");
}

static void become_idle(struct world *w)
{
    if (w->ticks == 2) {
        assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new'"), "0");
        admin_do("DELETE FROM app.busy");
    }
}

static void a_query_that_returns_true_makes_it_wait(void **state)
{
    struct driver_result result;

    (void)state;
    make_tables();
    admin_do("INSERT INTO app.busy VALUES (1)");
    world->on_tick = become_idle;
    assert_ok(apply_one(throttled_step("\"throttle\":{\"query\":\"SELECT count(*) > 0 FROM app.busy\"}"), 1, &result));
    assert_true(world->ticks >= 2);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new'"), "1000");
    assert_non_null(strstr(world->log, "step 'm/b/backfill' waits: the query of its throttle returns true"));
    assert_non_null(strstr(world->log, "step 'm/b/backfill' goes on after"));
    assert_null(strstr(result.detail.data, "\"throttled_ms\":0"));
}

static void a_query_that_returns_false_or_null_does_not(void **state)
{
    struct driver_result result;

    (void)state;
    make_tables();
    assert_ok(apply_one(throttled_step("\"throttle\":{\"query\":\"SELECT NULL::boolean;\"}"), 1, &result));
    assert_null(strstr(world->log, "waits"));
    assert_non_null(strstr(result.detail.data, "\"throttled_ms\":0"));
}

static void a_query_that_writes_is_refused(void **state)
{
    struct driver_result result;

    (void)state;
    make_tables();
    admin_do("CREATE FUNCTION app.sneak() RETURNS boolean LANGUAGE sql AS"
             " 'INSERT INTO app.busy VALUES (1); SELECT false'");
    assert_false(apply_one(throttled_step("\"throttle\":{\"query\":\"SELECT app.sneak()\"}"), 1, &result));
    assert_string_equal(error.sqlstate, "25006");
    assert_int_equal(error.exit_status, EXIT_STATUS_HALTED);
    assert_non_null(strstr(error.help, "may only read"));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new'"), "0");
}

static void release(struct world *w)
{
    if (w->ticks == 2)
        admin_do("COMMIT");
}

static void waiting_locks_make_it_wait(void **state)
{
    struct driver_result result;
    struct pg_link *waiting = pg_make(&world->arena, &world->settings, &world->env, "waiting", false);
    struct pg_batch batch = pg_batch_make(&world->arena);
    pid_t child;
    int status;

    (void)state;
    make_tables();
    admin_do("BEGIN");
    admin_do("LOCK TABLE app.busy");
    /* A statement that waits goes on by itself in the server when its client looks away. */
    assert_ok(pg_open(waiting, &error));
    pg_add(&batch, "SET lock_timeout = '20s'");
    pg_add(&batch, "SET idle_in_transaction_session_timeout = '20s'");
    assert_ok(pg_run(waiting, &world->arena, &batch, NULL, NULL, &error));
    child = fork();
    if (child == 0) {
        struct pg_batch locked = pg_batch_make(&world->arena);

        pg_add(&locked, "SELECT * FROM app.busy");
        _exit(pg_run(waiting, &world->arena, &locked, NULL, NULL, &error) ? 0 : 1);
    }
    while (strcmp(admin_ask("SELECT count(*) FROM pg_locks WHERE NOT granted"), "1") != 0)
        world_sleep(NULL, 5);
    world->on_tick = release;
    assert_ok(apply_one(throttled_step("\"throttle\":{\"waiting_locks\":0}"), 1, &result));
    assert_non_null(strstr(world->log, "waits: 1 session waits for locks, more than 0"));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pg_close(waiting);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new'"), "1000");
}

static void as_many_waiting_locks_as_are_allowed_do_not(void **state)
{
    struct driver_result result;

    (void)state;
    make_tables();
    assert_ok(apply_one(throttled_step("\"throttle\":{\"waiting_locks\":0,\"replica_lag_ms\":0}"), 1, &result));
    assert_null(strstr(world->log, "waits"));
}

static void stop_after_a_tick(struct world *w)
{
    w->stop = true;
}

static void a_stop_ends_the_waiting(void **state)
{
    struct driver_result result;

    (void)state;
    make_tables();
    world->on_tick = stop_after_a_tick;
    assert_false(apply_one(throttled_step("\"throttle\":{\"query\":\"SELECT true\"}"), 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
    assert_string_equal(events_of("m/b/backfill"), "STARTED");
}

static void waiting_counts_towards_the_steps_time(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_tables();
    step = throttled_step("\"throttle\":{\"query\":\"SELECT true\"}");
    step->timeouts.wait_ms = 1;
    world_sleep(NULL, 2);
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
    assert_non_null(strstr(error.message, "its time of 1 ms is up"));
}

static void a_step_whose_time_is_up_goes_on_in_the_next_run(void **state)
{
    struct plan_step *step;
    struct driver_result result;
    int64_t attempt = 0;

    (void)state;
    make_tables();
    step = throttled_step("\"pause_ms\":5");
    step->timeouts.wait_ms = 4;
    while (!apply_one(step, ++attempt, &result)) {
        assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
        assert_true(attempt < 20);
    }
    assert_true(attempt > 1);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new'"), "1000");
}

static bool paused(void *context, char *why, size_t why_size)
{
    (void)context;
    snprintf(why, why_size, "the test says so");
    return pauses_left > 0 && --pauses_left > 0;
}

static void a_pause_holds_the_next_batch(void **state)
{
    struct driver_result result;

    (void)state;
    make_tables();
    world->env.paused = paused;
    pauses_left = 3;
    assert_ok(apply_one(throttled_step("\"pause_ms\":null"), 1, &result));
    assert_non_null(strstr(world->log, "paused before the next batch of step 'm/b/backfill': the test says so"));
    assert_non_null(strstr(world->log, "going on with the next batch of step 'm/b/backfill' after a pause of"));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new'"), "1000");
}

static void it_rests_between_two_batches(void **state)
{
    struct driver_result result;
    int64_t began_ms;

    (void)state;
    make_tables();
    began_ms = world_now(NULL);
    assert_ok(apply_one(throttled_step("\"pause_ms\":100"), 1, &result));
    /* 100, 200, 400 and the rest: at least three batches follow the first. */
    assert_true(world_now(NULL) - began_ms >= 300);
}

static void statistics_are_fresh_afterwards(void **state)
{
    struct driver_result result;

    (void)state;
    make_tables();
    assert_string_equal(admin_ask("SELECT count(*) FROM pg_stats WHERE schemaname = 'app' AND tablename = 't'"), "0");
    assert_ok(apply_one(throttled_step("\"pause_ms\":null"), 1, &result));
    assert_string_equal(admin_ask("SELECT most_common_vals FROM pg_stats WHERE schemaname = 'app' AND tablename = 't'"
                                  " AND attname = 'v'"),
        "{new}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_query_that_returns_true_makes_it_wait),
        WORLD_TEST(a_query_that_returns_false_or_null_does_not),
        WORLD_TEST(a_query_that_writes_is_refused),
        WORLD_TEST(waiting_locks_make_it_wait),
        WORLD_TEST(as_many_waiting_locks_as_are_allowed_do_not),
        WORLD_TEST(a_stop_ends_the_waiting),
        WORLD_TEST(waiting_counts_towards_the_steps_time),
        WORLD_TEST(a_step_whose_time_is_up_goes_on_in_the_next_run),
        WORLD_TEST(a_pause_holds_the_next_batch),
        WORLD_TEST(it_rests_between_two_batches),
        WORLD_TEST(statistics_are_fresh_afterwards),
    };
    int failures;

    if (!world_prepare(true))
        return 0;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    world_prepare(false);
    return failures;
}
