/*
 * Moves the items of many parts (segments of a scan, partitions of a query) through a bounded number of slots. A few lanes
 * read page after page, each of its own part; the items of their pages are handed to free slots, each of which makes a few
 * requests for its item. A page whose items are all finished is checkpointed. Memory is bounded by the lanes' pages and the
 * slots, whatever the size of the table.
 */
#ifndef EXECUTOR_EVENTS_PUMP_H
#define EXECUTOR_EVENTS_PUMP_H

#include "executor/dynamodb/dynamodb.h"
#include "executor/events/rate.h"
#include "spec/event/value.h"

enum { PUMP_SLOTS = 64, PUMP_LANES = 8 };

struct pump;

/* One item on its way. advance() decides by stage, and may keep what it needs in the arena. */
struct pump_slot {
    struct pump *pump;
    struct arena arena;       /* reset for each item */
    const struct json *item;  /* of the page */
    size_t part;
    int stage;                /* 0 at first; of the user */
    int tries;
    void *user;               /* of the user, in the arena */
    struct strbuf body;       /* of the next request */
    struct aws_call call;     /* the last request, done, in every stage but the first */
    /* of pump.c */
    bool busy;
    bool waiting;             /* for the limit on writes */
    const char *action;
    bool writes;
    double estimate;
    size_t lane;
};

struct pump_ops {
    /* False: the part is finished already. *start: where to go on; NULL: at its beginning. */
    bool (*enter)(void *context, size_t part, const struct json **start);
    /* The request for a page: action and body (start is NULL for the first). */
    const char *(*compose_page)(void *context, size_t part, const struct json *start, struct strbuf *body);
    /* Makes the next request by pump_send(), or ends the item with pump_finish() or pump_fail(). */
    void (*advance)(void *context, struct pump_slot *slot);
    /* The PutItem body that records that the part is finished up to next (NULL: to its end). NULL: no checkpoints. */
    void (*compose_checkpoint)(void *context, size_t part, const struct json *next, struct strbuf *body);
    /* After a page: true when the part is left here, whatever follows. NULL: each part is gone through to its end. */
    bool (*leave)(void *context, size_t part, const struct json *next);
};

struct pump {
    struct dynamodb_driver *driver;
    const char *name;   /* of the step, for progress and messages */
    const struct pump_ops *ops;
    void *context;
    size_t parts;
    const char *unit;   /* for progress */
    int64_t done;       /* items finished, earlier processes' included */
    int64_t total;      /* -1: unknown */
    struct rate read_rate;
    struct rate write_rate;
    /* of pump.c */
    struct error error;
    bool failed;
};

/* Runs to the end, to the first error, or until the run is to stop (exit status RESUMABLE). What is under way is waited
 * for in every case. */
bool pump_run(struct pump *pump, struct error *error) MUST_CHECK;
/* units: what the request is thought to consume, 0 for a read. */
void pump_send(struct pump_slot *slot, const char *action, double units);
void pump_finish(struct pump_slot *slot);
void pump_fail(struct pump_slot *slot, const struct error *error);

#endif
