/* The PostgreSQL driver: transaction groups and steps that run alone, with connections cut and locks held at every
 * point. */
#include "tests/unit/executor_postgres.h"

#define CREATE_T "{\"sql\":[\"CREATE TABLE app.t (a integer)\"]}"

static bool exists(const char *relation)
{
    return strcmp(admin_ask(arena_printf(&world->arena, "SELECT to_regclass('%s') IS NOT NULL", relation)), "t") == 0;
}

/* Holds a lock on app.t in an open transaction of the second connection. */
static void hold_table(const char *mode)
{
    struct pg_batch batch = pg_batch_make(&world->arena);

    pg_add(&batch, "SET application_name = 'reporting'");
    pg_add(&batch, "BEGIN");
    pg_add(&batch, arena_printf(&world->arena, "LOCK TABLE app.t IN %s MODE", mode));
    pg_add(&batch, "SELECT 'a secret', 42 FROM app.t");
    assert_ok(pg_run(world->admin, &world->arena, &batch, NULL, NULL, &error));
}

/* --- groups ----------------------------------------------------------------------------------------------------------
 */

static void a_group_commits_its_statements_with_its_rows(void **state)
{
    struct plan_step *one = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct plan_step *two = make_step("m/a/two", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"INSERT INTO app.t VALUES (1), (2)\",\"UPDATE app.t SET a = a + 1;\"]}");
    const struct plan_step *steps[] = {one, two};
    struct driver_result result;

    (void)state;
    assert_ok(apply_with(world->driver, steps, 2, 1, &result));
    assert_int_equal(result.rows_written, 2);
    assert_int_equal(result.affected, 4);
    assert_false(result.already_applied);
    assert_string_equal(events_of("m/a/one"), "APPLIED");
    assert_string_equal(admin_ask("SELECT sum(a) FROM app.t"), "5");
}

static void a_group_that_fails_leaves_nothing_and_names_the_step_and_statement(void **state)
{
    struct plan_step *one = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct plan_step *two = make_step("m/a/two", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"INSERT INTO app.t VALUES (1)\",\"INSERT INTO app.t VALUES (1 / (SELECT 0))\"]}");
    const struct plan_step *steps[] = {one, two};
    struct driver_result result;

    (void)state;
    assert_false(apply_with(world->driver, steps, 2, 1, &result));
    assert_int_equal(result.failed_step, 1);
    assert_int_equal(error.exit_status, EXIT_STATUS_HALTED);
    assert_string_equal(error.message, "statement 2 of 2: division by zero (SQLSTATE 22012)");
    assert_false(error.retryable);
    assert_false(error.outcome_unknown);
    assert_false(exists("app.t"));
    assert_string_equal(admin_ask("SELECT count(*) FROM invplan.ledger"), "0");
    /* The connection is good for the next. */
    assert_ok(apply_one(one, 1, &result));
}

static void a_group_that_is_applied_is_not_applied_again(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    (void)state;
    assert_ok(apply_one(step, 1, &result));
    assert_ok(apply_one(step, 2, &result));
    assert_true(result.already_applied);
    assert_string_equal(events_of("m/a/one"), "APPLIED");
}

/* Each set of kinds that a step's objects have is a statement of its own, prepared as long as there is room. */
static void more_kinds_of_statements_than_a_connection_keeps_are_run(void **state)
{
    static const char *const objects[] = {"table app.t", "index app.i", "sequence app.s", "view app.v", "type app.y",
        "schema app", "function app.f()"};
    enum { OBJECTS = sizeof(objects) / sizeof(objects[0]), COUNT = (1 << OBJECTS) - 1 };
    const struct plan_step *steps[COUNT];
    struct driver_result result;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        struct plan_step *step = make_step(
            arena_printf(&world->arena, "m/a/%d", i), INSTRUCTION_PG_EXEC, "{\"sql\":[\"SELECT 1\"]}");

        for (int o = 0; o < OBJECTS; o++)
            if (((i + 1) >> o) & 1)
                add_effect(step, objects[o]);
        steps[i] = step;
    }
    /* One by one, then all in one batch. */
    for (int i = 0; i < COUNT; i++)
        assert_ok(apply_one(steps[i], 1, &result));
    for (int i = 0; i < COUNT; i++)
        ((struct plan_step *)steps[i])->id = arena_printf(&world->arena, "m/b/%d", i);
    assert_ok(apply_with(world->driver, steps, COUNT, 1, &result));
    assert_string_equal(admin_ask("SELECT count(*) FROM invplan.ledger WHERE event = 'APPLIED'"), "254");
    assert_string_equal(
        admin_ask("SELECT string_agg(DISTINCT observed::json->>'schema app', ' ') FROM invplan.ledger"
                  " WHERE observed::json->'schema app' IS NOT NULL"),
        "{\"owner\":\"postgres\"}");
}

