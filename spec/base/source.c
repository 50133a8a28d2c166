#include "spec/base/source.h"

#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/vec.h"

struct source *source_create(struct arena *arena, const char *path, struct str text)
{
    struct source *source = ARENA_NEW(arena, struct source);
    VEC(uint32_t) starts = {0};

    VEC_PUSH(arena, &starts, 0);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\n')
            VEC_PUSH(arena, &starts, (uint32_t)(i + 1));
    source->path = arena_strdup(arena, path);
    source->text = text;
    source->line_starts = starts.items;
    source->line_count = starts.count;
    return source;
}

struct location source_locate(const struct source *source, uint32_t offset)
{
    size_t low = 0, high = source->line_count;
    uint32_t start;

    if (offset > source->text.len)
        offset = (uint32_t)source->text.len;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (source->line_starts[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    start = source->line_starts[low];
    return (struct location){low + 1, utf8_count(source->text.data + start, offset - start) + 1};
}

struct str source_line(const struct source *source, size_t line)
{
    uint32_t start, end;

    if (line == 0 || line > source->line_count)
        return STR("");
    start = source->line_starts[line - 1];
    end = line < source->line_count ? source->line_starts[line] : (uint32_t)source->text.len;
    while (end > start && (source->text.data[end - 1] == '\n' || source->text.data[end - 1] == '\r'))
        end--;
    return (struct str){source->text.data + start, end - start};
}

uint32_t source_offset(const struct source *source, size_t line, size_t column)
{
    uint32_t offset;

    if (line >= source->line_count)
        return (uint32_t)source->text.len;
    offset = source->line_starts[line];
    while (column > 0 && offset < source->text.len) {
        offset++;
        while (offset < source->text.len && ((unsigned char)source->text.data[offset] & 0xC0) == 0x80)
            offset++;
        column--;
    }
    return offset;
}
