/* rollback, status, verify, resolve, unlock and the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "executor/redact.h"
#include "executor/resolve.h"
#include "executor/status.h"
#include "executor/verify.h"
#include "spec/event/json_schema.h"
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

static const struct plan *three(struct kit *kit)
{
    return plan_seal(&kit->arena, plan_of_three(&kit->arena));
}

static bool present(struct kit *kit, const char *step)
{
    return fake_find_effect(&kit->world, step)->present;
}

/* --- rollback ----------------------------------------------------------------------------------------------------- */

static void rollback_to_keeps_the_migration_and_undoes_all_behind_it_newest_first(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct strbuf text = STRBUF_INIT;

    kit_apply(kit, plan, none);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.to = "1"}).status, EXIT_STATUS_DONE);
    assert_true(present(kit, "1/a/run") && present(kit, "1/c/run"));
    assert_false(present(kit, "2/d/run") || present(kit, "3/e/run") || present(kit, "3/f/run"));
    fake_print_ledger(&kit->world, "db", &text);
    assert_non_null(strstr(strbuf_view(&text).data, "ENDED -\nROLLBACK -\nUNDO_STARTED 3/f/run\nUNDONE 3/f/run\nUNDONE 3/e/run\n"));
    assert_int_equal(kit->world.targets[0].projected_count, 1);
    assert_int_equal(kit->world.targets[0].projected_undone_count, 1);
    strbuf_free(&text);
}

static void what_was_rolled_back_can_be_applied_again_under_a_new_run(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct kit_result first = kit_apply(kit, plan, none), back, again;

    back = kit_rollback(kit, plan, (struct rollback_options){.to = "1"});
    again = kit_apply(kit, plan, none);
    assert_int_equal(again.status, EXIT_STATUS_DONE);
    assert_string_not_equal(first.run, back.run);
    assert_string_not_equal(back.run, again.run);
    assert_true(present(kit, "3/f/run"));
}

static void rollback_uses_the_step_as_it_was_run(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_three(&kit->arena);

    kit_apply(kit, three(kit), none);
    /* The plan of today says that this cannot be undone; what was run can. */
    changed->steps.items[5].inverse = (struct plan_inverse){.grade = GRADE_IMPOSSIBLE, .why = "no"};
    assert_int_equal(kit_rollback(kit, plan_seal(&kit->arena, changed), (struct rollback_options){.to = "2"}).status,
        EXIT_STATUS_DONE);
    assert_false(present(kit, "3/f/run"));
}

static void losses_want_consent_before_anything_is_touched(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct kit_result result;

    plan->steps.items[3].inverse.grade = GRADE_LOSSY;
    plan->steps.items[3].inverse.why = "every event";
    plan_seal(&kit->arena, plan);
    kit_apply(kit, plan, none);
    result = kit_rollback(kit, plan, (struct rollback_options){.to = "1"});
    assert_int_equal(result.status, EXIT_STATUS_CONSENT);
    assert_non_null(strstr(kit->printed, "undo store  2/d/run  loses: every event"));
    assert_string_equal(result.error.help, "if that is meant: invplan rollback --to 1 --yes --plan test.plan");
    assert_true(present(kit, "3/f/run"));
    assert_int_equal(
        kit_rollback(kit, plan, (struct rollback_options){.to = "1", .yes = true}).status, EXIT_STATUS_DONE);
    assert_false(present(kit, "2/d/run"));
}

static void a_guard_that_does_not_hold_is_a_loss(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);

    kit_apply(kit, plan, none);
    fake_find_effect(&kit->world, "3/e/run")->guard_fails = true;
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.to = "2"}).status, EXIT_STATUS_CONSENT);
    assert_non_null(strstr(kit->printed, "loses: 3 rows"));
    assert_int_equal(
        kit_rollback(kit, plan, (struct rollback_options){.to = "2", .yes = true}).status, EXIT_STATUS_DONE);
}

static void what_cannot_be_undone_refuses_the_whole_list(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);

    plan->steps.items[3].inverse = (struct plan_inverse){.grade = GRADE_IMPOSSIBLE, .why = "it is out"};
    plan_seal(&kit->arena, plan);
    kit_apply(kit, plan, none);
    assert_int_equal(
        kit_rollback(kit, plan, (struct rollback_options){.to = "1", .yes = true}).status, EXIT_STATUS_UNDO_HALTED);
    assert_true(present(kit, "3/f/run"));
    assert_non_null(strstr(kit->printed, "cannot be undone: it is out"));
}

