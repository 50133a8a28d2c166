/*
 * Capacity: set for good, or raised for some steps of a migration and put back after the last of them. Both leave out what
 * the service would refuse because it changes nothing.
 */
#include <string.h>

#include "compiler/dynamodb/dynamodb.h"
#include "spec/base/arena.h"

struct ddb_raise {
    struct ddb_table *table;
    const struct project_step *step; /* that raises */
    const struct project_step *last; /* after which it is put back */
    struct ddb_table before;         /* units as they were; indexes of its own */
};

/* --- units -------------------------------------------------------------------------------------------------------- */

static bool same_units(const struct ddb_capacity *a, const struct ddb_capacity *b)
{
    return a->read_units == b->read_units && a->write_units == b->write_units;
}

/* A copy whose indexes can be changed without changing the table's. */
static struct ddb_table copy_table(struct arena *arena, const struct ddb_table *table)
{
    struct ddb_table copy = *table;

    copy.indexes.items = NULL;
    copy.indexes.count = copy.indexes.capacity = 0;
    for (size_t i = 0; i < table->indexes.count; i++)
        VEC_PUSH(arena, &copy.indexes, table->indexes.items[i]);
    return copy;
}

static struct ddb_index *find_index(struct ddb_table *table, struct str name)
{
    for (size_t i = 0; i < table->indexes.count; i++)
        if (str_equal(table->indexes.items[i].name, name))
            return &table->indexes.items[i];
    return NULL;
}

/* One UpdateTable from one set of units to another. The service refuses units that stay as they are. */
static struct plan_action units_action(struct arena *arena, struct ddb_table *from, const struct ddb_table *to,
    const char *put_back)
{
    struct json *request = json_new(arena, JSON_OBJECT), *updates = json_new(arena, JSON_ARRAY);
    struct json *all = request_index_units(arena, to);
    struct ddb_call call = {"UpdateTable", request, "active", NULL, put_back, false};

    json_set_text(arena, request, "TableName", to->name);
    if (!same_units(&from->capacity, &to->capacity))
        json_set(arena, request, "ProvisionedThroughput", request_throughput(arena, &to->capacity));
    for (const struct json *update = all->child; update; update = update->next) {
        struct str name = json_text(json_get(json_get(update, "Update"), "IndexName"));
        const struct ddb_index *before = find_index(from, name);

        for (size_t i = 0; i < to->indexes.count; i++)
            if (str_equal(to->indexes.items[i].name, name) &&
                !(before && same_units(&before->capacity, &to->indexes.items[i].capacity)))
                json_append(updates, json_clone(arena, update));
    }
    if (updates->count)
        json_set(arena, request, "GlobalSecondaryIndexUpdates", updates);
    return ddb_call_action(arena, to, &call, probe_units(arena, to));
}

static bool same_table_units(struct ddb_table *a, const struct ddb_table *b)
{
    bool same = same_units(&a->capacity, &b->capacity);

    for (size_t i = 0; i < b->indexes.count; i++) {
        const struct ddb_index *other = find_index(a, b->indexes.items[i].name);

        same = same && other && (other->local || same_units(&other->capacity, &b->indexes.items[i].capacity));
    }
    return same;
}

static struct ddb_capacity read_units(const struct node *node)
{
    struct ddb_capacity units = {.on_demand = false};

    (void)node_to_i64(node_get(node, "read"), &units.read_units); /* the keys are checked already */
    (void)node_to_i64(node_get(node, "write"), &units.write_units);
    return units;
}

static void apply_units(struct ddb_capacity *units, const struct ddb_capacity *wanted, bool at_least)
{
    if (!at_least || wanted->read_units > units->read_units)
        units->read_units = wanted->read_units;
    if (!at_least || wanted->write_units > units->write_units)
        units->write_units = wanted->write_units;
}

/* The units that the step's keys ask for, over those of the table. */
static bool read_wanted(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *out,
    bool at_least)
{
    struct diag_list *diags = backend->compilation->diags;
    const struct node *own = node_get(step->body, "capacity"), *indexes = node_get(step->body, "indexes");
    struct ddb_capacity units;

    if (!own && !indexes) {
        diag_report(diags, DIAG(DDB010), step->key->span, "neither 'capacity' nor 'indexes' says which capacity");
        return false;
    }
    if (own) {
        units = read_units(own);
        apply_units(&out->capacity, &units, at_least);
    }
    for (size_t i = 0; indexes && i < indexes->count; i++) {
        struct ddb_index *index = catalog_index(backend, out, indexes->members[i].key);

        if (!index)
            return false;
        if (index->local) {
            diag_report(diags, DIAG(DDB007), indexes->members[i].key->span,
                "a local index has no capacity of its own: it uses the table's");
            return false;
        }
        units = read_units(indexes->members[i].value);
        apply_units(&index->capacity, &units, at_least);
    }
    return true;
}

static bool bad_raise(struct dynamodb_backend *backend, const struct node *at, const char *message, const char *help)
{
    struct diag *diag = diag_report(backend->compilation->diags, DIAG(DDB018), at->span, "%s", message);

    diag_add_help(backend->compilation->diags, diag, "%s", help);
    return false;
}

bool capacity_may_change(struct dynamodb_backend *backend, const struct ddb_table *table, const struct node *at)
{
    struct arena *arena = backend->compilation->arena;

    return !table->raise || bad_raise(backend, at,
        arena_printf(arena, "the capacity of table '%.*s' is raised for other steps here", STR_ARG(table->authored_name)),
        "put this step after the last one that the capacity is raised for");
}

/* --- set_capacity ------------------------------------------------------------------------------------------------- */

