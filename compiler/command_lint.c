/* invplan lint: compiles in memory and prints what was found. */
#include <string.h>

#include "compiler/command.h"
#include "compiler/session.h"
#include "compiler/value.h"
#include "spec/exit.h"

static enum diag_severity severity_from_name(const char *name)
{
    if (name && strcmp(name, "info") == 0)
        return DIAG_SEVERITY_INFO;
    return name && strcmp(name, "error") == 0 ? DIAG_SEVERITY_ERROR : DIAG_SEVERITY_WARNING;
}

static void report_allowance(struct session *session, const struct project_allowance *allowance, const char *today)
{
    struct span span = node_get(allowance->node, "rule")->span;
    struct diag *diag;

    if (!allowance->used) {
        diag = diag_report(&session->diags, DIAG(SPEC033), span, "nothing here is found by %s", allowance->rule);
        diag_add_help(&session->diags, diag, "take the allowance away");
    } else if (today && allowance->until && strcmp(allowance->until, today) <= 0) {
        diag = diag_report(&session->diags, DIAG(SPEC034), node_get(allowance->node, "until")->span,
            "%s was accepted until %s", allowance->rule, allowance->until);
        diag_add_help(&session->diags, diag, "mend what it is about, or say anew why and until when");
    }
}

/* Whether an allowance is used can be told when every environment was compiled. */
static void report_allowances(struct session *session, const char *today)
{
    for (size_t i = 0; i < session->project->migrations.count; i++) {
        const struct project_migration *migration = &session->project->migrations.items[i];

        for (size_t j = 0; j < migration->allow.count; j++)
            report_allowance(session, &migration->allow.items[j], today);
    }
}

static int judge(const struct session *session, enum diag_severity severity)
{
    if (session->diags.error_count)
        return EXIT_STATUS_SPEC;
    for (size_t i = 0; i < session->diags.items.count; i++)
        if (session->diags.items.items[i]->severity <= severity)
            return EXIT_STATUS_FINDINGS;
    return EXIT_STATUS_DONE;
}

int command_lint(const struct cli_arguments *arguments, const struct backend_list *backends)
{
    const char *today = cli_value(arguments, CLI_OPTION_TODAY);
    struct session session;
    struct error error = {0};
    int status;

    if (today && !value_is_date(str_from(today))) {
        error_set(&error, EXIT_STATUS_USAGE, "--today takes a day such as 2025-12-31, not '%s'", today);
        return cli_report(&error);
    }
    if (!session_open(&session, arguments, &status))
        return status;
    for (size_t i = 0; i < session.environments.count; i++) {
        struct strbuf text = STRBUF_INIT;

        session_compile(&session, session.environments.items[i], backends, &text);
        strbuf_free(&text);
    }
    if (!session.diags.error_count && session.environments.count == session.project->environments.count)
        report_allowances(&session, today);
    status = session_report(&session, true)
                 ? judge(&session, severity_from_name(cli_value(arguments, CLI_OPTION_SEVERITY)))
                 : EXIT_STATUS_IO;
    session_close(&session);
    return status;
}
