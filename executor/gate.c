#include "executor/gate.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

const char *gate_name(const struct plan_step *step)
{
    const char *name =
        step->action.instruction == INSTRUCTION_GATE ? json_string(json_get(step->action.forward, "name")) : NULL;

    return name ? name : "";
}

bool gate_pass(struct session *session, const struct plan_step *step, int64_t attempt,
    const struct run_options *options, struct error *error)
{
    const char *name = gate_name(step);
    const char *why = json_string(json_get(step->action.forward, "why"));
    struct json *note = json_new(session->arena, JSON_OBJECT);

    for (size_t i = 0; i < options->pass_count; i++) {
        if (strcmp(options->pass[i], name) != 0)
            continue;
        json_set_text(session->arena, note, "gate", name);
        json_set_text(session->arena, note, "reason", options->reason);
        json_set_text(session->arena, note, "who", session->config.holder);
        return session_record(
            session, session_find(session, step->target), step, LEDGER_EVENT_GATE_PASSED, attempt, note, error);
    }
    error_set(error, EXIT_STATUS_GATE, "waiting at gate '%s' of migration '%s': %s", name, step->migration,
        why ? why : "no reason is given");
    return error_help(error, "when it is so: %s", session_line(session, "apply --pass %s --reason TEXT", name));
}
