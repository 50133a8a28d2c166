/* Where credentials come from, against servers of canned answers; and that they are renewed in time. */
#include <sys/stat.h>
#include <time.h>

#include "executor/aws/client.h"
#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/exit.h"
#include "tests/unit/canned_server.h"

enum { VARIABLES_MAX = 8 };

static struct arena arena;
static int64_t wall_ms; /* of the fake clock */
static char last_log[1024];
static int ticks;
static bool sleeping_passes_time;
static int64_t slept_ms; /* that nobody waited for */
static const char *variables[VARIABLES_MAX][2];
static size_t variable_count;

static int64_t now(void *context)
{
    struct timespec time;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000 + slept_ms;
}

static int64_t wall(void *context)
{
    (void)context;
    return wall_ms;
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
    for (size_t i = 0; i < variable_count; i++)
        if (strcmp(variables[i][0], name) == 0)
            return variables[i][1];
    return NULL;
}

static void do_not_sleep(void *context, int64_t ms)
{
    (void)context;
    if (sleeping_passes_time)
        slept_ms += ms;
}

static void count_tick(void *context)
{
    (void)context;
    ticks++;
}

static void keep_log(void *context, const char *level, const char *message)
{
    (void)context;
    snprintf(last_log, sizeof(last_log), "%s: %s", level, message);
}

static const struct driver_env env = {.now_ms = now,
    .wall_ms = wall,
    .random_bytes = random_bytes,
    .getenv = get_variable,
    .sleep_ms = do_not_sleep,
    .tick = count_tick,
    .log = keep_log};

static void set_variable(const char *name, const char *value)
{
    assert_true(variable_count < VARIABLES_MAX);
    variables[variable_count][0] = name;
    variables[variable_count++][1] = value;
}

static int begin(void **state)
{
    (void)state;
    variable_count = 0;
    wall_ms = 1700000000000; /* 2023-11-14T22:13:20Z */
    last_log[0] = '\0';
    ticks = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    stop_server();
    redact_forget_all();
    return 0;
}

static const char *file_with(const char *text)
{
    char *path = arena_strdup(&arena, "/tmp/invplan-credentials-XXXXXX");
    int file = mkstemp(path);

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    return path;
}

static struct aws_client *client_on(const char *plan_endpoint)
{
    const struct aws_client_options options = {.region = "us-east-1", .endpoint = plan_endpoint};
    struct aws_client *client;
    struct error error;

    if (!aws_client_create(&arena, &env, &options, &client, &error))
        fail_msg("%s", error.message);
    return client;
}

static struct aws_call call_on(struct aws_client *client)
{
    struct aws_call call = {.service = &AWS_SERVICE_DYNAMODB, .action = "GetItem", .body = STR("{}"), .arena = &arena};

    aws_call_wait(client, &call);
    return call;
}

static const char *answer_with(int status, const char *body)
{
    return arena_printf(&arena, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
}

/* Keys as containers and instances give them; they expire at the minute of 22:00 that is given. */
static const char *keys(const char *access, int minute)
{
    return answer_with(200, arena_printf(&arena, "{\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"secret-%s\",\"Token\":"
        "\"token-%s\",\"Expiration\":\"2023-11-14T22:%02d:20Z\",\"RoleArn\":\"x\"}", access, access, access, minute));
}

#define SERVE(...) start_server((const struct answer[]){__VA_ARGS__},                                                  \
    sizeof((const struct answer[]){__VA_ARGS__}) / sizeof(struct answer))
#define FINE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

/* --- tests ----------------------------------------------------------------------------------------------------------------------- */

static void a_container_gives_keys_and_gets_its_token(void **state)
{
    struct aws_client *client;
    struct aws_call call;

    (void)state;
    SERVE({.text = keys("CONTAINERKEY", 50), .wanted = "GET /v1/keys HTTP/1.1\r\n"},
        {.text = FINE, .wanted = "X-Amz-Security-Token: token-CONTAINERKEY\r\n"});
    set_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", arena_printf(&arena, "%s/v1/keys", endpoint));
    set_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in");
    client = client_on(endpoint);
    call = call_on(client);
    aws_client_destroy(client);
    assert_true(call.ok);
    assert_all_served();
}

