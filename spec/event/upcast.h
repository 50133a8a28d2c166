/*
 * Upcasters: lists of operators that bring an event from one version of its schema to the next, read from the plan or
 * from migrations.yaml (both give the operators as JSON; ../../docs/upcasters.md lists them).
 *
 *     struct upcaster *upcaster;
 *     if (upcaster_create(&arena, operators_json, schema, &envelope, &upcaster, &problem)) …
 *     if (upcaster_apply(upcaster, &arena, event, 2, &out, &problem)) …
 */
#ifndef SPEC_EVENT_UPCAST_H
#define SPEC_EVENT_UPCAST_H

#include <stdbool.h>

#include "spec/base/error.h"
#include "spec/base/json.h"
#include "spec/cel/cel.h"
#include "spec/event/value.h"

struct upcaster;

/* What is wrong with an operator or with the event it met. */
struct upcast_problem {
    char pointer[256];  /* JSON pointer (RFC 6901) to the operator: "/0/default/warehouseId" */
    bool in_expression; /* then expression has the place inside the CEL text at pointer */
    struct cel_error expression;
    char message[512];  /* inside an expression, too */
    char help[256];
};

/* The operators, for help texts and schemas: names from index 0 on, NULL behind the last one. */
const char *upcast_operator_name(size_t index);
const char *upcast_operator_description(size_t index);

/*
 * How the event looks outside its payload: the attribute names of the event table. The operators see the whole event;
 * `meta` in expressions holds stream, sequence, type and version.
 */
struct event_envelope {
    const char *stream;   /* "inventoryItemId" */
    const char *sequence; /* "sequenceNumber" */
    const char *type;     /* "eventType" */
    const char *version;  /* "eventVersion"; absent in an event means 1 */
};

/*
 * operators: a JSON array. from_schema: the JSON Schema of the version that it upcasts from, against which expressions
 * are checked, or NULL for no static check. envelope is copied; operators must live as long as the upcaster.
 */
bool upcaster_create(struct arena *arena, const struct json *operators, const struct json *from_schema,
    const struct event_envelope *envelope, struct upcaster **out, struct upcast_problem *problem) MUST_CHECK;

/* The events that one event becomes: one for most upcasters, none for drop_event, several for split_event. */
struct upcast_result {
    const struct event_value *const *events;
    size_t count;
};

/* Applies the operators and sets the version attribute to to_version. */
bool upcaster_apply(const struct upcaster *upcaster, struct arena *arena, const struct event_value *event,
    int to_version, struct upcast_result *out, struct upcast_problem *problem) MUST_CHECK;

/* --- along the versions of a type (upcast_chain.c) --- */

/* The version that the event says it has; 1 where it says none. False when that is no whole number of at least 1. */
bool event_version_read(const struct event_value *event, const char *attribute, size_t *out);

struct upcast_way {
    size_t from, to;
};

/*
 * Upcasts from version to version; upcasters[n - 1] brings version n to n + 1. What an event was split into goes on, each
 * for itself. *failed_to: the version that it could not be brought to.
 */
bool upcast_along(struct upcaster *const *upcasters, struct arena *arena, const struct event_value *event,
    const struct upcast_way *way, struct upcast_result *out, size_t *failed_to, struct upcast_problem *problem) MUST_CHECK;

enum upcast_grade { UPCAST_GRADE_EXACT, UPCAST_GRADE_LOSSY, UPCAST_GRADE_IMPOSSIBLE };

/*
 * Derives the operators that go back, as a JSON array in the arena, with their grade; NULL when it is impossible. why
 * names what is lost or why it is impossible (NULL when exact). Exact means: downcast(upcast(e)) equals e, but for the
 * version attribute, for every event e that is valid under the earlier schema and that the upcaster accepts.
 */
struct json *upcast_derive_downcast(
    struct arena *arena, const struct json *operators, enum upcast_grade *grade, const char **why);

/* What is known about the events before the upcaster: it makes more downcasts exact. Either may be NULL. */
struct upcast_origin {
    const struct json *schema; /* of the version that is upcast from */
    const char *type;          /* name of the event type */
};

struct json *upcast_derive_downcast_from(struct arena *arena, const struct json *operators,
    const struct upcast_origin *origin, enum upcast_grade *grade, const char **why);

#endif
