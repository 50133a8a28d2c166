/* apply: order, resuming, refusals, failure policies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "executor/driver_impl.h"
#include "executor/holder.h"
#include "spec/exit.h"
#include "tests/unit/executor_run_kit.h"

static int set_up(void **state)
{
    static struct kit kit;

    kit_start(&kit);
    *state = &kit;
    return 0;
}

static int tear_down(void **state)
{
    kit_stop(*state);
    return 0;
}

static const struct run_options none;

static void assert_ledger(struct kit *kit, const char *target, const char *expected)
{
    struct strbuf text = STRBUF_INIT;

    fake_print_ledger(&kit->world, target, &text);
    assert_string_equal(text.data, expected);
    strbuf_free(&text);
}

static void assert_present(struct kit *kit, const char *step, bool present)
{
    if (fake_find_effect(&kit->world, step)->present != present)
        fail_msg("step '%s' should%s be in effect", step, present ? "" : " not");
}

static void apply_runs_every_step_in_the_plans_order(void **state)
{
    struct kit *kit = *state;
    struct kit_result result = kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);

    assert_int_equal(result.status, EXIT_STATUS_DONE);
    assert_ledger(kit, "db",
        "APPLIED 1/a/run\nAPPLIED 1/b/run\nSTARTED 1/c/run\nAPPLIED 1/c/run\nAPPLIED 3/e/run\nSTARTED 3/f/run\n"
        "APPLIED 3/f/run\nENDED -\n");
    assert_ledger(kit, "store", "STARTED 2/d/run\nAPPLIED 2/d/run\n");
    assert_int_equal(kit->world.targets[0].projected_count, 2);
    assert_int_equal(kit->world.targets[1].projected_count, 1);
    assert_false(kit->world.targets[0].lease.held);
    assert_false(kit->world.targets[1].lease.held);
}

static void rows_are_numbered_over_all_targets_in_the_order_of_execution(void **state)
{
    struct kit *kit = *state;
    const struct ledger *db = &kit->world.targets[0].ledger, *store = &kit->world.targets[1].ledger;

    kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);
    assert_true(db->rows.items[3].run_seq < store->rows.items[0].run_seq); /* APPLIED 1/c before STARTED 2/d */
    assert_true(store->rows.items[1].run_seq < db->rows.items[4].run_seq); /* APPLIED 2/d before APPLIED 3/e */
    for (size_t i = 1; i < db->rows.count; i++)
        assert_true(db->rows.items[i].run_seq > db->rows.items[i - 1].run_seq);
}

static void apply_again_does_nothing(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    size_t rows;

    kit_apply(kit, plan, none);
    rows = kit->world.targets[0].ledger.rows.count;
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
    assert_int_equal(kit->world.targets[0].ledger.rows.count, rows);
    assert_non_null(strstr(kit->world.log.data ? kit->world.log.data : "", "belongs to"));
    assert_non_null(strstr(kit->printed, "nothing to do"));
}

static void apply_without_init_says_how_to_begin(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct session session;
    struct progress progress;
    struct report report;
    struct error error;

    kit_session(kit, plan, &session);
    progress_init(&progress, kit->output, PROGRESS_PLAIN, false, 80, &kit->world.host);
    report_start(&report, &kit->arena, "apply", 0, 0);
    assert_int_equal(run_apply(&session, &none, &progress, &report, &error), EXIT_STATUS_NOT_INITIALISED);
    assert_non_null(strstr(error.help, "invplan apply --init --plan test.plan"));
    session_close(&session);
    assert_int_equal(kit->world.targets[0].ledger.rows.count, 0);
}

static void a_target_of_another_environment_is_refused(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct plan *other = plan_of_three(&kit->arena);
    struct kit_result result;

    other->environment = "production";
    kit_apply(kit, plan_seal(&kit->arena, plan), none);
    result = kit_apply(kit, plan_seal(&kit->arena, other), none);
    assert_int_equal(result.status, EXIT_STATUS_WRONG_TARGET);
    assert_non_null(
        strstr(result.error.message, "environment 'test'; the plan is of project 'shop', environment 'production'"));
}

static void a_restored_copy_is_refused(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));

    kit_apply(kit, plan, none);
    snprintf(kit->world.targets[1].identity, sizeof(kit->world.targets[1].identity), "another account");
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_IDENTITY);
}

static void a_lease_that_somebody_holds_refuses_and_names_the_holder(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct fake_target *store = fake_find_target(&kit->world, "store");
    struct kit_result result;

    store->lease = (struct lease_state){.held = true, .token = 7, .holder = "ci@runner, process 1", .run = "other"};
    store->lease_until_ms = kit->world.now_ms + 20000;
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_LEASE);
    assert_non_null(strstr(result.error.message, "ci@runner, process 1"));
    assert_non_null(strstr(result.error.help, "invplan unlock --plan test.plan"));
    assert_false(kit->world.targets[0].lease.held);
    assert_int_equal(kit->world.targets[0].ledger.rows.count, 0);
}

static void a_lease_that_nobody_renews_is_waited_for_while_the_others_are_kept(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct fake_target *store = fake_find_target(&kit->world, "store");

    store->lease = (struct lease_state){.held = true, .token = 7, .holder = "ci@elsewhere, process 1", .run = "other"};
    store->lease_until_ms = kit->world.now_ms + 29000;
    store->lease_ages = true;
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
    assert_int_equal(store->lease.token, 8);
    assert_int_equal(fake_find_target(&kit->world, "db")->lease.token, 1);
    assert_non_null(strstr(kit->world.log.data, "waiting for the lease of ci@elsewhere, process 1"));
}

/* What the dead one had begun goes on in the server, longer than one call waits for it. */
static bool break_in_vain(struct driver *driver, struct error *error)
{
    (void)driver;
    return error_set(error, EXIT_STATUS_LEASE, "a transaction of the lease's old holder is still open");
}

