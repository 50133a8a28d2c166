#include "executor/dynamodb/dynamodb.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

enum { WAIT_FIRST_MS = 50, WAIT_MAX_MS = 2000, LEDGER_WAIT_MS = 300000 };

bool dynamodb_page_moves(const struct aws_call *call, struct error *error)
{
    const struct json *next = json_get(call->json, "LastEvaluatedKey");
    struct strbuf again = STRBUF_INIT;
    bool moves = true;

    if (next) {
        aws_format(&again, "'ExclusiveStartKey':%j", next);
        moves = !strstr(call->body.data, again.data);
        strbuf_free(&again);
    }
    return moves || error_set(error, EXIT_STATUS_HALTED, "%s %s: the page after this one is this one", call->service->name,
                        call->action);
}

bool dynamodb_call(struct dynamodb_driver *driver, struct arena *arena, const char *action, struct strbuf *body,
    const struct json **out, struct error *error)
{
    struct aws_call call = {.service = &AWS_SERVICE_DYNAMODB, .action = action, .arena = arena};
    bool ok;

    dynamodb_ask_units(action, body);
    call.body = strbuf_view(body);
    ok = aws_call_wait(driver->client, &call) && dynamodb_page_moves(&call, &call.error);
    dynamodb_count_units(driver, &call, NULL);
    strbuf_free(body);
    if (out)
        *out = call.json;
    if (!ok)
        *error = call.error;
    return ok;
}

bool dynamodb_is(const struct error *error, const char *aws_code)
{
    return strcmp(error->aws_code, aws_code) == 0;
}

struct str dynamodb_item_text(const struct json *item, const char *name)
{
    const struct json *value = json_get(item, name);
    const struct json *text = json_get(value, "S");

    return json_text(text ? text : json_get(value, "N"));
}

bool dynamodb_item_number(const struct json *item, const char *name, int64_t *out)
{
    return str_to_i64(json_text(json_get(json_get(item, name), "N")), out);
}

bool dynamodb_journal_get(struct dynamodb_driver *driver, struct arena *arena, const char *pk, int64_t sk,
    const struct json **out, struct error *error)
{
    struct strbuf body = STRBUF_INIT;
    const struct json *answer;

    aws_format(&body, "{'TableName':%s,'Key':{'pk':{'S':%s},'sk':{'N':%N}},'ConsistentRead':true}",
        driver->journal_table, pk, sk);
    if (!dynamodb_call(driver, arena, "GetItem", &body, &answer, error))
        return false;
    *out = json_get(answer, "Item");
    return true;
}

bool dynamodb_journal_query(struct dynamodb_driver *driver, const char *pk, dynamodb_item_fn each, void *context,
    struct error *error)
{
    struct arena pages[2] = {ARENA_INIT, ARENA_INIT}; /* the key to start from lives in the page before */
    const struct json *start = NULL;
    bool ok = true;

    for (size_t page = 0; ok; page++) {
        struct arena *arena = &pages[page % 2];
        struct strbuf body = STRBUF_INIT;
        const struct json *answer;

        arena_reset(arena);
        aws_format(&body, "{'TableName':%s,'KeyConditionExpression':'pk = :pk','ExpressionAttributeValues':{':pk':"
            "{'S':%s}},'ConsistentRead':true", driver->journal_table, pk);
        if (start)
            aws_format(&body, ",'ExclusiveStartKey':%j", start);
        strbuf_append_char(&body, '}');
        ok = dynamodb_call(driver, arena, "Query", &body, &answer, error);
        for (const struct json *item = ok ? json_get(answer, "Items") ? json_get(answer, "Items")->child : NULL : NULL;
             ok && item; item = item->next)
            ok = each(context, item, error);
        start = ok ? json_get(answer, "LastEvaluatedKey") : NULL;
        if (!start)
            break;
    }
    arena_free(&pages[0]);
    arena_free(&pages[1]);
    return ok;
}

bool dynamodb_describe(struct dynamodb_driver *driver, struct arena *arena, const char *table, const struct json **out,
    struct error *error)
{
    struct strbuf body = STRBUF_INIT;
    const struct json *answer;

    *out = NULL;
    aws_format(&body, "{'TableName':%s}", table);
    if (!dynamodb_call(driver, arena, "DescribeTable", &body, &answer, error))
        return dynamodb_is(error, "ResourceNotFoundException");
    *out = json_get(answer, "Table");
    if (!*out)
        return error_set(error, EXIT_STATUS_HALTED, "the description of table '%s' is empty", table);
    return true;
}

void dynamodb_table_key(const struct json *description, struct str *hash, struct str *range)
{
    const struct json *schema = json_get(description, "KeySchema");

    *hash = *range = (struct str){NULL, 0};
    for (const struct json *key = schema ? schema->child : NULL; key; key = key->next) {
        if (str_is(json_text(json_get(key, "KeyType")), "HASH"))
            *hash = json_text(json_get(key, "AttributeName"));
        else
            *range = json_text(json_get(key, "AttributeName"));
    }
}

