/*
 * Every instruction × every point of the protocol × forward and undo × one death or two: a small plan around a step of
 * the instruction is applied (or undone) by a process that dies at point p, then by one that dies at point q, then by
 * one that lives. Each effect must have come about (or gone) exactly once. The forms of actions are made from the
 * plan's own table, so that an instruction that is new is in here from its first day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "spec/exit.h"
#include "spec/plan_key.h"
#include "tests/unit/executor_run_kit.h"

enum { POINTS_MAX = 400, RESUMES_MAX = 3 };

static const char *const gates[] = {"x"};
static const struct run_options passing = {.pass = gates, .pass_count = 1, .reason = "a test"}, nothing;

/* What the run that is disturbed does. */
enum direction { FORWARD, UNDO };

struct scenario {
    enum instruction instruction;
    enum direction direction;
    bool finish_alone; /* a server that was left alone finishes what it does */
    size_t cases;
};

/* --- the plan ----------------------------------------------------------------------------------------------------- */

static struct json *sample_object(struct arena *arena, enum plan_object object, const char *step);

static struct json *sample_list(struct arena *arena, struct json *element)
{
    struct json *list = json_new(arena, JSON_ARRAY);

    json_append(list, element);
    return list;
}

/* The smallest value that a key can have. */
static struct json *sample_value(struct arena *arena, const struct plan_key *key, const char *step)
{
    switch (key->kind) {
    case PLAN_KIND_DIGEST:
        return json_new_text(arena, digest_of(STR("x")).hex);
    case PLAN_KIND_INTEGER:
        return json_new_integer(arena, 0);
    case PLAN_KIND_COUNT:
        return json_new_integer(arena, 1);
    case PLAN_KIND_BOOL:
        return json_new_bool(arena, false);
    case PLAN_KIND_TRUE:
        return json_new_bool(arena, true);
    case PLAN_KIND_JSON:
    case PLAN_KIND_JSON_OBJECT:
        return json_new(arena, JSON_OBJECT);
    case PLAN_KIND_JSON_LIST:
        return sample_list(arena, json_new(arena, JSON_OBJECT));
    case PLAN_KIND_TEXTS:
        return sample_list(arena, json_new_text(arena, "x"));
    case PLAN_KIND_OBJECT:
        return sample_object(arena, key->of, step);
    case PLAN_KIND_OBJECTS:
        return sample_list(arena, sample_object(arena, key->of, step));
    case PLAN_KIND_STEP_ID:
        return json_new_text(arena, step);
    default:
        return json_new_text(arena, "x");
    }
}

static struct json *sample_object(struct arena *arena, enum plan_object object, const char *step)
{
    struct json *value = json_new(arena, JSON_OBJECT);
    size_t count;
    const struct plan_key *keys = plan_object_keys(object, &count);

    for (size_t i = 0; i < count; i++)
        if (!(keys[i].flags & PLAN_FLAG_OPTIONAL))
            json_set(arena, value, keys[i].name, sample_value(arena, &keys[i], step));
    return value;
}

static bool only_asks(enum instruction instruction)
{
    return instruction == INSTRUCTION_GATE || instruction == INSTRUCTION_BARRIER ||
           str_ends_with(str_from(instruction_name(instruction)), ".assert");
}

static struct plan_action sample_action(
    struct arena *arena, enum instruction instruction, bool inverse, const char *step)
{
    enum plan_object form = plan_forward_form(instruction), probe = plan_probe_form(instruction);

    if (inverse && plan_inverse_form(instruction) != PLAN_OBJECT_NOTHING)
        form = plan_inverse_form(instruction);
    return (struct plan_action){
        .instruction = instruction,
        .forward = sample_object(arena, form, step),
        .probe = probe == PLAN_OBJECT_NOTHING ? NULL : sample_object(arena, probe, step),
    };
}

static void set_repair(struct arena *arena, struct plan_action *action)
{
    struct json *forward = json_clone(arena, action->forward);

    json_set_text(arena, forward, "repair", "x");
    action->forward = forward;
}

