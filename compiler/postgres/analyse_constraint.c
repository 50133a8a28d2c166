/* Constraints of CREATE TABLE and ALTER TABLE: their names, their columns, the index that they own. */
#include <stdio.h>
#include <string.h>

#include "compiler/postgres/analyse.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/partition.h"
#include "compiler/postgres/quote.h"

/* makeObjectName(): the two names are cut, the longer first, until all fits. */
static const char *object_name(struct arena *arena, const char *first, const char *second, const char *label)
{
    size_t overhead = (second ? 2U : 1U) + strlen(label), first_len = strlen(first),
           second_len = second ? strlen(second) : 0;

    while (first_len + second_len + overhead > QUOTE_NAME_MAX_BYTES) {
        if (first_len > second_len)
            first_len--;
        else
            second_len--;
    }
    while (first_len && ((unsigned char)first[first_len] & 0xc0) == 0x80)
        first_len--;
    if (!second)
        return arena_printf(arena, "%.*s_%s", (int)first_len, first, label);
    return arena_printf(arena, "%.*s_%.*s_%s", (int)first_len, first, (int)second_len, second, label);
}

/* ChooseIndexName(), ChooseConstraintName(): the first that is free. */
const char *analyse_constraint_name(
    struct analysis *x, const struct relation *relation, const char *const *columns, size_t count, const char *label)
{
    struct strbuf joined = STRBUF_INIT;
    const char *name, *addition;

    for (size_t i = 0; i < count; i++)
        strbuf_printf(&joined, "%s%s", i ? "_" : "", columns[i]);
    addition = count ? strbuf_copy(&joined, x->scratch).data : NULL;
    strbuf_free(&joined);
    name = object_name(x->arena, relation->name, addition, label);
    for (int pass = 1;
         relation_find_constraint(relation, name) || catalog_find_relation(x->catalog, relation->schema, name);
         pass++) {
        char numbered[32];

        snprintf(numbered, sizeof(numbered), "%s%d", label, pass);
        name = object_name(x->arena, relation->name, addition, numbered);
    }
    return name;
}

const char *analyse_deferral(const struct sql_node *constraint)
{
    if (sql_flag(constraint, "initdeferred"))
        return " DEFERRABLE INITIALLY DEFERRED";
    return sql_flag(constraint, "deferrable") ? " DEFERRABLE" : "";
}

static const char *action_text(const char *letter)
{
    switch (letter ? letter[0] : 'a') {
    case 'r':
        return "RESTRICT";
    case 'c':
        return "CASCADE";
    case 'n':
        return "SET NULL";
    case 'd':
        return "SET DEFAULT";
    default:
        return NULL;
    }
}

static const char *foreign_key_options(struct analysis *x, const struct sql_node *constraint)
{
    const char *on_update = action_text(sql_text(constraint, "fk_upd_action"));
    const char *on_delete = action_text(sql_text(constraint, "fk_del_action"));
    struct strbuf buf = STRBUF_INIT;
    const char *result;
    size_t count;
    const char *const *set = analysis_names(x, sql_get(constraint, "fk_del_set_cols"), &count);

    if (sql_text_is(constraint, "fk_matchtype", "f"))
        strbuf_append_text(&buf, " MATCH FULL");
    if (on_update)
        strbuf_printf(&buf, " ON UPDATE %s", on_update);
    if (on_delete)
        strbuf_printf(&buf, " ON DELETE %s", on_delete);
    for (size_t i = 0; i < count; i++)
        strbuf_printf(&buf, "%s%s%s", i ? ", " : " (", quote_name(x->scratch, set[i]), i + 1 == count ? ")" : "");
    strbuf_append_text(&buf, analyse_deferral(constraint));
    result = strbuf_copy(&buf, x->arena).data;
    strbuf_free(&buf);
    return result;
}

static bool check_columns(
    struct analysis *x, const struct relation *relation, const char *const *names, size_t count, size_t from)
{
    bool ok = true;

    for (size_t i = 0; i < count; i++)
        if (!analysis_column(x, relation, names[i], from) && !relation->opaque)
            ok = false;
    return ok;
}

/* Is there a unique index over exactly these columns? */
static bool is_unique_key(const struct relation *relation, const char *const *columns, size_t count)
{
    for (size_t i = 0; i < relation->indexes.count; i++) {
        const struct index *index = relation->indexes.items[i]->index;
        size_t matched = 0;

        if (!index->unique || index->where || index->element_count != count)
            continue;
        for (size_t k = 0; k < count; k++)
            if (index->elements[k].column && relation_has_column_in(columns, count, index->elements[k].column))
                matched++;
        if (matched == count)
            return true;
    }
    return false;
}

