/* One reader for each operator. */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/upcast_parse.h"

static bool parse_assignments(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    struct upcast_assignment *items;

    if (!upcast_want(parser, json, JSON_OBJECT, pointer, "a map from fields to expressions is wanted here"))
        return false;
    items = ARENA_ARRAY(parser->arena, struct upcast_assignment, json->count);
    for (const struct json *child = json->child; child; child = child->next) {
        const char *child_pointer = upcast_pointer_key(parser, pointer, child->key);
        struct upcast_assignment *item = &items[op->assignment_count];

        if (!upcast_parse_path(parser, scope, child->key, child_pointer, &item->path) ||
            !upcast_parse_expression(parser, scope, child, child_pointer, &item->value))
            return false;
        for (size_t i = 0; i < op->assignment_count; i++) {
            if (!upcast_check_apart(parser, &items[i].path, &item->path, child_pointer))
                return false;
        }
        op->assignment_count++;
    }
    op->assignments = items;
    return true;
}

/* The new name of a rename stays beside the old one: "address.town" to "city" gives "address.city". */
static bool parse_new_name(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_pair *pair)
{
    struct str *names;

    if (!upcast_want(parser, json, JSON_STRING, pointer, "the new name of the field is wanted here") ||
        !upcast_parse_path(parser, scope, json->text, pointer, &pair->to))
        return false;
    if (pair->to.count > 1) {
        upcast_fail(parser->problem, pointer, "'%.*s' is a path, and a rename gives a new name in the same place",
            STR_ARG(json->text));
        return upcast_help(parser->problem, "use 'move' to change the place of a field");
    }
    names = ARENA_ARRAY(parser->arena, struct str, pair->from.count);
    memcpy(names, pair->from.names, pair->from.count * sizeof(*names));
    names[pair->from.count - 1] = pair->to.names[0];
    pair->to.names = names;
    pair->to.count = pair->from.count;
    pair->to.text = upcast_path_print(parser->arena, names, pair->to.count);
    return true;
}

static bool parse_pairs(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    struct upcast_pair *pairs;

    if (!upcast_want(parser, json, JSON_OBJECT, pointer, "a map from old to new is wanted here"))
        return false;
    pairs = ARENA_ARRAY(parser->arena, struct upcast_pair, json->count);
    for (const struct json *child = json->child; child; child = child->next) {
        const char *child_pointer = upcast_pointer_key(parser, pointer, child->key);
        struct upcast_pair *pair = &pairs[op->pair_count];

        if (!upcast_parse_path(parser, scope, child->key, child_pointer, &pair->from))
            return false;
        if (op->kind == UPCAST_RENAME ? !parse_new_name(parser, scope, child, child_pointer, pair)
                                      : !upcast_parse_path_text(parser, scope, child, child_pointer, &pair->to))
            return false;
        for (size_t i = 0; i < op->pair_count; i++) {
            if (!upcast_check_apart(parser, &pairs[i].from, &pair->from, child_pointer) ||
                !upcast_check_apart(parser, &pairs[i].to, &pair->to, child_pointer))
                return false;
        }
        op->pair_count++;
    }
    op->pairs = pairs;
    return true;
}

static bool parse_remove(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    return upcast_parse_paths(parser, scope, json, pointer, 1, &op->paths, &op->path_count);
}

static bool parse_conversion_name(
    struct upcast_parser *parser, const struct json *json, const char *pointer, enum upcast_conversion *out)
{
    if (!upcast_want(parser, json, JSON_STRING, pointer, "a type is wanted here"))
        return false;
    if (upcast_conversion_from_name(json->text, out))
        return true;
    upcast_fail(parser->problem, pointer, "'%.*s' is not a type that a field can be converted to", STR_ARG(json->text));
    return upcast_help(parser->problem,
        "the types are string, number, integer, boolean, binary, list, string_set, number_set and binary_set");
}

static bool parse_conversion(
    struct upcast_parser *parser, const struct json *json, const char *pointer, struct upcast_convert *out)
{
    static const char *const names[] = {"from", "to"};

