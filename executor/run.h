/*
 * `apply`: runs what is pending of a plan, in the plan's order.
 *
 *     capabilities → open → owner and identity → leases → ledgers → plan against ledgers → drift of what pending steps
 *     touch → consent to what cannot be undone → steps → ENDED → projections
 *
 * Nothing is written before the steps but what `--init` makes. What is done when a step fails is the plan's policy; a
 * rollback undoes the whole open run or, unless every inverse in it is exact, nothing.
 */
#ifndef EXECUTOR_RUN_H
#define EXECUTOR_RUN_H

#include "executor/history.h"
#include "executor/progress.h"
#include "executor/report.h"
#include "executor/session.h"

struct run_options {
    bool init;
    bool dry_run;
    bool yes;       /* consent to steps that cannot be undone */
    const char *to; /* the last migration to apply; NULL: all */
    bool has_phase;
    enum phase phase;        /* stop before the first step of a later one */
    const char *reason;      /* for gates; or NULL */
    const char *const *pass; /* names of gates that may be passed */
    size_t pass_count;
    const char *const *out_of_order;
    size_t out_of_order_count;
    const char *const *expect_head; /* TARGET=HASH, or HASH where the plan has one target */
    size_t expect_head_count;
};

/* Returns the exit status; error is set unless it is DONE. */
int run_apply(struct session *session, const struct run_options *options, struct progress *progress,
    struct report *report, struct error *error);

#endif
