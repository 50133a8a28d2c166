#include "executor/session.h"
#include "executor/holder.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum {
    SLEEP_SLICE_MS = 250,
    LOG_MAX = 4096,
    RECONNECT_DELAY_MS = 500,
    RELEASE_FOR_MS = 2000,
    RECONNECT_FOR_MS = 60000, /* at least, whatever retry_for says: what became of a step has to be known */
};

/* --- the environment that drivers see: the host's, with the session's leases looked after ------------------------- */

static const struct driver_env *host_of(void *context)
{
    return ((struct session *)context)->config.host;
}

static int64_t env_now(void *context)
{
    return host_of(context)->now_ms(host_of(context)->context);
}

static int64_t env_wall(void *context)
{
    return host_of(context)->wall_ms(host_of(context)->context);
}

static bool env_random(void *context, void *out, size_t count)
{
    return host_of(context)->random_bytes(host_of(context)->context, out, count);
}

static const char *env_getenv(void *context, const char *name)
{
    return host_of(context)->getenv(host_of(context)->context, name);
}

static void env_sleep(void *context, int64_t ms)
{
    session_sleep(context, ms);
}

static void env_tick(void *context)
{
    session_tick(context);
}

static bool env_stopping(void *context)
{
    return session_stopping(context);
}

static bool env_cancelling(void *context)
{
    const struct session *session = context;
    const struct driver_env *host = session->config.host;

    return session->lost || (host->cancelling && host->cancelling(host->context));
}

static void env_progress(void *context, const char *step, int64_t done, int64_t total, const char *unit)
{
    host_of(context)->progress(host_of(context)->context, step, done, total, unit);
}

static void env_log(void *context, const char *level, const char *message)
{
    host_of(context)->log(host_of(context)->context, level, message);
}

static bool env_paused(void *context, char *why, size_t why_size)
{
    return host_of(context)->paused(host_of(context)->context, why, why_size);
}

static void env_point(void *context, const char *name)
{
    host_of(context)->point(host_of(context)->context, name);
}

void session_start(struct session *session, const struct session_config *config)
{
    const struct plan *plan = config->plan;

    memset(session, 0, sizeof(*session));
    session->config = *config;
    session->plan = plan;
    session->arena = config->arena;
    session->env = (struct driver_env){
        .context = session,
        .now_ms = env_now,
        .wall_ms = env_wall,
        .random_bytes = env_random,
        .getenv = env_getenv,
        .sleep_ms = env_sleep,
        .tick = env_tick,
        .stopping = env_stopping,
        .cancelling = env_cancelling,
        .progress = env_progress,
        .log = env_log,
        .paused = config->host->paused ? env_paused : NULL,
        .point = config->host->point ? env_point : NULL,
    };
    session->targets = ARENA_ARRAY(session->arena, struct session_target, plan->order.count + 1);
    for (size_t i = 0; i < plan->order.count; i++) {
        struct session_target *target = &session->targets[session->target_count++];

        target->plan = plan_find_target(plan, plan->order.items[i]);
        if (!target->plan)
            BUG("the plan orders target '%s', which it does not have", plan->order.items[i]);
        target->ops = config->driver_for(target->plan->engine);
    }
    session_new_run(session);
    memcpy(session->lease_run, session->run, sizeof(session->lease_run));
}

bool session_name_target(const struct session_target *target, struct error *error)
{
    char quoted[256];

    snprintf(quoted, sizeof(quoted), "'%s'", target->plan->name);
    return strstr(error->message, quoted) ? false : error_wrap(error, "target '%s'", target->plan->name);
}

static bool open_target(struct session *session, struct session_target *target, struct error *error)
{
    return target->ops->open(
               &target->driver_arena, session->plan, target->plan, &session->env, &target->driver, error) &&
           target->ops->identify(target->driver, &target->identity, error);
}

static void close_target(struct session_target *target)
{
    if (target->driver)
        target->ops->close(target->driver);
    target->driver = NULL;
    arena_free(&target->driver_arena);
}

bool session_open_target(struct session *session, struct session_target *target, struct error *error)
{
    return (open_target(session, target, error) &&
               target->ops->owner(target->driver, &target->initialised, &target->owner, error)) ||
           session_name_target(target, error);
}

