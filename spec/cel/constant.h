/*
 * Lists and maps of literals are built when an expression is compiled, not each time that it runs.
 */
#ifndef SPEC_CEL_CONSTANT_H
#define SPEC_CEL_CONSTANT_H

#include "spec/cel/ast.h"

/* Makes a LIST or MAP node a LITERAL where all of it is literal. The keys of a map must differ. */
void cel_constant_fold(struct arena *arena, struct cel_node *node);
/* The first literal key of a MAP node that is there twice, or NULL. */
const struct cel_node *cel_constant_duplicate_key(const struct cel_node *map);

#endif
