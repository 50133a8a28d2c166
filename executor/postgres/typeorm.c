/*
 * TypeORM's migrations table as a projection of the ledger: one row for each applied migration that has a name of
 * TypeORM's form. Rows of other names are other tools' and are left alone.
 */
#include <string.h>

#include "executor/postgres/postgres.h"

/* "migrations" or "app.migrations", quoted. */
static const char *quote_table(struct arena *arena, const char *name)
{
    const char *dot = strchr(name, '.');

    if (!dot)
        return pg_quote_identifier(arena, name);
    return arena_printf(arena, "%s.%s", pg_quote_identifier(arena, arena_strndup(arena, name, (size_t)(dot - name))),
        pg_quote_identifier(arena, dot + 1));
}

struct names {
    VEC(const char *) names;
    VEC(const char *) timestamps;
};

static void collect(struct arena *arena, const struct projected_migration *migrations, size_t count, struct names *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!migrations[i].typeorm_name)
            continue;
        VEC_PUSH(arena, &out->names, migrations[i].typeorm_name);
        VEC_PUSH(arena, &out->timestamps, arena_printf(arena, "%lld", (long long)migrations[i].typeorm_timestamp));
    }
}

static bool table_exists(
    struct postgres_driver *driver, struct arena *arena, const char *table, bool *exists, struct error *error)
{
    static const struct plan_timeouts limits = {.lock_ms = 15000};
    struct pg_batch batch = pg_batch_make(arena);
    struct pg_rows *rows;
    size_t at;

    pg_add_begin(driver, &batch);
    pg_add_user_settings(driver, &batch, &limits);
    at = batch.statements.count;
    pg_add(&batch, "SELECT pg_catalog.to_regclass($1) IS NOT NULL");
    pg_param(&batch, table);
    pg_add_commit(&batch);
    if (!pg_run(driver->main, arena, &batch, &rows, NULL, error))
        return false;
    *exists = pg_true(&rows[at], 0, 0);
    return true;
}

bool postgres_project(struct driver *base, const struct projected_migration *migrations, size_t count,
    const struct projected_migration *undone, size_t undone_count, struct error *error)
{
    static const struct plan_timeouts limits = {.lock_ms = 15000};
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct names applied = {0}, gone = {0};
    const char *table;
    bool exists, ok = false;

    if (!base->target->typeorm_table)
        return true;
    table = quote_table(&arena, base->target->typeorm_table);
    collect(&arena, migrations, count, &applied);
    collect(&arena, undone, undone_count, &gone);
    if (!table_exists(driver, &arena, table, &exists, error))
        goto out;
    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    /* The table is where the role's search_path puts it, as TypeORM does. */
    pg_add_user_settings(driver, &batch, &limits);
    if (!exists)
        pg_add(&batch, arena_printf(&arena,
                           "CREATE TABLE IF NOT EXISTS %s (id serial PRIMARY KEY,"
                           " \"timestamp\" bigint NOT NULL, name character varying NOT NULL)",
                           table));
    pg_add(&batch,
        arena_printf(&arena, "DELETE FROM %s AS t WHERE t.name OPERATOR(pg_catalog.=) ANY ($1::text[])", table));
    pg_param_list(&batch, gone.names.items, gone.names.count);
    pg_add(&batch,
        arena_printf(&arena,
            "INSERT INTO %s (\"timestamp\", name) SELECT m.at, m.name FROM ROWS FROM (pg_catalog.unnest($1::bigint[]),"
            " pg_catalog.unnest($2::text[])) WITH ORDINALITY AS m(at, name, place) WHERE NOT EXISTS"
            " (SELECT 1 FROM %s AS t WHERE t.name::text OPERATOR(pg_catalog.=) m.name) ORDER BY m.place",
            table, table));
    pg_param_list(&batch, applied.timestamps.items, applied.timestamps.count);
    pg_param_list(&batch, applied.names.items, applied.names.count);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    if (!ok)
        error_wrap(error, "table %s", table);
out:
    arena_free(&arena);
    return ok;
}
