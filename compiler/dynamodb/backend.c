#include "compiler/dynamodb/dynamodb.h"
#include "compiler/dynamodb/event_types.h"
#include "spec/base/arena.h"
#include "spec/base/bug.h"

static struct backend *backend_open(struct compilation *compilation, const struct plan_target *target)
{
    struct dynamodb_backend *backend = ARENA_NEW(compilation->arena, struct dynamodb_backend);
    const struct plan_events *events = compilation->plan->events;

    backend->compilation = compilation;
    backend->target = target;
    map_init(&backend->tables, compilation->arena);
    map_init(&backend->dropped, compilation->arena);
    map_init(&backend->registered, compilation->arena);
    if (events && str_is(str_from(events->target), target->name))
        backend->events = event_types_check(compilation, compilation->project->events);
    return (struct backend *)backend;
}

static bool lower_step(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    switch (step->kind) {
    case STEP_CREATE_TABLE:
    case STEP_DELETE_TABLE:
        return lower_table_step(backend, step, out);
    case STEP_ADD_INDEX:
    case STEP_DROP_INDEX:
        return lower_index_step(backend, step, out);
    case STEP_SET_BILLING:
    case STEP_SET_TABLE_CLASS:
    case STEP_SET_ENCRYPTION:
    case STEP_SET_STREAM:
    case STEP_SET_TTL:
    case STEP_SET_PITR:
    case STEP_SET_DELETION_PROTECTION:
        return lower_setting_step(backend, step, out);
    case STEP_SET_CAPACITY:
    case STEP_RAISE_CAPACITY:
        return lower_capacity_step(backend, migration, step, out);
    case STEP_SET_TAGS:
        return lower_set_tags(backend, step, out);
    case STEP_PUT_ITEMS:
        return lower_put_items(backend, migration, step, out);
    case STEP_TRANSFORM_ITEMS:
        return lower_transform_items(backend, migration, step, out);
    case STEP_ASSERT:
        return lower_assert_items(backend, step, out);
    case STEP_REGISTER_EVENT:
        return lower_register_event(backend, step, out);
    case STEP_UPGRADE_EVENTS:
        return lower_upgrade_events(backend, migration, step, out);
    default:
        BUG("step kind '%s' on a DynamoDB target", step_kind_name(step->kind));
    }
}

static bool backend_lower(struct backend *opaque, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    struct dynamodb_backend *backend = (struct dynamodb_backend *)opaque;

    backend->migration = migration;
    lint_step(backend, step);
    if (!lower_step(backend, migration, step, out))
        return false;
    capacity_after_step(backend, step, out);
    return true;
}

static void backend_end_migration(struct backend *backend, const struct project_migration *migration,
    struct plan_step *steps, size_t count)
{
    (void)backend;
    (void)migration;
    (void)steps;
    (void)count; /* each DynamoDB step is complete by itself: there are no transactions to judge */
}

static void backend_finish(struct backend *backend, bool complete)
{
    (void)backend; /* the compilation's arena has it all */
    (void)complete;
}

const struct backend_ops backend_dynamodb = {
    .engine = ENGINE_DYNAMODB,
    .open = backend_open,
    .lower = backend_lower,
    .end_migration = backend_end_migration,
    .finish = backend_finish,
};
