/*
 * The importers over any bytes: the first says which tool, then files, each a line with its name and its text up to a
 * line "====". What comes out must be a project file that reads as YAML without an error, with unique ids, whose files
 * all stand below its folder.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/import/import.h"
#include "compiler/value.h"
#include "compiler/yaml.h"
#include "spec/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return false;
    return len > 0 && len < 200 && utf8_invalid_at(name, len) == len;
}

static bool ends_with_any(const char *name, const char *const *endings)
{
    for (; *endings; endings++)
        if (str_ends_with(str_from(name), *endings))
            return true;
    return false;
}

/* Only what the folder's reader gives: names of the tool's files. */
static void add_files(struct import_source *source, struct str text)
{
    static const char *const endings[] = {
        ".sql", ".go", ".conf", ".java", ".kt", ".class", ".plan", ".ts", ".js", NULL};
    struct map names;

    map_init(&names, source->arena);
    while (text.len) {
        const char *line_end = memchr(text.data, '\n', text.len), *end;
        const char *name =
            arena_strndup(source->arena, text.data, line_end ? (size_t)(line_end - text.data) : text.len);
        size_t name_len = line_end ? (size_t)(line_end + 1 - text.data) : text.len;
        struct str rest = {text.data + name_len, text.len - name_len};
        struct str body = rest;

        text = (struct str){rest.data + rest.len, 0};
        for (end = rest.data; (end = rest.len ? memchr(end, '=', (size_t)(rest.data + rest.len - end)) : NULL); end++)
            if ((size_t)(rest.data + rest.len - end) >= 5 && memcmp(end, "====\n", 5) == 0) {
                body.len = (size_t)(end - rest.data);
                text = (struct str){end + 5, (size_t)(rest.data + rest.len - end) - 5};
                break;
            }
        if (is_name(name) && ends_with_any(name, endings) && !map_put(&names, str_from(name), source))
            import_source_add(source, name, body);
    }
    import_source_sort(source);
}

static void look_at(struct arena *arena, const struct import_output *output, const struct import_history *history)
{
    const struct import_text *project = &output->files.items[output->files.count - 1];
    struct diag_list diags;
    const struct node *root, *list;
    struct map ids;

    diag_list_init(&diags, arena);
    map_init(&ids, arena);
    root = yaml_read(arena, source_create(arena, project->path, project->text), &diags);
    require(root && diags.error_count == 0);
    list = node_get(root, "migrations");
    require(list && list->count == history->changes.count);
    for (size_t i = 0; i < list->count; i++) {
        struct str id = node_text(node_get(list->items[i], "id"));

        require(value_is_id(id) && str_is(id, history->changes.items[i].id));
        require(!map_put(&ids, id, (void *)(uintptr_t)1));
    }
    for (size_t i = 0; i + 1 < output->files.count; i++) {
        const char *path = output->files.items[i].path;

        require(path[0] != '/' && !strstr(path, "../") && strchr(path, '/') == strrchr(path, '/'));
        require(utf8_invalid_at(output->files.items[i].text.data, output->files.items[i].text.len) ==
                output->files.items[i].text.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct import_settings settings = {.file = "migrations.yaml", .target = "db"};
    struct arena arena = ARENA_INIT;
    struct import_source source = {.arena = &arena, .shown = "in"};
    struct import_history history;
    struct import_output output;
    struct strbuf report = STRBUF_INIT;
    struct error error = {0};

    if (size < 1)
        return 0;
    add_files(&source, str_copy(&arena, (struct str){(const char *)data + 1, size - 1}));
    if (import_history_read(&history, &source, (enum import_tool)(data[0] % IMPORT_TOOL_COUNT), &error)) {
        import_output_make(&output, &history, &settings);
        look_at(&arena, &output, &history);
        import_report_print(&history, &output, "migrations.yaml", &report);
    } else {
        require(error.message[0] != '\0' && error.exit_status != 0);
    }
    strbuf_free(&report);
    arena_free(&arena);
    return 0;
}
