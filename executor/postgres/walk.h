/*
 * What backfills and their undoing share: the plan's form of a backfill, where a walk stands, and the size of its
 * batches, which grows and shrinks towards WALK_TARGET_MS.
 *
 *     struct walk walk = {.driver = driver, .step = step, .arena = &arena};
 *     if (!walk_read_form(&walk, error)) …
 */
#ifndef EXECUTOR_POSTGRES_WALK_H
#define EXECUTOR_POSTGRES_WALK_H

#include "executor/postgres/postgres.h"

enum {
    WALK_BATCH_MIN = 100,
    WALK_BATCH_MAX = 50000,
    WALK_TARGET_MS = 200,
    WALK_KEY_MAX = 32, /* columns of an index */
};

struct key_column {
    const char *name; /* as SQL wants it */
    const char *type;
};

/* When the walk has to wait. Numbers: -1 where the plan says nothing. */
struct walk_throttle {
    int64_t pause_ms; /* between two batches */
    int64_t replica_lag_ms;
    int64_t waiting_locks;
    const char *query; /* wait while it returns true; or NULL */
};

struct walk {
    struct postgres_driver *driver;
    const struct plan_step *step;
    struct arena *arena; /* lives as long as the walk */
    const char *relation;
    const char *set;
    const char *where; /* or NULL */
    bool keep_old;
    struct key_column key[WALK_KEY_MAX];
    size_t key_count;
    const char **columns;
    size_t column_count;
    /* Where it stands. */
    const char **cursor; /* key_count texts; NULL: at the beginning */
    int64_t rows;        /* updated so far, in all attempts */
    int64_t walked;      /* keys passed */
    int64_t total;       /* estimated; -1 unknown */
    int64_t batch;
    bool done;
    int64_t batches; /* of this attempt, as all below */
    struct walk_throttle throttle;
    int64_t began_ms;
    int64_t throttled_ms; /* spent waiting for a pause or a condition to end */
    bool looked;          /* at the throttle's conditions */
    int64_t looked_ms;
};

/* Reads step->action.forward, a backfill's. */
bool walk_read_form(struct walk *walk, struct error *error) MUST_CHECK;
int64_t walk_clamp_batch(int64_t batch);
/* A batch took elapsed_ms; the next one is to take WALK_TARGET_MS. */
void walk_adapt_batch(struct walk *walk, int64_t elapsed_ms);
/* throttle.c. To be called before each batch: waits out pauses and throttles. False, with RESUMABLE, when the run is to
 * stop or the step's time is up. what: "updated". */
bool walk_may_go_on(struct walk *walk, const char *what, struct error *error) MUST_CHECK;
/* Is the run to stop? Then fills error (RESUMABLE); what: "updated". */
bool walk_is_stopped(const struct walk *walk, const char *what, struct error *error);
/* Refuses unless our lease stands, without locking the ledger's head: batches write no rows there. */
void walk_add_lease_check(const struct postgres_driver *driver, struct pg_batch *batch);
/* Values written as text are read back later, by whoever: one form whatever the role's settings. */
void walk_add_text_settings(struct pg_batch *batch);
/* The buffer's text, in arena; frees the buffer. */
const char *walk_take_sql(struct arena *arena, struct strbuf *sql);
/* JSON text of detail that lives as long as the driver. */
struct str walk_keep_detail(const struct walk *walk, const struct json *detail);

#endif
