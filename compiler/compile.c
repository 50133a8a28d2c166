#include "compiler/compile.h"

#include <stdlib.h>
#include <string.h>

#include "compiler/check.h"
#include "compiler/dynamodb/event_types.h"
#include "compiler/header.h"
#include "compiler/load.h"
#include "compiler/order.h"
#include "compiler/resolve.h"
#include "compiler/source_digest.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"

/* The migration that is being lowered. One for all: a plan_step is large, and there are many migrations. */
struct lowering {
    VEC(struct plan_step) steps;
    struct lowered_parts parts; /* of the step that is being lowered */
    size_t group_count;
    const char *group; /* of the transaction that the next part may join; NULL: none is open */
};

struct lowered_migration {
    struct plan_step *steps;
    size_t count;
};

struct environment_compiler {
    struct arena *arena;
    const struct project *project; /* its events with their variables replaced */
    const struct project_environment *environment;
    struct diag_list *diags;
    struct plan *plan;
    struct checker checker;
    struct resolver resolver;
    struct order_list order;
    struct lowering lowering;
    struct lowered_migration *lowered; /* by migration index */
    size_t step_count;                 /* of all */
};

/* --- files ---------------------------------------------------------------------------------------------------- */

const struct source *project_read_file(struct compilation *compilation, const struct node *path)
{
    const struct project_file *file = project_file_read(compilation->project->files, path, compilation->diags);
    struct plan_input input;

    if (!file)
        return NULL;
    input = (struct plan_input){file->path, file->digest};
    VEC_PUSH(compilation->arena, &compilation->plan->inputs, input);
    return file->source;
}

static int compare_inputs(const void *left, const void *right)
{
    return strcmp(((const struct plan_input *)left)->path, ((const struct plan_input *)right)->path);
}

/* Every file once, by path. */
static void finish_inputs(struct environment_compiler *compiler)
{
    struct plan *plan = compiler->plan;
    size_t kept = 0;

    for (size_t i = 0; i < compiler->project->inputs.count; i++)
        VEC_PUSH(compiler->arena, &plan->inputs, compiler->project->inputs.items[i]);
    qsort(plan->inputs.items, plan->inputs.count, sizeof(*plan->inputs.items), compare_inputs);
    for (size_t i = 0; i < plan->inputs.count; i++)
        if (kept == 0 || strcmp(plan->inputs.items[kept - 1].path, plan->inputs.items[i].path) != 0)
            plan->inputs.items[kept++] = plan->inputs.items[i];
    plan->inputs.count = kept;
}

/* --- variables ------------------------------------------------------------------------------------------------ */

/* The value of a key of a context with its variables replaced, checked with these in place. False when it is wrong. */
static bool resolve_value(const struct environment_compiler *compiler, struct node *node, const struct node *key_node,
    const char *context, enum engine engine, struct node **out)
{
    const struct key *key = key_find(key_context_find(compiler->project->keys, context, engine), key_node->text);
    const struct check_place place = {.key = key_node, .engine = engine};

    *out = resolve_node(&compiler->resolver, node);
    return *out == node || check_value(&compiler->checker, *out, key->type, &place);
}

static bool resolve_step(const struct environment_compiler *compiler, enum engine engine, struct project_step *step)
{
    const struct key_context *context = key_step_context(compiler->project->keys, step->kind, engine);
    const struct check_place place = {.key = step->key, .engine = engine};
    struct node *body = resolve_node(&compiler->resolver, step->body);

    if (body == step->body)
        return true;
    step->body = body;
    if (body->kind == NODE_MAPPING)
        return check_object(&compiler->checker, body, context, &place);
    check_value(&compiler->checker, body, &(struct key_type){.kind = KEY_MAP}, &place);
    return false;
}

/* The migration as this environment has it. False when a variable does not fit where it stands. */
static bool resolve_migration(const struct environment_compiler *compiler, const struct project_migration *migration,
    struct project_migration *out)
{
    enum engine engine = migration->target->engine;
    bool ok = true;

