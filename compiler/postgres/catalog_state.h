/*
 * The catalogue as it is at one moment, to come back to: SQL that undoes a step is folded to see where it leads, and then
 * the history goes on from where it was. Everything is put back in place, so that pointers into the catalogue stay good.
 *
 *     catalog_save(&catalog, &arena, &state);
 *     … fold …
 *     catalog_restore(&state);
 */
#ifndef COMPILER_POSTGRES_CATALOG_STATE_H
#define COMPILER_POSTGRES_CATALOG_STATE_H

#include "compiler/postgres/catalog.h"

struct catalog_state {
    struct arena *arena;
    VEC(struct saved_bytes {
        void *place;
        const void *copy;
        size_t len;
    })
    blocks;
};

void catalog_save(struct catalog *catalog, struct arena *arena, struct catalog_state *out);
void catalog_restore(const struct catalog_state *state);

#endif
