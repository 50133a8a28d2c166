/*
 * Secrets of Secrets Manager, as references name them. A secret is read once, whole, so that its fields belong to one
 * version of it also while it rotates.
 *
 *     struct secret_store *store = secret_store_create(env);
 *     secret_store_field(store, "arn:…", "password", &value, error) …
 *     secret_store_close(store);
 *
 * What is read is wiped when the store is closed.
 */
#ifndef EXECUTOR_AWS_SECRET_H
#define EXECUTOR_AWS_SECRET_H

#include "executor/driver.h"

struct secret_store;

/* env outlives the store. */
struct secret_store *secret_store_create(const struct driver_env *env);
/* The text or number of a field of the secret's JSON object; *out is valid until the store is closed, .data NULL when the
 * secret has no such field. id: an ARN, or a name in the region of the environment. Exit status AUTHENTICATION when the
 * secret is not there or holds no JSON object. */
bool secret_store_field(struct secret_store *store, const char *id, const char *field, struct str *out,
    struct error *error) MUST_CHECK;
void secret_store_close(struct secret_store *store); /* NULL will do */

#endif
