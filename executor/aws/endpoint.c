#include "executor/aws/endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

static const char *variable(const struct driver_env *env, const char *name)
{
    const char *value = env->getenv(env->context, name);

    return value && *value ? value : NULL;
}

static bool region_is_valid(const char *region)
{
    size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= 40 && region[len] == '\0' && region[0] != '-';
}

bool aws_region_resolve(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    const char *plan_region, const char **out, struct error *error)
{
    const char *region = plan_region && *plan_region ? plan_region : NULL;

    if (!region)
        region = variable(env, "AWS_REGION");
    if (!region)
        region = variable(env, "AWS_DEFAULT_REGION");
    if (!region)
        region = aws_profile_get(profile, "region");
    if (!region) {
        error_set(error, EXIT_STATUS_UNREACHABLE, "no AWS region is named: not by the plan, AWS_REGION, AWS_DEFAULT_REGION "
            "or the profile '%s'", profile->name);
        return error_help(error, "set 'region' for the target in migrations.yaml, or export AWS_REGION");
    }
    if (!region_is_valid(region)) {
        error_set(error, EXIT_STATUS_UNREACHABLE, "'%s' is not the name of an AWS region", region);
        return error_help(error, "region names look like 'us-east-1'");
    }
    *out = arena_strdup(arena, region);
    return true;
}

static bool bad_endpoint(struct error *error, const char *url, const char *origin, const char *why)
{
    error_set(error, EXIT_STATUS_UNREACHABLE, "the endpoint '%s' from %s %s", url, origin, why);
    return error_help(error, "write it as https://host, https://host:port or http://host:port");
}

static bool host_is_aws(struct str host)
{
    return str_ends_with(host, ".amazonaws.com") || str_ends_with(host, ".amazonaws.com.cn") ||
        str_ends_with(host, ".api.aws");
}

/* Characters that may stand in a URL's path without changing its meaning; everything else is refused, not repaired. */
static bool path_is_plain(const char *path)
{
    return path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")] == '\0';
}

static bool host_is_plain(struct str host)
{
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        for (size_t i = 1; i + 1 < host.len; i++)
            if (!strchr("0123456789abcdefABCDEF:.", host.data[i]))
                return false;
        return true;
    }
    for (size_t i = 0; i < host.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", host.data[i]))
            return false;
    return host.len > 0;
}

static bool endpoint_parse(struct arena *arena, const char *url, const char *origin, struct aws_endpoint *out,
    struct error *error)
{
    bool tls = strncasecmp(url, "https://", 8) == 0;
    const char *rest = url + (tls ? 8 : 7);
    size_t authority_len, port_at;
    struct str host;
    uint64_t port = tls ? 443 : 80;

    if (!tls && strncasecmp(url, "http://", 7) != 0)
        return bad_endpoint(error, url, origin, "is neither an http nor an https address");
    authority_len = strcspn(rest, "/?#");
    port_at = authority_len;
    while (port_at > 0 && rest[port_at - 1] != ':' && rest[port_at - 1] != ']')
        port_at--;
    host = (struct str){rest, authority_len};
    if (port_at > 0 && rest[port_at - 1] == ':') {
        struct str digits = {rest + port_at, authority_len - port_at};

        host.len = port_at - 1;
        if (!str_to_u64(digits, &port) || port == 0 || port > 65535)
            return bad_endpoint(error, url, origin, "has no valid port");
    }
    if (!host_is_plain(host))
        return bad_endpoint(error, url, origin, "has no valid host name");
    if (!path_is_plain(rest + authority_len))
        return bad_endpoint(error, url, origin, "has more than a path behind the host");
    out->path = rest[authority_len] == '/' ? arena_strdup(arena, rest + authority_len) : "/";
    out->authority = port == (tls ? 443U : 80U) ? arena_strndup(arena, host.data, host.len)
                                                : arena_printf(arena, "%.*s:%u", STR_ARG(host), (unsigned)port);
    out->url = arena_printf(arena, "%s://%s%s", tls ? "https" : "http", out->authority, out->path);
    out->origin = origin;
    out->custom = !host_is_aws(host);
    return true;
}

bool aws_endpoint_resolve(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    const char *service_id, const char *host, const char *region, const char *plan_endpoint, struct aws_endpoint *out,
    struct error *error)
{
    const char *specific = arena_printf(arena, "AWS_ENDPOINT_URL_%s", service_id);
    const char *ignore = variable(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    const char *url = plan_endpoint && *plan_endpoint ? plan_endpoint : NULL;
    const char *origin = "the plan";

    memset(out, 0, sizeof(*out));
    if (!url && !(ignore && strcasecmp(ignore, "true") == 0)) {
        origin = specific;
        url = variable(env, origin);
        if (!url) {
            origin = "AWS_ENDPOINT_URL";
            url = variable(env, origin);
        }
        if (!url) {
            origin = "the AWS profile";
            url = aws_profile_get_service(profile, service_id, "endpoint_url");
        }
        if (!url)
            url = aws_profile_get(profile, "endpoint_url");
    }
    if (!url) {
        origin = "the region";
        url = arena_printf(arena, "https://%s.%s.amazonaws.com%s", host, region,
            strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
    }
    return endpoint_parse(arena, url, origin, out, error);
}
