/*
 * TypeORM: classes with up() and down() in TypeScript or JavaScript, in the order of the 13 digits at the end of their
 * names. Carried over is what a reader can be sure of: statements of the method itself that call query() of its query
 * runner with one literal. A loop, a condition, a variable, a substitution, another method of the query runner: all
 * that is only listed.
 */
#include <stdlib.h>
#include <string.h>

#include "compiler/import/javascript.h"
#include "compiler/import/reader.h"
#include "compiler/sql.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum { TIMESTAMP_DIGITS = 13, SHOWN_MAX_BYTES = 60 };

/* The tokens between two braces. */
struct method {
    bool is_there;
    struct str runner; /* the first parameter; empty where it is none that can be followed */
    size_t first, end; /* of the body, without its braces */
    size_t offset;
};

struct migration_class {
    struct str name;
    struct str name_property; /* empty: none */
    struct method up, down;
    bool no_transaction;
    size_t offset;
};

/* What a query is called with behind its text; NULL: null. */
struct js_parameters {
    VEC(const char *) values;
};

struct reading {
    struct import_history *history;
    const struct import_file *file;
    struct js_tokens tokens;
};

struct found {
    struct import_change change;
    struct str timestamp;
    const char *path;
};

struct found_list {
    VEC(struct found) items;
};

/* --- structure ---------------------------------------------------------------------------------------------------- */

static const struct js_token *token_at(const struct reading *reading, size_t at)
{
    size_t last = reading->tokens.items.count - 1;

    return &reading->tokens.items.items[at < last ? at : last];
}

static bool is_end(const struct reading *reading, size_t at)
{
    return token_at(reading, at)->kind == JS_END;
}

static bool opens(const struct js_token *token)
{
    return js_is(token, "(") || js_is(token, "[") || js_is(token, "{");
}

static bool closes(const struct js_token *token)
{
    return js_is(token, ")") || js_is(token, "]") || js_is(token, "}");
}

/* at: an opening bracket. Behind its closing one, or the end. */
static size_t skip_group(const struct reading *reading, size_t at)
{
    size_t depth = 0;

    do {
        depth += opens(token_at(reading, at));
        depth -= closes(token_at(reading, at)) && depth;
        at++;
    } while (depth && !is_end(reading, at));
    return at;
}

static size_t line_of(const struct reading *reading, size_t offset)
{
    return import_line_at(reading->file->text, offset);
}

/* at: the '(' of the parameters. The token behind the method's '}'; at itself when this is no method with a body. */
static size_t read_method(const struct reading *reading, size_t at, struct method *out)
{
    size_t body = skip_group(reading, at), end;

    while (!is_end(reading, body) && !js_is(token_at(reading, body), "{") && !js_is(token_at(reading, body), ";") &&
           !js_is(token_at(reading, body), "}"))
        body++;
    if (!js_is(token_at(reading, body), "{"))
        return at;
    end = skip_group(reading, body);
    *out = (struct method){.is_there = true, .first = body + 1, .end = end - 1, .offset = token_at(reading, at)->offset};
    if (token_at(reading, at + 1)->kind == JS_WORD)
        out->runner = token_at(reading, at + 1)->text;
    return end;
}

static bool is_modifier(const struct js_token *token)
{
    static const char *const words[] = {"public", "private", "protected", "async", "static", "readonly", "override", "declare", NULL};

    for (size_t i = 0; words[i]; i++)
        if (js_is(token, words[i]))
            return true;
    return false;
}

/* A property: to its ';', or to where a line begins with another member. */
static size_t skip_property(const struct reading *reading, size_t at, size_t end)
{
    for (at++; at < end && !js_is(token_at(reading, at), ";");) {
        const struct js_token *token = token_at(reading, at);

        if (token->begins_line && (token->kind == JS_WORD || js_is(token, "@")) && !js_is(token_at(reading, at - 1), "="))
            return at;
        at = opens(token) ? skip_group(reading, at) : at + 1;
    }
    return at < end ? at + 1 : end;
}

