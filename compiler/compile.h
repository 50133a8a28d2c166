/*
 * One environment's plan from the project: its migrations in order, their variables replaced, each step lowered by its
 * target's backend.
 *
 *     project = project_load(…);
 *     for each environment:  plan = compile_environment(&arena, project, environment, &backends, &diags);
 *     diag_list_sort(&diags); …
 */
#ifndef COMPILER_COMPILE_H
#define COMPILER_COMPILE_H

#include "compiler/lower.h"

struct backend_list {
    const struct backend_ops *const *items;
    size_t count;
};

/*
 * NULL when there is any error in diags, also from before: a project with errors has no plan. What precedes the first
 * wrong migration of a target is lowered all the same, so that its errors are found too. arena must outlive diags: what
 * is reported may point into it.
 */
struct plan *compile_environment(struct arena *arena, const struct project *project,
    const struct project_environment *environment, const struct backend_list *backends, struct diag_list *diags);

struct event_types;

/*
 * The project's event types outside of any plan (event_types.h of compiler/dynamodb has them). NULL when the project
 * has no events section or there are errors in diags. environment gives the variables of the schemas and may be NULL
 * where there are none (project->events->has_variable).
 */
struct event_types *compile_events(struct arena *arena, const struct project *project,
    const struct project_environment *environment, struct diag_list *diags);

#endif
