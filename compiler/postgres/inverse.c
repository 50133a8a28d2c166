#include "compiler/postgres/inverse.h"

#include <string.h>

#include "compiler/postgres/quote.h"
#include "spec/base/json.h"

void inverse_undo(struct inverse *inverse, struct arena *arena, const char *sql)
{
    VEC_PUSH(arena, &inverse->undo, sql);
}

void inverse_comment(struct inverse *inverse, struct arena *arena, const char *object, const char *comment)
{
    if (comment)
        inverse_undo(
            inverse, arena, arena_printf(arena, "COMMENT ON %s IS %s", object, quote_literal(arena, comment)));
}

void inverse_guard(struct inverse *inverse, struct arena *arena, const char *condition, const char *loss)
{
    VEC_PUSH(arena, &inverse->guards, condition);
    VEC_PUSH(arena, &inverse->losses, loss);
}

void inverse_lossy(struct inverse *inverse, struct arena *arena, const char *loss)
{
    if (inverse->grade == GRADE_EXACT)
        inverse->grade = GRADE_LOSSY;
    VEC_PUSH(arena, &inverse->reasons, loss);
}

void inverse_impossible(struct inverse *inverse, struct arena *arena, const char *why)
{
    if (inverse->grade != GRADE_IMPOSSIBLE)
        inverse->reasons.count = 0;
    inverse->grade = GRADE_IMPOSSIBLE;
    VEC_PUSH(arena, &inverse->reasons, why);
}

void inverse_combine(struct arena *arena, const struct inverse *const *parts, size_t count, struct inverse *out)
{
    struct inverse all = {0};

    for (size_t i = 0; i < count; i++) {
        if (parts[i]->grade > all.grade)
            all.grade = parts[i]->grade;
        all.alone |= parts[i]->alone;
        if (parts[i]->probe)
            all.probe = parts[i]->probe;
        if (parts[i]->repair)
            all.repair = parts[i]->repair;
    }
    for (size_t i = count; i > 0; i--)
        for (size_t k = 0; k < parts[i - 1]->undo.count; k++)
            VEC_PUSH(arena, &all.undo, parts[i - 1]->undo.items[k]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < parts[i]->guards.count; k++)
            inverse_guard(&all, arena, parts[i]->guards.items[k], parts[i]->losses.items[k]);
        for (size_t k = 0; parts[i]->grade == all.grade && k < parts[i]->reasons.count; k++)
            VEC_PUSH(arena, &all.reasons, parts[i]->reasons.items[k]);
    }
    *out = all;
}

void inverse_put_before(struct inverse *inverse, struct arena *arena, const struct inverse *later)
{
    const struct inverse before = *inverse;
    const struct inverse *const both[] = {&before, later};

    if (!before.undo.count && !before.guards.count && !before.reasons.count && before.grade == GRADE_EXACT)
        *inverse = *later; /* the usual case: nothing to combine with */
    else
        inverse_combine(arena, both, 2, inverse);
}

static void add_joined(struct strbuf *buf, const char *separator, const char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool repeated = false;

        for (size_t k = 0; k < i && !repeated; k++)
            repeated = strcmp(items[k], items[i]) == 0;
        if (repeated)
            continue;
        if (buf->len)
            strbuf_append_text(buf, separator);
        strbuf_append_text(buf, items[i]);
    }
}

static const char *why_of(const struct inverse *inverse, struct arena *arena)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    add_joined(&buf, "; ", inverse->reasons.items, inverse->reasons.count);
    if (inverse->grade != GRADE_IMPOSSIBLE)
        add_joined(&buf, "; ", inverse->losses.items, inverse->losses.count);
    result = buf.len ? strbuf_copy(&buf, arena).data : NULL;
    strbuf_free(&buf);
    return result;
}

static const struct json *guard_of(const struct inverse *inverse, struct arena *arena)
{
    struct strbuf buf = STRBUF_INIT;
    struct json *guard = json_new(arena, JSON_OBJECT);

    strbuf_append_text(&buf, "SELECT ");
    for (size_t i = 0; i < inverse->guards.count; i++)
        strbuf_printf(&buf, "%s%s", i ? " AND " : "", inverse->guards.items[i]);
    json_set_text(arena, guard, "sql", buf.data);
    strbuf_free(&buf);
    return guard;
}

void inverse_to_plan(const struct inverse *inverse, struct arena *arena, struct plan_inverse *out)
{
    struct json *forward = json_new(arena, JSON_OBJECT);

    *out = (struct plan_inverse){.grade = inverse->grade, .why = why_of(inverse, arena)};
    if (inverse->grade == GRADE_IMPOSSIBLE)
        return;
    if (inverse->grade == GRADE_EXACT && inverse->guards.count)
        out->guard = guard_of(inverse, arena);
    if (!inverse->undo.count) {
        out->action.none = true;
        return;
    }
    if (inverse->alone) {
        out->action.instruction = INSTRUCTION_PG_EXEC_ALONE;
        quote_json_set(arena, forward, "sql", inverse->undo.items[0]);
        quote_json_set(arena, forward, "repair", inverse->repair);
    } else {
        struct json *statements = json_new(arena, JSON_ARRAY);

        out->action.instruction = INSTRUCTION_PG_EXEC;
        for (size_t i = 0; i < inverse->undo.count; i++)
            json_append(statements, quote_json(arena, inverse->undo.items[i]));
        json_set(arena, forward, "sql", statements);
    }
    out->action.forward = forward;
    if (inverse->probe) {
        struct json *probe = json_new(arena, JSON_OBJECT);

        quote_json_set(arena, probe, "sql", inverse->probe);
        out->action.probe = probe;
    }
}
