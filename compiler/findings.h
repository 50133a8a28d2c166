/* Diagnostics in the forms that people and tools read. */
#ifndef COMPILER_FINDINGS_H
#define COMPILER_FINDINGS_H

#include "spec/base/diag.h"

enum findings_format { FINDINGS_TEXT, FINDINGS_JSON, FINDINGS_GITHUB };

bool findings_format_from_name(const char *name, enum findings_format *out); /* NULL: text */

/*
 * The sorted list. text: each with its source line, and a summary; json: one document; github: a workflow command each.
 * folder: what stands before a path to reach it from the working directory, "." or "" for nothing.
 */
void findings_print(const struct diag_list *list, enum findings_format format, const char *folder, struct strbuf *out);

#endif
