/*
 * The lease: one row that says who may write, with a fencing token that changes with each holder. A transaction that
 * writes takes the row FOR KEY SHARE (ledger_pg.c), which a change of the token has to wait for; so a holder who lost
 * it can finish what it began, but begin nothing. Heartbeats change no key column and wait for nobody.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"
#include "executor/postgres/sqlstate.h"
#include "spec/exit.h"

/* How long a takeover waits for a transaction of the old holder to end. */
#define TAKEOVER_WAIT "10s"

#define EXPIRED "heartbeat_at < pg_catalog.clock_timestamp() - duration_ms * interval '1 millisecond'"

struct lease_row {
    struct lease_state state;
    bool expired;
    int64_t backend;
};

static bool read_lease(struct postgres_driver *driver, struct lease_row *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows;
    bool ok;

    memset(out, 0, sizeof(*out));
    pg_add(&batch, pg_sql(driver, &arena,
                       "SELECT token, held, holder, run, GREATEST(0, (EXTRACT(epoch FROM pg_catalog.clock_timestamp() "
                       "- heartbeat_at)"
                       " * 1000)::bigint), " EXPIRED ", backend FROM {L}.lease"));
    ok = pg_query(driver, &arena, &batch, &rows, error);
    if (ok && rows.row_count != 1)
        ok = error_set(error, EXIT_STATUS_HISTORY, "schema '%s' has lost its lease row", driver->schema);
    if (ok) {
        out->state.token = pg_integer(&rows, 0, 0, 0);
        out->state.held = pg_true(&rows, 0, 1) && !pg_true(&rows, 0, 5);
        snprintf(out->state.holder, sizeof(out->state.holder), "%s", pg_text(&rows, 0, 2));
        snprintf(out->state.run, sizeof(out->state.run), "%s", pg_text(&rows, 0, 3));
        out->state.age_ms = pg_true(&rows, 0, 1) ? pg_integer(&rows, 0, 4, -1) : -1;
        out->expired = pg_true(&rows, 0, 1) && pg_true(&rows, 0, 5);
        out->backend = pg_integer(&rows, 0, 6, 0);
    }
    arena_free(&arena);
    return ok;
}

static bool lease_is_held(const struct lease_row *row, struct error *error)
{
    error_set(error, EXIT_STATUS_LEASE, "the lease is held by %s, run %s, last heard of %lld.%lld s ago",
        row->state.holder, row->state.run, (long long)(row->state.age_ms / 1000),
        (long long)(row->state.age_ms % 1000 / 100));
    error->retryable = true;
    return false;
}

/* Ends the old holder's backend, so that nothing of it goes on. Where our role may not, its transaction is waited for.
 */
static void terminate_holder(struct postgres_driver *driver, int64_t token)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows;
    struct error error;
    char message[256];

    pg_add(&batch,
        pg_sql(driver, &arena,
            "SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid) FROM {L}.lease l JOIN pg_catalog.pg_stat_activity a"
            " ON a.pid = l.backend AND a.backend_start = l.backend_start"
            " WHERE l.token = $1::bigint AND a.pid <> pg_catalog.pg_backend_pid()"));
    pg_param_integer(&batch, token);
    if (!pg_query(driver, &arena, &batch, &rows, &error)) {
        snprintf(message, sizeof(message), "the old holder's connection was not ended: %.180s", error.message);
        driver->base.env->log(driver->base.env->context, "warning", message);
    } else if (rows.row_count) {
        snprintf(message, sizeof(message), "ended backend %s of the lease's old holder", pg_text(&rows, 0, 0));
        driver->base.env->log(driver->base.env->context, "warning", message);
    }
    arena_free(&arena);
}

/* Runs an UPDATE of the lease that changes the token. *token -1: no row answered to its condition. */
static bool change_token(struct postgres_driver *driver, struct pg_batch *batch, int64_t *token, struct error *error)
{
    struct pg_rows *rows;
    struct pg_batch all = pg_batch_make(batch->arena);
    size_t update;

    pg_add_begin(driver, &all);
    pg_add(&all, "SET LOCAL lock_timeout = '" TAKEOVER_WAIT "'");
    update = all.statements.count;
    VEC_PUSH(all.arena, &all.statements, batch->statements.items[0]);
    pg_add_commit(&all);
    *token = -1;
    if (!pg_run(driver->main, batch->arena, &all, &rows, NULL, error)) {
        if (!sqlstate_is_lock(error->sqlstate))
            return false;
        error_set(
            error, EXIT_STATUS_LEASE, "a transaction of the lease's old holder is still open after " TAKEOVER_WAIT);
        error->retryable = true;
        return error_help(error, "wait for it, or end it with pg_terminate_backend()");
    }
    if (rows[update].row_count)
        *token = pg_integer(&rows[update], 0, 0, -1);
    return true;
}

