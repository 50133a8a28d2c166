/* The two JSON forms of values: plain, and DynamoDB's with a type letter around each value. */
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/base64.h"
#include "spec/base/decimal.h"
#include "spec/event/value.h"
#include "spec/exit.h"

static bool is_json_number(struct str text)
{
    size_t i = text.len && text.data[0] == '-';

    if (i == text.len || text.data[i] == '+' || text.data[i] == '.')
        return false;
    if (text.data[i] == '0' && i + 1 < text.len && text.data[i + 1] >= '0' && text.data[i + 1] <= '9')
        return false;
    for (; i < text.len; i++) {
        if (text.data[i] == '.' && (i + 1 == text.len || text.data[i + 1] < '0' || text.data[i + 1] > '9'))
            return false;
    }
    return true;
}

static struct str number_lexeme(struct arena *arena, struct str text)
{
    struct decimal value;

    if (is_json_number(text) || !decimal_parse(text, &value))
        return text;
    return decimal_print(arena, &value);
}

/* --- plain -------------------------------------------------------------------------------------------------------- */

static struct event_value *new_value(struct arena *arena, enum event_type type)
{
    struct event_value *value = ARENA_NEW(arena, struct event_value);

    value->type = type;
    return value;
}

/* The values of all children are made at once: an event has a dozen of them. */
static void fill_from_json(struct arena *arena, const struct json *json, struct event_value *value)
{
    static const enum event_type types[] = {
        [JSON_NULL] = EVENT_NULL,
        [JSON_FALSE] = EVENT_BOOL,
        [JSON_TRUE] = EVENT_BOOL,
        [JSON_NUMBER] = EVENT_NUMBER,
        [JSON_STRING] = EVENT_STRING,
        [JSON_ARRAY] = EVENT_LIST,
        [JSON_OBJECT] = EVENT_MAP,
    };
    struct event_value *children;

    value->type = types[json->type];
    value->boolean = json->type == JSON_TRUE;
    if (json->type == JSON_NUMBER || json->type == JSON_STRING) {
        value->text = json->text;
        value->plain = json->plain;
    }
    if (!json->count)
        return;
    children = ARENA_ARRAY(arena, struct event_value, json->count);
    if (json->type == JSON_ARRAY) {
        const struct event_value **items = ARENA_ARRAY(arena, const struct event_value *, json->count);

        for (const struct json *child = json->child; child; child = child->next) {
            fill_from_json(arena, child, &children[value->count]);
            items[value->count] = &children[value->count];
            value->count++;
        }
        value->items = items;
    } else {
        struct event_member *members = ARENA_ARRAY(arena, struct event_member, json->count);

        for (const struct json *child = json->child; child; child = child->next) {
            fill_from_json(arena, child, &children[value->count]);
            members[value->count] = (struct event_member){child->key, &children[value->count]};
            value->count++;
        }
        value->members = members;
    }
}

const struct event_value *event_value_from_json(struct arena *arena, const struct json *json)
{
    struct event_value *value = ARENA_NEW(arena, struct event_value);

    fill_from_json(arena, json, value);
    return value;
}

struct json *event_value_to_json(struct arena *arena, const struct event_value *value)
{
    struct json *result;

    switch (value->type) {
    case EVENT_NULL:
        return json_new(arena, JSON_NULL);
    case EVENT_BOOL:
        return json_new_bool(arena, value->boolean);
    case EVENT_NUMBER:
        return json_new_number(arena, number_lexeme(arena, value->text));
    case EVENT_STRING:
        return json_new_string(arena, value->text);
    case EVENT_BINARY:
        return json_new_string(arena, base64_encode(arena, value->text));
    case EVENT_LIST:
    case EVENT_STRING_SET:
    case EVENT_NUMBER_SET:
    case EVENT_BINARY_SET:
        result = json_new(arena, JSON_ARRAY);
        for (size_t i = 0; i < value->count; i++)
            json_append(result, event_value_to_json(arena, value->items[i]));
        return result;
    case EVENT_MAP:
        break;
    }
    result = json_new(arena, JSON_OBJECT);
    for (size_t i = 0; i < value->count; i++)
        json_set_str(arena, result, value->members[i].name, event_value_to_json(arena, value->members[i].value));
    return result;
}

