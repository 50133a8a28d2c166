/* Seed items: each is written only where none is, and taken away only where it still is as it was written. */
#include <stdio.h>
#include <string.h>

#include "executor/dynamodb/dynamodb.h"
#include "spec/base/arena.h"
#include "spec/event/value.h"
#include "spec/exit.h"

enum { IN_FLIGHT = 16, BATCH_READ = 100, BATCH_TRIES = 100, BATCH_PAUSE_MS = 100, SHOWN_MAX = 200 };

struct seeds {
    const char *table;
    const struct json *items;
    const struct json *key; /* attribute names */
};

static bool read_seeds(const struct plan_step *step, struct seeds *out, struct error *error)
{
    out->table = json_string(json_get(step->action.forward, "table"));
    out->items = json_get(step->action.forward, "items");
    out->key = json_get(step->action.forward, "key");
    if (out->table && json_is(out->items, JSON_ARRAY) && json_is(out->key, JSON_ARRAY) && out->key->child)
        return true;
    return error_set(error, EXIT_STATUS_PLAN, "step '%s' has no items, table or key", step->id);
}

static struct json *key_of(struct arena *arena, const struct seeds *seeds, const struct json *item)
{
    struct json *out = json_new(arena, JSON_OBJECT);

    for (const struct json *name = seeds->key->child; name; name = name->next) {
        const struct json *value = json_get(item, json_text(name).data);

        if (value)
            json_set(arena, out, json_text(name).data, json_clone(arena, value));
    }
    return out;
}

static bool same_item(struct arena *arena, const struct json *a, const struct json *b)
{
    const struct event_value *left, *right;
    struct error ignored;

    return event_item_from_dynamodb(arena, a, &left, &ignored) && event_item_from_dynamodb(arena, b, &right, &ignored) &&
        event_value_equal(left, right);
}

/* One request for each item, IN_FLIGHT of them at a time. */
struct slot {
    struct aws_call call;
    struct arena arena;
    struct strbuf body;
    const struct json *item;
    bool busy;
};

typedef void (*compose_fn)(struct arena *arena, const struct seeds *seeds, const struct json *item, struct strbuf *body);

/* Sends the same kind of request for all items. *done counts those that succeeded, *refused those whose condition did not
 * hold; any other error stops. */
static bool for_each_item(struct dynamodb_driver *driver, const struct plan_step *step, const struct seeds *seeds,
    const char *action, compose_fn compose, int64_t *done, int64_t *refused, struct error *error)
{
    const struct driver_env *env = driver->base.env;
    struct arena arena = ARENA_INIT;
    struct slot *slots = ARENA_ARRAY(&arena, struct slot, IN_FLIGHT);
    const struct json *next = seeds->items->child;
    bool ok = true;
    size_t busy;

    *done = *refused = 0;
    do {
        busy = 0;
        for (size_t i = 0; i < IN_FLIGHT; i++) {
            struct slot *slot = &slots[i];

            if (slot->busy && slot->call.done) {
                dynamodb_count_units(driver, &slot->call, NULL);
                if (slot->call.ok) {
                    ++*done;
                } else if (dynamodb_is(&slot->call.error, "ConditionalCheckFailedException")) {
                    ++*refused;
                } else if (ok) {
                    *error = slot->call.error;
                    ok = false;
                }
                slot->busy = false;
                strbuf_free(&slot->body);
                arena_reset(&slot->arena);
                env->progress(env->context, step->id, *done + *refused, (int64_t)seeds->items->count, "items");
            }
            if (!slot->busy && ok && next && dynamodb_stopping(driver))
                ok = dynamodb_stopped(error, step->id);
            if (!slot->busy && ok && next) {
                slot->item = next;
                compose(&slot->arena, seeds, next, &slot->body);
                dynamodb_ask_units(action, &slot->body);
                slot->call = (struct aws_call){.service = &AWS_SERVICE_DYNAMODB,
                    .action = action,
                    .body = strbuf_view(&slot->body),
                    .arena = &slot->arena};
                aws_call_start(driver->client, &slot->call);
                slot->busy = true;
                next = next->next;
            }
            busy += slot->busy;
        }
        if (busy)
            aws_client_poll(driver->client, 1000);
    } while (busy);
    for (size_t i = 0; i < IN_FLIGHT; i++)
        arena_free(&slots[i].arena);
    arena_free(&arena);
    return ok;
}

static void compose_put(struct arena *arena, const struct seeds *seeds, const struct json *item, struct strbuf *body)
{
    (void)arena;
    aws_format(body, "{'TableName':%s,'Item':%j,'ConditionExpression':'attribute_not_exists(#k)',"
        "'ExpressionAttributeNames':{'#k':%j}}", seeds->table, item, seeds->key->child);
}