static void a_containers_token_is_read_from_its_file_each_time(void **state)
{
    const char *path = file_with("first-token\n");
    struct aws_client *client;

    (void)state;
    SERVE({.text = keys("ONE", 20), .wanted = "Authorization: first-token\r\n"}, {.text = FINE, .wanted = "Credential=ONE/"},
        {.text = keys("TWO", 59), .wanted = "Authorization: other-token\r\n"}, {.text = FINE, .wanted = "Credential=TWO/"});
    set_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", arena_printf(&arena, "%s/", endpoint));
    set_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path);
    client = client_on(endpoint);
    assert_true(call_on(client).ok);
    assert_int_equal(rename(file_with("other-token"), path), 0);
    wall_ms += 3 * 60 * 1000; /* four minutes before they expire */
    assert_true(call_on(client).ok);
    aws_client_destroy(client);
    assert_all_served();
    remove(path);
}

static void an_instance_is_asked_by_the_second_version_alone(void **state)
{
    struct aws_client *client;

    (void)state;
    SERVE({.text = answer_with(200, "SESSION=="), .wanted = "PUT /latest/api/token HTTP/1.1\r\n"},
        {.text = answer_with(200, "the-role"), .wanted = "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"},
        {.text = keys("INSTANCEKEY", 59),
            .wanted = "GET /latest/meta-data/iam/security-credentials/the-role HTTP/1.1\r\n"},
        {.text = FINE, .wanted = "Credential=INSTANCEKEY/"});
    set_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
    client = client_on(endpoint);
    assert_true(call_on(client).ok);
    aws_client_destroy(client);
    assert_all_served();
    SERVE({.text = answer_with(403, "")});
    variable_count = 0;
    set_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
    client = client_on("http://127.0.0.1:1");
    {
        struct aws_call call = call_on(client);

        assert_false(call.ok);
        assert_int_equal(call.error.exit_status, EXIT_STATUS_AUTHENTICATION);
        assert_non_null(strstr(call.error.message, "no AWS credentials were found"));
    }
    aws_client_destroy(client);
    assert_all_served();
}

static void the_instances_token_goes_with_each_request(void **state)
{
    struct aws_client *client;

    (void)state;
    SERVE({.text = answer_with(200, "SESSION=="), .wanted = "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"},
        {.text = answer_with(200, "r"), .wanted = "X-aws-ec2-metadata-token: SESSION==\r\n"},
        {.text = keys("K", 59), .wanted = "X-aws-ec2-metadata-token: SESSION==\r\n"}, {.text = FINE});
    set_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
    client = client_on(endpoint);
    assert_true(call_on(client).ok);
    aws_client_destroy(client);
    assert_all_served();
}

#define ROLE_ANSWER(action, access, expires)                                                                           \
    answer_with(200, "<" action "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" action "Result>"       \
                     "<Credentials><AccessKeyId>" access "</AccessKeyId><SecretAccessKey>s-" access                    \
                     "</SecretAccessKey><SessionToken>t/" access "+=</SessionToken><Expiration>" expires               \
                     "</Expiration></Credentials></" action "Result></" action "Response>")

static void a_role_is_assumed_with_the_source_profiles_keys(void **state)
{
    const char *config = file_with("[default]\nrole_arn = arn:aws:iam::1:role/r+x\nsource_profile = base\n"
                                   "role_session_name = me\nexternal_id = a b\nduration_seconds = 900\n"
                                   "[profile base]\naws_access_key_id = BASEKEY\naws_secret_access_key = base-secret\n");
    struct aws_client *client;

    (void)state;
    SERVE({.text = ROLE_ANSWER("AssumeRole", "ROLEKEY", "2023-11-14T22:50:20Z"),
              .wanted = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr%2Bx&RoleSessionName="
                        "me&DurationSeconds=900&ExternalId=a%20b"},
        {.text = FINE, .wanted = "X-Amz-Security-Token: t/ROLEKEY+=\r\n"},
        {.text = ROLE_ANSWER("AssumeRole", "LATERKEY", "2023-11-14T23:50:20Z"), .wanted = "Credential=BASEKEY/"},
        {.text = FINE, .wanted = "Credential=LATERKEY/"});
    set_variable("AWS_CONFIG_FILE", config);
    set_variable("AWS_ENDPOINT_URL", endpoint);
    client = client_on(NULL);
    assert_true(call_on(client).ok);
    wall_ms += 33 * 60 * 1000;
    assert_true(call_on(client).ok);
    aws_client_destroy(client);
    assert_all_served();
    remove(config);
}

