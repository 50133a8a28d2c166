#include <string.h>

#include "compiler/command.h"
#include "compiler/show_schema.h"
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

/* Checks how --schema, --at and --format go together, and finds the migration. NULL: no schema is asked for, or an error. */
static const struct plan_migration *find_last(
    const struct cli_arguments *arguments, const struct plan *plan, const char *format, struct error *error)
{
    const char *at = cli_value(arguments, CLI_OPTION_AT);
    const struct plan_migration *last;

    if (!cli_has(arguments, CLI_OPTION_SCHEMA)) {
        if (at)
            error_set(error, EXIT_STATUS_USAGE, "--at says after which migration the schema is wanted: add --schema");
        return NULL;
    }
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0) {
        error_set(error, EXIT_STATUS_USAGE, "--schema is shown as text or json, not as %s", format);
        return NULL;
    }
    if (!plan->migrations.count) {
        error_set(error, EXIT_STATUS_USAGE, "the plan has no migrations, and makes no schema");
        return NULL;
    }
    last = at ? plan_find_migration(plan, at) : &plan->migrations.items[plan->migrations.count - 1];
    if (!last)
        error_set(error, EXIT_STATUS_USAGE, "--at: the plan has no migration '%s'", at);
    return last;
}

int command_show(const struct cli_arguments *arguments)
{
    const char *format = cli_value(arguments, CLI_OPTION_FORMAT), *since = cli_value(arguments, CLI_OPTION_SINCE);
    struct plan_text_options options = {.colour = terminal_has_colour(stdout)};
    struct arena arena = ARENA_INIT;
    struct strbuf out = STRBUF_INIT;
    const struct plan_migration *last = NULL;
    struct plan *plan, *older = NULL;
    struct error error = {0};
    int status;

    if (!format)
        format = "text";

    if (!plan_load(&arena, arguments->operands.items[0], &plan, &error) ||
        (since && !plan_load(&arena, since, &older, &error))) {
        status = cli_report(&error);
    } else if (!(last = find_last(arguments, plan, format, &error)) && error.exit_status) {
        status = cli_report(&error);
    } else {
        if (older) {
            options.selects = is_new;
            options.context = older;
        }
        if (last && strcmp(format, "json") == 0)
            show_schema_json(&out, plan, last);
        else if (last)
            show_schema_text(&out, plan, last);
        else
            print(&out, plan, &options, format);
        status = terminal_write(strbuf_view(&out)) ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
    }
    strbuf_free(&out);
    arena_free(&arena);
    return status;
}
