#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/base/base64.h"
#include "spec/base/decimal.h"
#include "spec/event/value.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* `x` in the texts of this file stands for "x". */
static struct str quoted(const char *text)
{
    char *copy = arena_strdup(&arena, text);

    for (char *at = copy; *at; at++) {
        if (*at == '`')
            *at = '"';
    }
    return str_from(copy);
}

static struct json *json(const char *text)
{
    struct json_error error;
    struct json *result = json_read(&arena, quoted(text), JSON_ALLOW_NUL, &error);

    if (!result)
        fail_msg("%s: %s", text, error.message);
    return result;
}

/* The text of a value, with ` for ". */
static const char *written(const struct json *value)
{
    struct strbuf out = STRBUF_INIT;
    struct str text;

    json_write(&out, value);
    for (size_t i = 0; i < out.len; i++) {
        if (out.data[i] == '"')
            out.data[i] = '`';
    }
    text = strbuf_copy(&out, &arena);
    strbuf_free(&out);
    return text.data;
}

static const struct event_value *item(const char *text)
{
    const struct event_value *value;
    struct error error;

    if (!event_item_from_dynamodb(&arena, json(text), &value, &error))
        fail_msg("%s: %s", text, error.message);
    return value;
}

static const struct event_value *plain(const char *text)
{
    return event_value_from_json(&arena, json(text));
}

/* --- DynamoDB's form ---------------------------------------------------------------------------------------------- */

static void an_item_comes_out_byte_for_byte(void **state)
{
    static const char text[] =
        "{`s`:{`S`:`caf\xc3\xa9\\u0000x`},`n`:{`N`:`1.50`},`big`:{`N`:`12345678901234567890123456789012345678`},"
        "`b`:{`B`:`AAEC/w==`},`t`:{`BOOL`:true},`f`:{`BOOL`:false},`z`:{`NULL`:true},"
        "`l`:{`L`:[{`N`:`1`},{`S`:``},{`L`:[]}]},`m`:{`M`:{`x`:{`M`:{}}}},"
        "`ss`:{`SS`:[`b`,`a`]},`ns`:{`NS`:[`2`,`1.0`]},`bs`:{`BS`:[`AA==`,`AQ==`]}}";

    (void)state;
    assert_string_equal(written(event_item_to_dynamodb(&arena, item(text))), text);
}

static void what_is_not_a_dynamodb_value_is_refused_and_named(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"{`a`:`x`}", "it must be an object with one member"},
        {"{`a`:{`S`:`x`,`N`:`1`}}", "it must be an object with one member"},
        {"{`a`:{}}", "it must be an object with one member"},
        {"{`a`:{`X`:`x`}}", "'X' is not a type"},
        {"{`a`:{`S`:1}}", "must be a string"},
        {"{`a`:{`N`:`one`}}", "'one' is not a number"},
        {"{`a`:{`N`:``}}", "'' is not a number"},
        {"{`a`:{`N`:`123456789012345678901234567890123456789`}}", "more than 38 digits"},
        {"{`a`:{`N`:`1E126`}}", "out of range"},
        {"{`a`:{`N`:`1E-131`}}", "out of range"},
        {"{`a`:{`B`:`AAE`}}", "must be base 64"},
        {"{`a`:{`B`:`AAF=`}}", "must be base 64"},
        {"{`a`:{`BOOL`:`true`}}", "must be true or false"},
        {"{`a`:{`NULL`:false}}", "must be true"},
        {"{`a`:{`L`:{}}}", "must be an array"},
        {"{`a`:{`M`:[]}}", "must be an object"},
        {"{`a`:{`SS`:[]}}", "not empty"},
        {"{`a`:{`SS`:[`x`,`x`]}}", "twice"},
        {"{`a`:{`NS`:[`1`,`1.0`]}}", "twice"},
        {"[]", "must be an object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct event_value *value;
        struct error error = {0};

        if (event_item_from_dynamodb(&arena, json(cases[i].text), &value, &error))
            fail_msg("%s was accepted", cases[i].text);
        if (!strstr(error.message, cases[i].message))
            fail_msg("%s gave '%s'", cases[i].text, error.message);
    }
}

