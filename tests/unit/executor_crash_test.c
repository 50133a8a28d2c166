/*
 * The protocol, exhaustively: a small plan with groups, steps that run alone and two targets; the process dies, its
 * connection is cut, or a signal comes, at every point in turn. A fresh process then goes on, and the world must be as
 * after an undisturbed run, each effect having come about exactly once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "spec/exit.h"
#include "tests/unit/executor_run_kit.h"

enum disturbance { DEATH, CUT, SIGNAL };

enum { POINTS_MAX = 2000, RESUMES_MAX = 3 };

typedef struct plan *plan_maker(struct arena *arena);

static void disturb(struct kit *kit, enum disturbance disturbance, int point)
{
    kit->world.points = 0;
    switch (disturbance) {
    case DEATH:
        kit->world.die_at = point;
        break;
    case CUT:
        kit->world.cut_at = point;
        break;
    case SIGNAL:
        kit->world.stop_at = point;
        break;
    }
}

static void assert_effects(struct kit *kit, const struct plan *plan, int point, bool present, int applied, int undone)
{
    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];
        const struct fake_effect *effect = fake_find_effect(&kit->world, step->id);
        bool gradual = instruction_is_gradual(step->action.instruction);

        if (effect->present != present || effect->half || effect->times_applied != applied ||
            effect->times_undone != undone || effect->pieces != (present && gradual ? FAKE_PIECES : 0))
            fail_msg("point %d, step '%s': present %d, pieces %d, half %d, applied %d times, undone %d times", point,
                step->id, effect->present, effect->pieces, effect->half, effect->times_applied, effect->times_undone);
    }
}

/* Whatever came about was undone; some of it may never have. */
static void assert_nothing_remains(struct kit *kit, const struct plan *plan, int point)
{
    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct fake_effect *effect = fake_find_effect(&kit->world, plan->steps.items[i].id);

        if (effect->present || effect->pieces || effect->half || effect->times_applied > effect->times_undone)
            fail_msg("point %d, step '%s': present %d, pieces %d, half %d, applied %d times, undone %d times", point,
                plan->steps.items[i].id, effect->present, effect->pieces, effect->half, effect->times_applied,
                effect->times_undone);
    }
}

/* Every step's last row is the one wanted, the chains hold, and no lease is left. */
static void assert_settled(struct kit *kit, int point, enum step_state wanted)
{
    struct error error;

    for (size_t t = 0; t < kit->world.target_count; t++) {
        const struct fake_target *target = &kit->world.targets[t];
        struct ledger_state state;
        const struct map_entry *entry;

        if (!ledger_verify(&target->ledger, &error))
            fail_msg("point %d: %s", point, error.message);
        ledger_fold(&kit->arena, &target->ledger, &state);
        for (size_t i = 0; map_next(&state.steps, &i, &entry);)
            if (((const struct ledger_step *)entry->value)->state != wanted)
                fail_msg("point %d, step '%.*s': state %d", point, STR_ARG(entry->key),
                    (int)((const struct ledger_step *)entry->value)->state);
        if (target->lease.held)
            fail_msg("point %d: the lease on '%s' is left", point, target->name);
    }
}

/* What other tools read has every migration, also where the connection was cut just then. */
static void assert_projected(struct kit *kit, const struct plan *plan, int point)
{
    for (size_t t = 0; t < kit->world.target_count; t++) {
        const struct fake_target *target = &kit->world.targets[t];
        size_t wanted = 0;

        for (size_t m = 0; m < plan->migrations.count; m++)
            wanted += strcmp(plan->migrations.items[m].target, target->name) == 0;
        if (target->projected_count != wanted)
            fail_msg("point %d: %zu of %zu migrations of '%s' are projected", point, target->projected_count, wanted,
                target->name);
    }
}

static void apply_until_done(struct kit *kit, const struct plan *plan, int point, int wanted_status)
{
    struct kit_result result = {0};

    for (int i = 0; i < RESUMES_MAX; i++) {
        fake_restart(&kit->world);
        result = kit_apply(kit, plan, (struct run_options){0});
        if (result.status == wanted_status)
            return;
    }
    fail_msg("point %d: apply ends with %d: %s", point, result.status, result.error.message);
}

