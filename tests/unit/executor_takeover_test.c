/* baseline, rebind and redo's rollback against a world in memory: what they record, refuse, and leave when they die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "executor/baseline.h"
#include "executor/rebind.h"
#include "spec/exit.h"
#include "tests/unit/executor_run_kit.h"

enum { POINTS_MAX = 500 };

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

static const struct plan *three(struct kit *kit)
{
    return plan_seal(&kit->arena, plan_of_three(&kit->arena));
}

static int run_baseline(struct kit *kit, const struct plan *plan, const char *to, struct error *error)
{
    const struct baseline_options options = {.to = to, .reason = "a test"};
    struct session session;
    int status;

    kit_session(kit, plan, &session);
    status = baseline_run(&session, &options, error);
    session_close(&session);
    return status;
}

static int run_rebind(struct kit *kit, const struct plan *plan, bool yes, struct error *error)
{
    struct session session;
    int status;

    kit_session(kit, plan, &session);
    status = rebind_run(&session, yes, "a test", error);
    session_close(&session);
    return status;
}

/* Everything that the plan makes, made by somebody else. */
static void make_everything(struct kit *kit, const struct plan *plan)
{
    for (size_t i = 0; i < plan->steps.count; i++)
        for (size_t e = 0; e < plan->steps.items[i].effect.count; e++)
            fake_change_object(&kit->world, plan->steps.items[i].target, plan->steps.items[i].effect.items[e].object,
                "{\"columns\":{\"id\":{\"type\":\"uuid\"}}}");
}

static size_t count_rows(struct kit *kit, const char *target, enum ledger_event event)
{
    const struct ledger *ledger = &fake_find_target(&kit->world, target)->ledger;
    size_t count = 0;

    for (size_t i = 0; i < ledger->rows.count; i++)
        count += ledger->rows.items[i].event == event;
    return count;
}

