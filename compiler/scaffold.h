/*
 * A new migration at the end of the history, without disturbing a byte of what is there.
 *
 *     if (scaffold_make(&arena, &request, &result, &error)) …   result.text is the whole new text of result.path
 *
 * Where the last entry of `include` is a pattern, and a file of the new id sorts behind all that it matches, the
 * migration gets that file; else it is appended to the file that holds the end of the history. What was made is read
 * again: it holds what was there, and one migration more.
 */
#ifndef COMPILER_SCAFFOLD_H
#define COMPILER_SCAFFOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;

struct scaffold_clock {
    int64_t (*now_ms)(void *context); /* since 1970 */
    void *context;
};

struct scaffold_request {
    const char *file;   /* the project file */
    const char *name;   /* what the migration is called behind its timestamp; NULL: id says it all */
    const char *id;     /* the whole id; NULL: made of the time and the name. Exactly one of the two */
    const char *target; /* NULL: the project's only one */
    struct scaffold_clock clock;
};

struct scaffold {
    const char *path; /* of the file that is written, as the user can name it */
    const char *id;
    size_t line; /* of the new migration, 1-based */
    bool is_new; /* there is no such file yet */
    struct str text;
};

/* exit_status of the error: SPEC where the project has errors or its text takes no appendage, USAGE or IO. */
bool scaffold_make(
    struct arena *arena, const struct scaffold_request *request, struct scaffold *out, struct error *error) MUST_CHECK;

#endif
