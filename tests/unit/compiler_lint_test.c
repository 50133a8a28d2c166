/* The rules: what they say of SQL, and, as important, what they leave alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/compiler_postgres.h"

static const char setup[] =
    "create table r (id int primary key, code text);"
    "create table t (id int primary key, a int, b text, c varchar(10), r int references r, n int not null default 0,"
    " constraint c_there check (c is not null)); create index t_r on t (r); create index t_a on t (a);"
    "create unique index t_code on r (code); create type mood as enum ('sad'); create domain whole as int check (value "
    "> 0);"
    "create function roll() returns int language sql volatile as 'select 1';"
    "create function fixed() returns int language sql immutable as 'select 1';"
    "create materialized view m as select id from t;"
    "create table p (id int, k int, primary key (id, k)) partition by range (k); create table p1 partition of p for "
    "values from (0) to (9);"
    "create table pd partition of p default";

struct rule_case {
    const char *codes; /* "" for none */
    const char *sql;
};

static void check(const struct rule_case *cases, size_t count, bool same_migration)
{
    for (size_t i = 0; i < count; i++) {
        struct world world;
        const char *codes;

        world_open(&world, "public");
        if (same_migration) {
            world_must(&world, arena_printf(&world.arena, "%s; %s", setup, cases[i].sql));
        } else {
            world_must(&world, setup);
            world_codes(&world);
            world_must(&world, cases[i].sql);
        }
        codes = world_codes(&world);
        if (strcmp(codes, cases[i].codes) != 0)
            fail_msg("%s: '%s', not '%s'", cases[i].sql, codes, cases[i].codes);
        world_close(&world);
    }
}