/* --- DynamoDB ----------------------------------------------------------------------------------------------------- */

static const char *const type_letters[] = {
    [EVENT_NULL] = "NULL",
    [EVENT_BOOL] = "BOOL",
    [EVENT_NUMBER] = "N",
    [EVENT_STRING] = "S",
    [EVENT_BINARY] = "B",
    [EVENT_LIST] = "L",
    [EVENT_MAP] = "M",
    [EVENT_STRING_SET] = "SS",
    [EVENT_NUMBER_SET] = "NS",
    [EVENT_BINARY_SET] = "BS",
};

static bool fail(struct error *error, const char *what)
{
    return error_set(error, EXIT_STATUS_HALTED, "not a DynamoDB value: %s", what);
}

static bool read_scalar(
    struct arena *arena, enum event_type type, const struct json *json, struct event_value *value, struct error *error)
{
    struct decimal number;

    value->type = type;
    value->text = json->text;
    value->plain = json->plain && type == EVENT_STRING;
    if (!json_is(json, JSON_STRING))
        return fail(error, "the content of S, N and B, and of their sets, must be a string");
    if (type == EVENT_NUMBER && !decimal_parse(json->text, &number))
        return error_set(error, EXIT_STATUS_HALTED, "not a DynamoDB value: '%.*s' is not a number",
            (int)(json->text.len < 60 ? json->text.len : 60), json->text.data);
    if (type == EVENT_NUMBER && !decimal_is_storable(&number))
        return error_set(error, EXIT_STATUS_HALTED,
            "not a DynamoDB value: the number '%.*s' has more than 38 digits or is out of range",
            (int)(json->text.len < 60 ? json->text.len : 60), json->text.data);
    if (type == EVENT_BINARY && !base64_decode(arena, json->text, BASE64_STRICT, &value->text))
        return fail(error, "the content of B must be base 64");
    return true;
}

static bool read_set(struct arena *arena, enum event_type item_type, const struct json *json, struct event_value *value,
    struct error *error)
{
    const struct event_value **items, **sorted;

    if (!json_is(json, JSON_ARRAY) || !json->count)
        return fail(error, "the content of a set must be an array that is not empty");
    items = ARENA_ARRAY(arena, const struct event_value *, json->count);
    for (const struct json *child = json->child; child; child = child->next) {
        struct event_value *item = ARENA_NEW(arena, struct event_value);

        if (!read_scalar(arena, item_type, child, item, error))
            return false;
        items[value->count++] = item;
    }
    value->items = items;
    sorted = ARENA_ARRAY(arena, const struct event_value *, value->count);
    memcpy(sorted, items, value->count * sizeof(*sorted));
    qsort(sorted, value->count, sizeof(*sorted), event_scalar_compare);
    for (size_t i = 1; i < value->count; i++) {
        if (!event_scalar_compare(&sorted[i - 1], &sorted[i]))
            return fail(error, "a set holds the same value twice");
    }
    return true;
}

static bool read_list(struct arena *arena, const struct json *json, struct event_value *value, struct error *error)
{
    const struct event_value **items;

    if (!json_is(json, JSON_ARRAY))
        return fail(error, "the content of L must be an array");
    items = ARENA_ARRAY(arena, const struct event_value *, json->count);
    for (const struct json *child = json->child; child; child = child->next, value->count++) {
        if (!event_value_from_dynamodb(arena, child, &items[value->count], error))
            return false;
    }
    value->items = items;
    return true;
}

bool event_value_from_dynamodb(
    struct arena *arena, const struct json *json, const struct event_value **out, struct error *error)
{
    const struct json *content;
    struct event_value *value;
    size_t type = 0;

