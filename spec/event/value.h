/*
 * Values of stored events and items. They mirror DynamoDB's attribute types and keep what JSON would lose: numbers keep
 * their decimal text (up to 38 digits), binary and sets keep their kind. Values are immutable once built and share
 * structure: an upcaster that does not touch an attribute hands the same pointer on.
 */
#ifndef SPEC_EVENT_VALUE_H
#define SPEC_EVENT_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/error.h"
#include "spec/base/json.h"
#include "spec/base/str.h"

struct arena;

enum event_type {
    EVENT_NULL,
    EVENT_BOOL,
    EVENT_NUMBER,
    EVENT_STRING,
    EVENT_BINARY,
    EVENT_LIST,
    EVENT_MAP,
    EVENT_STRING_SET,
    EVENT_NUMBER_SET,
    EVENT_BINARY_SET,
};

struct event_member;

struct event_value {
    enum event_type type;
    bool boolean;
    bool plain;                             /* EVENT_STRING, EVENT_NUMBER: known to stand in JSON as it is */
    struct str text;                        /* EVENT_STRING, EVENT_NUMBER (decimal text), EVENT_BINARY (raw bytes) */
    const struct event_value *const *items; /* EVENT_LIST and the sets (items of the matching scalar type) */
    const struct event_member *members;     /* EVENT_MAP, in the order they were read */
    size_t count;
};

struct event_member {
    struct str name;
    const struct event_value *value;
};

/* Plain JSON (samples, JSON lines) to a value and back. Binary and sets have no plain form: writing them gives base64
 * strings and arrays. Numbers keep their text both ways. */
const struct event_value *event_value_from_json(struct arena *arena, const struct json *json);
struct json *event_value_to_json(struct arena *arena, const struct event_value *value);
/* DynamoDB's JSON: {"S":"x"}, {"N":"1.50"}, {"M":{...}}, … False when the tree is not one. */
bool event_value_from_dynamodb(
    struct arena *arena, const struct json *json, const struct event_value **out, struct error *error) MUST_CHECK;
struct json *event_value_to_dynamodb(struct arena *arena, const struct event_value *value);
/* An item is a map without its "M": {"id":{"S":"x"},…}. */
bool event_item_from_dynamodb(
    struct arena *arena, const struct json *json, const struct event_value **out, struct error *error) MUST_CHECK;
struct json *event_item_to_dynamodb(struct arena *arena, const struct event_value *map);

/* The same texts as json_write() gives for these trees, without the trees. */
void event_value_write_json(struct strbuf *out, const struct event_value *value);
void event_item_write_dynamodb(struct strbuf *out, const struct event_value *map);

/* "number", "map", … for messages, and the names that the upcast operator `convert` takes. */
const char *event_type_name(enum event_type type);
/* For qsort() over an array of pointers to scalars of one type (numbers by value). */
int event_scalar_compare(const void *a, const void *b);
const struct event_value *event_value_member(const struct event_value *map, struct str name); /* NULL when absent */
/* Same type and content: numbers by value (1.0 equals 1), sets and maps regardless of order. */
bool event_value_equal(const struct event_value *a, const struct event_value *b);

enum { EVENT_ITEM_MAX_BYTES = 400 * 1024 };

/* Size as DynamoDB counts it towards EVENT_ITEM_MAX_BYTES: names and values, 3 bytes and 1 an element for lists and maps. */
size_t event_item_size(const struct event_value *map);

#endif