static void the_lease_of_a_dead_process_whose_transaction_goes_on_is_waited_for(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct fake_target *db = fake_find_target(&kit->world, "db");
    struct driver_ops ops = *fake_driver_for(ENGINE_POSTGRES);
    struct session session;
    struct error error;
    const char *holder = holder_describe(&kit->arena);
    const char *machine = strchr(holder, '(');

    assert_non_null(machine);
    ops.lease_break = break_in_vain;
    kit_session(kit, plan, &session);
    session.targets[0].ops = &ops;
    assert_true(session_open(&session, &error) && session_initialise(&session, &error));
    db->lease = (struct lease_state){.held = true, .token = 7, .run = "other"};
    /* A number that no process has: beyond what Linux gives out. */
    snprintf(db->lease.holder, sizeof(db->lease.holder), "ci@here, process 4194305 %s", machine);
    db->lease_until_ms = kit->world.now_ms + 29000;
    db->lease_ages = true;
    assert_true(holder_is_gone(db->lease.holder));
    assert_true(session_take_leases(&session, &error));
    assert_int_equal(db->lease.token, 8);
    session_close(&session);
}

static void a_lease_that_is_lost_stops_the_run_before_the_next_write(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct session session;
    struct error error;

    kit_session(kit, plan, &session);
    assert_true(session_open(&session, &error) && session_initialise(&session, &error) &&
                session_take_leases(&session, &error) && session_read_ledgers(&session, &error));
    kit->world.targets[0].lease.token++;
    kit->world.now_ms += 11000;
    session_tick(&session);
    assert_true(session_stopping(&session));
    assert_false(session_check(&session, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_LEASE);
    session_close(&session);
}

static void a_lease_that_another_run_took_is_left_to_it(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct fake_target *db = fake_find_target(&kit->world, "db");
    struct session session;
    struct error error;

    kit_session(kit, plan, &session);
    assert_true(session_open(&session, &error) && session_initialise(&session, &error) &&
                session_take_leases(&session, &error));
    db->lease.token++;
    session_close(&session);
    assert_true(db->lease.held);
    assert_non_null(strstr(kit->world.log.data, "another run has the lease on target 'db' by now"));
    assert_null(strstr(kit->world.log.data, "expire"));
}

static void leases_are_renewed_when_a_third_of_their_time_has_passed(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct session session;
    struct error error;
    int64_t until_ms;

    kit_session(kit, plan, &session);
    assert_true(session_open(&session, &error) && session_initialise(&session, &error) &&
                session_take_leases(&session, &error));
    until_ms = kit->world.targets[1].lease_until_ms;
    kit->world.now_ms += 9000;
    session_tick(&session);
    assert_int_equal(kit->world.targets[1].lease_until_ms, until_ms);
    kit->world.now_ms += 1500;
    session_tick(&session);
    assert_true(kit->world.targets[1].lease_until_ms > until_ms);
    session_close(&session);
}

/* The connection is made anew by requests that take their time, in which heartbeats are due. */
static struct {
    struct kit *kit;
    struct session *session;
    int refusals;
} slow;

static bool take_slowly(
    struct driver *driver, const struct lease_request *request, struct lease_state *out, struct error *error)
{
    slow.kit->world.now_ms += 11000;
    session_tick(slow.session);
    if (slow.refusals-- > 0)
        return error_set(error, EXIT_STATUS_UNREACHABLE, "the server is away");
    return fake_driver_for(driver->target->engine)->lease_take(driver, request, out, error);
}

static void a_heartbeat_that_is_due_while_the_connection_is_made_anew_loses_no_lease(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct driver_ops ops = *fake_driver_for(ENGINE_POSTGRES);
    struct session session;
    struct error error;

    kit_session(kit, plan, &session);
    ops.lease_take = take_slowly;
    session.targets[0].ops = &ops;
    slow.kit = kit;
    slow.session = &session;
    slow.refusals = 0;
    assert_true(session_open(&session, &error) && session_initialise(&session, &error) &&
                session_take_leases(&session, &error));
    slow.refusals = 1;
    assert_true(session_reconnect(&session, &session.targets[0], &error));
    assert_true(session_check(&session, &error));
    assert_true(session.targets[0].leased);
    session_close(&session);
}

/* --- the plan against the ledger ---------------------------------------------------------------------------------- */

static void a_changed_applied_step_is_refused_by_name(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_three(&kit->arena);
    struct kit_result result;

    kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);
    changed->steps.items[1].source_digest = arena_strdup(&kit->arena, digest_of(STR("edited")).hex);
    result = kit_apply(kit, plan_seal(&kit->arena, changed), none);
    assert_int_equal(result.status, EXIT_STATUS_HISTORY);
    assert_non_null(strstr(result.error.message, "'1/b/run'"));
    assert_non_null(strstr(result.error.help, "rollback --migration 1"));
}

static void a_changed_lowering_of_an_applied_step_is_only_reported(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_three(&kit->arena);

    kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);
    changed->steps.items[0].action.forward = plan_json(&kit->arena, "{\"sql\":[\"CREATE TABLE a (x int)\"]}");
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, changed), none).status, EXIT_STATUS_DONE);
    assert_non_null(strstr(kit->world.log.data, "'1/a/run' is applied, and would be done otherwise"));
}

static void a_plan_that_lacks_an_applied_migration_is_behind(void **state)
{
    struct kit *kit = *state;
    struct plan *older = plan_of_three(&kit->arena);
    struct kit_result result;

    kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);
    older->migrations.count = 2;
    older->steps.count = 4;
    result = kit_apply(kit, plan_seal(&kit->arena, older), none);
    assert_int_equal(result.status, EXIT_STATUS_BEHIND);
    assert_non_null(strstr(result.error.message, "'3'"));
    assert_null(strstr(result.error.message, "'2'"));
}

