/*
 * How a statement, or a part of several, is undone: the statements, how well they restore what was there, and when.
 *
 *     inverse_undo(inverse, arena, "DROP TABLE public.t");              nothing but that: exact
 *     inverse_guard(inverse, arena, "NOT EXISTS (…)", "the rows of …");  exact while this is true; else those are lost
 *     inverse_lossy(inverse, arena, "the values of …");                  that much is lost in any case
 */
#ifndef COMPILER_POSTGRES_INVERSE_H
#define COMPILER_POSTGRES_INVERSE_H

#include <stdbool.h>

#include "spec/base/vec.h"
#include "spec/plan.h"

struct inverse {
    enum grade grade;
    VEC(const char *) undo;    /* statements in the order in which they run; none: there is nothing to do */
    VEC(const char *) guards;  /* conditions */
    VEC(const char *) losses;  /* what is lost when a guard is false */
    VEC(const char *) reasons; /* what is lost anyway, or why it is impossible */
    bool alone;                /* the (one) statement cannot run in a transaction */
    const char *probe;         /* of an alone one: has the undo happened? */
    const char *repair;
};

void inverse_undo(struct inverse *inverse, struct arena *arena, const char *sql);
/* Puts a comment back that went with what is undone; comment NULL: there was none. object: "INDEX public.i". */
void inverse_comment(struct inverse *inverse, struct arena *arena, const char *object, const char *comment);
void inverse_guard(struct inverse *inverse, struct arena *arena, const char *condition, const char *loss);
void inverse_lossy(struct inverse *inverse, struct arena *arena, const char *loss);
void inverse_impossible(struct inverse *inverse, struct arena *arena, const char *why);
/* The inverse of something that happened after what `inverse` undoes: it runs first. */
void inverse_put_before(struct inverse *inverse, struct arena *arena, const struct inverse *later);
/* The inverse of all of them, in the order in which they happened. */
void inverse_combine(struct arena *arena, const struct inverse *const *parts, size_t count, struct inverse *out);
/* As the plan has it. */
void inverse_to_plan(const struct inverse *inverse, struct arena *arena, struct plan_inverse *out);

#endif
