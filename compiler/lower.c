#include "compiler/lower.h"

#include "spec/base/arena.h"

void lower_outside(struct compilation *compilation, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = compilation->arena;
    struct json *forward = json_new(arena, JSON_OBJECT);
    struct lowered_part part = {.part = step->kind == STEP_GATE ? "gate" : "barrier", .span = step->key->span};

    part.step.action.instruction = step->kind == STEP_GATE ? INSTRUCTION_GATE : INSTRUCTION_BARRIER;
    if (step->kind == STEP_GATE) {
        json_set(arena, forward, "name", json_new_string(arena, node_text(node_get(step->body, "name"))));
        json_set(arena, forward, "why", json_new_string(arena, node_text(node_get(step->body, "why"))));
    }
    part.step.action.forward = forward;
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action.none = true;
    part.step.phase = PHASE_MIGRATE;
    part.step.retry = RETRY_NEVER;
    part.step.estimate_ms = 0;
    VEC_PUSH(arena, &out->items, part);
}

const struct project_allowance *allowance_use(const struct project_migration *migration, const char *rule)
{
    for (size_t i = 0; i < migration->allow.count; i++) {
        struct project_allowance *allowance = &migration->allow.items[i];

        if (str_is(str_from(allowance->rule), rule)) {
            allowance->used = true;
            return allowance;
        }
    }
    return NULL;
}
