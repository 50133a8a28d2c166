#define _XOPEN_SOURCE 700 /* realpath() */

#include "compiler/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/key.h"
#include "compiler/parse.h"
#include "compiler/sql.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/diagnostic.h"
#include "spec/exit.h"

struct project_files {
    struct arena *arena;
    const char *root;      /* as opened: "." or a directory's path */
    const char *real_root; /* without symbolic links */
    struct map read;       /* path → struct project_file of an SQL file; its source is NULL where it is no text */
    size_t max;            /* files that a pattern may match */
};

/* --- paths ---------------------------------------------------------------------------------------------------- */

static const char *join(struct arena *arena, const char *directory, const char *path)
{
    return *directory ? arena_printf(arena, "%s/%s", directory, path) : path;
}

/* The directory of a project path: "" for a file at the root. */
static const char *directory_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? arena_strndup(arena, path, (size_t)(slash - path)) : "";
}

/*
 * The path without '.' and empty parts, from the project's root. NULL with *problem when it is absolute or climbs.
 */
static const char *normalise(struct arena *arena, const char *directory, struct str path, const char **problem)
{
    struct strbuf out = STRBUF_INIT;
    struct str copy;

    *problem = NULL;
    if (path.len && path.data[0] == '/')
        *problem = "is absolute";
    strbuf_append_text(&out, directory);
    for (size_t i = 0; i < path.len && !*problem;) {
        const char *slash = memchr(path.data + i, '/', path.len - i);
        struct str part = {path.data + i, slash ? (size_t)(slash - path.data) - i : path.len - i};

        i += part.len + 1;
        if (str_is(part, ".."))
            *problem = "climbs with '..'";
        if (part.len == 0 || str_is(part, "."))
            continue;
        if (out.len)
            strbuf_append_char(&out, '/');
        strbuf_append_str(&out, part);
    }
    copy = strbuf_copy(&out, arena);
    strbuf_free(&out);
    return *problem ? NULL : copy.data;
}

static void report_path(struct diag_list *diags, const struct node *node, const char *problem)
{
    struct diag *diag =
        diag_report(diags, DIAG(SPEC030), node->span, "the path '%.*s' %s", STR_ARG(node->text), problem);

    diag_add_help(diags, diag, "paths are relative to the file that names them and stay inside the project");
}

/* --- reading -------------------------------------------------------------------------------------------------- */

enum read_status { READ_DONE, READ_OUTSIDE, READ_FAILED, READ_NO_FILE, READ_TOO_LARGE };

static enum read_status read_descriptor(struct arena *arena, int fd, size_t max_bytes, struct str *out)
{
    struct stat status;
    char *data;
    size_t len = 0;

