/*
 * How far a step that goes through a table in parts has come: an item for each part in the journal table, written under our
 * token, so that a process that was passed over cannot set a part back.
 *
 *     checkpoints_read(driver, arena, step, parts, &checkpoints, error)
 *     … pump_run() with checkpoints_enter and checkpoints_compose
 */
#ifndef EXECUTOR_EVENTS_CHECKPOINT_H
#define EXECUTOR_EVENTS_CHECKPOINT_H

#include "executor/dynamodb/dynamodb.h"

struct checkpoint_part {
    bool done;
    const struct json *start; /* NULL: from its beginning */
    int64_t items;            /* finished so far; the user counts on */
};

struct checkpoints {
    struct dynamodb_driver *driver;
    struct arena *arena;
    const char *step;
    const char *pk;
    struct checkpoint_part *parts;
    size_t count;
    size_t kept; /* parts that have a checkpoint */
    size_t done;
    int64_t items; /* of all parts, when they were read */
};

bool checkpoints_read(struct dynamodb_driver *driver, struct arena *arena, const char *step, size_t parts,
    struct checkpoints *out, struct error *error) MUST_CHECK;
/* Where to go on; false when the part is finished already. */
bool checkpoints_enter(const struct checkpoints *checkpoints, size_t part, const struct json **start);
/* The PutItem body that says that the part is finished up to next (NULL: to its end). */
void checkpoints_compose(const struct checkpoints *checkpoints, size_t part, const struct json *next, struct strbuf *body);
bool checkpoints_forget(struct dynamodb_driver *driver, const char *step, struct error *error) MUST_CHECK;

#endif
