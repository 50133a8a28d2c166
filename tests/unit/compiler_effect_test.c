/* The effect of a statement names every object whose definition it changes, also where that stands in another one's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/compiler_postgres.h"

static const char setup[] =
    "create type mood as enum ('sad'); create sequence s;"
    "create table r (id bigserial primary key, code text);"
    "create table t (id int primary key, a int, b text default 'x', r int references r, n int default nextval('s'),"
    " m mood); create index t_a on t (a); create index t_sad on t (id) where m = 'sad';"
    "create view v as select id, a from t; create view w as select id from v;"
    "create materialized view mv as select code from r; create index mv_code on mv (code);"
    "create function f() returns trigger language plpgsql as 'begin return new; end';"
    "create function g(x mood) returns int language sql as 'select 1';"
    "create trigger tr before insert on t for each row execute function f();"
    "create function ddl(which text) returns void language plpgsql as "
    "'begin execute format(''alter table %I add z int'', which); end';"
    "create type ty as (a int); create table typed of ty; create index typed_a on typed (a);"
    "create domain d as int constraint c check (value > 0); create table ident (id int generated always as identity);"
    "create table p (k int primary key) partition by range (k); create table p1 partition of p default;"
    "create table q (id int primary key, k int references p)";

/* What must be there; more may be. */
static const char *const effects[][2] = {
    {"drop table t cascade", "table t, index t_pkey, index t_a, index t_sad, view v, view w"},
    {"drop table r cascade", "table r, sequence r_id_seq, index r_pkey, table t, materialized_view mv, index mv_code"},
    {"drop materialized view mv", "materialized_view mv, index mv_code"},
    {"drop view v cascade", "view v, view w"},
    {"drop function f() cascade", "function f(), table t"},
    {"drop type mood cascade", "type mood, table t, function g(public.mood)"},
    {"alter table t drop column a cascade", "table t, index t_a, view v, view w"},
    {"alter table r drop column id cascade", "table r, table t, sequence r_id_seq, index r_pkey"},
    {"alter table t rename to u", "table t, table u, index t_a, index t_pkey, view v"},
    {"alter table r rename to u", "table u, table t, sequence r_id_seq, materialized_view mv"},
    {"alter table t rename column a to c", "table t, index t_a, view v"},
    {"alter table r rename column id to i", "table r, table t, sequence r_id_seq, index r_pkey"},
    {"alter sequence s rename to s2", "sequence s, sequence s2, table t"},
    {"alter type mood rename to temper", "type mood, type temper, table t, index t_sad, function g(public.mood)"},
    {"alter type mood rename value 'sad' to 'blue'", "type mood, table t, index t_sad"},
    {"alter function f() rename to f2", "function f(), function f2(), table t"},
    {"alter table t rename constraint t_pkey to t_key", "table t, index t_pkey, index t_key"},
    {"alter table t alter column b type varchar(9)", "table t"},
    {"alter table t alter column m type text", "table t, index t_sad"},
    {"create table p2 partition of p for values from (1) to (2)", "table p2, index p2_pkey, table q"},
    {"create table n (id int unique primary key); alter table n drop constraint n_pkey", "table n, index n_pkey"},
    {"create table n (id serial primary key, u int unique)", "table n, sequence n_id_seq, index n_pkey, index n_u_key"},
    {"alter table t owner to current_user", "table t, index t_a, index t_pkey"},
    {"drop type ty cascade", "type ty, table typed, index typed_a"},
    {"alter domain d rename constraint c to c2", "type d"},
    {"alter type ty rename attribute a to b cascade", "type ty, table typed"},
    {"alter table ident alter id set increment by 2", "table ident, sequence ident_id_seq"},
    {"comment on column v.a is 'x'", "view v"},
    {"comment on trigger tr on t is 'x'", "table t"},
    {"comment on function f() is 'x'", "function f()"},
    {"grant select on all tables in schema public to public", "table t, table r, view v"},
    {"refresh materialized view mv with no data", "materialized_view mv"},
    {"drop schema public cascade", "schema public, table t, table r, type mood, function f(), index mv_code"},
    {"do $$ begin alter table t add z int; end $$", "table t, index t_a"},
    {"do $$ begin perform ddl('t'); end $$", "table t"},
    {"select ddl('r')", "table r"},
    {"do $$ declare x text; begin for x in select relname from pg_class loop execute 'alter table ' || x || ' add z int';"
     " end loop; end $$",
        "table t, table r, table q"},
};

static bool has_object(const struct world *world, const char *wanted)
{
    const char *space = strchr(wanted, ' ');

    for (size_t i = 0; i < world->last.items.count; i++)
        for (size_t k = 0; k < world->last.items.items[i].objects.count; k++) {
            const char *label = world->last.items.items[i].objects.items[k].label;
            size_t kind = (size_t)(space - wanted) + 1;

            if (strcmp(label, wanted) == 0)
                return true;
            if (strncmp(label, wanted, kind) == 0 && strncmp(label + kind, "public.", 7) == 0 &&
                strcmp(label + kind + 7, space + 1) == 0)
                return true;
        }
    return false;
}

