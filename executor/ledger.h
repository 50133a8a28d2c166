/*
 * The ledger: an append-only chain of rows in each target that says what happened to each step. It alone decides what
 * is applied; nothing on the runner's disk is needed to resume. A step's state is its last row.
 *
 * The hash of a row is the SHA-256 of these texts, each followed by a line feed: prev_hash, seq, run, run_seq, step,
 * attempt, event, source_digest, effect_digest, plan_digest, step_line, observed, token, at, note (integers in decimal;
 * observed and note exactly as stored, "" when there is none; the first row's prev_hash is ""). The server or the
 * driver computes it when a row is written; ledger_verify() computes it again from what was read.
 *
 * A run is everything from one apply (or rollback) to the moment when it ended as it was asked to, over all targets and
 * however many processes it took. Only the newest run (of the highest run_seq) can be open, and it is open while it has
 * no ENDED row and
 * - one of its steps is STARTED, UNDO_STARTED or FAILED, or
 * - it was applying this very plan (its newest row has the plan's digest) or left a migration half applied.
 * An open run is continued under its id, so that a rollback on failure undoes what a killed process did too. ENDED is
 * written when everything asked for was applied, at --to, --phase and a closed gate, and after a rollback; a halt, a
 * signal, a deadline and a kill leave the run open. A rollback that a person asks for begins with a ROLLBACK row, which says
 * how far back it goes: whoever goes on with it, from wherever, goes as far.
 */
#ifndef EXECUTOR_LEDGER_H
#define EXECUTOR_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/json.h"
#include "spec/base/map.h"
#include "spec/base/vec.h"
#include "spec/plan.h"

/* LEDGER_ROW(NAME): the rows of the table, shared by reader, writer and help. */
#define LEDGER_EVENTS(LEDGER_ROW)                                                                                      \
    LEDGER_ROW(STARTED) /* an alone step is about to have its effect */                                                \
    LEDGER_ROW(APPLIED)                                                                                                \
    LEDGER_ROW(ADOPTED) /* was in place with the same shape before we started; never undone by itself */               \
    LEDGER_ROW(FAILED)  /* refused by the server; nothing of it remains, but for a gradual step's part */              \
    LEDGER_ROW(UNDO_STARTED)                                                                                           \
    LEDGER_ROW(UNDONE)                                                                                                 \
    LEDGER_ROW(BASELINED)                                                                                              \
    LEDGER_ROW(RESOLVED) /* a person decided; note.as says applied or undone */                                        \
    LEDGER_ROW(GATE_PASSED)                                                                                            \
    LEDGER_ROW(ROLLBACK) /* of no step: a rollback by hand begins; the note has its "to", "migration" or "run" */      \
    LEDGER_ROW(ENDED)    /* of no step: the run ended as it was asked to; it is not continued */

enum ledger_event {
#define LEDGER_ROW(name) LEDGER_EVENT_##name,
    LEDGER_EVENTS(LEDGER_ROW)
#undef LEDGER_ROW
        LEDGER_EVENT_COUNT,
};

/* Rows of no step: step id "-", digests and step line "", attempt 1, 2, … for each event. */
#define LEDGER_NO_STEP "-"

const char *ledger_event_name(enum ledger_event event); /* "STARTED", … */
bool ledger_event_from_name(struct str name, enum ledger_event *out);

struct ledger_row {
    int64_t seq; /* 1, 2, … without gaps */
    const char *prev_hash;
    const char *hash;
    const char *run;  /* UUID of the run; a resumed run keeps it */
    int64_t run_seq;  /* counts up over the rows of all targets and runs: it orders steps across targets */
    const char *step; /* step id */
    int64_t attempt;  /* 1, 2, … for each step */
    enum ledger_event event;
    const char *source_digest;
    const char *effect_digest;
    const char *plan_digest;
    struct str step_line; /* the step as it was run: the inverse comes from here */
    struct str observed; /* JSON object: object name to its definition as the server said it, null when absent; or "" */
    int64_t token;       /* fencing token of the lease it was written under */
    const char *at;      /* RFC 3339, UTC, the server's clock where it has one */
    struct str note;     /* JSON object with more (why, by whom, backend, what the probe said before); or "" */
};

struct ledger {
    VEC(struct ledger_row) rows; /* by seq */
    const char *head_hash;       /* "" when empty */
    bool hashes_hold;            /* whoever read it computed the hash of every row, and it is the row's */
};

enum step_state {
    STEP_STATE_PENDING, /* no row, UNDONE, resolved as undone, or FAILED (see ledger_step_is_partial) */
    STEP_STATE_STARTED,
    STEP_STATE_APPLIED, /* APPLIED, ADOPTED, BASELINED, GATE_PASSED or resolved as applied */
    STEP_STATE_UNDO_STARTED,
};

struct ledger_step {
    enum step_state state;
    const struct ledger_row *last;    /* NULL when there is none */
    const struct ledger_row *applied; /* the row that made it applied (APPLIED, ADOPTED, …) */
    const struct ledger_row *begun;   /* its newest STARTED row, while it was not undone since; or NULL */
    struct str step_line;             /* as last run */
    int64_t attempts;
};

/* What became of every step: a fold over the rows. Values are struct ledger_step, in order of first appearance. */
struct ledger_state {
    struct map steps;
    const char *last_run;         /* of the row with the highest run_seq; NULL when there is no row */
    const char *last_plan_digest; /* of that row */
    int64_t last_run_seq;         /* the highest there is; 0 when there is no row */
    bool last_run_ended;          /* last_run has an ENDED row */
    bool
        last_run_unsettled; /* a step is STARTED, UNDO_STARTED or FAILED by its last row, and that row is of last_run */
};

void ledger_fold(struct arena *arena, const struct ledger *ledger, struct ledger_state *out);
/* In the note of an UNDO_STARTED row: what the step holds was being let go (hold.h), and no rollback was under way. */
#define LEDGER_NOTE_LETTING_GO "letting_go"

/* Such an undo was begun and has not been finished. */
bool ledger_step_is_letting_go(const struct ledger_step *ledger);
/* The step, read from its step line, is gradual and stopped half way: part of its effect may be there. */
bool ledger_step_is_partial(const struct ledger_step *ledger, const struct plan_step *step);
/* The step asks the server for something that it builds by itself (an index of DynamoDB): its inverse takes it back at
 * whatever point the build is. */
bool ledger_step_is_build(const struct plan_step *step);
/* What an undo finds, though the step was never applied: a part, or a build under way. */
bool ledger_step_can_be_undone_unfinished(const struct ledger_step *ledger, const struct plan_step *step);
/* The row that put the step's effect, or part of it, there: which run it is of, and when that was. */
const struct ledger_row *ledger_step_origin(const struct ledger_step *ledger);
const struct ledger_step *ledger_state_find(const struct ledger_state *state, const char *step); /* NULL when unknown */
/* Recomputes the chain; false names the first row that does not fit (exit status HISTORY). */
bool ledger_verify(const struct ledger *ledger, struct error *error) MUST_CHECK;
/* The hash as defined above. */
struct digest ledger_row_hash(const struct ledger_row *row);

#endif
