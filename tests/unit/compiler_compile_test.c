#define _XOPEN_SOURCE 700 /* mkdtemp() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/compiler_project.h"

#define HEAD                                                                                                           \
    "invplan: 1\nproject: test\n"                                                                                      \
    "targets:\n  db: { engine: postgres }\n  store: { engine: dynamodb }\n"                                            \
    "environments:\n  local: { targets: { db: {}, store: { table_prefix: local_ } } }\n"                               \
    "  production: { vars: { schema: prod }, targets: { db: { schema: app }, store: {} } }\n"

static struct plan *compile_text(struct test_project *test, const char *text, const char *environment)
{
    struct plan *plan;

    test_open(test);
    test_load(test, text);
    plan = test_compile(test, environment);
    if (plan)
        test_no_errors(test);
    return plan;
}

static const struct plan_step *step_at(const struct plan *plan, size_t index)
{
    assert_true(index < plan->steps.count);
    return &plan->steps.items[index];
}

static void a_step_without_a_name_is_called_by_its_kind_and_object(void **state)
{
    struct test_project test;
    struct plan *plan = compile_text(&test,
        HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n"
             "      - create_table: { name: app.items, columns: { id: int } }\n"
             "      - add_column: { table: items, name: note, definition: text }\n"
             "      - create_extension: postgis\n"
             "      - comment: { on: table a b/c, text: hello }\n"
             "      - name: mine\n        sql: { up: select 1 }\n"
             "      - sql: { up: select 1 }\n"
             "      - gate: { name: ready, why: because }\n"
             "      - barrier: {}\n",
        "local");
    static const char *const ids[] = {"1-A/create_table:app.items/part0", "1-A/add_column:items.note/part0",
        "1-A/create_extension:postgis/part0", "1-A/comment:table_a_b_c/part0", "1-A/mine/part0", "1-A/sql/part0",
        "1-A/gate:ready/gate", "1-A/barrier/barrier"};

    (void)state;
    assert_non_null(plan);
    assert_int_equal(plan->steps.count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(step_at(plan, i)->id, ids[i]);
    test_close(&test);
}

static void consecutive_parts_of_a_migration_share_a_transaction(void **state)
{
    struct test_project test;
    struct plan *plan = compile_text(&test,
        HEAD
        "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - create_schema: a\n      - create_schema: b\n"
        "      - barrier: {}\n      - create_schema: c\n"
        "  - id: 2-B\n    target: db\n    steps:\n      - create_schema: d\n",
        "local");

    (void)state;
    assert_non_null(plan);
    assert_string_equal(step_at(plan, 0)->group, "1-A#1");
    assert_string_equal(step_at(plan, 1)->group, "1-A#1");
    assert_null(step_at(plan, 2)->group);
    assert_string_equal(step_at(plan, 3)->group, "1-A#2");
    assert_string_equal(step_at(plan, 4)->group, "2-B#1");
    test_close(&test);
}

static void a_part_can_ask_for_a_transaction_of_its_own(void **state)
{
    struct test_project test;
    struct plan *plan;

    (void)state;
    test_open(&test);
    test_load(&test, HEAD
        "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - create_schema: a\n      - create_schema: b\n");
    test_backend.parts = 2;
    test_backend.new_transaction = true;
    plan = test_compile(&test, "local");
    assert_non_null(plan);
    for (size_t i = 1; i < 4; i++)
        assert_string_not_equal(step_at(plan, i - 1)->group, step_at(plan, i)->group);
    test_close(&test);
}

static void steps_that_run_alone_have_no_group(void **state)
{
    struct test_project test;
    struct plan *plan;

    (void)state;
    test_open(&test);
    test_load(&test, HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - create_schema: a\n");
    test_backend.alone = true;
    plan = test_compile(&test, "local");
    assert_non_null(plan);
    assert_null(step_at(plan, 0)->group);
    test_close(&test);
}

static void what_cannot_be_undone_is_a_point_of_no_return(void **state)
{
    struct test_project test;
    struct plan *plan;

    (void)state;
    test_open(&test);
    test_load(&test, HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - create_schema: a\n");
    test_backend.grade = GRADE_IMPOSSIBLE;
    plan = test_compile(&test, "local");
    assert_non_null(plan);
    assert_true(step_at(plan, 0)->point_of_no_return);
    test_close(&test);
}

static void the_phase_that_was_written_is_taken(void **state)
{
    struct test_project test;
    struct plan *plan = compile_text(&test,
        HEAD "migrations:\n  - id: 1-A\n    target: db\n    phase: contract\n    steps:\n      - create_schema: a\n"
             "  - id: 2-B\n    target: db\n    steps:\n      - create_schema: b\n",
        "local");

    (void)state;
    assert_int_equal(step_at(plan, 0)->phase, PHASE_CONTRACT);
    assert_int_equal(step_at(plan, 1)->phase, PHASE_EXPAND);
    test_close(&test);
}

static void a_migration_is_only_where_it_says(void **state)
{
    struct test_project test;
    struct plan *plan;

    (void)state;
    test_open(&test);
    test_load(&test, HEAD "migrations:\n  - id: 1-A\n    target: db\n    only: [production]\n    steps:\n      - name: "
                          "s\n        create_schema: \"${var:schema}\"\n"
                          "  - id: 2-B\n    target: db\n    after: [1-A]\n    steps:\n      - create_schema: b\n");
    plan = test_compile(&test, "local");
    test_no_errors(&test);
    assert_int_equal(plan->migrations.count, 1);
    assert_int_equal(plan->migrations.items[0].after.count, 0);
    plan = test_compile(&test, "production");
    assert_int_equal(plan->migrations.count, 2);
    assert_string_equal(plan->migrations.items[1].after.items[0], "1-A");
    assert_string_equal(json_string(json_get(json_get(step_at(plan, 0)->action.forward, "body"), "name")), "prod");
    test_close(&test);
}

static void the_environment_fills_the_header(void **state)
{
    struct test_project test;
    struct plan *plan = compile_text(&test,
        "invplan: 1\nproject: test\n"
        "targets:\n  db: { engine: postgres, version: 16, ledger: l, typeorm_table: migrations }\n  store: { engine: "
        "dynamodb, ledger: m }\n"
        "order: [store]\n"
        "environments:\n  local:\n    disposable: true\n    vars: { host: h1, wait: 90s }\n"
        "    targets: { db: { host: \"${var:host}.local\", password: \"${env:PW}\", sslmode: require }, store: { "
        "table_prefix: l_, region: eu-west-1 } }\n"
        "    policy: { on_failure: rollback, lock_timeout: 2s, statement_timeout: 1m, retry_for: 30s, concurrent_wait: "
        "\"${var:wait}\", slow_statement: 500ms, irreversible: allow, signature: required }\n"
        "    backup: { before: apply, rds: true, dynamodb: touched, wait: 5m }\n"
        "    notify: { sns: \"${secret:arn:aws:x#topic}\", on: [failure] }\n"
        "    metrics: { cloudwatch: ns }\n",
        "local");
    static const char *const capabilities[] = {
        "backup.rds", "backup.dynamodb", "notify.sns", "metrics.cloudwatch", "secret.reference", "signature"};
    struct strbuf json = STRBUF_INIT;

    (void)state;
    assert_non_null(plan);
    assert_true(plan->disposable);
    assert_string_equal(plan->order.items[0], "store");
    assert_string_equal(plan->order.items[1], "db");
    assert_int_equal(plan->targets.items[0].version, 16);
    assert_string_equal(plan->targets.items[0].connection.items[0].value, "h1.local");
    assert_string_equal(plan->targets.items[0].connection.items[1].value, "${env:PW}");
    assert_string_equal(plan->targets.items[1].ledger, "l_m");
    assert_int_equal(plan->policy.on_failure, ON_FAILURE_ROLLBACK);
    assert_int_equal(plan->policy.lock_timeout_ms, 2000);
    assert_int_equal(plan->policy.statement_timeout_ms, 60000);
    assert_int_equal(plan->policy.retry_for_ms, 30000);
    assert_int_equal(plan->policy.concurrent_wait_ms, 90000);
    assert_int_equal(plan->policy.slow_statement_ms, 500);
    assert_true(plan->policy.irreversible_allowed);
    assert_int_equal(plan->required_capabilities.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(plan->required_capabilities.items[i], capabilities[i]);
    json_write(&json, plan->backup);
    json_write(&json, plan->notify);
    json_write(&json, plan->metrics);
    assert_string_equal(json.data,
        "{\"before\":\"apply\",\"rds\":true,\"dynamodb\":\"touched\",\"wait_ms\":300000}"
        "{\"sns\":\"${secret:arn:aws:x#topic}\",\"on\":[\"failure\"]}{\"cloudwatch\":\"ns\"}");
    strbuf_free(&json);
    test_close(&test);
}

static void what_is_left_out_has_the_documented_defaults(void **state)
{
    struct test_project test;
    struct plan *plan = compile_text(&test, HEAD "migrations: []\n", "local");

    (void)state;
    assert_int_equal(plan->policy.on_failure, ON_FAILURE_HALT);
    assert_int_equal(plan->policy.lock_timeout_ms, 500);
    assert_int_equal(plan->policy.statement_timeout_ms, 0);
    assert_int_equal(plan->policy.retry_for_ms, 300000);
    assert_int_equal(plan->policy.concurrent_wait_ms, 3600000);
    assert_int_equal(plan->policy.slow_statement_ms, 10000);
    assert_false(plan->policy.irreversible_allowed);
    assert_int_equal(plan->required_capabilities.count, 0);
    assert_null(plan->backup);
    assert_int_equal(plan->targets.items[0].version, 15);
    assert_string_equal(plan->targets.items[0].ledger, "invplan");
    assert_string_equal(plan->targets.items[1].ledger, "local_invplan_migrations");
    assert_null(plan->targets.items[0].typeorm_table);
    assert_string_equal(test_backend.last_schema, "public");
    test_close(&test);
}

static void typeorm_knows_a_migration_by_name_and_timestamp(void **state)
{
    struct test_project test;
    struct plan *plan = compile_text(&test,
        "invplan: 1\nproject: test\ntargets: { db: { engine: postgres, typeorm_table: migrations } }\n"
        "environments: { local: { targets: { db: {} } } }\n"
        "migrations:\n  - id: 1709123456789-AddWarehouse-Geo\n    target: db\n    steps:\n      - create_schema: a\n",
        "local");

    (void)state;
    assert_string_equal(plan->migrations.items[0].typeorm_name, "AddWarehouse-Geo1709123456789");
    assert_int_equal(plan->migrations.items[0].typeorm_timestamp, 1709123456789);
    test_close(&test);
}

static void an_allowance_that_was_used_stands_with_its_step(void **state)
{
    struct test_project test;
    struct plan *plan;

    (void)state;
    test_open(&test);
    test_load(&test, HEAD
        "migrations:\n  - id: 1-A\n    target: db\n    allow:\n      - { rule: SPEC033, reason: because }\n"
        "      - { rule: SPEC034, reason: never }\n    steps:\n      - create_schema: a\n      - create_schema: b\n");
    test_backend.rule = "SPEC033";
    plan = test_compile(&test, "local");
    assert_non_null(plan);
    assert_int_equal(step_at(plan, 0)->allowed.count, 1);
    assert_string_equal(step_at(plan, 0)->allowed.items[0].rule, "SPEC033");
    assert_string_equal(step_at(plan, 0)->allowed.items[0].reason, "because");
    assert_int_equal(step_at(plan, 1)->allowed.count, 1);
    assert_true(test.project->migrations.items[0].allow.items[0].used);
    assert_false(test.project->migrations.items[0].allow.items[1].used);
    test_close(&test);
}

static void what_precedes_a_wrong_migration_is_lowered_and_what_follows_is_not(void **state)
{
    struct test_project test;
    struct plan *plan = compile_text(&test,
        HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - create_schema: a\n"
             "  - id: 2-B\n    target: db\n    steps:\n      - create_schema: { nam: b }\n"
             "  - id: 3-C\n    target: db\n    steps:\n      - create_schema: c\n"
             "  - id: 4-D\n    target: store\n    steps:\n      - delete_table: d\n",
        "local");

    (void)state;
    assert_null(plan);
    assert_int_equal(test_backend.lowered_count, 2);
    assert_string_equal(test_backend.lowered[0], "create_schema:a");
    assert_string_equal(test_backend.lowered[1], "delete_table:d");
    assert_int_equal(test_backend.finished, 2);
    test_close(&test);
}

static void inputs_are_the_files_that_were_read_once_and_by_path(void **state)
{
    struct test_project test;
    struct plan *plan;

    (void)state;
    test_open(&test);
    test_write(&test, "sql/b.sql", "select 2");
    test_write(&test, "sql/a.sql", "select 1");
    test_write(
        &test, "more.yaml", "migrations:\n  - id: 2-B\n    target: db\n    steps:\n      - sql: { file: sql/b.sql }\n");
    test_load(&test, HEAD
        "include: [./more.yaml, \"m*.yaml\"]\nmigrations:\n  - id: 1-A\n    target: db\n    steps:\n"
        "      - name: one\n        sql: { file: sql/a.sql }\n      - name: two\n        sql: { file: sql//a.sql }\n");
    plan = test_compile(&test, "local");
    test_no_errors(&test);
    assert_int_equal(plan->inputs.count, 4);
    assert_string_equal(plan->inputs.items[0].path, "migrations.yaml");
    assert_string_equal(plan->inputs.items[1].path, "more.yaml");
    assert_string_equal(plan->inputs.items[2].path, "sql/a.sql");
    assert_string_equal(plan->inputs.items[3].path, "sql/b.sql");
    test_close(&test);
}

static void a_path_is_relative_to_the_file_that_names_it(void **state)
{
    struct test_project test;
    struct plan *plan;

    (void)state;
    test_open(&test);
    test_write(&test, "parts/sql/a.sql", "select 'inner'");
    test_write(&test, "sql/a.sql", "select 'outer'");
    test_write(&test, "parts/p.yaml",
        "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - sql: { file: sql/a.sql }\n");
    test_load(&test, HEAD "include: [parts/*.yaml]\n");
    plan = test_compile(&test, "local");
    test_no_errors(&test);
    assert_string_equal(json_string(json_get(step_at(plan, 0)->action.forward, "file")), "select 'inner'");
    assert_string_equal(step_at(plan, 0)->span.path, "parts/p.yaml");
    test_close(&test);
}

static void a_pattern_that_matches_too_many_files_is_an_error(void **state)
{
    static const char text[] = HEAD "include: [\"parts/*.yaml\"]\n";
    struct test_project test;
    struct error error = {0};

    (void)state;
    for (size_t max = 2; max <= 3; max++) {
        struct project_files *files;

        test_open(&test);
        test_write(&test, "parts/a.yaml", "migrations: []\n");
        test_write(&test, "parts/b.yaml", "migrations: []\n");
        test_write(&test, "parts/c.yaml", "migrations: []\n");
        files = project_files_open(&test.arena, test.folder, &error);
        assert_non_null(files);
        project_files_limit(files, max);
        project_parse(files, source_create(&test.arena, "migrations.yaml", STR(text)), &test.diags);
        assert_int_equal(test.diags.error_count, max == 2 ? 1 : 0);
        if (max == 2)
            assert_string_equal(
                test.diags.items.items[0]->message, "'parts/*.yaml' matches more than 2 files");
        test_close(&test);
    }
}

static void sql_files_are_read_with_line_feeds(void **state)
{
    struct test_project test;
    struct plan *plan;
    char digest[65];

    (void)state;
    test_open(&test);
    test_write(&test, "a.sql", "\xEF\xBB\xBFselect\r\n  1;\r\n");
    test_load(&test, HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - sql: { file: a.sql }\n");
    plan = test_compile(&test, "local");
    assert_string_equal(json_string(json_get(step_at(plan, 0)->action.forward, "file")), "select\n  1;\n");
    memcpy(digest, step_at(plan, 0)->source_digest, sizeof digest);
    test_close(&test);
    test_open(&test);
    test_write(&test, "a.sql", "select\n  1;");
    test_load(&test, HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - sql: { file: a.sql }\n");
    plan = test_compile(&test, "local");
    assert_string_equal(step_at(plan, 0)->source_digest, digest);
    test_close(&test);
}

static void a_link_inside_the_project_is_followed_and_one_out_of_it_is_not(void **state)
{
    struct test_project test;
    char path[128];

    (void)state;
    test_open(&test);
    test_write(&test, "real.sql", "select 1");
    snprintf(path, sizeof(path), "%s/inside.sql", test.folder);
    assert_int_equal(symlink("real.sql", path), 0);
    snprintf(path, sizeof(path), "%s/outside.sql", test.folder);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    test_load(&test, HEAD
        "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - name: a\n        sql: { file: inside.sql }\n"
        "      - name: b\n        sql: { file: outside.sql }\n");
    assert_null(test_compile(&test, "local"));
    diag_list_sort(&test.diags);
    assert_int_equal(test.diags.items.count, 1);
    assert_string_equal(test.diags.items.items[0]->code->name, "SPEC031");
    test_close(&test);
}

static void a_fifo_is_not_waited_for(void **state)
{
    struct test_project test;
    char path[128];

    (void)state;
    test_open(&test);
    snprintf(path, sizeof(path), "%s/pipe.sql", test.folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    test_load(&test, HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - sql: { file: pipe.sql }\n");
    assert_null(test_compile(&test, "local"));
    assert_string_equal(test.diags.items.items[0]->code->name, "SPEC031");
    test_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_without_a_name_is_called_by_its_kind_and_object),
        cmocka_unit_test(consecutive_parts_of_a_migration_share_a_transaction),
        cmocka_unit_test(a_part_can_ask_for_a_transaction_of_its_own),
        cmocka_unit_test(steps_that_run_alone_have_no_group),
        cmocka_unit_test(what_cannot_be_undone_is_a_point_of_no_return),
        cmocka_unit_test(the_phase_that_was_written_is_taken),
        cmocka_unit_test(a_migration_is_only_where_it_says),
        cmocka_unit_test(the_environment_fills_the_header),
        cmocka_unit_test(what_is_left_out_has_the_documented_defaults),
        cmocka_unit_test(typeorm_knows_a_migration_by_name_and_timestamp),
        cmocka_unit_test(an_allowance_that_was_used_stands_with_its_step),
        cmocka_unit_test(what_precedes_a_wrong_migration_is_lowered_and_what_follows_is_not),
        cmocka_unit_test(inputs_are_the_files_that_were_read_once_and_by_path),
        cmocka_unit_test(a_path_is_relative_to_the_file_that_names_it),
        cmocka_unit_test(a_pattern_that_matches_too_many_files_is_an_error),
        cmocka_unit_test(sql_files_are_read_with_line_feeds),
        cmocka_unit_test(a_link_inside_the_project_is_followed_and_one_out_of_it_is_not),
        cmocka_unit_test(a_fifo_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
