/*
 * TypeORM: classes with up() and down() in TypeScript or JavaScript, in the order of the 13 digits at the end of their
 * names. Carried over is what a reader can be sure of: statements of the method itself that call query() of its query
 * runner with one literal. A loop, a condition, a variable, a substitution, another method of the query runner: all
 * that is only listed.
 */
#include <stdlib.h>
#include <string.h>

#include "compiler/import/reader.h"
#include "compiler/import/typeorm.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum {
    TIMESTAMP_DIGITS = 13,
    SHOWN_MAX_BYTES = 60,
    HEAD_MAX_TOKENS = 64, /* of a class or a result type, before its brace */
};

struct migration_class {
    struct str name;
    struct str name_property; /* empty: none */
    struct method up, down;
    bool no_transaction;
    size_t line;
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

const struct js_token *typeorm_token(const struct reading *reading, size_t at)
{
    size_t last = reading->tokens.items.count - 1;

    return &reading->tokens.items.items[at < last ? at : last];
}

static bool is_end(const struct reading *reading, size_t at)
{
    return typeorm_token(reading, at)->kind == JS_END;
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
    return typeorm_token(reading, at)->behind;
}

/* at: the '(' of the parameters. The token behind the method's '}'; at itself when this is no method with a body. */
static size_t read_method(const struct reading *reading, size_t at, struct method *out)
{
    size_t body = skip_group(reading, at), limit = body + HEAD_MAX_TOKENS, end;

    while (!is_end(reading, body) && body < limit && !js_is(typeorm_token(reading, body), "{") &&
           !js_is(typeorm_token(reading, body), ";") && !js_is(typeorm_token(reading, body), "}"))
        body++;
    if (!js_is(typeorm_token(reading, body), "{"))
        return at;
    end = skip_group(reading, body);
    *out =
        (struct method){.is_there = true, .first = body + 1, .end = end - 1, .line = typeorm_token(reading, at)->line};
    if (typeorm_token(reading, at + 1)->kind == JS_WORD)
        out->runner = typeorm_token(reading, at + 1)->text;
    return end;
}

static bool is_modifier(const struct js_token *token)
{
    static const char *const words[] = {
        "public", "private", "protected", "async", "static", "readonly", "override", "declare", NULL};

    for (size_t i = 0; words[i]; i++)
        if (js_is(token, words[i]))
            return true;
    return false;
}

/* A property: to its ';', or to where a line begins with another member. */
static size_t skip_property(const struct reading *reading, size_t at, size_t end)
{
    for (at++; at < end && !js_is(typeorm_token(reading, at), ";");) {
        const struct js_token *token = typeorm_token(reading, at);

        if (token->begins_line && (token->kind == JS_WORD || js_is(token, "@")) &&
            !js_is(typeorm_token(reading, at - 1), "="))
            return at;
        at = opens(token) ? skip_group(reading, at) : at + 1;
    }
    return at < end ? at + 1 : end;
}

static size_t read_member(const struct reading *reading, size_t at, size_t end, struct migration_class *out)
{
    const struct js_token *name;
    struct method ignored = {0}, *method;
    size_t next, behind;

    while (at + 1 < end && is_modifier(typeorm_token(reading, at)) && !js_is(typeorm_token(reading, at + 1), "(") &&
           !js_is(typeorm_token(reading, at + 1), "="))
        at++;
    name = typeorm_token(reading, at);
    next = at + 1;
    method = js_is(name, "up") ? &out->up : js_is(name, "down") ? &out->down : &ignored;
    if (name->kind == JS_WORD && js_is(typeorm_token(reading, next), "(")) {
        behind = read_method(reading, next, method);
        return behind > next ? behind : skip_property(reading, at, end);
    }
    if (name->kind == JS_WORD && js_is(typeorm_token(reading, next), "=")) { /* up = async (queryRunner) => { … } */
        size_t value = next + 1;

        if (js_is(name, "name") && typeorm_token(reading, value)->kind == JS_STRING)
            out->name_property = typeorm_token(reading, value)->value;
        out->no_transaction |= js_is(name, "transaction") && js_is(typeorm_token(reading, value), "false");
        value += js_is(typeorm_token(reading, value), "async");
        if (method != &ignored && js_is(typeorm_token(reading, value), "(")) {
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

    *out = (struct migration_class){.line = typeorm_token(reading, at)->line};
    *behind = at + 1;
    if (typeorm_token(reading, body)->kind == JS_WORD && !js_is(typeorm_token(reading, body), "implements") &&
        !js_is(typeorm_token(reading, body), "extends"))
        out->name = typeorm_token(reading, body)->text;
    while (!is_end(reading, body) && body < at + HEAD_MAX_TOKENS && !js_is(typeorm_token(reading, body), "{") &&
           !js_is(typeorm_token(reading, body), ";"))
        body++;
    if (!js_is(typeorm_token(reading, body), "{"))
        return false;
    end = skip_group(reading, body);
    for (size_t member = body + 1; member + 1 < end;)
        member = opens(typeorm_token(reading, member)) ? skip_group(reading, member)
                                                       : read_member(reading, member, end - 1, out);
    if (!out->up.is_there)
        return false;
    *behind = end;
    return true;
}

/* --- statements --------------------------------------------------------------------------------------------------- */

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
    while (at < end && !js_is(typeorm_token(reading, at), ";")) {
        const struct js_token *token = typeorm_token(reading, at);

        at = opens(token) ? skip_group(reading, at) : at + 1;
        if (at < end && typeorm_token(reading, at)->begins_line &&
            !continues(typeorm_token(reading, at - 1), typeorm_token(reading, at)))
            return at;
    }
    return at < end ? at + 1 : end;
}

/* The beginning of what stands there, on one line. */
static const char *shown(const struct reading *reading, size_t first, size_t end)
{
    size_t from = typeorm_token(reading, first)->offset;
    const struct js_token *last = typeorm_token(reading, end > first ? end - 1 : first);
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
    return js_is(typeorm_token(reading, at), "console") && js_is(typeorm_token(reading, at + 1), ".");
}

static struct import_script read_body(const struct reading *reading, const struct method *method, const char *what)
{
    struct import_history *history = reading->history;
    struct import_script script = {.file = reading->file, .line = method->line};
    struct strbuf text = STRBUF_INIT;
    bool returned = false;

    for (size_t at = method->first; at < method->end;) {
        struct strbuf sql = STRBUF_INIT;
        size_t next = at, line = typeorm_token(reading, at)->line;
        bool returns = false;

        if (js_is(typeorm_token(reading, at), ";")) {
            at++;
            continue;
        }
        if (!returned && typeorm_read_query(reading, method, &next, &sql, &returns)) {
            append_query(&text, strbuf_view(&sql));
            returned = returns;
        } else {
            const char *statement;

            next = skip_statement(reading, at, method->end);
            statement = shown(reading, at, next);
            if (is_harmless(reading, at)) {
                import_note(
                    history, reading->file->path, line, "%s: `%s` writes to the log, and is left out", what, statement);
            } else {
                import_open(history, reading->file->path, line, "%s: `%s` is no query with a literal; %s", what,
                    statement,
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
    size_t line = class->line;
    struct found found = {.path = reading->file->path};
    size_t stem;

    if (name.len <= TIMESTAMP_DIGITS || memchr(name.data, '\n', name.len)) {
        import_open(
            history, reading->file->path, line, "the class has no name that ends with a timestamp of 13 digits");
        return;
    }
    stem = name.len - TIMESTAMP_DIGITS;
    found.timestamp = (struct str){name.data + stem, TIMESTAMP_DIGITS};
    for (size_t i = 0; i < TIMESTAMP_DIGITS; i++)
        if (found.timestamp.data[i] < '0' || found.timestamp.data[i] > '9') {
            import_open(history, reading->file->path, line,
                "the name '%.*s' does not end with a timestamp of 13 digits", STR_ARG(name));
            return;
        }
    found.change.name = arena_strndup(history->arena, name.data, name.len);
    found.change.id = arena_printf(history->arena, "%.*s-%.*s", STR_ARG(found.timestamp), (int)stem, name.data);
    if (class->no_transaction)
        import_note(history, reading->file->path, line,
            "`transaction = false` has no counterpart: a statement that cannot run in a transaction stands alone by "
            "itself");
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
        import_open(history, file->path, reading.tokens.items.items[reading.tokens.items.count - 1].line,
            "cannot be read as TypeScript or JavaScript from here on");
        return;
    }
    for (size_t at = 0; !is_end(&reading, at);) {
        struct migration_class class;
        bool is_member = at > 0 && js_is(typeorm_token(&reading, at - 1), ".");
        size_t behind = at + 1;

        if (!is_member && js_is(typeorm_token(&reading, at), "class") && read_class(&reading, at, &class, &behind)) {
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

/* What TypeORM does by itself before the first migration that needs it: for a table of view definitions
 * (RdbmsSchemaBuilder.createMetadataTableIfNecessary) and for UUIDs (PostgresDriver.enableExtensions). */
static void make_prelude(
    struct import_history *history, const char *needed, const char *made, const char *sql, const char *what)
{
    for (size_t i = 0; i < history->changes.count; i++) {
        struct import_change *change = &history->changes.items[i];

        if (change->up.text.len && strstr(change->up.text.data, made))
            return;
        if (!change->up.text.len || !strstr(change->up.text.data, needed))
            continue;
        change->up.text = str_from(arena_printf(history->arena, "%s%.*s", sql, STR_ARG(change->up.text)));
        import_note(history, change->up.file->path, change->up.line,
            "needs %s, which TypeORM makes by itself: the migration begins with it", what);
        return;
    }
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
            error_set(
                error, EXIT_STATUS_SPEC, "'%s' and '%s' both have '%s'", twin->path, found->path, found->change.name);
            return error_help(error, "TypeORM refuses that too: name the folder with the sources alone");
        }
        VEC_PUSH(history->arena, &history->changes, found->change);
    }
    make_prelude(history, "\"typeorm_metadata\"", "CREATE TABLE \"typeorm_metadata\"",
        "CREATE TABLE IF NOT EXISTS \"typeorm_metadata\" (\"type\" varchar NOT NULL, \"database\" varchar, \"schema\" "
        "varchar, "
        "\"table\" varchar, \"name\" varchar, \"value\" text);\n",
        "the table typeorm_metadata");
    make_prelude(history, "uuid_generate_v4()", "uuid-ossp", "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";\n",
        "the extension uuid-ossp");
    return true;
}
