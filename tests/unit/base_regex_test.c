#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/base/regex.h"

enum { LONG_BYTES = 400 * 1024 };

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

static struct regex *compiled(const char *pattern, enum regex_flavour flavour)
{
    struct regex_error error;
    struct regex *regex = regex_compile(&arena, str_from(pattern), flavour, &error);

    if (!regex)
        fail_msg("'%s': %zu: %s", pattern, error.offset, error.message);
    return regex;
}

static enum regex_result search(const char *pattern, enum regex_flavour flavour, struct str subject)
{
    uint64_t work = REGEX_WORK_MAX;

    return regex_search(compiled(pattern, flavour), subject, &work);
}

static void assert_both(const char *pattern, const char *subject, enum regex_result wanted)
{
    if (search(pattern, REGEX_FLAVOUR_RE2, str_from(subject)) != wanted)
        fail_msg("'%s' on '%s' as RE2", pattern, subject);
    if (search(pattern, REGEX_FLAVOUR_ECMA, str_from(subject)) != wanted)
        fail_msg("'%s' on '%s' as ECMA-262", pattern, subject);
}

static void assert_matches(const char *pattern, const char *subject)
{
    assert_both(pattern, subject, REGEX_MATCH);
}

static void assert_no_match(const char *pattern, const char *subject)
{
    assert_both(pattern, subject, REGEX_NO_MATCH);
}

static void patterns_are_found_anywhere_unless_anchored(void **state)
{
    (void)state;
    assert_matches("bc", "abcd");
    assert_matches("", "");
    assert_no_match("x", "");
    assert_matches("^ab", "abcd");
    assert_no_match("^bc", "abcd");
    assert_matches("cd$", "abcd");
    assert_no_match("bc$", "abcd");
    assert_no_match("d$", "abcd\n");
    assert_matches("(?m)b$", "b\na");
    assert_matches("(?m)^a", "b\na");
    assert_matches("(?m)b\\n^$", "b\n");
    assert_no_match("^a", "b\na");
    assert_matches("\\bcat\\b", "the cat sat");
    assert_no_match("\\bcat\\b", "concat");
    assert_matches("\\Bcat", "concat");
}

static void repetitions_choices_and_groups_work(void **state)
{
    (void)state;
    assert_matches("^a*b+c?$", "bb");
    assert_matches("^(ab|cd)*$", "abcdab");
    assert_no_match("^(ab|cd)+$", "abc");
    assert_matches("^a{2,3}$", "aaa");
    assert_no_match("^a{2,3}$", "aaaa");
    assert_matches("^a{2}$", "aa");
    assert_matches("^a{2,}$", "aaaaaa");
    assert_no_match("^a{2,}$", "a");
    assert_matches("^a{0}$", "");
    assert_matches("^(a*)*$", "aaaa");
    assert_matches("^(a|)*b$", "aab");
    assert_matches("^(?:x|(?<other>z))+$", "xz");
    assert_matches("^x{$", "x{");
    assert_matches("^.+?$", "abc");
    assert_matches("^(|a|b)c$", "bc");
}

static void classes_hold_characters_not_bytes(void **state)
{
    (void)state;
    assert_matches("^.$", "é");
    assert_no_match("^.$", "\n");
    assert_matches("(?s)^.$", "\n");
    assert_matches("^[à-ü]+$", "éà");
    assert_no_match("^[^é]$", "é");
    assert_matches("^[^a]$", "\n");
    assert_matches("^[a\\]\\\\]+$", "]\\");
    assert_matches("^\\d\\D\\w\\W\\s\\S$", "1aA- b");
    assert_matches("^[\\d\\s]+$", "1 2");
    assert_no_match("^\\w$", "é");
    assert_no_match("\\d", "٣");
    assert_matches("^\\p{L}\\P{L}\\pN$", "é-1");
    assert_matches("^\\v[\\v]$", "\v\v");
    assert_no_match("\\v", "\n");
    assert_matches("(?i)^éK[a-c]$", "Ék\x43");
    assert_matches("(?i)^k$", "\xe2\x84\xaa"); /* KELVIN SIGN */
    assert_no_match("(?i)a(?-i)b", "AB");
    assert_int_equal(search("^a\\x00b$", REGEX_FLAVOUR_RE2, (struct str){"a\0b", 3}), REGEX_MATCH);
    assert_int_equal(search("a.b", REGEX_FLAVOUR_RE2,
                         (struct str){"a\xff"
                                      "b",
                             3}),
        REGEX_NO_MATCH);
}

