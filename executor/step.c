#include "executor/step.h"

#include <string.h>

#include "executor/redact.h"
#include "executor/retry.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

enum {
    REPAIRS_MAX = 3,
    RECONNECTS_MAX = 5,
    PROBE_POLL_MS = 1000,
};

/* One unit under way, forward or back. */
struct unit {
    struct session *session;
    struct session_target *target;
    const struct plan_step *const *steps;
    size_t count;
    int64_t *attempts;     /* the number of the next attempt of each step, as the ledger counts */
    int64_t tries;         /* of this process */
    enum step_state state; /* as far as it is known; STARTED where it is not */
    struct retry retry;
    struct step_outcome *out;
};

/* The call ended because it was asked to; a driver whose own time is up ends RESUMABLE as well. */
static bool is_interruption(const struct session *session, const struct error *error)
{
    return session_stopping(session) &&
           (error->exit_status == EXIT_STATUS_RESUMABLE || strcmp(error->sqlstate, "57014") == 0); /* query_canceled */
}

static bool interrupted(struct session *session, struct error *error)
{
    if (!session_check(session, error))
        return false;
    error_set(error, EXIT_STATUS_RESUMABLE, "stopped as asked");
    return error_help(error, "to go on: %s", session_line(session, "apply"));
}

/* --- notes: why a row was written --------------------------------------------------------------------------------- */

static struct json *note_by_probe(struct arena *arena, const struct probe_answer *answer)
{
    struct json *note = json_new(arena, JSON_OBJECT);

    json_set_text(arena, note, "by", "probe");
    if (answer->detail[0])
        json_set_text(arena, note, "detail", answer->detail);
    return note;
}

static struct json *note_of_error(struct arena *arena, const struct error *why)
{
    struct json *note = json_new(arena, JSON_OBJECT);
    char *message = arena_strdup(arena, why->message);

    redact_text(message);
    json_set_text(arena, note, "error", message);
    if (why->sqlstate[0])
        json_set_text(arena, note, "sqlstate", why->sqlstate);
    if (why->aws_code[0])
        json_set_text(arena, note, "aws_code", why->aws_code);
    return note;
}

bool step_record_failed(struct session *session, struct session_target *target, const struct plan_step *step,
    int64_t attempt, const struct error *why, struct error *error)
{
    return session_record(
        session, target, step, LEDGER_EVENT_FAILED, attempt, note_of_error(session->arena, why), error);
}

/* --- probing ------------------------------------------------------------------------------------------------------ */

/* After a call failed: a new connection, if that is what it takes. A server that falls over each time it is asked is
 * left alone after a while. */
static bool mend_connection(
    struct session *session, struct session_target *target, int *reconnects, struct error *error)
{
    return session_connection_lost(error) && !session_stopping(session) && (*reconnects)++ < RECONNECTS_MAX &&
           session_reconnect(session, target, error);
}

/* An inverse that is half done is run again, but where the plan has a repair for it: an index that is built anew. */
static bool wants_repair(const struct plan_step *step, bool inverse)
{
    return !inverse || json_string(json_get(step->inverse.action.forward, "repair"));
}

/* Asks until the answer is final: waits while the server still works on it, repairs what is half done. */
static bool probe_until_final(struct session *session, struct session_target *target, const struct plan_step *step,
    bool inverse, struct probe_answer *answer, struct error *error)
{
    int64_t give_up_ms = session_now(session) + step->timeouts.wait_ms;
    int repairs = 0, reconnects = 0;

    for (;;) {
        memset(answer, 0, sizeof(*answer));
        if (!session_check(session, error))
            return false;
        if (!target->ops->probe(target->driver, step, inverse, answer, error)) {
            if (!mend_connection(session, target, &reconnects, error))
                return false;
            continue;
        }
        if (answer->state == PROBE_RUNNING) {
            if (session_stopping(session))
                return interrupted(session, error);
            if (step->timeouts.wait_ms > 0 && session_now(session) >= give_up_ms) {
                error_set(error, EXIT_STATUS_HALTED, "step '%s' is still at work on the server after %lld s: %s",
                    step->id, (long long)(step->timeouts.wait_ms / 1000), answer->detail);
                return error_help(error, "nothing is lost; to go on waiting: %s", session_line(session, "apply"));
            }
            session_sleep(session, PROBE_POLL_MS);
            continue;
        }
        if (answer->state != PROBE_HALF_DONE || !wants_repair(step, inverse))
            return true;
        if (repairs++ == REPAIRS_MAX)
            return error_set(error, EXIT_STATUS_HALTED, "step '%s' is half done and %d repairs did not change that: %s",
                step->id, REPAIRS_MAX, answer->detail);
        session_log(session, "info", "%sstep '%s' was half done (%s); cleaning up before it is tried again",
            inverse ? "the undo of " : "", step->id, answer->detail);
        if (!target->ops->repair(target->driver, step, inverse, error) &&
            !mend_connection(session, target, &reconnects, error))
            return false;
    }
}

