/* What of the DynamoDB driver needs no server: comparison of shapes, tags, fingerprints, limits on capacity, guards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executor/dynamodb/dynamodb.h"
#include "executor/events/fingerprint.h"
#include "executor/events/rate.h"
#include "executor/events/upgrade.h"
#include "spec/base/arena.h"

static struct arena arena;

static const struct json *read_json(const char *text)
{
    struct json_error error;
    const struct json *json = json_read(&arena, str_from(text), JSON_STRICT, &error);

    if (!json)
        fail_msg("%s: %s", text, error.message);
    return json;
}

static void assert_compares(const char *expected, const char *actual, const char *differences)
{
    struct strbuf out = STRBUF_INIT;
    bool same;

    strbuf_append_text(&out, "");
    same = probe_compare(read_json(expected), read_json(actual), "", &out);
    assert_string_equal(out.data ? out.data : "", differences);
    assert_int_equal(same, differences[0] == '\0');
    strbuf_free(&out);
}

static void only_expected_members_count(void **state)
{
    (void)state;
    assert_compares("{\"a\":1}", "{\"a\":1,\"b\":2}", "");
    assert_compares("{\"a\":{\"x\":\"y\"}}", "{\"a\":{\"x\":\"y\",\"z\":1}}", "");
    assert_compares("{\"a\":{\"x\":\"y\"}}", "{\"a\":{\"x\":\"n\"}}", "a.x is \"n\", wanted \"y\"");
    assert_compares("{\"a\":1,\"b\":2}", "{\"b\":3}", "a is absent, wanted 1; b is 3, wanted 2");
    assert_compares("{\"a\":\"1\"}", "{\"a\":1}", "a is 1, wanted \"1\"");
}

static void lists_have_no_order_but_a_length(void **state)
{
    (void)state;
    assert_compares("{\"l\":[\"a\",\"b\"]}", "{\"l\":[\"b\",\"a\"]}", "");
    assert_compares("{\"l\":[\"a\"]}", "{\"l\":[\"a\",\"b\"]}", "l[] is \"b\", wanted absent");
    assert_compares("{\"l\":[\"a\",\"b\"]}", "{\"l\":[\"a\"]}", "l[] is absent, wanted \"b\"");
    assert_compares("{\"l\":[\"a\"]}", "{}", "l[] is absent, wanted \"a\"");
    assert_compares("{\"l\":[{\"IndexName\":\"i\",\"x\":1},{\"IndexName\":\"j\",\"x\":2}]}",
        "{\"l\":[{\"IndexName\":\"j\",\"x\":2},{\"IndexName\":\"i\",\"x\":3}]}", "l[i].x is 3, wanted 1");
    assert_compares("{\"l\":[{\"IndexName\":\"i\"}]}", "{\"l\":[{\"IndexName\":\"k\"}]}",
        "l[i] is absent, wanted {\"IndexName\":\"i\"}; l[k] is {\"IndexName\":\"k\"}, wanted absent");
}

static void what_is_switched_off_may_be_left_out(void **state)
{
    (void)state;
    assert_compares("{\"a\":false,\"b\":null,\"c\":[]}", "{}", "");
    assert_compares("{}", "{\"a\":1}", "");
    assert_compares("{\"s\":null}", "{\"s\":{\"StreamEnabled\":false}}", "");
    assert_compares("{\"s\":null}", "{\"s\":{\"StreamEnabled\":true}}", "s is {\"StreamEnabled\":true}, wanted null");
    assert_compares("{\"a\":true}", "{}", "a is absent, wanted true");
}

static void a_tag_holds_the_step_or_a_digest_of_it(void **state)
{
    char long_id[400];

    (void)state;
    assert_string_equal(probe_tag_value(&arena, "1709-A/create_table:x/create"), "1709-A/create_table:x/create");
    assert_int_equal(strlen(probe_tag_value(&arena, "a#b")), 64);
    memset(long_id, 'x', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    assert_int_equal(strlen(probe_tag_value(&arena, long_id)), 64);
}

static const struct event_value *read_item(const char *text)
{
    const struct event_value *item;
    struct error error;

    if (!event_item_from_dynamodb(&arena, read_json(text), &item, &error))
        fail_msg("%s: %s", text, error.message);
    return item;
}

static void assert_fingerprints(const char *a, const char *b, bool same)
{
    bool equal = strcmp(fingerprint_item(read_item(a)).hex, fingerprint_item(read_item(b)).hex) == 0;

    if (equal != same)
        fail_msg("%s and %s %s", a, b, equal ? "have the same fingerprint" : "differ");
}

static void a_fingerprint_does_not_depend_on_spelling(void **state)
{
    (void)state;
    assert_fingerprints("{\"a\":{\"N\":\"1.50\"}}", "{\"a\":{\"N\":\"1.5\"}}", true);
    assert_fingerprints("{\"a\":{\"N\":\"150\"}}", "{\"a\":{\"N\":\"1.5E2\"}}", true);
    assert_fingerprints("{\"a\":{\"N\":\"-0\"}}", "{\"a\":{\"N\":\"0.0\"}}", true);
    assert_fingerprints("{\"a\":{\"SS\":[\"x\",\"y\"]}}", "{\"a\":{\"SS\":[\"y\",\"x\"]}}", true);
    assert_fingerprints("{\"a\":{\"NS\":[\"1\",\"2.0\"]}}", "{\"a\":{\"NS\":[\"2\",\"1.0\"]}}", true);
    assert_fingerprints("{\"a\":{\"S\":\"x\"},\"b\":{\"BOOL\":true}}", "{\"b\":{\"BOOL\":true},\"a\":{\"S\":\"x\"}}", true);
    assert_fingerprints("{\"a\":{\"M\":{\"x\":{\"N\":\"1\"},\"y\":{\"NULL\":true}}}}",
        "{\"a\":{\"M\":{\"y\":{\"NULL\":true},\"x\":{\"N\":\"1.0\"}}}}", true);
}

static void a_fingerprint_tells_every_other_difference(void **state)
{
    static const char *const items[] = {"{\"a\":{\"S\":\"1\"}}", "{\"a\":{\"N\":\"1\"}}", "{\"a\":{\"B\":\"MQ==\"}}",
        "{\"b\":{\"S\":\"1\"}}", "{\"a\":{\"SS\":[\"1\"]}}", "{\"a\":{\"NS\":[\"1\"]}}", "{\"a\":{\"BS\":[\"MQ==\"]}}",
        "{\"a\":{\"L\":[{\"S\":\"1\"}]}}", "{\"a\":{\"L\":[{\"S\":\"1\"},{\"S\":\"2\"}]}}",
        "{\"a\":{\"L\":[{\"S\":\"2\"},{\"S\":\"1\"}]}}", "{\"a\":{\"M\":{\"S\":{\"S\":\"1\"}}}}", "{\"a\":{\"NULL\":true}}",
        "{\"a\":{\"BOOL\":true}}", "{\"a\":{\"BOOL\":false}}", "{\"a\":{\"S\":\"\"}}", "{}", "{\"a\":{\"M\":{}}}",
        "{\"a\":{\"L\":[]}}", "{\"a\":{\"N\":\"12345678901234567890123456789012345678\"}}",
        "{\"a\":{\"N\":\"12345678901234567890123456789012345679\"}}", "{\"ab\":{\"S\":\"\"}}", "{\"a\":{\"S\":\"b\"}}"};
    size_t count = sizeof(items) / sizeof(items[0]);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            assert_fingerprints(items[i], items[j], i == j);
}

static void capacity_is_kept_to_a_limit_over_time(void **state)
{
    struct rate rate;
    int64_t now_ms = 1000, sent = 0;

    (void)state;
    rate_init(&rate, 10, now_ms);
    while (now_ms < 11000) {
        int64_t wait_ms = rate_wait_ms(&rate, now_ms);

        if (wait_ms == 0) {
            rate_charge(&rate, 1);
            rate_charge(&rate, 2); /* it turned out to be more */
            sent++;
        } else {
            now_ms += wait_ms;
        }
    }
    assert_true(sent * 3 >= 100 && sent * 3 <= 10 * 10 + 10 + 3);
    assert_true(rate.consumed > 99);
    rate_init(&rate, 0, 0);
    rate_charge(&rate, 1e9);
    assert_int_equal(rate_wait_ms(&rate, 1), 0);
}

