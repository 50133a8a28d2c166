/* ALTER TABLE on columns: adding, dropping, types, defaults and NOT NULL. */
#include <inttypes.h>
#include <string.h>

#include "compiler/postgres/access.h"
#include "compiler/postgres/alter.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/setting.h"

/* --- columns ----------------------------------------------------------------------------------------------------- */

static bool reads_column(const struct relation *view, const struct column *column)
{
    for (size_t i = 0; i < view->read_columns.count; i++)
        if (view->read_columns.items[i] == column)
            return true;
    return false;
}

/* A view that reads the column keeps it as it is. */
static bool has_reader(struct command *c, const struct column *column)
{
    for (size_t i = 0; i < c->relation->read_by.count; i++) {
        const struct relation *view = c->relation->read_by.items[i];
        size_t end, at;

        if (!reads_column(view, column))
            continue;
        at = analysis_find_name(c->x, c->name, c->from, &end);
        analysis_help(c->x,
            analysis_error(c->x, DIAG(PG015), at, end, "%s '%s' reads column '%s'", relation_kind_name(view->kind),
                view->name, c->name),
            "drop or replace the view before");
        return true;
    }
    return false;
}

/* A partition key keeps its columns as they are. */
static bool is_partition_key(struct command *c)
{
    const char *keys = c->relation->partition_by ? strchr(c->relation->partition_by, '(') : NULL;
    size_t end, at;

    if (!keys || lex_find_name(str_from(keys), 0, SIZE_MAX, c->name, &end) == SIZE_MAX)
        return false;
    at = analysis_find_name(c->x, c->name, c->from, &end);
    analysis_error(c->x, DIAG(PG015), at, end, "table '%s' is partitioned by column '%s'", c->relation->name, c->name);
    return true;
}

bool alter_is_inherited(
    struct analysis *x, const struct relation *relation, const char *column, size_t from, const char *verb)
{
    const struct relation *parent = relation->parent;
    size_t end, at;

    if (!parent || !relation_find_column(parent, column))
        return false;
    at = analysis_find_name(x, column, from, &end);
    analysis_help(x,
        analysis_error(x, DIAG(PG022), at, end, "column '%s' of '%s' cannot be %s: it is inherited from '%s'", column,
            relation->name, verb, parent->name),
        "change it in '%s'", parent->name);
    return true;
}

/* Indexes on a column, its sequences, and the tables that refer to it. */
static void touch_column_users(struct analysis *x, struct relation *relation, const struct column *column)
{
    for (size_t i = 0; i < relation->indexes.count; i++)
        if (index_mentions(relation->indexes.items[i]->index, column->name))
            analysis_touch(x, relation->indexes.items[i]);
    for (size_t i = 0; i < relation->sequences.count; i++)
        if (strcmp(relation->sequences.items[i]->owner_column, column->name) == 0)
            analysis_touch(x, relation->sequences.items[i]);
    for (size_t i = 0; i < relation->referenced_by.count; i++)
        if (relation_has_column_in(relation->referenced_by.items[i]->referenced_columns,
                relation->referenced_by.items[i]->referenced_count, column->name))
            analysis_touch(x, relation->referenced_by.items[i]->relation);
}

/* What happens to a column of a parent happens to the column of each partition or inheriting table, under the same
 * lock. */
typedef void column_function(struct analysis *x, struct relation *child, const char *name, const struct column *model);

static void recurse(struct command *c, const struct relation *relation, const char *name, const struct column *model,
    column_function *apply)
{
    struct relation_list children = {0};

    analysis_descendants(c->x, relation, &children);
    for (size_t i = 0; i < children.items.count; i++) {
        struct relation *child = children.items.items[i];
        const struct lock parent = *command_lock(c);
        struct lock *lock = analysis_lock(c->x, child, parent.mode);

        lock->scan |= parent.scan;
        lock->rewrite |= parent.rewrite;
        analysis_touch(c->x, child);
        apply(c->x, child, name, model);
    }
}

static void add_to_child(struct analysis *x, struct relation *child, const char *name, const struct column *model)
{
    struct column *column;

    if (relation_find_column(child, name))
        return;
    column = catalog_add_column(x->catalog, child, name, &model->type, x->analyser->ordinal);
    column->not_null = model->not_null;
    column->default_sql = model->default_sql;
    column->default_volatile = model->default_volatile;
    column->generated_sql = model->generated_sql;
    column->collation = model->collation;
}