static void a_duplicate_object_is_drift(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t (b text)");
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_string_equal(error.sqlstate, "42P07");
}

static void checks_are_judged_inside_the_transaction(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    (void)state;
    step->precondition = (struct plan_check){"SELECT to_regclass('app.t') IS NULL -- comment", "the table is there"};
    step->postcondition = (struct plan_check){"SELECT count(*) = 1 FROM app.t;", "the table has not one row"};
    assert_false(apply_one(step, 1, &result));
    assert_string_equal(error.message, "the table has not one row");
    assert_int_equal(error.exit_status, EXIT_STATUS_HALTED);
    assert_false(exists("app.t"));
    step->postcondition.sql = "SELECT count(*) = 0 FROM app.t";
    assert_ok(apply_one(step, 1, &result));
}

static void an_assert_that_does_not_hold_stops_the_group(void **state)
{
    struct plan_step *one = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct plan_step *two = make_step("m/a/two", INSTRUCTION_PG_ASSERT,
        "{\"sql\":\"SELECT count(*) > 0 FROM app.t\",\"message\":\"the table is empty: it's a pity\"}");
    struct plan_step *null =
        make_step("m/a/null", INSTRUCTION_PG_ASSERT, "{\"sql\":\"SELECT NULL::boolean\",\"message\":\"unknown\"}");
    struct plan_step *yes =
        make_step("m/a/yes", INSTRUCTION_PG_ASSERT, "{\"sql\":\"VALUES (true)\",\"message\":\"never\"}");
    const struct plan_step *steps[] = {one, two};
    struct driver_result result;

    (void)state;
    assert_false(apply_with(world->driver, steps, 2, 1, &result));
    assert_int_equal(result.failed_step, 1);
    assert_string_equal(error.message, "the table is empty: it's a pity");
    assert_false(exists("app.t"));
    assert_false(apply_one(null, 1, &result));
    assert_string_equal(error.message, "unknown");
    assert_ok(apply_one(yes, 1, &result));
    assert_string_equal(events_of("m/a/yes"), "APPLIED");
}

static void a_deferred_constraint_fails_before_anything_is_recorded(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"CREATE TABLE app.p (id integer PRIMARY KEY)\",\"CREATE TABLE app.c (p integer REFERENCES app.p"
        " DEFERRABLE INITIALLY DEFERRED)\",\"INSERT INTO app.c VALUES (7)\"]}");
    struct driver_result result;

    (void)state;
    assert_false(apply_one(step, 1, &result));
    assert_string_equal(error.sqlstate, "23503");
    assert_non_null(strstr(error.message, "Key (p)=(7)"));
    assert_false(exists("app.c"));
}

static void a_statement_that_ends_the_transaction_is_caught(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, "{\"sql\":[\"COMMIT\",\"BEGIN\"]}");
    struct driver_result result;

    (void)state;
    assert_false(apply_one(step, 1, &result));
    assert_non_null(strstr(error.message, "ended the transaction"));
    assert_string_equal(admin_ask("SELECT count(*) FROM invplan.ledger"), "0");
}

static void what_a_statement_sets_does_not_reach_the_next_group(void **state)
{
    struct plan_step *set = make_step("m/a/set", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"SET search_path = nowhere\",\"SET statement_timeout = '1ms'\",\"SET ROLE pg_monitor\"]}");
    struct plan_step *next = make_step(
        "m/a/next", INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE TABLE t2 AS SELECT 1 AS x FROM pg_sleep(0.01)\"]}");
    struct driver_result result;

    (void)state;
    assert_ok(apply_one(set, 1, &result));
    assert_ok(apply_one(next, 1, &result));
    assert_true(exists("public.t2"));
}

static void objects_in_the_search_path_do_not_stand_in_for_the_catalogue(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    (void)state;
    admin_do("CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''evil''::bytea'");
    admin_do("CREATE FUNCTION public.count(anyelement) RETURNS bigint LANGUAGE sql AS 'SELECT 99::bigint'");
    admin_do("CREATE FUNCTION public.text_eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'");
    admin_do("CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.text_eq)");
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s SET search_path = public, pg_catalog", world->database));
    come_back();
    assert_ok(apply_one(step, 1, &result));
    assert_ok(apply_one(step, 2, &result));
    assert_true(result.already_applied);
    admin_do(arena_printf(&world->arena, "ALTER DATABASE %s RESET search_path", world->database));
}

