/*
 * A source of credentials, inside: what credentials.c and the ways of fetching share.
 */
#ifndef EXECUTOR_AWS_CREDENTIAL_SOURCE_H
#define EXECUTOR_AWS_CREDENTIAL_SOURCE_H

#include "executor/aws/credentials.h"

struct json;

/* Fetches keys into *out, which is empty. */
typedef bool (*aws_credential_fetch_fn)(struct aws_credential_source *source, struct aws_credentials *out,
    struct error *error);

struct aws_credential_source {
    struct arena *arena;
    const struct driver_env *env;
    const struct aws_profile *profile;
    const char *region;
    const char *origin;               /* for messages: "the environment", "the profile 'x'" */
    aws_credential_fetch_fn fetch;    /* NULL: the keys are known and do not change */
    /* of a role */
    const char *role_arn;
    const char *session_name;         /* NULL: one is made */
    const char *external_id;          /* or NULL */
    const char *duration;             /* seconds, or NULL */
    const char *token_file;           /* web identity */
    struct aws_credential_source *base; /* whose keys the role is assumed with; NULL with web identity */
    struct aws_profile base_profile;
    /* of a process */
    const char *command;
    /* of a container or an instance */
    const char *url;
    /* of credentials.c */
    struct aws_credentials current;
    bool known;
    bool fetching;
    int64_t again_ms; /* no other try to renew before, by the wall clock */
};

/* --- sts.c --- */
bool sts_assume_role(struct aws_credential_source *source, struct aws_credentials *out, struct error *error) MUST_CHECK;
bool sts_assume_role_with_web_identity(struct aws_credential_source *source, struct aws_credentials *out,
    struct error *error) MUST_CHECK;

/* --- metadata.c --- */
/* The address of a container's credentials as the environment names it; NULL when it names none. Fails when it is not one
 * that a token may be sent to. */
bool container_url(struct arena *arena, const struct driver_env *env, const char **out, struct error *error) MUST_CHECK;
/* The address of the instance's metadata service, without a path; NULL when it is switched off. */
const char *instance_url(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile);
bool container_fetch(struct aws_credential_source *source, struct aws_credentials *out, struct error *error) MUST_CHECK;
bool instance_fetch(struct aws_credential_source *source, struct aws_credentials *out, struct error *error) MUST_CHECK;

/* --- process.c --- */
bool process_fetch(struct aws_credential_source *source, struct aws_credentials *out, struct error *error) MUST_CHECK;

/* --- credentials.c --- */
/* Fills *out and registers the secrets. token and expiration may be "". Fails when a key is missing, or the expiration is
 * no time of day (RFC 3339). */
bool aws_credentials_set(struct aws_credentials *out, struct str access, struct str secret, struct str token,
    struct str expiration, const char *origin, struct error *error) MUST_CHECK;
/* The same from the JSON text that containers, instances and processes answer with; token_name: what the token is called
 * in it. */
bool aws_credentials_from_json(struct aws_credentials *out, struct str text, const char *token_name, const char *origin,
    struct error *error) MUST_CHECK;
const char *aws_variable(const struct driver_env *env, const char *name); /* NULL when unset or empty */

#endif