/* The plan of three with a migration 0 before it, which the ledger does not know. */
static struct plan *plan_with_earlier(struct arena *arena)
{
    struct plan *plan = plan_empty(arena);
    struct plan *three = plan_of_three(arena);

    plan_add_migration(arena, plan, "0", "db");
    plan_add_step(arena, plan, "z", INSTRUCTION_PG_EXEC);
    for (size_t m = 0; m < three->migrations.count; m++) {
        struct plan_migration migration = three->migrations.items[m];

        migration.first_step += 1;
        VEC_PUSH(arena, &plan->migrations, migration);
    }
    for (size_t i = 0; i < three->steps.count; i++)
        VEC_PUSH(arena, &plan->steps, three->steps.items[i]);
    return plan_seal(arena, plan);
}

static void a_pending_migration_before_an_applied_one_wants_to_be_named(void **state)
{
    struct kit *kit = *state;
    const char *late[] = {"0"};
    struct run_options options = {.out_of_order = late, .out_of_order_count = 1};
    const struct plan *plan = plan_with_earlier(&kit->arena);
    struct kit_result result;

    kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_OUT_OF_ORDER);
    assert_non_null(strstr(result.error.help, "invplan apply --out-of-order 0"));
    assert_present(kit, "0/z/run", false);
    assert_int_equal(kit_apply(kit, plan, options).status, EXIT_STATUS_DONE);
    assert_present(kit, "0/z/run", true);
}

static void a_step_added_behind_the_applied_ones_of_a_migration_is_run(void **state)
{
    struct kit *kit = *state;
    struct plan *first = plan_empty(&kit->arena), *longer = plan_empty(&kit->arena);

    plan_add_migration(&kit->arena, first, "1", "db");
    plan_add_step(&kit->arena, first, "a", INSTRUCTION_PG_EXEC);
    plan_add_migration(&kit->arena, longer, "1", "db");
    plan_add_step(&kit->arena, longer, "a", INSTRUCTION_PG_EXEC);
    plan_add_step(&kit->arena, longer, "b", INSTRUCTION_PG_EXEC);
    kit_apply(kit, plan_seal(&kit->arena, first), none);
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, longer), none).status, EXIT_STATUS_DONE);
    assert_present(kit, "1/b/run", true);
}

static void a_step_added_before_an_applied_one_is_refused(void **state)
{
    struct kit *kit = *state;
    struct plan *first = plan_empty(&kit->arena), *longer = plan_empty(&kit->arena);
    struct kit_result result;

    plan_add_migration(&kit->arena, first, "1", "db");
    plan_add_step(&kit->arena, first, "b", INSTRUCTION_PG_EXEC);
    plan_add_migration(&kit->arena, longer, "1", "db");
    plan_add_step(&kit->arena, longer, "a", INSTRUCTION_PG_EXEC);
    plan_add_step(&kit->arena, longer, "b", INSTRUCTION_PG_EXEC);
    kit_apply(kit, plan_seal(&kit->arena, first), none);
    result = kit_apply(kit, plan_seal(&kit->arena, longer), none);
    assert_int_equal(result.status, EXIT_STATUS_HISTORY);
    assert_non_null(strstr(result.error.message, "'1/a/run' was added before"));
}

static void a_failed_step_may_be_changed_and_is_then_applied(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_three(&kit->arena);

    fake_fail(&kit->world, "1/c/run", 1, EXIT_STATUS_HALTED, "");
    assert_int_equal(
        kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none).status, EXIT_STATUS_HALTED);
    changed->steps.items[2].source_digest = arena_strdup(&kit->arena, digest_of(STR("edited")).hex);
    changed->steps.items[2].action.forward =
        plan_json(&kit->arena, "{\"sql\":\"CREATE INDEX CONCURRENTLY c2\",\"repair\":null}");
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, changed), none).status, EXIT_STATUS_DONE);
    assert_present(kit, "1/c/run", true);
}

static void a_started_step_that_was_changed_is_refused_when_the_old_one_was_done(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_three(&kit->arena);
    struct kit_result result;

    kit_die_after_effect(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), "1/c/run");
    changed->steps.items[2].source_digest = arena_strdup(&kit->arena, digest_of(STR("edited")).hex);
    changed->steps.items[2].action.forward =
        plan_json(&kit->arena, "{\"sql\":\"CREATE INDEX CONCURRENTLY c2\",\"repair\":null}");
    result = kit_apply(kit, plan_seal(&kit->arena, changed), none);
    assert_int_equal(result.status, EXIT_STATUS_HISTORY);
    assert_non_null(strstr(result.error.help, "rollback --migration 1"));
}

/* --- drift, consent, capabilities --------------------------------------------------------------------------------- */

static void drift_of_what_a_pending_step_touches_is_named_and_refused(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct run_options first = {.to = "1"};
    struct kit_result result;

    /* 3/e touches table a as well. */
    VEC_PUSH(&kit->arena, &plan->steps.items[4].effect,
        ((struct plan_effect){"table a", plan_json(&kit->arena, "{\"columns\":{}}")}));
    plan_seal(&kit->arena, plan);
    assert_int_equal(kit_apply(kit, plan, first).status, EXIT_STATUS_DONE);
    fake_change_object(&kit->world, "db", "table a", "{\"columns\":{\"id\":{\"type\":\"text\"}}}");
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_DRIFT);
    assert_non_null(strstr(result.error.message, "column id of table a: type is text, was uuid"));
    assert_present(kit, "2/d/run", false);
}

static void drift_of_what_nothing_pending_touches_is_let_pass(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct run_options first = {.to = "1"};

    kit_apply(kit, plan, first);
    fake_change_object(&kit->world, "db", "table a", "{\"columns\":{}}");
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

static void a_step_that_can_never_be_undone_wants_consent(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct run_options yes = {.yes = true};
    struct kit_result result;

    plan->policy.irreversible_allowed = false;
    plan->steps.items[4].inverse = (struct plan_inverse){.grade = GRADE_IMPOSSIBLE, .why = "the rows are gone"};
    plan_seal(&kit->arena, plan);
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_CONSENT);
    assert_non_null(strstr(result.error.message, "'3/e/run': the rows are gone"));
    assert_non_null(strstr(result.error.help, "apply --yes"));
    assert_present(kit, "1/a/run", false);
    assert_int_equal(kit_apply(kit, plan, yes).status, EXIT_STATUS_DONE);
}

