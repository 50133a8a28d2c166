/*
 * The first pass over a statement: every name that was written without a schema and means an object of the history gets
 * its schema. What belongs to the server or to an extension is left as it was written.
 */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

bool qualify_is_system_schema(const char *schema)
{
    return strcmp(schema, "information_schema") == 0 ||
           (strncmp(schema, "pg_", 3) == 0 && strcmp(schema, "pg_temp") != 0);
}

static void add_edit(struct analysis *x, size_t at, const char *insert)
{
    struct edit edit = {at, insert};

    for (size_t i = 0; i < x->edits.count; i++)
        if (x->edits.items[i].at == at)
            return;
    VEC_PUSH(x->scratch, &x->edits, edit);
}

static void add_schema(struct analysis *x, size_t at, const char *schema)
{
    add_edit(x, at, arena_printf(x->scratch, "%s.", quote_name(x->scratch, schema)));
}

static void collect_ctes(struct analysis *x, const struct sql_node *node)
{
    const char *name = sql_text(sql_as(node, "CommonTableExpr"), "ctename");

    if (name)
        VEC_PUSH(x->scratch, &x->ctes, name);
    for (const struct sql_node *child = sql_children(node); child; child = sql_next(child))
        collect_ctes(x, child);
}

static bool is_cte(const struct analysis *x, const char *name)
{
    for (size_t i = 0; i < x->ctes.count; i++)
        if (strcmp(x->ctes.items[i], name) == 0)
            return true;
    return false;
}

/* A relation that nobody in the history made: the catalogue's, or an extension's. */
static bool is_foreign_relation(const struct analysis *x, const char *name)
{
    return strncmp(name, "pg_", 3) == 0 ||
           (map_has(&x->catalog->extensions, STR("postgis")) &&
               (strcmp(name, "spatial_ref_sys") == 0 || strcmp(name, "geometry_columns") == 0 ||
                   strcmp(name, "geography_columns") == 0));
}

static void qualify_range_var(struct analysis *x, const struct sql_node *range_var)
{
    const char *name = sql_text(range_var, "relname");
    size_t at = sql_location(range_var);

    if (sql_text(range_var, "schemaname") || at == SIZE_MAX || sql_text_is(range_var, "relpersistence", "t"))
        return;
    if (is_cte(x, name) || catalog_find_relation(x->catalog, "pg_temp", name))
        return;
    if (!catalog_find_relation(x->catalog, analysis_schema(x, range_var), name) && is_foreign_relation(x, name))
        return;
    add_schema(x, at, analysis_schema(x, range_var));
}

static void qualify_type(struct analysis *x, const struct sql_node *type_name)
{
    const struct sql_node *names = sql_get(type_name, "names");
    const char *name = sql_list_string(names, 0), *schema = analysis_home(x, name);
    size_t at = sql_location(type_name);
    struct type type;

    if (sql_count(names) != 1 || at == SIZE_MAX || !name || type_read_builtin(x->scratch, type_name, &type))
        return;
    if (strncmp(name, "any", 3) == 0 || strcmp(name, "trigger") == 0 || strcmp(name, "void") == 0 ||
        strcmp(name, "event_trigger") == 0 || strcmp(name, "internal") == 0 || strcmp(name, "cstring") == 0)
        return;
    if (catalog_find_type(x->catalog, schema, name) || catalog_find_relation(x->catalog, schema, name) ||
        (!type_extension(name) && !x->catalog->extensions.count))
        add_schema(x, at, schema);
}

/* nextval('seq') and 'seq'::regclass name a relation inside a literal. */
static void qualify_literal(struct analysis *x, const struct sql_node *constant)
{
    const char *name = sql_text(sql_get(constant, "sval"), "sval");
    size_t at = sql_location(constant);

    if (!name || at == SIZE_MAX || x->sql.data[at] != '\'' || strchr(name, '.') || strchr(name, '"'))
        return;
    if (catalog_find_relation(x->catalog, analysis_home(x, name), name))
        add_schema(x, at + 1, analysis_home(x, name));
}