static void drop_from_child(struct analysis *x, struct relation *child, const char *name, const struct column *model)
{
    struct column *column = relation_find_column(child, name);

    (void)model;
    if (!column)
        return;
    touch_column_users(x, child, column);
    catalog_drop_column(x->catalog, child, column, x->analyser->migration_id);
}

/* Type, default and NOT NULL as the parent has them now. */
static void change_in_child(struct analysis *x, struct relation *child, const char *name, const struct column *model)
{
    struct column *column = relation_find_column(child, name);

    if (!column)
        return;
    touch_column_users(x, child, column);
    column->type = model->type;
    column->not_null = model->not_null;
    column->default_sql = model->default_sql;
    column->default_volatile = model->default_volatile;
}

static void guard_new_column(struct command *c, const struct column *column)
{
    struct arena *arena = c->x->arena;
    const char *table = c->relation->qualified, *name = quote_name(arena, column->name), *condition;
    const char *loss = arena_printf(arena, "the values of column %s of table %s", name, table);

    if (column->generated_sql)
        return;
    if (!column->default_sql)
        condition = arena_printf(arena, "NOT EXISTS (SELECT FROM %s WHERE %s IS NOT NULL)", table, name);
    else if (column->default_volatile || column->identity)
        condition = arena_printf(arena, "NOT EXISTS (SELECT FROM %s)", table);
    else
        condition = arena_printf(arena, "NOT EXISTS (SELECT FROM %s WHERE %s::text IS DISTINCT FROM (%s)::%s::text)",
            table, name, column->default_sql, column->type.text);
    inverse_guard(&c->inverse, arena, condition, loss);
}

void alter_add_column(struct command *c)
{
    struct analysis *x = c->x;
    struct column_facts facts;

    if (sql_flag(c->fields, "missing_ok") && relation_find_column(c->relation, sql_text(c->def, "colname")))
        return;
    facts = analyse_column(x, c->relation, c->def, x->node->end, false);
    if (!facts.column)
        return;
    c->name = facts.column->name;
    for (size_t i = 0; i < facts.referenced.items.count; i++)
        if (facts.referenced.items.items[i] != c->relation)
            analysis_lock(x, facts.referenced.items.items[i], LOCK_SHARE_ROW_EXCLUSIVE);
    command_lock(c)->rewrite |= facts.rewrites;
    command_lock(c)->scan |= facts.rewrites || facts.scans;
    if (facts.rewrites)
        command_lint_rewrite(
            c, "adding this column", "add the column without it, SET DEFAULT, and fill the rows with a backfill step");
    else if (facts.scans && command_is_live(c))
        analysis_help(x,
            command_finding(
                c, DIAG(PG103), "a constraint inside ADD COLUMN scans the table while nobody can read or write it"),
            "add the column alone, then the constraint with its own step");
    if (facts.fails_when_rows && command_is_live(c))
        analysis_help(x,
            command_finding(c, DIAG(PG207),
                arena_printf(x->arena, "column '%s' is NOT NULL without a default: this fails when table '%s' has rows",
                    c->name, c->relation->name)),
            "give it a default, or add it nullable, fill it with a backfill step and follow with set_not_null");
    command_undo(c, command_alter(c, "DROP COLUMN ", c->name));
    guard_new_column(c, facts.column);
    recurse(c, c->relation, c->name, facts.column, add_to_child);
    c->probe = sql_probe_column(x->arena, c->relation, facts.column, NULL);
}

/* What may name columns that the same statement adds. */
void alter_add_column_checks(struct command *c)
{
    if (!c->name) /* it was there already, or could not be added */
        return;
    analyse_column_later(c->x, c->relation, c->def, c->x->node->end, COLUMN_CHECKS);
    analyse_column_later(c->x, c->relation, c->def, c->x->node->end, COLUMN_SELF_REFERENCES);
}

static const char *names_of_lost(struct command *c, const struct column *column)
{
    struct strbuf buf = STRBUF_INIT;
    const char *result;

    strbuf_printf(&buf, "the values of column %s of table %s, and its position",
        quote_name(c->x->scratch, column->name), c->relation->qualified);
    if (column->not_null && !column->default_sql)
        strbuf_append_text(&buf, ", and its NOT NULL");
    result = strbuf_copy(&buf, c->x->arena).data;
    strbuf_free(&buf);
    return result;
}