static void a_web_identity_is_exchanged_without_a_signature(void **state)
{
    const char *token = file_with("eyJ.token\n");
    struct aws_client *client;

    (void)state;
    SERVE({.text = ROLE_ANSWER("AssumeRoleWithWebIdentity", "WEBKEY", "2023-11-14T22:50:20Z"),
              .wanted = "RoleArn=arn%3Ar&RoleSessionName=pod&WebIdentityToken=eyJ.token"},
        {.text = FINE, .wanted = "Credential=WEBKEY/"});
    set_variable("AWS_WEB_IDENTITY_TOKEN_FILE", token);
    set_variable("AWS_ROLE_ARN", "arn:r");
    set_variable("AWS_ROLE_SESSION_NAME", "pod");
    set_variable("AWS_ENDPOINT_URL", endpoint);
    client = client_on(NULL);
    assert_true(call_on(client).ok);
    aws_client_destroy(client);
    assert_all_served();
    remove(token);
}

static void a_refused_role_says_which_one(void **state)
{
    const char *token = file_with("eyJ.token\n");
    struct aws_client *client;
    struct aws_call call;

    (void)state;
    SERVE({.text = answer_with(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
                                    "</ErrorResponse>")});
    set_variable("AWS_WEB_IDENTITY_TOKEN_FILE", token);
    set_variable("AWS_ROLE_ARN", "arn:r");
    set_variable("AWS_ENDPOINT_URL", endpoint);
    client = client_on(NULL);
    call = call_on(client);
    aws_client_destroy(client);
    assert_false(call.ok);
    assert_int_equal(call.error.exit_status, EXIT_STATUS_PERMISSION);
    assert_string_equal(call.error.message, "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE cannot assume the role 'arn:r': "
                                            "STS AssumeRoleWithWebIdentity: AccessDenied: no");
    assert_null(strstr(call.error.message, "eyJ"));
    assert_all_served();
    remove(token);
}

static const char *profile_with_process(const char *script)
{
    const char *program = file_with(arena_printf(&arena, "#!/bin/sh\n%s\n", script));

    assert_int_equal(chmod(program, 0700), 0);
    return file_with(arena_printf(&arena, "[default]\ncredential_process = \"%s\" 'one word' two\\ words\n", program));
}

static void a_process_gives_keys_and_gets_its_words(void **state)
{
    struct aws_client *client;

    (void)state;
    SERVE({.text = FINE, .wanted = "Credential=KEY-one-word.two-words/"});
    set_variable("AWS_CONFIG_FILE",
        profile_with_process("printf '{\"Version\":1,\"AccessKeyId\":\"KEY-%s.%s\",\"SecretAccessKey\":\"process-secret\"}' "
                             "\"$(echo \"$1\" | tr ' ' -)\" \"$(echo \"$2\" | tr ' ' -)\""));
    client = client_on(endpoint);
    assert_true(call_on(client).ok);
    aws_client_destroy(client);
    assert_all_served();
}

