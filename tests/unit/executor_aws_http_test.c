/*
 * The AWS client against a server of canned answers: damaged, cut, slow, too large, out of time.
 */
#include <time.h>

#include "executor/aws/client.h"
#include "spec/base/arena.h"
#include "spec/exit.h"
#include "tests/unit/canned_server.h"

static struct arena arena;
static int64_t wall_ms; /* 0: the real clock */
static int ticks;

static int64_t now(void *context)
{
    struct timespec time;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t wall(void *context)
{
    (void)context;
    return wall_ms ? wall_ms : 1700000000000;
}

static bool random_bytes(void *context, void *out, size_t count)
{
    (void)context;
    memset(out, 0, count); /* no delays between retries */
    return true;
}

static const char *get_variable(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "AWS_ACCESS_KEY_ID") == 0)
        return "AKIDEXAMPLE";
    return strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0 ? "secret-of-the-test" : NULL;
}

static void count_tick(void *context)
{
    (void)context;
    ticks++;
}

static const struct driver_env env = {
    .now_ms = now, .wall_ms = wall, .random_bytes = random_bytes, .getenv = get_variable, .tick = count_tick};

static struct aws_call call_once(const struct answer *answers, size_t count)
{
    const struct aws_client_options options = {.region = "us-east-1", .endpoint = endpoint};
    struct aws_call call = {
        .service = &AWS_SERVICE_DYNAMODB, .action = "GetItem", .body = STR("{\"TableName\":\"t\"}"), .arena = &arena};
    struct aws_client *client;
    struct error error;

    start_server(answers, count);
    if (!aws_client_create(&arena, &env, &options, &client, &error))
        fail_msg("%s", error.message);
    aws_call_wait(client, &call);
    aws_client_destroy(client);
    return call;
}

#define CALL(...) call_once((const struct answer[]){__VA_ARGS__},                                                     \
    sizeof((const struct answer[]){__VA_ARGS__}) / sizeof(struct answer))

#define FINE "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nx-amz-crc32: 1444654255\r\n\r\n{\"a\":1}"
#define DAMAGED "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nx-amz-crc32: 1\r\n\r\n{\"a\":1}"
#define FAULT "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"
#define CUT "HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n{\"a\":"

/* --- tests ----------------------------------------------------------------------------------------------------------------------- */

static void a_request_is_what_dynamodb_wants(void **state)
{
    struct aws_call call = CALL({.text = FINE, .wanted = "POST / HTTP/1.1\r\n"});

    (void)state;
    assert_true(call.ok);
    assert_all_served();
    call = CALL({.text = FINE, .wanted = "X-Amz-Target: DynamoDB_20120810.GetItem\r\n"});
    assert_true(call.ok);
    assert_all_served();
    call = CALL({.text = FINE, .wanted = "Content-Type: application/x-amz-json-1.0\r\n"});
    assert_true(call.ok);
    assert_all_served();
    call = CALL({.text = FINE, .wanted = "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="});
    assert_true(call.ok);
    assert_all_served();
    call = CALL({.text = FINE, .wanted = "\r\n\r\n{\"TableName\":\"t\"}"});
    assert_true(call.ok);
    assert_all_served();
}

static void a_fault_is_tried_again_until_it_is_over(void **state)
{
    struct aws_call call = CALL({.text = FAULT}, {.text = NULL}, {.text = FAULT}, {.text = FINE});

    (void)state;
    assert_true(call.ok);
    assert_int_equal(call.attempts, 4);
    assert_true(call.repeated);
    assert_all_served();
    call = CALL({.text = FAULT}, {.text = FAULT}, {.text = FAULT}, {.text = FAULT});
    assert_false(call.ok);
    assert_true(call.error.retryable);
    assert_true(call.error.outcome_unknown);
    assert_int_equal(call.error.http_status, 500);
    assert_all_served();
}

static void a_damaged_or_cut_answer_is_not_believed(void **state)
{
    struct aws_call call = CALL({.text = DAMAGED}, {.text = CUT}, {.text = FINE});

    (void)state;
    assert_true(call.ok);
    assert_int_equal(call.attempts, 3);
    assert_all_served();
    call = CALL({.text = DAMAGED}, {.text = DAMAGED}, {.text = DAMAGED}, {.text = DAMAGED});
    assert_false(call.ok);
    assert_non_null(strstr(call.error.message, "damaged on its way"));
    assert_true(call.error.outcome_unknown);
    assert_all_served();
}

static void an_answer_that_is_no_json_object_is_an_error(void **state)
{
    static const char *const bodies[] = {"nonsense!!", "[1,2,3,45]", "{\"a\":1,\"a\"", "\"a string\"", "{\"a\":0001"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const char *text = arena_printf(&arena, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(bodies[i]), bodies[i]);
        struct aws_call call = CALL({.text = text}, {.text = text}, {.text = text}, {.text = text});

        assert_false(call.ok);
        assert_null(json_get(call.json, "b"));
        assert_true(call.error.outcome_unknown);
        stop_server();
    }
}

static void a_nul_in_an_items_text_is_kept(void **state)
{
    struct aws_call call = CALL({.text = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"a\":\"\\u0000\"}"});

    (void)state;
    assert_true(call.ok);
    assert_int_equal(json_text(json_get(call.json, "a")).len, 1);
    assert_all_served();
}

