/*
 * When to try again after a failure, and how long to wait before. Pure: the caller brings clock and random numbers.
 *
 *     struct retry retry = retry_start(step->retry, retry_for_ms, now);
 *     while (!attempt(&error) && retry_next(&retry, &error, now, random, &delay_ms)) sleep(delay_ms);
 *
 * Exponential backoff with full jitter (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015): the
 * delay is uniform between 0 and min(RETRY_CAP_MS, RETRY_BASE_MS * 2^n), with a floor so that it never spins.
 */
#ifndef EXECUTOR_RETRY_H
#define EXECUTOR_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/plan.h"

enum { RETRY_BASE_MS = 100, RETRY_CAP_MS = 10000, RETRY_FLOOR_MS = 20 };

struct retry {
    enum retry_class class;
    int64_t deadline_ms; /* on the caller's monotonic clock */
    unsigned attempts;   /* retries granted so far */
};

struct retry retry_start(enum retry_class class, int64_t retry_for_ms, int64_t now_ms);
/* Does the class cover this failure? Says nothing about time. */
bool retry_covers(enum retry_class class, const struct error *error);
/* Grants one more try, unless the class does not cover the error or the wait would pass the deadline. */
bool retry_next(struct retry *retry, const struct error *error, int64_t now_ms, uint32_t random, int64_t *delay_ms);

#endif
