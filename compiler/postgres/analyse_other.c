/*
 * What the analysis does not look into: publications, aggregates, collations, event triggers, servers and the like. Their
 * statements are kept as texts, so that what is made can be dropped, and what is dropped or altered made again.
 */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

static const struct {
    const char *kind, *words;
} named[] = {
    {"OBJECT_EVENT_TRIGGER", "EVENT TRIGGER"},
    {"OBJECT_EXTENSION", "EXTENSION"},
    {"OBJECT_FDW", "FOREIGN DATA WRAPPER"},
    {"OBJECT_FOREIGN_SERVER", "SERVER"},
    {"OBJECT_PUBLICATION", "PUBLICATION"},
    {"OBJECT_ROLE", "ROLE"},
    {"OBJECT_SCHEMA", "SCHEMA"},
};

static const struct {
    const char *kind, *words;
} defined[] = {
    {"OBJECT_AGGREGATE", "AGGREGATE"},
    {"OBJECT_COLLATION", "COLLATION"},
    {"OBJECT_TSCONFIGURATION", "TEXT SEARCH CONFIGURATION"},
    {"OBJECT_TSDICTIONARY", "TEXT SEARCH DICTIONARY"},
    {"OBJECT_TSPARSER", "TEXT SEARCH PARSER"},
    {"OBJECT_TSTEMPLATE", "TEXT SEARCH TEMPLATE"},
};

const char *analysis_named_object(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const char *name = sql_string(object);

    for (size_t i = 0; name && i < sizeof(named) / sizeof(named[0]); i++)
        if (strcmp(named[i].kind, kind) == 0)
            return arena_printf(x->arena, "%s %s", named[i].words, quote_name(x->arena, name));
    return NULL;
}

/* Types behind each other, "integer, text"; "*" for an aggregate without arguments. */
static const char *aggregate_arguments(struct analysis *x)
{
    const struct sql_node *list = sql_get(sql_as(sql_first(sql_get(x->body, "args")), "List"), "items");
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    for (const struct sql_node *item = sql_first(list); item; item = sql_next(item)) {
        struct type type;

        analysis_type(x, sql_get(sql_as(item, "FunctionParameter"), "argType"), &type);
        strbuf_printf(&buf, "%s%s", buf.len ? ", " : "", type.text);
    }
    result = buf.len ? strbuf_copy(&buf, x->arena).data : "*";
    strbuf_free(&buf);
    return result;
}

/* "AGGREGATE public.f(integer)", "COLLATION public.german". NULL: not of these kinds. */
static const char *defined_object(struct analysis *x, const char *kind, const struct sql_node *names, const char *arguments)
{
    const char *schema, *name;

    for (size_t i = 0; i < sizeof(defined) / sizeof(defined[0]); i++) {
        if (strcmp(defined[i].kind, kind) != 0)
            continue;
        analysis_split_names(x, names, &schema, &name);
        return arena_printf(x->arena, arguments ? "%s %s(%s)" : "%s %s%s", defined[i].words,
            quote_qualified(x->arena, schema, name), arguments ? arguments : "");
    }
    return NULL;
}

/* What a statement makes; NULL: not of these kinds. */
static const char *made_object(struct analysis *x)
{
    static const struct {
        const char *tag, *key, *words;
    } makers[] = {
        {"CreateEventTrigStmt", "trigname", "EVENT TRIGGER"},
        {"CreateFdwStmt", "fdwname", "FOREIGN DATA WRAPPER"},
        {"CreateForeignServerStmt", "servername", "SERVER"},
        {"CreatePublicationStmt", "pubname", "PUBLICATION"},
        {"CreateRoleStmt", "role", "ROLE"},
    };
    const char *kind = sql_text(x->body, "kind");

    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
        if (strcmp(makers[i].tag, x->out->tag) == 0 && sql_text(x->body, makers[i].key))
            return arena_printf(
                x->arena, "%s %s", makers[i].words, quote_name(x->arena, sql_text(x->body, makers[i].key)));
    if (strcmp(x->out->tag, "DefineStmt") == 0 && kind)
        return defined_object(x, kind, sql_get(x->body, "defnames"),
            strcmp(kind, "OBJECT_AGGREGATE") == 0 ? aggregate_arguments(x) : NULL);
    return NULL;
}

static void make(struct analysis *x, const char *object)
{
    struct other *other = ARENA_NEW(x->arena, struct other);

    x->out->phase = PHASE_EXPAND;
    other->sql = x->out->sql;
    map_put(&x->catalog->others, str_from(object), other);
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP %s", object));
}

