/* The AWS client's pure parts: signing, retries, regions and endpoints, profiles, credentials, XML, error classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executor/aws/client.h"
#include "executor/aws/credential_source.h"
#include "executor/aws/sigv4.h"
#include "executor/redact.h"
#include "spec/base/arena.h"
#include "spec/exit.h"

/* --- an environment of a few variables ---------------------------------------------------------------------------------------- */

static const char *const *variables; /* name, value, …, NULL */

static const char *get_variable(void *context, const char *name)
{
    (void)context;
    for (const char *const *at = variables; at && *at; at += 2)
        if (strcmp(at[0], name) == 0)
            return at[1];
    return NULL;
}

static const struct driver_env env = {.getenv = get_variable};

#define VARIABLES(...) (variables = (const char *const[]){__VA_ARGS__, NULL})

static char folder[] = "/tmp/invplan-aws-test-XXXXXX";

static const char *write_file(struct arena *arena, const char *name, const char *text)
{
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static struct aws_profile profile_of(struct arena *arena)
{
    struct aws_profile profile;
    struct error error;

    assert_true(aws_profile_load(arena, &env, &profile, &error));
    return profile;
}

/* --- signing ------------------------------------------------------------------------------------------------------------------- */

static void a_request_is_signed_as_the_published_example(void **state)
{
    const struct sigv4_header headers[] = {{STR("Host"), STR("example.amazonaws.com")}};
    const struct sigv4_request request = {
        .method = STR("GET"), .path = STR("/"), .query = STR(""), .headers = headers, .header_count = 1, .body = STR("")};
    const struct sigv4_scope scope = {.access_key = STR("AKIDEXAMPLE"),
        .secret_key = STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        .region = STR("us-east-1"),
        .service = STR("service"),
        .time_s = 1440938160};
    struct arena arena = ARENA_INIT;
    struct sigv4_result result;

    (void)state;
    sigv4_sign_headers(&arena, &request, &scope, &result);
    assert_string_equal(result.signature, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    assert_int_equal(result.added_count, 2);
    assert_string_equal(result.added[0].value.data, "20150830T123600Z");
    arena_free(&arena);
}

static void a_percent_sign_at_the_end_of_a_query_is_no_escape(void **state)
{
    const struct sigv4_header headers[] = {{STR("Host"), STR("h")}};
    const struct sigv4_request request = {
        .method = STR("GET"), .path = STR(""), .query = STR("a=%4&b=%&=c&&d"), .headers = headers, .header_count = 1};
    const struct sigv4_scope scope = {.time_s = 0};
    struct arena arena = ARENA_INIT;
    struct sigv4_result result;

    (void)state;
    sigv4_sign_headers(&arena, &request, &scope, &result);
    assert_non_null(strstr(result.canonical_request.data, "GET\n/\n=c&a=%254&b=%25&d=\nhost:h\n"));
    arena_free(&arena);
}

/* --- retries ------------------------------------------------------------------------------------------------------------------- */

static void throttles_transients_and_refusals_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(aws_retry_classify("ProvisionedThroughputExceededException", 400), AWS_RETRY_KIND_THROTTLE);
    assert_int_equal(aws_retry_classify("", 429), AWS_RETRY_KIND_THROTTLE);
    assert_int_equal(aws_retry_classify("InternalServerError", 500), AWS_RETRY_KIND_TRANSIENT);
    assert_int_equal(aws_retry_classify("", 503), AWS_RETRY_KIND_TRANSIENT);
    assert_int_equal(aws_retry_classify("", 0), AWS_RETRY_KIND_TRANSIENT);
    assert_int_equal(aws_retry_classify("RequestTimeTooSkewed", 403), AWS_RETRY_KIND_CLOCK);
    assert_int_equal(aws_retry_classify("ConditionalCheckFailedException", 400), AWS_RETRY_KIND_NO);
    assert_int_equal(aws_retry_classify("LimitExceededException", 400), AWS_RETRY_KIND_NO); /* waits in an outer loop */
    assert_int_equal(aws_retry_classify("AccessDeniedException", 400), AWS_RETRY_KIND_NO);
    assert_int_equal(aws_retry_classify("", 501), AWS_RETRY_KIND_NO);
}

static void a_retry_waits_twice_as_long_each_time_with_full_jitter(void **state)
{
    struct aws_retry_bucket bucket;
    int64_t delay_ms;

    (void)state;
    aws_retry_bucket_init(&bucket);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_DYNAMODB, AWS_RETRY_KIND_TRANSIENT, 1, 0.999, -1, &delay_ms));
    assert_int_equal(delay_ms, 24);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_DYNAMODB, AWS_RETRY_KIND_TRANSIENT, 2, 0.999, -1, &delay_ms));
    assert_int_equal(delay_ms, 49);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_DYNAMODB, AWS_RETRY_KIND_TRANSIENT, 3, 0.0, -1, &delay_ms));
    assert_int_equal(delay_ms, 0);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_DYNAMODB, AWS_RETRY_KIND_THROTTLE, 3, 0.5, -1, &delay_ms));
    assert_int_equal(delay_ms, 2000);
    assert_false(aws_retry_next(&bucket, &AWS_RETRY_POLICY_DYNAMODB, AWS_RETRY_KIND_TRANSIENT, 4, 0.5, -1, &delay_ms));
    assert_false(aws_retry_next(&bucket, &AWS_RETRY_POLICY_OTHER, AWS_RETRY_KIND_TRANSIENT, 3, 0.5, -1, &delay_ms));
    assert_false(aws_retry_next(&bucket, &AWS_RETRY_POLICY_OTHER, AWS_RETRY_KIND_NO, 1, 0.5, -1, &delay_ms));
}

