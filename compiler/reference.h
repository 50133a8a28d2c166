/*
 * References in scalars: ${var:NAME} is replaced by the compiler, environment by environment; ${env:NAME} and
 * ${secret:ARN#FIELD} stay as they are, for the executor. Any other use of '$' and '{' is plain text: SQL has its own.
 *
 *     size_t position = 0;
 *     while (reference_next(text, &position, &reference)) …
 */
#ifndef COMPILER_REFERENCE_H
#define COMPILER_REFERENCE_H

#include <stdbool.h>

#include "spec/base/str.h"

enum reference_kind { REFERENCE_VAR, REFERENCE_ENV, REFERENCE_SECRET };

struct reference {
    enum reference_kind kind;
    size_t start, end;   /* of the whole ${…} */
    struct str name;     /* of the variable, or the secret's ARN or name */
    struct str field;    /* REFERENCE_SECRET: behind '#' */
    const char *problem; /* NULL, or what is wrong with it, to follow "the reference " */
    const char *help;
};

/* The next reference from *position on, right or wrong. False when there is none. */
bool reference_next(struct str text, size_t *position, struct reference *out);
/* Whether the whole text is one right ${var:NAME}. */
bool reference_is_variable(struct str text, struct reference *out);

#endif
