#include <stdio.h>
#include <string.h>

#include "executor/events/events.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"
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

/* The digest that the item states; where that of its schema and upcaster is another one, both. */
static struct str item_digest(struct arena *arena, const struct json *item)
{
    struct str stated = dynamodb_item_text(item, "digest");
    struct str schema = dynamodb_item_text(item, "schema"), upcast = dynamodb_item_text(item, "upcast");
    const char *whole = arena_printf(arena, "{\"schema\":%.*s,\"upcast\":%.*s}", STR_ARG(schema),
        STR_ARG(upcast.len ? upcast : STR("null")));
    struct digest actual = digest_of(str_from(whole));

    if (!schema.len || str_is(stated, actual.hex))
        return stated;
    return str_from(arena_printf(arena, "%.*s, with the content of %s", STR_ARG(stated), actual.hex));
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
        struct str digest = item_digest(&arena, item);
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
        if (ok && !(item && str_is(item_digest(&arena, item), wanted.digest)))
            ok = explain_conflict(&wanted, item_digest(&arena, item), error);
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

static struct json *observation(struct arena *arena, const struct json *item)
{
    struct json *found = json_new(arena, JSON_OBJECT);

    json_set(arena, found, "digest", json_new_string(arena, item_digest(arena, item)));
    json_set(arena, found, "compatibility", json_new_string(arena, dynamodb_item_text(item, "compatibility")));
    return found;
}

static void add_registered(struct arena *arena, const struct json *items, struct json *out)
{
    for (const struct json *item = items ? items->child : NULL; item; item = item->next) {
        struct str event = dynamodb_item_text(item, "eventType");
        int64_t version;
        const char *name;

        if (!event.len || !dynamodb_item_number(item, "version", &version)) /* what others keep there is theirs */
            continue;
        name = arena_printf(arena, "%.*s@%lld", STR_ARG(event), (long long)version);
        if (!json_get(out, name))
            json_set(arena, out, name, observation(arena, item));
    }
}

bool register_list(struct driver *base, struct arena *arena, struct json **out, struct error *error)
{
    struct dynamodb_driver *driver = (struct dynamodb_driver *)base;
    const struct json *start = NULL;

    *out = json_new(arena, JSON_OBJECT);
    if (!base->plan->events)
        return true;
    do {
        struct strbuf body = STRBUF_INIT;
        const struct json *answer = NULL;

        aws_format(&body, "{'TableName':%s,'ConsistentRead':true,'ProjectionExpression':'eventType, #v, #s, upcast, "
            "digest, compatibility','ExpressionAttributeNames':{'#v':'version','#s':'schema'}", base->plan->events->registry);
        if (start)
            aws_format(&body, ",'ExclusiveStartKey':%j", start);
        strbuf_append_char(&body, '}');
        if (!dynamodb_call(driver, arena, "Scan", &body, &answer, error))
            return dynamodb_is(error, "ResourceNotFoundException");
        add_registered(arena, json_get(answer, "Items"), *out);
        start = json_get(answer, "LastEvaluatedKey");
    } while (start);
    return true;
}

bool register_observe(struct dynamodb_driver *driver, struct arena *arena, const char *name, struct json **out,
    struct error *error)
{
    const char *at = strrchr(name, '@');
    const struct json *item = NULL;
    int64_t version;

    if (!driver->base.plan->events)
        return error_set(error, EXIT_STATUS_PLAN, "the plan has no events section");
    if (!at || !str_to_i64(str_from(at + 1), &version))
        return error_set(error, EXIT_STATUS_PLAN, "'%s' is not EVENT@VERSION", name);
    *out = json_new(arena, JSON_NULL);
    if (!read_item(driver, arena, driver->base.plan->events->registry, arena_strndup(arena, name, (size_t)(at - name)),
            version, &item, error))
        return false;
    if (item)
        *out = observation(arena, item);
    return true;
}
