/* Typed steps: the SQL that they become, its parts and transactions, and what the plan says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/compiler_postgres.h"

static const char setup[] =
    "create table r (id int primary key); create type mood as enum ('sad');"
    "create table t (id int primary key, a int, b text, \\\"Odd\\\" int); create index t_a on t (a);"
    "create table heap (a int not null, b text); create unique index heap_a on heap (a);"
    "create table p (id int, k int, primary key (id, k)) partition by range (k); create table p1 partition of p "
    "default";

/* The parts of the migration: "check|validate|set+drop", | where a transaction ends, ! before one that runs alone. */
static const char *parts_of(struct steps *steps)
{
    struct strbuf out = STRBUF_INIT;
    const char *group = NULL, *text;
    bool first = true;

    for (size_t i = 0; i < steps->plan->steps.count; i++) {
        const struct plan_step *step = &steps->plan->steps.items[i];

        if (strncmp(step->id, "test/", 5) != 0)
            continue;
        if (!first)
            strbuf_append_text(&out, step->group && group && strcmp(step->group, group) == 0 ? "+" : "|");
        strbuf_printf(&out, "%s%s", step->group ? "" : "!", strrchr(step->id, '/') + 1);
        group = step->group;
        first = false;
    }
    text = strbuf_copy(&out, &steps->arena).data;
    strbuf_free(&out);
    return text ? text : "";
}

static void steps_become_the_online_form_in_its_parts(void **state)
{
    static const char *const steps[][2] = {
        {"create_index: { name: i, table: t, columns: [b] }", "!create"},
        {"create_index: { name: i, table: t, columns: [b], online: false }", "create"},
        {"create_index: { name: i, table: p, columns: [k] }", "!create"},
        {"create_index: { name: i, table: p, columns: [k], online: false }", "create"},
        {"drop_index: t_a", "!drop"},
        {"add_foreign_key: { table: t, name: k, columns: [a], references: r }", "add|validate"},
        {"add_foreign_key: { table: t, name: k, columns: [a], references: r, online: false }", "add"},
        {"add_foreign_key: { table: p, name: k, columns: [id], references: r }", "add"},
        {"add_check: { table: t, name: k, expression: a > 0 }", "add|validate"},
        {"set_not_null: { table: t, column: a }", "check|validate|set+drop"},
        {"set_not_null: { table: t, column: a, online: false }", "set"},
        {"add_unique: { table: t, name: k, columns: [a, b] }", "!index|add"},
        {"add_unique: { table: t, name: k, columns: [a, b], online: false }", "add"},
        {"add_primary_key: { table: heap, columns: [a] }", "!index|add"},
        {"add_primary_key: { table: heap, columns: [b] }", "check_b|validate_b|set_b+drop_b|!index|add"},
        {"set_not_null: { table: heap, column: a }", "set"},
        {"add_column: { table: t, name: x, definition: uuid default gen_random_uuid() }", "add+default|!fill"},
        {"add_column: { table: t, name: x, definition: uuid not null default gen_random_uuid() }",
            "add+default|!fill|check|validate|set+drop"},
        {"add_column: { table: t, name: x, definition: uuid default gen_random_uuid(), online: false }", "add"},
        {"add_column: { table: heap, name: x, definition: uuid default gen_random_uuid() }", "add"},
        {"backfill: { table: t, set: a = 1 }", "!fill"},
        {"assert: select true", "check"},
        {"add_enum_value: { type: mood, value: ok }\n      - set_default: { table: t, column: b, default: \"'ok'\" }",
            "add|set"},
        {"create_table: { name: n, columns: { id: int, r: int }, primary_key: [id] }\n"
         "      - create_index: { name: n_r, table: n, columns: [r] }\n"
         "      - add_foreign_key: { table: n, name: k, columns: [r], references: r }\n"
         "      - set_not_null: { table: n, column: r }",
            "create+create+add+set"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct steps world;
        struct arena arena = ARENA_INIT;

        steps_compile(&world, "public", setup, arena_printf(&arena, "      - %s", steps[i][0]),
            "    allow: [ { rule: PG101, reason: x }, { rule: PG301, reason: x }, { rule: PG106, reason: x } ]\n");
        if (!world.plan)
            fail_msg("%s: %s", steps[i][0], steps_report(&world));
        if (strcmp(parts_of(&world), steps[i][1]) != 0)
            fail_msg("%s: %s, not %s", steps[i][0], parts_of(&world), steps[i][1]);
        steps_close(&world);
        arena_free(&arena);
    }
}

static void sql_is_qualified_and_quoted(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "Stage", setup,
        "      - create_table:\n"
        "          name: orders\n"
        "          columns: { \"select\": int, \"Big\": \"text default 'x' -- why\", m: mood }\n"
        "          primary_key: [select]\n"
        "          checks: { c: \"\\\"Big\\\" <> ''\" }\n"
        "          foreign_keys: { f: { columns: [select], references: r, to: [id], on_delete: set_null } }\n"
        "          indexes: { i: { columns: [\"lower(\\\"Big\\\") desc\"], unique: true, where: m is null, include: "
        "[m], using: btree } }\n"
        "          comment: \"it's\"\n"
        "      - rename_table: { from: public.other, to: x }",
        "");
    assert_null(steps.plan);
    assert_non_null(strstr(steps_report(&steps), "there is no table 'public.other' at this point of the history"));
    steps_close(&steps);
    steps_compile(&steps, "Stage", setup,
        "      - create_table:\n"
        "          name: orders\n"
        "          columns: { \"select\": int, \"Big\": \"text default 'x' -- why\", m: mood }\n"
        "          primary_key: [select]\n"
        "          checks: { c: \"\\\"Big\\\" <> ''\" }\n"
        "          foreign_keys: { f: { columns: [select], references: r, to: [id], on_delete: set_null } }\n"
        "          indexes: { i: { columns: [\"lower(\\\"Big\\\") desc\"], unique: true, where: m is null, include: "
        "[m], using: btree } }\n"
        "          comment: \"it's\"",
        "");
    assert_string_equal(steps_sql(steps_part(&steps, "/create"), 0),
        "CREATE TABLE \"Stage\".orders (\"select\" int, \"Big\" text default 'x' -- why\n, m \"Stage\".mood, PRIMARY "
        "KEY (\"select\"), "
        "CONSTRAINT c CHECK (\"Big\" <> ''), CONSTRAINT f FOREIGN KEY (\"select\") REFERENCES \"Stage\".r (id) ON "
        "DELETE SET NULL)");
    assert_string_equal(steps_sql(steps_part(&steps, "/create"), 1),
        "CREATE UNIQUE INDEX i ON \"Stage\".orders USING btree (lower(\"Big\") desc) INCLUDE (m) WHERE (m is null)");
    assert_string_equal(steps_sql(steps_part(&steps, "/create"), 2), "COMMENT ON TABLE \"Stage\".orders IS 'it''s'");
    assert_string_equal(steps_undo(steps_part(&steps, "/create"), 0), "DROP TABLE \"Stage\".orders");
    assert_null(steps_undo(steps_part(&steps, "/create"), 1));
    steps_close(&steps);
}

