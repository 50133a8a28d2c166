#include "spec/base/map.h"

#include <string.h>

#include "spec/base/arena.h"

/* Eight bytes at a time: the multiplication carries each into the bits above it, the shift brings those back. */
static size_t hash_key(struct str key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ key.len;

    for (size_t i = 0; i < key.len; i += sizeof(uint64_t)) {
        size_t left = key.len - i;
        uint64_t word = 0;

        memcpy(&word, key.data + i, left < sizeof(word) ? left : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return (size_t)hash;
}

void map_init(struct map *map, struct arena *arena)
{
    *map = (struct map){.arena = arena};
}

/* The slot that holds key, or the free slot where it belongs. */
static size_t find_slot(const struct map *map, struct str key)
{
    size_t mask = map->slot_count - 1;
    size_t slot = hash_key(key) & mask;

    while (map->slots[slot] && !str_equal(map->entries[map->slots[slot] - 1].key, key))
        slot = (slot + 1) & mask;
    return slot;
}

static void grow(struct map *map)
{
    size_t capacity = map->capacity ? map->capacity * 2 : 8;

    map->entries = arena_grow(map->arena, map->entries, map->count * sizeof(*map->entries), capacity * sizeof(*map->entries));
    map->capacity = capacity;
    map->slot_count = capacity * 2;
    map->slots = ARENA_ARRAY(map->arena, uint32_t, map->slot_count);
    for (size_t i = 0; i < map->count; i++)
        map->slots[find_slot(map, map->entries[i].key)] = (uint32_t)i + 1;
}

static struct map_entry *find(const struct map *map, struct str key)
{
    uint32_t index = map->slot_count ? map->slots[find_slot(map, key)] : 0;

    return index ? &map->entries[index - 1] : NULL;
}

void *map_put(struct map *map, struct str key, void *value)
{
    struct map_entry *entry = find(map, key);
    void *old;

    if (!entry) {
        if (!map->entries || map->count == map->capacity)
            grow(map);
        map->slots[find_slot(map, key)] = (uint32_t)map->count + 1;
        entry = &map->entries[map->count++];
        entry->key = key;
    }
    old = entry->removed ? NULL : entry->value;
    entry->value = value;
    entry->removed = false;
    return old;
}

void *map_get(const struct map *map, struct str key)
{
    const struct map_entry *entry = find(map, key);

    return entry && !entry->removed ? entry->value : NULL;
}

bool map_has(const struct map *map, struct str key)
{
    const struct map_entry *entry = find(map, key);

    return entry && !entry->removed;
}

void *map_remove(struct map *map, struct str key)
{
    struct map_entry *entry = find(map, key);
    void *old;

    if (!entry || entry->removed)
        return NULL;
    old = entry->value;
    entry->value = NULL;
    entry->removed = true;
    return old;
}

bool map_next(const struct map *map, size_t *position, const struct map_entry **entry)
{
    while (*position < map->count && map->entries[*position].removed)
        (*position)++;
    if (*position == map->count)
        return false;
    *entry = &map->entries[(*position)++];
    return true;
}
