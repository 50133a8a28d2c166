/* What concerns copies of a database: a new identity for one that was restored, and an empty one to rebuild in. */
#include <stdio.h>
#include <string.h>

#include "executor/postgres/postgres.h"

bool postgres_rebind(struct driver *base, const struct target_identity *identity, struct error *error)
{
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    bool ok;

    pg_add_begin(driver, &batch);
    pg_add_lock(driver, &batch);
    pg_add(&batch, pg_sql(driver, &arena, "UPDATE {L}.owner SET identity = $1, at = pg_catalog.now()"));
    pg_param(&batch, identity->text);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, NULL, NULL, error);
    arena_free(&arena);
    return ok;
}

/* What extensions own does not count: a template database may bring them along. */
bool postgres_vacant(struct driver *base, bool *vacant, char *what, size_t what_size, struct error *error)
{
    static const char sql[] =
        "SELECT o.name FROM (SELECT 'relation ' || c.oid::regclass::text AS name, c.oid, c.relnamespace AS schema,"
        " 'pg_class'::regclass AS class FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
        " UNION ALL SELECT 'function ' || p.oid::regprocedure::text, p.oid, p.pronamespace, 'pg_proc'::regclass"
        " FROM pg_proc p"
        " UNION ALL SELECT 'type ' || t.oid::regtype::text, t.oid, t.typnamespace, 'pg_type'::regclass FROM pg_type t"
        " WHERE t.typtype IN ('e', 'd', 'r')) o JOIN pg_namespace n ON n.oid = o.schema"
        " WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND NOT EXISTS"
        " (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')"
        " ORDER BY o.class <> 'pg_class'::regclass, o.name LIMIT 1";
    struct postgres_driver *driver = postgres_driver_of(base);
    struct arena arena = ARENA_INIT;
    struct pg_batch batch = pg_batch_make(&arena);
    struct pg_rows *rows;
    size_t at;
    bool ok;

    pg_add_begin(driver, &batch);
    pg_add_own_settings(driver, &batch, false);
    at = batch.statements.count;
    pg_add(&batch, sql);
    pg_add_commit(&batch);
    ok = pg_run(driver->main, &arena, &batch, &rows, NULL, error);
    if (ok) {
        *vacant = rows[at].row_count == 0;
        snprintf(what, what_size, "%s", *vacant ? "" : pg_text(&rows[at], 0, 0));
    }
    arena_free(&arena);
    return ok;
}
