#include "executor/session.h"

#include <stdio.h>
#include <string.h>

#include "executor/session_impl.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/exit.h"

enum {
    SLEEP_SLICE_MS = 250,
    LOG_MAX = 4096,
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

bool session_open_driver(struct session *session, struct session_target *target, struct error *error)
{
    return target->ops->open(
               &target->driver_arena, session->plan, target->plan, &session->env, &target->driver, error) &&
           target->ops->identify(target->driver, &target->identity, error);
}

void session_close_driver(struct session_target *target)
{
    if (target->driver)
        target->ops->close(target->driver);
    target->driver = NULL;
    arena_free(&target->driver_arena);
}

bool session_open_target(struct session *session, struct session_target *target, struct error *error)
{
    return (session_open_driver(session, target, error) &&
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

void session_close(struct session *session)
{
    for (size_t i = session->target_count; i-- > 0;) {
        struct session_target *target = &session->targets[i];

        if (target->driver && target->leased)
            session_release_lease(session, target);
        target->leased = false;
        session_close_driver(target);
    }
}

struct session_target *session_find(struct session *session, const char *name)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (strcmp(session->targets[i].plan->name, name) == 0)
            return &session->targets[i];
    BUG("there is no target '%s'", name);
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

/* "apply --yes" is another apply; "rollback --last" is not the rollback under way. */
static bool is_command_again(const struct session_config *config, const char *words)
{
    size_t len = config->command_options ? strlen(config->command) : 0;

    return len && strncmp(words, config->command, len) == 0 &&
           (words[len] == '\0' || (words[len] == ' ' && strcmp(config->command, "apply") == 0));
}

const char *session_line(const struct session *session, const char *words, ...)
{
    const struct session_config *config = &session->config;
    va_list ap;
    const char *text, *options;

    va_start(ap, words);
    text = arena_vprintf(session->arena, words, ap);
    va_end(ap);
    options = is_command_again(config, text) ? config->command_options : "";
    return arena_printf(session->arena, "invplan %s%s%s%s%s", text, options[0] ? " " : "", options,
        config->plan_argument[0] ? " " : "", config->plan_argument);
}
