/*
 * Items that an index passes over: the service builds it without those whose key attributes are of another type, empty, or
 * too long, and says nothing. After a build the table is read once, eventually consistent and filtered by the service, and
 * what was found is logged; it is no failure of the step, for the index is as it was asked for.
 */
#include <stdio.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

enum { HASH_MAX_BYTES = 2048, RANGE_MAX_BYTES = 1024, EXAMPLE_MAX = 300 };

struct violations {
    int64_t count;
    int64_t read;
    char example[EXAMPLE_MAX];
};

/* The index that the step's request creates; NULL when it creates none, or nobody wants to know. */
static const struct json *created_index(const struct plan_step *step)
{
    const struct json *request = json_get(step->action.forward, "request");
    const struct json *update = json_at(json_get(request, "GlobalSecondaryIndexUpdates"), 0);

    if (step->action.instruction != INSTRUCTION_DDB_CALL ||
        !json_bool(json_get(step->action.forward, "look_for_violations"), true))
        return NULL;
    return json_get(update, "Create");
}

static struct str type_of(const struct json *request, struct str attribute)
{
    const struct json *definitions = json_get(request, "AttributeDefinitions");

    for (const struct json *one = definitions ? definitions->child : NULL; one; one = one->next)
        if (str_equal(json_text(json_get(one, "AttributeName")), attribute))
            return json_text(json_get(one, "AttributeType"));
    return STR("");
}

/* Appends ,"FilterExpression":…: an attribute of the index's key is there and does not fit. An item without it is simply not
 * in the index. */
static void append_filter(struct strbuf *out, const struct json *request, const struct json *index)
{
    const struct json *key = json_get(index, "KeySchema");
    struct strbuf names = STRBUF_INIT, values = STRBUF_INIT;
    int64_t n = 0;

    strbuf_append_text(out, ",\"FilterExpression\":\"");
    for (const struct json *part = key ? key->child : NULL; part; part = part->next, n++) {
        struct str name = json_text(json_get(part, "AttributeName")), type = type_of(request, name);

        strbuf_printf(out, "%s(attribute_exists(#%lld) AND (NOT attribute_type(#%lld, :t%lld)", n ? " OR " : "", (long long)n,
            (long long)n, (long long)n);
        aws_format(&names, "%r'#%i':%S", n ? "," : "", n, &name);
        aws_format(&values, "%r':t%i':{'S':%S}", n ? "," : "", n, &type);
        if (!str_is(type, "N")) {
            strbuf_printf(out, " OR size(#%lld) > :m%lld OR size(#%lld) = :z", (long long)n, (long long)n, (long long)n);
            aws_format(&values, ",':m%i':{'N':%N}%r", n, (int64_t)(n ? RANGE_MAX_BYTES : HASH_MAX_BYTES),
                strstr(values.data, ":z") ? "" : ",\":z\":{\"N\":\"0\"}");
        }
        strbuf_append_text(out, "))");
    }
    aws_format(out, "\",'ExpressionAttributeNames':{%r},'ExpressionAttributeValues':{%r}", names.data, values.data);
    strbuf_free(&names);
    strbuf_free(&values);
}

static void note_page(const struct json *answer, struct violations *out)
{
    const struct json *items = json_get(answer, "Items");
    struct strbuf text = STRBUF_INIT;
    int64_t read = 0;

    if (json_to_i64(json_get(answer, "ScannedCount"), &read))
        out->read += read;
    if (items && items->child && out->count == 0) {
        json_write(&text, items->child);
        snprintf(out->example, sizeof(out->example), "%s", text.data);
    }
    out->count += items ? (int64_t)items->count : 0;
    strbuf_free(&text);
}

static bool read_table(struct dynamodb_driver *driver, const struct plan_step *step, const struct json *index,
    struct violations *out, struct error *error)
{
    const struct driver_env *env = driver->base.env;
    const struct json *request = json_get(step->action.forward, "request"), *start = NULL;
    struct arena pages[2] = {ARENA_INIT, ARENA_INIT};
    bool ok = true;

    for (size_t page = 0; ok && (page == 0 || start) && !dynamodb_stopping(driver); page++) {
        struct strbuf body = STRBUF_INIT;
        const struct json *answer = NULL;

        arena_reset(&pages[page % 2]);
        aws_format(&body, "{'TableName':%j", json_get(request, "TableName"));
        append_filter(&body, request, index);
        if (start)
            aws_format(&body, ",'ExclusiveStartKey':%j", start);
        strbuf_append_char(&body, '}');
        ok = dynamodb_call(driver, &pages[page % 2], "Scan", &body, &answer, error);
        if (ok)
            note_page(answer, out);
        start = ok ? json_get(answer, "LastEvaluatedKey") : NULL;
        env->progress(env->context, step->id, out->read, -1, "items looked at");
    }
    arena_free(&pages[0]);
    arena_free(&pages[1]);
    return ok;
}

void violation_report(struct dynamodb_driver *driver, const struct plan_step *step)
{
    const struct driver_env *env = driver->base.env;
    const struct json *index = created_index(step);
    struct violations found = {0};
    struct error error;
    char message[EXAMPLE_MAX + ERROR_MESSAGE_MAX + 512];

    if (!index)
        return;
    if (!read_table(driver, step, index, &found, &error))
        snprintf(message, sizeof(message), "step '%.200s': the table could not be read for items that do not fit the index: %s",
            step->id, error.message);
    else if (found.count)
        snprintf(message, sizeof(message), "step '%.200s': %lld items are not in the index, for a key attribute of theirs is of "
            "another type, empty or too long, for example %s", step->id, (long long)found.count, found.example);
    else
        return;
    env->log(env->context, "warning", message);
}
