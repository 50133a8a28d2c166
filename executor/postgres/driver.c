/*
 * Opening a target: settings from the plan's connection fields, the session's own settings, what the server is; and the
 * table of operations.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"
#include "executor/postgres/sqlstate.h"
#include "executor/redact.h"
#include "executor/reference.h"
#include "spec/base/bug.h"
#include "spec/base/wipe.h"
#include "spec/exit.h"

enum { SERVER_VERSION_MIN = 120000 };

/* Defaults that a url may override. */
static const char *const defaults[][2] = {
    {"application_name", "invplan"},
    {"keepalives", "1"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "4"},
    {"tcp_user_timeout", "30000"},
};

/* Fields of a target's connection in the plan, and libpq's words for them. */
static const char *const fields[][2] = {
    {"host", "host"},
    {"port", "port"},
    {"user", "user"},
    {"username", "user"},
    {"password", "password"},
    {"dbname", "dbname"},
    {"sslmode", "sslmode"},
    {"sslrootcert", "sslrootcert"},
};

/* --- settings of a connection ----------------------------------------------------------------------------------------
 */

/* Copied, so that closing can wipe it. */
static void add_setting(struct arena *arena, struct pg_settings *settings, const char *keyword, const char *value)
{
    VEC_PUSH(arena, &settings->keywords, keyword);
    VEC_PUSH(arena, &settings->values, arena_strdup(arena, value));
}

static void wipe_settings(struct pg_settings *settings)
{
    for (size_t i = 0; i < settings->values.count; i++)
        wipe_bytes(settings->values.items[i], strlen(settings->values.items[i]));
    settings->keywords.count = settings->values.count = 0;
}

static bool add_url(struct postgres_driver *driver, struct references *references, struct error *error)
{
    const char *value;

    if (!reference_resolve_field(references, "url", &value, error))
        return false;
    if (!value)
        return true;
    if (!pg_check_conninfo(value, references->target->name, error))
        return false;
    add_setting(driver->base.arena, &driver->settings, "dbname", value);
    return true;
}

/* The plan's own fields, or, where it names a secret, those of the secret first. */
static bool add_fields(struct postgres_driver *driver, struct references *references, bool of_secret, struct error *error)
{
    const char *value;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (of_secret ? !reference_resolve_secret(references, fields[i][0], &value, error)
                      : !reference_resolve_field(references, fields[i][0], &value, error))
            return false;
        if (!value)
            continue;
        if (strcmp(fields[i][1], "password") == 0)
            redact_register(value, strlen(value));
        add_setting(driver->base.arena, &driver->settings, fields[i][1], value);
    }
    return true;
}

static bool read_settings(struct postgres_driver *driver, struct error *error)
{
    struct arena scratch = ARENA_INIT;
    struct references references = {&scratch, driver->base.env, driver->base.target, NULL};
    struct arena *arena = driver->base.arena;
    bool ok;

    wipe_settings(&driver->settings);
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
        add_setting(arena, &driver->settings, defaults[i][0], defaults[i][1]);
    ok = add_fields(driver, &references, true, error) && add_url(driver, &references, error) &&
        add_fields(driver, &references, false, error);
    add_setting(arena, &driver->settings, "client_encoding", "UTF8");
    references_close(&references);
    wipe_arena(&scratch);
    return ok;
}

/* The server refused the credentials: the secret may have been rotated since it was read. */
static bool read_settings_again(void *context, struct error *error)
{
    return read_settings(context, error);
}

/* --- settings of a session -------------------------------------------------------------------------------------------
 */

static const char *const session_sql[] = {
    "SET search_path = pg_catalog, pg_temp",
    "SET lock_timeout = '15s'", /* of the driver's own statements; users' have their own */
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = '60s'",
    "SET standard_conforming_strings = on",
    "SET default_transaction_read_only = off", /* a role's default: a standby says what it is by other means */
};

/* Our statements are short, run often, look single things up, and are the same each time: neither compiling nor planning
 * them again pays, and a plan that is made while a catalogue is small is kept while it grows. Users' statements have the
 * role's own values. */
static const struct {
    const char *name, *ours;
} planner_settings[PG_PLANNER_SETTINGS] = {
    {"jit", "off"},
    {"plan_cache_mode", "force_generic_plan"},
    {"enable_seqscan", "off"},
};