static void a_guard_holds_the_version_and_every_attribute(void **state)
{
    const struct plan_events events = {.version = "v"};
    const struct upgrade upgrade = {.events = &events};
    struct strbuf out = STRBUF_INIT;
    struct json *wide = json_new(&arena, JSON_OBJECT);

    (void)state;
    undo_append_guard(&out, &upgrade, read_json("{\"a\":{\"S\":\"x\"},\"v\":{\"N\":\"2\"}}"));
    assert_string_equal(out.data, ",\"ConditionExpression\":\"#0=:0 AND #1=:1\",\"ExpressionAttributeNames\":{\"#0\":\"v\","
                                  "\"#1\":\"a\"},\"ExpressionAttributeValues\":{\":0\":{\"N\":\"2\"},\":1\":{\"S\":\"x\"}}");
    strbuf_clear(&out);
    undo_append_guard(&out, &upgrade, read_json("{\"a\":{\"S\":\"x\"}}"));
    assert_string_equal(out.data, ",\"ConditionExpression\":\"attribute_not_exists(#v) AND #0=:0\","
                                  "\"ExpressionAttributeNames\":{\"#v\":\"v\",\"#0\":\"a\"},\"ExpressionAttributeValues\":"
                                  "{\":0\":{\"S\":\"x\"}}");
    /* More attributes than an expression takes: the version is among those that fit. */
    for (int i = 0; i < 300; i++)
        json_set(&arena, wide, arena_printf(&arena, "a%d", i), json_clone(&arena, read_json("{\"N\":\"1\"}")));
    json_set(&arena, wide, "v", json_clone(&arena, read_json("{\"N\":\"7\"}")));
    strbuf_clear(&out);
    undo_append_guard(&out, &upgrade, wide);
    assert_non_null(strstr(out.data, "\":0\":{\"N\":\"7\"}"));
    assert_non_null(strstr(out.data, "#139=:139"));
    assert_null(strstr(out.data, "#140"));
    strbuf_free(&out);
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
        cmocka_unit_test(only_expected_members_count),
        cmocka_unit_test(lists_have_no_order_but_a_length),
        cmocka_unit_test(what_is_switched_off_may_be_left_out),
        cmocka_unit_test(a_tag_holds_the_step_or_a_digest_of_it),
        cmocka_unit_test(a_fingerprint_does_not_depend_on_spelling),
        cmocka_unit_test(a_fingerprint_tells_every_other_difference),
        cmocka_unit_test(capacity_is_kept_to_a_limit_over_time),
        cmocka_unit_test(a_guard_holds_the_version_and_every_attribute),
    };

    return cmocka_run_group_tests(tests, NULL, free_arena);
}
