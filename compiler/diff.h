/*
 * What differs between two plans: headers key by key, migrations and steps matched by their ids, never by position.
 *
 *     if (!diff_load(&arena, "plans/staging.plan", "plans/production.plan", &diff, &error)) …
 *     diff_print_text(&out, diff, colour);
 *
 * Lines that are equal byte by byte are not parsed. Not counted as a difference: the environment's name, the digests of
 * inputs, and the place of a step in its sources, for none of them changes what is run.
 */
#ifndef COMPILER_DIFF_H
#define COMPILER_DIFF_H

#include <stdbool.h>

#include "spec/plan.h"
#include "spec/plan_key.h"
#include "spec/plan_lines.h"

/* One value that differs; a side that is NULL has none (or null). */
struct diff_change {
    const char *key; /* "policy.on_failure", "action.forward.sql", "targets[operational].version" */
    const struct json *before;
    const struct json *after;
    bool is_told_elsewhere; /* once for all steps: in diff.repeated, or it follows from another table_prefix */
};

struct diff_changes {
    VEC(struct diff_change) items;
};

enum diff_status { DIFF_SAME, DIFF_CHANGED, DIFF_ADDED, DIFF_REMOVED };

struct diff_step {
    struct str id;    /* as written in the plan */
    const char *name; /* without the migration */
    enum diff_status status;
    bool moved;                   /* among the steps of its migration */
    const struct plan_step *step; /* where one plan alone has it, else NULL */
    struct diff_changes changes;
};

struct diff_migration {
    struct str id;
    enum diff_status status;
    bool moved;         /* among the migrations */
    struct str follows; /* where moved: the migration before it in the second plan, or "" */
    struct diff_changes changes;
    VEC(struct diff_step) steps; /* those that are not the same */
};

struct diff_counts {
    size_t same, changed, added, removed, moved; /* steps */
    size_t replaced;                             /* same steps whose place in the sources changed */
    size_t prefixed;                             /* changed ones where names follow the target's table_prefix */
    size_t untold;                               /* changed ones with nothing to tell beyond what is told elsewhere */
};

/* The same change in many steps, as that of a time-out. */
struct diff_repeated {
    struct diff_change change;
    size_t steps;
};

struct diff {
    struct plan_lines lines[2];
    struct plan headers[2];
    bool inputs_differ;
    struct diff_changes header;
    VEC(struct diff_repeated) repeated;
    VEC(struct diff_migration) migrations; /* those with something to tell, in the second plan's order */
    struct diff_counts counts;
    size_t migrations_same;
};

/* False on an error of either plan. */
bool diff_load(struct arena *arena, const char *before, const char *after, struct diff **out, struct error *error)
    MUST_CHECK;
bool diff_is_empty(const struct diff *diff);

/* Compares two values of an object by plan_key.def; keys of `ignored` (NULL-terminated, top level) are left out. */
void diff_objects(struct arena *arena, enum plan_object object, const struct json *before, const struct json *after,
    const char *const *ignored, struct diff_changes *out);

/* One side of a change, for people; several lines where it is long. */
void diff_value_print(struct strbuf *out, const struct diff_change *change, const struct json *value);
/* The key as people read it, without what every action has: "set" for "action.forward.set". */
const char *diff_change_name(struct arena *arena, const struct diff_change *change);
/* Lists of texts: "- removed, removed + added". */
bool diff_change_is_set(const struct diff_change *change);
void diff_set_print(struct strbuf *out, const struct diff_change *change);
bool diff_change_is_long(const struct diff_change *change);
/* What people are told of a step's changes: not those that follow from others (effect, probe, digests), nor repeated
 * ones. */
bool diff_change_is_told(const struct diff_step *step, const struct diff_change *change);
bool diff_step_is_told(const struct diff_step *step);
bool diff_migration_is_told(const struct diff_migration *migration);

enum diff_word_kind { DIFF_WORD_SAME, DIFF_WORD_REMOVED, DIFF_WORD_ADDED };

struct diff_word {
    enum diff_word_kind kind;
    struct str text; /* a run of words and the blanks between them */
};

struct diff_words {
    VEC(struct diff_word) items;
};

/* The shortest edit by words; texts too long for it come out as one removed and one added run between what is equal at
 * both ends. */
void diff_words(struct arena *arena, struct str before, struct str after, struct diff_words *out);

void diff_print_text(struct strbuf *out, const struct diff *diff, bool colour);
void diff_print_markdown(struct strbuf *out, const struct diff *diff);
void diff_print_json(struct strbuf *out, const struct diff *diff);

#endif
