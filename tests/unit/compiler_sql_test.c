/* SQL text: the parser's seam, tokens, fragments, names and types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/postgres/lex.h"
#include "compiler/postgres/quote.h"
#include "compiler/postgres/type.h"
#include "compiler/sql.h"

#include <stdlib.h>
#include <string.h>

static bool parse(struct arena *arena, const char *sql, struct sql_script *script, struct sql_error *error)
{
    return sql_parse(arena, str_from(sql), script, error);
}

static void statements_are_told_apart_with_their_offsets(void **state)
{
    static const char sql[] =
        "-- a; comment\nselect 1; /* b; /* nested; */ */ select ';' , \"a;b\", $q$ ; $q$ -- c\n;;  \nselect 2";
    struct arena arena = ARENA_INIT;
    struct sql_script script;
    struct sql_error error;
    const char *const wanted[] = {"select 1", "select ';' , \"a;b\", $q$ ; $q$", "select 2"};

    (void)state;
    assert_true(parse(&arena, sql, &script, &error));
    assert_int_equal(script.statements.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct sql_statement *statement = &script.statements.items[i];

        assert_string_equal(
            arena_strndup(&arena, sql + statement->start, statement->end - statement->start), wanted[i]);
        assert_string_equal(sql_tag(statement->tree), "SelectStmt");
    }
    arena_free(&arena);
}

static void empty_text_is_a_script_without_statements(void **state)
{
    struct arena arena = ARENA_INIT;
    struct sql_script script;
    struct sql_error error;

    (void)state;
    assert_true(parse(&arena, "", &script, &error));
    assert_int_equal(script.statements.count, 0);
    assert_true(parse(&arena, " ; -- nothing\n;/* at all */", &script, &error));
    assert_int_equal(script.statements.count, 0);
    arena_free(&arena);
}

static void errors_are_at_the_byte_behind_wide_characters(void **state)
{
    static const char sql[] = "select 'größe', 'ж' frm t x";
    struct arena arena = ARENA_INIT;
    struct sql_script script;
    struct sql_error error;

    (void)state;
    assert_false(parse(&arena, sql, &script, &error));
    assert_string_equal(error.message, "syntax error at or near 't'");
    assert_int_equal(error.offset, strstr(sql, " t x") + 1 - sql);
    assert_int_equal(error.end, error.offset + 1);
    arena_free(&arena);
}

static void locations_in_the_tree_are_bytes(void **state)
{
    static const char sql[] = "select 'größe', wide";
    struct arena arena = ARENA_INIT;
    struct sql_script script;
    struct sql_error error;
    const struct sql_node *target;

    (void)state;
    assert_true(parse(&arena, sql, &script, &error));
    target = sql_next(sql_first(sql_get(sql_as(script.statements.items[0].tree, "SelectStmt"), "targetList")));
    assert_int_equal(sql_location(sql_as(target, "ResTarget")), strstr(sql, "wide") - sql);
    arena_free(&arena);
}

