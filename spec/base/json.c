#include "spec/base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/map.h"

/* From this many members on, json_equal() looks keys that stand elsewhere up in a map. */
enum { JSON_EQUAL_MAP_FROM = 32 };

const struct json *json_get(const struct json *object, const char *key)
{
    struct str wanted = str_from(key);

    if (!json_is(object, JSON_OBJECT))
        return NULL;
    for (const struct json *member = object->child; member; member = member->next)
        if (str_equal(member->key, wanted))
            return member;
    return NULL;
}

const struct json *json_at(const struct json *array, size_t index)
{
    const struct json *element;

    if (!json_is(array, JSON_ARRAY) || index >= array->count)
        return NULL;
    for (element = array->child; index > 0; index--)
        element = element->next;
    return element;
}

bool json_is(const struct json *value, enum json_type type)
{
    return value && value->type == type;
}

struct str json_text(const struct json *value)
{
    return json_is(value, JSON_STRING) || json_is(value, JSON_NUMBER) ? value->text : STR("");
}

const char *json_string(const struct json *value)
{
    return json_is(value, JSON_STRING) ? value->text.data : NULL;
}

bool json_to_i64(const struct json *value, int64_t *out)
{
    return json_is(value, JSON_NUMBER) && str_to_i64(value->text, out);
}

bool json_bool(const struct json *value, bool fallback)
{
    if (json_is(value, JSON_TRUE))
        return true;
    return json_is(value, JSON_FALSE) ? false : fallback;
}

struct json *json_new(struct arena *arena, enum json_type type)
{
    struct json *value = ARENA_NEW(arena, struct json);

    value->type = type;
    return value;
}

struct json *json_new_string(struct arena *arena, struct str text)
{
    struct json *value = json_new(arena, JSON_STRING);

    value->text = str_copy(arena, text);
    return value;
}

struct json *json_new_text(struct arena *arena, const char *text)
{
    return json_new_string(arena, str_from(text));
}

struct json *json_new_integer(struct arena *arena, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, number);
    struct json *value = json_new(arena, JSON_NUMBER);

    value->text = str_copy(arena, (struct str){text, (size_t)len});
    return value;
}

struct json *json_new_number(struct arena *arena, struct str lexeme)
{
    struct json *value = json_new(arena, JSON_NUMBER);

    value->text = str_copy(arena, lexeme);
    return value;
}

struct json *json_new_bool(struct arena *arena, bool value)
{
    return json_new(arena, value ? JSON_TRUE : JSON_FALSE);
}

static void add_child(struct json *parent, struct json *child)
{
    if (child->next || parent == child)
        BUG("a JSON value was added twice");
    if (parent->last)
        parent->last->next = child;
    else
        parent->child = child;
    parent->last = child;
    parent->count++;
}

void json_append(struct json *array, struct json *value)
{
    if (array->type != JSON_ARRAY)
        BUG("json_append() to a value that is no array");
    add_child(array, value);
}

void json_set_str(struct arena *arena, struct json *object, struct str key, struct json *value)
{
    if (object->type != JSON_OBJECT)
        BUG("json_set() on a value that is no object");
    value->key = str_copy(arena, key);
    add_child(object, value);
}

void json_set(struct arena *arena, struct json *object, const char *key, struct json *value)
{
    json_set_str(arena, object, str_from(key), value);
}

void json_set_text(struct arena *arena, struct json *object, const char *key, const char *text)
{
    json_set(arena, object, key, text ? json_new_text(arena, text) : json_new(arena, JSON_NULL));
}

void json_set_integer(struct arena *arena, struct json *object, const char *key, int64_t value)
{
    json_set(arena, object, key, json_new_integer(arena, value));
}

struct json *json_clone(struct arena *arena, const struct json *value)
{
    struct json *copy = json_new(arena, value->type);

    copy->offset = value->offset;
    if (value->type == JSON_STRING || value->type == JSON_NUMBER)
        copy->text = str_copy(arena, value->text);
    for (const struct json *child = value->child; child; child = child->next) {
        struct json *child_copy = json_clone(arena, child);

        if (value->type == JSON_OBJECT)
            child_copy->key = str_copy(arena, child->key);
        add_child(copy, child_copy);
    }
    return copy;
}

static const struct json *find_member(const struct json *object, struct map *map, struct arena *arena, struct str key)
{
    if (object->count < JSON_EQUAL_MAP_FROM) {
        for (const struct json *member = object->child; member; member = member->next)
            if (str_equal(member->key, key))
                return member;
        return NULL;
    }
    if (!map->arena) {
        map_init(map, arena);
        for (struct json *member = object->child; member; member = member->next)
            map_put(map, member->key, member);
    }
    return map_get(map, key);
}

static bool equal_objects(const struct json *a, const struct json *b)
{
    struct arena arena = ARENA_INIT;
    struct map map = {0};
    const struct json *other = b->child;
    bool equal = true;

    for (const struct json *member = a->child; member && equal; member = member->next) {
        if (!other || !str_equal(other->key, member->key))
            other = find_member(b, &map, &arena, member->key);
        equal = other && json_equal(member, other);
        other = other ? other->next : NULL;
    }
    arena_free(&arena);
    return equal;
}

static bool equal_arrays(const struct json *a, const struct json *b)
{
    for (a = a->child, b = b->child; a; a = a->next, b = b->next)
        if (!json_equal(a, b))
            return false;
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (!a || !b)
        return a == b;
    if (a->type != b->type || a->count != b->count)
        return false;
    switch (a->type) {
    case JSON_NUMBER:
    case JSON_STRING:
        return str_equal(a->text, b->text);
    case JSON_ARRAY:
        return equal_arrays(a, b);
    case JSON_OBJECT:
        return equal_objects(a, b);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        break;
    }
    return true;
}