static void every_object_that_changes_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
        struct world world;
        char wanted[512], *end = NULL;

        world_open(&world, "public");
        world_must(&world, setup);
        world_must(&world, effects[i][0]);
        snprintf(wanted, sizeof(wanted), "%s", effects[i][1]);
        for (char *one = strtok_r(wanted, ",", &end); one; one = strtok_r(NULL, ",", &end))
            if (!has_object(&world, *one == ' ' ? one + 1 : one))
                fail_msg("%s: does not name '%s'", effects[i][0], one);
        world_close(&world);
    }
}

/* What a statement leaves alone is not looked at by the executor. */
static void nothing_else_is_named(void **state)
{
    static const char *const none[][2] = {
        {"alter table t add x int", "index t_a"},
        {"drop index t_a", "table t"},
        {"create index i on t (b)", "table t"},
        {"alter table t alter column b set default 'y'", "view v"},
        {"do $$ begin insert into t (id) values (1); end $$", "table t"},
        {"select g('sad')", "table t"},
        {"create table n (id int unique primary key, unique (id))", "index n_id_key"},
        {"do $$ begin create table other_one (id int); end $$", "table t"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct world world;

        world_open(&world, "public");
        world_must(&world, setup);
        world_must(&world, none[i][0]);
        if (has_object(&world, none[i][1]))
            fail_msg("%s: names '%s'", none[i][0], none[i][1]);
        world_close(&world);
    }
}

/* The catalogue goes along: later statements find what is there under its name. */
static void names_are_followed(void **state)
{
    static const char *const valid[] = {
        "alter trigger tr on t rename to tr2; drop trigger tr2 on t",
        "alter function f() rename to f2; create trigger x before insert on r for each row execute function f2()",
        "create schema o; alter function f() set schema o; drop function o.f() cascade",
        "create schema o; alter type mood set schema o; create table x (m o.mood)",
        "create schema o; create table o.x (id int); alter schema o rename to oo; drop table oo.x; drop schema oo",
        "alter sequence s owned by t.n; drop table t cascade; create sequence s",
        "drop schema public cascade; create schema public; create table t (id int)",
        "drop type mood cascade; create type mood as enum ('a')",
        ("drop function f() cascade; create function f() returns trigger language plpgsql as 'begin return new; end';"
         "create trigger tr before insert on t for each row execute function f()"),
        "drop view w; create or replace view v as select id from r; drop table t",
        "select ddl('t'); update t set z = 1",
        "do $$ begin perform ddl('t'); end $$; update t set z = 1",
        "create policy po on t using (true); alter policy po on t rename to po2; drop policy po2 on t",
        "do $$ begin execute 'create policy hidden on t using (true)'; end $$; drop policy hidden on t",
        ("create table c1 (id int); create table c2 (x int); create table ch () inherits (c1, c2); drop table c1 cascade;"
         "drop table c2"),
        "select ctid, max(id) over (order by ctid) from t",
        ("alter table t alter column id add generated always as identity; alter table t alter column id drop identity;"
         "create sequence t_id_seq"),
    };
    static const char *const wrong[] = {
        "drop trigger nothing on t",
        "alter trigger nothing on t rename to x",
        "alter table t alter column a type text",   /* the view v reads it */
        "alter table t drop column a",              /* likewise */
        "drop table p1",                            /* q refers to the whole */
        "update t set z = 1",                       /* nobody added it */
        "create view x as select * from r; alter table r drop column code",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        struct world world;

        world_open(&world, "public");
        world_must(&world, setup);
        world_must(&world, valid[i]);
        world_close(&world);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct world world;

        world_open(&world, "public");
        world_must(&world, setup);
        if (world_run(&world, wrong[i]))
            fail_msg("%s: passes", wrong[i]);
        world_close(&world);
    }
}

/* The parser of the server reads up to a NUL; a text that is a part of a longer one ends before. */
static void a_text_ends_where_it_says(void **state)
{
    struct arena arena = ARENA_INIT;
    struct sql_script script;
    struct sql_error error;
    static const char longer[] = "select 1 this is no sql (";

    (void)state;
    assert_true(sql_parse(&arena, (struct str){longer, 8}, &script, &error));
    assert_int_equal(script.statements.count, 1);
    arena_free(&arena);
}

/* An undoing that leads somewhere else is said, and the history goes on from where it was. */
static void a_wrong_down_leaves_the_catalogue_alone(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "public", "create table t (id int primary key, a int, b int)",
        "      - name: one\n        sql: { up: alter table t drop column b, down: \"alter table t add column b int, add "
        "column c int, add constraint k check (a > 0); create index i on t (a)\" }\n"
        "      - name: two\n        sql: { up: \"alter table t add column c text; create index i on t (c)\" }\n"
        "      - name: three\n        sql: { up: alter table t drop column c }\n",
        "    allow: [ { rule: PG201, reason: x }, { rule: PG101, reason: x }, { rule: PG108, reason: x } ]\n");
    assert_non_null(steps.plan);
    assert_int_equal(steps.diags.items.count, 1);
    assert_string_equal(steps.diags.items.items[0]->code->name, "PG064");
    assert_null(json_get(json_get(steps_part(&steps, "three/run")->effect.items[0].definition, "columns"), "c"));
    assert_null(json_get(steps_part(&steps, "three/run")->effect.items[0].definition, "constraints")->child->next);
    steps_close(&steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_object_that_changes_is_named),
        cmocka_unit_test(nothing_else_is_named),
        cmocka_unit_test(names_are_followed),
        cmocka_unit_test(a_wrong_down_leaves_the_catalogue_alone),
        cmocka_unit_test(a_text_ends_where_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
