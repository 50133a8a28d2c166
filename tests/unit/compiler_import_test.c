#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/import/import.h"
#include "compiler/import/javascript.h"
#include "compiler/import/reader.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

static struct arena arena;
static struct import_source source;
static struct import_history history;
static struct import_output output;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    source = (struct import_source){.arena = &arena, .shown = "in"};
    error = (struct error){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void add(const char *path, const char *text)
{
    import_source_add(&source, path, str_from(text));
}

static bool read_history(enum import_tool tool)
{
    const struct import_settings settings = {.file = "migrations.yaml", .target = "db"};

    import_source_sort(&source);
    if (!import_history_read(&history, &source, tool, &error))
        return false;
    import_output_make(&output, &history, &settings);
    return true;
}

static void import(enum import_tool tool)
{
    if (!read_history(tool))
        fail_msg("%s", error.message);
}

static void assert_refused(enum import_tool tool, const char *message, const char *help)
{
    assert_false(read_history(tool));
    assert_string_equal(error.message, message);
    assert_string_equal(error.help, help);
    assert_int_equal(error.exit_status, EXIT_STATUS_SPEC);
}

static const char *file(const char *path)
{
    for (size_t i = 0; i < output.files.count; i++)
        if (strcmp(output.files.items[i].path, path) == 0)
            return arena_strndup(&arena, output.files.items[i].text.data, output.files.items[i].text.len);
    return NULL;
}

/* The findings of one kind, a line each. */
static const char *findings(bool is_open)
{
    const char *text = "";

    for (size_t i = 0; i < history.findings.count; i++) {
        const struct import_finding *finding = &history.findings.items[i];

        if (finding->is_open == is_open)
            text = arena_printf(
                &arena, "%s%s:%zu: %s\n", text, finding->path ? finding->path : "", finding->line, finding->text);
    }
    return text;
}

static const char *ids(void)
{
    const char *text = "";

    for (size_t i = 0; i < history.changes.count; i++)
        text = arena_printf(&arena, "%s%s%s", text, i ? " " : "", history.changes.items[i].id);
    return text;
}

/* --- golang-migrate ----------------------------------------------------------------------------------------------- */

static void golang_migrate_sorts_by_number_not_by_text(void **state)
{
    (void)state;
    add("10_ten.up.sql", "select 10;");
    add("9_nine.up.sql", "select 9;");
    add("00000000000000000000000000000000000000000011_eleven.up.sql", "select 11;");
    add("9_nine.down.sql", "select -9;");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(ids(), "9_nine 10_ten 00000000000000000000000000000000000000000011_eleven");
    assert_string_equal(file("migrations/9_nine.down.sql"), "select -9;\n");
    assert_null(file("migrations/10_ten.down.sql"));
    assert_string_equal(file("migrations.yaml"),
        "# Imported from golang-migrate.\n"
        "invplan: 1\n"
        "project: imported\n"
        "targets:\n"
        "  db: { engine: postgres }\n"
        "environments:\n"
        "  local:\n"
        "    targets:\n"
        "      db: { url: \"${env:DATABASE_URL}\" }\n"
        "migrations:\n"
        "  - id: 9_nine\n"
        "    target: db\n"
        "    steps:\n"
        "      - sql: { file: migrations/9_nine.up.sql, down_file: migrations/9_nine.down.sql }\n"
        "  - id: 10_ten\n"
        "    target: db\n"
        "    steps:\n"
        "      - sql: { file: migrations/10_ten.up.sql }\n"
        "  - id: 00000000000000000000000000000000000000000011_eleven\n"
        "    target: db\n"
        "    steps:\n"
        "      - sql: { file: migrations/00000000000000000000000000000000000000000011_eleven.up.sql }\n");
    assert_int_equal(history.open_count, 0);
}

static void golang_migrate_refuses_a_version_twice(void **state)
{
    (void)state;
    add("1_a.up.sql", "select 1;");
    add("01_b.up.sql", "select 1;");
    assert_refused(IMPORT_GOLANG_MIGRATE, "'01_b.up.sql' and '1_a.up.sql' have the same version",
        "golang-migrate refuses that too: number one of them anew");
}

static void a_folder_without_migrations_is_refused(void **state)
{
    (void)state;
    add("schema.sql", "select 1;");
    assert_refused(IMPORT_GOLANG_MIGRATE, "'in' holds no migration of golang-migrate",
        "name the folder that golang-migrate is given");
}

static void a_down_file_alone_and_code_are_left_for_a_person(void **state)
{
    (void)state;
    add("1_a.up.sql", "select 1;");
    add("2_b.down.sql", "select 1;");
    add("3_c.up.go", "package migrations");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(ids(), "1_a");
    assert_string_equal(findings(true), "3_c.up.go:0: is a migration in Go; write what it does as SQL\n"
                                        "2_b.down.sql:0: has no '2_b.up.sql' beside it and is left out\n");
}

/* --- scripts ------------------------------------------------------------------------------------------------------ */

static void byte_order_marks_and_carriage_returns_go(void **state)
{
    (void)state;
    add("1_a.up.sql", "\xEF\xBB\xBF"
                      "select 1,\r\n  '\r';\r\n");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(file("migrations/1_a.up.sql"), "select 1,\n  '\r';\n");
}

static void a_file_that_is_not_utf8_leaves_a_gap_that_no_compiler_takes(void **state)
{
    (void)state;
    add("1_a.up.sql", "select 1;\nselect '\xE9t\xE9';");
    add("2_b.up.sql", "\xFF\xFEs");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(findings(true), "1_a.up.sql:0: is not UTF-8 (line 2); save it as UTF-8\n"
                                        "2_b.up.sql:0: is UTF-16; save it as UTF-8\n");
    assert_string_equal(
        file("migrations/1_a.up.sql"), "NOT_IMPORTED '1_a.up.sql:1'; -- is not UTF-8 (line 2); save it as UTF-8\n");
}

static void begin_and_commit_are_left_out_and_nothing_else(void **state)
{
    (void)state;
    add("1_a.up.sql",
        "-- BEGIN;\nBEGIN;\ncreate function f() returns int language plpgsql as $$\nBEGIN\n  return 1;\nEND;\n$$;\n"
        "select 'COMMIT;'; COMMIT ; -- done\n");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(
        file("migrations/1_a.up.sql"), "-- BEGIN;\ncreate function f() returns int language plpgsql as $$\nBEGIN\n  "
                                       "return 1;\nEND;\n$$;\nselect 'COMMIT;';  -- done\n");
    assert_string_equal(
        findings(false), ":0: BEGIN and COMMIT of 1 scripts are left out: transactions are the executor's\n");
    assert_int_equal(history.open_count, 0);
}

static void transactions_that_do_not_close_are_left_for_a_person(void **state)
{
    (void)state;
    add("1_a.up.sql", "begin; select 1;");
    add("2_b.up.sql", "select 1;\nrollback;");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(findings(true),
        "1_a.up.sql:0: has 1 BEGIN and 0 COMMIT: transactions are the executor's\n"
        "2_b.up.sql:2: only BEGIN and COMMIT can be left out; this has no place in a migration\n");
}

static void sql_that_cannot_be_parsed_is_kept_and_reported(void **state)
{
    (void)state;
    add("1_a.up.sql", "select 1;\n\\set x 1\n");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(findings(true), "1_a.up.sql:2: syntax error at or near '\\': a command of psql is no SQL\n");
    assert_string_equal(file("migrations/1_a.up.sql"), "select 1;\n\\set x 1\n");
}

static void a_script_without_statements_does_nothing_and_says_so(void **state)
{
    (void)state;
    add("1_a.up.sql", "-- nothing yet\n");
    add("1_a.down.sql", "");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(file("migrations/1_a.up.sql"), "SELECT 1; -- nothing to do\n");
    assert_null(file("migrations/1_a.down.sql"));
    assert_string_equal(findings(false),
        "1_a.up.sql:0: has no statement: '1_a' does nothing\n"
        "1_a.down.sql:0: undoes nothing: without it the inverse of '1_a' is derived\n");
}

static void backward_sql_that_cannot_share_a_transaction_is_left_out(void **state)
{
    (void)state;
    add("1_a.up.sql", "create index concurrently i on t (a);");
    add("1_a.down.sql", "drop index concurrently i; drop table t;");
    add("2_b.up.sql", "vacuum t;");
    add("3_c.up.sql", "analyze t;");
    add("4_d.up.sql", "copy t from stdin;");
    import(IMPORT_GOLANG_MIGRATE);
    assert_null(file("migrations/1_a.down.sql"));
    assert_string_equal(findings(true),
        "1_a.down.sql:0: undoes with several statements, one of which cannot run in a transaction: without it the "
        "inverse is derived\n"
        "2_b.up.sql:1: cannot run in a transaction, and nothing tells afterwards that it ran: give it a step of its "
        "own with "
        "`probe:` or `repeatable: true`\n"
        "4_d.up.sql:1: exchanges rows with a client, and a plan has none: use INSERT\n");
}

static void odd_names_become_ids_that_stay_apart(void **state)
{
    (void)state;
    add("1_a b.up.sql", "select 1;");
    add("2_\xC3\xA9.up.sql", "select 1;");
    add("3_x\"y'${var:z}.up.sql", "select 1;");
    import(IMPORT_GOLANG_MIGRATE);
    assert_string_equal(ids(), "1_a_b 2__ 3_x_y___var_z_");
    assert_non_null(file("migrations/3_x_y___var_z_.up.sql"));
    assert_string_equal(findings(false),
        "1_a b.up.sql:0: '1_a b' is called '1_a_b' here\n"
        "2_\xC3\xA9.up.sql:0: '2_\xC3\xA9' is called '2__' here\n"
        "3_x\"y'${var:z}.up.sql:0: '3_x\"y'${var:z}' is called '3_x_y___var_z_' here\n");
}

/* --- dbmate ------------------------------------------------------------------------------------------------------- */

static void dbmate_takes_its_two_blocks(void **state)
{
    (void)state;
    add("20240101_a.sql",
        "-- a comment\n-- migrate:up transaction:false\ncreate table a (id int);\n\n--migrate:down\ndrop table a;\n");
    add("20240102_b.sql", "-- migrate:up\nselect '-- migrate:down';\n-- migrate:downwards\n");
    import(IMPORT_DBMATE);
    assert_string_equal(ids(), "20240101_a 20240102_b");
    assert_string_equal(file("migrations/20240101_a.up.sql"), "create table a (id int);\n");
    assert_string_equal(file("migrations/20240101_a.down.sql"), "drop table a;\n");
    assert_string_equal(file("migrations/20240102_b.up.sql"), "select '-- migrate:down';\n-- migrate:downwards\n");
    assert_null(file("migrations/20240102_b.down.sql"));
    assert_int_equal(history.open_count, 0);
}

static void dbmate_lines_of_errors_are_those_of_the_file(void **state)
{
    (void)state;
    add("1_a.sql", "-- migrate:up\nselect 1;\n-- migrate:down\nselect 1;\nselct 2;\n");
    add("2_b.sql", "select 1;\n-- migrate:up env:X\nselect 1;\n-- migrate:up\nselect 2;\n");
    add("3_c.sql", "select 1;\n");
    import(IMPORT_DBMATE);
    assert_string_equal(findings(true),
        "2_b.sql:1: stands before '-- migrate:up', and dbmate refuses that\n"
        "2_b.sql:2: what 'env:X' asks of dbmate is not carried over\n"
        "2_b.sql:4: is a second '-- migrate:up', or one behind '-- migrate:down'; it is left out\n"
        "3_c.sql:1: stands before '-- migrate:up', and dbmate refuses that\n"
        "3_c.sql:0: has no '-- migrate:up'\n"
        "1_a.sql:5: syntax error at or near 'selct'\n");
    assert_string_equal(file("migrations/3_c.up.sql"), "NOT_IMPORTED '3_c.sql:1'; -- its SQL is missing\n");
}

/* --- Flyway ------------------------------------------------------------------------------------------------------- */

static void flyway_sorts_versions_by_their_numbers(void **state)
{
    (void)state;
    add("a/V1.10__ten.sql", "select 1;");
    add("b/V1_9__nine.sql", "select 1;");
    add("V2__two.sql", "select 1;");
    add("U2__two.sql", "select -2;");
    add("R__b.sql", "select 1;");
    add("R__a.sql", "select 1;");
    add("V1.0.1__early.sql", "select 1;");
    import(IMPORT_FLYWAY);
    assert_string_equal(ids(), "V1.0.1__early V1_9__nine V1.10__ten V2__two R__a R__b");
    assert_string_equal(file("migrations/V2__two.down.sql"), "select -2;\n");
}

static void flyway_knows_that_1_and_1_0_are_one_version(void **state)
{
    (void)state;
    add("V1__a.sql", "select 1;");
    add("V1.0__b.sql", "select 1;");
    assert_refused(IMPORT_FLYWAY, "'V1.0__b.sql' and 'V1__a.sql' have the same version",
        "Flyway refuses that too: number one of them anew");
}

static void flyway_begins_with_a_baseline_where_older_versions_are_gone(void **state)
{
    (void)state;
    add("B5__all.sql", "select 5;");
    add("B3__some.sql", "select 3;");
    add("V6__six.sql", "select 6;");
    import(IMPORT_FLYWAY);
    assert_string_equal(ids(), "B5__all V6__six");
    add("V5__five.sql", "select 5;");
    import(IMPORT_FLYWAY);
    assert_string_equal(ids(), "V5__five V6__six");
}

static void flyway_leaves_code_callbacks_and_placeholders_to_a_person(void **state)
{
    (void)state;
    add("V1__a.sql", "select '$1';\nselect '${user}';");
    add("V2__b.java", "");
    add("beforeMigrate.sql", "select 1;");
    add("v3__c.sql", "select 1;");
    add("U9__gone.sql", "select 1;");
    import(IMPORT_FLYWAY);
    assert_string_equal(ids(), "V1__a V2__b");
    assert_string_equal(file("migrations/V2__b.up.sql"), "NOT_IMPORTED 'V2__b.java:1'; -- its SQL is missing\n");
    assert_string_equal(file("migrations/V1__a.up.sql"),
        "NOT_IMPORTED 'V1__a.sql:2'; -- write the values of Flyway's placeholders below, and take this line away\n"
        "select '$1';\nselect '${user}';\n");
    assert_string_equal(findings(true),
        "beforeMigrate.sql:0: is a callback of Flyway, run around each migration; write what it does as a migration\n"
        "v3__c.sql:0: has a name that Flyway does not know as a migration's\n"
        "V1__a.sql:2: the placeholder '${user}' is Flyway's; write its value\n"
        "V2__b.java:0: is a migration in code; write what it does as SQL\n"
        "U9__gone.sql:0: has no V9__… beside it and is left out\n");
}

/* --- sqitch ------------------------------------------------------------------------------------------------------- */

static const char plan[] = "%syntax-version=1.0.0\n"
                           "%project=flipr\n"
                           "\n"
                           "# a comment\n"
                           "schema 2024-01-01T00:00:00Z A <a@example.org> # The \"schema\".\\nMore.\n"
                           "users [schema !old other:thing] 2024-01-02T00:00:00Z A <a@example.org>\n"
                           "@v1 2024-01-03T00:00:00Z A <a@example.org> # Tag\n"
                           "@v1b 2024-01-03T00:00:00Z A <a@example.org> # Tag\n"
                           "+ lists/all [users@v1 nowhere] 2024-01-04T00:00:00Z A <a@example.org>\n"
                           "users [users@v1] 2024-01-05T00:00:00Z A <a@example.org> # again\n";

static void sqitch_follows_its_plan(void **state)
{
    (void)state;
    add("sqitch.plan", plan);
    add("deploy/schema.sql", "BEGIN;\ncreate schema s;\nCOMMIT;\n");
    add("revert/schema.sql", "BEGIN;\ndrop schema s;\nCOMMIT;\n");
    add("verify/schema.sql", "BEGIN;\nselect 1/count(*) from pg_namespace;\nROLLBACK;\n");
    add("deploy/users@v1b.sql", "select 1;\n");
    add("deploy/lists/all.sql", "select 2;\n");
    add("verify/lists/all.sql", "insert into t values (1);\n");
    add("deploy/users.sql", "select 3;\n");
    import(IMPORT_SQITCH);
    assert_string_equal(ids(), "schema users_v1b lists_all users");
    assert_string_equal(file("migrations/schema.up.sql"), "create schema s;\n");
    assert_string_equal(file("migrations/schema.down.sql"), "drop schema s;\n");
    assert_string_equal(file("migrations/schema.verify.sql"), "select 1/count(*) from pg_namespace;\n");
    assert_string_equal(file("migrations/users_v1b.up.sql"), "select 1;\n");
    assert_string_equal(file("migrations/users.up.sql"), "select 3;\n");
    assert_null(file("migrations/lists_all.verify.sql"));
    assert_string_equal(findings(true),
        "sqitch.plan:6: 'users' depends on 'other:thing' of another project; put that project's changes before it\n"
        "sqitch.plan:9: 'lists/all' depends on 'nowhere', which no earlier line has\n");
    assert_non_null(strstr(file("migrations.yaml"), "project: flipr\n"));
    assert_non_null(
        strstr(file("migrations.yaml"), "  - id: schema\n    description: \"The \\\"schema\\\". More.\"\n"));
    assert_non_null(strstr(file("migrations.yaml"), "  - id: lists_all\n    target: db\n    after: [users_v1b]\n"));
    assert_non_null(
        strstr(file("migrations.yaml"), "      - name: verify\n        sql: { file: migrations/schema.verify.sql }\n"));
}

static void sqitch_obeys_its_configuration(void **state)
{
    (void)state;
    add("sqitch.conf", "[core]\n\tengine = pg\n\ttop_dir = \"./db/\"\n[engine \"pg\"]\n\tdeploy_dir = up\n");
    add("db/sqitch.plan", "a 2024-01-01T00:00:00Z A <a@example.org>\n");
    add("up/a.sql", "select 1;");
    add("db/revert/a.sql", "select -1;");
    import(IMPORT_SQITCH);
    assert_string_equal(file("migrations/a.up.sql"), "select 1;\n");
    assert_string_equal(file("migrations/a.down.sql"), "select -1;\n");
    assert_int_equal(history.open_count, 0);
}

static void sqitch_plans_that_are_wrong_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *plan, *message;
    } cases[] = {
        {"@v1 2024\n", "sqitch.plan:1: a tag stands before the first change"},
        {"a x\n\na x\n", "sqitch.plan:3: a change stands here a second time without a tag in between"},
        {"../../etc/passwd x\n", "sqitch.plan:1: this is no name of a change"},
        {"/etc/passwd x\n", "sqitch.plan:1: this is no name of a change"},
        {"a x\n@../v x\n", "sqitch.plan:2: this is no name of a tag"},
        {"- a x\n", "sqitch.plan:1: the operator '-' is not known"},
        {"a [b x\n", "sqitch.plan:1: ']' is missing"},
        {"[a] x\n", "sqitch.plan:1: this is no name of a change"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        source.files.count = 0;
        add("sqitch.plan", cases[i].plan);
        assert_refused(IMPORT_SQITCH, cases[i].message, "");
    }
    source.files.count = 0;
    add("sqitch.conf", "[core]\nengine = mysql\n");
    assert_refused(IMPORT_SQITCH, "sqitch.conf says that the engine is 'mysql', and only 'pg' can be imported", "");
    source.files.count = 0;
    assert_refused(
        IMPORT_SQITCH, "'in' has no 'sqitch.plan'", "name the folder that sqitch is run in, or the plan file itself");
}

