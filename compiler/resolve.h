/*
 * Variables: each environment's values put in the place of ${var:NAME}. A value that is one reference and nothing else
 * becomes the variable's whole value, of whatever kind; inside a longer text the variable must be a single word or
 * number.
 */
#ifndef COMPILER_RESOLVE_H
#define COMPILER_RESOLVE_H

#include "compiler/project.h"

/* Reports every variable that an environment lacks, although something in it uses it. */
void resolve_check(const struct project *project, struct arena *arena, struct diag_list *diags);

struct resolver {
    struct arena *arena;
    struct diag_list *diags;
    const struct node *vars; /* the environment's; NULL: none */
};

void resolver_init(struct resolver *resolver, const struct project_environment *environment, struct arena *arena,
    struct diag_list *diags);
/*
 * The node with its variables replaced; the node itself where it has none. What was replaced has the span of its
 * reference and says in substituted_from where the value stands. Where a variable cannot be replaced, that is diagnosed
 * (by resolve_check() where it is missing), and the node is damaged.
 */
struct node *resolve_node(const struct resolver *resolver, struct node *node);

#endif
