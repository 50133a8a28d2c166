/*
 * What compile and lint share: the project of --file, the environments asked for, and the plans that they give.
 *
 *     if (session_open(&session, arguments, &status)) …
 *     for each environment: plan = session_compile(&session, environment, &backends) …
 *     session_report(&session, false);
 *     session_close(&session);
 */
#ifndef COMPILER_SESSION_H
#define COMPILER_SESSION_H

#include "compiler/compile.h"
#include "compiler/findings.h"
#include "spec/cli.h"

struct session {
    struct arena arena; /* the project and what is reported about it */
    struct diag_list diags;
    struct project *project;
    enum findings_format format;
    struct arena *environment_arenas; /* one for each environment; kept while something reported may point into it */
    VEC(const struct project_environment *) environments; /* asked for, in the order of declaration */
};

/* False with *status when the command line is wrong or the project cannot be read at all. --env names one environment;
 * without it all are asked for. */
bool session_open(struct session *session, const struct cli_arguments *arguments, int *status);
void session_close(struct session *session);

/* The environment's plan, written as text into *out; its arena is freed. False when there are errors. */
bool session_compile(struct session *session, const struct project_environment *environment,
    const struct backend_list *backends, struct strbuf *out);

/* The project's events outside of any plan; what is wrong is reported, with *status, and NULL returned. The variables of
 * the schemas are those of --env, which is needed where there are some and the project has several environments. */
struct event_types *session_events(struct session *session, const struct cli_arguments *arguments, int *status);

/* Prints what was found, sorted, on stdout where it is the command's result or of a form for tools, else on stderr.
 * False when it cannot be written. */
bool session_report(struct session *session, bool is_result);

#endif
