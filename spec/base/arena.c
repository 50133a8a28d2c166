#include "spec/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/bug.h"
#include "spec/base/wipe.h"

/*
 * Blocks are zeroed when they are made and when they are used again, not object by object: that is one long memset in
 * place of many short ones. The first is small, for arenas that hold next to nothing, and each is twice the one before.
 */
enum { ARENA_ALIGN = 16, ARENA_FIRST_BYTES = 4 * 1024, ARENA_BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t room = arena->head ? arena->head->size * 2 : ARENA_FIRST_BYTES;
    struct arena_block *block;

    if (room > ARENA_BLOCK_BYTES)
        room = ARENA_BLOCK_BYTES;
    if (room < size)
        room = size;
    block = calloc(1, sizeof(*block) + room);
    if (!block)
        BUG("out of memory");
    block->size = room;
    block->next = arena->head;
    arena->head = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    struct arena_block *block = arena->head;
    size_t size;
    void *result;

    if (size_bytes > SIZE_MAX / 2)
        BUG("allocation of %zu bytes", size_bytes);
    size = (size_bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (!block || block->size - block->used < size)
        block = add_block(arena, size);
    result = block->bytes + block->used;
    block->used += size;
    arena->total_bytes += size;
    return result;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size_bytes)
{
    if (size_bytes && count > SIZE_MAX / 2 / size_bytes)
        BUG("allocation of %zu objects of %zu bytes", count, size_bytes);
    return arena_alloc(arena, count * size_bytes);
}

void *arena_grow(struct arena *arena, const void *old, size_t old_bytes, size_t new_bytes)
{
    void *result = arena_alloc(arena, new_bytes);

    if (old_bytes)
        memcpy(result, old, old_bytes);
    return result;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *result = arena_alloc(arena, len + 1);

    if (len)
        memcpy(result, text, len);
    return result;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list ap)
{
    va_list again;
    int len;
    char *result;

    va_copy(again, ap);
    len = vsnprintf(NULL, 0, format, ap);
    if (len < 0)
        BUG("format '%s'", format);
    result = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(result, (size_t)len + 1, format, again);
    va_end(again);
    return result;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list ap;
    char *result;

    va_start(ap, format);
    result = arena_vprintf(arena, format, ap);
    va_end(ap);
    return result;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = arena->head;

    if (!keep)
        return;
    for (struct arena_block *block = keep->next, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    keep->next = NULL;
    memset(keep->bytes, 0, keep->used);
    keep->used = 0;
    arena->total_bytes = 0;
}

void arena_free(struct arena *arena)
{
    for (struct arena_block *block = arena->head, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->head = NULL;
    arena->total_bytes = 0;
}

void wipe_arena(struct arena *arena)
{
    for (struct arena_block *block = arena->head; block; block = block->next)
        wipe_bytes(block->bytes, block->used);
    arena_free(arena);
}
