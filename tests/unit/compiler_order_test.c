#define _XOPEN_SOURCE 700 /* mkdtemp() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/order.h"
#include "tests/unit/compiler_project.h"

/* A project of targets a, b, c; each migration is "TARGET ID AFTER…". */
static void load(struct test_project *test, const char *order, const char *const *migrations, size_t count)
{
    struct strbuf text = STRBUF_INIT;

    test_open(test);
    strbuf_printf(&text,
        "invplan: 1\nproject: test\ntargets: { a: { engine: postgres }, b: { engine: dynamodb }, c: { engine: postgres "
        "} }\n"
        "order: [%s]\nenvironments: { local: { targets: { a: {}, b: {}, c: {} } } }\nmigrations:\n",
        order);
    for (size_t i = 0; i < count; i++) {
        char *line = arena_strdup(&test->arena, migrations[i]), *rest = NULL;
        const char *target = strtok_r(line, " ", &rest), *id = strtok_r(NULL, " ", &rest), *after;
        bool first = true;

        strbuf_printf(&text, "  - id: %s\n    target: %s\n", id, target);
        while ((after = strtok_r(NULL, " ", &rest))) {
            strbuf_printf(&text, "%s%s", first ? "    after: [" : ", ", after);
            first = false;
        }
        strbuf_append_text(&text, first ? "" : "]\n");
        strbuf_append_text(
            &text, *target == 'b' ? "    steps: [ { delete_table: t } ]\n" : "    steps: [ { drop_table: t } ]\n");
    }
    test_load(test, text.data);
    strbuf_free(&text);
}

static void assert_order(struct test_project *test, const char *expected)
{
    struct order_list list = {0};
    struct strbuf out = STRBUF_INIT;

    test_no_errors(test);
    order_sort(test->project, &test->project->environments.items[0], &test->arena, &list);
    for (size_t i = 0; i < list.items.count; i++)
        strbuf_printf(&out, "%s%s", i ? " " : "", list.items.items[i]->id);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void the_first_target_goes_first_where_nothing_decides(void **state)
{
    static const char *const migrations[] = {"b b1", "a a1", "b b2", "a a2"};
    struct test_project test;

    (void)state;
    load(&test, "a, b, c", migrations, COUNT(migrations));
    assert_order(&test, "a1 a2 b1 b2");
    test_close(&test);
    load(&test, "b", migrations, COUNT(migrations));
    assert_order(&test, "b1 b2 a1 a2");
    test_close(&test);
}

static void an_edge_across_targets_is_kept_and_no_more_than_it(void **state)
{
    static const char *const migrations[] = {"a a1", "a a2 b2", "a a3", "b b1", "b b2", "b b3 a3"};
    struct test_project test;

    (void)state;
    load(&test, "a, b, c", migrations, COUNT(migrations));
    assert_order(&test, "a1 b1 b2 a2 a3 b3");
    test_close(&test);
}

static void several_edges_are_all_met(void **state)
{
    static const char *const migrations[] = {"a a1 b1 c2", "b b1 c1", "c c1", "c c2"};
    struct test_project test;

    (void)state;
    load(&test, "a, b, c", migrations, COUNT(migrations));
    assert_order(&test, "c1 b1 c2 a1");
    test_close(&test);
}

static void an_edge_to_an_earlier_migration_of_the_same_target_changes_nothing(void **state)
{
    static const char *const migrations[] = {"a a1", "a a2 a1", "b b1"};
    struct test_project test;

    (void)state;
    load(&test, "a, b, c", migrations, COUNT(migrations));
    assert_order(&test, "a1 a2 b1");
    test_close(&test);
}

static void a_circle_is_reported_with_every_edge(void **state)
{
    static const char *const migrations[] = {"a a1 b2", "a a2", "b b1 c1", "b b2", "c c1 a2"};
    struct test_project test;
    const struct diag *diag;

    (void)state;
    load(&test, "a, b, c", migrations, COUNT(migrations));
    assert_int_equal(test.diags.items.count, 1);
    diag = test.diags.items.items[0];
    assert_string_equal(diag->code->name, "ORDER002");
    assert_string_equal(diag->message, "migration 'a1' waits for itself");
    assert_int_equal(diag->notes.count, 5);
    assert_string_equal(diag->notes.items[0].text, "'a1' comes after 'b2'");
    assert_string_equal(diag->notes.items[1].text, "'b2' comes after 'b1', which is declared before it on target 'b'");
    assert_string_equal(diag->notes.items[2].text, "'b1' comes after 'c1'");
    assert_string_equal(diag->notes.items[3].text, "'c1' comes after 'a2'");
    assert_string_equal(diag->notes.items[4].text, "'a2' comes after 'a1', which is declared before it on target 'a'");
    test_close(&test);
}

static void a_circle_that_is_reached_from_outside_is_reported_without_the_way_to_it(void **state)
{
    static const char *const migrations[] = {"a a1 b1", "b b1 c1", "c c1 b1"};
    struct test_project test;

    (void)state;
    load(&test, "a, b, c", migrations, COUNT(migrations));
    assert_int_equal(test.diags.items.count, 1);
    assert_string_equal(test.diags.items.items[0]->message, "migration 'b1' waits for itself");
    assert_int_equal(test.diags.items.items[0]->notes.count, 2);
    test_close(&test);
}

static void ten_thousand_migrations_with_edges_are_ordered(void **state)
{
    struct test_project test;
    struct order_list list = {0};
    struct strbuf text = STRBUF_INIT;

    (void)state;
    test_open(&test);
    strbuf_append_text(&text,
        "invplan: 1\nproject: test\ntargets: { a: { engine: postgres }, b: { engine: dynamodb } }\n"
        "environments: { local: { targets: { a: {}, b: {} } } }\nmigrations:\n");
    for (int i = 0; i < 5000; i++)
        strbuf_printf(&text, "  - { id: a%d, target: a, steps: [ { drop_table: t } ] }\n", i);
    for (int i = 0; i < 5000; i++)
        strbuf_printf(
            &text, "  - { id: b%d, target: b, after: [a%d, a0], steps: [ { delete_table: t } ] }\n", i, 4999 - i);
    test_load(&test, text.data);
    test_no_errors(&test);
    order_sort(test.project, &test.project->environments.items[0], &test.arena, &list);
    assert_int_equal(list.items.count, 10000);
    strbuf_free(&text);
    test_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_target_goes_first_where_nothing_decides),
        cmocka_unit_test(an_edge_across_targets_is_kept_and_no_more_than_it),
        cmocka_unit_test(several_edges_are_all_met),
        cmocka_unit_test(an_edge_to_an_earlier_migration_of_the_same_target_changes_nothing),
        cmocka_unit_test(a_circle_is_reported_with_every_edge),
        cmocka_unit_test(a_circle_that_is_reached_from_outside_is_reported_without_the_way_to_it),
        cmocka_unit_test(ten_thousand_migrations_with_edges_are_ordered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
