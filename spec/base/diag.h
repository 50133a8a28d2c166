/*
 * Collected diagnostics about input, each with a code and a place. Nothing is printed while compiling; the command
 * prints the sorted list once:
 *
 *     migrations.yaml:14:7: error[PG014]: table 'invoice' has no column 'totl'
 *        14 |       - drop_column: { table: invoice, name: totl }
 *           |                                                ^~~~
 *       help: did you mean 'total'?
 *
 * The codes themselves are a table of the user of this module (spec/diagnostic.def), registered by diag_codes.
 */
#ifndef SPEC_BASE_DIAG_H
#define SPEC_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/source.h"
#include "spec/base/vec.h"

enum diag_severity { DIAG_SEVERITY_ERROR, DIAG_SEVERITY_WARNING, DIAG_SEVERITY_INFO };

struct diag_code {
    const char *name; /* "PG014" */
    enum diag_severity severity;
    const char *title;   /* one line, for lists and `explain` */
    const char *explain; /* what it means, why it matters, how to mend it; paragraphs separated by blank lines */
};

struct diag_note {
    struct span span; /* source NULL: text alone */
    const char *text;
};

struct diag {
    const struct diag_code *code;
    enum diag_severity severity;
    struct span span;
    const char *message;
    VEC(struct diag_note) notes; /* further places: "first defined here" */
    VEC(const char *) help;      /* how to mend it */
    size_t order;                /* of reporting; the last sort key */
};

struct diag_list {
    struct arena *arena;
    VEC(struct diag *) items;
    size_t error_count;
    size_t warning_count;
};

void diag_list_init(struct diag_list *list, struct arena *arena);
/* Adds a diagnostic and returns it, for notes and help. Messages: lower case, no final stop, subjects in '...'. */
struct diag *diag_report(struct diag_list *list, const struct diag_code *code, struct span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_add_note(struct diag_list *list, struct diag *diag, struct span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_add_help(struct diag_list *list, struct diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* By path, offset, code, order of reporting. Two with the same code, place and message become one. */
void diag_list_sort(struct diag_list *list);
/* The text form above, every diagnostic of the list, without a summary line. Control characters of the source are
 * shown as '?', so that input cannot drive a terminal. */
void diag_list_print(const struct diag_list *list, struct strbuf *out);
const char *diag_severity_name(enum diag_severity severity);

#endif
