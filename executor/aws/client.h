/*
 * Calls to AWS services: signed, retried, their answers checked and parsed, their errors classified.
 *
 * One call after the other:
 *     if (!aws_call_wait(client, &call)) … call.error
 * Many at once:
 *     aws_call_start(client, &a); aws_call_start(client, &b);
 *     while (!a.done || !b.done) aws_client_poll(client, 1000);
 *
 * aws_client_poll() is the only place where time passes: it moves every call on, waits out the delays of retries, and
 * calls env->tick about twice a second. A tick may make calls of its own with the same client (a lease renewal).
 */
#ifndef EXECUTOR_AWS_CLIENT_H
#define EXECUTOR_AWS_CLIENT_H

#include "executor/aws/credentials.h"
#include "executor/aws/endpoint.h"
#include "executor/aws/http.h"
#include "executor/aws/retry.h"
#include "executor/aws/xml.h"
#include "executor/driver.h"

enum aws_protocol {
    AWS_PROTOCOL_JSON,  /* awsJson1.0 and 1.1: X-Amz-Target, JSON both ways */
    AWS_PROTOCOL_QUERY, /* form parameters, an XML answer */
};

struct aws_service {
    const char *name;         /* for people: "DynamoDB" */
    const char *id;           /* in AWS_ENDPOINT_URL_<id> */
    const char *host;         /* in its address, and its signing name */
    bool secret;              /* its answers are wiped before their memory is given back */
    enum aws_protocol protocol;
    const char *content_type;
    const char *target;       /* JSON: prefix of X-Amz-Target; query: the Version parameter */
    const struct aws_retry_policy *retry;
};

extern const struct aws_service AWS_SERVICE_DYNAMODB;
extern const struct aws_service AWS_SERVICE_STS;
extern const struct aws_service AWS_SERVICE_SECRETS_MANAGER;

struct aws_client;

enum { AWS_CALL_TIMEOUT_MS = 30000, AWS_IN_FLIGHT_MAX = 128 };

/* One call. It must stay in place from aws_call_start() until done; body must live as long. */
struct aws_call {
    const struct aws_service *service;
    const char *action;       /* "DescribeTable" */
    struct str body;          /* JSON text, or the form's further parameters ("A=1&B=2") */
    struct arena *arena;      /* of the answer */
    /* the answer */
    bool done;
    bool ok;
    const struct json *json;    /* AWS_PROTOCOL_JSON; also of an error, where it had a body */
    const struct xml_node *xml; /* AWS_PROTOCOL_QUERY */
    struct error error;         /* when not ok; aws_code, http_status, retryable and outcome_unknown are set */
    int attempts;
    bool repeated;              /* an earlier attempt got no answer: it may have had its effect */
    /* of client.c */
    struct aws_call *next;
    struct http_exchange exchange;
    struct arena scratch;
    int64_t start_at_ms;
    bool flying;
    bool renewed;             /* other credentials were fetched for it */
    enum aws_retry_kind last_kind;
};

struct aws_client_options {
    const char *region;   /* of the plan, resolved; NULL: none */
    const char *endpoint; /* of the plan, for DynamoDB alone; NULL: none */
    struct aws_credential_source *source; /* outlives the client; NULL: the one that environment and profile name */
    bool unsigned_calls;  /* no credentials at all */
};

/* Loads the profile and decides where credentials come from; touches no network. env outlives the client, which lives in
 * the arena. */
bool aws_client_create(struct arena *arena, const struct driver_env *env, const struct aws_client_options *options,
    struct aws_client **out, struct error *error) MUST_CHECK;
void aws_client_destroy(struct aws_client *client); /* cancels what is under way, wipes the credentials */

const char *aws_client_region(const struct aws_client *client);
/* The endpoint of a service as it will be called. */
bool aws_client_endpoint(struct aws_client *client, const struct aws_service *service, struct aws_endpoint *out,
    struct error *error) MUST_CHECK;
/* Milliseconds since the epoch by AWS's clock, as far as it is known. */
int64_t aws_client_wall_ms(const struct aws_client *client);

void aws_call_start(struct aws_client *client, struct aws_call *call);
void aws_client_poll(struct aws_client *client, int64_t wait_ms);
/* Starts, and polls until done. Returns ok. */
bool aws_call_wait(struct aws_client *client, struct aws_call *call);
/* Forgets a call that is not done. The server may carry it out all the same. */
void aws_call_cancel(struct aws_client *client, struct aws_call *call);

/* Sleeps with tick, in slices, until ms have passed or the run is to stop. */
void aws_client_sleep(struct aws_client *client, int64_t ms);

/*
 * Appends a JSON text made from a template in which ' stands for ":
 *     aws_format(&body, "{'TableName':%s,'Limit':%i}", table, (int64_t)1)
 * %s: const char *, as a JSON string; %S: const struct str *, as a JSON string; %j: const struct json *;
 * %i: int64_t; %N: int64_t as a JSON string; %r: const char *, as it stands; %%.
 */
void aws_format(struct strbuf *out, const char *template, ...);

/* Public for tests: AWS's error in a struct error with exit status and help. */
void aws_error_fill(struct error *error, const struct aws_service *service, const char *action, const char *code,
    int http_status, const char *message);

#endif
