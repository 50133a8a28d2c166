/* migrations.yaml and the SQL files beside it, from a history. */
#define _XOPEN_SOURCE 700 /* realpath() */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler/import/reader.h"
#include "compiler/write.h"
#include "compiler/yaml.h"
#include "spec/base/arena.h"
#include "spec/base/file.h"
#include "spec/exit.h"

struct writer {
    struct arena *arena;
    struct import_output *output;
    const struct import_history *history;
    const struct import_settings *settings;
    const char *inner;  /* the history's folder seen from the project's; NULL: it is not inside */
    const char *folder; /* where copies go */
    struct strbuf yaml;
};

/* --- YAML --------------------------------------------------------------------------------------------------------- */

/* Whether the text can stand in a flow mapping without quotes and is read as a text. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {
        "true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL", NULL};
    bool letter = false;

    for (size_t i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return false;
    if (!*text || strchr("-.", *text))
        return false;
    for (const char *c = text; *c; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';

        letter |= is_letter;
        if (!is_letter && !(*c >= '0' && *c <= '9') && !strchr("-./", *c))
            return false;
    }
    return letter;
}

static void append_scalar(struct strbuf *out, const char *text)
{
    if (is_plain(text)) {
        strbuf_append_text(out, text);
        return;
    }
    strbuf_append_char(out, '"');
    for (size_t len; *text; text += len) {
        unsigned code_point;
        bool allowed = yaml_is_allowed(text, &code_point, &len);

        if (code_point == '"' || code_point == '\\')
            strbuf_append_char(out, '\\');
        if (!allowed || code_point < 0x20)
            strbuf_printf(out, "\\u%04X", code_point);
        else
            strbuf_append(out, text, len);
    }
    strbuf_append_char(out, '"');
}

/* --- SQL files ---------------------------------------------------------------------------------------------------- */

static void set_places(struct writer *writer)
{
    const char *root = writer->settings->root, *real = writer->history->source->real;
    size_t len = root ? strlen(root) : 0;

    writer->folder = "migrations";
    if (!root || !real)
        return;
    if (strcmp(root, "/") == 0)
        len = 0;
    if (strncmp(real, root, len) != 0 || (real[len] != '/' && real[len] != '\0'))
        return;
    writer->inner = real[len] ? real + len + 1 : "";
    /* A copy never takes the place of a file that it is a copy of. */
    if (strcmp(writer->inner, "migrations") == 0 || *writer->inner == '\0' ||
        strncmp(writer->inner, "migrations/", sizeof("migrations/") - 1) == 0)
        writer->folder = "imported";
}

/* A path that can stand in the project file as it is. */
static bool is_good_path(const char *path)
{
    return !strstr(path, "${") && !strstr(path, "..") && !strchr(path, '\\') && *path != ' ' &&
           path[strlen(path) - 1] != ' ';
}

/* Where the script is read from: the tool's own file, where it stands in the project and needs no change, or a copy. */
static const char *place_script(
    struct writer *writer, const struct import_change *change, const struct import_script *script, const char *ending)
{
    struct arena *arena = writer->arena;
    struct import_text file;

    if (script->is_whole && writer->inner) {
        const char *path =
            *writer->inner ? arena_printf(arena, "%s/%s", writer->inner, script->file->path) : script->file->path;

        if (is_good_path(path)) {
            writer->output->referenced++;
            return path;
        }
    }
    file.path = arena_printf(arena, "%s/%s.%s.sql", writer->folder, change->id, ending);
    file.text = script->text;
    if (file.text.len && file.text.data[file.text.len - 1] != '\n')
        file.text = str_from(arena_printf(arena, "%.*s\n", STR_ARG(file.text)));
    VEC_PUSH(arena, &writer->output->files, file);
    return file.path;
}

/* --- the project file --------------------------------------------------------------------------------------------- */

static void append_step(struct writer *writer, const struct import_change *change)
{
    struct strbuf *yaml = &writer->yaml;

    strbuf_append_text(yaml, "      - sql: { file: ");
    append_scalar(yaml, place_script(writer, change, &change->up, "up"));
    if (change->down.file) {
        strbuf_append_text(yaml, ", down_file: ");
        append_scalar(yaml, place_script(writer, change, &change->down, "down"));
    }
    strbuf_append_text(yaml, " }\n");
    if (!change->verify.file)
        return;
    strbuf_append_text(yaml, "      - name: verify\n        sql: { file: ");
    append_scalar(yaml, place_script(writer, change, &change->verify, "verify"));
    strbuf_append_text(yaml, " }\n");
}

static void append_change(struct writer *writer, const struct import_change *change)
{
    struct strbuf *yaml = &writer->yaml;

    strbuf_append_text(yaml, "  - id: ");
    append_scalar(yaml, change->id);
    strbuf_append_char(yaml, '\n');
    if (change->description) {
        strbuf_append_text(yaml, "    description: ");
        append_scalar(yaml, change->description);
        strbuf_append_char(yaml, '\n');
    }
    strbuf_append_text(yaml, "    target: ");
    append_scalar(yaml, writer->settings->target);
    strbuf_append_char(yaml, '\n');
    for (size_t i = 0; i < change->after.count; i++) {
        strbuf_append_text(yaml, i ? ", " : "    after: [");
        append_scalar(yaml, change->after.items[i]);
    }
    strbuf_append_text(yaml, change->after.count ? "]\n    steps:\n" : "    steps:\n");
    append_step(writer, change);
}

