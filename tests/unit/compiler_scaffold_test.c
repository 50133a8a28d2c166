#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/scaffold.h"
#include "spec/exit.h"
#include "tests/unit/compiler_project.h"

static struct test_project test;
static struct scaffold scaffold;
static struct error error;

static const char head[] = "invplan: 1\n"
                           "project: shop\n"
                           "targets: { db: { engine: postgres } }\n"
                           "environments: { local: { targets: { db: {} } } }\n";
static const char first[] = "  - id: 1-A # the first\n"
                            "    target: db\n"
                            "    steps:\n"
                            "      - sql:\n"
                            "          up: |\n"
                            "            select 1;\n"
                            "\n"
                            "            # no comment\n";
static const char added[] = "  - id: 1709123456789-AddB\n"
                            "    target: db\n"
                            "    steps:\n"
                            "      - # add_column, create_index, backfill, sql, …: docs/language.md lists the steps\n";

static int set_up(void **state)
{
    (void)state;
    test_open(&test);
    error = (struct error){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_close(&test);
    return 0;
}

static int64_t now_ms(void *context)
{
    return *(const int64_t *)context;
}

static bool make(const char *name, const char *id, const char *target)
{
    static int64_t now = INT64_C(1709123456789);
    const struct scaffold_request request = {
        .file = arena_printf(&test.arena, "%s/migrations.yaml", test.folder),
        .name = name,
        .id = id,
        .target = target,
        .clock = {now_ms, &now},
    };

    return scaffold_make(&test.arena, &request, &scaffold, &error);
}

static const char *joined(const char *a, const char *b, const char *c, const char *d)
{
    return arena_printf(&test.arena, "%s%s%s%s", a, b, c, d);
}

/* The project file before, and what it becomes. */
static void assert_becomes(const char *before, const char *after, size_t line)
{
    test_write(&test, "migrations.yaml", before);
    if (!make("AddB", NULL, NULL))
        fail_msg("%s: %s", error.message, error.help);
    assert_string_equal(scaffold.text.data, after);
    assert_int_equal(scaffold.line, line);
    assert_false(scaffold.is_new);
}

static void assert_refused(const char *message, const char *help, int status)
{
    assert_string_equal(error.message, message);
    assert_string_equal(error.help, help);
    assert_int_equal(error.exit_status, status);
}

static void it_goes_behind_the_last_migration_and_moves_nothing(void **state)
{
    (void)state;
    assert_becomes(joined(head, "migrations:\n", first, ""), joined(head, "migrations:\n", first, added), 14);
    assert_becomes(joined(head, "migrations:\n", first, "\n# the end\n"),
        joined(head, "migrations:\n", first, joined(added, "\n# the end\n", "", "")), 14);
}

static void what_stands_behind_the_list_stays_behind_it(void **state)
{
    (void)state;
    assert_becomes("invplan: 1\nproject: shop\nmigrations:\n- id: 1-A\n  target: db\n  steps: [ { sql: { up: select 1 "
                   "} } ] # x\n\n"
                   "targets: { db: { engine: postgres } }\nenvironments: { local: { targets: { db: {} } } }\n",
        "invplan: 1\nproject: shop\nmigrations:\n- id: 1-A\n  target: db\n  steps: [ { sql: { up: select 1 } } ] # x\n"
        "- id: 1709123456789-AddB\n  target: db\n  steps:\n"
        "    - # add_column, create_index, backfill, sql, …: docs/language.md lists the steps\n"
        "\ntargets: { db: { engine: postgres } }\nenvironments: { local: { targets: { db: {} } } }\n",
        7);
}

static void a_project_without_migrations_gets_its_first(void **state)
{
    (void)state;
    assert_becomes(head, joined(head, "migrations:\n", added, ""), 6);
    assert_becomes(joined(head, "migrations: []\n# end\n", "", ""), joined(head, "migrations:\n", added, "# end\n"), 6);
    assert_becomes(joined(head, "migrations: []", "", ""), joined(head, "migrations:\n", added, ""), 6);
}

static void line_ends_are_those_of_the_file(void **state)
{
    const char *before = "invplan: 1\r\nproject: shop\r\ntargets: { db: { engine: postgres } }\r\nenvironments: { "
                         "local: { targets: { db: {} } } }\r\n"
                         "migrations:\r\n  - id: 1-A\r\n    target: db\r\n    steps: [ { sql: { up: select 1 } } ]";

    (void)state;
    test_write(&test, "migrations.yaml", before);
    assert_true(make("AddB", NULL, NULL));
    assert_true(str_starts_with(scaffold.text, before));
    assert_string_equal(scaffold.text.data + strlen(before),
        "\r\n  - id: 1709123456789-AddB\r\n    target: db\r\n    steps:\r\n"
        "      - # add_column, create_index, backfill, sql, …: docs/language.md lists the steps\r\n");
}

static void an_included_folder_gets_a_file_of_its_own(void **state)
{
    (void)state;
    test_write(&test, "migrations.yaml", joined(head, "include: [migrations/*.yaml]\n", "", ""));
    test_write(&test, "migrations/100-x.yaml", joined("migrations:\n", first, "", ""));
    assert_true(make("AddB", NULL, NULL));
    assert_true(scaffold.is_new);
    assert_string_equal(scaffold.path, arena_printf(&test.arena, "%s/migrations/1709123456789-AddB.yaml", test.folder));
    assert_string_equal(scaffold.text.data, joined("invplan: 1\nmigrations:\n", added, "", ""));
    assert_int_equal(scaffold.line, 3);
}

static void a_file_that_would_not_be_the_last_is_not_made(void **state)
{
    (void)state;
    test_write(&test, "migrations.yaml", joined(head, "include: [migrations/*.yaml]\n", "", ""));
    test_write(&test, "migrations/orders.yaml", joined("migrations:\n", first, "", ""));
    assert_true(make("AddB", NULL, NULL));
    assert_false(scaffold.is_new);
    assert_string_equal(scaffold.path, arena_printf(&test.arena, "%s/migrations/orders.yaml", test.folder));
    assert_string_equal(scaffold.text.data, joined("migrations:\n", first, added, ""));
}

static void ids_are_checked_before_anything_is_made(void **state)
{
    (void)state;
    test_write(&test, "migrations.yaml", joined(head, "migrations:\n", first, ""));
    assert_false(make("add a: table", NULL, NULL));
    assert_refused("'add a: table' cannot be part of a migration's id",
        "letters, digits, '-', '_' and '.' can: `invplan new add-a-table`", EXIT_STATUS_USAGE);
    assert_false(make(NULL, "1-A", NULL));
    assert_refused("there is a migration '1-A' already", "", EXIT_STATUS_USAGE);
    assert_false(make(NULL, "-x", NULL));
    assert_refused("'-x' is no id: letters, digits, '-', '_' and '.'", "", EXIT_STATUS_USAGE);
    assert_false(make("B", "2-B", NULL));
    assert_refused("new needs NAME or --id ID, not both", "", EXIT_STATUS_USAGE);
    assert_false(make(NULL, NULL, NULL));
    assert_refused("new needs NAME or --id ID", "", EXIT_STATUS_USAGE);
    assert_true(make(NULL, "2-B", NULL));
    assert_string_equal(scaffold.id, "2-B");
}

static void the_target_is_the_only_one_or_named(void **state)
{
    (void)state;
    test_write(&test, "migrations.yaml",
        "invplan: 1\nproject: shop\ntargets: { db: { engine: postgres }, events: { engine: dynamodb } }\n"
        "environments: { local: { targets: { db: {}, events: {} } } }\n");
    assert_false(make("A", NULL, NULL));
    assert_refused(
        "the project has several targets", "say which with --target: it has 'db', 'events'", EXIT_STATUS_USAGE);
    assert_false(make("A", NULL, "event"));
    assert_refused("the project has no target 'event'", "did you mean 'events'?", EXIT_STATUS_USAGE);
    assert_true(make("A", NULL, "events"));
    assert_non_null(strstr(scaffold.text.data, "    target: events\n"));
}

static void text_that_takes_no_appendage_is_left_alone(void **state)
{
    const char *path = arena_printf(&test.arena, "'%s/migrations.yaml'", test.folder);
    const char *help = "write `migrations:` with its items on lines of their own, each behind a '-'";

    (void)state;
    test_write(&test, "migrations.yaml",
        joined(head, "migrations: [ { id: 1-A, target: db, steps: [ { sql: { up: select 1 } } ] } ]\n", "", ""));
    assert_false(make("A", NULL, NULL));
    assert_refused(arena_printf(&test.arena, "%s has its migrations in brackets", path), help, EXIT_STATUS_SPEC);
    test_write(&test, "migrations.yaml",
        "{ invplan: 1, project: shop, targets: { db: { engine: postgres } }, environments: { local: { targets: { db: "
        "{} } } } }\n");
    assert_false(make("A", NULL, NULL));
    assert_refused(arena_printf(&test.arena, "%s is written in braces", path), help, EXIT_STATUS_SPEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_goes_behind_the_last_migration_and_moves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_behind_the_list_stays_behind_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_project_without_migrations_gets_its_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(line_ends_are_those_of_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_included_folder_gets_a_file_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_would_not_be_the_last_is_not_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_are_checked_before_anything_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_target_is_the_only_one_or_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_that_takes_no_appendage_is_left_alone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