static void each_flavour_has_its_own_syntax(void **state)
{
    const enum regex_flavour re2 = REGEX_FLAVOUR_RE2, ecma = REGEX_FLAVOUR_ECMA;

    (void)state;
    assert_int_equal(search("\\Aab\\z", re2, STR("ab")), REGEX_MATCH);
    assert_int_equal(search("^[]a-]+$", re2, STR("]-a")), REGEX_MATCH);
    assert_int_equal(search("[]", ecma, STR("]")), REGEX_NO_MATCH);
    assert_int_equal(search("^[^]$", ecma, STR("\n")), REGEX_MATCH);
    assert_int_equal(search("^[[:alpha:]_[:digit:]]+$", re2, STR("a_1")), REGEX_MATCH);
    assert_int_equal(search("^[\\x41-\\x{43}]+$", re2, STR("ABC")), REGEX_MATCH);
    assert_int_equal(search("^\\x{1F600}$", re2, STR("😀")), REGEX_MATCH);
    assert_int_equal(search("^\\u00e9\\u{1F600}$", ecma, STR("é😀")), REGEX_MATCH);
    assert_int_equal(search("^\\Qa.b\\E+$", re2, STR("a.bb")), REGEX_MATCH);
    assert_int_equal(search("^(?P<n>y)+$", re2, STR("yy")), REGEX_MATCH);
    assert_int_equal(search("^(?<n>y|z)\\k<n>\\1$", ecma, STR("yyy")), REGEX_MATCH);
    assert_int_equal(search("^(?:(a)|b)\\1$", ecma, STR("b")), REGEX_MATCH);
    assert_int_equal(search("^(?!.*--)(?=a).(?<=a).*(?<!z)$", ecma, STR("abc")), REGEX_MATCH);
    assert_int_equal(search("[(?=)]", re2, STR("?")), REGEX_MATCH);
}

