/* DROP of what is no relation: types, functions, schemas, extensions, and what a table has. */
#include <string.h>

#include "compiler/postgres/access.h"
#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

bool analysis_is_cascade(const struct analysis *x)
{
    return sql_text_is(x->body, "behavior", "DROP_CASCADE");
}

void analysis_report_dependent(struct analysis *x, const char *name, const char *dependent, const char *what)
{
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    analysis_help(x,
        analysis_error(x, DIAG(PG015), at, end, "'%s' cannot be dropped: %s '%s' needs it", name, what, dependent),
        "drop that before, or say CASCADE in an sql step");
}

void analysis_give_again(struct analysis *x, const struct relation *relation, struct inverse *inverse)
{
    const struct grantable on = access_of_relation(x->arena, relation);

    access_give_again(x->catalog, x->scratch, &on, inverse);
    for (size_t i = 0; i < relation->sequences.count; i++)
        analysis_give_again(x, relation->sequences.items[i], inverse);
}

static void give_again(struct analysis *x, struct grantable on, struct inverse *inverse)
{
    access_give_again(x->catalog, x->scratch, &on, inverse);
}

/* --- types and functions ------------------------------------------------------------------------------------------ */

static struct relation *find_typed(const struct analysis *x, const struct type_object *type)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (((struct relation *)entry->value)->of_type == type)
            return entry->value;
    return NULL;
}

/* DROP TYPE … CASCADE: columns of the type go, and tables that were made OF it. */
static void drop_users_of(struct analysis *x, const struct type_object *type)
{
    const struct map_entry *entry;
    struct relation *typed;

    analysis_touch_type_users(x, type);
    while ((typed = find_typed(x, type)))
        catalog_drop_relation(x->catalog, typed, x->analyser->migration_id);
    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        struct relation *relation = entry->value;

        for (size_t k = relation->columns.count; k > 0; k--)
            if (relation->columns.items[k - 1]->type.object == type)
                catalog_drop_column(x->catalog, relation, relation->columns.items[k - 1], x->analyser->migration_id);
    }
}

static bool has_users(struct analysis *x, const struct type_object *type)
{
    const struct relation *typed = find_typed(x, type);
    const struct map_entry *entry;

    if (typed) {
        analysis_report_dependent(x, type->name, typed->name, "table");
        return true;
    }
    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        for (size_t k = 0; k < relation->columns.count; k++)
            if (relation->columns.items[k]->type.object == type) {
                analysis_report_dependent(x, type->name, relation->name, "a column of table");
                return true;
            }
    }
    return false;
}

static void drop_type(struct analysis *x, const struct sql_node *names)
{
    const char *schema, *name;
    struct type_object *type;
    struct inverse inverse = {0};
    size_t end, at;

    analysis_split_names(x, names, &schema, &name);
    at = analysis_find_name(x, name, x->node->start, &end);
    type = catalog_find_type(x->catalog, schema, name);
    if (!type) {
        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque)
            analysis_error(x, DIAG(PG004), at, end, "there is no type '%s' at this point of the history", name);
        return;
    }
    if (!analysis_is_cascade(x) && has_users(x, type))
        return;
    analysis_touch_type(x, type);
    x->out->label = arena_printf(x->arena, "drop_type_%s", name);
    if (analysis_is_cascade(x)) {
        drop_users_of(x, type);
        inverse_impossible(&inverse, x->arena, "what depended on the type goes with it: write 'down:'");
    } else {
        const char *object =
            arena_printf(x->arena, "%s %s", type->kind == TYPE_KIND_DOMAIN ? "DOMAIN" : "TYPE", type->qualified);

        inverse_undo(&inverse, x->arena, catalog_type_sql(x->arena, type));
        inverse_comment(&inverse, x->arena, object, type->comment);
        give_again(x, access_of_type(x->arena, type), &inverse);
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regtype(%s) IS NULL", quote_literal(x->arena, type->qualified)));
    map_remove(&x->catalog->types, catalog_key(x->catalog, schema, name));
}

/* DROP FUNCTION … CASCADE: triggers go, and what else calls it. */
static void drop_callers(struct analysis *x, const struct function *function)
{
    const struct map_entry *entry;

    analysis_touch_mentions(x, function->name);
    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        struct relation *relation = entry->value;

        for (size_t k = relation->triggers.count; k > 0; k--)
            if (relation->triggers.items[k - 1]->function == function)
                catalog_drop_trigger(relation, relation->triggers.items[k - 1]);
    }
}

