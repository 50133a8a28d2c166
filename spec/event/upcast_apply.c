/* Runs operators over one event. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/decimal.h"
#include "spec/event/upcast_run.h"

struct events {
    VEC(const struct event_value *) list;
};

/* --- operators on a map ------------------------------------------------------------------------------------------- */

static bool fail_path(
    struct upcast_run *run, const struct upcast_op *op, const struct upcast_path *path, const char *verb, const char *why)
{
    return upcast_fail(run->problem, op->pointer, "cannot %s '%.*s': %s", verb, STR_ARG(path->text), why);
}

/* All expressions see the map as it was before the operator. */
static bool apply_assignments(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct upcast_edit edit = {.arena = run->arena, .value = *map};
    const struct event_value **values = ARENA_ARRAY(run->arena, const struct event_value *, op->assignment_count);
    const char *why;

    for (size_t i = 0; i < op->assignment_count; i++) {
        const struct upcast_assignment *item = &op->assignments[i];
        const struct event_value *old;

        if (!upcast_path_get(edit.value, &item->path, &old, &why))
            return fail_path(run, op, &item->path, "set", why);
        if (op->kind == UPCAST_DEFAULT && old)
            continue;
        if (!upcast_evaluate_value(run, &item->value, &values[i]))
            return false;
    }
    for (size_t i = 0; i < op->assignment_count; i++) {
        if (values[i] && !upcast_path_put(&edit, &op->assignments[i].path, values[i], &why))
            return fail_path(run, op, &op->assignments[i].path, "set", why);
    }
    *map = edit.value;
    return true;
}

static bool apply_remove(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct upcast_edit edit = {.arena = run->arena, .value = *map};
    const struct event_value *old;
    const char *why;

    for (size_t i = 0; i < op->path_count; i++) {
        if (!upcast_path_take(&edit, &op->paths[i], false, &old, &why))
            return fail_path(run, op, &op->paths[i], "remove", why);
    }
    *map = edit.value;
    return true;
}

/*
 * Rename and move: everything is taken out first and put back afterwards, so that names can be swapped. A place that is
 * already taken is refused even when there is nothing to move there: otherwise two meanings would mix, and no downcast
 * could tell them apart.
 */
static bool apply_pairs(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct upcast_edit edit = {.arena = run->arena, .value = *map};
    const struct event_value **values = ARENA_ARRAY(run->arena, const struct event_value *, op->pair_count);
    const char *verb = op->kind == UPCAST_RENAME ? "rename" : "move";
    const char *why = NULL;

    for (size_t i = 0; i < op->pair_count; i++) {
        if (!upcast_path_take(&edit, &op->pairs[i].from, true, &values[i], &why))
            return fail_path(run, op, &op->pairs[i].from, verb, why);
    }
    for (size_t i = 0; i < op->pair_count; i++) {
        const struct upcast_pair *pair = &op->pairs[i];
        const struct event_value *old = NULL;
        bool done;

        if (values[i]) {
            done = upcast_path_put_new(&edit, &pair->to, values[i], &why);
        } else {
            done = upcast_path_get(edit.value, &pair->to, &old, &why) && !old;
            why = old ? "it is already there" : why;
        }
        if (!done)
            return upcast_fail(run->problem, op->pointer, "cannot %s '%.*s' to '%.*s': %s", verb,
                STR_ARG(pair->from.text), STR_ARG(pair->to.text), why);
    }
    *map = edit.value;
    return true;
}

static bool apply_convert(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct upcast_edit edit = {.arena = run->arena, .value = *map};

    for (size_t i = 0; i < op->conversion_count; i++) {
        const struct upcast_convert *item = &op->conversions[i];
        const struct event_value *old, *value;
        const char *why;

        if (!upcast_path_get(edit.value, &item->path, &old, &why))
            return fail_path(run, op, &item->path, "convert", why);
        if (!old)
            continue;
        if (item->has_from && !upcast_is_kind(old, item->from))
            return upcast_fail(run->problem, op->pointer, "cannot convert '%.*s': it is of type %s, not %s",
                STR_ARG(item->path.text), event_type_name(old->type), upcast_conversion_name(item->from));
        if (!upcast_convert_value(run->arena, old, item->to, &value, &why))
            return upcast_fail(run->problem, op->pointer, "cannot convert '%.*s' from %s to %s: %s",
                STR_ARG(item->path.text), event_type_name(old->type), upcast_conversion_name(item->to), why);
        if (!upcast_path_put(&edit, &item->path, value, &why))
            return fail_path(run, op, &item->path, "convert", why);
    }
    *map = edit.value;
    return true;
}

