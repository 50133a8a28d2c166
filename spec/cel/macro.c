#include <string.h>

#include "spec/cel/parser.h"

/* A macro: its shape, and what it becomes. Counts are of the arguments in parentheses. */
struct macro {
    const char *name;
    const char *space; /* the receiver is this name (cel.bind), or NULL: any expression */
    size_t min, max;
    uint32_t variables; /* how many arguments, from the first, are names of variables */
    enum cel_node_kind kind;
    enum cel_fold fold;
    const char *usage;
};

static const struct macro macros[] = {
    {"all", NULL, 2, 2, 1, CEL_NODE_FOLD, CEL_FOLD_ALL, "list.all(x, condition)"},
    {"all", NULL, 3, 3, 2, CEL_NODE_FOLD, CEL_FOLD_ALL, "map.all(key, value, condition)"},
    {"exists", NULL, 2, 2, 1, CEL_NODE_FOLD, CEL_FOLD_EXISTS, "list.exists(x, condition)"},
    {"exists", NULL, 3, 3, 2, CEL_NODE_FOLD, CEL_FOLD_EXISTS, "map.exists(key, value, condition)"},
    {"exists_one", NULL, 2, 2, 1, CEL_NODE_FOLD, CEL_FOLD_EXISTS_ONE, "list.exists_one(x, condition)"},
    {"exists_one", NULL, 3, 3, 2, CEL_NODE_FOLD, CEL_FOLD_EXISTS_ONE, "map.exists_one(key, value, condition)"},
    {"existsOne", NULL, 2, 2, 1, CEL_NODE_FOLD, CEL_FOLD_EXISTS_ONE, "list.existsOne(x, condition)"},
    {"existsOne", NULL, 3, 3, 2, CEL_NODE_FOLD, CEL_FOLD_EXISTS_ONE, "map.existsOne(key, value, condition)"},
    {"filter", NULL, 2, 2, 1, CEL_NODE_FOLD, CEL_FOLD_FILTER, "list.filter(x, condition)"},
    {"map", NULL, 2, 3, 1, CEL_NODE_FOLD, CEL_FOLD_LIST, "list.map(x, result) or list.map(x, condition, result)"},
    {"transformList", NULL, 3, 4, 2, CEL_NODE_FOLD, CEL_FOLD_LIST,
        "map.transformList(key, value, result) or map.transformList(key, value, condition, result)"},
    {"transformMap", NULL, 3, 4, 2, CEL_NODE_FOLD, CEL_FOLD_MAP,
        "map.transformMap(key, value, result) or map.transformMap(key, value, condition, result)"},
    {"bind", "cel", 3, 3, 1, CEL_NODE_BIND, CEL_FOLD_ALL, "cel.bind(name, value, result)"},
    {"optMap", NULL, 2, 2, 1, CEL_NODE_OPT_MAP, CEL_FOLD_ALL, "optional.optMap(x, result)"},
    {"optFlatMap", NULL, 2, 2, 1, CEL_NODE_OPT_FLAT_MAP, CEL_FOLD_ALL, "optional.optFlatMap(x, result)"},
    {"or", NULL, 1, 1, 0, CEL_NODE_OPT_OR, CEL_FOLD_ALL, "optional.or(other)"},
    {"orValue", NULL, 1, 1, 0, CEL_NODE_OPT_OR_VALUE, CEL_FOLD_ALL, "optional.orValue(value)"},
};

static bool is_space(const struct cel_node *node, const char *space)
{
    return node->kind == CEL_NODE_NAME && !node->absolute && str_is(node->name, space);
}

/* The rows of a name differ in the number of arguments. *named tells whether there is any row of the name. */
static const struct macro *macro_find(const struct cel_node *call, const struct macro **named)
{
    size_t count = call->args.count - 1;

    *named = NULL;
    for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
        const struct macro *macro = &macros[i];

        if (!str_is(call->name, macro->name) || (macro->space && !is_space(call->args.items[0], macro->space)))
            continue;
        *named = macro;
        if (count >= macro->min && count <= macro->max)
            return macro;
    }
    return NULL;
}

