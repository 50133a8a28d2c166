/* invplan compile: a plan for each environment asked for, written or compared. */
#include <string.h>
#include <sys/stat.h>

#include "compiler/command.h"
#include "compiler/session.h"
#include "compiler/write.h"
#include "spec/base/arena.h"
#include "spec/exit.h"
#include "spec/terminal.h"

struct output {
    const char *folder; /* NULL: file */
    const char *file;
};

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* --output: a folder, or for one environment a file; without it, plans beside the project's file. */
static bool choose_output(
    struct session *session, const struct cli_arguments *arguments, struct output *out, struct error *error)
{
    const char *path = cli_value(arguments, CLI_OPTION_OUTPUT);

    *out = (struct output){0};
    if (!path) {
        const char *root = session->project->root;

        out->folder = strcmp(root, ".") == 0 ? "plans" : arena_printf(&session->arena, "%s/plans", root);
        return true;
    }
    if (!str_ends_with(str_from(path), ".plan") || is_folder(path)) {
        out->folder = path;
        return true;
    }
    out->file = path;
    if (cli_has(arguments, CLI_OPTION_ALL))
        return error_set(
            error, EXIT_STATUS_USAGE, "'%s' is one file, and --all gives a plan for each environment", path);
    return true;
}

static const char *plan_path(
    struct session *session, const struct output *output, const struct project_environment *environment)
{
    return output->file ? output->file : arena_printf(&session->arena, "%s/%s.plan", output->folder, environment->name);
}

/* "plans/local.plan written" on stdout. */
static int say(const char *path, const char *what)
{
    struct strbuf line = STRBUF_INIT;
    bool ok;

    strbuf_printf(&line, "%s %s\n", path, what);
    ok = terminal_write(strbuf_view(&line));
    strbuf_free(&line);
    return ok ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
}

static int check_plan(const struct project_environment *environment, const char *path, struct str text)
{
    struct error error = {0};
    bool same;
    size_t line;

    if (!write_compare(path, text, &same, &line, &error))
        return cli_report(&error);
    if (same)
        return say(path, "is fresh");
    if (line == 0)
        error_set(&error, EXIT_STATUS_STALE, "'%s' is missing", path);
    else
        error_set(&error, EXIT_STATUS_STALE, "'%s' is stale: line %zu is not what its sources give", path, line);
    error_help(&error, "run `invplan compile --env %s` and commit the plan", environment->name);
    return cli_report(&error);
}

static int write_plan(struct session *session, const char *path, struct str text)
{
    struct error error = {0};
    bool changed;

    if (!write_plan_file(&session->arena, path, text, &changed, &error))
        return cli_report(&error);
    return say(path, changed ? "written" : "unchanged");
}

/* Every plan is compiled before the first is written: all of them are of the same sources, or none is touched. */
static int compile(struct session *session, const struct cli_arguments *arguments, const struct backend_list *backends,
    const struct output *output)
{
    size_t count = session->environments.count;
    struct strbuf *texts = ARENA_ARRAY(&session->arena, struct strbuf, count);
    int status = EXIT_STATUS_DONE;

    for (size_t i = 0; i < count; i++)
        if (!session_compile(session, session->environments.items[i], backends, &texts[i]))
            status = EXIT_STATUS_SPEC;
    if (session->diags.error_count)
        status = EXIT_STATUS_SPEC;
    if (!session_report(session, false))
        status = EXIT_STATUS_IO;
    for (size_t i = 0; i < count && (status == EXIT_STATUS_DONE || status == EXIT_STATUS_STALE); i++) {
        const struct project_environment *environment = session->environments.items[i];
        const char *path = plan_path(session, output, environment);
        int result = cli_has(arguments, CLI_OPTION_CHECK) ? check_plan(environment, path, strbuf_view(&texts[i]))
                                                          : write_plan(session, path, strbuf_view(&texts[i]));

        if (result != EXIT_STATUS_DONE)
            status = result;
    }
    for (size_t i = 0; i < count; i++)
        strbuf_free(&texts[i]);
    return status;
}

int command_compile(const struct cli_arguments *arguments, const struct backend_list *backends)
{
    struct session session;
    struct output output;
    struct error error = {0};
    int status;

    if (cli_has(arguments, CLI_OPTION_ENV) == cli_has(arguments, CLI_OPTION_ALL)) {
        error_set(&error, EXIT_STATUS_USAGE, "compile needs --env ENV or --all%s",
            cli_has(arguments, CLI_OPTION_ALL) ? ", not both" : "");
        error_help(&error, "`invplan compile --all` compiles every environment of the project");
        return cli_report(&error);
    }
    if (!session_open(&session, arguments, &status))
        return status;
    if (choose_output(&session, arguments, &output, &error))
        status = compile(&session, arguments, backends, &output);
    else
        status = cli_report(&error);
    session_close(&session);
    return status;
}
