/* A plan's header from an environment: targets, policy, backup, notifications, metrics, and what they ask of an
 * executor. */
#ifndef COMPILER_HEADER_H
#define COMPILER_HEADER_H

#include "compiler/check.h"
#include "compiler/resolve.h"

/*
 * Fills everything of the plan but inputs, migrations and steps. Values with variables in them are checked once more
 * with these in place. False when anything was diagnosed.
 */
bool header_build(const struct project *project, const struct project_environment *environment,
    const struct checker *checker, const struct resolver *resolver, struct plan *plan);

/* The schema of objects that are written without one, on that target. In arena. */
const char *header_schema(
    const struct project_environment *environment, const char *target, const struct resolver *resolver);

#endif
