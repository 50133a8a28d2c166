/*
 * How an object is now, in a form that compares well: what the service adds by itself (sizes, counts, times, ARNs) is left
 * out, lists without an order are sorted, defaults are spelled out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "executor/events/events.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

static int compare_members(const void *left, const void *right)
{
    const struct json *const *a = left, *const *b = right;

    return str_compare((*a)->key, (*b)->key);
}

/* The same members, by name. */
static struct json *sorted(struct arena *arena, const struct json *object)
{
    const struct json **members = ARENA_ARRAY(arena, const struct json *, object->count + 1);
    struct json *out = json_new(arena, JSON_OBJECT);
    size_t count = 0;

    for (const struct json *member = object->child; member; member = member->next)
        members[count++] = member;
    qsort(members, count, sizeof(const struct json *), compare_members);
    for (size_t i = 0; i < count; i++)
        json_set(arena, out, members[i]->key.data, json_clone(arena, members[i]));
    return out;
}

/* ["inventoryItemId HASH", "sequenceNumber RANGE"]; the key's types are in "attributes". */
static struct json *observe_key(struct arena *arena, const struct json *schema)
{
    struct json *out = json_new(arena, JSON_ARRAY);

    for (const struct json *key = schema ? schema->child : NULL; key; key = key->next)
        json_append(out, json_new_text(arena, arena_printf(arena, "%.*s %.*s",
            STR_ARG(json_text(json_get(key, "AttributeName"))), STR_ARG(json_text(json_get(key, "KeyType"))))));
    return out;
}

static struct json *observe_attributes(struct arena *arena, const struct json *definitions)
{
    struct json *out = json_new(arena, JSON_OBJECT);

    for (const struct json *one = definitions ? definitions->child : NULL; one; one = one->next)
        json_set(arena, out, json_text(json_get(one, "AttributeName")).data,
            json_new_string(arena, json_text(json_get(one, "AttributeType"))));
    return sorted(arena, out);
}

static int compare_texts(const void *left, const void *right)
{
    const struct json *const *a = left, *const *b = right;

    return str_compare((*a)->text, (*b)->text);
}

static struct json *sorted_texts(struct arena *arena, const struct json *list)
{
    const struct json **texts = ARENA_ARRAY(arena, const struct json *, (list ? list->count : 0) + 1);
    struct json *out = json_new(arena, JSON_ARRAY);
    size_t count = 0;

    for (const struct json *one = list ? list->child : NULL; one; one = one->next)
        texts[count++] = one;
    qsort(texts, count, sizeof(const struct json *), compare_texts);
    for (size_t i = 0; i < count; i++)
        json_append(out, json_clone(arena, texts[i]));
    return out;
}

static void set_throughput(struct arena *arena, struct json *out, const struct json *throughput)
{
    int64_t units = 0;

    if (json_to_i64(json_get(throughput, "ReadCapacityUnits"), &units))
        json_set_integer(arena, out, "read_units", units);
    if (json_to_i64(json_get(throughput, "WriteCapacityUnits"), &units))
        json_set_integer(arena, out, "write_units", units);
}

static void add_indexes(struct arena *arena, struct json *out, const struct json *list, const char *kind, bool provisioned)
{
    for (const struct json *index = list ? list->child : NULL; index; index = index->next) {
        const struct json *projection = json_get(index, "Projection");
        struct json *one = json_new(arena, JSON_OBJECT);

        json_set_text(arena, one, "kind", kind);
        json_set(arena, one, "key", observe_key(arena, json_get(index, "KeySchema")));
        json_set(arena, one, "projection", json_new_string(arena, json_text(json_get(projection, "ProjectionType"))));
        json_set(arena, one, "projected", sorted_texts(arena, json_get(projection, "NonKeyAttributes")));
        if (provisioned && strcmp(kind, "global") == 0)
            set_throughput(arena, one, json_get(index, "ProvisionedThroughput"));
        json_set(arena, out, json_text(json_get(index, "IndexName")).data, one);
    }
}

