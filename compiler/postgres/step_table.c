/* Steps on tables, columns, defaults and types, written as SQL. */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

/* "ALTER TABLE t ". False when the table's name is none. */
static bool begin_alter(struct text_builder *builder, struct backend *backend)
{
    const struct node *node = backend_key(backend, "table");
    struct name table;

    backend_begin(builder, backend);
    if (!backend_read_name(backend, node, &table))
        return false;
    text_add(builder, "ALTER TABLE ");
    text_add_name(builder, table.quoted, node);
    text_add(builder, " ");
    return true;
}

static bool add_plain_name(struct text_builder *builder, struct backend *backend, const char *key)
{
    const char *name;

    if (!backend_read_plain_name(backend, backend_key(backend, key), &name))
        return false;
    text_add_name(builder, quote_name(backend->arena, name), backend_key(backend, key));
    return true;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

static void add_columns(struct text_builder *builder, struct backend *backend)
{
    const struct node *columns = backend_key(backend, "columns");

    for (size_t i = 0; i < columns->count; i++) {
        const char *name;

        if (!backend_read_plain_name(backend, columns->members[i].key, &name))
            continue;
        backend_check_fragment(backend, columns->members[i].value, FRAGMENT_SINGLE);
        text_add(builder, i ? ", " : "");
        text_add_name(builder, quote_name(backend->arena, name), columns->members[i].key);
        text_add(builder, " ");
        text_add_fragment(builder, columns->members[i].value);
    }
}

static void add_constraint_name(struct text_builder *builder, struct backend *backend, const struct node *key)
{
    const char *name;

    text_add(builder, ", CONSTRAINT ");
    if (backend_read_plain_name(backend, key, &name))
        text_add_name(builder, quote_name(backend->arena, name), key);
    text_add(builder, " ");
}

static void add_constraints(struct text_builder *builder, struct backend *backend)
{
    const struct node *primary_key = backend_key(backend, "primary_key"), *unique = backend_key(backend, "unique");
    const struct node *checks = backend_key(backend, "checks"), *foreign_keys = backend_key(backend, "foreign_keys");

    if (primary_key) {
        text_add(builder, ", PRIMARY KEY ");
        backend_add_names(builder, backend, primary_key);
    }
    for (size_t i = 0; unique && i < unique->count; i++) {
        add_constraint_name(builder, backend, unique->members[i].key);
        text_add(builder, "UNIQUE ");
        backend_add_names(builder, backend, unique->members[i].value);
    }
    for (size_t i = 0; checks && i < checks->count; i++) {
        backend_check_fragment(backend, checks->members[i].value, FRAGMENT_SINGLE);
        add_constraint_name(builder, backend, checks->members[i].key);
        text_add(builder, "CHECK (");
        text_add_fragment(builder, checks->members[i].value);
        text_add(builder, ")");
    }
    for (size_t i = 0; foreign_keys && i < foreign_keys->count; i++) {
        add_constraint_name(builder, backend, foreign_keys->members[i].key);
        step_add_foreign_key_clause(backend, builder, foreign_keys->members[i].value);
    }
}

void step_add_indexes_and_comment(
    struct backend *backend, struct part *part, const char *kind, const struct name *relation)
{
    const struct node *indexes = backend_key(backend, "indexes"), *comment = backend_key(backend, "comment");
    struct text_builder builder;

    for (size_t i = 0; indexes && i < indexes->count; i++)
        part_add_text(backend, part,
            step_index_text(backend, indexes->members[i].key, relation->node, indexes->members[i].value, false),
            "IndexStmt");
    if (!comment)
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "COMMENT ON %s %s IS ", kind, relation->quoted);
    text_add_name(&builder, quote_literal(backend->arena, node_string(backend->arena, comment)), comment);
    part_add_text(backend, part, text_end(&builder), "CommentStmt");
}

void step_create_table(struct backend *backend)
{
    const struct node *name_node = backend_key(backend, "name");
    struct part part = {.name = "create"};
    struct text_builder builder;
    struct name table;

    if (!backend_read_name(backend, name_node, &table))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "CREATE TABLE ");
    text_add_name(&builder, table.quoted, name_node);
    text_add(&builder, " (");
    add_columns(&builder, backend);
    add_constraints(&builder, backend);
    text_add(&builder, ")");
    if (!part_add_text(backend, &part, text_end(&builder), "CreateStmt")) {
        /* later steps are not told that it is missing */
        if (!catalog_find_relation(&backend->analyser->catalog, table.schema, table.name))
            catalog_add_relation(
                &backend->analyser->catalog, RELATION_TABLE, table.schema, table.name, backend->analyser->ordinal)
                ->opaque = true;
        return;
    }
    step_add_indexes_and_comment(backend, &part, "TABLE", &table);
    part_finish(backend, &part);
}

