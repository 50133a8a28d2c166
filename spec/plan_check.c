/* What must hold in a plan beyond the keys of each line: references, order, and the forms of actions. */
#include <string.h>

#include "spec/plan_reader.h"

static const char *const capabilities[] = {
#define CAPABILITY_ROW(name, text, supported, doc) text,
#include "spec/capability.def"
#undef CAPABILITY_ROW
};

enum { CAPABILITY_COUNT = sizeof(capabilities) / sizeof(capabilities[0]) };

static bool check_capabilities(struct plan_reader *reader)
{
    const struct plan *plan = reader->plan;

    for (size_t i = 0; i < plan->required_capabilities.count; i++) {
        const char *name = plan->required_capabilities.items[i];
        size_t known = 0;

        while (known < CAPABILITY_COUNT && strcmp(capabilities[known], name) != 0)
            known++;
        if (known == CAPABILITY_COUNT) {
            plan_reader_fail(reader, NULL, "the plan asks for capability '%.100s', which this version of invplan does not know",
                name);
            error_help(reader->error, "use the version of invplan that compiled it, or compile it again with this one");
            return false;
        }
    }
    return true;
}

static size_t count_name(const char *const *names, size_t count, const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += strcmp(names[i], name) == 0;
    return found;
}

static bool check_targets(struct plan_reader *reader)
{
    const struct plan *plan = reader->plan;

    for (size_t i = 0; i < plan->targets.count; i++) {
        const struct plan_target *target = &plan->targets.items[i];

        if (plan_find_target(plan, target->name) != target)
            return PLAN_READER_FAIL(reader, NULL, "two targets have the name '%.100s'", target->name);
        if (count_name(plan->order.items, plan->order.count, target->name) != 1)
            return PLAN_READER_FAIL(reader, NULL, "'order' must name target '%.100s' once", target->name);
    }
    for (size_t i = 0; i < plan->order.count; i++)
        if (!plan_find_target(plan, plan->order.items[i]))
            return PLAN_READER_FAIL(reader, NULL, "'order' names '%.100s', which is no target", plan->order.items[i]);
    return true;
}

bool plan_check_header(struct plan_reader *reader)
{
    const struct plan_events *events = reader->plan->events;
    const struct plan_target *store;

    if (!check_targets(reader) || !check_capabilities(reader))
        return false;
    if (!events)
        return true;
    store = plan_find_target(reader->plan, events->target);
    if (!store || store->engine != ENGINE_DYNAMODB)
        return PLAN_READER_FAIL(reader, NULL, "'events' names '%.100s', which is no target on dynamodb", events->target);
    return true;
}

bool plan_check_migration(struct plan_reader *reader)
{
    struct plan *plan = reader->plan;
    const struct plan_migration *migration = &plan->migrations.items[plan->migrations.count - 1];

    if (!plan_find_target(plan, migration->target))
        return PLAN_READER_FAIL(reader, NULL, "migration '%.200s' is on '%.100s', which is no target", migration->id,
            migration->target);
    for (size_t i = 0; i < migration->after.count; i++)
        if (!plan_find_migration(plan, migration->after.items[i]))
            return PLAN_READER_FAIL(reader, NULL, "migration '%.200s' comes after '%.200s', which does not stand before it",
                migration->id, migration->after.items[i]);
    if (!plan_index_migration(plan, plan->migrations.count - 1))
        return PLAN_READER_FAIL(reader, NULL, "migration '%.200s' is there twice", migration->id);
    return true;
}

/* "MIGRATION/" and something behind it. */
static bool is_step_of(const char *id, const char *migration)
{
    size_t len = strlen(migration);

    return strncmp(id, migration, len) == 0 && id[len] == '/' && id[len + 1];
}

static bool check_group(struct plan_reader *reader, const struct plan_step *step)
{
    const struct plan *plan = reader->plan;
    const struct plan_step *before = plan->steps.count > 1 ? &plan->steps.items[plan->steps.count - 2] : NULL;

    if (!step->group)
        return true;
    if (before && before->group && strcmp(before->group, step->group) == 0) {
        if (strcmp(before->target, step->target) != 0)
            return PLAN_READER_FAIL(reader, NULL, "group '%.200s' has steps on two targets", step->group);
        return true;
    }
    if (map_put(&reader->groups, str_from(step->group), reader))
        return PLAN_READER_FAIL(reader, NULL, "the steps of group '%.200s' are not consecutive", step->group);
    return true;
}

static bool check_engine(struct plan_reader *reader, const struct plan_step *step, const struct plan_target *target,
    const struct plan_action *action)
{
    enum engine engine = instruction_engine(action->instruction);

    if (engine != ENGINE_ANY && engine != target->engine)
        return PLAN_READER_FAIL(reader, NULL, "step '%.200s' has instruction '%s', but target '%.100s' is %s", step->id,
            instruction_name(action->instruction), target->name, engine_name(target->engine));
    return true;
}

