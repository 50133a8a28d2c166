#include "executor/aws/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "executor/aws/sigv4.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/wipe.h"
#include "spec/exit.h"

enum {
    TICK_MS = 500,
    POLL_MAX_MS = 1000,
    SKEW_MIN_S = 60, /* a smaller difference is not why a signature was refused */
    ATTEMPTS_MAX_MAX = 20,
};

const struct aws_service AWS_SERVICE_DYNAMODB = {
    .name = "DynamoDB",
    .id = "DYNAMODB",
    .host = "dynamodb",
    .protocol = AWS_PROTOCOL_JSON,
    .content_type = "application/x-amz-json-1.0",
    .target = "DynamoDB_20120810.",
    .retry = &AWS_RETRY_POLICY_DYNAMODB,
};

const struct aws_service AWS_SERVICE_STS = {
    .name = "STS",
    .id = "STS",
    .host = "sts",
    .secret = true,
    .protocol = AWS_PROTOCOL_QUERY,
    .content_type = "application/x-www-form-urlencoded; charset=utf-8",
    .target = "2011-06-15",
    .retry = &AWS_RETRY_POLICY_OTHER,
};

const struct aws_service AWS_SERVICE_SECRETS_MANAGER = {
    .name = "Secrets Manager",
    .id = "SECRETS_MANAGER",
    .host = "secretsmanager",
    .secret = true,
    .protocol = AWS_PROTOCOL_JSON,
    .content_type = "application/x-amz-json-1.1",
    .target = "secretsmanager.",
    .retry = &AWS_RETRY_POLICY_OTHER,
};

struct known_endpoint {
    const struct aws_service *service;
    struct aws_endpoint endpoint;
};

struct aws_client {
    struct arena *arena;
    const struct driver_env *env;
    struct aws_profile profile;
    struct aws_credential_source *source; /* NULL: calls are not signed */
    bool own_source;
    const struct aws_credentials *credentials; /* of the source; good for the attempts that are sent now */
    const char *region;
    const char *dynamodb_endpoint; /* the plan's, or NULL */
    VEC(struct known_endpoint) endpoints;
    struct http *http;
    struct aws_retry_bucket bucket;
    int attempts_max; /* 0: the policy's */
    int64_t skew_s;   /* AWS's clock minus ours */
    int64_t last_tick_ms;
    bool in_tick;
    struct aws_call *calls; /* started and not done */
    size_t flying;
};

static bool read_retry_settings(struct aws_client *client, struct error *error)
{
    const char *attempts = client->env->getenv(client->env->context, "AWS_MAX_ATTEMPTS");
    const char *mode = client->env->getenv(client->env->context, "AWS_RETRY_MODE");
    uint64_t number;

    if (mode && *mode && strcmp(mode, "standard") != 0 && strcmp(mode, "legacy") != 0 && strcmp(mode, "adaptive") != 0)
        return error_set(error, EXIT_STATUS_USAGE, "AWS_RETRY_MODE is '%s'; it may be standard, legacy or adaptive", mode);
    if (!attempts || !*attempts)
        return true;
    if (!str_to_u64(str_from(attempts), &number) || number == 0 || number > ATTEMPTS_MAX_MAX)
        return error_set(error, EXIT_STATUS_USAGE, "AWS_MAX_ATTEMPTS is '%s'; it may be 1 to %d", attempts,
            ATTEMPTS_MAX_MAX);
    client->attempts_max = (int)number;
    return true;
}

bool aws_client_create(struct arena *arena, const struct driver_env *env, const struct aws_client_options *options,
    struct aws_client **out, struct error *error)
{
    struct aws_client *client = ARENA_NEW(arena, struct aws_client);
    const char *ca_file = env->getenv(env->context, "AWS_CA_BUNDLE");

    client->arena = arena;
    client->env = env;
    client->dynamodb_endpoint = options->endpoint;
    aws_retry_bucket_init(&client->bucket);
    if (!read_retry_settings(client, error) || !aws_profile_load(arena, env, &client->profile, error) ||
        !aws_region_resolve(arena, env, &client->profile, options->region, &client->region, error))
        return false;
    client->source = options->source;
    client->own_source = !options->source && !options->unsigned_calls;
    if (client->own_source &&
        !aws_credential_source_find(arena, env, &client->profile, client->region, &client->source, error))
        return false;
    if (!ca_file || !*ca_file)
        ca_file = aws_profile_get(&client->profile, "ca_bundle");
    client->last_tick_ms = env->now_ms(env->context);
    client->http = http_create(arena, ca_file && *ca_file ? arena_strdup(arena, ca_file) : NULL);
    *out = client;
    return true;
}

