/*
 * Any JSON object as an event, and as an item in DynamoDB's JSON. Beyond not crashing: what is read is written as it
 * stood (numbers by their text), both writers give the same text, and an item that is read again is the same one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/event/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct strbuf *a, struct strbuf *b, const char *what)
{
    if (!str_equal(strbuf_view(a), strbuf_view(b)))
        BUG("%s: %s and %s", what, a->data, b->data);
    strbuf_free(a);
    strbuf_free(b);
}

static void plain(struct arena *arena, const struct json *json)
{
    const struct event_value *value = event_value_from_json(arena, json);
    struct strbuf read = STRBUF_INIT, written = STRBUF_INIT, tree = STRBUF_INIT, direct = STRBUF_INIT;

    json_write(&read, json);
    json_write(&tree, event_value_to_json(arena, value));
    event_value_write_json(&direct, value);
    strbuf_append_str(&written, strbuf_view(&direct));
    same(&read, &written, "an event changed on its way");
    same(&tree, &direct, "two texts for one event");
    event_item_size(value);
    if (!event_value_equal(value, event_value_from_json(arena, event_value_to_json(arena, value))))
        BUG("an event is not equal to itself");
}

static void item(struct arena *arena, const struct json *json)
{
    struct strbuf tree = STRBUF_INIT, direct = STRBUF_INIT, plain_tree = STRBUF_INIT, plain_direct = STRBUF_INIT;
    const struct event_value *value, *again;
    struct error error;

    if (!event_item_from_dynamodb(arena, json, &value, &error)) {
        if (!error.message[0])
            BUG("a failure without a message");
        return;
    }
    json_write(&tree, event_item_to_dynamodb(arena, value));
    event_item_write_dynamodb(&direct, value);
    same(&tree, &direct, "two texts for one item");
    json_write(&plain_tree, event_value_to_json(arena, value));
    event_value_write_json(&plain_direct, value);
    same(&plain_tree, &plain_direct, "two texts for one item's event");
    if (!event_item_from_dynamodb(arena, event_item_to_dynamodb(arena, value), &again, &error) ||
        !event_value_equal(value, again) || event_item_size(value) != event_item_size(again))
        BUG("an item changed on its way");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct json_error problem;
    const struct json *json;

    if (size > 100000)
        return 0;
    json = json_read(&arena, (struct str){(const char *)data, size}, JSON_ALLOW_NUL, &problem);
    if (json_is(json, JSON_OBJECT)) {
        plain(&arena, json);
        item(&arena, json);
    }
    arena_free(&arena);
    return 0;
}
