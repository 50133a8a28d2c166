#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/yaml.h"
#include "spec/base/arena.h"
#include "spec/diagnostic.h"

struct fixture {
    struct arena arena;
    struct diag_list diags;
    struct source *source;
    struct node *root;
};

/* The test frees its arena. */
static struct fixture *read_bytes(struct str text)
{
    static struct fixture fixture;

    fixture = (struct fixture){.arena = ARENA_INIT};
    diag_list_init(&fixture.diags, &fixture.arena);
    fixture.source = source_create(&fixture.arena, "t.yaml", str_copy(&fixture.arena, text));
    fixture.root = yaml_read(&fixture.arena, fixture.source, &fixture.diags);
    return &fixture;
}

static struct fixture *read_text(const char *text)
{
    return read_bytes(str_from(text));
}

static const struct node *value(const struct fixture *fixture)
{
    assert_non_null(fixture->root);
    return node_get(fixture->root, "a");
}

static void assert_text(const struct node *node, const char *text)
{
    assert_non_null(node);
    assert_int_equal(node->text.len, strlen(text));
    assert_memory_equal(node->text.data, text, node->text.len);
}

/* The span of bytes start..end of the scalar holds exactly this source text. */
static void assert_span(const struct node *node, size_t start, size_t end, const char *text)
{
    struct span span = node_text_span(node, start, end);

    assert_int_equal(span.end - span.start, strlen(text));
    assert_memory_equal(span.source->text.data + span.start, text, strlen(text));
}

/* Every byte of the text that is no white space stands in the source where its span says, or an escape does. */
static void assert_mapped(const struct node *node)
{
    size_t last = 0;

    for (size_t i = 0; i < node->text.len; i++) {
        struct span span = node_text_span(node, i, i + 1);
        char there = span.source->text.data[span.start];

        assert_true(span.start >= last);
        assert_true(span.end > span.start);
        assert_true(span.end <= span.source->text.len);
        last = span.start;
        if (node->text.data[i] == ' ' || node->text.data[i] == '\n' || node->text.data[i] == '\t' || there == '\\')
            continue;
        assert_int_equal(there, node->text.data[i]);
    }
}

static void assert_only(struct fixture *fixture, const char *code)
{
    diag_list_sort(&fixture->diags);
    assert_int_equal(fixture->diags.items.count, 1);
    assert_string_equal(fixture->diags.items.items[0]->code->name, code);
    arena_free(&fixture->arena);
}

/* --- values --------------------------------------------------------------------------------------------------- */

static void only_true_and_false_are_booleans(void **state)
{
    struct fixture *f = read_text("a: [true, false, yes, no, on, off, True, \"true\"]\n");
    const struct node *list = value(f);
    bool truth = false;

    (void)state;
    assert_true(node_to_bool(list->items[0], &truth) && truth);
    assert_true(node_to_bool(list->items[1], &truth) && !truth);
    for (size_t i = 2; i < list->count; i++)
        assert_false(node_to_bool(list->items[i], &truth));
    arena_free(&f->arena);
}

static void whole_numbers_are_plain_and_decimal(void **state)
{
    struct fixture *f =
        read_text("a: [0, -12, 9223372036854775807, 010, 0x1F, 1.0, \"5\", 9223372036854775808, +1, '', -0]\n");
    const struct node *list = value(f);
    int64_t number = 0;

    (void)state;
    assert_true(node_to_i64(list->items[0], &number) && number == 0);
    assert_true(node_to_i64(list->items[1], &number) && number == -12);
    assert_true(node_to_i64(list->items[2], &number) && number == INT64_MAX);
    for (size_t i = 3; i < 10; i++)
        assert_false(node_to_i64(list->items[i], &number));
    arena_free(&f->arena);
}

static void scalars_become_json_by_the_core_schema(void **state)
{
    struct fixture *f =
        read_text("a: { n: null, e: , t: ~, b: true, i: 12, d: 1.50, x: -0.5e+3, s: no, q: \"12\", h: 0x1F, inf: .inf, "
                  "z: 007, p: 5., l: [1, two], block: 12345678901234567890123 }\n");
    struct strbuf out = STRBUF_INIT;

    (void)state;
    json_write(&out, node_to_json(&f->arena, value(f)));
    assert_string_equal(out.data,
        "{\"n\":null,\"e\":null,\"t\":null,\"b\":true,\"i\":12,\"d\":1.50,\"x\":-0.5e+3,\"s\":\"no\","
        "\"q\":\"12\",\"h\":\"0x1F\",\"inf\":\".inf\",\"z\":\"007\",\"p\":\"5.\",\"l\":[1,\"two\"],"
        "\"block\":12345678901234567890123}");
    strbuf_free(&out);
    arena_free(&f->arena);
}

