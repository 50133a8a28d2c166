/*
 * References in a plan's connection fields: ${env:NAME} and ${secret:ARN#FIELD}. They are resolved when a driver opens
 * its target and kept in memory only. Passwords, tokens and secret keys among them, also those inside a URL or a
 * connection string, are registered with redact.h; hosts and ports are not, since messages have to name them.
 *
 *     struct references references = {&arena, env, target, NULL};
 *     reference_resolve_field(&references, "url", &value, error) …
 *     references_close(&references);
 *
 * The fields that are resolved by one struct are of one moment: a secret is read once.
 */
#ifndef EXECUTOR_REFERENCE_H
#define EXECUTOR_REFERENCE_H

#include "executor/driver.h"

struct secret_store;

struct references {
    struct arena *arena; /* of the values: wipe it when they are used up */
    const struct driver_env *env;
    const struct plan_target *target;
    struct secret_store *secrets; /* NULL at first */
};

/* The value of the target's connection field with its references resolved, in the arena; NULL in *out when the plan has no
 * such field. Fails (exit status UNREACHABLE) when a variable is unset, naming the variable and the field. */
bool reference_resolve_field(struct references *references, const char *field, const char **out, struct error *error)
    MUST_CHECK;
/* A field of the secret that the target's `secret` names; NULL when the plan names none, or the secret has no such field. */
bool reference_resolve_secret(struct references *references, const char *field, const char **out, struct error *error)
    MUST_CHECK;
/* Whether any connection field needs Secrets Manager. */
bool references_use_secrets(const struct plan_target *target);
void references_close(struct references *references);

#endif