/* As it was made and altered, with its comment. */
static void undo_by_making(struct analysis *x, const char *object, const struct other *other, struct inverse *inverse)
{
    inverse_undo(inverse, x->arena, other->sql);
    for (size_t i = 0; i < other->actions.count; i++)
        inverse_undo(inverse, x->arena, other->actions.items[i]);
    inverse_comment(inverse, x->arena, object, map_get(&x->catalog->comments, str_from(object)));
}

static const char *dropped_object(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const struct sql_node *with_args = sql_as(object, "ObjectWithArgs");
    const char *arguments;

    if (!with_args)
        return sql_string(object) ? analysis_named_object(x, kind, object)
                                  : defined_object(x, kind, sql_get(sql_as(object, "List"), "items"), NULL);
    arguments = analysis_argument_types(x, with_args);
    return defined_object(x, kind, sql_get(with_args, "objname"), arguments && *arguments ? arguments : "*");
}

bool analyse_drop_other(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const char *name = dropped_object(x, kind, object);
    const struct other *other = name ? map_remove(&x->catalog->others, str_from(name)) : NULL;
    struct inverse inverse = {0};

    if (!other || analysis_is_cascade(x))
        return false;
    undo_by_making(x, name, other, &inverse);
    map_remove(&x->catalog->comments, str_from(name));
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
    return true;
}

/* --- publications ------------------------------------------------------------------------------------------------- */

/* ALTER PUBLICATION p ADD TABLE t, … undone by DROP TABLE. False: it does something else, too. */
static bool undo_added_tables(struct analysis *x, const struct relation_list *tables)
{
    struct strbuf buf = STRBUF_INIT;
    bool tables_alone = sql_text_is(x->body, "action", "AP_AddObjects") && tables->items.count &&
                        tables->items.count == sql_count(sql_get(x->body, "pubobjects"));

    for (size_t i = 0; i < tables->items.count; i++)
        strbuf_printf(&buf, "%s%s", i ? ", " : "", tables->items.items[i]->qualified);
    if (tables_alone)
        inverse_undo(&x->out->inverse, x->arena,
            arena_printf(x->arena, "ALTER PUBLICATION %s DROP TABLE %s",
                quote_name(x->arena, sql_text(x->body, "pubname")), buf.data));
    strbuf_free(&buf);
    return tables_alone;
}

void analyse_publication(struct analysis *x)
{
    const char *object = arena_printf(x->arena, "PUBLICATION %s", quote_name(x->arena, sql_text(x->body, "pubname")));
    struct relation_list relations = {0};
    struct other *other;

    x->out->phase = PHASE_EXPAND;
    expression_relations(x, x->node->tree, &relations);
    for (size_t i = 0; i < relations.items.count; i++)
        analysis_lock(x, relations.items.items[i], lock_of_statement(x->out->tag));
    if (strcmp(x->out->tag, "CreatePublicationStmt") == 0) {
        make(x, object);
        return;
    }
    other = map_get(&x->catalog->others, str_from(object));
    if (!undo_added_tables(x, &relations)) {
        if (other) {
            inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP %s", object));
            undo_by_making(x, object, other, &x->out->inverse);
        } else {
            inverse_impossible(
                &x->out->inverse, x->arena, "invplan does not know the publication before: write 'down:'");
        }
    }
    if (other)
        VEC_PUSH(x->arena, &other->actions, x->out->sql);
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

/* What they make is not to be called missing later. */
static void note_made(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(sql_get(x->body, "base"), "relation");
    const char *schema, *name;

    if (strcmp(x->out->tag, "CreateForeignTableStmt") == 0 && sql_text(range_var, "relname")) {
        schema = analysis_schema(x, range_var);
        name = sql_text(range_var, "relname");
        if (!catalog_find_relation(x->catalog, schema, name))
            catalog_add_relation(x->catalog, RELATION_FOREIGN_TABLE, schema, name, x->analyser->ordinal)->opaque = true;
    } else if (strcmp(x->out->tag, "ImportForeignSchemaStmt") == 0 ||
               (strcmp(x->out->tag, "DefineStmt") == 0 && sql_text_is(x->body, "kind", "OBJECT_TYPE"))) {
        x->catalog->opaque = true;
    }
}

void analyse_other(struct analysis *x)
{
    const char *object = made_object(x);

    note_made(x);
    x->out->alone = analyse_is_alone(x->out->tag, x->body);
    if (object && !sql_flag(x->body, "if_not_exists") && !sql_flag(x->body, "replace"))
        make(x, object);
    else
        inverse_impossible(
            &x->out->inverse, x->arena, "invplan does not know how to undo this statement: write 'down:'");
}
