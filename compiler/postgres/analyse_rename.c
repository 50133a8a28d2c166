/* RENAME and SET SCHEMA. */
#include <string.h>

#include "compiler/postgres/alter.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

static void lint_rename(struct analysis *x, const struct relation *relation, const char *what, const char *name)
{
    if (analysis_is_live(x, relation))
        analysis_help(x,
            analysis_find(x, DIAG(PG204), x->node->start, x->node->end,
                "renaming %s '%s' breaks code that still uses the old name", what, name),
            "add the new one, let code move over, drop the old one; or keep a view under the old name");
}

static void rename_relation(struct analysis *x, struct relation *relation)
{
    const char *to = sql_text(x->body, "newname"), *from = relation->qualified;
    size_t end, at = analysis_find_name(x, to, x->node->start, &end);
    bool is_index = relation->kind == RELATION_INDEX;

    if (!analysis_is_new_name(x, relation->schema, to, at, end))
        return;
    analysis_lock(x, relation, is_index ? LOCK_SHARE_UPDATE_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE);
    if (!is_index)
        lint_rename(x, relation, relation_kind_name(relation->kind), relation->name);
    analysis_touch_renamed(x, relation);
    if (is_index)
        analysis_touch(x, relation->index->table); /* a constraint's index has its name */
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER %s %s RENAME TO %s", relation_words(relation),
            quote_qualified(x->arena, relation->schema, to),
            quote_name(x->arena, relation->name)));
    if (is_index && relation->index->constraint)
        relation->index->constraint->name = arena_strdup(x->arena, to);
    catalog_rename_relation(x->catalog, relation, relation->schema, to, x->analyser->migration_id);
    analysis_touch(x, relation);
    x->out->probe = sql_probe_condition(x->arena,
        arena_printf(x->arena, "pg_catalog.to_regclass(%s) IS NULL AND pg_catalog.to_regclass(%s) IS NOT NULL",
            quote_literal(x->arena, from), quote_literal(x->arena, relation->qualified)));
    x->out->label = arena_printf(x->arena, "rename_%s", to);
}

static void rename_in_children(struct analysis *x, const struct relation *relation, const char *from, const char *to)
{
    struct relation_list children = {0};

    analysis_descendants(x, relation, &children);
    for (size_t i = 0; i < children.items.count; i++) {
        struct relation *child = children.items.items[i];
        struct column *column = relation_find_column(child, from);

        analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
        analysis_touch_renamed(x, child);
        if (column)
            catalog_rename_column(x->catalog, child, column, to);
    }
}

static void rename_column(struct analysis *x, struct relation *relation)
{
    const char *from = sql_text(x->body, "subname"), *to = sql_text(x->body, "newname");
    size_t start = sql_location(sql_get(x->body, "relation")), end, at;
    struct column *column = analysis_column(x, relation, from, start);

    if (!column)
        return;
    if (relation_find_column(relation, to)) {
        at = analysis_find_name(x, to, start, &end);
        analysis_error(x, DIAG(PG005), at, end, "table '%s' has a column '%s' already", relation->name, to);
        return;
    }
    if (alter_is_inherited(x, relation, from, start, "renamed"))
        return;
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    if (column->born != x->analyser->ordinal)
        lint_rename(x, relation, "column", from);
    analysis_touch_renamed(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER TABLE %s RENAME COLUMN %s TO %s", relation->qualified, quote_name(x->arena, to),
            quote_name(x->arena, from)));
    catalog_rename_column(x->catalog, relation, column, to);
    rename_in_children(x, relation, from, to);
    x->out->probe = sql_probe_column(x->arena, relation, column, NULL);
}

