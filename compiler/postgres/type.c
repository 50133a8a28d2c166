#include "compiler/postgres/type.h"

#include <inttypes.h>
#include <string.h>

struct type_fact {
    const char *name;
    const char *printed;
    bool modifiers;
};

static const struct type_fact type_facts[] = {
#define TYPE_ROW(name, printed, modifiers) {name, printed, modifiers},
#include "compiler/postgres/type.def"
#undef TYPE_ROW
};

enum { TYPE_FACT_COUNT = sizeof(type_facts) / sizeof(type_facts[0]) };

static const struct {
    const char *serial;
    const char *base;
} serial_types[] = {
    {"serial", "int4"},
    {"serial4", "int4"},
    {"bigserial", "int8"},
    {"serial8", "int8"},
    {"smallserial", "int2"},
    {"serial2", "int2"},
};

static const struct {
    const char *extension;
    const char *type;
} extension_types[] = {
    {"citext", "citext"},
    {"cube", "cube"},
    {"hstore", "hstore"},
    {"isn", "ean13"},
    {"isn", "isbn"},
    {"isn", "isbn13"},
    {"isn", "ismn"},
    {"isn", "ismn13"},
    {"isn", "issn"},
    {"isn", "issn13"},
    {"isn", "upc"},
    {"ltree", "lquery"},
    {"ltree", "ltree"},
    {"ltree", "ltxtquery"},
    {"intarray", "query_int"},
    {"postgis", "box2d"},
    {"postgis", "box3d"},
    {"postgis", "geography"},
    {"postgis", "geometry"},
    {"postgis_raster", "raster"},
    {"postgis_topology", "topogeometry"},
    {"seg", "seg"},
    {"vector", "halfvec"},
    {"vector", "sparsevec"},
    {"vector", "vector"},
};

const char *type_extension(const char *name)
{
    for (size_t i = 0; i < sizeof(extension_types) / sizeof(extension_types[0]); i++)
        if (strcmp(extension_types[i].type, name) == 0)
            return extension_types[i].extension;
    return NULL;
}

const char *const *type_names(size_t *count)
{
    static const char *names[TYPE_FACT_COUNT * 2];

    if (!names[0])
        for (size_t i = 0; i < TYPE_FACT_COUNT; i++) {
            names[2 * i] = type_facts[i].name;
            names[2 * i + 1] = type_facts[i].printed;
        }
    *count = TYPE_FACT_COUNT * 2;
    return names;
}

static const struct type_fact *find_fact(const char *name)
{
    size_t low = 0, high = TYPE_FACT_COUNT;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, type_facts[middle].name);

        if (order == 0)
            return &type_facts[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* The fields of an interval type, as intervaltypmodout() prints them. */
static const char *interval_fields(int64_t mask)
{
    static const struct {
        int64_t mask;
        const char *text;
    } fields[] = {
        {1 << 2, " year"},
        {1 << 1, " month"},
        {1 << 3, " day"},
        {1 << 10, " hour"},
        {1 << 11, " minute"},
        {1 << 12, " second"},
        {1 << 2 | 1 << 1, " year to month"},
        {1 << 3 | 1 << 10, " day to hour"},
        {1 << 3 | 1 << 10 | 1 << 11, " day to minute"},
        {1 << 3 | 1 << 10 | 1 << 11 | 1 << 12, " day to second"},
        {1 << 10 | 1 << 11, " hour to minute"},
        {1 << 10 | 1 << 11 | 1 << 12, " hour to second"},
        {1 << 11 | 1 << 12, " minute to second"},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].mask == mask)
            return fields[i].text;
    return "";
}

static bool is_time(const char *base)
{
    return strncmp(base, "time", 4) == 0;
}

