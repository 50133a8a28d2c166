/*
 * HTTP requests over one libcurl multi handle: connections are kept alive, the number of requests in flight and the
 * size of each answer are bounded, TLS is verified. The standard proxy variables are honoured, except for loopback and
 * link-local addresses.
 *
 *     struct http *http = http_create(arena, ca_file);
 *     http_start(http, &exchange);
 *     while (!exchange.done) http_poll(http, 1000);
 *     http_finish(http, &exchange);
 *
 * http_poll() may be called again from code that runs between two polls (a lease renewal from a tick): an exchange
 * is finished in whichever call it happens to complete.
 */
#ifndef EXECUTOR_AWS_HTTP_H
#define EXECUTOR_AWS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/base/str.h"

struct arena;
struct http;
struct http_handle;

enum {
    HTTP_RESPONSE_MAX_BYTES = 64 * 1024 * 1024,
    HTTP_CONNECT_TIMEOUT_MS = 5000,
    HTTP_IN_FLIGHT_MAX = 256,
};

/* One request and its answer. It must stay in place while it is under way. */
struct http_exchange {
    /* the request: texts must live until done */
    const char *method; /* "POST" or "GET" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL at the end */
    struct str body;
    int64_t timeout_ms; /* for the whole exchange */
    bool secret;        /* the answer is wiped before its memory is given back */
    /* the answer */
    bool done;
    int status;              /* 0: there is none, error_text says why */
    bool maybe_sent;         /* without an answer: the server may have got the request */
    struct strbuf answer;    /* freed by http_finish() */
    int64_t date_s;          /* the Date header, since the epoch; -1 when absent or not a date */
    char crc32[16];          /* x-amz-crc32; "" when absent, as the other two */
    char retry_after[32];    /* x-amz-retry-after */
    char request_id[128];    /* x-amzn-RequestId */
    char error_text[256];
    struct http_handle *handle; /* of http.c */
};

/* ca_file: PEM file of certificate authorities instead of the system's; NULL: the system's. The handle's memory is the
 * arena's; http_destroy() frees what libcurl holds. */
struct http *http_create(struct arena *arena, const char *ca_file);
void http_destroy(struct http *http);
/* False when too many are in flight already: poll, then try again. */
bool http_start(struct http *http, struct http_exchange *exchange) MUST_CHECK;
/* Waits at most wait_ms for something to happen on any exchange, and moves all of them on. */
void http_poll(struct http *http, int64_t wait_ms);
/* Frees the answer's body; cancels an exchange that is under way. */
void http_finish(struct http *http, struct http_exchange *exchange);

#endif
