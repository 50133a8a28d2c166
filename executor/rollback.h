/*
 * `rollback`: undoes applied steps on a person's word. The plan names the environment and the order of migrations; what
 * is executed comes from the ledgers. Steps that cannot be undone refuse the whole list, steps whose undoing loses data
 * want consent; nothing is touched before both are settled.
 */
#ifndef EXECUTOR_ROLLBACK_H
#define EXECUTOR_ROLLBACK_H

#include "executor/progress.h"
#include "executor/report.h"
#include "executor/session.h"

struct rollback_options {
    const char *to;        /* keep this migration, undo all that the plan has behind it; or NULL */
    const char *migration; /* undo this one alone; or NULL */
    const char **newest;   /* undo the migration that ran last alone, and put its id here, or NULL when nothing is applied */
    bool last;             /* undo the newest run that still has something applied */
    bool resume;           /* go on with a rollback that did not finish */
    bool yes;              /* consent to losses */
};

/* The ROLLBACK row of the newest run, if that is a rollback that a person asked for and that has not come to its end. */
const struct ledger_row *rollback_find_unfinished(struct session *session);
/* Exactly one of to, migration, newest, last and resume is given. Returns the exit status; error is set unless it is DONE. */
int rollback_run(struct session *session, const struct rollback_options *options, struct progress *progress,
    struct report *report, struct error *error);

#endif
