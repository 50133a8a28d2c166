/*
 * Findings: what is no error, but what an expert would ask about. A migration's `allow` accepts a rule there, with a
 * reason; `lint` of the project, and of an environment over that, says how much a rule matters, or that it does not:
 *
 *     lint_report(&settings, diags, migration, DIAG(PG101), span, "…")     NULL: not to be reported
 */
#ifndef COMPILER_LINT_H
#define COMPILER_LINT_H

#include "compiler/project.h"
#include "spec/diagnostic.h"

struct lint_settings {
    const struct node *project;     /* `lint` of the project: from rule to off, info, warning or error; NULL */
    const struct node *environment; /* of the environment; NULL */
};

/* The severity of a rule. False: it is switched off. */
bool lint_severity(const struct lint_settings *settings, const struct diag_code *code, enum diag_severity *out);
/* Reports a finding unless the migration (NULL: none) allows it, or it is switched off: then NULL. */
struct diag *lint_report(const struct lint_settings *settings, struct diag_list *diags,
    const struct project_migration *migration, const struct diag_code *code, struct span span, const char *message);
/* A rule of `allow` or `lint`; NULL and diagnosed when there is no such finding, or it is an error. verb: "allowed". */
const struct diag_code *lint_rule(
    struct arena *arena, struct diag_list *diags, const struct node *rule, const char *verb);
/* Diagnoses the rules that a `lint` mapping (NULL: none) names. */
void lint_check_settings(struct arena *arena, struct diag_list *diags, const struct node *settings);

#endif