    *out = *migration;
    if (!migration->node->has_variable)
        return true;
    out->steps.items = ARENA_ARRAY(compiler->arena, struct project_step, migration->steps.count);
    for (size_t i = 0; i < migration->steps.count; i++) {
        out->steps.items[i] = migration->steps.items[i];
        ok &= resolve_step(compiler, engine, &out->steps.items[i]);
    }
    if (migration->rollback)
        ok &= resolve_value(compiler, migration->rollback, node_get_key(migration->node, "rollback"), "migration",
            engine, &out->rollback);
    return ok;
}

/* The events section as this environment has it. */
static struct node *resolve_events(const struct environment_compiler *compiler, struct node *events)
{
    struct node *copy, *types;

    if (!events || !events->has_variable)
        return events;
    types = node_get_key(events, "types");
    copy = ARENA_NEW(compiler->arena, struct node);
    *copy = *events;
    copy->members = ARENA_ARRAY(compiler->arena, struct node_member, events->count);
    for (size_t i = 0; i < events->count; i++) {
        copy->members[i] = events->members[i];
        if (copy->members[i].key == types)
            resolve_value(
                compiler, events->members[i].value, types, "events", ENGINE_DYNAMODB, &copy->members[i].value);
    }
    return copy;
}

/* --- lowering ------------------------------------------------------------------------------------------------- */

/* Allowances are marked as used by the backends: which were since the last call, added to step. */
static void take_allowances(const struct environment_compiler *compiler, const struct project_migration *migration,
    bool *used, struct plan_step *step)
{
    for (size_t i = 0; i < migration->allow.count; i++) {
        struct project_allowance *allowance = &migration->allow.items[i];
        struct plan_allowance allowed = {allowance->rule, allowance->reason};

        if (allowance->used && step)
            VEC_PUSH(compiler->arena, &step->allowed, allowed);
        used[i] |= allowance->used;
        allowance->used = false;
    }
}

static void add_part(struct environment_compiler *compiler, const struct project_migration *migration,
    const struct project_step *step, const char *digest, const struct lowered_part *part)
{
    struct lowering *lowering = &compiler->lowering;
    struct span span = part->span.source ? part->span : step->key->span;
    struct plan_step made = part->step;

    made.id = arena_printf(compiler->arena, "%s/%s/%s", migration->id, step->name, part->part);
    made.migration = migration->id;
    made.target = migration->target->name;
    made.span = (struct plan_span){span.source->path, (int64_t)source_locate(span.source, span.start).line};
    if (!made.source_digest)
        made.source_digest = digest;
    if (instruction_is_alone(made.action.instruction)) {
        lowering->group = NULL;
    } else if (!lowering->group || part->new_transaction) {
        lowering->group = arena_printf(compiler->arena, "%s#%zu", migration->id, ++lowering->group_count);
    }
    made.group = lowering->group;
    if (migration->phase)
        phase_from_name(migration->phase->text, &made.phase);
    VEC_PUSH(compiler->arena, &lowering->steps, made);
}

static struct plan_step *last_step(struct environment_compiler *compiler)
{
    size_t count = compiler->lowering.steps.count;

    return count ? &compiler->lowering.steps.items[count - 1] : NULL;
}

/* Keeps the steps of the migration that was lowered. */
static void finish_migration(struct environment_compiler *compiler, const struct project_migration *migration)
{
    struct lowered_migration *lowered = &compiler->lowered[migration->index];

    lowered->count = compiler->lowering.steps.count;
    lowered->steps = ARENA_ARRAY(compiler->arena, struct plan_step, lowered->count);
    for (size_t i = 0; i < lowered->count; i++) {
        lowered->steps[i] = compiler->lowering.steps.items[i];
        lowered->steps[i].point_of_no_return = lowered->steps[i].inverse.grade == GRADE_IMPOSSIBLE;
    }
    compiler->step_count += lowered->count;
}