bool plan_check_step_outline(struct plan_reader *reader, const struct plan_step *step)
{
    struct plan *plan = reader->plan;
    const struct plan_migration *migration = &plan->migrations.items[plan->migrations.count - 1];

    if (strcmp(step->migration, migration->id) != 0)
        return PLAN_READER_FAIL(reader, NULL, "step '%.200s' of migration '%.200s' stands below migration '%.200s'",
            step->id, step->migration, migration->id);
    if (strcmp(step->target, migration->target) != 0)
        return PLAN_READER_FAIL(reader, NULL, "step '%.200s' is on target '%.100s', its migration on '%.100s'", step->id,
            step->target, migration->target);
    if (!plan_index_step(plan, plan->steps.count - 1))
        return PLAN_READER_FAIL(reader, NULL, "step '%.200s' is there twice", step->id);
    return check_group(reader, step);
}

bool plan_check_step_rest(struct plan_reader *reader, const struct plan_step *step)
{
    const struct plan_target *target = plan_find_target(reader->plan, step->target);

    if (!check_engine(reader, step, target, &step->action))
        return false;
    if (step->inverse.grade != GRADE_IMPOSSIBLE && !step->inverse.action.none &&
        !check_engine(reader, step, target, &step->inverse.action))
        return false;
    return plan_check_step_alone(reader, step);
}

bool plan_check_step(struct plan_reader *reader, const struct plan_step *step)
{
    return plan_check_step_outline(reader, step) && plan_check_step_rest(reader, step);
}

static bool check_probe(struct plan_reader *reader, const struct plan_place *up, const struct plan_action *action)
{
    struct plan_place place = {up, "probe", PLAN_PLACE_KEY};
    enum plan_object form = plan_probe_form(action->instruction);

    if (!action->probe)
        return true;
    if (form == PLAN_OBJECT_NOTHING)
        return PLAN_READER_FAIL(reader, &place, "must be null: '%s' probes by what it is",
            instruction_name(action->instruction));
    return plan_value_check(reader, &place, action->probe, form);
}

static bool check_action(struct plan_reader *reader, const struct plan_place *place, const struct plan_action *action,
    enum plan_object form)
{
    struct plan_place forward = {place, "forward", PLAN_PLACE_KEY};

    return plan_value_check(reader, &forward, action->forward, form) && check_probe(reader, place, action);
}

/* The form of an inverse: the instruction's own for inverses, where it has one and the first key tells. */
static enum plan_object inverse_form(const struct plan_action *action)
{
    enum plan_object form = plan_inverse_form(action->instruction);
    size_t count;

    if (form != PLAN_OBJECT_NOTHING && json_get(action->forward, plan_object_keys(form, &count)->name))
        return form;
    return plan_forward_form(action->instruction);
}

static bool check_inverse(struct plan_reader *reader, const struct plan_step *step)
{
    const struct plan_inverse *inverse = &step->inverse;
    struct plan_place place = {NULL, "inverse", PLAN_PLACE_KEY};
    struct plan_place guard = {&place, "guard", PLAN_PLACE_KEY}, action = {&place, "action", PLAN_PLACE_KEY};

    if (inverse->grade != GRADE_EXACT && !inverse->why)
        return PLAN_READER_FAIL(reader, &place, "grade '%s' must have a 'why'", grade_name(inverse->grade));
    if (inverse->grade != GRADE_EXACT && inverse->guard)
        return PLAN_READER_FAIL(reader, &guard, "must be null where the grade is '%s'", grade_name(inverse->grade));
    if (inverse->guard) {
        enum plan_object form = plan_guard_form(instruction_engine(step->action.instruction));

        if (form == PLAN_OBJECT_NOTHING)
            return PLAN_READER_FAIL(reader, &guard, "must be null for '%s'", instruction_name(step->action.instruction));
        if (!plan_value_check(reader, &guard, inverse->guard, form))
            return false;
    }
    if (inverse->grade == GRADE_IMPOSSIBLE || inverse->action.none)
        return true;
    return check_action(reader, &action, &inverse->action, inverse_form(&inverse->action));
}

bool plan_check_step_alone(struct plan_reader *reader, const struct plan_step *step)
{
    struct plan_place action = {NULL, "action", PLAN_PLACE_KEY};
    bool alone = instruction_is_alone(step->action.instruction);

    if (!is_step_of(step->id, step->migration))
        return PLAN_READER_FAIL(reader, NULL, "step '%.200s' must be named 'MIGRATION/NAME/PART' with migration '%.200s'",
            step->id, step->migration);
    if (alone != !step->group)
        return PLAN_READER_FAIL(reader, NULL, "step '%.200s': '%s' %s", step->id,
            instruction_name(step->action.instruction),
            alone ? "runs alone and can have no group" : "runs in a transaction and must have a group");
    if (!check_action(reader, &action, &step->action, plan_forward_form(step->action.instruction)) ||
        !check_inverse(reader, step))
        return false;
    if (strcmp(plan_effect_digest(step).hex, step->effect_digest) != 0)
        return PLAN_READER_FAIL(reader, NULL, "step '%.200s': its effect_digest does not match what it runs", step->id);
    return true;
}
