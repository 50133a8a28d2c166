#include "executor/reference.h"

#include <string.h>

#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { VARIABLE_NAME_MAX = 256 };

static const char *find_field(const struct plan_target *target, const char *field)
{
    for (size_t i = 0; i < target->connection.count; i++)
        if (strcmp(target->connection.items[i].name, field) == 0)
            return target->connection.items[i].value;
    return NULL;
}

/* One ${…}: body is what stands between the braces. */
static bool resolve_one(const struct driver_env *env, const struct plan_target *target, const char *field,
    struct str body, struct strbuf *out, struct error *error)
{
    char name[VARIABLE_NAME_MAX];
    const char *value;

    if (str_starts_with(body, "secret:")) {
        error_set(error, EXIT_STATUS_UNSUPPORTED,
            "'%s' of target '%s' is a secret of Secrets Manager, which this executor cannot read", field, target->name);
        return error_help(error, "give the value by an environment variable: ${env:NAME}");
    }
    if (!str_starts_with(body, "env:") || body.len == 4 || body.len - 4 >= sizeof(name) ||
        memchr(body.data, '\0', body.len))
        return error_set(error, EXIT_STATUS_PLAN, "'%s' of target '%s' holds a reference of an unknown kind: '${%.*s}'",
            field, target->name, STR_ARG(body));
    memcpy(name, body.data + 4, body.len - 4);
    name[body.len - 4] = '\0';
    value = env->getenv(env->context, name);
    if (!value) {
        error_set(error, EXIT_STATUS_UNREACHABLE, "environment variable '%s' is not set; '%s' of target '%s' needs it",
            name, field, target->name);
        return error_help(error, "export %s=…", name);
    }
    strbuf_append_text(out, value);
    return true;
}

static bool resolve_text(const struct driver_env *env, const struct plan_target *target, const char *field,
    const char *text, struct strbuf *out, struct error *error)
{
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
        if (!resolve_one(env, target, field, (struct str){open + 2, (size_t)(close - open - 2)}, out, error))
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

bool reference_resolve_field(struct arena *arena, const struct driver_env *env, const struct plan_target *target,
    const char *field, const char **out, struct error *error)
{
    const char *text = find_field(target, field);
    struct strbuf buf = STRBUF_INIT;
    bool ok;

    *out = NULL;
    if (!text)
        return true;
    strbuf_append_text(&buf, "");
    ok = resolve_text(env, target, field, text, &buf, error);
    if (ok) {
        *out = arena_strndup(arena, buf.data ? buf.data : "", buf.len);
        if (is_credential(field))
            redact_register(*out, buf.len);
        register_passwords(*out);
    }
    strbuf_free_secret(&buf);
    return ok;
}