static void qualify_function(struct analysis *x, const struct sql_node *call)
{
    const struct sql_node *names = sql_get(call, "funcname");
    const char *name = sql_list_string(names, SIZE_MAX);
    size_t at = sql_location(call);

    if (!name || at == SIZE_MAX)
        return;
    if (sql_count(names) == 1 && catalog_find_functions(x->catalog, analysis_home(x, name), name))
        add_schema(x, at, analysis_home(x, name));
    if (strcmp(name, "nextval") == 0 || strcmp(name, "currval") == 0 || strcmp(name, "setval") == 0)
        qualify_literal(x, sql_as(sql_first(sql_get(call, "args")), "A_Const"));
}

/*
 * Words of an option have the grammar of types: WITH (fastupdate = off). They are names in what defines an aggregate, a
 * type or an operator, and there only those that the history made.
 */
static void qualify_option(struct analysis *x, const struct sql_node *type_name)
{
    const struct sql_node *names = sql_get(type_name, "names");
    const char *name = sql_list_string(names, 0), *schema = analysis_home(x, name);
    size_t at = sql_location(type_name);

    if (sql_count(names) != 1 || !name || at == SIZE_MAX ||
        (strcmp(x->out->tag, "DefineStmt") != 0 && strcmp(x->out->tag, "CreateRangeStmt") != 0))
        return;
    if (catalog_find_type(x->catalog, schema, name) || catalog_find_functions(x->catalog, schema, name) ||
        catalog_find_relation(x->catalog, schema, name))
        add_schema(x, at, schema);
}

static void walk(struct analysis *x, const struct sql_node *node)
{
    const struct sql_node *fields = sql_fields(node);

    if (sql_text(fields, "relname"))
        qualify_range_var(x, fields);
    else if (sql_get(fields, "names") && sql_get(fields, "typemod"))
        qualify_type(x, fields);
    else if (sql_get(fields, "funcname") && sql_get(fields, "funcformat"))
        qualify_function(x, fields);
    else if (sql_as(node, "TypeCast") &&
             strcmp(sql_list_string(sql_get(sql_get(fields, "typeName"), "names"), SIZE_MAX)
                        ? sql_list_string(sql_get(sql_get(fields, "typeName"), "names"), SIZE_MAX)
                        : "",
                 "regclass") == 0)
        qualify_literal(x, sql_as(sql_get(fields, "arg"), "A_Const"));
    if (sql_as(node, "DefElem") && sql_as(sql_get(fields, "arg"), "TypeName")) {
        qualify_option(x, sql_as(sql_get(fields, "arg"), "TypeName"));
        return;
    }
    for (const struct sql_node *child = sql_children(fields); child; child = sql_next(child))
        walk(x, child);
}

/* --- names that the tree keeps without their place --------------------------------------------------------------- */

/* A list of one or more names; one name means an object of the default schema. Returns the offset behind it. */
static size_t qualify_some(struct analysis *x, const struct sql_node *names, size_t from, bool made)
{
    const char *first = sql_list_string(names, 0), *last = sql_list_string(names, SIZE_MAX);
    size_t end = from, at = first ? lex_find_name(x->sql, from, x->node->end, first, &end) : SIZE_MAX;

    if (at == SIZE_MAX)
        return from;
    if (sql_count(names) == 1)
        add_schema(x, at, made ? x->analyser->schema : analysis_home(x, first));
    else
        lex_find_name(x->sql, end, x->node->end, last, &end);
    return end;
}

static size_t qualify_names(struct analysis *x, const struct sql_node *names, size_t from)
{
    return qualify_some(x, names, from, false);
}

/* What the statement makes. */
static void qualify_made(struct analysis *x, const struct sql_node *names, size_t from)
{
    qualify_some(x, names, from, true);
}

static bool is_type_known(const struct analysis *x, const char *name)
{
    return !x->catalog->extensions.count || catalog_find_type(x->catalog, analysis_home(x, name), name);
}

