/*
 * Steps on constraints, in the form that an expert would write for a table in use: NOT VALID first and VALIDATE in a
 * later transaction, keys by way of an index that is built concurrently, NOT NULL by way of a validated CHECK.
 */
#include <string.h>

#include "compiler/postgres/backend.h"
#include "compiler/postgres/quote.h"

/* "ALTER TABLE t " of the step's table. */
static bool begin_alter(struct text_builder *builder, struct backend *backend)
{
    struct name table;

    backend_begin(builder, backend);
    if (!backend_read_name(backend, backend_key(backend, "table"), &table))
        return false;
    text_add(builder, "ALTER TABLE ");
    text_add_name(builder, table.quoted, table.node);
    text_add(builder, " ");
    return true;
}

/* "ALTER TABLE t ADD CONSTRAINT name ". */
static bool begin_add(struct text_builder *builder, struct backend *backend, const char **name)
{
    const struct node *node = backend_key(backend, "name");

    if (!begin_alter(builder, backend) || !backend_read_plain_name(backend, node, name))
        return false;
    text_add(builder, "ADD CONSTRAINT ");
    text_add_name(builder, quote_name(backend->arena, *name), node);
    text_add(builder, " ");
    return true;
}

static bool make_validate(struct backend *backend, const char *part, const char *name, const struct node *node)
{
    struct text_builder builder;

    if (!begin_alter(&builder, backend))
        return false;
    text_add(&builder, "VALIDATE CONSTRAINT ");
    text_add_name(&builder, quote_name(backend->arena, name), node);
    return part_make(backend, part, text_end(&builder), "AlterTableStmt", true);
}

/* --- NOT NULL ---------------------------------------------------------------------------------------------------- */

/* The check that stands in for NOT NULL until that is proved; the table's and column's names are cut where they must.
 */
static const char *proof_name(
    struct backend *backend, const struct relation *relation, const char *table, const char *column)
{
    static const char label[] = "_not_null";
    size_t room = QUOTE_NAME_MAX_BYTES - sizeof(label), table_len = strlen(table), column_len = strlen(column);
    const char *name;

    while (table_len + column_len > room) {
        if (table_len > column_len)
            table_len--;
        else
            column_len--;
    }
    while (table_len && ((unsigned char)table[table_len] & 0xc0) == 0x80)
        table_len--;
    while (column_len && ((unsigned char)column[column_len] & 0xc0) == 0x80)
        column_len--;
    name = arena_printf(backend->arena, "%.*s_%.*s%s", (int)table_len, table, (int)column_len, column, label);
    for (int n = 2; relation && relation_find_constraint(relation, name); n++)
        name = arena_printf(backend->arena, "%.*s_%.*s_nn%d", (int)table_len, table, (int)column_len, column, n);
    return name;
}

static bool make_alter_column(struct backend *backend, const char *part, const char *column, const struct node *node,
    const char *action, bool separate)
{
    struct text_builder builder;

    if (!begin_alter(&builder, backend))
        return false;
    text_add(&builder, "ALTER COLUMN ");
    text_add_name(&builder, quote_name(backend->arena, column), node);
    text_add(&builder, action);
    return part_make(backend, part, text_end(&builder), "AlterTableStmt", separate);
}

static bool make_proof(
    struct backend *backend, const char *part_name, const char *proof, const char *column, const struct node *node)
{
    struct part part = {.name = part_name};
    struct inverse inverse = {0};
    struct text_builder builder;
    struct name table;

    if (!begin_alter(&builder, backend) || !backend_read_name(backend, backend_key(backend, "table"), &table))
        return false;
    text_add_format(&builder, "ADD CONSTRAINT %s CHECK (", quote_name(backend->arena, proof));
    text_add_name(&builder, quote_name(backend->arena, column), node);
    text_add(&builder, " IS NOT NULL) NOT VALID");
    /* the last part of the four drops it: then there is nothing left to undo */
    inverse_undo(&inverse, backend->arena,
        arena_printf(backend->arena, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", table.quoted,
            quote_name(backend->arena, proof)));
    part.inverse = &inverse;
    return part_add_text(backend, &part, text_end(&builder), "AlterTableStmt") && part_finish(backend, &part);
}

static bool make_drop_proof(struct backend *backend, const char *part_name, const char *proof)
{
    struct part part = {.name = part_name};
    struct inverse nothing = {0};
    struct text_builder builder;

    if (!begin_alter(&builder, backend))
        return false;
    text_add_format(&builder, "DROP CONSTRAINT %s", quote_name(backend->arena, proof));
    part.inverse = &nothing;
    return part_add_text(backend, &part, text_end(&builder), "AlterTableStmt") && part_finish(backend, &part);
}

