#include "spec/base/map.h"

#include <string.h>

#include "spec/base/arena.h"

/* Eight bytes at a time: the multiplication carries each into the bits above it, the shift brings those back. */
static uint32_t hash_key(struct str key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ key.len;

    for (size_t i = 0; i < key.len; i += sizeof(uint64_t)) {
        size_t left = key.len - i;
        uint64_t word = 0;

        memcpy(&word, key.data + i, left < sizeof(word) ? left : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

void map_init(struct map *map, struct arena *arena)
{
    *map = (struct map){.arena = arena};
}

/* The slot that holds key, or the free slot where it belongs; the map has slots. */
static struct map_slot *find_slot(const struct map *map, struct str key, uint32_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t at = hash & mask;

    while (map->slots[at].index &&
           (map->slots[at].hash != hash || !str_equal(map->entries[map->slots[at].index - 1].key, key)))
        at = (at + 1) & mask;
    return &map->slots[at];
}

static void grow(struct map *map)
{
    const struct map_slot *old = map->slots;
    size_t old_count = map->slot_count, capacity = map->capacity ? map->capacity * 2 : 8;

    map->entries = arena_grow(map->arena, map->entries, map->count * sizeof(*map->entries), capacity * sizeof(*map->entries));
    map->capacity = capacity;
    map->slot_count = capacity * 2;
    map->slots = ARENA_ARRAY(map->arena, struct map_slot, map->slot_count);
    for (size_t i = 0; i < old_count; i++) {
        size_t at = old[i].hash & (map->slot_count - 1);

        if (!old[i].index)
            continue;
        while (map->slots[at].index)
            at = (at + 1) & (map->slot_count - 1);
        map->slots[at] = old[i];
    }
}

static struct map_entry *find(const struct map *map, struct str key)
{
    uint32_t index = map->slot_count ? find_slot(map, key, hash_key(key))->index : 0;

    return index ? &map->entries[index - 1] : NULL;
}

void *map_put(struct map *map, struct str key, void *value)
{
    uint32_t hash = hash_key(key);
    struct map_slot *slot;
    struct map_entry *entry;
    void *old;

    if (!map->slot_count)
        grow(map);
    slot = find_slot(map, key, hash);
    if (!slot->index) {
        if (map->count == map->capacity) {
            grow(map);
            slot = find_slot(map, key, hash);
        }
        *slot = (struct map_slot){hash, (uint32_t)map->count + 1};
        map->entries[map->count++].key = key;
    }
    entry = &map->entries[slot->index - 1];
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
