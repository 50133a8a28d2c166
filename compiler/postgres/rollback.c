/*
 * Hand-written undoing: `down:` of an sql step, and a migration's `rollback:` of steps. It is folded over the catalogue
 * like everything else; what it leaves must be what was there before. Then the catalogue is put back, so that the
 * migrations that follow find it as it is after what was undone.
 */
#include "compiler/postgres/rollback.h"

#include <string.h>

#include "compiler/postgres/catalog_state.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"
#include "compiler/step.h"
#include "spec/base/map.h"

enum { DIFFERENCES_MAX = 5 };

/* --- what is known of objects ------------------------------------------------------------------------------------ */

static char absent[] = "";

void rollback_note(struct backend *backend, const struct object *object, const struct json *definition)
{
    const struct changed_object changed = {*object, definition};

    VEC_PUSH(backend->arena, &backend->changed, changed);
}

void rollback_begin(struct backend *backend)
{
    for (size_t i = 0; i < backend->changed.count; i++) {
        const struct changed_object *changed = &backend->changed.items[i];

        map_put(&backend->known, str_from(changed->object.label),
            changed->definition ? (void *)(uintptr_t)changed->definition : (void *)absent);
    }
    backend->changed.count = 0;
    backend->late_before = backend->analyser->late.count;
}

/* How the object was before the step (or the migration) under way; false when it is not known. NULL: it was not there. */
static bool find_before(struct backend *backend, const char *label, bool whole, const struct json **out)
{
    void *found;

    for (size_t i = whole ? 0 : backend->changed.count; i > 0; i--)
        if (strcmp(backend->changed.items[i - 1].object.label, label) == 0) {
            *out = backend->changed.items[i - 1].definition;
            return true;
        }
    found = map_get(&backend->known, str_from(label));
    *out = found == absent ? NULL : found;
    return found != NULL;
}

/* --- differences ------------------------------------------------------------------------------------------------- */

struct difference_list {
    VEC(const char *) items;
};

/* Casts are how the author wrote it. */
static struct lex_token next_token(struct lexer *lexer)
{
    struct lex_token token = lex_next(lexer);

    while (lex_is(lexer->text, token, ":")) {
        lex_next(lexer); /* the second ':' */
        lex_next(lexer); /* the type */
        token = lex_next(lexer);
        while (lex_is(lexer->text, token, ".")) {
            lex_next(lexer);
            token = lex_next(lexer);
        }
        if (lex_is(lexer->text, token, "[")) {
            lex_next(lexer);
            token = lex_next(lexer);
        }
    }
    return token;
}

static bool same_sql(struct arena *arena, struct str left, struct str right)
{
    struct lexer a = {.text = left}, b = {.text = right};

    for (;;) {
        struct lex_token x = next_token(&a), y = next_token(&b);
        const char *name = lex_identifier(arena, left, x), *other = lex_identifier(arena, right, y);

        if (x.kind == LEX_END || y.kind == LEX_END)
            return x.kind == y.kind;
        if (name && other ? strcmp(name, other) != 0
                          : x.end - x.start != y.end - y.start ||
                                memcmp(left.data + x.start, right.data + y.start, x.end - x.start) != 0)
            return false;
    }
}

static bool same_value(struct arena *arena, const struct json *left, const struct json *right)
{
    size_t members = 0;

    if (!left || !right)
        return left == right;
    if (left->type == JSON_STRING && right->type == JSON_STRING)
        return same_sql(arena, left->text, right->text);
    if (left->type != JSON_OBJECT || right->type != JSON_OBJECT)
        return json_equal(left, right);
    for (const struct json *member = left->child; member; member = member->next, members++) {
        const struct json *other = right->child;

        while (other && !(other->key.len == member->key.len &&
                            memcmp(other->key.data, member->key.data, member->key.len) == 0))
            other = other->next;
        if (!same_value(arena, member, other))
            return false;
    }
    return members == right->count;
}

static void add(struct backend *backend, struct difference_list *out, const char *text)
{
    if (out->items.count < DIFFERENCES_MAX)
        VEC_PUSH(backend->arena, &out->items, text);
}

