/*
 * Any JSON object {"schema":…,"later":…,"instance":…}: the schemas are compiled, the instance is validated against
 * them, and the later one is judged as compatible or not. Beyond not crashing and coming to an end: the verdict is the
 * same twice, and an error has its place.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/bug.h"
#include "spec/event/compat.h"
#include "spec/event/json_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct json_schema_error *error)
{
    if (!error->message[0] || (error->instance_pointer[0] && error->instance_pointer[0] != '/'))
        BUG("an error without a message or a place: '%s' at '%s'", error->message, error->instance_pointer);
}

static bool validate(struct arena *arena, const struct json *schema, const struct json *instance)
{
    struct json_schema_error error, again;
    struct json_schema *compiled;
    bool valid;

    if (!schema)
        return false;
    if (!json_schema_compile(arena, schema, NULL, NULL, &compiled, &error)) {
        check_error(&error);
        return false;
    }
    if (!instance)
        return true;
    valid = json_schema_validate(compiled, arena, instance, &error);
    if (valid != json_schema_validate(compiled, arena, instance, &again))
        BUG("one instance, two verdicts");
    if (!valid) {
        check_error(&error);
        if (strcmp(error.message, again.message) != 0)
            BUG("one instance, two errors: %s and %s", error.message, again.message);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct compat_report report = {0};
    struct json_error problem;
    const struct json *whole, *schema, *later;
    bool both;

    if (size > 20000)
        return 0;
    whole = json_read(&arena, (struct str){(const char *)data, size}, JSON_ALLOW_NUL, &problem);
    schema = json_get(whole, "schema");
    later = json_get(whole, "later");
    both = validate(&arena, schema, json_get(whole, "instance"));
    both = validate(&arena, later, json_get(whole, "instance")) && both;
    if (both) {
        compat_check_backward(&arena, schema, later, &report);
        for (size_t i = 0; i < report.findings.count; i++)
            if (!report.findings.items[i].message || !report.findings.items[i].rule)
                BUG("a finding without its rule");
    }
    arena_free(&arena);
    return 0;
}
