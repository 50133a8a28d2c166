/*
 * The ledger in a schema of its own. `owner`, `lease` and `head` hold one row each. A row of `ledger` is written by one
 * statement that reads the head, which the transaction has locked before, observes the step's objects, and computes the
 * chained hash; a trigger refuses every change of rows that are written.
 */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"
#include "executor/postgres/sqlstate.h"
#include "spec/base/digest.h"
#include "spec/exit.h"

#define AT_TEXT(at) "pg_catalog.to_char(" at " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* --- making it -------------------------------------------------------------------------------------------------------
 */

static const char *const schema_sql[] = {
    "CREATE TABLE IF NOT EXISTS {L}.owner ("
    "one boolean PRIMARY KEY DEFAULT true CHECK (one), format integer NOT NULL, project text NOT NULL,"
    " environment text NOT NULL, identity text NOT NULL, at timestamptz NOT NULL DEFAULT pg_catalog.now())",

    /* token is a key, so that FOR KEY SHARE on the row holds up whoever wants to change it, and nobody else. */
    "CREATE TABLE IF NOT EXISTS {L}.lease ("
    "one boolean PRIMARY KEY DEFAULT true CHECK (one), token bigint NOT NULL UNIQUE, held boolean NOT NULL,"
    " holder text NOT NULL, run text NOT NULL, backend integer NOT NULL, backend_start timestamptz,"
    " heartbeat_at timestamptz NOT NULL, duration_ms bigint NOT NULL) WITH (fillfactor = 10)",

    "CREATE TABLE IF NOT EXISTS {L}.head ("
    "one boolean PRIMARY KEY DEFAULT true CHECK (one), seq bigint NOT NULL, hash text NOT NULL) WITH (fillfactor = 10)",

    "CREATE TABLE IF NOT EXISTS {L}.ledger ("
    "seq bigint PRIMARY KEY, prev_hash text NOT NULL, hash text NOT NULL, run text NOT NULL, run_seq bigint NOT NULL,"
    " step text NOT NULL, attempt bigint NOT NULL, event text NOT NULL, source_digest text NOT NULL,"
    " effect_digest text NOT NULL, plan_digest text NOT NULL, step_line text NOT NULL, observed text NOT NULL,"
    " token bigint NOT NULL, at timestamptz NOT NULL, note text NOT NULL,"
    " CONSTRAINT ledger_once UNIQUE (step, attempt, event))"
    /* Most rows fit a page as they are: compressing each takes longer than writing it. */
    " WITH (toast_tuple_target = 8160)",

    "CREATE TABLE IF NOT EXISTS {L}.checkpoint ("
    "step text PRIMARY KEY, effect_digest text NOT NULL, cursor text[], rows bigint NOT NULL, walked bigint NOT NULL,"
    " batch bigint NOT NULL, done boolean NOT NULL, at timestamptz NOT NULL)",

    "CREATE TABLE IF NOT EXISTS {L}.undo ("
    "id bigint GENERATED ALWAYS AS IDENTITY, step text NOT NULL, key text[] NOT NULL, old text[] NOT NULL,"
    " new text[] NOT NULL, PRIMARY KEY (step, id))",

    "CREATE OR REPLACE FUNCTION {L}.refuse(code text, message text) RETURNS boolean LANGUAGE plpgsql"
    " SET search_path = '' AS 'BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END'",

    "CREATE OR REPLACE FUNCTION {L}.keep() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS "
    "'BEGIN RAISE EXCEPTION USING ERRCODE = ''IV005'', MESSAGE = ''the ledger is append-only: '' || TG_OP ||"
    " '' is refused''; END'",

    "DROP TRIGGER IF EXISTS ledger_keep ON {L}.ledger",
    "CREATE TRIGGER ledger_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON {L}.ledger"
    " FOR EACH STATEMENT EXECUTE FUNCTION {L}.keep()",

    "INSERT INTO {L}.lease (token, held, holder, run, backend, heartbeat_at, duration_ms)"
    " VALUES (0, false, '', '', 0, pg_catalog.now(), 0) ON CONFLICT DO NOTHING",
    "INSERT INTO {L}.head (seq, hash) VALUES (0, '') ON CONFLICT DO NOTHING",
};

