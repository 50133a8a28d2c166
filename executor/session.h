/*
 * A session holds what every command needs of a plan's targets: their drivers, owners, leases and ledgers, and the run
 * that rows are written under. Nothing here decides about steps.
 *
 *     session_start(&session, &config);
 *     session_open(…)            connects to every target, in the plan's order, and asks who it belongs to
 *     session_require_owner(…)   refuses targets of another project, environment or server
 *     session_take_leases(…)     in the same order for everybody, so that two runs cannot block each other
 *     session_read_ledgers(…)    after the leases: what is read stays true while they are held
 *     …
 *     session_close(…)           releases the leases that are still ours
 *
 * Drivers get session.env, whose tick() renews every lease when a third of its duration has passed. A lease that is
 * lost makes stopping() and cancelling() true and session_check() fail; the fencing token keeps late writes out in any
 * case.
 */
#ifndef EXECUTOR_SESSION_H
#define EXECUTOR_SESSION_H

#include "executor/driver.h"
#include "spec/base/arena.h"

enum { SESSION_LEASE_MS = 30000, SESSION_UUID_LEN = 36 };

struct session_config {
    struct arena *arena; /* lives as long as the session */
    const struct plan *plan;
    const struct driver_env *host; /* the outside world */
    const struct driver_ops *(*driver_for)(enum engine engine);
    const char *holder;        /* host, process id, user */
    /* For lines to type next: the command, its options that say what it is about ("--to 3"), how the plan was named. */
    const char *command, *command_options;
    const char *plan_argument;
    int64_t lease_ms;
};

struct session_target {
    const struct plan_target *plan;
    const struct driver_ops *ops;
    struct driver *driver; /* NULL while closed */
    struct arena driver_arena;
    struct target_identity identity;
    bool initialised;
    struct target_owner owner;
    struct lease_state lease;
    bool leased;
    int64_t renewed_ms; /* when the lease was last renewed */
    struct ledger ledger;
    struct ledger_state state;
    bool written; /* this process wrote rows since the ledger was read */
};

struct session {
    struct session_config config;
    const struct plan *plan;
    struct arena *arena;
    struct driver_env env;          /* for drivers; its context is the session */
    struct session_target *targets; /* in the plan's order */
    size_t target_count;
    char run[SESSION_UUID_LEN + 1];
    /* What the leases are taken under: they are taken before the ledgers say which run is continued. */
    char lease_run[SESSION_UUID_LEN + 1];
    int64_t next_run_seq;
    struct session_target *last_written; /* NULL before the first row of this process */
    bool letting_go;                     /* what is undone now is only let go: hold.h */
    bool lost;                           /* a lease was lost */
    struct error lost_error;
    bool ticking;
};

void session_start(struct session *session, const struct session_config *config);
bool session_open(struct session *session, struct error *error) MUST_CHECK;
/* One of its targets alone. */
bool session_open_target(struct session *session, struct session_target *target, struct error *error) MUST_CHECK;
/* Exit status NOT_INITIALISED, WRONG_TARGET or IDENTITY, and what to do. */
bool session_require_owner(struct session *session, struct error *error) MUST_CHECK;
/* The same, whichever server or account the targets are. */
bool session_require_project(struct session *session, struct error *error) MUST_CHECK;
/* The same, but a target without a ledger will do. */
bool session_check_owner(struct session *session, struct error *error) MUST_CHECK;
/* Creates the ledgers that are missing; refuses targets that belong to somebody else. */
bool session_initialise(struct session *session, struct error *error) MUST_CHECK;
bool session_take_leases(struct session *session, struct error *error) MUST_CHECK;
/* Reads, verifies and folds every ledger, and sets next_run_seq. One that is not there yet is empty. */
bool session_read_ledgers(struct session *session, struct error *error) MUST_CHECK;
bool session_read_ledger(struct session *session, struct session_target *target, struct error *error) MUST_CHECK;
/* A step as its ledger keeps it, in the session's arena. Exit status HISTORY when its line cannot be read. */
bool session_read_step(
    struct session *session, const struct ledger_step *step, struct plan_step *out, struct error *error) MUST_CHECK;
void session_close(struct session *session);

struct session_target *session_find(struct session *session, const char *name); /* BUG when there is none */
/* The newest run of all targets and the target that holds its newest row; NULL when nothing was ever run. */
struct session_target *session_newest(struct session *session);
void session_new_run(struct session *session);
void session_continue_run(struct session *session, const char *run);
/* Writes a row of no step, one of an event in a process; note may be NULL. ENDED ends the session's run. */
bool session_record_of_run(struct session *session, struct session_target *target, enum ledger_event event,
    const struct json *note, struct error *error) MUST_CHECK;
/* Writes ENDED where the run wrote last, if it has rows at all. */
bool session_end_run(struct session *session, struct error *error) MUST_CHECK;
/* Reads the ledgers again that this process wrote to, but for targets that are out of reach. */
bool session_refresh(struct session *session, struct error *error) MUST_CHECK;
/* The same after something failed: that failure is what counts, so one here is only logged. */
void session_refresh_after_failure(struct session *session);

/* For a driver call that writes at most `rows` rows on target. */
struct driver_journal session_journal(struct session *session, struct session_target *target, size_t rows);
/* Writes one row about a step by itself. note may be NULL. */
bool session_record(struct session *session, struct session_target *target, const struct plan_step *step,
    enum ledger_event event, int64_t attempt, const struct json *note, struct error *error) MUST_CHECK;
/* The connection is gone, whatever became of the call. */
bool session_connection_lost(const struct error *error);
/* Connects anew after a connection was lost, takes the lease back and reads the ledger again. Tries for retry_for, and a
 * minute at least; the target is closed when it fails. */
bool session_reconnect(struct session *session, struct session_target *target, struct error *error) MUST_CHECK;

/* Puts the target's name before the message, where the driver has not named it. Returns false. */
bool session_name_target(const struct session_target *target, struct error *error);
int64_t session_now(const struct session *session);
uint32_t session_random(const struct session *session);
/* Sleeps in slices, ticking; returns early when the run is to stop. */
void session_sleep(struct session *session, int64_t ms);
void session_tick(struct session *session);
bool session_stopping(const struct session *session);
/* False (exit status LEASE) once a lease was lost. */
bool session_check(const struct session *session, struct error *error) MUST_CHECK;
/* The command, verb, came to an error before anything was done: that is a signal's or the deadline's doing where a
 * connection was given up for it, or a lease was not waited for any longer. Returns the exit status. */
int session_stopped_early(struct session *session, const char *verb, struct error *error);
void session_log(const struct session *session, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "invplan WORDS PLAN-ARGUMENT", for what to type next. Where WORDS are the command under way, it has the options that say
 * what it is about; so has apply with further ones. */
const char *session_line(const struct session *session, const char *words, ...) __attribute__((format(printf, 2, 3)));

#endif
