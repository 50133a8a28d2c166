/*
 * What a statement makes, changes or drops: the objects of its effect. The server's definition of an object names others
 * (an index its table, a foreign key the table that it refers to, a view what it reads), and goes with others: whatever
 * has another definition after the statement is named here, or the executor would take the statement's own work for
 * somebody else's.
 */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"

void analysis_touch_object(struct analysis *x, struct object object)
{
    for (size_t i = 0; i < x->out->objects.count; i++)
        if (strcmp(x->out->objects.items[i].label, object.label) == 0)
            return;
    VEC_PUSH(x->arena, &x->out->objects, object);
}

void analysis_touch(struct analysis *x, const struct relation *relation)
{
    if (!relation->temporary)
        analysis_touch_object(x, relation_object(x->arena, relation));
}

void analysis_touch_not(struct analysis *x, const struct relation *relation)
{
    const char *label = relation_object(x->scratch, relation).label;
    size_t to = 0;

    for (size_t i = 0; i < x->out->objects.count; i++)
        if (strcmp(x->out->objects.items[i].label, label) != 0)
            x->out->objects.items[to++] = x->out->objects.items[i];
    x->out->objects.count = to;
}

void analysis_touch_type(struct analysis *x, const struct type_object *type)
{
    analysis_touch_object(x, (struct object){OBJECT_TYPE, arena_printf(x->arena, "type %s", type->qualified),
                                 type->schema, type->name, NULL});
}

void analysis_touch_function(struct analysis *x, const struct function *function)
{
    analysis_touch_object(x, (struct object){OBJECT_FUNCTION, arena_printf(x->arena, "function %s", function->identity),
                                 function->schema, function->name, function->identity});
}

void analysis_touch_schema(struct analysis *x, const char *name)
{
    analysis_touch_object(
        x, (struct object){OBJECT_SCHEMA, arena_printf(x->arena, "schema %s", quote_name(x->arena, name)), NULL,
               arena_strdup(x->arena, name), NULL});
}

void analysis_touch_extension(struct analysis *x, const char *name)
{
    analysis_touch_object(
        x, (struct object){OBJECT_EXTENSION, arena_printf(x->arena, "extension %s", quote_name(x->arena, name)), NULL,
               arena_strdup(x->arena, name), NULL});
}

void analysis_touch_owned(struct analysis *x, const struct relation *relation)
{
    for (size_t i = 0; i < relation->indexes.count; i++)
        analysis_touch(x, relation->indexes.items[i]);
    for (size_t i = 0; i < relation->sequences.count; i++)
        analysis_touch(x, relation->sequences.items[i]);
}

void analysis_touch_referencing(struct analysis *x, const struct relation *relation)
{
    for (const struct relation *up = relation; up; up = up->parent)
        for (size_t i = 0; i < up->referenced_by.count; i++)
            analysis_touch(x, up->referenced_by.items[i]->relation);
}

void analysis_touch_partition(struct analysis *x, const struct relation *parent, const struct relation *child)
{
    analysis_touch(x, child);
    analysis_touch_owned(x, child);
    for (size_t i = 0; i < parent->indexes.count; i++)
        if (parent->indexes.items[i]->index->on_only)
            analysis_touch(x, parent->indexes.items[i]);
    analysis_touch_referencing(x, parent);
}

/* Does the text hold the name as a word of its own, also inside of strings? */
static bool mentions(const char *text, const char *name)
{
    size_t end;

    return text && strstr(text, name) &&
           (lex_find_name(str_from(text), 0, SIZE_MAX, name, &end) != SIZE_MAX || strchr(text, '\''));
}

static bool extras_mention(const struct relation *relation, const char *name)
{
    for (size_t i = 0; i < relation->extras.count; i++)
        if (!relation->extras.items[i]->sql || mentions(relation->extras.items[i]->sql, name))
            return true;
    return false;
}

static bool columns_mention(const struct relation *relation, const char *name)
{
    for (size_t i = 0; i < relation->columns.count; i++)
        if (mentions(relation->columns.items[i]->default_sql, name) ||
            mentions(relation->columns.items[i]->generated_sql, name))
            return true;
    return false;
}

static bool is_mentioned(const struct relation *relation, const char *name)
{
    if (relation->opaque && relation_is_table(relation)) /* code changed it: nobody knows what it has */
        return true;
    for (size_t i = 0; i < relation->constraints.count; i++)
        if (mentions(relation->constraints.items[i]->expression, name))
            return true;
    for (size_t i = 0; i < relation->triggers.count; i++)
        if (!relation->triggers.items[i]->sql || mentions(relation->triggers.items[i]->sql, name))
            return true;
    return mentions(relation->sql, name) || columns_mention(relation, name) || extras_mention(relation, name);
}

