/*
 * One event under way through the operators of an upcaster, and the expressions that they evaluate. Between
 * upcast_apply.c and upcast_evaluate.c.
 */
#ifndef SPEC_EVENT_UPCAST_RUN_H
#define SPEC_EVENT_UPCAST_RUN_H

#include "spec/event/upcast_op.h"

/* A value and its whole form for expressions, made when an expression first asks for it. */
struct upcast_bound {
    const struct event_value *value;
    const struct event_value *made_from;
    struct cel_value cel;
};

enum { UPCAST_CONVERTED_MAX = 8 };

struct upcast_converted {
    const struct event_value *from;
    struct cel_value cel;
};

struct upcast_run {
    const struct upcaster *upcaster;
    struct arena *arena;
    struct upcast_problem *problem;
    size_t evaluation_count;
    uint64_t cost_left;             /* for all expressions */
    const struct event_value *read; /* the event as it came */
    int64_t version;                /* that it had then */
    struct cel_value meta;          /* null until it is asked for */
    struct upcast_bound event;
    struct upcast_bound item;
    struct upcast_converted *converted; /* UPCAST_CONVERTED_MAX, or NULL until there is one */
    size_t next_converted;
    bool in_item;
};

/* False, with run->problem filled, when the expression fails, costs too much, or gives what cannot be used. */
bool upcast_evaluate_value(
    struct upcast_run *run, const struct upcast_expression *expression, const struct event_value **out) MUST_CHECK;
bool upcast_evaluate_condition(
    struct upcast_run *run, const struct upcast_expression *expression, bool *out) MUST_CHECK;

#endif
