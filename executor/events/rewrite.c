#include <stdio.h>
#include <string.h>

#include "executor/events/fingerprint.h"
#include "executor/events/upgrade.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum stage {
    STAGE_FRESH,         /* an item as it was read */
    STAGE_PRE_IMAGE,     /* its pre-image was put, if none was there */
    STAGE_CONFIRM,       /* another pre-image is there: is the event still what we read? */
    STAGE_REPLACE,       /* the pre-image was put over the one that was there */
    STAGE_EVENT,         /* the event was changed */
    STAGE_READ_AGAIN,    /* the old one was not what we had read */
};

struct rewrite {
    const struct json *item;             /* as it was read last */
    const struct event_value *before;
    const struct event_value *after;
    struct json *after_item;
    struct digest before_digest, after_digest;
    size_t version;
    struct str other_digest;             /* before_digest of the pre-image that is there */
};

static struct rewrite *rewrite_of(struct pump_slot *slot)
{
    return slot->user;
}

/* "event {…}: " before the message, with the key by which to find it. */
static void fail_event(struct pump_slot *slot, const struct upgrade *upgrade, struct error *error)
{
    struct rewrite *rewrite = rewrite_of(slot);
    struct strbuf key = STRBUF_INIT;

    json_write(&key, item_key(&slot->arena, &upgrade->table, rewrite->item));
    error_wrap(error, "event %.300s of table '%s'", key.data, upgrade->events->table);
    strbuf_free(&key);
    pump_fail(slot, error);
}

static bool upcast_chain(struct pump_slot *slot, const struct upgrade *upgrade, struct error *error)
{
    struct rewrite *rewrite = rewrite_of(slot);
    const struct upcast_way way = {rewrite->version, (size_t)upgrade->to};
    struct upcast_result result;
    struct upcast_problem problem;
    size_t to;

    if (!upcast_along(upgrade->upcasters, &slot->arena, rewrite->before, &way, &result, &to, &problem)) {
        error_set(error, EXIT_STATUS_HALTED, "upcasting to version %zu, operator %s: %s", to, problem.pointer,
            problem.message);
        return error_help(error, "%s", problem.help[0] ? problem.help : "a later version cannot mend it: register_event a corrected "
            "upcaster under the next version, or mend the event");
    }
    if (result.count != 1)
        return error_set(error, EXIT_STATUS_HALTED, "upcasting to version %lld makes %zu events of one, which cannot be done "
            "in place", (long long)upgrade->to, result.count);
    rewrite->after = result.events[0];
    return true;
}

static bool same_attribute(const struct rewrite *rewrite, struct str name)
{
    const struct event_value *before = event_value_member(rewrite->before, name);
    const struct event_value *after = event_value_member(rewrite->after, name);

    return before == after || (before && after && event_value_equal(before, after));
}

static bool check_result(const struct upgrade *upgrade, const struct rewrite *rewrite, struct error *error)
{
    const struct str fixed[] = {upgrade->table.hash, upgrade->table.range, str_from(upgrade->events->type)};
    size_t before_bytes = event_item_size(rewrite->before), after_bytes = event_item_size(rewrite->after);

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (fixed[i].data && !same_attribute(rewrite, fixed[i]))
            return error_set(error, EXIT_STATUS_HALTED, "the upcaster changes '%.*s', which identifies the event and cannot "
                "change in place", STR_ARG(fixed[i]));
    if (after_bytes > EVENT_ITEM_MAX_BYTES)
        return error_set(error, EXIT_STATUS_HALTED, "the event would grow from %zu to %zu bytes: DynamoDB's limit is %d",
            before_bytes, after_bytes, EVENT_ITEM_MAX_BYTES);
    if (before_bytes + UNDO_OVERHEAD_BYTES > EVENT_ITEM_MAX_BYTES)
        return error_set(error, EXIT_STATUS_HALTED, "the event has %zu bytes: too many to keep its pre-image in one item",
            before_bytes);
    return true;
}

