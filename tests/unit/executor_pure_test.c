/* The executor's parts that need no driver: redaction, references, retries, drift, progress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executor/drift.h"
#include "executor/progress.h"
#include "executor/redact.h"
#include "executor/reference.h"
#include "executor/retry.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

static struct arena arena;

static int tear_down(void **state)
{
    (void)state;
    redact_forget_all();
    arena_free(&arena);
    return 0;
}

/* --- redaction ---------------------------------------------------------------------------------------------------- */

static const char *redacted(const char *text)
{
    char *copy = arena_strdup(&arena, text);

    redact_text(copy);
    return copy;
}

static void secrets_are_blanked_wherever_they_stand(void **state)
{
    (void)state;
    redact_register("hunter22", 8);
    assert_string_equal(redacted("a hunter22 b hunter22"), "a ******** b ********");
    assert_string_equal(redacted("hunter2"), "hunter2");
}

static void secrets_are_blanked_in_their_url_and_json_spellings(void **state)
{
    (void)state;
    redact_register("p@s/s\"w\\d", 9);
    assert_string_equal(redacted("x p@s/s\"w\\d y"), "x ********* y");
    assert_string_equal(redacted("://u:p%40s%2Fs%22w%5Cd@h"), "://u:*****************@h");
    assert_string_equal(redacted("://u:p%40s%2fs\"w\\d@h"), "://u:*************@h");
    assert_string_equal(redacted("{\"v\":\"p@s/s\\\"w\\\\d\"}"), "{\"v\":\"***********\"}");
}

static void a_percent_sign_in_a_secret_is_no_hole(void **state)
{
    (void)state;
    redact_register("ab%25c", 6);
    assert_string_equal(redacted("x ab%25c y"), "x ****** y");
    assert_string_equal(redacted("x ab%2525c y"), "x ******** y");
}

static void secrets_that_are_too_short_are_left_alone(void **state)
{
    (void)state;
    redact_register("abc", 3);
    assert_string_equal(redacted("abc"), "abc");
}

static void the_longest_of_two_secrets_is_blanked(void **state)
{
    (void)state;
    redact_register("secret", 6);
    redact_register("secretive", 9);
    assert_string_equal(redacted("secretive"), "*********");
}

/* --- references --------------------------------------------------------------------------------------------------- */

static const char *fake_getenv(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "URL") == 0)
        return "postgresql://me:s3cr%40t!@db.example/shop?password=otherpw";
    return strcmp(name, "PW") == 0 ? "topsecret" : NULL;
}

static const struct driver_env environment = {.getenv = fake_getenv};

static struct plan_target *target_with(const char *name, const char *value)
{
    struct plan_target *target = ARENA_NEW(&arena, struct plan_target);

    target->name = "db";
    VEC_PUSH(&arena, &target->connection, ((struct plan_connection_field){name, value}));
    return target;
}

static bool resolve_field(const struct plan_target *target, const char *field, const char **out, struct error *error)
{
    struct references references = {&arena, &environment, target, NULL};
    bool ok = reference_resolve_field(&references, field, out, error);

    references_close(&references);
    return ok;
}

static void references_to_the_environment_are_put_in(void **state)
{
    const char *value;
    struct error error;

    (void)state;
    assert_true(resolve_field(target_with("host", "a-${env:PW}-b"), "host", &value, &error));
    assert_string_equal(value, "a-topsecret-b");
    assert_true(resolve_field(target_with("host", "plain"), "host", &value, &error));
    assert_string_equal(value, "plain");
    assert_true(resolve_field(target_with("host", "plain"), "port", &value, &error));
    assert_null(value);
}

static void passwords_in_urls_are_secret_from_then_on(void **state)
{
    const char *value;
    struct error error;

    (void)state;
    assert_true(resolve_field(target_with("url", "${env:URL}"), "url", &value, &error));
    assert_string_equal(redacted("auth failed with s3cr@t! at db.example"), "auth failed with ******* at db.example");
    assert_null(strstr(redacted(value), "s3cr"));
    assert_null(strstr(redacted(value), "otherpw"));
}

static void passwords_in_fields_are_secret_from_then_on(void **state)
{
    const char *value;
    struct error error;

    (void)state;
    assert_true(resolve_field(target_with("password", "${env:PW}"), "password", &value, &error));
    assert_string_equal(redacted("topsecret"), "*********");
}