/* "column 'x' is missing", for the members of one kind: columns, constraints, triggers. */
static void diff_members(struct backend *backend, const char *label, const char *what, const struct json *before,
    const struct json *after, struct difference_list *out)
{
    struct arena *arena = backend->arena;

    for (const struct json *member = before ? before->child : NULL; member; member = member->next) {
        const struct json *now = json_get(after, member->key.data);

        if (!now)
            add(backend, out, arena_printf(arena, "%s lacks its %s '%s'", label, what, member->key.data));
        else if (!same_value(arena, member, now))
            add(backend, out, arena_printf(arena, "%s '%s' of %s is another than before", what, member->key.data, label));
    }
    for (const struct json *member = after ? after->child : NULL; member; member = member->next)
        if (!json_get(before, member->key.data))
            add(backend, out,
                arena_printf(arena, "%s keeps %s '%s', which was not there before", label, what, member->key.data));
}

/* What is no list of members: a comment, a query. */
static void diff_rest(struct backend *backend, const char *label, const struct json *before, const struct json *after,
    struct difference_list *out)
{
    for (const struct json *member = before->child; member; member = member->next)
        if (!same_value(backend->arena, member, json_get(after, member->key.data)))
            add(backend, out,
                arena_printf(backend->arena, "the %s of %s is another than before", member->key.data, label));
    for (const struct json *member = after->child; member; member = member->next)
        if (!json_get(before, member->key.data))
            add(backend, out,
                arena_printf(backend->arena, "%s keeps its %s, which was not there before", label, member->key.data));
}

static void diff_object(struct backend *backend, const char *label, const struct json *before, const struct json *after,
    struct difference_list *out)
{
    static const char *const parts[][2] = {
        {"columns", "column"}, {"constraints", "constraint"}, {"triggers", "trigger"}, {"policies", "policy"}};
    struct arena *arena = backend->arena;
    size_t found = out->items.count;

    if (!before && after)
        add(backend, out, arena_printf(arena, "%s is left, which was not there before", label));
    else if (before && !after)
        add(backend, out, arena_printf(arena, "%s is missing, which was there before", label));
    if (!before || !after || same_value(arena, before, after))
        return;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        diff_members(backend, label, parts[i][1], json_get(before, parts[i][0]), json_get(after, parts[i][0]), out);
    if (out->items.count == found)
        diff_rest(backend, label, before, after, out);
}

/* Is the object one that is known to have been made just now? */
static bool is_new(const struct backend *backend, const struct object *object)
{
    const struct catalog *catalog = &backend->analyser->catalog;
    const struct relation *relation;
    const struct type_object *type;
    const struct function *function;

    switch (object->kind) {
    case OBJECT_RELATION:
        relation = catalog_find_relation(catalog, object->schema, object->name);
        return relation && relation->born == backend->analyser->ordinal;
    case OBJECT_TYPE:
        type = catalog_find_type(catalog, object->schema, object->name);
        return type && type->born == backend->analyser->ordinal;
    case OBJECT_FUNCTION:
        function = catalog_find_functions(catalog, object->schema, object->name);
        return function && function->born == backend->analyser->ordinal;
    case OBJECT_SCHEMA:
    case OBJECT_EXTENSION:
        return true;
    }
    return false;
}

struct object_list {
    VEC(struct object) items;
};

static void add_object(struct backend *backend, const struct object *object, struct object_list *out)
{
    for (size_t i = 0; i < out->items.count; i++)
        if (strcmp(out->items.items[i].label, object->label) == 0)
            return;
    VEC_PUSH(backend->arena, &out->items, *object);
}

static void collect(struct backend *backend, const struct statement_list *statements, struct object_list *out)
{
    for (size_t i = 0; i < statements->items.count; i++)
        for (size_t k = 0; k < statements->items.items[i].objects.count; k++)
            add_object(backend, &statements->items.items[i].objects.items[k], out);
}

