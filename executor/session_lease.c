/* Leases: taken, renewed, lost, given back; and connections, with which they go. */
#include "executor/session.h"

#include <string.h>

#include "executor/holder.h"
#include "executor/session_impl.h"
#include "spec/exit.h"

enum {
    LEASE_LOOK_MS = 500,
    RECONNECT_DELAY_MS = 500,
    RELEASE_FOR_MS = 2000,
    RECONNECT_FOR_MS = 60000, /* at least, whatever retry_for says: what became of a step has to be known */
};

/* --- taking them -------------------------------------------------------------------------------------------------- */

/* A holder that ended on this very machine will never renew its lease: it is ended here and now. */
static bool end_lease_of_the_dead(struct session *session, struct session_target *target, struct error *error)
{
    struct lease_state lease;

    if (!target->ops->lease_look(target->driver, &lease, error))
        return false;
    if (!lease.held || !holder_is_gone(lease.holder))
        return true;
    session_log(session, "warning", "target '%s': the lease of %s is ended: that process is gone", target->plan->name,
        lease.holder);
    /* LEASE: what it had begun goes on in the server, or somebody was faster. That is waited for as with any holder. */
    return target->ops->lease_break(target->driver, error) || error->exit_status == EXIT_STATUS_LEASE;
}

/* True when the holder gave no sign of life since `before` (age_ms -1: that was never): waiting may help. A lease that is
 * renewed, or has changed hands, is alive; so is one of which nobody can say how old it is. */
static bool lease_is_silent(struct session *session, struct session_target *target, struct lease_state *before)
{
    struct lease_state now;
    struct error error;
    bool silent;

    if (!target->ops->lease_look(target->driver, &now, &error))
        return false;
    silent = !now.held || (now.age_ms >= 0 && (before->age_ms < 0 ||
                                                  (now.token == before->token && now.age_ms > before->age_ms)));
    *before = now;
    return silent && !session_stopping(session);
}

static bool try_lease(struct session *session, struct session_target *target, struct error *error)
{
    const struct lease_request request = {
        .run = session->lease_run,
        .holder = session->config.holder,
        .duration_ms = session->config.lease_ms,
    };
    int64_t before_ms = session_now(session);

    if (!target->ops->lease_take(target->driver, &request, &target->lease, error))
        return false;
    target->leased = true;
    target->renewed_ms = before_ms;
    return true;
}

/* A lease that nobody renews is waited for until it expires; one that is renewed is refused at once. */
static bool take_lease(struct session *session, struct session_target *target, struct error *error)
{
    struct lease_state seen = {.age_ms = -1};
    bool said = false;

    if (!end_lease_of_the_dead(session, target, error))
        return session_name_target(target, error);
    while (!try_lease(session, target, error)) {
        struct error refusal = *error;

        if (error->exit_status != EXIT_STATUS_LEASE || !lease_is_silent(session, target, &seen)) {
            *error = refusal;
            if (error->exit_status == EXIT_STATUS_LEASE && !error->help[0])
                error_help(error, "wait until it has ended; if it is dead, its lease expires by itself, or type: %s",
                    session_line(session, "unlock"));
            return session_name_target(target, error);
        }
        if (!said)
            session_log(session, "info", "target '%s': waiting for the lease of %s to expire, or to be renewed",
                target->plan->name, seen.holder);
        said = true;
        session_sleep(session, LEASE_LOOK_MS);
    }
    return true;
}

bool session_take_leases(struct session *session, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (!take_lease(session, &session->targets[i], error))
            return false;
    return true;
}

static void lose_lease(struct session *session, struct session_target *target, const struct error *why)
{
    target->leased = false;
    if (session->lost)
        return;
    session->lost = true;
    session->lost_error = *why;
    session->lost_error.exit_status = EXIT_STATUS_LEASE;
    error_wrap(&session->lost_error, "the lease on target '%s' was lost", target->plan->name);
    error_help(&session->lost_error, "nothing is lost; find out who took it: %s", session_line(session, "status"));
}

static void renew_lease(struct session *session, struct session_target *target)
{
    int64_t now_ms = session_now(session);
    int64_t age_ms = now_ms - target->renewed_ms;
    struct error error;

    if (!target->leased || !target->driver || age_ms < session->config.lease_ms / 3)
        return;
    if (target->ops->lease_renew(target->driver, &error)) {
        target->renewed_ms = now_ms;
        return;
    }
    /* A heartbeat that does not get through is no loss before the lease has run out: a later one may. */
    if (error.exit_status == EXIT_STATUS_LEASE || age_ms >= session->config.lease_ms)
        lose_lease(session, target, &error);
}

void session_tick(struct session *session)
{
    const struct driver_env *host = session->config.host;

    /* A driver that waits inside lease_renew() ticks as well. */
    if (session->ticking)
        return;
    session->ticking = true;
    for (size_t i = 0; i < session->target_count; i++)
        renew_lease(session, &session->targets[i]);
    host->tick(host->context);
    session->ticking = false;
}

