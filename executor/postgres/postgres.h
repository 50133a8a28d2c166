/*
 * What the files of the PostgreSQL driver share. Each file is one reason to change:
 *
 * - conn.c, batch.c: libpq, connections, statements in one round trip
 * - sqlstate.c: what its errors mean
 * - text.c: identifiers, templates, names of objects
 * - lease.c: who may write
 * - ledger_pg.c: the ledger's tables and rows
 * - observe.c: definitions from the catalogues
 * - exec.c: groups of steps in one transaction
 * - alone.c: steps that cannot be in one
 * - walk.c, throttle.c: what backfill.c and restore.c share
 * - wait.c: who is in the way of a statement
 * - copy.c: restored copies, and empty databases to rebuild in
 * - typeorm.c: TypeORM's migrations table
 * - driver.c: opening, and the table of operations
 *
 * The session's own search_path is pg_catalog, pg_temp, so nothing that a user made can stand in for a catalogue's
 * table, function or operator; users' statements get the role's own search_path for as long as they run. In SQL texts
 * here, {L} stands for the ledger's schema, quoted.
 */
#ifndef EXECUTOR_POSTGRES_POSTGRES_H
#define EXECUTOR_POSTGRES_POSTGRES_H

#include "executor/driver_impl.h"
#include "executor/postgres/conn.h"

enum { LEDGER_FORMAT = 1 };

/* Who was seen to hold up a statement. */
struct pg_blocker {
    bool seen;
    int64_t pid;    /* 0: a prepared transaction */
    int64_t open_s; /* for how long its transaction is open */
    char application[64];
    char state[32];
    char query[160]; /* without literals */
};

enum { PG_PLANNER_SETTINGS = 3 };

struct append_text {
    unsigned kinds;
    const char *sql;
};

struct postgres_driver {
    struct driver base;
    struct pg_settings settings;
    struct pg_link *main;
    struct pg_link *side; /* heartbeats and looking around while main waits; opened at first use */
    const char *schema;   /* of the ledger */
    const char *quoted_schema;
    /* Of the session on main. */
    int backend_pid;           /* by pg_backend_pid(), not the protocol */
    const char *backend_start; /* RFC 3339 */
    const char *search_path;   /* the role's own, as what follows */
    const char *planner[PG_PLANNER_SETTINGS];
    bool formats_are_ours; /* they print what ours do */
    const char *session_role; /* value of the setting "role" at the start: "none", or what ALTER ROLE … SET role says */
    const char *role;         /* current_user */
    const char *database;
    bool pooled; /* something between us and the server hands transactions to different backends */
    bool standby;
    /* Texts of the statement that appends a row, long ones, by the kinds that it observes. */
    VEC(struct append_text) append_texts;
    /* Of the lease. */
    int64_t token; /* 0: not held */
    /* Of the statement under way on main, kept by wait.c's watch. */
    const char *watched_step;
    bool watched_index; /* it may report progress as an index build */
    int64_t watch_began_ms;
    int64_t blocked_ms; /* how long it was held up, as far as was seen */
    struct pg_blocker blocker;
    char waiting_for[512]; /* what was last logged about waiting */
};

static inline struct postgres_driver *postgres_driver_of(struct driver *driver)
{
    return (struct postgres_driver *)driver;
}

/* --- text.c --- */
char *pg_quote_identifier(struct arena *arena, const char *name); /* always in double quotes */
/* template with {L} replaced. */
char *pg_sql(const struct postgres_driver *driver, struct arena *arena, const char *template);
/* A query without what people typed into it: literals and numbers become ?, comments go, space is folded. */
void pg_strip_literals(const char *query, char *out, size_t out_size);
/* query without trailing semicolons, to be put between parentheses. */
struct str pg_strip_end(const char *query);

struct object_name {
    struct str kind;      /* "table" */
    const char *parts[3]; /* schema, name, part; NULL when absent */
    size_t count;
    const char *args; /* of a function, between the parentheses; NULL */
};

/* "constraint public.items.\"Odd name\"": false when it is not of that form. */
bool object_name_parse(struct arena *arena, const char *text, struct object_name *out);

/* --- wait.c: what goes on while main waits --- */
void pg_watch_step(struct postgres_driver *driver, const struct plan_step *step, int64_t lock_timeout_ms);
/* failure: the error that the step ended with, or NULL; that of a lock time-out is told who was in the way. Tells the
 * result how long was waited and who was in the way. */