static void append_header(struct writer *writer)
{
    struct strbuf *yaml = &writer->yaml;
    const char *project = writer->settings->project;

    if (!project)
        project = writer->history->project ? writer->history->project : "imported";
    strbuf_printf(yaml, "# Imported from %s.\ninvplan: 1\nproject: ", import_tool_name(writer->history->tool));
    append_scalar(yaml, project);
    strbuf_append_text(yaml, "\ntargets:\n  ");
    append_scalar(yaml, writer->settings->target);
    strbuf_printf(yaml, ": { engine: postgres%s }\nenvironments:\n  local:\n    targets:\n      ",
        writer->history->tool == IMPORT_TYPEORM ? ", typeorm_table: migrations" : "");
    append_scalar(yaml, writer->settings->target);
    strbuf_append_text(yaml, ": { url: \"${env:DATABASE_URL}\" }\nmigrations:\n");
}

void import_output_make(
    struct import_output *output, const struct import_history *history, const struct import_settings *settings)
{
    struct writer writer = {.arena = history->arena, .output = output, .history = history, .settings = settings};
    struct import_text file = {.path = import_base_name(settings->file)};

    *output = (struct import_output){0};
    set_places(&writer);
    append_header(&writer);
    for (size_t i = 0; i < history->changes.count; i++)
        append_change(&writer, &history->changes.items[i]);
    file.text = strbuf_copy(&writer.yaml, history->arena);
    VEC_PUSH(history->arena, &output->files, file);
    strbuf_free(&writer.yaml);
}

/* Below the project's folder. */
static const char *below(struct arena *arena, const char *folder, const char *path)
{
    return strcmp(folder, ".") == 0 ? path : arena_printf(arena, "%s/%s", folder, path);
}

/* --- onto disk ---------------------------------------------------------------------------------------------------- */

static bool check_folder(struct arena *arena, const char *folder, const char *path, struct error *error)
{
    const char *slash = strchr(path, '/');
    const char *inner = slash ? below(arena, folder, arena_strndup(arena, path, (size_t)(slash - path))) : NULL;
    struct stat status;

    if (!inner || lstat(inner, &status) != 0 || S_ISDIR(status.st_mode))
        return true;
    error_set(error, EXIT_STATUS_IO, "'%s' is no folder", inner);
    return error_help(error,
        S_ISLNK(status.st_mode) ? "nothing is written through a symbolic link: put a folder there" : "move it away");
}

static bool check_file(struct arena *arena, const char *path, struct str text, struct error *error)
{
    struct stat status;
    struct str there;

    if (lstat(path, &status) != 0)
        return errno == ENOENT || error_set(error, EXIT_STATUS_IO, "cannot look at '%s': %s", path, strerror(errno));
    if (S_ISREG(status.st_mode) && (size_t)status.st_size == text.len) {
        if (!file_read(arena, path, text.len, EXIT_STATUS_IO, &there, error))
            return false;
        if (str_equal(there, text))
            return true;
    }
    error_set(error, EXIT_STATUS_IO, "'%s' is there already, with another content", path);
    return error_help(error, "say --force to replace it, or another file with --output");
}

bool import_output_write(
    struct arena *arena, const struct import_output *output, const char *folder, bool force, struct error *error)
{
    for (size_t i = 0; i < output->files.count; i++) {
        const struct import_text *file = &output->files.items[i];

        if (!check_folder(arena, folder, file->path, error))
            return false;
        if (!force && !check_file(arena, below(arena, folder, file->path), file->text, error))
            return false;
    }
    for (size_t i = 0; i < output->files.count; i++) {
        const struct import_text *file = &output->files.items[i];
        bool changed;

        if (!write_plan_file(arena, below(arena, folder, file->path), file->text, &changed, error))
            return false;
    }
    return true;
}

/* --- the report --------------------------------------------------------------------------------------------------- */

static void print_findings(const struct import_history *history, bool is_open, struct strbuf *out)
{
    for (size_t i = 0; i < history->findings.count; i++) {
        const struct import_finding *finding = &history->findings.items[i];

        if (finding->is_open != is_open)
            continue;
        strbuf_append_text(out, "  ");
        if (finding->path && strcmp(history->source->shown, ".") != 0)
            strbuf_printf(out, "%s/", history->source->shown);
        if (finding->path)
            strbuf_append_text(out, finding->path);
        if (finding->path && finding->line)
            strbuf_printf(out, ":%zu", finding->line);
        strbuf_printf(out, "%s%s\n", finding->path ? ": " : "", finding->text);
    }
}

void import_report_print(
    const struct import_history *history, const struct import_output *output, const char *file, struct strbuf *out)
{
    size_t undone = 0, notes = history->findings.count - history->open_count;

    for (size_t i = 0; i < history->changes.count; i++)
        undone += history->changes.items[i].down.file != NULL;
    strbuf_printf(out,
        "%s written: %zu migrations of %s, %zu of them with SQL that undoes them; %zu SQL files copied, %zu used where "
        "they stand\n",
        file, history->changes.count, import_tool_name(history->tool), undone, output->files.count - 1,
        output->referenced);
    if (history->open_count) {
        strbuf_append_text(out, "\nfor a person to do:\n");
        print_findings(history, true, out);
    }
    if (notes) {
        strbuf_append_text(out, "\nto know:\n");
        print_findings(history, false, out);
    }
    strbuf_append_text(out, "\nnext: `invplan compile --all`\n");
}