static struct json *text_or_null(struct arena *arena, const struct json *value)
{
    return json_string(value) ? json_new_string(arena, json_text(value)) : json_new(arena, JSON_NULL);
}

static bool observe_ttl(struct dynamodb_driver *driver, struct arena *arena, const char *table, struct json *out,
    struct error *error)
{
    struct strbuf body = STRBUF_INIT;
    const struct json *answer, *status;
    bool enabled;

    aws_format(&body, "{'TableName':%s}", table);
    if (!dynamodb_call(driver, arena, "DescribeTimeToLive", &body, &answer, error))
        return false;
    answer = json_get(answer, "TimeToLiveDescription");
    status = json_get(answer, "TimeToLiveStatus");
    enabled = str_is(json_text(status), "ENABLED") || str_is(json_text(status), "ENABLING");
    json_set(arena, out, "ttl", text_or_null(arena, enabled ? json_get(answer, "AttributeName") : NULL));
    return true;
}

static bool observe_pitr(struct dynamodb_driver *driver, struct arena *arena, const char *table, struct json *out,
    struct error *error)
{
    struct strbuf body = STRBUF_INIT;
    const struct json *answer;

    aws_format(&body, "{'TableName':%s}", table);
    if (!dynamodb_call(driver, arena, "DescribeContinuousBackups", &body, &answer, error))
        return false;
    answer = json_get(json_get(answer, "ContinuousBackupsDescription"), "PointInTimeRecoveryDescription");
    json_set(arena, out, "pitr",
        json_new_bool(arena, str_is(json_text(json_get(answer, "PointInTimeRecoveryStatus")), "ENABLED")));
    return true;
}

bool dynamodb_tags(struct dynamodb_driver *driver, struct arena *arena, const struct json *arn, struct json **out,
    struct error *error)
{
    struct json *tags = json_new(arena, JSON_OBJECT);
    struct str next = STR("");

    do {
        struct strbuf body = STRBUF_INIT;
        const struct json *answer, *list;

        aws_format(&body, "{'ResourceArn':%j", arn);
        if (next.len)
            aws_format(&body, ",'NextToken':%S", &next);
        strbuf_append_char(&body, '}');
        if (!dynamodb_call(driver, arena, "ListTagsOfResource", &body, &answer, error)) {
            if (!dynamodb_is(error, "UnknownOperationException"))
                return false;
            break;
        }
        list = json_get(answer, "Tags");
        for (const struct json *tag = list ? list->child : NULL; tag; tag = tag->next) {
            struct str key = json_text(json_get(tag, "Key"));

            if (!str_starts_with(key, TAG_OWN_PREFIX) && !str_starts_with(key, "aws:") && !json_get(tags, key.data))
                json_set(arena, tags, key.data, json_new_string(arena, json_text(json_get(tag, "Value"))));
        }
        next = json_text(json_get(answer, "NextToken"));
    } while (next.len);
    *out = sorted(arena, tags);
    return true;
}

static bool observe_tags(struct dynamodb_driver *driver, struct arena *arena, const struct json *arn, struct json *out,
    struct error *error)
{
    struct json *tags;

    if (!dynamodb_tags(driver, arena, arn, &tags, error))
        return false;
    json_set(arena, out, "tags", tags);
    return true;
}

static struct json *table_shape(struct arena *arena, const struct json *table)
{
    const struct json *billing = json_get(json_get(table, "BillingModeSummary"), "BillingMode");
    const struct json *stream = json_get(table, "StreamSpecification");
    const struct json *class = json_get(json_get(table, "TableClassSummary"), "TableClass");
    const struct json *encryption = json_get(table, "SSEDescription");
    struct json *out = json_new(arena, JSON_OBJECT), *indexes = json_new(arena, JSON_OBJECT);
    bool provisioned = !str_is(json_text(billing), "PAY_PER_REQUEST");

