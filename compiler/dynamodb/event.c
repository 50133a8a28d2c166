#include "compiler/dynamodb/dynamodb.h"
#include "compiler/dynamodb/event_types.h"
#include "spec/base/arena.h"

enum { SEGMENTS_DEFAULT = 64, SEGMENTS_MAX = 1000000 };

static bool events_here(struct dynamodb_backend *backend, const struct project_step *step)
{
    const struct plan_events *events = backend->compilation->plan->events;
    struct diag_list *diags = backend->compilation->diags;

    if (backend->events)
        return true;
    if (events)
        diag_report(diags, DIAG(EVENT014), step->key->span, "events live on target '%s', not on '%s'", events->target,
            backend->target->name);
    else
        diag_report(diags, DIAG(EVENT012), step->key->span, "the project has no events section");
    return false;
}

static const char *registered_key(struct dynamodb_backend *backend, struct str event, int number)
{
    return arena_printf(backend->compilation->arena, "%.*s@%d", STR_ARG(event), number);
}

/* The registry table is made where the first version is published, unless the history made it with create_table. */
static void push_registry(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    const struct plan_events *events = backend->compilation->plan->events;
    struct str authored = {events->registry + str_from(backend->target->table_prefix).len,
        str_from(events->registry).len - str_from(backend->target->table_prefix).len};
    struct lowered_part part = ddb_part(backend, step, "registry");
    struct json *remove = json_new(arena, JSON_OBJECT), *guard = json_new(arena, JSON_OBJECT);
    struct ddb_table *table;
    struct ddb_call create = {"CreateTable", NULL, "active", NULL, NULL, false};
    struct ddb_call drop = {"DeleteTable", remove, "absent", NULL, NULL, false};

    backend->registry_made = true;
    if (map_has(&backend->tables, authored))
        return;
    table = catalog_add_table(backend, authored, step->key->span);
    VEC_PUSH(arena, &table->key, (struct ddb_key){STR("eventType"), STR("S")});
    VEC_PUSH(arena, &table->key, (struct ddb_key){STR("version"), STR("N")});
    table->capacity.on_demand = true;
    create.request = request_create_table(arena, table);
    part.step.action = ddb_call_action(arena, table, &create, probe_table(arena, table, false, expect_table(arena, table)));
    json_set_text(arena, remove, "TableName", table->name);
    json_set_text(arena, guard, "table", table->name);
    json_set(arena, guard, "empty", json_new_bool(arena, true));
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.guard = guard;
    part.step.inverse.why = "versions that something else registered";
    part.step.inverse.action = ddb_call_action(arena, table, &drop, probe_table(arena, table, true, NULL));
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
}

static struct json *json_or_null(struct arena *arena, const struct json *value)
{
    return value ? json_clone(arena, value) : json_new(arena, JSON_NULL);
}

static struct json *version_json(struct arena *arena, const struct plan_events *events, const struct event_type_spec *type,
    const struct event_version *version)
{
    struct json *json = json_new(arena, JSON_OBJECT);

    json_set_text(arena, json, "registry", events->registry);
    json_set(arena, json, "event", json_new_string(arena, type->name));
    json_set_integer(arena, json, "version", version->number);
    json_set(arena, json, "compatibility", json_new_string(arena, type->compatibility));
    json_set(arena, json, "schema", json_clone(arena, version->schema));
    json_set(arena, json, "upcast", json_or_null(arena, version->upcast));
    json_set(arena, json, "downcast", json_or_null(arena, version->downcast));
    json_set_text(arena, json, "digest", version->digest.hex);
    return json;
}

static bool check_order(struct dynamodb_backend *backend, const struct project_step *step,
    const struct event_type_spec *type, const struct event_version *version)
{
    struct diag_list *diags = backend->compilation->diags;
    const struct node *at = node_get(step->body, "version");
    const struct node *first = map_get(&backend->registered,
        str_from(registered_key(backend, type->name, version->number)));

    if (first) {
        struct diag *diag = diag_report(diags, DIAG(EVENT009), at->span, "version %d of '%.*s' is registered already",
            version->number, STR_ARG(type->name));

        diag_add_note(diags, diag, first->span, "it is registered here");
        return false;
    }
    if (version->number > 1 &&
        !map_has(&backend->registered, str_from(registered_key(backend, type->name, version->number - 1)))) {
        struct diag *diag = diag_report(diags, DIAG(EVENT008), at->span,
            "version %d of '%.*s' is registered before version %d", version->number, STR_ARG(type->name),
            version->number - 1);

        diag_add_help(diags, diag, "put register_event: { event: %.*s, version: %d } before it", STR_ARG(type->name),
            version->number - 1);
        return false;
    }
    return true;
}

