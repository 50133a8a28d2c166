/* ALTER TABLE on constraints. */
#include <string.h>

#include "compiler/postgres/alter.h"
#include "compiler/postgres/probe.h"
#include "compiler/postgres/quote.h"

static void lint_constraint(struct command *c, const struct constraint *constraint)
{
    const char *table = c->relation->name;

    if (!command_is_live(c) || !command_lock(c)->scan)
        return;
    switch (constraint->kind) {
    case CONSTRAINT_CHECK:
        analysis_help(c->x,
            command_finding(c, DIAG(PG103),
                arena_printf(
                    c->x->arena, "adding this check scans table '%s' while nobody can read or write it", table)),
            "use the step add_check, or add it NOT VALID and validate it in a later transaction");
        break;
    case CONSTRAINT_FOREIGN_KEY:
        analysis_help(c->x,
            command_finding(c, DIAG(PG103),
                arena_printf(c->x->arena,
                    "adding this foreign key scans table '%s' while nobody can write it or table '%s'", table,
                    constraint->referenced ? constraint->referenced->name : "")),
            "use the step add_foreign_key, or add it NOT VALID and validate it in a later transaction");
        break;
    case CONSTRAINT_PRIMARY_KEY:
    case CONSTRAINT_UNIQUE:
        analysis_help(c->x,
            command_finding(c, DIAG(PG105),
                arena_printf(
                    c->x->arena, "this key's index is built while nobody can read or write table '%s'", table)),
            "use the step add_unique or add_primary_key, or build a unique index CONCURRENTLY and add the key USING "
            "INDEX");
        break;
    case CONSTRAINT_EXCLUSION:
        analysis_help(c->x,
            command_finding(c, DIAG(PG120),
                arena_printf(c->x->arena,
                    "this exclusion constraint's index is built while nobody can read or write table '%s'", table)),
            "there is no online form: do it in a quiet hour, or build a new table");
        break;
    }
}

/* What a primary key makes NOT NULL stays so when the key goes. */
static void undo_key(struct command *c, const struct constraint *constraint, const bool *was_not_null)
{
    struct arena *arena = c->x->arena;

    for (size_t i = 0; constraint->kind == CONSTRAINT_PRIMARY_KEY && i < constraint->column_count; i++)
        if (!was_not_null[i])
            command_undo(c, arena_printf(arena, "ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", c->relation->qualified,
                                quote_name(arena, constraint->columns[i])));
}

static void note_not_null(struct command *c, const struct sql_node *def, bool *out, size_t max)
{
    struct relation *index = sql_text(def, "indexname")
                                 ? catalog_find_relation(c->x->catalog, c->relation->schema, sql_text(def, "indexname"))
                                 : NULL;
    size_t i = 0;

    memset(out, 0, max * sizeof(*out));
    if (index && index->index)
        for (; i < index->index->element_count && i < max; i++) {
            const struct column *column = index->index->elements[i].column
                                              ? relation_find_column(c->relation, index->index->elements[i].column)
                                              : NULL;

            out[i] = column && column->not_null;
        }
    for (const struct sql_node *item = sql_first(sql_get(def, "keys")); item && i < max; item = sql_next(item), i++) {
        const struct column *column = relation_find_column(c->relation, sql_string(item));

        out[i] = column && column->not_null;
    }
}

enum { KEY_COLUMNS_MAX = 32 }; /* INDEX_MAX_KEYS */

