#include "spec/cel/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/bug.h"
#include "spec/cel/constant.h"
#include "spec/cel/function.h"

const struct cel_type *cel_check_mismatch(struct cel_check *check, const struct cel_node *node, const char *format, ...)
{
    va_list ap;

    if (check->env->unchecked)
        return &cel_type_dyn;
    check->error->start = node->start;
    check->error->end = node->end;
    check->error->help[0] = '\0';
    va_start(ap, format);
    vsnprintf(check->error->message, sizeof(check->error->message), format, ap);
    va_end(ap);
    return NULL;
}

const struct cel_type *cel_check_unresolved(struct cel_check *check, struct cel_node *node, const char *format, ...)
{
    va_list ap;

    check->error->start = node->start;
    check->error->end = node->end;
    check->error->help[0] = '\0';
    va_start(ap, format);
    vsnprintf(check->error->message, sizeof(check->error->message), format, ap);
    va_end(ap);
    if (!check->env->unchecked)
        return NULL;
    node->kind = CEL_NODE_UNRESOLVED;
    node->name = str_from(arena_strdup(check->arena, check->error->message));
    return &cel_type_dyn;
}

const struct cel_type *cel_check_help(struct cel_check *check, const struct cel_type *type, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(check->error->help, sizeof(check->error->help), format, ap);
    va_end(ap);
    return type;
}

static const struct cel_type *did_you_mean(
    struct cel_check *check, const struct cel_type *type, struct str word, const char *const *names, size_t count)
{
    const char *best = str_did_you_mean(word, names, count);

    return best ? cel_check_help(check, type, "did you mean '%s'?", best) : type;
}

const struct cel_type *cel_check_bool(
    struct cel_check *check, const struct cel_node *node, const struct cel_type *type, const char *what)
{
    if (!type || type->kind == CEL_TYPE_DYN || type->kind == CEL_TYPE_BOOL)
        return type;
    return cel_check_help(check,
        cel_check_mismatch(check, node, "%s is a bool, not %s", what, cel_type_print(check->arena, type)),
        "compare it with something");
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum cel_kind kind;
} type_names[] = {
    {"int", CEL_INT},
    {"uint", CEL_UINT},
    {"double", CEL_DOUBLE},
    {"decimal", CEL_DECIMAL},
    {"bool", CEL_BOOL},
    {"string", CEL_STRING},
    {"bytes", CEL_BYTES},
    {"list", CEL_LIST},
    {"map", CEL_MAP},
    {"null_type", CEL_NULL},
    {"type", CEL_TYPE},
    {"optional_type", CEL_OPTIONAL},
    {"google.protobuf.Timestamp", CEL_TIMESTAMP},
    {"google.protobuf.Duration", CEL_DURATION},
};

enum { TYPE_NAME_COUNT = sizeof(type_names) / sizeof(type_names[0]) };

static const struct cel_scope *find_local(const struct cel_check *check, struct str name, uint32_t *slot)
{
    for (size_t i = check->scopes.count; i-- > 0;) {
        if (str_equal(check->scopes.items[i].name, name)) {
            *slot = (uint32_t)i;
            return &check->scopes.items[i];
        }
    }
    return NULL;
}

bool cel_check_is_local(const struct cel_check *check, struct str name)
{
    uint32_t slot;

    return find_local(check, name, &slot);
}

bool cel_check_qualified_name(
    const struct cel_check *check, const struct cel_node *node, struct str *name, bool *absolute)
{
    struct strbuf out = STRBUF_INIT;
    struct str prefix;

    if (node->kind == CEL_NODE_NAME) {
        *name = node->name;
        *absolute = node->absolute;
        return node->absolute || !cel_check_is_local(check, node->name);
    }
    if (node->kind != CEL_NODE_SELECT || node->optional || node->presence ||
        !cel_check_qualified_name(check, node->args.items[0], &prefix, absolute))
        return false;
    strbuf_append_str(&out, prefix);
    strbuf_append_char(&out, '.');
    strbuf_append_str(&out, node->name);
    *name = strbuf_copy(&out, check->arena);
    strbuf_free(&out);
    return true;
}

