/*
 * Checks nodes against key.def: unknown and missing keys, kinds and forms of values, references where none can stand.
 * Everything wrong is diagnosed; what was diagnosed already (node.damaged) is not judged again.
 *
 * A file is checked twice: as written, where a value with ${var:…} in it is taken on trust, and, for what holds
 * variables, once more for each environment with their values in place.
 */
#ifndef COMPILER_CHECK_H
#define COMPILER_CHECK_H

#include "compiler/key.h"

struct checker {
    struct arena *arena;
    struct diag_list *diags;
    const struct key_table *keys;
    const struct map *targets; /* name → struct project_target: which engine a migration's steps are for */
};

/* What is judged, for messages and for what may stand there. */
struct check_place {
    const struct node *key;          /* the key in front of the value; NULL: an item of a list */
    const struct check_place *outer; /* the place that it is in; NULL at the top */
    enum engine engine;              /* which context of two an object has; ENGINE_ANY: not known, not judged */
    bool variables;                  /* ${var:…} may stand here */
};

/* The value against the alternatives of type. False when anything is wrong. */
bool check_value(
    const struct checker *checker, struct node *node, const struct key_type *type, const struct check_place *place);

/* A mapping against the keys of context. It is marked as damaged when anything in it is wrong. */
bool check_object(const struct checker *checker, struct node *node, const struct key_context *context,
    const struct check_place *place);

/* A step, for place's engine; marked as damaged when anything in it is wrong. *key is the key of its *kind, or NULL. */
bool check_step(const struct checker *checker, struct node *node, const struct check_place *place, enum step_kind *kind,
    struct node **key);

/* Reports `word` as unknown, with what was probably meant among candidates, or all of them. */
struct diag *check_report_unknown(const struct checker *checker, const struct diag_code *code, const struct node *word,
    const char *what, const char *const *candidates, size_t count);

#endif