bool session_stopping(const struct session *session)
{
    return session->lost || session->config.host->stopping(session->config.host->context);
}

int session_stopped_early(struct session *session, const char *verb, struct error *error)
{
    if ((error->exit_status == EXIT_STATUS_UNREACHABLE || error->exit_status == EXIT_STATUS_LEASE) &&
        session_stopping(session) && !session->lost) {
        error_set(error, EXIT_STATUS_RESUMABLE, "stopped as asked, before anything was done");
        error_help(error, "to go on: %s", session_line(session, "%s", verb));
    }
    return error->exit_status;
}

bool session_check(const struct session *session, struct error *error)
{
    if (session->lost)
        *error = session->lost_error;
    return !session->lost;
}

/* A lease that stays makes the next run wait. What cut the connection may be over in a moment. */
void session_release_lease(struct session *session, struct session_target *target)
{
    int64_t until_ms = session_now(session) + RELEASE_FOR_MS;
    bool again = false;
    struct error error;

    while (!target->ops->lease_release(target->driver, &error)) {
        if (error.exit_status == EXIT_STATUS_LEASE) {
            /* Or an earlier attempt came through, and only its answer did not. */
            if (!again)
                session_log(session, "warning", "another run has the lease on target '%s' by now", target->plan->name);
            return;
        }
        if (!session_connection_lost(&error) || session_now(session) >= until_ms) {
            session_log(session, "warning", "the lease on target '%s' was not released and has to expire: %s",
                target->plan->name, error.message);
            return;
        }
        session->config.host->sleep_ms(session->config.host->context, RECONNECT_DELAY_MS);
        again = true;
    }
}

/* --- connecting anew ---------------------------------------------------------------------------------------------- */

bool session_connection_lost(const struct error *error)
{
    /* SQLSTATE class 08, and the codes of a server that shuts down or starts up. */
    return error->outcome_unknown || error->exit_status == EXIT_STATUS_UNREACHABLE ||
           strncmp(error->sqlstate, "08", 2) == 0 || strcmp(error->sqlstate, "57P01") == 0 ||
           strcmp(error->sqlstate, "57P02") == 0 || strcmp(error->sqlstate, "57P03") == 0;
}

/* Takes the lease that was held over the connection before. What somebody did who had it in between is not known to this
 * run: it has lost it then, though it may be free again. */
static bool retake_lease(struct session *session, struct session_target *target, struct error *error)
{
    int64_t token = target->lease.token;
    struct lease_state seen;

    if (!target->ops->lease_look(target->driver, &seen, error))
        return false;
    if (seen.token != token &&
        !(seen.held && strcmp(seen.run, session->lease_run) == 0 && strcmp(seen.holder, session->config.holder) == 0))
        return error_set(error, EXIT_STATUS_LEASE, "another run has taken the lease over");
    return try_lease(session, target, error);
}

static bool reconnect_once(
    struct session *session, struct session_target *target, const struct target_identity *identity, struct error *error)
{
    const bool leased = target->leased;
    bool ok;

    session_close_driver(target);
    target->leased = false; /* a heartbeat before the new connection has taken the lease would find it lost */
    ok = session_open_driver(session, target, error);
    if (ok && strcmp(identity->text, target->identity.text) != 0)
        ok = error_set(error, EXIT_STATUS_IDENTITY, "target '%s' was '%s' and is '%s' after connecting anew",
            target->plan->name, identity->text, target->identity.text);
    ok = ok && (!leased || retake_lease(session, target, error)) && session_read_ledger(session, target, error);
    if (ok)
        return true;
    session_close_driver(target); /* nor is there one between two attempts */
    target->leased = leased;
    if (leased && error->exit_status == EXIT_STATUS_LEASE)
        lose_lease(session, target, error);
    return false;
}

bool session_reconnect(struct session *session, struct session_target *target, struct error *error)
{
    const struct target_identity identity = target->identity;
    int64_t for_ms = session->plan->policy.retry_for_ms;
    int64_t deadline_ms = session_now(session) + (for_ms > RECONNECT_FOR_MS ? for_ms : RECONNECT_FOR_MS);

    session_log(session, "warning", "the connection to target '%s' was lost; connecting anew", target->plan->name);
    while (!reconnect_once(session, target, &identity, error)) {
        /* Only a server that is away may come back: a wrong password stays wrong. */
        if (!session_connection_lost(error) || session_stopping(session) ||
            session_now(session) + RECONNECT_DELAY_MS > deadline_ms) {
            session_close_driver(target);
            return session_name_target(target, error);
        }
        session_sleep(session, RECONNECT_DELAY_MS);
    }
    return true;
}
