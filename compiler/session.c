#include "compiler/session.h"

#include <stdio.h>
#include <string.h>

#include "compiler/load.h"
#include "spec/base/arena.h"
#include "spec/exit.h"
#include "spec/terminal.h"

/* "'local', 'staging'". */
static const char *join_names(struct arena *arena, const char *const *names, size_t count)
{
    const char *text = "";

    for (size_t i = 0; i < count; i++)
        text = arena_printf(arena, "%s%s'%s'", text, i ? ", " : "", names[i]);
    return text;
}

/* The environment called name, or all. */
static bool select_environments(struct session *session, const char *name, struct error *error)
{
    const struct project *project = session->project;
    VEC(const char *) names = {0};
    const char *meant;

    for (size_t i = 0; i < project->environments.count; i++) {
        const struct project_environment *environment = &project->environments.items[i];

        VEC_PUSH(&session->arena, &names, environment->name);
        if (!name || strcmp(environment->name, name) == 0)
            VEC_PUSH(&session->arena, &session->environments, environment);
    }
    /* A project whose environments could not be read has its own errors. */
    if (!name || session->environments.count || session->diags.error_count)
        return true;
    error_set(error, EXIT_STATUS_USAGE, "the project has no environment '%s'", name);
    meant = str_did_you_mean(str_from(name), names.items, names.count);
    if (meant)
        error_help(error, "did you mean '%s'?", meant);
    else if (names.count)
        error_help(error, "it has %s", join_names(&session->arena, names.items, names.count));
    return false;
}

bool session_open(struct session *session, const struct cli_arguments *arguments, int *status)
{
    const char *path = cli_value(arguments, CLI_OPTION_FILE);
    struct error error = {0};

    *session = (struct session){.arena = ARENA_INIT};
    diag_list_init(&session->diags, &session->arena);
    findings_format_from_name(cli_value(arguments, CLI_OPTION_FORMAT), &session->format);
    session->project = project_load(&session->arena, path ? path : "migrations.yaml", &session->diags, &error);
    if (session->project && select_environments(session, cli_value(arguments, CLI_OPTION_ENV), &error)) {
        session->environment_arenas = ARENA_ARRAY(&session->arena, struct arena, session->project->environments.count);
        return true;
    }
    *status = cli_report(&error);
    session_close(session);
    return false;
}

void session_close(struct session *session)
{
    for (size_t i = 0; session->project && session->environment_arenas && i < session->project->environments.count; i++)
        arena_free(&session->environment_arenas[i]);
    arena_free(&session->arena);
}

bool session_compile(struct session *session, const struct project_environment *environment,
    const struct backend_list *backends, struct strbuf *out)
{
    struct arena *arena = &session->environment_arenas[environment - session->project->environments.items];
    size_t reported = session->diags.items.count;
    struct plan *plan = compile_environment(arena, session->project, environment, backends, &session->diags);

    if (plan)
        plan_write(arena, plan, out);
    if (session->diags.items.count == reported)
        arena_free(arena);
    return plan != NULL;
}

struct event_types *session_events(struct session *session, const struct cli_arguments *arguments, int *status)
{
    const struct node *events = session->project->events;
    bool has_variable = events && events->has_variable;
    struct event_types *types;
    struct error error = {0};

    if (!events && !session->diags.error_count) {
        error_set(&error, EXIT_STATUS_SPEC, "the project has no events section");
        *status = cli_report(&error);
        return NULL;
    }
    if (has_variable && session->environments.count > 1 && !cli_has(arguments, CLI_OPTION_ENV)) {
        error_set(&error, EXIT_STATUS_USAGE, "the schemas of the events have variables, and each environment has its own");
        error_help(&error, "choose one with --env");
        *status = cli_report(&error);
        return NULL;
    }
    types = compile_events(&session->arena, session->project,
        has_variable && session->environments.count ? session->environments.items[0] : NULL, &session->diags);
    if (types)
        return types;
    *status = session_report(session, false) ? EXIT_STATUS_SPEC : EXIT_STATUS_IO;
    return NULL;
}

bool session_report(struct session *session, bool is_result)
{
    struct strbuf text = STRBUF_INIT;
    bool ok = true;

    diag_list_sort(&session->diags);
    findings_print(&session->diags, session->format, session->project->root, &text);
    if (is_result || session->format != FINDINGS_TEXT)
        ok = terminal_write(strbuf_view(&text));
    else if (text.len)
        fwrite(text.data, 1, text.len, stderr);
    strbuf_free(&text);
    return ok;
}
