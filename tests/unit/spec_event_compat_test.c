#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/event/compat.h"

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
static struct json *json(const char *text)
{
    struct json_error error;
    char *copy = arena_strdup(&arena, text);
    struct json *result;

    for (char *at = copy; *at; at++) {
        if (*at == '`')
            *at = '"';
    }
    result = json_read(&arena, str_from(copy), JSON_STRICT, &error);
    if (!result)
        fail_msg("%s: %s", text, error.message);
    return result;
}

static struct compat_report report_of(const char *before, const char *after)
{
    struct compat_report report = {{0}};
    bool compatible = compat_check_backward(&arena, json(before), json(after), &report);

    assert_int_equal(compatible, report.findings.count == 0);
    return report;
}

static void assert_compatible(const char *before, const char *after)
{
    struct compat_report report = report_of(before, after);

    if (report.findings.count)
        fail_msg("%s -> %s: %s: %s", before, after, report.findings.items[0].rule, report.findings.items[0].message);
}

/* The one finding. */
static void assert_finds(const char *before, const char *after, const char *rule, const char *old_pointer,
    const char *new_pointer, const char *message)
{
    struct compat_report report = report_of(before, after);
    const struct compat_finding *finding = report.findings.items;

    if (report.findings.count != 1)
        fail_msg("%s -> %s: %zu findings", before, after, report.findings.count);
    assert_string_equal(finding->rule, rule);
    assert_string_equal(finding->old_pointer, old_pointer);
    assert_string_equal(finding->new_pointer, new_pointer);
    if (!strstr(finding->message, message))
        fail_msg("%s: '%s' lacks '%s'", rule, finding->message, message);
    assert_true(strlen(finding->mend) > 10);
}

#define OPEN "{`properties`:{`a`:{`type`:`string`}}}"
#define PARTLY "{`properties`:{`a`:{`type`:`string`}},`additionalProperties`:{`type`:`integer`}}"
#define CLOSED "{`properties`:{`a`:{`type`:`string`}},`additionalProperties`:false}"

static void adding_a_property_is_judged_by_the_old_content_model(void **state)
{
    (void)state;
    assert_finds(OPEN, "{`properties`:{`a`:{`type`:`string`},`b`:{`type`:`number`}}}", "property_added_to_open_model",
        "", "/properties/b", "'b' could hold anything before");
    assert_compatible(OPEN, "{`properties`:{`a`:{`type`:`string`},`b`:{}}}");
    assert_compatible(PARTLY,
        "{`properties`:{`a`:{`type`:`string`},`b`:{`type`:`number`}},`additionalProperties`:{`type`:`integer`}}");
    assert_finds(PARTLY,
        "{`properties`:{`a`:{`type`:`string`},`b`:{`type`:`string`}},`additionalProperties`:{`type`:`integer`}}",
        "property_added_not_covered_by_partially_open_model", "/additionalProperties", "/properties/b",
        "could hold something else before");
    assert_compatible(
        CLOSED, "{`properties`:{`a`:{`type`:`string`},`b`:{`type`:`number`}},`additionalProperties`:false}");
}

static void removing_a_property_is_judged_by_the_new_content_model(void **state)
{
    (void)state;
    assert_compatible(OPEN, "{}");
    assert_compatible(CLOSED, "{`properties`:{}}");
    assert_finds(CLOSED, "{`additionalProperties`:false}", "property_removed_from_closed_model", "/properties/a",
        "/additionalProperties", "'a' was allowed before");
    assert_finds(CLOSED, "{`additionalProperties`:{`type`:`integer`}}",
        "property_removed_not_covered_by_partially_open_model", "/properties/a", "/additionalProperties",
        "'a' was allowed");
    assert_compatible("{`properties`:{`a`:false},`additionalProperties`:false}", "{`additionalProperties`:false}");
}