static void a_temporary_table_does_not_stand_in_for_the_catalogue(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"CREATE TEMPORARY TABLE pg_class (x integer)\",\"CREATE TABLE app.t (a integer)\"]}");
    struct driver_result result;

    (void)state;
    add_effect(step, "table app.t");
    assert_ok(apply_one(step, 1, &result));
    assert_string_equal(admin_ask("SELECT observed::json->'table app.t'->>'kind' FROM invplan.ledger"), "table");
}

static void a_lock_time_out_names_who_is_in_the_way(void **state)
{
    struct plan_step *step =
        make_step("m/a/one", INSTRUCTION_PG_EXEC, "{\"sql\":[\"ALTER TABLE app.t ADD COLUMN b integer\"]}");
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t (a integer)");
    hold_table("ACCESS SHARE");
    step->timeouts.lock_ms = 600;
    assert_false(apply_one(step, 1, &result));
    assert_string_equal(error.sqlstate, "55P03");
    assert_true(error.retryable);
    assert_non_null(strstr(error.message, "reporting"));
    assert_non_null(strstr(error.message, "idle in transaction"));
    /* The query is there without what it looked for. */
    assert_non_null(strstr(error.message, "app.t"));
    assert_null(strstr(error.message, "a secret"));
    assert_null(strstr(error.message, "42 FROM"));
    assert_true(result.lock_wait_ms >= 600);
    assert_int_equal(result.lock_hold_ms, -1);
    assert_non_null(strstr(result.blocker.data, "\"application\":\"reporting\",\"state\":\"idle in transaction\""));
    assert_null(strstr(result.blocker.data, "a secret"));
    admin_do("COMMIT");
    assert_ok(apply_one(step, 2, &result));
    assert_int_equal(result.lock_wait_ms, 0);
    assert_true(result.lock_hold_ms >= 0);
    assert_int_equal(result.blocker.len, 0);
}

static void let_go_of_the_table(struct world *w)
{
    if (w->ticks == 1)
        admin_do("COMMIT");
}

static void the_world_ticks_while_a_statement_waits(void **state)
{
    struct plan_step *step =
        make_step("m/a/one", INSTRUCTION_PG_EXEC, "{\"sql\":[\"ALTER TABLE app.t ADD COLUMN b integer\"]}");
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t (a integer)");
    hold_table("ACCESS SHARE");
    step->timeouts.lock_ms = 20000;
    world->on_tick = let_go_of_the_table;
    assert_ok(apply_one(step, 1, &result));
    assert_true(world->ticks >= 1);
    assert_non_null(strstr(world->log, "waiting for backend"));
}

static bool cancel_now(void *context)
{
    return ((struct world *)context)->ticks > 0;
}

static void a_second_signal_cancels_the_statement_under_way(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, "{\"sql\":[\"SELECT pg_sleep(60)\"]}");
    struct driver_result result;

    (void)state;
    world->env.cancelling = cancel_now;
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
    assert_false(error.outcome_unknown);
    world->env.cancelling = NULL;
    assert_string_equal(admin_ask("SELECT count(*) FROM invplan.ledger"), "0");
}

static void slow_statements_are_logged_without_literals(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"CREATE TABLE app.t AS SELECT 'private' AS x FROM pg_sleep(0.05)\"]}");
    struct driver_result result;

    (void)state;
    world->plan.policy.slow_statement_ms = 20;
    assert_ok(apply_one(step, 1, &result));
    assert_non_null(strstr(world->log, "slow statement"));
    assert_null(strstr(world->log, "private"));
}

static void copy_from_the_client_is_refused(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, "{\"sql\":[\"COPY app.t FROM STDIN\"]}");
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t (a integer)");
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNSUPPORTED);
    assert_string_equal(events_of("m/a/one"), "");
}

/* --- groups, killed --------------------------------------------------------------------------------------------------
 */

static void kill_group_at(const char *point, const char *events_after, bool already)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    world->env.point = world_point;
    world->point = point;
    world->on_point = terminate_driver;
    if (!apply_one(step, 1, &result)) {
        assert_true(error.retryable);
        assert_true(error.outcome_unknown);
    }
    assert_string_equal(events_of("m/a/one"), events_after);
    assert_int_equal(exists("app.t"), *events_after != '\0');
    come_back();
    assert_ok(apply_one(step, 1, &result));
    assert_int_equal(result.already_applied, already);
    assert_string_equal(events_of("m/a/one"), "APPLIED");
}

static void a_group_cut_before_it_began_is_applied_once(void **state)
{
    (void)state;
    kill_group_at("pg.group.before", "", false);
}