static void effects_and_locks_are_what_the_statement_does(void **state)
{
    struct steps steps;
    const struct plan_step *step;
    const struct json *columns;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - add_column: { table: t, name: x, definition: \"int not null default 7\" }\n"
        "      - create_index: { name: i, table: t, columns: [x] }\n      - drop_column: { table: t, name: x }",
        "");
    step = steps_part(&steps, "/add");
    assert_int_equal(step->locks.count, 1);
    assert_string_equal(step->locks.items[0].relation, "public.t");
    assert_string_equal(step->locks.items[0].mode, "AccessExclusiveLock");
    assert_string_equal(step->locks.items[0].blocks, "reads and writes");
    assert_false(step->locks.items[0].rewrite);
    assert_string_equal(step->effect.items[0].object, "table public.t");
    columns = json_get(step->effect.items[0].definition, "columns");
    assert_string_equal(json_string(json_get(json_get(columns, "x"), "type")), "integer");
    assert_string_equal(json_string(json_get(json_get(columns, "x"), "default")), "7");
    assert_true(json_bool(json_get(json_get(columns, "x"), "not_null"), false));
    assert_int_equal(step->timeouts.lock_ms, steps.plan->policy.lock_timeout_ms);
    step = steps_part(&steps, "/create");
    assert_int_equal(step->action.instruction, INSTRUCTION_PG_EXEC_ALONE);
    assert_string_equal(step->effect.items[0].object, "index public.i");
    assert_string_equal(json_string(json_get(step->effect.items[0].definition, "definition")),
        "CREATE INDEX i ON public.t USING btree (x)");
    assert_string_equal(step->locks.items[0].mode, "ShareUpdateExclusiveLock");
    assert_true(step->locks.items[0].scan);
    assert_int_equal(step->timeouts.lock_ms, 0);
    assert_int_equal(step->timeouts.wait_ms, steps.plan->policy.concurrent_wait_ms);
    step = steps_part(&steps, "/drop");
    assert_int_equal(step->phase, PHASE_CONTRACT);
    assert_null(json_get(json_get(step->effect.items[0].definition, "columns"), "x"));
    steps_close(&steps);
}

