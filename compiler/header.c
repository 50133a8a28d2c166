#include "compiler/header.h"

#include <string.h>

#include "compiler/connection.h"
#include "compiler/value.h"
#include "spec/base/arena.h"

struct builder {
    const struct project *project;
    const struct project_environment *environment;
    const struct checker *checker;
    const struct resolver *resolver;
    struct plan *plan;
    bool ok;
};

/*
 * The value of a key of the environment or one of its parts, with variables replaced and checked against context.
 * NULL when it is absent or wrong.
 */
static struct node *take(struct builder *builder, const struct node *from, const char *key_name, const char *context)
{
    struct node *node = node_get(from, key_name), *key = node_get_key(from, key_name);
    struct node *resolved = resolve_node(builder->resolver, node);
    const struct key_type type = {.kind = KEY_OBJECT, .context = context};
    const struct check_place place = {.key = key};

    if (!node)
        return NULL;
    if (resolved == node)
        return node->kind == NODE_MAPPING && !node->damaged ? node : NULL;
    if (check_value(builder->checker, resolved, &type, &place))
        return resolved;
    builder->ok = false;
    return NULL;
}

static int64_t take_ms(const struct node *mapping, const char *key, int64_t fallback_ms)
{
    const struct node *node = node_get(mapping, key);
    int64_t ms;

    return node && value_to_ms(node_text(node), &ms) ? ms : fallback_ms;
}

static bool take_bool(const struct node *mapping, const char *key)
{
    bool value = false;

    node_to_bool(node_get(mapping, key), &value);
    return value;
}

/* --- targets -------------------------------------------------------------------------------------------------- */

static const char *with_prefix(struct arena *arena, const char *prefix, struct str name)
{
    return arena_printf(arena, "%s%.*s", prefix, STR_ARG(name));
}

static void add_connection(struct builder *builder, const struct node *node, struct plan_target *target)
{
    const char *name =
        target->engine == ENGINE_POSTGRES ? "environment.target@postgres" : "environment.target@dynamodb";
    const struct key_context *context = key_context_find(builder->project->keys, name, ENGINE_ANY);

    for (size_t i = 0; i < context->keys.count; i++) {
        const struct key *key = &context->keys.items[i];
        const struct node *value = node_get(node, key->name);
        bool reference = false;

        for (const struct key_type *type = key->type; type; type = type->next)
            reference |= type->kind == KEY_REFERENCE;
        if (value && reference) {
            struct plan_connection_field field = {key->name, node_string(builder->resolver->arena, value)};

            VEC_PUSH(builder->resolver->arena, &target->connection, field);
        }
    }
}

static void add_target(struct builder *builder, const struct project_target *from)
{
    struct arena *arena = builder->resolver->arena;
    struct plan_target target = {
        .name = from->name, .engine = from->engine, .version = from->version, .table_prefix = ""};
    const struct node *node =
        take(builder, node_get(builder->environment->node, "targets"), from->name, "environment.target");
    const struct node *prefix = node_get(node, "table_prefix");

    if (from->engine == ENGINE_POSTGRES) {
        target.typeorm_table = from->typeorm_table;
        target.ledger = from->ledger;
    } else {
        if (prefix)
            target.table_prefix = node_string(arena, prefix);
        target.ledger = with_prefix(arena, target.table_prefix, str_from(from->ledger));
    }
    if (node) {
        /* Once more with variables in place: one of them may be the password. */
        if (from->engine == ENGINE_POSTGRES)
            connection_check(node, builder->checker->diags);
        add_connection(builder, node, &target);
    }
    VEC_PUSH(arena, &builder->plan->targets, target);
}

const char *header_schema(
    const struct project_environment *environment, const char *target, const struct resolver *resolver)
{
    struct node *node = node_get(node_get(environment->node, "targets"), target);
    const struct node *schema = resolve_node(resolver, node_get(node, "schema"));

    return node_text(schema).len ? node_string(resolver->arena, schema) : "public";
}

/* --- policy and what goes with a run -------------------------------------------------------------------------- */

static void add_policy(struct builder *builder)
{
    const struct node *policy = take(builder, builder->environment->node, "policy", "policy");

    builder->plan->policy = (struct plan_policy){
        .on_failure =
            str_is(node_text(node_get(policy, "on_failure")), "rollback") ? ON_FAILURE_ROLLBACK : ON_FAILURE_HALT,
        .lock_timeout_ms = take_ms(policy, "lock_timeout", 500),
        .statement_timeout_ms = take_ms(policy, "statement_timeout", 0),
        .retry_for_ms = take_ms(policy, "retry_for", INT64_C(5) * 60 * 1000),
        .concurrent_wait_ms = take_ms(policy, "concurrent_wait", INT64_C(60) * 60 * 1000),
        .slow_statement_ms = take_ms(policy, "slow_statement", INT64_C(10) * 1000),
        .irreversible_allowed = str_is(node_text(node_get(policy, "irreversible")), "allow"),
    };
}

static struct json *text_json(struct arena *arena, const struct node *node)
{
    return json_new_string(arena, node_text(node));
}

