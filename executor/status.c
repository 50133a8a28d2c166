#include "executor/status.h"

#include "executor/event_types.h"
#include "executor/history.h"
#include "executor/rollback.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool add_lease(struct arena *arena, struct session_target *target, struct json *out, struct error *error)
{
    struct lease_state lease = {0};
    struct json *object;

    if (!target->ops->lease_look(target->driver, &lease, error))
        return false;
    object = json_new(arena, JSON_OBJECT);
    json_set(arena, object, "held", json_new_bool(arena, lease.held));
    json_set_text(arena, object, "holder", lease.held ? lease.holder : NULL);
    json_set_text(arena, object, "run", lease.held ? lease.run : NULL);
    if (lease.held && lease.age_ms >= 0)
        json_set_integer(arena, object, "heartbeat_age_ms", lease.age_ms);
    else
        json_set(arena, object, "heartbeat_age_ms", json_new(arena, JSON_NULL));
    json_set(arena, out, "lease", object);
    return true;
}

static const char *describe_half_done(const struct ledger_step *step)
{
    if (ledger_step_is_letting_go(step))
        return "was being let go when its run ended; the next apply finishes that";
    switch (step->state) {
    case STEP_STATE_STARTED:
        return "was started and has not been seen to end; the next apply finds out by its probe";
    case STEP_STATE_UNDO_STARTED:
        return "its undo was begun and has not been finished; apply is refused until it is";
    default:
        return "failed half way; the next apply goes on with it, a rollback takes back what it did";
    }
}

/* A line that cannot be read is for apply to refuse. */
static bool is_half_done(struct session *session, const struct ledger_step *ledger)
{
    struct plan_step step;
    struct error ignored;

    if (ledger->state != STEP_STATE_PENDING)
        return ledger->state != STEP_STATE_APPLIED;
    return ledger->begun && session_read_step(session, ledger, &step, &ignored) &&
           ledger_step_is_partial(ledger, &step);
}

static void add_half_done(struct session *session, const struct session_target *target, struct json *out)
{
    struct json *list = json_new(session->arena, JSON_ARRAY);
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&target->state.steps, &i, &entry);) {
        const struct ledger_step *step = entry->value;
        struct json *object;

        if (!is_half_done(session, step))
            continue;
        object = json_new(session->arena, JSON_OBJECT);
        json_set_text(session->arena, object, "step", step->last->step);
        json_set_text(session->arena, object, "state", ledger_event_name(step->last->event));
        json_set_text(session->arena, object, "since", step->last->at);
        json_set_text(session->arena, object, "what", describe_half_done(step));
        json_set_text(session->arena, object, "next",
            session_line(session, step->state == STEP_STATE_UNDO_STARTED && !ledger_step_is_letting_go(step)
                                      ? "rollback --resume"
                                      : "apply"));
        json_append(list, object);
    }
    json_set(session->arena, out, "half_done", list);
}

static void add_counts(
    struct session *session, const struct session_target *target, const struct history *history, struct json *out)
{
    struct arena *arena = session->arena;
    const struct plan *plan = session->plan;
    struct json *pending = json_new(arena, JSON_ARRAY);
    int64_t applied = 0, total = 0;

    for (size_t m = 0; m < plan->migrations.count; m++) {
        const struct plan_migration *migration = &plan->migrations.items[m];
        struct json *object;
        int64_t steps = 0;

        if (!str_is(str_from(migration->target), target->plan->name))
            continue;
        total++;
        for (size_t i = 0; i < migration->step_count; i++)
            steps += !history->steps[migration->first_step + i].applied;
        if (!steps) {
            applied++;
            continue;
        }
        object = json_new(arena, JSON_OBJECT);
        json_set_text(arena, object, "migration", migration->id);
        json_set_text(arena, object, "description", migration->description);
        json_set_integer(arena, object, "steps_pending", steps);
        json_set_integer(arena, object, "steps", (int64_t)migration->step_count);
        json_append(pending, object);
    }
    json_set_integer(arena, out, "migrations_applied", applied);
    json_set_integer(arena, out, "migrations", total);
    json_set(arena, out, "pending", pending);
}

