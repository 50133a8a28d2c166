/* Domains with their constraints, and composite types with their attributes. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

static struct type_part *find_part(const struct type_object *type, const char *name)
{
    for (size_t i = 0; name && i < type->parts.count; i++)
        if (strcmp(type->parts.items[i].name, name) == 0)
            return &type->parts.items[i];
    return NULL;
}

static void drop_part(struct type_object *type, const struct type_part *part)
{
    size_t at = (size_t)(part - type->parts.items);

    memmove(&type->parts.items[at], &type->parts.items[at + 1],
        (type->parts.count - at - 1) * sizeof(type->parts.items[0]));
    type->parts.count--;
}

static void undo(struct analysis *x, const struct type_object *type, const char *action)
{
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER %s %s %s", type->kind == TYPE_KIND_DOMAIN ? "DOMAIN" : "TYPE", type->qualified,
            action));
}

static void not_known(struct analysis *x, const char *what)
{
    inverse_impossible(&x->out->inverse, x->arena,
        arena_printf(x->arena, "invplan does not know the %s before: write 'down:'", what));
}

/* --- domains ------------------------------------------------------------------------------------------------------ */

/* The name that the server gives to a constraint without one. */
static const char *usual_name(struct analysis *x, const struct type_object *type)
{
    const char *name = arena_printf(x->arena, "%s_check", type->name);

    for (size_t i = 1; find_part(type, name); i++)
        name = arena_printf(x->arena, "%s_check%zu", type->name, i);
    return name;
}

/* from: where CONSTRAINT or CHECK stands; to: where the next clause does. */
static const char *add_check(
    struct analysis *x, struct type_object *type, const struct sql_node *constraint, size_t from, size_t to)
{
    const char *name = sql_text(constraint, "conname");
    struct type_part part = {.name = name ? arena_strdup(x->arena, name) : usual_name(x, type)};
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = from};
    struct lex_token token = lex_next(&lexer);

    while (token.kind != LEX_END && !lex_is(x->sql, token, "check"))
        token = lex_next(&lexer);
    part.sql = analysis_slice(x, token.start, lex_expression_end(x->sql, token.start, to));
    VEC_PUSH(x->arena, &type->parts, part);
    return part.name;
}

static size_t next_clause(const struct analysis *x, const struct sql_node *item)
{
    size_t at = sql_location(sql_as(sql_next(item), "Constraint"));

    return sql_next(item) && at != SIZE_MAX ? at : x->node->end;
}

static const char *default_text(const struct analysis *x, size_t from, size_t to)
{
    size_t at = lex_next(&(struct lexer){
                             .text = {x->sql.data, x->node->end}, .at = analysis_behind_word(x, "default", from)})
                    .start;

    return analysis_slice(x, at, lex_expression_end(x->sql, at, to));
}

void analyse_create_domain(struct analysis *x)
{
    struct type_object *type = analysis_add_type(x, sql_get(x->body, "domainname"), TYPE_KIND_DOMAIN);
    const struct sql_node *constraints = sql_get(x->body, "constraints");
    size_t at = sql_location(sql_get(x->body, "typeName"));
    size_t end = sql_location(sql_as(sql_first(constraints), "Constraint"));

    if (!type)
        return;
    analysis_type(x, sql_get(x->body, "typeName"), &type->base);
    type->sql = analysis_slice(
        x, at, lex_expression_end(x->sql, at, sql_first(constraints) && end != SIZE_MAX ? end : x->node->end));
    for (const struct sql_node *item = sql_first(constraints); item; item = sql_next(item)) {
        const struct sql_node *constraint = sql_as(item, "Constraint");
        const char *kind = sql_text(constraint, "contype");
        size_t from = sql_location(constraint), to = next_clause(x, item);

        if (strcmp(kind, "CONSTR_CHECK") == 0)
            add_check(x, type, constraint, from, to);
        else if (strcmp(kind, "CONSTR_DEFAULT") == 0)
            type->default_sql = default_text(x, from, to);
        type->not_null = type->not_null || strcmp(kind, "CONSTR_NOTNULL") == 0;
    }
    type->constrained = type->not_null || type->parts.count;
}

static void lock_users(struct analysis *x, const struct type_object *type)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        for (size_t k = 0; k < relation->columns.count; k++)
            if (relation->columns.items[k]->type.object == type) {
                struct lock *lock = analysis_lock(x, relation, LOCK_SHARE);

                lock->scan = true;
                if (lock->live)
                    analysis_help(x,
                        analysis_find(x, DIAG(PG103), x->node->start, x->node->end,
                            "this constraint of domain '%s' scans table '%s' while nobody can write it", type->name,
                            relation->name),
                        "add it NOT VALID and validate it in a later transaction");
                break;
            }
    }
}

/* ADD CONSTRAINT. */
static void add_constraint(struct analysis *x, struct type_object *type, const struct sql_node *constraint)
{
    size_t end, from;
    const char *name;

    if (!sql_flag(constraint, "skip_validation"))
        lock_users(x, type);
    type->constrained = true;
    analysis_find_name(x, type->name, x->node->start, &end);
    from = analysis_behind_word(x, "add", end);
    name = add_check(x, type, constraint, from, x->node->end);
    undo(x, type, arena_printf(x->arena, "DROP CONSTRAINT %s", quote_name(x->arena, name)));
}

static void drop_constraint(struct analysis *x, struct type_object *type, const char *name)
{
    const struct type_part *part = find_part(type, name);

    if (!part) {
        if (!sql_flag(x->body, "missing_ok"))
            not_known(x, "constraint");
        return;
    }
    undo(x, type, arena_printf(x->arena, "ADD CONSTRAINT %s %s", quote_name(x->arena, name), part->sql));
    drop_part(type, part);
}