static void rename_constraint(struct analysis *x, struct relation *relation)
{
    const char *from = sql_text(x->body, "subname"), *to = sql_text(x->body, "newname");
    struct command c = {.x = x,
        .relation = relation,
        .fields = x->body,
        .name = from,
        .from = sql_location(sql_get(x->body, "relation"))};
    struct constraint *constraint = command_find_constraint(&c);

    if (!constraint)
        return;
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER TABLE %s RENAME CONSTRAINT %s TO %s", relation->qualified,
            quote_name(x->arena, to), quote_name(x->arena, from)));
    constraint->name = arena_strdup(x->arena, to);
    if (constraint->index) {
        analysis_touch(x, constraint->index);
        catalog_rename_relation(x->catalog, constraint->index, relation->schema, to, x->analyser->migration_id);
        analysis_touch(x, constraint->index);
    }
    x->out->probe = sql_probe_constraint(x->arena, constraint);
}

static void retype_columns(struct analysis *x, const struct type_object *type)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        for (size_t k = 0; k < relation->columns.count; k++) {
            struct type *used = &relation->columns.items[k]->type;

            if (used->object != type)
                continue;
            used->base = type->qualified;
            used->text = used->array ? arena_printf(x->arena, "%s[]", type->qualified) : type->qualified;
        }
    }
}

/* RENAME TO (to_name), SET SCHEMA (to_schema) of a type; NULL: stays. */
static void move_type(struct analysis *x, const char *to_schema, const char *to_name)
{
    const struct sql_node *names = sql_get(sql_as(sql_get(x->body, "object"), "List"), "items");
    const char *schema, *name;
    struct type_object *type;

    analysis_split_names(x, names, &schema, &name);
    type = catalog_find_type(x->catalog, schema, name);
    if (!type)
        return;
    analysis_touch_type(x, type);
    analysis_touch_type_users(x, type);
    catalog_forget_mentions(x->catalog, name);
    catalog_forget_signatures(x->catalog, name);
    map_remove(&x->catalog->types, catalog_key(x->catalog, schema, name));
    type->schema = arena_strdup(x->arena, to_schema ? to_schema : schema);
    type->name = arena_strdup(x->arena, to_name ? to_name : name);
    type->qualified = quote_qualified(x->arena, type->schema, type->name);
    retype_columns(x, type);
    map_put(&x->catalog->types, catalog_key(x->catalog, type->schema, type->name), type);
    analysis_touch_type(x, type);
    inverse_undo(&x->out->inverse, x->arena,
        to_schema
            ? arena_printf(x->arena, "ALTER TYPE %s SET SCHEMA %s", type->qualified, quote_name(x->arena, schema))
            : arena_printf(x->arena, "ALTER TYPE %s RENAME TO %s", type->qualified, quote_name(x->arena, name)));
}

/* --- what has a table, functions, schemas ------------------------------------------------------------------------ */

/* CREATE … KIND name …, with another name. NULL when the text is not known. */
static const char *with_name(struct analysis *x, const char *sql, const char *kind, const char *to_quoted)
{
    struct lexer lexer = {.text = str_from(sql ? sql : "")};
    struct lex_token token;
    size_t start;

    for (token = lex_next(&lexer); token.kind != LEX_END && !lex_is(lexer.text, token, kind);)
        token = lex_next(&lexer);
    token = lex_next(&lexer);
    start = token.start;
    for (size_t end = token.end; token.kind != LEX_END; end = token.end) {
        struct lexer dot = {.text = lexer.text, .at = end};

        if (!lex_is(lexer.text, lex_next(&dot), "."))
            return arena_printf(x->arena, "%.*s%s%s", (int)start, sql, to_quoted, sql + end);
        token = lex_next(&dot);
    }
    return NULL;
}

static bool rename_trigger(struct analysis *x, const struct relation *relation, const char *from, const char *to)
{
    struct trigger *trigger = relation_find_trigger(relation, from);

    if (!trigger)
        return false;
    trigger->name = arena_strdup(x->arena, to);
    trigger->sql = with_name(x, trigger->sql, "trigger", quote_name(x->arena, to));
    return true;
}