static void what_was_adopted_is_left_in_place(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);

    fake_find_effect(&kit->world, "3/f/run")->present = true;
    kit_apply(kit, plan, none);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.to = "2"}).status, EXIT_STATUS_DONE);
    assert_true(present(kit, "3/f/run"));
    assert_false(present(kit, "3/e/run"));
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

static void a_migration_that_others_build_on_is_not_undone_alone(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct kit_result result;

    kit_apply(kit, plan, none);
    result = kit_rollback(kit, plan, (struct rollback_options){.migration = "2"});
    assert_int_equal(result.status, EXIT_STATUS_UNDO_HALTED);
    assert_non_null(strstr(result.error.message, "migration '3' builds on '2'"));
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.migration = "3"}).status, EXIT_STATUS_DONE);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.migration = "2"}).status, EXIT_STATUS_DONE);
    assert_true(present(kit, "1/a/run"));
}

static void last_undoes_the_newest_run_that_has_something_applied(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);

    kit_apply(kit, plan, (struct run_options){.to = "2"});
    kit_apply(kit, plan, none);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.last = true}).status, EXIT_STATUS_DONE);
    assert_false(present(kit, "3/e/run"));
    assert_true(present(kit, "2/d/run"));
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.last = true}).status, EXIT_STATUS_DONE);
    assert_false(present(kit, "1/a/run"));
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.last = true}).status, EXIT_STATUS_DONE);
}

static void a_migration_that_nobody_knows_is_not_taken_for_one_that_is_undone(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct kit_result result;

    kit_apply(kit, plan, none);
    result = kit_rollback(kit, plan, (struct rollback_options){.migration = "33"});
    assert_int_equal(result.status, EXIT_STATUS_USAGE);
    assert_non_null(strstr(result.error.message, "'33'"));
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.migration = "3"}).status, EXIT_STATUS_DONE);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.migration = "3"}).status, EXIT_STATUS_DONE);
}

static void apply_does_not_go_on_with_a_rollback_that_died(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct kit_result back, again;

    kit_apply(kit, plan, none);
    fake_fail(&kit->world, "3/e/run", 1, EXIT_STATUS_UNREACHABLE, "")->undo = true;
    kit->world.die_at = kit->world.points + 13; /* 3/f is undone, 3/e is not */
    back = kit_rollback(kit, plan, (struct rollback_options){.to = "2"});
    fake_restart(&kit->world);
    assert_false(present(kit, "3/f/run"));
    assert_true(present(kit, "3/e/run"));
    kit->world.scripts.count = 0;
    again = kit_apply(kit, plan, none);
    assert_int_equal(again.status, EXIT_STATUS_DONE);
    assert_string_not_equal(back.run, again.run);
}

static void rollback_settles_a_step_that_a_dead_run_had_started(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);

    kit_die_after_effect(kit, plan, "1/c/run");
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.last = true}).status, EXIT_STATUS_DONE);
    assert_false(present(kit, "1/c/run") || present(kit, "1/a/run"));
}

static void rollback_undoes_what_a_gradual_step_did_before_it_failed(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_fillings(&kit->arena));

    fake_fail(&kit->world, "3/s/run", 1, EXIT_STATUS_HALTED, "");
    kit_apply(kit, plan, none);
    assert_int_equal(fake_find_effect(&kit->world, "3/s/run")->pieces, 1);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.to = "2"}).status, EXIT_STATUS_DONE);
    assert_int_equal(fake_find_effect(&kit->world, "3/s/run")->pieces, 0);
    assert_false(present(kit, "3/d/run"));
}

static void a_migration_that_a_half_done_step_builds_on_is_not_undone_alone(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_fillings(&kit->arena));
    struct kit_result result;

    fake_fail(&kit->world, "2/t/run", 1, EXIT_STATUS_HALTED, "");
    kit_apply(kit, plan, none);
    result = kit_rollback(kit, plan, (struct rollback_options){.migration = "1"});
    assert_int_equal(result.status, EXIT_STATUS_UNDO_HALTED);
    assert_non_null(strstr(result.error.message, "migration '2' builds on '1'"));
}

