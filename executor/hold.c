#include "executor/hold.h"

#include <string.h>

#include "executor/undo.h"

static bool is_held(void *context, const struct plan_step *step, const struct ledger_step *ledger)
{
    const struct session *session = context;
    const char *put_back = json_string(json_get(step->action.forward, "put_back"));

    if (!put_back || ledger->state != STEP_STATE_APPLIED)
        return false;
    for (size_t t = 0; t < session->target_count; t++) {
        const struct ledger_step *end = ledger_state_find(&session->targets[t].state, put_back);

        if (strcmp(session->targets[t].plan->name, step->target) == 0)
            return !end || end->state != STEP_STATE_APPLIED;
    }
    return false;
}

/* Only steps of DynamoDB hold anything. Which do is in the ledger: of applied steps the plan is not read in full. */
static bool may_hold(const struct session *session)
{
    for (size_t t = 0; t < session->target_count; t++)
        if (session->targets[t].plan->engine == ENGINE_DYNAMODB)
            return true;
    return false;
}

static bool let_go(struct session *session, const struct undo_list *list, struct progress *progress,
    struct report *report, struct error *error)
{
    bool ok;

    undo_report(list, report);
    session->letting_go = true;
    ok = undo_execute(session, list, progress, report, error);
    session->letting_go = false;
    return ok;
}

static bool was_let_go(void *context, const struct plan_step *step, const struct ledger_step *ledger)
{
    (void)context;
    (void)step;
    return ledger_step_is_letting_go(ledger);
}

/* Without reading each step's line. */
static bool was_any_let_go(const struct session *session)
{
    const struct map_entry *entry;

    for (size_t t = 0; t < session->target_count; t++)
        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);)
            if (ledger_step_is_letting_go(entry->value))
                return true;
    return false;
}

static bool anything_was_let_go(const struct session *session)
{
    for (size_t t = 0; t < session->target_count; t++) {
        const struct map_entry *entry;

        for (size_t i = 0; map_next(&session->targets[t].state.steps, &i, &entry);)
            if (ledger_step_is_letting_go(entry->value))
                return true;
    }
    return false;
}

bool hold_finish(struct session *session, struct progress *progress, struct report *report, struct error *error)
{
    const struct session_target *newest = session_newest(session);
    char own_run[SESSION_UUID_LEN + 1];
    struct undo_list list;
    bool ok;

    if (!was_any_let_go(session))
        return true;
    if (!anything_was_let_go(session))
        return true;
    if (!undo_collect(session, was_let_go, NULL, &list, error))
        return false;
    session_log(session, "info", "letting go what was held when the last run ended");
    /* It is that run's row: whether this one goes on with it is decided afterwards. */
    memcpy(own_run, session->run, sizeof(own_run));
    if (!newest->state.last_run_ended)
        session_continue_run(session, newest->state.last_run);
    ok = let_go(session, &list, progress, report, error) && session_refresh(session, error);
    memcpy(session->run, own_run, sizeof(own_run));
    return ok;
}

void hold_release(struct session *session, struct progress *progress, struct report *report)
{
    struct undo_list list;
    struct error error;

    if (!may_hold(session) || session->lost)
        return;
    if (!session_refresh(session, &error) || !undo_collect(session, is_held, session, &list, &error)) {
        session_log(session, "warning", "what is held for other steps was not let go: %s", error.message);
        return;
    }
    if (!list.items.count)
        return;
    session_log(session, "info", "letting go what was held for the steps that are not done");
    if (!let_go(session, &list, progress, report, &error))
        session_log(session, "warning", "it was not let go: %s", error.message);
}
