/*
 * Where a service is, and in which region: the plan's fields first, then AWS_ENDPOINT_URL_SERVICE, AWS_ENDPOINT_URL, the
 * profile's [services] section, its endpoint_url, and last the service's own address. Pure but for the environment that
 * is passed in.
 */
#ifndef EXECUTOR_AWS_ENDPOINT_H
#define EXECUTOR_AWS_ENDPOINT_H

#include "executor/aws/profile.h"

struct aws_endpoint {
    const char *url;       /* "https://dynamodb.us-east-1.amazonaws.com/", always with a path */
    const char *authority; /* as in the Host header: the port only where it is not the scheme's own */
    const char *path;      /* "/" */
    const char *origin;    /* what named it: "the plan", "AWS_ENDPOINT_URL", …, for messages */
    bool custom;           /* not an address of AWS's: an account and its region say nothing there */
};

/* plan_region: the plan's, resolved; NULL when it has none. Region names are checked: they become part of a host name. */
bool aws_region_resolve(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    const char *plan_region, const char **out, struct error *error) MUST_CHECK;
/* service_id: upper case, as in the variable's name ("DYNAMODB"). host: the service's name in its address. plan_endpoint
 * may be NULL. */
bool aws_endpoint_resolve(struct arena *arena, const struct driver_env *env, const struct aws_profile *profile,
    const char *service_id, const char *host, const char *region, const char *plan_endpoint, struct aws_endpoint *out,
    struct error *error) MUST_CHECK;

#endif