void step_drop_table(struct backend *backend)
{
    struct text_builder builder;
    struct name table;

    if (!backend_read_name(backend, backend_key(backend, "name"), &table))
        return;
    backend_begin(&builder, backend);
    text_add(&builder, "DROP TABLE ");
    text_add_name(&builder, table.quoted, table.node);
    part_make(backend, "drop", text_end(&builder), "DropStmt", false);
}

static void rename_relation(struct backend *backend, const char *kind)
{
    struct text_builder builder;
    struct name from;

    if (!backend_read_name(backend, backend_key(backend, "from"), &from))
        return;
    backend_begin(&builder, backend);
    text_add_format(&builder, "ALTER %s ", kind);
    text_add_name(&builder, from.quoted, from.node);
    text_add(&builder, " RENAME TO ");
    if (add_plain_name(&builder, backend, "to"))
        part_make(backend, "rename", text_end(&builder), "RenameStmt", false);
}

void step_rename_table(struct backend *backend)
{
    rename_relation(backend, "TABLE");
}

void step_rename_index(struct backend *backend)
{
    rename_relation(backend, "INDEX");
}

/* --- columns ----------------------------------------------------------------------------------------------------- */

static void remember_column(struct backend *backend, const char *part)
{
    const struct relation *relation = backend_find_table(backend, backend_key(backend, "table"));
    struct added_column added = {.relation = relation, .step = backend->step->name, .part = part};
    const char *name;

    if (relation && backend_read_plain_name(backend, backend_key(backend, "name"), &name))
        added.column = relation_find_column(relation, name);
    if (added.column)
        VEC_PUSH(backend->arena, &backend->added, added);
}

/* ADD COLUMN name and the definition's bytes; two ranges of it left out where `without` says so. *base: where the
 * definition begins in the text. NULL when a name is none. */
static struct text *add_column_text(struct backend *backend, const struct volatile_default *without, size_t *base)
{
    const struct node *definition = backend_key(backend, "definition");
    size_t len = node_text(definition).len, at = 0;
    struct text_builder builder;

    if (!begin_alter(&builder, backend))
        return NULL;
    text_add(&builder, "ADD COLUMN ");
    if (!add_plain_name(&builder, backend, "name"))
        return NULL;
    text_add(&builder, " ");
    *base = builder.len;
    if (without) {
        bool not_null_first = without->not_null_end && without->not_null_start < without->start;
        size_t first = not_null_first ? without->not_null_start : without->start;
        size_t first_end = not_null_first ? without->not_null_end : without->end;
        size_t second = not_null_first ? without->start : without->not_null_start;
        size_t second_end = not_null_first ? without->end : without->not_null_end;

        text_add_range(&builder, definition, at, first - *base);
        at = first_end - *base;
        if (second_end) {
            text_add_range(&builder, definition, at, second - *base);
            at = second_end - *base;
        }
    }
    text_add_range(&builder, definition, at, len);
    return text_end(&builder);
}

/* A volatile default, one for each row, in the online form: the column without it, the default for new rows, a backfill
 * for those that are there, and NOT NULL by way of a validated check. */
static void add_volatile_column(struct backend *backend, const struct volatile_default *split, size_t base)
{
    const struct node *definition = backend_key(backend, "definition"), *name_node = backend_key(backend, "name");
    struct text_builder builder;
    struct text *text = add_column_text(backend, split, &(size_t){0});
    const char *name;

    if (!text || !backend_read_plain_name(backend, name_node, &name) ||
        !part_make(backend, "add", text, "AlterTableStmt", false) || !begin_alter(&builder, backend))
        return;
    text_add_format(&builder, "ALTER COLUMN %s SET DEFAULT", quote_name(backend->arena, name));
    text_add_range(&builder, definition, split->expression - base, split->end - base);
    if (!part_make(backend, "default", text_end(&builder), "AlterTableStmt", false))
        return;
    step_fill_column(backend, name, definition, split->expression - base, split->end - base);
    if (split->not_null_end && !backend->failed)
        step_make_not_null(backend, name, name_node, NULL);
}

void step_add_column(struct backend *backend)
{
    const struct node *definition = backend_key(backend, "definition"), *table = backend_key(backend, "table");
    const struct relation *relation = backend_find_table(backend, table);
    struct volatile_default split;
    struct text *text;
    size_t base;

    if (backend->failed || !backend_check_fragment(backend, definition, FRAGMENT_SINGLE))
        return;
    text = add_column_text(backend, NULL, &base);
    if (!text)
        return;
    if (relation && !backend_is_plain(backend, table) && relation_primary_key(relation) &&
        analyse_find_volatile_default(backend->analyser, text, &split)) {
        add_volatile_column(backend, &split, base);
        return;
    }
    if (part_make(backend, "add", text, "AlterTableStmt", false))
        remember_column(backend, "add");
}

