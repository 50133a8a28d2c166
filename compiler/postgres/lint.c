/* Rules about the transactions of a migration. */
#include <string.h>

#include "compiler/postgres/backend.h"

struct diag *lint_find(struct backend *backend, const struct project_migration *migration,
    const struct diag_code *code, struct span span, const char *message)
{
    return lint_report(&backend->analyser->lint, backend->compilation->diags, migration, code, span, message);
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
    if (strcmp(statement->tag, "AlterTableStmt") == 0 && statement->locks.count && !statement->locks.items[0].live)
        return false; /* a new table is empty: whatever is checked, it is not for many rows */
    for (size_t i = 0; i < statement->locks.count; i++)
        if (statement->locks.items[i].live && (statement->locks.items[i].scan || statement->locks.items[i].rewrite) &&
            strcmp(statement->tag, "SelectStmt") != 0)
            return true;
    return false;
}

/* A scan under an exclusive lock of the same table has its own finding; rows that change have not. */
static bool is_long_beside(const struct statement *statement, const struct lock *held)
{
    const struct lock *own = exclusive_lock(statement);

    return is_long(statement) && (statement->changes_rows || !own || own->relation != held->relation);
}

static void lint_validation(struct backend *backend, const struct project_migration *migration,
    const struct statement *added, const struct statement *validated)
{
    struct diag *diag = lint_find(backend, migration, DIAG(PG104), statement_span(validated),
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
    struct diag *diag = lint_find(backend, migration, DIAG(PG108), statement_span(slow),
        arena_printf(backend->arena, "this may take long, and nobody can read or write '%s' until it is done", table));

    if (!diag)
        return;
    diag_add_note(
        backend->compilation->diags, diag, statement_span(holder), "the same transaction locks '%s' here", table);
    diag_add_help(backend->compilation->diags, diag, "give each its own migration");
}

/* The lock of a new foreign key on the table that it refers to. */
static const struct lock *reference_lock(const struct statement *statement)
{
    if (strcmp(statement->tag, "CreateStmt") != 0 && strcmp(statement->tag, "AlterTableStmt") != 0)
        return NULL;
    for (size_t i = 0; i < statement->locks.count; i++) {
        const struct lock *lock = &statement->locks.items[i];

        if (lock->mode == LOCK_SHARE_ROW_EXCLUSIVE && lock->live && !lock->created && !lock->scan)
            return lock;
    }
    return NULL;
}

static void lint_reference(struct backend *backend, const struct project_migration *migration,
    const struct statement *holder, const struct statement *slow)
{
    const char *table = reference_lock(holder)->relation->name;
    struct diag *diag = lint_find(backend, migration, DIAG(PG116), statement_span(slow),
        arena_printf(backend->arena, "this may take long, and nobody can write '%s' until it is done", table));

    if (!diag)
        return;
    diag_add_note(backend->compilation->diags, diag, statement_span(holder),
        "the foreign key that is made here locks '%s'", table);
    diag_add_help(backend->compilation->diags, diag, "give each its own migration");
}

/* One transaction's statements so far. */
struct transaction {
    const char *group;
    const struct statement *holder; /* the first one that locks a live table exclusively */
    const struct statement *reference; /* the first one whose foreign key locks a live table */
    bool found_long;                /* it is said once that it holds its lock through long work */
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
    if (!found && !open->found_long && open->holder && is_long_beside(statement, exclusive_lock(open->holder))) {
        lint_long(backend, migration, open->holder, statement);
        open->found_long = true;
    } else if (!found && !open->found_long && open->reference && is_long(statement)) {
        lint_reference(backend, migration, open->reference, statement);
        open->found_long = true;
    }
    if (!open->reference && reference_lock(statement))
        open->reference = statement;
    if (!open->holder && exclusive_lock(statement))
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
