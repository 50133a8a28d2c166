#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/base/diag.h"
#include "spec/base/digest.h"
#include "spec/base/error.h"

static const struct diag_code code_one = {"T001", DIAG_SEVERITY_ERROR, "title", "text"};
static const struct diag_code code_two = {"T002", DIAG_SEVERITY_WARNING, "title", "text"};

static void a_place_counts_lines_and_code_points_from_one(void **state)
{
    struct arena arena = ARENA_INIT;
    struct source *source = source_create(&arena, "x.yaml", STR("a: \xC3\xA9x\n\nlast"));
    struct location at = source_locate(source, 5);

    (void)state;
    assert_int_equal(at.line, 1);
    assert_int_equal(at.column, 5);
    at = source_locate(source, 8);
    assert_int_equal(at.line, 3);
    assert_int_equal(at.column, 1);
    at = source_locate(source, 4000);
    assert_int_equal(at.line, 3);
    assert_int_equal(at.column, 5);
    assert_int_equal(source_offset(source, 0, 4), 5);
    assert_int_equal(source_offset(source, 2, 0), 8);
    assert_int_equal(source_offset(source, 99, 0), 12);
    arena_free(&arena);
}

static void diagnostics_are_printed_in_order_of_place_with_caret_notes_and_help(void **state)
{
    struct arena arena = ARENA_INIT;
    struct diag_list list;
    struct source *source = source_create(&arena, "m.yaml", STR("first: 1\n\tsecond: \xC3\xA9 totl\n"));
    struct strbuf out = STRBUF_INIT;
    struct diag *diag;

    (void)state;
    diag_list_init(&list, &arena);
    diag = diag_report(&list, &code_one, (struct span){source, 21, 25}, "no column '%s'", "totl");
    diag_add_note(&list, diag, (struct span){source, 0, 5}, "the table is here");
    diag_add_help(&list, diag, "did you mean '%s'?", "total");
    diag_report(&list, &code_two, (struct span){source, 0, 5}, "bell\a here");
    diag_report(&list, &code_two, (struct span){source, 0, 5}, "bell\a here");
    diag_list_sort(&list);
    diag_list_print(&list, &out);
    assert_string_equal(out.data, "m.yaml:1:1: warning[T002]: bell? here\n"
                                  "     1 | first: 1\n"
                                  "       | ^~~~~\n"
                                  "m.yaml:2:12: error[T001]: no column 'totl'\n"
                                  "     2 |  second: \xC3\xA9 totl\n"
                                  "       |            ^~~~\n"
                                  "  note: m.yaml:1:1: the table is here\n"
                                  "  help: did you mean 'total'?\n");
    assert_int_equal(list.error_count, 1);
    assert_int_equal(list.warning_count, 1);
    strbuf_free(&out);
    arena_free(&arena);
}

static void a_long_line_is_cut_around_the_caret(void **state)
{
    struct arena arena = ARENA_INIT;
    struct diag_list list;
    struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
    struct source *source;

    (void)state;
    for (int i = 0; i < 500; i++)
        strbuf_append_text(&text, i == 250 ? "HERE" : "abcd");
    source = source_create(&arena, "long", strbuf_view(&text));
    diag_list_init(&list, &arena);
    diag_report(&list, &code_one, (struct span){source, 1000, 1004}, "x");
    diag_list_print(&list, &out);
    assert_non_null(strstr(out.data, "HERE"));
    assert_true(out.len < 500);
    strbuf_free(&out);
    strbuf_free(&text);
    arena_free(&arena);
}

static void sha_256_gives_the_digests_of_fips_180_4(void **state)
{
    (void)state;
    assert_string_equal(digest_of(STR("abc")).hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(digest_of(STR("")).hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(digest_is_hex(str_from(digest_of(STR("x")).hex)));
    assert_false(digest_is_hex(STR("ABCD")));
}

static void an_error_wraps_its_context_around_the_message(void **state)
{
    struct error error;

    (void)state;
    error.retryable = true;
    assert_false(error_set(&error, 31, "table '%s' is gone", "x"));
    assert_false(error.retryable);
    error_wrap(&error, "step %d", 7);
    error_help(&error, "run it again");
    assert_string_equal(error.message, "step 7: table 'x' is gone");
    assert_string_equal(error.help, "run it again");
    assert_int_equal(error.exit_status, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_counts_lines_and_code_points_from_one),
        cmocka_unit_test(diagnostics_are_printed_in_order_of_place_with_caret_notes_and_help),
        cmocka_unit_test(a_long_line_is_cut_around_the_caret),
        cmocka_unit_test(sha_256_gives_the_digests_of_fips_180_4),
        cmocka_unit_test(an_error_wraps_its_context_around_the_message),
    };

    return cmocka_run_group_tests_name("base: diagnostics", tests, NULL, NULL);
}
