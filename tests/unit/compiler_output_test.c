#define _XOPEN_SOURCE 700 /* mkdtemp() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/findings.h"
#include "compiler/key.h"
#include "compiler/schema.h"
#include "compiler/value.h"
#include "compiler/write.h"
#include "spec/exit.h"
#include "tests/unit/compiler_project.h"

/* --- plan files ----------------------------------------------------------------------------------------------- */

static void a_plan_is_written_once_and_then_left_alone(void **state)
{
    struct test_project test;
    struct error error = {0};
    const char *path;
    struct stat before, after;
    bool changed, same;
    size_t line;

    (void)state;
    test_open(&test);
    path = arena_printf(&test.arena, "%s/plans/deep/local.plan", test.folder);
    assert_true(write_plan_file(&test.arena, path, STR("one\ntwo\n"), &changed, &error));
    assert_true(changed);
    assert_int_equal(stat(path, &before), 0);
    assert_true(write_plan_file(&test.arena, path, STR("one\ntwo\n"), &changed, &error));
    assert_false(changed);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(write_compare(path, STR("one\ntwo\n"), &same, &line, &error));
    assert_true(same);
    test_close(&test);
}

static void the_first_line_that_differs_is_named(void **state)
{
    static const struct {
        const char *text;
        size_t line;
    } rows[] = {{"one\ntwo\nthree\n", 3}, {"one\n2\n", 2}, {"1\ntwo\n", 1}, {"one\n", 2}, {"", 1}, {"one\ntwo", 2}};
    struct test_project test;
    struct error error = {0};
    const char *path;
    bool same;
    size_t line;

    (void)state;
    test_open(&test);
    test_write(&test, "local.plan", "one\ntwo\n");
    path = arena_printf(&test.arena, "%s/local.plan", test.folder);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_true(write_compare(path, str_from(rows[i].text), &same, &line, &error));
        assert_false(same);
        assert_int_equal(line, rows[i].line);
    }
    assert_true(write_compare(arena_printf(&test.arena, "%s/none", test.folder), STR("x"), &same, &line, &error));
    assert_false(same);
    assert_int_equal(line, 0);
    test_close(&test);
}

