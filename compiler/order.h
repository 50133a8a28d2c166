/*
 * The order of migrations: linear on each target as they are declared, with `after` edges across targets. Where these
 * leave a choice, the target that the project's `order` names first goes first. The result depends on nothing else.
 */
#ifndef COMPILER_ORDER_H
#define COMPILER_ORDER_H

#include "compiler/project.h"

/* Reports ids in `after` that there are not, and circles, each whole. */
void order_check(struct project *project, struct arena *arena, struct diag_list *diags);

struct order_list {
    VEC(struct project_migration *) items;
};

/* The migrations of an environment. Edges to migrations that it leaves out (`only`) are met there. The project must
 * have passed order_check(). */
void order_sort(const struct project *project, const struct project_environment *environment, struct arena *arena,
    struct order_list *out);

/* Whether the environment has the migration (`only`). */
bool order_includes(const struct project_migration *migration, const struct project_environment *environment);

#endif