static bool is_there(const struct backend *backend, const struct object *object)
{
    return catalog_definition(&backend->analyser->catalog, backend->arena, object) != NULL;
}

/* made[i]: touched by what is undone, and there once it was done; those of undone_count come first. */
static void compare(struct backend *backend, const struct object_list *objects, size_t undone_count, const bool *made,
    bool whole, struct difference_list *out)
{
    for (size_t i = 0; i < objects->items.count; i++) {
        const struct object *object = &objects->items.items[i];
        const struct json *after = catalog_definition(&backend->analyser->catalog, backend->arena, object);
        const struct json *before;

        if (find_before(backend, object->label, whole, &before))
            diff_object(backend, object->label, before, after, out);
        else if (i < undone_count && made[i] && after && is_new(backend, object))
            diff_object(backend, object->label, NULL, after, out);
        /* else it is not known to have been there: it may have come and gone on the way */
    }
}

static void report(
    struct backend *backend, const struct diag_code *code, struct span span, const struct difference_list *differences)
{
    struct diag_list *diags = backend->compilation->diags;
    struct diag *diag =
        diag_report(diags, code, span, "this does not undo it: %s", differences->items.items[0]);

    for (size_t i = 1; i < differences->items.count; i++)
        diag_add_note(diags, diag, (struct span){0}, "%s", differences->items.items[i]);
    diag_add_help(diags, diag, "complete it, or leave it out and have it derived");
}

static const char *join(struct backend *backend, const struct difference_list *differences)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (size_t i = 0; i < differences->items.count; i++)
        strbuf_printf(&buf, "%s%s", i ? "; " : "it is not undone as it was: ", differences->items.items[i]);
    result = strbuf_copy(&buf, backend->arena).data;
    strbuf_free(&buf);
    return result;
}

/* --- `down:` ----------------------------------------------------------------------------------------------------- */

static bool cannot_be_judged(const struct statement_list *statements)
{
    for (size_t i = 0; i < statements->items.count; i++)
        if (strcmp(statements->items.items[i].tag, "DoStmt") == 0 ||
            strcmp(statements->items.items[i].tag, "CallStmt") == 0)
            return true;
    return false;
}

/* Saving the catalogue costs by its size. A history that saves more than this much goes another way. */
enum { SAVED_RELATIONS_MAX = 400000 };

static bool can_save(struct backend *backend)
{
    backend->saved += backend->analyser->catalog.relations.count;
    return backend->saved <= SAVED_RELATIONS_MAX;
}

/* What follows finds the catalogue as it is after what was undone, wherever the undoing led: without a word of it, for it
 * is said already. Where the undoing is not exact, this is not, either. */
static void fold_again(struct backend *backend, const struct written_text *written)
{
    struct diag_list *diags = backend->analyser->diags, unheard;
    struct statement_list statements = {0};
    bool quiet = backend->analyser->quiet;

    diag_list_init(&unheard, &backend->work);
    backend->analyser->late.count = written->late;
    backend->analyser->diags = &unheard;
    backend->analyser->quiet = true;
    step_fold_sql(backend, written->up, written->effect, &statements);
    backend->analyser->quiet = quiet;
    backend->analyser->diags = diags;
}

