#include <string.h>

#include "compiler/command.h"
#include "spec/cli.h"
#include "spec/exit.h"
#include "spec/plan_text.h"
#include "spec/terminal.h"

/* The steps that the older plan does not have. */
static bool is_new(const struct plan_step *step, const void *older)
{
    return plan_find_step(older, step->id) == NULL;
}

static void print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options, const char *format)
{
    static const struct {
        const char *format;
        void (*print)(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options);
    } forms[] = {{"text", plan_text_print}, {"markdown", plan_markdown_print}, {"sql", plan_sql_print},
        {"json", plan_json_print}, {"mermaid", plan_mermaid_print}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(forms[i].format, format) == 0)
            forms[i].print(out, plan, options);
}

int command_show(const struct cli_arguments *arguments)
{
    const char *format = cli_value(arguments, CLI_OPTION_FORMAT), *since = cli_value(arguments, CLI_OPTION_SINCE);
    struct plan_text_options options = {.colour = terminal_has_colour(stdout)};
    struct arena arena = ARENA_INIT;
    struct strbuf out = STRBUF_INIT;
    struct plan *plan, *older = NULL;
    struct error error;
    int status;

    if (!plan_load(&arena, arguments->operands.items[0], &plan, &error) ||
        (since && !plan_load(&arena, since, &older, &error))) {
        status = cli_report(&error);
    } else {
        if (older) {
            options.selects = is_new;
            options.context = older;
        }
        print(&out, plan, &options, format ? format : "text");
        status = terminal_write(strbuf_view(&out)) ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
    }
    strbuf_free(&out);
    arena_free(&arena);
    return status;
}
