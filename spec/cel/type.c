#include "spec/cel/type.h"

#include "spec/base/arena.h"

/* Deeper parts of two types count as equal: the evaluator checks again anyhow. */
enum { TYPE_DEPTH_MAX = 24, PRINT_DEPTH_MAX = 6 };

const struct cel_type cel_type_dyn = {.kind = CEL_TYPE_DYN};
const struct cel_type cel_type_null = {.kind = CEL_TYPE_NULL};
const struct cel_type cel_type_bool = {.kind = CEL_TYPE_BOOL};
const struct cel_type cel_type_int = {.kind = CEL_TYPE_INT};
const struct cel_type cel_type_uint = {.kind = CEL_TYPE_UINT};
const struct cel_type cel_type_double = {.kind = CEL_TYPE_DOUBLE};
const struct cel_type cel_type_decimal = {.kind = CEL_TYPE_DECIMAL};
const struct cel_type cel_type_string = {.kind = CEL_TYPE_STRING};
const struct cel_type cel_type_bytes = {.kind = CEL_TYPE_BYTES};
const struct cel_type cel_type_timestamp = {.kind = CEL_TYPE_TIMESTAMP};
const struct cel_type cel_type_duration = {.kind = CEL_TYPE_DURATION};
const struct cel_type cel_type_type = {.kind = CEL_TYPE_TYPE};

static const struct cel_type *type_make(struct arena *arena, struct cel_type type)
{
    struct cel_type *made = ARENA_NEW(arena, struct cel_type);

    *made = type;
    return made;
}

const struct cel_type *cel_type_list_of(struct arena *arena, const struct cel_type *of)
{
    return type_make(arena, (struct cel_type){.kind = CEL_TYPE_LIST, .of = of});
}

const struct cel_type *cel_type_map_of(struct arena *arena, const struct cel_type *key, const struct cel_type *of)
{
    return type_make(arena, (struct cel_type){.kind = CEL_TYPE_MAP, .key = key, .of = of});
}

const struct cel_type *cel_type_optional_of(struct arena *arena, const struct cel_type *of)
{
    return type_make(arena, (struct cel_type){.kind = CEL_TYPE_OPTIONAL, .of = of});
}

bool cel_type_is_number(const struct cel_type *type)
{
    return type->kind == CEL_TYPE_INT || type->kind == CEL_TYPE_UINT || type->kind == CEL_TYPE_DOUBLE ||
           type->kind == CEL_TYPE_DECIMAL;
}

const struct cel_type *cel_type_part(const struct cel_type *type)
{
    return type ? type : &cel_type_dyn;
}

static bool fits(const struct cel_type *to, const struct cel_type *from, unsigned depth);

static bool map_fits(const struct cel_type *to, const struct cel_type *from, unsigned depth)
{
    if (to->kind == CEL_TYPE_MAP && from->kind == CEL_TYPE_MAP)
        return fits(cel_type_part(to->key), cel_type_part(from->key), depth) &&
               fits(cel_type_part(to->of), cel_type_part(from->of), depth);
    if (to->kind == CEL_TYPE_MAP)
        return fits(cel_type_part(to->key), &cel_type_string, depth);
    if (from->kind == CEL_TYPE_MAP)
        return fits(&cel_type_string, cel_type_part(from->key), depth);
    return true;
}

static bool is_map(const struct cel_type *type)
{
    return type->kind == CEL_TYPE_MAP || type->kind == CEL_TYPE_OBJECT;
}

static bool fits(const struct cel_type *to, const struct cel_type *from, unsigned depth)
{
    if (to == from || depth == TYPE_DEPTH_MAX || to->kind == CEL_TYPE_DYN || from->kind == CEL_TYPE_DYN)
        return true;
    if (is_map(to) && is_map(from))
        return map_fits(to, from, depth + 1);
    if (to->kind != from->kind)
        return false;
    if (to->kind == CEL_TYPE_LIST || to->kind == CEL_TYPE_OPTIONAL)
        return fits(cel_type_part(to->of), cel_type_part(from->of), depth + 1);
    return true;
}

bool cel_type_fits(const struct cel_type *to, const struct cel_type *from)
{
    return fits(to, from, 0);
}

bool cel_type_comparable(const struct cel_type *a, const struct cel_type *b)
{
    if (a->kind == CEL_TYPE_NULL || b->kind == CEL_TYPE_NULL)
        return true;
    if (cel_type_is_number(a) && cel_type_is_number(b))
        return true;
    if (a->kind == b->kind && (a->kind == CEL_TYPE_LIST || a->kind == CEL_TYPE_OPTIONAL || a->kind == CEL_TYPE_MAP))
        return true;
    return fits(a, b, 0) || fits(b, a, 0);
}