bool lower_register_event(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    const struct plan_events *events = backend->compilation->plan->events;
    struct lowered_part part = ddb_part(backend, step, "register");
    const struct event_type_spec *type;
    const struct event_version *version;
    struct json *undo = json_new(arena, JSON_OBJECT), *definition = json_new(arena, JSON_OBJECT);
    int64_t number = 0;

    if (!events_here(backend, step))
        return false;
    type = event_types_find(backend->compilation, backend->events, node_get(step->body, "event"));
    if (!type)
        return false;
    node_to_i64(node_get(step->body, "version"), &number);
    version = event_type_version(type, number);
    if (!version) {
        diag_report(backend->compilation->diags, DIAG(EVENT007), node_get(step->body, "version")->span,
            "event '%.*s' has no valid version %lld", STR_ARG(type->name), (long long)number);
        return false;
    }
    if (!check_order(backend, step, type, version))
        return false;
    if (!backend->registry_made)
        push_registry(backend, step, out);
    map_put(&backend->registered, str_from(registered_key(backend, type->name, version->number)), step->key);
    part.step.action = (struct plan_action){
        .instruction = INSTRUCTION_EVENT_REGISTER, .forward = version_json(arena, events, type, version)};
    json_set(arena, undo, "unregister", json_new_bool(arena, true));
    json_set_text(arena, undo, "registry", events->registry);
    json_set(arena, undo, "event", json_new_string(arena, type->name));
    json_set_integer(arena, undo, "version", version->number);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = (struct plan_action){.instruction = INSTRUCTION_EVENT_REGISTER, .forward = undo};
    part.step.source_digest = version->digest.hex;
    json_set_text(arena, definition, "digest", version->digest.hex);
    VEC_PUSH(arena, &part.step.effect,
        (struct plan_effect){arena_printf(arena, "event_schema %.*s@%d", STR_ARG(type->name), version->number), definition});
    VEC_PUSH(arena, &out->items, part);
    return true;
}

/* --- upgrade_events ---------------------------------------------------------------------------------------------- */

static bool uses_operator(const struct json *operators, const char *name)
{
    for (const struct json *operator = operators->child; operator; operator = operator->next) {
        const struct json *body = operator->child;

        if (!body)
            continue;
        if (str_is(body->key, name))
            return true;
        for (const struct json *nested = body->child; nested; nested = nested->next)
            if (nested->type == JSON_ARRAY && uses_operator(nested, name))
                return true;
    }
    return false;
}

static bool in_place_possible(struct dynamodb_backend *backend, const struct node *at, const struct event_type_spec *type,
    int64_t to)
{
    static const char *const refused[] = {"split_event", "drop_event", "rename_type"};

    for (int64_t number = 2; number <= to; number++) {
        const struct event_version *version = event_type_version(type, number);

        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
            if (uses_operator(version->upcast, refused[i])) {
                struct diag *diag = diag_report(backend->compilation->diags, DIAG(EVENT011), at->span,
                    "the upcaster to version %lld uses %s, which cannot be done in place", (long long)number, refused[i]);

                diag_add_help(backend->compilation->diags, diag, "use strategy: lazy");
                return false;
            }
    }
    return true;
}

static struct json *upcast_chain(struct arena *arena, const struct event_type_spec *type, int64_t to)
{
    struct json *chain = json_new(arena, JSON_ARRAY);

    for (int64_t number = 2; number <= to; number++) {
        const struct event_version *version = event_type_version(type, number);
        struct json *link = json_new(arena, JSON_OBJECT);

        json_set_integer(arena, link, "version", number);
        json_set(arena, link, "operators", json_clone(arena, version->upcast));
        json_append(chain, link);
    }
    return chain;
}

static void set_integer_or_null(struct arena *arena, struct json *object, const char *key, const struct node *node)
{
    int64_t value;

    if (node && node_to_i64(node, &value))
        json_set_integer(arena, object, key, value);
    else
        json_set(arena, object, key, json_new(arena, JSON_NULL));
}

