/* The PostgreSQL driver: backfills in batches, killed and resumed, and their old values put back. */
#include "tests/unit/executor_postgres_fill.h"

static struct plan_step *backfill_step(const char *set, const char *where, bool keep_old)
{
    return make_backfill(set, where, keep_old, "");
}

static enum probe_state probe(const struct plan_step *step)
{
    struct probe_answer answer;

    assert_ok(driver_postgres.probe(world->driver, step, false, &answer, &error));
    return answer.state;
}

static void every_row_is_updated_once_in_batches(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, false);
    assert_int_equal(probe(step), PROBE_NOT_DONE);
    assert_ok(apply_one(step, 1, &result));
    assert_int_equal(result.affected, ROWS);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new ' || id AND touched = 1"), "1000");
    assert_string_equal(events_of("m/b/backfill"), "STARTED APPLIED");
    assert_string_equal(admin_ask("SELECT done FROM invplan.checkpoint"), "t");
    assert_int_equal(probe(step), PROBE_DONE);
    assert_true(world->progress_done > 0);
    assert_non_null(strstr(result.detail.data, "\"rows\":1000"));
}

static void only_rows_of_the_condition_are_updated(void **state)
{
    struct driver_result result;

    (void)state;
    make_table();
    assert_ok(apply_one(backfill_step("v = 'none'", "v IS NULL", false), 1, &result));
    assert_int_equal(result.affected, 333);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'none'"), "333");
    assert_string_equal(admin_ask("SELECT sum(touched) FROM app.t"), "333");
}

static void an_empty_table_is_done_at_once(void **state)
{
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t (id bigint PRIMARY KEY, v text)");
    assert_ok(apply_one(backfill_step("v = 'x'", NULL, true), 1, &result));
    assert_int_equal(result.affected, 0);
    assert_string_equal(events_of("m/b/backfill"), "STARTED APPLIED");
}

static int cuts;

static void cut_some_batches_later(struct world *w)
{
    if (++cuts < 3) {
        w->point = "pg.backfill.before_commit";
        return;
    }
    terminate_driver(w);
}

static void a_backfill_that_was_cut_goes_on_at_its_cursor(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, true);
    cuts = 0;
    world->env.point = world_point;
    world->point = "pg.backfill.before_commit";
    world->on_point = cut_some_batches_later;
    assert_false(apply_one(step, 1, &result));
    assert_true(error.outcome_unknown);
    /* Two batches are in, the third is not. */
    assert_string_equal(
        admin_ask("SELECT c.rows = (SELECT count(*) FROM app.t WHERE touched = 1) AND c.rows > 0 AND c.rows < 1000"
                  " FROM invplan.checkpoint c"),
        "t");
    come_back();
    assert_int_equal(probe(step), PROBE_NOT_DONE);
    assert_ok(apply_one(step, 2, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new ' || id AND touched = 1"), "1000");
    assert_string_equal(admin_ask("SELECT count(*) FROM invplan.undo"), "1000");
    assert_string_equal(events_of("m/b/backfill"), "STARTED STARTED APPLIED");
}

static void stop_now(struct world *w)
{
    w->stop = true;
}

static void a_stop_ends_it_between_two_batches(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, false);
    world->env.point = world_point;
    world->point = "pg.backfill.batch";
    world->on_point = stop_now;
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE touched = 1"), "100");
    world->stop = false;
    assert_ok(apply_one(step, 2, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE touched = 1"), "1000");
}

static void a_step_that_was_resolved_as_undone_starts_again_from_the_beginning(void **state)
{
    struct plan_step *step;
    struct driver_result result;
    struct json *note = json_new(&world->arena, JSON_OBJECT);
    struct ledger_entry entry;
    const struct driver_journal journal = {.run = world->run, .run_seq = 90, .plan_digest = HEX};

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, false);
    assert_ok(apply_one(step, 1, &result));
    json_set_text(&world->arena, note, "as", "undone");
    entry = (struct ledger_entry){.step = step, .event = LEDGER_EVENT_RESOLVED, .attempt = 2, .note = note};
    assert_ok(driver_postgres.record(world->driver, &journal, &entry, &error));
    assert_ok(apply_one(step, 3, &result));
    assert_false(result.already_applied);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE touched = 2"), "1000");
}

static void a_lost_lease_stops_it_at_the_next_batch(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, false);
    cuts = 0;
    admin_do("UPDATE invplan.lease SET token = token + 1");
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_string_equal(admin_ask("SELECT sum(touched) FROM app.t"), "0");
}

