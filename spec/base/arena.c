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
enum { ARENA_FIRST_BYTES = 4 * 1024, ARENA_BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* a multiple of ARENA_ALIGN */
    _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

void *arena_alloc_block(struct arena *arena, size_t size_bytes)
{
    size_t size = (size_bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    size_t room = arena->head ? arena->head->size * 2 : ARENA_FIRST_BYTES;
    struct arena_block *block;

    if (size_bytes > SIZE_MAX / 2)
        BUG("allocation of %zu bytes", size_bytes);
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
    arena->at = block->bytes + size;
    arena->left = room - size;
    return block->bytes;
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

/* Written into what the block has left; a text that does not fit is written again, where it does. */
char *arena_vprintf(struct arena *arena, const char *format, va_list ap)
{
    unsigned char *rest = arena->at;
    size_t room = arena->left;
    va_list again;
    int len;
    char *result;

    va_copy(again, ap);
    len = vsnprintf((char *)rest, room, format, ap);
    if (len < 0)
        BUG("format '%s'", format);
    if ((size_t)len >= room && room)
        memset(rest, 0, room);
    result = arena_alloc(arena, (size_t)len + 1);
    if ((size_t)len >= room)
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

void arena_join(struct arena *arena, struct arena *other)
{
    struct arena_block *last = other->head;

    if (!arena->head) {
        *arena = *other;
    } else if (last) {
        while (last->next)
            last = last->next;
        last->next = arena->head->next; /* what is left of the first block stays in use */
        arena->head->next = other->head;
    }
    *other = (struct arena)ARENA_INIT;
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
    memset(keep->bytes, 0, keep->size - arena->left);
    arena->at = keep->bytes;
    arena->left = keep->size;
}

void arena_free(struct arena *arena)
{
    for (struct arena_block *block = arena->head, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    *arena = (struct arena)ARENA_INIT;
}

void wipe_arena(struct arena *arena)
{
    for (struct arena_block *block = arena->head; block; block = block->next)
        wipe_bytes(block->bytes, block->size);
    arena_free(arena);
}