static void a_policy_that_the_executor_lacks_is_refused_before_anything_is_touched(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct kit_result result;

    VEC_PUSH(&kit->arena, &plan->required_capabilities, "notify.sns");
    VEC_PUSH(&kit->arena, &plan->required_capabilities, "backup.tape");
    result = kit_apply(kit, plan_seal(&kit->arena, plan), none);
    assert_int_equal(result.status, EXIT_STATUS_UNSUPPORTED);
    assert_non_null(strstr(result.error.message, "'notify.sns' (SNS notifications), which 'notify' asks for"));
    assert_non_null(strstr(result.error.message, "'backup.tape'"));
    assert_int_equal(kit->world.points, 0);
}

static void a_policy_in_the_header_is_not_ignored_when_no_capability_asks_for_it(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);

    plan->backup = plan_json(&kit->arena, "{\"before\":\"apply\"}");
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, plan), none).status, EXIT_STATUS_UNSUPPORTED);
}

static void another_head_than_expected_is_refused(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    const char *wrong[] = {"db=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};
    struct run_options options = {.expect_head = wrong, .expect_head_count = 1};
    const char *right[1];

    kit_apply(kit, plan, none);
    assert_int_equal(kit_apply(kit, plan, options).status, EXIT_STATUS_HISTORY);
    right[0] = arena_printf(&kit->arena, "db=%s", kit->world.targets[0].ledger.head_hash);
    options.expect_head = right;
    assert_int_equal(kit_apply(kit, plan, options).status, EXIT_STATUS_DONE);
}

static void a_ledger_that_was_edited_by_hand_is_refused(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));

    kit_apply(kit, plan, none);
    kit->world.targets[0].ledger.rows.items[1].at = "2020-01-01T00:00:00Z";
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_HISTORY);
}

/* --- stopping ----------------------------------------------------------------------------------------------------- */

static void to_stops_behind_a_migration_and_ends_the_run(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct run_options to = {.to = "2"};
    struct kit_result first = kit_apply(kit, plan, to), second;

    assert_int_equal(first.status, EXIT_STATUS_DONE);
    assert_present(kit, "2/d/run", true);
    assert_present(kit, "3/e/run", false);
    second = kit_apply(kit, plan, none);
    assert_int_equal(second.status, EXIT_STATUS_DONE);
    assert_string_not_equal(first.run, second.run);
}

static void phase_stops_before_the_first_step_of_a_later_phase(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct run_options expand = {.has_phase = true, .phase = PHASE_EXPAND};

    plan->steps.items[3].phase = PHASE_CONTRACT; /* 2/d; what comes behind it is expand again and has to wait */
    plan_seal(&kit->arena, plan);
    assert_int_equal(kit_apply(kit, plan, expand).status, EXIT_STATUS_DONE);
    assert_present(kit, "1/c/run", true);
    assert_present(kit, "2/d/run", false);
    assert_present(kit, "3/e/run", false);
}

static void a_signal_ends_resumable_and_the_next_apply_goes_on_with_the_run(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct kit_result first, second;

    kit->world.stop_at = 20;
    first = kit_apply(kit, plan, none);
    assert_int_equal(first.status, EXIT_STATUS_RESUMABLE);
    assert_non_null(strstr(first.error.help, "invplan apply --plan test.plan"));
    assert_false(kit->world.targets[0].lease.held);
    fake_restart(&kit->world);
    second = kit_apply(kit, plan, none);
    assert_int_equal(second.status, EXIT_STATUS_DONE);
    assert_string_equal(first.run, second.run);
}

static struct plan *plan_with_gate(struct arena *arena)
{
    struct plan *plan = plan_empty(arena);

    plan_add_migration(arena, plan, "1", "db");
    plan_add_step(arena, plan, "a", INSTRUCTION_PG_EXEC);
    plan_add_step(arena, plan, "deployed", INSTRUCTION_GATE);
    plan_add_step(arena, plan, "all", INSTRUCTION_BARRIER);
    plan_add_migration(arena, plan, "2", "db");
    plan_add_step(arena, plan, "b", INSTRUCTION_PG_EXEC);
    return plan;
}

static void a_gate_waits_until_it_is_passed_by_name(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_with_gate(&kit->arena));
    const char *pass[] = {"deployed"};
    struct run_options options = {.pass = pass, .pass_count = 1, .reason = "release 7 is out"};
    struct kit_result first = kit_apply(kit, plan, none), second;

    assert_int_equal(first.status, EXIT_STATUS_GATE);
    assert_non_null(strstr(first.error.help, "invplan apply --pass deployed --reason TEXT --plan test.plan"));
    assert_present(kit, "1/a/run", true);
    assert_present(kit, "2/b/run", false);
    assert_false(kit->world.targets[0].lease.held);
    second = kit_apply(kit, plan, options);
    assert_int_equal(second.status, EXIT_STATUS_DONE);
    assert_present(kit, "2/b/run", true);
    assert_ledger(kit, "db",
        "APPLIED 1/a/run\nENDED -\nGATE_PASSED 1/deployed/run\nAPPLIED 1/all/run\nAPPLIED 2/b/run\nENDED -\n");
    assert_non_null(strstr(kit->world.targets[0].ledger.rows.items[2].note.data, "release 7 is out"));
    assert_non_null(strstr(kit->world.targets[0].ledger.rows.items[2].note.data, "tester"));
}

