#include <stdio.h>
#include <string.h>

#include "compiler/command.h"
#include "compiler/diff.h"
#include "spec/cli.h"
#include "spec/exit.h"
#include "spec/terminal.h"

static void print(struct strbuf *out, const struct diff *diff, const char *format)
{
    if (format && strcmp(format, "json") == 0)
        diff_print_json(out, diff);
    else if (format && strcmp(format, "markdown") == 0)
        diff_print_markdown(out, diff);
    else
        diff_print_text(out, diff, terminal_has_colour(stdout));
}

int command_diff(const struct cli_arguments *arguments)
{
    struct arena arena = ARENA_INIT;
    struct strbuf out = STRBUF_INIT;
    struct diff *diff;
    struct error error;
    int status;

    if (diff_load(&arena, arguments->operands.items[0], arguments->operands.items[1], &diff, &error)) {
        print(&out, diff, cli_value(arguments, CLI_OPTION_FORMAT));
        status = terminal_write(strbuf_view(&out)) ? (diff_is_empty(diff) ? EXIT_STATUS_DONE : EXIT_STATUS_DIFFERENT)
                                                   : EXIT_STATUS_USAGE;
    } else {
        cli_report(&error);
        status = EXIT_STATUS_USAGE; /* of diff: any error, so that 0 and 1 alone tell same and different */
    }
    strbuf_free(&out);
    arena_free(&arena);
    return status;
}