const char *cel_check_candidate(const struct cel_check *check, struct str name, bool absolute, size_t number)
{
    const char *container = check->env->container && !absolute ? check->env->container : "";
    size_t len = strlen(container);

    /* Each step takes one part off the end of the container. */
    for (size_t i = 0; i < number; i++) {
        if (len == 0)
            return NULL;
        while (len > 0 && container[len - 1] != '.')
            len--;
        len -= len > 0;
    }
    return len ? arena_printf(check->arena, "%.*s.%.*s", (int)len, container, STR_ARG(name))
               : arena_strndup(check->arena, name.data, name.len);
}

static const struct cel_variable *find_variable(const struct cel_check *check, const char *name)
{
    for (size_t i = 0; i < check->env->variable_count; i++)
        if (strcmp(check->env->variables[i].name, name) == 0)
            return &check->env->variables[i];
    return NULL;
}

static uint32_t variable_index(struct cel_check *check, const char *name)
{
    struct cel_program *program = check->program;

    for (size_t i = 0; i < program->variables.count; i++)
        if (strcmp(program->variables.items[i], name) == 0)
            return (uint32_t)i;
    VEC_PUSH(check->arena, &program->variables, arena_strdup(check->arena, name));
    return (uint32_t)program->variables.count - 1;
}

static const struct cel_type *resolve_type_name(struct cel_node *node, const char *name)
{
    for (size_t i = 0; i < TYPE_NAME_COUNT; i++) {
        if (strcmp(type_names[i].name, name) == 0) {
            node->kind = CEL_NODE_LITERAL;
            node->literal = cel_make_type(type_names[i].name);
            return &cel_type_type;
        }
    }
    return NULL;
}

/* Makes node the variable or type of that name; NULL, and node untouched, when there is none. */
static const struct cel_type *resolve(struct cel_check *check, struct cel_node *node, struct str name, bool absolute)
{
    const char *candidate;

    if (memchr(name.data, '\0', name.len))
        return NULL;
    for (size_t i = 0; (candidate = cel_check_candidate(check, name, absolute, i)); i++) {
        const struct cel_variable *variable = find_variable(check, candidate);
        const struct cel_type *type;

        if (variable) {
            node->kind = CEL_NODE_VARIABLE;
            node->index = variable_index(check, candidate);
            return variable->type ? variable->type : &cel_type_dyn;
        }
        type = resolve_type_name(node, candidate);
        if (type)
            return type;
    }
    return NULL;
}

/* The help for a name that is not declared. */
static void suggest_name(struct cel_check *check, struct str name)
{
    const struct cel_env *env = check->env;
    size_t count = 0, functions;
    const char **names = ARENA_ARRAY(check->arena, const char *, env->variable_count + check->scopes.count);

    for (size_t i = 0; i < check->scopes.count; i++)
        names[count++] = arena_strndup(check->arena, check->scopes.items[i].name.data, check->scopes.items[i].name.len);
    for (size_t i = 0; i < env->variable_count; i++)
        names[count++] = env->variables[i].name;
    if (cel_function_find(name, CEL_FUNCTION_GLOBAL, &functions)) {
        cel_check_help(check, NULL, "'%.*s' is a function: write %.*s(…)", STR_ARG(name), STR_ARG(name));
    } else if (str_did_you_mean(name, names, count) || count > 4) {
        did_you_mean(check, NULL, name, names, count);
    } else if (count > 0) {
        struct strbuf list = STRBUF_INIT;

        for (size_t i = 0; i < count; i++)
            strbuf_printf(&list, "%s'%s'", i ? ", " : "", names[i]);
        cel_check_help(check, NULL, "there are %s", list.data);
        strbuf_free(&list);
    }
}

static const struct cel_type *fail_undeclared(struct cel_check *check, struct cel_node *node)
{
    struct str name = node->name;
    const struct cel_type *type = cel_check_unresolved(check, node, "'%.*s' is not declared", STR_ARG(name));

    if (!type)
        suggest_name(check, name);
    return type;
}

static const struct cel_type *check_name(struct cel_check *check, struct cel_node *node)
{
    const struct cel_scope *local = node->absolute ? NULL : find_local(check, node->name, &node->index);
    const struct cel_type *type;

    if (local) {
        node->kind = CEL_NODE_LOCAL;
        return local->type;
    }
    type = resolve(check, node, node->name, node->absolute);
    return type ? type : fail_undeclared(check, node);
}

