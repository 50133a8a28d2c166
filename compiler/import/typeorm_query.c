/* Calls of query() with literals: the one thing in a method's body that is carried over. */
#include <stdlib.h>
#include <string.h>

#include "compiler/import/typeorm.h"
#include "compiler/sql.h"
#include "spec/base/arena.h"

/* What a query is called with behind its text; NULL: null. */
struct js_parameters {
    VEC(const char *) values;
};

/* A literal, or literals joined by '+', perhaps in parentheses. *at moves behind it. */
static bool read_literal(const struct reading *reading, size_t *at, struct strbuf *out)
{
    size_t parentheses = 0;

    for (;;) {
        while (js_is(typeorm_token(reading, *at), "(")) {
            parentheses++;
            ++*at;
        }
        if (typeorm_token(reading, *at)->kind != JS_STRING)
            return false;
        strbuf_append_str(out, typeorm_token(reading, *at)->value);
        ++*at;
        while (parentheses && js_is(typeorm_token(reading, *at), ")")) {
            parentheses--;
            ++*at;
        }
        if (!js_is(typeorm_token(reading, *at), "+"))
            return parentheses == 0;
        ++*at;
    }
}

/* "[ literal, … ]" as the parameters of a query; *at moves behind it. */
static bool read_parameters(const struct reading *reading, size_t *at, struct js_parameters *out)
{
    struct arena *arena = reading->history->arena;

    if (!js_is(typeorm_token(reading, *at), "["))
        return false;
    ++*at;
    while (!js_is(typeorm_token(reading, *at), "]")) {
        const struct js_token *token = typeorm_token(reading, *at);
        struct strbuf text = STRBUF_INIT;
        const char *value = NULL;
        bool is_number = token->kind == JS_WORD && strspn(token->text.data, "0123456789") >= token->text.len;

        if (is_number || js_is(token, "true") || js_is(token, "false")) {
            value = arena_strndup(arena, token->text.data, token->text.len);
            ++*at;
        } else if (js_is(token, "null")) {
            ++*at;
        } else {
            bool ok = read_literal(reading, at, &text);

            value = ok ? strbuf_copy(&text, arena).data : NULL;
            strbuf_free(&text);
            if (!ok)
                return false;
        }
        VEC_PUSH(arena, &out->values, value);
        if (js_is(typeorm_token(reading, *at), ","))
            ++*at;
        else if (!js_is(typeorm_token(reading, *at), "]"))
            return false;
    }
    ++*at;
    return true;
}

struct placeholder {
    size_t offset;
    size_t len;
    size_t number;
};

struct placeholders {
    VEC(struct placeholder) items;
};

static void find_placeholders(
    struct arena *arena, const struct sql_node *node, struct str sql, struct placeholders *out)
{
    const struct sql_node *parameter = sql_as(node, "ParamRef");
    size_t at = sql_location(parameter);

    if (parameter && at < sql.len) {
        struct placeholder found = {.offset = at, .len = 1, .number = (size_t)sql_integer(parameter, "number", 0)};

        found.len += strspn(sql.data + at + 1, "0123456789");
        VEC_PUSH(arena, &out->items, found);
    }
    for (const struct sql_node *child = sql_children(node); child; child = sql_next(child))
        find_placeholders(arena, child, sql, out);
}

static int compare_placeholders(const void *left, const void *right)
{
    const struct placeholder *a = left, *b = right;

    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* As an SQL literal of the type that its place asks for, which is how the driver sends it. */
static void append_literal(struct strbuf *out, const char *value)
{
    if (!value) {
        strbuf_append_text(out, "NULL");
        return;
    }
    strbuf_append_text(out, strchr(value, '\\') ? " E'" : "'");
    for (const char *c = value; *c; c++) {
        if (*c == '\'' || *c == '\\')
            strbuf_append_char(out, *c);
        strbuf_append_char(out, *c);
    }
    strbuf_append_char(out, '\'');
}

/* The values in the places of $1, $2, … False when they do not fit together. */
static bool put_parameters(struct arena *arena, const struct js_parameters *parameters, struct strbuf *sql)
{
    struct arena scratch = ARENA_INIT;
    struct placeholders places = {0};
    struct strbuf out = STRBUF_INIT;
    struct str text = strbuf_copy(sql, arena);
    struct sql_script script;
    struct sql_error error;
    size_t from = 0;
    bool ok = sql_parse(&scratch, text, &script, &error) && script.statements.count == 1;

    if (ok)
        find_placeholders(&scratch, script.statements.items[0].tree, text, &places);
    if (places.items.count)
        qsort(places.items.items, places.items.count, sizeof(struct placeholder), compare_placeholders);
    for (size_t i = 0; ok && i < places.items.count; i++) {
        const struct placeholder *place = &places.items.items[i];

        ok = place->number >= 1 && place->number <= parameters->values.count && place->offset >= from &&
             text.data[place->offset] == '$';
        if (!ok)
            break;
        strbuf_append(&out, text.data + from, place->offset - from);
        append_literal(&out, parameters->values.items[place->number - 1]);
        from = place->offset + place->len;
    }
    if (ok) {
        strbuf_append(&out, text.data + from, text.len - from);
        strbuf_clear(sql);
        strbuf_append_str(sql, strbuf_view(&out));
    }
    strbuf_free(&out);
    arena_free(&scratch);
    return ok;
}

bool typeorm_read_query(
    const struct reading *reading, const struct method *method, size_t *at, struct strbuf *out, bool *returns)
{
    size_t next = *at;
    bool has_more;

    *returns = js_is(typeorm_token(reading, next), "return");
    next += *returns;
    next += js_is(typeorm_token(reading, next), "await") || js_is(typeorm_token(reading, next), "void");
    if (!method->runner.len || typeorm_token(reading, next)->kind != JS_WORD ||
        !str_equal(typeorm_token(reading, next)->text, method->runner) ||
        !js_is(typeorm_token(reading, next + 1), ".") || !js_is(typeorm_token(reading, next + 2), "query") ||
        !js_is(typeorm_token(reading, next + 3), "("))
        return false;
    next += 4;
    if (!read_literal(reading, &next, out))
        return false;
    has_more = js_is(typeorm_token(reading, next), ",");
    next += has_more;
    if (has_more && !js_is(typeorm_token(reading, next), ")")) {
        struct js_parameters parameters = {0};

        if (!read_parameters(reading, &next, &parameters) || !put_parameters(reading->history->arena, &parameters, out))
            return false;
        next += js_is(typeorm_token(reading, next), ",");
    }
    if (!js_is(typeorm_token(reading, next), ")"))
        return false;
    next++;
    if (next < method->end && !js_is(typeorm_token(reading, next), ";") &&
        (!typeorm_token(reading, next)->begins_line || typeorm_token(reading, next)->kind != JS_WORD))
        return false;
    *at = next;
    return true;
}