/* The writers without trees give the texts of the trees. */
static void values_are_written_as_their_trees_are(void **state)
{
    static const char *const items[] = {
        "{}",
        "{`a`:{`S`:``},`b`:{`N`:`1.50`},`c`:{`N`:`+007`},`d`:{`N`:`.5`},`e`:{`B`:`AAEC`},`f`:{`NULL`:true}}",
        "{`s`:{`SS`:[`b`,`a`]},`n`:{`NS`:[`1.0`,`+2`]},`b`:{`BS`:[`AA==`,``]},`t`:{`BOOL`:true},`u`:{`BOOL`:false}}",
        "{`l`:{`L`:[{`M`:{}},{`L`:[]},{`M`:{`x\\n`:{`S`:`\\u007f\\u0000 \u00fc`}}}]},`n`:{`N`:`12345678901234567890123456789012345678`}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
        struct strbuf tree = STRBUF_INIT, plain = STRBUF_INIT;
        const struct event_value *value;
        struct error error;

        assert_true(event_item_from_dynamodb(&arena, json(items[i]), &value, &error));
        json_write(&tree, event_item_to_dynamodb(&arena, value));
        event_item_write_dynamodb(&plain, value);
        assert_string_equal(plain.data, tree.data);
        strbuf_clear(&tree);
        strbuf_clear(&plain);
        json_write(&tree, event_value_to_json(&arena, value));
        event_value_write_json(&plain, value);
        assert_string_equal(plain.data, tree.data);
        strbuf_free(&tree);
        strbuf_free(&plain);
    }
}

static void the_limits_of_numbers_are_those_of_dynamodb(void **state)
{
    (void)state;
    item("{`a`:{`N`:`9.9999999999999999999999999999999999999E125`}}");
    item("{`a`:{`N`:`-1E-130`}}");
    item("{`a`:{`N`:`100000000000000000000000000000000000000000000000000`}}");
    item("{`a`:{`N`:`0000.00`}}");
}

/* --- plain JSON --------------------------------------------------------------------------------------------------- */

static void plain_json_comes_back_with_the_text_of_its_numbers(void **state)
{
    static const char text[] = "{`a`:[1.50,1e400,-0,12345678901234567890123456789012345678901234567890],`b`:null,"
                               "`c`:{`d`:true,`e`:`x`}}";

    (void)state;
    assert_string_equal(written(event_value_to_json(&arena, plain(text))), text);
}

static void sets_and_binary_become_arrays_and_base64_in_plain_json(void **state)
{
    const struct event_value *value =
        item("{`b`:{`B`:`AAEC`},`ss`:{`SS`:[`x`]},`ns`:{`NS`:[`1.5`]},`n`:{`N`:`+01.50`},`p`:{`N`:`.5`}}");

    (void)state;
    assert_string_equal(
        written(event_value_to_json(&arena, value)), "{`b`:`AAEC`,`ss`:[`x`],`ns`:[1.5],`n`:1.5,`p`:0.5}");
}

/* --- equality ----------------------------------------------------------------------------------------------------- */

