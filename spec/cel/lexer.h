/*
 * Tokens of an expression. The lexer reads a copy of the text that ends in a NUL and never fails: what it cannot read
 * becomes a CEL_TOKEN_ERROR with its reason, and the end of the text an endless row of CEL_TOKEN_END.
 */
#ifndef SPEC_CEL_LEXER_H
#define SPEC_CEL_LEXER_H

#include <stddef.h>

#include "spec/base/str.h"

enum cel_token_kind {
    CEL_TOKEN_END,
    CEL_TOKEN_ERROR,
    CEL_TOKEN_NAME,        /* reserved words included: they are fine behind a dot */
    CEL_TOKEN_QUOTED_NAME, /* `a-b`; text without the quotes */
    CEL_TOKEN_INT,
    CEL_TOKEN_UINT,
    CEL_TOKEN_DOUBLE,
    CEL_TOKEN_STRING, /* with prefix and quotes, as it stands */
    CEL_TOKEN_TRUE,
    CEL_TOKEN_FALSE,
    CEL_TOKEN_NULL,
    CEL_TOKEN_IN,
    CEL_TOKEN_EQUAL,
    CEL_TOKEN_NOT_EQUAL,
    CEL_TOKEN_LESS,
    CEL_TOKEN_LESS_EQUAL,
    CEL_TOKEN_GREATER,
    CEL_TOKEN_GREATER_EQUAL,
    CEL_TOKEN_AND,
    CEL_TOKEN_OR,
    CEL_TOKEN_PLUS,
    CEL_TOKEN_MINUS,
    CEL_TOKEN_STAR,
    CEL_TOKEN_SLASH,
    CEL_TOKEN_PERCENT,
    CEL_TOKEN_NOT,
    CEL_TOKEN_QUESTION,
    CEL_TOKEN_COLON,
    CEL_TOKEN_DOT,
    CEL_TOKEN_COMMA,
    CEL_TOKEN_PAREN_OPEN,
    CEL_TOKEN_PAREN_CLOSE,
    CEL_TOKEN_BRACKET_OPEN,
    CEL_TOKEN_BRACKET_CLOSE,
    CEL_TOKEN_BRACE_OPEN,
    CEL_TOKEN_BRACE_CLOSE,
};

struct cel_token {
    enum cel_token_kind kind;
    uint32_t start, end; /* byte offsets */
    struct str text;
    const char *reason; /* CEL_TOKEN_ERROR: what is wrong */
    const char *help;   /* CEL_TOKEN_ERROR: how to mend it */
};

struct cel_lexer {
    const char *text; /* len bytes and a NUL */
    size_t len;
    const unsigned char *cursor;
};

void cel_lexer_init(struct cel_lexer *lexer, const char *text, size_t len);
struct cel_token cel_lexer_next(struct cel_lexer *lexer);

#endif
