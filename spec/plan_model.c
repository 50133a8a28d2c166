/* The names of a plan's enumerations, and lookups in it. */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/map.h"
#include "spec/plan.h"
#include "spec/plan_key.h"

static const struct {
    const char *name;
    enum engine engine;
    bool alone;
    bool gradual;
} instructions[INSTRUCTION_COUNT] = {
#define INSTRUCTION_ROW(name, text, engine, alone, gradual, doc)                                                       \
    [INSTRUCTION_##name] = {(text), ENGINE_##engine, (alone), (gradual)},
#include "spec/instruction.def"
#undef INSTRUCTION_ROW
};

static const char *const instruction_names[INSTRUCTION_COUNT] = {
#define INSTRUCTION_ROW(name, text, engine, alone, gradual, doc) [INSTRUCTION_##name] = (text),
#include "spec/instruction.def"
#undef INSTRUCTION_ROW
};

static const char *const engine_names[] = {
    [ENGINE_ANY] = NULL, [ENGINE_POSTGRES] = "postgres", [ENGINE_DYNAMODB] = "dynamodb"};
static const char *const phase_names[] = {
    [PHASE_EXPAND] = "expand", [PHASE_MIGRATE] = "migrate", [PHASE_CONTRACT] = "contract"};
static const char *const retry_names[] = {
    [RETRY_NEVER] = "never", [RETRY_LOCK] = "lock", [RETRY_TRANSIENT] = "transient"};
static const char *const grade_names[] = {
    [GRADE_EXACT] = "exact", [GRADE_LOSSY] = "lossy", [GRADE_IMPOSSIBLE] = "impossible"};
static const char *const on_failure_names[] = {[ON_FAILURE_HALT] = "halt", [ON_FAILURE_ROLLBACK] = "rollback"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const *plan_kind_names(enum plan_kind kind, size_t *count)
{
    switch (kind) {
    case PLAN_KIND_ENGINE:
        *count = COUNT(engine_names);
        return engine_names;
    case PLAN_KIND_PHASE:
        *count = COUNT(phase_names);
        return phase_names;
    case PLAN_KIND_RETRY:
        *count = COUNT(retry_names);
        return retry_names;
    case PLAN_KIND_GRADE:
        *count = COUNT(grade_names);
        return grade_names;
    case PLAN_KIND_ON_FAILURE:
        *count = COUNT(on_failure_names);
        return on_failure_names;
    case PLAN_KIND_INSTRUCTION:
        *count = COUNT(instruction_names);
        return instruction_names;
    default:
        *count = 0;
        return NULL;
    }
}

const char *instruction_name(enum instruction instruction)
{
    return instructions[instruction].name;
}

enum engine instruction_engine(enum instruction instruction)
{
    return instructions[instruction].engine;
}

bool instruction_is_alone(enum instruction instruction)
{
    return instructions[instruction].alone;
}

bool instruction_is_gradual(enum instruction instruction)
{
    return instructions[instruction].gradual;
}

bool instruction_from_name(struct str name, enum instruction *out)
{
    for (size_t i = 0; i < INSTRUCTION_COUNT; i++)
        if (str_is(name, instructions[i].name)) {
            *out = (enum instruction)i;
            return true;
        }
    return false;
}

const char *engine_name(enum engine engine)
{
    return engine == ENGINE_ANY ? "any" : engine_names[engine];
}

const char *phase_name(enum phase phase)
{
    return phase_names[phase];
}

const char *plan_typeorm_name(struct arena *arena, const char *migration, int64_t *timestamp)
{
    const char *dash = strchr(migration, '-');
    struct str digits;

    *timestamp = 0;
    if (!dash || !dash[1])
        return NULL;
    digits = (struct str){migration, (size_t)(dash - migration)};
    if (digits.len == 0 || digits.data[0] == '0' || !str_to_i64(digits, timestamp))
        return NULL;
    return arena_printf(arena, "%s%lld", dash + 1, (long long)*timestamp);
}

bool phase_from_name(struct str name, enum phase *out)
{
    for (size_t i = 0; i < COUNT(phase_names); i++)
        if (str_is(name, phase_names[i])) {
            *out = (enum phase)i;
            return true;
        }
    return false;
}

const char *retry_class_name(enum retry_class retry)
{
    return retry_names[retry];
}

const char *grade_name(enum grade grade)
{
    return grade_names[grade];
}

/* From ids to positions, each a size_t. */
struct plan_index {
    struct map migrations;
    struct map steps;
};

void plan_index_init(struct arena *arena, struct plan *plan)
{
    plan->index = ARENA_NEW(arena, struct plan_index);
    map_init(&plan->index->migrations, arena);
    map_init(&plan->index->steps, arena);
}

static bool add_position(struct map *map, const char *id, size_t position)
{
    size_t *value = ARENA_NEW(map->arena, size_t);

    *value = position;
    return map_put(map, str_from(id), value) == NULL;
}

bool plan_index_migration(struct plan *plan, size_t position)
{
    return add_position(&plan->index->migrations, plan->migrations.items[position].id, position);
}

bool plan_index_step(struct plan *plan, size_t position)
{
    return add_position(&plan->index->steps, plan->steps.items[position].id, position);
}

const struct plan_target *plan_find_target(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->targets.count; i++)
        if (strcmp(plan->targets.items[i].name, name) == 0)
            return &plan->targets.items[i];
    return NULL;
}

const struct plan_migration *plan_find_migration(const struct plan *plan, const char *id)
{
    if (plan->index) {
        const size_t *position = map_get(&plan->index->migrations, str_from(id));

        return position ? &plan->migrations.items[*position] : NULL;
    }
    for (size_t i = 0; i < plan->migrations.count; i++)
        if (strcmp(plan->migrations.items[i].id, id) == 0)
            return &plan->migrations.items[i];
    return NULL;
}

const struct plan_step *plan_find_step(const struct plan *plan, const char *id)
{
    if (plan->index) {
        const size_t *position = map_get(&plan->index->steps, str_from(id));

        return position ? &plan->steps.items[*position] : NULL;
    }
    for (size_t i = 0; i < plan->steps.count; i++)
        if (strcmp(plan->steps.items[i].id, id) == 0)
            return &plan->steps.items[i];
    return NULL;
}