static void nobody_waits_for_a_new_table(void **state)
{
    struct steps steps;
    const struct plan_step *step;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - create_table: { name: n, columns: { id: int, r: int references r }, primary_key: [id], indexes: { "
        "n_r: { columns: [r] } } }\n"
        "      - add_column: { table: n, name: x, definition: \"uuid default gen_random_uuid()\" }",
        "");
    step = steps_part(&steps, "/create");
    assert_int_equal(step->locks.count, 1);
    assert_string_equal(step->locks.items[0].relation, "public.r");
    assert_string_equal(step->locks.items[0].mode, "ShareRowExclusiveLock");
    assert_int_equal(steps_part(&steps, "/add")->locks.count, 0);
    steps_close(&steps);
}

static void backfills_carry_what_the_executor_needs(void **state)
{
    struct steps steps;
    const struct json *forward;
    const struct plan_step *step;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - backfill: { table: t, set: \"b = (select max(id)::text from r), \\\"Odd\\\" = 2\", where: \"b is null "
        "or a in (select id from r)\", batch: 77 }",
        "");
    step = steps_part(&steps, "/fill");
    forward = step->action.forward;
    assert_int_equal(step->action.instruction, INSTRUCTION_PG_BACKFILL);
    assert_string_equal(json_string(json_get(forward, "relation")), "public.t");
    assert_string_equal(json_string(json_get(json_at(json_get(forward, "key"), 0), "name")), "id");
    assert_string_equal(json_string(json_get(json_at(json_get(forward, "key"), 0), "type")), "integer");
    assert_string_equal(json_string(json_get(forward, "set")), "b = (select max(id)::text from public.r), \"Odd\" = 2");
    assert_string_equal(json_string(json_get(forward, "where")), "b is null or a in (select id from public.r)");
    assert_string_equal(json_string(json_at(json_get(forward, "columns"), 1)), "\"Odd\"");
    assert_true(json_bool(json_get(forward, "keep_old"), false));
    assert_int_equal(step->inverse.grade, GRADE_EXACT);
    assert_string_equal(json_string(json_get(step->inverse.action.forward, "restore")), "test/backfill:t/fill");
    steps_close(&steps);

    steps_compile(
        &steps, "public", setup, "      - backfill: { table: heap, set: b = 'x', key: [a], keep_old: false }", "");
    step = steps_part(&steps, "/fill");
    assert_true(json_is(json_get(step->action.forward, "where"), JSON_NULL));
    assert_int_equal(step->inverse.grade, GRADE_LOSSY);
    assert_string_equal(step->inverse.why, "the old values of b of table public.heap");
    steps_close(&steps);
}

static void a_new_column_may_hold_what_its_own_backfill_wrote(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - add_column: { table: t, name: x, definition: \"int not null default 0\" }\n"
        "      - add_column: { table: t, name: y, definition: int }\n"
        "      - backfill: { table: t, set: \"x = (select r.id from r where r.id = t.id), y = y + 1\" }",
        "");
    assert_string_equal(steps_guard(steps_part(&steps, "t.x/add")),
        "SELECT NOT EXISTS (SELECT FROM public.t WHERE x IS NOT NULL AND x::text IS DISTINCT FROM (0)::integer::text "
        "AND x::text IS "
        "DISTINCT FROM ((select r.id from public.r where r.id = t.id))::integer::text)");
    assert_string_equal(
        steps_guard(steps_part(&steps, "t.y/add")), "SELECT NOT EXISTS (SELECT FROM public.t WHERE y IS NOT NULL)");
    assert_int_equal(steps_part(&steps, "/fill")->inverse.grade, GRADE_EXACT);
    assert_true(steps_part(&steps, "/fill")->inverse.action.none);
    steps_close(&steps);
}

static void a_volatile_default_is_split(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - add_column: { table: t, name: \"X\", definition: \"uuid not null default gen_random_uuid() check "
        "(\\\"X\\\" <> 'a') -- why\" }",
        "");
    assert_string_equal(
        steps_sql(steps_part(&steps, "/add"), 0), "ALTER TABLE public.t ADD COLUMN \"X\" uuid   check (\"X\" <> 'a')");
    assert_string_equal(steps_sql(steps_part(&steps, "/default"), 0),
        "ALTER TABLE public.t ALTER COLUMN \"X\" SET DEFAULT gen_random_uuid()");
    assert_string_equal(
        json_string(json_get(steps_part(&steps, "/fill")->action.forward, "set")), "\"X\" = gen_random_uuid()");
    assert_string_equal(json_string(json_get(steps_part(&steps, "/fill")->action.forward, "where")), "\"X\" IS NULL");
    assert_true(steps_part(&steps, "/fill")->inverse.action.none);
    steps_close(&steps);
}

static void kept_objects_stay(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - create_extension: postgis\n      - create_schema: x\n      - add_column: { table: t, name: at, "
        "definition: geography(Point) }",
        "    rollback: { keep: [ extension postgis, schema x ] }\n");
    assert_true(steps_part(&steps, "postgis/create")->inverse.action.none);
    assert_int_equal(steps_part(&steps, "postgis/create")->inverse.grade, GRADE_EXACT);
    assert_true(steps_part(&steps, "create_schema:x/create")->inverse.action.none);
    assert_string_equal(steps_undo(steps_part(&steps, "t.at/add"), 0), "ALTER TABLE public.t DROP COLUMN at");
    steps_close(&steps);
    steps_compile(
        &steps, "public", setup, "      - create_schema: x", "    rollback: { keep: [ extension postgis ] }\n");
    assert_null(steps.plan);
    assert_non_null(
        strstr(steps_report(&steps), "error[PG008]: the migration makes no 'extension postgis' that could be kept"));
    steps_close(&steps);
}

static void sql_is_cut_where_transactions_must_end(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - name: x\n"
        "        sql:\n"
        "          up: |\n"
        "            -- first\n"
        "            create table n (id int primary key); /* and */ alter table n add x int;\n"
        "            create index concurrently n_x on n (x);\n"
        "            alter table n add y int;\n"
        "            alter type mood add value 'ok';\n"
        "            comment on table n is 'n';\n",
        "");
    assert_string_equal(parts_of(&steps), "create_table_n|!create_index_n_x|alter_n|comment");
    assert_string_equal(steps_sql(steps_part(&steps, "/alter_n"), 1), "alter type public.mood add value 'ok'");
    steps_close(&steps);
}

