/*
 * ddb.transform_items: changes the items of a table, each exactly once. An item and its pre-image are written in one
 * transaction, the pre-image on the condition that there is none: it is there if and only if the item was changed, so that
 * a repeated page, or a resume after a kill, never changes an item twice, whatever became of it since. ddb.assert reads a
 * table the same way and writes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "executor/events/fingerprint.h"
#include "executor/events/upgrade.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/event/item_transform.h"
#include "spec/exit.h"

enum { SEGMENTS_MAX = 1000000, PAGE_ITEMS_MIN = 25 };

struct transform {
    struct upgrade rewrite; /* for undo rows and the way back: driver, step, segments, limits, table */
    struct item_transform *change;
    struct checkpoints checkpoints;
    bool asserting;
    const char *message;    /* of an assert */
    int64_t changed;
    int64_t skipped;        /* the condition does not hold, or nothing would change */
    int64_t found_done;     /* changed by an earlier attempt */
    int64_t gone;
    int64_t read_again;
};

/* --- the step ----------------------------------------------------------------------------------------------------------------- */

static bool read_step(struct dynamodb_driver *driver, const struct plan_step *step, struct transform *out,
    struct error *error)
{
    const struct json *forward = step->action.forward;

    memset(out, 0, sizeof(*out));
    out->asserting = step->action.instruction == INSTRUCTION_DDB_ASSERT;
    out->message = json_string(json_get(forward, "message"));
    out->rewrite.driver = driver;
    out->rewrite.step = step;
    out->rewrite.table.name = json_string(json_get(forward, "table"));
    if (!out->rewrite.table.name || !json_to_i64(json_get(forward, "segments"), &out->rewrite.segments) ||
        out->rewrite.segments < 1 || out->rewrite.segments > SEGMENTS_MAX ||
        !rate_read_limit(json_get(forward, "max_wcu"), &out->rewrite.max_wcu) ||
        !rate_read_limit(json_get(forward, "max_rcu"), &out->rewrite.max_rcu))
        return error_set(error, EXIT_STATUS_PLAN, "step '%s' has no table, segments or limits", step->id);
    return true;
}

static bool read_change(struct arena *arena, struct transform *transform, struct error *error)
{
    const struct json *forward = transform->rewrite.step->action.forward;
    struct json *condition = json_new(arena, JSON_OBJECT);
    struct item_transform_problem problem;

    if (transform->asserting) {
        json_set(arena, condition, "where", json_clone(arena, json_get(forward, "every")));
        forward = condition;
    }
    return item_transform_create(arena, forward, &transform->change, &problem) ||
        error_set(error, EXIT_STATUS_PLAN, "step '%s', %s: %s", transform->rewrite.step->id, problem.pointer,
            problem.message);
}

/* --- one item ------------------------------------------------------------------------------------------------------------------ */

enum stage {
    STAGE_FRESH,
    STAGE_WRITE,      /* the transaction */
    STAGE_READ_AGAIN, /* the item was not what we had read */
};

struct work {
    const struct json *item; /* as it was read last */
    const struct event_value *before;
};

static void fail_item(struct pump_slot *slot, const struct transform *transform, struct error *error)
{
    const struct work *work = slot->user;
    struct strbuf key = STRBUF_INIT;

    json_write(&key, item_key(&slot->arena, &transform->rewrite.table, work->item));
    error_wrap(error, "item %.300s of table '%s'", key.data, transform->rewrite.table.name);
    strbuf_free(&key);
    pump_fail(slot, error);
}

static bool check_sizes(const struct event_value *before, const struct event_value *after, struct error *error)
{
    size_t before_bytes = event_item_size(before), after_bytes = event_item_size(after);

    if (after_bytes > EVENT_ITEM_MAX_BYTES)
        return error_set(error, EXIT_STATUS_HALTED, "it would grow from %zu to %zu bytes: DynamoDB's limit is %d",
            before_bytes, after_bytes, EVENT_ITEM_MAX_BYTES);
    if (before_bytes + UNDO_OVERHEAD_BYTES > EVENT_ITEM_MAX_BYTES)
        return error_set(error, EXIT_STATUS_HALTED, "it has %zu bytes: too many to keep its pre-image in one item",
            before_bytes);
    return true;
}

/* A row that the way back has kept for somebody else's change is none: the item is changed anew. */
static bool send_write(struct pump_slot *slot, const struct transform *transform, const struct event_value *after,
    struct error *error)
{
    const struct upgrade *rewrite = &transform->rewrite;
    const struct work *work = slot->user;
    struct json *after_item = event_item_to_dynamodb(&slot->arena, after);
    size_t before_bytes = event_item_size(work->before), after_bytes = event_item_size(after);
    struct digest before_digest = fingerprint_item(work->before), after_digest = fingerprint_item(after);
    char at[32];

