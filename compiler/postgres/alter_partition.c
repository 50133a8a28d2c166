/* ALTER TABLE on partitions and on tables that inherit. */
#include <string.h>

#include "compiler/postgres/alter.h"
#include "compiler/postgres/lex.h"
#include "compiler/postgres/partition.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

/* A valid CHECK on every column of the partition key lets ATTACH trust the rows. That it implies the bound is for the
 * server to decide; here it is taken at its word. */
static const struct constraint *find_bound_check(const struct relation *parent, const struct relation *child)
{
    for (size_t i = 0; i < child->constraints.count; i++) {
        const struct constraint *constraint = child->constraints.items[i];

        if (constraint->kind != CONSTRAINT_CHECK || !constraint->valid || !constraint->column_count)
            continue;
        for (size_t k = 0; k < constraint->column_count; k++) {
            size_t end;

            if (parent->partition_by &&
                lex_find_name(str_from(parent->partition_by), 0, SIZE_MAX, constraint->columns[k], &end) != SIZE_MAX)
                return constraint;
        }
    }
    return NULL;
}

static void lock_default_partition(struct command *c, bool attaching, const struct relation *except)
{
    struct relation *other = partition_find_default(c->relation);
    struct lock *lock;

    if (!other || other == except)
        return;
    lock = analysis_lock(c->x, other, LOCK_ACCESS_EXCLUSIVE);
    if (!attaching || find_bound_check(c->relation, other))
        return;
    lock->scan = true;
    if (lock->live)
        analysis_help(c->x,
            analysis_find(c->x, DIAG(PG118), c->from, c->from,
                "attaching '%s' scans the default partition '%s' while nobody can read or write it",
                except ? except->name : "it", other->name),
            "add a CHECK that excludes the new partition's bound to it NOT VALID, and validate that before");
}

/* --- ATTACH ------------------------------------------------------------------------------------------------------ */

static void report_misfit(struct command *c, const struct relation *child, const char *what)
{
    size_t end, at = analysis_find_name(c->x, child->name, c->from, &end);

    analysis_error(
        c->x, DIAG(PG060), at, end, "'%s' cannot become a partition of '%s': %s", child->name, c->relation->name, what);
}

/* A relation that is part of itself would have no end. */
static bool is_circle(const struct relation *child, const struct relation *parent)
{
    while (parent && parent != child)
        parent = parent->parent;
    return parent != NULL;
}

static const char *bound_text(const struct command *c, const struct relation *child, const struct sql_node *bound)
{
    const struct analysis *x = c->x;
    size_t end;

    if (sql_flag(bound, "is_default"))
        return "DEFAULT";
    analysis_find_name(x, child->name, analysis_behind_word(x, "partition", c->from), &end);
    end = lex_next(&(struct lexer){.text = x->sql, .at = end}).start;
    return analysis_slice(x, end, lex_expression_end(x->sql, end, x->node->end));
}

/* The server wants the same columns with the same types, and its parent's NOT NULLs and checks. */
static bool fits(struct command *c, const struct relation *child)
{
    const struct relation *parent = c->relation;
    struct arena *arena = c->x->arena;
    const char *what = NULL;

    if (is_circle(child, parent))
        what = "it would be a partition of itself";
    else if (!relation_is_table(child))
        what = "it is no table";
    else if (parent->opaque || child->opaque)
        return true;
    else if (parent->kind != RELATION_PARTITIONED)
        what = arena_printf(arena, "'%s' is not partitioned", parent->name);
    else if (child->parent)
        what = arena_printf(arena, "it is one of '%s' already", child->parent->name);
    for (size_t i = 0; i < parent->columns.count && !what; i++) {
        const struct column *wanted = parent->columns.items[i], *column = relation_find_column(child, wanted->name);

        if (!column)
            what = arena_printf(arena, "it has no column '%s'", wanted->name);
        else if (strcmp(column->type.text, wanted->type.text) != 0)
            what = arena_printf(
                arena, "its column '%s' is %s, not %s", column->name, column->type.text, wanted->type.text);
        else if (wanted->not_null && !column->not_null)
            what = arena_printf(arena, "its column '%s' can be null", column->name);
    }
    for (size_t i = 0; i < child->columns.count && !what; i++)
        if (!relation_find_column(parent, child->columns.items[i]->name))
            what = arena_printf(arena, "'%s' has no column '%s'", parent->name, child->columns.items[i]->name);
    for (size_t i = 0; i < parent->constraints.count && !what; i++)
        if (parent->constraints.items[i]->kind == CONSTRAINT_CHECK &&
            !relation_find_constraint(child, parent->constraints.items[i]->name))
            what = arena_printf(arena, "it lacks the check '%s'", parent->constraints.items[i]->name);
    if (!what)
        what = partition_refuses(arena, c->x->scratch, parent, str_from(bound_text(c, child, sql_get(c->def, "bound"))));
    if (what)
        report_misfit(c, child, what);
    return !what;
}

