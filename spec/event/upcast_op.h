/*
 * The parsed form of upcast operators, shared by the files upcast*.c alone: upcast_parse.c builds it, upcast_apply.c
 * runs it, upcast_derive.c turns it round. (compiler/typescript reads it too: it writes operators as code.)
 */
#ifndef SPEC_EVENT_UPCAST_OP_H
#define SPEC_EVENT_UPCAST_OP_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/json.h"
#include "spec/base/str.h"
#include "spec/base/vec.h"
#include "spec/cel/cel.h"
#include "spec/event/upcast.h"

enum {
    UPCAST_DEPTH_MAX = 16,           /* each, when and split_event inside one another */
    UPCAST_OPERATORS_MAX = 1000,     /* in one upcaster, nested ones included */
    UPCAST_EVENTS_MAX = 100,         /* that one event may become */
    UPCAST_EVALUATIONS_MAX = 100000, /* of expressions for one event */
    UPCAST_COST_MAX = 10 * CEL_COST_DEFAULT, /* of all of them together */
    UPCAST_VALUE_DEPTH_MAX = 32,     /* DynamoDB's limit */
};

enum upcast_kind {
#define OPERATOR_ROW(name, text, doc) UPCAST_##name,
#include "spec/event/operator.def"
#undef OPERATOR_ROW
};

enum {
#define OPERATOR_ROW(name, text, doc) UPCAST_ROW_##name,
#include "spec/event/operator.def"
#undef OPERATOR_ROW
    UPCAST_KIND_COUNT, /* apart from the kinds, so that a switch over them is complete without it */
};

/* A place in a map: names from the outside in. "address.city"; "\." is a dot that belongs to a name. */
struct upcast_path {
    struct str text; /* as written */
    const struct str *names;
    size_t count;
};

struct upcast_expression {
    const char *pointer;
    struct str text;                   /* the CEL text; "" for a literal */
    struct cel_program *program;       /* NULL where a JSON number, boolean or null stands for itself */
    const struct event_value *literal; /* that one, or the value of a text that is one literal of CEL */
    struct cel_use event, item, meta;  /* what the program looks at */
};

struct upcast_assignment {
    struct upcast_path path;
    struct upcast_expression value;
};

struct upcast_pair {
    struct upcast_path from;
    struct upcast_path to;
};

/* What `convert` converts to: event types and "integer". */
enum upcast_conversion {
    UPCAST_TO_STRING,
    UPCAST_TO_NUMBER,
    UPCAST_TO_INTEGER,
    UPCAST_TO_BOOLEAN,
    UPCAST_TO_BINARY,
    UPCAST_TO_LIST,
    UPCAST_TO_STRING_SET,
    UPCAST_TO_NUMBER_SET,
    UPCAST_TO_BINARY_SET,
    UPCAST_CONVERSION_COUNT,
};

struct upcast_convert {
    struct upcast_path path;
    bool has_from;
    enum upcast_conversion from; /* what the value must be before, where that is said */
    enum upcast_conversion to;
};

struct upcast_mapping {
    struct str old; /* text, or a number, true, false or null as text */
    const struct json *value;
    const struct event_value *event_value;
};

struct upcast_map_values {
    struct upcast_path path;
    const struct upcast_mapping *mappings;
    size_t count;
    bool has_else;
    struct upcast_expression otherwise;
};

struct upcast_ops {
    const struct upcast_op *items;
    size_t count;
};

struct upcast_branch {
    struct str type;
    struct upcast_ops ops;
};

struct upcast_op {
    enum upcast_kind kind;
    const char *pointer;
    bool fans_out; /* may give no event or several */

    const struct upcast_assignment *assignments; /* default, set */
    size_t assignment_count;
    const struct upcast_path *paths; /* remove; split: into; combine: fields */
    size_t path_count;
    const struct upcast_pair *pairs; /* rename, move */
    size_t pair_count;
    const struct upcast_convert *conversions;
    size_t conversion_count;
    const struct upcast_map_values *maps;
    size_t map_count;
    struct upcast_path path;            /* split: field; combine: into; each: field */
    struct str separator;               /* split, combine */
    struct upcast_expression condition; /* when, drop_event */
    struct upcast_ops then_ops;         /* when: then; each: do */
    struct upcast_ops else_ops;
    struct str type_from, type_to;        /* rename_type; type_from "" where it is not said */
    const struct upcast_branch *branches; /* split_event */
    size_t branch_count;
};

struct upcaster {
    struct upcast_ops ops;
    bool has_envelope;
    struct str stream, sequence, type, version;
};

