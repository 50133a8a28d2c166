#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/bug.h"
#include "spec/cel/decimal.h"
#include "spec/cel/function.h"
#include "spec/cel/run.h"

bool cel_charge(struct cel_run *run, uint64_t units)
{
    if (run->cost_left >= units) {
        run->cost_left -= units;
        return true;
    }
    run->cost_left = 0;
    run->fatal = true;
    cel_fail(run, "the evaluation costs more than %llu steps", (unsigned long long)run->cost_limit);
    return cel_fail_help(run, "work on less data, or make the expression do less for each element");
}

bool cel_charge_bytes(struct cel_run *run, size_t bytes)
{
    return cel_charge(run, bytes / 64);
}

bool cel_fail(struct cel_run *run, const char *format, ...)
{
    va_list ap;

    run->error->start = run->at->start;
    run->error->end = run->at->end;
    run->error->help[0] = '\0';
    va_start(ap, format);
    vsnprintf(run->error->message, sizeof(run->error->message), format, ap);
    va_end(ap);
    return false;
}

bool cel_fail_help(struct cel_run *run, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(run->error->help, sizeof(run->error->help), format, ap);
    va_end(ap);
    return false;
}

struct cel_value cel_make_bool(bool value)
{
    return (struct cel_value){.kind = CEL_BOOL, .as.boolean = value};
}

struct cel_value cel_make_int(int64_t value)
{
    return (struct cel_value){.kind = CEL_INT, .as.integer = value};
}

struct cel_value cel_make_uint(uint64_t value)
{
    return (struct cel_value){.kind = CEL_UINT, .as.uinteger = value};
}

struct cel_value cel_make_double(double value)
{
    return (struct cel_value){.kind = CEL_DOUBLE, .as.real = value};
}

struct cel_value cel_make_type(const char *name)
{
    return (struct cel_value){.kind = CEL_TYPE, .as.text = str_from(name)};
}

struct cel_value cel_make_optional(struct cel_run *run, const struct cel_value *inner)
{
    struct cel_value *copy = NULL;

    if (inner) {
        copy = ARENA_NEW(run->arena, struct cel_value);
        *copy = *inner;
    }
    return (struct cel_value){.kind = CEL_OPTIONAL, .as.inner = copy};
}

bool cel_make_text(struct cel_run *run, enum cel_kind kind, struct str text, struct cel_value *out)
{
    if (!cel_charge_bytes(run, text.len))
        return false;
    *out = (struct cel_value){.kind = kind, .as.text = str_copy(run->arena, text)};
    return true;
}

bool cel_make_text_from(struct cel_run *run, enum cel_kind kind, struct strbuf *text, struct cel_value *out)
{
    bool made = cel_make_text(run, kind, strbuf_view(text), out);

    strbuf_free(text);
    return made;
}

/* A number that is whole and may count elements: int, uint, or double and decimal without fraction. */
static bool to_position(const struct cel_value *key, int64_t *out)
{
    struct cel_decimal number;

    switch (key->kind) {
    case CEL_INT:
        *out = key->as.integer;
        return true;
    case CEL_UINT:
        *out = key->as.uinteger > INT64_MAX ? INT64_MAX : (int64_t)key->as.uinteger;
        return true;
    case CEL_DOUBLE:
        if (!(key->as.real >= -9e15 && key->as.real <= 9e15) || key->as.real != (double)(int64_t)key->as.real)
            return false;
        *out = (int64_t)key->as.real;
        return true;
    case CEL_DECIMAL:
        return cel_decimal_read(key->as.text, &number) && cel_decimal_is_whole(&number) &&
               cel_decimal_to_i64(&number, out);
    default:
        return false;
    }
}

static bool index_list(
    struct cel_run *run, const struct cel_value *list, const struct cel_value *key, struct cel_value *out, bool *found)
{
    int64_t at;