static void old_values_are_put_back_where_ours_still_stand(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, true);
    assert_ok(apply_one(step, 1, &result));
    admin_do("UPDATE app.t SET v = 'somebody else''s' WHERE id = 500");
    admin_do("DELETE FROM app.t WHERE id = 501");
    assert_ok(undo_one(step, 2, &result));
    assert_int_equal(result.affected, 998);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v IS NOT DISTINCT FROM CASE WHEN id % 3 = 0 THEN "
                                  "NULL ELSE 'old ' || id END"),
        "998");
    assert_string_equal(admin_ask("SELECT v FROM app.t WHERE id = 500"), "somebody else's");
    assert_string_equal(events_of("m/b/backfill"), "STARTED APPLIED UNDO_STARTED UNDONE");
    assert_string_equal(
        admin_ask("SELECT note FROM invplan.ledger WHERE event = 'UNDONE'"), "{\"restored\":998,\"left\":2}");
    assert_string_equal(
        admin_ask("SELECT (SELECT count(*) FROM invplan.undo) + (SELECT count(*) FROM invplan.checkpoint)"), "0");
    assert_non_null(strstr(world->log, "2 rows of app.t were changed since"));
    /* And forward again, from the beginning. */
    assert_ok(apply_one(step, 3, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new ' || id"), "999");
}

static void a_backfill_half_way_can_be_undone(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, true);
    world->env.point = world_point;
    world->point = "pg.backfill.batch";
    world->on_point = stop_now;
    assert_false(apply_one(step, 1, &result));
    world->stop = false;
    assert_ok(undo_one(step, 2, &result));
    assert_int_equal(result.affected, 100);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v LIKE 'new%'"), "0");
}

static void record(const struct plan_step *step, enum ledger_event event, int64_t attempt)
{
    const struct driver_journal journal = {.run = world->run, .run_seq = 90 + attempt, .plan_digest = HEX};
    const struct ledger_entry entry = {.step = step, .event = event, .attempt = attempt};

    assert_ok(driver_postgres.record(world->driver, &journal, &entry, &error));
}

static void a_backfill_that_failed_half_way_can_be_undone_and_starts_anew(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    admin_do("ALTER TABLE app.t ADD CONSTRAINT no_700 CHECK (id <> 700 OR v NOT LIKE 'new%')");
    step = backfill_step("v = 'new ' || id", NULL, true);
    assert_false(apply_one(step, 1, &result));
    record(step, LEDGER_EVENT_FAILED, 1);
    assert_string_equal(admin_ask("SELECT count(*) > 0 FROM app.t WHERE v LIKE 'new%'"), "t");
    assert_ok(undo_one(step, 2, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v IS NOT DISTINCT FROM CASE WHEN id % 3 = 0 THEN "
                                  "NULL ELSE 'old ' || id END"),
        "1000");
    assert_string_equal(
        admin_ask("SELECT (SELECT count(*) FROM invplan.undo) + (SELECT count(*) FROM invplan.checkpoint)"), "0");
    assert_string_equal(events_of("m/b/backfill"), "STARTED FAILED UNDO_STARTED UNDONE");
    admin_do("ALTER TABLE app.t DROP CONSTRAINT no_700");
    assert_ok(apply_one(step, 3, &result));
    assert_int_equal(result.affected, 1000);
}

