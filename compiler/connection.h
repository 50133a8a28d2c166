/* How an environment says that a PostgreSQL target is reached. */
#ifndef COMPILER_CONNECTION_H
#define COMPILER_CONNECTION_H

#include "compiler/yaml.h"

/*
 * Reports a password that stands in the text itself, and two ways to reach the same target. Plans are committed and
 * shown: a secret must never get into one.
 */
void connection_check(const struct node *node, struct diag_list *diags);

#endif