static void a_refusal_is_not_tried_again(void **state)
{
    struct aws_call call = CALL({.text = "HTTP/1.1 400 x\r\nContent-Length: 92\r\n\r\n"
                                         "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ValidationException\","
                                         "\"message\":\"bad\",\"more\":[1]}"});

    (void)state;
    assert_false(call.ok);
    assert_int_equal(call.attempts, 1);
    assert_string_equal(call.error.aws_code, "ValidationException");
    assert_string_equal(call.error.message, "DynamoDB GetItem: ValidationException: bad");
    assert_false(call.error.retryable);
    assert_false(call.error.outcome_unknown);
    assert_non_null(json_get(call.json, "more"));
    assert_all_served();
}

#define EXPIRED                                                                                                        \
    "HTTP/1.1 403 x\r\nDate: Tue, 14 Nov 2023 23:13:20 GMT\r\nContent-Length: 76\r\n\r\n"                              \
    "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"Signature expired: 2023\"}"

static void a_clock_that_is_off_is_corrected_by_the_servers_date(void **state)
{
    struct aws_call call;

    (void)state;
    wall_ms = 1700000000000; /* 2023-11-14T22:13:20Z, an hour behind the server */
    call = CALL({.text = EXPIRED, .wanted = "X-Amz-Date: 20231114T221320Z"},
        {.text = FINE, .wanted = "X-Amz-Date: 20231114T231320Z"});
    assert_true(call.ok);
    assert_int_equal(call.attempts, 2);
    assert_all_served();
    wall_ms = 1700003600000; /* the server's own time: then the clock is not the reason */
    call = CALL({.text = EXPIRED});
    assert_false(call.ok);
    assert_int_equal(call.error.exit_status, EXIT_STATUS_AUTHENTICATION);
    assert_all_served();
    wall_ms = 0;
}

static void an_answer_without_end_is_cut_off(void **state)
{
    struct aws_call call = CALL({.text = "HTTP/1.1 200 OK\r\n\r\n", .huge = true}, {.text = "HTTP/1.1 200 OK\r\n\r\n", .huge = true},
        {.text = "HTTP/1.1 200 OK\r\n\r\n", .huge = true}, {.text = "HTTP/1.1 200 OK\r\n\r\n", .huge = true});

    (void)state;
    assert_false(call.ok);
    assert_non_null(strstr(call.error.message, "the answer is too large"));
    stop_server();
}

static void a_redirect_is_not_followed(void **state)
{
    struct aws_call call = CALL({.text = "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"});

    (void)state;
    assert_false(call.ok);
    assert_int_equal(call.error.http_status, 307);
    assert_all_served();
}

static void a_server_that_is_not_there_leaves_no_doubt_about_the_outcome(void **state)
{
    const struct answer none = {0};
    struct aws_call call;

    (void)state;
    start_server(&none, 0); /* ends at once: nobody listens on its port */
    assert_all_served();
    {
        const struct aws_client_options options = {.region = "us-east-1", .endpoint = endpoint};
        struct aws_client *client;
        struct error error;

        assert_true(aws_client_create(&arena, &env, &options, &client, &error));
        call = (struct aws_call){.service = &AWS_SERVICE_DYNAMODB, .action = "PutItem", .body = STR("{}"), .arena = &arena};
        assert_false(aws_call_wait(client, &call));
        aws_client_destroy(client);
    }
    assert_int_equal(call.error.exit_status, EXIT_STATUS_UNREACHABLE);
    assert_true(call.error.retryable);
    assert_false(call.error.outcome_unknown);
    assert_int_equal(call.attempts, 4);
}

static void a_connection_that_is_cut_leaves_the_outcome_open(void **state)
{
    struct aws_call call = CALL({.text = NULL}, {.text = NULL}, {.text = NULL}, {.text = NULL});

    (void)state;
    assert_false(call.ok);
    assert_int_equal(call.error.exit_status, EXIT_STATUS_UNREACHABLE);
    assert_true(call.error.outcome_unknown);
    assert_null(strstr(call.error.message, "secret-of-the-test"));
    stop_server();
}

static int after_test(void **state)
{
    (void)state;
    stop_server();
    return 0;
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
        cmocka_unit_test_teardown(a_request_is_what_dynamodb_wants, after_test),
        cmocka_unit_test_teardown(a_fault_is_tried_again_until_it_is_over, after_test),
        cmocka_unit_test_teardown(a_damaged_or_cut_answer_is_not_believed, after_test),
        cmocka_unit_test_teardown(an_answer_that_is_no_json_object_is_an_error, after_test),
        cmocka_unit_test_teardown(a_nul_in_an_items_text_is_kept, after_test),
        cmocka_unit_test_teardown(a_refusal_is_not_tried_again, after_test),
        cmocka_unit_test_teardown(a_clock_that_is_off_is_corrected_by_the_servers_date, after_test),
        cmocka_unit_test_teardown(an_answer_without_end_is_cut_off, after_test),
        cmocka_unit_test_teardown(a_redirect_is_not_followed, after_test),
        cmocka_unit_test_teardown(a_server_that_is_not_there_leaves_no_doubt_about_the_outcome, after_test),
        cmocka_unit_test_teardown(a_connection_that_is_cut_leaves_the_outcome_open, after_test),
    };

    return cmocka_run_group_tests(tests, NULL, free_arena);
}
