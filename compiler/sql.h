/*
 * SQL text as PostgreSQL 15 parses it (by libpg_query). The only file that knows libpg_query and the JSON that it
 * gives; everybody else walks nodes with the functions below. Node and field names are PostgreSQL's own
 * (nodes/parsenodes.h).
 *
 *     struct sql_script script;
 *     if (!sql_parse(&scratch, text, &script, &error)) …
 *     for each script.statements: sql_as(statement.tree, "IndexStmt") …
 *
 * A tree lives in the arena given to sql_parse(). Locations are byte offsets into the text that was parsed. A fragment
 * of a statement is parsed by building the statement around it.
 *
 * Limits: SQL_SIZE_MAX_BYTES a text and SQL_DEPTH_MAX levels of nesting, checked before libpg_query sees it: its tree
 * writer recurses without a bound and would run over the stack.
 */
#ifndef COMPILER_SQL_H
#define COMPILER_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/arena.h"
#include "spec/base/str.h"
#include "spec/base/vec.h"

enum { SQL_SIZE_MAX_BYTES = 32 * 1024 * 1024, SQL_DEPTH_MAX = 400 };

struct sql_node; /* an object, a list or a value of the tree */

struct sql_statement {
    const struct sql_node *tree; /* tagged: sql_tag() says which statement it is */
    size_t start;                /* of its text, without blanks, comments and ';' around it */
    size_t end;
};

struct sql_script {
    struct str text;
    VEC(struct sql_statement) statements;
};

struct sql_error {
    size_t offset;     /* in bytes */
    size_t end;        /* behind the token that offends */
    char message[512]; /* lower case, no final stop, nothing of the parser's own sources */
};

/* False with *error filled. An empty text is a script without statements. */
bool sql_parse(struct arena *arena, struct str text, struct sql_script *out, struct sql_error *error);

/* Every function accepts NULL and a node of another kind, and then gives NULL, 0, false or the fallback. */
const char *sql_tag(const struct sql_node *node);                            /* "CreateStmt" of {"CreateStmt":{…}} */
const struct sql_node *sql_as(const struct sql_node *node, const char *tag); /* the fields, if it has that tag */
const struct sql_node *sql_fields(const struct sql_node *node);              /* the fields, whatever its tag */
const struct sql_node *sql_get(const struct sql_node *fields, const char *key); /* a field */
const char *sql_text(const struct sql_node *fields, const char *key);           /* a text (or enum) field */
bool sql_text_is(const struct sql_node *fields, const char *key, const char *text);
int64_t sql_integer(const struct sql_node *fields, const char *key, int64_t fallback);
bool sql_flag(const struct sql_node *fields, const char *key);
size_t sql_location(const struct sql_node *fields); /* SIZE_MAX when the node has none */
const struct sql_node *sql_first(
    const struct sql_node *list); /* for (item = sql_first(list); item; item = sql_next(item)) */
const struct sql_node *sql_next(const struct sql_node *item);
size_t sql_count(const struct sql_node *list);
const char *sql_string(const struct sql_node *node);                    /* "x" of {"String":{"sval":"x"}} */
const char *sql_list_string(const struct sql_node *list, size_t index); /* the same, of a list's item; from the end with
                                                                          index counted down from SIZE_MAX */
const char *sql_key(const struct sql_node *node); /* the name under which its parent has it, or NULL */
/* Members of any object or list, to walk a tree without knowing its nodes. */
const struct sql_node *sql_children(const struct sql_node *node);
/* Offset of the first node below `node` (itself included) that has a location: where its text begins, roughly. */
size_t sql_first_location(const struct sql_node *node);

#endif
