#include "compiler/parse.h"

#include <string.h>

#include "compiler/check.h"
#include "compiler/connection.h"
#include "compiler/lint.h"
#include "compiler/order.h"
#include "compiler/resolve.h"
#include "compiler/step.h"
#include "compiler/value.h"
#include "spec/base/arena.h"
#include "spec/diagnostic.h"

enum { POSTGRES_VERSION_DEFAULT = 15, SEARCHED_STEPS_MAX = 16 };

struct parser {
    struct arena *arena;
    struct diag_list *diags;
    struct project *project;
    struct map targets; /* name → struct project_target */
    struct checker checker;
};

static void parser_init(struct parser *parser, struct project *project, struct arena *arena, struct diag_list *diags)
{
    *parser = (struct parser){.arena = arena, .diags = diags, .project = project};
    map_init(&parser->targets, arena);
    for (size_t i = 0; i < project->targets.count; i++)
        map_put(&parser->targets, str_from(project->targets.items[i].name), &project->targets.items[i]);
    parser->checker = (struct checker){arena, diags, project->keys, &parser->targets};
}

static void check_root(struct parser *parser, struct node *root, const char *context)
{
    const struct key_type type = {.kind = KEY_OBJECT, .context = context};
    const struct check_place place = {0};

    check_value(&parser->checker, root, &type, &place);
}

static bool is_mapping(const struct node *node)
{
    return node && node->kind == NODE_MAPPING;
}

static bool is_text(const struct node *node)
{
    return node && node->kind == NODE_SCALAR && !node->damaged && node->text.len > 0;
}

/* --- targets -------------------------------------------------------------------------------------------------- */

static void parse_targets(struct project *project, struct arena *arena, const struct node *targets)
{
    if (!is_mapping(targets))
        return;
    for (size_t i = 0; i < targets->count; i++) {
        struct node *node = targets->members[i].value;
        struct project_target target = {.name = targets->members[i].key->text.data, .node = node};
        struct str engine = node_text(node_get(node, "engine"));
        int64_t version = POSTGRES_VERSION_DEFAULT;

        target.engine = str_is(engine, "postgres")   ? ENGINE_POSTGRES
                        : str_is(engine, "dynamodb") ? ENGINE_DYNAMODB
                                                     : ENGINE_ANY;
        node_to_i64(node_get(node, "version"), &version);
        target.version = target.engine == ENGINE_POSTGRES && version > 0 && version < 1000 ? (int)version : 0;
        target.ledger = node_string(arena, node_get(node, "ledger"));
        if (!target.ledger)
            target.ledger = target.engine == ENGINE_DYNAMODB ? "invplan_migrations" : "invplan";
        target.typeorm_table = node_string(arena, node_get(node, "typeorm_table"));
        VEC_PUSH(arena, &project->targets, target);
    }
}

static void check_targets(struct parser *parser)
{
    static const char *const postgres_only[] = {"version", "typeorm_table"};

    for (size_t i = 0; i < parser->project->targets.count; i++) {
        const struct project_target *target = &parser->project->targets.items[i];

        for (size_t j = 0; j < sizeof(postgres_only) / sizeof(*postgres_only); j++) {
            const struct node *key = node_get_key(target->node, postgres_only[j]);

            if (key && target->engine == ENGINE_DYNAMODB)
                diag_report(
                    parser->diags, DIAG(SPEC001), key->span, "a DynamoDB target has no key '%s'", postgres_only[j]);
        }
    }
}

static struct project_target *find_target(struct parser *parser, const struct node *name, const char *what)
{
    struct project_target *target;
    VEC(const char *) names = {0};

    if (!is_text(name) || strstr(name->text.data, "${"))
        return NULL;
    target = map_get(&parser->targets, name->text);
    if (target)
        return target;
    for (size_t i = 0; i < parser->project->targets.count; i++)
        VEC_PUSH(parser->arena, &names, parser->project->targets.items[i].name);
    check_report_unknown(&parser->checker, DIAG(SPEC018), name, what, names.items, names.count);
    return NULL;
}

