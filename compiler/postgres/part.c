/* From analysed statements to the parts of a plan. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/rollback.h"

bool part_add_text(struct backend *backend, struct part *part, struct text *text, const char *expect)
{
    text->expect = expect;
    if (backend->failed || !analyse(backend->analyser, text, &part->statements)) {
        backend->failed = true;
        return false;
    }
    return true;
}

/* --- effects and locks ------------------------------------------------------------------------------------------- */

static void add_effect(struct backend *backend, const struct object *object, struct plan_step *out)
{
    struct plan_effect effect = {.object = object->label};

    for (size_t i = 0; i < out->effect.count; i++)
        if (strcmp(out->effect.items[i].object, object->label) == 0)
            return;
    effect.definition = catalog_definition(&backend->analyser->catalog, backend->arena, object);
    rollback_note(backend, object, effect.definition);
    VEC_PUSH(backend->arena, &out->effect, effect);
}

/* What is shown: relations that others use. Nobody waits for a table that this migration made. */
static bool is_shown(const struct lock *lock)
{
    return lock->live && !lock->created && lock->kind != RELATION_INDEX;
}

static void add_lock(struct backend *backend, const struct lock *lock, struct plan_step *out)
{
    struct plan_lock shown = {
        lock->name, lock_mode_name(lock->mode), lock_mode_blocks(lock->mode), lock->scan, lock->rewrite};

    if (!is_shown(lock))
        return;
    for (size_t i = 0; i < out->locks.count; i++) {
        struct plan_lock *other = &out->locks.items[i];

        if (strcmp(other->relation, lock->name) != 0)
            continue;
        other->scan |= lock->scan;
        other->rewrite |= lock->rewrite;
        for (enum lock_mode mode = LOCK_ACCESS_SHARE; mode < lock->mode; mode++)
            if (strcmp(other->mode, lock_mode_name(mode)) == 0) {
                other->mode = shown.mode;
                other->blocks = shown.blocks;
            }
        return;
    }
    VEC_PUSH(backend->arena, &out->locks, shown);
}

void part_describe(struct backend *backend, const struct statement_list *statements, struct plan_step *out)
{
    const struct plan_policy *policy = &backend->compilation->plan->policy;
    bool concurrent = false, alone = false, scans = false;

    out->estimate_ms = -1;
    for (size_t i = 0; i < statements->items.count; i++) {
        const struct statement *statement = &statements->items.items[i];

        if (statement->phase > out->phase)
            out->phase = statement->phase;
        concurrent |= statement->concurrent;
        alone |= statement->alone;
        scans |= statement->validates;
        for (size_t k = 0; k < statement->objects.count; k++)
            add_effect(backend, &statement->objects.items[k], out);
        for (size_t k = 0; k < statement->locks.count; k++)
            add_lock(backend, &statement->locks.items[k], out);
    }
    /* a concurrent form waits without blocking anybody, and is left half done when a time-out cuts it off */
    out->timeouts.lock_ms = concurrent ? 0 : policy->lock_timeout_ms;
    out->timeouts.statement_ms = alone || scans ? 0 : policy->statement_timeout_ms;
    out->timeouts.wait_ms = alone ? policy->concurrent_wait_ms : 0;
    out->retry = RETRY_TRANSIENT;
}

/* --- keep -------------------------------------------------------------------------------------------------------- */

/* "extension postgis", "table warehouses": the object's label, with or without the default schema. */
static bool names_object(const struct backend *backend, struct str entry, const char *label)
{
    const char *space = strchr(label, ' ');
    size_t kind_len = (size_t)(space - label) + 1, schema_len = strlen(backend->compilation->schema);

    if (str_is(entry, label))
        return true;
    return entry.len > kind_len && strncmp(entry.data, label, kind_len) == 0 &&
           strncmp(space + 1, backend->compilation->schema, schema_len) == 0 && space[1 + schema_len] == '.' &&
           strcmp(space + 2 + schema_len, entry.data + kind_len) == 0;
}

static bool is_kept(struct backend *backend, const struct statement_list *statements)
{
    const struct node *keep = node_get(backend->migration->rollback, "keep");
    bool kept = false;

    for (size_t i = 0; keep && i < keep->count; i++)
        for (size_t k = 0; k < statements->items.count; k++)
            for (size_t n = 0; n < statements->items.items[k].objects.count; n++)
                if (names_object(
                        backend, node_text(keep->items[i]), statements->items.items[k].objects.items[n].label)) {
                    VEC_PUSH(backend->arena, &backend->kept, keep->items[i]);
                    kept = true;
                }
    return kept;
}

/* --- actions ----------------------------------------------------------------------------------------------------- */

/* Names inside of code are resolved when it runs, and when a function is made: in the environment's schema, unless the
 * SQL itself said otherwise. */
static bool runs_code(const struct backend *backend, const struct statement *statement)
{
    static const char *const tags[] = {"CallStmt", "CreateFunctionStmt", "DeleteStmt", "DoStmt", "InsertStmt",
        "SelectStmt", "UpdateStmt"};

    if (strcmp(backend->compilation->schema, "public") == 0 ||
        strcmp(statement->schema, backend->compilation->schema) != 0)
        return false;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (strcmp(statement->tag, tags[i]) == 0)
            return true;
    return false;
}

