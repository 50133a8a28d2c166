#include "spec/cel/function.h"

#include <stdio.h>
#include <string.h>

#define CEL_FUNCTION(name, style, params, result, body) {name, CEL_FUNCTION_##style, params, result, body},
static const struct cel_function functions[] = {
#include "spec/cel/functions.def"
};
#undef CEL_FUNCTION

enum { FUNCTION_COUNT = sizeof(functions) / sizeof(functions[0]) };

const struct cel_function *cel_function_find(struct str name, enum cel_function_style style, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (functions[i].style != style || !str_is(name, functions[i].name))
            continue;
        while (i + *count < FUNCTION_COUNT && functions[i + *count].style == style &&
               str_is(name, functions[i + *count].name))
            ++*count;
        return &functions[i];
    }
    return NULL;
}

const char *const *cel_function_names(struct arena *arena, enum cel_function_style style, size_t *count)
{
    const char **names = ARENA_ARRAY(arena, const char *, FUNCTION_COUNT);

    *count = 0;
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (functions[i].style == style)
            names[(*count)++] = functions[i].name;
    return names;
}

static bool all_strings(const struct cel_value *list)
{
    for (size_t i = 0; i < list->as.list.count; i++)
        if (list->as.list.items[i].kind != CEL_STRING)
            return false;
    return true;
}

static bool letter_fits(char letter, const struct cel_value *value)
{
    switch (letter) {
    case 'b':
        return value->kind == CEL_BOOL;
    case 'i':
        return value->kind == CEL_INT;
    case 'u':
        return value->kind == CEL_UINT;
    case 'f':
        return value->kind == CEL_DOUBLE;
    case 'n':
        return value->kind == CEL_DECIMAL;
    case 's':
        return value->kind == CEL_STRING;
    case 'y':
        return value->kind == CEL_BYTES;
    case 't':
        return value->kind == CEL_TIMESTAMP;
    case 'r':
        return value->kind == CEL_DURATION;
    case 'T':
        return value->kind == CEL_TYPE;
    case 'l':
        return value->kind == CEL_LIST;
    case 'S':
        return value->kind == CEL_LIST && all_strings(value);
    case 'm':
        return value->kind == CEL_MAP;
    case 'O':
        return value->kind == CEL_OPTIONAL;
    default:
        return true;
    }
}

static bool function_fits(const struct cel_function *function, const struct cel_value *args, size_t count)
{
    if (strlen(function->params) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!letter_fits(function->params[i], &args[i]))
            return false;
    return true;
}

static bool charge_lists(struct cel_run *run, const struct cel_value *args, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (args[i].kind == CEL_LIST && !cel_charge(run, args[i].as.list.count / 8))
            return false;
    return true;
}

bool cel_function_run(
    struct cel_run *run, const struct cel_node *call, const struct cel_value *args, struct cel_value *out)
{
    size_t count = call->args.count;
    char kinds[160] = "";
    size_t len = 0;

    /* Finding the overload may look at every element of a list. */
    if (!charge_lists(run, args, count))
        return false;
    for (size_t i = 0; i < call->function_count; i++)
        if (function_fits(&call->functions[i], args, count))
            return call->functions[i].body(run, args, count, out);
    for (size_t i = 0; i < count; i++) {
        const char *name = cel_kind_name(args[i].kind);

        if (len + strlen(name) + 3 > sizeof(kinds))
            break;
        len += (size_t)snprintf(kinds + len, sizeof(kinds) - len, "%s%s", i ? ", " : "", name);
    }
    return cel_fail(run, "%.*s() cannot be applied to (%s)", STR_ARG(call->name), kinds);
}
