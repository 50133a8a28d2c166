/*
 * The comparison of schemas, shared by the files compat*.c alone.
 *
 * The old side of a comparison is a conjunction: several subschemas that all hold for the value (through allOf and
 * $ref, and for a property through properties, patternProperties and additionalProperties of each of them). The new
 * side is one subschema. The question is always whether the conjunction implies it. From this the rules of the content
 * models follow: a property that is new meets what the old side said about names that it did not list - nothing in an
 * open model, a schema in a partially open one, "never" in a closed one.
 */
#ifndef SPEC_EVENT_COMPAT_SET_H
#define SPEC_EVENT_COMPAT_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/map.h"
#include "spec/event/compat.h"
#include "spec/event/json_schema_set.h"

enum {
    COMPAT_ATOMS_MAX = 48,
    COMPAT_WORK_MAX = 100000, /* comparisons */
    COMPAT_DEPTH_MAX = 250,   /* of comparisons inside one another */
    COMPAT_FINDINGS_MAX = 100,
};

/* Kinds of values. Whole numbers and others are apart, since "integer" takes the former alone. */
enum {
    COMPAT_NULL = 1,
    COMPAT_BOOLEAN = 2,
    COMPAT_OBJECT = 4,
    COMPAT_ARRAY = 8,
    COMPAT_STRING = 16,
    COMPAT_INTEGER = 32,
    COMPAT_FRACTION = 64,
    COMPAT_ALL = 127,
};

enum { COMPAT_SKIP_ANY_OF = 1, COMPAT_SKIP_ONE_OF = 2 };

struct compat_atom {
    const struct json *json; /* an object */
    unsigned skip;           /* unions that were already taken apart */
};

struct compat_old {
    struct compat_atom atoms[COMPAT_ATOMS_MAX];
    size_t count;
    unsigned types;
    bool never;    /* no value is possible */
    bool overflow; /* too many subschemas meet */
};

struct compat_pair;

struct compat {
    struct arena *arena;
    struct compat_report *report; /* NULL while nothing may be reported */
    const struct json_schema *old_set, *new_set;
    struct map pairs; /* what was compared before: key -> struct compat_pair */
    unsigned round;
    bool reporting; /* the last round, in which findings are written */
    bool changed;   /* a pair turned out to be incompatible in this round */
    bool too_complex;
    size_t work;
    size_t depth;
    size_t quiet;
};

/* --- compat.c --- */

/* The place of a subschema, with the keyword unless that is "". */
const char *compat_pointer(
    const struct compat *compat, const struct json_schema *set, const struct json *json, const char *keyword);
/* Adds a finding where reports are wanted. Returns false. */
bool compat_find(struct compat *compat, const char *rule, const char *old_pointer, const char *new_pointer,
    const char *mend, const char *format, ...) __attribute__((format(printf, 6, 7)));
bool compat_implies(struct compat *compat, const struct compat_old *old, const struct json *schema);
/* The same without reports. */
bool compat_implies_quietly(struct compat *compat, const struct compat_old *old, const struct json *schema);

/* --- compat_old.c: the old side --- */

void compat_old_init(struct compat_old *old);
void compat_old_add(struct compat *compat, struct compat_old *old, const struct json *schema);
/* What holds for the values of one property, and for the elements of an array at an index. */
void compat_old_property(struct compat *compat, const struct compat_old *old, struct str name, struct compat_old *out);
void compat_old_element(struct compat *compat, const struct compat_old *old, size_t index, struct compat_old *out);
/* The next subschema that has the keyword, from *position on, or NULL. */
const struct compat_atom *compat_old_with(
    const struct compat_old *old, const char *keyword, size_t *position, const struct json **value);
bool compat_old_requires(const struct compat_old *old, struct str name);
const char *compat_old_pointer(const struct compat *compat, const struct compat_old *old, const char *keyword);

/* --- compat_old.c: either side --- */

unsigned compat_types_of(const struct json *schema);
/* What a $ref or $dynamicRef refers to; NULL when the schema has none. */
const struct json *compat_target(const struct json_schema *set, const struct json *schema, const char *keyword);
const struct json *compat_member(const struct json *object, struct str name); /* NULL when absent or no object */
/*
 * What a subschema says about members that properties and patternProperties leave over: additionalProperties, else
 * unevaluatedProperties. NULL when neither is there.
 */
const struct json *compat_rest_of_object(const struct json *schema, const char **keyword);
const struct json *compat_rest_of_array(const struct json *schema, const char **keyword);
/* Does properties or patternProperties of the schema, or of one applied beside it, speak of the name? */
bool compat_speaks_of(const struct json_schema *set, const struct json *schema, struct str name, bool surely);
bool compat_pattern_matches(struct str pattern, struct str text);
/* Does the pattern let every text pass? */
bool compat_pattern_is_trivial(struct str pattern);

/* --- one keyword family each; schema is the new side --- */

bool compat_check_scalars(struct compat *compat, const struct compat_old *old, const struct json *schema);
bool compat_check_array(struct compat *compat, const struct compat_old *old, const struct json *schema);
bool compat_check_object(struct compat *compat, const struct compat_old *old, const struct json *schema);

#endif
