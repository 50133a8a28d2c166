/* Functions on optionals, as far as they are no macros. */
#include <math.h>

#include "spec/cel/function.h"

static bool is_zero(const struct cel_value *value)
{
    switch (value->kind) {
    case CEL_NULL:
        return true;
    case CEL_BOOL:
        return !value->as.boolean;
    case CEL_INT:
        return value->as.integer == 0;
    case CEL_UINT:
        return value->as.uinteger == 0;
    case CEL_DOUBLE:
        return value->as.real == 0;
    case CEL_DECIMAL:
        return cel_equal(value, &(struct cel_value){.kind = CEL_INT});
    case CEL_STRING:
    case CEL_BYTES:
        return value->as.text.len == 0;
    case CEL_LIST:
        return value->as.list.count == 0;
    case CEL_MAP:
        return value->as.map.count == 0;
    case CEL_DURATION:
        return value->as.time.seconds == 0 && value->as.time.nanos == 0;
    case CEL_OPTIONAL:
        return !value->as.inner;
    case CEL_TIMESTAMP:
    case CEL_TYPE:
        return false;
    }
    return false;
}

bool cel_optional_of(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    *out = cel_make_optional(run, &args[0]);
    return true;
}

bool cel_optional_of_non_zero(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    *out = cel_make_optional(run, is_zero(&args[0]) ? NULL : &args[0]);
    return true;
}

bool cel_optional_none(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)args;
    (void)count;
    *out = cel_make_optional(run, NULL);
    return true;
}

bool cel_optional_has_value(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)run;
    (void)count;
    *out = cel_make_bool(args[0].as.inner);
    return true;
}

bool cel_optional_value(struct cel_run *run, const struct cel_value *args, size_t count, struct cel_value *out)
{
    (void)count;
    if (!args[0].as.inner) {
        cel_fail(run, "the optional is empty");
        return cel_fail_help(run, "use orValue(default)");
    }
    *out = *args[0].as.inner;
    return true;
}
