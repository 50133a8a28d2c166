/*
 * Signs the 38 public cases of AWS's Signature Version 4 suite (folder sigv4/v4 of the conformance data), by header and
 * by query string, and compares each step with the suite's files. TAP.
 *
 *     sigv4_runner FOLDER       FOLDER: …/sigv4/v4
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/aws/sigv4.h"
#include "spec/base/arena.h"
#include "spec/base/json.h"
#include "spec/base/vec.h"

enum { FILE_MAX_BYTES = 64 * 1024, HEADERS_MAX = 32, CASES_EXPECTED = 38 };

struct suite_case {
    struct arena arena;
    const char *folder;
    const char *name;
    struct str request_line; /* "GET /path?query HTTP/1.1" */
    struct str header_block; /* as it stands, with its line ends */
    struct str body;
    struct sigv4_header headers[HEADERS_MAX];
    struct sigv4_request request;
    struct sigv4_scope scope;
};

static int tests, failures;

static void report(bool ok, const struct suite_case *c, const char *what)
{
    tests++;
    failures += !ok;
    printf("%sok %d - %s: %s\n", ok ? "" : "not ", tests, c->name, what);
}

static bool read_file(struct suite_case *c, const char *name, struct str *out)
{
    const char *path = arena_printf(&c->arena, "%s/%s/%s", c->folder, c->name, name);
    FILE *file = fopen(path, "rb");
    char *data = arena_alloc(&c->arena, FILE_MAX_BYTES + 1);

    if (!file) {
        printf("# cannot open %s\n", path);
        return false;
    }
    *out = (struct str){data, fread(data, 1, FILE_MAX_BYTES, file)};
    fclose(file);
    return true;
}

static struct str take_line(struct str *text)
{
    const char *end = memchr(text->data, '\n', text->len);
    struct str line = {text->data, end ? (size_t)(end - text->data) : text->len};
    size_t used = line.len + (end ? 1 : 0);

    text->data += used;
    text->len -= used;
    return line;
}

static void parse_headers(struct suite_case *c, struct str block)
{
    while (block.len) {
        struct str line = take_line(&block);
        const char *colon;

        if (line.len && line.data[0] == ' ') { /* continues the one before: views of the same text */
            struct sigv4_header *last = &c->headers[c->request.header_count - 1];

            last->value.len = (size_t)(line.data + line.len - last->value.data);
            continue;
        }
        colon = memchr(line.data, ':', line.len);
        if (!colon)
            continue;
        c->headers[c->request.header_count++] = (struct sigv4_header){
            {line.data, (size_t)(colon - line.data)},
            {colon + 1, line.len - (size_t)(colon - line.data) - 1},
        };
    }
    c->request.headers = c->headers;
}

static void parse_request_line(struct suite_case *c)
{
    const char *space = memchr(c->request_line.data, ' ', c->request_line.len);
    struct str target;
    const char *question;

    c->request.method = (struct str){c->request_line.data, (size_t)(space - c->request_line.data)};
    target = (struct str){space + 1, c->request_line.len - c->request.method.len - 1 - strlen(" HTTP/1.1")};
    question = memchr(target.data, '?', target.len);
    c->request.path = (struct str){target.data, question ? (size_t)(question - target.data) : target.len};
    if (question)
        c->request.query = (struct str){question + 1, target.len - c->request.path.len - 1};
}