/* --- the ledger's own tables ------------------------------------------------------------------------------------------ */

struct ledger_table {
    const char *name;
    const char *hash, *hash_type;
    const char *range, *range_type; /* NULL: none */
};

static bool attribute_has_type(const struct json *description, const char *name, const char *type)
{
    const struct json *list = json_get(description, "AttributeDefinitions");

    for (const struct json *one = list ? list->child : NULL; one; one = one->next)
        if (str_is(json_text(json_get(one, "AttributeName")), name))
            return str_is(json_text(json_get(one, "AttributeType")), type);
    return false;
}

static bool has_key_of(const struct json *description, const struct ledger_table *table)
{
    struct str hash, range;

    dynamodb_table_key(description, &hash, &range);
    return str_is(hash, table->hash) && attribute_has_type(description, table->hash, table->hash_type) &&
        (table->range ? range.data && str_is(range, table->range) &&
                            attribute_has_type(description, table->range, table->range_type)
                      : !range.data);
}

static bool create_table(struct dynamodb_driver *driver, struct arena *arena, const struct ledger_table *table,
    const char *project, struct error *error)
{
    struct strbuf body = STRBUF_INIT;

    aws_format(&body, "{'TableName':%s,'BillingMode':'PAY_PER_REQUEST','AttributeDefinitions':[{'AttributeName':%s,"
        "'AttributeType':%s}", table->name, table->hash, table->hash_type);
    if (table->range)
        aws_format(&body, ",{'AttributeName':%s,'AttributeType':%s}", table->range, table->range_type);
    aws_format(&body, "],'KeySchema':[{'AttributeName':%s,'KeyType':'HASH'}", table->hash);
    if (table->range)
        aws_format(&body, ",{'AttributeName':%s,'KeyType':'RANGE'}", table->range);
    aws_format(&body, "],'Tags':[{'Key':'" TAG_LEDGER "','Value':%s}]}", probe_tag_value(arena, project));
    if (dynamodb_call(driver, arena, "CreateTable", &body, NULL, error))
        return true;
    return dynamodb_is(error, "ResourceInUseException"); /* somebody else's init, or our own repeated request */
}

/* Creates the table unless it is there. *active says whether it can be used. Repeating it at any point does no harm. */
static bool ensure_table(struct dynamodb_driver *driver, const struct ledger_table *table, const char *project,
    bool *asked, bool *active, struct error *error)
{
    struct arena arena = ARENA_INIT;
    const struct json *description, *status;
    bool ok = dynamodb_describe(driver, &arena, table->name, &description, error);

    if (ok && !description && !*asked) {
        ok = create_table(driver, &arena, table, project, error);
        *asked = true;
        dynamodb_point(driver, "ddb.init.table_created");
    } else if (ok && description && !has_key_of(description, table)) {
        error_set(error, EXIT_STATUS_DRIFT, "table '%s' exists with another key than the ledger needs (%s %s%s%s%s%s)",
            table->name, table->hash, table->hash_type, table->range ? ", " : "", table->range ? table->range : "",
            table->range ? " " : "", table->range ? table->range_type : "");
        ok = error_help(error, "name another 'ledger' for the target, or another table_prefix");
    } else if (ok && description) {
        status = json_get(description, "TableStatus");
        *active = str_is(json_text(status), "ACTIVE") || str_is(json_text(status), "UPDATING");
    }
    arena_free(&arena);
    return ok;
}

bool dynamodb_create_ledger_tables(struct dynamodb_driver *driver, const char *project, struct error *error)
{
    enum { TABLES = 3 };
    const struct ledger_table tables[TABLES] = {
        {driver->registry_table, "id", "S", NULL, NULL},
        {driver->journal_table, "pk", "S", "sk", "N"},
        {driver->undo_table, "pk", "S", "sk", "S"},
    };

    const struct driver_env *env = driver->base.env;
    int64_t deadline_ms = env->now_ms(env->context) + LEDGER_WAIT_MS, pause_ms = WAIT_FIRST_MS;
    bool asked[TABLES] = {false}, active[TABLES] = {false};

    for (;;) {
        const char *waiting = NULL;

        for (size_t i = 0; i < TABLES; i++) {
            if (!active[i] && !ensure_table(driver, &tables[i], project, &asked[i], &active[i], error))
                return false;
            if (!active[i])
                waiting = tables[i].name;
        }
        if (!waiting)
            return true;
        if (dynamodb_stopping(driver))
            return dynamodb_stopped(error, waiting);
        if (env->now_ms(env->context) > deadline_ms) {
            error_set(error, EXIT_STATUS_RESUMABLE, "table '%s' is not active after %d s", waiting, LEDGER_WAIT_MS / 1000);
            return error_help(error, "try again: nothing has to be taken back");
        }
        aws_client_sleep(driver->client, pause_ms);
        pause_ms = pause_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : pause_ms * 2;
    }
}
