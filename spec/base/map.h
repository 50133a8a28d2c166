/*
 * Map from byte strings to pointers, kept in an arena. Iteration is in order of insertion, so that nothing printed
 * from a map depends on hashes. Keys are not copied: they must live as long as the map.
 */
#ifndef SPEC_BASE_MAP_H
#define SPEC_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/str.h"

struct map_entry {
    struct str key;
    void *value; /* NULL after map_remove() */
    bool removed;
};

struct map_slot {
    uint32_t hash; /* of the key: most that are not the one are told apart without being read */
    uint32_t index; /* + 1 into entries, 0 is free */
};

struct map {
    struct arena *arena;
    struct map_entry *entries; /* entries[0..count), in order of insertion, removed ones included */
    size_t count;
    size_t capacity;
    struct map_slot *slots; /* open addressing */
    size_t slot_count;
};

void map_init(struct map *map, struct arena *arena);
/* Sets or replaces. Returns the value that was there before, or NULL. */
void *map_put(struct map *map, struct str key, void *value);
void *map_get(const struct map *map, struct str key); /* NULL when absent */
bool map_has(const struct map *map, struct str key);
void *map_remove(struct map *map, struct str key); /* the value that was there, or NULL */

/* for (size_t i = 0; map_next(&map, &i, &entry);) */
bool map_next(const struct map *map, size_t *position, const struct map_entry **entry);

#endif