static void a_group_cut_before_commit_is_applied_once(void **state)
{
    (void)state;
    kill_group_at("pg.group.before_commit", "", false);
}

static void a_group_cut_after_commit_is_applied_once(void **state)
{
    (void)state;
    kill_group_at("pg.group.after_commit", "APPLIED", true);
}

static struct driver_result other_result;

/* While the first driver stands before its COMMIT, another process wants to do the same group. */
static void other_takes_over(struct world *w)
{
    w->env.point = NULL;
    admin_do("UPDATE invplan.lease SET heartbeat_at = now() - interval '1 hour', backend_start = NULL");
    w->other = open_driver();
    /* The first one's transaction holds the lease's row: the takeover waits, and gives up. */
    assert_false(take_lease(w->other, "other", 30000));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
}

static void a_takeover_waits_for_the_transaction_under_way(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    (void)state;
    world->env.point = world_point;
    world->point = "pg.group.before_commit";
    world->on_point = other_takes_over;
    assert_ok(apply_one(step, 1, &result));
    assert_ok(take_lease(world->other, "other", 30000));
    assert_ok(apply_with(world->other, (const struct plan_step *const *)&step, 1, 1, &other_result));
    assert_true(other_result.already_applied);
    assert_string_equal(events_of("m/a/one"), "APPLIED");
}

/* --- undoing groups --------------------------------------------------------------------------------------------------
 */

static void undo_runs_the_inverse_with_its_row(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    (void)state;
    set_inverse(step, INSTRUCTION_PG_EXEC, "{\"sql\":[\"DROP TABLE app.t\"]}", NULL, NULL);
    add_effect(step, "table app.t");
    assert_ok(apply_one(step, 1, &result));
    assert_ok(undo_one(step, 2, &result));
    assert_false(exists("app.t"));
    assert_string_equal(events_of("m/a/one"), "APPLIED UNDONE");
    assert_string_equal(
        admin_ask("SELECT observed::json->>'table app.t' IS NULL FROM invplan.ledger WHERE seq = 2"), "t");
    assert_ok(undo_one(step, 3, &result));
    assert_true(result.already_applied);
    /* And forward again. */
    assert_ok(apply_one(step, 3, &result));
    assert_string_equal(events_of("m/a/one"), "APPLIED UNDONE APPLIED");
}