static void parse_order(struct parser *parser, const struct node *order)
{
    struct project *project = parser->project;
    struct map seen;

    map_init(&seen, parser->arena);
    for (size_t i = 0; order && order->kind == NODE_SEQUENCE && i < order->count; i++) {
        const struct node *name = order->items[i];
        const struct project_target *target = find_target(parser, name, "there is no target");

        if (!target)
            continue;
        if (map_put(&seen, name->text, order->items[i]))
            diag_report(parser->diags, DIAG(SPEC012), name->span, "target '%s' stands here twice", target->name);
        else
            VEC_PUSH(parser->arena, &project->order, target->name);
    }
    for (size_t i = 0; i < project->targets.count; i++)
        if (!map_has(&seen, str_from(project->targets.items[i].name)))
            VEC_PUSH(parser->arena, &project->order, project->targets.items[i].name);
}

/* --- environments --------------------------------------------------------------------------------------------- */

static void parse_environment(struct parser *parser, const struct node *name, struct node *node)
{
    struct project_environment environment = {.name = name->text.data, .node = node};
    const struct node *targets = node_get(node, "targets");

    if (!is_mapping(node))
        return;
    VEC_PUSH(parser->arena, &parser->project->environments, environment);
    lint_check_settings(parser->arena, parser->diags, node_get(node, "lint"));
    if (!value_is_id(name->text)) {
        struct diag *diag = diag_report(parser->diags, DIAG(SPEC006), name->span,
            "the environment '%.*s' gives its plan its file name", STR_ARG(name->text));

        diag_add_help(parser->diags, diag, "use letters, digits, '-', '_' and '.'");
    }
    if (!is_mapping(targets))
        return;
    for (size_t i = 0; i < targets->count; i++) {
        const struct project_target *target = find_target(parser, targets->members[i].key, "there is no target");

        if (target && target->engine == ENGINE_POSTGRES)
            connection_check(targets->members[i].value, parser->diags);
    }
    for (size_t i = 0; i < parser->project->targets.count && !targets->damaged; i++) {
        const char *target = parser->project->targets.items[i].name;
        struct diag *diag;

        if (node_get(targets, target))
            continue;
        diag = diag_report(parser->diags, DIAG(SPEC019), name->span,
            "environment '%.*s' does not say how target '%s' is reached", STR_ARG(name->text), target);
        diag_add_help(parser->diags, diag,
            "add `%s: {}` to its targets where everything comes from the machine's own settings", target);
    }
}

static void parse_environments(struct parser *parser, const struct node *environments)
{
    for (size_t i = 0; is_mapping(environments) && i < environments->count; i++)
        parse_environment(parser, environments->members[i].key, environments->members[i].value);
}

/* --- migrations ----------------------------------------------------------------------------------------------- */

static void parse_allowances(struct parser *parser, struct project_migration *migration, const struct node *list)
{
    for (size_t i = 0; list && list->kind == NODE_SEQUENCE && i < list->count; i++) {
        struct node *node = list->items[i];
        const struct node *rule = node_get(node, "rule");
        const struct diag_code *code;
        struct project_allowance allowance = {
            .reason = node_string(parser->arena, node_get(node, "reason")),
            .until = node_string(parser->arena, node_get(node, "until")),
            .node = node,
        };

        if (!is_text(rule) || !allowance.reason)
            continue;
        code = lint_rule(parser->arena, parser->diags, rule, "allowed");
        if (!code)
            continue;
        allowance.rule = code->name;
        VEC_PUSH(parser->arena, &migration->allow, allowance);
    }
}

