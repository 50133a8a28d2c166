#include "executor/aws/credentials.h"

#include <stdio.h>
#include <string.h>

#include "executor/aws/credential_source.h"
#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/base/wipe.h"
#include "spec/cel/time.h"
#include "spec/exit.h"

enum { ROLE_CHAIN_MAX = 5 };

const char *aws_variable(const struct driver_env *env, const char *name)
{
    const char *value = env->getenv(env->context, name);

    return value && *value ? value : NULL;
}

/* --- keys ------------------------------------------------------------------------------------------------------------------------ */

void aws_credentials_wipe(struct aws_credentials *credentials)
{
    strbuf_free_secret(&credentials->access_key);
    strbuf_free_secret(&credentials->secret_key);
    strbuf_free_secret(&credentials->session_token);
    credentials->expires_ms = 0;
}

bool aws_credentials_set(struct aws_credentials *out, struct str access, struct str secret, struct str token,
    struct str expiration, const char *origin, struct error *error)
{
    struct cel_value when;

    memset(out, 0, sizeof(*out));
    redact_register(secret.data, secret.len);
    redact_register(token.data, token.len);
    if (!access.len)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "%s has no AWS access key", origin);
    if (!secret.len) {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "%s has an AWS access key but no secret key", origin);
        return error_help(error, "set AWS_SECRET_ACCESS_KEY, or aws_secret_access_key in the profile");
    }
    if (expiration.len) {
        if (!cel_timestamp_read(expiration, &when))
            return error_set(error, EXIT_STATUS_AUTHENTICATION, "the AWS credentials of %s expire at '%.40s', which is no "
                "time", origin, expiration.data);
        out->expires_ms = when.as.time.seconds * 1000 + when.as.time.nanos / 1000000;
    }
    strbuf_append_str(&out->access_key, access);
    strbuf_append_str(&out->secret_key, secret);
    strbuf_append_str(&out->session_token, token);
    return true;
}

bool aws_credentials_from_json(struct aws_credentials *out, struct str text, const char *token_name, const char *origin,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct json_error problem;
    const struct json *json = json_read(&arena, text, JSON_STRICT, &problem);
    bool ok;

    if (!json_is(json, JSON_OBJECT))
        ok = error_set(error, EXIT_STATUS_AUTHENTICATION, "%s does not answer with a JSON object", origin);
    else
        ok = aws_credentials_set(out, json_text(json_get(json, "AccessKeyId")), json_text(json_get(json, "SecretAccessKey")),
            json_text(json_get(json, token_name)), json_text(json_get(json, "Expiration")), origin, error);
    wipe_arena(&arena);
    return ok;
}

/* --- the order -------------------------------------------------------------------------------------------------------------------- */

/* One profile's way to credentials. depth: of source_profile. */
struct search {
    struct arena *arena;
    const struct driver_env *env;
    const struct aws_profile *profile;
    const char *region;
    int depth;
};

static bool search_profile(const struct search *search, struct aws_credential_source **out, struct error *error);

static struct aws_credential_source *source_new(const struct search *search, const char *origin, aws_credential_fetch_fn fetch)
{
    struct aws_credential_source *source = ARENA_NEW(search->arena, struct aws_credential_source);

    source->arena = search->arena;
    source->env = search->env;
    source->profile = search->profile;
    source->region = search->region;
    source->origin = origin;
    source->fetch = fetch;
    return source;
}

static bool known_keys(const struct search *search, const char *access, const char *secret, const char *token,
    const char *origin, struct aws_credential_source **out, struct error *error)
{
    struct aws_credential_source *source = source_new(search, origin, NULL);

    if (!aws_credentials_set(&source->current, str_from(access), str_from(secret), str_from(token), STR(""), origin, error))
        return false;
    source->known = true;
    *out = source;
    return true;
}

static bool search_environment(const struct search *search, struct aws_credential_source **out, struct error *error)
{
    const char *access = aws_variable(search->env, "AWS_ACCESS_KEY_ID");

    return !access || known_keys(search, access, aws_variable(search->env, "AWS_SECRET_ACCESS_KEY"),
        aws_variable(search->env, "AWS_SESSION_TOKEN"), "the environment", out, error);
}

static bool search_container(const struct search *search, struct aws_credential_source **out, struct error *error)
{
    const char *url;

    if (!container_url(search->arena, search->env, &url, error))
        return false;
    if (url) {
        *out = source_new(search, "the container's credential service", container_fetch);
        (*out)->url = url;
    }
    return true;
}