bool step_settle(struct session *session, struct session_target *target, const struct plan_step *step, int64_t attempt,
    enum step_state *state, struct error *error)
{
    struct probe_answer answer;

    *state = STEP_STATE_STARTED;
    if (!probe_until_final(session, target, step, false, &answer, error))
        return false;
    if (answer.state == PROBE_OTHER) {
        error_set(error, EXIT_STATUS_DRIFT, "step '%s' was started, and something else is in its place now: %s",
            step->id, answer.detail);
        return error_help(error, "mend it by hand, then say how it stands: %s",
            session_line(session, "resolve %s --as applied|undone --reason TEXT", step->id));
    }
    if (answer.state == PROBE_DONE) {
        *state = STEP_STATE_APPLIED;
        return session_record(
            session, target, step, LEDGER_EVENT_APPLIED, attempt, note_by_probe(session->arena, &answer), error);
    }
    *state = STEP_STATE_PENDING;
    return true;
}

/* --- attempts ----------------------------------------------------------------------------------------------------- */

enum attempt {
    ATTEMPT_DONE,
    ATTEMPT_FAILED, /* unit->state says what it left */
    ATTEMPT_BROKEN, /* what it left is unknown, or the process is to stop: nothing more can be done now */
};

/* The driver's arena goes with the driver. */
static void add_blocker(struct unit *unit, struct str text)
{
    struct arena *arena = unit->session->arena;
    struct json_error unread;
    struct json *blocker = text.len ? json_read(arena, text, JSON_STRICT, &unread) : NULL;

    if (!blocker)
        return;
    if (!unit->out->blocked_by)
        unit->out->blocked_by = json_new(arena, JSON_ARRAY);
    json_append(unit->out->blocked_by, blocker);
}

static void add_units(struct driver_units *sum, const struct driver_units *more)
{
    sum->known = sum->known || more->known;
    sum->read += more->read;
    sum->write += more->write;
    sum->ledger_read += more->ledger_read;
    sum->ledger_write += more->ledger_write;
}

static void take_result(struct unit *unit, const struct driver_result *result)
{
    struct step_outcome *out = unit->out;

    out->adopted = result->adopted;
    out->already_applied = result->already_applied;
    out->failed_step = result->failed_step < unit->count ? result->failed_step : 0;
    out->duration_ms += result->duration_ms;
    if (result->lock_wait_ms >= 0)
        out->lock_wait_ms = (out->lock_wait_ms < 0 ? 0 : out->lock_wait_ms) + result->lock_wait_ms;
    out->lock_hold_ms = result->lock_hold_ms;
    add_blocker(unit, result->blocker);
    out->affected = result->affected;
    add_units(&out->units, &result->units);
    out->detail = str_copy(unit->session->arena, result->detail);
}

/* What the ledger, just read, says of the unit: groups are all or nothing. Later attempts are counted on from it. */
static enum step_state state_by_ledger(const struct unit *unit)
{
    enum step_state state = STEP_STATE_PENDING;

    for (size_t i = 0; i < unit->count; i++) {
        const struct ledger_step *ledger = ledger_state_find(&unit->target->state, unit->steps[i]->id);

        if (ledger && ledger->attempts > unit->attempts[i])
            unit->attempts[i] = ledger->attempts;
        state = ledger ? ledger->state : STEP_STATE_PENDING;
    }
    return state;
}

