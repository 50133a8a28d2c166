#include "executor/event_types.h"

#include <string.h>

#include "spec/base/arena.h"

#define OBJECT_PREFIX "event_schema "

/* --- status ------------------------------------------------------------------------------------------------------- */

static struct json *take_versions(struct arena *arena, struct map *types, struct json *list, struct str event)
{
    struct json *versions = map_get(types, event), *type;

    if (versions)
        return versions;
    type = json_new(arena, JSON_OBJECT);
    versions = json_new(arena, JSON_ARRAY);
    json_set(arena, type, "event", json_new_string(arena, event));
    json_set(arena, type, "versions", versions);
    json_append(list, type);
    map_put(types, event, versions);
    return versions;
}

bool event_types_status(struct session *session, const struct history *history, struct json **out, struct error *error)
{
    const struct plan *plan = session->plan;
    struct arena *arena = session->arena;
    struct json *list = json_new(arena, JSON_ARRAY);
    struct map types;

    *out = list;
    map_init(&types, arena);
    for (size_t i = 0; plan->events && i < plan->steps.count; i++) {
        const struct plan_step *step = &plan->steps.items[i];
        struct json *version;
        const struct json *forward;
        int64_t number;

        if (strcmp(step->target, plan->events->target) != 0)
            continue;
        if (!plan_complete_step(arena, plan, i, error))
            return false;
        forward = step->action.forward;
        if (step->action.instruction != INSTRUCTION_EVENT_REGISTER ||
            !json_to_i64(json_get(forward, "version"), &number))
            continue;
        version = json_new(arena, JSON_OBJECT);
        json_set_integer(arena, version, "version", number);
        json_set(arena, version, "registered", json_new_bool(arena, history->steps[i].applied));
        json_set_text(arena, version, "step", step->id);
        json_append(take_versions(arena, &types, list, json_text(json_get(forward, "event"))), version);
    }
    return true;
}

static void print_numbers(const struct json *versions, bool registered, struct strbuf *out)
{
    bool first = true;

    for (const struct json *version = versions->child; version; version = version->next) {
        if (json_bool(json_get(version, "registered"), false) != registered)
            continue;
        strbuf_append_text(out, first ? "" : ", ");
        strbuf_append_str(out, json_text(json_get(version, "version")));
        first = false;
    }
}

void event_types_print(const struct json *types, struct strbuf *out)
{
    if (types && types->child)
        strbuf_append_text(out, "event types\n");
    for (const struct json *type = types ? types->child : NULL; type; type = type->next) {
        const struct json *versions = json_get(type, "versions");
        struct strbuf registered = STRBUF_INIT, pending = STRBUF_INIT;

        print_numbers(versions, true, &registered);
        print_numbers(versions, false, &pending);
        strbuf_append_text(out, "  ");
        strbuf_append_str(out, json_text(json_get(type, "event")));
        if (registered.len)
            strbuf_printf(out, ": registered %s", registered.data);
        if (pending.len)
            strbuf_printf(out, "%s pending %s", registered.len ? "," : ":", pending.data);
        strbuf_append_char(out, '\n');
        strbuf_free(&registered);
        strbuf_free(&pending);
    }
}

/* --- verify ------------------------------------------------------------------------------------------------------- */

bool event_types_find_unknown(struct session *session, struct session_target *target, const struct map *observed,
    const struct map *under_way, struct drift_list *drift, struct error *error)
{
    const struct plan_events *events = session->plan->events;
    struct json *registered;

    if (!events || !target->ops->registered || !str_is(str_from(events->target), target->plan->name))
        return true;
    if (!target->ops->registered(target->driver, session->arena, &registered, error))
        return false;
    for (const struct json *one = registered->child; one; one = one->next) {
        const char *object = arena_printf(session->arena, OBJECT_PREFIX "%.*s", STR_ARG(one->key));

        if (!map_has(observed, str_from(object)) && !map_has(under_way, str_from(object)))
            drift_compare(session->arena, object, NULL, one, drift);
    }
    return true;
}

void event_types_explain(struct arena *arena, struct drift *drift)
{
    struct str object = str_from(drift->object);
    const char *name, *at;

    if (!str_starts_with(object, OBJECT_PREFIX))
        return;
    name = object.data + strlen(OBJECT_PREFIX);
    at = strrchr(name, '@');
    if (!at)
        return;
    switch (drift->kind) {
    case DRIFT_GONE:
        drift->message =
            arena_printf(arena, "event '%.*s', version %s: missing in the registry", (int)(at - name), name, at + 1);
        break;
    case DRIFT_CHANGED:
        drift->message = arena_printf(arena, "event '%.*s', version %s: changed in the registry: %s", (int)(at - name),
            name, at + 1, drift->message + strlen(drift->part) + 2);
        break;
    case DRIFT_ADDED:
        drift->message = arena_printf(arena,
            "event '%.*s', version %s: unknown: it is in the registry, and the ledger does not "
            "know who registered it",
            (int)(at - name), name, at + 1);
        break;
    }
}
