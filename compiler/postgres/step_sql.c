/* SQL as it was written: its statements, what undoes them, and what they do where nobody can see it. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/rollback.h"

static struct text *sql_text_of(struct backend *backend, const char *inline_key, const char *file_key)
{
    const struct node *inline_node = backend_key(backend, inline_key), *file = backend_key(backend, file_key);
    const struct source *source;

    if (inline_node)
        return text_of_node(&backend->work, inline_node);
    if (!file)
        return NULL;
    source = project_read_file(backend->compilation, file);
    if (!source) {
        backend->failed = true;
        return NULL;
    }
    return text_of_source(&backend->work, source);
}

static bool is_touched(const struct statement_list *statements, const char *relation)
{
    for (size_t i = 0; i < statements->items.count; i++)
        for (size_t k = 0; k < statements->items.items[i].objects.count; k++) {
            const char *space = strchr(statements->items.items[i].objects.items[k].label, ' ');

            if (strcmp(space + 1, relation) == 0)
                return true;
        }
    return false;
}

/* What the undoing changes belongs to the effect, too. */
static void add_objects(struct backend *backend, struct statement *last, const struct statement *down)
{
    for (size_t i = 0; i < down->objects.count; i++)
        VEC_PUSH(backend->arena, &last->objects, down->objects.items[i]);
}

/* The inverse of statements as somebody wrote it. What the derived one guards is what undoing would lose, whoever wrote
 * the SQL; what could not be derived is taken at the author's word, except for tables that the statements never
 * touched. */
static bool written_inverse(
    struct backend *backend, const struct written_text *written, struct statement *last, struct inverse *out)
{
    const struct statement_list *statements = written->statements;
    const struct inverse **inverses = ARENA_ARRAY(backend->arena, const struct inverse *, statements->items.count + 1);
    struct statement_list down = {0};
    const char *difference;
    struct inverse derived;

    if (!rollback_fold_down(backend, written, &down, &difference)) {
        backend->failed = true;
        return false;
    }
    if (difference)
        inverse_lossy(out, backend->arena, difference);
    for (size_t i = 0; i < statements->items.count; i++)
        inverses[i] = &statements->items.items[i].inverse;
    inverse_combine(backend->arena, inverses, statements->items.count, &derived);
    for (size_t i = 0; derived.grade == GRADE_EXACT && i < derived.guards.count; i++)
        inverse_guard(out, backend->arena, derived.guards.items[i], derived.losses.items[i]);
    for (size_t i = 0; i < down.items.count; i++) {
        const struct statement *statement = &down.items.items[i];

        inverse_undo(out, backend->arena, statement->sql);
        add_objects(backend, last, statement);
        if (statement->destroys && !is_touched(statements, statement->destroys))
            inverse_lossy(
                out, backend->arena, arena_printf(backend->arena, "rows or columns of table %s", statement->destroys));
        if (!statement->alone)
            continue;
        if (down.items.count > 1) {
            diag_add_help(backend->compilation->diags,
                diag_report(backend->compilation->diags, DIAG(PG013), statement_span(statement),
                    "this statement cannot run in a transaction, and so cannot undo a step together with others"),
                "give what it undoes a step of its own");
            backend->failed = true;
            return false;
        }
        out->alone = true;
        out->probe = derived.probe ? derived.probe : "SELECT 'not done', NULL::pg_catalog.text";
    }
    return true;
}

/* `probe:` is a query that is true once the statement was done. */
static const char *written_probe(struct backend *backend)
{
    const struct node *node = backend_key(backend, "probe");
    const char *query = node ? step_read_query(backend, node) : NULL;

    return query ? sql_probe_condition(backend->arena, arena_printf(backend->arena, "(%s)", query)) : NULL;
}