/* What FAILED is pending as well, but was not undone. */
static bool is_undone_by_ledger(const struct unit *unit)
{
    const struct ledger_step *ledger = ledger_state_find(&unit->target->state, unit->steps[0]->id);

    return !ledger || ledger->last->event != LEDGER_EVENT_FAILED;
}

static enum attempt stop(struct unit *unit, struct error *error)
{
    (void)interrupted(unit->session, error);
    return ATTEMPT_BROKEN;
}

/* After a driver call failed: finds out what it left, by the ledger, over a new connection where the old one is gone.
 */
static enum attempt find_out(struct unit *unit, enum step_state wanted, struct error *error)
{
    struct error reading;
    bool read;

    unit->state = STEP_STATE_STARTED; /* for all that is known, until the ledger says otherwise */
    if (error->exit_status == EXIT_STATUS_LEASE)
        return ATTEMPT_BROKEN;
    if (is_interruption(unit->session, error))
        return stop(unit, error);
    if (error->exit_status == EXIT_STATUS_RESUMABLE) {
        if (!error->help[0])
            error_help(error, "to go on: %s", session_line(unit->session, "apply"));
        return ATTEMPT_BROKEN;
    }
    read = !session_connection_lost(error) && session_read_ledger(unit->session, unit->target, &reading);
    /* Or the reading shows that the connection is gone. */
    if (!read && (session_connection_lost(error) || session_connection_lost(&reading)))
        read = session_reconnect(unit->session, unit->target, &reading);
    if (!read) {
        *error = reading;
        return session_stopping(unit->session) ? stop(unit, error) : ATTEMPT_BROKEN;
    }
    unit->state = state_by_ledger(unit);
    if (unit->state != wanted || (wanted == STEP_STATE_PENDING && !is_undone_by_ledger(unit)))
        return ATTEMPT_FAILED;
    unit->out->already_applied = true;
    return ATTEMPT_DONE;
}

static enum attempt attempt_apply(struct unit *unit, struct error *error)
{
    const struct driver_journal journal = session_journal(unit->session, unit->target, unit->count + 1);
    const struct driver_work work = {.steps = unit->steps, .count = unit->count, .attempts = unit->attempts};
    struct driver_result result = {.lock_wait_ms = -1, .lock_hold_ms = -1, .affected = -1, .detail = STR("")};
    bool ok = unit->target->ops->apply(unit->target->driver, &journal, &work, &result, error);

    unit->tries++;
    take_result(unit, &result);
    unit->out->attempt = unit->attempts[unit->out->failed_step];
    return ok ? ATTEMPT_DONE : find_out(unit, STEP_STATE_APPLIED, error);
}

static enum attempt attempt_undo(struct unit *unit, struct error *error)
{
    const struct driver_journal journal = session_journal(unit->session, unit->target, 2);
    struct driver_result result = {.lock_wait_ms = -1, .lock_hold_ms = -1, .affected = -1, .detail = STR("")};
    bool ok =
        unit->target->ops->undo(unit->target->driver, &journal, unit->steps[0], unit->attempts[0], &result, error);

    unit->tries++;
    take_result(unit, &result);
    unit->out->attempt = unit->attempts[0];
    return ok ? ATTEMPT_DONE : find_out(unit, STEP_STATE_PENDING, error);
}

/* Tells whether the failure may be tried again, and sleeps before. */
static bool wait_to_retry(struct unit *unit, const struct error *error)
{
    struct session *session = unit->session;
    int64_t delay_ms;

    if (session_stopping(session) ||
        !retry_next(&unit->retry, error, session_now(session), session_random(session), &delay_ms))
        return false;
    session_log(session, "warning", "step '%s', attempt %lld: %s; trying again in %lld ms",
        unit->steps[unit->out->failed_step]->id, (long long)unit->tries, error->message, (long long)delay_ms);
    session_sleep(session, delay_ms);
    return true;
}

