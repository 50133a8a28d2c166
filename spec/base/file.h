/* Reading whole files. */
#ifndef SPEC_BASE_FILE_H
#define SPEC_BASE_FILE_H

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;

/* Reads a regular file or a pipe into the arena. More than max_bytes is an error; exit_status is that of any error. */
bool file_read(struct arena *arena, const char *path, size_t max_bytes, int exit_status, struct str *out,
    struct error *error) MUST_CHECK;

#endif
