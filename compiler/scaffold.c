#include "compiler/scaffold.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compiler/load.h"
#include "compiler/value.h"
#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/exit.h"

struct scaffolding {
    struct arena *arena;
    const struct scaffold_request *request;
    const struct project *project;
    const char *target;
    struct error *error;
    struct scaffold *out;
};

static const char *join(struct arena *arena, const char *folder, const char *path)
{
    return strcmp(folder, ".") == 0 ? path : arena_printf(arena, "%s/%s", folder, path);
}

/* --- what the migration is called --------------------------------------------------------------------------------- */

/* The name as it could be: blanks and what else cannot stand in an id as '-'. */
static const char *fitting_name(struct arena *arena, const char *name)
{
    char *out = arena_strdup(arena, name), *end = out;

    for (const char *c = name; *c; c++) {
        bool good =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-_.", *c);

        if (good)
            *end++ = *c;
        else if (end > out && end[-1] != '-')
            *end++ = '-';
    }
    while (end > out && end[-1] == '-')
        end--;
    *end = '\0';
    return out;
}

static bool choose_id(struct scaffolding *scaffolding)
{
    const struct scaffold_request *request = scaffolding->request;
    struct arena *arena = scaffolding->arena;
    const char *fitting;

    if (!request->id == !request->name) {
        return error_set(
            scaffolding->error, EXIT_STATUS_USAGE, "new needs NAME or --id ID%s", request->id ? ", not both" : "");
    } else if (request->id) {
        scaffolding->out->id = request->id;
    } else if (!value_is_id(str_from(arena_printf(arena, "1-%s", request->name)))) {
        error_set(scaffolding->error, EXIT_STATUS_USAGE, "'%.100s' cannot be part of a migration's id", request->name);
        fitting = fitting_name(arena, request->name);
        return error_help(scaffolding->error, "%s%s", "letters, digits, '-', '_' and '.' can",
            *fitting && strlen(fitting) < 100 ? arena_printf(arena, ": `invplan new %s`", fitting) : "");
    } else {
        scaffolding->out->id =
            arena_printf(arena, "%lld-%s", (long long)request->clock.now_ms(request->clock.context), request->name);
    }
    if (!value_is_id(str_from(scaffolding->out->id)))
        return error_set(scaffolding->error, EXIT_STATUS_USAGE, "'%.100s' is no id: letters, digits, '-', '_' and '.'",
            scaffolding->out->id);
    for (size_t i = 0; i < scaffolding->project->migrations.count; i++)
        if (strcmp(scaffolding->project->migrations.items[i].id, scaffolding->out->id) == 0)
            return error_set(
                scaffolding->error, EXIT_STATUS_USAGE, "there is a migration '%s' already", scaffolding->out->id);
    return true;
}