static bool mapping_matches(const struct upcast_mapping *mapping, const struct event_value *value)
{
    struct decimal wanted, number;

    switch (value->type) {
    case EVENT_STRING:
        return str_equal(mapping->old, value->text);
    case EVENT_NUMBER:
        return decimal_parse(mapping->old, &wanted) && decimal_parse(value->text, &number) &&
               !decimal_compare(&wanted, &number);
    case EVENT_BOOL:
        return str_is(mapping->old, value->boolean ? "true" : "false");
    case EVENT_NULL:
        return str_is(mapping->old, "null");
    default:
        return false;
    }
}

static bool map_value(struct upcast_run *run, const struct upcast_op *op, const struct upcast_map_values *item,
    const struct event_value *old, const struct event_value **out)
{
    bool has_text = old->type == EVENT_STRING || old->type == EVENT_NUMBER;

    for (size_t i = 0; i < item->count; i++) {
        if (mapping_matches(&item->mappings[i], old)) {
            *out = item->mappings[i].event_value;
            return true;
        }
    }
    if (item->has_else)
        return upcast_evaluate_value(run, &item->otherwise, out);
    upcast_fail(run->problem, op->pointer, "'%.*s' holds %s%.*s%s, which 'map_values' does not list",
        STR_ARG(item->path.text), has_text ? "'" : "a ",
        has_text ? (int)(old->text.len < 80 ? old->text.len : 80) : (int)strlen(event_type_name(old->type)),
        has_text ? old->text.data : event_type_name(old->type), has_text ? "'" : "");
    return upcast_help(run->problem, "list it, or add 'else' with an expression for all other values");
}

static bool apply_map_values(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct upcast_edit edit = {.arena = run->arena, .value = *map};
    const struct event_value **values = ARENA_ARRAY(run->arena, const struct event_value *, op->map_count);
    const char *why;

    for (size_t i = 0; i < op->map_count; i++) {
        const struct event_value *old;

        if (!upcast_path_get(edit.value, &op->maps[i].path, &old, &why))
            return fail_path(run, op, &op->maps[i].path, "map", why);
        if (old && !map_value(run, op, &op->maps[i], old, &values[i]))
            return false;
    }
    for (size_t i = 0; i < op->map_count; i++) {
        if (values[i] && !upcast_path_put(&edit, &op->maps[i].path, values[i], &why))
            return fail_path(run, op, &op->maps[i].path, "map", why);
    }
    *map = edit.value;
    return true;
}

static const char *find_text(struct str text, struct str wanted)
{
    for (size_t i = 0; i + wanted.len <= text.len; i++) {
        if (!memcmp(text.data + i, wanted.data, wanted.len))
            return text.data + i;
    }
    return NULL;
}

/* The last part takes the rest, separators included; parts that the text does not reach stay absent. */
static bool apply_split(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct upcast_edit edit = {.arena = run->arena, .value = *map};
    const struct event_value *old;
    const char *why;
    struct str rest;
    bool more = true;

    if (!upcast_path_take(&edit, &op->path, true, &old, &why))
        return fail_path(run, op, &op->path, "split", why);
    if (old && old->type != EVENT_STRING)
        return upcast_fail(run->problem, op->pointer, "cannot split '%.*s': it is of type %s, not string",
            STR_ARG(op->path.text), event_type_name(old->type));
    rest = old ? old->text : STR("");
    for (size_t i = 0; i < op->path_count; i++) {
        const char *at = i + 1 < op->path_count ? find_text(rest, op->separator) : NULL;
        struct str part = at ? (struct str){rest.data, (size_t)(at - rest.data)} : rest;
        const struct event_value *taken = NULL;

        if (!upcast_path_get(edit.value, &op->paths[i], &taken, &why))
            return fail_path(run, op, &op->paths[i], "split into", why);
        if (taken)
            return fail_path(run, op, &op->paths[i], "split into", "it is already there");
        if (old && more &&
            !upcast_path_put_new(&edit, &op->paths[i], upcast_new_string(run->arena, part), &why))
            return fail_path(run, op, &op->paths[i], "split into", why);
        more = at != NULL;
        if (at)
            rest = (struct str){at + op->separator.len, rest.len - part.len - op->separator.len};
    }
    *map = edit.value;
    return true;
}