static void mappings_keep_their_order(void **state)
{
    struct fixture *f = read_text("a: { z: 1, b: 2, y: 3 }\n");
    const struct node *map = value(f);

    (void)state;
    assert_text(map->members[0].key, "z");
    assert_text(map->members[1].key, "b");
    assert_text(map->members[2].key, "y");
    arena_free(&f->arena);
}

static void spans_are_bytes_also_behind_other_alphabets(void **state)
{
    struct fixture *f = read_text("é: ü\nsz: 'ß'\na: x\n");

    (void)state;
    assert_int_equal(value(f)->span.start, strlen("é: ü\nsz: 'ß'\na: "));
    assert_int_equal(value(f)->span.end, value(f)->span.start + 1);
    arena_free(&f->arena);
}

static void spans_hold_in_a_long_file_that_is_not_ascii(void **state)
{
    struct arena arena = ARENA_INIT;
    struct strbuf text = STRBUF_INIT;
    struct fixture *f;

    (void)state;
    for (size_t i = 0; i < 5000; i++)
        strbuf_printf(&text, "k%zu: %s\n", i, i % 3 ? "plain" : "größer→");
    strbuf_append_text(&text, "a: here\n");
    f = read_bytes(strbuf_copy(&text, &arena));
    assert_span(value(f), 0, 4, "here");
    for (size_t i = 0; i < f->root->count; i++)
        assert_mapped(f->root->members[i].value);
    strbuf_free(&text);
    arena_free(&arena);
    arena_free(&f->arena);
}

static void a_byte_order_mark_at_the_beginning_is_left_out(void **state)
{
    struct fixture *f = read_text("\xEF\xBB\xBF"
                                  "a: here\n");

    (void)state;
    assert_int_equal(f->diags.items.count, 0);
    assert_span(value(f), 0, 4, "here");
    arena_free(&f->arena);
}

static void a_block_mapping_ends_where_its_last_value_ends(void **state)
{
    struct fixture *f = read_text("a:\n  b: 1\n  c: [2]\n\n\nd: 3\n");

    (void)state;
    assert_memory_equal(
        f->source->text.data + value(f)->span.start, "b: 1\n  c: [2]", value(f)->span.end - value(f)->span.start);
    arena_free(&f->arena);
}

/* --- places inside scalars ------------------------------------------------------------------------------------ */

static void places_in_plain_scalars(void **state)
{
    struct fixture *f = read_text("a: one  two\n  three\n\n  four # no\n");
    const struct node *node = value(f);

    (void)state;
    assert_text(node, "one  two three\nfour");
    assert_span(node, 5, 8, "two");
    assert_span(node, 9, 14, "three");
    assert_span(node, 15, 19, "four");
    assert_span(node, 19, 19, "");
    assert_mapped(node);
    arena_free(&f->arena);
}

static void places_in_single_quotes(void **state)
{
    struct fixture *f = read_text("a: 'it''s  \n   here\n\n   now'\n");
    const struct node *node = value(f);

    (void)state;
    assert_text(node, "it's here\nnow");
    assert_span(node, 2, 3, "''");
    assert_span(node, 3, 4, "s");
    assert_span(node, 5, 9, "here");
    assert_span(node, 10, 13, "now");
    assert_mapped(node);
    arena_free(&f->arena);
}

static void places_in_double_quotes(void **state)
{
    struct fixture *f = read_text("a: \"x\\ny\\u00e9\\U0001F600\\x41\\\n    z\\\"q  \n    w\"\n");
    const struct node *node = value(f);

    (void)state;
    assert_text(node, "x\nyé😀Az\"q w");
    assert_span(node, 0, 1, "x");
    assert_span(node, 1, 2, "\\n");
    assert_span(node, 3, 5, "\\u00e9");
    assert_span(node, 5, 9, "\\U0001F600");
    assert_span(node, 9, 10, "\\x41");
    assert_span(node, 10, 11, "z");
    assert_span(node, 11, 12, "\\\"");
    assert_span(node, 14, 15, "w");
    assert_mapped(node);
    arena_free(&f->arena);
}

static void places_in_literal_blocks(void **state)
{
    struct fixture *f = read_text("a: |\n\n    select é,\n      b\n\n    from t\nb: 1\n");
    const struct node *node = value(f);

    (void)state;
    assert_text(node, "\nselect é,\n  b\n\nfrom t\n");
    assert_span(node, 1, 7, "select");
    assert_span(node, 8, 10, "é");
    assert_span(node, 14, 15, "b");
    assert_span(node, 17, 21, "from");
    assert_mapped(node);
    arena_free(&f->arena);
}