static bool is_relation_kind(const char *kind)
{
    static const char *const kinds[] = {
        "OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i], kind) == 0)
            return true;
    return false;
}

static bool is_function_kind(const char *kind)
{
    return strcmp(kind, "OBJECT_FUNCTION") == 0 || strcmp(kind, "OBJECT_PROCEDURE") == 0 ||
           strcmp(kind, "OBJECT_ROUTINE") == 0 || strcmp(kind, "OBJECT_AGGREGATE") == 0;
}

/* Skips the words between a verb and the first name: DROP MATERIALIZED VIEW IF EXISTS … */
static size_t behind_kind(const struct analysis *x, size_t from)
{
    static const char *const words[] = {"drop", "comment", "on", "alter", "grant", "revoke", "table", "view", "index",
        "sequence", "materialized", "foreign", "type", "domain", "function", "procedure", "routine", "aggregate",
        "concurrently", "if", "exists", "column", "statistics", "collation", "create", "or", "replace", "text", "search",
        "configuration", "dictionary", "parser", "template"};
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = from};

    for (size_t end = from;; end = lexer.at) {
        struct lex_token token = lex_next(&lexer);
        bool known = false;

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !known; i++)
            known = lex_is(x->sql, token, words[i]);
        if (!known)
            return end;
    }
}

/* One object of DROP, COMMENT or ALTER. Returns the offset behind it. */
static size_t qualify_object(struct analysis *x, const char *kind, const struct sql_node *object, size_t from)
{
    const struct sql_node *names = sql_get(sql_as(object, "List"), "items");
    const struct sql_node *with_args = sql_as(object, "ObjectWithArgs");
    const struct sql_node *type_name = sql_as(object, "TypeName");

    if (is_relation_kind(kind))
        return qualify_names(x, names, from);
    if (is_function_kind(kind) && with_args) {
        const struct sql_node *name = sql_get(with_args, "objname");

        if (sql_count(name) == 1 &&
            !catalog_find_functions(
                x->catalog, analysis_home(x, sql_list_string(name, 0)), sql_list_string(name, 0)) &&
            x->catalog->extensions.count)
            return from;
        return qualify_names(x, name, from);
    }
    if ((strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0) && (type_name || names)) {
        const struct sql_node *name = type_name ? sql_get(type_name, "names") : names;

        if (sql_count(name) == 1 && !is_type_known(x, sql_list_string(name, 0)))
            return from;
        /* the tree knows where a TypeName stands, and walk() has been there */
        return type_name ? from : qualify_names(x, name, from);
    }
    if (strcmp(kind, "OBJECT_COLUMN") == 0 && sql_count(names) == 2) {
        size_t end, at = lex_find_name(x->sql, from, x->node->end, sql_list_string(names, 0), &end);

        if (at != SIZE_MAX)
            add_schema(x, at, analysis_home(x, sql_list_string(names, 0)));
        return from;
    }
    /* TRIGGER tr ON t, POLICY p ON t, RULE r ON t, CONSTRAINT c ON t: the table comes first in the list, last in the
     * text */
    if ((strcmp(kind, "OBJECT_TRIGGER") == 0 || strcmp(kind, "OBJECT_POLICY") == 0 ||
            strcmp(kind, "OBJECT_RULE") == 0 || strcmp(kind, "OBJECT_TABCONSTRAINT") == 0) &&
        sql_count(names) == 2) {
        size_t end;

        lex_find_name(x->sql, from, x->node->end, sql_list_string(names, 1), &end);
        end = analysis_behind_word(x, "on", end);
        if (lex_find_name(x->sql, end, x->node->end, sql_list_string(names, 0), &end) != SIZE_MAX)
            add_schema(x,
                lex_find_name(x->sql, analysis_behind_word(x, "on", from), x->node->end, sql_list_string(names, 0), &end),
                analysis_home(x, sql_list_string(names, 0)));
    }
    return from;
}