static void a_delay_is_never_longer_than_the_cap(void **state)
{
    const struct aws_retry_policy policy = {.attempts_max = 100, .transient_base_ms = 50, .throttle_base_ms = 1000};
    struct aws_retry_bucket bucket;
    int64_t delay_ms;

    (void)state;
    aws_retry_bucket_init(&bucket);
    assert_true(aws_retry_next(&bucket, &policy, AWS_RETRY_KIND_THROTTLE, 90, 1.0, -1, &delay_ms));
    assert_int_equal(delay_ms, AWS_RETRY_DELAY_MAX_MS);
}

static void the_servers_own_delay_counts_within_five_seconds(void **state)
{
    struct aws_retry_bucket bucket;
    int64_t delay_ms;

    (void)state;
    aws_retry_bucket_init(&bucket);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_OTHER, AWS_RETRY_KIND_TRANSIENT, 1, 0.5, 300, &delay_ms));
    assert_int_equal(delay_ms, 300);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_OTHER, AWS_RETRY_KIND_TRANSIENT, 1, 0.5, 10, &delay_ms));
    assert_int_equal(delay_ms, 25);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_OTHER, AWS_RETRY_KIND_TRANSIENT, 1, 0.5, 900000, &delay_ms));
    assert_int_equal(delay_ms, 5025);
}

static void an_empty_bucket_ends_retries_until_successes_fill_it(void **state)
{
    struct aws_retry_bucket bucket;
    int64_t delay_ms;
    int retries = 0;

    (void)state;
    aws_retry_bucket_init(&bucket);
    while (aws_retry_next(&bucket, &AWS_RETRY_POLICY_DYNAMODB, AWS_RETRY_KIND_TRANSIENT, 1, 0.5, -1, &delay_ms))
        retries++;
    assert_int_equal(retries, AWS_RETRY_BUCKET_SIZE / 14);
    aws_retry_succeeded(&bucket, AWS_RETRY_KIND_TRANSIENT);
    assert_true(aws_retry_next(&bucket, &AWS_RETRY_POLICY_DYNAMODB, AWS_RETRY_KIND_TRANSIENT, 1, 0.5, -1, &delay_ms));
    for (int i = 0; i < 2 * AWS_RETRY_BUCKET_SIZE; i++)
        aws_retry_succeeded(&bucket, AWS_RETRY_KIND_NO);
    assert_int_equal(bucket.tokens, AWS_RETRY_BUCKET_SIZE);
}

