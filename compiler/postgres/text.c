#include "compiler/postgres/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "compiler/postgres/lex.h"

void text_begin(struct text_builder *builder, struct arena *arena, struct span fallback)
{
    *builder = (struct text_builder){.arena = arena};
    builder->text.fallback = fallback;
}

static void append(struct text_builder *builder, struct str piece)
{
    if (builder->len + piece.len + 1 > builder->capacity) {
        size_t capacity = 2 * (builder->len + piece.len) + 128;

        builder->data = arena_grow(builder->arena, builder->data, builder->len, capacity);
        builder->capacity = capacity;
    }
    if (piece.len)
        memcpy(builder->data + builder->len, piece.data, piece.len);
    builder->len += piece.len;
    builder->data[builder->len] = '\0';
}

void text_add(struct text_builder *builder, const char *sql)
{
    append(builder, str_from(sql));
}

void text_add_format(struct text_builder *builder, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    append(builder, str_from(arena_vprintf(builder->arena, format, ap)));
    va_end(ap);
}

void text_add_name(struct text_builder *builder, const char *quoted, const struct node *node)
{
    struct text_origin origin = {.start = builder->len, .node = node, .whole = true};

    append(builder, str_from(quoted));
    origin.end = builder->len;
    if (node)
        VEC_PUSH(builder->arena, &builder->text.origins, origin);
}

void text_add_range(struct text_builder *builder, const struct node *node, size_t from, size_t to)
{
    struct text_origin origin = {.start = builder->len, .node = node, .node_offset = from};
    struct lexer lexer = {.text = {node_text(node).data + from, to - from}};

    append(builder, lexer.text);
    origin.end = builder->len;
    VEC_PUSH(builder->arena, &builder->text.origins, origin);
    while (lex_next(&lexer).kind != LEX_END)
        continue;
    if (lexer.line_comment)
        append(builder, STR("\n"));
}

void text_add_fragment(struct text_builder *builder, const struct node *node)
{
    text_add_range(builder, node, 0, node_text(node).len);
}

void text_begin_mark(struct text_builder *builder, size_t mark)
{
    builder->text.marks[mark].start = builder->len;
}

void text_end_mark(struct text_builder *builder, size_t mark)
{
    builder->text.marks[mark].end = builder->len;
}

struct text *text_end(struct text_builder *builder)
{
    struct text *text = ARENA_NEW(builder->arena, struct text);

    *text = builder->text;
    append(builder, STR(""));
    text->sql = (struct str){builder->data, builder->len};
    return text;
}

struct text *text_of_node(struct arena *arena, const struct node *node)
{
    struct text *text = ARENA_NEW(arena, struct text);
    struct text_origin origin = {.node = node};

    text->sql = node_text(node);
    text->fallback = node->span;
    origin.end = text->sql.len;
    VEC_PUSH(arena, &text->origins, origin);
    return text;
}

struct text *text_of_source(struct arena *arena, const struct source *source)
{
    struct text *text = ARENA_NEW(arena, struct text);
    struct text_origin origin = {.source = source};

    text->sql = source->text;
    text->fallback = (struct span){source, 0, 0};
    origin.end = text->sql.len;
    VEC_PUSH(arena, &text->origins, origin);
    return text;
}

size_t text_written_end(const struct text *text, size_t at)
{
    size_t end = SIZE_MAX;

    for (size_t i = 0; i < text->origins.count; i++) {
        const struct text_origin *origin = &text->origins.items[i];

        if (at >= origin->start && at < origin->end)
            return SIZE_MAX;
        if (origin->end <= at && !origin->whole)
            end = origin->end;
    }
    return end;
}

struct span text_span(const struct text *text, size_t start, size_t end)
{
    if (end < start)
        end = start;
    for (size_t i = 0; i < text->origins.count; i++) {
        const struct text_origin *origin = &text->origins.items[i];

        /* an error at the very end of a piece belongs to it: "definition ends too early" */
        if (start < origin->start || start > origin->end)
            continue;
        if (start == origin->end && i + 1 < text->origins.count && text->origins.items[i + 1].start == start)
            continue;
        if (end > origin->end)
            end = origin->end;
        if (origin->whole)
            return origin->node->span;
        if (origin->node)
            return node_text_span(
                origin->node, origin->node_offset + start - origin->start, origin->node_offset + end - origin->start);
        return (struct span){origin->source, (uint32_t)start, (uint32_t)end};
    }
    return text->fallback;
}