void aws_client_destroy(struct aws_client *client)
{
    while (client->calls)
        aws_call_cancel(client, client->calls);
    http_destroy(client->http);
    if (client->own_source)
        aws_credential_source_close(client->source);
    aws_profile_wipe(&client->profile);
}

const char *aws_client_region(const struct aws_client *client)
{
    return client->region;
}

int64_t aws_client_wall_ms(const struct aws_client *client)
{
    return client->env->wall_ms(client->env->context) + client->skew_s * 1000;
}

bool aws_client_endpoint(struct aws_client *client, const struct aws_service *service, struct aws_endpoint *out,
    struct error *error)
{
    struct known_endpoint known = {.service = service};

    for (size_t i = 0; i < client->endpoints.count; i++) {
        if (client->endpoints.items[i].service == service) {
            *out = client->endpoints.items[i].endpoint;
            return true;
        }
    }
    if (!aws_endpoint_resolve(client->arena, client->env, &client->profile, service->id, service->host, client->region,
            service == &AWS_SERVICE_DYNAMODB ? client->dynamodb_endpoint : NULL, &known.endpoint, error))
        return false;
    VEC_PUSH(client->arena, &client->endpoints, known);
    *out = known.endpoint;
    return true;
}

static struct sigv4_header header(const char *name, const char *value)
{
    return (struct sigv4_header){str_from(name), str_from(value)};
}

/* The request's headers as they are sent, signed unless the client has no credentials. */
static const char **signed_lines(struct aws_client *client, struct aws_call *call, const struct aws_endpoint *endpoint)
{
    const struct aws_service *service = call->service;
    struct arena *scratch = &call->scratch;
    struct sigv4_header headers[3] = {
        header("Host", endpoint->authority), header("Content-Type", service->content_type)};
    struct sigv4_request request = {.method = STR("POST"), .headers = headers, .header_count = 2};
    struct sigv4_result signature = {.added_count = 0};
    const char **lines;
    size_t count = 0;

    if (service->protocol == AWS_PROTOCOL_JSON)
        headers[request.header_count++] =
            header("X-Amz-Target", arena_printf(scratch, "%s%s", service->target, call->action));
    request.path = str_from(endpoint->path);
    request.body = call->exchange.body;
    if (client->source) {
        const struct sigv4_scope scope = {
            .access_key = strbuf_view(&client->credentials->access_key),
            .secret_key = strbuf_view(&client->credentials->secret_key),
            .session_token = strbuf_view(&client->credentials->session_token),
            .region = str_from(client->region),
            .service = str_from(service->host),
            .time_s = aws_client_wall_ms(client) / 1000,
        };

        sigv4_sign_headers(scratch, &request, &scope, &signature);
    }
    lines = ARENA_ARRAY(scratch, const char *, request.header_count + signature.added_count + 3);
    for (size_t i = 0; i < request.header_count; i++)
        lines[count++] = arena_printf(scratch, "%s: %s", headers[i].name.data, headers[i].value.data);
    for (size_t i = 0; i < signature.added_count; i++)
        lines[count++] = arena_printf(scratch, "%s: %.*s", signature.added[i].name.data,
            STR_ARG(signature.added[i].value));
    lines[count++] = "Expect:"; /* libcurl would wait for a 100 Continue before a large body */
    lines[count++] = "User-Agent: invplan/" INVPLAN_VERSION;
    return lines;
}