    if (!json_is(json, JSON_OBJECT))
        return parse_conversion_name(parser, json, pointer, &out->to);
    out->has_from = true;
    if (!upcast_check_members(parser, json, names, 2, pointer) ||
        !parse_conversion_name(
            parser, json_get(json, "from"), upcast_pointer_key(parser, pointer, STR("from")), &out->from) ||
        !parse_conversion_name(parser, json_get(json, "to"), upcast_pointer_key(parser, pointer, STR("to")), &out->to))
        return false;
    if (upcast_conversion_possible(out->from, out->to))
        return true;
    return upcast_fail(parser->problem, pointer, "no %s can be converted to %s", upcast_conversion_name(out->from),
        upcast_conversion_name(out->to));
}

static bool parse_convert(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    struct upcast_convert *items;

    if (!upcast_want(parser, json, JSON_OBJECT, pointer, "a map from fields to types is wanted here"))
        return false;
    items = ARENA_ARRAY(parser->arena, struct upcast_convert, json->count);
    for (const struct json *child = json->child; child; child = child->next) {
        const char *child_pointer = upcast_pointer_key(parser, pointer, child->key);
        struct upcast_convert *item = &items[op->conversion_count];

        if (!upcast_parse_path(parser, scope, child->key, child_pointer, &item->path) ||
            !parse_conversion(parser, child, child_pointer, item))
            return false;
        for (size_t i = 0; i < op->conversion_count; i++) {
            if (!upcast_check_apart(parser, &items[i].path, &item->path, child_pointer))
                return false;
        }
        op->conversion_count++;
    }
    op->conversions = items;
    return true;
}

static bool parse_mappings(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_map_values *out)
{
    struct upcast_mapping *mappings;

    if (!upcast_want(parser, json, JSON_OBJECT, pointer, "a map from old to new values is wanted here"))
        return false;
    mappings = ARENA_ARRAY(parser->arena, struct upcast_mapping, json->count);
    for (const struct json *child = json->child; child; child = child->next) {
        const char *child_pointer = upcast_pointer_key(parser, pointer, child->key);
        struct upcast_mapping *mapping = &mappings[out->count];

        if (str_is(child->key, "else")) {
            out->has_else = true;
            if (!upcast_parse_expression(parser, scope, child, child_pointer, &out->otherwise))
                return false;
            continue;
        }
        if (json_is(child, JSON_ARRAY) || json_is(child, JSON_OBJECT))
            return upcast_fail(
                parser->problem, child_pointer, "a new value must be a text, a number, true, false or null");
        if (!upcast_check_number(parser, child, child_pointer))
            return false;
        mapping->old = child->key;
        if (str_starts_with(mapping->old, "\\"))
            mapping->old = (struct str){child->key.data + 1, child->key.len - 1};
        mapping->value = child;
        mapping->event_value = event_value_from_json(parser->arena, child);
        out->count++;
    }
    out->mappings = mappings;
    return true;
}

static bool parse_map_values(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    struct upcast_map_values *maps;

    if (!upcast_want(
            parser, json, JSON_OBJECT, pointer, "a map from fields to their old and new values is wanted here"))
        return false;
    maps = ARENA_ARRAY(parser->arena, struct upcast_map_values, json->count);
    for (const struct json *child = json->child; child; child = child->next) {
        const char *child_pointer = upcast_pointer_key(parser, pointer, child->key);
        struct upcast_map_values *map = &maps[op->map_count];

        if (!upcast_parse_path(parser, scope, child->key, child_pointer, &map->path) ||
            !parse_mappings(parser, scope, child, child_pointer, map))
            return false;
        for (size_t i = 0; i < op->map_count; i++) {
            if (!upcast_check_apart(parser, &maps[i].path, &map->path, child_pointer))
                return false;
        }
        op->map_count++;
    }
    op->maps = maps;
    return true;
}

static bool parse_separator(
    struct upcast_parser *parser, const struct json *json, const char *pointer, bool may_be_empty, struct upcast_op *op)
{
    if (!upcast_want(parser, json, JSON_STRING, pointer, "the text between the parts is wanted here"))
        return false;
    if (!json->text.len && !may_be_empty)
        return upcast_fail(parser->problem, pointer, "the text between the parts is empty");
    op->separator = json->text;
    return true;
}

