#include "spec/duration.h"

#include <inttypes.h>

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

bool duration_parse(struct str text, int64_t *ms)
{
    size_t digits = 0;
    uint64_t number;

    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (!str_to_u64((struct str){text.data, digits}, &number))
        return false;
    for (size_t i = 0; i < UNIT_COUNT; i++)
        if (str_is((struct str){text.data + digits, text.len - digits}, units[i].name)) {
            if (number > (uint64_t)(INT64_MAX / units[i].ms))
                return false;
            *ms = (int64_t)number * units[i].ms;
            return true;
        }
    return false;
}

void duration_print(struct strbuf *out, int64_t ms)
{
    size_t i = 0;

    while (ms == 0 ? i < UNIT_COUNT - 2 : ms % units[i].ms != 0)
        i++;
    strbuf_printf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
}

/* With one decimal below ten units. */
static void print_scaled(struct strbuf *out, int64_t ms, int64_t unit_ms, const char *name)
{
    int64_t tenths = (ms / (unit_ms / 10) + (ms % (unit_ms / 10) >= unit_ms / 20));

    if (tenths < 100 && tenths % 10)
        strbuf_printf(out, "%" PRId64 ".%" PRId64 " %s", tenths / 10, tenths % 10, name);
    else
        strbuf_printf(out, "%" PRId64 " %s", (tenths + 5) / 10, name);
}

void duration_print_rough(struct strbuf *out, int64_t ms)
{
    if (ms < 1000)
        strbuf_printf(out, "%" PRId64 " ms", ms);
    else if (ms < INT64_C(120000))
        print_scaled(out, ms, 1000, "s");
    else if (ms < INT64_C(7200000))
        print_scaled(out, ms, 60000, "min");
    else
        print_scaled(out, ms, 3600000, "h");
}
