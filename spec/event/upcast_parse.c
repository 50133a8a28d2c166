/* Operators as JSON to their checked form: what all of them share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/decimal.h"
#include "spec/event/upcast_parse.h"

/* --- problems ----------------------------------------------------------------------------------------------------- */

bool upcast_fail(struct upcast_problem *problem, const char *pointer, const char *format, ...)
{
    va_list ap;

    memset(problem, 0, sizeof(*problem));
    snprintf(problem->pointer, sizeof(problem->pointer), "%s", pointer);
    va_start(ap, format);
    vsnprintf(problem->message, sizeof(problem->message), format, ap);
    va_end(ap);
    return false;
}

bool upcast_help(struct upcast_problem *problem, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(problem->help, sizeof(problem->help), format, ap);
    va_end(ap);
    return false;
}

const char *upcast_pointer_key(struct upcast_parser *parser, const char *base, struct str key)
{
    struct strbuf out = STRBUF_INIT;
    struct str result;

    strbuf_append_text(&out, base);
    strbuf_append_char(&out, '/');
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '~' || key.data[i] == '/')
            strbuf_append_text(&out, key.data[i] == '~' ? "~0" : "~1");
        else
            strbuf_append_char(&out, key.data[i]);
    }
    result = strbuf_copy(&out, parser->arena);
    strbuf_free(&out);
    return result.data;
}

const char *upcast_pointer_index(struct upcast_parser *parser, const char *base, size_t index)
{
    return arena_printf(parser->arena, "%s/%zu", base, index);
}

bool upcast_want(
    struct upcast_parser *parser, const struct json *json, enum json_type type, const char *pointer, const char *what)
{
    if (json_is(json, type))
        return true;
    return upcast_fail(parser->problem, pointer, "%s", what);
}

/* --- paths and names ---------------------------------------------------------------------------------------------- */

/* The event's own attributes stay as they are: who changes them moves the event to another stream, or hides it. */
static bool check_envelope(
    struct upcast_parser *parser, const struct upcast_scope *scope, const struct upcast_path *path, const char *pointer)
{
    const struct upcaster *upcaster = parser->upcaster;
    struct str name = path->names[0];

    if (scope->is_item || !upcaster->has_envelope)
        return true;
    if (str_equal(name, upcaster->stream) || str_equal(name, upcaster->sequence)) {
        upcast_fail(parser->problem, pointer, "an upcaster cannot change '%.*s': that would move the event %s",
            STR_ARG(name), str_equal(name, upcaster->stream) ? "to another stream" : "within its stream");
        return upcast_help(parser->problem, UPCAST_ACROSS_HELP);
    }
    if (str_equal(name, upcaster->type)) {
        upcast_fail(parser->problem, pointer, "'%.*s' is the event's type", STR_ARG(name));
        return upcast_help(parser->problem, "use 'rename_type: NewName'");
    }
    if (str_equal(name, upcaster->version)) {
        upcast_fail(parser->problem, pointer, "'%.*s' is the event's version, which is set for you", STR_ARG(name));
        return upcast_help(parser->problem, "leave '%.*s' out", STR_ARG(name));
    }
    return true;
}

bool upcast_parse_path(struct upcast_parser *parser, const struct upcast_scope *scope, struct str text,
    const char *pointer, struct upcast_path *out)
{
    const char *why;

    if (!upcast_path_parse(parser->arena, text, out, &why))
        return upcast_fail(parser->problem, pointer, "'%.*s' is not a field: %s", STR_ARG(text), why);
    return check_envelope(parser, scope, out, pointer);
}

bool upcast_parse_path_text(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_path *out)
{
    return upcast_want(parser, json, JSON_STRING, pointer, "the name of a field is wanted here") &&
           upcast_parse_path(parser, scope, json->text, pointer, out);
}

bool upcast_check_apart(
    struct upcast_parser *parser, const struct upcast_path *a, const struct upcast_path *b, const char *pointer)
{
    if (!upcast_paths_overlap(a, b))
        return true;
    upcast_fail(
        parser->problem, pointer, "'%.*s' and '%.*s' overlap in one operator", STR_ARG(a->text), STR_ARG(b->text));
    return upcast_help(parser->problem, "write two operators, in the order that you mean");
}

/* An array of at least minimum names that do not overlap. */
bool upcast_parse_paths(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, size_t minimum, const struct upcast_path **out, size_t *count)
{
    struct upcast_path *paths;

    if (!upcast_want(parser, json, JSON_ARRAY, pointer, "a list of fields is wanted here"))
        return false;
    if (json->count < minimum)
        return upcast_fail(
            parser->problem, pointer, "at least %zu field%s needed here", minimum, minimum == 1 ? " is" : "s are");
    paths = ARENA_ARRAY(parser->arena, struct upcast_path, json->count);
    *count = 0;
    for (const struct json *item = json->child; item; item = item->next) {
        const char *item_pointer = upcast_pointer_index(parser, pointer, *count);

        if (!upcast_parse_path_text(parser, scope, item, item_pointer, &paths[*count]))
            return false;
        for (size_t i = 0; i < *count; i++) {
            if (!upcast_check_apart(parser, &paths[i], &paths[*count], item_pointer))
                return false;
        }
        ++*count;
    }
    *out = paths;
    return true;
}