static bool parse_split(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    static const char *const names[] = {"field", "into", "by"};

    return upcast_want(parser, json, JSON_OBJECT, pointer, "'split' wants field, into and by") &&
           upcast_check_members(parser, json, names, 3, pointer) &&
           upcast_parse_path_text(
               parser, scope, json_get(json, "field"), upcast_pointer_key(parser, pointer, STR("field")), &op->path) &&
           upcast_parse_paths(parser, scope, json_get(json, "into"), upcast_pointer_key(parser, pointer, STR("into")),
               2, &op->paths, &op->path_count) &&
           parse_separator(parser, json_get(json, "by"), upcast_pointer_key(parser, pointer, STR("by")), false, op);
}

static bool parse_combine(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    static const char *const names[] = {"fields", "into", "with"};

    return upcast_want(parser, json, JSON_OBJECT, pointer, "'combine' wants fields, into and with") &&
           upcast_check_members(parser, json, names, 3, pointer) &&
           upcast_parse_paths(parser, scope, json_get(json, "fields"),
               upcast_pointer_key(parser, pointer, STR("fields")), 2, &op->paths, &op->path_count) &&
           upcast_parse_path_text(
               parser, scope, json_get(json, "into"), upcast_pointer_key(parser, pointer, STR("into")), &op->path) &&
           parse_separator(parser, json_get(json, "with"), upcast_pointer_key(parser, pointer, STR("with")), true, op);
}

/* What the schema says about the elements of a list; NULL when nothing, or when the list was changed before. */
static const struct json *item_schema(
    const struct upcast_parser *parser, const struct upcast_scope *scope, const struct upcast_path *path)
{
    const struct json *schema = scope->schema;

    if (upcast_names_has(&scope->touched, path->names[0]))
        return NULL;
    for (size_t i = 0; i < path->count && schema; i++)
        schema = upcast_schema_property(parser->root, schema, path->names[i]);
    return schema ? upcast_schema_items(parser->root, schema) : NULL;
}

static bool parse_each(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    static const char *const names[] = {"field", "do"};
    struct upcast_scope inner = {.is_item = true, .event = scope->is_item ? scope->event : scope};

    if (!upcast_want(parser, json, JSON_OBJECT, pointer, "'each' wants field and do") ||
        !upcast_check_members(parser, json, names, 2, pointer) ||
        !upcast_parse_path_text(
            parser, scope, json_get(json, "field"), upcast_pointer_key(parser, pointer, STR("field")), &op->path))
        return false;
    inner.schema = item_schema(parser, scope, &op->path);
    return upcast_parse_ops(
        parser, &inner, json_get(json, "do"), upcast_pointer_key(parser, pointer, STR("do")), &op->then_ops);
}

static bool any_fans_out(const struct upcast_ops *ops)
{
    for (size_t i = 0; i < ops->count; i++) {
        if (ops->items[i].fans_out)
            return true;
    }
    return false;
}

/* A branch starts with what was known before, and what either of them changes is no longer known behind it. */
static bool parse_branch(struct upcast_parser *parser, const struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_ops *out)
{
    struct upcast_scope inner = *scope;

    inner.touched = (struct upcast_names){0};
    for (size_t i = 0; i < scope->touched.names.count; i++)
        upcast_names_add(parser->arena, &inner.touched, scope->touched.names.items[i]);
    return upcast_parse_ops(parser, &inner, json, pointer, out);
}

static bool parse_when(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    static const char *const names[] = {"if", "then", "else"};
    const struct json *otherwise = json_get(json, "else");

    if (!upcast_want(parser, json, JSON_OBJECT, pointer, "'when' wants if and then, and may have else") ||
        !upcast_check_members(parser, json, names, 3, pointer) ||
        !upcast_parse_condition(
            parser, scope, json_get(json, "if"), upcast_pointer_key(parser, pointer, STR("if")), &op->condition) ||
        !parse_branch(
            parser, scope, json_get(json, "then"), upcast_pointer_key(parser, pointer, STR("then")), &op->then_ops))
        return false;
    if (otherwise &&
        !parse_branch(parser, scope, otherwise, upcast_pointer_key(parser, pointer, STR("else")), &op->else_ops))
        return false;
    op->fans_out = any_fans_out(&op->then_ops) || any_fans_out(&op->else_ops);
    return true;
}

