/*
 * When a request to AWS is tried again, and after what time: AWS's standard retry mode
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html). Pure: the random number is an argument
 * and no clock is read.
 *
 * A retry costs tokens of one bucket that all requests of a client share, so that a service that is down is not
 * hammered; successes fill it again.
 */
#ifndef EXECUTOR_AWS_RETRY_H
#define EXECUTOR_AWS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum aws_retry_kind {
    AWS_RETRY_KIND_NO,        /* the answer would be the same */
    AWS_RETRY_KIND_TRANSIENT, /* 5xx, a cut connection, a damaged answer */
    AWS_RETRY_KIND_THROTTLE,
    AWS_RETRY_KIND_CLOCK,     /* our clock is off: correct it by the answer's Date, then try again */
};

struct aws_retry_policy {
    int attempts_max; /* the first one included */
    int64_t transient_base_ms;
    int64_t throttle_base_ms;
};

struct aws_retry_bucket {
    int tokens;
};

enum { AWS_RETRY_BUCKET_SIZE = 500, AWS_RETRY_DELAY_MAX_MS = 20000 };

extern const struct aws_retry_policy AWS_RETRY_POLICY_DYNAMODB;
extern const struct aws_retry_policy AWS_RETRY_POLICY_OTHER;

void aws_retry_bucket_init(struct aws_retry_bucket *bucket);
/* aws_code: AWS's error code or "". http_status: 0 when there was no answer. */
enum aws_retry_kind aws_retry_classify(const char *aws_code, int http_status);
/*
 * After attempt number `attempt` (1 is the first) failed: may it be tried again? Takes the tokens and gives the delay.
 * random: in [0, 1). server_delay_ms: x-amz-retry-after, or -1.
 */
bool aws_retry_next(struct aws_retry_bucket *bucket, const struct aws_retry_policy *policy, enum aws_retry_kind kind, int attempt,
    double random, int64_t server_delay_ms, int64_t *delay_ms);
/* After a success. last_kind: of the failure before it, AWS_RETRY_KIND_NO when it was the first try. */
void aws_retry_succeeded(struct aws_retry_bucket *bucket, enum aws_retry_kind last_kind);

#endif
