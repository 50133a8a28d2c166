/*
 * The events section: every type and version with its schema compiled, its upcaster checked, its samples validated and
 * upcast through all later versions, and its compatibility judged. What is wrong is diagnosed at its place.
 */
#ifndef COMPILER_DYNAMODB_EVENT_TYPES_H
#define COMPILER_DYNAMODB_EVENT_TYPES_H

#include "compiler/lower.h"
#include "spec/base/digest.h"
#include "spec/base/map.h"
#include "spec/event/compat.h"
#include "spec/event/json_schema.h"
#include "spec/event/upcast.h"

struct event_version {
    int number;
    const struct node *node;
    const struct json *schema;
    const struct json *upcast;    /* operators from the version before; NULL for version 1 */
    const struct json *downcast;  /* written or derived operators back to it; NULL for version 1 and where impossible */
    enum upcast_grade downcast_grade;
    struct upcaster *upcaster;
    struct json_schema *compiled;
    struct digest digest;         /* of schema and upcast: what makes a registered version immutable */
};

struct event_type_spec {
    struct str name;
    const struct node *key;
    struct str compatibility;
    VEC(struct event_version) versions;  /* 1, 2, … */
    VEC(struct upcaster *) upcasters;    /* from 1, from 2, … to the next */
};

struct event_types {
    struct event_envelope envelope;
    struct map types; /* name → struct event_type_spec */
};

/* events: the section's node. Never NULL; what could not be read is diagnosed and left out. */
struct event_types *event_types_check(struct compilation *compilation, const struct node *events);
/* The type, diagnosed with a did-you-mean when it is not declared. */
const struct event_type_spec *event_types_find(struct compilation *compilation, const struct event_types *types,
    const struct node *name);
const struct event_version *event_type_version(const struct event_type_spec *type, int64_t number); /* or NULL */
/* The node that a JSON pointer (RFC 6901) leads to, or the nearest one above it. */
const struct node *node_at_pointer(struct arena *arena, const struct node *node, const char *pointer);

#endif
