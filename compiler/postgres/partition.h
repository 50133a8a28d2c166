/*
 * Bounds of partitions: the condition that the server derives from a bound, written so that it recognises a CHECK with
 * it and spares ATTACH PARTITION its scan; and which indexes and constraints a partition has in common with its parent.
 */
#ifndef COMPILER_POSTGRES_PARTITION_H
#define COMPILER_POSTGRES_PARTITION_H

#include "compiler/postgres/catalog.h"

/* The condition that holds for each row of a partition of `parent` with this bound ("FROM (1) TO (2)", "IN (…)",
 * "WITH (…)", with or without FOR VALUES before it). NULL where it cannot be written: a key with its own collation or
 * operator class, a parent that is not known, DEFAULT. */
const char *partition_condition(struct arena *arena, const struct relation *parent, struct str bound);

/* Why the server would not take another partition with this bound, or "DEFAULT": another one has its values, or it has
 * none. NULL: it would, or the values are of a kind that only the server compares. What is read of the bounds that are
 * there is kept in the arena of the catalogue; the answer lives in scratch. */
const char *partition_refuses(
    struct arena *arena, struct arena *scratch, const struct relation *parent, struct str bound);
/* A key of PARTITION BY, as it is written, that is none of these columns; NULL: all are. */
const char *partition_key_beyond(
    struct arena *arena, const struct relation *parent, const char *const *columns, size_t count);

/* An index of the table that can stand for `index` of the table that it is to be attached to: of the same columns, kind
 * and condition, and not a part of another index yet. NULL: none. */
struct relation *partition_find_index(const struct relation *table, const struct relation *index);
/* A foreign key of the table like this one; NULL: none. */
struct constraint *partition_find_foreign_key(const struct relation *table, const struct constraint *foreign_key);
/* The table's default partition; NULL: it has none. */
struct relation *partition_find_default(const struct relation *parent);

#endif
