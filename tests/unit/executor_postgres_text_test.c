/* The PostgreSQL driver's texts: no server is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executor/postgres/postgres.h"
#include "executor/postgres/sqlstate.h"
#include "spec/exit.h"

static void literals_are_taken_out_of_queries(void **state)
{
    static const char *const cases[][2] = {
        {"SELECT * FROM t WHERE a = 'secret' AND b = 42", "SELECT * FROM t WHERE a = ? AND b = ?"},
        {"SELECT 'it''s', E'a\\'b', $$body$$, $x$ a $y$ b $x$, 1.5e3", "SELECT ?, ?, ?, ?, ?"},
        {"SELECT \"Odd 'name\" -- a 'comment'\nFROM t1 /* 'x' /* y */ */ WHERE c2 = $1",
            "SELECT \"Odd 'name\" FROM t1 WHERE c2 = $1"},
        {"  SELECT\n\t 1", "SELECT ?"},
        {"SELECT 'cut off in the mid", "SELECT ?"},
        {"SELECT $tag$cut off", "SELECT ?"},
        {"SELECT X'1F', N'x', B'01', U&'x'", "SELECT ?, ?, ?, U&?"},
        {"", ""},
    };
    char out[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pg_strip_literals(cases[i][0], out, sizeof(out));
        assert_string_equal(out, cases[i][1]);
    }
    /* A long query is cut, never overrun. */
    for (size_t size = 8; size < 40; size++) {
        pg_strip_literals("SELECT some_column, another_column FROM a_table WHERE x = 'y'", out, size);
        assert_true(strlen(out) < size);
    }
}

static void object_names_are_taken_apart(void **state)
{
    struct arena arena = ARENA_INIT;
    struct object_name name;

    (void)state;
    assert_true(object_name_parse(&arena, "constraint public.\"a.b\".\"c \"\"d\"\"\"", &name));
    assert_true(str_is(name.kind, "constraint"));
    assert_int_equal(name.count, 3);
    assert_string_equal(name.parts[1], "a.b");
    assert_string_equal(name.parts[2], "c \"d\"");
    assert_true(object_name_parse(&arena, "function app.f(numeric(10,2), text[])", &name));
    assert_string_equal(name.args, "numeric(10,2), text[]");
    assert_false(object_name_parse(&arena, "table public.", &name));
    assert_false(object_name_parse(&arena, "table .t", &name));
    assert_false(object_name_parse(&arena, "table \"t", &name));
    assert_false(object_name_parse(&arena, "table a.b.c.d", &name));
    assert_false(object_name_parse(&arena, "function f(", &name));
    assert_false(object_name_parse(&arena, "table", &name));
    arena_free(&arena);
}

static void semicolons_at_the_end_are_no_part_of_a_query(void **state)
{
    (void)state;
    assert_true(str_is(pg_strip_end(" SELECT ';' ; ;\n"), "SELECT ';'"));
    assert_true(str_is(pg_strip_end(";"), ""));
}

static void quoting_keeps_any_text_whole(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(pg_quote_identifier(&arena, "a\"b"), "\"a\"\"b\"");
    arena_free(&arena);
}

static void sqlstates_become_exit_statuses(void **state)
{
    static const struct {
        const char *sqlstate;
        int exit_status;
        bool retryable;
    } cases[] = {
        {"42P07", EXIT_STATUS_DRIFT, false},
        {"42701", EXIT_STATUS_DRIFT, false},
        {"42710", EXIT_STATUS_DRIFT, false},
        {"42P06", EXIT_STATUS_DRIFT, false},
        {"42501", EXIT_STATUS_PERMISSION, false},
        {"28P01", EXIT_STATUS_AUTHENTICATION, false},
        {"28000", EXIT_STATUS_AUTHENTICATION, false},
        {"55P03", EXIT_STATUS_HALTED, true},
        {"40P01", EXIT_STATUS_HALTED, true},
        {"40001", EXIT_STATUS_HALTED, true},
        {"57P01", EXIT_STATUS_UNREACHABLE, true},
        {"57P03", EXIT_STATUS_UNREACHABLE, true},
        {"08006", EXIT_STATUS_UNREACHABLE, true},
        {"53300", EXIT_STATUS_UNREACHABLE, true},
        {"53100", EXIT_STATUS_HALTED, false},
        {"25006", EXIT_STATUS_UNREACHABLE, false},
        {"3D000", EXIT_STATUS_UNREACHABLE, false},
        {"23505", EXIT_STATUS_HALTED, false},
        {"57014", EXIT_STATUS_HALTED, false},
        {SQLSTATE_LEASE_LOST, EXIT_STATUS_LEASE, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct server_error from = {
            .sqlstate = cases[i].sqlstate, .message = "it failed", .detail = "Here.", .hint = "Do this."};
        struct error error;

        assert_false(sqlstate_error(&error, &from));
        assert_int_equal(error.exit_status, cases[i].exit_status);
        assert_int_equal(error.retryable, cases[i].retryable);
        assert_string_equal(error.sqlstate, cases[i].sqlstate);
        assert_non_null(strstr(error.message, "it failed"));
        assert_true(error.help[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_taken_out_of_queries),
        cmocka_unit_test(object_names_are_taken_apart),
        cmocka_unit_test(semicolons_at_the_end_are_no_part_of_a_query),
        cmocka_unit_test(quoting_keeps_any_text_whole),
        cmocka_unit_test(sqlstates_become_exit_statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