static void last_leaves_older_runs_alone_when_nothing_remains_of_the_open_one(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);

    kit_apply(kit, plan, (struct run_options){.to = "1"});
    fake_fail(&kit->world, "2/d/run", 1, EXIT_STATUS_HALTED, "");
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_HALTED);
    assert_int_equal(kit_rollback(kit, plan, (struct rollback_options){.last = true}).status, EXIT_STATUS_DONE);
    assert_true(present(kit, "1/a/run"));
}

/* The plan of three, whose last migration is of TypeORM's form. */
static struct plan *plan_of_typeorm(struct arena *arena, size_t migrations)
{
    struct plan *plan = plan_empty(arena);

    plan_add_migration(arena, plan, "1", "db");
    plan_add_step(arena, plan, "a", INSTRUCTION_PG_EXEC);
    if (migrations > 1) {
        plan_add_migration(arena, plan, "1709123456789-AddB", "db");
        plan_add_step(arena, plan, "b", INSTRUCTION_PG_EXEC);
    }
    return plan_seal(arena, plan);
}

static void a_migration_that_the_plan_lacks_leaves_the_projection_when_it_is_undone(void **state)
{
    struct kit *kit = *state;
    const struct plan *older = plan_of_typeorm(&kit->arena, 1);
    const struct fake_target *db = fake_find_target(&kit->world, "db");

    kit_apply(kit, plan_of_typeorm(&kit->arena, 2), none);
    assert_string_equal(db->projected_undone, "");
    assert_int_equal(kit_rollback(kit, older, (struct rollback_options){.migration = "1709123456789-AddB"}).status,
        EXIT_STATUS_DONE);
    assert_false(present(kit, "1709123456789-AddB/b/run"));
    assert_string_equal(db->projected_undone, "1709123456789-AddB AddB1709123456789 ");
}

/* --- status ------------------------------------------------------------------------------------------------------- */

static int read_status(struct kit *kit, const struct plan *plan, struct json **out, struct strbuf *text)
{
    struct session session;
    struct error error;
    int status;

    kit_session(kit, plan, &session);
    status = status_read(&session, out, &error);
    if (*out)
        status_print(*out, text);
    session_close(&session);
    return status;
}

static void status_says_what_is_applied_and_pending(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    kit_apply(kit, plan, (struct run_options){.to = "2"});
    assert_int_equal(read_status(kit, plan, &json, &text), EXIT_STATUS_DONE);
    assert_non_null(strstr(strbuf_view(&text).data, "target db (postgres)\n  identity   server of db\n  owner      project 'shop', "
                                      "environment 'test'\n  lease      free\n"));
    assert_non_null(strstr(strbuf_view(&text).data, "applied    1 of 2 migrations\n  pending    3 (2 of 2 steps)\n"));
    assert_non_null(strstr(strbuf_view(&text).data, "chain verified, head "));
    assert_non_null(strstr(strbuf_view(&text).data, "next: invplan apply --plan test.plan\n"));
    strbuf_free(&text);
}

static void status_says_what_is_half_done_and_what_to_type(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    kit_die_after_effect(kit, plan, "1/c/run");
    assert_int_equal(read_status(kit, plan, &json, &text), EXIT_STATUS_DONE);
    assert_non_null(strstr(strbuf_view(&text).data, "half done  1/c/run, STARTED since "));
    strbuf_free(&text);
}

static void status_says_that_part_of_a_failed_gradual_step_is_there(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = plan_seal(&kit->arena, plan_of_fillings(&kit->arena));
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    fake_fail(&kit->world, "2/t/run", 1, EXIT_STATUS_HALTED, "");
    kit_apply(kit, plan, none);
    assert_int_equal(read_status(kit, plan, &json, &text), EXIT_STATUS_DONE);
    assert_non_null(strstr(strbuf_view(&text).data, "half done  2/t/run, FAILED since "));
    assert_non_null(strstr(strbuf_view(&text).data, "next: invplan apply --plan test.plan\n"));
    strbuf_free(&text);
}

static void status_of_targets_without_ledgers_says_how_to_begin(void **state)
{
    struct kit *kit = *state;
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    assert_int_equal(read_status(kit, three(kit), &json, &text), EXIT_STATUS_NOT_INITIALISED);
    assert_non_null(strstr(strbuf_view(&text).data, "ledger     none yet"));
    assert_non_null(strstr(strbuf_view(&text).data, "applied    0 of 2 migrations"));
    strbuf_free(&text);
}