static struct json *upgrade_forward(struct arena *arena, const struct project_step *step, const struct event_type_spec *type,
    int64_t to, bool in_place)
{
    struct json *forward = json_new(arena, JSON_OBJECT), *only = json_new(arena, JSON_NULL);
    const struct node *stream = node_get(node_get(step->body, "only"), "stream");
    int64_t segments = SEGMENTS_DEFAULT;

    if (node_get(step->body, "segments"))
        node_to_i64(node_get(step->body, "segments"), &segments);
    if (stream) {
        only = json_new(arena, JSON_OBJECT);
        json_set(arena, only, "stream", json_new_string(arena, node_text(stream)));
    }
    json_set(arena, forward, "event", json_new_string(arena, type->name));
    json_set_integer(arena, forward, "to", to);
    json_set_text(arena, forward, "strategy", in_place ? "in_place" : "lazy");
    json_set_integer(arena, forward, "segments", segments);
    json_set(arena, forward, "only", only);
    set_integer_or_null(arena, forward, "max_wcu", node_get(step->body, "max_wcu"));
    set_integer_or_null(arena, forward, "max_rcu", node_get(step->body, "max_rcu"));
    json_set(arena, forward, "upcasts", upcast_chain(arena, type, to));
    return forward;
}

static bool check_upgrade(struct dynamodb_backend *backend, const struct project_step *step,
    const struct event_type_spec *type, int64_t to, bool in_place)
{
    struct diag_list *diags = backend->compilation->diags;
    const struct plan_events *events = backend->compilation->plan->events;
    const struct node *at = node_get(step->body, "to");
    struct str prefix = str_from(backend->target->table_prefix), table = str_from(events->table);

    if (to < 2 || !event_type_version(type, to)) {
        diag_report(diags, DIAG(EVENT007), at->span, "event '%.*s' has no version %lld to upgrade to",
            STR_ARG(type->name), (long long)to);
        return false;
    }
    if (!map_has(&backend->registered, str_from(registered_key(backend, type->name, (int)to)))) {
        struct diag *diag = diag_report(diags, DIAG(EVENT010), at->span,
            "version %lld of '%.*s' is not registered at this point", (long long)to, STR_ARG(type->name));

        diag_add_help(diags, diag, "put register_event: { event: %.*s, version: %lld } before it", STR_ARG(type->name),
            (long long)to);
        return false;
    }
    if (!map_has(&backend->tables, (struct str){table.data + prefix.len, table.len - prefix.len})) {
        diag_report(diags, DIAG(EVENT015), step->key->span, "the event table '%s' does not exist at this point",
            events->table);
        return false;
    }
    return !in_place || in_place_possible(backend, node_get(step->body, "strategy"), type, to);
}

bool lower_upgrade_events(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, "upgrade");
    bool in_place = str_is(node_text(node_get(step->body, "strategy")), "in_place");
    struct json *undo = json_new(arena, JSON_OBJECT);
    const struct event_type_spec *type;
    int64_t to = 0;

    if (!events_here(backend, step))
        return false;
    type = event_types_find(backend->compilation, backend->events, node_get(step->body, "event"));
    node_to_i64(node_get(step->body, "to"), &to);
    if (!type || !check_upgrade(backend, step, type, to, in_place))
        return false;
    part.step.phase = PHASE_MIGRATE;
    part.step.timeouts.wait_ms = 0; /* as long as the table is large: it goes on where it stopped */
    part.step.action = (struct plan_action){
        .instruction = INSTRUCTION_EVENT_UPGRADE, .forward = upgrade_forward(arena, step, type, to, in_place)};
    part.step.inverse.grade = GRADE_EXACT;
    if (in_place) {
        json_set_text(arena, undo, "restore", arena_printf(arena, "%s/%s/upgrade", migration->id, step->name));
        part.step.inverse.why = "events that were written at the new version meanwhile stay as they are";
        part.step.inverse.action = (struct plan_action){.instruction = INSTRUCTION_EVENT_UPGRADE, .forward = undo};
    } else {
        part.step.inverse.action.none = true;
    }
    VEC_PUSH(arena, &out->items, part);
    return true;
}
