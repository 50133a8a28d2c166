/* invplan import: the history of another tool as a project. */
#define _XOPEN_SOURCE 700 /* realpath() */

#include <stdlib.h>
#include <string.h>

#include "compiler/command.h"
#include "compiler/import/import.h"
#include "compiler/value.h"
#include "spec/base/arena.h"
#include "spec/cli.h"
#include "spec/exit.h"
#include "spec/terminal.h"

/* The folder of the project file, "." where it has none. */
static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    return !slash ? "." : slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

static bool check_name(
    const struct cli_arguments *arguments, enum cli_option option, const char *what, struct error *error)
{
    const char *name = cli_value(arguments, option);

    if (!name || (value_is_name(str_from(name)) && utf8_invalid_at(name, strlen(name)) == strlen(name)))
        return true;
    error_set(error, EXIT_STATUS_USAGE, "'--%s' is no name", what);
    return error_help(error, "names are one line without blanks around it");
}

static bool run(struct arena *arena, const struct cli_arguments *arguments, int *status, struct error *error)
{
    const char *path = arguments->operands.items[1], *file = cli_value(arguments, CLI_OPTION_IMPORT_FILE);
    const char *target = cli_value(arguments, CLI_OPTION_TARGET), *folder;
    struct import_settings settings = {.file = file ? file : "migrations.yaml",
        .target = target ? target : "db",
        .project = cli_value(arguments, CLI_OPTION_PROJECT)};
    struct import_source source = {.arena = arena};
    struct import_history history;
    struct import_output output;
    struct strbuf report = STRBUF_INIT;
    enum import_tool tool;
    char *root;
    bool ok;

    if (!import_tool_from_name(arguments->operands.items[0], &tool, error) ||
        !check_name(arguments, CLI_OPTION_TARGET, "target", error) ||
        !check_name(arguments, CLI_OPTION_PROJECT, "project", error))
        return false;
    if (str_ends_with(str_from(settings.file), "/"))
        return error_set(
            error, EXIT_STATUS_USAGE, "'%s' is a folder, and --output names the project file", settings.file);
    if (!import_folder_read(&source, tool, path, error) || !import_history_read(&history, &source, tool, error))
        return false;
    folder = folder_of(arena, settings.file);
    root = realpath(folder, NULL); /* NULL: it is made, and so the history is not inside */
    settings.root = root ? arena_strdup(arena, root) : NULL;
    free(root);
    import_output_make(&output, &history, &settings);
    if (!import_output_write(arena, &output, folder, cli_has(arguments, CLI_OPTION_FORCE), error))
        return false;
    import_report_print(&history, &output, settings.file, &report);
    ok = terminal_write(strbuf_view(&report));
    strbuf_free(&report);
    *status = !ok ? EXIT_STATUS_IO : history.open_count ? EXIT_STATUS_SPEC : EXIT_STATUS_DONE;
    return true;
}

int command_import(const struct cli_arguments *arguments)
{
    struct arena arena = ARENA_INIT;
    struct error error = {0};
    int status = EXIT_STATUS_DONE;

    if (!run(&arena, arguments, &status, &error))
        status = cli_report(&error);
    arena_free(&arena);
    return status;
}