/* What names it is made again, too. False: the values that a key needs are gone. */
static bool undo_constraints(struct command *c, const struct column *column)
{
    struct arena *arena = c->x->arena;

    for (size_t i = 0; i < c->relation->constraints.count; i++) {
        const struct constraint *constraint = c->relation->constraints.items[i];

        if (!relation_has_column_in(constraint->columns, constraint->column_count, column->name))
            continue;
        if (constraint->kind == CONSTRAINT_PRIMARY_KEY || constraint->kind == CONSTRAINT_EXCLUSION) {
            inverse_impossible(&c->inverse, arena,
                arena_printf(arena, "the values of column %s are gone, and constraint %s needs them", column->name,
                    constraint->name));
            return false;
        }
        command_undo(c, arena_printf(arena, "ALTER TABLE %s ADD CONSTRAINT %s %s", c->relation->qualified,
                            quote_name(arena, constraint->name), catalog_constraint_sql(arena, constraint)));
        inverse_comment(&c->inverse, arena,
            quote_on(arena, "CONSTRAINT", constraint->name, c->relation->qualified), constraint->comment);
    }
    return true;
}

static void undo_sequences(struct command *c, const struct column *column, bool before)
{
    struct sql_list statements = {0};

    catalog_owned_sequences(c->x->arena, c->relation, column->name, before, &statements);
    for (size_t i = 0; i < statements.items.count; i++)
        command_undo(c, statements.items.items[i]);
}

/* The column as it was, without what its lost values would break; then what went with it. */
static void undo_drop_column(struct command *c, const struct column *column)
{
    struct arena *arena = c->x->arena;
    struct column copy = *column;

    if (column->not_null && !column->default_sql && !column->generated_sql && !column->identity)
        copy.not_null = false;
    undo_sequences(c, column, true);
    command_undo(c,
        arena_printf(arena, "ALTER TABLE %s ADD COLUMN %s", c->relation->qualified, catalog_column_sql(arena, &copy)));
    undo_sequences(c, column, false);
    if (!undo_constraints(c, column))
        return;
    for (size_t i = 0; i < c->relation->indexes.count; i++) {
        const struct relation *index = c->relation->indexes.items[i];

        if (index->index->constraint || !index_mentions(index->index, column->name))
            continue;
        command_undo(c, catalog_index_sql(arena, index, false));
        inverse_comment(&c->inverse, arena, arena_printf(arena, "INDEX %s", index->qualified), index->comment);
    }
    for (size_t i = 0; i < c->relation->settings.count; i++)
        if (c->relation->settings.items[i].column && strcmp(c->relation->settings.items[i].column, column->name) == 0)
            command_undo(c, setting_sql(arena, c->relation, &c->relation->settings.items[i]));
    inverse_comment(&c->inverse, arena,
        arena_printf(arena, "COLUMN %s.%s", c->relation->qualified, quote_name(arena, column->name)), column->comment);
    access_give_column_again(c->x->catalog, c->x->scratch, c->relation, column->name, &c->inverse);
    for (size_t i = 0; i < c->relation->sequences.count; i++) {
        const struct relation *sequence = c->relation->sequences.items[i];

        if (strcmp(sequence->owner_column, column->name) != 0)
            continue;
        inverse_comment(&c->inverse, arena, arena_printf(arena, "SEQUENCE %s", sequence->qualified), sequence->comment);
        analysis_give_again(c->x, sequence, &c->inverse);
    }
}

/* Views that read it go with CASCADE. */
static void drop_readers(struct command *c, const struct column *column)
{
    for (size_t i = c->relation->read_by.count; i > 0; i--) {
        struct relation *view = c->relation->read_by.items[i - 1];

        if (!reads_column(view, column))
            continue;
        analysis_touch_gone(c->x, view);
        catalog_drop_relation(c->x->catalog, view, c->x->analyser->migration_id);
        inverse_impossible(&c->inverse, c->x->arena,
            arena_printf(c->x->arena, "%s %s goes with the column: write 'down:'", relation_kind_name(view->kind),
                view->qualified));
    }
}

static void drop_reference(struct command *c, const struct constraint *foreign_key)
{
    size_t end, at = analysis_find_name(c->x, c->name, c->from, &end);

    analysis_lock(c->x, foreign_key->referenced, LOCK_ACCESS_EXCLUSIVE);
    analysis_find_referenced(c->x, foreign_key, at, end);
}