static bool rename_extra(
    struct analysis *x, const struct relation *relation, enum extra_kind kind, const char *from, const char *to)
{
    struct extra *extra = relation_find_extra(relation, kind, from);

    if (!extra)
        return kind == EXTRA_RULE; /* a view's own */
    extra->name = arena_strdup(x->arena, to);
    extra->sql = extra->actions.count
                     ? NULL
                     : with_name(x, extra->sql, kind == EXTRA_RULE ? "rule" : "policy", quote_name(x->arena, to));
    return true;
}

static void rename_part(struct analysis *x, const struct relation *relation, const char *kind)
{
    const char *from = sql_text(x->body, "subname"), *to = sql_text(x->body, "newname");
    bool is_trigger = strcmp(kind, "OBJECT_TRIGGER") == 0, is_policy = strcmp(kind, "OBJECT_POLICY") == 0;
    bool found = is_trigger ? rename_trigger(x, relation, from, to)
                            : rename_extra(x, relation, is_policy ? EXTRA_POLICY : EXTRA_RULE, from, to);
    size_t end, at = analysis_find_name(x, from, x->node->start, &end);

    if (!found && !relation->opaque && !x->catalog->opaque) {
        analysis_error(x, DIAG(PG008), at, end, "table '%s' has no %s '%s' at this point of the history",
            relation->name, is_trigger ? "trigger" : "policy", from);
        return;
    }
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    analysis_touch(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER %s RENAME TO %s",
            quote_on(x->arena,
                is_trigger  ? "TRIGGER"
                : is_policy ? "POLICY"
                            : "RULE",
                to, relation->qualified),
            quote_name(x->arena, from)));
}

/* Under another name, or in another schema. */
static void move_function(struct analysis *x, struct function *function, const char *schema, const char *name)
{
    analysis_touch_function(x, function);
    analysis_touch_mentions(x, function->name);
    catalog_forget_mentions(x->catalog, function->name);
    catalog_drop_function(x->catalog, function);
    function->schema = arena_strdup(x->arena, schema);
    function->name = arena_strdup(x->arena, name);
    function->qualified = quote_qualified(x->arena, schema, name);
    function->identity = arena_printf(x->arena, "%s(%s)", function->qualified, function->arguments);
    function->sql =
        with_name(x, function->sql, strcmp(function->keyword, "PROCEDURE") == 0 ? "procedure" : "function",
            function->qualified);
    function->next = map_put(&x->catalog->functions, catalog_key(x->catalog, schema, name), function);
    analysis_touch_function(x, function);
}

/* ALTER FUNCTION f(…) RENAME TO, SET SCHEMA. */
static void rename_function(struct analysis *x, const char *schema, const char *name)
{
    struct function *function = analysis_function(x, sql_as(sql_get(x->body, "object"), "ObjectWithArgs"));
    const char *identity, *old_schema, *old_name;

    if (!function) {
        inverse_impossible(&x->out->inverse, x->arena, "it is not an object of this history: write 'down:'");
        return;
    }
    old_schema = function->schema;
    old_name = function->name;
    move_function(x, function, schema ? schema : function->schema, name ? name : function->name);
    identity = function->identity;
    inverse_undo(&x->out->inverse, x->arena,
        schema ? arena_printf(
                     x->arena, "ALTER %s %s SET SCHEMA %s", function->keyword, identity, quote_name(x->arena, old_schema))
               : arena_printf(
                     x->arena, "ALTER %s %s RENAME TO %s", function->keyword, identity, quote_name(x->arena, old_name)));
}