static void a_change_without_its_script_leaves_a_gap(void **state)
{
    (void)state;
    add("sqitch.plan", "a x\n");
    import(IMPORT_SQITCH);
    assert_string_equal(findings(true), "sqitch.plan:1: 'a' has no 'deploy/a.sql'\n");
    assert_string_equal(file("migrations/a.up.sql"), "NOT_IMPORTED 'sqitch.plan:1'; -- its SQL is missing\n");
}

/* --- TypeORM ------------------------------------------------------------------------------------------------------ */

/* The forward SQL of a class with this body of up(). */
static const char *up_of(const char *body)
{
    source.files.count = 0;
    add("x.ts", arena_printf(&arena,
                    "import { MigrationInterface } from 'typeorm';\n"
                    "export class X1709123456789 implements MigrationInterface {\n"
                    "  public async up(queryRunner: QueryRunner): Promise<void> {\n%s\n  }\n}\n",
                    body));
    import(IMPORT_TYPEORM);
    return file("migrations/1709123456789-X.up.sql");
}

static void typeorm_reads_literals_of_every_form(void **state)
{
    (void)state;
    assert_string_equal(up_of("await queryRunner.query(`select 1`);"), "select 1;\n");
    assert_string_equal(
        up_of("await queryRunner.query('select \\'a\\\\b\\'' + \" from t\" +\n  ` where \\`x\\` = \\${y}`,);"),
        "select 'a\\b' from t where `x` = ${y};\n");
    assert_string_equal(
        up_of("return queryRunner\n    .query((\"select 1\" + 'x') + '\\u00e9\\x41\\u{1F600}\\t\\\n;')"),
        "select 1x\xC3\xA9"
        "A\xF0\x9F\x98\x80\t;\n");
    assert_string_equal(
        up_of("await queryRunner.query(`select 1 -- one`)\n// a comment; `\nawait queryRunner.query(`select 2;`)"),
        "select 1 -- one\n;\nselect 2;\n");
    assert_int_equal(history.open_count, 0);
}