static void places_in_blocks_with_an_indentation_indicator(void **state)
{
    struct fixture *f = read_text("a: |2-\n     five\n    four\n\n  none\n");
    const struct node *node = value(f);

    (void)state;
    assert_text(node, "   five\n  four\n\nnone");
    assert_span(node, 3, 7, "five");
    assert_span(node, 10, 14, "four");
    assert_span(node, 16, 20, "none");
    assert_mapped(node);
    arena_free(&f->arena);
}

static void places_in_nested_blocks_with_an_indicator(void **state)
{
    struct fixture *f = read_text("x:\n  - b: 1\n    c: >2+ # comment\n         one\n        two\n\n\n\na: 1\n");
    const struct node *node = node_get(node_get(f->root, "x")->items[0], "c");

    (void)state;
    assert_int_equal(f->diags.items.count, 0);
    assert_mapped(node);
    assert_span(node, (size_t)(strstr(node->text.data, "two") - node->text.data),
        (size_t)(strstr(node->text.data, "two") - node->text.data) + 3, "two");
    arena_free(&f->arena);
}

static void places_in_folded_blocks(void **state)
{
    struct fixture *f = read_text("a: >\n  one\n  two\n\n  three\n    kept\n    lines\n\n  four\n");
    const struct node *node = value(f);

    (void)state;
    assert_text(node, "one two\nthree\n  kept\n  lines\n\nfour\n");
    assert_span(node, 4, 7, "two");
    assert_span(node, 8, 13, "three");
    assert_span(node, 16, 20, "kept");
    assert_span(node, 23, 28, "lines");
    assert_span(node, 30, 34, "four");
    assert_mapped(node);
    arena_free(&f->arena);
}

static void places_in_blocks_with_windows_line_ends(void **state)
{
    struct fixture *f = read_text("a: |\r\n  one\r\n\r\n  two\r\nb: \"x\r\n  y\"\r\n");

    (void)state;
    assert_text(value(f), "one\n\ntwo\n");
    assert_span(value(f), 5, 8, "two");
    assert_mapped(value(f));
    assert_text(node_get(f->root, "b"), "x y");
    assert_mapped(node_get(f->root, "b"));
    arena_free(&f->arena);
}

static void a_place_across_lines_covers_what_is_between(void **state)
{
    struct fixture *f = read_text("a: |\n   one\n   two\n");

    (void)state;
    assert_span(value(f), 0, 7, "one\n   two");
    arena_free(&f->arena);
}

static void a_place_behind_the_end_is_the_end(void **state)
{
    struct fixture *f = read_text("a: |-\n   one\nb: ''\n");

    (void)state;
    assert_int_equal(node_text_span(value(f), 3, 3).start, strlen("a: |-\n   one"));
    assert_int_equal(node_text_span(value(f), 99, 200).start, strlen("a: |-\n   one"));
    assert_int_equal(node_text_span(node_get(f->root, "b"), 0, 0).start, strlen("a: |-\n   one\nb: '"));
    arena_free(&f->arena);
}

/* --- what is refused ------------------------------------------------------------------------------------------ */

