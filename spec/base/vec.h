/*
 * Typed growable arrays in an arena:
 *
 *     VEC(int) numbers = {0};
 *     VEC_PUSH(&arena, &numbers, 7);
 *     for (size_t i = 0; i < numbers.count; i++) use(numbers.items[i]);
 */
#ifndef SPEC_BASE_VEC_H
#define SPEC_BASE_VEC_H

#include <stddef.h>

#include "spec/base/arena.h"

#define VEC(type)                                                                                                      \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t count;                                                                                                  \
        size_t capacity;                                                                                               \
    }

#define VEC_PUSH(arena, vec, ...)                                                                                      \
    do {                                                                                                               \
        if ((vec)->count >= (vec)->capacity) {                                                                         \
            size_t vec_capacity = (vec)->capacity ? (vec)->capacity * 2 : 8;                                           \
            (vec)->items = arena_grow((arena), (vec)->items, (vec)->count * sizeof(*(vec)->items),                     \
                vec_capacity * sizeof(*(vec)->items));                                                                 \
            (vec)->capacity = vec_capacity;                                                                            \
        }                                                                                                              \
        (vec)->items[(vec)->count++] = (__VA_ARGS__);                                                                  \
    } while (0)

#endif
