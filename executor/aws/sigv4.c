#include "executor/aws/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/base/digest.h"
#include "spec/base/vec.h"

enum { HMAC_LEN = 32 };

static const char ALGORITHM[] = "AWS4-HMAC-SHA256";

struct pair {
    struct str name;
    struct str value;
    size_t order; /* of appearance: values of one header keep theirs */
};

struct pairs {
    VEC(struct pair) list;
};

/* The times and the scope as the signature spells them. */
struct moment {
    char date[9];       /* 20150830 */
    char timestamp[17]; /* 20150830T123600Z */
    struct str scope;   /* 20150830/us-east-1/service/aws4_request */
};

static void hmac(const void *key, size_t key_len, struct str data, unsigned char out[HMAC_LEN])
{
    unsigned int len = HMAC_LEN;

    if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)data.data, data.len, out, &len))
        BUG("HMAC failed");
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
        c == '_' || c == '~';
}

void sigv4_append_encoded(struct strbuf *out, struct str text, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (is_unreserved(c) || (keep_slash && c == '/')) {
            strbuf_append_char(out, (char)c);
        } else {
            strbuf_append_char(out, '%');
            strbuf_append_char(out, hex[c >> 4]);
            strbuf_append_char(out, hex[c & 15]);
        }
    }
}

static struct str encoded(struct arena *arena, struct str text, bool keep_slash)
{
    struct strbuf buf = STRBUF_INIT;
    struct str result;

    sigv4_append_encoded(&buf, text, keep_slash);
    result = strbuf_copy(&buf, arena);
    strbuf_free(&buf);
    return result;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A query string may come encoded or not: both give the same canonical text. */
static struct str decoded(struct arena *arena, struct str text)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%' && i + 2 < text.len && hex_digit(text.data[i + 1]) >= 0 &&
            hex_digit(text.data[i + 2]) >= 0) {
            out[len++] = (char)(hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2]));
            i += 2;
        } else {
            out[len++] = text.data[i];
        }
    }
    return (struct str){out, len};
}

/* RFC 3986, section 5.2.4, and no empty segments. */
static struct str normalised_path(struct arena *arena, struct str path)
{
    VEC(struct str) segments = {0};
    struct strbuf buf = STRBUF_INIT;
    struct str result;
    bool trailing = path.len && path.data[path.len - 1] == '/';

    for (size_t i = 0; i < path.len;) {
        size_t start, len;

        while (i < path.len && path.data[i] == '/')
            i++;
        start = i;
        while (i < path.len && path.data[i] != '/')
            i++;
        len = i - start;
        if (len == 0)
            continue;
        if (len == 1 && path.data[start] == '.') {
            trailing = trailing || i == path.len;
            continue;
        }
        if (len == 2 && memcmp(path.data + start, "..", 2) == 0) {
            if (segments.count)
                segments.count--;
            trailing = trailing || i == path.len;
            continue;
        }
        VEC_PUSH(arena, &segments, ((struct str){path.data + start, len}));
    }
    for (size_t i = 0; i < segments.count; i++) {
        strbuf_append_char(&buf, '/');
        strbuf_append_str(&buf, segments.items[i]);
    }
    if (segments.count == 0 || trailing)
        strbuf_append_char(&buf, '/');
    result = strbuf_copy(&buf, arena);
    strbuf_free(&buf);
    return result;
}

static int pair_compare(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int order = str_compare(a->name, b->name);

    if (order == 0)
        order = str_compare(a->value, b->value);
    return order;
}

