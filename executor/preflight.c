#include "executor/preflight.h"

#include <stdio.h>
#include <string.h>

#include "executor/gate.h"
#include "executor/obstacle.h"
#include "executor/step.h"
#include "spec/base/arena.h"
#include "spec/base/digest.h"
#include "spec/exit.h"

enum { FINDINGS_SHOWN = 8 };

/* --- capabilities ------------------------------------------------------------------------------------------------- */

struct capability {
    const char *name;
    bool supported;
    const char *what;
};

static const struct capability capabilities[] = {
#define CAPABILITY_ROW(id, name, supported, what) {name, supported, what},
#include "spec/capability.def"
#undef CAPABILITY_ROW
};

enum { CAPABILITY_COUNT = sizeof(capabilities) / sizeof(capabilities[0]) };

static const struct capability *find_capability(const char *name)
{
    for (size_t i = 0; i < CAPABILITY_COUNT; i++)
        if (strcmp(capabilities[i].name, name) == 0)
            return &capabilities[i];
    return NULL;
}

/* The part of a plan that asks for a capability: 'backup' asks for "backup.rds". */
static void append_missing(struct strbuf *out, const char *name, const char *what)
{
    const char *dot = strchr(name, '.');

    strbuf_printf(out, "%s'%s' (%s), which '%.*s' asks for", out->len ? "; " : "", name, what,
        (int)(dot ? (size_t)(dot - name) : strlen(name)), name);
}

/* A policy that the header holds but does not ask a capability for must not be passed over in silence either. */
static void append_unasked(struct strbuf *out, const struct plan *plan, const struct json *policy, const char *prefix)
{
    if (!policy)
        return;
    for (size_t i = 0; i < plan->required_capabilities.count; i++)
        if (str_starts_with(str_from(plan->required_capabilities.items[i]), prefix))
            return;
    for (size_t i = 0; i < CAPABILITY_COUNT; i++)
        if (capabilities[i].supported && str_starts_with(str_from(capabilities[i].name), prefix))
            return;
    append_missing(out, prefix, "the plan holds it");
}

bool preflight_capabilities(const struct plan *plan, struct error *error)
{
    struct strbuf missing = STRBUF_INIT;
    bool ok;

    for (size_t i = 0; i < plan->required_capabilities.count; i++) {
        const struct capability *capability = find_capability(plan->required_capabilities.items[i]);

        if (!capability)
            append_missing(&missing, plan->required_capabilities.items[i], "unknown to this version");
        else if (!capability->supported)
            append_missing(&missing, capability->name, capability->what);
    }
    append_unasked(&missing, plan, plan->backup, "backup");
    append_unasked(&missing, plan, plan->notify, "notify");
    append_unasked(&missing, plan, plan->metrics, "metrics");
    ok = missing.len == 0;
    if (!ok) {
        error_set(error, EXIT_STATUS_UNSUPPORTED, "the plan asks for what this executor cannot do: %s", missing.data);
        error_help(error,
            "use an invplan that can, or take it out of environment '%s' and compile again; nothing was touched",
            plan->environment);
    }
    strbuf_free(&missing);
    return ok;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static bool has_gate(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->steps.count; i++)
        if (plan->steps.items[i].action.instruction == INSTRUCTION_GATE &&
            strcmp(gate_name(&plan->steps.items[i]), name) == 0)
            return true;
    return false;
}

bool preflight_options(const struct plan *plan, const struct run_options *options, struct error *error)
{
    if (options->to && !plan_find_migration(plan, options->to))
        return error_set(error, EXIT_STATUS_USAGE, "--to names '%s', which is no migration of the plan", options->to);
    for (size_t i = 0; i < options->pass_count; i++)
        if (!has_gate(plan, options->pass[i]))
            return error_set(
                error, EXIT_STATUS_USAGE, "--pass names '%s', which is no gate of the plan", options->pass[i]);
    if (options->pass_count && !options->reason) {
        error_set(error, EXIT_STATUS_USAGE, "--pass needs --reason: who passed a gate, and why, is kept in the ledger");
        return error_help(error, "--pass %s --reason TEXT", options->pass[0]);
    }
    return true;
}

