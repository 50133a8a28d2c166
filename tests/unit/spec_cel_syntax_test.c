#include "tests/unit/spec_cel_sample.h"

static void operators_bind_as_tightly_as_the_language_says(void **state)
{
    (void)state;
    assert_eval("1 + 2 * 3", "7");
    assert_eval("10 - 2 - 3", "5");
    assert_eval("1 + 1 == 2 && !false || false", "true");
    assert_eval("false ? 1 : true ? 2 : 3", "2");
    assert_eval("-2.0 * -3.0", "6.0");
    assert_eval("!(1 in [2]) ? 'a' : 'b'", "\"a\"");
    assert_eval("[1, 2,][1] + {'a': 1,}.a", "3");
}

static void literals_of_every_kind_are_read(void **state)
{
    (void)state;
    assert_eval("[0x1F, -0x10, 7u, 0xFu, 1.5e3, .5, 1e2]", "[31, -16, 7u, 15u, 1500.0, 0.5, 100.0]");
    assert_eval("-9223372036854775808", "-9223372036854775808");
    assert_eval("'a\\n\\x41\\u00e9\\U0001F600\\101'", "\"a\\nAé😀A\"");
    assert_eval("b'\\xff\\377é'", "b\"\\xff\\xff\\xc3\\xa9\"");
    assert_eval("r'a\\n' + R\"\\\\\"", "\"a\\\\n\\\\\\\\\"");
    assert_eval("'''it's \"it\"\n'' ok'''", "\"it's \\\"it\\\"\\n'' ok\"");
    assert_eval("[true, false, null]", "[true, false, null]");
    assert_eval("1 // a comment\n + 1 // and one more", "2");
}

static void names_that_are_reserved_can_be_fields(void **state)
{
    (void)state;
    assert_eval("{'if': 1}.if + {'a-b': 2}.`a-b`", "3");
    assert_eval("if", "check: 0[if] 'if' is a reserved word (it can only be a field: value.if)");
}

static void syntax_errors_name_the_byte_and_what_was_expected(void **state)
{
    (void)state;
    assert_eval("1 +", "check: 3[] the expression ends too early (expected a value, a name or '(' here)");
    assert_eval("(1", "check: 2[] the expression ends too early (expected ')' here)");
    assert_eval("'é' + + 1", "check: 7[+] unexpected '+' (expected a value, a name or '(' here)");
    assert_eval("1 2", "check: 2[2] unexpected '2' (expected an operator or the end here)");
    assert_eval("a = 1", "check: 2[=] '=' is not an operator (compare with '==')");
    assert_eval("true & true", "check: 5[&] '&' is not an operator (use '&&')");
    assert_eval("'abc",
        "check: 0['] a string is not closed on its line (close it with the same quote; write a line feed "
        "as \\n or use triple quotes)");
    assert_eval(
        "'''abc''", "check: 0['''] a string in triple quotes is not closed (close it with the same three quotes)");
    assert_eval("f(1,)", "check: 4[)] unexpected ')' (expected an argument here)");
    assert_eval("Order{id: 1}",
        "check: 0[Order{] messages such as 'Order{…}' cannot be built (build a map: {\"field\": value})");
    assert_eval("#", "check: 0[#] unexpected character");
}

static void wrong_literals_are_refused_where_they_stand(void **state)
{
    (void)state;
    assert_eval("1 + 9223372036854775808",
        "check: 4[9223372036854775808] '9223372036854775808' is too large for an int (ints "
        "have 64 bits; write 1u for a uint, decimal(\"1\") for a decimal)");
    assert_eval(
        "18446744073709551616u", "check: 0[18446744073709551616u] '18446744073709551616u' is too large for a uint");
    assert_eval("1e999", "check: 0[1e999] '1e999' is too large for a double");
    assert_non_null(strstr(sample_eval("'a\\q'"), "check: 2[\\q] '\\q' does not start a valid escape in a string"));
    assert_non_null(strstr(sample_eval("'\\ud800'"), "does not start a valid escape"));
    assert_non_null(strstr(sample_eval("b'\\u0041'"), "does not start a valid escape in bytes"));
    assert_eval("'a\xff'", "check: 2[\xff] the expression is not UTF-8 here");
}

static void macros_that_are_used_wrongly_show_their_usage(void **state)
{
    (void)state;
    assert_eval("has(event)",
        "check: 0[has(event)] has() takes one field selection (write has(value.field); for a key that is "
        "no name, 'key' in value)");
    assert_eval("[1].map(1, 2)",
        "check: 8[1] 'map' takes the name of a variable here (list.map(x, result) or list.map(x, "
        "condition, result))");
    assert_eval(
        "[1].filter(x)", "check: 0[[1].filter(x)] 'filter' does not take 1 argument (list.filter(x, condition))");
    assert_eval("{1: 2}.all(k, k, true)", "check: 14[k] the variables of 'all' have the same name (map.all(key, value, "
                                          "condition))");
}

static void deep_nesting_is_an_error_and_long_rows_are_not(void **state)
{
    struct strbuf text = STRBUF_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++)
        strbuf_append_char(&text, '(');
    assert_non_null(strstr(sample_eval(text.data), "nested deeper than 200 levels"));
    strbuf_clear(&text);
    for (int i = 0; i < 1000; i++)
        strbuf_append_char(&text, '!');
    assert_non_null(strstr(sample_eval(text.data), "nested deeper than 200 levels"));
    strbuf_clear(&text);
    strbuf_append_text(&text, "event");
    for (int i = 0; i < 1000; i++)
        strbuf_append_text(&text, ".a");
    assert_non_null(strstr(sample_eval(text.data), "nested deeper than 200 levels"));
    strbuf_clear(&text);
    for (int i = 0; i < 2000; i++)
        strbuf_append_text(&text, "false || ");
    strbuf_append_text(&text, "true");
    assert_eval(text.data, "true");
    strbuf_free(&text);
}

static void a_text_above_the_limit_is_refused(void **state)
{
    struct strbuf text = STRBUF_INIT;

    (void)state;
    for (int i = 0; i < CEL_TEXT_MAX_BYTES; i++)
        strbuf_append_char(&text, ' ');
    strbuf_append_char(&text, '1');
    assert_non_null(strstr(sample_eval(text.data), "the expression has 65537 bytes, more than 65536"));
    strbuf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(operators_bind_as_tightly_as_the_language_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(literals_of_every_kind_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_are_reserved_can_be_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(syntax_errors_name_the_byte_and_what_was_expected, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_literals_are_refused_where_they_stand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(macros_that_are_used_wrongly_show_their_usage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deep_nesting_is_an_error_and_long_rows_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_above_the_limit_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
