#define _XOPEN_SOURCE 700 /* mkdtemp() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/reference.h"
#include "compiler/resolve.h"
#include "tests/unit/compiler_project.h"

/* --- references ----------------------------------------------------------------------------------------------- */

static void references_are_found_and_all_else_is_text(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *problem; /* of the first */
    } rows[] = {
        {"${var:a}", 1, NULL},
        {"x${var:a.b-c_1}y${env:HOME}z", 2, NULL},
        {"${secret:arn:aws:secretsmanager:eu-west-1:123:secret:app/db-AbCdEf#password}", 1, NULL},
        {"$$ select 1 $$", 0, NULL},
        {"$${1,2}$$", 0, NULL},
        {"${", 0, NULL},
        {"${}", 0, NULL},
        {"${HOME}", 0, NULL},
        {"${home}", 0, NULL},
        {"$var:a}", 0, NULL},
        {"{var:a}", 0, NULL},
        {"${var:}", 1, "names no variable"},
        {"${var:1a}", 1, "names no variable"},
        {"${var:a b}", 1, "names no variable"},
        {"${var}", 1, "has no ':' behind its kind"},
        {"${env:A-B}", 1, "names no environment variable"},
        {"${secret:arn}", 1, "names no field of a secret"},
        {"${secret:#f}", 1, "names no field of a secret"},
        {"${vars:a}", 1, "is of no kind that there is"},
        {"${var:a", 1, "is never closed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct reference reference, first = {0};
        size_t position = 0, count = 0;

        while (reference_next(str_from(rows[i].text), &position, &reference))
            if (count++ == 0)
                first = reference;
        if (count != rows[i].count)
            print_error("%s\n", rows[i].text);
        assert_int_equal(count, rows[i].count);
        if (rows[i].problem)
            assert_string_equal(first.problem, rows[i].problem);
        else
            assert_null(first.problem);
    }
}

static void a_secret_has_an_arn_and_a_field(void **state)
{
    struct reference reference;
    size_t position = 0;

    (void)state;
    assert_true(reference_next(STR("${secret:arn:aws:x#user}"), &position, &reference));
    assert_true(str_is(reference.name, "arn:aws:x"));
    assert_true(str_is(reference.field, "user"));
    assert_int_equal(reference.kind, REFERENCE_SECRET);
}

/* --- variables ------------------------------------------------------------------------------------------------ */

#define HEAD                                                                                                           \
    "invplan: 1\nproject: test\ntargets: { db: { engine: postgres } }\n"                                               \
    "environments:\n  local: { vars: { name: app, n: 3, columns: [a, b], sql: \"now()\" }, targets: { db: {} } }\n"

static const char *body_json(struct test_project *test, const char *steps)
{
    struct strbuf out = STRBUF_INIT;
    struct plan *plan;
    const char *text;

    test_open(test);
    test_load(test, arena_printf(&test->arena, HEAD "migrations:\n  - id: 1-A\n    target: db\n    steps:\n%s", steps));
    plan = test_compile(test, "local");
    test_no_errors(test);
    assert_non_null(plan);
    json_write(&out, json_get(plan->steps.items[0].action.forward, "body"));
    text = arena_strdup(&test->arena, out.data);
    strbuf_free(&out);
    return text;
}

static void a_whole_value_takes_the_variables_kind(void **state)
{
    struct test_project test;

    (void)state;
    assert_string_equal(
        body_json(
            &test, "      - backfill: { table: t, set: \"a = 1\", batch: \"${var:n}\", key: \"${var:columns}\" }\n"),
        "{\"table\":\"t\",\"set\":\"a = 1\",\"batch\":3,\"key\":[\"a\",\"b\"]}");
    test_close(&test);
}

static void inside_a_text_the_variables_text_is_put(void **state)
{
    struct test_project test;

    (void)state;
    assert_string_equal(
        body_json(&test, "      - backfill: { table: t, set: \"a = ${var:n}, b = ${var:sql}, c = '${var:name}'\" }\n"),
        "{\"table\":\"t\",\"set\":\"a = 3, b = now(), c = 'app'\"}");
    test_close(&test);
}

