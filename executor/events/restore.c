#include <stdio.h>
#include <string.h>

#include "executor/events/fingerprint.h"
#include "executor/events/upgrade.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum stage {
    STAGE_FRESH,
    STAGE_READ,    /* the event was read */
    STAGE_EVENT,   /* it was changed back into the pre-image */
    STAGE_CLEANED, /* the row of the pre-image was deleted, or marked */
};

struct restoring {
    const struct upgrade *upgrade;
    struct arena *arena;
    int64_t restored;
    int64_t unchanged; /* never upgraded, or restored by an earlier attempt */
    int64_t kept;      /* changed by somebody else since: left as they are */
    char example[256];
};

static const struct json *before_of(const struct pump_slot *slot)
{
    return json_get(json_get(slot->item, "before"), "M");
}

static const char *compose_page(void *context, size_t part, const struct json *start, struct strbuf *body)
{
    struct restoring *restoring = context;
    const struct upgrade *upgrade = restoring->upgrade;
    struct arena arena = ARENA_INIT;

    aws_format(body, "{'TableName':%s,'KeyConditionExpression':'pk = :pk','FilterExpression':'attribute_not_exists(kept)',"
        "'ExpressionAttributeValues':{':pk':{'S':%s}},'ConsistentRead':true",
        upgrade->driver->undo_table, undo_partition(&arena, upgrade, part));
    if (start)
        aws_format(body, ",'ExclusiveStartKey':%j", start);
    strbuf_append_char(body, '}');
    arena_free(&arena);
    return "Query";
}

static bool enter_part(void *context, size_t part, const struct json **start)
{
    (void)context;
    (void)part;
    *start = NULL;
    return true;
}

static void send_read(struct pump_slot *slot, const struct upgrade *upgrade)
{
    aws_format(&slot->body, "{'TableName':%s,'Key':%j,'ConsistentRead':true}",
        upgrade->table.name, item_key(&slot->arena, &upgrade->table, before_of(slot)));
    slot->stage = STAGE_READ;
    pump_send(slot, "GetItem", 0);
}

static void append_row_key(struct pump_slot *slot, const struct upgrade *upgrade)
{
    aws_format(&slot->body, "{'TableName':%s,'Key':{'pk':%j,'sk':%j}",
        upgrade->driver->undo_table, json_get(slot->item, "pk"), json_get(slot->item, "sk"));
}

static void send_delete_row(struct pump_slot *slot, const struct upgrade *upgrade)
{
    append_row_key(slot, upgrade);
    strbuf_append_char(&slot->body, '}');
    slot->stage = STAGE_CLEANED;
    pump_send(slot, "DeleteItem", 1);
}

static void send_keep_row(struct pump_slot *slot, struct restoring *restoring)
{
    const struct upgrade *upgrade = restoring->upgrade;
    struct strbuf key = STRBUF_INIT;

    if (restoring->kept++ == 0) {
        json_write(&key, item_key(&slot->arena, &upgrade->table, before_of(slot)));
        snprintf(restoring->example, sizeof(restoring->example), "%s", key.data);
        strbuf_free(&key);
    }
    append_row_key(slot, upgrade);
    aws_format(&slot->body, ",'UpdateExpression':'SET kept = :yes','ConditionExpression':'attribute_exists(pk)',"
        "'ExpressionAttributeValues':{':yes':{'BOOL':true}}}");
    slot->stage = STAGE_CLEANED;
    pump_send(slot, "UpdateItem", 1);
}

static void judge(struct pump_slot *slot, struct restoring *restoring)
{
    const struct upgrade *upgrade = restoring->upgrade;
    const struct json *item = json_get(slot->call.json, "Item");
    const struct event_value *current;
    struct digest digest;
    struct error error;

    if (!item) {
        send_keep_row(slot, restoring); /* deleted by somebody else: it is not brought back */
        return;
    }
    if (!event_item_from_dynamodb(&slot->arena, item, &current, &error)) {
        pump_fail(slot, &error);
        return;
    }
    digest = fingerprint_item(current);
    if (str_is(dynamodb_item_text(slot->item, "before_digest"), digest.hex)) {
        restoring->unchanged++;
        send_delete_row(slot, upgrade);
        return;
    }
    if (!str_is(dynamodb_item_text(slot->item, "after_digest"), digest.hex)) {
        send_keep_row(slot, restoring);
        return;
    }
    aws_format(&slot->body, "{'TableName':%s,", upgrade->table.name);
    if (!item_change_append(&slot->body, &upgrade->table, item, before_of(slot), &error)) {
        pump_fail(slot, &error);
        return;
    }
    strbuf_append_char(&slot->body, '}');
    slot->stage = STAGE_EVENT;
    dynamodb_point(upgrade->driver, "ddb.restore.before_event");
    pump_send(slot, "UpdateItem", undo_write_units(event_item_size(current)));
}