static int header_compare(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int order = str_compare(a->name, b->name);

    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static void pairs_add(struct arena *arena, struct pairs *pairs, struct str name, struct str value)
{
    VEC_PUSH(arena, &pairs->list, ((struct pair){name, value, pairs->list.count}));
}

static void pairs_add_query(struct arena *arena, struct pairs *pairs, struct str query)
{
    for (size_t i = 0; i < query.len;) {
        const char *start = query.data + i;
        const char *end = memchr(start, '&', query.len - i);
        size_t len = end ? (size_t)(end - start) : query.len - i;
        const char *equals = memchr(start, '=', len);
        size_t name_len = equals ? (size_t)(equals - start) : len;
        struct str value = equals ? (struct str){equals + 1, len - name_len - 1} : STR("");

        if (len)
            pairs_add(arena, pairs, encoded(arena, decoded(arena, (struct str){start, name_len}), false),
                encoded(arena, decoded(arena, value), false));
        i += len + 1;
    }
}

static struct str canonical_query(struct arena *arena, struct pairs *pairs)
{
    struct strbuf buf = STRBUF_INIT;
    struct str result;

    if (pairs->list.count)
        qsort(pairs->list.items, pairs->list.count, sizeof(*pairs->list.items), pair_compare);
    for (size_t i = 0; i < pairs->list.count; i++) {
        if (i)
            strbuf_append_char(&buf, '&');
        strbuf_append_str(&buf, pairs->list.items[i].name);
        strbuf_append_char(&buf, '=');
        strbuf_append_str(&buf, pairs->list.items[i].value);
    }
    result = strbuf_copy(&buf, arena);
    strbuf_free(&buf);
    return result;
}

static struct str lower_case(struct arena *arena, struct str text)
{
    char *out = arena_strndup(arena, text.data, text.len);

    for (size_t i = 0; i < text.len; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    return (struct str){out, text.len};
}

/* White space off both ends, runs of it inside as one space. */
static struct str collapsed(struct arena *arena, struct str text)
{
    struct str trimmed = str_trim(text);
    char *out = arena_alloc(arena, trimmed.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < trimmed.len; i++) {
        char c = trimmed.data[i];

        if (c == '\t' || c == '\n' || c == '\r')
            c = ' ';
        if (c == ' ' && len && out[len - 1] == ' ')
            continue;
        out[len++] = c;
    }
    return (struct str){out, len};
}

static void canonical_headers(struct arena *arena, struct pairs *headers, struct str *names, struct str *lines)
{
    struct strbuf name_list = STRBUF_INIT, text = STRBUF_INIT;

    if (headers->list.count)
        qsort(headers->list.items, headers->list.count, sizeof(*headers->list.items), header_compare);
    for (size_t i = 0; i < headers->list.count; i++) {
        const struct pair *header = &headers->list.items[i];

        if (i && str_equal(header[-1].name, header->name)) {
            text.len--; /* the line feed of the value before */
            strbuf_append_char(&text, ',');
        } else {
            if (i)
                strbuf_append_char(&name_list, ';');
            strbuf_append_str(&name_list, header->name);
            strbuf_append_str(&text, header->name);
            strbuf_append_char(&text, ':');
        }
        strbuf_append_str(&text, header->value);
        strbuf_append_char(&text, '\n');
    }
    *names = strbuf_copy(&name_list, arena);
    *lines = strbuf_copy(&text, arena);
    strbuf_free(&name_list);
    strbuf_free(&text);
}

static void add_request_headers(struct arena *arena, const struct sigv4_request *request, struct pairs *headers)
{
    for (size_t i = 0; i < request->header_count; i++)
        pairs_add(arena, headers, lower_case(arena, request->headers[i].name),
            collapsed(arena, request->headers[i].value));
}

static struct moment moment_of(struct arena *arena, const struct sigv4_scope *scope)
{
    struct moment moment;
    time_t seconds = (time_t)scope->time_s;
    struct tm utc;

    if (!gmtime_r(&seconds, &utc))
        BUG("time %lld", (long long)scope->time_s);
    strftime(moment.date, sizeof(moment.date), "%Y%m%d", &utc);
    strftime(moment.timestamp, sizeof(moment.timestamp), "%Y%m%dT%H%M%SZ", &utc);
    moment.scope = str_from(arena_printf(arena, "%s/%.*s/%.*s/aws4_request", moment.date, STR_ARG(scope->region),
        STR_ARG(scope->service)));
    return moment;
}

static void sign(struct arena *arena, const struct sigv4_scope *scope, const struct moment *moment,
    struct sigv4_result *out)
{
    static const char hex[] = "0123456789abcdef";
    struct digest digest = digest_of(out->canonical_request);
    struct strbuf secret = STRBUF_INIT;
    unsigned char key[HMAC_LEN];

    out->string_to_sign = str_from(arena_printf(arena, "%s\n%s\n%.*s\n%s", ALGORITHM, moment->timestamp,
        STR_ARG(moment->scope), digest.hex));
    strbuf_append_text(&secret, "AWS4");
    strbuf_append_str(&secret, scope->secret_key);
    hmac(secret.data, secret.len, str_from(moment->date), key);
    strbuf_free_secret(&secret);
    hmac(key, sizeof(key), scope->region, key);
    hmac(key, sizeof(key), scope->service, key);
    hmac(key, sizeof(key), STR("aws4_request"), key);
    hmac(key, sizeof(key), out->string_to_sign, key);
    for (size_t i = 0; i < HMAC_LEN; i++) {
        out->signature[2 * i] = hex[key[i] >> 4];
        out->signature[2 * i + 1] = hex[key[i] & 15];
    }
    out->signature[64] = '\0';
    OPENSSL_cleanse(key, sizeof(key));
}

static void compose_canonical_request(struct arena *arena, const struct sigv4_request *request,
    const struct sigv4_scope *scope, struct str query, struct str names, struct str lines, const char *body_digest,
    struct sigv4_result *out)
{
    struct strbuf buf = STRBUF_INIT;
    struct str path = scope->keep_path ? request->path : normalised_path(arena, request->path);

    strbuf_append_str(&buf, request->method);
    strbuf_append_char(&buf, '\n');
    sigv4_append_encoded(&buf, path.len ? path : STR("/"), true);
    strbuf_append_char(&buf, '\n');
    strbuf_append_str(&buf, query);
    strbuf_append_char(&buf, '\n');
    strbuf_append_str(&buf, lines);
    strbuf_append_char(&buf, '\n');
    strbuf_append_str(&buf, names);
    strbuf_append_char(&buf, '\n');
    strbuf_append_text(&buf, body_digest);
    out->canonical_request = strbuf_copy(&buf, arena);
    strbuf_free(&buf);
}

static void add_header(struct sigv4_result *out, struct str name, struct str value)
{
    out->added[out->added_count++] = (struct sigv4_header){name, value};
}

void sigv4_sign_headers(struct arena *arena, const struct sigv4_request *request, const struct sigv4_scope *scope,
    struct sigv4_result *out)
{
    struct moment moment = moment_of(arena, scope);
    struct digest body = digest_of(request->body);
    struct pairs headers = {0}, query = {0};
    struct str names, lines;

    memset(out, 0, sizeof(*out));
    add_request_headers(arena, request, &headers);
    if (scope->session_token.len)
        add_header(out, STR("X-Amz-Security-Token"), scope->session_token);
    add_header(out, STR("X-Amz-Date"), str_from(arena_strdup(arena, moment.timestamp)));
    if (scope->sign_body)
        add_header(out, STR("x-amz-content-sha256"), str_from(arena_strdup(arena, body.hex)));
    for (size_t i = 0; i < out->added_count; i++) {
        struct str name = lower_case(arena, out->added[i].name);

        if (!(scope->unsigned_token && str_is(name, "x-amz-security-token")))
            pairs_add(arena, &headers, name, collapsed(arena, out->added[i].value));
    }
    canonical_headers(arena, &headers, &names, &lines);
    pairs_add_query(arena, &query, request->query);
    compose_canonical_request(arena, request, scope, canonical_query(arena, &query), names, lines, body.hex, out);
    sign(arena, scope, &moment, out);
    add_header(out, STR("Authorization"), str_from(arena_printf(arena,
        "%s Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%s", ALGORITHM, STR_ARG(scope->access_key),
        STR_ARG(moment.scope), STR_ARG(names), out->signature)));
}

void sigv4_sign_query(struct arena *arena, const struct sigv4_request *request, const struct sigv4_scope *scope,
    struct sigv4_result *out)
{
    struct moment moment = moment_of(arena, scope);
    struct digest body = digest_of(request->body);
    struct str credential = str_from(arena_printf(arena, "%.*s/%.*s", STR_ARG(scope->access_key),
        STR_ARG(moment.scope)));
    struct str token = encoded(arena, scope->session_token, false);
    struct pairs headers = {0}, query = {0};
    struct strbuf text = STRBUF_INIT;
    struct str names, lines;

    memset(out, 0, sizeof(*out));
    add_request_headers(arena, request, &headers);
    canonical_headers(arena, &headers, &names, &lines);
    if (request->query.len)
        strbuf_append_str(&text, request->query);
    strbuf_printf(&text, "%sX-Amz-Algorithm=%s&X-Amz-Credential=%s&X-Amz-Date=%s&X-Amz-SignedHeaders=%s&X-Amz-Expires=%lld",
        request->query.len ? "&" : "", ALGORITHM, encoded(arena, credential, false).data, moment.timestamp,
        encoded(arena, names, false).data, (long long)scope->expires_s);
    if (token.len && !scope->unsigned_token)
        strbuf_printf(&text, "&X-Amz-Security-Token=%s", token.data);
    pairs_add_query(arena, &query, strbuf_copy(&text, arena));
    compose_canonical_request(arena, request, scope, canonical_query(arena, &query), names, lines, body.hex, out);
    sign(arena, scope, &moment, out);
    if (token.len && scope->unsigned_token)
        strbuf_printf(&text, "&X-Amz-Security-Token=%s", token.data);
    strbuf_printf(&text, "&X-Amz-Signature=%s", out->signature);
    out->query = strbuf_copy(&text, arena);
    strbuf_free(&text);
}