/* A partition gets the constraint, too, and is locked as the parent is. */
static void add_to_children(struct command *c, const struct relation *parent, const struct constraint *constraint)
{
    struct analysis *x = c->x;
    bool key = constraint->kind == CONSTRAINT_PRIMARY_KEY || constraint->kind == CONSTRAINT_UNIQUE;

    for (size_t i = 0; i < parent->children.count; i++) {
        struct relation *child = parent->children.items[i];
        const struct lock above = *command_lock(c);
        struct constraint *copy;

        analysis_lock(x, child, above.mode)->scan |= above.scan;
        analysis_touch(x, child);
        if (key ? parent->kind != RELATION_PARTITIONED : constraint->kind != CONSTRAINT_CHECK)
            continue; /* what only inherits has keys of its own */
        if (relation_find_constraint(child, constraint->name))
            continue;
        copy = catalog_add_constraint(x->catalog, child, constraint->kind,
            key ? analyse_constraint_name(x, child, constraint->columns,
                      constraint->kind == CONSTRAINT_UNIQUE ? constraint->column_count : 0,
                      constraint->kind == CONSTRAINT_UNIQUE ? "key" : "pkey")
                : constraint->name);
        copy->columns = constraint->columns;
        copy->column_count = constraint->column_count;
        copy->expression = constraint->expression;
        copy->not_null = constraint->not_null;
        copy->not_null_count = constraint->not_null_count;
        copy->valid = constraint->valid;
        if (key && constraint->index) {
            analyse_key_index(x, child, copy, NULL);
            catalog_set_parent(x->catalog, copy->index, constraint->index);
        }
        add_to_children(c, child, copy);
    }
}

/* Checks have their parent's name; keys go with the index. */
static void drop_from_children(struct command *c, const struct relation *parent, const char *name)
{
    struct relation_list children = {0};

    analysis_descendants(c->x, parent, &children);
    for (size_t i = 0; i < children.items.count; i++) {
        struct relation *child = children.items.items[i];
        struct constraint *constraint = relation_find_constraint(child, name);

        analysis_lock(c->x, child, LOCK_ACCESS_EXCLUSIVE);
        analysis_touch(c->x, child);
        if (constraint && constraint->kind == CONSTRAINT_CHECK)
            catalog_drop_constraint(c->x->catalog, constraint, c->x->analyser->migration_id);
    }
}

/* Validated for the parent, a check is validated for each partition. */
static void validate_in_children(struct command *c, const struct relation *parent, const char *name)
{
    struct relation_list children = {0};

    analysis_descendants(c->x, parent, &children);
    for (size_t i = 0; i < children.items.count; i++) {
        struct relation *child = children.items.items[i];
        struct constraint *constraint = relation_find_constraint(child, name);

        analysis_lock(c->x, child, LOCK_SHARE_UPDATE_EXCLUSIVE)->scan = true;
        analysis_touch(c->x, child);
        if (constraint)
            constraint->valid = true;
    }
}

/* An index that an earlier migration made was there before it became a constraint's; NULL: no such one. */
static const char *index_before(struct command *c)
{
    const char *name = sql_text(c->def, "indexname");
    const struct relation *index =
        name ? catalog_find_relation(c->x->catalog, c->relation->schema, name) : NULL;

    return index && index->index && analysis_is_live(c->x, index) ? catalog_index_sql(c->x->arena, index, false) : NULL;
}

void alter_add_constraint(struct command *c)
{
    struct analysis *x = c->x;
    bool not_valid = sql_flag(c->def, "skip_validation"), was_not_null[KEY_COLUMNS_MAX], nullable = false;
    bool from_index = sql_text(c->def, "indexname") != NULL;
    const char *index = index_before(c);
    struct constraint *constraint;

    c->from = sql_location(c->def);
    note_not_null(c, c->def, was_not_null, KEY_COLUMNS_MAX);
    constraint = analyse_constraint(x, c->relation, c->def, x->node->end, NULL);
    if (!constraint || constraint->column_count > KEY_COLUMNS_MAX)
        return;
    c->name = constraint->name;
    constraint->valid = !not_valid;
    constraint->born = x->analyser->ordinal;
    if (constraint->referenced && constraint->referenced != c->relation) {
        struct lock *lock = analysis_lock(x, constraint->referenced, LOCK_SHARE_ROW_EXCLUSIVE);

        lock->scan |= !not_valid;
        analysis_lock_partitions(x, constraint->referenced, LOCK_SHARE_ROW_EXCLUSIVE);
    }
    for (size_t i = 0; constraint->kind == CONSTRAINT_PRIMARY_KEY && i < constraint->column_count; i++)
        nullable = nullable || !was_not_null[i];
    command_lock(c)->scan |=
        (!not_valid && !from_index) || (from_index && constraint->kind == CONSTRAINT_PRIMARY_KEY && nullable);
    add_to_children(c, c->relation, constraint);
    lint_constraint(c, constraint);
    x->out->adds_not_valid = not_valid;
    x->out->constraint = constraint->name;
    command_undo(c, command_alter(c, "DROP CONSTRAINT ", constraint->name));
    if (index)
        command_undo(c, index);
    undo_key(c, constraint, was_not_null);
    c->probe = sql_probe_constraint(x->arena, constraint);
}