static void a_new_required_property_needs_a_default(void **state)
{
    (void)state;
    assert_finds(CLOSED, "{`properties`:{`a`:{`type`:`string`}},`required`:[`a`],`additionalProperties`:false}",
        "required_added", "", "/required", "'a' is required now");
    assert_compatible(CLOSED,
        "{`properties`:{`a`:{`type`:`string`},`b`:{`type`:`string`,`default`:`x`}},`required`:[`b`],"
        "`additionalProperties`:false}");
}

static void each_finding_names_both_places(void **state)
{
    (void)state;
    assert_finds("{`type`:[`string`,`null`]}", "{`type`:`string`}", "type_narrowed", "/type", "/type", "of type null");
    assert_finds("{`type`:`string`}", "{`type`:`integer`}", "type_changed", "/type", "/type", "of type string");
    assert_finds("{`type`:`number`}", "{`type`:`integer`}", "type_narrowed", "/type", "/type", "of type number");
    assert_finds("{`enum`:[1,2]}", "{`enum`:[1]}", "value_removed", "/enum", "/enum", "the value 2 was allowed before");
    assert_finds(
        "{`type`:`string`}", "{`type`:`string`,`enum`:[`a`]}", "values_restricted", "", "/enum", "free before");
    assert_finds("{`minimum`:1}", "{`minimum`:2}", "minimum_increased", "/minimum", "/minimum", "refuses numbers");
    assert_finds("{}", "{`exclusiveMaximum`:2}", "maximum_added", "", "/exclusiveMaximum", "refuses numbers");
    assert_finds("{`multipleOf`:4}", "{`multipleOf`:3}", "multiple_changed", "/multipleOf", "/multipleOf", "refuses");
    assert_finds("{}", "{`minLength`:1}", "min_length_increased", "", "/minLength", "refuses texts");
    assert_finds("{`pattern`:`^a`}", "{`pattern`:`^b`}", "pattern_changed", "/pattern", "/pattern", "may refuse texts");
    assert_finds("{}", "{`uniqueItems`:true}", "unique_items_added", "", "/uniqueItems", "equal elements");
    assert_finds("{`items`:{`type`:`number`}}", "{`items`:{`type`:`integer`}}", "type_narrowed", "/items/type",
        "/items/type", "of type number");
    assert_finds("{`prefixItems`:[{}]}", "{`prefixItems`:[{},{`type`:`string`}]}", "item_added_to_open_model", "",
        "/prefixItems/1", "at position 1");
    assert_finds("{}", "{`not`:{`type`:`null`}}", "not_extended", "", "/not", "excludes more");
    assert_finds("{`anyOf`:[{`type`:`string`},{`type`:`null`}]}", "{`anyOf`:[{`type`:`string`},{`type`:`boolean`}]}",
        "union_narrowed", "/anyOf/1", "/anyOf", "does not fit");
    assert_finds("{}", "false", "nothing_allowed", "", "", "nothing is allowed here");
    assert_finds("{`properties`:{`x`:{`properties`:{`y/z`:{`maxLength`:3}}}}}",
        "{`properties`:{`x`:{`properties`:{`y/z`:{`maxLength`:2}}}}}", "max_length_decreased",
        "/properties/x/properties/y~1z/maxLength", "/properties/x/properties/y~1z/maxLength", "refuses texts");
}

static void several_findings_are_reported_at_once(void **state)
{
    struct compat_report report =
        report_of("{`type`:`object`,`properties`:{`a`:{`type`:`string`},`b`:{`type`:`number`}}}",
            "{`type`:`object`,`properties`:{`a`:{`type`:`number`},`b`:{`type`:`number`,`minimum`:1},`c`:{`type`:`null`}"
            "},`required`:"
            "[`c`]}");

    (void)state;
    assert_int_equal(report.findings.count, 4);
    assert_string_equal(report.findings.items[0].rule, "type_changed");
    assert_string_equal(report.findings.items[1].rule, "minimum_added");
    assert_string_equal(report.findings.items[2].rule, "property_added_to_open_model");
    assert_string_equal(report.findings.items[3].rule, "required_added");
}