static void typeorm_puts_literal_parameters_in_their_places(void **state)
{
    (void)state;
    assert_string_equal(
        up_of("await queryRunner.query(`insert into t values ($1, $2, $3, '$1', $1)`, [\"it's\", 5, null]);"),
        "insert into t values ('it''s', '5', NULL, '$1', 'it''s');\n");
    assert_string_equal(up_of("await queryRunner.query(`select $1`, ['a\\\\b']);"), "select  E'a\\\\b';\n");
    assert_int_equal(history.open_count, 0);
    up_of("await queryRunner.query(`select $2`, ['a']);");
    assert_int_equal(history.open_count, 1);
    up_of("await queryRunner.query(`select $1`, [name]);");
    assert_int_equal(history.open_count, 1);
}

static void typeorm_guesses_nothing(void **state)
{
    static const char *const bodies[] = {
        "await queryRunner.query(`select ${x}`);",
        "await queryRunner.query(sql);",
        "await queryRunner.query('a' + b);",
        "await queryRunner.query(sql`select 1`);",
        "if (x) await queryRunner.query('select 1');",
        "if (x)\n    await queryRunner.query('select 1');",
        "for (const a of b) { await queryRunner.query('select 1'); }",
        "await queryRunner.createTable(new Table({}));",
        "await other.query('select 1');",
        "const a = await queryRunner.query('select 1');",
        "await queryRunner.query('select 1').then(() => 1);",
        "await queryRunner.query('select 1')\n    .then(() => 1);",
        "await queryRunner.query('select 1'), x();",
        "await queryRunner.query('select 1') || x();",
        "return 1; await queryRunner.query('select 1');",
        "return queryRunner.query('select 1'); await queryRunner.query('select 2');",
        "await queryRunner.query('select 1'[0]);",
        "await queryRunner.query('select 1' as string);",
        "await queryRunner.query(/select 1/);",
        "await Promise.all([queryRunner.query('select 1')]);",
        "const f = () => { queryRunner.query('select 1'); };",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const char *sql = up_of(bodies[i]);

        if (!strstr(sql, "NOT_IMPORTED 'x.ts:") || history.open_count == 0)
            fail_msg("%s gave %s", bodies[i], sql);
    }
}