static void what_the_parser_cannot_take_is_refused_before(void **state)
{
    struct arena arena = ARENA_INIT;
    struct strbuf text = STRBUF_INIT;
    struct sql_script script;
    struct sql_error error;
    static const struct {
        const char *before, *repeated, *behind;
        size_t times;
    } deep[] = {
        {"select ", "(", "1", 5000},
        {"select ", "not ", "true", 5000},
        {"select 1", "+1", "", 5000},
        {"select ", "- ", "1", 5000},
        {"select 1", " union select 1, 2 where a and b", "", 5000},
        {"select ", "case when a then ", "1", 5000},
        {"select 1", "::int", "", 5000},
        {"select ", "array[", "1", 5000},
        {"select * from t", " join t on a and b", "", 5000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(deep) / sizeof(deep[0]); i++) {
        strbuf_clear(&text);
        strbuf_append_text(&text, deep[i].before);
        for (size_t k = 0; k < deep[i].times; k++)
            strbuf_append_text(&text, deep[i].repeated);
        strbuf_append_text(&text, deep[i].behind);
        assert_false(sql_parse(&arena, strbuf_view(&text), &script, &error));
        assert_string_equal(error.message, "the SQL is nested deeper than 400 levels");
    }
    assert_false(sql_parse(&arena, (struct str){"select 1\0;", 10}, &script, &error));
    assert_string_equal(error.message, "the SQL text holds a NUL byte");
    assert_int_equal(error.offset, 8);
    assert_false(sql_parse(&arena, (struct str){"select '\xff'", 10}, &script, &error));
    assert_string_equal(error.message, "the SQL text is not valid UTF-8");
    strbuf_free(&text);
    arena_free(&arena);
}

/* Long is not deep: what people generate must pass. */
static void long_statements_are_not_taken_for_deep_ones(void **state)
{
    struct arena arena = ARENA_INIT;
    struct strbuf text = STRBUF_INIT;
    struct sql_script script;
    struct sql_error error;

    (void)state;
    strbuf_append_text(&text, "insert into t values (1, -1, 'a' || 'b')");
    for (size_t i = 0; i < 5000; i++)
        strbuf_append_text(&text, ", (1 + 2, -1, 'a' || 'b')");
    strbuf_append_text(&text, "; select 1 where a = 1");
    for (size_t i = 0; i < 300; i++)
        strbuf_append_text(&text, " or a = 1 and b like 'x' and not c");
    assert_true(sql_parse(&arena, strbuf_view(&text), &script, &error));
    assert_int_equal(script.statements.count, 2);
    strbuf_free(&text);
    arena_free(&arena);
}

static void tokens_follow_postgres(void **state)
{
    static const struct {
        const char *text;
        enum lex_kind kind;
        size_t len;
    } tokens[] = {
        {"foo$1 x", LEX_WORD, 5},
        {"größe,", LEX_WORD, 7},
        {"\"a\"\"b\" c", LEX_QUOTED, 6},
        {"'it''s' x", LEX_STRING, 7},
        {"E'a\\'b' x", LEX_STRING, 7},
        {"'a\\' b", LEX_STRING, 4},
        {"$$ ' $$ x", LEX_STRING, 7},
        {"$a$ $$ $a$ x", LEX_STRING, 10},
        {"U&'x' y", LEX_STRING, 5},
        {"1.5e-3+1", LEX_NUMBER, 6},
        {"1..2", LEX_NUMBER, 1},
        {"->>'a'", LEX_OPERATOR, 3},
        {"<--x", LEX_OPERATOR, 1},
        {"$1 x", LEX_OPERATOR, 1},
        {"::int", LEX_PUNCTUATION, 1},
        {"; x", LEX_PUNCTUATION, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct lexer lexer = {.text = str_from(tokens[i].text)};
        struct lex_token token = lex_next(&lexer);

        if (token.kind != tokens[i].kind || token.end != tokens[i].len)
            fail_msg("%s: kind %d, length %zu", tokens[i].text, (int)token.kind, token.end);
    }
}

static void fragments_cannot_leave_their_place(void **state)
{
    static const struct {
        const char *text;
        size_t at; /* SIZE_MAX: it may stand */
    } fragments[] = {
        {"a > 0", SIZE_MAX},
        {"f(a, ')') and x[1] = ';'", SIZE_MAX},
        {"a -- ) ;", SIZE_MAX},
        {"a > 0); drop table t; --", 5},
        {"a; b", 1},
        {"(a", 2},
        {"a /* b", 6},
        {"'a", 0},
        {"\"a", 0},
        {"$x$ a $y$", 0},
        {"(a]", 2},
        {"a)(", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(fragments) / sizeof(fragments[0]); i++) {
        size_t at = 0;
        bool line_comment = false;
        const char *why = lex_check_fragment(str_from(fragments[i].text), &at, &line_comment);

        if ((why != NULL) != (fragments[i].at != SIZE_MAX) || (why && at != fragments[i].at))
            fail_msg("%s: %s at %zu", fragments[i].text, why ? why : "passes", at);
        assert_int_equal(line_comment, strstr(fragments[i].text, "--") && !why);
    }
}

static void renaming_leaves_strings_and_other_names_alone(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(lex_rename(&arena, "a + \"a\" + t.a + a(1) + 'a' + aa + A", "a", "\"B\""),
        "\"B\" + \"B\" + t.a + a(1) + 'a' + aa + \"B\"");
    assert_string_equal(lex_rename(&arena, "x > 0", "a", "b"), "x > 0");
    arena_free(&arena);
}

static void names_and_literals_are_quoted_as_the_server_does(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(quote_name(&arena, "plain_1"), "plain_1");
    assert_string_equal(quote_name(&arena, "camelCase"), "\"camelCase\"");
    assert_string_equal(quote_name(&arena, "select"), "\"select\"");
    assert_string_equal(quote_name(&arena, "name"), "name");
    assert_string_equal(quote_name(&arena, "1a"), "\"1a\"");
    assert_string_equal(quote_name(&arena, "a\"b"), "\"a\"\"b\"");
    assert_string_equal(quote_qualified(&arena, "public", "order"), "public.\"order\"");
    assert_string_equal(quote_literal(&arena, "it's"), "'it''s'");
    assert_string_equal(quote_literal(&arena, "a\\b"), "E'a\\\\b'");
    assert_string_equal(quote_literal(&arena, NULL), "NULL");
    arena_free(&arena);
}

static struct type read_type(struct arena *arena, const char *name)
{
    struct sql_script script;
    struct sql_error error;
    struct type type;
    const struct sql_node *target;

    if (!parse(arena, arena_printf(arena, "select null::%s", name), &script, &error))
        fail_msg("%s: %s", name, error.message);
    target = sql_first(sql_get(sql_as(script.statements.items[0].tree, "SelectStmt"), "targetList"));
    assert_true(type_read_builtin(
        arena, sql_get(sql_as(sql_get(sql_as(target, "ResTarget"), "val"), "TypeCast"), "typeName"), &type));
    return type;
}

static void types_have_the_names_that_format_type_prints(void **state)
{
    static const char *const types[][2] = {
        {"int", "integer"},
        {"int4", "integer"},
        {"bigint[]", "bigint[]"},
        {"varchar(50)", "character varying(50)"},
        {"char(3)", "character(3)"},
        {"text", "text"},
        {"numeric(12,2)", "numeric(12,2)"},
        {"decimal(5)", "numeric(5,0)"},
        {"numeric", "numeric"},
        {"timestamptz", "timestamp with time zone"},
        {"timestamp(3)", "timestamp(3) without time zone"},
        {"time(0) with time zone", "time(0) with time zone"},
        {"float(20)", "real"},
        {"double precision", "double precision"},
        {"interval day to second(3)", "interval day to second(3)"},
        {"interval(3)", "interval(3)"},
        {"interval", "interval"},
        {"bit varying(8)", "bit varying(8)"},
        {"bool", "boolean"},
        {"jsonb", "jsonb"},
        {"\"char\"", "\"char\""},
    };
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_string_equal(read_type(&arena, types[i][0]).text, types[i][1]);
    arena_free(&arena);
}

static void type_changes_are_told_apart_by_their_cost(void **state)
{
    static const struct {
        const char *from, *to;
        enum type_change change;
    } changes[] = {
        {"int", "int4", TYPE_CHANGE_NONE},
        {"varchar(50)", "varchar(80)", TYPE_CHANGE_RELABEL},
        {"varchar(50)", "text", TYPE_CHANGE_RELABEL},
        {"varchar(50)", "varchar(20)", TYPE_CHANGE_REWRITE},
        {"text", "varchar(10)", TYPE_CHANGE_REWRITE},
        {"text", "varchar", TYPE_CHANGE_RELABEL},
        {"int", "bigint", TYPE_CHANGE_REWRITE},
        {"numeric(10,2)", "numeric(12,2)", TYPE_CHANGE_RELABEL},
        {"numeric(10,2)", "numeric(12,4)", TYPE_CHANGE_REWRITE},
        {"numeric(10,2)", "numeric", TYPE_CHANGE_RELABEL},
        {"timestamp", "timestamptz", TYPE_CHANGE_RELABEL_UTC},
        {"timestamp(3)", "timestamp(6)", TYPE_CHANGE_RELABEL},
        {"cidr", "inet", TYPE_CHANGE_RELABEL},
        {"int[]", "bigint[]", TYPE_CHANGE_REWRITE},
        {"json", "jsonb", TYPE_CHANGE_REWRITE},
    };
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct type from = read_type(&arena, changes[i].from), to = read_type(&arena, changes[i].to);

        if (type_change(&from, &to) != changes[i].change)
            fail_msg("%s to %s: %d", changes[i].from, changes[i].to, (int)type_change(&from, &to));
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_told_apart_with_their_offsets),
        cmocka_unit_test(empty_text_is_a_script_without_statements),
        cmocka_unit_test(errors_are_at_the_byte_behind_wide_characters),
        cmocka_unit_test(locations_in_the_tree_are_bytes),
        cmocka_unit_test(what_the_parser_cannot_take_is_refused_before),
        cmocka_unit_test(long_statements_are_not_taken_for_deep_ones),
        cmocka_unit_test(tokens_follow_postgres),
        cmocka_unit_test(fragments_cannot_leave_their_place),
        cmocka_unit_test(renaming_leaves_strings_and_other_names_alone),
        cmocka_unit_test(names_and_literals_are_quoted_as_the_server_does),
        cmocka_unit_test(types_have_the_names_that_format_type_prints),
        cmocka_unit_test(type_changes_are_told_apart_by_their_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