/* Deletes the item on the condition that every attribute is as we wrote it. */
static void compose_delete(struct arena *arena, const struct seeds *seeds, const struct json *item, struct strbuf *body)
{
    size_t count = 0;

    aws_format(body, "{'TableName':%s,'Key':%j,'ConditionExpression':\"", seeds->table, key_of(arena, seeds, item));
    for (const struct json *member = item->child; member; member = member->next, count++)
        strbuf_printf(body, "%s#%zu=:%zu", count ? " AND " : "", count, count);
    strbuf_append_text(body, "\",\"ExpressionAttributeNames\":{");
    count = 0;
    for (const struct json *member = item->child; member; member = member->next, count++)
        aws_format(body, "%r'#%i':%S", count ? "," : "", (int64_t)count, &member->key);
    strbuf_append_text(body, "},\"ExpressionAttributeValues\":{");
    count = 0;
    for (const struct json *member = item->child; member; member = member->next, count++)
        aws_format(body, "%r':%i':%j", count ? "," : "", (int64_t)count, member);
    strbuf_append_text(body, "}}");
}

/* What is stored under the items' keys, in batches; each gets NULL for an item that is not there. */
typedef void (*stored_fn)(void *context, const struct json *item, const struct json *stored);

static bool read_batch(struct dynamodb_driver *driver, struct arena *arena, const struct seeds *seeds,
    const struct json *first, size_t count, stored_fn each, void *context, struct error *error)
{
    struct strbuf body = STRBUF_INIT;
    struct json *pending = json_new(arena, JSON_ARRAY), *found = json_new(arena, JSON_ARRAY);
    const struct json *item = first;
    int tries = 0;

    for (size_t i = 0; i < count; i++, item = item->next)
        json_append(pending, key_of(arena, seeds, item));
    while (pending && pending->count) {
        struct json *left = json_new(arena, JSON_ARRAY);
        const struct json *answer, *list;

        aws_format(&body, "{'RequestItems':{%s:{'Keys':%j,'ConsistentRead':true}}}", seeds->table, pending);
        if (!dynamodb_call(driver, arena, "BatchGetItem", &body, &answer, error))
            return false;
        list = json_get(json_get(answer, "Responses"), seeds->table);
        for (const struct json *one = list ? list->child : NULL; one; one = one->next)
            json_append(found, json_clone(arena, one));
        list = json_get(json_get(json_get(answer, "UnprocessedKeys"), seeds->table), "Keys");
        for (const struct json *one = list ? list->child : NULL; one; one = one->next)
            json_append(left, json_clone(arena, one));
        if (left->count && ++tries == BATCH_TRIES) {
            error_set(error, EXIT_STATUS_HALTED, "table '%s' gives %zu items of a batch none of %d times", seeds->table,
                left->count, BATCH_TRIES);
            return error_help(error, "its read capacity may be used up; apply again when it is not");
        }
        if (left->count)
            aws_client_sleep(driver->client, BATCH_PAUSE_MS);
        if (dynamodb_stopping(driver))
            return error_set(error, EXIT_STATUS_RESUMABLE, "stopped while reading items of table '%s'", seeds->table);
        pending = left;
    }
    item = first;
    for (size_t i = 0; i < count; i++, item = item->next) {
        const struct json *stored = NULL, *key = key_of(arena, seeds, item);

        for (const struct json *one = found->child; one && !stored; one = one->next)
            if (same_item(arena, key_of(arena, seeds, one), key))
                stored = one;
        each(context, item, stored);
    }
    return true;
}

static bool read_stored(struct dynamodb_driver *driver, const struct seeds *seeds, stored_fn each, void *context,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    bool ok = true;

    for (const struct json *first = seeds->items->child; ok && first;) {
        const struct json *after = first;
        size_t count = 0;

        for (; after && count < BATCH_READ; after = after->next)
            count++;
        ok = read_batch(driver, &arena, seeds, first, count, each, context, error);
        arena_reset(&arena);
        first = after;
    }
    arena_free(&arena);
    return ok;
}

struct census {
    size_t absent;
    size_t same;
    size_t different;
    char example[SHOWN_MAX];
};

static void count_item(void *context, const struct json *item, const struct json *stored)
{
    struct census *census = context;
    struct arena arena = ARENA_INIT;
    struct strbuf text = STRBUF_INIT;

    if (!stored) {
        census->absent++;
    } else if (same_item(&arena, item, stored)) {
        census->same++;
    } else if (census->different++ == 0) {
        json_write(&text, item);
        snprintf(census->example, sizeof(census->example), "%s", text.data);
    }
    strbuf_free(&text);
    arena_free(&arena);
}

bool items_probe(struct dynamodb_driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
    struct error *error)
{
    struct census census = {0};
    struct seeds seeds;
    bool done;

    if (!read_seeds(step, &seeds, error))
        return false;
    if (!read_stored(driver, &seeds, count_item, &census, error)) {
        if (!dynamodb_is(error, "ResourceNotFoundException"))
            return false;
        census.absent = seeds.items->count;
    }
    done = inverse ? census.same == 0 : census.absent == 0;
    out->state = done ? PROBE_DONE : PROBE_NOT_DONE;
    snprintf(out->detail, sizeof(out->detail), "%zu items of table '%s' are as written, %zu are not there, %zu have another "
        "content", census.same, seeds.table, census.absent, census.different);
    return true;
}