static bool index_names(const struct index *index, const char *name)
{
    for (size_t i = 0; i < index->element_count; i++)
        if (mentions(index->elements[i].sql, name) || mentions(index->elements[i].options, name))
            return true;
    return mentions(index->where, name) || mentions(index->exclude, name);
}

void analysis_touch_mentions(struct analysis *x, const char *name)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *relation = entry->value;

        if (relation->index ? index_names(relation->index, name) : is_mentioned(relation, name))
            analysis_touch(x, relation);
    }
}

/* The text of a function's signature names its types, also a table's. */
static void touch_typed_functions(struct analysis *x)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->functions, &i, &entry);)
        for (const struct function *function = entry->value; function; function = function->next)
            if (function->user_types)
                analysis_touch_function(x, function);
}

void analysis_touch_renamed(struct analysis *x, const struct relation *relation)
{
    const struct map_entry *entry;

    analysis_touch(x, relation);
    analysis_touch_owned(x, relation);
    analysis_touch_referencing(x, relation);
    for (size_t i = 0; i < relation->children.count; i++)
        analysis_touch(x, relation->children.items[i]);
    for (size_t i = 0; i < relation->read_by.count; i++)
        analysis_touch(x, relation->read_by.items[i]);
    if (relation->kind != RELATION_INDEX)
        touch_typed_functions(x);
    for (size_t i = 0; relation->kind != RELATION_INDEX && map_next(&x->catalog->relations, &i, &entry);) {
        const struct relation *other = entry->value;

        if (extras_mention(other, relation->name) ||
            (relation->kind == RELATION_SEQUENCE && columns_mention(other, relation->name)))
            analysis_touch(x, other);
    }
}

/* --- what goes along --------------------------------------------------------------------------------------------- */

static void add_all(struct analysis *x, struct relation_list *list, struct relation *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->walk != x->analyser->walk) {
            items[i]->walk = x->analyser->walk;
            VEC_PUSH(x->scratch, &list->items, items[i]);
        }
}

void analysis_descendants(struct analysis *x, const struct relation *relation, struct relation_list *out)
{
    x->analyser->walk++;
    add_all(x, out, relation->children.items, relation->children.count);
    for (size_t i = 0; i < out->items.count; i++) /* grows */
        add_all(x, out, out->items.items[i]->children.items, out->items.items[i]->children.count);
}

void analysis_read_by(struct analysis *x, const struct relation *relation, struct relation_list *out)
{
    x->analyser->walk++;
    if (relation->kind == RELATION_VIEW)
        add_all(x, out, relation->reads.items, relation->reads.count);
    for (size_t i = 0; i < out->items.count; i++) /* grows */
        if (out->items.items[i]->kind == RELATION_VIEW)
            add_all(x, out, out->items.items[i]->reads.items, out->items.items[i]->reads.count);
}

void analysis_touch_gone(struct analysis *x, struct relation *relation)
{
    struct relation_list list = {0};

    x->analyser->walk++;
    add_all(x, &list, &relation, 1);
    for (size_t i = 0; i < list.items.count; i++) { /* grows */
        struct relation *next = list.items.items[i];

        analysis_touch(x, next);
        add_all(x, &list, next->indexes.items, next->indexes.count);
        add_all(x, &list, next->sequences.items, next->sequences.count);
        add_all(x, &list, next->children.items, next->children.count);
        add_all(x, &list, next->read_by.items, next->read_by.count);
        analysis_touch_referencing(x, next);
        if (next->kind == RELATION_SEQUENCE)
            analysis_touch_mentions(x, next->name);
    }
}

/* What calls a function that has the type in its signature: the columns that it gives may be written out there. */
static void touch_callers_of(struct analysis *x, const char *type)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->functions, &i, &entry);)
        for (const struct function *function = entry->value; function; function = function->next)
            if (function->user_types && mentions(function->sql, type))
                analysis_touch_mentions(x, function->name);
}

void analysis_touch_type_users(struct analysis *x, const struct type_object *type)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);) {
        struct relation *relation = entry->value;

        if (relation->of_type == type)
            analysis_touch_gone(x, relation);
        for (size_t k = 0; k < relation->columns.count; k++)
            if (relation->columns.items[k]->type.object == type) {
                analysis_touch(x, relation);
                analysis_touch_owned(x, relation);
                for (size_t n = 0; n < relation->read_by.count; n++)
                    analysis_touch(x, relation->read_by.items[n]);
                break;
            }
    }
    touch_typed_functions(x);
    touch_callers_of(x, type->name);
}