    json_set(arena, out, "key", observe_key(arena, json_get(table, "KeySchema")));
    json_set(arena, out, "attributes", observe_attributes(arena, json_get(table, "AttributeDefinitions")));
    json_set_text(arena, out, "billing", provisioned ? "PROVISIONED" : "PAY_PER_REQUEST");
    if (provisioned)
        set_throughput(arena, out, json_get(table, "ProvisionedThroughput"));
    add_indexes(arena, indexes, json_get(table, "GlobalSecondaryIndexes"), "global", provisioned);
    add_indexes(arena, indexes, json_get(table, "LocalSecondaryIndexes"), "local", provisioned);
    json_set(arena, out, "indexes", sorted(arena, indexes));
    json_set(arena, out, "stream",
        text_or_null(arena, json_is(json_get(stream, "StreamEnabled"), JSON_TRUE) ? json_get(stream, "StreamViewType") : NULL));
    json_set_text(arena, out, "class", json_string(class) ? json_string(class) : "STANDARD");
    json_set(arena, out, "encryption", text_or_null(arena, json_get(encryption, "SSEType")));
    json_set(arena, out, "encryption_key", text_or_null(arena, json_get(encryption, "KMSMasterKeyArn")));
    json_set(arena, out, "deletion_protection",
        json_new_bool(arena, json_bool(json_get(table, "DeletionProtectionEnabled"), false)));
    return out;
}

static bool is_leaving(const struct json *table)
{
    return str_is(json_text(json_get(table, "TableStatus")), "DELETING");
}

static bool observe_table(struct dynamodb_driver *driver, struct arena *arena, const char *name, struct json **out,
    struct error *error)
{
    const struct json *table = NULL;
    bool ok;

    if (!dynamodb_describe(driver, arena, name, &table, error))
        return false;
    if (!table || is_leaving(table)) {
        *out = json_new(arena, JSON_NULL);
        return true;
    }
    *out = table_shape(arena, table);
    ok = observe_ttl(driver, arena, name, *out, error) && observe_pitr(driver, arena, name, *out, error) &&
        observe_tags(driver, arena, json_get(table, "TableArn"), *out, error);
    if (!ok && dynamodb_is(error, "ResourceNotFoundException")) { /* deleted between two of the calls */
        *out = json_new(arena, JSON_NULL);
        return true;
    }
    return ok;
}

bool dynamodb_observe(struct dynamodb_driver *driver, struct arena *arena, const char *const *objects, size_t count,
    struct json **out, struct error *error)
{
    *out = json_new(arena, JSON_OBJECT);
    for (size_t i = 0; i < count; i++) {
        struct str object = str_from(objects[i]);
        struct json *definition = NULL;
        bool ok;

        if (json_get(*out, objects[i]))
            continue;
        if (str_starts_with(object, "dynamodb_table "))
            ok = observe_table(driver, arena, object.data + strlen("dynamodb_table "), &definition, error);
        else if (str_starts_with(object, "event_schema "))
            ok = register_observe(driver, arena, object.data + strlen("event_schema "), &definition, error);
        else
            ok = error_set(error, EXIT_STATUS_UNSUPPORTED, "this executor cannot observe '%s'", objects[i]);
        if (!ok)
            return error_wrap(error, "observing '%s'", objects[i]);
        json_set(arena, *out, objects[i], definition);
    }
    return true;
}

bool dynamodb_observe_step(struct dynamodb_driver *driver, struct arena *arena, const struct plan_step *step,
    struct str *out, struct error *error)
{
    const char **objects = ARENA_ARRAY(arena, const char *, step->effect.count + 1);
    struct strbuf text = STRBUF_INIT;
    struct json *observed = NULL;

    *out = STR("");
    for (size_t i = 0; i < step->effect.count; i++)
        objects[i] = step->effect.items[i].object;
    if (step->effect.count == 0)
        return true;
    if (!dynamodb_observe(driver, arena, objects, step->effect.count, &observed, error))
        return false;
    json_write(&text, observed);
    *out = strbuf_copy(&text, arena);
    strbuf_free(&text);
    return true;
}
