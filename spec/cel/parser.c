#include "spec/cel/parser.h"

#include <string.h>

#include "spec/cel/lexer.h"
#include "spec/cel/literal.h"

struct parser {
    struct arena *arena;
    struct cel_lexer lexer;
    struct cel_token token; /* the one to be read next */
    uint32_t previous_end;
    unsigned depth;
    struct cel_error *error;
};

static struct cel_node *parse_expression(struct parser *parser);

static void advance(struct parser *parser)
{
    parser->previous_end = parser->token.end;
    parser->token = cel_lexer_next(&parser->lexer);
}

static bool at(const struct parser *parser, enum cel_token_kind kind)
{
    return parser->token.kind == kind;
}

static bool accept(struct parser *parser, enum cel_token_kind kind)
{
    if (!at(parser, kind))
        return false;
    advance(parser);
    return true;
}

/* The current token is not what it should be. Returns NULL. */
static void *fail_expected(struct parser *parser, const char *expected)
{
    const struct cel_token *token = &parser->token;

    if (token->kind == CEL_TOKEN_ERROR) {
        cel_error_at(parser->error, token->start, token->end, "%s", token->reason);
        cel_error_help(parser->error, "%s", token->help);
        return NULL;
    }
    if (token->kind == CEL_TOKEN_END)
        cel_error_at(parser->error, token->start, token->end, "the expression ends too early");
    else
        cel_error_at(parser->error, token->start, token->end, "unexpected '%.*s'",
            (int)(token->text.len > 60 ? 60 : token->text.len), token->text.data);
    cel_error_help(parser->error, "expected %s here", expected);
    return NULL;
}

static bool expect(struct parser *parser, enum cel_token_kind kind, const char *expected)
{
    if (accept(parser, kind))
        return true;
    fail_expected(parser, expected);
    return false;
}

static void *fail_depth(struct parser *parser)
{
    cel_error_at(parser->error, parser->token.start, parser->token.end,
        "the expression is nested deeper than %d levels", CEL_DEPTH_MAX);
    cel_error_help(parser->error, "split it, or collect the parts in a list and fold them with a macro");
    return NULL;
}

static struct cel_node *node_new(struct parser *parser, enum cel_node_kind kind, uint32_t start)
{
    struct cel_node *node = ARENA_NEW(parser->arena, struct cel_node);

    node->kind = kind;
    node->start = start;
    node->end = parser->previous_end;
    node->height = 1;
    return node;
}

static bool node_add(struct parser *parser, struct cel_node *node, struct cel_node *arg)
{
    VEC_PUSH(parser->arena, &node->args, arg);
    if (arg->height >= node->height)
        node->height = arg->height + 1;
    if (node->height <= CEL_DEPTH_MAX)
        return true;
    fail_depth(parser);
    return false;
}

static bool is_reserved(struct str name)
{
    static const char *const words[] = {"as", "break", "const", "continue", "else", "for", "function", "if", "import",
        "let", "loop", "package", "namespace", "return", "var", "void", "while"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_is(name, words[i]))
            return true;
    return false;
}

/* Expressions up to the closing token, which is consumed. */
static bool parse_list(struct parser *parser, struct cel_node *node, enum cel_token_kind close, const char *expected)
{
    bool literal = close == CEL_TOKEN_BRACKET_CLOSE;

    while (!accept(parser, close)) {
        bool optional = literal && accept(parser, CEL_TOKEN_QUESTION);
        struct cel_node *item = parse_expression(parser);

        if (!item)
            return false;
        item->optional_entry = optional;
        if (!node_add(parser, node, item))
            return false;
        if (accept(parser, CEL_TOKEN_COMMA)) {
            if (literal || !at(parser, close))
                continue;
            fail_expected(parser, "an argument");
            return false;
        }
        if (!at(parser, close)) {
            fail_expected(parser, expected);
            return false;
        }
    }
    return true;
}

static struct cel_node *parse_map(struct parser *parser)
{
    struct cel_node *node = node_new(parser, CEL_NODE_MAP, parser->token.start);

