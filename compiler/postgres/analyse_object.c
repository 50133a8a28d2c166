/* Schemas, extensions, sequences and comments. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/setting.h"

void analyse_create_schema(struct analysis *x)
{
    const char *name = sql_text(x->body, "schemaname");
    size_t end, at;

    x->out->phase = PHASE_EXPAND;
    if (!name)
        name = sql_text(sql_get(x->body, "authrole"), "rolename");
    if (!name)
        return;
    at = analysis_find_name(x, name, x->node->start, &end);
    if (map_has(&x->catalog->schemas, str_from(name))) {
        if (!sql_flag(x->body, "if_not_exists"))
            analysis_error(x, DIAG(PG005), at, end, "schema '%s' exists already", name);
        return;
    }
    if (sql_first(sql_get(x->body, "schemaElts"))) /* a schema with statements inside: anything may be in it */
        x->catalog->opaque = true;
    x->out->label = arena_printf(x->arena, "create_schema_%s", name);
    catalog_add_schema(x->catalog, name, x->analyser->ordinal);
    analysis_authorize(x, name);
    analysis_touch_schema(x, name);
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP SCHEMA %s", quote_name(x->arena, name)));
    x->out->probe = sql_probe_schema(x->arena, name);
}

void analyse_create_extension(struct analysis *x)
{
    const char *name = arena_strdup(x->arena, sql_text(x->body, "extname"));
    struct extension *extension = ARENA_NEW(x->arena, struct extension);
    size_t end, at = analysis_find_name(x, name, x->node->start, &end);

    x->out->phase = PHASE_EXPAND;
    x->out->label = arena_printf(x->arena, "create_extension_%s", name);
    if (map_has(&x->catalog->extensions, str_from(name))) {
        if (!sql_flag(x->body, "if_not_exists"))
            analysis_error(x, DIAG(PG005), at, end, "extension '%s' exists already", name);
        return;
    }
    extension->name = name;
    for (const struct sql_node *item = sql_first(sql_get(x->body, "options")); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");

        if (sql_text_is(option, "defname", "schema") && sql_string(sql_get(option, "arg")))
            extension->schema = arena_strdup(x->arena, sql_string(sql_get(option, "arg")));
    }
    map_put(&x->catalog->extensions, str_from(name), extension);
    analysis_touch_extension(x, name);
    x->out->probe = sql_probe_extension(x->arena, name);
    /* with IF NOT EXISTS it may be somebody else's: it stays */
    if (!sql_flag(x->body, "if_not_exists"))
        inverse_undo(
            &x->out->inverse, x->arena, arena_printf(x->arena, "DROP EXTENSION %s", quote_name(x->arena, name)));
}

void analyse_alter_extension(struct analysis *x)
{
    x->out->phase = PHASE_EXPAND;
    analysis_touch_extension(x, sql_text(x->body, "extname"));
    inverse_impossible(&x->out->inverse, x->arena, "invplan does not know the extension's version before: write 'down:'");
}

/* --- sequences --------------------------------------------------------------------------------------------------- */

/* OWNED BY t.c, OWNED BY NONE. */
static void set_owner(struct analysis *x, struct relation *sequence)
{
    for (const struct sql_node *item = sql_first(sql_get(x->body, "options")); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");
        const struct sql_node *names = sql_get(sql_as(sql_get(option, "arg"), "List"), "items");
        size_t count = sql_count(names);
        const char *schema, *table;
        struct relation *owner;
        struct column *column;

        if (!sql_text_is(option, "defname", "owned_by"))
            continue;
        schema = count > 2 ? sql_list_string(names, SIZE_MAX - 2) : analysis_home(x, sql_list_string(names, SIZE_MAX - 1));
        table = sql_list_string(names, SIZE_MAX - 1);
        owner = count > 1 && schema && table ? catalog_find_relation(x->catalog, schema, table) : NULL;
        column = owner ? analysis_column(x, owner, sql_list_string(names, SIZE_MAX), sql_location(option)) : NULL;
        catalog_set_owner(x->catalog, sequence, column ? owner : NULL, column ? column->name : NULL);
    }
}

