#include <string.h>

#include "spec/base/regex.h"
#include "spec/cel/check.h"
#include "spec/cel/function.h"

static const struct cel_type list_type = {.kind = CEL_TYPE_LIST, .of = &cel_type_dyn};
static const struct cel_type strings_type = {.kind = CEL_TYPE_LIST, .of = &cel_type_string};
static const struct cel_type map_type = {.kind = CEL_TYPE_MAP, .key = &cel_type_dyn, .of = &cel_type_dyn};
static const struct cel_type optional_type = {.kind = CEL_TYPE_OPTIONAL, .of = &cel_type_dyn};

/* The type that a letter of functions.def stands for. */
static const struct cel_type *letter_type(char letter)
{
    switch (letter) {
    case 'b':
        return &cel_type_bool;
    case 'i':
        return &cel_type_int;
    case 'u':
        return &cel_type_uint;
    case 'f':
        return &cel_type_double;
    case 'n':
        return &cel_type_decimal;
    case 's':
        return &cel_type_string;
    case 'y':
        return &cel_type_bytes;
    case 't':
        return &cel_type_timestamp;
    case 'r':
        return &cel_type_duration;
    case 'T':
        return &cel_type_type;
    case 'l':
        return &list_type;
    case 'S':
        return &strings_type;
    case 'm':
        return &map_type;
    case 'O':
        return &optional_type;
    default:
        return &cel_type_dyn;
    }
}

/* What A is, given the first argument. */
static const struct cel_type *parameter_of(const struct cel_function *function, const struct cel_type *first)
{
    if (function->params[0] == 'A')
        return first;
    return (first->kind == CEL_TYPE_LIST || first->kind == CEL_TYPE_OPTIONAL) && first->of ? first->of : &cel_type_dyn;
}

/* `first` is the type of the first argument, dyn where there is none. */
static const struct cel_type *result_type(
    struct cel_check *check, const struct cel_function *function, const struct cel_type *first)
{
    switch (function->result[0]) {
    case 'A':
        return parameter_of(function, first);
    case 'O':
        return cel_type_optional_of(check->arena, parameter_of(function, first));
    case 'M':
        return first;
    default:
        return letter_type(function->result[0]);
    }
}

static bool function_fits(const struct cel_function *function, const struct cel_type *const *args, size_t count)
{
    if (strlen(function->params) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!cel_type_fits(letter_type(function->params[i]), args[i]))
            return false;
    return true;
}

static void print_signatures(struct cel_check *check, const struct cel_node *node, struct strbuf *out)
{
    for (size_t i = 0; i < node->function_count; i++) {
        const struct cel_function *function = &node->functions[i];
        const char *letter = function->params;

        strbuf_append_text(out, i ? ", " : "");
        if (function->style == CEL_FUNCTION_METHOD)
            strbuf_printf(out, "%s.", cel_type_print(check->arena, letter_type(*letter++)));
        strbuf_printf(out, "%s(", function->name);
        for (const char *start = letter; *letter; letter++)
            strbuf_printf(out, "%s%s", letter == start ? "" : ", ", cel_type_print(check->arena, letter_type(*letter)));
        strbuf_append_char(out, ')');
    }
}

static const struct cel_type *fail_overload(
    struct cel_check *check, const struct cel_node *node, const struct cel_type *const *args)
{
    struct strbuf kinds = STRBUF_INIT, known = STRBUF_INIT;
    const struct cel_type *type;

    for (size_t i = 0; i < node->args.count; i++)
        strbuf_printf(&kinds, "%s%s", i ? ", " : "", cel_type_print(check->arena, args[i]));
    print_signatures(check, node, &known);
    type = cel_check_mismatch(
        check, node, "%.*s() cannot be applied to (%s)", STR_ARG(node->name), kinds.data ? kinds.data : "");
    cel_check_help(check, type, "there is %s", known.data);
    strbuf_free(&kinds);
    strbuf_free(&known);
    return type;
}

