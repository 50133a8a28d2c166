/*
 * A plan as lines: for comparing plans without reading all of them. The bytes are checked against the trailer; single
 * lines are then read (and checked as strictly as plan_read() does, references apart) on demand.
 */
#ifndef SPEC_PLAN_LINES_H
#define SPEC_PLAN_LINES_H

#include "spec/plan.h"

enum plan_line_kind { PLAN_LINE_HEADER, PLAN_LINE_MIGRATION, PLAN_LINE_STEP };

struct plan_line {
    enum plan_line_kind kind;
    struct str id;   /* of a migration or step as it is written, escapes and all; a view into text */
    struct str text; /* without LF, but NUL-terminated */
    size_t number;   /* 1-based */
};

struct plan_lines {
    const char *path;
    struct plan_line *items; /* the first is the header */
    size_t count;
    char digest[65];
};

bool plan_lines_load(struct arena *arena, const char *path, struct plan_lines *out, struct error *error) MUST_CHECK;
/* The line's structure (a struct plan with its header's members, struct plan_migration or struct plan_step, as its kind
 * says) and its JSON. */
bool plan_lines_read(struct arena *arena, const struct plan_lines *lines, size_t index, void *out,
    const struct json **tree, struct error *error) MUST_CHECK;

#endif