static const struct rule_case live[] = {
    {"PG111", "alter table t drop constraint t_r_fkey"},
    {"PG201 PG111", "alter table t drop column r"},
    {"PG084", "alter table t set (autovacuum_enabled = false)"},
    {"", "alter table t set (autovacuum_enabled = true, fillfactor = 90)"},
    {"", "alter table t set (autovacuum_vacuum_scale_factor = 0.01)"},
    {"PG082", "create table n (id int primary key, a_name_of_a_column_that_is_much_longer_than_any_server_would_keep_it int)"},
    {"", "create table n (id int primary key, note text default "
         "'a_text_of_more_than_sixty_three_bytes_is_no_name_whatever_it_looks_like')"},
    {"", "create table n (id int primary key, r int references r)"},
    {"PG101", "create index i on t (b)"},
    {"", "create index concurrently i on t (b)"},
    {"PG303", "create index concurrently if not exists i on t (b)"},
    {"PG101", "create index i on p (k)"},
    {"PG102", "drop index t_a"},
    {"", "drop index concurrently t_a"},
    {"PG103", "alter table t add constraint k check (a > 0)"},
    {"", "alter table t add constraint k check (a > 0) not valid"},
    {"PG103", "alter table t add constraint k foreign key (a) references r (id)"},
    {"", "alter table t add constraint k foreign key (a) references r (id) not valid"},
    {"", "alter table t validate constraint c_there"},
    {"PG105", "alter table t add constraint k unique (a)"},
    {"", "create unique index concurrently k on t (a); alter table t add constraint k unique using index k"},
    {"PG120", "alter table t add exclude using btree (a with =)"},
    {"", "alter table t add x int"},
    {"", "alter table t add x int not null default 5"},
    {"", "alter table t add x timestamptz default now()"},
    {"", "alter table t add x int default fixed()"},
    {"PG106", "alter table t add x int default roll()"},
    {"PG106", "alter table t add x uuid default gen_random_uuid()"},
    {"PG106", "alter table t add x bigserial"},
    {"PG106", "alter table t add x int generated always as identity"},
    {"PG106", "alter table t add x int generated always as (a + 1) stored"},
    {"PG106", "alter table t add x whole"},
    {"PG103", "alter table t add x int check (x > 0)"},
    {"PG207", "alter table t add x int not null"},
    {"PG302", "alter table t add x json"},
    {"", "alter table t add x jsonb"},
    {"PG106", "alter table t alter a type bigint"},
    {"", "alter table t alter c type varchar(20)"},
    {"", "alter table t alter c type text"},
    {"PG106 PG206", "alter table t alter c type varchar(5)"},
    {"PG107", "alter table t alter a set not null"},
    {"", "alter table t alter c set not null"},
    {"", "alter table t alter a set default 5"},
    {"PG201", "alter table t drop column a"},
    {"PG202 PG111", "drop materialized view m; drop table t"},
    {"", "create table a (id int primary key); create table b (id int references a); drop table a, b"},
    {"PG204", "alter table t rename column a to x"},
    {"PG204", "alter table t rename to x"},
    {"", "alter index t_a rename to t_x"},
    {"PG109", "update t set a = 1"},
    {"PG109", "update t set a = 1 where a is null"},
    {"", "update t set a = 1 where id = 5"},
    {"", "update t set a = 1 where id = 5 and a > 3"},
    {"PG203 PG109", "delete from t"},
    {"PG109", "delete from t where a < 5"},
    {"", "insert into t (id, c) values (1, 'x')"},
    {"PG203", "truncate t"},
    {"PG110", "lock table t"},
    {"", "lock table t in row exclusive mode"},
    {"PG112", "vacuum full t"},
    {"", "vacuum t"},
    {"", "analyze t"},
    {"PG112", "cluster t using t_a"},
    {"PG122", "reindex table t"},
    {"", "reindex table concurrently t"},
    {"PG119", "refresh materialized view m"},
    {"", "refresh materialized view concurrently m"},
    {"PG113", "do $$ begin null; end $$"},
    {"PG114", "set lock_timeout = 0"},
    {"", "set local lock_timeout = '1s'"},
    {"", "reset lock_timeout"},
    {"PG118", "create table p2 partition of p for values from (10) to (20)"},
    {"", "create table n (id int)"},
    {"", "create temp table n (id int)"},
    {"PG305", "create function f() returns int language sql security definer as 'select 1'"},
    {"", "create function f() returns int language sql security definer set search_path = '' as 'select 1'"},
    {"", "alter type mood add value 'ok'"},
    {"PG204", "alter type mood rename value 'sad' to 'blue'"},
    {"", "create trigger x before insert on t for each row execute function suppress_redundant_updates_trigger()"},
    {"", "create view w as select * from t; comment on table t is 'x'; grant select on t to public"},
};

static void live_tables_are_guarded(void **state)
{
    (void)state;
    check(live, sizeof(live) / sizeof(live[0]), false);
}

/* Nobody waits for a table that the same migration makes. */
static void new_tables_are_left_alone(void **state)
{
    static const char *const still[] = {"PG303", "PG207", "PG302", "PG113", "PG114", "PG305", "PG082", "PG084"};

    (void)state;
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        struct rule_case one = {"", live[i].sql};

        for (size_t k = 0; k < sizeof(still) / sizeof(still[0]); k++)
            if (strcmp(live[i].codes, still[k]) == 0 && strcmp(still[k], "PG207") != 0)
                one.codes = still[k];
        check(&one, 1, true);
    }
}

static size_t count_code(const struct steps *steps, const char *code)
{
    size_t count = 0;

    for (size_t i = 0; i < steps->diags.items.count; i++)
        count += strcmp(steps->diags.items.items[i]->code->name, code) == 0;
    return count;
}

static void expect_steps(const char *codes, const char *yaml, const char *more)
{
    struct steps steps;
    struct strbuf out = STRBUF_INIT;

    steps_compile(&steps, "public",
        "create table r (id int primary key); create table t (id int primary key, a int, b text, r int)", yaml, more);
    for (size_t i = 0; i < steps.diags.items.count; i++)
        strbuf_printf(&out, "%s%s", i ? " " : "", steps.diags.items.items[i]->code->name);
    if (strcmp(out.data ? out.data : "", codes) != 0)
        fail_msg("'%s', not '%s':\n%s", out.data ? out.data : "", codes, steps_report(&steps));
    strbuf_free(&out);
    steps_close(&steps);
}

