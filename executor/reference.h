/*
 * References in a plan's connection fields: ${env:NAME} and ${secret:ARN#FIELD}. They are resolved when a driver opens
 * its target and kept in memory only. Passwords, tokens and secret keys among them, also those inside a URL or a
 * connection string, are registered with redact.h; hosts and ports are not, since messages have to name them.
 */
#ifndef EXECUTOR_REFERENCE_H
#define EXECUTOR_REFERENCE_H

#include "executor/driver.h"

/* The value of the target's connection field with its references resolved, in arena; NULL in *out when the plan has no
 * such field. Fails (exit status UNREACHABLE) when a variable is unset, naming the variable and the field; with
 * UNSUPPORTED for ${secret:…}. */
bool reference_resolve_field(struct arena *arena, const struct driver_env *env, const struct plan_target *target,
    const char *field, const char **out, struct error *error) MUST_CHECK;

#endif