/* Its undoing is a row alone: the column goes by another undo. What it had done must not count when it comes again. */
static void a_backfill_without_old_values_that_was_undone_half_way_starts_anew(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, false);
    world->env.point = world_point;
    world->point = "pg.backfill.batch";
    world->on_point = stop_now;
    assert_false(apply_one(step, 1, &result));
    world->stop = false;
    record(step, LEDGER_EVENT_UNDONE, 2);
    admin_do("UPDATE app.t SET v = NULL, touched = 0");
    assert_ok(apply_one(step, 3, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v = 'new ' || id"), "1000");
}

static void putting_back_that_was_cut_goes_on(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || id", NULL, true);
    assert_ok(apply_one(step, 1, &result));
    world->env.point = world_point;
    world->point = "pg.restore.batch";
    world->on_point = terminate_driver;
    assert_false(undo_one(step, 2, &result));
    come_back();
    assert_ok(undo_one(step, 3, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE v LIKE 'new%'"), "0");
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE touched = 2"), "1000");
    assert_string_equal(events_of("m/b/backfill"), "STARTED APPLIED UNDO_STARTED UNDO_STARTED UNDONE");
}

static void composite_keys_of_odd_names_and_types_are_walked(void **state)
{
    struct plan_step *step = make_step("m/b/backfill", INSTRUCTION_PG_BACKFILL,
        "{\"relation\":\"app.\\\"Odd\\\"\",\"key\":[{\"name\":\"\\\"Name, it's\\\"\",\"type\":\"text\"},"
        "{\"name\":\"at\",\"type\":\"timestamp with time zone\"},{\"name\":\"n\",\"type\":\"numeric\"}],"
        "\"set\":\"data = jsonb_build_object('n', n), amount = amount * 2\",\"where\":\"amount > 0\",\"batch\":100,"
        "\"columns\":[\"data\",\"amount\"],\"keep_old\":true}");
    struct driver_result result;

    (void)state;
    admin_do(
        "CREATE TABLE app.\"Odd\" (\"Name, it's\" text, at timestamptz, n numeric, data jsonb, amount numeric(20,4),"
        " PRIMARY KEY (\"Name, it's\", at, n))");
    admin_do(
        "INSERT INTO app.\"Odd\" SELECT '\"{' || n % 7 || '\\,''}', '2024-01-01 00:00:00.123456+02'::timestamptz + n % "
        "11 * interval '1 day',"
        " n / 3.0, CASE WHEN n % 2 = 0 THEN '{\"a\": [1, null]}'::jsonb END, 0.1 + n FROM generate_series(1, 777) n");
    admin_do("CREATE TABLE app.before AS SELECT * FROM app.\"Odd\"");
    set_inverse(step, INSTRUCTION_PG_BACKFILL, "{\"restore\":\"m/b/backfill\"}", NULL, NULL);
    assert_ok(apply_one(step, 1, &result));
    assert_int_equal(result.affected, 777);
    assert_string_equal(admin_ask("SELECT count(*) FROM app.\"Odd\" o JOIN app.before b USING (\"Name, it's\", at, n)"
                                  " WHERE o.amount = 2 * b.amount AND o.data->>'n' = n::text"),
        "777");
    assert_ok(undo_one(step, 2, &result));
    assert_int_equal(result.affected, 777);
    assert_string_equal(
        admin_ask("SELECT count(*) FROM (SELECT * FROM app.\"Odd\" EXCEPT SELECT * FROM app.before) d"), "0");
}

static void batches_grow_towards_their_target_time(void **state)
{
    struct driver_result result;

    (void)state;
    make_table();
    admin_do("INSERT INTO app.t SELECT n FROM generate_series(1001, 20000) n");
    assert_ok(apply_one(backfill_step("v = 'x'", NULL, false), 1, &result));
    assert_int_equal(result.affected, 20000);
    assert_string_equal(admin_ask("SELECT batch > 100 FROM invplan.checkpoint"), "t");
}

static void a_bad_row_stops_it_with_what_was_done_kept(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    make_table();
    admin_do("ALTER TABLE app.t ADD CONSTRAINT no_700 CHECK (id <> 700 OR v NOT LIKE 'new%')");
    step = backfill_step("v = 'new ' || id", NULL, true);
    assert_false(apply_one(step, 1, &result));
    assert_string_equal(error.sqlstate, "23514");
    assert_false(error.retryable);
    assert_string_equal(admin_ask("SELECT rows > 0 FROM invplan.checkpoint"), "t");
    admin_do("ALTER TABLE app.t DROP CONSTRAINT no_700");
    assert_ok(apply_one(step, 2, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM app.t WHERE touched = 1"), "1000");
}

static void let_go(struct world *w)
{
    if (w->ticks == 1)
        admin_do("COMMIT");
}

static void rows_that_others_hold_are_waited_for(void **state)
{
    struct plan_step *step;
    struct pg_batch batch = pg_batch_make(&world->arena);
    struct driver_result result;

    (void)state;
    make_table();
    step = backfill_step("v = 'new ' || v", "v IS NOT NULL", true);
    step->timeouts.lock_ms = 300;
    pg_add(&batch, "BEGIN");
    pg_add(&batch, "UPDATE app.t SET v = 'concurrent' WHERE id = 50");
    assert_ok(pg_run(world->admin, &world->arena, &batch, NULL, NULL, &error));
    world->on_tick = let_go;
    /* The lock time-out is shorter than the wait: batches are tried again by themselves. */
    assert_ok(apply_one(step, 1, &result));
    assert_string_equal(admin_ask("SELECT v FROM app.t WHERE id = 50"), "new concurrent");
    assert_string_equal(admin_ask("SELECT old[1] FROM invplan.undo WHERE key = '{50}'"), "concurrent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(every_row_is_updated_once_in_batches),
        WORLD_TEST(only_rows_of_the_condition_are_updated),
        WORLD_TEST(an_empty_table_is_done_at_once),
        WORLD_TEST(a_backfill_that_was_cut_goes_on_at_its_cursor),
        WORLD_TEST(a_stop_ends_it_between_two_batches),
        WORLD_TEST(a_step_that_was_resolved_as_undone_starts_again_from_the_beginning),
        WORLD_TEST(a_lost_lease_stops_it_at_the_next_batch),
        WORLD_TEST(old_values_are_put_back_where_ours_still_stand),
        WORLD_TEST(a_backfill_half_way_can_be_undone),
        WORLD_TEST(a_backfill_that_failed_half_way_can_be_undone_and_starts_anew),
        WORLD_TEST(a_backfill_without_old_values_that_was_undone_half_way_starts_anew),
        WORLD_TEST(putting_back_that_was_cut_goes_on),
        WORLD_TEST(composite_keys_of_odd_names_and_types_are_walked),
        WORLD_TEST(batches_grow_towards_their_target_time),
        WORLD_TEST(a_bad_row_stops_it_with_what_was_done_kept),
        WORLD_TEST(rows_that_others_hold_are_waited_for),
    };
    int failures;

    if (!world_prepare(true))
        return 0;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    world_prepare(false);
    return failures;
}
