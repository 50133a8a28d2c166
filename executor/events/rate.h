/*
 * Consumed capacity against a limit in units a second: a bucket that holds one second's worth and may go into debt, because
 * what a request consumes is known only when it is answered. Pure: the clock is an argument.
 */
#ifndef EXECUTOR_EVENTS_RATE_H
#define EXECUTOR_EVENTS_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct json;

struct rate {
    double limit;   /* units a second; 0: none */
    double balance;
    int64_t filled_ms;
    double consumed; /* in all */
};

/* A limit as the plan has it: units a second from 1 on; absent or null (0) for none. False for anything else. */
bool rate_read_limit(const struct json *value, double *out);
void rate_init(struct rate *rate, double limit, int64_t now_ms);
/* Milliseconds until a request may be sent; 0: now. */
int64_t rate_wait_ms(struct rate *rate, int64_t now_ms);
/* Counts what a request is thought to consume; when it is answered, the rest (or a negative correction). */
void rate_charge(struct rate *rate, double units);

#endif
