/*
 * A type change that writes every value anew, without keeping anybody out: a shadow column of the new type, kept in
 * step by a trigger, filled in batches, with copies of what the column takes part in; then both change their names in
 * one short transaction. From there on a trigger keeps the old column in step, so that changing back is as short. The
 * last part, of the phase contract, drops it.
 *
 *     add    the shadow column        check_*, validate_*   its NOT NULL, checks and foreign keys
 *     sync   the trigger              index_*               its indexes
 *     fill   the backfill             swap, drop
 */
#include <string.h>

#include "compiler/postgres/access.h"
#include "compiler/postgres/backend.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

struct shadow {
    struct backend *backend;
    struct arena *arena;
    struct relation *table;
    const char *name;                           /* the column */
    const char *now;                            /* the shadow column */
    const char *was;                            /* the old one after the swap */
    const char *type;                           /* as it was written */
    const char *expression;                     /* makes the new value, qualified */
    const struct column *source;                /* in the catalogue */
    struct column column;                       /* before */
    bool filled;                                /* what comes is of no earlier phase than the backfill */
    bool widens;                                /* the old type's values are all the new one's */
    const char *sync, *back;                    /* functions, and triggers zz_… */
    const char *proof;                          /* of NOT NULL; NULL: it may be null */
    VEC(const struct constraint *) constraints; /* that the column takes part in, as they were */
    VEC(const struct relation *) indexes;       /* without a constraint of their own */
    VEC(const struct relation *) sequences;     /* that it owns */
};

static const char *quoted(const struct shadow *s, const char *name)
{
    return quote_name(s->arena, name);
}

static const char *suffixed(const struct shadow *s, const char *name, const char *suffix)
{
    size_t len = strlen(name), room = QUOTE_NAME_MAX_BYTES - strlen(suffix);

    if (len > room)
        len = room;
    while (len && len < strlen(name) && ((unsigned char)name[len] & 0xc0) == 0x80)
        len--;
    return arena_printf(s->arena, "%.*s%s", (int)len, name, suffix);
}

static const char *free_column(const struct shadow *s, const char *suffix)
{
    const char *name = suffixed(s, s->name, suffix);

    for (int n = 2; relation_find_column(s->table, name); n++)
        name = suffixed(s, s->name, arena_printf(s->arena, "%s%d", suffix, n));
    return name;
}

/* --- parts ------------------------------------------------------------------------------------------------------- */

/* Without findings: each statement is a piece of what, as a whole, nobody has to wait for. */
static bool add_sql(struct shadow *s, struct part *part, const char *sql)
{
    struct text_builder builder;
    bool ok;

    backend_begin(&builder, s->backend);
    text_add(&builder, sql);
    s->backend->analyser->quiet = true;
    ok = part_add_text(s->backend, part, text_end(&builder), NULL);
    s->backend->analyser->quiet = false;
    for (size_t i = 0; s->filled && i < part->statements.items.count; i++)
        if (part->statements.items.items[i].phase < PHASE_MIGRATE)
            part->statements.items.items[i].phase = PHASE_MIGRATE; /* an earlier phase would stop before the filling */
    return ok;
}

static bool make(struct shadow *s, const char *name, bool separate, const struct inverse *inverse, const char *sql)
{
    struct part part = {.name = name, .separate = separate, .inverse = inverse};

    return add_sql(s, &part, sql) && part_finish(s->backend, &part);
}

static const char *alter(const struct shadow *s, const char *action)
{
    return arena_printf(s->arena, "ALTER TABLE %s %s", s->table->qualified, action);
}

/* --- what cannot be carried over --------------------------------------------------------------------------------- */

static void refuse(struct shadow *s, const char *what)
{
    diag_add_help(s->backend->compilation->diags,
        backend_error(s->backend, DIAG(PG014), backend_key(s->backend, "column"),
            "column '%s' of table '%s' cannot change its type online: %s", s->name, s->table->name, what),
        "say 'online: false' for the plain form, which writes the table anew while nobody can read or write it; or add "
        "a "
        "column and let code move over to it");
}