/* Signs the request for one attempt and hands it to http.c. False when no handle is free. */
static bool call_send(struct aws_client *client, struct aws_call *call)
{
    const struct aws_service *service = call->service;
    struct aws_endpoint endpoint;

    arena_reset(&call->scratch);
    if (!aws_client_endpoint(client, service, &endpoint, &call->error))
        BUG("a call to '%s' was started without an endpoint", service->name);
    if (service->protocol == AWS_PROTOCOL_JSON)
        call->exchange.body = call->body;
    else
        call->exchange.body = str_from(arena_printf(&call->scratch, "Action=%s&Version=%s%s%.*s", call->action,
            service->target, call->body.len ? "&" : "", STR_ARG(call->body)));
    call->exchange.method = "POST";
    call->exchange.url = endpoint.url;
    call->exchange.headers = signed_lines(client, call, &endpoint);
    call->exchange.timeout_ms = AWS_CALL_TIMEOUT_MS;
    call->exchange.secret = service->secret;
    if (!http_start(client->http, &call->exchange))
        return false;
    call->flying = true;
    call->attempts++;
    client->flying++;
    return true;
}

static uint32_t crc32_of(struct str data)
{
    uint32_t crc = 0xFFFFFFFFU;

    for (size_t i = 0; i < data.len; i++) {
        crc ^= (unsigned char)data.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    return crc ^ 0xFFFFFFFFU;
}

static bool crc_holds(const struct http_exchange *exchange)
{
    uint64_t expected;

    return !str_to_u64(str_from(exchange->crc32), &expected) || crc32_of(strbuf_view(&exchange->answer)) == expected;
}

static void fail(struct aws_call *call, const char *code, int status, const char *message)
{
    aws_error_fill(&call->error, call->service, call->action, code, status, message);
}

static void fail_unreachable(struct aws_client *client, struct aws_call *call)
{
    struct aws_endpoint endpoint;
    struct error ignored;

    if (!aws_client_endpoint(client, call->service, &endpoint, &ignored))
        BUG("the endpoint of '%s' is gone", call->service->name);
    error_set(&call->error, EXIT_STATUS_UNREACHABLE, "cannot reach %s at '%s': %s", call->service->name, endpoint.url,
        call->exchange.error_text);
    if (strstr(call->exchange.error_text, "certificate"))
        error_help(&call->error, "if the server's certificate is of an authority of your own, name its file by AWS_CA_BUNDLE");
    else
        error_help(&call->error, "the address comes from %s; check it, the network and the proxy settings",
            endpoint.origin);
    call->error.retryable = true;
    call->error.outcome_unknown = call->exchange.maybe_sent;
}

static void read_json_answer(struct aws_call *call, struct str body)
{
    int status = call->exchange.status;
    struct json_error problem;
    const char *code, *hash, *message;

    if (str_trim(body).len)
        call->json = json_read(call->arena, body, JSON_ALLOW_NUL, &problem);
    else if (status == 200)
        call->json = json_new(call->arena, JSON_OBJECT);
    if (status == 200) {
        call->ok = json_is(call->json, JSON_OBJECT);
        if (!call->ok) {
            fail(call, "", 502, "the answer is not a JSON object");
            call->error.outcome_unknown = true;
        }
        return;
    }
    code = json_string(json_get(call->json, "__type"));
    if (!code)
        code = json_string(json_get(call->json, "code"));
    hash = code ? strrchr(code, '#') : NULL;
    message = json_string(json_get(call->json, "message"));
    if (!message)
        message = json_string(json_get(call->json, "Message"));
    fail(call, hash ? hash + 1 : code ? code : "", status, message ? message : "");
}

static void read_xml_answer(struct aws_call *call, struct str body)
{
    int status = call->exchange.status;

    call->xml = xml_read(call->arena, body);
    if (status == 200) {
        call->ok = call->xml != NULL;
        if (!call->ok)
            fail(call, "", 502, "the answer is not XML");
        return;
    }
    fail(call, xml_text(call->xml, "Error/Code").data, status, xml_text(call->xml, "Error/Message").data);
}

/* A refusal because of the time of the signature: by its own code, or as an invalid signature that says so. */
static bool is_about_time(const struct error *error)
{
    return strcmp(error->aws_code, "InvalidSignatureException") == 0 &&
        (strstr(error->message, "expired") || strstr(error->message, "not yet current"));
}

/* Keys that expired before their time, as far as we knew it: other ones may be had. */
static bool renew_credentials(struct aws_client *client, struct aws_call *call)
{
    static const char *const codes[] = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"};

    if (!client->source || call->renewed)
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(call->error.aws_code, codes[i]) == 0)
            call->renewed = true;
    return call->renewed && aws_credential_source_expire(client->source);
}

