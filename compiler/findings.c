#include "compiler/findings.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/json.h"

bool findings_format_from_name(const char *name, enum findings_format *out)
{
    static const char *const names[] = {
        [FINDINGS_TEXT] = "text", [FINDINGS_JSON] = "json", [FINDINGS_GITHUB] = "github"};

    *out = FINDINGS_TEXT;
    if (!name)
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum findings_format)i;
            return true;
        }
    }
    return false;
}

static const char *full_path(struct arena *arena, const char *folder, const char *path)
{
    return *folder && strcmp(folder, ".") != 0 ? arena_printf(arena, "%s/%s", folder, path) : path;
}

/* --- text ----------------------------------------------------------------------------------------------------- */

static void print_text(const struct diag_list *list, struct strbuf *out)
{
    diag_list_print(list, out);
    if (list->error_count || list->warning_count) {
        if (list->error_count)
            strbuf_printf(out, "%zu error%s", list->error_count, list->error_count == 1 ? "" : "s");
        if (list->warning_count)
            strbuf_printf(out, "%s%zu warning%s", list->error_count ? ", " : "", list->warning_count,
                list->warning_count == 1 ? "" : "s");
        strbuf_append_char(out, '\n');
    }
}

/* --- JSON ----------------------------------------------------------------------------------------------------- */

static void set_place(struct arena *arena, struct json *json, struct span span, const char *folder)
{
    struct location start, end;

    if (!span.source)
        return;
    start = source_locate(span.source, span.start);
    end = source_locate(span.source, span.end);
    json_set_text(arena, json, "path", full_path(arena, folder, span.source->path));
    json_set_integer(arena, json, "line", (int64_t)start.line);
    json_set_integer(arena, json, "column", (int64_t)start.column);
    json_set_integer(arena, json, "end_line", (int64_t)end.line);
    json_set_integer(arena, json, "end_column", (int64_t)end.column);
}

static struct json *finding_json(struct arena *arena, const struct diag *diag, const char *folder)
{
    struct json *json = json_new(arena, JSON_OBJECT), *notes = json_new(arena, JSON_ARRAY);
    struct json *help = json_new(arena, JSON_ARRAY);

    json_set_text(arena, json, "code", diag->code->name);
    json_set_text(arena, json, "severity", diag_severity_name(diag->severity));
    json_set_text(arena, json, "title", diag->code->title);
    set_place(arena, json, diag->span, folder);
    json_set_text(arena, json, "message", diag->message);
    for (size_t i = 0; i < diag->notes.count; i++) {
        struct json *note = json_new(arena, JSON_OBJECT);

        set_place(arena, note, diag->notes.items[i].span, folder);
        json_set_text(arena, note, "message", diag->notes.items[i].text);
        json_append(notes, note);
    }
    for (size_t i = 0; i < diag->help.count; i++)
        json_append(help, json_new_text(arena, diag->help.items[i]));
    json_set(arena, json, "notes", notes);
    json_set(arena, json, "help", help);
    return json;
}

static void print_json(const struct diag_list *list, const char *folder, struct strbuf *out)
{
    struct arena arena = ARENA_INIT;
    struct json *json = json_new(&arena, JSON_OBJECT), *findings = json_new(&arena, JSON_ARRAY);

    for (size_t i = 0; i < list->items.count; i++)
        json_append(findings, finding_json(&arena, list->items.items[i], folder));
    json_set_integer(&arena, json, "errors", (int64_t)list->error_count);
    json_set_integer(&arena, json, "warnings", (int64_t)list->warning_count);
    json_set(&arena, json, "findings", findings);
    json_write_pretty(out, json);
    strbuf_append_char(out, '\n');
    arena_free(&arena);
}

/* --- GitHub's workflow commands ------------------------------------------------------------------------------- */

/* '%' and line ends would end the command; in properties ':' and ',' would too. */
static void append_escaped(struct strbuf *out, const char *text, bool property)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7F || c == '%' || (property && (c == ':' || c == ',')))
            strbuf_printf(out, "%%%02X", c);
        else
            strbuf_append_char(out, (char)c);
    }
}

static void print_github(const struct diag *diag, const char *folder, struct strbuf *out)
{
    static const char *const commands[] = {
        [DIAG_SEVERITY_ERROR] = "error", [DIAG_SEVERITY_WARNING] = "warning", [DIAG_SEVERITY_INFO] = "notice"};
    struct arena arena = ARENA_INIT;

    strbuf_printf(out, "::%s ", commands[diag->severity]);
    if (diag->span.source) {
        struct location start = source_locate(diag->span.source, diag->span.start);
        struct location end = source_locate(diag->span.source, diag->span.end);

        strbuf_append_text(out, "file=");
        append_escaped(out, full_path(&arena, folder, diag->span.source->path), true);
        strbuf_printf(out, ",line=%zu,endLine=%zu,col=%zu", start.line, end.line, start.column);
        if (start.line == end.line && end.column > start.column)
            strbuf_printf(out, ",endColumn=%zu", end.column);
        strbuf_append_char(out, ',');
    }
    strbuf_append_text(out, "title=");
    append_escaped(out, arena_printf(&arena, "%s: %s", diag->code->name, diag->code->title), true);
    strbuf_append_text(out, "::");
    append_escaped(out, diag->message, false);
    for (size_t i = 0; i < diag->help.count; i++)
        append_escaped(out, arena_printf(&arena, "\nhelp: %s", diag->help.items[i]), false);
    strbuf_append_char(out, '\n');
    arena_free(&arena);
}

void findings_print(const struct diag_list *list, enum findings_format format, const char *folder, struct strbuf *out)
{
    switch (format) {
    case FINDINGS_TEXT:
        print_text(list, out);
        break;
    case FINDINGS_JSON:
        print_json(list, folder, out);
        break;
    case FINDINGS_GITHUB:
        for (size_t i = 0; i < list->items.count; i++)
            print_github(list->items.items[i], folder, out);
        break;
    }
}