static void set_forward(struct backend *backend, const struct part *part, struct plan_step *out)
{
    struct arena *arena = backend->arena;
    const char *path = NULL;
    struct json *forward = json_new(arena, JSON_OBJECT), *list;
    const struct statement *first = &part->statements.items.items[0];

    if (part->action) {
        out->action = *part->action;
        return;
    }
    if (first->alone) {
        out->action.instruction = INSTRUCTION_PG_EXEC_ALONE;
        quote_json_set(arena, forward, "sql", first->sql);
        quote_json_set(arena, forward, "repair", first->repair);
    } else {
        list = json_new(arena, JSON_ARRAY);
        out->action.instruction = INSTRUCTION_PG_EXEC;
        for (size_t i = 0; i < part->statements.items.count; i++) {
            if (!path && runs_code(backend, &part->statements.items.items[i])) {
                path = arena_printf(arena, "SET LOCAL search_path = %s, public",
                    quote_name(arena, backend->compilation->schema));
                json_append(list, quote_json(arena, path));
            }
            json_append(list, quote_json(arena, part->statements.items.items[i].sql));
        }
        json_set(arena, forward, "sql", list);
    }
    out->action.forward = forward;
}

/* Of the statements that have a probe, when each one that makes something does. */
static const char *derive_probe(struct backend *backend, const struct part *part)
{
    const char **probes = ARENA_ARRAY(backend->arena, const char *, part->statements.items.count + 1);
    size_t count = 0;

    if (part->probe)
        return part->probe;
    for (size_t i = 0; i < part->statements.items.count; i++) {
        const struct statement *statement = &part->statements.items.items[i];

        if (statement->probe)
            probes[count++] = statement->probe;
        else if (strcmp(statement->tag, "CommentStmt") != 0 && !statement->session)
            return NULL;
    }
    return count ? sql_probe_all(backend->arena, probes, count) : NULL;
}

static bool set_probe(struct backend *backend, const struct part *part, struct plan_step *out)
{
    const struct statement *first = &part->statements.items.items[0];
    const char *sql = derive_probe(backend, part);
    struct json *probe;

    if (first->alone && part->repeatable && !sql)
        sql = "SELECT 'not done', NULL::pg_catalog.text";
    if (first->alone && !sql) {
        struct diag *diag = diag_report(backend->compilation->diags, DIAG(PG013), statement_span(first),
            "this statement cannot run in a transaction, and nothing tells afterwards whether it ran");

        diag_add_help(backend->compilation->diags, diag,
            "give the step a 'probe:', a query that is true once it was done, or say 'repeatable: true'");
        backend->failed = true;
        return false;
    }
    if (!sql)
        return true;
    probe = json_new(backend->arena, JSON_OBJECT);
    quote_json_set(backend->arena, probe, "sql", sql);
    out->action.probe = probe;
    return true;
}

/* An index or a comment of a table that an earlier statement of the part made goes when the table does. */
static bool goes_along(const struct statement_list *statements, size_t index)
{
    const struct statement *statement = &statements->items.items[index];

    if (strcmp(statement->tag, "IndexStmt") != 0 && strcmp(statement->tag, "CommentStmt") != 0)
        return false;
    for (size_t i = 0; i < index; i++)
        for (size_t k = 0; k < statements->items.items[i].locks.count; k++) {
            const struct lock *lock = &statements->items.items[i].locks.items[k];

            for (size_t n = 0; lock->created && n < statement->locks.count; n++)
                if (statement->locks.items[n].relation == lock->relation)
                    return true;
        }
    return false;
}

static void set_inverse(struct backend *backend, const struct part *part, struct plan_step *out)
{
    const struct inverse **inverses;
    struct inverse inverse = {0};
    size_t count = 0;

    if (is_kept(backend, &part->statements)) {
        inverse_to_plan(&inverse, backend->arena, &out->inverse);
        return;
    }
    if (part->inverse) {
        inverse_to_plan(part->inverse, backend->arena, &out->inverse);
        return;
    }
    inverses = ARENA_ARRAY(backend->arena, const struct inverse *, part->statements.items.count);
    for (size_t i = 0; i < part->statements.items.count; i++)
        if (!goes_along(&part->statements, i))
            inverses[count++] = &part->statements.items.items[i].inverse;
    inverse_combine(backend->arena, inverses, count, &inverse);
    inverse_to_plan(&inverse, backend->arena, &out->inverse);
    if (part->undo)
        out->inverse.action = *part->undo;
}

static bool is_name_taken(const struct backend *backend, const char *name)
{
    for (size_t i = backend->first_part; i < backend->out->items.count; i++)
        if (strcmp(backend->out->items.items[i].part, name) == 0)
            return true;
    return false;
}

/* A part's name is part of the step's id: made from what it does, never from its position. */
static const char *free_name(struct backend *backend, const char *name)
{
    const char *result = name;

    for (int n = 2; is_name_taken(backend, result); n++)
        result = arena_printf(backend->arena, "%s_%d", name, n);
    return result;
}

bool part_finish(struct backend *backend, struct part *part)
{
    struct lowered_part lowered = {.new_transaction = part->separate || backend->separate_next};

    if (backend->failed || !part->statements.items.count)
        return false;
    lowered.part = free_name(backend, part->name);
    lowered.span = statement_span(&part->statements.items.items[0]);
    part_describe(backend, &part->statements, &lowered.step);
    set_forward(backend, part, &lowered.step);
    set_inverse(backend, part, &lowered.step);
    if (!set_probe(backend, part, &lowered.step))
        return false;
    backend->separate_next = false;
    for (size_t i = 0; i < part->statements.items.count; i++) {
        const struct placed_statement placed = {backend->step->name, lowered.part, part->statements.items.items[i]};

        VEC_PUSH(&backend->work, &backend->statements, placed);
        backend->separate_next |= placed.statement.adds_label;
    }
    VEC_PUSH(backend->arena, &backend->out->items, lowered);
    return true;
}

bool part_make(struct backend *backend, const char *name, struct text *text, const char *expect, bool separate)
{
    struct part part = {.name = name, .separate = separate};

    return part_add_text(backend, &part, text, expect) && part_finish(backend, &part);
}