bool preflight_heads(struct session *session, const struct run_options *options, struct error *error)
{
    for (size_t i = 0; i < options->expect_head_count; i++) {
        const char *text = options->expect_head[i];
        const char *equals = strchr(text, '=');
        const char *hash = equals ? equals + 1 : text;
        const struct session_target *target = NULL;
        const char *head;

        for (size_t t = 0; t < session->target_count; t++)
            if (equals
                    ? str_equal((struct str){text, (size_t)(equals - text)}, str_from(session->targets[t].plan->name))
                    : session->target_count == 1)
                target = &session->targets[t];
        if (!target || !digest_is_hex(str_from(hash))) {
            error_set(
                error, EXIT_STATUS_USAGE, "--expect-head '%s' does not name a target and the head of its ledger", text);
            return error_help(error, "--expect-head TARGET=HASH, as 'invplan status' prints it");
        }
        head = target->ledger.head_hash ? target->ledger.head_hash : "";
        if (strcmp(head, hash) != 0) {
            error_set(error, EXIT_STATUS_HISTORY, "the ledger of target '%s' has the head '%s', not '%s'",
                target->plan->name, head, hash);
            return error_help(
                error, "somebody else ran something in the meantime: %s", session_line(session, "status"));
        }
    }
    return true;
}

/* --- the plan and the ledgers ------------------------------------------------------------------------------------- */

/* A backfill that is still one may be mended: it walks its key anew, and what it kept under its old form is put back
 * with the rest. Any other gradual step would leave behind what it did under its old form. */
static bool check_partial(
    struct session *session, const struct history_changed *changed, const struct plan_step *old, struct error *error)
{
    const struct plan_step *now = plan_find_step(session->plan, changed->id);

    if (now && now->action.instruction == INSTRUCTION_PG_BACKFILL && old->action.instruction == INSTRUCTION_PG_BACKFILL)
        return true;
    error_set(
        error, EXIT_STATUS_HISTORY, "step '%s' was changed, but part of it, as it was before, is done", changed->id);
    return error_help(error, "put it back and apply; or undo that part first: %s",
        session_line(session, "rollback --migration %s", changed->migration));
}

static bool settle_old(struct session *session, const struct history_changed *changed, struct error *error)
{
    struct plan_step old;
    enum step_state state;
    struct error why;

    if (!session_read_step(session, changed->ledger, &old, error))
        return false;
    /* A transaction that failed left nothing, by its nature. */
    if (changed->ledger->state == STEP_STATE_PENDING && !instruction_is_alone(old.action.instruction))
        return true;
    if (!step_settle(session, changed->target, &old, changed->ledger->attempts, &state, error))
        return false;
    if (state == STEP_STATE_APPLIED) {
        error_set(
            error, EXIT_STATUS_HISTORY, "step '%s' was changed, but as it was before it has been applied", changed->id);
        return error_help(error, "put it back and write the change as a new migration; or undo first: %s",
            session_line(session, "rollback --migration %s", changed->migration));
    }
    if (ledger_step_is_partial(changed->ledger, &old))
        return check_partial(session, changed, &old, error);
    if (changed->ledger->state == STEP_STATE_PENDING)
        return true;
    (void)error_set(&why, EXIT_STATUS_HALTED, "given up: the plan has it changed, and nothing of it remained");
    return step_record_failed(session, changed->target, &old, changed->ledger->attempts, &why, error);
}

bool preflight_changed(struct session *session, const struct history *history, struct error *error)
{
    for (size_t i = 0; i < history->changed.count; i++)
        if (!settle_old(session, &history->changed.items[i], error))
            return false;
    return true;
}

bool preflight_end(const struct plan *plan, const struct run_options *options, const struct history *history,
    size_t *end, struct error *error)
{
    const struct plan_migration *to = options->to ? plan_find_migration(plan, options->to) : NULL;

    *end = to ? to->first_step + to->step_count : plan->steps.count;
    if (options->to && !to)
        return error_set(error, EXIT_STATUS_USAGE, "--to names '%s', which is no migration of the plan", options->to);
    for (size_t i = 0; options->has_phase && i < *end; i++)
        if (!history->steps[i].applied && plan->steps.items[i].phase > options->phase)
            *end = i;
    return true;
}

/* --- drift -------------------------------------------------------------------------------------------------------- */

/* The objects of one target that this run touches and that the ledger has seen. */
struct touched {
    VEC(const char *) objects;
    struct map seen;
};

static void touch(struct arena *arena, struct touched *touched, const struct map *observed, const struct map *exempt,
    const char *object)
{
    struct str key = str_from(object);

    if (map_has(&touched->seen, key) || map_has(exempt, key) || !map_has(observed, key))
        return;
    map_put(&touched->seen, key, NULL);
    VEC_PUSH(arena, &touched->objects, object);
}

