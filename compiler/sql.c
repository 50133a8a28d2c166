#include "compiler/sql.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <pg_query.h>
#include <stdio.h>
#include <string.h>

#include "compiler/postgres/lex.h"

/* libpg_query answers in JSON and cJSON takes its memory from hooks without a context; this is theirs while sql_parse()
 * runs. */
static struct arena *parse_arena;

static void *parse_alloc(size_t size_bytes)
{
    return arena_alloc(parse_arena, size_bytes);
}

static void parse_free(void *memory)
{
    (void)memory;
}

static const cJSON *json_of(const struct sql_node *node)
{
    return (const cJSON *)(const void *)node;
}

static const struct sql_node *node_of(const cJSON *json)
{
    return (const struct sql_node *)(const void *)json;
}

/* The parser counts code points from 1. */
static size_t offset_of_cursor(struct str text, int cursor)
{
    size_t at = 0;

    for (int i = 1; i < cursor && at < text.len; i++) {
        at++;
        while (at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static void set_error(struct sql_error *error, struct str text, size_t offset, const char *message)
{
    struct lexer lexer = {.text = text, .at = offset};
    struct lex_token token = lex_next(&lexer);

    error->offset = offset < text.len ? offset : text.len;
    error->end = token.start == offset && token.end > offset ? token.end : error->offset;
    snprintf(error->message, sizeof(error->message), "%s", message);
    /* PostgreSQL quotes with ", this project with ' */
    for (char *c = error->message; *c; c++)
        if (*c == '"')
            *c = '\'';
        else if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

static size_t skip_to_token(struct str text, size_t from, size_t to)
{
    struct lexer lexer = {.text = {text.data, to}, .at = from};

    return lex_next(&lexer).start;
}

/* Where the last token before `to` ends: blanks and comments behind a statement are not part of it. */
static size_t last_token_end(struct str text, size_t from, size_t to)
{
    struct lexer lexer = {.text = {text.data, to}, .at = from};
    size_t end = from;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer))
        if (!lex_is(text, token, ";"))
            end = token.end;
    return end;
}

static bool read_tree(
    struct arena *arena, struct str text, const char *json, struct sql_script *out, struct sql_error *error)
{
    cJSON_Hooks arena_hooks = {parse_alloc, parse_free};
    cJSON *tree;

    parse_arena = arena;
    cJSON_InitHooks(&arena_hooks);
    tree = cJSON_Parse(json);
    cJSON_InitHooks(NULL);
    parse_arena = NULL;
    if (!tree) {
        set_error(error, text, 0, "the statement is nested too deeply");
        return false;
    }
    for (const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, "stmts")->child; item; item = item->next) {
        const cJSON *location = cJSON_GetObjectItemCaseSensitive(item, "stmt_location");
        const cJSON *length = cJSON_GetObjectItemCaseSensitive(item, "stmt_len");
        size_t from = location ? (size_t)location->valueint : 0;
        size_t to = length && length->valueint ? from + (size_t)length->valueint : text.len;
        struct sql_statement statement = {.tree = node_of(cJSON_GetObjectItemCaseSensitive(item, "stmt"))};

        statement.start = skip_to_token(text, from, to);
        statement.end = last_token_end(text, statement.start, to);
        VEC_PUSH(arena, &out->statements, statement);
    }
    return true;
}

bool sql_parse(struct arena *arena, struct str text, struct sql_script *out, struct sql_error *error)
{
    PgQueryParseResult result;
    size_t at;
    bool ok;

    *out = (struct sql_script){.text = text};
    if (text.len > SQL_SIZE_MAX_BYTES) {
        set_error(error, text, 0, "the SQL text is larger than 32 MiB; split it");
        return false;
    }
    if (memchr(text.data, '\0', text.len)) {
        set_error(error, text, (size_t)((const char *)memchr(text.data, '\0', text.len) - text.data), "the SQL text holds a NUL byte");
        return false;
    }
    if (utf8_invalid_at(text.data, text.len) < text.len) {
        set_error(error, text, utf8_invalid_at(text.data, text.len), "the SQL text is not valid UTF-8");
        return false;
    }
    if (lex_depth(text, &at) > SQL_DEPTH_MAX) {
        set_error(error, text, at, "the SQL is nested deeper than 400 levels");
        return false;
    }
    result = pg_query_parse(arena_strndup(arena, text.data, text.len)); /* which reads up to a NUL */
    if (result.error) {
        set_error(error, text, offset_of_cursor(text, result.error->cursorpos), result.error->message);
        ok = false;
    } else {
        ok = read_tree(arena, text, result.parse_tree, out, error);
    }
    pg_query_free_parse_result(result);
    return ok;
}

const char *sql_tag(const struct sql_node *node)
{
    const cJSON *json = json_of(node);

    if (!json || !cJSON_IsObject(json) || !json->child || json->child->next || !json->child->string ||
        !isupper((unsigned char)json->child->string[0]))
        return NULL;
    return json->child->string;
}

const struct sql_node *sql_fields(const struct sql_node *node)
{
    return sql_tag(node) ? node_of(json_of(node)->child) : node;
}

const struct sql_node *sql_as(const struct sql_node *node, const char *tag)
{
    const char *actual = sql_tag(node);

    return actual && strcmp(actual, tag) == 0 ? node_of(json_of(node)->child) : NULL;
}

const struct sql_node *sql_get(const struct sql_node *fields, const char *key)
{
    const cJSON *json = json_of(fields);

    if (!json || !cJSON_IsObject(json))
        return NULL;
    for (const cJSON *child = json->child; child; child = child->next)
        if (strcmp(child->string, key) == 0)
            return node_of(child);
    return NULL;
}

const char *sql_text(const struct sql_node *fields, const char *key)
{
    const cJSON *json = json_of(sql_get(fields, key));

    return json && cJSON_IsString(json) ? json->valuestring : NULL;
}

bool sql_text_is(const struct sql_node *fields, const char *key, const char *text)
{
    const char *value = sql_text(fields, key);

    return value && strcmp(value, text) == 0;
}

int64_t sql_integer(const struct sql_node *fields, const char *key, int64_t fallback)
{
    const cJSON *json = json_of(sql_get(fields, key));

    return json && cJSON_IsNumber(json) ? (int64_t)json->valueint : fallback;
}

bool sql_flag(const struct sql_node *fields, const char *key)
{
    return cJSON_IsTrue(json_of(sql_get(fields, key)));
}

size_t sql_location(const struct sql_node *fields)
{
    int64_t at = sql_integer(fields, "location", -1);

    return at < 0 ? SIZE_MAX : (size_t)at;
}

const struct sql_node *sql_children(const struct sql_node *node)
{
    const cJSON *json = json_of(node);

    return json && (cJSON_IsObject(json) || cJSON_IsArray(json)) ? node_of(json->child) : NULL;
}

const struct sql_node *sql_first(const struct sql_node *list)
{
    const cJSON *json = json_of(list);

    return json && cJSON_IsArray(json) ? node_of(json->child) : NULL;
}

const struct sql_node *sql_next(const struct sql_node *item)
{
    return item ? node_of(json_of(item)->next) : NULL;
}

size_t sql_count(const struct sql_node *list)
{
    size_t count = 0;

    for (const struct sql_node *item = sql_first(list); item; item = sql_next(item))
        count++;
    return count;
}

const char *sql_string(const struct sql_node *node)
{
    return sql_text(sql_as(node, "String"), "sval");
}

const char *sql_list_string(const struct sql_node *list, size_t index)
{
    size_t count = sql_count(list);
    const struct sql_node *item = sql_first(list);

    if (index > SIZE_MAX / 2)
        index = count - 1 - (SIZE_MAX - index);
    for (; item && index; index--)
        item = sql_next(item);
    return sql_string(item);
}

const char *sql_key(const struct sql_node *node)
{
    return node ? json_of(node)->string : NULL;
}

size_t sql_first_location(const struct sql_node *node)
{
    size_t best = sql_location(node);

    for (const struct sql_node *child = sql_children(node); child; child = sql_next(child)) {
        size_t at = sql_first_location(child);

        if (at < best)
            best = at;
    }
    return best;
}