/* How definitions are printed. */
static const struct {
    const char *name, *ours, *same; /* same: another value with the same effect; NULL */
} format_settings[] = {
    {"TimeZone", "UTC", "Etc/UTC"},
    {"DateStyle", "ISO, MDY", NULL},
    {"IntervalStyle", "postgres", NULL},
    {"extra_float_digits", "1", NULL},
    {"bytea_output", "hex", NULL},
    {"quote_all_identifiers", "off", NULL},
};

enum { FORMAT_COUNT = sizeof(format_settings) / sizeof(format_settings[0]) };

/* shown: the results of SHOW for each of them */
static bool formats_are_ours(const struct pg_rows *shown)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        struct str value = pg_cell(&shown[i], 0, 0);

        if (!str_is(value, format_settings[i].ours) &&
            !(format_settings[i].same && str_is(value, format_settings[i].same)))
            return false;
    }
    return true;
}

/* What a server knows from PostgreSQL 14 on. */
static bool set_newer_settings(struct postgres_driver *driver, struct arena *arena, struct error *error)
{
    struct pg_batch batch = pg_batch_make(arena);
    struct error ignored;

    if (pg_server_version(driver->main) < 140000)
        return true;
    pg_add(&batch, "SET idle_session_timeout = 0"); /* a step on another target, or a pause, may take long */
    if (!pg_run(driver->main, arena, &batch, NULL, NULL, error))
        return false;
    /* So that a server whose client is gone stops working for it. Not every platform's server can. */
    batch = pg_batch_make(arena);
    pg_add(&batch, "SET client_connection_check_interval = '10s'");
    (void)!pg_run(driver->main, arena, &batch, NULL, NULL, &ignored);
    return true;
}

/* Behind a pooler the session is other people's too: nothing is set for longer than a transaction. */
static bool set_session(struct postgres_driver *driver, struct arena *arena, struct error *error)
{
    struct pg_batch batch = pg_batch_make(arena);

    if (driver->pooled) {
        pg_forbid_names(driver->main);
        pg_forbid_names(driver->side);
        return true;
    }
    for (size_t i = 0; i < sizeof(session_sql) / sizeof(session_sql[0]); i++)
        pg_add(&batch, session_sql[i]);
    for (size_t i = 0; i < PG_PLANNER_SETTINGS; i++)
        pg_add(&batch, arena_printf(arena, "SET %s = %s", planner_settings[i].name, planner_settings[i].ours));
    return pg_run(driver->main, arena, &batch, NULL, NULL, error) && set_newer_settings(driver, arena, error);
}

static bool read_session(struct postgres_driver *driver, struct error *error)
{
    enum { PID, START, PATH, SESSION_ROLE, ROLE, DATABASE, STANDBY };
    struct arena *arena = driver->base.arena;
    struct pg_batch batch = pg_batch_make(arena);
    struct pg_rows *rows;

    pg_add(&batch, "SELECT pg_catalog.pg_backend_pid(), pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC',"
                   " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), pg_catalog.current_setting('search_path'),"
                   " pg_catalog.current_setting('role'),"
                   " current_user, pg_catalog.current_database(), pg_catalog.pg_is_in_recovery()"
                   " FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a");
    for (size_t i = 0; i < PG_PLANNER_SETTINGS; i++)
        pg_add(&batch, arena_printf(arena, "SHOW %s", planner_settings[i].name));
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        pg_add(&batch, arena_printf(arena, "SHOW %s", format_settings[i].name));
    if (!pg_run(driver->main, arena, &batch, &rows, NULL, error))
        return false;
    if (rows[0].row_count != 1)
        return error_set(error, EXIT_STATUS_UNSUPPORTED, "the server does not say who we are");
    driver->backend_pid = (int)pg_integer(&rows[0], 0, PID, 0);
    driver->backend_start = pg_text(&rows[0], 0, START);
    driver->search_path = pg_text(&rows[0], 0, PATH);
    for (size_t i = 0; i < PG_PLANNER_SETTINGS; i++)
        driver->planner[i] = pg_text(&rows[1 + i], 0, 0);
    driver->session_role = pg_text(&rows[0], 0, SESSION_ROLE);
    driver->role = pg_text(&rows[0], 0, ROLE);
    driver->database = pg_text(&rows[0], 0, DATABASE);
    driver->standby = pg_true(&rows[0], 0, STANDBY);
    driver->pooled = driver->backend_pid != pg_backend_pid(driver->main);
    driver->formats_are_ours = !driver->pooled && formats_are_ours(rows + 1 + PG_PLANNER_SETTINGS);
    return set_session(driver, arena, error);
}