static void patterns_that_are_wrong_or_mean_something_else_to_pcre2_are_refused(void **state)
{
    const enum regex_flavour re2 = REGEX_FLAVOUR_RE2, ecma = REGEX_FLAVOUR_ECMA;
    const struct {
        enum regex_flavour flavour;
        const char *pattern;
        size_t offset;
        const char *message; /* NULL: it is PCRE2 that says so */
    } rows[] = {
        {re2, "a(b", 0, NULL},
        {re2, "ab)", 0, NULL},
        {re2, "[a-", 0, NULL},
        {re2, "[z-a]", 0, NULL},
        {re2, "*a", 0, NULL},
        {re2, "a{3,2}", 0, NULL},
        {re2, "a\\", 0, NULL},
        {re2, "\xff", 0, "the pattern is not UTF-8 here"},
        {re2, "a**", 2, "a repetition of a repetition"},
        {ecma, "a++", 2, "a repetition of a repetition"},
        {re2, "a{2}{3}", 4, "a repetition of a repetition"},
        {re2, "(a{2})??+", 8, "a repetition of a repetition"},
        {re2, "a{1001}", 1, "a repetition of more than 1000 times"},
        {re2, "a{,2}", 1, "a repetition without its least count"},
        {ecma, "a{ 1, 2}", 1, "a repetition without its least count"},
        {re2, "(a)\\1", 3, "references to groups are not supported"},
        {re2, "(?P=a)", 0, "unknown kind of group"},
        {re2, "(?=a)", 0, "looking ahead and behind is not supported"},
        {re2, "a(?!b)", 1, "looking ahead and behind is not supported"},
        {re2, "(?<=a)b", 0, "looking ahead and behind is not supported"},
        {re2, "(?>a)", 0, "unknown kind of group"},
        {ecma, "a(?R)", 1, "unknown kind of group"},
        {ecma, "(?|a)", 0, "unknown kind of group"},
        {re2, "(?x) a", 0, "unknown kind of group"},
        {ecma, "(?#a)", 0, "unknown kind of group"},
        {ecma, "a(?C1)", 1, "unknown kind of group"},
        {ecma, "(*UCP)a", 1, "nothing to repeat"},
        {re2, "\\q", 0, "RE2 has no such escape"},
        {re2, "a\\Z", 1, "RE2 has no such escape"},
        {re2, "\\h", 0, "RE2 has no such escape"},
        {re2, "[\\b]", 1, "RE2 has no such escape"},
        {ecma, "\\X", 0, "ECMA-262 has no such escape"},
        {ecma, "\\Aa\\z", 0, "ECMA-262 has no such escape"},
        {re2, "\\xZZ", 0, "\\x is not followed by a character's code"},
        {ecma, "\\x{41}", 0, "\\x is not followed by a character's code"},
        {ecma, "\\u00g0", 0, "\\u is not followed by a character's code"},
        {ecma, "[[:alpha:]]", 1, "ECMA-262 has no [:names:] of classes"},
        {re2, "[[:<:]]", 1, "RE2 has no such class"},
        {re2, "[[:nope:]]", 0, NULL},
        {re2, "(?i)[\\x{0}-\\x{10FFFF}]", 0, "a pattern that ignores case has ranges of more than 25,000 characters"},
        {re2, "(?i)[\\n-\\x{10FFFF}]", 0, "a pattern that ignores case has ranges of more than 25,000 characters"},
        {re2, "((a{100}b){100}){100}", 0, NULL},
        {re2, "((((){1000}){1000}){1000}){1000}", 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct regex_error error = {0};

        if (regex_compile(&arena, str_from(rows[i].pattern), rows[i].flavour, &error))
            fail_msg("'%s' is accepted", rows[i].pattern);
        if (!rows[i].message)
            assert_string_not_equal(error.message, "");
        else if (strcmp(error.message, rows[i].message) != 0 || error.offset != rows[i].offset)
            fail_msg("'%s': %zu: %s", rows[i].pattern, error.offset, error.message);
    }
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct str filled(const char *with)
{
    size_t len = strlen(with);
    char *text = arena_alloc(&arena, LONG_BYTES + 8);

    for (size_t i = 0; i < LONG_BYTES; i++)
        text[i] = with[i % len];
    return (struct str){text, LONG_BYTES / len * len};
}

static const char *many(const char *before, const char *format, int count, const char *after)
{
    struct strbuf text = STRBUF_INIT;
    const char *result;

    strbuf_append_text(&text, before);
    for (int i = 0; i < count; i++) {
        for (const char *at = format; *at; at++) {
            if (*at == '#')
                strbuf_printf(&text, "%d", i);
            else
                strbuf_append_char(&text, *at);
        }
    }
    strbuf_append_text(&text, after);
    result = strbuf_copy(&text, &arena).data;
    strbuf_free(&text);
    return result;
}

/*
 * Every pattern here makes a search without a budget take minutes or years, or did so with one way of counting or
 * another: by starting places, by calls, or by items alone.
 */
static void no_search_takes_more_than_its_work(void **state)
{
    const char *const patterns[] = {"(a+)+\\d", "^(a+)+$b|(a|a)*\\d", "(?:a|a)*\\d", "[a-z]+\\d", "\\w*\\d",
        "(?i)\\wb\\d", "(?i)bb\\d", "[a-z]{60000}", "(?<=\\d.{60000})x\\d", "(a*)\\1\\d", "(?i)(a*)\\1\\d",
        "(.*)\\1{30}\\d", "(?=(.*))\\1\\d", "(?m)^(.*a)+\\d$", "[\\p{L}\\p{N}_]+\\d", "(?i)[\\u0400-\\u04ff]+\\d",
        "(?:.|a){0,900}[é-ü]+\\d?\\d{2,}|", "(?<=a){0,5}(a|b){0,5}(?<=a){0,900}\\d", "((a?){100}){10}\\d",
        "a{0,1000}a{0,1000}a{0,1000}\\d", "(?:\\b|a)*\\d", "(?:(?:(?:a*)*)*)*\\d", "(?<n>a|(?<m>b))*\\k<m>\\d",
        many("", "()", 1200, "(a|a)*\\d\\1"), many("", "(?<n#>)", 1200, "(a|a)*\\d"), many("[", "ऀ-ंअ-आ", 1000, "]+\\d"),
        many("(?i)[", "Ḁ-ḃ", 2000, "]+\\d"), many("(?:a?|", "b?(?:a|b?", 90, many("", ")", 90, ")b*\\d"))};
    struct str subjects[] = {filled("a"), filled("B"), filled("ab"), filled("\xE9\x80\x80"), filled("\xCC\x80"),
        STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), {NULL, 20000}};

    (void)state;
    subjects[6].data = subjects[0].data;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct regex *regex = compiled(patterns[i], REGEX_FLAVOUR_ECMA);

        for (size_t j = 0; j < sizeof(subjects) / sizeof(subjects[0]); j++) {
            uint64_t work = REGEX_WORK_MAX;
            double start = seconds();

            regex_search(regex, subjects[j], &work);
            /* It is a fifth of that on a slow machine; without a budget, most are minutes. */
            if (seconds() - start > 2)
                fail_msg("'%.60s' on '%.10s': %.1f s", patterns[i], subjects[j].data, seconds() - start);
        }
    }
}