    if (!to_position(key, &at)) {
        cel_fail(run, "a list cannot be indexed with this %s", cel_kind_name(key->kind));
        return cel_fail_help(run, "an index is a whole number");
    }
    *found = at >= 0 && (uint64_t)at < list->as.list.count;
    if (*found)
        *out = list->as.list.items[at];
    return true;
}

bool cel_run_index(struct cel_run *run, const struct cel_value *operand, const struct cel_value *key,
    struct cel_value *out, bool *found)
{
    const struct cel_value *value;

    if (operand->kind == CEL_LIST)
        return index_list(run, operand, key, out, found);
    if (operand->kind != CEL_MAP)
        return cel_fail(run, "%s cannot be indexed", cel_kind_name(operand->kind));
    if (key->kind != CEL_STRING && key->kind != CEL_BOOL && key->kind != CEL_INT && key->kind != CEL_UINT &&
        key->kind != CEL_DOUBLE && key->kind != CEL_DECIMAL)
        return cel_fail(run, "%s cannot be the key of a map", cel_kind_name(key->kind));
    if (!cel_run_lookup(run, operand, key, &value))
        return false;
    *found = value;
    if (value)
        *out = *value;
    return true;
}

static bool fail_missing(struct cel_run *run, const struct cel_value *operand, const struct cel_value *key)
{
    if (operand->kind == CEL_LIST) {
        cel_fail(run, "index out of range: the list has %zu element%s", operand->as.list.count,
            operand->as.list.count == 1 ? "" : "s");
        return cel_fail_help(run, "use list[?index].orValue(default)");
    }
    /* A key that was computed may be data, which has no place in a message. */
    if (key->kind != CEL_STRING ||
        (run->at->kind == CEL_NODE_INDEX && run->at->args.items[1]->kind != CEL_NODE_LITERAL))
        return cel_fail(run, "the map has no such key");
    cel_fail(run, "there is no field '%.*s'", (int)(key->as.text.len > 100 ? 100 : key->as.text.len),
        key->as.text.data);
    return cel_fail_help(run, "test it with has(), or use value.?field.orValue(default)");
}

/*
 * operand[key] with optionals: an optional operand gives an optional, and so does an optional access (.?x, [?x]).
 * presence: has().
 */
static bool access(struct cel_run *run, const struct cel_node *node, const struct cel_value *operand,
    const struct cel_value *key, struct cel_value *out)
{
    bool optional = node->optional || operand->kind == CEL_OPTIONAL, found = false;
    const struct cel_value *inner = operand->kind == CEL_OPTIONAL ? operand->as.inner : operand;
    struct cel_value value;

    run->at = node;
    if (inner && !cel_run_index(run, inner, key, &value, &found))
        return false;
    if (node->presence)
        *out = cel_make_bool(found);
    else if (optional)
        *out = cel_make_optional(run, found ? &value : NULL);
    else if (found)
        *out = value;
    else
        return fail_missing(run, inner, key);
    return true;
}

static bool run_select(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value operand = {.kind = CEL_NULL}, key = {.kind = CEL_STRING, .as.text = node->name};
    const struct cel_value *inner = &operand;

    if (!cel_run_node(run, node->args.items[0], &operand))
        return false;
    if (operand.kind == CEL_OPTIONAL)
        inner = operand.as.inner;
    run->at = node;
    if (inner && inner->kind != CEL_MAP)
        return cel_fail(run, "%s has no field '%.*s'", cel_kind_name(inner->kind), STR_ARG(node->name));
    return access(run, node, &operand, &key, out);
}

static bool run_index(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value operand, key;

    return cel_run_node(run, node->args.items[0], &operand) && cel_run_node(run, node->args.items[1], &key) &&
           access(run, node, &operand, &key, out);
}

/* The value of an optional entry: *present tells whether it counts. */
static bool run_entry(struct cel_run *run, const struct cel_node *node, struct cel_value *out, bool *present)
{
    *present = true;
    if (!cel_run_node(run, node, out))
        return false;
    if (!node->optional_entry)
        return true;
    run->at = node;
    if (out->kind != CEL_OPTIONAL)
        return cel_fail(run, "'?' takes an optional here, not %s", cel_kind_name(out->kind));
    *present = out->as.inner;
    if (*present)
        *out = *out->as.inner;
    return true;
}