static bool parse_type_name(struct upcast_parser *parser, const struct json *json, const char *pointer, struct str *out)
{
    if (!upcast_want(parser, json, JSON_STRING, pointer, "the name of an event type is wanted here"))
        return false;
    if (!json->text.len)
        return upcast_fail(parser->problem, pointer, "the name of an event type is empty");
    *out = json->text;
    return true;
}

static bool needs_event(
    struct upcast_parser *parser, const struct upcast_scope *scope, const char *pointer, const char *name)
{
    return !scope->is_item ||
           upcast_fail(parser->problem, pointer, "'%s' is about the event and cannot stand in 'each'", name);
}

static bool parse_rename_type(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    static const char *const names[] = {"from", "to"};

    if (!needs_event(parser, scope, pointer, "rename_type"))
        return false;
    if (!json_is(json, JSON_OBJECT))
        return parse_type_name(parser, json, pointer, &op->type_to);
    return upcast_check_members(parser, json, names, 2, pointer) &&
           parse_type_name(
               parser, json_get(json, "from"), upcast_pointer_key(parser, pointer, STR("from")), &op->type_from) &&
           parse_type_name(parser, json_get(json, "to"), upcast_pointer_key(parser, pointer, STR("to")), &op->type_to);
}

/* `set` is short for a first operator of `do`. */
static bool parse_event_branch(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_branch *out)
{
    static const char *const names[] = {"type", "set", "do"};
    const struct json *set, *more;
    struct upcast_ops rest = {0};
    struct upcast_op *ops;
    struct upcast_scope inner = *scope;

    if (!upcast_want(
            parser, json, JSON_OBJECT, pointer, "each part of 'split_event' wants type, and may have set and do") ||
        !upcast_check_members(parser, json, names, 3, pointer) ||
        !parse_type_name(parser, json_get(json, "type"), upcast_pointer_key(parser, pointer, STR("type")), &out->type))
        return false;
    set = json_get(json, "set");
    more = json_get(json, "do");
    ops = ARENA_ARRAY(parser->arena, struct upcast_op, 1);
    ops->kind = UPCAST_SET;
    ops->pointer = upcast_pointer_key(parser, pointer, STR("set"));
    if (set && !parse_assignments(parser, scope, set, ops->pointer, ops))
        return false;
    inner.touched = (struct upcast_names){0};
    for (size_t i = 0; i < scope->touched.names.count; i++)
        upcast_names_add(parser->arena, &inner.touched, scope->touched.names.items[i]);
    upcast_op_touches(parser->arena, ops, &inner.touched);
    if (more && !upcast_parse_ops(parser, &inner, more, upcast_pointer_key(parser, pointer, STR("do")), &rest))
        return false;
    if (any_fans_out(&rest))
        return upcast_fail(parser->problem, upcast_pointer_key(parser, pointer, STR("do")),
            "a part of 'split_event' cannot be split or dropped again");
    ops = arena_grow(parser->arena, ops, sizeof(*ops), (rest.count + 1) * sizeof(*ops));
    if (rest.count)
        memcpy(ops + 1, rest.items, rest.count * sizeof(*ops));
    out->ops = (struct upcast_ops){ops, rest.count + 1};
    return true;
}

static bool parse_split_event(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    struct upcast_branch *branches;

    op->fans_out = true;
    if (!needs_event(parser, scope, pointer, "split_event") ||
        !upcast_want(parser, json, JSON_ARRAY, pointer, "'split_event' wants a list of events"))
        return false;
    if (json->count < 2 || json->count > UPCAST_EVENTS_MAX)
        return upcast_fail(parser->problem, pointer, "'split_event' wants 2 to %d events", UPCAST_EVENTS_MAX);
    branches = ARENA_ARRAY(parser->arena, struct upcast_branch, json->count);
    for (const struct json *child = json->child; child; child = child->next, op->branch_count++) {
        if (!parse_event_branch(parser, scope, child, upcast_pointer_index(parser, pointer, op->branch_count),
                &branches[op->branch_count]))
            return false;
    }
    op->branches = branches;
    return true;
}

