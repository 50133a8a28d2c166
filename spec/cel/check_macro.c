#include "spec/cel/check.h"

static void scope_push(struct cel_check *check, struct str name, const struct cel_type *type)
{
    struct cel_scope scope = {name, type};

    VEC_PUSH(check->arena, &check->scopes, scope);
    if (check->scopes.count > check->program->slot_count)
        check->program->slot_count = (uint32_t)check->scopes.count;
}

/* What the variables of a fold hold: *key and *value; with one variable the first of them is in *key. */
static bool range_types(const struct cel_node *node, const struct cel_type *range, const struct cel_type **key,
    const struct cel_type **value)
{
    switch (range->kind) {
    case CEL_TYPE_DYN:
        *key = *value = &cel_type_dyn;
        return true;
    case CEL_TYPE_LIST:
        *key = node->variable_count == 1 ? cel_type_part(range->of) : &cel_type_int;
        *value = cel_type_part(range->of);
        return true;
    case CEL_TYPE_MAP:
        *key = cel_type_part(range->key);
        *value = cel_type_part(range->of);
        return true;
    case CEL_TYPE_OBJECT:
        *key = &cel_type_string;
        *value = &cel_type_dyn;
        return true;
    default:
        return false;
    }
}

static const struct cel_type *fold_result(struct cel_check *check, struct cel_node *node, const struct cel_type *key)
{
    struct cel_node *condition = node->args.items[1], *body = node->args.items[2];
    const struct cel_type *type = &cel_type_bool;

    if (condition)
        type = cel_check_bool(check, condition, cel_check_node(check, condition), "the condition");
    if (type && body)
        type = cel_check_node(check, body);
    if (!type)
        return NULL;
    switch (node->fold) {
    case CEL_FOLD_FILTER:
        return cel_type_list_of(check->arena, key);
    case CEL_FOLD_LIST:
        return cel_type_list_of(check->arena, type);
    case CEL_FOLD_MAP:
        return cel_type_map_of(check->arena, key, type);
    case CEL_FOLD_ALL:
    case CEL_FOLD_EXISTS:
    case CEL_FOLD_EXISTS_ONE:
        break;
    }
    return &cel_type_bool;
}

static const struct cel_type *check_fold(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *range = cel_check_node(check, node->args.items[0]);
    const struct cel_type *key, *value, *type;

    if (!range)
        return NULL;
    if (!range_types(node, range, &key, &value)) {
        type = cel_check_mismatch(check, node, "%.*s() goes over lists and maps, not %s", STR_ARG(node->name),
            cel_type_print(check->arena, range));
        if (!type)
            return NULL;
        key = value = &cel_type_dyn;
    }
    node->index = (uint32_t)check->scopes.count;
    scope_push(check, node->variables[0], key);
    if (node->variable_count == 2)
        scope_push(check, node->variables[1], value);
    type = fold_result(check, node, key);
    check->scopes.count -= node->variable_count;
    return type;
}

static const struct cel_type *check_bind(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *value = cel_check_node(check, node->args.items[0]), *type;

    if (!value)
        return NULL;
    node->index = (uint32_t)check->scopes.count;
    scope_push(check, node->variables[0], value);
    type = cel_check_node(check, node->args.items[1]);
    check->scopes.count--;
    return type;
}

static const struct cel_type *require_optional(
    struct cel_check *check, const struct cel_node *node, const struct cel_node *at, const struct cel_type *type)
{
    if (!type || type->kind == CEL_TYPE_DYN || type->kind == CEL_TYPE_OPTIONAL)
        return type;
    return cel_check_help(check,
        cel_check_mismatch(check, at, "%.*s() needs an optional here, not %s", STR_ARG(node->name),
            cel_type_print(check->arena, type)),
        "value.?field and optional.of(value) are optionals");
}

/* optMap, optFlatMap, or, orValue. */
static const struct cel_type *check_optional(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *optional = require_optional(
                              check, node, node->args.items[0], cel_check_node(check, node->args.items[0])),
                          *inner, *type;
    bool binds = node->kind == CEL_NODE_OPT_MAP || node->kind == CEL_NODE_OPT_FLAT_MAP;

    if (!optional)
        return NULL;
    inner = optional->kind == CEL_TYPE_OPTIONAL ? cel_type_part(optional->of) : &cel_type_dyn;
    node->index = (uint32_t)check->scopes.count;
    if (binds)
        scope_push(check, node->variables[0], inner);
    type = cel_check_node(check, node->args.items[1]);
    if (binds)
        check->scopes.count--;
    if (!type)
        return NULL;
    if (node->kind == CEL_NODE_OPT_MAP)
        return cel_type_optional_of(check->arena, type);
    if (node->kind == CEL_NODE_OPT_OR_VALUE)
        return cel_type_join(check->arena, inner, type);
    type = require_optional(check, node, node->args.items[1], type);
    return !type || node->kind == CEL_NODE_OPT_FLAT_MAP ? type : cel_type_join(check->arena, optional, type);
}

const struct cel_type *cel_check_macro(struct cel_check *check, struct cel_node *node)
{
    switch (node->kind) {
    case CEL_NODE_FOLD:
        return check_fold(check, node);
    case CEL_NODE_BIND:
        return check_bind(check, node);
    default:
        return check_optional(check, node);
    }
}
