#include "spec/cel/check.h"

static bool is_dyn(const struct cel_type *type)
{
    return type->kind == CEL_TYPE_DYN;
}

/* The type of a + b and the other arithmetic, or NULL when there is none. */
static const struct cel_type *arithmetic_type(
    struct cel_check *check, enum cel_operator op, const struct cel_type *a, const struct cel_type *b)
{
    bool add = op == CEL_OPERATOR_ADD, subtract = op == CEL_OPERATOR_SUBTRACT;
    enum cel_type_kind known = is_dyn(a) ? b->kind : a->kind;

    if (cel_type_is_number(a) && cel_type_is_number(b)) {
        if (a->kind == CEL_TYPE_DECIMAL || b->kind == CEL_TYPE_DECIMAL)
            return &cel_type_decimal;
        return a->kind == b->kind && !(op == CEL_OPERATOR_REMAINDER && a->kind == CEL_TYPE_DOUBLE) ? a : NULL;
    }
    if (is_dyn(a) || is_dyn(b)) {
        if (known == CEL_TYPE_STRING || known == CEL_TYPE_BYTES)
            return add ? (is_dyn(a) ? b : a) : NULL;
        if (known == CEL_TYPE_LIST)
            return add ? cel_type_of_kind(CEL_LIST) : NULL;
        if (known == CEL_TYPE_TIMESTAMP || known == CEL_TYPE_DURATION)
            return add || subtract ? &cel_type_dyn : NULL;
        return known == CEL_TYPE_DYN || cel_type_is_number(is_dyn(a) ? b : a) ? &cel_type_dyn : NULL;
    }
    if (a->kind == CEL_TYPE_TIMESTAMP && b->kind == CEL_TYPE_TIMESTAMP)
        return subtract ? &cel_type_duration : NULL;
    if (a->kind == CEL_TYPE_TIMESTAMP && b->kind == CEL_TYPE_DURATION)
        return add || subtract ? a : NULL;
    if (a->kind == CEL_TYPE_DURATION && b->kind == CEL_TYPE_TIMESTAMP)
        return add ? b : NULL;
    if (a->kind != b->kind)
        return NULL;
    if (a->kind == CEL_TYPE_DURATION)
        return add || subtract ? a : NULL;
    if (a->kind == CEL_TYPE_STRING || a->kind == CEL_TYPE_BYTES || a->kind == CEL_TYPE_LIST)
        return add ? cel_type_join(check->arena, a, b) : NULL;
    return NULL;
}

static bool is_ordered(const struct cel_type *a, const struct cel_type *b)
{
    const struct cel_type *known = is_dyn(a) ? b : a;

    if (cel_type_is_number(a) && cel_type_is_number(b))
        return true;
    return (is_dyn(a) || is_dyn(b) || a->kind == b->kind) &&
           (is_dyn(known) || cel_type_is_number(known) || known->kind == CEL_TYPE_STRING ||
               known->kind == CEL_TYPE_BYTES || known->kind == CEL_TYPE_BOOL || known->kind == CEL_TYPE_TIMESTAMP ||
               known->kind == CEL_TYPE_DURATION);
}

static bool can_contain(const struct cel_type *element, const struct cel_type *range)
{
    switch (range->kind) {
    case CEL_TYPE_DYN:
        return true;
    case CEL_TYPE_LIST:
        return cel_type_comparable(element, cel_type_part(range->of));
    case CEL_TYPE_MAP:
        return cel_type_comparable(element, cel_type_part(range->key));
    case CEL_TYPE_OBJECT:
        return cel_type_comparable(element, &cel_type_string);
    default:
        return false;
    }
}

static const struct cel_type *binary_type(
    struct cel_check *check, enum cel_operator op, const struct cel_type *a, const struct cel_type *b)
{
    switch (op) {
    case CEL_OPERATOR_EQUAL:
    case CEL_OPERATOR_NOT_EQUAL:
        return cel_type_comparable(a, b) ? &cel_type_bool : NULL;
    case CEL_OPERATOR_LESS:
    case CEL_OPERATOR_LESS_EQUAL:
    case CEL_OPERATOR_GREATER:
    case CEL_OPERATOR_GREATER_EQUAL:
        return is_ordered(a, b) ? &cel_type_bool : NULL;
    case CEL_OPERATOR_IN:
        return can_contain(a, b) ? &cel_type_bool : NULL;
    default:
        return arithmetic_type(check, op, a, b);
    }
}

static const struct cel_type *check_binary(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *a = cel_check_node(check, node->args.items[0]);
    const struct cel_type *b = a ? cel_check_node(check, node->args.items[1]) : NULL, *type;

    if (!b)
        return NULL;
    type = binary_type(check, node->op, a, b);
    if (type)
        return type;
    type = cel_check_mismatch(check, node, "'%s' cannot be applied to %s and %s", cel_operator_text(node->op),
        cel_type_print(check->arena, a), cel_type_print(check->arena, b));
    if (node->op == CEL_OPERATOR_IN)
        return cel_check_help(check, type, "the right side is a list, a map or an object");
    return cel_check_help(check, type, "convert one side with int(), uint(), double(), decimal() or string()");
}

static const struct cel_type *check_logic(struct cel_check *check, struct cel_node *node)
{
    const char *what = node->kind == CEL_NODE_AND  ? "an operand of '&&'"
                       : node->kind == CEL_NODE_OR ? "an operand of '||'"
                                                   : "the operand of '!'";

    for (size_t i = 0; i < node->args.count; i++)
        if (!cel_check_bool(check, node->args.items[i], cel_check_node(check, node->args.items[i]), what))
            return NULL;
    return &cel_type_bool;
}

static const struct cel_type *check_negate(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *type = cel_check_node(check, node->args.items[0]);

    if (!type || is_dyn(type) || (cel_type_is_number(type) && type->kind != CEL_TYPE_UINT))
        return type;
    return cel_check_help(check,
        cel_check_mismatch(check, node, "'-' cannot be applied to %s", cel_type_print(check->arena, type)),
        "convert it with int() or double() first");
}

static const struct cel_type *check_conditional(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *condition =
        cel_check_bool(check, node->args.items[0], cel_check_node(check, node->args.items[0]), "the condition of '?:'");
    const struct cel_type *yes = condition ? cel_check_node(check, node->args.items[1]) : NULL;
    const struct cel_type *no = yes ? cel_check_node(check, node->args.items[2]) : NULL;

    return no ? cel_type_join(check->arena, yes, no) : NULL;
}

const struct cel_type *cel_check_operator(struct cel_check *check, struct cel_node *node)
{
    switch (node->kind) {
    case CEL_NODE_NEGATE:
        return check_negate(check, node);
    case CEL_NODE_BINARY:
        return check_binary(check, node);
    case CEL_NODE_CONDITIONAL:
        return check_conditional(check, node);
    default:
        return check_logic(check, node);
    }
}
