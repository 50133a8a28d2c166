#include "executor/resolve.h"

#include <string.h>

#include "executor/projection.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

/* The step as the ledger ran it, or else as the plan has it; and where. */
static bool find_step(struct session *session, const char *id, struct session_target **target,
    const struct ledger_step **ledger, struct plan_step *step, struct error *error)
{
    const struct plan_step *planned = plan_find_step(session->plan, id);

    for (size_t i = 0; i < session->target_count; i++) {
        *target = &session->targets[i];
        *ledger = ledger_state_find(&(*target)->state, id);
        if (*ledger)
            return session_read_step(session, *ledger, step, error);
    }
    if (!planned) {
        error_set(error, EXIT_STATUS_USAGE, "neither the plan nor a ledger has a step '%s'", id);
        return error_help(error, "the steps that want it: %s", session_line(session, "status"));
    }
    *target = session_find(session, planned->target);
    *ledger = NULL;
    *step = *planned;
    return true;
}

/* A run that is open goes on being open under its own name; otherwise this is a run of its own, and ends. */
static bool belongs_to_open_run(struct session *session, const struct ledger_step *ledger)
{
    const struct session_target *newest = session_newest(session);

    return ledger && newest && !newest->state.last_run_ended && strcmp(ledger->last->run, newest->state.last_run) == 0;
}

static bool record(struct session *session, const struct resolve_options *options, struct session_target *target,
    const struct ledger_step *ledger, const struct plan_step *step, struct error *error)
{
    struct json *note = json_new(session->arena, JSON_OBJECT);
    bool open = belongs_to_open_run(session, ledger);

    json_set_text(session->arena, note, "as", options->applied ? "applied" : "undone");
    json_set_text(session->arena, note, "reason", options->reason);
    json_set_text(session->arena, note, "who", session->config.holder);
    json_set_text(session->arena, note, "was", ledger ? ledger_event_name(ledger->last->event) : NULL);
    if (open)
        session_continue_run(session, ledger->last->run);
    return session_record(
               session, target, step, LEDGER_EVENT_RESOLVED, (ledger ? ledger->attempts : 0) + 1, note, error) &&
           (open || session_end_run(session, error)) && session_refresh(session, error);
}

int resolve_run(struct session *session, const struct resolve_options *options, struct error *error)
{
    const struct ledger_step *ledger = NULL;
    struct session_target *target = NULL;
    struct plan_step step = {0};
    enum step_state state, wanted = options->applied ? STEP_STATE_APPLIED : STEP_STATE_PENDING;

    if (!session_open(session, error) || !session_require_owner(session, error) ||
        !session_take_leases(session, error) || !session_read_ledgers(session, error) ||
        !find_step(session, options->step, &target, &ledger, &step, error))
        return error->exit_status;
    state = ledger ? ledger->state : STEP_STATE_PENDING;
    if (state == wanted) {
        session_log(session, "info", "step '%s' is %s already; nothing was recorded", step.id,
            options->applied ? "applied" : "not applied");
        return EXIT_STATUS_DONE;
    }
    if (!record(session, options, target, ledger, &step, error))
        return error->exit_status;
    projection_update(session);
    session_log(session, "info", "step '%s' counts as %s now; next: %s", step.id,
        options->applied ? "applied" : "undone", session_line(session, "apply"));
    return EXIT_STATUS_DONE;
}

int unlock_run(struct session *session, struct error *error)
{
    bool any = false;

    if (!session_open(session, error) || !session_require_owner(session, error))
        return error->exit_status;
    for (size_t i = 0; i < session->target_count; i++) {
        struct session_target *target = &session->targets[i];
        struct lease_state lease = {0};

        if (!target->ops->lease_look(target->driver, &lease, error)) {
            session_name_target(target, error);
            return error->exit_status;
        }
        if (!lease.held)
            continue;
        if (!target->ops->lease_break(target->driver, error)) {
            session_name_target(target, error);
            return error->exit_status;
        }
        any = true;
        session_log(session, "info", "target '%s': the lease of %s, run %s, was ended", target->plan->name,
            lease.holder, lease.run);
    }
    if (!any)
        session_log(session, "info", "no lease is held");
    return EXIT_STATUS_DONE;
}
