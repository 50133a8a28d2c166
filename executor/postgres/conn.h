/*
 * One connection to a PostgreSQL server, the only place that knows libpq. Statements go out in batches: a batch is one
 * pipeline with one synchronisation point, so it costs one round trip however many statements it has, and stops at the
 * first that fails. Waiting is a poll() loop that keeps the outside world ticking (env->tick, at least each second).
 *
 *     struct pg_batch batch = pg_batch_make(&arena);
 *     pg_add(&batch, "SELECT $1::text");  pg_param(&batch, "x");
 *     if (!pg_run(conn, &arena, &batch, &rows, &failed, &error)) …   any transaction it began is rolled back
 *
 * After a lost connection pg_is_open() is false and pg_open() connects again with the same settings. A connection that
 * is `quiet` neither ticks nor watches: it may be used from within a tick of another one, and gives up after
 * PG_QUIET_DEADLINE_MS.
 */
#ifndef EXECUTOR_POSTGRES_CONN_H
#define EXECUTOR_POSTGRES_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/driver.h"
#include "spec/base/arena.h"
#include "spec/base/error.h"
#include "spec/base/str.h"
#include "spec/base/vec.h"

enum {
    PG_CONNECT_DEADLINE_MS = 15000, /* unless connect_timeout says another */
    PG_QUIET_DEADLINE_MS = 5000,
    PG_STOP_GRACE_MS = 5000, /* how long a statement may go on after the run was asked to stop */
};

struct pg_link;

/* Connection parameters in libpq's words; later ones win. A "dbname" may be a whole url or conninfo string. */
struct pg_settings {
    VEC(const char *) keywords; /* without the final NULL */
    VEC(char *) values;
    /* Where the server refuses the credentials: reads them anew, once for each attempt to connect. NULL: they do not
     * change. */
    bool (*renew)(void *context, struct error *error);
    void *renew_context;
};

struct pg_statement {
    const char *sql;
    const char *name;         /* prepared under this name at first use; NULL: not prepared */
    int step;                 /* index into the caller's steps that it belongs to; -1: none */
    bool user;                /* written by the user: timed, and able to change the session */
    VEC(const char *) params; /* text; NULL is SQL's NULL */
};

struct pg_batch {
    struct arena *arena;
    VEC(struct pg_statement) statements;
};

struct pg_rows {
    size_t row_count;
    size_t column_count;
    const struct str *cells; /* row by row; .data NULL for SQL's NULL */
    char tag[64];            /* "CREATE TABLE", "UPDATE 5" */
    int64_t affected;        /* -1 when the statement has no row count */
    int64_t elapsed_ms;      /* of users' statements: since the one before it */
};

/* Called while a statement runs: first after watch_after_ms, then about each second. */
struct pg_watch {
    void (*call)(void *context, int64_t waited_ms);
    void *context;
    int64_t after_ms;
};

/* settings and env outlive the connection. */
struct pg_link *pg_make(struct arena *arena, const struct pg_settings *settings, const struct driver_env *env,
    const char *target, bool quiet);
bool pg_open(struct pg_link *conn, struct error *error) MUST_CHECK;
bool pg_is_open(const struct pg_link *conn);
void pg_close(struct pg_link *conn);
/* NULL: none. Stays until it is replaced. */
void pg_set_watch(struct pg_link *conn, const struct pg_watch *watch);
int pg_backend_pid(const struct pg_link *conn);    /* as the protocol told it; 0 when closed */
int pg_server_version(const struct pg_link *conn); /* 150020; 0 when closed */
const char *pg_host(const struct pg_link *conn);
const char *pg_port(const struct pg_link *conn);
/* Statements are never prepared by name: a pooler would send the next one to another server process. */
void pg_forbid_names(struct pg_link *conn);
/* The server was told to forget everything (DISCARD ALL): names have to be prepared again. */
void pg_forget_names(struct pg_link *conn);
/* Is text a url or conninfo string that libpq takes? Registers a password in it as a secret. */
bool pg_check_conninfo(const char *text, const char *target, struct error *error) MUST_CHECK;

struct pg_batch pg_batch_make(struct arena *arena);
/* Adds a statement; pg_param() and the flags below go to the last one added. */
struct pg_statement *pg_add(struct pg_batch *batch, const char *sql);
struct pg_statement *pg_add_named(struct pg_batch *batch, const char *name, const char *sql);
void pg_param(struct pg_batch *batch, const char *text); /* not copied; NULL: SQL's NULL */
void pg_param_integer(struct pg_batch *batch, int64_t value);
void pg_param_list(struct pg_batch *batch, const char *const *items, size_t count); /* text[] */

/* Runs all statements. *results (may be NULL) becomes an array of one each, in arena. On failure *failed (may be NULL)
 * is the index of the statement that failed, or the count when that is unknown. */
bool pg_run(struct pg_link *conn, struct arena *arena, const struct pg_batch *batch, struct pg_rows **results,
    size_t *failed, struct error *error) MUST_CHECK;

struct str pg_cell(const struct pg_rows *result, size_t row, size_t column);
const char *pg_text(const struct pg_rows *result, size_t row, size_t column); /* NULL for SQL's NULL */
int64_t pg_integer(const struct pg_rows *result, size_t row, size_t column, int64_t fallback);
bool pg_true(const struct pg_rows *result, size_t row, size_t column);

#endif