static const char *const *one_name(struct analysis *x, const char *name, size_t *count)
{
    const char **names = ARENA_ARRAY(x->arena, const char *, 1);

    names[0] = name;
    *count = 1;
    return names;
}

/* Types of one class compare with each other; 0: not known. */
static int comparison_class(const struct type *type)
{
    static const struct {
        const char *base;
        int class;
    } classes[] = {{"bool", 1}, {"bpchar", 2}, {"date", 3}, {"float4", 4}, {"float8", 4}, {"int2", 4}, {"int4", 4},
        {"int8", 4}, {"name", 2}, {"numeric", 4}, {"text", 2}, {"timestamp", 3}, {"timestamptz", 3}, {"uuid", 5},
        {"varchar", 2}};

    for (size_t i = 0; type->origin == TYPE_BUILTIN && !type->array && i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(classes[i].base, type->base) == 0)
            return classes[i].class;
    return 0;
}

/* A key of text cannot refer to one of integers. */
static bool types_fit(struct analysis *x, const struct relation *relation, const char *name,
    const struct relation *referenced, const char *to, size_t at)
{
    const struct column *column = relation_find_column(relation, name), *other = relation_find_column(referenced, to);
    int left = column ? comparison_class(&column->type) : 0, right = other ? comparison_class(&other->type) : 0;
    size_t end, where = analysis_find_name(x, name, at, &end);

    if (!left || !right || left == right)
        return true;
    analysis_help(x,
        analysis_error(x, DIAG(PG018), where, end, "column '%s' is %s and cannot refer to '%s', which is %s", name,
            column->type.text, to, other->type.text),
        "give both the same type");
    return false;
}

static struct constraint *add_foreign_key(
    struct analysis *x, struct relation *relation, const struct sql_node *node, const char *column)
{
    struct relation *referenced = analysis_table(x, sql_get(node, "pktable"));
    const char *const *columns, *const *to;
    size_t count, to_count, at = sql_location(node), end, from = sql_location(sql_get(node, "pktable"));
    const char *name = sql_text(node, "conname");
    struct constraint *constraint, *key;

    columns = column ? one_name(x, column, &count) : analysis_names(x, sql_get(node, "fk_attrs"), &count);
    if (!check_columns(x, relation, columns, count, at) || !referenced)
        return NULL;
    to = analysis_names(x, sql_get(node, "pk_attrs"), &to_count);
    key = relation_primary_key(referenced);
    if (!to_count && key) {
        to = key->columns;
        to_count = key->column_count;
    }
    if (!check_columns(x, referenced, to, to_count, from))
        return NULL;
    if (!referenced->opaque && (!to_count || !is_unique_key(referenced, to, to_count))) {
        struct diag *diag;

        at = analysis_find_name(x, referenced->name, from, &end);
        diag = analysis_error(x, DIAG(PG018), at, end,
            "table '%s' has no unique or primary key over the referenced columns", referenced->name);
        analysis_help(
            x, diag, "a foreign key refers to a primary key or to columns with a unique constraint: add one before");
        return NULL;
    }
    if (!referenced->opaque && count != to_count) {
        analysis_error(x, DIAG(PG018), at, at, "the foreign key has %zu columns and refers to %zu", count, to_count);
        return NULL;
    }
    for (size_t i = 0; i < count && i < to_count; i++)
        if (!types_fit(x, relation, columns[i], referenced, to[i], at))
            return NULL;
    constraint = catalog_add_constraint(x->catalog, relation, CONSTRAINT_FOREIGN_KEY,
        name ? name : analyse_constraint_name(x, relation, columns, count, "fkey"));
    constraint->columns = columns;
    constraint->column_count = count;
    constraint->referenced_columns = to;
    constraint->referenced_count = to_count;
    constraint->options = foreign_key_options(x, node);
    catalog_set_reference(x->catalog, constraint, referenced);
    at = analysis_find_name(x, name ? name : columns[0], at, &end);
    analysis_find_late(x, relation, constraint, at, end);
    return constraint;
}

static struct constraint *add_check(struct analysis *x, struct relation *relation, const struct sql_node *node)
{
    const struct sql_node *expression = sql_get(node, "raw_expr");
    struct lexer lexer = {.text = {x->sql.data, x->node->end}, .at = sql_location(node)};
    const char *name = sql_text(node, "conname");
    struct constraint *constraint;
    struct lex_token token;
    const char *const *columns;
    size_t close, count;

