#include "compiler/postgres/catalog_state.h"

#include <string.h>

static void save(struct catalog_state *state, void *place, size_t len)
{
    struct saved_bytes block = {place, NULL, len};

    if (!place || !len)
        return;
    block.copy = memcpy(arena_alloc(state->arena, len), place, len);
    VEC_PUSH(state->arena, &state->blocks, block);
}

#define SAVE_LIST(state, vec) save((state), (vec).items, (vec).count * sizeof(*(vec).items))

static void save_map(struct catalog_state *state, const struct map *map)
{
    save(state, map->entries, map->count * sizeof(*map->entries));
    save(state, map->slots, map->slot_count * sizeof(*map->slots));
}

static void save_relation(struct catalog_state *state, struct relation *relation)
{
    save(state, relation, sizeof(*relation));
    save(state, relation->index, sizeof(*relation->index));
    SAVE_LIST(state, relation->columns);
    SAVE_LIST(state, relation->constraints);
    SAVE_LIST(state, relation->indexes);
    SAVE_LIST(state, relation->sequences);
    SAVE_LIST(state, relation->triggers);
    SAVE_LIST(state, relation->extras);
    SAVE_LIST(state, relation->settings);
    SAVE_LIST(state, relation->referenced_by);
    SAVE_LIST(state, relation->read_by);
    SAVE_LIST(state, relation->reads);
    SAVE_LIST(state, relation->read_columns);
    SAVE_LIST(state, relation->children);
    for (size_t i = 0; i < relation->columns.count; i++)
        save(state, relation->columns.items[i], sizeof(struct column));
    for (size_t i = 0; i < relation->constraints.count; i++)
        save(state, relation->constraints.items[i], sizeof(struct constraint));
    for (size_t i = 0; i < relation->triggers.count; i++)
        save(state, relation->triggers.items[i], sizeof(struct trigger));
    for (size_t i = 0; i < relation->extras.count; i++) {
        save(state, relation->extras.items[i], sizeof(struct extra));
        SAVE_LIST(state, relation->extras.items[i]->actions);
    }
}

void catalog_save(struct catalog *catalog, struct arena *arena, struct catalog_state *out)
{
    const struct map *const maps[] = {&catalog->schemas, &catalog->relations, &catalog->types, &catalog->functions,
        &catalog->extensions, &catalog->others, &catalog->access, &catalog->comments, &catalog->dropped};
    const struct map_entry *entry;

    *out = (struct catalog_state){.arena = arena};
    save(out, catalog, sizeof(*catalog));
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        save_map(out, maps[i]);
    for (size_t i = 0; map_next(&catalog->relations, &i, &entry);)
        save_relation(out, entry->value);
    for (size_t i = 0; map_next(&catalog->schemas, &i, &entry);)
        save(out, entry->value, sizeof(struct schema));
    for (size_t i = 0; map_next(&catalog->others, &i, &entry);) {
        struct other *other = entry->value;

        save(out, other, sizeof(*other));
        SAVE_LIST(out, other->actions);
    }
    for (size_t i = 0; map_next(&catalog->access, &i, &entry);) {
        struct access *access = entry->value;

        save(out, access, sizeof(*access));
        SAVE_LIST(out, access->privileges);
    }
    for (size_t i = 0; map_next(&catalog->types, &i, &entry);) {
        struct type_object *type = entry->value;

        save(out, type, sizeof(*type));
        SAVE_LIST(out, type->labels);
        SAVE_LIST(out, type->parts);
        SAVE_LIST(out, type->new_labels);
    }
    for (size_t i = 0; map_next(&catalog->functions, &i, &entry);)
        for (struct function *function = entry->value; function; function = function->next) {
            save(out, function, sizeof(*function));
            SAVE_LIST(out, function->actions);
        }
}

void catalog_restore(const struct catalog_state *state)
{
    for (size_t i = 0; i < state->blocks.count; i++)
        memcpy(state->blocks.items[i].place, state->blocks.items[i].copy, state->blocks.items[i].len);
}