static void touch_step(struct arena *arena, struct touched *touched, const struct map *observed,
    const struct map *exempt, const struct plan_step *step)
{
    struct drift_objects objects;

    drift_objects_of_step(arena, step, &objects);
    for (size_t i = 0; i < objects.items.count; i++)
        touch(arena, touched, observed, exempt, objects.items.items[i]);
}

static bool compare_touched(struct session *session, struct session_target *target, const struct touched *touched,
    const struct map *observed, struct drift_list *out, struct error *error)
{
    struct json *live;

    if (touched->objects.count == 0)
        return true;
    if (!target->ops->observe(
            target->driver, session->arena, touched->objects.items, touched->objects.count, &live, error))
        return session_name_target(target, error);
    drift_compare_all(session->arena, touched->objects.items, touched->objects.count, observed, live, out);
    return true;
}

static bool drift_of_target(struct session *session, struct session_target *target, const struct history *history,
    size_t end, struct drift_list *out, struct error *error)
{
    const struct plan *plan = session->plan;
    struct touched touched = {0};
    struct map observed, exempt;
    bool pending = false;

    for (size_t i = 0; i < end && !pending; i++)
        pending = !history->steps[i].applied && strcmp(plan->steps.items[i].target, target->plan->name) == 0;
    if (!pending || target->ledger.rows.count == 0)
        return true;
    if (!drift_observed(session->arena, &target->ledger, &observed, error) ||
        !history_objects_under_way(session, target, &exempt, error))
        return false;
    map_init(&touched.seen, session->arena);
    for (size_t i = 0; i < end; i++)
        if (!history->steps[i].applied && strcmp(plan->steps.items[i].target, target->plan->name) == 0)
            touch_step(session->arena, &touched, &observed, &exempt, &plan->steps.items[i]);
    return compare_touched(session, target, &touched, &observed, out, error);
}

static bool fail_by_drift(struct session *session, const struct drift_list *drift, struct error *error)
{
    struct strbuf text = STRBUF_INIT;

    for (size_t i = 0; i < drift->items.count && i < FINDINGS_SHOWN; i++)
        strbuf_printf(&text, "%s%s", i ? "; " : "", drift->items.items[i].message);
    if (drift->items.count > FINDINGS_SHOWN)
        strbuf_printf(&text, "; and %zu more", drift->items.count - FINDINGS_SHOWN);
    error_set(error, EXIT_STATUS_DRIFT, "what pending steps touch was changed by somebody else: %s", text.data);
    strbuf_free(&text);
    return error_help(
        error, "put it back as it was, then apply again; the whole picture: %s", session_line(session, "verify"));
}

bool preflight_drift(
    struct session *session, const struct history *history, size_t end, struct report *report, struct error *error)
{
    for (size_t t = 0; t < session->target_count; t++)
        if (!drift_of_target(session, &session->targets[t], history, end, &report->drift, error))
            return false;
    if (report->drift.items.count > 0)
        return fail_by_drift(session, &report->drift, error);
    return obstacle_check(session, history, end, error);
}

/* --- consent ------------------------------------------------------------------------------------------------------ */

bool preflight_consent(struct session *session, const struct run_options *options, const struct history *history,
    size_t end, struct error *error)
{
    const struct plan *plan = session->plan;
    const struct plan_step *first = NULL;
    size_t count = 0;

    if (plan->policy.irreversible_allowed || options->yes)
        return true;
    for (size_t i = 0; i < end; i++) {
        const struct plan_step *step = &plan->steps.items[i];

        /* Passing a gate is a person's word already. */
        if (history->steps[i].applied || step->action.instruction == INSTRUCTION_GATE ||
            (step->inverse.grade != GRADE_IMPOSSIBLE && !step->point_of_no_return))
            continue;
        first = first ? first : step;
        count++;
    }
    if (!count)
        return true;
    error_set(error, EXIT_STATUS_CONSENT,
        "%zu pending step%s can never be undone, and the policy of '%s' wants consent: '%s'%s%s", count,
        count == 1 ? "" : "s", plan->environment, first->id, first->inverse.why ? ": " : "",
        first->inverse.why ? first->inverse.why : "");
    return error_help(error, "if that is meant: %s", session_line(session, "apply --yes"));
}