struct constraint *command_find_constraint(struct command *c)
{
    struct constraint *constraint = relation_find_constraint(c->relation, c->name);
    const char **names;
    struct diag *diag;
    size_t at, end;

    if (constraint || c->relation->opaque || sql_flag(c->fields, "missing_ok"))
        return constraint;
    at = analysis_find_name(c->x, c->name, c->from, &end);
    diag = analysis_error(c->x, DIAG(PG006), at, end, "table '%s' has no constraint '%s' at this point of the history",
        c->relation->name, c->name);
    names = ARENA_ARRAY(c->x->scratch, const char *, c->relation->constraints.count + 1);
    for (size_t i = 0; i < c->relation->constraints.count; i++)
        names[i] = c->relation->constraints.items[i]->name;
    analysis_did_you_mean(c->x, diag, c->name, names, c->relation->constraints.count);
    return NULL;
}

static const char *constraint_object(struct command *c, const struct constraint *constraint)
{
    return quote_on(c->x->arena, "CONSTRAINT", constraint->name, c->relation->qualified);
}

/* Adds it again as it is now. */
static void undo_by_adding(struct command *c, const struct constraint *constraint, const char *before)
{
    command_undo(c, arena_printf(c->x->arena, "ALTER TABLE %s %sADD CONSTRAINT %s %s", c->relation->qualified, before,
                        quote_name(c->x->arena, constraint->name), catalog_constraint_sql(c->x->arena, constraint)));
    inverse_comment(&c->inverse, c->x->arena, constraint_object(c, constraint), constraint->comment);
}

/* The server has no way back from a validated constraint but to add it anew. What the same migration added goes when that
 * is undone. */
static void undo_validate(struct command *c, const struct constraint *constraint)
{
    if (constraint->born != c->x->analyser->ordinal)
        undo_by_adding(c, constraint,
            arena_printf(c->x->arena, "DROP CONSTRAINT %s, ", quote_name(c->x->arena, constraint->name)));
}

void alter_validate_constraint(struct command *c)
{
    struct analysis *x = c->x;
    struct constraint *constraint = command_find_constraint(c);

    if (!constraint)
        return;
    if (!constraint->valid) {
        command_lock(c)->scan = true;
        if (constraint->referenced && constraint->referenced != c->relation)
            analysis_lock(x, constraint->referenced, LOCK_ROW_SHARE)->scan = true;
        undo_validate(c, constraint);
    }
    constraint->valid = true;
    validate_in_children(c, c->relation, constraint->name);
    x->out->validates = true;
    x->out->constraint = constraint->name;
    c->probe = sql_probe_validated(x->arena, constraint);
}

static bool same_columns(const struct constraint *foreign_key, const struct constraint *key)
{
    if (foreign_key->referenced_count != key->column_count)
        return false;
    for (size_t i = 0; i < key->column_count; i++)
        if (!relation_has_column_in(foreign_key->referenced_columns, foreign_key->referenced_count, key->columns[i]))
            return false;
    return true;
}