static void work_is_taken_in_proportion_and_runs_out(void **state)
{
    struct regex *quadratic, *linear;
    struct str text = filled("a");
    uint64_t work = REGEX_WORK_MAX, used;

    (void)state;
    quadratic = compiled("[a-z]+\\d", REGEX_FLAVOUR_RE2);
    linear = compiled("[a-z]\\d", REGEX_FLAVOUR_RE2);
    assert_int_equal(regex_search(quadratic, (struct str){text.data, 2000}, &work), REGEX_NO_MATCH);
    used = REGEX_WORK_MAX - work;
    work = REGEX_WORK_MAX;
    assert_int_equal(regex_search(quadratic, (struct str){text.data, 4000}, &work), REGEX_NO_MATCH);
    assert_in_range(REGEX_WORK_MAX - work, 3 * used, 4 * used);
    work = used - 1;
    assert_int_equal(regex_search(quadratic, (struct str){text.data, 2000}, &work), REGEX_LIMIT);
    assert_int_equal(work, 0);
    work = used + 1;
    assert_int_equal(regex_search(quadratic, (struct str){text.data, 2000}, &work), REGEX_NO_MATCH);
    work = REGEX_WORK_MAX;
    assert_int_equal(regex_search(linear, text, &work), REGEX_NO_MATCH);
    assert_in_range(REGEX_WORK_MAX - work, LONG_BYTES / 10, LONG_BYTES);
    work = 0;
    assert_int_equal(regex_search(linear, STR(""), &work), REGEX_LIMIT);
}

static void ordinary_patterns_work_on_long_subjects(void **state)
{
    struct str letters = filled("a"), json = filled("a\\\""), words = filled("some words ");

    (void)state;
    assert_int_equal(search("^[a-z]+$", REGEX_FLAVOUR_ECMA, letters), REGEX_MATCH);
    assert_int_equal(search("^[\\p{L} ]+$", REGEX_FLAVOUR_ECMA, words), REGEX_MATCH);
    assert_int_equal(search("(?i)^[A-Z ]+$", REGEX_FLAVOUR_RE2, words), REGEX_MATCH);
    assert_int_equal(search("x", REGEX_FLAVOUR_RE2, letters), REGEX_NO_MATCH);
    assert_int_equal(search("(?i)x", REGEX_FLAVOUR_RE2, letters), REGEX_NO_MATCH);
    assert_int_equal(search("^(?:\\w+ )*$", REGEX_FLAVOUR_ECMA, words), REGEX_MATCH);
    assert_int_equal(search("^(?:[^\"\\\\]|\\\\.)*$", REGEX_FLAVOUR_RE2, (struct str){json.data, 150000}), REGEX_MATCH);
}

static void a_search_with_too_many_places_to_go_back_to_is_stopped_with_work_left(void **state)
{
    struct regex *regex = compiled("^(?:a|b)*$", REGEX_FLAVOUR_RE2);
    uint64_t work = REGEX_WORK_MAX;

    (void)state;
    assert_int_equal(regex_search(regex, filled("a"), &work), REGEX_LIMIT);
    assert_true(work > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(patterns_are_found_anywhere_unless_anchored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(repetitions_choices_and_groups_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(classes_hold_characters_not_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_flavour_has_its_own_syntax, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            patterns_that_are_wrong_or_mean_something_else_to_pcre2_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_search_takes_more_than_its_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_is_taken_in_proportion_and_runs_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ordinary_patterns_work_on_long_subjects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_search_with_too_many_places_to_go_back_to_is_stopped_with_work_left, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("base: regular expressions", tests, NULL, NULL);
}