static void add_backup(struct builder *builder)
{
    struct arena *arena = builder->resolver->arena;
    const struct node *backup = take(builder, builder->environment->node, "backup", "backup");
    const struct node *dynamodb = node_get(backup, "dynamodb");
    struct json *json;

    if (!backup)
        return;
    json = json_new(arena, JSON_OBJECT);
    json_set(arena, json, "before", text_json(arena, node_get(backup, "before")));
    json_set(arena, json, "rds", json_new_bool(arena, take_bool(backup, "rds")));
    json_set(arena, json, "dynamodb", dynamodb ? text_json(arena, dynamodb) : json_new_text(arena, "none"));
    json_set_integer(arena, json, "wait_ms", take_ms(backup, "wait", INT64_C(60) * 60 * 1000));
    builder->plan->backup = json;
}

static void add_notify(struct builder *builder)
{
    struct arena *arena = builder->resolver->arena;
    const struct node *notify = take(builder, builder->environment->node, "notify", "notify");
    const struct node *on = node_get(notify, "on");
    struct json *json, *list;

    if (!notify)
        return;
    json = json_new(arena, JSON_OBJECT);
    list = json_new(arena, JSON_ARRAY);
    for (size_t i = 0; on && i < on->count; i++)
        json_append(list, text_json(arena, on->items[i]));
    json_set(arena, json, "sns", text_json(arena, node_get(notify, "sns")));
    json_set(arena, json, "on", list);
    builder->plan->notify = json;
}

static void add_metrics(struct builder *builder)
{
    struct arena *arena = builder->resolver->arena;
    const struct node *metrics = take(builder, builder->environment->node, "metrics", "metrics");
    struct json *json;

    if (!metrics)
        return;
    json = json_new(arena, JSON_OBJECT);
    json_set(arena, json, "cloudwatch", text_json(arena, node_get(metrics, "cloudwatch")));
    builder->plan->metrics = json;
}

/* --- events and capabilities ---------------------------------------------------------------------------------- */

static void add_events(struct builder *builder)
{
    struct arena *arena = builder->resolver->arena;
    const struct node *node = builder->project->events;
    const struct plan_target *target = plan_find_target(builder->plan, node_text(node_get(node, "store")).data);
    struct plan_events *events;

    if (!node || !target)
        return;
    events = ARENA_NEW(arena, struct plan_events);
    events->target = target->name;
    events->table = with_prefix(arena, target->table_prefix, node_text(node_get(node, "table")));
    events->registry = with_prefix(arena, target->table_prefix, node_text(node_get(node, "registry")));
    events->stream = node_string(arena, node_get(node, "stream"));
    events->sequence = node_string(arena, node_get(node, "sequence"));
    events->type = node_string(arena, node_get(node, "type"));
    events->version = node_string(arena, node_get(node, "version"));
    builder->plan->events = events;
}

enum capability {
#define CAPABILITY_ROW(name, text, supported, doc) CAPABILITY_##name,
#include "spec/capability.def"
#undef CAPABILITY_ROW
    CAPABILITY_COUNT,
};

static bool needs_secrets(const struct plan *plan)
{
    for (size_t i = 0; i < plan->targets.count; i++) {
        const struct plan_target *target = &plan->targets.items[i];

        for (size_t j = 0; j < target->connection.count; j++)
            if (strcmp(target->connection.items[j].name, "secret") == 0 ||
                strstr(target->connection.items[j].value, "${secret:"))
                return true;
    }
    return (plan->notify && strstr(json_text(json_get(plan->notify, "sns")).data, "${secret:")) ||
           (plan->metrics && strstr(json_text(json_get(plan->metrics, "cloudwatch")).data, "${secret:"));
}

static void add_capabilities(struct builder *builder)
{
    static const char *const names[CAPABILITY_COUNT] = {
#define CAPABILITY_ROW(name, text, supported, doc) [CAPABILITY_##name] = (text),
#include "spec/capability.def"
#undef CAPABILITY_ROW
    };
    const struct plan *plan = builder->plan;
    const struct node *policy = node_get(builder->environment->node, "policy");
    bool needed[CAPABILITY_COUNT] = {
        [CAPABILITY_BACKUP_RDS] = json_bool(json_get(plan->backup, "rds"), false),
        [CAPABILITY_BACKUP_DYNAMODB] = plan->backup && !str_is(json_text(json_get(plan->backup, "dynamodb")), "none"),
        [CAPABILITY_NOTIFY_SNS] = plan->notify != NULL,
        [CAPABILITY_METRICS_CLOUDWATCH] = plan->metrics != NULL,
        [CAPABILITY_SECRET_REFERENCE] = needs_secrets(plan),
        [CAPABILITY_SIGNATURE] = node_get(policy, "signature") != NULL,
    };

    for (size_t i = 0; i < CAPABILITY_COUNT; i++)
        if (needed[i])
            VEC_PUSH(builder->resolver->arena, &builder->plan->required_capabilities, names[i]);
}

bool header_build(const struct project *project, const struct project_environment *environment,
    const struct checker *checker, const struct resolver *resolver, struct plan *plan)
{
    struct builder builder = {project, environment, checker, resolver, plan, true};

    plan->project = project->name;
    plan->environment = environment->name;
    plan->disposable = take_bool(environment->node, "disposable");
    for (size_t i = 0; i < project->order.count; i++)
        VEC_PUSH(resolver->arena, &plan->order, project->order.items[i]);
    for (size_t i = 0; i < project->targets.count; i++)
        add_target(&builder, &project->targets.items[i]);
    add_policy(&builder);
    add_backup(&builder);
    add_notify(&builder);
    add_metrics(&builder);
    add_events(&builder);
    add_capabilities(&builder);
    return builder.ok;
}
