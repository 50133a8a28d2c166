/*
 * Recursive descent with precedence climbing (docs/cel.md has the grammar). Calls of macros become their own nodes as
 * they are read.
 */
#ifndef SPEC_CEL_PARSER_H
#define SPEC_CEL_PARSER_H

#include "spec/cel/ast.h"

/* NULL on failure, with *error filled. text: valid UTF-8 with a NUL behind it, which lives as long as the tree. */
struct cel_node *cel_parse(struct arena *arena, struct str text, struct cel_error *error);

/*
 * The macro that node (a CEL_NODE_CALL whose arguments are complete) calls, as its own node; node itself when it is
 * no macro; NULL with *error filled when the macro is used wrongly.
 */
struct cel_node *cel_macro_expand(struct arena *arena, struct cel_node *node, struct cel_error *error);

#endif
