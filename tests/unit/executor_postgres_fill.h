/* Backfills of a table of a thousand rows. */
#ifndef TESTS_UNIT_EXECUTOR_POSTGRES_FILL_H
#define TESTS_UNIT_EXECUTOR_POSTGRES_FILL_H

#include "tests/unit/executor_postgres.h"

enum { ROWS = 1000 };

/* Step m/b/backfill of app.t, in batches of 100 along its id. where may be NULL; more: further keys, or "". */
static inline struct plan_step *make_backfill(const char *set, const char *where, bool keep_old, const char *more)
{
    struct plan_step *step = make_step("m/b/backfill", INSTRUCTION_PG_BACKFILL,
        arena_printf(&world->arena,
            "{\"relation\":\"app.t\",\"key\":[{\"name\":\"id\",\"type\":\"bigint\"}],\"set\":\"%s\",\"where\":%s,"
            "\"batch\":100,\"columns\":[\"v\"],\"keep_old\":%s%s%s}",
            set, where ? arena_printf(&world->arena, "\"%s\"", where) : "null", keep_old ? "true" : "false",
            more[0] ? "," : "", more));

    if (keep_old)
        set_inverse(step, INSTRUCTION_PG_BACKFILL, "{\"restore\":\"m/b/backfill\"}", NULL, NULL);
    return step;
}

/* app.t: every third v is NULL; touched counts the updates of a row. */
static inline void make_table(void)
{
    admin_do("CREATE TABLE app.t (id bigint PRIMARY KEY, v text, touched integer NOT NULL DEFAULT 0)");
    admin_do("INSERT INTO app.t SELECT n, CASE WHEN n % 3 = 0 THEN NULL ELSE 'old ' || n END FROM generate_series(1, "
             "1000) n");
    admin_do("CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched = OLD.touched + 1; "
             "RETURN NEW; END'");
    admin_do("CREATE TRIGGER touch BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch()");
}

#endif
