#include "executor/baseline.h"

#include <string.h>

#include "executor/drift.h"
#include "executor/history.h"
#include "executor/projection.h"
#include "executor/rebuild.h"
#include "spec/base/arena.h"
#include "spec/base/map.h"
#include "spec/exit.h"

enum { FINDINGS_SHOWN = 8 };

struct baseline {
    struct session *session;
    const struct baseline_options *options;
    struct history history;
    size_t end; /* index behind the last step */
};

/* What the steps of one target leave behind. */
struct remains {
    VEC(const struct plan_step *) steps; /* all up to the end, applied ones too: a rebuild needs those before */
    VEC(const char *) objects;
    struct map definitions; /* object → the plan's definition, NULL when dropped */
    bool any_pending;
};

/* --- what is to be there ------------------------------------------------------------------------------------------ */

static void collect(struct baseline *baseline, const struct session_target *target, struct remains *out)
{
    struct arena *arena = baseline->session->arena;
    const struct plan *plan = baseline->session->plan;

    *out = (struct remains){0};
    map_init(&out->definitions, arena);
    for (size_t i = 0; i < baseline->end; i++) {
        const struct plan_step *step = &plan->steps.items[i];

        if (strcmp(step->target, target->plan->name) != 0)
            continue;
        VEC_PUSH(arena, &out->steps, step);
        out->any_pending = out->any_pending || !baseline->history.steps[i].applied;
        for (size_t e = 0; e < step->effect.count; e++) {
            const struct plan_effect *effect = &step->effect.items[e];

            if (!map_has(&out->definitions, str_from(effect->object)))
                VEC_PUSH(arena, &out->objects, effect->object);
            map_put(&out->definitions, str_from(effect->object), (void *)(uintptr_t)effect->definition);
        }
    }
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

static void add_finding(struct strbuf *out, size_t *count, const char *message)
{
    if ((*count)++ < FINDINGS_SHOWN)
        strbuf_printf(out, "%s%s", out->len ? "; " : "", message);
}

/* Kinds of objects that are not observed are no member of live. */
static void compare_existence(struct baseline *baseline, const struct remains *remains, const struct json *live,
    struct strbuf *out, size_t *count)
{
    for (size_t i = 0; i < remains->objects.count; i++) {
        const char *object = remains->objects.items[i];
        const struct json *found = json_get(live, object);
        bool wanted = map_get(&remains->definitions, str_from(object)) != NULL;

        if (found && wanted && found->type == JSON_NULL)
            add_finding(out, count, arena_printf(baseline->session->arena, "%s is not there", object));
        else if (found && !wanted && found->type != JSON_NULL)
            add_finding(out, count, arena_printf(baseline->session->arena, "%s is still there", object));
    }
}

static bool compare_rebuilt(struct baseline *baseline, struct session_target *target, const struct remains *remains,
    const struct json *live, struct strbuf *out, size_t *count, struct error *error)
{
    struct drift_list drift = {0};
    const struct rebuild rebuild = {.url = baseline->options->rebuild,
        .steps = remains->steps.items,
        .count = remains->steps.count,
        .objects = remains->objects.items,
        .object_count = remains->objects.count};

    if (!rebuild_compare(baseline->session, target, &rebuild, live, &drift, error))
        return false;
    for (size_t i = 0; i < drift.items.count; i++)
        add_finding(out, count, drift.items.items[i].message);
    return true;
}

static bool compare_target(
    struct baseline *baseline, struct session_target *target, struct strbuf *out, size_t *count, struct error *error)
{
    struct session *session = baseline->session;
    struct remains remains;
    struct json *live;

    collect(baseline, target, &remains);
    if (!remains.any_pending || !remains.objects.count)
        return true;
    if (!target->ops->observe(
            target->driver, session->arena, remains.objects.items, remains.objects.count, &live, error))
        return session_name_target(target, error);
    if (baseline->options->rebuild && rebuild_is_possible(target))
        return compare_rebuilt(baseline, target, &remains, live, out, count, error);
    compare_existence(baseline, &remains, live, out, count);
    return true;
}

static bool compare(struct baseline *baseline, struct error *error)
{
    struct session *session = baseline->session;
    struct strbuf text = STRBUF_INIT;
    size_t count = 0;
    bool ok = true;

    for (size_t i = 0; ok && i < session->target_count; i++)
        ok = compare_target(baseline, &session->targets[i], &text, &count, error);
    if (ok && count) {
        ok = error_set(error, EXIT_STATUS_DRIFT,
            "the databases do not hold what the migrations make, so nothing was recorded: %s%s", text.data,
            count > FINDINGS_SHOWN ? arena_printf(session->arena, "; and %zu more", count - FINDINGS_SHOWN) : "");
        error_help(error, "make them alike; or take less over, and apply the rest: %s",
            session_line(session, "baseline --to MIGRATION"));
    }
    strbuf_free(&text);
    return ok;
}

/* --- recording ---------------------------------------------------------------------------------------------------- */

static bool refuse_begun(struct baseline *baseline, struct error *error)
{
    const struct plan *plan = baseline->session->plan;

    for (size_t i = 0; i < baseline->end; i++) {
        const struct ledger_step *ledger = baseline->history.steps[i].ledger;

        if (!ledger || ledger->state == STEP_STATE_APPLIED || ledger->state == STEP_STATE_PENDING)
            continue;
        error_set(error, EXIT_STATUS_HISTORY, "step '%s' was begun, so it is not for a baseline to say how it stands",
            plan->steps.items[i].id);
        return error_help(error, "let it come to its end first: %s", session_line(baseline->session, "apply"));
    }
    return true;
}

static bool record(struct baseline *baseline, size_t *recorded, struct error *error)
{
    struct session *session = baseline->session;
    const struct plan *plan = session->plan;
    struct json *note = json_new(session->arena, JSON_OBJECT);

    json_set_text(session->arena, note, "who", session->config.holder);
    json_set_text(session->arena, note, "reason", baseline->options->reason);
    json_set_text(session->arena, note, "compared_with", baseline->options->rebuild ? "a rebuild" : "what is there");
    *recorded = 0;
    for (size_t i = 0; i < baseline->end; i++) {
        const struct plan_step *step = &plan->steps.items[i];
        const struct ledger_step *ledger = baseline->history.steps[i].ledger;

        if (baseline->history.steps[i].applied)
            continue;
        session_tick(session);
        if (!session_check(session, error))
            return false;
        if (session_stopping(session)) {
            error_set(error, EXIT_STATUS_RESUMABLE, "stopped as asked, before step '%s' was recorded", step->id);
            return error_help(error, "to go on: %s", session_line(session, "baseline"));
        }
        if (!session_record(session, session_find(session, step->target), step, LEDGER_EVENT_BASELINED,
                (ledger ? ledger->attempts : 0) + 1, note, error))
            return false;
        (*recorded)++;
    }
    return session_end_run(session, error) && session_refresh(session, error);
}

static bool find_end(struct baseline *baseline, struct error *error)
{
    const struct plan *plan = baseline->session->plan;
    const char *to = baseline->options->to;
    const struct plan_migration *migration = to ? plan_find_migration(plan, to) : NULL;

    baseline->end = migration ? migration->first_step + migration->step_count : plan->steps.count;
    return !to || migration ||
           error_set(error, EXIT_STATUS_USAGE, "--to names '%s', which is no migration of the plan", to);
}

int baseline_run(struct session *session, const struct baseline_options *options, struct error *error)
{
    struct baseline baseline = {.session = session, .options = options};
    const struct history_options none = {0};
    size_t recorded;

    if (!find_end(&baseline, error) || !session_open(session, error) || !session_initialise(session, error) ||
        !session_take_leases(session, error) || !session_read_ledgers(session, error) ||
        !history_compare(session, &none, &baseline.history, error) || !refuse_begun(&baseline, error) ||
        !compare(&baseline, error) || !record(&baseline, &recorded, error))
        return error->exit_status;
    projection_update(session);
    session_log(session, "info", "%zu step%s recorded as in place; next: %s", recorded, recorded == 1 ? " is" : "s are",
        session_line(session, "status"));
    return EXIT_STATUS_DONE;
}