    journal_time(rewrite->driver, at);
    aws_format(&slot->body, "{'TransactItems':[{'Put':{'TableName':%s,'Item':{",
        rewrite->driver->undo_table);
    undo_append_key(&slot->body, rewrite, work->before);
    aws_format(&slot->body, ",'before':{'M':%j},'before_digest':{'S':%s},'after_digest':{'S':%s},'at':{'S':%s}},"
        "'ConditionExpression':'attribute_not_exists(pk) OR attribute_exists(kept)'}},{'Update':{'TableName':%s,",
        work->item, before_digest.hex, after_digest.hex, at, rewrite->table.name);
    if (!item_change_append(&slot->body, &rewrite->table, work->item, after_item, error))
        return false;
    strbuf_append_text(&slot->body, "}}]}");
    slot->stage = STAGE_WRITE;
    dynamodb_point(rewrite->driver, "ddb.transform.before_item");
    /* A transaction consumes twice what the writes in it do. */
    pump_send(slot, "TransactWriteItems", 2 * (undo_write_units(before_bytes + 300) +
        undo_write_units(after_bytes > before_bytes ? after_bytes : before_bytes)));
    return true;
}

/* Takes an item as it was read just now and begins with it. */
static void begin(struct pump_slot *slot, struct transform *transform, const struct json *item)
{
    struct work *work = ARENA_NEW(&slot->arena, struct work);
    struct item_transform_problem problem;
    const struct event_value *after;
    struct error error;
    bool selected;

    slot->user = work;
    work->item = item;
    if (!event_item_from_dynamodb(&slot->arena, item, &work->before, &error)) {
        fail_item(slot, transform, &error);
        return;
    }
    if (!item_transform_apply(transform->change, &slot->arena, work->before, &selected, &after, &problem)) {
        error_set(&error, EXIT_STATUS_HALTED, "%s: %s", problem.pointer[0] ? problem.pointer + 1 : "it", problem.message);
        fail_item(slot, transform, &error);
        return;
    }
    if (transform->asserting && !selected) {
        error_set(&error, EXIT_STATUS_HALTED, "%s", transform->message ? transform->message : "the condition does not hold");
        fail_item(slot, transform, &error);
        return;
    }
    if (transform->asserting || !selected || event_value_equal(work->before, after)) {
        transform->skipped++;
        pump_finish(slot);
        return;
    }
    if (!check_sizes(work->before, after, &error) || !send_write(slot, transform, after, &error))
        fail_item(slot, transform, &error);
}

static void send_read(struct pump_slot *slot, const struct transform *transform)
{
    const struct work *work = slot->user;

    aws_format(&slot->body, "{'TableName':%s,'Key':%j,'ConsistentRead':true}",
        transform->rewrite.table.name, item_key(&slot->arena, &transform->rewrite.table, work->item));
    slot->stage = STAGE_READ_AGAIN;
    pump_send(slot, "GetItem", 0);
}

static bool reason_is(const struct aws_call *call, size_t index, const char *code)
{
    return str_is(json_text(json_get(json_at(json_get(call->json, "CancellationReasons"), index), "Code")), code);
}

static void written(struct pump_slot *slot, struct transform *transform)
{
    struct error error = slot->call.error;

    if (slot->call.ok) {
        transform->changed++;
        dynamodb_point(transform->rewrite.driver, "ddb.transform.after_item");
        pump_finish(slot);
        return;
    }
    if (!dynamodb_is(&error, "TransactionCanceledException")) {
        fail_item(slot, transform, &error);
        return;
    }
    if (reason_is(&slot->call, 0, "ConditionalCheckFailed")) { /* its pre-image is there: it was changed by this step */
        transform->found_done++;
        pump_finish(slot);
        return;
    }
    if (++slot->tries > REWRITE_TRIES_MAX) {
        error.retryable = true;
        error_wrap(&error, "it could not be written %d times", REWRITE_TRIES_MAX);
        fail_item(slot, transform, &error);
        return;
    }
    send_read(slot, transform); /* somebody changed it, or another transaction was at it */
}

static void read_again(struct pump_slot *slot, struct transform *transform)
{
    const struct json *item = json_get(slot->call.json, "Item");

    if (!slot->call.ok) {
        fail_item(slot, transform, &slot->call.error);
    } else if (!item) {
        transform->gone++;
        pump_finish(slot);
    } else {
        transform->read_again++;
        begin(slot, transform, item);
    }
}

static void advance(void *context, struct pump_slot *slot)
{
    struct transform *transform = context;

    switch ((enum stage)slot->stage) {
    case STAGE_FRESH:
        transform->checkpoints.parts[slot->part].items++;
        begin(slot, transform, slot->item);
        return;
    case STAGE_WRITE:
        written(slot, transform);
        return;
    case STAGE_READ_AGAIN:
        read_again(slot, transform);
        return;
    }
    BUG("an item in stage %d", slot->stage);
}

