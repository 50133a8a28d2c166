/* A plan of two targets with transaction groups and steps that run alone, for tests of the executor, and the small
 * changes to it that tests want. */
#ifndef TESTS_UNIT_EXECUTOR_PLAN_H
#define TESTS_UNIT_EXECUTOR_PLAN_H

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/digest.h"
#include "spec/plan.h"

static inline const struct json *plan_json(struct arena *arena, const char *text)
{
    struct json_error error;
    const struct json *value = json_read(arena, str_from(text), JSON_STRICT, &error);

    if (!value)
        BUG("%s: %s", text, error.message);
    return value;
}

static inline void plan_add_migration(struct arena *arena, struct plan *plan, const char *id, const char *target)
{
    VEC_PUSH(arena, &plan->migrations,
        ((struct plan_migration){.id = id, .target = target, .first_step = plan->steps.count}));
}

/* The last migration comes after this one. */
static inline void plan_after(struct arena *arena, struct plan *plan, const char *id)
{
    struct plan_migration *migration = &plan->migrations.items[plan->migrations.count - 1];

    VEC_PUSH(arena, &migration->after, id);
}

/* Appends a step to the last migration. Its id is MIGRATION/NAME/run; it makes the object "table NAME". */
static inline struct plan_step *plan_add_step(
    struct arena *arena, struct plan *plan, const char *name, enum instruction instruction)
{
    struct plan_migration *migration = &plan->migrations.items[plan->migrations.count - 1];
    bool alone = instruction_is_alone(instruction);
    struct plan_step step = {
        .id = arena_printf(arena, "%s/%s/run", migration->id, name),
        .migration = migration->id,
        .target = migration->target,
        .group = alone ? NULL : arena_printf(arena, "%s/group", migration->id),
        .phase = PHASE_EXPAND,
        .retry = RETRY_TRANSIENT,
        .timeouts = {.lock_ms = 500, .wait_ms = 60000},
        .span = {.path = "migrations.yaml", .line = 1},
        .action = {.instruction = instruction},
        .inverse = {.grade = GRADE_EXACT, .action = {.instruction = instruction}},
        .estimate_ms = -1,
    };

    step.source_digest = arena_strdup(arena, digest_of(str_from(step.id)).hex);
    switch (instruction) {
    case INSTRUCTION_PG_EXEC:
        step.action.forward = plan_json(arena, arena_printf(arena, "{\"sql\":[\"CREATE TABLE %s ()\"]}", name));
        step.inverse.action.forward = plan_json(arena, arena_printf(arena, "{\"sql\":[\"DROP TABLE %s\"]}", name));
        step.inverse.guard = plan_json(arena, arena_printf(arena, "{\"sql\":\"SELECT NOT EXISTS (TABLE %s)\"}", name));
        break;
    case INSTRUCTION_PG_EXEC_ALONE:
        step.action.forward = plan_json(arena,
            arena_printf(arena, "{\"sql\":\"CREATE INDEX CONCURRENTLY %s\",\"repair\":\"DROP INDEX %s\"}", name, name));
        step.action.probe = plan_json(arena, "{\"sql\":\"SELECT 'done', NULL\"}");
        step.inverse.action.forward =
            plan_json(arena, arena_printf(arena, "{\"sql\":\"DROP INDEX CONCURRENTLY %s\",\"repair\":null}", name));
        step.inverse.action.probe = plan_json(arena, "{\"sql\":\"SELECT 'done', NULL\"}");
        break;
    case INSTRUCTION_PG_BACKFILL: /* of the relation that it is named after */
        step.action.forward =
            plan_json(arena, arena_printf(arena,
                                 "{\"relation\":\"%s\",\"key\":[{\"name\":\"id\",\"type\":\"uuid\"}],\"set\":\"x = 1\","
                                 "\"where\":null,\"batch\":10,\"columns\":[\"x\"],\"keep_old\":true}",
                                 name));
        step.inverse.action.forward = plan_json(arena, arena_printf(arena, "{\"restore\":\"%s\"}", step.id));
        break;
    case INSTRUCTION_DDB_PUT_ITEMS: /* into the table that it is named after */
        step.action.forward = plan_json(
            arena, arena_printf(arena, "{\"table\":\"%s\",\"items\":[{\"id\":{\"S\":\"1\"}}],\"key\":[\"id\"]}", name));
        step.inverse.action.forward = plan_json(arena, arena_printf(arena, "{\"remove\":\"%s\"}", step.id));
        break;
    case INSTRUCTION_DDB_CALL:
        step.action.forward = plan_json(arena,
            arena_printf(arena, "{\"action\":\"CreateTable\",\"request\":{\"TableName\":\"%s\"},\"wait\":null}", name));
        step.action.probe = plan_json(arena,
            arena_printf(arena,
                "{\"describe\":\"table\",\"table\":\"%s\",\"index\":null,\"absent\":false,\"expect\":{}}", name));
        step.inverse.action.forward = plan_json(arena,
            arena_printf(arena, "{\"action\":\"DeleteTable\",\"request\":{\"TableName\":\"%s\"},\"wait\":null}", name));
        step.inverse.action.probe = plan_json(
            arena, arena_printf(arena,
                       "{\"describe\":\"table\",\"table\":\"%s\",\"index\":null,\"absent\":true,\"expect\":{}}", name));
        break;
    case INSTRUCTION_GATE:
        step.action.forward =
            plan_json(arena, arena_printf(arena, "{\"name\":\"%s\",\"why\":\"it is deployed\"}", name));
        step.inverse.action = (struct plan_action){.none = true};
        break;
    case INSTRUCTION_BARRIER:
        step.action.forward = plan_json(arena, "{}");
        step.inverse.action = (struct plan_action){.none = true};
        break;
    default:
        BUG("no sample for '%s'", instruction_name(instruction));
    }
    if (instruction != INSTRUCTION_GATE && instruction != INSTRUCTION_BARRIER)
        VEC_PUSH(arena, &step.effect,
            ((struct plan_effect){arena_printf(arena, "table %s", name),
                plan_json(arena, "{\"columns\":{\"id\":{\"type\":\"uuid\"}}}")}));
    VEC_PUSH(arena, &plan->steps, step);
    migration->step_count++;
    return &plan->steps.items[plan->steps.count - 1];
}

