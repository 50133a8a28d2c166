/*
 * Roles: AssumeRole with the keys of another source, AssumeRoleWithWebIdentity with a token from a file. Each call has a
 * client of its own, with its own connection, retries and clock correction.
 */
#include <string.h>

#include "executor/aws/client.h"
#include "executor/aws/credential_source.h"
#include "executor/aws/sigv4.h"
#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/base/wipe.h"
#include "spec/exit.h"

enum { TOKEN_MAX_BYTES = 64 * 1024 };

static void append_parameter(struct strbuf *body, const char *name, const char *value)
{
    if (!value)
        return;
    if (body->len)
        strbuf_append_char(body, '&');
    strbuf_append_text(body, name);
    strbuf_append_char(body, '=');
    sigv4_append_encoded(body, str_from(value), false);
}

static void append_role(const struct aws_credential_source *source, struct arena *arena, struct strbuf *body)
{
    int64_t seconds = source->env->wall_ms(source->env->context) / 1000;

    append_parameter(body, "RoleArn", source->role_arn);
    append_parameter(body, "RoleSessionName",
        source->session_name ? source->session_name : arena_printf(arena, "invplan-%lld", (long long)seconds));
    append_parameter(body, "DurationSeconds", source->duration);
}

static bool call_sts(struct aws_credential_source *source, const char *action, struct strbuf *body, bool unsigned_call,
    struct aws_credentials *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    const struct aws_client_options options = {
        .region = source->region, .source = source->base, .unsigned_calls = unsigned_call};
    struct aws_call call = {
        .service = &AWS_SERVICE_STS, .action = action, .body = strbuf_view(body), .arena = &arena};
    const char *path = arena_printf(&arena, "%sResult/Credentials", action);
    const struct xml_node *found;
    struct aws_client *client;
    bool ok = aws_client_create(&arena, source->env, &options, &client, error);

    if (ok) {
        ok = aws_call_wait(client, &call);
        if (!ok)
            *error = call.error;
        aws_client_destroy(client);
    }
    if (ok) {
        found = xml_find(call.xml, path);
        ok = aws_credentials_set(out, xml_text(found, "AccessKeyId"), xml_text(found, "SecretAccessKey"),
            xml_text(found, "SessionToken"), xml_text(found, "Expiration"), source->origin, error);
    }
    wipe_arena(&arena);
    return ok || error_wrap(error, "%s cannot assume the role '%s'", source->origin, source->role_arn);
}

bool sts_assume_role(struct aws_credential_source *source, struct aws_credentials *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    bool ok;

    append_role(source, &arena, &body);
    append_parameter(&body, "ExternalId", source->external_id);
    ok = call_sts(source, "AssumeRole", &body, false, out, error);
    strbuf_free_secret(&body);
    arena_free(&arena);
    return ok;
}

bool sts_assume_role_with_web_identity(struct aws_credential_source *source, struct aws_credentials *out,
    struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct strbuf body = STRBUF_INIT;
    struct str token;
    bool ok = file_read(&arena, source->token_file, TOKEN_MAX_BYTES, EXIT_STATUS_AUTHENTICATION, &token, error);

    if (ok) { /* read anew each time: whoever issues the token replaces it */
        append_role(source, &arena, &body);
        strbuf_append_text(&body, "&WebIdentityToken=");
        sigv4_append_encoded(&body, str_trim(token), false);
        ok = call_sts(source, "AssumeRoleWithWebIdentity", &body, true, out, error);
    }
    strbuf_free_secret(&body);
    wipe_arena(&arena);
    return ok;
}