static void advance(void *context, struct pump_slot *slot)
{
    struct restoring *restoring = context;
    const struct upgrade *upgrade = restoring->upgrade;
    bool refused;
    struct error error;

    if (slot->stage == STAGE_FRESH) {
        if (!json_is(before_of(slot), JSON_OBJECT)) {
            error_set(&error, EXIT_STATUS_HISTORY, "a pre-image in table '%s' is damaged", upgrade->driver->undo_table);
            pump_fail(slot, &error);
            return;
        }
        send_read(slot, upgrade);
        return;
    }
    refused = !slot->call.ok && dynamodb_is(&slot->call.error, "ConditionalCheckFailedException");
    if (!slot->call.ok && !refused) {
        pump_fail(slot, &slot->call.error);
        return;
    }
    switch ((enum stage)slot->stage) {
    case STAGE_READ:
        judge(slot, restoring);
        break;
    case STAGE_EVENT:
        if (refused) { /* changed since we read it, or our own repeated request: look again */
            if (++slot->tries > REWRITE_TRIES_MAX) {
                error_set(&error, EXIT_STATUS_HALTED, "an event of table '%s' changed under our hands %d times",
                    upgrade->table.name, REWRITE_TRIES_MAX);
                error.retryable = true;
                pump_fail(slot, &error);
                return;
            }
            send_read(slot, upgrade);
            break;
        }
        restoring->restored++;
        send_delete_row(slot, upgrade);
        break;
    case STAGE_CLEANED:
        pump_finish(slot);
        break;
    case STAGE_FRESH:
        BUG("a pre-image without a request");
    }
}

static void report(const struct restoring *restoring, const struct pump *pump, struct driver_result *result)
{
    const struct driver_env *env = pump->driver->base.env;
    char text[512], message[768];

    result->affected = restoring->restored;
    snprintf(text, sizeof(text), "{\"restored\":%lld,\"unchanged\":%lld,\"changed_since\":%lld}",
        (long long)restoring->restored, (long long)restoring->unchanged, (long long)restoring->kept);
    result->detail = str_from(arena_strdup(pump->driver->base.arena, text));
    if (!restoring->kept)
        return;
    snprintf(message, sizeof(message), "step '%.150s': %lld %s were changed or deleted by somebody else since and stay as "
        "they are, for example %.250s", pump->name, (long long)restoring->kept, pump->unit, restoring->example);
    env->log(env->context, "warning", message);
}

bool restore_run(struct upgrade *upgrade, const char *unit, struct driver_result *result, struct error *error)
{
    static const struct pump_ops ops = {enter_part, compose_page, advance, NULL, NULL};
    const struct driver_env *env = upgrade->driver->base.env;
    struct arena arena = ARENA_INIT;
    struct restoring restoring = {.upgrade = upgrade, .arena = &arena};
    struct pump pump = {.driver = upgrade->driver,
        .name = upgrade->step->id,
        .ops = &ops,
        .context = &restoring,
        .unit = unit,
        .total = -1};
    bool ok = checkpoints_forget(upgrade->driver, upgrade->step->id, error); /* what is half restored must not look done */

    if (ok) {
        pump.parts = upgrade_shards(upgrade);
        rate_init(&pump.read_rate, upgrade->max_rcu, env->now_ms(env->context));
        rate_init(&pump.write_rate, upgrade->max_wcu, env->now_ms(env->context));
        ok = pump_run(&pump, error);
        report(&restoring, &pump, result);
    }
    arena_free(&arena);
    return ok;
}

bool upgrade_restore(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct upgrade upgrade;
    bool ok = upgrade_read(driver, step, &upgrade, error) &&
        item_table_read(driver, &arena, upgrade.events->table, &upgrade.table, error) &&
        restore_run(&upgrade, "events", result, error);

    arena_free(&arena);
    return ok;
}