static void status_names_a_broken_chain(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    kit_apply(kit, plan, none);
    kit->world.targets[1].ledger.rows.items[0].attempt = 9;
    assert_int_equal(read_status(kit, plan, &json, &text), EXIT_STATUS_HISTORY);
    assert_non_null(strstr(strbuf_view(&text).data, "CHAIN BROKEN"));
    /* Nothing is said by what cannot be believed. */
    assert_null(strstr(strbuf_view(&text).data, "next:"));
    assert_null(json_get(json_at(json_get(json, "targets"), 1), "pending"));
    assert_non_null(json_get(json_at(json_get(json, "targets"), 0), "pending"));
    strbuf_free(&text);
}

static void status_tells_why_apply_would_be_refused(void **state)
{
    struct kit *kit = *state;
    struct plan *older = plan_of_three(&kit->arena);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    kit_apply(kit, three(kit), none);
    older->migrations.count = 2;
    older->steps.count = 4;
    assert_int_equal(read_status(kit, plan_seal(&kit->arena, older), &json, &text), EXIT_STATUS_DONE);
    assert_non_null(strstr(strbuf_view(&text).data, "apply would be refused: the plan is behind"));
    strbuf_free(&text);
}

/* --- verify ------------------------------------------------------------------------------------------------------- */

static int read_verify(struct kit *kit, const struct plan *plan, struct json **out, struct strbuf *text)
{
    struct session session;
    struct error error;
    int status;

    kit_session(kit, plan, &session);
    status = verify_read(&session, NULL, out, &error);
    if (*out)
        verify_print(*out, text);
    session_close(&session);
    return status;
}

static void verify_finds_nothing_where_nothing_was_changed(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    kit_apply(kit, plan, none);
    assert_int_equal(read_verify(kit, plan, &json, &text), EXIT_STATUS_DONE);
    assert_string_equal(
        text.data, "target db: 5 objects compared with the ledger, 0 differences\n"
                   "target store: 1 objects compared with the ledger, 0 differences\n");
    strbuf_free(&text);
}

static void verify_names_each_difference_and_the_pending_steps_it_concerns(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    VEC_PUSH(&kit->arena, &plan->steps.items[5].locks, ((struct plan_lock){"a", "ShareLock", "writes", true, false}));
    plan_seal(&kit->arena, plan);
    kit_apply(kit, plan, (struct run_options){.to = "2"});
    fake_change_object(&kit->world, "db", "table a", "{\"columns\":{\"id\":{\"type\":\"text\"}}}");
    map_remove(&kit->world.targets[0].objects, STR("table b"));
    assert_int_equal(read_verify(kit, plan, &json, &text), EXIT_STATUS_DRIFT);
    assert_string_equal(text.data,
        "target db: 3 objects compared with the ledger, 2 differences\n  column id of table a: type is text, was uuid\n"
        "  table b is gone\n  concerns pending step 3/f/run\ntarget store: 1 objects compared with the ledger, 0 differences\n");
    strbuf_free(&text);
}

static void verify_leaves_out_what_a_started_step_is_working_on(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    kit_die_after_effect(kit, plan, "1/c/run");
    assert_int_equal(read_verify(kit, plan, &json, &text), EXIT_STATUS_DONE);
    assert_non_null(strstr(strbuf_view(&text).data, "1 of a step under way left out"));
    strbuf_free(&text);
}

static void an_undone_object_is_expected_to_be_absent(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct strbuf text = STRBUF_INIT;
    struct json *json;

    kit_apply(kit, plan, none);
    kit_rollback(kit, plan, (struct rollback_options){.to = "2"});
    assert_int_equal(read_verify(kit, plan, &json, &text), EXIT_STATUS_DONE);
    fake_change_object(&kit->world, "db", "table e", "{}");
    assert_int_equal(read_verify(kit, plan, &json, &text), EXIT_STATUS_DRIFT);
    assert_non_null(strstr(strbuf_view(&text).data, "table e is new"));
    strbuf_free(&text);
}

/* --- resolve, unlock ---------------------------------------------------------------------------------------------- */

static int run_resolve(struct kit *kit, const struct plan *plan, struct resolve_options options)
{
    struct session session;
    struct error error;
    int status;

    kit_session(kit, plan, &session);
    status = resolve_run(&session, &options, &error);
    session_close(&session);
    return status;
}