static inline struct plan *plan_empty(struct arena *arena)
{
    struct plan *plan = ARENA_NEW(arena, struct plan);
    struct plan_target db = {
        .name = "db", .engine = ENGINE_POSTGRES, .version = 15, .ledger = "invplan", .table_prefix = ""};
    struct plan_target store = {.name = "store", .engine = ENGINE_DYNAMODB, .ledger = "registry", .table_prefix = ""};

    plan->project = "shop";
    plan->environment = "test";
    plan->policy = (struct plan_policy){ON_FAILURE_HALT, 500, 0, 5000, 60000, 0, true};
    VEC_PUSH(arena, &plan->targets, db);
    VEC_PUSH(arena, &plan->targets, store);
    VEC_PUSH(arena, &plan->order, "db");
    VEC_PUSH(arena, &plan->order, "store");
    return plan;
}

/* Fills digests and lines: after the last change. */
static inline struct plan *plan_seal(struct arena *arena, struct plan *plan)
{
    struct strbuf text = STRBUF_INIT;
    struct plan_step *step = plan->steps.items;

    plan_write(arena, plan, &text);
    for (const char *at = text.data, *end = strchr(at, '\n'); end; at = end + 1, end = strchr(at, '\n'))
        if (strncmp(at, "{\"step\":", 8) == 0)
            (step++)->line = str_copy(arena, (struct str){at, (size_t)(end - at)});
    strbuf_free(&text);
    return plan;
}

/* 1: a group of two and an index on db; 2: a table on store, after 1; 3: a group of one and an index on db. */
static inline struct plan *plan_of_three(struct arena *arena)
{
    struct plan *plan = plan_empty(arena);

    plan_add_migration(arena, plan, "1", "db");
    plan_add_step(arena, plan, "a", INSTRUCTION_PG_EXEC);
    plan_add_step(arena, plan, "b", INSTRUCTION_PG_EXEC);
    plan_add_step(arena, plan, "c", INSTRUCTION_PG_EXEC_ALONE);
    plan_add_migration(arena, plan, "2", "store");
    plan_after(arena, plan, "1");
    plan_add_step(arena, plan, "d", INSTRUCTION_DDB_CALL);
    plan_add_migration(arena, plan, "3", "db");
    plan_after(arena, plan, "2");
    plan_add_step(arena, plan, "e", INSTRUCTION_PG_EXEC);
    plan_add_step(arena, plan, "f", INSTRUCTION_PG_EXEC_ALONE);
    return plan;
}

/* Steps whose effect is gradual: 1 makes a table, 2 fills it, 3 seeds a table on store after that, 4 is an index. */
static inline struct plan *plan_of_fillings(struct arena *arena)
{
    struct plan *plan = plan_empty(arena);

    plan_add_migration(arena, plan, "1", "db");
    plan_add_step(arena, plan, "t", INSTRUCTION_PG_EXEC);
    plan_add_migration(arena, plan, "2", "db");
    plan_after(arena, plan, "1");
    plan_add_step(arena, plan, "t", INSTRUCTION_PG_BACKFILL)->effect.count = 0;
    plan_add_migration(arena, plan, "3", "store");
    plan_after(arena, plan, "2");
    plan_add_step(arena, plan, "d", INSTRUCTION_DDB_CALL);
    plan_add_step(arena, plan, "s", INSTRUCTION_DDB_PUT_ITEMS)->effect.count = 0;
    plan_add_migration(arena, plan, "4", "db");
    plan_after(arena, plan, "3");
    plan_add_step(arena, plan, "f", INSTRUCTION_PG_EXEC_ALONE);
    return plan;
}

#endif