/* What there is, and what our role may do about it. */
struct ledger_facts {
    bool schema_exists;
    bool owner_exists; /* the table */
    bool may_create_schema;
    bool may_create_in_schema;
    bool may_use;
};

static bool read_facts(
    struct postgres_driver *driver, struct arena *arena, struct ledger_facts *out, struct error *error)
{
    static const char sql[] =
        "SELECT n.oid IS NOT NULL, c.oid IS NOT NULL,"
        " pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),"
        " n.oid IS NOT NULL AND pg_catalog.has_schema_privilege(n.oid, 'CREATE'),"
        " n.oid IS NOT NULL AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
        " FROM (SELECT $1::text AS name) o LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = o.name"
        " LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'owner'";
    struct pg_batch batch = pg_batch_make(arena);
    struct pg_rows rows;

    pg_add(&batch, sql);
    pg_param(&batch, driver->schema);
    if (!pg_query(driver, arena, &batch, &rows, error))
        return false;
    *out = (struct ledger_facts){
        .schema_exists = pg_true(&rows, 0, 0),
        .owner_exists = pg_true(&rows, 0, 1),
        .may_create_schema = pg_true(&rows, 0, 2),
        .may_create_in_schema = pg_true(&rows, 0, 3),
        .may_use = pg_true(&rows, 0, 4),
    };
    return true;
}

bool postgres_owner(struct driver *base, bool *initialised, struct target_owner *out, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct ledger_facts facts;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows = {0};
    bool ok = false;

    *initialised = false;
    memset(out, 0, sizeof(*out));
    if (!read_facts(driver, &arena, &facts, error))
        goto out;
    if (!facts.owner_exists) {
        ok = true;
        goto out;
    }
    if (!facts.may_use) {
        error_set(error, EXIT_STATUS_PERMISSION, "role '%s' may not use schema '%s', where the ledger is", driver->role,
            driver->schema);
        error_help(
            error, "GRANT USAGE ON SCHEMA %s TO %s", driver->quoted_schema, pg_quote_identifier(&arena, driver->role));
        goto out;
    }
    pg_add(&batch, pg_sql(driver, &arena, "SELECT format, project, environment, identity FROM {L}.owner"));
    if (!pg_query(driver, &arena, &batch, &rows, error))
        goto out;
    if (rows.row_count && pg_integer(&rows, 0, 0, 0) != LEDGER_FORMAT) {
        error_set(error, EXIT_STATUS_UNSUPPORTED, "the ledger in schema '%s' has format %s; this invplan knows %d",
            driver->schema, pg_text(&rows, 0, 0), LEDGER_FORMAT);
        error_help(error, "use the invplan that wrote it, or a newer one");
        goto out;
    }
    *initialised = rows.row_count == 1;
    if (*initialised) {
        snprintf(out->project, sizeof(out->project), "%s", pg_text(&rows, 0, 1));
        snprintf(out->environment, sizeof(out->environment), "%s", pg_text(&rows, 0, 2));
        snprintf(out->identity.text, sizeof(out->identity.text), "%s", pg_text(&rows, 0, 3));
    }
    ok = true;
out:
    arena_free(&arena);
    return ok;
}

static bool check_rights(
    const struct postgres_driver *driver, struct arena *arena, const struct ledger_facts *facts, struct error *error)
{
    const char *role = pg_quote_identifier(arena, driver->role);

    if (driver->standby) {
        error_set(error, EXIT_STATUS_UNREACHABLE, "the server is a read-only standby");
        return error_help(error, "connect to the primary, for example with target_session_attrs=read-write");
    }
    if (!facts->schema_exists && !facts->may_create_schema) {
        error_set(error, EXIT_STATUS_PERMISSION, "role '%s' may not create schema '%s' for the ledger", driver->role,
            driver->schema);
        return error_help(
            error, "GRANT CREATE ON DATABASE %s TO %s", pg_quote_identifier(arena, driver->database), role);
    }
    if (facts->schema_exists && (!facts->may_create_in_schema || !facts->may_use)) {
        error_set(error, EXIT_STATUS_PERMISSION, "role '%s' may not create the ledger's tables in schema '%s'",
            driver->role, driver->schema);
        return error_help(error, "GRANT CREATE, USAGE ON SCHEMA %s TO %s", driver->quoted_schema, role);
    }
    return true;
}