static void numbers_are_equal_by_value_and_maps_and_sets_regardless_of_order(void **state)
{
    (void)state;
    assert_true(event_value_equal(plain("[1.0, 100, 0.0]"), plain("[1, 1E2, -0]")));
    assert_false(event_value_equal(
        plain("12345678901234567890123456789012345678"), plain("12345678901234567890123456789012345679")));
    assert_true(event_value_equal(plain("{`a`:1,`b`:{`c`:2,`d`:3}}"), plain("{`b`:{`d`:3,`c`:2},`a`:1}")));
    assert_false(event_value_equal(plain("{`a`:1,`b`:2}"), plain("{`a`:1,`c`:2}")));
    assert_false(event_value_equal(plain("[1,2]"), plain("[2,1]")));
    assert_false(event_value_equal(plain("true"), plain("false")));
    assert_false(event_value_equal(plain("`1`"), plain("1")));
    assert_true(event_value_equal(item("{`s`:{`NS`:[`1`,`2`]}}"), item("{`s`:{`NS`:[`2.0`,`1`]}}")));
    assert_false(event_value_equal(item("{`s`:{`SS`:[`1`]}}"), item("{`s`:{`NS`:[`1`]}}")));
    assert_false(event_value_equal(item("{`s`:{`L`:[{`S`:`1`}]}}"), item("{`s`:{`SS`:[`1`]}}")));
}

static const struct event_value *number_set(size_t count, bool backwards)
{
    struct strbuf text = STRBUF_INIT;
    const struct event_value *value;

    strbuf_append_text(&text, "{`s`:{`NS`:[");
    for (size_t i = 0; i < count; i++)
        strbuf_printf(&text, "%s`%zu`", i ? "," : "", backwards ? count - i : i + 1);
    strbuf_append_text(&text, "]}}");
    value = item(text.data);
    strbuf_free(&text);
    return value;
}

static void large_sets_are_compared_without_searching_each_element(void **state)
{
    (void)state;
    assert_true(event_value_equal(number_set(20000, false), number_set(20000, true)));
    assert_false(event_value_equal(number_set(20000, false), number_set(20001, true)));
}

/* --- size --------------------------------------------------------------------------------------------------------- */

static void sizes_follow_dynamodbs_rules(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"{}", 0},
        {"{`name`:{`S`:`caf\xc3\xa9`}}", 4 + 5},
        {"{`a`:{`NULL`:true}}", 2},
        {"{`a`:{`BOOL`:false}}", 2},
        {"{`a`:{`B`:`AAEC`}}", 1 + 3},
        {"{`a`:{`N`:`0`}}", 1 + 1},
        {"{`a`:{`N`:`27`}}", 1 + 2},
        {"{`a`:{`N`:`-27`}}", 1 + 3},
        {"{`a`:{`N`:`461`}}", 1 + 3},
        {"{`a`:{`N`:`100000000`}}", 1 + 2},
        {"{`a`:{`N`:`12345678901234567890123456789012345678`}}", 1 + 20},
        {"{`a`:{`L`:[]}}", 1 + 3},
        {"{`a`:{`L`:[{`S`:`xy`},{`NULL`:true}]}}", 1 + 3 + (1 + 2) + (1 + 1)},
        {"{`a`:{`M`:{`bc`:{`S`:`xy`}}}}", 1 + 3 + 1 + 2 + 2},
        {"{`a`:{`SS`:[`xy`,`z`]}}", 1 + 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t size = event_item_size(item(cases[i].text));

        if (size != cases[i].size)
            fail_msg("%s is %zu bytes, not %zu", cases[i].text, size, cases[i].size);
    }
}

/* --- decimals ----------------------------------------------------------------------------------------------------- */

static struct decimal decimal(const char *text)
{
    struct decimal value;

    if (!decimal_parse(str_from(text), &value))
        fail_msg("'%s' is not a number", text);
    return value;
}

static void decimals_compare_exactly_at_any_length(void **state)
{
    static const struct {
        const char *less, *more;
    } cases[] = {
        {"-1e1000000", "-1"},
        {"0", "1e-1000000"},
        {"9.999999999999999999999999999999999999999999", "10"},
        {"1.1", "1.10000000000000000000000000000000000000001"},
        {"1e1000000", "2e1000000"},
        {"99e99", "1e101"},
        {"-2", "-1.5"},
        {"1E99999999999999999999", "1.5E99999999999999999999"},
    };
    struct decimal left, right;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        left = decimal(cases[i].less);
        right = decimal(cases[i].more);
        if (decimal_compare(&left, &right) >= 0 || decimal_compare(&right, &left) <= 0)
            fail_msg("%s is not less than %s", cases[i].less, cases[i].more);
    }
    left = decimal("-000.100e1");
    right = decimal("-1");
    assert_int_equal(decimal_compare(&left, &right), 0);
}

