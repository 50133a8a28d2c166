/* The codes of diagnostic.def as DIAG_CODE_x, each a `const struct diag_code` for diag_report(). */
#ifndef SPEC_DIAGNOSTIC_H
#define SPEC_DIAGNOSTIC_H

#include "spec/base/diag.h"

enum diag_id {
#define DIAG_ROW(code, severity, title, explain) DIAG_ID_##code,
#include "spec/diagnostic.def"
#undef DIAG_ROW
    DIAG_ID_COUNT,
};

extern const struct diag_code diag_codes[DIAG_ID_COUNT];

/* DIAG(PG014) is the row of that code, for diag_report(). */
#define DIAG(code) (&diag_codes[DIAG_ID_##code])

const struct diag_code *diag_code_find(struct str name); /* NULL when there is none; case is ignored */

#endif