bool postgres_init(struct driver *base, const struct target_owner *owner, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct ledger_facts facts;
    bool ok = false;

    if (!read_facts(driver, &arena, &facts, error) || !check_rights(driver, &arena, &facts, error))
        goto out;
    pg_add_begin(driver, &batch);
    /* Two first runs at the same time: IF NOT EXISTS alone would let one of them fail on a catalogue's unique index. */
    pg_add(&batch, "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))");
    pg_param(&batch, arena_printf(&arena, "invplan init %s", driver->schema));
    if (!facts.schema_exists)
        pg_add(&batch, pg_sql(driver, &arena, "CREATE SCHEMA IF NOT EXISTS {L}"));
    pg_add(&batch, "SET LOCAL client_min_messages = warning");
    for (size_t i = 0; i < sizeof(schema_sql) / sizeof(schema_sql[0]); i++)
        pg_add(&batch, pg_sql(driver, &arena, schema_sql[i]));
    pg_add(&batch, pg_sql(driver, &arena,
                       "INSERT INTO {L}.owner (format, project, environment, identity) VALUES ($1::integer, $2, $3, "
                       "$4) ON CONFLICT DO NOTHING"));
    pg_param_integer(&batch, LEDGER_FORMAT);
    pg_param(&batch, owner->project);
    pg_param(&batch, owner->environment);
    pg_param(&batch, owner->identity.text);
    pg_reach(driver, "pg.init.before");
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    if (!ok)
        error_wrap(error, "the ledger's schema '%s' cannot be made", driver->schema);
    pg_reach(driver, "pg.init.after");
out:
    arena_free(&arena);
    return ok;
}

/* --- reading it ------------------------------------------------------------------------------------------------------
 */

enum { READ_ROWS = 2000, READ_LINES = 200 };

/* Without its step's line, which is what is large, and mostly the very one that the plan, which outlives us, holds
 * already: the row's hash tells whether it is. */
static struct str guess_line(const struct plan *plan, const char *id)
{
    const struct plan_step *step = plan_find_step(plan, id);

    return step ? step->line : STR("");
}

static bool read_row(const struct plan *plan, const struct pg_rows *rows, size_t row, struct ledger_row *out,
    struct error *error)
{
    enum {
        SEQ,
        PREV_HASH,
        HASH,
        RUN,
        RUN_SEQ,
        STEP,
        ATTEMPT,
        EVENT,
        SOURCE,
        EFFECT,
        PLAN,
        OBSERVED,
        TOKEN,
        AT,
        NOTE
    };

    *out = (struct ledger_row){
        .seq = pg_integer(rows, row, SEQ, 0),
        .prev_hash = pg_text(rows, row, PREV_HASH),
        .hash = pg_text(rows, row, HASH),
        .run = pg_text(rows, row, RUN),
        .run_seq = pg_integer(rows, row, RUN_SEQ, 0),
        .step = pg_text(rows, row, STEP),
        .attempt = pg_integer(rows, row, ATTEMPT, 0),
        .source_digest = pg_text(rows, row, SOURCE),
        .effect_digest = pg_text(rows, row, EFFECT),
        .plan_digest = pg_text(rows, row, PLAN),
        .step_line = guess_line(plan, pg_text(rows, row, STEP)),
        .observed = pg_cell(rows, row, OBSERVED),
        .token = pg_integer(rows, row, TOKEN, 0),
        .at = pg_text(rows, row, AT),
        .note = pg_cell(rows, row, NOTE),
    };
    if (!ledger_event_from_name(pg_cell(rows, row, EVENT), &out->event))
        return error_set(error, EXIT_STATUS_HISTORY,
            "ledger row %lld has an event that this invplan does not know: '%s'", (long long)out->seq,
            pg_text(rows, row, EVENT));
    return true;
}