static bool search_instance(const struct search *search, struct aws_credential_source **out)
{
    const char *url = instance_url(search->arena, search->env, search->profile);

    if (url) {
        *out = source_new(search, "the instance's metadata service", instance_fetch);
        (*out)->url = url;
    }
    return true;
}

static const char *profile_origin(const struct search *search)
{
    return arena_printf(search->arena, "the profile '%s'", search->profile->name);
}

static bool base_by_name(const struct search *search, const char *name, struct aws_credential_source *role,
    struct error *error)
{
    struct search inner = *search;

    inner.profile = &role->base_profile;
    inner.depth++;
    if (inner.depth > ROLE_CHAIN_MAX)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "the source_profile settings of %s lead more than %d profiles on",
            role->origin, ROLE_CHAIN_MAX);
    if (!aws_profile_load_named(search->arena, search->env, name, &role->base_profile, error))
        return false;
    if (!role->base_profile.found)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "the profile '%s' that %s names as its source_profile does not "
            "exist", name, role->origin);
    /* A profile may name itself: then its own keys are what its role is assumed with. */
    if (strcmp(name, search->profile->name) == 0 && aws_profile_get(search->profile, "aws_access_key_id"))
        return known_keys(&inner, aws_profile_get(search->profile, "aws_access_key_id"),
            aws_profile_get(search->profile, "aws_secret_access_key"), aws_profile_get(search->profile, "aws_session_token"),
            role->origin, &role->base, error);
    if (!search_profile(&inner, &role->base, error))
        return false;
    return role->base || error_set(error, EXIT_STATUS_AUTHENTICATION, "the profile '%s' that %s names as its source_profile "
        "has no credentials", name, role->origin);
}

static bool base_by_kind(const struct search *search, const char *kind, struct aws_credential_source *role,
    struct error *error)
{
    bool ok;

    if (strcmp(kind, "Environment") == 0) {
        ok = search_environment(search, &role->base, error);
    } else if (strcmp(kind, "EcsContainer") == 0) {
        ok = search_container(search, &role->base, error);
    } else if (strcmp(kind, "Ec2InstanceMetadata") == 0) {
        ok = search_instance(search, &role->base);
    } else {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "%s has the credential_source '%s'", role->origin, kind);
        return error_help(error, "it may be Environment, EcsContainer or Ec2InstanceMetadata");
    }
    if (ok && !role->base)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "%s takes its credentials from the credential_source '%s', which "
            "is not there", role->origin, kind);
    return ok;
}

static bool search_role(const struct search *search, struct aws_credential_source **out, struct error *error)
{
    const struct aws_profile *profile = search->profile;
    const char *source_profile = aws_profile_get(profile, "source_profile");
    const char *credential_source = aws_profile_get(profile, "credential_source");
    struct aws_credential_source *role = source_new(search, profile_origin(search), sts_assume_role);

    role->role_arn = aws_profile_get(profile, "role_arn");
    role->session_name = aws_profile_get(profile, "role_session_name");
    role->external_id = aws_profile_get(profile, "external_id");
    role->duration = aws_profile_get(profile, "duration_seconds");
    role->token_file = aws_profile_get(profile, "web_identity_token_file");
    *out = role;
    if (role->token_file) {
        role->fetch = sts_assume_role_with_web_identity;
        return true;
    }
    if (aws_profile_get(profile, "mfa_serial")) {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "%s wants a code of a multi-factor device, which a program cannot type",
            role->origin);
        return error_help(error, "put keys into the environment first: eval \"$(aws configure export-credentials --format "
            "env)\"");
    }
    if (source_profile && credential_source)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "%s has both a source_profile and a credential_source",
            role->origin);
    if (source_profile)
        return base_by_name(search, source_profile, role, error);
    if (credential_source)
        return base_by_kind(search, credential_source, role, error);
    error_set(error, EXIT_STATUS_AUTHENTICATION, "%s has a role_arn, but nothing to assume the role with", role->origin);
    return error_help(error, "add source_profile, credential_source or web_identity_token_file to the profile");
}

/* Ways that need a browser or a prompt. */
static const char *const unsupported[] = {"sso_session", "sso_start_url", "login_session"};