static uint32_t height_over(const struct cel_node *node)
{
    uint32_t height = 0;

    for (size_t i = 0; i < node->args.count; i++)
        if (node->args.items[i] && node->args.items[i]->height > height)
            height = node->args.items[i]->height;
    return height + 1;
}

static struct cel_node *expand_has(struct cel_node *call, struct cel_error *error)
{
    struct cel_node *field = call->args.count == 1 ? call->args.items[0] : NULL;

    if (!field || field->kind != CEL_NODE_SELECT || field->presence || field->optional) {
        cel_error_at(error, call->start, call->end, "has() takes one field selection");
        cel_error_help(error, "write has(value.field); for a key that is no name, 'key' in value");
        return NULL;
    }
    field->presence = true;
    field->start = call->start;
    field->end = call->end;
    return field;
}

/* math.greatest(a, b, c) is math.greatest([a, b, c]). */
static struct cel_node *expand_extremum(struct arena *arena, struct cel_node *call)
{
    struct cel_node *list = ARENA_NEW(arena, struct cel_node);

    list->kind = CEL_NODE_LIST;
    list->start = call->args.items[1]->start;
    list->end = call->args.items[call->args.count - 1]->end;
    for (size_t i = 1; i < call->args.count; i++)
        VEC_PUSH(arena, &list->args, call->args.items[i]);
    list->height = height_over(list);
    call->args.items[1] = list;
    call->args.count = 2;
    call->height = height_over(call);
    return call;
}

static bool take_variables(
    const struct macro *macro, const struct cel_node *call, struct cel_node *node, struct cel_error *error)
{
    node->variable_count = macro->variables;
    for (uint32_t i = 0; i < macro->variables; i++) {
        const struct cel_node *name = call->args.items[1 + i];

        if (name->kind != CEL_NODE_NAME || name->absolute) {
            cel_error_at(error, name->start, name->end, "'%s' takes the name of a variable here", macro->name);
            return cel_error_help(error, "%s", macro->usage);
        }
        node->variables[i] = name->name;
    }
    if (macro->variables == 2 && str_equal(node->variables[0], node->variables[1])) {
        cel_error_at(error, call->args.items[2]->start, call->args.items[2]->end,
            "the variables of '%s' have the same name", macro->name);
        return cel_error_help(error, "%s", macro->usage);
    }
    return true;
}

struct cel_node *cel_macro_expand(struct arena *arena, struct cel_node *call, struct cel_error *error)
{
    const struct macro *macro, *named;
    struct cel_node *node;
    size_t first, rest;

    if (!call->method)
        return str_is(call->name, "has") && !call->absolute ? expand_has(call, error) : call;
    if (call->args.count > 2 && is_space(call->args.items[0], "math") &&
        (str_is(call->name, "greatest") || str_is(call->name, "least")))
        return expand_extremum(arena, call);
    macro = macro_find(call, &named);
    if (!macro) {
        if (!named)
            return call;
        cel_error_at(error, call->start, call->end, "'%s' does not take %zu argument%s", named->name,
            call->args.count - 1, call->args.count == 2 ? "" : "s");
        cel_error_help(error, "%s", named->usage);
        return NULL;
    }
    node = ARENA_NEW(arena, struct cel_node);
    *node = (struct cel_node){
        .kind = macro->kind, .fold = macro->fold, .start = call->start, .end = call->end, .name = call->name};
    if (!take_variables(macro, call, node, error))
        return NULL;
    first = 1 + macro->variables;
    rest = call->args.count - first;
    if (!macro->space)
        VEC_PUSH(arena, &node->args, call->args.items[0]);
    if (macro->kind != CEL_NODE_FOLD) {
        for (size_t i = first; i < call->args.count; i++)
            VEC_PUSH(arena, &node->args, call->args.items[i]);
    } else {
        bool has_result = macro->fold == CEL_FOLD_LIST || macro->fold == CEL_FOLD_MAP;
        bool has_condition = !has_result || rest == 2;

        VEC_PUSH(arena, &node->args, has_condition ? call->args.items[first] : NULL);
        VEC_PUSH(arena, &node->args, has_result ? call->args.items[call->args.count - 1] : NULL);
    }
    node->height = height_over(node);
    return node;
}
