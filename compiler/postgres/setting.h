/*
 * What a relation is set to beside what its definition says: options, statistics targets, the replica identity, the index
 * that it is clustered on; of a sequence its options. An earlier setting undoes a later one, and all of them are set again
 * on what is dropped and made again.
 */
#ifndef COMPILER_POSTGRES_SETTING_H
#define COMPILER_POSTGRES_SETTING_H

#include "compiler/postgres/catalog.h"

/* NULL: nothing was said. column NULL: it is about the whole relation. */
const struct setting *setting_find(const struct relation *relation, const char *key, const char *column);
/* Takes the place of one with the same key and column. Texts live as long as the catalogue. */
void setting_put(struct catalog *catalog, struct relation *relation, struct setting setting);
/* What is set on the relation as a whole. */
void setting_forget_options(struct relation *relation);
/* ALTER TABLE relation …, which also sets what indexes and views have. */
const char *setting_sql(struct arena *arena, const struct relation *relation, const struct setting *setting);
/* A sequence's options in one line: "INCREMENT BY 5 CACHE 10"; "" when there are none. skip: a key, or NULL. */
const char *setting_of_sequence(struct arena *arena, const struct relation *sequence, const char *skip);

#endif