static const char *print_builtin(struct arena *arena, const struct type_fact *fact, const struct type *type)
{
    const int64_t *mods = type->modifiers;

    if (!type->modifier_count)
        return fact->printed;
    if (strcmp(fact->name, "interval") == 0) {
        if (type->modifier_count == 1)
            return arena_printf(arena, "interval%s", interval_fields(mods[0]));
        return arena_printf(arena, "interval%s(%" PRId64 ")", interval_fields(mods[0]), mods[1]);
    }
    if (is_time(fact->name)) { /* time(3) with time zone: the precision stands in the middle */
        const char *space = strchr(fact->printed, ' ');

        return arena_printf(arena, "%.*s(%" PRId64 ")%s", (int)(space - fact->printed), fact->printed, mods[0], space);
    }
    if (strcmp(fact->name, "numeric") == 0)
        return arena_printf(arena, "numeric(%" PRId64 ",%" PRId64 ")", mods[0], type->modifier_count > 1 ? mods[1] : 0);
    return arena_printf(arena, "%s(%" PRId64 ")", fact->printed, mods[0]);
}

static void read_modifiers(const struct sql_node *type_name, struct type *out)
{
    for (const struct sql_node *mod = sql_first(sql_get(type_name, "typmods")); mod; mod = sql_next(mod)) {
        const struct sql_node *constant = sql_as(mod, "A_Const");

        if (out->modifier_count == TYPE_MODIFIERS_MAX || !sql_get(constant, "ival"))
            continue;
        out->modifiers[out->modifier_count++] = sql_integer(sql_get(constant, "ival"), "ival", 0);
    }
}

bool type_read_builtin(struct arena *arena, const struct sql_node *type_name, struct type *out)
{
    const struct sql_node *names = sql_get(type_name, "names");
    const char *name = sql_list_string(names, SIZE_MAX);
    size_t count = sql_count(names);
    const struct type_fact *fact;

    *out = (struct type){.origin = TYPE_BUILTIN};
    if (!name || count > 2 || (count == 2 && strcmp(sql_list_string(names, 0), "pg_catalog") != 0))
        return false;
    for (size_t i = 0; count == 1 && i < sizeof(serial_types) / sizeof(serial_types[0]); i++)
        if (strcmp(serial_types[i].serial, name) == 0) {
            out->serial = serial_types[i].serial;
            name = serial_types[i].base;
        }
    fact = find_fact(name);
    if (!fact)
        return false;
    out->base = fact->name;
    read_modifiers(type_name, out);
    /* "interval" alone may come with the full range as its mask: no field is named */
    if (strcmp(fact->name, "interval") == 0 && out->modifier_count == 1 && out->modifiers[0] == 0x7fff)
        out->modifier_count = 0;
    out->array = sql_count(sql_get(type_name, "arrayBounds")) > 0;
    out->text = print_builtin(arena, fact, out);
    if (out->array)
        out->text = arena_printf(arena, "%s[]", out->text);
    return true;
}

static bool is_base(const struct type *type, const char *base)
{
    return type->origin == TYPE_BUILTIN && strcmp(type->base, base) == 0;
}

static bool same_modifiers(const struct type *from, const struct type *to)
{
    return from->modifier_count == to->modifier_count &&
           memcmp(from->modifiers, to->modifiers, sizeof(from->modifiers)) == 0;
}

/* A modifier of `to` that lets through everything that one of `from` does, for the types whose cast to their own kind
 * the server skips (varchar_support(), numeric_support(), varbit_support(), temporal supports). */
static bool modifier_widens(const struct type *from, const struct type *to)
{
    if (!to->modifier_count || same_modifiers(from, to))
        return true;
    if (!from->modifier_count)
        return false;
    if (is_base(to, "numeric")) {
        int64_t from_scale = from->modifier_count > 1 ? from->modifiers[1] : 0;
        int64_t to_scale = to->modifier_count > 1 ? to->modifiers[1] : 0;

        return from_scale == to_scale && from->modifiers[0] <= to->modifiers[0];
    }
    if (is_base(to, "varchar") || is_base(to, "varbit") || is_time(to->base))
        return from->modifiers[0] <= to->modifiers[0];
    return false;
}

enum type_change type_change(const struct type *from, const struct type *to)
{
    static const struct {
        const char *from, *to;
    } relabels[] = {
        {"varchar", "text"},
        {"text", "varchar"},
        {"cidr", "inet"},
        {"oid", "regclass"},
        {"oid", "regtype"},
        {"oid", "regproc"},
        {"int4", "oid"},
        {"oid", "int4"},
        {"bit", "varbit"},
        {"varbit", "bit"},
        {"xml", "text"},
        {"citext", "text"},
        {"text", "citext"},
        {"citext", "varchar"},
        {"varchar", "citext"},
    };

