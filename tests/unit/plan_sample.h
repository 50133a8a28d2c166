/* A small plan with both engines and most instructions, for tests of what reads, writes, shows and compares plans. */
#ifndef TESTS_UNIT_PLAN_SAMPLE_H
#define TESTS_UNIT_PLAN_SAMPLE_H

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/digest.h"
#include "spec/plan.h"

#define PLAN_SAMPLE_ATTRIBUTES "1709123456789-AddInventoryItemAttributes"
#define PLAN_SAMPLE_EVENTS "1709123456789-CreateInventoryEventsTable"

static inline const struct json *plan_sample_json(struct arena *arena, const char *text)
{
    struct json_error error;
    const struct json *value = json_read(arena, str_from(text), JSON_STRICT, &error);

    if (!value)
        BUG("%s: %s", text, error.message);
    return value;
}

static inline struct plan_step plan_sample_step(struct arena *arena, const char *id, const char *migration,
    const char *target, enum instruction instruction, const char *forward)
{
    return (struct plan_step){
        .id = id,
        .migration = migration,
        .target = target,
        .group = instruction_is_alone(instruction) ? NULL : arena_printf(arena, "%s/1", migration),
        .phase = PHASE_EXPAND,
        .retry = RETRY_LOCK,
        .timeouts = {.lock_ms = 500, .statement_ms = 0, .wait_ms = 300000},
        .span = {.path = "migrations.yaml", .line = 41},
        .source_digest = arena_strdup(arena, digest_of(str_from(id)).hex),
        .action = {.instruction = instruction, .forward = plan_sample_json(arena, forward)},
        .inverse = {.grade = GRADE_EXACT, .action = {.none = true}},
        .estimate_ms = -1,
    };
}

static inline void plan_sample_add_postgres(struct arena *arena, struct plan *plan)
{
    const char *id = PLAN_SAMPLE_ATTRIBUTES;
    struct plan_migration migration = {.id = id, .target = "operational",
        .description = "Free-form attributes for every inventory item",
        .typeorm_name = "AddInventoryItemAttributes1709123456789", .typeorm_timestamp = 1709123456789, .step_count = 3};
    struct plan_step column = plan_sample_step(arena, PLAN_SAMPLE_ATTRIBUTES "/add_column:inventory_items.attributes/add",
        id, "operational", INSTRUCTION_PG_EXEC,
        "{\"sql\":[\"ALTER TABLE public.inventory_items ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}'\"]}");
    struct plan_step backfill = plan_sample_step(arena, PLAN_SAMPLE_ATTRIBUTES "/backfill:inventory_items/update", id,
        "operational", INSTRUCTION_PG_BACKFILL,
        "{\"relation\":\"public.inventory_items\",\"key\":[{\"name\":\"id\",\"type\":\"uuid\"}],"
        "\"set\":\"attributes = jsonb_build_object('brand', 'Unknown')\",\"where\":\"attributes = '{}'\",\"batch\":5000,"
        "\"columns\":[\"attributes\"],\"keep_old\":true}");
    struct plan_step index = plan_sample_step(arena, PLAN_SAMPLE_ATTRIBUTES "/create_index:idx_attributes/create", id,
        "operational", INSTRUCTION_PG_EXEC_ALONE,
        "{\"sql\":\"CREATE INDEX CONCURRENTLY idx_attributes ON public.inventory_items USING gin (attributes)\","
        "\"repair\":\"DROP INDEX CONCURRENTLY IF EXISTS public.idx_attributes\"}");

    column.inverse = (struct plan_inverse){.grade = GRADE_EXACT, .why = "the values of column attributes",
        .guard = plan_sample_json(arena, "{\"sql\":\"SELECT NOT EXISTS (SELECT FROM public.inventory_items WHERE attributes <> '{}')\"}"),
        .action = {.instruction = INSTRUCTION_PG_EXEC, .forward = plan_sample_json(arena,
            "{\"sql\":[\"ALTER TABLE public.inventory_items DROP COLUMN attributes\"]}")}};
    VEC_PUSH(arena, &column.effect, ((struct plan_effect){"table public.inventory_items",
        plan_sample_json(arena, "{\"columns\":[\"id\",\"sku\",\"attributes\"]}")}));
    VEC_PUSH(arena, &column.locks,
        ((struct plan_lock){"public.inventory_items", "AccessExclusiveLock", "reads and writes", false, false}));
    backfill.phase = PHASE_MIGRATE;
    backfill.retry = RETRY_TRANSIENT;
    backfill.estimate_ms = 12500;
    backfill.inverse.action = (struct plan_action){.instruction = INSTRUCTION_PG_BACKFILL,
        .forward = plan_sample_json(arena, "{\"restore\":\"" PLAN_SAMPLE_ATTRIBUTES "/backfill:inventory_items/update\"}")};
    VEC_PUSH(arena, &backfill.locks,
        ((struct plan_lock){"public.inventory_items", "RowExclusiveLock", "nothing", true, false}));
    index.timeouts = (struct plan_timeouts){0, 0, 3600000};
    index.action.probe = plan_sample_json(arena, "{\"sql\":\"SELECT 'done', NULL\"}");
    index.inverse.action = (struct plan_action){.instruction = INSTRUCTION_PG_EXEC_ALONE,
        .forward = plan_sample_json(arena, "{\"sql\":\"DROP INDEX CONCURRENTLY public.idx_attributes\",\"repair\":null}"),
        .probe = plan_sample_json(arena, "{\"sql\":\"SELECT 'not done', NULL\"}")};
    VEC_PUSH(arena, &index.effect, ((struct plan_effect){"index public.idx_attributes", NULL}));
    VEC_PUSH(arena, &index.locks,
        ((struct plan_lock){"public.inventory_items", "ShareUpdateExclusiveLock", "schema changes", true, false}));
    VEC_PUSH(arena, &index.allowed, ((struct plan_allowance){"PG210", "the table is small"}));
    VEC_PUSH(arena, &plan->migrations, migration);
    VEC_PUSH(arena, &plan->steps, column);
    VEC_PUSH(arena, &plan->steps, backfill);
    VEC_PUSH(arena, &plan->steps, index);
}

