/* invplan schema: the JSON Schemas and references that the tables give. */
#include <string.h>

#include "compiler/command.h"
#include "compiler/plan_schema.h"
#include "compiler/schema.h"
#include "spec/base/arena.h"
#include "spec/cli.h"
#include "spec/exit.h"
#include "spec/terminal.h"

int command_schema(const struct cli_arguments *arguments)
{
    const char *what = arguments->operands.items[0];
    struct arena arena = ARENA_INIT;
    struct strbuf text = STRBUF_INIT;
    struct error error = {0};
    int status = EXIT_STATUS_DONE;

    if (strcmp(what, "migrations") == 0) {
        schema_print_migrations(&arena, key_table_create(&arena), &text);
    } else if (strcmp(what, "plan") == 0) {
        plan_schema_write(&text);
    } else if (strcmp(what, "keys") == 0) {
        schema_print_keys(key_table_create(&arena), &text);
    } else {
        error_set(&error, EXIT_STATUS_USAGE, "there is no schema of '%s'", what);
        error_help(&error, "there are `migrations`, `plan` and `keys`");
        status = cli_report(&error);
    }
    if (!terminal_write(strbuf_view(&text)))
        status = EXIT_STATUS_IO;
    strbuf_free(&text);
    arena_free(&arena);
    return status;
}