static bool mentions(const char *sql, const char *name)
{
    size_t end;

    return sql && lex_find_name(str_from(sql), 0, SIZE_MAX, name, &end) != SIZE_MAX;
}

static const char *find_referencing(const struct shadow *s)
{
    for (size_t i = 0; i < s->table->referenced_by.count; i++) {
        const struct constraint *key = s->table->referenced_by.items[i];

        if (relation_has_column_in(key->referenced_columns, key->referenced_count, s->name))
            return arena_printf(
                s->arena, "foreign key '%s' of table '%s' refers to it", key->name, key->relation->name);
    }
    return NULL;
}

static const char *find_dependent(const struct shadow *s)
{
    const struct relation *table = s->table;

    for (size_t i = 0; i < table->columns.count; i++)
        if (mentions(table->columns.items[i]->generated_sql, s->name))
            return arena_printf(s->arena, "generated column '%s' is made from it", table->columns.items[i]->name);
    for (size_t i = 0; i < table->read_by.count; i++)
        for (size_t k = 0; k < table->read_by.items[i]->read_columns.count; k++)
            if (table->read_by.items[i]->read_columns.items[k] == s->source)
                return arena_printf(s->arena, "view '%s' reads it", table->read_by.items[i]->name);
    for (size_t i = 0; i < table->triggers.count; i++)
        if (!table->triggers.items[i]->sql || mentions(table->triggers.items[i]->sql, s->name))
            return arena_printf(s->arena, "trigger '%s' names it", table->triggers.items[i]->name);
    for (size_t i = 0; i < table->extras.count; i++)
        if (!table->extras.items[i]->sql || mentions(table->extras.items[i]->sql, s->name))
            return arena_printf(s->arena, "%s '%s' names it", extra_words(table->extras.items[i]), table->extras.items[i]->name);
    return find_referencing(s);
}

static const char *find_obstacle(const struct shadow *s)
{
    if (s->table->kind != RELATION_TABLE || s->table->parent || s->table->children.count)
        return "its table is partitioned, a partition, or inherits";
    if (s->column.identity)
        return "it is an identity column, whose sequence belongs to it alone";
    if (s->column.generated_sql)
        return "it is generated from other columns";
    for (size_t i = 0; i < s->table->constraints.count; i++)
        if (s->table->constraints.items[i]->kind == CONSTRAINT_EXCLUSION &&
            mentions(s->table->constraints.items[i]->expression, s->name))
            return arena_printf(
                s->arena, "exclusion constraint '%s' has no online form", s->table->constraints.items[i]->name);
    if (access_has_column(&s->backend->analyser->catalog, s->table, s->name))
        return "there are privileges on it";
    return find_dependent(s);
}

/* --- before the swap --------------------------------------------------------------------------------------------- */

/* NEW.to is computed from the row by an expression over the table's columns. */
static const char *function_sql(
    const struct shadow *s, const char *function, const char *to, const char *expression, const char *otherwise)
{
    const char *assign = arena_printf(s->arena, "SELECT %s INTO NEW.%s FROM (SELECT NEW.*) AS %s;", expression,
        quoted(s, to), quoted(s, s->table->name));

    if (otherwise)
        assign = arena_printf(s->arena, "BEGIN %s EXCEPTION WHEN data_exception THEN %s END;", assign, otherwise);
    return arena_printf(s->arena,
        "CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $invplan$ BEGIN %s RETURN NEW; END $invplan$",
        quote_qualified(s->arena, s->table->schema, function), assign);
}

/* Behind the table's own triggers, which may change the column: they fire by name. */
static const char *trigger_sql(const struct shadow *s, const char *function)
{
    return arena_printf(s->arena, "CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION %s()",
        quoted(s, suffixed(s, arena_printf(s->arena, "zz_%s", function), "")), s->table->qualified,
        quote_qualified(s->arena, s->table->schema, function));
}