static void places_in_a_text_with_variables_are_those_of_the_source(void **state)
{
    static const char text[] = "a: \"é ${var:x} + ${var:longer} = z\"\nvars: { x: four, longer: 1 }\n";
    struct arena arena = ARENA_INIT;
    struct diag_list diags;
    struct resolver resolver;
    struct node *root, *node;
    struct span span;

    (void)state;
    diag_list_init(&diags, &arena);
    root = yaml_read(&arena, source_create(&arena, "t.yaml", str_from(text)), &diags);
    resolver = (struct resolver){&arena, &diags, node_get(root, "vars")};
    node = resolve_node(&resolver, node_get(root, "a"));
    assert_string_equal(node->text.data, "é four + 1 = z");
    span = node_text_span(node, 3, 4); /* the f of four */
    assert_memory_equal(text + span.start, "${var:x}", span.end - span.start);
    span = node_text_span(node, 3, 7);
    assert_int_equal(span.end - span.start, strlen("${var:x}"));
    span = node_text_span(node, 8, 9); /* + */
    assert_memory_equal(text + span.start, "+", span.end - span.start);
    span = node_text_span(node, 10, 11);
    assert_memory_equal(text + span.start, "${var:longer}", span.end - span.start);
    span = node_text_span(node, 14, 15);
    assert_memory_equal(text + span.start, "z", span.end - span.start);
    span = node_text_span(node, 5, 12); /* from inside one variable to behind the other */
    assert_memory_equal(text + span.start, "${var:x} + ${var:longer} ", span.end - span.start);
    assert_ptr_equal(node->substituted_from, node_get(node_get(root, "vars"), "x"));
    arena_free(&arena);
}

static void what_has_no_variable_is_not_copied(void **state)
{
    struct arena arena = ARENA_INIT;
    struct diag_list diags;
    struct resolver resolver;
    struct node *root;

    (void)state;
    diag_list_init(&diags, &arena);
    root = yaml_read(&arena, source_create(&arena, "t.yaml", str_from("a: { b: [1, \"${env:X}\"] }\n")), &diags);
    resolver = (struct resolver){&arena, &diags, NULL};
    assert_ptr_equal(resolve_node(&resolver, root), root);
    arena_free(&arena);
}

static void every_environment_must_have_the_variable_whichever_is_compiled(void **state)
{
    struct test_project test;

    (void)state;
    test_open(&test);
    test_load(&test, HEAD "  other: { targets: { db: {} } }\n"
                          "migrations:\n  - id: 1-A\n    target: db\n    steps:\n      - name: s\n        "
                          "create_schema: \"${var:name}\"\n");
    assert_null(test_compile(&test, "local"));
    assert_int_equal(test.diags.items.count, 1);
    assert_string_equal(test.diags.items.items[0]->message, "variable 'name' has no value in 'other'");
    test_close(&test);
}

static void an_environment_that_a_migration_leaves_out_needs_no_variable(void **state)
{
    struct test_project test;

    (void)state;
    test_open(&test);
    test_load(&test, HEAD "  other: { targets: { db: {} } }\n"
                          "migrations:\n  - id: 1-A\n    target: db\n    only: [local]\n    steps:\n      - name: s\n  "
                          "      create_schema: \"${var:name}\"\n");
    assert_non_null(test_compile(&test, "local"));
    assert_non_null(test_compile(&test, "other"));
    test_no_errors(&test);
    test_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_found_and_all_else_is_text),
        cmocka_unit_test(a_secret_has_an_arn_and_a_field),
        cmocka_unit_test(a_whole_value_takes_the_variables_kind),
        cmocka_unit_test(inside_a_text_the_variables_text_is_put),
        cmocka_unit_test(places_in_a_text_with_variables_are_those_of_the_source),
        cmocka_unit_test(what_has_no_variable_is_not_copied),
        cmocka_unit_test(every_environment_must_have_the_variable_whichever_is_compiled),
        cmocka_unit_test(an_environment_that_a_migration_leaves_out_needs_no_variable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
