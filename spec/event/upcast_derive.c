/*
 * Operators that go back. "Exact" is meant strictly: for every event that is valid under the earlier schema and that
 * the upcaster accepts, downcasting what it became gives the event again (but for the version attribute). What cannot
 * be shown is not called exact.
 */
#include <stdio.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/decimal.h"
#include "spec/event/upcast_op.h"

struct derive {
    struct arena *arena;
    enum upcast_grade grade;
    const char *why;
};

/* What is known about the event (or about an element) where an operator stands. */
struct facts {
    const struct json *root;
    const struct json *schema; /* of the event before the first operator; NULL when not known */
    struct upcast_names touched;
    struct upcast_names absent; /* certainly not there: an operator took them away */
    struct str type;            /* of the event; "" when not known */
    bool is_item;
    struct str list; /* of an element: the outermost attribute that holds it */
};

static void worsen(struct derive *derive, enum upcast_grade grade, const char *why)
{
    if (grade < derive->grade)
        return;
    derive->why = grade == derive->grade && derive->why ? arena_printf(derive->arena, "%s; %s", derive->why, why) : why;
    derive->grade = grade;
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

static void remove_name(struct upcast_names *names, struct str name)
{
    for (size_t i = 0; i < names->names.count; i++) {
        if (str_equal(names->names.items[i], name))
            names->names.items[i--] = names->names.items[--names->names.count];
    }
}

static void add_absent(struct arena *arena, struct facts *facts, const struct upcast_path *path)
{
    if (path->count == 1)
        VEC_PUSH(arena, &facts->absent.names, path->names[0]);
}

static void learn(struct derive *derive, struct facts *facts, const struct upcast_op *op)
{
    struct upcast_names names = {0};

    upcast_op_touches(derive->arena, op, &names);
    for (size_t i = 0; i < names.names.count; i++) {
        if (!upcast_names_has(&facts->touched, names.names.items[i]))
            VEC_PUSH(derive->arena, &facts->touched.names, names.names.items[i]);
        remove_name(&facts->absent, names.names.items[i]);
    }
    if (op->kind == UPCAST_REMOVE || op->kind == UPCAST_COMBINE) {
        for (size_t i = 0; i < op->path_count; i++)
            add_absent(derive->arena, facts, &op->paths[i]);
    }
    if (op->kind == UPCAST_SPLIT)
        add_absent(derive->arena, facts, &op->path);
    for (size_t i = 0; i < op->pair_count; i++)
        add_absent(derive->arena, facts, &op->pairs[i].from);
    /* What the same operator writes is there again. */
    for (size_t i = 0; i < op->pair_count; i++)
        remove_name(&facts->absent, op->pairs[i].to.names[0]);
    for (size_t i = 0; op->kind == UPCAST_SPLIT && i < op->path_count; i++)
        remove_name(&facts->absent, op->paths[i].names[0]);
    if (op->kind == UPCAST_COMBINE)
        remove_name(&facts->absent, op->path.names[0]);
}

struct presence {
    enum upcast_presence what;
    size_t depth; /* FORBIDDEN: how many names of the path lead to the outermost one that is forbidden */
    bool certain; /* FORBIDDEN: the map that would hold it is certainly there */
};

static struct presence find_presence(const struct facts *facts, const struct upcast_path *path)
{
    struct presence result = {UPCAST_PRESENCE_UNKNOWN, 0, true};
    const struct json *schema = facts->schema;

    if (upcast_names_has(&facts->absent, path->names[0]))
        return (struct presence){UPCAST_PRESENCE_FORBIDDEN, 1, true};
    if (upcast_names_has(&facts->touched, path->names[0]))
        return result;
    for (size_t i = 0; i < path->count; i++) {
        if (!schema)
            return (struct presence){UPCAST_PRESENCE_UNKNOWN, 0, true};
        result.what = upcast_schema_presence(facts->root, schema, path->names[i]);
        result.depth = i + 1;
        if (result.what == UPCAST_PRESENCE_FORBIDDEN)
            return result;
        result.certain = result.certain && result.what == UPCAST_PRESENCE_REQUIRED;
        schema = upcast_schema_property(facts->root, schema, path->names[i]);
    }
    return result;
}

/* The one type that the schema gives a field. */
static bool known_type(const struct facts *facts, const struct upcast_path *path, enum upcast_conversion *out)
{
    const struct json *schema = facts->schema;
    struct str name;

    if (upcast_names_has(&facts->touched, path->names[0]))
        return false;
    for (size_t i = 0; i < path->count && schema; i++)
        schema = upcast_schema_property(facts->root, schema, path->names[i]);
    schema = schema ? upcast_schema_deref(facts->root, schema) : NULL;
    name = json_text(json_get(schema, "type"));
    /* In the JSON form, text may also be binary, and a list also a set. */
    if (!str_is(name, "string") && !str_is(name, "number") && !str_is(name, "integer") && !str_is(name, "boolean"))
        return false;
    return !json_get(schema, "contentEncoding") && upcast_conversion_from_name(name, out);
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static struct json *new_op(struct derive *derive, const char *name, struct json *content)
{
    struct json *op = json_new(derive->arena, JSON_OBJECT);

    json_set(derive->arena, op, name, content);
    return op;
}

static struct json *path_json(struct derive *derive, const struct upcast_path *path)
{
    return json_new_string(derive->arena, upcast_path_print(derive->arena, path->names, path->count));
}

static void set_by_path(struct derive *derive, struct json *object, const struct upcast_path *path, struct json *value)
{
    json_set_str(derive->arena, object, upcast_path_print(derive->arena, path->names, path->count), value);
}

struct inverse {
    VEC(struct json *) ops; /* in the order in which they must run */
};

static void emit(struct derive *derive, struct inverse *out, const char *name, struct json *content)
{
    VEC_PUSH(derive->arena, &out->ops, new_op(derive, name, content));
}

static const char *say(struct derive *derive, const struct upcast_path *path, const char *format)
{
    struct strbuf text = STRBUF_INIT;
    struct str result;

    for (const char *at = format; *at; at++) {
        if (*at == '@')
            strbuf_append_str(&text, path->text);
        else
            strbuf_append_char(&text, *at);
    }
    result = strbuf_copy(&text, derive->arena);
    strbuf_free(&text);
    return result.data;
}

/* --- one operator ------------------------------------------------------------------------------------------------- */

static void invert_assignment(struct derive *derive, const struct facts *facts, const struct upcast_op *op,
    const struct upcast_path *path, struct json *removed)
{
    struct presence presence = find_presence(facts, path);
    bool is_default = op->kind == UPCAST_DEFAULT;
    size_t depth = path->count;

    switch (presence.what) {
    case UPCAST_PRESENCE_FORBIDDEN:
        depth = presence.depth;
        if (!presence.certain)
            worsen(derive, UPCAST_GRADE_LOSSY, say(derive, path, "whether the map around '@' was there before"));
        break;
    case UPCAST_PRESENCE_REQUIRED:
        /* A default of a field that is always there does nothing. */
        if (is_default)
            return;
        worsen(derive, UPCAST_GRADE_IMPOSSIBLE, say(derive, path, "what '@' held before 'set' is gone"));
        return;
    case UPCAST_PRESENCE_OPTIONAL:
        worsen(derive, UPCAST_GRADE_LOSSY,
            say(derive, path,
                is_default ? "a '@' that the earlier event had is removed with the default"
                           : "what '@' held before 'set' is gone"));
        break;
    case UPCAST_PRESENCE_UNKNOWN:
        worsen(derive, is_default ? UPCAST_GRADE_LOSSY : UPCAST_GRADE_IMPOSSIBLE,
            say(derive, path,
                is_default ? "a '@' that the earlier event had is removed with the default"
                           : "what '@' held before 'set' is gone"));
        break;
    }
    json_append(removed, json_new_string(derive->arena, upcast_path_print(derive->arena, path->names, depth)));
}

static void invert_assignments(
    struct derive *derive, const struct facts *facts, const struct upcast_op *op, struct inverse *out)
{
    struct json *removed = json_new(derive->arena, JSON_ARRAY);

    for (size_t i = 0; i < op->assignment_count; i++) {
        const struct upcast_path *path = &op->assignments[i].path;
        struct json *one = json_new(derive->arena, JSON_ARRAY);
        bool twice = false;

        invert_assignment(derive, facts, op, path, one);
        /* Two fields below one forbidden map are removed with it. */
        for (const struct json *item = removed->child; one->child && item; item = item->next)
            twice = twice || str_equal(item->text, one->child->text);
        if (one->child && !twice)
            json_append(removed, json_clone(derive->arena, one->child));
    }
    if (removed->count)
        emit(derive, out, "remove", removed);
}

static void invert_remove(struct derive *derive, const struct facts *facts, const struct upcast_op *op)
{
    for (size_t i = 0; i < op->path_count; i++) {
        struct presence presence = find_presence(facts, &op->paths[i]);

        if (presence.what == UPCAST_PRESENCE_FORBIDDEN)
            continue;
        worsen(derive, presence.what == UPCAST_PRESENCE_OPTIONAL ? UPCAST_GRADE_LOSSY : UPCAST_GRADE_IMPOSSIBLE,
            say(derive, &op->paths[i],
                presence.what == UPCAST_PRESENCE_REQUIRED
                    ? "what '@' held before 'remove' is gone, and the earlier schema requires it"
                    : "what '@' held before 'remove' is gone"));
    }
}

/* New names are written as full paths, so a rename below a map comes back as a move. */
static void invert_pairs(struct derive *derive, const struct upcast_op *op, struct inverse *out)
{
    struct json *pairs = json_new(derive->arena, JSON_OBJECT);
    bool nested = op->kind == UPCAST_MOVE;

    for (size_t i = 0; i < op->pair_count; i++) {
        set_by_path(derive, pairs, &op->pairs[i].to, path_json(derive, &op->pairs[i].from));
        nested = nested || op->pairs[i].from.count > 1;
    }
    if (pairs->count)
        emit(derive, out, nested ? "move" : "rename", pairs);
}

static void invert_convert(
    struct derive *derive, const struct facts *facts, const struct upcast_op *op, struct inverse *out)
{
    struct json *conversions = json_new(derive->arena, JSON_OBJECT);

    for (size_t i = 0; i < op->conversion_count; i++) {
        const struct upcast_convert *item = &op->conversions[i];
        enum upcast_conversion from = item->from;
        struct json *back;
        const char *loss;

        /* The JSON form of binary is text too, so "string" in a schema does not settle these two. */
        if (!item->has_from &&
            (!known_type(facts, &item->path, &from) ||
                (from == UPCAST_TO_STRING && (item->to == UPCAST_TO_STRING || item->to == UPCAST_TO_BINARY)))) {
            worsen(derive, UPCAST_GRADE_IMPOSSIBLE,
                say(derive, &item->path,
                    "the type that '@' had before 'convert' is not known; say { from: …, to: … }"));
            continue;
        }
        loss = upcast_conversion_loss(from, item->to);
        if (loss)
            worsen(derive, UPCAST_GRADE_LOSSY,
                arena_printf(derive->arena, "%s in '%.*s'", loss, STR_ARG(item->path.text)));
        back = json_new(derive->arena, JSON_OBJECT);
        json_set_text(derive->arena, back, "from", upcast_conversion_name(item->to));
        json_set_text(derive->arena, back, "to", upcast_conversion_name(from));
        set_by_path(derive, conversions, &item->path, back);
    }
    if (conversions->count)
        emit(derive, out, "convert", conversions);
}

/* --- map_values --------------------------------------------------------------------------------------------------- */

static struct str value_text(const struct json *value)
{
    switch (value->type) {
    case JSON_TRUE:
        return STR("true");
    case JSON_FALSE:
        return STR("false");
    case JSON_NULL:
        return STR("null");
    default:
        return value->text;
    }
}

/* The value that a key of map_values stood for. Without the field's type, "1" may have been text or a number. */
static struct json *old_value(
    struct derive *derive, const struct facts *facts, const struct upcast_path *path, struct str old)
{
    enum upcast_conversion type = UPCAST_TO_STRING;
    bool known = known_type(facts, path, &type);
    struct decimal number;

    if (known && type != UPCAST_TO_STRING && type != UPCAST_TO_BOOLEAN && decimal_parse(old, &number))
        return json_new_number(derive->arena, decimal_print(derive->arena, &number));
    if (known && type == UPCAST_TO_BOOLEAN)
        return json_new_bool(derive->arena, str_is(old, "true"));
    if (!known && (decimal_parse(old, &number) || str_is(old, "true") || str_is(old, "false") || str_is(old, "null")))
        worsen(derive, UPCAST_GRADE_LOSSY,
            arena_printf(derive->arena, "whether '%.*s' in '%.*s' was a text", STR_ARG(old), STR_ARG(path->text)));
    return json_new_string(derive->arena, old);
}

static struct str mapping_key(struct derive *derive, struct str text)
{
    if (!str_is(text, "else") && !str_starts_with(text, "\\"))
        return text;
    return str_from(arena_printf(derive->arena, "\\%.*s", STR_ARG(text)));
}

/* Could one value match both keys? */
static bool keys_meet(struct str a, struct str b)
{
    struct decimal left, right;

    return str_equal(a, b) || (decimal_parse(a, &left) && decimal_parse(b, &right) && !decimal_compare(&left, &right));
}

/* The expression that reads a field: event["a"]["b"]. */
static struct json *path_expression(struct derive *derive, const struct facts *facts, const struct upcast_path *path)
{
    struct strbuf text = STRBUF_INIT;
    struct json *result;

    strbuf_append_text(&text, facts->is_item ? "item" : "event");
    for (size_t i = 0; i < path->count; i++) {
        strbuf_append_char(&text, '[');
        json_write_string(&text, path->names[i]);
        strbuf_append_char(&text, ']');
    }
    result = json_new_string(derive->arena, strbuf_view(&text));
    strbuf_free(&text);
    return result;
}

static void invert_map_values(
    struct derive *derive, const struct facts *facts, const struct upcast_op *op, struct inverse *out)
{
    struct json *maps = json_new(derive->arena, JSON_OBJECT);

    for (size_t i = 0; i < op->map_count; i++) {
        const struct upcast_map_values *item = &op->maps[i];
        struct json *map = json_new(derive->arena, JSON_OBJECT);

        for (size_t k = 0; k < item->count; k++) {
            struct str key = mapping_key(derive, value_text(item->mappings[k].value));
            bool twice = false;

            for (const struct json *child = map->child; child; child = child->next)
                twice = twice || keys_meet(child->key, key);
            if (twice)
                worsen(derive, UPCAST_GRADE_LOSSY,
                    arena_printf(derive->arena, "which of the values that became '%.*s' '%.*s' held", STR_ARG(key),
                        STR_ARG(item->path.text)));
            else
                json_set_str(derive->arena, map, key, old_value(derive, facts, &item->path, item->mappings[k].old));
        }
        if (item->has_else) {
            worsen(derive, UPCAST_GRADE_LOSSY, say(derive, &item->path, "the values of '@' that 'else' replaced"));
            json_set(derive->arena, map, "else", path_expression(derive, facts, &item->path));
        }
        set_by_path(derive, maps, &item->path, map);
    }
    if (maps->count)
        emit(derive, out, "map_values", maps);
}

/* --- split, combine ----------------------------------------------------------------------------------------------- */

static struct json *paths_json(struct derive *derive, const struct upcast_op *op)
{
    struct json *paths = json_new(derive->arena, JSON_ARRAY);

    for (size_t i = 0; i < op->path_count; i++)
        json_append(paths, path_json(derive, &op->paths[i]));
    return paths;
}

static void invert_split(struct derive *derive, const struct upcast_op *op, struct inverse *out)
{
    struct json *combine = json_new(derive->arena, JSON_OBJECT);

    json_set(derive->arena, combine, "fields", paths_json(derive, op));
    json_set(derive->arena, combine, "into", path_json(derive, &op->path));
    json_set(derive->arena, combine, "with", json_new_string(derive->arena, op->separator));
    emit(derive, out, "combine", combine);
}

static void invert_combine(struct derive *derive, const struct upcast_op *op, struct inverse *out)
{
    struct json *split;

    if (!op->separator.len) {
        worsen(derive, UPCAST_GRADE_IMPOSSIBLE,
            say(derive, &op->path, "where the parts of '@' met, since nothing was put between them"));
        return;
    }
    worsen(derive, UPCAST_GRADE_LOSSY,
        say(derive, &op->path, "where the parts of '@' met, when one was missing or held the separator itself"));
    split = json_new(derive->arena, JSON_OBJECT);
    json_set(derive->arena, split, "field", path_json(derive, &op->path));
    json_set(derive->arena, split, "into", paths_json(derive, op));
    json_set(derive->arena, split, "by", json_new_string(derive->arena, op->separator));
    emit(derive, out, "split", split);
}

/* --- each, when --------------------------------------------------------------------------------------------------- */

static struct json *invert_ops(struct derive *derive, struct facts *facts, const struct upcast_ops *ops);

static void invert_each(
    struct derive *derive, const struct facts *facts, const struct upcast_op *op, struct inverse *out)
{
    struct facts inner = {.root = facts->root, .is_item = true};
    const struct json *schema = facts->schema;
    struct json *each, *ops;

    inner.list = facts->is_item ? facts->list : op->path.names[0];
    if (upcast_names_has(&facts->touched, op->path.names[0]))
        schema = NULL;
    for (size_t i = 0; i < op->path.count && schema; i++)
        schema = upcast_schema_property(facts->root, schema, op->path.names[i]);
    inner.schema = schema ? upcast_schema_items(facts->root, schema) : NULL;
    ops = invert_ops(derive, &inner, &op->then_ops);
    if (!ops->count)
        return;
    each = json_new(derive->arena, JSON_OBJECT);
    json_set(derive->arena, each, "field", path_json(derive, &op->path));
    json_set(derive->arena, each, "do", ops);
    emit(derive, out, "each", each);
}

static struct facts branch_facts(struct derive *derive, const struct facts *facts)
{
    struct facts inner = *facts;

    inner.touched = (struct upcast_names){0};
    inner.absent = (struct upcast_names){0};
    for (size_t i = 0; i < facts->touched.names.count; i++)
        VEC_PUSH(derive->arena, &inner.touched.names, facts->touched.names.items[i]);
    for (size_t i = 0; i < facts->absent.names.count; i++)
        VEC_PUSH(derive->arena, &inner.absent.names, facts->absent.names.items[i]);
    return inner;
}

static void invert_when(struct derive *derive, struct facts *facts, const struct upcast_op *op, struct inverse *out)
{
    struct facts then_facts = branch_facts(derive, facts);
    struct facts else_facts = branch_facts(derive, facts);
    struct json *then_ops = invert_ops(derive, &then_facts, &op->then_ops);
    struct json *else_ops = invert_ops(derive, &else_facts, &op->else_ops);
    struct upcast_names touched = {0};
    struct upcast_condition_view view;
    struct json *when;

    if (!str_equal(then_facts.type, facts->type) || !str_equal(else_facts.type, facts->type))
        facts->type = STR("");
    if (!then_ops->count && !else_ops->count)
        return;
    upcast_op_touches(derive->arena, op, &touched);
    view = (struct upcast_condition_view){&touched, facts->is_item, facts->list};
    if (op->condition.program && !upcast_condition_stays(op->condition.text, &view)) {
        worsen(derive, UPCAST_GRADE_IMPOSSIBLE,
            arena_printf(
                derive->arena, "whether '%.*s' was true cannot be seen afterwards", STR_ARG(op->condition.text)));
        return;
    }
    when = json_new(derive->arena, JSON_OBJECT);
    json_set(derive->arena, when, "if",
        op->condition.literal ? json_new_bool(derive->arena, op->condition.literal->boolean)
                              : json_new_string(derive->arena, op->condition.text));
    json_set(derive->arena, when, "then", then_ops);
    if (else_ops->count)
        json_set(derive->arena, when, "else", else_ops);
    emit(derive, out, "when", when);
}

/* --- the event ---------------------------------------------------------------------------------------------------- */

static void invert_rename_type(
    struct derive *derive, struct facts *facts, const struct upcast_op *op, struct inverse *out)
{
    struct str before = op->type_from.len ? op->type_from : facts->type;
    struct json *back;

    facts->type = op->type_to;
    if (!before.len) {
        worsen(derive, UPCAST_GRADE_IMPOSSIBLE,
            "the event's type before 'rename_type' is not known; say { from: …, to: … }");
        return;
    }
    back = json_new(derive->arena, JSON_OBJECT);
    json_set(derive->arena, back, "from", json_new_string(derive->arena, op->type_to));
    json_set(derive->arena, back, "to", json_new_string(derive->arena, before));
    emit(derive, out, "rename_type", back);
}

static void invert_op(struct derive *derive, struct facts *facts, const struct upcast_op *op, struct inverse *out)
{
    switch (op->kind) {
    case UPCAST_DEFAULT:
    case UPCAST_SET:
        invert_assignments(derive, facts, op, out);
        return;
    case UPCAST_REMOVE:
        invert_remove(derive, facts, op);
        return;
    case UPCAST_RENAME:
    case UPCAST_MOVE:
        invert_pairs(derive, op, out);
        return;
    case UPCAST_CONVERT:
        invert_convert(derive, facts, op, out);
        return;
    case UPCAST_MAP_VALUES:
        invert_map_values(derive, facts, op, out);
        return;
    case UPCAST_SPLIT:
        invert_split(derive, op, out);
        return;
    case UPCAST_COMBINE:
        invert_combine(derive, op, out);
        return;
    case UPCAST_EACH:
        invert_each(derive, facts, op, out);
        return;
    case UPCAST_WHEN:
        invert_when(derive, facts, op, out);
        return;
    case UPCAST_RENAME_TYPE:
        invert_rename_type(derive, facts, op, out);
        return;
    case UPCAST_SPLIT_EVENT:
        worsen(derive, UPCAST_GRADE_IMPOSSIBLE, "several events cannot be made one again");
        return;
    case UPCAST_DROP_EVENT:
        worsen(derive, UPCAST_GRADE_LOSSY, "the events that 'drop_event' dropped");
        return;
    }
}

static struct json *invert_ops(struct derive *derive, struct facts *facts, const struct upcast_ops *ops)
{
    struct json *result = json_new(derive->arena, JSON_ARRAY);
    struct inverse *inverses = ARENA_ARRAY(derive->arena, struct inverse, ops->count);

    for (size_t i = 0; i < ops->count; i++) {
        invert_op(derive, facts, &ops->items[i], &inverses[i]);
        learn(derive, facts, &ops->items[i]);
    }
    for (size_t i = ops->count; i-- > 0;) {
        for (size_t k = 0; k < inverses[i].ops.count; k++)
            json_append(result, inverses[i].ops.items[k]);
    }
    return result;
}

struct json *upcast_derive_downcast_from(struct arena *arena, const struct json *operators,
    const struct upcast_origin *origin, enum upcast_grade *grade, const char **why)
{
    struct derive derive = {.arena = arena, .grade = UPCAST_GRADE_EXACT};
    struct facts facts = {.root = origin->schema, .schema = origin->schema, .type = str_from(origin->type)};
    struct upcaster *upcaster = ARENA_NEW(arena, struct upcaster);
    struct upcast_problem problem;
    struct json *result = NULL;

    if (upcast_parse(arena, operators, NULL, NULL, upcaster, &problem))
        result = invert_ops(&derive, &facts, &upcaster->ops);
    else
        worsen(&derive, UPCAST_GRADE_IMPOSSIBLE, arena_strdup(arena, problem.message));
    *grade = derive.grade;
    *why = derive.why;
    return derive.grade == UPCAST_GRADE_IMPOSSIBLE ? NULL : result;
}

struct json *upcast_derive_downcast(
    struct arena *arena, const struct json *operators, enum upcast_grade *grade, const char **why)
{
    const struct upcast_origin nothing_known = {0};

    return upcast_derive_downcast_from(arena, operators, &nothing_known, grade, why);
}