static bool run_list(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value *items = ARENA_ARRAY(run->arena, struct cel_value, node->args.count);
    size_t count = 0;

    for (size_t i = 0; i < node->args.count; i++) {
        bool present;

        if (!run_entry(run, node->args.items[i], &items[count], &present))
            return false;
        count += present;
    }
    *out = (struct cel_value){.kind = CEL_LIST, .as.list = {items, count}};
    return true;
}

static bool check_key(struct cel_run *run, const struct cel_value *map, const struct cel_value *key)
{
    const struct cel_value *found;

    if (key->kind != CEL_STRING && key->kind != CEL_BOOL && key->kind != CEL_INT && key->kind != CEL_UINT) {
        cel_fail(run, "%s cannot be the key of a map", cel_kind_name(key->kind));
        return cel_fail_help(run, "keys are strings, ints, uints and bools");
    }
    if (!cel_run_lookup(run, map, key, &found))
        return false;
    return !found || cel_fail(run, "the map has the same key twice");
}

static bool run_map(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_entry *entries = ARENA_ARRAY(run->arena, struct cel_entry, node->args.count / 2);
    struct cel_value map = {.kind = CEL_MAP, .as.map = {entries, 0}};

    for (size_t i = 0; i < node->args.count; i += 2) {
        struct cel_entry entry;
        bool present;

        if (!cel_run_node(run, node->args.items[i], &entry.key) ||
            !run_entry(run, node->args.items[i + 1], &entry.value, &present))
            return false;
        run->at = node->args.items[i];
        if (!check_key(run, &map, &entry.key))
            return false;
        if (present)
            entries[map.as.map.count++] = entry;
    }
    *out = map;
    return true;
}

/* && and ||: an operand that decides the result absorbs the failures of the others. */
static bool run_logic(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    bool deciding = node->kind == CEL_NODE_OR, failed = false;
    struct cel_error first = {0};

    for (size_t i = 0; i < node->args.count; i++) {
        struct cel_value value = {.kind = CEL_NULL};
        bool good = cel_run_node(run, node->args.items[i], &value);

        if (good && value.kind != CEL_BOOL) {
            run->at = node->args.items[i];
            good = cel_fail(run, "'%s' takes bools, not %s", deciding ? "||" : "&&", cel_kind_name(value.kind));
        } else if (good && value.as.boolean == deciding) {
            *out = value;
            return true;
        }
        if (run->fatal)
            return false;
        if (!good && !failed) {
            failed = true;
            first = *run->error;
        }
    }
    if (failed) {
        *run->error = first;
        return false;
    }
    *out = cel_make_bool(!deciding);
    return true;
}

static bool run_conditional(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value condition = {.kind = CEL_NULL};

    if (!cel_run_node(run, node->args.items[0], &condition))
        return false;
    run->at = node->args.items[0];
    if (condition.kind != CEL_BOOL)
        return cel_fail(run, "the condition of '?:' is a bool, not %s", cel_kind_name(condition.kind));
    return cel_run_node(run, node->args.items[condition.as.boolean ? 1 : 2], out);
}

static bool run_binary(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value left, right;

    if (!cel_run_node(run, node->args.items[0], &left) || !cel_run_node(run, node->args.items[1], &right))
        return false;
    run->at = node;
    return cel_operator_run(run, node->op, &left, &right, out);
}

static bool run_unary(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value value = {.kind = CEL_NULL};

    if (!cel_run_node(run, node->args.items[0], &value))
        return false;
    run->at = node;
    if (node->kind == CEL_NODE_NEGATE)
        return cel_operator_negate(run, &value, out);
    if (value.kind != CEL_BOOL)
        return cel_fail(run, "'!' takes a bool, not %s", cel_kind_name(value.kind));
    *out = cel_make_bool(!value.as.boolean);
    return true;
}

