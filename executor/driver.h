/*
 * A driver runs steps on one target and keeps that target's ledger. run.c decides what is to be done, and in which
 * order; a driver does one thing and journals it so that a kill at any instruction can be told apart afterwards.
 *
 * Calling sequence: open → identify → owner (→ init) → lease_take → ledger_read → observe … → apply/probe/undo …
 * → project → lease_release → close. Every call may fail with a struct error; `retryable` and `outcome_unknown` are the
 * driver's classification.
 *
 * Exactly once:
 * - A transaction group: apply() takes the group's steps together. In one transaction: the lease row FOR KEY SHARE, the
 *   check that none of the steps is applied yet, the statements, then the APPLIED rows with what was observed. If it turns
 *   out that a step is applied already, nothing is executed and apply() reports already_applied.
 * - An alone step: a STARTED row is committed, the effect follows, then APPLIED. Resuming a STARTED step, run.c asks
 *   probe() and then has the driver record() APPLIED, repair(), wait, or apply() again.
 * - undo() likewise: in one transaction with its UNDONE row where the inverse is transactional, else UNDO_STARTED,
 *   effect, UNDONE. A guard that the step still has is held again there; for a loss that a person consented to, run.c
 *   passes the step without its guard.
 * - undo() of a gradual step takes back whatever part of it is there, also where the step is STARTED or FAILED.
 */
#ifndef EXECUTOR_DRIVER_H
#define EXECUTOR_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/ledger.h"
#include "spec/base/error.h"
#include "spec/base/json.h"
#include "spec/plan.h"

struct arena;
struct driver;

/* The outside world, injected so that tests can script it. All callbacks get `context`. */
struct driver_env {
    void *context;
    int64_t (*now_ms)(void *context);                      /* monotonic */
    int64_t (*wall_ms)(void *context);                     /* since the epoch */
    bool (*random_bytes)(void *context, void *out, size_t count);
    const char *(*getenv)(void *context, const char *name);
    void (*sleep_ms)(void *context, int64_t ms);           /* returns early when a signal asks to stop */
    /* Called at least once a second while a driver waits: renews leases, redraws. */
    void (*tick)(void *context);
    /* True when the run is to stop at the next safe point (signal, deadline). */
    bool (*stopping)(void *context);
    /* True when the statement under way is to be cancelled now (second signal, lost lease). NULL: never. */
    bool (*cancelling)(void *context);
    /* Progress of the step under way; total -1 when unknown. unit: "rows", "items", "blocks", … */
    void (*progress)(void *context, const char *step, int64_t done, int64_t total, const char *unit);
    void (*log)(void *context, const char *level, const char *message); /* "info", "warning" */
    /* True while nothing new is to be begun; why says who asked for that. NULL: never. */
    bool (*paused)(void *context, char *why, size_t why_size);
    /* Names a protocol point ("pg.group.before_commit"); crash tests kill there. NULL: none. */
    void (*point)(void *context, const char *name);
};

struct target_identity {
    char text[512]; /* stable for the same server or account: "system 7301…, database inventory" / "account 1234, region x" */
};

/* Who the ledger belongs to. */
struct target_owner {
    char project[256];
    char environment[256];
    struct target_identity identity;
};

struct lease_request {
    const char *run;        /* UUID */
    const char *holder;     /* host, process id, user: for people */
    int64_t duration_ms;    /* of the lease, when it is not renewed */
};

struct lease_state {
    bool held;              /* by anybody, unexpired */
    int64_t token;          /* fencing token, grows with each change of holder */
    char holder[256];
    char run[64];
    int64_t age_ms;         /* since the last heartbeat, by the server's clock; -1 unknown */
};

enum probe_state {
    PROBE_NOT_DONE,
    PROBE_DONE,
    PROBE_RUNNING,   /* the server still works on it: wait */
    PROBE_HALF_DONE, /* repair() brings it back to not done; an inverse that has no repair is simply run again */
    PROBE_OTHER,     /* something else is there: another shape, or not ours */
    PROBE_NONE,      /* the step has no probe */
};

struct probe_answer {
    enum probe_state state;
    char detail[1024];
};

/* What apply() and undo() record; the driver adds seq, hashes, token and time. */
struct driver_journal {
    const char *run;
    int64_t run_seq;         /* of the first row; the driver counts on from here, one for each row it writes */
    const char *plan_digest;
    bool letting_go;         /* an undo that is part of going forward (hold.h): UNDO_STARTED says LEDGER_NOTE_LETTING_GO */
};

struct driver_work {
    const struct plan_step *const *steps; /* one alone step, or all pending steps of one group, in order */
    size_t count;
    const int64_t *attempts;              /* for each step: the attempt that this is (1, 2, …) */
};

/* What the service says that requests consumed. */
struct driver_units {
    bool known; /* false: an engine that does not say */
    double read, write;
    double ledger_read, ledger_write; /* of the ledger's own tables: rows, leases, checkpoints, pre-images */
};

struct driver_result {
    bool already_applied;    /* another process or an earlier attempt did it; nothing was executed */
    bool adopted;            /* it was in place with the same shape; recorded as ADOPTED */
    int64_t rows_written;    /* ledger rows */
    int64_t duration_ms;
    int64_t lock_wait_ms;    /* for as long locks of others were waited for, as far as was seen; -1 unknown */
    int64_t lock_hold_ms;    /* at most this long its own locks were held; -1 unknown */
    struct str blocker;      /* JSON object: who was in the way, as the report has it; or "" */
    int64_t affected;        /* rows or items, -1 unknown */
    struct driver_units units;
    size_t failed_step;      /* on failure: index into work.steps */
    struct str detail;       /* JSON object for the report, or "" */
};

