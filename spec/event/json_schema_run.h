/*
 * A validation under way: where it is, what it may still cost, and what it found. Between json_schema_validate.c, which
 * applies nodes to values, and json_schema_scalar.c, which has the keywords that look at one value alone.
 */
#ifndef SPEC_EVENT_JSON_SCHEMA_RUN_H
#define SPEC_EVENT_JSON_SCHEMA_RUN_H

#include "spec/event/json_schema_set.h"

/* The way from the value's root, kept on the stack. */
struct schema_at {
    const struct schema_at *above; /* NULL at the root */
    const struct json *value;
    size_t index; /* of an array's element */
};

struct schema_run {
    const struct json_schema *set;
    struct arena *arena;
    struct json_schema_error *error;
    size_t work;
    size_t depth;
    size_t quiet; /* inside a branch whose failure is not the end */
    bool stopped; /* a limit was reached: nothing that is said after it counts */
};

/* Says what is wrong, unless it is said in a branch or behind a limit; returns false. */
bool schema_run_fail(struct schema_run *run, const struct schema_node *node, const char *keyword,
    const struct schema_at *at, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A limit is reached: that is what counts. Returns false. */
bool schema_run_stop(struct schema_run *run, const struct schema_node *node, const char *keyword,
    const struct schema_at *at, const char *reason);
/* Takes so many more steps; false, and stopped, when those are too many. */
static inline bool schema_run_spend(
    struct schema_run *run, const struct schema_node *node, const struct schema_at *at, size_t steps)
{
    run->work += steps;
    return run->work <= SCHEMA_WORK_MAX ||
           schema_run_stop(run, node, "", at, "validating this value takes too much work");
}

/* --- json_schema_scalar.c --- */

/* type, const and enum; and the keywords of numbers and of strings. */
bool schema_check_any(struct schema_run *run, const struct schema_node *node, const struct schema_at *at) MUST_CHECK;
bool schema_check_number(struct schema_run *run, const struct schema_node *node, const struct schema_at *at) MUST_CHECK;
bool schema_check_string(struct schema_run *run, const struct schema_node *node, const struct schema_at *at) MUST_CHECK;
/* The pattern is found in text; false, and stopped, where that takes too much work. */
bool schema_run_matches(struct schema_run *run, const struct schema_node *node, const char *keyword,
    const struct regex *pattern, struct str text, const struct schema_at *at);

#endif