static void drop_dependents(struct command *c, const struct constraint *key)
{
    struct analysis *x = c->x;

    analysis_touch(x, key->index);
    for (size_t i = 0; i < key->index->children.count; i++)
        analysis_touch(x, key->index->children.items[i]);
    for (size_t i = c->relation->referenced_by.count; i > 0; i--) {
        struct constraint *dependent = c->relation->referenced_by.items[i - 1];

        if (!same_columns(dependent, key))
            continue;
        analysis_touch(x, dependent->relation);
        analysis_lock(x, dependent->relation, LOCK_ACCESS_EXCLUSIVE);
        catalog_drop_constraint(x->catalog, dependent, x->analyser->migration_id);
        inverse_impossible(&c->inverse, x->arena,
            arena_printf(x->arena, "a foreign key of table %s goes with it: write 'down:'", dependent->relation->qualified));
    }
}

void alter_drop_constraint(struct command *c)
{
    struct analysis *x = c->x;
    struct constraint *constraint = command_find_constraint(c);

    if (!constraint)
        return;
    if (constraint->index && !sql_text_is(c->fields, "behavior", "DROP_CASCADE"))
        for (size_t i = 0; i < c->relation->referenced_by.count; i++) {
            const struct constraint *dependent = c->relation->referenced_by.items[i];
            size_t end, at = analysis_find_name(x, c->name, c->from, &end);

            if (!same_columns(dependent, constraint))
                continue;
            analysis_help(x,
                analysis_error(x, DIAG(PG015), at, end, "foreign key '%s' of table '%s' needs constraint '%s'",
                    dependent->name, dependent->relation->name, c->name),
                "drop the foreign key before");
            return;
        }
    x->out->phase = command_is_live(c) ? PHASE_CONTRACT : PHASE_EXPAND;
    if (constraint->referenced) {
        size_t end, at = analysis_find_name(x, c->name, c->from, &end);

        analysis_lock(x, constraint->referenced, LOCK_ACCESS_EXCLUSIVE);
        analysis_find_referenced(x, constraint, at, end);
    }
    undo_by_adding(c, constraint, "");
    if (constraint->index)
        inverse_comment(&c->inverse, x->arena, arena_printf(x->arena, "INDEX %s", constraint->index->qualified),
            constraint->index->comment);
    for (size_t i = 0; constraint->kind == CONSTRAINT_PRIMARY_KEY && i < constraint->column_count; i++) {
        struct column *column = relation_find_column(c->relation, constraint->columns[i]);

        if (column)
            column->primary = false;
    }
    c->probe = sql_probe_no_constraint(x->arena, c->relation->qualified, c->name);
    drop_from_children(c, c->relation, c->name);
    if (constraint->index) /* CASCADE takes foreign keys to it along */
        drop_dependents(c, constraint);
    catalog_drop_constraint(x->catalog, constraint, x->analyser->migration_id);
}

/* The options with another DEFERRABLE, which is their last. */
static const char *with_deferral(struct arena *arena, const char *options, const char *deferral)
{
    const char *deferrable = strstr(options, " DEFERRABLE"), *initially = strstr(options, " INITIALLY");
    const char *end = deferrable && (!initially || deferrable < initially) ? deferrable : initially;

    return arena_printf(arena, "%.*s%s", end ? (int)(end - options) : (int)strlen(options), options, deferral);
}

void alter_constraint(struct command *c)
{
    struct constraint *constraint;

    c->name = sql_text(c->def, "conname");
    constraint = command_find_constraint(c);
    if (!constraint)
        return;
    command_undo(c, arena_printf(c->x->arena, "ALTER TABLE %s ALTER CONSTRAINT %s %s", c->relation->qualified,
                        quote_name(c->x->arena, constraint->name),
                        strstr(constraint->options, "INITIALLY DEFERRED") ? "DEFERRABLE INITIALLY DEFERRED"
                        : strstr(constraint->options, "DEFERRABLE")       ? "DEFERRABLE"
                                                                          : "NOT DEFERRABLE"));
    constraint->options = with_deferral(c->x->arena, constraint->options, analyse_deferral(c->def));
}