static void a_written_down_is_checked_and_guarded(void **state)
{
    struct steps steps;
    const struct plan_step *step;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - name: made\n        sql: { up: \"create table n (id int primary key)\", down: \"drop table n\" }\n"
        "      - name: wrote\n        sql: { up: \"update t set a = 1\", down: \"update t set a = null\" }\n"
        "      - name: careless\n        sql: { up: \"update t set a = 2\", down: \"alter table t drop column b\" }\n"
        "      - name: again\n        sql: { up: \"vacuum t\", down: \"select 1\" }",
        "    allow: [ { rule: PG109, reason: x } ]\n");
    step = steps_part(&steps, "made/run");
    assert_int_equal(step->inverse.grade, GRADE_EXACT);
    assert_string_equal(steps_undo(step, 0), "drop table public.n");
    assert_string_equal(steps_guard(step), "SELECT NOT EXISTS (SELECT FROM public.n)");
    step = steps_part(&steps, "wrote/run");
    assert_int_equal(step->inverse.grade, GRADE_EXACT);
    assert_null(step->inverse.guard);
    step = steps_part(&steps, "careless/run");
    assert_int_equal(step->inverse.grade, GRADE_LOSSY);
    assert_string_equal(step->inverse.why, "it is not undone as it was: table public.t lacks its column 'b'");
    steps_close(&steps);
}

static void alone_statements_need_a_probe(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - name: x\n        sql: { up: alter system set work_mem = '1MB', down: select 1 }", "");
    assert_null(steps.plan);
    assert_non_null(strstr(steps_report(&steps), "error[PG013]"));
    steps_close(&steps);
    steps_compile(&steps, "public", setup,
        "      - name: x\n        sql: { up: alter system set work_mem = '1MB', down: select 1, probe: \"select "
        "count(*) > 0 from t\" }",
        "");
    assert_string_equal(json_string(json_get(steps_part(&steps, "/run")->action.probe, "sql")),
        "SELECT CASE WHEN (select count(*) > 0 from public.t) THEN 'done' ELSE 'not done' END, NULL::pg_catalog.text");
    steps_close(&steps);
    steps_compile(&steps, "public", setup,
        "      - name: x\n        sql: { up: alter system set work_mem = '1MB', down: select 1, repeatable: true }",
        "");
    assert_non_null(steps_part(&steps, "/run")->action.probe);
    steps_close(&steps);
}

