#include <string.h>

#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

static void add_key_element(struct arena *arena, struct json *schema, struct str name, const char *key_type)
{
    struct json *element = json_new(arena, JSON_OBJECT);

    json_set(arena, element, "AttributeName", json_new_string(arena, name));
    json_set_text(arena, element, "KeyType", key_type);
    json_append(schema, element);
}

static struct json *key_schema(struct arena *arena, const struct ddb_key *key, size_t count)
{
    struct json *schema = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < count; i++)
        add_key_element(arena, schema, key[i].name, i == 0 ? "HASH" : "RANGE");
    return schema;
}

static void define_attributes(struct arena *arena, struct json *definitions, const struct ddb_key *key, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct json *definition;
        bool known = false;

        for (const struct json *other = definitions->child; other; other = other->next)
            known |= str_equal(json_text(json_get(other, "AttributeName")), key[i].name);
        if (known)
            continue;
        definition = json_new(arena, JSON_OBJECT);
        json_set(arena, definition, "AttributeName", json_new_string(arena, key[i].name));
        json_set(arena, definition, "AttributeType", json_new_string(arena, key[i].type));
        json_append(definitions, definition);
    }
}

/* Exactly the attributes that some key uses: the service refuses any other. */
struct json *request_attribute_definitions(struct arena *arena, const struct ddb_table *table)
{
    struct json *definitions = json_new(arena, JSON_ARRAY);

    define_attributes(arena, definitions, table->key.items, table->key.count);
    for (size_t i = 0; i < table->indexes.count; i++)
        define_attributes(arena, definitions, table->indexes.items[i].key.items, table->indexes.items[i].key.count);
    return definitions;
}

struct json *request_throughput(struct arena *arena, const struct ddb_capacity *capacity)
{
    struct json *throughput = json_new(arena, JSON_OBJECT);

    json_set_integer(arena, throughput, "ReadCapacityUnits", capacity->read_units);
    json_set_integer(arena, throughput, "WriteCapacityUnits", capacity->write_units);
    return throughput;
}

struct json *expect_index(struct arena *arena, const struct ddb_table *table, const struct ddb_index *index)
{
    struct json *out = json_new(arena, JSON_OBJECT);

    json_set(arena, out, "IndexName", json_new_string(arena, index->name));
    json_set(arena, out, "KeySchema", key_schema(arena, index->key.items, index->key.count));
    json_set(arena, out, "Projection", json_clone(arena, index->projection));
    if (!index->local && !table->capacity.on_demand)
        json_set(arena, out, "ProvisionedThroughput", request_throughput(arena, &index->capacity));
    return out;
}

/* A request for an index has the same members as its description: BillingMode is the table's alone. */
struct json *request_index(struct arena *arena, const struct ddb_table *table, const struct ddb_index *index)
{
    return expect_index(arena, table, index);
}

static struct json *indexes(struct arena *arena, const struct ddb_table *table, bool local)
{
    struct json *list = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < table->indexes.count; i++)
        if (table->indexes.items[i].local == local)
            json_append(list, request_index(arena, table, &table->indexes.items[i]));
    return list;
}

static struct json *stream(struct arena *arena, const struct ddb_table *table)
{
    struct json *out = json_new(arena, JSON_OBJECT);

    json_set(arena, out, "StreamEnabled", json_new_bool(arena, true));
    json_set_text(arena, out, "StreamViewType", table->stream);
    return out;
}

static struct json *tag_list(struct arena *arena, const struct ddb_table *table)
{
    struct json *list = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < table->tags.count; i++) {
        struct json *tag = json_new(arena, JSON_OBJECT);

        json_set(arena, tag, "Key", json_new_string(arena, table->tags.items[i].key));
        json_set(arena, tag, "Value", json_new_string(arena, table->tags.items[i].value));
        json_append(list, tag);
    }
    return list;
}

struct json *request_create_table(struct arena *arena, const struct ddb_table *table)
{
    struct json *request = json_new(arena, JSON_OBJECT);
    struct json *local = indexes(arena, table, true), *global = indexes(arena, table, false);

