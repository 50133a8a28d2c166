/*
 * The lines of a file or a pipe, one after the other, in the memory of the longest.
 *
 *     struct lines lines = {.fd = STDIN_FILENO, .max_bytes = 1 << 20};
 *     while ((result = lines_next(&lines, &line)) == LINES_LINE) …   the line is lines.number, counted from 1
 *     lines_free(&lines);
 */
#ifndef SPEC_BASE_LINES_H
#define SPEC_BASE_LINES_H

#include "spec/base/str.h"

enum lines_result {
    LINES_LINE,
    LINES_END,
    LINES_FAILED,   /* errno says why */
    LINES_TOO_LONG, /* lines.number is the line that is longer than max_bytes */
};

struct lines {
    int fd;
    size_t max_bytes;
    size_t number;
    /* of lines.c */
    struct strbuf buffer;
    size_t at;
    size_t searched; /* from at on: bytes before it hold no line feed */
    bool ended;
};

/* *out is without its line feed and the carriage return before it, and valid until the next call. What stands behind
 * the last line feed is a line, too. */
enum lines_result lines_next(struct lines *lines, struct str *out);
/* Whether the next line is in memory, so that lines_next() will not wait for it. */
bool lines_ready(struct lines *lines);
void lines_free(struct lines *lines);

#endif