static bool parse_drop_event(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    static const char *const names[] = {"if"};

    op->fans_out = true;
    return needs_event(parser, scope, pointer, "drop_event") &&
           upcast_want(parser, json, JSON_OBJECT, pointer, "'drop_event' wants { if: CONDITION }") &&
           upcast_check_members(parser, json, names, 1, pointer) &&
           upcast_parse_condition(
               parser, scope, json_get(json, "if"), upcast_pointer_key(parser, pointer, STR("if")), &op->condition);
}

typedef bool op_parser(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op);

static op_parser *const parsers[UPCAST_KIND_COUNT] = {
    [UPCAST_DEFAULT] = parse_assignments,
    [UPCAST_SET] = parse_assignments,
    [UPCAST_REMOVE] = parse_remove,
    [UPCAST_RENAME] = parse_pairs,
    [UPCAST_MOVE] = parse_pairs,
    [UPCAST_CONVERT] = parse_convert,
    [UPCAST_MAP_VALUES] = parse_map_values,
    [UPCAST_SPLIT] = parse_split,
    [UPCAST_COMBINE] = parse_combine,
    [UPCAST_EACH] = parse_each,
    [UPCAST_WHEN] = parse_when,
    [UPCAST_RENAME_TYPE] = parse_rename_type,
    [UPCAST_SPLIT_EVENT] = parse_split_event,
    [UPCAST_DROP_EVENT] = parse_drop_event,
};

static const struct {
    const char *name;
    const char *description;
} operators[UPCAST_KIND_COUNT] = {
#define OPERATOR_ROW(name, text, doc) [UPCAST_##name] = {text, doc},
#include "spec/event/operator.def"
#undef OPERATOR_ROW
};

static const char operator_list[] =
#define OPERATOR_ROW(name, text, doc) ", " text
#include "spec/event/operator.def"
#undef OPERATOR_ROW
    ;

const char *upcast_operator_name(size_t index)
{
    return index < UPCAST_KIND_COUNT ? operators[index].name : NULL;
}

const char *upcast_operator_description(size_t index)
{
    return operators[index].description;
}

static bool refuse_operator(struct upcast_parser *parser, struct str name, const char *pointer)
{
    static const char *const across[] = {"split_stream", "split_streams", "merge_stream", "merge_streams",
        "join_streams", "move_stream", "move_event", "move_to_stream", "rename_stream", "merge_events", "join_events",
        "combine_events"};
    const char *names[UPCAST_KIND_COUNT];
    const char *meant;

    for (size_t i = 0; i < sizeof(across) / sizeof(*across); i++) {
        if (!str_is(name, across[i]))
            continue;
        upcast_fail(parser->problem, pointer,
            "'%.*s' is not an upcast operator: an upcaster sees one event, and never another one or another stream",
            STR_ARG(name));
        return upcast_help(parser->problem, UPCAST_ACROSS_HELP);
    }
    for (size_t i = 0; i < UPCAST_KIND_COUNT; i++)
        names[i] = operators[i].name;
    upcast_fail(parser->problem, pointer, "unknown upcast operator '%.*s'", STR_ARG(name));
    meant = str_did_you_mean(name, names, UPCAST_KIND_COUNT);
    if (meant)
        return upcast_help(parser->problem, "did you mean '%s'?", meant);
    return upcast_help(parser->problem, "the operators are %s", operator_list + strlen(", "));
}

bool upcast_parse_op(struct upcast_parser *parser, struct upcast_scope *scope, const struct json *json,
    const char *pointer, struct upcast_op *op)
{
    const char *inner;
    size_t kind = 0;

    if (!json_is(json, JSON_OBJECT) || json->count != 1) {
        upcast_fail(parser->problem, pointer, "an operator is a map with one key");
        return upcast_help(parser->problem, "write each operator as its own item of the list: - rename: { old: new }");
    }
    inner = upcast_pointer_key(parser, pointer, json->child->key);
    while (kind < UPCAST_KIND_COUNT && !str_is(json->child->key, operators[kind].name))
        kind++;
    if (kind == UPCAST_KIND_COUNT)
        return refuse_operator(parser, json->child->key, inner);
    if (++parser->operator_count > UPCAST_OPERATORS_MAX)
        return upcast_fail(parser->problem, inner, "more than %d operators in one upcaster", UPCAST_OPERATORS_MAX);
    op->kind = (enum upcast_kind)kind;
    op->pointer = inner;
    return parsers[kind](parser, scope, json->child, inner, op);
}