static void transactions_are_judged_as_a_whole(void **state)
{
    (void)state;
    expect_steps("PG104",
        "      - name: x\n        sql: { up: \"alter table t add constraint k check (a > 0) not valid; alter table t "
        "validate constraint k\" }",
        "");
    expect_steps("", "      - add_check: { table: t, name: k, expression: a > 0 }", "");
    expect_steps("PG109 PG108",
        "      - add_column: { table: t, name: x, definition: int }\n"
        "      - name: fill\n        sql: { up: \"update t set x = a\", down: \"select 1\" }",
        "");
    expect_steps("",
        "      - add_column: { table: t, name: x, definition: int }\n      - backfill: { table: t, set: x = a }", "");
    expect_steps("",
        "      - create_table: { name: n, columns: { id: int }, primary_key: [id] }\n"
        "      - name: seed\n        sql: { up: \"insert into n select id from t\" }",
        "");
    /* said once, however much follows */
    expect_steps("PG109 PG109 PG108",
        "      - name: x\n        sql: { up: \"alter table t add x int; update t set x = a; update t set x = 1\" }", "");
    expect_steps("PG109 PG116",
        "      - name: x\n        sql: { up: \"create table n (id int primary key references r); update t set a = 1\" }",
        "");
    expect_steps("",
        "      - name: x\n        sql: { up: \"create table n (id int primary key references r); "
        "create index n_i on n (id, (id + 1)); alter table n add unique (id)\" }",
        "");
}

#define SQL(text) "      - name: x\n        sql: { up: \"" text "\" }\n"

static void what_is_left_at_the_end_of_the_history_is_found(void **state)
{
    (void)state;
    expect_steps("PG080", SQL("create table n (a int, b int, primary key (a, b)); create index i on n (a)"), "");
    expect_steps("", SQL("create table n (a int, b int, primary key (a, b)); create index i on n (b)"), "");
    expect_steps("PG080", SQL("create table n (a int primary key, b int); create index i on n (b); create index j on n (b)"),
        "");
    expect_steps("", SQL("create table n (a int primary key, b int); create index i on n (b);"
                         " create index j on n (b, a); drop index i"),
        "");
    expect_steps("", SQL("create table n (a int primary key, b int); create index i on n (b) where b > 0;"
                         " create index j on n (b desc); create index k on n using hash (b); create unique index l on n (b)"),
        "");
    expect_steps("PG081", SQL("create table n (a int primary key); alter table n enable row level security"), "");
    expect_steps("", SQL("create table n (a int primary key); alter table n enable row level security;"
                         " create policy p on n using (true)"),
        "");
    expect_steps("PG085", SQL("create function f() returns trigger language plpgsql as 'begin return new; end';"
                              " create trigger g before insert on t for each row execute function f();"
                              " alter table t disable trigger g"),
        "");
    expect_steps("", SQL("alter table t disable trigger all; alter table t enable trigger all"), "");
    expect_steps("PG201 PG083",
        SQL("create function f() returns bigint language sql as 'select sum(a) from t'; alter table t drop column a"), "");
    expect_steps("PG201",
        SQL("create function f() returns bigint language sql as 'select sum(a) from t'; alter table t drop column a;"
            " create or replace function f() returns bigint language sql as 'select count(*) from t'"),
        "");
    expect_steps("PG201", /* another table's column */
        SQL("create function f() returns int language sql as 'select 1 as a'; alter table t drop column a"), "");
}

