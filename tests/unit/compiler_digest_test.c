#define _XOPEN_SOURCE 700 /* mkdtemp() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/compiler_project.h"

#define HEAD                                                                                                           \
    "invplan: 1\nproject: test\ntargets: { db: { engine: postgres }, store: { engine: dynamodb } }\n"                  \
    "environments:\n  local: { vars: { v: one }, targets: { db: {}, store: {} } }\n"                                   \
    "  other: { vars: { v: two }, targets: { db: {}, store: {} } }\n"

struct digest_text {
    char hex[65];
};

/* The source digest of the first step of a migration with these lines (below "- id: …"). */
static struct digest_text digest_in(const char *environment, const char *target, const char *lines)
{
    struct test_project test;
    struct digest_text digest;
    struct plan *plan;

    test_open(&test);
    test_write(&test, "a.sql", "select 1;\n");
    test_write(&test, "same.sql", "select 1;\r\n");
    test_write(&test, "b.sql", "select 2;\n");
    test_load(&test, arena_printf(&test.arena, HEAD "migrations:\n  - id: 1-A\n    target: %s\n%s", target, lines));
    plan = test_compile(&test, environment);
    test_no_errors(&test);
    memcpy(digest.hex, plan->steps.items[0].source_digest, sizeof digest.hex);
    test_close(&test);
    return digest;
}

static void assert_same(const char *target, const char *a, const char *b)
{
    assert_string_equal(digest_in("local", target, a).hex, digest_in("local", target, b).hex);
}

static void assert_other(const char *target, const char *a, const char *b)
{
    assert_string_not_equal(digest_in("local", target, a).hex, digest_in("local", target, b).hex);
}

static const char column[] = "    steps:\n      - add_column: { table: t, name: c, definition: \"int default 0\" }\n";

static void layout_quotes_comments_and_the_order_of_keys_do_not_count(void **state)
{
    (void)state;
    assert_same("db", column,
        "    steps:\n      - add_column:\n          # a comment\n          definition: |\n            int default 0\n"
        "          name: 'c'\n          table: t\n");
}

static void what_the_migration_says_about_the_step_does_not_count(void **state)
{
    (void)state;
    assert_same("db", column,
        "    description: other\n    phase: contract\n    steps:\n      - name: another\n        add_column: { table: "
        "t, name: c, definition: \"int default 0\" }\n");
}

static void the_short_form_is_the_long_one(void **state)
{
    (void)state;
    assert_same("db", "    steps: [ { create_extension: postgis } ]\n",
        "    steps: [ { create_extension: { name: postgis } } ]\n");
}

static void what_is_done_counts(void **state)
{
    (void)state;
    assert_other(
        "db", column, "    steps:\n      - add_column: { table: t, name: c, definition: \"int default 1\" }\n");
    assert_other("db", column,
        "    steps:\n      - add_column: { table: t, name: c, definition: \"int default 0\", online: false }\n");
    assert_other("db", "    steps: [ { create_schema: a } ]\n", "    steps: [ { create_extension: a } ]\n");
}

static void the_order_of_columns_counts(void **state)
{
    (void)state;
    assert_other("db", "    steps:\n      - create_table: { name: t, columns: { a: int, b: int } }\n",
        "    steps:\n      - create_table: { name: t, columns: { b: int, a: int } }\n");
}

static void a_file_counts_by_its_content(void **state)
{
    (void)state;
    assert_same("db", "    steps: [ { sql: { file: a.sql } } ]\n", "    steps: [ { sql: { file: same.sql } } ]\n");
    assert_other("db", "    steps: [ { sql: { file: a.sql } } ]\n", "    steps: [ { sql: { file: b.sql } } ]\n");
}

static void a_number_in_an_item_is_no_text(void **state)
{
    (void)state;
    assert_other("store", "    steps: [ { put_items: { table: t, items: [ { id: 5 } ] } } ]\n",
        "    steps: [ { put_items: { table: t, items: [ { id: \"5\" } ] } } ]\n");
    assert_same("store", "    steps: [ { put_items: { table: t, items: [ { id: 5, b: x } ] } } ]\n",
        "    steps: [ { put_items: { table: t, items: [ { b: \"x\", id: 5 } ] } } ]\n");
}

static void a_variable_counts_by_its_name_not_by_its_value(void **state)
{
    static const char step[] = "    steps:\n      - name: s\n        create_schema: \"${var:v}\"\n";

    (void)state;
    assert_string_equal(digest_in("local", "db", step).hex, digest_in("other", "db", step).hex);
    assert_other("db", step, "    steps:\n      - name: s\n        create_schema: one\n");
}

/* Ledgers hold this digest: the canonical form must never change. */
static void the_canonical_form_is_what_it_always_was(void **state)
{
    (void)state;
    assert_string_equal(
        digest_in("local", "db", column).hex, "006c838f8c0bc81c1e701ec45dc6dac84e3f2b20c44654744092159c1be8d3a5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_quotes_comments_and_the_order_of_keys_do_not_count),
        cmocka_unit_test(what_the_migration_says_about_the_step_does_not_count),
        cmocka_unit_test(the_short_form_is_the_long_one),
        cmocka_unit_test(what_is_done_counts),
        cmocka_unit_test(the_order_of_columns_counts),
        cmocka_unit_test(a_file_counts_by_its_content),
        cmocka_unit_test(a_number_in_an_item_is_no_text),
        cmocka_unit_test(a_variable_counts_by_its_name_not_by_its_value),
        cmocka_unit_test(the_canonical_form_is_what_it_always_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
