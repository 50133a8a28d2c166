#include "tests/unit/spec_cel_sample.h"

static void assert_result(const char *text, const char *wanted)
{
    const char *got = sample_eval_in(&sample_env, text, CEL_COST_DEFAULT);

    if (strcmp(got, wanted) != 0)
        fail_msg("%s: %s, not %s", text, got, wanted);
}

static void matches_finds_a_pattern_anywhere_in_the_text(void **state)
{
    (void)state;
    assert_result("event.sku.matches('[0-9]')", "true");
    assert_result("event.sku.matches(r'^\\d')", "false");
    assert_result("matches(event.sku, r'^[A-Z]-\\d$')", "true");
    assert_result("'mañana'.matches('(?i)^MAÑ.na$')", "true");
    assert_result("['red', 'green'].filter(x, x.matches('ee|x'))", "[\"green\"]");
    assert_result("'a\\nb'.matches('^a$')", "false");
    assert_result("'a\\nb'.matches('(?m)^a$')", "true");
    assert_result("''.matches('')", "true");
}

static void a_pattern_may_be_computed(void **state)
{
    (void)state;
    assert_result("event.tags.all(t, 'red or big'.matches(r'\\b' + t + r'\\b'))", "true");
    assert_result("event.tags.exists(t, event.sku.matches('^' + t))", "false");
    assert_result("'x'.matches(event.sku + '(')",
        "run: 0['x'.matches(event.sku + '(')] the pattern is wrong at its byte 4: missing closing parenthesis");
    assert_result("'x'.matches('(?=' + event.sku)",
        "run: 0['x'.matches('(?=' + event.sku)] the pattern is wrong at its byte 0: looking ahead and behind is not "
        "supported");
    assert_result("'x'.matches(event.sku + '(') || true", "true");
}

static void a_constant_pattern_that_is_wrong_is_found_before_the_run(void **state)
{
    struct cel_env unchecked = sample_env;

    (void)state;
    assert_result("event.sku.matches('a{,3}')", "check: 18['a{,3}'] the pattern is wrong at its byte 1: a repetition "
                                                "without its least count (write {0,n}, or \\{ where the brace stands "
                                                "for itself)");
    assert_result("event.sku.matches(r'(a)\\1')",
        "check: 18[r'(a)\\1'] the pattern is wrong at its byte 3: references to groups are not supported");
    unchecked.unchecked = true;
    assert_string_equal(sample_eval_in(&unchecked, "true || 'x'.matches('a(b')", 1000), "true");
    assert_non_null(strstr(sample_eval_in(&unchecked, "'x'.matches('a(b')", 1000), "run: "));
}

static void searches_are_paid_for_by_what_they_do(void **state)
{
    static const char little[] = "event.sku.matches('^A')", computed[] = "event.sku.matches('^A' + '')",
                      much[] = "cel.bind(a, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', "
                               "(a + a + a + a + a + a + a + a).matches('(a*)*[b-z]'))",
                      failing[] = "[1, 2, 3, 4, 5, 6, 7, 8, 9].exists(x, 'a'.matches('(' + string(x)))";

    (void)state;
    assert_string_equal(sample_eval_in(&sample_env, little, 20), "true");
    assert_non_null(strstr(sample_eval_in(&sample_env, computed, 100), "the evaluation costs more than 100 steps"));
    assert_string_equal(sample_eval_in(&sample_env, computed, 200), "true");
    assert_non_null(strstr(sample_eval_in(&sample_env, much, 1000000), "the evaluation costs more than 1000000 steps"));
    assert_non_null(strstr(sample_eval_in(&sample_env, failing, 1000), "the evaluation costs more than 1000 steps"));
    assert_non_null(strstr(sample_eval_in(&sample_env, failing, 2000), "the pattern is wrong"));
}

static void a_search_that_needs_too_much_memory_is_an_error(void **state)
{
    static const char text[] =
        "cel.bind(a, "
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', "
        "cel.bind(b, a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a, cel.bind(c, b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b, "
        "(c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c).matches('^(a|b)*$'))))";

    (void)state;
    assert_non_null(strstr(sample_eval_in(&sample_env, text, CEL_COST_DEFAULT),
        "matching the pattern takes too much memory (repeat single characters or classes, [ab]*, rather than groups, "
        "(a|b)*)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(matches_finds_a_pattern_anywhere_in_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pattern_may_be_computed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_constant_pattern_that_is_wrong_is_found_before_the_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(searches_are_paid_for_by_what_they_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_search_that_needs_too_much_memory_is_an_error, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("cel: matches()", tests, NULL, NULL);
}
