/*
 * The tokens of SQL text, by PostgreSQL's lexical rules (standard_conforming_strings on), without understanding it. It
 * answers what the parser's tree does not tell: where a name stands, where a clause ends, and whether a piece of text
 * that somebody wrote can break out of the place where it is to be put.
 *
 *     struct lexer lexer = {.text = sql};
 *     for (struct lex_token token = lex_next(&lexer); token.kind != LEX_END; token = lex_next(&lexer)) …
 */
#ifndef COMPILER_POSTGRES_LEX_H
#define COMPILER_POSTGRES_LEX_H

#include <stdbool.h>

#include "spec/base/arena.h"
#include "spec/base/str.h"

enum lex_kind {
    LEX_END,
    LEX_WORD,   /* a keyword or an unquoted identifier */
    LEX_QUOTED, /* "…" or U&"…" */
    LEX_STRING, /* '…', E'…', $$…$$, … */
    LEX_NUMBER,
    LEX_OPERATOR,    /* a run of operator characters, or $1 */
    LEX_PUNCTUATION, /* one of ( ) [ ] , ; . : */
};

struct lex_token {
    enum lex_kind kind;
    size_t start; /* byte offsets */
    size_t end;
    bool unterminated; /* a string, quoted name or comment that the text's end cuts off */
};

struct lexer {
    struct str text;
    size_t at;
    bool line_comment; /* the text ended inside a -- comment: whatever is put behind it would be swallowed */
};

/* The next token; white space and comments are skipped. An unterminated comment is a LEX_END with that flag. */
struct lex_token lex_next(struct lexer *lexer);
bool lex_is(struct str text, struct lex_token token, const char *word); /* a keyword (any case) or punctuation */
/* The name that an identifier token means: folded to lower case or unquoted. NULL for other tokens. */
const char *lex_identifier(struct arena *arena, struct str text, struct lex_token token);

/*
 * Why text cannot stand as a part of a statement, or NULL: unbalanced brackets, a ';' outside of them, an unterminated
 * string or comment. What passes cannot leave a pair of parentheses that is put around it (when a line end is put
 * behind a -- comment; see *line_comment). *at: byte offset of the offence.
 */
const char *lex_check_fragment(struct str text, size_t *at, bool *line_comment);

/* How deep the parser's tree of this text can get, at most: nested brackets, and chains of operators, joins and set
 * operations, which nest to the left. *at: where it is deepest. */
size_t lex_depth(struct str text, size_t *at);

/* Offset of the first token from `from` on (before `to`) that is the identifier `name`; SIZE_MAX when there is none. */
size_t lex_find_name(struct str text, size_t from, size_t to, const char *name, size_t *end);
/* The bracket that closes the one at `open`; SIZE_MAX when there is none. */
size_t lex_find_close(struct str text, size_t open);
/*
 * The end of an expression that starts at `from`: the first ',' or ';' or closing bracket that is not inside brackets
 * opened after `from`, or `limit`; white space and comments before that are left out.
 */
size_t lex_expression_end(struct str text, size_t from, size_t limit);
/* Text with every identifier token `from` replaced by `to`, except behind a '.', before a '(' and in strings. */
const char *lex_rename(struct arena *arena, const char *text, const char *from, const char *to_quoted);

#endif