static void change_default(struct analysis *x, struct type_object *type)
{
    size_t end;

    undo(x, type,
        type->default_sql ? arena_printf(x->arena, "SET DEFAULT %s", type->default_sql) : "DROP DEFAULT");
    analysis_find_name(x, type->name, x->node->start, &end);
    type->default_sql = sql_get(x->body, "def") ? default_text(x, end, x->node->end) : NULL;
}

static void change_not_null(struct analysis *x, struct type_object *type, bool not_null)
{
    if (type->not_null != not_null)
        undo(x, type, not_null ? "DROP NOT NULL" : "SET NOT NULL");
    type->not_null = not_null;
}

void analyse_alter_domain(struct analysis *x)
{
    struct type_object *type = analysis_find_type(x, sql_get(x->body, "typeName"));
    const char *subtype = sql_text(x->body, "subtype");

    x->out->phase = PHASE_EXPAND;
    if (!type) {
        not_known(x, "domain");
        return;
    }
    analysis_touch_type(x, type);
    if (strcmp(subtype, "V") == 0 || strcmp(subtype, "O") == 0)
        lock_users(x, type);
    if (strcmp(subtype, "C") == 0)
        add_constraint(x, type, sql_as(sql_get(x->body, "def"), "Constraint"));
    else if (strcmp(subtype, "X") == 0)
        drop_constraint(x, type, sql_text(x->body, "name"));
    else if (strcmp(subtype, "T") == 0)
        change_default(x, type);
    else if (strcmp(subtype, "O") == 0 || strcmp(subtype, "N") == 0)
        change_not_null(x, type, strcmp(subtype, "O") == 0);
    type->constrained = type->not_null || type->parts.count;
}

/* --- composite types ---------------------------------------------------------------------------------------------- */

/* "integer", "text COLLATE \"C\"" */
static const char *attribute_text(struct analysis *x, const struct sql_node *column_def)
{
    size_t at = sql_location(sql_get(column_def, "typeName"));

    return analysis_slice(x, at, lex_expression_end(x->sql, at, x->node->end));
}

void analyse_attributes(struct analysis *x, struct type_object *type, const struct sql_node *column_defs)
{
    for (const struct sql_node *item = sql_first(column_defs); item; item = sql_next(item)) {
        const struct sql_node *column_def = sql_as(item, "ColumnDef");

        VEC_PUSH(x->arena, &type->parts,
            (struct type_part){arena_strdup(x->arena, sql_text(column_def, "colname")), attribute_text(x, column_def)});
    }
}

static void alter_attribute(struct analysis *x, struct type_object *type, const struct sql_node *command)
{
    const char *subtype = sql_text(command, "subtype"), *name = sql_text(command, "name");
    const struct sql_node *def = sql_fields(sql_get(command, "def"));
    struct type_part *part = find_part(type, name);

    if (strcmp(subtype, "AT_AddColumn") == 0) {
        name = arena_strdup(x->arena, sql_text(def, "colname"));
        undo(x, type, arena_printf(x->arena, "DROP ATTRIBUTE %s", quote_name(x->arena, name)));
        VEC_PUSH(x->arena, &type->parts, (struct type_part){name, attribute_text(x, def)});
    } else if (!part) {
        if (!sql_flag(command, "missing_ok"))
            not_known(x, "attribute");
    } else if (strcmp(subtype, "AT_DropColumn") == 0) {
        undo(x, type, arena_printf(x->arena, "ADD ATTRIBUTE %s %s", quote_name(x->arena, name), part->sql));
        inverse_lossy(&x->out->inverse, x->arena,
            arena_printf(x->arena, "the values of attribute %s of type %s, and its position",
                quote_name(x->arena, name), type->qualified));
        drop_part(type, part);
    } else if (strcmp(subtype, "AT_AlterColumnType") == 0) {
        undo(x, type,
            arena_printf(x->arena, "ALTER ATTRIBUTE %s TYPE %s", quote_name(x->arena, name), part->sql));
        part->sql = attribute_text(x, def);
    } else {
        not_known(x, "attribute");
    }
}

bool analyse_composite(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(x->body, "relation");
    struct type_object *type;

    if (!sql_text_is(x->body, "objtype", "OBJECT_TYPE"))
        return false;
    type = catalog_find_type(x->catalog, analysis_schema(x, range_var), sql_text(range_var, "relname"));
    if (!type) {
        not_known(x, "type");
        return true;
    }
    analysis_touch_type(x, type);
    analysis_touch_type_users(x, type);
    for (const struct sql_node *item = sql_first(sql_get(x->body, "cmds")); item; item = sql_next(item)) {
        struct inverse before = x->out->inverse;

        x->out->inverse = (struct inverse){0};
        alter_attribute(x, type, sql_as(item, "AlterTableCmd"));
        inverse_put_before(&before, x->arena, &x->out->inverse);
        x->out->inverse = before;
    }
    return true;
}

/* RENAME ATTRIBUTE of a composite type, RENAME CONSTRAINT of a domain. */
void analyse_rename_part(struct analysis *x, struct type_object *type, const char *what)
{
    const char *from = sql_text(x->body, "subname"), *to = sql_text(x->body, "newname");
    struct type_part *part = find_part(type, from);

    analysis_touch_type(x, type);
    analysis_touch_type_users(x, type);
    undo(x, type, arena_printf(x->arena, "RENAME %s %s TO %s", what, quote_name(x->arena, to), quote_name(x->arena, from)));
    if (part)
        part->name = arena_strdup(x->arena, to);
}