/* Disturbs apply at each point in turn; returns how many there were. */
static int apply_at_every_point(plan_maker *make, enum disturbance disturbance, bool finish_alone)
{
    for (int point = 1; point < POINTS_MAX; point++) {
        struct kit kit;
        const struct plan *plan;
        struct kit_result result;
        bool disturbed;

        kit_start(&kit);
        plan = plan_seal(&kit.arena, make(&kit.arena));
        kit.world.finish_alone = finish_alone;
        disturb(&kit, disturbance, point);
        result = kit_apply(&kit, plan, (struct run_options){0});
        disturbed = kit.world.points >= point;
        if (disturbance == CUT && disturbed && result.status != EXIT_STATUS_DONE &&
            result.status != EXIT_STATUS_UNREACHABLE)
            fail_msg("point %d: %d: %s", point, result.status, result.error.message);
        if (disturbance == CUT && result.status == EXIT_STATUS_DONE)
            assert_projected(&kit, plan, point);
        apply_until_done(&kit, plan, point, EXIT_STATUS_DONE);
        assert_effects(&kit, plan, point, true, 1, 0);
        assert_settled(&kit, point, STEP_STATE_APPLIED);
        kit_stop(&kit);
        if (!disturbed)
            return point - 1;
    }
    fail_msg("there is no end of points");
    return 0;
}

static void death_at_any_point_is_resumed_exactly_once(void **state)
{
    (void)state;
    assert_true(apply_at_every_point(plan_of_three, DEATH, false) > 30);
    assert_true(apply_at_every_point(plan_of_fillings, DEATH, false) > 30);
}

static void death_while_the_server_goes_on_is_resumed_exactly_once(void **state)
{
    (void)state;
    assert_true(apply_at_every_point(plan_of_three, DEATH, true) > 30);
}

static void a_connection_cut_at_any_point_is_resumed_exactly_once(void **state)
{
    (void)state;
    assert_true(apply_at_every_point(plan_of_three, CUT, false) > 30);
    assert_true(apply_at_every_point(plan_of_fillings, CUT, false) > 30);
}

static void a_connection_cut_while_the_server_goes_on_is_resumed_exactly_once(void **state)
{
    (void)state;
    assert_true(apply_at_every_point(plan_of_three, CUT, true) > 30);
}

static void a_signal_at_any_point_is_resumed_exactly_once(void **state)
{
    (void)state;
    assert_true(apply_at_every_point(plan_of_three, SIGNAL, false) > 30);
    assert_true(apply_at_every_point(plan_of_fillings, SIGNAL, false) > 30);
}

/* A cut in the middle of the steps is mended by the same process: nobody has to call it again. */
static void a_connection_cut_during_the_steps_needs_no_second_apply(void **state)
{
    int first = 0, survived = 0, cut = 0;

    (void)state;
    for (int point = 1; point < POINTS_MAX; point++) {
        struct kit kit;
        struct kit_result result;
        bool during;

        kit_start(&kit);
        disturb(&kit, CUT, point);
        result = kit_apply(&kit, plan_seal(&kit.arena, plan_of_three(&kit.arena)), (struct run_options){0});
        during = kit.world.targets[0].ledger.rows.count > 0;
        if (kit.world.points < point) {
            kit_stop(&kit);
            break;
        }
        first = during && !first ? point : first;
        cut += during;
        survived += during && result.status == EXIT_STATUS_DONE;
        kit_stop(&kit);
    }
    assert_true(first > 0);
    assert_true(cut > 20);
    /* What is cut while the run is being wound up (ENDED, the last reading) is for the next apply to tidy. */
    assert_true(survived >= cut - 8);
}

/* --- back --------------------------------------------------------------------------------------------------------- */

static void rollback_until_done(struct kit *kit, const struct plan *plan, int point)
{
    struct kit_result result = {0};

    for (int i = 0; i < RESUMES_MAX; i++) {
        fake_restart(&kit->world);
        result = kit_rollback(kit, plan, (struct rollback_options){.last = true});
        if (result.status == EXIT_STATUS_DONE)
            return;
    }
    fail_msg("point %d: rollback ends with %d: %s", point, result.status, result.error.message);
}