static void every_refused_form_is_reported_once(void **state)
{
    static const struct {
        const char *text;
        const char *code;
    } rows[] = {
        {"a: [1\n", "YAML001"},
        {"a: 1\na: 2\n", "YAML002"},
        {"a: &x 1\n", "YAML003"},
        {"a: *x\n", "YAML003"},
        {"a: { <<: { b: 1 } }\n", "YAML004"},
        {"a: !!int 1\n", "YAML005"},
        {"a: !<tag:x,2000:y> { b: 1 }\n", "YAML005"},
        {"a: 1\n---\na: 2\n", "YAML006"},
        {"a: 1\n...\n---\na: 2\n", "YAML006"},
        {"a: \xff\n", "YAML007"},
        {"a: \x01\n", "YAML008"},
        {"a: \"\\0\"\n", "YAML008"},
        {"a: \xC2\x85\n", "YAML008"},
        {"a: b\rc\n", "YAML008"},
        {"? [x]\n: 1\n", "YAML011"},
        {"\"\": 1\n", "YAML011"},
        {"", "YAML012"},
        {"# only this\n", "YAML012"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture *f = read_text(rows[i].text);

        assert_only(f, rows[i].code);
    }
}

static void a_nul_byte_is_reported_and_reading_goes_on(void **state)
{
    struct fixture *f = read_bytes(STR("a: x\0y\nb: 1\nb: 2\n"));

    (void)state;
    diag_list_sort(&f->diags);
    assert_int_equal(f->diags.items.count, 2);
    assert_string_equal(f->diags.items.items[0]->code->name, "YAML008");
    assert_int_equal(f->diags.items.items[0]->span.start, 4);
    assert_string_equal(f->diags.items.items[1]->code->name, "YAML002");
    arena_free(&f->arena);
}

static void a_quoted_merge_key_is_a_key_like_any_other(void **state)
{
    struct fixture *f = read_text("a: { \"<<\": 1 }\n");

    (void)state;
    assert_int_equal(f->diags.items.count, 0);
    arena_free(&f->arena);
}

static void deep_nesting_ends_in_an_error(void **state)
{
    struct arena arena = ARENA_INIT;
    char *deep = arena_alloc(&arena, 100001);
    struct fixture *f;

    (void)state;
    memset(deep, '[', 100000);
    f = read_text(deep);
    assert_only(f, "YAML009");
    arena_free(&arena);
}

static void the_depth_that_is_allowed_is_read(void **state)
{
    struct strbuf text = STRBUF_INIT;
    struct fixture *f;

    (void)state;
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        strbuf_append_char(&text, '[');
    strbuf_append_char(&text, 'x');
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        strbuf_append_char(&text, ']');
    f = read_text(text.data);
    assert_int_equal(f->diags.items.count, 0);
    strbuf_free(&text);
    arena_free(&f->arena);
}

static void what_stands_before_a_syntax_error_is_kept(void **state)
{
    struct fixture *f = read_text("a: { b: 1, c: [2, 3], d: \"\n");

    (void)state;
    assert_non_null(f->root);
    assert_true(f->root->damaged);
    assert_text(node_get(value(f), "b"), "1");
    assert_int_equal(node_get(value(f), "c")->count, 2);
    arena_free(&f->arena);
}

static void a_file_that_is_too_large_is_not_read(void **state)
{
    struct arena arena = ARENA_INIT;
    struct source source = {.path = "t.yaml", .text = {"a: 1\n", (size_t)YAML_SIZE_MAX_BYTES + 1}};
    struct diag_list diags;

    (void)state;
    diag_list_init(&diags, &arena);
    assert_null(yaml_read(&arena, &source, &diags));
    assert_int_equal(diags.items.count, 1);
    assert_string_equal(diags.items.items[0]->code->name, "YAML010");
    arena_free(&arena);
}

static void many_duplicates_are_all_reported(void **state)
{
    struct strbuf text = STRBUF_INIT;
    struct fixture *f;

    (void)state;
    for (int i = 0; i < 2000; i++)
        strbuf_printf(&text, "k%d: 1\n", i % 1000);
    f = read_text(text.data);
    assert_int_equal(f->diags.error_count, 1000);
    assert_int_equal(f->root->count, 1000);
    strbuf_free(&text);
    arena_free(&f->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_true_and_false_are_booleans),
        cmocka_unit_test(whole_numbers_are_plain_and_decimal),
        cmocka_unit_test(scalars_become_json_by_the_core_schema),
        cmocka_unit_test(mappings_keep_their_order),
        cmocka_unit_test(spans_are_bytes_also_behind_other_alphabets),
        cmocka_unit_test(spans_hold_in_a_long_file_that_is_not_ascii),
        cmocka_unit_test(a_byte_order_mark_at_the_beginning_is_left_out),
        cmocka_unit_test(a_block_mapping_ends_where_its_last_value_ends),
        cmocka_unit_test(places_in_plain_scalars),
        cmocka_unit_test(places_in_single_quotes),
        cmocka_unit_test(places_in_double_quotes),
        cmocka_unit_test(places_in_literal_blocks),
        cmocka_unit_test(places_in_blocks_with_an_indentation_indicator),
        cmocka_unit_test(places_in_nested_blocks_with_an_indicator),
        cmocka_unit_test(places_in_folded_blocks),
        cmocka_unit_test(places_in_blocks_with_windows_line_ends),
        cmocka_unit_test(a_place_across_lines_covers_what_is_between),
        cmocka_unit_test(a_place_behind_the_end_is_the_end),
        cmocka_unit_test(every_refused_form_is_reported_once),
        cmocka_unit_test(a_nul_byte_is_reported_and_reading_goes_on),
        cmocka_unit_test(a_quoted_merge_key_is_a_key_like_any_other),
        cmocka_unit_test(deep_nesting_ends_in_an_error),
        cmocka_unit_test(the_depth_that_is_allowed_is_read),
        cmocka_unit_test(what_stands_before_a_syntax_error_is_kept),
        cmocka_unit_test(a_file_that_is_too_large_is_not_read),
        cmocka_unit_test(many_duplicates_are_all_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
