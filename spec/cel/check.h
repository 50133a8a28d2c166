/*
 * Resolves names and checks types. On success every NAME of the tree has become a VARIABLE, a LOCAL or a LITERAL, and
 * every CALL has its overloads. In an unchecked environment nothing but the tree's shape can fail: what would be an
 * error of the check becomes one of the run.
 */
#ifndef SPEC_CEL_CHECK_H
#define SPEC_CEL_CHECK_H

#include "spec/cel/ast.h"
#include "spec/cel/type.h"

/* The type of the root, or NULL with *error filled. */
const struct cel_type *cel_check(
    struct arena *arena, const struct cel_env *env, struct cel_program *program, struct cel_error *error);

/* --- between the files of the checker ---------------------------------------------------------------------------- */

struct cel_scope {
    struct str name;
    const struct cel_type *type;
};

struct cel_check {
    struct arena *arena;
    const struct cel_env *env;
    struct cel_program *program;
    struct cel_error *error;
    VEC(struct cel_scope) scopes; /* variables of the macros around, innermost last; a slot is a position here */
};

const struct cel_type *cel_check_node(struct cel_check *check, struct cel_node *node);
const struct cel_type *cel_check_call(struct cel_check *check, struct cel_node *node);     /* check_call.c: CALL */
const struct cel_type *cel_check_operator(struct cel_check *check, struct cel_node *node); /* check_operator.c */
const struct cel_type *cel_check_macro(struct cel_check *check, struct cel_node *node); /* check_macro.c: FOLD, … */
/* Passes type on when node, which has it, can be a bool; what names node's place: "the condition". NULL stays NULL. */
const struct cel_type *cel_check_bool(
    struct cel_check *check, const struct cel_node *node, const struct cel_type *type, const char *what);
/*
 * An error of the check: NULL with the error filled in. In an unchecked environment the error is dropped, the node's
 * type is dyn, and the evaluator will find out.
 */
const struct cel_type *cel_check_mismatch(struct cel_check *check, const struct cel_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As above for a node that cannot be evaluated at all: in an unchecked environment it becomes UNRESOLVED. */
const struct cel_type *cel_check_unresolved(struct cel_check *check, struct cel_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets the help text of the error that was just reported; returns type. */
const struct cel_type *cel_check_help(struct cel_check *check, const struct cel_type *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool cel_check_is_local(const struct cel_check *check, struct str name);
/* "a.b.c" for a chain of plain selections on a name that no macro binds; false for all else. */
bool cel_check_qualified_name(
    const struct cel_check *check, const struct cel_node *node, struct str *name, bool *absolute);
/* Candidates for a name in the container "a.b": a.b.NAME, a.NAME, NAME. NULL when there are no more. */
const char *cel_check_candidate(const struct cel_check *check, struct str name, bool absolute, size_t number);

#endif