/* --- regions and endpoints ------------------------------------------------------------------------------------------------------ */

static void the_plans_region_comes_before_the_environments(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_profile profile;
    const char *region;
    struct error error;

    (void)state;
    VARIABLES("AWS_CONFIG_FILE", write_file(&arena, "config", "[default]\nregion = eu-west-1\n"), "AWS_REGION", "us-west-2",
        "AWS_DEFAULT_REGION", "us-east-2");
    profile = profile_of(&arena);
    assert_true(aws_region_resolve(&arena, &env, &profile, "ap-south-1", &region, &error));
    assert_string_equal(region, "ap-south-1");
    assert_true(aws_region_resolve(&arena, &env, &profile, NULL, &region, &error));
    assert_string_equal(region, "us-west-2");
    VARIABLES("AWS_REGION", "", "AWS_DEFAULT_REGION", "us-east-2");
    assert_true(aws_region_resolve(&arena, &env, &profile, NULL, &region, &error));
    assert_string_equal(region, "us-east-2");
    VARIABLES("NOTHING", "");
    assert_true(aws_region_resolve(&arena, &env, &profile, NULL, &region, &error));
    assert_string_equal(region, "eu-west-1");
    arena_free(&arena);
}

static void a_region_that_would_change_the_host_is_refused(void **state)
{
    static const char *const bad[] = {"us-east-1.evil.example/", "US-EAST-1", "-x", "a b", "us_east_1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct arena arena = ARENA_INIT;
    struct aws_profile profile = {.name = "default"};
    const char *region;
    struct error error;

    (void)state;
    VARIABLES("NOTHING", "");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(aws_region_resolve(&arena, &env, &profile, bad[i], &region, &error));
        assert_int_equal(error.exit_status, EXIT_STATUS_UNREACHABLE);
    }
    assert_false(aws_region_resolve(&arena, &env, &profile, NULL, &region, &error));
    assert_string_equal(error.message, "no AWS region is named: not by the plan, AWS_REGION, AWS_DEFAULT_REGION or the "
                                       "profile 'default'");
    arena_free(&arena);
}

static struct aws_endpoint resolve(struct arena *arena, const char *plan_endpoint)
{
    struct aws_profile profile = {.name = "default"};
    struct aws_endpoint endpoint;
    struct error error;

    assert_true(aws_endpoint_resolve(arena, &env, &profile, "DYNAMODB", "dynamodb", "us-east-1", plan_endpoint, &endpoint,
        &error));
    return endpoint;
}