/* --- all of them --------------------------------------------------------------------------------------------------------------- */

static bool enter_part(void *context, size_t part, const struct json **start)
{
    return checkpoints_enter(&((struct transform *)context)->checkpoints, part, start);
}

static const char *compose_page(void *context, size_t part, const struct json *start, struct strbuf *body)
{
    const struct transform *transform = context;
    const struct upgrade *rewrite = &transform->rewrite;

    aws_format(body, "{'TableName':%s,'ConsistentRead':true,'Segment':%i,"
        "'TotalSegments':%i", rewrite->table.name, (int64_t)part, rewrite->segments);
    if (rewrite->max_rcu > 0)
        aws_format(body, ",'Limit':%i", rewrite->max_rcu < PAGE_ITEMS_MIN ? (int64_t)PAGE_ITEMS_MIN : (int64_t)rewrite->max_rcu);
    if (start)
        aws_format(body, ",'ExclusiveStartKey':%j", start);
    strbuf_append_char(body, '}');
    return "Scan";
}

static void compose_checkpoint(void *context, size_t part, const struct json *next, struct strbuf *body)
{
    checkpoints_compose(&((struct transform *)context)->checkpoints, part, next, body);
}

static void report(const struct transform *transform, const struct pump *pump, struct driver_result *result)
{
    char text[512];

    result->affected = transform->asserting ? transform->skipped : transform->changed;
    snprintf(text, sizeof(text), "{\"changed\":%lld,\"skipped\":%lld,\"found_done\":%lld,\"deleted_meanwhile\":%lld,"
        "\"read_again\":%lld,\"seen_by_earlier_attempts\":%lld}", (long long)transform->changed, (long long)transform->skipped,
        (long long)transform->found_done, (long long)transform->gone, (long long)transform->read_again,
        (long long)transform->checkpoints.items);
    result->detail = str_from(arena_strdup(pump->driver->base.arena, text));
}

bool transform_run(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    static const struct pump_ops changing = {enter_part, compose_page, advance, compose_checkpoint, NULL};
    static const struct pump_ops asserting = {enter_part, compose_page, advance, NULL, NULL};
    const struct driver_env *env = driver->base.env;
    struct arena arena = ARENA_INIT;
    struct transform transform;
    struct pump pump = {.driver = driver, .name = step->id, .context = &transform, .unit = "items"};
    bool ok = read_step(driver, step, &transform, error) && read_change(&arena, &transform, error) &&
        item_table_read(driver, &arena, transform.rewrite.table.name, &transform.rewrite.table, error) &&
        checkpoints_read(driver, &arena, step->id, (size_t)transform.rewrite.segments, &transform.checkpoints, error);

    if (ok) {
        pump.ops = transform.asserting ? &asserting : &changing;
        pump.parts = transform.checkpoints.count;
        pump.done = transform.checkpoints.items;
        pump.total = transform.rewrite.table.item_count;
        rate_init(&pump.read_rate, transform.rewrite.max_rcu, env->now_ms(env->context));
        rate_init(&pump.write_rate, transform.rewrite.max_wcu, env->now_ms(env->context));
        ok = pump_run(&pump, error);
        report(&transform, &pump, result);
    }
    arena_free(&arena);
    return ok;
}

bool transform_restore(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct transform transform;
    bool ok = read_step(driver, step, &transform, error) &&
        item_table_read(driver, &arena, transform.rewrite.table.name, &transform.rewrite.table, error) &&
        restore_run(&transform.rewrite, "items", result, error);

    arena_free(&arena);
    return ok;
}

bool transform_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct transform transform;
    bool left = false;
    bool ok = read_step(driver, step, &transform, error) &&
        checkpoints_read(driver, &arena, step->id, (size_t)transform.rewrite.segments, &transform.checkpoints, error) &&
        (!inverse || transform.checkpoints.kept || undo_rows_left(&transform.rewrite, &left, error));

    if (ok && inverse) { /* a checkpoint that is left would let the next run pass over items */
        out->state = transform.checkpoints.kept || left ? PROBE_NOT_DONE : PROBE_DONE;
        snprintf(out->detail, sizeof(out->detail), "%s", out->state == PROBE_DONE ? "no pre-image is left"
                                                                                 : "there are pre-images to restore");
    } else if (ok) {
        out->state = transform.checkpoints.done == transform.checkpoints.count ? PROBE_DONE : PROBE_NOT_DONE;
        snprintf(out->detail, sizeof(out->detail), "%zu of %zu segments of table '%s' are changed",
            transform.checkpoints.done, transform.checkpoints.count, transform.rewrite.table.name);
    }
    arena_free(&arena);
    return ok;
}
