/* Column definitions of CREATE TABLE and ALTER TABLE. */
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/setting.h"

/* Where the text of a column's clause ends: at the next clause, or where the definition does. */
static size_t clause_end(const struct analysis *x, const struct sql_node *column_def, size_t from, size_t end)
{
    size_t limit = end;

    for (const struct sql_node *item = sql_first(sql_get(column_def, "constraints")); item; item = sql_next(item)) {
        size_t at = sql_location(sql_as(item, "Constraint"));

        if (at != SIZE_MAX && at > from && at < limit)
            limit = at;
    }
    if (sql_location(sql_get(column_def, "collClause")) > from &&
        sql_location(sql_get(column_def, "collClause")) < limit)
        limit = sql_location(sql_get(column_def, "collClause"));
    return lex_expression_end(x->sql, from, limit);
}

void analyse_column_sequence(
    struct analysis *x, struct relation *relation, struct column *column, const struct sql_node *identity)
{
    const char *names[] = {column->name};
    const char *name = analyse_constraint_name(x, relation, names, 1, "seq");

    column->sequence =
        catalog_add_relation(x->catalog, RELATION_SEQUENCE, relation->schema, name, x->analyser->ordinal);
    catalog_set_owner(x->catalog, column->sequence, relation, column->name);
    analysis_touch(x, column->sequence);
    if (identity) {
        analyse_sequence_options(x, column->sequence, sql_get(identity, "options"), true);
        return;
    }
    column->default_sql = arena_printf(x->arena, "nextval(%s)", quote_literal(x->arena, column->sequence->qualified));
    setting_put(x->catalog, column->sequence,
        (struct setting){.key = "as", .action = arena_printf(x->arena, "AS %s", column->type.text), .made = true});
}

/* DEFERRABLE and INITIALLY DEFERRED stand behind the column constraint that they are about. */
static void apply_attribute(struct analysis *x, const char *kind, const struct column_facts *facts)
{
    size_t count = facts->constraints.count;
    const char *words = strcmp(kind, "CONSTR_ATTR_DEFERRABLE") == 0 ? " DEFERRABLE"
                        : strcmp(kind, "CONSTR_ATTR_DEFERRED") == 0 ? " INITIALLY DEFERRED"
                                                                    : NULL;

    if (words && count)
        facts->constraints.items[count - 1]->options =
            arena_printf(x->arena, "%s%s", facts->constraints.items[count - 1]->options, words);
}

static void apply_clause(struct analysis *x, struct relation *relation, const struct sql_node *column_def,
    const struct sql_node *clause, size_t end, struct column_facts *facts)
{
    struct column *column = facts->column;
    const char *kind = sql_text(clause, "contype");
    const struct sql_node *expression = sql_get(clause, "raw_expr");
    size_t at = sql_location(clause), from;
    struct constraint *constraint;

    if (strcmp(kind, "CONSTR_NOTNULL") == 0) {
        column->not_null = true;
        column->primary = false;
    } else if (strcmp(kind, "CONSTR_DEFAULT") == 0) {
        struct lexer lexer = {.text = {x->sql.data, end}, .at = analysis_behind_word(x, "default", at)};

        from = lex_next(&lexer).start;
        expression_check(x, expression, NULL);
        column->default_sql = analysis_slice(x, from, clause_end(x, column_def, from, end));
        column->default_volatile = expression_is_volatile(x, expression);
    } else if (strcmp(kind, "CONSTR_GENERATED") == 0) {
        from = analysis_behind_word(x, "(", at);
        expression_check(x, expression, relation);
        column->generated_sql = analysis_slice(x, from, lex_find_close(x->sql, from - 1));
        facts->rewrites = true;
    } else if (strcmp(kind, "CONSTR_IDENTITY") == 0) {
        column->identity = sql_text_is(clause, "generated_when", "d") ? "BY DEFAULT" : "ALWAYS";
        column->not_null = true;
        analyse_column_sequence(x, relation, column, clause);
        facts->rewrites = true;
    } else if (strncmp(kind, "CONSTR_ATTR", 11) == 0) {
        apply_attribute(x, kind, facts);
    } else if (strcmp(kind, "CONSTR_NULL") != 0) {
        constraint = analyse_constraint(x, relation, clause, clause_end(x, column_def, at, end), column->name);
        if (constraint) {
            VEC_PUSH(x->scratch, &facts->constraints, constraint);
            facts->scans = facts->scans || constraint->kind != CONSTRAINT_FOREIGN_KEY;
            if (constraint->referenced)
                VEC_PUSH(x->scratch, &facts->referenced.items, constraint->referenced);
        }
    }
}

static const char *collation_of(struct analysis *x, const struct sql_node *column_def)
{
    const struct sql_node *names = sql_get(sql_get(column_def, "collClause"), "collname");

    if (!sql_first(names))
        return NULL;
    return quote_qualified(
        x->arena, sql_count(names) > 1 ? sql_list_string(names, 0) : NULL, sql_list_string(names, SIZE_MAX));
}

bool analyse_refers_to_itself(const struct analysis *x, const struct relation *relation, const struct sql_node *constraint)
{
    const struct sql_node *named = sql_get(constraint, "pktable");
    const char *name = sql_text(named, "relname");

    return name && strcmp(name, relation->name) == 0 && strcmp(analysis_schema(x, named), relation->schema) == 0;
}

static enum column_pass pass_of(
    const struct analysis *x, const struct relation *relation, const struct sql_node *clause)
{
    if (sql_text_is(clause, "contype", "CONSTR_GENERATED"))
        return COLUMN_GENERATED;
    if (sql_text_is(clause, "contype", "CONSTR_CHECK"))
        return COLUMN_CHECKS;
    return analyse_refers_to_itself(x, relation, clause) ? COLUMN_SELF_REFERENCES : COLUMN_ITSELF;
}