static void a_guard_that_fails_keeps_the_step(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;
    char detail[100];
    bool holds;

    (void)state;
    set_inverse(step, INSTRUCTION_PG_EXEC, "{\"sql\":[\"DROP TABLE app.t\"]}", NULL,
        "{\"sql\":\"SELECT NOT EXISTS (SELECT 1 FROM app.t)\"}");
    add_effect(step, "table app.t");
    assert_ok(apply_one(step, 1, &result));
    assert_ok(driver_postgres.guard(world->driver, step, &holds, detail, sizeof(detail), &error));
    assert_true(holds);
    admin_do("INSERT INTO app.t VALUES (1)");
    assert_ok(driver_postgres.guard(world->driver, step, &holds, detail, sizeof(detail), &error));
    assert_false(holds);
    assert_string_equal(detail, "rows would be lost");
    assert_false(undo_one(step, 2, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNDO_HALTED);
    assert_true(exists("app.t"));
    admin_do("DELETE FROM app.t");
    assert_ok(undo_one(step, 2, &result));
    assert_false(exists("app.t"));
}

static void an_undo_that_is_impossible_is_refused(void **state)
{
    struct plan_step *step = make_step("m/a/one", INSTRUCTION_PG_EXEC, CREATE_T);
    struct driver_result result;

    (void)state;
    assert_ok(apply_one(step, 1, &result));
    step->inverse = (struct plan_inverse){.grade = GRADE_IMPOSSIBLE, .why = "the data is gone"};
    assert_false(undo_one(step, 2, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNDO_HALTED);
    assert_non_null(strstr(error.message, "the data is gone"));
}

/* --- alone -----------------------------------------------------------------------------------------------------------
 */

#define INDEX_PROBE                                                                                                    \
    "{\"sql\":\"SELECT CASE WHEN i.indexrelid IS NULL THEN 'not done' WHEN i.indrelid <> 'app.t'::regclass THEN "      \
    "'other'"                                                                                                          \
    " WHEN NOT i.indisvalid THEN 'half done' WHEN pg_get_indexdef(i.indexrelid) LIKE '%(a)' THEN 'done' ELSE 'other' " \
    "END,"                                                                                                             \
    " pg_get_indexdef(i.indexrelid) FROM (SELECT to_regclass('app.t_a_idx') AS oid) c LEFT JOIN pg_index i ON "        \
    "i.indexrelid = c.oid\"}"
#define INDEX_GONE                                                                                                     \
    "{\"sql\":\"SELECT CASE WHEN to_regclass('app.t_a_idx') IS NULL THEN 'done' ELSE 'not done' END, NULL\"}"

static struct plan_step *index_step(const char *sql)
{
    struct plan_step *step = make_step("m/i/index", INSTRUCTION_PG_EXEC_ALONE,
        arena_printf(
            &world->arena, "{\"sql\":\"%s\",\"repair\":\"DROP INDEX CONCURRENTLY IF EXISTS app.t_a_idx\"}", sql));

    step->action.probe = json_text_of(INDEX_PROBE);
    step->timeouts.lock_ms = 0;
    set_inverse(step, INSTRUCTION_PG_EXEC_ALONE,
        "{\"sql\":\"DROP INDEX CONCURRENTLY IF EXISTS app.t_a_idx\",\"repair\":null}", INDEX_GONE, NULL);
    add_effect(step, "index app.t_a_idx");
    return step;
}

#define CREATE_INDEX "CREATE INDEX CONCURRENTLY t_a_idx ON app.t (a)"
#define CREATE_UNIQUE "CREATE UNIQUE INDEX CONCURRENTLY t_a_idx ON app.t (a)"

static enum probe_state probe(const struct plan_step *step)
{
    struct probe_answer answer;

    assert_ok(driver_postgres.probe(world->driver, step, false, &answer, &error));
    return answer.state;
}

static void an_alone_step_is_started_confirmed_and_applied(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 1000) AS a");
    step = index_step(CREATE_INDEX);
    assert_int_equal(probe(step), PROBE_NOT_DONE);
    assert_ok(apply_one(step, 1, &result));
    assert_int_equal(result.rows_written, 2);
    assert_false(result.adopted);
    assert_string_equal(events_of("m/i/index"), "STARTED APPLIED");
    assert_int_equal(probe(step), PROBE_DONE);
    assert_string_equal(
        admin_ask("SELECT note::json->>'probe' FROM invplan.ledger WHERE event = 'STARTED'"), "not done");
    assert_string_equal(
        admin_ask("SELECT observed::json->'index app.t_a_idx'->>'valid' FROM invplan.ledger WHERE event = 'APPLIED'"),
        "true");
    assert_ok(undo_one(step, 2, &result));
    assert_string_equal(events_of("m/i/index"), "STARTED APPLIED UNDO_STARTED UNDONE");
    assert_false(exists("app.t_a_idx"));
}

static void what_is_in_place_with_the_same_shape_is_adopted(void **state)
{
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 10) AS a");
    admin_do("CREATE INDEX t_a_idx ON app.t (a)");
    assert_ok(apply_one(index_step(CREATE_INDEX), 1, &result));
    assert_true(result.adopted);
    assert_string_equal(events_of("m/i/index"), "ADOPTED");
}

static void what_is_in_place_with_another_shape_is_drift(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT 1 AS a, 2 AS b");
    admin_do("CREATE INDEX t_a_idx ON app.t (b)");
    step = index_step(CREATE_INDEX);
    assert_int_equal(probe(step), PROBE_OTHER);
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_string_equal(events_of("m/i/index"), "");
}

static void a_step_is_only_done_when_its_postcondition_holds_too(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 10) AS a");
    admin_do("CREATE INDEX t_a_idx ON app.t (a)");
    step = index_step(CREATE_INDEX);
    step->postcondition = (struct plan_check){"SELECT count(*) = 11 FROM app.t", "a row is missing"};
    assert_int_equal(probe(step), PROBE_OTHER);
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_DRIFT);
    assert_non_null(strstr(error.message, "a row is missing"));
    assert_string_equal(events_of("m/i/index"), "");
    admin_do("INSERT INTO app.t VALUES (11)");
    assert_int_equal(probe(step), PROBE_DONE);
}

static void an_index_that_fails_half_way_is_half_done_and_repaired(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT 1 AS a FROM generate_series(1, 2)");
    step = index_step(CREATE_UNIQUE);
    assert_false(apply_one(step, 1, &result));
    assert_string_equal(error.sqlstate, "23505");
    assert_false(error.outcome_unknown);
    assert_string_equal(events_of("m/i/index"), "STARTED");
    assert_int_equal(probe(step), PROBE_HALF_DONE);
    assert_ok(driver_postgres.repair(world->driver, step, false, &error));
    assert_int_equal(probe(step), PROBE_NOT_DONE);
    admin_do("DELETE FROM app.t WHERE ctid = '(0,1)'");
    assert_ok(apply_one(step, 2, &result));
    assert_string_equal(events_of("m/i/index"), "STARTED STARTED APPLIED");
}