/* The overloads of the call's name. A receiver that is a namespace (strings.quote) is dropped from the arguments. */
static bool find_functions(struct cel_check *check, struct cel_node *node)
{
    struct str name = node->name;
    bool absolute = node->absolute, qualified = !node->method;
    const char *candidate;

    if (node->method) {
        struct str space;

        qualified = cel_check_qualified_name(check, node->args.items[0], &space, &absolute);
        if (qualified)
            name = str_from(arena_printf(check->arena, "%.*s.%.*s", STR_ARG(space), STR_ARG(name)));
    }
    for (size_t i = 0; qualified && (candidate = cel_check_candidate(check, name, absolute, i)); i++) {
        node->functions = cel_function_find(str_from(candidate), CEL_FUNCTION_GLOBAL, &node->function_count);
        if (!node->functions)
            continue;
        if (node->method) {
            node->method = false;
            node->args.items++;
            node->args.count--;
        }
        node->name = str_from(node->functions->name);
        return true;
    }
    if (node->method)
        node->functions = cel_function_find(node->name, CEL_FUNCTION_METHOD, &node->function_count);
    return node->functions;
}

/* The help for a call of a function that there is not. */
static void suggest_function(struct cel_check *check, const struct cel_node *node)
{
    struct str space;
    size_t count;
    const char *const *names =
        cel_function_names(check->arena, node->method ? CEL_FUNCTION_METHOD : CEL_FUNCTION_GLOBAL, &count);
    const char *best = str_did_you_mean(node->name, names, count);
    bool absolute;

    if (!best && node->method && cel_check_qualified_name(check, node->args.items[0], &space, &absolute)) {
        const char *name = arena_printf(check->arena, "%.*s.%.*s", STR_ARG(space), STR_ARG(node->name));

        names = cel_function_names(check->arena, CEL_FUNCTION_GLOBAL, &count);
        best = str_did_you_mean(str_from(name), names, count);
    }
    if (best)
        cel_check_help(check, NULL, "did you mean '%s'?", best);
    else if (cel_function_find(node->name, node->method ? CEL_FUNCTION_GLOBAL : CEL_FUNCTION_METHOD, &count))
        cel_check_help(check, NULL, node->method ? "write %.*s(value)" : "write value.%.*s()", STR_ARG(node->name));
}

static const struct cel_type *fail_unknown(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *type = cel_check_unresolved(check, node, "there is no function '%.*s'", STR_ARG(node->name));

    if (!type)
        suggest_function(check, node);
    return type;
}

/* A literal pattern is compiled once, and its mistakes are found here. */
static const struct cel_type *check_pattern(struct cel_check *check, struct cel_node *node)
{
    const struct cel_node *pattern = node->args.items[1];
    struct regex_error problem;

    if (node->functions->body != cel_text_matches || pattern->kind != CEL_NODE_LITERAL ||
        pattern->literal.kind != CEL_STRING)
        return &cel_type_bool;
    node->regex = regex_compile(check->arena, pattern->literal.as.text, REGEX_FLAVOUR_RE2, &problem);
    if (node->regex)
        return &cel_type_bool;
    return cel_check_help(check,
        cel_check_mismatch(check, pattern, "the pattern is wrong at its byte %zu: %s", problem.offset, problem.message),
        "%s", problem.help);
}

const struct cel_type *cel_check_call(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *args[CEL_FUNCTION_MAX_ARGS] = {&cel_type_dyn}, *type = NULL;

    if (!find_functions(check, node))
        return fail_unknown(check, node);
    if (node->args.count > CEL_FUNCTION_MAX_ARGS)
        return cel_check_unresolved(
            check, node, "%.*s() does not take %zu arguments", STR_ARG(node->name), node->args.count - node->method);
    for (size_t i = 0; i < node->args.count; i++) {
        args[i] = cel_check_node(check, node->args.items[i]);
        if (!args[i])
            return NULL;
    }
    for (size_t i = 0; i < node->function_count; i++) {
        const struct cel_type *result;

        if (!function_fits(&node->functions[i], args, node->args.count))
            continue;
        result = result_type(check, &node->functions[i], args[0]);
        type = type ? cel_type_join(check->arena, type, result) : result;
    }
    if (!type)
        return fail_overload(check, node, args);
    if (node->args.count == 2 && !check_pattern(check, node))
        return NULL;
    return type;
}