static void rollback_at_every_point(plan_maker *make, enum disturbance disturbance)
{
    for (int point = 1; point < POINTS_MAX; point++) {
        struct kit kit;
        const struct plan *plan;
        bool disturbed;

        kit_start(&kit);
        plan = plan_seal(&kit.arena, make(&kit.arena));
        assert_int_equal(kit_apply(&kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
        disturb(&kit, disturbance, point);
        kit_rollback(&kit, plan, (struct rollback_options){.last = true});
        disturbed = kit.world.points >= point;
        rollback_until_done(&kit, plan, point);
        assert_effects(&kit, plan, point, false, 1, 1);
        assert_settled(&kit, point, STEP_STATE_PENDING);
        apply_until_done(&kit, plan, point, EXIT_STATUS_DONE);
        assert_effects(&kit, plan, point, true, 2, 1);
        kit_stop(&kit);
        if (!disturbed)
            return;
    }
    fail_msg("there is no end of points");
}

static void a_rollback_that_died_at_any_point_is_finished_exactly_once(void **state)
{
    (void)state;
    rollback_at_every_point(plan_of_three, DEATH);
    rollback_at_every_point(plan_of_fillings, DEATH);
}

static void a_rollback_that_was_cut_at_any_point_is_finished_exactly_once(void **state)
{
    (void)state;
    rollback_at_every_point(plan_of_three, CUT);
    rollback_at_every_point(plan_of_fillings, CUT);
}

/* --resume, from wherever, goes as far back as was asked for: no further, and no less. */
static void resume_at_every_point(struct rollback_options options, const char *kept, enum disturbance disturbance)
{
    for (int point = 1; point < POINTS_MAX; point++) {
        struct kit kit;
        const struct plan *plan;
        struct kit_result result;
        bool disturbed, begun;

        kit_start(&kit);
        plan = plan_seal(&kit.arena, plan_of_three(&kit.arena));
        kit_apply(&kit, plan, (struct run_options){.to = "1"});
        assert_int_equal(kit_apply(&kit, plan, (struct run_options){0}).status, EXIT_STATUS_DONE);
        disturb(&kit, disturbance, point);
        kit_rollback(&kit, plan, options);
        disturbed = kit.world.points >= point;
        begun = false;
        for (size_t t = 0; t < kit.world.target_count; t++)
            for (size_t i = 0; i < kit.world.targets[t].ledger.rows.count; i++)
                begun = begun || kit.world.targets[t].ledger.rows.items[i].event == LEDGER_EVENT_ROLLBACK;
        for (int i = 0; i < RESUMES_MAX; i++) {
            fake_restart(&kit.world);
            result = kit_rollback(&kit, plan, (struct rollback_options){.resume = true});
        }
        assert_int_equal(result.status, EXIT_STATUS_DONE);
        for (size_t i = 0; i < plan->steps.count; i++) {
            const struct plan_step *step = &plan->steps.items[i];
            const struct fake_effect *effect = fake_find_effect(&kit.world, step->id);
            bool stays = !begun || strcmp(step->migration, kept) == 0;

            if (effect->present != stays || effect->times_undone != !stays)
                fail_msg("point %d, step '%s': present %d, undone %d times", point, step->id, effect->present,
                    effect->times_undone);
        }
        kit_stop(&kit);
        if (!disturbed) {
            assert_true(begun);
            return;
        }
    }
    fail_msg("there is no end of points");
}

static void a_rollback_that_is_resumed_goes_as_far_as_was_asked_for(void **state)
{
    static const struct rollback_options to = {.to = "1"}, last = {.last = true};

    (void)state;
    resume_at_every_point(to, "1", DEATH);
    resume_at_every_point(to, "1", CUT);
    resume_at_every_point(to, "1", SIGNAL);
    resume_at_every_point(last, "1", DEATH);
    resume_at_every_point(last, "1", SIGNAL);
}

/* Apply is stopped at a point, and instead of going on it is taken back, which is disturbed as well (0: it is not).
 * Nothing remains then, and no row says that something does. */
static void rollback_after_apply_stopped(plan_maker *make, enum disturbance disturbance, int point, int back_point,
    bool *apply_disturbed, bool *rollback_disturbed)
{
    struct kit kit;
    const struct plan *plan;

    kit_start(&kit);
    plan = plan_seal(&kit.arena, make(&kit.arena));
    disturb(&kit, disturbance, point);
    kit_apply(&kit, plan, (struct run_options){0});
    *apply_disturbed = kit.world.points >= point;
    fake_restart(&kit.world);
    if (back_point) {
        disturb(&kit, disturbance, back_point);
        kit_rollback(&kit, plan, (struct rollback_options){.last = true});
        *rollback_disturbed = kit.world.points >= back_point;
    }
    if (kit.world.targets[0].initialised && kit.world.targets[1].initialised)
        rollback_until_done(&kit, plan, point);
    assert_nothing_remains(&kit, plan, point);
    assert_settled(&kit, point, STEP_STATE_PENDING);
    apply_until_done(&kit, plan, point, EXIT_STATUS_DONE);
    kit_stop(&kit);
}

static void rollback_after_apply_stopped_at_every_point(plan_maker *make, enum disturbance disturbance, bool twice)
{
    bool apply_disturbed = true, rollback_disturbed;
    int point;

    for (point = 1; point < POINTS_MAX && apply_disturbed; point++) {
        rollback_disturbed = twice;
        for (int back_point = twice; back_point == 0 || rollback_disturbed; back_point++) {
            rollback_after_apply_stopped(make, disturbance, point, back_point, &apply_disturbed, &rollback_disturbed);
            if (!twice)
                break;
        }
    }
    assert_true(point > 30);
    assert_false(apply_disturbed);
}

static void an_apply_that_died_at_any_point_can_be_rolled_back(void **state)
{
    (void)state;
    rollback_after_apply_stopped_at_every_point(plan_of_three, DEATH, false);
    rollback_after_apply_stopped_at_every_point(plan_of_fillings, DEATH, false);
    rollback_after_apply_stopped_at_every_point(plan_of_fillings, DEATH, true);
}

static void an_apply_that_was_stopped_by_a_signal_at_any_point_can_be_rolled_back(void **state)
{
    (void)state;
    rollback_after_apply_stopped_at_every_point(plan_of_three, SIGNAL, false);
    rollback_after_apply_stopped_at_every_point(plan_of_fillings, SIGNAL, false);
    rollback_after_apply_stopped_at_every_point(plan_of_fillings, SIGNAL, true);
}

/* One step always fails and the policy is to roll back: wherever the process dies, in the end nothing remains. */
static void roll_back_a_failing_run_at_every_point(plan_maker *make, enum disturbance disturbance, const char *failing)
{
    for (int point = 1; point < POINTS_MAX; point++) {
        struct kit kit;
        struct plan *plan;
        struct kit_result result;
        bool disturbed;

        kit_start(&kit);
        plan = make(&kit.arena);
        plan->policy.on_failure = ON_FAILURE_ROLLBACK;
        plan_seal(&kit.arena, plan);
        fake_fail(&kit.world, failing, -1, EXIT_STATUS_HALTED, "");
        disturb(&kit, disturbance, point);
        result = kit_apply(&kit, plan, (struct run_options){0});
        if (result.status == EXIT_STATUS_ROLLED_BACK)
            assert_nothing_remains(&kit, plan, point);
        disturbed = kit.world.points >= point;
        fake_restart(&kit.world);
        /* A half finished undo has to be finished by word; everything else apply finds out by itself. */
        result = kit_apply(&kit, plan, (struct run_options){0});
        if (result.status == EXIT_STATUS_UNDO_HALTED) {
            assert_int_equal(
                kit_rollback(&kit, plan, (struct rollback_options){.resume = true}).status, EXIT_STATUS_DONE);
            result = kit_apply(&kit, plan, (struct run_options){0});
        }
        if (result.status != EXIT_STATUS_ROLLED_BACK)
            fail_msg("point %d: %d: %s", point, result.status, result.error.message);
        assert_nothing_remains(&kit, plan, point);
        assert_settled(&kit, point, STEP_STATE_PENDING);
        kit_stop(&kit);
        if (!disturbed)
            return;
    }
    fail_msg("there is no end of points");
}

static void a_failing_run_that_died_at_any_point_ends_rolled_back(void **state)
{
    (void)state;
    roll_back_a_failing_run_at_every_point(plan_of_three, DEATH, "3/f/run");
    roll_back_a_failing_run_at_every_point(plan_of_fillings, DEATH, "4/f/run");
}

static void a_run_that_fails_half_way_through_a_gradual_step_ends_rolled_back(void **state)
{
    (void)state;
    roll_back_a_failing_run_at_every_point(plan_of_fillings, DEATH, "2/t/run");
    roll_back_a_failing_run_at_every_point(plan_of_fillings, DEATH, "3/s/run");
    roll_back_a_failing_run_at_every_point(plan_of_fillings, CUT, "2/t/run");
    roll_back_a_failing_run_at_every_point(plan_of_fillings, CUT, "3/s/run");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(death_at_any_point_is_resumed_exactly_once),
        cmocka_unit_test(death_while_the_server_goes_on_is_resumed_exactly_once),
        cmocka_unit_test(a_connection_cut_at_any_point_is_resumed_exactly_once),
        cmocka_unit_test(a_connection_cut_while_the_server_goes_on_is_resumed_exactly_once),
        cmocka_unit_test(a_signal_at_any_point_is_resumed_exactly_once),
        cmocka_unit_test(a_connection_cut_during_the_steps_needs_no_second_apply),
        cmocka_unit_test(a_rollback_that_died_at_any_point_is_finished_exactly_once),
        cmocka_unit_test(a_rollback_that_was_cut_at_any_point_is_finished_exactly_once),
        cmocka_unit_test(an_apply_that_died_at_any_point_can_be_rolled_back),
        cmocka_unit_test(an_apply_that_was_stopped_by_a_signal_at_any_point_can_be_rolled_back),
        cmocka_unit_test(a_failing_run_that_died_at_any_point_ends_rolled_back),
        cmocka_unit_test(a_rollback_that_is_resumed_goes_as_far_as_was_asked_for),
        cmocka_unit_test(a_run_that_fails_half_way_through_a_gradual_step_ends_rolled_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
