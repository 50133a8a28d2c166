/*
 * AWS Signature Version 4, by header and by query string:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. Pure: no I/O, the time is an argument.
 *
 * Every intermediate text is given back, so that a conformance test can say which step is wrong. The path is encoded
 * once more than it stands in the request, as every service but S3 wants.
 */
#ifndef EXECUTOR_AWS_SIGV4_H
#define EXECUTOR_AWS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/str.h"

struct arena;

struct sigv4_header {
    struct str name;
    struct str value; /* may be folded over several lines */
};

struct sigv4_request {
    struct str method;
    struct str path;  /* as in the request line, without the query */
    struct str query; /* as in the request line, without the '?' */
    const struct sigv4_header *headers; /* all of them are signed; Host has to be among them */
    size_t header_count;
    struct str body;
};

struct sigv4_scope {
    struct str access_key;
    struct str secret_key;
    struct str session_token; /* "": none */
    struct str region;
    struct str service;       /* signing name: "dynamodb" */
    int64_t time_s;           /* since the epoch */
    bool keep_path;           /* do not normalise dots and double slashes away */
    bool sign_body;           /* send and sign x-amz-content-sha256 (header form) */
    bool unsigned_token;      /* the token is added after signing */
    int64_t expires_s;        /* query form only */
};

struct sigv4_result {
    struct str canonical_request;
    struct str string_to_sign;
    char signature[65];
    /* Header form: the headers to add, in this order: X-Amz-Security-Token, X-Amz-Date, x-amz-content-sha256,
     * Authorization, those that apply. */
    struct sigv4_header added[4];
    size_t added_count;
    struct str query; /* query form: the whole query string, with the signature */
};

void sigv4_sign_headers(struct arena *arena, const struct sigv4_request *request, const struct sigv4_scope *scope,
    struct sigv4_result *out);
void sigv4_sign_query(struct arena *arena, const struct sigv4_request *request, const struct sigv4_scope *scope,
    struct sigv4_result *out);
/* RFC 3986: everything but A-Z a-z 0-9 - . _ ~ as %XX; '/' stays where keep_slash. */
void sigv4_append_encoded(struct strbuf *out, struct str text, bool keep_slash);

#endif