static void an_endpoint_is_the_plans_then_the_services_then_the_common_one(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_endpoint endpoint;

    (void)state;
    VARIABLES("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000", "AWS_ENDPOINT_URL", "http://localhost:4566/");
    endpoint = resolve(&arena, "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com:443");
    assert_string_equal(endpoint.url, "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com/");
    assert_false(endpoint.custom);
    endpoint = resolve(&arena, NULL);
    assert_string_equal(endpoint.url, "http://localhost:8000/");
    assert_string_equal(endpoint.authority, "localhost:8000");
    assert_string_equal(endpoint.origin, "AWS_ENDPOINT_URL_DYNAMODB");
    assert_true(endpoint.custom);
    VARIABLES("AWS_ENDPOINT_URL", "HTTP://127.0.0.1:80/base");
    endpoint = resolve(&arena, NULL);
    assert_string_equal(endpoint.url, "http://127.0.0.1/base");
    assert_string_equal(endpoint.authority, "127.0.0.1");
    assert_string_equal(endpoint.path, "/base");
    VARIABLES("AWS_ENDPOINT_URL", "http://x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    endpoint = resolve(&arena, NULL);
    assert_string_equal(endpoint.url, "https://dynamodb.us-east-1.amazonaws.com/");
    assert_false(endpoint.custom);
    VARIABLES("NOTHING", "");
    endpoint = resolve(&arena, "http://[::1]:8000");
    assert_string_equal(endpoint.authority, "[::1]:8000");
    arena_free(&arena);
}

static void a_damaged_endpoint_is_refused_with_where_it_came_from(void **state)
{
    static const char *const bad[] = {"localhost:8000", "ftp://x", "http://", "http://a:b@host", "http://host:0",
        "http://host:65536", "http://host:x", "http://host/?q", "http://host/a b", "http://ho st", "http://host/\r\nX: y",
        "http://[::1", "http://[zz]:1", "https://host#frag"};
    struct arena arena = ARENA_INIT;
    struct aws_profile profile = {.name = "default"};
    struct aws_endpoint endpoint;
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        VARIABLES("AWS_ENDPOINT_URL", bad[i]);
        if (aws_endpoint_resolve(&arena, &env, &profile, "DYNAMODB", "dynamodb", "us-east-1", NULL, &endpoint, &error))
            fail_msg("'%s' was taken as '%s'", bad[i], endpoint.url);
        assert_non_null(strstr(error.message, "AWS_ENDPOINT_URL"));
        assert_int_equal(error.exit_status, EXIT_STATUS_UNREACHABLE);
    }
    arena_free(&arena);
}

/* --- profiles and credentials ----------------------------------------------------------------------------------------------------- */

static void a_profile_is_read_from_both_files(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_profile profile;

    (void)state;
    VARIABLES("AWS_PROFILE", "team", "AWS_SHARED_CREDENTIALS_FILE",
        write_file(&arena, "credentials", "# keys\n[default]\naws_access_key_id=A\n[team] ; ours\n aws_session_token = no\n"
                                          "aws_access_key_id = B = \naws_secret_access_key=s#e ;c\n"),
        "AWS_CONFIG_FILE",
        write_file(&arena, "config", "[profile team]\nregion=eu-north-1\ns3 =\n  region = nested\n[profile other]\nregion=x\n"));
    profile = profile_of(&arena);
    assert_string_equal(aws_profile_get(&profile, "aws_access_key_id"), "B =");
    assert_string_equal(aws_profile_get(&profile, "aws_secret_access_key"), "s#e");
    assert_string_equal(aws_profile_get(&profile, "region"), "eu-north-1");
    assert_null(aws_profile_get(&profile, "aws_session_token"));
    arena_free(&arena);
}