static bool run_call(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value args[CEL_FUNCTION_MAX_ARGS];

    for (size_t i = 0; i < node->args.count; i++)
        if (!cel_run_node(run, node->args.items[i], &args[i]))
            return false;
    run->at = node;
    return cel_function_run(run, node, args, out);
}

static bool run_bind(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    struct cel_value value;

    if (!cel_run_node(run, node->args.items[0], &value))
        return false;
    run->locals[node->index] = value;
    return cel_run_node(run, node->args.items[1], out);
}

/* optMap, optFlatMap, or, orValue: the second argument is evaluated where it counts only. */
static bool run_optional(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    bool fallback = node->kind == CEL_NODE_OPT_OR || node->kind == CEL_NODE_OPT_OR_VALUE;
    struct cel_value optional = {.kind = CEL_NULL};

    if (!cel_run_node(run, node->args.items[0], &optional))
        return false;
    run->at = node;
    if (optional.kind != CEL_OPTIONAL)
        return cel_fail(run, "%.*s() is for optionals, not %s", STR_ARG(node->name), cel_kind_name(optional.kind));
    if (fallback == (optional.as.inner != NULL)) {
        *out = node->kind == CEL_NODE_OPT_OR_VALUE ? *optional.as.inner : optional;
        return true;
    }
    if (!fallback)
        run->locals[node->index] = *optional.as.inner;
    if (!cel_run_node(run, node->args.items[1], out))
        return false;
    run->at = node->args.items[1];
    if (node->kind == CEL_NODE_OPT_MAP)
        *out = cel_make_optional(run, out);
    else if (node->kind != CEL_NODE_OPT_OR_VALUE && out->kind != CEL_OPTIONAL)
        return cel_fail(run, "%.*s() needs an optional here, not %s", STR_ARG(node->name), cel_kind_name(out->kind));
    return true;
}

static bool run_variable(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    const struct cel_value *value = run->variables[node->index];

    run->at = node;
    if (!value)
        return cel_fail(run, "'%s' has no value", run->program->variables.items[node->index]);
    *out = *value;
    return true;
}

bool cel_run_node(struct cel_run *run, const struct cel_node *node, struct cel_value *out)
{
    run->at = node;
    if (!cel_charge(run, 1))
        return false;
    switch (node->kind) {
    case CEL_NODE_LITERAL:
        *out = node->literal;
        return true;
    case CEL_NODE_VARIABLE:
        return run_variable(run, node, out);
    case CEL_NODE_LOCAL:
        *out = run->locals[node->index];
        return true;
    case CEL_NODE_UNRESOLVED:
        return cel_fail(run, "%.*s", STR_ARG(node->name));
    case CEL_NODE_SELECT:
        return run_select(run, node, out);
    case CEL_NODE_INDEX:
        return run_index(run, node, out);
    case CEL_NODE_CALL:
        return run_call(run, node, out);
    case CEL_NODE_LIST:
        return run_list(run, node, out);
    case CEL_NODE_MAP:
        return run_map(run, node, out);
    case CEL_NODE_NOT:
    case CEL_NODE_NEGATE:
        return run_unary(run, node, out);
    case CEL_NODE_BINARY:
        return run_binary(run, node, out);
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        return run_logic(run, node, out);
    case CEL_NODE_CONDITIONAL:
        return run_conditional(run, node, out);
    case CEL_NODE_FOLD:
        return cel_run_fold(run, node, out);
    case CEL_NODE_BIND:
        return run_bind(run, node, out);
    case CEL_NODE_OPT_MAP:
    case CEL_NODE_OPT_FLAT_MAP:
    case CEL_NODE_OPT_OR:
    case CEL_NODE_OPT_OR_VALUE:
        return run_optional(run, node, out);
    case CEL_NODE_NAME:
        break;
    }
    BUG("node of kind %d in a checked expression", (int)node->kind);
}