void analyse_create_sequence(struct analysis *x)
{
    const struct sql_node *range_var = sql_get(x->body, "sequence");
    const char *schema = analysis_schema(x, range_var), *name = sql_text(range_var, "relname");
    size_t end, at = analysis_find_name(x, name, sql_location(range_var), &end);
    struct relation *relation;

    x->out->phase = PHASE_EXPAND;
    x->out->label = arena_printf(x->arena, "create_sequence_%s", name);
    if (sql_flag(x->body, "if_not_exists") && catalog_find_relation(x->catalog, schema, name))
        return;
    if (!analysis_is_new_name(x, schema, name, at, end))
        return;
    relation = catalog_add_relation(x->catalog, RELATION_SEQUENCE, schema, name, x->analyser->ordinal);
    relation->temporary = strcmp(schema, "pg_temp") == 0;
    analyse_sequence_options(x, relation, sql_get(x->body, "options"), true);
    set_owner(x, relation);
    analysis_lock(x, relation, LOCK_ACCESS_EXCLUSIVE)->created = true;
    analysis_touch(x, relation);
    if (relation->temporary)
        return;
    inverse_undo(&x->out->inverse, x->arena, arena_printf(x->arena, "DROP SEQUENCE %s", relation->qualified));
    inverse_guard(&x->out->inverse, x->arena,
        arena_printf(x->arena, "(SELECT NOT is_called FROM %s)", relation->qualified),
        arena_printf(x->arena, "where sequence %s stood", relation->qualified));
    x->out->probe = sql_probe_relation(x->arena, relation->qualified, "S");
}

/* OWNED BY alone changes no value of the sequence. */
static bool is_only_owned(const struct analysis *x)
{
    const struct sql_node *options = sql_get(x->body, "options");

    return sql_count(options) == 1 && sql_text_is(sql_as(sql_first(options), "DefElem"), "defname", "owned_by");
}

static void undo_owned(struct analysis *x, const struct relation *sequence, struct inverse *inverse)
{
    inverse_undo(inverse, x->arena,
        sequence->owner ? arena_printf(x->arena, "ALTER SEQUENCE %s OWNED BY %s.%s", sequence->qualified,
                              sequence->owner->qualified, quote_name(x->arena, sequence->owner_column))
                        : arena_printf(x->arena, "ALTER SEQUENCE %s OWNED BY NONE", sequence->qualified));
}

/* What an option is where nothing was said. NULL: that depends on others. */
static const char *usual_option(const struct relation *sequence, const char *key)
{
    static const char *const usual[][2] = {{"as", "AS bigint"}, {"cache", "CACHE 1"}, {"cycle", "NO CYCLE"},
        {"increment", "INCREMENT BY 1"}, {"maxvalue", "NO MAXVALUE"}, {"minvalue", "NO MINVALUE"}};

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        if (strcmp(usual[i][0], key) == 0)
            return usual[i][1];
    if (strcmp(key, "start") == 0 && !setting_find(sequence, "increment", NULL) &&
        !setting_find(sequence, "minvalue", NULL))
        return "START WITH 1";
    return NULL;
}

/* Its key, where it is one that lasts; NULL: RESTART, OWNED BY, SEQUENCE NAME, GENERATED. */
static const char *lasting_key(struct analysis *x, const struct sql_node *option)
{
    const char *key = sql_text(option, "defname");

    if (strcmp(key, "restart") == 0 || strcmp(key, "owned_by") == 0 || strcmp(key, "sequence_name") == 0 ||
        strcmp(key, "generated") == 0)
        return NULL;
    return arena_strdup(x->arena, key);
}

void analyse_sequence_options(struct analysis *x, struct relation *sequence, const struct sql_node *options, bool made)
{
    for (const struct sql_node *item = sql_first(options); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");
        const char *key = lasting_key(x, option);
        size_t from = sql_location(option), to = sql_location(sql_as(sql_next(item), "DefElem"));

        if (key && from != SIZE_MAX)
            setting_put(x->catalog, sequence,
                (struct setting){.key = key,
                    .action = analysis_slice(x, from,
                        lex_expression_end(x->sql, from, sql_next(item) && to != SIZE_MAX ? to : x->node->end)),
                    .made = made});
    }
}

void analyse_undo_options(
    struct analysis *x, const struct relation *sequence, const struct sql_node *options, struct inverse *inverse)
{
    struct strbuf buf = STRBUF_INIT;

