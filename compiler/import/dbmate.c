/*
 * dbmate: VERSION_title.sql in one folder, sorted by name, each with a block behind '-- migrate:up' and one behind
 * '-- migrate:down' (pkg/dbmate/migration.go). Options follow the directive: 'transaction:false'.
 */
#include <string.h>

#include "compiler/import/reader.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum block { BLOCK_NONE, BLOCK_UP, BLOCK_DOWN };

/* '--', blanks, 'migrate:up' or 'migrate:down', and then a blank or the end. */
static enum block directive(struct str line, struct str *options)
{
    static const char up[] = "migrate:up", down[] = "migrate:down";
    enum block block;

    if (!str_starts_with(line, "--"))
        return BLOCK_NONE;
    line = str_trim((struct str){line.data + 2, line.len - 2});
    block = str_starts_with(line, up) ? BLOCK_UP : str_starts_with(line, down) ? BLOCK_DOWN : BLOCK_NONE;
    if (block == BLOCK_NONE)
        return block;
    *options = (struct str){line.data, line.len};
    options->data += block == BLOCK_UP ? sizeof(up) - 1 : sizeof(down) - 1;
    options->len -= block == BLOCK_UP ? sizeof(up) - 1 : sizeof(down) - 1;
    if (options->len && options->data[0] != ' ' && options->data[0] != '\t')
        return BLOCK_NONE;
    *options = str_trim(*options);
    return block;
}

static void report_options(
    struct import_history *history, const struct import_file *file, size_t line, struct str options)
{
    if (options.len == 0 || str_is(options, "transaction:true"))
        return;
    if (str_is(options, "transaction:false"))
        import_note(history, file->path, line,
            "transaction:false has no counterpart: a statement that cannot run in a transaction stands alone by "
            "itself");
    else
        import_open(history, file->path, line, "what '%.*s' asks of dbmate is not carried over", STR_ARG(options));
}

/* The blocks of a file. */
static void split(struct import_history *history, const struct import_file *file, struct import_change *change)
{
    enum block block = BLOCK_NONE;
    size_t position = 0, number = 0;
    struct str line, options = STR("");
    struct import_script *script = NULL;

    while (import_next_line(file->text, &position, &line)) {
        enum block next = directive(line, &options);

        number++;
        if (next == BLOCK_NONE) {
            if (script)
                script->text.len = (size_t)(line.data + line.len - script->text.data);
            else if (str_trim(line).len && !str_starts_with(str_trim(line), "--"))
                import_open(history, file->path, number, "stands before '-- migrate:up', and dbmate refuses that");
            continue;
        }
        script = next == BLOCK_UP ? &change->up : &change->down;
        if (next <= block) {
            import_open(history, file->path, number,
                "is a second '-- migrate:%s', or one behind '-- migrate:down'; it is left out",
                next == BLOCK_UP ? "up" : "down");
            return;
        }
        block = next;
        report_options(history, file, number, options);
        *script = (struct import_script){.file = file, .line = number + 1};
        script->text = (struct str){file->text.data + (position < file->text.len ? position : file->text.len), 0};
    }
}

bool import_read_dbmate(struct import_history *history, struct error *error)
{
    const struct import_source *source = history->source;
    struct str before = STR("");

    for (size_t i = 0; i < source->files.count; i++) {
        const struct import_file *file = &source->files.items[i];
        struct str version = {file->path, strspn(file->path, "0123456789")};
        struct import_change change = {0};

        if (version.len == 0) {
            import_note(history, file->path, 0, "is no migration: its name does not begin with a version");
            continue;
        }
        if (str_equal(version, before)) {
            error_set(error, EXIT_STATUS_SPEC, "'%s' and '%s' have the same version", source->files.items[i - 1].path,
                file->path);
            return error_help(error, "dbmate applies only one of them: number the other anew");
        }
        before = version;
        change.name = arena_strndup(history->arena, file->path, strlen(file->path) - (sizeof(".sql") - 1));
        change.up = (struct import_script){.file = file, .line = 1};
        split(history, file, &change);
        if (!change.up.text.data) {
            change.up.text = STR("");
            if (!file->problem)
                import_open(history, file->path, 0, "has no '-- migrate:up'");
            change.up.is_partial = !file->problem;
        }
        VEC_PUSH(history->arena, &history->changes, change);
    }
    return true;
}
