/*
 * Probes: queries that tell whether a statement has already happened. One row (state, detail): 'done', 'not done',
 * 'half done' (its repair brings it back to not done), or 'other' with what differs. They read pg_catalog alone, change
 * nothing and do not depend on search_path.
 */
#ifndef COMPILER_POSTGRES_PROBE_H
#define COMPILER_POSTGRES_PROBE_H

#include "compiler/postgres/catalog.h"

const char *sql_probe_table(struct arena *arena, const struct relation *relation);
/* before: what sql_column_shape() gave for a column that is changed, 'not done' then; NULL for one that is made. */
const char *sql_probe_column(
    struct arena *arena, const struct relation *relation, const struct column *column, const char *before);
const char *sql_column_shape(struct arena *arena, const struct column *column);
const char *sql_probe_no_column(struct arena *arena, const char *table, const char *column);
const char *sql_probe_index(struct arena *arena, const struct relation *index);
/* Reads 'half done' where a concurrent drop was cut off and left it invalid. */
const char *sql_probe_no_index(struct arena *arena, const char *qualified);
const char *sql_probe_constraint(struct arena *arena, const struct constraint *constraint);
const char *sql_probe_validated(struct arena *arena, const struct constraint *constraint);
const char *sql_probe_no_constraint(struct arena *arena, const char *table, const char *name);
/* The relation is there (and of that kind: pg_class.relkind letters), or is not. */
const char *sql_probe_relation(struct arena *arena, const char *qualified, const char *kinds);
const char *sql_probe_no_relation(struct arena *arena, const char *qualified);
const char *sql_probe_enum(struct arena *arena, const struct type_object *type);
const char *sql_probe_enum_value(struct arena *arena, const struct type_object *type, const char *label);
const char *sql_probe_schema(struct arena *arena, const char *name);
const char *sql_probe_extension(struct arena *arena, const char *name);
const char *sql_probe_function(struct arena *arena, const struct function *function);
const char *sql_probe_trigger(struct arena *arena, const struct relation *relation, const char *name);
/* 'done' where the condition is true, else 'not done'. */
const char *sql_probe_condition(struct arena *arena, const char *condition);
/* All of them done, all not done, or something between ('other'). */
const char *sql_probe_all(struct arena *arena, const char *const *probes, size_t count);

#endif
