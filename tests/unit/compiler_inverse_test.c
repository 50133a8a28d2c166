/* How statements are undone: grade, guard, statements, and what is said to be lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/compiler_postgres.h"

static const char setup[] =
    "create table r (id int primary key);"
    "create type mood as enum ('sad', 'ok');"
    "create function touch() returns trigger language plpgsql as 'begin return new; end';"
    "create table t (id int primary key, a int not null default 3, b text, c varchar(10) collate \"C\" not null, r int,"
    " constraint a_sane check (a > 0)); alter table t add constraint t_r_fk foreign key (r) references r (id) not "
    "valid;"
    "create unique index t_b on t (lower(b) desc) where b is not null;"
    "comment on column t.b is 'old'; create view v (x) as select id from t; grant select on t to bob";

struct expectation {
    const char *sql;
    enum grade grade;
    const char *undo;  /* statements, joined by "; " */
    const char *guard; /* NULL: none */
    const char *why;
};

static const char *joined(struct world *world, const char *const *items, size_t count)
{
    struct strbuf buf = STRBUF_INIT;
    const char *text;

    for (size_t i = 0; i < count; i++)
        strbuf_printf(&buf, "%s%s", i ? "; " : "", items[i]);
    text = strbuf_copy(&buf, &world->arena).data;
    strbuf_free(&buf);
    return text ? text : "";
}

static void expect(const struct expectation *expectation)
{
    struct plan_inverse plan;
    struct inverse inverse = {0};
    struct world world;
    const char *guard;

    world_open(&world, "public");
    world_must(&world, setup);
    world_must(&world, expectation->sql);
    for (size_t i = 0; i < world.last.items.count; i++)
        inverse_put_before(&inverse, &world.arena, &world_statement(&world, i)->inverse);
    inverse_to_plan(&inverse, &world.arena, &plan);
    if (plan.grade != expectation->grade)
        fail_msg("%s: %s (%s)", expectation->sql, grade_name(plan.grade), plan.why);
    if (plan.grade != GRADE_IMPOSSIBLE)
        assert_string_equal(joined(&world, inverse.undo.items, inverse.undo.count), expectation->undo);
    guard = json_string(json_get(plan.guard, "sql"));
    assert_string_equal(guard ? guard : "", expectation->guard ? expectation->guard : "");
    assert_string_equal(plan.why ? plan.why : "", expectation->why ? expectation->why : "");
    world_close(&world);
}