/* False when the migration cannot be lowered. */
static bool lower_migration(struct environment_compiler *compiler, struct compilation *compilation,
    const struct backend_ops *ops, struct backend *backend, const struct project_migration *authored)
{
    struct project_migration migration;
    struct lowering *lowering = &compiler->lowering;
    bool *used = ARENA_ARRAY(compiler->arena, bool, authored->allow.count);

    if (!resolve_migration(compiler, authored, &migration))
        return false;
    lowering->steps.count = 0;
    lowering->group = NULL;
    lowering->group_count = 0;
    take_allowances(compiler, &migration, used, NULL);
    for (size_t i = 0; i < migration.steps.count; i++) {
        const struct project_step *step = &migration.steps.items[i];
        const char *digest = source_digest(
            compiler->arena, compiler->project, migration.target->engine, &authored->steps.items[i], compiler->diags);

        lowering->parts.items.count = 0;
        if (step->kind == STEP_GATE || step->kind == STEP_BARRIER)
            lower_outside(compilation, step, &lowering->parts);
        else
            ops->lower(backend, &migration, step, &lowering->parts);
        for (size_t j = 0; j < lowering->parts.items.count; j++)
            add_part(compiler, &migration, step, digest, &lowering->parts.items.items[j]);
        take_allowances(compiler, &migration, used, last_step(compiler));
    }
    ops->end_migration(backend, &migration, lowering->steps.items, lowering->steps.count);
    take_allowances(compiler, &migration, used, last_step(compiler));
    finish_migration(compiler, &migration);
    for (size_t i = 0; i < migration.allow.count; i++)
        migration.allow.items[i].used = used[i];
    return true;
}

static const struct backend_ops *find_backend(const struct backend_list *backends, enum engine engine)
{
    for (size_t i = 0; i < backends->count; i++)
        if (backends->items[i]->engine == engine)
            return backends->items[i];
    BUG("no backend for engine %d", (int)engine);
}

static void lower_target(
    struct environment_compiler *compiler, const struct backend_list *backends, const struct project_target *target)
{
    const struct backend_ops *ops = find_backend(backends, target->engine);
    struct compilation *compilation = ARENA_NEW(compiler->arena, struct compilation);
    struct backend *backend;
    bool complete = true;

    *compilation = (struct compilation){
        .arena = compiler->arena,
        .diags = compiler->diags,
        .project = compiler->project,
        .environment = compiler->environment,
        .plan = compiler->plan,
        .schema = header_schema(compiler->environment, target->name, &compiler->resolver),
    };
    /* The event types are read at once when the backend opens. */
    if (target->engine == ENGINE_DYNAMODB && compiler->project->events && compiler->project->events->damaged)
        return;
    backend = ops->open(compilation, plan_find_target(compiler->plan, target->name));
    for (size_t i = 0; i < compiler->order.items.count && complete; i++) {
        const struct project_migration *migration = compiler->order.items.items[i];

        /* What follows a wrong migration may need what is missing there: its errors would be misleading. */
        if (migration->target == target)
            complete = !migration->broken && lower_migration(compiler, compilation, ops, backend, migration);
    }
    ops->finish(backend, complete);
}

/* --- the plan ------------------------------------------------------------------------------------------------- */

static void add_migration(
    struct environment_compiler *compiler, const struct map *included, const struct project_migration *migration)
{
    struct plan *plan = compiler->plan;
    const struct lowered_migration *lowered = &compiler->lowered[migration->index];
    struct plan_migration made = {
        .id = migration->id,
        .target = migration->target->name,
        .description = migration->description,
        .first_step = plan->steps.count,
        .step_count = lowered->count,
    };

    for (size_t i = 0; i < migration->after.count; i++)
        if (map_has(included, migration->after.items[i]->text))
            VEC_PUSH(compiler->arena, &made.after, migration->after.items[i]->text.data);
    if (migration->target->typeorm_table)
        made.typeorm_name = plan_typeorm_name(compiler->arena, migration->id, &made.typeorm_timestamp);
    VEC_PUSH(compiler->arena, &plan->migrations, made);
    for (size_t i = 0; i < lowered->count; i++)
        plan->steps.items[plan->steps.count++] = lowered->steps[i];
}

