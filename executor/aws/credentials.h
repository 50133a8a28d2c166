/*
 * Where the keys come from. The first of these that is there is used, and nothing behind it is tried:
 *
 *     environment    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     profile        role_arn (with source_profile, credential_source or web_identity_token_file), the profile's own keys,
 *                    credential_process
 *     web identity   AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN
 *     container      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI
 *     instance       the metadata service of EC2, version 2 alone, unless AWS_EC2_METADATA_DISABLED is true
 *
 * Which one it is, is decided without any network; keys are fetched when they are first asked for, and again
 * AWS_CREDENTIALS_EARLY_MS before they expire. While a fetch waits, env->tick is called, and whoever asks for keys from
 * there gets the ones that are known. Secret keys and session tokens are registered with redact.h as soon as they are
 * known.
 *
 *     aws_credential_source_find(arena, env, &profile, region, &source, error)
 *     aws_credential_source_get(source, &credentials, error) …
 *     aws_credential_source_close(source)
 *
 * credentials.c holds the order and the renewal; sts.c, metadata.c and process.c one way of fetching each.
 */
#ifndef EXECUTOR_AWS_CREDENTIALS_H
#define EXECUTOR_AWS_CREDENTIALS_H

#include "executor/aws/profile.h"

enum {
    AWS_CREDENTIALS_EARLY_MS = 5 * 60 * 1000,
    AWS_CREDENTIALS_RETRY_MS = 30 * 1000, /* between two tries to renew keys that are still good */
};

struct aws_credentials {
    struct strbuf access_key;
    struct strbuf secret_key;
    struct strbuf session_token; /* empty when there is none */
    int64_t expires_ms;          /* by the wall clock; 0: never */
};

struct aws_credential_source;

/* region: for calls to STS. Fails with exit status AUTHENTICATION, naming what was looked for. env and profile outlive the
 * source, which lives in the arena. */
bool aws_credential_source_find(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    const char *region, struct aws_credential_source **out, struct error *error) MUST_CHECK;
/* Keys that are good now; *out is valid until the next call. */
bool aws_credential_source_get(struct aws_credential_source *source, const struct aws_credentials **out,
    struct error *error) MUST_CHECK;
/* The service says that the keys have expired: the next get fetches others. False when there is no way to get others. */
bool aws_credential_source_expire(struct aws_credential_source *source);
const char *aws_credential_source_origin(const struct aws_credential_source *source); /* "the profile 'x'" */
void aws_credential_source_close(struct aws_credential_source *source); /* wipes */

void aws_credentials_wipe(struct aws_credentials *credentials);

#endif