static const char *part_name(struct backend *backend, const char *name, const char *suffix)
{
    return suffix ? arena_printf(backend->arena, "%s_%s", name, suffix) : name;
}

/* Already, so that there is nothing to prove. */
static bool is_not_null(const struct relation *relation, const char *name)
{
    const struct column *column = relation ? relation_find_column(relation, name) : NULL;

    return column && column->not_null;
}

bool step_make_not_null(struct backend *backend, const char *column, const struct node *node, const char *suffix)
{
    const struct relation *relation = backend_find_table(backend, backend_key(backend, "table"));
    const char *proof;

    /* a check can be validated later on a partitioned table, too */
    if (!backend_flag(backend, "online", true) || (relation && relation->born == backend->analyser->ordinal) ||
        is_not_null(relation, column))
        return make_alter_column(backend, part_name(backend, "set", suffix), column, node, " SET NOT NULL", false);
    proof = proof_name(backend, relation, relation ? relation->name : "", column);
    return make_proof(backend, part_name(backend, "check", suffix), proof, column, node) &&
           make_validate(backend, part_name(backend, "validate", suffix), proof, NULL) &&
           make_alter_column(backend, part_name(backend, "set", suffix), column, node, " SET NOT NULL", true) &&
           make_drop_proof(backend, part_name(backend, "drop", suffix), proof);
}

void step_set_not_null(struct backend *backend)
{
    const struct node *node = backend_key(backend, "column");
    const char *column;

    if (backend_read_plain_name(backend, node, &column))
        step_make_not_null(backend, column, node, NULL);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static bool make_key_index(struct backend *backend, const char *name)
{
    struct text_builder builder;
    struct name table;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table))
        return false;
    backend_begin(&builder, backend);
    text_add(&builder, "CREATE UNIQUE INDEX CONCURRENTLY ");
    text_add_name(&builder, quote_name(backend->arena, name), backend_key(backend, "name"));
    text_add(&builder, " ON ");
    text_add_name(&builder, table.quoted, table.node);
    text_add(&builder, " ");
    backend_add_names(&builder, backend, backend_key(backend, "columns"));
    return part_make(backend, "index", text_end(&builder), "IndexStmt", false);
}

/* A primary key's columns must not be null: proved before, so that adding it reads nothing. */
static bool make_columns_not_null(struct backend *backend)
{
    const struct relation *relation = backend_find_table(backend, backend_key(backend, "table"));
    const struct node *columns = backend_key(backend, "columns");

    for (size_t i = 0; relation && i < columns->count; i++) {
        const struct column *column;
        const char *name;

        if (!backend_read_plain_name(backend, columns->items[i], &name))
            return false;
        column = relation_find_column(relation, name);
        if (column && !column->not_null && !step_make_not_null(backend, name, columns->items[i], name))
            return false;
    }
    return true;
}

static void add_key(struct backend *backend, const char *kind, const char *name, bool primary)
{
    const struct node *name_node = backend_key(backend, "name");
    bool plain = backend_is_plain(backend, backend_key(backend, "table"));
    struct text_builder builder;

    if (!plain && ((primary && !make_columns_not_null(backend)) || !make_key_index(backend, name)))
        return;
    if (!begin_alter(&builder, backend))
        return;
    text_add(&builder, "ADD CONSTRAINT ");
    text_add_name(&builder, quote_name(backend->arena, name), name_node);
    text_add_format(&builder, " %s ", kind);
    if (plain)
        backend_add_names(&builder, backend, backend_key(backend, "columns"));
    else
        text_add_format(&builder, "USING INDEX %s", quote_name(backend->arena, name));
    part_make(backend, "add", text_end(&builder), "AlterTableStmt", false);
}

void step_add_primary_key(struct backend *backend)
{
    struct name table;
    const char *name;

    if (!backend_read_name(backend, backend_key(backend, "table"), &table))
        return;
    name = arena_printf(backend->arena, "%.*s_pkey", QUOTE_NAME_MAX_BYTES - 5, table.name);
    if (backend_key(backend, "name") && !backend_read_plain_name(backend, backend_key(backend, "name"), &name))
        return;
    add_key(backend, "PRIMARY KEY", name, true);
}

void step_add_unique(struct backend *backend)
{
    const char *name;

    if (backend_read_plain_name(backend, backend_key(backend, "name"), &name))
        add_key(backend, "UNIQUE", name, false);
}

/* --- foreign keys and checks ------------------------------------------------------------------------------------- */

static void add_action(struct text_builder *builder, const struct node *node, const char *words)
{
    static const struct {
        const char *key;
        const char *sql;
    } actions[] = {{"no_action", "NO ACTION"}, {"restrict", "RESTRICT"}, {"cascade", "CASCADE"},
        {"set_null", "SET NULL"}, {"set_default", "SET DEFAULT"}};

    for (size_t i = 0; node && i < sizeof(actions) / sizeof(actions[0]); i++)
        if (str_is(node_text(node), actions[i].key))
            text_add_format(builder, " %s %s", words, actions[i].sql);
}