/* What the new partition lacks the server makes while both are locked; detaching leaves it there. */
static void make_index(struct command *c, struct relation *child, struct relation *index)
{
    struct analysis *x = c->x;
    const struct constraint *constraint = index->index->constraint;
    struct constraint *copy;
    struct relation *made;

    analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE)->scan = true;
    if (!constraint) {
        analyse_partition_index(x, index, child);
        made = child->indexes.count ? child->indexes.items[child->indexes.count - 1] : NULL;
        if (made)
            command_undo(c, arena_printf(x->arena, "DROP INDEX IF EXISTS %s", made->qualified));
        return;
    }
    copy = catalog_add_constraint(x->catalog, child, constraint->kind,
        analyse_constraint_name(x, child, constraint->columns,
            constraint->kind == CONSTRAINT_PRIMARY_KEY ? 0 : constraint->column_count,
            constraint->kind == CONSTRAINT_PRIMARY_KEY ? "pkey" : "key"));
    copy->columns = constraint->columns;
    copy->column_count = constraint->column_count;
    copy->expression = constraint->expression;
    copy->options = constraint->options;
    made = analyse_key_index(x, child, copy, NULL);
    *made->index = *index->index;
    made->index->table = child;
    made->index->constraint = copy;
    catalog_set_parent(x->catalog, made, index);
    command_undo(c, arena_printf(x->arena, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", child->qualified,
                        quote_name(x->arena, copy->name)));
}

static void make_foreign_key(struct command *c, struct relation *child, const struct constraint *foreign_key)
{
    struct analysis *x = c->x;
    struct constraint *copy;

    if (partition_find_foreign_key(child, foreign_key))
        return;
    analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE)->scan = true;
    copy = catalog_add_constraint(x->catalog, child, CONSTRAINT_FOREIGN_KEY,
        relation_find_constraint(child, foreign_key->name)
            ? analyse_constraint_name(x, child, foreign_key->columns, foreign_key->column_count, "fkey")
            : foreign_key->name);
    copy->columns = foreign_key->columns;
    copy->column_count = foreign_key->column_count;
    copy->referenced_columns = foreign_key->referenced_columns;
    copy->referenced_count = foreign_key->referenced_count;
    copy->options = foreign_key->options;
    if (foreign_key->referenced) {
        analysis_lock(x, foreign_key->referenced, LOCK_SHARE_ROW_EXCLUSIVE);
        catalog_set_reference(x->catalog, copy, foreign_key->referenced);
    }
    command_undo(c, arena_printf(x->arena, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", child->qualified,
                        quote_name(x->arena, copy->name)));
}

static void share_with_parent(struct command *c, struct relation *child)
{
    for (size_t i = 0; i < c->relation->indexes.count; i++) {
        struct relation *index = c->relation->indexes.items[i], *own = partition_find_index(child, index);

        if (own)
            catalog_set_parent(c->x->catalog, own, index);
        else
            make_index(c, child, index);
    }
    for (size_t i = 0; i < c->relation->constraints.count; i++)
        if (c->relation->constraints.items[i]->kind == CONSTRAINT_FOREIGN_KEY)
            make_foreign_key(c, child, c->relation->constraints.items[i]);
}

static const char *attach_probe(struct command *c, const struct relation *child)
{
    struct arena *arena = c->x->arena;

    return arena_printf(arena,
        "SELECT CASE WHEN i.inhrelid IS NULL THEN 'not done' WHEN i.inhparent IS DISTINCT FROM "
        "pg_catalog.to_regclass(%s) OR pg_catalog.to_jsonb(i) ->> 'inhdetachpending' = 'true' THEN 'other' ELSE 'done' "
        "END, CASE WHEN i.inhparent IS DISTINCT FROM pg_catalog.to_regclass(%s) THEN 'it is a partition of ' || "
        "i.inhparent::pg_catalog.regclass WHEN pg_catalog.to_jsonb(i) ->> 'inhdetachpending' = 'true' THEN 'it is "
        "being detached' END FROM (SELECT 1) AS w LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = "
        "pg_catalog.to_regclass(%s)",
        quote_literal(arena, c->relation->qualified), quote_literal(arena, c->relation->qualified),
        quote_literal(arena, child->qualified));
}

