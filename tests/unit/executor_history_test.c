/* When plan and ledger differ: what a migration may become after part of it ran, and what order means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

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

/* Applies until the process dies between the STARTED row and the effect's end. */
static void die_half_way(struct kit *kit, const struct plan *plan, const char *step)
{
    for (int point = 1;; point++) {
        const struct fake_effect *effect = fake_find_effect(&kit->world, step);

        kit->world.points = 0;
        kit->world.die_at = point;
        kit_apply(kit, plan, none);
        fake_restart(&kit->world);
        if (effect->half)
            return;
        assert_false(effect->present);
    }
}

static void change_step(struct kit *kit, struct plan *plan, size_t index)
{
    plan->steps.items[index].source_digest = arena_strdup(&kit->arena, digest_of(STR("edited")).hex);
    plan->steps.items[index].action.forward =
        plan_json(&kit->arena, "{\"sql\":\"CREATE INDEX CONCURRENTLY c2\",\"repair\":\"DROP INDEX c2\"}");
}

/* A plan without the step at index. */
static const struct plan *plan_without(struct kit *kit, size_t index)
{
    struct plan *plan = plan_of_three(&kit->arena);

    for (size_t m = 0; m < plan->migrations.count; m++) {
        struct plan_migration *migration = &plan->migrations.items[m];

        if (migration->first_step > index)
            migration->first_step--;
        else if (migration->first_step + migration->step_count > index)
            migration->step_count--;
    }
    for (size_t i = index; i + 1 < plan->steps.count; i++)
        plan->steps.items[i] = plan->steps.items[i + 1];
    plan->steps.count--;
    return plan_seal(&kit->arena, plan);
}

static size_t count_events(struct kit *kit, const char *step, enum ledger_event event)
{
    const struct ledger *ledger = &fake_find_target(&kit->world, "db")->ledger;
    size_t count = 0;

    for (size_t i = 0; i < ledger->rows.count; i++)
        count += ledger->rows.items[i].event == event && strcmp(ledger->rows.items[i].step, step) == 0;
    return count;
}

static void a_started_step_may_be_changed_when_nothing_of_the_old_one_remains(void **state)
{
    struct kit *kit = *state;
    struct plan *changed = plan_of_three(&kit->arena);

    die_half_way(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), "1/c/run");
    change_step(kit, changed, 2);
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, changed), none).status, EXIT_STATUS_DONE);
    assert_int_equal(fake_find_effect(&kit->world, "1/c/run")->times_applied, 1);
    assert_false(fake_find_effect(&kit->world, "1/c/run")->half);
    /* That the old form was given up is written down. */
    assert_int_equal(count_events(kit, "1/c/run", LEDGER_EVENT_FAILED), 1);
    assert_int_equal(count_events(kit, "1/c/run", LEDGER_EVENT_STARTED), 2);
}

static void a_started_step_may_be_taken_out_when_nothing_of_it_remains(void **state)
{
    struct kit *kit = *state;

    die_half_way(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), "1/c/run");
    assert_int_equal(kit_apply(kit, plan_without(kit, 2), none).status, EXIT_STATUS_DONE);
    assert_int_equal(count_events(kit, "1/c/run", LEDGER_EVENT_FAILED), 1);
    assert_false(fake_find_effect(&kit->world, "1/c/run")->present);
    assert_false(fake_find_effect(&kit->world, "1/c/run")->half);
}

static void a_started_step_that_turns_out_to_be_done_may_not_be_taken_out(void **state)
{
    struct kit *kit = *state;
    struct kit_result result;

    kit_die_after_effect(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), "1/c/run");
    result = kit_apply(kit, plan_without(kit, 2), none);
    assert_int_equal(result.status, EXIT_STATUS_HISTORY);
    assert_non_null(strstr(result.error.message, "'1/c/run'"));
    assert_non_null(strstr(result.error.help, "rollback --migration 1"));
    assert_true(fake_find_effect(&kit->world, "1/c/run")->present);
}

