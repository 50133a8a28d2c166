/*
 * Expressions and queries: do the columns and relations that they name exist, are they volatile, what do they lock. A
 * name is only called wrong where every relation that could have it is known: a subquery in FROM, a function or a
 * common table expression makes its scope open, and anything may be in it.
 */
#include <stdlib.h>
#include <string.h>

#include "compiler/postgres/analyse.h"

struct scope_entry {
    const char *alias;
    const struct relation *relation; /* NULL: not known */
};

struct scope {
    const struct scope *outer;
    VEC(struct scope_entry) entries;
    VEC(const char *) names; /* of output columns, for ORDER BY and GROUP BY */
    bool open;
};

static void check_node(struct analysis *x, const struct sql_node *node, const struct scope *scope);
static void check_select(struct analysis *x, const struct sql_node *select, const struct scope *outer);

static bool scope_has(const struct scope *scope, const char *name)
{
    for (size_t i = 0; i < scope->entries.count; i++) {
        const struct scope_entry *entry = &scope->entries.items[i];

        if (!entry->relation || entry->relation->opaque || relation_find_column(entry->relation, name) ||
            (entry->alias && strcmp(entry->alias, name) == 0))
            return true;
    }
    for (size_t i = 0; i < scope->names.count; i++)
        if (strcmp(scope->names.items[i], name) == 0)
            return true;
    return scope->open;
}

static void report_column(struct analysis *x, const struct scope *scope, const char *name, size_t at)
{
    const struct relation *only = NULL;
    size_t known = 0, end, from;
    struct diag *diag;

    for (const struct scope *s = scope; s; s = s->outer)
        for (size_t i = 0; i < s->entries.count; i++, known++)
            only = s->entries.items[i].relation;
    if (known == 1 && only) {
        analysis_column(x, only, name, at);
        return;
    }
    from = analysis_find_name(x, name, at, &end);
    diag = analysis_error(x, DIAG(PG003), from, end,
        known ? "none of the query's tables has a column '%s'"
              : "there is no column '%s' here: the query reads no table",
        name);
    for (const struct scope *s = scope; s && diag; s = s->outer)
        for (size_t i = 0; i < s->entries.count; i++) {
            size_t count;
            const char *const *names = relation_column_names(s->entries.items[i].relation, x->scratch, &count);

            analysis_did_you_mean(x, diag, name, names, count);
        }
}

static const struct scope_entry *find_alias(const struct scope *scope, const char *alias)
{
    for (; scope; scope = scope->outer)
        for (size_t i = 0; i < scope->entries.count; i++)
            if (scope->entries.items[i].alias && strcmp(scope->entries.items[i].alias, alias) == 0)
                return &scope->entries.items[i];
    return NULL;
}

static bool is_open(const struct scope *scope)
{
    for (; scope; scope = scope->outer)
        if (scope->open)
            return true;
    return false;
}

static void check_column_ref(struct analysis *x, const struct sql_node *ref, const struct scope *scope)
{
    const struct sql_node *fields = sql_get(ref, "fields");
    const char *first = sql_list_string(fields, 0), *second = sql_list_string(fields, 1);
    size_t at = sql_location(ref), count = sql_count(fields), end;
    const struct scope_entry *entry;

    if (!first || at == SIZE_MAX)
        return;
    if (count == 1) {
        for (const struct scope *s = scope; s; s = s->outer)
            if (scope_has(s, first))
                return;
        if (scope && scope->entries.count && analysis_is_system_column(first))
            return;
        if (scope)
            report_column(x, scope, first, at);
        return;
    }
    if (count != 2 || strcmp(first, "excluded") == 0 || strcmp(first, "new") == 0 || strcmp(first, "old") == 0)
        return;
    entry = find_alias(scope, first);
    if (entry) {
        if (entry->relation && second)
            analysis_column(x, entry->relation, second, at);
        return;
    }
    if (is_open(scope))
        return;
    at = analysis_find_name(x, first, at, &end);
    analysis_error(x, DIAG(PG003), at, end, "the query has no table or alias '%s'", first);
}