static void move_all(struct analysis *x, const char *from, const char *to)
{
    const struct map_entry *entry;
    struct relation_list relations = {0};

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (strcmp(((struct relation *)entry->value)->schema, from) == 0)
            VEC_PUSH(x->scratch, &relations.items, entry->value);
    for (size_t i = 0; i < relations.items.count; i++)
        catalog_rename_relation(x->catalog, relations.items.items[i], to, relations.items.items[i]->name, x->analyser->migration_id);
    for (size_t i = 0; map_next(&x->catalog->types, &i, &entry);) {
        struct type_object *type = entry->value;

        if (strcmp(type->schema, from) != 0)
            continue;
        map_remove(&x->catalog->types, entry->key);
        type->schema = arena_strdup(x->arena, to);
        type->qualified = quote_qualified(x->arena, to, type->name);
        retype_columns(x, type);
        map_put(&x->catalog->types, catalog_key(x->catalog, to, type->name), type);
    }
    for (size_t i = 0; map_next(&x->catalog->functions, &i, &entry);) {
        struct function *function = entry->value;

        while (function && strcmp(function->schema, from) == 0) {
            struct function *next = function->next;

            move_function(x, function, to, function->name);
            function = next;
        }
    }
}

static void touch_movers(struct analysis *x, const char *schema)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (strcmp(((const struct relation *)entry->value)->schema, schema) == 0)
            analysis_touch_renamed(x, entry->value);
    for (size_t i = 0; map_next(&x->catalog->types, &i, &entry);)
        if (strcmp(((const struct type_object *)entry->value)->schema, schema) == 0) {
            analysis_touch_type(x, entry->value);
            analysis_touch_type_users(x, entry->value);
        }
}

static void rename_schema(struct analysis *x)
{
    const char *from = sql_text(x->body, "subname"), *to = sql_text(x->body, "newname");
    size_t end, at;

    if (!map_has(&x->catalog->schemas, str_from(from)) || map_has(&x->catalog->schemas, str_from(to))) {
        bool taken = map_has(&x->catalog->schemas, str_from(to));

        at = analysis_find_name(x, taken ? to : from, x->node->start, &end);
        if (taken)
            analysis_error(x, DIAG(PG005), at, end, "schema '%s' exists already", to);
        else if (!x->catalog->opaque)
            analysis_error(x, DIAG(PG008), at, end, "there is no schema '%s' at this point of the history", from);
        return;
    }
    from = arena_strdup(x->arena, from);
    to = arena_strdup(x->arena, to);
    analysis_touch_schema(x, from);
    touch_movers(x, from);
    map_put(&x->catalog->schemas, str_from(to), map_remove(&x->catalog->schemas, str_from(from)));
    move_all(x, from, to);
    analysis_touch_schema(x, to);
    analysis_touch_all_in(x, to);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(
            x->arena, "ALTER SCHEMA %s RENAME TO %s", quote_name(x->arena, to), quote_name(x->arena, from)));
}

static void rename_domain_constraint(struct analysis *x)
{
    struct type_object *type =
        analysis_find_type(x, sql_get(sql_as(sql_get(x->body, "object"), "List"), "items"));

    if (type)
        analyse_rename_part(x, type, "CONSTRAINT");
    else
        inverse_impossible(&x->out->inverse, x->arena, "it is not an object of this history: write 'down:'");
}

static void rename_attribute(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(x->body, "relation");
    const char *name = sql_text(range_var, "relname");
    struct type_object *type = catalog_find_type(x->catalog, analysis_schema(x, range_var), name);
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    if (type) {
        analyse_rename_part(x, type, "ATTRIBUTE");
        return;
    }
    if (!x->catalog->opaque)
        analysis_error(x, DIAG(PG004), at, end, "there is no type '%s' at this point of the history", name);
    inverse_impossible(&x->out->inverse, x->arena, "it is not an object of this history: write 'down:'");
}