    if (!json_is(json, JSON_OBJECT) || json->count != 1)
        return fail(error, "it must be an object with one member, such as {\"S\":\"x\"}");
    content = json->child;
    while (type < sizeof(type_letters) / sizeof(*type_letters) && !str_is(content->key, type_letters[type]))
        type++;
    if (type == sizeof(type_letters) / sizeof(*type_letters))
        return error_set(error, EXIT_STATUS_HALTED, "not a DynamoDB value: '%.*s' is not a type",
            (int)(content->key.len < 60 ? content->key.len : 60), content->key.data);
    value = new_value(arena, (enum event_type)type);
    switch (value->type) {
    case EVENT_NULL:
        if (!json_is(content, JSON_TRUE))
            return fail(error, "the content of NULL must be true");
        break;
    case EVENT_BOOL:
        if (!json_is(content, JSON_TRUE) && !json_is(content, JSON_FALSE))
            return fail(error, "the content of BOOL must be true or false");
        value->boolean = json_is(content, JSON_TRUE);
        break;
    case EVENT_NUMBER:
    case EVENT_STRING:
    case EVENT_BINARY:
        if (!read_scalar(arena, value->type, content, value, error))
            return false;
        break;
    case EVENT_LIST:
        if (!read_list(arena, content, value, error))
            return false;
        break;
    case EVENT_MAP:
        return event_item_from_dynamodb(arena, content, out, error);
    case EVENT_STRING_SET:
        if (!read_set(arena, EVENT_STRING, content, value, error))
            return false;
        break;
    case EVENT_NUMBER_SET:
        if (!read_set(arena, EVENT_NUMBER, content, value, error))
            return false;
        break;
    case EVENT_BINARY_SET:
        if (!read_set(arena, EVENT_BINARY, content, value, error))
            return false;
        break;
    }
    *out = value;
    return true;
}

bool event_item_from_dynamodb(
    struct arena *arena, const struct json *json, const struct event_value **out, struct error *error)
{
    struct event_value *value = new_value(arena, EVENT_MAP);
    struct event_member *members;

    if (!json_is(json, JSON_OBJECT))
        return fail(error, "an item and the content of M must be an object");
    members = ARENA_ARRAY(arena, struct event_member, json->count);
    for (const struct json *child = json->child; child; child = child->next, value->count++) {
        members[value->count].name = child->key;
        if (!event_value_from_dynamodb(arena, child, &members[value->count].value, error))
            return false;
    }
    value->members = members;
    *out = value;
    return true;
}

static struct json *scalar_text(struct arena *arena, const struct event_value *value)
{
    return json_new_string(arena, value->type == EVENT_BINARY ? base64_encode(arena, value->text) : value->text);
}

struct json *event_value_to_dynamodb(struct arena *arena, const struct event_value *value)
{
    struct json *result = json_new(arena, JSON_OBJECT);
    struct json *content = NULL;

    switch (value->type) {
    case EVENT_NULL:
        content = json_new_bool(arena, true);
        break;
    case EVENT_BOOL:
        content = json_new_bool(arena, value->boolean);
        break;
    case EVENT_NUMBER:
    case EVENT_STRING:
    case EVENT_BINARY:
        content = scalar_text(arena, value);
        break;
    case EVENT_LIST:
        content = json_new(arena, JSON_ARRAY);
        for (size_t i = 0; i < value->count; i++)
            json_append(content, event_value_to_dynamodb(arena, value->items[i]));
        break;
    case EVENT_MAP:
        content = event_item_to_dynamodb(arena, value);
        break;
    case EVENT_STRING_SET:
    case EVENT_NUMBER_SET:
    case EVENT_BINARY_SET:
        content = json_new(arena, JSON_ARRAY);
        for (size_t i = 0; i < value->count; i++)
            json_append(content, scalar_text(arena, value->items[i]));
        break;
    }
    json_set(arena, result, type_letters[value->type], content);
    return result;
}

struct json *event_item_to_dynamodb(struct arena *arena, const struct event_value *map)
{
    struct json *result = json_new(arena, JSON_OBJECT);

    for (size_t i = 0; i < map->count; i++)
        json_set_str(arena, result, map->members[i].name, event_value_to_dynamodb(arena, map->members[i].value));
    return result;
}

/* --- texts without trees ------------------------------------------------------------------------------------------- */

static void write_number(struct strbuf *out, struct str text)
{
    struct arena scratch = ARENA_INIT;

    strbuf_append_str(out, is_json_number(text) ? text : number_lexeme(&scratch, text));
    arena_free(&scratch);
}