bool session_open(struct session *session, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (!session_open_target(session, &session->targets[i], error))
            return false;
    return true;
}

static bool check_project(const struct session *session, const struct session_target *target, struct error *error)
{
    const struct target_owner *owner = &target->owner;

    if (strcmp(owner->project, session->plan->project) != 0 ||
        strcmp(owner->environment, session->plan->environment) != 0) {
        error_set(error, EXIT_STATUS_WRONG_TARGET,
            "target '%s' belongs to project '%s', environment '%s'; the plan is of project '%s', environment '%s'",
            target->plan->name, owner->project, owner->environment, session->plan->project, session->plan->environment);
        return error_help(
            error, "give the plan of environment '%s', or check which database the target names", owner->environment);
    }
    return true;
}

static bool check_owner(const struct session *session, const struct session_target *target, struct error *error)
{
    const struct target_owner *owner = &target->owner;

    if (!check_project(session, target, error))
        return false;
    if (strcmp(owner->identity.text, target->identity.text) != 0) {
        error_set(error, EXIT_STATUS_IDENTITY, "target '%s' is '%s', but its ledger was made on '%s'",
            target->plan->name, target->identity.text, owner->identity.text);
        return error_help(error,
            "check which server the target names; if this is a copy that lives on its own, or it has moved: %s",
            session_line(session, "rebind"));
    }
    return true;
}

static bool check_initialised(const struct session *session, const struct session_target *target, struct error *error)
{
    if (target->initialised)
        return true;
    error_set(error, EXIT_STATUS_NOT_INITIALISED, "target '%s' (%s) has no ledger yet", target->plan->name,
        target->identity.text);
    return error_help(error, "if it is the right one: %s", session_line(session, "apply --init"));
}

bool session_require_owner(struct session *session, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (!check_initialised(session, &session->targets[i], error) ||
            !check_owner(session, &session->targets[i], error))
            return false;
    return true;
}

bool session_require_project(struct session *session, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (!check_initialised(session, &session->targets[i], error) ||
            !check_project(session, &session->targets[i], error))
            return false;
    return true;
}

bool session_check_owner(struct session *session, struct error *error)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (session->targets[i].initialised && !check_owner(session, &session->targets[i], error))
            return false;
    return true;
}

bool session_initialise(struct session *session, struct error *error)
{
    /* Judge all before touching any. */
    if (!session_check_owner(session, error))
        return false;
    for (size_t i = 0; i < session->target_count; i++) {
        struct session_target *target = &session->targets[i];

        if (target->initialised)
            continue;
        snprintf(target->owner.project, sizeof(target->owner.project), "%s", session->plan->project);
        snprintf(target->owner.environment, sizeof(target->owner.environment), "%s", session->plan->environment);
        target->owner.identity = target->identity;
        if (!target->ops->init(target->driver, &target->owner, error) ||
            !target->ops->owner(target->driver, &target->initialised, &target->owner, error))
            return session_name_target(target, error);
        if (!target->initialised)
            return error_set(
                error, EXIT_STATUS_INTERNAL, "target '%s' has no ledger although it was just made", target->plan->name);
        /* Two may have come at the same time; whoever was first owns it. */
        if (!check_owner(session, target, error))
            return false;
        session_log(session, "info", "target '%s' (%s) belongs to project '%s', environment '%s' now",
            target->plan->name, target->identity.text, session->plan->project, session->plan->environment);
    }
    return true;
}

/* --- leases ------------------------------------------------------------------------------------------------------- */

enum { LEASE_LOOK_MS = 500 };

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
    return target->ops->lease_break(target->driver, error);
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

bool session_check(const struct session *session, struct error *error)
{
    if (session->lost)
        *error = session->lost_error;
    return !session->lost;
}

/* A lease that stays makes the next run wait. What cut the connection may be over in a moment. */
static void release_lease(struct session *session, struct session_target *target)
{
    int64_t until_ms = session_now(session) + RELEASE_FOR_MS;
    struct error error;

    if (target->ops->lease_release(target->driver, &error))
        return;
    while (session_connection_lost(&error) && session_now(session) < until_ms) {
        session->config.host->sleep_ms(session->config.host->context, RECONNECT_DELAY_MS);
        /* LEASE: the first attempt came through, and only its answer did not. */
        if (target->ops->lease_release(target->driver, &error) || error.exit_status == EXIT_STATUS_LEASE)
            return;
    }
    session_log(session, "warning", "the lease on target '%s' was not released and has to expire: %s",
        target->plan->name, error.message);
}

