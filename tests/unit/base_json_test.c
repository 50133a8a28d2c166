#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/base/json.h"

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

static struct json *read_ok(const char *text)
{
    struct json_error error = {0};
    struct json *value = json_read(&arena, str_from(text), JSON_STRICT, &error);

    if (!value)
        fail_msg("%s: %zu:%zu: %s", text, error.line, error.column, error.message);
    return value;
}

static void assert_refused(struct str text, size_t line, size_t column, const char *message)
{
    struct json_error error = {0};

    assert_null(json_read(&arena, text, JSON_STRICT, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
}

static void assert_writes(const struct json *value, const char *wanted)
{
    struct strbuf out = STRBUF_INIT;

    json_write(&out, value);
    assert_string_equal(out.data, wanted);
    strbuf_free(&out);
}

/* Strings are read and written eight bytes at a time: each kind of byte at each place of them, with others around. */
static void every_byte_is_looked_at_wherever_it_stands(void **state)
{
    static const struct {
        const char *raw, *text; /* NULL: it may not stand there */
    } rows[] = {{"\\\"", "\""}, {"\\\\", "\\"}, {"\\u001f", "\x1F"}, {"\\n", "\n"}, {"\x1F", NULL}, {"\x01", NULL}, {" ", " "},
        {"!", "!"}, {"#", "#"}, {"[", "["}, {"]", "]"}, {"\\u007f", "\x7F"}, {"~", "~"}, {"\u00e4", "\u00e4"}, {"\u20ac", "\u20ac"},
        {"\U0001F600", "\U0001F600"}, {"\xE4", NULL}, {"\xED\xA0\x80", NULL}, {"\xF4\x90\x80\x80", NULL}, {"\\x", NULL}};

    (void)state;
    for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
        for (size_t before = 0; before < 20; before++) {
            for (size_t after = 0; after < 20; after++) {
                const char *fill = "abcdefghijklmnopqrst";
                const char *text = arena_printf(&arena, "\"%.*s%s%.*s\"", (int)before, fill, rows[row].raw, (int)after, fill);
                struct json_error error = {0};
                struct json *value = json_read(&arena, str_from(text), JSON_STRICT, &error);

                if (!rows[row].text) {
                    assert_null(value);
                    assert_int_equal(error.offset, before + 1);
                    continue;
                }
                assert_non_null(value);
                assert_string_equal(value->text.data,
                    arena_printf(&arena, "%.*s%s%.*s", (int)before, fill, rows[row].text, (int)after, fill));
                assert_int_equal(value->text.len, strlen(value->text.data));
                assert_writes(value, text);
            }
        }
    }
}

static void members_keep_their_order_and_numbers_their_text(void **state)
{
    const char *text = "{\"b\":1.50,\"a\":[12345678901234567890123456789012345678,-0,1E+2],\"c\":{\"\":null}}";

    (void)state;
    assert_writes(read_ok(text), text);
}

static void white_space_around_tokens_is_skipped(void **state)
{
    (void)state;
    assert_writes(read_ok(" \t\r\n{ \"a\" : [ true , false ] , \"b\" : { } }\n"), "{\"a\":[true,false],\"b\":{}}");
}

static void escapes_are_decoded_in_place(void **state)
{
    struct json *value = read_ok("[\"a\\n\\t\\\"\\\\\\/\\b\\f\\rz\",\"\\u0041\\u00e9\\u20ac\\ud83d\\uDE00\",\"x\xC3\xA9\\n\xF0\x9F\x98\x80y\"]");

    (void)state;
    assert_string_equal(json_string(json_at(value, 0)), "a\n\t\"\\/\b\f\rz");
    assert_string_equal(json_string(json_at(value, 1)), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_string_equal(json_string(json_at(value, 2)), "x\xC3\xA9\n\xF0\x9F\x98\x80y");
    assert_int_equal(json_text(json_at(value, 2)).len, strlen("x\xC3\xA9\n\xF0\x9F\x98\x80y"));
}

static void strings_are_written_with_the_shortest_escapes(void **state)
{
    (void)state;
    assert_writes(json_new_text(&arena, "\"\\/\b\f\n\r\t\x01\x1F\x7F\xC3\xA9"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\xC3\xA9\"");
}

static void errors_name_line_and_column(void **state)
{
    (void)state;
    assert_refused(STR("{\n  \"a\": 1,\n  \"a\": 2}"), 3, 3, "key 'a' is there twice");
    assert_refused(STR("[1] x"), 1, 5, "'x' is neither a number nor true, false or null");
    assert_refused(STR("[1]]"), 1, 4, "the end of the text is wanted, not ']'");
    assert_refused(STR(""), 1, 1, "a value is wanted, not the end of the text");
    assert_refused(STR("[1,]"), 1, 4, "a value is wanted, not ']'");
    assert_refused(STR("{\"a\":1,}"), 1, 8, "a key in double quotes is wanted, not '}'");
    assert_refused(STR("{\"a\" 1}"), 1, 6, "':' is wanted, not a number");
    assert_refused(STR("[1 2]"), 1, 4, "',' or ']' is wanted, not a number");
    assert_refused(STR("[01]"), 1, 2, "'01' is neither a number nor true, false or null");
    assert_refused(STR("[NaN]"), 1, 2, "'NaN' is neither a number nor true, false or null");
    assert_refused(STR("\xEF\xBB\xBF{}"), 1, 1, "the text must not begin with a byte order mark");
    assert_refused(STR("['a']"), 1, 2, "''' is not JSON here");
    assert_refused(STR("[\"a"), 1, 4, "the string is not closed");
    assert_refused(STR("[\"a\\"), 1, 4, "'\\' must be followed by one of \" \\ / b f n r t u");
    assert_refused(STR("[\"a\nb\"]"), 1, 4, "control character 0x0A in a string must be written \\u000a");
    assert_refused(STR("[\"\xED\xA0\x80\"]"), 1, 3, "byte 0xED is not valid UTF-8");
    assert_refused(STR("[\"\xC0\x80\"]"), 1, 3, "byte 0xC0 is not valid UTF-8");
    assert_refused(STR("[\"\\ud800\"]"), 1, 3, "'\\ud800' is half of a surrogate pair");
    assert_refused(STR("[\"\\udc00\\ud800\"]"), 1, 3, "'\\udc00' is half of a surrogate pair");
    assert_refused(STR("[\"\\u00g0\"]"), 1, 3, "'\\u' must be followed by four hexadecimal digits");
    assert_refused(STR("[\"\\u0000\"]"), 1, 3, "\\u0000 is not allowed in a string");
    assert_refused(STR("[1,\0 2]"), 1, 4, "byte 0x00 is not JSON here");
    assert_refused(STR("[\"\0\"]"), 1, 3, "control character 0x00 in a string must be written \\u0000");
}

static void a_key_is_refused_twice_also_when_written_with_escapes(void **state)
{
    struct strbuf text = STRBUF_INIT;
    struct json_error error;

    (void)state;
    assert_refused(STR("{\"ab\":1,\"\\u0061b\":2}"), 1, 9, "key 'ab' is there twice");
    strbuf_append_char(&text, '{');
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&text, "\"k%d\":%d,", i, i);
    strbuf_append_text(&text, "\"k3\":0}");
    assert_null(json_read(&arena, strbuf_view(&text), JSON_STRICT, &error));
    assert_string_equal(error.message, "key 'k3' is there twice");
    strbuf_free(&text);
}

static void duplicates_are_kept_where_the_caller_allows_them(void **state)
{
    struct json_error error;
    struct json *value = json_read(&arena, STR("{\"a\":1,\"a\":2}"), JSON_ALLOW_DUPLICATES, &error);

    (void)state;
    assert_non_null(value);
    assert_writes(value, "{\"a\":1,\"a\":2}");
}

static void nul_is_data_where_the_caller_allows_it(void **state)
{
    struct json_error error;
    struct json *value = json_read(&arena, STR("{\"k\\u0000\":\"a\\u0000b\"}"), JSON_ALLOW_NUL, &error);

    (void)state;
    assert_non_null(value);
    assert_int_equal(value->child->text.len, 3);
    assert_memory_equal(value->child->text.data, "a\0b", 4);
    assert_int_equal(value->child->key.len, 2);
    assert_writes(value, "{\"k\\u0000\":\"a\\u0000b\"}");
    assert_null(json_read(&arena, STR("\"a\0b\""), JSON_ALLOW_NUL, &error)); /* raw NUL stays a control character */
}

static void nesting_is_bounded(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 1];

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = '\0';
    read_ok(text);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_refused((struct str){text, sizeof(text) - 1}, 1, JSON_DEPTH_MAX + 1, "nested deeper than 200 levels");
}

/* A view into a larger text: the reader may not look behind its end. */
static void the_reader_stops_at_the_length_given(void **state)
{
    static const char text[] = {'1', '2', '3', '4'};
    struct json_error error;
    struct json *value = json_read(&arena, (struct str){text, 2}, JSON_STRICT, &error);

    (void)state;
    assert_non_null(value);
    assert_string_equal(value->text.data, "12");
    assert_int_equal(value->text.len, 2);
}

static void every_prefix_of_a_text_is_refused(void **state)
{
    const char *text = "{\"a\":[1.5e3,\"x\\u00e9\\n\",true,null,{\"b\":\"\xE2\x82\xAC\"}]}";
    struct json_error error;

    (void)state;
    for (size_t len = 0; len < strlen(text); len++) {
        struct arena scratch = ARENA_INIT;
        char *copy = arena_strndup(&scratch, text, len);

        assert_null(json_read(&scratch, (struct str){copy, len}, JSON_STRICT, &error));
        assert_true(error.offset <= len);
        arena_free(&scratch);
    }
    read_ok(text);
}

static void offsets_point_at_the_values(void **state)
{
    struct json *value = read_ok("{\"a\": 17, \"b\": [\"x\"]}");

    (void)state;
    assert_int_equal(value->offset, 0);
    assert_int_equal(json_get(value, "a")->offset, 6);
    assert_int_equal(json_at(json_get(value, "b"), 0)->offset, 16);
}

static void accessors_accept_null_and_other_types(void **state)
{
    struct json *number = json_new_integer(&arena, INT64_MIN);
    int64_t out = 7;

    (void)state;
    assert_null(json_get(NULL, "a"));
    assert_null(json_get(number, "a"));
    assert_null(json_at(NULL, 0));
    assert_null(json_at(number, 0));
    assert_null(json_string(number));
    assert_null(json_string(NULL));
    assert_int_equal(json_text(NULL).len, 0);
    assert_false(json_is(NULL, JSON_NULL));
    assert_true(json_bool(NULL, true));
    assert_false(json_bool(json_new_bool(&arena, false), true));
    assert_true(json_to_i64(number, &out));
    assert_true(out == INT64_MIN);
    assert_false(json_to_i64(read_ok("1.0"), &out));
    assert_false(json_to_i64(read_ok("1e2"), &out));
    assert_false(json_to_i64(read_ok("9223372036854775808"), &out));
    assert_false(json_to_i64(NULL, &out));
}

static void equality_disregards_the_order_of_keys_alone(void **state)
{
    struct json *a = read_ok("{\"a\":1,\"b\":[1,2],\"c\":{\"d\":\"x\"}}");

    (void)state;
    assert_true(json_equal(a, read_ok("{\"c\":{\"d\":\"x\"},\"a\":1,\"b\":[1,2]}")));
    assert_false(json_equal(a, read_ok("{\"c\":{\"d\":\"x\"},\"a\":1,\"b\":[2,1]}")));
    assert_false(json_equal(a, read_ok("{\"c\":{\"d\":\"x\"},\"a\":1.0,\"b\":[1,2]}")));
    assert_false(json_equal(a, read_ok("{\"c\":{\"d\":\"x\"},\"a\":1}")));
    assert_false(json_equal(a, read_ok("{\"c\":{\"d\":\"x\"},\"e\":1,\"b\":[1,2]}")));
    assert_false(json_equal(read_ok("1"), read_ok("\"1\"")));
    assert_true(json_equal(NULL, NULL));
    assert_false(json_equal(a, NULL));
}

static void large_objects_compare_in_any_order(void **state)
{
    struct json *a = json_new(&arena, JSON_OBJECT), *b = json_new(&arena, JSON_OBJECT);

    (void)state;
    for (int i = 0; i < 3000; i++) {
        json_set_integer(&arena, a, arena_printf(&arena, "k%d", i), i);
        json_set_integer(&arena, b, arena_printf(&arena, "k%d", 2999 - i), 2999 - i);
    }
    assert_true(json_equal(a, b));
    json_set_integer(&arena, a, "x", 1);
    json_set_integer(&arena, b, "y", 1);
    assert_false(json_equal(a, b));
}

static void trees_are_built_and_cloned(void **state)
{
    struct json *object = json_new(&arena, JSON_OBJECT), *list = json_new(&arena, JSON_ARRAY), *copy;

    (void)state;
    json_set_text(&arena, object, "name", "x");
    json_set_text(&arena, object, "none", NULL);
    json_set_integer(&arena, object, "n", -3);
    json_append(list, json_new_bool(&arena, true));
    json_append(list, json_new_number(&arena, STR("1.50")));
    json_set(&arena, object, "list", list);
    copy = json_clone(&arena, object);
    json_append(list, json_new(&arena, JSON_NULL));
    assert_writes(object, "{\"name\":\"x\",\"none\":null,\"n\":-3,\"list\":[true,1.50,null]}");
    assert_writes(copy, "{\"name\":\"x\",\"none\":null,\"n\":-3,\"list\":[true,1.50]}");
}

static void the_pretty_form_indents_by_two(void **state)
{
    struct strbuf out = STRBUF_INIT;

    (void)state;
    json_write_pretty(&out, read_ok("{\"a\":[1,{\"b\":\"x\"}],\"c\":[],\"d\":{}}"));
    assert_string_equal(out.data, "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\"\n    }\n  ],\n  \"c\": [],\n  \"d\": {}\n}");
    strbuf_free(&out);
}

/* The reader and the writer look at several bytes at a time. */
static void a_byte_that_needs_care_is_seen_wherever_it_stands(void **state)
{
    static const struct {
        const char *bytes, *written;
    } cases[] = {{"\"", "\\\""}, {"\\", "\\\\"}, {"\x1F", "\\u001f"}, {"\x7F", "\\u007f"}, {"\n", "\\n"},
        {"\xC3\xA9", "\xC3\xA9"}, {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"}, {" ", " "}, {"~", "~"}, {"", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (size_t before = 0; before < 40; before++) {
            for (size_t after = 0; after < 40; after++) {
                char *left = arena_printf(&arena, "%.*s", (int)before, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG");
                char *right = arena_printf(&arena, "%.*s", (int)after, "ABCDEFG0123456789abcdefghijklmnopqrstuvwxyz");
                struct str text = str_from(arena_printf(&arena, "%s%s%s", left, cases[i].bytes, right));
                char *wanted = arena_printf(&arena, "\"%s%s%s\"", left, cases[i].written, right);
                struct strbuf out = STRBUF_INIT;
                struct json_error error;
                const struct json *back;

                json_write_string(&out, text);
                assert_string_equal(out.data, wanted);
                back = json_read(&arena, strbuf_view(&out), JSON_STRICT, &error);
                assert_non_null(back);
                assert_true(str_equal(back->text, text));
                strbuf_clear(&out);
                if (cases[i].bytes[0] == '\x7F') { /* as it is, too, but not written so */
                    strbuf_printf(&out, "\"%s\"", text.data);
                    back = json_read(&arena, strbuf_view(&out), JSON_STRICT, &error);
                    assert_non_null(back);
                    assert_true(str_equal(back->text, text));
                    assert_false(back->plain);
                }
                strbuf_free(&out);
            }
        }
        arena_reset(&arena);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_keep_their_order_and_numbers_their_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(white_space_around_tokens_is_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(escapes_are_decoded_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_are_written_with_the_shortest_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_byte_is_looked_at_wherever_it_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_name_line_and_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_is_refused_twice_also_when_written_with_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(duplicates_are_kept_where_the_caller_allows_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nul_is_data_where_the_caller_allows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nesting_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_reader_stops_at_the_length_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_prefix_of_a_text_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offsets_point_at_the_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accessors_accept_null_and_other_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equality_disregards_the_order_of_keys_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_objects_compare_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trees_are_built_and_cloned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_pretty_form_indents_by_two, set_up, tear_down),
        cmocka_unit_test(a_byte_that_needs_care_is_seen_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
