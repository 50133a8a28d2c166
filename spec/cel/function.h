/*
 * The functions of the language, from functions.def: one table for the checker and the evaluator.
 */
#ifndef SPEC_CEL_FUNCTION_H
#define SPEC_CEL_FUNCTION_H

#include "spec/cel/run.h"

enum { CEL_FUNCTION_MAX_ARGS = 4 };

enum cel_function_style { CEL_FUNCTION_GLOBAL, CEL_FUNCTION_METHOD };

typedef bool cel_function_body(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out);

/* params and result are letters, see functions.def. */
struct cel_function {
    const char *name;
    enum cel_function_style style;
    const char *params;
    const char *result;
    cel_function_body *body;
};

/* The overloads of a name in one style, next to each other; NULL and *count 0 when there are none. */
const struct cel_function *cel_function_find(struct str name, enum cel_function_style style, size_t *count);
/* Names of a style, for did-you-mean; the array lives in the arena. */
const char *const *cel_function_names(struct arena *arena, enum cel_function_style style, size_t *count);

/* Calls the overload that fits the values. */
bool cel_function_run(
    struct cel_run *run, const struct cel_node *call, const struct cel_value *args, struct cel_value *out) MUST_CHECK;

/* Bodies. */
#define CEL_FUNCTION(name, style, params, result, body) cel_function_body body;
#include "spec/cel/functions.def"
#undef CEL_FUNCTION

#endif
