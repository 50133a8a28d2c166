#include "executor/aws/credentials.h"

#include <string.h>

#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

/* Ways to get credentials that a profile or the environment may ask for and that this version does not go. */
static const char *const unsupported_settings[] = {
    "role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file", "login_session",
};
static const char *const unsupported_variables[] = {
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
};

static const char *variable(const struct driver_env *env, const char *name)
{
    const char *value = env->getenv(env->context, name);

    return value && *value ? value : NULL;
}

static bool take(struct arena *arena, const char *access, const char *secret, const char *token, const char *origin,
    struct aws_credentials *out, struct error *error)
{
    if (!secret) {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "%s has an AWS access key but no secret key", origin);
        return error_help(error, "set AWS_SECRET_ACCESS_KEY, or aws_secret_access_key in the profile");
    }
    out->access_key = str_copy(arena, str_from(access));
    strbuf_append_text(&out->secret_key, secret);
    redact_register(secret, strlen(secret));
    if (token) {
        strbuf_append_text(&out->session_token, token);
        redact_register(token, strlen(token));
    }
    out->origin = origin;
    return true;
}

static bool refuse(struct error *error, const char *what, const char *where)
{
    error_set(error, EXIT_STATUS_AUTHENTICATION, "%s asks for AWS credentials by '%s', which this version cannot do",
        where, what);
    return error_help(error, "put keys into the environment first: eval \"$(aws configure export-credentials --format "
        "env)\"");
}

bool aws_credentials_load(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    struct aws_credentials *out, struct error *error)
{
    const char *access = variable(env, "AWS_ACCESS_KEY_ID");

    memset(out, 0, sizeof(*out));
    if (access)
        return take(arena, access, variable(env, "AWS_SECRET_ACCESS_KEY"), variable(env, "AWS_SESSION_TOKEN"),
            "the environment", out, error);
    access = aws_profile_get(profile, "aws_access_key_id");
    if (access)
        return take(arena, access, aws_profile_get(profile, "aws_secret_access_key"),
            aws_profile_get(profile, "aws_session_token"), arena_printf(arena, "the profile '%s'", profile->name), out,
            error);
    for (size_t i = 0; i < sizeof(unsupported_settings) / sizeof(unsupported_settings[0]); i++)
        if (aws_profile_get(profile, unsupported_settings[i]))
            return refuse(error, unsupported_settings[i], arena_printf(arena, "the profile '%s'", profile->name));
    for (size_t i = 0; i < sizeof(unsupported_variables) / sizeof(unsupported_variables[0]); i++)
        if (variable(env, unsupported_variables[i]))
            return refuse(error, unsupported_variables[i], "the environment");
    error_set(error, EXIT_STATUS_AUTHENTICATION, "no AWS credentials were found: AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY are not set, and the profile '%s' has no keys in '%s' or '%s'", profile->name,
        profile->credentials_path ? profile->credentials_path : "~/.aws/credentials",
        profile->config_path ? profile->config_path : "~/.aws/config");
    return error_help(error, "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE");
}

void aws_credentials_wipe(struct aws_credentials *credentials)
{
    strbuf_free_secret(&credentials->secret_key);
    strbuf_free_secret(&credentials->session_token);
    memset(credentials, 0, sizeof(*credentials));
}
