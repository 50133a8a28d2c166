/*
 * Where the keys come from: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), then the
 * static keys of the profile. Secret key and session token are registered with redact.h as soon as they are known.
 */
#ifndef EXECUTOR_AWS_CREDENTIALS_H
#define EXECUTOR_AWS_CREDENTIALS_H

#include "executor/aws/profile.h"

struct aws_credentials {
    struct str access_key;
    struct strbuf secret_key;    /* wiped by aws_credentials_wipe() */
    struct strbuf session_token; /* empty when there is none */
    const char *origin;       /* for messages: "the environment", "the profile 'x'" */
};

/* Fails with exit status AUTHENTICATION, naming what was looked for. */
bool aws_credentials_load(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    struct aws_credentials *out, struct error *error) MUST_CHECK;
void aws_credentials_wipe(struct aws_credentials *credentials);

#endif
