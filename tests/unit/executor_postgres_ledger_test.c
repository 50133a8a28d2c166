/* The PostgreSQL driver: connecting, the ledger's schema, its rows and their chain, the lease. */
#include "tests/unit/executor_postgres.h"

#include "executor/ledger.h"
#include "spec/base/digest.h"

/* --- connecting ------------------------------------------------------------------------------------------------------
 */

/* Tries to open the target with one field more. */
static bool try_open(const char *name, const char *value)
{
    struct driver *driver = NULL;
    bool ok;

    add_field(name, value);
    ok = driver_postgres.open(&world->arena, &world->plan, &world->target, &world->env, &driver, &error);
    close_driver(driver);
    return ok;
}

static void a_wrong_password_is_an_authentication_failure_and_is_never_shown(void **state)
{
    (void)state;
    assert_false(try_open("password", "wrong-secret-word"));
    assert_int_equal(error.exit_status, EXIT_STATUS_AUTHENTICATION);
    assert_string_equal(error.sqlstate, "28P01");
    assert_non_null(strstr(error.message, "password authentication failed"));
    assert_null(strstr(error.message, "wrong-secret-word"));
    assert_false(error.retryable);
    assert_true(error.help[0]);
}

static void no_server_is_unreachable_and_may_be_tried_again(void **state)
{
    (void)state;
    assert_false(try_open("port", "1"));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNREACHABLE);
    assert_true(error.retryable);
    assert_non_null(strstr(error.message, "operational"));
}

static void a_database_that_is_not_there_is_named(void **state)
{
    (void)state;
    world->target.connection.count = 1;
    assert_false(try_open("dbname", "no_such_database"));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNREACHABLE);
    assert_string_equal(error.sqlstate, "3D000");
    assert_non_null(strstr(error.message, "no_such_database"));
}

static void a_url_that_cannot_be_read_is_not_repeated(void **state)
{
    (void)state;
    world->target.connection.count = 0;
    assert_false(try_open("url", "postgres//bob:very-secret@host/db"));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNREACHABLE);
    assert_null(strstr(error.message, "very-secret"));
    world->target.connection.count = 0;
    assert_false(try_open("url", "postgresql://bob:very-secret@host/db?schema=public"));
    assert_non_null(strstr(error.message, "schema"));
    assert_null(strstr(error.message, "very-secret"));
}

static void a_password_in_the_url_is_taken_out_of_every_text(void **state)
{
    char text[] = "the password is very-secret, they say";

    (void)state;
    world->target.connection.count = 0;
    assert_false(try_open("url", "postgresql://bob:very-secret@127.0.0.1:1/db"));
    redact_text(text);
    assert_null(strstr(text, "very-secret"));
}

static void identity_names_system_and_database_but_no_host(void **state)
{
    struct target_identity identity;

    (void)state;
    assert_ok(driver_postgres.identify(world->driver, &identity, &error));
    assert_string_equal(
        identity.text, arena_printf(&world->arena, "system %s, database %s",
                           admin_ask("SELECT system_identifier FROM pg_control_system()"), world->database));
}

/* --- the schema ------------------------------------------------------------------------------------------------------
 */

static void owner_says_whether_there_is_a_ledger_and_whose(void **state)
{
    struct target_owner owner;
    bool initialised;

    (void)state;
    assert_ok(driver_postgres.owner(world->driver, &initialised, &owner, &error));
    assert_true(initialised);
    assert_string_equal(owner.project, "shop");
    assert_string_equal(owner.environment, "test");
    assert_string_equal(owner.identity.text, "system 1, database x");
    admin_do("DROP SCHEMA invplan CASCADE");
    assert_ok(driver_postgres.owner(world->driver, &initialised, &owner, &error));
    assert_false(initialised);
}

static void init_can_be_repeated_and_keeps_the_owner(void **state)
{
    struct target_owner other = *some_owner();
    struct plan_step *step = make_step("m/a/b", INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE TABLE app.t (a integer)\"]}");
    struct driver_result result;

    (void)state;
    assert_ok(apply_one(step, 1, &result));
    strcpy(other.project, "somebody else's");
    assert_ok(driver_postgres.init(world->driver, &other, &error));
    assert_string_equal(admin_ask("SELECT project FROM invplan.owner"), "shop");
    assert_string_equal(admin_ask("SELECT count(*) FROM invplan.ledger"), "1");
}