void pg_watch_end(struct postgres_driver *driver, struct driver_result *result, struct error *failure);
/* The side connection, open. */
bool pg_side(struct postgres_driver *driver, struct error *error) MUST_CHECK;

/* --- driver.c --- */
/* Runs one statement of the driver's own. On a pooled connection it brings its own settings along. */
bool pg_query(struct postgres_driver *driver, struct arena *arena, struct pg_batch *single, struct pg_rows *out,
    struct error *error) MUST_CHECK;
bool pg_query_on(struct postgres_driver *driver, struct pg_link *link, struct arena *arena, struct pg_batch *single,
    struct pg_rows *out, struct error *error) MUST_CHECK;
/* Adds BEGIN, with the session's settings where the session may not have them. */
void pg_add_begin(const struct postgres_driver *driver, struct pg_batch *batch);
void pg_add_commit(struct pg_batch *batch);
/* From here on in the transaction the user's statements run, with these time-outs. */
void pg_add_user_settings(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_timeouts *limits);
/* The same as columns of a SELECT, whose parameters from first_param on are those of pg_add_user_params(). */
const char *pg_user_settings(struct arena *arena, int first_param);
void pg_add_user_params(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_timeouts *limits);
/* The same for the session, until pg_reset_session(). */
void pg_add_user_session(
    const struct postgres_driver *driver, struct pg_batch *batch, int64_t lock_ms, int64_t statement_ms);
/* From here on in the transaction the driver's own do; output formats are fixed, so that observations compare. after_ddl:
 * the user's statements were DDL, which changes no setting, and nothing waits for locks any more: only what differs
 * between theirs and ours is set, for each setting takes as long as a short statement does. */
void pg_add_own_settings(const struct postgres_driver *driver, struct pg_batch *batch, bool after_ddl);
void pg_reach(const struct postgres_driver *driver, const char *point);

/* --- lease.c --- */
bool postgres_lease_take(
    struct driver *driver, const struct lease_request *request, struct lease_state *out, struct error *error);
bool postgres_lease_renew(struct driver *driver, struct error *error);
bool postgres_lease_release(struct driver *driver, struct error *error);
bool postgres_lease_look(struct driver *driver, struct lease_state *out, struct error *error);
bool postgres_lease_break(struct driver *driver, struct error *error);

/* --- ledger_pg.c --- */
bool postgres_owner(struct driver *driver, bool *initialised, struct target_owner *out, struct error *error);
bool postgres_init(struct driver *driver, const struct target_owner *owner, struct error *error);
bool postgres_ledger_read(struct driver *driver, struct arena *arena, struct ledger *out, struct error *error);
bool postgres_record(
    struct driver *driver, const struct driver_journal *journal, const struct ledger_entry *entry, struct error *error);

/* A row to be appended; at, seq, hashes, token and what is observed are the server's. */
struct row_draft {
    const struct plan_step *step;
    enum ledger_event event;
    int64_t attempt;
    int64_t run_seq;
    const struct json *note; /* or NULL */
    bool observe;            /* read the definitions of step->effect */
};

/* Refuses (SQLSTATE IV001) unless our lease still stands, and keeps it and the chain's head until the transaction ends.
 */
void pg_add_lock(const struct postgres_driver *driver, struct pg_batch *batch);
/* Refuses (IV002) when one of the steps is applied. */
void pg_add_check_pending(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *const *steps, size_t count);
/* Both that and pg_add_user_settings() with the first step's time-outs, as one statement. */
void pg_add_pending_and_user_settings(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *const *steps, size_t count);
/* Refuses (IV003, message) unless query returns true. */
void pg_add_check(const struct postgres_driver *driver, struct pg_batch *batch, const char *query, const char *message);
/* The same for a step's pre- or postcondition, with the user's settings; nothing when it has none. */
void pg_add_step_check(const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *step,
    const struct plan_check *check);
/* Refuses (IV004) when a user's statement ended the transaction; in own settings. */
void pg_add_append(struct postgres_driver *driver, struct pg_batch *batch, const struct driver_journal *journal,
    const struct row_draft *draft);
