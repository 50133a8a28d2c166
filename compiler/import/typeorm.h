/* What the reader of TypeORM's classes (typeorm.c) and that of their queries (typeorm_query.c) share. */
#ifndef COMPILER_IMPORT_TYPEORM_H
#define COMPILER_IMPORT_TYPEORM_H

#include "compiler/import/import.h"
#include "compiler/import/javascript.h"

/* The tokens between two braces. */
struct method {
    bool is_there;
    struct str runner; /* the first parameter; empty where it is none that can be followed */
    size_t first, end; /* of the body, without its braces */
    size_t line;
};

struct reading {
    struct import_history *history;
    const struct import_file *file;
    struct js_tokens tokens;
};

/* The token at that place, or the last. */
const struct js_token *typeorm_token(const struct reading *reading, size_t at);

/*
 * [return] [await] RUNNER.query(LITERAL) or RUNNER.query(LITERAL, [LITERAL, …]), its SQL into *out; *at moves behind
 * it. False when anything else stands there.
 */
bool typeorm_read_query(
    const struct reading *reading, const struct method *method, size_t *at, struct strbuf *out, bool *returns);

#endif