/* A trigger that calls it keeps it. */
static bool has_trigger(struct analysis *x, const struct function *function)
{
    const struct map_entry *entry;

    for (size_t i = 0; function->returns_trigger && map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        for (size_t k = 0; k < relation->triggers.count; k++)
            if (relation->triggers.items[k]->function == function) {
                analysis_report_dependent(x, function->name, relation->triggers.items[k]->name, "trigger");
                return true;
            }
    }
    return false;
}

/* Does the text call it? Names of the history's own functions have their schemas before them there. */
static bool calls(struct analysis *x, const char *text, const struct function *function)
{
    struct lexer lexer = {.text = str_from(text ? text : "")};
    const char *before = NULL, *name = NULL; /* identifiers: the last one but one, where a dot stands between, and it */
    bool dot = false;

    if (!text || !strstr(text, function->name))
        return false;
    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        const char *word = lex_identifier(x->scratch, lexer.text, token);

        if (before && name && lex_is(lexer.text, token, "(") && strcmp(before, function->schema) == 0 &&
            strcmp(name, function->name) == 0)
            return true;
        if (word) {
            before = dot ? name : NULL;
            name = word;
        } else if (!lex_is(lexer.text, token, ".")) {
            name = NULL;
        }
        dot = lex_is(lexer.text, token, ".");
    }
    return false;
}

static bool index_calls(struct analysis *x, const struct index *index, const struct function *function)
{
    for (size_t i = 0; i < index->element_count; i++)
        if (calls(x, index->elements[i].sql, function))
            return true;
    return calls(x, index->where, function);
}

/* What of the relation calls it, in words; NULL: nothing. */
static const char *caller_in(
    struct analysis *x, const struct relation *relation, const struct function *function, const char **name)
{
    *name = relation->name;
    if (relation->index)
        return index_calls(x, relation->index, function) ? "index" : NULL;
    if (relation->kind == RELATION_VIEW || relation->kind == RELATION_MATERIALIZED_VIEW)
        return calls(x, relation->sql, function) ? relation_kind_name(relation->kind) : NULL;
    for (size_t i = 0; i < relation->columns.count; i++)
        if (calls(x, relation->columns.items[i]->default_sql, function) ||
            calls(x, relation->columns.items[i]->generated_sql, function))
            return "a column of table";
    for (size_t i = 0; i < relation->constraints.count; i++)
        if (calls(x, relation->constraints.items[i]->expression, function)) {
            *name = relation->constraints.items[i]->name;
            return "constraint";
        }
    for (size_t i = 0; i < relation->extras.count; i++)
        if (!relation->extras.items[i]->actions.count && calls(x, relation->extras.items[i]->sql, function)) {
            *name = relation->extras.items[i]->name;
            return relation->extras.items[i]->kind == EXTRA_POLICY ? "policy" : "rule";
        }
    return NULL;
}

/* Of several functions of one name, only the server knows which one a call means. */
static bool has_caller(struct analysis *x, const struct function *function)
{
    const struct function *named = catalog_find_functions(x->catalog, function->schema, function->name);
    const struct map_entry *entry;

    for (size_t i = 0; !named->next && map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;
        bool known = !relation->opaque || !relation_is_table(relation);
        const char *name, *what = known ? caller_in(x, relation, function, &name) : NULL;

        if (what) {
            analysis_report_dependent(x, function->name, name, what);
            return true;
        }
    }
    return false;
}

static void drop_function(struct analysis *x, const struct sql_node *with_args)
{
    const char *schema, *name;
    struct function *function = analysis_function(x, with_args);
    struct inverse inverse = {0};

    analysis_split_names(x, sql_get(with_args, "objname"), &schema, &name);
    if (!function) {
        size_t end, at = analysis_find_name(x, name, x->node->start, &end);

        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque && !qualify_is_system_schema(schema))
            analysis_error(x, DIAG(PG008), at, end, "there is no function '%s(%s)' at this point of the history", name,
                analysis_argument_types(x, with_args));
        return;
    }
    if (!analysis_is_cascade(x) && (has_trigger(x, function) || has_caller(x, function)))
        return;
    x->out->label = arena_printf(x->arena, "drop_function_%s", name);
    analysis_touch_function(x, function);
    if (analysis_is_cascade(x))
        drop_callers(x, function);
    if (analysis_is_cascade(x))
        inverse_impossible(&inverse, x->arena, "what depended on the function goes with it: write 'down:'");
    else if (!function->sql)
        inverse_impossible(&inverse, x->arena, "its definition is not known: write 'down:'");
    else
        analysis_make_function(x, function, &inverse);
    if (!analysis_is_cascade(x)) {
        inverse_comment(&inverse, x->arena, arena_printf(x->arena, "%s %s", function->keyword, function->identity),
            function->comment);
        give_again(x, access_of_function(x->arena, function), &inverse);
    }
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regprocedure(%s) IS NULL", quote_literal(x->arena, function->identity)));
    catalog_drop_function(x->catalog, function);
}

