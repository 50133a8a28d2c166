/* Changes to items as data: which items, what becomes of each, and what is wrong with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/event/item_transform.h"

static struct arena arena;

/* ` stands for ". */
static const struct json *json_of(const char *text)
{
    char *copy = arena_strdup(&arena, text);
    struct json_error error;
    const struct json *json;

    for (char *at = copy; *at; at++)
        if (*at == '`')
            *at = '"';
    json = json_read(&arena, str_from(copy), JSON_STRICT, &error);
    if (!json)
        fail_msg("%s: %s", copy, error.message);
    return json;
}

static const struct event_value *item_of(const char *dynamodb)
{
    const struct event_value *item;
    struct error error;

    assert_true(event_item_from_dynamodb(&arena, json_of(dynamodb), &item, &error));
    return item;
}

static struct item_transform *change_of(const char *text)
{
    struct item_transform_problem problem;
    struct item_transform *change;

    if (!item_transform_create(&arena, json_of(text), &change, &problem))
        fail_msg("%s: %s", problem.pointer, problem.message);
    return change;
}

static void assert_changed(const char *change, const char *before, const char *after)
{
    struct item_transform_problem problem;
    const struct event_value *out;
    struct strbuf text = STRBUF_INIT, wanted = STRBUF_INIT;
    bool selected;

    if (!item_transform_apply(change_of(change), &arena, item_of(before), &selected, &out, &problem))
        fail_msg("%s: %s", problem.pointer, problem.message);
    assert_true(selected);
    json_write(&text, event_item_to_dynamodb(&arena, out));
    json_write(&wanted, json_of(after));
    assert_string_equal(text.data, wanted.data);
    strbuf_free(&text);
    strbuf_free(&wanted);
}

static void attributes_are_set_from_the_item_as_it_was(void **state)
{
    (void)state;
    assert_changed("{`set`:{`a`:`item.b`,`b`:`item.a`,`c`:`item.a + item.b`}}", "{`a`:{`N`:`1`},`b`:{`N`:`2.50`}}",
        "{`a`:{`N`:`2.50`},`b`:{`N`:`1`},`c`:{`N`:`3.50`}}");
}

static void literals_stand_for_themselves(void **state)
{
    (void)state;
    assert_changed("{`set`:{`a`:1.50,`b`:true,`c`:null,`d`:`'text'`}}", "{`id`:{`S`:`x`}}",
        "{`id`:{`S`:`x`},`a`:{`N`:`1.50`},`b`:{`BOOL`:true},`c`:{`NULL`:true},`d`:{`S`:`text`}}");
}

static void what_is_not_named_is_handed_on_as_it_is(void **state)
{
    (void)state;
    assert_changed("{`set`:{`n`:`item.n + 1`},`remove`:[`old`,`absent`]}",
        "{`keep`:{`NS`:[`3`,`1.0`]},`n`:{`N`:`9999999999999999999999999999999999998`},`old`:{`B`:`AA==`},`x`:{`B`:`/w==`}}",
        "{`keep`:{`NS`:[`3`,`1.0`]},`n`:{`N`:`9999999999999999999999999999999999999`},`x`:{`B`:`/w==`}}");
}

static void an_item_that_the_condition_does_not_select_is_left_alone(void **state)
{
    struct item_transform *change = change_of("{`where`:`has(item.n) && item.n > 1`,`set`:{`n`:0}}");
    const struct event_value *item = item_of("{`n`:{`N`:`1`}}"), *out;
    struct item_transform_problem problem;
    bool selected = true;

    (void)state;
    assert_true(item_transform_apply(change, &arena, item, &selected, &out, &problem));
    assert_false(selected);
    assert_ptr_equal(out, item);
    assert_true(item_transform_apply(change, &arena, item_of("{`n`:{`N`:`2`}}"), &selected, &out, &problem));
    assert_true(selected);
}

static void an_expression_that_does_not_compile_is_named_with_its_place(void **state)
{
    struct item_transform_problem problem;
    struct item_transform *change;

    (void)state;
    assert_false(item_transform_create(&arena, json_of("{`set`:{`a`:`1`,`b`:`item.a +`}}"), &change, &problem));
    assert_string_equal(problem.pointer, "/set/b");
    assert_true(problem.in_expression);
    assert_false(item_transform_create(&arena, json_of("{`where`:`event.a`}"), &change, &problem));
    assert_string_equal(problem.pointer, "/where");
    assert_false(item_transform_create(&arena, json_of("{`set`:{`a`:{`b`:1}}}"), &change, &problem));
    assert_string_equal(problem.pointer, "/set/a");
    assert_false(problem.in_expression);
}

static void an_item_that_an_expression_does_not_fit_is_an_error(void **state)
{
    struct item_transform_problem problem;
    const struct event_value *out;
    bool selected;

    (void)state;
    assert_false(item_transform_apply(change_of("{`set`:{`a`:`item.b * 2`}}"), &arena, item_of("{`id`:{`S`:`x`}}"), &selected,
        &out, &problem));
    assert_string_equal(problem.pointer, "/set/a");
    assert_false(item_transform_apply(change_of("{`where`:`item.b`,`remove`:[`c`]}"), &arena, item_of("{`b`:{`N`:`1`}}"),
        &selected, &out, &problem));
    assert_string_equal(problem.message, "the condition is neither true nor false");
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_set_from_the_item_as_it_was),
        cmocka_unit_test(literals_stand_for_themselves),
        cmocka_unit_test(what_is_not_named_is_handed_on_as_it_is),
        cmocka_unit_test(an_item_that_the_condition_does_not_select_is_left_alone),
        cmocka_unit_test(an_expression_that_does_not_compile_is_named_with_its_place),
        cmocka_unit_test(an_item_that_an_expression_does_not_fit_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, free_arena);
}