/* Pages by seq, so that libpq holds no more than one. */
static bool read_page(
    struct postgres_driver *driver, struct arena *arena, int64_t after, struct pg_rows *out, struct error *error)
{
    struct arena scratch = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&scratch);
    bool ok;

    pg_add(&batch, pg_sql(driver, &scratch,
                       "SELECT seq, prev_hash, hash, run, run_seq, step, attempt, event, source_digest, effect_digest, "
                       "plan_digest,"
                       " observed, token, " AT_TEXT(
                           "at") ", note FROM {L}.ledger WHERE seq > $1::bigint ORDER BY seq LIMIT $2::integer"));
    pg_param_integer(&batch, after);
    pg_param_integer(&batch, READ_ROWS);
    ok = pg_query(driver, arena, &batch, out, error);
    arena_free(&scratch);
    return ok;
}

static bool read_rows(struct postgres_driver *driver, struct arena *arena, struct ledger *out, struct error *error)
{
    struct pg_rows rows;
    int64_t last = 0;
    size_t count;
    bool ok;

    do {
        ok = read_page(driver, arena, last, &rows, error);
        count = ok ? rows.row_count : 0;
        for (size_t i = 0; ok && i < count; i++) {
            struct ledger_row row;

            ok = read_row(driver->base.plan, &rows, i, &row, error);
            VEC_PUSH(arena, &out->rows, row);
            last = row.seq;
        }
    } while (ok && count == READ_ROWS);
    return ok;
}

static bool read_lines_of(struct postgres_driver *driver, struct arena *arena, struct ledger *ledger,
    const size_t *wanted, size_t count, struct error *error)
{
    struct arena scratch = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&scratch);
    const char **seqs = ARENA_ARRAY(&scratch, const char *, count);
    struct pg_rows rows;
    bool ok;

    for (size_t i = 0; i < count; i++)
        seqs[i] = arena_printf(&scratch, "%lld", (long long)ledger->rows.items[wanted[i]].seq);
    pg_add(&batch,
        pg_sql(driver, &scratch, "SELECT step_line FROM {L}.ledger WHERE seq = ANY($1::bigint[]) ORDER BY seq"));
    pg_param_list(&batch, seqs, count);
    ok = pg_query(driver, &scratch, &batch, &rows, error) &&
         (rows.row_count == count || error_set(error, EXIT_STATUS_HISTORY, "rows of the ledger went away"));
    for (size_t i = 0; ok && i < count; i++)
        ledger->rows.items[wanted[i]].step_line = str_copy(arena, pg_cell(&rows, i, 0));
    arena_free(&scratch);
    return ok;
}

/* The lines that were not guessed. */
static bool read_missing_lines(
    struct postgres_driver *driver, struct arena *arena, struct ledger *ledger, struct error *error)
{
    size_t wanted[READ_LINES];
    size_t count = 0;

    ledger->hashes_hold = true;
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const struct ledger_row *row = &ledger->rows.items[i];

        if (strcmp(ledger_row_hash(row).hex, row->hash) != 0)
            wanted[count++] = i;
        if (count == READ_LINES || (count && i + 1 == ledger->rows.count)) {
            ledger->hashes_hold = false; /* these are judged with their lines */
            if (!read_lines_of(driver, arena, ledger, wanted, count, error))
                return false;
            count = 0;
        }
    }
    return true;
}