static const char *alias_of(const struct sql_node *fields, const char *otherwise)
{
    const char *alias = sql_text(sql_fields(sql_get(fields, "alias")), "aliasname");

    return alias ? alias : otherwise;
}

static bool is_cte(const struct analysis *x, const struct sql_node *range_var)
{
    for (size_t i = 0; !sql_text(range_var, "schemaname") && i < x->ctes.count; i++)
        if (strcmp(x->ctes.items[i], sql_text(range_var, "relname")) == 0)
            return true;
    return false;
}

/* A table, and what inherits from it unless only the table is meant. */
static void lock_tree(struct analysis *x, const struct relation *relation, enum lock_mode mode, bool scan, bool only)
{
    struct lock *lock = analysis_lock(x, relation, mode);
    struct relation_list children = {0};

    lock->scan = lock->scan || scan;
    if (only)
        return;
    analysis_descendants(x, relation, &children);
    for (size_t i = 0; i < children.items.count; i++) {
        lock = analysis_lock(x, children.items.items[i], mode);
        lock->scan = lock->scan || scan;
    }
}

/* Reading a view locks what it reads. */
static void lock_read(struct analysis *x, const struct relation *relation, enum lock_mode mode, bool scan, bool only)
{
    struct relation_list reads = {0};

    lock_tree(x, relation, mode, scan && relation->kind != RELATION_VIEW, only);
    analysis_read_by(x, relation, &reads);
    for (size_t i = 0; i < reads.items.count; i++)
        lock_tree(x, reads.items.items[i], mode, scan && reads.items.items[i]->kind != RELATION_VIEW, false);
}

static void add_entry(struct analysis *x, struct scope *scope, const char *alias, const struct relation *relation)
{
    VEC_PUSH(x->scratch, &scope->entries, (struct scope_entry){alias, relation});
    if (!relation)
        scope->open = true;
}

/* What a query locks a table of its FROM by: FOR UPDATE is of all of them, or of those that it names. */
static enum lock_mode mode_of(const struct sql_node *locking, const char *alias)
{
    for (const struct sql_node *item = sql_first(locking); item; item = sql_next(item)) {
        const struct sql_node *named = sql_get(sql_as(item, "LockingClause"), "lockedRels");

        if (!named)
            return LOCK_ROW_SHARE;
        for (const struct sql_node *one = sql_first(named); one; one = sql_next(one))
            if (strcmp(sql_text(sql_as(one, "RangeVar"), "relname"), alias) == 0)
                return LOCK_ROW_SHARE;
    }
    return LOCK_ACCESS_SHARE;
}

static void add_from(struct analysis *x, struct scope *scope, const struct sql_node *item,
    const struct sql_node *locking, bool scan)
{
    const char *tag = sql_tag(item);
    const struct sql_node *fields = sql_fields(item);

    if (tag && strcmp(tag, "RangeVar") == 0) {
        struct relation *relation = is_cte(x, fields) ? NULL : analysis_relation(x, fields);
        const char *alias = alias_of(fields, sql_text(fields, "relname"));

        if (relation)
            lock_read(x, relation, mode_of(locking, alias), scan, !sql_flag(fields, "inh"));
        add_entry(x, scope, alias,
            sql_get(sql_fields(sql_get(fields, "alias")), "colnames") ? NULL : relation);
    } else if (tag && strcmp(tag, "JoinExpr") == 0) {
        add_from(x, scope, sql_get(fields, "larg"), locking, scan);
        add_from(x, scope, sql_get(fields, "rarg"), locking, scan);
        if (alias_of(fields, NULL))
            add_entry(x, scope, alias_of(fields, NULL), NULL);
        check_node(x, sql_get(fields, "quals"), scope);
    } else if (tag && strcmp(tag, "RangeSubselect") == 0) {
        check_select(x, sql_fields(sql_get(fields, "subquery")), sql_flag(fields, "lateral") ? scope : scope->outer);
        add_entry(x, scope, alias_of(fields, NULL), NULL);
    } else {
        add_entry(x, scope, alias_of(fields, NULL), NULL);
        check_node(x, item, scope);
    }
}