static void settings_say_how_much_a_rule_matters(void **state)
{
    static const char *const cases[][3] = { /* of the project, of the environment, what comes of it */
        {"off", NULL, ""},
        {NULL, "off", ""},
        {"off", "error", "error"},
        {"info", NULL, "info"},
        {NULL, NULL, "warning"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena = ARENA_INIT;
        struct diag_list diags;
        struct node values[2], *members[2] = {NULL, NULL};
        struct node_member entries[2];
        struct node keys[2], maps[2];
        struct diag *diag;

        diag_list_init(&diags, &arena);
        for (size_t k = 0; k < 2; k++) {
            if (!cases[i][k])
                continue;
            keys[k] = (struct node){.kind = NODE_SCALAR, .text = STR("PG101")};
            values[k] = (struct node){.kind = NODE_SCALAR, .text = str_from(cases[i][k])};
            entries[k] = (struct node_member){&keys[k], &values[k]};
            maps[k] = (struct node){.kind = NODE_MAPPING, .members = &entries[k], .count = 1};
            members[k] = &maps[k];
        }
        diag = lint_report(&(struct lint_settings){members[0], members[1]}, &diags, NULL, DIAG(PG101), (struct span){0}, "x");
        assert_string_equal(diag ? diag_severity_name(diag->severity) : "", cases[i][2]);
        assert_int_equal(diags.error_count, strcmp(cases[i][2], "error") == 0);
        assert_int_equal(diags.warning_count, strcmp(cases[i][2], "warning") == 0);
        arena_free(&arena);
    }
}

static void foreign_keys_want_an_index_by_the_end_of_the_history(void **state)
{
    (void)state;
    expect_steps("PG301", "      - add_foreign_key: { table: t, name: k, columns: [r], references: r }", "");
    expect_steps("",
        "      - add_foreign_key: { table: t, name: k, columns: [r], references: r }\n"
        "      - create_index: { name: t_r, table: t, columns: [r] }",
        "");
    expect_steps("PG301",
        "      - add_foreign_key: { table: t, name: k, columns: [r], references: r }\n"
        "      - create_index: { name: t_r, table: t, columns: [r], where: r > 5 }",
        "");
    expect_steps("PG111",
        "      - add_foreign_key: { table: t, name: k, columns: [r], references: r }\n      - drop_constraint: { "
        "table: t, name: k }",
        "");
}

static void tables_want_a_primary_key_by_the_end_of_the_history(void **state)
{
    (void)state;
    expect_steps("PG304", "      - create_table: { name: n, columns: { id: int } }", "");
    expect_steps("",
        "      - create_table: { name: n, columns: { id: int } }\n      - add_primary_key: { table: n, columns: [id] }",
        "");
    expect_steps("", "      - create_table: { name: n, columns: { id: int } }\n      - drop_table: n", "");
}

static void allowances_silence_one_rule_in_one_migration(void **state)
{
    struct steps steps;

    (void)state;
    expect_steps("PG201", "      - drop_column: { table: t, name: a }", "");
    expect_steps(
        "", "      - drop_column: { table: t, name: a }", "    allow: [ { rule: PG201, reason: nobody reads it } ]\n");
    expect_steps("", "      - add_foreign_key: { table: t, name: k, columns: [r], references: r }",
        "    allow: [ { rule: PG301, reason: r is never deleted from } ]\n");
    steps_compile(&steps, "public", "create table t (id int primary key, a int)",
        "      - drop_column: { table: t, name: a }", "    allow: [ { rule: PG202, reason: the wrong one } ]\n");
    assert_int_equal(count_code(&steps, "PG201"), 1);
    steps_close(&steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_tables_are_guarded),
        cmocka_unit_test(new_tables_are_left_alone),
        cmocka_unit_test(transactions_are_judged_as_a_whole),
        cmocka_unit_test(what_is_left_at_the_end_of_the_history_is_found),
        cmocka_unit_test(settings_say_how_much_a_rule_matters),
        cmocka_unit_test(foreign_keys_want_an_index_by_the_end_of_the_history),
        cmocka_unit_test(tables_want_a_primary_key_by_the_end_of_the_history),
        cmocka_unit_test(allowances_silence_one_rule_in_one_migration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