static void passing_a_gate_wants_a_reason_and_a_gate_of_the_plan(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_with_gate(&kit->arena));
    const char *pass[] = {"deployed"}, *wrong[] = {"other"};

    assert_int_equal(
        kit_apply(kit, plan, (struct run_options){.pass = pass, .pass_count = 1}).status, EXIT_STATUS_USAGE);
    assert_int_equal(kit_apply(kit, plan, (struct run_options){.pass = wrong, .pass_count = 1, .reason = "x"}).status,
        EXIT_STATUS_USAGE);
}

/* --- failure ------------------------------------------------------------------------------------------------------ */

static void a_lock_timeout_is_tried_again(void **state)
{
    struct kit *kit = *state;

    fake_fail(&kit->world, "1/b/run", 3, EXIT_STATUS_HALTED, "55P03");
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none).status, EXIT_STATUS_DONE);
    assert_int_equal(fake_find_effect(&kit->world, "1/a/run")->times_applied, 1);
    assert_non_null(strstr(kit->world.log.data, "attempt 3: "));
    assert_non_null(strstr(kit->world.log.data, "trying again in"));
}

static void retries_end_when_retry_for_is_over(void **state)
{
    struct kit *kit = *state;
    struct kit_result result;

    fake_fail(&kit->world, "1/b/run", -1, EXIT_STATUS_HALTED, "55P03");
    result = kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);
    assert_int_equal(result.status, EXIT_STATUS_HALTED);
    assert_true(kit->world.now_ms < 1000 + 5000 + 1000);
    assert_ledger(kit, "db", "FAILED 1/b/run\n");
}

static void a_failed_step_halts_and_says_what_to_type(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct kit_result result;

    fake_fail(&kit->world, "2/d/run", 1, EXIT_STATUS_HALTED, "");
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_HALTED);
    assert_non_null(strstr(result.error.help, "invplan apply --plan test.plan"));
    assert_ledger(kit, "store", "STARTED 2/d/run\nFAILED 2/d/run\n");
    assert_present(kit, "1/a/run", true);
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

static void a_driver_whose_own_time_is_up_is_quoted_and_resumed(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct kit_result result;

    fake_fail(&kit->world, "2/d/run", 1, EXIT_STATUS_RESUMABLE, "");
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_RESUMABLE);
    assert_non_null(strstr(result.error.message, "scripted failure"));
    assert_null(strstr(result.error.message, "stopped as asked"));
    assert_non_null(strstr(result.error.help, "invplan apply --plan test.plan"));
    assert_string_equal(result.report.steps.items[3]->state, "started");
    assert_non_null(strstr(result.report.steps.items[3]->error, "scripted failure"));
    assert_ledger(kit, "store", "STARTED 2/d/run\n");
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

static void an_undo_whose_own_time_is_up_is_quoted_and_resumed(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    struct kit_result result;

    kit_apply(kit, plan, none);
    fake_fail(&kit->world, "2/d/run", 1, EXIT_STATUS_RESUMABLE, "")->undo = true;
    result = kit_rollback(kit, plan, (struct rollback_options){.to = "1"});
    assert_int_equal(result.status, EXIT_STATUS_RESUMABLE);
    assert_non_null(strstr(result.error.message, "scripted failure"));
    assert_non_null(strstr(result.error.help, "invplan rollback --resume"));
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.resume = true}).status, EXIT_STATUS_DONE);
    assert_present(kit, "2/d/run", false);
}

static struct plan *plan_that_rolls_back(struct kit *kit)
{
    struct plan *plan = plan_of_three(&kit->arena);

    plan->policy.on_failure = ON_FAILURE_ROLLBACK;
    return plan;
}

static void a_failed_step_rolls_the_whole_run_back_over_both_targets(void **state)
{
    struct kit *kit = *state;
    struct kit_result result;

    fake_fail(&kit->world, "3/f/run", -1, EXIT_STATUS_HALTED, "");
    result = kit_apply(kit, plan_seal(&kit->arena, plan_that_rolls_back(kit)), none);
    assert_int_equal(result.status, EXIT_STATUS_ROLLED_BACK);
    assert_present(kit, "1/a/run", false);
    assert_present(kit, "1/c/run", false);
    assert_present(kit, "2/d/run", false);
    assert_present(kit, "3/e/run", false);
    assert_non_null(strstr(result.error.message, "scripted failure"));
    assert_int_equal(kit->world.targets[0].projected_count, 0);
}

static void a_run_that_was_rolled_back_has_ended(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_that_rolls_back(kit));
    struct kit_result first, second;

    fake_fail(&kit->world, "3/f/run", 1, EXIT_STATUS_HALTED, "");
    first = kit_apply(kit, plan, none);
    second = kit_apply(kit, plan, none);
    assert_int_equal(second.status, EXIT_STATUS_DONE);
    assert_string_not_equal(first.run, second.run);
}

static void a_rollback_includes_what_a_killed_process_of_the_run_did(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_that_rolls_back(kit));

    fake_fail(&kit->world, "3/f/run", -1, EXIT_STATUS_HALTED, "");
    kit->world.die_at = 16;
    kit_apply(kit, plan, none);
    assert_true(kit->world.dead);
    assert_present(kit, "1/a/run", true);
    fake_restart(&kit->world);
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_ROLLED_BACK);
    assert_present(kit, "1/a/run", false);
    assert_int_equal(fake_find_effect(&kit->world, "1/a/run")->times_applied, 1);
}

static void a_rollback_leaves_what_an_earlier_run_did(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_that_rolls_back(kit));

    kit_apply(kit, plan, (struct run_options){.to = "1"});
    fake_fail(&kit->world, "3/f/run", -1, EXIT_STATUS_HALTED, "");
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_ROLLED_BACK);
    assert_present(kit, "1/a/run", true);
    assert_present(kit, "1/c/run", true);
    assert_present(kit, "2/d/run", false);
}