void alter_attach_partition(struct command *c)
{
    struct analysis *x = c->x;
    const struct sql_node *bound = sql_get(c->def, "bound");
    struct relation *child = analysis_relation(x, sql_get(c->def, "name"));
    struct lock *lock;

    if (!child)
        return;
    if (child->kind == RELATION_INDEX) {
        analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
        if (c->relation->kind == RELATION_INDEX && !child->parent && !is_circle(child, c->relation))
            catalog_set_parent(x->catalog, child, c->relation);
        /* nothing takes an index of a partition off again but dropping the whole: it goes with what it belongs to */
        return;
    }
    if (!fits(c, child))
        return;
    lock = analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
    lock->scan |= !find_bound_check(c->relation, child);
    if (lock->scan && lock->live)
        analysis_help(x,
            analysis_find(x, DIAG(PG118), c->from, c->from, "attaching '%s' scans it while nobody can read or write it",
                child->name),
            "add a CHECK with the partition's bound NOT VALID, validate it, attach, and drop the CHECK");
    lock_default_partition(c, true, child);
    command_undo(
        c, arena_printf(x->arena, "ALTER TABLE %s DETACH PARTITION %s", c->relation->qualified, child->qualified));
    catalog_set_parent(x->catalog, child, c->relation);
    child->is_default_partition = sql_flag(bound, "is_default");
    child->partition_bound = bound_text(c, child, bound);
    share_with_parent(c, child);
    analysis_touch_partition(x, c->relation, child);
    c->probe = attach_probe(c, child);
}

/* --- DETACH ------------------------------------------------------------------------------------------------------ */

static const char *detach_probe(struct command *c, const struct relation *child)
{
    struct arena *arena = c->x->arena;
    const char *parent = quote_literal(arena, c->relation->qualified), *name = quote_literal(arena, child->qualified);

    return arena_printf(arena,
        "SELECT CASE WHEN pg_catalog.to_regclass(%s) IS NULL THEN 'other' WHEN i.inhrelid IS NULL THEN 'done' WHEN "
        "i.inhparent IS DISTINCT FROM pg_catalog.to_regclass(%s) THEN 'other' WHEN pg_catalog.to_jsonb(i) ->> "
        "'inhdetachpending' = 'true' THEN 'half done' ELSE 'not done' END, CASE WHEN pg_catalog.to_regclass(%s) IS "
        "NULL THEN 'it is not there' WHEN i.inhparent IS DISTINCT FROM pg_catalog.to_regclass(%s) THEN 'it is a "
        "partition of ' || i.inhparent::pg_catalog.regclass WHEN pg_catalog.to_jsonb(i) ->> 'inhdetachpending' = "
        "'true' THEN 'it is detached halfway' END FROM (SELECT 1) AS w LEFT JOIN pg_catalog.pg_inherits i ON "
        "i.inhrelid = pg_catalog.to_regclass(%s)",
        name, parent, name, parent, name);
}

/* Detached concurrently, a partition keeps its bound as a CHECK, unless it had one already. */
static void keep_bound(struct command *c, struct relation *child)
{
    struct analysis *x = c->x;
    const char *condition =
        child->partition_bound ? partition_condition(x->arena, c->relation, str_from(child->partition_bound)) : NULL;
    const char *columns[1] = {NULL};
    struct constraint *constraint;
    size_t count = 0;

    if (!condition || find_bound_check(c->relation, child))
        return;
    for (size_t i = 0; i < child->columns.count; i++) {
        size_t end;

        if (lex_find_name(str_from(condition), 0, SIZE_MAX, child->columns.items[i]->name, &end) != SIZE_MAX) {
            columns[0] = child->columns.items[i]->name;
            count++;
        }
    }
    constraint = catalog_add_constraint(
        x->catalog, child, CONSTRAINT_CHECK, analyse_constraint_name(x, child, columns, count == 1, "check"));
    constraint->expression = condition;
    if (count == 1) {
        const char **kept = ARENA_ARRAY(x->arena, const char *, 1);

        kept[0] = columns[0];
        constraint->columns = kept;
        constraint->column_count = 1;
    }
    command_undo(c, arena_printf(x->arena, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", child->qualified,
                        quote_name(x->arena, constraint->name)));
}