bool postgres_ledger_read(struct driver *base, struct arena *arena, struct ledger *out, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct pg_batch batch = pg_batch_make(arena);
    struct pg_rows rows;
    int64_t last;

    memset(out, 0, sizeof(*out));
    if (!read_rows(driver, arena, out, error) || !read_missing_lines(driver, arena, out, error))
        return error_wrap(error, "the ledger cannot be read");
    last = out->rows.count ? out->rows.items[out->rows.count - 1].seq : 0;
    pg_add(&batch, pg_sql(driver, arena, "SELECT seq, hash FROM {L}.head"));
    if (!pg_query(driver, arena, &batch, &rows, error))
        return error_wrap(error, "the ledger's head cannot be read");
    if (rows.row_count != 1)
        return error_set(error, EXIT_STATUS_HISTORY, "the ledger in schema '%s' has lost its head row", driver->schema);
    /* The head is written with each row, so rows that were cut off at the end are missed here. Rows may be added by
     * others between the two queries, never taken away. */
    if (pg_integer(&rows, 0, 0, -1) < last || (pg_integer(&rows, 0, 0, -1) > last && driver->token))
        return error_set(error, EXIT_STATUS_HISTORY, "the ledger in schema '%s' ends at row %lld, its head says %s",
            driver->schema, (long long)last, pg_text(&rows, 0, 0));
    if (pg_integer(&rows, 0, 0, -1) == last)
        out->head_hash = pg_text(&rows, 0, 1);
    else
        out->head_hash = out->rows.count ? out->rows.items[out->rows.count - 1].hash : "";
    return true;
}

bool pg_read_history(
    struct postgres_driver *driver, const char *step, bool inverse, struct step_history *out, struct error *error)
{
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows rows;
    struct json_error json_error;
    struct json *note;
    bool ok;

    memset(out, 0, sizeof(*out));
    pg_add(
        &batch, pg_sql(driver, &arena,
                    "SELECT l.event, l.attempt, CASE WHEN l.event = 'RESOLVED' THEN l.note ELSE '' END,"
                    " (SELECT s.note FROM {L}.ledger s WHERE s.step = $1 AND s.event = $2 ORDER BY s.seq DESC LIMIT 1)"
                    " FROM {L}.ledger l WHERE l.step = $1 ORDER BY l.seq DESC LIMIT 1"));
    pg_param(&batch, step);
    pg_param(&batch, inverse ? "UNDO_STARTED" : "STARTED");
    ok = pg_query(driver, &arena, &batch, &rows, error);
    if (ok && rows.row_count) {
        const char *event = pg_text(&rows, 0, 0);
        int64_t pid = 0;

        out->any = true;
        snprintf(out->event, sizeof(out->event), "%s", event);
        out->attempt = pg_integer(&rows, 0, 1, 0);
        note = json_read(&arena, pg_cell(&rows, 0, 2), JSON_STRICT, &json_error);
        out->applied = strcmp(event, "APPLIED") == 0 || strcmp(event, "ADOPTED") == 0 ||
                       strcmp(event, "BASELINED") == 0 || strcmp(event, "GATE_PASSED") == 0 ||
                       str_is(json_text(json_get(note, "as")), "applied");
        note = json_read(&arena, pg_cell(&rows, 0, 3), JSON_STRICT, &json_error);
        if (json_to_i64(json_get(note, "backend"), &pid) && pid > 0 && pid <= INT32_MAX)
            out->started_pid = (int)pid;
        snprintf(out->started_start, sizeof(out->started_start), "%.*s",
            STR_ARG(json_text(json_get(note, "backend_start"))));
    }
    arena_free(&arena);
    return ok;
}

/* --- writing it ------------------------------------------------------------------------------------------------------
 */

void pg_add_lock(const struct postgres_driver *driver, struct pg_batch *batch)
{
    pg_add_named(batch, "invplan_lock",
        pg_sql(driver, batch->arena,
            "WITH mine AS MATERIALIZED (SELECT 1 FROM {L}.lease WHERE token = $1::bigint AND held FOR KEY SHARE),"
            " head AS MATERIALIZED (SELECT 1 FROM {L}.head FOR NO KEY UPDATE)"
            " SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM mine)"
            " THEN {L}.refuse('" SQLSTATE_LEASE_LOST "', 'the lease was lost; nothing was done')"
            " WHEN NOT EXISTS (SELECT 1 FROM head) THEN {L}.refuse('IV006', 'the ledger has lost its head row') END,"
            /* Local to the transaction: gone when a statement of the plan ends it. */
            " pg_catalog.set_config('invplan.transaction', $2, true)"));
    pg_param_integer(batch, driver->token);
    pg_param_integer(batch, driver->token);
}