    expression_check(x, expression, relation);
    columns = expression_columns(x, expression, relation, &count);
    for (token = lex_next(&lexer); token.kind != LEX_END && !lex_is(x->sql, token, "("); token = lex_next(&lexer))
        continue;
    close = lex_find_close(x->sql, token.start);
    if (close == SIZE_MAX)
        return NULL;
    if (!name)
        name = analyse_constraint_name(x, relation, columns, count == 1, "check"); /* a column's own, too */
    constraint = catalog_add_constraint(x->catalog, relation, CONSTRAINT_CHECK, name);
    constraint->columns = columns;
    constraint->column_count = count;
    constraint->expression = analysis_slice(x, token.end, close);
    constraint->not_null = expression_not_null(x, expression, &constraint->not_null_count);
    constraint->options = sql_flag(node, "is_no_inherit") ? " NO INHERIT" : "";
    return constraint;
}

bool analyse_holds_partition_key(struct analysis *x, const struct relation *relation, const char *const *columns,
    size_t count, size_t at, size_t end)
{
    const char *missing =
        relation->partition_by ? partition_key_beyond(x->scratch, relation, columns, count) : NULL;

    if (missing)
        analysis_error(x, DIAG(PG023), at, end, "a unique key of '%s' has to hold its partition key: %s is missing",
            relation->name, missing);
    return !missing;
}

struct relation *analyse_key_index(
    struct analysis *x, struct relation *relation, struct constraint *constraint, const struct sql_node *node)
{
    struct index_element *elements = ARENA_ARRAY(x->arena, struct index_element, constraint->column_count);
    struct relation *index =
        catalog_add_relation(x->catalog, RELATION_INDEX, relation->schema, constraint->name, x->analyser->ordinal);

    for (size_t i = 0; i < constraint->column_count; i++) {
        elements[i].column = constraint->columns[i];
        elements[i].options = "";
    }
    index->index = ARENA_NEW(x->arena, struct index);
    *index->index = (struct index){.table = relation,
        .unique = true,
        .method = "btree",
        .elements = elements,
        .element_count = constraint->column_count,
        .constraint = constraint,
        .nulls_not_distinct = sql_flag(node, "nulls_not_distinct")};
    index->index->include = analysis_names(x, sql_get(node, "including"), &index->index->include_count);
    constraint->index = index;
    VEC_PUSH(x->arena, &relation->indexes, index);
    analysis_touch(x, index);
    return index;
}

/* UNIQUE USING INDEX i: the index takes the constraint's name. */
static struct constraint *take_index(
    struct analysis *x, struct relation *relation, const struct sql_node *node, enum constraint_kind kind)
{
    const char *index_name = sql_text(node, "indexname"), *name = sql_text(node, "conname");
    struct relation *index = catalog_find_relation(x->catalog, relation->schema, index_name);
    const char **columns;
    struct constraint *constraint;
    size_t end, at = analysis_find_name(x, index_name, sql_location(node), &end);

    if (!index || index->kind != RELATION_INDEX || index->index->table != relation) {
        analysis_error(x, DIAG(PG007), at, end, "table '%s' has no index '%s' at this point of the history",
            relation->name, index_name);
        return NULL;
    }
    if (!index->index->unique || index->index->where || index->index->constraint) {
        analysis_error(x, DIAG(PG007), at, end,
            "index '%s' cannot become a constraint: it must be unique, whole and free", index_name);
        return NULL;
    }
    columns = ARENA_ARRAY(x->arena, const char *, index->index->element_count);
    for (size_t i = 0; i < index->index->element_count; i++) {
        if (!index->index->elements[i].column) {
            analysis_error(
                x, DIAG(PG007), at, end, "index '%s' cannot become a constraint: it is on an expression", index_name);
            return NULL;
        }
        columns[i] = index->index->elements[i].column;
    }
    constraint = catalog_add_constraint(x->catalog, relation, kind, name ? name : index_name);
    constraint->columns = columns;
    constraint->column_count = index->index->element_count;
    constraint->index = index;
    constraint->options = analyse_deferral(node);
    index->index->constraint = constraint;
    analysis_touch(x, index);
    if (name && strcmp(name, index->name) != 0)
        catalog_rename_relation(x->catalog, index, relation->schema, name, x->analyser->migration_id);
    analysis_touch(x, index);
    return constraint;
}