void session_close(struct session *session)
{
    for (size_t i = session->target_count; i-- > 0;) {
        struct session_target *target = &session->targets[i];

        if (target->driver && target->leased)
            release_lease(session, target);
        target->leased = false;
        close_target(target);
    }
}

/* --- ledgers ------------------------------------------------------------------------------------------------------ */

bool session_read_ledger(struct session *session, struct session_target *target, struct error *error)
{
    struct ledger ledger = {0};

    if (target->initialised &&
        (!target->ops->ledger_read(target->driver, session->arena, &ledger, error) || !ledger_verify(&ledger, error)))
        return session_name_target(target, error);
    target->ledger = ledger;
    target->written = false;
    target->ended_rows = 0;
    for (size_t i = 0; i < ledger.rows.count; i++)
        target->ended_rows += ledger.rows.items[i].event == LEDGER_EVENT_ENDED;
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

struct session_target *session_find(struct session *session, const char *name)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (strcmp(session->targets[i].plan->name, name) == 0)
            return &session->targets[i];
    BUG("there is no target '%s'", name);
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

    if (!env_random(session, bytes, sizeof(bytes)))
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

bool session_record_end(
    struct session *session, struct session_target *target, const struct json *note, struct error *error)
{
    static const struct plan_step none = {
        .id = LEDGER_END_STEP,
        .migration = LEDGER_END_STEP,
        .source_digest = "",
        .effect_digest = "",
        .line = {"", 0},
    };

    return session_record(session, target, &none, LEDGER_EVENT_ENDED, target->ended_rows + 1, note, error);
}

bool session_end_run(struct session *session, struct error *error)
{
    struct session_target *target = session->last_written;

    if (!target) {
        target = session_newest(session);
        if (!target || strcmp(target->state.last_run, session->run) != 0 || target->state.last_run_ended)
            return true;
    }
    return session_record_end(session, target, NULL, error);
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

    close_target(target);
    target->leased = false; /* a heartbeat before the new connection has taken the lease would find it lost */
    ok = open_target(session, target, error);
    if (ok && strcmp(identity->text, target->identity.text) != 0)
        ok = error_set(error, EXIT_STATUS_IDENTITY, "target '%s' was '%s' and is '%s' after connecting anew",
            target->plan->name, identity->text, target->identity.text);
    ok = ok && (!leased || retake_lease(session, target, error)) && session_read_ledger(session, target, error);
    if (ok)
        return true;
    close_target(target); /* nor is there one between two attempts */
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
            close_target(target);
            return session_name_target(target, error);
        }
        session_sleep(session, RECONNECT_DELAY_MS);
    }
    return true;
}

/* --- clock, sleep, log -------------------------------------------------------------------------------------------- */

int64_t session_now(const struct session *session)
{
    return session->config.host->now_ms(session->config.host->context);
}

uint32_t session_random(const struct session *session)
{
    uint32_t value;

    if (!session->config.host->random_bytes(session->config.host->context, &value, sizeof(value)))
        BUG("no random numbers");
    return value;
}

void session_sleep(struct session *session, int64_t ms)
{
    const struct driver_env *host = session->config.host;
    int64_t until_ms = session_now(session) + ms;

    for (int64_t left = ms; left > 0 && !session_stopping(session); left = until_ms - session_now(session)) {
        host->sleep_ms(host->context, left < SLEEP_SLICE_MS ? left : SLEEP_SLICE_MS);
        session_tick(session);
    }
}

void session_log(const struct session *session, const char *level, const char *format, ...)
{
    char message[LOG_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    session->config.host->log(session->config.host->context, level, message);
}

const char *session_line(const struct session *session, const char *words, ...)
{
    va_list ap;
    const char *text;

    va_start(ap, words);
    text = arena_vprintf(session->arena, words, ap);
    va_end(ap);
    return arena_printf(session->arena, "invplan %s%s%s", text, session->config.plan_argument[0] ? " " : "",
        session->config.plan_argument);
}