static inline void plan_sample_add_dynamodb(struct arena *arena, struct plan *plan)
{
    const char *id = PLAN_SAMPLE_EVENTS;
    struct plan_migration migration = {.id = id, .target = "event_store", .first_step = 3, .step_count = 3};
    struct plan_step table = plan_sample_step(arena, PLAN_SAMPLE_EVENTS "/create_table:inventory_events/create", id,
        "event_store", INSTRUCTION_DDB_CALL,
        "{\"action\":\"CreateTable\",\"request\":{\"TableName\":\"inventory_events\",\"BillingMode\":\"PAY_PER_REQUEST\"},"
        "\"wait\":{\"table\":\"inventory_events\",\"index\":null,\"until\":\"active\"}}");
    struct plan_step event = plan_sample_step(arena, PLAN_SAMPLE_EVENTS "/register_event:StockReserved.1/register", id,
        "event_store", INSTRUCTION_EVENT_REGISTER,
        "{\"registry\":\"inventory_event_schemas\",\"event\":\"StockReserved\",\"version\":1,\"compatibility\":\"backward\","
        "\"schema\":{\"type\":\"object\"},\"upcast\":[],\"downcast\":null,"
        "\"digest\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}");
    struct plan_step gate = plan_sample_step(arena, PLAN_SAMPLE_EVENTS "/gate:readers-deployed/pass", id, "event_store",
        INSTRUCTION_GATE, "{\"name\":\"readers-deployed\",\"why\":\"the service reads version 1\"}");

    VEC_PUSH(arena, &migration.after, PLAN_SAMPLE_ATTRIBUTES);
    table.action.probe = plan_sample_json(arena,
        "{\"describe\":\"table\",\"table\":\"inventory_events\",\"index\":null,\"absent\":false,\"expect\":{\"TableStatus\":\"ACTIVE\"}}");
    table.inverse = (struct plan_inverse){.grade = GRADE_LOSSY, .why = "every event in table inventory_events",
        .action = {.instruction = INSTRUCTION_DDB_CALL, .forward = plan_sample_json(arena,
            "{\"action\":\"DeleteTable\",\"request\":{\"TableName\":\"inventory_events\"},"
            "\"wait\":{\"table\":\"inventory_events\",\"index\":null,\"until\":\"absent\"}}")}};
    event.inverse.action = (struct plan_action){.instruction = INSTRUCTION_EVENT_REGISTER, .forward = plan_sample_json(arena,
        "{\"unregister\":true,\"registry\":\"inventory_event_schemas\",\"event\":\"StockReserved\",\"version\":1}")};
    gate.inverse = (struct plan_inverse){.grade = GRADE_IMPOSSIBLE, .why = "readers may depend on it"};
    gate.point_of_no_return = true;
    VEC_PUSH(arena, &plan->migrations, migration);
    VEC_PUSH(arena, &plan->steps, table);
    VEC_PUSH(arena, &plan->steps, event);
    VEC_PUSH(arena, &plan->steps, gate);
}