/* --- fields and elements ------------------------------------------------------------------------------------------ */

static const struct cel_type *field_of_object(
    struct cel_check *check, const struct cel_node *node, const struct cel_type *object, struct str name)
{
    const struct cel_field *field = cel_type_field(object, name);
    const struct cel_type *type;
    const char **names;

    if (field)
        return cel_type_part(field->type);
    if (object->open)
        return &cel_type_dyn;
    type = cel_check_mismatch(check, node, "there is no field '%.*s'", STR_ARG(name));
    names = ARENA_ARRAY(check->arena, const char *, object->field_count);
    for (size_t i = 0; i < object->field_count; i++)
        names[i] = object->fields[i].name;
    return did_you_mean(check, type, name, names, object->field_count);
}

/* The type of operand.name or operand["name"], where operand is no optional. */
static const struct cel_type *field_type(
    struct cel_check *check, const struct cel_node *node, const struct cel_type *operand, struct str name)
{
    switch (operand->kind) {
    case CEL_TYPE_DYN:
        return &cel_type_dyn;
    case CEL_TYPE_OBJECT:
        return field_of_object(check, node, operand, name);
    case CEL_TYPE_MAP:
        if (cel_type_fits(&cel_type_string, cel_type_part(operand->key)))
            return cel_type_part(operand->of);
        break;
    default:
        break;
    }
    return cel_check_mismatch(check, node, "%s has no fields", cel_type_print(check->arena, operand));
}

static const struct cel_type *index_type(
    struct cel_check *check, const struct cel_node *node, const struct cel_type *operand, const struct cel_type *key)
{
    const struct cel_node *literal = node->args.items[1];
    bool fits = true;

    switch (operand->kind) {
    case CEL_TYPE_DYN:
        return &cel_type_dyn;
    case CEL_TYPE_LIST:
        fits = key->kind == CEL_TYPE_DYN || key->kind == CEL_TYPE_INT || key->kind == CEL_TYPE_DECIMAL;
        if (fits)
            return cel_type_part(operand->of);
        break;
    case CEL_TYPE_MAP:
        fits = cel_type_fits(cel_type_part(operand->key), key) ||
               (cel_type_is_number(cel_type_part(operand->key)) && cel_type_is_number(key));
        if (fits)
            return cel_type_part(operand->of);
        break;
    case CEL_TYPE_OBJECT:
        if (literal->kind == CEL_NODE_LITERAL && literal->literal.kind == CEL_STRING)
            return field_of_object(check, node, operand, literal->literal.as.text);
        fits = cel_type_fits(&cel_type_string, key);
        if (fits)
            return &cel_type_dyn;
        break;
    default:
        break;
    }
    return cel_check_mismatch(check, node, fits ? "%s cannot be indexed" : "%s cannot be indexed with %s",
        cel_type_print(check->arena, operand), cel_type_print(check->arena, key));
}

/* What an access gives: an optional when the operand or the access is one. */
static const struct cel_type *access_result(
    struct cel_check *check, const struct cel_node *node, bool optional, const struct cel_type *type)
{
    if (!type)
        return NULL;
    if (node->presence)
        return &cel_type_bool;
    return optional || node->optional ? cel_type_optional_of(check->arena, type) : type;
}

static const struct cel_type *check_select(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *operand;
    struct str name;
    bool absolute, optional;

    /* A variable may have dots in its name: the longest name that is declared wins. */
    if (cel_check_qualified_name(check, node, &name, &absolute)) {
        const struct cel_type *type = resolve(check, node, name, absolute);

        if (type)
            return type;
    }
    operand = cel_check_node(check, node->args.items[0]);
    if (!operand)
        return NULL;
    optional = operand->kind == CEL_TYPE_OPTIONAL;
    return access_result(
        check, node, optional, field_type(check, node, optional ? cel_type_part(operand->of) : operand, node->name));
}

static const struct cel_type *check_index(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *operand = cel_check_node(check, node->args.items[0]);
    const struct cel_type *key = operand ? cel_check_node(check, node->args.items[1]) : NULL;
    bool optional = operand && operand->kind == CEL_TYPE_OPTIONAL;

    if (!key)
        return NULL;
    return access_result(
        check, node, optional, index_type(check, node, optional ? cel_type_part(operand->of) : operand, key));
}