static void typeorm_gaps_keep_their_place_and_line(void **state)
{
    (void)state;
    assert_string_equal(up_of("    await queryRunner.query(`select 1`);\n"
                              "    console.log('hello');\n"
                              "    for (const t of ['a']) {\n      await queryRunner.query(`drop table ${t}`);\n    }\n"
                              "    await queryRunner.query(`select 2`);"),
        "select 1;\nNOT_IMPORTED 'x.ts:6'; -- for (const t of ['a']) { …\nselect 2;\n");
    assert_string_equal(findings(true),
        "x.ts:6: up: `for (const t of ['a']) { …` is no query with a literal; write its SQL in its place\n");
    assert_string_equal(findings(false), "x.ts:5: up: `console.log('hello');` writes to the log, and is left out\n");
}

static void typeorm_leaves_out_a_down_that_is_not_whole(void **state)
{
    (void)state;
    add("x.js", "module.exports = class X1709123456789 {\n"
                "  name = 'Named1709123456780'\n"
                "  transaction = false\n"
                "  async up(q) { await q.query('select 1') }\n"
                "  async down(q) { await q.query('select 2'); await q.dropTable('t'); }\n"
                "}\n");
    import(IMPORT_TYPEORM);
    assert_string_equal(ids(), "1709123456780-Named");
    assert_null(file("migrations/1709123456780-Named.down.sql"));
    assert_string_equal(findings(true),
        "x.js:5: down: `await q.dropTable('t');` is no query with a literal; without down() the inverse is derived\n");
    assert_non_null(strstr(file("migrations.yaml"), "typeorm_table: migrations"));
}