    for (const struct sql_node *item = sql_first(options); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");
        const char *key = lasting_key(x, option);
        const struct setting *before = key ? setting_find(sequence, key, NULL) : NULL;
        const char *words = before ? before->action : key ? usual_option(sequence, key) : NULL;

        if (words)
            strbuf_printf(&buf, " %s", words);
        else if (key)
            inverse_impossible(inverse, x->arena,
                arena_printf(x->arena, "invplan does not know the sequence's %s before: write 'down:'", key));
        else if (sql_text_is(option, "defname", "owned_by"))
            undo_owned(x, sequence, inverse);
        else if (sql_text_is(option, "defname", "restart"))
            inverse_lossy(inverse, x->arena, arena_printf(x->arena, "where sequence %s stood", sequence->qualified));
    }
    if (buf.len)
        inverse_undo(inverse, x->arena, arena_printf(x->arena, "ALTER SEQUENCE %s%s", sequence->qualified, buf.data));
    strbuf_free(&buf);
}

void analyse_alter_sequence(struct analysis *x)
{
    struct relation *relation = analysis_relation(x, sql_get(x->body, "sequence"));

    x->out->phase = PHASE_EXPAND;
    if (!relation || relation->opaque) {
        inverse_impossible(
            &x->out->inverse, x->arena, "invplan does not know the sequence's settings before: write 'down:'");
        return;
    }
    analysis_lock(x, relation, lock_of_statement("AlterSeqStmt"))->rewrite = !is_only_owned(x);
    analysis_touch(x, relation);
    analyse_undo_options(x, relation, sql_get(x->body, "options"), &x->out->inverse);
    analyse_sequence_options(x, relation, sql_get(x->body, "options"), false);
    set_owner(x, relation);
}

/* --- comments ---------------------------------------------------------------------------------------------------- */

/* The text between COMMENT ON and IS; of a column, a schema or an extension always the same one, under which
 * the comment is kept where nothing else holds it. */
static const char *comment_object(struct analysis *x)
{
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = x->node->start};
    const char *kind = sql_text(x->body, "objtype");
    const char *named = analysis_named_object(x, kind, sql_get(x->body, "object"));
    const struct sql_node *names = sql_get(sql_as(sql_get(x->body, "object"), "List"), "items");
    size_t from, end = 0, last_end = 0;

    if (named)
        return named;
    if (strcmp(kind, "OBJECT_COLUMN") == 0 && sql_count(names) >= 2)
        return arena_printf(x->arena, "COLUMN %s.%s",
            quote_qualified(x->arena,
                sql_count(names) > 2 ? sql_list_string(names, SIZE_MAX - 2)
                                     : analysis_home(x, sql_list_string(names, SIZE_MAX - 1)),
                sql_list_string(names, SIZE_MAX - 1)),
            quote_name(x->arena, sql_list_string(names, SIZE_MAX)));
    lex_next(&lexer); /* COMMENT */
    lex_next(&lexer); /* ON */
    from = lex_next(&lexer).start;
    lexer.at = from;
    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) {
        if (lex_is(x->sql, token, "is"))
            end = last_end;
        last_end = token.end;
    }
    return analysis_slice(x, from, end > from ? end : from);
}

/* Likewise of what a table has: [schema,] table, name. */
static const char **place_on_table(struct analysis *x, const char *kind, const struct sql_node *names)
{
    const char *schema = sql_count(names) > 2 ? sql_list_string(names, 0)
                                              : analysis_home(x, sql_list_string(names, SIZE_MAX - 1));
    const char *table = sql_list_string(names, SIZE_MAX - 1), *name = sql_list_string(names, SIZE_MAX);
    const struct relation *relation = schema && table ? catalog_find_relation(x->catalog, schema, table) : NULL;
    struct extra *extra;

    if (!relation || !name)
        return NULL;
    if (strcmp(kind, "OBJECT_TABCONSTRAINT") == 0) {
        struct constraint *constraint = relation_find_constraint(relation, name);

        return constraint ? &constraint->comment : NULL;
    }
    if (strcmp(kind, "OBJECT_TRIGGER") == 0) {
        struct trigger *trigger = relation_find_trigger(relation, name);

        return trigger ? &trigger->comment : NULL;
    }
    extra = relation_find_extra(relation, strcmp(kind, "OBJECT_RULE") == 0 ? EXTRA_RULE : EXTRA_POLICY, name);
    return extra ? &extra->comment : NULL;
}