static void a_baseline_records_every_step_and_runs_none(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct error error;

    make_everything(kit, plan);
    assert_int_equal(run_baseline(kit, plan, NULL, &error), EXIT_STATUS_DONE);
    assert_int_equal(count_rows(kit, "db", LEDGER_EVENT_BASELINED) + count_rows(kit, "store", LEDGER_EVENT_BASELINED),
        plan->steps.count);
    for (size_t i = 0; i < plan->steps.count; i++)
        assert_int_equal(fake_find_effect(&kit->world, plan->steps.items[i].id)->times_applied, 0);
    assert_int_equal(kit_apply(kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
    for (size_t i = 0; i < plan->steps.count; i++)
        assert_int_equal(fake_find_effect(&kit->world, plan->steps.items[i].id)->times_applied, 0);
}

static void a_baseline_names_what_is_missing_and_records_nothing(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct error error;

    assert_int_equal(run_baseline(kit, plan, NULL, &error), EXIT_STATUS_DRIFT);
    assert_non_null(strstr(error.message, "is not there"));
    assert_int_equal(fake_find_target(&kit->world, "db")->ledger.rows.count, 0);
}

static void a_baseline_ends_where_it_is_told_to(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct error error;

    make_everything(kit, plan);
    assert_int_equal(run_baseline(kit, plan, plan->migrations.items[0].id, &error), EXIT_STATUS_DONE);
    assert_int_equal(count_rows(kit, plan->migrations.items[0].target, LEDGER_EVENT_BASELINED),
        plan->migrations.items[0].step_count);
    assert_int_equal(run_baseline(kit, plan, "no-such", &error), EXIT_STATUS_USAGE);
}

static void what_was_begun_is_not_for_a_baseline(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    const char *alone = NULL;
    struct error error;

    for (size_t i = 0; i < plan->steps.count && !alone; i++)
        if (instruction_is_alone(plan->steps.items[i].action.instruction))
            alone = plan->steps.items[i].id;
    assert_non_null(alone);
    kit_die_after_effect(kit, plan, alone);
    assert_int_equal(run_baseline(kit, plan, NULL, &error), EXIT_STATUS_HISTORY);
    assert_non_null(alone ? strstr(error.message, alone) : NULL);
}

static void a_baseline_that_died_at_any_point_is_finished_by_the_next(void **state)
{
    bool disturbed = true;
    int point;

    (void)state;
    for (point = 1; disturbed && point < POINTS_MAX; point++) {
        struct kit kit;
        const struct plan *plan;
        struct error error;

        kit_start(&kit);
        plan = three(&kit);
        make_everything(&kit, plan);
        kit.world.die_at = point;
        run_baseline(&kit, plan, NULL, &error);
        disturbed = kit.world.dead;
        fake_restart(&kit.world);
        if (run_baseline(&kit, plan, NULL, &error) != EXIT_STATUS_DONE)
            fail_msg("point %d: %s", point, error.message);
        if (count_rows(&kit, "db", LEDGER_EVENT_BASELINED) + count_rows(&kit, "store", LEDGER_EVENT_BASELINED) !=
            plan->steps.count)
            fail_msg("point %d: a step is recorded twice, or not at all", point);
        kit_stop(&kit);
    }
    assert_true(point > 20);
    assert_false(disturbed);
}

static void a_copy_takes_its_identity_by_consent_alone(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct fake_target *db = fake_find_target(&kit->world, "db");
    struct error error;

    assert_int_equal(kit_apply(kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
    assert_int_equal(run_rebind(kit, plan, true, &error), EXIT_STATUS_DONE);
    assert_non_null(strstr(kit->world.log.data, "nothing to do: every target has the identity"));
    snprintf(db->identity, sizeof(db->identity), "another server");
    assert_int_equal(kit_apply(kit, plan, (struct run_options){0}).status, EXIT_STATUS_IDENTITY);
    assert_int_equal(run_rebind(kit, plan, false, &error), EXIT_STATUS_CONSENT);
    assert_string_equal(db->owner.identity.text, "server of db");
    assert_int_equal(run_rebind(kit, plan, true, &error), EXIT_STATUS_DONE);
    assert_string_equal(db->owner.identity.text, "another server");
    assert_non_null(strstr(db->ledger.rows.items[db->ledger.rows.count - 1].note.data,
        "\"rebound_from\":\"server of db\",\"rebound_to\":\"another server\""));
    assert_int_equal(kit_apply(kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
}

static void a_copy_of_another_project_is_not_rebound(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    struct fake_target *db = fake_find_target(&kit->world, "db");
    struct error error;

    assert_int_equal(kit_apply(kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
    snprintf(db->identity, sizeof(db->identity), "another server");
    snprintf(db->owner.project, sizeof(db->owner.project), "another");
    assert_int_equal(run_rebind(kit, plan, true, &error), EXIT_STATUS_WRONG_TARGET);
    assert_string_equal(db->owner.identity.text, "server of db");
}

static void a_rebind_that_died_at_any_point_is_finished_by_the_next(void **state)
{
    bool disturbed = true;

    (void)state;
    for (int point = 1; disturbed && point < POINTS_MAX; point++) {
        struct kit kit;
        const struct plan *plan;
        struct fake_target *db;
        struct error error;

        kit_start(&kit);
        plan = three(&kit);
        db = fake_find_target(&kit.world, "db");
        assert_int_equal(kit_apply(&kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
        snprintf(db->identity, sizeof(db->identity), "another server");
        kit.world.points = 0;
        kit.world.die_at = point;
        run_rebind(&kit, plan, true, &error);
        disturbed = kit.world.dead;
        fake_restart(&kit.world);
        if (run_rebind(&kit, plan, true, &error) != EXIT_STATUS_DONE ||
            kit_apply(&kit, plan, (struct run_options){0}).status != EXIT_STATUS_DONE)
            fail_msg("point %d: %s", point, error.message);
        kit_stop(&kit);
    }
    assert_false(disturbed);
}

static void the_newest_migration_alone_is_undone_for_a_redo(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    const char *newest = "";
    size_t last = plan->migrations.count - 1;

    assert_int_equal(kit_apply(kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
    assert_int_equal(
        kit_rollback(kit, plan, (struct rollback_options){.newest = &newest, .yes = true}).status, EXIT_STATUS_DONE);
    assert_string_equal(newest, plan->migrations.items[last].id);
    for (size_t i = 0; i < plan->steps.count; i++)
        assert_int_equal(fake_find_effect(&kit->world, plan->steps.items[i].id)->present,
            i < plan->migrations.items[last].first_step);
}

static void there_is_nothing_to_redo_where_nothing_is_applied(void **state)
{
    struct kit *kit = *state;
    const struct plan *plan = three(kit);
    const char *newest = "";

    assert_int_equal(kit_apply(kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
    assert_int_equal(
        kit_rollback(kit, plan, (struct rollback_options){.last = true, .yes = true}).status, EXIT_STATUS_DONE);
    assert_int_equal(
        kit_rollback(kit, plan, (struct rollback_options){.newest = &newest, .yes = true}).status, EXIT_STATUS_DONE);
    assert_null(newest);
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(a_baseline_records_every_step_and_runs_none),
        SCENARIO(a_baseline_names_what_is_missing_and_records_nothing),
        SCENARIO(a_baseline_ends_where_it_is_told_to),
        SCENARIO(what_was_begun_is_not_for_a_baseline),
        cmocka_unit_test(a_baseline_that_died_at_any_point_is_finished_by_the_next),
        SCENARIO(a_copy_takes_its_identity_by_consent_alone),
        SCENARIO(a_copy_of_another_project_is_not_rebound),
        cmocka_unit_test(a_rebind_that_died_at_any_point_is_finished_by_the_next),
        SCENARIO(the_newest_migration_alone_is_undone_for_a_redo),
        SCENARIO(there_is_nothing_to_redo_where_nothing_is_applied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
