/* Steps: their kind, name and body from their node. */
#ifndef COMPILER_STEP_H
#define COMPILER_STEP_H

#include "compiler/key.h"

/*
 * node was checked for that engine. A step without a name is called KIND:OBJECT, OBJECT being what it is about. False
 * and diagnosed when it needs a name: its object is a variable.
 */
bool step_parse(struct arena *arena, const struct key_table *keys, enum engine engine, struct node *node,
    struct project_step *out, struct diag_list *diags);

#endif