static void an_applied_step_may_not_be_taken_out(void **state)
{
    struct kit *kit = *state;
    struct kit_result result;

    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none).status, EXIT_STATUS_DONE);
    result = kit_apply(kit, plan_without(kit, 1), none);
    assert_int_equal(result.status, EXIT_STATUS_HISTORY);
    assert_non_null(strstr(result.error.message, "applied steps were taken out of their migration: '1/b/run'"));
    assert_non_null(strstr(result.error.help, "rollback --migration 1"));
}

static void the_line_to_type_does_mend_it(void **state)
{
    struct kit *kit = *state;
    const struct plan *shorter = plan_without(kit, 1);

    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none).status, EXIT_STATUS_DONE);
    assert_int_equal(kit_rollback(kit, shorter, (struct rollback_options){.migration = "3"}).status, EXIT_STATUS_DONE);
    assert_int_equal(kit_rollback(kit, shorter, (struct rollback_options){.migration = "2"}).status, EXIT_STATUS_DONE);
    assert_int_equal(kit_rollback(kit, shorter, (struct rollback_options){.migration = "1"}).status, EXIT_STATUS_DONE);
    assert_int_equal(kit_apply(kit, shorter, none).status, EXIT_STATUS_DONE);
    assert_false(fake_find_effect(&kit->world, "1/b/run")->present);
}

static void a_plan_that_is_behind_touches_nothing(void **state)
{
    struct kit *kit = *state;
    struct plan *older = plan_of_three(&kit->arena);
    size_t rows;

    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, plan_of_three(&kit->arena)), none).status, EXIT_STATUS_DONE);
    rows = fake_find_target(&kit->world, "db")->ledger.rows.count;
    older->migrations.count = 2;
    older->steps.count = 4;
    assert_int_equal(kit_apply(kit, plan_seal(&kit->arena, older), none).status, EXIT_STATUS_BEHIND);
    assert_int_equal(fake_find_target(&kit->world, "db")->ledger.rows.count, rows);
    assert_true(fake_find_effect(&kit->world, "3/e/run")->present);
}

/* 1 on db; optional: 2 on store; 3 on db. */
static const struct plan *plan_of_two_targets(struct kit *kit, bool with_second)
{
    struct plan *plan = plan_empty(&kit->arena);

    plan_add_migration(&kit->arena, plan, "1", "db");
    plan_add_step(&kit->arena, plan, "a", INSTRUCTION_PG_EXEC);
    if (with_second) {
        plan_add_migration(&kit->arena, plan, "2", "store");
        plan_add_step(&kit->arena, plan, "d", INSTRUCTION_DDB_CALL);
    }
    plan_add_migration(&kit->arena, plan, "3", "db");
    plan_add_step(&kit->arena, plan, "e", INSTRUCTION_PG_EXEC);
    return plan_seal(&kit->arena, plan);
}

static void order_is_a_matter_of_each_target(void **state)
{
    struct kit *kit = *state;

    assert_int_equal(kit_apply(kit, plan_of_two_targets(kit, false), none).status, EXIT_STATUS_DONE);
    assert_int_equal(kit_apply(kit, plan_of_two_targets(kit, true), none).status, EXIT_STATUS_DONE);
    assert_true(fake_find_effect(&kit->world, "2/d/run")->present);
}

static void out_of_order_names_a_migration_of_the_plan(void **state)
{
    struct kit *kit = *state;
    const char *late[] = {"no-such"};
    struct kit_result result;

    result = kit_apply(
        kit, plan_of_two_targets(kit, true), (struct run_options){.out_of_order = late, .out_of_order_count = 1});
    assert_int_equal(result.status, EXIT_STATUS_USAGE);
    assert_non_null(strstr(result.error.message, "'no-such', which is no migration of the plan"));
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(a_started_step_may_be_changed_when_nothing_of_the_old_one_remains),
        SCENARIO(a_started_step_may_be_taken_out_when_nothing_of_it_remains),
        SCENARIO(a_started_step_that_turns_out_to_be_done_may_not_be_taken_out),
        SCENARIO(an_applied_step_may_not_be_taken_out),
        SCENARIO(the_line_to_type_does_mend_it),
        SCENARIO(a_plan_that_is_behind_touches_nothing),
        SCENARIO(order_is_a_matter_of_each_target),
        SCENARIO(out_of_order_names_a_migration_of_the_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
