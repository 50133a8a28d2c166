/* AWS's error codes, as what they mean to the person who has to mend them. */
#include <stdio.h>
#include <string.h>

#include "executor/aws/client.h"
#include "spec/exit.h"

struct meaning {
    const char *code;
    int exit_status;
    const char *help;
};

static const char help_keys[] = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile that AWS_PROFILE names";
static const char help_expired[] = "log in again: the session token has a limited life";
static const char help_rights[] = "add the named action for this resource to the role's policy";
static const char help_clock[] = "set this machine's clock: signatures are valid for five minutes only";

static const struct meaning meanings[] = {
    {"UnrecognizedClientException", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"InvalidClientTokenId", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"InvalidAccessKeyId", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"InvalidSignatureException", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"SignatureDoesNotMatch", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"IncompleteSignature", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"IncompleteSignatureException", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"MissingAuthenticationToken", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"MissingAuthenticationTokenException", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"AuthFailure", EXIT_STATUS_AUTHENTICATION, help_keys},
    {"ExpiredToken", EXIT_STATUS_AUTHENTICATION, help_expired},
    {"ExpiredTokenException", EXIT_STATUS_AUTHENTICATION, help_expired},
    {"RequestExpired", EXIT_STATUS_AUTHENTICATION, help_clock},
    {"RequestTimeTooSkewed", EXIT_STATUS_AUTHENTICATION, help_clock},
    {"RequestInTheFuture", EXIT_STATUS_AUTHENTICATION, help_clock},
    {"AccessDenied", EXIT_STATUS_PERMISSION, help_rights},
    {"AccessDeniedException", EXIT_STATUS_PERMISSION, help_rights},
    {"UnauthorizedOperation", EXIT_STATUS_PERMISSION, help_rights},
    {"OptInRequired", EXIT_STATUS_PERMISSION, "enable the service for this account"},
    {"UnknownOperationException", EXIT_STATUS_UNSUPPORTED, "the endpoint is not DynamoDB, or one that lacks this action"},
};

void aws_error_fill(struct error *error, const struct aws_service *service, const char *action, const char *code,
    int http_status, const char *message)
{
    enum aws_retry_kind kind = aws_retry_classify(code, http_status);

    error_set(error, EXIT_STATUS_HALTED, "%s %s: %s%s%s", service->name, action, *code ? code : "the answer",
        *message ? ": " : "", message);
    if (!*code && !*message)
        error_set(error, EXIT_STATUS_HALTED, "%s %s: the answer has HTTP status %d", service->name, action, http_status);
    error->http_status = http_status;
    snprintf(error->aws_code, sizeof(error->aws_code), "%s", code);
    error->retryable = kind == AWS_RETRY_KIND_THROTTLE || kind == AWS_RETRY_KIND_TRANSIENT;
    error->outcome_unknown = http_status >= 500;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (strcmp(meanings[i].code, code) == 0) {
            error->exit_status = meanings[i].exit_status;
            error_help(error, "%s", meanings[i].help);
        }
    }
}