static void check_only(struct parser *parser, const struct node *only)
{
    VEC(const char *) names = {0};

    for (size_t i = 0; i < parser->project->environments.count; i++)
        VEC_PUSH(parser->arena, &names, parser->project->environments.items[i].name);
    for (size_t i = 0; only && only->kind == NODE_SEQUENCE && i < only->count; i++) {
        const struct node *name = only->items[i];
        bool known = !is_text(name);

        for (size_t j = 0; j < names.count; j++)
            known |= str_is(name->text, names.items[j]);
        if (!known)
            check_report_unknown(
                &parser->checker, DIAG(SPEC023), name, "there is no environment", names.items, names.count);
    }
}

/* The key of the migration's step of that name, or NULL. names: used where there are many steps. */
static const struct node *find_step(
    const struct project_migration *migration, const struct map *names, const char *name)
{
    if (migration->steps.count > SEARCHED_STEPS_MAX)
        return map_get(names, str_from(name));
    for (size_t i = 0; i < migration->steps.count; i++)
        if (strcmp(migration->steps.items[i].name, name) == 0)
            return migration->steps.items[i].key;
    return NULL;
}

static void add_step_name(const struct project_migration *migration, struct map *names)
{
    size_t count = migration->steps.count;

    if (count <= SEARCHED_STEPS_MAX)
        return;
    for (size_t i = count == SEARCHED_STEPS_MAX + 1 ? 0 : count - 1; i < count; i++)
        map_put(names, str_from(migration->steps.items[i].name), migration->steps.items[i].key);
}

static void parse_steps(struct parser *parser, struct project_migration *migration, const struct node *steps)
{
    struct map names;

    map_init(&names, parser->arena);
    for (size_t i = 0; steps && steps->kind == NODE_SEQUENCE && i < steps->count; i++) {
        struct node *node = steps->items[i];
        struct project_step step;
        const struct node *first;
        struct diag *diag;

        if (node->damaged || node->kind != NODE_MAPPING) {
            migration->broken = true;
            continue;
        }
        if (!step_parse(parser->arena, parser->project->keys, migration->target->engine, node, &step, parser->diags)) {
            migration->broken = true;
            continue;
        }
        first = find_step(migration, &names, step.name);
        if (first) {
            diag = diag_report(
                parser->diags, DIAG(SPEC016), step.key->span, "two steps of this migration are called '%s'", step.name);
            diag_add_note(parser->diags, diag, first->span, "the other is here");
            diag_add_help(parser->diags, diag, "give one of them a `name:`");
            migration->broken = true;
        }
        VEC_PUSH(parser->arena, &migration->steps, step);
        add_step_name(migration, &names);
    }
}

static void parse_migration(struct parser *parser, struct node *node)
{
    struct project_migration migration = {
        .id = node_string(parser->arena, node_get(node, "id")),
        .description = node_string(parser->arena, node_get(node, "description")),
        .phase = node_get(node, "phase"),
        .rollback = node_get(node, "rollback"),
        .only = node_get(node, "only"),
        .node = node,
        .index = parser->project->migrations.count,
        .broken = node->damaged,
    };
    const struct node *after = node_get(node, "after");

    migration.target = find_target(parser, node_get(node, "target"), "there is no target");
    check_only(parser, migration.only);
    if (migration.rollback && migration.target && migration.target->engine == ENGINE_DYNAMODB)
        diag_report(parser->diags, DIAG(SPEC035), node_get_key(node, "rollback")->span,
            "a migration on DynamoDB has no `rollback:` of its own");
    if (!migration.id || !is_text(node_get(node, "id")))
        return;
    for (size_t i = 0; after && after->kind == NODE_SEQUENCE && i < after->count; i++)
        if (is_text(after->items[i]))
            VEC_PUSH(parser->arena, &migration.after, after->items[i]);
    parse_allowances(parser, &migration, node_get(node, "allow"));
    if (migration.target)
        parse_steps(parser, &migration, node_get(node, "steps"));
    else
        migration.broken = true;
    VEC_PUSH(parser->arena, &parser->project->migrations, migration);
}