bool postgres_lease_take(
    struct driver *base, const struct lease_request *request, struct lease_state *out, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct lease_row row;
    int64_t token;
    bool mine, ok = false;

    memset(out, 0, sizeof(*out));
    /* Now, and not when the first heartbeat is due: a server that has no connection left for it is no server to begin on. */
    if (!pg_side(driver, error)) {
        error_wrap(error, "the second connection, which keeps the lease");
        goto out;
    }
    if (!read_lease(driver, &row, error))
        goto out;
    *out = row.state;
    /* After a lost connection the same process comes back; its old backend must not go on beside the new one. */
    mine = row.state.held && strcmp(row.state.run, request->run) == 0 && strcmp(row.state.holder, request->holder) == 0;
    if (row.state.held && !mine) {
        (void)lease_is_held(&row, error);
        goto out;
    }
    if (row.state.held || row.expired)
        terminate_holder(driver, row.state.token);
    pg_add(&batch,
        pg_sql(driver, &arena,
            "UPDATE {L}.lease SET token = token + 1, held = true, holder = $2, run = $3, backend = $4::integer,"
            " backend_start = $5::timestamptz, heartbeat_at = pg_catalog.clock_timestamp(), duration_ms = $6::bigint"
            " WHERE token = $1::bigint AND (NOT held OR " EXPIRED " OR (holder = $2 AND run = $3)) RETURNING token"));
    pg_param_integer(&batch, row.state.token);
    pg_param(&batch, request->holder);
    pg_param(&batch, request->run);
    /* A pooler's backend serves others too: nobody is to end it on our account. */
    pg_param_integer(&batch, driver->pooled ? 0 : driver->backend_pid);
    pg_param(&batch, driver->pooled ? NULL : driver->backend_start);
    pg_param_integer(&batch, request->duration_ms);
    if (!change_token(driver, &batch, &token, error))
        goto out;
    if (token < 0) {
        if (read_lease(driver, &row, error)) {
            *out = row.state;
            (void)lease_is_held(&row, error);
        }
        goto out;
    }
    driver->token = token;
    memset(out, 0, sizeof(*out));
    out->held = true;
    out->token = token;
    snprintf(out->holder, sizeof(out->holder), "%s", request->holder);
    snprintf(out->run, sizeof(out->run), "%s", request->run);
    ok = true;
out:
    arena_free(&arena);
    return ok;
}

/* On the side connection: main may be in the middle of a statement. */
bool postgres_lease_renew(struct driver *base, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows;
    bool ok;

    pg_add(&batch, pg_sql(driver, &arena,
                       "UPDATE {L}.lease SET heartbeat_at = pg_catalog.clock_timestamp() WHERE token = $1::bigint AND "
                       "held RETURNING true"));
    pg_param_integer(&batch, driver->token);
    ok = pg_side(driver, error) && pg_query_on(driver, driver->side, &arena, &batch, &rows, error);
    if (ok && !rows.row_count)
        ok = error_set(error, EXIT_STATUS_LEASE, "another run has taken the lease over");
    arena_free(&arena);
    return ok;
}

bool postgres_lease_release(struct driver *base, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_link *link;
    struct pg_rows rows;
    bool ok;

    if (!driver->token)
        return true;
    pg_add(&batch,
        pg_sql(driver, &arena, "UPDATE {L}.lease SET held = false WHERE token = $1::bigint AND held RETURNING true"));
    pg_param_integer(&batch, driver->token);
    link = pg_is_open(driver->main) ? driver->main : driver->side;
    ok = (link == driver->main || pg_side(driver, error)) && pg_query_on(driver, link, &arena, &batch, &rows, error);
    if (ok && !rows.row_count)
        ok = error_set(error, EXIT_STATUS_LEASE, "another run has taken the lease over");
    if (ok)
        driver->token = 0;
    arena_free(&arena);
    return ok;
}

bool postgres_lease_look(struct driver *base, struct lease_state *out, struct error *error)
{
    struct lease_row row;

    memset(out, 0, sizeof(*out));
    if (!read_lease(postgres_driver_of(base), &row, error))
        return false;
    *out = row.state;
    return true;
}

bool postgres_lease_break(struct driver *base, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct lease_row row;
    int64_t token;
    bool ok = false;

    if (!read_lease(driver, &row, error))
        goto out;
    terminate_holder(driver, row.state.token);
    pg_add(
        &batch, pg_sql(driver, &arena,
                    "UPDATE {L}.lease SET token = token + 1, held = false WHERE token = $1::bigint RETURNING token"));
    pg_param_integer(&batch, row.state.token);
    if (!change_token(driver, &batch, &token, error))
        goto out;
    /* No row: it changed hands meanwhile, and whoever has it now was not meant. */
    ok = token >= 0 ||
         error_set(error, EXIT_STATUS_LEASE, "the lease changed hands meanwhile; look again with `invplan status`");
out:
    arena_free(&arena);
    return ok;
}
