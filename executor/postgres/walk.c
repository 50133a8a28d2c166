#include "executor/postgres/walk.h"

#include "executor/postgres/sqlstate.h"
#include "spec/exit.h"

static bool malformed(const struct plan_step *step, struct error *error)
{
    return error_set(error, EXIT_STATUS_PLAN, "step '%s' has not the form of a backfill", step->id);
}

static bool read_key(struct walk *walk, const struct json *key)
{
    for (const struct json *column = json_is(key, JSON_ARRAY) ? key->child : NULL; column; column = column->next) {
        struct key_column read = {json_string(json_get(column, "name")), json_string(json_get(column, "type"))};

        if (!read.name || !read.type || walk->key_count == WALK_KEY_MAX)
            return false;
        walk->key[walk->key_count++] = read;
    }
    return walk->key_count > 0;
}

static int64_t number_or_none(const struct json *object, const char *key)
{
    int64_t value;

    return json_to_i64(json_get(object, key), &value) && value >= 0 ? value : -1;
}

bool walk_read_form(struct walk *walk, struct error *error)
{
    const struct json *forward = walk->step->action.forward;
    const struct json *columns = json_get(forward, "columns");
    const struct json *throttle = json_get(forward, "throttle");

    walk->relation = json_string(json_get(forward, "relation"));
    walk->set = json_string(json_get(forward, "set"));
    walk->where = json_string(json_get(forward, "where"));
    walk->keep_old = json_bool(json_get(forward, "keep_old"), false);
    walk->throttle = (struct walk_throttle){
        .pause_ms = number_or_none(forward, "pause_ms"),
        .replica_lag_ms = number_or_none(throttle, "replica_lag_ms"),
        .waiting_locks = number_or_none(throttle, "waiting_locks"),
        .query = json_string(json_get(throttle, "query")),
    };
    walk->began_ms = walk->driver->base.env->now_ms(walk->driver->base.env->context);
    walk->columns = ARENA_ARRAY(walk->arena, const char *, json_is(columns, JSON_ARRAY) ? columns->count : 0);
    for (const struct json *column = json_is(columns, JSON_ARRAY) ? columns->child : NULL; column;
         column = column->next) {
        if (!json_string(column))
            return malformed(walk->step, error);
        walk->columns[walk->column_count++] = json_string(column);
    }
    if (!json_to_i64(json_get(forward, "batch"), &walk->batch))
        walk->batch = WALK_BATCH_MIN;
    if (!walk->relation || !walk->set || !read_key(walk, json_get(forward, "key")) ||
        (walk->keep_old && !walk->column_count))
        return malformed(walk->step, error);
    return true;
}

int64_t walk_clamp_batch(int64_t batch)
{
    return batch < WALK_BATCH_MIN ? WALK_BATCH_MIN : batch > WALK_BATCH_MAX ? WALK_BATCH_MAX : batch;
}

void walk_adapt_batch(struct walk *walk, int64_t elapsed_ms)
{
    int64_t next = elapsed_ms > 0 ? walk->batch * WALK_TARGET_MS / elapsed_ms : walk->batch * 2;

    if (next > walk->batch * 2)
        next = walk->batch * 2;
    if (next < walk->batch / 2)
        next = walk->batch / 2;
    walk->batch = walk_clamp_batch(next);
}

bool walk_is_stopped(const struct walk *walk, const char *what, struct error *error)
{
    const struct driver_env *env = walk->driver->base.env;

    if (!env->stopping(env->context))
        return false;
    error_set(
        error, EXIT_STATUS_RESUMABLE, "stopped between two batches, with %lld rows %s", (long long)walk->rows, what);
    return true;
}

void walk_add_text_settings(struct pg_batch *batch)
{
    pg_add(batch, "SET LOCAL datestyle = iso");
    pg_add(batch, "SET LOCAL intervalstyle = postgres");
    pg_add(batch, "SET LOCAL extra_float_digits = 1");
    pg_add(batch, "SET LOCAL bytea_output = hex");
}

const char *walk_take_sql(struct arena *arena, struct strbuf *sql)
{
    const char *text = arena_strndup(arena, sql->data, sql->len);

    strbuf_free(sql);
    return text;
}

void walk_add_lease_check(const struct postgres_driver *driver, struct pg_batch *batch)
{
    pg_add_named(batch, "invplan_lease",
        pg_sql(driver, batch->arena,
            "WITH mine AS MATERIALIZED (SELECT 1 FROM {L}.lease WHERE token = $1::bigint AND held FOR KEY SHARE)"
            " SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM mine)"
            " THEN {L}.refuse('" SQLSTATE_LEASE_LOST "', 'the lease was lost; the batch was not done') END"));
    pg_param_integer(batch, driver->token);
}

struct str walk_keep_detail(const struct walk *walk, const struct json *detail)
{
    struct strbuf text = STRBUF_INIT;
    struct str copy;

    json_write(&text, detail);
    copy = strbuf_copy(&text, walk->driver->base.arena);
    strbuf_free(&text);
    return copy;
}
