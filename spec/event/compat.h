/*
 * Compatibility of JSON Schema versions, by the content-model rules of the Confluent schema registry's JSON Schema
 * support (open, partially open and closed models), without its code.
 */
#ifndef SPEC_EVENT_COMPAT_H
#define SPEC_EVENT_COMPAT_H

#include <stdbool.h>

#include "spec/base/json.h"
#include "spec/base/vec.h"

enum compat_mode {
    COMPAT_NONE,
    COMPAT_BACKWARD,
    COMPAT_BACKWARD_TRANSITIVE,
    COMPAT_FORWARD,
    COMPAT_FORWARD_TRANSITIVE,
    COMPAT_FULL,
    COMPAT_FULL_TRANSITIVE,
};

struct compat_finding {
    const char *rule;        /* "property_added_to_open_model", … */
    const char *old_pointer; /* JSON pointers into the two schemas */
    const char *new_pointer;
    const char *message;
    const char *mend; /* the change that would mend it */
};

struct compat_report {
    VEC(struct compat_finding) findings;
};

/* Backward: every value valid under old_schema is valid under new_schema. Findings are added to report; true if none.
 */
bool compat_check_backward(
    struct arena *arena, const struct json *old_schema, const struct json *new_schema, struct compat_report *report);
bool compat_mode_from_name(struct str name, enum compat_mode *out); /* "backward", "full_transitive", … */

#endif