void alter_drop_column(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = relation_find_column(c->relation, c->name);

    if (!column) {
        if (!sql_flag(c->fields, "missing_ok"))
            analysis_column(x, c->relation, c->name, c->from);
        return;
    }
    if (is_partition_key(c) || alter_is_inherited(x, c->relation, c->name, c->from, "dropped"))
        return;
    x->out->phase = PHASE_CONTRACT;
    if (command_is_live(c) && column->born != x->analyser->ordinal)
        analysis_help(x,
            command_finding(c, DIAG(PG201),
                arena_printf(
                    x->arena, "dropping column '%s' loses its values and breaks code that still reads it", c->name)),
            "release code that does not use the column first, then allow PG201 here and say so in the reason");
    for (size_t i = 0; i < c->relation->constraints.count; i++)
        if (c->relation->constraints.items[i]->referenced &&
            relation_has_column_in(
                c->relation->constraints.items[i]->columns, c->relation->constraints.items[i]->column_count, c->name))
            drop_reference(c, c->relation->constraints.items[i]);
    if (!sql_text_is(c->fields, "behavior", "DROP_CASCADE") && has_reader(c, column))
        return;
    undo_drop_column(c, column);
    if (c->inverse.grade != GRADE_IMPOSSIBLE)
        inverse_lossy(&c->inverse, x->arena, names_of_lost(c, column));
    c->probe = sql_probe_no_column(x->arena, c->relation->qualified, c->name);
    recurse(c, c->relation, c->name, column, drop_from_child);
    touch_column_users(x, c->relation, column);
    drop_readers(c, column);
    if (command_is_live(c)) {
        size_t end, at = analysis_find_name(x, c->name, c->from, &end);
        const struct late_finding late = {.kind = LATE_DROPPED, .table = c->relation, .column = column->name};

        analysis_judge_late(x, late, at, end);
    }
    catalog_drop_column(x->catalog, c->relation, column, x->analyser->migration_id);
}

/* --- types ------------------------------------------------------------------------------------------------------- */

static void guard_old_type(struct command *c, const struct column *column, const struct type *to)
{
    struct arena *arena = c->x->arena;
    const struct type *from = &column->type;
    const char *name = quote_name(arena, column->name), *table = c->relation->qualified;
    const char *loss =
        arena_printf(arena, "values of column %s of table %s that %s cannot hold", name, table, from->text);

    if (type_is_widening(to, from))
        return;
    if (from->origin == TYPE_BUILTIN && !from->array && type_is_widening(from, to) && from->modifier_count == 1 &&
        strcmp(from->base, "varchar") == 0) {
        inverse_guard(&c->inverse, arena,
            arena_printf(arena, "NOT EXISTS (SELECT FROM %s WHERE pg_catalog.length(%s) > %" PRId64 ")", table, name,
                from->modifiers[0]),
            loss);
        return;
    }
    if (from->origin == TYPE_BUILTIN && !from->array &&
        (strcmp(from->base, "int4") == 0 || strcmp(from->base, "int2") == 0) &&
        (strcmp(to->base, "int8") == 0 || strcmp(to->base, "int4") == 0) && to->origin == TYPE_BUILTIN) {
        inverse_guard(&c->inverse, arena,
            arena_printf(arena, "NOT EXISTS (SELECT FROM %s WHERE %s NOT BETWEEN %s)", table, name,
                strcmp(from->base, "int2") == 0 ? "-32768 AND 32767" : "-2147483648 AND 2147483647"),
            loss);
        return;
    }
    inverse_lossy(&c->inverse, arena, loss);
}

/* Does the changed column take part in something that has to be checked again? */
static bool is_checked(const struct command *c)
{
    for (size_t i = 0; i < c->relation->constraints.count; i++) {
        const struct constraint *constraint = c->relation->constraints.items[i];

        if (constraint->kind == CONSTRAINT_CHECK && constraint->valid &&
            relation_has_column_in(constraint->columns, constraint->column_count, c->name))
            return true;
    }
    return false;
}

static void lint_type(struct command *c, const struct column *column, const struct type *to)
{
    if (command_lock(c)->rewrite)
        command_lint_rewrite(c,
            arena_printf(c->x->arena, "changing column '%s' from %s to %s", c->name, column->type.text, to->text),
            "add a column of the new type, fill it with a backfill step, and let code move over to it");
    if (command_is_live(c) && !type_holds(&column->type, to) && strcmp(column->type.text, to->text) != 0)
        analysis_help(c->x,
            command_finding(c, DIAG(PG206),
                arena_printf(c->x->arena,
                    "%s does not hold every value of %s: the change fails or loses where it does not", to->text,
                    column->type.text)),
            "assert first that no row is concerned");
}