static inline struct plan *plan_sample(struct arena *arena)
{
    static const struct plan_events events = {"event_store", "inventory_events", "inventoryItemId", "sequenceNumber",
        "eventType", "eventVersion", "inventory_event_schemas"};
    struct plan *plan = ARENA_NEW(arena, struct plan);
    struct plan_target operational = {.name = "operational", .engine = ENGINE_POSTGRES, .version = 15,
        .ledger = "invplan", .typeorm_table = "migrations", .table_prefix = ""};
    struct plan_target store = {.name = "event_store", .engine = ENGINE_DYNAMODB,
        .ledger = "inventory_dynamodb_migrations", .table_prefix = ""};

    plan->project = "inventory-service";
    plan->environment = "staging";
    plan->policy = (struct plan_policy){ON_FAILURE_HALT, 500, 0, 300000, 3600000, 10000, false};
    plan->events = &events;
    plan->notify = plan_sample_json(arena, "{\"sns\":\"${env:NOTIFICATION_TOPIC_ARN}\",\"on\":[\"failure\"]}");
    VEC_PUSH(arena, &operational.connection, ((struct plan_connection_field){"url", "${env:DATABASE_URL}"}));
    VEC_PUSH(arena, &store.connection, ((struct plan_connection_field){"region", "us-east-1"}));
    VEC_PUSH(arena, &plan->targets, operational);
    VEC_PUSH(arena, &plan->targets, store);
    VEC_PUSH(arena, &plan->order, "operational");
    VEC_PUSH(arena, &plan->order, "event_store");
    VEC_PUSH(arena, &plan->required_capabilities, "notify.sns");
    VEC_PUSH(arena, &plan->inputs, ((struct plan_input){"migrations.yaml",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}));
    plan_sample_add_postgres(arena, plan);
    plan_sample_add_dynamodb(arena, plan);
    return plan;
}

/* The sample's bytes. */
static inline struct str plan_sample_text(struct arena *arena)
{
    struct strbuf out = STRBUF_INIT;
    struct str text;

    plan_write(arena, plan_sample(arena), &out);
    text = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return text;
}

/* Replaces the one occurrence of `old` (or aborts) and signs the result anew with the right trailer. */
static inline struct str plan_sample_edit(struct arena *arena, struct str text, const char *old, const char *new)
{
    const char *at = strstr(text.data, old), *trailer;
    struct strbuf out = STRBUF_INIT;
    size_t lines = 0;
    struct str result;

    if (!at || strstr(at + 1, old))
        BUG("'%s' is not there once", old);
    trailer = strstr(text.data, "{\"end\":");
    if (at >= trailer)
        BUG("'%s' is in the trailer", old);
    strbuf_append(&out, text.data, (size_t)(at - text.data));
    strbuf_append_text(&out, new);
    strbuf_append(&out, at + strlen(old), (size_t)(trailer - at) - strlen(old));
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    strbuf_printf(&out, "{\"end\":{\"lines\":%zu,\"digest\":\"%s\"}}\n", lines, digest_of(strbuf_view(&out)).hex);
    result = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return result;
}

#endif