static bool load(struct suite_case *c)
{
    struct str text = {0}, rest, context = {0};
    struct json_error problem;
    struct json *json;
    const struct json *keys;

    if (!read_file(c, "request.txt", &text) || !read_file(c, "context.json", &context))
        return false;
    rest = text;
    c->request_line = take_line(&rest);
    c->header_block.data = rest.data;
    while (rest.len && rest.data[0] != '\n')
        take_line(&rest);
    c->header_block.len = (size_t)(rest.data - c->header_block.data);
    if (rest.len)
        take_line(&rest);
    c->body = rest;
    json = json_read(&c->arena, context, JSON_STRICT, &problem);
    if (!json) {
        printf("# context.json: %s\n", problem.message);
        return false;
    }
    parse_request_line(c);
    parse_headers(c, c->header_block);
    c->request.body = c->body;
    keys = json_get(json, "credentials");
    c->scope = (struct sigv4_scope){
        .access_key = json_text(json_get(keys, "access_key_id")),
        .secret_key = json_text(json_get(keys, "secret_access_key")),
        .session_token = json_text(json_get(keys, "token")),
        .region = json_text(json_get(json, "region")),
        .service = json_text(json_get(json, "service")),
        .time_s = 1440938160, /* 2015-08-30T12:36:00Z, which every case has */
        .keep_path = !json_bool(json_get(json, "normalize"), true),
        .sign_body = json_bool(json_get(json, "sign_body"), false),
        .unsigned_token = json_bool(json_get(json, "omit_session_token"), false),
    };
    return str_is(json_text(json_get(json, "timestamp")), "2015-08-30T12:36:00Z") &&
        json_to_i64(json_get(json, "expiration_in_seconds"), &c->scope.expires_s);
}

static void compare(struct suite_case *c, const char *file, struct str actual)
{
    struct str wanted = {0};
    bool ok = read_file(c, file, &wanted) && str_equal(wanted, actual);

    report(ok, c, file);
    if (!ok)
        printf("# wanted:\n# %.*s\n# got:\n# %.*s\n", STR_ARG(wanted), STR_ARG(actual));
}

static void check_headers(struct suite_case *c)
{
    struct sigv4_result result;
    struct strbuf text = STRBUF_INIT;

    sigv4_sign_headers(&c->arena, &c->request, &c->scope, &result);
    compare(c, "header-canonical-request.txt", result.canonical_request);
    compare(c, "header-string-to-sign.txt", result.string_to_sign);
    compare(c, "header-signature.txt", str_from(result.signature));
    strbuf_append_str(&text, c->request_line);
    strbuf_append_char(&text, '\n');
    strbuf_append_str(&text, c->header_block);
    for (size_t i = 0; i < result.added_count; i++)
        strbuf_printf(&text, "%s:%s\n", result.added[i].name.data, result.added[i].value.data);
    strbuf_append_char(&text, '\n');
    strbuf_append_str(&text, c->body);
    compare(c, "header-signed-request.txt", strbuf_view(&text));
    strbuf_free(&text);
}

static void check_query(struct suite_case *c)
{
    struct sigv4_result result;
    struct strbuf text = STRBUF_INIT;

    sigv4_sign_query(&c->arena, &c->request, &c->scope, &result);
    compare(c, "query-canonical-request.txt", result.canonical_request);
    compare(c, "query-string-to-sign.txt", result.string_to_sign);
    compare(c, "query-signature.txt", str_from(result.signature));
    strbuf_printf(&text, "%.*s %.*s?%.*s HTTP/1.1\n%.*s\n%.*s", STR_ARG(c->request.method), STR_ARG(c->request.path),
        STR_ARG(result.query), STR_ARG(c->header_block), STR_ARG(c->body));
    compare(c, "query-signed-request.txt", strbuf_view(&text));
    strbuf_free(&text);
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int count;

    if (argc != 2) {
        fprintf(stderr, "usage: sigv4_runner FOLDER\n");
        return 2;
    }
    count = scandir(argv[1], &entries, is_case, alphasort);
    if (count < 0) {
        printf("Bail out! cannot read %s\n", argv[1]);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        struct suite_case c = {.folder = argv[1], .name = entries[i]->d_name};

        if (load(&c)) {
            check_headers(&c);
            check_query(&c);
        } else {
            report(false, &c, "is a case of the suite");
        }
        arena_free(&c.arena);
        free(entries[i]);
    }
    free(entries);
    tests++;
    failures += count != CASES_EXPECTED;
    printf("%sok %d - the suite has %d cases\n", count == CASES_EXPECTED ? "" : "not ", tests, CASES_EXPECTED);
    printf("1..%d\n", tests);
    return failures ? 1 : 0;
}
