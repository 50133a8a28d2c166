/*
 * One run-time error: what went wrong, what it means for the process and whether trying again can help. Functions that
 * can fail at run time return bool and fill one of these. Bad input in files that people write is a diagnostic
 * (diag.h) instead.
 */
#ifndef SPEC_BASE_ERROR_H
#define SPEC_BASE_ERROR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum { ERROR_MESSAGE_MAX = 2048, ERROR_HELP_MAX = 1024 };

struct error {
    int exit_status;                /* the process's exit status if the error ends it (a row of the caller's table) */
    bool retryable;                 /* the same call may succeed later */
    bool outcome_unknown;           /* the effect may or may not have happened (connection cut, time-out) */
    char sqlstate[6];               /* PostgreSQL's five characters, or "" */
    int http_status;                /* or 0 */
    char aws_code[64];              /* AWS's error code, or "" */
    char message[ERROR_MESSAGE_MAX]; /* lower case, no final stop, never a secret */
    char help[ERROR_HELP_MAX];      /* how to mend it: the next thing to type where there is one; or "" */
};

/* Fills error and returns false, so that a function can `return error_set(...)`. Clears every other field. */
bool error_set(struct error *error, int exit_status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Sets the help text; returns false. */
bool error_help(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " before the message; returns false. */
bool error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