static void an_undo_that_builds_an_index_and_fails_half_way_is_repaired(void **state)
{
    struct plan_step *step;
    struct driver_result result;
    struct probe_answer answer;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT 1 AS a FROM generate_series(1, 2)");
    admin_do("CREATE INDEX t_a_idx ON app.t (a)");
    step = make_step("m/i/drop", INSTRUCTION_PG_EXEC_ALONE,
        "{\"sql\":\"DROP INDEX CONCURRENTLY app.t_a_idx\",\"repair\":null}");
    step->action.probe = json_text_of(INDEX_GONE);
    step->timeouts.lock_ms = 0;
    set_inverse(step, INSTRUCTION_PG_EXEC_ALONE,
        "{\"sql\":\"" CREATE_UNIQUE "\",\"repair\":\"DROP INDEX CONCURRENTLY IF EXISTS app.t_a_idx\"}", INDEX_PROBE,
        NULL);
    assert_ok(apply_one(step, 1, &result));
    assert_false(undo_one(step, 2, &result));
    assert_string_equal(error.sqlstate, "23505");
    assert_ok(driver_postgres.probe(world->driver, step, true, &answer, &error));
    assert_int_equal(answer.state, PROBE_HALF_DONE);
    admin_do("DELETE FROM app.t WHERE ctid = '(0,1)'");
    assert_ok(driver_postgres.repair(world->driver, step, true, &error));
    assert_false(exists("app.t_a_idx"));
    assert_ok(undo_one(step, 3, &result));
    assert_ok(driver_postgres.probe(world->driver, step, true, &answer, &error));
    assert_int_equal(answer.state, PROBE_DONE);
}

static void a_statement_without_its_effect_is_not_applied(void **state)
{
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT 1 AS a");
    assert_false(apply_one(index_step("VACUUM app.t"), 1, &result));
    assert_non_null(strstr(error.message, "probe says 'not done'"));
    assert_string_equal(events_of("m/i/index"), "STARTED");
}

static void cut_alone_at(const char *point, enum probe_state left, const char *events_after)
{
    struct plan_step *step;
    struct driver_result result;

    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 10) AS a");
    step = index_step(CREATE_INDEX);
    world->env.point = world_point;
    world->point = point;
    world->on_point = terminate_driver;
    assert_false(apply_one(step, 1, &result));
    assert_true(error.outcome_unknown);
    come_back();
    assert_int_equal(probe(step), left);
    /* Whoever applies it again finds out by itself as well. */
    assert_ok(apply_one(step, 2, &result));
    assert_false(result.adopted);
    assert_string_equal(events_of("m/i/index"), events_after);
    assert_int_equal(probe(step), PROBE_DONE);
}

static void an_alone_step_cut_before_started_is_applied_once(void **state)
{
    (void)state;
    cut_alone_at("pg.alone.before", PROBE_NOT_DONE, "STARTED APPLIED");
}

static void an_alone_step_cut_after_started_is_applied_once(void **state)
{
    (void)state;
    cut_alone_at("pg.alone.started", PROBE_NOT_DONE, "STARTED STARTED APPLIED");
}

static void an_alone_step_cut_after_its_effect_is_applied_once(void **state)
{
    (void)state;
    cut_alone_at("pg.alone.effect", PROBE_DONE, "STARTED APPLIED");
}

/* An index build that waits for an old transaction is cut in the middle. */
static void cut_on_second_tick(struct world *w)
{
    if (w->ticks == 2)
        admin_do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'"
                 " AND pid <> pg_backend_pid() AND datname = current_database()");
}

static void an_index_build_that_is_killed_leaves_an_invalid_index_that_is_repaired(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 1000) AS a");
    step = index_step(CREATE_INDEX);
    hold_table("ROW EXCLUSIVE");
    world->on_tick = cut_on_second_tick;
    assert_false(apply_one(step, 1, &result));
    assert_true(error.outcome_unknown);
    assert_non_null(strstr(world->log, "waiting for backend"));
    admin_do("COMMIT");
    come_back();
    assert_int_equal(probe(step), PROBE_HALF_DONE);
    assert_ok(driver_postgres.repair(world->driver, step, false, &error));
    assert_int_equal(probe(step), PROBE_NOT_DONE);
    assert_ok(apply_one(step, 2, &result));
    assert_string_equal(events_of("m/i/index"), "STARTED STARTED APPLIED");
    assert_string_equal(admin_ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.t_a_idx'::regclass"), "t");
}