static bool make_column(struct shadow *s)
{
    struct inverse drop = {0};
    struct part sync = {.name = "sync"};

    inverse_undo(&drop, s->arena, alter(s, arena_printf(s->arena, "DROP COLUMN %s", quoted(s, s->now))));
    return make(s, "add", false, &drop,
               alter(s, arena_printf(s->arena, "ADD COLUMN %s %s", quoted(s, s->now), s->type))) &&
           add_sql(s, &sync, function_sql(s, s->sync, s->now, s->expression, NULL)) &&
           add_sql(s, &sync, trigger_sql(s, s->sync)) && part_finish(s->backend, &sync);
}

/* What makes the value may make one of NULL, where it is not the cast. */
static bool make_fill(struct shadow *s)
{
    step_fill_from(s->backend, s->now, s->expression,
        backend_key(s->backend, "using")
            ? arena_printf(s->arena, "%s IS NULL", quoted(s, s->now))
            : arena_printf(s->arena, "%s IS NULL AND %s IS NOT NULL", quoted(s, s->now), quoted(s, s->name)));
    s->filled = true;
    return !s->backend->failed;
}

static bool make_check(struct shadow *s, const char *label, const char *name, const char *body)
{
    struct inverse inverse = {0};

    /* after the swap it has another name, or is gone */
    inverse_undo(&inverse, s->arena, alter(s, arena_printf(s->arena, "DROP CONSTRAINT IF EXISTS %s", quoted(s, name))));
    return make(s, arena_printf(s->arena, "check_%s", label), false, &inverse,
               alter(s, arena_printf(s->arena, "ADD CONSTRAINT %s %s NOT VALID", quoted(s, name), body))) &&
           make(s, arena_printf(s->arena, "validate_%s", label), true, NULL,
               alter(s, arena_printf(s->arena, "VALIDATE CONSTRAINT %s", quoted(s, name))));
}

static const char *new_name(const struct shadow *s, const char *name)
{
    return suffixed(s, name, "_new");
}

static const char *old_name(const struct shadow *s, const char *name)
{
    return suffixed(s, name, "_old");
}

static const char *renamed(const struct shadow *s, const char *sql)
{
    return lex_rename(s->arena, sql, s->name, quoted(s, s->now));
}

static bool make_index(struct shadow *s, const struct relation *model, bool unique_key)
{
    struct index index = *model->index;
    struct relation relation = {.kind = RELATION_INDEX, .schema = model->schema, .index = &index};
    struct index_element *elements = ARENA_ARRAY(s->arena, struct index_element, index.element_count);
    const char **include = ARENA_ARRAY(s->arena, const char *, index.include_count + 1);

    for (size_t i = 0; i < index.element_count; i++) {
        elements[i] = index.elements[i];
        if (!elements[i].column)
            elements[i].sql = renamed(s, elements[i].sql);
        else if (strcmp(elements[i].column, s->name) == 0)
            elements[i].column = s->now;
    }
    for (size_t i = 0; i < index.include_count; i++)
        include[i] = strcmp(index.include[i], s->name) == 0 ? s->now : index.include[i];
    index.elements = elements;
    index.include = include;
    index.where = index.where ? renamed(s, index.where) : NULL;
    index.constraint = NULL;
    index.unique |= unique_key;
    relation.name = new_name(s, model->name);
    return make(
        s, arena_printf(s->arena, "index_%s", model->name), false, NULL, catalog_index_sql(s->arena, &relation, true));
}

static bool make_constraint(struct shadow *s, const struct constraint *model)
{
    struct constraint copy = *model;
    const char **columns = ARENA_ARRAY(s->arena, const char *, copy.column_count + 1);

    if (model->index)
        return make_index(s, model->index, true);
    for (size_t i = 0; i < copy.column_count; i++)
        columns[i] = strcmp(copy.columns[i], s->name) == 0 ? s->now : copy.columns[i];
    copy.columns = columns;
    copy.valid = true;
    if (copy.expression)
        copy.expression = renamed(s, copy.expression);
    return make_check(s, model->name, new_name(s, model->name), catalog_constraint_sql(s->arena, &copy));
}