static void nothing_is_rolled_back_when_one_guard_does_not_hold(void **state)
{
    struct kit *kit = *state;
    struct kit_result result;

    fake_find_effect(&kit->world, "1/a/run")->guard_fails = true;
    fake_fail(&kit->world, "3/f/run", -1, EXIT_STATUS_HALTED, "");
    result = kit_apply(kit, plan_seal(&kit->arena, plan_that_rolls_back(kit)), none);
    assert_int_equal(result.status, EXIT_STATUS_HALTED);
    assert_present(kit, "3/e/run", true);
    assert_present(kit, "2/d/run", true);
    assert_non_null(strstr(kit->printed, "undo db  1/a/run  loses: 3 rows"));
    assert_int_equal(result.report.undo.count, 5);
}

static void what_a_failed_gradual_step_did_is_rolled_back_with_its_run(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_fillings(&kit->arena);
    struct kit_result result;

    plan->policy.on_failure = ON_FAILURE_ROLLBACK;
    plan_seal(&kit->arena, plan);
    /* The table's guard ("it is empty") fails for as long as part of the filling is there. */
    fake_find_effect(&kit->world, "1/t/run")->guard_fails_while = "2/t/run";
    fake_fail(&kit->world, "2/t/run", -1, EXIT_STATUS_HALTED, "");
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_ROLLED_BACK);
    assert_int_equal(fake_find_effect(&kit->world, "2/t/run")->pieces, 0);
    assert_present(kit, "1/t/run", false);
    assert_ledger(kit, "db",
        "APPLIED 1/t/run\nSTARTED 2/t/run\nFAILED 2/t/run\nUNDO_STARTED 2/t/run\nUNDONE 2/t/run\nUNDONE 1/t/run\n"
        "ENDED -\n");
    kit->world.scripts.count = 0;
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

/* A step that was refused before it had begun has no row STARTED, and nothing to undo. */
static void a_gradual_step_that_never_began_is_not_undone(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_fillings(&kit->arena);

    plan->policy.on_failure = ON_FAILURE_ROLLBACK;
    plan_seal(&kit->arena, plan);
    fake_find_effect(&kit->world, "2/t/run")->foreign = true;
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_ROLLED_BACK);
    assert_ledger(kit, "db", "APPLIED 1/t/run\nFAILED 2/t/run\nUNDONE 1/t/run\nENDED -\n");
}

static void a_plan_that_lacks_a_half_done_migration_is_behind(void **state)
{
    struct kit *kit = *state;
    struct plan *older = plan_of_fillings(&kit->arena);
    struct kit_result result;

    fake_fail(&kit->world, "2/t/run", 1, EXIT_STATUS_HALTED, "");
    assert_int_equal(
        kit_apply(kit, plan_seal(&kit->arena, plan_of_fillings(&kit->arena)), none).status, EXIT_STATUS_HALTED);
    older->migrations.count = older->steps.count = 1;
    result = kit_apply(kit, plan_seal(&kit->arena, older), none);
    assert_int_equal(result.status, EXIT_STATUS_BEHIND);
    assert_non_null(strstr(result.error.message, "'2'"));
}

static void a_half_done_gradual_step_that_was_changed_is_refused(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_fillings(&kit->arena);
    const struct plan *plan = plan_seal(&kit->arena, plan_of_fillings(&kit->arena));
    struct kit_result result;

    fake_fail(&kit->world, "3/s/run", 1, EXIT_STATUS_HALTED, "");
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_HALTED);
    changed->steps.items[3].action.forward =
        plan_json(&kit->arena, "{\"table\":\"s\",\"items\":[{\"id\":{\"S\":\"2\"}}],\"key\":[\"id\"]}");
    result = kit_apply(kit, plan_seal(&kit->arena, changed), none);
    assert_int_equal(result.status, EXIT_STATUS_HISTORY);
    assert_non_null(strstr(result.error.message, "step '3/s/run' was changed, but part of it"));
    assert_non_null(strstr(result.error.help, "rollback --migration 3"));
    assert_int_equal(kit_rollback(kit, changed, (struct rollback_options){.migration = "3"}).status, EXIT_STATUS_DONE);
    assert_int_equal(fake_find_effect(&kit->world, "3/s/run")->pieces, 0);
    assert_int_equal(kit_apply(kit, changed, none).status, EXIT_STATUS_DONE);
}

/* It starts over along the key, and what it kept under its first form is put back when it is undone. */
static void a_half_done_backfill_may_be_mended(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_fillings(&kit->arena);

    fake_fail(&kit->world, "2/t/run", 1, EXIT_STATUS_HALTED, "");
    assert_int_equal(
        kit_apply(kit, plan_seal(&kit->arena, plan_of_fillings(&kit->arena)), none).status, EXIT_STATUS_HALTED);
    changed->steps.items[1].action.forward = plan_json(&kit->arena,
        "{\"relation\":\"t\",\"key\":[{\"name\":\"id\",\"type\":\"uuid\"}],\"set\":\"x = 2\",\"where\":null,"
        "\"batch\":10,\"columns\":[\"x\"],\"keep_old\":true}");
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, changed), none).status, EXIT_STATUS_DONE);
}

/* Adds a column, and fills it: the column's guard ("nothing but defaults in it") fails until the filling is undone. */
static struct plan *plan_that_fills(struct kit *kit)
{
    struct plan *plan = plan_empty(&kit->arena);

    plan->policy.on_failure = ON_FAILURE_ROLLBACK;
    plan_add_migration(&kit->arena, plan, "1", "db");
    plan_add_step(&kit->arena, plan, "t", INSTRUCTION_PG_EXEC);
    plan_add_migration(&kit->arena, plan, "2", "db");
    plan_add_step(&kit->arena, plan, "t", INSTRUCTION_PG_BACKFILL);
    plan_add_step(&kit->arena, plan, "x", INSTRUCTION_PG_EXEC_ALONE);
    fake_find_effect(&kit->world, "1/t/run")->guard_fails_while = "2/t/run";
    fake_fail(&kit->world, "2/x/run", -1, EXIT_STATUS_HALTED, "");
    return plan_seal(&kit->arena, plan);
}

