#include "executor/aws/retry.h"

#include <stddef.h>
#include <string.h>

enum { COST_TRANSIENT = 14, COST_THROTTLE = 5, REFUND_FIRST_TRY = 1, SERVER_DELAY_WINDOW_MS = 5000 };

const struct aws_retry_policy AWS_RETRY_POLICY_DYNAMODB = {.attempts_max = 4, .transient_base_ms = 25, .throttle_base_ms = 1000};
const struct aws_retry_policy AWS_RETRY_POLICY_OTHER = {.attempts_max = 3, .transient_base_ms = 50, .throttle_base_ms = 1000};

/* Codes and lists as in botocore's standard retry mode, with DynamoDB's own. */
static const char *const throttles[] = {
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded",
    "BandwidthLimitExceeded", "RequestThrottled", "SlowDown", "PriorRequestNotComplete", "EC2ThrottledException",
};

static const char *const transients[] = {
    "RequestTimeout", "RequestTimeoutException", "InternalServerError", "InternalFailure", "ServiceUnavailable",
    "IDPCommunicationError", "ReplicatedWriteConflictException", "CRC32CheckFailed",
};

static const char *const clock_faults[] = {
    "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture",
};

static bool is_among(const char *code, const char *const *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

#define AMONG(code, list) is_among((code), (list), sizeof(list) / sizeof((list)[0]))

void aws_retry_bucket_init(struct aws_retry_bucket *bucket)
{
    bucket->tokens = AWS_RETRY_BUCKET_SIZE;
}

enum aws_retry_kind aws_retry_classify(const char *aws_code, int http_status)
{
    if (AMONG(aws_code, throttles))
        return AWS_RETRY_KIND_THROTTLE;
    if (AMONG(aws_code, clock_faults))
        return AWS_RETRY_KIND_CLOCK;
    if (AMONG(aws_code, transients))
        return AWS_RETRY_KIND_TRANSIENT;
    if (http_status == 429)
        return AWS_RETRY_KIND_THROTTLE;
    if (http_status == 0 || http_status == 500 || http_status == 502 || http_status == 503 || http_status == 504)
        return AWS_RETRY_KIND_TRANSIENT;
    return AWS_RETRY_KIND_NO;
}

static int cost_of(enum aws_retry_kind kind)
{
    return kind == AWS_RETRY_KIND_THROTTLE ? COST_THROTTLE : COST_TRANSIENT;
}

bool aws_retry_next(struct aws_retry_bucket *bucket, const struct aws_retry_policy *policy, enum aws_retry_kind kind, int attempt,
    double random, int64_t server_delay_ms, int64_t *delay_ms)
{
    int64_t base = kind == AWS_RETRY_KIND_THROTTLE ? policy->throttle_base_ms : policy->transient_base_ms;
    int64_t ceiling = base;

    *delay_ms = 0;
    if (kind == AWS_RETRY_KIND_NO || attempt >= policy->attempts_max || bucket->tokens < cost_of(kind))
        return false;
    bucket->tokens -= cost_of(kind);
    for (int i = 1; i < attempt && ceiling < AWS_RETRY_DELAY_MAX_MS; i++)
        ceiling *= 2;
    if (ceiling > AWS_RETRY_DELAY_MAX_MS)
        ceiling = AWS_RETRY_DELAY_MAX_MS;
    *delay_ms = (int64_t)(random * (double)ceiling);
    if (server_delay_ms >= 0) {
        if (server_delay_ms > *delay_ms + SERVER_DELAY_WINDOW_MS)
            *delay_ms += SERVER_DELAY_WINDOW_MS;
        else if (server_delay_ms > *delay_ms)
            *delay_ms = server_delay_ms;
    }
    return true;
}

void aws_retry_succeeded(struct aws_retry_bucket *bucket, enum aws_retry_kind last_kind)
{
    bucket->tokens += last_kind == AWS_RETRY_KIND_NO ? REFUND_FIRST_TRY : cost_of(last_kind);
    if (bucket->tokens > AWS_RETRY_BUCKET_SIZE)
        bucket->tokens = AWS_RETRY_BUCKET_SIZE;
}
