#include <stdio.h>
#include <string.h>

#include "executor/events/events.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

struct registration {
    const char *registry;
    const char *event;
    int64_t version;
    const char *digest;
};

static bool read_registration(const struct plan_step *step, struct registration *out, struct error *error)
{
    const struct json *forward = step->action.forward;

    out->registry = json_string(json_get(forward, "registry"));
    out->event = json_string(json_get(forward, "event"));
    out->digest = json_string(json_get(forward, "digest"));
    if (out->registry && out->event && out->digest && json_to_i64(json_get(forward, "version"), &out->version))
        return true;
    return error_set(error, EXIT_STATUS_PLAN, "step '%s' has no registry, event, version or digest", step->id);
}

/* The registered item; *out NULL when there is none, or no registry. */
static bool read_item(struct dynamodb_driver *driver, struct arena *arena, const char *registry, const char *event,
    int64_t version, const struct json **out, struct error *error)
{
    struct strbuf body = STRBUF_INIT;
    const struct json *answer = NULL;

    *out = NULL;
    aws_format(&body, "{'TableName':%s,'Key':{'eventType':{'S':%s},'version':{'N':%N}},'ConsistentRead':true}", registry,
        event, version);
    if (!dynamodb_call(driver, arena, "GetItem", &body, &answer, error))
        return dynamodb_is(error, "ResourceNotFoundException");
    *out = json_get(answer, "Item");
    return true;
}

bool register_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct registration wanted = {0};
    const struct json *item = NULL;
    bool ok = read_registration(step, &wanted, error) &&
        read_item(driver, &arena, wanted.registry, wanted.event, wanted.version, &item, error);

    if (ok) {
        struct str digest = dynamodb_item_text(item, "digest");
        bool same = item && str_is(digest, wanted.digest);

        if (!item)
            out->state = inverse ? PROBE_DONE : PROBE_NOT_DONE;
        else if (same)
            out->state = inverse ? PROBE_NOT_DONE : PROBE_DONE;
        else
            out->state = PROBE_OTHER;
        snprintf(out->detail, sizeof(out->detail), "version %lld of event '%s' is %s in '%s'%s%.*s",
            (long long)wanted.version, wanted.event, item ? "registered" : "not registered", wanted.registry,
            item && !same ? " with another digest: " : "", (int)(item && !same ? digest.len : 0), digest.data);
    }
    arena_free(&arena);
    return ok;
}

/* ,"NAME":{"S":"JSON text"}, or nothing for null. */
static void append_json_text(struct strbuf *body, const char *name, const struct json *value)
{
    struct strbuf text = STRBUF_INIT;
    struct str view;

    if (!value || value->type == JSON_NULL)
        return;
    json_write(&text, value);
    view = strbuf_view(&text);
    aws_format(body, ",%s:{'S':%S}", name, &view);
    strbuf_free(&text);
}

static bool explain_conflict(const struct registration *wanted, struct str digest, struct error *error)
{
    error_set(error, EXIT_STATUS_DRIFT, "version %lld of event '%s' is registered in '%s' with digest '%.*s', the plan has "
        "'%s'", (long long)wanted->version, wanted->event, wanted->registry, STR_ARG(digest), wanted->digest);
    return error_help(error, "a registered version does not change: declare the next version instead");
}

bool register_put(struct dynamodb_driver *driver, const struct plan_step *step, struct error *error)
{
    const struct json *forward = step->action.forward;
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    struct registration wanted = {0};
    const struct json *item = NULL;
    char at[32];
    bool ok;

    if (!read_registration(step, &wanted, error) || !dynamodb_lease_ensure(driver, error))
        return false;
    journal_time(driver, at);
    aws_format(&body, "{'TableName':%s,'Item':{'eventType':{'S':%s},'version':{'N':%N}", wanted.registry, wanted.event,
        wanted.version);
    append_json_text(&body, "schema", json_get(forward, "schema"));
    append_json_text(&body, "upcast", json_get(forward, "upcast"));
    append_json_text(&body, "downcast", json_get(forward, "downcast"));
    if (json_string(json_get(forward, "compatibility")))
        aws_format(&body, ",'compatibility':{'S':%j}", json_get(forward, "compatibility"));
    aws_format(&body, ",'digest':{'S':%s},'registeredAt':{'S':%s}},'ConditionExpression':'attribute_not_exists(eventType)'}",
        wanted.digest, at);
    dynamodb_point(driver, "ddb.register.before_put");
    ok = dynamodb_call(driver, &arena, "PutItem", &body, NULL, error);
    if (!ok && dynamodb_is(error, "ConditionalCheckFailedException")) {
        ok = read_item(driver, &arena, wanted.registry, wanted.event, wanted.version, &item, error);
        if (ok && !(item && str_is(dynamodb_item_text(item, "digest"), wanted.digest)))
            ok = explain_conflict(&wanted, dynamodb_item_text(item, "digest"), error);
    }
    arena_free(&arena);
    return ok;
}

bool register_remove(struct dynamodb_driver *driver, const struct plan_step *step, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    struct registration wanted = {0};
    bool ok;

    if (!read_registration(step, &wanted, error) || !dynamodb_lease_ensure(driver, error))
        return false;
    aws_format(&body, "{'TableName':%s,'Key':{'eventType':{'S':%s},'version':{'N':%N}},'ConditionExpression':'digest = :d "
        "OR attribute_not_exists(eventType)','ExpressionAttributeValues':{':d':{'S':%s}}}", wanted.registry, wanted.event,
        wanted.version, wanted.digest);
    ok = dynamodb_call(driver, &arena, "DeleteItem", &body, NULL, error);
    if (!ok && dynamodb_is(error, "ConditionalCheckFailedException")) {
        error_set(error, EXIT_STATUS_DRIFT, "version %lld of event '%s' in '%s' is not the one that step '%s' registered",
            (long long)wanted.version, wanted.event, wanted.registry, step->id);
        error_help(error, "compare the two; remove the item by hand if it is to go");
    }
    arena_free(&arena);
    return ok;
}

bool register_observe(struct dynamodb_driver *driver, struct arena *arena, const char *name, struct json **out,
    struct error *error)
{
    const char *at = strrchr(name, '@');
    const struct json *item = NULL;
    int64_t version;
    struct json *found;

    if (!driver->base.plan->events)
        return error_set(error, EXIT_STATUS_PLAN, "the plan has no events section");
    if (!at || !str_to_i64(str_from(at + 1), &version))
        return error_set(error, EXIT_STATUS_PLAN, "'%s' is not EVENT@VERSION", name);
    *out = json_new(arena, JSON_NULL);
    if (!read_item(driver, arena, driver->base.plan->events->registry, arena_strndup(arena, name, (size_t)(at - name)),
            version, &item, error))
        return false;
    if (!item)
        return true;
    found = json_new(arena, JSON_OBJECT);
    json_set(arena, found, "digest", json_new_string(arena, dynamodb_item_text(item, "digest")));
    json_set(arena, found, "compatibility", json_new_string(arena, dynamodb_item_text(item, "compatibility")));
    *out = found;
    return true;
}