bool rollback_fold_down(struct backend *backend, const struct written_text *written, struct statement_list *down,
    const char **difference)
{
    struct analyser *analyser = backend->analyser;
    const char *schema = analyser->schema;
    struct difference_list differences = {0};
    struct object_list objects = {0};
    struct arena arena = ARENA_INIT;
    struct catalog_state state;
    size_t undone, late = analyser->late.count;
    bool *made, ok, saved, timezone_utc = analyser->timezone_utc;

    *difference = NULL;
    if (backend->incomplete || analyser->catalog.opaque || (!written->effect && cannot_be_judged(written->statements)))
        return analyse_only_qualify(analyser, written->down, down);
    collect(backend, written->statements, &objects);
    undone = objects.items.count;
    made = ARENA_ARRAY(backend->arena, bool, undone + 1);
    for (size_t i = 0; i < undone; i++)
        made[i] = is_there(backend, &objects.items.items[i]);
    saved = can_save(backend);
    if (saved)
        catalog_save(&analyser->catalog, &arena, &state);
    analyser->quiet = true;
    ok = analyse(analyser, written->down, down);
    analyser->quiet = false;
    analyser_set_schema(analyser, schema);
    step_drop_temporaries(backend, down);
    if (ok && !analyser->catalog.opaque && !cannot_be_judged(down)) {
        collect(backend, down, &objects);
        compare(backend, &objects, undone, made, false, &differences);
        if (differences.items.count) {
            *difference = join(backend, &differences);
            if (!allowance_use(backend->migration, DIAG(PG064)->name))
                report(backend, DIAG(PG064), text_span(written->down, 0, written->down->sql.len), &differences);
        }
    }
    if (saved) {
        catalog_restore(&state);
        analyser->late.count = late;
        analyser->timezone_utc = timezone_utc;
    } else {
        fold_again(backend, written);
    }
    arena_free(&arena);
    return ok;
}

/* --- `rollback:` of steps ---------------------------------------------------------------------------------------- */

static bool can_undo(enum step_kind kind)
{
    return kind != STEP_BACKFILL && kind != STEP_ASSERT && kind != STEP_GATE && kind != STEP_BARRIER;
}

/* Lowers one step that stands in a rollback. Findings are about what is done, not about what is undone. */
static bool lower_step(struct backend *backend, struct node *node, struct lowered_parts *parts)
{
    struct diag_list *diags = backend->compilation->diags, found;
    struct project_step step;
    bool ok;

    if (!step_parse(backend->arena, backend->compilation->project->keys, ENGINE_POSTGRES, node, &step, diags))
        return false;
    if (!can_undo(step.kind)) {
        diag_add_help(diags,
            diag_report(diags, DIAG(PG021), step.key->span, "a step '%.*s' cannot stand in a rollback",
                STR_ARG(step.key->text)),
            "what changes rows is written as an sql step here");
        return false;
    }
    diag_list_init(&found, backend->arena);
    backend->compilation->diags = backend->analyser->diags = &found;
    ok = backend_lower_step(backend, &step, parts);
    backend->compilation->diags = backend->analyser->diags = diags;
    for (size_t i = 0; i < found.items.count; i++)
        if (found.items.items[i]->severity == DIAG_SEVERITY_ERROR) {
            struct diag *copy = diag_report(diags, found.items.items[i]->code, found.items.items[i]->span, "%s",
                found.items.items[i]->message);

            for (size_t k = 0; k < found.items.items[i]->help.count; k++)
                diag_add_help(diags, copy, "%s", found.items.items[i]->help.items[k]);
        }
    return ok;
}

/* What runs together: statements that can share a transaction do. */
struct piece_list {
    VEC(struct plan_action) items;
};

static void add_piece(struct backend *backend, const struct plan_action *action, struct piece_list *pieces)
{
    struct plan_action *last = pieces->items.count ? &pieces->items.items[pieces->items.count - 1] : NULL;
    struct json *forward, *list;

    if (!last || last->instruction != INSTRUCTION_PG_EXEC || action->instruction != INSTRUCTION_PG_EXEC) {
        VEC_PUSH(backend->arena, &pieces->items, *action);
        return;
    }
    forward = json_new(backend->arena, JSON_OBJECT);
    list = json_clone(backend->arena, json_get(last->forward, "sql"));
    for (const struct json *sql = json_get(action->forward, "sql")->child; sql; sql = sql->next)
        json_append(list, json_clone(backend->arena, sql));
    json_set(backend->arena, forward, "sql", list);
    last->forward = forward;
    last->probe = NULL;
}

static bool in_one_group(const struct plan_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!steps[i].group || strcmp(steps[i].group, steps[0].group) != 0)
            return count < 2;
    return true;
}