static void a_plan_that_cannot_be_written_leaves_nothing_behind(void **state)
{
    struct test_project test;
    struct error error = {0};
    char command[160];
    bool changed;

    (void)state;
    test_open(&test);
    test_write(&test, "plans", "a file where the folder should be");
    assert_false(write_plan_file(
        &test.arena, arena_printf(&test.arena, "%s/plans/local.plan", test.folder), STR("x"), &changed, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_IO);
    assert_int_equal(mkdir(arena_printf(&test.arena, "%s/local.plan", test.folder), 0777), 0);
    assert_false(write_plan_file(
        &test.arena, arena_printf(&test.arena, "%s/local.plan", test.folder), STR("x"), &changed, &error));
    snprintf(command, sizeof(command), "test \"$(ls '%s')\" = \"$(printf 'local.plan\\nplans')\"", test.folder);
    assert_int_equal(system(command), 0);
    test_close(&test);
}

/* --- findings ------------------------------------------------------------------------------------------------- */

struct findings {
    struct arena arena;
    struct diag_list diags;
    struct strbuf out;
};

static void open_findings(struct findings *findings, enum findings_format format, const char *folder)
{
    struct source *source;
    struct diag *diag;

    *findings = (struct findings){.arena = ARENA_INIT};
    diag_list_init(&findings->diags, &findings->arena);
    source = source_create(&findings->arena, "a,b:c.yaml", STR("one\ntwo é three\n"));
    diag = diag_report(&findings->diags, DIAG(SPEC001), (struct span){source, 11, 16}, "100%% of '%s'", "x\ny::z");
    diag_add_note(&findings->diags, diag, (struct span){source, 0, 3}, "first");
    diag_add_help(&findings->diags, diag, "do\tthis");
    diag_report(&findings->diags, DIAG(SPEC033), (struct span){0}, "nowhere");
    findings_print(&findings->diags, format, folder, &findings->out);
}

static void close_findings(struct findings *findings)
{
    strbuf_free(&findings->out);
    arena_free(&findings->arena);
}

static void text_ends_with_a_count(void **state)
{
    struct findings f;

    (void)state;
    open_findings(&f, FINDINGS_TEXT, ".");
    assert_true(str_ends_with(strbuf_view(&f.out), "1 error, 1 warning\n"));
    close_findings(&f);
}

static void json_names_every_place(void **state)
{
    struct findings f;
    struct json *json;
    struct json_error error;
    const struct json *finding;
    int64_t number;

    (void)state;
    open_findings(&f, FINDINGS_JSON, "sub");
    json = json_read(&f.arena, strbuf_view(&f.out), JSON_STRICT, &error);
    assert_non_null(json);
    finding = json_at(json_get(json, "findings"), 0);
    assert_string_equal(json_string(json_get(finding, "path")), "sub/a,b:c.yaml");
    assert_true(json_to_i64(json_get(finding, "line"), &number) && number == 2);
    assert_true(json_to_i64(json_get(finding, "column"), &number) && number == 7);
    assert_true(json_to_i64(json_get(finding, "end_column"), &number) && number == 12);
    assert_string_equal(json_string(json_get(finding, "message")), "100% of 'x\ny::z'");
    assert_string_equal(json_string(json_get(json_at(json_get(finding, "notes"), 0), "message")), "first");
    assert_null(json_get(json_at(json_get(json, "findings"), 1), "path"));
    close_findings(&f);
}

static void github_commands_are_escaped(void **state)
{
    struct findings f;

    (void)state;
    open_findings(&f, FINDINGS_GITHUB, "");
    assert_string_equal(f.out.data, "::error file=a%2Cb%3Ac.yaml,line=2,endLine=2,col=7,endColumn=12,title=SPEC001%3A "
                                    "unknown key::100%25 of 'x%0Ay::z'"
                                    "%0Ahelp: do%09this\n"
                                    "::warning title=SPEC033%3A unused allowance::nowhere\n");
    close_findings(&f);
}

/* --- the table of keys ---------------------------------------------------------------------------------------- */

static void check_type(const struct key_table *keys, const struct key_type *type)
{
    for (; type; type = type->next) {
        if (type->kind == KEY_OBJECT)
            assert_true(key_context_find(keys, type->context, ENGINE_POSTGRES) ||
                        key_context_find(keys, type->context, ENGINE_DYNAMODB));
        if (type->element)
            check_type(keys, type->element);
    }
}

static void every_row_of_the_key_table_makes_sense(void **state)
{
    struct arena arena = ARENA_INIT;
    const struct key_table *keys = key_table_create(&arena);

    (void)state;
    for (size_t i = 0; i < keys->contexts.count; i++) {
        const struct key_context *context = keys->contexts.items[i];
        const char *lists[] = {context->object_keys, context->short_key, context->one_of};
        struct str word;

        assert_non_null(context->label);
        for (size_t j = 0; j < context->keys.count; j++) {
            check_type(keys, context->keys.items[j].type);
            assert_ptr_equal(key_find(context, str_from(context->keys.items[j].name)), &context->keys.items[j]);
        }
        for (size_t j = 0; j < 3; j++)
            while (key_next_word(&lists[j], &word))
                assert_non_null(key_find(context, word));
    }
    for (enum step_kind kind = 0; kind < STEP_COUNT; kind++) {
        enum engine engine = step_kind_engine(kind);

        if (engine != ENGINE_DYNAMODB)
            assert_non_null(key_step_context(keys, kind, ENGINE_POSTGRES));
        if (engine != ENGINE_POSTGRES)
            assert_non_null(key_step_context(keys, kind, ENGINE_DYNAMODB));
    }
    arena_free(&arena);
}

static void every_reference_of_the_json_schema_resolves(void **state)
{
    struct arena arena = ARENA_INIT;
    struct strbuf text = STRBUF_INIT;
    struct json_error error;
    struct json *schema;
    const char *at;

    (void)state;
    schema_print_migrations(&arena, key_table_create(&arena), &text);
    schema = json_read(&arena, strbuf_view(&text), JSON_STRICT, &error);
    assert_non_null(schema);
    for (at = strstr(text.data, "#/definitions/"); at; at = strstr(at + 1, "#/definitions/")) {
        const char *name = at + strlen("#/definitions/");

        assert_non_null(json_get(json_get(schema, "definitions"), arena_strndup(&arena, name, strcspn(name, "\""))));
    }
    strbuf_free(&text);
    arena_free(&arena);
}

/* --- values --------------------------------------------------------------------------------------------------- */

static void days_are_days_of_the_calendar(void **state)
{
    (void)state;
    assert_true(value_is_date(STR("2024-02-29")));
    assert_true(value_is_date(STR("2000-02-29")));
    assert_false(value_is_date(STR("1900-02-29")));
    assert_false(value_is_date(STR("2025-02-29")));
    assert_false(value_is_date(STR("2025-13-01")));
    assert_false(value_is_date(STR("2025-00-01")));
    assert_false(value_is_date(STR("2025-04-31")));
    assert_false(value_is_date(STR("2025-4-01")));
    assert_false(value_is_date(STR("2025/04/01")));
    assert_false(value_is_date(STR("")));
}

static void ids_are_safe_in_paths_and_ledgers(void **state)
{
    (void)state;
    assert_true(value_is_id(STR("1709123456789-AddInventoryItemAttributes")));
    assert_true(value_is_id(STR("v1.2_x")));
    assert_false(value_is_id(STR("")));
    assert_false(value_is_id(STR("-a")));
    assert_false(value_is_id(STR(".a")));
    assert_false(value_is_id(STR("a/b")));
    assert_false(value_is_id(STR("a b")));
    assert_false(value_is_id(STR("é")));
    assert_false(value_is_id(STR("a#b")));
}

static void typeorm_ids_are_split_at_the_first_dash(void **state)
{
    struct arena arena = ARENA_INIT;
    int64_t timestamp = 0;

    (void)state;
    assert_string_equal(plan_typeorm_name(&arena, "1709123456789-Add-It", &timestamp), "Add-It1709123456789");
    assert_int_equal(timestamp, 1709123456789);
    assert_null(plan_typeorm_name(&arena, "AddIt", &timestamp));
    assert_null(plan_typeorm_name(&arena, "12-", &timestamp));
    assert_null(plan_typeorm_name(&arena, "x-Add", &timestamp));
    assert_null(plan_typeorm_name(&arena, "99999999999999999999-Add", &timestamp));
    assert_null(plan_typeorm_name(&arena, "-1-Add", &timestamp));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_written_once_and_then_left_alone),
        cmocka_unit_test(the_first_line_that_differs_is_named),
        cmocka_unit_test(a_plan_that_cannot_be_written_leaves_nothing_behind),
        cmocka_unit_test(text_ends_with_a_count),
        cmocka_unit_test(json_names_every_place),
        cmocka_unit_test(github_commands_are_escaped),
        cmocka_unit_test(every_row_of_the_key_table_makes_sense),
        cmocka_unit_test(every_reference_of_the_json_schema_resolves),
        cmocka_unit_test(days_are_days_of_the_calendar),
        cmocka_unit_test(ids_are_safe_in_paths_and_ledgers),
        cmocka_unit_test(typeorm_ids_are_split_at_the_first_dash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
