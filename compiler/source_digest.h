/*
 * source_digest: what was authored, so that a changed step that was applied already is noticed, and a changed layout is
 * not. It covers the step's kind and body after parsing and before variables, SQL files by their content; not its name,
 * nor anything that its migration says (description, phase, allowances), nor the order of keys, comments, quotes, the
 * blanks around SQL.
 */
#ifndef COMPILER_SOURCE_DIGEST_H
#define COMPILER_SOURCE_DIGEST_H

#include "compiler/project.h"

/* step: as authored, its variables not replaced. In arena, hexadecimal. Files that cannot be read are diagnosed. */
const char *source_digest(struct arena *arena, const struct project *project, enum engine engine,
    const struct project_step *step, struct diag_list *diags);

#endif
