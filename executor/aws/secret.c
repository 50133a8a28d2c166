#include "executor/aws/secret.h"

#include <string.h>

#include "executor/aws/client.h"
#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/base/wipe.h"
#include "spec/exit.h"

enum { REGION_FIELD = 3, REGION_MAX = 40 };

struct secret {
    const char *id;
    const struct json *fields;
};

struct secret_store {
    struct arena arena;
    const struct driver_env *env;
    VEC(struct secret) secrets;
};

struct secret_store *secret_store_create(const struct driver_env *env)
{
    struct arena arena = ARENA_INIT;
    struct secret_store *store = ARENA_NEW(&arena, struct secret_store);

    store->env = env;
    store->arena = arena;
    return store;
}

void secret_store_close(struct secret_store *store)
{
    struct arena arena;

    if (!store)
        return;
    arena = store->arena; /* the store lives in it */
    wipe_arena(&arena);
}

/* "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME": the secret's own region; NULL when id is a name. */
static const char *region_of(struct arena *arena, const char *id)
{
    const char *at = id;
    size_t len;

    if (strncmp(id, "arn:", 4) != 0)
        return NULL;
    for (int i = 0; i < REGION_FIELD && at; i++) {
        at = strchr(at, ':');
        at = at ? at + 1 : NULL;
    }
    len = at ? strcspn(at, ":") : 0;
    return len && len <= REGION_MAX ? arena_strndup(arena, at, len) : NULL;
}

/* Everything in it is secret but what messages have to name. */
static void register_fields(const struct json *fields)
{
    static const char *const plain[] = {
        "host", "port", "username", "user", "dbname", "engine", "dbInstanceIdentifier", "dbClusterIdentifier"};

    for (const struct json *field = fields->child; field; field = field->next) {
        bool is_plain = false;

        for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
            is_plain = is_plain || str_is(field->key, plain[i]);
        if (!is_plain)
            redact_register(json_text(field).data, json_text(field).len);
    }
}

static bool read_secret(struct secret_store *store, const char *id, struct secret *out, struct error *error)
{
    struct arena *arena = &store->arena;
    const struct aws_client_options options = {.region = region_of(arena, id)};
    struct strbuf body = STRBUF_INIT;
    struct aws_call call = {.service = &AWS_SERVICE_SECRETS_MANAGER, .action = "GetSecretValue", .arena = arena};
    struct aws_client *client;
    struct json_error problem;
    const char *text;
    bool ok = aws_client_create(arena, store->env, &options, &client, error);

    if (!ok)
        return false;
    aws_format(&body, "{'SecretId':%s}", id);
    call.body = strbuf_view(&body);
    ok = aws_call_wait(client, &call);
    if (!ok) {
        *error = call.error;
        if (strcmp(error->aws_code, "ResourceNotFoundException") == 0) {
            error->exit_status = EXIT_STATUS_AUTHENTICATION;
            error_help(error, "check the secret's ARN, and that it is of this account");
        }
    }
    aws_client_destroy(client);
    strbuf_free(&body);
    if (!ok)
        return false;
    text = json_string(json_get(call.json, "SecretString"));
    *out = (struct secret){
        .id = arena_strdup(arena, id), .fields = json_read(arena, str_from(text), JSON_STRICT, &problem)};
    if (json_is(out->fields, JSON_OBJECT)) {
        register_fields(out->fields);
        return true;
    }
    if (text)
        redact_register(text, strlen(text));
    error_set(error, EXIT_STATUS_AUTHENTICATION, "the secret holds no JSON object");
    return error_help(error, "give it the fields of a database secret: host, port, username, password, dbname");
}

bool secret_store_field(struct secret_store *store, const char *id, const char *field, struct str *out,
    struct error *error)
{
    const struct json *fields = NULL, *value;
    struct secret secret;

    *out = (struct str){NULL, 0};
    for (size_t i = 0; i < store->secrets.count && !fields; i++)
        if (strcmp(store->secrets.items[i].id, id) == 0)
            fields = store->secrets.items[i].fields;
    if (!fields) {
        if (!read_secret(store, id, &secret, error))
            return error_wrap(error, "secret '%s'", id);
        VEC_PUSH(&store->arena, &store->secrets, secret);
        fields = secret.fields;
    }
    value = json_get(fields, field);
    if (json_is(value, JSON_STRING) || json_is(value, JSON_NUMBER))
        *out = json_text(value);
    else if (value)
        return error_set(error, EXIT_STATUS_AUTHENTICATION, "field '%s' of secret '%s' is neither a text nor a number", field,
            id);
    return true;
}