bool pg_reset_session(struct postgres_driver *driver, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    bool ok;

    pg_add(&batch, "DISCARD ALL");
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    pg_forget_names(driver->main);
    ok = ok && set_session(driver, &arena, error);
    /* A session in an unknown state is not gone on with. */
    if (!ok)
        pg_close(driver->main);
    arena_free(&arena);
    return ok;
}

void pg_add_begin(const struct postgres_driver *driver, struct pg_batch *batch)
{
    pg_add_named(batch, "invplan_begin",
        driver->standby ? "BEGIN ISOLATION LEVEL READ COMMITTED" : "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    if (!driver->pooled)
        return;
    pg_add(batch, "SET LOCAL search_path = pg_catalog, pg_temp");
    pg_add(batch, "SET LOCAL lock_timeout = '15s'");
    pg_add(batch, "SET LOCAL statement_timeout = 0");
    pg_add(batch, "SET LOCAL idle_in_transaction_session_timeout = '60s'");
    pg_add(batch, "SET LOCAL standard_conforming_strings = on");
}

void pg_add_commit(struct pg_batch *batch)
{
    pg_add_named(batch, "invplan_commit", "COMMIT");
}

/* local: "true" for the transaction, "false" for the session */
static const char *user_settings_sql(struct arena *arena, int first_param, const char *local)
{
    struct strbuf sql = STRBUF_INIT;
    struct str copy;

    strbuf_printf(&sql,
        "pg_catalog.set_config('lock_timeout', $%d, %s), pg_catalog.set_config('statement_timeout', $%d, %s),"
        " pg_catalog.set_config('search_path', $%d, %s)",
        first_param, local, first_param + 1, local, first_param + 2, local);
    for (int i = 0; i < PG_PLANNER_SETTINGS; i++)
        strbuf_printf(
            &sql, ", pg_catalog.set_config('%s', $%d, %s)", planner_settings[i].name, first_param + 3 + i, local);
    copy = strbuf_copy(&sql, arena);
    strbuf_free(&sql);
    return copy.data;
}

static void add_user_params(
    const struct postgres_driver *driver, struct pg_batch *batch, int64_t lock_ms, int64_t statement_ms)
{
    pg_param_integer(batch, lock_ms);
    pg_param_integer(batch, statement_ms);
    pg_param(batch, driver->search_path);
    for (size_t i = 0; i < PG_PLANNER_SETTINGS; i++)
        pg_param(batch, driver->planner[i]);
}

const char *pg_user_settings(struct arena *arena, int first_param)
{
    return user_settings_sql(arena, first_param, "true");
}

void pg_add_user_params(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_timeouts *limits)
{
    add_user_params(driver, batch, limits->lock_ms, limits->statement_ms);
}

void pg_add_user_settings(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_timeouts *limits)
{
    pg_add_named(
        batch, "invplan_user", arena_printf(batch->arena, "SELECT %s", pg_user_settings(batch->arena, 1)));
    pg_add_user_params(driver, batch, limits);
}

void pg_add_user_session(
    const struct postgres_driver *driver, struct pg_batch *batch, int64_t lock_ms, int64_t statement_ms)
{
    pg_add(batch, arena_printf(batch->arena, "SELECT %s", user_settings_sql(batch->arena, 1, "false")));
    add_user_params(driver, batch, lock_ms, statement_ms);
}

void pg_add_own_settings(const struct postgres_driver *driver, struct pg_batch *batch, bool after_ddl)
{
    bool brief = after_ddl && driver->formats_are_ours;
    struct strbuf sql = STRBUF_INIT;

    strbuf_append_text(&sql, "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),"
                             " pg_catalog.set_config('statement_timeout', '0', true)");
    for (size_t i = 0; i < PG_PLANNER_SETTINGS; i++)
        strbuf_printf(&sql, ", pg_catalog.set_config('%s', '%s', true)", planner_settings[i].name,
            planner_settings[i].ours);
    if (!brief) {
        strbuf_append_text(&sql, ", pg_catalog.set_config('lock_timeout', '15s', true),"
                                 " pg_catalog.set_config('role', $1, true)");
        for (size_t i = 0; i < FORMAT_COUNT; i++)
            strbuf_printf(&sql, ", pg_catalog.set_config('%s', '%s', true)", format_settings[i].name,
                format_settings[i].ours);
    }
    pg_add_named(batch, brief ? "invplan_own_brief" : "invplan_own", arena_strndup(batch->arena, sql.data, sql.len));
    if (!brief)
        pg_param(batch, driver->session_role);
    strbuf_free(&sql);
}

bool pg_query_on(struct postgres_driver *driver, struct pg_link *link, struct arena *arena, struct pg_batch *single,
    struct pg_rows *out, struct error *error)
{
    struct pg_batch batch;
    struct pg_rows *rows;
    size_t at;

    if (!driver->pooled) {
        if (!pg_run(link, arena, single, &rows, NULL, error))
            return false;
        *out = rows[0];
        return true;
    }
    batch = pg_batch_make(single->arena);
    pg_add_begin(driver, &batch);
    at = batch.statements.count;
    VEC_PUSH(batch.arena, &batch.statements, single->statements.items[0]);
    pg_add_commit(&batch);
    if (!pg_run(link, arena, &batch, &rows, NULL, error))
        return false;
    *out = rows[at];
    return true;
}

bool pg_query(struct postgres_driver *driver, struct arena *arena, struct pg_batch *single, struct pg_rows *out,
    struct error *error)
{
    return pg_query_on(driver, driver->main, arena, single, out, error);
}

void pg_reach(const struct postgres_driver *driver, const char *point)
{
    if (driver->base.env->point)
        driver->base.env->point(driver->base.env->context, point);
}

/* --- operations ------------------------------------------------------------------------------------------------------
 */

static void postgres_close(struct driver *base)
{
    struct postgres_driver *driver = postgres_driver_of(base);

    pg_close(driver->main);
    pg_close(driver->side);
    wipe_settings(&driver->settings);
}

static bool postgres_open(struct arena *arena, const struct plan *plan, const struct plan_target *target,
    const struct driver_env *env, struct driver **out, struct error *error)
{
    struct postgres_driver *driver = ARENA_NEW(arena, struct postgres_driver);

    driver->base = (struct driver){.ops = &driver_postgres, .plan = plan, .target = target, .env = env, .arena = arena};
    driver->schema = target->ledger ? target->ledger : "invplan";
    driver->quoted_schema = pg_quote_identifier(arena, driver->schema);
    if (!read_settings(driver, error)) {
        wipe_settings(&driver->settings);
        return false;
    }
    if (references_use_secrets(target)) {
        driver->settings.renew = read_settings_again;
        driver->settings.renew_context = driver;
    }
    driver->main = pg_make(arena, &driver->settings, env, target->name, false);
    driver->side = pg_make(arena, &driver->settings, env, target->name, true);
    if (!pg_open(driver->main, error)) {
        postgres_close(&driver->base);
        return false;
    }
    if (pg_server_version(driver->main) < SERVER_VERSION_MIN) {
        error_set(error, EXIT_STATUS_UNSUPPORTED,
            "the server of target '%s' is PostgreSQL %d; invplan needs 12 or newer", target->name,
            pg_server_version(driver->main) / 10000);
        postgres_close(&driver->base);
        return false;
    }
    if (!read_session(driver, error)) {
        postgres_close(&driver->base);
        return error_wrap(error, "target '%s'", target->name);
    }
    *out = &driver->base;
    return true;
}

static bool postgres_identify(struct driver *base, struct target_identity *out, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows;
    bool ok;

    memset(out, 0, sizeof(*out));
    pg_add(&batch, "SELECT system_identifier FROM pg_catalog.pg_control_system()");
    ok = pg_query(driver, &arena, &batch, &rows, error);
    if (ok) {
        snprintf(out->text, sizeof(out->text), "system %s, database %s", pg_text(&rows, 0, 0), driver->database);
    } else if (strcmp(error->sqlstate, "42501") == 0) {
        /* Second best where the role may not read the control file: a copy has another endpoint, or another oid. */
        batch = pg_batch_make(&arena);
        pg_add(&batch, "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()");
        ok = pg_query(driver, &arena, &batch, &rows, error);
        if (ok)
            snprintf(out->text, sizeof(out->text), "host %s port %s, database %s with oid %s", pg_host(driver->main),
                pg_port(driver->main), driver->database, pg_text(&rows, 0, 0));
    }
    arena_free(&arena);
    return ok;
}

static bool apply_barrier(struct postgres_driver *driver, const struct driver_journal *journal,
    const struct driver_work *work, struct driver_result *result, struct error *error)
{
    const struct row_draft draft = {.step = work->steps[0],
        .event = LEDGER_EVENT_APPLIED,
        .attempt = work->attempts[0],
        .run_seq = journal->run_seq};

    if (pg_commit_row(driver, journal, &draft, error)) {
        result->rows_written = 1;
        return true;
    }
    result->already_applied = pg_is_double_row(error);
    return result->already_applied;
}

static bool postgres_apply(struct driver *base, const struct driver_journal *journal, const struct driver_work *work,
    struct driver_result *result, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    int64_t began_ms = base->env->now_ms(base->env->context);
    bool ok;

    memset(result, 0, sizeof(*result));
    result->lock_wait_ms = result->lock_hold_ms = -1;
    result->affected = -1;
    if (!work->count)
        BUG("nothing to apply");
    switch (work->steps[0]->action.instruction) {
    case INSTRUCTION_PG_EXEC:
    case INSTRUCTION_PG_ASSERT:
        ok = postgres_apply_group(driver, journal, work, result, error);
        break;
    case INSTRUCTION_PG_EXEC_ALONE:
    case INSTRUCTION_PG_INDEX_PARTITIONS:
        ok = postgres_apply_alone(driver, journal, work, result, error);
        break;
    case INSTRUCTION_PG_BACKFILL:
        ok = postgres_backfill(driver, journal, work, result, error);
        break;
    case INSTRUCTION_BARRIER:
        ok = apply_barrier(driver, journal, work, result, error);
        break;
    default:
        ok = error_set(error, EXIT_STATUS_UNSUPPORTED, "PostgreSQL cannot run '%s'",
            instruction_name(work->steps[0]->action.instruction));
    }
    result->duration_ms = base->env->now_ms(base->env->context) - began_ms;
    return ok;
}

static bool postgres_undo(struct driver *base, const struct driver_journal *journal, const struct plan_step *step,
    int64_t attempt, struct driver_result *result, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    int64_t began_ms = base->env->now_ms(base->env->context);
    bool ok;

    memset(result, 0, sizeof(*result));
    result->lock_wait_ms = result->lock_hold_ms = -1;
    result->affected = -1;
    if (step->inverse.grade == GRADE_IMPOSSIBLE)
        return error_set(error, EXIT_STATUS_UNDO_HALTED, "step '%s' cannot be undone: %s", step->id,
            step->inverse.why ? step->inverse.why : "it has no inverse");
    if (step->inverse.action.none)
        ok = postgres_undo_group(driver, journal, step, attempt, result, error);
    else if (step->inverse.action.instruction == INSTRUCTION_PG_EXEC)
        ok = postgres_undo_group(driver, journal, step, attempt, result, error);
    else if (step->inverse.action.instruction == INSTRUCTION_PG_EXEC_ALONE ||
             step->inverse.action.instruction == INSTRUCTION_PG_INDEX_PARTITIONS)
        ok = postgres_undo_alone(driver, journal, step, attempt, result, error);
    else if (step->inverse.action.instruction == INSTRUCTION_PG_BACKFILL)
        ok = postgres_restore(driver, journal, step, attempt, result, error);
    else
        ok = error_set(error, EXIT_STATUS_UNSUPPORTED, "PostgreSQL cannot undo by '%s'",
            instruction_name(step->inverse.action.instruction));
    result->duration_ms = base->env->now_ms(base->env->context) - began_ms;
    return ok;
}

const struct driver_ops driver_postgres = {
    .engine = ENGINE_POSTGRES,
    .open = postgres_open,
    .identify = postgres_identify,
    .owner = postgres_owner,
    .init = postgres_init,
    .rebind = postgres_rebind,
    .vacant = postgres_vacant,
    .lease_take = postgres_lease_take,
    .lease_renew = postgres_lease_renew,
    .lease_release = postgres_lease_release,
    .lease_look = postgres_lease_look,
    .lease_break = postgres_lease_break,
    .ledger_read = postgres_ledger_read,
    .observe = postgres_observe,
    .apply = postgres_apply,
    .probe = postgres_probe,
    .repair = postgres_repair,
    .guard = postgres_guard,
    .undo = postgres_undo,
    .record = postgres_record,
    .project = postgres_project,
    .close = postgres_close,
};