/* *out stays NULL when the profile has no way to credentials. */
static bool search_profile(const struct search *search, struct aws_credential_source **out, struct error *error)
{
    const struct aws_profile *profile = search->profile;
    const char *access = aws_profile_get(profile, "aws_access_key_id");
    const char *command = aws_profile_get(profile, "credential_process");

    if (aws_profile_get(profile, "role_arn"))
        return search_role(search, out, error);
    if (access)
        return known_keys(search, access, aws_profile_get(profile, "aws_secret_access_key"),
            aws_profile_get(profile, "aws_session_token"), profile_origin(search), out, error);
    if (command) {
        *out = source_new(search, arena_printf(search->arena, "the credential_process of the profile '%s'", profile->name),
            process_fetch);
        (*out)->command = command;
        return true;
    }
    for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
        if (!aws_profile_get(profile, unsupported[i]))
            continue;
        error_set(error, EXIT_STATUS_AUTHENTICATION, "%s asks for AWS credentials by '%s', which this version cannot do",
            profile_origin(search), unsupported[i]);
        return error_help(error, "put keys into the environment first: eval \"$(aws configure export-credentials --format "
            "env)\"");
    }
    return true;
}

static bool search_web_identity(const struct search *search, struct aws_credential_source **out, struct error *error)
{
    const char *file = aws_variable(search->env, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role = aws_variable(search->env, "AWS_ROLE_ARN");

    if (!file)
        return true;
    if (!role) {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
        return error_help(error, "set AWS_ROLE_ARN to the role that the token is for");
    }
    *out = source_new(search, "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE", sts_assume_role_with_web_identity);
    (*out)->role_arn = role;
    (*out)->token_file = file;
    (*out)->session_name = aws_variable(search->env, "AWS_ROLE_SESSION_NAME");
    return true;
}

static bool search_all(const struct search *search, struct aws_credential_source **out, struct error *error)
{
    return search_environment(search, out, error) && (*out || search_profile(search, out, error)) &&
        (*out || search_web_identity(search, out, error)) && (*out || search_container(search, out, error)) &&
        (*out || search_instance(search, out));
}

bool aws_credential_source_find(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    const char *region, struct aws_credential_source **out, struct error *error)
{
    const struct search search = {.arena = arena, .env = env, .profile = profile, .region = region};

    *out = NULL;
    if (!search_all(&search, out, error)) {
        if (*out)
            aws_credential_source_close(*out);
        return false;
    }
    if (*out)
        return true;
    error_set(error, EXIT_STATUS_AUTHENTICATION, "no AWS credentials were found: AWS_ACCESS_KEY_ID, "
        "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI are not set, the profile '%s' has none in "
        "'%s' or '%s', and the metadata service is switched off", profile->name,
        profile->credentials_path ? profile->credentials_path : "~/.aws/credentials",
        profile->config_path ? profile->config_path : "~/.aws/config");
    return error_help(error, "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE");
}

/* --- renewal ---------------------------------------------------------------------------------------------------------------------- */

static int64_t wall(const struct aws_credential_source *source)
{
    return source->env->wall_ms(source->env->context);
}

static bool expires_within(const struct aws_credential_source *source, int64_t ms)
{
    return source->current.expires_ms && source->current.expires_ms - wall(source) <= ms;
}

static bool renew(struct aws_credential_source *source, struct error *error)
{
    struct aws_credentials fresh = {0};
    bool ok;

    source->fetching = true;
    ok = source->fetch(source, &fresh, error);
    source->fetching = false;
    source->again_ms = wall(source) + AWS_CREDENTIALS_RETRY_MS;
    if (!ok) {
        aws_credentials_wipe(&fresh);
        return false;
    }
    aws_credentials_wipe(&source->current);
    source->current = fresh;
    source->known = true;
    return true;
}

bool aws_credential_source_get(struct aws_credential_source *source, const struct aws_credentials **out,
    struct error *error)
{
    const struct driver_env *env = source->env;
    char message[ERROR_MESSAGE_MAX + 128];

    *out = &source->current;
    if (!source->fetch || source->fetching)
        return source->known ||
            error_set(error, EXIT_STATUS_AUTHENTICATION, "the AWS credentials of %s are not known yet", source->origin);
    if (source->known && (!expires_within(source, AWS_CREDENTIALS_EARLY_MS) || wall(source) < source->again_ms))
        return true;
    if (renew(source, error))
        return true;
    if (!source->known || expires_within(source, 0))
        return false;
    snprintf(message, sizeof(message), "the AWS credentials expire soon and cannot be renewed: %s", error->message);
    redact_text(message);
    env->log(env->context, "warning", message);
    return true;
}

bool aws_credential_source_expire(struct aws_credential_source *source)
{
    if (!source->fetch)
        return false;
    if (source->base)
        aws_credential_source_expire(source->base);
    source->known = false;
    return true;
}

const char *aws_credential_source_origin(const struct aws_credential_source *source)
{
    return source->origin;
}

void aws_credential_source_close(struct aws_credential_source *source)
{
    aws_credentials_wipe(&source->current);
    if (source->base)
        aws_credential_source_close(source->base);
    aws_profile_wipe(&source->base_profile);
}
