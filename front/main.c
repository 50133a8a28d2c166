/*
 * The front door: `invplan COMMAND …` becomes the program that has the command. The programs stand beside this one (as
 * in the build folder) or in ../libexec/invplan.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/arena.h"
#include "spec/cli.h"
#include "spec/exit.h"

enum { PATH_MAX_BYTES = 4096 };

/* The folder of this program, without the final '/'; NULL on failure. */
static const char *find_folder(struct arena *arena, struct error *error)
{
    char path[PATH_MAX_BYTES];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));

    if (len <= 0 || (size_t)len >= sizeof(path)) {
        error_set(error, EXIT_STATUS_IO, "/proc/self/exe cannot be read: %s", strerror(errno));
        return NULL;
    }
    while (len > 0 && path[len - 1] != '/')
        len--;
    return arena_strndup(arena, path, (size_t)len - 1);
}

/* Returns only when the program cannot be run. */
static bool run(struct arena *arena, const char *program, char **argv, struct error *error)
{
    const char *folder = find_folder(arena, error), *path;

    if (!folder)
        return false;
    path = arena_printf(arena, "%s/%s", folder, program);
    execv(path, argv);
    if (errno == ENOENT) {
        path = arena_printf(arena, "%s/../libexec/invplan/%s", folder, program);
        execv(path, argv);
    }
    error_set(error, EXIT_STATUS_IO, "'%s' cannot be run: %s", path, strerror(errno));
    return error_help(error, "it belongs beside 'invplan' or in ../libexec/invplan: install all three programs");
}

int main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    struct cli_arguments arguments;
    enum cli_command command;
    struct error error;
    int status;

    if (argc < 2 || !cli_command_from_name(str_from(argv[1]), &command) ||
        cli_command_program(command) == CLI_PROGRAM_FRONT) {
        /* Help, version, or something to refuse: no command of this table is left to be run here. */
        (void)!cli_start(&arena, CLI_PROGRAM_FRONT, argc, argv, &arguments, &status);
        arena_free(&arena);
        return status;
    }
    run(&arena, cli_command_program(command) == CLI_PROGRAM_EXECUTOR ? "invplan-executor" : "invplan-compiler", argv,
        &error);
    status = cli_report(&error);
    arena_free(&arena);
    return status;
}
