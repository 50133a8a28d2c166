#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/base/map.h"
#include "spec/base/str.h"
#include "spec/base/vec.h"

static void arena_memory_is_zeroed_aligned_and_distinct(void **state)
{
    struct arena arena = ARENA_INIT;
    unsigned char *last = NULL;

    (void)state;
    for (size_t size = 1; size < 200000; size = size * 3 + 1) {
        unsigned char *bytes = arena_alloc(&arena, size);

        assert_int_equal((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xAA, size);
        if (last)
            assert_int_equal(last[0], 0xAA);
        last = bytes;
    }
    arena_free(&arena);
}

static void arena_memory_is_zeroed_again_after_a_reset(void **state)
{
    struct arena arena = ARENA_INIT;
    char *bytes = arena_alloc(&arena, 100);

    (void)state;
    memset(bytes, 1, 100);
    arena_reset(&arena);
    bytes = arena_alloc(&arena, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bytes[i], 0);
    arena_free(&arena);
}

static void an_arena_takes_over_what_another_holds(void **state)
{
    struct arena arena = ARENA_INIT, other = ARENA_INIT, empty = ARENA_INIT;
    char *first, *second, *third;

    (void)state;
    arena_join(&arena, &empty);
    second = arena_printf(&other, "second");
    arena_alloc(&other, 100000);
    arena_join(&arena, &other);
    first = arena_printf(&arena, "first");
    third = arena_printf(&other, "third");
    arena_alloc(&other, 100000);
    arena_join(&arena, &other);
    assert_null(other.head);
    assert_string_equal(first, "first");
    assert_string_equal(second, "second");
    assert_string_equal(third, "third");
    assert_string_equal(arena_printf(&arena, "%s", first), "first");
    arena_free(&arena); /* of everything: a leak would be reported */
}

static void vec_keeps_what_was_pushed(void **state)
{
    struct arena arena = ARENA_INIT;
    VEC(size_t) numbers = {0};

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        VEC_PUSH(&arena, &numbers, i * i);
    assert_int_equal(numbers.count, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(numbers.items[i], i * i);
    arena_free(&arena);
}

static void map_finds_replaces_removes_and_keeps_the_order_of_insertion(void **state)
{
    struct arena arena = ARENA_INIT;
    struct map map;
    const struct map_entry *entry;
    size_t seen = 0;
    int values[500];

    (void)state;
    map_init(&map, &arena);
    assert_null(map_get(&map, STR("absent")));
    for (size_t i = 0; i < 500; i++)
        assert_null(map_put(&map, str_from(arena_printf(&arena, "key%zu", i)), &values[i]));
    assert_ptr_equal(map_put(&map, STR("key7"), &values[0]), &values[7]);
    assert_ptr_equal(map_remove(&map, STR("key8")), &values[8]);
    assert_null(map_remove(&map, STR("key8")));
    assert_false(map_has(&map, STR("key8")));
    assert_ptr_equal(map_get(&map, STR("key7")), &values[0]);
    for (size_t i = 0; map_next(&map, &i, &entry); seen++)
        assert_string_equal(entry->key.data, arena_printf(&arena, "key%zu", seen < 8 ? seen : seen + 1));
    assert_int_equal(seen, 499);
    assert_null(map_put(&map, STR("key8"), &values[1]));
    assert_ptr_equal(map_get(&map, STR("key8")), &values[1]);
    arena_free(&arena);
}

static void map_keys_may_hold_nul_bytes(void **state)
{
    struct arena arena = ARENA_INIT;
    struct map map;
    int one, two;

    (void)state;
    map_init(&map, &arena);
    map_put(&map, (struct str){"a\0b", 3}, &one);
    map_put(&map, (struct str){"a\0c", 3}, &two);
    assert_ptr_equal(map_get(&map, (struct str){"a\0b", 3}), &one);
    assert_null(map_get(&map, STR("a")));
    arena_free(&arena);
}

static void numbers_are_read_to_their_limits_and_not_beyond(void **state)
{
    uint64_t u;
    int64_t i;

    (void)state;
    assert_true(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(str_to_u64(STR("18446744073709551616"), &u));
    assert_false(str_to_u64(STR(""), &u));
    assert_false(str_to_u64(STR("1 "), &u));
    assert_false(str_to_u64(STR("+1"), &u));
    assert_true(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(str_to_i64(STR("-9223372036854775809"), &i));
    assert_true(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(str_to_i64(STR("9223372036854775808"), &i));
    assert_false(str_to_i64(STR("-"), &i));
}

static void utf8_is_checked_as_rfc_3629_has_it(void **state)
{
    static const struct {
        const char *text;
        size_t invalid_at; /* SIZE_MAX: valid */
        size_t count;
    } cases[] = {
        {"", SIZE_MAX, 0},
        {"abc", SIZE_MAX, 3},
        {"\xC3\xA9t\xC3\xA9", SIZE_MAX, 3},
        {"\xF0\x9F\x98\x80", SIZE_MAX, 1},
        {"a\xC0\x80", 1, 3},         /* overlong */
        {"\xED\xA0\x80", 0, 3},      /* a surrogate */
        {"\xF4\x90\x80\x80", 0, 4},  /* beyond U+10FFFF */
        {"ab\xE2\x82", 2, 4},        /* cut off */
        {"\x80", 0, 1},              /* a lone continuation byte */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strlen(cases[i].text);

        assert_int_equal(utf8_invalid_at(cases[i].text, len), cases[i].invalid_at == SIZE_MAX ? len : cases[i].invalid_at);
        assert_int_equal(utf8_count(cases[i].text, len), cases[i].count);
    }
}

static void did_you_mean_finds_the_nearest_and_nothing_far(void **state)
{
    static const char *const names[] = {"total", "quantity", "created_at"};

    (void)state;
    assert_string_equal(str_did_you_mean(STR("totl"), names, 3), "total");
    assert_string_equal(str_did_you_mean(STR("quantiyt"), names, 3), "quantity");
    assert_null(str_did_you_mean(STR("warehouse"), names, 3));
    assert_null(str_did_you_mean(STR(""), names, 3));
}

static void strbuf_grows_and_views_bytes(void **state)
{
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    assert_string_equal(strbuf_view(&buf).data, "");
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&buf, "%d,", i % 10);
    strbuf_append(&buf, "\0x", 2);
    assert_int_equal(buf.len, 2002);
    assert_memory_equal(buf.data + 1998, "9,\0x", 5);
    strbuf_clear(&buf);
    assert_int_equal(strbuf_view(&buf).len, 0);
    strbuf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_distinct),
        cmocka_unit_test(arena_memory_is_zeroed_again_after_a_reset),
        cmocka_unit_test(an_arena_takes_over_what_another_holds),
        cmocka_unit_test(vec_keeps_what_was_pushed),
        cmocka_unit_test(map_finds_replaces_removes_and_keeps_the_order_of_insertion),
        cmocka_unit_test(map_keys_may_hold_nul_bytes),
        cmocka_unit_test(numbers_are_read_to_their_limits_and_not_beyond),
        cmocka_unit_test(utf8_is_checked_as_rfc_3629_has_it),
        cmocka_unit_test(did_you_mean_finds_the_nearest_and_nothing_far),
        cmocka_unit_test(strbuf_grows_and_views_bytes),
    };

    return cmocka_run_group_tests_name("base: memory and text", tests, NULL, NULL);
}