/* A statement of its own, behind the lock: it sees what a transaction committed that held the lock before. */
#define NOT_PENDING                                                                                                    \
    "SELECT {L}.refuse('" SQLSTATE_ALREADY_APPLIED "', 'already applied: ' || s.step)"                                 \
    " FROM pg_catalog.unnest($1::text[]) s(step) CROSS JOIN LATERAL"                                                   \
    " (SELECT l.event, l.note FROM {L}.ledger l WHERE l.step = s.step ORDER BY l.seq DESC LIMIT 1) l"                  \
    " WHERE l.event IN ('APPLIED', 'ADOPTED', 'BASELINED', 'GATE_PASSED')"                                             \
    " OR l.event = 'RESOLVED' AND l.note::json->>'as' = 'applied'"

static void add_step_ids(struct pg_batch *batch, const struct plan_step *const *steps, size_t count)
{
    const char **ids = ARENA_ARRAY(batch->arena, const char *, count);

    for (size_t i = 0; i < count; i++)
        ids[i] = steps[i]->id;
    pg_param_list(batch, ids, count);
}

void pg_add_check_pending(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *const *steps, size_t count)
{
    pg_add_named(batch, "invplan_pending", pg_sql(driver, batch->arena, NOT_PENDING));
    add_step_ids(batch, steps, count);
}

void pg_add_pending_and_user_settings(
    const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *const *steps, size_t count)
{
    pg_add_named(batch, "invplan_pending_user",
        pg_sql(driver, batch->arena,
            arena_printf(batch->arena, "SELECT (" NOT_PENDING "), %s", pg_user_settings(batch->arena, 2))));
    add_step_ids(batch, steps, count);
    pg_add_user_params(driver, batch, &steps[0]->timeouts);
}

void pg_add_check(const struct postgres_driver *driver, struct pg_batch *batch, const char *query, const char *message)
{
    struct str text = pg_strip_end(query);

    pg_add(
        batch, arena_printf(batch->arena,
                   "SELECT CASE WHEN (\n%.*s\n) IS TRUE THEN NULL ELSE %s.refuse('" SQLSTATE_CHECK_FAILED "', $1) END",
                   STR_ARG(text), driver->quoted_schema));
    pg_param(batch, message);
}

void pg_add_step_check(const struct postgres_driver *driver, struct pg_batch *batch, const struct plan_step *step,
    const struct plan_check *check)
{
    if (!check->sql)
        return;
    pg_add_user_settings(driver, batch, &step->timeouts);
    pg_add_check(driver, batch, check->sql, check->message ? check->message : "a check of the plan does not hold");
}

enum { APPEND_PARAMS = 12 };

static const char *make_append_sql(const struct postgres_driver *driver, struct arena *arena, unsigned kinds)
{
    static const char before[] = "WITH line AS MATERIALIZED (SELECT head.seq + 1 AS seq, head.hash AS prev_hash, "
                                 "pg_catalog.clock_timestamp() AS at, COALESCE(";
    static const char after[] =
        ", '') AS observed FROM {L}.head),"
        " added AS (INSERT INTO {L}.ledger (seq, prev_hash, hash, run, run_seq, step, attempt, event, source_digest,"
        " effect_digest, plan_digest, step_line, observed, token, at, note)"
        " SELECT line.seq, line.prev_hash, pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to("
        "pg_catalog.concat_ws(pg_catalog.chr(10), line.prev_hash, line.seq, $1::text, $2::bigint, $3::text, "
        "$4::bigint, $5::text,"
        " $6::text, $7::text, $8::text, $9::text, line.observed, $10::bigint, " AT_TEXT(
            "line.at") ", $11::text, ''), 'UTF8')), 'hex'),"
                       " $1::text, $2::bigint, $3::text, $4::bigint, $5::text, $6::text, $7::text, $8::text, $9::text, "
                       "line.observed,"
                       " $10::bigint, line.at, $11::text FROM line RETURNING seq, hash)"
                       " UPDATE {L}.head SET seq = added.seq, hash = added.hash FROM added"
                       " WHERE CASE WHEN pg_catalog.current_setting('invplan.transaction', true) = $12::text THEN true"
                       " ELSE {L}.refuse('" SQLSTATE_TRANSACTION_ENDED
                       "', 'a statement of the plan ended the transaction it ran in;"
                       " what it committed stays, and is not in the ledger') END";

    return pg_sql(driver, arena,
        arena_printf(arena, "%s%s%s", before, pg_observation_sql(arena, kinds, APPEND_PARAMS + 1), after));
}