static void assemble(struct environment_compiler *compiler)
{
    struct plan *plan = compiler->plan;
    struct map included;

    plan->steps.items = ARENA_ARRAY(compiler->arena, struct plan_step, compiler->step_count);
    plan->steps.capacity = compiler->step_count;
    map_init(&included, compiler->arena);
    for (size_t i = 0; i < compiler->order.items.count; i++)
        map_put(&included, str_from(compiler->order.items.items[i]->id), compiler->order.items.items[i]);
    for (size_t i = 0; i < compiler->order.items.count; i++)
        add_migration(compiler, &included, compiler->order.items.items[i]);
    finish_inputs(compiler);
}

/* Whether the project is whole enough to lower anything: without targets or with circles there is nothing to go by. */
static bool can_lower(const struct project *project, const struct diag_list *diags)
{
    for (size_t i = 0; i < project->targets.count; i++)
        if (project->targets.items[i].engine == ENGINE_ANY)
            return false;
    for (size_t i = 0; i < diags->items.count; i++)
        if (strncmp(diags->items.items[i]->code->name, "ORDER", 5) == 0 ||
            strncmp(diags->items.items[i]->code->name, "YAML", 4) == 0)
            return false;
    return project->keys && project->name;
}

struct plan *compile_environment(struct arena *arena, const struct project *project,
    const struct project_environment *environment, const struct backend_list *backends, struct diag_list *diags)
{
    struct project *view = ARENA_NEW(arena, struct project);
    struct environment_compiler compiler = {
        .arena = arena,
        .project = view,
        .environment = environment,
        .diags = diags,
        .plan = ARENA_NEW(arena, struct plan),
        .lowered = ARENA_ARRAY(arena, struct lowered_migration, project->migrations.count),
    };
    struct map targets;

    if (!can_lower(project, diags))
        return NULL;
    map_init(&targets, arena);
    for (size_t i = 0; i < project->targets.count; i++)
        map_put(&targets, str_from(project->targets.items[i].name), &project->targets.items[i]);
    compiler.checker = (struct checker){arena, diags, project->keys, &targets};
    resolver_init(&compiler.resolver, environment, arena, diags);
    *view = *project;
    view->events = resolve_events(&compiler, project->events);
    if (!header_build(view, environment, &compiler.checker, &compiler.resolver, compiler.plan))
        return NULL;
    order_sort(project, environment, arena, &compiler.order);
    for (size_t i = 0; i < project->targets.count; i++)
        lower_target(&compiler, backends, &project->targets.items[i]);
    if (diags->error_count)
        return NULL;
    assemble(&compiler);
    return compiler.plan;
}

struct event_types *compile_events(struct arena *arena, const struct project *project,
    const struct project_environment *environment, struct diag_list *diags)
{
    struct project *view = ARENA_NEW(arena, struct project);
    struct plan *plan = ARENA_NEW(arena, struct plan);
    struct plan_events *names = ARENA_NEW(arena, struct plan_events);
    struct environment_compiler compiler = {
        .arena = arena, .project = view, .environment = environment, .diags = diags, .plan = plan};
    struct compilation compilation = {
        .arena = arena, .diags = diags, .project = view, .environment = environment, .plan = plan};
    struct event_types *types;
    struct map targets;

    if (diags->error_count || !project->events)
        return NULL;
    map_init(&targets, arena);
    for (size_t i = 0; i < project->targets.count; i++)
        map_put(&targets, str_from(project->targets.items[i].name), &project->targets.items[i]);
    *view = *project;
    if (environment) {
        compiler.checker = (struct checker){arena, diags, project->keys, &targets};
        resolver_init(&compiler.resolver, environment, arena, diags);
        view->events = resolve_events(&compiler, project->events);
    }
    names->stream = node_string(arena, node_get(view->events, "stream"));
    names->sequence = node_string(arena, node_get(view->events, "sequence"));
    names->type = node_string(arena, node_get(view->events, "type"));
    names->version = node_string(arena, node_get(view->events, "version"));
    plan->events = names;
    types = event_types_check(&compilation, view->events);
    return diags->error_count ? NULL : types;
}
