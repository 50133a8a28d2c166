/* invplan new: a migration to fill in, at the end of the history. */
#include <stdio.h>
#include <time.h>

#include "compiler/command.h"
#include "compiler/scaffold.h"
#include "compiler/write.h"
#include "spec/base/arena.h"
#include "spec/cli.h"

static int64_t now_ms(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int command_new(const struct cli_arguments *arguments)
{
    const char *file = cli_value(arguments, CLI_OPTION_FILE);
    struct scaffold_request request = {
        .file = file ? file : "migrations.yaml",
        .name = arguments->operands.count ? arguments->operands.items[0] : NULL,
        .id = cli_value(arguments, CLI_OPTION_ID),
        .target = cli_value(arguments, CLI_OPTION_TARGET),
        .clock = {.now_ms = now_ms},
    };
    struct arena arena = ARENA_INIT;
    struct error error = {0};
    struct scaffold scaffold;
    bool changed;
    int status = 0;

    if (scaffold_make(&arena, &request, &scaffold, &error) &&
        write_plan_file(&arena, scaffold.path, scaffold.text, &changed, &error))
        printf("%s:%zu: %s\n", scaffold.path, scaffold.line, scaffold.id);
    else
        status = cli_report(&error);
    arena_free(&arena);
    return status;
}
