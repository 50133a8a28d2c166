#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spec/base/lines.h"

/* A pipe that holds the text and then ends. */
static int pipe_of(const char *text, size_t len)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, len), (ssize_t)len);
    close(ends[1]);
    return ends[0];
}

static void assert_line(struct lines *lines, const char *text, size_t number)
{
    struct str line;

    assert_int_equal(lines_next(lines, &line), LINES_LINE);
    assert_int_equal(line.len, strlen(text));
    assert_memory_equal(line.data, text, line.len);
    assert_int_equal(lines->number, number);
}

static void lines_end_with_lf_or_crlf_or_with_the_file(void **state)
{
    struct lines lines = {.max_bytes = 100};
    struct str line;

    (void)state;
    lines.fd = pipe_of("a\n\r\nb\r\n\nlast", 12);
    assert_false(lines_ready(&lines));
    assert_line(&lines, "a", 1);
    assert_true(lines_ready(&lines));
    assert_line(&lines, "", 2);
    assert_line(&lines, "b", 3);
    assert_line(&lines, "", 4);
    assert_false(lines_ready(&lines)); /* more may come behind it */
    assert_line(&lines, "last", 5);
    assert_int_equal(lines_next(&lines, &line), LINES_END);
    assert_int_equal(lines_next(&lines, &line), LINES_END);
    close(lines.fd);
    lines_free(&lines);
}

static void an_empty_file_has_no_line(void **state)
{
    struct lines lines = {.max_bytes = 100};
    struct str line;

    (void)state;
    lines.fd = pipe_of("", 0);
    assert_int_equal(lines_next(&lines, &line), LINES_END);
    close(lines.fd);
    lines_free(&lines);
}

static void lines_come_whole_through_reads_of_any_size(void **state)
{
    struct lines lines = {.max_bytes = 1 << 20};
    char longest[40001];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    lines.fd = ends[0];
    memset(longest, 'x', sizeof(longest));
    longest[40000] = '\0';
    for (size_t sent = 0; sent < 40000; sent += 8000)
        assert_int_equal(write(ends[1], longest + sent, 8000), 8000);
    assert_int_equal(write(ends[1], "\nsec", 4), 4);
    assert_line(&lines, longest, 1);
    assert_int_equal(write(ends[1], "ond\nthird", 9), 9);
    assert_line(&lines, "second", 2);
    close(ends[1]);
    assert_line(&lines, "third", 3);
    close(ends[0]);
    lines_free(&lines);
}

static void a_line_that_is_too_long_is_an_error_with_its_number(void **state)
{
    struct lines lines = {.max_bytes = 5};
    struct str line;

    (void)state;
    lines.fd = pipe_of("ok\n123456", 9);
    assert_line(&lines, "ok", 1);
    assert_int_equal(lines_next(&lines, &line), LINES_TOO_LONG);
    assert_int_equal(lines.number, 2);
    close(lines.fd);
    lines_free(&lines);
}

static void what_cannot_be_read_is_an_error(void **state)
{
    struct lines lines = {.fd = -1, .max_bytes = 5};
    struct str line;

    (void)state;
    assert_int_equal(lines_next(&lines, &line), LINES_FAILED);
    lines_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_lf_or_crlf_or_with_the_file),
        cmocka_unit_test(an_empty_file_has_no_line),
        cmocka_unit_test(lines_come_whole_through_reads_of_any_size),
        cmocka_unit_test(a_line_that_is_too_long_is_an_error_with_its_number),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