void step_drop_column(struct backend *backend)
{
    struct text_builder builder;

    if (!begin_alter(&builder, backend))
        return;
    text_add(&builder, "DROP COLUMN ");
    if (add_plain_name(&builder, backend, "name"))
        part_make(backend, "drop", text_end(&builder), "AlterTableStmt", false);
}

void step_rename_column(struct backend *backend)
{
    struct text_builder builder;

    if (!begin_alter(&builder, backend))
        return;
    text_add(&builder, "RENAME COLUMN ");
    if (!add_plain_name(&builder, backend, "from"))
        return;
    text_add(&builder, " TO ");
    if (add_plain_name(&builder, backend, "to"))
        part_make(backend, "rename", text_end(&builder), "RenameStmt", false);
}

/* ALTER COLUMN c … of this step's column. */
static bool begin_alter_column(struct text_builder *builder, struct backend *backend)
{
    if (!begin_alter(builder, backend))
        return false;
    text_add(builder, "ALTER COLUMN ");
    return add_plain_name(builder, backend, "column");
}

/* A type is a type: its own USING has its own key. */
static bool check_type(struct backend *backend, const struct node *node)
{
    struct lexer lexer = {.text = node_text(node)};

    if (!backend_check_fragment(backend, node, FRAGMENT_SINGLE))
        return false;
    for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer))
        if (lex_is(lexer.text, token, "using")) {
            diag_report(backend->compilation->diags, DIAG(PG009), node_text_span(node, token.start, token.end),
                "USING has a key of its own, 'using'");
            backend->failed = true;
            return false;
        }
    return true;
}

static bool rewrites(const struct statement_list *statements)
{
    for (size_t i = 0; i < statements->items.count; i++)
        for (size_t k = 0; k < statements->items.items[i].locks.count; k++)
            if (statements->items.items[i].locks.items[k].rewrite && statements->items.items[i].locks.items[k].live)
                return true;
    return false;
}

/* The plain form; the mark 0 is the expression of USING. */
static struct text *change_type_text(struct backend *backend)
{
    const struct node *type = backend_key(backend, "type"), *using = backend_key(backend, "using");
    struct text_builder builder;

    if (!begin_alter_column(&builder, backend) || !check_type(backend, type))
        return NULL;
    text_add(&builder, " TYPE ");
    text_add_fragment(&builder, type);
    if (using) {
        if (!backend_check_fragment(backend, using, FRAGMENT_SINGLE))
            return NULL;
        text_add(&builder, " USING (");
        text_begin_mark(&builder, 0);
        text_add_fragment(&builder, using);
        text_end_mark(&builder, 0);
        text_add(&builder, ")");
    }
    return text_end(&builder);
}

/* The plain form where that writes nothing anew, or is asked for. */
void step_change_type(struct backend *backend)
{
    struct relation *table = backend_find_table(backend, backend_key(backend, "table"));
    bool online = backend_flag(backend, "online", true);
    struct part part = {.name = "change"};
    struct text *text = change_type_text(backend);
    struct column *column = NULL;
    struct type from, to;
    const char *name, *using;

    if (!text || !backend_read_plain_name(backend, backend_key(backend, "column"), &name))
        return;
    if (table)
        column = relation_find_column(table, name);
    if (column)
        from = column->type;
    backend->analyser->quiet = online;
    part_add_text(backend, &part, text, "AlterTableStmt");
    backend->analyser->quiet = false;
    if (backend->failed || !online || !column || !rewrites(&part.statements)) {
        part_finish(backend, &part);
        return;
    }
    to = column->type;
    column->type = from; /* it was only looked at: there is another way */
    using = part.statements.items.items[0].marked[0];
    step_change_type_online(backend, table, column, &to,
        using ? arena_printf(backend->arena, "(%s)", using)
              : arena_printf(backend->arena, "%s::%s", quote_name(backend->arena, name), to.text));
}

void step_set_default(struct backend *backend)
{
    struct text_builder builder;

    if (!begin_alter_column(&builder, backend) ||
        !backend_check_fragment(backend, backend_key(backend, "default"), FRAGMENT_SINGLE))
        return;
    text_add(&builder, " SET DEFAULT ");
    text_add_fragment(&builder, backend_key(backend, "default"));
    part_make(backend, "set", text_end(&builder), "AlterTableStmt", false);
}

void step_drop_default(struct backend *backend)
{
    struct text_builder builder;

    if (!begin_alter_column(&builder, backend))
        return;
    text_add(&builder, " DROP DEFAULT");
    part_make(backend, "drop", text_end(&builder), "AlterTableStmt", false);
}

void step_drop_not_null(struct backend *backend)
{
    struct text_builder builder;

    if (!begin_alter_column(&builder, backend))
        return;
    text_add(&builder, " DROP NOT NULL");
    part_make(backend, "drop", text_end(&builder), "AlterTableStmt", false);
}