static void send_pre_image(struct pump_slot *slot, const struct upgrade *upgrade, bool replace)
{
    struct rewrite *rewrite = rewrite_of(slot);
    char at[32];

    journal_time(upgrade->driver, at);
    aws_format(&slot->body, "{'TableName':%s,'Item':{", upgrade->driver->undo_table);
    undo_append_key(&slot->body, upgrade, rewrite->before);
    aws_format(&slot->body, ",'before':{'M':%j},'before_digest':{'S':%s},'after_digest':{'S':%s},'from':{'N':%N},"
        "'at':{'S':%s}}", rewrite->item, rewrite->before_digest.hex, rewrite->after_digest.hex, (int64_t)rewrite->version, at);
    if (replace)
        aws_format(&slot->body, ",'ConditionExpression':'before_digest = :b','ExpressionAttributeValues':{':b':{'S':%S}}}",
            &rewrite->other_digest);
    else
        aws_format(&slot->body, ",'ConditionExpression':'attribute_not_exists(pk) OR (before_digest = :b AND after_digest = "
            ":a AND attribute_not_exists(kept))','ExpressionAttributeValues':{':b':{'S':%s},':a':{'S':%s}}}",
            rewrite->before_digest.hex, rewrite->after_digest.hex);
    slot->stage = replace ? STAGE_REPLACE : STAGE_PRE_IMAGE;
    pump_send(slot, "PutItem", undo_write_units(event_item_size(rewrite->before) + 300));
}

static void send_read(struct pump_slot *slot, const struct upgrade *upgrade, enum stage stage)
{
    aws_format(&slot->body, "{'TableName':%s,'Key':%j,'ConsistentRead':true}",
        upgrade->events->table, item_key(&slot->arena, &upgrade->table, rewrite_of(slot)->item));
    slot->stage = (int)stage;
    pump_send(slot, "GetItem", 0);
}

static void send_event(struct pump_slot *slot, const struct upgrade *upgrade)
{
    struct rewrite *rewrite = rewrite_of(slot);
    size_t before_bytes = event_item_size(rewrite->before), after_bytes = event_item_size(rewrite->after);
    struct error error;

    aws_format(&slot->body, "{'TableName':%s,", upgrade->events->table);
    if (!item_change_append(&slot->body, &upgrade->table, rewrite->item, rewrite->after_item, &error)) {
        fail_event(slot, upgrade, &error);
        return;
    }
    strbuf_append_char(&slot->body, '}');
    slot->stage = STAGE_EVENT;
    dynamodb_point(upgrade->driver, "ddb.upgrade.before_event");
    pump_send(slot, "UpdateItem", undo_write_units(after_bytes > before_bytes ? after_bytes : before_bytes));
}

/* Takes an event as it was read just now and begins with it. */
static void begin(struct pump_slot *slot, struct upgrading *upgrading, const struct json *item)
{
    const struct upgrade *upgrade = upgrading->upgrade;
    struct rewrite *rewrite = ARENA_NEW(&slot->arena, struct rewrite);
    struct error error;

    slot->user = rewrite;
    rewrite->item = item;
    if (!event_item_from_dynamodb(&slot->arena, item, &rewrite->before, &error)) {
        fail_event(slot, upgrade, &error);
        return;
    }
    if (!event_version_read(rewrite->before, upgrade->events->version, &rewrite->version)) {
        error_set(&error, EXIT_STATUS_HALTED, "its '%s' is not a version number", upgrade->events->version);
        fail_event(slot, upgrade, &error);
        return;
    }
    if (rewrite->version >= (size_t)upgrade->to) {
        upgrading->faster++;
        pump_finish(slot);
        return;
    }
    if (!upcast_chain(slot, upgrade, &error) || !check_result(upgrade, rewrite, &error)) {
        fail_event(slot, upgrade, &error);
        return;
    }
    rewrite->after_item = event_item_to_dynamodb(&slot->arena, rewrite->after);
    rewrite->before_digest = fingerprint_item(rewrite->before);
    rewrite->after_digest = fingerprint_item(rewrite->after);
    send_pre_image(slot, upgrade, false);
}