    json_set_text(arena, request, "TableName", table->name);
    json_set(arena, request, "AttributeDefinitions", request_attribute_definitions(arena, table));
    json_set(arena, request, "KeySchema", key_schema(arena, table->key.items, table->key.count));
    json_set_text(arena, request, "BillingMode", table->capacity.on_demand ? "PAY_PER_REQUEST" : "PROVISIONED");
    if (!table->capacity.on_demand)
        json_set(arena, request, "ProvisionedThroughput", request_throughput(arena, &table->capacity));
    if (local->count)
        json_set(arena, request, "LocalSecondaryIndexes", local);
    if (global->count)
        json_set(arena, request, "GlobalSecondaryIndexes", global);
    if (table->stream)
        json_set(arena, request, "StreamSpecification", stream(arena, table));
    if (table->table_class)
        json_set_text(arena, request, "TableClass", table->table_class);
    if (table->tags.count)
        json_set(arena, request, "Tags", tag_list(arena, table));
    return request;
}

static void expect_billing(struct arena *arena, struct json *expect, const struct ddb_table *table)
{
    struct json *summary;

    /* A provisioned table has no BillingModeSummary until its mode was changed once, so its units are asked for. */
    if (!table->capacity.on_demand) {
        json_set(arena, expect, "ProvisionedThroughput", request_throughput(arena, &table->capacity));
        return;
    }
    summary = json_new(arena, JSON_OBJECT);
    json_set_text(arena, summary, "BillingMode", "PAY_PER_REQUEST");
    json_set(arena, expect, "BillingModeSummary", summary);
}

struct json *request_index_units(struct arena *arena, const struct ddb_table *table)
{
    struct json *updates = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < table->indexes.count; i++) {
        struct json *update = json_new(arena, JSON_OBJECT), *body = json_new(arena, JSON_OBJECT);
        const struct ddb_index *index = &table->indexes.items[i];

        if (index->local)
            continue;
        json_set(arena, body, "IndexName", json_new_string(arena, index->name));
        json_set(arena, body, "ProvisionedThroughput", request_throughput(arena, &index->capacity));
        json_set(arena, update, "Update", body);
        json_append(updates, update);
    }
    return updates;
}

struct json *expect_index_units(struct arena *arena, const struct ddb_table *table)
{
    struct json *expect = json_new(arena, JSON_OBJECT);

    for (size_t i = 0; i < table->indexes.count; i++) {
        const struct ddb_index *index = &table->indexes.items[i];
        struct json *one = json_new(arena, JSON_OBJECT);

        if (index->local)
            continue;
        json_set(arena, one, "ProvisionedThroughput", request_throughput(arena, &index->capacity));
        json_set_str(arena, expect, index->name, one);
    }
    return expect;
}

struct json *expect_table(struct arena *arena, const struct ddb_table *table)
{
    struct json *expect = json_new(arena, JSON_OBJECT);

    json_set(arena, expect, "AttributeDefinitions", request_attribute_definitions(arena, table));
    json_set(arena, expect, "KeySchema", key_schema(arena, table->key.items, table->key.count));
    expect_billing(arena, expect, table);
    json_set(arena, expect, "LocalSecondaryIndexes", indexes(arena, table, true));
    json_set(arena, expect, "GlobalSecondaryIndexes", indexes(arena, table, false));
    if (table->stream)
        json_set(arena, expect, "StreamSpecification", stream(arena, table));
    return expect;
}

struct json *effect_table(struct arena *arena, const struct ddb_table *table)
{
    struct json *effect = request_create_table(arena, table);

    if (table->encryption)
        json_set_text(arena, effect, "Encryption", table->encryption);
    if (table->ttl_attribute.len)
        json_set(arena, effect, "TimeToLiveAttribute", json_new_string(arena, table->ttl_attribute));
    json_set(arena, effect, "PointInTimeRecovery", json_new_bool(arena, table->pitr));
    json_set(arena, effect, "DeletionProtectionEnabled", json_new_bool(arena, table->deletion_protection));
    return effect;
}