static void check_list(struct analysis *x, const struct sql_node *list, const struct scope *scope)
{
    for (const struct sql_node *item = sql_first(list); item; item = sql_next(item))
        check_node(x, item, scope);
}

static void check_with(struct analysis *x, const struct sql_node *fields, const struct scope *outer)
{
    for (const struct sql_node *item = sql_first(sql_get(sql_get(fields, "withClause"), "ctes")); item;
         item = sql_next(item))
        check_node(x, sql_get(sql_as(item, "CommonTableExpr"), "ctequery"), outer);
}

static void check_select(struct analysis *x, const struct sql_node *select, const struct scope *outer)
{
    struct scope scope = {.outer = outer};
    bool all = !sql_get(select, "whereClause");

    check_with(x, select, outer);
    if (sql_get(select, "larg")) {
        check_select(x, sql_fields(sql_get(select, "larg")), outer);
        check_select(x, sql_fields(sql_get(select, "rarg")), outer);
        return;
    }
    for (const struct sql_node *item = sql_first(sql_get(select, "fromClause")); item; item = sql_next(item))
        add_from(x, &scope, item, sql_get(select, "lockingClause"), all);
    check_list(x, sql_get(select, "targetList"), &scope);
    check_node(x, sql_get(select, "whereClause"), &scope);
    check_list(x, sql_get(select, "valuesLists"), &scope);
    for (const struct sql_node *item = sql_first(sql_get(select, "targetList")); item; item = sql_next(item))
        if (sql_text(sql_as(item, "ResTarget"), "name"))
            VEC_PUSH(x->scratch, &scope.names, sql_text(sql_as(item, "ResTarget"), "name"));
    check_list(x, sql_get(select, "groupClause"), &scope);
    check_node(x, sql_get(select, "havingClause"), &scope);
    check_list(x, sql_get(select, "sortClause"), &scope);
}

/* The rows of `relation` are written: the foreign keys from it look at what they refer to. */
static void lock_referenced(
    struct analysis *x, const struct relation *relation, const char *const *columns, size_t count)
{
    for (size_t i = 0; i < relation->constraints.count; i++) {
        const struct constraint *constraint = relation->constraints.items[i];
        bool concerned = !columns;

        for (size_t k = 0; k < constraint->column_count && !concerned; k++)
            concerned = relation_has_column_in(columns, count, constraint->columns[k]);
        if (constraint->referenced && concerned)
            analysis_lock(x, constraint->referenced, LOCK_ROW_SHARE);
    }
}

/* Rows of `relation` go: tables that refer to it are searched, or follow. */
static void lock_referencing(struct analysis *x, const struct relation *relation)
{
    for (size_t i = 0; i < relation->referenced_by.count; i++) {
        const struct constraint *constraint = relation->referenced_by.items[i];
        bool follows = strstr(constraint->options, "ON DELETE CASCADE") || strstr(constraint->options, "ON DELETE SET");

        analysis_lock(x, constraint->relation, follows ? LOCK_ROW_EXCLUSIVE : LOCK_ROW_SHARE);
    }
}

