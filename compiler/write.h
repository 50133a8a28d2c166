/* Plan files: written whole or not at all, and compared with what they should be. */
#ifndef COMPILER_WRITE_H
#define COMPILER_WRITE_H

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;

/* Writes beside path and renames, so that no reader ever sees half a plan. Makes path's folder where it is missing. A
 * file that holds the text already is left alone; *changed says whether it was. exit_status of the error is IO. */
bool write_plan_file(
    struct arena *arena, const char *path, struct str text, bool *changed, struct error *error) MUST_CHECK;

/* Whether the file holds exactly text; *line is the first (1-based) that differs, 0 when there is no such file. False
 * with *error filled when it is there and cannot be read. */
bool write_compare(const char *path, struct str text, bool *same, size_t *line, struct error *error) MUST_CHECK;

#endif