/* The process is gone, its backend works on: the note in STARTED says which one. */
static void a_backend_that_still_works_on_the_step_is_seen_as_running(void **state)
{
    struct plan_step *step;
    struct pg_settings settings = {0};
    struct pg_link *zombie;
    struct pg_batch batch = pg_batch_make(&world->arena);
    struct probe_answer answer;
    struct json *note = json_new(&world->arena, JSON_OBJECT);
    struct ledger_entry entry;
    const struct driver_journal journal = {.run = world->run, .run_seq = 1, .plan_digest = HEX};
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 10) AS a");
    step = index_step(CREATE_INDEX);
    for (size_t i = 0; i < world->settings.keywords.count; i++) {
        VEC_PUSH(&world->arena, &settings.keywords, world->settings.keywords.items[i]);
        VEC_PUSH(&world->arena, &settings.values, world->settings.values.items[i]);
    }
    zombie = pg_make(&world->arena, &settings, &world->env, "zombie", true);
    assert_ok(pg_open(zombie, &error));
    pg_add(&batch, "BEGIN");
    pg_add(&batch, "SELECT 1");
    assert_ok(pg_run(zombie, &world->arena, &batch, NULL, NULL, &error));
    json_set_integer(&world->arena, note, "backend", pg_backend_pid(zombie));
    json_set_text(&world->arena, note, "backend_start",
        admin_ask(arena_printf(&world->arena,
            "SELECT to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
            " FROM pg_stat_activity WHERE pid = %d",
            pg_backend_pid(zombie))));
    entry = (struct ledger_entry){.step = step, .event = LEDGER_EVENT_STARTED, .attempt = 1, .note = note};
    assert_ok(driver_postgres.record(world->driver, &journal, &entry, &error));
    assert_ok(driver_postgres.probe(world->driver, step, false, &answer, &error));
    assert_int_equal(answer.state, PROBE_RUNNING);
    assert_false(apply_one(step, 2, &result));
    assert_true(error.retryable);
    pg_close(zombie);
    while (strcmp(admin_ask("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"), "0") != 0)
        world_sleep(NULL, 5);
    assert_int_equal(probe(step), PROBE_NOT_DONE);
}

static void a_stop_cancels_what_runs_alone_after_a_grace(void **state)
{
    struct plan_step *step;
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 10) AS a");
    step = index_step(CREATE_INDEX);
    hold_table("ROW EXCLUSIVE");
    world->stop = true;
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_RESUMABLE);
    world->stop = false;
    admin_do("COMMIT");
    assert_int_equal(probe(step), PROBE_HALF_DONE);
}

static void an_undo_that_was_cut_goes_on(void **state)
{
    struct plan_step *step;
    struct driver_result result;
    struct probe_answer answer;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT generate_series(1, 10) AS a");
    step = index_step(CREATE_INDEX);
    assert_ok(apply_one(step, 1, &result));
    world->env.point = world_point;
    world->point = "pg.undo.effect";
    world->on_point = terminate_driver;
    assert_false(undo_one(step, 2, &result));
    assert_true(error.outcome_unknown);
    come_back();
    assert_ok(driver_postgres.probe(world->driver, step, true, &answer, &error));
    assert_int_equal(answer.state, PROBE_DONE);
    assert_ok(undo_one(step, 3, &result));
    assert_string_equal(events_of("m/i/index"), "STARTED APPLIED UNDO_STARTED UNDO_STARTED UNDONE");
}

static void a_step_without_a_probe_answers_none(void **state)
{
    struct plan_step *step =
        make_step("m/v/vacuum", INSTRUCTION_PG_EXEC_ALONE, "{\"sql\":\"VACUUM app.t\",\"repair\":null}");
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t AS SELECT 1 AS a");
    assert_int_equal(probe(step), PROBE_NONE);
    assert_ok(apply_one(step, 1, &result));
    assert_string_equal(events_of("m/v/vacuum"), "STARTED APPLIED");
    assert_int_equal(probe(make_step("m/g/x", INSTRUCTION_PG_EXEC, CREATE_T)), PROBE_NONE);
}

/* --- TypeORM ---------------------------------------------------------------------------------------------------------
 */