static size_t read_member(const struct reading *reading, size_t at, size_t end, struct migration_class *out)
{
    const struct js_token *name;
    struct method ignored, *method;
    size_t next, behind;

    while (at + 1 < end && is_modifier(token_at(reading, at)) && !js_is(token_at(reading, at + 1), "(") &&
           !js_is(token_at(reading, at + 1), "="))
        at++;
    name = token_at(reading, at);
    next = at + 1;
    method = js_is(name, "up") ? &out->up : js_is(name, "down") ? &out->down : &ignored;
    if (name->kind == JS_WORD && js_is(token_at(reading, next), "(")) {
        behind = read_method(reading, next, method);
        return behind > next ? behind : skip_property(reading, at, end);
    }
    if (name->kind == JS_WORD && js_is(token_at(reading, next), "=")) { /* up = async (queryRunner) => { … } */
        size_t value = next + 1;

        if (js_is(name, "name") && token_at(reading, value)->kind == JS_STRING)
            out->name_property = token_at(reading, value)->value;
        out->no_transaction |= js_is(name, "transaction") && js_is(token_at(reading, value), "false");
        value += js_is(token_at(reading, value), "async");
        if (method != &ignored && js_is(token_at(reading, value), "(")) {
            behind = read_method(reading, value, method);
            if (behind > value)
                return behind;
        }
    }
    return skip_property(reading, at, end);
}

/* at: the word 'class'. False when it is no class with up(); *behind is where to go on. */
static bool read_class(const struct reading *reading, size_t at, struct migration_class *out, size_t *behind)
{
    size_t body = at + 1, end;

    *out = (struct migration_class){.offset = token_at(reading, at)->offset};
    *behind = at + 1;
    if (token_at(reading, body)->kind == JS_WORD && !js_is(token_at(reading, body), "implements") &&
        !js_is(token_at(reading, body), "extends"))
        out->name = token_at(reading, body)->text;
    while (!is_end(reading, body) && !js_is(token_at(reading, body), "{") && !js_is(token_at(reading, body), ";"))
        body++;
    if (!js_is(token_at(reading, body), "{"))
        return false;
    end = skip_group(reading, body);
    for (size_t member = body + 1; member + 1 < end;)
        member = opens(token_at(reading, member)) ? skip_group(reading, member) : read_member(reading, member, end - 1, out);
    if (!out->up.is_there)
        return false;
    *behind = end;
    return true;
}

/* --- statements --------------------------------------------------------------------------------------------------- */

/* A literal, or literals joined by '+', perhaps in parentheses. *at moves behind it. */
static bool read_literal(const struct reading *reading, size_t *at, struct strbuf *out)
{
    size_t parentheses = 0;

    for (;;) {
        while (js_is(token_at(reading, *at), "(")) {
            parentheses++;
            ++*at;
        }
        if (token_at(reading, *at)->kind != JS_STRING)
            return false;
        strbuf_append_str(out, token_at(reading, *at)->value);
        ++*at;
        while (parentheses && js_is(token_at(reading, *at), ")")) {
            parentheses--;
            ++*at;
        }
        if (!js_is(token_at(reading, *at), "+"))
            return parentheses == 0;
        ++*at;
    }
}

