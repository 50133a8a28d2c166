/* Ledgers as a session reads them, and the rows that it writes under its run. */
#include "executor/session.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

bool session_read_ledger(struct session *session, struct session_target *target, struct error *error)
{
    struct ledger ledger = {0};

    if (target->initialised &&
        (!target->ops->ledger_read(target->driver, session->arena, &ledger, error) || !ledger_verify(&ledger, error)))
        return session_name_target(target, error);
    target->ledger = ledger;
    target->written = false;
    ledger_fold(session->arena, &target->ledger, &target->state);
    if (target->state.last_run_seq >= session->next_run_seq)
        session->next_run_seq = target->state.last_run_seq + 1;
    return true;
}

bool session_read_ledgers(struct session *session, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (!session_read_ledger(session, &session->targets[i], error))
            return false;
    return true;
}

bool session_read_step(
    struct session *session, const struct ledger_step *step, struct plan_step *out, struct error *error)
{
    if (plan_step_read(session->arena, step->step_line, out, error))
        return true;
    error->exit_status = EXIT_STATUS_HISTORY;
    return error_wrap(error, "the ledger's line of step '%s'", step->last->step);
}

struct session_target *session_newest(struct session *session)
{
    struct session_target *newest = NULL;

    for (size_t i = 0; i < session->target_count; i++)
        if (session->targets[i].state.last_run &&
            (!newest || session->targets[i].state.last_run_seq > newest->state.last_run_seq))
            newest = &session->targets[i];
    return newest;
}

/* UUID version 4 (RFC 9562, section 5.4). */
void session_new_run(struct session *session)
{
    unsigned char bytes[16];
    size_t used = 0;

    if (!session->config.host->random_bytes(session->config.host->context, bytes, sizeof(bytes)))
        BUG("no random numbers");
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            session->run[used++] = '-';
        used += (size_t)snprintf(session->run + used, sizeof(session->run) - used, "%02x", bytes[i]);
    }
}

void session_continue_run(struct session *session, const char *run)
{
    snprintf(session->run, sizeof(session->run), "%s", run);
}

struct driver_journal session_journal(struct session *session, struct session_target *target, size_t rows)
{
    const struct driver_journal journal = {
        .run = session->run,
        .run_seq = session->next_run_seq,
        .plan_digest = session->plan->digest,
        .letting_go = session->letting_go,
    };

    /* Reserved whether or not they get written: gaps are harmless, numbers given twice are not. */
    session->next_run_seq += (int64_t)rows;
    target->written = true;
    session->last_written = target;
    return journal;
}

bool session_record(struct session *session, struct session_target *target, const struct plan_step *step,
    enum ledger_event event, int64_t attempt, const struct json *note, struct error *error)
{
    const struct driver_journal journal = session_journal(session, target, 1);
    const struct ledger_entry entry = {.step = step, .event = event, .attempt = attempt, .note = note};

    return target->ops->record(target->driver, &journal, &entry, error);
}

bool session_record_of_run(struct session *session, struct session_target *target, enum ledger_event event,
    const struct json *note, struct error *error)
{
    static const struct plan_step none = {
        .id = LEDGER_NO_STEP,
        .migration = LEDGER_NO_STEP,
        .source_digest = "",
        .effect_digest = "",
        .line = {"", 0},
    };
    int64_t before = 0;

    for (size_t i = 0; i < target->ledger.rows.count; i++)
        before += target->ledger.rows.items[i].event == event;
    return session_record(session, target, &none, event, before + 1, note, error);
}

bool session_end_run(struct session *session, struct error *error)
{
    struct session_target *target = session->last_written;

    if (!target) {
        target = session_newest(session);
        if (!target || strcmp(target->state.last_run, session->run) != 0 || target->state.last_run_ended)
            return true;
    }
    return session_record_of_run(session, target, LEDGER_EVENT_ENDED, NULL, error);
}

bool session_refresh(struct session *session, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (session->targets[i].written && session->targets[i].driver &&
            !session_read_ledger(session, &session->targets[i], error))
            return false;
    return true;
}

void session_refresh_after_failure(struct session *session)
{
    struct error error;

    if (!session->lost && !session_refresh(session, &error))
        session_log(session, "warning", "the ledger could not be read again: %s", error.message);
}
