/*
 * JSON Schema 2020-12 (https://json-schema.org/draft/2020-12): compile a schema once, validate many values. `format`
 * is an annotation. Patterns are PCRE2's with limits; recursion and work are bounded, so that a hostile schema gives an
 * error and not a hang.
 */
#ifndef SPEC_EVENT_JSON_SCHEMA_H
#define SPEC_EVENT_JSON_SCHEMA_H

#include <stdbool.h>

#include "spec/base/error.h"
#include "spec/base/json.h"
#include "spec/event/value.h"

struct json_schema;

struct json_schema_error {
    char schema_pointer[512];   /* RFC 6901, into the schema */
    char instance_pointer[512]; /* RFC 6901, into the value; "" for the schema's own faults */
    char message[512];
};

/* Gives the document for an absolute URI without its fragment, or NULL. Never called for the network's sake. */
typedef const struct json *(*json_schema_resolver)(void *context, struct str uri);

/* False when the schema itself is wrong (bad type of a keyword, dangling $ref, bad pattern, too deep). */
bool json_schema_compile(struct arena *arena, const struct json *schema, json_schema_resolver resolver, void *context,
    struct json_schema **out, struct json_schema_error *error) MUST_CHECK;
/* The first violation found is reported. Scratch memory comes from arena. */
bool json_schema_validate(const struct json_schema *schema, struct arena *arena, const struct json *instance,
    struct json_schema_error *error) MUST_CHECK;

#endif
