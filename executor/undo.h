/*
 * The list of steps that are to be undone, what undoing each would lose, and doing it: used by `rollback` and by a run
 * whose policy is to roll back when a step fails. Inverses come from the ledger's step lines, never from the plan; the
 * order is that of execution backwards, over all targets, by run_seq.
 *
 *     undo_collect(&session, wanted, context, &list, …)
 *     undo_judge(&session, &list, …)              grades, guards: fills loss and refusal
 *     undo_execute(&session, &list, …)            newest first; stops at the first failure
 */
#ifndef EXECUTOR_UNDO_H
#define EXECUTOR_UNDO_H

#include "executor/progress.h"
#include "executor/report.h"
#include "executor/session.h"

struct undo_item {
    struct session_target *target;
    const struct ledger_step *ledger;
    const struct plan_step *step; /* as the ledger keeps it */
    int64_t run_seq;              /* of the row that put its effect there */
    const char *loss;             /* NULL: undoing loses nothing */
    const char *refusal;          /* NULL: it can be undone */
    const char *left_alone;       /* why undoing it executes nothing, where that is worth saying; or NULL */
    const char *holds_after;      /* the guard does not hold now, but will once this step's data is undone; or NULL */
};

struct undo_list {
    VEC(struct undo_item) items; /* newest first */
};

/* Is this step, which is applied, half undone, or half done (a gradual one), to be undone? step is as the ledger keeps
 * it. */
typedef bool undo_filter(void *context, const struct plan_step *step, const struct ledger_step *ledger);

bool undo_collect(
    struct session *session, undo_filter *wanted, void *context, struct undo_list *out, struct error *error) MUST_CHECK;
/*
 * by_itself: nobody was asked, so what a person passed, and what was in place before, is refused.
 *
 * A guard asks whether data would be lost ("the column holds its default everywhere"). Where a step that is undone
 * before it wrote that very data (a backfill of the column), the guard cannot hold yet: it counts as exact and is asked
 * again when its turn has come, as every guard is.
 */
bool undo_judge(struct session *session, struct undo_list *list, bool by_itself, struct error *error) MUST_CHECK;
size_t undo_count_losses(const struct undo_list *list);
size_t undo_count_refusals(const struct undo_list *list);
/* One line a step for people, and the same into the report. */
void undo_print(const struct undo_list *list, struct strbuf *out);
void undo_report(const struct undo_list *list, struct report *report);
/* Guards are asked again right before each step; one that fails now though it held before stops it. Exit status of the
 * error: UNDO_HALTED, RESUMABLE, LEASE or what the target said. */
bool undo_execute(struct session *session, const struct undo_list *list, struct progress *progress,
    struct report *report, struct error *error) MUST_CHECK;

#endif
