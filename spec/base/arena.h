/*
 * Bump allocator. Everything allocated from an arena lives until arena_free() or arena_reset(); single objects are
 * never freed. Memory is zeroed. Out of memory aborts.
 *
 *     struct arena arena = ARENA_INIT;
 *     char *name = arena_printf(&arena, "%s_%d", base, n);
 *     arena_free(&arena);
 */
#ifndef SPEC_BASE_ARENA_H
#define SPEC_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *head;
    unsigned char *at; /* the free room of the head */
    size_t left;       /* of it: a multiple of ARENA_ALIGN */
};

enum { ARENA_ALIGN = 16 };

#define ARENA_INIT {0}

#define ARENA_RETURNS_NONNULL __attribute__((returns_nonnull))

void *arena_alloc_block(struct arena *arena, size_t size_bytes) ARENA_RETURNS_NONNULL; /* of arena_alloc() alone */

static inline ARENA_RETURNS_NONNULL void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    unsigned char *result = arena->at;
    size_t size;

    if (!result || size_bytes > arena->left)
        return arena_alloc_block(arena, size_bytes);
    size = (size_bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    arena->at += size;
    arena->left -= size;
    return result;
}

/* Room for count objects of size_bytes each; a product that overflows aborts. */
static inline ARENA_RETURNS_NONNULL void *arena_calloc(struct arena *arena, size_t count, size_t size_bytes)
{
    return arena_alloc(arena, size_bytes && count > SIZE_MAX / 2 / size_bytes ? SIZE_MAX : count * size_bytes);
}

/* Grows an array kept in an arena. The old copy is abandoned, not freed. */
void *arena_grow(struct arena *arena, const void *old, size_t old_bytes, size_t new_bytes) ARENA_RETURNS_NONNULL;
char *arena_strdup(struct arena *arena, const char *text) ARENA_RETURNS_NONNULL;
char *arena_strndup(struct arena *arena, const char *text, size_t len) ARENA_RETURNS_NONNULL;
char *arena_printf(struct arena *arena, const char *format, ...) ARENA_RETURNS_NONNULL
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list ap) ARENA_RETURNS_NONNULL
    __attribute__((format(printf, 2, 0)));
/* Takes over every object of the other arena, which is empty then. */
void arena_join(struct arena *arena, struct arena *other);
/* Forgets every object but keeps one block for reuse. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))

#endif