void analyse_rename(struct analysis *x)
{
    const char *kind = sql_text(x->body, "renameType");
    struct relation *relation;

    x->out->phase = PHASE_CONTRACT;
    x->what = strcmp(kind, "OBJECT_INDEX") == 0      ? "index"
              : strcmp(kind, "OBJECT_VIEW") == 0     ? "view"
              : strcmp(kind, "OBJECT_SEQUENCE") == 0 ? "sequence"
                                                     : "table";
    if (!sql_get(x->body, "relation")) {
        if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0)
            move_type(x, NULL, sql_text(x->body, "newname"));
        else if (strcmp(kind, "OBJECT_FUNCTION") == 0 || strcmp(kind, "OBJECT_PROCEDURE") == 0 ||
                 strcmp(kind, "OBJECT_ROUTINE") == 0)
            rename_function(x, NULL, sql_text(x->body, "newname"));
        else if (strcmp(kind, "OBJECT_SCHEMA") == 0)
            rename_schema(x);
        else if (strcmp(kind, "OBJECT_DOMCONSTRAINT") == 0)
            rename_domain_constraint(x);
        else
            inverse_impossible(
                &x->out->inverse, x->arena, "invplan does not know how to undo this rename: write 'down:'");
        return;
    }
    if (strcmp(kind, "OBJECT_ATTRIBUTE") == 0) {
        rename_attribute(x);
        return;
    }
    if (sql_flag(x->body, "missing_ok") &&
        !catalog_find_relation(x->catalog, analysis_schema(x, sql_get(x->body, "relation")),
            sql_text(sql_get(x->body, "relation"), "relname")))
        return;
    relation = analysis_relation(x, sql_get(x->body, "relation"));
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "it is not an object of this history: write 'down:'");
        return;
    }
    if (!analysis_is_live(x, relation) || relation->kind == RELATION_INDEX)
        x->out->phase = PHASE_EXPAND;
    if (strcmp(kind, "OBJECT_COLUMN") == 0)
        rename_column(x, relation);
    else if (strcmp(kind, "OBJECT_TABCONSTRAINT") == 0)
        rename_constraint(x, relation);
    else if (strcmp(kind, "OBJECT_TRIGGER") == 0 || strcmp(kind, "OBJECT_POLICY") == 0 ||
             strcmp(kind, "OBJECT_RULE") == 0)
        rename_part(x, relation, kind);
    else
        rename_relation(x, relation);
}

void analyse_set_schema(struct analysis *x)
{
    const char *to = sql_text(x->body, "newschema"), *old_schema;
    size_t end, at = analysis_find_name(x, to, x->node->start, &end);
    struct relation *relation;

    x->out->phase = PHASE_CONTRACT;
    if (!map_has(&x->catalog->schemas, str_from(to)) && !x->catalog->opaque) {
        analysis_error(x, DIAG(PG008), at, end, "there is no schema '%s' at this point of the history", to);
        return;
    }
    if (sql_as(sql_get(x->body, "object"), "ObjectWithArgs")) {
        rename_function(x, to, NULL);
        return;
    }
    if (sql_text_is(x->body, "objectType", "OBJECT_TYPE") || sql_text_is(x->body, "objectType", "OBJECT_DOMAIN")) {
        move_type(x, to, NULL);
        return;
    }
    relation = sql_get(x->body, "relation") ? analysis_relation(x, sql_get(x->body, "relation")) : NULL;
    if (!relation) {
        inverse_impossible(&x->out->inverse, x->arena, "invplan does not know how to undo this: write 'down:'");
        return;
    }
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE);
    lint_rename(x, relation, relation_kind_name(relation->kind), relation->name);
    analysis_touch_renamed(x, relation);
    old_schema = relation->schema;
    catalog_rename_relation(x->catalog, relation, to, relation->name, x->analyser->migration_id);
    for (size_t i = 0; i < relation->indexes.count; i++)
        catalog_rename_relation(x->catalog, relation->indexes.items[i], to, relation->indexes.items[i]->name, x->analyser->migration_id);
    for (size_t i = 0; i < relation->sequences.count; i++)
        catalog_rename_relation(x->catalog, relation->sequences.items[i], to, relation->sequences.items[i]->name, x->analyser->migration_id);
    analysis_touch_renamed(x, relation);
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "ALTER TABLE %s SET SCHEMA %s", relation->qualified, quote_name(x->arena, old_schema)));
}