static struct unit unit_start(struct session *session, struct session_target *target,
    const struct plan_step *const *steps, const struct ledger_step *const *ledger, size_t count,
    struct step_outcome *out)
{
    struct unit unit = {.session = session, .target = target, .steps = steps, .count = count, .out = out};

    *out = (struct step_outcome){.lock_wait_ms = -1, .lock_hold_ms = -1, .affected = -1, .detail = STR("")};
    unit.attempts = ARENA_ARRAY(session->arena, int64_t, count);
    for (size_t i = 0; i < count; i++)
        unit.attempts[i] = ledger[i] ? ledger[i]->attempts : 0;
    unit.state = ledger[0] ? ledger[0]->state : STEP_STATE_PENDING;
    unit.retry = retry_start(steps[0]->retry, session->plan->policy.retry_for_ms, session_now(session));
    return unit;
}

/* --- forward ------------------------------------------------------------------------------------------------------ */

/* Nothing of the unit remains: writes that down. */
static bool give_up(struct unit *unit, const struct error *error)
{
    struct error recording;
    size_t failed = unit->out->failed_step;

    if (!step_record_failed(
            unit->session, unit->target, unit->steps[failed], unit->attempts[failed], error, &recording))
        session_log(unit->session, "warning", "the failure of step '%s' could not be written to the ledger: %s",
            unit->steps[failed]->id, recording.message);
    return false;
}

static bool apply_group(struct unit *unit, struct error *error)
{
    /* One number for all tries of this process: that is how a try that did commit is recognised. */
    for (size_t i = 0; i < unit->count; i++)
        unit->attempts[i]++;
    for (;;) {
        enum attempt attempt = session_stopping(unit->session) ? stop(unit, error) : attempt_apply(unit, error);

        if (attempt == ATTEMPT_BROKEN)
            return false;
        if (attempt == ATTEMPT_DONE)
            return true;
        if (!wait_to_retry(unit, error))
            return session_stopping(unit->session) ? interrupted(unit->session, error) : give_up(unit, error);
    }
}

static bool apply_alone(struct unit *unit, struct error *error)
{
    bool failed = false;

    for (;;) {
        if (unit->state == STEP_STATE_STARTED) {
            struct error settling;

            if (!step_settle(unit->session, unit->target, unit->steps[0], unit->attempts[0], &unit->state, &settling)) {
                /* That it could not be found out weighs more than what failed before. */
                *error = settling;
                return false;
            }
            if (unit->state == STEP_STATE_APPLIED) {
                unit->out->already_applied = true;
                return true;
            }
        }
        if (failed && !wait_to_retry(unit, error))
            return session_stopping(unit->session) ? interrupted(unit->session, error) : give_up(unit, error);
        if (session_stopping(unit->session))
            return interrupted(unit->session, error);
        unit->attempts[0]++;
        switch (attempt_apply(unit, error)) {
        case ATTEMPT_DONE:
            return true;
        case ATTEMPT_BROKEN:
            return false;
        case ATTEMPT_FAILED:
            failed = true;
            break;
        }
    }
}

bool step_apply(struct session *session, struct session_target *target, const struct plan_step *const *steps,
    const struct ledger_step *const *ledger, size_t count, struct step_outcome *out, struct error *error)
{
    struct unit unit = unit_start(session, target, steps, ledger, count, out);
    bool ok =
        instruction_is_alone(steps[0]->action.instruction) ? apply_alone(&unit, error) : apply_group(&unit, error);

    out->state = ok ? STEP_STATE_APPLIED : unit.state;
    return ok;
}

/* --- back --------------------------------------------------------------------------------------------------------- */

/* Undoing it leaves everything as it is: there is no effect, or it was in place before we came. */
static bool undo_is_a_row(const struct plan_step *step, const struct ledger_step *ledger)
{
    return step->inverse.action.none || step->action.instruction == INSTRUCTION_GATE ||
           step->action.instruction == INSTRUCTION_BARRIER ||
           (ledger->applied &&
               (ledger->applied->event == LEDGER_EVENT_ADOPTED || ledger->applied->event == LEDGER_EVENT_BASELINED));
}