/* --- literals of lists and maps ----------------------------------------------------------------------------------- */

/* An entry behind '?' is an optional of what goes in. */
static const struct cel_type *check_entry(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *type = cel_check_node(check, node);

    if (!type || !node->optional_entry || type->kind == CEL_TYPE_DYN)
        return type;
    if (type->kind == CEL_TYPE_OPTIONAL)
        return cel_type_part(type->of);
    return cel_check_help(check,
        cel_check_mismatch(check, node, "'?' takes an optional here, not %s", cel_type_print(check->arena, type)),
        "leave the '?' out");
}

static const struct cel_type *check_list(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *element = NULL;

    for (size_t i = 0; i < node->args.count; i++) {
        const struct cel_type *type = check_entry(check, node->args.items[i]);

        if (!type)
            return NULL;
        element = element ? cel_type_join(check->arena, element, type) : type;
    }
    cel_constant_fold(check->arena, node);
    return cel_type_list_of(check->arena, cel_type_part(element));
}

static bool is_key(const struct cel_type *type)
{
    return type->kind == CEL_TYPE_DYN || type->kind == CEL_TYPE_STRING || type->kind == CEL_TYPE_BOOL ||
           type->kind == CEL_TYPE_INT || type->kind == CEL_TYPE_UINT;
}

static const struct cel_type *check_map(struct cel_check *check, struct cel_node *node)
{
    const struct cel_type *key = NULL, *value = NULL;
    const struct cel_node *duplicate;

    for (size_t i = 0; i < node->args.count; i += 2) {
        const struct cel_type *key_type = cel_check_node(check, node->args.items[i]);
        const struct cel_type *value_type = key_type ? check_entry(check, node->args.items[i + 1]) : NULL;

        if (!value_type)
            return NULL;
        if (!is_key(key_type)) {
            key_type = cel_check_help(check,
                cel_check_mismatch(check, node->args.items[i], "%s cannot be the key of a map",
                    cel_type_print(check->arena, key_type)),
                "keys are strings, ints, uints and bools");
            if (!key_type)
                return NULL;
        }
        key = key ? cel_type_join(check->arena, key, key_type) : key_type;
        value = value ? cel_type_join(check->arena, value, value_type) : value_type;
    }
    duplicate = cel_constant_duplicate_key(node);
    if (!duplicate)
        cel_constant_fold(check->arena, node);
    else if (!cel_check_mismatch(check, duplicate, "the map has the same key twice"))
        return NULL;
    return cel_type_map_of(check->arena, cel_type_part(key), cel_type_part(value));
}

const struct cel_type *cel_check_node(struct cel_check *check, struct cel_node *node)
{
    switch (node->kind) {
    case CEL_NODE_LITERAL:
        return cel_type_of_kind(node->literal.kind);
    case CEL_NODE_NAME:
        return check_name(check, node);
    case CEL_NODE_SELECT:
        return check_select(check, node);
    case CEL_NODE_INDEX:
        return check_index(check, node);
    case CEL_NODE_CALL:
        return cel_check_call(check, node);
    case CEL_NODE_LIST:
        return check_list(check, node);
    case CEL_NODE_MAP:
        return check_map(check, node);
    case CEL_NODE_NOT:
    case CEL_NODE_AND:
    case CEL_NODE_OR:
    case CEL_NODE_NEGATE:
    case CEL_NODE_BINARY:
    case CEL_NODE_CONDITIONAL:
        return cel_check_operator(check, node);
    case CEL_NODE_FOLD:
    case CEL_NODE_BIND:
    case CEL_NODE_OPT_MAP:
    case CEL_NODE_OPT_FLAT_MAP:
    case CEL_NODE_OPT_OR:
    case CEL_NODE_OPT_OR_VALUE:
        return cel_check_macro(check, node);
    case CEL_NODE_VARIABLE:
    case CEL_NODE_LOCAL:
    case CEL_NODE_UNRESOLVED:
        break;
    }
    BUG("node of kind %d before the check", (int)node->kind);
}

const struct cel_type *cel_check(
    struct arena *arena, const struct cel_env *env, struct cel_program *program, struct cel_error *error)
{
    struct cel_check check = {.arena = arena, .env = env, .program = program, .error = error};

    return cel_check_node(&check, program->root);
}