static void add_sample(struct arena *arena, struct plan *plan, const char *name, enum instruction instruction)
{
    struct plan_migration *migration = &plan->migrations.items[plan->migrations.count - 1];
    struct plan_step step = {
        .id = arena_printf(arena, "%s/%s/run", migration->id, name),
        .migration = migration->id,
        .target = migration->target,
        .group = instruction_is_alone(instruction) ? NULL : arena_printf(arena, "%s/group", migration->id),
        .retry = RETRY_TRANSIENT,
        .timeouts = {.lock_ms = 500, .wait_ms = 60000},
        .span = {.path = "migrations.yaml", .line = 1},
        .inverse = {.grade = GRADE_EXACT},
        .estimate_ms = -1,
    };

    step.source_digest = arena_strdup(arena, digest_of(str_from(step.id)).hex);
    step.action = sample_action(arena, instruction, false, step.id);
    if (only_asks(instruction))
        step.inverse.action.none = true;
    else
        step.inverse.action = sample_action(arena, instruction, true, step.id);
    /* An optional key, but the one that says what half a statement leaves, forward and back. */
    if (instruction == INSTRUCTION_PG_EXEC_ALONE) {
        set_repair(arena, &step.action);
        set_repair(arena, &step.inverse.action);
    }
    VEC_PUSH(arena, &plan->steps, step);
    migration->step_count++;
}

/* Two of the instruction, with something before and behind them on both targets. */
static const struct plan *make_plan(struct arena *arena, enum instruction instruction)
{
    bool on_store = instruction_engine(instruction) == ENGINE_DYNAMODB;
    struct plan *plan = plan_empty(arena);

    plan_add_migration(arena, plan, "1", on_store ? "db" : "store");
    add_sample(arena, plan, "before", on_store ? INSTRUCTION_PG_EXEC : INSTRUCTION_DDB_CALL);
    plan_add_migration(arena, plan, "2", on_store ? "store" : "db");
    plan_after(arena, plan, "1");
    add_sample(arena, plan, "one", instruction);
    add_sample(arena, plan, "two", instruction);
    plan_add_migration(arena, plan, "3", on_store ? "db" : "store");
    plan_after(arena, plan, "2");
    add_sample(arena, plan, "behind", on_store ? INSTRUCTION_PG_EXEC_ALONE : INSTRUCTION_DDB_CALL);
    return plan_seal(arena, plan);
}

/* --- what must be so in the end ----------------------------------------------------------------------------------- */

static void assert_world(struct kit *kit, const struct plan *plan, const struct scenario *on, int first, int second)
{
    bool present = on->direction == FORWARD;

    for (size_t i = 0; i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];
        const struct fake_effect *effect = fake_find_effect(&kit->world, step->id);
        bool runs = step->action.instruction != INSTRUCTION_GATE && step->action.instruction != INSTRUCTION_BARRIER;
        bool stays = present || step->inverse.action.none;
        bool gradual = instruction_is_gradual(step->action.instruction);

        if (effect->times_applied != runs || effect->times_undone != !stays || effect->half ||
            effect->present != (runs && stays) || effect->pieces != (stays && gradual ? FAKE_PIECES : 0))
            fail_msg(
                "%s, points %d and %d, step '%s': present %d, pieces %d, half %d, applied %d times, undone %d times",
                instruction_name(on->instruction), first, second, step->id, effect->present, effect->pieces,
                effect->half, effect->times_applied, effect->times_undone);
    }
}

