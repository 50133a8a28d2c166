/* The conjunction on the old side, and what can be read off one subschema. */
#include <string.h>

#include "spec/base/arena.h"
#include "spec/event/compat_set.h"
#include "spec/event/pattern.h"

/* --- one subschema ------------------------------------------------------------------------------------------------ */

const struct json *compat_member(const struct json *object, struct str name)
{
    if (!json_is(object, JSON_OBJECT))
        return NULL;
    for (const struct json *child = object->child; child; child = child->next) {
        if (str_equal(child->key, name))
            return child;
    }
    return NULL;
}

static unsigned type_bits(struct str name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {
        {"null", COMPAT_NULL},
        {"boolean", COMPAT_BOOLEAN},
        {"object", COMPAT_OBJECT},
        {"array", COMPAT_ARRAY},
        {"string", COMPAT_STRING},
        {"integer", COMPAT_INTEGER},
        {"number", COMPAT_INTEGER | COMPAT_FRACTION},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (str_is(name, types[i].name))
            return types[i].bits;
    }
    return 0;
}

static unsigned value_bits(const struct json *value)
{
    struct decimal number;

    switch (value->type) {
    case JSON_NULL:
        return COMPAT_NULL;
    case JSON_FALSE:
    case JSON_TRUE:
        return COMPAT_BOOLEAN;
    case JSON_STRING:
        return COMPAT_STRING;
    case JSON_ARRAY:
        return COMPAT_ARRAY;
    case JSON_OBJECT:
        return COMPAT_OBJECT;
    case JSON_NUMBER:
        break;
    }
    return decimal_parse(value->text, &number) && decimal_is_integer(&number) ? COMPAT_INTEGER : COMPAT_FRACTION;
}

unsigned compat_types_of(const struct json *schema)
{
    const struct json *type = json_get(schema, "type");
    const struct json *constant = json_get(schema, "const");
    const struct json *values = json_get(schema, "enum");
    unsigned bits = COMPAT_ALL;

    if (json_is(schema, JSON_FALSE))
        return 0;
    if (json_is(type, JSON_STRING))
        bits = type_bits(type->text);
    if (json_is(type, JSON_ARRAY)) {
        bits = 0;
        for (const struct json *item = type->child; item; item = item->next)
            bits |= type_bits(json_text(item));
    }
    if (constant)
        bits &= value_bits(constant);
    if (json_is(values, JSON_ARRAY)) {
        unsigned listed = 0;

        for (const struct json *item = values->child; item; item = item->next)
            listed |= value_bits(item);
        bits &= listed;
    }
    return bits;
}

const struct json *compat_target(const struct json_schema *set, const struct json *schema, const char *keyword)
{
    const struct schema_node *node;
    bool is_ref = !strcmp(keyword, "$ref");

    if (!json_get(schema, keyword))
        return NULL;
    node = map_get(&set->nodes, (struct str){(const char *)&schema, sizeof(schema)});
    /* A dynamic reference is compared by where it points at rest. */
    node = node ? (is_ref ? node->ref : node->dynamic_ref) : NULL;
    return node ? node->place->json : NULL;
}

const struct json *compat_rest_of_object(const struct json *schema, const char **keyword)
{
    const struct json *rest = json_get(schema, *keyword = "additionalProperties");

    return rest ? rest : json_get(schema, *keyword = "unevaluatedProperties");
}

const struct json *compat_rest_of_array(const struct json *schema, const char **keyword)
{
    const struct json *rest = json_get(schema, *keyword = "items");

    return rest ? rest : json_get(schema, *keyword = "unevaluatedItems");
}

bool compat_pattern_matches(struct str pattern, struct str text)
{
    struct arena scratch = ARENA_INIT;
    struct regex_error error;
    const struct regex *regex = pattern_compile(&scratch, pattern, &error);
    uint64_t work = REGEX_WORK_MAX;
    bool matches = regex && regex_search(regex, text, &work) == REGEX_MATCH;

    arena_free(&scratch);
    return matches;
}

bool compat_pattern_is_trivial(struct str pattern)
{
    /* Not anchored and content with the empty text, it is found at the start of every text. */
    for (size_t i = 0; i < pattern.len; i++) {
        if (strchr("^$(\\", pattern.data[i]))
            return false;
    }
    return compat_pattern_matches(pattern, STR(""));
}

static bool speaks_here(const struct json *schema, struct str name)
{
    const struct json *patterns = json_get(schema, "patternProperties");

    if (compat_member(json_get(schema, "properties"), name))
        return true;
    for (const struct json *item = json_is(patterns, JSON_OBJECT) ? patterns->child : NULL; item; item = item->next) {
        if (compat_pattern_matches(item->key, name))
            return true;
    }
    return false;
}

