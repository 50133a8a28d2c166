#include "executor/verify.h"

#include <string.h>

#include "executor/drift.h"
#include "executor/event_types.h"
#include "executor/history.h"
#include "executor/rebuild.h"
#include "spec/base/arena.h"
#include "spec/base/map.h"
#include "spec/exit.h"

/* --- comparing ---------------------------------------------------------------------------------------------------- */

/* How one target compares. */
struct comparison {
    struct drift_list drift;
    size_t compared; /* objects */
    size_t exempted; /* objects of steps under way */
    VEC(const char *) unrecorded; /* what somebody else made on tables of ours */
    bool by_rebuild; /* else by what the ledger saw last */
};

/* PostgreSQL: the indexes of a table are objects of their own; this is how their names are asked for. */
static const char *indexes_of(struct arena *arena, const char *object)
{
    return strncmp(object, "table ", 6) == 0 ? arena_printf(arena, "indexes %s", object + 6) : NULL;
}

/* Indexes that no ledger has, on tables that it has. */
static void find_unrecorded(struct arena *arena, const char *table, const struct json *live, const struct map *observed,
    const struct map *under_way, struct comparison *out)
{
    const struct json *names = json_get(json_get(live, indexes_of(arena, table)), "names");

    for (const struct json *name = names ? names->child : NULL; name; name = name->next) {
        const char *index = arena_printf(arena, "index %s", json_string(name));

        if (!map_has(observed, str_from(index)) && !map_has(under_way, str_from(index)))
            VEC_PUSH(arena, &out->unrecorded, arena_printf(arena, "%s of %s", index, table));
    }
}

/* With the plan's applied steps, built elsewhere. */
static bool compare_rebuilt(struct session *session, struct session_target *target, const struct history *history,
    const char *url, const char *const *objects, const struct json *live, struct comparison *out, struct error *error)
{
    const struct plan *plan = session->plan;
    VEC(const struct plan_step *) steps = {0};
    struct rebuild rebuild = {.url = url, .objects = objects, .object_count = out->compared};

    for (size_t i = 0; i < plan->steps.count; i++)
        if (history->steps[i].applied && strcmp(plan->steps.items[i].target, target->plan->name) == 0)
            VEC_PUSH(session->arena, &steps, &plan->steps.items[i]);
    rebuild.steps = steps.items;
    rebuild.count = steps.count;
    out->by_rebuild = true;
    return rebuild_compare(session, target, &rebuild, live, &out->drift, error);
}

static bool compare_target(struct session *session, struct session_target *target, const struct history *history,
    const char *rebuild, struct comparison *out, struct error *error)
{
    struct arena *arena = session->arena;
    VEC(const char *) objects = {0};
    struct map observed, under_way;
    const struct map_entry *entry;
    struct json *live;

    if (!drift_observed(arena, &target->ledger, &observed, error) ||
        !history_objects_under_way(session, target, &under_way, error))
        return false;
    for (size_t i = 0; map_next(&observed, &i, &entry);)
        if (!map_has(&under_way, entry->key))
            VEC_PUSH(arena, &objects, arena_strndup(arena, entry->key.data, entry->key.len));
    *out = (struct comparison){.compared = objects.count, .exempted = under_way.count};
    for (size_t i = 0; i < out->compared; i++)
        if (indexes_of(arena, objects.items[i]))
            VEC_PUSH(arena, &objects, indexes_of(arena, objects.items[i]));
    if (objects.count) {
        if (!target->ops->observe(target->driver, arena, objects.items, objects.count, &live, error))
            return session_name_target(target, error);
        for (size_t i = 0; i < out->compared; i++)
            if (indexes_of(arena, objects.items[i]))
                find_unrecorded(arena, objects.items[i], live, &observed, &under_way, out);
        if (rebuild && rebuild_is_possible(target))
            return compare_rebuilt(session, target, history, rebuild, objects.items, live, out, error);
        drift_compare_all(arena, objects.items, out->compared, &observed, live, &out->drift);
    }
    if (!event_types_find_unknown(session, target, &observed, &under_way, &out->drift, error))
        return session_name_target(target, error);
    for (size_t i = 0; i < out->drift.items.count; i++)
        event_types_explain(arena, &out->drift.items.items[i]);
    return true;
}

/* --- the result as JSON ------------------------------------------------------------------------------------------- */

static struct json *json_or_null(struct arena *arena, const struct json *value)
{
    return value ? json_clone(arena, value) : json_new(arena, JSON_NULL);
}

static struct json *json_of_drift(struct arena *arena, const struct drift_list *drift)
{
    struct json *list = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; i < drift->items.count; i++) {
        const struct drift *item = &drift->items.items[i];
        struct json *object = json_new(arena, JSON_OBJECT);

        json_set_text(arena, object, "object", item->object);
        json_set_text(arena, object, "part", item->part);
        json_set_text(arena, object, "kind", drift_kind_name(item->kind));
        json_set_text(arena, object, "attribute", item->attribute);
        json_set(arena, object, "was", json_or_null(arena, item->was));
        json_set(arena, object, "is", json_or_null(arena, item->is));
        json_set_text(arena, object, "message", item->message);
        json_append(list, object);
    }
    return list;
}

static bool touches(struct arena *arena, const struct plan_step *step, const struct map *drifted)
{
    struct drift_objects objects;

    drift_objects_of_step(arena, step, &objects);
    for (size_t i = 0; i < objects.items.count; i++)
        if (map_has(drifted, str_from(objects.items.items[i])))
            return true;
    return false;
}