bool items_put(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    struct census census = {0};
    struct seeds seeds;
    int64_t written, there;
    char message[SHOWN_MAX + 256];

    if (!read_seeds(step, &seeds, error) || !dynamodb_lease_ensure(driver, error) ||
        !for_each_item(driver, step, &seeds, "PutItem", compose_put, &written, &there, error))
        return false;
    result->affected = written;
    if (there == 0)
        return true;
    if (!read_stored(driver, &seeds, count_item, &census, error))
        return false;
    if (census.different) {
        snprintf(message, sizeof(message), "step '%s': %zu items were there already with another content and stay as they "
            "are, for example in place of %s", step->id, census.different, census.example);
        driver->base.env->log(driver->base.env->context, "warning", message);
    }
    return true;
}

bool items_remove(struct dynamodb_driver *driver, const struct plan_step *step, struct driver_result *result,
    struct error *error)
{
    struct seeds seeds;
    int64_t removed, kept;
    char message[256];

    if (!read_seeds(step, &seeds, error) || !dynamodb_lease_ensure(driver, error) ||
        !for_each_item(driver, step, &seeds, "DeleteItem", compose_delete, &removed, &kept, error))
        return false;
    result->affected = removed;
    if (kept) {
        snprintf(message, sizeof(message), "step '%.80s': %lld items are gone, or not as they were written and stay", step->id,
            (long long)kept);
        driver->base.env->log(driver->base.env->context, "warning", message);
    }
    return true;
}

/* --- what deleting a table would lose -------------------------------------------------------------------------------------------- */

static bool registered_by(const struct plan_step *step, const char *table, const struct json *item)
{
    const struct json *forward = step->action.forward;
    int64_t version, wanted;

    return step->action.instruction == INSTRUCTION_EVENT_REGISTER &&
        str_is(json_text(json_get(forward, "registry")), table) &&
        str_equal(json_text(json_get(forward, "event")), dynamodb_item_text(item, "eventType")) &&
        json_to_i64(json_get(forward, "version"), &wanted) && dynamodb_item_number(item, "version", &version) &&
        version == wanted && str_equal(json_text(json_get(forward, "digest")), dynamodb_item_text(item, "digest"));
}

static bool seeded_by(struct arena *arena, const struct plan_step *step, const char *table, const struct json *item)
{
    const struct json *items = json_get(step->action.forward, "items");

    if (step->action.instruction != INSTRUCTION_DDB_PUT_ITEMS ||
        !str_is(json_text(json_get(step->action.forward, "table")), table))
        return false;
    for (const struct json *one = items ? items->child : NULL; one; one = one->next)
        if (same_item(arena, one, item))
            return true;
    return false;
}

/* Written by a later step of the plan, whose own undo takes it away before the table goes. */
static bool is_of_the_plan(const struct dynamodb_driver *driver, const char *table, const struct json *item)
{
    const struct plan *plan = driver->base.plan;
    struct arena arena = ARENA_INIT;
    bool found = false;

    for (size_t i = 0; i < plan->steps.count && !found; i++)
        found = registered_by(&plan->steps.items[i], table, item) ||
            seeded_by(&arena, &plan->steps.items[i], table, item);
    arena_free(&arena);
    return found;
}

bool items_lost_with_table(struct dynamodb_driver *driver, const char *table, bool *lost, struct error *error)
{
    struct arena pages[2] = {ARENA_INIT, ARENA_INIT};
    const struct json *start = NULL;
    bool ok = true;

    *lost = false;
    for (size_t page = 0; ok && !*lost; page++) {
        struct arena *arena = &pages[page % 2];
        struct strbuf body = STRBUF_INIT;
        const struct json *answer, *items;

        arena_reset(arena);
        /* A large table shows by its first item that it is not empty. */
        aws_format(&body, "{'TableName':%s,'ConsistentRead':true%r", table, page ? "" : ",\"Limit\":1");
        if (start)
            aws_format(&body, ",'ExclusiveStartKey':%j", start);
        strbuf_append_char(&body, '}');
        ok = dynamodb_call(driver, arena, "Scan", &body, &answer, error);
        items = ok ? json_get(answer, "Items") : NULL;
        for (const struct json *item = items ? items->child : NULL; item && !*lost; item = item->next)
            *lost = !is_of_the_plan(driver, table, item);
        start = ok ? json_get(answer, "LastEvaluatedKey") : NULL;
        if (!start || dynamodb_stopping(driver))
            break;
    }
    arena_free(&pages[0]);
    arena_free(&pages[1]);
    if (!ok && dynamodb_is(error, "ResourceNotFoundException"))
        return true; /* a table that is gone holds nothing */
    if (ok && !*lost && start)
        return dynamodb_stopped(error, table);
    return ok;
}
