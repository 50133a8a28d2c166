#include "spec/cel/ast.h"

#include <stdarg.h>
#include <stdio.h>

bool cel_error_at(struct cel_error *error, size_t start, size_t end, const char *format, ...)
{
    va_list ap;

    error->start = start;
    error->end = end;
    error->help[0] = '\0';
    va_start(ap, format);
    vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    return false;
}

bool cel_error_help(struct cel_error *error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(error->help, sizeof(error->help), format, ap);
    va_end(ap);
    return false;
}

const char *cel_operator_text(enum cel_operator op)
{
    static const char *const texts[] = {
        [CEL_OPERATOR_EQUAL] = "==",
        [CEL_OPERATOR_NOT_EQUAL] = "!=",
        [CEL_OPERATOR_LESS] = "<",
        [CEL_OPERATOR_LESS_EQUAL] = "<=",
        [CEL_OPERATOR_GREATER] = ">",
        [CEL_OPERATOR_GREATER_EQUAL] = ">=",
        [CEL_OPERATOR_IN] = "in",
        [CEL_OPERATOR_ADD] = "+",
        [CEL_OPERATOR_SUBTRACT] = "-",
        [CEL_OPERATOR_MULTIPLY] = "*",
        [CEL_OPERATOR_DIVIDE] = "/",
        [CEL_OPERATOR_REMAINDER] = "%",
    };

    return texts[op];
}