static void assert_ledgers(struct kit *kit, const struct scenario *on, int first, int second)
{
    for (size_t t = 0; t < kit->world.target_count; t++) {
        const struct fake_target *target = &kit->world.targets[t];
        struct ledger_state state;
        const struct map_entry *entry;
        struct error error;

        if (!ledger_verify(&target->ledger, &error))
            fail_msg("%s, points %d and %d: %s", instruction_name(on->instruction), first, second, error.message);
        if (target->lease.held)
            fail_msg("%s, points %d and %d: a lease is left", instruction_name(on->instruction), first, second);
        ledger_fold(&kit->arena, &target->ledger, &state);
        for (size_t i = 0; map_next(&state.steps, &i, &entry);)
            if (((const struct ledger_step *)entry->value)->state !=
                (on->direction == FORWARD ? STEP_STATE_APPLIED : STEP_STATE_PENDING))
                fail_msg("%s, points %d and %d: step '%.*s' is not settled", instruction_name(on->instruction), first,
                    second, STR_ARG(entry->key));
    }
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static struct kit_result apply(struct kit *kit, const struct plan *plan, const struct scenario *on)
{
    return kit_apply(kit, plan, on->instruction == INSTRUCTION_GATE ? passing : nothing);
}

static struct kit_result run_once(struct kit *kit, const struct plan *plan, const struct scenario *on)
{
    return on->direction == FORWARD ? apply(kit, plan, on)
                                    : kit_rollback(kit, plan, (struct rollback_options){.last = true});
}

/* Dies at the point, if it comes so far. */
static bool run_and_die(struct kit *kit, const struct plan *plan, const struct scenario *on, int point)
{
    bool died;

    kit->world.points = 0;
    kit->world.die_at = point;
    run_once(kit, plan, on);
    died = kit->world.dead;
    fake_restart(&kit->world);
    return died;
}

/* second 0: there is no second death. */
static void run_case(struct scenario *on, int first, int second, bool *first_died, bool *second_died)
{
    struct kit kit;
    const struct plan *plan;
    struct kit_result result = {0};

    kit_start(&kit);
    plan = make_plan(&kit.arena, on->instruction);
    if (on->direction == UNDO)
        assert_int_equal(apply(&kit, plan, on).status, EXIT_STATUS_DONE);
    kit.world.finish_alone = on->finish_alone;
    *first_died = run_and_die(&kit, plan, on, first);
    *second_died = second && run_and_die(&kit, plan, on, second);
    for (int i = 0; i < RESUMES_MAX; i++) {
        fake_restart(&kit.world);
        result = run_once(&kit, plan, on);
        if (result.status == EXIT_STATUS_DONE)
            break;
    }
    if (result.status != EXIT_STATUS_DONE)
        fail_msg("%s, points %d and %d: ends with %d: %s", instruction_name(on->instruction), first, second,
            result.status, result.error.message);
    assert_world(&kit, plan, on, first, second);
    assert_ledgers(&kit, on, first, second);
    kit_stop(&kit);
    on->cases++;
}

static void run_scenario(struct scenario *on)
{
    bool first_died = true, second_died;

    for (int first = 1; first_died; first++) {
        assert_true(first < POINTS_MAX);
        run_case(on, first, 0, &first_died, &second_died);
        second_died = first_died;
        for (int second = 1; second_died; second++) {
            assert_true(second < POINTS_MAX);
            run_case(on, first, second, &first_died, &second_died);
        }
    }
}

static void run_instructions(enum direction direction, bool finish_alone)
{
    for (int i = 0; i < INSTRUCTION_COUNT; i++) {
        struct scenario on = {.instruction = (enum instruction)i, .direction = direction, .finish_alone = finish_alone};

        if (finish_alone && (!instruction_is_alone(on.instruction) || instruction_is_gradual(on.instruction)))
            continue;
        run_scenario(&on);
        printf("# %s, %s%s: %zu cases\n", instruction_name(on.instruction), direction == FORWARD ? "forward" : "undo",
            finish_alone ? ", the server goes on alone" : "", on.cases);
        assert_true(on.cases > 200);
    }
}

static void every_instruction_survives_one_death_and_two_forward(void **state)
{
    (void)state;
    run_instructions(FORWARD, false);
}

static void every_instruction_survives_while_the_server_goes_on_alone(void **state)
{
    (void)state;
    run_instructions(FORWARD, true);
}

static void every_instruction_survives_one_death_and_two_undoing(void **state)
{
    (void)state;
    run_instructions(UNDO, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_survives_one_death_and_two_forward),
        cmocka_unit_test(every_instruction_survives_while_the_server_goes_on_alone),
        cmocka_unit_test(every_instruction_survives_one_death_and_two_undoing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
