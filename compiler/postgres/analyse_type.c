/* Types: enums, domains, composite and range types. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

/* NULL and diagnosed when the name is taken. */
static struct type_object *add_type(struct analysis *x, const struct sql_node *names, enum type_kind kind)
{
    struct type_object *type;
    const char *schema, *name;
    size_t end, at;

    analysis_split_names(x, names, &schema, &name);
    at = analysis_find_name(x, name, x->node->start, &end);
    if (catalog_find_type(x->catalog, schema, name)) {
        analysis_error(x, DIAG(PG005), at, end, "type '%s' exists already", name);
        return NULL;
    }
    if (!analysis_is_new_name(x, schema, name, at, end))
        return NULL;
    type = ARENA_NEW(x->arena, struct type_object);
    type->kind = kind;
    type->schema = arena_strdup(x->arena, schema);
    type->name = arena_strdup(x->arena, name);
    type->qualified = quote_qualified(x->arena, schema, name);
    type->born = x->analyser->ordinal;
    type->sql = x->out->sql;
    map_put(&x->catalog->types, catalog_key(x->catalog, schema, name), type);
    analysis_touch_type(x, type);
    x->out->label = arena_printf(x->arena, "create_type_%s", name);
    x->out->phase = PHASE_EXPAND;
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "DROP %s %s", kind == TYPE_KIND_DOMAIN ? "DOMAIN" : "TYPE", type->qualified));
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regtype(%s) IS NOT NULL", quote_literal(x->arena, type->qualified)));
    return type;
}

void analyse_create_enum(struct analysis *x)
{
    struct type_object *type = add_type(x, sql_get(x->body, "typeName"), TYPE_KIND_ENUM);

    for (const struct sql_node *item = sql_first(sql_get(x->body, "vals")); item && type; item = sql_next(item)) {
        const char *label = arena_strdup(x->arena, sql_string(item) ? sql_string(item) : "");

        size_t end, at = analysis_find_token(x, quote_literal(x->scratch, label), &end);

        if (relation_has_column_in(type->labels.items, type->labels.count, label))
            analysis_error(x, DIAG(PG017), at, end, "type '%s' has the value '%s' twice", type->name, label);
        VEC_PUSH(x->arena, &type->labels, label);
    }
    if (type)
        x->out->probe = sql_probe_enum(x->arena, type);
}

static struct type_object *find_type(struct analysis *x, const struct sql_node *names)
{
    const char *schema, *name;
    struct type_object *type;
    size_t end, at;

    analysis_split_names(x, names, &schema, &name);
    type = catalog_find_type(x->catalog, schema, name);
    at = analysis_find_name(x, name, x->node->start, &end);
    if (!type && !x->catalog->opaque)
        analysis_error(x, DIAG(PG004), at, end, "there is no type '%s' at this point of the history", name);
    return type;
}

static size_t label_index(const struct type_object *type, const char *label)
{
    size_t i = 0;

    while (i < type->labels.count && strcmp(type->labels.items[i], label) != 0)
        i++;
    return i;
}

static void report_no_label(struct analysis *x, const struct type_object *type, const char *label)
{
    size_t end, at = analysis_find_token(x, quote_literal(x->scratch, label), &end);
    struct diag *diag = analysis_error(x, DIAG(PG017), at, end, "type '%s' has no value '%s'", type->name, label);

    analysis_did_you_mean(x, diag, label, type->labels.items, type->labels.count);
}

static void add_label(struct analysis *x, struct type_object *type, const char *label)
{
    const char *neighbor = sql_text(x->body, "newValNeighbor");
    size_t at = type->labels.count;

    if (label_index(type, label) < type->labels.count) {
        size_t end, where = analysis_find_token(x, quote_literal(x->scratch, label), &end);

        if (!sql_flag(x->body, "skipIfNewValExists"))
            analysis_error(x, DIAG(PG017), where, end, "type '%s' has the value '%s' already", type->name, label);
        return;
    }
    if (neighbor) {
        at = label_index(type, neighbor);
        if (at == type->labels.count) {
            report_no_label(x, type, neighbor);
            return;
        }
        at += sql_flag(x->body, "newValIsAfter");
    }
    VEC_PUSH(x->arena, &type->labels, label);
    memmove(type->labels.items + at + 1, type->labels.items + at,
        (type->labels.count - at - 1) * sizeof(*type->labels.items));
    type->labels.items[at] = label;
    if (type->born == x->analyser->ordinal) /* made in this migration: its values are usable at once */
        return;
    if (type->new_labels_born != x->analyser->ordinal) {
        type->new_labels.count = 0;
        type->new_labels_born = x->analyser->ordinal;
    }
    VEC_PUSH(x->arena, &type->new_labels, label);
}

