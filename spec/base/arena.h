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

struct arena_block;

struct arena {
    struct arena_block *head;
    size_t total_bytes; /* handed out so far */
};

#define ARENA_INIT {0}

#define ARENA_RETURNS_NONNULL __attribute__((returns_nonnull))

void *arena_alloc(struct arena *arena, size_t size_bytes) ARENA_RETURNS_NONNULL;
/* Room for count objects of size_bytes each; a product that overflows aborts. */
void *arena_calloc(struct arena *arena, size_t count, size_t size_bytes) ARENA_RETURNS_NONNULL;
/* Grows an array kept in an arena. The old copy is abandoned, not freed. */
void *arena_grow(struct arena *arena, const void *old, size_t old_bytes, size_t new_bytes) ARENA_RETURNS_NONNULL;
char *arena_strdup(struct arena *arena, const char *text) ARENA_RETURNS_NONNULL;
char *arena_strndup(struct arena *arena, const char *text, size_t len) ARENA_RETURNS_NONNULL;
char *arena_printf(struct arena *arena, const char *format, ...) ARENA_RETURNS_NONNULL
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list ap) ARENA_RETURNS_NONNULL
    __attribute__((format(printf, 2, 0)));
/* Forgets every object but keeps one block for reuse. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))

#endif