static struct constraint *add_key(struct analysis *x, struct relation *relation, const struct sql_node *node,
    const char *column, enum constraint_kind kind)
{
    const char *name = sql_text(node, "conname"), *const * columns;
    struct constraint *constraint;
    size_t count, end, at;

    if (kind == CONSTRAINT_PRIMARY_KEY && relation_primary_key(relation)) {
        analysis_error(x, DIAG(PG005), sql_location(node), sql_location(node), "table '%s' has a primary key already",
            relation->name);
        return NULL;
    }
    if (sql_text(node, "indexname")) {
        constraint = take_index(x, relation, node, kind);
    } else {
        columns = column ? one_name(x, column, &count) : analysis_names(x, sql_get(node, "keys"), &count);
        if (!check_columns(x, relation, columns, count, sql_location(node)))
            return NULL;
        if (!name)
            name = analyse_constraint_name(x, relation, columns, kind == CONSTRAINT_PRIMARY_KEY ? 0 : count,
                kind == CONSTRAINT_PRIMARY_KEY ? "pkey" : "key");
        at = analysis_find_name(x, name, sql_location(node), &end);
        if (!analysis_is_new_name(x, relation->schema, name, at, end) ||
            !analyse_holds_partition_key(x, relation, columns, count, sql_location(node), sql_location(node)))
            return NULL;
        constraint = catalog_add_constraint(x->catalog, relation, kind, name);
        constraint->columns = columns;
        constraint->column_count = count;
        constraint->options = analyse_deferral(node);
        analyse_key_index(x, relation, constraint, node);
    }
    for (size_t i = 0; constraint && kind == CONSTRAINT_PRIMARY_KEY && i < constraint->column_count; i++) {
        struct column *key = relation_find_column(relation, constraint->columns[i]);

        if (key && !key->not_null)
            key->not_null = key->primary = true;
    }
    return constraint;
}

static struct constraint *add_exclusion(
    struct analysis *x, struct relation *relation, const struct sql_node *node, size_t end)
{
    struct lexer lexer = {.text = {x->sql.data, end}, .at = sql_location(node)};
    const char *name = sql_text(node, "conname");
    struct constraint *constraint;
    struct lex_token token;
    struct name_vec {
        VEC(const char *) items;
    } names = {0};

    for (token = lex_next(&lexer); token.kind != LEX_END && !lex_is(x->sql, token, "exclude"); token = lex_next(&lexer))
        continue;
    for (const struct sql_node *pair = sql_first(sql_get(node, "exclusions")); pair; pair = sql_next(pair)) {
        const struct sql_node *element = sql_as(sql_first(sql_get(sql_as(pair, "List"), "items")), "IndexElem");
        const char *column = sql_text(element, "name");

        expression_check(x, sql_get(element, "expr"), relation);
        if (column && analysis_column(x, relation, column, token.end))
            VEC_PUSH(x->arena, &names.items, arena_strdup(x->arena, column));
    }
    if (!name)
        name = analyse_constraint_name(x, relation, names.items.items, names.items.count, "excl");
    constraint = catalog_add_constraint(x->catalog, relation, CONSTRAINT_EXCLUSION, name);
    constraint->columns = names.items.items;
    constraint->column_count = names.items.count;
    constraint->expression = analysis_slice(x, token.start, lex_expression_end(x->sql, token.start, end));
    analyse_key_index(x, relation, constraint, NULL);
    constraint->index->index->unique = false;
    constraint->index->index->exclude = constraint->expression;
    return constraint;
}

struct constraint *analyse_constraint(
    struct analysis *x, struct relation *relation, const struct sql_node *constraint, size_t end, const char *column)
{
    const char *kind = sql_text(constraint, "contype"), *name = sql_text(constraint, "conname");
    size_t name_end, at;

    if (name && relation_find_constraint(relation, name)) {
        at = analysis_find_name(x, name, sql_location(constraint), &name_end);
        analysis_error(x, DIAG(PG005), at, name_end, "table '%s' has a constraint '%s' already", relation->name, name);
        return NULL;
    }
    if (strcmp(kind, "CONSTR_CHECK") == 0)
        return add_check(x, relation, constraint);
    if (strcmp(kind, "CONSTR_FOREIGN") == 0)
        return add_foreign_key(x, relation, constraint, column);
    if (strcmp(kind, "CONSTR_PRIMARY") == 0)
        return add_key(x, relation, constraint, column, CONSTRAINT_PRIMARY_KEY);
    if (strcmp(kind, "CONSTR_UNIQUE") == 0)
        return add_key(x, relation, constraint, column, CONSTRAINT_UNIQUE);
    if (strcmp(kind, "CONSTR_EXCLUSION") == 0)
        return add_exclusion(x, relation, constraint, end);
    return NULL;
}
