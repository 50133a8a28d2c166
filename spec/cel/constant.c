#include "spec/cel/constant.h"

#include "spec/base/arena.h"
#include "spec/base/map.h"

static bool is_constant(const struct cel_node *node)
{
    for (size_t i = 0; i < node->args.count; i++)
        if (node->args.items[i]->kind != CEL_NODE_LITERAL || node->args.items[i]->optional_entry)
            return false;
    return true;
}

static bool is_key(const struct cel_value *value)
{
    return value->kind == CEL_STRING || value->kind == CEL_BOOL || value->kind == CEL_INT || value->kind == CEL_UINT;
}

void cel_constant_fold(struct arena *arena, struct cel_node *node)
{
    size_t count = node->args.count;

    if (!is_constant(node))
        return;
    if (node->kind == CEL_NODE_LIST) {
        struct cel_value *items = ARENA_ARRAY(arena, struct cel_value, count);

        for (size_t i = 0; i < count; i++)
            items[i] = node->args.items[i]->literal;
        node->literal = (struct cel_value){.kind = CEL_LIST, .as.list = {items, count}};
    } else {
        struct cel_entry *entries = ARENA_ARRAY(arena, struct cel_entry, count / 2);

        for (size_t i = 0; i < count; i += 2) {
            if (!is_key(&node->args.items[i]->literal))
                return;
            entries[i / 2] = (struct cel_entry){node->args.items[i]->literal, node->args.items[i + 1]->literal};
        }
        node->literal = (struct cel_value){.kind = CEL_MAP, .as.map = {entries, count / 2}};
    }
    node->kind = CEL_NODE_LITERAL;
}

const struct cel_node *cel_constant_duplicate_key(const struct cel_node *map)
{
    struct arena arena = ARENA_INIT;
    const struct cel_node *duplicate = NULL;
    struct map seen;

    map_init(&seen, &arena);
    for (size_t i = 0; i < map->args.count && !duplicate; i += 2) {
        const struct cel_node *key = map->args.items[i];
        struct strbuf text = STRBUF_INIT;

        if (key->kind != CEL_NODE_LITERAL || !is_key(&key->literal))
            continue;
        /* Strings are printed in quotes, so only numbers meet: 1 and 1u are the same key. */
        cel_print(&key->literal, &text);
        if (key->literal.kind == CEL_UINT)
            text.len--;
        if (map_put(&seen, strbuf_copy(&text, &arena), &arena))
            duplicate = key;
        strbuf_free(&text);
    }
    arena_free(&arena);
    return duplicate;
}