/* The chain is judged for each target, so that one that is broken does not hide the others. */
static bool add_ledger(struct session *session, struct session_target *target, struct json *out, struct error *error)
{
    struct arena *arena = session->arena;
    struct json *object = json_new(arena, JSON_OBJECT);
    struct error broken = {0};
    bool verified = session_read_ledger(session, target, &broken);

    if (!verified && broken.exit_status != EXIT_STATUS_HISTORY) {
        *error = broken;
        return false;
    }
    json_set(arena, object, "verified", json_new_bool(arena, verified));
    json_set_text(arena, object, "problem", verified ? NULL : broken.message);
    json_set_integer(arena, object, "rows", (int64_t)target->ledger.rows.count);
    json_set_text(arena, object, "head",
        target->ledger.head_hash && target->ledger.head_hash[0] ? target->ledger.head_hash : NULL);
    json_set_text(arena, object, "last_run", target->state.last_run);
    json_set(arena, out, "ledger", object);
    return true;
}

static bool add_target(
    struct session *session, struct session_target *target, struct json *targets, struct error *error)
{
    struct arena *arena = session->arena;
    struct json *object = json_new(arena, JSON_OBJECT);

    json_set_text(arena, object, "name", target->plan->name);
    json_set_text(arena, object, "engine", engine_name(target->plan->engine));
    json_set_text(arena, object, "identity", target->identity.text);
    json_set(arena, object, "initialised", json_new_bool(arena, target->initialised));
    json_append(targets, object);
    if (!target->initialised)
        return true;
    json_set_text(arena, object, "project", target->owner.project);
    json_set_text(arena, object, "environment", target->owner.environment);
    if (!add_lease(arena, target, object, error) || !add_ledger(session, target, object, error))
        return session_name_target(target, error);
    add_half_done(session, target, object);
    return true;
}

static struct json *nth_target(const struct json *targets, size_t index)
{
    struct json *target = targets->child;

    while (index-- > 0)
        target = target->next;
    return target;
}

/* What the ledger of this target says is not to be believed; NULL: it is. */
static const char *broken_ledger(const struct json *target)
{
    return json_string(json_get(json_get(target, "ledger"), "problem"));
}

/* The first of the targets' own problems: it decides the exit status. */
static bool judge(struct session *session, const struct json *targets, struct error *error)
{
    if (!session_require_owner(session, error))
        return false;
    for (const struct json *target = targets->child; target; target = target->next)
        if (broken_ledger(target)) {
            error_set(error, EXIT_STATUS_HISTORY, "%s", broken_ledger(target));
            return error_help(error, "compare the ledger with a backup: every command is refused while it is so");
        }
    return true;
}

static bool initialised(const struct session *session)
{
    for (size_t i = 0; i < session->target_count; i++)
        if (!session->targets[i].initialised)
            return false;
    return true;
}

/* NULL: there is nothing to do. */
static const char *next_line(struct session *session, const struct history *history, const struct error *refusal)
{
    if (refusal)
        return refusal->help[0] ? refusal->help : NULL;
    if (rollback_find_unfinished(session))
        return session_line(session, "rollback --resume");
    if (!history->pending_count)
        return NULL;
    return session_line(session, initialised(session) ? "apply" : "apply --init");
}

/* What is pending on each target, whether apply would be refused, and what to type next: as far as ledgers can be
 * believed. */
static void add_outlook(struct session *session, const struct history *history, const struct error *refusal,
    struct json *targets, struct json *out)
{
    bool sound = true;

    for (size_t i = 0; i < session->target_count; i++) {
        struct json *target = nth_target(targets, i);

        sound = sound && !broken_ledger(target);
        if (!broken_ledger(target))
            add_counts(session, &session->targets[i], history, target);
    }
    json_set_text(session->arena, out, "refusal", sound && refusal ? refusal->message : NULL);
    json_set_text(session->arena, out, "next", sound ? next_line(session, history, refusal) : NULL);
}