    if (strcmp(from->text, to->text) == 0)
        return TYPE_CHANGE_NONE;
    if (from->array != to->array)
        return TYPE_CHANGE_REWRITE;
    if (from->array && strcmp(from->base, to->base) != 0)
        return TYPE_CHANGE_REWRITE;
    if (from->origin != TYPE_USER && to->origin != TYPE_USER) {
        if (strcmp(from->base, to->base) == 0)
            return modifier_widens(from, to) ? TYPE_CHANGE_RELABEL : TYPE_CHANGE_REWRITE;
        for (size_t i = 0; i < sizeof(relabels) / sizeof(relabels[0]); i++)
            if (strcmp(relabels[i].from, from->base) == 0 && strcmp(relabels[i].to, to->base) == 0)
                return to->modifier_count ? TYPE_CHANGE_REWRITE : TYPE_CHANGE_RELABEL;
        if ((is_base(from, "timestamp") && is_base(to, "timestamptz")) ||
            (is_base(from, "timestamptz") && is_base(to, "timestamp")))
            return modifier_widens(from, to) ? TYPE_CHANGE_RELABEL_UTC : TYPE_CHANGE_REWRITE;
    }
    return TYPE_CHANGE_REWRITE;
}

/* Digits before the point, and behind it. */
static bool numeric_holds(const struct type *from, const struct type *to)
{
    if (!to->modifier_count)
        return true;
    if (!from->modifier_count)
        return false;
    return to->modifiers[1] >= from->modifiers[1] &&
           to->modifiers[0] - to->modifiers[1] >= from->modifiers[0] - from->modifiers[1];
}

enum { UUID_TEXT_LEN = 36 };

bool type_holds(const struct type *from, const struct type *to)
{
    static const struct {
        const char *from, *to;
    } others[] = {{"timestamp", "timestamptz"}, {"timestamptz", "timestamp"}, {"json", "jsonb"}, {"date", "timestamp"},
        {"date", "timestamptz"}};

    if (type_is_widening(from, to))
        return true;
    if (from->origin != TYPE_BUILTIN || to->origin != TYPE_BUILTIN || from->array || to->array)
        return false;
    if (is_base(from, "numeric") && is_base(to, "numeric"))
        return numeric_holds(from, to);
    if (is_base(from, "uuid") && is_base(to, "varchar"))
        return !to->modifier_count || to->modifiers[0] >= UUID_TEXT_LEN;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (is_base(from, others[i].from) && is_base(to, others[i].to))
            return modifier_widens(from, to);
    return false;
}

bool type_is_widening(const struct type *from, const struct type *to)
{
    static const struct {
        const char *from, *to;
    } wider[] = {
        {"int2", "int4"},
        {"int2", "int8"},
        {"int4", "int8"},
        {"int2", "numeric"},
        {"int4", "numeric"},
        {"int8", "numeric"},
        {"float4", "float8"},
        {"varchar", "text"},
        {"bpchar", "text"},
        {"uuid", "text"},
        {"cidr", "inet"},
        {"int2", "text"},
        {"int4", "text"},
        {"int8", "text"},
        {"bool", "text"},
    };

    if (from->origin != TYPE_BUILTIN || to->origin != TYPE_BUILTIN || from->array != to->array)
        return false;
    if (strcmp(from->base, to->base) == 0)
        return modifier_widens(from, to);
    for (size_t i = 0; i < sizeof(wider) / sizeof(wider[0]); i++)
        if (strcmp(wider[i].from, from->base) == 0 && strcmp(wider[i].to, to->base) == 0)
            return !to->modifier_count;
    return false;
}

bool type_has_equality(const struct type *type)
{
    static const char *const none[] = {"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"};

    if (type->origin != TYPE_BUILTIN)
        return type->origin == TYPE_USER;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (strcmp(none[i], type->base) == 0)
            return false;
    return true;
}