static void a_guard_that_fails_for_what_the_run_itself_wrote_is_asked_again_in_its_turn(void **state)
{
    struct kit *kit = *state;

    assert_int_equal(kit_apply(kit, plan_that_fills(kit), none).status, EXIT_STATUS_ROLLED_BACK);
    assert_present(kit, "2/t/run", false);
    assert_present(kit, "1/t/run", false);
}

static void a_guard_that_still_fails_in_its_turn_halts_and_can_be_overruled(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_that_fills(kit);
    struct kit_result result;

    fake_find_effect(&kit->world, "1/t/run")->guard_fails = true;
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_UNDO_HALTED);
    assert_non_null(strstr(result.error.message, "would lose data that came in the meantime: 3 rows"));
    assert_present(kit, "1/t/run", true);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.resume = true}).status, EXIT_STATUS_CONSENT);
    assert_int_equal(
        kit_rollback(kit, plan, (struct rollback_options){.resume = true, .yes = true}).status, EXIT_STATUS_DONE);
    assert_present(kit, "1/t/run", false);
}

static void nothing_is_rolled_back_behind_a_point_of_no_return(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_that_rolls_back(kit);

    plan->steps.items[3].point_of_no_return = true;
    plan->steps.items[3].inverse = (struct plan_inverse){.grade = GRADE_IMPOSSIBLE, .why = "gone"};
    fake_fail(&kit->world, "3/f/run", -1, EXIT_STATUS_HALTED, "");
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, plan), none).status, EXIT_STATUS_HALTED);
    assert_present(kit, "3/e/run", true);
    assert_non_null(strstr(kit->printed, "cannot be undone: it is a point of no return"));
}

static void what_was_in_place_before_is_adopted_and_never_undone_by_itself(void **state)
{
    struct kit *kit = *state;
    struct kit_result result;

    fake_find_effect(&kit->world, "1/c/run")->present = true;
    fake_fail(&kit->world, "3/f/run", -1, EXIT_STATUS_HALTED, "");
    result = kit_apply(kit, plan_seal(&kit->arena, plan_that_rolls_back(kit)), none);
    assert_int_equal(result.status, EXIT_STATUS_HALTED);
    assert_non_null(strstr(kit->printed, "1/c/run  adopted"));
    assert_non_null(strstr(kit->printed, "cannot be undone: it was in place before the run"));
}

static void something_else_in_a_steps_place_halts_by_drift(void **state)
{
    struct kit *kit = *state;
    struct kit_result result;

    fake_find_effect(&kit->world, "1/c/run")->foreign = true;
    result = kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none);
    assert_int_equal(result.status, EXIT_STATUS_DRIFT);
    assert_ledger(kit, "db", "APPLIED 1/a/run\nAPPLIED 1/b/run\nFAILED 1/c/run\n");
}

static void something_else_in_the_place_of_a_started_step_is_left_to_a_person(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    const struct ledger *ledger = &kit->world.targets[0].ledger;
    struct kit_result result;

    kit_die_after_effect(kit, plan, "1/c/run");
    fake_find_effect(&kit->world, "1/c/run")->foreign = true;
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_DRIFT);
    assert_non_null(
        strstr(result.error.help, "invplan resolve 1/c/run --as applied|undone --reason TEXT --plan test.plan"));
    assert_int_equal(ledger->rows.items[ledger->rows.count - 1].event, LEDGER_EVENT_STARTED);
}

static void objects_of_a_step_that_is_under_way_are_no_drift(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);

    /* 1/c changes table a, which 1/a made. */
    VEC_PUSH(&kit->arena, &plan->steps.items[2].effect,
        ((struct plan_effect){"table a", plan_json(&kit->arena, "{\"columns\":{}}")}));
    plan_seal(&kit->arena, plan);
    kit_die_after_effect(kit, plan, "1/c/run");
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

static void a_run_that_left_a_migration_half_applied_is_continued_by_a_longer_plan(void **state)
{
    struct kit *kit = *state;
    struct plan *longer = plan_of_three(&kit->arena);
    struct kit_result second;

    kit_die_after_effect(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), "1/a/run");
    assert_present(kit, "1/c/run", false);
    assert_int_equal(kit->world.targets[0].ledger.rows.count, 2);
    plan_add_migration(&kit->arena, longer, "4", "db");
    plan_add_step(&kit->arena, longer, "g", INSTRUCTION_PG_EXEC);
    second = kit_apply(kit, plan_seal(&kit->arena, longer), none);
    assert_int_equal(second.status, EXIT_STATUS_DONE);
    assert_string_equal(second.run, kit->world.targets[0].ledger.rows.items[0].run);
}

static void a_migration_whose_predecessor_is_not_applied_is_not_begun(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_empty(&kit->arena);

    plan_add_migration(&kit->arena, plan, "1", "db");
    plan_after(&kit->arena, plan, "2"); /* the compiler orders such plans otherwise */
    plan_add_step(&kit->arena, plan, "a", INSTRUCTION_PG_EXEC);
    plan_add_migration(&kit->arena, plan, "2", "store");
    plan_add_step(&kit->arena, plan, "b", INSTRUCTION_DDB_CALL);
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, plan), none).status, EXIT_STATUS_OUT_OF_ORDER);
    assert_present(kit, "1/a/run", false);
}

static void an_undo_that_fails_halts_and_apply_is_refused_until_it_is_resumed(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_that_rolls_back(kit));
    struct kit_result result;

    fake_fail(&kit->world, "3/f/run", -1, EXIT_STATUS_HALTED, "");
    fake_fail(&kit->world, "1/b/run", 1, EXIT_STATUS_HALTED, "")->undo = true;
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_UNDO_HALTED);
    assert_non_null(strstr(result.error.help, "invplan rollback --resume"));
    assert_present(kit, "2/d/run", false);
    assert_present(kit, "1/b/run", true);
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_UNDO_HALTED);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.resume = true}).status, EXIT_STATUS_DONE);
    assert_present(kit, "1/b/run", false);
    assert_present(kit, "1/a/run", false);
    kit->world.scripts.count = 0;
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