    if (fstat(fd, &status) != 0)
        return READ_FAILED;
    if (!S_ISREG(status.st_mode))
        return READ_NO_FILE;
    if (status.st_size < 0 || (uintmax_t)status.st_size > max_bytes)
        return READ_TOO_LARGE;
    data = arena_alloc(arena, (size_t)status.st_size + 1);
    while (len < (size_t)status.st_size) {
        ssize_t n = read(fd, data + len, (size_t)status.st_size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return READ_FAILED;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *out = (struct str){data, len};
    return READ_DONE;
}

/* path: from the project's root. errno is set for READ_FAILED. */
static enum read_status read_file(
    const struct project_files *files, const char *path, size_t max_bytes, struct str *out)
{
    size_t root_len = strlen(files->real_root);
    char *real = realpath(join(files->arena, files->root, path), NULL);
    enum read_status status;
    bool inside;
    int fd, saved;

    if (!real)
        return READ_FAILED;
    inside = strncmp(real, files->real_root, root_len) == 0 && (root_len == 1 || real[root_len] == '/');
    /* O_NONBLOCK: a FIFO is no reason to wait. */
    fd = inside ? open(real, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    saved = errno;
    free(real);
    if (!inside)
        return READ_OUTSIDE;
    errno = saved;
    if (fd < 0)
        return READ_FAILED;
    status = read_descriptor(files->arena, fd, max_bytes, out);
    saved = errno;
    close(fd);
    errno = saved;
    return status;
}

static const char *status_text(struct arena *arena, enum read_status status, size_t max_bytes)
{
    switch (status) {
    case READ_OUTSIDE:
        return "leads out of the project by a symbolic link";
    case READ_NO_FILE:
        return "is no regular file";
    case READ_TOO_LARGE:
        return arena_printf(arena, "is larger than %zu MB: split it", max_bytes / 1024 / 1024);
    default:
        return arena_printf(arena, "cannot be read: %s", strerror(errno));
    }
}

/* CRLF as LF; the text itself where there is none. */
static struct str with_line_feeds(struct arena *arena, struct str text)
{
    char *copy;
    size_t len = 0;

    if (!memchr(text.data, '\r', text.len))
        return text;
    copy = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '\r' || i + 1 == text.len || text.data[i + 1] != '\n')
            copy[len++] = text.data[i];
    return (struct str){copy, len};
}

static const char *digest_text(struct arena *arena, struct str text)
{
    return arena_strdup(arena, digest_of(with_line_feeds(arena, text)).hex);
}

/* --- SQL files ------------------------------------------------------------------------------------------------ */

static bool check_text(const struct source *source, struct diag_list *diags)
{
    size_t invalid = utf8_invalid_at(source->text.data, source->text.len);
    const char *nul = memchr(source->text.data, '\0', source->text.len);
    uint32_t at = (uint32_t)(nul ? (size_t)(nul - source->text.data) : 0);
    struct diag *diag;

    if (invalid < source->text.len) {
        diag = diag_report(diags, DIAG(YAML007), (struct span){source, (uint32_t)invalid, (uint32_t)invalid + 1},
            "this byte (0x%02X) is not UTF-8", (unsigned char)source->text.data[invalid]);
        diag_add_help(diags, diag, "save the file as UTF-8");
    }
    if (nul)
        diag_report(diags, DIAG(YAML008), (struct span){source, at, at + 1}, "the character U+0000 cannot stand here");
    return !nul && invalid == source->text.len;
}

const struct project_file *project_file_read(
    struct project_files *files, const struct node *path, struct diag_list *diags)
{
    struct arena *arena = files->arena;
    const char *problem, *name = normalise(arena, directory_of(arena, path->span.source->path), path->text, &problem);
    struct project_file *file;
    enum read_status status;
    struct str text;

    if (!name) {
        report_path(diags, path, problem);
        return NULL;
    }
    file = map_get(&files->read, str_from(name));
    if (file)
        return file->source ? file : NULL;
    status = read_file(files, name, SQL_SIZE_MAX_BYTES, &text);
    if (status != READ_DONE) {
        diag_report(diags, DIAG(SPEC031), path->span, "'%s' %s", name, status_text(arena, status, SQL_SIZE_MAX_BYTES));
        return NULL;
    }
    text = with_line_feeds(arena, text);
    if (str_starts_with(text, "\xEF\xBB\xBF"))
        text = (struct str){text.data + 3, text.len - 3};
    text = str_copy(arena, text); /* NUL-terminated */
    file = ARENA_NEW(arena, struct project_file);
    file->path = name;
    file->source = source_create(arena, name, text);
    file->digest = arena_strdup(arena, digest_of(text).hex);
    map_put(&files->read, str_from(name), file);
    if (check_text(file->source, diags))
        return file;
    file->source = NULL;
    return NULL;
}

/* --- includes ------------------------------------------------------------------------------------------------- */

struct expansion {
    struct project_files *files;
    VEC(const char *) paths;
};

/* '*' stands for any number of characters; a name that begins with '.' is matched only by a pattern that does. */
static bool matches(const char *pattern, size_t len, const char *name)
{
    const char *star = NULL, *retry = NULL, *end = pattern + len;

    if (*name == '.' && *pattern != '.')
        return false;
    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            retry = name;
        } else if (pattern < end && *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

/* Adds the paths below directory that match the rest of the pattern, in any order. */
static void expand(struct expansion *expansion, const char *directory, const char *pattern)
{
    struct arena *arena = expansion->files->arena;
    size_t len = strcspn(pattern, "/");
    DIR *open_directory;
    const struct dirent *entry;

    if (!memchr(pattern, '*', len)) {
        const char *path = join(arena, directory, arena_strndup(arena, pattern, len));

        if (pattern[len] == '/')
            expand(expansion, path, pattern + len + 1);
        else if (access(join(arena, expansion->files->root, path), F_OK) == 0)
            VEC_PUSH(arena, &expansion->paths, path);
        return;
    }
    open_directory = opendir(join(arena, expansion->files->root, directory));
    if (!open_directory)
        return;
    while ((entry = readdir(open_directory)) && expansion->paths.count <= expansion->files->max) {
        const char *path;

        if (!matches(pattern, len, entry->d_name))
            continue;
        path = join(arena, directory, arena_strdup(arena, entry->d_name));
        if (pattern[len] == '/')
            expand(expansion, path, pattern + len + 1);
        else
            VEC_PUSH(arena, &expansion->paths, path);
    }
    closedir(open_directory);
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void include_file(struct project *project, struct project_files *files, const char *path, const struct node *at,
    struct map *seen, struct diag_list *diags)
{
    enum read_status status;
    struct str text;
    struct plan_input input = {.path = path};
    const struct source *source;
    struct node *root;

    if (map_put(seen, str_from(path), files))
        return;
    status = read_file(files, path, YAML_SIZE_MAX_BYTES, &text);
    if (status != READ_DONE) {
        diag_report(diags, DIAG(SPEC031), at->span, "'%s' %s", path, status_text(files->arena, status, YAML_SIZE_MAX_BYTES));
        return;
    }
    input.digest = digest_text(files->arena, text);
    VEC_PUSH(files->arena, &project->inputs, input);
    source = source_create(files->arena, path, text);
    root = yaml_read(files->arena, source, diags);
    if (root)
        parse_included(project, files->arena, root, diags);
}

static void include_pattern(struct project *project, struct project_files *files, const struct node *pattern,
    struct map *seen, struct diag_list *diags)
{
    const char *problem, *path = normalise(files->arena, "", pattern->text, &problem);
    struct expansion expansion = {.files = files};

    if (!path) {
        report_path(diags, pattern, problem);
        return;
    }
    if (strstr(path, "**")) {
        report_path(diags, pattern, "has '**', and '*' stands for part of one name only");
        return;
    }
    expand(&expansion, "", path);
    if (expansion.paths.count == 0) {
        diag_report(diags, DIAG(SPEC032), pattern->span, "'%s' matches no file", path);
        return;
    }
    if (expansion.paths.count > files->max) {
        diag_report(diags, DIAG(SPEC031), pattern->span, "'%s' matches more than %zu files", path, files->max);
        return;
    }
    qsort(expansion.paths.items, expansion.paths.count, sizeof(*expansion.paths.items), compare_paths);
    for (size_t i = 0; i < expansion.paths.count; i++)
        include_file(project, files, expansion.paths.items[i], pattern, seen, diags);
}

/* --- the project ---------------------------------------------------------------------------------------------- */

struct project_files *project_files_open(struct arena *arena, const char *folder, struct error *error)
{
    struct project_files *files = ARENA_NEW(arena, struct project_files);
    char *real = realpath(folder, NULL);

    if (!real) {
        error_set(error, EXIT_STATUS_IO, "cannot open the folder '%s': %s", folder, strerror(errno));
        return NULL;
    }
    files->arena = arena;
    files->root = arena_strdup(arena, folder);
    files->real_root = arena_strdup(arena, real);
    files->max = LOAD_FILES_MAX;
    map_init(&files->read, arena);
    free(real);
    return files;
}

void project_files_limit(struct project_files *files, size_t max)
{
    files->max = max;
}

struct project *project_parse(struct project_files *files, const struct source *main_file, struct diag_list *diags)
{
    struct arena *arena = files->arena;
    struct project *project = ARENA_NEW(arena, struct project);
    struct plan_input input = {main_file->path, digest_text(arena, main_file->text)};
    struct node *root = yaml_read(arena, main_file, diags);
    const struct node *include;
    struct map seen;

    project->files = files;
    project->root = files->root;
    VEC_PUSH(arena, &project->inputs, input);
    if (!root)
        return project;
    include = parse_main(project, arena, root, diags);
    map_init(&seen, arena);
    map_put(&seen, str_from(main_file->path), files);
    for (size_t i = 0; include && i < include->count; i++)
        if (include->items[i]->kind == NODE_SCALAR && !include->items[i]->damaged)
            include_pattern(project, files, include->items[i], &seen, diags);
    parse_finish(project, arena, diags);
    return project;
}

struct project *project_load(struct arena *arena, const char *main_path, struct diag_list *diags, struct error *error)
{
    const char *slash = strrchr(main_path, '/'), *name = slash ? slash + 1 : main_path;
    const char *folder =
        slash ? arena_strndup(arena, main_path, slash == main_path ? 1 : (size_t)(slash - main_path)) : ".";
    struct project_files *files = project_files_open(arena, folder, error);
    enum read_status status;
    struct str text;

    if (files) {
        status = read_file(files, name, YAML_SIZE_MAX_BYTES, &text);
        if (status == READ_DONE)
            return project_parse(files, source_create(arena, name, text), diags);
        error_set(error, EXIT_STATUS_IO, "'%s' %s", main_path, status_text(arena, status, YAML_SIZE_MAX_BYTES));
    }
    error_help(error, "run it in the project's folder, or name the file with --file");
    return NULL;
}
