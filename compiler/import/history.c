/* The parts of a history that do not depend on the tool. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/import/reader.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

static const char *const tool_names[IMPORT_TOOL_COUNT] = {
    [IMPORT_GOLANG_MIGRATE] = "golang-migrate",
    [IMPORT_DBMATE] = "dbmate",
    [IMPORT_FLYWAY] = "flyway",
    [IMPORT_SQITCH] = "sqitch",
    [IMPORT_TYPEORM] = "typeorm",
};

const char *import_tool_name(enum import_tool tool)
{
    return tool_names[tool];
}

bool import_tool_from_name(const char *name, enum import_tool *out, struct error *error)
{
    const char *meant;

    for (size_t i = 0; i < IMPORT_TOOL_COUNT; i++)
        if (strcmp(name, tool_names[i]) == 0) {
            *out = (enum import_tool)i;
            return true;
        }
    error_set(error, EXIT_STATUS_USAGE, "there is no import from '%s'", name);
    meant = str_did_you_mean(str_from(name), tool_names, IMPORT_TOOL_COUNT);
    if (meant)
        return error_help(error, "did you mean '%s'?", meant);
    return error_help(error, "there are golang-migrate, dbmate, flyway, sqitch and typeorm");
}

static void add_finding(struct import_history *history, bool is_open, const char *path, size_t line, const char *text)
{
    struct import_finding finding = {is_open, path, line, text};

    VEC_PUSH(history->arena, &history->findings, finding);
    history->open_count += is_open;
}

void import_note(struct import_history *history, const char *path, size_t line, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    add_finding(history, false, path, line, arena_vprintf(history->arena, format, ap));
    va_end(ap);
}

void import_open(struct import_history *history, const char *path, size_t line, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    add_finding(history, true, path, line, arena_vprintf(history->arena, format, ap));
    va_end(ap);
}

static int compare_files(const void *left, const void *right)
{
    return strcmp(((const struct import_file *)left)->path, ((const struct import_file *)right)->path);
}

void import_source_sort(struct import_source *source)
{
    if (source->files.count)
        qsort(source->files.items, source->files.count, sizeof(*source->files.items), compare_files);
}

const struct import_file *import_find(const struct import_source *source, const char *path)
{
    struct import_file key = {.path = path};

    if (!source->files.count)
        return NULL;
    return bsearch(&key, source->files.items, source->files.count, sizeof(key), compare_files);
}

const char *import_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

size_t import_line_at(struct str text, size_t offset)
{
    size_t line = 1;

    for (size_t i = 0; i < offset && i < text.len; i++)
        line += text.data[i] == '\n';
    return line;
}

bool import_next_line(struct str text, size_t *position, struct str *line)
{
    const char *end;

    if (*position >= text.len)
        return false;
    end = memchr(text.data + *position, '\n', text.len - *position);
    line->data = text.data + *position;
    line->len = end ? (size_t)(end - line->data) : text.len - *position;
    *position += line->len + 1;
    return true;
}

struct import_script import_script_of(const struct import_file *file)
{
    return (struct import_script){.file = file, .text = file->text, .line = 1, .is_whole = true};
}

static struct str without_zeros(struct str digits)
{
    while (digits.len > 1 && digits.data[0] == '0') {
        digits.data++;
        digits.len--;
    }
    return digits;
}

int import_compare_digits(struct str a, struct str b)
{
    a = without_zeros(a);
    b = without_zeros(b);
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return str_compare(a, b);
}

bool import_history_read(
    struct import_history *history, const struct import_source *source, enum import_tool tool, struct error *error)
{
    static bool (*const readers[IMPORT_TOOL_COUNT])(struct import_history *, struct error *) = {
        [IMPORT_GOLANG_MIGRATE] = import_read_golang_migrate,
        [IMPORT_DBMATE] = import_read_dbmate,
        [IMPORT_FLYWAY] = import_read_flyway,
        [IMPORT_SQITCH] = import_read_sqitch,
        [IMPORT_TYPEORM] = import_read_typeorm,
    };

    *history = (struct import_history){.arena = source->arena, .source = source, .tool = tool};
    if (!readers[tool](history, error))
        return false;
    if (!history->changes.count) {
        error_set(error, EXIT_STATUS_SPEC, "'%s' holds no migration of %s", source->shown, import_tool_name(tool));
        return error_help(error, "name the folder that %s is given", import_tool_name(tool));
    }
    import_settle(history);
    return true;
}
