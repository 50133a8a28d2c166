/* The tool's files, from disk: names and sizes are anybody's. */
#define _XOPEN_SOURCE 700 /* realpath() */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/import/reader.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

struct walk {
    struct import_source *source;
    enum import_tool tool;
    const char *folder; /* as opened */
    size_t total_bytes;
    struct error *error;
};

/* --- bytes to text ------------------------------------------------------------------------------------------------ */

static struct str normalise(struct arena *arena, struct str bytes)
{
    char *copy;
    size_t len = 0;

    if (str_starts_with(bytes, "\xEF\xBB\xBF"))
        bytes = (struct str){bytes.data + 3, bytes.len - 3};
    copy = arena_alloc(arena, bytes.len + 1);
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != '\r' || i + 1 == bytes.len || bytes.data[i + 1] != '\n')
            copy[len++] = bytes.data[i];
    return (struct str){copy, len};
}

static const char *text_problem(struct arena *arena, struct str bytes)
{
    size_t invalid = utf8_invalid_at(bytes.data, bytes.len);

    if (str_starts_with(bytes, "\xFF\xFE") || str_starts_with(bytes, "\xFE\xFF"))
        return "is UTF-16; save it as UTF-8";
    if (invalid < bytes.len)
        return arena_printf(arena, "is not UTF-8 (line %zu); save it as UTF-8", import_line_at(bytes, invalid));
    return bytes.len && memchr(bytes.data, '\0', bytes.len) ? "holds a NUL character" : NULL;
}

void import_source_add(struct import_source *source, const char *path, struct str bytes)
{
    struct import_file file = {.path = path, .text = STR("")};

    file.problem = text_problem(source->arena, bytes);
    if (!file.problem)
        file.text = normalise(source->arena, bytes);
    VEC_PUSH(source->arena, &source->files, file);
}

static void add_problem(struct import_source *source, const char *path, const char *problem)
{
    struct import_file file = {path, STR(""), problem};

    VEC_PUSH(source->arena, &source->files, file);
}

/* --- the folder --------------------------------------------------------------------------------------------------- */

static bool has_ending(const char *name, const char *const *endings)
{
    for (; *endings; endings++)
        if (str_ends_with(str_from(name), *endings))
            return true;
    return false;
}

/* Files that say something for the tool; others are none of its business. */
static bool is_wanted(enum import_tool tool, const char *name)
{
    static const char *const wanted[IMPORT_TOOL_COUNT][8] = {
        [IMPORT_GOLANG_MIGRATE] = {".sql", ".go", NULL},
        [IMPORT_DBMATE] = {".sql", NULL},
        [IMPORT_FLYWAY] = {".sql", ".sql.conf", ".java", ".kt", ".class", NULL},
        [IMPORT_SQITCH] = {".sql", ".plan", "sqitch.conf", NULL},
        [IMPORT_TYPEORM] = {".ts", ".js", ".mts", ".cts", ".mjs", ".cjs", NULL},
    };

    return has_ending(name, wanted[tool]);
}

static bool is_recursive(enum import_tool tool)
{
    return tool == IMPORT_FLYWAY || tool == IMPORT_SQITCH || tool == IMPORT_TYPEORM;
}

