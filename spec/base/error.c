#include "spec/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, int exit_status, const char *format, ...)
{
    va_list ap;

    memset(error, 0, sizeof(*error));
    error->exit_status = exit_status;
    va_start(ap, format);
    vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    return false;
}

bool error_help(struct error *error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(error->help, sizeof(error->help), format, ap);
    va_end(ap);
    return false;
}

bool error_wrap(struct error *error, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    size_t used;
    va_list ap;

    memcpy(message, error->message, sizeof(message));
    va_start(ap, format);
    vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    used = strlen(error->message);
    snprintf(error->message + used, sizeof(error->message) - used, ": %s", message);
    return false;
}
