#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/json_schema_set.h"

static bool objects_equal(const struct json *a, const struct json *b, size_t *work)
{
    const struct json *guess = b->child;

    for (const struct json *member = a->child; member; member = member->next) {
        const struct json *other = guess;

        /* Mostly the members stand in the same order; else the search starts over. */
        if (!other || !str_equal(other->key, member->key)) {
            other = b->child;
            while (other && !str_equal(other->key, member->key)) {
                ++*work;
                other = other->next;
            }
        }
        if (*work > SCHEMA_WORK_MAX || !other || !schema_values_equal(member, other, work))
            return false;
        guess = other->next;
    }
    return true;
}

bool schema_values_equal(const struct json *a, const struct json *b, size_t *work)
{
    struct decimal left, right;
    const struct json *other = b->child;

    if (++*work > SCHEMA_WORK_MAX || a->type != b->type || a->count != b->count)
        return false;
    switch (a->type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        return true;
    case JSON_STRING:
        *work += a->text.len / 64;
        return str_equal(a->text, b->text);
    case JSON_NUMBER:
        *work += (a->text.len + b->text.len) / 64;
        return decimal_parse(a->text, &left) && decimal_parse(b->text, &right) && !decimal_compare(&left, &right);
    case JSON_OBJECT:
        return objects_equal(a, b, work);
    case JSON_ARRAY:
        for (const struct json *item = a->child; item; item = item->next, other = other->next) {
            if (!schema_values_equal(item, other, work))
                return false;
        }
        return true;
    }
    return false;
}

/* --- duplicates: sorted by a digest first, so that only equal digests are compared in depth ----------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    return hash * 0xff51afd7ed558ccdu;
}

static uint64_t hash_text(struct str text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_number(struct str text)
{
    struct decimal number;
    uint64_t hash = 0;

    if (!decimal_parse(text, &number))
        return 0;
    for (size_t i = 0; i < number.digits.len; i++) {
        if (number.digits.data[i] != '.')
            hash = hash * 31 + (unsigned char)number.digits.data[i];
    }
    return mix(mix(hash, (uint64_t)number.exponent), number.negative);
}

static uint64_t hash_value(const struct json *value, size_t *work)
{
    uint64_t hash = (uint64_t)value->type;

    *work += 1 + value->text.len / 64;
    if (value->type == JSON_STRING)
        return mix(hash, hash_text(value->text));
    if (value->type == JSON_NUMBER)
        return mix(hash, hash_number(value->text));
    for (const struct json *child = value->child; child; child = child->next) {
        /* A sum, for objects, does not depend on the order of members. */
        if (value->type == JSON_OBJECT)
            hash += mix(hash_text(child->key), hash_value(child, work));
        else
            hash = mix(hash, hash_value(child, work));
    }
    return hash;
}

struct hashed {
    uint64_t hash;
    const struct json *value;
};

static int compare_hashed(const void *a, const void *b)
{
    const struct hashed *left = a, *right = b;

    return (left->hash > right->hash) - (left->hash < right->hash);
}

const struct json *schema_find_duplicate(struct arena *arena, const struct json *array, size_t *work)
{
    struct hashed *items = ARENA_ARRAY(arena, struct hashed, array->count);
    size_t count = 0;

    for (const struct json *child = array->child; child; child = child->next)
        items[count++] = (struct hashed){hash_value(child, work), child};
    qsort(items, count, sizeof(*items), compare_hashed);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count && items[k].hash == items[i].hash; k++) {
            if (schema_values_equal(items[i].value, items[k].value, work))
                return items[i].value;
            if (*work > SCHEMA_WORK_MAX)
                return NULL;
        }
    }
    return NULL;
}
