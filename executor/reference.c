#include "executor/reference.h"

#include <string.h>

#include "executor/aws/secret.h"
#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { VARIABLE_NAME_MAX = 256, SECRET_NAME_MAX = 2304 };

static const char *find_field(const struct plan_target *target, const char *field)
{
    for (size_t i = 0; i < target->connection.count; i++)
        if (strcmp(target->connection.items[i].name, field) == 0)
            return target->connection.items[i].value;
    return NULL;
}

static bool secret_field(struct references *references, const char *id, const char *field, struct str *out,
    struct error *error)
{
    if (!references->secrets)
        references->secrets = secret_store_create(references->env);
    return secret_store_field(references->secrets, id, field, out, error) ||
        error_wrap(error, "target '%s'", references->target->name);
}

/* ${secret:ARN#FIELD}. A name may hold '#' as well: the last one counts. */
static bool resolve_secret(struct references *references, const char *field, struct str body, struct strbuf *out,
    struct error *error)
{
    char id[SECRET_NAME_MAX];
    const char *name;
    struct str value;
    size_t len = body.len - strlen("secret:");
    char *hash;

    if (len >= sizeof(id) || memchr(body.data, '\0', body.len))
        return error_set(error, EXIT_STATUS_PLAN, "'%s' of target '%s' holds a reference that is too long", field,
            references->target->name);
    memcpy(id, body.data + strlen("secret:"), len);
    id[len] = '\0';
    hash = strrchr(id, '#');
    if (!hash || hash == id || !hash[1])
        return error_set(error, EXIT_STATUS_PLAN, "'%s' of target '%s' holds a reference that names no field of a secret: "
            "'${%.*s}'", field, references->target->name, STR_ARG(body));
    *hash = '\0';
    name = hash + 1;
    if (!secret_field(references, id, name, &value, error))
        return false;
    if (!value.data) {
        error_set(error, EXIT_STATUS_AUTHENTICATION, "secret '%s' has no field '%s'; '%s' of target '%s' needs it", id, name,
            field, references->target->name);
        return error_help(error, "add the field to the secret, or name another in migrations.yaml");
    }
    strbuf_append_str(out, value);
    return true;
}

/* One ${…}: body is what stands between the braces. */
static bool resolve_one(struct references *references, const char *field, struct str body, struct strbuf *out,
    struct error *error)
{
    const struct plan_target *target = references->target;
    char name[VARIABLE_NAME_MAX];
    const char *value;

    if (str_starts_with(body, "secret:"))
        return resolve_secret(references, field, body, out, error);
    if (!str_starts_with(body, "env:") || body.len == 4 || body.len - 4 >= sizeof(name) ||
        memchr(body.data, '\0', body.len))
        return error_set(error, EXIT_STATUS_PLAN, "'%s' of target '%s' holds a reference of an unknown kind: '${%.*s}'",
            field, target->name, STR_ARG(body));
    memcpy(name, body.data + 4, body.len - 4);
    name[body.len - 4] = '\0';
    value = references->env->getenv(references->env->context, name);
    if (!value) {
        error_set(error, EXIT_STATUS_UNREACHABLE, "environment variable '%s' is not set; '%s' of target '%s' needs it",
            name, field, target->name);
        return error_help(error, "export %s=…", name);
    }
    strbuf_append_text(out, value);
    return true;
}

static bool resolve_text(struct references *references, const char *field, const char *text, struct strbuf *out,
    struct error *error)
{
    const struct plan_target *target = references->target;

    while (*text) {
        const char *open = strstr(text, "${");
        const char *close = open ? strchr(open, '}') : NULL;

        if (open && !close)
            return error_set(
                error, EXIT_STATUS_PLAN, "'%s' of target '%s' holds a '${' that is never closed", field, target->name);
        if (!open) {
            strbuf_append_text(out, text);
            return true;
        }
        strbuf_append(out, text, (size_t)(open - text));
        if (!resolve_one(references, field, (struct str){open + 2, (size_t)(close - open - 2)}, out, error))
            return false;
        text = close + 1;
    }
    return true;
}

/* Fields that hold a credential are secret even when they are written out; a url's secret is its password alone. */
static bool is_credential(const char *field)
{
    return strstr(field, "password") || strstr(field, "secret") || strstr(field, "token");
}

static int hex_value(char c)
{
    const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)((at - digits) % 16) : -1;
}

/* Registers the decoded form: redact_text() knows the encoded spellings of what it knows. */
static void register_encoded(struct str text)
{
    struct strbuf buf = STRBUF_INIT;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%' && i + 2 < text.len && hex_value(text.data[i + 1]) >= 0 &&
            hex_value(text.data[i + 2]) >= 0) {
            strbuf_append_char(&buf, (char)(hex_value(text.data[i + 1]) * 16 + hex_value(text.data[i + 2])));
            i += 2;
        } else {
            strbuf_append_char(&buf, text.data[i]);
        }
    }
    redact_register(buf.data, buf.len);
    strbuf_free_secret(&buf);
}

/* The password of a URL or a connection string: scheme://user:PASSWORD@host, ?password=PASSWORD, password=PASSWORD. */
static void register_passwords(const char *text)
{
    const char *authority = strstr(text, "://");

    if (authority) {
        const char *end = authority + 3 + strcspn(authority + 3, "/?#");
        const char *at = NULL, *colon;

        authority += 3;
        for (const char *p = authority; p < end; p++)
            if (*p == '@')
                at = p;
        colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
        if (colon)
            register_encoded((struct str){colon + 1, (size_t)(at - colon - 1)});
    }
    for (const char *p = strstr(text, "password="); p; p = strstr(p + 1, "password=")) {
        const char *value = p + strlen("password=");
        size_t len = *value == '\'' ? strcspn(value + 1, "'") : strcspn(value, "& ");

        register_encoded((struct str){value + (*value == '\''), len});
    }
}

bool reference_resolve_field(struct references *references, const char *field, const char **out, struct error *error)
{
    const char *text = find_field(references->target, field);
    struct strbuf buf = STRBUF_INIT;
    bool ok;

    *out = NULL;
    if (!text)
        return true;
    strbuf_append_text(&buf, "");
    ok = resolve_text(references, field, text, &buf, error);
    if (ok) {
        *out = arena_strndup(references->arena, buf.data ? buf.data : "", buf.len);
        if (is_credential(field))
            redact_register(*out, buf.len);
        register_passwords(*out);
    }
    strbuf_free_secret(&buf);
    return ok;
}

bool reference_resolve_secret(struct references *references, const char *field, const char **out, struct error *error)
{
    const char *text = find_field(references->target, "secret");
    struct strbuf id = STRBUF_INIT;
    struct str value;
    bool ok;

    *out = NULL;
    if (!text)
        return true;
    strbuf_append_text(&id, "");
    ok = resolve_text(references, "secret", text, &id, error) &&
        secret_field(references, id.data, field, &value, error);
    if (ok && value.data)
        *out = arena_strndup(references->arena, value.data, value.len);
    strbuf_free(&id);
    return ok;
}

bool references_use_secrets(const struct plan_target *target)
{
    for (size_t i = 0; i < target->connection.count; i++)
        if (strcmp(target->connection.items[i].name, "secret") == 0 ||
            strstr(target->connection.items[i].value, "${secret:"))
            return true;
    return false;
}

void references_close(struct references *references)
{
    secret_store_close(references->secrets);
    references->secrets = NULL;
}