/* The event as it is now: ours already, gone, or to be begun with anew. confirm: it may also be just what we had read. */
static void take_current(struct pump_slot *slot, struct upgrading *upgrading, bool confirm)
{
    const struct upgrade *upgrade = upgrading->upgrade;
    struct rewrite *rewrite = rewrite_of(slot);
    const struct json *item = json_get(slot->call.json, "Item");
    const struct event_value *current;
    struct digest digest;
    struct error error;

    if (!item) {
        upgrading->gone++;
        pump_finish(slot);
        return;
    }
    if (!event_item_from_dynamodb(&slot->arena, item, &current, &error)) {
        fail_event(slot, upgrade, &error);
        return;
    }
    digest = fingerprint_item(current);
    if (strcmp(digest.hex, rewrite->after_digest.hex) == 0) {
        upgrading->found_done++;
        pump_finish(slot);
        return;
    }
    if (confirm && strcmp(digest.hex, rewrite->before_digest.hex) == 0) {
        send_pre_image(slot, upgrade, true);
        return;
    }
    if (++slot->tries > REWRITE_TRIES_MAX) {
        error_set(&error, EXIT_STATUS_HALTED, "it changed under our hands %d times", REWRITE_TRIES_MAX);
        error.retryable = true;
        fail_event(slot, upgrade, &error);
        return;
    }
    upgrading->read_again++;
    begin(slot, upgrading, item);
}

/* Another pre-image is there, of an attempt that read the event before somebody changed it. The plan's own conditions
 * decide which of the two is right: the one whose event is there. */
static void pre_image_refused(struct pump_slot *slot, struct upgrading *upgrading)
{
    struct rewrite *rewrite = rewrite_of(slot);
    const struct upgrade *upgrade = upgrading->upgrade;

    aws_format(&slot->body, "{'TableName':%s,'Key':{", upgrade->driver->undo_table);
    undo_append_key(&slot->body, upgrade, rewrite->before);
    aws_format(&slot->body, "},'ConsistentRead':true}");
    slot->stage = STAGE_CONFIRM;
    rewrite->other_digest = (struct str){NULL, 0};
    pump_send(slot, "GetItem", 0);
}

static void confirm(struct pump_slot *slot, struct upgrading *upgrading)
{
    struct rewrite *rewrite = rewrite_of(slot);

    if (rewrite->other_digest.data) { /* the second answer: the event */
        take_current(slot, upgrading, true);
        return;
    }
    rewrite->other_digest = dynamodb_item_text(json_get(slot->call.json, "Item"), "before_digest");
    if (!rewrite->other_digest.len) { /* it has gone again: somebody restored */
        send_read(slot, upgrading->upgrade, STAGE_READ_AGAIN);
        return;
    }
    send_read(slot, upgrading->upgrade, STAGE_CONFIRM);
}

void rewrite_advance(void *context, struct pump_slot *slot)
{
    struct upgrading *upgrading = context;
    const struct upgrade *upgrade = upgrading->upgrade;
    bool refused;

    if (slot->stage == STAGE_FRESH) {
        begin(slot, upgrading, slot->item);
        return;
    }
    refused = !slot->call.ok && dynamodb_is(&slot->call.error, "ConditionalCheckFailedException");
    if (!slot->call.ok && !refused) {
        fail_event(slot, upgrade, &slot->call.error);
        return;
    }
    switch ((enum stage)slot->stage) {
    case STAGE_PRE_IMAGE:
        if (refused)
            pre_image_refused(slot, upgrading);
        else
            send_event(slot, upgrade);
        break;
    case STAGE_CONFIRM:
        confirm(slot, upgrading);
        break;
    case STAGE_REPLACE:
        if (refused)
            send_read(slot, upgrade, STAGE_READ_AGAIN);
        else
            send_event(slot, upgrade);
        break;
    case STAGE_EVENT:
        if (refused) {
            send_read(slot, upgrade, STAGE_READ_AGAIN);
            break;
        }
        upgrading->upgraded++;
        dynamodb_point(upgrade->driver, "ddb.upgrade.after_event");
        pump_finish(slot);
        break;
    case STAGE_READ_AGAIN:
        take_current(slot, upgrading, false);
        break;
    case STAGE_FRESH:
        BUG("an event without a request");
    }
}
