#include <string.h>

#include "compiler/yaml.h"
#include "spec/base/arena.h"

static const struct node_member *find_member(const struct node *mapping, const char *key)
{
    if (!mapping || mapping->kind != NODE_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->count; i++)
        if (str_is(mapping->members[i].key->text, key))
            return &mapping->members[i];
    return NULL;
}

struct node *node_get(const struct node *mapping, const char *key)
{
    const struct node_member *member = find_member(mapping, key);

    return member ? member->value : NULL;
}

struct node *node_get_key(const struct node *mapping, const char *key)
{
    const struct node_member *member = find_member(mapping, key);

    return member ? member->key : NULL;
}

struct str node_text(const struct node *node)
{
    return node && node->kind == NODE_SCALAR ? node->text : STR("");
}

const char *node_string(struct arena *arena, const struct node *node)
{
    return node && node->kind == NODE_SCALAR ? arena_strndup(arena, node->text.data, node->text.len) : NULL;
}

static bool is_plain(const struct node *node)
{
    return node && node->kind == NODE_SCALAR && node->style == NODE_STYLE_PLAIN;
}

bool node_is_null(const struct node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (!is_plain(node))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (str_is(node->text, words[i]))
            return true;
    return false;
}

bool node_to_bool(const struct node *node, bool *out)
{
    if (!is_plain(node))
        return false;
    *out = str_is(node->text, "true");
    return *out || str_is(node->text, "false");
}

bool node_to_i64(const struct node *node, int64_t *out)
{
    struct str digits;

    if (!is_plain(node))
        return false;
    digits = node->text;
    if (str_starts_with(digits, "-")) {
        digits.data++;
        digits.len--;
    }
    /* 010 was eight in YAML 1.1 and is ten in 1.2: better neither. */
    if (digits.len > 1 && digits.data[0] == '0')
        return false;
    return str_to_i64(node->text, out);
}

static size_t skip_digits(struct str text, size_t i)
{
    while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9')
        i++;
    return i;
}

/* The grammar of RFC 8259, section 6. */
static bool is_json_number(struct str text)
{
    size_t i = text.len && text.data[0] == '-' ? 1 : 0, start = i;

    i = skip_digits(text, i);
    if (i == start || (text.data[start] == '0' && i - start > 1))
        return false;
    if (i < text.len && text.data[i] == '.') {
        start = ++i;
        i = skip_digits(text, i);
        if (i == start)
            return false;
    }
    if (i < text.len && (text.data[i] == 'e' || text.data[i] == 'E')) {
        i++;
        if (i < text.len && (text.data[i] == '+' || text.data[i] == '-'))
            i++;
        start = i;
        i = skip_digits(text, i);
        if (i == start)
            return false;
    }
    return i == text.len;
}

static struct json *scalar_to_json(struct arena *arena, const struct node *node)
{
    bool value;

    if (node_is_null(node))
        return json_new(arena, JSON_NULL);
    if (node_to_bool(node, &value))
        return json_new_bool(arena, value);
    if (is_plain(node) && is_json_number(node->text))
        return json_new_number(arena, node->text);
    return json_new_string(arena, node->text);
}

/* Recursion is bounded by YAML_DEPTH_MAX. */
struct json *node_to_json(struct arena *arena, const struct node *node)
{
    struct json *json;

    if (!node)
        return NULL;
    switch (node->kind) {
    case NODE_SCALAR:
        return scalar_to_json(arena, node);
    case NODE_SEQUENCE:
        json = json_new(arena, JSON_ARRAY);
        for (size_t i = 0; i < node->count; i++)
            json_append(json, node_to_json(arena, node->items[i]));
        return json;
    case NODE_MAPPING:
        json = json_new(arena, JSON_OBJECT);
        for (size_t i = 0; i < node->count; i++) {
            const struct node_member *member = &node->members[i];

            json_set(arena, json, member->key->text.data, node_to_json(arena, member->value));
        }
        return json;
    }
    return NULL;
}
