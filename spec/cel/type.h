/*
 * Static types: gradual, with dyn as the type that fits everywhere. Types given by the caller may be recursive
 * (an object whose field has the object's own type); nothing here follows them without end.
 */
#ifndef SPEC_CEL_TYPE_H
#define SPEC_CEL_TYPE_H

#include "spec/cel/cel.h"

extern const struct cel_type cel_type_dyn, cel_type_null, cel_type_bool, cel_type_int, cel_type_uint, cel_type_double,
    cel_type_decimal, cel_type_string, cel_type_bytes, cel_type_timestamp, cel_type_duration, cel_type_type;

const struct cel_type *cel_type_list_of(struct arena *arena, const struct cel_type *of);
const struct cel_type *cel_type_map_of(struct arena *arena, const struct cel_type *key, const struct cel_type *of);
const struct cel_type *cel_type_optional_of(struct arena *arena, const struct cel_type *of);

/* The type that a list's `of` and the like stand for: an absent one is dyn. */
const struct cel_type *cel_type_part(const struct cel_type *type);
bool cel_type_is_number(const struct cel_type *type); /* int, uint, double, decimal */
/* A value of type `from` may stand where `to` is wanted, as far as can be told before the run. */
bool cel_type_fits(const struct cel_type *to, const struct cel_type *from);
/* The two can be equal: they fit in either direction, or both are numbers, or one is null. */
bool cel_type_comparable(const struct cel_type *a, const struct cel_type *b);
/* The narrowest type that both fit: a when they are the same, else dyn (of their parts, for lists and maps). */
const struct cel_type *cel_type_join(struct arena *arena, const struct cel_type *a, const struct cel_type *b);
/* The field of an object, or NULL. */
const struct cel_field *cel_type_field(const struct cel_type *object, struct str name);
/* The static type of a value of that kind: list(dyn) for a list. */
const struct cel_type *cel_type_of_kind(enum cel_kind kind);

#endif