static bool make_copies(struct shadow *s)
{
    bool ok = !s->column.not_null ||
              make_check(s, "not_null", s->proof, arena_printf(s->arena, "CHECK (%s IS NOT NULL)", quoted(s, s->now)));

    for (size_t i = 0; i < s->constraints.count && ok; i++)
        ok = make_constraint(s, s->constraints.items[i]);
    for (size_t i = 0; i < s->indexes.count && ok; i++)
        ok = make_index(s, s->indexes.items[i], false);
    return ok;
}

/* --- the swap ---------------------------------------------------------------------------------------------------- */

static bool swap_constraint(struct shadow *s, struct part *part, const struct constraint *constraint)
{
    const char *name = quoted(s, constraint->name), *copy = quoted(s, new_name(s, constraint->name));

    if (constraint->kind == CONSTRAINT_PRIMARY_KEY) /* there is only one */
        return add_sql(s, part, alter(s, arena_printf(s->arena, "DROP CONSTRAINT %s", name))) &&
               add_sql(s, part,
                   alter(s, arena_printf(s->arena, "ADD CONSTRAINT %s PRIMARY KEY USING INDEX %s", name, copy)));
    if (!add_sql(s, part,
            alter(s,
                arena_printf(s->arena, "RENAME CONSTRAINT %s TO %s", name, quoted(s, old_name(s, constraint->name))))))
        return false;
    if (constraint->kind == CONSTRAINT_UNIQUE)
        return add_sql(s, part,
            alter(s,
                arena_printf(s->arena, "ADD CONSTRAINT %s UNIQUE USING INDEX %s%s", name, copy, constraint->options)));
    return add_sql(s, part, alter(s, arena_printf(s->arena, "RENAME CONSTRAINT %s TO %s", copy, name)));
}

/* What takes the place of something has its comment. comment NULL: it has none. */
static bool add_comment(struct shadow *s, struct part *part, const char *object, const char *comment)
{
    return !comment ||
           add_sql(s, part, arena_printf(s->arena, "COMMENT ON %s IS %s", object, quote_literal(s->arena, comment)));
}

static const char *rename_index(const struct shadow *s, const char *from, const char *to)
{
    return arena_printf(
        s->arena, "ALTER INDEX %s RENAME TO %s", quote_qualified(s->arena, s->table->schema, from), quoted(s, to));
}

static bool swap_columns(struct shadow *s, struct part *part)
{
    const char *name = quoted(s, s->name), *was = quoted(s, s->was);
    bool ok = add_sql(s, part, alter(s, arena_printf(s->arena, "RENAME COLUMN %s TO %s", name, was))) &&
              add_sql(s, part, alter(s, arena_printf(s->arena, "RENAME COLUMN %s TO %s", quoted(s, s->now), name)));

    if (s->column.default_sql)
        ok = ok &&
             add_sql(s, part,
                 alter(s, arena_printf(s->arena, "ALTER COLUMN %s SET DEFAULT %s", name, s->column.default_sql))) &&
             add_sql(s, part, alter(s, arena_printf(s->arena, "ALTER COLUMN %s DROP DEFAULT", was)));
    for (size_t i = 0; i < s->sequences.count && ok; i++)
        ok = add_sql(s, part,
            arena_printf(s->arena, "ALTER SEQUENCE %s OWNED BY %s.%s", s->sequences.items[i]->qualified,
                s->table->qualified, name));
    return ok && add_comment(s, part, arena_printf(s->arena, "COLUMN %s.%s", s->table->qualified, name), s->column.comment);
}

/* The old value of a row that is written from now on; where the old type cannot hold it, none. */
static const char *back_function(const struct shadow *s)
{
    const char *name = quoted(s, s->name), *was = quoted(s, s->was);
    const char *cast = arena_printf(s->arena, "%s::%s", name, s->column.type.text);

    return arena_printf(s->arena,
        "CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $invplan$ BEGIN IF TG_OP = 'UPDATE' THEN IF "
        "NEW.%s::text IS NOT DISTINCT FROM OLD.%s::text THEN NEW.%s := OLD.%s; RETURN NEW; END IF; END IF; BEGIN "
        "NEW.%s := NEW.%s; "
        "EXCEPTION WHEN data_exception THEN NEW.%s := NULL; END; RETURN NEW; END $invplan$",
        quote_qualified(s->arena, s->table->schema, s->back), name, name, was, was, was, cast, was);
}