static const struct cel_type *join(
    struct arena *arena, const struct cel_type *a, const struct cel_type *b, unsigned depth)
{
    if (a == b)
        return a;
    if (depth == TYPE_DEPTH_MAX || a->kind != b->kind)
        return &cel_type_dyn;
    switch (a->kind) {
    case CEL_TYPE_LIST:
        return cel_type_list_of(arena, join(arena, cel_type_part(a->of), cel_type_part(b->of), depth + 1));
    case CEL_TYPE_OPTIONAL:
        return cel_type_optional_of(arena, join(arena, cel_type_part(a->of), cel_type_part(b->of), depth + 1));
    case CEL_TYPE_MAP:
        return cel_type_map_of(arena, join(arena, cel_type_part(a->key), cel_type_part(b->key), depth + 1),
            join(arena, cel_type_part(a->of), cel_type_part(b->of), depth + 1));
    case CEL_TYPE_OBJECT:
        return &cel_type_dyn;
    default:
        return a;
    }
}

const struct cel_type *cel_type_join(struct arena *arena, const struct cel_type *a, const struct cel_type *b)
{
    return join(arena, a, b, 0);
}

const struct cel_field *cel_type_field(const struct cel_type *object, struct str name)
{
    for (size_t i = 0; i < object->field_count; i++)
        if (str_is(name, object->fields[i].name))
            return &object->fields[i];
    return NULL;
}

const struct cel_type *cel_type_of_kind(enum cel_kind kind)
{
    static const struct cel_type list = {.kind = CEL_TYPE_LIST, .of = &cel_type_dyn};
    static const struct cel_type map = {.kind = CEL_TYPE_MAP, .key = &cel_type_dyn, .of = &cel_type_dyn};
    static const struct cel_type optional = {.kind = CEL_TYPE_OPTIONAL, .of = &cel_type_dyn};

    switch (kind) {
    case CEL_NULL:
        return &cel_type_null;
    case CEL_BOOL:
        return &cel_type_bool;
    case CEL_INT:
        return &cel_type_int;
    case CEL_UINT:
        return &cel_type_uint;
    case CEL_DOUBLE:
        return &cel_type_double;
    case CEL_DECIMAL:
        return &cel_type_decimal;
    case CEL_STRING:
        return &cel_type_string;
    case CEL_BYTES:
        return &cel_type_bytes;
    case CEL_LIST:
        return &list;
    case CEL_MAP:
        return &map;
    case CEL_TIMESTAMP:
        return &cel_type_timestamp;
    case CEL_DURATION:
        return &cel_type_duration;
    case CEL_TYPE:
        return &cel_type_type;
    case CEL_OPTIONAL:
        return &optional;
    }
    return &cel_type_dyn;
}

static void print(struct strbuf *out, const struct cel_type *type, unsigned depth)
{
    static const char *const names[] = {
        [CEL_TYPE_DYN] = "dyn",
        [CEL_TYPE_NULL] = "null",
        [CEL_TYPE_BOOL] = "bool",
        [CEL_TYPE_INT] = "int",
        [CEL_TYPE_UINT] = "uint",
        [CEL_TYPE_DOUBLE] = "double",
        [CEL_TYPE_DECIMAL] = "decimal",
        [CEL_TYPE_STRING] = "string",
        [CEL_TYPE_BYTES] = "bytes",
        [CEL_TYPE_LIST] = "list",
        [CEL_TYPE_MAP] = "map",
        [CEL_TYPE_OBJECT] = "object",
        [CEL_TYPE_TIMESTAMP] = "timestamp",
        [CEL_TYPE_DURATION] = "duration",
        [CEL_TYPE_TYPE] = "type",
        [CEL_TYPE_OPTIONAL] = "optional",
    };

    strbuf_append_text(out, depth == PRINT_DEPTH_MAX ? "…" : names[type->kind]);
    if (depth == PRINT_DEPTH_MAX ||
        (type->kind != CEL_TYPE_LIST && type->kind != CEL_TYPE_MAP && type->kind != CEL_TYPE_OPTIONAL))
        return;
    strbuf_append_char(out, '(');
    if (type->kind == CEL_TYPE_MAP) {
        print(out, cel_type_part(type->key), depth + 1);
        strbuf_append_text(out, ", ");
    }
    print(out, cel_type_part(type->of), depth + 1);
    strbuf_append_char(out, ')');
}

const char *cel_type_print(struct arena *arena, const struct cel_type *type)
{
    struct strbuf out = STRBUF_INIT;
    const char *text;

    print(&out, type, 0);
    text = strbuf_copy(&out, arena).data;
    strbuf_free(&out);
    return text;
}
