/*
 * The compiled form of schemas, shared by the files json_schema*.c alone.
 *
 * json_schema_load.c finds the resources of a document (what an $id names), their anchors and the place of every
 * subschema; json_schema_compile.c turns subschemas into nodes, following references; json_schema_validate.c runs nodes
 * over values.
 */
#ifndef SPEC_EVENT_JSON_SCHEMA_SET_H
#define SPEC_EVENT_JSON_SCHEMA_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/json.h"
#include "spec/base/map.h"
#include "spec/base/vec.h"
#include "spec/base/decimal.h"
#include "spec/event/json_schema.h"
#include "spec/event/pattern.h"

enum {
    SCHEMA_DEPTH_MAX = JSON_DEPTH_MAX, /* of subschemas inside one another in one document */
    SCHEMA_NODES_MAX = 200000,         /* subschemas of all documents that are reached */
    SCHEMA_DOCUMENTS_MAX = 1000,
    SCHEMA_EVAL_DEPTH_MAX = 1500, /* of subschemas applied inside one another while validating */
};

/* Steps for one value: applied subschemas, compared elements and keys. */
#define SCHEMA_WORK_MAX ((size_t)20 * 1000 * 1000)

struct schema_anchor {
    const struct json *json;
    bool dynamic;
};

/* A schema with its own URI: a document, or a subschema with an $id. */
struct schema_resource {
    struct str uri; /* absolute, without fragment; "" for a document without $id */
    const struct json *root;
    const char *pointer; /* to root, from its document's root */
    struct map anchors;  /* name -> struct schema_anchor */
    bool validates;      /* its meta-schema has the validation vocabulary */
};

/* Where a subschema stands. */
struct schema_place {
    const struct json *json; /* first, so that its bytes are the key in a map */
    struct schema_resource *resource;
    const char *pointer;
};

struct schema_node;

struct schema_property {
    struct str name;
    struct schema_node *node;
};

struct schema_pattern {
    struct regex *pattern;
    struct schema_node *node;
};

struct schema_names {
    struct str name;
    const struct str *needed;
    size_t count;
};

struct schema_nodes {
    struct schema_node **items;
    size_t count;
};

enum schema_kind { SCHEMA_KEYWORDS, SCHEMA_TRUE, SCHEMA_FALSE };

enum {
    SCHEMA_TYPE_NULL = 1,
    SCHEMA_TYPE_BOOLEAN = 2,
    SCHEMA_TYPE_OBJECT = 4,
    SCHEMA_TYPE_ARRAY = 8,
    SCHEMA_TYPE_NUMBER = 16,
    SCHEMA_TYPE_STRING = 32,
    SCHEMA_TYPE_INTEGER = 64,
};

/* NULL and 0 are absent; the max_ members are SIZE_MAX when absent. */
struct schema_node {
    const struct schema_place *place;
    enum schema_kind kind;

    struct schema_node *ref;
    struct schema_node *dynamic_ref;
    struct str dynamic_name; /* "" when $dynamicRef is a plain reference */

    unsigned types; /* 0: any */
    const char *types_text;
    const struct json *constant;
    const struct json *enumeration;

    const struct decimal *minimum, *maximum, *exclusive_minimum, *exclusive_maximum, *multiple_of;
    size_t min_length, max_length;
    const struct regex *pattern;

    size_t min_items, max_items, min_contains, max_contains;
    bool unique_items;
    struct schema_nodes prefix_items;
    struct schema_node *items, *contains, *unevaluated_items;

    size_t min_properties, max_properties;
    const struct str *required;
    size_t required_count;
    const struct schema_names *dependent_required;
    size_t dependent_required_count;
    const struct schema_property *dependent_schemas;
    size_t dependent_schema_count;
    struct map properties; /* name -> struct schema_node */
    const struct schema_pattern *pattern_properties;
    size_t pattern_property_count;
    struct schema_node *additional_properties, *property_names, *unevaluated_properties;

    struct schema_nodes all_of, any_of, one_of;
    struct schema_node *not_, *if_, *then, *else_;
    bool applies_in_place; /* has one of these, or a reference: most nodes have none */
};

struct json_schema {
    struct arena *arena;
    json_schema_resolver resolver;
    void *resolver_context;
    struct json_schema_error *error; /* while compiling */
    struct map resources;            /* URI -> struct schema_resource */
    struct map places;               /* bytes of a const struct json * -> struct schema_place */
    struct map nodes;                /* the same -> struct schema_node */
    VEC(struct schema_resource *) all_resources;
    VEC(struct schema_place *) all_places;
    VEC(struct schema_node *) queue; /* nodes in order of creation; those from queue_done on are still bare */
    size_t queue_done;
    size_t document_count;
    struct schema_node *root;
};

struct schema_meta {
    const char *uri;
    const char *text;
};

extern const struct schema_meta schema_metas[];
extern const size_t schema_meta_count;

/* Fills set->error and returns false. keyword "" is the schema itself. */
bool schema_fail(struct json_schema *set, const char *pointer, const char *keyword, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *schema_pointer_key(struct arena *arena, const char *base, struct str key);
const char *schema_pointer_index(struct arena *arena, const char *base, size_t index);

/* --- json_schema_load.c --- */

/* Registers a document under its URI. base: where it was found, or "". */
bool schema_load_document(
    struct json_schema *set, struct str base, const struct json *json, struct schema_resource **out) MUST_CHECK;
const struct schema_place *schema_find_place(const struct json_schema *set, const struct json *json);
/* Finds what a $ref or $dynamicRef of place refers to. *anchor, where not NULL, gets the dynamic anchor that it names.
 */
bool schema_resolve(struct json_schema *set, const struct schema_place *place, const char *keyword, struct str ref,
    const struct schema_place **out, struct str *dynamic_anchor) MUST_CHECK;

/* --- json_schema_validate.c --- */

/* json_schema_validate() under one subschema of the compiled document instead of its root. */
bool schema_validate_under(const struct json_schema *set, const struct json *subschema, struct arena *arena,
    const struct json *instance, struct json_schema_error *error) MUST_CHECK;

/* --- json_schema_equal.c --- */

/* Values are equal as JSON Schema has it: numbers by value, objects regardless of order. Adds to *work. */
bool schema_values_equal(const struct json *a, const struct json *b, size_t *work);
/* The first element that equals a later one, or NULL. Scratch memory from arena. */
const struct json *schema_find_duplicate(struct arena *arena, const struct json *array, size_t *work);

#endif