static void typeorm_finds_classes_of_every_form(void **state)
{
    (void)state;
    add("a.ts", "@Decorated({ a: '}' })\nexport default class A1709123456783 implements MigrationInterface {\n"
                "  private readonly x: { a: string } = { a: 'b' };\n  constructor(private y = `}`) {}\n"
                "  up = async (q: QueryRunner): Promise<any> => { await q.query('select 1'); }\n"
                "  public async down(_: QueryRunner): Promise<void> {}\n}\n"
                "class B1709123456782 { async up(q) { await q.query('select 2') } }\n");
    add("b.js", "class C1709123456781 {\n  async up(queryRunner) {\n    await queryRunner.query(/* sql */ 'select "
                "3');\n  }\n}\nexports.C = C1709123456781;\n");
    add("data-source.ts", "export const s = new DataSource({ migrations: ['class'] });");
    import(IMPORT_TYPEORM);
    assert_string_equal(ids(), "1709123456781-C 1709123456782-B 1709123456783-A");
    assert_string_equal(file("migrations/1709123456783-A.up.sql"), "select 1;\n");
    assert_string_equal(file("migrations/1709123456781-C.up.sql"), "select 3;\n");
    assert_int_equal(history.open_count, 0);
}

static void typeorm_makes_what_typeorm_makes_by_itself(void **state)
{
    (void)state;
    assert_string_equal(up_of("await queryRunner.query(`create table t (id uuid default uuid_generate_v4())`);"),
        "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";\ncreate table t (id uuid default uuid_generate_v4());\n");
}

static void typeorm_lists_what_has_no_name_or_cannot_be_read(void **state)
{
    (void)state;
    add("a.ts", "class A1709123456783 { async up(q) { await q.query('select 1') } }");
    add("b.ts", "export class NoStamp implements MigrationInterface { async up(q) {} }");
    add("c.ts", "implements MigrationInterface\nconst x = 'open\n");
    add("d.ts", "implements MigrationInterface");
    import(IMPORT_TYPEORM);
    assert_string_equal(findings(true), "b.ts:1: the class has no name that ends with a timestamp of 13 digits\n"
                                        "c.ts:2: cannot be read as TypeScript or JavaScript from here on\n"
                                        "d.ts:0: speaks of migrations, and has no class with up()\n");
}

static void typeorm_refuses_a_name_twice(void **state)
{
    (void)state;
    add("a.ts", "class A1709123456783 { async up(q) { } }");
    add("dist/a.js", "class A1709123456783 { async up(q) { } }");
    assert_refused(IMPORT_TYPEORM, "'a.ts' and 'dist/a.js' both have 'A1709123456783'",
        "TypeORM refuses that too: name the folder with the sources alone");
}

static void templates_with_templates_in_them_are_one_token(void **state)
{
    struct js_tokens tokens;

    (void)state;
    js_tokenize(&arena, STR("a(`x ${ b ? `y ${'}'} z` : \"`\" /* ` */ } w`, /[/`]/g, c / d)"), &tokens);
    assert_false(tokens.is_broken);
    assert_int_equal(tokens.items.items[2].kind, JS_TEMPLATE);
    assert_true(js_is(&tokens.items.items[3], ","));
    assert_int_equal(tokens.items.items[4].kind, JS_REGEX);
    assert_true(js_is(&tokens.items.items[7], "/"));
    js_tokenize(&arena, STR("f([)]"), &tokens);
    assert_true(tokens.is_broken);
    js_tokenize(&arena, STR("`${`${`${`${`${`${`${`${`${`${`${`${`${`${`${`${`${`${`${`"), &tokens);
    assert_true(tokens.is_broken);
}

static void tools_are_known_by_name(void **state)
{
    enum import_tool tool;

    (void)state;
    assert_true(import_tool_from_name("sqitch", &tool, &error));
    assert_int_equal(tool, IMPORT_SQITCH);
    assert_false(import_tool_from_name("flywy", &tool, &error));
    assert_string_equal(error.message, "there is no import from 'flywy'");
    assert_string_equal(error.help, "did you mean 'flyway'?");
    assert_false(import_tool_from_name("liquibase", &tool, &error));
    assert_string_equal(error.help, "there are golang-migrate, dbmate, flyway, sqitch and typeorm");
    assert_int_equal(error.exit_status, EXIT_STATUS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(golang_migrate_sorts_by_number_not_by_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(golang_migrate_refuses_a_version_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_without_migrations_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_down_file_alone_and_code_are_left_for_a_person, set_up, tear_down),
        cmocka_unit_test_setup_teardown(byte_order_marks_and_carriage_returns_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_utf8_leaves_a_gap_that_no_compiler_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begin_and_commit_are_left_out_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transactions_that_do_not_close_are_left_for_a_person, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sql_that_cannot_be_parsed_is_kept_and_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_script_without_statements_does_nothing_and_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(backward_sql_that_cannot_share_a_transaction_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_names_become_ids_that_stay_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dbmate_takes_its_two_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dbmate_lines_of_errors_are_those_of_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flyway_sorts_versions_by_their_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flyway_knows_that_1_and_1_0_are_one_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flyway_begins_with_a_baseline_where_older_versions_are_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flyway_leaves_code_callbacks_and_placeholders_to_a_person, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sqitch_follows_its_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sqitch_obeys_its_configuration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sqitch_plans_that_are_wrong_are_refused_with_their_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_without_its_script_leaves_a_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_reads_literals_of_every_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_puts_literal_parameters_in_their_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_guesses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_gaps_keep_their_place_and_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_leaves_out_a_down_that_is_not_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_finds_classes_of_every_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_makes_what_typeorm_makes_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_lists_what_has_no_name_or_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(typeorm_refuses_a_name_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(templates_with_templates_in_them_are_one_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tools_are_known_by_name, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