static void guard_values(const struct shadow *s, struct inverse *inverse)
{
    inverse_guard(inverse, s->arena,
        arena_printf(s->arena, "NOT EXISTS (SELECT FROM %s WHERE %s IS NULL AND %s IS NOT NULL)", s->table->qualified,
            quoted(s, s->was), quoted(s, s->name)),
        arena_printf(s->arena, "values of column %s of table %s that %s cannot hold", quoted(s, s->name),
            s->table->qualified, s->column.type.text));
}

/* What undoes the statements of the part, in front of more. */
static void combine_undo(const struct shadow *s, const struct part *part, struct inverse *out)
{
    const struct inverse **inverses = ARENA_ARRAY(s->arena, const struct inverse *, part->statements.items.count);

    for (size_t i = 0; i < part->statements.items.count; i++)
        inverses[i] = &part->statements.items.items[i].inverse;
    inverse_combine(s->arena, inverses, part->statements.items.count, out);
}

/* Proved by the check, which has done its work then: nothing of it comes back. */
static bool set_not_null(struct shadow *s, struct part *part)
{
    if (!add_sql(s, part, alter(s, arena_printf(s->arena, "ALTER COLUMN %s SET NOT NULL", quoted(s, s->now)))) ||
        !add_sql(s, part, alter(s, arena_printf(s->arena, "DROP CONSTRAINT %s", quoted(s, s->proof)))))
        return false;
    part->statements.items.items[part->statements.items.count - 1].inverse = (struct inverse){0};
    return true;
}

