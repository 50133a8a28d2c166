/* Expressions as calls of the runtime: a tree becomes a tree. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "compiler/typescript/module.h"
#include "spec/base/arena.h"
#include "spec/cel/ast.h"
#include "spec/cel/function.h"
#include "spec/cel/number.h"
#include "spec/base/base64.h"
#include "spec/event/upcast_op.h"

struct translation {
    struct ts_module *module;
    const struct upcast_expression *expression;
};

static void write_node(const struct translation *translation, const struct cel_node *node);

void ts_write_text(struct ts_module *module, struct str text)
{
    json_write_string(module->out, text);
}

static struct diag *refuse(const struct translation *translation, const struct cel_node *node, const char *what)
{
    struct ts_module *module = translation->module;
    const struct node *at = node_at_pointer(module->arena, module->operators, translation->expression->pointer);
    struct span span = at->kind == NODE_SCALAR ? node_text_span(at, node->start, node->end) : at->span;

    strbuf_append_str(module->out, STR("undefined"));
    return diag_report(module->diags, DIAG(TS001), span, "%s has no faithful translation into TypeScript", what);
}

/* --- literals ------------------------------------------------------------------------------------------------------ */

static void write_double(struct strbuf *out, double real)
{
    if (isnan(real))
        strbuf_append_str(out, STR("NaN"));
    else if (isinf(real))
        strbuf_append_str(out, real > 0 ? STR("Infinity") : STR("(-Infinity)"));
    else
        strbuf_printf(out, signbit(real) ? "(%.17g)" : "%.17g", real);
}

static void write_literal(struct ts_module *module, const struct cel_value *value)
{
    struct strbuf *out = module->out;

    switch (value->kind) {
    case CEL_NULL:
        strbuf_append_str(out, STR("null"));
        break;
    case CEL_BOOL:
        strbuf_append_str(out, value->as.boolean ? STR("true") : STR("false"));
        break;
    case CEL_INT:
        strbuf_printf(out, value->as.integer < 0 ? "(%" PRId64 "n)" : "%" PRId64 "n", value->as.integer);
        break;
    case CEL_UINT:
        strbuf_printf(out, "new Uint(%" PRIu64 "n)", value->as.uinteger);
        break;
    case CEL_DOUBLE:
        write_double(out, value->as.real);
        break;
    case CEL_DECIMAL:
    case CEL_TYPE:
        strbuf_append_text(out, value->kind == CEL_TYPE ? "new Type(" : "new Decimal(");
        ts_write_text(module, value->as.text);
        strbuf_append_char(out, ')');
        break;
    case CEL_STRING:
        ts_write_text(module, value->as.text);
        break;
    case CEL_BYTES:
        strbuf_append_str(out, STR("decodeBase64("));
        ts_write_text(module, base64_encode(module->arena, value->as.text));
        strbuf_append_char(out, ')');
        break;
    case CEL_LIST:
        strbuf_append_str(out, STR("new CelList(["));
        for (size_t i = 0; i < value->as.list.count; i++) {
            strbuf_append_text(out, i ? ", " : "");
            write_literal(module, &value->as.list.items[i]);
        }
        strbuf_append_str(out, STR("])"));
        break;
    case CEL_MAP:
        strbuf_append_str(out, STR("new CelMap(["));
        for (size_t i = 0; i < value->as.map.count; i++) {
            strbuf_append_text(out, i ? ", [" : "[");
            write_literal(module, &value->as.map.entries[i].key);
            strbuf_append_str(out, STR(", "));
            write_literal(module, &value->as.map.entries[i].value);
            strbuf_append_char(out, ']');
        }
        strbuf_append_str(out, STR("])"));
        break;
    case CEL_TIMESTAMP: /* the language has no literals of these */
    case CEL_DURATION:
    case CEL_OPTIONAL:
        strbuf_append_str(out, STR("undefined"));
        break;
    }
}