    advance(parser);
    while (!accept(parser, CEL_TOKEN_BRACE_CLOSE)) {
        bool optional = accept(parser, CEL_TOKEN_QUESTION);
        struct cel_node *key = parse_expression(parser), *value;

        if (!key || !expect(parser, CEL_TOKEN_COLON, "':' and the value of the key"))
            return NULL;
        value = parse_expression(parser);
        if (!value)
            return NULL;
        value->optional_entry = optional;
        if (!node_add(parser, node, key) || !node_add(parser, node, value))
            return NULL;
        if (!accept(parser, CEL_TOKEN_COMMA) && !at(parser, CEL_TOKEN_BRACE_CLOSE))
            return fail_expected(parser, "',' or '}'");
    }
    node->end = parser->previous_end;
    return node;
}

static struct cel_node *parse_list_literal(struct parser *parser)
{
    struct cel_node *node = node_new(parser, CEL_NODE_LIST, parser->token.start);

    advance(parser);
    if (!parse_list(parser, node, CEL_TOKEN_BRACKET_CLOSE, "',' or ']'"))
        return NULL;
    node->end = parser->previous_end;
    return node;
}

/* The arguments behind '(' of a call whose receiver, if it has one, is already in node. */
static struct cel_node *parse_call(struct parser *parser, struct cel_node *node)
{
    if (!parse_list(parser, node, CEL_TOKEN_PAREN_CLOSE, "',' or ')'"))
        return NULL;
    node->end = parser->previous_end;
    node = cel_macro_expand(parser->arena, node, parser->error);
    if (node && node->height > CEL_DEPTH_MAX)
        return fail_depth(parser);
    return node;
}

static struct cel_node *parse_name(struct parser *parser)
{
    uint32_t start = parser->token.start;
    bool absolute = accept(parser, CEL_TOKEN_DOT);
    struct str name = parser->token.text;
    struct cel_node *node;

    if (!at(parser, CEL_TOKEN_NAME))
        return fail_expected(parser, "a name");
    if (is_reserved(name)) {
        cel_error_at(parser->error, parser->token.start, parser->token.end, "'%.*s' is a reserved word", STR_ARG(name));
        cel_error_help(parser->error, "it can only be a field: value.%.*s", STR_ARG(name));
        return NULL;
    }
    advance(parser);
    if (at(parser, CEL_TOKEN_BRACE_OPEN)) {
        cel_error_at(
            parser->error, start, parser->token.end, "messages such as '%.*s{…}' cannot be built", STR_ARG(name));
        cel_error_help(parser->error, "build a map: {\"field\": value}");
        return NULL;
    }
    node = node_new(parser, at(parser, CEL_TOKEN_PAREN_OPEN) ? CEL_NODE_CALL : CEL_NODE_NAME, start);
    node->name = name;
    node->absolute = absolute;
    return accept(parser, CEL_TOKEN_PAREN_OPEN) ? parse_call(parser, node) : node;
}

static struct cel_node *parse_number(struct parser *parser, uint32_t start, bool negative)
{
    struct cel_node *node;
    struct cel_value value;

    if (!cel_literal_number(&parser->token, negative, &value, parser->error))
        return NULL;
    advance(parser);
    node = node_new(parser, CEL_NODE_LITERAL, start);
    node->literal = value;
    return node;
}

static struct cel_node *parse_constant(struct parser *parser)
{
    enum cel_token_kind kind = parser->token.kind;
    uint32_t start = parser->token.start;
    struct cel_value value = {.kind = CEL_NULL};
    struct cel_node *node;

    if (kind == CEL_TOKEN_STRING) {
        if (!cel_literal_string(parser->arena, &parser->token, &value, parser->error))
            return NULL;
    } else if (kind != CEL_TOKEN_NULL) {
        value = (struct cel_value){.kind = CEL_BOOL, .as.boolean = kind == CEL_TOKEN_TRUE};
    }
    advance(parser);
    node = node_new(parser, CEL_NODE_LITERAL, start);
    node->literal = value;
    return node;
}

static struct cel_node *parse_primary(struct parser *parser)
{
    struct cel_node *node;

