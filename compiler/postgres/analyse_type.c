/* Types: enums, and making composite and range types. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

struct type_object *analysis_add_type(struct analysis *x, const struct sql_node *names, enum type_kind kind)
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
    struct type_object *type = analysis_add_type(x, sql_get(x->body, "typeName"), TYPE_KIND_ENUM);

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

struct type_object *analysis_find_type(struct analysis *x, const struct sql_node *names)
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

/* Every string that is the value, or an array that holds it, with another in its place. NULL: the text has none. */
static const char *with_label(struct analysis *x, const char *sql, const char *from, const char *to)
{
    struct lexer lexer = {.text = str_from(sql)};
    const char *word = quote_literal(x->scratch, from), *quoted = quote_literal(x->scratch, to);
    size_t len = strlen(word), copied = 0;
    struct strbuf buf = STRBUF_INIT;
    const char *result = NULL;

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        const char *text = sql + token.start;
        size_t end = token.end - token.start;

        if (token.kind != LEX_STRING)
            continue;
        if (end == len && memcmp(text, word, len) == 0) {
            strbuf_append(&buf, sql + copied, token.start - copied);
            strbuf_append_text(&buf, quoted);
            copied = token.end;
        } else if (end == len + 2 && text[1] == '{' && text[end - 2] == '}' &&
                   memcmp(text + 2, from, len - 2) == 0) { /* '{a}' */
            strbuf_append(&buf, sql + copied, token.start - copied);
            strbuf_append_text(&buf, quote_literal(x->scratch, arena_printf(x->scratch, "{%s}", to)));
            copied = token.end;
        }
    }
    if (copied) {
        strbuf_append_text(&buf, sql + copied);
        result = strbuf_copy(&buf, x->arena).data;
    }
    strbuf_free(&buf);
    return result;
}

static void replace_label(struct analysis *x, const char **sql, const char *from, const char *to)
{
    const char *renamed = *sql ? with_label(x, *sql, from, to) : NULL;

    if (renamed)
        *sql = renamed;
}

static bool has_column_of(const struct relation *relation, const struct type_object *type)
{
    for (size_t i = 0; i < relation->columns.count; i++)
        if (relation->columns.items[i]->type.object == type)
            return true;
    return false;
}

static void rename_in_relation(struct analysis *x, struct relation *relation, const char *from, const char *to)
{
    for (size_t i = 0; i < relation->columns.count; i++) {
        replace_label(x, &relation->columns.items[i]->default_sql, from, to);
        replace_label(x, &relation->columns.items[i]->generated_sql, from, to);
    }
    for (size_t i = 0; i < relation->constraints.count; i++)
        replace_label(x, &relation->constraints.items[i]->expression, from, to);
    for (size_t i = 0; i < relation->indexes.count; i++)
        replace_label(x, &relation->indexes.items[i]->index->where, from, to);
    for (size_t i = 0; i < relation->extras.count; i++)
        replace_label(x, &relation->extras.items[i]->sql, from, to);
    for (size_t i = 0; i < relation->read_by.count; i++)
        replace_label(x, &relation->read_by.items[i]->sql, from, to);
}

/* The server keeps the value, and not its name. */
static void rename_label(struct analysis *x, const struct type_object *type, const char *from, const char *to)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (has_column_of(entry->value, type))
            rename_in_relation(x, entry->value, from, to);
}

void analyse_alter_enum(struct analysis *x)
{
    struct type_object *type = analysis_find_type(x, sql_get(x->body, "typeName"));
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
        rename_label(x, type, old, label);
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
        analysis_add_type(x, sql_get(x->body, "typeName"), TYPE_KIND_RANGE);
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
    analyse_attributes(x, type, sql_get(x->body, "coldeflist"));
    map_put(&x->catalog->types, catalog_key(x->catalog, schema, name), type);
    analysis_touch_type(x, type);
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP TYPE %s", type->qualified));
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regtype(%s) IS NOT NULL", quote_literal(x->arena, type->qualified)));
}