bool upcast_names_has(const struct upcast_names *names, struct str name)
{
    for (size_t i = 0; i < names->names.count; i++) {
        if (str_equal(names->names.items[i], name))
            return true;
    }
    return false;
}

void upcast_names_add(struct arena *arena, struct upcast_names *names, struct str name)
{
    if (!upcast_names_has(names, name))
        VEC_PUSH(arena, &names->names, name);
}

static void ops_touch(struct arena *arena, const struct upcast_ops *ops, struct upcast_names *out)
{
    for (size_t i = 0; i < ops->count; i++)
        upcast_op_touches(arena, &ops->items[i], out);
}

void upcast_op_touches(struct arena *arena, const struct upcast_op *op, struct upcast_names *out)
{
    for (size_t i = 0; i < op->assignment_count; i++)
        upcast_names_add(arena, out, op->assignments[i].path.names[0]);
    for (size_t i = 0; i < op->path_count; i++)
        upcast_names_add(arena, out, op->paths[i].names[0]);
    for (size_t i = 0; i < op->pair_count; i++) {
        upcast_names_add(arena, out, op->pairs[i].from.names[0]);
        upcast_names_add(arena, out, op->pairs[i].to.names[0]);
    }
    for (size_t i = 0; i < op->conversion_count; i++)
        upcast_names_add(arena, out, op->conversions[i].path.names[0]);
    for (size_t i = 0; i < op->map_count; i++)
        upcast_names_add(arena, out, op->maps[i].path.names[0]);
    if (op->path.count)
        upcast_names_add(arena, out, op->path.names[0]);
    /* What is done to a list's elements touches the list alone. */
    if (op->kind == UPCAST_EACH)
        return;
    ops_touch(arena, &op->then_ops, out);
    ops_touch(arena, &op->else_ops, out);
    for (size_t i = 0; i < op->branch_count; i++)
        ops_touch(arena, &op->branches[i].ops, out);
}

/* --- expressions -------------------------------------------------------------------------------------------------- */

static const struct cel_type dyn = {.kind = CEL_TYPE_DYN};

static const struct cel_type *scope_type(struct upcast_parser *parser, const struct upcast_scope *scope)
{
    struct upcast_names extra = {0};

    if (!scope->is_item && parser->upcaster->has_envelope) {
        upcast_names_add(parser->arena, &extra, parser->upcaster->stream);
        upcast_names_add(parser->arena, &extra, parser->upcaster->sequence);
        upcast_names_add(parser->arena, &extra, parser->upcaster->type);
        upcast_names_add(parser->arena, &extra, parser->upcaster->version);
    }
    return upcast_cel_type(parser->arena, parser->root, scope->schema, &scope->touched, &extra);
}

/* The word alone: somebody who wanted a text and forgot that expressions quote theirs. */
static bool is_plain_word(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i && c >= '0' && c <= '9')))
            return false;
    }
    return text.len > 0;
}

static bool compile_expression(struct upcast_parser *parser, const struct upcast_scope *scope, struct str text,
    const char *pointer, struct upcast_expression *out, const struct cel_type **result)
{
    static const struct cel_type string_type = {.kind = CEL_TYPE_STRING}, int_type = {.kind = CEL_TYPE_INT};
    static const struct cel_field meta_fields[] = {
        {"stream", &dyn}, {"sequence", &dyn}, {"type", &string_type}, {"version", &int_type}};
    static const struct cel_type meta = {.kind = CEL_TYPE_OBJECT, .fields = meta_fields, .field_count = 4};
    struct cel_variable variables[3] = {{"meta", &meta}, {"event", NULL}, {"item", NULL}};
    struct cel_env env = {.variables = variables, .variable_count = scope->is_item ? 3 : 2};
    struct upcast_problem *problem = parser->problem;
    struct cel_error error;

    variables[1].type = scope_type(parser, scope->is_item ? scope->event : scope);
    if (scope->is_item)
        variables[2].type = scope_type(parser, scope);
    out->text = text;
    out->program = cel_compile(parser->arena, &env, text, result, &error);
    if (out->program) {
        out->event = cel_program_use(out->program, parser->arena, "event");
        out->item = cel_program_use(out->program, parser->arena, "item");
        out->meta = cel_program_use(out->program, parser->arena, "meta");
        return true;
    }
    upcast_fail(problem, pointer, "%s", error.message);
    problem->in_expression = true;
    problem->expression = error;
    if (is_plain_word(text))
        return upcast_help(
            problem, "values are expressions; the text itself is written '%.*s' with the quotes", STR_ARG(text));
    return upcast_help(problem, "%s", error.help);
}