    switch (parser->token.kind) {
    case CEL_TOKEN_INT:
    case CEL_TOKEN_UINT:
    case CEL_TOKEN_DOUBLE:
        return parse_number(parser, parser->token.start, false);
    case CEL_TOKEN_STRING:
    case CEL_TOKEN_TRUE:
    case CEL_TOKEN_FALSE:
    case CEL_TOKEN_NULL:
        return parse_constant(parser);
    case CEL_TOKEN_DOT:
    case CEL_TOKEN_NAME:
        return parse_name(parser);
    case CEL_TOKEN_BRACKET_OPEN:
        return parse_list_literal(parser);
    case CEL_TOKEN_BRACE_OPEN:
        return parse_map(parser);
    case CEL_TOKEN_PAREN_OPEN:
        advance(parser);
        node = parse_expression(parser);
        return node && expect(parser, CEL_TOKEN_PAREN_CLOSE, "')'") ? node : NULL;
    default:
        return fail_expected(parser, "a value, a name or '('");
    }
}

/* Behind a '.': a field or a call of a method. */
static struct cel_node *parse_member(struct parser *parser, struct cel_node *operand)
{
    bool optional = accept(parser, CEL_TOKEN_QUESTION);
    struct str name = parser->token.text;
    struct cel_node *node;

    if (!at(parser, CEL_TOKEN_NAME) && !at(parser, CEL_TOKEN_QUOTED_NAME))
        return fail_expected(parser, "the name of a field or function");
    node = node_new(parser, CEL_NODE_SELECT, operand->start);
    node->name = name;
    node->optional = optional;
    if (!node_add(parser, node, operand))
        return NULL;
    if (at(parser, CEL_TOKEN_QUOTED_NAME)) {
        advance(parser);
    } else {
        advance(parser);
        if (!optional && accept(parser, CEL_TOKEN_PAREN_OPEN)) {
            node->kind = CEL_NODE_CALL;
            node->method = true;
            return parse_call(parser, node);
        }
    }
    node->end = parser->previous_end;
    return node;
}

static struct cel_node *parse_index(struct parser *parser, struct cel_node *operand)
{
    struct cel_node *node = node_new(parser, CEL_NODE_INDEX, operand->start), *index;

    node->optional = accept(parser, CEL_TOKEN_QUESTION);
    index = parse_expression(parser);
    if (!index || !expect(parser, CEL_TOKEN_BRACKET_CLOSE, "']'") || !node_add(parser, node, operand) ||
        !node_add(parser, node, index))
        return NULL;
    node->end = parser->previous_end;
    return node;
}

static struct cel_node *parse_postfix(struct parser *parser, struct cel_node *node)
{
    while (node) {
        if (accept(parser, CEL_TOKEN_DOT))
            node = parse_member(parser, node);
        else if (accept(parser, CEL_TOKEN_BRACKET_OPEN))
            node = parse_index(parser, node);
        else
            break;
    }
    return node;
}

static struct cel_node *parse_unary(struct parser *parser)
{
    uint32_t start = parser->token.start;
    bool negate = at(parser, CEL_TOKEN_MINUS);
    struct cel_node *node, *operand;

    if (!negate && !at(parser, CEL_TOKEN_NOT))
        return parse_postfix(parser, parse_primary(parser));
    advance(parser);
    /* A sign belongs to the number behind it, so that the smallest int can be written. */
    if (negate && (at(parser, CEL_TOKEN_INT) || at(parser, CEL_TOKEN_DOUBLE)))
        return parse_postfix(parser, parse_number(parser, start, true));
    if (++parser->depth > CEL_DEPTH_MAX)
        return fail_depth(parser);
    operand = parse_unary(parser);
    parser->depth--;
    if (!operand)
        return NULL;
    node = node_new(parser, negate ? CEL_NODE_NEGATE : CEL_NODE_NOT, start);
    return node_add(parser, node, operand) ? node : NULL;
}

