/*
 * A change to the items of a table: which of them, and what becomes of each. It is data, written in the plan:
 *
 *     {"where": CEL or null, "set": {ATTRIBUTE: CEL, …} or null, "remove": [ATTRIBUTE, …] or null}
 *
 * Expressions see the item as it was, under the name `item`. A value of "set" that is no text stands for itself. What is
 * not named is handed on as it is, byte for byte.
 *
 *     struct item_transform *change;
 *     if (item_transform_create(&arena, json, &change, &problem)) …
 *     if (item_transform_apply(change, &arena, item, &selected, &after, &problem)) …
 */
#ifndef SPEC_EVENT_ITEM_TRANSFORM_H
#define SPEC_EVENT_ITEM_TRANSFORM_H

#include <stdbool.h>

#include "spec/base/error.h"
#include "spec/base/json.h"
#include "spec/cel/cel.h"
#include "spec/event/value.h"

struct item_transform;

struct item_transform_problem {
    char pointer[256];  /* JSON pointer into the change: "/where", "/set/total" */
    bool in_expression; /* then expression has the place inside the CEL text at pointer */
    struct cel_error expression;
    char message[512];
};

/* Members that the change has beside its own are not looked at. json must live as long as the change. */
bool item_transform_create(struct arena *arena, const struct json *json, struct item_transform **out,
    struct item_transform_problem *problem) MUST_CHECK;
/* item: a map. *selected is false where the condition does not hold; *out is the item itself then. */
bool item_transform_apply(const struct item_transform *change, struct arena *arena, const struct event_value *item,
    bool *selected, const struct event_value **out, struct item_transform_problem *problem) MUST_CHECK;

#endif
