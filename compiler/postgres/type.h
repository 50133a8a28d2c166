/*
 * Column types under the names that format_type() prints: int4 is "integer", varchar(50) is "character varying(50)". A
 * type of the user's is written with its schema, one of an extension as it was written.
 */
#ifndef COMPILER_POSTGRES_TYPE_H
#define COMPILER_POSTGRES_TYPE_H

#include "compiler/sql.h"

enum { TYPE_MODIFIERS_MAX = 2 };

enum type_origin { TYPE_BUILTIN, TYPE_USER, TYPE_EXTENSION };

struct type_object;

struct type {
    enum type_origin origin;
    const struct type_object *object; /* TYPE_USER: the catalogue's */
    const char *base;                 /* pg_type.typname ("int4"), or the quoted and qualified name of a user's type */
    const char *text;                 /* whole, canonical: for definitions and comparisons */
    int64_t modifiers[TYPE_MODIFIERS_MAX];
    size_t modifier_count;
    bool array;
    const char *serial; /* "int4" and so on where it was written serial: base is that type; else NULL */
};

/* What the server would do to change a column of one type into another (with no USING). */
enum type_change {
    TYPE_CHANGE_NONE,        /* the same type */
    TYPE_CHANGE_RELABEL,     /* binary compatible, no limit gets tighter: the catalogue alone changes */
    TYPE_CHANGE_RELABEL_UTC, /* only where the session's TimeZone is UTC; a rewrite elsewhere */
    TYPE_CHANGE_REWRITE,
};

/* The type that a TypeName node of PostgreSQL's own names; false when its name is not one of the server's. */
bool type_read_builtin(struct arena *arena, const struct sql_node *type_name, struct type *out);
enum type_change type_change(const struct type *from, const struct type *to);
/* Every value of `from` fits into `to` and comes back the same. */
bool type_is_widening(const struct type *from, const struct type *to);
/* Has each value of `from` a place in `to`, though perhaps stored or written in another way? */
bool type_holds(const struct type *from, const struct type *to);
bool type_has_equality(const struct type *type); /* false: json, xml, point, … have no '=' for GROUP BY or DISTINCT */
/* Names of all built-in types, for did-you-mean. */
const char *const *type_names(size_t *count);
/* The extension that has a type of this name ("geography": "postgis"), or NULL. */
const char *type_extension(const char *name);

#endif