/* Fills problem and returns false. */
bool upcast_fail(struct upcast_problem *problem, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool upcast_help(struct upcast_problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- upcast_parse.c --- */

/* envelope NULL: nothing is known about the event's own attributes, and none is refused. */
bool upcast_parse(struct arena *arena, const struct json *operators, const struct json *from_schema,
    const struct event_envelope *envelope, struct upcaster *out, struct upcast_problem *problem) MUST_CHECK;
/* The names of the outermost attributes that an operator may write, take or look at to decide. */
struct upcast_names {
    VEC(struct str) names;
};
void upcast_op_touches(struct arena *arena, const struct upcast_op *op, struct upcast_names *out);
bool upcast_names_has(const struct upcast_names *names, struct str name);

/* --- upcast_path.c: places in values --- */

bool upcast_path_parse(struct arena *arena, struct str text, struct upcast_path *out, const char **why) MUST_CHECK;
struct str upcast_path_print(struct arena *arena, const struct str *names, size_t count);
bool upcast_paths_overlap(
    const struct upcast_path *a, const struct upcast_path *b); /* equal, or one inside the other */
/* NULL in *out when absent. False when a value on the way is neither a map nor null. */
bool upcast_path_get(const struct event_value *map, const struct upcast_path *path, const struct event_value **out,
    const char **why) MUST_CHECK;

/*
 * A map that an operator changes: value, which stays as it is, until something is changed, and from then on a copy that
 * nobody else has seen, so that further changes are made in place.
 */
struct upcast_edit {
    struct arena *arena;
    const struct event_value *value; /* as it is by now; NULL: an empty map */
    struct event_value *own;
    struct event_member *members; /* of own, with room for so many */
    size_t room;
};

/* Writes value, making the maps on the way. False when a value on the way is not a map. */
bool upcast_path_put(struct upcast_edit *edit, const struct upcast_path *path, const struct event_value *value,
    const char **why) MUST_CHECK;
/* Like put, but refuses a place that is taken and an empty map on the way, so that take() can restore the map. */
bool upcast_path_put_new(struct upcast_edit *edit, const struct upcast_path *path, const struct event_value *value,
    const char **why) MUST_CHECK;
/* Takes the value out (NULL in *out when absent). prune: maps that this leaves empty go too. */
bool upcast_path_take(struct upcast_edit *edit, const struct upcast_path *path, bool prune,
    const struct event_value **out, const char **why) MUST_CHECK;
struct event_value *upcast_new_string(struct arena *arena, struct str text);
struct event_value *upcast_new_number(struct arena *arena, struct str text);

/* --- upcast_condition.c --- */

/* What an operator changes, as seen from its condition. */
struct upcast_condition_view {
    const struct upcast_names *touched; /* of the event; in `each`, of the element */
    bool is_item;                       /* the condition stands in `each` */
    struct str list;                    /* then: the outermost attribute that holds the element */
};

/*
 * Does the condition look only at fields that the operator leaves alone, so that it gives the same result afterwards?
 * Each use of event, item or meta must be followed by the name of such a field; what is not understood does not stay.
 */
bool upcast_condition_stays(struct str text, const struct upcast_condition_view *view);

/* --- upcast_convert.c --- */

bool upcast_conversion_from_name(struct str name, enum upcast_conversion *out);
const char *upcast_conversion_name(enum upcast_conversion conversion);
/* Is there any value of the first kind that can become the second? */
bool upcast_conversion_possible(enum upcast_conversion from, enum upcast_conversion to);
/* NULL when converting back gives the same value for every value; else what is lost. */
const char *upcast_conversion_loss(enum upcast_conversion from, enum upcast_conversion to);
bool upcast_is_kind(const struct event_value *value, enum upcast_conversion kind);
bool upcast_convert_value(struct arena *arena, const struct event_value *value, enum upcast_conversion to,
    const struct event_value **out, const char **why) MUST_CHECK;

/* --- upcast_cel.c: the bridge to expressions --- */

struct cel_value upcast_cel_from_event(struct arena *arena, const struct event_value *value);
/* A map of those members alone that have these names. */
struct cel_value upcast_cel_from_members(
    struct arena *arena, const struct event_value *map, const struct str *names, size_t count);
bool upcast_cel_to_event(
    struct arena *arena, const struct cel_value *value, const struct event_value **out, const char **why) MUST_CHECK;
/* schema NULL: dyn. The names in touched and extra are of type dyn, whatever the schema says. */
const struct cel_type *upcast_cel_type(struct arena *arena, const struct json *root, const struct json *schema,
    const struct upcast_names *touched, const struct upcast_names *extra);

/* --- upcast_schema.c: what a schema says about one attribute --- */

enum upcast_presence {
    UPCAST_PRESENCE_UNKNOWN,
    UPCAST_PRESENCE_FORBIDDEN,
    UPCAST_PRESENCE_OPTIONAL,
    UPCAST_PRESENCE_REQUIRED
};

/* Follows $ref within the document (at most a few steps); schema itself when there is none, NULL when it dangles. */
const struct json *upcast_schema_deref(const struct json *root, const struct json *schema);
enum upcast_presence upcast_schema_presence(const struct json *root, const struct json *schema, struct str name);
/* The subschema of a property or of a list's elements; NULL when not known. */
const struct json *upcast_schema_property(const struct json *root, const struct json *schema, struct str name);
const struct json *upcast_schema_items(const struct json *root, const struct json *schema);

#endif
