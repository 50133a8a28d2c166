/*
 * Keys from a service beside the program: a container's credential service (ECS, EKS Pod Identity), or an instance's
 * metadata service, version 2. Both are asked in the clear and without a proxy, at addresses that stay on the machine or
 * are fixed by AWS.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "executor/aws/credential_source.h"
#include "executor/aws/http.h"
#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/base/wipe.h"
#include "spec/exit.h"

enum {
    CONTAINER_TIMEOUT_MS = 2000,
    CONTAINER_TRIES = 3,
    INSTANCE_TIMEOUT_MS = 1000,
    INSTANCE_TRIES = 3,
    TRY_PAUSE_MS = 200,
    TICK_MS = 500,
    TOKEN_MAX_BYTES = 64 * 1024,
};

/* --- one request ------------------------------------------------------------------------------------------------------------------- */

struct question {
    const char *method;
    const char *url;
    const char *header; /* "Name: value", or NULL */
    int64_t timeout_ms;
    int tries;
};

static void exchange_once(struct aws_credential_source *source, struct http *http, struct http_exchange *exchange)
{
    const struct driver_env *env = source->env;
    int64_t tick_ms = env->now_ms(env->context);

    if (!http_start(http, exchange))
        return;
    while (!exchange->done) {
        http_poll(http, 100);
        if (env->tick && env->now_ms(env->context) - tick_ms >= TICK_MS) {
            env->tick(env->context);
            tick_ms = env->now_ms(env->context);
        }
    }
}

/* Copies the answer's body into *out. A server that cannot be reached is not asked again: it is not there. */
static bool ask(struct aws_credential_source *source, const struct question *question, struct strbuf *out,
    struct error *error)
{
    const struct driver_env *env = source->env;
    const char *const headers[] = {"User-Agent: invplan/" INVPLAN_VERSION, question->header, NULL};
    struct http_exchange exchange = {.method = question->method,
        .url = question->url,
        .headers = headers,
        .body = STR(""),
        .timeout_ms = question->timeout_ms,
        .secret = true};
    struct arena arena = ARENA_INIT;
    struct http *http = http_create(&arena, aws_variable(env, "AWS_CA_BUNDLE"));
    bool ok = false;

    for (int i = 0; i < question->tries && !ok; i++) {
        if (i)
            env->sleep_ms(env->context, TRY_PAUSE_MS);
        exchange_once(source, http, &exchange);
        ok = exchange.status == 200;
        if (ok)
            strbuf_append_str(out, strbuf_view(&exchange.answer));
        else if (exchange.status == 0)
            error_set(error, EXIT_STATUS_AUTHENTICATION, "%s cannot be reached at '%s': %s", source->origin, question->url,
                exchange.error_text);
        else
            error_set(error, EXIT_STATUS_AUTHENTICATION, "%s answers '%s' with HTTP status %d", source->origin,
                question->url, exchange.status);
        if ((exchange.status == 0 && !exchange.maybe_sent) || (exchange.status >= 400 && exchange.status < 500))
            i = question->tries;
        http_finish(http, &exchange);
    }
    http_destroy(http);
    arena_free(&arena);
    return ok;
}

/* --- container --------------------------------------------------------------------------------------------------------------------- */

#define CONTAINER_HOST "169.254.170.2"

static bool host_is(struct str authority, const char *host)
{
    size_t len = strlen(host);

    return str_starts_with(authority, host) && (authority.len == len || authority.data[len] == ':');
}

/* Where a token may go without TLS: this machine, and the addresses of ECS and EKS. */
static bool may_go_in_the_clear(struct str authority)
{
    return host_is(authority, "localhost") || str_starts_with(authority, "127.") || host_is(authority, "[::1]") ||
        host_is(authority, CONTAINER_HOST) || host_is(authority, "169.254.170.23") || host_is(authority, "[fd00:ec2::23]");
}

/* "127." begins the name of a host as well: only digits and dots make an address. */
static bool is_plain_address(struct str authority)
{
    return !str_starts_with(authority, "127.") || strspn(authority.data, "0123456789.:") >= authority.len;
}