static void parse_history(struct parser *parser, const struct node *root)
{
    const struct node *migrations = node_get(root, "migrations");
    struct node *events = node_get(root, "events");

    for (size_t i = 0; migrations && migrations->kind == NODE_SEQUENCE && i < migrations->count; i++)
        if (is_mapping(migrations->items[i]))
            parse_migration(parser, migrations->items[i]);
    if (events && parser->project->events) {
        struct diag *diag =
            diag_report(parser->diags, DIAG(SPEC028), node_get_key(root, "events")->span, "a second events section");

        diag_add_note(parser->diags, diag, parser->project->events->span, "the first is here");
        diag_add_help(parser->diags, diag, "one file of the project holds all event types");
    } else if (is_mapping(events)) {
        parser->project->events = events;
    }
}

static void check_events(struct parser *parser)
{
    const struct node *store = node_get(parser->project->events, "store");
    const struct project_target *target = find_target(parser, store, "there is no target");

    if (target && target->engine == ENGINE_POSTGRES)
        diag_report(parser->diags, DIAG(SPEC028), store->span,
            "events are stored in DynamoDB, and target '%s' is PostgreSQL", target->name);
}

static void check_ids(struct parser *parser)
{
    struct map ids;

    map_init(&ids, parser->arena);
    for (size_t i = 0; i < parser->project->migrations.count; i++) {
        struct project_migration *migration = &parser->project->migrations.items[i];
        const struct node *id = node_get(migration->node, "id"), *first = map_get(&ids, id->text);
        int64_t timestamp;

        if (first) {
            struct diag *diag =
                diag_report(parser->diags, DIAG(SPEC017), id->span, "two migrations have the id '%s'", migration->id);

            diag_add_note(parser->diags, diag, first->span, "the other is here");
            migration->broken = true;
        } else {
            map_put(&ids, id->text, node_get(migration->node, "id"));
        }
        if (migration->target && migration->target->typeorm_table && !migration->broken &&
            !plan_typeorm_name(parser->checker.arena, migration->id, &timestamp)) {
            struct diag *diag = diag_report(parser->diags, DIAG(SPEC029), id->span,
                "TypeORM's table '%s' cannot hold the id '%s'", migration->target->typeorm_table, migration->id);

            diag_add_help(
                parser->diags, diag, "write it as TIMESTAMP-Name, as 1709123456789-AddInventoryItemAttributes");
        }
    }
}

const struct node *parse_main(struct project *project, struct arena *arena, struct node *root, struct diag_list *diags)
{
    struct parser parser;
    const struct node *include;

    project->keys = key_table_create(arena);
    parse_targets(project, arena, node_get(root, "targets"));
    parser_init(&parser, project, arena, diags);
    check_root(&parser, root, "top");
    if (root->kind != NODE_MAPPING)
        return NULL;
    project->name = node_string(arena, node_get(root, "project"));
    check_targets(&parser);
    parse_order(&parser, node_get(root, "order"));
    parse_environments(&parser, node_get(root, "environments"));
    project->lint = node_get(root, "lint");
    lint_check_settings(arena, diags, project->lint);
    parse_history(&parser, root);
    include = node_get(root, "include");
    return include && include->kind == NODE_SEQUENCE ? include : NULL;
}

void parse_included(struct project *project, struct arena *arena, struct node *root, struct diag_list *diags)
{
    struct parser parser;

    parser_init(&parser, project, arena, diags);
    check_root(&parser, root, "include");
    if (root->kind == NODE_MAPPING)
        parse_history(&parser, root);
}

void parse_finish(struct project *project, struct arena *arena, struct diag_list *diags)
{
    struct parser parser;

    parser_init(&parser, project, arena, diags);
    check_events(&parser);
    check_ids(&parser);
    order_check(project, arena, diags);
    resolve_check(project, arena, diags);
}