void step_add_foreign_key_clause(struct backend *backend, struct text_builder *builder, const struct node *body)
{
    struct name referenced;

    text_add(builder, "FOREIGN KEY ");
    backend_add_names(builder, backend, node_get(body, "columns"));
    if (!backend_read_name(backend, node_get(body, "references"), &referenced))
        return;
    text_add(builder, " REFERENCES ");
    text_add_name(builder, referenced.quoted, referenced.node);
    if (node_get(body, "to")) {
        text_add(builder, " ");
        backend_add_names(builder, backend, node_get(body, "to"));
    }
    add_action(builder, node_get(body, "on_delete"), "ON DELETE");
    add_action(builder, node_get(body, "on_update"), "ON UPDATE");
}

/* Adds the constraint as the builder has it: at once, or NOT VALID and validated in a transaction of its own. */
static void add_and_validate(struct backend *backend, struct text_builder *builder, const char *name)
{
    bool plain = backend_is_plain(backend, backend_key(backend, "table"));

    if (!plain)
        text_add(builder, " NOT VALID");
    if (part_make(backend, "add", text_end(builder), "AlterTableStmt", false) && !plain)
        make_validate(backend, "validate", name, backend_key(backend, "name"));
}

void step_add_foreign_key(struct backend *backend)
{
    struct text_builder builder;
    const char *name;

    if (!begin_add(&builder, backend, &name))
        return;
    step_add_foreign_key_clause(backend, &builder, backend->step->body);
    add_and_validate(backend, &builder, name);
}

void step_add_check(struct backend *backend)
{
    const struct node *expression = backend_key(backend, "expression");
    struct text_builder builder;
    const char *name;

    if (!backend_check_fragment(backend, expression, FRAGMENT_SINGLE) || !begin_add(&builder, backend, &name))
        return;
    text_add(&builder, "CHECK (");
    text_add_fragment(&builder, expression);
    text_add(&builder, ")");
    add_and_validate(backend, &builder, name);
}

/* There is no form that others do not wait for: the lint says so where others are there. */
void step_add_exclude(struct backend *backend)
{
    const struct node *elements = backend_key(backend, "elements"), *using = backend_key(backend, "using");
    const struct node *where = backend_key(backend, "where");
    struct text_builder builder;
    const char *name, *method = "gist";

    if (!begin_add(&builder, backend, &name) || (using && !backend_read_plain_name(backend, using, &method)))
        return;
    text_add(&builder, "EXCLUDE USING ");
    text_add_name(&builder, quote_name(backend->arena, method), using);
    text_add(&builder, " (");
    for (size_t i = 0; i < elements->count; i++) {
        backend_check_fragment(backend, elements->items[i], FRAGMENT_SINGLE);
        text_add(&builder, i ? ", " : "");
        text_add_fragment(&builder, elements->items[i]);
    }
    text_add(&builder, ")");
    if (where) {
        backend_check_fragment(backend, where, FRAGMENT_SINGLE);
        text_add(&builder, " WHERE (");
        text_add_fragment(&builder, where);
        text_add(&builder, ")");
    }
    part_make(backend, "add", text_end(&builder), "AlterTableStmt", false);
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

void step_validate_constraint(struct backend *backend)
{
    const char *name;

    if (backend_read_plain_name(backend, backend_key(backend, "name"), &name))
        make_validate(backend, "validate", name, backend_key(backend, "name"));
}

void step_rename_constraint(struct backend *backend)
{
    const struct node *from_node = backend_key(backend, "from"), *to_node = backend_key(backend, "to");
    struct text_builder builder;
    const char *from, *to;

    if (!begin_alter(&builder, backend) || !backend_read_plain_name(backend, from_node, &from) ||
        !backend_read_plain_name(backend, to_node, &to))
        return;
    text_add(&builder, "RENAME CONSTRAINT ");
    text_add_name(&builder, quote_name(backend->arena, from), from_node);
    text_add(&builder, " TO ");
    text_add_name(&builder, quote_name(backend->arena, to), to_node);
    part_make(backend, "rename", text_end(&builder), "RenameStmt", false);
}

void step_drop_constraint(struct backend *backend)
{
    const struct node *node = backend_key(backend, "name");
    struct text_builder builder;
    const char *name;

    if (!begin_alter(&builder, backend) || !backend_read_plain_name(backend, node, &name))
        return;
    text_add(&builder, "DROP CONSTRAINT ");
    text_add_name(&builder, quote_name(backend->arena, name), node);
    part_make(backend, "drop", text_end(&builder), "AlterTableStmt", false);
}