void analyse_alter_enum(struct analysis *x)
{
    struct type_object *type = find_type(x, sql_get(x->body, "typeName"));
    const char *old = sql_text(x->body, "oldVal"), *label = sql_text(x->body, "newVal");

    x->out->phase = PHASE_EXPAND;
    if (!type || !label)
        return;
    label = arena_strdup(x->arena, label);
    analysis_touch_type(x, type);
    if (old) {
        size_t at = label_index(type, old);

        x->out->phase = PHASE_CONTRACT;
        if (at == type->labels.count) {
            report_no_label(x, type, old);
            return;
        }
        if (type->born != x->analyser->ordinal)
            analysis_help(x,
                analysis_find(x, DIAG(PG204), x->node->start, x->node->end,
                    "renaming value '%s' breaks code that still uses it", old),
                "add the new value, move the rows and the code over to it");
        analysis_touch_type_users(x, type); /* defaults and conditions name the value */
        type->labels.items[at] = label;
        inverse_undo(&x->out->inverse, x->arena,
            arena_printf(x->arena, "ALTER TYPE %s RENAME VALUE %s TO %s", type->qualified,
                quote_literal(x->arena, label), quote_literal(x->arena, old)));
        return;
    }
    x->out->label = arena_printf(x->arena, "add_value_%s", label);
    add_label(x, type, label);
    x->out->adds_label = true;
    x->out->probe = sql_probe_enum_value(x->arena, type, label);
    inverse_impossible(&x->out->inverse, x->arena,
        arena_printf(x->arena, "PostgreSQL cannot take value %s out of type %s again", quote_literal(x->arena, label),
            type->qualified));
}

void analyse_create_type(struct analysis *x)
{
    const struct sql_node *typevar = sql_get(x->body, "typevar");
    struct type_object *type;
    const char *schema, *name;

    if (!typevar) {
        add_type(x, sql_get(x->body, "typeName"), TYPE_KIND_RANGE);
        return;
    }
    schema = analysis_schema(x, typevar);
    name = sql_text(typevar, "relname");
    type = ARENA_NEW(x->arena, struct type_object);
    *type = (struct type_object){.kind = TYPE_KIND_COMPOSITE,
        .schema = arena_strdup(x->arena, schema),
        .name = arena_strdup(x->arena, name),
        .qualified = quote_qualified(x->arena, schema, name),
        .born = x->analyser->ordinal,
        .sql = x->out->sql};
    x->out->phase = PHASE_EXPAND;
    if (catalog_find_type(x->catalog, schema, name)) {
        analysis_error(x, DIAG(PG005), x->node->start, x->node->end, "type '%s' exists already", name);
        return;
    }
    map_put(&x->catalog->types, catalog_key(x->catalog, schema, name), type);
    analysis_touch_type(x, type);
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP TYPE %s", type->qualified));
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regtype(%s) IS NOT NULL", quote_literal(x->arena, type->qualified)));
}

void analyse_create_domain(struct analysis *x)
{
    struct type_object *type = add_type(x, sql_get(x->body, "domainname"), TYPE_KIND_DOMAIN);

    if (!type)
        return;
    analysis_type(x, sql_get(x->body, "typeName"), &type->base);
    for (const struct sql_node *item = sql_first(sql_get(x->body, "constraints")); item; item = sql_next(item)) {
        const char *kind = sql_text(sql_as(item, "Constraint"), "contype");

        if (strcmp(kind, "CONSTR_CHECK") == 0 || strcmp(kind, "CONSTR_NOTNULL") == 0)
            type->constrained = true;
    }
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

void analyse_alter_domain(struct analysis *x)
{
    struct type_object *type = find_type(x, sql_get(x->body, "typeName"));
    const char *subtype = sql_text(x->body, "subtype");
    const struct sql_node *constraint = sql_as(sql_get(x->body, "def"), "Constraint");
    const char *name = sql_text(constraint, "conname");

    x->out->phase = PHASE_EXPAND;
    if (!type)
        return;
    analysis_touch_type(x, type);
    if (strcmp(subtype, "C") == 0) {
        if (!sql_flag(constraint, "skip_validation"))
            lock_users(x, type);
        type->constrained = true;
        if (name)
            inverse_undo(&x->out->inverse, x->arena,
                arena_printf(
                    x->arena, "ALTER DOMAIN %s DROP CONSTRAINT %s", type->qualified, quote_name(x->arena, name)));
        else
            inverse_impossible(&x->out->inverse, x->arena, "the constraint has no name: give it one");
        return;
    }
    if (strcmp(subtype, "V") == 0 || strcmp(subtype, "O") == 0)
        lock_users(x, type);
    if (strcmp(subtype, "V") != 0)
        inverse_impossible(
            &x->out->inverse, x->arena, "invplan does not know how the domain was before: write 'down:'");
}