static void a_profile_that_is_named_and_missing_is_an_error(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_profile profile;
    struct error error;

    (void)state;
    VARIABLES("AWS_PROFILE", "nobody", "HOME", folder);
    assert_false(aws_profile_load(&arena, &env, &profile, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_AUTHENTICATION);
    assert_non_null(strstr(error.message, "'nobody'"));
    assert_non_null(strstr(error.message, "/.aws/credentials"));
    arena_free(&arena);
}

static bool find_source(struct arena *arena, const struct aws_profile *profile, struct aws_credential_source **out,
    struct error *error)
{
    return aws_credential_source_find(arena, &env, profile, "us-east-1", out, error);
}

static const struct aws_credentials *known_keys(struct aws_credential_source *source)
{
    const struct aws_credentials *credentials;
    struct error error;

    assert_true(aws_credential_source_get(source, &credentials, &error));
    return credentials;
}

static void the_environments_keys_come_first_and_are_secret(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_profile profile = {.name = "default"};
    struct aws_credential_source *source;
    struct error error;
    char text[] = "key SeCrEt0123 token ToKeN9876 id AKIDEXAMPLE";

    (void)state;
    VEC_PUSH(&arena, &profile.settings, ((struct aws_profile_setting){"aws_access_key_id", "FILE"}));
    VEC_PUSH(&arena, &profile.settings, ((struct aws_profile_setting){"aws_secret_access_key", "FILE-SECRET"}));
    VARIABLES("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "SeCrEt0123", "AWS_SESSION_TOKEN", "ToKeN9876");
    assert_true(find_source(&arena, &profile, &source, &error));
    assert_string_equal(known_keys(source)->access_key.data, "AKIDEXAMPLE");
    assert_false(aws_credential_source_expire(source));
    redact_text(text);
    assert_null(strstr(text, "SeCrEt0123"));
    assert_null(strstr(text, "ToKeN9876"));
    assert_non_null(strstr(text, "AKIDEXAMPLE"));
    aws_credential_source_close(source);
    VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", "/x", "AWS_ROLE_ARN", "arn:r");
    assert_true(find_source(&arena, &profile, &source, &error));
    assert_string_equal(known_keys(source)->access_key.data, "FILE");
    assert_string_equal(aws_credential_source_origin(source), "the profile 'default'");
    aws_credential_source_close(source);
    redact_forget_all();
    arena_free(&arena);
}

static void missing_credentials_say_what_was_looked_for(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_profile profile = {.name = "default", .credentials_path = "/h/.aws/credentials", .config_path = "/h/.aws/config"};
    struct aws_credential_source *source;
    struct error error;

    (void)state;
    VARIABLES("AWS_EC2_METADATA_DISABLED", "true");
    assert_false(find_source(&arena, &profile, &source, &error));
    assert_int_equal(error.exit_status, EXIT_STATUS_AUTHENTICATION);
    assert_string_equal(error.message, "no AWS credentials were found: AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE and "
                                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI are not set, the profile 'default' has none "
                                       "in '/h/.aws/credentials' or '/h/.aws/config', and the metadata service is switched "
                                       "off");
    VARIABLES("AWS_ACCESS_KEY_ID", "A");
    assert_false(find_source(&arena, &profile, &source, &error));
    assert_non_null(strstr(error.message, "no secret key"));
    VARIABLES("AWS_WEB_IDENTITY_TOKEN_FILE", "/x");
    assert_false(find_source(&arena, &profile, &source, &error));
    assert_non_null(strstr(error.message, "AWS_ROLE_ARN"));
    arena_free(&arena);
}

/* The first of several sources is used: its name, or what is wrong with it. */
static const char *origin_with(struct arena *arena, const char *config)
{
    struct aws_credential_source *source;
    struct aws_profile profile;
    struct error error;
    const char *origin;

    write_file(arena, "config", config);
    profile = profile_of(arena);
    if (!find_source(arena, &profile, &source, &error))
        return arena_strdup(arena, error.message);
    origin = aws_credential_source_origin(source);
    aws_credential_source_close(source);
    return origin;
}

static void sources_are_tried_in_their_order(void **state)
{
    struct arena arena = ARENA_INIT;
    const char *config = write_file(&arena, "config", "");

    (void)state;
    VARIABLES("AWS_CONFIG_FILE", config, "AWS_WEB_IDENTITY_TOKEN_FILE", "/t", "AWS_ROLE_ARN", "arn:r",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c");
    assert_string_equal(origin_with(&arena, "[default]\ncredential_process = /bin/keys x\n"),
        "the credential_process of the profile 'default'");
    assert_string_equal(origin_with(&arena, "[default]\nregion = x\n"), "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE");
    VARIABLES("AWS_CONFIG_FILE", config, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c");
    assert_string_equal(origin_with(&arena, ""), "the container's credential service");
    VARIABLES("AWS_CONFIG_FILE", config);
    assert_string_equal(origin_with(&arena, ""), "the instance's metadata service");
    redact_forget_all();
    arena_free(&arena);
}

static void a_role_names_what_it_is_assumed_with(void **state)
{
    static const struct {
        const char *config;
        const char *answer;
    } cases[] = {
        {"[default]\nrole_arn = arn:r\nsource_profile = base\n[profile base]\naws_access_key_id = A\n"
         "aws_secret_access_key = SECRET\n", "the profile 'default'"},
        {"[default]\nrole_arn = arn:r\naws_access_key_id = A\naws_secret_access_key = SECRET\nsource_profile = default\n",
            "the profile 'default'"},
        {"[default]\nrole_arn = arn:r\nweb_identity_token_file = /t\n", "the profile 'default'"},
        {"[default]\nrole_arn = arn:r\ncredential_source = Ec2InstanceMetadata\n", "the profile 'default'"},
        {"[default]\nrole_arn = arn:r\n", "the profile 'default' has a role_arn, but nothing to assume the role with"},
        {"[default]\nrole_arn = arn:r\nsource_profile = base\n",
            "the profile 'base' that the profile 'default' names as its source_profile does not exist"},
        {"[default]\nrole_arn = arn:r\nsource_profile = base\n[profile base]\nregion = x\n",
            "the profile 'base' that the profile 'default' names as its source_profile has no credentials"},
        {"[default]\nrole_arn = arn:r\nsource_profile = a\n[profile a]\nrole_arn = arn:a\nsource_profile = b\n"
         "[profile b]\nrole_arn = arn:b\nsource_profile = a\n",
            "the source_profile settings of the profile 'a' lead more than 5 profiles on"},
        {"[default]\nrole_arn = arn:r\nsource_profile = x\nmfa_serial = m\n",
            "the profile 'default' wants a code of a multi-factor device, which a program cannot type"},
        {"[default]\nrole_arn = arn:r\ncredential_source = Magic\n",
            "the profile 'default' has the credential_source 'Magic'"},
        {"[default]\nrole_arn = arn:r\ncredential_source = Environment\n",
            "the profile 'default' takes its credentials from the credential_source 'Environment', which is not there"},
        {"[default]\nrole_arn = arn:r\ncredential_source = EcsContainer\nsource_profile = x\n",
            "the profile 'default' has both a source_profile and a credential_source"},
        {"[default]\nsso_session = x\n",
            "the profile 'default' asks for AWS credentials by 'sso_session', which this version cannot do"},
    };
    struct arena arena = ARENA_INIT;

    (void)state;
    VARIABLES("AWS_CONFIG_FILE", write_file(&arena, "config", ""));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(origin_with(&arena, cases[i].config), cases[i].answer);
    redact_forget_all();
    arena_free(&arena);
}

static void a_containers_token_goes_only_where_it_is_safe(void **state)
{
    static const char *const good[] = {"http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]:9/", "https://any.example/x",
        "http://169.254.170.2/x", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/x"};
    static const char *const bad[] = {"http://example.com/x", "http://127.0.0.1.example.com/", "http://169.254.170.24/",
        "http://localhost.example/", "ftp://localhost/x", "http://169.254.169.254/", "http://[fd00:ec2::230]/x"};
    struct arena arena = ARENA_INIT;
    struct error error;
    const char *url;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        VARIABLES("AWS_CONTAINER_CREDENTIALS_FULL_URI", good[i]);
        assert_true(container_url(&arena, &env, &url, &error));
        assert_string_equal(url, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        VARIABLES("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i]);
        if (container_url(&arena, &env, &url, &error))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(error.exit_status, EXIT_STATUS_AUTHENTICATION);
    }
    VARIABLES("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://no");
    assert_true(container_url(&arena, &env, &url, &error));
    assert_string_equal(url, "http://169.254.170.2/v2/credentials/x");
    VARIABLES("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@elsewhere.example/");
    assert_false(container_url(&arena, &env, &url, &error));
    arena_free(&arena);
}

static void the_metadata_service_has_an_address_unless_it_is_switched_off(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_profile profile = {.name = "default"};

    (void)state;
    VARIABLES("NOTHING", "");
    assert_string_equal(instance_url(&arena, &env, &profile), "http://169.254.169.254");
    VARIABLES("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6");
    assert_string_equal(instance_url(&arena, &env, &profile), "http://[fd00:ec2::254]");
    VARIABLES("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:81/");
    assert_string_equal(instance_url(&arena, &env, &profile), "http://127.0.0.1:81");
    VARIABLES("AWS_EC2_METADATA_DISABLED", "TRUE");
    assert_null(instance_url(&arena, &env, &profile));
    arena_free(&arena);
}

static void a_services_section_has_an_endpoint_for_each_service(void **state)
{
    struct arena arena = ARENA_INIT;
    struct aws_profile profile;
    struct aws_endpoint endpoint;
    struct error error;

    (void)state;
    VARIABLES("AWS_PROFILE", "dev", "AWS_CONFIG_FILE",
        write_file(&arena, "config", "[services local]\ndynamodb =\n  endpoint_url = http://localhost:8000\n"
                                     "secrets_manager =\n  endpoint_url = http://localhost:8001\n"
                                     "[profile dev]\nservices = local\nendpoint_url = http://localhost:9\n"));
    profile = profile_of(&arena);
    assert_true(aws_endpoint_resolve(&arena, &env, &profile, "DYNAMODB", "dynamodb", "us-east-1", NULL, &endpoint, &error));
    assert_string_equal(endpoint.url, "http://localhost:8000/");
    assert_true(aws_endpoint_resolve(&arena, &env, &profile, "SECRETS_MANAGER", "secretsmanager", "us-east-1", NULL,
        &endpoint, &error));
    assert_string_equal(endpoint.url, "http://localhost:8001/");
    assert_true(aws_endpoint_resolve(&arena, &env, &profile, "STS", "sts", "us-east-1", NULL, &endpoint, &error));
    assert_string_equal(endpoint.url, "http://localhost:9/");
    arena_free(&arena);
}

/* --- answers ---------------------------------------------------------------------------------------------------------------------- */

static void an_xml_answer_is_read_by_its_path(void **state)
{
    static const char text[] = "<?xml version=\"1.0\"?><r:Answer xmlns:r=\"u\"><Result><Account> 12&amp;34 </Account><Empty/>"
                               "</Result><Result/></r:Answer>";
    struct arena arena = ARENA_INIT;
    struct xml_node *root = xml_read(&arena, STR(text));

    (void)state;
    assert_non_null(root);
    assert_string_equal(root->name, "Answer");
    assert_string_equal(xml_text(root, "Result/Account").data, "12&34");
    assert_int_equal(xml_text(root, "Result/Empty").len, 0);
    assert_int_equal(xml_text(root, "Result/Nothing/Below").len, 0);
    assert_null(xml_find(root, "Account"));
    arena_free(&arena);
}

static void hostile_xml_is_refused(void **state)
{
    static const char bomb[] = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>";
    struct arena arena = ARENA_INIT;
    struct strbuf deep = STRBUF_INIT;

    (void)state;
    assert_null(xml_read(&arena, STR(bomb)));
    assert_null(xml_read(&arena, STR("<a><b></a>")));
    assert_null(xml_read(&arena, STR("<a></a><b></b>")));
    assert_null(xml_read(&arena, STR("")));
    for (int i = 0; i <= XML_DEPTH_MAX; i++)
        strbuf_append_text(&deep, "<a>");
    for (int i = 0; i <= XML_DEPTH_MAX; i++)
        strbuf_append_text(&deep, "</a>");
    assert_null(xml_read(&arena, strbuf_view(&deep)));
    strbuf_free(&deep);
    arena_free(&arena);
}

static void an_error_code_means_an_exit_status_and_a_help(void **state)
{
    static const struct {
        const char *code;
        int http_status;
        int exit_status;
        bool retryable;
    } cases[] = {
        {"UnrecognizedClientException", 400, EXIT_STATUS_AUTHENTICATION, false},
        {"ExpiredTokenException", 400, EXIT_STATUS_AUTHENTICATION, false},
        {"InvalidSignatureException", 403, EXIT_STATUS_AUTHENTICATION, false},
        {"AccessDeniedException", 400, EXIT_STATUS_PERMISSION, false},
        {"ThrottlingException", 400, EXIT_STATUS_HALTED, true},
        {"InternalServerError", 500, EXIT_STATUS_HALTED, true},
        {"ValidationException", 400, EXIT_STATUS_HALTED, false},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        aws_error_fill(&error, &AWS_SERVICE_DYNAMODB, "PutItem", cases[i].code, cases[i].http_status, "why");
        assert_int_equal(error.exit_status, cases[i].exit_status);
        assert_int_equal(error.retryable, cases[i].retryable);
        assert_int_equal(error.outcome_unknown, cases[i].http_status >= 500);
        assert_string_equal(error.aws_code, cases[i].code);
        assert_int_equal(error.help[0] != '\0',
            cases[i].exit_status == EXIT_STATUS_AUTHENTICATION || cases[i].exit_status == EXIT_STATUS_PERMISSION);
    }
    aws_error_fill(&error, &AWS_SERVICE_DYNAMODB, "PutItem", "AccessDeniedException", 400, "no");
    assert_string_equal(error.message, "DynamoDB PutItem: AccessDeniedException: no");
}

static void a_template_quotes_what_it_is_given(void **state)
{
    struct arena arena = ARENA_INIT;
    struct strbuf out = STRBUF_INIT;
    struct str view = {"a\0b", 3};

    (void)state;
    aws_format(&out, "{'k':%s,'v':%S,'n':{'N':%N},'i':%i,'j':%j,'r':%r,'p':'%%'}", "\"x'\n", &view, (int64_t)-5,
        INT64_MAX, json_new_bool(&arena, true), "[1]");
    assert_string_equal(out.data, "{\"k\":\"\\\"x'\\n\",\"v\":\"a\\u0000b\",\"n\":{\"N\":\"-5\"},\"i\":9223372036854775807,"
                                  "\"j\":true,\"r\":[1],\"p\":\"%\"}");
    strbuf_free(&out);
    arena_free(&arena);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    remove(arena_printf(&arena, "%s/config", folder));
    remove(arena_printf(&arena, "%s/credentials", folder));
    remove(folder);
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_signed_as_the_published_example),
        cmocka_unit_test(a_percent_sign_at_the_end_of_a_query_is_no_escape),
        cmocka_unit_test(throttles_transients_and_refusals_are_told_apart),
        cmocka_unit_test(a_retry_waits_twice_as_long_each_time_with_full_jitter),
        cmocka_unit_test(a_delay_is_never_longer_than_the_cap),
        cmocka_unit_test(the_servers_own_delay_counts_within_five_seconds),
        cmocka_unit_test(an_empty_bucket_ends_retries_until_successes_fill_it),
        cmocka_unit_test(the_plans_region_comes_before_the_environments),
        cmocka_unit_test(a_region_that_would_change_the_host_is_refused),
        cmocka_unit_test(an_endpoint_is_the_plans_then_the_services_then_the_common_one),
        cmocka_unit_test(a_damaged_endpoint_is_refused_with_where_it_came_from),
        cmocka_unit_test(a_profile_is_read_from_both_files),
        cmocka_unit_test(a_profile_that_is_named_and_missing_is_an_error),
        cmocka_unit_test(the_environments_keys_come_first_and_are_secret),
        cmocka_unit_test(missing_credentials_say_what_was_looked_for),
        cmocka_unit_test(sources_are_tried_in_their_order),
        cmocka_unit_test(a_role_names_what_it_is_assumed_with),
        cmocka_unit_test(a_containers_token_goes_only_where_it_is_safe),
        cmocka_unit_test(the_metadata_service_has_an_address_unless_it_is_switched_off),
        cmocka_unit_test(a_services_section_has_an_endpoint_for_each_service),
        cmocka_unit_test(an_xml_answer_is_read_by_its_path),
        cmocka_unit_test(hostile_xml_is_refused),
        cmocka_unit_test(an_error_code_means_an_exit_status_and_a_help),
        cmocka_unit_test(a_template_quotes_what_it_is_given),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