int status_read(struct session *session, struct json **out, struct error *error)
{
    struct arena *arena = session->arena;
    struct json *status = json_new(arena, JSON_OBJECT);
    struct json *targets = json_new(arena, JSON_ARRAY), *types;
    const struct history_options none = {0};
    struct history history;
    struct error refusal;
    bool refused;

    *out = NULL;
    if (!session_open(session, error))
        return error->exit_status;
    json_set_text(arena, status, "project", session->plan->project);
    json_set_text(arena, status, "environment", session->plan->environment);
    json_set_text(arena, status, "plan_digest", session->plan->digest);
    for (size_t i = 0; i < session->target_count; i++)
        if (!add_target(session, &session->targets[i], targets, error))
            return error->exit_status;
    refused = !history_compare(session, &none, &history, &refusal);
    json_set(arena, status, "targets", targets);
    if (!event_types_status(session, &history, &types, error))
        return error->exit_status;
    json_set(arena, status, "event_types", types);
    add_outlook(session, &history, refused ? &refusal : NULL, targets, status);
    *out = status;
    return judge(session, targets, error) ? EXIT_STATUS_DONE : error->exit_status;
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_string(json_get(object, key));

    return text ? text : "";
}

static long long number_of(const struct json *object, const char *key)
{
    int64_t value = 0;

    return json_to_i64(json_get(object, key), &value) ? (long long)value : 0;
}

static void print_lease(const struct json *lease, struct strbuf *out)
{
    if (!json_bool(json_get(lease, "held"), false))
        strbuf_append_text(out, "  lease      free\n");
    else
        strbuf_printf(out, "  lease      held by %s, run %s, last heartbeat %lld s ago\n", text_of(lease, "holder"),
            text_of(lease, "run"), number_of(lease, "heartbeat_age_ms") / 1000);
}

static void print_ledger(const struct json *ledger, struct strbuf *out)
{
    strbuf_printf(out, "  ledger     %lld rows, ", number_of(ledger, "rows"));
    if (json_bool(json_get(ledger, "verified"), false))
        strbuf_printf(out, "chain verified, head %s\n", text_of(ledger, "head")[0] ? text_of(ledger, "head") : "none");
    else
        strbuf_printf(out, "CHAIN BROKEN: %s\n", text_of(ledger, "problem"));
}

static void print_target(const struct json *target, struct strbuf *out)
{
    const struct json *item;

    strbuf_printf(out, "target %s (%s)\n  identity   %s\n", text_of(target, "name"), text_of(target, "engine"),
        text_of(target, "identity"));
    if (json_bool(json_get(target, "initialised"), false)) {
        strbuf_printf(out, "  owner      project '%s', environment '%s'\n", text_of(target, "project"),
            text_of(target, "environment"));
        print_lease(json_get(target, "lease"), out);
        print_ledger(json_get(target, "ledger"), out);
    } else {
        strbuf_append_text(out, "  ledger     none yet\n");
    }
    if (json_get(target, "migrations"))
        strbuf_printf(out, "  applied    %lld of %lld migrations\n", number_of(target, "migrations_applied"),
            number_of(target, "migrations"));
    item = json_get(target, "pending");
    for (item = item ? item->child : NULL; item; item = item->next)
        strbuf_printf(out, "  pending    %s (%lld of %lld steps)%s%s\n", text_of(item, "migration"),
            number_of(item, "steps_pending"), number_of(item, "steps"), text_of(item, "description")[0] ? ": " : "",
            text_of(item, "description"));
    item = json_get(target, "half_done");
    for (item = item ? item->child : NULL; item; item = item->next)
        strbuf_printf(out, "  half done  %s, %s since %s: %s\n             next: %s\n", text_of(item, "step"),
            text_of(item, "state"), text_of(item, "since"), text_of(item, "what"), text_of(item, "next"));
}

void status_print(const struct json *status, struct strbuf *out)
{
    const struct json *target = json_get(status, "targets");

    strbuf_printf(out, "project '%s', environment '%s', plan %.12s\n", text_of(status, "project"),
        text_of(status, "environment"), text_of(status, "plan_digest"));
    for (target = target ? target->child : NULL; target; target = target->next)
        print_target(target, out);
    event_types_print(json_get(status, "event_types"), out);
    if (text_of(status, "refusal")[0])
        strbuf_printf(out, "apply would be refused: %s\n", text_of(status, "refusal"));
    if (text_of(status, "next")[0])
        strbuf_printf(out, "next: %s\n", text_of(status, "next"));
}