static void qualify_owned_by(struct analysis *x, const struct sql_node *options)
{
    for (const struct sql_node *item = sql_first(options); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");
        const struct sql_node *names = sql_get(sql_as(sql_get(option, "arg"), "List"), "items");
        size_t end, at;

        if (!sql_text_is(option, "defname", "owned_by") || sql_count(names) != 2)
            continue;
        at = lex_find_name(
            x->sql, analysis_behind_word(x, "owned", x->node->start), x->node->end, sql_list_string(names, 0), &end);
        if (at != SIZE_MAX)
            add_schema(x, at, analysis_home(x, sql_list_string(names, 0)));
    }
}

static void qualify_trigger_function(struct analysis *x)
{
    const struct sql_node *names = sql_get(x->body, "funcname");
    const char *name = sql_list_string(names, SIZE_MAX);

    if (sql_count(names) != 1 ||
        (x->catalog->extensions.count && !catalog_find_functions(x->catalog, analysis_home(x, name), name)))
        return;
    if (strcmp(name, "suppress_redundant_updates_trigger") == 0 || strncmp(name, "tsvector_update_trigger", 23) == 0)
        return;
    qualify_names(x, names, analysis_behind_word(x, "execute", sql_location(sql_get(x->body, "relation"))));
}

void qualify(struct analysis *x)
{
    const char *tag = x->out->tag;
    size_t from = behind_kind(x, x->node->start);

    collect_ctes(x, x->node->tree);
    walk(x, x->node->tree);
    if (strcmp(tag, "DropStmt") == 0)
        for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item; item = sql_next(item))
            from = qualify_object(x, sql_text(x->body, "removeType"), item, from);
    else if (strcmp(tag, "CommentStmt") == 0)
        qualify_object(x, sql_text(x->body, "objtype"), sql_get(x->body, "object"), from);
    else if (strcmp(tag, "RenameStmt") == 0 && sql_get(x->body, "object"))
        qualify_object(x, sql_text(x->body, "renameType"), sql_get(x->body, "object"), from);
    else if (strcmp(tag, "AlterOwnerStmt") == 0 || strcmp(tag, "AlterObjectSchemaStmt") == 0)
        qualify_object(x, sql_text(x->body, "objectType"), sql_get(x->body, "object"), from);
    else if (strcmp(tag, "CreateFunctionStmt") == 0)
        qualify_made(x, sql_get(x->body, "funcname"), from);
    else if (strcmp(tag, "DefineStmt") == 0 && !sql_text_is(x->body, "kind", "OBJECT_OPERATOR"))
        qualify_made(x, sql_get(x->body, "defnames"), from);
    else if (strcmp(tag, "CreateEnumStmt") == 0 || strcmp(tag, "CreateRangeStmt") == 0)
        qualify_made(x, sql_get(x->body, "typeName"), from);
    else if (strcmp(tag, "AlterEnumStmt") == 0 || strcmp(tag, "AlterDomainStmt") == 0)
        qualify_names(x, sql_get(x->body, "typeName"), from);
    else if (strcmp(tag, "CreateDomainStmt") == 0)
        qualify_made(x, sql_get(x->body, "domainname"), from);
    else if (strcmp(tag, "CreateTrigStmt") == 0)
        qualify_trigger_function(x);
    else if (strcmp(tag, "CreateSeqStmt") == 0 || strcmp(tag, "AlterSeqStmt") == 0)
        qualify_owned_by(x, sql_get(x->body, "options"));
    else if (strcmp(tag, "CreateStatsStmt") == 0 && sql_first(sql_get(x->body, "defnames")))
        qualify_made(x, sql_get(x->body, "defnames"), from);
    else if (strcmp(tag, "GrantStmt") == 0 && !is_relation_kind(sql_text(x->body, "objtype"))) {
        from = analysis_behind_word(x, "on", x->node->start);
        for (const struct sql_node *item = sql_first(sql_get(x->body, "objects")); item; item = sql_next(item))
            from = qualify_object(x, sql_text(x->body, "objtype"), item, from);
    }
}