static void what_is_the_same_set_of_values_is_compatible_in_other_words(void **state)
{
    (void)state;
    assert_compatible("{`const`:1}", "{`enum`:[1.0,2]}");
    assert_compatible("{`type`:`integer`}", "{`type`:`number`,`multipleOf`:0.5}");
    assert_compatible("{`exclusiveMinimum`:5}", "{`minimum`:5}");
    assert_compatible("{`allOf`:[{`type`:`string`},{`minLength`:2}]}", "{`type`:`string`,`minLength`:1}");
    assert_compatible("{`type`:`string`}", "{`anyOf`:[{`type`:`null`},{`type`:`string`}]}");
    assert_compatible("{`type`:[`string`,`null`]}", "{`anyOf`:[{`type`:`null`},{`type`:`string`}]}");
    assert_compatible("{`$ref`:`#/$defs/x`,`$defs`:{`x`:{`type`:`integer`}}}", "{`type`:`number`}");
    assert_compatible("{`type`:`boolean`}", "{`enum`:[true,false]}");
    assert_compatible("{`type`:`string`}", "{`minimum`:5,`required`:[`a`]}");
    assert_compatible("{`type`:`array`,`prefixItems`:[{}],`items`:false}", "{`maxItems`:1,`uniqueItems`:true}");
}

#define TREE(value)                                                                                                    \
    "{`$ref`:`#/$defs/node`,`$defs`:{`node`:{`type`:`object`,`additionalProperties`:false,`properties`:{`value`:"      \
    "{`type`:`" value "`},`children`:{`type`:`array`,`items`:{`$ref`:`#/$defs/node`}}}}}}"

static void recursive_schemas_are_compared_to_the_end(void **state)
{
    (void)state;
    assert_compatible(TREE("integer"), TREE("number"));
    assert_finds(TREE("number"), TREE("integer"), "type_narrowed", "/$defs/node/properties/value/type",
        "/$defs/node/properties/value/type", "of type number");
}

static void a_wrong_schema_is_a_finding(void **state)
{
    (void)state;
    assert_finds("{`type`:`text`}", "{}", "schema_invalid", "/type", "", "the old schema is wrong");
    assert_finds("{}", "{`$ref`:`#/nowhere`}", "schema_invalid", "", "/$ref", "the new schema is wrong");
}

static void a_comparison_that_would_take_too_long_is_refused(void **state)
{
    struct strbuf text = STRBUF_INIT;
    struct compat_report report;

    (void)state;
    /* Twelve unions of six branches each: two thousand million combinations. */
    strbuf_append_text(&text, "{`allOf`:[");
    for (int i = 0; i < 12; i++) {
        strbuf_printf(&text, "%s{`anyOf`:[", i ? "," : "");
        for (int k = 0; k < 6; k++)
            strbuf_printf(&text, "%s{`minLength`:%d}", k ? "," : "", i * 10 + k + 1);
        strbuf_append_text(&text, "]}");
    }
    strbuf_append_text(&text, "]}");
    report = report_of(text.data, "{`maxLength`:5}");
    assert_int_equal(report.findings.count, 1);
    assert_string_equal(report.findings.items[0].rule, "too_complex");
    strbuf_free(&text);
}

static void modes_have_names(void **state)
{
    enum compat_mode mode;

    (void)state;
    assert_true(compat_mode_from_name(STR("full_transitive"), &mode));
    assert_int_equal(mode, COMPAT_FULL_TRANSITIVE);
    assert_true(compat_mode_from_name(STR("none"), &mode));
    assert_int_equal(mode, COMPAT_NONE);
    assert_false(compat_mode_from_name(STR("sideways"), &mode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(adding_a_property_is_judged_by_the_old_content_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removing_a_property_is_judged_by_the_new_content_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_required_property_needs_a_default, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_finding_names_both_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_findings_are_reported_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_the_same_set_of_values_is_compatible_in_other_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(recursive_schemas_are_compared_to_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_schema_is_a_finding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_comparison_that_would_take_too_long_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modes_have_names, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