/* --- what a table has --------------------------------------------------------------------------------------------- */

/* Makes again what was dropped; nothing: how it was made is not known. */
static void undo_by(struct analysis *x, const struct sql_list *again)
{
    struct inverse inverse = {0};

    if (!again->items.count)
        inverse_impossible(&inverse, x->arena, "its definition is not known: write 'down:'");
    for (size_t i = 0; i < again->items.count; i++)
        inverse_undo(&inverse, x->arena, again->items.items[i]);
    inverse_put_before(&x->out->inverse, x->arena, &inverse);
}

static bool drop_trigger(struct analysis *x, struct relation *relation, const char *name)
{
    const struct trigger *trigger = relation_find_trigger(relation, name);
    struct sql_list again = {0};

    if (!trigger)
        return false;
    catalog_trigger_sql(x->arena, relation, trigger, &again);
    undo_by(x, &again);
    if (relation->kind == RELATION_PARTITIONED && trigger->each_row)
        analysis_lock_partitions(x, relation, LOCK_ACCESS_EXCLUSIVE);
    catalog_drop_trigger(relation, trigger);
    return true;
}

static bool drop_extra(struct analysis *x, struct relation *relation, enum extra_kind kind, const char *name)
{
    const struct extra *extra = relation_find_extra(relation, kind, name);
    struct sql_list again = {0};

    if (!extra)
        return false;
    catalog_extra_sql(x->arena, relation, extra, &again);
    undo_by(x, &again);
    catalog_drop_extra(relation, extra);
    return true;
}

static void drop_on_table(struct analysis *x, const struct sql_node *names, const char *kind)
{
    const char *schema = sql_count(names) > 2 ? sql_list_string(names, 0)
                                                  : analysis_home(x, sql_list_string(names, SIZE_MAX - 1));
    const char *table = sql_list_string(names, SIZE_MAX - 1), *name = sql_list_string(names, SIZE_MAX);
    bool is_trigger = strcmp(kind, "OBJECT_TRIGGER") == 0, is_policy = strcmp(kind, "OBJECT_POLICY") == 0, found;
    struct relation *relation = catalog_find_relation(x->catalog, schema, table);
    size_t end, at = analysis_find_name(x, relation ? name : table, x->node->start, &end);

    if (!relation) {
        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque)
            analysis_error(x, DIAG(PG002), at, end, "there is no table '%s' at this point of the history", table);
        return;
    }
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch(x, relation);
    found = is_trigger ? drop_trigger(x, relation, name)
                       : drop_extra(x, relation, is_policy ? EXTRA_POLICY : EXTRA_RULE, name);
    if (found || sql_flag(x->body, "missing_ok"))
        return;
    if (relation->opaque || x->catalog->opaque)
        inverse_impossible(&x->out->inverse, x->arena, "its definition is not known: write 'down:'");
    else
        analysis_error(x, DIAG(PG008), at, end, "table '%s' has no %s '%s' at this point of the history",
            relation->name, is_trigger ? "trigger" : is_policy ? "policy" : "rule", name);
}

static void drop_statistics(struct analysis *x, const struct sql_node *names)
{
    const char *schema, *name, *qualified;
    struct relation *relation;

    analysis_split_names(x, names, &schema, &name);
    qualified = quote_qualified(x->arena, schema, name);
    if (analysis_statistics(x, qualified, &relation)) {
        analysis_lock(x, relation, lock_of_statement("CreateStatsStmt"));
        drop_extra(x, relation, EXTRA_STATISTICS, qualified);
    } else {
        inverse_impossible(&x->out->inverse, x->arena, "its definition is not known: write 'down:'");
    }
}

/* --- schemas and extensions --------------------------------------------------------------------------------------- */

/* A relation in the schema; NULL: none. */
static struct relation *relation_in(const struct analysis *x, const char *schema)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (strcmp(((struct relation *)entry->value)->schema, schema) == 0)
            return entry->value;
    return NULL;
}