static void a_role_that_may_not_make_a_schema_is_told_the_grant(void **state)
{
    struct driver *driver = NULL;
    struct target_owner owner;
    bool initialised;

    (void)state;
    admin_do("DROP ROLE IF EXISTS invplan_test_weak");
    admin_do("CREATE ROLE invplan_test_weak LOGIN PASSWORD 'weak-password'");
    world->target.ledger = "other_ledger";
    add_field("user", "invplan_test_weak");
    add_field("password", "weak-password");
    driver = open_driver();
    assert_ok(driver_postgres.owner(driver, &initialised, &owner, &error));
    assert_false(initialised);
    assert_false(driver_postgres.init(driver, some_owner(), &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PERMISSION);
    assert_non_null(strstr(error.help, "GRANT CREATE ON DATABASE"));
    assert_non_null(strstr(error.help, "\"invplan_test_weak\""));
    close_driver(driver);
    admin_do(arena_printf(&world->arena, "GRANT CREATE ON DATABASE %s TO invplan_test_weak", world->database));
    driver = open_driver();
    assert_ok(driver_postgres.init(driver, some_owner(), &error));
    close_driver(driver);
    admin_do("DROP OWNED BY invplan_test_weak CASCADE");
    admin_do("DROP ROLE invplan_test_weak");
}

static void a_role_without_rights_on_a_table_gets_a_permission_error(void **state)
{
    struct plan_step *step =
        make_step("m/a/b", INSTRUCTION_PG_EXEC, "{\"sql\":[\"ALTER TABLE app.t ADD COLUMN x integer\"]}");
    struct driver_result result;

    (void)state;
    admin_do("CREATE TABLE app.t (a integer)");
    admin_do("DROP ROLE IF EXISTS invplan_test_weak");
    admin_do("CREATE ROLE invplan_test_weak LOGIN PASSWORD 'weak-password'");
    admin_do("GRANT USAGE ON SCHEMA invplan, app TO invplan_test_weak");
    admin_do("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA invplan TO invplan_test_weak");
    assert_ok(driver_postgres.lease_release(world->driver, &error));
    add_field("user", "invplan_test_weak");
    add_field("password", "weak-password");
    world->other = open_driver();
    assert_ok(take_lease(world->other, "weak", 30000));
    assert_false(apply_with(world->other, (const struct plan_step *const *)&step, 1, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_PERMISSION);
    assert_string_equal(error.sqlstate, "42501");
    close_driver(world->other);
    world->other = NULL;
    admin_do("DROP OWNED BY invplan_test_weak CASCADE");
    admin_do("DROP ROLE invplan_test_weak");
}

static bool admin_fails(const char *sql, const char *message)
{
    struct pg_batch batch = pg_batch_make(&world->arena);

    pg_add(&batch, sql);
    return !pg_run(world->admin, &world->arena, &batch, NULL, NULL, &error) && strstr(error.message, message);
}

static void ledger_rows_cannot_be_changed_deleted_or_truncated(void **state)
{
    struct plan_step *step = make_step("m/a/b", INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE TABLE app.t (a integer)\"]}");
    struct driver_result result;

    (void)state;
    assert_ok(apply_one(step, 1, &result));
    assert_true(admin_fails("UPDATE invplan.ledger SET note = 'x'", "append-only"));
    assert_true(admin_fails("DELETE FROM invplan.ledger", "append-only"));
    assert_true(admin_fails("TRUNCATE invplan.ledger", "append-only"));
}

/* --- rows ------------------------------------------------------------------------------------------------------------
 */

static void write_some_rows(void)
{
    struct plan_step *one = make_step("m/a/b", INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE TABLE app.t (a integer)\"]}");
    struct plan_step *two = make_step("m/a/c", INSTRUCTION_PG_EXEC, "{\"sql\":[\"ALTER TABLE app.t ADD b text\"]}");
    const struct plan_step *steps[] = {one, two};
    struct json *note = json_new(&world->arena, JSON_OBJECT);
    const struct ledger_entry entry = {.step = two, .event = LEDGER_EVENT_RESOLVED, .attempt = 2, .note = note};
    const struct driver_journal journal = {.run = world->run, .run_seq = 9, .plan_digest = HEX};
    struct driver_result result;

    json_set_text(&world->arena, note, "as", "undone");
    json_set_text(&world->arena, note, "reason", "line one\nline two\t\"quoted\" — ünïcode");
    add_effect(one, "table app.t");
    add_effect(two, "table app.t");
    add_effect(two, "column app.t.b");
    add_effect(two, "table app.gone");
    assert_ok(apply_with(world->driver, steps, 2, 1, &result));
    assert_int_equal(result.rows_written, 2);
    assert_ok(driver_postgres.record(world->driver, &journal, &entry, &error));
}

static void the_server_computes_the_hash_that_verification_computes(void **state)
{
    struct ledger ledger;

    (void)state;
    write_some_rows();
    assert_ok(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_int_equal(ledger.rows.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ledger.rows.items[i].seq, i + 1);
        assert_string_equal(ledger.rows.items[i].hash, ledger_row_hash(&ledger.rows.items[i]).hex);
    }
    assert_string_equal(ledger.head_hash, ledger.rows.items[2].hash);
    assert_ok(ledger_verify(&ledger, &error));
    assert_string_equal(ledger.rows.items[0].step, "m/a/b");
    assert_int_equal(ledger.rows.items[0].event, LEDGER_EVENT_APPLIED);
    assert_int_equal(ledger.rows.items[1].run_seq, 2);
    assert_int_equal(ledger.rows.items[2].event, LEDGER_EVENT_RESOLVED);
    assert_int_equal(strlen(ledger.rows.items[0].at), strlen("2026-01-01T00:00:00.000000Z"));
    assert_non_null(strstr(ledger.rows.items[2].note.data, "line one\\nline two"));
}

static void rows_keep_what_the_server_said_about_each_object(void **state)
{
    struct ledger ledger;
    struct json_error json_error;
    const struct json *observed;

    (void)state;
    write_some_rows();
    assert_ok(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    observed = json_read(&world->arena, ledger.rows.items[1].observed, JSON_STRICT, &json_error);
    assert_non_null(observed);
    assert_int_equal(observed->count, 3);
    assert_string_equal(json_string(json_get(json_get(observed, "column app.t.b"), "type")), "text");
    assert_true(json_is(json_get(observed, "table app.gone"), JSON_NULL));
}

static void a_row_that_was_tampered_with_breaks_the_chain(void **state)
{
    struct ledger ledger;

    (void)state;
    write_some_rows();
    admin_do("ALTER TABLE invplan.ledger DISABLE TRIGGER ledger_keep");
    admin_do("UPDATE invplan.ledger SET step = 'm/a/x' WHERE seq = 2");
    assert_ok(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_false(ledger_verify(&ledger, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_HISTORY);
}

static void rows_cut_off_at_the_end_are_missed(void **state)
{
    struct ledger ledger;

    (void)state;
    write_some_rows();
    admin_do("ALTER TABLE invplan.ledger DISABLE TRIGGER ledger_keep");
    admin_do("DELETE FROM invplan.ledger WHERE seq = 3");
    assert_false(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_HISTORY);
}

static void a_row_recorded_twice_is_there_once(void **state)
{
    struct plan_step *step = make_step("m/a/b", INSTRUCTION_PG_EXEC_ALONE, "{\"sql\":\"VACUUM\"}");
    const struct ledger_entry entry = {.step = step, .event = LEDGER_EVENT_FAILED, .attempt = 1};
    const struct driver_journal journal = {.run = world->run, .run_seq = 1, .plan_digest = HEX};

    (void)state;
    assert_ok(driver_postgres.record(world->driver, &journal, &entry, &error));
    assert_ok(driver_postgres.record(world->driver, &journal, &entry, &error));
    assert_string_equal(events_of("m/a/b"), "FAILED");
}

static void more_rows_than_a_page_are_read_in_order(void **state)
{
    struct ledger ledger;

    (void)state;
    admin_do("INSERT INTO invplan.ledger SELECT n, n - 1, n, 'r', n, 'm/s/' || n, 1, 'APPLIED', '', '', '', '', '', 1, "
             "now(), ''"
             " FROM generate_series(1, 4500) n");
    admin_do("UPDATE invplan.head SET seq = 4500, hash = '4500'");
    assert_ok(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_int_equal(ledger.rows.count, 4500);
    for (size_t i = 0; i < 4500; i++)
        assert_int_equal(ledger.rows.items[i].seq, i + 1);
}

/* What the plan holds is not read again, and what it holds otherwise is. */
static void lines_that_the_plan_has_are_known_by_the_rows_hash(void **state)
{
    struct ledger ledger;
    struct plan_step *steps = ARENA_ARRAY(&world->arena, struct plan_step, 2);
    const char *line;

    (void)state;
    write_some_rows();
    assert_ok(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    line = arena_strndup(&world->arena, ledger.rows.items[0].step_line.data, ledger.rows.items[0].step_line.len);
    assert_false(ledger.hashes_hold);
    assert_ok(ledger_verify(&ledger, &error));
    steps[0] = (struct plan_step){.id = ledger.rows.items[0].step, .line = str_from(line)};
    world->plan.steps.items = steps;
    world->plan.steps.count = 1;
    assert_ok(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_ptr_equal(ledger.rows.items[0].step_line.data, line);
    assert_ok(ledger_verify(&ledger, &error));
    steps[0].line = STR("{\"step\":\"changed\"}");
    assert_ok(driver_postgres.ledger_read(world->driver, &world->arena, &ledger, &error));
    assert_string_equal(ledger.rows.items[0].step_line.data, line);
    assert_ok(ledger_verify(&ledger, &error));
    world->plan.steps.count = 0;
}

/* --- the lease -------------------------------------------------------------------------------------------------------
 */

static void a_lease_that_is_held_is_refused_and_says_who_has_it(void **state)
{
    struct lease_state look;

    (void)state;
    world->other = open_driver();
    assert_false(take_lease(world->other, "somebody", 30000));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_non_null(strstr(error.message, "tester"));
    assert_ok(driver_postgres.lease_look(world->other, &look, &error));
    assert_true(look.held);
    assert_string_equal(look.holder, "tester");
    assert_string_equal(look.run, world->run);
    assert_true(look.age_ms >= 0);
}

static void a_released_lease_is_taken_with_a_new_token(void **state)
{
    struct lease_state before, after;

    (void)state;
    world->other = open_driver();
    assert_ok(driver_postgres.lease_look(world->other, &before, &error));
    assert_ok(driver_postgres.lease_release(world->driver, &error));
    assert_ok(driver_postgres.lease_look(world->other, &after, &error));
    assert_false(after.held);
    assert_ok(take_lease(world->other, "somebody", 30000));
    assert_ok(driver_postgres.lease_look(world->other, &after, &error));
    assert_true(after.token > before.token);
    assert_string_equal(after.holder, "somebody");
}

static void an_expired_lease_is_taken_over_and_the_sleeper_wakes_to_nothing(void **state)
{
    struct plan_step *step = make_step("m/a/b", INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE TABLE app.t (a integer)\"]}");
    const struct ledger_entry entry = {.step = step, .event = LEDGER_EVENT_FAILED, .attempt = 1};
    const struct driver_journal journal = {.run = world->run, .run_seq = 1, .plan_digest = HEX};
    struct driver_result result;

    (void)state;
    world->other = open_driver();
    /* May not end backends, as on a managed server with another role: the old one goes on living. */
    admin_do("UPDATE invplan.lease SET heartbeat_at = now() - interval '1 hour', backend_start = NULL");
    assert_ok(take_lease(world->other, "somebody", 30000));
    assert_false(driver_postgres.lease_renew(world->driver, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_false(driver_postgres.record(world->driver, &journal, &entry, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    assert_string_equal(admin_ask("SELECT to_regclass('app.t') IS NULL"), "t");
    assert_string_equal(admin_ask("SELECT count(*) FROM invplan.ledger"), "0");
    assert_false(driver_postgres.lease_release(world->driver, &error));
}

static void a_takeover_ends_the_old_backend(void **state)
{
    const char *old = admin_ask("SELECT backend FROM invplan.lease");

    (void)state;
    world->other = open_driver();
    admin_do("UPDATE invplan.lease SET heartbeat_at = now() - interval '1 hour'");
    assert_ok(take_lease(world->other, "somebody", 30000));
    assert_non_null(strstr(world->log, "ended backend"));
    while (strcmp(admin_ask(arena_printf(&world->arena, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", old)), "0") !=
           0)
        world_sleep(NULL, 5);
}

static void a_heartbeat_keeps_the_lease_alive_while_a_statement_runs(void **state)
{
    (void)state;
    world->other = open_driver();
    admin_do("UPDATE invplan.lease SET heartbeat_at = now() - interval '1 hour'");
    assert_ok(driver_postgres.lease_renew(world->driver, &error));
    assert_false(take_lease(world->other, "somebody", 30000));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
}

static void the_same_process_takes_its_lease_back_after_a_lost_connection(void **state)
{
    (void)state;
    terminate_driver(world);
    world->other = open_driver();
    assert_ok(take_lease(world->other, "tester", 30000));
    assert_false(take_lease(world->other, "another process", 30000));
}

static void breaking_a_lease_shuts_its_holder_out(void **state)
{
    struct plan_step *step = make_step("m/a/b", INSTRUCTION_PG_EXEC, "{\"sql\":[\"CREATE TABLE app.t (a integer)\"]}");
    struct driver_result result;
    struct lease_state look;

    (void)state;
    world->other = open_driver();
    admin_do("UPDATE invplan.lease SET backend_start = NULL");
    assert_ok(driver_postgres.lease_break(world->other, &error));
    assert_ok(driver_postgres.lease_look(world->other, &look, &error));
    assert_false(look.held);
    assert_false(apply_one(step, 1, &result));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_wrong_password_is_an_authentication_failure_and_is_never_shown),
        WORLD_TEST(no_server_is_unreachable_and_may_be_tried_again),
        WORLD_TEST(a_database_that_is_not_there_is_named),
        WORLD_TEST(a_url_that_cannot_be_read_is_not_repeated),
        WORLD_TEST(a_password_in_the_url_is_taken_out_of_every_text),
        WORLD_TEST(identity_names_system_and_database_but_no_host),
        WORLD_TEST(owner_says_whether_there_is_a_ledger_and_whose),
        WORLD_TEST(init_can_be_repeated_and_keeps_the_owner),
        WORLD_TEST(a_role_that_may_not_make_a_schema_is_told_the_grant),
        WORLD_TEST(a_role_without_rights_on_a_table_gets_a_permission_error),
        WORLD_TEST(ledger_rows_cannot_be_changed_deleted_or_truncated),
        WORLD_TEST(the_server_computes_the_hash_that_verification_computes),
        WORLD_TEST(rows_keep_what_the_server_said_about_each_object),
        WORLD_TEST(a_row_that_was_tampered_with_breaks_the_chain),
        WORLD_TEST(rows_cut_off_at_the_end_are_missed),
        WORLD_TEST(a_row_recorded_twice_is_there_once),
        WORLD_TEST(more_rows_than_a_page_are_read_in_order),
        WORLD_TEST(lines_that_the_plan_has_are_known_by_the_rows_hash),
        WORLD_TEST(a_lease_that_is_held_is_refused_and_says_who_has_it),
        WORLD_TEST(a_released_lease_is_taken_with_a_new_token),
        WORLD_TEST(an_expired_lease_is_taken_over_and_the_sleeper_wakes_to_nothing),
        WORLD_TEST(a_takeover_ends_the_old_backend),
        WORLD_TEST(a_heartbeat_keeps_the_lease_alive_while_a_statement_runs),
        WORLD_TEST(the_same_process_takes_its_lease_back_after_a_lost_connection),
        WORLD_TEST(breaking_a_lease_shuts_its_holder_out),
    };
    int failures;

    if (!world_prepare(true))
        return 0;
    failures = cmocka_run_group_tests(tests, NULL, NULL);
    world_prepare(false);
    return failures;
}
