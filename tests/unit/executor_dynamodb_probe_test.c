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

static const struct item_table keyed = {.name = "t", .hash = {"id", 2}};

static char *change_of(const char *from, const char *to)
{
    struct strbuf out = STRBUF_INIT;
    struct error error;
    char *text;

    if (!item_change_append(&out, &keyed, read_json(from), read_json(to), &error))
        return arena_strdup(&arena, error.message);
    text = arena_strdup(&arena, out.data);
    strbuf_free(&out);
    return text;
}

static void a_change_names_what_it_changes_and_guards_what_it_looked_at(void **state)
{
    (void)state;
    assert_string_equal(change_of("{\"id\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"y\"},\"v\":{\"N\":\"2\"}}",
                            "{\"id\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"},\"c\":{\"S\":\"y\"},\"v\":{\"N\":\"3\"}}"),
        "\"Key\":{\"id\":{\"S\":\"x\"}},\"UpdateExpression\":\"SET #1=:n1,#2=:n2 REMOVE #0\",\"ConditionExpression\":"
        "\"#0=:0 AND #1=:1 AND attribute_not_exists(#2) AND #3=:3 AND #4=:4\",\"ExpressionAttributeNames\":{\"#0\":\"b\","
        "\"#1\":\"v\",\"#2\":\"c\",\"#3\":\"id\",\"#4\":\"a\"},\"ExpressionAttributeValues\":{\":0\":{\"S\":\"y\"},"
        "\":1\":{\"N\":\"2\"},\":n1\":{\"N\":\"3\"},\":n2\":{\"S\":\"y\"},\":3\":{\"S\":\"x\"},\":4\":{\"N\":\"1\"}}");
    assert_string_equal(change_of("{\"id\":{\"S\":\"x\"}}", "{\"id\":{\"S\":\"x\"},\"v\":{\"N\":\"2\"}}"),
        "\"Key\":{\"id\":{\"S\":\"x\"}},\"UpdateExpression\":\"SET #0=:n0\",\"ConditionExpression\":"
        "\"attribute_not_exists(#0) AND #1=:1\",\"ExpressionAttributeNames\":{\"#0\":\"v\",\"#1\":\"id\"},"
        "\"ExpressionAttributeValues\":{\":n0\":{\"N\":\"2\"},\":1\":{\"S\":\"x\"}}");
    assert_string_equal(change_of("{\"id\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"}}", "{\"id\":{\"S\":\"x\"}}"),
        "\"Key\":{\"id\":{\"S\":\"x\"}},\"UpdateExpression\":\"REMOVE #0\",\"ConditionExpression\":\"#0=:0 AND #1=:1\","
        "\"ExpressionAttributeNames\":{\"#0\":\"a\",\"#1\":\"id\"},\"ExpressionAttributeValues\":{\":0\":{\"N\":\"1\"},"
        "\":1\":{\"S\":\"x\"}}");
    assert_string_equal(change_of("{\"id\":{\"S\":\"x\"}}", "{\"id\":{\"S\":\"x\"}}"), "nothing of it would change");
}

/* An expression takes 300 operators and 4 KB. */
static void a_change_of_a_wide_item_stays_within_what_an_expression_takes(void **state)
{
    struct json *from = json_new(&arena, JSON_OBJECT), *to, *wider;
    struct strbuf out = STRBUF_INIT;
    struct error error;
    const char *condition;

    (void)state;
    for (int i = 0; i < 300; i++)
        json_set(&arena, from, arena_printf(&arena, "a%d", i), json_clone(&arena, read_json("{\"N\":\"1\"}")));
    json_set(&arena, from, "id", json_clone(&arena, read_json("{\"S\":\"x\"}")));
    to = json_clone(&arena, from);
    json_set(&arena, to, "v", json_clone(&arena, read_json("{\"N\":\"7\"}")));
    assert_true(item_change_append(&out, &keyed, from, to, &error));
    assert_non_null(strstr(out.data, "#139=:139"));
    assert_null(strstr(out.data, "#140"));
    assert_non_null(strstr(out.data, "\"#1\":\"id\"")); /* whether it is still there is looked at in any case */

    for (int i = 0; i < 99; i++)
        json_set(&arena, to, arena_printf(&arena, "b%d", i), json_clone(&arena, read_json("{\"N\":\"1\"}")));
    strbuf_clear(&out);
    assert_true(item_change_append(&out, &keyed, from, to, &error));
    condition = strstr(out.data, "\"ConditionExpression\":\"");
    assert_true(strcspn(condition + strlen("\"ConditionExpression\":\""), "\"") <= 4096);
    wider = json_clone(&arena, to);
    json_set(&arena, wider, "one more", json_clone(&arena, read_json("{\"N\":\"1\"}")));
    assert_false(item_change_append(&out, &keyed, from, wider, &error));
    assert_non_null(strstr(error.message, "more than 100 attributes would change"));
    strbuf_free(&out);
}

static void a_page_that_leads_to_itself_is_an_error(void **state)
{
    struct aws_call call = {.service = &AWS_SERVICE_DYNAMODB, .action = "Query"};
    struct error error;

    (void)state;
    call.body = STR("{\"TableName\":\"t\",\"ExclusiveStartKey\":{\"id\":{\"S\":\"a\"}}}");
    call.json = read_json("{\"Items\":[],\"LastEvaluatedKey\":{\"id\":{\"S\":\"b\"}}}");
    assert_true(dynamodb_page_moves(&call, &error));
    call.json = read_json("{\"Items\":[]}");
    assert_true(dynamodb_page_moves(&call, &error));
    call.json = read_json("{\"Items\":[], \"LastEvaluatedKey\": {\"id\": {\"S\": \"a\"}}}");
    assert_false(dynamodb_page_moves(&call, &error));
    assert_string_equal(error.message, "DynamoDB Query: the page after this one is this one");
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
        cmocka_unit_test(a_change_names_what_it_changes_and_guards_what_it_looked_at),
        cmocka_unit_test(a_change_of_a_wide_item_stays_within_what_an_expression_takes),
        cmocka_unit_test(a_page_that_leads_to_itself_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, free_arena);
}