static void remove_in(struct map *map, const char *schema)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(map, &i, &entry);)
        if (strcmp(entry->key.data, schema) == 0) /* a key begins with the schema and NUL */
            map_remove(map, entry->key);
}

/* Everything in it goes. */
static void empty_schema(struct analysis *x, const char *schema)
{
    struct relation *relation;

    analysis_touch_all_in(x, schema);
    while ((relation = relation_in(x, schema)))
        catalog_drop_relation(x->catalog, relation, x->analyser->migration_id);
    remove_in(&x->catalog->types, schema);
    remove_in(&x->catalog->functions, schema);
}

static void drop_schema(struct analysis *x, const char *name)
{
    const struct schema *schema = map_get(&x->catalog->schemas, str_from(name));
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    if (!schema) {
        if (!sql_flag(x->body, "missing_ok") && !x->catalog->opaque)
            analysis_error(x, DIAG(PG008), at, end, "there is no schema '%s' at this point of the history", name);
        return;
    }
    if (!analysis_is_cascade(x) && relation_in(x, name)) {
        analysis_error(x, DIAG(PG015), at, end, "schema '%s' is not empty", name);
        return;
    }
    analysis_touch_schema(x, name);
    map_remove(&x->catalog->schemas, str_from(name));
    if (analysis_is_cascade(x)) {
        empty_schema(x, name);
        inverse_impossible(&x->out->inverse, x->arena, "everything in the schema goes with it: write 'down:'");
        analysis_help(x, analysis_find(x, DIAG(PG202), at, end, "dropping schema '%s' loses everything in it", name),
            "drop what is in it step by step");
        return;
    }
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "CREATE SCHEMA %s", quote_name(x->arena, name)));
    inverse_comment(&x->out->inverse, x->arena, arena_printf(x->arena, "SCHEMA %s", quote_name(x->arena, name)),
        schema->comment);
    give_again(x, access_of_schema(x->arena, schema, name), &x->out->inverse);
}

static void drop_extension(struct analysis *x, const char *name)
{
    const struct extension *extension = map_get(&x->catalog->extensions, str_from(name));
    const char *object = arena_printf(x->arena, "EXTENSION %s", quote_name(x->arena, name));

    analysis_touch_extension(x, name);
    map_remove(&x->catalog->extensions, str_from(name));
    if (analysis_is_cascade(x) || !extension)
        inverse_impossible(&x->out->inverse, x->arena, "what depended on the extension goes with it: write 'down:'");
    else
        inverse_undo(&x->out->inverse, x->arena,
            arena_printf(x->arena, "CREATE EXTENSION %s%s%s", quote_name(x->arena, name),
                extension->schema ? " WITH SCHEMA " : "",
                extension->schema ? quote_name(x->arena, extension->schema) : ""));
    inverse_comment(&x->out->inverse, x->arena, object, map_remove(&x->catalog->comments, str_from(object)));
    x->out->probe = sql_probe_condition(
        x->arena, arena_printf(x->arena, "NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = %s)",
                      quote_literal(x->arena, name)));
}

void analyse_drop_object(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const struct sql_node *names = sql_get(sql_as(object, "List"), "items");
    const struct sql_node *type_name = sql_as(object, "TypeName");

    if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0)
        drop_type(x, type_name ? sql_get(type_name, "names") : names);
    else if (strcmp(kind, "OBJECT_FUNCTION") == 0 || strcmp(kind, "OBJECT_PROCEDURE") == 0 ||
             strcmp(kind, "OBJECT_ROUTINE") == 0)
        drop_function(x, sql_as(object, "ObjectWithArgs"));
    else if (strcmp(kind, "OBJECT_TRIGGER") == 0 || strcmp(kind, "OBJECT_POLICY") == 0 ||
             strcmp(kind, "OBJECT_RULE") == 0)
        drop_on_table(x, names, kind);
    else if (strcmp(kind, "OBJECT_STATISTIC_EXT") == 0)
        drop_statistics(x, names);
    else if (strcmp(kind, "OBJECT_SCHEMA") == 0)
        drop_schema(x, sql_string(object));
    else if (strcmp(kind, "OBJECT_EXTENSION") == 0)
        drop_extension(x, sql_string(object));
    else if (!analyse_drop_other(x, kind, object))
        inverse_impossible(
            &x->out->inverse, x->arena, "invplan does not know how to undo this statement: write 'down:'");
}

