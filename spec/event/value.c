#include "spec/event/value.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/decimal.h"

/* Up to here a set or a map is searched; above it is sorted first. */
enum { SEARCH_MAX = 16 };

const struct event_value *event_value_member(const struct event_value *map, struct str name)
{
    if (!map || map->type != EVENT_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        if (str_equal(map->members[i].name, name))
            return map->members[i].value;
    }
    return NULL;
}

const char *event_type_name(enum event_type type)
{
    switch (type) {
    case EVENT_NULL:
        return "null";
    case EVENT_BOOL:
        return "boolean";
    case EVENT_NUMBER:
        return "number";
    case EVENT_STRING:
        return "string";
    case EVENT_BINARY:
        return "binary";
    case EVENT_LIST:
        return "list";
    case EVENT_MAP:
        return "map";
    case EVENT_STRING_SET:
        return "string_set";
    case EVENT_NUMBER_SET:
        return "number_set";
    case EVENT_BINARY_SET:
        return "binary_set";
    }
    return "value";
}

/* A total order over scalars of one type. */
static int compare_scalars(const struct event_value *a, const struct event_value *b)
{
    struct decimal left, right;

    if (a->type == EVENT_NUMBER && decimal_parse(a->text, &left) && decimal_parse(b->text, &right))
        return decimal_compare(&left, &right);
    return str_compare(a->text, b->text);
}

int event_scalar_compare(const void *a, const void *b)
{
    return compare_scalars(*(const struct event_value *const *)a, *(const struct event_value *const *)b);
}

static int compare_members(const void *a, const void *b)
{
    return str_compare((*(const struct event_member *const *)a)->name, (*(const struct event_member *const *)b)->name);
}

static bool set_has(const struct event_value *set, const struct event_value *item, size_t start)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!compare_scalars(set->items[(start + i) % set->count], item))
            return true;
    }
    return false;
}

static bool sets_equal(const struct event_value *a, const struct event_value *b)
{
    struct arena scratch = ARENA_INIT;
    const struct event_value **left, **right;
    bool equal = true;

    if (a->count <= SEARCH_MAX) {
        for (size_t i = 0; i < a->count && equal; i++)
            equal = set_has(b, a->items[i], i) && set_has(a, b->items[i], i);
        return equal;
    }
    left = ARENA_ARRAY(&scratch, const struct event_value *, a->count);
    right = ARENA_ARRAY(&scratch, const struct event_value *, b->count);
    memcpy(left, a->items, a->count * sizeof(*left));
    memcpy(right, b->items, b->count * sizeof(*right));
    qsort(left, a->count, sizeof(*left), event_scalar_compare);
    qsort(right, b->count, sizeof(*right), event_scalar_compare);
    for (size_t i = 0; i < a->count && equal; i++)
        equal = !compare_scalars(left[i], right[i]);
    arena_free(&scratch);
    return equal;
}

static const struct event_member **sorted_members(struct arena *arena, const struct event_value *map)
{
    const struct event_member **members = ARENA_ARRAY(arena, const struct event_member *, map->count);

    for (size_t i = 0; i < map->count; i++)
        members[i] = &map->members[i];
    qsort(members, map->count, sizeof(*members), compare_members);
    return members;
}

static bool maps_equal(const struct event_value *a, const struct event_value *b)
{
    struct arena scratch = ARENA_INIT;
    const struct event_member **left, **right;
    bool same_order = true;
    bool equal = true;

    for (size_t i = 0; i < a->count && same_order; i++)
        same_order = str_equal(a->members[i].name, b->members[i].name);
    if (same_order) {
        for (size_t i = 0; i < a->count && equal; i++)
            equal = event_value_equal(a->members[i].value, b->members[i].value);
        return equal;
    }
    left = sorted_members(&scratch, a);
    right = sorted_members(&scratch, b);
    for (size_t i = 0; i < a->count && equal; i++)
        equal = str_equal(left[i]->name, right[i]->name) && event_value_equal(left[i]->value, right[i]->value);
    arena_free(&scratch);
    return equal;
}

bool event_value_equal(const struct event_value *a, const struct event_value *b)
{
    if (a == b)
        return true;
    if (a->type != b->type || a->count != b->count)
        return false;
    switch (a->type) {
    case EVENT_NULL:
        return true;
    case EVENT_BOOL:
        return a->boolean == b->boolean;
    case EVENT_NUMBER:
    case EVENT_STRING:
    case EVENT_BINARY:
        return !compare_scalars(a, b);
    case EVENT_LIST:
        for (size_t i = 0; i < a->count; i++) {
            if (!event_value_equal(a->items[i], b->items[i]))
                return false;
        }
        return true;
    case EVENT_MAP:
        return maps_equal(a, b);
    case EVENT_STRING_SET:
    case EVENT_NUMBER_SET:
    case EVENT_BINARY_SET:
        return sets_equal(a, b);
    }
    return false;
}

/* --- size --------------------------------------------------------------------------------------------------------- */

/* One byte for two significant digits (paired from the decimal point), one more, and one for a minus sign. */
static size_t number_size(struct str text)
{
    enum { NUMBER_BYTES_MAX = 21 };
    struct decimal value;
    size_t size = 0;

    /* Most numbers are a few digits, of which neither the first nor the last is 0. */
    while (size < text.len && size < NUMBER_BYTES_MAX && text.data[size] >= '0' && text.data[size] <= '9')
        size++;
    if (size && size == text.len && text.data[0] != '0' && text.data[size - 1] != '0')
        return (size + 1) / 2 + 1;
    if (!decimal_parse(text, &value))
        return text.len;
    if (!value.digit_count)
        return 1;
    size = (value.digit_count + (value.exponent % 2 != 0) + 1) / 2 + 1 + value.negative;
    return size < NUMBER_BYTES_MAX ? size : NUMBER_BYTES_MAX;
}

static size_t value_size(const struct event_value *value)
{
    enum { COLLECTION_BYTES = 3, ELEMENT_BYTES = 1 };
    size_t size = 0;

    switch (value->type) {
    case EVENT_NULL:
    case EVENT_BOOL:
        return 1;
    case EVENT_NUMBER:
        return number_size(value->text);
    case EVENT_STRING:
    case EVENT_BINARY:
        return value->text.len;
    case EVENT_LIST:
        size = COLLECTION_BYTES;
        for (size_t i = 0; i < value->count; i++)
            size += ELEMENT_BYTES + value_size(value->items[i]);
        return size;
    case EVENT_MAP:
        size = COLLECTION_BYTES;
        for (size_t i = 0; i < value->count; i++)
            size += ELEMENT_BYTES + value->members[i].name.len + value_size(value->members[i].value);
        return size;
    case EVENT_STRING_SET:
    case EVENT_NUMBER_SET:
    case EVENT_BINARY_SET:
        for (size_t i = 0; i < value->count; i++)
            size += value_size(value->items[i]);
        return size;
    }
    return size;
}

size_t event_item_size(const struct event_value *map)
{
    size_t size = 0;

    for (size_t i = 0; map->type == EVENT_MAP && i < map->count; i++)
        size += map->members[i].name.len + value_size(map->members[i].value);
    return size;
}
