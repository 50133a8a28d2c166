#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/event/json_schema.h"
#include "spec/event/uri.h"

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

static struct json_schema *compiled(const char *text)
{
    struct json_schema_error error;
    struct json_schema *schema;

    if (!json_schema_compile(&arena, json(text), NULL, NULL, &schema, &error))
        fail_msg("%s: %s at '%s'", text, error.message, error.schema_pointer);
    return schema;
}

static void assert_invalid(const char *schema_text, const char *value, const char *schema_pointer,
    const char *instance_pointer, const char *message)
{
    struct json_schema_error error;
    struct json_schema *schema = compiled(schema_text);

    if (json_schema_validate(schema, &arena, json(value), &error))
        fail_msg("%s is valid under %s", value, schema_text);
    assert_string_equal(error.message, message);
    assert_string_equal(error.schema_pointer, schema_pointer);
    assert_string_equal(error.instance_pointer, instance_pointer);
}

static void assert_valid(const char *schema_text, const char *value)
{
    struct json_schema_error error;
    struct json_schema *schema = compiled(schema_text);

    if (!json_schema_validate(schema, &arena, json(value), &error))
        fail_msg("%s: %s at '%s' of '%s'", value, error.message, error.instance_pointer, error.schema_pointer);
}

static void a_violation_names_the_place_in_the_value_and_in_the_schema(void **state)
{
    static const char schema[] =
        "{`type`:`object`,`required`:[`sku`],`additionalProperties`:false,`properties`:{`sku`:{`type`:"
        "`string`,`minLength`:2},`lines`:{`items`:{`$ref`:`#/$defs/a~1b`}}},`$defs`:{`a/b`:{`properties`:{"
        "`n`:{`type`:`integer`}}}}}";

    (void)state;
    assert_valid(schema, "{`sku`:`ab`,`lines`:[{`n`:2.0}]}");
    assert_invalid(schema, "{}", "/required", "", "lacks the property 'sku'");
    assert_invalid(schema, "{`sku`:1}", "/properties/sku/type", "/sku", "must be of type string, and is a number");
    assert_invalid(
        schema, "{`sku`:`\xc3\xa9`}", "/properties/sku/minLength", "/sku", "has 1 characters, and needs at least 2");
    assert_invalid(
        schema, "{`sku`:`ab`,`x/y`:1}", "/additionalProperties", "/x~1y", "is a property that is not allowed");
    assert_invalid(schema, "{`sku`:`ab`,`lines`:[{},{`n`:1.5}]}", "/$defs/a~1b/properties/n/type", "/lines/1/n",
        "must be of type integer, and is a number with a fraction");
}