/* The clauses of one pass; DEFERRABLE is of the clause before it. */
static void apply_clauses(struct analysis *x, struct relation *relation, const struct sql_node *column_def, size_t end,
    enum column_pass pass, struct column_facts *facts)
{
    bool wanted = pass == COLUMN_ITSELF;

    for (const struct sql_node *item = sql_first(sql_get(column_def, "constraints")); item; item = sql_next(item)) {
        const struct sql_node *clause = sql_as(item, "Constraint");

        if (strncmp(sql_text(clause, "contype"), "CONSTR_ATTR", 11) != 0)
            wanted = pass_of(x, relation, clause) == pass;
        if (wanted)
            apply_clause(x, relation, column_def, clause, end, facts);
    }
}

void analyse_column_later(struct analysis *x, struct relation *relation, const struct sql_node *column_def, size_t end,
    enum column_pass pass)
{
    struct column_facts facts = {.column = relation_find_column(relation, sql_text(column_def, "colname"))};

    if (facts.column)
        apply_clauses(x, relation, column_def, end, pass, &facts);
}

static bool has_check(const struct sql_node *column_def)
{
    for (const struct sql_node *item = sql_first(sql_get(column_def, "constraints")); item; item = sql_next(item))
        if (sql_text_is(sql_as(item, "Constraint"), "contype", "CONSTR_CHECK"))
            return true;
    return false;
}

/* A partition's or a typed table's column is there already, with its type. */
static struct column_facts amend_column(
    struct analysis *x, struct relation *relation, const struct sql_node *column_def, size_t end)
{
    struct column_facts facts = {
        .column = analysis_column(x, relation, sql_text(column_def, "colname"), sql_location(column_def))};

    if (facts.column)
        apply_clauses(x, relation, column_def, end, COLUMN_ITSELF, &facts);
    return facts;
}

struct column_facts analyse_column(
    struct analysis *x, struct relation *relation, const struct sql_node *column_def, size_t end, bool creating)
{
    const char *name = sql_text(column_def, "colname");
    struct column_facts facts = {0};
    size_t at, name_end;
    struct type type;

    if (!sql_get(column_def, "typeName"))
        return amend_column(x, relation, column_def, end);
    if (relation_find_column(relation, name)) {
        at = analysis_find_name(x, name, sql_location(column_def), &name_end);
        analysis_error(x, DIAG(PG005), at, name_end, "table '%s' has a column '%s' already", relation->name, name);
        return facts;
    }
    analysis_type(x, sql_get(column_def, "typeName"), &type); /* also when it is unknown: later steps name the column */
    facts.column = catalog_add_column(x->catalog, relation, name, &type, x->analyser->ordinal);
    if (type.origin == TYPE_BUILTIN && strcmp(type.base, "json") == 0)
        analysis_help(x,
            analysis_find(x, DIAG(PG302), sql_location(sql_get(column_def, "typeName")),
                sql_location(sql_get(column_def, "typeName")) + 4,
                "column '%s' is json, which has no equality and no index", name),
            "jsonb has both");
    facts.column->collation = collation_of(x, column_def);
    if (type.serial) {
        facts.column->not_null = true;
        facts.column->default_volatile = true;
        facts.rewrites = true;
        analyse_column_sequence(x, relation, facts.column, NULL);
    }
    apply_clauses(x, relation, column_def, end, COLUMN_ITSELF, &facts);
    if (!creating)
        apply_clauses(x, relation, column_def, end, COLUMN_GENERATED, &facts);
    facts.scans = facts.scans || has_check(column_def);
    facts.rewrites = facts.rewrites || facts.column->default_volatile || (type.object && type.object->constrained);
    facts.fails_when_rows = facts.column->not_null && !facts.column->default_sql && !facts.column->identity &&
                            !facts.column->generated_sql && !creating;
    return facts;
}

bool analyse_find_volatile_default(struct analyser *analyser, const struct text *text, struct volatile_default *out)
{
    struct analysis x = {.analyser = analyser,
        .arena = &analyser->scratch,
        .scratch = &analyser->scratch,
        .catalog = &analyser->catalog,
        .text = text,
        .sql = text->sql};
    const struct sql_node *column;
    struct sql_script script;
    struct sql_error error;
    bool found = false;

    *out = (struct volatile_default){0};
    arena_reset(&analyser->scratch);
    if (!sql_parse(&analyser->scratch, text->sql, &script, &error) || script.statements.count != 1)
        return false;
    x.node = &script.statements.items[0];
    column = sql_as(
        sql_get(sql_as(sql_first(sql_get(sql_as(x.node->tree, "AlterTableStmt"), "cmds")), "AlterTableCmd"), "def"),
        "ColumnDef");
    for (const struct sql_node *item = sql_first(sql_get(column, "constraints")); item; item = sql_next(item)) {
        const struct sql_node *clause = sql_as(item, "Constraint");
        size_t at = sql_location(clause);

        if (sql_text_is(clause, "contype", "CONSTR_NOTNULL")) {
            out->not_null_start = at;
            out->not_null_end = clause_end(&x, column, at, x.node->end);
        } else if (sql_text_is(clause, "contype", "CONSTR_DEFAULT") &&
                   expression_is_volatile(&x, sql_get(clause, "raw_expr"))) {
            out->start = at;
            out->end = clause_end(&x, column, at, x.node->end);
            out->expression = analysis_behind_word(&x, "default", at);
            found = true;
        }
    }
    return found;
}