/* The guard of a piece: the rest of the migration is applied, too. What was undone since counts. */
static const struct json *whole_guard(struct backend *backend, const struct plan_step *steps, size_t count, size_t index)
{
    struct json *guard, *others;

    if (in_one_group(steps, count))
        return NULL;
    guard = json_new(backend->arena, JSON_OBJECT);
    others = json_new(backend->arena, JSON_ARRAY);
    for (size_t i = 0; i < count; i++)
        if (i != index)
            json_append(others, json_new_text(backend->arena, steps[i].id));
    json_set_text(backend->arena, guard, "sql", "SELECT true");
    json_set(backend->arena, guard, "whole", others);
    return guard;
}

/* The first piece runs when the last step is undone, and so on. */
static void assign(struct backend *backend, struct plan_step *steps, size_t count, const struct piece_list *pieces)
{
    for (size_t i = 0; i < count; i++) {
        struct plan_inverse inverse = {.grade = GRADE_EXACT, .guard = whole_guard(backend, steps, count, i)};
        size_t piece = count - 1 - i;

        inverse.why = inverse.guard ? "the rollback was written for the migration as a whole" : NULL;
        if (piece < pieces->items.count)
            inverse.action = pieces->items.items[piece];
        else
            inverse.action.none = true;
        steps[i].inverse = inverse;
    }
}

static bool lower_rollback(struct backend *backend, const struct project_migration *migration,
    struct lowered_parts *parts, struct piece_list *pieces)
{
    bool ok = true;

    for (size_t i = 0; i < migration->rollback->count; i++)
        ok &= lower_step(backend, migration->rollback->items[i], parts);
    for (size_t i = 0; ok && i < parts->items.count; i++)
        add_piece(backend, &parts->items.items[i].step.action, pieces);
    return ok;
}

/* The steps once more, so that the catalogue is as they leave it. */
static void lower_again(struct backend *backend, const struct project_migration *migration, size_t late)
{
    struct diag_list *diags = backend->compilation->diags, unheard;
    struct lowered_parts parts = {0};

    diag_list_init(&unheard, &backend->work);
    backend->analyser->late.count = late;
    backend->compilation->diags = backend->analyser->diags = &unheard;
    for (size_t i = 0; i < migration->steps.count; i++)
        if (migration->steps.items[i].kind != STEP_GATE && migration->steps.items[i].kind != STEP_BARRIER)
            backend_lower_step(backend, &migration->steps.items[i], &parts);
    backend->compilation->diags = backend->analyser->diags = diags;
}

void rollback_of_steps(
    struct backend *backend, const struct project_migration *migration, struct plan_step *steps, size_t count)
{
    struct difference_list differences = {0};
    struct lowered_parts parts = {0};
    struct piece_list pieces = {0};
    struct object_list objects = {0};
    size_t undone, statements = backend->statements.count, changed = backend->changed.count;
    bool *made;

    for (size_t i = 0; i < changed; i++)
        add_object(backend, &backend->changed.items[i].object, &objects);
    undone = objects.items.count;
    made = ARENA_ARRAY(backend->arena, bool, undone + 1);
    for (size_t i = 0; i < undone; i++)
        made[i] = is_there(backend, &objects.items.items[i]);
    if (!lower_rollback(backend, migration, &parts, &pieces))
        return;
    for (size_t i = changed; i < backend->changed.count; i++)
        add_object(backend, &backend->changed.items[i].object, &objects);
    if (!backend->analyser->catalog.opaque)
        compare(backend, &objects, undone, made, true, &differences);
    backend->statements.count = statements;
    backend->changed.count = changed;
    if (differences.items.count)
        report(backend, DIAG(PG062), migration->rollback->span, &differences);
    else if (pieces.items.count > count)
        diag_add_help(backend->compilation->diags,
            diag_report(backend->compilation->diags, DIAG(PG063), migration->rollback->span,
                "the rollback has %zu pieces that cannot share a transaction, more than the migration has parts (%zu)",
                pieces.items.count, count),
            "say 'online: false' where a step of the rollback has it, or split the migration");
    else
        assign(backend, steps, count, &pieces);
    lower_again(backend, migration, backend->late_before);
}