static void nothing_can_be_smuggled_into_a_definition(void **state)
{
    static const char *const steps[][2] = {
        {"add_column: { table: t, name: x, definition: \"int, drop column a\" }", "a ',' cannot stand here"},
        {"add_column: { table: t, name: x, definition: \"int; drop table t\" }", "a ';' cannot stand here"},
        {"add_check: { table: t, name: k, expression: \"true), drop column a, add check (true\" }",
            "this bracket closes nothing"},
        {"create_index: { name: i, table: t, columns: [\"a, b\"] }", "a ',' cannot stand here"},
        {"create_index: { name: i, table: t, columns: [a], where: \"true); drop table t; select (1\" }",
            "this bracket closes nothing"},
        {"change_type: { table: t, column: a, type: \"bigint using 1\" }", "USING has a key of its own"},
        {"backfill: { table: t, set: \"a = 1 where false\" }", "'where' cannot stand here"},
        {"backfill: { table: t, set: \"a = 1 returning a\" }", "'returning' cannot stand here"},
        {"create_view: { name: v, query: \"select 1; drop table t\" }", "a second statement cannot stand here"},
        {"create_view: { name: v, query: \"insert into t values (1)\" }", "syntax error at or near 'insert'"},
        {"assert: delete from t", "this is another statement than the step's kind says"},
        {"create_sequence: { name: s, options: \"start 1; drop table t\" }", "a ';' cannot stand here"},
        {"comment: { on: \"table t is 'x'; drop table t; comment on table t\", text: x }", "a ';' cannot stand here"},
        {"grant: { privileges: [select], on: \"t to eve; grant select on t\", to: [bob] }", "a ';' cannot stand here"},
        {"create_function: { name: f, definition: \"create function g() returns int language sql as 'select 1'\" }",
            "the definition is not of 'f'"},
        {"set_default: { table: t, column: a, default: \"1, drop column b\" }", "a ',' cannot stand here"},
        {"rename_table: { from: t, to: \"x; drop table t\" }", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct steps world;
        struct arena arena = ARENA_INIT;

        steps_compile(&world, "public", setup, arena_printf(&arena, "      - name: x\n        %s", steps[i][0]),
            "    allow: [ { rule: PG204, reason: x } ]\n");
        if (steps[i][1]) {
            assert_null(world.plan);
            if (!strstr(steps_report(&world), steps[i][1]))
                fail_msg("%s: %s", steps[i][0], steps_report(&world));
        } else {
            assert_string_equal(
                steps_sql(steps_part(&world, "/rename"), 0), "ALTER TABLE public.t RENAME TO \"x; drop table t\"");
        }
        steps_close(&world);
        arena_free(&arena);
    }
}

static void errors_stand_under_what_was_written(void **state)
{
    struct steps steps;

    (void)state;
    steps_compile(&steps, "public", setup,
        "      - backfill:\n          table: t\n          set: |\n            a = 1,\n            b = größe(nope)\n    "
        "      where: \"b = 'ö' and  mising > 1\"",
        "");
    assert_null(steps.plan);
    assert_non_null(strstr(steps_report(&steps), "error[PG003]: table 't' has no column 'nope' at this point of the "
                                                 "history\n    18 |             b = größe(nope)\n"
                                                 "       |                       ^~~~\n"));
    assert_non_null(strstr(steps_report(&steps),
        "          where: \"b = 'ö' and  mising > 1\"\n       |                                ^~~~~~\n"));
    steps_close(&steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_become_the_online_form_in_its_parts),
        cmocka_unit_test(sql_is_qualified_and_quoted),
        cmocka_unit_test(effects_and_locks_are_what_the_statement_does),
        cmocka_unit_test(nobody_waits_for_a_new_table),
        cmocka_unit_test(backfills_carry_what_the_executor_needs),
        cmocka_unit_test(a_new_column_may_hold_what_its_own_backfill_wrote),
        cmocka_unit_test(a_volatile_default_is_split),
        cmocka_unit_test(kept_objects_stay),
        cmocka_unit_test(sql_is_cut_where_transactions_must_end),
        cmocka_unit_test(a_written_down_is_checked_and_guarded),
        cmocka_unit_test(alone_statements_need_a_probe),
        cmocka_unit_test(nothing_can_be_smuggled_into_a_definition),
        cmocka_unit_test(errors_stand_under_what_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