static void exact_inverses_restore_what_was_there(void **state)
{
    static const struct expectation expectations[] = {
        {"alter table t alter a drop default", GRADE_EXACT, "ALTER TABLE public.t ALTER COLUMN a SET DEFAULT 3", NULL,
            NULL},
        {"alter table t alter b set default 'x'", GRADE_EXACT, "ALTER TABLE public.t ALTER COLUMN b DROP DEFAULT", NULL,
            NULL},
        {"alter table t drop constraint a_sane", GRADE_EXACT,
            "ALTER TABLE public.t ADD CONSTRAINT a_sane CHECK (a > 0)", NULL, NULL},
        {"alter table t drop constraint t_r_fk", GRADE_EXACT,
            "ALTER TABLE public.t ADD CONSTRAINT t_r_fk FOREIGN KEY (r) REFERENCES public.r(id) NOT VALID", NULL, NULL},
        {"create trigger x before update on t for each row execute function touch(); alter table t disable trigger x; "
         "comment on trigger x on t is 'sleeps'; drop trigger x on t",
            GRADE_EXACT,
            "create trigger x before update on public.t for each row execute function public.touch(); "
            "ALTER TABLE public.t DISABLE TRIGGER x; COMMENT ON TRIGGER x ON public.t IS 'sleeps'; "
            "COMMENT ON trigger x on public.t IS NULL; ALTER TABLE public.t ENABLE TRIGGER x; DROP TRIGGER x ON public.t",
            NULL, NULL},
        {"grant select (a) on t to bob; revoke select on t from bob", GRADE_EXACT,
            "GRANT select ON public.t TO bob; GRANT select (a) ON public.t TO bob; REVOKE select (a) ON public.t FROM bob",
            NULL, NULL},
        {"create view w as select id from t; grant select on w to eve; revoke all on w from eve; grant select on w to eve; "
         "revoke all on w from eve",
            GRADE_EXACT,
            "GRANT select ON public.w TO eve; REVOKE select ON public.w FROM eve; GRANT select ON public.w TO eve; "
            "REVOKE select ON public.w FROM eve; DROP VIEW public.w",
            NULL, NULL},
        {"create view w as select id from t; grant select on w to eve; revoke all on w from eve; grant select on w to eve; "
         "drop view w",
            GRADE_EXACT,
            "CREATE VIEW public.w as select id from public.t; REVOKE all ON public.w FROM eve; GRANT select ON public.w TO "
            "eve; REVOKE select ON public.w FROM eve; GRANT select ON public.w TO eve; REVOKE select ON public.w FROM eve; "
            "DROP VIEW public.w",
            NULL, NULL},
        {"alter table t validate constraint t_r_fk", GRADE_EXACT,
            "ALTER TABLE public.t DROP CONSTRAINT t_r_fk, ADD CONSTRAINT t_r_fk FOREIGN KEY (r) REFERENCES public.r(id) "
            "NOT VALID",
            NULL, NULL},
        {"drop index t_b", GRADE_EXACT,
            "CREATE UNIQUE INDEX t_b ON public.t USING btree (lower(b) desc) WHERE b is not null", NULL, NULL},
        {"drop index concurrently t_b", GRADE_EXACT,
            "CREATE UNIQUE INDEX CONCURRENTLY t_b ON public.t USING btree (lower(b) desc) WHERE b is not null", NULL,
            NULL},
        {"drop view v", GRADE_EXACT, "CREATE VIEW public.v (x) as select id from public.t", NULL, NULL},
        {"create or replace view v as select id as x, a from t", GRADE_EXACT,
            "DROP VIEW public.v; CREATE VIEW public.v (x) as select id from public.t", NULL, NULL},
        {"comment on column t.b is null", GRADE_EXACT, "COMMENT ON COLUMN public.t.b IS 'old'", NULL, NULL},
        {"revoke select on t from bob", GRADE_EXACT, "GRANT select ON public.t TO bob", NULL, NULL},
        {"grant select, insert on t to bob, eve", GRADE_EXACT,
            "REVOKE insert ON public.t FROM bob; REVOKE select, insert ON public.t FROM eve", NULL, NULL},
        {"grant all on r to eve; revoke select on r from eve; grant all on r to eve", GRADE_EXACT,
            "REVOKE select ON public.r FROM eve; GRANT select ON public.r TO eve; REVOKE all ON public.r FROM eve", NULL,
            NULL},
        {"grant all on r to eve; revoke select on r from eve; revoke all on r from eve", GRADE_EXACT,
            "GRANT all ON public.r TO eve; REVOKE select ON public.r FROM eve; GRANT select ON public.r TO eve; "
            "REVOKE all ON public.r FROM eve",
            NULL, NULL},
        {"grant select on r to eve with grant option; revoke grant option for select on r from eve", GRADE_EXACT,
            "GRANT select ON public.r TO eve WITH GRANT OPTION; REVOKE select ON public.r FROM eve", NULL, NULL},
        {"grant all on t to bob", GRADE_EXACT, "REVOKE all ON public.t FROM bob; GRANT select ON public.t TO bob", NULL,
            NULL},
        {"create function f() returns int language sql as 'select 1'; alter function f() owner to eve; drop function f()",
            GRADE_EXACT,
            "create OR REPLACE function public.f() returns int language sql as 'select 1'; "
            "ALTER FUNCTION public.f() OWNER TO eve; DROP FUNCTION public.f()",
            NULL, NULL},
        {"alter table t set (fillfactor = 50), alter b set statistics 100, replica identity full, cluster on t_pkey; "
         "alter table t set (fillfactor = 60), reset (fillfactor)",
            GRADE_EXACT,
            "ALTER TABLE public.t SET (fillfactor = 60); ALTER TABLE public.t SET (fillfactor = 50); "
            "ALTER TABLE public.t SET WITHOUT CLUSTER; ALTER TABLE public.t REPLICA IDENTITY DEFAULT; "
            "ALTER TABLE public.t ALTER COLUMN b SET STATISTICS -1; ALTER TABLE public.t RESET (fillfactor)",
            NULL, NULL},
        {"create trigger x before update on t for each row execute function touch(); alter table t enable always trigger "
         "x; alter table t disable trigger all; alter table t enable trigger all",
            GRADE_EXACT,
            "ALTER TABLE public.t DISABLE TRIGGER ALL; ALTER TABLE public.t ENABLE TRIGGER ALL; "
            "ALTER TABLE public.t ENABLE ALWAYS TRIGGER x; ALTER TABLE public.t ENABLE TRIGGER x; "
            "DROP TRIGGER x ON public.t",
            NULL, NULL},
        {"alter function touch() stable; drop function touch()", GRADE_EXACT,
            "create OR REPLACE function public.touch() returns trigger language plpgsql as 'begin return new; end'; "
            "ALTER FUNCTION public.touch() stable; "
            "create OR REPLACE function public.touch() returns trigger language plpgsql as 'begin return new; end'",
            NULL, NULL},
        {"create view w as select x from v; create or replace view v as select id as x, a from t", GRADE_EXACT,
            "DROP VIEW public.w; DROP VIEW public.v; CREATE VIEW public.v (x) as select id from public.t; "
            "CREATE VIEW public.w as select x from public.v; DROP VIEW public.w",
            NULL, NULL},
        {"create index i on t (a) with (fastupdate = off)", GRADE_EXACT, "DROP INDEX public.i", NULL, NULL},
        {"alter table t rename column a to x", GRADE_EXACT, "ALTER TABLE public.t RENAME COLUMN x TO a", NULL, NULL},
        {"create or replace function touch() returns trigger language plpgsql as 'begin return null; end'", GRADE_EXACT,
            "create OR REPLACE function public.touch() returns trigger language plpgsql as 'begin return new; end'",
            NULL, NULL},
        {"drop function touch()", GRADE_EXACT,
            "create OR REPLACE function public.touch() returns trigger language plpgsql as 'begin return new; end'",
            NULL, NULL},
        {"alter table t alter c type varchar(20)", GRADE_EXACT,
            "ALTER TABLE public.t ALTER COLUMN c TYPE character varying(10) COLLATE \"C\" USING c::character "
            "varying(10)",
            "SELECT NOT EXISTS (SELECT FROM public.t WHERE pg_catalog.length(c) > 10)",
            "values of column c of table public.t that character varying(10) cannot hold"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++)
        expect(&expectations[i]);
}

static void guards_hold_while_nothing_is_lost(void **state)
{
    static const struct expectation expectations[] = {
        {"create table n (id int)", GRADE_EXACT, "DROP TABLE public.n", "SELECT NOT EXISTS (SELECT FROM public.n)",
            "the rows of table public.n"},
        {"alter table t add x int", GRADE_EXACT, "ALTER TABLE public.t DROP COLUMN x",
            "SELECT NOT EXISTS (SELECT FROM public.t WHERE x IS NOT NULL)", "the values of column x of table public.t"},
        {"alter table t add \"X\" jsonb not null default '{}'", GRADE_EXACT, "ALTER TABLE public.t DROP COLUMN \"X\"",
            "SELECT NOT EXISTS (SELECT FROM public.t WHERE \"X\"::text IS DISTINCT FROM ('{}')::jsonb::text)",
            "the values of column \"X\" of table public.t"},
        {"alter table t add m mood default 'ok', add n int", GRADE_EXACT,
            "ALTER TABLE public.t DROP COLUMN n; ALTER TABLE public.t DROP COLUMN m",
            "SELECT NOT EXISTS (SELECT FROM public.t WHERE m::text IS DISTINCT FROM ('ok')::public.mood::text) AND NOT "
            "EXISTS (SELECT FROM "
            "public.t WHERE n IS NOT NULL)",
            "the values of column m of table public.t; the values of column n of table public.t"},
        {"alter table t alter c drop not null", GRADE_EXACT, "ALTER TABLE public.t ALTER COLUMN c SET NOT NULL",
            "SELECT NOT EXISTS (SELECT FROM public.t WHERE c IS NULL)", "rows of table public.t where c is null"},
        {"alter table t alter a type bigint", GRADE_EXACT,
            "ALTER TABLE public.t ALTER COLUMN a TYPE integer USING a::integer",
            "SELECT NOT EXISTS (SELECT FROM public.t WHERE a NOT BETWEEN -2147483648 AND 2147483647)",
            "values of column a of table public.t that integer cannot hold"},
        {"create sequence s", GRADE_EXACT, "DROP SEQUENCE public.s", "SELECT (SELECT NOT is_called FROM public.s)",
            "where sequence public.s stood"},
        {"create sequence s increment by 2 start 10; alter sequence s increment by 3 maxvalue 99 no cycle", GRADE_EXACT,
            "ALTER SEQUENCE public.s increment by 2 NO MAXVALUE NO CYCLE; DROP SEQUENCE public.s",
            "SELECT (SELECT NOT is_called FROM public.s)", "where sequence public.s stood"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++)
        expect(&expectations[i]);
}

static void lossy_inverses_name_what_is_lost(void **state)
{
    static const struct expectation expectations[] = {
        {"alter table t drop column b", GRADE_LOSSY,
            "ALTER TABLE public.t ADD COLUMN b text; CREATE UNIQUE INDEX t_b ON public.t USING btree (lower(b) desc) "
            "WHERE b is not null; "
            "COMMENT ON COLUMN public.t.b IS 'old'",
            NULL, "the values of column b of table public.t, and its position"},
        {"alter table t drop column c", GRADE_LOSSY,
            "ALTER TABLE public.t ADD COLUMN c character varying(10) COLLATE \"C\"", NULL,
            "the values of column c of table public.t, and its position, and its NOT NULL"},
        {"drop view v; drop table t", GRADE_LOSSY,
            "CREATE TABLE public.t (id integer, a integer DEFAULT 3 NOT NULL, b text, c character varying(10) COLLATE "
            "\"C\" NOT NULL, "
            "r integer, CONSTRAINT t_pkey PRIMARY KEY (id), CONSTRAINT a_sane CHECK (a > 0)); "
            "ALTER TABLE public.t ADD CONSTRAINT t_r_fk FOREIGN KEY (r) REFERENCES public.r(id) NOT VALID; "
            "CREATE UNIQUE INDEX t_b ON public.t USING btree (lower(b) desc) WHERE b is not null; "
            "COMMENT ON COLUMN public.t.b IS 'old'; GRANT select ON public.t TO bob; CREATE VIEW public.v (x) as "
            "select id from public.t",
            NULL, "the rows of table public.t"},
        {"revoke all on schema public from public", GRADE_LOSSY, "", NULL,
            "which privileges PUBLIC held on SCHEMA public before"},
        {"alter table t alter b type varchar(5)", GRADE_EXACT,
            "ALTER TABLE public.t ALTER COLUMN b TYPE text USING b::text", NULL, NULL},
        {"alter table t owner to eve; alter table t owner to bob", GRADE_LOSSY,
            "ALTER TABLE public.t OWNER TO eve; GRANT select ON public.t TO bob; ALTER TABLE public.t OWNER TO "
            "CURRENT_USER",
            NULL, "the owner that public.t had, where that is not the role that undoes it"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++)
        expect(&expectations[i]);
}

static void impossible_inverses_say_why(void **state)
{
    static const struct expectation expectations[] = {
        {"alter type mood add value 'fine'", GRADE_IMPOSSIBLE, NULL, NULL,
            "PostgreSQL cannot take value 'fine' out of type public.mood again"},
        {"update t set a = 1", GRADE_IMPOSSIBLE, NULL, NULL,
            "the old rows of table public.t are not kept: write 'down:', or use a backfill step"},
        {"truncate t", GRADE_IMPOSSIBLE, NULL, NULL, "the rows of table public.t are gone"},
        {"do 'begin end'", GRADE_IMPOSSIBLE, NULL, NULL, "what a DO block did is not known: write 'down:'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++)
        expect(&expectations[i]);
}

/* Rows of a table that the same migration made go with it. */
static void rows_of_a_new_table_need_no_inverse(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, "public");
    world_must(
        &world, "create table n (id int primary key); insert into n values (1); update n set id = 2; delete from n");
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(world_statement(&world, i)->inverse.grade, GRADE_EXACT);
        assert_int_equal(world_statement(&world, i)->inverse.undo.count, 0);
    }
    world_close(&world);
}

static void concurrent_inverses_run_alone_and_can_be_probed(void **state)
{
    struct world world;
    struct plan_inverse plan;

    (void)state;
    world_open(&world, "public");
    world_must(&world, setup);
    world_must(&world, "create index concurrently i on t (a)");
    assert_true(world_statement(&world, 0)->alone);
    assert_string_equal(world_statement(&world, 0)->repair, "DROP INDEX CONCURRENTLY IF EXISTS public.i");
    assert_non_null(world_statement(&world, 0)->probe);
    inverse_to_plan(&world_statement(&world, 0)->inverse, &world.arena, &plan);
    assert_int_equal(plan.action.instruction, INSTRUCTION_PG_EXEC_ALONE);
    assert_string_equal(
        json_string(json_get(plan.action.forward, "sql")), "DROP INDEX CONCURRENTLY IF EXISTS public.i");
    assert_non_null(plan.action.probe);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_inverses_restore_what_was_there),
        cmocka_unit_test(guards_hold_while_nothing_is_lost),
        cmocka_unit_test(lossy_inverses_name_what_is_lost),
        cmocka_unit_test(impossible_inverses_say_why),
        cmocka_unit_test(rows_of_a_new_table_need_no_inverse),
        cmocka_unit_test(concurrent_inverses_run_alone_and_can_be_probed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