static void a_person_resolves_a_started_step_that_no_probe_can(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct resolve_options options = {.step = "1/c/run", .applied = true, .reason = "looked at it"};
    const struct ledger *ledger = &kit->world.targets[0].ledger;

    kit_die_after_effect(kit, plan, "1/c/run");
    fake_find_effect(&kit->world, "1/c/run")->foreign = true;
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DRIFT);
    assert_int_equal(run_resolve(kit, plan, options), EXIT_STATUS_DONE);
    assert_non_null(strstr(ledger->rows.items[ledger->rows.count - 1].note.data, "\"reason\":\"looked at it\""));
    assert_int_equal(run_resolve(kit, plan, options), EXIT_STATUS_DONE);
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
    assert_int_equal(fake_find_effect(&kit->world, "1/c/run")->times_applied, 1);
}

static void a_resolved_step_stays_in_its_run(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct kit_result result;
    const char *run;

    kit_die_after_effect(kit, plan, "1/c/run");
    run = kit->world.targets[0].ledger.rows.items[0].run;
    run_resolve(kit, plan, (struct resolve_options){.step = "1/c/run", .applied = true, .reason = "x"});
    result = kit_apply(kit, plan, none);
    assert_string_equal(result.run, run);
}

static void a_step_that_was_resolved_as_undone_is_applied_again(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);

    kit_apply(kit, plan, none);
    fake_find_effect(&kit->world, "1/c/run")->present = false; /* somebody dropped it by hand */
    run_resolve(kit, plan, (struct resolve_options){.step = "1/c/run", .reason = "dropped by hand"});
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_OUT_OF_ORDER);
    assert_int_equal(
        kit_apply(kit, plan, (struct run_options){.out_of_order = (const char *const[]){"1"}, .out_of_order_count = 1})
            .status,
        EXIT_STATUS_DONE);
    assert_int_equal(fake_find_effect(&kit->world, "1/c/run")->times_applied, 2);
}

static void resolving_a_step_that_nobody_knows_is_refused(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);

    kit_apply(kit, plan, none);
    assert_int_equal(
        run_resolve(kit, plan, (struct resolve_options){.step = "9/x/y", .reason = "x"}), EXIT_STATUS_USAGE);
}

static void unlock_ends_a_lease_that_is_held(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct fake_target *db = fake_find_target(&kit->world, "db");
    struct session session;
    struct error error;

    kit_apply(kit, plan, none);
    db->lease = (struct lease_state){.held = true, .token = 7, .holder = "ci@gone", .run = "other"};
    db->lease_until_ms = kit->world.now_ms + 20000;
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_LEASE);
    kit_session(kit, plan, &session);
    assert_int_equal(unlock_run(&session, &error), EXIT_STATUS_DONE);
    session_close(&session);
    assert_non_null(strstr(kit->world.log.data, "the lease of ci@gone"));
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
}

/* --- report ------------------------------------------------------------------------------------------------------- */

static void the_report_holds_states_locks_heads_and_no_secret(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct kit_result result;
    struct session session;
    const struct json *report, *migration, *step;
    struct strbuf text = STRBUF_INIT;

    redact_register("hunter22", 8);
    VEC_PUSH(&kit->arena, &plan->steps.items[0].locks,
        ((struct plan_lock){"a", "AccessExclusiveLock", "reads and writes", false, false}));
    fake_fail(&kit->world, "2/d/run", 1, EXIT_STATUS_HALTED, "")->error =
        (struct error){.exit_status = EXIT_STATUS_HALTED, .message = "refused for hunter22"};
    result = kit_apply(kit, plan_seal(&kit->arena, plan), none);
    kit_session(kit, plan, &session);
    report = report_json(&result.report, &session, result.status, &result.error);
    json_write(&text, report);
    assert_null(strstr(strbuf_view(&text).data, "hunter22"));
    assert_string_equal(json_string(json_get(report, "plan_digest")), plan->digest);
    assert_string_equal(json_string(json_get(report, "outcome")), exit_status_meaning(EXIT_STATUS_HALTED));
    migration = json_at(json_get(report, "migrations"), 0);
    assert_string_equal(json_string(json_get(migration, "state")), "applied");
    step = json_at(json_get(migration, "steps"), 0);
    assert_string_equal(json_string(json_get(step, "state")), "applied");
    assert_string_equal(json_string(json_get(json_at(json_get(step, "locks"), 0), "mode")), "AccessExclusiveLock");
    migration = json_at(json_get(report, "migrations"), 1);
    assert_string_equal(json_string(json_get(migration, "state")), "failed");
    step = json_at(json_get(migration, "steps"), 0);
    assert_string_equal(json_string(json_get(step, "error")), "refused for ********");
    assert_string_equal(json_string(json_get(json_at(json_get(report, "migrations"), 2), "state")), "pending");
    session_close(&session);
    redact_forget_all();
    strbuf_free(&text);
}

