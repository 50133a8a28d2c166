/* Standard output: whether it takes colours, and results written to it. */
#ifndef SPEC_TERMINAL_H
#define SPEC_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "spec/base/str.h"

/* A terminal that is not dumb, where NO_COLOR (https://no-color.org) is not set. */
bool terminal_has_colour(FILE *file);
/* Writes to stdout; false, reported on stderr, when that fails (a full disk). */
bool terminal_write(struct str text);

#endif
