/* invplan export: what the project says, as code for others. */
#include <stdio.h>
#include <string.h>

#include "compiler/command.h"
#include "compiler/dynamodb/event_types.h"
#include "compiler/session.h"
#include "compiler/typescript/typescript.h"
#include "compiler/write.h"
#include "spec/exit.h"
#include "spec/terminal.h"

static int write_module(struct session *session, const char *path, struct str text)
{
    struct error error = {0};
    bool changed;

    if (!path)
        return terminal_write(text) ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
    if (!write_plan_file(&session->arena, path, text, &changed, &error))
        return cli_report(&error);
    printf("%s %s\n", path, changed ? "written" : "unchanged");
    return EXIT_STATUS_DONE;
}

int command_export(const struct cli_arguments *arguments)
{
    const char *what = arguments->operands.items[0];
    struct strbuf text = STRBUF_INIT;
    struct session session;
    struct event_types *types;
    struct error error = {0};
    int status;

    if (strcmp(what, "typescript") != 0) {
        error_set(&error, EXIT_STATUS_USAGE, "there is no export to '%s'", what);
        error_help(&error, "there is `typescript`");
        return cli_report(&error);
    }
    if (!session_open(&session, arguments, &status))
        return status;
    types = session_events(&session, arguments, &status);
    if (types) {
        bool javascript = cli_has(arguments, CLI_OPTION_JS);

        typescript_write(&session.arena, session.project->name, types, javascript, &session.diags, &text);
        status = session.diags.error_count ? EXIT_STATUS_SPEC : EXIT_STATUS_DONE;
        if (!session_report(&session, false))
            status = EXIT_STATUS_IO;
        if (status == EXIT_STATUS_DONE)
            status = write_module(&session, cli_value(arguments, CLI_OPTION_MODULE), strbuf_view(&text));
    }
    strbuf_free(&text);
    session_close(&session);
    return status;
}
