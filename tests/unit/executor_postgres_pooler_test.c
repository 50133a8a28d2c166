/*
 * The PostgreSQL driver behind a pooler that hands out transactions: TEST_POOLER_URL is such a way to the server of
 * TEST_DATABASE_URL.
 */
#include "tests/unit/executor_postgres.h"

static void open_pooled(void)
{
    assert_ok(driver_postgres.lease_release(world->driver, &error));
    world->target.connection.items[0].value = "${env:TEST_POOLER_URL}";
    world->other = open_driver();
    assert_ok(take_lease(world->other, "pooled", 30000));
}

static void a_group_and_a_backfill_run_through_a_pooler(void **state)
{
    struct plan_step *group = make_step("m/a/group", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"CREATE TABLE app.t (id integer PRIMARY KEY, v text)\",\"INSERT INTO app.t SELECT "
        "generate_series(1, 500)\"]}");
    struct plan_step *backfill = make_step("m/a/backfill", INSTRUCTION_PG_BACKFILL,
        "{\"relation\":\"app.t\",\"key\":[{\"name\":\"id\",\"type\":\"integer\"}],\"set\":\"v = "
        "'x'\",\"where\":null,\"batch\":100,"
        "\"columns\":[\"v\"],\"keep_old\":true}");
    struct driver_result result;

    (void)state;
    open_pooled();
    add_effect(group, "table app.t");
    assert_ok(apply_with(world->other, (const struct plan_step *const *)&group, 1, 1, &result));
    assert_ok(apply_with(world->other, (const struct plan_step *const *)&group, 1, 2, &result));
    assert_true(result.already_applied);
    assert_ok(apply_with(world->other, (const struct plan_step *const *)&backfill, 1, 1, &result));
    assert_int_equal(result.affected, 500);
    assert_string_equal(events_of("m/a/backfill"), "STARTED APPLIED");
    assert_ok(driver_postgres.lease_renew(world->other, &error));
}

static void a_step_that_runs_alone_asks_for_a_direct_url(void **state)
{
    struct plan_step *step = make_step("m/a/alone", INSTRUCTION_PG_EXEC_ALONE, "{\"sql\":\"VACUUM\",\"repair\":null}");
    struct driver_result result;

    (void)state;
    open_pooled();
    assert_false(apply_with(world->other, (const struct plan_step *const *)&step, 1, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNSUPPORTED);
    assert_non_null(strstr(error.help, "direct url"));
    assert_string_equal(events_of("m/a/alone"), "");
}

/* The pooler's other clients get the same sessions. */
static void nothing_is_set_for_longer_than_a_transaction(void **state)
{
    struct plan_step *group =
        make_step("m/a/group", INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE TABLE app.t (a integer)\"]}");
    struct driver_result result;
    struct pg_settings settings = {0};
    struct pg_link *client;
    struct pg_batch batch = pg_batch_make(&world->arena);
    struct pg_rows *rows;

    (void)state;
    open_pooled();
    assert_ok(apply_with(world->other, (const struct plan_step *const *)&group, 1, 1, &result));
    VEC_PUSH(&world->arena, &settings.keywords, "dbname");
    VEC_PUSH(&world->arena, &settings.values, arena_strdup(&world->arena, getenv("TEST_POOLER_URL")));
    VEC_PUSH(&world->arena, &settings.keywords, "dbname");
    VEC_PUSH(&world->arena, &settings.values, world->database);
    client = pg_make(&world->arena, &settings, &world->env, "client", true);
    assert_ok(pg_open(client, &error));
    pg_add(&batch, "SELECT current_setting('search_path'), current_setting('lock_timeout'), current_setting('jit')");
    assert_ok(pg_run(client, &world->arena, &batch, &rows, NULL, &error));
    assert_string_equal(pg_text(rows, 0, 0), "\"$user\", public");
    assert_string_equal(pg_text(rows, 0, 1), "0");
    assert_string_equal(pg_text(rows, 0, 2), "on");
    pg_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_group_and_a_backfill_run_through_a_pooler),
        WORLD_TEST(a_step_that_runs_alone_asks_for_a_direct_url),
        WORLD_TEST(nothing_is_set_for_longer_than_a_transaction),
    };
    int failures;

    if (!getenv("TEST_POOLER_URL")) {
        printf("1..0 # SKIP TEST_POOLER_URL is not set\n");
        return 0;
    }
    if (!world_prepare(true))
        return 0;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    world_prepare(false);
    return failures;
}
