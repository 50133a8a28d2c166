/* invplan-compiler: reads what people write, writes plans and views of them. No network, no credentials. */
#include "compiler/command.h"
#include "compiler/compile.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/cli.h"

int main(int argc, char **argv)
{
    static const struct backend_ops *const backends[] = {&backend_postgres, &backend_dynamodb};
    const struct backend_list list = {backends, sizeof(backends) / sizeof(*backends)};
    struct arena arena = ARENA_INIT;
    struct cli_arguments arguments;
    int status;

    if (!cli_start(&arena, CLI_PROGRAM_COMPILER, argc, argv, &arguments, &status)) {
        arena_free(&arena);
        return status;
    }
    switch (arguments.command) {
    case CLI_COMMAND_COMPILE:
        status = command_compile(&arguments, &list);
        break;
    case CLI_COMMAND_LINT:
        status = command_lint(&arguments, &list);
        break;
    case CLI_COMMAND_SHOW:
        status = command_show(&arguments);
        break;
    case CLI_COMMAND_DIFF:
        status = command_diff(&arguments);
        break;
    case CLI_COMMAND_EXPLAIN:
        status = command_explain(&arguments);
        break;
    case CLI_COMMAND_UPCAST:
        status = command_upcast(&arguments);
        break;
    case CLI_COMMAND_EXPORT:
        status = command_export(&arguments);
        break;
    case CLI_COMMAND_IMPORT:
        status = command_import(&arguments);
        break;
    case CLI_COMMAND_NEW:
        status = command_new(&arguments);
        break;
    case CLI_COMMAND_SCHEMA:
        status = command_schema(&arguments);
        break;
    default:
        BUG("command %d of another program", (int)arguments.command);
    }
    arena_free(&arena);
    return status;
}