static void a_wrong_schema_is_refused_and_its_place_named(void **state)
{
    static const struct {
        const char *text, *pointer, *message;
    } cases[] = {
        {"[]", "", "a schema must be an object, true or false"},
        {"{`properties`:{`a`:1}}", "/properties/a", "a schema must be an object, true or false"},
        {"{`type`:`text`}", "/type", "'type' must be null, boolean"},
        {"{`properties`:[]}", "/properties", "this keyword needs an object of schemas"},
        {"{`$defs`:{`x`:{`minLength`:-1}}}", "/$defs/x/minLength", "'minLength' must be a whole number"},
        {"{`required`:[`a`,`a`]}", "/required", "'required' must be an array without duplicates"},
        {"{`multipleOf`:0}", "/multipleOf", "'multipleOf' must be a number above 0"},
        {"{`pattern`:`(`}", "/pattern", "'(' is not a regular expression"},
        {"{`patternProperties`:{`[`:{}}}", "/patternProperties", "'[' is not a regular expression"},
        {"{`$ref`:`#/$defs/no`}", "/$ref", "there is nothing at '/$defs/no'"},
        {"{`$ref`:`#no`}", "/$ref", "there is no anchor 'no'"},
        {"{`$ref`:`http://example.com/x`}", "/$ref", "nothing is fetched from the network"},
        {"{`$ref`:`#/%zz`}", "/$ref", "is not a URI"},
        {"{`$schema`:`http://json-schema.org/draft-07/schema#`}", "/$schema", "is not supported"},
        {"{`$id`:`http://x/#y`}", "/$id", "must not have a fragment"},
        {"{`$defs`:{`a`:{`$anchor`:`x`},`b`:{`$anchor`:`x`}}}", "/$defs/b/$anchor", "is there twice"},
        {"{`allOf`:[]}", "/allOf", "'allOf' must be an array that is not empty"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct json_schema_error error = {.message = ""};
        struct json_schema *schema;

        if (json_schema_compile(&arena, json(cases[i].text), NULL, NULL, &schema, &error))
            fail_msg("%s was accepted", cases[i].text);
        if (strcmp(error.schema_pointer, cases[i].pointer) != 0 || !strstr(error.message, cases[i].message))
            fail_msg("%s: %s at '%s'", cases[i].text, error.message, error.schema_pointer);
    }
}

static void numbers_are_compared_by_all_their_digits(void **state)
{
    (void)state;
    assert_invalid("{`const`:12345678901234567890123}", "12345678901234567890124", "/const", "",
        "is not the one value that is allowed");
    assert_valid("{`const`:1.50}", "1.5");
    assert_invalid("{`maximum`:0.1}", "0.10000000000000000000001", "/maximum", "", "is more than the maximum");
    assert_valid("{`multipleOf`:0.01}", "1234567890123456789.99");
    assert_invalid(
        "{`multipleOf`:0.01}", "1234567890123456789.999", "/multipleOf", "", "is not a multiple of what it must be");
    assert_invalid("{`uniqueItems`:true}", "[1,{`a`:1,`b`:2},{`b`:2.0,`a`:1e0}]", "/uniqueItems", "",
        "has the same element twice");
}

static void a_schema_that_applies_itself_without_end_is_an_error_and_not_a_hang(void **state)
{
    (void)state;
    assert_invalid("{`$ref`:`#`}", "1", "", "", "schemas apply one another without end, or too deep");
    assert_invalid("{`not`:{`not`:{`$ref`:`#`}}}", "1", "", "", "schemas apply one another without end, or too deep");
}

static void a_schema_that_multiplies_its_work_is_stopped(void **state)
{
    struct strbuf text = STRBUF_INIT;

    (void)state;
    strbuf_append_text(&text, "{`$defs`:{`d0`:{`type`:`string`}");
    for (int i = 1; i < 60; i++)
        strbuf_printf(&text, ",`d%d`:{`anyOf`:[{`$ref`:`#/$defs/d%d`},{`$ref`:`#/$defs/d%d`}]}", i, i - 1, i - 1);
    strbuf_append_text(&text, "},`$ref`:`#/$defs/d59`}");
    {
        struct json_schema_error error;
        struct json_schema *schema = compiled(text.data);

        assert_false(json_schema_validate(schema, &arena, json("1"), &error));
        assert_string_equal(error.message, "validating this value takes too much work");
    }
    strbuf_free(&text);
}

static void a_pattern_that_explodes_is_stopped(void **state)
{
    (void)state;
    assert_invalid("{`pattern`:`^(a+)+$`}", "`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!`",
        "/pattern", "", "matching the pattern takes too much work");
    /* and a failure inside 'not' is not a success */
    assert_invalid("{`not`:{`pattern`:`^(a+)+$`}}", "`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!`",
        "/not/pattern", "", "matching the pattern takes too much work");
}

static void schemas_are_checked_against_the_embedded_meta_schema(void **state)
{
    static const char meta[] = "{`$ref`:`https://json-schema.org/draft/2020-12/schema`}";

    (void)state;
    assert_valid(meta, "{`properties`:{`a`:{`minLength`:1}}}");
    assert_invalid(meta, "{`properties`:{`a`:{`minLength`:-1}}}",
        "https://json-schema.org/draft/2020-12/meta/validation#/$defs/nonNegativeInteger/minimum",
        "/properties/a/minLength", "is less than the minimum");
}

static void references_resolve_as_rfc_3986_has_it(void **state)
{
    /* Section 5.4. */
    static const struct {
        const char *reference, *target;
    } cases[] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct str target = uri_resolve(&arena, STR("http://a/b/c/d;p?q"), str_from(cases[i].reference));

        if (!str_is(target, cases[i].target))
            fail_msg("'%s' gave '%.*s'", cases[i].reference, STR_ARG(target));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_violation_names_the_place_in_the_value_and_in_the_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_schema_is_refused_and_its_place_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_compared_by_all_their_digits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_schema_that_applies_itself_without_end_is_an_error_and_not_a_hang, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_schema_that_multiplies_its_work_is_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pattern_that_explodes_is_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(schemas_are_checked_against_the_embedded_meta_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(references_resolve_as_rfc_3986_has_it, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