static void write_string(struct strbuf *out, const struct event_value *value)
{
    size_t len = value->text.len;
    char *at;

    if (!value->plain) {
        json_write_string(out, value->text);
        return;
    }
    strbuf_reserve(out, len + 2);
    at = out->data + out->len;
    *at++ = '"';
    memcpy(at, value->text.data, len);
    memcpy(at + len, "\"", 2);
    out->len += len + 2;
}

static void write_base64(struct strbuf *out, struct str bytes)
{
    struct arena scratch = ARENA_INIT;

    strbuf_append_char(out, '"');
    strbuf_append_str(out, base64_encode(&scratch, bytes));
    strbuf_append_char(out, '"');
    arena_free(&scratch);
}

void event_value_write_json(struct strbuf *out, const struct event_value *value)
{
    switch (value->type) {
    case EVENT_NULL:
        strbuf_append_str(out, STR("null"));
        return;
    case EVENT_BOOL:
        strbuf_append_str(out, value->boolean ? STR("true") : STR("false"));
        return;
    case EVENT_NUMBER:
        if (value->plain)
            strbuf_append_str(out, value->text);
        else
            write_number(out, value->text);
        return;
    case EVENT_STRING:
        write_string(out, value);
        return;
    case EVENT_BINARY:
        write_base64(out, value->text);
        return;
    case EVENT_LIST:
    case EVENT_STRING_SET:
    case EVENT_NUMBER_SET:
    case EVENT_BINARY_SET:
        strbuf_append_char(out, '[');
        for (size_t i = 0; i < value->count; i++) {
            if (i)
                strbuf_append_char(out, ',');
            event_value_write_json(out, value->items[i]);
        }
        strbuf_append_char(out, ']');
        return;
    case EVENT_MAP:
        break;
    }
    strbuf_append_char(out, '{');
    for (size_t i = 0; i < value->count; i++) {
        if (i)
            strbuf_append_char(out, ',');
        json_write_string(out, value->members[i].name);
        strbuf_append_char(out, ':');
        event_value_write_json(out, value->members[i].value);
    }
    strbuf_append_char(out, '}');
}

static void write_scalar_text(struct strbuf *out, const struct event_value *value)
{
    if (value->type == EVENT_BINARY)
        write_base64(out, value->text);
    else
        write_string(out, value);
}

static void write_dynamodb(struct strbuf *out, const struct event_value *value)
{
    strbuf_append_str(out, STR("{\""));
    strbuf_append_text(out, type_letters[value->type]);
    strbuf_append_str(out, STR("\":"));
    switch (value->type) {
    case EVENT_NULL:
        strbuf_append_str(out, STR("true"));
        break;
    case EVENT_BOOL:
        strbuf_append_str(out, value->boolean ? STR("true") : STR("false"));
        break;
    case EVENT_NUMBER:
    case EVENT_STRING:
    case EVENT_BINARY:
        write_scalar_text(out, value);
        break;
    case EVENT_LIST:
    case EVENT_STRING_SET:
    case EVENT_NUMBER_SET:
    case EVENT_BINARY_SET:
        strbuf_append_char(out, '[');
        for (size_t i = 0; i < value->count; i++) {
            if (i)
                strbuf_append_char(out, ',');
            if (value->type == EVENT_LIST)
                write_dynamodb(out, value->items[i]);
            else
                write_scalar_text(out, value->items[i]);
        }
        strbuf_append_char(out, ']');
        break;
    case EVENT_MAP:
        event_item_write_dynamodb(out, value);
        break;
    }
    strbuf_append_char(out, '}');
}

void event_item_write_dynamodb(struct strbuf *out, const struct event_value *map)
{
    strbuf_append_char(out, '{');
    for (size_t i = 0; i < map->count; i++) {
        if (i)
            strbuf_append_char(out, ',');
        json_write_string(out, map->members[i].name);
        strbuf_append_char(out, ':');
        write_dynamodb(out, map->members[i].value);
    }
    strbuf_append_char(out, '}');
}
