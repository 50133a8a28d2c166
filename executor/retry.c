#include "executor/retry.h"

#include <string.h>

struct retry retry_start(enum retry_class class, int64_t retry_for_ms, int64_t now_ms)
{
    return (struct retry){.class = class, .deadline_ms = now_ms + retry_for_ms};
}

/* A queue for a lock that took too long, or a conflict with another transaction; the same call later has a fair chance.
 */
static bool is_lock_conflict(const struct error *error)
{
    static const char *const states[] = {
        "55P03", /* lock_not_available: lock_timeout */
        "40001", /* serialization_failure */
        "40P01", /* deadlock_detected */
    };
    static const char *const codes[] = {"TransactionConflictException", "TransactionInProgressException",
        "ResourceInUseException", "LimitExceededException"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(error->sqlstate, states[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(error->aws_code, codes[i]) == 0)
            return true;
    return false;
}

bool retry_covers(enum retry_class class, const struct error *error)
{
    switch (class) {
    case RETRY_NEVER:
        return false;
    case RETRY_LOCK:
        return error->retryable && is_lock_conflict(error);
    case RETRY_TRANSIENT:
        return error->retryable || error->outcome_unknown;
    }
    return false;
}

bool retry_next(struct retry *retry, const struct error *error, int64_t now_ms, uint32_t random, int64_t *delay_ms)
{
    int64_t limit = RETRY_CAP_MS;

    if (!retry_covers(retry->class, error))
        return false;
    /* Past 2^7 the cap rules, and a shift by an unbounded count would be undefined. */
    if (retry->attempts < 7)
        limit = (int64_t)RETRY_BASE_MS << retry->attempts;
    if (limit > RETRY_CAP_MS)
        limit = RETRY_CAP_MS;
    *delay_ms = RETRY_FLOOR_MS + (int64_t)((uint64_t)random * (uint64_t)(limit - RETRY_FLOOR_MS) / UINT32_MAX);
    if (now_ms + *delay_ms > retry->deadline_ms)
        return false;
    retry->attempts++;
    return true;
}
