/* What the parts of the plan's reader share: plan_read.c (lines), plan_value.c (keys), plan_check.c (references). */
#ifndef SPEC_PLAN_READER_H
#define SPEC_PLAN_READER_H

#include "spec/base/map.h"
#include "spec/plan_key.h"

struct plan_reader {
    struct arena *arena;
    const char *name;       /* of the file, for errors; NULL: not known */
    size_t line;            /* 1-based; 0: a line of a ledger */
    struct error *error;
    struct plan *plan;      /* NULL for a line of a ledger */
    bool outline;           /* of steps only what stands before their action */
    struct arena lines;     /* the tree of the outline under way */
    struct map groups;      /* those that were seen */
    struct strbuf scratch;
};

/* The way to a value inside a line, kept on the stack: "locks[2].mode". */
struct plan_place {
    const struct plan_place *up;
    const char *key;
    size_t index; /* of an element; PLAN_PLACE_KEY for a member */
};

#define PLAN_PLACE_KEY SIZE_MAX

/* Sets the error with its place (NULL: the line as a whole) before the text and a general help. */
void plan_reader_fail(struct plan_reader *reader, const struct plan_place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same as a value: return PLAN_READER_FAIL(…). */
#define PLAN_READER_FAIL(...) (plan_reader_fail(__VA_ARGS__), false)

/* Fills the structure of an object from JSON. Every key must be there, in the order of the table. */
bool plan_value_read(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_object object, void *base) MUST_CHECK;
/* The same up to the key `end`, which must not be there (NULL: to the last). */
bool plan_value_read_until(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_object object, const char *end, void *base) MUST_CHECK;
/* Checks JSON that stays JSON. */
bool plan_value_check(struct plan_reader *reader, const struct plan_place *place, const struct json *value,
    enum plan_object object) MUST_CHECK;

/* What a line must satisfy beyond its keys. The migration or step is the plan's last. */
bool plan_check_header(struct plan_reader *reader) MUST_CHECK;
bool plan_check_migration(struct plan_reader *reader) MUST_CHECK;
bool plan_check_step(struct plan_reader *reader, const struct plan_step *step) MUST_CHECK;
/* Its two parts: where the step stands, and what it does. */
bool plan_check_step_outline(struct plan_reader *reader, const struct plan_step *step) MUST_CHECK;
bool plan_check_step_rest(struct plan_reader *reader, const struct plan_step *step) MUST_CHECK;
/* The part of it that needs no plan around the step: forms of actions, probes and guards, digests, grades. */
bool plan_check_step_alone(struct plan_reader *reader, const struct plan_step *step) MUST_CHECK;

#endif