static bool lower_set(struct dynamodb_backend *backend, const struct project_step *step, struct ddb_table *table,
    struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct lowered_part part = ddb_part(backend, step, "capacity");
    struct ddb_table to = copy_table(arena, table);

    if (table->capacity.on_demand) {
        struct diag *diag = diag_report(backend->compilation->diags, DIAG(DDB010), step->key->span,
            "table '%.*s' is on demand: it has no capacity to set", STR_ARG(table->authored_name));

        diag_add_help(backend->compilation->diags, diag, "use set_billing to make it provisioned");
        return false;
    }
    if (!capacity_may_change(backend, table, step->key) || !read_wanted(backend, step, &to, false))
        return false;
    if (same_table_units(table, &to)) {
        diag_report(backend->compilation->diags, DIAG(DDB012), step->key->span, "table '%.*s' has this capacity already",
            STR_ARG(table->authored_name));
        return false;
    }
    part.step.action = units_action(arena, table, &to, NULL);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = units_action(arena, &to, table, NULL);
    table->capacity = to.capacity;
    table->indexes = to.indexes;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

/* --- raise_capacity ----------------------------------------------------------------------------------------------- */

/* The last of the steps that it is for; NULL and diagnosed where one of them does not follow. */
static const struct project_step *find_last(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step)
{
    const struct node *names = node_get(step->body, "for");
    struct arena *arena = backend->compilation->arena;
    const struct project_step *last = NULL;

    for (size_t n = 0; n < names->count; n++) {
        struct str name = node_text(names->items[n]);
        bool found = false, behind = false;

        for (size_t i = 0; i < migration->steps.count; i++) {
            const struct project_step *other = &migration->steps.items[i];

            if (behind && str_is(name, other->name)) {
                found = true;
                last = !last || other > last ? other : last;
            }
            behind = behind || strcmp(other->name, step->name) == 0;
        }
        if (!found) {
            bad_raise(backend, names->items[n],
                arena_printf(arena, "no step behind this one in the migration is called '%.*s'", STR_ARG(name)),
                "a step is called KIND:OBJECT, as transform_items:inventory, unless it has a `name:`");
            return NULL;
        }
    }
    return last;
}

/* The id of the part that puts back, which the last of the steps brings along. */
static const char *put_back_part(struct arena *arena, const struct ddb_table *table)
{
    return arena_printf(arena, "put_back_%.*s", STR_ARG(table->authored_name));
}

static bool lower_raise(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct ddb_table *table, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    const struct project_step *last = find_last(backend, migration, step);
    struct lowered_part part = ddb_part(backend, step, "raise");
    struct ddb_table to = copy_table(arena, table);
    struct ddb_raise *raise = ARENA_NEW(arena, struct ddb_raise);
    const char *put_back;

    if (!last || !capacity_may_change(backend, table, step->key))
        return false;
    if (table->capacity.on_demand) /* the same steps serve environments that are billed otherwise */
        return true;
    if (!read_wanted(backend, step, &to, true))
        return false;
    if (same_table_units(table, &to))
        return true;
    *raise = (struct ddb_raise){.table = table, .step = step, .last = last, .before = copy_table(arena, table)};
    put_back = arena_printf(arena, "%s/%s/%s", migration->id, last->name, put_back_part(arena, table));
    part.step.action = units_action(arena, table, &to, put_back);
    part.step.inverse.grade = GRADE_EXACT;
    part.step.inverse.action = units_action(arena, &to, table, NULL);
    table->capacity = to.capacity;
    table->indexes = to.indexes;
    table->raise = raise;
    VEC_PUSH(arena, &backend->raises, raise);
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
    return true;
}

/* As before; an index that was built meanwhile goes to the table's own units, unless it asked for others. */
static void push_put_back(struct dynamodb_backend *backend, struct ddb_raise *raise, struct lowered_parts *out)
{
    struct arena *arena = backend->compilation->arena;
    struct ddb_table *table = raise->table;
    struct lowered_part part = ddb_part(backend, raise->step, put_back_part(arena, table));
    struct ddb_table to = copy_table(arena, table);

    to.capacity = raise->before.capacity;
    for (size_t i = 0; i < to.indexes.count; i++) {
        struct ddb_index *index = &to.indexes.items[i];
        const struct ddb_index *before = find_index(&raise->before, index->name);

        if (before)
            index->capacity = before->capacity;
        else if (same_units(&index->capacity, &table->capacity))
            index->capacity = raise->before.capacity;
    }
    part.step.phase = PHASE_MIGRATE;
    part.step.action = units_action(arena, table, &to, NULL);
    part.step.inverse.grade = GRADE_EXACT; /* what undoes the raise comes to the same units */
    part.step.inverse.action.none = true;
    table->capacity = to.capacity;
    table->indexes = to.indexes;
    table->raise = NULL;
    ddb_part_effect(backend, &part, table, false);
    VEC_PUSH(arena, &out->items, part);
}

void capacity_after_step(struct dynamodb_backend *backend, const struct project_step *step, struct lowered_parts *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < backend->raises.count; i++) {
        struct ddb_raise *raise = backend->raises.items[i];

        if (strcmp(raise->last->name, step->name) == 0 && raise->step != step)
            push_put_back(backend, raise, out);
        else
            backend->raises.items[kept++] = raise;
    }
    backend->raises.count = kept;
}

bool lower_capacity_step(struct dynamodb_backend *backend, const struct project_migration *migration,
    const struct project_step *step, struct lowered_parts *out)
{
    struct ddb_table *table = catalog_table(backend, node_get(step->body, "table"));

    if (!table)
        return false;
    return step->kind == STEP_SET_CAPACITY ? lower_set(backend, step, table, out)
                                           : lower_raise(backend, migration, step, table, out);
}