void analysis_touch_all_in(struct analysis *x, const char *schema)
{
    const struct map_entry *entry;

    for (size_t i = 0; map_next(&x->catalog->relations, &i, &entry);)
        if (!schema || strcmp(((struct relation *)entry->value)->schema, schema) == 0)
            analysis_touch_gone(x, entry->value);
    for (size_t i = 0; map_next(&x->catalog->types, &i, &entry);)
        if (!schema || strcmp(((struct type_object *)entry->value)->schema, schema) == 0)
            analysis_touch_type(x, entry->value);
    for (size_t i = 0; map_next(&x->catalog->functions, &i, &entry);)
        for (const struct function *function = entry->value; function; function = function->next)
            if (!schema || strcmp(function->schema, schema) == 0)
                analysis_touch_function(x, function);
}

void analysis_touch_named(struct analysis *x, const char *kind, const struct sql_node *object)
{
    const struct sql_node *names = sql_get(sql_as(object, "List"), "items"), *type_name = sql_as(object, "TypeName");
    const char *name, *schema;
    const struct function *function;
    const struct type_object *type;
    const struct relation *relation;

    if (sql_as(object, "ObjectWithArgs")) {
        function = analysis_function(x, sql_as(object, "ObjectWithArgs"));
        if (function)
            analysis_touch_function(x, function);
    } else if (strcmp(kind, "OBJECT_SCHEMA") == 0 && sql_string(object)) {
        analysis_touch_schema(x, sql_string(object));
    } else if (strcmp(kind, "OBJECT_TYPE") == 0 || strcmp(kind, "OBJECT_DOMAIN") == 0 ||
               strcmp(kind, "OBJECT_DOMCONSTRAINT") == 0) {
        if (sql_as(sql_first(names), "TypeName"))
            type_name = sql_as(sql_first(names), "TypeName");
        analysis_split_names(x, type_name ? sql_get(type_name, "names") : names, &schema, &name);
        type = catalog_find_type(x->catalog, schema, name);
        if (type)
            analysis_touch_type(x, type);
    } else if (strcmp(kind, "OBJECT_TRIGGER") == 0 || strcmp(kind, "OBJECT_POLICY") == 0 ||
               strcmp(kind, "OBJECT_RULE") == 0 || strcmp(kind, "OBJECT_TABCONSTRAINT") == 0) {
        schema = sql_count(names) > 2 ? sql_list_string(names, 0)
                                      : analysis_home(x, sql_list_string(names, SIZE_MAX - 1));
        name = sql_list_string(names, SIZE_MAX - 1);
        relation = schema && name ? catalog_find_relation(x->catalog, schema, name) : NULL;
        if (relation)
            analysis_touch(x, relation);
    }
}

/* --- code that cannot be seen into ------------------------------------------------------------------------------- */

bool analysis_changes_schema(const char *body)
{
    static const char *const words[] = {"create", "alter", "drop", "execute", "grant", "revoke", "comment", "refresh"};
    struct lexer lexer = {.text = str_from(body)};

    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer))
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (lex_is(lexer.text, token, words[i]))
                return true;
    return false;
}

/* What is known of the columns does not hold any more. */
static void doubt(struct analysis *x, struct relation *relation)
{
    if (relation->kind != RELATION_INDEX)
        relation->opaque = true;
    analysis_touch_gone(x, relation);
}