/* Pending steps that the drift on their target concerns: apply will refuse to run them. The plan may be an outline. */
static bool add_concerned(struct session *session, const struct session_target *target, const struct history *history,
    const struct drift_list *drift, struct json *out, struct error *error)
{
    const struct plan *plan = session->plan;
    struct json *list = json_new(session->arena, JSON_ARRAY);
    struct map drifted;

    map_init(&drifted, session->arena);
    for (size_t i = 0; i < drift->items.count; i++)
        map_put(&drifted, str_from(drift->items.items[i].object), NULL);
    for (size_t i = 0; drift->items.count && i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];

        if (history->steps[i].applied || strcmp(step->target, target->plan->name) != 0)
            continue;
        if (!plan_complete_step(session->arena, plan, i, error))
            return false;
        if (touches(session->arena, step, &drifted))
            json_append(list, json_new_text(session->arena, step->id));
    }
    json_set(session->arena, out, "pending_steps_concerned", list);
    return true;
}

static bool verify_target(struct session *session, struct session_target *target, const struct history *history,
    const char *rebuild, struct json *targets, size_t *drifts, struct error *error)
{
    struct arena *arena = session->arena;
    struct json *object = json_new(arena, JSON_OBJECT);
    struct comparison comparison;
    struct json *unrecorded;

    if (!compare_target(session, target, history, rebuild, &comparison, error))
        return false;
    json_set_text(arena, object, "name", target->plan->name);
    json_set_text(arena, object, "compared_with", comparison.by_rebuild ? "a rebuild" : "the ledger");
    json_set_integer(arena, object, "objects_compared", (int64_t)comparison.compared);
    json_set_integer(arena, object, "objects_under_way", (int64_t)comparison.exempted);
    json_set(arena, object, "drift", json_of_drift(arena, &comparison.drift));
    unrecorded = json_new(arena, JSON_ARRAY);
    for (size_t i = 0; i < comparison.unrecorded.count; i++)
        json_append(unrecorded, json_new_text(arena, comparison.unrecorded.items[i]));
    json_set(arena, object, "unrecorded", unrecorded);
    if (!add_concerned(session, target, history, &comparison.drift, object, error))
        return false;
    json_append(targets, object);
    *drifts += comparison.drift.items.count;
    return true;
}

int verify_read(struct session *session, const char *rebuild, struct json **out, struct error *error)
{
    struct arena *arena = session->arena;
    struct json *result = json_new(arena, JSON_OBJECT);
    struct json *targets = json_new(arena, JSON_ARRAY);
    const struct history_options none = {0};
    struct history history;
    struct error refusal;
    size_t drifts = 0;

    *out = NULL;
    if (!session_open(session, error) || !session_require_owner(session, error) ||
        !session_read_ledgers(session, error))
        return error->exit_status;
    /* Whether apply would be refused for another reason is status's to say; which steps are pending is known anyway. */
    if (!history_compare(session, &none, &history, &refusal))
        session_log(session, "warning", "apply would be refused: %s", refusal.message);
    for (size_t i = 0; i < session->target_count; i++)
        if (!verify_target(session, &session->targets[i], &history, rebuild, targets, &drifts, error))
            return error->exit_status;
    json_set_text(arena, result, "project", session->plan->project);
    json_set_text(arena, result, "environment", session->plan->environment);
    json_set_integer(arena, result, "drifts", (int64_t)drifts);
    json_set(arena, result, "targets", targets);
    *out = result;
    if (!drifts)
        return EXIT_STATUS_DONE;
    error_set(error, EXIT_STATUS_DRIFT, "%zu difference%s between the live databases and %s", drifts,
        drifts == 1 ? "" : "s", rebuild ? "the plan, rebuilt" : "what the ledgers recorded");
    error_help(error, "put back what was changed by hand, or write it down as a migration");
    return EXIT_STATUS_DRIFT;
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static long long number_of(const struct json *object, const char *key)
{
    int64_t value = 0;

    return json_to_i64(json_get(object, key), &value) ? (long long)value : 0;
}

void verify_print(const struct json *result, struct strbuf *out)
{
    const struct json *target = json_get(result, "targets");

    for (target = target ? target->child : NULL; target; target = target->next) {
        const struct json *drift = json_get(target, "drift");
        const struct json *concerned = json_get(target, "pending_steps_concerned");

        strbuf_printf(out, "target %s: %lld objects compared with %s, %zu difference%s",
            json_string(json_get(target, "name")), number_of(target, "objects_compared"),
            json_string(json_get(target, "compared_with")), drift->count, drift->count == 1 ? "" : "s");
        if (number_of(target, "objects_under_way"))
            strbuf_printf(out, ", %lld of a step under way left out", number_of(target, "objects_under_way"));
        strbuf_append_char(out, '\n');
        for (const struct json *item = drift->child; item; item = item->next)
            strbuf_printf(out, "  %s\n", json_string(json_get(item, "message")));
        for (const struct json *item = json_get(target, "unrecorded")->child; item; item = item->next)
            strbuf_printf(out, "  in no ledger, and left alone: %s\n", json_string(item));
        for (const struct json *step = concerned->child; step; step = step->next)
            strbuf_printf(out, "  concerns pending step %s\n", json_string(step));
    }
}
