/*
 * A driver whose server is in memory. The world (what the server holds) outlives processes: a test runs apply, lets it
 * die or cuts its connection at a numbered point, and runs it again against the same world.
 *
 * Every place where a real process could die is a point: before and after each effect and each ledger row. A world
 * counts them, so that a test can try each in turn:
 *
 *     for (n = 1; ; n++) {
 *         fake_reset(&world); world.die_at = n;
 *         apply(…);                  from point n on nothing reaches the world any more
 *         if (!world.dead) break;    n was past the last point: everything has been tried
 *         fake_restart(&world); apply(…); compare
 *     }
 */
#ifndef TESTS_UNIT_DRIVER_FAKE_H
#define TESTS_UNIT_DRIVER_FAKE_H

#include "executor/driver.h"
#include "spec/base/map.h"
#include "spec/base/vec.h"

enum { FAKE_PIECES = 3 };

/* What the server knows of one step's effect. */
struct fake_effect {
    bool present;
    int pieces;        /* of a gradual step's effect: so many of FAKE_PIECES are there */
    bool half;         /* half done: what a concurrent index leaves when it is cut */
    int running;       /* probes until a server that was left alone has finished */
    int times_applied; /* how often the effect came about */
    int times_undone;
    bool guard_fails;
    const char *guard_fails_while; /* this step is in effect; or NULL */
    bool foreign;                  /* something else is in its place */
};

/* How the next attempts on a step go wrong. */
struct fake_script {
    const char *step;
    int failures;       /* so many attempts fail; -1: all */
    struct error error; /* of a gradual step: after a piece of it came about, or went */
    bool undo;          /* of the undo, not of the step */
};

struct fake_target {
    const char *name;
    bool initialised;
    struct target_owner owner;
    char identity[64];
    struct ledger ledger;
    struct lease_state lease;
    int64_t lease_until_ms;
    bool lease_ages; /* lease_look() tells the time since it was last renewed, for 30 s; else that is 0 */
    struct map objects; /* object name → struct json *, as observe() tells it */
    size_t projected_count;
    size_t projected_undone_count;
    const char *projected_undone; /* the ids, each with the name that TypeORM gives it, behind a blank each */
};

struct fake_world {
    struct arena arena;
    int64_t now_ms;
    struct fake_target targets[4];
    size_t target_count;
    struct map effects; /* step id → struct fake_effect */
    VEC(struct fake_script *) scripts;
    int points; /* passed so far */
    int die_at; /* the process dies at this point; 0: never */
    bool dead;
    int cut_at;  /* the connection is cut at this point; 0: never */
    int stop_at; /* a signal comes at this point; 0: never */
    bool stop;
    bool finish_alone; /* a server that was left alone finishes the statement, instead of leaving it half done */
    int reads;         /* of ledgers */
    struct driver_env host;
    uint64_t random;
    struct strbuf log; /* what was logged, a line each */
};

void fake_init(struct fake_world *world);
/* A new process: alive again, once every lease has run out. */
void fake_restart(struct fake_world *world);
void fake_free(struct fake_world *world);
struct fake_target *fake_find_target(struct fake_world *world, const char *name);
struct fake_effect *fake_find_effect(struct fake_world *world, const char *step);
/* failures attempts on the step end with the error: exit_status, sqlstate, retryable. */
struct fake_script *fake_fail(
    struct fake_world *world, const char *step, int failures, int exit_status, const char *sqlstate);
/* Someone else's change: the object's definition is this JSON now. */
void fake_change_object(struct fake_world *world, const char *target, const char *object, const char *json);
/* The rows of a target's ledger as "EVENT step" lines, for comparing. */
void fake_print_ledger(struct fake_world *world, const char *target, struct strbuf *out);
/* The world of the test that runs; drivers that are opened find it here. */
void fake_use(struct fake_world *world);
const struct driver_ops *fake_driver_for(enum engine engine);

#endif