/* A walk through code, and through the functions that it names. */
struct code {
    struct analysis *x;
    struct map seen; /* words */
    bool only_names; /* somebody wrote it to undo things: it changes nothing now */
    bool alters;     /* says ALTER, DROP or EXECUTE: what a table has may change */
    bool reflects;   /* runs text that it makes of the server's catalogue: it may be about anything */
};

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Words, folded, whatever quotes they stand in: dynamic SQL keeps its names in strings. */
static const char *next_word(struct analysis *x, const char **at)
{
    bool quoted = false;
    const char *start;
    char *word;

    for (; **at && !is_word_char(**at); ++*at)
        quoted = **at == '"';
    start = *at;
    while (is_word_char(**at))
        ++*at;
    if (start == *at)
        return NULL;
    word = arena_strndup(x->scratch, start, (size_t)(*at - start));
    for (char *c = word; !quoted && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return word;
}

static void read_code(struct code *code, const char *body)
{
    const char *before = "";
    bool dynamic = false, reflects = false;

    for (const char *word; (word = next_word(code->x, &body)); before = word) {
        dynamic = dynamic || (strcmp(before, "execute") == 0 && strcmp(word, "function") != 0 &&
                                 strcmp(word, "procedure") != 0 && strcmp(word, "on") != 0);
        reflects = reflects || strcmp(word, "information_schema") == 0 || strncmp(word, "pg_", 3) == 0;
        code->alters = code->alters || dynamic || strcmp(word, "alter") == 0 || strcmp(word, "drop") == 0;
    }
    code->reflects = code->reflects || (dynamic && reflects);
}

static void walk_code(struct code *code, const char *body);

static void touch_named(struct code *code, const char *schema, const char *name)
{
    struct analysis *x = code->x;
    struct relation *relation = catalog_find_relation(x->catalog, schema, name);
    const struct function *function = catalog_find_functions(x->catalog, schema, name);
    const struct type_object *type = catalog_find_type(x->catalog, schema, name);

    if (relation && code->alters && !code->only_names)
        doubt(x, relation);
    else if (relation)
        analysis_touch(x, relation);
    if (type)
        analysis_touch_type(x, type);
    for (; function; function = function->next)
        if (function->body && analysis_changes_schema(function->body))
            walk_code(code, function->body);
        else
            analysis_touch_function(x, function);
}

static void walk_code(struct code *code, const char *body)
{
    struct analysis *x = code->x;
    const char *before = x->analyser->schema, *at = body;

    read_code(code, body);
    for (const char *word; (word = next_word(x, &at)); before = word) {
        const char *key = arena_printf(x->scratch, "%s.%s", before, word);

        if (map_put(&code->seen, str_from(key), code))
            continue;
        if (map_has(&x->catalog->schemas, str_from(before)))
            touch_named(code, before, word);
        if (!map_put(&code->seen, str_from(word), code))
            touch_named(code, x->analyser->schema, word);
    }
}

void analysis_touch_code(struct analysis *x, const char *body)
{
    struct code code = {.x = x};
    const struct map_entry *entry;

    if (x->analyser->declared)
        return;
    map_init(&code.seen, x->scratch);
    x->catalog->opaque = true; /* from here on, what is not known may be there */
    walk_code(&code, body);
    for (size_t i = 0; code.reflects && map_next(&x->catalog->relations, &i, &entry);)
        doubt(x, entry->value);
}

void analysis_touch_undone(struct analysis *x)
{
    static const char *const rows[] = {"CopyStmt", "DeleteStmt", "InsertStmt", "MergeStmt", "UpdateStmt"};
    struct code code = {.x = x, .only_names = true};
    const struct map_entry *entry;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i], x->out->tag) == 0)
            return;
    map_init(&code.seen, x->scratch);
    walk_code(&code, arena_strndup(x->scratch, x->sql.data + x->node->start, x->node->end - x->node->start));
    for (size_t i = 0; code.reflects && map_next(&x->catalog->relations, &i, &entry);)
        analysis_touch(x, entry->value);
}

/* --- calls ------------------------------------------------------------------------------------------------------- */

void analyser_doubt(struct analyser *analyser, const struct text *text)
{
    struct statement statement = {0};
    struct analysis x = {.analyser = analyser,
        .arena = &analyser->scratch,
        .scratch = &analyser->scratch,
        .catalog = &analyser->catalog,
        .text = text,
        .sql = text->sql,
        .out = &statement};

    analysis_touch_code(&x, arena_strndup(&analyser->scratch, text->sql.data, text->sql.len));
}

void analysis_touch_calls(struct analysis *x, const struct sql_node *tree)
{
    const struct sql_node *names = sql_get(sql_as(tree, "FuncCall"), "funcname");
    const char *schema, *name;

    if (x->analyser->declared)
        return;
    if (names) {
        analysis_split_names(x, names, &schema, &name);
        for (const struct function *function = catalog_find_functions(x->catalog, schema, name); function;
             function = function->next)
            if (function->body && analysis_changes_schema(function->body)) {
                analysis_touch_code(x, function->body);
                analysis_touch_code(x, arena_strndup(x->scratch, x->sql.data + x->node->start,
                                           x->node->end - x->node->start)); /* its arguments name tables */
                break;
            }
    }
    for (const struct sql_node *child = sql_children(sql_fields(tree)); child; child = sql_next(child))
        analysis_touch_calls(x, child);
}
