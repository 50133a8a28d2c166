#include "executor/events/checkpoint.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

static const char *partition(struct arena *arena, const char *step)
{
    return arena_printf(arena, "checkpoint:%s", step);
}

static bool read_one(void *context, const struct json *item, struct error *error)
{
    struct checkpoints *checkpoints = context;
    struct checkpoint_part *part;
    int64_t number;

    if (!dynamodb_item_number(item, "sk", &number) || number < 0 || (size_t)number >= checkpoints->count)
        return error_set(error, EXIT_STATUS_HISTORY, "a checkpoint of step '%s' is damaged", checkpoints->step);
    part = &checkpoints->parts[number];
    part->done = json_bool(json_get(json_get(item, "done"), "BOOL"), false);
    if (json_get(item, "start"))
        part->start = json_clone(checkpoints->arena, json_get(json_get(item, "start"), "M"));
    if (!dynamodb_item_number(item, "events", &part->items))
        part->items = 0;
    checkpoints->kept++;
    checkpoints->done += part->done;
    checkpoints->items += part->items;
    return true;
}

bool checkpoints_read(struct dynamodb_driver *driver, struct arena *arena, const char *step, size_t parts,
    struct checkpoints *out, struct error *error)
{
    *out = (struct checkpoints){.driver = driver,
        .arena = arena,
        .step = step,
        .pk = partition(arena, step),
        .parts = ARENA_ARRAY(arena, struct checkpoint_part, parts),
        .count = parts};
    return dynamodb_journal_query(driver, out->pk, read_one, out, error);
}

bool checkpoints_enter(const struct checkpoints *checkpoints, size_t part, const struct json **start)
{
    *start = checkpoints->parts[part].start;
    return !checkpoints->parts[part].done;
}

void checkpoints_compose(const struct checkpoints *checkpoints, size_t part, const struct json *next, struct strbuf *body)
{
    struct dynamodb_driver *driver = checkpoints->driver;

    aws_format(body, "{'TableName':%s,'Item':{'pk':{'S':%s},'sk':{'N':%N},'done':{'BOOL':%r},'events':{'N':%N},"
        "'token':{'N':%N}", driver->journal_table, checkpoints->pk, (int64_t)part, next ? "false" : "true",
        checkpoints->parts[part].items, driver->lease.token);
    if (next)
        aws_format(body, ",'start':{'M':%j}", next);
    aws_format(body, "},'ConditionExpression':'attribute_not_exists(pk) OR #token <= :token','ExpressionAttributeNames':"
        "{'#token':'token'},'ExpressionAttributeValues':{':token':{'N':%N}}}", driver->lease.token);
}

struct deleting {
    struct dynamodb_driver *driver;
    const char *pk;
};

static bool delete_one(void *context, const struct json *item, struct error *error)
{
    struct deleting *deleting = context;
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    bool ok;

    aws_format(&body, "{'TableName':%s,'Key':{'pk':{'S':%s},'sk':%j}}", deleting->driver->journal_table, deleting->pk,
        json_get(item, "sk"));
    ok = dynamodb_call(deleting->driver, &arena, "DeleteItem", &body, NULL, error);
    arena_free(&arena);
    return ok;
}

bool checkpoints_forget(struct dynamodb_driver *driver, const char *step, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct deleting deleting = {driver, partition(&arena, step)};
    bool ok = dynamodb_journal_query(driver, deleting.pk, delete_one, &deleting, error);

    arena_free(&arena);
    return ok;
}