static bool apply_combine(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct upcast_edit edit = {.arena = run->arena, .value = *map};
    struct strbuf text = STRBUF_INIT;
    const struct event_value *part, *taken = NULL;
    struct event_value *result;
    const char *why;
    size_t found = 0;

    for (size_t i = 0; i < op->path_count; i++) {
        if (!upcast_path_take(&edit, &op->paths[i], true, &part, &why)) {
            strbuf_free(&text);
            return fail_path(run, op, &op->paths[i], "combine", why);
        }
        if (!part)
            continue;
        if (part->type != EVENT_STRING) {
            strbuf_free(&text);
            upcast_fail(run->problem, op->pointer, "cannot combine '%.*s': it is of type %s, not string",
                STR_ARG(op->paths[i].text), event_type_name(part->type));
            return upcast_help(run->problem, "put 'convert' before it");
        }
        if (found++)
            strbuf_append_str(&text, op->separator);
        strbuf_append_str(&text, part->text);
    }
    result = upcast_new_string(run->arena, strbuf_copy(&text, run->arena));
    strbuf_free(&text);
    if (found && !upcast_path_put_new(&edit, &op->path, result, &why))
        return fail_path(run, op, &op->path, "combine into", why);
    if (!found && (!upcast_path_get(edit.value, &op->path, &taken, &why) || taken))
        return fail_path(run, op, &op->path, "combine into", taken ? "it is already there" : why);
    *map = edit.value;
    return true;
}

/* --- operators on lists and conditions ---------------------------------------------------------------------------- */

static bool run_ops(
    struct upcast_run *run, const struct upcast_ops *ops, size_t first, const struct event_value *value, struct events *out);

static bool run_ops_on_one(struct upcast_run *run, const struct upcast_ops *ops, const struct event_value **value)
{
    struct events results = {0};

    if (!run_ops(run, ops, 0, *value, &results))
        return false;
    *value = results.list.items[0];
    return true;
}

static bool apply_each(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    struct event_value *result = ARENA_NEW(run->arena, struct event_value);
    struct upcast_edit edit = {.arena = run->arena, .value = *map};
    const struct event_value **items;
    const struct event_value *list;
    struct upcast_bound outer_item = run->item;
    bool was_in_item = run->in_item;
    const char *why;

    if (!upcast_path_get(*map, &op->path, &list, &why))
        return fail_path(run, op, &op->path, "change each of", why);
    if (!list)
        return true;
    if (list->type != EVENT_LIST)
        return upcast_fail(run->problem, op->pointer, "cannot change each of '%.*s': it is of type %s, not list",
            STR_ARG(op->path.text), event_type_name(list->type));
    items = ARENA_ARRAY(run->arena, const struct event_value *, list->count);
    run->in_item = true;
    for (size_t i = 0; i < list->count; i++) {
        items[i] = list->items[i];
        if (items[i]->type != EVENT_MAP)
            return upcast_fail(run->problem, op->pointer, "element %zu of '%.*s' is of type %s, not map", i,
                STR_ARG(op->path.text), event_type_name(items[i]->type));
        if (!run_ops_on_one(run, &op->then_ops, &items[i])) {
            char *message = arena_strdup(run->arena, run->problem->message);

            snprintf(run->problem->message, sizeof(run->problem->message), "element %zu of '%.*s': %s", i,
                STR_ARG(op->path.text), message);
            return false;
        }
    }
    run->in_item = was_in_item;
    run->item = outer_item;
    *result = (struct event_value){.type = EVENT_LIST, .items = items, .count = list->count};
    if (!upcast_path_put(&edit, &op->path, result, &why))
        return fail_path(run, op, &op->path, "change each of", why);
    *map = edit.value;
    return true;
}