static void check_insert(struct analysis *x, const struct sql_node *fields, const struct scope *outer)
{
    struct relation *relation = analysis_relation(x, sql_get(fields, "relation"));
    struct scope scope = {.outer = outer};

    check_with(x, fields, outer);
    if (relation) {
        lock_tree(x, relation, LOCK_ROW_EXCLUSIVE, false, relation->kind != RELATION_PARTITIONED);
        lock_referenced(x, relation, NULL, 0);
    }
    for (const struct sql_node *item = sql_first(sql_get(fields, "cols")); item && relation; item = sql_next(item)) {
        const struct sql_node *target = sql_as(item, "ResTarget");

        analysis_column(x, relation, sql_text(target, "name"), sql_location(target));
    }
    check_node(x, sql_get(fields, "selectStmt"), outer);
    add_entry(
        x, &scope, alias_of(sql_get(fields, "relation"), sql_text(sql_get(fields, "relation"), "relname")), relation);
    check_node(x, sql_get(fields, "onConflictClause"), &scope);
    check_list(x, sql_get(fields, "returningList"), &scope);
}

static void check_update(struct analysis *x, const struct sql_node *fields, const struct scope *outer, bool is_delete)
{
    const struct sql_node *range_var = sql_get(fields, "relation");
    struct relation *relation = analysis_relation(x, range_var);
    const char **assigned = ARENA_ARRAY(x->scratch, const char *, sql_count(sql_get(fields, "targetList")) + 1);
    struct scope scope = {.outer = outer};
    size_t count = 0;

    check_with(x, fields, outer);
    if (relation)
        lock_tree(x, relation, LOCK_ROW_EXCLUSIVE, !sql_get(fields, "whereClause"), !sql_flag(range_var, "inh"));
    add_entry(x, &scope, alias_of(range_var, sql_text(range_var, "relname")), relation);
    for (const struct sql_node *item = sql_first(sql_get(fields, is_delete ? "usingClause" : "fromClause")); item;
         item = sql_next(item))
        add_from(x, &scope, item, NULL, !sql_get(fields, "whereClause"));
    for (const struct sql_node *item = sql_first(sql_get(fields, "targetList")); item; item = sql_next(item)) {
        const struct sql_node *target = sql_as(item, "ResTarget");

        if (relation && sql_text(target, "name") &&
            analysis_column(x, relation, sql_text(target, "name"), sql_location(target)))
            assigned[count++] = sql_text(target, "name");
        check_node(x, sql_get(target, "val"), &scope);
    }
    check_node(x, sql_get(fields, "whereClause"), &scope);
    check_list(x, sql_get(fields, "returningList"), &scope);
    if (relation && is_delete)
        lock_referencing(x, relation);
    else if (relation)
        lock_referenced(x, relation, assigned, count);
}

static void check_node(struct analysis *x, const struct sql_node *node, const struct scope *scope)
{
    const char *tag = sql_tag(node);
    const struct sql_node *fields = sql_fields(node);

    if (!node)
        return;
    if (tag && strcmp(tag, "ColumnRef") == 0)
        check_column_ref(x, fields, scope);
    else if (tag && strcmp(tag, "SelectStmt") == 0)
        check_select(x, fields, scope);
    else if (tag && strcmp(tag, "InsertStmt") == 0)
        check_insert(x, fields, scope);
    else if (tag && strcmp(tag, "UpdateStmt") == 0)
        check_update(x, fields, scope, false);
    else if (tag && strcmp(tag, "DeleteStmt") == 0)
        check_update(x, fields, scope, true);
    else
        for (const struct sql_node *child = sql_children(fields); child; child = sql_next(child))
            check_node(x, child, scope);
}

void expression_check(struct analysis *x, const struct sql_node *expression, const struct relation *relation)
{
    struct scope scope = {0};

    add_entry(x, &scope, relation ? relation->name : NULL, relation);
    check_node(x, expression, &scope);
}

void expression_check_query(struct analysis *x, const struct sql_node *statement)
{
    if (sql_as(statement, "MergeStmt")) {
        struct relation_list relations = {0};

        expression_relations(x, statement, &relations);
        for (size_t i = 0; i < relations.items.count; i++)
            analysis_lock(x, relations.items.items[i], LOCK_ACCESS_SHARE);
        return;
    }
    check_node(x, statement, NULL);
}