static void multiples_are_judged_exactly(void **state)
{
    static const struct {
        const char *value, *divisor;
        bool is_multiple;
    } cases[] = {
        {"4.5", "1.5", true},
        {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false},
        {"19.99", "0.01", true},
        {"1e308", "0.123456789", false},
        {"1e308", "0.00128", true},
        {"1e308", "7", false},
        {"0", "3", true},
        {"-9", "3", true},
        {"1e1000000", "1024", true},
        {"1e9", "1024", false},
        {"12345678901234567890123456789012345678", "2", true},
        {"121932631137021795226185032733622923332237463801111263526900", "987654321098765432109876543210", true},
        {"121932631137021795226185032733622923332237463801111263526901", "987654321098765432109876543210", false},
        {"7", "1", true},
        {"7.5", "1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct decimal value = decimal(cases[i].value);
        struct decimal divisor = decimal(cases[i].divisor);

        if (decimal_is_multiple(&value, &divisor) != cases[i].is_multiple)
            fail_msg("%s by %s", cases[i].value, cases[i].divisor);
    }
}

static void decimals_are_printed_as_json_numbers(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"+007", "7"},
        {".5", "0.5"},
        {"5.", "5"},
        {"-0", "0"},
        {"-12.340", "-12.34"},
        {"1e3", "1000"},
        {"1.25e-3", "0.00125"},
        {"12e100", "1.2E+101"},
        {"1e-100", "1E-100"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct decimal value = decimal(cases[i].text);

        assert_string_equal(decimal_print(&arena, &value).data, cases[i].printed);
    }
}

static void texts_that_are_no_numbers_are_refused(void **state)
{
    static const char *const cases[] = {
        "", "-", ".", "1..2", "1e", "1e+", "e1", " 1", "1 ", "0x1", "1,5", "NaN", "--1"};
    struct decimal value;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (decimal_parse(str_from(cases[i]), &value))
            fail_msg("'%s' was accepted", cases[i]);
    }
}

/* --- base 64 ------------------------------------------------------------------------------------------------------ */

static void base64_is_the_inverse_of_itself_and_strict(void **state)
{
    static const char *const texts[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy", "+/8="};
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm 9", "Zm9v\n", "-_8="};
    struct str bytes;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_true(base64_decode(&arena, str_from(texts[i]), BASE64_STRICT, &bytes));
        assert_true(str_is(base64_encode(&arena, bytes), texts[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (base64_decode(&arena, str_from(bad[i]), BASE64_STRICT, &bytes))
            fail_msg("'%s' was accepted", bad[i]);
    }
    assert_true(base64_decode(&arena, STR("Zg"), BASE64_TOLERANT, &bytes));
    assert_true(str_is(bytes, "f"));
    assert_false(base64_decode(&arena, STR("Zm 9"), BASE64_TOLERANT, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_item_comes_out_byte_for_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_a_dynamodb_value_is_refused_and_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_written_as_their_trees_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_limits_of_numbers_are_those_of_dynamodb, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plain_json_comes_back_with_the_text_of_its_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_and_binary_become_arrays_and_base64_in_plain_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            numbers_are_equal_by_value_and_maps_and_sets_regardless_of_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_sets_are_compared_without_searching_each_element, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_follow_dynamodbs_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decimals_compare_exactly_at_any_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(multiples_are_judged_exactly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(decimals_are_printed_as_json_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_that_are_no_numbers_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(base64_is_the_inverse_of_itself_and_strict, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