static bool make_swap(struct shadow *s)
{
    struct part part = {.name = "swap", .separate = true};
    struct inverse combined, inverse = {0};
    const char *drop = arena_printf(s->arena, "DROP TRIGGER %s ON %s",
        quoted(s, suffixed(s, arena_printf(s->arena, "zz_%s", s->sync), "")), s->table->qualified);
    bool ok = add_sql(s, &part, drop) &&
              add_sql(s, &part,
                  arena_printf(s->arena, "DROP FUNCTION %s()", quote_qualified(s->arena, s->table->schema, s->sync)));

    if (s->column.not_null)
        ok = ok && set_not_null(s, &part);
    for (size_t i = 0; i < s->constraints.count && ok; i++) {
        const struct constraint model = *s->constraints.items[i]; /* which is about to change */

        ok = swap_constraint(s, &part, s->constraints.items[i]) &&
             add_comment(s, &part,
                 arena_printf(s->arena, "CONSTRAINT %s ON %s", quoted(s, model.name), s->table->qualified),
                 model.comment);
    }
    for (size_t i = 0; i < s->indexes.count && ok; i++) {
        const struct relation model = *s->indexes.items[i]; /* likewise */

        ok = add_sql(s, &part, rename_index(s, model.name, old_name(s, model.name))) &&
             add_sql(s, &part, rename_index(s, new_name(s, model.name), model.name)) &&
             add_comment(s, &part, arena_printf(s->arena, "INDEX %s", model.qualified), model.comment);
    }
    ok = ok && swap_columns(s, &part);
    if (ok && s->column.not_null)
        ok = add_sql(s, &part, alter(s, arena_printf(s->arena, "ALTER COLUMN %s DROP NOT NULL", quoted(s, s->was))));
    ok = ok && add_sql(s, &part, back_function(s)) && add_sql(s, &part, trigger_sql(s, s->back));
    if (!ok)
        return false;
    combine_undo(s, &part, &combined);
    for (size_t i = 0; i < combined.undo.count; i++)
        inverse_undo(&inverse, s->arena, combined.undo.items[i]);
    guard_values(s, &inverse);
    part.inverse = combined.grade == GRADE_IMPOSSIBLE ? &combined : &inverse;
    return part_finish(s->backend, &part);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

/* Makes the old column again, of the values of the new one: exact where these can only be its own. */
static bool make_drop(struct shadow *s)
{
    struct part part = {.name = "drop", .separate = true};
    struct inverse combined, inverse = {0};
    const char *name = quoted(s, s->name), *was = quoted(s, s->was);
    bool ok = add_sql(s, &part,
                  arena_printf(s->arena, "DROP TRIGGER %s ON %s",
                      quoted(s, suffixed(s, arena_printf(s->arena, "zz_%s", s->back), "")), s->table->qualified)) &&
              add_sql(s, &part,
                  arena_printf(s->arena, "DROP FUNCTION %s()", quote_qualified(s->arena, s->table->schema, s->back))) &&
              add_sql(s, &part, alter(s, arena_printf(s->arena, "DROP COLUMN %s", was)));
    bool filled = false;

    if (!ok)
        return false;
    combine_undo(s, &part, &combined);
    for (size_t i = 0; i < combined.undo.count; i++) {
        inverse_undo(&inverse, s->arena, combined.undo.items[i]);
        if (!filled && strstr(combined.undo.items[i], "ADD COLUMN")) {
            inverse_undo(&inverse, s->arena,
                arena_printf(s->arena, "UPDATE %s SET %s = %s::%s WHERE %s IS NOT NULL", s->table->qualified, was, name,
                    s->column.type.text, name));
            filled = true;
        }
    }
    if (!s->widens)
        inverse_lossy(&inverse, s->arena,
            arena_printf(s->arena, "what the values of column %s of table %s held beyond the new type", name,
                s->table->qualified));
    part.inverse = &inverse;
    return part_finish(s->backend, &part);
}

/* --- the step ---------------------------------------------------------------------------------------------------- */

static void collect(struct shadow *s)
{
    for (size_t i = 0; i < s->table->constraints.count; i++)
        if (relation_has_column_in(
                s->table->constraints.items[i]->columns, s->table->constraints.items[i]->column_count, s->name))
            VEC_PUSH(s->arena, &s->constraints, s->table->constraints.items[i]);
    for (size_t i = 0; i < s->table->indexes.count; i++)
        if (!s->table->indexes.items[i]->index->constraint &&
            index_mentions(s->table->indexes.items[i]->index, s->name))
            VEC_PUSH(s->arena, &s->indexes, s->table->indexes.items[i]);
    for (size_t i = 0; i < s->table->sequences.count; i++)
        if (strcmp(s->table->sequences.items[i]->owner_column, s->name) == 0)
            VEC_PUSH(s->arena, &s->sequences, s->table->sequences.items[i]);
}

void step_change_type_online(struct backend *backend, struct relation *table, const struct column *before,
    const struct type *to, const char *expression)
{
    struct shadow s = {.backend = backend,
        .arena = backend->arena,
        .table = table,
        .name = before->name,
        .type = node_string(backend->arena, backend_key(backend, "type")),
        .expression = expression,
        .source = before,
        .column = *before,
        .widens = type_is_widening(&before->type, to)};
    const char *obstacle = find_obstacle(&s);

    if (obstacle) {
        refuse(&s, obstacle);
        return;
    }
    s.now = free_column(&s, "_new");
    s.was = free_column(&s, "_old");
    s.sync = suffixed(&s, arena_printf(s.arena, "%s_%s", table->name, s.name), "_sync");
    s.back = suffixed(&s, arena_printf(s.arena, "%s_%s", table->name, s.name), "_back");
    s.proof = suffixed(&s, arena_printf(s.arena, "%s_%s", table->name, s.now), "_not_null");
    collect(&s);
    if (make_column(&s) && make_fill(&s) && make_copies(&s) && make_swap(&s) &&
        !backend_flag(backend, "keep_old_column", false))
        make_drop(&s);
}