/* Precedence of the current token as an operator between two operands, from 1 (binds loosest); 0: it is none. */
static unsigned operator_level(const struct parser *parser, enum cel_node_kind *kind, enum cel_operator *op)
{
    static const struct {
        enum cel_token_kind token;
        unsigned level;
        enum cel_node_kind kind;
        enum cel_operator op;
    } rows[] = {
        {CEL_TOKEN_OR, 1, CEL_NODE_OR, CEL_OPERATOR_EQUAL},
        {CEL_TOKEN_AND, 2, CEL_NODE_AND, CEL_OPERATOR_EQUAL},
        {CEL_TOKEN_EQUAL, 3, CEL_NODE_BINARY, CEL_OPERATOR_EQUAL},
        {CEL_TOKEN_NOT_EQUAL, 3, CEL_NODE_BINARY, CEL_OPERATOR_NOT_EQUAL},
        {CEL_TOKEN_LESS, 3, CEL_NODE_BINARY, CEL_OPERATOR_LESS},
        {CEL_TOKEN_LESS_EQUAL, 3, CEL_NODE_BINARY, CEL_OPERATOR_LESS_EQUAL},
        {CEL_TOKEN_GREATER, 3, CEL_NODE_BINARY, CEL_OPERATOR_GREATER},
        {CEL_TOKEN_GREATER_EQUAL, 3, CEL_NODE_BINARY, CEL_OPERATOR_GREATER_EQUAL},
        {CEL_TOKEN_IN, 3, CEL_NODE_BINARY, CEL_OPERATOR_IN},
        {CEL_TOKEN_PLUS, 4, CEL_NODE_BINARY, CEL_OPERATOR_ADD},
        {CEL_TOKEN_MINUS, 4, CEL_NODE_BINARY, CEL_OPERATOR_SUBTRACT},
        {CEL_TOKEN_STAR, 5, CEL_NODE_BINARY, CEL_OPERATOR_MULTIPLY},
        {CEL_TOKEN_SLASH, 5, CEL_NODE_BINARY, CEL_OPERATOR_DIVIDE},
        {CEL_TOKEN_PERCENT, 5, CEL_NODE_BINARY, CEL_OPERATOR_REMAINDER},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].token == parser->token.kind) {
            *kind = rows[i].kind;
            *op = rows[i].op;
            return rows[i].level;
        }
    }
    return 0;
}

static struct cel_node *parse_binary(struct parser *parser, unsigned lowest)
{
    struct cel_node *left = parse_unary(parser);
    enum cel_node_kind kind = CEL_NODE_BINARY;
    enum cel_operator op = CEL_OPERATOR_EQUAL;
    unsigned level;

    if (!left)
        return NULL;
    while ((level = operator_level(parser, &kind, &op)) >= lowest && level > 0) {
        struct cel_node *right, *node;

        advance(parser);
        right = parse_binary(parser, level + 1);
        if (!right)
            return NULL;
        /* Rows of && and || are one node, so that a long row is no deep tree. */
        if ((kind == CEL_NODE_AND || kind == CEL_NODE_OR) && left->kind == kind) {
            node = left;
        } else {
            node = node_new(parser, kind, left->start);
            node->op = op;
            if (!node_add(parser, node, left))
                return NULL;
        }
        if (!node_add(parser, node, right))
            return NULL;
        node->end = parser->previous_end;
        left = node;
    }
    return left;
}

static struct cel_node *parse_conditional(struct parser *parser)
{
    struct cel_node *condition = parse_binary(parser, 1), *node, *yes, *no;

    if (!condition || !accept(parser, CEL_TOKEN_QUESTION))
        return condition;
    yes = parse_binary(parser, 1);
    if (!yes || !expect(parser, CEL_TOKEN_COLON, "':' and the value for false"))
        return NULL;
    no = parse_expression(parser);
    if (!no)
        return NULL;
    node = node_new(parser, CEL_NODE_CONDITIONAL, condition->start);
    return node_add(parser, node, condition) && node_add(parser, node, yes) && node_add(parser, node, no) ? node : NULL;
}

static struct cel_node *parse_expression(struct parser *parser)
{
    struct cel_node *node;

    if (++parser->depth > CEL_DEPTH_MAX)
        return fail_depth(parser);
    node = parse_conditional(parser);
    parser->depth--;
    return node;
}

struct cel_node *cel_parse(struct arena *arena, struct str text, struct cel_error *error)
{
    struct parser parser = {.arena = arena, .error = error};
    struct cel_node *root;

    cel_lexer_init(&parser.lexer, text.data, text.len);
    advance(&parser);
    root = parse_expression(&parser);
    if (root && !at(&parser, CEL_TOKEN_END))
        return fail_expected(&parser, "an operator or the end");
    return root;
}