static void an_unset_variable_is_named_with_its_field(void **state)
{
    const char *value;
    struct error error;

    (void)state;
    assert_false(resolve_field(target_with("url", "${env:NOPE}"), "url", &value, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_UNREACHABLE);
    assert_string_equal(error.message, "environment variable 'NOPE' is not set; 'url' of target 'db' needs it");
}

static void other_references_are_refused(void **state)
{
    const char *value;
    struct error error;

    (void)state;
    assert_false(resolve_field(target_with("url", "${secret:arn}"), "url", &value, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_false(resolve_field(target_with("url", "${secret:arn#}"), "url", &value, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_false(resolve_field(target_with("url", "${file:x}"), "url", &value, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_false(resolve_field(target_with("url", "${env:x"), "url", &value, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
    assert_false(resolve_field(target_with("url", "${env:}"), "url", &value, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_PLAN);
}

/* --- retries ------------------------------------------------------------------------------------------------------ */

static struct error failure(const char *sqlstate, const char *aws_code, bool retryable, bool unknown)
{
    struct error error = {.retryable = retryable, .outcome_unknown = unknown};

    snprintf(error.sqlstate, sizeof(error.sqlstate), "%s", sqlstate);
    snprintf(error.aws_code, sizeof(error.aws_code), "%s", aws_code);
    return error;
}

static void each_retry_class_covers_what_it_says(void **state)
{
    const struct error lock = failure("55P03", "", true, false), deadlock = failure("40P01", "", true, false);
    const struct error throttle = failure("", "ThrottlingException", true, false), lost = failure("", "", false, true);
    const struct error conflict = failure("", "TransactionConflictException", true, false);
    const struct error syntax = failure("42601", "", false, false);

    (void)state;
    assert_true(
        retry_covers(RETRY_LOCK, &lock) && retry_covers(RETRY_LOCK, &deadlock) && retry_covers(RETRY_LOCK, &conflict));
    assert_false(
        retry_covers(RETRY_LOCK, &throttle) || retry_covers(RETRY_LOCK, &lost) || retry_covers(RETRY_LOCK, &syntax));
    assert_true(retry_covers(RETRY_TRANSIENT, &lock) && retry_covers(RETRY_TRANSIENT, &throttle) &&
                retry_covers(RETRY_TRANSIENT, &lost));
    assert_false(retry_covers(RETRY_TRANSIENT, &syntax));
    assert_false(retry_covers(RETRY_NEVER, &lock) || retry_covers(RETRY_NEVER, &lost));
}

static void delays_grow_are_jittered_and_capped(void **state)
{
    const struct error lock = failure("55P03", "", true, false);
    struct retry low = retry_start(RETRY_LOCK, INT64_MAX / 4, 0), high = low;
    int64_t low_ms, high_ms;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        int64_t limit = i < 7 ? (int64_t)RETRY_BASE_MS << i : RETRY_CAP_MS;

        assert_true(retry_next(&low, &lock, 0, 0, &low_ms));
        assert_true(retry_next(&high, &lock, 0, UINT32_MAX, &high_ms));
        assert_int_equal(low_ms, RETRY_FLOOR_MS);
        assert_int_equal(high_ms, limit > RETRY_CAP_MS ? RETRY_CAP_MS : limit);
    }
}

static void no_retry_is_granted_past_the_deadline(void **state)
{
    const struct error lock = failure("55P03", "", true, false);
    struct retry retry = retry_start(RETRY_LOCK, 1000, 500);
    int64_t delay_ms;

    (void)state;
    assert_true(retry_next(&retry, &lock, 1400, 0, &delay_ms));
    assert_false(retry_next(&retry, &lock, 1490, 0, &delay_ms));
}

/* --- drift -------------------------------------------------------------------------------------------------------- */

static const struct json *read_json(const char *text)
{
    struct json_error error;
    const struct json *value = json_read(&arena, str_from(text), JSON_STRICT, &error);

    assert_non_null(value);
    return value;
}

/* The findings, one a line. */
static const char *drift(const char *was, const char *is)
{
    struct drift_list list = {0};
    struct strbuf buf = STRBUF_INIT;
    const char *text;

    drift_compare(&arena, "table public.t", was ? read_json(was) : NULL, is ? read_json(is) : NULL, &list);
    for (size_t i = 0; i < list.items.count; i++)
        strbuf_printf(&buf, "%s%s", i ? "\n" : "", list.items.items[i].message);
    text = strbuf_copy(&buf, &arena).data;
    strbuf_free(&buf);
    return text ? text : "";
}

static void equal_definitions_do_not_drift(void **state)
{
    (void)state;
    assert_string_equal(
        drift("{\"a\":1,\"columns\":{\"x\":{\"t\":\"int\"}}}", "{\"columns\":{\"x\":{\"t\":\"int\"}},\"a\":1}"), "");
    assert_string_equal(drift(NULL, "null"), "");
    assert_string_equal(drift("null", NULL), "");
}

static void a_changed_attribute_is_named_with_its_part(void **state)
{
    (void)state;
    assert_string_equal(
        drift("{\"columns\":{\"sku\":{\"type\":\"integer\"}}}", "{\"columns\":{\"sku\":{\"type\":\"text\"}}}"),
        "column sku of table public.t: type is text, was integer");
    assert_string_equal(drift("{\"owner\":\"a\"}", "{\"owner\":\"b\"}"), "table public.t: owner is b, was a");
    assert_string_equal(drift("{\"columns\":{\"x\":{\"default\":null}}}", "{\"columns\":{\"x\":{\"default\":\"0\"}}}"),
        "column x of table public.t: default is 0, was absent");
}

static void parts_that_are_gone_or_new_are_named(void **state)
{
    (void)state;
    assert_string_equal(drift("{\"indexes\":{\"a\":{},\"b\":{}}}", "{\"indexes\":{\"b\":{},\"c\":{}}}"),
        "index a of table public.t is gone\nindex c of table public.t is new");
    assert_string_equal(drift("{\"policies\":{\"p\":{}}}", "{\"policies\":{}}"), "policy p of table public.t is gone");
    assert_string_equal(
        drift("{\"foreign_keys\":{\"p\":{}}}", "{\"foreign_keys\":{}}"), "foreign key p of table public.t is gone");
}

static void lists_of_named_parts_are_compared_by_name(void **state)
{
    (void)state;
    assert_string_equal(drift("{\"columns\":[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"int\"}]}",
                            "{\"columns\":[{\"name\":\"b\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"text\"}]}"),
        "column a of table public.t: type is text, was int");
}

static void objects_that_are_gone_or_new_are_named_once(void **state)
{
    (void)state;
    assert_string_equal(drift("{\"columns\":{\"a\":{}}}", NULL), "table public.t is gone");
    assert_string_equal(drift("null", "{\"columns\":{\"a\":{}}}"), "table public.t is new");
}

static void other_lists_are_compared_as_they_are(void **state)
{
    (void)state;
    assert_string_equal(drift("{\"privileges\":[\"a\"]}", "{\"privileges\":[\"a\",\"b\"]}"),
        "table public.t: privileges is [\"a\",\"b\"], was [\"a\"]");
}

/* --- progress ----------------------------------------------------------------------------------------------------- */

static int64_t clock_ms;

static int64_t read_clock(void *context)
{
    (void)context;
    return clock_ms;
}

static const struct driver_env clock_env = {.now_ms = read_clock, .wall_ms = read_clock};

struct screen {
    FILE *file;
    char *text;
    size_t len;
    struct progress progress;
};

static void screen_open(struct screen *screen, enum progress_mode mode, bool color)
{
    clock_ms = 1000;
    screen->file = open_memstream(&screen->text, &screen->len);
    progress_init(&screen->progress, screen->file, mode, color, 60, &clock_env);
}

static void screen_close(struct screen *screen)
{
    fclose(screen->file);
    free(screen->text);
}

static void plain_progress_is_one_line_a_step(void **state)
{
    struct screen screen;

    (void)state;
    screen_open(&screen, PROGRESS_PLAIN, false);
    progress_expect(&screen.progress, 2);
    progress_started(&screen.progress, "db", "1/a/run");
    progress_update(&screen.progress, "1/a/run", 10, 100, "rows");
    progress_done(&screen.progress, "db", "1/a/run", "applied", 1234, 100, NULL);
    progress_done(&screen.progress, "db", "1/b/run", "failed", 5, -1, "no\nway \033[31m");
    assert_string_equal(screen.text,
        "[1/2] db  1/a/run  applied  1.2 s, 100 affected\n[2/2] db  1/b/run  failed  5 ms: no way <U+001B>[31m\n");
    screen_close(&screen);
}

static void a_long_step_tells_that_it_lives(void **state)
{
    struct screen screen;

    (void)state;
    screen_open(&screen, PROGRESS_PLAIN, false);
    progress_started(&screen.progress, "db", "1/a/run");
    progress_update(&screen.progress, "1/a/run", 0, 100000, "rows");
    clock_ms += 31000;
    progress_update(&screen.progress, "1/a/run", 31000, 100000, "rows");
    assert_string_equal(screen.text, "db  1/a/run [######..............] 31% 1000 rows/s, about 1m09s left  31.0 s\n");
    screen_close(&screen);
}

static void a_resumed_steps_rate_counts_from_where_it_went_on(void **state)
{
    struct screen screen;

    (void)state;
    screen_open(&screen, PROGRESS_PLAIN, false);
    progress_started(&screen.progress, "db", "1/a/run");
    progress_update(&screen.progress, "1/a/run", 90000, 100000, "rows");
    clock_ms += 31000;
    progress_update(&screen.progress, "1/a/run", 90310, 100000, "rows");
    assert_non_null(strstr(screen.text, " 10 rows/s"));
    screen_close(&screen);
}

static void live_lines_are_cut_to_the_terminal_and_taken_away(void **state)
{
    struct screen screen;

    (void)state;
    screen_open(&screen, PROGRESS_TERMINAL, true);
    progress_started(&screen.progress, "db", "a-step-with-a-name-that-is-much-longer-than-a-terminal-is-wide/x/y");
    clock_ms += 500;
    progress_tick(&screen.progress);
    assert_int_equal(strcspn(screen.text, "\n"), 59);
    progress_clear(&screen.progress);
    assert_non_null(strstr(screen.text, "\033[1A\033[2K"));
    progress_log(&screen.progress, "warning", "careful");
    assert_non_null(strstr(screen.text, "\033[33mwarning\033[0m: careful\n"));
    screen_close(&screen);
}

static void json_progress_is_an_event_a_line(void **state)
{
    struct screen screen;
    struct json_error error;
    const struct json *event;
    const char *second;

    (void)state;
    redact_register("hunter22", 8);
    screen_open(&screen, PROGRESS_JSON, false);
    progress_expect(&screen.progress, 1);
    progress_started(&screen.progress, "db", "1/a/run");
    progress_done(&screen.progress, "db", "1/a/run", "failed", 7, -1, "password hunter22");
    second = strchr(screen.text, '\n') + 1;
    event = json_read(&arena, (struct str){second, strlen(second)}, JSON_STRICT, &error);
    assert_non_null(event);
    assert_string_equal(json_string(json_get(event, "event")), "step_done");
    assert_string_equal(json_string(json_get(event, "at")), "1970-01-01T00:00:01.000Z");
    assert_string_equal(json_string(json_get(event, "detail")), "password ********");
    screen_close(&screen);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, NULL, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(secrets_are_blanked_wherever_they_stand),
        CASE(secrets_are_blanked_in_their_url_and_json_spellings),
        CASE(a_percent_sign_in_a_secret_is_no_hole),
        CASE(secrets_that_are_too_short_are_left_alone),
        CASE(the_longest_of_two_secrets_is_blanked),
        CASE(references_to_the_environment_are_put_in),
        CASE(passwords_in_urls_are_secret_from_then_on),
        CASE(passwords_in_fields_are_secret_from_then_on),
        CASE(an_unset_variable_is_named_with_its_field),
        CASE(other_references_are_refused),
        CASE(each_retry_class_covers_what_it_says),
        CASE(delays_grow_are_jittered_and_capped),
        CASE(no_retry_is_granted_past_the_deadline),
        CASE(equal_definitions_do_not_drift),
        CASE(a_changed_attribute_is_named_with_its_part),
        CASE(parts_that_are_gone_or_new_are_named),
        CASE(lists_of_named_parts_are_compared_by_name),
        CASE(objects_that_are_gone_or_new_are_named_once),
        CASE(other_lists_are_compared_as_they_are),
        CASE(plain_progress_is_one_line_a_step),
        CASE(a_long_step_tells_that_it_lives),
        CASE(a_resumed_steps_rate_counts_from_where_it_went_on),
        CASE(live_lines_are_cut_to_the_terminal_and_taken_away),
        CASE(json_progress_is_an_event_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