static void the_report_of_a_rollback_tells_times_and_tries(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct kit_result result;

    kit_apply(kit, plan, none);
    fake_fail(&kit->world, "3/e/run", 1, EXIT_STATUS_HALTED, "55P03")->undo = true;
    result = kit_rollback(kit, plan, (struct rollback_options){.to = "1"});
    assert_int_equal(result.status, EXIT_STATUS_DONE);
    assert_int_equal(result.report.steps.count, 3);
    assert_string_equal(result.report.steps.items[0]->step->id, "3/f/run");
    assert_int_equal(result.report.steps.items[0]->duration_ms, 7);
    assert_int_equal(result.report.steps.items[0]->attempts, 1);
    assert_int_equal(result.report.steps.items[1]->attempts, 2);
    assert_true(result.report.steps.items[1]->duration_ms > 14); /* the wait between the two as well */
}

static struct json_schema *load_report_schema(struct arena *arena)
{
    FILE *file = fopen("spec/schema/report.schema.json", "r"); /* tests run at the root */
    struct strbuf text = STRBUF_INIT;
    struct json_error error;
    struct json_schema_error schema_error;
    struct json_schema *schema;
    char block[4096];
    size_t got;

    if (!file)
        fail_msg("spec/schema/report.schema.json cannot be read");
    while ((got = fread(block, 1, sizeof(block), file)) > 0)
        strbuf_append(&text, block, got);
    fclose(file);
    if (!json_schema_compile(arena, json_read(arena, strbuf_copy(&text, arena), JSON_STRICT, &error), NULL, NULL,
            &schema, &schema_error))
        fail_msg("%s: %s", schema_error.schema_pointer, schema_error.message);
    strbuf_free(&text);
    return schema;
}

static void assert_follows(
    struct kit *kit, struct json_schema *schema, const struct plan *plan, const struct kit_result *result)
{
    struct session session;
    struct json_schema_error error;

    kit_session(kit, plan, &session);
    if (!json_schema_validate(
            schema, &kit->arena, report_json(&result->report, &session, result->status, &result->error), &error))
        fail_msg("%s: %s", error.instance_pointer, error.message);
    session_close(&session);
}

static void reports_follow_their_schema(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_of_three(&kit->arena);
    struct json_schema *schema = load_report_schema(&kit->arena);
    struct kit_result result;

    plan->policy.on_failure = ON_FAILURE_ROLLBACK;
    VEC_PUSH(&kit->arena, &plan->steps.items[4].locks, ((struct plan_lock){"a", "ShareLock", "writes", true, false}));
    plan_seal(&kit->arena, plan);
    fake_fail(&kit->world, "3/f/run", 1, EXIT_STATUS_HALTED, "");
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_ROLLED_BACK);
    assert_follows(kit, schema, plan, &result);
    result = kit_apply(kit, plan, (struct run_options){.to = "2"});
    assert_int_equal(result.status, EXIT_STATUS_DONE);
    assert_follows(kit, schema, plan, &result);
    fake_change_object(&kit->world, "db", "table a", "{}");
    result = kit_apply(kit, plan, none);
    assert_int_equal(result.status, EXIT_STATUS_DRIFT);
    assert_follows(kit, schema, plan, &result);
    result = kit_rollback(kit, plan, (struct rollback_options){.last = true});
    assert_int_equal(result.status, EXIT_STATUS_DONE);
    assert_follows(kit, schema, plan, &result);
}

