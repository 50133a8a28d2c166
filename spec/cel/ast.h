/*
 * The syntax tree of an expression, and the compiled program around it. The parser builds it with macros already
 * expanded, the checker resolves its names in place, the evaluator only reads it.
 *
 * Invariants: a tree is at most CEL_DEPTH_MAX nodes high (so every walk may recurse); start and end are byte offsets
 * into the expression.
 */
#ifndef SPEC_CEL_AST_H
#define SPEC_CEL_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/vec.h"
#include "spec/cel/cel.h"

enum { CEL_DEPTH_MAX = 200 };

enum cel_node_kind {
    CEL_NODE_LITERAL,
    CEL_NODE_NAME,       /* as written; the checker makes it one of the next three or a literal type value */
    CEL_NODE_VARIABLE,   /* index into the program's variables */
    CEL_NODE_LOCAL,      /* index: the slot of a macro's variable */
    CEL_NODE_UNRESOLVED, /* in unchecked programs: fails with the message in name when it is evaluated */
    CEL_NODE_SELECT,     /* args[0].name; with presence: has(args[0].name) */
    CEL_NODE_INDEX,      /* args[0][args[1]] */
    CEL_NODE_CALL,       /* name(args), or args[0].name(args[1]…) with method */
    CEL_NODE_LIST,       /* [args]; one may be an optional entry */
    CEL_NODE_MAP,        /* {args[0]: args[1], …}; a value may be an optional entry */
    CEL_NODE_NOT,
    CEL_NODE_NEGATE,
    CEL_NODE_BINARY,
    CEL_NODE_AND, /* two or more args */
    CEL_NODE_OR,
    CEL_NODE_CONDITIONAL,
    CEL_NODE_FOLD,    /* a macro over a list or map: args[0] the range, [1] the condition, [2] the result */
    CEL_NODE_BIND,    /* cel.bind(variables[0], args[0], args[1]) */
    CEL_NODE_OPT_MAP, /* args[0].optMap(variables[0], args[1]) */
    CEL_NODE_OPT_FLAT_MAP,
    CEL_NODE_OPT_OR,       /* args[0].or(args[1]) */
    CEL_NODE_OPT_OR_VALUE, /* args[0].orValue(args[1]) */
};

enum cel_operator {
    CEL_OPERATOR_EQUAL,
    CEL_OPERATOR_NOT_EQUAL,
    CEL_OPERATOR_LESS,
    CEL_OPERATOR_LESS_EQUAL,
    CEL_OPERATOR_GREATER,
    CEL_OPERATOR_GREATER_EQUAL,
    CEL_OPERATOR_IN,
    CEL_OPERATOR_ADD,
    CEL_OPERATOR_SUBTRACT,
    CEL_OPERATOR_MULTIPLY,
    CEL_OPERATOR_DIVIDE,
    CEL_OPERATOR_REMAINDER,
};

enum cel_fold {
    CEL_FOLD_ALL,
    CEL_FOLD_EXISTS,
    CEL_FOLD_EXISTS_ONE,
    CEL_FOLD_FILTER,
    CEL_FOLD_LIST, /* map and transformList */
    CEL_FOLD_MAP,  /* transformMap */
};

struct cel_function;
struct regex;

struct cel_node {
    enum cel_node_kind kind;
    uint32_t start, end;
    uint32_t height; /* of the tree below and including this node */
    uint32_t index;  /* VARIABLE, LOCAL; FOLD, BIND, OPT_MAP: the slot of the first variable */
    enum cel_operator op;
    enum cel_fold fold;
    bool absolute;       /* NAME, CALL: written with a leading dot */
    bool optional;       /* SELECT .?x, INDEX [?x] */
    bool optional_entry; /* an element of a list or value of a map behind a '?': left out when it is empty */
    bool presence;       /* SELECT: has() */
    bool method;         /* CALL: args[0] is the receiver */
    struct str name;
    struct cel_value literal;
    VEC(struct cel_node *) args; /* FOLD: [1] and [2] may be NULL */
    struct str variables[2];     /* FOLD (one or two), BIND, OPT_MAP */
    uint32_t variable_count;
    const struct cel_function *functions; /* CALL: the overloads of the name, function_count of them */
    size_t function_count;
    const struct regex *regex; /* CALL of matches() with a literal pattern */
};

struct cel_program {
    struct cel_node *root;
    VEC(const char *) variables; /* names that the expression uses; a VARIABLE's index points here */
    uint32_t slot_count;         /* macro variables that can be in scope together */
    const struct cel_zones *zones;
};

/* Fills *error; returns false. */
bool cel_error_at(struct cel_error *error, size_t start, size_t end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool cel_error_help(struct cel_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How an operator is written. */
const char *cel_operator_text(enum cel_operator op);

#endif