bool upcast_check_number(struct upcast_parser *parser, const struct json *json, const char *pointer)
{
    struct decimal number;

    if (!json_is(json, JSON_NUMBER) || (decimal_parse(json->text, &number) && decimal_is_storable(&number)))
        return true;
    return upcast_fail(parser->problem, pointer, "the number has more than 38 digits or is out of range");
}

bool upcast_parse_expression(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_expression *out)
{
    const struct cel_type *result;
    const char *why;

    *out = (struct upcast_expression){.pointer = pointer};
    if (json_is(json, JSON_ARRAY) || json_is(json, JSON_OBJECT)) {
        upcast_fail(parser->problem, pointer, "an expression is wanted here, not a %s",
            json_is(json, JSON_ARRAY) ? "list" : "map");
        return upcast_help(parser->problem, "write lists and maps as text in CEL: \"['a', 'b']\", \"{'a': 1}\"");
    }
    if (!upcast_check_number(parser, json, pointer))
        return false;
    if (!json_is(json, JSON_STRING)) {
        out->literal = event_value_from_json(parser->arena, json);
        return true;
    }
    if (!compile_expression(parser, scope, json->text, pointer, out, &result))
        return false;
    /* What cannot be stored is found when it is evaluated, as with any other expression. */
    if (cel_program_literal(out->program) &&
        !upcast_cel_to_event(parser->arena, cel_program_literal(out->program), &out->literal, &why))
        out->literal = NULL;
    return true;
}

bool upcast_parse_condition(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_expression *out)
{
    const struct cel_type *result;

    *out = (struct upcast_expression){.pointer = pointer};
    if (json_is(json, JSON_TRUE) || json_is(json, JSON_FALSE)) {
        out->literal = event_value_from_json(parser->arena, json);
        return true;
    }
    if (!upcast_want(parser, json, JSON_STRING, pointer, "a condition in CEL is wanted here"))
        return false;
    if (!compile_expression(parser, scope, json->text, pointer, out, &result))
        return false;
    if (result->kind == CEL_TYPE_BOOL || result->kind == CEL_TYPE_DYN)
        return true;
    return upcast_fail(parser->problem, pointer, "a condition must be true or false, and this is of type %s",
        cel_type_print(parser->arena, result));
}

bool upcast_check_members(struct upcast_parser *parser, const struct json *object, const char *const *names,
    size_t count, const char *pointer)
{
    for (const struct json *child = object->child; child; child = child->next) {
        const char *meant;
        size_t i = 0;

        while (i < count && !str_is(child->key, names[i]))
            i++;
        if (i < count)
            continue;
        upcast_fail(parser->problem, upcast_pointer_key(parser, pointer, child->key), "unknown key '%.*s'",
            STR_ARG(child->key));
        meant = str_did_you_mean(child->key, names, count);
        return meant ? upcast_help(parser->problem, "did you mean '%s'?", meant) : false;
    }
    return true;
}

/* --- lists of operators ------------------------------------------------------------------------------------------ */

bool upcast_parse_ops(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_ops *out)
{
    struct upcast_op *ops;

    if (!upcast_want(parser, json, JSON_ARRAY, pointer, "a list of operators is wanted here"))
        return false;
    if (++parser->depth > UPCAST_DEPTH_MAX)
        return upcast_fail(parser->problem, pointer, "operators nest deeper than %d levels", UPCAST_DEPTH_MAX);
    ops = ARENA_ARRAY(parser->arena, struct upcast_op, json->count);
    out->count = 0;
    for (const struct json *child = json->child; child; child = child->next) {
        struct upcast_op *op = &ops[out->count];

        if (!upcast_parse_op(parser, scope, child, upcast_pointer_index(parser, pointer, out->count), op))
            return false;
        upcast_op_touches(parser->arena, op, &scope->touched);
        out->count++;
    }
    out->items = ops;
    parser->depth--;
    return true;
}

bool upcast_parse(struct arena *arena, const struct json *json, const struct json *from_schema,
    const struct event_envelope *envelope, struct upcaster *out, struct upcast_problem *problem)
{
    struct upcast_parser parser = {.arena = arena, .upcaster = out, .root = from_schema, .problem = problem};
    struct upcast_scope scope = {.schema = from_schema};

    *out = (struct upcaster){.has_envelope = envelope != NULL};
    if (envelope) {
        out->stream = str_copy(arena, str_from(envelope->stream));
        out->sequence = str_copy(arena, str_from(envelope->sequence));
        out->type = str_copy(arena, str_from(envelope->type));
        out->version = str_copy(arena, str_from(envelope->version));
    }
    return upcast_parse_ops(&parser, &scope, json, "", &out->ops);
}

bool upcaster_create(struct arena *arena, const struct json *operators_json, const struct json *from_schema,
    const struct event_envelope *envelope, struct upcaster **out, struct upcast_problem *problem)
{
    *out = ARENA_NEW(arena, struct upcaster);
    return upcast_parse(arena, operators_json, from_schema, envelope, *out, problem);
}