static enum aws_retry_kind classify(struct aws_client *client, struct aws_call *call)
{
    enum aws_retry_kind kind = aws_retry_classify(call->error.aws_code, call->error.http_status);
    int64_t now_s = client->env->wall_ms(client->env->context) / 1000;
    int64_t skew_s = call->exchange.date_s - now_s;
    int64_t change_s = skew_s - client->skew_s;

    if (call->exchange.status == 0)
        return AWS_RETRY_KIND_TRANSIENT;
    if (kind != AWS_RETRY_KIND_CLOCK && !is_about_time(&call->error))
        return kind;
    if (call->exchange.date_s < 0 || (change_s > -SKEW_MIN_S && change_s < SKEW_MIN_S))
        return AWS_RETRY_KIND_NO;
    client->skew_s = skew_s;
    return AWS_RETRY_KIND_CLOCK;
}

static double random_unit(const struct driver_env *env)
{
    uint32_t bits = 0;

    if (!env->random_bytes(env->context, &bits, sizeof(bits)))
        return 0.5;
    return (double)bits / 4294967296.0;
}

static void call_unlink(struct aws_client *client, struct aws_call *call)
{
    struct aws_call **link = &client->calls;

    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
    call->next = NULL;
}

static void call_end(struct aws_client *client, struct aws_call *call)
{
    call_unlink(client, call);
    http_finish(client->http, &call->exchange);
    wipe_arena(&call->scratch); /* a session token is among the headers */
    call->done = true;
}

/* After an attempt: the call is done, or waits for the next one. */
static void call_landed(struct aws_client *client, struct aws_call *call)
{
    struct str body = strbuf_view(&call->exchange.answer);
    struct aws_retry_policy policy = *call->service->retry;
    uint64_t server_delay_ms;
    int64_t delay_ms;
    bool has_delay;

    call->flying = false;
    client->flying--;
    call->ok = false;
    if (client->env->point)
        client->env->point(client->env->context, "aws.answer");
    if (call->exchange.status == 0) {
        fail_unreachable(client, call);
    } else if (!crc_holds(&call->exchange)) {
        fail(call, "CRC32CheckFailed", call->exchange.status, "the answer was damaged on its way");
        call->error.outcome_unknown = true;
    } else if (call->service->protocol == AWS_PROTOCOL_JSON) {
        read_json_answer(call, body);
    } else {
        read_xml_answer(call, body);
    }
    if (call->ok) {
        aws_retry_succeeded(&client->bucket, call->last_kind);
        call_end(client, call);
        return;
    }
    if (renew_credentials(client, call)) {
        call->start_at_ms = client->env->now_ms(client->env->context);
        return;
    }
    if (client->attempts_max)
        policy.attempts_max = client->attempts_max;
    call->last_kind = classify(client, call);
    has_delay = str_to_u64(str_from(call->exchange.retry_after), &server_delay_ms) && server_delay_ms < INT32_MAX;
    if (!aws_retry_next(&client->bucket, &policy, call->last_kind, call->attempts, random_unit(client->env),
            has_delay ? (int64_t)server_delay_ms : -1, &delay_ms)) {
        call->error.outcome_unknown = call->error.outcome_unknown || call->repeated;
        call_end(client, call);
        return;
    }
    call->repeated = call->repeated || call->error.outcome_unknown;
    call->start_at_ms = client->env->now_ms(client->env->context) + delay_ms;
}

void aws_call_start(struct aws_client *client, struct aws_call *call)
{
    struct aws_endpoint endpoint;

    call->done = call->ok = call->flying = call->repeated = call->renewed = false;
    call->json = NULL;
    call->xml = NULL;
    call->attempts = 0;
    call->last_kind = AWS_RETRY_KIND_NO;
    call->start_at_ms = 0;
    memset(&call->error, 0, sizeof(call->error));
    memset(&call->exchange, 0, sizeof(call->exchange));
    call->scratch = (struct arena)ARENA_INIT;
    if (!aws_client_endpoint(client, call->service, &endpoint, &call->error)) {
        call->done = true;
        return;
    }
    call->next = client->calls;
    client->calls = call;
}

void aws_call_cancel(struct aws_client *client, struct aws_call *call)
{
    if (call->done)
        return;
    if (call->flying)
        client->flying--;
    error_set(&call->error, EXIT_STATUS_RESUMABLE, "%s %s was cancelled", call->service->name, call->action);
    call->error.outcome_unknown = true;
    call_end(client, call);
}