bool container_url(struct arena *arena, const struct driver_env *env, const char **out, struct error *error)
{
    const char *relative = aws_variable(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = aws_variable(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    struct str authority;

    *out = NULL;
    if (relative) {
        if (relative[0] != '/')
            return error_set(error, EXIT_STATUS_AUTHENTICATION, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is '%s'; it begins "
                "with '/'", relative);
        *out = arena_printf(arena, "http://" CONTAINER_HOST "%s", relative);
        return true;
    }
    if (!full)
        return true;
    *out = arena_strdup(arena, full);
    if (strncasecmp(full, "https://", 8) == 0)
        return true;
    if (strncasecmp(full, "http://", 7) != 0)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "AWS_CONTAINER_CREDENTIALS_FULL_URI is '%s', which is neither an "
            "http nor an https address", full);
    authority = (struct str){full + 7, strcspn(full + 7, "/?#")};
    if (may_go_in_the_clear(authority) && is_plain_address(authority))
        return true;
    error_set(error, EXIT_STATUS_AUTHENTICATION, "AWS_CONTAINER_CREDENTIALS_FULL_URI names the host '%.*s', to which "
        "credentials would travel in the clear", STR_ARG(authority));
    return error_help(error, "use https, a loopback address, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]");
}

static bool authorization(struct aws_credential_source *source, struct arena *arena, const char **header,
    struct error *error)
{
    const char *file = aws_variable(source->env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *plain = aws_variable(source->env, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct str token = str_from(plain);

    *header = NULL;
    if (file) {
        if (!file_read(arena, file, TOKEN_MAX_BYTES, EXIT_STATUS_AUTHENTICATION, &token, error))
            return false;
        token = str_trim(token);
    }
    if (!token.len)
        return true;
    redact_register(token.data, token.len);
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] == '\r' || token.data[i] == '\n' || token.data[i] == '\0')
            return error_set(error, EXIT_STATUS_AUTHENTICATION, "the container's authorization token has more than one line");
    *header = arena_printf(arena, "Authorization: %.*s", STR_ARG(token));
    return true;
}

bool container_fetch(struct aws_credential_source *source, struct aws_credentials *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf answer = STRBUF_INIT;
    struct question question = {
        .method = "GET", .url = source->url, .timeout_ms = CONTAINER_TIMEOUT_MS, .tries = CONTAINER_TRIES};
    bool ok = authorization(source, &arena, &question.header, error) && ask(source, &question, &answer, error) &&
        aws_credentials_from_json(out, strbuf_view(&answer), "Token", source->origin, error);

    strbuf_free_secret(&answer);
    wipe_arena(&arena);
    return ok;
}

/* --- instance ---------------------------------------------------------------------------------------------------------------------- */

const char *instance_url(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile)
{
    const char *disabled = aws_variable(env, "AWS_EC2_METADATA_DISABLED");
    const char *url = aws_variable(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = aws_variable(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    size_t len;

    if (disabled && strcasecmp(disabled, "true") == 0)
        return NULL;
    if (!url)
        url = aws_profile_get(profile, "ec2_metadata_service_endpoint");
    if (!mode)
        mode = aws_profile_get(profile, "ec2_metadata_service_endpoint_mode");
    if (!url)
        url = mode && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    len = strlen(url);
    while (len && url[len - 1] == '/')
        len--;
    return arena_strndup(arena, url, len);
}

#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"

static bool instance_get(struct aws_credential_source *source, struct arena *arena, const char *path,
    const struct strbuf *token, struct strbuf *out, struct error *error)
{
    const struct question question = {.method = "GET",
        .url = arena_printf(arena, "%s%s", source->url, path),
        .header = arena_printf(arena, "X-aws-ec2-metadata-token: %s", token->data),
        .timeout_ms = INSTANCE_TIMEOUT_MS,
        .tries = INSTANCE_TRIES};

    return ask(source, &question, out, error);
}

static bool is_one_word(const struct strbuf *text)
{
    return text->len > 0 && strcspn(text->data, " \t\r\n/?#") == text->len;
}

bool instance_fetch(struct aws_credential_source *source, struct aws_credentials *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf token = STRBUF_INIT, role = STRBUF_INIT, answer = STRBUF_INIT;
    const struct question ask_token = {.method = "PUT",
        .url = arena_printf(&arena, "%s/latest/api/token", source->url),
        .header = "X-aws-ec2-metadata-token-ttl-seconds: 21600",
        .timeout_ms = INSTANCE_TIMEOUT_MS,
        .tries = INSTANCE_TRIES};
    bool ok = ask(source, &ask_token, &token, error);

    if (!ok) {
        error_wrap(error, "no AWS credentials were found: none are in the environment or the profile '%s', and",
            source->profile->name);
        error_help(error, "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE");
    } else if (!is_one_word(&token)) {
        ok = error_set(error, EXIT_STATUS_AUTHENTICATION, "%s gives no usable token", source->origin);
    }
    ok = ok && instance_get(source, &arena, ROLE_PATH, &token, &role, error);
    if (ok && !is_one_word(&role)) {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "%s names no role", source->origin);
        ok = error_help(error, "attach a role to the instance");
    }
    ok = ok && instance_get(source, &arena, arena_printf(&arena, ROLE_PATH "%s", role.data), &token, &answer, error) &&
        aws_credentials_from_json(out, strbuf_view(&answer), "Token", source->origin, error);
    strbuf_free_secret(&token);
    strbuf_free(&role);
    strbuf_free_secret(&answer);
    wipe_arena(&arena);
    return ok;
}