static void a_process_that_fails_or_babbles_is_an_error(void **state)
{
    static const struct {
        const char *script;
        const char *message;
    } cases[] = {
        {"exit 3", "failed with status 3"},
        {"echo nonsense", "does not answer with a JSON object"},
        {"echo '{\"AccessKeyId\":\"A\"}'", "no secret key"},
        {"echo '{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"process-secret\",\"Expiration\":\"soon\"}'", "is no time"},
        {"yes", "writes more than 65536 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aws_client *client;
        struct aws_call call;

        variable_count = 0;
        set_variable("AWS_CONFIG_FILE", profile_with_process(cases[i].script));
        client = client_on("http://127.0.0.1:1");
        call = call_on(client);
        aws_client_destroy(client);
        assert_false(call.ok);
        assert_int_equal(call.error.exit_status, EXIT_STATUS_AUTHENTICATION);
        if (!strstr(call.error.message, cases[i].message))
            fail_msg("'%s' does not say '%s'", call.error.message, cases[i].message);
        assert_null(strstr(call.error.message, "process-secret"));
    }
}

static void a_process_that_closes_its_output_and_goes_on_is_ended(void **state)
{
    struct aws_client *client;
    struct aws_call call;

    (void)state;
    set_variable("AWS_CONFIG_FILE",
        profile_with_process("echo '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}'; exec sleep 600 >&-"));
    client = client_on("http://127.0.0.1:1");
    sleeping_passes_time = true;
    call = call_on(client);
    sleeping_passes_time = false;
    aws_client_destroy(client);
    assert_int_equal(call.error.exit_status, EXIT_STATUS_AUTHENTICATION);
    assert_non_null(strstr(call.error.message, "it did not end within 60 s"));
}

static void keys_that_cannot_be_renewed_are_used_until_they_expire(void **state)
{
    struct aws_client *client;
    struct aws_call call;

    (void)state;
    SERVE({.text = keys("OLD", 20)}, {.text = FINE, .wanted = "Credential=OLD/"}, {.text = answer_with(404, "")},
        {.text = FINE, .wanted = "Credential=OLD/"}, {.text = FINE, .wanted = "Credential=OLD/"},
        {.text = answer_with(404, "")});
    set_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", arena_printf(&arena, "%s/", endpoint));
    client = client_on(endpoint);
    assert_true(call_on(client).ok);
    wall_ms += 3 * 60 * 1000;
    assert_true(call_on(client).ok); /* a try to renew fails */
    assert_non_null(strstr(last_log, "warning: the AWS credentials expire soon and cannot be renewed"));
    wall_ms += 10 * 1000;
    assert_true(call_on(client).ok); /* no other try so soon */
    wall_ms += 5 * 60 * 1000;        /* they have expired */
    call = call_on(client);
    assert_false(call.ok);
    assert_int_equal(call.error.exit_status, EXIT_STATUS_AUTHENTICATION);
    aws_client_destroy(client);
    assert_all_served();
}

static void keys_that_the_service_calls_expired_are_fetched_again_once(void **state)
{
    const char *expired = answer_with(400, "{\"__type\":\"x#ExpiredTokenException\",\"message\":\"expired\"}");
    struct aws_client *client;
    struct aws_call call;

    (void)state;
    SERVE({.text = keys("REVOKED", 59)}, {.text = expired}, {.text = keys("NEW", 59)},
        {.text = FINE, .wanted = "Credential=NEW/"}, {.text = expired}, {.text = keys("NEWER", 59)}, {.text = expired});
    set_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", arena_printf(&arena, "%s/", endpoint));
    client = client_on(endpoint);
    assert_true(call_on(client).ok);
    call = call_on(client);
    assert_false(call.ok);
    assert_string_equal(call.error.aws_code, "ExpiredTokenException");
    aws_client_destroy(client);
    assert_all_served();
}

static void what_a_fetch_brings_is_secret(void **state)
{
    struct aws_client *client;
    char text[] = "id K7 secret-K7 token-K7";

    (void)state;
    SERVE({.text = keys("K7", 59)}, {.text = FINE});
    set_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", arena_printf(&arena, "%s/", endpoint));
    client = client_on(endpoint);
    assert_true(call_on(client).ok);
    aws_client_destroy(client);
    redact_text(text);
    assert_string_equal(text, "id K7 ********* ********");
    assert_all_served();
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_container_gives_keys_and_gets_its_token),
        TEST(a_containers_token_is_read_from_its_file_each_time),
        TEST(an_instance_is_asked_by_the_second_version_alone),
        TEST(the_instances_token_goes_with_each_request),
        TEST(a_role_is_assumed_with_the_source_profiles_keys),
        TEST(a_web_identity_is_exchanged_without_a_signature),
        TEST(a_refused_role_says_which_one),
        TEST(a_process_gives_keys_and_gets_its_words),
        TEST(a_process_that_fails_or_babbles_is_an_error),
        TEST(a_process_that_closes_its_output_and_goes_on_is_ended),
        TEST(keys_that_cannot_be_renewed_are_used_until_they_expire),
        TEST(keys_that_the_service_calls_expired_are_fetched_again_once),
        TEST(what_a_fetch_brings_is_secret),
    };

    return cmocka_run_group_tests(tests, NULL, free_arena);
}