static bool chosen_branch(struct upcast_run *run, const struct upcast_op *op, const struct upcast_ops **out)
{
    bool is_true = false;

    if (!upcast_evaluate_condition(run, &op->condition, &is_true))
        return false;
    *out = is_true ? &op->then_ops : &op->else_ops;
    return true;
}

static bool apply_when(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    const struct upcast_ops *branch;

    return chosen_branch(run, op, &branch) && run_ops_on_one(run, branch, map);
}

/* --- operators on the event --------------------------------------------------------------------------------------- */

/* The number's text: there is one for each event and version. */
static struct str number_text(struct arena *arena, int number)
{
    enum { DIGITS_MAX = 11 };
    char *text = arena_alloc(arena, DIGITS_MAX + 1);
    size_t at = DIGITS_MAX;

    for (; number > 0 || at == DIGITS_MAX; number /= 10)
        text[--at] = (char)('0' + number % 10);
    return (struct str){text + at, DIGITS_MAX - at};
}

static struct upcast_path name_path(struct str *name)
{
    return (struct upcast_path){*name, name, 1};
}

static bool set_type(struct upcast_run *run, const struct upcast_op *op, struct str type, const struct event_value **event)
{
    struct str name = run->upcaster->type;
    struct upcast_path path = name_path(&name);
    struct upcast_edit edit = {.arena = run->arena, .value = *event};
    const char *why;

    if (!upcast_path_put(&edit, &path, upcast_new_string(run->arena, type), &why))
        return fail_path(run, op, &path, "set", why);
    *event = edit.value;
    return true;
}

static bool apply_rename_type(struct upcast_run *run, const struct upcast_op *op, const struct event_value **event)
{
    const struct event_value *type = event_value_member(*event, run->upcaster->type);

    if (op->type_from.len && (!type || type->type != EVENT_STRING || !str_equal(type->text, op->type_from)))
        return upcast_fail(run->problem, op->pointer, "the event is not of type '%.*s'", STR_ARG(op->type_from));
    return set_type(run, op, op->type_to, event);
}

static bool apply_split_event(
    struct upcast_run *run, const struct upcast_op *op, const struct event_value *event, struct events *out)
{
    for (size_t i = 0; i < op->branch_count; i++) {
        const struct event_value *part = event;

        if (!run_ops_on_one(run, &op->branches[i].ops, &part) || !set_type(run, op, op->branches[i].type, &part))
            return false;
        VEC_PUSH(run->arena, &out->list, part);
    }
    return true;
}

static bool apply_drop_event(
    struct upcast_run *run, const struct upcast_op *op, const struct event_value *event, struct events *out)
{
    bool drop = false;

    if (!upcast_evaluate_condition(run, &op->condition, &drop))
        return false;
    if (!drop)
        VEC_PUSH(run->arena, &out->list, event);
    return true;
}

/* --- lists of operators ------------------------------------------------------------------------------------------- */

static bool apply_to_map(struct upcast_run *run, const struct upcast_op *op, const struct event_value **map)
{
    switch (op->kind) {
    case UPCAST_DEFAULT:
    case UPCAST_SET:
        return apply_assignments(run, op, map);
    case UPCAST_REMOVE:
        return apply_remove(run, op, map);
    case UPCAST_RENAME:
    case UPCAST_MOVE:
        return apply_pairs(run, op, map);
    case UPCAST_CONVERT:
        return apply_convert(run, op, map);
    case UPCAST_MAP_VALUES:
        return apply_map_values(run, op, map);
    case UPCAST_SPLIT:
        return apply_split(run, op, map);
    case UPCAST_COMBINE:
        return apply_combine(run, op, map);
    case UPCAST_EACH:
        return apply_each(run, op, map);
    case UPCAST_WHEN:
        return apply_when(run, op, map);
    case UPCAST_RENAME_TYPE:
        return apply_rename_type(run, op, map);
    case UPCAST_SPLIT_EVENT:
    case UPCAST_DROP_EVENT:
        break;
    }
    return upcast_fail(run->problem, op->pointer, "cannot stand here");
}