static void a_dry_run_prints_the_pending_steps_and_touches_nothing(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_three(&kit->arena));
    int points;

    kit_apply(kit, plan, (struct run_options){.to = "1"});
    points = (int)kit->world.targets[0].ledger.rows.count;
    rewind(kit->output);
    assert_int_equal(kit_apply(kit, plan, (struct run_options){.dry_run = true}).status, EXIT_STATUS_DONE);
    assert_int_equal(kit->world.targets[0].ledger.rows.count, points);
    assert_non_null(strstr(kit->printed, "CREATE TABLE e"));
    assert_null(strstr(kit->printed, "CREATE TABLE a"));
    assert_false(kit->world.targets[0].lease.held);
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(apply_runs_every_step_in_the_plans_order),
        SCENARIO(rows_are_numbered_over_all_targets_in_the_order_of_execution),
        SCENARIO(apply_again_does_nothing),
        SCENARIO(apply_without_init_says_how_to_begin),
        SCENARIO(a_target_of_another_environment_is_refused),
        SCENARIO(a_restored_copy_is_refused),
        SCENARIO(a_lease_that_somebody_holds_refuses_and_names_the_holder),
        SCENARIO(a_lease_that_nobody_renews_is_waited_for_while_the_others_are_kept),
        SCENARIO(the_lease_of_a_dead_process_whose_transaction_goes_on_is_waited_for),
        SCENARIO(a_lease_that_is_lost_stops_the_run_before_the_next_write),
        SCENARIO(a_lease_that_another_run_took_is_left_to_it),
        SCENARIO(leases_are_renewed_when_a_third_of_their_time_has_passed),
        SCENARIO(a_heartbeat_that_is_due_while_the_connection_is_made_anew_loses_no_lease),
        SCENARIO(a_changed_applied_step_is_refused_by_name),
        SCENARIO(a_changed_lowering_of_an_applied_step_is_only_reported),
        SCENARIO(a_plan_that_lacks_an_applied_migration_is_behind),
        SCENARIO(a_pending_migration_before_an_applied_one_wants_to_be_named),
        SCENARIO(a_step_added_behind_the_applied_ones_of_a_migration_is_run),
        SCENARIO(a_step_added_before_an_applied_one_is_refused),
        SCENARIO(a_failed_step_may_be_changed_and_is_then_applied),
        SCENARIO(a_started_step_that_was_changed_is_refused_when_the_old_one_was_done),
        SCENARIO(drift_of_what_a_pending_step_touches_is_named_and_refused),
        SCENARIO(drift_of_what_nothing_pending_touches_is_let_pass),
        SCENARIO(a_step_that_can_never_be_undone_wants_consent),
        SCENARIO(a_policy_that_the_executor_lacks_is_refused_before_anything_is_touched),
        SCENARIO(a_policy_in_the_header_is_not_ignored_when_no_capability_asks_for_it),
        SCENARIO(another_head_than_expected_is_refused),
        SCENARIO(a_ledger_that_was_edited_by_hand_is_refused),
        SCENARIO(to_stops_behind_a_migration_and_ends_the_run),
        SCENARIO(phase_stops_before_the_first_step_of_a_later_phase),
        SCENARIO(a_signal_ends_resumable_and_the_next_apply_goes_on_with_the_run),
        SCENARIO(a_gate_waits_until_it_is_passed_by_name),
        SCENARIO(passing_a_gate_wants_a_reason_and_a_gate_of_the_plan),
        SCENARIO(a_lock_timeout_is_tried_again),
        SCENARIO(retries_end_when_retry_for_is_over),
        SCENARIO(a_failed_step_halts_and_says_what_to_type),
        SCENARIO(a_driver_whose_own_time_is_up_is_quoted_and_resumed),
        SCENARIO(an_undo_whose_own_time_is_up_is_quoted_and_resumed),
        SCENARIO(a_failed_step_rolls_the_whole_run_back_over_both_targets),
        SCENARIO(what_a_failed_gradual_step_did_is_rolled_back_with_its_run),
        SCENARIO(a_gradual_step_that_never_began_is_not_undone),
        SCENARIO(a_plan_that_lacks_a_half_done_migration_is_behind),
        SCENARIO(a_half_done_gradual_step_that_was_changed_is_refused),
        SCENARIO(a_half_done_backfill_may_be_mended),
        SCENARIO(a_run_that_was_rolled_back_has_ended),
        SCENARIO(a_rollback_includes_what_a_killed_process_of_the_run_did),
        SCENARIO(a_rollback_leaves_what_an_earlier_run_did),
        SCENARIO(nothing_is_rolled_back_when_one_guard_does_not_hold),
        SCENARIO(a_guard_that_fails_for_what_the_run_itself_wrote_is_asked_again_in_its_turn),
        SCENARIO(a_guard_that_still_fails_in_its_turn_halts_and_can_be_overruled),
        SCENARIO(nothing_is_rolled_back_behind_a_point_of_no_return),
        SCENARIO(what_was_in_place_before_is_adopted_and_never_undone_by_itself),
        SCENARIO(something_else_in_a_steps_place_halts_by_drift),
        SCENARIO(something_else_in_the_place_of_a_started_step_is_left_to_a_person),
        SCENARIO(objects_of_a_step_that_is_under_way_are_no_drift),
        SCENARIO(a_run_that_left_a_migration_half_applied_is_continued_by_a_longer_plan),
        SCENARIO(a_migration_whose_predecessor_is_not_applied_is_not_begun),
        SCENARIO(an_undo_that_fails_halts_and_apply_is_refused_until_it_is_resumed),
        SCENARIO(a_dry_run_prints_the_pending_steps_and_touches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
