/*
 * What apply checks before it touches anything, each with its own exit status and what to do about it.
 */
#ifndef EXECUTOR_PREFLIGHT_H
#define EXECUTOR_PREFLIGHT_H

#include "executor/history.h"
#include "executor/report.h"
#include "executor/run.h"

/* UNSUPPORTED: the plan asks for what this executor lacks. Names each and what asks for it. */
bool preflight_capabilities(const struct plan *plan, struct error *error) MUST_CHECK;
/* USAGE: options that name what the plan does not have. */
bool preflight_options(const struct plan *plan, const struct run_options *options, struct error *error) MUST_CHECK;
/* HISTORY: a ledger has another head than --expect-head says. */
bool preflight_heads(struct session *session, const struct run_options *options, struct error *error) MUST_CHECK;
/* Steps that were begun or failed and have been changed since: fine when nothing remains of the old one, by its probe
 * (and then that is written down); HISTORY otherwise. */
bool preflight_changed(struct session *session, const struct history *history, struct error *error) MUST_CHECK;
/* Where this run ends: index behind its last step, by --to and --phase. */
bool preflight_end(const struct plan *plan, const struct run_options *options, const struct history *history,
    size_t *end, struct error *error) MUST_CHECK;
/* DRIFT: what pending steps touch is not as the ledger saw it last, or stands where they want to build. The findings go
 * into the report. */
bool preflight_drift(struct session *session, const struct history *history, size_t end, struct report *report,
    struct error *error) MUST_CHECK;
/* CONSENT: a pending step can never be undone, the policy forbids that, and nobody said --yes. */
bool preflight_consent(struct session *session, const struct run_options *options, const struct history *history,
    size_t end, struct error *error) MUST_CHECK;

#endif
