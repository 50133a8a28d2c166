/*
 * Plans as people read them: on a terminal (also `apply --dry-run`) and in a pull request. Everything that comes from the
 * plan is printed through printable.h.
 */
#ifndef SPEC_PLAN_TEXT_H
#define SPEC_PLAN_TEXT_H

#include <stdbool.h>

#include "spec/plan.h"

struct plan_text_options {
    bool colour; /* terminal view alone */
    /* Which steps are shown; NULL: all. Steps keep their numbers, and migrations without a step are left out. */
    bool (*selects)(const struct plan_step *step, const void *context);
    const void *context;
};

void plan_text_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options);
void plan_markdown_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options);
/* The PostgreSQL part as a script: BEGIN and COMMIT around groups, the rest as comments. To read, not to run. */
void plan_sql_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options);
/* A flowchart of the migrations, for Mermaid. */
void plan_mermaid_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options);
/* One JSON document, with the steps inside their migrations. */
void plan_json_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options);

/* "3 steps in 1 migration on 1 target", then "undo: …", "locks: …" and so on, each a line with its LF. */
void plan_summary_print(struct strbuf *out, const struct plan *plan, const struct plan_text_options *options);
/* What an action does: lines that each end with LF. */
void plan_action_print(struct strbuf *out, const struct plan_action *action);
/* The step's id without its migration: "add_column:inventory_items.attributes/add". */
const char *plan_step_short_id(const struct plan_step *step);
/* "nothing to do", "exact", "exact while its guard holds; else lost: …", "lossy, lost: …", "impossible: …". */
void plan_undo_print(struct strbuf *out, const struct plan_inverse *inverse);
/* "public.x: AccessExclusiveLock, blocks reads and writes; rewrites it" */
void plan_lock_print(struct strbuf *out, const struct plan_lock *lock);

bool plan_text_selects(const struct plan_text_options *options, const struct plan_step *step);
/* How many steps of a migration are selected. */
size_t plan_text_count(const struct plan *plan, const struct plan_migration *migration,
    const struct plan_text_options *options);

#endif