/* Which of the plan's stored events are wanted. */
struct event_selection {
    const char *stream; /* only this one; NULL: all */
    const char *type;   /* NULL: all */
    int64_t sample;     /* so many at most, from all over the table; 0: all */
    int64_t max_rcu;    /* read units a second; 0: no limit */
};

/* item: as DynamoDB writes it, {"id":{"S":"x"},…}; valid during the call. False, with *error filled, ends the reading. */
typedef bool (*driver_event_fn)(void *context, const struct json *item, struct error *error);

struct ledger_entry {
    const struct plan_step *step;
    enum ledger_event event;
    int64_t attempt;
    const struct json *note; /* or NULL */
};

/* One applied migration, for the projection that other tools read. */
struct projected_migration {
    const char *id;
    const char *description;
    const char *typeorm_name; /* NULL: the id is not of TypeORM's form */
    int64_t typeorm_timestamp;
    const char *applied_at;   /* RFC 3339 */
};

struct driver_ops {
    enum engine engine;
    /* connection: the plan's, with references resolved. Connects. plan outlives the driver. */
    bool (*open)(struct arena *arena, const struct plan *plan, const struct plan_target *target,
        const struct driver_env *env, struct driver **out, struct error *error);
    bool (*identify)(struct driver *driver, struct target_identity *out, struct error *error);
    /* *initialised false: there is no ledger yet. */
    bool (*owner)(struct driver *driver, bool *initialised, struct target_owner *out, struct error *error);
    /* Creates the ledger for owner. Safe to repeat after a crash half way. */
    bool (*init)(struct driver *driver, const struct target_owner *owner, struct error *error);
    /* The ledger's target has this identity from now on. Wants the lease. */
    bool (*rebind)(struct driver *driver, const struct target_identity *identity, struct error *error);
    /* Is there nothing that anybody made? Else *what names something. NULL: targets of this kind are never rebuilt. */
    bool (*vacant)(struct driver *driver, bool *vacant, char *what, size_t what_size, struct error *error);
    /* One attempt. False with exit_status LEASE when somebody holds it; *out says who. Takes over an expired one, and one
     * of the same run and holder at once (that is this process, connected anew). */
    bool (*lease_take)(struct driver *driver, const struct lease_request *request, struct lease_state *out,
        struct error *error);
    /* False with exit_status LEASE when it was lost: stop at once, write nothing more. Called from tick(), so it must be
     * safe while another call of this driver waits. */
    bool (*lease_renew)(struct driver *driver, struct error *error);
    bool (*lease_release)(struct driver *driver, struct error *error);
    /* Looks without taking; used by status. */
    bool (*lease_look)(struct driver *driver, struct lease_state *out, struct error *error);
    /* Removes a lease by hand (`unlock`), whoever holds it. */
    bool (*lease_break)(struct driver *driver, struct error *error);
    bool (*ledger_read)(struct driver *driver, struct arena *arena, struct ledger *out, struct error *error);
    /* How the named objects ("table public.x", "dynamodb_table y") are now: a JSON object, null for absent ones. */
    bool (*observe)(struct driver *driver, struct arena *arena, const char *const *objects, size_t count,
        struct json **out, struct error *error);
    bool (*apply)(struct driver *driver, const struct driver_journal *journal, const struct driver_work *work,
        struct driver_result *result, struct error *error);
    /* inverse true: has the undo of the step already happened? */
    bool (*probe)(struct driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out,
        struct error *error);
    /* inverse true: what its undo left half done. */
    bool (*repair)(struct driver *driver, const struct plan_step *step, bool inverse, struct error *error);
    /* Judges the guard of an exact inverse: does undoing lose nothing? detail says what would be lost. */
    bool (*guard)(struct driver *driver, const struct plan_step *step, bool *holds, char *detail, size_t detail_size,
        struct error *error);
    bool (*undo)(struct driver *driver, const struct driver_journal *journal, const struct plan_step *step,
        int64_t attempt, struct driver_result *result, struct error *error);
    /* Writes one row by itself: APPLIED found by a probe, FAILED, RESOLVED, GATE_PASSED, UNDONE found by a probe. */
    bool (*record)(struct driver *driver, const struct driver_journal *journal, const struct ledger_entry *entry,
        struct error *error);
    /* Makes the projection hold exactly these migrations of ours; rows that other tools wrote are left alone. */
    bool (*project)(struct driver *driver, const struct projected_migration *migrations, size_t count,
        const struct projected_migration *undone, size_t undone_count, struct error *error);
    /* Hands over the stored events that are selected, in no order; changes nothing and needs no lease. NULL: no events. */
    bool (*events)(struct driver *driver, const struct event_selection *selection, driver_event_fn each, void *context,
        double *consumed_read_units, struct error *error);
    /* The registered versions of events: an object with a member "EVENT@VERSION" for each, as observe() gives them. Empty
     * where there is no registry. NULL: no events. */
    bool (*registered)(struct driver *driver, struct arena *arena, struct json **out, struct error *error);
    void (*close)(struct driver *driver);
};

extern const struct driver_ops driver_postgres;
extern const struct driver_ops driver_dynamodb;

#endif