/* "[ literal, … ]" as the parameters of a query; *at moves behind it. */
static bool read_parameters(const struct reading *reading, size_t *at, struct js_parameters *out)
{
    struct arena *arena = reading->history->arena;

    if (!js_is(token_at(reading, *at), "["))
        return false;
    ++*at;
    while (!js_is(token_at(reading, *at), "]")) {
        const struct js_token *token = token_at(reading, *at);
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
        if (js_is(token_at(reading, *at), ","))
            ++*at;
        else if (!js_is(token_at(reading, *at), "]"))
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

static void find_placeholders(struct arena *arena, const struct sql_node *node, struct str sql, struct placeholders *out)
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

        ok = place->number >= 1 && place->number <= parameters->values.count && place->offset >= from && text.data[place->offset] == '$';
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

/* [return] [await] RUNNER.query(LITERAL) or RUNNER.query(LITERAL, [LITERAL, …]); *at moves behind it. */
static bool read_query(const struct reading *reading, const struct method *method, size_t *at, struct strbuf *out, bool *returns)
{
    size_t next = *at;

    *returns = js_is(token_at(reading, next), "return");
    next += *returns;
    next += js_is(token_at(reading, next), "await") || js_is(token_at(reading, next), "void");
    if (!method->runner.len || token_at(reading, next)->kind != JS_WORD || !str_equal(token_at(reading, next)->text, method->runner) ||
        !js_is(token_at(reading, next + 1), ".") || !js_is(token_at(reading, next + 2), "query") ||
        !js_is(token_at(reading, next + 3), "("))
        return false;
    next += 4;
    if (!read_literal(reading, &next, out))
        return false;
    next += js_is(token_at(reading, next), ",");
    if (!js_is(token_at(reading, next), ")")) {
        struct js_parameters parameters = {0};

        if (!read_parameters(reading, &next, &parameters) || !put_parameters(reading->history->arena, &parameters, out))
            return false;
        next += js_is(token_at(reading, next), ",");
        if (!js_is(token_at(reading, next), ")"))
            return false;
    }
    next++;
    if (next < method->end && !js_is(token_at(reading, next), ";") &&
        (!token_at(reading, next)->begins_line || token_at(reading, next)->kind != JS_WORD))
        return false;
    *at = next;
    return true;
}

/* Whether a statement goes on with this token at the front of a line. */
static bool continues(const struct js_token *before, const struct js_token *token)
{
    static const char *const words[] = {"else", "catch", "finally", "while", "instanceof", "in", "of", "as", NULL};

    for (size_t i = 0; words[i]; i++)
        if (js_is(token, words[i]))
            return true;
    if (token->kind != JS_WORD)
        return !js_is(before, "}") || js_is(token, ".") || js_is(token, ")") || js_is(token, ",");
    return before->kind == JS_MARK && !closes(before);
}

/* To behind the statement: its ';', its block, or its line. */
static size_t skip_statement(const struct reading *reading, size_t at, size_t end)
{
    while (at < end && !js_is(token_at(reading, at), ";")) {
        const struct js_token *token = token_at(reading, at);

        at = opens(token) ? skip_group(reading, at) : at + 1;
        if (at < end && token_at(reading, at)->begins_line && !continues(token_at(reading, at - 1), token_at(reading, at)))
            return at;
    }
    return at < end ? at + 1 : end;
}

/* The beginning of what stands there, on one line. */
static const char *shown(const struct reading *reading, size_t first, size_t end)
{
    size_t from = token_at(reading, first)->offset;
    const struct js_token *last = token_at(reading, end > first ? end - 1 : first);
    size_t len = last->offset + last->text.len - from;
    const char *dots = "", *data = reading->file->text.data + from;
    const char *line_end = memchr(data, '\n', len);

    if (line_end) {
        len = (size_t)(line_end - data);
        dots = " …";
    }
    if (len > SHOWN_MAX_BYTES) {
        len = SHOWN_MAX_BYTES;
        while (len && ((unsigned char)data[len] & 0xC0) == 0x80)
            len--;
        dots = "…";
    }
    return arena_printf(reading->history->arena, "%.*s%s", (int)len, data, dots);
}

static void append_query(struct strbuf *out, struct str sql)
{
    struct str line;
    const char *last;

    sql = str_trim(sql);
    if (sql.len == 0)
        return;
    strbuf_append_str(out, sql);
    for (last = sql.data + sql.len; last > sql.data && last[-1] != '\n';)
        last--;
    line = (struct str){last, (size_t)(sql.data + sql.len - last)};
    if (sql.data[sql.len - 1] == ';')
        strbuf_append_text(out, "\n");
    else /* a ';' behind a comment would be part of it */
        strbuf_append_text(out, memchr(line.data, '-', line.len) ? "\n;\n" : ";\n");
}

/* Whether it only writes to the log. */
static bool is_harmless(const struct reading *reading, size_t at)
{
    return js_is(token_at(reading, at), "console") && js_is(token_at(reading, at + 1), ".");
}

static struct import_script read_body(const struct reading *reading, const struct method *method, const char *what)
{
    struct import_history *history = reading->history;
    struct import_script script = {.file = reading->file, .line = line_of(reading, method->offset)};
    struct strbuf text = STRBUF_INIT;
    bool returned = false;

    for (size_t at = method->first; at < method->end;) {
        struct strbuf sql = STRBUF_INIT;
        size_t next = at, line = line_of(reading, token_at(reading, at)->offset);
        bool returns = false;

        if (js_is(token_at(reading, at), ";")) {
            at++;
            continue;
        }
        if (!returned && read_query(reading, method, &next, &sql, &returns)) {
            append_query(&text, strbuf_view(&sql));
            returned = returns;
        } else {
            const char *statement;

            next = skip_statement(reading, at, method->end);
            statement = shown(reading, at, next);
            if (is_harmless(reading, at)) {
                import_note(history, reading->file->path, line, "%s: `%s` writes to the log, and is left out", what, statement);
            } else {
                import_open(history, reading->file->path, line, "%s: `%s` is no query with a literal; %s", what, statement,
                    strcmp(what, "up") == 0 ? "write its SQL in its place" : "without down() the inverse is derived");
                strbuf_append_text(&text, import_marker(history->arena, reading->file->path, line, statement));
                script.is_partial = true;
            }
        }
        strbuf_free(&sql);
        at = next;
    }
    script.text = strbuf_copy(&text, history->arena);
    strbuf_free(&text);
    return script;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void add_class(const struct reading *reading, const struct migration_class *class, struct found_list *out)
{
    struct import_history *history = reading->history;
    struct str name = class->name_property.len ? class->name_property : class->name;
    size_t line = line_of(reading, class->offset);
    struct found found = {.path = reading->file->path};
    size_t stem;

    if (name.len <= TIMESTAMP_DIGITS || memchr(name.data, '\n', name.len)) {
        import_open(history, reading->file->path, line, "the class has no name that ends with a timestamp of 13 digits");
        return;
    }
    stem = name.len - TIMESTAMP_DIGITS;
    found.timestamp = (struct str){name.data + stem, TIMESTAMP_DIGITS};
    for (size_t i = 0; i < TIMESTAMP_DIGITS; i++)
        if (found.timestamp.data[i] < '0' || found.timestamp.data[i] > '9') {
            import_open(history, reading->file->path, line, "the name '%.*s' does not end with a timestamp of 13 digits", STR_ARG(name));
            return;
        }
    found.change.name = arena_strndup(history->arena, name.data, name.len);
    found.change.id = arena_printf(history->arena, "%.*s-%.*s", STR_ARG(found.timestamp), (int)stem, name.data);
    if (class->no_transaction)
        import_note(history, reading->file->path, line,
            "`transaction = false` has no counterpart: a statement that cannot run in a transaction stands alone by itself");
    found.change.up = read_body(reading, &class->up, "up");
    if (class->down.is_there)
        found.change.down = read_body(reading, &class->down, "down");
    VEC_PUSH(history->arena, &out->items, found);
}

static void read_file(struct import_history *history, const struct import_file *file, struct found_list *out)
{
    struct reading reading = {.history = history, .file = file};
    bool mentions = strstr(file->text.data, "MigrationInterface") != NULL, any = false;

    if (file->problem) {
        import_open(history, file->path, 0, "%s", file->problem);
        return;
    }
    js_tokenize(history->arena, file->text, &reading.tokens);
    if (reading.tokens.is_broken) {
        import_open(history, file->path, line_of(&reading, reading.tokens.items.items[reading.tokens.items.count - 1].offset),
            "cannot be read as TypeScript or JavaScript from here on");
        return;
    }
    for (size_t at = 0; !is_end(&reading, at);) {
        struct migration_class class;
        bool is_member = at > 0 && js_is(token_at(&reading, at - 1), ".");
        size_t behind = at + 1;

        if (!is_member && js_is(token_at(&reading, at), "class") && read_class(&reading, at, &class, &behind)) {
            add_class(&reading, &class, out);
            any = true;
        }
        at = behind;
    }
    if (!any && mentions)
        import_open(history, file->path, 0, "speaks of migrations, and has no class with up()");
}

static int compare_found(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    int order = str_compare(a->timestamp, b->timestamp);

    if (order == 0)
        order = strcmp(a->path, b->path);
    return order ? order : strcmp(a->change.name, b->change.name);
}

bool import_read_typeorm(struct import_history *history, struct error *error)
{
    const struct import_source *source = history->source;
    struct found_list list = {0};
    struct map names;

    for (size_t i = 0; i < source->files.count; i++)
        if (!str_ends_with(str_from(source->files.items[i].path), ".d.ts"))
            read_file(history, &source->files.items[i], &list);
    if (list.items.count)
        qsort(list.items.items, list.items.count, sizeof(struct found), compare_found);
    map_init(&names, history->arena);
    for (size_t i = 0; i < list.items.count; i++) {
        struct found *found = &list.items.items[i];
        const struct found *twin = map_put(&names, str_from(found->change.name), found);

        if (twin) {
            error_set(error, EXIT_STATUS_SPEC, "'%s' and '%s' both have '%s'", twin->path, found->path, found->change.name);
            return error_help(error, "TypeORM refuses that too: name the folder with the sources alone");
        }
        VEC_PUSH(history->arena, &history->changes, found->change);
    }
    return true;
}