void alter_change_type(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = analysis_column(x, c->relation, c->name, c->from);
    const struct sql_node *using = sql_get(c->def, "raw_default");
    enum type_change change;
    const char *before;
    struct type type;

    if (!analysis_type(x, sql_get(c->def, "typeName"), &type) || !column || has_reader(c, column) ||
        is_partition_key(c) || alter_is_inherited(x, c->relation, c->name, c->from, "changed"))
        return;
    expression_check(x, using, c->relation);
    x->out->phase = command_is_live(c) ? PHASE_CONTRACT : PHASE_EXPAND;
    change = using ? TYPE_CHANGE_REWRITE : type_change(&column->type, &type);
    if (change == TYPE_CHANGE_RELABEL_UTC)
        change = x->analyser->timezone_utc ? TYPE_CHANGE_RELABEL : TYPE_CHANGE_REWRITE;
    command_lock(c)->rewrite |= change == TYPE_CHANGE_REWRITE;
    command_lock(c)->scan |= change == TYPE_CHANGE_REWRITE || (change == TYPE_CHANGE_RELABEL && is_checked(c));
    lint_type(c, column, &type);
    command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s TYPE %s%s USING %s::%s",
                        c->relation->qualified, quote_name(x->arena, c->name), column->type.text,
                        column->collation ? arena_printf(x->arena, " COLLATE %s", column->collation) : "",
                        quote_name(x->arena, c->name), column->type.text));
    guard_old_type(c, column, &type);
    before = sql_column_shape(x->arena, column);
    touch_column_users(x, c->relation, column);
    column->type = type;
    recurse(c, c->relation, c->name, column, change_in_child);
    c->probe = sql_probe_column(x->arena, c->relation, column, before);
}

/* --- defaults and NOT NULL --------------------------------------------------------------------------------------- */

void alter_change_default(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = analysis_column(x, c->relation, c->name, c->from);
    const char *name = quote_name(x->arena, c->name);

    if (!column && c->relation->kind == RELATION_VIEW)
        alter_view_default(c);
    if (!column)
        return;
    if (column->default_sql)
        command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", c->relation->qualified,
                            name, column->default_sql));
    else
        command_undo(
            c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", c->relation->qualified, name));
    if (c->def) {
        size_t column_end, at = analysis_find_name(x, c->name, c->from, &column_end), from;
        struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = column_end};

        (void)at;
        for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END && !lex_is(x->sql, token, "default");)
            token = lex_next(&lexer);
        from = lex_next(&lexer).start;
        column->default_sql = analysis_slice(x, from, lex_expression_end(x->sql, from, x->node->end));
        column->default_volatile = expression_is_volatile(x, c->def);
    } else {
        column->default_sql = NULL;
        column->default_volatile = false;
        column->type.serial = NULL;
    }
    recurse(c, c->relation, c->name, column, change_in_child);
}

/* A validated CHECK (… IS NOT NULL …) spares SET NOT NULL its scan. */
static bool has_proof(const struct relation *relation, const char *column)
{
    for (size_t i = 0; i < relation->constraints.count; i++) {
        const struct constraint *constraint = relation->constraints.items[i];

        if (constraint->kind == CONSTRAINT_CHECK && constraint->valid &&
            relation_has_column_in(constraint->not_null, constraint->not_null_count, column))
            return true;
    }
    return false;
}

static const char *not_null_probe(struct command *c, bool not_null)
{
    return sql_probe_condition(c->x->arena, arena_printf(c->x->arena,
                                                "EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = "
                                                "pg_catalog.to_regclass(%s) AND attname = %s AND "
                                                "NOT attisdropped AND %sattnotnull)",
                                                quote_literal(c->x->arena, c->relation->qualified),
                                                quote_literal(c->x->arena, c->name), not_null ? "" : "NOT "));
}