static void remove_child(struct relation *parent, const struct relation *child)
{
    for (size_t i = 0; i < parent->children.count; i++)
        if (parent->children.items[i] == child) {
            memmove(&parent->children.items[i], &parent->children.items[i + 1],
                (parent->children.count - i - 1) * sizeof(parent->children.items[0]));
            parent->children.count--;
            return;
        }
}

static void lint_detach(struct command *c, const struct relation *child)
{
    size_t end, at = analysis_find_name(c->x, child->name, c->from, &end);

    if (analysis_is_live(c->x, c->relation) && analysis_is_live(c->x, child) && !partition_find_default(c->relation))
        analysis_help(c->x,
            analysis_find(c->x, DIAG(PG117), at, end,
                "detaching '%s' waits for every query on '%s', and all that come after wait behind it", child->name,
                c->relation->name),
            "use the step detach_partition, or DETACH PARTITION … CONCURRENTLY");
}

void alter_detach_partition(struct command *c)
{
    struct analysis *x = c->x;
    struct relation *child = analysis_relation(x, sql_get(c->def, "name"));
    bool concurrent = sql_flag(c->def, "concurrent");

    if (!child)
        return;
    if (!c->relation->opaque && !child->opaque && child->parent != c->relation) {
        size_t end, at = analysis_find_name(x, child->name, c->from, &end);

        analysis_error(x, DIAG(PG061), at, end, "'%s' is no partition of '%s' at this point of the history",
            child->name, c->relation->name);
        return;
    }
    analysis_lock(x, child, LOCK_ACCESS_EXCLUSIVE);
    if (!child->partition_bound)
        inverse_impossible(&c->inverse, x->arena, "the partition's bound is not known: write 'down:'");
    else
        command_undo(c, arena_printf(x->arena, "ALTER TABLE %s ATTACH PARTITION %s %s", c->relation->qualified,
                            child->qualified, child->partition_bound));
    if (concurrent) {
        x->out->alone = x->out->concurrent = true;
        x->out->repair = arena_printf(
            x->arena, "ALTER TABLE %s DETACH PARTITION %s FINALIZE", c->relation->qualified, child->qualified);
        keep_bound(c, child);
    } else {
        lock_default_partition(c, false, child);
        lint_detach(c, child);
    }
    c->probe = detach_probe(c, child);
    child->parent = NULL;
    child->partition_bound = NULL;
    child->is_default_partition = false;
    remove_child(c->relation, child);
    for (size_t i = 0; i < child->indexes.count; i++)
        if (child->indexes.items[i]->parent) {
            remove_child(child->indexes.items[i]->parent, child->indexes.items[i]);
            child->indexes.items[i]->parent = NULL;
        }
    analysis_touch_partition(x, c->relation, child);
}

/* A circle of parents would have no end. */
static bool may_inherit(struct command *c, const struct relation *parent)
{
    struct relation_list below = {0};
    bool circle = parent == c->relation;
    size_t end, at;

    analysis_descendants(c->x, c->relation, &below);
    for (size_t i = 0; i < below.items.count; i++)
        circle = circle || below.items.items[i] == parent;
    if (!circle)
        return true;
    at = analysis_find_name(c->x, parent->name, c->from, &end);
    analysis_error(
        c->x, DIAG(PG060), at, end, "'%s' cannot inherit from '%s', which inherits from it", c->relation->name, parent->name);
    return false;
}

void alter_inherit(struct command *c)
{
    struct relation *parent = analysis_relation(c->x, sql_fields(c->def));

    if (!parent || !may_inherit(c, parent))
        return;
    analysis_lock(c->x, parent, LOCK_SHARE_UPDATE_EXCLUSIVE);
    analysis_touch(c->x, parent);
    if (!c->relation->parent)
        catalog_set_parent(c->x->catalog, c->relation, parent);
    command_undo(
        c, arena_printf(c->x->arena, "ALTER TABLE %s NO INHERIT %s", c->relation->qualified, parent->qualified));
}

void alter_no_inherit(struct command *c)
{
    struct relation *parent = analysis_relation(c->x, sql_fields(c->def));

    if (!parent)
        return;
    analysis_lock(c->x, parent, LOCK_ACCESS_SHARE);
    analysis_touch(c->x, parent);
    if (c->relation->parent == parent)
        catalog_clear_parent(c->relation);
    command_undo(
        c, arena_printf(c->x->arena, "ALTER TABLE %s INHERIT %s", c->relation->qualified, parent->qualified));
    inverse_lossy(&c->inverse, c->x->arena,
        arena_printf(c->x->arena, "which columns table %s had from %s alone", c->relation->qualified, parent->qualified));
}
