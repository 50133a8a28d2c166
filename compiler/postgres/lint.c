/* Rules that look at more than one statement: the transactions of a migration, and the history as a whole. */
#include <string.h>

#include "compiler/postgres/backend.h"

static struct diag *find(struct backend *backend, const struct project_migration *migration,
    const struct diag_code *code, struct span span, const char *message)
{
    if (allowance_use(migration, code->name))
        return NULL;
    return diag_report(backend->compilation->diags, code, span, "%s", message);
}

static bool is_step(const struct plan_step *step, const char *migration, const struct placed_statement *placed)
{
    size_t migration_len = strlen(migration), step_len = strlen(placed->step);

    return strncmp(step->id, migration, migration_len) == 0 && step->id[migration_len] == '/' &&
           strncmp(step->id + migration_len + 1, placed->step, step_len) == 0 &&
           step->id[migration_len + 1 + step_len] == '/' &&
           strcmp(step->id + migration_len + 2 + step_len, placed->part) == 0;
}

static const struct lock *exclusive_lock(const struct statement *statement)
{
    for (size_t i = 0; i < statement->locks.count; i++) {
        const struct lock *lock = &statement->locks.items[i];

        if (lock->mode == LOCK_ACCESS_EXCLUSIVE && lock->live && !lock->created && lock->kind != RELATION_INDEX &&
            lock->kind != RELATION_SEQUENCE)
            return lock;
    }
    return NULL;
}

/* Takes long: reads or writes a whole table that others use. */
static bool is_long(const struct statement *statement)
{
    if (statement->changes_rows)
        return true;
    for (size_t i = 0; i < statement->locks.count; i++)
        if (statement->locks.items[i].live && (statement->locks.items[i].scan || statement->locks.items[i].rewrite) &&
            strcmp(statement->tag, "SelectStmt") != 0)
            return true;
    return false;
}

static void lint_validation(struct backend *backend, const struct project_migration *migration,
    const struct statement *added, const struct statement *validated)
{
    struct diag *diag = find(backend, migration, DIAG(PG104), statement_span(validated),
        arena_printf(backend->arena,
            "constraint '%s' is validated in the transaction that adds it: the lock lasts through the scan",
            validated->constraint));

    if (!diag)
        return;
    diag_add_note(backend->compilation->diags, diag, statement_span(added), "it is added here");
    diag_add_help(
        backend->compilation->diags, diag, "validate it in a later migration, or use the step that does both");
}

static void lint_long(struct backend *backend, const struct project_migration *migration,
    const struct statement *holder, const struct statement *slow)
{
    const char *table = exclusive_lock(holder)->relation->name;
    struct diag *diag = find(backend, migration, DIAG(PG108), statement_span(slow),
        arena_printf(backend->arena, "this may take long, and nobody can read or write '%s' until it is done", table));

    if (!diag)
        return;
    diag_add_note(
        backend->compilation->diags, diag, statement_span(holder), "the same transaction locks '%s' here", table);
    diag_add_help(backend->compilation->diags, diag, "give each its own migration");
}

/* One transaction's statements so far. */
struct transaction {
    const char *group;
    const struct statement *holder; /* the last one that locks a live table exclusively */
    VEC(const struct statement *) not_valid;
};

static void lint_statement(struct backend *backend, const struct project_migration *migration, struct transaction *open,
    const struct statement *statement)
{
    bool found = false;

    for (size_t i = 0; statement->validates && i < open->not_valid.count; i++)
        if (strcmp(open->not_valid.items[i]->constraint, statement->constraint) == 0) {
            lint_validation(backend, migration, open->not_valid.items[i], statement);
            found = true;
        }
    if (!found && open->holder && is_long(statement))
        lint_long(backend, migration, open->holder, statement);
    if (exclusive_lock(statement))
        open->holder = statement;
    if (statement->adds_not_valid)
        VEC_PUSH(backend->arena, &open->not_valid, statement);
}

void lint_migration(
    struct backend *backend, const struct project_migration *migration, const struct plan_step *steps, size_t count)
{
    struct transaction open = {0};

    for (size_t i = 0, step = 0; i < backend->statements.count; i++) { /* both are in order */
        const char *group;

        while (step < count && !is_step(&steps[step], migration->id, &backend->statements.items[i]))
            step++;
        group = step < count ? steps[step].group : NULL;
        if (!group || !open.group || strcmp(group, open.group) != 0)
            open = (struct transaction){.group = group};
        if (group)
            lint_statement(backend, migration, &open, &backend->statements.items[i].statement);
    }
}

/* --- the history ------------------------------------------------------------------------------------------------- */

static bool is_covered(const struct constraint *foreign_key)
{
    const struct relation *relation = foreign_key->relation;

    for (size_t i = 0; i < relation->indexes.count; i++) {
        const struct index *index = relation->indexes.items[i]->index;
        size_t matched = 0;

        for (size_t k = 0; k < index->element_count && k < foreign_key->column_count; k++)
            matched += index->elements[k].column && relation_has_column_in(foreign_key->columns,
                                                        foreign_key->column_count, index->elements[k].column);
        if (matched == foreign_key->column_count && !index->where)
            return true;
    }
    return false;
}

static void lint_foreign_key(struct backend *backend, const struct project_migration *migration, struct span span,
    const struct constraint *foreign_key)
{
    struct diag *diag;

    if (relation_find_constraint(foreign_key->relation, foreign_key->name) != foreign_key || is_covered(foreign_key))
        return;
    diag = find(backend, migration, DIAG(PG301), span,
        arena_printf(backend->arena, "no index begins with the columns of foreign key '%s' of table '%s'",
            foreign_key->name, foreign_key->relation->name));
    if (diag)
        diag_add_help(backend->compilation->diags, diag, "add one: deletes in '%s' read all of '%s' without it",
            foreign_key->referenced->name, foreign_key->relation->name);
}

static void lint_table(
    struct backend *backend, const struct project_migration *migration, struct span span, const struct relation *table)
{
    struct diag *diag;

    if (relation_primary_key(table) || table->parent)
        return;
    diag = find(backend, migration, DIAG(PG304), span,
        arena_printf(backend->arena, "table '%s' has no primary key", table->name));
    if (diag)
        diag_add_help(backend->compilation->diags, diag,
            "backfills walk along it, and logical replication needs it to update and delete");
}

void lint_history(struct backend *backend)
{
    const struct project *project = backend->compilation->project;

    for (size_t i = 0; i < backend->analyser->late.count; i++) {
        const struct late_finding *late = &backend->analyser->late.items[i];
        const struct project_migration *migration = &project->migrations.items[late->migration];

        /* dropped since? */
        if (catalog_find_relation(&backend->analyser->catalog, late->table->schema, late->table->name) != late->table)
            continue;
        if (late->foreign_key)
            lint_foreign_key(backend, migration, late->span, late->foreign_key);
        else
            lint_table(backend, migration, late->span, late->table);
    }
}
