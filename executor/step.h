/*
 * One unit of work brought to its end: the steps of a transaction group, or one step that runs alone, forward or back.
 * Here are the attempts, the waits between them, the probes that tell what became of an attempt whose answer was lost,
 * and the rows that only the executor can write (APPLIED and UNDONE found by a probe, FAILED).
 *
 * What a failure leaves behind is in outcome.state: PENDING when nothing of it remains (the FAILED row is written), or,
 * of a gradual step, a part that the next run goes on from and that an undo takes back; STARTED or UNDO_STARTED when
 * that has to be found out by the next run.
 */
#ifndef EXECUTOR_STEP_H
#define EXECUTOR_STEP_H

#include "executor/session.h"

struct step_outcome {
    enum step_state state; /* of the unit afterwards */
    bool adopted;
    bool already_applied; /* found done: nothing was executed by this process */
    size_t failed_step;   /* on failure: index into the unit */
    int64_t attempt;      /* the last one that was made, of the (failed) step; of an undo: how many were made */
    int64_t duration_ms;
    int64_t lock_wait_ms;    /* in all attempts; -1 unknown */
    int64_t lock_hold_ms;    /* of the last one; -1 unknown */
    struct json *blocked_by; /* who was in the way, in the order of attempts; NULL: nobody was seen */
    int64_t affected;        /* -1 unknown */
    struct driver_units units; /* in all attempts */
    struct str detail;       /* JSON object of the driver, or "" */
};

/* steps: consecutive ones of one transaction group, or one that runs alone. ledger[i]: what is known of steps[i] or
 * NULL. False with exit status RESUMABLE when it was asked to stop, LEASE when a lease was lost. */
bool step_apply(struct session *session, struct session_target *target, const struct plan_step *const *steps,
    const struct ledger_step *const *ledger, size_t count, struct step_outcome *out, struct error *error) MUST_CHECK;

/* step: as the ledger keeps it. */
bool step_undo(struct session *session, struct session_target *target, const struct plan_step *step,
    const struct ledger_step *ledger, struct step_outcome *out, struct error *error) MUST_CHECK;

/* Brings a step that is STARTED by its last row to APPLIED or to nothing left of it. *state: APPLIED (the row is
 * written) or PENDING (not written). Waits for a server that still works on it, repairs what is half done. False with
 * DRIFT when something else is in its place. */
bool step_settle(struct session *session, struct session_target *target, const struct plan_step *step, int64_t attempt,
    enum step_state *state, struct error *error) MUST_CHECK;

/* Writes FAILED for an attempt of which nothing remains. */
bool step_record_failed(struct session *session, struct session_target *target, const struct plan_step *step,
    int64_t attempt, const struct error *why, struct error *error) MUST_CHECK;

#endif