static void tick(struct aws_client *client)
{
    int64_t now_ms = client->env->now_ms(client->env->context);

    if (client->in_tick || !client->env->tick || now_ms - client->last_tick_ms < TICK_MS)
        return;
    client->in_tick = true;
    client->env->tick(client->env->context);
    client->in_tick = false;
    client->last_tick_ms = client->env->now_ms(client->env->context);
}

static bool anything_due(const struct aws_client *client, int64_t now_ms)
{
    for (const struct aws_call *call = client->calls; call; call = call->next)
        if (!call->flying && call->start_at_ms <= now_ms)
            return true;
    return false;
}

/* Before anything is sent, since a fetch takes time, in which ticks make calls of their own. Without keys, what waits to
 * be sent fails. */
static void take_credentials(struct aws_client *client)
{
    struct error error;
    struct aws_call *next;

    if (!client->source || aws_credential_source_get(client->source, &client->credentials, &error))
        return;
    for (struct aws_call *call = client->calls; call; call = next) {
        next = call->next;
        if (call->flying)
            continue;
        call->error = error;
        call_end(client, call);
    }
}

/* Starts what is due. Gives the time until the next one is. */
static int64_t send_due(struct aws_client *client, int64_t wait_ms)
{
    int64_t now_ms = client->env->now_ms(client->env->context);

    if (anything_due(client, now_ms))
        take_credentials(client);
    for (struct aws_call *call = client->calls; call; call = call->next) {
        if (call->flying)
            continue;
        if (call->start_at_ms > now_ms) {
            if (call->start_at_ms - now_ms < wait_ms)
                wait_ms = call->start_at_ms - now_ms;
            continue;
        }
        if (client->flying >= AWS_IN_FLIGHT_MAX || !call_send(client, call))
            break;
    }
    return wait_ms;
}

void aws_client_poll(struct aws_client *client, int64_t wait_ms)
{
    bool landed;

    if (wait_ms > POLL_MAX_MS)
        wait_ms = POLL_MAX_MS;
    if (wait_ms > TICK_MS && client->env->tick)
        wait_ms = TICK_MS;
    wait_ms = send_due(client, wait_ms);
    http_poll(client->http, wait_ms);
    do { /* a landing call may change the list */
        landed = false;
        for (struct aws_call *call = client->calls; call && !landed; call = call->next) {
            if (call->flying && call->exchange.done) {
                call_landed(client, call);
                landed = true;
            }
        }
    } while (landed);
    tick(client);
}

bool aws_call_wait(struct aws_client *client, struct aws_call *call)
{
    aws_call_start(client, call);
    while (!call->done)
        aws_client_poll(client, POLL_MAX_MS);
    return call->ok;
}

void aws_client_sleep(struct aws_client *client, int64_t ms)
{
    const struct driver_env *env = client->env;
    int64_t end_ms = env->now_ms(env->context) + ms;

    for (int64_t left = ms; left > 0 && !(env->stopping && env->stopping(env->context));
         left = end_ms - env->now_ms(env->context)) {
        env->sleep_ms(env->context, left < TICK_MS ? left : TICK_MS);
        tick(client);
    }
}

void aws_format(struct strbuf *out, const char *template, ...)
{
    va_list ap;

    va_start(ap, template);
    for (const char *at = template; *at; at++) {
        if (*at != '%') {
            if (*at == '\'')
                strbuf_append_char(out, '"');
            else
                strbuf_append_char(out, *at);
            continue;
        }
        switch (*++at) {
        case 's':
            json_write_string(out, str_from(va_arg(ap, const char *)));
            break;
        case 'S':
            json_write_string(out, *va_arg(ap, const struct str *));
            break;
        case 'j':
            json_write(out, va_arg(ap, const struct json *));
            break;
        case 'i':
            strbuf_printf(out, "%lld", (long long)va_arg(ap, int64_t));
            break;
        case 'N':
            strbuf_printf(out, "\"%lld\"", (long long)va_arg(ap, int64_t));
            break;
        case 'r':
            strbuf_append_text(out, va_arg(ap, const char *));
            break;
        case '%':
            strbuf_append_char(out, '%');
            break;
        default:
            BUG("template '%s'", template);
        }
    }
    va_end(ap);
}
