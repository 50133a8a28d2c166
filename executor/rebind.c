#include "executor/rebind.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/exit.h"

static bool has_other_identity(const struct session_target *target)
{
    return strcmp(target->owner.identity.text, target->identity.text) != 0;
}

static bool wants_consent(const struct session *session, size_t changed, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++) {
        const struct session_target *target = &session->targets[i];

        if (has_other_identity(target))
            session_log(session, "info", "target '%s': its ledger was made on '%s'; it is '%s' now", target->plan->name,
                target->owner.identity.text, target->identity.text);
    }
    error_set(error, EXIT_STATUS_CONSENT, "%zu target%s would take a new identity; nothing was touched", changed,
        changed == 1 ? "" : "s");
    return error_help(error, "if this is a copy that lives on its own, or the database has moved: %s",
        session_line(session, "rebind --yes"));
}

/* The row comes first: a rebind that dies in between is begun again, and its row is there twice. */
static bool rebind_target(
    struct session *session, struct session_target *target, const char *reason, struct error *error)
{
    struct json *note = json_new(session->arena, JSON_OBJECT);

    json_set_text(session->arena, note, "rebound_from", target->owner.identity.text);
    json_set_text(session->arena, note, "rebound_to", target->identity.text);
    json_set_text(session->arena, note, "who", session->config.holder);
    json_set_text(session->arena, note, "reason", reason);
    if (!session_record_of_run(session, target, LEDGER_EVENT_ENDED, note, error) ||
        !target->ops->rebind(target->driver, &target->identity, error))
        return session_name_target(target, error);
    session_log(session, "info", "target '%s' was '%s' and is '%s' now", target->plan->name,
        target->owner.identity.text, target->identity.text);
    return true;
}

int rebind_run(struct session *session, bool yes, const char *reason, struct error *error)
{
    size_t changed = 0;

    if (!session_open(session, error) || !session_require_project(session, error))
        return error->exit_status;
    for (size_t i = 0; i < session->target_count; i++)
        changed += has_other_identity(&session->targets[i]);
    if (!changed) {
        session_log(session, "info", "nothing to do: every target has the identity that its ledger was made on");
        return EXIT_STATUS_DONE;
    }
    if ((!yes && !wants_consent(session, changed, error)) || !session_take_leases(session, error) ||
        !session_read_ledgers(session, error))
        return error->exit_status;
    for (size_t i = 0; i < session->target_count; i++)
        if (has_other_identity(&session->targets[i]) && !rebind_target(session, &session->targets[i], reason, error))
            return error->exit_status;
    return EXIT_STATUS_DONE;
}