static bool speaks_of(
    const struct json_schema *set, const struct json *schema, struct str name, bool surely, size_t depth)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    static const char *const singles[] = {"if", "then", "else"};
    static const char *const references[] = {"$ref", "$dynamicRef"};

    if (depth > 8)
        return !surely;
    if (speaks_here(schema, name))
        return true;
    for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++) {
        const struct json *target = compat_target(set, schema, references[i]);

        if (target && speaks_of(set, target, name, surely, depth + 1))
            return true;
    }
    for (size_t i = 0; i < (surely ? 1 : sizeof(lists) / sizeof(*lists)); i++) {
        const struct json *list = json_get(schema, lists[i]);

        for (const struct json *item = json_is(list, JSON_ARRAY) ? list->child : NULL; item; item = item->next) {
            if (speaks_of(set, item, name, surely, depth + 1))
                return true;
        }
    }
    for (size_t i = 0; !surely && i < sizeof(singles) / sizeof(*singles); i++) {
        const struct json *single = json_get(schema, singles[i]);

        if (single && speaks_of(set, single, name, surely, depth + 1))
            return true;
    }
    return !surely && json_get(schema, "dependentSchemas");
}

bool compat_speaks_of(const struct json_schema *set, const struct json *schema, struct str name, bool surely)
{
    return speaks_of(set, schema, name, surely, 0);
}

/* --- the conjunction ---------------------------------------------------------------------------------------------- */

void compat_old_init(struct compat_old *old)
{
    memset(old, 0, sizeof(*old));
    old->types = COMPAT_ALL;
}

void compat_old_add(struct compat *compat, struct compat_old *old, const struct json *schema)
{
    static const char *const references[] = {"$ref", "$dynamicRef"};
    const struct json *members;

    if (json_is(schema, JSON_FALSE))
        old->never = true;
    if (!json_is(schema, JSON_OBJECT) || !schema->count)
        return;
    for (size_t i = 0; i < old->count; i++) {
        if (old->atoms[i].json == schema)
            return;
    }
    if (old->count == COMPAT_ATOMS_MAX) {
        old->overflow = true;
        return;
    }
    old->atoms[old->count++] = (struct compat_atom){schema, 0};
    old->types &= compat_types_of(schema);
    for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++) {
        const struct json *target = compat_target(compat->old_set, schema, references[i]);

        if (target)
            compat_old_add(compat, old, target);
    }
    members = json_get(schema, "allOf");
    for (const struct json *member = json_is(members, JSON_ARRAY) ? members->child : NULL; member;
         member = member->next)
        compat_old_add(compat, old, member);
}

const struct compat_atom *compat_old_with(
    const struct compat_old *old, const char *keyword, size_t *position, const struct json **value)
{
    while (*position < old->count) {
        const struct compat_atom *atom = &old->atoms[(*position)++];

        *value = json_get(atom->json, keyword);
        if (*value)
            return atom;
    }
    return NULL;
}

bool compat_old_requires(const struct compat_old *old, struct str name)
{
    const struct json *required;

    for (size_t i = 0; compat_old_with(old, "required", &i, &required);) {
        for (const struct json *item = json_is(required, JSON_ARRAY) ? required->child : NULL; item;
             item = item->next) {
            if (str_equal(json_text(item), name))
                return true;
        }
    }
    return false;
}

const char *compat_old_pointer(const struct compat *compat, const struct compat_old *old, const char *keyword)
{
    const struct json *value;
    size_t i = 0;
    const struct compat_atom *atom = *keyword ? compat_old_with(old, keyword, &i, &value) : NULL;

    if (atom)
        return compat_pointer(compat, compat->old_set, atom->json, keyword);
    return old->count ? compat_pointer(compat, compat->old_set, old->atoms[0].json, "") : "";
}

void compat_old_property(struct compat *compat, const struct compat_old *old, struct str name, struct compat_old *out)
{
    compat_old_init(out);
    for (size_t i = 0; i < old->count; i++) {
        const struct json *schema = old->atoms[i].json;
        const struct json *property = compat_member(json_get(schema, "properties"), name);
        const struct json *patterns = json_get(schema, "patternProperties");
        const char *keyword;
        const struct json *rest = compat_rest_of_object(schema, &keyword);
        bool listed = property != NULL;

        if (property)
            compat_old_add(compat, out, property);
        for (const struct json *item = json_is(patterns, JSON_OBJECT) ? patterns->child : NULL; item;
             item = item->next) {
            if (compat_pattern_matches(item->key, name)) {
                listed = true;
                compat_old_add(compat, out, item);
            }
        }
        if (!listed && rest && (keyword[0] == 'a' || !compat_speaks_of(compat->old_set, schema, name, false)))
            compat_old_add(compat, out, rest);
    }
}

/* May keywords beside it count elements as evaluated, so that unevaluatedItems does not see them? */
static bool evaluates_elements_beside(const struct json *schema)
{
    static const char *const keywords[] = {
        "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "contains"};

    for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++) {
        if (json_get(schema, keywords[i]))
            return true;
    }
    return false;
}

void compat_old_element(struct compat *compat, const struct compat_old *old, size_t index, struct compat_old *out)
{
    compat_old_init(out);
    for (size_t i = 0; i < old->count; i++) {
        const struct json *schema = old->atoms[i].json;
        const struct json *element = json_at(json_get(schema, "prefixItems"), index);
        const char *keyword;
        const struct json *rest = compat_rest_of_array(schema, &keyword);

        if (element)
            compat_old_add(compat, out, element);
        else if (rest && (keyword[0] == 'i' || !evaluates_elements_beside(schema)))
            compat_old_add(compat, out, rest);
    }
}