static void the_report_is_written_whole_or_not_at_all(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct kit_result result = kit_apply(kit, plan, none);
    struct session session;
    struct error error;
    char path[64];
    char first[2] = "";
    FILE *file;

    kit_session(kit, plan, &session);
    snprintf(path, sizeof(path), "/tmp/executor_command_test.%ld.json", (long)getpid());
    assert_true(report_write(&result.report, &session, result.status, &result.error, path, &error));
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(first, 1, 1, file), 1);
    assert_string_equal(first, "{");
    fclose(file);
    unlink(path);
    assert_false(report_write(&result.report, &session, result.status, &result.error, "/nonexistent/x.json", &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
    session_close(&session);
}

/* --- speed -------------------------------------------------------------------------------------------------------- */

/* Not a matter of milliseconds: a quadratic loop over ten thousand steps takes minutes. */
static void ten_thousand_applied_migrations_are_compared_at_once(void **state)
{
    struct kit *kit = *state;
    struct plan *plan = plan_empty(&kit->arena);
    clock_t before;

    for (int i = 0; i < 10000; i++) {
        plan_add_migration(&kit->arena, plan, arena_printf(&kit->arena, "%06d", i), i % 2 ? "db" : "store");
        if (i)
            plan_after(&kit->arena, plan, plan->migrations.items[i - 1].id);
        plan_add_step(&kit->arena, plan, "all", INSTRUCTION_BARRIER);
    }
    plan_seal(&kit->arena, plan);
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
    before = clock();
    assert_int_equal(kit_apply(kit, plan, none).status, EXIT_STATUS_DONE);
    print_message("# nothing pending, 10000 applied: %.0f ms\n", (double)(clock() - before) * 1000 / CLOCKS_PER_SEC);
    assert_true(clock() - before < 5 * CLOCKS_PER_SEC);
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(rollback_to_keeps_the_migration_and_undoes_all_behind_it_newest_first),
        SCENARIO(what_was_rolled_back_can_be_applied_again_under_a_new_run),
        SCENARIO(rollback_uses_the_step_as_it_was_run),
        SCENARIO(losses_want_consent_before_anything_is_touched),
        SCENARIO(a_guard_that_does_not_hold_is_a_loss),
        SCENARIO(what_cannot_be_undone_refuses_the_whole_list),
        SCENARIO(what_was_adopted_is_left_in_place),
        SCENARIO(a_migration_that_others_build_on_is_not_undone_alone),
        SCENARIO(last_undoes_the_newest_run_that_has_something_applied),
        SCENARIO(a_migration_that_nobody_knows_is_not_taken_for_one_that_is_undone),
        SCENARIO(apply_does_not_go_on_with_a_rollback_that_died),
        SCENARIO(rollback_settles_a_step_that_a_dead_run_had_started),
        SCENARIO(rollback_undoes_what_a_gradual_step_did_before_it_failed),
        SCENARIO(a_migration_that_a_half_done_step_builds_on_is_not_undone_alone),
        SCENARIO(last_leaves_older_runs_alone_when_nothing_remains_of_the_open_one),
        SCENARIO(a_migration_that_the_plan_lacks_leaves_the_projection_when_it_is_undone),
        SCENARIO(status_says_what_is_applied_and_pending),
        SCENARIO(status_says_what_is_half_done_and_what_to_type),
        SCENARIO(status_says_that_part_of_a_failed_gradual_step_is_there),
        SCENARIO(status_of_targets_without_ledgers_says_how_to_begin),
        SCENARIO(status_names_a_broken_chain),
        SCENARIO(status_tells_why_apply_would_be_refused),
        SCENARIO(verify_finds_nothing_where_nothing_was_changed),
        SCENARIO(verify_names_each_difference_and_the_pending_steps_it_concerns),
        SCENARIO(verify_leaves_out_what_a_started_step_is_working_on),
        SCENARIO(an_undone_object_is_expected_to_be_absent),
        SCENARIO(a_person_resolves_a_started_step_that_no_probe_can),
        SCENARIO(a_resolved_step_stays_in_its_run),
        SCENARIO(a_step_that_was_resolved_as_undone_is_applied_again),
        SCENARIO(resolving_a_step_that_nobody_knows_is_refused),
        SCENARIO(unlock_ends_a_lease_that_is_held),
        SCENARIO(the_report_holds_states_locks_heads_and_no_secret),
        SCENARIO(the_report_of_a_rollback_tells_times_and_tries),
        SCENARIO(reports_follow_their_schema),
        SCENARIO(the_report_is_written_whole_or_not_at_all),
        SCENARIO(ten_thousand_applied_migrations_are_compared_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