static int compare_word(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

static bool is_volatile_builtin(const char *name)
{
    static const char *const names[] = {
#define VOLATILE_ROW(name) name,
#include "compiler/postgres/volatile.def"
#undef VOLATILE_ROW
    };

    return bsearch(name, names, sizeof(names) / sizeof(names[0]), sizeof(names[0]), compare_word) != NULL;
}

bool expression_is_volatile(const struct analysis *x, const struct sql_node *expression)
{
    const struct sql_node *call = sql_as(expression, "FuncCall"), *names = sql_get(call, "funcname");
    const char *name = sql_list_string(names, SIZE_MAX);

    if (name) {
        const char *schema = sql_count(names) > 1 ? sql_list_string(names, 0) : x->analyser->schema;
        const struct function *function = catalog_find_functions(x->catalog, schema, name);

        if (function) {
            for (; function; function = function->next)
                if (function->is_volatile)
                    return true;
        } else if (is_volatile_builtin(name)) {
            return true;
        }
    }
    for (const struct sql_node *child = sql_children(sql_fields(expression)); child; child = sql_next(child))
        if (expression_is_volatile(x, child))
            return true;
    return false;
}

struct name_list {
    VEC(const char *) items;
};

static void add_name(struct analysis *x, struct name_list *list, const char *name)
{
    if (!relation_has_column_in(list->items.items, list->items.count, name))
        VEC_PUSH(x->arena, &list->items, arena_strdup(x->arena, name));
}

static void collect_columns(
    struct analysis *x, const struct sql_node *node, const struct relation *relation, struct name_list *out)
{
    const struct sql_node *fields = sql_get(sql_as(node, "ColumnRef"), "fields");
    const char *name = sql_list_string(fields, SIZE_MAX);

    if (name && relation_find_column(relation, name))
        add_name(x, out, name);
    for (const struct sql_node *child = sql_children(sql_fields(node)); child; child = sql_next(child))
        collect_columns(x, child, relation, out);
}

const char *const *expression_columns(
    struct analysis *x, const struct sql_node *expression, const struct relation *relation, size_t *count)
{
    struct name_list list = {0};

    collect_columns(x, expression, relation, &list);
    *count = list.items.count;
    return list.items.items;
}

static void collect_not_null(struct analysis *x, const struct sql_node *condition, struct name_list *out)
{
    const struct sql_node *test = sql_as(condition, "NullTest"), *boolean = sql_as(condition, "BoolExpr");
    const char *name = sql_list_string(sql_get(sql_as(sql_get(test, "arg"), "ColumnRef"), "fields"), SIZE_MAX);

    if (name && sql_text_is(test, "nulltesttype", "IS_NOT_NULL"))
        add_name(x, out, name);
    if (sql_text_is(boolean, "boolop", "AND_EXPR"))
        for (const struct sql_node *item = sql_first(sql_get(boolean, "args")); item; item = sql_next(item))
            collect_not_null(x, item, out);
}

const char *const *expression_not_null(struct analysis *x, const struct sql_node *condition, size_t *count)
{
    struct name_list list = {0};

    collect_not_null(x, condition, &list);
    *count = list.items.count;
    return list.items.items;
}

void expression_relations(struct analysis *x, const struct sql_node *tree, struct relation_list *out)
{
    const struct sql_node *fields = sql_fields(tree);

    if (sql_text(fields, "relname") && !is_cte(x, fields)) {
        struct relation *relation = analysis_relation(x, fields);
        bool known = !relation;

        for (size_t i = 0; i < out->items.count && !known; i++)
            known = out->items.items[i] == relation;
        if (!known)
            VEC_PUSH(x->scratch, &out->items, relation);
    }
    for (const struct sql_node *child = sql_children(fields); child; child = sql_next(child))
        expression_relations(x, child, out);
}