/* What the ledger says of one step. */
struct step_history {
    bool any;
    char event[16];         /* of its last row */
    int64_t attempt;        /* of its last row */
    bool applied;           /* by its last row */
    int started_pid;        /* backend of the last STARTED (or UNDO_STARTED) row; 0 unknown */
    char started_start[64]; /* when that backend began, RFC 3339 */
};
bool pg_read_history(struct postgres_driver *driver, const char *step, bool inverse, struct step_history *out,
    struct error *error) MUST_CHECK;
/* Is the error a second row for the same step, attempt and event? */
bool pg_is_double_row(const struct error *error);

/* --- observe.c --- */
bool postgres_observe(struct driver *driver, struct arena *arena, const char *const *objects, size_t count,
    struct json **out, struct error *error);
/* Objects as parameters of an observing query, and a bit for each of their kinds. A query for one object is simpler. */
#define OBSERVES_ONE (1u << 31)
struct observation {
    unsigned kinds; /* with OBSERVES_ONE where it is one object */
    VEC(const char *) objects, kind_names, schemas, names, parts, args;
};
void pg_observation_make(struct arena *arena, const char *const *objects, size_t count, struct observation *out);
/* The SQL expression (text, JSON object) for these kinds, which uses parameters $first … $first+5. */
const char *pg_observation_sql(struct arena *arena, unsigned kinds, int first_param);
void pg_add_observation_params(struct pg_batch *batch, const struct observation *observation);

/* --- copy.c --- */
bool postgres_rebind(struct driver *driver, const struct target_identity *identity, struct error *error);
bool postgres_vacant(struct driver *driver, bool *vacant, char *what, size_t what_size, struct error *error);

/* --- exec.c --- */
bool postgres_apply_group(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error) MUST_CHECK;
bool postgres_undo_group(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, struct driver_result *result, struct error *error) MUST_CHECK;
bool postgres_guard(struct driver *driver, const struct plan_step *step, bool *holds, char *detail, size_t detail_size,
    struct error *error);
/* What the session may have kept of a user's statement goes (SET, LISTEN, temporary tables, advisory locks). */
bool pg_reset_session(struct postgres_driver *driver, struct error *error) MUST_CHECK;

/* --- alone.c --- */
bool postgres_apply_alone(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error) MUST_CHECK;
bool postgres_undo_alone(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, struct driver_result *result, struct error *error) MUST_CHECK;
bool postgres_probe(
    struct driver *driver, const struct plan_step *step, bool inverse, struct probe_answer *out, struct error *error);
bool postgres_repair(struct driver *driver, const struct plan_step *step, bool inverse, struct error *error);
/* Commits one row by itself, in a transaction that holds the lease. */
bool pg_commit_row(struct postgres_driver *driver, const struct driver_journal *journal, const struct row_draft *draft,
    struct error *error) MUST_CHECK;
/* {"backend":PID,"backend_start":"…","probe":"…"} of a STARTED row. */
struct json *pg_started_note(const struct postgres_driver *driver, struct arena *arena, const char *probe);

/* Runs one statement by itself on main, with the user's settings for as long as it takes. */
bool pg_run_alone(struct postgres_driver *driver, const struct plan_step *step, int64_t lock_ms, const char *sql,
    struct driver_result *result, struct error *error) MUST_CHECK;

/* --- partitions.c --- */
/* The effect of pg.index_partitions, as the step's action or its inverse. What an earlier attempt did is gone on with. */
bool pg_index_partitions(struct postgres_driver *driver, const struct plan_step *step, bool inverse,
    struct driver_result *result, struct error *error) MUST_CHECK;
/* *out holds what the probe's query said; it becomes what that means for this instruction. */
bool pg_probe_partitions(struct postgres_driver *driver, const struct plan_step *step, bool inverse,
    struct probe_answer *out, struct error *error) MUST_CHECK;

/* --- backfill.c --- */
bool postgres_backfill(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error) MUST_CHECK;
bool postgres_restore(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct plan_step *step, int64_t attempt, struct driver_result *result, struct error *error) MUST_CHECK;
bool postgres_probe_backfill(struct postgres_driver *driver, const struct plan_step *step, bool inverse,
    struct probe_answer *out, struct error *error) MUST_CHECK;

/* --- typeorm.c --- */
bool postgres_project(struct driver *driver, const struct projected_migration *migrations, size_t count,
    const struct projected_migration *undone, size_t undone_count, struct error *error);

#endif