static bool fan_out(struct upcast_run *run, const struct upcast_op *op, const struct event_value *event, struct events *out)
{
    const struct upcast_ops *branch;

    switch (op->kind) {
    case UPCAST_SPLIT_EVENT:
        return apply_split_event(run, op, event, out);
    case UPCAST_DROP_EVENT:
        return apply_drop_event(run, op, event, out);
    default:
        return chosen_branch(run, op, &branch) && run_ops(run, branch, 0, event, out);
    }
}

static bool run_ops(
    struct upcast_run *run, const struct upcast_ops *ops, size_t first, const struct event_value *value, struct events *out)
{
    for (size_t i = first; i < ops->count; i++) {
        const struct upcast_op *op = &ops->items[i];
        struct events parts = {0};

        *(run->in_item ? &run->item.value : &run->event.value) = value;
        if (!op->fans_out) {
            if (!apply_to_map(run, op, &value))
                return false;
            continue;
        }
        if (!fan_out(run, op, value, &parts))
            return false;
        for (size_t k = 0; k < parts.list.count; k++) {
            if (!run_ops(run, ops, i + 1, parts.list.items[k], out))
                return false;
        }
        return true;
    }
    if (out->list.count == UPCAST_EVENTS_MAX)
        return upcast_fail(run->problem, "", "one event becomes more than %d events", UPCAST_EVENTS_MAX);
    VEC_PUSH(run->arena, &out->list, value);
    return true;
}

/* --- the event as a whole ----------------------------------------------------------------------------------------- */

/* The version that the event says it has; 1 where it says none. */
static bool read_version(struct upcast_run *run, const struct event_value *event)
{
    const struct event_value *value = event_value_member(event, run->upcaster->version);
    struct decimal number;
    size_t version = 1;

    if (value && (value->type != EVENT_NUMBER || !decimal_parse(value->text, &number) ||
                     !decimal_to_size(&number, &version) || version > INT32_MAX))
        return upcast_fail(run->problem, "", "the event's version '%.*s' is not a whole number",
            STR_ARG(run->upcaster->version));
    run->version = (int64_t)version;
    return true;
}

/* No deeper than so many levels, those of value included. */
static bool nests_within(const struct event_value *value, size_t levels)
{
    if (!levels)
        return false;
    for (size_t i = 0; i < value->count; i++) {
        const struct event_value *part = value->type == EVENT_MAP ? value->members[i].value : value->items[i];

        if (part->count ? !nests_within(part, levels - 1) : levels == 1)
            return false;
    }
    return true;
}

bool upcaster_apply(const struct upcaster *upcaster, struct arena *arena, const struct event_value *event,
    int to_version, struct upcast_result *out, struct upcast_problem *problem)
{
    struct upcast_run run = {
        .upcaster = upcaster, .arena = arena, .problem = problem, .read = event, .cost_left = UPCAST_COST_MAX};
    struct events results = {0};
    struct str version_name = upcaster->version;
    struct upcast_path version_path = name_path(&version_name);
    struct str version = number_text(arena, to_version);
    const char *why;

    if (event->type != EVENT_MAP)
        return upcast_fail(problem, "", "an event must be a map, and this is of type %s", event_type_name(event->type));
    if (!read_version(&run, event) || !run_ops(&run, &upcaster->ops, 0, event, &results))
        return false;
    for (size_t i = 0; i < results.list.count; i++) {
        struct upcast_edit edit = {.arena = arena, .value = results.list.items[i]};

        if (!upcast_path_put(&edit, &version_path, upcast_new_number(arena, version), &why))
            return upcast_fail(problem, "", "cannot set '%.*s': %s", STR_ARG(version_name), why);
        results.list.items[i] = edit.value;
        if (!nests_within(results.list.items[i], UPCAST_VALUE_DEPTH_MAX + 1))
            return upcast_fail(
                problem, "", "the event nests deeper than the %d levels that an item can", UPCAST_VALUE_DEPTH_MAX);
    }
    *out = (struct upcast_result){results.list.items, results.list.count};
    return true;
}
