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

static bool plan_holds(const struct plan *plan)
{
    for (size_t i = 0; i < plan->steps.count; i++)
        if (json_get(plan->steps.items[i].action.forward, "put_back"))
            return true;
    return false;
}

void hold_release(struct session *session, struct progress *progress, struct report *report)
{
    struct undo_list list;
    struct error error;

    if (!plan_holds(session->plan) || session->lost)
        return;
    if (!session_refresh(session, &error) || !undo_collect(session, is_held, session, &list, &error)) {
        session_log(session, "warning", "what is held for other steps was not let go: %s", error.message);
        return;
    }
    if (!list.items.count)
        return;
    session_log(session, "info", "letting go what was held for the steps that are not done");
    undo_report(&list, report);
    if (!undo_execute(session, &list, progress, report, &error))
        session_log(session, "warning", "it was not let go: %s", error.message);
}
