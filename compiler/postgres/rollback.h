/*
 * Hand-written undoing, checked: after it the schema must be what it was before.
 *
 *     rollback_begin(backend);                         for each migration: what the one before left is how it was
 *     rollback_note(backend, &object, definition);     for each object that a part touches, as it is after it
 *     rollback_fold_down(backend, &written, …);        for `down:` of a step whose statements are folded
 *     rollback_of_steps(backend, migration, …);        for `rollback:` of a migration whose steps are lowered
 */
#ifndef COMPILER_POSTGRES_ROLLBACK_H
#define COMPILER_POSTGRES_ROLLBACK_H

#include "compiler/postgres/backend.h"

struct written_text {
    const struct text *up, *down;
    const struct text *effect;               /* that is declared of up; NULL */
    const struct statement_list *statements; /* of up */
    size_t late;                             /* findings put off when up was not folded yet */
};

void rollback_begin(struct backend *backend);
void rollback_note(struct backend *backend, const struct object *object, const struct json *definition);
/* Analyses the text that undoes the step's statements; false and diagnosed when it cannot. *difference: what it leaves
 * another than before, which is a finding; NULL: nothing. */
bool rollback_fold_down(struct backend *backend, const struct written_text *written, struct statement_list *down,
    const char **difference);
/* Gives the steps the inverses that the migration's rollback says. */
void rollback_of_steps(
    struct backend *backend, const struct project_migration *migration, struct plan_step *steps, size_t count);

#endif