/* For a given set of kinds the text is always the same, so it is made once and prepared under their name. */
static const char *append_sql(struct postgres_driver *driver, unsigned kinds)
{
    struct append_text text = {.kinds = kinds};

    for (size_t i = 0; i < driver->append_texts.count; i++)
        if (driver->append_texts.items[i].kinds == kinds)
            return driver->append_texts.items[i].sql;
    text.sql = make_append_sql(driver, driver->base.arena, kinds);
    VEC_PUSH(driver->base.arena, &driver->append_texts, text);
    return text.sql;
}

void pg_add_append(struct postgres_driver *driver, struct pg_batch *batch, const struct driver_journal *journal,
    const struct row_draft *draft)
{
    const struct plan_step *step = draft->step;
    struct arena *arena = batch->arena;
    const char **objects = ARENA_ARRAY(arena, const char *, step->effect.count);
    struct observation observation;
    struct strbuf note = STRBUF_INIT;

    for (size_t i = 0; i < step->effect.count; i++)
        objects[i] = step->effect.items[i].object;
    if (draft->note)
        json_write(&note, draft->note);
    pg_observation_make(arena, objects, draft->observe ? step->effect.count : 0, &observation);
    pg_add_named(
        batch, arena_printf(arena, "invplan_append_%x", observation.kinds), append_sql(driver, observation.kinds));
    pg_param(batch, journal->run);
    pg_param_integer(batch, draft->run_seq);
    pg_param(batch, step->id);
    pg_param_integer(batch, draft->attempt);
    pg_param(batch, ledger_event_name(draft->event));
    pg_param(batch, step->source_digest);
    pg_param(batch, step->effect_digest);
    pg_param(batch, journal->plan_digest);
    pg_param(batch, arena_strndup(arena, step->line.len ? step->line.data : "", step->line.len));
    pg_param_integer(batch, driver->token);
    pg_param(batch, arena_strndup(arena, note.len ? note.data : "", note.len));
    pg_param_integer(batch, driver->token);
    pg_add_observation_params(batch, &observation);
    strbuf_free(&note);
}

bool pg_is_double_row(const struct error *error)
{
    return strcmp(error->sqlstate, "23505") == 0 && strstr(error->message, "ledger_once");
}

static bool is_observed(enum ledger_event event)
{
    return event == LEDGER_EVENT_APPLIED || event == LEDGER_EVENT_ADOPTED || event == LEDGER_EVENT_UNDONE ||
           event == LEDGER_EVENT_BASELINED || event == LEDGER_EVENT_RESOLVED;
}

bool postgres_record(
    struct driver *base, const struct driver_journal *journal, const struct ledger_entry *entry, struct error *error)
{
    const struct row_draft draft = {
        .step = entry->step,
        .event = entry->event,
        .attempt = entry->attempt,
        .run_seq = journal->run_seq,
        .note = entry->note,
        .observe = is_observed(entry->event),
    };

    if (pg_commit_row(postgres_driver_of(base), journal, &draft, error))
        return true;
    /* The row is there: an earlier call wrote it whose answer was lost. */
    return pg_is_double_row(error);
}
