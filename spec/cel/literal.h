/*
 * What literals mean: the text of a token to a value. *error is filled with offsets into the expression.
 */
#ifndef SPEC_CEL_LITERAL_H
#define SPEC_CEL_LITERAL_H

#include "spec/cel/ast.h"
#include "spec/cel/lexer.h"

/* CEL_TOKEN_INT (negative: a '-' stood before it), CEL_TOKEN_UINT and CEL_TOKEN_DOUBLE. */
bool cel_literal_number(
    const struct cel_token *token, bool negative, struct cel_value *value, struct cel_error *error) MUST_CHECK;
/* CEL_TOKEN_STRING: a string or bytes. */
bool cel_literal_string(
    struct arena *arena, const struct cel_token *token, struct cel_value *value, struct cel_error *error) MUST_CHECK;

#endif