/* Consecutive statements that can share a transaction are one part; each other one is a part of its own. */
static void make_parts(struct backend *backend, const struct statement_list *statements, const struct inverse *written)
{
    static const struct inverse nothing;
    const char *probe = written_probe(backend);
    bool repeatable = backend_flag(backend, "repeatable", false), first = true;

    for (size_t i = 0; i < statements->items.count && !backend->failed; first = false) {
        struct part part = {.name = statements->items.items[i].label, .repeatable = repeatable};
        size_t from = i;

        do
            VEC_PUSH(backend->arena, &part.statements.items, statements->items.items[i++]);
        while (i < statements->items.count && !statements->items.items[i].alone &&
               !statements->items.items[from].alone && !statements->items.items[i - 1].adds_label);
        if (from == 0 && i == statements->items.count)
            part.name = "run";
        if (written)
            part.inverse = first ? written : &nothing;
        if (probe && (statements->items.items[from].alone || i - from == statements->items.count))
            part.probe = probe;
        part_finish(backend, &part);
    }
}

/* --- the declared effect ----------------------------------------------------------------------------------------- */

static bool is_opaque(const struct statement *statement)
{
    return strcmp(statement->tag, "DoStmt") == 0 || strcmp(statement->tag, "CallStmt") == 0 ||
           strcmp(statement->tag, "SelectStmt") == 0;
}

/* What was declared, added to the statement that does it: the last one that nobody can see into. */
static void take_effect(
    struct backend *backend, const struct statement_list *declared, struct statement_list *statements)
{
    struct statement *target = &statements->items.items[statements->items.count - 1];

    for (size_t i = 0; i < statements->items.count; i++)
        if (is_opaque(&statements->items.items[i]))
            target = &statements->items.items[i];
    for (size_t i = 0; i < declared->items.count; i++) {
        const struct statement *statement = &declared->items.items[i];

        for (size_t k = 0; k < statement->objects.count; k++)
            VEC_PUSH(backend->arena, &target->objects, statement->objects.items[k]);
        for (size_t k = 0; k < statement->locks.count; k++)
            VEC_PUSH(backend->arena, &target->locks, statement->locks.items[k]);
        inverse_put_before(&target->inverse, backend->arena, &statement->inverse);
        if (statement->phase > target->phase)
            target->phase = statement->phase;
    }
}

bool step_fold_sql(
    struct backend *backend, const struct text *up, const struct text *effect, struct statement_list *out)
{
    struct analyser *analyser = backend->analyser;
    const char *schema = analyser->schema;
    struct statement_list declared = {0};
    bool ok, quiet = analyser->quiet;

    analyser->declared = effect != NULL;
    ok = analyse(analyser, up, out);
    analyser->declared = false;
    analyser_set_schema(analyser, schema); /* SET search_path holds for this text */
    step_drop_temporaries(backend, out);
    if (!ok || !effect || !effect->sql.len || !out->items.count)
        return ok;
    analyser->quiet = true; /* it is not run: how it locks is not what the statement does */
    ok = analyse(analyser, effect, &declared);
    analyser->quiet = quiet;
    analyser_set_schema(analyser, schema);
    if (ok)
        take_effect(backend, &declared, out);
    return ok;
}

/* The statements that would have the same effect on the schema; empty for `none`. NULL: nothing is declared. */
static struct text *effect_text(struct backend *backend)
{
    const struct node *node = backend_key(backend, "effect");
    struct text_builder builder;

    if (!node)
        return NULL;
    if (!str_is(node_text(node), "none"))
        return text_of_node(&backend->work, node);
    backend_begin(&builder, backend);
    return text_end(&builder);
}

void step_sql(struct backend *backend)
{
    struct text *up = sql_text_of(backend, "up", "file"), *down = sql_text_of(backend, "down", "down_file");
    struct text *effect = effect_text(backend);
    struct statement_list statements = {0};
    const struct written_text texts = {up, down, effect, &statements, backend->analyser->late.count};
    struct inverse written = {0};

    if (backend->failed || !up)
        return;
    if (!step_fold_sql(backend, up, effect, &statements))
        backend->failed = true;
    if (!backend->failed && !statements.items.count)
        backend_error(backend, DIAG(PG020), backend->step->key, "there is no statement in this SQL");
    if (backend->failed && down)
        analyse_only_qualify(backend->analyser, down, &(struct statement_list){0}); /* for its own mistakes */
    if (!backend->failed && down &&
        !written_inverse(backend, &texts, &statements.items.items[statements.items.count - 1], &written))
        return;
    if (!backend->failed)
        make_parts(backend, &statements, down ? &written : NULL);
}