/* Names are shown, and become ids: control characters and bytes that are no UTF-8 are refused. */
static bool is_printable(const char *name)
{
    size_t len = strlen(name);

    if (utf8_invalid_at(name, len) < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return false;
    return true;
}

static bool read_bytes(struct walk *walk, int fd, size_t size, struct str *out)
{
    char *data = arena_alloc(walk->source->arena, size + 1);
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, data + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *out = (struct str){data, len};
    return true;
}

static bool read_one(struct walk *walk, const char *path)
{
    struct arena *arena = walk->source->arena;
    const char *full = arena_printf(arena, "%s/%s", walk->folder, path);
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    struct str bytes;
    bool ok = true;

    if (fd < 0 && errno == ELOOP) {
        add_problem(walk->source, path, "is a symbolic link, which is not followed");
        return true;
    }
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set(walk->error, EXIT_STATUS_IO, "cannot read '%s': %s", full, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        add_problem(walk->source, path, "is no regular file");
    } else if (status.st_size > IMPORT_FILE_MAX_BYTES) {
        add_problem(
            walk->source, path, arena_printf(arena, "is larger than %d MB", IMPORT_FILE_MAX_BYTES / (1024 * 1024)));
    } else if ((size_t)status.st_size > IMPORT_TOTAL_MAX_BYTES - walk->total_bytes) {
        ok = error_set(walk->error, EXIT_STATUS_SPEC, "'%s' holds more than %d MB", walk->folder,
            IMPORT_TOTAL_MAX_BYTES / (1024 * 1024));
    } else if (!read_bytes(walk, fd, (size_t)status.st_size, &bytes)) {
        ok = error_set(walk->error, EXIT_STATUS_IO, "cannot read '%s': %s", full, strerror(errno));
    } else {
        walk->total_bytes += bytes.len;
        import_source_add(walk->source, path, bytes);
    }
    close(fd);
    return ok;
}

static bool walk_folder(struct walk *walk, const char *inner, int depth);

static bool walk_entry(struct walk *walk, const char *path, const char *name, int depth)
{
    const char *full = arena_printf(walk->source->arena, "%s/%s", walk->folder, path);
    struct stat status;

    if (lstat(full, &status) != 0)
        return error_set(walk->error, EXIT_STATUS_IO, "cannot read '%s': %s", full, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return !is_recursive(walk->tool) || strcmp(name, "node_modules") == 0 || walk_folder(walk, path, depth + 1);
    if (!is_wanted(walk->tool, name))
        return true;
    if (walk->source->files.count >= IMPORT_FILES_MAX)
        return error_set(
            walk->error, EXIT_STATUS_SPEC, "'%s' holds more than %d files", walk->folder, IMPORT_FILES_MAX);
    if (!is_printable(name))
        return error_set(walk->error, EXIT_STATUS_SPEC,
            "a file below '%s' has a name that is not UTF-8, or has control characters in it", walk->folder);
    return read_one(walk, path);
}

/* inner: "" or a folder below. Hidden entries are left alone. */
static bool walk_folder(struct walk *walk, const char *inner, int depth)
{
    struct arena *arena = walk->source->arena;
    const char *full = *inner ? arena_printf(arena, "%s/%s", walk->folder, inner) : walk->folder;
    const struct dirent *entry;
    DIR *directory;
    bool ok = true;

    if (depth > IMPORT_DEPTH_MAX)
        return error_set(
            walk->error, EXIT_STATUS_SPEC, "folders below '%s' nest deeper than %d", walk->folder, IMPORT_DEPTH_MAX);
    directory = opendir(full);
    if (!directory)
        return error_set(walk->error, EXIT_STATUS_IO, "cannot read the folder '%s': %s", full, strerror(errno));
    while (ok && (entry = readdir(directory))) {
        const char *name = entry->d_name;

        if (name[0] != '.')
            ok = walk_entry(
                walk, *inner ? arena_printf(arena, "%s/%s", inner, name) : arena_strdup(arena, name), name, depth);
    }
    closedir(directory);
    return ok;
}

bool import_folder_read(struct import_source *source, enum import_tool tool, const char *path, struct error *error)
{
    struct walk walk = {.source = source, .tool = tool, .error = error};
    const char *folder = path;
    struct stat status;
    char *real;

    if (stat(path, &status) != 0)
        return error_set(error, EXIT_STATUS_IO, "cannot read '%s': %s", path, strerror(errno));
    if (tool == IMPORT_SQITCH && S_ISREG(status.st_mode)) {
        const char *slash = strrchr(path, '/');

        source->main_file = arena_strdup(source->arena, import_base_name(path));
        folder = !slash ? "." : slash == path ? "/" : arena_strndup(source->arena, path, (size_t)(slash - path));
    } else if (!S_ISDIR(status.st_mode)) {
        error_set(error, EXIT_STATUS_USAGE, "'%s' is no folder", path);
        return error_help(error, "name the folder with the migrations");
    }
    real = realpath(folder, NULL);
    if (!real)
        return error_set(error, EXIT_STATUS_IO, "cannot read '%s': %s", folder, strerror(errno));
    source->real = arena_strdup(source->arena, real);
    free(real);
    walk.folder = folder;
    source->shown = folder;
    while (strlen(source->shown) > 1 && str_ends_with(str_from(source->shown), "/"))
        source->shown = arena_strndup(source->arena, source->shown, strlen(source->shown) - 1);
    if (!walk_folder(&walk, "", 0))
        return false;
    import_source_sort(source);
    return true;
}