static bool choose_target(struct scaffolding *scaffolding)
{
    const struct project *project = scaffolding->project;
    const char **names = ARENA_ARRAY(scaffolding->arena, const char *, project->targets.count);
    const char *list = "", *meant, *wanted = scaffolding->request->target;

    for (size_t i = 0; i < project->targets.count; i++) {
        names[i] = project->targets.items[i].name;
        list = arena_printf(scaffolding->arena, "%s%s'%s'", list, i ? ", " : "", names[i]);
        if (wanted && strcmp(names[i], wanted) == 0)
            scaffolding->target = names[i];
    }
    if (!wanted && project->targets.count == 1)
        scaffolding->target = names[0];
    if (scaffolding->target)
        return true;
    if (!wanted) {
        error_set(scaffolding->error, EXIT_STATUS_USAGE, "the project has several targets");
        return error_help(scaffolding->error, "say which with --target: it has %s", list);
    }
    error_set(scaffolding->error, EXIT_STATUS_USAGE, "the project has no target '%.100s'", wanted);
    meant = str_did_you_mean(str_from(wanted), names, project->targets.count);
    return meant ? error_help(scaffolding->error, "did you mean '%s'?", meant)
                 : error_help(scaffolding->error, "it has %s", list);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void append_item(struct strbuf *out, const struct scaffolding *scaffolding, size_t indent, const char *line_end)
{
    const char *lines[] = {
        arena_printf(scaffolding->arena, "- id: %s", scaffolding->out->id),
        arena_printf(scaffolding->arena, "  target: %s", scaffolding->target),
        "  steps:",
        "    - # add_column, create_index, backfill, sql, …: docs/language.md lists the steps",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        strbuf_printf(out, "%*s%s%s", (int)indent, "", lines[i], line_end);
}

/* Behind the last byte of the node that is neither blank nor comment. */
static size_t content_end(const struct node *node)
{
    struct str text = node->span.source->text;
    size_t end = node->span.end;

    if (node->kind != NODE_SCALAR && node->count && text.data[node->span.start] != '[' &&
        text.data[node->span.start] != '{')
        return content_end(
            node->kind == NODE_SEQUENCE ? node->items[node->count - 1] : node->members[node->count - 1].value);
    while (end > node->span.start && strchr(" \t\r\n", text.data[end - 1]))
        end--;
    return end;
}

/* Behind the line end of the line that `at` is in; the text's end where it has none. */
static size_t line_end_behind(struct str text, size_t at)
{
    const char *end = memchr(text.data + at, '\n', text.len - at);

    return end ? (size_t)(end - text.data) + 1 : text.len;
}

static size_t column_of(struct str text, size_t at)
{
    size_t start = at;

    while (start > 0 && text.data[start - 1] != '\n')
        start--;
    return at - start;
}

static bool refuse(struct scaffolding *scaffolding, const char *why)
{
    error_set(scaffolding->error, EXIT_STATUS_SPEC, "'%s' %s", scaffolding->out->path, why);
    return error_help(
        scaffolding->error, "write `migrations:` with its items on lines of their own, each behind a '-'");
}

/* Where the item goes, how far it is indented, and how many bytes there it replaces. */
static bool find_place(struct scaffolding *scaffolding, const struct node *root, struct str text, size_t *at,
    size_t *cut, size_t *indent, bool *key)
{
    const struct node *list = node_get(root, "migrations");

    *cut = 0;
    *key = false;
    *indent = 2;
    if (!list) {
        if (text.len && text.data[root->span.start] == '{')
            return refuse(scaffolding, "is written in braces");
        *at = text.len;
        *key = true;
        return true;
    }
    if (list->kind == NODE_SEQUENCE && list->count && text.data[list->span.start] == '-') {
        *indent = column_of(text, list->span.start);
        *at = line_end_behind(text, content_end(list));
        return true;
    }
    if (list->kind == NODE_SEQUENCE && list->count == 0) { /* [] makes room */
        *at = list->span.start;
        *cut = list->span.end - list->span.start;
        return text.data[list->span.start] == '[' || refuse(scaffolding, "has migrations of another form");
    }
    return refuse(scaffolding, "has its migrations in brackets");
}

/* The text with the item in it. */
static bool insert(struct scaffolding *scaffolding, const struct node *root, struct str text, struct strbuf *out)
{
    const char *newline = memchr(text.data, '\n', text.len);
    const char *line_end = newline && newline > text.data && newline[-1] == '\r' ? "\r\n" : "\n";
    size_t at = 0, cut = 0, indent = 0;
    bool key;

    if (!find_place(scaffolding, root, text, &at, &cut, &indent, &key))
        return false;
    strbuf_append(out, text.data, at);
    while (cut && out->len && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
    if (cut || (out->len && out->data[out->len - 1] != '\n'))
        strbuf_append_text(out, line_end);
    if (key)
        strbuf_printf(out, "migrations:%s", line_end);
    scaffolding->out->line = 1;
    for (size_t i = 0; i < out->len; i++)
        scaffolding->out->line += out->data[i] == '\n';
    append_item(out, scaffolding, indent, line_end);
    at += cut;
    if (cut && at < text.len && text.data[at] == '\r')
        at++;
    if (cut && at < text.len && text.data[at] == '\n')
        at++;
    strbuf_append(out, text.data + at, text.len - at);
    return true;
}

static struct node *read_yaml(struct arena *arena, const char *path, struct str text, struct diag_list *diags)
{
    diag_list_init(diags, arena);
    return yaml_read(arena, source_create(arena, path, text), diags);
}

/* --- which file --------------------------------------------------------------------------------------------------- */

static size_t count_migrations(const struct node *root)
{
    const struct node *list = node_get(root, "migrations");

    return list && list->kind == NODE_SEQUENCE ? list->count : 0;
}

/* Appends to a file that is there. */
static bool append_to(struct scaffolding *scaffolding, const char *path)
{
    struct strbuf made = STRBUF_INIT;
    struct diag_list diags;
    struct node *before, *after;
    const struct node *last;
    struct str text;
    bool ok;

    scaffolding->out->path = join(scaffolding->arena, scaffolding->project->root, path);
    if (!file_read(
            scaffolding->arena, scaffolding->out->path, YAML_SIZE_MAX_BYTES, EXIT_STATUS_IO, &text, scaffolding->error))
        return false;
    before = read_yaml(scaffolding->arena, path, text, &diags);
    if (!before || diags.error_count || before->kind != NODE_MAPPING)
        return refuse(scaffolding, "is no mapping");
    ok = insert(scaffolding, before, text, &made);
    scaffolding->out->text = strbuf_copy(&made, scaffolding->arena);
    strbuf_free(&made);
    if (!ok)
        return false;
    after = read_yaml(scaffolding->arena, path, scaffolding->out->text, &diags);
    if (!after || diags.error_count || count_migrations(after) != count_migrations(before) + 1)
        return refuse(scaffolding, "takes no further migration at its end");
    last = node_get(after, "migrations");
    return str_is(node_text(node_get(last->items[last->count - 1], "id")), scaffolding->out->id) ||
           refuse(scaffolding, "takes no further migration at its end");
}

/* "migrations/" and ".yaml" of "migrations/STAR.yaml"; false where the star is elsewhere, or not alone. */
static bool split_pattern(struct str pattern, struct str *before, struct str *behind)
{
    const char *star = memchr(pattern.data, '*', pattern.len);

    if (!star)
        return false;
    *before = (struct str){pattern.data, (size_t)(star - pattern.data)};
    *behind = (struct str){star + 1, pattern.len - before->len - 1};
    return !memchr(behind->data, '*', behind->len) && !memchr(behind->data, '/', behind->len);
}

/* A file of its own, where the last pattern takes it as the last one. *done says whether. */
static bool make_file(struct scaffolding *scaffolding, const struct node *root, bool *done)
{
    const struct node *include = node_get(root, "include");
    const struct project *project = scaffolding->project;
    struct arena *arena = scaffolding->arena;
    struct str before, behind;
    struct strbuf text = STRBUF_INIT;
    const char *path;

    *done = false;
    if (!include || include->kind != NODE_SEQUENCE || !include->count ||
        !split_pattern(node_text(include->items[include->count - 1]), &before, &behind))
        return true;
    path = arena_printf(arena, "%.*s%s%.*s", STR_ARG(before), scaffolding->out->id, STR_ARG(behind));
    for (size_t i = 1; i < project->inputs.count; i++) {
        struct str other = str_from(project->inputs.items[i].path);
        bool is_of_pattern = other.len >= before.len && memcmp(other.data, before.data, before.len) == 0;

        if (is_of_pattern && strcmp(project->inputs.items[i].path, path) >= 0)
            return true;
    }
    scaffolding->out->path = join(arena, project->root, path);
    if (access(scaffolding->out->path, F_OK) == 0)
        return error_set(scaffolding->error, EXIT_STATUS_IO, "'%s' is there already", scaffolding->out->path);
    strbuf_append_text(&text, "invplan: 1\nmigrations:\n");
    append_item(&text, scaffolding, 2, "\n");
    scaffolding->out->text = strbuf_copy(&text, arena);
    scaffolding->out->line = 3;
    scaffolding->out->is_new = true;
    strbuf_free(&text);
    *done = true;
    return true;
}

static bool load(struct scaffolding *scaffolding, struct diag_list *diags)
{
    struct strbuf shown = STRBUF_INIT;

    diag_list_init(diags, scaffolding->arena);
    scaffolding->project = project_load(scaffolding->arena, scaffolding->request->file, diags, scaffolding->error);
    if (!scaffolding->project)
        return false;
    if (!diags->error_count)
        return true;
    diag_list_sort(diags);
    diag_list_print(diags, &shown);
    fputs(shown.data, stderr);
    strbuf_free(&shown);
    return error_set(scaffolding->error, EXIT_STATUS_SPEC,
        "the project has errors, and nothing is added to it until they are mended");
}

bool scaffold_make(
    struct arena *arena, const struct scaffold_request *request, struct scaffold *out, struct error *error)
{
    struct scaffolding scaffolding = {.arena = arena, .request = request, .error = error, .out = out};
    struct diag_list diags;
    const char *main_path, *last;
    struct node *root;
    struct str text;
    bool done;

    *out = (struct scaffold){0};
    if (!load(&scaffolding, &diags) || !choose_target(&scaffolding) || !choose_id(&scaffolding))
        return false;
    main_path = scaffolding.project->inputs.items[0].path;
    last = scaffolding.project->inputs.items[scaffolding.project->inputs.count - 1].path;
    if (!file_read(arena, request->file, YAML_SIZE_MAX_BYTES, EXIT_STATUS_IO, &text, error))
        return false;
    root = read_yaml(arena, main_path, text, &diags);
    if (!root)
        return error_set(error, EXIT_STATUS_SPEC, "'%s' holds nothing", request->file);
    if (!make_file(&scaffolding, root, &done))
        return false;
    return done || append_to(&scaffolding, last);
}