/* Likewise of what is no relation. */
static const char **place_elsewhere(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const struct sql_node *names = sql_get(sql_as(object, "List"), "items");
    const char *schema, *name;

    if (strcmp(kind, "OBJECT_FUNCTION") == 0 || strcmp(kind, "OBJECT_PROCEDURE") == 0 ||
        strcmp(kind, "OBJECT_ROUTINE") == 0 || strcmp(kind, "OBJECT_AGGREGATE") == 0) {
        struct function *function = analysis_function(x, sql_as(object, "ObjectWithArgs"));

        return function ? &function->comment : NULL;
    }
    if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0) {
        const struct sql_node *type_name = sql_as(object, "TypeName");
        struct type_object *type;

        analysis_split_names(x, type_name ? sql_get(type_name, "names") : names, &schema, &name);
        type = catalog_find_type(x->catalog, schema, name);
        return type ? &type->comment : NULL;
    }
    if (strcmp(kind, "OBJECT_STATISTIC_EXT") == 0) {
        struct relation *relation;
        struct extra *extra;

        analysis_split_names(x, names, &schema, &name);
        extra = analysis_statistics(x, quote_qualified(x->scratch, schema, name), &relation);
        return extra ? &extra->comment : NULL;
    }
    if (strcmp(kind, "OBJECT_SCHEMA") == 0 && sql_string(object)) {
        struct schema *found = map_get(&x->catalog->schemas, str_from(sql_string(object)));

        return found ? &found->comment : NULL;
    }
    return place_on_table(x, kind, names);
}

/* Where the catalogue keeps this relation's or column's comment; NULL: it is neither. */
static const char **comment_place(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const struct sql_node *names = sql_get(sql_as(object, "List"), "items");
    struct relation *relation;
    struct column *column;

    if (strcmp(kind, "OBJECT_TABLE") == 0 || strcmp(kind, "OBJECT_VIEW") == 0 || strcmp(kind, "OBJECT_MATVIEW") == 0 ||
        strcmp(kind, "OBJECT_INDEX") == 0 || strcmp(kind, "OBJECT_SEQUENCE") == 0) {
        relation =
            analysis_relation_named(x, names, x->node->start, strcmp(kind, "OBJECT_INDEX") == 0 ? "index" : "table");
        if (!relation)
            return NULL;
        analysis_lock(x, relation, lock_of_statement("CommentStmt"));
        analysis_touch(x, relation);
        return &relation->comment;
    }
    if (strcmp(kind, "OBJECT_COLUMN") == 0) {
        size_t count = sql_count(names);
        const char *schema = count > 2 ? sql_list_string(names, SIZE_MAX - 2)
                                       : analysis_home(x, sql_list_string(names, SIZE_MAX - 1));
        const char *table = sql_list_string(names, SIZE_MAX - 1), *name = sql_list_string(names, SIZE_MAX);
        size_t end, at;

        if (!table)
            return NULL;
        relation = catalog_find_relation(x->catalog, schema, table);
        at = analysis_find_name(x, table, x->node->start, &end);
        if (!relation) {
            if (!x->catalog->opaque && !qualify_is_system_schema(schema))
                analysis_error(x, DIAG(PG002), at, end, "there is no table '%s' at this point of the history", table);
            return NULL;
        }
        analysis_lock(x, relation, lock_of_statement("CommentStmt"));
        analysis_touch(x, relation);
        column = analysis_column(x, relation, name, end);
        return column ? &column->comment : NULL;
    }
    return NULL;
}

void analyse_comment(struct analysis *x)
{
    const char *text = sql_text(x->body, "comment"), *object = comment_object(x), *before;
    const char **place = comment_place(x, sql_text(x->body, "objtype"), sql_get(x->body, "object"));

    x->out->phase = PHASE_EXPAND;
    x->out->label = "comment";
    if (text && !*text)
        text = NULL;
    if (text)
        text = arena_strdup(x->arena, text);
    if (!place) {
        analysis_touch_named(x, sql_text(x->body, "objtype"), sql_get(x->body, "object"));
        place = place_elsewhere(x, sql_text(x->body, "objtype"), sql_get(x->body, "object"));
    }
    if (place) {
        before = *place;
        *place = text;
    } else {
        before = map_get(&x->catalog->comments, str_from(object));
        if (text)
            map_put(&x->catalog->comments, str_from(object), arena_strdup(x->arena, text));
        else
            map_remove(&x->catalog->comments, str_from(object));
    }
    inverse_undo(&x->out->inverse, x->arena,
        arena_printf(x->arena, "COMMENT ON %s IS %s", object, quote_literal(x->arena, before)));
}
