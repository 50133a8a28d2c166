/*
 * Source texts and places in them. A span is a pair of byte offsets; only printing turns it into line and column
 * (both 1-based, the column in code points).
 */
#ifndef SPEC_BASE_SOURCE_H
#define SPEC_BASE_SOURCE_H

#include <stdint.h>

#include "spec/base/str.h"

struct arena;

struct source {
    const char *path; /* as shown to the user, relative to the project; '/' on every system */
    struct str text;
    uint32_t *line_starts; /* byte offset of each line's first byte */
    size_t line_count;
};

struct span {
    const struct source *source; /* NULL: no place is known */
    uint32_t start;              /* byte offset of the first byte */
    uint32_t end;                /* byte offset behind the last byte; equal to start for a point */
};

struct location {
    size_t line;   /* 1-based */
    size_t column; /* 1-based, in code points */
};

/* text is not copied and must outlive the source. Texts of 4 GiB or more must be refused before. */
struct source *source_create(struct arena *arena, const char *path, struct str text);
struct location source_locate(const struct source *source, uint32_t offset);
/* The line (1-based) without its line end. */
struct str source_line(const struct source *source, size_t line);
/* Byte offset of a line and column as libraries give them (both 0-based, column in code points), clamped to the text. */
uint32_t source_offset(const struct source *source, size_t line, size_t column);

#endif