static void the_projection_keeps_our_rows_and_leaves_others_alone(void **state)
{
    const struct projected_migration applied[] = {
        {.id = "1-A", .typeorm_name = "A1700000000001", .typeorm_timestamp = 1700000000001},
        {.id = "odd", .typeorm_name = NULL},
        {.id = "2-B", .typeorm_name = "B1700000000002", .typeorm_timestamp = 1700000000002},
    };
    const struct projected_migration undone[] = {
        {.id = "2-B", .typeorm_name = "B1700000000002", .typeorm_timestamp = 1700000000002},
    };

    (void)state;
    assert_ok(driver_postgres.project(world->driver, applied, 3, NULL, 0, &error));
    assert_false(exists("public.migrations"));
    world->target.typeorm_table = "migrations";
    assert_ok(driver_postgres.project(world->driver, applied, 3, NULL, 0, &error));
    assert_ok(driver_postgres.project(world->driver, applied, 3, NULL, 0, &error));
    admin_do("INSERT INTO public.migrations (timestamp, name) VALUES (3, 'ByHand3')");
    assert_string_equal(
        admin_ask("SELECT string_agg(id || ' ' || timestamp || ' ' || name, ', ' ORDER BY id) FROM public.migrations"),
        "1 1700000000001 A1700000000001, 2 1700000000002 B1700000000002, 3 3 ByHand3");
    assert_ok(driver_postgres.project(world->driver, applied, 1, undone, 1, &error));
    assert_string_equal(
        admin_ask("SELECT string_agg(name, ', ' ORDER BY id) FROM public.migrations"), "A1700000000001, ByHand3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_group_commits_its_statements_with_its_rows),
        WORLD_TEST(a_group_that_fails_leaves_nothing_and_names_the_step_and_statement),
        WORLD_TEST(a_group_that_is_applied_is_not_applied_again),
        WORLD_TEST(more_kinds_of_statements_than_a_connection_keeps_are_run),
        WORLD_TEST(a_duplicate_object_is_drift),
        WORLD_TEST(checks_are_judged_inside_the_transaction),
        WORLD_TEST(an_assert_that_does_not_hold_stops_the_group),
        WORLD_TEST(a_deferred_constraint_fails_before_anything_is_recorded),
        WORLD_TEST(a_statement_that_ends_the_transaction_is_caught),
        WORLD_TEST(what_a_statement_sets_does_not_reach_the_next_group),
        WORLD_TEST(objects_in_the_search_path_do_not_stand_in_for_the_catalogue),
        WORLD_TEST(a_temporary_table_does_not_stand_in_for_the_catalogue),
        WORLD_TEST(a_lock_time_out_names_who_is_in_the_way),
        WORLD_TEST(the_world_ticks_while_a_statement_waits),
        WORLD_TEST(a_second_signal_cancels_the_statement_under_way),
        WORLD_TEST(slow_statements_are_logged_without_literals),
        WORLD_TEST(copy_from_the_client_is_refused),
        WORLD_TEST(a_group_cut_before_it_began_is_applied_once),
        WORLD_TEST(a_group_cut_before_commit_is_applied_once),
        WORLD_TEST(a_group_cut_after_commit_is_applied_once),
        WORLD_TEST(a_takeover_waits_for_the_transaction_under_way),
        WORLD_TEST(undo_runs_the_inverse_with_its_row),
        WORLD_TEST(a_guard_that_fails_keeps_the_step),
        WORLD_TEST(an_undo_that_is_impossible_is_refused),
        WORLD_TEST(an_alone_step_is_started_confirmed_and_applied),
        WORLD_TEST(what_is_in_place_with_the_same_shape_is_adopted),
        WORLD_TEST(what_is_in_place_with_another_shape_is_drift),
        WORLD_TEST(a_step_is_only_done_when_its_postcondition_holds_too),
        WORLD_TEST(an_index_that_fails_half_way_is_half_done_and_repaired),
        WORLD_TEST(an_undo_that_builds_an_index_and_fails_half_way_is_repaired),
        WORLD_TEST(a_statement_without_its_effect_is_not_applied),
        WORLD_TEST(an_alone_step_cut_before_started_is_applied_once),
        WORLD_TEST(an_alone_step_cut_after_started_is_applied_once),
        WORLD_TEST(an_alone_step_cut_after_its_effect_is_applied_once),
        WORLD_TEST(an_index_build_that_is_killed_leaves_an_invalid_index_that_is_repaired),
        WORLD_TEST(a_backend_that_still_works_on_the_step_is_seen_as_running),
        WORLD_TEST(a_stop_cancels_what_runs_alone_after_a_grace),
        WORLD_TEST(an_undo_that_was_cut_goes_on),
        WORLD_TEST(a_step_without_a_probe_answers_none),
        WORLD_TEST(the_projection_keeps_our_rows_and_leaves_others_alone),
    };
    int failures;

    if (!world_prepare(true))
        return 0;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    world_prepare(false);
    return failures;
}