void alter_set_not_null(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = analysis_column(x, c->relation, c->name, c->from);

    if (!column)
        return;
    x->out->phase = command_is_live(c) ? PHASE_CONTRACT : PHASE_EXPAND;
    if (column->not_null)
        return;
    if (!has_proof(c->relation, c->name)) {
        command_lock(c)->scan = true;
        if (command_is_live(c))
            analysis_help(x,
                command_finding(c, DIAG(PG107),
                    arena_printf(x->arena, "SET NOT NULL scans table '%s' while nobody can read or write it",
                        c->relation->name)),
                "use the step set_not_null, which goes by way of a validated CHECK");
    }
    command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", c->relation->qualified,
                        quote_name(x->arena, c->name)));
    column->not_null = true;
    recurse(c, c->relation, c->name, column, change_in_child);
    c->probe = not_null_probe(c, true);
}

void alter_drop_not_null(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = analysis_column(x, c->relation, c->name, c->from);
    const char *name = quote_name(x->arena, c->name);
    const struct constraint *key;

    if (!column || !column->not_null)
        return;
    key = relation_primary_key(c->relation);
    if (key && relation_has_column_in(key->columns, key->column_count, c->name)) {
        size_t end, at = analysis_find_name(x, c->name, c->from, &end);

        analysis_error(x, DIAG(PG015), at, end, "column '%s' is of the primary key, and that has no nulls", c->name);
        return;
    }
    command_undo(
        c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", c->relation->qualified, name));
    inverse_guard(&c->inverse, x->arena,
        arena_printf(x->arena, "NOT EXISTS (SELECT FROM %s WHERE %s IS NULL)", c->relation->qualified, name),
        arena_printf(x->arena, "rows of table %s where %s is null", c->relation->qualified, name));
    column->not_null = false;
    recurse(c, c->relation, c->name, column, change_in_child);
    c->probe = not_null_probe(c, false);
}

void alter_drop_identity(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = analysis_column(x, c->relation, c->name, c->from);

    if (!column)
        return;
    inverse_lossy(&c->inverse, x->arena, arena_printf(x->arena, "where the sequence of column %s stood", c->name));
    if (column->identity)
        command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s ADD %s", c->relation->qualified,
                            quote_name(x->arena, c->name), catalog_identity_sql(x->arena, column)));
    else
        inverse_impossible(&c->inverse, x->arena, "invplan does not know the column's identity: write 'down:'");
    if (column->sequence) {
        analysis_touch(x, column->sequence);
        catalog_drop_relation(x->catalog, column->sequence, NULL);
    }
    column->identity = NULL;
}

void alter_add_identity(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = analysis_column(x, c->relation, c->name, c->from);

    if (!column)
        return;
    column->identity = sql_text_is(c->def, "generated_when", "d") ? "BY DEFAULT" : "ALWAYS";
    analyse_column_sequence(x, c->relation, column, c->def);
    command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY", c->relation->qualified,
                        quote_name(x->arena, c->name)));
    inverse_lossy(&c->inverse, x->arena, arena_printf(x->arena, "where the sequence of column %s stood", c->name));
}

/* SET GENERATED, and options of the identity's sequence. */
void alter_set_identity(struct command *c)
{
    struct analysis *x = c->x;
    struct column *column = analysis_column(x, c->relation, c->name, c->from);
    const struct sql_node *options = sql_get(c->def, "items");

    if (!column)
        return;
    if (!column->identity || !column->sequence) {
        inverse_impossible(&c->inverse, x->arena, "invplan does not know the column's identity: write 'down:'");
        return;
    }
    analysis_touch(x, column->sequence);
    analyse_undo_options(x, column->sequence, options, &c->inverse);
    analyse_sequence_options(x, column->sequence, options, false);
    for (const struct sql_node *item = sql_first(options); item; item = sql_next(item)) {
        const struct sql_node *option = sql_as(item, "DefElem");

        if (!sql_text_is(option, "defname", "generated"))
            continue;
        command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ALTER COLUMN %s SET GENERATED %s",
                            c->relation->qualified, quote_name(x->arena, c->name), column->identity));
        column->identity = sql_integer(sql_as(sql_get(option, "arg"), "Integer"), "ival", 0) == 'd' ? "BY DEFAULT" : "ALWAYS";
    }
}

void alter_drop_expression(struct command *c)
{
    struct column *column = analysis_column(c->x, c->relation, c->name, c->from);

    if (!column)
        return;
    column->generated_sql = NULL;
    inverse_impossible(
        &c->inverse, c->x->arena, "a column cannot be made a generated one again: write 'down:'");
}
