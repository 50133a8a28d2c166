/*
 * From nodes to struct project: the main file first, then each included file in its order, then what can be judged only
 * when all are read. Nodes are checked against key.def on the way.
 *
 *     include = parse_main(project, &arena, root, &diags);
 *     parse_included(project, &arena, included_root, &diags);
 *     parse_finish(project, &arena, &diags);
 */
#ifndef COMPILER_PARSE_H
#define COMPILER_PARSE_H

#include "compiler/project.h"

/* Returns the list of files to include, or NULL. */
const struct node *parse_main(struct project *project, struct arena *arena, struct node *root, struct diag_list *diags);
void parse_included(struct project *project, struct arena *arena, struct node *root, struct diag_list *diags);
/* Ids, targets and environments that are named, variables that are used. */
void parse_finish(struct project *project, struct arena *arena, struct diag_list *diags);

#endif