void ts_write_scalar(struct ts_module *module, const struct event_value *value)
{
    switch (value->type) {
    case EVENT_BOOL:
        strbuf_append_str(module->out, value->boolean ? STR("true") : STR("false"));
        break;
    case EVENT_NUMBER:
        strbuf_append_str(module->out, STR("new Decimal("));
        ts_write_text(module, value->text);
        strbuf_append_char(module->out, ')');
        break;
    case EVENT_STRING:
        ts_write_text(module, value->text);
        break;
    default:
        strbuf_append_str(module->out, STR("null"));
    }
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

/* NAME(args[from], …, more) */
static void write_call(const struct translation *translation, const char *name, const struct cel_node *node,
    const char *more)
{
    struct strbuf *out = translation->module->out;

    strbuf_printf(out, "%s(", name);
    for (size_t i = 0; i < node->args.count; i++) {
        strbuf_append_text(out, i ? ", " : "");
        write_node(translation, node->args.items[i]);
    }
    strbuf_printf(out, "%s)", more);
}

static void write_function(const struct translation *translation, const struct cel_node *node)
{
    struct ts_module *module = translation->module;
    /* The table has the name with its namespace, which the node need not have. */
    const char *name = arena_printf(module->arena, "%s%s", node->method ? "." : "", node->functions->name);

    if (!ts_runtime_has(module->arena, name)) {
        struct diag *diag =
            refuse(translation, node, arena_printf(module->arena, "the function '%s'", node->functions->name));

        diag_add_help(module->diags, diag, "write it with other functions, or let `invplan upcast` do this step");
        return;
    }
    strbuf_append_str(module->out, STR("functions["));
    ts_write_text(module, str_from(name));
    write_call(translation, "]", node, "");
}

/* ($3, $4) => body: the variables of macros are named after their slots, which differ wherever both can be seen. */
static void write_step(
    const struct translation *translation, const struct cel_node *node, uint32_t count, const struct cel_node *body)
{
    struct strbuf *out = translation->module->out;
    const char *note = translation->module->javascript ? "" : ": Cel";

    if (!body) {
        strbuf_append_str(out, STR("null"));
        return;
    }
    strbuf_append_char(out, '(');
    for (uint32_t i = 0; i < count; i++)
        strbuf_printf(out, "%s$%" PRIu32 "%s", i ? ", " : "", node->index + i, note);
    strbuf_append_str(out, STR(") => "));
    write_node(translation, body);
}

static void write_thunk(const struct translation *translation, const struct cel_node *body)
{
    strbuf_append_str(translation->module->out, STR("() => "));
    write_node(translation, body);
}

static void write_fold(const struct translation *translation, const struct cel_node *node)
{
    static const char *const names[] = {
        [CEL_FOLD_ALL] = "all",
        [CEL_FOLD_EXISTS] = "exists",
        [CEL_FOLD_EXISTS_ONE] = "existsOne",
        [CEL_FOLD_FILTER] = "filter",
        [CEL_FOLD_LIST] = "mapList",
        [CEL_FOLD_MAP] = "mapMap",
    };
    struct strbuf *out = translation->module->out;

    strbuf_printf(out, "%s(", names[node->fold]);
    write_node(translation, node->args.items[0]);
    strbuf_printf(out, ", %" PRIu32 ", ", node->variable_count);
    write_step(translation, node, node->variable_count, node->args.items[1]);
    if (node->fold == CEL_FOLD_LIST || node->fold == CEL_FOLD_MAP) {
        strbuf_append_str(out, STR(", "));
        write_step(translation, node, node->variable_count, node->args.items[2]);
    }
    strbuf_append_char(out, ')');
}

static void write_logic(const struct translation *translation, const struct cel_node *node)
{
    struct strbuf *out = translation->module->out;

    strbuf_append_text(out, node->kind == CEL_NODE_AND ? "and(" : "or(");
    for (size_t i = 0; i < node->args.count; i++) {
        strbuf_append_text(out, i ? ", " : "");
        write_thunk(translation, node->args.items[i]);
    }
    strbuf_append_char(out, ')');
}

/* optMap, optFlatMap, or, orValue */
static void write_optional(const struct translation *translation, const struct cel_node *node)
{
    struct strbuf *out = translation->module->out;
    bool is_map = node->kind == CEL_NODE_OPT_MAP || node->kind == CEL_NODE_OPT_FLAT_MAP;

    strbuf_append_text(out, node->kind == CEL_NODE_OPT_MAP        ? "optMap("
                            : node->kind == CEL_NODE_OPT_FLAT_MAP ? "optFlatMap("
                            : node->kind == CEL_NODE_OPT_OR       ? "optOr("
                                                                  : "optOrValue(");
    write_node(translation, node->args.items[0]);
    strbuf_append_str(out, STR(", "));
    if (is_map)
        write_step(translation, node, 1, node->args.items[1]);
    else
        write_thunk(translation, node->args.items[1]);
    strbuf_append_char(out, ')');
}

static void write_bind(const struct translation *translation, const struct cel_node *node)
{
    struct strbuf *out = translation->module->out;

    strbuf_append_char(out, '(');
    write_step(translation, node, 1, node->args.items[1]);
    strbuf_append_str(out, STR(")("));
    write_node(translation, node->args.items[0]);
    strbuf_append_char(out, ')');
}

static void write_list(const struct translation *translation, const struct cel_node *node)
{
    struct strbuf *out = translation->module->out;

    strbuf_append_str(out, STR("new CelList(["));
    for (size_t i = 0; i < node->args.count; i++) {
        const struct cel_node *item = node->args.items[i];

        strbuf_append_text(out, i ? ", " : "");
        strbuf_append_text(out, item->optional_entry ? "...given(" : "");
        write_node(translation, item);
        strbuf_append_text(out, item->optional_entry ? ")" : "");
    }
    strbuf_append_str(out, STR("])"));
}

static void write_map(const struct translation *translation, const struct cel_node *node)
{
    struct strbuf *out = translation->module->out;

    strbuf_append_str(out, STR("makeMap(["));
    for (size_t i = 0; i < node->args.count; i += 2) {
        strbuf_append_text(out, i ? ", [" : "[");
        write_node(translation, node->args.items[i]);
        strbuf_append_str(out, STR(", "));
        write_node(translation, node->args.items[i + 1]);
        strbuf_append_text(out, node->args.items[i + 1]->optional_entry ? ", true]" : "]");
    }
    strbuf_append_str(out, STR("])"));
}

static void write_select(const struct translation *translation, const struct cel_node *node)
{
    struct strbuf *out = translation->module->out;

    strbuf_append_text(out, node->presence ? "has(" : "select(");
    write_node(translation, node->args.items[0]);
    strbuf_append_str(out, STR(", "));
    ts_write_text(translation->module, node->name);
    strbuf_append_text(out, node->optional && !node->presence ? ", true)" : ")");
}

static void write_conditional(const struct translation *translation, const struct cel_node *node)
{
    struct strbuf *out = translation->module->out;

    strbuf_append_str(out, STR("(test("));
    write_node(translation, node->args.items[0]);
    strbuf_append_str(out, STR(") ? "));
    write_node(translation, node->args.items[1]);
    strbuf_append_str(out, STR(" : "));
    write_node(translation, node->args.items[2]);
    strbuf_append_char(out, ')');
}

static const char *operator_function(enum cel_operator op)
{
    static const char *const names[] = {
        [CEL_OPERATOR_EQUAL] = "equal",
        [CEL_OPERATOR_NOT_EQUAL] = "notEqual",
        [CEL_OPERATOR_LESS] = "less",
        [CEL_OPERATOR_LESS_EQUAL] = "lessEqual",
        [CEL_OPERATOR_GREATER] = "greater",
        [CEL_OPERATOR_GREATER_EQUAL] = "greaterEqual",
        [CEL_OPERATOR_IN] = "isIn",
        [CEL_OPERATOR_ADD] = "add",
        [CEL_OPERATOR_SUBTRACT] = "subtract",
        [CEL_OPERATOR_MULTIPLY] = "multiply",
        [CEL_OPERATOR_DIVIDE] = "divide",
        [CEL_OPERATOR_REMAINDER] = "modulo",
    };

    return names[op];
}

static void write_node(const struct translation *translation, const struct cel_node *node)
{
    struct ts_module *module = translation->module;

    switch (node->kind) {
    case CEL_NODE_LITERAL:
        write_literal(module, &node->literal);
        break;
    case CEL_NODE_VARIABLE:
        strbuf_printf(module->out, "s.%s", translation->expression->program->variables.items[node->index]);
        break;
    case CEL_NODE_LOCAL:
        strbuf_printf(module->out, "$%" PRIu32, node->index);
        break;
    case CEL_NODE_SELECT:
        write_select(translation, node);
        break;
    case CEL_NODE_INDEX:
        write_call(translation, "at", node, node->optional ? ", true" : "");
        break;
    case CEL_NODE_CALL:
        write_function(translation, node);
        break;
    case CEL_NODE_LIST:
        write_list(translation, node);
        break;
    case CEL_NODE_MAP:
        write_map(translation, node);
        break;
    case CEL_NODE_NOT:
        write_call(translation, "not", node, "");
        break;
    case CEL_NODE_NEGATE:
        write_call(translation, "negate", node, "");
        break;
    case CEL_NODE_BINARY:
        write_call(translation, operator_function(node->op), node, "");
        break;
    case CEL_NODE_AND:
    case CEL_NODE_OR:
        write_logic(translation, node);
        break;
    case CEL_NODE_CONDITIONAL:
        write_conditional(translation, node);
        break;
    case CEL_NODE_FOLD:
        write_fold(translation, node);
        break;
    case CEL_NODE_BIND:
        write_bind(translation, node);
        break;
    case CEL_NODE_OPT_MAP:
    case CEL_NODE_OPT_FLAT_MAP:
    case CEL_NODE_OPT_OR:
    case CEL_NODE_OPT_OR_VALUE:
        write_optional(translation, node);
        break;
    case CEL_NODE_NAME:
    case CEL_NODE_UNRESOLVED:
        refuse(translation, node, "this name");
        break;
    }
}

void ts_write_expression(struct ts_module *module, const struct upcast_expression *expression)
{
    const struct translation translation = {module, expression};

    strbuf_append_text(module->out, expression->program ? "(s) => " : "() => ");
    if (expression->program)
        write_node(&translation, expression->program->root);
    else
        ts_write_scalar(module, expression->literal);
}
