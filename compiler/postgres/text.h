/*
 * SQL text that remembers where its pieces were written, so that an error at a byte of the SQL gets its caret under the
 * right character of migrations.yaml or of an SQL file.
 *
 *     struct text_builder builder;
 *     text_begin(&builder, arena, span);
 *     text_add(&builder, "ALTER TABLE ");
 *     text_add_name(&builder, "public.items", name_node);   the whole piece is the whole node
 *     text_add_fragment(&builder, definition_node);         byte for byte
 *     text = text_end(&builder);
 */
#ifndef COMPILER_POSTGRES_TEXT_H
#define COMPILER_POSTGRES_TEXT_H

#include "compiler/yaml.h"
#include "spec/base/vec.h"

struct text_origin {
    size_t start, end;       /* of the piece in the SQL */
    const struct node *node; /* NULL: the piece is all of `source` */
    size_t node_offset;      /* where in the node's text the piece begins */
    const struct source *source;
    bool whole; /* the piece stands for the node as a whole */
};

enum { TEXT_MARKS = 2 };

struct text {
    struct str sql;
    const char *expect; /* it must be one statement with this tag; NULL: any number of any */
    struct {
        size_t start, end; /* a piece that is wanted back with its names qualified; empty: none */
    } marks[TEXT_MARKS];
    struct span fallback; /* for pieces that nobody wrote: the step */
    VEC(struct text_origin) origins;
};

/* Lives in the arena alone: a builder can be left at any time. */
struct text_builder {
    struct arena *arena;
    char *data;
    size_t len;
    size_t capacity;
    struct text text;
};

void text_begin(struct text_builder *builder, struct arena *arena, struct span fallback);
void text_add(struct text_builder *builder, const char *sql);
void text_add_format(struct text_builder *builder, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_name(struct text_builder *builder, const char *quoted, const struct node *node); /* node may be NULL */
/* Puts a line end behind it where it ends in a -- comment. */
void text_add_fragment(struct text_builder *builder, const struct node *node);
void text_add_range(
    struct text_builder *builder, const struct node *node, size_t from, size_t to); /* a part of its text */
/* What is added between the two is a mark. */
void text_begin_mark(struct text_builder *builder, size_t mark);
void text_end_mark(struct text_builder *builder, size_t mark);
struct text *text_end(struct text_builder *builder);

/* A scalar's text as a whole, or a file. */
struct text *text_of_node(struct arena *arena, const struct node *node);
struct text *text_of_source(struct arena *arena, const struct source *source);

/* Where the piece before `at` ends, when nobody wrote what is at `at`; SIZE_MAX otherwise. */
size_t text_written_end(const struct text *text, size_t at);
struct span text_span(const struct text *text, size_t start, size_t end);

#endif
