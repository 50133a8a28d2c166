/*
 * The tokens of a JavaScript or TypeScript file: enough to find classes, methods and calls with literals, and to know
 * what is none of these. Comments are dropped. (ECMA-262, chapter 12.)
 */
#ifndef COMPILER_IMPORT_JAVASCRIPT_H
#define COMPILER_IMPORT_JAVASCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/str.h"
#include "spec/base/vec.h"

enum js_kind {
    JS_WORD,     /* a name, a keyword or a number */
    JS_STRING,   /* '…', "…", or a template without substitutions */
    JS_TEMPLATE, /* a template with substitutions */
    JS_REGEX,
    JS_MARK, /* one character; "=>" is one mark */
    JS_END,
};

struct js_token {
    enum js_kind kind;
    struct str text;  /* as written */
    struct str value; /* JS_STRING: decoded */
    size_t offset;
    size_t line;      /* 1-based */
    size_t behind;    /* of an opening bracket: the token behind its closing one */
    bool begins_line; /* a line end stands before it */
};

struct js_tokens {
    VEC(struct js_token) items; /* the last is JS_END */
    bool is_broken; /* a string, template, comment or bracket has no end: nothing of the file can be trusted */
};

void js_tokenize(struct arena *arena, struct str text, struct js_tokens *out);
bool js_is(const struct js_token *token, const char *text); /* a word or mark */

#endif
