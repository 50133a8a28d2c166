/*
 * An evaluation under way: what the evaluator and the functions share. Every function that can fail returns false with
 * the error filled in; a failure with fatal set (the cost is used up) is never absorbed by || and &&.
 */
#ifndef SPEC_CEL_RUN_H
#define SPEC_CEL_RUN_H

#include "spec/base/arena.h"
#include "spec/cel/ast.h"

struct cel_run {
    const struct cel_program *program;
    struct arena *arena;
    const struct cel_value *const *variables; /* by a VARIABLE's index; NULL where nothing is bound */
    struct cel_value *locals;                 /* by slot */
    uint64_t cost_left, cost_limit;
    bool fatal;
    const struct cel_node *at; /* where errors belong */
    struct cel_error *error;
};

bool cel_run_node(struct cel_run *run, const struct cel_node *node, struct cel_value *out) MUST_CHECK;
/* CEL_NODE_FOLD. */
bool cel_run_fold(struct cel_run *run, const struct cel_node *node, struct cel_value *out) MUST_CHECK;

/* Takes units from the cost that is left; false, and fatal, when there are not enough. */
bool cel_charge(struct cel_run *run, uint64_t units) MUST_CHECK;
bool cel_charge_bytes(struct cel_run *run, size_t bytes) MUST_CHECK;
/* Fills the error with run->at as its place; returns false. */
bool cel_fail(struct cel_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool cel_fail_help(struct cel_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Binary operators but &&, ||; CEL_OPERATOR_IN included. */
bool cel_operator_run(struct cel_run *run, enum cel_operator op, const struct cel_value *a, const struct cel_value *b,
    struct cel_value *out) MUST_CHECK;
bool cel_operator_negate(struct cel_run *run, const struct cel_value *a, struct cel_value *out) MUST_CHECK;

/* CEL's == with its cost charged. */
bool cel_run_equal(struct cel_run *run, const struct cel_value *a, const struct cel_value *b, bool *equal) MUST_CHECK;
/* Charges for every element and byte that the value has when it is written out. */
bool cel_run_charge_size(struct cel_run *run, const struct cel_value *value) MUST_CHECK;
/* The value at key, or NULL in *found. */
bool cel_run_lookup(struct cel_run *run, const struct cel_value *map, const struct cel_value *key,
    const struct cel_value **found) MUST_CHECK;
/* operand[key]; *found is false instead of a failure where the key or index is not there. */
bool cel_run_index(struct cel_run *run, const struct cel_value *operand, const struct cel_value *key,
    struct cel_value *out, bool *found) MUST_CHECK;

/* Results. Texts are copied into the run's arena, and charged. */
struct cel_value cel_make_bool(bool value);
struct cel_value cel_make_int(int64_t value);
struct cel_value cel_make_uint(uint64_t value);
struct cel_value cel_make_double(double value);
struct cel_value cel_make_type(const char *name);
struct cel_value cel_make_optional(struct cel_run *run, const struct cel_value *inner); /* NULL: empty */
bool cel_make_text(struct cel_run *run, enum cel_kind kind, struct str text, struct cel_value *out) MUST_CHECK;
/* Takes what out holds, and frees it. */
bool cel_make_text_from(struct cel_run *run, enum cel_kind kind, struct strbuf *text, struct cel_value *out) MUST_CHECK;

#endif