/* An undo that was begun: *done when it turns out to be complete (the row is written). */
static bool settle_undo(struct unit *unit, bool *done, struct error *error)
{
    struct probe_answer answer;

    *done = false;
    if (!probe_until_final(unit->session, unit->target, unit->steps[0], true, &answer, error))
        return false;
    if (answer.state == PROBE_OTHER)
        return error_set(error, EXIT_STATUS_DRIFT,
            "the undo of step '%s' was begun, and something else is in its place now: %s", unit->steps[0]->id,
            answer.detail);
    *done = answer.state == PROBE_DONE;
    return !*done || session_record(unit->session, unit->target, unit->steps[0], LEDGER_EVENT_UNDONE, unit->attempts[0],
                         note_by_probe(unit->session->arena, &answer), error);
}

/* The undo was refused because its guard does not hold: nothing was begun. */
static bool refused_by_guard(struct unit *unit, struct error *error)
{
    const struct plan_step *step = unit->steps[0];
    struct error asking;
    char detail[512] = "";
    bool holds = true;

    if (unit->state == STEP_STATE_UNDO_STARTED || step->inverse.grade != GRADE_EXACT || !step->inverse.guard ||
        !unit->target->ops->guard(unit->target->driver, step, &holds, detail, sizeof(detail), &asking) || holds)
        return false;
    error_set(error, EXIT_STATUS_UNDO_HALTED, "undoing step '%s' would lose data: %s", step->id,
        detail[0] ? detail : "its guard does not hold");
    error_help(error, "to undo it nevertheless: %s", session_line(unit->session, "rollback --resume --yes"));
    return true;
}

/* Keeps apply from going forward over an undo that failed. */
static bool give_up_undo(struct unit *unit, struct error *error)
{
    struct error recording;

    if (refused_by_guard(unit, error))
        return false;

    if (unit->state != STEP_STATE_UNDO_STARTED && !unit->session->letting_go && /* else it holds on */
        !session_record(unit->session, unit->target, unit->steps[0], LEDGER_EVENT_UNDO_STARTED, unit->attempts[0],
            note_of_error(unit->session->arena, error), &recording))
        session_log(unit->session, "warning", "the failed undo of step '%s' could not be written to the ledger: %s",
            unit->steps[0]->id, recording.message);
    if (!unit->session->letting_go)
        unit->state = STEP_STATE_UNDO_STARTED;
    return false;
}

static bool undo_attempts(struct unit *unit, struct error *error)
{
    bool alone = instruction_is_alone(unit->steps[0]->inverse.action.instruction);
    bool failed = false;

    for (;;) {
        if (alone && unit->state == STEP_STATE_UNDO_STARTED) {
            struct error settling;
            bool done;

            if (!settle_undo(unit, &done, &settling)) {
                *error = settling;
                return false;
            }
            if (done)
                return true;
        }
        if (failed && !wait_to_retry(unit, error))
            return session_stopping(unit->session) ? interrupted(unit->session, error) : give_up_undo(unit, error);
        if (session_stopping(unit->session))
            return interrupted(unit->session, error);
        unit->attempts[0]++;
        switch (attempt_undo(unit, error)) {
        case ATTEMPT_DONE:
            return true;
        case ATTEMPT_BROKEN:
            return false;
        case ATTEMPT_FAILED:
            failed = true;
            break;
        }
    }
}

bool step_undo(struct session *session, struct session_target *target, const struct plan_step *step,
    const struct ledger_step *ledger, struct step_outcome *out, struct error *error)
{
    struct unit unit = unit_start(session, target, &step, &ledger, 1, out);
    int64_t before = unit.attempts[0];
    bool ok;

    if (undo_is_a_row(step, ledger)) {
        struct json *note = json_new(session->arena, JSON_OBJECT);

        json_set_text(session->arena, note, "by", "nothing to undo");
        out->attempt = 1;
        ok = session_record(session, target, step, LEDGER_EVENT_UNDONE, before + 1, note, error);
    } else {
        ok = undo_attempts(&unit, error);
        out->attempt = unit.attempts[0] - before;
    }
    out->state = ok ? STEP_STATE_PENDING : unit.state;
    return ok;
}