struct json *probe_table(struct arena *arena, const struct ddb_table *table, bool absent, struct json *expect)
{
    struct json *probe = json_new(arena, JSON_OBJECT);

    json_set_text(arena, probe, "describe", "table");
    json_set_text(arena, probe, "table", table->name);
    json_set(arena, probe, "index", json_new(arena, JSON_NULL));
    json_set(arena, probe, "absent", json_new_bool(arena, absent));
    json_set(arena, probe, "expect", expect ? expect : json_new(arena, JSON_OBJECT));
    return probe;
}

struct json *probe_units(struct arena *arena, const struct ddb_table *table)
{
    struct json *expect = json_new(arena, JSON_OBJECT), *indexes_expected = expect_index_units(arena, table);
    struct json *probe = probe_table(arena, table, false, expect), *summary = json_new(arena, JSON_OBJECT);

    json_set_text(arena, summary, "BillingMode", "PROVISIONED"); /* the executor knows it where the service leaves it out */
    json_set(arena, expect, "BillingModeSummary", summary);
    json_set(arena, expect, "ProvisionedThroughput", request_throughput(arena, &table->capacity));
    if (indexes_expected->child)
        json_set(arena, probe, "indexes", indexes_expected);
    return probe;
}

struct json *probe_index(struct arena *arena, const struct ddb_table *table, struct str index, bool absent,
    struct json *expect)
{
    struct json *probe = json_new(arena, JSON_OBJECT);

    json_set_text(arena, probe, "describe", "table");
    json_set_text(arena, probe, "table", table->name);
    json_set(arena, probe, "index", json_new_string(arena, index));
    json_set(arena, probe, "absent", json_new_bool(arena, absent));
    json_set(arena, probe, "expect", expect ? expect : json_new(arena, JSON_OBJECT));
    return probe;
}

struct json *probe_setting(struct arena *arena, const struct ddb_table *table, const char *describe, struct json *expect)
{
    struct json *probe = json_new(arena, JSON_OBJECT);

    json_set_text(arena, probe, "describe", describe);
    json_set_text(arena, probe, "table", table->name);
    json_set(arena, probe, "expect", expect);
    return probe;
}

struct plan_action ddb_call_action(struct arena *arena, const struct ddb_table *table, const struct ddb_call *call,
    struct json *probe)
{
    struct json *forward = json_new(arena, JSON_OBJECT);
    struct json *wait = json_new(arena, call->wait_until ? JSON_OBJECT : JSON_NULL);

    json_set_text(arena, forward, "action", call->action);
    json_set(arena, forward, "request", call->request);
    if (call->wait_until) {
        json_set_text(arena, wait, "table", table->name);
        json_set_text(arena, wait, "index", call->wait_index);
        json_set_text(arena, wait, "until", call->wait_until);
    }
    json_set(arena, forward, "wait", wait);
    if (call->skip_violations)
        json_set(arena, forward, "look_for_violations", json_new_bool(arena, false));
    if (call->put_back)
        json_set_text(arena, forward, "put_back", call->put_back);
    return (struct plan_action){.instruction = INSTRUCTION_DDB_CALL, .forward = forward, .probe = probe};
}

struct lowered_part ddb_part(struct dynamodb_backend *backend, const struct project_step *step, const char *name)
{
    const struct plan_policy *policy = &backend->compilation->plan->policy;
    struct lowered_part part = {.part = name, .span = step->key->span};

    part.step.phase = PHASE_EXPAND;
    part.step.retry = RETRY_TRANSIENT;
    part.step.timeouts.wait_ms = policy->concurrent_wait_ms;
    part.step.estimate_ms = -1;
    return part;
}

void ddb_part_effect(struct dynamodb_backend *backend, struct lowered_part *part, const struct ddb_table *table,
    bool dropped)
{
    struct arena *arena = backend->compilation->arena;
    struct plan_effect effect = {.object = arena_printf(arena, "dynamodb_table %s", table->name)};

    effect.definition = dropped ? NULL : effect_table(arena, table);
    VEC_PUSH(arena, &part->step.effect, effect);
}
